//! What is under way and what was lately, for a view that follows messages through the bridge.

use sqlx::{Connection, Row};

use super::look::{attempt, call, event, thread};
use super::{Store, StoreError, TracedAttempt, TracedCall, TracedEvent, TracedThread};

/// The latest events and calls, and all that wait.
#[derive(Debug, Clone, Default)]
pub struct Lanes {
    /// Events, in the order of arrival.
    pub events: Vec<TracedEvent>,
    /// Calls, in the order in which they were decided.
    pub calls: Vec<TracedCall>,
    /// What came of those calls that had to be made again.
    pub attempts: Vec<TracedAttempt>,
    /// The threads of both.
    pub threads: Vec<TracedThread>,
    /// Tickets that shall be read, each with the time of the nudge in milliseconds since 1970.
    pub nudges: Vec<(i64, i64)>,
    /// Slack messages that wait for the card of their thread; they have no number and no thread yet.
    pub held_events: Vec<TracedEvent>,
    /// How many of those there are.
    pub held: i64,
    /// How many events are not handled.
    pub unhandled: i64,
    /// How many calls wait.
    pub waiting: i64,
    /// How many calls are parked.
    pub parked: i64,
}

/// The most of each kind that waits and is shown.
const MOST_WAITING: i64 = 100;

const EVENTS: &str = "SELECT seq, thread_id, source, key, event_json, received_at, done_at, ignored FROM inbox
    WHERE seq IN (SELECT seq FROM inbox ORDER BY seq DESC LIMIT $1)
       OR seq IN (SELECT seq FROM inbox WHERE done_at IS NULL ORDER BY seq LIMIT $2)
    ORDER BY seq";
const EVENTS_BY_KEY: &str = "SELECT seq, thread_id, source, key, event_json, received_at, done_at, ignored FROM inbox
    WHERE source = $1 AND key IN (SELECT value FROM json_each($2)) ORDER BY seq";
const CALLS: &str = "SELECT id, thread_id, effect_id, vendor, effect_json, decided_at, caused_at, not_before, attempts,
        attempted_at, doubtful, problem, state, result, settled_at, bundle FROM outbox
    WHERE id IN (SELECT id FROM outbox ORDER BY id DESC LIMIT $1)
       OR id IN (SELECT id FROM outbox WHERE state = 'waiting' ORDER BY id LIMIT $2)
       OR id IN (SELECT id FROM outbox WHERE state = 'parked' ORDER BY settled_at DESC, id DESC LIMIT $2)
    ORDER BY id";
const ATTEMPTS: &str = "SELECT a.outbox_id, a.problem, a.begun_at, a.first_at, a.last_at, a.times, a.doubtful, a.not_before
    FROM attempt AS a WHERE a.outbox_id IN (SELECT value FROM json_each($1)) ORDER BY a.outbox_id, a.first_at, a.number";
const THREADS: &str = "SELECT t.id, t.side_conversation_id, t.ticket_id, t.place, t.state, t.thread_json, l.channel_id,
        l.thread_ts FROM thread AS t LEFT JOIN link AS l ON l.thread_id = t.id
    WHERE t.id IN (SELECT value FROM json_each($1))";
const NUDGES: &str = "SELECT ticket_id, asked_at FROM nudge ORDER BY asked_at, ticket_id LIMIT $1";
const HELD: &str = "SELECT 0, '', 'slack', key, event_json, received_at, NULL, NULL FROM held
    ORDER BY received_at, key LIMIT $1";
const COUNTS: &str = "SELECT (SELECT count(*) FROM held), (SELECT count(*) FROM inbox WHERE done_at IS NULL),
    (SELECT count(*) FROM outbox WHERE state = 'waiting'), (SELECT count(*) FROM outbox WHERE state = 'parked')";

impl Store {
    /// The latest `most` events and twice as many calls, and what waits.
    ///
    /// # Errors
    /// The database failed.
    pub async fn lanes(&self, most: u16) -> Result<Lanes, StoreError> {
        let most = i64::from(most);
        let mut one = self.readers.one().await?;
        let mut reader = one.begin().await?;
        let rows = sqlx::query(EVENTS).bind(most).bind(MOST_WAITING).fetch_all(&mut *reader).await?;
        let events: Vec<TracedEvent> = rows.iter().map(event).collect::<Result<_, _>>()?;
        let rows = sqlx::query(CALLS).bind(2 * most).bind(MOST_WAITING).fetch_all(&mut *reader).await?;
        let calls: Vec<TracedCall> = rows.iter().map(call).collect::<Result<_, _>>()?;
        let ids: Vec<i64> = calls.iter().map(|call| call.id).collect();
        let rows = sqlx::query(ATTEMPTS).bind(json(&ids)).fetch_all(&mut *reader).await?;
        let attempts = rows.iter().map(attempt).collect::<Result<_, _>>()?;
        let of_events = events.iter().map(|event| event.thread_id.as_str());
        let mut ids: Vec<&str> = of_events.chain(calls.iter().map(|call| call.thread_id.as_str())).collect();
        ids.sort_unstable();
        ids.dedup();
        let rows = sqlx::query(THREADS).bind(json(&ids)).fetch_all(&mut *reader).await?;
        let threads = rows.iter().map(thread).collect::<Result<_, _>>()?;
        let rows = sqlx::query(NUDGES).bind(MOST_WAITING).fetch_all(&mut *reader).await?;
        let nudges =
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, StoreError>>()?;
        let rows = sqlx::query(HELD).bind(MOST_WAITING).fetch_all(&mut *reader).await?;
        let held_events = rows.iter().map(event).collect::<Result<_, _>>()?;
        let counts = sqlx::query(COUNTS).fetch_one(&mut *reader).await?;
        Ok(Lanes {
            events,
            calls,
            attempts,
            threads,
            nudges,
            held_events,
            held: counts.try_get(0)?,
            unhandled: counts.try_get(1)?,
            waiting: counts.try_get(2)?,
            parked: counts.try_get(3)?,
        })
    }

    /// The events of these keys, in the order of arrival.
    ///
    /// # Errors
    /// The database failed.
    pub async fn events_by_key(&self, source: &str, keys: &[String]) -> Result<Vec<TracedEvent>, StoreError> {
        let rows =
            sqlx::query(EVENTS_BY_KEY).bind(source).bind(json(keys)).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(event).collect()
    }
}

fn json<T: serde::Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).unwrap_or_default()
}
