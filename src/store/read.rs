//! What is read back: at start, by name, and for the operator.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use sqlx::{Row, sqlite::SqliteRow};

use super::{Store, StoreError};
use crate::bridge::{BridgedThread, Card, Effect};

/// An event that is not handled yet.
#[derive(Debug, Clone)]
pub struct InboxRow {
    /// Its place in the order of arrival.
    pub seq: i64,
    /// The thread it concerns.
    pub thread_id: String,
    /// The event.
    pub event_json: String,
}

/// A call that is not settled yet.
#[derive(Debug, Clone)]
pub struct OutboxRow {
    /// Its id.
    pub id: i64,
    /// The thread.
    pub thread_id: String,
    /// The effect.
    pub effect: Effect,
    /// Not to be done earlier, in milliseconds since 1970.
    pub not_before: i64,
    /// How many attempts were begun and count.
    pub attempts: i64,
    /// Whether one of them may have been done.
    pub doubtful: bool,
    /// When the last one was begun, in milliseconds since 1970.
    pub attempted_at: Option<i64>,
    /// When its cause happened at the vendor, in milliseconds since 1970.
    pub caused_at: i64,
    /// The first row of those it travels with, if it does not travel alone.
    pub bundle: Option<i64>,
    /// When it was decided, in milliseconds since 1970.
    pub decided_at: i64,
}

/// A call that was parked and is tried again.
#[derive(Debug, Clone)]
pub struct UnparkedRow {
    /// Its id.
    pub id: i64,
    /// The effect.
    pub effect: Effect,
    /// Not to be done earlier, in milliseconds since 1970.
    pub not_before: i64,
    /// When its cause happened at the vendor, in milliseconds since 1970.
    pub caused_at: i64,
    /// When it was decided, in milliseconds since 1970.
    pub decided_at: i64,
    /// When it was parked, in milliseconds since 1970.
    pub settled_at: i64,
    /// Whether it may have been done.
    pub doubtful: bool,
}

/// A parked call, by its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedNames {
    /// The thread.
    pub thread_id: String,
    /// The effect's name.
    pub effect_id: String,
    /// The notice in Slack that told of it, as a `ts`.
    pub notice: Option<String>,
    /// Whether what it was to do is no longer kept.
    pub blank: bool,
}

/// A thread whose Slack side is compared now and then.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// The channel.
    pub channel_id: String,
    /// Its parent message.
    pub thread_ts: String,
    /// The newest message when it was last read through.
    pub swept_ts: Option<String>,
}

const SETTING: &str = "SELECT value FROM setting WHERE name = $1";
const THREAD: &str = "SELECT thread_json FROM thread WHERE id = $1";
const CARD: &str = "SELECT card_json FROM thread WHERE id = $1";
const HELD_SIZE: &str = "SELECT count(*), coalesce(sum(length(event_json)), 0) FROM held";
const BY_LINK: &str = "SELECT thread_id FROM link WHERE channel_id = $1 AND thread_ts = $2
    UNION ALL SELECT thread_id FROM link_before WHERE channel_id = $1 AND thread_ts = $2 LIMIT 1";
const BY_SIDE_CONVERSATION: &str = "SELECT side_conversation_id, id FROM thread
    WHERE side_conversation_id IN (SELECT value FROM json_each($1))
        AND side_conversation_id NOT IN (SELECT id FROM side_conversation)
    UNION SELECT id, thread_id FROM side_conversation WHERE id IN (SELECT value FROM json_each($1))";
const KNOWN: &str = "SELECT key FROM inbox WHERE source = $1 AND key IN (SELECT value FROM json_each($2))";
const EFFECT: &str = "SELECT effect_json FROM outbox WHERE id = $1";
const PARKED_CALL: &str = "SELECT p.thread_id, p.effect_id, (SELECT n.result FROM outbox AS n
        WHERE n.thread_id = p.thread_id AND n.effect_id = 'parked:' || p.effect_id), p.effect_json IS NULL
    FROM outbox AS p WHERE p.id = $1 AND p.state = 'parked'";
const PARKED_EFFECT: &str =
    "SELECT effect_json FROM outbox WHERE thread_id = $1 AND effect_id = $2 AND state = 'parked'";
const IN_CHANNEL: &str = "SELECT thread_id FROM link WHERE channel_id = $1 ORDER BY thread_ts";
const ASKED: &str = "SELECT asked FROM nudge WHERE ticket_id = $1";
const SWEEPS: &str =
    "SELECT l.channel_id, l.thread_ts, l.swept_ts FROM link AS l JOIN thread AS t ON t.id = l.thread_id
    WHERE t.state = 'open' OR t.updated_at >= $1
    UNION ALL SELECT b.channel_id, b.thread_ts, b.swept_ts FROM link_before AS b JOIN thread AS t ON t.id = b.thread_id
    WHERE t.state = 'open' OR t.updated_at >= $1 ORDER BY 1, 2";
const SWEPT: &str = "SELECT thread_ts, swept_ts, 1 FROM link
    WHERE channel_id = $1 AND thread_ts IN (SELECT value FROM json_each($2))
    UNION ALL SELECT thread_ts, swept_ts, 0 FROM link_before
    WHERE channel_id = $1 AND thread_ts IN (SELECT value FROM json_each($2)) ORDER BY 3";
const HEARD_OF: &str = "SELECT j.value, i.received_at FROM json_each($2) AS j
    JOIN inbox AS i ON i.source = 'slack' AND i.key = j.value || ':' || $1
    UNION ALL SELECT o.result, o.settled_at FROM outbox AS o JOIN link AS l ON l.thread_id = o.thread_id
    WHERE o.vendor = 'slack' AND o.result IN (SELECT value FROM json_each($2)) AND l.channel_id = $1";
const BRIDGED_TICKETS: &str = "SELECT ticket_id FROM (
        SELECT ticket_id, updated_at FROM thread WHERE place NOT IN ('older', 'left_alone')
        UNION ALL SELECT s.ticket_id, t.updated_at FROM side_conversation AS s JOIN thread AS t ON t.id = s.thread_id)
    GROUP BY ticket_id ORDER BY max(updated_at) DESC LIMIT $1 OFFSET $2";
const PARKED: &str = "SELECT vendor, count(*) FROM outbox WHERE state = 'parked' GROUP BY vendor";

impl Store {
    /// A fact that was remembered.
    ///
    /// # Errors
    /// The database failed.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(SETTING).bind(name).fetch_optional(&mut *self.readers.one().await?).await?;
        row.map(|row| row.try_get(0)).transpose().map_err(StoreError::from)
    }

    /// A thread.
    ///
    /// # Errors
    /// The database failed, or the row does not read.
    pub async fn thread(&self, id: &str) -> Result<Option<BridgedThread>, StoreError> {
        let row = sqlx::query(THREAD).bind(id).fetch_optional(&mut *self.readers.one().await?).await?;
        row.map(|row| decode(&row, 0, "thread", "thread_json", id)).transpose()
    }

    /// A thread's card.
    ///
    /// # Errors
    /// The database failed, or the row does not read.
    pub async fn card(&self, id: &str) -> Result<Option<Card>, StoreError> {
        let row = sqlx::query(CARD).bind(id).fetch_optional(&mut *self.readers.one().await?).await?;
        match row {
            Some(row) if row.try_get::<Option<String>, _>(0)?.is_some() => {
                decode(&row, 0, "thread", "card_json", id).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// How many messages are held for a card on its way, and how many bytes they take.
    ///
    /// # Errors
    /// The database failed.
    pub async fn held_size(&self) -> Result<(i64, i64), StoreError> {
        let row = sqlx::query(HELD_SIZE).fetch_one(&mut *self.readers.one().await?).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    /// The thread that stands at this place in Slack.
    ///
    /// # Errors
    /// The database failed.
    pub async fn thread_by_link(&self, channel_id: &str, thread_ts: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(BY_LINK)
            .bind(channel_id)
            .bind(thread_ts)
            .fetch_optional(&mut *self.readers.one().await?)
            .await?;
        row.map(|row| row.try_get(0)).transpose().map_err(StoreError::from)
    }

    /// Pairs of side conversation and thread, for those of `side_conversation_ids` that are known.
    ///
    /// # Errors
    /// The database failed.
    pub async fn threads_by_side_conversation(
        &self,
        side_conversation_ids: &[&str],
    ) -> Result<Vec<(String, String)>, StoreError> {
        let ids = serde_json::to_string(side_conversation_ids).unwrap_or_default();
        let rows = sqlx::query(BY_SIDE_CONVERSATION).bind(ids).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Those of `keys` that have come in before.
    ///
    /// # Errors
    /// The database failed.
    pub async fn known(&self, source: &str, keys: &[&str]) -> Result<Vec<String>, StoreError> {
        let keys = serde_json::to_string(keys).unwrap_or_default();
        let rows = sqlx::query(KNOWN).bind(source).bind(keys).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(|row| row.try_get(0).map_err(StoreError::from)).collect()
    }

    /// What one call is to do.
    ///
    /// # Errors
    /// The database failed, or the row does not read.
    pub async fn effect(&self, id: i64) -> Result<Effect, StoreError> {
        let row = sqlx::query(EFFECT).bind(id).fetch_one(&mut *self.readers.one().await?).await?;
        decode(&row, 0, "outbox", "effect_json", &id.to_string())
    }

    /// How often a ticket was nudged since it was last read; 0 if never.
    ///
    /// # Errors
    /// The database failed.
    pub async fn asked(&self, ticket_id: i64) -> Result<i64, StoreError> {
        let row = sqlx::query(ASKED).bind(ticket_id).fetch_optional(&mut *self.readers.one().await?).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
    }

    /// The threads that are open, or were changed since `changed_since` (milliseconds since 1970), by channel, oldest
    /// first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sweeps(&self, changed_since: i64) -> Result<Vec<Sweep>, StoreError> {
        let rows = sqlx::query(SWEEPS).bind(changed_since).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter()
            .map(|row| Ok(Sweep { channel_id: row.try_get(0)?, thread_ts: row.try_get(1)?, swept_ts: row.try_get(2)? }))
            .collect()
    }

    /// How far threads of a channel were read through, for those of these parents that have one.
    ///
    /// # Errors
    /// The database failed.
    pub async fn swept(
        &self,
        channel_id: &str,
        parents: &[&str],
    ) -> Result<HashMap<String, Option<String>>, StoreError> {
        if parents.is_empty() {
            return Ok(HashMap::new());
        }
        let parents = serde_json::to_string(parents).unwrap_or_default();
        let rows = sqlx::query(SWEPT).bind(channel_id).bind(parents).fetch_all(&mut *self.readers.one().await?).await?;
        // Of two, the last holds: where the thread stands, not where it stood.
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// When the app heard of these messages of a channel (each a `ts`), or posted them, in milliseconds since 1970. What is
    /// not there is not known.
    ///
    /// # Errors
    /// The database failed.
    pub async fn heard_of(&self, channel_id: &str, messages: &[&str]) -> Result<HashMap<String, i64>, StoreError> {
        if messages.is_empty() {
            return Ok(HashMap::new());
        }
        let messages = serde_json::to_string(messages).unwrap_or_default();
        let rows =
            sqlx::query(HEARD_OF).bind(channel_id).bind(messages).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<Option<i64>, _>(1)?.unwrap_or(i64::MAX)))).collect()
    }

    /// Tickets with threads, the ones that changed last first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn bridged_tickets(&self, limit: i64, offset: i64) -> Result<Vec<i64>, StoreError> {
        let rows =
            sqlx::query(BRIDGED_TICKETS).bind(limit).bind(offset).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(|row| row.try_get(0).map_err(StoreError::from)).collect()
    }

    /// The names of a parked call; `None` if it is not parked.
    ///
    /// # Errors
    /// The database failed.
    pub async fn parked_call(&self, id: i64) -> Result<Option<ParkedNames>, StoreError> {
        let row = sqlx::query(PARKED_CALL).bind(id).fetch_optional(&mut *self.readers.one().await?).await?;
        let read = |row: SqliteRow| {
            let (thread_id, effect_id) = (row.try_get(0)?, row.try_get(1)?);
            Ok(ParkedNames { thread_id, effect_id, notice: row.try_get(2)?, blank: row.try_get(3)? })
        };
        row.map(read).transpose()
    }

    /// What a parked call is to do, unless that is no longer kept; `None` if it is not parked.
    ///
    /// # Errors
    /// The database failed, or the row does not read.
    pub async fn parked_effect(&self, thread_id: &str, effect_id: &str) -> Result<Option<Option<Effect>>, StoreError> {
        let row = sqlx::query(PARKED_EFFECT)
            .bind(thread_id)
            .bind(effect_id)
            .fetch_optional(&mut *self.readers.one().await?)
            .await?;
        let read = |row: SqliteRow| match row.try_get::<Option<&str>, _>(0)? {
            Some(_) => decode(&row, 0, "outbox", "effect_json", effect_id).map(Some),
            None => Ok(None),
        };
        row.map(read).transpose()
    }

    /// The threads that stand in a channel.
    ///
    /// # Errors
    /// The database failed.
    pub async fn threads_in_channel(&self, channel_id: &str) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(IN_CHANNEL).bind(channel_id).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(|row| row.try_get(0).map_err(StoreError::from)).collect()
    }

    /// How many calls are parked, by vendor.
    ///
    /// # Errors
    /// The database failed.
    pub async fn parked(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sqlx::query(PARKED).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}

/// A row with id, thread, effect and the time before which it rests.
pub(super) fn decode<T: DeserializeOwned>(
    row: &SqliteRow,
    index: usize,
    table: &'static str,
    column: &'static str,
    key: &str,
) -> Result<T, StoreError> {
    let text: Option<String> = row.try_get(index)?;
    text.and_then(|text| serde_json::from_str(&text).ok()).ok_or_else(|| StoreError::Row {
        table,
        column,
        row: key.to_owned(),
    })
}
