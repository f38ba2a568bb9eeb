//! Everything that can happen to a bridged thread.
//!
//! Events are stored, so every shape here must decode for ever: fields are added with a default, never
//! renamed or removed.

mod answer;
mod side_conversation;
mod slack;

use serde::{Deserialize, Serialize};

pub use answer::*;
pub use side_conversation::*;
pub use slack::*;

use super::effect::{Act, EffectId};
use super::follow_up::{ClosedTicket, StateNow};
use super::ids::{ChannelId, SideConversationId, TicketId, Ts};
use super::start::StartAsked;

/// Something that happened, and when the app learned of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When the app stored it, in milliseconds since 1970.
    pub at_ms: i64,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A person wrote in the Slack thread.
    SlackMessage(SlackMessage),
    /// Somebody asked to start a side conversation from Slack.
    StartAsked(Box<StartAsked>),
    /// A person pressed a button.
    Pressed(Press),
    /// The side conversation has an entry.
    SideConversation(SideConversationEvent),
    /// A person wants something parked tried again, or given up.
    Unpark(Unpark),
    /// Words wait too long to be carried over.
    Late(Late),
    /// The thread's channel takes no posts.
    Unreachable(ChannelProblem),
    /// The thread's parent is not there any more.
    CardGone {
        /// The parent that was.
        ts: Ts,
    },
    /// The thread's ticket is not there any more, or may not be written to.
    TicketGone {
        /// Why, as a sentence for the people of the thread.
        reason: String,
        /// Whether a read found it, and no reply.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        read: bool,
        /// The ticket, if it is a follow-up and was certainly deleted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        follow_up: Option<TicketId>,
    },
    /// A ticket that was not there any more is shown by a read.
    TicketShown,
    /// Somebody deleted a message of the Slack thread.
    MessageDeleted {
        /// Where, as Slack named the channel then.
        channel: ChannelId,
        /// Which.
        ts: Ts,
    },
    /// What the card shows of the ticket has changed.
    TicketChanged {
        /// The ticket.
        ticket_id: TicketId,
        /// As it was read.
        ticket: Ticket,
    },
    /// A reply found that its ticket takes none.
    TicketClosed(ClosedTicket),
    /// The operator says into which ticket another one was merged.
    MergedInto {
        /// The merged ticket.
        source: TicketId,
        /// The ticket that is left.
        into: TicketId,
    },
    /// Zendesk itself goes on in a follow-up ticket.
    Adopted {
        /// The closed ticket.
        source: TicketId,
        /// The follow-up.
        ticket_id: TicketId,
        /// The copy of the thread's side conversation there.
        side_conversation_id: SideConversationId,
        /// Its state.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<StateNow>,
    },
    /// A closed ticket and its follow-up have side conversations of which nobody can say that they are the same.
    Related {
        /// The other ticket.
        ticket_id: TicketId,
        /// Whether the other one is the follow-up.
        follows: bool,
        /// Where the threads of the other one stand in Slack, as far as they do.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        links: Vec<String>,
    },
    /// Slack has given the channel another id.
    ChannelMoved {
        /// The id that was.
        from: ChannelId,
        /// The id that is.
        to: ChannelId,
    },
    /// The people who run the app are to be told something that is no thread's.
    Operator {
        /// Its name for ever.
        about: String,
        /// The text in Slack's mrkdwn.
        text: String,
    },
    /// A call that was decided has been answered. Lives in memory only: it is handled in the transaction that
    /// settles the call.
    Answered {
        /// Which effect.
        effect: EffectId,
        /// Its place in its lane.
        order: i64,
        /// What it was to do.
        act: Box<Act>,
        /// What came back.
        answer: Answer,
        /// Whether it may have been done long before it was answered.
        in_doubt: bool,
    },
}

impl What {
    /// When it happened at the vendor, in milliseconds since 1970, if it says so.
    pub fn happened_at_ms(&self) -> Option<i64> {
        match self {
            What::SlackMessage(message) => Some(message.ts.millis()),
            What::Pressed(press) => press.action_ts.parse::<Ts>().ok().map(|ts| ts.millis()),
            What::SideConversation(entry) => Some(entry.created_at_ms),
            What::StartAsked(_)
            | What::Unpark(_)
            | What::Late(_)
            | What::Unreachable(_)
            | What::CardGone { .. }
            | What::TicketGone { .. }
            | What::TicketShown
            | What::MessageDeleted { .. }
            | What::TicketChanged { .. }
            | What::TicketClosed(_)
            | What::MergedInto { .. }
            | What::Adopted { .. }
            | What::Related { .. }
            | What::ChannelMoved { .. }
            | What::Operator { .. }
            | What::Answered { .. } => None,
        }
    }
}
