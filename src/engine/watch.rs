//! What becomes of bridged tickets of which nobody tells: a trigger may be missing, or its call lost, and a ticket closes, is
//! merged or is deleted without a word of its side conversations.
//!
//! So with each poll some of the tickets that are not closed are read, a hundred in one call and all of them within two
//! polls. What is another than it was goes to its threads; a ticket that is closed for good is asked for no more.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Engine;
use super::outside::{CallError, TicketNow};
use super::pace::Budget;
use crate::bridge::BridgedThread;
use crate::bridge::ids::{ThreadId, TicketId};
use crate::store::StoreError;

/// How many tickets one call reads.
const AT_ONCE: usize = 100;
/// How many calls one poll makes at most: so many as leave the account's other work its room.
const CALLS: usize = 20;
const CLOSED: &str = "closed";

/// The tickets that are looked at.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Those of threads that stand in Slack, unless they are known to be closed, each as it was last read.
    tickets: BTreeMap<TicketId, Option<TicketNow>>,
    is_complete: bool,
    /// The last one that was read.
    after: Option<TicketId>,
}

impl Watched {
    /// A thread is as it is.
    pub(super) fn heed(&mut self, thread: &BridgedThread) {
        let is_closed = thread.ticket.as_ref().is_some_and(|ticket| ticket.status.as_deref() == Some(CLOSED));
        if thread.link().is_some() && !is_closed {
            self.tickets.entry(thread.ticket_id).or_insert(None);
        }
    }

    /// Those whose turn it is: half of them, so that two polls read all.
    fn next(&mut self) -> Vec<TicketId> {
        let most = (self.tickets.len().div_ceil(2 * AT_ONCE) * AT_ONCE).min(CALLS * AT_ONCE);
        let after = self.after;
        let is_behind = |id: &&TicketId| after.is_none_or(|after| **id > after);
        let behind = self.tickets.keys().filter(is_behind);
        let before = self.tickets.keys().filter(|id| !is_behind(id));
        let next: Vec<TicketId> = behind.chain(before).take(most).copied().collect();
        self.after = next.last().copied();
        next
    }
}

impl Engine {
    /// Reads the bridged tickets whose turn it is.
    pub(super) async fn watch_tickets(&self) {
        if let Err(error) = self.watch().await {
            tracing::warn!(error = %error, "bridged tickets could not be compared; they are with the next poll");
        }
    }

    async fn watch(&self) -> Result<(), StoreError> {
        if !self.lock().watched.is_complete {
            let tickets = self.store.tickets_not_closed().await?;
            let mut state = self.lock();
            for ticket_id in tickets {
                state.watched.tickets.entry(TicketId(ticket_id)).or_insert(None);
            }
            state.watched.is_complete = true;
        }
        let next = self.lock().watched.next();
        for some in next.chunks(AT_ONCE) {
            let now = self.clock.now_ms();
            {
                let mut state = self.lock();
                let pace = state.queue.pace();
                if pace.when_read(&Budget::ZendeskPlan, now) > now {
                    return Ok(());
                }
                pace.call(&Budget::ZendeskPlan, now);
            }
            let read = match self.outside.tickets(some).await {
                Ok(read) => read,
                Err(error) => {
                    if let CallError::Later { after, .. } = &error {
                        self.hold_budget(&Budget::ZendeskPlan, *after);
                    }
                    tracing::debug!(error = %error, "bridged tickets could not be read; they are with the next poll");
                    return Ok(());
                }
            };
            for ticket_id in some {
                match read.get(ticket_id) {
                    Some(is) => self.seen(*ticket_id, is).await?,
                    None => self.not_seen(*ticket_id, now).await?,
                }
            }
        }
        Ok(())
    }

    async fn seen(&self, ticket_id: TicketId, is: &TicketNow) -> Result<(), StoreError> {
        let was = self.lock().watched.tickets.get(&ticket_id).cloned().flatten();
        if was.as_ref() == Some(is) {
            return Ok(());
        }
        if was.is_some() || self.differs(ticket_id, is).await? {
            self.tell_of_ticket(ticket_id).await?;
        }
        let mut state = self.lock();
        match is.closed {
            true => drop(state.watched.tickets.remove(&ticket_id)),
            false => drop(state.watched.tickets.insert(ticket_id, Some(is.clone()))),
        }
        Ok(())
    }

    /// Whether a thread, or its card, says something else of its ticket.
    async fn differs(&self, ticket_id: TicketId, is: &TicketNow) -> Result<bool, StoreError> {
        for thread in self.threads_of(ticket_id).await? {
            let shown = match &thread.ticket {
                Some(shown) => Some(shown.clone()),
                None => self.store.card(thread.id.as_str()).await?.map(|card| card.ticket),
            };
            if shown.as_ref() != Some(&is.shown) || thread.gone.is_some() || (is.merged && thread.heeds_a_merge(None)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A ticket that is not shown is read by itself, which tells whether it is gone.
    async fn not_seen(&self, ticket_id: TicketId, now: i64) -> Result<(), StoreError> {
        if self.threads_of(ticket_id).await?.iter().any(|thread| thread.heeds_absence(ticket_id)) {
            self.lock().queue.add_ticket(ticket_id, now);
            self.wake.notify_one();
        }
        // Once it is shown again, its threads are looked at.
        self.lock().watched.tickets.insert(ticket_id, None);
        Ok(())
    }

    async fn threads_of(&self, ticket_id: TicketId) -> Result<Vec<Arc<BridgedThread>>, StoreError> {
        let mut threads = Vec::new();
        for thread_id in self.store.threads_on_ticket(ticket_id.0).await?.into_iter().map(ThreadId::new) {
            threads.extend(self.thread(&thread_id).await?.filter(|thread| thread.ticket_id == ticket_id));
        }
        Ok(threads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_polls_read_every_ticket_however_many_there_are() {
        for many in [0, 1, 99, 100, 101, 250, 1000, 4000] {
            let mut watched = Watched::default();
            watched.tickets.extend((0..many).map(|n| (TicketId(n), None)));
            let mut read = watched.next();
            assert!(read.len() <= CALLS * AT_ONCE);
            read.extend(watched.next());
            read.sort_unstable();
            read.dedup();
            assert_eq!(read.len() as i64, many);
        }
        let mut watched = Watched::default();
        watched.tickets.extend((0..10_000).map(|n| (TicketId(n), None)));
        assert_eq!(watched.next().len(), CALLS * AT_ONCE);
    }
}
