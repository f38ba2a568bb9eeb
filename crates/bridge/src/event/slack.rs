//! What people do in Slack, and what they want done with what was parked.

use serde::{Deserialize, Serialize};

use super::super::content::Doc;
use super::super::effect::{Effect, EffectId, Vendor};
use super::super::ids::{ChannelId, SlackUserId, TeamId, TicketId, Ts};
use super::super::permit::Action;
use super::State;

/// A person's message in a Slack thread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlackMessage {
    /// Its name within the channel, and its place in the thread.
    pub ts: Ts,
    /// Where it was written, as Slack named the channel then.
    pub channel: ChannelId,
    /// Who wrote it.
    pub user: SlackUserId,
    /// The workspace of who wrote it, if Slack said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// What it says.
    pub doc: Doc,
    /// The names of the files that came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// A pressed button.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Press {
    /// Who pressed.
    pub user: SlackUserId,
    /// The workspace of who pressed, if Slack said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// Where the button stood.
    pub channel: ChannelId,
    /// Slack's name for this press (`action_ts`), which tells two presses apart.
    pub action_ts: String,
    /// What the button asks for.
    #[serde(flatten)]
    pub asks: Asks,
}

/// What a button asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// That the side conversation is done, or open.
    State(State),
    /// That the thread goes on in the ticket into which its own was merged.
    ContinueOn {
        /// That ticket.
        ticket_id: TicketId,
        /// The notice under which the button stood.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice: Option<Ts>,
    },
    /// That a side conversation is started on a follow-up of its closed ticket.
    StartOnFollowUp,
    /// That something parked is tried again.
    Retry {
        /// Which effect.
        effect: EffectId,
        /// The notice under which the button stood.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice: Option<Ts>,
        /// As [`Unpark::parked`], once it is known who pressed.
        #[serde(skip)]
        parked: Option<Box<Effect>>,
        /// As [`Unpark::blank`], once it is known who pressed.
        #[serde(skip)]
        blank: bool,
    },
}

impl Asks {
    /// The action that it is, which tells who may press.
    pub fn action(&self) -> Action {
        match self {
            Asks::State(State::Closed) => Action::Done,
            Asks::State(State::Open) => Action::Reopen,
            Asks::ContinueOn { .. } => Action::ContinueOn,
            Asks::Retry { .. } => Action::Retry,
            Asks::StartOnFollowUp => Action::Start,
        }
    }
}

/// Words that wait too long to be carried over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Late {
    /// The effect that is to carry them: the last of its lane that has waited too long.
    pub effect: EffectId,
    /// Its place in its lane.
    pub order: i64,
    /// Whom it is done to.
    pub vendor: Vendor,
    /// Its row.
    pub outbox_id: i64,
    /// Whether it still waits when this is handled.
    #[serde(skip)]
    pub waits: bool,
}

/// A person's wish about something parked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unpark {
    /// Which effect.
    pub effect: EffectId,
    /// What shall become of it.
    pub wish: Wish,
    /// Who wants it, if they pressed a button in Slack. Stored by versions that did not ask who pressed; they are asked
    /// after before anything is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SlackUserId>,
    /// The notice in the thread that told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Ts>,
    /// The effect, if it is parked when the wish is handled: read then, so that a wish that comes twice finds nothing.
    #[serde(skip)]
    pub parked: Option<Box<Effect>>,
    /// Whether it is parked when the wish is handled, and what it was to do is no longer kept.
    #[serde(skip)]
    pub blank: bool,
}

/// What shall become of something parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// It is tried again.
    Retry,
    /// It is given up.
    Drop,
}
