//! Lets the core decide, event by event, and gathers what is to be written of it in one transaction.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::value::to_raw_value;

use super::super::queue::Work;
use super::super::{Engine, follow_up};
use super::HandleError;
use super::rows::{done, entries_known_by, settle, thread_write};
use crate::bridge::event::{Event, What, Wish};
use crate::bridge::{Answer, BridgedThread, Card, Class, Effect, Place, Why, handle, notice};
use crate::store::{
    Attempt, Commit, ForgetWrite, HeldBack, InboxWrite, LinkWrite, OutboxWrite, PersonWrite, Release, Unparked,
};

/// What was decided about some of a thread's events, and how it is written.
pub(super) struct Decided {
    pub(super) thread: BridgedThread,
    pub(super) effects: Vec<Arc<Effect>>,
    pub(super) commit: Commit,
    pub(super) settled: Vec<(i64, bool)>,
    /// Of those, the ones by which a person's words stand on the other side.
    pub(super) arrived: BTreeSet<i64>,
    pub(super) begun: Vec<i64>,
}

impl Engine {
    pub(super) fn decide(&self, before: Option<&BridgedThread>, work: &[Work]) -> Result<Option<Decided>, HandleError> {
        let now = self.clock.now_ms();
        let mut commit = Commit::default();
        let mut settled = Vec::new();
        let mut arrived = BTreeSet::new();
        let mut effects: Vec<Arc<Effect>> = Vec::new();
        // Since when each effect may have been done already, if it may.
        let mut doubts: Vec<Option<i64>> = Vec::new();
        let mut card: Option<Card> = None;
        let was_linked = before.and_then(BridgedThread::link);
        let mut thread = before.cloned();
        for one in work {
            let event = match one {
                Work::Event { event, .. } | Work::Arrived { event, .. } => event.clone(),
                Work::Answer { id, effect, answer, .. } => {
                    let parked = matches!(answer, Answer::Parked { .. });
                    settled.push((*id, parked));
                    if answer.has_arrived() {
                        arrived.insert(*id);
                    } else if let Some(kind) = answer.not_written().filter(|_| effect.act.facts().carries_words()) {
                        self.metrics.not_mirrored(kind);
                    }
                    commit.settled.push(settle(*id, answer, now));
                    let thread_id = thread.as_ref().map(|t| t.id.to_string()).unwrap_or_default();
                    commit.inbox.extend(entries_known_by(answer, &thread_id, now));
                    follow_up::note_answer(&mut commit, &thread_id, &effect.act, answer);
                    Arc::new(Event {
                        at_ms: now,
                        what: What::Answered {
                            effect: effect.id.clone(),
                            order: effect.order,
                            act: Box::new(effect.act.clone()),
                            answer: answer.clone(),
                            in_doubt: self.lock().queue.item(*id).is_some_and(|item| item.doubtful),
                        },
                    })
                }
            };
            let so_far = match thread.take() {
                Some(thread) => thread,
                None => match &event.what {
                    What::SideConversation(entry) => {
                        BridgedThread::new(entry.side_conversation_id.clone(), entry.ticket_id)
                    }
                    What::Operator { .. } => BridgedThread::of_the_operator(),
                    What::StartAsked(asked) => BridgedThread::asked_for(asked, event.at_ms),
                    _ => return Ok(None),
                },
            };
            let step = handle(&self.policy, so_far, &event);
            if let Some(why) = step.ignored {
                self.metrics.ignored(why.as_str());
                tracing::debug!(thread.id = %step.thread.id, why = why.as_str(), "an event asked for nothing");
                if why == Why::ToldNowhere {
                    tracing::warn!(
                        thread.id = %step.thread.id,
                        "its ticket is closed and took no note, and bridge.operator_channel names no channel; \
                         `sidethread trace --text` shows what it was to be told"
                    );
                }
            }
            // An echo holds words that are kept, or were deleted, elsewhere.
            let forget =
                matches!(step.thread.place, Place::Older | Place::LeftAlone) || step.ignored == Some(Why::Echo);
            let thread_id = step.thread.id.to_string();
            commit.held_back.extend(step.held_back.into_iter().map(|effects| HeldBack {
                thread_id: thread_id.clone(),
                from: effects.from.to_string(),
                to: effects.to.to_string(),
                problem: notice::held_back(),
                at: now,
            }));
            commit.forgotten.extend(step.forgotten.into_iter().map(|one| ForgetWrite {
                thread_id: thread_id.clone(),
                effect_id: one.effect.to_string(),
                key: one.key,
                at: now,
            }));
            commit.unparked.extend(step.unparked.into_iter().map(|(effects, wish)| Unparked {
                thread_id: thread_id.clone(),
                from: effects.from.to_string(),
                to: effects.to.to_string(),
                state: match wish {
                    Wish::Retry => "waiting",
                    Wish::Drop => "dropped",
                },
                // So that what is wanted again in one go keeps its order, whichever is named first.
                at: now + if wish == Wish::Retry { self.policy.order_window_ms } else { 0 },
            }));
            if let Work::Arrived { source, key, event } = one {
                commit.unless_known = true;
                commit.inbox.push(InboxWrite {
                    source,
                    key: key.clone(),
                    thread_id: step.thread.id.to_string(),
                    // Its words stand in what was decided; what asked for nothing is kept as it came.
                    event: step.effects.is_empty().then(|| to_raw_value(event.as_ref())).transpose()?,
                    received_at: event.at_ms,
                    done: true,
                    ignored: step.ignored.map(Why::as_str),
                });
            }
            commit.done.extend(done(one, now, step.ignored.map(Why::as_str), forget));
            effects.extend(step.effects.into_iter().map(Arc::new));
            let happened_at = self.happened_at(one, &event);
            let in_doubt = self.was_missed(one) || self.life.may_be_done(happened_at);
            doubts.resize(effects.len(), Some(happened_at).filter(|_| in_doubt));
            card = step.card.or(card);
            thread = Some(step.thread);
        }
        let Some(thread) = thread else { return Ok(None) };
        if card.is_some() || before != Some(&thread) {
            commit.threads.push(thread_write(&thread, card.as_ref().map(to_raw_value).transpose()?, now)?);
        }
        if let Some((channel, ts)) = thread.link()
            && was_linked != Some((channel, ts))
        {
            commit.links.push(LinkWrite {
                channel_id: channel.to_string(),
                thread_ts: ts.to_string(),
                thread_id: thread.id.to_string(),
                side_conversation_id: thread.side_conversation_id.to_string(),
                ticket_id: thread.ticket_id.0,
                linked_at: now,
            });
            commit.releases.push(Release {
                channel_id: channel.to_string(),
                thread_ts: ts.to_string(),
                thread_id: thread.id.to_string(),
            });
        }
        if let Some(Place::Posting { channel }) = before.map(|before| &before.place)
            && !matches!(&thread.place, Place::Posting { channel: still } if still == channel)
            && self.lock().queue.last_card_on_its_way(channel)
        {
            // What is held there and is not of this thread turned out to be of no bridged one.
            commit.forget_held_in.push((channel.to_string(), now));
        }
        let known = before.map_or(&[][..], |before| &before.people);
        commit.people.extend(
            thread
                .people
                .iter()
                .filter(|user| !known.contains(user))
                .map(|user| PersonWrite { user_id: user.to_string(), thread_id: thread.id.to_string() }),
        );
        if let Some(before) = before {
            follow_up::note_move(&mut commit, before, &thread);
        }
        follow_up::note_claims(&mut commit, &thread, &effects, now);
        let begun = self.begin_next(&settled, &mut commit, now);
        self.begin_at_once(&thread, &effects, &doubts, &settled, &mut commit, now)?;
        Ok(Some(Decided { thread, effects, commit, settled, arrived, begun }))
    }

    fn was_missed(&self, work: &Work) -> bool {
        matches!(work, Work::Event { seq, .. } if self.lock().catch_up.found.contains(seq))
    }

    /// When at the vendor happened what is handled; for an answer, what led to its call.
    fn happened_at(&self, work: &Work, event: &Event) -> i64 {
        let called = match work {
            Work::Answer { id, .. } => self.lock().queue.item(*id).map(|item| item.caused_at),
            Work::Event { .. } | Work::Arrived { .. } => None,
        };
        called.or(event.what.happened_at_ms()).unwrap_or(event.at_ms)
    }

    /// What follows a settled call in its lane is written down as begun in the same transaction, which saves a commit
    /// before its call.
    fn begin_next(&self, settled: &[(i64, bool)], commit: &mut Commit, now: i64) -> Vec<i64> {
        let state = self.lock();
        let mut begun: Vec<i64> = settled.iter().filter_map(|(id, _)| state.queue.follows(*id, settled, now)).collect();
        begun.sort_unstable();
        begun.dedup();
        commit.attempts.extend(begun.iter().map(|id| Attempt { id: *id, attempted_at: now, bundle: None }));
        begun
    }

    /// Writes the effects. The first of a lane that is free, or will be once `settled` are out of it, is written down
    /// as begun, which saves a commit before its call.
    fn begin_at_once(
        &self,
        thread: &BridgedThread,
        effects: &[Arc<Effect>],
        doubts: &[Option<i64>],
        settled: &[(i64, bool)],
        commit: &mut Commit,
        now: i64,
    ) -> Result<(), HandleError> {
        let mut firsts = HashMap::new();
        for effect in effects.iter().filter(|effect| effect.act.facts().in_lane) {
            let first = firsts.entry(effect.act.vendor()).or_insert(effect);
            if effect.order < first.order {
                *first = effect;
            }
        }
        {
            let state = self.lock();
            firsts
                .retain(|_, first| !state.stopping && state.queue.is_free(thread, first, settled, effects.len(), now));
        }
        for (effect, since) in effects.iter().zip(doubts) {
            let doubtful = since.is_some() && matches!(effect.act.facts().class, Class::Marked | Class::Ticket { .. });
            let at_once = !doubtful
                && effect.not_before_ms <= now
                && firsts.get(&effect.act.vendor()).is_some_and(|first| first.id == effect.id);
            let caused_at = match since {
                _ if effect.act.facts().carries_words() && effect.order > 0 => effect.order / 1000,
                Some(since) => *since,
                None => now,
            };
            commit.outbox.push(OutboxWrite {
                thread_id: thread.id.to_string(),
                effect_id: effect.id.to_string(),
                vendor: effect.act.vendor().as_str(),
                effect: to_raw_value(effect.as_ref())?,
                decided_at: now,
                caused_at,
                not_before: effect.not_before_ms,
                attempts: i64::from(at_once),
                doubtful,
            });
        }
        Ok(())
    }
}
