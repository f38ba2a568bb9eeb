//! `/sandbox/faults`: what can be made to go wrong, what is, and how to change it.
//!
//! Entries are checked by hand, because a rule and its fault share one flat object: a key that nobody reads would
//! else be a fault that does less than was asked for.

use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::json::answer;
use super::{Desktop, Named};
use crate::faults::{Fault, Rule};
use crate::kinds::{EVENTS, FEED, KINDS, unit};
use crate::page::Asked;
use crate::{Sandbox, slack, zendesk};

const MOST_RULES: usize = 200;

pub(super) fn router() -> axum::Router<Desktop> {
    axum::Router::new()
        .route("/sandbox/faults", get(list).post(add).delete(clear))
        .route("/sandbox/faults/on", post(on))
        .route("/sandbox/faults/off", post(off))
}

async fn list(State(desktop): State<Desktop>) -> Response<Body> {
    answer(StatusCode::OK, &told(&desktop.sandbox))
}

/// Adds all entries or none.
async fn add(State(desktop): State<Desktop>, body: Bytes) -> Response<Body> {
    match read(&body).and_then(|rules| switch_on(&desktop, rules)) {
        Ok(()) => answer(StatusCode::OK, &told(&desktop.sandbox)),
        Err(why) => answer(StatusCode::BAD_REQUEST, &json!({ "error": why })),
    }
}

fn switch_on(desktop: &Desktop, rules: Vec<(Vendor, Rule)>) -> Result<(), String> {
    let sandbox = &desktop.sandbox;
    if rules.len() + sandbox.slack.faults().list().len() + sandbox.zendesk.faults().list().len() > MOST_RULES {
        return Err(format!("there would be more than {MOST_RULES} faults: DELETE /sandbox/faults first"));
    }
    for (vendor, rule) in rules {
        match vendor {
            Vendor::Slack => sandbox.slack.faults().add(rule),
            Vendor::Zendesk => sandbox.zendesk.faults().add(rule),
        }
    }
    desktop.changes.tell();
    Ok(())
}

#[derive(Deserialize)]
struct Filled {
    #[serde(flatten)]
    asked: Asked,
    #[serde(default)]
    fault: String,
    /// A vendor and a call, or `*` for whatever of both vendors the fault can strike.
    #[serde(default)]
    call: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    times: String,
    #[serde(default)]
    percent: String,
}

/// A switch of the page is turned on.
async fn on(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    let done = rules_of(&filled).and_then(|rules| switch_on(&desktop, rules));
    let done = done.map(|()| format!("fault-{}", filled.fault));
    desktop.back(&place, done.map_err(|why| format!("The fault was not switched on: {why}."))).await
}

/// A switch of the page is turned off, or all are.
async fn off(State(desktop): State<Desktop>, Form(filled): Form<Named>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    for faults in [desktop.sandbox.slack.faults(), desktop.sandbox.zendesk.faults()] {
        faults.take_away(|rule| filled.what == "*" || json!(rule)["fault"] == *filled.what);
    }
    desktop.changes.tell();
    let known = KINDS.iter().find(|kind| kind.name == filled.what);
    desktop.back(&place, Ok(known.map_or("bridge".to_owned(), |kind| format!("fault-{}", kind.name)))).await
}

fn rules_of(filled: &Filled) -> Result<Vec<(Vendor, Rule)>, String> {
    let kind = KINDS.iter().find(|kind| kind.name == filled.fault).ok_or("there is no such fault")?;
    let (vendors, call) = match filled.call.split_once(' ') {
        Some((vendor, call)) => (vec![vendor], call),
        None => (vec!["slack", "zendesk"], "*"),
    };
    let mut rules = Vec::new();
    let fits = vendors.into_iter().filter(|vendor| kind.is_of(vendor));
    let struck = fits.flat_map(|vendor| match (kind.name, call) {
        ("feed_late", _) => vec![(vendor, FEED)],
        // People are told on the other side and can retry: so what is asked, and the key to the vendor, is not refused.
        ("refused", "*") => words_of(vendor).into_iter().map(|call| (vendor, call)).collect(),
        _ => vec![(vendor, call)],
    });
    for (vendor, call) in struck {
        let mut entry = Map::from_iter([
            ("vendor".to_owned(), json!(vendor)),
            ("call".to_owned(), json!(call)),
            ("fault".to_owned(), json!(kind.name)),
        ]);
        let value = kind.parameter.map(|(name, least, most)| (name, unit(name), &filled.value, least, most));
        let often = ("times", "times", &filled.times, 1, u64::from(u32::MAX));
        let by_chance = ("percent", "in how many of 100 cases", &filled.percent, 1, 100);
        for (name, words, typed, least, most) in value.into_iter().chain([often, by_chance]) {
            if typed.trim().is_empty() && name != value.map_or("", |(name, ..)| name) {
                continue;
            }
            let number = typed.trim().parse::<u64>().ok().filter(|number| (least..=most).contains(number));
            let number = number.ok_or_else(|| format!("{words}: a whole number from {least} to {most} is needed"))?;
            entry.insert(name.to_owned(), json!(number));
        }
        rules.push(entry_of(&entry).map_err(|(field, why)| format!("{field}: {why}"))?);
    }
    Ok(rules)
}

/// The calls of a vendor by which the bridge brings people's words.
fn words_of(vendor: &str) -> Vec<&'static str> {
    match vendor {
        "slack" => vec!["chat.postMessage"],
        _ => {
            let is_of_words = |call: &&str| {
                call.starts_with("POST ") && (call.ends_with("/reply") || call.ends_with("/side_conversations"))
            };
            zendesk::CALLS.iter().copied().filter(is_of_words).collect()
        }
    }
}

async fn clear(State(desktop): State<Desktop>) -> Response<Body> {
    desktop.sandbox.slack.faults().clear();
    desktop.sandbox.zendesk.faults().clear();
    desktop.changes.tell();
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

impl Vendor {
    fn name(self) -> &'static str {
        match self {
            Vendor::Slack => "slack",
            Vendor::Zendesk => "zendesk",
        }
    }
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
    kind.check(vendor.name(), call).map_err(|why| ("call".to_owned(), why))?;
    let times = number(fields, "times", 1, u64::from(u32::MAX))?.and_then(|times| u32::try_from(times).ok());
    let percent = number(fields, "percent", 1, 100)?.and_then(|percent| u8::try_from(percent).ok());
    Ok((vendor, Rule { call: call.to_owned(), fault, times, percent }))
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
