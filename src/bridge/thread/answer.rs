//! What the answer of a call means.

use super::super::effect::{Act, EffectId};
use super::super::event::{Answer, Reader, Standing, State};
use super::super::ids::Ts;
use super::super::notice;
use super::{AskedState, Deciding, Why};

impl Deciding<'_> {
    pub(super) fn answered(&mut self, effect: &EffectId, order: i64, act: &Act, answer: &Answer, in_doubt: bool) {
        let tried_again = self.tried_again(effect, answer);
        self.no_longer_late(effect, order, act, answer);
        match (act, answer) {
            (Act::ReadTicket { .. }, Answer::TicketRead(read)) => self.ticket_read(read),
            (Act::OpenChannel { .. }, Answer::ChannelOpen { channel }) => self.channel_open(channel.clone()),
            (Act::OpenChannel { .. } | Act::PostCard, Answer::ChannelClosed(problem)) => self.channel_closed(problem),
            (Act::PostCard, Answer::Posted { channel, ts }) => self.card_posted(channel.clone(), ts.clone(), in_doubt),
            (Act::Reply(_), Answer::Replied { readers, left_out, .. }) => self.replied(effect, readers, left_out),
            (Act::Reply(_), Answer::Started { ticket_id, side_conversation_id, readers, left_out }) => {
                self.moves_to(*ticket_id, side_conversation_id, None, None);
                self.ignored = None;
                self.replied(effect, readers, left_out);
            }
            (Act::SeekFollowUp { source, .. } | Act::FollowUp { source, .. }, answer)
                if !matches!(answer, Answer::Parked { .. }) =>
            {
                self.follow_up_answered(*source, answer);
            }
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
            (act, Answer::Parked { reason, .. }) => self.parked(effect, act, reason, tried_again),
            _ => {}
        }
    }

    pub(super) fn replied(&mut self, effect: &EffectId, readers: &[Reader], left_out: &[String]) {
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
    pub(super) fn show_readers(&mut self, readers: &[Reader]) {
        let mut readers = readers.to_vec();
        readers.sort();
        let mut shown = self.thread.readers.clone();
        shown.sort();
        if !readers.is_empty() && readers != shown {
            self.thread.readers = readers;
            self.update_card();
        }
    }
}
