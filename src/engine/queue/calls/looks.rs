//! Messages of one lane that may have been done already: what is read of their thread tells of all of them.

use super::{LaneKey, Queue};
use crate::bridge::Answer;
use crate::engine::queue::Item;

/// How many are looked for together.
const MOST: usize = 200;

impl Queue {
    /// The calls that wait in the lane of this one, travel alone and may have been done already, as far as what they are
    /// to do is in memory.
    pub fn doubtful_beside(&self, id: i64) -> Vec<(i64, Item)> {
        let calls = &self.calls;
        let Some(item) = calls.items.get(&id).filter(|item| item.in_lane) else { return Vec::new() };
        let Some(lane) = calls.lanes.get(&LaneKey::of(id, item)) else { return Vec::new() };
        let beside = lane.waiting.iter().filter(|(_, other)| *other != id);
        let beside = beside.filter_map(|(_, other)| Some((*other, calls.items.get(other)?)));
        let unsure =
            |item: &Item| item.doubtful && item.found.is_none() && item.bundle.is_none() && item.effect.is_some();
        beside.filter(|(_, item)| unsure(item)).take(MOST).map(|(id, item)| (id, item.clone())).collect()
    }

    /// Notes what was found of a call that may have been done, by a look that began at `now`; where nothing was found
    /// later than `lag_ms` after it may last have been done, it was not.
    pub fn looked_for(&mut self, id: i64, found: Option<Answer>, now: i64, lag_ms: i64) {
        let Some(item) = self.calls.items.get_mut(&id).filter(|item| item.doubtful) else { return };
        if found.is_some() {
            item.found = found;
        } else if item.last_attempt_ms.unwrap_or(now).saturating_add(lag_ms) <= now {
            item.doubtful = false;
        }
    }
}
