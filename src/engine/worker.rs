//! Handles a thread's events, oldest first, and writes what was decided in the transaction that marks them done.

mod decide;
mod rows;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;

use super::intake::Taken;
use super::queue::{Item, Job, Work};
use super::{AT_HAND, Engine, REMEMBERED, follow_up};
use crate::bridge::event::Event;
use crate::bridge::ids::{ChannelId, ThreadId};
use crate::bridge::{BridgedThread, Place, Policy, Vendor};
use crate::store::{Commit, Store, StoreError};
use crate::telemetry::Direction;
use decide::Decided;
pub(super) use rows::thread_write;

/// How many events of a thread share a transaction.
const AT_ONCE: usize = 64;
/// How long until a commit that failed is tried again, in milliseconds.
const AGAIN_MS: i64 = 1000;

/// Why a thread's events could not be handled now.
#[derive(Debug, thiserror::Error)]
enum HandleError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a decision cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl Engine {
    pub(super) async fn handle(&self, thread_id: &ThreadId) {
        let work = self.lock().queue.take_work(thread_id, AT_ONCE);
        if work.is_empty() {
            self.lock().queue.end_handle(thread_id);
            return;
        }
        if let Err(error) = self.handle_work(thread_id, &work).await {
            tracing::warn!(thread.id = %thread_id, error = %error, "a decision could not be written; it is tried again");
            let at = self.clock.now_ms() + AGAIN_MS;
            let mut state = self.lock();
            state.threads.remove(thread_id);
            state.queue.put_back(thread_id, work, at);
        }
    }

    /// Decides about an event that has just come in, and writes both together, if its thread has nothing else to do:
    /// one transaction instead of two. `None`: it has to be stored and to wait its turn.
    pub(super) async fn handle_at_once(
        &self,
        thread_id: &ThreadId,
        source: &'static str,
        key: &str,
        event: &Arc<Event>,
    ) -> Option<Taken> {
        if !self.lock().queue.take_idle(thread_id) {
            return None;
        }
        let work = [Work::Arrived { source, key: key.to_owned(), event: event.clone() }];
        match AssertUnwindSafe(self.handle_work(thread_id, &work)).catch_unwind().await {
            Ok(Ok(true)) => Some(Taken::Stored),
            Ok(Ok(false)) => Some(Taken::Known),
            Ok(Err(error)) => {
                tracing::warn!(thread.id = %thread_id, error = %error, "a decision could not be written; its event is stored and waits");
                let mut state = self.lock();
                state.threads.remove(thread_id);
                state.queue.end_handle(thread_id);
                None
            }
            Err(_) => {
                self.set_aside(&Job::Handle(thread_id.clone()));
                None
            }
        }
    }

    /// Says whether what it was given to handle was new.
    async fn handle_work(&self, thread_id: &ThreadId, work: &[Work]) -> Result<bool, HandleError> {
        let before = self.thread(thread_id).await?;
        let card_before = before.as_deref().and_then(card_channel);
        let work = &self.with_what_is_so(thread_id, work).await?;
        let Some(decided) = self.decide(before.as_deref(), work)? else {
            // Nothing says which side conversation this is: the events came before their thread.
            let now = self.clock.now_ms();
            let done = work.iter().filter_map(|one| rows::done(one, now, Some("unknown_thread"), true)).collect();
            self.store.commit(Commit { done, ..Commit::default() }).await?;
            self.lock().queue.end_handle(thread_id);
            return Ok(true);
        };
        let Decided { thread, effects, mut commit, settled, arrived, begun } = decided;
        let conclusions = self.lock().conclusions.of_thread(&thread, self.clock.now_ms());
        commit.conclusions.clone_from(&conclusions);
        let outbox_meta: Vec<_> = commit.outbox.iter().map(|row| (row.attempts, row.caused_at, row.doubtful)).collect();
        let now = self.clock.now_ms();
        let unless_known = commit.unless_known;
        let committed = self.store.commit(commit).await?;

        let mut state = self.lock();
        if unless_known && committed.is_known() {
            state.queue.end_handle(thread_id);
            return Ok(false);
        }
        state.conclusions.apply(conclusions);
        for id in begun {
            state.queue.begun(id);
        }
        for one in work.iter() {
            if let Work::Event { seq, .. } = one {
                state.catch_up.found.remove(seq);
            }
        }
        let mut in_doubt = false;
        for (id, parked) in settled {
            if let Some(item) = state.queue.settle(id) {
                state.health.settled(item.vendor, id);
                in_doubt |= item.doubtful || item.attempts > 1;
                let direction = Direction::to(item.vendor);
                if parked {
                    self.metrics.parked(direction);
                } else if item.words && arrived.contains(&id) {
                    self.metrics.delivered(direction, (now - item.caused_at) as f64 / 1000.0);
                }
            }
        }
        state.watched.heed(&thread);
        let card_after = card_channel(&thread);
        if card_before != card_after {
            if let Some(channel) = &card_after {
                state.queue.card_begins(channel, now);
            }
            if let Some(channel) = &card_before {
                state.queue.card_ends(channel);
            }
        }
        if let Some((channel, ts)) = thread.link() {
            let key = (channel.clone(), ts.clone());
            if state.links.get(&key).is_none_or(|known| known.as_ref() != Some(thread_id)) {
                state.linked += 1;
                make_room(&mut state.links);
                state.links.insert(key.clone(), Some(thread_id.clone()));
            }
            // Not only where nobody knew the link: whoever asked for it since the commit has found it in the database.
            let passed_over = state.passed_over.remove(&key).is_some();
            if card_before.is_some() {
                state.catch_up.linked(key, in_doubt || passed_over);
            }
        }
        for ((effect, id), (attempts, caused_at, doubtful)) in
            effects.into_iter().zip(committed.outbox).zip(outbox_meta)
        {
            let Some(id) = id else { continue };
            // What is asked must be known to see that it is being asked already.
            let asks = effect.act.facts().asks.is_some();
            let at_hand = asks || attempts > 0 || state.queue.calls() < AT_HAND;
            let mut item = Item::new(effect, &thread, caused_at, attempts > 0);
            item.awaited_since = item.effect.as_ref().filter(|effect| effect.act.facts().is_awaited()).map(|_| now);
            item.effect = item.effect.filter(|_| at_hand);
            if doubtful {
                item.doubtful = true;
                item.maybe_since_ms = Some(caused_at);
                item.last_attempt_ms = Some(self.life.other_until());
            }
            state.queue.add_call(id, item);
        }
        let out_of_reach = |thread: &BridgedThread| thread.is_out_of_reach() || card_channel(thread).is_some();
        let stands = thread.link().is_some() && !out_of_reach(&thread);
        let is_back = stands && before.as_deref().is_some_and(out_of_reach);
        if is_back {
            state.queue.wake(thread_id, Vendor::Slack, now);
            // A reply to a closed ticket waited for a thread whose address its follow-up names.
            state.queue.wake(thread_id, Vendor::Zendesk, now);
        }
        if before.as_deref().is_some_and(|before| follow_up::goes_on(before, &thread)) {
            state.queue.wake(thread_id, Vendor::Zendesk, now);
        }
        if before.as_deref().is_some_and(|before| thread.withdraws_a_note_since(before)) {
            state.queue.wake_notes(thread_id, now);
        }
        // Where only posting was restricted, what people wrote was delivered all the while.
        let kept_out = |before: &BridgedThread| before.unreachable.as_ref().is_some_and(|one| !one.is_shown_by_posts());
        let was_closed = is_back && before.as_deref().is_some_and(kept_out);
        if !committed.given_up.is_empty() {
            state.late.remove(&(thread_id.clone(), Vendor::Zendesk));
        }
        for id in committed.held_back.into_iter().chain(committed.given_up) {
            state.queue.settle(id);
        }
        for row in committed.unparked {
            let mut item = Item::new(Arc::new(row.effect), &thread, row.caused_at, false);
            item.not_before = row.not_before;
            // A search begins where the first attempt may have been.
            item.first_attempt_ms = Some(row.decided_at);
            item.last_attempt_ms = Some(row.settled_at);
            item.doubtful = row.doubtful;
            state.queue.add_call(row.id, item);
        }
        if let Some((channel, ts)) = thread.link() {
            state.add_released(thread_id, &(channel.clone(), ts.clone()), committed.released, now);
        }
        make_room(&mut state.threads);
        state.threads.insert(thread_id.clone(), Arc::new(thread));
        state.queue.end_handle(thread_id);
        drop(state);
        if was_closed {
            self.missed("a channel takes posts again");
        }
        Ok(true)
    }

    /// A thread, from memory or from its row.
    pub(super) async fn thread(&self, thread_id: &ThreadId) -> Result<Option<Arc<BridgedThread>>, StoreError> {
        let remembered = self.lock().threads.get(thread_id).cloned();
        match remembered {
            Some(thread) => Ok(Some(thread)),
            None => read_thread(&self.store, &self.policy, thread_id).await,
        }
    }
}

/// A thread from its row, under the rules that the settings have now.
pub(super) async fn read_thread(
    store: &Store,
    policy: &Policy,
    thread_id: &ThreadId,
) -> Result<Option<Arc<BridgedThread>>, StoreError> {
    let mut thread = store.thread(thread_id.as_str()).await?;
    if let Some(target) = thread.as_mut().and_then(|thread| thread.target.as_mut()) {
        target.obey(&policy.routes);
    }
    Ok(thread.map(Arc::new))
}

fn card_channel(thread: &BridgedThread) -> Option<ChannelId> {
    match &thread.place {
        Place::Posting { channel } => Some(channel.clone()),
        _ => None,
    }
}

/// Forgets an arbitrary part of a memory that has grown full; all of it can be read again.
pub(super) fn make_room<K: std::hash::Hash + Eq + Clone, V>(map: &mut HashMap<K, V>) {
    if map.len() >= REMEMBERED {
        let some: Vec<K> = map.keys().take(REMEMBERED / 8).cloned().collect();
        for key in some {
            map.remove(&key);
        }
    }
}
