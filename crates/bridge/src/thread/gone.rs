//! The ticket is not there any more, or may not be written to: what is written here waits, and the thread is told once.
//!
//! A reply finds that out, or Zendesk speaks of the ticket and does not show it. Whoever restores the ticket, or gives the
//! right back, need do no more: the first reply that gets through ends it. Where no reply has found it, a read that shows
//! the ticket does. A follow-up that was deleted is not waited for once there is a reply: its source is followed up once more.

use serde::{Deserialize, Serialize};

use super::super::effect::Act;
use super::super::event::{Answer, State};
use super::super::ids::TicketId;
use super::super::notice;
use super::passing::TICKET_GONE;
use super::{BridgedThread, Deciding, Why};

/// That the ticket cannot be reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gone {
    /// Since when that is known, in milliseconds since 1970.
    pub since_ms: i64,
    /// Why, as Zendesk says.
    pub reason: String,
    /// Whether a read found it, and no reply so far.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read: bool,
}

impl BridgedThread {
    /// Whether it is told that this ticket is not shown any more, although nobody has written anything that waits.
    pub fn heeds_absence(&self, ticket_id: TicketId) -> bool {
        let stands = self.link().is_some() && self.state == State::Open;
        stands && self.ticket_id == ticket_id && self.gone.is_none()
    }
}

impl Deciding<'_> {
    pub(super) fn ticket_gone(&mut self, reason: &str, read: bool, follow_up: Option<TicketId>) {
        if let Some(follow_up) = follow_up {
            return self.follow_up_gone(follow_up);
        }
        if let Some(gone) = &mut self.thread.gone {
            // A right to read is not one to write.
            gone.read &= read;
            self.ignored = Some(Why::Known);
            return;
        }
        self.thread.gone = Some(Gone { since_ms: self.at_ms, reason: reason.to_owned(), read });
        self.tell_for_a_while(format!("{TICKET_GONE}{}", self.at_ms), notice::ticket_gone(reason), false);
    }

    /// A read shows the ticket again.
    pub(super) fn ticket_shown(&mut self) {
        if self.thread.gone.take_if(|gone| gone.read).is_some() {
            self.is_over(TICKET_GONE);
            self.tell(format!("ticket-back:{}", self.at_ms), notice::ticket_back(), false);
        } else {
            self.ignored = Some(Why::Known);
        }
    }

    pub(super) fn ticket_is_back(&mut self, act: &Act, answer: &Answer) {
        let reached = matches!(answer, Answer::Replied { .. } | Answer::Started { .. } | Answer::Withheld { .. });
        let reached = reached && matches!(act, Act::Reply(_) | Act::ContinueOn { .. });
        if reached && self.thread.gone.take().is_some() {
            self.is_over(TICKET_GONE);
            self.tell(format!("ticket-back:{}", self.at_ms), notice::ticket_back(), false);
        }
    }
}
