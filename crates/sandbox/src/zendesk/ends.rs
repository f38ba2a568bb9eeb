//! How tickets end other than by being solved: merged into another, deleted, and brought back.

use serde_json::{Map, Value, json};

use super::FakeZendesk;
use super::answer::{Answer, Ask, Outcome};
use super::pages;
use super::text;
use super::world::{Ticket, World};

/// Put on what was merged away.
const MERGED: &str = "closed_by_merge";
/// The user that stands for Zendesk itself.
const NOBODY: i64 = -1;

impl World {
    /// Writes a job down that is over; Zendesk works on such later, and shows how far it is.
    fn job(&mut self, failure: Option<&str>) -> Value {
        let id = self.uuid(0).replace('-', "");
        let (status, results) = match failure {
            None => ("completed", json!([{"success": true}])),
            Some(why) => ("failed", json!([{"success": false, "error": why}])),
        };
        let job = json!({
            "id": id, "url": self.url(&format!("job_statuses/{id}.json")), "total": 1, "progress": 1,
            "status": status, "message": format!("{status} at the first try"), "results": results,
        });
        self.jobs.insert(id, job.clone());
        let mut queued = job;
        queued["status"] = "queued".into();
        for name in ["progress", "message", "results"] {
            queued[name] = Value::Null;
        }
        queued
    }

    /// What stops a merge, if anything does.
    fn unmergeable(&self, target: i64, sources: &[i64]) -> Option<&'static str> {
        let open = |id: i64| self.tickets.get(&id).is_some_and(|one| !one.closed() && !one.deleted);
        if sources.is_empty() {
            return Some("No ticket to merge is named");
        }
        if sources.contains(&target) {
            return Some("A ticket cannot be merged into itself");
        }
        if !open(target) || !sources.iter().all(|id| open(*id)) {
            return Some("Closed tickets cannot be merged");
        }
        None
    }

    fn merge(
        &mut self,
        target: i64,
        sources: &[i64],
        asked: &Map<String, Value>,
        by: (i64, i64),
    ) -> Result<(), Answer> {
        let (user, now) = by;
        let via = json!({"channel": "api", "source": {"from": {}, "to": {}, "rel": "merge"}});
        let said = |name: &str, usual: String| {
            let given = asked.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            let public = asked.get(&format!("{name}_is_public")).and_then(Value::as_bool).unwrap_or(false);
            json!({"body": given.map_or(usual, str::to_owned), "public": public})
        };
        let subject = self.tickets.get(&target).and_then(|ticket| ticket.fields.get("subject")?.as_str());
        let subject = subject.unwrap_or_default();
        let usual = format!("This request was closed and merged into request #{target} \"{subject}\".");
        for id in sources {
            let patch = Map::from_iter([
                ("comment".to_owned(), said("source_comment", usual.clone())),
                ("additional_tags".to_owned(), json!([MERGED])),
                ("status".to_owned(), json!("closed")),
            ]);
            self.update_ticket(*id, user, &patch, via.clone(), now)?;
        }
        let named = sources.iter().map(|id| format!("#{id}")).collect::<Vec<_>>().join(", ");
        let usual = format!("Request {named} was closed and merged into this request.");
        let patch = Map::from_iter([("comment".to_owned(), said("target_comment", usual))]);
        self.update_ticket(target, user, &patch, via, now)?;
        Ok(())
    }
}

/// The sources are closed and tagged; their side conversations stay on them.
pub(super) fn merge(world: &mut World, ask: &Ask) -> Outcome {
    let target = ask.number(0);
    world.readable(target)?;
    let asked = ask.json()?;
    let ids = asked.get("ids").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut sources: Vec<i64> = Vec::new();
    for id in ids.iter().filter_map(|id| id.as_i64().or_else(|| id.as_str()?.parse().ok())) {
        if !sources.contains(&id) {
            sources.push(id);
        }
    }
    for id in &sources {
        world.readable(*id)?;
    }
    if let Some(why) = world.unmergeable(target, &sources) {
        return Ok(Answer::ok(json!({"job_status": world.job(Some(why))})));
    }
    world.merge(target, &sources, &asked, (ask.user, ask.now))?;
    Ok(Answer::ok(json!({"job_status": world.job(None)})))
}

/// Merging as an agent does it.
impl FakeZendesk {
    /// Merges a ticket into another one, with the usual comments or, on the one that is closed, these words; false if that
    /// is not possible.
    pub fn merge(&self, agent: i64, source: i64, target: i64, words: Option<&str>) -> bool {
        let now = self.now();
        let mut world = self.world();
        if world.unmergeable(target, &[source]).is_some() {
            return false;
        }
        world
            .merge(target, &[source], &Map::from_iter([("source_comment".to_owned(), json!(words))]), (agent, now))
            .is_ok()
    }
}

/// Deleting as an agent does it.
impl FakeZendesk {
    /// Deletes a ticket, or brings it back; false if it is not there.
    pub fn delete(&self, agent: i64, ticket: i64, deleted: bool) -> bool {
        let now = self.now();
        let mut world = self.world();
        let found = world.tickets.get_mut(&ticket);
        found.map(|ticket| ticket.set_deleted(deleted.then_some(agent), now)).is_some()
    }
}

impl Ticket {
    fn set_deleted(&mut self, by: Option<i64>, now: i64) {
        self.touch(now);
        self.deleted = by.is_some();
        self.deleted_by = by;
    }
}

pub(super) fn job(world: &mut World, ask: &Ask) -> Outcome {
    let job = world.jobs.get(ask.text(0)).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(json!({ "job_status": job })))
}

pub(super) fn delete(world: &mut World, ask: &Ask) -> Outcome {
    world.readable(ask.number(0))?;
    if let Some(ticket) = world.tickets.get_mut(&ask.number(0)) {
        ticket.set_deleted(Some(ask.user), ask.now);
    }
    Ok(Answer::text(204, ""))
}

pub(super) fn deleted(world: &mut World, ask: &Ask) -> Outcome {
    let rows: Vec<&Ticket> = world.tickets.values().filter(|ticket| ticket.deleted).collect();
    let actor = |id: Option<i64>| match id.and_then(|id| world.users.get(&id)) {
        Some(user) => json!({"id": id, "name": user.fields.get("name")}),
        None => json!({"id": NOBODY, "name": "System"}),
    };
    let show = |ticket: &&Ticket| {
        let field = |name: &str| ticket.fields.get(name).cloned().unwrap_or_default();
        json!({
            "id": field("id"), "subject": field("subject"), "description": field("description"),
            "actor": actor(ticket.deleted_by), "deleted_at": text::seconds(ticket.written_at),
            "previous_state": field("status"),
        })
    };
    let (page, _) = pages::by_offset(ask, world.base_url(), "deleted_tickets", &rows, show)?;
    Ok(Answer::ok(page))
}

pub(super) fn restore(world: &mut World, ask: &Ask) -> Outcome {
    let ticket = world.tickets.get_mut(&ask.number(0)).filter(|ticket| ticket.deleted).ok_or_else(Answer::not_found)?;
    ticket.set_deleted(None, ask.now);
    Ok(Answer::ok(json!({})))
}
