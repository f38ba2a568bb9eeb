//! The account's rate limits, as the developer pages give them, and the headers that tell of them.

use std::collections::HashMap;

use serde_json::json;

use super::answer::{Answer, Ask};
use super::exports;
use crate::limits::Keeping;

const MINUTE: i64 = 60_000;

/// The Suite Enterprise plan: 700 calls a minute.
const PLAN: Limit = Limit { most: 700, period: MINUTE, what: "API requests per minute" };
const MESSAGES: Limit = Limit { most: 300, period: 10 * MINUTE, what: "side conversation requests per 10 minutes" };
const FEED: Limit =
    Limit { most: 600, period: 10 * MINUTE, what: "incremental side conversation events requests per 10 minutes" };
const EXPORT: Limit = Limit { most: 10, period: MINUTE, what: "incremental export API requests per minute" };
const UPDATES: Limit = Limit { most: 100, period: MINUTE, what: "ticket update API requests per minute" };
const TICKET_UPDATES: Limit =
    Limit { most: 30, period: 10 * MINUTE, what: "updates to one ticket by one user per 10 minutes" };

struct Limit {
    most: u32,
    period: i64,
    what: &'static str,
}

/// What was used of each limit.
#[derive(Default)]
pub(super) struct Limits {
    pub(super) keeping: Keeping,
    windows: HashMap<(&'static str, i64, i64), Window>,
    refused: u32,
}

#[derive(Clone, Copy)]
struct Window {
    since: i64,
    used: u32,
}

impl Limits {
    /// With nothing used of them.
    pub(super) fn unused(keeping: Keeping) -> Self {
        Limits { keeping, ..Limits::default() }
    }

    /// The documented limits: what is counted, how many, and in how many seconds.
    pub(super) fn documented() -> [(&'static str, u32, i64); 5] {
        [PLAN, MESSAGES, FEED, UPDATES, TICKET_UPDATES].map(|limit| (limit.what, limit.most, limit.period / 1000))
    }

    /// Counts one call; the headers its answer carries, or the refusal.
    pub(super) fn take(&mut self, ask: &Ask) -> Result<Vec<(&'static str, String)>, Answer> {
        let mut asked = vec![(PLAN, (PLAN.what, 0, 0), None)];
        match ask.call {
            "POST …/reply" | "POST …/side_conversations" => asked.push((MESSAGES, (MESSAGES.what, 0, 0), None)),
            "GET side_conversations/events" => asked.push((FEED, (FEED.what, 0, 0), None)),
            exports::CALL => asked.push((EXPORT, (EXPORT.what, 0, 0), None)),
            "PUT tickets/{id}" => {
                asked.push((UPDATES, (UPDATES.what, 0, 0), Some("zendesk-ratelimit-tickets-update")));
                let key = (TICKET_UPDATES.what, ask.number(0), ask.user);
                asked.push((TICKET_UPDATES, key, Some("zendesk-ratelimit-per-ticket-updates")));
            }
            _ => {}
        }
        if self.windows.len() > 10_000 {
            self.windows.retain(|_, window| ask.now - window.since < 10 * MINUTE);
        }
        let keeping = self.keeping;
        if keeping != Keeping::Off {
            for (limit, key, _) in &asked {
                let window = self.window(*key, limit.period, ask.now);
                if window.used >= keeping.scaled(limit.most) {
                    let wait = seconds_left(window, limit.period, ask.now);
                    return Err(self.refuse(wait, limit.what));
                }
            }
        }
        let mut headers = Vec::new();
        for (limit, key, header) in asked {
            let mut window = self.window(key, limit.period, ask.now);
            // Who is refused nothing is not told that little is left.
            window.used = window.used.saturating_add(u32::from(keeping != Keeping::Off));
            self.windows.insert(key, window);
            let most = keeping.scaled(limit.most);
            let remaining = most.saturating_sub(window.used).to_string();
            let reset = seconds_left(window, limit.period, ask.now).to_string();
            match header {
                Some(name) => headers.push((name, format!("total={most}; remaining={remaining}; resets={reset}"))),
                None if key.0 == PLAN.what => headers.extend([
                    ("x-rate-limit", most.to_string()),
                    ("x-rate-limit-remaining", remaining.clone()),
                    ("ratelimit-limit", most.to_string()),
                    ("ratelimit-remaining", remaining),
                    ("ratelimit-reset", reset),
                ]),
                None => {}
            }
        }
        Ok(headers)
    }

    /// A 429 in one of the two shapes that were recorded, by turns.
    pub(super) fn refuse(&mut self, retry_after: u64, what: &str) -> Answer {
        self.refused = self.refused.wrapping_add(1);
        let description = format!("Number of allowed {what} exceeded");
        let answer = if self.refused % 2 == 1 {
            Answer::json(429, json!({"error": "APIRateLimitExceeded", "description": description}))
        } else {
            Answer::text(429, &description)
        };
        answer.with("retry-after", retry_after.to_string())
    }

    fn window(&self, key: (&'static str, i64, i64), period: i64, now: i64) -> Window {
        match self.windows.get(&key) {
            Some(window) if now - window.since < period => *window,
            _ => Window { since: now, used: 0 },
        }
    }
}

fn seconds_left(window: Window, period: i64, now: i64) -> u64 {
    ((window.since + period - now).max(0) as u64).div_ceil(1000).max(1)
}
