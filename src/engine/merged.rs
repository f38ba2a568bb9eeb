//! What an operator says of merged tickets, where Zendesk does not say into which.

use std::sync::Arc;

use super::Engine;
use crate::bridge::event::{Event, What};
use crate::bridge::ids::{ThreadId, TicketId};
use crate::store::{Commit, StoreError};

impl Engine {
    /// Tells the threads that wait because a ticket was merged into which one it was. Says how many there are.
    ///
    /// # Errors
    /// It is not stored: the caller must ask again.
    pub async fn merged_into(&self, source: TicketId, into: TicketId) -> Result<usize, StoreError> {
        let now = self.clock.now_ms();
        let event = Arc::new(Event { at_ms: now, what: What::MergedInto { source, into } });
        let mut events = Vec::new();
        for thread_id in self.store.threads_of_merged(source.0).await?.into_iter().map(ThreadId::new) {
            if self.thread(&thread_id).await?.is_some_and(|thread| thread.waits_after_merge(source)) {
                events.push((format!("merged-into:{thread_id}:{into}:{now}"), thread_id, event.clone()));
            }
        }
        self.commit_events("engine", events, Commit::default()).await
    }
}
