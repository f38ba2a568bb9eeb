//! Closed tickets, what follows them, and the side conversations that a thread was in.

use sqlx::Row;

use super::commit::Commit;
use super::script::Script;
use super::{Store, StoreError};

const ON_TICKET: &str = "SELECT id FROM thread WHERE ticket_id = $1 AND place NOT IN ('new', 'older', 'left_alone')
    UNION SELECT thread_id FROM side_conversation WHERE ticket_id = $1 ORDER BY 1";
const OF_MERGED: &str = "SELECT id FROM thread WHERE thread_json ->> '$.follow_up.source' = $1 ORDER BY 1";
const FOLLOW_UP: &str = "SELECT thread_id, ticket_id FROM follow_up WHERE source_ticket_id = $1";
const FOLLOW_UPS: &str = "INSERT INTO follow_up (source_ticket_id, thread_id, claimed_at)
    SELECT value ->> 'source_ticket_id', value ->> 'thread_id', value ->> 'claimed_at' FROM json_each(?) WHERE true
    ON CONFLICT (source_ticket_id) DO NOTHING";
const FOLLOW_UPS_GONE: &str = "DELETE FROM follow_up WHERE EXISTS (SELECT 1 FROM json_each(?) AS j
    WHERE follow_up.source_ticket_id = (j.value ->> 'source_ticket_id') AND follow_up.ticket_id = (j.value ->> 'gone'))";
const DELETED: &str = "INSERT INTO follow_up_deleted (source_ticket_id, ticket_id)
    SELECT value ->> 'source_ticket_id', value ->> 'gone' FROM json_each(?) WHERE value ->> 'gone' IS NOT NULL
    ON CONFLICT DO NOTHING";
const LAST_DELETED: &str = "SELECT max(ticket_id) FROM follow_up_deleted WHERE source_ticket_id = $1";
const FOLLOWED: &str = "INSERT INTO follow_up (source_ticket_id, thread_id, claimed_at, ticket_id)
    SELECT value ->> 0, value ->> 1, 0, value ->> 2 FROM json_each(?) WHERE true
    ON CONFLICT (source_ticket_id) DO UPDATE SET ticket_id = excluded.ticket_id";
const NOT_FOLLOWED: &str = "DELETE FROM follow_up WHERE ticket_id IS NULL AND EXISTS (SELECT 1 FROM json_each(?) AS j
    WHERE follow_up.source_ticket_id = (j.value ->> 0) AND follow_up.thread_id = (j.value ->> 1))";
const SIDE_CONVERSATIONS: &str = "INSERT INTO side_conversation (id, ticket_id, thread_id)
    SELECT value ->> 'id', value ->> 'ticket_id', value ->> 'thread_id' FROM json_each(?) WHERE true
    ON CONFLICT (id, ticket_id) DO UPDATE SET thread_id = excluded.thread_id";
const MOVES: &str = "UPDATE link SET side_conversation_id = j.value ->> 'side_conversation_id',
        ticket_id = j.value ->> 'ticket_id'
    FROM json_each(?) AS j WHERE link.thread_id = (j.value ->> 'thread_id')";

impl Store {
    /// The bridged threads whose side conversation is on this ticket, or was.
    ///
    /// # Errors
    /// The database failed.
    pub async fn threads_on_ticket(&self, ticket_id: i64) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(ON_TICKET).bind(ticket_id).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The bridged threads for which it is not settled what becomes of this ticket. Looks through all of them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn threads_of_merged(&self, ticket_id: i64) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(OF_MERGED).bind(ticket_id).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The thread that finds out what follows a closed ticket, and the follow-up once it is known; `None` if nobody has
    /// asked.
    ///
    /// # Errors
    /// The database failed.
    pub async fn follow_up(&self, source_ticket_id: i64) -> Result<Option<(String, Option<i64>)>, StoreError> {
        let row = sqlx::query(FOLLOW_UP).bind(source_ticket_id).fetch_optional(&mut *self.readers.one().await?).await?;
        Ok(row.map(|row| Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?))).transpose()?)
    }

    /// The newest follow-up of a closed ticket that is known to be deleted.
    ///
    /// # Errors
    /// The database failed.
    pub async fn deleted_follow_up(&self, source_ticket_id: i64) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query(LAST_DELETED).bind(source_ticket_id).fetch_one(&mut *self.readers.one().await?).await?;
        row.try_get(0).map_err(StoreError::from)
    }
}

pub(super) fn write(script: &mut Script, commits: &[&Commit]) -> Result<(), sqlx::Error> {
    script.each(SIDE_CONVERSATIONS, commits.iter().flat_map(|c| &c.side_conversations))?;
    script.each(MOVES, commits.iter().flat_map(|c| &c.moves))?;
    script.each(NOT_FOLLOWED, commits.iter().flat_map(|c| &c.not_followed))?;
    script.each(FOLLOW_UPS_GONE, commits.iter().flat_map(|c| &c.follow_ups))?;
    script.each(DELETED, commits.iter().flat_map(|c| &c.follow_ups))?;
    script.each(FOLLOW_UPS, commits.iter().flat_map(|c| &c.follow_ups))?;
    script.each(FOLLOWED, commits.iter().flat_map(|c| &c.followed))
}
