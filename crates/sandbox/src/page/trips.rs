//! The middle of the page: every message on its way through the bridge, as the bridge tells of it.
//!
//! The bridge names messages and does not say what they say; the words come from the fakes.

mod stands;

use serde_json::Value;

use super::faults::{self, Switch};
use super::mrkdwn::{Names, to_plain};
use super::owed::Proven;
use super::{Place, excerpt, list, names_by_id, people_who_write, shown_name, text};
use crate::Sandbox;
use crate::proof::Changed;
pub(super) use stands::Stage;
use stands::{ended, is_not_written, open, standing};

const WORDS: usize = 70;
const WORDS_ASIDE: usize = 36;
const MOST: usize = 30;
/// What was written so long before the bridge read it was not written beside it.
const LATE_MS: i64 = 60_000;

pub(super) struct Middle {
    pub(super) place: Place,
    /// Whether the bridge answers, and knows who it is.
    pub(super) state: Running,
    /// How many times its process was killed and started, where it is a process that can be killed.
    pub(super) kills: Option<(u64, u64)>,
    pub(super) trips: Vec<Trip>,
    /// Tickets that the bridge was told of and has not read yet.
    pub(super) nudges: usize,
    /// Messages that wait for the card of their thread.
    pub(super) held: i64,
    /// What the vendors have not yet brought to the bridge.
    pub(super) on_the_way: usize,
    pub(super) under_way: i64,
    pub(super) parked: i64,
    /// Whether all that was said has arrived, if anything was said.
    pub(super) proof: Option<Proven>,
    /// How many faults are on.
    pub(super) faults: usize,
    /// Their switches, if they are shown.
    pub(super) switches: Vec<Switch>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Running {
    Ready,
    Starting,
    Silent,
}

/// One message and what it set off.
pub(super) struct Trip {
    pub(super) id: String,
    pub(super) to_slack: bool,
    pub(super) who: String,
    pub(super) words: String,
    pub(super) stage: Stage,
    pub(super) line: String,
    /// Whether nobody waits for it: there was nothing to do, or it is the bridge's own and done.
    pub(super) aside: bool,
    pub(super) steps: Vec<Step>,
    /// The parked calls that can be tried again, with commas.
    pub(super) parked: String,
    /// Where it stands on either side: words and address.
    pub(super) ends: Vec<(&'static str, String)>,
}

pub(super) struct Step {
    /// Time of day, to the millisecond; empty for what has no end yet.
    pub(super) at: String,
    pub(super) words: String,
}

impl Middle {
    pub(super) fn look(sandbox: &Sandbox, place: &Place, lanes: Option<&Value>) -> Self {
        let nothing = Value::Null;
        let told = lanes.unwrap_or(&nothing);
        // While it is silent, what it told last stays in sight.
        let last = sandbox.operator.told_last();
        let seen = lanes.or(last.as_deref()).unwrap_or(&nothing);
        let now = sandbox.now();
        let names = Names {
            of_ids: names_by_id(&people_who_write(sandbox), shown_name),
            ..super::workspace::links(sandbox, place)
        };
        let count = |name: &str| told["counts"][name].as_i64().unwrap_or_default();
        let mut trips: Vec<(i64, Trip)> = list(seen, "messages")
            .iter()
            .filter(|message| !is_of_the_past(sandbox, message))
            .map(|message| (began(message), Trip::look(sandbox, place, &names, message, now)))
            .collect();
        // What waits stays in sight.
        trips.sort_by_key(|(at, trip)| (trip.stage < Stage::Accepted, std::cmp::Reverse(*at)));
        Middle {
            state: match lanes {
                Some(told) if told["ready"] == true => Running::Ready,
                Some(_) => Running::Starting,
                None => Running::Silent,
            },
            kills: sandbox.bridge().map(|bridge| bridge.standing()).map(|standing| (standing.kills, standing.starts)),
            trips: trips.into_iter().map(|(_, trip)| trip).take(MOST).collect(),
            nudges: list(told, "nudges").len(),
            held: count("held"),
            on_the_way: sandbox.slack.pending() + sandbox.zendesk.pending(),
            under_way: count("unhandled") + count("waiting"),
            parked: count("parked"),
            proof: Proven::look(sandbox, place, lanes),
            faults: sandbox.slack.faults().list().len() + sandbox.zendesk.faults().list().len(),
            switches: if place.faults { faults::switches(sandbox) } else { Vec::new() },
            place: place.clone(),
        }
    }

    /// Whether deliveries wait with the vendors: those that are brought at this moment do not count.
    pub(super) fn vendors_wait(&self) -> bool {
        self.on_the_way > 0 && self.state != Running::Ready
    }
}

/// Whether it was written before the bridge first looked, and so by nobody who sees the page.
fn is_of_the_past(sandbox: &Sandbox, message: &Value) -> bool {
    let event = &message["event"];
    let written = || {
        let entry = sandbox.zendesk.event(text(event, "name"))?;
        let at: jiff::Timestamp = text(&entry, "created_at").parse().ok()?;
        Some(event["received_at"].as_i64()? - at.as_millisecond())
    };
    event["ignored"] == "older" && written().is_none_or(|ago| ago > LATE_MS)
}

fn began(message: &Value) -> i64 {
    let of_calls = || list(message, "calls").iter().filter_map(|call| call["decided_at"].as_i64()).min();
    message["event"]["received_at"].as_i64().or_else(of_calls).unwrap_or_default()
}

impl Trip {
    fn look(sandbox: &Sandbox, place: &Place, names: &Names, message: &Value, now: i64) -> Self {
        let (event, thread, calls) = (&message["event"], &message["thread"], list(message, "calls"));
        let of_slack = text(event, "source") == "slack";
        let first_vendor = calls.first().map(|call| text(call, "vendor"));
        let to_slack = if event.is_null() { first_vendor != Some("zendesk") } else { !of_slack };
        let (who, words) = match (event.is_null(), of_slack) {
            (true, _) => {
                let own = calls.first().map(|call| does(act(text(call, "act"))));
                ("The bridge".to_owned(), own.unwrap_or_default())
            }
            (_, true) => said_in_slack(sandbox, names, text(event, "key")),
            (_, false) => said_in_zendesk(sandbox, text(event, "name")),
        };
        let (stage, mut line) = standing(event, calls, now);
        if let Some(since) = changed(sandbox, text(event, "key")).filter(|_| of_slack).and_then(since) {
            line = format!("{line} · {since}");
        }
        let id = match event["seq"].as_i64() {
            // What waits for its card has no number yet.
            Some(0) => format!("held-{}", text(event, "name").replace('.', "-")),
            Some(seq) => format!("trip-{seq}"),
            None => format!("call-{}", calls.first().map_or(0, |call| call["id"].as_i64().unwrap_or_default())),
        };
        let aside = stage == Stage::Idle || (event.is_null() && stage == Stage::Done);
        Trip {
            id,
            to_slack,
            who,
            words: if aside { excerpt(&words, WORDS_ASIDE) } else { words },
            aside,
            stage,
            line,
            steps: steps(event, calls, of_slack, now),
            parked: calls
                .iter()
                .filter(|call| call["state"] == "parked")
                .filter_map(|call| Some(call["id"].as_i64()?.to_string()))
                .collect::<Vec<String>>()
                .join(","),
            ends: ends(place, event, thread, calls, (of_slack, stage == Stage::Stays)),
        }
    }
}

fn said_in_slack(sandbox: &Sandbox, names: &Names, key: &str) -> (String, String) {
    let name = |id: &str| names.of_ids.get(id).cloned().unwrap_or_else(|| "Somebody".to_owned());
    if let Some(press) = key.strip_prefix("press:") {
        let mut parts = press.split(':').skip(1);
        let who = name(parts.next().unwrap_or_default());
        return (who, format!("pressed “{}”", parts.next().unwrap_or_default().replace('_', " ")));
    }
    if let Some(changed) = changed(sandbox, key) {
        return (name(&changed.user), excerpt(&to_plain(&changed.text, names), WORDS));
    }
    let (ts, channel) = key.split_once(':').unwrap_or((key, ""));
    match sandbox.slack.message(channel, ts) {
        Some(message) => (name(text(&message, "user")), excerpt(&to_plain(text(&message, "text"), names), WORDS)),
        None => ("Somebody".to_owned(), "(a message that is gone)".to_owned()),
    }
}

fn changed(sandbox: &Sandbox, key: &str) -> Option<Changed> {
    let (ts, channel) = key.split_once(':')?;
    sandbox.changed_in_slack(channel, ts)
}

/// What was done in Slack to a message that the other side does not show.
fn since(changed: Changed) -> Option<&'static str> {
    match (changed.crossed, changed.deleted, changed.edited) {
        (true, true, _) => Some("deleted since in Slack, not carried over"),
        (true, _, true) => Some("edited since in Slack, not carried over"),
        (true, ..) => None,
        (false, true, _) => Some("deleted in Slack"),
        (false, ..) => Some("edited in Slack, which is not carried over: it crosses as the bridge received it"),
    }
}

fn said_in_zendesk(sandbox: &Sandbox, id: &str) -> (String, String) {
    let Some(event) = sandbox.zendesk.event(id) else { return ("Somebody".to_owned(), "(an entry)".to_owned()) };
    let who = Some(text(&event["actor"], "name")).filter(|name| !name.is_empty()).unwrap_or("Somebody").to_owned();
    let words = match (text(&event["updates"], "state"), &event["message"]) {
        ("closed", _) => "marked it as done".to_owned(),
        ("open", _) => "reopened it".to_owned(),
        (_, Value::Object(_)) => excerpt(text(&event["message"], "body"), WORDS),
        _ => format!("({})", text(&event, "type")),
    };
    (who, words)
}

/// Every step of it in order of time, the open ones last.
fn steps(event: &Value, calls: &[Value], of_slack: bool, now: i64) -> Vec<Step> {
    let mut steps: Vec<(i64, String)> = Vec::new();
    let mut step = |at: &Value, words: String| steps.extend(at.as_i64().map(|at| (at, words)));
    let side = if of_slack { "Slack" } else { "Zendesk" };
    step(&event["received_at"], format!("accepted from {side}, stored"));
    if calls.is_empty() {
        step(&event["done_at"], "decided: nothing to do".to_owned());
    }
    for call in calls {
        let (name, vendor) = (act(text(call, "act")), vendor(call));
        step(&call["decided_at"], format!("decided: {name}"));
        let mut begun: Vec<i64> = Vec::new();
        for tried in list(call, "tries") {
            if let Some(at) = tried["begun_at"].as_i64().filter(|at| !begun.contains(at)) {
                begun.push(at);
                step(&tried["begun_at"], format!("{name}: sent to {vendor}"));
            }
            let doubt =
                if tried["doubtful"] == true { " (it may have been done, so it will be looked for first)" } else { "" };
            step(&tried["last_at"], format!("{name}: {}{doubt}", text(tried, "problem")));
        }
        if call["attempted_at"].as_i64().is_some_and(|at| !begun.contains(&at)) && !is_not_written(call) {
            step(&call["attempted_at"], format!("{name}: sent to {vendor}"));
        }
        step(&call["settled_at"], format!("{name}: {}", ended(call)));
    }
    steps.sort_by_key(|(at, _)| *at);
    let mut shown: Vec<Step> = steps.into_iter().map(|(at, words)| Step { at: time_of_day(at), words }).collect();
    for call in calls.iter().filter(|call| call["state"] == "waiting") {
        shown.push(Step { at: String::new(), words: format!("{}: {}", act(text(call, "act")), open(call, now)) });
    }
    shown
}

/// What stays on the side where it was written stands nowhere else.
fn ends(
    place: &Place,
    event: &Value,
    thread: &Value,
    calls: &[Value],
    (of_slack, stays): (bool, bool),
) -> Vec<(&'static str, String)> {
    let mut ends = Vec::new();
    let ticket = thread["ticket_id"].as_i64().filter(|_| !(stays && of_slack));
    if let (Some(ticket), side) = (ticket, text(thread, "side_conversation_id")) {
        let mut entry = format!("s{side}");
        let made = calls.iter().find(|call| call["vendor"] == "zendesk").and_then(|call| call["result"].as_str());
        if let Some(id) = made.or(event["name"].as_str().filter(|_| !of_slack)).filter(|id| id.len() == 36) {
            entry = format!("e{id}");
        }
        ends.push(("On the ticket", format!("{}&at={entry}#{entry}", place.with_ticket(ticket))));
    }
    let channel = text(thread, "channel_id");
    if !channel.is_empty() && (of_slack || !stays) {
        let own = event["key"].as_str().filter(|key| of_slack && !key.starts_with("press:"));
        let own = own.and_then(|key| key.split(':').next());
        let mut made = calls.iter().filter(|call| call["vendor"] == "slack").filter_map(|call| call["result"].as_str());
        let ts = own.or(made.rfind(|ts| ts.contains('.'))).unwrap_or(text(thread, "thread_ts"));
        ends.push(("In Slack", format!("{}&at=m{ts}#m{ts}", place.with_channel(channel))));
    }
    ends
}

fn vendor(call: &Value) -> &'static str {
    if text(call, "vendor") == "slack" { "Slack" } else { "Zendesk" }
}

/// What the bridge is said to do: the act's first word is a verb.
fn does(act: String) -> String {
    let (verb, rest) = act.split_once(' ').unwrap_or((&act, ""));
    let verb = match verb {
        "reply" => "replies".to_owned(),
        "go" => "goes".to_owned(),
        verb => format!("{verb}s"),
    };
    format!("{verb} {rest}").trim_end().to_owned()
}

/// An act in words.
fn act(name: &str) -> String {
    match name {
        "read_ticket" => "read the ticket",
        "open_channel" => "look up the channel",
        "post_card" | "card" => "post the card",
        "update_card" | "card_shows" => "bring the card up to date",
        "post" => "post the message",
        "tell" => "write a notice in the thread",
        "change_tell" => "change its notice in the thread",
        "take_back" => "take back its notice in the thread",
        "whisper" => "tell one person alone",
        "tell_operator" => "tell the operator",
        "ask_who" => "look up who wrote",
        "reply" => "reply in the side conversation",
        "set_state" => "mark it in Zendesk",
        "set_ticket" => "give the ticket its status",
        "note" => "write an internal note",
        "seek_follow_up" => "look for a follow-up of the ticket",
        "follow_up" => "make a follow-up ticket",
        "continue_on" => "go on in another ticket",
        "read_said" => "read what was said before",
        "find_assignee" => "look up whose ticket it is",
        "notify" => "tell somebody directly",
        other => return other.replace('_', " "),
    }
    .to_owned()
}

fn time_of_day(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at)
        .map_or_else(|_| String::new(), |stamp| stamp.strftime("%H:%M:%S%.3f").to_string())
}
