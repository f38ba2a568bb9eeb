//! Calls that a vendor told to wait, each on its own: they are not made before their time, whoever asks for them.
//!
//! A vendor's word is taken within bounds. The first wait is what it says. Where it says so again, with no answer between,
//! the wait is the schedule's at the least, however soon the vendor would have us back.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::super::retry::Schedule;

/// Until when which calls wait.
#[derive(Debug)]
pub struct Holds<K> {
    holds: Mutex<HashMap<K, Hold>>,
    schedule: OnceLock<Schedule>,
}

#[derive(Debug)]
struct Hold {
    from: i64,
    until: i64,
    /// How often the vendor has said so with no answer between.
    times: i64,
}

impl<K> Default for Holds<K> {
    fn default() -> Self {
        Holds { holds: Mutex::default(), schedule: OnceLock::new() }
    }
}

impl<K: Eq + Hash> Holds<K> {
    /// The schedule of repetitions, from the settings; the first call holds.
    pub fn keep_to(&self, schedule: Schedule) {
        let _ = self.schedule.set(schedule);
    }

    /// A call was told at `now` (milliseconds since 1970) to come back later: after some time, if the vendor says how much. No
    /// other call of its kind is made before. Says how long that is.
    pub fn hold(&self, call: K, now: i64, after: Option<Duration>) -> Duration {
        let mut holds = self.lock();
        let before = holds.get(&call);
        let times = match before {
            // Calls that were under way together are told the same thing once.
            Some(hold) if (hold.from..hold.until).contains(&now) => hold.times,
            Some(hold) => hold.times + 1,
            None => 1,
        };
        let until = now + self.wait(times, after).as_millis() as i64;
        let until = before.filter(|hold| hold.from <= now).map_or(until, |hold| until.max(hold.until));
        holds.insert(call, Hold { from: now, until, times });
        Duration::from_millis((until - now).unsigned_abs())
    }

    /// How long a call waits that is not held with others of its kind, and was told to come back later.
    pub fn alone(&self, after: Option<Duration>) -> Duration {
        self.wait(1, after)
    }

    fn wait(&self, times: i64, after: Option<Duration>) -> Duration {
        let schedule = self.schedule.get_or_init(Schedule::default);
        // Without a word of the vendor the first repetition keeps to the schedule already.
        schedule.at_least(times - i64::from(after.is_some()), after.unwrap_or_default())
    }

    /// A call was answered: what it was told before counts for nothing.
    pub fn answered<Q: Eq + Hash + ?Sized>(&self, call: &Q)
    where
        K: Borrow<Q>,
    {
        self.lock().remove(call);
    }

    /// How long a call has to wait yet. A clock that has been set back since is not waited for.
    pub fn left<Q: Eq + Hash + ?Sized>(&self, call: &Q, now: i64) -> Option<Duration>
    where
        K: Borrow<Q>,
    {
        let holds = self.lock();
        let hold = holds.get(call).filter(|hold| (hold.from..hold.until).contains(&now))?;
        Some(Duration::from_millis((hold.until - now).unsigned_abs()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Hold>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Option<Duration> = Some(Duration::from_secs(1));

    #[test]
    fn a_call_waits_for_its_time_and_for_no_clock() {
        let holds = Holds::default();
        holds.hold("reads", 1000, Some(Duration::from_millis(500)));
        assert_eq!(holds.left("reads", 1100), Some(Duration::from_millis(400)));
        assert_eq!(holds.left("others", 1100), None);
        assert_eq!(holds.left("reads", 1500), None);
        assert_eq!(holds.left("reads", 900), None, "the clock was set back");
    }

    #[test]
    fn what_is_said_again_and_again_is_heard_by_the_schedule_until_there_is_an_answer() {
        let holds = Holds::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..6 {
            let wait = holds.hold("reply", now, SECOND);
            assert_eq!(holds.hold("reply", now, SECOND), wait, "two that were under way together are one");
            waits.push(wait.as_secs());
            now += wait.as_millis() as i64;
        }
        assert_eq!(waits, [1, 5, 30, 120, 600, 600]);
        assert_eq!(holds.hold("reply", now, SECOND).as_secs(), 600, "an account that answers is not left for hours");
        holds.answered("reply");
        assert_eq!(holds.hold("reply", now, SECOND).as_secs(), 1);
    }

    #[test]
    fn where_the_vendor_names_no_time_the_schedule_does() {
        let holds = Holds::default();
        assert_eq!(holds.hold("reply", 0, None).as_secs(), 5);
        assert_eq!(holds.hold("reply", 5000, None).as_secs(), 30);
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(holds.hold("reply", 35_000, hour).as_secs(), 3600, "it may always ask for more");
    }
}
