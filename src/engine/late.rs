//! Notices what people have waited for too long, and tells its thread, which decides what is said.
//!
//! One event for a thread and a direction at a time: for the last of its calls that has waited too long. Its key is made
//! of the call, so a restart tells nothing anew.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Engine;
use crate::bridge::Vendor;
use crate::bridge::event::{Event, Late, What};
use crate::bridge::ids::ThreadId;
use crate::store::{Commit, StoreError};

/// How often it is looked, in milliseconds.
pub(super) const LOOK_EVERY_MS: i64 = 10 * 1000;
/// How long words for a ticket may wait before their thread is told, in milliseconds.
const TO_ZENDESK_MS: i64 = 2 * 60 * 1000;
/// How long words for Slack may wait before their ticket is told, in milliseconds. Longer: a note stays.
const TO_SLACK_MS: i64 = 10 * 60 * 1000;

/// The place in the lane of the last call of which a thread was told.
pub(super) type Told = HashMap<(ThreadId, Vendor), i64>;

impl Engine {
    pub(super) async fn look_for_late(&self) {
        self.look_at_conclusions().await;
        if let Err(error) = self.tell_of_late().await {
            tracing::warn!(error = %error, "that words are late could not be stored; it is tried again in ten seconds");
        }
    }

    async fn tell_of_late(&self) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        let mut last: BTreeMap<(ThreadId, Vendor), (i64, i64)> = BTreeMap::new();
        {
            let mut state = self.lock();
            let before = |vendor| match vendor {
                Vendor::Zendesk => now - TO_ZENDESK_MS,
                Vendor::Slack => now - TO_SLACK_MS,
            };
            for (id, item) in state.queue.awaited(before) {
                let place = last.entry((item.thread_id.clone(), item.vendor)).or_insert((item.order, id));
                *place = (*place).max((item.order, id));
            }
            state.late.retain(|key, _| last.contains_key(key));
            last.retain(|key, (order, _)| state.late.get(key).is_none_or(|told| told < order));
        }
        let mut events = Vec::new();
        for ((thread_id, vendor), (order, outbox_id)) in &last {
            let effect = self.store.effect(*outbox_id).await?.id;
            let key = format!("late:{thread_id}/{effect}");
            let late = Late { effect, order: *order, vendor: *vendor, outbox_id: *outbox_id, waits: true };
            events.push((key, thread_id.clone(), Arc::new(Event { at_ms: now, what: What::Late(late) })));
        }
        if !events.is_empty() {
            self.commit_events("engine", events, Commit::default()).await?;
        }
        let mut state = self.lock();
        state.late.extend(last.into_iter().map(|(key, (order, _))| (key, order)));
        Ok(())
    }
}
