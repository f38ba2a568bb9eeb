//! Which calls were made lately, for the vendors' budgets.

use sqlx::Row;

use super::{Store, StoreError};

/// A call that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpentCall {
    /// Its effect, as JSON.
    pub effect_json: String,
    /// Its thread's ticket, if the thread is known.
    pub ticket_id: Option<i64>,
    /// When it was begun, in milliseconds since 1970.
    pub begun_at: i64,
}

/// Among so many of the last rows it is looked for calls. No index leads to them: every call would have to keep it, for the
/// sake of the start alone.
const AMONG: i64 = 20_000;
/// What travelled together is one call. An earlier attempt counts where it may have been done.
const SPENT: &str = "WITH late AS (
        SELECT id, coalesce(bundle, id) AS call, attempted_at FROM outbox
        WHERE id > (SELECT coalesce(max(id), 0) FROM outbox) - $3
            OR id IN (SELECT id FROM outbox WHERE state = 'waiting')),
    begun AS (
        SELECT call, id, attempted_at AS at FROM late WHERE attempted_at BETWEEN $1 AND $2
        UNION SELECT l.call, l.id, a.begun_at FROM attempt AS a JOIN late AS l ON l.id = a.outbox_id
            WHERE a.last_at >= $1 AND a.doubtful = 1 AND a.begun_at BETWEEN $1 AND $2)
    SELECT o.effect_json, t.ticket_id, b.at FROM (SELECT call, at, min(id) AS id FROM begun GROUP BY call, at) AS b
    JOIN outbox AS o ON o.id = b.id LEFT JOIN thread AS t ON t.id = o.thread_id
    WHERE o.effect_json IS NOT NULL ORDER BY b.at, b.id";

impl Store {
    /// The calls that were begun between two times (milliseconds since 1970), the oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn spent(&self, from: i64, to: i64) -> Result<Vec<SpentCall>, StoreError> {
        let rows =
            sqlx::query(SPENT).bind(from).bind(to).bind(AMONG).fetch_all(&mut *self.readers.one().await?).await?;
        let call = |row: &sqlx::sqlite::SqliteRow| {
            Ok(SpentCall { effect_json: row.try_get(0)?, ticket_id: row.try_get(1)?, begun_at: row.try_get(2)? })
        };
        rows.iter().map(call).collect()
    }
}
