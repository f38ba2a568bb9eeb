//! How a call stands that is not settled, for whoever asks.

use super::{LaneKey, Waits};
use crate::engine::queue::Queue;

/// How a call stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is being made, or looked for.
    Called,
    /// Its vendor is held, for this reason.
    Held(String),
    /// Another one of its lane comes first.
    Behind,
    /// Until its time, in milliseconds since 1970.
    Until(i64),
    /// Until the vendor's budget has room, at this time (milliseconds since 1970).
    Room(i64),
    /// Its turn comes at once.
    Next,
}

impl Queue {
    /// How a call stands at `now` (milliseconds since 1970); nothing, if it is settled.
    pub fn standing(&self, id: i64, now: i64) -> Option<Standing> {
        let calls = &self.calls;
        let item = calls.items.get(&id)?;
        let lane = calls.lanes.get(&LaneKey::of(id, item))?;
        let first = lane.waiting.first().map(|(_, first)| *first);
        let travels_with_it = || first.and_then(|first| calls.items.get(&first)?.bundle) == item.bundle;
        let leads = first == Some(id) || item.bundle.is_some() && travels_with_it();
        if lane.running && leads {
            return Some(Standing::Called);
        }
        if let Some((_, why)) = calls.paused.get(&item.vendor) {
            return Some(Standing::Held(why.clone()));
        }
        if !leads {
            return Some(Standing::Behind);
        }
        if item.not_before > now {
            return Some(Standing::Until(item.not_before));
        }
        let room = match &lane.waits {
            Some(Waits::For(turn)) => calls.turns.room_at(turn, &calls.pace, now),
            _ => now,
        };
        Some(if room > now { Standing::Room(room) } else { Standing::Next })
    }
}
