//! The ticket is not there any more, or may not be written to: what is written here waits, and the thread is told once.
//!
//! Whoever restores the ticket, or gives the right back, need do no more: the first reply that gets through ends it. A
//! follow-up that was deleted is not waited for: its source is followed up once more.

use serde::{Deserialize, Serialize};

use super::super::effect::Act;
use super::super::event::Answer;
use super::super::ids::TicketId;
use super::super::notice;
use super::{Deciding, Why};

/// That the ticket cannot be reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gone {
    /// Since when that is known, in milliseconds since 1970.
    pub since_ms: i64,
    /// Why, as Zendesk says.
    pub reason: String,
}

impl Deciding<'_> {
    pub(super) fn ticket_gone(&mut self, reason: &str, follow_up: Option<TicketId>) {
        if let Some(follow_up) = follow_up {
            return self.follow_up_gone(follow_up);
        }
        if self.thread.gone.is_some() {
            self.ignored = Some(Why::Known);
            return;
        }
        self.thread.gone = Some(Gone { since_ms: self.at_ms, reason: reason.to_owned() });
        self.tell(format!("ticket-gone:{}", self.at_ms), notice::ticket_gone(reason), false);
    }

    pub(super) fn ticket_is_back(&mut self, act: &Act, answer: &Answer) {
        let reached = matches!(answer, Answer::Replied { .. } | Answer::Started { .. } | Answer::Withheld { .. });
        let reached = reached && matches!(act, Act::Reply(_));
        if reached && self.thread.gone.take().is_some() {
            self.tell(format!("ticket-back:{}", self.at_ms), notice::ticket_back(), false);
        }
    }
}
