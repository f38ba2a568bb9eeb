//! Everything the app can do to the outside, and how each is made safe to repeat.
//!
//! An effect's id is derived from its cause, so that a repeated event asks for nothing new. What each act is stands in
//! [`facts`](super::facts). Its class says how a doubtful call is answered: *marked* calls carry their id and are looked
//! for; *idempotent* ones are set again; a *ticket* is made under a key by which Zendesk knows a repetition, and later
//! looked for; *at most once* ones are never repeated.

use serde::{Deserialize, Serialize};

use super::content::Doc;
use super::event::{Participant, Press, State};
use super::ids::{ChannelId, SideConversationId, SlackUserId, TicketId, Ts};
use super::news::News;
use super::route::ChannelRef;
use super::rules::TicketChange;

pub use super::facts::{Class, Vendor};
pub use super::ids::EffectId;

/// One act that a person would name, decided once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Its name for ever, unique within the thread.
    pub id: EffectId,
    /// Its place among those of its lane: the time of its cause at the vendor, in microseconds since 1970, with
    /// room below for parts.
    pub order: i64,
    /// Not before this time, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_before_ms: i64,
    /// What to do.
    pub act: Act,
}

fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Read the ticket and the side conversation.
    ReadTicket {
        /// The ticket.
        ticket_id: TicketId,
        /// The side conversation.
        side_conversation_id: SideConversationId,
    },
    /// Find the channel, and join it if need be.
    OpenChannel {
        /// As the settings or an address name it.
        channel: ChannelRef,
        /// Whether it may be shared with another firm.
        shared: bool,
    },
    /// Post the thread's parent.
    PostCard,
    /// Show the thread's present state on its parent.
    UpdateCard,
    /// Post in the thread, under the name of who wrote it.
    Post {
        /// The author.
        author: String,
        /// The text in Slack's mrkdwn.
        text: String,
        /// When it was written, in milliseconds since 1970, where it says so if it is late.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        written_at_ms: Option<i64>,
    },
    /// Tell the thread something, as the app.
    Tell {
        /// The text in Slack's mrkdwn.
        text: String,
        /// Whether a "Reopen" button stands under it.
        #[serde(default)]
        reopen: bool,
        /// The parked effect that a "Retry" button under it tries again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry: Option<EffectId>,
        /// The ticket in which a "Continue on" button under it lets the thread go on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        continue_on: Option<TicketId>,
    },
    /// Change what the app told the thread.
    ChangeTell {
        /// The notice.
        ts: Ts,
        /// The text in Slack's mrkdwn.
        text: String,
        /// The parked effect that a "Retry" button under it tries again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry: Option<EffectId>,
    },
    /// Take back what the app told the thread.
    TakeBack {
        /// The notice.
        ts: Ts,
        /// What it says instead, in Slack's mrkdwn, if it cannot be deleted.
        text: String,
    },
    /// Tell one person something that nobody else sees.
    Whisper {
        /// Whom.
        user: SlackUserId,
        /// The text in Slack's mrkdwn.
        text: String,
    },
    /// Tell the operator something in the channel that the settings name.
    TellOperator {
        /// The text in Slack's mrkdwn.
        text: String,
    },
    /// Ask Slack who somebody is, for a button that they pressed.
    AskWho {
        /// The press.
        press: Press,
    },
    /// Reply to the side conversation.
    Reply(Reply),
    /// Mark the side conversation as done, or reopen it.
    SetState {
        /// The state to set.
        state: State,
        /// Who wants it.
        user: SlackUserId,
        /// Their name.
        name: String,
    },
    /// Look for the ticket in which a closed one goes on.
    SeekFollowUp {
        /// The closed ticket.
        source: TicketId,
        /// Where the thread stands in Slack.
        thread_url: String,
        /// The follow-up that was there and was deleted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gone: Option<TicketId>,
    },
    /// Make the ticket in which a closed one goes on.
    FollowUp {
        /// The closed ticket.
        source: TicketId,
        /// The request's body, sent as it stands here however often it is sent.
        request: String,
        /// When it was decided, in milliseconds since 1970.
        decided_at_ms: i64,
    },
    /// Begin a side conversation on the ticket into which the thread's was merged.
    ContinueOn {
        /// That ticket.
        ticket_id: TicketId,
        /// Who wants it, so that they can be forgotten; nobody once they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<SlackUserId>,
        /// Their name.
        name: String,
        /// Where the thread stands in Slack.
        thread_url: String,
    },
    /// Find out whether a side conversation can be started: who asks, in which channel, on which ticket.
    LookForStart {
        /// Who asks.
        user: SlackUserId,
        /// Where its thread is to stand.
        channel: ChannelId,
        /// The ticket.
        ticket_id: TicketId,
    },
    /// Create the side conversation that somebody starts from Slack.
    CreateSideConversation(CreateSideConversation),
    /// Tell whoever starts a side conversation what became of it.
    TellStarter {
        /// Whom.
        user: SlackUserId,
        /// The text in Slack's mrkdwn.
        text: String,
        /// Whether a button under it starts it on a follow-up of its closed ticket.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        offers_follow_up: bool,
    },
    /// Write an internal note on the ticket.
    Note {
        /// Plain text.
        text: String,
    },
    /// Change the ticket as the settings say, unless it is closed or so already.
    SetTicket {
        /// How.
        change: TicketChange,
    },
    /// Read all that was said in the side conversation.
    ReadSaid,
    /// Find the ticket's assignee in Slack.
    FindAssignee,
    /// Tell somebody by a direct message which threads were answered.
    Notify {
        /// Whom.
        user: SlackUserId,
        /// The threads.
        news: Vec<News>,
        /// What that message says already.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        told: Vec<News>,
        /// The message that tells it from now on; without one it is a message of its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<Ts>,
    },
}

/// A side conversation that somebody starts from Slack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateSideConversation {
    /// On which ticket.
    pub ticket_id: TicketId,
    /// Its subject.
    pub subject: String,
    /// Who starts it.
    pub user: SlackUserId,
    /// The address of the channel in which its thread is to stand.
    pub channel_url: String,
    /// Its first message.
    pub doc: Doc,
    /// Who reads it in Zendesk.
    pub to: Participant,
}

/// A Slack message on its way into a side conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The Slack message.
    pub ts: Ts,
    /// Who wrote it.
    pub user: SlackUserId,
    /// Where it can be seen.
    pub permalink: String,
    /// What it says.
    pub doc: Doc,
    /// The names of its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}
