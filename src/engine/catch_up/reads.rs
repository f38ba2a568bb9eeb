//! Which reads are to be made, in what order, and how many at a time.
//!
//! A read that fails delays its own thread or channel alone: it is made again after 1, 2, 4 … seconds, and the others go on.
//! Only when several fail one after the other and none is answered is Slack taken to be silent. Then one read at a time
//! asks whether it is back, and its answer wakes all the others.

use std::collections::{BTreeSet, HashMap};

use super::super::gap::Key;
use super::super::pace::{Budget, Pace};
use crate::bridge::ids::{ChannelId, Ts};

/// How many reads may be under way at a time.
const AT_ONCE: usize = 8;
/// The first wait after a failed read; each further one is twice as long. In milliseconds.
const AGAIN_MS: i64 = 1000;
/// The longest wait after a failed read, in milliseconds.
const AGAIN_MOST_MS: i64 = 30 * 1000;
/// After how many failures in a row, with no answer between them, Slack is taken to be silent.
const SILENT_AFTER: u32 = 4;
/// The longest wait between two reads that ask a silent Slack whether it is back, in milliseconds.
const PROBE_MOST_MS: i64 = 8 * 1000;

/// What one call reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask a channel for a page of its threads since its oldest bridged root.
    Channel { channel: ChannelId, oldest: String, page: String },
    /// Read a page of a thread, from where it was last read through if `from` is empty.
    Thread { channel: ChannelId, thread_ts: Ts, from: String, page: String },
}

impl Step {
    /// Reads a thread from where it was last read through.
    pub(super) fn thread((channel, thread_ts): Key) -> Step {
        Step::Thread { channel, thread_ts, from: String::new(), page: String::new() }
    }

    /// The thread that is read, if it is one.
    pub(super) fn key(&self) -> Option<Key> {
        match self {
            Step::Channel { .. } => None,
            Step::Thread { channel, thread_ts, .. } => Some((channel.clone(), thread_ts.clone())),
        }
    }

    /// The method that it calls.
    pub(super) fn method(&self) -> &'static str {
        match self {
            Step::Channel { .. } => "conversations.history",
            Step::Thread { .. } => "conversations.replies",
        }
    }
}

/// Who waits for a read. The first kind is read first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// A thread in which a delivery waits.
    Waited,
    /// A channel, which tells what its threads lack, after a gap.
    ChannelAfterGap,
    /// A thread that lacks somebody's words.
    Lacking,
    /// A channel, as every few minutes.
    Channel,
    /// A thread that seems whole, read to be sure.
    Unsure,
    /// A thread with an old root, of which its channel does not tell.
    Older,
}

impl Urgency {
    const ALL: [Urgency; 6] = [
        Urgency::Waited,
        Urgency::ChannelAfterGap,
        Urgency::Lacking,
        Urgency::Channel,
        Urgency::Unsure,
        Urgency::Older,
    ];

    /// What somebody waits for may use the method's whole budget, anything else half of it.
    fn budget(self, method: &'static str) -> Budget {
        match self {
            Urgency::Waited | Urgency::ChannelAfterGap | Urgency::Lacking => Budget::SlackMethod(method),
            Urgency::Channel | Urgency::Unsure | Urgency::Older => Budget::SlackCatchUp(method),
        }
    }
}

/// For which turn a read counts: each ends when the last of its reads has been made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turns {
    /// Through the channels and what they tell of.
    pub(super) round: bool,
    /// Through the threads with old roots.
    pub(super) older: bool,
}

#[derive(Debug)]
struct Read {
    step: Step,
    urgency: Urgency,
    turns: Turns,
    /// How often it has failed since it was last answered, and since when.
    failures: u32,
    failing_since: Option<i64>,
    /// Begun before a gap ended: what it says is not known to be all.
    stale: bool,
}

/// All reads that are to be made.
#[derive(Debug, Default)]
pub(super) struct Reads {
    reads: HashMap<u64, Read>,
    by_thread: HashMap<Key, u64>,
    ready: BTreeSet<(Urgency, u64)>,
    /// Failed ones, and until when each waits.
    resting: BTreeSet<(i64, u64)>,
    under_way: BTreeSet<u64>,
    last: u64,
    of_round: usize,
    of_older: usize,
    /// How many reads have failed since one was answered, and since when.
    failures: u32,
    silent_since: Option<i64>,
    /// When a silent Slack is asked again, and how often it has been.
    probe_at: i64,
    probes: u32,
}

impl Reads {
    /// Adds a read. If the thread is to be read anyway, it is read as soon as the more urgent of the two.
    pub(super) fn add(&mut self, step: Step, urgency: Urgency, turns: Turns) {
        let key = step.key();
        if let Some(id) = key.as_ref().and_then(|key| self.by_thread.get(key)).copied()
            && let Some(read) = self.reads.get_mut(&id)
        {
            let was_ready = self.ready.remove(&(read.urgency, id));
            read.urgency = read.urgency.min(urgency);
            self.of_round += usize::from(turns.round && !read.turns.round);
            self.of_older += usize::from(turns.older && !read.turns.older);
            read.turns = Turns { round: read.turns.round || turns.round, older: read.turns.older || turns.older };
            if was_ready {
                self.ready.insert((read.urgency, id));
            }
            return;
        }
        self.last += 1;
        let id = self.last;
        if let Some(key) = key {
            self.by_thread.insert(key, id);
        }
        self.of_round += usize::from(turns.round);
        self.of_older += usize::from(turns.older);
        self.ready.insert((urgency, id));
        self.reads.insert(id, Read { step, urgency, turns, failures: 0, failing_since: None, stale: false });
    }

    /// Takes the reads that can be made now. Each must be ended by [`Reads::done`], [`Reads::go_on`] or [`Reads::failed`].
    pub(super) fn take(&mut self, pace: &mut Pace, now: i64) -> Vec<u64> {
        while let Some((at, id)) = self.resting.first().copied()
            && at <= now
        {
            self.resting.pop_first();
            self.make_ready(id);
        }
        let mut taken = Vec::new();
        if self.is_silent() {
            if self.probe_at > now {
                return taken;
            }
            // Which of them asks is all the same.
            if self.ready.is_empty()
                && let Some((_, id)) = self.resting.pop_first()
            {
                self.make_ready(id);
            }
        }
        for urgency in Urgency::ALL {
            while self.under_way.len() < self.most()
                && let Some(id) = self.first(urgency)
                && let Some(read) = self.reads.get(&id)
                && pace.try_call(&urgency.budget(read.step.method()), now).is_ok()
            {
                self.ready.remove(&(urgency, id));
                self.under_way.insert(id);
                taken.push(id);
            }
        }
        taken
    }

    /// When the next read may be made, in milliseconds since 1970; `None` if none is to be made, or one that is under way has
    /// to end first.
    pub(super) fn due(&self, pace: &Pace, now: i64) -> Option<i64> {
        if self.under_way.len() >= self.most() {
            return None;
        }
        let ready = Urgency::ALL.into_iter().filter_map(|urgency| {
            let read = self.reads.get(&self.first(urgency)?)?;
            Some(pace.when(&urgency.budget(read.step.method()), now))
        });
        let resting = self.resting.first().map(|(at, _)| *at);
        match self.is_silent() {
            true => ready.chain(resting.map(|_| now)).min().map(|due| due.max(self.probe_at)),
            false => ready.chain(resting).min(),
        }
    }

    /// What a read asks for.
    pub(super) fn step(&self, id: u64) -> Option<&Step> {
        self.reads.get(&id).map(|read| &read.step)
    }

    /// A read has ended. Says whether its answer holds: no gap has ended since it began.
    pub(super) fn done(&mut self, id: u64) -> bool {
        self.under_way.remove(&id);
        self.remove(id).is_some_and(|read| !read.stale)
    }

    /// A read has been answered in part, and this comes next. Says whether it goes on: no gap has ended since it began.
    pub(super) fn go_on(&mut self, id: u64, next: Step) -> bool {
        self.under_way.remove(&id);
        let Some(read) = self.reads.get_mut(&id).filter(|read| !read.stale) else {
            self.remove(id);
            return false;
        };
        read.step = next;
        read.failures = 0;
        read.failing_since = None;
        self.make_ready(id);
        true
    }

    /// A read has failed, and is made again later.
    pub(super) fn failed(&mut self, id: u64, now: i64) {
        self.under_way.remove(&id);
        self.failures = self.failures.saturating_add(1);
        self.silent_since.get_or_insert(now);
        if self.is_silent() && self.under_way.is_empty() {
            self.probe_at = now + doubled(self.probes, PROBE_MOST_MS);
            self.probes = self.probes.saturating_add(1);
        }
        let Some(read) = self.reads.get_mut(&id) else { return };
        // What was begun before a gap ended begins anew.
        read.stale = false;
        read.failing_since.get_or_insert(now);
        let wait = doubled(read.failures, AGAIN_MOST_MS);
        read.failures = read.failures.saturating_add(1);
        self.resting.insert((now + wait, id));
    }

    /// Slack has answered a read.
    pub(super) fn answered(&mut self) {
        if self.is_silent() {
            for (_, id) in std::mem::take(&mut self.resting) {
                self.make_ready(id);
            }
        }
        self.failures = 0;
        self.probes = 0;
        self.silent_since = None;
    }

    /// A gap has ended: only the turn through the older threads goes on. What is under way says nothing of what was missed.
    pub(super) fn start_over(&mut self) {
        let dropped: Vec<u64> = self
            .reads
            .iter()
            .filter(|(id, read)| !read.turns.older && !self.under_way.contains(id))
            .map(|(id, _)| *id)
            .collect();
        for id in dropped {
            self.remove(id);
        }
        self.of_round = 0;
        for (id, read) in &mut self.reads {
            read.turns.round = false;
            read.stale = self.under_way.contains(id);
        }
    }

    /// The clock shows this many milliseconds less than it did.
    pub(super) fn clock_set_back(&mut self, by: i64) {
        self.resting = std::mem::take(&mut self.resting).into_iter().map(|(at, id)| (at - by, id)).collect();
        self.probe_at -= by;
        self.silent_since = self.silent_since.map(|at| at - by);
        for read in self.reads.values_mut() {
            read.failing_since = read.failing_since.map(|at| at - by);
        }
    }

    /// Whether a thread is to be read, or is being read.
    pub(super) fn is_to_be_read(&self, key: &Key) -> bool {
        self.by_thread.contains_key(key)
    }

    /// Since when this read has failed, in milliseconds since 1970, if it failed the last time.
    pub(super) fn failing_since(&self, id: u64) -> Option<i64> {
        self.reads.get(&id)?.failing_since
    }

    /// Since when Slack answers nothing, or not this thread, in milliseconds since 1970.
    pub(super) fn unanswered_since(&self, key: &Key) -> Option<i64> {
        let own = self.by_thread.get(key).and_then(|id| self.reads.get(id)?.failing_since);
        self.silent_since.into_iter().chain(own).min()
    }

    /// How many reads of the round are still to be made.
    pub(super) fn of_round(&self) -> usize {
        self.of_round
    }

    /// How many threads with old roots are still to be read.
    pub(super) fn of_older(&self) -> usize {
        self.of_older
    }

    fn most(&self) -> usize {
        if self.is_silent() { 1 } else { AT_ONCE }
    }

    fn is_silent(&self) -> bool {
        self.failures >= SILENT_AFTER
    }

    fn first(&self, urgency: Urgency) -> Option<u64> {
        self.ready.range((urgency, 0)..=(urgency, u64::MAX)).next().map(|(_, id)| *id)
    }

    fn make_ready(&mut self, id: u64) {
        if let Some(read) = self.reads.get(&id) {
            self.ready.insert((read.urgency, id));
        }
    }

    fn remove(&mut self, id: u64) -> Option<Read> {
        let read = self.reads.remove(&id)?;
        if let Some(key) = read.step.key() {
            self.by_thread.remove(&key);
        }
        self.of_round -= usize::from(read.turns.round);
        self.of_older -= usize::from(read.turns.older);
        self.ready.remove(&(read.urgency, id));
        if read.failing_since.is_some() {
            self.resting.retain(|(_, other)| *other != id);
        }
        Some(read)
    }
}

/// The first wait, doubled so many times.
fn doubled(times: u32, most_ms: i64) -> i64 {
    (AGAIN_MS << times.min(20)).min(most_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::pace::{Limit, Limits};

    const ROUND: Turns = Turns { round: true, older: false };
    const OLDER: Turns = Turns { round: false, older: true };
    const NONE: Turns = Turns { round: false, older: false };

    fn key(n: usize) -> Key {
        (ChannelId::new("C1"), format!("9.{n:06}").parse().unwrap())
    }

    fn thread(n: usize) -> Step {
        Step::thread(key(n))
    }

    fn read(reads: &Reads, id: u64) -> Key {
        reads.step(id).unwrap().key().unwrap()
    }

    fn unlimited() -> Pace {
        Pace::new(Limits { slack_tier_3: Limit::new(0, 60), ..Limits::default() })
    }

    #[test]
    fn what_somebody_waits_for_comes_first_and_each_thread_once() {
        let (mut reads, mut pace) = (Reads::default(), unlimited());
        for n in 0..10 {
            reads.add(thread(n), Urgency::Unsure, ROUND);
        }
        reads.add(thread(20), Urgency::Lacking, ROUND);
        reads.add(thread(7), Urgency::Waited, NONE);
        let taken = reads.take(&mut pace, 0);
        assert_eq!(taken.len(), AT_ONCE);
        assert_eq!((read(&reads, taken[0]), read(&reads, taken[1]), read(&reads, taken[2])), (key(7), key(20), key(0)));
        assert_eq!((reads.due(&pace, 0), reads.of_round()), (None, 11), "a read that is under way has to end first");
        taken.iter().for_each(|id| assert!(reads.done(*id)));
        let rest = reads.take(&mut pace, 0);
        rest.iter().for_each(|id| assert!(reads.done(*id)));
        assert_eq!((rest.len(), reads.of_round(), reads.due(&pace, 0)), (3, 0, None));
    }

    #[test]
    fn awaited_reads_use_the_whole_minute_at_once_and_others_half_of_it() {
        for (urgency, at_once) in [(Urgency::Waited, 50), (Urgency::Lacking, 50), (Urgency::Unsure, 25)] {
            let (mut reads, mut pace) = (Reads::default(), Pace::default());
            (0..80).for_each(|n| reads.add(thread(n), urgency, ROUND));
            let mut made = 0;
            loop {
                let taken = reads.take(&mut pace, 0);
                if taken.is_empty() {
                    break;
                }
                made += taken.len();
                taken.iter().for_each(|id| assert!(reads.done(*id)));
            }
            assert_eq!((made, reads.due(&pace, 0)), (at_once, Some(60_000)), "{urgency:?}");
        }
    }

    #[test]
    fn a_failed_read_delays_itself_alone_and_longer_each_time() {
        let (mut reads, mut pace) = (Reads::default(), unlimited());
        (0..3).for_each(|n| reads.add(thread(n), Urgency::Lacking, ROUND));
        let taken = reads.take(&mut pace, 0);
        reads.failed(taken[0], 0);
        reads.answered();
        assert!(reads.done(taken[1]) && reads.done(taken[2]));
        let mut now = 0;
        for wait in [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
            assert_eq!(reads.due(&pace, now), Some(now + wait));
            assert!(reads.take(&mut pace, now + wait - 1).is_empty());
            now += wait;
            assert_eq!(reads.take(&mut pace, now), [taken[0]]);
            reads.failed(taken[0], now);
            // Others are answered meanwhile.
            reads.answered();
        }
        assert_eq!((reads.unanswered_since(&key(0)), reads.unanswered_since(&key(1))), (Some(0), None));
    }

    #[test]
    fn a_silent_slack_is_asked_by_one_read_at_a_time_and_its_answer_wakes_all() {
        let (mut reads, mut pace) = (Reads::default(), unlimited());
        (0..20).for_each(|n| reads.add(thread(n), Urgency::Lacking, ROUND));
        for id in reads.take(&mut pace, 0) {
            reads.failed(id, 0);
        }
        assert_eq!(reads.unanswered_since(&key(19)), Some(0), "it answers nobody");
        let mut now = 0;
        let mut asked = 0;
        while now < 100_000 {
            now = reads.due(&pace, now).unwrap();
            let taken = reads.take(&mut pace, now);
            assert_eq!(taken.len(), 1);
            reads.failed(taken[0], now);
            asked += 1;
        }
        assert!((12..20).contains(&asked), "{asked} asked in 100 s");
        now = reads.due(&pace, now).unwrap();
        let taken = reads.take(&mut pace, now);
        reads.answered();
        assert!(reads.done(taken[0]));
        let mut left = 0;
        while reads.due(&pace, now) == Some(now) {
            for id in reads.take(&mut pace, now) {
                left += 1;
                reads.done(id);
            }
        }
        assert_eq!((left, reads.of_round()), (19, 0));
    }

    #[test]
    fn after_a_gap_only_the_older_go_on_and_what_is_under_way_says_nothing() {
        let (mut reads, mut pace) = (Reads::default(), unlimited());
        reads.add(thread(1), Urgency::Lacking, ROUND);
        reads.add(thread(2), Urgency::Lacking, ROUND);
        let taken = reads.take(&mut pace, 0);
        reads.add(thread(3), Urgency::Unsure, ROUND);
        reads.add(thread(4), Urgency::Older, OLDER);
        reads.start_over();
        assert_eq!((reads.of_round(), reads.of_older()), (0, 1));
        assert!(!reads.is_to_be_read(&key(3)) && reads.is_to_be_read(&key(4)));
        assert!(!reads.done(taken[0]) && !reads.go_on(taken[1], thread(2)));
        let older = reads.take(&mut pace, 0);
        assert_eq!(read(&reads, older[0]), key(4));
        assert!(reads.done(older[0]) && reads.of_older() == 0);
    }
}
