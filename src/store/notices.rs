//! Direct messages to one person. Their effects are named `notify:<person>:…`.

use sqlx::Row;

use super::read::{decode, note_row};
use super::{NoteRow, Store, StoreError};
use crate::bridge::Effect;

const WAITING: &str = "SELECT id, thread_id, effect_json, not_before FROM outbox
    WHERE effect_id >= 'notify:' || $1 || ':' AND effect_id < 'notify:' || $1 || ';'
    AND state = 'waiting' AND doubtful = 0 ORDER BY id LIMIT 100";
const LAST: &str = "SELECT result, effect_json FROM outbox
    WHERE effect_id >= 'notify:' || $1 || ':' AND effect_id < 'notify:' || $1 || ';'
    AND state = 'done' AND effect_json IS NOT NULL AND result NOT LIKE 'gathered:%'
    ORDER BY settled_at DESC, id DESC LIMIT 1";

impl Store {
    /// The direct messages to a person that wait and were not attempted, in the order in which they were decided.
    ///
    /// # Errors
    /// The database failed, or a row does not read.
    pub async fn notices_waiting(&self, user: &str) -> Result<Vec<NoteRow>, StoreError> {
        let rows = sqlx::query(WAITING).bind(user).fetch_all(&self.reader).await?;
        rows.iter().map(note_row).collect()
    }

    /// The last direct message that a person got: its `ts`, and what it says.
    ///
    /// # Errors
    /// The database failed, or a row does not read.
    pub async fn last_notified(&self, user: &str) -> Result<Option<(String, Effect)>, StoreError> {
        let row = sqlx::query(LAST).bind(user).fetch_optional(&self.reader).await?;
        row.map(|row| Ok((row.try_get(0)?, decode(&row, 1, "outbox", "effect_json", user)?))).transpose()
    }
}
