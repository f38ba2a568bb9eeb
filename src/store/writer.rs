//! The one task that writes: it takes every commit that waits and writes them in one transaction.

use sqlx::{Connection, Row, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use super::commit::{Commit, Committed};
use super::write::{Counters, write};
use super::{StoreError, erase};

/// How many commits share a transaction at most.
const MOST: usize = 512;
/// How many commits may wait before their makers do.
const QUEUE: usize = 4096;

const NEXT: &str =
    "SELECT (SELECT coalesce(max(seq), 0) + 1 FROM inbox), (SELECT coalesce(max(id), 0) + 1 FROM outbox)";

struct Request {
    commit: Commit,
    answer: oneshot::Sender<Result<Committed, StoreError>>,
}

pub(super) struct Writer {
    requests: mpsc::Sender<Request>,
    stopped: tokio::sync::Mutex<Option<tokio::task::JoinHandle<()>>>,
    stop: tokio_util::sync::CancellationToken,
}

impl Writer {
    pub(super) async fn start(pool: SqlitePool) -> Result<Writer, StoreError> {
        let mut connection = pool.acquire().await?;
        let row = sqlx::query(NEXT).fetch_one(&mut *connection).await?;
        let counters = Counters { seq: row.try_get(0)?, id: row.try_get(1)? };
        let (requests, waiting) = mpsc::channel(QUEUE);
        let stop = tokio_util::sync::CancellationToken::new();
        let task = tokio::spawn(run(pool, connection.detach(), counters, waiting, stop.clone()));
        Ok(Writer { requests, stopped: tokio::sync::Mutex::new(Some(task)), stop })
    }

    pub(super) async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let (answer, result) = oneshot::channel();
        self.requests.send(Request { commit, answer }).await.map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn close(&self) {
        self.stop.cancel();
        if let Some(task) = self.stopped.lock().await.take() {
            // The task ends by itself once its queue is empty; that it panicked was logged where it happened.
            let _ = task.await;
        }
    }
}

async fn run(
    pool: SqlitePool,
    mut connection: SqliteConnection,
    mut counters: Counters,
    mut waiting: mpsc::Receiver<Request>,
    stop: tokio_util::sync::CancellationToken,
) {
    let mut batch = Vec::with_capacity(MOST);
    // What the last process blanked may be in the log still.
    let mut words_went = true;
    loop {
        tokio::select! {
            biased;
            taken = waiting.recv_many(&mut batch, MOST) => if taken == 0 { break },
            () = stop.cancelled(), if !waiting.is_closed() => { waiting.close(); continue }
        }
        // Whoever is about to hand something over may do so first: what comes now shares this batch's commit.
        tokio::task::yield_now().await;
        while batch.len() < MOST
            && let Ok(more) = waiting.try_recv()
        {
            batch.push(more);
        }
        let (commits, answers): (Vec<Commit>, Vec<_>) = batch.drain(..).map(|r| (r.commit, r.answer)).unzip();
        match write(&mut connection, &mut counters, &commits).await {
            Ok(results) => {
                let scrubbed = match commits.iter().any(|commit| commit.erased.is_some()) {
                    true => scrub(&mut connection).await,
                    false => Ok(()),
                };
                for ((answer, result), commit) in answers.into_iter().zip(results).zip(&commits) {
                    let result = match (&scrubbed, &commit.erased) {
                        (Err(error), Some(_)) => Err(StoreError::Driver(clone_of(error))),
                        _ => Ok(result),
                    };
                    // Whoever asked may be gone; what it wanted is written all the same.
                    let _ = answer.send(result);
                }
                words_went |= commits.iter().any(Commit::forgets);
                if commits.iter().any(|commit| commit.blank_before.is_some()) {
                    words_went = !erase::empty_log(&mut connection, words_went).await.unwrap_or_else(|error| {
                        tracing::debug!(error = %error, "the log could not be emptied; it is tried again in a minute");
                        false
                    });
                }
            }
            Err(error) if commits.len() == 1 => {
                renew(&pool, &mut connection).await;
                for answer in answers {
                    let _ = answer.send(Err(StoreError::Driver(clone_of(&error))));
                }
            }
            Err(_) => {
                renew(&pool, &mut connection).await;
                for (commit, answer) in commits.into_iter().zip(answers) {
                    let alone = write(&mut connection, &mut counters, std::slice::from_ref(&commit)).await;
                    if alone.is_err() {
                        renew(&pool, &mut connection).await;
                    }
                    let _ = answer.send(alone.map(|mut r| r.remove(0)).map_err(StoreError::Driver));
                }
            }
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(error = %error, "the database did not close cleanly; nothing is lost");
    }
}

/// Takes another connection after a transaction failed: where SQLite itself has rolled back, as on a full disk, the
/// driver still counts one open transaction and would refuse every later one.
async fn renew(pool: &SqlitePool, connection: &mut SqliteConnection) {
    match pool.acquire().await {
        Ok(fresh) => {
            let old = std::mem::replace(connection, fresh.detach());
            if let Err(error) = old.close().await {
                tracing::debug!(error = %error, "a failed connection did not close cleanly");
            }
        }
        Err(error) => {
            tracing::error!(error = %error, "the database cannot be opened again; it is tried at the next write")
        }
    }
}

async fn scrub(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    match erase::scrub(connection).await? {
        true => Ok(()),
        false => Err(sqlx::Error::Protocol("a reader kept the log from being emptied".to_owned())),
    }
}

fn clone_of(error: &sqlx::Error) -> sqlx::Error {
    sqlx::Error::Protocol(error.to_string())
}
