//! Which Slack threads may lack something that was missed, and the deliveries that wait for it.
//!
//! A gap is a time in which Slack's deliveries may have gone nowhere. From its end on a thread is *open* until it has
//! been compared with Slack. What is delivered live in an open thread is stored at once and handled when the thread
//! has been read through: so it does not overtake what was missed before it. Without a gap a thread is
//! open that was linked in doubt, and one while what was read back from it is being taken.

use std::collections::{HashMap, HashSet};

use super::queue::Work;
use crate::bridge::What;
use crate::bridge::ids::{ChannelId, ThreadId, Ts};

/// How long a delivery waits at least for what was missed before it, in milliseconds.
pub const PATIENCE_MS: i64 = 60 * 1000;

/// A place in Slack: channel and parent.
pub type Key = (ChannelId, Ts);

/// What waits for a thread to be read through.
#[derive(Debug)]
struct Waiting {
    thread_id: ThreadId,
    until: i64,
    work: Vec<Work>,
}

/// Which threads are open.
#[derive(Debug, Default)]
pub struct Gap {
    /// When the last gap ended, until all threads have been compared since.
    ended_at: Option<i64>,
    /// Channels whose threads have been compared since.
    channels: HashSet<ChannelId>,
    /// Threads that were read through since.
    read: HashSet<Key>,
    /// Threads that are known to differ and are not read through yet.
    differing: HashSet<Key>,
    /// Threads that lack something, or may: their card may have stood for a while, or they are being read and there is more.
    lacking: HashSet<Key>,
    waiting: HashMap<Key, Waiting>,
}

impl Gap {
    /// A gap has ended: every thread is open.
    pub fn begin(&mut self, now: i64) {
        self.ended_at = Some(now);
        self.channels.clear();
        self.read.clear();
        self.differing.clear();
        // The clock may have been set back.
        self.waiting.values_mut().for_each(|one| one.until = one.until.min(now + PATIENCE_MS));
    }

    /// When the gap ended that is not made good yet, in milliseconds since 1970.
    pub fn ended_at(&self) -> Option<i64> {
        self.ended_at
    }

    /// Whether something may be missing anywhere.
    pub fn is_any_open(&self) -> bool {
        self.ended_at.is_some() || !self.lacking.is_empty()
    }

    /// Whether something may be missing in a thread. `old` if its channel's newest messages do not tell of it.
    pub fn is_open(&self, key: &Key, old: bool) -> bool {
        self.lacking.contains(key)
            || self.ended_at.is_some()
                && !self.read.contains(key)
                && (old || !self.channels.contains(&key.0) || self.differing.contains(key))
    }

    /// A thread lacks something, or may, whether or not there was a gap: it is open until it is read through.
    pub fn lacks(&mut self, key: Key) {
        self.lacking.insert(key);
    }

    /// A channel's newest messages say that this thread holds more than was read of it.
    pub fn differs(&mut self, key: Key) {
        if self.ended_at.is_some() {
            self.differing.insert(key);
        }
    }

    /// A channel's newest messages were compared to the end.
    pub fn compared(&mut self, channel: &ChannelId) {
        if self.ended_at.is_some() {
            self.channels.insert(channel.clone());
        }
    }

    /// A thread was read through, or cannot be read: what waited for it goes on.
    pub fn read_through(&mut self, key: &Key) -> Option<(ThreadId, Vec<Work>)> {
        self.lacking.remove(key);
        self.differing.remove(key);
        if self.ended_at.is_some() {
            self.read.insert(key.clone());
        }
        self.waiting.remove(key).map(|waiting| (waiting.thread_id, waiting.work))
    }

    /// Lets something that came at `came_at` (milliseconds since 1970) wait for its thread; says whether nothing waited
    /// for it before.
    pub fn wait(&mut self, key: Key, thread_id: ThreadId, work: Work, came_at: i64) -> bool {
        let first = !self.waiting.contains_key(&key);
        let until = came_at + PATIENCE_MS;
        let waiting = self.waiting.entry(key).or_insert(Waiting { thread_id, until, work: Vec::new() });
        waiting.work.push(work);
        first
    }

    /// What waits for a thread and was written before `ts`: it goes on before what is read back from there.
    pub fn before(&mut self, key: &Key, ts: &Ts) -> Vec<Work> {
        let Some(waiting) = self.waiting.get_mut(key) else { return Vec::new() };
        let earlier = |work: &mut Work| match work {
            Work::Event { event, .. } => matches!(&event.what, What::SlackMessage(message) if message.ts < *ts),
            Work::Answer { .. } | Work::Arrived { .. } => false,
        };
        waiting.work.extract_if(.., earlier).collect()
    }

    /// All threads have been compared since the gap.
    pub fn close(&mut self) {
        self.ended_at = None;
        self.channels = HashSet::new();
        self.read = HashSet::new();
        self.differing = HashSet::new();
    }

    /// The threads whose deliveries go on now: they are no longer open, or the deliveries have waited for a minute and
    /// their read is given up. `old` as in [`Gap::is_open`].
    pub fn not_waiting_on(&self, now: i64, old: impl Fn(&Key) -> bool, gives_up: impl Fn(&Key) -> bool) -> Vec<Key> {
        let goes_on =
            |(key, waiting): &(&Key, &Waiting)| !self.is_open(key, old(key)) || waiting.until <= now && gives_up(key);
        self.waiting.iter().filter(goes_on).map(|(key, _)| key.clone()).collect()
    }

    /// What waits for a thread no longer does.
    pub fn release(&mut self, key: &Key) -> Option<(ThreadId, Vec<Work>)> {
        self.waiting.remove(key).map(|waiting| (waiting.thread_id, waiting.work))
    }

    /// When the first of what waits goes on unread, in milliseconds since 1970. `gives_up_from` says from when on a read is
    /// given up, if it is.
    pub fn due(&self, gives_up_from: impl Fn(&Key) -> Option<i64>) -> Option<i64> {
        self.waiting.iter().filter_map(|(key, waiting)| Some(gives_up_from(key)?.max(waiting.until))).min()
    }

    /// The threads for which somebody waits, or that lack something.
    pub fn awaited(&self) -> Vec<Key> {
        self.waiting.keys().chain(self.lacking.iter().filter(|key| !self.waiting.contains_key(*key))).cloned().collect()
    }

    /// Whether somebody waits for a thread, or it lacks something.
    pub fn is_awaited(&self, key: &Key) -> bool {
        self.waiting.contains_key(key) || self.lacking.contains(key)
    }

    /// The rows of the inbox that wait, and when each goes on unread, in milliseconds since 1970. `gives_up_from` as in
    /// [`Gap::due`].
    pub fn events(&self, gives_up_from: impl Fn(&Key) -> Option<i64>) -> impl Iterator<Item = (i64, Option<i64>)> {
        let rows = move |(key, waiting): (&Key, &Waiting)| {
            let until = gives_up_from(key).map(|from| from.max(waiting.until));
            let seq = |work: &Work| match work {
                Work::Event { seq, .. } => Some((*seq, until)),
                Work::Answer { .. } | Work::Arrived { .. } => None,
            };
            waiting.work.iter().filter_map(seq).collect::<Vec<_>>()
        };
        self.waiting.iter().flat_map(rows)
    }

    /// How many deliveries wait.
    pub fn waiting(&self) -> usize {
        self.waiting.values().map(|waiting| waiting.work.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::{Answer, Effect};
    use std::sync::Arc;

    fn key(channel: &str, ts: &str) -> Key {
        (ChannelId::new(channel), ts.parse().unwrap())
    }

    fn work(id: i64) -> Work {
        let effect: Effect = serde_json::from_str(r#"{"id":"a","order":1,"act":{"note":{"text":"x"}}}"#).unwrap();
        Work::Answer { id, effect: Arc::new(effect), answer: Answer::Done, with_next: false }
    }

    #[test]
    fn a_thread_is_open_until_it_is_compared() {
        let mut gap = Gap::default();
        let (one, two, old) = (key("C1", "9.000001"), key("C1", "9.000002"), key("C1", "1.000001"));
        assert!(!gap.is_open(&one, false));
        gap.begin(100);
        assert!(gap.is_open(&one, false) && gap.is_open(&old, true));
        gap.differs(two.clone());
        gap.compared(&ChannelId::new("C1"));
        assert!(!gap.is_open(&one, false), "its channel tells of nothing new in it");
        assert!(gap.is_open(&two, false) && gap.is_open(&old, true));
        assert!(gap.read_through(&two).is_none() && !gap.is_open(&two, false));
        gap.begin(200);
        assert!(gap.is_open(&one, false) && gap.is_open(&two, false));
        gap.close();
        assert!(!gap.is_open(&one, false) && !gap.is_open(&old, true));
        gap.lacks(one.clone());
        assert!(gap.is_open(&one, false));
        gap.read_through(&one);
        assert!(!gap.is_open(&one, false));
    }

    #[test]
    fn what_waits_goes_on_in_order_and_in_time() {
        let mut gap = Gap::default();
        gap.begin(0);
        let (one, two) = (key("C1", "9.000001"), key("C2", "9.000002"));
        assert!(gap.wait(one.clone(), ThreadId::new("t1"), work(1), 10));
        assert!(!gap.wait(one.clone(), ThreadId::new("t1"), work(2), 50));
        assert!(gap.wait(two.clone(), ThreadId::new("t2"), work(3), 70));
        let never = |_: &Key| None;
        let at_once = |_: &Key| Some(i64::MIN);
        assert_eq!((gap.due(at_once), gap.due(never), gap.waiting()), (Some(10 + PATIENCE_MS), None, 3));
        assert_eq!(gap.due(|_| Some(20 + PATIENCE_MS)), Some(20 + PATIENCE_MS), "Slack answered a while ago");
        let ids = |work: Vec<Work>| -> Vec<i64> {
            work.iter().map(|w| if let Work::Answer { id, .. } = w { *id } else { 0 }).collect()
        };
        let (thread_id, work) = gap.read_through(&one).unwrap();
        assert_eq!((thread_id.as_str(), ids(work)), ("t1", vec![1, 2]));
        assert!(gap.not_waiting_on(69 + PATIENCE_MS, |_| false, |_| true).is_empty());
        assert!(gap.not_waiting_on(70 + PATIENCE_MS, |_| false, |_| false).is_empty(), "its read comes");
        assert_eq!(gap.not_waiting_on(70 + PATIENCE_MS, |_| false, |_| true).len(), 1);
        assert_eq!(gap.release(&two).unwrap().1.len(), 1);
        assert_eq!((gap.due(at_once), gap.waiting()), (None, 0));
        gap.wait(two.clone(), ThreadId::new("t2"), super::tests::work(4), 100);
        gap.close();
        assert_eq!(gap.not_waiting_on(101, |_| false, |_| false), [two], "nothing is open any more");
    }
}
