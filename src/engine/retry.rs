//! When a call is made again: the schedule as data.

use std::time::Duration;

/// The longest wait of the schedule that is kept for a vendor that answers "later" again and again.
const REPEATED_MOST: Duration = Duration::from_secs(10 * 60);

/// How long to wait after each failed attempt.
#[derive(Clone, Debug)]
pub struct Schedule(pub Vec<Duration>);

impl Default for Schedule {
    fn default() -> Self {
        let seconds = [5, 30, 2 * 60, 10 * 60, 30 * 60, 2 * 3600, 6 * 3600, 12 * 3600];
        Schedule(seconds.into_iter().map(Duration::from_secs).collect())
    }
}

impl Schedule {
    /// How long all its waits take together.
    pub fn whole(&self) -> Duration {
        self.0.iter().sum()
    }

    /// What a vendor asks for, but never less than the schedule has after so many repetitions; up to ten minutes, because a
    /// vendor that answers may take what waits at any time.
    pub fn at_least(&self, repetitions: i64, asked: Duration) -> Duration {
        if repetitions < 1 {
            return asked;
        }
        let last = self.0.last().copied().unwrap_or_default();
        asked.max(self.wait(repetitions, 0.5).unwrap_or(last).min(REPEATED_MOST))
    }

    /// The wait after `attempts` failed attempts, or `None` when there is none left. `jitter` is in 0..1 and spreads
    /// the wait between nine tenths and eleven tenths, so that many do not come back at once.
    pub fn wait(&self, attempts: i64, jitter: f64) -> Option<Duration> {
        let index = usize::try_from(attempts.max(1) - 1).unwrap_or(usize::MAX);
        self.0.get(index).map(|wait| wait.mul_f64(0.9 + 0.2 * jitter.clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_is_walked_once_and_jittered() {
        let schedule = Schedule::default();
        assert_eq!(schedule.wait(1, 0.5), Some(Duration::from_secs(5)));
        assert_eq!(schedule.wait(2, 0.0), Some(Duration::from_secs(27)));
        assert_eq!(schedule.wait(8, 1.0), Some(Duration::from_secs_f64(12.0 * 3600.0 * 1.1)));
        assert_eq!(schedule.wait(9, 0.5), None);
    }
}
