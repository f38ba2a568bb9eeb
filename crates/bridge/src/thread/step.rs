//! What comes of an event.

use super::super::effect::{Effect, EffectId};
use super::super::event::Wish;
use super::{BridgedThread, Card};

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
    /// It is not parked, or is being tried again already.
    NotParked,
    /// It is a notice that its ticket does not take, and nobody else is named to whom it could be said.
    ToldNowhere,
}

impl Why {
    /// All of them.
    pub const ALL: [Why; 9] = [
        Why::Older,
        Why::NotRouted,
        Why::Echo,
        Why::Known,
        Why::Stale,
        Why::Empty,
        Why::NotLinked,
        Why::NotParked,
        Why::ToldNowhere,
    ];

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
            Why::NotParked => "not_parked",
            Why::ToldNowhere => "told_nowhere",
        }
    }
}

/// Effects of a thread, by their names: from the first to the last in the order of letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectIds {
    /// The first.
    pub from: EffectId,
    /// The last.
    pub to: EffectId,
}

impl EffectIds {
    /// One effect; of a message in parts all parts of it, because they stand and fall together.
    pub fn whole(effect: &EffectId) -> Self {
        match effect.as_str().rsplit_once('/') {
            Some((message, _)) if message.starts_with("post:") || message == "earlier" => EffectIds {
                from: EffectId::new(format!("{message}/")),
                // Behind every number.
                to: EffectId::new(format!("{message}/~")),
            },
            _ => EffectIds { from: effect.clone(), to: effect.clone() },
        }
    }
}

/// A Slack message whose words are kept no longer, and are not sent unless they may have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The effect that carries or carried it.
    pub effect: EffectId,
    /// The key under which it came.
    pub key: String,
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
    /// What is parked no longer.
    pub unparked: Vec<(EffectIds, Wish)>,
    /// What is parked because it goes on where something parked leaves off.
    pub held_back: Vec<EffectIds>,
    /// Whose words are kept no longer.
    pub forgotten: Vec<Forgotten>,
    /// Why nothing, if nothing.
    pub ignored: Option<Why>,
}
