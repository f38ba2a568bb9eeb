//! The database as an operator looks at it: read only, without the lock, so also while the bridge runs.
//!
//! Events are found by their thread without an index: it would cost every message, for what is asked now and then.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrate;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{Connection, Row, SqliteConnection};

use super::{Store, StoreError, migrator};

/// A view of a database that another process may be writing.
pub struct Look {
    reader: SqlitePool,
}

/// Which threads are meant.
#[derive(Debug, Clone)]
pub enum Scope {
    /// The one of this id, or of this side conversation.
    SideConversation(String),
    /// All of this ticket.
    Ticket(i64),
    /// The one that stands at this place in Slack: channel and parent.
    Link(String, String),
}

/// A thread, as far as a trace needs it.
#[derive(Debug, Clone)]
pub struct TracedThread {
    /// Its id.
    pub id: String,
    /// The side conversation.
    pub side_conversation_id: String,
    /// The ticket.
    pub ticket_id: i64,
    /// How far the link to Slack has come.
    pub place: String,
    /// `open` or `closed`.
    pub state: String,
    /// The thread, as JSON.
    pub thread_json: String,
    /// Channel and parent, once it stands in Slack.
    pub link: Option<(String, String)>,
}

/// An event that has come in.
#[derive(Debug, Clone)]
pub struct TracedEvent {
    /// Its place in the order of arrival.
    pub seq: i64,
    /// Its thread.
    pub thread_id: String,
    /// `slack` or `zendesk`.
    pub source: String,
    /// What makes it the same as a repetition.
    pub key: String,
    /// The event, unless it was blanked.
    pub event_json: Option<String>,
    /// When it was stored, in milliseconds since 1970.
    pub received_at: i64,
    /// When it was handled, in milliseconds since 1970.
    pub done_at: Option<i64>,
    /// Why it asked for nothing.
    pub ignored: Option<String>,
}

/// A call that was decided.
#[derive(Debug, Clone)]
pub struct TracedCall {
    /// Its id.
    pub id: i64,
    /// Its thread.
    pub thread_id: String,
    /// The effect's name.
    pub effect_id: String,
    /// `slack` or `zendesk`.
    pub vendor: String,
    /// The effect, unless it was blanked.
    pub effect_json: Option<String>,
    /// When it was decided, in milliseconds since 1970.
    pub decided_at: i64,
    /// When its cause happened at the vendor, in milliseconds since 1970.
    pub caused_at: i64,
    /// Not to be done earlier, in milliseconds since 1970.
    pub not_before: i64,
    /// How many attempts were begun and count.
    pub attempts: i64,
    /// When the last one was begun, in milliseconds since 1970.
    pub attempted_at: Option<i64>,
    /// Whether one of them may have been done.
    pub doubtful: bool,
    /// What the last answer said.
    pub problem: Option<String>,
    /// How it stands.
    pub state: String,
    /// What it is called at the vendor.
    pub result: Option<String>,
    /// When it was settled, in milliseconds since 1970.
    pub settled_at: Option<i64>,
    /// The first of those that travel with it in one call, if any do.
    pub bundle: Option<i64>,
}

/// What came of a call that had to be made again.
#[derive(Debug, Clone)]
pub struct TracedAttempt {
    /// The call.
    pub outbox_id: i64,
    /// What the answer said.
    pub problem: String,
    /// When the call was begun, in milliseconds since 1970.
    pub begun_at: i64,
    /// When the problem was first seen, in milliseconds since 1970.
    pub first_at: i64,
    /// When it was last seen, in milliseconds since 1970.
    pub last_at: i64,
    /// How often it was seen.
    pub times: i64,
    /// Whether the call may have been done.
    pub doubtful: bool,
    /// When it was to be made again, in milliseconds since 1970.
    pub not_before: i64,
}

/// A call that was set aside for a person to look at.
#[derive(Debug, Clone)]
pub struct ParkedCall {
    /// The call.
    pub call: TracedCall,
    /// Its ticket.
    pub ticket_id: i64,
    /// Channel and parent, if its thread stands in Slack.
    pub link: Option<(String, String)>,
}

/// Something else that waits for a person: a delivery that does not read, or an event that nobody handles.
#[derive(Debug, Clone)]
pub struct SetAside {
    /// Its key or number.
    pub key: String,
    /// `slack` or `zendesk`.
    pub source: String,
    /// Its thread.
    pub thread_id: String,
    /// The ticket, if the thread is known.
    pub ticket_id: Option<i64>,
    /// When it came, in milliseconds since 1970.
    pub received_at: i64,
    /// Why it was not read; empty for an event.
    pub reason: String,
    /// What came, as it came or as it was read; blanked after a while.
    pub raw: Option<String>,
}

const THREAD: &str = "SELECT t.id, coalesce(t.thread_json ->> 'side_conversation_id', t.id), t.ticket_id, t.place, t.state, t.thread_json, l.channel_id,
        l.thread_ts FROM thread AS t LEFT JOIN link AS l ON l.thread_id = t.id WHERE t.id = $1 OR t.side_conversation_id = $1
        OR t.id IN (SELECT thread_id FROM side_conversation WHERE id = $1)";
const THREADS_OF_TICKET: &str = "SELECT t.id, coalesce(t.thread_json ->> 'side_conversation_id', t.id), t.ticket_id, t.place, t.state, t.thread_json,
        l.channel_id, l.thread_ts FROM thread AS t LEFT JOIN link AS l ON l.thread_id = t.id
    WHERE t.ticket_id = $1 OR t.id IN (SELECT thread_id FROM side_conversation WHERE ticket_id = $1)
    ORDER BY coalesce(l.linked_at, t.updated_at), t.id";
const THREAD_AT: &str =
    "SELECT t.id, coalesce(t.thread_json ->> 'side_conversation_id', t.id), t.ticket_id, t.place, t.state, t.thread_json, l.channel_id,
        l.thread_ts FROM link AS l JOIN thread AS t ON t.id = l.thread_id WHERE l.channel_id = $1 AND l.thread_ts = $2";
const EVENTS: &str = "SELECT seq, thread_id, source, key, event_json, received_at, done_at, ignored FROM inbox
    WHERE thread_id = $1 ORDER BY seq";
const EVENT: &str = "SELECT seq, thread_id, source, key, event_json, received_at, done_at, ignored FROM inbox
    WHERE source = $1 AND key = $2";
const HELD: &str = "SELECT 0, '', 'slack', key, event_json, received_at, NULL, NULL FROM held
    WHERE channel_id = $1 AND thread_ts = $2 ORDER BY received_at, key";
const CALLS: &str = "SELECT id, thread_id, effect_id, vendor, effect_json, decided_at, caused_at, not_before, attempts,
        attempted_at, doubtful, problem, state, result, settled_at, bundle FROM outbox WHERE thread_id = $1 ORDER BY id";
const ATTEMPTS: &str = "SELECT a.outbox_id, a.problem, a.begun_at, a.first_at, a.last_at, a.times, a.doubtful, a.not_before
    FROM attempt AS a WHERE a.outbox_id IN (SELECT value FROM json_each($1)) ORDER BY a.outbox_id, a.first_at, a.number";
const PARKED: &str =
    "SELECT o.id, o.thread_id, o.effect_id, o.vendor, o.effect_json, o.decided_at, o.caused_at, o.not_before,
        o.attempts, o.attempted_at, o.doubtful, o.problem, o.state, o.result, o.settled_at, o.bundle, t.ticket_id, l.channel_id,
        l.thread_ts
    FROM outbox AS o JOIN thread AS t ON t.id = o.thread_id LEFT JOIN link AS l ON l.thread_id = o.thread_id
    WHERE o.state = 'parked' AND ($1 IS NULL OR o.id = $1) ORDER BY o.settled_at, o.id";
const UNREAD: &str = "SELECT u.key, u.source, u.thread_id, t.ticket_id, u.received_at, u.reason, u.raw
    FROM unread AS u LEFT JOIN thread AS t ON t.id = u.thread_id ORDER BY u.received_at, u.key";
const NOT_HANDLED: &str =
    "SELECT CAST(i.seq AS TEXT), i.source, i.thread_id, t.ticket_id, i.received_at, '', i.event_json
    FROM inbox AS i LEFT JOIN thread AS t ON t.id = i.thread_id
    WHERE i.done_at IS NULL AND i.received_at < $1 ORDER BY i.seq";

impl Look {
    /// Opens a database to look at it.
    ///
    /// # Errors
    /// There is none, it is another version's, or it cannot be read: the text says what to do.
    pub async fn open(path: &Path) -> Result<Look, StoreError> {
        Store::is_there(path)?;
        let shown = path.display().to_string();
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(Duration::from_secs(5));
        check_schema(&shown, SqliteConnection::connect_with(&options).await?).await?;
        let reader = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        Ok(Look { reader })
    }

    /// The threads that are meant.
    ///
    /// # Errors
    /// The database failed.
    pub async fn threads(&self, scope: &Scope) -> Result<Vec<TracedThread>, StoreError> {
        let query = match scope {
            Scope::SideConversation(id) => sqlx::query(THREAD).bind(id),
            Scope::Ticket(id) => sqlx::query(THREADS_OF_TICKET).bind(id),
            Scope::Link(channel, ts) => sqlx::query(THREAD_AT).bind(channel).bind(ts),
        };
        let rows = query.fetch_all(&self.reader).await?;
        rows.iter().map(thread).collect()
    }

    /// Every event of a thread, in the order of arrival.
    ///
    /// # Errors
    /// The database failed.
    pub async fn events(&self, thread_id: &str) -> Result<Vec<TracedEvent>, StoreError> {
        let rows = sqlx::query(EVENTS).bind(thread_id).fetch_all(&self.reader).await?;
        rows.iter().map(event).collect()
    }

    /// One event by its key.
    ///
    /// # Errors
    /// The database failed.
    pub async fn event(&self, source: &str, key: &str) -> Result<Option<TracedEvent>, StoreError> {
        let row = sqlx::query(EVENT).bind(source).bind(key).fetch_optional(&self.reader).await?;
        row.as_ref().map(event).transpose()
    }

    /// Messages that wait for the card of this place in Slack.
    ///
    /// # Errors
    /// The database failed.
    pub async fn held(&self, channel_id: &str, thread_ts: &str) -> Result<Vec<TracedEvent>, StoreError> {
        let rows = sqlx::query(HELD).bind(channel_id).bind(thread_ts).fetch_all(&self.reader).await?;
        rows.iter().map(event).collect()
    }

    /// Every call of a thread, in the order in which they were decided.
    ///
    /// # Errors
    /// The database failed.
    pub async fn calls(&self, thread_id: &str) -> Result<Vec<TracedCall>, StoreError> {
        let rows = sqlx::query(CALLS).bind(thread_id).fetch_all(&self.reader).await?;
        rows.iter().map(call).collect()
    }

    /// What came of those calls that had to be made again.
    ///
    /// # Errors
    /// The database failed.
    pub async fn attempts(&self, calls: &[i64]) -> Result<Vec<TracedAttempt>, StoreError> {
        let ids = serde_json::to_string(calls).unwrap_or_default();
        let rows = sqlx::query(ATTEMPTS).bind(ids).fetch_all(&self.reader).await?;
        rows.iter().map(attempt).collect()
    }

    /// The calls that were set aside, oldest first; or the one of this id, if it was.
    ///
    /// # Errors
    /// The database failed.
    pub async fn parked(&self, id: Option<i64>) -> Result<Vec<ParkedCall>, StoreError> {
        let rows = sqlx::query(PARKED).bind(id).fetch_all(&self.reader).await?;
        rows.iter()
            .map(|row| Ok(ParkedCall { call: call(row)?, ticket_id: row.try_get(16)?, link: link(row, 17)? }))
            .collect()
    }

    /// Deliveries that name a bridged thread but do not read, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn unread(&self) -> Result<Vec<SetAside>, StoreError> {
        let rows = sqlx::query(UNREAD).fetch_all(&self.reader).await?;
        rows.iter().map(set_aside).collect()
    }

    /// Events that were stored before `before` (milliseconds since 1970) and are not handled.
    ///
    /// # Errors
    /// The database failed.
    pub async fn not_handled(&self, before: i64) -> Result<Vec<SetAside>, StoreError> {
        let rows = sqlx::query(NOT_HANDLED).bind(before).fetch_all(&self.reader).await?;
        rows.iter().map(set_aside).collect()
    }

    /// Lets go of the file.
    pub async fn close(&self) {
        self.reader.close().await;
    }
}

async fn check_schema(shown: &str, mut connection: SqliteConnection) -> Result<(), StoreError> {
    let mine = migrator();
    let applied = match connection.list_applied_migrations(&mine.table_name).await {
        Ok(applied) => applied,
        // A file without that table was never opened by the app.
        Err(_) => return Err(StoreError::Absent(shown.to_owned())),
    };
    connection.close().await?;
    if let Some(newer) = applied.iter().find(|step| !mine.version_exists(step.version)) {
        return Err(StoreError::Newer(shown.to_owned(), newer.version));
    }
    if mine.iter().any(|step| applied.iter().all(|done| done.version != step.version)) {
        return Err(StoreError::Older(shown.to_owned()));
    }
    Ok(())
}

fn link(row: &SqliteRow, at: usize) -> Result<Option<(String, String)>, StoreError> {
    let channel: Option<String> = row.try_get(at)?;
    let ts: Option<String> = row.try_get(at + 1)?;
    Ok(channel.zip(ts))
}

pub(super) fn thread(row: &SqliteRow) -> Result<TracedThread, StoreError> {
    Ok(TracedThread {
        id: row.try_get(0)?,
        side_conversation_id: row.try_get(1)?,
        ticket_id: row.try_get(2)?,
        place: row.try_get(3)?,
        state: row.try_get(4)?,
        thread_json: row.try_get(5)?,
        link: link(row, 6)?,
    })
}

pub(super) fn attempt(row: &SqliteRow) -> Result<TracedAttempt, StoreError> {
    Ok(TracedAttempt {
        outbox_id: row.try_get(0)?,
        problem: row.try_get(1)?,
        begun_at: row.try_get(2)?,
        first_at: row.try_get(3)?,
        last_at: row.try_get(4)?,
        times: row.try_get(5)?,
        doubtful: row.try_get::<i64, _>(6)? != 0,
        not_before: row.try_get(7)?,
    })
}

pub(super) fn event(row: &SqliteRow) -> Result<TracedEvent, StoreError> {
    Ok(TracedEvent {
        seq: row.try_get(0)?,
        thread_id: row.try_get(1)?,
        source: row.try_get(2)?,
        key: row.try_get(3)?,
        event_json: row.try_get(4)?,
        received_at: row.try_get(5)?,
        done_at: row.try_get(6)?,
        ignored: row.try_get(7)?,
    })
}

pub(super) fn call(row: &SqliteRow) -> Result<TracedCall, StoreError> {
    Ok(TracedCall {
        id: row.try_get(0)?,
        thread_id: row.try_get(1)?,
        effect_id: row.try_get(2)?,
        vendor: row.try_get(3)?,
        effect_json: row.try_get(4)?,
        decided_at: row.try_get(5)?,
        caused_at: row.try_get(6)?,
        not_before: row.try_get(7)?,
        attempts: row.try_get(8)?,
        attempted_at: row.try_get(9)?,
        doubtful: row.try_get::<i64, _>(10)? != 0,
        problem: row.try_get(11)?,
        state: row.try_get(12)?,
        result: row.try_get(13)?,
        settled_at: row.try_get(14)?,
        bundle: row.try_get(15)?,
    })
}

fn set_aside(row: &SqliteRow) -> Result<SetAside, StoreError> {
    Ok(SetAside {
        key: row.try_get(0)?,
        source: row.try_get(1)?,
        thread_id: row.try_get(2)?,
        ticket_id: row.try_get(3)?,
        received_at: row.try_get(4)?,
        reason: row.try_get(5)?,
        raw: row.try_get(6)?,
    })
}
