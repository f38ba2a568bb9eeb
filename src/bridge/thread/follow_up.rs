//! What happens to the thread's ticket.

use super::super::event::Ticket;
use super::super::ids::TicketId;
use super::{Deciding, Place, Why};

impl Deciding<'_> {
    /// The card shows the ticket as it is.
    pub(super) fn ticket_changed(&mut self, ticket_id: TicketId, ticket: &Ticket) {
        let bridged = !matches!(self.thread.place, Place::New | Place::Older | Place::LeftAlone);
        if !bridged || self.thread.ticket_id != ticket_id || self.thread.ticket.as_ref() == Some(ticket) {
            self.ignored = Some(Why::Stale);
            return;
        }
        self.thread.ticket = Some(ticket.clone());
        self.update_card();
    }
}
