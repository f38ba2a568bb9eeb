//! How the fakes keep the vendors' documented rate limits.

use serde::{Deserialize, Serialize};

/// Whether the documented limits refuse calls, and at which size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keeping {
    /// As the vendors document them.
    #[default]
    Documented,
    /// Nobody is refused.
    Off,
    /// This many hundredths of what is documented, so that a few calls show what a flood would.
    Percent(u32),
}

impl Keeping {
    /// A documented number of calls at this size; never none.
    pub fn scaled(self, documented: u32) -> u32 {
        match self {
            Keeping::Documented | Keeping::Off => documented,
            Keeping::Percent(percent) => {
                let scaled = u64::from(documented) * u64::from(percent) / 100;
                u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
            }
        }
    }

    /// A documented pause at this size.
    pub fn stretched(self, documented_ms: i64) -> i64 {
        match self {
            Keeping::Documented | Keeping::Off => documented_ms,
            Keeping::Percent(percent) => documented_ms.saturating_mul(100) / i64::from(percent.max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Keeping;

    #[test]
    fn fewer_calls_and_longer_pauses() {
        assert_eq!((Keeping::Documented.scaled(300), Keeping::Documented.stretched(1000)), (300, 1000));
        assert_eq!((Keeping::Percent(10).scaled(300), Keeping::Percent(10).stretched(1000)), (30, 10_000));
        assert_eq!(Keeping::Percent(1).scaled(20), 1);
    }
}
