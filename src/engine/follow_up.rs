//! What the engine does about tickets: it reads them when Zendesk speaks of them, and sees to it that a closed one is
//! followed up once.
//!
//! The thread whose decision first asks what follows a ticket claims it in the transaction of that decision. Others rest
//! until its answer is there, and go where it went. A claim that comes to nothing is given up with the call; an answer
//! that was deleted since is asked for anew by the thread that finds it out.

use std::sync::Arc;

use super::Engine;
use super::outside::CallError;
use super::pace::Budget;
use crate::bridge::event::{Event, What};
use crate::bridge::follow_up::{ClosedTicket, Followed};
use crate::bridge::ids::{ThreadId, TicketId};
use crate::bridge::{Act, Answer, BridgedThread, Effect, Place};
use crate::store::{Commit, FollowUpWrite, MoveWrite, SideConversationWrite, StoreError};

/// How soon a thread sees whether another one has found what follows their ticket, in milliseconds.
const AGAIN_MS: i64 = 2000;

/// Who finds out what follows a ticket.
pub(super) enum Claimed {
    /// The thread that asks.
    Here,
    /// Another one; this one rests until then (milliseconds since 1970).
    Elsewhere { until: i64 },
    /// It is known.
    Answered(Followed),
}

impl Engine {
    /// Who finds out what follows a ticket. A claim that nobody holds passes to who asks.
    pub(super) async fn claim(&self, source: TicketId, thread_id: &ThreadId) -> Result<Claimed, StoreError> {
        let now = self.clock.now_ms();
        for _ in 0..3 {
            match self.store.follow_up(source.0).await? {
                Some((_, Some(ticket_id))) => {
                    let ticket_id = TicketId(ticket_id);
                    return Ok(Claimed::Answered(Followed::in_ticket(ticket_id, None)));
                }
                Some((by, None)) if by == thread_id.as_str() => return Ok(Claimed::Here),
                Some((by, None)) => {
                    let holder = self.thread(&ThreadId::new(by.as_str())).await?;
                    if holder.is_some_and(|holder| holder.seeks(source)) {
                        break;
                    }
                    // Who asked has moved on in another way.
                    let not_followed = vec![(source.0, by)];
                    self.store.commit(Commit { not_followed, ..Commit::default() }).await?;
                }
                None => {
                    let follow_ups = vec![claim_of(source, thread_id, None, now)];
                    self.store.commit(Commit { follow_ups, ..Commit::default() }).await?;
                }
            }
        }
        Ok(Claimed::Elsewhere { until: now + AGAIN_MS })
    }

    /// The effect, with what anybody has found out of follow-ups that were deleted.
    pub(super) async fn with_deleted(&self, effect: &Arc<Effect>) -> Result<Arc<Effect>, StoreError> {
        let Act::SeekFollowUp { source, thread_url, gone } = &effect.act else { return Ok(effect.clone()) };
        let known = self.store.deleted_follow_up(source.0).await?.map(TicketId);
        if known <= *gone {
            return Ok(effect.clone());
        }
        let act = Act::SeekFollowUp { source: *source, thread_url: thread_url.clone(), gone: known };
        Ok(Arc::new(Effect { act, ..Effect::clone(effect) }))
    }

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
            Ok(ticket) => ticket,
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
            if thread.ticket_id != ticket_id {
                continue;
            }
            let mut tell = |key: &str, what: What| {
                events.push((
                    format!("{key}:{thread_id}:{now}"),
                    thread_id.clone(),
                    Arc::new(Event { at_ms: now, what }),
                ));
            };
            if thread.ticket.as_ref() != Some(&ticket.shown) && !thread.forgotten {
                tell("ticket", What::TicketChanged { ticket_id, ticket: ticket.shown.clone() });
            }
            if let Some(what) = self.ticket_shown(&thread) {
                tell("ticket-shown", what);
            }
            if ticket.merged && thread.heeds_a_merge(ticket.into) {
                tell("merged", What::TicketClosed(ClosedTicket::by_merge(ticket_id, ticket.into)));
            }
        }
        self.commit_events("engine", events, Commit::default()).await.map(drop)
    }
}

/// Whether calls of a thread that rested because its ticket is closed, or not there, have somewhere to go.
pub(super) fn goes_on(before: &BridgedThread, after: &BridgedThread) -> bool {
    before.follow_up.is_some() && before.follow_up != after.follow_up || before.gone.is_some() && after.gone.is_none()
}

/// Writes down which closed tickets the effects ask about.
pub(super) fn note_claims(commit: &mut Commit, thread: &BridgedThread, effects: &[Arc<Effect>], now: i64) {
    for effect in effects {
        if let Act::SeekFollowUp { source, gone, .. } = &effect.act {
            commit.follow_ups.push(claim_of(*source, &thread.id, *gone, now));
        }
    }
}

/// Writes down what an answer says of a closed ticket.
pub(super) fn note_answer(commit: &mut Commit, thread_id: &str, act: &Act, answer: &Answer) {
    let (Act::SeekFollowUp { source, .. } | Act::FollowUp { source, .. }) = act else { return };
    match answer {
        Answer::Followed(followed) => {
            commit.followed.push((source.0, thread_id.to_owned(), followed.ticket_id.0));
            commit.side_conversations.extend(followed.side_conversation_id.iter().map(|id| SideConversationWrite {
                id: id.to_string(),
                thread_id: thread_id.to_owned(),
                ticket_id: followed.ticket_id.0,
            }));
        }
        Answer::Parked { .. } | Answer::TicketOpen | Answer::TicketClosed(_) | Answer::Withdrawn => {
            commit.not_followed.push((source.0, thread_id.to_owned()));
        }
        _ => {}
    }
}

/// Writes down where a thread was and where it is.
pub(super) fn note_move(commit: &mut Commit, before: &BridgedThread, after: &BridgedThread) {
    let place = |thread: &BridgedThread| SideConversationWrite {
        id: thread.side_conversation_id.to_string(),
        thread_id: thread.id.to_string(),
        ticket_id: thread.ticket_id.0,
    };
    let (from, to) = (place(before), place(after));
    if from != to {
        commit.moves.push(MoveWrite {
            thread_id: to.thread_id.clone(),
            side_conversation_id: to.id.clone(),
            ticket_id: to.ticket_id,
        });
        // Before it was there its thread's name stood for it.
        let from = (before.place != Place::Asked).then_some(from);
        commit.side_conversations.extend(from.into_iter().chain([to]));
    }
}

fn claim_of(source: TicketId, thread_id: &ThreadId, gone: Option<TicketId>, now: i64) -> FollowUpWrite {
    let gone = gone.map(|gone| gone.0);
    FollowUpWrite { source_ticket_id: source.0, thread_id: thread_id.to_string(), claimed_at: now, gone }
}
