//! What an operator asks first.

use super::{Engine, Lasting};
use crate::bridge::{Vendor, notice};

/// What an operator asks first.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Report {
    /// Events stored and not yet handled.
    pub events: usize,
    /// Calls decided and not yet settled.
    pub to_slack: usize,
    /// Calls decided and not yet settled.
    pub to_zendesk: usize,
    /// The age of the oldest message on its way to Slack, in seconds.
    pub oldest_to_slack_secs: Option<i64>,
    /// The age of the oldest message on its way to Zendesk, in seconds.
    pub oldest_to_zendesk_secs: Option<i64>,
    /// Which vendors are held or take no message, and why.
    pub paused: Vec<(Vendor, String)>,
    /// Since when each of them is, in milliseconds since 1970, once that is noted.
    pub paused_since_ms: Vec<Option<i64>>,
    /// What is concluded for now and lasts.
    pub lasting: Vec<Lasting>,
    /// Whether the account-wide feed is read.
    pub feed: &'static str,
    /// For how long at most a bridged thread has not been compared with Slack, in seconds.
    pub slack_checked_secs_ago: i64,
    /// Deliveries that wait until what was missed before them is read.
    pub waiting_for_catch_up: usize,
    /// How long ago the account-wide feed was last read to its end, in seconds.
    pub feed_read_secs_ago: Option<i64>,
}

impl Engine {
    /// What an operator asks first: how much waits, how old it is, what is held.
    pub fn report(&self) -> Report {
        let now = self.clock.now_ms();
        let state = self.lock();
        let (events, to_slack, to_zendesk) = state.queue.waiting();
        self.metrics.waiting(events, to_slack, to_zendesk);
        let unchecked = (now - state.catch_up.checked_at()).max(0) / 1000;
        self.metrics.unchecked(unchecked);
        let age = |vendor| state.queue.oldest(vendor).map(|at| (now - at).max(0) / 1000);
        let mut paused = state.queue.paused();
        let takes_nothing = state.health.takes_nothing();
        paused.extend(takes_nothing.map(|(vendor, problem)| (vendor, notice::takes_nothing(vendor, problem))));
        let paused_since_ms = paused.iter().map(|(vendor, _)| state.conclusions.vendor_since(*vendor)).collect();
        Report {
            lasting: state.conclusions.lasting().collect(),
            paused_since_ms,
            events: events + state.catch_up.waiting(),
            to_slack,
            to_zendesk,
            oldest_to_slack_secs: age(Vendor::Slack),
            oldest_to_zendesk_secs: age(Vendor::Zendesk),
            paused,
            feed: state.feed.words(),
            slack_checked_secs_ago: unchecked,
            waiting_for_catch_up: state.catch_up.waiting(),
            feed_read_secs_ago: state.feed.read_at().map(|at| (now - at).max(0) / 1000),
        }
    }
}
