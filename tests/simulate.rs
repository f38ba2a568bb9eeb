//! Seeded schedules over the whole app: people and agents talk while deliveries come late, twice, out of order or
//! not at all, calls fail before and after they were done, reads lag, tickets close, are merged, deleted and restored, the process ends anywhere, and an
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
//! `SEED=7 cargo test --test simulate one_seed` runs one seed again. Many run faster with code that is optimised, as
//! `.ci/run` does with 10,000: `SEEDS=5000 FIRST=1000 cargo test --profile simulation --test simulate seeds`. Seeds that
//! failed once are kept in `simulate/seeds.txt` and run first.

#[path = "simulate/check.rs"]
mod check;
#[allow(dead_code)]
#[path = "it/house.rs"]
mod house;
#[path = "simulate/jobs.rs"]
mod jobs;
#[path = "simulate/lives.rs"]
mod lives;
#[path = "simulate/machine.rs"]
mod machine;
#[path = "simulate/people.rs"]
mod people;
#[path = "simulate/tickets.rs"]
mod tickets;
#[path = "simulate/wires.rs"]
mod wires;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use house::{BASE, House, START_MS, Setup};
use machine::Machine;
use serde_json::json;
use sidethread::bridge::ids::{TicketId, Ts};
use sidethread::cli::app::App;
use sidethread::config::Config;
use sidethread::engine::Engine;
use sidethread::engine::clock::Clock;
use sidethread::engine::queue::Job;
use sidethread::sandbox::faults::Rule;
use sidethread::sandbox::post::{Parcel, Receipt, Sender};
use sidethread::sandbox::slack::{ChannelSpec, Quirks};
use sidethread::sandbox::zendesk::{Named, ReplyOnClosed, TicketChange, TicketSpec, Unconfirmed};
use sidethread::store::Store;
use sidethread::wire::Wire;
use tickets::Ends;
use tokio_util::sync::CancellationToken;
use wires::{Gates, Wires, lock};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KEPT: &str = include_str!("simulate/seeds.txt");
/// How many calls carried several messages, over all seeds.
static BUNDLES: AtomicU64 = AtomicU64::new(0);
/// How often an earlier copy of the database was put back, over all seeds.
static RESTORED: AtomicU64 = AtomicU64::new(0);
/// How many moves were made, and how many of them were crashes, over all seeds.
static MOVES: AtomicU64 = AtomicU64::new(0);
static CRASHES: AtomicU64 = AtomicU64::new(0);
/// How many tickets were merged or deleted, and how many threads went on in another ticket, over all seeds.
static MERGED: AtomicU64 = AtomicU64::new(0);
static DELETED: AtomicU64 = AtomicU64::new(0);
static WENT_ON: AtomicU64 = AtomicU64::new(0);
/// How many seeds run where the environment does not say.
const SEEDS: u64 = 30;
/// How long all that happens may take together: a message is held ten minutes for its card.
const LONGEST_MS: i64 = 7 * 60 * 1000;
/// In the end two whole rounds of catch-up pass: past the windows in which reads lag, and then in steps in which each of
/// Slack's methods may be called once, until the app says of itself that both sides have been asked since. They pass again
/// where something was sent only after that.
const ROUNDS: u32 = 2;
const UNTIL_A_ROUND: Duration = Duration::from_secs(310);
const STEPS: (u32, Duration) = (12, Duration::from_secs(3));
const ZENDESK_CONFIG: &str = "poll_interval_secs = 20";
/// In a third of the seeds the vendors' limits are so narrow that what waits travels together.
const NARROW_SLACK: &str = "posts_per_second_per_channel = 0.2";
const NARROW_ZENDESK: &str = "poll_interval_secs = 20\n side_conversation_writes_per_10_min = 4";
const BRIDGE_CONFIG: &str = r#"
    order_window_ms = 250
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
    // SQLite's threads inherit the core of the thread that opens them. The two take turns, and to wake one elsewhere costs
    // more than most of what either does.
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    std::thread::scope(|scope| {
        for n in 0..std::thread::available_parallelism().map_or(1, |threads| threads.get().min(4)) {
            let (cores, work) = (&cores, &work);
            scope.spawn(move || {
                if let Some(core) = cores.get(n) {
                    core_affinity::set_for_current(*core);
                }
                work();
            });
        }
    });
    let (ran, failed) = (ran.into_inner(), failed.into_inner().unwrap());
    let secs = began.elapsed().as_secs_f64();
    let [bundles, moves, crashes, restored, merged, deleted, went_on] =
        [&BUNDLES, &MOVES, &CRASHES, &RESTORED, &MERGED, &DELETED, &WENT_ON].map(|count| count.load(Ordering::Relaxed));
    println!(
        "{ran} seeds in {secs:.1} s, {:.1} a second: {moves} moves, {crashes} crashes, {restored} copies put back, {bundles} \
         calls that carried several messages, {merged} tickets merged, {deleted} deleted, {went_on} threads that went on elsewhere",
        ran as f64 / secs
    );
    assert!(bundles > 0 || ran < 30, "no messages ever travelled together");
    assert!(went_on > 0 || ran < 30, "no thread ever went on elsewhere");
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
    config: Config,
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
    /// Decides when tickets are merged, deleted and restored, in a third of the seeds; of its own as well.
    ends: Option<Ends>,
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
            // Of its own again, so that seeds stay what they were.
            unconfirmed.follow_ups_named = match fastrand::Rng::with_seed(seed ^ 0x0a_3ed0).u8(..4) {
                0 => Named::After(90),
                1 => Named::Never,
                _ => Named::AtOnce,
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
            config: parsed(&house.config),
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
            ends: (seed % 3 == 1 || seed.is_multiple_of(6)).then(|| Ends::new(seed)),
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
            self.ticket_ends();
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
        self.restore_tickets();
        let Simulation { machine, house, .. } = &mut self;
        machine.run(house.settle());
        self.catch_up_passes(&engine);
        let pressed = self.press_what_is_left();
        let overtaken = self.try_again(&engine);
        if pressed || !overtaken.is_empty() {
            // What was sent only now may have changed more at the vendors than its answers say.
            self.catch_up_passes(&engine);
        }
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

    /// The app asks both sides what it has missed, as often as it takes.
    fn catch_up_passes(&mut self, engine: &Engine) {
        let Simulation { machine, house, .. } = self;
        machine.run(async {
            for _ in 0..ROUNDS {
                house.clock.advance(UNTIL_A_ROUND);
                let began = house.clock.now_ms();
                house.settle().await;
                for _ in 0..STEPS.0 {
                    if asked_since(engine, house.clock.now_ms() - began) {
                        break;
                    }
                    house.clock.advance(STEPS.1);
                    house.settle().await;
                }
            }
        });
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
        let shown = self.house.zendesk.tickets().into_iter().filter_map(|ticket| ticket["id"].as_i64());
        for ticket in shown.chain(self.deleted_tickets()) {
            for side in self.house.zendesk.side_conversations(ticket) {
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

/// The settings, which are read once: there are only few.
fn parsed(text: &str) -> Config {
    static PARSED: Mutex<BTreeMap<String, Config>> = Mutex::new(BTreeMap::new());
    let mut parsed = PARSED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    parsed.entry(text.to_owned()).or_insert_with(|| Config::parse("test", text, []).unwrap()).clone()
}

/// Whether both sides have been asked for what was missed within this time.
fn asked_since(engine: &Engine, ms: i64) -> bool {
    let report = engine.report();
    report.slack_checked_secs_ago * 1000 <= ms && report.feed_read_secs_ago.is_some_and(|ago| ago * 1000 <= ms)
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
