//! Seeded schedules over the whole app: people and agents talk while deliveries come late, twice, out of order or
//! not at all, calls fail before and after they were done, reads lag, tickets close, the process ends anywhere, and an
//! earlier copy of its database is put back. In the end every word that was said in a bridged thread stands exactly once
//! on the other side, and nothing else does.
//!
//! One seed decides everything. Jobs run one after the other, each up to a gate: a place before or after one of its
//! calls where it can be left while others run. A crash drops the app wherever it is; the database stays open then, but
//! for a quarter of the crashes, which take the runtime along and open it anew. The only thing that a seed does not
//! decide is how far SQLite's thread is when such a one cuts a job off in the middle.
//!
//! Most seeds are short, 8 to 24 moves, so that many begin differently; each 50th has 60 to 150.
//!
//! `SEED=7 cargo test --test simulate one_seed` runs one seed again. Many run faster with code that is optimised:
//! `SEEDS=5000 FIRST=1000 cargo test --profile simulation --test simulate seeds`. Seeds that failed once are kept in
//! `simulate/seeds.txt` and run first.

#[allow(dead_code)]
#[path = "it/house.rs"]
mod house;
#[path = "simulate/machine.rs"]
mod machine;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use house::{BASE, House, START_MS, Setup};
use machine::Machine;
use serde_json::json;
use sidethread::bridge::ids::{ChannelId, Ts};
use sidethread::cli::app::App;
use sidethread::config::Config;
use sidethread::engine::Engine;
use sidethread::engine::clock::Clock;
use sidethread::engine::queue::Job;
use sidethread::sandbox::faults::Rule;
use sidethread::sandbox::post::{Parcel, Receipt, Sender};
use sidethread::sandbox::slack::{ChannelSpec, Quirks};
use sidethread::sandbox::zendesk::{ReplyOnClosed, TicketChange, TicketSpec, Unconfirmed};
use sidethread::store::Store;
use sidethread::wire::{Wire, WireError};
use tokio_util::sync::CancellationToken;

const KEPT: &str = include_str!("simulate/seeds.txt");
/// How many calls carried several messages, over all seeds.
static BUNDLES: AtomicU64 = AtomicU64::new(0);
/// How often an earlier copy of the database was put back, over all seeds.
static RESTORED: AtomicU64 = AtomicU64::new(0);
/// How many moves were made, and how many of them were crashes, over all seeds.
static MOVES: AtomicU64 = AtomicU64::new(0);
static CRASHES: AtomicU64 = AtomicU64::new(0);
/// How many seeds run where the environment does not say.
const SEEDS: u64 = 150;
/// How long all that happens may take together: a message is held ten minutes for its card.
const LONGEST_MS: i64 = 7 * 60 * 1000;
/// In the end two whole rounds of catch-up pass: past the windows in which reads lag, and then in steps in which each of
/// Slack's methods may be called once.
const ROUNDS: u32 = 2;
const UNTIL_A_ROUND: Duration = Duration::from_secs(310);
const STEPS: (u32, Duration) = (12, Duration::from_secs(3));
const ZENDESK_CONFIG: &str = "poll_interval_secs = 20";
/// In a third of the seeds the vendors' limits are so narrow that what waits travels together.
const NARROW_SLACK: &str = "posts_per_second_per_channel = 0.2";
const NARROW_ZENDESK: &str = "poll_interval_secs = 20\n side_conversation_writes_per_10_min = 4";
const BRIDGE_CONFIG: &str = r#"
    slack_read_lag_secs = 7
    zendesk_read_lag_secs = 7
    retry_schedule = ["1s", "1s", "2s", "2s", "3s", "3s", "4s", "4s", "5s", "5s", "5s", "5s", "5s", "5s", "5s", "5s",
        "5s", "5s", "5s", "5s", "5s", "5s", "5s", "5s", "5s", "5s", "5s", "5s", "5s", "5s"]
"#;

#[test]
fn one_seed() {
    if let Ok(seed) = std::env::var("SEED") {
        run(seed.parse().expect("SEED is a number"), &mut None, true);
    }
}

#[test]
fn seeds() {
    if std::env::var("SEED").is_ok() {
        return;
    }
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    let first = number("FIRST", 0);
    let count = number("SEEDS", SEEDS);
    let kept = KEPT.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok());
    let began = Instant::now();
    let waiting = Mutex::new(kept.chain(first..first + count));
    let ran = AtomicU64::new(0);
    let failed = Mutex::new(Vec::new());
    let work = || {
        let mut idle = None;
        // A few are enough to see what they have in common.
        while failed.lock().unwrap().len() < 5 {
            let Some(seed) = waiting.lock().unwrap().next() else { return };
            ran.fetch_add(1, Ordering::Relaxed);
            if !run(seed, &mut idle, false) {
                failed.lock().unwrap().push(seed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |threads| threads.get().min(4)) {
            scope.spawn(work);
        }
    });
    let (ran, failed) = (ran.into_inner(), failed.into_inner().unwrap());
    let secs = began.elapsed().as_secs_f64();
    let [bundles, moves, crashes, restored] =
        [&BUNDLES, &MOVES, &CRASHES, &RESTORED].map(|count| count.load(Ordering::Relaxed));
    println!(
        "{ran} seeds in {secs:.1} s, {:.1} a second: {moves} moves, {crashes} crashes, {restored} copies put back, {bundles} \
         calls that carried several messages",
        ran as f64 / secs
    );
    assert!(bundles > 0 || ran < 30, "no messages ever travelled together");
    assert!(failed.is_empty(), "these seeds fail: {failed:?}");
}

/// Runs a seed, on the machine of the one before it; false, and everything that happened printed, if it fails.
fn run(seed: u64, idle: &mut Option<Machine>, assert: bool) -> bool {
    let log: Log = Arc::default();
    let used = idle.take().unwrap_or_else(Machine::new);
    let result = catch_unwind(AssertUnwindSafe(|| Simulation::new(seed, log.clone(), used).run()));
    let result = result.map(|(result, machine)| {
        *idle = Some(machine);
        result
    });
    let problem = match result {
        Ok(Ok(())) => return true,
        Ok(Err(problem)) => problem,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            format!("a panic: {}", text.unwrap_or_default())
        }
    };
    let moves = log.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).join("\n");
    println!("{moves}\n\nSEED={seed} fails: {problem}\n");
    assert!(!assert, "SEED={seed} fails: {problem}");
    false
}

type Log = Arc<Mutex<Vec<String>>>;
type Pinned<T> = Pin<Box<dyn Future<Output = T>>>;

/// Lets one job at a time through to the vendors, and only so far.
#[derive(Default)]
struct Gates {
    /// The job that is polled; 0 for none.
    current: u64,
    /// How many more gates it may pass; without it, all.
    left: Option<u32>,
    /// Whether it stands before a gate.
    held: bool,
    /// Which job first carried a text to the other side.
    carried_by: BTreeMap<String, u64>,
}

struct Wires {
    slack: Router,
    zendesk: Router,
    gates: Arc<Mutex<Gates>>,
}

impl Wires {
    async fn gate(&self) {
        poll_fn(|_| {
            let mut gates = lock(&self.gates);
            match &mut gates.left {
                Some(0) => {
                    gates.held = true;
                    Poll::Pending
                }
                Some(left) => {
                    *left -= 1;
                    Poll::Ready(())
                }
                None => Poll::Ready(()),
            }
        })
        .await;
    }
}

#[async_trait]
impl Wire for Wires {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        let path = request.uri().path();
        // A token is asked for while all other calls wait for it.
        let gated = !path.contains("/oauth/");
        if path.ends_with("/reply") || path.ends_with("/side_conversations") || path.ends_with("chat.postMessage") {
            let mut gates = lock(&self.gates);
            let job = gates.current;
            for token in tokens(&String::from_utf8_lossy(request.body())) {
                gates.carried_by.entry(token).or_insert(job);
            }
        }
        let router = if path.starts_with("/slack") { &self.slack } else { &self.zendesk };
        if gated {
            self.gate().await;
        }
        let response = house::call(router, request).await;
        if gated {
            self.gate().await;
        }
        response
    }
}

/// A job that stands before a gate.
struct Flight {
    id: u64,
    job: Job,
    future: Pinned<()>,
}

/// One life of the app.
struct Life {
    app: App,
    engine: Arc<Engine>,
    /// Taken and not begun, with the job's id.
    taken: Vec<(u64, Job)>,
    flights: Vec<Flight>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Slack,
    Zendesk,
    /// Said where nothing is bridged.
    Elsewhere,
}

struct Talk {
    id: String,
    bridged: bool,
    place: Option<(String, String)>,
    linked: bool,
}

/// Something that somebody said.
struct Word {
    token: String,
    side: Side,
    talk: usize,
    /// Its place in time, as the app reads it.
    at: i64,
    /// The side conversation's event.
    entry: String,
    /// The app has answered 200 to its delivery, or stored its event.
    stored: bool,
    /// The job of this number and later ones began when it was decided what becomes of it.
    decided: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Slack,
    Zendesk,
}

struct Mail {
    from: From,
    parcel: Parcel,
    since: i64,
}

struct Simulation {
    random: fastrand::Rng,
    log: Log,
    house: House,
    config: String,
    machine: Machine,
    gates: Arc<Mutex<Gates>>,
    life: Option<Life>,
    /// More happens in it than in most.
    long: bool,
    /// No faults, no crashes, and deliveries in order: then everything else is in order too.
    calm: bool,
    channels: Vec<(String, String)>,
    tickets: Vec<i64>,
    talks: Vec<Talk>,
    most_talks: usize,
    words: Vec<Word>,
    mail: Vec<Mail>,
    /// How often a parcel of Slack was refused: after the fourth time it is lost.
    failures: BTreeMap<u64, u32>,
    last_job: u64,
    /// Whether the app has done anything since it was last asked what it knows.
    worked: bool,
    /// A message in a channel that is no card.
    bystander: (String, String),
    /// Decides when tickets close, in a third of the seeds; of its own, so that all else stays what it was.
    closing: Option<fastrand::Rng>,
}

impl Simulation {
    fn new(seed: u64, log: Log, mut machine: Machine) -> Simulation {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut unconfirmed = Unconfirmed::default();
        let switches: [&mut bool; 8] = [
            &mut unconfirmed.external_ids_echoed,
            &mut unconfirmed.reply_reopens,
            &mut unconfirmed.reply_answer_has_event,
            &mut unconfirmed.via_of_api,
            &mut unconfirmed.api_fires_trigger,
            &mut unconfirmed.young_start_time_refused,
            &mut unconfirmed.inclusive_end_time,
            &mut unconfirmed.feed_always_has_next_page,
        ];
        for switch in switches {
            *switch ^= random.u8(..4) == 0;
        }
        if random.bool() {
            unconfirmed.reply_status = 201;
        }
        let mut closing = seed.is_multiple_of(3).then(|| fastrand::Rng::with_seed(seed ^ 0xc105_ed00));
        if let Some(closing) = &mut closing {
            unconfirmed.follow_up_keeps_ids = closing.bool();
            unconfirmed.reply_on_closed = match closing.u8(..3) {
                0 => ReplyOnClosed::Accepted,
                1 => ReplyOnClosed::Refused(422),
                _ => ReplyOnClosed::FollowUp,
            };
        }
        let quirks = Quirks {
            containers_lack_threads: random.u8(..4) == 0,
            pages_are_short: random.u8(..4) == 0,
            envelopes_are_old: random.u8(..4) == 0,
            ..Quirks::default()
        };
        let calm = random.u8(..4) == 0;
        let narrow = seed.is_multiple_of(3);
        note(&log, format!("calm: {calm}, narrow: {narrow}, {unconfirmed:?}, {quirks:?}"));
        let (slack, config) = if narrow { (NARROW_SLACK, NARROW_ZENDESK) } else { ("", ZENDESK_CONFIG) };
        let setup = Setup { unconfirmed, config, slack, routes: BRIDGE_CONFIG, admin: true, limits: narrow };
        let house = House::without_the_app(setup);
        house.clock.advance(Duration::from_secs(1));
        house.slack.set_quirks(quirks);
        let mut channels = vec![("engineering".to_owned(), house.engineering.clone())];
        for name in ["support", "warehouse"].into_iter().take(random.usize(1..=2)) {
            let members = vec![house.ana.clone(), house.ben.clone()];
            let spec = ChannelSpec { name: name.into(), members, ..Default::default() };
            channels.push((name.to_owned(), house.slack.add_channel(spec)));
        }
        let other = house.zendesk.add_ticket(TicketSpec {
            subject: "Wrong size".into(),
            description: "Too small".into(),
            requester_id: house.zoe,
            assignee_id: Some(house.yan),
            status: "open".into(),
            ..Default::default()
        });
        let bystander = house.slack.say(&house.ana, &house.engineering, None, "lunch?").unwrap();
        machine.wipe();
        let mut simulation = Simulation {
            log,
            config: house.config.clone(),
            machine,
            gates: Arc::default(),
            life: None,
            long: seed.is_multiple_of(50),
            calm,
            channels,
            tickets: vec![house.ticket, other],
            talks: Vec::new(),
            most_talks: random.usize(3..=6),
            words: Vec::new(),
            mail: Vec::new(),
            failures: BTreeMap::new(),
            last_job: 0,
            worked: true,
            bystander: (house.engineering.clone(), bystander),
            closing,
            random,
            house,
        };
        simulation.begin_life();
        simulation.house.clock.advance(Duration::from_secs(1));
        simulation
    }

    fn run(mut self) -> (Result<(), String>, Machine) {
        let moves = match self.long {
            true => self.random.u32(60..=150),
            false => self.random.u32(8..=24),
        };
        MOVES.fetch_add(u64::from(moves), Ordering::Relaxed);
        for _ in 0..moves {
            self.look_around();
            self.ticket_moves();
            self.one_move();
        }
        self.say_log("the end begins");
        self.house.slack.faults().clear();
        self.house.zendesk.faults().clear();
        self.finish_jobs();
        while !self.mail.is_empty() {
            self.carry(0, false);
        }
        let Life { app, engine, .. } = self.life.take().expect("the app runs");
        self.house.app.put(app);
        lock(&self.gates).current = 0;
        let Simulation { machine, house, .. } = &mut self;
        machine.run(async {
            house.settle().await;
            for _ in 0..ROUNDS {
                house.clock.advance(UNTIL_A_ROUND);
                house.settle().await;
                for _ in 0..STEPS.0 {
                    house.clock.advance(STEPS.1);
                    house.settle().await;
                }
            }
        });
        let overtaken = self.try_again(&engine);
        let mut machine = std::mem::replace(&mut self.machine, Machine::new());
        let checked = machine.run(self.check(&engine, &overtaken));
        if checked.is_err() {
            self.say_log(format!("the tables in the end:\n{}", machine.tables()));
        }
        let guard = machine.runtime().enter();
        drop(engine);
        drop(self);
        drop(guard);
        machine.drain();
        (checked, machine)
    }

    // ---- moves

    fn one_move(&mut self) {
        let now = self.now();
        if self.random.u8(..10) > 0 {
            self.house.clock.advance(Duration::from_millis(self.random.u64(1..15)));
        }
        // What has lain too long would be refused for its age, which is not what this is about.
        if let Some(index) = self.mail.iter().position(|mail| now - mail.since > 100_000) {
            return self.carry(index, false);
        }
        match self.random.u8(..100) {
            0..12 => self.person_speaks(),
            12..22 => self.agent_replies(),
            22..27 => self.agent_asks(),
            27..30 => self.agent_changes_state(),
            30..35 => self.person_presses(),
            35..38 => self.somebody_speaks_elsewhere(),
            38..68 => self.step(),
            68..86 => self.carry_one(),
            86..91 => self.time_passes(),
            91..95 if !self.calm => self.fault(),
            95 if !self.calm => self.back_up(),
            96 if !self.calm => {
                self.say_log("faults end");
                self.house.slack.faults().clear();
                self.house.zendesk.faults().clear();
            }
            97..100 if !self.calm => self.crash_somewhere(),
            _ => self.step(),
        }
    }

    /// A ticket closes; calls that follow it up fail; somebody answers by mail.
    fn ticket_moves(&mut self) {
        let Some(mut random) = self.closing.take() else { return };
        match random.u8(..120) {
            0..3 => self.ticket_closes(&mut random),
            3..6 => self.agent_mails(&mut random),
            6..9 if !self.calm => {
                const CALLS: [&str; 4] =
                    ["POST tickets", "POST tickets/{id}/side_conversations", "GET tickets/{id}", "GET …/events"];
                const FAULTS: [&str; 4] = ["dropped_before", "dropped_after", "error_after", "html"];
                let (call, fault) = (CALLS[random.usize(..CALLS.len())], FAULTS[random.usize(..FAULTS.len())]);
                let rule = json!({"call": call, "fault": fault, "times": random.u8(1..3)});
                self.say_log(format!("fault at Zendesk: {rule}"));
                self.house.zendesk.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
            }
            _ => {}
        }
        self.closing = Some(random);
    }

    fn ticket_closes(&mut self, random: &mut fastrand::Rng) {
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

    fn agent_mails(&mut self, random: &mut fastrand::Rng) {
        if self.talks.is_empty() {
            return;
        }
        let talk = random.usize(..self.talks.len());
        let token = self.token();
        let id = self.talks[talk].id.clone();
        let entry = self.house.zendesk.reply_by_mail("zoe@acme.example", &id, &format!("{token} by mail"));
        assert!(!entry.is_empty(), "Zendesk refused a mail");
        self.say_log(format!("an agent mails {token} in talk {talk}"));
        self.zendesk_word(token, talk, entry);
    }

    fn person_speaks(&mut self) {
        let Some(talk) = self.some_talk(true) else { return self.agent_asks() };
        let Some((channel, ts)) = self.place(talk) else { return self.step() };
        let token = self.token();
        let person = if self.random.bool() { &self.house.ana } else { &self.house.ben };
        let said = self.house.slack.say(person, &channel, Some(&ts), &format!("{token} from Slack")).unwrap();
        self.say_log(format!("a person says {token} in talk {talk} at {said}"));
        let at = said.parse::<Ts>().unwrap().micros();
        self.words.push(word(token, Side::Slack, talk, at, String::new()));
    }

    fn agent_replies(&mut self) {
        let Some(talk) = self.some_talk(false) else { return self.agent_asks() };
        let token = self.token();
        let agent = if self.random.bool() { self.house.zoe } else { self.house.yan };
        let id = self.talks[talk].id.clone();
        let entry = self.house.zendesk.reply(agent, &id, &format!("<p>{token} from Zendesk</p>"));
        assert!(!entry.is_empty(), "Zendesk refused a reply");
        self.say_log(format!("an agent says {token} in talk {talk}"));
        self.zendesk_word(token, talk, entry);
    }

    fn agent_asks(&mut self) {
        if self.talks.len() >= self.most_talks {
            return self.step();
        }
        let token = self.token();
        let bridged = self.talks.len() != 2;
        let (name, _) = self.channels[self.random.usize(..self.channels.len())].clone();
        let to = if bridged { format!("{name}@slack.acme.example") } else { "boss@elsewhere.example".to_owned() };
        let ticket = self.tickets[self.random.usize(..self.tickets.len())];
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

    fn agent_changes_state(&mut self) {
        let Some(talk) = self.some_talk(false) else { return self.step() };
        let id = self.talks[talk].id.clone();
        let state = if self.house.state(&id) == "open" { "closed" } else { "open" };
        self.house.zendesk.set_state(self.house.zoe, &id, state);
        self.say_log(format!("an agent makes talk {talk} {state}"));
    }

    fn person_presses(&mut self) {
        let Some(talk) = self.some_talk(true) else { return self.step() };
        let Some((channel, ts)) = self.place(talk) else { return self.step() };
        let action = if self.random.bool() { "mark_done" } else { "reopen" };
        let pressed = self.house.slack.press(&self.house.ana, &channel, &ts, action);
        self.say_log(format!("a person presses {action} in talk {talk}: {pressed:?}"));
    }

    fn somebody_speaks_elsewhere(&mut self) {
        let token = self.token();
        let (channel, ts) = self.bystander.clone();
        let thread = self.random.bool().then_some(ts.as_str());
        self.house.slack.say(&self.house.ben, &channel, thread, &format!("{token} elsewhere")).unwrap();
        self.say_log(format!("somebody says {token} elsewhere"));
        self.words.push(word(token, Side::Elsewhere, 0, 0, String::new()));
    }

    fn step(&mut self) {
        let (taken, flights) = (self.life().taken.len(), self.life().flights.len());
        if taken + flights == 0 {
            return;
        }
        let index = self.random.usize(..taken + flights);
        let gates = (self.random.u8(..10) < 3).then(|| self.random.u32(0..6));
        let flight = if index < taken { self.board(index) } else { self.life().flights.remove(index - taken) };
        self.fly(flight, gates);
    }

    fn carry_one(&mut self) {
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

    fn time_passes(&mut self) {
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

    fn fault(&mut self) {
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

    fn crash_somewhere(&mut self) {
        CRASHES.fetch_add(1, Ordering::Relaxed);
        // A whole process is new now and then, and where a delivery was in its hands, which has a task of its own.
        let restored = self.machine.has_a_copy() && self.random.bool();
        let whole = restored || self.random.u8(..4) == 0;
        match self.random.u8(..4) {
            // In the middle of a delivery to the app.
            0 if !self.mail.is_empty() => {
                let mail = self.mail.remove(self.random.usize(..self.mail.len()));
                let polls = self.random.u32(1..4);
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
                let polls = self.random.u32(1..5);
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
            let _ = self.machine.run(poll_fn(|cx| polls_of(&mut future, polls)(cx)));
            self.end_rest(false, future);
        }
        self.begin_life();
    }

    fn back_up(&mut self) {
        self.say_log("the database is copied");
        self.machine.back_up();
    }

    /// Puts the copy back: what was decided and linked since is so no longer.
    fn restore(&mut self) {
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

    // ---- what moves are made of

    fn look_around(&mut self) {
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
    fn decisions(&mut self) {
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
        let (known, links) = self.machine.run(async {
            let known = if unread.is_empty() {
                Vec::new()
            } else {
                life.engine.store().known("zendesk", &unread).await.unwrap()
            };
            let mut links = BTreeSet::new();
            for (index, talk) in self.talks.iter().enumerate() {
                if let Some((channel, ts)) = talk.place.as_ref().filter(|_| !talk.linked)
                    && life
                        .engine
                        .thread_at(&ChannelId::new(channel.clone()), &ts.parse().unwrap())
                        .await
                        .unwrap()
                        .is_some()
                {
                    links.insert(index);
                }
            }
            (known, links)
        });
        for index in links {
            self.talks[index].linked = true;
        }
        for word in self.words.iter_mut().filter(|word| word.decided.is_none()) {
            word.stored |= known.contains(&word.entry);
            if word.stored && self.talks[word.talk].linked {
                word.decided = Some(self.last_job);
            }
        }
    }

    fn board(&mut self, index: usize) -> Flight {
        let life = self.life();
        let (id, job) = life.taken.remove(index);
        let engine = life.engine.clone();
        let given = job.clone();
        Flight { id, job, future: Box::pin(async move { engine.run(given).await }) }
    }

    fn fly(&mut self, mut flight: Flight, gates: Option<u32>) {
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

    fn finish_flights(&mut self) {
        for flight in std::mem::take(&mut self.life().flights) {
            self.fly(flight, None);
        }
    }

    fn finish_jobs(&mut self) {
        self.finish_flights();
        while !self.life().taken.is_empty() {
            let flight = self.board(0);
            self.fly(flight, None);
        }
    }

    fn poll_as(&self, job: u64, left: Option<u32>) {
        let mut gates = lock(&self.gates);
        gates.current = job;
        gates.left = left;
        gates.held = false;
    }

    fn some_polls<T>(&mut self, future: &mut Pinned<T>, polls: u32) -> Option<T> {
        self.machine.run(poll_fn(|cx| polls_of(future, polls)(cx)))
    }

    fn carry(&mut self, index: usize, twice: bool) {
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

    fn settle(&mut self, mail: &Mail, receipt: Receipt) {
        if mail.from == From::Slack && !matches!(receipt, Receipt::Answered { status: 200..=299, .. }) {
            *self.failures.entry(mail.parcel.id).or_default() += 1;
        }
        match mail.from {
            From::Slack => self.house.slack.settle(mail.parcel.id, receipt),
            From::Zendesk => self.house.zendesk.settle(mail.parcel.id, receipt),
        }
    }

    fn begin_life(&mut self) {
        self.worked = true;
        let store = self.machine.store();
        let opening = open(self.config.clone(), store, self.wires(), self.clock());
        let (app, engine) = self.machine.run(opening);
        self.house.router = app.router();
        self.life = Some(Life { app, engine, taken: Vec::new(), flights: Vec::new() });
    }

    /// The process ends with what it holds in its hands; `whole` if it takes its runtime and its database along.
    fn end_life<T: 'static>(&mut self, whole: bool, with: Pinned<T>) {
        let Life { app, engine, taken: _, flights } = self.life.take().expect("the app runs");
        self.house.router = Router::new();
        self.end_rest(whole, (with, app, engine, flights));
    }

    fn end_rest<T>(&mut self, whole: bool, rest: T) {
        if whole {
            let gentle = self.random.bool() || !self.machine.sees_the_end();
            return self.machine.end(gentle, rest);
        }
        let guard = self.machine.runtime().enter();
        drop(rest);
        drop(guard);
        self.machine.drain();
    }

    // ---- the model

    async fn check(&self, engine: &Engine, overtaken: &BTreeSet<String>) -> Result<(), String> {
        let mut wrong = String::new();
        let mut fail = |text: String| {
            let _ = write!(wrong, "\n- {text}");
        };
        if !engine.is_idle() {
            fail(format!("something still waits: {:?}", engine.report()));
        }
        let parked = engine.store().parked().await.unwrap();
        if !parked.is_empty() {
            fail(format!("something is parked: {parked:?}"));
        }
        let mut slack = Vec::new();
        let mut markers = BTreeSet::new();
        let mut cards: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for channel in self.house.slack.channels() {
            let channel = channel["id"].as_str().unwrap().to_owned();
            for message in self.house.slack.messages(&channel) {
                let ts = message["ts"].as_str().unwrap_or_default().to_owned();
                let root = message["thread_ts"].as_str().map_or(ts.clone(), str::to_owned);
                let text =
                    format!("{}\n{}", message["text"].as_str().unwrap_or_default(), house::texts(&message["blocks"]));
                if let Some(marker) = message["metadata"]["event_payload"]["k"].as_str() {
                    BUNDLES.fetch_add(u64::from(marker.contains("/bundle:")), Ordering::Relaxed);
                    if !markers.insert(marker.to_owned()) {
                        fail(format!("two messages in Slack are {marker}"));
                    }
                    if let Some((id, "card")) = marker.rsplit_once('/') {
                        cards.entry(id.to_owned()).or_default().push((channel.clone(), ts.clone()));
                    }
                }
                slack.push((channel.clone(), root, tokens(&text)));
            }
        }
        let mut zendesk: Vec<(usize, String, Vec<String>)> = Vec::new();
        let talk_of = |token: &String| self.words.iter().find(|word| word.token == *token).map(|word| word.talk);
        // What a copy repeats is no word of its own: it has its time.
        let mut seen = BTreeSet::new();
        let mut events: Vec<_> = self.sides().iter().flat_map(|side| self.house.zendesk.events(side)).collect();
        events.sort_by_key(|event| event["created_at"].as_str().unwrap_or_default().to_owned());
        for event in events {
            let message = &event["message"];
            let text = format!("{}\n{}", message["body"], message["html_body"]);
            let replies = message["body"].as_str().unwrap_or_default().matches("in Slack, ").count();
            BUNDLES.fetch_add(u64::from(replies > 1), Ordering::Relaxed);
            let said = tokens(&text);
            let side = event["side_conversation_id"].as_str().unwrap_or_default();
            let of_side = self.talks.iter().position(|talk| talk.id == side);
            let Some(index) = of_side.or_else(|| said.first().and_then(talk_of)) else { continue };
            if said.is_empty() || seen.insert((event["created_at"].to_string(), said.clone())) {
                zendesk.push((index, event["id"].as_str().unwrap_or_default().to_owned(), said));
            }
        }
        for ticket in self.house.zendesk.tickets() {
            let marker = ticket["external_id"].as_str().unwrap_or_default().to_owned();
            if !marker.is_empty() && !markers.insert(marker.clone()) {
                fail(format!("two tickets are {marker}"));
            }
        }
        for (index, talk) in self.talks.iter().enumerate() {
            let found = cards.get(&talk.id).map(Vec::as_slice).unwrap_or_default();
            if found.len() != usize::from(talk.bridged) {
                fail(format!("talk {index} has {} cards", found.len()));
            }
            if talk.bridged && found.len() == 1 {
                let thread = engine.store().thread(&talk.id).await.unwrap().expect("it has a thread");
                let state = self.house.state(thread.side_conversation_id.as_str());
                let card = self.house.card(&talk.id);
                if card.contains("Mark as done") != (state == "open") {
                    fail(format!("talk {index} is {state} and its card says {card:?}"));
                }
            }
        }
        for ticket in &self.tickets {
            for comment in self.house.zendesk.comments(*ticket) {
                let text = comment["body"].as_str().unwrap_or_default();
                let told = comment["public"] == false && overtaken.is_empty();
                if told || !tokens(text).is_empty() {
                    fail(format!("ticket {ticket} has the note {text:?}"));
                }
            }
        }
        for word in &self.words {
            let in_slack: Vec<_> = slack.iter().filter(|(_, _, said)| said.contains(&word.token)).collect();
            let in_zendesk: Vec<_> = zendesk.iter().filter(|(_, _, said)| said.contains(&word.token)).collect();
            let talk = &self.talks.get(word.talk);
            let bridged = talk.is_some_and(|talk| talk.bridged);
            let (slack_times, zendesk_times) = match word.side {
                Side::Slack => (1, 1),
                Side::Zendesk => (usize::from(bridged), 1),
                Side::Elsewhere => (1, 0),
            };
            if (in_slack.len(), in_zendesk.len()) != (slack_times, zendesk_times) {
                fail(format!(
                    "{} of {:?}, talk {}, stands {} times in Slack and {} times in Zendesk",
                    word.token,
                    word.side,
                    word.talk,
                    in_slack.len(),
                    in_zendesk.len()
                ));
                continue;
            }
            if word.side != Side::Elsewhere && in_zendesk.iter().any(|(talk, ..)| *talk != word.talk) {
                fail(format!("{} went to another side conversation", word.token));
            }
            if word.side != Side::Elsewhere && bridged {
                let card = cards.get(&talk.unwrap().id).and_then(|cards| cards.first());
                if in_slack.iter().any(|(channel, root, _)| card != Some(&(channel.clone(), root.clone()))) {
                    fail(format!("{} went to another thread", word.token));
                }
            }
        }
        let carried_by = lock(&self.gates).carried_by.clone();
        for (side, places) in [
            (Side::Slack, zendesk.iter().flat_map(|(_, _, said)| said.clone()).collect::<Vec<_>>()),
            (Side::Zendesk, slack.iter().flat_map(|(_, _, said)| said.clone()).collect()),
        ] {
            let place: BTreeMap<&String, usize> = places.iter().enumerate().map(|(i, token)| (token, i)).collect();
            let words: Vec<&Word> = self.words.iter().filter(|word| word.side == side).collect();
            for one in &words {
                for other in words.iter().filter(|other| other.talk == one.talk && other.at > one.at) {
                    let known_in_time = one.decided.zip(carried_by.get(&other.token)).is_some_and(|(a, b)| a < *b);
                    let in_order = self.calm || known_in_time && !overtaken.contains(&one.token);
                    if in_order && place.get(&one.token) > place.get(&other.token) {
                        fail(format!("{} of talk {} stands after {}", one.token, one.talk, other.token));
                    }
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Presses "Retry", as it were, for everything that was parked; says which words were overtaken by that.
    fn try_again(&mut self, engine: &Engine) -> BTreeSet<String> {
        let mut overtaken = BTreeSet::new();
        for _ in 0..5 {
            let parked = self.machine.parked();
            if parked.is_empty() {
                break;
            }
            for (id, effect) in parked {
                overtaken.insert(format!("row {id}"));
                overtaken.extend(tokens(&effect));
                assert!(self.machine.run(engine.retry_parked(id)).unwrap());
            }
            // What could not be posted at all is tried again after an hour.
            self.machine.run(self.house.settle_within(Duration::from_secs(2 * 3600)));
        }
        overtaken
    }

    // ---- small things

    fn life(&mut self) -> &mut Life {
        self.life.as_mut().expect("the app runs")
    }

    fn now(&self) -> i64 {
        self.house.clock.now_ms()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.house.clock.clone())
    }

    fn wires(&self) -> Arc<Wires> {
        let (slack, zendesk) = (self.house.slack.router(), self.house.zendesk.router());
        Arc::new(Wires { slack, zendesk, gates: self.gates.clone() })
    }

    fn token(&self) -> String {
        format!("tok{:04}", self.words.len())
    }

    fn some_talk(&mut self, bridged: bool) -> Option<usize> {
        let some: Vec<usize> = (0..self.talks.len()).filter(|i| !bridged || self.talks[*i].bridged).collect();
        (!some.is_empty()).then(|| some[self.random.usize(..some.len())])
    }

    fn place(&mut self, talk: usize) -> Option<(String, String)> {
        if self.talks[talk].place.is_none() {
            self.talks[talk].place = self.house.find_thread(&self.talks[talk].id);
            self.worked |= self.talks[talk].place.is_some();
        }
        self.talks[talk].place.clone()
    }

    fn zendesk_word(&mut self, token: String, talk: usize, entry: String) {
        let mut events = self.house.zendesk.events(&self.talks[talk].id);
        if events.iter().all(|event| event["id"] != entry.as_str()) {
            // A mail goes to the newest copy.
            let sides = self.sides();
            events = sides.iter().flat_map(|side| self.house.zendesk.events(side)).collect();
        }
        let event = events.iter().find(|event| event["id"] == entry.as_str()).unwrap();
        let at: jiff::Timestamp = event["created_at"].as_str().unwrap().parse().unwrap();
        self.words.push(word(token, Side::Zendesk, talk, at.as_millisecond(), entry));
    }

    /// The side conversations of all tickets, each once, in the order of their tickets.
    fn sides(&self) -> Vec<String> {
        let mut sides: Vec<String> = Vec::new();
        for ticket in self.house.zendesk.tickets() {
            for side in self.house.zendesk.side_conversations(ticket["id"].as_i64().unwrap()) {
                let id = side["id"].as_str().unwrap().to_owned();
                if !sides.contains(&id) {
                    sides.push(id);
                }
            }
        }
        sides
    }

    fn say_log(&self, text: impl Into<String>) {
        note(&self.log, format!("{:>7} {}", self.now() - START_MS, text.into()));
    }
}

async fn open(config: String, store: Arc<Store>, wire: Arc<dyn Wire>, clock: Arc<dyn Clock>) -> (App, Arc<Engine>) {
    let config = Config::parse("test", &config, []).unwrap();
    let app = App::new(config, store, wire, clock, 7);
    app.become_ready(&CancellationToken::new()).await.unwrap();
    let engine = app.engine().unwrap().clone();
    (app, engine)
}

fn deliver(router: Router, parcel: &Parcel) -> Pinned<Receipt> {
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

/// Polls so often and no more, letting the runtime's other tasks run in between.
fn polls_of<T>(future: &mut Pinned<T>, polls: u32) -> impl FnMut(&mut std::task::Context<'_>) -> Poll<Option<T>> {
    let mut left = polls;
    move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        if let Poll::Ready(done) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn word(token: String, side: Side, talk: usize, at: i64, entry: String) -> Word {
    Word { token, side, talk, at, entry, stored: false, decided: None }
}

/// The texts of the simulation that stand in a text, each once, in the order of the text.
fn tokens(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let texts = text.match_indices("tok").filter_map(|(at, _)| text.get(at..at + 7));
    for token in texts.filter(|token| token[3..].bytes().all(|b| b.is_ascii_digit())) {
        if !found.iter().any(|known| known == token) {
            found.push(token.to_owned());
        }
    }
    found
}

fn shown(mail: &Mail) -> String {
    let body = String::from_utf8_lossy(&mail.parcel.body).into_owned();
    let what = match mail.from {
        From::Slack => tokens(&body).join(" "),
        From::Zendesk => body.chars().filter(char::is_ascii_digit).collect(),
    };
    format!("{} {} {what}", mail.parcel.path, mail.parcel.id)
}

fn answered(receipt: &Receipt) -> String {
    match receipt {
        Receipt::Answered { status, .. } => status.to_string(),
        Receipt::Failed => "nothing".to_owned(),
    }
}

fn note(log: &Log, text: String) {
    log.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(text);
}

fn lock(gates: &Mutex<Gates>) -> MutexGuard<'_, Gates> {
    gates.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
