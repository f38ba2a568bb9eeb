//! That a thread was asked and answered is noticed: the ticket changes as the settings say, and its assignee is told.
//!
//! One change of the ticket is under way at a time, so that "asked" never comes after "answered"; what happens meanwhile
//! asks for one more change, which looks first and most often finds nothing to do. The assignee is looked up when there is
//! something to tell, and again when their quiet hours are over: it may be somebody else by then.

use serde::{Deserialize, Serialize};

use super::super::effect::{Act, Effect, EffectId};
use super::super::event::{Answer, Assignee};
use super::super::ids::{ChannelId, SlackUserId, Ts};
use super::super::news::News;
use super::super::notice;
use super::super::rules::TicketChange;
use super::{Deciding, Why};

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
    /// The reading that leads to the note which keeps the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<EffectId>,
    /// When the last message was written that such a note holds, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub kept_until_ms: i64,
    /// Who answered since the assignee was last told, once for each answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<SlackUserId>,
    /// The look-up of the assignee that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<EffectId>,
    /// Whether it was told that the assignee could not be told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told_untold: bool,
    /// Messages that were deleted in Slack and may still be on their way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<(Ts, ChannelId)>,
}

impl Noticed {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Noticed::default()
    }
}

fn is_zero(n: &i64) -> bool {
    *n == 0
}

impl Deciding<'_> {
    /// The question stands in Slack.
    pub(super) fn question_stands(&mut self) {
        if let Some(change) = self.policy.rules.on_ask.clone() {
            self.change_ticket(EffectId::new("ticket:asked"), change);
        }
    }

    /// What somebody wrote in Slack stands in the side conversation.
    pub(super) fn answer_is_in_ticket(&mut self, reply: &EffectId, by: &SlackUserId) {
        self.ticket_is_answered(reply);
        if self.policy.rules.notify.is_some() {
            self.thread.noticed.answers.push(by.clone());
            if self.thread.noticed.finding.is_none() {
                self.find_assignee(EffectId::new(format!("assignee:{reply}")), 0);
            }
        }
    }

    fn ticket_is_answered(&mut self, reply: &EffectId) {
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

    pub(super) fn rule_applied(&mut self, effect: &EffectId, answer: &Answer) {
        if let Answer::Parked { reason, .. } = answer
            && !std::mem::replace(&mut self.thread.noticed.told_unchanged, true)
        {
            let text = notice::ticket_not_changed(reason);
            match self.policy.operator {
                true => self.tell_operator(effect, &text),
                false => self.ask(EffectId::new(format!("note:parked:{effect}")), 0, Act::Note { text }),
            }
        }
        self.thread.noticed.changing = None;
        if let Some(reply) = self.thread.noticed.answered_meanwhile.take() {
            self.ticket_is_answered(&reply);
        }
    }

    fn find_assignee(&mut self, id: EffectId, not_before_ms: i64) {
        self.thread.noticed.finding = Some(id.clone());
        self.effects.push(Effect { id, order: self.at_ms * 1000, not_before_ms, act: Act::FindAssignee });
    }

    pub(super) fn assignee_found(&mut self, effect: &EffectId, answer: &Answer) {
        self.thread.noticed.finding = None;
        let Answer::Assignee(Assignee { user, offset_secs }) = answer else {
            // Nobody to tell; or it could not be found out, and a person may have it tried again.
            if !matches!(answer, Answer::Parked { .. }) {
                self.thread.noticed.answers.clear();
            }
            return;
        };
        self.thread.noticed.answers.retain(|by| by != user);
        let Some(link) = self.thread_link().filter(|_| !self.thread.noticed.answers.is_empty()) else {
            self.ignored = Some(Why::Known);
            return;
        };
        let quiet = self.policy.rules.notify.and_then(|notify| notify.quiet);
        let wait_ms = quiet.map_or(0, |quiet| quiet.left_ms(self.at_ms, *offset_secs));
        if wait_ms > 0 {
            let until = self.at_ms + wait_ms;
            return self.find_assignee(EffectId::new(format!("assignee:quiet:{until}:{user}")), until);
        }
        let answers = std::mem::take(&mut self.thread.noticed.answers);
        let mut by: Vec<SlackUserId> = Vec::new();
        for one in &answers {
            if !by.contains(one) {
                by.push(one.clone());
            }
        }
        let news = News {
            ticket_id: self.thread.ticket_id,
            subject: self.thread.subject.clone(),
            link,
            by,
            by_others: false,
            answers: answers.len() as u32,
        };
        let id = EffectId::new(format!("notify:{user}:{effect}"));
        self.ask(
            id,
            self.at_ms * 1000,
            Act::Notify { user: user.clone(), news: vec![news], told: Vec::new(), message: None },
        );
    }

    pub(super) fn assignee_not_told(&mut self, effect: &EffectId, reason: &str) {
        if self.policy.operator && !std::mem::replace(&mut self.thread.noticed.told_untold, true) {
            self.tell_operator(effect, &notice::assignee_not_told(reason));
        }
    }

    pub(super) fn tell_operator(&mut self, cause: &EffectId, text: &str) {
        let text = notice::told_nowhere_else(self.thread.ticket_id, text);
        self.ask(EffectId::new(format!("operator:{cause}")), 0, Act::TellOperator { text });
    }

    pub(super) fn operator(&mut self, about: &str, text: &str) {
        match self.policy.operator {
            true => {
                self.ask(EffectId::new(format!("operator:{about}")), 0, Act::TellOperator { text: text.to_owned() })
            }
            false => self.ignored = Some(Why::Stale),
        }
    }

    /// The thread's address for people.
    pub(super) fn thread_link(&self) -> Option<String> {
        let (channel, ts) = self.thread.link()?;
        let ts = ts.as_str().replace('.', "");
        Some(format!("{}archives/{channel}/p{ts}", self.policy.slack_url))
    }
}
