//! What takes long is told once for a thread, and taken back when it arrived.
//!
//! The thread is told what is not in the ticket yet; that notice is deleted when it has arrived. What is not in Slack
//! yet cannot be told in Slack: the ticket is told, and told again when it has arrived, because a note stays.

use super::super::effect::{Act, Effect, EffectId, Vendor};
use super::super::event::{Answer, Late};
use super::super::ids::Ts;
use super::super::notice;
use super::super::start::Step;
use super::{BridgedThread, Deciding, NotInSlack, NotInTicket, Place, Why};

const TELL: &str = "late:";
const NOTE: &str = "note:late:";

impl BridgedThread {
    /// Whether an effect still has something to do: a notice that words are late has not, once they have arrived, nor has
    /// what looks for a follow-up, once the thread goes on.
    pub fn wants(&self, effect: &Effect) -> bool {
        match &effect.act {
            Act::SeekFollowUp { source, .. } | Act::FollowUp { source, .. } => self.seeks(*source),
            Act::ContinueOn { ticket_id, .. } => self.continues_on(*ticket_id),
            Act::LookForStart { .. } => self.start_wants(Step::Looking),
            Act::CreateSideConversation(_) => self.start_wants(Step::Creating),
            Act::Tell { .. } if effect.id.as_str().starts_with(TELL) => {
                self.not_in_ticket.as_ref().is_some_and(|late| late.tell == effect.id)
            }
            Act::Note { .. } if effect.id.as_str().starts_with(NOTE) => {
                self.not_in_slack.as_ref().is_some_and(|late| late.note == effect.id)
            }
            Act::Note { .. } => !self.is_withdrawn(&effect.id),
            Act::ReadSaid => self.still_wants_summary(&effect.id),
            _ => true,
        }
    }
}

impl Deciding<'_> {
    pub(super) fn late(&mut self, late: &Late) {
        if self.thread.starting().is_some() && late.waits {
            return self.start_is_late(&late.effect);
        }
        let told = matches!(self.thread.place, Place::Preparing { .. } | Place::Posting { .. })
            && (self.thread.told.channel.is_some() || self.thread.told.not_posted);
        let tried_again = self.thread.retrying.iter().any(|again| again.effect == late.effect);
        let out_of_reach = late.vendor == Vendor::Slack && self.thread.unreachable.is_some();
        let gone = late.vendor == Vendor::Zendesk && self.thread.gone.is_some();
        // It waits for somebody to press the button, of which the thread was told.
        let proposed = self.thread.follow_up.as_ref().is_some_and(|follow_up| follow_up.is_proposed());
        let proposed = late.vendor == Vendor::Zendesk && proposed;
        if !late.waits || told || tried_again || out_of_reach || gone || proposed {
            self.ignored = Some(Why::Stale);
            return;
        }
        match late.vendor {
            Vendor::Zendesk => match &mut self.thread.not_in_ticket {
                Some(known) => known.last = known.last.max(late.order),
                None => {
                    let tell = EffectId::new(format!("{TELL}{}", late.effect));
                    self.thread.not_in_ticket =
                        Some(NotInTicket { last: late.order, tell: tell.clone(), notice: None });
                    self.tell(tell.to_string(), notice::not_in_ticket_yet(), false);
                }
            },
            Vendor::Slack => match &mut self.thread.not_in_slack {
                Some(known) => known.last = known.last.max(late.order),
                None => {
                    let note = EffectId::new(format!("{NOTE}{}", late.effect));
                    self.thread.not_in_slack = Some(NotInSlack { last: late.order, note: note.clone(), noted: false });
                    let text = notice::not_in_slack_yet(&self.thread.subject);
                    self.ask(note, 0, Act::Note { text });
                }
            },
        }
    }

    /// What became of a call ends that words are late, or is the notice of it.
    pub(super) fn no_longer_late(&mut self, effect: &EffectId, order: i64, act: &Act, answer: &Answer) {
        match (act, answer) {
            (Act::Reply(_), _) => {
                if let Some(late) = self.thread.not_in_ticket.take_if(|late| order >= late.last)
                    && let Some(ts) = late.notice
                {
                    self.take_back(&late.tell, ts);
                }
            }
            (Act::Tell { .. }, Answer::Posted { ts, .. }) if effect.as_str().starts_with(TELL) => {
                match self.thread.not_in_ticket.as_mut().filter(|late| late.tell == *effect) {
                    Some(late) => late.notice = Some(ts.clone()),
                    None => self.take_back(effect, ts.clone()),
                }
            }
            (Act::PostCard | Act::Post { .. }, Answer::Posted { .. } | Answer::Parked { .. }) => {
                let is_card = matches!(act, Act::PostCard);
                let arrived = matches!(answer, Answer::Posted { .. });
                if let Some(late) = self.thread.not_in_slack.take_if(|late| is_card || order >= late.last)
                    && late.noted
                    && arrived
                {
                    let id = EffectId::new(format!("note:arrived:{}", late.note));
                    let text = notice::in_slack_after_all(&self.thread.subject);
                    self.ask(id, 0, Act::Note { text });
                }
            }
            (Act::Note { .. }, Answer::Done) => {
                if let Some(late) = self.thread.not_in_slack.as_mut().filter(|late| late.note == *effect) {
                    late.noted = true;
                }
            }
            _ => {}
        }
    }

    /// The last message that was told to be late is deleted: nobody waits for it. What is late before it is told anew.
    pub(super) fn awaited_no_more(&mut self, ts: &Ts) {
        if let Some(late) = self.thread.not_in_ticket.take_if(|late| late.last == ts.micros())
            && let Some(ts) = late.notice
        {
            self.take_back(&late.tell, ts);
        }
    }

    fn take_back(&mut self, told: &EffectId, ts: Ts) {
        let id = EffectId::new(format!("take-back:{told}"));
        self.ask(id, self.at_ms * 1000, Act::TakeBack { ts, text: notice::in_ticket_after_all() });
    }
}
