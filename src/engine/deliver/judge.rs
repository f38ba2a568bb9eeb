//! What the answer to a call means for it: it is settled, made again later, or given up.

use std::time::Duration;

use super::super::Engine;
use super::super::health::Failure;
use super::super::outside::{Call, CallError};
use super::super::queue::Item;
use super::{Ended, PAUSE};
use crate::bridge::ids::ThreadId;
use crate::bridge::{Answer, BridgedThread, Class, Vendor, notice};

impl Engine {
    pub(super) fn lag(&self, vendor: Vendor) -> Duration {
        match vendor {
            Vendor::Slack => self.settings.slack_read_lag,
            Vendor::Zendesk => self.settings.zendesk_read_lag,
        }
    }

    /// How soon to look again for what may show up within `lag`.
    pub(super) fn again_within(&self, lag: Duration) -> Duration {
        (lag / 6).max(Duration::from_millis(200))
    }

    /// Whether what was found missing by a call that began at `began` (milliseconds since 1970) may have been made so
    /// shortly before that reads lacked it. However long its answer took, it speaks of no later time. What waited for a
    /// follow-up is older than that.
    pub(super) fn may_still_show(&self, item: &Item, thread: &BridgedThread, began: i64) -> bool {
        let made = match item.vendor {
            Vendor::Slack => None,
            Vendor::Zendesk => thread.goes_on_in().map(|(_, since)| since),
        };
        let from = item.first_attempt_ms.unwrap_or(began).max(made.unwrap_or(i64::MIN));
        began - from < self.lag(item.vendor).as_millis() as i64
    }

    /// `attempt` is its number and when it began.
    pub(super) fn judge(
        &self,
        id: i64,
        item: &Item,
        call: &Call<'_>,
        attempt: (i64, i64),
        result: Result<Answer, CallError>,
    ) -> Ended {
        let effect = call.effect;
        let (attempts, began) = attempt;
        let writes = (effect.act.facts().class == Class::Marked).then_some(&item.thread_id);
        match result {
            Ok(answer) => {
                let only_read = answer.not_written().is_some();
                self.answers(item.vendor, writes.is_some() && !only_read);
                if self.lock().queue.resume(item.vendor) {
                    tracing::info!(vendor = item.vendor.as_str(), "calls go on");
                }
                Ended::Answered(answer)
            }
            Err(CallError::Missing { reason, .. }) if self.may_still_show(item, call.thread, began) => {
                let wait = self.again_within(self.lag(item.vendor));
                Ended::Delayed { wait, attempts: item.attempts, doubtful: item.doubtful, problem: reason }
            }
            Err(CallError::Missing { reason, .. }) if call.thread.waits_for_its_ticket(&effect.act) => {
                Ended::Gone { reason, doubtful: item.doubtful }
            }
            Err(CallError::Refused { reason }) if !call.with.is_empty() => Ended::Split { problem: reason },
            Err(CallError::Refused { reason } | CallError::Missing { reason, .. }) => {
                tracing::error!(
                    effect.id = %effect.id, thread.id = %item.thread_id, attempt = attempts, act = effect.act.facts().name,
                    "a call was refused; it is parked, and its people are told why"
                );
                Ended::Answered(Answer::Parked { reason, doubtful: false })
            }
            Err(CallError::Later { after, problem }) => {
                let after = after.map(|after| self.bounded(id, after));
                self.hold_budget(&item.budget, after);
                self.later((id, writes), item, attempts, after, problem, item.doubtful)
            }
            Err(CallError::Elsewhere { after, problem }) => self.elsewhere(item, after, problem, item.doubtful),
            Err(CallError::Unknown { problem }) => match effect.act.facts().class {
                Class::Marked | Class::Ticket { .. } => self.later((id, writes), item, attempts, None, problem, true),
                Class::Idempotent => self.later((id, writes), item, attempts, None, problem, false),
                Class::AtMostOnce => Ended::Answered(Answer::Done),
            },
            Err(CallError::Paused { why }) => self.pause(item, why, item.doubtful),
        }
    }

    /// How long a call waits that its vendor has told to come back after some time: more, if it says so again.
    pub(super) fn bounded(&self, id: i64, after: Duration) -> Duration {
        let before = self.lock().queue.told_to_wait(id);
        self.settings.schedule.at_least(before, after)
    }

    pub(super) fn later(
        &self,
        (id, writes): (i64, Option<&ThreadId>),
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
        let failure = self.lock().health.failed(item.vendor, id, writes, &problem);
        match failure {
            Failure::OfAll => {
                let why = notice::vendor_is_down(item.vendor, &problem);
                return self.pause(item, why, doubtful);
            }
            // Only what others wait behind has to make way for them.
            Failure::Alone if item.in_lane => {
                return Ended::Exhausted { problem, doubtful, reason: notice::fails_alone(item.vendor) };
            }
            Failure::OfWrites { new } => {
                if new {
                    tracing::error!(
                        vendor = item.vendor.as_str(),
                        problem,
                        "it answers reads and takes no message; nothing is lost, all are tried again until it does"
                    );
                }
                return Ended::Delayed { wait: PAUSE, attempts: item.attempts, doubtful, problem };
            }
            Failure::Alone | Failure::Plain => {}
        }
        let jitter = self.lock().random.f64();
        match self.settings.schedule.wait(attempts, jitter) {
            Some(wait) => Ended::Delayed { wait, attempts, doubtful, problem },
            None => Ended::Exhausted { problem, doubtful, reason: notice::tried_in_vain() },
        }
    }

    /// The other vendor has to say something first. If it answers others and not this, that ends some day too.
    pub(super) fn elsewhere(&self, item: &Item, wait: Duration, problem: String, doubtful: bool) -> Ended {
        let other = match item.vendor {
            Vendor::Slack => Vendor::Zendesk,
            Vendor::Zendesk => Vendor::Slack,
        };
        let now = self.clock.now_ms();
        let waited = now - item.first_attempt_ms.unwrap_or(now);
        if waited > self.settings.schedule.whole().as_millis() as i64 && !self.lock().queue.is_paused(other) {
            return Ended::Exhausted { problem, doubtful, reason: notice::tried_in_vain() };
        }
        Ended::Delayed { wait, attempts: item.attempts, doubtful, problem }
    }

    pub(super) fn pause(&self, item: &Item, why: String, doubtful: bool) -> Ended {
        self.hold(item.vendor, why.clone());
        Ended::Delayed { wait: PAUSE, attempts: item.attempts, doubtful, problem: why }
    }
}
