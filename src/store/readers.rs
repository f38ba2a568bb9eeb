//! The connections that read.
//!
//! A pool of the driver asks a connection whether it lives before each use and after it, as it must where a network lies
//! between. Here that would be two hand-overs to SQLite's thread more for each read, which itself is one. A read that is
//! dropped half done leaves nothing behind: the driver stops stepping it before it begins another.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::StoreError;

/// How many reads may go on at once.
const MOST: u32 = 2;

/// One connection, and a second one from when two reads first go on at once.
pub(super) struct Readers {
    options: SqliteConnectOptions,
    places: Semaphore,
    free: Mutex<Vec<SqliteConnection>>,
}

impl Readers {
    pub(super) async fn open(options: SqliteConnectOptions) -> Result<Readers, StoreError> {
        let first = options.connect().await?;
        Ok(Readers { options, places: Semaphore::new(MOST as usize), free: Mutex::new(vec![first]) })
    }

    /// A connection for one read, as soon as one is free.
    ///
    /// # Errors
    /// The database is closed, or cannot be opened once more.
    pub(super) async fn one(&self) -> Result<One<'_>, StoreError> {
        let place = self.places.acquire().await.map_err(|_| StoreError::Closed)?;
        let free = self.lock().pop();
        let connection = match free {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(One { connection: Some(connection), readers: self, _place: place })
    }

    /// Lets the reads that go on end, and no more begin.
    pub(super) async fn close(&self) {
        let all = self.places.acquire_many(MOST).await;
        self.places.close();
        drop(all);
        let connections = std::mem::take(&mut *self.lock());
        for connection in connections {
            if let Err(error) = connection.close().await {
                tracing::debug!(error = %error, "a connection that read did not close cleanly");
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection until it is given back.
pub(super) struct One<'a> {
    connection: Option<SqliteConnection>,
    readers: &'a Readers,
    // Given up after the connection is back: fields are dropped after `drop`.
    _place: SemaphorePermit<'a>,
}

impl Drop for One<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.readers.lock().push(connection);
        }
    }
}

impl Deref for One<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.connection.as_ref().expect("it is given back when it is dropped")
    }
}

impl DerefMut for One<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("it is given back when it is dropped")
    }
}
