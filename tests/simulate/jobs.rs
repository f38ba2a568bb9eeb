//! The app's jobs, and the deliveries to it.

use super::lives::{deliver, polls_of};
use super::*;

impl Simulation {
    pub fn step(&mut self) {
        let (taken, flights) = (self.life().taken.len(), self.life().flights.len());
        if taken + flights == 0 {
            return;
        }
        let index = self.random.usize(..taken + flights);
        let gates = (self.random.u8(..10) < 3).then(|| self.random.u32(0..6));
        let flight = if index < taken { self.board(index) } else { self.life().flights.remove(index - taken) };
        self.fly(flight, gates);
    }

    pub fn carry_one(&mut self) {
        if self.mail.is_empty() {
            return self.step();
        }
        if self.calm {
            // The first of one of the vendors.
            let from = if self.random.bool() { From::Slack } else { From::Zendesk };
            let index = self.mail.iter().position(|mail| mail.from == from).unwrap_or(0);
            return self.carry(index, false);
        }
        let index = self.random.usize(..self.mail.len());
        let mail = &self.mail[index];
        match self.random.u8(..10) {
            0 if mail.from == From::Zendesk || self.failures.get(&mail.parcel.id).copied().unwrap_or(0) < 2 => {
                let mail = self.mail.remove(index);
                self.say_log(format!("a parcel is lost: {}", shown(&mail)));
                self.settle(&mail, Receipt::Failed);
            }
            1 => self.carry(index, true),
            _ => self.carry(index, false),
        }
    }

    pub fn look_around(&mut self) {
        let now = self.now();
        let slack = self.house.slack.take_due().into_iter().map(|parcel| (From::Slack, parcel));
        let zendesk = self.house.zendesk.take_due().into_iter().map(|parcel| (From::Zendesk, parcel));
        self.mail.extend(slack.chain(zendesk).map(|(from, parcel)| Mail { from, parcel, since: now }));
        self.decisions();
        for job in self.life().engine.take() {
            self.last_job += 1;
            let id = self.last_job;
            self.life().taken.push((id, job));
        }
    }

    /// Notes which words are decided: what is taken from here on keeps their order.
    pub fn decisions(&mut self) {
        let Some(life) = &mut self.life else { return };
        if !self.worked {
            return;
        }
        let handling = |job: &Job| matches!(job, Job::Handle(_));
        if life.engine.report().events > 0
            || life.taken.iter().any(|(_, job)| handling(job))
            || life.flights.iter().any(|flight| handling(&flight.job))
        {
            return;
        }
        self.worked = false;
        let unread: Vec<&str> = self
            .words
            .iter()
            .filter(|word| word.side == Side::Zendesk && !word.stored)
            .map(|word| word.entry.as_str())
            .collect();
        if unread.is_empty() && self.talks.iter().all(|talk| talk.linked || talk.place.is_none()) {
            return self.decide(&BTreeSet::new());
        }
        let known = self.machine.known(&unread);
        for talk in &mut self.talks {
            talk.linked |= talk.place.as_ref().is_some_and(|(channel, ts)| known.contains(&format!("{channel} {ts}")));
        }
        self.decide(&known);
    }

    fn decide(&mut self, known: &BTreeSet<String>) {
        for word in self.words.iter_mut().filter(|word| word.decided.is_none()) {
            word.stored |= known.contains(&word.entry);
            if word.stored && self.talks[word.talk].linked {
                word.decided = Some(self.last_job);
            }
        }
    }

    pub fn board(&mut self, index: usize) -> Flight {
        let life = self.life();
        let (id, job) = life.taken.remove(index);
        let engine = life.engine.clone();
        let given = job.clone();
        Flight { id, job, future: Box::pin(async move { engine.run(given).await }) }
    }

    pub fn fly(&mut self, mut flight: Flight, gates: Option<u32>) {
        self.worked = true;
        self.poll_as(flight.id, gates);
        let shared = self.gates.clone();
        let done = self.machine.run(poll_fn(|cx| match flight.future.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if lock(&shared).held => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }));
        self.poll_as(0, None);
        if done {
            self.say_log(format!("job {} {:?}", flight.id, flight.job));
        } else {
            if gates != Some(0) {
                self.say_log(format!("job {} {:?} stands before a gate", flight.id, flight.job));
            }
            self.life().flights.push(flight);
        }
    }

    pub fn finish_flights(&mut self) {
        for flight in std::mem::take(&mut self.life().flights) {
            self.fly(flight, None);
        }
    }

    pub fn finish_jobs(&mut self) {
        self.finish_flights();
        while !self.life().taken.is_empty() {
            let flight = self.board(0);
            self.fly(flight, None);
        }
    }

    pub fn poll_as(&self, job: u64, left: Option<u32>) {
        let mut gates = lock(&self.gates);
        gates.current = job;
        gates.left = left;
        gates.held = false;
    }

    pub fn some_polls<T>(&mut self, future: &mut Pinned<T>, polls: u32) -> Option<T> {
        self.machine.run(poll_fn(polls_of(future, polls)))
    }

    pub fn carry(&mut self, index: usize, twice: bool) {
        self.worked = true;
        let mail = self.mail.remove(index);
        let router = self.house.router.clone();
        let receipt = self.machine.run(deliver(router.clone(), &mail.parcel));
        if twice {
            self.machine.run(deliver(router, &mail.parcel));
        }
        if matches!(receipt, Receipt::Answered { status: 200..=299, .. }) {
            let said = tokens(&String::from_utf8_lossy(&mail.parcel.body));
            for word in self.words.iter_mut().filter(|word| word.side == Side::Slack) {
                word.stored |= said.contains(&word.token);
            }
        }
        let times = if twice { "twice" } else { "once" };
        self.say_log(format!("carried {times}: {} -> {}", shown(&mail), answered(&receipt)));
        self.settle(&mail, receipt);
    }

    pub fn settle(&mut self, mail: &Mail, receipt: Receipt) {
        if mail.from == From::Slack && !matches!(receipt, Receipt::Answered { status: 200..=299, .. }) {
            *self.failures.entry(mail.parcel.id).or_default() += 1;
        }
        match mail.from {
            From::Slack => self.house.slack.settle(mail.parcel.id, receipt),
            From::Zendesk => self.house.zendesk.settle(mail.parcel.id, receipt),
        }
    }
}
