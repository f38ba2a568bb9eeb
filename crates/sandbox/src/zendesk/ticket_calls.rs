//! The calls on tickets, their comments, audits and tags.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::answer::{Answer, Ask, Outcome};
use super::pages;
use super::people::User;
use super::recipients::plausible;
use super::tickets::{TicketSpec, read_tags};
use super::world::{Idempotent, Ticket, World};

/// What a create or update may name; anything else is dropped with a warning.
const KNOWN: [&str; 39] = [
    "additional_collaborators",
    "additional_tags",
    "assignee_email",
    "assignee_id",
    "attribute_value_ids",
    "brand_id",
    "collaborator_ids",
    "collaborators",
    "comment",
    "custom_fields",
    "custom_status_id",
    "description",
    "due_at",
    "email_cc_ids",
    "email_ccs",
    "external_id",
    "fields",
    "follower_ids",
    "followers",
    "group_id",
    "macro_ids",
    "metadata",
    "organization_id",
    "priority",
    "problem_id",
    "raw_subject",
    "recipient",
    "remove_tags",
    "requester",
    "requester_id",
    "safe_update",
    "sharing_agreement_ids",
    "status",
    "subject",
    "submitter_id",
    "tags",
    "ticket_form_id",
    "type",
    "updated_stamp",
];
const KNOWN_ON_CREATE: [&str; 4] = ["id", "via", "via_followup_source_id", "via_id"];
const KEYS_LIVE: i64 = 2 * 60 * 60 * 1000;
const MOST_CCS: usize = 48;

pub(super) fn show(world: &mut World, ask: &Ask) -> Outcome {
    let ticket = world.readable(ask.number(0))?;
    let fields = ticket.fields_at(ask.visible_until).ok_or_else(Answer::not_found)?;
    let mut body = json!({"ticket": world.show_ticket_at(fields, Some(ask.now))});
    beside(world, ask, &[fields], &mut body);
    Ok(Answer::ok(body))
}

pub(super) fn show_many(world: &mut World, ask: &Ask) -> Outcome {
    let ids = World::asked_ids(ask)?;
    let found: Vec<&Map<String, Value>> = ids
        .iter()
        .filter_map(|id| world.readable(*id).ok())
        .filter_map(|ticket| ticket.fields_at(ask.visible_until))
        .collect();
    let tickets: Vec<Value> = found.iter().map(|fields| world.show_ticket_at(fields, Some(ask.now))).collect();
    let mut body = json!({"count": tickets.len(), "tickets": tickets, "next_page": null, "previous_page": null});
    beside(world, ask, &found, &mut body);
    Ok(Answer::ok(body))
}

pub(super) fn list(world: &mut World, ask: &Ask) -> Outcome {
    let external = ask.query("external_id");
    let listed = |ticket: &&Ticket| !ticket.deleted && !ticket.archived;
    let rows: Vec<&Map<String, Value>> = world
        .tickets
        .values()
        .filter(listed)
        .filter_map(|ticket| ticket.fields_at(ask.visible_until))
        .filter(|fields| external.is_none() || fields["external_id"].as_str() == external)
        .collect();
    let (mut body, shown) = pages::by_cursor(ask, world.base_url(), "tickets", &rows, |fields| {
        world.show_ticket_at(fields, Some(ask.now))
    })?;
    beside(world, ask, &rows[shown], &mut body);
    Ok(Answer::ok(body))
}

/// The records that `include` asks for, beside the tickets.
fn beside(world: &World, ask: &Ask, tickets: &[&Map<String, Value>], body: &mut Value) {
    let ids = |fields: &[&str]| -> BTreeSet<i64> {
        tickets.iter().flat_map(|ticket| fields.iter().filter_map(|field| ticket[*field].as_i64())).collect()
    };
    if ask.includes("users") {
        let users = ids(&["requester_id", "submitter_id", "assignee_id"]);
        let users: Vec<Value> = users.iter().filter_map(|id| world.users.get(id)).map(User::show).collect();
        body["users"] = users.into();
    }
    if ask.includes("groups") {
        let groups: Vec<&Value> = ids(&["group_id"]).iter().filter_map(|id| world.groups.get(id)).collect();
        body["groups"] = json!(groups);
    }
    if ask.includes("organizations") {
        let found = ids(&["organization_id"]);
        let found: Vec<&Value> = found.iter().filter_map(|id| world.organizations.get(id)).collect();
        body["organizations"] = json!(found);
    }
}

pub(super) fn create(world: &mut World, ask: &Ask) -> Outcome {
    let asked = Value::Object(ask.json()?);
    let Some(key) = ask.header("idempotency-key").map(str::to_owned) else { return create_once(world, ask, &asked) };
    if key.is_empty() || key.len() > 255 {
        return Err(Answer::bad_request("IdempotentRequestError", "The idempotency key must have 1 to 255 characters"));
    }
    world.idempotent.retain(|_, stored| ask.now - stored.at < KEYS_LIVE);
    if let Some(stored) = world.idempotent.get(&key) {
        if stored.asked != asked {
            return Err(Answer::bad_request(
                "IdempotentRequestError",
                "Request parameters don't match the given idempotency key",
            ));
        }
        return Ok(stored.answer.clone().with("x-idempotency-lookup", "hit"));
    }
    let answer = create_once(world, ask, &asked)?;
    world.idempotent.insert(key, Idempotent { asked, answer: answer.clone(), at: ask.now });
    Ok(answer.with("x-idempotency-lookup", "miss"))
}

fn create_once(world: &mut World, ask: &Ask, asked: &Value) -> Outcome {
    let given = asked.get("ticket").and_then(Value::as_object);
    let given = given.ok_or_else(|| Answer::bad_request("RecordInvalid", "Parameter ticket is required"))?;
    let comment = world.read_comment(given.get("comment").or(given.get("description")), ask.user)?;
    let mut comment = comment.ok_or_else(|| Answer::record_invalid("base", "Description: cannot be blank"))?;
    let text = |key: &str| given.get(key).and_then(Value::as_str).map(str::to_owned);
    let id_of = |key: &str| given.get(key).and_then(Value::as_i64);
    let source = given.get("via_followup_source_id").and_then(|id| id.as_i64().or_else(|| id.as_str()?.parse().ok()));
    if let Some(source) = source {
        let closed = world.readable(source).is_ok_and(Ticket::closed);
        if !closed {
            return Err(Answer::record_invalid("via_followup_source_id", "Via followup source: is not closed"));
        }
    }
    let status = text("status").unwrap_or_default();
    if !status.is_empty() && !World::STATUSES.contains(&status.as_str()) {
        return Err(Answer::record_invalid("status", "Status: is invalid"));
    }
    if text("priority").is_some_and(|priority| !World::PRIORITIES.contains(&priority.as_str())) {
        return Err(Answer::record_invalid("priority", "Priority: is invalid"));
    }
    let assignee = id_of("assignee_id");
    if assignee.is_some_and(|id| !world.is_agent(id)) {
        return Err(Answer::record_invalid("assignee_id", "Assignee: is invalid"));
    }
    let group = id_of("group_id");
    if group.is_some_and(|id| !world.groups.contains_key(&id)) {
        return Err(Answer::record_invalid("group_id", "Group: is invalid"));
    }
    let requester = match (id_of("requester_id"), given.get("requester")) {
        (Some(id), _) if !world.users.contains_key(&id) => {
            return Err(Answer::record_invalid("requester_id", "Requester: is invalid"));
        }
        (Some(id), _) => id,
        (None, Some(requester)) => match requester.get("email").and_then(Value::as_str) {
            Some(email) if !plausible(email) => {
                return Err(Answer::record_invalid("requester", "Requester: Email: is not properly formatted"));
            }
            Some(email) => world.user_of_address(email, requester.get("name").and_then(Value::as_str), ask.now),
            None => ask.user,
        },
        (None, None) => ask.user,
    };
    // The first comment is the requester's, unless its author is named.
    if given.get("comment").and_then(|comment| comment.get("author_id")).is_none() {
        comment.author = requester;
    }
    let spec = TicketSpec {
        id: None,
        subject: text("subject").unwrap_or_default(),
        description: comment.body.clone(),
        requester_id: requester,
        assignee_id: assignee,
        group_id: group,
        priority: text("priority"),
        status: match status.as_str() {
            "" if assignee.is_some() => "open".into(),
            "" => "new".into(),
            _ => status,
        },
        tags: given.get("tags").map(read_tags).unwrap_or_default(),
        external_id: text("external_id"),
        custom_fields: given.get("custom_fields").and_then(Value::as_array).cloned().unwrap_or_default(),
    };
    let via = json!({"channel": "api", "source": {"from": {}, "to": {}, "rel": null}});
    let subject = spec.subject.clone();
    let public = comment.public;
    let id = match source {
        Some(source) => world.new_follow_up(source, spec, ask.user, ask.now),
        None => world.new_ticket(spec, ask.user, via.clone(), ask.now),
    };
    let mut update = world.begin_update(id, ask.user, via, ask.now);
    if let Some(custom) = given.get("metadata").filter(|value| value.is_object()) {
        update.custom = custom.clone();
    }
    let created = world.id();
    let events = vec![
        world.comment(&update, comment),
        json!({"id": created, "type": "Create", "value": subject, "field_name": "subject"}),
    ];
    let audit = world.audit(update, events);
    copies(world, id, given, ask.now);
    if let Some(ticket) = world.tickets.get_mut(&id) {
        ticket.fields.insert("is_public".into(), json!(public));
        for key in ["type", "ticket_form_id", "brand_id"] {
            if let Some(value) = given.get(key).filter(|value| !value.is_null()) {
                ticket.fields.insert(key.into(), value.clone());
            }
        }
    }
    let fields = &world.readable(id)?.fields;
    let answer = Answer::json(201, json!({"ticket": world.show_ticket_at(fields, Some(ask.now)), "audit": audit}));
    let location = world.url(&format!("tickets/{id}.json"));
    Ok(warn(answer, given, true).with("location", location))
}

pub(super) fn update(world: &mut World, ask: &Ask) -> Outcome {
    let id = ask.number(0);
    let ticket = world.readable(id)?;
    let asked = ask.json()?;
    let given = asked.get("ticket").and_then(Value::as_object);
    let given = given.ok_or_else(|| Answer::bad_request("RecordInvalid", "Parameter ticket is required"))?;
    let safe = given.get("safe_update").is_some_and(|safe| safe == true || safe == "true");
    if safe && given.get("updated_stamp") != ticket.fields.get("updated_at") {
        return Err(Answer::json(
            409,
            json!({"error": "UpdateConflict", "description": "Safe Update prevented the update due to outdated ticket data. Please fetch the latest ticket data and try again."}),
        ));
    }
    let via = json!({"channel": "api", "source": {"from": {}, "to": {}, "rel": null}});
    let audit = world.update_ticket(id, ask.user, given, via, ask.now)?;
    copies(world, id, given, ask.now);
    let fields = &world.readable(id)?.fields;
    Ok(warn(Answer::ok(json!({"ticket": world.show_ticket_at(fields, Some(ask.now)), "audit": audit})), given, false))
}

/// `email_ccs` and `followers`; what is over 48 on an update is dropped without a word.
fn copies(world: &mut World, id: i64, given: &Map<String, Value>, now: i64) {
    for (key, field) in [("email_ccs", "email_cc_ids"), ("followers", "follower_ids")] {
        let Some(list) = given.get(key).and_then(Value::as_array) else { continue };
        let Some(ticket) = world.tickets.get(&id) else { continue };
        let mut ids: Vec<i64> =
            ticket.fields[field].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        for one in list {
            let user = match (one.get("user_id").and_then(Value::as_i64), one.get("user_email").and_then(Value::as_str))
            {
                (Some(id), _) => id,
                (None, Some(email)) if key == "email_ccs" && plausible(email) => {
                    world.user_of_address(email, one.get("user_name").and_then(Value::as_str), now)
                }
                (None, Some(email)) => world.addresses.get(&email.to_lowercase()).copied().unwrap_or(-1),
                (None, None) => -1,
            };
            ids.retain(|id| *id != user);
            let allowed = if key == "followers" { world.is_agent(user) } else { world.users.contains_key(&user) };
            if one.get("action").and_then(Value::as_str) != Some("delete") && allowed && ids.len() < MOST_CCS {
                ids.push(user);
            }
        }
        if let Some(ticket) = world.tickets.get_mut(&id) {
            ticket.fields.insert(field.to_owned(), json!(ids));
        }
    }
}

/// Recorded: unknown keys are dropped, and a header names them.
fn warn(answer: Answer, given: &Map<String, Value>, on_create: bool) -> Answer {
    let known = |key: &str| KNOWN.contains(&key) || (on_create && KNOWN_ON_CREATE.contains(&key));
    let unknown: Vec<&str> = given.keys().map(String::as_str).filter(|key| !known(key)).collect();
    if unknown.is_empty() {
        return answer;
    }
    answer.with(
        "x-zendesk-api-warn",
        format!("Removed restricted keys {unknown:?} from parameters according to whitelist"),
    )
}

pub(super) fn comments(world: &mut World, ask: &Ask) -> Outcome {
    let ticket = world.readable(ask.number(0))?;
    let mut rows: Vec<&Value> = ticket
        .comments
        .iter()
        .filter(|comment| comment.at <= ask.visible_until)
        .map(|comment| &comment.value)
        .collect();
    if ask.query("sort") == Some("-created_at") || ask.query("sort_order") == Some("desc") {
        rows.reverse();
    }
    let (mut body, shown) = pages::by_cursor(ask, world.base_url(), "comments", &rows, |comment| (*comment).clone())?;
    if ask.includes("users") {
        let authors: BTreeSet<i64> = rows[shown].iter().filter_map(|comment| comment["author_id"].as_i64()).collect();
        let users: Vec<Value> = authors.iter().filter_map(|id| world.users.get(id)).map(User::show).collect();
        body["users"] = users.into();
    }
    Ok(Answer::ok(body))
}

pub(super) fn audits(world: &mut World, ask: &Ask) -> Outcome {
    let ticket = world.readable(ask.number(0))?;
    let mut rows: Vec<&Value> =
        ticket.audits.iter().filter(|(at, _)| *at <= ask.visible_until).map(|(_, audit)| audit).collect();
    if matches!(ask.query("sort"), Some("-created_at")) || ask.query("sort_order") == Some("desc") {
        rows.reverse();
    }
    let (body, _) = pages::by_cursor(ask, world.base_url(), "audits", &rows, |audit| (*audit).clone())?;
    Ok(Answer::ok(body))
}

pub(super) fn related(world: &mut World, ask: &Ask) -> Outcome {
    let ticket = world.readable(ask.number(0))?;
    let source = &ticket.fields["via"]["source"];
    let sources: Vec<String> = if source["rel"] == "follow_up" {
        source["from"]["ticket_id"].as_i64().map(|id| id.to_string()).into_iter().collect()
    } else {
        Vec::new()
    };
    Ok(Answer::ok(json!({"ticket_related": {
        "topic_id": null, "jira_issue_ids": [], "followup_source_ids": sources, "from_archive": ticket.archived,
        "incidents": 0, "url": ticket.fields["url"],
    }})))
}

pub(super) fn tags(world: &mut World, ask: &Ask) -> Outcome {
    let ticket = world.readable(ask.number(0))?;
    Ok(Answer::ok(json!({"tags": ticket.tags()})))
}

pub(super) fn set_tags(world: &mut World, ask: &Ask) -> Outcome {
    write_tags(world, ask, "tags", 201)
}

pub(super) fn add_tags(world: &mut World, ask: &Ask) -> Outcome {
    write_tags(world, ask, "additional_tags", 200)
}

pub(super) fn remove_tags(world: &mut World, ask: &Ask) -> Outcome {
    write_tags(world, ask, "remove_tags", 200)
}

fn write_tags(world: &mut World, ask: &Ask, how: &str, status: u16) -> Outcome {
    let asked = ask.json()?;
    let patch = Map::from_iter([(how.to_owned(), asked.get("tags").cloned().unwrap_or(Value::Null))]);
    let via = json!({"channel": "api", "source": {"from": {}, "to": {}, "rel": null}});
    world.update_ticket(ask.number(0), ask.user, &patch, via, ask.now)?;
    Ok(Answer::json(status, json!({"tags": world.readable(ask.number(0))?.tags()})))
}
