//! One life of the app on its database, and whether the tables can be trusted to know all that was done.
//!
//! Within one life the tables know of every call that was made. They do not if the database is an older copy of itself:
//! restored from a backup, or on a machine that was. What the lost part of its past did stands at the vendors only. So
//! each life leaves a mark in the database and beside it, every minute and at its end, and beside it also the last calls
//! that it began; where the two differ, or where the last mark is old, whatever is not known to be done is looked for
//! before it is done. What happened before a life began, or before something was missed, is looked for in any case, and so
//! is what was read back: that costs a read for all of a thread.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::{Commit, Store, StoreError};

/// How long an absence may last before the whole machine may have been put back, in milliseconds.
const AWAY_MS: i64 = 10 * 60 * 1000;
/// How many of the last calls are named beside the database: so many may be written down in another order than begun.
const CALLS: usize = 8;
const ALIVE: &str = "alive_ms";
const OTHER: &str = "other_life_until_ms";

/// One life of the app.
#[derive(Debug)]
pub(super) struct Life {
    /// What happened before may have been done by a life that the tables do not know.
    looks_until: AtomicI64,
    other_until: i64,
    mark: Mutex<Mark>,
}

/// What stands beside the database.
#[derive(Debug, Default)]
struct Mark {
    /// The marks of which one stands in the database.
    alive: String,
    /// The one that does, unless another is being written, or was perhaps written in vain.
    written: Option<String>,
    /// The last calls that were begun: the row, and a time at or after which it says so.
    calls: VecDeque<(i64, i64)>,
}

impl Mark {
    fn leave(&self, store: &Store) {
        let calls: String = self.calls.iter().map(|(id, at)| format!(" {id}@{at}")).collect();
        if let Err(error) = store.leave_mark(&format!("{}{calls}", self.alive)) {
            tracing::warn!(error = %error, "the mark beside the database could not be written; the next start looks before it repeats");
        }
    }
}

impl Life {
    /// Begins a life: what waits may have been done where the tables may not know all.
    pub(super) async fn begin(
        store: &Store,
        settings: &BTreeMap<String, String>,
        now: i64,
    ) -> Result<Life, StoreError> {
        let alive = settings.get(ALIVE);
        let mut other_until = settings.get(OTHER).and_then(|text| text.parse().ok()).unwrap_or(i64::MIN);
        let alive_at: Option<i64> = alive.and_then(|text| text.parse().ok());
        let marks = store.left_mark();
        let mut replaced = match alive {
            Some(alive) => !marks.split_whitespace().any(|mark| mark == alive),
            None => !marks.trim().is_empty(),
        };
        for call in marks.split_whitespace().filter_map(|mark| mark.split_once('@')) {
            if let (Ok(id), Ok(at)) = (call.0.parse(), call.1.parse()) {
                replaced |= !store.has_begun(id, at).await?;
            }
        }
        let away = alive_at.is_some_and(|at| now - at > AWAY_MS);
        if replaced {
            tracing::warn!(
                "this database is not as it was left here: it was restored, or moved. What it does not know to be done is looked \
                 for before it is done, so the first messages may take some minutes"
            );
            other_until = now;
        } else if away {
            other_until = other_until.max(alive_at.unwrap_or(now));
        }
        let mut commit = Commit { doubt_waiting: replaced || away, ..Commit::default() };
        if other_until > i64::MIN {
            commit.settings.push((OTHER, other_until.to_string()));
        }
        if commit.doubt_waiting || !commit.settings.is_empty() {
            store.commit(commit).await?;
        }
        let mark = Mark { written: Some(alive.cloned().unwrap_or_default()), ..Mark::default() };
        let life = Life { looks_until: AtomicI64::new(now), other_until, mark: Mutex::new(mark) };
        life.mark(store, now, Commit::default()).await?;
        Ok(life)
    }

    /// Writes `commit` with the mark that this life goes on.
    pub(super) async fn mark(&self, store: &Store, now: i64, mut commit: Commit) -> Result<(), StoreError> {
        let written = self.lock().written.take();
        let before = match written {
            Some(before) => before,
            None => store.setting(ALIVE).await?.unwrap_or_default(),
        };
        // Both marks stand beside the database while one takes the other's place in it.
        self.leave(store, |mark| mark.alive = format!("{before} {now}"));
        commit.settings.push((ALIVE, now.to_string()));
        store.commit(commit).await?;
        self.leave(store, |mark| {
            mark.alive = now.to_string();
            mark.written = Some(now.to_string());
        });
        Ok(())
    }

    /// Notes beside the database that a call begins, which its row says since `written_at` or later (milliseconds since
    /// 1970): a copy made earlier does not know of it.
    pub(super) fn call_begins(&self, store: &Store, id: i64, written_at: i64) {
        self.leave(store, |mark| {
            mark.calls.truncate(CALLS - 1);
            mark.calls.push_front((id, written_at));
        });
    }

    fn leave(&self, store: &Store, change: impl FnOnce(&mut Mark)) {
        let mut mark = self.lock();
        change(&mut mark);
        mark.leave(store);
    }

    fn lock(&self) -> MutexGuard<'_, Mark> {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what this asks for may have been done by a life that the tables do not know.
    pub(super) fn may_be_done(&self, happened_at: i64) -> bool {
        happened_at <= self.looks_until.load(Ordering::Relaxed)
    }

    /// Something may have been missed until now: a machine that slept may have been put back as a whole.
    pub(super) fn missed(&self, now: i64) {
        self.looks_until.fetch_max(now, Ordering::Relaxed);
    }

    /// The latest time at which a life that the tables do not know may have done something.
    pub(super) fn other_until(&self) -> i64 {
        self.other_until
    }
}
