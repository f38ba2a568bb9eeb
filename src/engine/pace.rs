//! The vendors' budgets: who may call what, when.
//!
//! A budget is a number of calls within a stretch of time, as the vendor documents it, kept as the times of the calls
//! themselves: a bucket that refills would let twice the number through in one stretch. A call counts in its own budget
//! and in every [wider](Budget::wider) one. A vendor that says "later" holds the budget it spoke of, and no other.
//!
//! A quiet bridge never waits: while less than half of a large budget is used, whoever asks may call. The other half is
//! rationed: a thread that has made many of the calls waits until its share has come, and what it has to say meanwhile
//! travels together; every other still calls at once. So a flood never uses up ten minutes of everybody's calls in the
//! first of them.

mod holds;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

pub use holds::Holds;

use crate::bridge::ids::{ChannelId, TicketId};
use crate::bridge::{Act, BridgedThread, Place, Vendor};

/// How much of a Slack method's budget reads may use for which nobody waits: one call of this many.
const CATCH_UP_SHARE: u32 = 2;
/// Smaller budgets are not rationed: their stretches are short.
const RATIONED_FROM: usize = 10;
/// Who has made one call of so many within the stretch is rationed; but never for a few calls.
const HEAVY_SHARE: usize = 20;
const HEAVY_LEAST: usize = 3;
const HEAVY_MOST: usize = 50;
/// Calls that would wait longer than this, one by one, travel together, in milliseconds.
const PATIENCE_MS: i64 = 4000;
/// A vendor that refused a call "for now" counts more than we do: so long after that its budget is still short, in
/// milliseconds.
const AFTER_HOLD_MS: i64 = 10_000;

/// Zendesk's limit of the ticket export, with two calls to spare for other apps.
const EXPORT: Limit = Limit::new(8, 60);

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Budget {
    /// Posts in one Slack channel: about one a second.
    SlackPosts(ChannelId),
    /// Posts in the whole workspace: several hundred a minute.
    SlackPostsTogether,
    /// Another method of Slack, by its tier.
    SlackMethod(&'static str),
    /// What reads may use of a method for which nobody waits.
    SlackCatchUp(&'static str),
    /// Creates and replies of the whole Zendesk account: 300 in ten minutes.
    ZendeskWrites,
    /// Updates of one ticket: 30 in ten minutes.
    ZendeskTicket(TicketId),
    /// Ticket updates of the account: 100 a minute.
    ZendeskTicketUpdates,
    /// The account-wide feed: 600 in ten minutes.
    ZendeskFeed,
    /// The ticket export: 10 a minute.
    ZendeskExport,
    /// Every call to Zendesk, as the plan allows; Zendesk says in each answer what is left.
    ZendeskPlan,
}

impl Budget {
    /// The budget in which its calls count as well.
    pub fn wider(&self) -> Option<Budget> {
        match self {
            Budget::SlackPosts(_) => Some(Budget::SlackPostsTogether),
            Budget::SlackCatchUp(method) => Some(Budget::SlackMethod(method)),
            Budget::ZendeskTicket(_) => Some(Budget::ZendeskTicketUpdates),
            Budget::ZendeskWrites | Budget::ZendeskTicketUpdates | Budget::ZendeskFeed | Budget::ZendeskExport => {
                Some(Budget::ZendeskPlan)
            }
            Budget::SlackPostsTogether | Budget::SlackMethod(_) | Budget::ZendeskPlan => None,
        }
    }

    /// Whose budget it is.
    pub fn vendor(&self) -> Vendor {
        match self {
            Budget::SlackPosts(_) | Budget::SlackPostsTogether | Budget::SlackMethod(_) | Budget::SlackCatchUp(_) => {
                Vendor::Slack
            }
            Budget::ZendeskWrites
            | Budget::ZendeskTicket(_)
            | Budget::ZendeskTicketUpdates
            | Budget::ZendeskFeed
            | Budget::ZendeskExport
            | Budget::ZendeskPlan => Vendor::Zendesk,
        }
    }

    /// Under what an act of a thread is counted. Without the thread, or without a channel, under what is known of it.
    pub fn of(act: &Act, thread: Option<&BridgedThread>) -> Budget {
        let channel = thread.and_then(|thread| match &thread.place {
            Place::Linked { channel, .. } | Place::Posting { channel } => Some(channel.clone()),
            _ => None,
        });
        match act {
            Act::PostCard | Act::Post { .. } | Act::Tell { .. } => {
                channel.map_or(Budget::SlackPostsTogether, Budget::SlackPosts)
            }
            Act::TellOperator { .. } | Act::Notify { .. } | Act::TellStarter { .. } => Budget::SlackPostsTogether,
            Act::UpdateCard | Act::ChangeTell { .. } => Budget::SlackMethod("chat.update"),
            Act::TakeBack { .. } => Budget::SlackMethod("chat.delete"),
            Act::Whisper { .. } => Budget::SlackMethod("chat.postEphemeral"),
            Act::AskWho { .. } => Budget::SlackMethod("users.info"),
            Act::OpenChannel { .. } => Budget::SlackMethod("conversations.info"),
            Act::Reply(_) | Act::ContinueOn { .. } | Act::CreateSideConversation(_) => Budget::ZendeskWrites,
            Act::Note { .. } | Act::SetTicket { .. } => {
                thread.map_or(Budget::ZendeskTicketUpdates, |thread| Budget::ZendeskTicket(thread.ticket_id))
            }
            Act::FollowUp { .. } => Budget::ZendeskTicketUpdates,
            Act::ReadTicket { .. }
            | Act::LookForStart { .. }
            | Act::SeekFollowUp { .. }
            | Act::SetState { .. }
            | Act::ReadSaid
            | Act::FindAssignee => Budget::ZendeskPlan,
        }
    }

    /// Under what it is counted when an act is looked for.
    pub fn of_a_look(act: &Act) -> Budget {
        match act {
            Act::PostCard | Act::TellOperator { .. } | Act::Notify { .. } | Act::TellStarter { .. } => {
                Budget::SlackMethod("conversations.history")
            }
            _ if act.vendor() == Vendor::Slack => Budget::SlackMethod("conversations.replies"),
            _ => Budget::ZendeskPlan,
        }
    }
}

/// How many calls in how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many; 0 for as many as the vendor takes.
    pub calls: u32,
    /// In how long.
    pub within: Duration,
}

impl Limit {
    /// So many calls in so many seconds.
    pub const fn new(calls: u32, secs: u64) -> Limit {
        Limit { calls, within: Duration::from_secs(secs) }
    }

    fn within_ms(self) -> i64 {
        self.within.as_millis() as i64
    }

    /// What one call takes of the stretch, in milliseconds.
    fn slot_ms(self) -> i64 {
        self.within_ms() / i64::from(self.calls.max(1))
    }

    /// How many calls may follow each other at once, before the rest is rationed.
    fn at_once(self) -> usize {
        let calls = self.calls as usize;
        if calls < RATIONED_FROM { calls } else { calls / 2 }
    }
}

/// Every budget's limit, as the vendors document them or the settings say.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Posts in one Slack channel.
    pub slack_posts: Limit,
    /// Posts in the workspace.
    pub slack_posts_together: Limit,
    /// Slack's methods of tier 2, each.
    pub slack_tier_2: Limit,
    /// Slack's methods of tier 3, each.
    pub slack_tier_3: Limit,
    /// Slack's methods of tier 4, each.
    pub slack_tier_4: Limit,
    /// Creates and replies of the whole Zendesk account.
    pub zendesk_writes: Limit,
    /// Ticket updates of the account.
    pub zendesk_ticket_updates: Limit,
    /// Updates of one ticket.
    pub zendesk_ticket: Limit,
    /// Reads of the feed.
    pub zendesk_feed: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            slack_posts: Limit::new(1, 1),
            slack_posts_together: Limit::new(300, 60),
            slack_tier_2: Limit::new(20, 60),
            slack_tier_3: Limit::new(50, 60),
            slack_tier_4: Limit::new(100, 60),
            zendesk_writes: Limit::new(300, 600),
            zendesk_ticket_updates: Limit::new(100, 60),
            zendesk_ticket: Limit::new(30, 600),
            zendesk_feed: Limit::new(600, 600),
        }
    }
}

impl Limits {
    /// <https://docs.slack.dev/apis/web-api/rate-limits>, <https://developer.zendesk.com/api-reference/introduction/rate-limits/>
    fn of(&self, budget: &Budget) -> Option<Limit> {
        let limit = match budget {
            Budget::SlackPosts(_) => self.slack_posts,
            Budget::SlackPostsTogether => self.slack_posts_together,
            Budget::SlackMethod(method) => self.tier_of(method),
            Budget::SlackCatchUp(method) => {
                let Limit { calls, within } = self.tier_of(method);
                Limit { calls: calls.div_ceil(CATCH_UP_SHARE), within }
            }
            Budget::ZendeskWrites => self.zendesk_writes,
            Budget::ZendeskTicket(_) => self.zendesk_ticket,
            Budget::ZendeskTicketUpdates => self.zendesk_ticket_updates,
            Budget::ZendeskFeed => self.zendesk_feed,
            Budget::ZendeskExport => EXPORT,
            Budget::ZendeskPlan => return None,
        };
        (limit.calls > 0 && !limit.within.is_zero()).then_some(limit)
    }

    fn tier_of(&self, method: &str) -> Limit {
        match method {
            "conversations.list" => self.slack_tier_2,
            "users.info" | "chat.postEphemeral" => self.slack_tier_4,
            _ => self.slack_tier_3,
        }
    }
}

/// What the vendor said in its last answer of all calls together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many calls the plan allows in a stretch.
    pub total: u32,
    /// How many are left of it.
    pub left: u32,
    /// When the next stretch begins, in milliseconds since 1970.
    pub resets_at_ms: i64,
}

#[derive(Debug, Default)]
struct Window {
    calls: VecDeque<i64>,
    held_until: i64,
}

impl Window {
    fn used(&self, limit: Limit, now: i64) -> usize {
        let since = now - limit.within_ms();
        self.calls.len() - self.calls.partition_point(|at| *at <= since)
    }
}

/// What was called when.
#[derive(Debug, Default)]
pub struct Pace {
    limits: Limits,
    windows: HashMap<Budget, Window>,
    plan: Option<Plan>,
}

impl Pace {
    /// Nothing was called yet.
    pub fn new(limits: Limits) -> Self {
        Pace { limits, windows: HashMap::new(), plan: None }
    }

    /// When a call may be made, in milliseconds since 1970; not later than `now` means now.
    pub fn when(&self, budget: &Budget, now: i64) -> i64 {
        chain(budget).map(|budget| self.free_at(&budget, now)).max().unwrap_or(now)
    }

    /// The same for a thread that has [made many of the calls](Pace::heavy_from).
    pub fn when_rationed(&self, budget: &Budget, now: i64) -> i64 {
        chain(budget).map(|budget| self.free_at(&budget, now).max(self.share_at(&budget, now))).max().unwrap_or(now)
    }

    /// The same for a read that can wait: a tenth of Zendesk's plan is left to people's words.
    pub fn when_read(&self, budget: &Budget, now: i64) -> i64 {
        let spare = match self.plan {
            Some(plan) if plan.left.saturating_mul(10) < plan.total => plan.resets_at_ms,
            _ => now,
        };
        self.when(budget, now).max(spare)
    }

    /// From how many calls of a thread on, within how many milliseconds, it is rationed.
    pub fn heavy_from(&self, budget: &Budget) -> Option<(usize, i64)> {
        let limit = self.limits.of(budget).filter(|limit| limit.calls as usize >= RATIONED_FROM)?;
        Some(((limit.calls as usize / HEAVY_SHARE).clamp(HEAVY_LEAST, HEAVY_MOST), limit.within_ms()))
    }

    /// Whether so many calls, made one by one, would keep the last of them waiting for long.
    pub fn is_short(&self, budget: &Budget, calls: usize, now: i64) -> bool {
        calls > 1
            && chain(budget).any(|budget| {
                let held = self.windows.get(&budget).map_or(0, |window| window.held_until + AFTER_HOLD_MS - now).max(0);
                let waits = self.limits.of(&budget).map_or(0, |limit| {
                    let used = self.windows.get(&budget).map_or(0, |window| window.used(limit, now));
                    let over = calls.saturating_sub(limit.at_once().saturating_sub(used));
                    over as i64 * limit.slot_ms()
                });
                held.max(waits) > PATIENCE_MS
            })
    }

    /// Notes a call if it may be made now. The error is when it may be, in milliseconds since 1970.
    pub fn try_call(&mut self, budget: &Budget, now: i64) -> Result<(), i64> {
        let free = self.when(budget, now);
        if free > now {
            return Err(free);
        }
        self.call(budget, now);
        Ok(())
    }

    /// Notes a call.
    pub fn call(&mut self, budget: &Budget, now: i64) {
        for budget in chain(budget) {
            let Some(limit) = self.limits.of(&budget) else { continue };
            let window = self.windows.entry(budget).or_default();
            window.calls.push_back(now);
            while window.calls.len() > limit.calls as usize {
                window.calls.pop_front();
            }
        }
    }

    /// A call that was noted was not made after all.
    pub fn not_called(&mut self, budget: &Budget) {
        for budget in chain(budget) {
            if let Some(window) = self.windows.get_mut(&budget) {
                window.calls.pop_back();
            }
        }
    }

    /// The vendor refused a call "for now". It does not say which of the budgets is used up: the one that is fullest.
    pub fn hold(&mut self, budget: &Budget, now: i64, until: i64) {
        let mut fullest = budget.clone();
        for wider in chain(budget).skip(1) {
            if self.fill(&wider, now) > self.fill(&fullest, now) {
                fullest = wider;
            }
        }
        let window = self.windows.entry(fullest).or_default();
        window.held_until = window.held_until.max(until);
    }

    /// The clock shows this many milliseconds less than it did.
    pub fn clock_set_back(&mut self, by: i64) {
        for window in self.windows.values_mut() {
            window.calls.iter_mut().for_each(|at| *at -= by);
            window.held_until -= by;
        }
        // It is said anew in the next answer.
        self.plan = None;
    }

    /// What the vendor said of all calls together.
    pub fn learn(&mut self, plan: Plan) {
        self.plan = Some(plan);
    }

    /// Forgets what no longer matters.
    pub fn forget(&mut self, now: i64) {
        let limits = &self.limits;
        self.windows.retain(|budget, window| {
            let used = limits.of(budget).is_some_and(|limit| window.used(limit, now) > 0);
            used || window.held_until + AFTER_HOLD_MS > now
        });
    }

    fn free_at(&self, budget: &Budget, now: i64) -> i64 {
        let used_up = |plan: &&Plan| *budget == Budget::ZendeskPlan && plan.left == 0;
        let plan = self.plan.as_ref().filter(used_up).map_or(now, |plan| plan.resets_at_ms);
        let Some(window) = self.windows.get(budget) else { return plan };
        let free = match self.limits.of(budget) {
            Some(limit) if window.calls.len() >= limit.calls as usize => {
                window.calls.front().map_or(now, |oldest| oldest + limit.within_ms())
            }
            _ => now,
        };
        free.max(window.held_until).max(plan)
    }

    /// When the next share of a budget's second half has come: what is left of it is spread over what is left of the
    /// stretch.
    fn share_at(&self, budget: &Budget, now: i64) -> i64 {
        let (Some(limit), Some(window)) = (self.limits.of(budget), self.windows.get(budget)) else { return now };
        let (calls, used) = (limit.calls as usize, window.used(limit, now));
        if calls < RATIONED_FROM || used < limit.at_once() || used >= calls {
            return now;
        }
        let oldest = window.calls[window.calls.len() - used];
        let newest = window.calls[window.calls.len() - 1];
        newest + (oldest + limit.within_ms() - newest) / (calls - used + 1) as i64
    }

    fn fill(&self, budget: &Budget, now: i64) -> f64 {
        match (self.limits.of(budget), self.plan) {
            (Some(limit), _) => {
                let used = self.windows.get(budget).map_or(0, |window| window.used(limit, now));
                used as f64 / f64::from(limit.calls)
            }
            (None, Some(plan)) if *budget == Budget::ZendeskPlan && plan.resets_at_ms > now => {
                1.0 - f64::from(plan.left) / f64::from(plan.total.max(1))
            }
            _ => 0.0,
        }
    }
}

/// A budget and those in which its calls count as well.
fn chain(budget: &Budget) -> impl Iterator<Item = Budget> + use<> {
    std::iter::successors(Some(budget.clone()), Budget::wider)
}

#[cfg(test)]
mod tests;
