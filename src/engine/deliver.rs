//! Makes one call: looks first where an earlier attempt may have got through, writes the attempt down, calls, and
//! hands the answer to the thread.
//!
//! Reads lag behind writes at both vendors, so "not found" after a doubtful attempt counts only once the vendor's
//! window has passed; until then it means "later". So does a ticket or side conversation that a read misses: it may
//! have been made a moment ago.

use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::health::Failure;
use super::notes::Noted;
use super::outside::{Call, CallError};
use super::queue::{Item, Job, Work};
use crate::bridge::event::What;
use crate::bridge::{Act, Answer, BridgedThread, Card, Class, Effect, Vendor, notice};
use crate::store::{Attempt, Commit, Delay, StoreError};
use crate::telemetry::Direction;

/// How long a call may take; the wire's own limit is shorter.
const DEADLINE: Duration = Duration::from_secs(45);
/// How long an account is held before it is tried again.
pub(super) const PAUSE: Duration = Duration::from_secs(30);
/// How long until a row that could not be written or read is tried again, in milliseconds.
const AGAIN_MS: i64 = 1000;

enum Ended {
    Answered(Answer),
    Delayed { wait: Duration, attempts: i64, doubtful: bool, problem: String },
    Rests { until: i64 },
    Exhausted { problem: String, doubtful: bool, reason: String },
}

impl Engine {
    /// Makes a call. What its answer means is decided next, if nobody holds the thread.
    pub(super) async fn deliver(&self, id: i64) -> Option<Job> {
        let item = self.lock().queue.item(id).cloned()?;
        let ended = self.attempt(id, &item).await;
        self.end_note(id);
        self.lock().queue.end_calling(item.vendor);
        match ended {
            Ok((effect, Ended::Answered(answer))) => self.answered(id, &item, effect, answer),
            Ok((effect, Ended::Exhausted { problem, doubtful, reason })) => {
                tracing::error!(
                    effect.id = %effect.id, thread.id = %item.thread_id, attempt = item.attempts, problem,
                    "a call was given up; it is parked"
                );
                self.answered(id, &item, effect, Answer::Parked { reason, doubtful });
            }
            Ok((_, Ended::Delayed { wait, attempts, doubtful, problem })) => {
                self.delay(id, &item, wait, attempts, doubtful, problem).await;
            }
            Ok((_, Ended::Rests { until })) => {
                self.lock().queue.delay(id, until, item.attempts, item.doubtful);
            }
            Err(error) => {
                tracing::warn!(thread.id = %item.thread_id, error = %error, "a call could not be prepared; it is tried again");
                let at = self.clock.now_ms() + AGAIN_MS;
                self.lock().queue.delay(id, at, item.attempts, item.doubtful);
            }
        }
        self.lock().queue.take_ready(&item.thread_id).then(|| Job::Handle(item.thread_id.clone()))
    }

    async fn attempt(&self, id: i64, item: &Item) -> Result<(Arc<Effect>, Ended), StoreError> {
        let effect = match &item.effect {
            Some(effect) => effect.clone(),
            None => Arc::new(self.store.effect(id).await?),
        };
        let Some(thread) = self.thread(&item.thread_id).await? else {
            let problem = "its thread is not known".to_owned();
            let reason = notice::tried_in_vain();
            return Ok((effect, Ended::Exhausted { problem, doubtful: item.doubtful, reason }));
        };
        let card = match effect.act {
            Act::PostCard | Act::UpdateCard => self.store.card(thread.id.as_str()).await?,
            _ => None,
        };
        if item.doubtful && effect.act.class() == Class::AtMostOnce {
            return Ok((effect, Ended::Answered(Answer::Done)));
        }
        let now = self.clock.now_ms();
        if !item.doubtful && !thread.wants(&effect) {
            return Ok((effect, Ended::Answered(Answer::Done)));
        }
        if let Some(until) = self.rests(&thread, &effect.act) {
            return Ok((effect, Ended::Rests { until }));
        }
        let effect = match effect.act {
            Act::Note { .. } if !item.doubtful => match self.gather(id, &effect, thread.ticket_id).await? {
                Noted::Write(gathered) => gathered,
                Noted::Rest(until) => return Ok((effect, Ended::Rests { until })),
            },
            _ => effect,
        };
        if item.doubtful && effect.act.class() == Class::Marked {
            self.lock().queue.looked(id, now);
            let looked = self.look(id, item, &effect, &thread, card.as_ref(), now).await;
            if let Some(ended) = looked {
                return Ok((effect, ended));
            }
        }
        if !item.written {
            let attempts = vec![Attempt { id, attempted_at: now }];
            self.store.commit(Commit { attempts, ..Commit::default() }).await?;
        }
        self.lock().queue.attempt(id, now);
        let attempts = item.attempts + i64::from(!item.written);
        let call = Call { thread: &thread, card: card.as_ref(), effect: &effect, first_attempt_ms: now };
        let result = self.within_deadline(self.outside.perform(&call)).await;
        self.lock().queue.attempted(id, self.clock.now_ms());
        let standing = thread.link().filter(|_| effect.act.needs_thread());
        let found = match (&result, standing) {
            (Ok(Answer::Unreachable(problem)), Some(_)) => Some(What::Unreachable(problem.clone())),
            (Err(CallError::Missing { .. }), Some((_, ts))) if !self.may_still_show(item) => {
                Some(What::CardGone { ts: ts.clone() })
            }
            _ => None,
        };
        if let Some(what) = found {
            let until = self.out_of_reach(id, &item.thread_id, what).await?;
            return Ok((effect.clone(), Ended::Rests { until }));
        }
        Ok((effect.clone(), self.judge(id, item, &effect, attempts, result)))
    }

    /// Looks for what an earlier attempt may have done. `None` means: it was not done, do it.
    async fn look(
        &self,
        id: i64,
        item: &Item,
        effect: &Effect,
        thread: &BridgedThread,
        card: Option<&Card>,
        now: i64,
    ) -> Option<Ended> {
        let first_attempt_ms = item.maybe_since_ms.or(item.first_attempt_ms).unwrap_or(now);
        let call = Call { thread, card, effect, first_attempt_ms };
        let lag = self.lag(item.vendor);
        let found = self.within_deadline(self.outside.find(&call)).await;
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
                Some(self.later(id, item, item.attempts + 1, after, problem, true))
            }
            Err(CallError::Unknown { problem }) => Some(self.later(id, item, item.attempts + 1, None, problem, true)),
            Err(CallError::Missing { reason }) if self.may_still_show(item) => {
                let wait = self.again_within(lag);
                Some(Ended::Delayed { wait, attempts: item.attempts, doubtful: true, problem: reason })
            }
            Err(CallError::Refused { reason } | CallError::Missing { reason }) => {
                tracing::error!(
                    effect.id = %effect.id, thread.id = %item.thread_id,
                    "whether a call was done cannot be found out; it is parked"
                );
                Some(Ended::Answered(Answer::Parked { reason, doubtful: true }))
            }
        }
    }

    fn lag(&self, vendor: Vendor) -> Duration {
        match vendor {
            Vendor::Slack => self.settings.slack_read_lag,
            Vendor::Zendesk => self.settings.zendesk_read_lag,
        }
    }

    /// How soon to look again for what may show up within `lag`.
    fn again_within(&self, lag: Duration) -> Duration {
        (lag / 6).max(Duration::from_millis(200))
    }

    /// Whether what was found missing may have been made so lately that reads lack it.
    fn may_still_show(&self, item: &Item) -> bool {
        let now = self.clock.now_ms();
        now - item.first_attempt_ms.unwrap_or(now) < self.lag(item.vendor).as_millis() as i64
    }

    async fn within_deadline<T>(&self, call: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
        tokio::select! {
            result = call => result,
            () = self.clock.sleep(DEADLINE) => Err(CallError::Unknown { problem: "no answer in time".to_owned() }),
        }
    }

    fn judge(&self, id: i64, item: &Item, effect: &Effect, attempts: i64, result: Result<Answer, CallError>) -> Ended {
        match result {
            Ok(answer) => {
                self.answers(item.vendor, effect.act.class() == Class::Marked);
                if self.lock().queue.resume(item.vendor) {
                    tracing::info!(vendor = item.vendor.as_str(), "calls go on");
                }
                Ended::Answered(answer)
            }
            Err(CallError::Missing { reason }) if self.may_still_show(item) => {
                let wait = self.again_within(self.lag(item.vendor));
                Ended::Delayed { wait, attempts: item.attempts, doubtful: item.doubtful, problem: reason }
            }
            Err(CallError::Refused { reason } | CallError::Missing { reason }) => {
                tracing::error!(
                    effect.id = %effect.id, thread.id = %item.thread_id, attempt = attempts, act = effect.act.name(),
                    "a call was refused; it is parked, and its people are told why"
                );
                Ended::Answered(Answer::Parked { reason, doubtful: false })
            }
            Err(CallError::Later { after, problem }) => self.later(id, item, attempts, after, problem, item.doubtful),
            Err(CallError::Unknown { problem }) => match effect.act.class() {
                Class::Marked => self.later(id, item, attempts, None, problem, true),
                Class::Idempotent => self.later(id, item, attempts, None, problem, false),
                Class::AtMostOnce => Ended::Answered(Answer::Done),
            },
            Err(CallError::Paused { why }) => self.pause(item, why, item.doubtful),
        }
    }

    fn later(
        &self,
        id: i64,
        item: &Item,
        attempts: i64,
        after: Option<Duration>,
        problem: String,
        doubtful: bool,
    ) -> Ended {
        // A vendor that says when to come back is obeyed, and has not failed: no attempt is spent.
        if let Some(wait) = after {
            return Ended::Delayed { wait, attempts: item.attempts, doubtful, problem };
        }
        let failure = self.lock().health.failed(item.vendor, id);
        match failure {
            Failure::OfAll => {
                let why = notice::vendor_is_down(item.vendor, &problem);
                return self.pause(item, why, doubtful);
            }
            // Only what others wait behind has to make way for them.
            Failure::Alone if item.in_lane => {
                return Ended::Exhausted { problem, doubtful, reason: notice::fails_alone(item.vendor) };
            }
            Failure::Alone | Failure::Plain => {}
        }
        let jitter = self.lock().random.f64();
        match self.settings.schedule.wait(attempts, jitter) {
            Some(wait) => Ended::Delayed { wait, attempts, doubtful, problem },
            None => Ended::Exhausted { problem, doubtful, reason: notice::tried_in_vain() },
        }
    }

    fn pause(&self, item: &Item, why: String, doubtful: bool) -> Ended {
        self.hold(item.vendor, why.clone());
        Ended::Delayed { wait: PAUSE, attempts: item.attempts, doubtful, problem: why }
    }

    fn answered(&self, id: i64, item: &Item, effect: Arc<Effect>, answer: Answer) {
        let mut state = self.lock();
        state.queue.add_work(&item.thread_id, Work::Answer { id, effect, answer });
    }

    async fn delay(&self, id: i64, item: &Item, wait: Duration, attempts: i64, doubtful: bool, problem: String) {
        self.metrics.retried(Direction::to(item.vendor));
        let at = self.clock.now_ms();
        let not_before = at + wait.as_millis() as i64;
        tracing::warn!(
            outbox.id = id, thread.id = %item.thread_id, attempt = attempts, wait_ms = wait.as_millis() as u64, problem,
            "a call has to be made again"
        );
        let delays = vec![Delay { id, not_before, attempts, doubtful, problem, at }];
        if let Err(error) = self.store.commit(Commit { delays, ..Commit::default() }).await {
            tracing::warn!(error = %error, "a delay could not be written; it holds in memory");
        }
        self.lock().queue.delay(id, not_before, attempts, doubtful);
    }
}
