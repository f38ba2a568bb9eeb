//! What can be written together.

use serde::Serialize;
use serde_json::value::RawValue;

use super::conclusion::ConclusionWrite;
use super::read::{InboxRow, UnparkedRow};

/// Rows that are written together or not at all.
#[derive(Debug, Default)]
pub struct Commit {
    /// Facts to remember.
    pub settings: Vec<(&'static str, String)>,
    /// Events that have come in.
    pub inbox: Vec<InboxWrite>,
    /// Deliveries that cannot be read.
    pub unread: Vec<UnreadWrite>,
    /// Slack messages that may belong to a card on its way.
    pub held: Vec<HeldWrite>,
    /// Threads as they are now.
    pub threads: Vec<ThreadWrite>,
    /// Threads that stand in Slack.
    pub links: Vec<LinkWrite>,
    /// Events that are handled.
    pub done: Vec<Done>,
    /// Calls that are settled.
    pub settled: Vec<Settle>,
    /// Calls that are about to be made.
    pub attempts: Vec<Attempt>,
    /// Calls that have to wait.
    pub delays: Vec<Delay>,
    /// What is parked because it goes on where something parked leaves off.
    pub held_back: Vec<HeldBack>,
    /// Messages whose words are kept no longer.
    pub forgotten: Vec<ForgetWrite>,
    /// What is erased on an operator's word; then the file is written anew without it.
    pub erased: Option<EraseWrite>,
    /// What is parked no longer.
    pub unparked: Vec<Unparked>,
    /// Calls that are to do something else from now on.
    pub rewrites: Vec<(i64, Box<RawValue>)>,
    /// What was decided.
    pub outbox: Vec<OutboxWrite>,
    /// Held messages whose thread is linked.
    pub releases: Vec<Release>,
    /// How far threads were read through.
    pub swept: Vec<Swept>,
    /// Tickets that shall be read, with the time.
    pub nudges: Vec<(i64, i64)>,
    /// Tickets that were read, with the count of nudges that the read answers.
    pub nudges_answered: Vec<(i64, i64)>,
    /// Closed tickets whose follow-up is asked for; the first to ask claims it.
    pub follow_ups: Vec<FollowUpWrite>,
    /// What follows a closed ticket: the ticket, the thread that found out, the follow-up.
    pub followed: Vec<(i64, String, i64)>,
    /// Claims that came to nothing: the ticket and the thread.
    pub not_followed: Vec<(i64, String)>,
    /// Whose side conversations are besides those that threads began with.
    pub side_conversations: Vec<SideConversationWrite>,
    /// Threads that go on in another side conversation.
    pub moves: Vec<MoveWrite>,
    /// What becomes of what is believed for now.
    pub conclusions: Vec<ConclusionWrite>,
    /// Who started a side conversation or wrote in its thread.
    pub people: Vec<PersonWrite>,
    /// Whether everything that waits may have been done already.
    pub doubt_waiting: bool,
    /// Held messages received before this time are forgotten.
    pub forget_held_before: Option<i64>,
    /// Channels in which no card is on its way any more: what is held there, received up to this time, is deleted.
    pub forget_held_in: Vec<(String, i64)>,
    /// Settled rows older than this lose their payload.
    pub blank_before: Option<i64>,
    /// What was decided about an event that is written here for the first time. If that event was known, nothing of the
    /// commit is written.
    pub unless_known: bool,
}

impl Commit {
    /// Whether it writes nothing.
    pub fn is_empty(&self) -> bool {
        self.inbox.is_empty()
            && self.done.is_empty()
            && self.settled.is_empty()
            && self.attempts.is_empty()
            && self.outbox.is_empty()
            && !self.is_rare()
            && !self.parks()
    }

    /// Whether it holds more than what every message needs.
    pub(super) fn parks(&self) -> bool {
        !self.held_back.is_empty() || !self.unparked.is_empty() || !self.forgotten.is_empty() || self.erased.is_some()
    }

    pub(super) fn is_rare(&self) -> bool {
        !(self.settings.is_empty()
            && self.unread.is_empty()
            && self.held.is_empty()
            && self.threads.is_empty()
            && self.links.is_empty()
            && self.delays.is_empty()
            && self.unparked.is_empty()
            && self.rewrites.is_empty()
            && self.releases.is_empty()
            && self.swept.is_empty()
            && self.nudges.is_empty()
            && self.nudges_answered.is_empty()
            && self.follow_ups.is_empty()
            && self.followed.is_empty()
            && self.not_followed.is_empty()
            && self.side_conversations.is_empty()
            && self.moves.is_empty()
            && self.conclusions.is_empty()
            && self.people.is_empty()
            && !self.doubt_waiting
            && self.forget_held_before.is_none()
            && self.forget_held_in.is_empty()
            && self.blank_before.is_none())
    }

    /// Whether words go with it that are not to be found any more, not even in the log.
    pub(super) fn forgets(&self) -> bool {
        !self.forgotten.is_empty() || !self.forget_held_in.is_empty() || self.done.iter().any(|done| done.forget)
    }
}

/// An event that has come in.
#[derive(Debug, Clone)]
pub struct InboxWrite {
    /// `slack` or `zendesk`.
    pub source: &'static str,
    /// What makes it the same as a repetition.
    pub key: String,
    /// The thread it concerns.
    pub thread_id: String,
    /// The event; `None` if nobody will ask for it.
    pub event: Option<Box<RawValue>>,
    /// When it came, in milliseconds since 1970.
    pub received_at: i64,
    /// Whether it is done as soon as it is written.
    pub done: bool,
    /// Why it asks for nothing, if that is known already.
    pub ignored: Option<&'static str>,
}

/// A delivery that names a bridged thread but cannot be read.
#[derive(Debug, Clone, Serialize)]
pub struct UnreadWrite {
    /// What makes it the same as a repetition.
    pub key: String,
    /// `slack` or `zendesk`.
    pub source: &'static str,
    /// The thread it concerns.
    pub thread_id: String,
    /// The body as it came.
    pub raw: String,
    /// What cannot be read.
    pub reason: String,
    /// When it came, in milliseconds since 1970.
    pub received_at: i64,
}

/// A Slack message that may belong to a card on its way.
#[derive(Debug, Clone, Serialize)]
pub struct HeldWrite {
    /// What makes it the same as a repetition.
    pub key: String,
    /// The channel.
    pub channel_id: String,
    /// The parent of its thread.
    pub thread_ts: String,
    /// The event.
    pub event: Box<RawValue>,
    /// When it came, in milliseconds since 1970.
    pub received_at: i64,
}

/// A thread as it is now.
#[derive(Debug, Clone)]
pub struct ThreadWrite {
    /// Its id.
    pub id: String,
    /// The side conversation.
    pub side_conversation_id: String,
    /// The ticket.
    pub ticket_id: i64,
    /// How far the link has come.
    pub place: &'static str,
    /// `open` or `closed`.
    pub state: &'static str,
    /// The thread.
    pub thread: Box<RawValue>,
    /// The card, if it changed.
    pub card: Option<Box<RawValue>>,
    /// When, in milliseconds since 1970.
    pub updated_at: i64,
}

/// A thread that stands in Slack.
#[derive(Debug, Clone, Serialize)]
pub struct LinkWrite {
    /// The channel.
    pub channel_id: String,
    /// The thread's parent.
    pub thread_ts: String,
    /// The thread.
    pub thread_id: String,
    /// The side conversation.
    pub side_conversation_id: String,
    /// The ticket.
    pub ticket_id: i64,
    /// When, in milliseconds since 1970.
    pub linked_at: i64,
}

/// An event that is handled.
#[derive(Debug, Clone)]
pub struct Done {
    /// Which.
    pub seq: i64,
    /// When, in milliseconds since 1970.
    pub done_at: i64,
    /// Why it asked for nothing.
    pub ignored: Option<&'static str>,
    /// Whether its payload is none of the app's business and only its key is kept.
    pub forget: bool,
}

/// Something that was decided.
#[derive(Debug, Clone)]
pub struct OutboxWrite {
    /// The thread.
    pub thread_id: String,
    /// The effect's name.
    pub effect_id: String,
    /// `slack` or `zendesk`.
    pub vendor: &'static str,
    /// The effect.
    pub effect: Box<RawValue>,
    /// When it was decided, in milliseconds since 1970.
    pub decided_at: i64,
    /// When its cause happened at the vendor, in milliseconds since 1970.
    pub caused_at: i64,
    /// Not to be done earlier, in milliseconds since 1970.
    pub not_before: i64,
    /// 1 if its first call follows at once.
    pub attempts: i64,
    /// Whether it may have been done already.
    pub doubtful: bool,
}

/// A call that is settled.
#[derive(Debug, Clone)]
pub struct Settle {
    /// Which.
    pub id: i64,
    /// `done` or `parked`.
    pub state: &'static str,
    /// What it is called at the vendor.
    pub result: Option<String>,
    /// Why it is parked.
    pub problem: Option<String>,
    /// Whether it is parked and may have been done.
    pub doubtful: bool,
    /// When, in milliseconds since 1970.
    pub settled_at: i64,
}

/// Calls that wait and are parked with another one, which settles itself.
#[derive(Debug, Clone)]
pub struct HeldBack {
    /// The thread.
    pub thread_id: String,
    /// The first effect's name.
    pub from: String,
    /// The last effect's name.
    pub to: String,
    /// Why.
    pub problem: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

/// A Slack message whose words are kept no longer; a call that carries it is given up if it certainly was not made.
#[derive(Debug, Clone)]
pub struct ForgetWrite {
    /// The thread.
    pub thread_id: String,
    /// The effect that carries it.
    pub effect_id: String,
    /// The key under which it came.
    pub key: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

/// What is erased.
#[derive(Debug, Clone, Default)]
pub struct EraseWrite {
    /// Threads of which everything goes that is settled.
    pub thread_ids: Vec<String>,
    /// Calls that are given up.
    pub given_up: Vec<i64>,
    /// Calls of other threads that are settled, or given up here, and go too.
    pub others: Vec<i64>,
    /// Calls that say less from here on.
    pub rewrites: Vec<(i64, Box<RawValue>)>,
    /// A text; messages that hold it and wait for their thread go.
    pub needle: Option<String>,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

/// Parked calls that are tried again or given up.
#[derive(Debug, Clone)]
pub struct Unparked {
    /// The thread.
    pub thread_id: String,
    /// The first effect's name.
    pub from: String,
    /// The last effect's name.
    pub to: String,
    /// `waiting` or `dropped`.
    pub state: &'static str,
    /// Not to be done before, in milliseconds since 1970.
    pub at: i64,
}

/// A call that is about to be made.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Which.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub attempted_at: i64,
    /// The first row of those it travels with, if it does not travel alone.
    pub bundle: Option<i64>,
}

/// A call that has to wait.
#[derive(Debug, Clone, Serialize)]
pub struct Delay {
    /// Which.
    pub id: i64,
    /// Until when, in milliseconds since 1970.
    pub not_before: i64,
    /// How many attempts count.
    pub attempts: i64,
    /// Whether it may have been done.
    pub doubtful: bool,
    /// What the answer said.
    pub problem: String,
    /// Whether it travels alone from here on.
    pub alone: bool,
    /// When it said so, in milliseconds since 1970.
    pub at: i64,
}

/// Held messages whose thread is linked.
#[derive(Debug, Clone)]
pub struct Release {
    /// The channel.
    pub channel_id: String,
    /// The thread's parent.
    pub thread_ts: String,
    /// The thread.
    pub thread_id: String,
}

/// How far a thread was read through.
#[derive(Debug, Clone, Serialize)]
pub struct Swept {
    /// The channel.
    pub channel_id: String,
    /// The thread's parent.
    pub thread_ts: String,
    /// The newest message that was read.
    pub swept_ts: String,
}

/// A closed ticket whose follow-up is asked for.
#[derive(Debug, Clone, Serialize)]
pub struct FollowUpWrite {
    /// The closed ticket.
    pub source_ticket_id: i64,
    /// The thread that asks.
    pub thread_id: String,
    /// When, in milliseconds since 1970.
    pub claimed_at: i64,
    /// The follow-up that was known, if it was deleted.
    pub gone: Option<i64>,
}

/// A side conversation of a thread that began with another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SideConversationWrite {
    /// Its id.
    pub id: String,
    /// The thread.
    pub thread_id: String,
    /// The ticket.
    pub ticket_id: i64,
}

/// A thread that goes on in another side conversation.
#[derive(Debug, Clone, Serialize)]
pub struct MoveWrite {
    /// The thread.
    pub thread_id: String,
    /// The side conversation.
    pub side_conversation_id: String,
    /// The ticket.
    pub ticket_id: i64,
}

/// Somebody in Slack who started a side conversation or wrote in its thread.
#[derive(Debug, Clone, Serialize)]
pub struct PersonWrite {
    /// Who.
    pub user_id: String,
    /// The thread.
    pub thread_id: String,
}

/// What a commit made.
#[derive(Debug, Default)]
pub struct Committed {
    /// The place of each event that came in, or `None` if it was known.
    pub inbox: Vec<Option<i64>>,
    /// The id of each effect, or `None` if it was decided before.
    pub outbox: Vec<Option<i64>>,
    /// Held messages that are events of their thread.
    pub released: Vec<InboxRow>,
    /// The ids of calls that are parked with another one.
    pub held_back: Vec<i64>,
    /// Calls that were parked and are tried again.
    pub unparked: Vec<UnparkedRow>,
    /// The ids of calls that are given up.
    pub given_up: Vec<i64>,
    /// How many stored events and calls lost their words.
    pub erased: u64,
}

impl Committed {
    /// Whether an event that came in had come before.
    pub fn is_known(&self) -> bool {
        self.inbox.contains(&None)
    }
}
