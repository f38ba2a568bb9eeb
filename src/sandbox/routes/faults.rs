//! `/sandbox/faults`: what can be made to go wrong, what is, and how to change it.
//!
//! Entries are checked by hand, because a rule and its fault share one flat object: a key that nobody reads would
//! else be a fault that does less than was asked for.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::Desktop;
use crate::sandbox::faults::{Fault, Rule};
use crate::sandbox::{Sandbox, slack, zendesk};

const MOST_RULES: usize = 200;
const EVENTS: &str = "events";

/// One kind of fault: its name, its parameter with the range of it, and what it does.
struct Kind {
    name: &'static str,
    parameter: Option<(&'static str, u64, u64)>,
    says: &'static str,
}

const fn kind(name: &'static str, parameter: Option<(&'static str, u64, u64)>, says: &'static str) -> Kind {
    Kind { name, parameter, says }
}

const FEED: &str = "GET side_conversations/events";

const KINDS: [Kind; 16] = [
    kind("latency", Some(("ms", 1, 600_000)), "The answer comes this much later."),
    kind("status", Some(("status", 400, 599)), "Answers with this status; nothing is done."),
    kind("rate_limited", Some(("retry_after", 1, 86_400)), "Answers 429 with Retry-After in seconds; nothing is done."),
    kind(
        "rate_limited_plain",
        Some(("retry_after", 1, 86_400)),
        "Answers 429 in plain text with Retry-After in seconds; nothing is done.",
    ),
    kind("dropped_before", None, "The connection breaks before anything is done."),
    kind("dropped_after", None, "The work is done, then the connection breaks."),
    kind("html", None, "The work is done, then the answer is a 200 with an HTML page."),
    kind("error_after", None, "The work is done, then the answer is a 500."),
    kind(
        "refused",
        None,
        "Answers as to a wrong call, Slack with invalid_arguments, Zendesk with 422; nothing is done.",
    ),
    kind("token_revoked", None, "Answers as to a dead token; nothing is done."),
    kind("reads_lag", Some(("secs", 1, 86_400)), "Reads do not show what was written in the last seconds."),
    kind(
        "feed_late",
        Some(("secs", 1, 86_400)),
        "A row of Zendesk's account-wide feed shows this much after it was written.",
    ),
    kind("events_twice", None, "Deliveries to the bridge come twice."),
    kind("events_late", Some(("secs", 1, 86_400)), "Deliveries to the bridge come this much later."),
    kind("events_shuffled", None, "Deliveries to the bridge come in a shuffled order."),
    kind("events_never", None, "Deliveries to the bridge never come."),
];

pub(super) fn router() -> axum::Router<Desktop> {
    axum::Router::new().route("/sandbox/faults", get(list).post(add).delete(clear))
}

async fn list(State(desktop): State<Desktop>) -> Response<Body> {
    answer(StatusCode::OK, &told(&desktop.sandbox))
}

/// Adds all entries or none.
async fn add(State(desktop): State<Desktop>, body: Bytes) -> Response<Body> {
    let sandbox = &desktop.sandbox;
    let rules = match read(&body) {
        Ok(rules) => rules,
        Err(why) => return answer(StatusCode::BAD_REQUEST, &json!({ "error": why })),
    };
    if rules.len() + sandbox.slack.faults().list().len() + sandbox.zendesk.faults().list().len() > MOST_RULES {
        let why = format!("there would be more than {MOST_RULES} faults: DELETE /sandbox/faults first");
        return answer(StatusCode::BAD_REQUEST, &json!({ "error": why }));
    }
    for (vendor, rule) in rules {
        match vendor {
            Vendor::Slack => sandbox.slack.faults().add(rule),
            Vendor::Zendesk => sandbox.zendesk.faults().add(rule),
        }
    }
    answer(StatusCode::OK, &told(sandbox))
}

async fn clear(State(desktop): State<Desktop>) -> Response<Body> {
    desktop.sandbox.slack.faults().clear();
    desktop.sandbox.zendesk.faults().clear();
    answer(StatusCode::OK, &told(&desktop.sandbox))
}

fn told(sandbox: &Sandbox) -> Value {
    let of = |vendor: &str, rules: Vec<Rule>| {
        rules
            .into_iter()
            .map(|rule| {
                let mut shown = json!(rule);
                shown["vendor"] = vendor.into();
                shown
            })
            .collect::<Vec<Value>>()
    };
    let mut rules = of("slack", sandbox.slack.faults().list());
    rules.extend(of("zendesk", sandbox.zendesk.faults().list()));
    let kinds = KINDS.iter().map(|kind| {
        let parameter = kind.parameter.map(|(name, least, most)| json!({"name": name, "from": least, "to": most}));
        json!({"fault": kind.name, "parameter": parameter, "says": kind.says})
    });
    json!({
        "rules": rules,
        "help": {
            "GET": "Shows this.",
            "POST": "Switches on the faults of a JSON list; all of them, or none if one is nonsense.",
            "DELETE": "Switches all off.",
            "entry": {
                "vendor": "slack or zendesk",
                "call": "One of the calls below, or * for every call; of the faults named events_…, * or events.",
                "fault": "One of the faults below, with its parameter beside it.",
                "times": "How many times it strikes; without it, until it is taken away.",
                "percent": "In how many of a hundred cases, 1 to 100, by chance from the sandbox's seed; without it, in all.",
            },
            "examples": [
                {"vendor": "slack", "call": "chat.postMessage", "fault": "rate_limited", "retry_after": 3, "times": 2},
                {"vendor": "zendesk", "call": "POST …/reply", "fault": "dropped_after", "times": 1},
                {"vendor": "slack", "call": EVENTS, "fault": "events_twice", "percent": 50},
                {"vendor": "zendesk", "call": FEED, "fault": "feed_late", "secs": 20, "percent": 5},
            ],
            "faults": kinds.collect::<Vec<Value>>(),
            "calls": {"slack": slack::calls(), "zendesk": zendesk::CALLS},
        },
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Vendor {
    Slack,
    Zendesk,
}

fn read(body: &[u8]) -> Result<Vec<(Vendor, Rule)>, String> {
    let list: Value = serde_json::from_slice(body).map_err(|error| format!("this is not JSON: {error}"))?;
    let Value::Array(entries) = list else { return Err("a JSON list of faults is needed".to_owned()) };
    let read = |(at, entry): (usize, &Value)| {
        let Value::Object(fields) = entry else { return Err(format!("entry {at}: must be an object")) };
        entry_of(fields).map_err(|(field, why)| format!("entry {at}, field {field:?}: {why}"))
    };
    entries.iter().enumerate().map(read).collect()
}

type Wrong = (String, String);

fn entry_of(fields: &Map<String, Value>) -> Result<(Vendor, Rule), Wrong> {
    let wrong = |field: &str, why: String| Err((field.to_owned(), why));
    let vendor = match word(fields, "vendor")? {
        "slack" => Vendor::Slack,
        "zendesk" => Vendor::Zendesk,
        other => return wrong("vendor", format!("{other:?} is neither \"slack\" nor \"zendesk\"")),
    };
    let name = word(fields, "fault")?;
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        return wrong("fault", format!("{name:?} is unknown; known are {}", known.join(", ")));
    };
    let parameter = kind.parameter.map(|(name, ..)| name);
    for field in fields.keys().map(String::as_str) {
        let known = ["vendor", "call", "fault", "times", "percent"].contains(&field) || parameter == Some(field);
        if !known {
            return wrong(field, format!("unknown here; {name} takes {}", parameter.unwrap_or("no parameter")));
        }
    }
    let mut described = Map::from_iter([("fault".to_owned(), json!(name))]);
    if let Some((parameter, least, most)) = kind.parameter {
        let value = number(fields, parameter, least, most)?;
        let Some(value) = value else { return wrong(parameter, format!("missing; {least} to {most}")) };
        described.insert(parameter.to_owned(), json!(value));
    }
    let fault: Fault =
        serde_json::from_value(Value::Object(described)).map_err(|error| ("fault".to_owned(), error.to_string()))?;
    let call = word(fields, "call")?;
    check_call(vendor, call, &fault).map_err(|why| ("call".to_owned(), why))?;
    let times = number(fields, "times", 1, u64::from(u32::MAX))?.and_then(|times| u32::try_from(times).ok());
    let percent = number(fields, "percent", 1, 100)?.and_then(|percent| u8::try_from(percent).ok());
    Ok((vendor, Rule { call: call.to_owned(), fault, times, percent }))
}

fn check_call(vendor: Vendor, call: &str, fault: &Fault) -> Result<(), String> {
    if matches!(fault, Fault::FeedLate { .. }) {
        let fits = call == FEED && vendor == Vendor::Zendesk;
        return if fits { Ok(()) } else { Err(format!("this fault strikes {FEED:?} of zendesk")) };
    }
    if call == "*" {
        return Ok(());
    }
    let of_reads = matches!(fault, Fault::ReadsLag { .. });
    let of_calls = fault.is_of_calls() || of_reads;
    if call == EVENTS {
        return if of_calls { Err("this fault strikes calls, not deliveries".to_owned()) } else { Ok(()) };
    }
    if !of_calls {
        return Err(format!("this fault strikes deliveries: the call is {EVENTS:?} or \"*\""));
    }
    let known: Vec<&str> = match vendor {
        Vendor::Slack => slack::calls(),
        Vendor::Zendesk => zendesk::CALLS.to_vec(),
    };
    if !known.contains(&call) {
        return Err(format!("{call:?} is unknown; known are *, {EVENTS}, {}", known.join(", ")));
    }
    let reads = match vendor {
        Vendor::Slack => ["conversations.history", "conversations.replies"].contains(&call),
        Vendor::Zendesk => call.starts_with("GET "),
    };
    if of_reads && !reads { Err(format!("{call} reads nothing that can lag")) } else { Ok(()) }
}

fn word<'a>(fields: &'a Map<String, Value>, field: &str) -> Result<&'a str, Wrong> {
    match fields.get(field) {
        Some(Value::String(word)) => Ok(word),
        Some(_) => Err((field.to_owned(), "must be a text".to_owned())),
        None => Err((field.to_owned(), "missing".to_owned())),
    }
}

fn number(fields: &Map<String, Value>, field: &str, least: u64, most: u64) -> Result<Option<u64>, Wrong> {
    let Some(value) = fields.get(field) else { return Ok(None) };
    match value.as_u64().filter(|number| (least..=most).contains(number)) {
        Some(number) => Ok(Some(number)),
        None => Err((field.to_owned(), format!("{value} is no whole number from {least} to {most}"))),
    }
}

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{body:#}\n")));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
