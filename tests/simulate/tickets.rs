//! What happens to tickets.

use super::*;

/// How many tickets there are to be merged into, at most.
const MOST_TICKETS: usize = 6;

/// Decides when tickets are merged, deleted and restored.
pub struct Ends {
    random: fastrand::Rng,
    /// What is deleted at present.
    deleted: Vec<i64>,
}

impl Ends {
    pub fn new(seed: u64) -> Ends {
        Ends { random: fastrand::Rng::with_seed(seed ^ 0x00e2_d500), deleted: Vec::new() }
    }
}

impl Simulation {
    /// A ticket closes; calls that follow it up fail; somebody answers by mail.
    pub fn ticket_moves(&mut self) {
        let Some(mut random) = self.closing.take() else { return };
        match random.u8(..50) {
            0..3 => self.ticket_closes(&mut random),
            3..6 => self.agent_mails(&mut random),
            6..9 if !self.calm => self.a_call_fails(&mut random),
            _ => {}
        }
        self.closing = Some(random);
    }

    /// One of the calls that let a thread go on elsewhere.
    fn a_call_fails(&mut self, random: &mut fastrand::Rng) {
        const CALLS: [&str; 4] = ["POST tickets", "POST …/side_conversations", "GET tickets/{id}", "GET …/events"];
        const FAULTS: [&str; 4] = ["dropped_before", "dropped_after", "error_after", "html"];
        let (call, fault) = (CALLS[random.usize(..CALLS.len())], FAULTS[random.usize(..FAULTS.len())]);
        let rule = json!({"call": call, "fault": fault, "times": random.u8(1..3)});
        self.say_log(format!("fault at Zendesk: {rule}"));
        self.house.zendesk.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
    }

    pub fn ticket_closes(&mut self, random: &mut fastrand::Rng) {
        let open: Vec<i64> = self
            .house
            .zendesk
            .tickets()
            .iter()
            .filter(|ticket| ticket["status"] != "closed")
            .filter_map(|ticket| ticket["id"].as_i64())
            .filter(|ticket| !self.house.zendesk.side_conversations(*ticket).is_empty())
            .collect();
        if open.is_empty() {
            return;
        }
        let ticket = open[random.usize(..open.len())];
        let change = TicketChange { status: Some("closed".into()), ..TicketChange::default() };
        assert!(self.house.zendesk.set_ticket(ticket, change));
        self.say_log(format!("ticket {ticket} closes"));
    }

    pub fn agent_mails(&mut self, random: &mut fastrand::Rng) {
        if self.talks.is_empty() {
            return;
        }
        let talk = random.usize(..self.talks.len());
        if self.is_hidden(talk) {
            return;
        }
        let token = self.token();
        let id = self.talks[talk].id.clone();
        let entry = self.house.zendesk.reply_by_mail("zoe@acme.example", &id, &format!("{token} by mail"));
        assert!(!entry.is_empty(), "Zendesk refused a mail");
        self.say_log(format!("an agent mails {token} in talk {talk}"));
        self.zendesk_word(token, talk, entry);
    }

    /// A ticket is merged into another, deleted or restored; somebody presses a button that lets a thread go on.
    pub fn ticket_ends(&mut self) {
        let Some(mut ends) = self.ends.take() else { return };
        match ends.random.u8(..25) {
            0..3 => self.ticket_is_merged(&mut ends.random),
            3..7 => self.somebody_continues(&mut ends.random),
            7..9 => {
                if let Some(ticket) = self.some_open_ticket(&mut ends.random) {
                    DELETED.fetch_add(1, Ordering::Relaxed);
                    self.delete(ticket, true);
                    ends.deleted.push(ticket);
                }
            }
            9..13 if !ends.deleted.is_empty() => {
                let ticket = ends.deleted.remove(ends.random.usize(..ends.deleted.len()));
                self.delete(ticket, false);
            }
            13..15 if !self.calm => self.a_call_fails(&mut ends.random),
            _ => {}
        }
        self.ends = Some(ends);
    }

    fn delete(&mut self, ticket: i64, deleted: bool) {
        let change = TicketChange { deleted: Some(deleted), ..TicketChange::default() };
        assert!(self.house.zendesk.set_ticket(ticket, change) || deleted);
        self.say_log(format!("ticket {ticket} is {}", if deleted { "deleted" } else { "restored" }));
        // As a webhook does that is subscribed to such events.
        if let Some(life) = &self.life {
            let engine = life.engine.clone();
            self.machine.run(engine.nudge(TicketId(ticket))).unwrap();
            self.worked = true;
        }
    }

    /// What is deleted is so no longer.
    pub fn restore_tickets(&mut self) {
        for ticket in self.ends.as_mut().map(|ends| std::mem::take(&mut ends.deleted)).unwrap_or_default() {
            self.delete(ticket, false);
        }
    }

    pub fn is_deleted(&self, ticket: i64) -> bool {
        self.ends.as_ref().is_some_and(|ends| ends.deleted.contains(&ticket))
    }

    pub fn deleted_tickets(&self) -> Vec<i64> {
        self.ends.as_ref().map(|ends| ends.deleted.clone()).unwrap_or_default()
    }

    /// Whether Zendesk shows nobody the side conversation that a talk began with.
    pub fn is_hidden(&self, talk: usize) -> bool {
        let id = &self.talks[talk].id;
        self.deleted_tickets()
            .into_iter()
            .any(|ticket| self.house.zendesk.side_conversations(ticket).iter().any(|side| side["id"] == id.as_str()))
    }

    fn open_tickets(&self) -> Vec<i64> {
        let tickets = self.house.zendesk.tickets();
        let open = tickets.iter().filter(|ticket| ticket["status"] != "closed");
        open.filter_map(|ticket| ticket["id"].as_i64()).filter(|ticket| !self.is_deleted(*ticket)).collect()
    }

    /// One that has side conversations.
    fn some_open_ticket(&mut self, random: &mut fastrand::Rng) -> Option<i64> {
        let mut open = self.open_tickets();
        open.retain(|ticket| !self.house.zendesk.side_conversations(*ticket).is_empty());
        (!open.is_empty()).then(|| open[random.usize(..open.len())])
    }

    fn ticket_is_merged(&mut self, random: &mut fastrand::Rng) {
        let Some(source) = self.some_open_ticket(random) else { return };
        let mut targets = self.open_tickets();
        targets.retain(|ticket| *ticket != source);
        let target = match targets.is_empty() || targets.len() < MOST_TICKETS && random.bool() {
            true => self.house.zendesk.add_ticket(TicketSpec {
                subject: "The same again".into(),
                requester_id: self.house.zoe,
                assignee_id: Some(self.house.yan),
                status: "open".into(),
                ..Default::default()
            }),
            false => targets[random.usize(..targets.len())],
        };
        assert!(self.house.zendesk.merge(self.house.zoe, source, target, None));
        MERGED.fetch_add(1, Ordering::Relaxed);
        self.say_log(format!("ticket {source} is merged into ticket {target}"));
    }

    /// The notices with a button that lets a thread go on: the channel and the message.
    fn proposals(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for channel in self.house.slack.channels() {
            let channel = channel["id"].as_str().unwrap().to_owned();
            for message in self.house.slack.messages(&channel) {
                if message["blocks"].to_string().contains("\"continue_on\"") {
                    found.push((channel.clone(), message["ts"].as_str().unwrap().to_owned()));
                }
            }
        }
        found
    }

    fn somebody_continues(&mut self, random: &mut fastrand::Rng) {
        let proposals = self.proposals();
        if proposals.is_empty() {
            return;
        }
        let (channel, ts) = &proposals[random.usize(..proposals.len())];
        let person = if random.bool() { &self.house.ana } else { &self.house.ben };
        let pressed = self.house.slack.press(person, channel, ts, "continue_on");
        self.say_log(format!("a person lets a thread go on, under {ts}: {pressed:?}"));
    }

    /// In the end every thread whose ticket was merged goes on. Says whether there was any.
    pub fn press_what_is_left(&mut self) -> bool {
        for round in 0..4 {
            let proposals = self.proposals();
            if proposals.is_empty() {
                return round > 0;
            }
            for (channel, ts) in &proposals {
                let pressed = self.house.slack.press(&self.house.ana, channel, ts, "continue_on");
                self.say_log(format!("a person lets a thread go on in the end, under {ts}: {pressed:?}"));
            }
            self.machine.run(self.house.settle());
        }
        true
    }
}
