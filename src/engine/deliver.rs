//! Makes one call: looks first where an earlier attempt may have got through, writes the attempt down, calls, and
//! hands the answer to the thread.
//!
//! Reads lag behind writes at both vendors, so "not found" after a doubtful attempt counts only once the vendor's
//! window has passed; until then it means "later". So does a ticket or side conversation that a read misses: it may
//! have been made a moment ago.

use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::notes::Noted;
use super::outside::{Call, CallError};
use super::queue::{Item, Job, Work};
use crate::bridge::{Act, Answer, BridgedThread, Card, Class, Effect, Vendor};
use crate::store::{Attempt, Commit, Delay, StoreError};
use crate::telemetry::Direction;

/// How long a call may take; the wire's own limit is shorter.
const DEADLINE: Duration = Duration::from_secs(45);
/// How long an account is held before it is tried again.
const PAUSE: Duration = Duration::from_secs(30);
/// How long until a row that could not be written or read is tried again, in milliseconds.
const AGAIN_MS: i64 = 1000;

enum Ended {
    Answered(Answer),
    Delayed { wait: Duration, attempts: i64, doubtful: bool, problem: String },
    Rests { until: i64 },
    Exhausted { problem: String, doubtful: bool },
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
            Ok((effect, Ended::Exhausted { problem, doubtful })) => {
                tracing::error!(
                    effect.id = %effect.id, thread.id = %item.thread_id, attempt = item.attempts, problem,
                    "a call was given up; it is parked"
                );
                let reason = "it was tried for a day without success.".to_owned();
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
            return Ok((effect, Ended::Exhausted { problem, doubtful: item.doubtful }));
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
        let effect = match effect.act {
            Act::Note { .. } if !item.doubtful => match self.gather(id, &effect, thread.ticket_id).await? {
                Noted::Write(gathered) => gathered,
                Noted::Rest(until) => return Ok((effect, Ended::Rests { until })),
            },
            _ => effect,
        };
        if item.doubtful && effect.act.class() == Class::Marked {
            self.lock().queue.looked(id, now);
            let looked = self.look(item, &effect, &thread, card.as_ref(), now).await;
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
        Ok((effect.clone(), self.judge(item, &effect, (attempts, now), result)))
    }

    /// Looks for what an earlier attempt may have done. `None` means: it was not done, do it.
    async fn look(
        &self,
        item: &Item,
        effect: &Effect,
        thread: &BridgedThread,
        card: Option<&Card>,
        now: i64,
    ) -> Option<Ended> {
        let first_attempt_ms = item.maybe_since_ms.or(item.first_attempt_ms).unwrap_or(now);
        let call = Call { thread, card, effect, first_attempt_ms };
        let lag = self.lag(item.vendor);
        match self.within_deadline(self.outside.find(&call)).await {
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
            Err(CallError::Later { after, problem }) => Some(self.later(item, item.attempts + 1, after, problem, true)),
            Err(CallError::Unknown { problem }) => Some(self.later(item, item.attempts + 1, None, problem, true)),
            Err(CallError::Missing { reason }) if self.may_still_show(item, now) => {
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

    /// Whether what was found missing by a call that began at `began` (milliseconds since 1970) may have been made so
    /// shortly before that reads lacked it. However long its answer took, it speaks of no later time.
    fn may_still_show(&self, item: &Item, began: i64) -> bool {
        began - item.first_attempt_ms.unwrap_or(began) < self.lag(item.vendor).as_millis() as i64
    }

    async fn within_deadline<T>(&self, call: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
        tokio::select! {
            result = call => result,
            () = self.clock.sleep(DEADLINE) => Err(CallError::Unknown { problem: "no answer in time".to_owned() }),
        }
    }

    /// `attempt` is its number and when it began.
    fn judge(&self, item: &Item, effect: &Effect, attempt: (i64, i64), result: Result<Answer, CallError>) -> Ended {
        let (attempts, began) = attempt;
        match result {
            Ok(answer) => {
                if self.lock().queue.resume(item.vendor) {
                    tracing::info!(vendor = item.vendor.as_str(), "calls go on");
                }
                Ended::Answered(answer)
            }
            Err(CallError::Missing { reason }) if self.may_still_show(item, began) => {
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
            Err(CallError::Later { after, problem }) => self.later(item, attempts, after, problem, item.doubtful),
            Err(CallError::Unknown { problem }) => match effect.act.class() {
                Class::Marked => self.later(item, attempts, None, problem, true),
                Class::Idempotent => self.later(item, attempts, None, problem, false),
                Class::AtMostOnce => Ended::Answered(Answer::Done),
            },
            Err(CallError::Paused { why }) => self.pause(item, why, item.doubtful),
        }
    }

    fn later(&self, item: &Item, attempts: i64, after: Option<Duration>, problem: String, doubtful: bool) -> Ended {
        // A vendor that says when to come back is obeyed, and has not failed: no attempt is spent.
        if let Some(wait) = after {
            return Ended::Delayed { wait, attempts: item.attempts, doubtful, problem };
        }
        let jitter = self.lock().random.f64();
        match self.settings.schedule.wait(attempts, jitter) {
            Some(wait) => Ended::Delayed { wait, attempts, doubtful, problem },
            None => Ended::Exhausted { problem, doubtful },
        }
    }

    fn pause(&self, item: &Item, why: String, doubtful: bool) -> Ended {
        let vendor = item.vendor;
        let until = self.clock.now_ms() + PAUSE.as_millis() as i64;
        if self.lock().queue.pause(vendor, until, why.clone()) {
            tracing::error!(
                vendor = vendor.as_str(),
                why,
                "every call to this vendor is held, nothing is lost; it is tried again every 30 seconds"
            );
        }
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
