//! The page: the agents' desk on the left, the workspace on the right, both as they are in the fakes, and between
//! them the bridge as it tells of itself.
//!
//! It keeps nothing: what is chosen stands in the address, and what is done is a form, so it is whole without its
//! script, which only keeps a window up to date. All that people write is escaped, by the templates or by [`mrkdwn`],
//! and a policy in the headers forbids the rest.

use std::collections::BTreeMap;

use askama::Template;
use serde_json::Value;

use super::Sandbox;

mod blocks;
mod desk;
mod faults;
mod message;
mod mrkdwn;
mod place;
mod trips;
mod workspace;

pub(super) use place::{Asked, Place, TOUR_STEPS, View};

use desk::Desk;

use trips::{Middle, Running};
use workspace::{Answer, Workspace};

/// The page's style sheet.
pub(super) const STYLE: &str = include_str!("../../../templates/sandbox/style.css");
/// What keeps a window up to date.
pub(super) const SCRIPT: &str = include_str!("../../../templates/sandbox/live.js");
/// What a browser shows beside the page's title.
pub(super) const ICON: &str = include_str!("../../../templates/sandbox/icon.svg");

/// A time, for machines and for people.
struct When {
    iso: String,
    shown: String,
}

impl When {
    fn of_millis(millis: i64) -> Self {
        let stamp = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        When {
            iso: stamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            shown: stamp.strftime("%-d %b %H:%M").to_string(),
        }
    }

    fn of_text(text: &str) -> Self {
        Self::of_millis(text.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond))
    }
}

/// One entry of a list to choose from.
struct Choice {
    id: String,
    name: String,
    chosen: bool,
}

/// What stands at the top of the page beside what is chosen.
#[derive(Default)]
pub(super) struct Top {
    /// Why something was not done.
    pub(super) notice: Option<String>,
    /// How many messages of a morning are played, of how many.
    pub(super) morning: Option<(usize, usize)>,
    /// Whether this window closed the tour for good.
    pub(super) toured: bool,
    /// What the bridge tells of itself; nothing, if it does not answer.
    pub(super) lanes: Option<std::sync::Arc<Value>>,
}

#[derive(Template)]
#[template(path = "sandbox/page.html")]
struct Page {
    place: Place,
    at: String,
    notice: Option<String>,
    morning: Option<(usize, usize)>,
    domain: String,
    channel_name: String,
    first_ticket: i64,
    desk: Desk,
    middle: Middle,
    slack: Workspace,
}

/// The page as HTML.
pub(super) fn show(sandbox: &Sandbox, asked: &Asked, top: Top) -> Result<String, askama::Error> {
    let first = sandbox.world.channels.first();
    let mut asked = asked.clone();
    if asked.channel.is_empty() {
        asked.channel = first.map(|channel| channel.id.clone()).unwrap_or_default();
    }
    let mut place = Place::find(sandbox, &asked);
    if place.tour == 0 && !top.toured {
        place.tour = 1;
    }
    let known = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let page = Page {
        at: asked.at.chars().take(60).filter(|c| known(*c)).collect(),
        notice: top.notice,
        morning: top.morning,
        domain: sandbox.credentials().channel_domain.clone(),
        channel_name: first.map(|channel| channel.name.clone()).unwrap_or_default(),
        first_ticket: sandbox.world.tickets.first().copied().unwrap_or_default(),
        desk: Desk::look(sandbox, &place.on(View::Desk)),
        middle: Middle::look(sandbox, &place.on(View::Bridge), top.lanes.as_deref()),
        slack: Workspace::look(sandbox, &place.on(View::Slack), asked.command.parse().ok()),
        place,
    };
    page.render()
}

/// Everybody who can be chosen to write: neither the app nor Slackbot.
pub(super) fn people_who_write(sandbox: &Sandbox) -> Vec<Value> {
    let bot = sandbox.slack.options().bot_user_id.clone();
    let mut people = sandbox.slack.people();
    people.retain(|person| {
        let id = text(person, "id");
        id != bot && sandbox.slack.token_of(id).is_some() && person["deleted"] != true
    });
    people.sort_by_key(|person| sandbox.world.people.iter().position(|one| one.id == text(person, "id")));
    people
}

/// The name by which the workspace shows somebody.
pub(super) fn shown_name(person: &Value) -> String {
    let names = [&person["profile"]["display_name"], &person["real_name"], &person["name"]];
    names.into_iter().filter_map(Value::as_str).find(|name| !name.is_empty()).unwrap_or("Somebody").to_owned()
}

fn names_by_id(values: &[Value], name: impl Fn(&Value) -> String) -> BTreeMap<String, String> {
    values.iter().map(|value| (text(value, "id").to_owned(), name(value))).collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The beginning of a text, on one line.
fn excerpt(said: &str, most: usize) -> String {
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}
