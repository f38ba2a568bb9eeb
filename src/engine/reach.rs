//! What becomes of calls to a thread that is out of reach: they rest, and their thread is told why.

use std::sync::Arc;

use super::Engine;
use super::queue::Item;
use crate::bridge::event::{Event, What};
use crate::bridge::ids::{ChannelId, ThreadId};
use crate::bridge::route::ChannelRef;
use crate::store::{Commit, Delay, StoreError};

/// How long a call rests; it is woken when its thread can be reached.
pub(super) const REST_MS: i64 = 15 * 60 * 1000;
/// How long it rests while the thread's card is on its way.
pub(super) const CARD_MS: i64 = 5 * 1000;

impl Engine {
    /// Tells a thread that a call found it out of reach, and writes down that nothing was done of what travelled in it.
    /// Says until when the call rests.
    pub(super) async fn out_of_reach(&self, ids: &[i64], item: &Item, what: What) -> Result<i64, StoreError> {
        let (now, thread_id) = (self.clock.now_ms(), &item.thread_id);
        let problem = match &what {
            What::TicketClosed(_) => "its ticket is closed",
            What::Unreachable(_) => "its channel takes no posts",
            _ => "its card is gone",
        };
        let rests = |id: &i64| Delay {
            id: *id,
            // Another process looks anew where it stands.
            not_before: now,
            attempts: item.attempts,
            doubtful: item.doubtful,
            problem: problem.to_owned(),
            alone: false,
            at: now,
        };
        let commit = Commit { delays: ids.iter().map(rests).collect(), ..Commit::default() };
        let key = format!("reach:{thread_id}:{}:{now}", ids.first().copied().unwrap_or_default());
        let events = vec![(key, thread_id.clone(), Arc::new(Event { at_ms: now, what }))];
        self.commit_events("engine", events, commit).await?;
        Ok(now + REST_MS)
    }

    /// Slack says that a channel is another than it was, perhaps with its present name: nobody goes on by what was read of
    /// it before, and what waits for it is tried at once. Where the name is not said, so is what waits for any name.
    pub fn channel_changed(&self, channel: &ChannelId, name: Option<&str>) {
        self.outside.forget_channel(channel);
        let now = self.clock.now_ms();
        let may_be_it = |wanted: &ChannelRef| match wanted {
            ChannelRef::Id(id) => id == channel,
            ChannelRef::Name(wanted) => name.is_none_or(|name| name == wanted),
        };
        if self.lock().queue.wake_channel(may_be_it, now) {
            self.wake.notify_one();
        }
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
