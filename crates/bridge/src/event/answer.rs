//! What calls come back with.

use serde::{Deserialize, Serialize};

use super::super::follow_up::{ClosedTicket, Followed};
use super::super::ids::{ChannelId, SideConversationEventId, SideConversationId, SlackUserId, TicketId, Ts};
use super::super::start::Prospects;
use super::SideConversationEvent;

/// What a call came back with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The ticket and the side conversation were read.
    TicketRead(Box<TicketRead>),
    /// The channel can be posted in.
    ChannelOpen {
        /// Its id.
        channel: ChannelId,
    },
    /// The channel cannot be posted in.
    ChannelClosed(ChannelProblem),
    /// A message stands in Slack.
    Posted {
        /// Where.
        channel: ChannelId,
        /// Its name there.
        ts: Ts,
    },
    /// A reply stands in the side conversation.
    Replied {
        /// Its entry, if Zendesk named it.
        #[serde(default)]
        entry: Option<SideConversationEventId>,
        /// Who reads it.
        readers: Vec<Reader>,
        /// The names of those whom Zendesk takes nothing for.
        #[serde(default)]
        left_out: Vec<String>,
    },
    /// A reply was kept in Slack, because somebody outside would have read it.
    Withheld {
        /// The names of those outside.
        outsiders: Vec<String>,
        /// Everyone who would have read it.
        #[serde(default)]
        readers: Vec<Reader>,
    },
    /// A reply stands in a side conversation that it began.
    Started {
        /// The ticket.
        ticket_id: TicketId,
        /// The side conversation.
        side_conversation_id: SideConversationId,
        /// What the card shows of the ticket, if it was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ticket: Option<Ticket>,
        /// Who reads it.
        readers: Vec<Reader>,
        /// The names of those whom Zendesk takes nothing for.
        #[serde(default)]
        left_out: Vec<String>,
    },
    /// What was looked up for a start.
    Prospects(Box<Prospects>),
    /// No side conversation was created, and none will be.
    NotStarted {
        /// Why, as a sentence for whoever asked.
        reason: String,
    },
    /// Not done: the ticket takes no replies and no notes. A reply waits until the thread goes on elsewhere.
    TicketClosed(ClosedTicket),
    /// The ticket is not closed.
    TicketOpen,
    /// A closed ticket has no follow-up that would do; this request makes one.
    FollowUpNeeded {
        /// The request's body.
        request: String,
    },
    /// Zendesk refused part of a follow-up; this request does without.
    FollowUpRefused {
        /// The request's body.
        request: String,
    },
    /// A closed ticket goes on in this one.
    Followed(Followed),
    /// A reply was kept in Slack: an app wrote it, not a person.
    OfABot,
    /// The state is set.
    StateSet {
        /// When, in milliseconds since 1970.
        updated_at_ms: i64,
    },
    /// Who somebody in Slack is.
    Person(Person),
    /// Not done: the thread's channel takes no posts. It waits until it does.
    Unreachable(ChannelProblem),
    /// All that was said in the side conversation, in order.
    Said(Vec<SideConversationEvent>),
    /// The ticket's assignee is a member of the workspace.
    Assignee(Assignee),
    /// Done; nothing to say about it.
    Done,
    /// Not done: what it was to say is not so any more.
    Withdrawn,
    /// It will not be done; a person has to look.
    Parked {
        /// Why, in words for the people of the thread.
        reason: String,
        /// Whether it may have been done all the same.
        doubtful: bool,
    },
}

impl Answer {
    /// Whether a person's words stand on the other side by it.
    pub fn has_arrived(&self) -> bool {
        matches!(self, Answer::Posted { .. } | Answer::Replied { .. } | Answer::Started { .. })
    }

    /// Why nothing was written although the call has ended well, in a word that is stored with the call.
    pub fn not_written(&self) -> Option<&'static str> {
        match self {
            Answer::Withheld { .. } => Some("withheld"),
            Answer::OfABot => Some("of_an_app"),
            Answer::TicketClosed(_) => Some("ticket_closed"),
            Answer::Withdrawn => Some("withdrawn"),
            _ => None,
        }
    }
}

/// What was read of a ticket and its side conversation, for the card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TicketRead {
    /// The ticket.
    pub ticket: Ticket,
    /// Who reads answers.
    pub readers: Vec<Reader>,
    /// Every message of the side conversation, in order.
    pub entries: Vec<SideConversationEvent>,
}

/// What the card shows of a ticket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its subject.
    #[serde(default)]
    pub subject: Option<String>,
    /// Who asked the firm for help.
    #[serde(default)]
    pub requester: Option<String>,
    /// `urgent`, `high`, `normal`, `low`.
    #[serde(default)]
    pub priority: Option<String>,
    /// `new`, `open`, `pending`, `hold`, `solved`, `closed`.
    #[serde(default)]
    pub status: Option<String>,
    /// The agent it is assigned to.
    #[serde(default)]
    pub assignee: Option<String>,
}

/// Somebody who reads answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reader {
    /// The name to show.
    pub name: String,
    /// Whether they are neither agent nor admin.
    #[serde(default)]
    pub outside: bool,
}

/// Who somebody in Slack is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The name to show.
    pub name: String,
    /// How they stand to the workspace.
    pub standing: Standing,
    /// Whether they are known to be an agent in Zendesk; asked only where a rule depends on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
    /// The name of their firm, if they are of another one and Slack names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firm: Option<String>,
}

/// A ticket's assignee in Slack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignee {
    /// Who.
    pub user: SlackUserId,
    /// How far their clock is ahead of UTC, in seconds.
    #[serde(default)]
    pub offset_secs: i32,
}

/// How a person of Slack stands to the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A full member.
    Member,
    /// A guest.
    Guest,
    /// Somebody of another firm, through Slack Connect.
    Stranger,
    /// A bot.
    Bot,
    /// A deactivated account.
    Gone,
}

/// Why a channel cannot be posted in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelProblem {
    /// There is none of that name or id, or it is private and the app is not in it.
    NotFound,
    /// It is archived.
    Archived,
    /// It is shared with another firm, and the route does not allow that.
    Shared,
    /// The app is not in it and may not join.
    NotMember,
    /// Posting there is restricted.
    Restricted,
}
