//! The account, written down and read again.

use serde_json::value::RawValue;

use super::FakeZendesk;
use super::world::World;

impl FakeZendesk {
    pub(in crate::sandbox) fn keep(&self) -> serde_json::Result<Box<RawValue>> {
        serde_json::value::to_raw_value(&*self.world())
    }

    pub(in crate::sandbox) fn restore(&self, kept: &str) -> serde_json::Result<()> {
        let mut kept: World = serde_json::from_str(kept)?;
        let mut world = self.world();
        kept.options = world.options.clone();
        kept.faults = world.faults.clone();
        kept.hooks.faults = world.faults.clone();
        kept.limits.keeping = world.limits.keeping;
        *world = kept;
        Ok(())
    }

    pub(in crate::sandbox) fn take_touched(&self) -> bool {
        self.shared.changes.take()
    }
}
