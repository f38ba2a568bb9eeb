//! Asks Slack for what its events may have missed: at start, after a gap, and every `reconcile_interval_secs`.
//!
//! Slack delivers an event for minutes and then forgets it, so what was written while the app was away is read back.
//! A round asks each bridged channel for its newest messages, which tell of each thread when it was last answered; only
//! threads that were answered since they were last read through are read. Threads whose root is older than thirty days
//! are asked one by one, between the rounds. What is found takes the same path, under the same keys, as a delivery: what
//! was known asks for nothing. Only threads whose link is committed are read, so what is written while one is read comes
//! live, and what came before it is in what is read. The live ones wait while it is read on, page by page ([`wait`]).
//!
//! One call at a time, at half the pace that Slack allows for each method, so that a round never starves the deliveries; a
//! round may outlast the interval, and then the next one follows it. Threads for which a delivery waits come first
//! ([`super::gap`]).
//!
//! A gap is: the start; a clock that jumped, as it does when the machine sleeps, or was set back; Slack held and going on; Slack's word
//! that it had to send an event three times, or that it sends no more for a while.

mod read;
mod wait;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use super::Engine;
use super::gap::{Gap, Key};
use super::outside::CallError;
use super::pace::Budget;
use crate::bridge::ids::{ChannelId, Ts};
use crate::store::{Commit, Sweep};

/// How old a root may be to be found through its channel, and how long a done thread stays in, in milliseconds.
const RECENT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How long a round waits when Slack does not answer.
const LATER: Duration = Duration::from_secs(30);
/// How far the clock may move between two looks at it; the sweep of old rows alone looks every minute. In milliseconds.
const JUMP_MS: i64 = 150 * 1000;
/// How far back the clock may be set before everything is reckoned anew, in milliseconds.
const BACK_MS: i64 = 5 * 1000;
/// How soon after a gap another hint of one changes nothing, in milliseconds.
const SAME_GAP_MS: i64 = 60 * 1000;
const CHECKED: &str = "slack_checked_ms";

/// One call of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Ask a channel for a page of its threads since its oldest bridged root.
    Channel { channel: ChannelId, oldest: String, page: String },
    /// Read a page of a thread, from where it was last read through if `from` is empty.
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
    /// Threads with old roots; they go on from round to round.
    older: VecDeque<Step>,
    next_at: i64,
    next_round_at: i64,
    round_started_at: i64,
    older_started_at: i64,
    /// When the last whole round began, and the last whole turn through the older threads.
    round_done: i64,
    older_done: i64,
    in_round: bool,
    asking: bool,
    gap: Gap,
    /// Events that were read back and are not handled yet.
    pub(super) found: HashSet<i64>,
    seen_at: i64,
    slack_was_held: bool,
}

impl CatchUp {
    /// At the start everything may have been missed.
    pub(super) fn load(remembered: &BTreeMap<String, String>, now: i64) -> CatchUp {
        let checked = remembered.get(CHECKED).and_then(|text| text.parse().ok()).unwrap_or(now);
        let mut catch_up = CatchUp { round_done: checked, older_done: checked, seen_at: now, ..CatchUp::default() };
        catch_up.begin_gap(now);
        catch_up
    }

    /// Says whether a call is due, and notes that it is being made.
    pub(super) fn begin(&mut self, now: i64) -> bool {
        let due = self.next_call() <= now;
        self.asking |= due;
        due
    }

    fn next_call(&self) -> i64 {
        match (self.asking, self.steps.is_empty() && self.older.is_empty()) {
            (true, _) => i64::MAX,
            (_, true) => self.next_round_at.max(self.next_at),
            (_, false) => self.next_at,
        }
    }

    /// When the next call falls due, or something has waited long enough, in milliseconds since 1970.
    pub(super) fn due(&self) -> i64 {
        self.gap.due().map_or(self.next_call(), |due| due.min(self.next_call()))
    }

    fn put_back(&mut self, step: Step, old: bool) {
        if old {
            self.older.push_front(step);
        } else {
            self.steps.push_front(step);
        }
    }

    /// The call has ended, however.
    pub(super) fn end(&mut self) {
        self.asking = false;
    }

    /// A time at which every bridged thread had been looked at, in milliseconds since 1970.
    pub(super) fn checked_at(&self) -> i64 {
        self.round_done.min(self.older_done)
    }

    /// How many deliveries wait for their threads to be read through.
    pub(super) fn waiting(&self) -> usize {
        self.gap.waiting()
    }

    /// Those deliveries, and until when each waits at most.
    pub(super) fn waiting_events(&self) -> impl Iterator<Item = (i64, i64)> {
        self.gap.events()
    }

    fn read_next(&mut self, (channel, thread_ts): Key) {
        let queued = self.steps.iter().position(
            |step| matches!(step, Step::Thread { channel: c, thread_ts: ts, .. } if *c == channel && *ts == thread_ts),
        );
        let step = queued.and_then(|at| self.steps.remove(at));
        let fresh = Step::Thread { channel, thread_ts, from: String::new(), page: String::new() };
        self.steps.push_front(step.unwrap_or(fresh));
    }

    /// Notes the time and whether Slack is held; says why something may have been missed since the last look, if so, and
    /// by how many milliseconds the clock was set back.
    pub(super) fn notice(&mut self, now: i64, slack_held: bool) -> (Option<&'static str>, i64) {
        let jumped = now - self.seen_at > JUMP_MS;
        let back_by = (self.seen_at - now).max(0);
        let set_back = back_by > BACK_MS;
        self.seen_at = now;
        let goes_on = std::mem::replace(&mut self.slack_was_held, slack_held) && !slack_held;
        let why = match (jumped, set_back, goes_on) {
            (true, ..) => Some("the clock jumped"),
            (_, true, _) => Some("the clock was set back"),
            (.., true) => Some("Slack was held and goes on"),
            _ => None,
        };
        (why, back_by)
    }

    fn begin_gap(&mut self, now: i64) {
        self.gap.begin(now);
        self.steps.clear();
        // Only what begins from here on sees all of it. The turn through the older threads goes on, so that none of them
        // is left out for ever, and the one that follows counts.
        self.round_done = self.round_done.min(now - 1);
        self.older_done = self.older_done.min(now - 1);
        self.older_started_at = self.older_done;
        self.in_round = false;
        self.next_round_at = now;
        // What was reckoned by a clock that has been set back since must not wait until it is as late again.
        self.next_at = self.next_at.min(now + LATER.as_millis() as i64);
    }
}

fn is_old(root: &Ts, now: i64) -> bool {
    root.millis() < now - RECENT_MS
}

impl Engine {
    /// Something may have been missed on both sides: they are asked for it.
    pub fn missed(&self, why: &'static str) {
        let now = self.clock.now_ms();
        let mut state = self.lock();
        if state.catch_up.gap.ended_at().is_some_and(|at| (0..SAME_GAP_MS).contains(&(now - at))) {
            return;
        }
        state.catch_up.begin_gap(now);
        self.life.missed(now);
        state.next_poll = now;
        state.next_clean = state.next_clean.min(now);
        state.next_late = state.next_late.min(now);
        state.feed.start_over();
        drop(state);
        tracing::info!(why, "something may have been missed; both sides are asked for it");
        self.wake.notify_one();
    }

    /// Slack had to send something again: it is asked for what else it could not bring.
    pub fn sent_again(&self, times: u32) {
        // The third time comes minutes after the first; other events may have been given up by then.
        if times >= 2 {
            return self.missed("Slack could not deliver for a while");
        }
        let now = self.clock.now_ms();
        let mut state = self.lock();
        let catch_up = &mut state.catch_up;
        if !catch_up.in_round && now - catch_up.round_started_at > SAME_GAP_MS {
            catch_up.next_round_at = catch_up.next_round_at.min(now);
            drop(state);
            self.wake.notify_one();
        }
    }

    pub(super) async fn catch_up(&self) {
        let now = self.clock.now_ms();
        let (step, old) = {
            let mut state = self.lock();
            let catch_up = &mut state.catch_up;
            let begins = catch_up.steps.is_empty() && catch_up.next_round_at <= now;
            match catch_up.steps.pop_front() {
                Some(step) => (Some(step), false),
                None if begins => (None, false),
                None => (catch_up.older.pop_front(), true),
            }
        };
        let wait = match step {
            None => self.begin_round(now).await,
            Some(step) => self.paced_step(step, old, now).await,
        };
        self.end_of_call(wait).await;
    }

    /// Makes a call if catch-up's share of its budget has room. Says how long to wait then.
    async fn paced_step(&self, step: Step, old: bool, now: i64) -> Duration {
        let method = step.method();
        let budget = Budget::SlackCatchUp(method);
        {
            let mut state = self.lock();
            if let Err(free) = state.queue.pace().try_call(&budget, now) {
                state.catch_up.put_back(step, old);
                return Duration::from_millis((free - now) as u64);
            }
        }
        let Err(error) = self.catch_up_step(&step).await else { return Duration::ZERO };
        tracing::warn!(problem = %error, "Slack could not be asked for what was missed; it is tried again");
        self.lock().catch_up.put_back(step, old);
        let CallError::Later { after: Some(after), .. } = error else { return LATER };
        self.hold_budget(&Budget::SlackMethod(method), Some(after));
        after
    }

    async fn end_of_call(&self, wait: Duration) {
        let now = self.clock.now_ms();
        let checked = {
            let mut state = self.lock();
            let catch_up = &mut state.catch_up;
            let before = catch_up.checked_at();
            catch_up.next_at = now + wait.as_millis() as i64;
            if catch_up.in_round && catch_up.steps.is_empty() {
                catch_up.in_round = false;
                catch_up.round_done = catch_up.round_started_at;
                catch_up.next_round_at =
                    catch_up.round_started_at + self.settings.reconcile_interval.as_millis() as i64;
                // A gap that ended while the round was being begun asks for another.
                if catch_up.gap.ended_at().is_some_and(|at| at > catch_up.round_started_at) {
                    catch_up.next_round_at = now;
                }
            }
            if catch_up.older.is_empty() {
                catch_up.older_done = catch_up.older_done.max(catch_up.older_started_at);
            }
            if catch_up.gap.ended_at().is_some_and(|at| at <= catch_up.checked_at()) {
                catch_up.gap.close();
            }
            catch_up.end();
            Some(catch_up.checked_at()).filter(|at| *at > before)
        };
        if let Some(checked) = checked {
            let settings = vec![(CHECKED, checked.to_string())];
            if let Err(error) = self.store.commit(Commit { settings, ..Commit::default() }).await {
                tracing::debug!(error = %error, "how far catch-up has come could not be written");
            }
        }
    }

    async fn begin_round(&self, now: i64) -> Duration {
        let sweeps = match self.store.sweeps(now - RECENT_MS).await {
            Ok(sweeps) => sweeps,
            Err(error) => {
                tracing::warn!(error = %error, "the bridged threads could not be listed; it is tried again");
                return LATER;
            }
        };
        let (mut steps, mut older) = (VecDeque::new(), VecDeque::new());
        let mut asked: Option<ChannelId> = None;
        let recent = format!("{}.000000", (now - RECENT_MS).div_euclid(1000));
        for Sweep { channel_id, thread_ts, swept_ts } in sweeps {
            let (Ok(root), channel) = (thread_ts.parse::<Ts>(), ChannelId::new(channel_id)) else { continue };
            if is_old(&root, now) {
                let from = swept_ts.unwrap_or(thread_ts);
                older.push_back(Step::Thread { channel, thread_ts: root, from, page: String::new() });
            } else if asked.as_ref() != Some(&channel) {
                // Sweeps come with the oldest root of a channel first.
                let oldest = if recent < thread_ts { thread_ts } else { recent.clone() };
                asked = Some(channel.clone());
                steps.push_back(Step::Channel { channel, oldest, page: String::new() });
            }
        }
        let mut state = self.lock();
        let catch_up = &mut state.catch_up;
        // Threads that were asked for meanwhile stay in front.
        catch_up.steps.extend(steps);
        if catch_up.older.is_empty() {
            catch_up.older = older;
            catch_up.older_started_at = now;
        }
        catch_up.round_started_at = now;
        catch_up.in_round = true;
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_is_a_gap_and_nothing_waits_until_it_is_as_late_again() {
        const HOUR_MS: i64 = 60 * 60 * 1000;
        let at = 100 * HOUR_MS;
        let mut catch_up = CatchUp { seen_at: at, next_at: at, next_round_at: at + 1000, ..CatchUp::default() };
        assert_eq!(catch_up.notice(at - 1000, false), (None, 1000), "clocks are put right by a little now and then");
        let now = at - HOUR_MS;
        assert_eq!(catch_up.notice(now, false), (Some("the clock was set back"), HOUR_MS - 1000));
        catch_up.begin_gap(now);
        assert!(catch_up.due() <= now + LATER.as_millis() as i64);
        assert_eq!(catch_up.notice(now + 1, false), (None, 0));
    }
}
