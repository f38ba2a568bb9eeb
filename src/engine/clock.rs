//! Where time comes from: everything asynchronous takes it from a [`Clock`], so that a test can hold it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::sync::Notify;

/// Tells the time and waits for it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> i64;
    /// Returns once `now_ms()` has reached `at_ms`.
    async fn sleep_until(&self, at_ms: i64);

    /// Returns after this much time.
    async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now_ms() + duration.as_millis() as i64).await;
    }
}

/// The machine's own time.
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
    }

    async fn sleep_until(&self, at_ms: i64) {
        let wait = at_ms - self.now_ms();
        if wait > 0 {
            tokio::time::sleep(Duration::from_millis(wait as u64)).await;
        }
    }
}

/// A clock that moves only when it is told to.
#[derive(Clone)]
pub struct ManualClock {
    now: Arc<Mutex<i64>>,
    moved: Arc<Notify>,
}

impl ManualClock {
    /// A clock that shows `start_ms` (milliseconds since 1970).
    pub fn new(start_ms: i64) -> Self {
        ManualClock { now: Arc::new(Mutex::new(start_ms)), moved: Arc::new(Notify::new()) }
    }

    /// Moves on by this much and wakes those who wait.
    pub fn advance(&self, by: Duration) {
        *self.now.lock().expect("the clock's lock is never poisoned") += by.as_millis() as i64;
        self.moved.notify_waiters();
    }

    /// Shows less by this much from now on, as a machine's clock does that is put right.
    pub fn set_back(&self, by: Duration) {
        *self.now.lock().expect("the clock's lock is never poisoned") -= by.as_millis() as i64;
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        *self.now.lock().expect("the clock's lock is never poisoned")
    }

    async fn sleep_until(&self, at_ms: i64) {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if self.now_ms() >= at_ms {
                return;
            }
            moved.await;
        }
    }
}
