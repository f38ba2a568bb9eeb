//! What is delivered live in a thread that lacks something waits for it, and goes on in the order in which it was written.
//!
//! It waits for a read, not for a timer, however long Slack's limits make that read wait. Only where Slack does not answer, or
//! never that thread, does it go on by itself, a minute after it came. What waits is a stored row like any other; after a crash
//! it waits again, for the rest of its minute.

use std::sync::Arc;

use super::super::gap::Key;
use super::super::intake::Taken;
use super::super::queue::Work;
use super::super::{Engine, State};
use super::reads::{Step, Turns, Urgency};
use super::{CatchUp, is_old};
use crate::bridge::ids::ThreadId;
use crate::bridge::{Event, What};
use crate::store::{InboxRow, StoreError};
use crate::telemetry::Direction;

impl CatchUp {
    /// What has waited long enough, or need not wait any more.
    pub(in super::super) fn go_on(&mut self, now: i64) -> Vec<(ThreadId, Vec<Work>)> {
        if self.gap.waiting() == 0 {
            return Vec::new();
        }
        let gives_up = |key: &Key| self.gives_up_from(key).is_some_and(|from| from <= now);
        let keys = self.gap.not_waiting_on(now, |key| is_old(&key.1, now), gives_up);
        keys.iter().filter_map(|key| self.gap.release(key)).collect()
    }

    /// Whether a live delivery may have to wait in any thread.
    pub(in super::super) fn is_any_open(&self) -> bool {
        self.gap.is_any_open()
    }

    /// Whether a live delivery in this thread has to wait.
    pub(in super::super) fn is_open(&self, key: &Key, now: i64) -> bool {
        self.gap.is_open(key, is_old(&key.1, now))
    }

    /// Lets what was delivered live at `came_at` (milliseconds since 1970) wait until its thread is read through, which
    /// comes next.
    pub(in super::super) fn wait(&mut self, key: Key, thread_id: ThreadId, work: Work, came_at: i64) {
        if self.gap.wait(key.clone(), thread_id, work, came_at) {
            self.reads.add(Step::thread(key), Urgency::Waited, Turns::default());
        }
    }

    /// A thread was linked. If its card may have stood for a while, what was answered to it is read at once; if not,
    /// nothing of it was missed.
    pub(in super::super) fn linked(&mut self, key: Key, in_doubt: bool) {
        if in_doubt {
            self.gap.lacks(key.clone());
            self.reads.add(Step::thread(key), Urgency::Lacking, Turns::default());
        } else {
            self.gap.read_through(&key);
        }
    }
}

impl State {
    /// Takes what was held for a thread until it was linked. If the thread lacks something, it waits for that.
    pub(in super::super) fn add_released(&mut self, thread_id: &ThreadId, key: &Key, rows: Vec<InboxRow>, now: i64) {
        for row in rows {
            if let Ok(event) = serde_json::from_str(&row.event_json) {
                self.add_or_wait(thread_id, Some(key), row.seq, event, now);
            }
        }
    }

    /// Gives a thread one of its events, or lets it wait for what was missed.
    pub(in super::super) fn add_or_wait(
        &mut self,
        thread_id: &ThreadId,
        key: Option<&Key>,
        seq: i64,
        event: Event,
        now: i64,
    ) {
        let came_at = event.at_ms;
        let open =
            matches!(event.what, What::SlackMessage(_)) && key.is_some_and(|key| self.catch_up.is_open(key, now));
        let work = Work::Event { seq, event: Arc::new(event) };
        match key.filter(|_| open) {
            Some(key) => self.catch_up.wait(key.clone(), thread_id.clone(), work, came_at),
            None => self.queue.add_work(thread_id, work),
        }
    }
}

impl Engine {
    /// Stores what was read back. What it asks for is looked for before it is done.
    pub(in super::super) async fn store_what_was_missed(
        &self,
        thread_id: &ThreadId,
        key: &Key,
        delivery: &str,
        event: &Arc<Event>,
    ) -> Result<Taken, StoreError> {
        let Some(seq) = self.store_one("slack", thread_id, delivery, event).await? else {
            return Ok(Taken::Known);
        };
        self.metrics.accepted(Direction::slack_to_zendesk, 1);
        let mut state = self.lock();
        if let What::SlackMessage(message) = &event.what {
            for earlier in state.catch_up.gap.before(key, &message.ts) {
                state.queue.add_work(thread_id, earlier);
            }
        }
        state.catch_up.found.insert(seq);
        state.queue.add_work(thread_id, Work::Event { seq, event: event.clone() });
        drop(state);
        self.wake.notify_one();
        Ok(Taken::Stored)
    }

    /// Stores a live delivery in a thread that may lack something, to be handled after what was missed. `None`: it need
    /// not wait.
    pub(in super::super) async fn wait_for_what_was_missed(
        &self,
        thread_id: &ThreadId,
        key: &Key,
        delivery: &str,
        event: &Arc<Event>,
    ) -> Result<Option<Taken>, StoreError> {
        let now = self.clock.now_ms();
        let words = matches!(event.what, What::SlackMessage(_));
        if !words || !self.lock().catch_up.is_open(key, now) {
            return Ok(None);
        }
        let Some(seq) = self.store_one("slack", thread_id, delivery, event).await? else {
            return Ok(Some(Taken::Known));
        };
        self.metrics.accepted(Direction::slack_to_zendesk, 1);
        // It may have been read through while this was stored.
        self.lock().add_or_wait(thread_id, Some(key), seq, Event::clone(event), now);
        self.wake.notify_one();
        Ok(Some(Taken::Stored))
    }
}
