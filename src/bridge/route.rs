//! Which Slack channel a side conversation belongs to, judged by its recipients.

use serde::{Deserialize, Serialize};

/// A channel as a person wrote it in the settings or in an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChannelRef {
    /// `C…` or `G…`.
    Id(super::ids::ChannelId),
    /// A channel's name, lower case, without `#`.
    Name(String),
}

/// One recipient that a route takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecipientPattern {
    /// This very address, lower case. It only names a channel: it is nobody who reads.
    Exact(String),
    /// Every address of this domain, lower case, written `*@domain`.
    Domain(String),
    /// Every address, written `*`.
    Any,
}

/// What happens to a reply when somebody outside the firm would read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutsidePolicy {
    /// The reply stays in Slack, and the thread is told.
    #[default]
    Never,
    /// The reply goes to them as well.
    Send,
}

/// One `[[routes]]` entry of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// A short name for logs.
    pub name: String,
    /// Any of these makes the route match.
    pub recipients: Vec<RecipientPattern>,
    /// Where the thread is made.
    pub channel: ChannelRef,
    /// Whether replies may reach people outside the firm.
    pub outside: OutsidePolicy,
    /// Whether the channel may be shared with another firm (Slack Connect).
    pub shared: bool,
}
