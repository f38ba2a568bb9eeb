//! How far a message is, in a word and in a line, and what it waits for: as the bridge tells, in words that a reader of the
//! page understands.

use serde_json::Value;

use super::super::{list, text};
use super::{time_of_day, vendor};

const WITHHELD: &str = "not sent, because somebody outside would read it; its thread was told";
const OF_AN_APP: &str = "stays in Slack: written by an app";
const GIVEN_UP: &str = "given up: a person wanted that, or its author deleted it";

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Stage {
    /// There was nothing to do.
    Idle,
    /// It stays where it was written, and people know.
    Stays,
    Done,
    Accepted,
    Decided,
    Sent,
    Waiting,
    Parked,
}

impl Stage {
    pub(in super::super) fn class(self) -> &'static str {
        match self {
            Stage::Idle | Stage::Stays => "idle",
            Stage::Done => "done",
            Stage::Accepted | Stage::Decided | Stage::Sent => "moving",
            Stage::Waiting => "waiting",
            Stage::Parked => "parked",
        }
    }

    /// How many of the four stations it has passed: accepted, decided, sent, done.
    pub(in super::super) fn passed(self) -> usize {
        match self {
            Stage::Accepted => 1,
            Stage::Idle | Stage::Stays | Stage::Decided => 2,
            Stage::Sent | Stage::Waiting | Stage::Parked => 3,
            Stage::Done => 4,
        }
    }
}

/// Where it stands, in a word and in a line: as the call does that is least far.
pub(super) fn standing(event: &Value, calls: &[Value], now: i64) -> (Stage, String) {
    if !event.is_null() && event["done_at"].is_null() {
        return match text(&event["waits"], "words") {
            "" => (Stage::Accepted, "accepted and stored, not yet decided".to_owned()),
            words => (Stage::Waiting, format!("accepted and stored; waits {words}")),
        };
    }
    if calls.is_empty() {
        return (Stage::Idle, idle(event["ignored"].as_str().unwrap_or_default()));
    }
    // Of several that are as far, the first says why: the others may only wait behind it.
    let least = calls.iter().rev().map(|call| (stage_of(call, now), call)).max_by_key(|(stage, _)| *stage);
    let Some((stage, call)) = least else { return (Stage::Idle, String::new()) };
    match stage {
        Stage::Parked => (stage, format!("set aside for a person{}", because(call))),
        Stage::Waiting | Stage::Sent | Stage::Decided => (stage, open(call, now)),
        _ => arrived(event, calls),
    }
}

/// What a call that is not settled waits for.
pub(super) fn open(call: &Value, now: i64) -> String {
    let (waits, vendor) = (&call["waits"], vendor(call));
    let until = waits["until"].as_i64().or(call["not_before"].as_i64()).filter(|at| *at > now);
    let until = until.map(|at| time_of_day(at).chars().take(8).collect::<String>());
    match (stage_of(call, now), text(waits, "for"), text(waits, "words")) {
        (Stage::Sent, ..) => format!("sent to {vendor}, no answer yet"),
        (Stage::Decided, ..) => format!("decided, its turn at {vendor} comes"),
        (_, "look", _) => {
            let when = until.map(|at| format!(" at {at}")).unwrap_or_default();
            format!("may have arrived already: it is looked for{when} before it is sent again{}", because(call))
        }
        (_, "room", words) => format!("waits{} {words}", until.map(|at| format!(" until {at}")).unwrap_or_default()),
        (_, _, "") => {
            let when = until.map(|at| format!(" until {at}")).unwrap_or_default();
            format!("waits{when} for {vendor}{}", because(call))
        }
        (_, _, words) => format!("waits {words}"),
    }
}

fn because(call: &Value) -> String {
    let problem = call["problem"].as_str().or_else(|| list(call, "tries").last()?["problem"].as_str());
    problem.map(|problem| format!(": {}", plainly(problem))).unwrap_or_default()
}

/// A problem in words, where it is a vendor's code that everybody meets.
fn plainly(problem: &str) -> &str {
    match problem {
        "ratelimited" => "it wants fewer requests",
        other => other,
    }
}

/// Why there was nothing to do.
fn idle(why: &str) -> String {
    match why {
        "older" => "left alone: its side conversation is older than the bridge",
        "not_routed" => "left alone: it names no channel",
        "known" => "known already",
        "stale" => "changes nothing any more",
        "empty" => "nothing in it to carry",
        "not_linked" => "left alone: its thread is not in Slack",
        _ => "nothing to do",
    }
    .to_owned()
}

fn stage_of(call: &Value, now: i64) -> Stage {
    match (text(call, "state"), text(&call["waits"], "for")) {
        ("parked", _) => Stage::Parked,
        ("waiting", "answer") => Stage::Sent,
        ("waiting", "turn") if call["attempted_at"].is_null() => Stage::Decided,
        // A bridge that is about to start says what was written down, and no more.
        ("waiting", "") => match call["not_before"].as_i64().is_some_and(|at| at > now) {
            true => Stage::Waiting,
            false if call["attempted_at"].is_null() => Stage::Decided,
            false if call["doubtful"] == true => Stage::Sent,
            false => Stage::Waiting,
        },
        ("waiting", _) => Stage::Waiting,
        _ => Stage::Done,
    }
}

/// Whether a call ended without anything having been written at the vendor.
pub(super) fn is_not_written(call: &Value) -> bool {
    let result = text(call, "result");
    call["state"] == "done" && matches!(result, "withheld" | "of_an_app" | "ticket_closed" | "withdrawn")
}

/// How a call ended.
pub(super) fn ended(call: &Value) -> String {
    match (text(call, "state"), text(call, "result")) {
        ("done", "withheld") => WITHHELD.to_owned(),
        ("done", "of_an_app") => OF_AN_APP.to_owned(),
        ("done", "ticket_closed") => "not done: the ticket is closed".to_owned(),
        ("done", "withdrawn") => "not done: what it was to say is not so any more".to_owned(),
        ("parked", _) => format!("set aside for a person: {}", text(call, "problem")),
        ("dropped", _) => GIVEN_UP.to_owned(),
        (state, _) => state.to_owned(),
    }
}

fn arrived(event: &Value, calls: &[Value]) -> (Stage, String) {
    let ended_so = |result: &str| calls.iter().any(|call| call["state"] == "done" && call["result"] == result);
    if calls.iter().any(|call| call["state"] == "dropped") {
        return (Stage::Stays, GIVEN_UP.to_owned());
    }
    if ended_so("of_an_app") {
        return (Stage::Stays, OF_AN_APP.to_owned());
    }
    if ended_so("withheld") {
        return (Stage::Stays, format!("stays in Slack: {WITHHELD}"));
    }
    let is_press = text(event, "key").starts_with("press:");
    let arrived = if is_press { "done" } else { "arrived" };
    let ended = calls.iter().filter_map(|call| call["settled_at"].as_i64()).max();
    let begun = event["received_at"].as_i64();
    let tries: usize = calls.iter().map(|call| list(call, "tries").len()).sum();
    let again = match tries {
        0 => "",
        1 => ", after one more try",
        _ => ", after more tries",
    };
    let line = match begun.zip(ended).map(|(begun, ended)| (ended - begun).max(0)) {
        Some(took @ 0..1000) => format!("{arrived} in {took} ms{again}"),
        Some(took) => format!("{arrived} in {}.{} s{again}", took / 1000, took % 1000 / 100),
        None => format!("done{again}"),
    };
    (Stage::Done, line)
}
