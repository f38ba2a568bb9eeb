//! The calls on side conversations and their events.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Ask, Outcome};
use super::conversations::{Act, Draft, read_external_ids};
use super::options::ReplyOnClosed;
use super::pages;
use super::show::{ShownConversation, ShownEvent};
use super::text;
use super::world::{Event, Kind, SideConversation, World};

#[derive(Serialize)]
struct Page<'a> {
    #[serde(flatten)]
    beside: pages::Beside,
    #[serde(skip_serializing_if = "Option::is_none")]
    side_conversations: Option<Vec<ShownConversation<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<ShownEvent<'a>>>,
}

fn seen(world: &World, ask: &Ask, conversation: &SideConversation) -> Option<SideConversation> {
    if ask.visible_until == i64::MAX {
        return Some(conversation.clone());
    }
    conversation.as_of(&world.events, ask.visible_until)
}

fn seen_events<'a>(world: &'a World, ask: &Ask, conversation: &SideConversation) -> Vec<&'a Event> {
    let events = conversation.events.iter().filter_map(|place| world.events.get(*place));
    events.filter(|event| event.written_at <= ask.visible_until).collect()
}

pub(super) fn list(world: &mut World, ask: &Ask) -> Outcome {
    feature(world)?;
    let ticket = world.readable(ask.number(0))?;
    let rows: Vec<SideConversation> = ticket
        .conversations
        .iter()
        .filter_map(|id| world.conversations.get(id))
        .filter_map(|conversation| seen(world, ask, conversation))
        .collect();
    let (beside, meant) = pages::cut(ask, world.base_url(), rows.len())?;
    let rows = &rows[meant];
    let events = ask.includes("side_conversation_events").then(|| {
        let events = rows.iter().flat_map(|one| {
            let full = world.conversations.get(&*one.id);
            full.map(|full| seen_events(world, ask, full)).unwrap_or_default()
        });
        events.map(|event| world.shown_event(event)).collect()
    });
    let side_conversations = rows.iter().map(|one| world.shown_conversation(one)).collect();
    Ok(Answer::written(&Page { beside, events, side_conversations: Some(side_conversations) }))
}

pub(super) fn show(world: &mut World, ask: &Ask) -> Outcome {
    feature(world)?;
    let conversation = world.conversation_on(ask.number(0), ask.text(1))?;
    let then = seen(world, ask, conversation).ok_or_else(Answer::not_found)?;
    let mut body = json!({"side_conversation": world.show_conversation(&then)});
    if ask.includes("side_conversation_events") {
        let events = seen_events(world, ask, conversation);
        body["events"] = events.into_iter().map(|event| world.show_event(event)).collect();
    }
    Ok(Answer::ok(body))
}

pub(super) fn events(world: &mut World, ask: &Ask) -> Outcome {
    feature(world)?;
    let conversation = world.conversation_on(ask.number(0), ask.text(1))?;
    let then = seen(world, ask, conversation).ok_or_else(Answer::not_found)?;
    let rows = seen_events(world, ask, conversation);
    let (beside, meant) = pages::cut(ask, world.base_url(), rows.len())?;
    let events = rows[meant].iter().map(|event| world.shown_event(event)).collect();
    let side_conversations = ask.includes("side_conversations").then(|| vec![world.shown_conversation(&then)]);
    Ok(Answer::written(&Page { beside, events: Some(events), side_conversations }))
}

pub(super) fn create(world: &mut World, ask: &Ask) -> Outcome {
    feature(world)?;
    world.readable(ask.number(0))?;
    let asked = ask.json()?;
    let draft = Draft::read(asked.get("message"))?;
    let external_ids = read_external_ids(asked.get("external_ids"))?;
    let act = world.act(ask.user, "api", ask.now);
    let id = world.start(ask.number(0), &act, draft, external_ids)?;
    Ok(Answer::json(201, with_event(world, &id, &id)?))
}

pub(super) fn reply(world: &mut World, ask: &Ask) -> Outcome {
    feature(world)?;
    let conversation = world.conversation_on(ask.number(0), ask.text(1))?;
    let (id, ticket) = (conversation.id.clone(), conversation.ticket);
    let draft = Draft::read(ask.json()?.get("message"))?;
    let closed = world.readable(ticket)?.closed();
    let on_closed = world.options.unconfirmed.reply_on_closed;
    if let (true, ReplyOnClosed::Refused(status)) = (closed, on_closed) {
        let mut refusal = Answer::record_invalid("status", "Status: closed prevents ticket update");
        refusal.status = status;
        return Err(refusal);
    }
    let act = world.act(ask.user, "api", ask.now);
    let event = world.add_reply(&id, &act, draft)?;
    if closed && on_closed == ReplyOnClosed::FollowUp {
        world.follow_up(&id, &act);
    }
    let mut body = with_event(world, &id, &event)?;
    if let (Some(body), false) = (body.as_object_mut(), world.options.unconfirmed.reply_answer_has_event) {
        body.remove("event");
    }
    Ok(Answer::json(world.options.unconfirmed.reply_status, body))
}

pub(super) fn update(world: &mut World, ask: &Ask) -> Outcome {
    feature(world)?;
    let id = world.conversation_on(ask.number(0), ask.text(1))?.id.clone();
    let asked = ask.json()?;
    let given = asked.get("side_conversation").and_then(Value::as_object);
    let given =
        given.ok_or_else(|| Answer::record_invalid("side_conversation", "Side conversation: cannot be blank"))?;
    let mut updates = Map::new();
    if let Some(state) = given.get("state") {
        if !matches!(state.as_str(), Some("open" | "closed")) {
            return Err(Answer::record_invalid("state", "State: is not included in the list"));
        }
        updates.insert("state".into(), state.clone());
    }
    if let Some(subject) = given.get("subject") {
        if !subject.is_string() {
            return Err(Answer::record_invalid("subject", "Subject: is invalid"));
        }
        updates.insert("subject".into(), subject.clone());
    }
    let act = world.act(ask.user, "api", ask.now);
    world.change(&id, &act, updates);
    let conversation = world.conversations.get(&*id).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(json!({"side_conversation": world.show_conversation(conversation)})))
}

pub(super) fn import(world: &mut World, ask: &Ask) -> Outcome {
    feature(world)?;
    let ticket = ask.number(0);
    world.readable(ticket)?;
    let asked = ask.json()?;
    let given = asked.get("side_conversation").cloned().unwrap_or_else(|| json!({}));
    let external_ids = read_external_ids(given.get("external_ids"))?;
    let mut messages = read_import(world, ask, &asked, None)?;
    if messages.is_empty() {
        return Err(Answer::record_invalid("events", "Events: cannot be blank"));
    }
    let (act, mut first) = messages.remove(0);
    if let Some(subject) = given.get("subject").and_then(Value::as_str) {
        first.subject = Some(subject.to_owned());
    }
    let id = world.start(ticket, &act, first, external_ids)?;
    let mut made = vec![id.clone()];
    for (act, draft) in messages {
        made.push(world.add_reply(&id, &act, draft)?);
    }
    if given.get("state").and_then(Value::as_str) == Some("closed")
        && let Some(conversation) = world.conversations.get_mut(&id)
    {
        conversation.open = false;
    }
    imported(world, &id, &made)
}

pub(super) fn import_events(world: &mut World, ask: &Ask) -> Outcome {
    feature(world)?;
    let conversation = world.conversation_on(ask.number(0), ask.text(1))?;
    let (id, kind) = (conversation.id.clone(), conversation.kind);
    let asked = ask.json()?;
    let messages = read_import(world, ask, &asked, Some(kind))?;
    if messages.is_empty() {
        return Err(Answer::record_invalid("events", "Events: cannot be blank"));
    }
    let mut made = Vec::new();
    for (act, draft) in messages {
        made.push(world.add_reply(&id, &act, draft)?);
    }
    imported(world, &id, &made)
}

/// The events of an import, checked: each needs `message.from`.
fn read_import(
    world: &mut World,
    ask: &Ask,
    asked: &Map<String, Value>,
    mut kind: Option<Kind>,
) -> Result<Vec<(Act, Draft)>, Answer> {
    let mut messages = Vec::new();
    for event in asked.get("events").and_then(Value::as_array).into_iter().flatten() {
        let draft = Draft::read(event.get("message"))?;
        let from = world.resolve_author(&draft.from, ask.now);
        let actor = from.ok_or_else(|| Answer::record_invalid("from", "From: is invalid"))?;
        let at = match event.get("created_at") {
            None | Some(Value::Null) => ask.now,
            Some(time) => time
                .as_str()
                .and_then(text::parse_time)
                .ok_or_else(|| Answer::record_invalid("created_at", "Created at: is invalid"))?,
        };
        let act = Act { user: ask.user, actor, via: "api", at, now: ask.now, silent: true };
        kind = Some(world.check(&draft, &act, kind)?);
        messages.push((act, draft));
    }
    Ok(messages)
}

/// The documented answer has one `event` and `updates`, the recorded one a page of `events`: both.
fn imported(world: &World, id: &str, made: &[String]) -> Outcome {
    let conversation = world.conversations.get(id).ok_or_else(Answer::not_found)?;
    let places = conversation.events.iter().filter_map(|place| world.events.get(*place));
    let events: Vec<Value> =
        places.filter(|event| made.contains(&event.id)).map(|event| world.show_event(event)).collect();
    Ok(Answer::json(
        201,
        json!({
            "side_conversation": world.show_conversation(conversation), "event": events.first(), "updates": {},
            "count": events.len(), "events": events, "next_page": null, "previous_page": null,
        }),
    ))
}

fn with_event(world: &World, conversation: &str, event: &str) -> Result<Value, Answer> {
    let found = world.conversations.get(conversation).ok_or_else(Answer::not_found)?;
    let mut latest = found.events.iter().rev().filter_map(|place| world.events.get(*place));
    let event = latest.find(|one| one.id == event).map(|event| world.show_event(event));
    Ok(json!({"event": event, "side_conversation": world.show_conversation(found)}))
}

/// What a switched-off feature answers is not documented.
fn feature(world: &World) -> Result<(), Answer> {
    if world.side_conversations_on { Ok(()) } else { Err(Answer::forbidden()) }
}
