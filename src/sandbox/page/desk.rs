//! The left of the page: Zendesk.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Choice, Place, When, list, mrkdwn, text};
use crate::sandbox::Sandbox;
use crate::sandbox::zendesk::FakeZendesk;

pub(super) struct Desk {
    pub(super) agents: Vec<Choice>,
    pub(super) tickets: Vec<Row>,
    pub(super) open: Option<Ticket>,
    /// Addresses that reach channels.
    pub(super) addresses: Vec<String>,
}

pub(super) struct Row {
    pub(super) id: i64,
    pub(super) subject: String,
    pub(super) status: String,
    pub(super) priority: String,
    pub(super) requester: String,
    pub(super) open_sides: usize,
    pub(super) href: String,
    pub(super) chosen: bool,
}

pub(super) struct Ticket {
    pub(super) id: i64,
    pub(super) subject: String,
    pub(super) status: String,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) comments: Vec<Comment>,
    pub(super) sides: Vec<Side>,
}

pub(super) struct Comment {
    pub(super) who: String,
    pub(super) when: When,
    pub(super) public: bool,
    pub(super) html: String,
}

pub(super) struct Side {
    pub(super) id: String,
    pub(super) subject: String,
    pub(super) open: bool,
    pub(super) with: String,
    pub(super) entries: Vec<Entry>,
}

/// A message of a side conversation, or a line about a change.
pub(super) struct Entry {
    pub(super) who: String,
    pub(super) when: When,
    pub(super) via: String,
    pub(super) html: Option<String>,
    pub(super) change: String,
    pub(super) files: Vec<String>,
}

impl Desk {
    pub(super) fn look(sandbox: &Sandbox, place: &Place) -> Self {
        let zendesk = &sandbox.zendesk;
        let users: BTreeMap<i64, String> = named(zendesk.users());
        let row = |ticket: &Value| {
            let id = ticket["id"].as_i64().unwrap_or_default();
            let sides = zendesk.side_conversations(id);
            Row {
                id,
                subject: shown_subject(ticket),
                status: text(ticket, "status").to_owned(),
                priority: text(ticket, "priority").to_owned(),
                requester: name_of(&users, &ticket["requester_id"]),
                open_sides: sides.iter().filter(|side| side["state"] == "open").count(),
                href: place.with_ticket(id),
                chosen: place.ticket == Some(id),
            }
        };
        let agent =
            |(id, name): &(i64, String)| Choice { id: id.to_string(), name: name.clone(), chosen: *id == place.agent };
        let domain = &sandbox.credentials().channel_domain;
        let channels = sandbox.slack.channels();
        let names = channels.iter().map(|channel| text(channel, "name")).filter(|name| !name.is_empty());
        Desk {
            agents: sandbox.world.agents.iter().map(agent).collect(),
            tickets: zendesk.tickets().iter().map(row).collect(),
            open: place.ticket.and_then(|id| Ticket::look(zendesk, &users, id)),
            addresses: names.map(|name| format!("{name}@{domain}")).collect(),
        }
    }
}

impl Ticket {
    fn look(zendesk: &FakeZendesk, users: &BTreeMap<i64, String>, id: i64) -> Option<Self> {
        let ticket = zendesk.ticket(id)?;
        let (groups, organizations) = (named(zendesk.groups()), named(zendesk.organizations()));
        let tags: Vec<&str> = list(&ticket, "tags").iter().filter_map(Value::as_str).collect();
        let mut facts = vec![
            ("From", name_of(users, &ticket["requester_id"])),
            ("Of", name_of(&organizations, &ticket["organization_id"])),
            ("Assignee", name_of(users, &ticket["assignee_id"])),
            ("Group", name_of(&groups, &ticket["group_id"])),
            ("Priority", text(&ticket, "priority").to_owned()),
            ("Tags", tags.join(", ")),
        ];
        facts.retain(|(_, value)| !value.is_empty());
        let comment = |comment: &Value| Comment {
            who: name_of(users, &comment["author_id"]),
            when: When::of_text(text(comment, "created_at")),
            public: comment["public"] == true,
            html: mrkdwn::plain_to_html(text(comment, "body")),
        };
        Some(Ticket {
            id,
            subject: shown_subject(&ticket),
            status: text(&ticket, "status").to_owned(),
            facts,
            comments: zendesk.comments(id).iter().map(comment).collect(),
            sides: zendesk.side_conversations(id).iter().map(|side| Side::look(zendesk, side)).collect(),
        })
    }
}

impl Side {
    fn look(zendesk: &FakeZendesk, side: &Value) -> Self {
        let id = text(side, "id");
        let with: Vec<String> = list(side, "participants").iter().map(participant).collect();
        Side {
            id: id.to_owned(),
            subject: shown_subject(side),
            open: side["state"] == "open",
            with: with.join(", "),
            entries: zendesk.events(id).iter().map(Entry::look).collect(),
        }
    }
}

impl Entry {
    fn look(event: &Value) -> Self {
        let message = event.get("message").filter(|message| message.is_object());
        let files = message.map(|message| list(message, "attachments")).unwrap_or_default();
        let change = match (text(event, "type"), text(&event["updates"], "state"), text(&event["updates"], "subject")) {
            ("update", "closed", _) => "marked it as done".to_owned(),
            ("update", "open", _) => "reopened it".to_owned(),
            ("update", _, subject) if !subject.is_empty() => format!("changed the subject to “{subject}”"),
            ("create" | "reply", ..) => String::new(),
            (other, ..) => format!("event “{other}”"),
        };
        Entry {
            who: participant(&event["actor"]),
            when: When::of_text(text(event, "created_at")),
            via: text(event, "via").to_owned(),
            html: message.map(|message| mrkdwn::plain_to_html(text(message, "body"))),
            change,
            files: files.iter().map(|file| text(file, "file_name").to_owned()).collect(),
        }
    }
}

/// A participant's name and what reaches them.
fn participant(one: &Value) -> String {
    let (name, email) = (text(one, "name"), text(one, "email"));
    match (name.is_empty(), email.is_empty()) {
        (false, false) if email.split('@').next() == Some(name) => email.to_owned(),
        (false, _) => name.to_owned(),
        (true, false) => email.to_owned(),
        (true, true) => {
            let ids = ["slack_channel_id", "support_group_id", "msteams_channel_id"];
            ids.into_iter().find_map(|id| one.get(id)).map_or_else(|| "Somebody".to_owned(), Value::to_string)
        }
    }
}

fn shown_subject(value: &Value) -> String {
    Some(text(value, "subject")).filter(|subject| !subject.trim().is_empty()).unwrap_or("(no subject)").to_owned()
}

fn named(values: Vec<Value>) -> BTreeMap<i64, String> {
    values.iter().filter_map(|value| Some((value["id"].as_i64()?, text(value, "name").to_owned()))).collect()
}

fn name_of(names: &BTreeMap<i64, String>, id: &Value) -> String {
    id.as_i64().and_then(|id| names.get(&id)).cloned().unwrap_or_default()
}
