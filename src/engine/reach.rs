//! What becomes of calls to a thread that is out of reach: they rest, and their thread is told why.

use std::sync::Arc;

use super::Engine;
use crate::bridge::event::{Event, What};
use crate::bridge::ids::{ChannelId, ThreadId};
use crate::bridge::{Act, BridgedThread};
use crate::store::{Commit, StoreError};

/// How long a call rests; it is woken when its thread can be reached.
const REST_MS: i64 = 15 * 60 * 1000;
/// How long it rests while the thread's card is on its way.
const CARD_MS: i64 = 5 * 1000;

impl Engine {
    /// Until when a call rests because its thread is out of reach, in milliseconds since 1970.
    pub(super) fn rests(&self, thread: &BridgedThread, act: &Act) -> Option<i64> {
        let now = self.clock.now_ms();
        match act.needs_thread() {
            true if thread.unreachable.is_some() => Some(now + REST_MS),
            true if thread.link().is_none() => Some(now + CARD_MS),
            _ => None,
        }
    }

    /// Tells a thread that the call `id` found it out of reach. Says until when the call rests.
    pub(super) async fn out_of_reach(&self, id: i64, thread_id: &ThreadId, what: What) -> Result<i64, StoreError> {
        let now = self.clock.now_ms();
        let key = format!("reach:{thread_id}:{id}:{now}");
        let events = vec![(key, thread_id.clone(), Arc::new(Event { at_ms: now, what }))];
        self.commit_events("engine", events, Commit::default()).await?;
        Ok(now + REST_MS)
    }

    /// Slack has given a channel another id: every thread in it moves.
    ///
    /// # Errors
    /// It is not stored: the caller must make Slack send it again.
    pub async fn channel_moved(&self, from: ChannelId, to: ChannelId) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        let what = What::ChannelMoved { from: from.clone(), to: to.clone() };
        let event = Arc::new(Event { at_ms: now, what });
        let threads = self.store.threads_in_channel(from.as_str()).await?;
        let moved = |thread: String| (format!("moved:{thread}:{from}:{to}"), ThreadId::new(thread), event.clone());
        self.commit_events("engine", threads.into_iter().map(moved).collect(), Commit::default()).await?;
        self.missed("a channel has another id");
        Ok(())
    }
}
