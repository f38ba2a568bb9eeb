//! Asks Slack for what its events may have missed: at start, and every `reconcile_interval_secs`.
//!
//! Slack delivers an event for minutes and then forgets it, so what was written while the app was away is read back.
//! A round asks each bridged channel for its newest messages, which tell of each thread when it was last answered; only
//! threads that were answered since they were last read through are read. Roots older than thirty days are asked one by
//! one. What is found takes the same path, under the same keys, as a delivery: what was known asks for nothing.
//!
//! One call at a time, at half the pace that Slack allows for each method, so that a round never starves the deliveries; a
//! round may outlast the interval, and then the next one follows it.

use std::collections::VecDeque;
use std::time::Duration;

use super::Engine;
use super::outside::CallError;
use super::pace::Budget;
use crate::bridge::ids::{ChannelId, Ts};
use crate::store::{Commit, Sweep, Swept};

/// How old a root may be to be found through its channel, and how long a done thread stays in, in milliseconds.
const RECENT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How long a round waits when Slack does not answer.
const LATER: Duration = Duration::from_secs(30);

/// One call of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Ask a channel for a page of its threads since its oldest bridged root.
    Channel { channel: ChannelId, oldest: String, page: String },
    /// Read a page of a thread from where it was last read through.
    Thread { channel: ChannelId, thread_ts: Ts, from: String, page: String },
}

impl Step {
    fn method(&self) -> &'static str {
        match self {
            Step::Channel { .. } => "conversations.history",
            Step::Thread { .. } => "conversations.replies",
        }
    }
}

/// Where the present round stands.
#[derive(Debug, Default)]
pub(super) struct CatchUp {
    steps: VecDeque<Step>,
    next_at: i64,
    next_round_at: i64,
    round_started_at: i64,
    last_round_ended_at: Option<i64>,
    asking: bool,
}

impl CatchUp {
    /// Says whether a call is due, and notes that it is being made.
    pub(super) fn begin(&mut self, now: i64) -> bool {
        let due = self.due() <= now;
        self.asking |= due;
        due
    }

    /// When the next call falls due, in milliseconds since 1970.
    pub(super) fn due(&self) -> i64 {
        match (self.asking, self.steps.is_empty()) {
            (true, _) => i64::MAX,
            (_, true) => self.next_round_at.max(self.next_at),
            (_, false) => self.next_at,
        }
    }

    /// The call has ended, however.
    pub(super) fn end(&mut self) {
        self.asking = false;
    }

    /// Since when every bridged thread is known to have been looked at, in milliseconds since 1970.
    pub(super) fn checked_since(&self) -> Option<i64> {
        self.last_round_ended_at
    }
}

impl Engine {
    pub(super) async fn catch_up(&self) {
        let now = self.clock.now_ms();
        let step = self.lock().catch_up.steps.pop_front();
        let wait = match step {
            None => {
                self.begin_round(now).await;
                Duration::ZERO
            }
            Some(step) => self.paced_step(step, now).await,
        };
        let now = self.clock.now_ms();
        let mut state = self.lock();
        let catch_up = &mut state.catch_up;
        catch_up.next_at = now + wait.as_millis() as i64;
        if catch_up.steps.is_empty() {
            catch_up.last_round_ended_at = Some(catch_up.round_started_at);
            catch_up.next_round_at = catch_up.round_started_at + self.settings.reconcile_interval.as_millis() as i64;
        }
        catch_up.end();
    }

    /// Makes a call if catch-up's share of its budget has room. Says how long to wait then.
    async fn paced_step(&self, step: Step, now: i64) -> Duration {
        let method = step.method();
        let budget = Budget::SlackCatchUp(method);
        {
            let mut state = self.lock();
            let free = state.queue.pace().when(&budget, now);
            if free > now {
                state.catch_up.steps.push_front(step);
                return Duration::from_millis((free - now) as u64);
            }
            state.queue.pace().call(&budget, now);
        }
        let Err(error) = self.catch_up_step(&step).await else { return Duration::ZERO };
        tracing::warn!(problem = %error, "Slack could not be asked for what was missed; it is tried again");
        let now = self.clock.now_ms();
        let mut state = self.lock();
        state.catch_up.steps.push_front(step);
        match error {
            CallError::Later { after: Some(after), .. } => {
                state.queue.pace().hold(&Budget::SlackMethod(method), now, now + after.as_millis() as i64);
                after
            }
            _ => LATER,
        }
    }

    async fn begin_round(&self, now: i64) {
        let sweeps = match self.store.sweeps(now - RECENT_MS).await {
            Ok(sweeps) => sweeps,
            Err(error) => {
                tracing::warn!(error = %error, "the bridged threads could not be listed; it is tried again");
                Vec::new()
            }
        };
        let mut steps = VecDeque::new();
        let mut asked: Option<ChannelId> = None;
        let recent = format!("{}.000000", (now - RECENT_MS).div_euclid(1000));
        for Sweep { channel_id, thread_ts, swept_ts } in sweeps {
            let (Ok(root), channel) = (thread_ts.parse::<Ts>(), ChannelId::new(channel_id)) else { continue };
            if root.millis() < now - RECENT_MS {
                let from = swept_ts.unwrap_or(thread_ts);
                steps.push_back(Step::Thread { channel, thread_ts: root, from, page: String::new() });
            } else if asked.as_ref() != Some(&channel) {
                // Sweeps come with the oldest root of a channel first.
                let oldest = if recent < thread_ts { thread_ts } else { recent.clone() };
                asked = Some(channel.clone());
                steps.push_back(Step::Channel { channel, oldest, page: String::new() });
            }
        }
        let mut state = self.lock();
        state.catch_up.steps = steps;
        state.catch_up.round_started_at = now;
    }

    async fn catch_up_step(&self, step: &Step) -> Result<(), CallError> {
        let failed = |error: crate::store::StoreError| CallError::Later { after: None, problem: error.to_string() };
        match step {
            Step::Channel { channel, oldest, page } => {
                let read = match self.outside.read_channel(channel, oldest, page).await {
                    Err(CallError::Refused { reason }) => return gone(channel, &reason),
                    other => other?,
                };
                let mut threads = Vec::new();
                for (thread_ts, latest) in read.threads {
                    let swept = self.store.swept(channel.as_str(), thread_ts.as_str()).await.map_err(failed)?;
                    let Some(swept) = swept else { continue };
                    let from = swept.unwrap_or_else(|| thread_ts.to_string());
                    if from.parse::<Ts>().is_ok_and(|from| from < latest) {
                        threads.push(Step::Thread { channel: channel.clone(), thread_ts, from, page: String::new() });
                    }
                }
                let mut state = self.lock();
                if let Some(page) = read.next {
                    let (channel, oldest) = (channel.clone(), oldest.clone());
                    state.catch_up.steps.push_front(Step::Channel { channel, oldest, page });
                }
                state.catch_up.steps.extend(threads);
                Ok(())
            }
            Step::Thread { channel, thread_ts, from, page } => {
                let read = match self.outside.read_replies(channel, thread_ts, from, page).await {
                    Err(CallError::Refused { reason }) => return gone(channel, &reason),
                    other => other?,
                };
                for (key, what) in read.messages {
                    self.take_from_slack(key, channel, thread_ts, what).await.map_err(failed)?;
                }
                if let Some(page) = read.next {
                    let (channel, thread_ts, from) = (channel.clone(), thread_ts.clone(), from.clone());
                    self.lock().catch_up.steps.push_front(Step::Thread { channel, thread_ts, from, page });
                } else if let Some(through) = read.through {
                    let swept = vec![Swept {
                        channel_id: channel.to_string(),
                        thread_ts: thread_ts.to_string(),
                        swept_ts: through.to_string(),
                    }];
                    self.store.commit(Commit { swept, ..Commit::default() }).await.map_err(failed)?;
                }
                Ok(())
            }
        }
    }
}

/// A channel or thread that cannot be read is left for the next round.
fn gone(channel: &ChannelId, reason: &str) -> Result<(), CallError> {
    tracing::warn!(slack.channel_id = %channel, reason, "a bridged channel cannot be read; it is asked again in the next round");
    Ok(())
}
