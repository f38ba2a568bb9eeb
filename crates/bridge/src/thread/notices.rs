//! What people are told of what was not delivered.

use super::super::effect::{Act, EffectId};
use super::super::event::Asks;
use super::super::notice;
use super::entry::PRESSED;
use super::{Deciding, EffectIds, Retrying, Why};

impl Deciding<'_> {
    /// Its `reason` may leave in doubt whether it was done.
    pub(super) fn parked(
        &mut self,
        (effect, order): (&EffectId, i64),
        act: &Act,
        (reason, doubtful): (&str, bool),
        again: Option<Retrying>,
    ) {
        match act {
            Act::Reply(reply) => {
                let text = notice::reply_not_delivered(reason, &reply.permalink, doubtful);
                let retry = Some(effect.clone());
                let at = self.at_ms;
                match again {
                    Some(Retrying { notice: Some(ts), .. }) => {
                        self.change_tell(&format!("parked:{effect}"), ts, text, retry)
                    }
                    Some(_) => self.tell_with_retry(format!("parked:{effect}:{at}"), text, retry),
                    None => self.tell_with_retry(format!("parked:{effect}"), text, retry),
                }
            }
            Act::LookForStart { .. }
            | Act::CreateSideConversation(_)
            | Act::SeekFollowUp { .. }
            | Act::FollowUp { .. }
                if self.thread.starting().is_some() =>
            {
                self.start_parked(effect, reason, doubtful);
            }
            Act::SeekFollowUp { source, .. } | Act::FollowUp { source, .. } => {
                self.no_follow_up(effect, *source, reason, again);
            }
            Act::ContinueOn { ticket_id, .. } => self.not_begun(effect, *ticket_id, reason, again),
            Act::SetState { state, user, .. } => {
                self.thread.asked_state = None;
                self.whisper(effect, user, notice::state_not_set(*state, reason));
            }
            Act::Post { .. } => {
                // What follows it would not be understood without it.
                self.held_back.push(EffectIds::whole(effect));
                let text = self.which(order, act, |which| notice::post_not_delivered(which, reason, doubtful));
                self.note_not_delivered(effect, text);
            }
            Act::PostCard | Act::OpenChannel { .. } | Act::ReadTicket { .. } => self.start_over(effect, reason),
            Act::Tell { text, .. } => {
                let text = notice::not_told_in_slack(&self.thread.subject, text, doubtful);
                self.note_not_delivered(effect, text);
            }
            Act::AskWho { press } => {
                let text = match &press.asks {
                    Asks::State(state) => notice::state_not_set(*state, reason),
                    Asks::ContinueOn { .. } => notice::cannot_continue(reason),
                    Asks::Retry { .. } => notice::cannot_retry(reason),
                    Asks::StartOnFollowUp => notice::start_refused(reason, ""),
                };
                self.whisper(effect, &press.user, text);
            }
            Act::Note { .. } if effect.as_str().starts_with(PRESSED) => {}
            Act::Note { text } if self.policy.operator => self.tell_operator(effect, text),
            _ => {}
        }
    }

    /// A closed ticket never takes this note: nothing is left for a person to try again.
    pub(super) fn note_not_taken(&mut self, effect: &EffectId, text: &str) {
        match self.policy.operator {
            // Whoever looks at a closed ticket has its thread, which says it.
            _ if effect.as_str().starts_with(PRESSED) => self.ignored = Some(Why::Stale),
            true => self.tell_operator(effect, text),
            false => self.ignored = Some(Why::ToldNowhere),
        }
    }
}
