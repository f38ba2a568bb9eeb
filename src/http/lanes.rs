//! `GET /lanes`: what is under way and what was lately, one entry a message, with every call that it set off, and what
//! each of those waits for.
//!
//! It is for a view that is drawn again and again, so it costs a few indexed reads however much is stored, says
//! nothing that a message says, and is the same text as long as nothing happens. Whoever may decide about what is
//! parked may ask.

mod waits;

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Front, parked};
use crate::bridge::{BridgedThread, Effect};
use crate::store::{Lanes, Store, StoreError, TracedAttempt, TracedCall, TracedEvent, TracedThread};
use waits::Waits;

/// How many events are shown beside those that wait.
const MOST: u16 = 40;

pub(super) async fn lanes(State(front): State<Front>, headers: HeaderMap) -> Response {
    if let Some(reason) = parked::refused(&headers) {
        return parked::problem(StatusCode::FORBIDDEN, reason);
    }
    match told(&front).await {
        Ok(told) => Json(told).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "the lanes could not be read");
            parked::problem(StatusCode::SERVICE_UNAVAILABLE, "the database cannot be read")
        }
    }
}

async fn told(front: &Front) -> Result<Value, StoreError> {
    let mut lanes = front.store.lanes(MOST).await?;
    add_causes(&front.store, &mut lanes).await?;
    let waits = Waits::look(front, &lanes);
    let threads: BTreeMap<&str, &TracedThread> = lanes.threads.iter().map(|one| (one.id.as_str(), one)).collect();
    let cards = card_entries(&lanes.threads);
    // An entry that a call of ours made is that call's result, and no message of its own.
    let made: BTreeSet<&str> = lanes.calls.iter().filter_map(|call| call.result.as_deref()).collect();
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut messages: Vec<(Option<&TracedEvent>, &str, Vec<&TracedCall>)> = Vec::new();
    for event in &lanes.events {
        let own = made.contains(event.key.as_str()) || event.ignored.as_deref() == Some("echo");
        if !own && is_message(event) {
            causes.insert(name_of(event), messages.len());
            messages.push((Some(event), &event.thread_id, Vec::new()));
        }
    }
    for call in &lanes.calls {
        let cause = names_in(&call.effect_id).find_map(|name| causes.get(name));
        let cause =
            cause.or_else(|| causes.get(cards.get(call.thread_id.as_str())?.as_str()).filter(|_| is_first(call)));
        match cause {
            Some(at) => messages[*at].2.push(call),
            None => messages.push((None, &call.thread_id, vec![call])),
        }
    }
    let shown = messages.iter().map(|(event, thread, calls)| {
        let calls: Vec<Value> = calls.iter().map(|call| show_call(call, &lanes.attempts, &waits)).collect();
        json!({
            "event": event.map(|event| show_event(event, waits.of_event(event))),
            "thread": threads.get(thread).map(|thread| show_thread(thread)),
            "calls": calls,
        })
    });
    let held = lanes.held_events.iter().map(|event| {
        let channel = event.key.split_once(':').map(|(_, channel)| channel);
        json!({ "event": show_event(event, Waits::of_held()), "thread": { "channel_id": channel }, "calls": [] })
    });
    let nudges = lanes.nudges.iter().map(|(ticket, at)| json!({"ticket_id": ticket, "asked_at": at}));
    Ok(json!({
        "ready": front.ready.get().is_some(),
        "messages": shown.chain(held).collect::<Vec<Value>>(),
        "nudges": nudges.collect::<Vec<Value>>(),
        "counts": {
            "held": lanes.held, "unhandled": lanes.unhandled, "waiting": lanes.waiting, "parked": lanes.parked,
        },
    }))
}

/// A call may have waited for so long that its cause is no longer among the latest events.
async fn add_causes(store: &Store, lanes: &mut Lanes) -> Result<(), StoreError> {
    let known: BTreeSet<&str> = lanes.events.iter().map(name_of).collect();
    let threads: BTreeMap<&str, &TracedThread> = lanes.threads.iter().map(|one| (one.id.as_str(), one)).collect();
    let cards = card_entries(&lanes.threads);
    let (mut of_slack, mut of_zendesk) = (Vec::new(), Vec::new());
    for call in &lanes.calls {
        let first = cards.get(call.thread_id.as_str()).map(String::as_str).filter(|_| is_first(call));
        for name in names_in(&call.effect_id).chain(first).filter(|name| !known.contains(name)) {
            let link = threads.get(call.thread_id.as_str()).and_then(|thread| thread.link.as_ref());
            match link {
                Some((channel, _)) if call.vendor == "zendesk" => of_slack.push(format!("{name}:{channel}")),
                _ => of_zendesk.push(name.to_owned()),
            }
        }
    }
    let mut found = store.events_by_key("slack", &of_slack).await?;
    found.extend(store.events_by_key("zendesk", &of_zendesk).await?);
    lanes.events.extend(found);
    lanes.events.sort_by_key(|event| event.seq);
    Ok(())
}

fn card_entries(threads: &[TracedThread]) -> BTreeMap<&str, String> {
    let entry = |thread: &TracedThread| serde_json::from_str::<BridgedThread>(&thread.thread_json).ok()?.card_entry;
    threads.iter().filter_map(|thread| Some((thread.id.as_str(), entry(thread)?.to_string()))).collect()
}

/// Whether it is one of the calls by which a thread comes to Slack.
fn is_first(call: &TracedCall) -> bool {
    let name = call.effect_id.split([':', '/']).next().unwrap_or_default();
    matches!(name, "read-ticket" | "open-channel" | "card")
}

/// Whether somebody wrote or did it, as opposed to an answer or a timer of our own.
fn is_message(event: &TracedEvent) -> bool {
    match event.source.as_str() {
        "slack" => event.key.starts_with("press:") || name_of(event).contains('.'),
        _ => event.key.len() == 36,
    }
}

/// How effect ids name the event: a message by its `ts`, a press by the time of it, an entry by its id.
fn name_of(event: &TracedEvent) -> &str {
    match event.key.strip_prefix("press:") {
        Some(press) => press.rsplit(':').next().unwrap_or_default(),
        None => event.key.split(':').next().unwrap_or_default(),
    }
}

/// The names that may stand in an effect's id.
fn names_in(effect_id: &str) -> impl Iterator<Item = &str> {
    effect_id.split([':', '/']).filter(|part| part.len() > 8)
}

fn show_event(event: &TracedEvent, waits: Value) -> Value {
    json!({
        "seq": event.seq, "source": event.source, "key": event.key, "name": name_of(event),
        "received_at": event.received_at, "done_at": event.done_at, "ignored": event.ignored,
        "waits": waits,
    })
}

fn show_thread(thread: &TracedThread) -> Value {
    let (channel, ts) = thread.link.clone().unzip();
    json!({
        "side_conversation_id": thread.side_conversation_id, "ticket_id": thread.ticket_id, "place": thread.place,
        "state": thread.state, "channel_id": channel, "thread_ts": ts,
    })
}

fn show_call(call: &TracedCall, attempts: &[TracedAttempt], waits: &Waits<'_>) -> Value {
    let effect: Option<Effect> = call.effect_json.as_deref().and_then(|json| serde_json::from_str(json).ok());
    let waits = waits.of_call(call, effect.as_ref());
    let of_id = || call.effect_id.split([':', '/']).next().unwrap_or_default().replace('-', "_");
    let tries = attempts.iter().filter(|attempt| attempt.outbox_id == call.id).map(|attempt| {
        json!({
            "problem": attempt.problem, "begun_at": attempt.begun_at, "last_at": attempt.last_at,
            "times": attempt.times, "doubtful": attempt.doubtful, "not_before": attempt.not_before,
        })
    });
    json!({
        "id": call.id, "act": effect.map_or_else(of_id, |effect| effect.act.facts().name.to_owned()), "vendor": call.vendor,
        "decided_at": call.decided_at, "not_before": call.not_before, "attempts": call.attempts,
        "attempted_at": call.attempted_at, "doubtful": call.doubtful, "problem": call.problem, "state": call.state,
        "result": call.result, "settled_at": call.settled_at, "bundle": call.bundle, "tries": tries.collect::<Vec<Value>>(),
        "waits": waits,
    })
}
