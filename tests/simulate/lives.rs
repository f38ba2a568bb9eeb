//! How the app begins and ends, what disturbs it, and its database's copies.

use super::*;

impl Simulation {
    pub fn time_passes(&mut self) {
        let left = (START_MS + LONGEST_MS - self.now()).max(0) as u64;
        let by = match self.random.u8(..10) {
            0..3 => self.random.u64(100..1_000),
            3..7 => self.random.u64(1_000..6_000),
            _ => self.random.u64(6_000..30_000),
        };
        let by = by.min(left);
        if self.calm {
            self.finish_flights();
        }
        self.say_log(format!("{by} ms pass"));
        self.house.clock.advance(Duration::from_millis(by));
        // Whose time is up learns it while it stands before its gate.
        for flight in std::mem::take(&mut self.life().flights) {
            self.fly(flight, Some(0));
        }
    }

    pub fn fault(&mut self) {
        const SLACK: [&str; 7] = [
            "*",
            "chat.postMessage",
            "chat.postMessage",
            "chat.update",
            "conversations.replies",
            "conversations.history",
            "users.info",
        ];
        const ZENDESK: [&str; 8] = [
            "*",
            "POST …/reply",
            "POST …/reply",
            "PUT …/side_conversations/{id}",
            "GET …/events",
            "GET tickets/{id}/side_conversations",
            "GET side_conversations/events",
            "POST oauth/tokens",
        ];
        let slack = self.random.bool();
        let call =
            if slack { SLACK[self.random.usize(..SLACK.len())] } else { ZENDESK[self.random.usize(..ZENDESK.len())] };
        let mut rule = match self.random.u8(..12) {
            0 => json!({"fault": "status", "status": 500}),
            1 => json!({"fault": "status", "status": 503}),
            2 => json!({"fault": "dropped_before"}),
            3..5 => json!({"fault": "dropped_after"}),
            5 => json!({"fault": "html"}),
            6..8 => json!({"fault": "error_after"}),
            8 => json!({"fault": "rate_limited", "retry_after": self.random.u8(1..6)}),
            9 if call != "POST oauth/tokens" => json!({"fault": "token_revoked"}),
            _ => json!({"fault": "reads_lag", "secs": self.random.u8(1..6)}),
        };
        rule["call"] = if rule["fault"] == "reads_lag" { "*".into() } else { call.into() };
        rule["times"] = if rule["fault"] == "reads_lag" { self.random.u8(1..15) } else { self.random.u8(1..4) }.into();
        self.say_log(format!("fault at {}: {rule}", if slack { "Slack" } else { "Zendesk" }));
        let faults = if slack { self.house.slack.faults() } else { self.house.zendesk.faults() };
        faults.add(serde_json::from_value::<Rule>(rule).unwrap());
    }

    pub fn crash_somewhere(&mut self) {
        CRASHES.fetch_add(1, Ordering::Relaxed);
        // A whole process is new now and then, and where a delivery was in its hands, which has a task of its own.
        let restored = self.machine.has_a_copy() && self.random.bool();
        let whole = restored || self.random.u8(..4) == 0;
        match self.random.u8(..4) {
            // In the middle of a delivery to the app.
            0 if !self.mail.is_empty() => {
                let mail = self.mail.remove(self.random.usize(..self.mail.len()));
                let polls = self.random.u32(1..8);
                self.say_log(format!("a crash after {polls} polls of {}", shown(&mail)));
                let mut future: Pinned<_> = deliver(self.house.router.clone(), &mail.parcel);
                if let Some(receipt) = self.some_polls(&mut future, polls) {
                    self.settle(&mail, receipt);
                } else {
                    self.settle(&mail, Receipt::Failed);
                }
                self.end_life(true, future);
            }
            // In the middle of a job.
            1 | 2 if !self.life().taken.is_empty() => {
                let taken = self.life().taken.len();
                let index = self.random.usize(..taken);
                let mut flight = self.board(index);
                let polls = self.random.u32(1..16);
                self.say_log(format!("a crash after {polls} polls of {} {:?}", flight.id, flight.job));
                self.poll_as(flight.id, None);
                let _ = self.some_polls(&mut flight.future, polls);
                self.end_life(whole, flight.future);
            }
            _ => {
                self.say_log("a crash");
                self.end_life(whole, Box::pin(async {}));
            }
        }
        if restored {
            self.restore();
        }
        if self.random.u8(..4) == 0 {
            let polls = self.random.u32(1..12);
            self.say_log(format!("a start ends after {polls} polls"));
            let store = self.machine.store();
            let mut future: Pinned<_> = Box::pin(open(self.config.clone(), store, self.wires(), self.clock()));
            let _ = self.machine.run(poll_fn(polls_of(&mut future, polls)));
            self.end_rest(false, future);
        }
        self.begin_life();
    }

    pub fn back_up(&mut self) {
        self.say_log("the database is copied");
        self.machine.back_up();
    }

    /// Puts the copy back: what was decided and linked since is so no longer.
    pub fn restore(&mut self) {
        self.say_log("the copy is put back");
        self.machine.restore();
        RESTORED.fetch_add(1, Ordering::Relaxed);
        for word in &mut self.words {
            (word.stored, word.decided) = (false, None);
        }
        for talk in &mut self.talks {
            talk.linked = false;
        }
    }

    pub fn begin_life(&mut self) {
        self.worked = true;
        let store = self.machine.store();
        let opening = open(self.config.clone(), store, self.wires(), self.clock());
        let (app, engine) = self.machine.run(opening);
        self.house.router = app.router();
        self.life = Some(Life { app, engine, taken: Vec::new(), flights: Vec::new() });
    }

    /// The process ends with what it holds in its hands; `whole` if it takes its runtime and its database along.
    pub fn end_life<T: 'static>(&mut self, whole: bool, with: Pinned<T>) {
        let Life { app, engine, taken: _, flights } = self.life.take().expect("the app runs");
        self.house.router = Router::new();
        self.end_rest(whole, (with, app, engine, flights));
    }

    pub fn end_rest<T>(&mut self, whole: bool, rest: T) {
        if whole {
            let gentle = self.random.bool() || !self.machine.sees_the_end();
            return self.machine.end(gentle, rest);
        }
        let guard = self.machine.runtime().enter();
        drop(rest);
        drop(guard);
        self.machine.drain();
    }
}

pub async fn open(config: Config, store: Arc<Store>, wire: Arc<dyn Wire>, clock: Arc<dyn Clock>) -> (App, Arc<Engine>) {
    let app = App::new(config, store, wire, clock, 7);
    app.become_ready(&CancellationToken::new()).await.unwrap();
    let engine = app.engine().unwrap().clone();
    (app, engine)
}

pub fn deliver(router: Router, parcel: &Parcel) -> Pinned<Receipt> {
    let mut request = http::Request::post(format!("{BASE}{}", parcel.path));
    for (name, value) in &parcel.headers {
        request = request.header(name, value);
    }
    let request = request.body(Bytes::from(parcel.body.clone())).unwrap();
    Box::pin(async move {
        match house::call(&router, request).await {
            Ok(response) => Receipt::Answered {
                status: response.status().as_u16(),
                retry_after: None,
                body: response.body().to_vec(),
            },
            Err(_) => Receipt::Failed,
        }
    })
}

/// Polls so often and no more, each time when something has happened.
pub fn polls_of<T>(future: &mut Pinned<T>, polls: u32) -> impl FnMut(&mut std::task::Context<'_>) -> Poll<Option<T>> {
    let mut left = polls;
    move |cx| {
        left -= 1;
        if let Poll::Ready(done) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        if left == 0 { Poll::Ready(None) } else { Poll::Pending }
    }
}
