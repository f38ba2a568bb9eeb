//! The account, written down and read again.

use serde_json::value::RawValue;

use super::FakeZendesk;
use super::world::{Ticket, World};

impl FakeZendesk {
    /// The account but for its tickets, and, a line each, those tickets that changed since this was asked last; or all.
    pub(crate) fn keep(&self, all: bool) -> serde_json::Result<(Box<RawValue>, String)> {
        let mut account = self.world();
        // Past the account's own way to its contents, to which this is no change.
        let world = &mut *account.world;
        let changed = world.tickets.take_changed();
        let mut lines = String::new();
        for kept in world.tickets.iter().filter(|(id, _)| all || changed.contains(id)) {
            lines.push_str(&serde_json::to_string(&kept)?);
            lines.push('\n');
        }
        Ok((serde_json::value::to_raw_value(world)?, lines))
    }

    pub(crate) fn restore(&self, kept: &str, tickets: &str) -> serde_json::Result<()> {
        let mut kept: World = serde_json::from_str(kept)?;
        for line in tickets.lines() {
            let (id, ticket): (i64, Ticket) = serde_json::from_str(line)?;
            kept.tickets.insert(id, ticket);
        }
        let mut world = self.world();
        kept.options = world.options.clone();
        kept.faults = world.faults.clone();
        kept.hooks.faults = world.faults.clone();
        kept.limits.keeping = world.limits.keeping;
        *world = kept;
        Ok(())
    }

    pub(crate) fn take_touched(&self) -> bool {
        self.shared.changes.take()
    }
}
