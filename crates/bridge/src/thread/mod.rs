//! A bridged thread and the one function that decides for it.
//!
//! `handle` is total: it never fails and never logs; what it ignores it says. Events may be repeated, late and out
//! of order. Until the thread is linked, posts are held in it; once it is, they are effects of their own.
//!
//! What each kind of event means stands in a file of its own: `entry` (of the side conversation), `card` (how the thread
//! comes to stand in Slack), `answer` (of a call), `deleted` (a message that was taken back), `follow_up` (what happens to
//! its ticket), `merged` (that ticket is part of another), `proposals` (the notices that tell of it), `gone` (a ticket out of reach), `reach` (what happens to the thread in Slack later), `late` (what takes
//! long), `noticed` (that it was asked and answered), `passing` (notices that go when what they say is over), `summary` (the note that keeps the result), `notices` and `not_delivered` (what was not
//! delivered), `unpark` (what is tried again), `waits` (what has to happen first). What a thread keeps is in `parts`, what comes of an event in `step`.

mod answer;
mod card;
mod deleted;
mod entry;
mod follow_up;
mod gone;
mod late;
mod merged;
mod not_delivered;
mod noticed;
mod notices;
mod parts;
mod passing;
mod proposals;
mod reach;
mod ready;
mod start;
mod step;
mod summary;
mod unpark;
mod waits;

use serde::{Deserialize, Serialize};

pub use follow_up::{Earlier, FollowUp};

use super::effect::{Act, Effect, EffectId, Reply};
use super::event::{Asks, Event, Participant, Press, Reader, SlackMessage, State, Ticket, What, Wish};
use super::ids::{
    ChannelId, SideConversationEventId, SideConversationId, SlackUserId, ThreadId, TicketId, Ts, ZendeskUserId,
};
use super::permit::Permissions;
use super::route::{Route, Target};
use super::rules::Rules;
use super::start::Start;
pub use gone::Gone;
pub use merged::Continuing;
pub use not_delivered::{NotDelivered, NoteStands};
pub use noticed::Noticed;
pub use parts::{AskedState, Card, NotInSlack, NotInTicket, Place, Retrying, Told, Unreachable};
pub use passing::Passing;
pub use proposals::Proposal;
pub use ready::Ready;
pub use step::{EffectIds, Forgotten, Step, Why};
pub(crate) use summary::under_headings;
pub use waits::WaitsFor;

/// The longest text of one Slack post, in characters. Slack recommends 4,000 at most and cuts at 40,000.
pub const POST_LIMIT: usize = 3000;
/// The longest text of the message on a card; a section block takes 3,000 characters.
pub const CARD_LIMIT: usize = 2800;
/// What is sent this much later than it was written says when that was, in milliseconds.
const LATE_MS: i64 = 2 * 60 * 1000;
/// How long until a closed channel is tried again: the first time, and at most, in milliseconds.
const REOPEN_FIRST_MS: i64 = 10 * 1000;
const REOPEN_MOST_MS: i64 = 5 * 60 * 1000;
/// How long until what was given up before the thread stood is tried again: the first times, and later, in milliseconds.
const START_OVER_MS: i64 = 6 * 60 * 1000;
const START_OVER_LATER_MS: i64 = 60 * 60 * 1000;
/// How many times are the first.
const START_OVER_SOON: u32 = 12;
/// How the effects are called that carry a reply.
const REPLY: &str = "reply";
/// How many people of Slack a thread knows as its own.
const PEOPLE: usize = 100;
/// The longest name that is shown, in characters.
const NAME_LIMIT: usize = 80;

/// What the settings and the two accounts say, the same for every thread.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The routes, in order.
    pub routes: Vec<Route>,
    /// The domain whose addresses name channels.
    pub channel_domain: Option<String>,
    /// The Zendesk user the app acts as.
    pub app_user: ZendeskUserId,
    /// Slack's address of the workspace, with a slash at its end.
    pub slack_url: String,
    /// Zendesk's address of the account, without a slash at its end.
    pub zendesk_url: String,
    /// Side conversations made earlier are never posted, in milliseconds since 1970.
    pub bridging_since_ms: i64,
    /// Whether the settings name a channel for the operator.
    pub operator: bool,
    /// How old a message of Slack is when it goes to the ticket, so that one written before it can still come before it, in
    /// milliseconds; 0 for at once.
    pub order_window_ms: i64,
    /// What the settings want done besides carrying words.
    pub rules: Rules,
    /// Who may do what.
    pub permissions: Permissions,
}

/// One Slack thread and the side conversation it mirrors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BridgedThread {
    /// Its id.
    pub id: ThreadId,
    /// The side conversation.
    pub side_conversation_id: SideConversationId,
    /// Its ticket.
    pub ticket_id: TicketId,
    /// The ticket as it was last read, once that is newer than the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// Since when it is on that ticket, in milliseconds since 1970; 0 if from its beginning.
    #[serde(default, skip_serializing_if = "is_never")]
    pub ticket_since_ms: i64,
    /// What follows its ticket, while that is not settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<FollowUp>,
    /// The notices that say how it goes on after a merge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposals: Vec<Proposal>,
    /// The notices that go when what they say is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passing: Vec<Passing>,
    /// Where it was before, oldest first: what is said there still arrives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier>,
    /// The side conversation's subject.
    #[serde(default)]
    pub subject: String,
    /// How far the link to Slack has come.
    pub place: Place,
    /// The channel and its rules, once they are chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Open or done, as far as the thread knows.
    #[serde(default)]
    pub state: State,
    /// When that state was set, in milliseconds since 1970.
    #[serde(default)]
    pub state_updated_at_ms: i64,
    /// Who last changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_by: Option<String>,
    /// Their id, if they did it in Slack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_by_user: Option<SlackUserId>,
    /// The change that a button asked for and that is not confirmed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_state: Option<AskedState>,
    /// The agent who started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starter: Option<Participant>,
    /// Who reads answers, as far as the card says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readers: Vec<Reader>,
    /// The entry that the card shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_entry: Option<SideConversationEventId>,
    /// Whether earlier messages were left alone before it was linked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// What was asked for, if it is started from Slack, until its card is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Box<Start>>,
    /// Posts that wait for the link.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Effect>,
    /// Entries whose posts are held, and the Slack threads that they name as the app's own replies do: which of them are
    /// replies of this thread is known once it is linked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maybe_echoes: Vec<(SideConversationEventId, Ts)>,
    /// What has been said once.
    #[serde(default)]
    pub told: Told,
    /// How often the card has been asked to change.
    #[serde(default)]
    pub card_version: u32,
    /// What was parked and is being tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retrying: Vec<Retrying>,
    /// That words are not in the ticket yet, while the thread is told so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_in_ticket: Option<NotInTicket>,
    /// That words are not in Slack yet, while the ticket is told so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_in_slack: Option<NotInSlack>,
    /// What the ticket is told not to have reached Slack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_delivered: Vec<NotDelivered>,
    /// That its channel takes no posts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<Unreachable>,
    /// The parent in whose place the card on its way comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_before: Option<Ts>,
    /// The parents whose cards were deleted, oldest first: what was sent from under them names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents_before: Vec<Ts>,
    /// That its ticket cannot be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Gone>,
    /// Whether what was kept of its ticket was erased: what the ticket says of itself is not taken up again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forgotten: bool,
    /// Who in Slack started it or wrote in it, each once, up to a hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<SlackUserId>,
    /// What came of it that it was asked and answered.
    #[serde(default, skip_serializing_if = "Noticed::is_nothing")]
    pub noticed: Noticed,
}

impl BridgedThread {
    /// A thread of which nothing is known but its names.
    pub fn new(side_conversation_id: SideConversationId, ticket_id: TicketId) -> Self {
        BridgedThread {
            id: ThreadId::new(side_conversation_id.as_str()),
            side_conversation_id,
            ticket_id,
            ticket: None,
            ticket_since_ms: 0,
            follow_up: None,
            proposals: Vec::new(),
            passing: Vec::new(),
            earlier: Vec::new(),
            subject: String::new(),
            place: Place::New,
            target: None,
            state: State::Open,
            state_updated_at_ms: 0,
            state_by: None,
            state_by_user: None,
            asked_state: None,
            starter: None,
            readers: Vec::new(),
            card_entry: None,
            late: false,
            start: None,
            held: Vec::new(),
            maybe_echoes: Vec::new(),
            told: Told::default(),
            card_version: 0,
            retrying: Vec::new(),
            not_in_ticket: None,
            not_in_slack: None,
            not_delivered: Vec::new(),
            unreachable: None,
            card_before: None,
            parents_before: Vec::new(),
            gone: None,
            forgotten: false,
            people: Vec::new(),
            noticed: Noticed::default(),
        }
    }

    /// The name of what is no thread at all: what the operator is told of the app as a whole goes out in its name.
    pub const OPERATOR: &str = "operator";

    /// What stands in for a thread where there is none.
    pub fn of_the_operator() -> Self {
        BridgedThread::new(SideConversationId::new(Self::OPERATOR), TicketId(0))
    }

    /// Whether nothing can be posted in the thread for now, as far as is known.
    pub fn is_out_of_reach(&self) -> bool {
        self.unreachable.as_ref().is_some_and(|unreachable| !unreachable.probing)
    }

    /// Where the thread stands in Slack, once it does.
    pub fn link(&self) -> Option<(&ChannelId, &Ts)> {
        match &self.place {
            Place::Linked { channel, ts } => Some((channel, ts)),
            _ => None,
        }
    }

    /// The marker of one of its effects: the id that is written into what is sent.
    pub fn marker(&self, effect: &EffectId) -> String {
        format!("{}/{effect}", self.id)
    }
}

/// Decides what an event means for a thread.
pub fn handle(policy: &Policy, thread: BridgedThread, event: &Event) -> Step {
    let mut deciding = Deciding {
        policy,
        at_ms: event.at_ms,
        thread,
        card: None,
        effects: Vec::new(),
        unparked: Vec::new(),
        held_back: Vec::new(),
        forgotten: Vec::new(),
        ignored: None,
    };
    match &event.what {
        What::SlackMessage(message) => deciding.slack_message(message),
        What::StartAsked(asked) => deciding.start_asked(asked),
        What::Pressed(press) => deciding.pressed(press),
        What::SideConversation(entry) => deciding.entry(entry),
        What::Late(late) => deciding.late(late),
        What::Unreachable(problem) => deciding.unreachable(problem),
        What::TicketGone { reason, read, follow_up } => deciding.ticket_gone(reason, *read, *follow_up),
        What::TicketShown => deciding.ticket_shown(),
        What::MessageDeleted { channel, ts } => deciding.message_deleted(channel, ts),
        What::CardGone { ts } => deciding.card_gone(ts),
        What::TicketChanged { ticket_id, ticket } => deciding.ticket_changed(*ticket_id, ticket),
        What::TicketClosed(closed) => deciding.ticket_closed(closed),
        What::MergedInto { source, into } => deciding.merged_into(*source, *into),
        What::Adopted { source, ticket_id, side_conversation_id, state } => {
            deciding.adopted(*source, *ticket_id, side_conversation_id, *state);
        }
        What::Related { ticket_id, follows, links } => deciding.related(*ticket_id, *follows, links),
        What::ChannelMoved { from, to } => deciding.channel_moved(from, to),
        What::Operator { about, text } => deciding.operator(about, text),
        What::Unpark(unpark) => deciding.wished(unpark),
        What::Answered { effect, order, act, answer, in_doubt } => {
            deciding.answered(effect, *order, act, answer, *in_doubt);
        }
    }
    let Deciding { thread, card, effects, unparked, held_back, forgotten, ignored, .. } = deciding;
    Step { thread, card, effects, unparked, held_back, forgotten, ignored }
}

struct Deciding<'a> {
    policy: &'a Policy,
    at_ms: i64,
    thread: BridgedThread,
    card: Option<Card>,
    effects: Vec<Effect>,
    unparked: Vec<(EffectIds, Wish)>,
    held_back: Vec<EffectIds>,
    forgotten: Vec<Forgotten>,
    ignored: Option<Why>,
}

impl Deciding<'_> {
    fn slack_message(&mut self, message: &SlackMessage) {
        let Some(thread_ts) = self.thread.last_parent().cloned() else {
            self.ignored = Some(Why::NotLinked);
            return;
        };
        if self.was_deleted(message) {
            self.ignored = Some(Why::Stale);
            return;
        }
        if message.doc.is_empty() && message.files.is_empty() {
            self.ignored = Some(Why::Empty);
            return;
        }
        self.takes_part(&message.user);
        // An event may name the channel as it was called before.
        let channel = self.thread.link().map_or(&message.channel, |(channel, _)| channel);
        let permalink = self.permalink(&message.ts, channel, &thread_ts);
        let effect = EffectId::new(format!("{REPLY}:{}", message.ts));
        let act = Act::Reply(Reply {
            ts: message.ts.clone(),
            user: message.user.clone(),
            permalink,
            doc: message.doc.clone(),
            files: message.files.clone(),
        });
        let not_before_ms = self.in_order_from(&message.ts);
        self.effects.push(Effect { id: effect, order: message.ts.micros(), not_before_ms, act });
    }

    /// From when on nothing is expected any more that was written before a message: Slack delivers each event over a
    /// connection of its own, most within a few hundred milliseconds. 0 if that is over. A clock that is behind Slack's
    /// delays no message for longer.
    fn in_order_from(&self, ts: &Ts) -> i64 {
        let from = ts.millis().min(self.at_ms) + self.policy.order_window_ms;
        if from > self.at_ms { from } else { 0 }
    }

    fn permalink(&self, ts: &Ts, channel: &ChannelId, thread_ts: &Ts) -> String {
        let reference = ts.as_str().replace('.', "");
        format!("{}archives/{channel}/p{reference}?thread_ts={thread_ts}&cid={channel}", self.policy.slack_url)
    }

    fn pressed(&mut self, press: &Press) {
        if press.asks == Asks::StartOnFollowUp {
            return self.start_on_follow_up(press);
        }
        if self.thread.last_parent().is_none() {
            self.ignored = Some(Why::NotLinked);
            return;
        }
        let id = EffectId::new(format!("who:{}:{}", press.action_ts, press.user));
        self.ask(id, self.at_ms * 1000, Act::AskWho { press: press.clone() });
    }

    /// Somebody in Slack has a part in it.
    fn takes_part(&mut self, user: &SlackUserId) {
        if self.thread.people.len() < PEOPLE && !self.thread.people.contains(user) {
            self.thread.people.push(user.clone());
        }
    }

    fn update_card(&mut self) {
        self.thread.card_version += 1;
        if self.thread.link().is_some() {
            let id = EffectId::new(format!("card-shows:{}", self.thread.card_version));
            self.ask(id, self.at_ms * 1000, Act::UpdateCard);
        }
    }

    fn tell(&mut self, id: String, text: String, reopen: bool) {
        self.ask(EffectId::new(id), self.at_ms * 1000, Act::Tell { text, reopen, retry: None, continue_on: None });
    }

    fn whisper(&mut self, cause: &EffectId, user: &SlackUserId, text: String) {
        if self.thread.starting().is_some() {
            return self.tell_starter(cause, text, false);
        }
        self.ask(EffectId::new(format!("whisper:{cause}")), 0, Act::Whisper { user: user.clone(), text });
    }

    fn ask(&mut self, id: EffectId, order: i64, act: Act) {
        self.effects.push(Effect { id, order, not_before_ms: 0, act });
    }
}

fn is_never(ms: &i64) -> bool {
    *ms == 0
}

/// Whether what is sent now says when it was written; both in milliseconds since 1970.
pub fn says_its_time(written_at_ms: i64, now_ms: i64) -> bool {
    now_ms - written_at_ms > LATE_MS
}

/// A time with its offset, as people read it in Zendesk.
pub fn time_with_offset(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .map(|t| t.strftime("%Y-%m-%d %H:%M +00:00").to_string())
        .unwrap_or_else(|_| "at an unknown time".to_owned())
}

/// A time as Slack's `<!date^…>` wants it: seconds, and a text for clients that cannot show it.
pub fn time(at_ms: i64) -> (i64, String) {
    let shown = jiff::Timestamp::from_millisecond(at_ms)
        .map(|t| t.strftime("%Y-%m-%d %H:%M UTC").to_string())
        .unwrap_or_else(|_| "an unknown time".to_owned());
    (at_ms.div_euclid(1000), shown)
}
