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
mod owed;
mod place;
mod trips;
mod workspace;

pub(super) use place::{Asked, Place, TOUR_STEPS, View};

use desk::Desk;

use trips::{Middle, Running};
use workspace::{Answer, Workspace};

/// The page's style sheet.
pub(super) const STYLE: &str = include_str!("../../templates/sandbox/style.css");
/// What keeps a window up to date.
pub(super) const SCRIPT: &str = include_str!("../../templates/sandbox/live.js");
/// What a browser shows beside the page's title.
pub(super) const ICON: &str = include_str!("../../templates/sandbox/icon.svg");

/// What is shown at an address at which there is nothing.
pub(super) const NOWHERE: &str = include_str!("../../templates/sandbox/nowhere.html");

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

/// What of the page is drawn anew by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// What stands above the rest.
    Bar,
    Desk,
    /// With the tabs of a narrow window, which say how much is under way.
    Bridge,
    Slack,
}

impl Part {
    pub(super) const ALL: [Part; 4] = [Part::Bar, Part::Desk, Part::Bridge, Part::Slack];

    /// Its name in an address.
    pub(super) fn name(self) -> &'static str {
        match self {
            Part::Bar => "bar",
            Part::Desk => "desk",
            Part::Bridge => "bridge",
            Part::Slack => "slack",
        }
    }
}

/// The page down to what stands above the rest.
#[derive(Template)]
#[template(path = "sandbox/page.html")]
struct Head<'a> {
    at: String,
    notice: Option<String>,
    place: &'a Place,
    channel_name: &'a str,
    domain: &'a str,
    /// The one that the tour leads to, if there is any.
    first_ticket: Option<i64>,
    bar: Bar<'a>,
}

/// The rest of the page.
#[derive(Template)]
#[template(path = "sandbox/panes.html")]
struct Panes<'a> {
    tabs: Tabs<'a>,
    desk: DeskPane<'a>,
    middle: MiddlePane<'a>,
    slack: SlackPane<'a>,
}

#[derive(Template)]
#[template(path = "sandbox/bar.html")]
struct Bar<'a> {
    place: &'a Place,
    morning: Option<(usize, usize)>,
}

#[derive(Template)]
#[template(path = "sandbox/tabs.html")]
struct Tabs<'a> {
    place: &'a Place,
    under_way: i64,
}

#[derive(Template)]
#[template(path = "sandbox/desk.html")]
struct DeskPane<'a> {
    place: &'a Place,
    channel_name: &'a str,
    domain: &'a str,
    desk: Desk,
}

#[derive(Template)]
#[template(path = "sandbox/middle.html")]
struct MiddlePane<'a> {
    place: &'a Place,
    middle: Middle,
}

#[derive(Template)]
#[template(path = "sandbox/workspace.html")]
struct SlackPane<'a> {
    place: &'a Place,
    slack: Workspace,
}

/// What all of the page is made from.
struct Look<'a> {
    sandbox: &'a Sandbox,
    place: Place,
    top: Top,
    command: Option<u64>,
}

impl<'a> Look<'a> {
    fn at(sandbox: &'a Sandbox, asked: &Asked, top: Top) -> Self {
        let mut asked = asked.clone();
        if asked.channel.is_empty() {
            asked.channel = sandbox.world.channels.first().map(|channel| channel.id.clone()).unwrap_or_default();
        }
        let mut place = Place::find(sandbox, &asked);
        if place.tour == 0 && !top.toured {
            place.tour = 1;
        }
        Look { sandbox, place, top, command: asked.command.parse().ok() }
    }

    fn channel_name(&self) -> &str {
        self.sandbox.world.channels.first().map_or("", |channel| channel.name.as_str())
    }

    fn bar(&self) -> Bar<'_> {
        Bar { place: &self.place, morning: self.top.morning }
    }

    fn desk(&self) -> DeskPane<'_> {
        let desk = Desk::look(self.sandbox, &self.place.on(View::Desk));
        let domain = &self.sandbox.credentials().channel_domain;
        DeskPane { place: &self.place, channel_name: self.channel_name(), domain, desk }
    }

    fn middle(&self) -> MiddlePane<'_> {
        let middle = Middle::look(self.sandbox, &self.place.on(View::Bridge), self.top.lanes.as_deref());
        MiddlePane { place: &self.place, middle }
    }

    fn tabs(&self, middle: &Middle) -> Tabs<'_> {
        Tabs { place: &self.place, under_way: middle.under_way }
    }

    fn slack(&self) -> SlackPane<'_> {
        let slack = Workspace::look(self.sandbox, &self.place.on(View::Slack), self.command);
        SlackPane { place: &self.place, slack }
    }
}

/// The beginning of the page as HTML, for which neither the bridge is asked nor a list is read: a browser can show it, and
/// ask for what the page looks like, while the rest is made.
pub(super) fn show_head(sandbox: &Sandbox, asked: &Asked, mut top: Top) -> Result<String, askama::Error> {
    let known = |c: &char| c.is_ascii_alphanumeric() || *c == '.' || *c == '-';
    let notice = top.notice.take();
    let look = Look::at(sandbox, asked, top);
    let head = Head {
        at: asked.at.chars().take(60).filter(known).collect(),
        notice,
        place: &look.place,
        channel_name: look.channel_name(),
        domain: &sandbox.credentials().channel_domain,
        first_ticket: sandbox
            .world
            .tickets
            .first()
            .copied()
            .or_else(|| sandbox.zendesk.desk_list("", 0, 1).1.first()?["id"].as_i64()),
        bar: look.bar(),
    };
    head.render()
}

/// The rest of it.
pub(super) fn show_panes(sandbox: &Sandbox, asked: &Asked, top: Top) -> Result<String, askama::Error> {
    let look = Look::at(sandbox, asked, top);
    let middle = look.middle();
    let panes = Panes { tabs: look.tabs(&middle.middle), desk: look.desk(), middle, slack: look.slack() };
    panes.render()
}

/// These parts of the page as HTML, one after the other.
pub(super) fn show_parts(sandbox: &Sandbox, asked: &Asked, top: Top, parts: &[Part]) -> Result<String, askama::Error> {
    let look = Look::at(sandbox, asked, top);
    let mut html = String::new();
    for part in parts {
        match part {
            Part::Bar => look.bar().render_into(&mut html)?,
            Part::Desk => look.desk().render_into(&mut html)?,
            Part::Slack => look.slack().render_into(&mut html)?,
            Part::Bridge => {
                let middle = look.middle();
                look.tabs(&middle.middle).render_into(&mut html)?;
                middle.render_into(&mut html)?;
            }
        }
    }
    Ok(html)
}

/// Where to go so that what was just made is seen, if it is not seen as the page was asked for.
pub(super) fn to_see(sandbox: &Sandbox, asked: &Asked) -> Option<String> {
    let ts = asked.at.strip_prefix('m')?;
    let place = workspace::to_see(sandbox, &Place::find(sandbox, asked), ts)?;
    Some(format!("{}&at=m{ts}#m{ts}", place.address()))
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
