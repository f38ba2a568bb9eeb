//! Tells windows that something changed, so that they look again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// One side's count of changes; clones share it.
#[derive(Clone)]
pub struct Changes {
    count: watch::Sender<u64>,
    taken: Arc<AtomicU64>,
}

impl Default for Changes {
    fn default() -> Self {
        Changes { count: watch::Sender::new(1), taken: Arc::default() }
    }
}

impl Changes {
    /// Something changed.
    pub fn tell(&self) {
        self.count.send_modify(|count| *count += 1);
    }

    /// Hears of every change from here on; several that come at once may be one.
    pub fn hear(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// How many changes there were.
    pub fn count(&self) -> u64 {
        *self.count.borrow()
    }

    /// Whether something changed since this was asked the last time; before the first time something has.
    pub fn take(&self) -> bool {
        let count = *self.count.borrow();
        self.taken.swap(count, Ordering::Relaxed) != count
    }
}
