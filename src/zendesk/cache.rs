//! What was read a moment ago: bounded, with an age that the reader judges.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) struct Cache<K, V> {
    most: usize,
    entries: Mutex<HashMap<K, (i64, V)>>,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// An empty one of at most so many entries.
    pub(super) fn new(most: usize) -> Self {
        Cache { most, entries: Mutex::new(HashMap::new()) }
    }

    /// What was read at `since_ms` or later, if it is `fresh` for its age in milliseconds.
    pub(super) fn get(&self, key: &K, now_ms: i64, lives_ms: impl Fn(&V) -> i64) -> Option<V> {
        let entries = self.lock();
        let (at_ms, value) = entries.get(key)?;
        let age = now_ms - at_ms;
        (0..lives_ms(value)).contains(&age).then(|| value.clone())
    }

    /// Keeps what was asked for at `at_ms`, unless something younger is there.
    pub(super) fn put(&self, key: K, at_ms: i64, value: V) {
        let mut entries = self.lock();
        if entries.len() >= self.most && !entries.contains_key(&key) {
            // Half is dropped at once, so that a full cache is not sorted for every entry.
            let mut ages: Vec<i64> = entries.values().map(|(at, _)| *at).collect();
            let (_, middle, _) = ages.select_nth_unstable(self.most / 2);
            let middle = *middle;
            entries.retain(|_, (at, _)| *at > middle);
        }
        if entries.get(&key).is_none_or(|(at, _)| *at <= at_ms) {
            entries.insert(key, (at_ms, value));
        }
    }

    pub(super) fn drop(&self, key: &K) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, (i64, V)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_by_age_and_keeps_its_bound() {
        let cache = Cache::new(100);
        cache.put(1, 1000, "a");
        assert_eq!(cache.get(&1, 1999, |_| 1000), Some("a"));
        assert_eq!(cache.get(&1, 2000, |_| 1000), None);
        cache.put(1, 900, "older");
        assert_eq!(cache.get(&1, 1001, |_| 1000), Some("a"));
        for key in 0..20_000 {
            cache.put(key, i64::from(key), "b");
        }
        assert!(cache.lock().len() <= 100);
        cache.drop(&19_999);
        assert_eq!(cache.get(&19_999, 20_000, |_| 1000), None);
        for key in 0..20_000 {
            cache.put(key, 30_000, "b");
        }
        assert!(cache.lock().len() <= 100);
    }
}
