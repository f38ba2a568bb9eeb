//! What a bridged thread keeps of itself.

use serde::{Deserialize, Serialize};

use super::super::effect::EffectId;
use super::super::event::{ChannelProblem, State, Ticket};
use super::super::ids::{ChannelId, SlackUserId, Ts};

/// A channel that takes no posts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unreachable {
    /// Why.
    pub problem: ChannelProblem,
    /// How often it was tried since.
    #[serde(default)]
    pub tries: u32,
    /// Whether the ticket was told.
    #[serde(default)]
    pub told: bool,
    /// Whether a post is let through to see if it is taken: where posting is restricted nothing else shows that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probing: bool,
}

impl Unreachable {
    /// Whether only a post can show that posts are taken again: the channel itself looks fine.
    pub fn is_shown_by_posts(&self) -> bool {
        self.problem == ChannelProblem::Restricted
    }
}

/// Words that are not in the ticket yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotInTicket {
    /// The place in the lane of the last of them.
    pub last: i64,
    /// The notice in the thread, as an effect.
    pub tell: EffectId,
    /// The notice in the thread, once it stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Ts>,
}

/// Words that are not in Slack yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotInSlack {
    /// The place in the lane of the last of them.
    pub last: i64,
    /// The note on the ticket, as an effect.
    pub note: EffectId,
    /// Whether it stands there.
    #[serde(default)]
    pub noted: bool,
}

/// Something parked that is being tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retrying {
    /// Which effect.
    pub effect: EffectId,
    /// The notice in the thread that tells of it, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Ts>,
    /// Who wanted it, if they pressed a button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SlackUserId>,
}

/// How far the link to Slack has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Nothing is decided.
    New,
    /// Made before the app was; never posted.
    Older,
    /// Not for Slack, so far.
    LeftAlone,
    /// Somebody in Slack asked for it, and its side conversation is not there.
    Asked,
    /// The ticket and the channel are being looked up.
    Preparing {
        /// Whether the ticket has been read.
        read: bool,
        /// The channel, once it is known to be open.
        channel: Option<ChannelId>,
    },
    /// The card is on its way.
    Posting {
        /// Where.
        channel: ChannelId,
    },
    /// The thread stands.
    Linked {
        /// Where.
        channel: ChannelId,
        /// Its parent.
        ts: Ts,
    },
}

/// A change of state that a button asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskedState {
    /// The state.
    pub state: State,
    /// Who pressed.
    pub name: String,
    /// Their id; nobody's once they are forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<SlackUserId>,
}

/// What has been said once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// That replies stay in Slack.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
    /// That a reply left it done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_done: bool,
    /// Who is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Why the channel is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelProblem>,
    /// How often the channel was tried.
    #[serde(default)]
    pub opens: u32,
    /// How often the ticket was read again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reads: u32,
    /// How often it was asked what follows its ticket.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub follow_ups: u32,
    /// That it could not be posted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_posted: bool,
}

/// What the card shows that does not change with the thread; kept beside it, because it is long and seldom read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The ticket.
    pub ticket: Ticket,
    /// Who asks.
    pub asker: String,
    /// The message, in mrkdwn, at most [`CARD_LIMIT`] characters.
    pub text: String,
    /// When it was written, in milliseconds since 1970.
    pub written_at_ms: i64,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}
