//! The real binary, killed again and again while both vendors do everything they may do wrong: every word arrives
//! once, and in order among those that were known in time.
//!
//! `sidethread serve` runs as a process of its own. Both fakes answer on 127.0.0.1 in this one and see to it that
//! deliveries come twice, late, out of order or not at all, that calls fail before and after they were done, that
//! limits are told, and that reads and rows of the feed lag. People and agents talk, the process gets SIGKILL at any
//! moment, its start included. Then the vendors are well again, all settles, and every word is counted.
//!
//! `cargo test` runs a short one. The long one, 400 messages over 16 threads with 20 kills, takes two to three minutes:
//!
//! ```sh
//! LONG=1 cargo test --test killed -- --nocapture
//! ```
//!
//! `SEED=7` chooses what is said, when, and which calls go wrong; how the processes are scheduled it cannot.
//!
//! While a closed ticket is followed up it is killed at each call that this takes ([`follow_up`]).

#[path = "killed/follow_up.rs"]
mod follow_up;
#[allow(dead_code)]
mod loopback;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sidethread::bridge::ids::Ts;
use sidethread::sandbox::carrier::{self, OverHttp};
use sidethread::sandbox::post::{Now, Sender};
use sidethread::sandbox::slack::ChannelSpec;
use sidethread::sandbox::zendesk::TicketSpec;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio_util::sync::CancellationToken;

use loopback::{Firm, fault};

/// By how much reads lag; the app's windows are a second longer.
const LAG_SECS: u64 = 2;
const WINDOWS: &str = r#"
    slack_read_lag_secs = 3
    zendesk_read_lag_secs = 3
    reconcile_interval_secs = 5
    retry_schedule = ["1s", "1s", "1s", "1s", "2s", "2s", "2s", "2s", "2s", "2s", "2s", "2s", "2s", "2s", "2s", "2s"]
"#;

struct Size {
    messages: usize,
    threads: usize,
    channels: usize,
    kills: usize,
    /// How long all may take to arrive once the vendors are well.
    patience: Duration,
}

const SHORT: Size = Size { messages: 80, threads: 6, channels: 2, kills: 5, patience: Duration::from_secs(90) };
const LONG: Size = Size { messages: 400, threads: 16, channels: 4, kills: 20, patience: Duration::from_secs(300) };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Slack,
    Zendesk,
}

/// Something that somebody said.
struct Word {
    token: String,
    side: Side,
    talk: usize,
    /// Its place in time, as its vendor tells it.
    at: i64,
}

/// A side conversation and the thread that is to mirror it.
struct Talk {
    id: String,
    channel: String,
    card: Option<String>,
}

/// The bridge's process; killed when it is dropped.
struct Bridge {
    child: Child,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct World {
    random: fastrand::Rng,
    size: Size,
    firm: Firm,
    folder: tempfile::TempDir,
    listen: SocketAddr,
    admin: SocketAddr,
    /// Names and ids of the channels.
    channels: Vec<(String, String)>,
    tickets: Vec<i64>,
    talks: Vec<Talk>,
    words: Vec<Word>,
}

/// The words that stand in Slack, each with its channel and its thread's parent, and those in Zendesk with their talk.
type Standing = (Vec<(String, String, String)>, Vec<(usize, String)>);

/// What became of the words.
#[derive(Default)]
struct Count {
    lost: Vec<String>,
    doubled: Vec<String>,
    out_of_order: Vec<String>,
    /// Pairs of words of one talk and side.
    pairs: usize,
    /// Pairs of one talk and side of which the later one was sent before it was decided to send the earlier one.
    unknown_in_time: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_while_everything_goes_wrong_it_loses_and_doubles_nothing() {
    let seed = std::env::var("SEED").map_or(1, |seed| seed.parse().expect("SEED is a number"));
    let size = if std::env::var_os("LONG").is_some() { LONG } else { SHORT };
    let begun = Instant::now();
    let mut world = World::new(seed, size).await;
    let stop = CancellationToken::new();
    let senders: Vec<Arc<dyn Sender>> = vec![Arc::new(world.firm.slack.clone()), Arc::new(world.firm.zendesk.clone())];
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let carry = Arc::new(OverHttp::new(client, &format!("http://{}", world.listen)));
    let carrying = tokio::spawn(carrier::run(senders, carry, now(), stop.clone()));

    let mut bridge = world.start();
    world.until_ready(&mut bridge).await;
    // What is as old as the first start is not bridged.
    tokio::time::sleep(Duration::from_millis(20)).await;
    world.make_everything_go_wrong();
    let (kills, messages) = (world.size.kills, world.size.messages);
    for kill in 1..=kills {
        let most = messages * kill / kills;
        while world.words.len() < most {
            world.somebody_speaks();
            let pause = world.random.u64(5..120);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        tokio::time::sleep(Duration::from_millis(world.random.u64(..800))).await;
        bridge.child.kill().unwrap();
        bridge.child.wait().unwrap();
        tokio::time::sleep(Duration::from_millis(world.random.u64(..300))).await;
        if kill == kills {
            world.make_everything_well();
        }
        bridge = world.start();
    }
    world.until_ready(&mut bridge).await;
    let said_after = begun.elapsed();
    world.until_all_arrived().await;
    let arrived_after = begun.elapsed();
    // Longer than any read lags, the feed is asked and the threads are read again: time for what would come twice.
    tokio::time::sleep(Duration::from_secs(LAG_SECS + 9)).await;
    world.until_quiet().await;
    stop.cancel();
    carrying.await.unwrap();
    world.ask_to_end(&mut bridge).await;

    let count = world.count().await;
    let (slack, zendesk) = (world.firm.slack.counters(), world.firm.zendesk.calls().len());
    println!(
        "seed {seed}: {} messages over {} threads, {kills} kills; {} calls to Slack, {zendesk} to Zendesk; \
         {} Slack events carried, {} lost; said in {:.0} s, all there after {:.0} s: {} lost, {} doubled, {} out of order \
         among those known in time ({} of {} pairs were not)",
        world.words.len(),
        world.talks.len(),
        slack.calls,
        slack.delivered,
        slack.lost,
        said_after.as_secs_f64(),
        arrived_after.as_secs_f64(),
        count.lost.len(),
        count.doubled.len(),
        count.out_of_order.len(),
        count.unknown_in_time,
        count.pairs,
    );
    let none: [String; 0] = [];
    assert_eq!((&count.lost[..], &count.doubled[..], &count.out_of_order[..]), (&none[..], &none[..], &none[..]));
}

impl World {
    async fn new(seed: u64, size: Size) -> World {
        World::of(Firm::with_seed(now(), seed).await, seed, size)
    }

    fn of(firm: Firm, seed: u64, size: Size) -> World {
        let mut channels = vec![("engineering".to_owned(), firm.engineering.clone())];
        for n in 1..size.channels {
            let spec = ChannelSpec { name: format!("team-{n}"), members: vec![firm.ana.clone()], ..Default::default() };
            channels.push((spec.name.clone(), firm.slack.add_channel(spec)));
        }
        let mut tickets = vec![firm.ticket];
        for n in 1..size.threads.div_ceil(2) {
            tickets.push(firm.zendesk.add_ticket(TicketSpec {
                subject: format!("Ticket {n}"),
                description: "It is broken.".into(),
                requester_id: firm.zoe,
                assignee_id: Some(firm.zoe),
                status: "open".into(),
                ..Default::default()
            }));
        }
        let bind = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (listen, admin) = (bind(), bind());
        let folder = tempfile::tempdir().unwrap();
        let server = format!("listen = \"{listen}\"\nadmin_listen = \"{admin}\"");
        let database = folder.path().join("a.db").display().to_string();
        let config = firm.config(&database, &server, WINDOWS);
        let config = config.replacen("slack_read_lag_secs = 1", "", 1).replacen("zendesk_read_lag_secs = 1", "", 1);
        std::fs::write(folder.path().join("sidethread.toml"), config).unwrap();
        World {
            random: fastrand::Rng::with_seed(seed),
            size,
            firm,
            folder,
            listen,
            admin,
            channels,
            tickets,
            talks: Vec::new(),
            words: Vec::new(),
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn said_by_the_bridge(&self) -> String {
        let said = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn start(&self) -> Bridge {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_sidethread"))
            .arg("serve")
            .arg("--config")
            .arg(self.folder.path().join("sidethread.toml"))
            .current_dir(self.folder.path())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Bridge { child }
    }

    async fn ready(&self) -> Option<Value> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = client.get(format!("http://{}/readyz", self.admin)).send().await.ok()?;
        let ready = response.status() == 200;
        let body: Value = serde_json::from_slice(&response.bytes().await.ok()?).ok()?;
        (ready && body["waiting"].is_object()).then_some(body)
    }

    async fn until_ready(&self, bridge: &mut Bridge) {
        let begun = Instant::now();
        while self.ready().await.is_none() {
            assert_eq!(bridge.child.try_wait().unwrap(), None, "it ended: {}", self.said_by_the_bridge());
            assert!(begun.elapsed() < Duration::from_secs(60), "it is never ready: {}", self.said_by_the_bridge());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn make_everything_go_wrong(&self) {
        for (faults, feed) in [(self.firm.slack.faults(), false), (self.firm.zendesk.faults(), true)] {
            for rule in [
                json!({"call": "*", "fault": "status", "status": 500, "percent": 3}),
                json!({"call": "*", "fault": "status", "status": 503, "percent": 2}),
                json!({"call": "*", "fault": "dropped_after", "percent": 2}),
                json!({"call": "*", "fault": "error_after", "percent": 2}),
                json!({"call": "*", "fault": "html", "percent": 1}),
                json!({"call": "*", "fault": "dropped_before", "percent": 1}),
                json!({"call": "*", "fault": "rate_limited", "retry_after": 1, "percent": 2}),
                json!({"call": "*", "fault": "rate_limited_plain", "retry_after": 1, "percent": 1}),
                json!({"call": "*", "fault": "latency", "ms": 60, "percent": 40}),
                json!({"call": "*", "fault": "reads_lag", "secs": LAG_SECS}),
                json!({"call": "events", "fault": "events_never", "percent": 10}),
                json!({"call": "events", "fault": "events_twice", "percent": 20}),
                json!({"call": "events", "fault": "events_late", "secs": 2, "percent": 20}),
                json!({"call": "events", "fault": "events_shuffled", "percent": 20}),
            ] {
                fault(faults, rule);
            }
            if feed {
                let call = "GET side_conversations/events";
                fault(faults, json!({"call": call, "fault": "feed_late", "secs": 4, "percent": 10}));
            }
        }
    }

    /// Reads go on lagging.
    fn make_everything_well(&self) {
        for faults in [self.firm.slack.faults(), self.firm.zendesk.faults()] {
            faults.clear();
            fault(faults, json!({"call": "*", "fault": "reads_lag", "secs": LAG_SECS}));
        }
    }

    fn somebody_speaks(&mut self) {
        let token = format!("tok{:04}", self.words.len());
        if self.talks.len() < self.size.threads {
            return self.agent_asks(token);
        }
        let talk = self.random.usize(..self.talks.len());
        if self.random.bool()
            && let Some(card) = self.card(talk)
        {
            let talk_channel = self.talks[talk].channel.clone();
            let said = self.firm.slack.say(&self.firm.ana, &talk_channel, Some(&card), &format!("{token} from Slack"));
            let at = said.unwrap().parse::<Ts>().unwrap().micros();
            self.words.push(Word { token, side: Side::Slack, talk, at });
        } else {
            let id = self.talks[talk].id.clone();
            let entry = self.firm.zendesk.reply(self.firm.zoe, &id, &format!("<p>{token} from Zendesk</p>"));
            self.note_agents_word(token, talk, &entry);
        }
    }

    fn agent_asks(&mut self, token: String) {
        let talk = self.talks.len();
        let (name, channel) = self.channels[talk % self.channels.len()].clone();
        let ticket = self.tickets[talk % self.tickets.len()];
        let to = format!("{name}@slack.acme.example");
        let html = format!("<p>{token} asks</p>");
        let id = self.firm.zendesk.start_side_conversation(self.firm.zoe, ticket, &[&to], "Help", &html);
        let entry = self.firm.zendesk.events(&id)[0]["id"].as_str().unwrap().to_owned();
        self.talks.push(Talk { id, channel, card: None });
        self.note_agents_word(token, talk, &entry);
    }

    fn note_agents_word(&mut self, token: String, talk: usize, entry: &str) {
        let events = self.firm.zendesk.events(&self.talks[talk].id);
        let event = events.iter().find(|event| event["id"] == entry).expect("Zendesk took the message");
        let at: jiff::Timestamp = event["created_at"].as_str().unwrap().parse().unwrap();
        self.words.push(Word { token, side: Side::Zendesk, talk, at: at.as_microsecond() });
    }

    /// Where the talk's card stands, once it does.
    fn card(&mut self, talk: usize) -> Option<String> {
        let Talk { id, channel, card } = &mut self.talks[talk];
        if card.is_none() {
            let key = format!("{id}/card");
            let messages = self.firm.slack.messages(channel);
            let is_card = |m: &&Value| m["metadata"]["event_payload"]["k"].as_str() == Some(&key);
            *card = messages.iter().find(is_card).and_then(|card| card["ts"].as_str()).map(str::to_owned);
        }
        card.clone()
    }

    /// Where words stand, in the order in which they stand there.
    fn standing(&self) -> Standing {
        let mut slack = Vec::new();
        for (_, channel) in &self.channels {
            for message in self.firm.slack.messages(channel) {
                let ts = message["ts"].as_str().unwrap_or_default();
                let root = message["thread_ts"].as_str().unwrap_or(ts).to_owned();
                let said = format!("{}{}", message["text"], message["blocks"]);
                slack.extend(tokens(&said).into_iter().map(|token| (channel.clone(), root.clone(), token)));
            }
        }
        let mut zendesk = Vec::new();
        for (talk, Talk { id, .. }) in self.talks.iter().enumerate() {
            for event in self.firm.zendesk.events(id) {
                zendesk.extend(tokens(&event["message"]["body"].to_string()).into_iter().map(|token| (talk, token)));
            }
        }
        (slack, zendesk)
    }

    async fn until_all_arrived(&self) {
        let begun = Instant::now();
        loop {
            let (slack, zendesk) = self.standing();
            let missing = self.words.iter().filter(|word| match word.side {
                Side::Slack => !zendesk.iter().any(|(_, token)| *token == word.token),
                Side::Zendesk => !slack.iter().any(|(.., token)| *token == word.token),
            });
            let missing: Vec<&str> = missing.map(|word| word.token.as_str()).collect();
            if missing.is_empty() {
                return;
            }
            let patience = self.size.patience;
            let log = || self.said_by_the_bridge();
            assert!(begun.elapsed() < patience, "after {patience:?} these are lost: {missing:?}\n{}", log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn until_quiet(&self) {
        let begun = Instant::now();
        loop {
            let ready = self.ready().await.unwrap_or_default();
            let waiting = &ready["waiting"];
            if waiting["events"] == 0 && waiting["to_slack"] == 0 && waiting["to_zendesk"] == 0 {
                return;
            }
            assert!(begun.elapsed() < self.size.patience, "it is never quiet: {ready}\n{}", self.said_by_the_bridge());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn ask_to_end(&self, bridge: &mut Bridge) {
        let id = bridge.child.id().to_string();
        assert!(Command::new("kill").arg("-TERM").arg(id).status().unwrap().success());
        let begun = Instant::now();
        while bridge.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not end: {}", self.said_by_the_bridge());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn count(&mut self) -> Count {
        let mut count = Count::default();
        for talk in 0..self.talks.len() {
            self.card(talk);
        }
        let (slack, zendesk) = self.standing();
        for word in &self.words {
            let talk = &self.talks[word.talk];
            let in_slack: Vec<_> = slack.iter().filter(|(.., token)| *token == word.token).collect();
            let in_zendesk: Vec<_> = zendesk.iter().filter(|(_, token)| *token == word.token).collect();
            let here = |(channel, root, _): &&(String, String, String)| {
                *channel == talk.channel && Some(root) == talk.card.as_ref()
            };
            let there = |(at, _): &&(usize, String)| *at == word.talk;
            let (right_slack, right_zendesk) = (in_slack.iter().any(here), in_zendesk.iter().any(there));
            if !right_slack || !right_zendesk {
                count.lost.push(word.token.clone());
            }
            if in_slack.len() > 1 || in_zendesk.len() > 1 {
                count.doubled.push(word.token.clone());
            }
        }
        for (_, channel) in &self.channels {
            let mut markers = BTreeMap::new();
            for message in self.firm.slack.messages(channel) {
                if let Some(marker) = message["metadata"]["event_payload"]["k"].as_str() {
                    *markers.entry(marker.to_owned()).or_insert(0) += 1;
                }
            }
            count.doubled.extend(markers.into_iter().filter(|(_, times)| *times > 1).map(|(marker, _)| marker));
        }
        let known = self.decided_and_sent().await;
        for (side, places) in [
            (Side::Slack, zendesk.iter().map(|(_, token)| token).collect::<Vec<_>>()),
            (Side::Zendesk, slack.iter().map(|(.., token)| token).collect()),
        ] {
            let place: BTreeMap<&String, usize> = places.into_iter().enumerate().map(|(i, token)| (token, i)).collect();
            for one in self.words.iter().filter(|word| word.side == side) {
                for other in self.words.iter().filter(|o| o.side == side && o.talk == one.talk && o.at > one.at) {
                    let in_time = known[&one.token].0 < known[&other.token].1;
                    count.pairs += 1;
                    count.unknown_in_time += usize::from(!in_time);
                    if in_time && place.get(&one.token) > place.get(&other.token) {
                        count.out_of_order.push(format!("{} after {}", one.token, other.token));
                    }
                }
            }
        }
        count
    }

    /// When it was decided to send each token, and when its last call began, as the app wrote it down.
    async fn decided_and_sent(&self) -> BTreeMap<String, (i64, i64)> {
        let options = SqliteConnectOptions::new().filename(self.folder.path().join("a.db")).read_only(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let sql = "SELECT o.effect_json, t.card_json, o.decided_at, o.attempted_at, o.state, o.effect_id \
                   FROM outbox o JOIN thread t ON t.id = o.thread_id";
        let rows = sqlx::query(sql).fetch_all(&pool).await.unwrap();
        let mut known = BTreeMap::new();
        for row in rows {
            let (effect, effect_id): (String, String) = (row.get(0), row.get(5));
            let card: Option<String> = row.get(1);
            assert_ne!(row.get::<String, _>(4), "parked", "{effect}");
            let said = if effect_id == "card" { card.unwrap_or_default() } else { effect };
            for token in tokens(&said) {
                known.insert(token, (row.get(2), row.get::<Option<i64>, _>(3).unwrap_or(i64::MAX)));
            }
        }
        pool.close().await;
        known
    }
}

fn now() -> Now {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64)
}

/// The words in a text, each once.
fn tokens(text: &str) -> Vec<String> {
    let mut found: Vec<String> = text
        .match_indices("tok")
        .filter_map(|(at, _)| text.get(at..at + 7))
        .filter(|token| token[3..].bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}
