//! What is chosen on the page. It stands in the address, so that a window can be reloaded, sent to somebody, or
//! opened twice.

use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use super::{people_who_write, shown_name, text};
use crate::Sandbox;

/// How many steps the tour has.
pub(crate) const TOUR_STEPS: usize = 6;
const LONGEST_FIND: usize = 80;
const LONGEST_TS: usize = 24;

/// What is chosen, as an address or a form has it; nonsense chooses nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    ticket: String,
    pub(super) channel: String,
    person: String,
    agent: String,
    view: String,
    panel: String,
    find: String,
    page: String,
    until: String,
    whole: String,
    tour: String,
    /// The number of a sentence to show at the top.
    pub(crate) notice: String,
    /// The number of a slash command whose answer is to be shown.
    pub(crate) command: String,
    /// The HTML id of what was just made.
    pub(crate) at: String,
}

impl Asked {
    /// A sentence, if it asks for a ticket that is not there.
    pub(crate) fn names_no_ticket(&self, sandbox: &Sandbox) -> Option<String> {
        let asked = self.ticket.trim();
        let is_there = asked.parse().ok().is_some_and(|id| sandbox.zendesk.ticket(id).is_some());
        let shown: String = asked.chars().take(LONGEST_FIND).collect();
        (!asked.is_empty() && !is_there)
            .then(|| format!("There is no ticket #{shown} here. Choose one of those at the desk."))
    }
}

/// The parts of the page; a narrow window shows one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum View {
    #[default]
    Desk,
    Bridge,
    Slack,
}

impl View {
    pub(super) fn name(self) -> &'static str {
        match self {
            View::Desk => "desk",
            View::Bridge => "bridge",
            View::Slack => "slack",
        }
    }
}

/// What is chosen, and is there; as a template, the hidden fields that keep it in a form.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "sandbox/place.html")]
pub(crate) struct Place {
    pub(crate) ticket: Option<i64>,
    /// Empty for none.
    pub(crate) channel: String,
    pub(crate) person: String,
    pub(crate) agent: i64,
    pub(super) view: View,
    /// Whether the faults stand in the middle, in place of the messages.
    pub(super) faults: bool,
    pub(super) find: String,
    /// Of the list of tickets, from 1.
    pub(super) page: usize,
    /// The root of the last thread that is shown of the channel; empty for the latest.
    pub(crate) until: String,
    /// The root of the thread of which every answer is shown; empty for none.
    pub(super) whole: String,
    /// The tour's step, 0 for none.
    pub(super) tour: usize,
}

impl Place {
    pub(crate) fn find(sandbox: &Sandbox, asked: &Asked) -> Self {
        let found = asked.ticket.parse().ok().and_then(|id| Some((id, sandbox.zendesk.ticket(id)?)));
        let ticket = found.as_ref().map(|(id, _)| *id);
        let channels = sandbox.slack.channels();
        let channel = channels.iter().find(|channel| text(channel, "id") == asked.channel);
        let people = people_who_write(sandbox);
        let known = |id: &str| people.iter().any(|person| text(person, "id") == id);
        let agents = &sandbox.world.agents;
        let is_agent = |id: &i64| agents.iter().any(|agent| agent.0 == *id);
        let assignee = found.and_then(|(_, ticket)| ticket["assignee_id"].as_i64());
        let agent = asked.agent.parse().ok().filter(is_agent).or(assignee.filter(is_agent));
        let agent = agent.or_else(|| agents.first().map(|agent| agent.0)).unwrap_or_default();
        // Whoever asks at the desk is answered by somebody else, though they may be in both.
        let asks = agents.iter().find(|(id, _)| *id == agent).map_or("", |(_, name)| name.as_str());
        let is_other = |id: &str| {
            let person = people.iter().find(|person| text(person, "id") == id);
            person.is_some_and(|person| text(person, "real_name") != asks && shown_name(person) != asks)
        };
        let members = channel.and_then(|channel| channel.get("members")?.as_array());
        let members = || members.into_iter().flatten().filter_map(Value::as_str).filter(|id| known(id));
        let person = Some(asked.person.as_str()).filter(|id| known(id));
        let person = person.or_else(|| members().find(|id| is_other(id))).or_else(|| members().next());
        let person = person.or_else(|| people.first().map(|person| text(person, "id"))).unwrap_or_default();
        Place {
            ticket,
            channel: channel.map(|channel| text(channel, "id").to_owned()).unwrap_or_default(),
            person: person.to_owned(),
            agent,
            view: match asked.view.as_str() {
                "bridge" => View::Bridge,
                "slack" => View::Slack,
                _ => View::Desk,
            },
            faults: asked.panel == "faults",
            find: asked.find.trim().chars().take(LONGEST_FIND).collect(),
            page: asked.page.parse().unwrap_or(1).max(1),
            until: ts_of(&asked.until),
            whole: ts_of(&asked.whole),
            tour: asked.tour.parse().unwrap_or(0).min(TOUR_STEPS),
        }
    }

    /// The page's address with this chosen.
    pub(crate) fn address(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.kept() {
            query.append_pair(name, &value);
        }
        format!("/?{}", query.finish())
    }

    /// What an address and a form keep of it.
    fn kept(&self) -> Vec<(&'static str, String)> {
        let mut kept = vec![("channel", self.channel.clone()), ("person", self.person.clone())];
        kept.push(("agent", self.agent.to_string()));
        kept.push(("view", self.view.name().to_owned()));
        kept.extend(self.ticket.map(|ticket| ("ticket", ticket.to_string())));
        kept.extend(self.faults.then(|| ("panel", "faults".to_owned())));
        kept.extend(Some(("find", self.find.clone())).filter(|(_, find)| !find.is_empty()));
        kept.extend(Some(("page", self.page.to_string())).filter(|_| self.page > 1));
        kept.extend(Some(("until", self.until.clone())).filter(|(_, until)| !until.is_empty()));
        kept.extend(Some(("whole", self.whole.clone())).filter(|(_, whole)| !whole.is_empty()));
        kept.extend(Some(("tour", self.tour.to_string())).filter(|_| self.tour > 0));
        kept
    }

    /// What a form keeps that asks for these itself.
    pub(super) fn without(&self, asked: &[&str]) -> Vec<(&'static str, String)> {
        self.kept().into_iter().filter(|(name, _)| !asked.contains(name)).collect()
    }

    pub(super) fn on(&self, view: View) -> Place {
        Place { view, ..self.clone() }
    }

    /// On a telephone the workspace begins at its newest message.
    pub(super) fn view_address(&self, view: View) -> String {
        let address = self.on(view).address();
        if view == View::Slack { format!("{address}#latest") } else { address }
    }

    pub(crate) fn with_open(&self, ticket: i64) -> Place {
        Place { ticket: Some(ticket), ..self.clone() }
    }

    pub(super) fn with_ticket(&self, ticket: i64) -> String {
        Place { ticket: Some(ticket), ..self.on(View::Desk) }.address()
    }

    pub(super) fn with_channel(&self, channel: &str) -> String {
        Place { channel: channel.to_owned(), until: String::new(), whole: String::new(), ..self.on(View::Slack) }
            .address()
    }

    pub(super) fn with_until(&self, until: &str) -> String {
        Place { until: until.to_owned(), ..self.on(View::Slack) }.address()
    }

    pub(super) fn with_whole(&self, root: &str) -> String {
        Place { whole: root.to_owned(), ..self.on(View::Slack) }.address()
    }

    pub(super) fn with_page(&self, page: usize) -> String {
        Place { page, ticket: None, ..self.on(View::Desk) }.address()
    }

    pub(super) fn with_panel(&self, faults: bool) -> String {
        Place { faults, ..self.on(View::Bridge) }.address()
    }

    pub(crate) fn with_tour_closed(&self) -> Place {
        Place { tour: 0, ..self.clone() }
    }

    pub(super) fn with_tour(&self, tour: usize) -> String {
        Place { tour, ..self.clone() }.address()
    }
}

/// What looks like a `ts`.
fn ts_of(asked: &str) -> String {
    asked.chars().take(LONGEST_TS).filter(|c| c.is_ascii_digit() || *c == '.').collect()
}
