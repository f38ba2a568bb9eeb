//! What is erased: rows lose their words, and the file is written anew so that no free page holds them.

use sqlx::{Row, SqliteConnection};

use super::commit::{EraseWrite, ForgetWrite};
use super::read::decode;
use super::{Store, StoreError};
use crate::bridge::Effect;

const FORGET_INBOX: &str =
    "UPDATE inbox SET event_json = NULL WHERE source = 'slack' AND key = $1 AND done_at IS NOT NULL";
const FORGET_HELD: &str = "DELETE FROM held WHERE key = $1";
const FORGET_SETTLED: &str =
    "UPDATE outbox SET effect_json = NULL, state = CASE state WHEN 'parked' THEN 'dropped' ELSE state END
    WHERE thread_id = $1 AND effect_id = $2 AND state <> 'waiting'";
// What is under way is doubtful; what was certainly not done is not, however often it was tried.
const GIVE_UP: &str = "UPDATE outbox SET effect_json = NULL, state = 'dropped', settled_at = $3
    WHERE thread_id = $1 AND effect_id = $2 AND state = 'waiting' AND doubtful = 0 RETURNING id";

const ERASE_GIVEN_UP: &str = "UPDATE outbox SET state = 'dropped', settled_at = $2
    WHERE state IN ('waiting', 'parked') AND id IN (SELECT value FROM json_each($1))";
const ERASE_INBOX: &str = "UPDATE inbox SET event_json = NULL
    WHERE done_at IS NOT NULL AND event_json IS NOT NULL AND thread_id IN (SELECT value FROM json_each($1))";
const ERASE_OUTBOX: &str = "UPDATE outbox SET effect_json = NULL, problem = NULL
    WHERE state IN ('done', 'dropped') AND effect_json IS NOT NULL AND thread_id IN (SELECT value FROM json_each($1))";
const ERASE_OTHERS: &str = "UPDATE outbox SET effect_json = NULL, problem = NULL
    WHERE state IN ('done', 'dropped') AND effect_json IS NOT NULL AND id IN (SELECT value FROM json_each($1))";
const REWRITE: &str = "UPDATE outbox SET effect_json = $2 WHERE id = $1 AND state IN ('waiting', 'parked')";
const ERASE_ATTEMPTS: &str = "DELETE FROM attempt WHERE outbox_id IN
    (SELECT id FROM outbox WHERE thread_id IN (SELECT value FROM json_each($1)))";
const ERASE_UNREAD: &str =
    "UPDATE unread SET raw = '' WHERE raw <> '' AND thread_id IN (SELECT value FROM json_each($1))";
const ERASE_HELD: &str = "DELETE FROM held WHERE instr(event_json, $1) > 0";
const ERASE_HELD_OF: &str =
    "DELETE FROM held WHERE EXISTS (SELECT 1 FROM link AS l WHERE l.channel_id = held.channel_id
    AND l.thread_ts = held.thread_ts AND l.thread_id IN (SELECT value FROM json_each($1)))";

const ERASE_PEOPLE: &str = "DELETE FROM thread_person WHERE thread_id IN (SELECT value FROM json_each($1))";
const ERASE_PERSON: &str = "DELETE FROM thread_person WHERE user_id = $1";

const OF_TICKET: &str = "SELECT id FROM thread WHERE ticket_id = $1
    UNION SELECT thread_id FROM side_conversation WHERE ticket_id = $1 ORDER BY 1";
const MENTIONING: &str = "SELECT thread_id, event_json FROM inbox WHERE instr(event_json, $1) > 0
    UNION ALL SELECT thread_id, effect_json FROM outbox WHERE instr(effect_json, $1) > 0
    UNION ALL SELECT id, thread_json FROM thread WHERE instr(thread_json, $1) > 0
    UNION ALL SELECT id, card_json FROM thread WHERE instr(card_json, $1) > 0
    UNION ALL SELECT thread_id, raw FROM unread WHERE instr(raw, $1) > 0";
const IN_KEYS: &str = "SELECT key FROM inbox WHERE instr(key, $1) > 0
    UNION ALL SELECT effect_id FROM outbox WHERE instr(effect_id, $1) > 0";
const OPEN_CALLS: &str = "SELECT id, effect_json FROM outbox
    WHERE state = 'waiting' AND thread_id = $1 AND effect_json IS NOT NULL
    UNION ALL SELECT id, effect_json FROM outbox
    WHERE state = 'parked' AND thread_id = $1 AND effect_json IS NOT NULL";
const PLACE: &str = "SELECT channel_id, thread_ts FROM link WHERE thread_id = $1";

const WORDS_WENT: &str = "SELECT 1 FROM setting WHERE name = 'words_went' AND value = '1'";
const WORDS_ARE_GONE: &str = "UPDATE setting SET value = '0' WHERE name = 'words_went'";

/// Says which call was given up.
pub(super) async fn forget(db: &mut SqliteConnection, row: &ForgetWrite) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query(FORGET_INBOX).bind(&row.key).execute(&mut *db).await?;
    sqlx::query(FORGET_HELD).bind(&row.key).execute(&mut *db).await?;
    sqlx::query(FORGET_SETTLED).bind(&row.thread_id).bind(&row.effect_id).execute(&mut *db).await?;
    let given_up = sqlx::query(GIVE_UP).bind(&row.thread_id).bind(&row.effect_id).bind(row.at);
    given_up.fetch_optional(&mut *db).await?.map(|row| row.try_get(0)).transpose()
}

/// Says how many events and calls lost their words.
pub(super) async fn erase(db: &mut SqliteConnection, erase: &EraseWrite) -> Result<u64, sqlx::Error> {
    let json = |error| sqlx::Error::Encode(Box::new(error));
    let threads = serde_json::to_string(&erase.thread_ids).map_err(json)?;
    let given_up = serde_json::to_string(&erase.given_up).map_err(json)?;
    sqlx::query(ERASE_GIVEN_UP).bind(given_up).bind(erase.at).execute(&mut *db).await?;
    let mut erased = sqlx::query(ERASE_INBOX).bind(&threads).execute(&mut *db).await?.rows_affected();
    erased += sqlx::query(ERASE_OUTBOX).bind(&threads).execute(&mut *db).await?.rows_affected();
    let others = serde_json::to_string(&erase.others).map_err(json)?;
    erased += sqlx::query(ERASE_OTHERS).bind(others).execute(&mut *db).await?.rows_affected();
    for (id, effect) in &erase.rewrites {
        erased += sqlx::query(REWRITE).bind(id).bind(effect.get()).execute(&mut *db).await?.rows_affected();
    }
    sqlx::query(ERASE_ATTEMPTS).bind(&threads).execute(&mut *db).await?;
    sqlx::query(ERASE_UNREAD).bind(&threads).execute(&mut *db).await?;
    sqlx::query(ERASE_HELD_OF).bind(&threads).execute(&mut *db).await?;
    if erase.needle.is_none() {
        sqlx::query(ERASE_PEOPLE).bind(&threads).execute(&mut *db).await?;
    }
    if let Some(needle) = &erase.needle {
        sqlx::query(ERASE_PERSON).bind(needle).execute(&mut *db).await?;
        sqlx::query(ERASE_HELD).bind(needle).execute(&mut *db).await?;
    }
    Ok(erased)
}

/// Writes the file anew and empties the log beside it. Says whether all of it is done: a reader may be in the way.
pub(super) async fn scrub(db: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    sqlx::query("VACUUM").execute(&mut *db).await?;
    let busy: i64 = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *db).await?.try_get(0)?;
    Ok(busy == 0)
}

/// Empties the log, in which older pages still hold what newer ones do not, if anything that held words went. Says
/// whether none is in it any more: whoever reads just now may be in the way, and is not waited for.
pub(super) async fn empty_log(db: &mut SqliteConnection, went: bool) -> Result<bool, sqlx::Error> {
    let noted = sqlx::query(WORDS_WENT).fetch_optional(&mut *db).await?.is_some();
    if !(went || noted) {
        return Ok(true);
    }
    sqlx::query("PRAGMA busy_timeout = 20").execute(&mut *db).await?;
    let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *db).await;
    sqlx::query("PRAGMA busy_timeout = 5000").execute(&mut *db).await?;
    if emptied?.try_get::<i64, _>(0)? != 0 {
        return Ok(false);
    }
    if noted {
        sqlx::query(WORDS_ARE_GONE).execute(&mut *db).await?;
    }
    Ok(true)
}

impl Store {
    /// The threads that are on a ticket, or were.
    ///
    /// # Errors
    /// The database failed.
    pub async fn threads_of_ticket(&self, ticket_id: i64) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(OF_TICKET).bind(ticket_id).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(|row| row.try_get(0).map_err(StoreError::from)).collect()
    }

    /// Every stored text that holds another one, with its thread.
    ///
    /// # Errors
    /// The database failed.
    pub async fn mentioning(&self, needle: &str) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query(MENTIONING).bind(needle).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// The names of deliveries and of calls that hold a text.
    ///
    /// # Errors
    /// The database failed.
    pub async fn keys_holding(&self, needle: &str) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(IN_KEYS).bind(needle).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(|row| row.try_get(0).map_err(StoreError::from)).collect()
    }

    /// The calls of a thread that wait or are parked.
    ///
    /// # Errors
    /// The database failed, or a row does not read.
    pub async fn open_calls(&self, thread_id: &str) -> Result<Vec<(i64, Effect)>, StoreError> {
        let rows = sqlx::query(OPEN_CALLS).bind(thread_id).fetch_all(&mut *self.readers.one().await?).await?;
        let read = |row| -> Result<(i64, Effect), StoreError> {
            let row: &sqlx::sqlite::SqliteRow = row;
            let id: i64 = row.try_get(0)?;
            Ok((id, decode(row, 1, "outbox", "effect_json", &id.to_string())?))
        };
        rows.iter().map(read).collect()
    }

    /// Where a thread stands in Slack: its channel and its parent.
    ///
    /// # Errors
    /// The database failed.
    pub async fn place_of(&self, thread_id: &str) -> Result<Option<(String, String)>, StoreError> {
        let row = sqlx::query(PLACE).bind(thread_id).fetch_optional(&mut *self.readers.one().await?).await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    }
}
