//! What people and agents do.

use super::*;

impl Simulation {
    pub fn person_speaks(&mut self) {
        let Some(talk) = self.some_talk(true) else { return self.agent_asks() };
        let Some((channel, ts)) = self.place(talk) else { return self.step() };
        let token = self.token();
        let person = if self.random.bool() { &self.house.ana } else { &self.house.ben };
        let said = self.house.slack.say(person, &channel, Some(&ts), &format!("{token} from Slack")).unwrap();
        self.say_log(format!("a person says {token} in talk {talk} at {said}"));
        let at = said.parse::<Ts>().unwrap().micros();
        self.words.push(word(token, Side::Slack, talk, at, String::new()));
    }

    pub fn agent_replies(&mut self) {
        let Some(talk) = self.some_talk(false) else { return self.agent_asks() };
        if self.is_hidden(talk) {
            return self.step();
        }
        let token = self.token();
        let agent = if self.random.bool() { self.house.zoe } else { self.house.yan };
        let id = self.talks[talk].id.clone();
        let entry = self.house.zendesk.reply(agent, &id, &format!("<p>{token} from Zendesk</p>"));
        assert!(!entry.is_empty(), "Zendesk refused a reply");
        self.say_log(format!("an agent says {token} in talk {talk}"));
        self.zendesk_word(token, talk, entry);
    }

    pub fn agent_asks(&mut self) {
        if self.talks.len() >= self.most_talks {
            return self.step();
        }
        let token = self.token();
        let bridged = self.talks.len() != 2;
        let (name, _) = self.channels[self.random.usize(..self.channels.len())].clone();
        let to = if bridged { format!("{name}@slack.acme.example") } else { "boss@elsewhere.example".to_owned() };
        let ticket = self.tickets[self.random.usize(..self.tickets.len())];
        if self.is_deleted(ticket) {
            return self.step();
        }
        let agent = if self.random.bool() { self.house.zoe } else { self.house.yan };
        let html = format!("<p>{token} asks</p>");
        let id = self.house.zendesk.start_side_conversation(agent, ticket, &[&to], "Help", &html);
        assert!(!id.is_empty(), "Zendesk refused a side conversation");
        let talk = self.talks.len();
        self.say_log(format!("an agent asks {to} {token} on ticket {ticket}: talk {talk} is {id}"));
        let entry = self.house.zendesk.events(&id)[0]["id"].as_str().unwrap().to_owned();
        self.talks.push(Talk { id, bridged, place: None, linked: false });
        self.zendesk_word(token, talk, entry);
    }

    pub fn agent_changes_state(&mut self) {
        let Some(talk) = self.some_talk(false).filter(|talk| !self.is_hidden(*talk)) else { return self.step() };
        let id = self.talks[talk].id.clone();
        let state = if self.house.state(&id) == "open" { "closed" } else { "open" };
        self.house.zendesk.set_state(self.house.zoe, &id, state);
        self.say_log(format!("an agent makes talk {talk} {state}"));
    }

    pub fn person_presses(&mut self) {
        let Some(talk) = self.some_talk(true) else { return self.step() };
        let Some((channel, ts)) = self.place(talk) else { return self.step() };
        let action = if self.random.bool() { "mark_done" } else { "reopen" };
        let pressed = self.house.slack.press(&self.house.ana, &channel, &ts, action);
        self.say_log(format!("a person presses {action} in talk {talk}: {pressed:?}"));
    }

    pub fn somebody_speaks_elsewhere(&mut self) {
        let token = self.token();
        let (channel, ts) = self.bystander.clone();
        let thread = self.random.bool().then_some(ts.as_str());
        self.house.slack.say(&self.house.ben, &channel, thread, &format!("{token} elsewhere")).unwrap();
        self.say_log(format!("somebody says {token} elsewhere"));
        self.words.push(word(token, Side::Elsewhere, 0, 0, String::new()));
    }
}
