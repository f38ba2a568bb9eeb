//! That a thread was asked and answered is noticed: the ticket changes as the settings say.
//!
//! One change is under way at a time, so that "asked" never comes after "answered"; what happens meanwhile asks for one
//! more change, which looks first and most often finds nothing to do.

use serde::{Deserialize, Serialize};

use super::super::effect::{Act, EffectId};
use super::super::event::Answer;
use super::super::notice;
use super::super::rules::TicketChange;
use super::Deciding;

/// What came of it that a thread was asked and answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Noticed {
    /// The change of the ticket that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changing: Option<EffectId>,
    /// The reply that reached the ticket meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_meanwhile: Option<EffectId>,
    /// Whether it was told that the ticket could not be changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told_unchanged: bool,
}

impl Noticed {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Noticed::default()
    }
}

impl Deciding<'_> {
    /// The question stands in Slack.
    pub(super) fn question_stands(&mut self) {
        if let Some(change) = self.policy.rules.on_ask.clone() {
            self.change_ticket(EffectId::new("ticket:asked"), change);
        }
    }

    /// A reply stands in the side conversation.
    pub(super) fn answer_is_in_ticket(&mut self, reply: &EffectId) {
        let Some(change) = self.policy.rules.on_answer.clone() else { return };
        match &self.thread.noticed.changing {
            Some(_) => self.thread.noticed.answered_meanwhile = Some(reply.clone()),
            None => self.change_ticket(EffectId::new(format!("ticket:answered:{reply}")), change),
        }
    }

    fn change_ticket(&mut self, id: EffectId, change: TicketChange) {
        self.thread.noticed.changing = Some(id.clone());
        self.ask(id, self.at_ms * 1000, Act::SetTicket { change });
    }

    pub(super) fn ticket_changed(&mut self, effect: &EffectId, answer: &Answer) {
        if let Answer::Parked { reason, .. } = answer
            && !std::mem::replace(&mut self.thread.noticed.told_unchanged, true)
        {
            let text = notice::ticket_not_changed(reason);
            match self.policy.operator {
                true => {
                    let text = notice::told_nowhere_else(self.thread.ticket_id, &text);
                    self.ask(EffectId::new(format!("operator:{effect}")), 0, Act::TellOperator { text });
                }
                false => self.ask(EffectId::new(format!("note:parked:{effect}")), 0, Act::Note { text }),
            }
        }
        self.thread.noticed.changing = None;
        if let Some(reply) = self.thread.noticed.answered_meanwhile.take() {
            self.answer_is_in_ticket(&reply);
        }
    }
}
