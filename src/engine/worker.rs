//! Handles a thread's events, oldest first, and writes what was decided in the transaction that marks them done.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::value::{RawValue, to_raw_value};

use super::intake::Taken;
use super::queue::{Item, Job, Work};
use super::{AT_HAND, Engine, REMEMBERED, follow_up};
use crate::bridge::event::{Event, State, What, Wish};
use crate::bridge::ids::{ChannelId, ThreadId};
use crate::bridge::{Act, Answer, BridgedThread, Card, Class, Effect, Place, Policy, Vendor, Why, handle, notice};
use crate::store::{
    Attempt, Commit, Done, ForgetWrite, HeldBack, InboxWrite, LinkWrite, OutboxWrite, Release, Settle, Store,
    StoreError, ThreadWrite, Unparked,
};
use crate::telemetry::Direction;

/// How many events of a thread share a transaction.
const AT_ONCE: usize = 64;
/// How long until a commit that failed is tried again, in milliseconds.
const AGAIN_MS: i64 = 1000;

/// Why a thread's events could not be handled now.
#[derive(Debug, thiserror::Error)]
enum HandleError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a decision cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

struct Decided {
    thread: BridgedThread,
    effects: Vec<Arc<Effect>>,
    commit: Commit,
    settled: Vec<(i64, bool)>,
    begun: Vec<i64>,
}

impl Engine {
    pub(super) async fn handle(&self, thread_id: &ThreadId) {
        let work = self.lock().queue.take_work(thread_id, AT_ONCE);
        if work.is_empty() {
            self.lock().queue.end_handle(thread_id);
            return;
        }
        if let Err(error) = self.handle_work(thread_id, &work).await {
            tracing::warn!(thread.id = %thread_id, error = %error, "a decision could not be written; it is tried again");
            let at = self.clock.now_ms() + AGAIN_MS;
            let mut state = self.lock();
            state.threads.remove(thread_id);
            state.queue.put_back(thread_id, work, at);
        }
    }

    /// Decides about an event that has just come in, and writes both together, if its thread has nothing else to do:
    /// one transaction instead of two. `None`: it has to be stored and to wait its turn.
    pub(super) async fn handle_at_once(
        &self,
        thread_id: &ThreadId,
        source: &'static str,
        key: &str,
        event: &Arc<Event>,
    ) -> Option<Taken> {
        if !self.lock().queue.take_idle(thread_id) {
            return None;
        }
        let work = [Work::Arrived { source, key: key.to_owned(), event: event.clone() }];
        match AssertUnwindSafe(self.handle_work(thread_id, &work)).catch_unwind().await {
            Ok(Ok(true)) => Some(Taken::Stored),
            Ok(Ok(false)) => Some(Taken::Known),
            Ok(Err(error)) => {
                tracing::warn!(thread.id = %thread_id, error = %error, "a decision could not be written; its event is stored and waits");
                let mut state = self.lock();
                state.threads.remove(thread_id);
                state.queue.end_handle(thread_id);
                None
            }
            Err(_) => {
                self.set_aside(&Job::Handle(thread_id.clone()));
                None
            }
        }
    }

    /// Says whether what it was given to handle was new.
    async fn handle_work(&self, thread_id: &ThreadId, work: &[Work]) -> Result<bool, HandleError> {
        let before = self.thread(thread_id).await?;
        let card_before = before.as_deref().and_then(card_channel);
        let work = &self.with_what_is_so(thread_id, work).await?;
        let Some(decided) = self.decide(before.as_deref(), work)? else {
            // Nothing says which side conversation this is: the events came before their thread.
            let now = self.clock.now_ms();
            let done = work.iter().filter_map(|one| done(one, now, Some("unknown_thread"), true)).collect();
            self.store.commit(Commit { done, ..Commit::default() }).await?;
            self.lock().queue.end_handle(thread_id);
            return Ok(true);
        };
        let Decided { thread, effects, commit, settled, begun } = decided;
        let outbox_meta: Vec<_> = commit.outbox.iter().map(|row| (row.attempts, row.caused_at, row.doubtful)).collect();
        let now = self.clock.now_ms();
        let unless_known = commit.unless_known;
        let committed = self.store.commit(commit).await?;

        let mut state = self.lock();
        if unless_known && committed.is_known() {
            state.queue.end_handle(thread_id);
            return Ok(false);
        }
        for id in begun {
            state.queue.begun(id);
        }
        for one in work.iter() {
            if let Work::Event { seq, .. } = one {
                state.catch_up.found.remove(seq);
            }
        }
        let mut in_doubt = false;
        for (id, parked) in settled {
            if let Some(item) = state.queue.settle(id) {
                state.health.settled(item.vendor, id);
                in_doubt |= item.doubtful || item.attempts > 1;
                let direction = Direction::to(item.vendor);
                if parked {
                    self.metrics.parked(direction);
                } else if item.words {
                    self.metrics.delivered(direction, (now - item.caused_at) as f64 / 1000.0);
                }
            }
        }
        let card_after = card_channel(&thread);
        if card_before != card_after {
            if let Some(channel) = &card_after {
                state.queue.card_begins(channel);
            }
            if let Some(channel) = &card_before {
                state.queue.card_ends(channel);
            }
        }
        if let Some((channel, ts)) = thread.link() {
            let key = (channel.clone(), ts.clone());
            if state.links.get(&key).is_none_or(|known| known.as_ref() != Some(thread_id)) {
                state.linked += 1;
                make_room(&mut state.links);
                state.links.insert(key.clone(), Some(thread_id.clone()));
                if card_before.is_some() {
                    state.catch_up.linked(key, in_doubt);
                }
            }
        }
        for ((effect, id), (attempts, caused_at, doubtful)) in
            effects.into_iter().zip(committed.outbox).zip(outbox_meta)
        {
            let Some(id) = id else { continue };
            // What is asked must be known to see that it is being asked already.
            let asks = matches!(effect.act, Act::OpenChannel { .. });
            let at_hand = asks || attempts > 0 || state.queue.calls() < AT_HAND;
            let mut item = Item::new(effect, &thread, caused_at, attempts > 0);
            item.awaited_since = item.effect.as_ref().filter(|effect| effect.act.is_awaited()).map(|_| now);
            item.effect = item.effect.filter(|_| at_hand);
            if doubtful {
                item.doubtful = true;
                item.maybe_since_ms = Some(caused_at);
                item.last_attempt_ms = Some(self.life.other_until());
            }
            state.queue.add_call(id, item);
        }
        let out_of_reach = |thread: &BridgedThread| thread.unreachable.is_some() || card_channel(thread).is_some();
        let stands = thread.link().is_some() && !out_of_reach(&thread);
        let is_back = stands && before.as_deref().is_some_and(out_of_reach);
        if is_back {
            state.queue.wake(thread_id, Vendor::Slack, now);
            // A reply to a closed ticket waited for a thread whose address its follow-up names.
            state.queue.wake(thread_id, Vendor::Zendesk, now);
        }
        if before.as_deref().is_some_and(|before| follow_up::goes_on(before, &thread)) {
            state.queue.wake(thread_id, Vendor::Zendesk, now);
        }
        let was_closed = is_back && before.as_deref().is_some_and(|before| before.unreachable.is_some());
        if !committed.given_up.is_empty() {
            state.late.remove(&(thread_id.clone(), Vendor::Zendesk));
        }
        for id in committed.held_back.into_iter().chain(committed.given_up) {
            state.queue.settle(id);
        }
        for row in committed.unparked {
            let mut item = Item::new(Arc::new(row.effect), &thread, row.caused_at, false);
            item.not_before = row.not_before;
            // A search begins where the first attempt may have been.
            item.first_attempt_ms = Some(row.decided_at);
            item.last_attempt_ms = Some(row.settled_at);
            item.doubtful = row.doubtful;
            state.queue.add_call(row.id, item);
        }
        if let Some((channel, ts)) = thread.link() {
            state.add_released(thread_id, &(channel.clone(), ts.clone()), committed.released, now);
        }
        make_room(&mut state.threads);
        state.threads.insert(thread_id.clone(), Arc::new(thread));
        state.queue.end_handle(thread_id);
        drop(state);
        if was_closed {
            self.missed("a channel takes posts again");
        }
        Ok(true)
    }

    /// A thread, from memory or from its row.
    pub(super) async fn thread(&self, thread_id: &ThreadId) -> Result<Option<Arc<BridgedThread>>, StoreError> {
        let remembered = self.lock().threads.get(thread_id).cloned();
        match remembered {
            Some(thread) => Ok(Some(thread)),
            None => read_thread(&self.store, &self.policy, thread_id).await,
        }
    }

    fn decide(&self, before: Option<&BridgedThread>, work: &[Work]) -> Result<Option<Decided>, HandleError> {
        let now = self.clock.now_ms();
        let mut commit = Commit::default();
        let mut settled = Vec::new();
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
                    _ => return Ok(None),
                },
            };
            let step = handle(&self.policy, so_far, &event);
            if let Some(why) = step.ignored {
                self.metrics.ignored(why.as_str());
                tracing::debug!(thread.id = %step.thread.id, why = why.as_str(), "an event asked for nothing");
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
                at: now,
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
        if let Some(before) = before {
            follow_up::note_move(&mut commit, before, &thread);
        }
        follow_up::note_claims(&mut commit, &thread, &effects, now);
        let begun = self.begin_next(&settled, &mut commit, now);
        self.begin_at_once(&thread, &effects, &doubts, &settled, &mut commit, now)?;
        Ok(Some(Decided { thread, effects, commit, settled, begun }))
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
        for effect in effects.iter().filter(|effect| effect.act.in_lane()) {
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
            let doubtful = since.is_some() && matches!(effect.act.class(), Class::Marked | Class::Ticket);
            let at_once = !doubtful
                && effect.not_before_ms <= now
                && firsts.get(&effect.act.vendor()).is_some_and(|first| first.id == effect.id);
            let caused_at = match since {
                _ if effect.act.carries_words() && effect.order > 0 => effect.order / 1000,
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

/// A thread from its row, under the rules that the settings have now.
pub(super) async fn read_thread(
    store: &Store,
    policy: &Policy,
    thread_id: &ThreadId,
) -> Result<Option<Arc<BridgedThread>>, StoreError> {
    let mut thread = store.thread(thread_id.as_str()).await?;
    if let Some(target) = thread.as_mut().and_then(|thread| thread.target.as_mut()) {
        target.obey(&policy.routes);
    }
    Ok(thread.map(Arc::new))
}

/// A thread as it is stored.
pub(super) fn thread_write(
    thread: &BridgedThread,
    card: Option<Box<RawValue>>,
    now: i64,
) -> Result<ThreadWrite, serde_json::Error> {
    Ok(ThreadWrite {
        id: thread.id.to_string(),
        // The one that it began with: where it is at present may have a row of its own.
        side_conversation_id: thread.id.to_string(),
        ticket_id: thread.ticket_id.0,
        place: place_word(&thread.place),
        state: match thread.state {
            State::Open => "open",
            State::Closed => "closed",
        },
        thread: to_raw_value(thread)?,
        card,
        updated_at: now,
    })
}

fn done(work: &Work, now: i64, ignored: Option<&'static str>, forget: bool) -> Option<Done> {
    match work {
        Work::Event { seq, .. } => Some(Done { seq: *seq, done_at: now, ignored, forget }),
        Work::Answer { .. } | Work::Arrived { .. } => None,
    }
}

/// The entries that a call has made, or found to be copies: they are known before they are read.
fn entries_known_by(answer: &Answer, thread_id: &str, now: i64) -> Vec<InboxWrite> {
    let (keys, why) = match answer {
        Answer::Replied { entry: Some(entry), .. } => (vec![entry.to_string()], "echo"),
        // The first entry of a side conversation has its id.
        Answer::Started { side_conversation_id, .. } => (vec![side_conversation_id.to_string()], "echo"),
        Answer::Followed(followed) => (followed.copied.iter().map(ToString::to_string).collect(), "copied"),
        _ => return Vec::new(),
    };
    let known = |key: String| InboxWrite {
        source: "zendesk",
        key,
        thread_id: thread_id.to_owned(),
        event: None,
        received_at: now,
        done: true,
        ignored: Some(why),
    };
    keys.into_iter().map(known).collect()
}

fn settle(id: i64, answer: &Answer, now: i64) -> Settle {
    let (state, result, problem) = match answer {
        Answer::Posted { ts, .. } => ("done", Some(ts.to_string()), None),
        Answer::Replied { entry, .. } => ("done", entry.as_ref().map(ToString::to_string), None),
        Answer::Started { side_conversation_id, .. } => ("done", Some(side_conversation_id.to_string()), None),
        Answer::Followed(followed) => ("done", Some(followed.ticket_id.to_string()), None),
        Answer::Withheld { .. } => ("done", Some("withheld".to_owned()), None),
        Answer::Parked { reason, .. } => ("parked", None, Some(reason.clone())),
        _ => ("done", None, None),
    };
    let doubtful = matches!(answer, Answer::Parked { doubtful: true, .. });
    Settle { id, state, result, problem, doubtful, settled_at: now }
}

fn card_channel(thread: &BridgedThread) -> Option<ChannelId> {
    match &thread.place {
        Place::Posting { channel } => Some(channel.clone()),
        _ => None,
    }
}

fn place_word(place: &Place) -> &'static str {
    match place {
        Place::New => "new",
        Place::Older => "older",
        Place::LeftAlone => "left_alone",
        Place::Preparing { .. } => "preparing",
        Place::Posting { .. } => "posting",
        Place::Linked { .. } => "linked",
    }
}

/// Forgets an arbitrary part of a memory that has grown full; all of it can be read again.
pub(super) fn make_room<K: std::hash::Hash + Eq + Clone, V>(map: &mut HashMap<K, V>) {
    if map.len() >= REMEMBERED {
        let some: Vec<K> = map.keys().take(REMEMBERED / 8).cloned().collect();
        for key in some {
            map.remove(&key);
        }
    }
}
