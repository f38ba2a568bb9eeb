//! Tells windows that something changed, so that they look again.

use tokio::sync::watch;

/// One side's count of changes; clones share it.
#[derive(Clone)]
pub struct Changes(watch::Sender<u64>);

impl Default for Changes {
    fn default() -> Self {
        Changes(watch::Sender::new(0))
    }
}

impl Changes {
    /// Something changed.
    pub fn tell(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Hears of every change from here on; several that come at once may be one.
    pub fn hear(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
