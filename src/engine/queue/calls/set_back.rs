//! The clock was set back: what was reckoned by it is reckoned anew, so that whatever waits for a time waits no longer
//! than it would have.

use super::{Calls, Queue, Waits};

impl Queue {
    /// The clock shows this many milliseconds less than it did.
    pub fn clock_set_back(&mut self, by: i64) {
        self.resting = std::mem::take(&mut self.resting).into_iter().map(|(at, id)| (at - by, id)).collect();
        for cell in self.tickets.values_mut() {
            cell.not_before -= by;
        }
        self.calls.clock_set_back(by);
    }
}

impl Calls {
    fn clock_set_back(&mut self, by: i64) {
        for item in self.items.values_mut() {
            item.clock_set_back(by);
        }
        for lane in self.lanes.values_mut() {
            if let Some(Waits::Until(due)) = &mut lane.waits {
                *due -= by;
            }
        }
        for due in self.due.values_mut() {
            *due = std::mem::take(due).into_iter().map(|(at, key)| (at - by, key)).collect();
        }
        for (until, _) in self.paused.values_mut() {
            *until -= by;
        }
        self.questions.clock_set_back(by);
        self.pace.clock_set_back(by);
        self.turns.clock_set_back(by);
    }
}
