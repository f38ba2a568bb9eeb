//! A bridged thread and the one function that decides for it.
//!
//! `handle` is total: it never fails and never logs; what it ignores it says. Events may be repeated, late and out
//! of order. Until the thread is linked, posts are held in it; once it is, they are effects of their own.

use serde::{Deserialize, Serialize};

use super::content::Doc;
use super::effect::{Act, Effect, EffectId, Reply};
use super::event::{
    Answer, ChannelProblem, Event, Kind, Participant, Press, Reader, SideConversationEvent, SlackMessage, Standing,
    State, Ticket, TicketRead, What,
};
use super::ids::{
    ChannelId, SideConversationEventId, SideConversationId, SlackUserId, ThreadId, TicketId, Ts, ZendeskUserId,
};
use super::notice;
use super::route::{self, Choice, Route, Target};

/// The longest text of one Slack post, in characters. Slack recommends 4,000 at most and cuts at 40,000.
pub const POST_LIMIT: usize = 3000;
/// The longest text of the message on a card; a section block takes 3,000 characters.
pub const CARD_LIMIT: usize = 2800;
/// What is posted this much later than it was written says when that was, in milliseconds.
const LATE_MS: i64 = 2 * 60 * 1000;
/// How long until a closed channel is tried again: the first time, and at most, in milliseconds.
const REOPEN_FIRST_MS: i64 = 60 * 1000;
const REOPEN_MOST_MS: i64 = 15 * 60 * 1000;
/// How long until what was given up before the thread stood is tried again, in milliseconds.
const START_OVER_MS: i64 = 60 * 60 * 1000;
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
    /// Side conversations made earlier are never posted, in milliseconds since 1970.
    pub bridging_since_ms: i64,
    /// Whether the settings name a channel for the operator.
    pub operator: bool,
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
    /// Posts that wait for the link.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Effect>,
    /// What has been said once.
    #[serde(default)]
    pub told: Told,
    /// How often the card has been asked to change.
    #[serde(default)]
    pub card_version: u32,
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

/// Why an event asked for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The side conversation is older than the app.
    Older,
    /// Its recipients name no channel.
    NotRouted,
    /// It is our own.
    Echo,
    /// It is already there.
    Known,
    /// It is older than what is known, or changes nothing.
    Stale,
    /// It has nothing to say.
    Empty,
    /// The thread is not linked.
    NotLinked,
}

impl Why {
    /// All of them.
    pub const ALL: [Why; 7] =
        [Why::Older, Why::NotRouted, Why::Echo, Why::Known, Why::Stale, Why::Empty, Why::NotLinked];

    /// The word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Older => "older",
            Why::NotRouted => "not_routed",
            Why::Echo => "echo",
            Why::Known => "known",
            Why::Stale => "stale",
            Why::Empty => "empty",
            Why::NotLinked => "not_linked",
        }
    }
}

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The thread as it is now.
    pub thread: BridgedThread,
    /// The card, if it changed.
    pub card: Option<Card>,
    /// What to do.
    pub effects: Vec<Effect>,
    /// Why nothing, if nothing.
    pub ignored: Option<Why>,
}

impl BridgedThread {
    /// A thread of which nothing is known but its names.
    pub fn new(side_conversation_id: SideConversationId, ticket_id: TicketId) -> Self {
        BridgedThread {
            id: ThreadId::new(side_conversation_id.as_str()),
            side_conversation_id,
            ticket_id,
            subject: String::new(),
            place: Place::New,
            target: None,
            state: State::Open,
            state_updated_at_ms: 0,
            state_by: None,
            asked_state: None,
            starter: None,
            readers: Vec::new(),
            card_entry: None,
            late: false,
            held: Vec::new(),
            told: Told::default(),
            card_version: 0,
        }
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
    let mut deciding = Deciding { policy, at_ms: event.at_ms, thread, card: None, effects: Vec::new(), ignored: None };
    match &event.what {
        What::SlackMessage(message) => deciding.slack_message(message),
        What::Pressed(press) => deciding.pressed(press),
        What::SideConversation(entry) => deciding.entry(entry),
        What::Answered { effect, act, answer } => deciding.answered(effect, act, answer),
    }
    Step { thread: deciding.thread, card: deciding.card, effects: deciding.effects, ignored: deciding.ignored }
}

struct Deciding<'a> {
    policy: &'a Policy,
    at_ms: i64,
    thread: BridgedThread,
    card: Option<Card>,
    effects: Vec<Effect>,
    ignored: Option<Why>,
}

impl Deciding<'_> {
    fn slack_message(&mut self, message: &SlackMessage) {
        let Some((channel, thread_ts)) = self.thread.link() else {
            self.ignored = Some(Why::NotLinked);
            return;
        };
        if message.doc.is_empty() && message.files.is_empty() {
            self.ignored = Some(Why::Empty);
            return;
        }
        let reference = format!("p{}", message.ts.as_str().replace('.', ""));
        let permalink =
            format!("{}archives/{channel}/{reference}?thread_ts={thread_ts}&cid={channel}", self.policy.slack_url);
        let effect = EffectId::new(format!("reply:{}", message.ts));
        self.ask(
            effect,
            message.ts.micros(),
            Act::Reply(Reply {
                ts: message.ts.clone(),
                user: message.user.clone(),
                permalink,
                doc: message.doc.clone(),
                files: message.files.clone(),
            }),
        );
    }

    fn pressed(&mut self, press: &Press) {
        if self.thread.link().is_none() {
            self.ignored = Some(Why::NotLinked);
            return;
        }
        let id = EffectId::new(format!("who:{}:{}", press.action_ts, press.user));
        self.ask(id, self.at_ms * 1000, Act::AskWho { press: press.clone() });
    }

    fn entry(&mut self, entry: &SideConversationEvent) {
        if matches!(self.thread.place, Place::New) {
            let created_at_ms = entry.about.as_ref().map_or(entry.created_at_ms, |about| about.created_at_ms);
            if created_at_ms < self.policy.bridging_since_ms {
                self.thread.place = Place::Older;
            }
        }
        if matches!(self.thread.place, Place::Older) {
            self.ignored = Some(Why::Older);
            return;
        }
        self.thread.ticket_id = entry.ticket_id;
        match (&entry.kind, &entry.message) {
            (Kind::Update { state: Some(state) }, _) => self.state_updated(entry, *state),
            (Kind::Create | Kind::Reply, Some(message)) => {
                if let Some(subject) = message.subject.as_deref().filter(|subject| !subject.is_empty()) {
                    self.thread.subject = subject.to_owned();
                } else if let Some(about) = &entry.about
                    && !about.subject.is_empty()
                {
                    self.thread.subject = about.subject.clone();
                }
                if entry.kind == Kind::Create {
                    self.thread.starter = Some(entry.actor.clone());
                }
                self.message(entry);
            }
            _ => self.ignored = Some(Why::Empty),
        }
    }

    fn state_updated(&mut self, entry: &SideConversationEvent, state: State) {
        if matches!(self.thread.place, Place::New | Place::LeftAlone) {
            self.ignored = Some(Why::NotRouted);
            return;
        }
        if entry.created_at_ms < self.thread.state_updated_at_ms || state == self.thread.state {
            self.thread.state_updated_at_ms = self.thread.state_updated_at_ms.max(entry.created_at_ms);
            self.ignored = Some(Why::Stale);
            return;
        }
        // Our own change may be read before its call has answered.
        let ours = entry.actor.user_id == Some(self.policy.app_user);
        if ours && let Some(asked) = self.thread.asked_state.take_if(|asked| asked.state == state) {
            self.set_state(state, entry.created_at_ms, asked.name);
            self.update_card();
            self.ignored = Some(Why::Echo);
            return;
        }
        let name = shown_name(&entry.actor);
        self.set_state(state, entry.created_at_ms, name.clone());
        if matches!(self.thread.place, Place::Posting { .. }) {
            // The card on its way may show what was so before.
            self.update_card();
        }
        if self.thread.link().is_some() {
            self.update_card();
            self.ask(
                EffectId::new(format!("state-told:{}", entry.id)),
                entry.created_at_ms * 1000,
                Act::Tell { text: notice::state_changed_in_zendesk(&name, state), reopen: false },
            );
        }
    }

    fn set_state(&mut self, state: State, at_ms: i64, by: String) {
        self.thread.state = state;
        self.thread.state_updated_at_ms = at_ms;
        self.thread.state_by = Some(by);
        if state == State::Open {
            self.thread.told.left_done = false;
        }
    }

    fn message(&mut self, entry: &SideConversationEvent) {
        let Some(message) = &entry.message else { return };
        if self.is_echo(entry) {
            self.ignored = Some(Why::Echo);
            return;
        }
        if self.thread.card_entry.as_ref() == Some(&entry.id) {
            self.ignored = Some(Why::Known);
            return;
        }
        match &self.thread.place {
            Place::New | Place::LeftAlone => {
                let mut recipients = message.to.clone();
                if let Some(about) = &entry.about {
                    recipients.extend(about.participants.iter().filter(|p| p.elsewhere).cloned());
                }
                match route::choose(&self.policy.routes, self.policy.channel_domain.as_deref(), &recipients) {
                    Choice::LeaveAlone => {
                        self.thread.place = Place::LeftAlone;
                        self.thread.subject = String::new();
                        self.thread.starter = None;
                        self.ignored = Some(Why::NotRouted);
                    }
                    Choice::Channel { target, others } => self.prepare(entry, target, others),
                }
            }
            Place::Preparing { .. } | Place::Posting { .. } => {
                let posts = self.posts(entry);
                self.thread.held.extend(posts);
            }
            Place::Linked { .. } => {
                let posts = self.posts(entry);
                self.effects.extend(posts);
            }
            Place::Older => {}
        }
    }

    /// Recognised by marker; failing that, because the app's user said through the API something that holds the address
    /// of a message in this very thread, as the first line of each reply does. Never by user alone. (An entry that the
    /// call's answer named is refused where it comes in.)
    fn is_echo(&self, entry: &SideConversationEvent) -> bool {
        let Some(message) = &entry.message else { return false };
        let ours = entry.actor.user_id == Some(self.policy.app_user);
        if message.marker.is_some() {
            return true;
        }
        let Some((_, thread_ts)) = self.thread.link() else { return false };
        let through_api = entry.via.as_deref().is_none_or(|via| via == "api");
        let address = format!("?thread_ts={thread_ts}&");
        let holds = |text: &Option<String>| {
            text.as_deref().is_some_and(|text| text.contains("/archives/") && text.contains(&address))
        };
        ours && through_api && (holds(&message.plain) || holds(&message.html))
    }

    fn prepare(&mut self, entry: &SideConversationEvent, target: Target, others: usize) {
        self.thread.late = matches!(self.thread.place, Place::LeftAlone);
        self.thread.place = Place::Preparing { read: false, channel: None };
        if let Some(about) = &entry.about {
            self.thread.state = about.state;
            self.thread.state_updated_at_ms = about.state_updated_at_ms;
        }
        let posts = self.posts(entry);
        self.thread.held.extend(posts);
        if others > 0 {
            let text = notice::several_channels(&target.channel, others);
            self.ask(EffectId::new("note:several-channels"), 0, Act::Note { text });
        }
        let act =
            Act::ReadTicket { ticket_id: entry.ticket_id, side_conversation_id: entry.side_conversation_id.clone() };
        self.ask(EffectId::new("read-ticket"), 0, act);
        self.thread.target = Some(target);
        self.open_channel(0);
    }

    fn open_channel(&mut self, not_before_ms: i64) {
        let Some(target) = self.thread.target.clone() else { return };
        self.thread.told.opens += 1;
        let id = EffectId::new(format!("open-channel:{}", self.thread.told.opens));
        self.effects.push(Effect {
            id,
            order: 0,
            not_before_ms,
            act: Act::OpenChannel { channel: target.channel, shared: target.shared },
        });
    }

    /// The posts of one entry: its text in parts, and a line that names its files.
    fn posts(&self, entry: &SideConversationEvent) -> Vec<Effect> {
        let Some(message) = &entry.message else { return Vec::new() };
        let author = shown_name(&entry.actor);
        let mut parts = text_parts(message.doc(), &message.files, POST_LIMIT);
        if self.at_ms - entry.created_at_ms > LATE_MS
            && let Some(first) = parts.first_mut()
        {
            let (seconds, fallback) = time(entry.created_at_ms);
            *first = format!("{}\n{first}", notice::written_at(seconds, &fallback));
        }
        parts
            .into_iter()
            .enumerate()
            .map(|(i, text)| Effect {
                id: post_id(&entry.id, i),
                order: entry.created_at_ms * 1000 + (i as i64).min(998),
                not_before_ms: 0,
                act: Act::Post { author: author.clone(), text },
            })
            .collect()
    }

    fn answered(&mut self, effect: &EffectId, act: &Act, answer: &Answer) {
        match (act, answer) {
            (Act::ReadTicket { .. }, Answer::TicketRead(read)) => self.ticket_read(read),
            (Act::OpenChannel { .. }, Answer::ChannelOpen { channel }) => self.channel_open(channel.clone()),
            (Act::OpenChannel { .. } | Act::PostCard, Answer::ChannelClosed(problem)) => self.channel_closed(problem),
            (Act::PostCard, Answer::Posted { channel, ts }) => self.card_posted(channel.clone(), ts.clone()),
            (Act::Reply(_), Answer::Replied { readers, left_out, .. }) => self.replied(effect, readers, left_out),
            (Act::Reply(_), Answer::Withheld { outsiders, readers }) => {
                self.show_readers(readers);
                if !self.thread.told.withheld {
                    self.thread.told.withheld = true;
                    // The rule may have changed since the card was drawn, with the same readers.
                    self.update_card();
                    self.tell("withheld".to_owned(), notice::withheld(outsiders), false);
                }
            }
            (Act::AskWho { press }, Answer::Person(person)) => {
                if person.standing != Standing::Member {
                    self.whisper(effect, &press.user, notice::may_not_press(person.standing));
                } else if self.thread.state == press.state
                    || self.thread.asked_state.as_ref().is_some_and(|asked| asked.state == press.state)
                {
                    self.whisper(effect, &press.user, notice::already(press.state));
                } else {
                    let id = EffectId::new(format!("state:{}:{}", press.action_ts, press.user));
                    let order = press.action_ts.parse::<Ts>().map_or(self.at_ms * 1000, |ts| ts.micros());
                    self.thread.asked_state = Some(AskedState { state: press.state, name: person.name.clone() });
                    let act = Act::SetState { state: press.state, user: press.user.clone(), name: person.name.clone() };
                    self.ask(id, order, act);
                }
            }
            (Act::SetState { state, user, .. }, Answer::Done) => {
                self.thread.asked_state = None;
                self.whisper(effect, user, notice::state_changed_meanwhile(*state));
            }
            (Act::SetState { state, name, .. }, Answer::StateSet { updated_at_ms }) => {
                let asked = self.thread.asked_state.take_if(|asked| asked.state == *state).is_some();
                if asked && *updated_at_ms >= self.thread.state_updated_at_ms {
                    self.set_state(*state, *updated_at_ms, name.clone());
                    self.update_card();
                } else {
                    self.ignored = Some(Why::Stale);
                }
            }
            (act, Answer::Parked { reason }) => self.parked(effect, act, reason),
            _ => {}
        }
    }

    fn ticket_read(&mut self, read: &TicketRead) {
        let Place::Preparing { read: is_read, channel } = &mut self.thread.place else {
            self.ignored = Some(Why::Known);
            return;
        };
        *is_read = true;
        let channel = channel.clone();
        self.thread.readers = read.readers.clone();
        let messages: Vec<&SideConversationEvent> =
            read.entries.iter().filter(|entry| entry.message.is_some() && !self.marked(entry)).collect();
        if let Some(first) = messages.first() {
            self.thread.starter = Some(first.actor.clone());
            self.thread.card_entry = Some(first.id.clone());
            if let Some(subject) = first.message.as_ref().and_then(|m| m.subject.clone()).filter(|s| !s.is_empty()) {
                self.thread.subject = subject;
            }
            self.make_card(first, &read.ticket);
            if self.thread.late {
                self.hold_earlier(&messages[1..]);
            }
        } else {
            // The read lags behind the event that led here: the first held post stands in for it.
            self.make_card_from_held(&read.ticket);
        }
        if let Some(channel) = channel {
            self.post_card(channel);
        }
    }

    fn marked(&self, entry: &SideConversationEvent) -> bool {
        entry.message.as_ref().is_some_and(|message| message.marker.is_some())
    }

    fn make_card(&mut self, first: &SideConversationEvent, ticket: &Ticket) {
        let Some(message) = &first.message else { return };
        let asker = shown_name(&first.actor);
        self.thread.held.retain(|effect| !effect.id.as_str().starts_with(post_prefix(&first.id).as_str()));
        let mut parts = text_parts(message.doc(), &message.files, CARD_LIMIT).into_iter();
        let text = parts.next().unwrap_or_default();
        let rest = parts.enumerate().map(|(i, text)| Effect {
            id: post_id(&first.id, i + 1),
            order: first.created_at_ms * 1000 + (i as i64 + 1).min(998),
            not_before_ms: 0,
            act: Act::Post { author: asker.clone(), text },
        });
        self.thread.held.extend(rest);
        self.card = Some(Card { ticket: ticket.clone(), asker, text, written_at_ms: first.created_at_ms });
    }

    fn make_card_from_held(&mut self, ticket: &Ticket) {
        let asker = self.thread.starter.as_ref().and_then(Participant::shown).unwrap_or(notice::SOMEBODY).to_owned();
        self.card = Some(Card { ticket: ticket.clone(), asker, text: String::new(), written_at_ms: self.at_ms });
    }

    /// One folded post with what was said while the side conversation was left alone.
    fn hold_earlier(&mut self, messages: &[&SideConversationEvent]) {
        let held = |thread: &BridgedThread, entry: &SideConversationEvent| {
            thread.held.iter().any(|effect| effect.id.as_str().starts_with(post_prefix(&entry.id).as_str()))
        };
        let earlier: Vec<&&SideConversationEvent> =
            messages.iter().take_while(|entry| !held(&self.thread, entry)).collect();
        let Some(last) = earlier.last() else { return };
        // Before everything that is held, also where it was written in the same millisecond.
        let first_held = self.thread.held.iter().map(|effect| effect.order).min();
        let order = (last.created_at_ms * 1000).min(first_held.unwrap_or(i64::MAX)) - 1000;
        let mut posts: Vec<String> = Vec::new();
        for entry in &earlier {
            let Some(message) = &entry.message else { continue };
            let name = &shown_name(&entry.actor);
            let (seconds, fallback) = time(entry.created_at_ms);
            for (i, text) in text_parts(message.doc(), &message.files, POST_LIMIT - 200).into_iter().enumerate() {
                let text = if i == 0 { notice::earlier_message(name, seconds, &fallback, &text) } else { text };
                match posts.last_mut() {
                    Some(post) if post.chars().count() + text.chars().count() + 2 <= POST_LIMIT => {
                        post.push_str("\n\n");
                        post.push_str(&text);
                    }
                    _ => posts.push(text),
                }
            }
        }
        let effects = posts.into_iter().enumerate().map(|(i, text)| Effect {
            id: EffectId::new(format!("earlier/{i}")),
            order: order + (i as i64).min(998),
            not_before_ms: 0,
            act: Act::Post { author: notice::EARLIER_MESSAGES.to_owned(), text },
        });
        self.thread.held.extend(effects);
    }

    fn channel_open(&mut self, open: ChannelId) {
        let Place::Preparing { read, channel } = &mut self.thread.place else {
            self.ignored = Some(Why::Known);
            return;
        };
        *channel = Some(open.clone());
        if *read {
            self.post_card(open);
        }
    }

    fn post_card(&mut self, channel: ChannelId) {
        self.thread.place = Place::Posting { channel };
        // A card that was refused because its channel closed is a new act when the channel opens again.
        let id = match self.thread.told.opens {
            0 | 1 => "card".to_owned(),
            n => format!("card:{n}"),
        };
        self.ask(EffectId::new(id), i64::MIN / 2, Act::PostCard);
    }

    fn channel_closed(&mut self, problem: &ChannelProblem) {
        match &mut self.thread.place {
            Place::Preparing { channel, .. } => *channel = None,
            Place::Posting { .. } => self.thread.place = Place::Preparing { read: true, channel: None },
            _ => {
                self.ignored = Some(Why::Known);
                return;
            }
        }
        if self.thread.told.channel.as_ref() != Some(problem)
            && let Some(target) = &self.thread.target
        {
            let text = notice::channel_closed(&target.channel, problem);
            let id = EffectId::new(format!("note:channel:{}", self.thread.told.opens));
            self.thread.told.channel = Some(problem.clone());
            self.ask(id, 0, Act::Note { text });
        }
        let wait = REOPEN_FIRST_MS.saturating_mul(1 << self.thread.told.opens.clamp(1, 8).saturating_sub(1));
        self.open_channel(self.at_ms + wait.min(REOPEN_MOST_MS));
    }

    fn card_posted(&mut self, channel: ChannelId, ts: Ts) {
        self.thread.place = Place::Linked { channel, ts };
        self.thread.told.channel = None;
        let held = std::mem::take(&mut self.thread.held);
        self.effects.extend(held);
        if self.thread.card_version > 0 {
            self.update_card();
        }
    }

    fn replied(&mut self, effect: &EffectId, readers: &[Reader], left_out: &[String]) {
        self.show_readers(readers);
        let fresh: Vec<String> =
            left_out.iter().filter(|name| !self.thread.told.left_out.contains(name)).cloned().collect();
        if !fresh.is_empty() {
            self.tell(format!("left-out:{effect}"), notice::left_out(&fresh), false);
            self.thread.told.left_out.extend(fresh);
        }
        if self.thread.state == State::Closed && !self.thread.told.left_done {
            self.thread.told.left_done = true;
            self.tell(format!("left-done:{effect}"), notice::reply_left_it_done(), true);
        }
    }

    /// Shows on the card who reads answers. What was found after a doubtful call says nothing of its readers.
    fn show_readers(&mut self, readers: &[Reader]) {
        let mut readers = readers.to_vec();
        readers.sort();
        let mut shown = self.thread.readers.clone();
        shown.sort();
        if !readers.is_empty() && readers != shown {
            self.thread.readers = readers;
            self.update_card();
        }
    }

    /// What could not be prepared or posted is tried again as a whole, an hour later.
    fn start_over(&mut self, effect: &EffectId, reason: &str) {
        let again = self.at_ms + START_OVER_MS;
        let (read, asks_ticket) = match &self.thread.place {
            Place::Preparing { read, .. } => (*read, effect.as_str().starts_with("read-ticket")),
            Place::Posting { .. } => (true, false),
            _ => {
                self.ignored = Some(Why::Known);
                return;
            }
        };
        if asks_ticket {
            let n = self.thread.told.reads + 1;
            self.thread.told.reads = n;
            self.effects.push(Effect {
                id: EffectId::new(format!("read-ticket:{n}")),
                order: 0,
                not_before_ms: again,
                act: Act::ReadTicket {
                    ticket_id: self.thread.ticket_id,
                    side_conversation_id: self.thread.side_conversation_id.clone(),
                },
            });
        } else {
            self.thread.place = Place::Preparing { read, channel: None };
            self.open_channel(again);
        }
        if !std::mem::replace(&mut self.thread.told.not_posted, true) {
            let text = notice::card_not_posted(reason);
            self.ask(EffectId::new(format!("note:parked:{effect}")), 0, Act::Note { text });
        }
    }

    fn parked(&mut self, effect: &EffectId, act: &Act, reason: &str) {
        match act {
            Act::Reply(reply) => {
                self.tell(format!("parked:{effect}"), notice::reply_not_delivered(reason, &reply.permalink), false);
            }
            Act::SetState { state, user, .. } => {
                self.thread.asked_state = None;
                self.whisper(effect, user, notice::state_not_set(*state, reason));
            }
            Act::Post { author, .. } => {
                let text = notice::post_not_delivered(author, reason);
                self.ask(EffectId::new(format!("note:parked:{effect}")), 0, Act::Note { text });
            }
            Act::PostCard | Act::OpenChannel { .. } | Act::ReadTicket { .. } => self.start_over(effect, reason),
            Act::Tell { text, .. } => {
                let text = notice::not_told_in_slack(text);
                self.ask(EffectId::new(format!("note:parked:{effect}")), 0, Act::Note { text });
            }
            Act::AskWho { press } => self.whisper(effect, &press.user, notice::state_not_set(press.state, reason)),
            Act::Note { text } if self.policy.operator => {
                let text = notice::told_nowhere_else(self.thread.ticket_id, text);
                self.ask(EffectId::new(format!("operator:{effect}")), 0, Act::TellOperator { text });
            }
            _ => {}
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
        self.ask(EffectId::new(id), self.at_ms * 1000, Act::Tell { text, reopen });
    }

    fn whisper(&mut self, cause: &EffectId, user: &SlackUserId, text: String) {
        self.ask(EffectId::new(format!("whisper:{cause}")), 0, Act::Whisper { user: user.clone(), text });
    }

    fn ask(&mut self, id: EffectId, order: i64, act: Act) {
        self.effects.push(Effect { id, order, not_before_ms: 0, act });
    }
}

fn post_prefix(entry: &SideConversationEventId) -> String {
    format!("post:{entry}/")
}

fn post_id(entry: &SideConversationEventId, part: usize) -> EffectId {
    EffectId::new(format!("{}{part}", post_prefix(entry)))
}

fn text_parts(doc: Doc, files: &[String], limit: usize) -> Vec<String> {
    let mut parts = doc.to_mrkdwn(limit);
    if !files.is_empty() {
        let line = notice::files_stay_in_zendesk(files);
        match parts.last_mut() {
            Some(last) if last.chars().count() + line.chars().count() < limit => {
                last.push('\n');
                last.push_str(&line);
            }
            _ => parts.push(line),
        }
    }
    parts
}

/// The name of who acted, cut where nobody has so long a one.
fn shown_name(actor: &Participant) -> String {
    actor.shown().unwrap_or(notice::SOMEBODY).chars().take(NAME_LIMIT).collect()
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A time as Slack's `<!date^…>` wants it: seconds, and a text for clients that cannot show it.
pub fn time(at_ms: i64) -> (i64, String) {
    let shown = jiff::Timestamp::from_millisecond(at_ms)
        .map(|t| t.strftime("%Y-%m-%d %H:%M UTC").to_string())
        .unwrap_or_else(|_| "an unknown time".to_owned());
    (at_ms.div_euclid(1000), shown)
}
