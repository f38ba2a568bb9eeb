//! Whether the database knows of a call that was begun.

use super::{Store, StoreError};

const BEGUN: &str = "SELECT 1 FROM outbox WHERE id = $1 AND attempted_at >= $2";

impl Store {
    /// Whether a call is written down as begun at this time or later (milliseconds since 1970).
    ///
    /// # Errors
    /// The database failed.
    pub async fn has_begun(&self, id: i64, at: i64) -> Result<bool, StoreError> {
        Ok(sqlx::query(BEGUN).bind(id).bind(at).fetch_optional(&mut *self.readers.one().await?).await?.is_some())
    }
}
