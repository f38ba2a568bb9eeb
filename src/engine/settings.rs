//! What the settings say of when and how often.

use std::time::Duration;

use super::pace::Limits;
use super::retry::Schedule;

/// The times and numbers that the settings give the engine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When calls are made again.
    pub schedule: Schedule,
    /// How long a Slack read may lack what was written.
    pub slack_read_lag: Duration,
    /// How long a Zendesk read may lack what was written.
    pub zendesk_read_lag: Duration,
    /// How often the feed is asked.
    pub poll_interval: Duration,
    /// How often Slack is asked for what was missed.
    pub reconcile_interval: Duration,
    /// How long payloads of settled rows are kept.
    pub keep: Duration,
    /// How often the vendors may be called.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            schedule: Schedule::default(),
            slack_read_lag: Duration::from_secs(60),
            zendesk_read_lag: Duration::from_secs(300),
            poll_interval: Duration::from_secs(20),
            reconcile_interval: Duration::from_secs(300),
            keep: Duration::from_secs(30 * 24 * 3600),
            limits: Limits::default(),
        }
    }
}
