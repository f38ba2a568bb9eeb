//! What can be written together, and the statements that write it.
//!
//! A transaction for many commits has hardly more statements than one for a single commit. What every message needs
//! goes in rows of bound values, 64 at most in a statement, filled up to a power of two, so that few statements are
//! ever prepared ([`Rows`]); what is rare takes its rows as one JSON array, which is simpler and costs several times as
//! much.

use std::sync::OnceLock;

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::read::InboxRow;

/// Rows that are written together or not at all.
#[derive(Debug, Default)]
pub struct Commit {
    /// Facts to remember.
    pub settings: Vec<(&'static str, String)>,
    /// Events that have come in.
    pub inbox: Vec<InboxWrite>,
    /// Deliveries that cannot be read.
    pub unread: Vec<UnreadWrite>,
    /// Slack messages that may belong to a card on its way.
    pub held: Vec<HeldWrite>,
    /// Threads as they are now.
    pub threads: Vec<ThreadWrite>,
    /// Threads that stand in Slack.
    pub links: Vec<LinkWrite>,
    /// Events that are handled.
    pub done: Vec<Done>,
    /// Calls that are settled.
    pub settled: Vec<Settle>,
    /// Calls that are about to be made.
    pub attempts: Vec<Attempt>,
    /// Calls that have to wait.
    pub delays: Vec<Delay>,
    /// What was decided.
    pub outbox: Vec<OutboxWrite>,
    /// Held messages whose thread is linked.
    pub releases: Vec<Release>,
    /// How far threads were read through.
    pub swept: Vec<Swept>,
    /// Tickets that shall be read, with the time.
    pub nudges: Vec<(i64, i64)>,
    /// Tickets that were read, with the count of nudges that the read answers.
    pub nudges_answered: Vec<(i64, i64)>,
    /// Held messages received before this time are forgotten.
    pub forget_held_before: Option<i64>,
    /// Settled rows older than this lose their payload.
    pub blank_before: Option<i64>,
    /// What was decided about an event that is written here for the first time. If that event was known, nothing of the
    /// commit is written.
    pub unless_known: bool,
}

/// An event that has come in.
#[derive(Debug, Clone)]
pub struct InboxWrite {
    /// `slack` or `zendesk`.
    pub source: &'static str,
    /// What makes it the same as a repetition.
    pub key: String,
    /// The thread it concerns.
    pub thread_id: String,
    /// The event.
    pub event: Box<RawValue>,
    /// When it came, in milliseconds since 1970.
    pub received_at: i64,
    /// Whether it is done as soon as it is written.
    pub done: bool,
    /// Why it asks for nothing, if that is known already.
    pub ignored: Option<&'static str>,
}

/// A delivery that names a bridged thread but cannot be read.
#[derive(Debug, Clone, Serialize)]
pub struct UnreadWrite {
    /// What makes it the same as a repetition.
    pub key: String,
    /// `slack` or `zendesk`.
    pub source: &'static str,
    /// The thread it concerns.
    pub thread_id: String,
    /// The body as it came.
    pub raw: String,
    /// What cannot be read.
    pub reason: String,
    /// When it came, in milliseconds since 1970.
    pub received_at: i64,
}

/// A Slack message that may belong to a card on its way.
#[derive(Debug, Clone, Serialize)]
pub struct HeldWrite {
    /// What makes it the same as a repetition.
    pub key: String,
    /// The channel.
    pub channel_id: String,
    /// The parent of its thread.
    pub thread_ts: String,
    /// The event.
    pub event: Box<RawValue>,
    /// When it came, in milliseconds since 1970.
    pub received_at: i64,
}

/// A thread as it is now.
#[derive(Debug, Clone)]
pub struct ThreadWrite {
    /// Its id.
    pub id: String,
    /// The side conversation.
    pub side_conversation_id: String,
    /// The ticket.
    pub ticket_id: i64,
    /// How far the link has come.
    pub place: &'static str,
    /// `open` or `closed`.
    pub state: &'static str,
    /// The thread.
    pub thread: Box<RawValue>,
    /// The card, if it changed.
    pub card: Option<Box<RawValue>>,
    /// When, in milliseconds since 1970.
    pub updated_at: i64,
}

/// A thread that stands in Slack.
#[derive(Debug, Clone, Serialize)]
pub struct LinkWrite {
    /// The channel.
    pub channel_id: String,
    /// The thread's parent.
    pub thread_ts: String,
    /// The thread.
    pub thread_id: String,
    /// The side conversation.
    pub side_conversation_id: String,
    /// The ticket.
    pub ticket_id: i64,
    /// When, in milliseconds since 1970.
    pub linked_at: i64,
}

/// An event that is handled.
#[derive(Debug, Clone)]
pub struct Done {
    /// Which.
    pub seq: i64,
    /// When, in milliseconds since 1970.
    pub done_at: i64,
    /// Why it asked for nothing.
    pub ignored: Option<&'static str>,
    /// Whether its payload is none of the app's business and only its key is kept.
    pub forget: bool,
}

/// Something that was decided.
#[derive(Debug, Clone)]
pub struct OutboxWrite {
    /// The thread.
    pub thread_id: String,
    /// The effect's name.
    pub effect_id: String,
    /// `slack` or `zendesk`.
    pub vendor: &'static str,
    /// The effect.
    pub effect: Box<RawValue>,
    /// When it was decided, in milliseconds since 1970.
    pub decided_at: i64,
    /// When its cause happened at the vendor, in milliseconds since 1970.
    pub caused_at: i64,
    /// Not to be done earlier, in milliseconds since 1970.
    pub not_before: i64,
    /// 1 if its first call follows at once.
    pub attempts: i64,
}

/// A call that is settled.
#[derive(Debug, Clone)]
pub struct Settle {
    /// Which.
    pub id: i64,
    /// `done` or `parked`.
    pub state: &'static str,
    /// What it is called at the vendor.
    pub result: Option<String>,
    /// Why it is parked.
    pub problem: Option<String>,
    /// When, in milliseconds since 1970.
    pub settled_at: i64,
}

/// A call that is about to be made.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Which.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub attempted_at: i64,
}

/// A call that has to wait.
#[derive(Debug, Clone, Serialize)]
pub struct Delay {
    /// Which.
    pub id: i64,
    /// Until when, in milliseconds since 1970.
    pub not_before: i64,
    /// How many attempts count.
    pub attempts: i64,
    /// Whether it may have been done.
    pub doubtful: bool,
    /// What the answer said.
    pub problem: String,
}

/// Held messages whose thread is linked.
#[derive(Debug, Clone)]
pub struct Release {
    /// The channel.
    pub channel_id: String,
    /// The thread's parent.
    pub thread_ts: String,
    /// The thread.
    pub thread_id: String,
}

/// How far a thread was read through.
#[derive(Debug, Clone, Serialize)]
pub struct Swept {
    /// The channel.
    pub channel_id: String,
    /// The thread's parent.
    pub thread_ts: String,
    /// The newest message that was read.
    pub swept_ts: String,
}

/// What a commit made.
#[derive(Debug, Default)]
pub struct Committed {
    /// The place of each event that came in, or `None` if it was known.
    pub inbox: Vec<Option<i64>>,
    /// The id of each effect, or `None` if it was decided before.
    pub outbox: Vec<Option<i64>>,
    /// Held messages that are events of their thread.
    pub released: Vec<InboxRow>,
}

impl Committed {
    /// Whether an event that came in had come before.
    pub fn is_known(&self) -> bool {
        self.inbox.contains(&None)
    }
}

const SETTINGS: &str = "INSERT INTO setting (name, value)
    SELECT value ->> 0, value ->> 1 FROM json_each($1) WHERE true
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
// column1 and so on are the names that SQLite and PostgreSQL give the columns of VALUES.
static INBOX: Rows = Rows::new(
    "INSERT INTO inbox (seq, source, key, thread_id, event_json, received_at, done_at, ignored)
        SELECT column1, column2, column3, column4, column5, column6, column7, column8 FROM (VALUES",
    8,
    ") AS j WHERE column1 IS NOT NULL ON CONFLICT (source, key) DO NOTHING",
);
const INBOX_NEW: &str = "SELECT seq FROM inbox WHERE seq >= $1 AND seq < $2 ORDER BY seq";
const UNREAD: &str = "INSERT INTO unread (key, source, thread_id, raw, reason, received_at)
    SELECT value ->> 'key', value ->> 'source', value ->> 'thread_id', value ->> 'raw', value ->> 'reason', value ->> 'received_at'
    FROM json_each($1) WHERE true ON CONFLICT (key) DO NOTHING";
const HELD: &str = "INSERT INTO held (key, channel_id, thread_ts, event_json, received_at)
    SELECT value ->> 'key', value ->> 'channel_id', value ->> 'thread_ts', value -> 'event', value ->> 'received_at'
    FROM json_each($1) WHERE true ON CONFLICT (key) DO NOTHING";
static THREADS: Rows = Rows::new(
    "INSERT INTO thread (id, side_conversation_id, ticket_id, place, state, thread_json, card_json, updated_at)
        SELECT column1, column2, column3, column4, column5, column6, column7, column8 FROM (VALUES",
    8,
    ") AS j WHERE column1 IS NOT NULL
        ON CONFLICT (id) DO UPDATE SET side_conversation_id = excluded.side_conversation_id, ticket_id = excluded.ticket_id,
        place = excluded.place, state = excluded.state, thread_json = excluded.thread_json,
        card_json = coalesce(excluded.card_json, thread.card_json), updated_at = excluded.updated_at",
);
const LINKS: &str = "INSERT INTO link (channel_id, thread_ts, thread_id, side_conversation_id, ticket_id, linked_at)
    SELECT value ->> 'channel_id', value ->> 'thread_ts', value ->> 'thread_id', value ->> 'side_conversation_id',
           value ->> 'ticket_id', value ->> 'linked_at'
    FROM json_each($1) WHERE true
    ON CONFLICT (thread_id) DO UPDATE SET channel_id = excluded.channel_id, thread_ts = excluded.thread_ts,
        side_conversation_id = excluded.side_conversation_id, ticket_id = excluded.ticket_id";
// An upsert writes the indexes of every column that it names, changed or not: three pages for each thread instead of
// one. So what changes with every message has a statement of its own.
static THREADS_GO_ON: Rows = Rows::new(
    "UPDATE thread SET place = j.column4, state = j.column5, thread_json = j.column6,
        card_json = coalesce(j.column7, thread.card_json), updated_at = j.column8 FROM (VALUES",
    8,
    ") AS j WHERE thread.id = j.column1 AND thread.side_conversation_id = j.column2 AND thread.ticket_id = j.column3",
);
static DONE: Rows = Rows::new(
    "UPDATE inbox SET done_at = j.column2, ignored = j.column3,
        event_json = CASE WHEN j.column4 THEN NULL ELSE inbox.event_json END FROM (VALUES",
    4,
    ") AS j WHERE inbox.seq = j.column1",
);
static SETTLED: Rows = Rows::new(
    "UPDATE outbox SET state = j.column2, result = j.column3, problem = coalesce(j.column4, outbox.problem),
        settled_at = j.column5, doubtful = 0 FROM (VALUES",
    5,
    ") AS j WHERE outbox.id = j.column1 AND outbox.state = 'waiting'",
);
static ATTEMPTS: Rows = Rows::new(
    "UPDATE outbox SET attempts = outbox.attempts + 1, attempted_at = j.column2, doubtful = 1 FROM (VALUES",
    2,
    ") AS j WHERE outbox.id = j.column1 AND outbox.state = 'waiting'",
);
const DELAYS: &str = "UPDATE outbox SET not_before = j.value ->> 'not_before', attempts = j.value ->> 'attempts',
        doubtful = j.value ->> 'doubtful', problem = j.value ->> 'problem'
    FROM json_each($1) AS j WHERE outbox.id = (j.value ->> 'id') AND outbox.state = 'waiting'";
static OUTBOX: Rows = Rows::new(
    "INSERT INTO outbox (id, thread_id, effect_id, vendor, effect_json, decided_at, caused_at, not_before, attempts,
        attempted_at, doubtful, state)
        SELECT column1, column2, column3, column4, column5, column6, column7, column8, column9, column10, column9, 'waiting'
        FROM (VALUES",
    10,
    ") AS j WHERE column1 IS NOT NULL ON CONFLICT (effect_id, thread_id) DO NOTHING",
);
const OUTBOX_NEW: &str = "SELECT id FROM outbox WHERE id >= $1 AND id < $2 ORDER BY id";
const RELEASED: &str =
    "SELECT key, event_json, received_at FROM held WHERE channel_id = $1 AND thread_ts = $2 ORDER BY received_at, key";
const UNHOLD: &str = "DELETE FROM held WHERE channel_id = $1 AND thread_ts = $2";
const SWEPT: &str = "UPDATE link SET swept_ts = j.value ->> 'swept_ts' FROM json_each($1) AS j
    WHERE link.channel_id = (j.value ->> 'channel_id') AND link.thread_ts = (j.value ->> 'thread_ts')";
const NUDGES: &str = "INSERT INTO nudge (ticket_id, asked, asked_at)
    SELECT value ->> 0, 1, value ->> 1 FROM json_each($1) WHERE true
    ON CONFLICT (ticket_id) DO UPDATE SET asked = nudge.asked + 1";
const NUDGES_ANSWERED: &str = "DELETE FROM nudge WHERE EXISTS (
    SELECT 1 FROM json_each($1) AS j WHERE nudge.ticket_id = (j.value ->> 0) AND nudge.asked <= (j.value ->> 1))";
const BLANK_UNREAD: &str = "UPDATE unread SET raw = '' WHERE received_at < $1 AND raw <> ''";
const FORGET_HELD: &str = "DELETE FROM held WHERE received_at < $1";
const BLANK_INBOX: &str = "UPDATE inbox SET event_json = NULL WHERE seq IN (
    SELECT seq FROM inbox WHERE seq >= coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'blanked_inbox'), 0)
        AND done_at < $1 AND event_json IS NOT NULL ORDER BY seq LIMIT 500)";
const BLANK_OUTBOX: &str = "UPDATE outbox SET effect_json = NULL WHERE id IN (
    SELECT id FROM outbox WHERE id >= coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'blanked_outbox'), 0)
        AND settled_at < $1 AND effect_json IS NOT NULL ORDER BY id LIMIT 500)";
const BLANKED_INBOX: &str = "INSERT INTO setting (name, value)
    SELECT 'blanked_inbox', coalesce(min(seq), 0) FROM inbox WHERE event_json IS NOT NULL
    AND seq >= coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'blanked_inbox'), 0)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const BLANKED_OUTBOX: &str = "INSERT INTO setting (name, value)
    SELECT 'blanked_outbox', coalesce(min(id), 0) FROM outbox WHERE effect_json IS NOT NULL
    AND id >= coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'blanked_outbox'), 0)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// How many rows share a statement at most, as a power of two.
const POWERS: usize = 6;

/// A statement that takes many rows of bound values, and passes over rows whose first value is NULL: they fill it up to
/// a power of two.
struct Rows {
    before: &'static str,
    columns: usize,
    after: &'static str,
    texts: [OnceLock<String>; POWERS + 1],
}

type Bound<'a> = sqlx::query::Query<'a, Sqlite, SqliteArguments>;

impl Rows {
    const fn new(before: &'static str, columns: usize, after: &'static str) -> Rows {
        Rows { before, columns, after, texts: [const { OnceLock::new() }; POWERS + 1] }
    }

    /// Runs it for all `rows`, whose ids begin at `first` where they have one; says how many it wrote. `bind` binds the
    /// columns of a row in turn.
    async fn run<T: Sync>(
        &'static self,
        tx: &mut SqliteConnection,
        rows: &[&T],
        first: i64,
        bind: for<'a> fn(Bound<'a>, i64, &'a T) -> Bound<'a>,
    ) -> Result<u64, sqlx::Error> {
        let mut written = 0;
        let mut id = first;
        for some in rows.chunks(1 << POWERS) {
            let power = some.len().next_power_of_two().ilog2();
            let mut query = sqlx::query(self.text(power as usize));
            for row in some {
                query = bind(query, id, row);
                id += 1;
            }
            for _ in some.len() * self.columns..self.columns << power {
                query = query.bind(None::<i64>);
            }
            written += query.execute(&mut *tx).await?.rows_affected();
        }
        Ok(written)
    }

    fn text(&'static self, power: usize) -> &'static str {
        self.texts[power].get_or_init(|| {
            let mut text = self.before.to_owned();
            // Without numbers: for a named parameter the driver asks SQLite for its name, which looks through all of them.
            let row = format!("({})", ["?"].repeat(self.columns).join(", "));
            text.push(' ');
            text.push_str(&[row.as_str()].repeat(1 << power).join(", "));
            text.push(' ');
            text.push_str(self.after);
            text
        })
    }
}

/// The next free ids; they come from the one writer, in the order of its commits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counters {
    pub seq: i64,
    pub id: i64,
}

/// Writes several commits on an open transaction; `results` come in the order of `commits`.
pub(super) async fn write(
    tx: &mut SqliteConnection,
    counters: &mut Counters,
    commits: &[Commit],
) -> Result<Vec<Committed>, sqlx::Error> {
    let mut results: Vec<Committed> = commits.iter().map(|_| Committed::default()).collect();

    let inbox: Vec<&InboxWrite> = commits.iter().flat_map(|c| &c.inbox).collect();
    if !inbox.is_empty() {
        let first = counters.seq;
        counters.seq += inbox.len() as i64;
        let new = insert_inbox(tx, &inbox, first).await?;
        let mut at = first;
        for (commit, result) in commits.iter().zip(&mut results) {
            result.inbox = given(&mut at, commit.inbox.len(), &new);
        }
    }
    let nothing = Commit::default();
    let commits: Vec<&Commit> = commits
        .iter()
        .zip(&results)
        .map(|(commit, result)| if commit.unless_known && result.is_known() { &nothing } else { commit })
        .collect();
    each(tx, SETTINGS, commits.iter().flat_map(|c| &c.settings)).await?;
    each(tx, UNREAD, commits.iter().flat_map(|c| &c.unread)).await?;
    each(tx, HELD, commits.iter().flat_map(|c| &c.held)).await?;
    let threads: Vec<&ThreadWrite> = commits.iter().flat_map(|c| &c.threads).collect();
    if THREADS_GO_ON.run(tx, &threads, 0, bind_thread).await? < threads.len() as u64 {
        THREADS.run(tx, &threads, 0, bind_thread).await?;
    }
    each(tx, LINKS, commits.iter().flat_map(|c| &c.links)).await?;
    let done: Vec<&Done> = commits.iter().flat_map(|c| &c.done).collect();
    DONE.run(tx, &done, 0, bind_done).await?;
    let settled: Vec<&Settle> = commits.iter().flat_map(|c| &c.settled).collect();
    SETTLED.run(tx, &settled, 0, bind_settled).await?;
    each(tx, DELAYS, commits.iter().flat_map(|c| &c.delays)).await?;
    let attempts: Vec<&Attempt> = commits.iter().flat_map(|c| &c.attempts).collect();
    ATTEMPTS.run(tx, &attempts, 0, bind_attempt).await?;

    let outbox: Vec<&OutboxWrite> = commits.iter().flat_map(|c| &c.outbox).collect();
    if !outbox.is_empty() {
        let first = counters.id;
        counters.id += outbox.len() as i64;
        let new = insert_outbox(tx, &outbox, first).await?;
        let mut at = first;
        for (commit, result) in commits.iter().zip(&mut results) {
            result.outbox = given(&mut at, commit.outbox.len(), &new);
        }
    }
    each(tx, SWEPT, commits.iter().flat_map(|c| &c.swept)).await?;
    each(tx, NUDGES, commits.iter().flat_map(|c| &c.nudges)).await?;
    each(tx, NUDGES_ANSWERED, commits.iter().flat_map(|c| &c.nudges_answered)).await?;
    for (commit, result) in commits.iter().zip(&mut results) {
        for release in &commit.releases {
            result.released.extend(unhold(tx, counters, release).await?);
        }
        if let Some(before) = commit.forget_held_before {
            sqlx::query(FORGET_HELD).bind(before).execute(&mut *tx).await?;
        }
        if let Some(before) = commit.blank_before {
            sqlx::query(BLANK_INBOX).bind(before).execute(&mut *tx).await?;
            sqlx::query(BLANK_OUTBOX).bind(before).execute(&mut *tx).await?;
            sqlx::query(BLANK_UNREAD).bind(before).execute(&mut *tx).await?;
            sqlx::query(BLANKED_INBOX).execute(&mut *tx).await?;
            sqlx::query(BLANKED_OUTBOX).execute(&mut *tx).await?;
        }
    }
    Ok(results)
}

async fn each<'a, T: Serialize + 'a>(
    tx: &mut SqliteConnection,
    sql: &'static str,
    rows: impl Iterator<Item = &'a T>,
) -> Result<(), sqlx::Error> {
    let rows: Vec<&T> = rows.collect();
    if !rows.is_empty() {
        sqlx::query(sql).bind(json(&rows)?).execute(&mut *tx).await?;
    }
    Ok(())
}

async fn insert_inbox(tx: &mut SqliteConnection, rows: &[&InboxWrite], first: i64) -> Result<Vec<i64>, sqlx::Error> {
    let written = INBOX.run(tx, rows, first, bind_inbox).await?;
    new_ids(tx, INBOX_NEW, first, rows.len(), written).await
}

async fn insert_outbox(tx: &mut SqliteConnection, rows: &[&OutboxWrite], first: i64) -> Result<Vec<i64>, sqlx::Error> {
    let written = OUTBOX.run(tx, rows, first, bind_outbox).await?;
    new_ids(tx, OUTBOX_NEW, first, rows.len(), written).await
}

fn bind_inbox<'a>(query: Bound<'a>, seq: i64, row: &'a InboxWrite) -> Bound<'a> {
    query
        .bind(seq)
        .bind(row.source)
        .bind(&row.key)
        .bind(&row.thread_id)
        .bind(row.event.get())
        .bind(row.received_at)
        .bind(row.done.then_some(row.received_at))
        .bind(row.ignored)
}

fn bind_outbox<'a>(query: Bound<'a>, id: i64, row: &'a OutboxWrite) -> Bound<'a> {
    query
        .bind(id)
        .bind(&row.thread_id)
        .bind(&row.effect_id)
        .bind(row.vendor)
        .bind(row.effect.get())
        .bind(row.decided_at)
        .bind(row.caused_at)
        .bind(row.not_before)
        .bind(row.attempts)
        .bind((row.attempts > 0).then_some(row.decided_at))
}

fn bind_thread<'a>(query: Bound<'a>, _: i64, row: &'a ThreadWrite) -> Bound<'a> {
    query
        .bind(&row.id)
        .bind(&row.side_conversation_id)
        .bind(row.ticket_id)
        .bind(row.place)
        .bind(row.state)
        .bind(row.thread.get())
        .bind(row.card.as_ref().map(|card| card.get()))
        .bind(row.updated_at)
}

fn bind_done<'a>(query: Bound<'a>, _: i64, row: &'a Done) -> Bound<'a> {
    query.bind(row.seq).bind(row.done_at).bind(row.ignored).bind(row.forget)
}

fn bind_settled<'a>(query: Bound<'a>, _: i64, row: &'a Settle) -> Bound<'a> {
    query.bind(row.id).bind(row.state).bind(&row.result).bind(&row.problem).bind(row.settled_at)
}

fn bind_attempt<'a>(query: Bound<'a>, _: i64, row: &'a Attempt) -> Bound<'a> {
    query.bind(row.id).bind(row.attempted_at)
}

/// Which of `rows` ids from `first` on were inserted. All, most often; then nothing is asked.
async fn new_ids(
    tx: &mut SqliteConnection,
    sql: &'static str,
    first: i64,
    rows: usize,
    written: u64,
) -> Result<Vec<i64>, sqlx::Error> {
    let end = first + rows as i64;
    if written == rows as u64 {
        return Ok((first..end).collect());
    }
    let found = sqlx::query(sql).bind(first).bind(end).fetch_all(&mut *tx).await?;
    found.iter().map(|row| row.try_get(0)).collect()
}

fn given(at: &mut i64, rows: usize, new: &[i64]) -> Vec<Option<i64>> {
    let ids = *at..*at + rows as i64;
    *at += rows as i64;
    ids.map(|id| new.binary_search(&id).is_ok().then_some(id)).collect()
}

fn json<T: Serialize + ?Sized>(rows: &T) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

async fn unhold(
    tx: &mut SqliteConnection,
    counters: &mut Counters,
    release: &Release,
) -> Result<Vec<InboxRow>, sqlx::Error> {
    let rows = sqlx::query(RELEASED).bind(&release.channel_id).bind(&release.thread_ts).fetch_all(&mut *tx).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut writes = Vec::with_capacity(rows.len());
    for row in rows {
        let event: String = row.try_get(1)?;
        writes.push(InboxWrite {
            source: "slack",
            key: row.try_get(0)?,
            thread_id: release.thread_id.clone(),
            event: RawValue::from_string(event).map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            received_at: row.try_get(2)?,
            done: false,
            ignored: None,
        });
    }
    let first = counters.seq;
    counters.seq += writes.len() as i64;
    let new = insert_inbox(tx, &writes.iter().collect::<Vec<_>>(), first).await?;
    sqlx::query(UNHOLD).bind(&release.channel_id).bind(&release.thread_ts).execute(&mut *tx).await?;
    let mut at = first;
    let seqs = given(&mut at, writes.len(), &new);
    Ok(writes
        .into_iter()
        .zip(seqs)
        .filter_map(|(write, seq)| {
            Some(InboxRow { seq: seq?, thread_id: write.thread_id, event_json: write.event.get().to_owned() })
        })
        .collect())
}
