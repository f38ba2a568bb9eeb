//! What was written in the account, in the order in which it was.

use serde_json::Value;

use super::FakeZendesk;

impl FakeZendesk {
    /// The events of all side conversations from this place on; how many there are in all is the next place.
    pub fn events_from(&self, place: usize) -> Vec<Value> {
        let world = self.world();
        world.events.iter().skip(place).map(|event| world.show_event(event)).collect()
    }

    /// The numbers of the tickets from this one on, each with who submitted it.
    pub fn tickets_from(&self, first: i64) -> Vec<(i64, i64)> {
        let world = self.world();
        let later = world.tickets.range(first..);
        later.map(|(id, ticket)| (*id, ticket.number("submitter_id").unwrap_or_default())).collect()
    }

    /// The numbers of the tickets that were written to at this time or later.
    pub fn tickets_written_since(&self, at_ms: i64) -> Vec<i64> {
        let world = self.world();
        world.tickets.iter().filter(|(_, ticket)| ticket.written_at >= at_ms).map(|(id, _)| *id).collect()
    }
}
