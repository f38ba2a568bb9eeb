//! Where messages are that have not arrived, and what they wait for: for whoever follows them through the bridge.

use std::collections::BTreeMap;

use super::Engine;
pub use super::queue::Standing;

impl Engine {
    /// How these calls stand, by their ids; those that are settled are left out.
    pub fn standing(&self, calls: impl Iterator<Item = i64>) -> BTreeMap<i64, Standing> {
        let now = self.clock.now_ms();
        let state = self.lock();
        calls.filter_map(|id| Some((id, state.queue.standing(id, now)?))).collect()
    }

    /// The events that wait until what was missed before them is read back, by their numbers in the inbox, and when each
    /// goes on without, in milliseconds since 1970; `None` as long as Slack answers.
    pub fn wait_for_what_was_missed_before(&self) -> BTreeMap<i64, Option<i64>> {
        self.lock().catch_up.waiting_events().collect()
    }
}
