//! What is parked is tried again or given up, when a person wants that.
//!
//! The effect goes back to its old place in its lane, before everything that waits, with a fresh schedule; where it may
//! have been done it is looked for first. What was overtaken stays overtaken.

use super::super::effect::{Act, EffectId};
use super::super::event::{Answer, Asks, Press, Unpark, Wish};
use super::super::ids::{ChannelId, TicketId, Ts};
use super::super::notice;
use super::super::permit::{Action, Kind, Permit, permit};
use super::super::start::Step;
use super::follow_up::{FOLLOW_UP, SEEK_FOLLOW_UP};
use super::merged::CONTINUE_ON;
use super::{AskedState, Deciding, EffectIds, Place, REPLY, Retrying, Why};

impl Deciding<'_> {
    /// The operator's word, or a button's that was pressed when nobody was asked after yet.
    pub(super) fn wished(&mut self, unpark: &Unpark) {
        let Some(user) = &unpark.by else {
            if let Ok(permit) = permit(&self.policy.permissions, Kind::Operator, Action::Retry) {
                self.unpark(permit, unpark);
            }
            return;
        };
        let channel = self.thread.link().map_or_else(|| ChannelId::new(""), |(channel, _)| channel.clone());
        let (effect, notice) = (unpark.effect.clone(), unpark.notice.clone());
        self.pressed(&Press {
            user: user.clone(),
            team: None,
            channel,
            action_ts: self.at_ms.to_string(),
            asks: Asks::Retry { effect, notice, parked: None, blank: false },
        });
    }

    pub(super) fn unpark(&mut self, _permit: Permit, unpark: &Unpark) {
        let Unpark { effect, by, .. } = unpark;
        let trying = self.thread.retrying.iter().any(|other| other.effect == *effect);
        if unpark.blank && !trying {
            return self.unpark_blank(unpark);
        }
        let Some(parked) = unpark.parked.as_deref().filter(|_| !trying) else {
            self.ignored = Some(Why::NotParked);
            if let Some(user) = by {
                let cause = EffectId::new(format!("{effect}:{}", self.at_ms));
                self.whisper(&cause, user, notice::nothing_to_retry());
            }
            return;
        };
        let wish = match unpark.wish {
            Wish::Retry if !self.is_superseded(&parked.act) => Wish::Retry,
            _ => Wish::Drop,
        };
        self.unparked.push((EffectIds::whole(effect), wish));
        if wish == Wish::Drop {
            self.told_given_up(parked);
        }
        if let Act::SeekFollowUp { source, .. } | Act::FollowUp { source, .. } = &parked.act
            && wish == Wish::Drop
        {
            self.seek_no_more(*source);
        }
        let begins = match parked.act {
            Act::ContinueOn { ticket_id, .. } => Some(ticket_id),
            _ => None,
        };
        let text = match wish {
            Wish::Drop => match begins {
                // It was overtaken: the thread is where it was to go, or elsewhere by now.
                Some(_) if unpark.wish == Wish::Retry => notice::continued_after_all(),
                Some(ticket_id) => {
                    self.begin_given_up(ticket_id);
                    notice::not_continued_any_more()
                }
                None => notice::given_up(),
            },
            Wish::Retry => {
                let (notice, by) = (unpark.notice.clone(), by.clone());
                self.thread.retrying.push(Retrying { effect: effect.clone(), notice, by });
                if let Act::SetState { state, name, user } = &parked.act {
                    let (name, user) = (name.clone(), Some(user.clone()));
                    self.thread.asked_state = Some(AskedState { state: *state, name, user });
                }
                match begins {
                    Some(_) => notice::continues_again(),
                    None => notice::tried_again(unpark.by.as_ref()),
                }
            }
        };
        let has_notice = matches!(
            parked.act,
            Act::Reply(_) | Act::SeekFollowUp { .. } | Act::FollowUp { .. } | Act::ContinueOn { .. }
        );
        if let Some(ts) = unpark.notice.as_ref().filter(|_| has_notice) {
            let what = match wish {
                Wish::Retry => "retry",
                Wish::Drop => "drop",
            };
            self.change_tell(&format!("{what}:{effect}"), ts.clone(), text, None);
        }
    }

    /// What it was to do is no longer kept: it is given up whatever is wanted, and its name says what waits for it.
    fn unpark_blank(&mut self, unpark: &Unpark) {
        let Unpark { effect, wish, .. } = unpark;
        self.unparked.push((EffectIds::whole(effect), Wish::Drop));
        let text = match about(effect) {
            Some(About::FollowUp(source)) => {
                self.seek_no_more(source);
                notice::sought_anew()
            }
            Some(About::ContinueOn(ticket_id)) => {
                self.begin_given_up(ticket_id);
                notice::not_continued_any_more()
            }
            Some(About::Reply) if *wish == Wish::Retry => notice::words_no_longer_kept(),
            Some(About::Reply) => notice::given_up(),
            None => return,
        };
        if let Some(ts) = &unpark.notice {
            self.change_tell(&format!("drop:{effect}"), ts.clone(), text, None);
        }
    }

    /// The next reply asks anew; else it would wait without end.
    fn seek_no_more(&mut self, source: TicketId) {
        if self.thread.seeks(source) {
            self.thread.follow_up = None;
        }
    }

    /// Whether what it was to do is done, or was asked for anew: doing it as well would be doing it twice.
    fn is_superseded(&self, act: &Act) -> bool {
        match act {
            Act::PostCard | Act::OpenChannel { .. } | Act::ReadTicket { .. } => true,
            Act::SetState { state, .. } => *state == self.thread.state || self.thread.asked_state.is_some(),
            Act::SeekFollowUp { source, .. } | Act::FollowUp { source, .. } => !self.thread.seeks(*source),
            Act::ContinueOn { ticket_id, .. } => !self.thread.continues_on(*ticket_id),
            Act::LookForStart { .. } => !self.thread.start_wants(Step::Looking),
            Act::CreateSideConversation(_) => !self.thread.start_wants(Step::Creating),
            Act::Reply(_) | Act::Post { .. } => matches!(self.thread.place, Place::Older | Place::LeftAlone),
            _ => false,
        }
    }

    /// Notes that what was being tried again has ended, and shows on its notice that it arrived.
    pub(super) fn tried_again(&mut self, effect: &EffectId, act: &Act, answer: &Answer) -> Option<Retrying> {
        let index = self.thread.retrying.iter().position(|other| other.effect == *effect)?;
        let again = self.thread.retrying.remove(index);
        let text = match answer {
            Answer::Parked { .. } => return Some(again),
            Answer::Started { .. } if matches!(act, Act::ContinueOn { .. }) => notice::continued_after_all(),
            _ if matches!(act, Act::ContinueOn { .. }) => notice::continues_again(),
            Answer::FollowUpNeeded { .. }
            | Answer::FollowUpRefused { .. }
            | Answer::Followed(_)
            | Answer::TicketOpen => notice::follow_up_after_all(),
            Answer::Replied { .. } | Answer::Started { .. } => notice::arrived_after_all(again.by.as_ref()),
            Answer::OfABot => notice::of_an_app(),
            _ => notice::stays_in_slack(),
        };
        if let Some(ts) = &again.notice {
            self.change_tell(&format!("ended:{effect}"), ts.clone(), text, None);
        }
        Some(again)
    }

    pub(super) fn change_tell(&mut self, cause: &str, ts: Ts, text: String, retry: Option<EffectId>) {
        let id = EffectId::new(format!("change:{cause}:{}", self.at_ms));
        self.ask(id, self.at_ms * 1000, Act::ChangeTell { ts, text, retry });
    }

    pub(super) fn tell_with_retry(&mut self, id: String, text: String, retry: Option<EffectId>) {
        self.ask(EffectId::new(id), self.at_ms * 1000, Act::Tell { text, reopen: false, retry, continue_on: None });
    }
}

/// What a call was about whose name alone is known.
enum About {
    FollowUp(TicketId),
    ContinueOn(TicketId),
    Reply,
}

fn about(effect: &EffectId) -> Option<About> {
    let (what, rest) = effect.as_str().split_once(':')?;
    let ticket = || rest.split(':').next()?.parse().ok().map(TicketId);
    match what {
        SEEK_FOLLOW_UP | FOLLOW_UP => ticket().map(About::FollowUp),
        CONTINUE_ON => ticket().map(About::ContinueOn),
        REPLY => Some(About::Reply),
        _ => None,
    }
}
