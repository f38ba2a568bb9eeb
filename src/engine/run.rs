//! Works until it is told to stop, and then leaves nothing half known that could be known whole.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::queue::Item;
use super::{Engine, State, TAKE};
use crate::store::{Commit, Delay};

/// How long what is under way may take to end after the signal to stop.
const FINISH: Duration = Duration::from_secs(8);

impl Engine {
    /// Works until `stop`; then finishes what is under way and returns.
    pub async fn work(self: &Arc<Self>, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        while !stop.is_cancelled() {
            let jobs = self.take();
            let more = !jobs.is_empty();
            for job in jobs {
                let engine = self.clone();
                tasks.spawn(async move { engine.run(job).await });
            }
            if more {
                tokio::task::yield_now().await;
                continue;
            }
            let next = {
                let now = self.clock.now_ms();
                let State { queue, catch_up, next_poll, next_clean, next_late, .. } = &mut *self.lock();
                let timers = (*next_poll).min(*next_clean).min(*next_late).min(catch_up.due(queue, now));
                queue.next_due(now).map_or(timers, |due| due.min(timers))
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = self.clock.sleep_until(next) => {}
                () = stop.cancelled() => {}
            }
        }
        self.lock().stopping = true;
        if self.finish(&tasks).await {
            self.not_made().await;
        }
        let now = self.clock.now_ms();
        if let Err(error) = self.life.mark(&self.store, now, Commit::default()).await {
            tracing::warn!(error = %error, "the end could not be marked; the next start looks before it repeats");
        }
    }

    /// Lets what is under way end, and handles its answers; what takes longer is found in doubt at the next start. Says
    /// whether all has ended, for while a call may still be made none can be written down as not made.
    async fn finish(self: &Arc<Self>, tasks: &TaskTracker) -> bool {
        let last = self.clock.now_ms() + FINISH.as_millis() as i64;
        tasks.close();
        loop {
            let handles = self.lock().queue.take_handles(TAKE);
            let more = !handles.is_empty();
            for job in handles {
                let engine = self.clone();
                tasks.spawn(async move { engine.run(job).await });
            }
            if tasks.is_empty() && !more {
                return true;
            }
            tokio::select! {
                () = self.wake.notified() => {}
                () = tasks.wait() => {}
                () = self.clock.sleep_until(last) => {
                    tracing::warn!("some calls did not end in time; they are looked for at the next start");
                    return false;
                }
            }
        }
    }

    /// Writes down which calls were not made after all: the next process would have to look for them, and wait for the
    /// vendor's reads to catch up, before it makes them.
    async fn not_made(&self) {
        let at = self.clock.now_ms();
        let not_begun = |(id, item): (i64, &Item)| Delay {
            id,
            not_before: item.not_before,
            attempts: item.attempts - 1,
            doubtful: item.doubtful,
            problem: "the app ended before the call".to_owned(),
            alone: false,
            at,
        };
        let delays: Vec<Delay> = self.lock().queue.not_begun().map(not_begun).collect();
        if !delays.is_empty()
            && let Err(error) = self.store.commit(Commit { delays, ..Commit::default() }).await
        {
            tracing::warn!(error = %error, "calls that were not made could not be written down as such; they are looked for first");
        }
    }
}
