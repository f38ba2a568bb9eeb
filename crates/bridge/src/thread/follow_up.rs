//! What happens to the thread's ticket: it changes, it closes, another one follows it.
//!
//! A reply that finds its ticket closed is not sent: it waits at its place in the lane. What follows the ticket is looked
//! for, or made, in the same lane before it; the reply then begins a side conversation there, or goes to the one that
//! Zendesk has copied there, and the thread acts on that from then on. Where the thread was before is remembered: what is
//! said there still arrives.
//!
//! Races it allows for: the first entry of the side conversation that a reply began is read before its call has answered;
//! Zendesk's own follow-up is found while ours is looked for; a follow-up that is closed itself, which is then followed; one
//! that is deleted, which another one takes the place of.

use serde::{Deserialize, Serialize};

use super::super::effect::{Act, Effect, EffectId};
use super::super::event::{Answer, SideConversationEvent, State, Ticket};
use super::super::follow_up::{ClosedTicket, Followed, StateNow};
use super::super::ids::{SideConversationId, TicketId};
use super::super::notice;
use super::super::start::Step;
use super::merged::Continuing;
use super::passing::TICKET_GONE;
use super::{BridgedThread, Deciding, Place, Retrying, Why};

/// How the effects are called that look for a follow-up, and that make one.
pub(super) const SEEK_FOLLOW_UP: &str = "seek-follow-up";
pub(super) const FOLLOW_UP: &str = "follow-up";
/// Before every reply of its lane.
const FIRST: i64 = i64::MIN / 2;

/// What follows a thread's ticket, while that is not settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FollowUp {
    /// The closed ticket.
    pub source: TicketId,
    /// Whether it was merged into another one, so that nothing goes on by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merged: bool,
    /// The ticket in which it goes on since it was merged, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<TicketId>,
    /// Who lets the thread go on after a merge, once somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Continuing>,
    /// Whether that ticket follows up the source, which was closed by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follows: bool,
    /// The ticket in which the next reply begins a side conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<TicketId>,
    /// What the card shows of that ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// Since when the ticket is known in which it goes on, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "super::is_never")]
    pub since_ms: i64,
}

impl FollowUp {
    /// Of a ticket of which only that is known.
    pub fn of(source: TicketId) -> FollowUp {
        FollowUp {
            source,
            merged: false,
            into: None,
            by: None,
            follows: false,
            ticket_id: None,
            ticket: None,
            since_ms: 0,
        }
    }

    /// The follow-up in which it goes on.
    fn successor(&self) -> Option<TicketId> {
        self.ticket_id.or(self.into.filter(|_| self.follows))
    }

    /// Whether it goes on when somebody wants that, and nobody has said so yet.
    pub fn is_proposed(&self) -> bool {
        self.merged && self.by.is_none()
    }
}

/// Where a thread was before it moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The side conversation.
    pub side_conversation_id: SideConversationId,
    /// Whether somebody let the thread go on elsewhere because that ticket was merged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merged: bool,
    /// The closed ticket that the next one follows up, if it is another than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<TicketId>,
}

impl Earlier {
    fn at(ticket_id: TicketId, side_conversation_id: SideConversationId) -> Earlier {
        Earlier { ticket_id, side_conversation_id, merged: false, source: None }
    }
}

impl BridgedThread {
    /// The ticket in which the next reply has to begin a side conversation, if it has to.
    pub fn begins_on(&self) -> Option<TicketId> {
        self.follow_up.as_ref().and_then(|follow_up| follow_up.ticket_id)
    }

    /// The follow-up that its replies go to, or begin to go to, and since when that is known, in milliseconds since 1970.
    pub fn goes_on_in(&self) -> Option<(TicketId, i64)> {
        match &self.follow_up {
            Some(follow_up) => follow_up.successor().map(|ticket_id| (ticket_id, follow_up.since_ms)),
            None => self.source().map(|_| (self.ticket_id, self.ticket_since_ms)),
        }
    }

    /// The ticket that the thread's one follows up, as far as the thread has been there.
    fn source(&self) -> Option<TicketId> {
        let before = self.earlier.last()?;
        let source = before.source.or(Some(before.ticket_id).filter(|_| !before.merged))?;
        Some(source).filter(|source| *source != self.ticket_id)
    }

    /// The ticket that it came from, and whether it did because that one was merged; otherwise the present one follows it up.
    pub fn came_from(&self) -> Option<(TicketId, bool)> {
        let before = self.earlier.last()?;
        let came = match self.source() {
            Some(source) => (source, false),
            None => (before.ticket_id, before.merged),
        };
        Some(came).filter(|(ticket_id, _)| *ticket_id != self.ticket_id)
    }

    /// Whether what follows this ticket is still asked for.
    pub fn seeks(&self, source: TicketId) -> bool {
        if let Some(start) = self.starting() {
            return start.step == Step::Following && start.asked.ticket_id == source;
        }
        self.follow_up
            .as_ref()
            .is_some_and(|follow_up| follow_up.source == source && !follow_up.merged && follow_up.ticket_id.is_none())
    }
}

impl Deciding<'_> {
    /// The card shows the ticket as it is.
    pub(super) fn ticket_changed(&mut self, ticket_id: TicketId, ticket: &Ticket) {
        let bridged = !matches!(self.thread.place, Place::New | Place::Older | Place::LeftAlone | Place::Asked);
        if !bridged
            || self.thread.forgotten
            || self.thread.ticket_id != ticket_id
            || self.thread.ticket.as_ref() == Some(ticket)
        {
            self.ignored = Some(Why::Stale);
            return;
        }
        self.thread.ticket = Some(ticket.clone());
        self.update_card();
    }

    pub(super) fn ticket_closed(&mut self, closed: &ClosedTicket) {
        let ClosedTicket { ticket_id, merged, into } = *closed;
        let (asked, here) = match &self.thread.follow_up {
            Some(follow_up) => (true, follow_up.ticket_id == Some(ticket_id)),
            None => (false, self.thread.ticket_id == ticket_id),
        };
        match (here, asked) {
            (true, _) if merged => self.merged(ticket_id, into),
            (true, _) => self.seek(ticket_id, None),
            (false, true) => self.merged_again(closed),
            (false, false) => self.ignored = Some(Why::Stale),
        }
    }

    /// The follow-up was deleted: the thread is where it was before, and another one is looked for.
    pub(super) fn follow_up_gone(&mut self, gone: TicketId) {
        let source = match &self.thread.follow_up {
            Some(follow_up) if follow_up.successor() == Some(gone) => Some(follow_up.source),
            None if self.thread.ticket_id == gone => self.thread.source(),
            _ => None,
        };
        let (Some(source), true) = (source, self.thread.link().is_some()) else {
            self.ignored = Some(Why::Stale);
            return;
        };
        if self.thread.follow_up.is_none()
            && let Some(before) = self.thread.earlier.pop()
        {
            let side_conversation_id = before.side_conversation_id;
            let left = std::mem::replace(&mut self.thread.side_conversation_id, side_conversation_id);
            // First, as it is not what the present ticket follows.
            self.thread.earlier.insert(0, Earlier::at(gone, left));
            self.thread.ticket_id = before.ticket_id;
            self.thread.ticket_since_ms = self.at_ms;
        }
        self.thread.gone = None;
        self.is_over(TICKET_GONE);
        self.seek(source, Some(gone));
        let text = notice::follow_up_gone((gone, &self.ticket_url(gone)), (source, &self.ticket_url(source)));
        self.tell(format!("follow-up-gone:{gone}"), text, false);
    }

    /// What follows a closed ticket is looked for, or made, but not the one that is gone; who lets the thread go on there
    /// stays known.
    pub(super) fn seek(&mut self, source: TicketId, gone: Option<TicketId>) {
        let Some((channel, ts)) = self.thread.link() else {
            self.ignored = Some(Why::NotLinked);
            return;
        };
        let thread_url = self.permalink(ts, channel, ts);
        let by = self.thread.follow_up.take().and_then(|follow_up| follow_up.by);
        self.thread.follow_up = Some(FollowUp { by, ..FollowUp::of(source) });
        self.ask_first(SEEK_FOLLOW_UP, source, Act::SeekFollowUp { source, thread_url, gone });
    }

    /// Asks for something before every reply of the lane.
    pub(super) fn ask_first(&mut self, what: &str, source: TicketId, act: Act) {
        self.thread.told.follow_ups += 1;
        let id = EffectId::new(format!("{what}:{source}:{}", self.thread.told.follow_ups));
        self.effects.push(Effect { id, order: FIRST, not_before_ms: 0, act });
    }

    /// What came of looking for what follows a ticket, or of making it.
    pub(super) fn follow_up_answered(&mut self, source: TicketId, answer: &Answer) {
        if !self.thread.seeks(source) {
            self.ignored = Some(Why::Known);
            return;
        }
        match answer {
            Answer::FollowUpNeeded { request } | Answer::FollowUpRefused { request } => {
                let act = Act::FollowUp { source, request: request.clone(), decided_at_ms: self.at_ms };
                self.ask_first(FOLLOW_UP, source, act);
            }
            Answer::Followed(followed) => self.followed(source, followed),
            Answer::TicketClosed(closed) if closed.merged => self.merged(source, closed.into),
            Answer::TicketOpen if self.is_continuing() => self.begin_on(source),
            Answer::TicketOpen => self.thread.follow_up = None,
            _ => {}
        }
    }

    fn followed(&mut self, source: TicketId, followed: &Followed) {
        let ticket = followed.ticket.clone();
        match &followed.side_conversation_id {
            Some(side_conversation_id) => {
                self.moves_to(followed.ticket_id, side_conversation_id, ticket, followed.state);
            }
            None if self.is_continuing() => {
                self.begin_on(followed.ticket_id);
                let at_ms = self.at_ms;
                if let Some(follow_up) = self.thread.follow_up.as_mut().filter(|one| one.by.is_some()) {
                    (follow_up.follows, follow_up.since_ms) = (true, at_ms);
                }
            }
            None => {
                let ticket_id = Some(followed.ticket_id);
                let since_ms = self.at_ms;
                self.thread.follow_up = Some(FollowUp { ticket_id, ticket, since_ms, ..FollowUp::of(source) });
            }
        }
    }

    fn is_continuing(&self) -> bool {
        self.thread.follow_up.as_ref().is_some_and(|follow_up| follow_up.by.is_some())
    }

    /// Zendesk has made a follow-up of its own, with a copy of the side conversation.
    pub(super) fn adopted(
        &mut self,
        source: TicketId,
        ticket_id: TicketId,
        copy: &SideConversationId,
        state: Option<StateNow>,
    ) {
        if self.thread.ticket_id == source {
            self.moves_to(ticket_id, copy, None, state);
        } else if self.thread.side_conversation_id != *copy && !self.was_in(copy) {
            self.thread.earlier.push(Earlier::at(ticket_id, copy.clone()));
        } else {
            self.ignored = Some(Why::Known);
        }
    }

    /// Zendesk's follow-up has a side conversation that may be this one, or may not.
    pub(super) fn related(&mut self, other: TicketId, follows: bool, links: &[String]) {
        if matches!(self.thread.place, Place::New | Place::Older | Place::LeftAlone | Place::Asked) {
            self.ignored = Some(Why::NotRouted);
            return;
        }
        let text = notice::related(other, &self.ticket_url(other), follows, links);
        self.tell(format!("related:{other}"), text, false);
    }

    /// From here on the thread acts on this side conversation.
    pub(super) fn moves_to(
        &mut self,
        ticket_id: TicketId,
        to: &SideConversationId,
        ticket: Option<Ticket>,
        state: Option<StateNow>,
    ) {
        let (old_ticket, old) = (self.thread.ticket_id, self.thread.side_conversation_id.clone());
        let settled = self.thread.follow_up.take();
        let continued = settled.as_ref().is_some_and(|follow_up| follow_up.by.is_some());
        let source = settled.as_ref().filter(|follow_up| follow_up.successor().is_some());
        let source = source.map(|follow_up| follow_up.source).filter(|source| *source != old_ticket);
        let known = settled.and_then(|follow_up| follow_up.ticket);
        if old == *to && old_ticket == ticket_id {
            self.proposals_are_past();
            self.ignored = Some(Why::Known);
            return;
        }
        self.was_there(Earlier { merged: continued, source, ..Earlier::at(old_ticket, old.clone()) });
        if old != *to {
            self.thread.side_conversation_id = to.clone();
            // What is new is open, and all that Zendesk says of its state is newer, however far the two clocks differ.
            let new = StateNow { state: State::Open, updated_at_ms: 0 };
            let StateNow { state, updated_at_ms } = state.unwrap_or(new);
            self.thread.state = state;
            self.thread.state_updated_at_ms = updated_at_ms;
            self.thread.state_by = None;
            self.thread.state_by_user = None;
            self.is_open_again();
        }
        self.thread.ticket_id = ticket_id;
        self.thread.ticket_since_ms = self.at_ms;
        self.proposals_are_past();
        if let Some(ticket) = ticket.or(known) {
            self.thread.ticket = Some(ticket);
        }
        if matches!(self.thread.place, Place::New | Place::Older | Place::LeftAlone) {
            return;
        }
        self.update_card();
        let left = source.filter(|_| !continued).unwrap_or(old_ticket);
        let (left_url, url) = (self.ticket_url(left), self.ticket_url(ticket_id));
        let (from, into) = ((left, left_url.as_str()), (ticket_id, url.as_str()));
        let text = match continued {
            true => notice::thread_continues(from, into),
            false => notice::thread_moved(from, into),
        };
        self.tell(format!("moved:{ticket_id}:{to}"), text, false);
    }

    /// Takes an entry of another side conversation than the thread's, or of another ticket. Says whether it is done.
    pub(super) fn moved_by(&mut self, entry: &SideConversationEvent) -> bool {
        let present = entry.side_conversation_id == self.thread.side_conversation_id;
        if present {
            let elsewhere = entry.ticket_id != self.thread.ticket_id;
            if elsewhere && entry.created_at_ms >= self.thread.ticket_since_ms {
                let to = entry.side_conversation_id.clone();
                self.moves_to(entry.ticket_id, &to, None, None);
                self.thread.ticket_since_ms = entry.created_at_ms;
            }
            return false;
        }
        // Our own reply began it, and its call has not answered yet.
        let began = entry.message.is_some() && self.is_echo(entry) && !self.was_in(&entry.side_conversation_id);
        if began {
            self.moves_to(entry.ticket_id, &entry.side_conversation_id, None, None);
            self.ignored = Some(Why::Echo);
        }
        began
    }

    fn was_there(&mut self, place: Earlier) {
        let same = |earlier: &Earlier| {
            (earlier.ticket_id, &earlier.side_conversation_id) == (place.ticket_id, &place.side_conversation_id)
        };
        self.thread.earlier.retain(|earlier| !same(earlier));
        self.thread.earlier.push(place);
    }

    fn was_in(&self, side_conversation_id: &SideConversationId) -> bool {
        self.thread.earlier.iter().any(|earlier| earlier.side_conversation_id == *side_conversation_id)
    }

    /// There is no follow-up; what was to go there waits.
    pub(super) fn no_follow_up(&mut self, effect: &EffectId, source: TicketId, reason: &str, again: Option<Retrying>) {
        let text = notice::no_follow_up(source, &self.ticket_url(source), reason);
        self.tell_undone(effect, text, again);
    }

    /// Tells the thread, in the place of what told it before, of something that can be tried again.
    pub(super) fn tell_undone(&mut self, effect: &EffectId, text: String, again: Option<Retrying>) {
        let retry = Some(effect.clone());
        match again {
            Some(Retrying { notice: Some(ts), .. }) => self.change_tell(&format!("parked:{effect}"), ts, text, retry),
            Some(_) => self.tell_with_retry(format!("parked:{effect}:{}", self.at_ms), text, retry),
            None => self.tell_with_retry(format!("parked:{effect}"), text, retry),
        }
    }

    pub(super) fn ticket_url(&self, ticket_id: TicketId) -> String {
        format!("{}/agent/tickets/{ticket_id}", self.policy.zendesk_url)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{AskedState, Policy, handle};
    use super::*;
    use crate::event::{Event, What};
    use crate::ids::{EffectId, ZendeskUserId};
    use crate::permit::Permissions;
    use crate::rules::Rules;

    fn event(at_ms: i64, what: serde_json::Value) -> Event {
        Event { at_ms, what: serde_json::from_value::<What>(what).unwrap() }
    }

    #[test]
    fn a_state_that_is_set_by_a_clock_behind_ours_counts_in_a_side_conversation_that_a_reply_began() {
        let policy = Policy {
            routes: Vec::new(),
            channel_domain: None,
            app_user: ZendeskUserId(1),
            slack_url: "https://a.slack.com/".to_owned(),
            zendesk_url: "https://a.zendesk.com".to_owned(),
            bridging_since_ms: 0,
            operator: false,
            order_window_ms: 0,
            rules: Rules::default(),
            permissions: Permissions::default(),
        };
        let mut thread = BridgedThread::new(SideConversationId::new("old"), TicketId(1));
        thread.place = serde_json::from_value(json!({"linked": {"channel": "C1", "ts": "1.000001"}})).unwrap();
        let reply = json!({"ts": "2.000001", "user": "U1", "permalink": "x", "doc": {}});
        let started = json!({"answered": {"effect": "reply:2.000001", "order": 2_000_001, "act": {"reply": reply},
            "answer": {"started": {"ticket_id": 2, "side_conversation_id": "new", "readers": []}}, "in_doubt": false}});
        let moved = handle(&policy, thread, &event(100_000, started)).thread;
        assert_eq!((moved.side_conversation_id.as_str(), moved.state), ("new", State::Open));

        let closed = json!({"side_conversation": {"id": "e", "side_conversation_id": "new", "ticket_id": 2,
            "kind": {"update": {"state": "closed"}}, "actor": {}, "created_at_ms": 70_000}});
        assert_eq!(handle(&policy, moved.clone(), &event(130_000, closed)).thread.state, State::Closed);

        let mut pressed = moved;
        let asked = json!({"state": "closed", "name": "Ana", "user": "U1"});
        pressed.asked_state = Some(serde_json::from_value::<AskedState>(asked).unwrap());
        let act = json!({"set_state": {"state": "closed", "user": "U1", "name": "Ana"}});
        let set = json!({"answered": {"effect": EffectId::new("state:1:U1"), "order": 1, "act": act,
            "answer": {"state_set": {"updated_at_ms": 70_000}}, "in_doubt": false}});
        assert_eq!(handle(&policy, pressed, &event(130_000, set)).thread.state, State::Closed);
    }
}
