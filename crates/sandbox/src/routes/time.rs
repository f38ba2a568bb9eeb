//! `/sandbox/clock` and `/sandbox/limits`: what the vendors do with time, hurried or held.

use axum::Router;
use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::{Value, json};

use super::json::answer;
use super::{Desktop, Named};
use crate::limits::Keeping;
use crate::slack;
use crate::zendesk::FakeZendesk;

const SECOND: i64 = 1_000;
const UNITS: [(char, i64); 4] = [('s', SECOND), ('m', 60 * SECOND), ('h', 3_600 * SECOND), ('d', 86_400 * SECOND)];
const LONGEST: i64 = 400 * 86_400 * SECOND;

pub(super) fn router() -> Router<Desktop> {
    Router::new()
        .route("/sandbox/clock", get(clock).post(forward))
        .route("/sandbox/clock/on", post(forward_on_the_page))
        .route("/sandbox/limits", get(limits).post(set_limits))
}

async fn clock() -> Response<Body> {
    answer(StatusCode::OK, &told_of_clock())
}

async fn forward(State(desktop): State<Desktop>, body: Bytes) -> Response<Body> {
    let ms = match read_forward(&body) {
        Ok(ms) => ms,
        Err(why) => return answer(StatusCode::BAD_REQUEST, &json!({ "error": why })),
    };
    let sandbox = &desktop.sandbox;
    let status = |id: &i64| sandbox.zendesk.ticket(*id).map(|ticket| (*id, ticket["status"].clone()));
    let closed = sandbox.forward(ms);
    let closed: Vec<Value> =
        closed.iter().filter_map(status).map(|(id, status)| json!({"ticket": id, "status": status})).collect();
    let mut told = told_of_clock();
    told["forwarded_ms"] = ms.into();
    told["closed"] = closed.into();
    answer(StatusCode::OK, &told)
}

/// The clock is moved on the page, which then shows a ticket that has closed by it.
async fn forward_on_the_page(State(desktop): State<Desktop>, Form(filled): Form<Named>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    let done = read_time(&filled.what).map(|ms| desktop.sandbox.forward(ms));
    desktop.changes.tell();
    let closed = done.as_ref().ok().and_then(|closed| closed.first().copied());
    let place = closed.map_or(place.clone(), |ticket| place.with_open(ticket));
    let shown = closed.map_or("clock".to_owned(), |ticket| format!("ticket-{ticket}"));
    desktop.back(&place, done.map(|_| shown).map_err(|why| format!("The clock was not moved: {why}."))).await
}

fn told_of_clock() -> Value {
    json!({"help": {
        "POST": "{\"forward\": \"4d\"} lets time pass for whatever waits for its time, up to 400d; also s, m, h.",
        "what": "Solved tickets close after four days, closed ones are archived after 120; access tokens, idempotency \
                 keys and response URLs end; retries of events and webhooks fall due; used-up rate limits are free.",
        "what_not": "The clock itself stays: the bridge lives by the machine's clock and refuses signatures of another \
                     time, so nothing is dated in the future. What the bridge waits for comes at its own time.",
    }})
}

async fn limits(State(desktop): State<Desktop>) -> Response<Body> {
    answer(StatusCode::OK, &told_of_limits(&desktop))
}

async fn set_limits(State(desktop): State<Desktop>, body: Bytes) -> Response<Body> {
    match read_limits(&body) {
        Ok((vendor, keeping)) => {
            if vendor != Some("zendesk") {
                desktop.sandbox.slack.set_limits(keeping);
            }
            if vendor != Some("slack") {
                desktop.sandbox.zendesk.set_limits(keeping);
            }
            answer(StatusCode::OK, &told_of_limits(&desktop))
        }
        Err(why) => answer(StatusCode::BAD_REQUEST, &json!({ "error": why })),
    }
}

fn told_of_limits(desktop: &Desktop) -> Value {
    let sandbox = &desktop.sandbox;
    let kept = [("slack", sandbox.slack.limits()), ("zendesk", sandbox.zendesk.limits())];
    let kept = kept.map(|(vendor, keeping)| {
        let said = match keeping {
            Keeping::Documented => json!({"limits": "documented"}),
            Keeping::Off => json!({"limits": "off"}),
            Keeping::Percent(percent) => json!({"limits": "scaled", "percent": percent}),
        };
        (vendor.to_owned(), said)
    });
    let of_slack =
        slack::documented_limits().map(|(what, calls, secs)| json!({"what": what, "calls": calls, "secs": secs}));
    let of_zendesk =
        FakeZendesk::documented_limits().map(|(what, calls, secs)| json!({"what": what, "calls": calls, "secs": secs}));
    json!({
        "now": serde_json::Map::from_iter(kept),
        "documented": {"slack": of_slack, "zendesk": of_zendesk},
        "help": {
            "POST": "{\"limits\": \"documented\"}, {\"limits\": \"off\"} or {\"limits\": \"scaled\", \"percent\": 10}; \
                     with \"vendor\": \"slack\" or \"zendesk\" for one of them. What was used is forgotten.",
        },
    })
}

fn read_forward(body: &[u8]) -> Result<i64, String> {
    let wanted = "an object such as {\"forward\": \"4d\"} is needed";
    let given: Value = serde_json::from_slice(body).map_err(|_| wanted.to_owned())?;
    let fields = given.as_object().ok_or(wanted)?;
    if let Some(unknown) = fields.keys().find(|key| *key != "forward") {
        return Err(format!("{unknown:?} is unknown here"));
    }
    read_time(fields.get("forward").and_then(Value::as_str).ok_or(wanted)?)
}

/// A time such as "4d", in milliseconds.
fn read_time(text: &str) -> Result<i64, String> {
    let why = || format!("{text:?} is no time from 1s to 400d: a whole number and s, m, h or d");
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(*unit)).ok_or_else(why)?;
    let number: i64 = text.strip_suffix(unit.0).unwrap_or_default().parse().map_err(|_| why())?;
    number.checked_mul(unit.1).filter(|ms| (SECOND..=LONGEST).contains(ms)).ok_or_else(why)
}

fn read_limits(body: &[u8]) -> Result<(Option<&'static str>, Keeping), String> {
    let wanted = "an object such as {\"limits\": \"off\"} is needed";
    let given: Value = serde_json::from_slice(body).map_err(|_| wanted.to_owned())?;
    let fields = given.as_object().ok_or(wanted)?;
    if let Some(unknown) = fields.keys().find(|key| !["limits", "percent", "vendor"].contains(&key.as_str())) {
        return Err(format!("{unknown:?} is unknown here"));
    }
    let vendor = match fields.get("vendor").map(Value::as_str) {
        None => None,
        Some(Some("slack")) => Some("slack"),
        Some(Some("zendesk")) => Some("zendesk"),
        Some(_) => return Err("\"vendor\" is \"slack\" or \"zendesk\"".to_owned()),
    };
    let percent = fields.get("percent").map(|percent| percent.as_u64().filter(|percent| (1..=1000).contains(percent)));
    let keeping = match (fields.get("limits").and_then(Value::as_str), percent) {
        (Some("documented"), None) => Keeping::Documented,
        (Some("off"), None) => Keeping::Off,
        (Some("scaled"), Some(Some(percent))) => Keeping::Percent(u32::try_from(percent).unwrap_or(u32::MAX)),
        (Some("scaled"), _) => return Err("\"percent\" must be a whole number from 1 to 1000".to_owned()),
        (Some("documented" | "off"), Some(_)) => return Err("\"percent\" goes with \"scaled\"".to_owned()),
        _ => return Err("\"limits\" is \"documented\", \"off\" or \"scaled\"".to_owned()),
    };
    Ok((vendor, keeping))
}
