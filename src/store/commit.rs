//! What can be written together, and the statements that write it.
//!
//! Every statement takes its rows as one JSON array, so that a transaction for many commits has as many
//! statements as one for a single commit, and all SQL is static.

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::{Row, SqliteConnection};

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
}

/// An event that has come in.
#[derive(Debug, Clone, Serialize)]
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
    /// Why it asks for nothing, if that is known already: it is done as soon as it is written.
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
#[derive(Debug, Clone, Serialize)]
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
#[derive(Debug, Clone, Serialize)]
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
#[derive(Debug, Clone, Serialize)]
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
#[derive(Debug, Clone, Serialize)]
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
#[derive(Debug, Clone, Serialize)]
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

const SETTINGS: &str = "INSERT INTO setting (name, value)
    SELECT value ->> 0, value ->> 1 FROM json_each($1) WHERE true
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const INBOX: &str = "INSERT INTO inbox (seq, source, key, thread_id, event_json, received_at, done_at, ignored)
    SELECT $2 + key, value ->> 'source', value ->> 'key', value ->> 'thread_id', value -> 'event', value ->> 'received_at',
           CASE WHEN value ->> 'ignored' IS NOT NULL THEN value ->> 'received_at' END, value ->> 'ignored'
    FROM json_each($1) WHERE true
    ON CONFLICT (source, key) DO NOTHING RETURNING seq";
const UNREAD: &str = "INSERT INTO unread (key, source, thread_id, raw, reason, received_at)
    SELECT value ->> 'key', value ->> 'source', value ->> 'thread_id', value ->> 'raw', value ->> 'reason', value ->> 'received_at'
    FROM json_each($1) WHERE true ON CONFLICT (key) DO NOTHING";
const HELD: &str = "INSERT INTO held (key, channel_id, thread_ts, event_json, received_at)
    SELECT value ->> 'key', value ->> 'channel_id', value ->> 'thread_ts', value -> 'event', value ->> 'received_at'
    FROM json_each($1) WHERE true ON CONFLICT (key) DO NOTHING";
const THREADS: &str = "INSERT INTO thread (id, side_conversation_id, ticket_id, place, state, thread_json, card_json, updated_at)
    SELECT value ->> 'id', value ->> 'side_conversation_id', value ->> 'ticket_id', value ->> 'place', value ->> 'state',
           value -> 'thread', nullif(value -> 'card', 'null'), value ->> 'updated_at'
    FROM json_each($1) WHERE true
    ON CONFLICT (id) DO UPDATE SET side_conversation_id = excluded.side_conversation_id, ticket_id = excluded.ticket_id,
        place = excluded.place, state = excluded.state, thread_json = excluded.thread_json,
        card_json = coalesce(excluded.card_json, thread.card_json), updated_at = excluded.updated_at";
const LINKS: &str = "INSERT INTO link (channel_id, thread_ts, thread_id, side_conversation_id, ticket_id, linked_at)
    SELECT value ->> 'channel_id', value ->> 'thread_ts', value ->> 'thread_id', value ->> 'side_conversation_id',
           value ->> 'ticket_id', value ->> 'linked_at'
    FROM json_each($1) WHERE true
    ON CONFLICT (thread_id) DO UPDATE SET channel_id = excluded.channel_id, thread_ts = excluded.thread_ts,
        side_conversation_id = excluded.side_conversation_id, ticket_id = excluded.ticket_id";
const DONE: &str = "UPDATE inbox SET done_at = j.value ->> 'done_at', ignored = j.value ->> 'ignored',
        event_json = CASE WHEN j.value ->> 'forget' THEN NULL ELSE inbox.event_json END
    FROM json_each($1) AS j WHERE inbox.seq = (j.value ->> 'seq')";
const SETTLED: &str = "UPDATE outbox SET state = j.value ->> 'state', result = j.value ->> 'result',
        problem = coalesce(j.value ->> 'problem', outbox.problem), settled_at = j.value ->> 'settled_at', doubtful = 0
    FROM json_each($1) AS j WHERE outbox.id = (j.value ->> 'id') AND outbox.state = 'waiting'";
const ATTEMPTS: &str =
    "UPDATE outbox SET attempts = outbox.attempts + 1, attempted_at = j.value ->> 'attempted_at', doubtful = 1
    FROM json_each($1) AS j WHERE outbox.id = (j.value ->> 'id') AND outbox.state = 'waiting'";
const DELAYS: &str = "UPDATE outbox SET not_before = j.value ->> 'not_before', attempts = j.value ->> 'attempts',
        doubtful = j.value ->> 'doubtful', problem = j.value ->> 'problem'
    FROM json_each($1) AS j WHERE outbox.id = (j.value ->> 'id') AND outbox.state = 'waiting'";
const OUTBOX: &str = "INSERT INTO outbox (id, thread_id, effect_id, vendor, effect_json, decided_at, caused_at, not_before,
        attempts, attempted_at, doubtful, state)
    SELECT $2 + key, value ->> 'thread_id', value ->> 'effect_id', value ->> 'vendor', value -> 'effect', value ->> 'decided_at',
           value ->> 'caused_at', value ->> 'not_before', value ->> 'attempts',
           CASE WHEN (value ->> 'attempts') > 0 THEN value ->> 'decided_at' END, value ->> 'attempts', 'waiting'
    FROM json_each($1) WHERE true
    ON CONFLICT (thread_id, effect_id) DO NOTHING RETURNING id";
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
    commits: &mut [Commit],
) -> Result<Vec<Committed>, sqlx::Error> {
    let mut results: Vec<Committed> = commits.iter().map(|_| Committed::default()).collect();

    let inbox: Vec<&InboxWrite> = commits.iter().flat_map(|c| &c.inbox).collect();
    if !inbox.is_empty() {
        let first = counters.seq;
        counters.seq += inbox.len() as i64;
        let new = inserted(tx, INBOX, &inbox, first).await?;
        let mut at = first;
        for (commit, result) in commits.iter().zip(&mut results) {
            result.inbox = given(&mut at, commit.inbox.len(), &new);
        }
    }
    each(tx, SETTINGS, commits.iter().flat_map(|c| &c.settings)).await?;
    each(tx, UNREAD, commits.iter().flat_map(|c| &c.unread)).await?;
    each(tx, HELD, commits.iter().flat_map(|c| &c.held)).await?;
    each(tx, THREADS, commits.iter().flat_map(|c| &c.threads)).await?;
    each(tx, LINKS, commits.iter().flat_map(|c| &c.links)).await?;
    each(tx, DONE, commits.iter().flat_map(|c| &c.done)).await?;
    each(tx, SETTLED, commits.iter().flat_map(|c| &c.settled)).await?;
    each(tx, DELAYS, commits.iter().flat_map(|c| &c.delays)).await?;
    each(tx, ATTEMPTS, commits.iter().flat_map(|c| &c.attempts)).await?;

    let outbox: Vec<&OutboxWrite> = commits.iter().flat_map(|c| &c.outbox).collect();
    if !outbox.is_empty() {
        let first = counters.id;
        counters.id += outbox.len() as i64;
        let new = inserted(tx, OUTBOX, &outbox, first).await?;
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

async fn inserted<T: Serialize>(
    tx: &mut SqliteConnection,
    sql: &'static str,
    rows: &[T],
    first: i64,
) -> Result<Vec<i64>, sqlx::Error> {
    let mut new = Vec::with_capacity(rows.len());
    for row in sqlx::query(sql).bind(json(rows)?).bind(first).fetch_all(&mut *tx).await? {
        new.push(row.try_get::<i64, _>(0)?);
    }
    new.sort_unstable();
    Ok(new)
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
            ignored: None,
        });
    }
    let first = counters.seq;
    counters.seq += writes.len() as i64;
    let new = inserted(tx, INBOX, &writes, first).await?;
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
