//! What earlier lives of the app have used of the vendors' budgets: the vendors remember it across a restart.
//!
//! Told by the times at which calls were begun. What is not in the tables is not counted: reads of the feed, of threads and
//! of who wrote; Zendesk says in each answer what is left of them, and Slack's stretches for them are a minute.

use super::pace::{Budget, Pace};
use crate::bridge::ids::TicketId;
use crate::bridge::{Act, Effect};
use crate::store::{Store, StoreError};

/// The longest stretch of a budget, in milliseconds.
const LONGEST_MS: i64 = 10 * 60 * 1000;

/// Begins the budgets with what was spent until `now` (milliseconds since 1970).
pub(super) async fn count(store: &Store, pace: &mut Pace, now: i64) -> Result<(), StoreError> {
    for call in store.spent(now - LONGEST_MS, now).await? {
        // A row that does not read is told of where it is taken up.
        let Ok(effect) = serde_json::from_str::<Effect>(&call.effect_json) else { continue };
        let budget = match (&effect.act, call.ticket_id) {
            (Act::Note { .. } | Act::SetTicket { .. }, Some(ticket_id)) => Budget::ZendeskTicket(TicketId(ticket_id)),
            // A channel's own stretch is a second, and over.
            (act, _) => Budget::of(act, None),
        };
        pace.call(&budget, call.begun_at);
    }
    Ok(())
}
