//! What the engine does about tickets: it reads them when Zendesk speaks of them.

use std::sync::Arc;

use super::Engine;
use super::outside::CallError;
use super::pace::Budget;
use crate::bridge::event::{Event, What};
use crate::bridge::ids::{ThreadId, TicketId};
use crate::store::{Commit, StoreError};

impl Engine {
    /// Reads a ticket of which Zendesk has spoken, and tells its threads what has changed.
    pub(super) async fn look_at_ticket(&self, ticket_id: TicketId) {
        if let Err(error) = self.tell_of_ticket(ticket_id).await {
            tracing::warn!(zendesk.ticket_id = %ticket_id, error = %error, "what a ticket is could not be stored; its cards show what it was");
        }
    }

    async fn tell_of_ticket(&self, ticket_id: TicketId) -> Result<(), StoreError> {
        let threads = self.store.threads_on_ticket(ticket_id.0).await?;
        if threads.is_empty() {
            return Ok(());
        }
        let now = self.clock.now_ms();
        self.lock().queue.pace().call(&Budget::ZendeskPlan, now);
        let ticket = match self.outside.ticket(ticket_id).await {
            Ok(ticket) => ticket.shown,
            Err(error) => {
                // Only the cards wait for it, and the next word of the ticket mends them.
                if let CallError::Later { after, .. } = &error {
                    self.hold_budget(&Budget::ZendeskPlan, *after);
                }
                tracing::debug!(zendesk.ticket_id = %ticket_id, error = %error, "a ticket itself could not be read");
                return Ok(());
            }
        };
        let mut events = Vec::new();
        for thread_id in threads.into_iter().map(ThreadId::new) {
            let Some(thread) = self.thread(&thread_id).await? else { continue };
            if thread.ticket_id == ticket_id && thread.ticket.as_ref() != Some(&ticket) {
                let what = What::TicketChanged { ticket_id, ticket: ticket.clone() };
                events.push((format!("ticket:{thread_id}:{now}"), thread_id, Arc::new(Event { at_ms: now, what })));
            }
        }
        self.commit_events("engine", events, Commit::default()).await.map(drop)
    }
}
