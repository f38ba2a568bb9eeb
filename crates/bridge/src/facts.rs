//! What each act is, said once.
//!
//! [`Act::facts`] is one match without a wildcard over structs without defaults: a new act does not compile until all of
//! it is said. The engine asks for these facts instead of naming acts; how an act is done and under which of the vendor's
//! budgets it counts is the edges' business.

use super::content::Doc;
use super::effect::{Act, CreateSideConversation, Reply};
use super::ids::{SlackUserId, TicketId};
use super::route::ChannelRef;

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// Slack.
    Slack,
    /// Zendesk.
    Zendesk,
}

impl Vendor {
    /// The word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Vendor::Slack => "slack",
            Vendor::Zendesk => "zendesk",
        }
    }
}

/// How a call is made safe to repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Is looked for before it is repeated: by the id that it carries or, for a state, by what the state is.
    Marked,
    /// Changes nothing, or sets the same thing again.
    Idempotent,
    /// A ticket, under a key that lives for a while: the same request makes no second one. Later it is looked for.
    Ticket {
        /// When it was attempted for the first time at the earliest, in milliseconds since 1970.
        key_lives_from_ms: i64,
    },
    /// Never repeated once it may have been done.
    AtMostOnce,
}

/// What has to stand in Slack before an act can be done; until then it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// The thread, within reach.
    Thread,
}

/// What people have of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// A person's words, from one side to the other. People wait for them, and are told if they take long.
    Words,
    /// Nothing by itself, but words wait for it; people are told if it takes long.
    WhatWordsWaitFor,
    /// What the app itself has to say or to do.
    Nothing,
}

/// What may travel in one call, or be looked for in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Travels {
    /// With its neighbours of the same lane.
    WithOthers,
    /// Alone, but it is looked for together with its neighbours.
    FoundWithOthers,
    /// Alone.
    Alone,
}

/// For whom acts are gathered: one of them does what all of them were to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reader<'a> {
    /// Those who read the thread's ticket.
    Ticket,
    /// One person in Slack.
    Person(&'a SlackUserId),
}

/// A question of which one answer serves all who ask meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question<'a> {
    /// Where a channel is, and whether the app may post there.
    Channel {
        /// As the settings or an address name it.
        channel: &'a ChannelRef,
        /// Whether it may be shared with another firm.
        shared: bool,
    },
}

/// What becomes of an act that is still to be done when its ticket is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    /// It says nothing of the ticket but its number, and is done.
    Done,
    /// It is given up.
    GivenUp,
    /// It is done without what it need not say.
    Rewritten,
    /// It is done as it is, because others wait for it; the command names it.
    Holds,
}

/// The words that an act carries or says.
#[derive(Clone, Copy, Debug)]
pub enum Says<'a> {
    /// None.
    Nothing,
    /// A text.
    Text(&'a str),
    /// A document, and the names of files.
    Doc(&'a Doc, &'a [String]),
}

/// What an act is.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// A short name for logs and metrics.
    pub name: &'static str,
    /// Whom it is done to.
    pub vendor: Vendor,
    /// How it is made safe to repeat.
    pub class: Class,
    /// Whether it keeps its order among others of the same thread and vendor. Notices and reads do not; changes of a
    /// notice do, so that the last one stays.
    pub in_lane: bool,
    /// What has to stand in Slack first.
    pub needs: Needs,
    /// Whether it shows the thread's card.
    pub shows_card: bool,
    /// What people have of it.
    pub carries: Carries,
    /// What may travel in one call.
    pub travels: Travels,
    /// For whom it is gathered.
    pub gathers: Option<Reader<'a>>,
    /// The closed ticket that one thread at a time may look at for all.
    pub claims: Option<TicketId>,
    /// The question that it asks.
    pub asks: Option<Question<'a>>,
    /// What becomes of it when its ticket is erased.
    pub erased: Erased,
    /// What it says.
    pub says: Says<'a>,
}

impl Act {
    /// What it is.
    pub fn facts(&self) -> Facts<'_> {
        match self {
            Act::ReadTicket { .. } => Facts {
                name: "read_ticket",
                vendor: Vendor::Zendesk,
                class: Class::Idempotent,
                in_lane: false,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::Done,
                says: Says::Nothing,
            },
            Act::OpenChannel { channel, shared } => Facts {
                name: "open_channel",
                vendor: Vendor::Slack,
                class: Class::Idempotent,
                in_lane: false,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::WhatWordsWaitFor,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: Some(Question::Channel { channel, shared: *shared }),
                erased: Erased::Done,
                says: Says::Nothing,
            },
            Act::PostCard => Facts {
                name: "post_card",
                vendor: Vendor::Slack,
                class: Class::Marked,
                in_lane: true,
                needs: Needs::Nothing,
                shows_card: true,
                carries: Carries::Words,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::Done,
                says: Says::Nothing,
            },
            Act::UpdateCard => Facts {
                name: "update_card",
                vendor: Vendor::Slack,
                class: Class::Idempotent,
                in_lane: true,
                needs: Needs::Thread,
                shows_card: true,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::Done,
                says: Says::Nothing,
            },
            Act::Post { text, .. } => Facts {
                name: "post",
                vendor: Vendor::Slack,
                class: Class::Marked,
                in_lane: true,
                needs: Needs::Thread,
                shows_card: false,
                carries: Carries::Words,
                travels: Travels::WithOthers,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::GivenUp,
                says: Says::Text(text),
            },
            Act::Tell { text, .. } => Facts {
                name: "tell",
                vendor: Vendor::Slack,
                class: Class::Marked,
                in_lane: false,
                needs: Needs::Thread,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::GivenUp,
                says: Says::Text(text),
            },
            Act::ChangeTell { text, .. } => Facts {
                name: "change_tell",
                vendor: Vendor::Slack,
                class: Class::Idempotent,
                in_lane: true,
                needs: Needs::Thread,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::GivenUp,
                says: Says::Text(text),
            },
            Act::TakeBack { .. } => Facts {
                name: "take_back",
                vendor: Vendor::Slack,
                class: Class::Idempotent,
                in_lane: true,
                needs: Needs::Thread,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::Done,
                says: Says::Nothing,
            },
            Act::Whisper { text, .. } => Facts {
                name: "whisper",
                vendor: Vendor::Slack,
                class: Class::AtMostOnce,
                in_lane: false,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::Holds,
                says: Says::Text(text),
            },
            Act::TellOperator { text } => Facts {
                name: "tell_operator",
                vendor: Vendor::Slack,
                class: Class::Marked,
                in_lane: false,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::Holds,
                says: Says::Text(text),
            },
            Act::AskWho { .. } => Facts {
                name: "ask_who",
                vendor: Vendor::Slack,
                class: Class::Idempotent,
                in_lane: false,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::Done,
                says: Says::Nothing,
            },
            Act::Reply(Reply { doc, files, .. }) => Facts {
                name: "reply",
                vendor: Vendor::Zendesk,
                class: Class::Marked,
                in_lane: true,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Words,
                travels: match files.is_empty() {
                    true => Travels::WithOthers,
                    false => Travels::FoundWithOthers,
                },
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::GivenUp,
                says: Says::Doc(doc, files),
            },
            Act::SetState { .. } => Facts {
                name: "set_state",
                vendor: Vendor::Zendesk,
                class: Class::Marked,
                in_lane: true,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::Holds,
                says: Says::Nothing,
            },
            Act::SeekFollowUp { source, .. } => Facts {
                name: "seek_follow_up",
                vendor: Vendor::Zendesk,
                class: Class::Idempotent,
                in_lane: true,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: Some(*source),
                asks: None,
                erased: Erased::Done,
                says: Says::Nothing,
            },
            Act::FollowUp { source, decided_at_ms, .. } => Facts {
                name: "follow_up",
                vendor: Vendor::Zendesk,
                class: Class::Ticket { key_lives_from_ms: *decided_at_ms },
                in_lane: true,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: Some(*source),
                asks: None,
                erased: Erased::Holds,
                says: Says::Nothing,
            },
            Act::ContinueOn { .. } => Facts {
                name: "continue_on",
                vendor: Vendor::Zendesk,
                class: Class::Marked,
                in_lane: true,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::Rewritten,
                says: Says::Nothing,
            },
            Act::LookForStart { .. } => Facts {
                name: "look_for_start",
                vendor: Vendor::Zendesk,
                class: Class::Idempotent,
                in_lane: false,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::WhatWordsWaitFor,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::GivenUp,
                says: Says::Nothing,
            },
            Act::CreateSideConversation(CreateSideConversation { doc, .. }) => Facts {
                name: "create_side_conversation",
                vendor: Vendor::Zendesk,
                class: Class::Marked,
                in_lane: true,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Words,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::GivenUp,
                says: Says::Doc(doc, &[]),
            },
            Act::TellStarter { text, .. } => Facts {
                name: "tell_starter",
                vendor: Vendor::Slack,
                class: Class::Marked,
                in_lane: false,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::GivenUp,
                says: Says::Text(text),
            },
            Act::Note { text } => Facts {
                name: "note",
                vendor: Vendor::Zendesk,
                class: Class::Marked,
                in_lane: false,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: Some(Reader::Ticket),
                claims: None,
                asks: None,
                erased: Erased::GivenUp,
                says: Says::Text(text),
            },
            Act::SetTicket { .. } => Facts {
                name: "set_ticket",
                vendor: Vendor::Zendesk,
                class: Class::Idempotent,
                in_lane: false,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::Done,
                says: Says::Nothing,
            },
            Act::ReadSaid => Facts {
                name: "read_said",
                vendor: Vendor::Zendesk,
                class: Class::Idempotent,
                in_lane: false,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::Done,
                says: Says::Nothing,
            },
            Act::FindAssignee => Facts {
                name: "find_assignee",
                vendor: Vendor::Zendesk,
                class: Class::Idempotent,
                in_lane: false,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: None,
                claims: None,
                asks: None,
                erased: Erased::Done,
                says: Says::Nothing,
            },
            Act::Notify { user, .. } => Facts {
                name: "notify",
                vendor: Vendor::Slack,
                class: Class::Marked,
                in_lane: false,
                needs: Needs::Nothing,
                shows_card: false,
                carries: Carries::Nothing,
                travels: Travels::Alone,
                gathers: Some(Reader::Person(user)),
                claims: None,
                asks: None,
                erased: Erased::Rewritten,
                says: Says::Nothing,
            },
        }
    }

    /// Whom it is done to.
    pub fn vendor(&self) -> Vendor {
        self.facts().vendor
    }

    /// Whether it is done in a thread that stands in Slack, and waits while there is none or it is out of reach.
    pub fn needs_thread(&self) -> bool {
        self.facts().needs == Needs::Thread
    }
}

impl Facts<'_> {
    /// Whether people wait for it, and are told if it takes long.
    pub fn is_awaited(&self) -> bool {
        self.carries != Carries::Nothing
    }

    /// Whether it carries a person's words from one side to the other.
    pub fn carries_words(&self) -> bool {
        self.carries == Carries::Words
    }
}
