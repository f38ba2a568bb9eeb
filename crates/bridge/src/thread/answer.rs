//! What the answer of a call means.

use super::super::effect::{Act, EffectId};
use super::super::event::{Answer, Asks, Person, Press, Reader, State, Unpark, Wish};
use super::super::ids::Ts;
use super::super::notice;
use super::super::permit::{Kind, Permit, permit};
use super::passing::{LEFT_DONE, LEFT_OUT, WITHHELD};
use super::{AskedState, Deciding, Why};

impl Deciding<'_> {
    pub(super) fn answered(&mut self, effect: &EffectId, order: i64, act: &Act, answer: &Answer, in_doubt: bool) {
        let tried_again = self.tried_again(effect, act, answer);
        self.no_longer_late(effect, order, act, answer);
        self.told_truly(effect, order, act, answer);
        self.forget_deleted(act);
        self.posts_are_taken(act, answer);
        self.ticket_is_back(act, answer);
        self.passing_stands(effect, act, answer);
        if let (Act::Reply(reply), Answer::Replied { .. } | Answer::Started { .. }) = (act, answer) {
            self.answer_is_in_ticket(effect, &reply.user);
        }
        match (act, answer) {
            (Act::ReadTicket { .. }, Answer::TicketRead(read)) => self.ticket_read(read),
            (Act::OpenChannel { .. }, Answer::ChannelOpen { channel }) => self.channel_open(channel.clone()),
            (Act::OpenChannel { .. } | Act::PostCard, Answer::ChannelClosed(problem)) => self.channel_closed(problem),
            (Act::PostCard, Answer::Posted { channel, ts }) => self.card_posted(channel.clone(), ts.clone(), in_doubt),
            (Act::Reply(_), Answer::Replied { readers, left_out, .. }) => self.replied(effect, readers, left_out),
            (
                Act::Reply(_) | Act::ContinueOn { .. },
                Answer::Started { ticket_id, side_conversation_id, ticket, readers, left_out },
            ) => {
                self.moves_to(*ticket_id, side_conversation_id, ticket.clone(), None);
                if let Some(ticket) = ticket {
                    // The entry that it began with may have been read before.
                    self.ticket_changed(*ticket_id, ticket);
                }
                self.ignored = None;
                self.replied(effect, readers, left_out);
            }
            (Act::LookForStart { .. }, Answer::Prospects(prospects)) => self.start_looked(effect, prospects),
            (Act::CreateSideConversation(create), answer) if !matches!(answer, Answer::Parked { .. }) => {
                self.create_answered(effect, create.ticket_id, answer);
            }
            (Act::SeekFollowUp { .. } | Act::FollowUp { .. }, answer)
                if self.thread.starting().is_some() && !matches!(answer, Answer::Parked { .. }) =>
            {
                self.start_follow_up_answered(effect, answer);
            }
            (Act::SeekFollowUp { source, .. } | Act::FollowUp { source, .. }, answer)
                if !matches!(answer, Answer::Parked { .. }) =>
            {
                self.follow_up_answered(*source, answer);
            }
            (Act::ContinueOn { ticket_id, .. }, answer) if !matches!(answer, Answer::Parked { .. }) => {
                self.begin_answered(*ticket_id, answer);
            }
            (Act::Reply(_), Answer::Withheld { outsiders, readers }) => self.withheld(outsiders, readers),
            (Act::AskWho { press }, Answer::Person(person)) => self.pressed_by(effect, press, person),
            (Act::SetState { state, user, .. }, Answer::Done) => {
                self.thread.asked_state = None;
                self.whisper(effect, user, notice::state_changed_meanwhile(*state));
            }
            (Act::SetState { state, name, user }, Answer::StateSet { updated_at_ms }) => {
                let asked = self.thread.asked_state.take_if(|asked| asked.state == *state).is_some();
                if asked && *updated_at_ms >= self.thread.state_updated_at_ms {
                    self.set_state(*state, *updated_at_ms, name.clone(), Some(user.clone()));
                    self.update_card();
                } else {
                    self.ignored = Some(Why::Stale);
                }
            }
            (Act::Tell { .. }, Answer::Posted { ts, .. }) => self.proposal_stands(effect, ts),
            (Act::SetTicket { .. }, answer) => self.rule_applied(effect, answer),
            (Act::ReadSaid, Answer::Said(entries)) => self.said_read(effect, entries),
            (Act::Note { text }, Answer::TicketClosed(_)) => self.note_not_taken(effect, text),
            (Act::FindAssignee, answer) => self.assignee_found(effect, answer),
            (Act::Notify { .. }, Answer::Parked { reason, .. }) => self.assignee_not_told(effect, reason),
            (act, Answer::Parked { reason, doubtful }) => {
                self.parked((effect, order), act, (reason, *doubtful), tried_again);
            }
            _ => {}
        }
    }

    /// It is known who pressed a button: they get what it asks for if they may.
    fn pressed_by(&mut self, cause: &EffectId, press: &Press, person: &Person) {
        let permit = match permit(&self.policy.permissions, Kind::of(person), press.asks.action()) {
            Ok(permit) => permit,
            Err(refusal) => return self.whisper(cause, &press.user, notice::refused(&refusal)),
        };
        match &press.asks {
            // It is looked up anew who that is, and on what ticket.
            Asks::StartOnFollowUp => self.start_on_follow_up(press),
            Asks::State(state) => self.state_pressed(permit, cause, press, person, *state),
            Asks::ContinueOn { ticket_id, notice } => {
                self.continue_pressed(permit, cause, press, person, (*ticket_id, notice.as_ref()));
            }
            Asks::Retry { effect, notice, parked, blank } => {
                let unpark = Unpark {
                    effect: effect.clone(),
                    wish: Wish::Retry,
                    by: Some(press.user.clone()),
                    notice: notice.clone(),
                    parked: parked.clone(),
                    blank: *blank,
                };
                self.unpark(permit, &unpark);
            }
        }
    }

    /// Somebody who may wants the side conversation done or open.
    fn state_pressed(&mut self, _permit: Permit, cause: &EffectId, press: &Press, person: &Person, state: State) {
        let asked = self.thread.asked_state.as_ref().is_some_and(|asked| asked.state == state);
        if self.thread.state == state || asked {
            return self.whisper(cause, &press.user, notice::already(state));
        }
        let id = EffectId::new(format!("state:{}:{}", press.action_ts, press.user));
        let order = press.action_ts.parse::<Ts>().map_or(self.at_ms * 1000, |ts| ts.micros());
        self.thread.asked_state = Some(AskedState { state, name: person.name.clone(), user: Some(press.user.clone()) });
        let act = Act::SetState { state, user: press.user.clone(), name: person.name.clone() };
        self.ask(id, order, act);
    }

    pub(super) fn withheld(&mut self, outsiders: &[String], readers: &[Reader]) {
        self.show_readers(readers);
        if !self.thread.told.withheld {
            self.thread.told.withheld = true;
            // The rule may have changed since the card was drawn, with the same readers.
            self.update_card();
            self.tell_for_a_while(format!("{WITHHELD}{}", self.at_ms), notice::withheld(outsiders), false);
        }
    }

    pub(super) fn replied(&mut self, effect: &EffectId, readers: &[Reader], left_out: &[String]) {
        self.show_readers(readers);
        // What was found after a doubtful call says nothing of its readers.
        if !readers.is_empty() {
            self.goes_to_readers(left_out);
        }
        let fresh: Vec<String> =
            left_out.iter().filter(|name| !self.thread.told.left_out.contains(name)).cloned().collect();
        if !fresh.is_empty() {
            self.tell_for_a_while(format!("{LEFT_OUT}{effect}"), notice::left_out(&fresh), false);
            self.thread.told.left_out.extend(fresh);
        }
        if self.thread.state == State::Closed && !self.thread.told.left_done {
            self.thread.told.left_done = true;
            self.tell_for_a_while(format!("{LEFT_DONE}{effect}"), notice::reply_left_it_done(), true);
        }
    }

    /// A reply went to those who take part, but for these: notices that say otherwise go.
    fn goes_to_readers(&mut self, left_out: &[String]) {
        if std::mem::take(&mut self.thread.told.withheld) {
            self.is_over(WITHHELD);
            self.update_card();
            self.tell(format!("not-withheld:{}", self.at_ms), notice::not_withheld_any_more(), false);
        }
        if self.thread.told.left_out.iter().any(|name| !left_out.contains(name)) {
            // One of these notices may name others as well: who is still left out is told anew.
            self.is_over(LEFT_OUT);
            self.thread.told.left_out.clear();
        }
    }

    /// Shows on the card who reads answers. What was found after a doubtful call says nothing of its readers.
    pub(super) fn show_readers(&mut self, readers: &[Reader]) {
        let mut readers = readers.to_vec();
        if self.thread.forgotten {
            readers.iter_mut().for_each(|reader| reader.name = notice::SOMEBODY.to_owned());
        }
        readers.sort();
        readers.dedup();
        let mut shown = self.thread.readers.clone();
        shown.sort();
        if !readers.is_empty() && readers != shown {
            self.thread.readers = readers;
            self.update_card();
        }
    }
}
