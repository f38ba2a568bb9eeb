//! Time that passes, and what Zendesk does by itself after a while.

use serde_json::{Map, Value, json};

use super::FakeZendesk;
use super::limits::Limits;
use super::world::{Ticket, World};
use crate::limits::Keeping;

const DAY: i64 = 24 * 3_600_000;
/// The automation that every account begins with: four days after a ticket was solved.
const CLOSES_AFTER: i64 = 4 * DAY;
/// <https://support.zendesk.com/hc/en-us/articles/4408887617050>
const ARCHIVED_AFTER: i64 = 120 * DAY;
/// Automations act in nobody's name.
const SYSTEM: i64 = -1;

impl FakeZendesk {
    /// Lets this much time pass for whatever waits for its time; Zendesk's own automations run. The numbers of the
    /// tickets that closed.
    pub fn age(&self, ms: i64) -> Vec<i64> {
        let now = self.now();
        let world = &mut *self.world();
        world.leaps.push((now, ms));
        world.hooks.age(ms);
        for token in world.tokens.values_mut() {
            token.ends_at = token.ends_at.map(|ends| ends.saturating_sub(ms));
        }
        world.idempotent.values_mut().for_each(|stored| stored.at = stored.at.saturating_sub(ms));
        world.limits = Limits::unused(world.limits.keeping);
        world.run_automations(now)
    }

    /// How the documented rate limits are kept.
    pub fn limits(&self) -> Keeping {
        self.world().limits.keeping
    }

    /// Keeps the rate limits so from here on, with nothing used of them.
    pub fn set_limits(&self, keeping: Keeping) {
        self.world().limits = Limits::unused(keeping);
    }

    /// The documented limits: what is counted, how many, and in how many seconds.
    pub fn documented_limits() -> [(&'static str, u32, i64); 5] {
        Limits::documented()
    }
}

impl World {
    fn run_automations(&mut self, now: i64) -> Vec<i64> {
        let waits = |id: &i64, status: &str, longer_than: i64| {
            let ticket = self.tickets.get(id).filter(|ticket| !ticket.deleted && !ticket.archived)?;
            let since = status_since(ticket, status)?;
            (self.age_of(since, now) >= longer_than).then_some(*id)
        };
        let ids: Vec<i64> = self.tickets.keys().copied().collect();
        let closing: Vec<i64> = ids.iter().filter_map(|id| waits(id, "solved", CLOSES_AFTER)).collect();
        let archiving: Vec<i64> = ids.iter().filter_map(|id| waits(id, "closed", ARCHIVED_AFTER)).collect();
        let via = json!({"channel": "rule", "source": {"from": {"title": "Close ticket 4 days after status is set to solved"},
            "to": {}, "rel": "automation"}});
        let patch = Map::from_iter([("status".to_owned(), json!("closed"))]);
        for id in &closing {
            // A ticket that refuses it stays as it is.
            let _ = self.update_ticket(*id, SYSTEM, &patch, via.clone(), now);
        }
        for id in archiving {
            if let Some(ticket) = self.tickets.get_mut(&id) {
                ticket.archived = true;
            }
        }
        closing
    }

    /// How old something is that happened at a time.
    fn age_of(&self, at: i64, now: i64) -> i64 {
        let leapt: i64 = self.leaps.iter().filter(|(leap, _)| *leap >= at).map(|(_, by)| by).sum();
        now.saturating_sub(at).saturating_add(leapt)
    }
}

/// Since when a ticket has this status, if it has it.
fn status_since(ticket: &Ticket, status: &str) -> Option<i64> {
    if ticket.text("status") != status {
        return None;
    }
    let sets = |audit: &Value| {
        let events = audit["events"].as_array().into_iter().flatten();
        events.filter(|event| event["field_name"] == "status").any(|event| event["value"] == status)
    };
    let set = ticket.audits.iter().rev().find(|(_, audit)| sets(audit)).map(|(at, _)| *at);
    Some(set.unwrap_or(ticket.written_at))
}
