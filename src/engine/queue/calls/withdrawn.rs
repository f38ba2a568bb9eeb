//! Notes that wait for their turn and are not needed any more.

use super::LaneKey;
use crate::bridge::Act;
use crate::bridge::ids::ThreadId;
use crate::engine::queue::Queue;

impl Queue {
    /// Lets a thread's notes that rest be looked at: those that are needed rest again.
    pub fn wake_notes(&mut self, thread_id: &ThreadId, now: i64) {
        let calls = &mut self.calls;
        let mut lanes = Vec::new();
        for (id, item) in &mut calls.items {
            let is_note = item.effect.as_ref().is_some_and(|effect| matches!(effect.act, Act::Note { .. }));
            if is_note && item.thread_id == *thread_id && item.not_before > now {
                item.not_before = now;
                lanes.push(LaneKey::of(*id, item));
            }
        }
        for lane in lanes {
            calls.schedule(&lane);
        }
    }
}
