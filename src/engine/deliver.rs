//! Makes one call: looks first where an earlier attempt may have got through, writes the attempt down, calls, and
//! hands the answer to the thread. What waits in the same lane may travel along ([`bundle`]); its answer is that of each.
//!
//! Reads lag behind writes at both vendors, so "not found" after a doubtful attempt counts only once the vendor's
//! window has passed; until then it means "later". So does a ticket or side conversation that a read misses: it may
//! have been made a moment ago.

mod judge;

use std::sync::Arc;
use std::time::Duration;

use super::follow_up::Claimed;
use super::gather::Gathered;
use super::outside::{Call, CallError};
use super::pace::Budget;
use super::queue::{Item, Job, Work};
use super::reach::{CARD_MS, REST_MS};
use super::{Engine, bundle};
use crate::bridge::event::What;
use crate::bridge::thread::Ready;
use crate::bridge::{Act, Answer, Class, Effect, notice};
use crate::store::{Attempt, Commit, Delay, StoreError};
use crate::telemetry::Direction;

/// How long a call may take; the wire's own limit is shorter.
const DEADLINE: Duration = Duration::from_secs(45);
/// How long an account is held before it is tried again.
pub(super) const PAUSE: Duration = Duration::from_secs(30);
/// How long until a row that could not be written or read is tried again, in milliseconds.
const AGAIN_MS: i64 = 1000;
/// How long the same request makes no second ticket, in milliseconds. Zendesk keeps its key for two hours.
const KEY_LIVES_MS: i64 = 90 * 60 * 1000;

enum Ended {
    Answered(Answer),
    Delayed {
        wait: Duration,
        attempts: i64,
        doubtful: bool,
        problem: String,
    },
    /// Nothing was done, and nothing went wrong: its time has not come.
    Rests {
        until: i64,
    },
    /// The ticket is not there, or not permitted, and that is no lag.
    Gone {
        reason: String,
        doubtful: bool,
    },
    /// Refused as a whole: each is tried alone.
    Split {
        problem: String,
    },
    Exhausted {
        problem: String,
        doubtful: bool,
        reason: String,
    },
}

/// Whether a doubtful call is looked for before it is repeated.
fn is_looked_for(act: &Act, now: i64) -> bool {
    match act.facts().class {
        Class::Marked => true,
        Class::Ticket { key_lives_from_ms } => now - key_lives_from_ms > KEY_LIVES_MS,
        Class::Idempotent | Class::AtMostOnce => false,
    }
}

/// What travels in one call, in order: a row and what it asks for.
struct Load {
    ids: Vec<i64>,
    effects: Vec<Arc<Effect>>,
    /// The first one's state, which is that of all.
    item: Item,
}

impl Engine {
    /// Makes a call. What its answer means is decided next, if nobody holds the thread.
    pub(super) async fn deliver(&self, id: i64) -> Option<Job> {
        let job = self.deliver_load(id).await;
        self.lock().queue.ask_for_themselves(id);
        job
    }

    async fn deliver_load(&self, id: i64) -> Option<Job> {
        let travellers = self.lock().queue.travellers(id);
        let (travellers, frozen) = travellers?;
        let (_, item) = travellers.first().cloned()?;
        let mut load = Load { ids: Vec::new(), effects: Vec::new(), item };
        let ended = match self.load(&mut load, travellers, frozen).await {
            Ok(()) => self.attempt(id, &mut load).await,
            Err(error) => Err(error),
        };
        if load.ids.is_empty() {
            load.ids.push(id);
        }
        self.end_gathering(id);
        self.lock().queue.end_calling(load.item.vendor);
        let item = &load.item;
        match ended {
            Ok(Ended::Answered(answer)) => self.answered(&load, &answer),
            Ok(Ended::Exhausted { problem, doubtful, reason }) => {
                tracing::error!(
                    outbox.id = id, thread.id = %item.thread_id, attempt = item.attempts, problem,
                    "a call was given up; it is parked"
                );
                self.answered(&load, &Answer::Parked { reason, doubtful });
            }
            Ok(Ended::Split { problem }) => {
                let (wait, attempts) = (Duration::ZERO, item.attempts);
                self.delay(&load, wait, attempts, false, problem, true).await;
            }
            Ok(Ended::Delayed { wait, attempts, doubtful, problem }) => {
                self.delay(&load, wait, attempts, doubtful, problem, false).await;
            }
            Ok(Ended::Gone { reason, doubtful }) => {
                let wait = self.ticket_gone(id, &item.thread_id, &reason).await.unwrap_or(PAUSE);
                self.delay(&load, wait, item.attempts, doubtful, reason, false).await;
            }
            Ok(Ended::Rests { until }) => {
                let mut state = self.lock();
                state.queue.pace().not_called(&item.budget);
                state.queue.delay(&load.ids, until, item.attempts, item.doubtful, false);
            }
            Err(error) => {
                tracing::warn!(thread.id = %item.thread_id, error = %error, "a call could not be prepared; it is tried again");
                let at = self.clock.now_ms() + AGAIN_MS;
                self.lock().queue.delay(&load.ids, at, item.attempts, item.doubtful, false);
            }
        }
        self.lock().queue.take_ready(&item.thread_id).then(|| Job::Handle(item.thread_id.clone()))
    }

    /// Reads what is to be done, and lets those travel along that fit.
    async fn load(&self, load: &mut Load, travellers: Vec<(i64, Item)>, frozen: bool) -> Result<(), StoreError> {
        let mut ids = Vec::with_capacity(travellers.len());
        let mut effects = Vec::with_capacity(travellers.len());
        for (id, item) in travellers {
            ids.push(id);
            effects.push(match item.effect {
                Some(effect) => effect,
                None => Arc::new(self.store.effect(id).await?),
            });
        }
        let fitting = if frozen { ids.len() } else { bundle::fit(&effects) };
        ids.truncate(fitting);
        effects.truncate(fitting);
        load.ids = ids;
        load.effects = effects;
        Ok(())
    }

    /// `id` is the first of the load.
    async fn attempt(&self, id: i64, load: &mut Load) -> Result<Ended, StoreError> {
        let nothing = || Ended::Exhausted {
            problem: "there is nothing to do".to_owned(),
            doubtful: false,
            reason: notice::tried_in_vain(),
        };
        let (item, Some(first)) = (&load.item, load.effects.first().cloned()) else { return Ok(nothing()) };
        let Some(thread) = self.thread(&item.thread_id).await? else {
            let problem = "its thread is not known".to_owned();
            let reason = notice::tried_in_vain();
            return Ok(Ended::Exhausted { problem, doubtful: item.doubtful, reason });
        };
        let facts = first.act.facts();
        let card = if facts.shows_card { self.store.card(thread.id.as_str()).await? } else { None };
        if item.doubtful && facts.class == Class::AtMostOnce {
            return Ok(Ended::Answered(Answer::Done));
        }
        let now = self.clock.now_ms();
        match thread.ready_for(&first, item.doubtful) {
            Ready::Moot(answer) if !self.speaks_for_others(id, &first, &thread).await? => {
                return Ok(Ended::Answered(answer));
            }
            Ready::WaitsForChannel => return Ok(Ended::Rests { until: now + REST_MS }),
            Ready::WaitsForCard => return Ok(Ended::Rests { until: now + CARD_MS }),
            Ready::Moot(_) | Ready::Go => {}
        }
        if !load.item.doubtful {
            match self.gathered(id, &first, &thread).await? {
                Gathered::Write(gathered) => load.effects[0] = gathered,
                Gathered::Rest(until) => return Ok(Ended::Rests { until }),
            }
        }
        if let Some(source) = facts.claims {
            match self.claim(source, &thread.id).await? {
                Claimed::Here => load.effects[0] = self.with_deleted(&first).await?,
                Claimed::Elsewhere { until } => return Ok(Ended::Rests { until }),
                Claimed::Answered(followed) => return Ok(Ended::Answered(Answer::Followed(followed))),
            }
        }
        let Load { ids, effects, item } = &*load;
        let mut item = item.clone();
        let [effect, with @ ..] = effects.as_slice() else { return Ok(nothing()) };
        let believed = !self.may_still_show(&item, &thread, now);
        let mut call = Call { thread: &thread, card: card.as_ref(), effect, with, first_attempt_ms: now, believed };
        if item.doubtful && is_looked_for(&effect.act, now) {
            ids.iter().for_each(|id| self.lock().queue.looked(*id, now));
            call.first_attempt_ms = item.maybe_since_ms.or(item.first_attempt_ms).unwrap_or(now);
            if let Some(ended) = self.look(id, &item, &call, now).await {
                self.lock().queue.pace().not_called(&item.budget);
                return Ok(ended);
            }
            call.first_attempt_ms = now;
            // Whatever comes of this attempt, it says nothing of those before: they are known to have done nothing.
            item.doubtful = false;
            // It was not done, and has become unwanted meanwhile.
            if let Ready::Moot(answer) = thread.ready_for(&first, false)
                && !self.speaks_for_others(id, &first, &thread).await?
            {
                return Ok(Ended::Answered(answer));
            }
        }
        if !item.written {
            let bundle = Some(id).filter(|_| ids.len() > 1);
            let attempts = ids.iter().map(|id| Attempt { id: *id, attempted_at: now, bundle }).collect();
            self.store.commit(Commit { attempts, ..Commit::default() }).await?;
        }
        {
            let mut state = self.lock();
            state.queue.freeze(ids);
            ids.iter().for_each(|id| state.queue.attempt(*id, now));
        }
        // What was written down ahead of its time is a first attempt, whose row said nothing before.
        self.life.call_begins(&self.store, id, if item.written { 0 } else { now });
        let attempts = item.attempts + i64::from(!item.written);
        let result = self.within_deadline(self.outside.perform(&call)).await;
        {
            let (mut state, now) = (self.lock(), self.clock.now_ms());
            ids.iter().for_each(|id| state.queue.attempted(*id, now));
        }
        let standing = thread.link().filter(|_| first.act.needs_thread());
        let found = match (&result, standing) {
            (Ok(Answer::Unreachable(problem)), Some(_)) => Some(What::Unreachable(problem.clone())),
            (Ok(Answer::TicketClosed(closed)), _) if matches!(first.act, Act::Reply(_)) => {
                Some(What::TicketClosed(closed.clone()))
            }
            (Err(CallError::Missing { .. }), Some((_, ts))) if !self.may_still_show(&item, &thread, now) => {
                Some(What::CardGone { ts: ts.clone() })
            }
            _ => None,
        };
        if let Some(what) = found {
            let until = self.out_of_reach(ids, &item, what).await?;
            return Ok(Ended::Rests { until });
        }
        Ok(self.judge(id, &item, &call, (attempts, now), result))
    }

    /// Looks for what an earlier attempt may have done. `None` means: it was not done, do it.
    async fn look(&self, id: i64, item: &Item, call: &Call<'_>, now: i64) -> Option<Ended> {
        if let Some(answer) = &item.found {
            return Some(Ended::Answered(answer.clone()));
        }
        let lag = self.lag(item.vendor);
        let budget = Budget::of_a_look(&call.effect.act);
        let paced = self.lock().queue.pace().try_call(&budget, now);
        if let Err(free) = paced {
            let wait = Duration::from_millis((free - now) as u64);
            let problem = "it cannot be looked for yet".to_owned();
            return Some(Ended::Delayed { wait, attempts: item.attempts, doubtful: true, problem });
        }
        let found = self.find_with_others(id, call, now, lag.as_millis() as i64).await;
        if found.is_ok() {
            self.answers(item.vendor, false);
        }
        match found {
            Ok(Some(answer)) => Some(Ended::Answered(answer)),
            Ok(None) => {
                let settled_at = item.last_attempt_ms.unwrap_or(now) + lag.as_millis() as i64;
                if now >= settled_at {
                    return None;
                }
                // Look again a few times within the window: most often the message shows up at once.
                let left = Duration::from_millis((settled_at - now) as u64);
                let wait = left.min(self.again_within(lag));
                let problem = "not found yet".to_owned();
                Some(Ended::Delayed { wait, attempts: item.attempts, doubtful: true, problem })
            }
            Err(CallError::Paused { why }) => Some(self.pause(item, why, true)),
            // A look that fails counts as an attempt, so that it too ends some day.
            Err(CallError::Later { after, problem }) => {
                let after = after.map(|after| self.bounded(id, after));
                self.hold_budget(&budget, after);
                Some(self.later((id, None), item, item.attempts + 1, after, problem, true))
            }
            Err(CallError::Elsewhere { after, problem }) => Some(self.elsewhere(item, after, problem, true)),
            Err(CallError::Unknown { problem }) => {
                Some(self.later((id, None), item, item.attempts + 1, None, problem, true))
            }
            Err(CallError::Missing { reason, .. }) if self.may_still_show(item, call.thread, now) => {
                let wait = self.again_within(lag);
                Some(Ended::Delayed { wait, attempts: item.attempts, doubtful: true, problem: reason })
            }
            Err(CallError::Missing { reason, .. }) if call.thread.waits_for_its_ticket(&call.effect.act) => {
                Some(Ended::Gone { reason, doubtful: true })
            }
            Err(CallError::Refused { reason } | CallError::Missing { reason, .. }) => {
                tracing::error!(
                    effect.id = %call.effect.id, thread.id = %item.thread_id,
                    "whether a call was done cannot be found out; it is parked"
                );
                Some(Ended::Answered(Answer::Parked { reason, doubtful: true }))
            }
        }
    }

    pub(super) async fn within_deadline<T>(
        &self,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        tokio::select! {
            result = call => result,
            () = self.clock.sleep(DEADLINE) => Err(CallError::Unknown { problem: "no answer in time".to_owned() }),
        }
    }

    fn answered(&self, load: &Load, answer: &Answer) {
        let Load { ids, effects, item } = load;
        let mut state = self.lock();
        for ((n, id), effect) in (1..).zip(ids).zip(effects) {
            let with_next = n < ids.len();
            let work = Work::Answer { id: *id, effect: effect.clone(), answer: answer.clone(), with_next };
            state.queue.add_work(&item.thread_id, work);
        }
        if !matches!(answer, Answer::ChannelOpen { .. } | Answer::ChannelClosed(_)) {
            return;
        }
        for (id, item) in ids.iter().flat_map(|id| state.queue.answered_alike(*id)).collect::<Vec<_>>() {
            let Some(effect) = item.effect else { continue };
            let work = Work::Answer { id, effect, answer: answer.clone(), with_next: false };
            state.queue.add_work(&item.thread_id, work);
        }
    }

    async fn delay(&self, load: &Load, wait: Duration, attempts: i64, doubtful: bool, problem: String, split: bool) {
        let item = &load.item;
        self.metrics.retried(Direction::to(item.vendor));
        let at = self.clock.now_ms();
        let not_before = at + wait.as_millis() as i64;
        tracing::warn!(
            outbox.id = load.ids.first(), thread.id = %item.thread_id, attempt = attempts,
            wait_ms = wait.as_millis() as u64, problem, messages = load.ids.len(),
            "a call has to be made again"
        );
        let delay =
            |id: &i64| Delay { id: *id, not_before, attempts, doubtful, problem: problem.clone(), alone: split, at };
        let delays = load.ids.iter().map(delay).collect();
        if let Err(error) = self.store.commit(Commit { delays, ..Commit::default() }).await {
            tracing::warn!(error = %error, "a delay could not be written; it holds in memory");
        }
        self.lock().queue.delay(&load.ids, not_before, attempts, doubtful, split);
    }
}
