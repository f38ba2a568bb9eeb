//! What becomes of replies whose ticket is not there, or may not be written to: they rest in their order, and their
//! thread is told once. A reply that gets through ends it. Where the ticket is a follow-up that was deleted, another one
//! takes its place.
//!
//! Zendesk may also speak of a ticket and then not show it, because it was deleted, or show one again that was: what is not
//! shown is believed when it is so for longer than reads lag.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::outside::CallError;
use super::pace::Budget;
use crate::bridge::event::{Event, What};
use crate::bridge::ids::{ThreadId, TicketId};
use crate::bridge::{BridgedThread, Vendor};
use crate::store::{Commit, StoreError};

/// How long until the first of them is tried again: at the beginning, and at most.
const FIRST: Duration = Duration::from_secs(10);
const MOST: Duration = Duration::from_secs(5 * 60);

/// Tickets that Zendesk spoke of and did not show, and since when, in milliseconds since 1970.
pub(super) type Missing = HashMap<TicketId, i64>;

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
        let gone = thread.as_ref().and_then(|thread| thread.gone.as_ref());
        if follow_up.is_some() || gone.is_none_or(|gone| gone.read) {
            let what = What::TicketGone { reason: reason.to_owned(), read: false, follow_up };
            let key = format!("ticket-gone:{thread_id}:{id}:{now}");
            let events = vec![(key, thread_id.clone(), Arc::new(Event { at_ms: now, what }))];
            self.commit_events("engine", events, Commit::default()).await?;
        }
        let since = gone.map(|gone| gone.since_ms).filter(|_| follow_up.is_none());
        let Some(since) = since else { return Ok(FIRST) };
        // The longer it lasts the less often it is asked.
        let quarter = Duration::from_millis((now - since).max(0).unsigned_abs() / 4);
        Ok(quarter.clamp(FIRST, MOST))
    }

    /// A ticket of which Zendesk spoke is not shown. Says how soon it is to be read again; otherwise its threads are told.
    pub(super) async fn ticket_missing(
        &self,
        ticket_id: TicketId,
        reason: &str,
    ) -> Result<Option<Duration>, StoreError> {
        let now = self.clock.now_ms();
        let mut threads = Vec::new();
        for thread_id in self.store.threads_on_ticket(ticket_id.0).await?.into_iter().map(ThreadId::new) {
            if self.thread(&thread_id).await?.is_some_and(|thread| thread.heeds_absence(ticket_id)) {
                threads.push(thread_id);
            }
        }
        let since = match threads.is_empty() {
            true => self.lock().missing.remove(&ticket_id),
            false => Some(*self.lock().missing.entry(ticket_id).or_insert(now)),
        };
        let Some(since) = since.filter(|_| !threads.is_empty()) else { return Ok(None) };
        let lag = self.settings.zendesk_read_lag;
        let left = (since - now).saturating_add(lag.as_millis() as i64);
        if left > 0 {
            return Ok(Some(Duration::from_millis(left.unsigned_abs()).min(FIRST)));
        }
        self.lock().missing.remove(&ticket_id);
        let told = |thread_id: ThreadId| {
            let what = What::TicketGone { reason: reason.to_owned(), read: true, follow_up: None };
            (format!("ticket-gone:{thread_id}:read:{now}"), thread_id, Arc::new(Event { at_ms: now, what }))
        };
        let events = threads.into_iter().map(told).collect();
        self.commit_events("engine", events, Commit::default()).await?;
        Ok(None)
    }

    /// A ticket is shown, to a thread that was told it is not. What waits is tried at once.
    pub(super) fn ticket_shown(&self, thread: &BridgedThread) -> Option<What> {
        let gone = thread.gone.as_ref()?;
        let now = self.clock.now_ms();
        self.lock().queue.wake(&thread.id, Vendor::Zendesk, now);
        gone.read.then_some(What::TicketShown)
    }

    async fn is_deleted(&self, ticket_id: TicketId) -> bool {
        self.lock().queue.pace().call(&Budget::ZendeskPlan, self.clock.now_ms());
        matches!(self.outside.ticket(ticket_id).await, Err(CallError::Missing { forbidden: false, .. }))
    }
}
