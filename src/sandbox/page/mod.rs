//! The page: the agents' desk on the left, the workspace on the right, both as they are in the fakes.
//!
//! It has no script and keeps nothing: what is chosen stands in the address, and what is done is a form. All that
//! people write is escaped, by the templates or by [`mrkdwn`], and a policy in the headers forbids the rest.

use std::collections::BTreeMap;

use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use super::Sandbox;

mod blocks;
mod desk;
mod message;
mod mrkdwn;
mod workspace;

use desk::Desk;
use workspace::{Answer, Workspace};

/// The page's style sheet.
pub(super) const STYLE: &str = include_str!("../../../templates/sandbox/style.css");

/// What is chosen, as an address or a form has it; nonsense chooses nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    ticket: String,
    channel: String,
    person: String,
    agent: String,
    /// The number of a sentence to show at the top.
    pub(super) notice: String,
    /// The number of a slash command whose answer is to be shown.
    pub(super) command: String,
}

/// What is chosen, and is there; as a template, the hidden fields that keep it in a form.
#[derive(Clone, Debug, Template)]
#[template(path = "sandbox/place.html")]
pub(super) struct Place {
    pub(super) ticket: Option<i64>,
    /// Empty for none.
    pub(super) channel: String,
    pub(super) person: String,
    pub(super) agent: i64,
}

impl Place {
    pub(super) fn find(sandbox: &Sandbox, asked: &Asked) -> Self {
        let ticket = asked.ticket.parse().ok().filter(|id| sandbox.zendesk.ticket(*id).is_some());
        let channels = sandbox.slack.channels();
        let channel = channels.iter().find(|channel| text(channel, "id") == asked.channel);
        let people = people_who_write(sandbox);
        let known = |id: &str| people.iter().any(|person| text(person, "id") == id);
        let members = channel.and_then(|channel| channel.get("members")?.as_array());
        let member = members.into_iter().flatten().filter_map(Value::as_str).find(|id| known(id));
        let person = Some(asked.person.as_str()).filter(|id| known(id)).or(member);
        let person = person.or_else(|| people.first().map(|person| text(person, "id"))).unwrap_or_default();
        let agents = &sandbox.world.agents;
        let is_agent = |id: &i64| agents.iter().any(|agent| agent.0 == *id);
        let assignee =
            ticket.and_then(|id| sandbox.zendesk.ticket(id)).and_then(|ticket| ticket["assignee_id"].as_i64());
        let agent = asked.agent.parse().ok().filter(is_agent).or(assignee.filter(is_agent));
        Place {
            ticket,
            channel: channel.map(|channel| text(channel, "id").to_owned()).unwrap_or_default(),
            person: person.to_owned(),
            agent: agent.or_else(|| agents.first().map(|agent| agent.0)).unwrap_or_default(),
        }
    }

    /// The page's address with this chosen.
    pub(super) fn address(&self) -> String {
        format!("/?{}", self.query(self.ticket, &self.channel))
    }

    fn with_ticket(&self, ticket: i64) -> String {
        format!("/?{}#desk", self.query(Some(ticket), &self.channel))
    }

    fn with_channel(&self, channel: &str) -> String {
        format!("/?{}#slack", self.query(self.ticket, channel))
    }

    fn query(&self, ticket: Option<i64>, channel: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(ticket) = ticket {
            query.append_pair("ticket", &ticket.to_string());
        }
        if !channel.is_empty() {
            query.append_pair("channel", channel);
        }
        query.append_pair("person", &self.person).append_pair("agent", &self.agent.to_string());
        query.finish()
    }
}

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

#[derive(Template)]
#[template(path = "sandbox/page.html")]
struct Page {
    place: Place,
    notice: Option<String>,
    domain: String,
    faults: usize,
    desk: Desk,
    slack: Workspace,
}

/// The page as HTML.
pub(super) fn show(sandbox: &Sandbox, asked: &Asked, notice: Option<String>) -> Result<String, askama::Error> {
    let place = Place::find(sandbox, asked);
    let page = Page {
        notice,
        domain: sandbox.credentials().channel_domain.clone(),
        faults: sandbox.slack.faults().list().len() + sandbox.zendesk.faults().list().len(),
        desk: Desk::look(sandbox, &place),
        slack: Workspace::look(sandbox, &place, asked.command.parse().ok()),
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
