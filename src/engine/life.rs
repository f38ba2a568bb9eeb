//! One life of the app on its database, and whether the tables can be trusted to know all that was done.
//!
//! Within one life the tables know of every call that was made. They do not if the database is an older copy of itself:
//! restored from a backup, or on a machine that was. What the lost part of its past did stands at the vendors only. So
//! each life leaves a mark in the database and beside it, every minute and at its end; where the two differ, or where
//! the last mark is old, whatever is not known to be done is looked for before it is done. What happened before a life
//! began is looked for in any case: that costs a read where something was missed.

use crate::store::{Commit, Store, StoreError};

/// How long an absence may last before the whole machine may have been put back, in milliseconds.
const AWAY_MS: i64 = 10 * 60 * 1000;
const ALIVE: &str = "alive_ms";
const OTHER: &str = "other_life_until_ms";

/// One life of the app.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    began_at: i64,
    other_until: i64,
}

impl Life {
    /// Begins a life: what waits may have been done where the tables may not know all.
    pub(super) async fn begin(store: &Store, now: i64) -> Result<Life, StoreError> {
        let alive = store.setting(ALIVE).await?;
        let other = store.setting(OTHER).await?.and_then(|text| text.parse().ok());
        let mut other_until = other.unwrap_or(i64::MIN);
        let alive_at: Option<i64> = alive.as_deref().and_then(|text| text.parse().ok());
        let marks = store.left_mark();
        let replaced = match &alive {
            Some(alive) => !marks.split_whitespace().any(|mark| mark == alive),
            None => !marks.trim().is_empty(),
        };
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
        store.commit(commit).await?;
        let life = Life { began_at: now, other_until };
        life.mark(store, now, Commit::default()).await?;
        Ok(life)
    }

    /// Writes `commit` with the mark that this life goes on.
    pub(super) async fn mark(&self, store: &Store, now: i64, mut commit: Commit) -> Result<(), StoreError> {
        let before = store.setting(ALIVE).await?.unwrap_or_default();
        // Both marks stand beside the database while one takes the other's place in it.
        leave(store, &format!("{before} {now}"));
        commit.settings.push((ALIVE, now.to_string()));
        store.commit(commit).await?;
        leave(store, &now.to_string());
        Ok(())
    }

    /// Whether what this asks for may have been done by a life that the tables do not know.
    pub(super) fn may_be_done(&self, happened_at: i64) -> bool {
        happened_at <= self.began_at
    }

    /// The latest time at which a life that the tables do not know may have done something.
    pub(super) fn other_until(&self) -> i64 {
        self.other_until
    }
}

fn leave(store: &Store, mark: &str) {
    if let Err(error) = store.leave_mark(mark) {
        tracing::warn!(error = %error, "the mark beside the database could not be written; the next start looks before it repeats");
    }
}
