//! The documented rate limits: <https://docs.slack.dev/apis/web-api/rate-limits>.

use std::collections::{BTreeMap, VecDeque};

use crate::limits::Keeping;

const MINUTE: i64 = 60_000;
/// Slack tolerates bursts above one post a second without saying how long ones; four posts ahead are assumed.
const POSTS_AHEAD_MS: i64 = 4_000;

/// How often a method may be called in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// 20 calls.
    Two,
    /// 50 calls.
    Three,
    /// 100 calls.
    Four,
    /// Some hundreds.
    Special,
    /// Some hundreds, and about one a second in each channel.
    Posts,
}

impl Tier {
    /// How many calls of one method.
    pub fn calls_a_minute(self) -> u32 {
        match self {
            Tier::Two => 20,
            Tier::Three => 50,
            Tier::Four => 100,
            Tier::Special | Tier::Posts => 300,
        }
    }
}

/// The calls of the last minute.
#[derive(Default)]
pub struct Budgets {
    calls: BTreeMap<(String, &'static str), VecDeque<i64>>,
    posts: BTreeMap<(String, String), i64>,
}

impl Budgets {
    /// Takes one call from the budget, or says after how many seconds to come again.
    pub fn take(
        &mut self,
        token: &str,
        method: &'static str,
        tier: Tier,
        channel: &str,
        now: i64,
        keeping: Keeping,
    ) -> Result<(), u64> {
        let most = keeping.scaled(tier.calls_a_minute()) as usize;
        let window = self.calls.entry((token.to_owned(), method)).or_default();
        while window.front().is_some_and(|at| *at <= now - MINUTE) {
            window.pop_front();
        }
        if window.len() >= most {
            let free = window.front().map_or(now, |at| at + MINUTE);
            return Err(seconds(free - now));
        }
        if tier == Tier::Posts {
            let next = self.posts.entry((token.to_owned(), channel.to_owned())).or_insert(now);
            *next = (*next).max(now);
            if *next - now > POSTS_AHEAD_MS {
                return Err(seconds(*next - now - POSTS_AHEAD_MS));
            }
            *next += keeping.stretched(1_000);
        }
        window.push_back(now);
        Ok(())
    }
}

fn seconds(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).div_ceil(1000).max(1)
}
