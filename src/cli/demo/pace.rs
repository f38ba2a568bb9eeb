//! A clock that shows another time than the machine's, and may go faster: a replay lives at its recording's time.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;

use crate::engine::clock::{Clock, SystemClock};

/// A clock that showed `shows_ms` when the machine's showed `since_ms`, and goes `speed` times as fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PacedClock {
    shows_ms: i64,
    since_ms: i64,
    speed: f64,
}

impl PacedClock {
    /// One that shows this time now.
    pub fn showing(shows_ms: i64, speed: f64) -> PacedClock {
        PacedClock { shows_ms, since_ms: SystemClock.now_ms(), speed }
    }
}

#[async_trait]
impl Clock for PacedClock {
    fn now_ms(&self) -> i64 {
        let passed = SystemClock.now_ms().saturating_sub(self.since_ms);
        self.shows_ms.saturating_add((passed as f64 * self.speed) as i64)
    }

    async fn sleep_until(&self, at_ms: i64) {
        loop {
            let left = at_ms.saturating_sub(self.now_ms());
            if left <= 0 {
                return;
            }
            // Up to a millisecond more, or it would look again before that has passed.
            let left = Duration::from_secs_f64((left as f64 / 1000.0 / self.speed).min(3600.0));
            tokio::time::sleep(left.max(Duration::from_millis(1))).await;
        }
    }
}

/// `shows_ms,since_ms,speed`: how one process tells another.
impl FromStr for PacedClock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text:?} is no clock");
        let mut parts = text.split(',');
        let mut part = || parts.next().ok_or_else(wrong);
        let whole = |text: &str| text.parse::<i64>().map_err(|_| wrong());
        let (shows_ms, since_ms) = (whole(part()?)?, whole(part()?)?);
        let speed: f64 = part()?.parse().map_err(|_| wrong())?;
        match parts.next().is_none() && speed.is_finite() && speed > 0.0 {
            true => Ok(PacedClock { shows_ms, since_ms, speed }),
            false => Err(wrong()),
        }
    }
}

impl std::fmt::Display for PacedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{},{}", self.shows_ms, self.since_ms, self.speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_to_another_process() {
        let clock = PacedClock::showing(1_700_000_000_000, 12.5);
        assert_eq!(clock.to_string().parse(), Ok(clock));
        for wrong in ["", "1,2", "1,2,0", "1,2,-1", "1,2,x", "1,2,3,4"] {
            assert!(wrong.parse::<PacedClock>().is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn an_hour_passes_in_a_moment() {
        let clock = PacedClock::showing(0, 1_000_000.0);
        clock.sleep(Duration::from_secs(3600)).await;
        assert!(clock.now_ms() >= 3_600_000);
    }
}
