//! Everything that can happen to a bridged thread.
//!
//! Events are stored, so every shape here must decode for ever: fields are added with a default, never
//! renamed or removed.

use serde::{Deserialize, Serialize};

use super::content::Doc;
use super::effect::{Act, Effect, EffectId, Vendor};
use super::follow_up::{ClosedTicket, Followed, StateNow};
use super::ids::{
    ChannelId, SideConversationEventId, SideConversationId, SlackUserId, TeamId, TicketId, Ts, ZendeskUserId,
};

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
        /// The ticket, if it is a follow-up and was certainly deleted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        follow_up: Option<TicketId>,
    },
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
            What::Unpark(_)
            | What::Late(_)
            | What::Unreachable(_)
            | What::CardGone { .. }
            | What::TicketGone { .. }
            | What::MessageDeleted { .. }
            | What::TicketChanged { .. }
            | What::TicketClosed(_)
            | What::MergedInto { .. }
            | What::Adopted { .. }
            | What::Related { .. }
            | What::ChannelMoved { .. }
            | What::Answered { .. } => None,
        }
    }
}

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Who wants it, if they pressed a button in Slack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SlackUserId>,
    /// The notice in the thread that told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Ts>,
    /// The effect, if it is parked when the wish is handled: read then, so that a wish that comes twice finds nothing.
    #[serde(skip)]
    pub parked: Option<Box<Effect>>,
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

/// Whether a side conversation is open or marked as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Zendesk's `open`.
    #[default]
    Open,
    /// Zendesk's `closed`; people read "done".
    Closed,
}

/// Someone or something that takes part in a side conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// The Zendesk user. Does not mean "agent": Zendesk makes every unknown address an end user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<ZendeskUserId>,
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address, lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A Slack channel, a Teams channel or a child ticket of Zendesk's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
}

impl Participant {
    /// The name to show, or `None` if only an address or less is known.
    pub fn shown(&self) -> Option<&str> {
        self.name.as_deref().map(str::trim).filter(|name| !name.is_empty())
    }
}

/// An entry of a side conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideConversationEvent {
    /// Its id; the key under which it is known for ever.
    pub id: SideConversationEventId,
    /// The side conversation it belongs to.
    pub side_conversation_id: SideConversationId,
    /// The ticket, which a follow-up may change.
    pub ticket_id: TicketId,
    /// What sort of entry.
    pub kind: Kind,
    /// Who made it.
    pub actor: Participant,
    /// `support`, `email`, `api` or something unheard of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// What it says, if it says something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// What the read that brought it knew of the side conversation as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<SideConversation>,
}

/// The sort of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The first message.
    Create,
    /// A further message.
    Reply,
    /// A change of state or subject.
    Update {
        /// The new state, if it changed.
        #[serde(default)]
        state: Option<State>,
    },
    /// Something that this version does not know.
    Other,
}

/// What an entry says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The subject, on the first message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text as HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The text as plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<String>,
    /// Whom it was sent to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Participant>,
    /// The marker of ours that it carries, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// The names of its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

impl Message {
    /// The text in the model that both vendors' formats meet in.
    pub fn doc(&self) -> Doc {
        Doc::from_zendesk(self.html.as_deref(), self.plain.as_deref())
    }
}

/// What is known of a side conversation as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideConversation {
    /// Its subject.
    #[serde(default)]
    pub subject: String,
    /// Its state.
    pub state: State,
    /// When its state last changed, in milliseconds since 1970.
    pub state_updated_at_ms: i64,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// Everyone who has taken part so far.
    #[serde(default)]
    pub participants: Vec<Participant>,
}

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
        /// Who reads it.
        readers: Vec<Reader>,
        /// The names of those whom Zendesk takes nothing for.
        #[serde(default)]
        left_out: Vec<String>,
    },
    /// Not done: the ticket takes no replies. It waits until the thread goes on elsewhere.
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
    /// Nothing had to be sent: the author is a bot.
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
    /// It will not be done; a person has to look.
    Parked {
        /// Why, in words for the people of the thread.
        reason: String,
        /// Whether it may have been done all the same.
        doubtful: bool,
    },
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
