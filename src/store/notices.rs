//! Notes on one ticket, and direct messages to one person: what is gathered before it is sent. Their effects are named
//! `note:…` and `notify:<person>:…`.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::read::decode;
use super::{Store, StoreError};
use crate::bridge::Effect;

const LAST_NOTED: &str = "SELECT max(attempted_at) FROM outbox WHERE effect_id >= 'note:' AND effect_id < 'note;'
    AND thread_id IN (SELECT id FROM thread WHERE ticket_id = $1) AND id <> $2";
const LAST_NOTED_OF: &str =
    "SELECT max(CASE WHEN result LIKE 'gathered:%' THEN settled_at ELSE attempted_at END) FROM outbox
    WHERE effect_id >= 'note:' AND effect_id < 'note;' AND thread_id = $1 AND id <> $2";
const NOTES_WAITING: &str = "SELECT id, thread_id, effect_json, not_before FROM outbox
    WHERE effect_id >= 'note:' AND effect_id < 'note;' AND state = 'waiting' AND doubtful = 0
    AND thread_id IN (SELECT id FROM thread WHERE ticket_id = $1) ORDER BY id LIMIT 100";
const TOOK_ALONG: &str = "SELECT EXISTS (SELECT 1 FROM outbox WHERE effect_id >= 'note:' AND effect_id < 'note;'
    AND thread_id IN (SELECT id FROM thread WHERE ticket_id = $1) AND state = 'done' AND result = 'gathered:' || $2)";
const WAITING: &str = "SELECT id, thread_id, effect_json, not_before FROM outbox
    WHERE effect_id >= 'notify:' || $1 || ':' AND effect_id < 'notify:' || $1 || ';'
    AND state = 'waiting' AND doubtful = 0 ORDER BY id LIMIT 100";
const LAST: &str = "SELECT result, effect_json FROM outbox
    WHERE effect_id >= 'notify:' || $1 || ':' AND effect_id < 'notify:' || $1 || ';'
    AND state = 'done' AND effect_json IS NOT NULL AND result NOT LIKE 'gathered:%'
    ORDER BY settled_at DESC, id DESC LIMIT 1";
const HOLDING: &str = "SELECT id, state IN ('done', 'dropped'), effect_json FROM outbox AS o
    WHERE effect_id >= 'notify:' AND effect_id < 'notify;' AND effect_json IS NOT NULL
    AND EXISTS (SELECT 1 FROM json_each($1) AS needle WHERE instr(o.effect_json, needle.value) > 0) ORDER BY id";

/// A note that waits for its first attempt.
#[derive(Debug, Clone)]
pub struct NoteRow {
    /// Its id.
    pub id: i64,
    /// The thread.
    pub thread_id: String,
    /// The effect.
    pub effect: Effect,
    /// Not to be done earlier, in milliseconds since 1970.
    pub not_before: i64,
}

impl Store {
    /// When a note other than `id` was last attempted on a ticket, in milliseconds since 1970.
    ///
    /// # Errors
    /// The database failed.
    pub async fn last_noted(&self, ticket_id: i64, id: i64) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query(LAST_NOTED).bind(ticket_id).bind(id).fetch_one(&mut *self.readers.one().await?).await?;
        row.try_get(0).map_err(StoreError::from)
    }

    /// When a note of a thread other than `id` was last attempted, or taken along by another, in milliseconds since 1970.
    ///
    /// # Errors
    /// The database failed.
    pub async fn last_noted_of(&self, thread_id: &str, id: i64) -> Result<Option<i64>, StoreError> {
        let row =
            sqlx::query(LAST_NOTED_OF).bind(thread_id).bind(id).fetch_one(&mut *self.readers.one().await?).await?;
        row.try_get(0).map_err(StoreError::from)
    }

    /// The notes of a ticket that wait and were not attempted, in the order in which they were decided.
    ///
    /// # Errors
    /// The database failed, or a row does not read.
    pub async fn notes_waiting(&self, ticket_id: i64) -> Result<Vec<NoteRow>, StoreError> {
        let rows = sqlx::query(NOTES_WAITING).bind(ticket_id).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(note_row).collect()
    }

    /// Whether the note `id` on a ticket holds what other notes were to say.
    ///
    /// # Errors
    /// The database failed.
    pub async fn took_along(&self, ticket_id: i64, id: i64) -> Result<bool, StoreError> {
        let row = sqlx::query(TOOK_ALONG).bind(ticket_id).bind(id).fetch_one(&mut *self.readers.one().await?).await?;
        Ok(row.try_get::<i64, _>(0)? != 0)
    }

    /// The direct messages to a person that wait and were not attempted, in the order in which they were decided.
    ///
    /// # Errors
    /// The database failed, or a row does not read.
    pub async fn notices_waiting(&self, user: &str) -> Result<Vec<NoteRow>, StoreError> {
        let rows = sqlx::query(WAITING).bind(user).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(note_row).collect()
    }

    /// The direct messages whose stored text holds any of these, and whether each is settled.
    ///
    /// # Errors
    /// The database failed, or a row does not read.
    pub async fn notices_holding(&self, needles: &[String]) -> Result<Vec<(i64, bool, Effect)>, StoreError> {
        let needles = serde_json::to_string(needles).map_err(StoreError::unwritable)?;
        let rows = sqlx::query(HOLDING).bind(needles).fetch_all(&mut *self.readers.one().await?).await?;
        let read = |row: &SqliteRow| {
            let id: i64 = row.try_get(0)?;
            let effect = decode(row, 2, "outbox", "effect_json", &id.to_string())?;
            Ok((id, row.try_get::<i64, _>(1)? != 0, effect))
        };
        rows.iter().map(read).collect()
    }

    /// The last direct message that a person got: its `ts`, and what it says.
    ///
    /// # Errors
    /// The database failed, or a row does not read.
    pub async fn last_notified(&self, user: &str) -> Result<Option<(String, Effect)>, StoreError> {
        let row = sqlx::query(LAST).bind(user).fetch_optional(&mut *self.readers.one().await?).await?;
        row.map(|row| Ok((row.try_get(0)?, decode(&row, 1, "outbox", "effect_json", user)?))).transpose()
    }
}

fn note_row(row: &SqliteRow) -> Result<NoteRow, StoreError> {
    let id: i64 = row.try_get(0)?;
    Ok(NoteRow {
        id,
        thread_id: row.try_get(1)?,
        effect: decode(row, 2, "outbox", "effect_json", &id.to_string())?,
        not_before: row.try_get(3)?,
    })
}
