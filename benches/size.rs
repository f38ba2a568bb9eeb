//! Whether the app grows slow with what it keeps: two databases side by side, one of them with 100,000 bridged threads
//! and 5 million messages. The real app runs on the fakes, in one process.
//!
//! ```text
//! cargo bench --bench size
//! THREADS=10000 MESSAGES=500000 cargo bench --bench size
//! ```
//!
//! The past is written with SQL: a year of threads with as many messages each way, the words of a twelfth of them not
//! blanked yet; one thread in twenty is open and was made within the last month. Then both apps start, and bridge the
//! same messages by turns, each message from when it is said until all is quiet. Reported are medians, so that what
//! else the machine does touches both alike.

#[allow(dead_code)]
#[path = "../tests/it/house.rs"]
mod house;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use house::{House, START_MS};
use sidethread::sandbox::zendesk::TicketSpec;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

/// Threads that are really bridged, in which the messages are said.
const BRIDGED: usize = 20;
const ROUNDS: usize = 100;
const STARTS: usize = 5;

/// $1 threads like the one that stands, beside it.
const THREADS: &str = "
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
    INSERT INTO thread (id, side_conversation_id, ticket_id, place, state, thread_json, card_json, updated_at)
    SELECT printf('old-%08d', i), printf('old-%08d', i), 1000000 + i / 2, t.place,
        CASE i % 20 WHEN 0 THEN 'open' ELSE 'closed' END,
        replace(t.thread_json, t.id, printf('old-%08d', i)), t.card_json, t.updated_at
    FROM n, (SELECT * FROM thread WHERE place = 'linked' ORDER BY id LIMIT 1) t";
/// Their links; $2 is the present in seconds.
const LINKS: &str = "
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
    INSERT INTO link (channel_id, thread_ts, thread_id, side_conversation_id, ticket_id, linked_at, swept_ts)
    SELECT l.channel_id, printf('%d.%06d', $2 - age, i), printf('old-%08d', i), printf('old-%08d', i), 1000000 + i / 2,
        ($2 - age) * 1000, printf('%d.%06d', $2 - age, i)
    FROM (SELECT i, CASE i % 20 WHEN 0 THEN 1000 + i * 17 % 2500000 ELSE 2700000 + i * 331 % 28800000 END AS age FROM n),
        (SELECT channel_id FROM link LIMIT 1) l";
/// What came in: $1 messages over $2 threads; $3 is the present in milliseconds.
const INBOX: &str = "
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
    INSERT INTO inbox (seq, source, key, thread_id, event_json, received_at, done_at, ignored)
    SELECT b.seq + i, CASE i % 2 WHEN 0 THEN 'slack' ELSE 'zendesk' END,
        CASE i % 2 WHEN 0 THEN printf('C0000000%03d:%d.%06d', i % 500, $3 / 1000 - 31536000 + i * 6, i)
            ELSE lower(hex(randomblob(16))) END,
        printf('old-%08d', 1 + i % $2),
        CASE WHEN i * 12 > $1 * 11 THEN e.event_json END, $3 - ($1 - i) * 6307, $3 - ($1 - i) * 6307 + 900, NULL
    FROM n, (SELECT max(seq) AS seq FROM inbox) b,
        (SELECT event_json FROM inbox WHERE event_json IS NOT NULL ORDER BY length(event_json) DESC LIMIT 1) e";
/// What was sent for it.
const OUTBOX: &str = "
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
    INSERT INTO outbox (id, thread_id, effect_id, vendor, effect_json, decided_at, caused_at, not_before, attempts,
        attempted_at, doubtful, problem, state, result, settled_at)
    SELECT b.id + i, printf('old-%08d', 1 + i % $2),
        CASE i % 2 WHEN 0 THEN printf('reply:%d.%06d', $3 / 1000 - 31536000 + i * 6, i)
            ELSE 'post:' || lower(hex(randomblob(16))) || '/0' END,
        CASE i % 2 WHEN 0 THEN 'zendesk' ELSE 'slack' END,
        CASE WHEN i * 12 > $1 * 11 THEN e.effect_json END,
        at, at - 500, 0, 1, at + 1, 0, NULL, 'done', 'r' || i, at + 400
    FROM (SELECT i, $3 - ($1 - i) * 6307 AS at FROM n), (SELECT max(id) AS id FROM outbox) b,
        (SELECT effect_json FROM outbox WHERE effect_json IS NOT NULL ORDER BY length(effect_json) DESC LIMIT 1) e";

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure())
}

async fn measure() -> ExitCode {
    let number = |name: &str, default: i64| {
        std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    let (threads, messages) = (number("THREADS", 100_000), number("MESSAGES", 5_000_000));
    let (mut small, mut large) = (Side::new().await, Side::new().await);
    let begun = Instant::now();
    large.fill(threads, messages).await;
    let bytes = std::fs::metadata(large.house.database()).map_or(0, |file| file.len());
    println!(
        "{threads} threads and {messages} messages take {} MiB; written in {:.0} s",
        bytes >> 20,
        begun.elapsed().as_secs_f64()
    );

    let mut starts = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        starts.0.push(small.start().await);
        starts.1.push(large.start().await);
    }
    let starts = (median(&mut starts.0), starts.1.iter().copied().fold(0.0, f64::max));
    println!("start to ready: {:.0} ms small, at most {:.0} ms large", starts.0 * 1000.0, starts.1 * 1000.0);

    let mut idle = (Vec::new(), Vec::new());
    for _ in 0..10 {
        idle.0.push(small.idle_minute().await);
        idle.1.push(large.idle_minute().await);
    }
    let idle = (median(&mut idle.0), median(&mut idle.1));
    println!("an idle minute: {:.1} ms of work small, {:.1} ms large", idle.0 * 1000.0, idle.1 * 1000.0);

    let mut met = starts.1 < 2.0;
    for (name, from_slack) in [("from Slack to Zendesk", true), ("from Zendesk to Slack", false)] {
        let mut took = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            took.0.push(small.message(round, from_slack).await);
            took.1.push(large.message(round, from_slack).await);
        }
        let (least, most) = (median(&mut took.0), median(&mut took.1));
        let ratio = most / least;
        println!("a message {name}: {:.2} ms small, {:.2} ms large, {ratio:.2} times", least * 1000.0, most * 1000.0);
        met &= ratio <= 1.1;
    }
    small.house.ends_quietly().await;
    large.house.ends_quietly().await;
    println!("{}", if met { "within 10 %, ready within 2 s" } else { "NOT within 10 % and 2 s" });
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// An app with its firm.
struct Side {
    house: House,
    /// The side conversations with channel and parent.
    bridged: Vec<(String, String, String)>,
}

impl Side {
    async fn new() -> Side {
        let house = House::new().await;
        let mut bridged = Vec::new();
        for n in 0..BRIDGED {
            let ticket = house.zendesk.add_ticket(TicketSpec {
                subject: format!("Scanner {n}"),
                description: "It is down.".into(),
                requester_id: house.carla,
                assignee_id: Some(house.zoe),
                status: "open".into(),
                ..Default::default()
            });
            let to = ["engineering@slack.acme.example"];
            let id = house.zendesk.start_side_conversation(house.zoe, ticket, &to, "Scanner", "<p>Down?</p>");
            house.settle().await;
            let (channel, ts) = house.thread(&id);
            house
                .slack
                .say(&house.ana, &channel, Some(&ts), "On my way, with a new battery and the long cable.")
                .unwrap();
            house.settle().await;
            bridged.push((id, channel, ts));
        }
        Side { house, bridged }
    }

    async fn fill(&self, threads: i64, messages: i64) {
        self.house.app.store().close().await;
        let options = SqliteConnectOptions::new()
            .filename(self.house.database())
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off)
            .pragma("cache_size", "-4000000");
        let pool = SqlitePool::connect_with(options).await.expect("the database opens");
        sqlx::query(THREADS).bind(threads).execute(&pool).await.expect("threads");
        sqlx::query(LINKS).bind(threads).bind(START_MS / 1000).execute(&pool).await.expect("links");
        for statement in [INBOX, OUTBOX] {
            let query = sqlx::query(statement).bind(messages).bind(threads).bind(START_MS);
            query.execute(&pool).await.expect("messages");
        }
        pool.close().await;
    }

    /// Starts the app anew; in how many seconds it was ready.
    async fn start(&mut self) -> f64 {
        self.house.leave().await;
        let begun = Instant::now();
        self.house.start().await;
        let took = begun.elapsed().as_secs_f64();
        self.house.settle().await;
        took
    }

    /// How many seconds of work a minute makes in which nothing happens.
    async fn idle_minute(&self) -> f64 {
        let begun = Instant::now();
        self.house.pass(Duration::from_secs(60)).await;
        begun.elapsed().as_secs_f64()
    }

    /// How many seconds one more message takes.
    async fn message(&self, round: usize, from_slack: bool) -> f64 {
        let (id, channel, ts) = &self.bridged[round % BRIDGED];
        let house = &self.house;
        house.clock.advance(Duration::from_millis(1100));
        house.settle_within(Duration::ZERO).await;
        let before = if from_slack { house.replies(id).len() } else { house.said(id).len() };
        let begun = Instant::now();
        if from_slack {
            house.slack.say(&house.ben, channel, Some(ts), &format!("message {round}")).unwrap();
        } else {
            house.zendesk.reply(house.zoe, id, &format!("<p>message {round}</p>"));
        }
        house.settle_within(Duration::ZERO).await;
        let took = begun.elapsed().as_secs_f64();
        let after = if from_slack { house.replies(id).len() } else { house.said(id).len() };
        assert_eq!(after, before + 1, "message {round} did not arrive at once");
        took
    }
}

fn median(of: &mut [f64]) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}
