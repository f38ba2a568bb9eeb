//! SQL and rows. Decides nothing.
//!
//! One connection writes, a few read. Whoever wants to write hands over a [`Commit`]; the writer takes all that
//! wait, writes them in one transaction with `synchronous = FULL`, and only then answers each. So an answered
//! delivery survives a power cut, and commits stay cheap however many come at once. A commit that breaks a
//! transaction is tried again by itself, so that it harms no other.
//!
//! One process owns a database: a lock file beside it refuses a second one, and is free as soon as the process
//! is gone, however it went. What a killed process held in its hands is a row that is not done, and is found
//! when the next one starts.

mod begun;
mod commit;
mod conclusion;
mod erase;
mod follow_up;
mod lanes;
mod listed;
mod look;
mod notices;
mod read;
mod readers;
mod script;
mod spent;
mod start;
mod write;
mod writer;

pub use commit::{
    Attempt, Commit, Committed, Delay, Done, EraseWrite, FollowUpWrite, ForgetWrite, HeldBack, HeldWrite, InboxWrite,
    LinkWrite, MoveWrite, OutboxWrite, PersonWrite, Release, Settle, SideConversationWrite, Swept, ThreadWrite,
    Unparked, UnreadWrite,
};
pub use conclusion::{ConclusionRow, ConclusionWrite, Turn};
pub use lanes::Lanes;
pub use listed::{LinkedThread, Listed};
pub use look::{Look, ParkedCall, Scope, SetAside, TracedAttempt, TracedCall, TracedEvent, TracedThread};
pub use notices::NoteRow;
pub use read::{InboxRow, OutboxRow, ParkedNames, Sweep, UnparkedRow};
pub use spent::SpentCall;
pub use start::Waiting;

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

/// How long the mark beside the database is, in bytes: what it does not fill is blank.
const MARK_LENGTH: usize = 512;

/// Why the database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has this database open.
    #[error("another sidethread process is using {0}; stop it first, or give this one a database of its own")]
    InUse(String),
    /// A newer version of the app has written this database.
    #[error(
        "{0} was written by a newer version of sidethread (its schema has step {1}); install that version again, or restore the backup made before the upgrade"
    )]
    Newer(String, i64),
    /// An older version of the app has written this database, and nothing has brought it up to date.
    #[error(
        "{0} was last used by an older version of sidethread; start this version once with `sidethread serve`, which brings it up to date"
    )]
    Older(String),
    /// There is no such database.
    #[error(
        "there is no database at {0}; it is made when `sidethread serve` first runs with these settings. If it stands elsewhere, run this in the folder in which `serve` runs, or put the whole path into database.url"
    )]
    Absent(String),
    /// The file cannot be opened or created.
    #[error("{path} cannot be opened or created")]
    File {
        /// The file.
        path: String,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The driver failed; nothing of the commit was written.
    #[error("the database failed")]
    Driver(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database's schema could not be brought up to date")]
    Migrate(#[source] MigrateError),
    /// A row does not read.
    #[error("a row of {table} does not read ({column} of {row})")]
    Row {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// The writer has stopped.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    /// What was to be written cannot be written as JSON.
    pub fn unwritable(error: serde_json::Error) -> StoreError {
        StoreError::Driver(sqlx::Error::Encode(Box::new(error)))
    }
}

/// The database of one process.
pub struct Store {
    readers: readers::Readers,
    writer: writer::Writer,
    path: PathBuf,
    lock: Arc<File>,
}

impl Store {
    /// Opens the database, creates it if there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// Another process has it, it is newer than this binary, or the disk fails: the caller should stop and say so.
    pub async fn open(path: &Path) -> Result<Store, StoreError> {
        let shown = path.display().to_string();
        let file_error = |source| StoreError::File { path: shown.clone(), source };
        let lock_path = path.with_extension(match path.extension() {
            Some(extension) => format!("{}.lock", extension.to_string_lossy()),
            None => "lock".to_owned(),
        });
        let lock = private_file(&lock_path).map_err(file_error)?;
        if lock.try_lock().is_err() {
            return Err(StoreError::InUse(shown));
        }
        private_file(path).map_err(file_error)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true)
            .pragma("journal_size_limit", "67108864")
            .pragma("cache_size", "-4096")
            // In pages of 4 KiB. The pages that change change often: the later they are copied back, the fewer copies.
            .pragma("wal_autocheckpoint", "8192")
            .pragma("temp_store", "MEMORY")
            // What is blanked is gone from its pages, and from those that become free with it.
            .pragma("secure_delete", "ON")
            .statement_cache_capacity(200);
        let writing = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        migrator().run(&writing).await.map_err(|error| match error {
            MigrateError::VersionMissing(step) | MigrateError::VersionTooNew(step, _) => {
                StoreError::Newer(shown.clone(), step)
            }
            other => StoreError::Migrate(other),
        })?;
        // Plans that were made from counts of small tables walk through large ones; without counts the indexes are used.
        for statistics in ["DROP TABLE IF EXISTS sqlite_stat1", "DROP TABLE IF EXISTS sqlite_stat4"] {
            sqlx::query(statistics).execute(&writing).await?;
        }
        let readers = readers::Readers::open(options.read_only(true).pragma("cache_size", "-2048")).await?;
        let writer = writer::Writer::start(writing).await?;
        Ok(Store { readers, writer, path: path.to_owned(), lock: Arc::new(lock) })
    }

    /// Opens the database if there is one, for whoever only goes on with what is in it.
    ///
    /// # Errors
    /// There is none; otherwise as [`Store::open`].
    pub async fn open_existing(path: &Path) -> Result<Store, StoreError> {
        Store::is_there(path)?;
        Store::open(path).await
    }

    fn is_there(path: &Path) -> Result<(), StoreError> {
        match std::fs::metadata(path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                Err(StoreError::Absent(whole.display().to_string()))
            }
            Err(source) => Err(StoreError::File { path: path.display().to_string(), source }),
        }
    }

    /// Writes all of `commit` or nothing, together with what others want to write at the same time.
    ///
    /// # Errors
    /// Nothing was written: the caller may try again, and must not answer as if it were done.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.writer.commit(commit).await
    }

    /// Whether the database can be written.
    ///
    /// # Errors
    /// It cannot: the app is not ready.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.commit(Commit { settings: vec![("checked", "1".to_owned())], ..Commit::default() }).await.map(drop)
    }

    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The mark that stands beside the database; empty if none does.
    pub fn left_mark(&self) -> String {
        let mut file = &*self.lock;
        let mut mark = String::new();
        // What does not read there is no mark that anybody left.
        let _ = file.rewind().and_then(|()| file.take(MARK_LENGTH as u64).read_to_string(&mut mark));
        mark
    }

    /// Leaves a short mark beside the database, which a copy put in its place does not bring along.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn leave_mark(&self, mark: &str) -> std::io::Result<()> {
        let mut file = &*self.lock;
        file.rewind()?;
        let mut bytes = mark.as_bytes().to_vec();
        // At one length, so that none is ever seen cut off.
        bytes.resize(bytes.len().max(MARK_LENGTH), b' ');
        file.write_all(&bytes)
    }

    /// Stops writing once all that waits is written.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

/// The schema's steps, in order.
fn migrator() -> Migrator {
    let step = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        step(1, "spine", include_str!("../../migrations/0001_spine.sql")),
        step(2, "bundle", include_str!("../../migrations/0002_bundle.sql")),
        step(3, "trace", include_str!("../../migrations/0003_trace.sql")),
        step(4, "follow_up", include_str!("../../migrations/0004_follow_up.sql")),
        step(6, "link_before", include_str!("../../migrations/0006_link_before.sql")),
        step(7, "follow_up_deleted", include_str!("../../migrations/0007_follow_up_deleted.sql")),
        step(12, "conclusion", include_str!("../../migrations/0012_conclusion.sql")),
        step(20, "thread_person", include_str!("../../migrations/0020_thread_person.sql")),
    ])
}

/// Opens or creates a file that only its owner may read; what is in it are people's words.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(0o600);
        let file = options.open(path)?;
        let mut permissions = file.metadata()?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            file.set_permissions(permissions)?;
        }
        Ok(file)
    }
    #[cfg(not(unix))]
    options.open(path)
}
