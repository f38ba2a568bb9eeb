//! The calls on webhooks: making them, their signing secrets, and what became of their invocations.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Ask, Outcome};
use super::hooks::{Invocation, Webhook};
use super::text;
use super::triggers::admins;
use super::world::World;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const FORMATS: [&str; 3] = ["json", "xml", "form_encoded"];
const CONDITIONAL: &str = "conditional_ticket_events";

pub(super) fn list(world: &mut World, ask: &Ask) -> Outcome {
    admins(world, ask)?;
    let wanted = ask.query("filter[name_contains]").unwrap_or("").to_lowercase();
    let named = |hook: &&Webhook| hook.fields["name"].as_str().unwrap_or("").to_lowercase().contains(&wanted);
    let rows: Vec<Value> = world.hooks.webhooks.values().filter(named).map(shown).collect();
    // Recorded: there are no links and no cursors where everything fits one page.
    Ok(Answer::ok(json!({"webhooks": rows, "meta": {"has_more": false}})))
}

pub(super) fn show(world: &mut World, ask: &Ask) -> Outcome {
    admins(world, ask)?;
    Ok(Answer::ok(json!({"webhook": shown(found(world, ask)?)})))
}

pub(super) fn create(world: &mut World, ask: &Ask) -> Outcome {
    admins(world, ask)?;
    let fields = checked(&ask.json()?, &Map::new())?;
    let (id, secret) = (text::ulid(ask.now, &mut world.random), world.secret(43));
    let mut hook = Webhook { fields, secret };
    for (name, value) in [
        ("id", json!(id)),
        ("created_by", json!(ask.user.to_string())),
        ("created_at", json!(text::seconds(ask.now))),
        ("updated_at", json!(text::seconds(ask.now))),
    ] {
        hook.fields.insert(name.to_owned(), value);
    }
    let answer = Answer::json(201, json!({"webhook": shown(&hook)}));
    world.hooks.webhooks.insert(id, hook);
    Ok(answer)
}

/// PUT replaces all, PATCH what is given; both answer without a body.
pub(super) fn change(world: &mut World, ask: &Ask) -> Outcome {
    admins(world, ask)?;
    let before = found(world, ask)?.fields.clone();
    let kept = |names: &[&str]| {
        let kept = before.iter().filter(|(name, _)| names.contains(&name.as_str()));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<String, Value>>()
    };
    let own = ["id", "created_by", "created_at"];
    let base = if ask.call.starts_with("PATCH") { before.clone() } else { kept(&own) };
    let asked = ask.json()?;
    let given = asked.get("webhook").and_then(|given| given.get("subscriptions"));
    // The kind of subscription cannot be changed later.
    if given.is_some_and(|given| (given == &json!([CONDITIONAL])) != (before["subscriptions"] == json!([CONDITIONAL])))
    {
        return Err(invalid("subscriptions cannot be changed"));
    }
    let mut fields = checked(&asked, &base)?;
    fields.extend(kept(&own));
    fields.insert("updated_at".into(), text::seconds(ask.now).into());
    if let Some(hook) = world.hooks.webhooks.get_mut(ask.text(0)) {
        hook.fields = fields;
    }
    Ok(Answer::text(204, ""))
}

/// One that a trigger uses stays.
pub(super) fn delete(world: &mut World, ask: &Ask) -> Outcome {
    admins(world, ask)?;
    let id = found(world, ask)?.fields["id"].clone();
    let uses = |trigger: &&Value| {
        let actions = trigger["actions"].as_array().into_iter().flatten();
        actions.filter(|action| action["field"] == "notification_webhook").any(|action| action["value"][0] == id)
    };
    if world.triggers.values().any(|trigger| uses(&trigger)) {
        return Err(invalid("the webhook is used by a trigger"));
    }
    world.hooks.webhooks.remove(ask.text(0));
    Ok(Answer::text(204, ""))
}

pub(super) fn secret(world: &mut World, ask: &Ask) -> Outcome {
    admins(world, ask)?;
    found(world, ask)?;
    let rotates = ask.call.starts_with("POST");
    let fresh = rotates.then(|| world.secret(43));
    let hook = world.hooks.webhooks.get_mut(ask.text(0)).ok_or_else(Answer::not_found)?;
    if let Some(fresh) = fresh {
        hook.secret = fresh;
    }
    let status = if rotates { 201 } else { 200 };
    Ok(Answer::json(status, json!({"signing_secret": {"secret": hook.secret, "algorithm": "SHA256"}})))
}

pub(super) fn invocations(world: &mut World, ask: &Ask) -> Outcome {
    admins(world, ask)?;
    found(world, ask)?;
    let status = ask.query("filter[status]");
    let of = |one: &&Invocation| one.webhook == ask.text(0) && status.is_none_or(|status| status == one.status());
    let rows: Vec<Value> = world.hooks.invocations.iter().rev().filter(of).take(100).map(|one| one.shown()).collect();
    Ok(Answer::ok(json!({"invocations": rows, "meta": {"has_more": false}})))
}

pub(super) fn attempts(world: &mut World, ask: &Ask) -> Outcome {
    admins(world, ask)?;
    found(world, ask)?;
    let one = world.hooks.invocations.iter().find(|one| one.webhook == ask.text(0) && one.id == ask.text(1));
    let one = one.ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(json!({"attempts": one.attempts, "meta": {"has_more": false}})))
}

fn found<'a>(world: &'a World, ask: &Ask) -> Result<&'a Webhook, Answer> {
    world.hooks.webhooks.get(ask.text(0)).ok_or_else(not_found)
}

pub(super) fn not_found() -> Answer {
    Answer::json(404, json!({"errors": [{"code": "WebhookNotFound", "title": "Webhook not found"}]}))
}

/// Secrets of the authentication are never shown.
fn shown(hook: &Webhook) -> Value {
    let mut shown = hook.fields.clone();
    if let Some(Value::Object(data)) = shown.get_mut("authentication").and_then(|given| given.get_mut("data")) {
        data.retain(|name, _| name == "username" || name == "name");
    }
    Value::Object(shown)
}

/// The fields of a webhook, with those of `base` where nothing is given.
pub(super) fn checked(asked: &Map<String, Value>, base: &Map<String, Value>) -> Result<Map<String, Value>, Answer> {
    let given = asked.get("webhook").and_then(Value::as_object).ok_or_else(|| invalid("webhook is required"))?;
    let mut fields = base.clone();
    for name in [
        "name",
        "description",
        "endpoint",
        "http_method",
        "request_format",
        "status",
        "subscriptions",
        "authentication",
        "custom_headers",
    ] {
        if let Some(value) = given.get(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or("");
    if text("name").trim().is_empty() {
        return Err(invalid("name is required"));
    }
    if !["http://", "https://"].iter().any(|scheme| text("endpoint").starts_with(scheme)) {
        return Err(invalid("endpoint is invalid"));
    }
    if !METHODS.contains(&text("http_method")) {
        return Err(invalid("http_method is invalid"));
    }
    if !FORMATS.contains(&text("request_format")) {
        return Err(invalid("request_format is invalid"));
    }
    if !["active", "inactive"].contains(&text("status")) {
        return Err(invalid("status is invalid"));
    }
    fields.entry("subscriptions").or_insert_with(|| json!([]));
    Ok(fields)
}

pub(super) fn invalid(detail: &str) -> Answer {
    Answer::json(400, json!({"errors": [{"code": "InvalidWebhook", "title": "Invalid webhook", "detail": detail}]}))
}
