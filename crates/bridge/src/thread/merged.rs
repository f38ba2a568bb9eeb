//! The ticket was merged into another one: the thread goes on there if somebody wants that.
//!
//! Who merges tickets decides about their requester, not about who else was asked: so nothing goes on by itself. The thread
//! is told once, with a button; whoever presses it first has a side conversation begun on the ticket that is left, and
//! what waits goes there. That ticket may be merged or closed itself by then: a merged one is followed to the last of its
//! chain, a closed one has a follow-up made or found as any other, another one where that was deleted, and the side
//! conversation is begun in that.

use serde::{Deserialize, Serialize};

use super::super::effect::{Act, EffectId};
use super::super::event::{Answer, Person, Press, State};
use super::super::follow_up::ClosedTicket;
use super::super::ids::{SlackUserId, TicketId, Ts};
use super::super::notice;
use super::super::permit::Permit;
use super::follow_up::FollowUp;
use super::{BridgedThread, Deciding, Retrying, Why};

pub(super) const CONTINUE_ON: &str = "continue-on";
/// How the notices begin that tell of a merge, as effects.
pub(super) const MERGED: &str = "merged:";

/// Who lets a thread go on in another ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continuing {
    /// Who; nobody once they are forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<SlackUserId>,
    /// Their name.
    pub name: String,
}

impl BridgedThread {
    /// Whether a side conversation is still to be begun on this ticket because somebody pressed a button.
    pub fn continues_on(&self, ticket_id: TicketId) -> bool {
        self.follow_up.as_ref().is_some_and(|follow_up| {
            follow_up.by.is_some() && follow_up.into == Some(ticket_id) && follow_up.ticket_id.is_none()
        })
    }

    /// Whether the follow-up may be gone in which this call is to begin a side conversation.
    pub fn begins_in_follow_up(&self, act: &Act) -> bool {
        match act {
            Act::ContinueOn { ticket_id, .. } => {
                self.continues_on(*ticket_id) && self.follow_up.as_ref().is_some_and(|follow_up| follow_up.follows)
            }
            _ => false,
        }
    }

    /// Whether nobody lets it go on yet since this ticket was merged.
    pub fn waits_after_merge(&self, source: TicketId) -> bool {
        self.follow_up.as_ref().is_some_and(|one| one.source == source && one.is_proposed())
    }

    /// Whether it is told that its ticket was merged, although nobody has written anything that waits: while it is not
    /// done, once; and once more when it is known at last into which.
    pub fn heeds_a_merge(&self, into: Option<TicketId>) -> bool {
        match &self.follow_up {
            None => self.link().is_some() && self.state == State::Open,
            Some(follow_up) => follow_up.merged && follow_up.into.is_none() && into.is_some(),
        }
    }
}

impl Deciding<'_> {
    pub(super) fn merged(&mut self, source: TicketId, into: Option<TicketId>) {
        self.thread.follow_up = Some(FollowUp { merged: true, into, ..FollowUp::of(source) });
        let (url, into_url) = (self.ticket_url(source), into.map(|ticket| (ticket, self.ticket_url(ticket))));
        let into_url = into_url.as_ref().map(|(ticket, url)| (*ticket, url.as_str()));
        let text = notice::ticket_merged((source, &url), into_url);
        let named = into.map_or(String::new(), |into| format!(":{into}"));
        let id = EffectId::new(format!("{MERGED}{source}{named}:{}", self.at_ms));
        self.propose(id.clone());
        let act = Act::Tell { text, reopen: false, retry: None, continue_on: into };
        self.ask(id, self.at_ms * 1000, act);
    }

    /// A ticket of which the thread knows that it was merged is spoken of again: perhaps it is known at last into which.
    pub(super) fn merged_again(&mut self, closed: &ClosedTicket) {
        let unknown = self.thread.follow_up.as_ref().is_some_and(|follow_up| {
            follow_up.merged && follow_up.source == closed.ticket_id && follow_up.into.is_none()
        });
        match unknown && closed.into.is_some() {
            true => self.merged(closed.ticket_id, closed.into),
            false => self.ignored = Some(Why::Known),
        }
    }

    /// The operator says where the merged ticket goes on, which counts more than what was read of it.
    pub(super) fn merged_into(&mut self, source: TicketId, into: TicketId) {
        match self.thread.waits_after_merge(source) {
            true => self.merged(source, Some(into)),
            false => self.ignored = Some(Why::Stale),
        }
    }

    /// Somebody who may wants the thread to go on in the ticket that a button named.
    pub(super) fn continue_pressed(
        &mut self,
        _permit: Permit,
        cause: &EffectId,
        press: &Press,
        person: &Person,
        (ticket_id, stood): (TicketId, Option<&Ts>),
    ) {
        let proposed = self.thread.follow_up.as_mut().filter(|follow_up| follow_up.is_proposed());
        if let Some(other) = proposed.as_ref().and_then(|one| one.into)
            && other != ticket_id
        {
            return self.whisper(cause, &press.user, notice::continue_elsewhere(other));
        }
        let Some(follow_up) = proposed.filter(|one| one.into == Some(ticket_id)) else {
            let (here, moves) = (self.thread.ticket_id, self.thread.follow_up.is_some());
            let url = self.ticket_url(here);
            let text = notice::continues_already((!moves).then_some((here, url.as_str())));
            return self.whisper(cause, &press.user, text);
        };
        let source = follow_up.source;
        follow_up.by = Some(Continuing { user: Some(press.user.clone()), name: person.name.clone() });
        self.begin_on(ticket_id);
        let begins = self.thread.continues_on(ticket_id);
        if let Some(ts) = stood.filter(|_| begins) {
            let text = notice::continues(source, (ticket_id, &self.ticket_url(ticket_id)), &person.name);
            self.no_proposal_any_more(ts);
            self.change_tell(&format!("{CONTINUE_ON}:{ticket_id}"), ts.clone(), text, None);
        }
    }

    /// Has a side conversation begun on a ticket, for whoever pressed the button.
    pub(super) fn begin_on(&mut self, ticket_id: TicketId) {
        let Some(source) = self.thread.follow_up.as_ref().map(|follow_up| follow_up.source) else { return };
        let Some((channel, ts)) = self.thread.link() else {
            // A new card is on its way: the button comes again under that.
            return self.merged(source, Some(ticket_id));
        };
        let thread_url = self.permalink(ts, channel, ts);
        let Some(follow_up) = &mut self.thread.follow_up else { return };
        let Some(Continuing { user, name }) = follow_up.by.clone() else { return };
        (follow_up.merged, follow_up.into, follow_up.follows, follow_up.ticket_id) =
            (true, Some(ticket_id), false, None);
        let act = Act::ContinueOn { ticket_id, user, name, thread_url };
        self.ask_first(CONTINUE_ON, ticket_id, act);
    }

    /// What came of beginning it.
    pub(super) fn begin_answered(&mut self, ticket_id: TicketId, answer: &Answer) {
        if !self.thread.continues_on(ticket_id) {
            self.ignored = Some(Why::Known);
            return;
        }
        let source = self.thread.follow_up.as_ref().map_or(ticket_id, |follow_up| follow_up.source);
        match answer {
            Answer::TicketClosed(closed) if closed.merged => self.merged(closed.ticket_id, closed.into),
            Answer::TicketClosed(_) if self.thread.link().is_none() => self.merged(source, Some(ticket_id)),
            Answer::TicketClosed(closed) => self.seek(closed.ticket_id, None),
            Answer::Withheld { outsiders, readers } => {
                self.withheld(outsiders, readers);
                self.merged(source, Some(ticket_id));
            }
            _ => {}
        }
    }

    /// None was begun; what was to go there waits.
    pub(super) fn not_begun(&mut self, effect: &EffectId, ticket_id: TicketId, reason: &str, again: Option<Retrying>) {
        let text = notice::not_continued((ticket_id, &self.ticket_url(ticket_id)), reason);
        self.tell_undone(effect, text, again);
    }

    /// The operator has given it up: the button stands again.
    pub(super) fn begin_given_up(&mut self, ticket_id: TicketId) {
        if self.thread.continues_on(ticket_id)
            && let Some(follow_up) = &self.thread.follow_up
        {
            self.merged(follow_up.source, Some(ticket_id));
        }
    }
}
