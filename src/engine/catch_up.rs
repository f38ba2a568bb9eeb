//! Asks Slack for what its events may have missed: at start, after a gap, and every `reconcile_interval_secs`.
//!
//! Slack delivers an event for minutes and then forgets it, so what was written while the app was away is read back.
//! A round asks each bridged channel for its newest messages, which tell of each thread when it was last answered; only
//! threads that were answered since they were last read through are read. A thread whose newest message was heard of before
//! the gap lacks nothing that was written in it: nobody waits while it is read to be sure. Threads whose root is older than
//! thirty days are asked one by one. What is found takes the same path, under the same keys, as a delivery: what
//! was known asks for nothing. Only threads whose link is committed are read, so what is written while one is read comes
//! live, and what came before it is in what is read. The live ones wait while it is read on, page by page ([`wait`]).
//!
//! Several reads are under way at a time ([`reads`]). Those that somebody waits for come first and may use all that Slack
//! allows for the method; the others use half of it, so that a round never starves the deliveries. A round may outlast the
//! interval, and then the next one follows it.
//!
//! A gap is: the start; a clock that jumped, as it does when the machine sleeps, or was set back; Slack held and going on; Slack's word
//! that it had to send an event three times, or that it sends no more for a while.

mod read;
mod reads;
mod wait;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Engine;
use super::gap::{Gap, Key};
use super::queue::{Job, Queue};
use crate::bridge::ids::{ChannelId, Ts};
use crate::store::{Commit, Sweep};
use reads::{Reads, Step, Turns, Urgency};

/// How old a root may be to be found through its channel, and how long a done thread stays in, in milliseconds.
const RECENT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How long until the bridged threads are listed again after the database failed, in milliseconds.
const LATER_MS: i64 = 30 * 1000;
/// How long Slack may answer nothing until what has waited for a minute goes on, in milliseconds.
const SILENT_MS: i64 = 30 * 1000;
/// How far the clock may move between two looks at it; the sweep of old rows alone looks every minute. In milliseconds.
const JUMP_MS: i64 = 150 * 1000;
/// How far back the clock may be set before everything is reckoned anew, in milliseconds.
const BACK_MS: i64 = 5 * 1000;
/// How soon after a gap another hint of one changes nothing, in milliseconds.
const SAME_GAP_MS: i64 = 60 * 1000;
const CHECKED: &str = "slack_checked_ms";
const HEARD_UNTIL: &str = "slack_heard_until_ms";

/// Where the present round stands.
#[derive(Debug, Default)]
pub(super) struct CatchUp {
    reads: Reads,
    next_round_at: i64,
    round_started_at: i64,
    older_started_at: i64,
    /// When the last whole round began, and the last whole turn through the older threads.
    round_done: i64,
    older_done: i64,
    in_round: bool,
    /// The bridged threads are being listed for a round.
    beginning: bool,
    gap: Gap,
    /// Until when all was heard, while a gap is not made good: also by earlier lives that did not come to that.
    heard_until: i64,
    /// Whether the database does not say so yet.
    unwritten: bool,
    /// Events that were read back and are not handled yet.
    pub(super) found: HashSet<i64>,
    seen_at: i64,
    slack_was_held: bool,
}

impl CatchUp {
    /// At the start everything may have been missed.
    pub(super) fn load(remembered: &BTreeMap<String, String>, now: i64) -> CatchUp {
        let checked = remembered.get(CHECKED).and_then(|text| text.parse().ok()).unwrap_or(now);
        let heard_until = remembered.get(HEARD_UNTIL).and_then(|text| text.parse().ok()).unwrap_or(i64::MAX);
        let mut catch_up =
            CatchUp { round_done: checked, older_done: checked, seen_at: now, heard_until, ..CatchUp::default() };
        catch_up.begin_gap(now);
        catch_up
    }

    /// Takes what can be asked of Slack now.
    pub(super) fn take(&mut self, queue: &mut Queue, now: i64) -> Vec<Job> {
        let mut jobs = Vec::new();
        if self.next_round() <= now {
            self.beginning = true;
            jobs.push(Job::CatchUp);
        }
        jobs.extend(self.reads.take(queue.pace(), now).into_iter().map(Job::ReadBack));
        jobs
    }

    fn next_round(&self) -> i64 {
        if self.beginning || self.in_round { i64::MAX } else { self.next_round_at }
    }

    /// When something is to be asked, or has waited long enough, in milliseconds since 1970.
    pub(super) fn due(&self, queue: &mut Queue, now: i64) -> i64 {
        let reads = self.reads.due(queue.pace(), now);
        let waited = self.gap.due(|key| self.gives_up_from(key));
        reads.into_iter().chain(waited).min().unwrap_or(i64::MAX).min(self.next_round())
    }

    /// From when on what waits for a thread no longer waits for its read, in milliseconds since 1970; `None` while that
    /// read is under way, or comes as soon as Slack's limits allow.
    fn gives_up_from(&self, key: &Key) -> Option<i64> {
        if !self.reads.is_to_be_read(key) {
            return Some(i64::MIN);
        }
        self.reads.unanswered_since(key).map(|since| since + SILENT_MS)
    }

    /// A read or the listing ended in a defect.
    pub(super) fn set_aside(&mut self, read: Option<u64>, now: i64) {
        match read {
            Some(id) => self.reads.failed(id, now),
            None => {
                self.beginning = false;
                self.next_round_at = now + LATER_MS;
            }
        }
    }

    /// A time at which every bridged thread had been looked at, in milliseconds since 1970.
    pub(super) fn checked_at(&self) -> i64 {
        self.round_done.min(self.older_done)
    }

    /// How many deliveries wait for their threads to be read through.
    pub(super) fn waiting(&self) -> usize {
        self.gap.waiting()
    }

    /// Those deliveries, and until when each waits at most, as far as that is known.
    pub(super) fn waiting_events(&self) -> impl Iterator<Item = (i64, Option<i64>)> {
        self.gap.events(|key| self.gives_up_from(key))
    }

    /// Notes the time and whether Slack is held; says why something may have been missed since the last look, if so, and
    /// by how many milliseconds the clock was set back.
    pub(super) fn notice(&mut self, now: i64, slack_held: bool) -> (Option<&'static str>, i64) {
        let jumped = now - self.seen_at > JUMP_MS;
        let back_by = (self.seen_at - now).max(0);
        let set_back = back_by > BACK_MS;
        if back_by > 0 {
            self.reads.clock_set_back(back_by);
        }
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

    /// What the database is to say of the gap, if it does not yet: for a life that begins before the gap is made good.
    pub(super) fn unwritten(&mut self) -> Option<(&'static str, String)> {
        std::mem::take(&mut self.unwritten).then(|| (HEARD_UNTIL, self.heard_until.to_string()))
    }

    fn begin_gap(&mut self, now: i64) {
        self.heard_until = self.heard_until.min(now);
        self.unwritten = true;
        self.gap.begin(now);
        self.reads.start_over();
        for key in self.gap.awaited() {
            self.reads.add(Step::thread(key), Urgency::Waited, Turns::default());
        }
        // Only what begins from here on sees all of it. The turn through the older threads goes on, so that none of them
        // is left out for ever, and the one that follows counts.
        self.round_done = self.round_done.min(now - 1);
        self.older_done = self.older_done.min(now - 1);
        self.older_started_at = self.older_done;
        self.in_round = false;
        self.next_round_at = now;
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

    /// Notes how far the round has come.
    async fn after_a_read(&self) {
        let now = self.clock.now_ms();
        let checked = {
            let mut state = self.lock();
            let catch_up = &mut state.catch_up;
            let before = catch_up.checked_at();
            if catch_up.in_round && catch_up.reads.of_round() == 0 {
                catch_up.in_round = false;
                catch_up.round_done = catch_up.round_started_at;
                catch_up.next_round_at =
                    catch_up.round_started_at + self.settings.reconcile_interval.as_millis() as i64;
                // A gap that ended while the round was being begun asks for another.
                if catch_up.gap.ended_at().is_some_and(|at| at > catch_up.round_started_at) {
                    catch_up.next_round_at = now;
                }
            }
            if catch_up.reads.of_older() == 0 {
                catch_up.older_done = catch_up.older_done.max(catch_up.older_started_at);
            }
            if catch_up.gap.ended_at().is_some_and(|at| at <= catch_up.checked_at()) {
                catch_up.gap.close();
                catch_up.heard_until = i64::MAX;
                catch_up.unwritten = true;
            }
            Some(catch_up.checked_at()).filter(|at| *at > before)
        };
        if let Some(checked) = checked {
            let mut settings = vec![(CHECKED, checked.to_string())];
            settings.extend(self.lock().catch_up.unwritten());
            if let Err(error) = self.store.commit(Commit { settings, ..Commit::default() }).await {
                tracing::debug!(error = %error, "how far catch-up has come could not be written");
            }
        }
    }

    /// Begins a round.
    pub(super) async fn catch_up(&self) {
        let now = self.clock.now_ms();
        let settings = self.lock().catch_up.unwritten();
        if let Some(setting) = settings
            && let Err(error) = self.store.commit(Commit { settings: vec![setting], ..Commit::default() }).await
        {
            tracing::debug!(error = %error, "that something may have been missed could not be written");
        }
        let sweeps = self.store.sweeps(now - RECENT_MS).await;
        {
            let mut state = self.lock();
            let catch_up = &mut state.catch_up;
            catch_up.beginning = false;
            match sweeps {
                Ok(sweeps) => catch_up.begin_round(sweeps, now),
                Err(error) => {
                    tracing::warn!(error = %error, "the bridged threads could not be listed; it is tried again");
                    catch_up.next_round_at = now + LATER_MS;
                    return;
                }
            }
        }
        self.after_a_read().await;
    }
}

impl CatchUp {
    fn begin_round(&mut self, sweeps: Vec<Sweep>, now: i64) {
        let older_begins = self.reads.of_older() == 0;
        let mut asked = BTreeSet::new();
        let recent = format!("{}.000000", (now - RECENT_MS).div_euclid(1000));
        let channels = if self.gap.ended_at().is_some() { Urgency::ChannelAfterGap } else { Urgency::Channel };
        for Sweep { channel_id, thread_ts, swept_ts } in sweeps {
            let (Ok(root), channel) = (thread_ts.parse::<Ts>(), ChannelId::new(channel_id)) else { continue };
            if is_old(&root, now) {
                if older_begins {
                    let from = swept_ts.unwrap_or(thread_ts);
                    let step = Step::Thread { channel, thread_ts: root, from, page: String::new() };
                    self.reads.add(step, Urgency::Older, Turns { round: false, older: true });
                }
            } else if asked.insert(channel.clone()) {
                // Sweeps come with the oldest root of a channel first.
                let oldest = if recent < thread_ts { thread_ts } else { recent.clone() };
                let step = Step::Channel { channel, oldest, page: String::new() };
                self.reads.add(step, channels, Turns { round: true, older: false });
            }
        }
        if older_begins {
            self.older_started_at = now;
        }
        self.round_started_at = now;
        self.in_round = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_is_a_gap_and_nothing_waits_until_it_is_as_late_again() {
        const HOUR_MS: i64 = 60 * 60 * 1000;
        let at = 100 * HOUR_MS;
        let mut catch_up = CatchUp { seen_at: at, next_round_at: at + 1000, ..CatchUp::default() };
        assert_eq!(catch_up.notice(at - 1000, false), (None, 1000), "clocks are put right by a little now and then");
        let now = at - HOUR_MS;
        assert_eq!(catch_up.notice(now, false), (Some("the clock was set back"), HOUR_MS - 1000));
        catch_up.begin_gap(now);
        assert!(catch_up.due(&mut Queue::default(), now) <= now);
        assert_eq!(catch_up.notice(now + 1, false), (None, 0));
    }
}
