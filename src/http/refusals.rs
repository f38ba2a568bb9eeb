//! Says in the log what was refused, and does not let those who are refused fill it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// For how long refusals of one kind are summed up after the first.
const SUM_UP: Duration = Duration::from_secs(60);

/// What was refused within the last minute: by what is said of it and the reason, with how many there were after the first.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<BTreeMap<(&'static str, String), u64>>>);

impl Refusals {
    /// Says it at once if it is the first of its kind for a minute; the others are told of together when that is over.
    ///
    /// `what` is a sentence without its full stop; neither it nor `reason` may hold anything that the sender wrote.
    pub fn tell(&self, what: &'static str, reason: &impl ToString) {
        let kind = (what, reason.to_string());
        {
            let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(more) = kinds.get_mut(&kind) {
                *more += 1;
                return;
            }
            kinds.insert(kind.clone(), 0);
        }
        tracing::warn!(reason = kind.1, "{what}");
        let kinds = self.0.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SUM_UP).await;
            let more = kinds.lock().unwrap_or_else(PoisonError::into_inner).remove(&kind).unwrap_or_default();
            if more > 0 {
                tracing::warn!(reason = kind.1, more, "{what}; so were others within a minute");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_is_said_at_once_and_the_others_together() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _heard = tracing::subscriber::set_default(subscriber);
        let said = || String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
        let refusals = Refusals::default();
        for _ in 0..10_000 {
            refusals.tell("a request was refused", &"it is wrong");
        }
        refusals.tell("a request was refused", &"it is late");
        let at_once = said();
        assert_eq!(at_once.lines().count(), 2, "{at_once}");
        tokio::time::sleep(SUM_UP + Duration::from_secs(1)).await;
        let later = said();
        assert!(later.lines().count() == 1 && later.contains("more=9999"), "{later}");
        refusals.tell("a request was refused", &"it is wrong");
        assert_eq!(said().lines().count(), 1, "after a quiet minute it is said at once again");
    }
}
