//! The machine on which lives of the app follow each other: a runtime, and a database that stays open where only the
//! app ends, because opening it takes longer than a short life. Seeds follow each other on it too, each on empty tables.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sidethread::store::Store;
use sqlx::{Connection, SqliteConnection};
use tokio::runtime::Runtime;

const TABLES: &str = "SELECT group_concat('DELETE FROM ' || name || ';', ' ') FROM sqlite_schema
    WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_sqlx_*'";

struct Open {
    store: Arc<Store>,
    /// What the simulation itself asks of the database.
    own: SqliteConnection,
}

pub struct Machine {
    folder: OnceCell<tempfile::TempDir>,
    runtime: Option<Runtime>,
    open: Option<Open>,
    /// Empties all tables, once it is known which there are.
    emptying: Option<String>,
}

impl Machine {
    pub fn new() -> Machine {
        Machine { folder: OnceCell::new(), runtime: None, open: None, emptying: None }
    }

    pub fn runtime(&mut self) -> &Runtime {
        self.runtime.get_or_insert_with(|| {
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime starts")
        })
    }

    /// Runs something to its end.
    pub fn run<T>(&mut self, future: impl Future<Output = T>) -> T {
        self.runtime().block_on(future)
    }

    /// The database, which is opened if it is not.
    pub fn store(&mut self) -> Arc<Store> {
        if self.open.is_none() {
            let path = self.path();
            let open = self.run(async {
                let store = Arc::new(Store::open(&path).await.unwrap());
                // Tables are emptied whole, in any order.
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).foreign_keys(false);
                Open { store, own: SqliteConnection::connect_with(&options).await.unwrap() }
            });
            self.open = Some(open);
        }
        self.open.as_ref().expect("it was opened").store.clone()
    }

    fn folder(&self) -> &Path {
        let folder = self.folder.get_or_init(|| {
            // SQLite asks for little more than memory, and a crash here is one of the process, not of the machine.
            let memory = Path::new("/dev/shm");
            let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
            folder.expect("there is room for a database")
        });
        folder.path()
    }

    pub fn path(&self) -> PathBuf {
        self.folder().join("sidethread.db")
    }

    /// The app is gone; what it had handed over to be written is written.
    pub fn drain(&mut self) {
        let store = self.store();
        self.run(async move { store.check().await.unwrap() });
    }

    /// Whether the rest of a process can be seen to be gone: if not, only an orderly end is safe to start after.
    pub fn sees_the_end(&self) -> bool {
        in_use(self.folder()).is_some()
    }

    /// The process is gone, with its runtime and its hold on the database. `rest` is what it still held in its hands.
    pub fn end<T>(&mut self, gentle: bool, rest: T) {
        let open = self.open.take();
        let Some(runtime) = self.runtime.take() else { return };
        let guard = runtime.enter();
        drop(rest);
        if gentle && let Some(open) = &open {
            runtime.block_on(open.store.close());
        }
        drop(open);
        drop(guard);
        drop(runtime);
        // SQLite's thread may still be at a commit it was given; a process that died would not be.
        let began = Instant::now();
        while in_use(self.folder()) == Some(true) {
            assert!(began.elapsed() < Duration::from_secs(10), "SQLite's thread does not end");
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Copies the database as it is, whatever is under way.
    pub fn back_up(&mut self) {
        let copy = self.copy();
        let _ = std::fs::remove_file(&copy);
        self.execute(&format!("VACUUM INTO '{}'", copy.display()));
    }

    pub fn has_a_copy(&self) -> bool {
        self.copy().exists()
    }

    /// Puts the copy in the place of the database, of which nobody holds anything.
    pub fn restore(&mut self) {
        assert!(self.open.is_none(), "the database is in use");
        std::fs::copy(self.copy(), self.path()).unwrap();
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.path().display()));
        }
    }

    /// The calls that are parked: their rows, and what they are to do.
    pub fn parked(&mut self) -> Vec<(i64, String)> {
        self.store();
        let own = &mut self.open.as_mut().expect("it is open").own;
        let parked = sqlx::query_as("SELECT id, effect_json FROM outbox WHERE state = 'parked'").fetch_all(own);
        self.runtime.as_ref().expect("it runs").block_on(parked).unwrap()
    }

    /// What came in and what was decided, for people to read.
    pub fn tables(&mut self) -> String {
        self.store();
        let own = &mut self.open.as_mut().expect("it is open").own;
        let rows = sqlx::query_scalar(
            "SELECT concat_ws(' ', 'inbox', seq, source, key, thread_id, received_at, done_at, ignored) FROM inbox
             UNION ALL SELECT concat_ws(' ', 'outbox', id, thread_id, effect_id, state, decided_at, attempts, attempted_at, 'doubtful',
                doubtful, result, problem) FROM outbox",
        );
        let rows: Vec<String> = self.runtime.as_ref().expect("it runs").block_on(rows.fetch_all(own)).unwrap();
        rows.join("\n")
    }

    /// Those of these entries that have come in, and all places in Slack where threads stand: channel and parent.
    pub fn known(&mut self, entries: &[&str]) -> BTreeSet<String> {
        let entries = serde_json::to_string(entries).unwrap();
        let own = &mut self.open.as_mut().expect("it is open").own;
        let known = sqlx::query_scalar(
            "SELECT key FROM inbox WHERE source = 'zendesk' AND key IN (SELECT value FROM json_each($1))
             UNION ALL SELECT channel_id || ' ' || thread_ts FROM link
             UNION ALL SELECT channel_id || ' ' || thread_ts FROM link_before",
        );
        let known: Vec<String> =
            self.runtime.as_ref().expect("it runs").block_on(known.bind(entries).fetch_all(own)).unwrap();
        known.into_iter().collect()
    }

    /// Empties the tables, and forgets the copy and the marks.
    pub fn wipe(&mut self) {
        let store = self.store();
        let _ = std::fs::remove_file(self.copy());
        if self.emptying.is_none() {
            let own = &mut self.open.as_mut().expect("it is open").own;
            let tables = sqlx::query_scalar::<_, String>(TABLES).fetch_one(own);
            self.emptying = Some(self.runtime.as_ref().expect("it runs").block_on(tables).unwrap());
        }
        // The log begins anew as well: what is written over again and again stays in the processor's cache.
        let emptying = self.emptying.as_deref().unwrap_or_default();
        self.execute(&format!("BEGIN; {emptying} COMMIT; PRAGMA wal_checkpoint(RESTART)"));
        store.leave_mark("").unwrap();
    }

    fn copy(&self) -> PathBuf {
        self.folder().join("copy.db")
    }

    fn execute(&mut self, sql: &str) {
        self.store();
        let own = &mut self.open.as_mut().expect("it is open").own;
        let executed = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(own);
        self.runtime.as_ref().expect("it runs").block_on(executed).unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end(true, ());
        }
    }
}

/// Whether this process still has a file of the folder open, where that can be told.
fn in_use(folder: &Path) -> Option<bool> {
    let mut open = std::fs::read_dir("/proc/self/fd").ok()?;
    Some(
        open.any(|open| {
            open.ok().and_then(|open| open.path().read_link().ok()).is_some_and(|to| to.starts_with(folder))
        }),
    )
}
