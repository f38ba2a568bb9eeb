//! What a vendor told to wait, of calls that the engine does not count itself.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Until when which calls wait.
#[derive(Debug)]
pub struct Holds<K>(Mutex<HashMap<K, Hold>>);

#[derive(Debug)]
struct Hold {
    from: i64,
    until: i64,
}

impl<K> Default for Holds<K> {
    fn default() -> Self {
        Holds(Mutex::default())
    }
}

impl<K: Eq + Hash> Holds<K> {
    /// A call was told at `now` (milliseconds since 1970) to come back after some time.
    pub fn hold(&self, call: K, now: i64, after: Duration) {
        self.lock().insert(call, Hold { from: now, until: now + after.as_millis() as i64 });
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_waits_for_its_time_and_for_no_clock() {
        let holds = Holds::default();
        holds.hold("reads", 1000, Duration::from_millis(500));
        assert_eq!(holds.left("reads", 1100), Some(Duration::from_millis(400)));
        assert_eq!(holds.left("others", 1100), None);
        assert_eq!(holds.left("reads", 1500), None);
        assert_eq!(holds.left("reads", 900), None, "the clock was set back");
    }
}
