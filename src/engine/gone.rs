//! What becomes of replies whose ticket is not there, or may not be written to: they rest in their order, and their
//! thread is told once. A reply that gets through ends it. Where the ticket is a follow-up that was deleted, another one
//! takes its place.

use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::outside::CallError;
use super::pace::Budget;
use crate::bridge::event::{Event, What};
use crate::bridge::ids::{ThreadId, TicketId};
use crate::store::{Commit, StoreError};

/// How long until the first of them is tried again: at the beginning, and at most.
const FIRST: Duration = Duration::from_secs(60);
const MOST: Duration = Duration::from_secs(15 * 60);

impl Engine {
    /// Tells a thread that the call `id` cannot reach its ticket, if that is news. Says how long the call rests.
    pub(super) async fn ticket_gone(
        &self,
        id: i64,
        thread_id: &ThreadId,
        reason: &str,
    ) -> Result<Duration, StoreError> {
        let now = self.clock.now_ms();
        let thread = self.thread(thread_id).await?;
        let follow_up = match thread.as_ref().and_then(|thread| thread.goes_on_in()) {
            // Reads have had the time to show it since.
            Some((ticket_id, since)) if now - since >= self.settings.zendesk_read_lag.as_millis() as i64 => {
                self.is_deleted(ticket_id).await.then_some(ticket_id)
            }
            _ => None,
        };
        let since = thread.and_then(|thread| thread.gone.as_ref().map(|gone| gone.since_ms));
        let Some(since) = since.filter(|_| follow_up.is_none()) else {
            let what = What::TicketGone { reason: reason.to_owned(), follow_up };
            let key = format!("ticket-gone:{thread_id}:{id}:{now}");
            let events = vec![(key, thread_id.clone(), Arc::new(Event { at_ms: now, what }))];
            self.commit_events("engine", events, Commit::default()).await?;
            return Ok(FIRST);
        };
        // The longer it lasts the less often it is asked.
        let quarter = Duration::from_millis((now - since).max(0).unsigned_abs() / 4);
        Ok(quarter.clamp(FIRST, MOST))
    }

    async fn is_deleted(&self, ticket_id: TicketId) -> bool {
        self.lock().queue.pace().call(&Budget::ZendeskPlan, self.clock.now_ms());
        matches!(self.outside.ticket(ticket_id).await, Err(CallError::Missing { forbidden: false, .. }))
    }
}
