//! The vendors' budgets: what may be called when.
//!
//! A budget is a number of calls within a stretch of time, as the vendor documents it, kept as the times of the calls
//! themselves: a bucket that refills would let twice the number through in one stretch. A vendor that says "later"
//! holds the budget it spoke of, and no other.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::bridge::ids::{ChannelId, TicketId};
use crate::bridge::{Act, BridgedThread, Place, Vendor};

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Budget {
    /// Posts in one Slack channel: about one a second.
    SlackPosts(ChannelId),
    /// Changes of posts, tier 3: 50 a minute.
    SlackUpdates,
    /// Creates and replies of the whole Zendesk account: 300 in ten minutes.
    ZendeskWrites,
    /// Ticket updates of the account: 100 a minute.
    ZendeskTicketUpdates,
    /// Updates of one ticket: 30 in ten minutes.
    ZendeskTicket(TicketId),
    /// Everything else that goes to one vendor; only a vendor's own "later" limits it.
    Others(Vendor),
}

/// How many calls in how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub calls: usize,
    /// In how long.
    pub within: Duration,
}

/// Every budget's limit, as the vendors document them or the settings say.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Creates and replies of the whole Zendesk account.
    pub zendesk_writes: Limit,
    /// Ticket updates of the account.
    pub zendesk_ticket_updates: Limit,
    /// Updates of one ticket.
    pub zendesk_ticket: Limit,
    /// Posts in one Slack channel.
    pub slack_posts: Limit,
    /// Changes of posts.
    pub slack_updates: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        let limit = |calls, seconds| Limit { calls, within: Duration::from_secs(seconds) };
        Limits {
            zendesk_writes: limit(300, 600),
            zendesk_ticket_updates: limit(100, 60),
            zendesk_ticket: limit(30, 600),
            slack_posts: limit(1, 1),
            slack_updates: limit(50, 60),
        }
    }
}

#[derive(Debug, Default)]
struct Window {
    calls: VecDeque<i64>,
    held_until: i64,
}

/// What was called when.
#[derive(Debug, Default)]
pub struct Pace {
    limits: Limits,
    windows: HashMap<Budget, Window>,
}

impl Pace {
    /// Nothing was called yet.
    pub fn new(limits: Limits) -> Self {
        Pace { limits, windows: HashMap::new() }
    }

    /// When a call that needs all of `budgets` may be made, in milliseconds since 1970; not later than `now` means now.
    pub fn when(&self, budgets: &[Budget], now: i64) -> i64 {
        budgets.iter().map(|budget| self.when_one(budget, now)).max().unwrap_or(now)
    }

    /// Notes a call.
    pub fn call(&mut self, budgets: &[Budget], now: i64) {
        for budget in budgets {
            let Some(limit) = self.limit(budget) else { continue };
            let window = self.windows.entry(budget.clone()).or_default();
            window.calls.push_back(now);
            while window.calls.len() > limit.calls {
                window.calls.pop_front();
            }
        }
    }

    /// The vendor said "not before".
    pub fn hold(&mut self, budget: &Budget, until: i64) {
        let window = self.windows.entry(budget.clone()).or_default();
        window.held_until = window.held_until.max(until);
    }

    /// Forgets what no longer matters.
    pub fn forget(&mut self, now: i64) {
        let limits = &self.limits;
        self.windows.retain(|budget, window| {
            let within = limit_of(limits, budget).map_or(0, |limit| limit.within.as_millis() as i64);
            window.held_until > now || window.calls.back().is_some_and(|last| last + within > now)
        });
    }

    fn when_one(&self, budget: &Budget, now: i64) -> i64 {
        let Some(window) = self.windows.get(budget) else { return now };
        let free = match self.limit(budget) {
            Some(limit) if window.calls.len() >= limit.calls => {
                let oldest = window.calls.len().saturating_sub(limit.calls.max(1));
                window.calls.get(oldest).map_or(now, |at| at + limit.within.as_millis() as i64)
            }
            _ => now,
        };
        free.max(window.held_until)
    }

    fn limit(&self, budget: &Budget) -> Option<Limit> {
        limit_of(&self.limits, budget)
    }
}

fn limit_of(limits: &Limits, budget: &Budget) -> Option<Limit> {
    match budget {
        Budget::SlackPosts(_) => Some(limits.slack_posts),
        Budget::SlackUpdates => Some(limits.slack_updates),
        Budget::ZendeskWrites => Some(limits.zendesk_writes),
        Budget::ZendeskTicketUpdates => Some(limits.zendesk_ticket_updates),
        Budget::ZendeskTicket(_) => Some(limits.zendesk_ticket),
        Budget::Others(_) => None,
    }
}

/// What an act of a thread is counted under; the first is the one that a "later" holds.
pub fn budgets(act: &Act, thread: &BridgedThread) -> Vec<Budget> {
    let channel = match &thread.place {
        Place::Linked { channel, .. } | Place::Posting { channel } => Some(channel.clone()),
        _ => None,
    };
    match (act, channel) {
        (Act::PostCard | Act::Post { .. } | Act::Tell { .. }, Some(channel)) => vec![Budget::SlackPosts(channel)],
        (Act::UpdateCard, _) => vec![Budget::SlackUpdates],
        (Act::Reply(_), _) => vec![Budget::ZendeskWrites],
        (Act::Note { .. }, _) => vec![Budget::ZendeskTicketUpdates, Budget::ZendeskTicket(thread.ticket_id)],
        (act, _) => vec![Budget::Others(act.vendor())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(calls: usize, seconds: u64) -> Pace {
        let zendesk_writes = Limit { calls, within: Duration::from_secs(seconds) };
        Pace::new(Limits { zendesk_writes, ..Limits::default() })
    }

    #[test]
    fn a_quiet_budget_is_free_at_once_and_a_full_one_when_its_oldest_call_is_old_enough() {
        let mut pace = pace(3, 10);
        let writes = [Budget::ZendeskWrites];
        for now in [0, 1000, 2000] {
            assert_eq!(pace.when(&writes, now), now);
            pace.call(&writes, now);
        }
        assert_eq!(pace.when(&writes, 2500), 10_000);
        pace.call(&writes, 10_000);
        assert_eq!(pace.when(&writes, 10_000), 11_000);
    }

    #[test]
    fn never_more_than_the_limit_in_any_stretch() {
        let mut pace = pace(5, 10);
        let writes = [Budget::ZendeskWrites];
        let mut times: Vec<i64> = Vec::new();
        let mut now = 0;
        for _ in 0..40 {
            now = pace.when(&writes, now).max(now);
            pace.call(&writes, now);
            times.push(now);
        }
        for start in &times {
            assert!(times.iter().filter(|at| (*start..*start + 10_000).contains(at)).count() <= 5);
        }
        assert_eq!(now, 70_000, "and no slower than that");
    }

    #[test]
    fn a_later_holds_its_budget_and_no_other() {
        let mut pace = Pace::default();
        let (one, other) = (Budget::SlackPosts(ChannelId::new("C1")), Budget::SlackPosts(ChannelId::new("C2")));
        pace.hold(&one, 30_000);
        assert_eq!(pace.when(&[one.clone()], 0), 30_000);
        assert_eq!(pace.when(&[other], 0), 0);
        pace.forget(29_000);
        assert_eq!(pace.when(&[one.clone()], 29_000), 30_000);
        pace.forget(31_000);
        assert_eq!(pace.when(&[one], 31_000), 31_000);
    }
}
