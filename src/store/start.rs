//! What a start reads: what was remembered, and all that waits.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::read::decode;
use super::script::Script;
use super::{InboxRow, OutboxRow, Store, StoreError};

/// All that an earlier life of the app left to be done.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Events that are not handled yet, in the order of arrival.
    pub events: Vec<InboxRow>,
    /// Calls that are not settled yet, in the order in which they were decided.
    pub calls: Vec<OutboxRow>,
    /// Tickets that shall be read, oldest wish first, each with its count of nudges.
    pub tickets: Vec<(i64, i64)>,
}

const SETTINGS: &str = "SELECT name, value FROM setting";
const EVENTS: &str = "SELECT seq, thread_id, event_json FROM inbox WHERE done_at IS NULL ORDER BY seq";
const CALLS: &str =
    "SELECT id, thread_id, effect_json, not_before, attempts, attempted_at, caused_at, doubtful, decided_at, bundle
    FROM outbox WHERE state = 'waiting' ORDER BY id";
const TICKETS: &str = "SELECT ticket_id, asked FROM nudge ORDER BY asked_at, ticket_id";

impl Store {
    /// All that was remembered, by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn settings(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let rows = sqlx::query(SETTINGS).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// All that waits. A call that does not read is said in the log and left where it is.
    ///
    /// # Errors
    /// The database failed.
    pub async fn waiting(&self) -> Result<Waiting, StoreError> {
        let mut script = Script::default();
        script.add(EVENTS);
        script.add(CALLS);
        script.add(TICKETS);
        let [events, calls, tickets] = script.read(&mut *self.readers.one().await?).await?;
        Ok(Waiting {
            events: events.iter().map(event).collect::<Result<_, StoreError>>()?,
            calls: calls.iter().map(call).filter_map(told).collect::<Result<_, StoreError>>()?,
            tickets: tickets
                .iter()
                .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
                .collect::<Result<_, StoreError>>()?,
        })
    }
}

fn event(row: &SqliteRow) -> Result<InboxRow, StoreError> {
    Ok(InboxRow {
        seq: row.try_get(0)?,
        thread_id: row.try_get(1)?,
        event_json: row.try_get::<Option<String>, _>(2)?.unwrap_or_default(),
    })
}

fn call(row: &SqliteRow) -> Result<OutboxRow, StoreError> {
    let id: i64 = row.try_get(0)?;
    Ok(OutboxRow {
        id,
        thread_id: row.try_get(1)?,
        effect: decode(row, 2, "outbox", "effect_json", &id.to_string())?,
        not_before: row.try_get(3)?,
        attempts: row.try_get(4)?,
        attempted_at: row.try_get(5)?,
        caused_at: row.try_get(6)?,
        doubtful: row.try_get::<i64, _>(7)? != 0,
        decided_at: row.try_get(8)?,
        bundle: row.try_get(9)?,
    })
}

/// One row that another version wrote must not keep the bridge from starting.
fn told(row: Result<OutboxRow, StoreError>) -> Option<Result<OutboxRow, StoreError>> {
    match row {
        Err(StoreError::Row { row, .. }) => {
            tracing::error!(outbox.id = row, "a stored call does not read and stays where it is");
            None
        }
        other => Some(other),
    }
}
