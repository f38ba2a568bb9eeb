//! A map that knows which of its entries may have changed since they were last written down.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use serde::{Deserialize, Deserializer};

/// The map; it is read as any, and written through the methods here alone.
pub(super) struct Tracked<K, V> {
    map: BTreeMap<K, V>,
    changed: BTreeSet<K>,
}

impl<K, V> Default for Tracked<K, V> {
    fn default() -> Self {
        Tracked { map: BTreeMap::new(), changed: BTreeSet::new() }
    }
}

impl<K, V> Deref for Tracked<K, V> {
    type Target = BTreeMap<K, V>;
    fn deref(&self) -> &BTreeMap<K, V> {
        &self.map
    }
}

impl<K: Ord + Clone, V> Tracked<K, V> {
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let found = self.map.get_mut(key)?;
        self.changed.insert(key.clone());
        Some(found)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.changed.insert(key.clone());
        self.map.insert(key, value);
    }

    /// The keys of what may have changed since this was asked last.
    pub(super) fn take_changed(&mut self) -> BTreeSet<K> {
        std::mem::take(&mut self.changed)
    }
}

/// All of it counts as changed.
impl<'de, K: Ord + Clone + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Tracked<K, V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<K, V>::deserialize(from)?;
        Ok(Tracked { changed: map.keys().cloned().collect(), map })
    }
}
