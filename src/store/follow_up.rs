//! What is read back about tickets and what becomes of their threads.

use sqlx::Row;

use super::{Store, StoreError};

const ON_TICKET: &str =
    "SELECT id FROM thread WHERE ticket_id = $1 AND place NOT IN ('older', 'left_alone') ORDER BY id";

impl Store {
    /// The bridged threads whose side conversation is on this ticket.
    ///
    /// # Errors
    /// The database failed.
    pub async fn threads_on_ticket(&self, ticket_id: i64) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(ON_TICKET).bind(ticket_id).fetch_all(&self.reader).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}
