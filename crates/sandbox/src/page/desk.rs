//! The left of the page: the agents' desk.

use std::collections::BTreeMap;

use serde_json::Value;

use super::mrkdwn::Names;
use super::workspace::links;
use super::{Choice, Place, When, excerpt, list, mrkdwn, text};
use crate::Sandbox;
use crate::zendesk::FakeZendesk;

/// How many tickets a page of the list has.
const PAGE: usize = 25;
/// How many of a ticket's latest comments are open to see.
const COMMENTS_OPEN: usize = 3;
const LAST_WORD: usize = 90;
/// How many customers are offered for a new ticket.
const CUSTOMERS: usize = 30;
const STATUSES: [&str; 6] = ["new", "open", "pending", "hold", "solved", "closed"];

pub(super) struct Desk {
    pub(super) place: Place,
    pub(super) agents: Vec<Choice>,
    /// How many fit.
    pub(super) count: usize,
    pub(super) tickets: Vec<Row>,
    pub(super) pages: usize,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    pub(super) open: Option<Ticket>,
    /// Addresses that reach channels.
    pub(super) addresses: Vec<String>,
    /// Names of customers.
    pub(super) customers: Vec<String>,
}

pub(super) struct Row {
    pub(super) id: i64,
    pub(super) subject: String,
    pub(super) status: String,
    pub(super) priority: String,
    pub(super) requester: String,
    pub(super) deleted: bool,
    pub(super) open_sides: i64,
    pub(super) last: String,
    pub(super) when: When,
    pub(super) href: String,
    pub(super) chosen: bool,
}

pub(super) struct Ticket {
    pub(super) id: i64,
    pub(super) subject: String,
    pub(super) status: String,
    pub(super) deleted: bool,
    pub(super) facts: Vec<(&'static str, String)>,
    /// What it follows up, and what follows it up: words, number, address.
    pub(super) related: Vec<(&'static str, i64, String)>,
    pub(super) earlier: Vec<Comment>,
    pub(super) comments: Vec<Comment>,
    pub(super) sides: Vec<Side>,
    pub(super) statuses: Vec<Choice>,
}

pub(super) struct Comment {
    pub(super) id: i64,
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
    /// Where its thread stands in the workspace, once it does.
    pub(super) thread: Option<String>,
}

/// A message of a side conversation, or a line about a change.
pub(super) struct Entry {
    pub(super) id: String,
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
        let (mut count, mut rows) = zendesk.desk_list(&place.find, (place.page - 1) * PAGE, PAGE);
        let mut place = place.clone();
        if rows.is_empty() && place.page > 1 {
            place.page = 1;
            (count, rows) = zendesk.desk_list(&place.find, 0, PAGE);
        }
        let row = |ticket: &Value| {
            let id = ticket["id"].as_i64().unwrap_or_default();
            let last = &ticket["last"];
            let author = last["author_id"].as_i64().and_then(|id| zendesk.name_of(id)).unwrap_or_default();
            Row {
                id,
                subject: shown_subject(ticket),
                status: text(ticket, "status").to_owned(),
                priority: text(ticket, "priority").to_owned(),
                requester: text(ticket, "requester").to_owned(),
                deleted: ticket["deleted"] == true,
                open_sides: ticket["open_sides"].as_i64().unwrap_or_default(),
                last: format!("{author}: {}", excerpt(text(last, "body"), LAST_WORD)),
                when: When::of_text(text(last, "created_at")),
                href: place.with_ticket(id),
                chosen: place.ticket == Some(id),
            }
        };
        let agent =
            |(id, name): &(i64, String)| Choice { id: id.to_string(), name: name.clone(), chosen: *id == place.agent };
        let domain = &sandbox.credentials().channel_domain;
        let channels = sandbox.slack.channels();
        let names = channels.iter().map(|channel| text(channel, "name")).filter(|name| !name.is_empty());
        let pages = count.div_ceil(PAGE).max(1);
        Desk {
            agents: sandbox.world.agents.iter().map(agent).collect(),
            count,
            tickets: rows.iter().map(row).collect(),
            pages,
            before: (place.page > 1).then(|| place.with_page(place.page - 1)),
            after: (place.page < pages).then(|| place.with_page(place.page + 1)),
            open: place.ticket.and_then(|id| Ticket::look(sandbox, &place, &links(sandbox, &place), id)),
            customers: zendesk.customers(CUSTOMERS),
            addresses: names.map(|name| format!("{name}@{domain}")).collect(),
            place,
        }
    }
}

impl Ticket {
    fn look(sandbox: &Sandbox, place: &Place, names: &Names, id: i64) -> Option<Self> {
        let zendesk = &sandbox.zendesk;
        let threads = sandbox.slack.cards();
        let thread = |side: &Value| {
            let (channel, ts) = threads.get(text(side, "id"))?;
            Some(format!("{}&at=m{ts}#m{ts}", place.with_channel(channel)))
        };
        let ticket = zendesk.ticket(id)?;
        let (groups, organizations) = (named(zendesk.groups()), named(zendesk.organizations()));
        let tags: Vec<&str> = list(&ticket, "tags").iter().filter_map(Value::as_str).collect();
        let user = |field: &str| ticket[field].as_i64().and_then(|id| zendesk.name_of(id)).unwrap_or_default();
        let mut facts = vec![
            ("From", user("requester_id")),
            ("Of", name_of(&organizations, &ticket["organization_id"])),
            ("Assignee", user("assignee_id")),
            ("Group", name_of(&groups, &ticket["group_id"])),
            ("Priority", text(&ticket, "priority").to_owned()),
            ("Tags", tags.join(", ")),
        ];
        facts.retain(|(_, value)| !value.is_empty());
        let source = &ticket["via"]["source"];
        let source = source["from"]["ticket_id"].as_i64().filter(|_| source["rel"] == "follow_up");
        let follow_ups = list(&ticket, "followup_ids").iter().filter_map(Value::as_i64);
        let related = source.into_iter().map(|id| ("It follows up", id));
        let related = related.chain(follow_ups.map(|id| ("It is followed up by", id)));
        let comment = |comment: &Value| Comment {
            id: comment["id"].as_i64().unwrap_or_default(),
            who: comment["author_id"].as_i64().and_then(|id| zendesk.name_of(id)).unwrap_or_default(),
            when: When::of_text(text(comment, "created_at")),
            public: comment["public"] == true,
            html: mrkdwn::linked_to_html(text(comment, "body"), names),
        };
        let mut earlier: Vec<Comment> = zendesk.comments(id).iter().map(comment).collect();
        let comments = earlier.split_off(earlier.len().saturating_sub(COMMENTS_OPEN));
        let status = text(&ticket, "status").to_owned();
        let choice = |name: &&str| Choice { id: (*name).into(), name: (*name).into(), chosen: **name == *status };
        Some(Ticket {
            id,
            subject: shown_subject(&ticket),
            deleted: zendesk.is_deleted(id),
            facts,
            related: related.map(|(words, id)| (words, id, place.with_ticket(id))).collect(),
            earlier,
            comments,
            // The latest first: it is the one that somebody looks for.
            sides: zendesk
                .side_conversations(id)
                .iter()
                .rev()
                .map(|side| Side::look(zendesk, side, names, thread(side)))
                .collect(),
            statuses: STATUSES.iter().map(choice).collect(),
            status,
        })
    }
}

impl Side {
    fn look(zendesk: &FakeZendesk, side: &Value, names: &Names, thread: Option<String>) -> Self {
        let id = text(side, "id");
        let with: Vec<String> = list(side, "participants").iter().map(participant).collect();
        Side {
            id: id.to_owned(),
            subject: shown_subject(side),
            open: side["state"] == "open",
            with: with.join(", "),
            entries: zendesk.events(id).iter().map(|event| Entry::look(event, names)).collect(),
            thread,
        }
    }
}

impl Entry {
    fn look(event: &Value, names: &Names) -> Self {
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
            id: text(event, "id").to_owned(),
            who: participant(&event["actor"]),
            when: When::of_text(text(event, "created_at")),
            via: text(event, "via").to_owned(),
            html: message.map(|message| mrkdwn::linked_to_html(text(message, "body"), names)),
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
