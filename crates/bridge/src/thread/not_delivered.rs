//! What did not reach Slack is told on the ticket, and told again when it arrived after all, because a note stays.
//!
//! A note may wait ten minutes for its turn ("one note at a time"): one that is not true any more by then is withdrawn. A
//! message may arrive while its note is being written, so which of the two holds is known when the note has ended.

use serde::{Deserialize, Serialize};

use super::super::content::{Doc, Nameless};
use super::super::effect::{Act, Effect, EffectId};
use super::super::event::Answer;
use super::super::notice::{self, Which};
use super::{BridgedThread, Deciding, EffectIds, time_with_offset};

/// How the effects are called that tell of it.
const NOTE: &str = "note:undelivered:";
const POST: &str = "post:";
/// How many are remembered; what is forgotten is not told to have arrived.
const MOST: usize = 50;

/// Words of which the ticket is told that they did not reach Slack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotDelivered {
    /// What carries them.
    pub effect: EffectId,
    /// How far the telling has come.
    #[serde(default)]
    pub note: NoteStands,
}

/// How far the telling has come of words that did not reach Slack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteStands {
    /// The note is on its way.
    #[default]
    OnItsWay,
    /// It is on the ticket.
    OnTicket,
    /// It is on its way and not true any more: the words have arrived.
    Overtaken,
    /// It is on its way and not needed any more: the words were given up, which is told.
    GivenUp,
}

impl NotDelivered {
    fn is_withdrawn(&self) -> bool {
        matches!(self.note, NoteStands::Overtaken | NoteStands::GivenUp)
    }
}

impl BridgedThread {
    /// Whether a note tells of what is settled by now.
    pub(super) fn is_withdrawn(&self, note: &EffectId) -> bool {
        let about = note.as_str().strip_prefix(NOTE);
        about.is_some_and(|about| {
            self.not_delivered.iter().any(|one| one.effect.as_str() == about && one.is_withdrawn())
        })
    }

    /// Whether a note is withdrawn that was not before.
    pub fn withdraws_a_note_since(&self, before: &BridgedThread) -> bool {
        let new = |one: &NotDelivered| one.is_withdrawn() && !before.not_delivered.contains(one);
        self.not_delivered.iter().any(new)
    }
}

impl Deciding<'_> {
    /// The ticket is to be told that an effect's words did not reach Slack.
    pub(super) fn note_not_delivered(&mut self, effect: &EffectId, text: String) {
        let known = &mut self.thread.not_delivered;
        if known.iter().all(|one| one.effect != *effect) {
            if known.len() >= MOST
                && let Some(at) = known.iter().position(|one| one.note == NoteStands::OnTicket)
            {
                known.remove(at);
            }
            known.push(NotDelivered { effect: effect.clone(), note: NoteStands::OnItsWay });
        }
        self.ask(EffectId::new(format!("{NOTE}{effect}")), 0, Act::Note { text });
    }

    /// What became of a call settles what was told of it, or is the end of the note that tells it.
    pub(super) fn told_truly(&mut self, effect: &EffectId, order: i64, act: &Act, answer: &Answer) {
        match (act, answer) {
            (Act::Tell { .. }, Answer::Posted { .. }) => {
                self.is_settled(effect, NoteStands::Overtaken);
            }
            (Act::Post { .. }, Answer::Posted { .. }) if self.is_settled(effect, NoteStands::Overtaken) => {
                let text = self.which(order, act, notice::post_delivered_after_all);
                self.ask(arrived(effect), 0, Act::Note { text });
            }
            // The notice of it could not be shown.
            (Act::Reply(_), Answer::Replied { .. } | Answer::Started { .. }) => {
                self.is_settled(&EffectId::new(format!("parked:{effect}")), NoteStands::Overtaken);
            }
            (Act::Note { .. }, answer) if !matches!(answer, Answer::Parked { .. }) => {
                let about = effect.as_str().strip_prefix(NOTE);
                let known = &mut self.thread.not_delivered;
                let Some(at) = known.iter().position(|one| Some(one.effect.as_str()) == about) else { return };
                let written = *answer == Answer::Done;
                match known[at].note {
                    NoteStands::OnItsWay | NoteStands::OnTicket if written => known[at].note = NoteStands::OnTicket,
                    NoteStands::Overtaken if written && known[at].effect.as_str().starts_with(POST) => {
                        let about = known.remove(at).effect;
                        let text = notice::delivered_after_all(&self.thread.subject);
                        self.ask(arrived(&about), 0, Act::Note { text });
                    }
                    _ => {
                        known.remove(at);
                    }
                }
            }
            _ => {}
        }
    }

    /// Nobody tries an effect again: what was to be told of it is told so, unless it was told already.
    pub(super) fn told_given_up(&mut self, parked: &Effect) {
        let whole = EffectIds::whole(&parked.id);
        let is_of_it = |one: &&NotDelivered| (&whole.from..=&whole.to).contains(&&one.effect);
        let Some(of_it) = self.thread.not_delivered.iter().find(is_of_it).map(|one| one.effect.clone()) else { return };
        let told = self.is_settled(&of_it, NoteStands::GivenUp);
        if !told && matches!(parked.act, Act::Post { .. }) {
            let text = self.which(parked.order, &parked.act, notice::post_given_up);
            self.ask(EffectId::new(format!("note:given-up:{of_it}")), 0, Act::Note { text });
        }
    }

    /// Whether the ticket was told of what is settled with this; where it was not, its note is withdrawn.
    fn is_settled(&mut self, effect: &EffectId, so: NoteStands) -> bool {
        let known = &mut self.thread.not_delivered;
        let Some(at) = known.iter().position(|one| one.effect == *effect) else { return false };
        if known[at].note == NoteStands::OnTicket {
            known.remove(at);
            return true;
        }
        known[at].note = so;
        false
    }

    /// A sentence about a message from Zendesk.
    pub(super) fn which(&self, order: i64, act: &Act, say: impl Fn(&Which<'_>) -> String) -> String {
        let (author, text) = match act {
            Act::Post { author, text, .. } => (author.as_str(), text.as_str()),
            _ => (notice::SOMEBODY, ""),
        };
        say(&Which {
            subject: &self.thread.subject,
            author,
            written: &time_with_offset(order / 1000),
            words: &Doc::from_slack(text, None, None).to_plain(&Nameless),
            link: self.thread_link().as_deref(),
        })
    }
}

fn arrived(effect: &EffectId) -> EffectId {
    EffectId::new(format!("note:arrived:{effect}"))
}
