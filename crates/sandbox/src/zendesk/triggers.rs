//! Triggers: what an account does by itself when a ticket changes, and the calls that keep them.
//!
//! They are evaluated on whatever happens on a side conversation and on updates of the ticket, but on no closed or
//! archived ticket. Of the actions only the webhook is done; the others are kept as they were given. The name of the
//! condition on side conversations is in no public reference: whoever needs it has to look for it in the definitions,
//! by its title.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Ask, Outcome};
use super::pages;
use super::text;
use super::world::{Ticket, World};

/// The name of the condition, as this account has it.
const SIDE_CONVERSATION: &str = "side_conversation_activity";
/// The activities, as the condition's values have them.
pub(super) const CREATED: &str = "created";
pub(super) const REPLIED: &str = "replied_to";
pub(super) const CLOSED: &str = "closed";
pub(super) const REOPENED: &str = "reopened";
const ACTIVITIES: [(&str, &str); 4] =
    [(CREATED, "Created"), (REPLIED, "Replied to"), (CLOSED, "Closed"), (REOPENED, "Reopened")];
/// The number of the first trigger.
const FIRST: i64 = 26_155_621_499_731;
/// Categories have texts for ids.
const CATEGORY: &str = "26155621899411";

impl World {
    /// The triggers that the sandbox's bridge needs: any activity on a side conversation tells the webhook, and so
    /// does a change of what its cards show.
    pub(super) fn first_triggers(&mut self, webhook: &str, now: i64) {
        let any: Vec<Value> = ACTIVITIES
            .iter()
            .map(|(value, _)| json!({"field": SIDE_CONVERSATION, "operator": "is", "value": value}))
            .collect();
        let body = "{\n  \"ticket_id\": \"{{ticket.id}}\"\n}\n";
        let shown: Vec<Value> = ["status", "priority", "assignee_id"]
            .iter()
            .map(|field| json!({"field": field, "operator": "changed", "value": null}))
            .collect();
        let both = [("Side conversations to Sidethread", any), ("Tickets to Sidethread", shown)];
        for (id, (title, any)) in (FIRST..).step_by(32).zip(both) {
            let given = json!({
                "title": title, "conditions": {"all": [], "any": any},
                "actions": [{"field": "notification_webhook", "value": [webhook, body]}],
            });
            if let Value::Object(given) = given {
                self.add_trigger(id, &given, now);
            }
        }
    }

    fn add_trigger(&mut self, id: i64, given: &Map<String, Value>, now: i64) {
        let conditions = json!({
            "all": given.get("conditions").and_then(|both| both.get("all")).unwrap_or(&json!([])),
            "any": given.get("conditions").and_then(|both| both.get("any")).unwrap_or(&json!([])),
        });
        let trigger = json!({
            "url": self.url(&format!("triggers/{id}.json")), "id": id, "title": given.get("title"),
            "raw_title": given.get("title"), "description": given.get("description"),
            "active": given.get("active").and_then(Value::as_bool).unwrap_or(true),
            "position": given.get("position").and_then(Value::as_i64).unwrap_or(self.triggers.len() as i64 + 1),
            "category_id": CATEGORY, "conditions": conditions, "actions": given.get("actions"), "default": false,
            "created_at": text::seconds(now), "updated_at": text::seconds(now),
        });
        self.triggers.insert(id, trigger);
    }

    /// Runs the triggers after something happened on a ticket, a side conversation's activity or an update.
    pub(super) fn run_triggers(&mut self, id: i64, activity: Option<&str>, changed: &[&str], now: i64) {
        let Some(ticket) = self.tickets.get(&id).filter(|ticket| !ticket.closed() && !ticket.deleted) else { return };
        let mut active: Vec<&Value> = self.triggers.values().filter(|trigger| trigger["active"] == true).collect();
        active.sort_by_key(|trigger| (trigger["position"].as_i64(), trigger["id"].as_i64()));
        let mut calls = Vec::new();
        for trigger in active.into_iter().filter(|trigger| applies(trigger, ticket, activity, changed)) {
            for action in trigger["actions"].as_array().into_iter().flatten() {
                let value = &action["value"];
                if action["field"] == "notification_webhook"
                    && let (Some(webhook), Some(body)) = (value[0].as_str(), value[1].as_str())
                {
                    calls.push((webhook.to_owned(), filled(body, id, ticket)));
                }
            }
        }
        for (webhook, body) in calls {
            self.hooks.fire(&webhook, body, now);
        }
    }
}

fn applies(trigger: &Value, ticket: &Ticket, activity: Option<&str>, changed: &[&str]) -> bool {
    let list = |name: &str| trigger["conditions"][name].as_array().map(Vec::as_slice).unwrap_or_default();
    let (all, any) = (list("all"), list("any"));
    let holds = |condition: &Value| holds(condition, ticket, activity, changed);
    all.iter().all(holds) && (any.is_empty() || any.iter().any(holds)) && !(all.is_empty() && any.is_empty())
}

fn holds(condition: &Value, ticket: &Ticket, activity: Option<&str>, changed: &[&str]) -> bool {
    let (field, operator) = (condition["field"].as_str().unwrap_or(""), condition["operator"].as_str().unwrap_or(""));
    let wanted = match &condition["value"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let present = match field {
        SIDE_CONVERSATION => activity.unwrap_or("").to_owned(),
        "update_type" => "Change".to_owned(),
        "current_tags" => {
            let tags = ticket.tags();
            let found = wanted.split_whitespace().any(|tag| tags.iter().any(|one| one == tag));
            return match operator {
                "includes" => found,
                "not_includes" => !found,
                _ => false,
            };
        }
        _ => match ticket.fields.get(field) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        },
    };
    let rank = |status: &str| World::STATUSES.iter().position(|one| *one == status);
    match operator {
        "is" => present == wanted,
        "is_not" => present != wanted,
        "changed" => changed.contains(&field),
        "not_changed" => !changed.contains(&field),
        "less_than" if field == "status" => rank(&present) < rank(&wanted),
        "greater_than" if field == "status" => rank(&present) > rank(&wanted),
        _ => false,
    }
}

/// Placeholders are put in as text, as Zendesk puts them: a quote in a title breaks JSON.
fn filled(body: &str, id: i64, ticket: &Ticket) -> String {
    let mut filled = body.replace("{{ticket.id}}", &id.to_string());
    for (placeholder, field) in [
        ("{{ticket.title}}", "subject"),
        ("{{ticket.status}}", "status"),
        ("{{ticket.priority}}", "priority"),
        ("{{ticket.external_id}}", "external_id"),
    ] {
        filled = filled.replace(placeholder, ticket.text(field));
    }
    filled
}

pub(super) fn list(world: &mut World, ask: &Ask) -> Outcome {
    let active = ask.path.ends_with("/active");
    let wanted = ask.query("query").unwrap_or("").to_lowercase();
    let fits = |trigger: &&Value| {
        let title = trigger["title"].as_str().unwrap_or("").to_lowercase();
        (!active || trigger["active"] == true) && (wanted.is_empty() || title.contains(&wanted))
    };
    let rows: Vec<&Value> = world.triggers.values().filter(fits).collect();
    let (page, _) = pages::by_cursor(ask, world.base_url(), "triggers", &rows, |one| (*one).clone())?;
    Ok(Answer::ok(page))
}

pub(super) fn show(world: &mut World, ask: &Ask) -> Outcome {
    let trigger = world.triggers.get(&ask.number(0)).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(json!({ "trigger": trigger })))
}

pub(super) fn create(world: &mut World, ask: &Ask) -> Outcome {
    let given = read(world, ask)?;
    let title = given.get("title").and_then(Value::as_str).unwrap_or("");
    if title.trim().is_empty() {
        return Err(Answer::record_invalid("title", "Title: cannot be blank"));
    }
    if given.get("actions").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Err(Answer::record_invalid("base", "Actions: You must select at least one action"));
    }
    let id = world.id();
    world.add_trigger(id, &given, ask.now);
    Ok(Answer::json(201, json!({"trigger": world.triggers.get(&id)})))
}

/// Any condition or action that is given replaces all of them.
pub(super) fn update(world: &mut World, ask: &Ask) -> Outcome {
    let given = read(world, ask)?;
    let trigger = world.triggers.get_mut(&ask.number(0)).ok_or_else(Answer::not_found)?;
    for name in ["title", "description", "active", "position", "actions"] {
        if let Some(value) = given.get(name) {
            trigger[name] = value.clone();
        }
    }
    if let Some(both) = given.get("conditions") {
        let list = |name: &str| both.get(name).cloned().unwrap_or_else(|| json!([]));
        trigger["conditions"] = json!({"all": list("all"), "any": list("any")});
    }
    trigger["raw_title"] = trigger["title"].clone();
    trigger["updated_at"] = text::seconds(ask.now).into();
    Ok(Answer::ok(json!({ "trigger": trigger })))
}

pub(super) fn delete(world: &mut World, ask: &Ask) -> Outcome {
    admins(world, ask)?;
    world.triggers.remove(&ask.number(0)).ok_or_else(Answer::not_found)?;
    Ok(Answer::text(204, ""))
}

/// What the account's triggers can be made of; without side conversations there is no condition on them.
pub(super) fn definitions(world: &mut World, _ask: &Ask) -> Outcome {
    let value = |value: &str, title: &str| json!({"value": value, "title": title, "enabled": true});
    let operators = |names: &[(&str, &str)]| -> Value {
        names.iter().map(|(value, title)| json!({"value": value, "title": title, "terminal": false})).collect()
    };
    let is = [("is", "Is"), ("is_not", "Is not")];
    let changes = ("changed", "Changed");
    let statuses: Vec<Value> = World::STATUSES.iter().map(|status| value(status, status)).collect();
    let priorities: Vec<Value> = World::PRIORITIES.iter().map(|priority| value(priority, priority)).collect();
    let mut conditions = vec![
        json!({"title": "Status", "subject": "status", "type": "list", "group": "ticket", "nullable": false,
            "repeatable": false, "operators": operators(&[is[0], is[1], ("less_than", "Less than"),
            ("greater_than", "Greater than"), changes]), "values": statuses}),
        json!({"title": "Priority", "subject": "priority", "type": "list", "group": "ticket", "nullable": false,
            "repeatable": false, "operators": operators(&[is[0], is[1], changes]), "values": priorities}),
        json!({"title": "Assignee", "subject": "assignee_id", "type": "list", "group": "ticket", "nullable": true,
            "repeatable": false, "operators": operators(&[is[0], is[1], changes]), "values": []}),
        json!({"title": "Tags", "subject": "current_tags", "type": "text", "group": "ticket", "nullable": false,
            "repeatable": false, "operators": operators(&[("includes", "Contains at least one of the following"),
            ("not_includes", "Contains none of the following")]), "values": []}),
        json!({"title": "Ticket", "subject": "update_type", "type": "list", "group": "ticket", "nullable": false,
            "repeatable": false, "operators": operators(&is), "values": [value("Change", "Updated")]}),
    ];
    if world.side_conversations_on {
        let values: Vec<Value> = ACTIVITIES.iter().map(|(name, title)| value(name, title)).collect();
        conditions.push(json!({"title": "Side conversation", "subject": SIDE_CONVERSATION, "type": "list",
            "group": "ticket", "nullable": false, "repeatable": false, "operators": operators(&is[..1]),
            "values": values}));
    }
    let actions = json!([
        {"title": "Add tags", "subject": "current_tags", "type": "text", "group": "ticket", "nullable": false,
            "repeatable": false},
        {"title": "Notify active webhook", "subject": "notification_webhook", "type": "webhook",
            "group": "notifications", "nullable": false, "repeatable": true},
    ]);
    Ok(Answer::ok(json!({"definitions": {
        "actions": actions, "conditions_all": conditions, "conditions_any": conditions,
    }})))
}

fn read(world: &World, ask: &Ask) -> Result<Map<String, Value>, Answer> {
    admins(world, ask)?;
    let asked = ask.json()?;
    let given = asked.get("trigger").and_then(Value::as_object).cloned();
    let given = given.ok_or_else(|| Answer::bad_request("RecordInvalid", "Parameter trigger is required"))?;
    let conditions = given.get("conditions").and_then(Value::as_object);
    let all = conditions.into_iter().flat_map(Map::values).filter_map(Value::as_array).flatten();
    for condition in all {
        let is_one = condition.get("field").is_some_and(Value::is_string) && condition.get("operator").is_some();
        if !is_one {
            return Err(Answer::record_invalid("conditions", "Conditions: is invalid"));
        }
    }
    for action in given.get("actions").and_then(Value::as_array).into_iter().flatten() {
        let webhook = action["value"][0].as_str().unwrap_or("");
        if action["field"] == "notification_webhook" && !world.hooks.knows(webhook) {
            return Err(Answer::record_invalid("actions", "Actions: webhook does not exist"));
        }
    }
    Ok(given)
}

/// Business rules and webhooks are the admins'.
pub(super) fn admins(world: &World, ask: &Ask) -> Result<(), Answer> {
    if world.is_admin(ask.user) { Ok(()) } else { Err(Answer::forbidden()) }
}
