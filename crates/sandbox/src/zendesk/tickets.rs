//! What a ticket is and what may be done to it.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::options::Named;
use super::text;
use super::world::{Comment, Ticket, World};

/// A ticket to add.
#[derive(Clone, Debug, Default)]
pub struct TicketSpec {
    /// The id; without it, the account gives one.
    pub id: Option<i64>,
    /// The subject.
    pub subject: String,
    /// The first public comment, in the requester's name.
    pub description: String,
    /// Who asks.
    pub requester_id: i64,
    /// The agent who has it.
    pub assignee_id: Option<i64>,
    /// The group that has it.
    pub group_id: Option<i64>,
    /// `low`, `normal`, `high` or `urgent`.
    pub priority: Option<String>,
    /// `new`, `open`, `pending`, `hold`, `solved` or `closed`; empty is `open`.
    pub status: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The id that another system knows it by.
    pub external_id: Option<String>,
    /// Custom field values, `{"id": …, "value": …}`.
    pub custom_fields: Vec<Value>,
}

/// What an agent changes about a ticket in the UI; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct TicketChange {
    /// The status.
    pub status: Option<String>,
    /// The priority; `Some(None)` takes it away.
    pub priority: Option<Option<String>>,
    /// The assignee; `Some(None)` takes it away.
    pub assignee_id: Option<Option<i64>>,
    /// The group; `Some(None)` takes it away.
    pub group_id: Option<Option<i64>>,
    /// The subject.
    pub subject: Option<String>,
    /// All the tags.
    pub tags: Option<Vec<String>>,
    /// Deletes or restores.
    pub deleted: Option<bool>,
    /// Archives, as happens to tickets closed for about 120 days, or brings back.
    pub archived: Option<bool>,
}

/// One update of a ticket: what its comment and its audit have in common.
pub(super) struct Update {
    pub(super) ticket: i64,
    /// The audit's id.
    pub(super) audit: i64,
    pub(super) by: i64,
    pub(super) via: Value,
    /// `metadata.custom`.
    pub(super) custom: Value,
    pub(super) now: i64,
}

/// A comment on its way in.
pub(super) struct NewComment {
    pub(super) author: i64,
    pub(super) body: String,
    pub(super) html_body: String,
    pub(super) public: bool,
}

impl Ticket {
    const EARLIER: usize = 20;

    pub(super) fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or("")
    }

    pub(super) fn number(&self, field: &str) -> Option<i64> {
        self.fields.get(field).and_then(Value::as_i64)
    }

    /// Closed for good: no triggers run, and updates are refused.
    pub(super) fn closed(&self) -> bool {
        self.archived || self.text("status") == "closed"
    }

    /// The fields as they were at a time; none if the ticket was not there.
    pub(super) fn fields_at(&self, until: i64) -> Option<&Map<String, Value>> {
        if self.written_at <= until {
            return Some(&self.fields);
        }
        self.earlier.iter().rev().find(|(at, _)| *at <= until).map(|(_, fields)| fields)
    }

    fn made_at(&self) -> i64 {
        self.audits.first().map_or(self.written_at, |(at, _)| *at)
    }

    pub(super) fn touch(&mut self, now: i64) {
        if self.earlier.len() >= Self::EARLIER {
            self.earlier.pop_front();
        }
        self.earlier.push_back((self.written_at, self.fields.clone()));
        self.written_at = now;
        self.fields.insert("updated_at".into(), json!(text::seconds(now)));
    }

    pub(super) fn tags(&self) -> Vec<String> {
        let tags = self.fields.get("tags").and_then(Value::as_array);
        tags.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

impl World {
    pub(super) const BRAND: i64 = 26_155_621_587_603;
    const FORM: i64 = 26_155_621_471_251;
    const CUSTOM_STATUS: i64 = 26_155_621_627_539;
    const MOST_COMMENTS: usize = 5_000;
    pub(super) const STATUSES: [&str; 6] = ["new", "open", "pending", "hold", "solved", "closed"];
    pub(super) const PRIORITIES: [&str; 4] = ["low", "normal", "high", "urgent"];

    /// A ticket that may be read; a deleted one is not found.
    pub(super) fn readable(&self, id: i64) -> Result<&Ticket, Answer> {
        self.tickets.get(&id).filter(|ticket| !ticket.deleted).ok_or_else(Answer::not_found)
    }

    /// As it is.
    pub(super) fn show_ticket(&self, fields: &Map<String, Value>) -> Value {
        self.show_ticket_at(fields, None)
    }

    /// As the API shows it at a time (milliseconds since 1970), if one is given.
    pub(super) fn show_ticket_at(&self, fields: &Map<String, Value>, read_at: Option<i64>) -> Value {
        let unconfirmed = &self.options.unconfirmed;
        let mut shown = fields.clone();
        if let Some(ids) = shown.get_mut("followup_ids").and_then(Value::as_array_mut) {
            ids.retain(|id| {
                let Some(one) = id.as_i64().and_then(|id| self.tickets.get(&id)) else { return false };
                let named = match (read_at, unconfirmed.follow_ups_named) {
                    (None, _) | (_, Named::AtOnce) => true,
                    (Some(now), Named::After(secs)) => now >= one.made_at() + i64::from(secs) * 1000,
                    (_, Named::Never) => false,
                };
                named && (unconfirmed.deleted_follow_ups_named || !one.deleted)
            });
        }
        Value::Object(shown)
    }

    pub(super) fn new_ticket(&mut self, spec: TicketSpec, by: i64, via: Value, now: i64) -> i64 {
        let id = self.ticket_id(spec.id);
        let organization = self.users.get(&spec.requester_id).and_then(|user| user.fields.get("organization_id"));
        let organization = organization.cloned().unwrap_or(Value::Null);
        let status = if spec.status.is_empty() { "open" } else { spec.status.as_str() };
        let fields = json!({
            "url": self.url(&format!("tickets/{id}.json")), "id": id, "external_id": spec.external_id, "via": via,
            "created_at": text::seconds(now), "updated_at": text::seconds(now),
            "generated_timestamp": now.div_euclid(1000), "type": null, "subject": spec.subject,
            "raw_subject": spec.subject, "description": spec.description, "priority": spec.priority,
            "status": status, "recipient": null, "requester_id": spec.requester_id, "submitter_id": by,
            "assignee_id": spec.assignee_id, "organization_id": organization, "group_id": spec.group_id,
            "collaborator_ids": [], "follower_ids": [], "email_cc_ids": [], "forum_topic_id": null,
            "problem_id": null, "has_incidents": false, "is_public": true, "due_at": null, "tags": spec.tags,
            "custom_fields": spec.custom_fields, "fields": spec.custom_fields, "satisfaction_rating": null,
            "sharing_agreement_ids": [], "custom_status_id": Self::CUSTOM_STATUS, "followup_ids": [],
            "ticket_form_id": Self::FORM, "brand_id": Self::BRAND, "allow_channelback": false,
            "allow_attachments": true, "from_messaging_channel": false,
        });
        let ticket = Ticket {
            fields: match fields {
                Value::Object(fields) => fields,
                _ => Map::new(),
            },
            comments: Vec::new(),
            audits: Vec::new(),
            conversations: Vec::new(),
            archived: false,
            deleted: false,
            deleted_by: None,
            written_at: now,
            earlier: VecDeque::new(),
        };
        self.tickets.insert(id, ticket);
        id
    }

    /// Begins an update without metadata.
    pub(super) fn begin_update(&mut self, ticket: i64, by: i64, via: Value, now: i64) -> Update {
        Update { ticket, audit: self.id(), by, via, custom: json!({}), now }
    }

    /// Adds a comment and tells it as an audit's event.
    pub(super) fn comment(&mut self, update: &Update, comment: NewComment) -> Value {
        let id = self.id();
        let mut event = json!({
            "id": id, "type": "Comment", "author_id": comment.author, "body": comment.body,
            "html_body": text::wrap(&comment.html_body, " dir=\"auto\""), "plain_body": comment.body,
            "public": comment.public, "attachments": [], "audit_id": update.audit, "via": update.via,
        });
        let told = event.clone();
        event["created_at"] = json!(text::seconds(update.now));
        event["metadata"] = json!({"system": Self::system(), "custom": update.custom});
        if let Some(ticket) = self.tickets.get_mut(&update.ticket) {
            ticket.comments.push(Comment { value: event, at: update.now });
        }
        told
    }

    /// Writes an audit down; what `audits` and the answer to an update show.
    pub(super) fn audit(&mut self, update: Update, events: Vec<Value>) -> Value {
        let value = json!({
            "id": update.audit, "ticket_id": update.ticket, "created_at": text::seconds(update.now),
            "author_id": update.by, "metadata": {"system": Self::system(), "custom": update.custom},
            "events": events, "via": update.via,
        });
        if let Some(ticket) = self.tickets.get_mut(&update.ticket) {
            ticket.audits.push((update.now, value.clone()));
        }
        value
    }

    fn system() -> Value {
        json!({"client": "sandbox", "ip_address": "192.0.2.1", "location": null, "latitude": null, "longitude": null})
    }

    /// Reads `ticket.comment` of a create or update.
    pub(super) fn read_comment(&self, given: Option<&Value>, by: i64) -> Result<Option<NewComment>, Answer> {
        let Some(given) = given.filter(|given| !given.is_null()) else { return Ok(None) };
        let text = |key: &str| given.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let (body, html_body) = match (text("html_body"), given.as_str().or(text("body")).or(text("value"))) {
            (Some(html), _) => (text::plain_of(html), html.to_owned()),
            (None, Some(body)) => (body.to_owned(), text::html_of(body)),
            (None, None) => return Ok(None),
        };
        let author = given.get("author_id").and_then(Value::as_i64).unwrap_or(by);
        if self.users.get(&author).is_none_or(|user| user.deleted) {
            return Err(Answer::record_invalid("author_id", "Author: is invalid"));
        }
        let light = self.users.get(&by).is_some_and(super::people::User::is_light);
        let public = given.get("public").and_then(Value::as_bool).unwrap_or(true) && !light;
        Ok(Some(NewComment { author, body, html_body, public }))
    }

    /// Changes a ticket as an update does; the audit.
    pub(super) fn update_ticket(
        &mut self,
        id: i64,
        by: i64,
        patch: &Map<String, Value>,
        via: Value,
        now: i64,
    ) -> Result<Value, Answer> {
        let ticket = self.readable(id)?;
        if ticket.closed() {
            return Err(Answer::record_invalid("status", "Status: closed prevents ticket update"));
        }
        let comment = self.read_comment(patch.get("comment"), by)?;
        if comment.is_some() && ticket.comments.len() >= Self::MOST_COMMENTS {
            return Err(Answer::record_invalid("base", "Ticket has too many comments"));
        }
        let changes = self.changes(ticket, patch)?;
        let mut update = self.begin_update(id, by, via, now);
        if let Some(custom) = patch.get("metadata").filter(|given| given.is_object()) {
            update.custom = custom.clone();
        }
        let mut events = Vec::new();
        if let Some(comment) = comment {
            events.push(self.comment(&update, comment));
        }
        for (field, value) in changes {
            let event = self.id();
            let Some(ticket) = self.tickets.get_mut(&id) else { break };
            let previous = ticket.fields.get(&field).cloned().unwrap_or(Value::Null);
            if previous == value {
                continue;
            }
            if events.iter().all(|event: &Value| event["type"] != "Change") {
                ticket.touch(now);
            }
            events.push(json!({
                "id": event, "type": "Change", "field_name": field, "value": value, "previous_value": previous,
            }));
            if field == "subject" {
                ticket.fields.insert("raw_subject".into(), value.clone());
            }
            if field == "custom_fields" {
                ticket.fields.insert("fields".into(), value.clone());
            }
            ticket.fields.insert(field, value);
        }
        if let Some(ticket) = self.tickets.get_mut(&id)
            && !events.is_empty()
            && events.iter().all(|event| event["type"] != "Change")
        {
            ticket.touch(now);
        }
        let changed: Vec<&str> = events.iter().filter_map(|event| event["field_name"].as_str()).collect();
        self.run_triggers(id, None, &changed, now);
        Ok(self.audit(update, events))
    }

    /// What a patch would change, checked.
    fn changes(&self, ticket: &Ticket, patch: &Map<String, Value>) -> Result<Vec<(String, Value)>, Answer> {
        let mut changes = Vec::new();
        for (key, value) in patch {
            let one_of = |allowed: &[&str]| value.as_str().is_some_and(|text| allowed.contains(&text));
            let invalid = |name: &str| Err(Answer::record_invalid(key, &format!("{name}: is invalid")));
            match key.as_str() {
                "status" if !one_of(&Self::STATUSES) => return invalid("Status"),
                "priority" if !value.is_null() && !one_of(&Self::PRIORITIES) => return invalid("Priority"),
                "assignee_id" if !value.is_null() && !value.as_i64().is_some_and(|id| self.is_agent(id)) => {
                    return invalid("Assignee");
                }
                "group_id" if !value.is_null() && !value.as_i64().is_some_and(|id| self.groups.contains_key(&id)) => {
                    return invalid("Group");
                }
                "requester_id" if !value.as_i64().is_some_and(|id| self.users.contains_key(&id)) => {
                    return invalid("Requester");
                }
                "subject" if !value.is_string() => {}
                "tags" => changes.push(("tags".to_owned(), json!(read_tags(value)))),
                "additional_tags" => {
                    let mut tags = ticket.tags();
                    tags.extend(read_tags(value));
                    tags.sort();
                    tags.dedup();
                    changes.push(("tags".to_owned(), json!(tags)));
                }
                "remove_tags" => {
                    let gone = read_tags(value);
                    let tags: Vec<String> = ticket.tags().into_iter().filter(|tag| !gone.contains(tag)).collect();
                    changes.push(("tags".to_owned(), json!(tags)));
                }
                "custom_fields" => changes.push((key.clone(), merge_fields(ticket, value))),
                "status" | "priority" | "assignee_id" | "group_id" | "requester_id" | "subject" | "external_id"
                | "type" | "organization_id" | "due_at" | "problem_id" => changes.push((key.clone(), value.clone())),
                _ => {}
            }
        }
        // Giving a new ticket to somebody opens it.
        let assigned = changes.iter().any(|(field, value)| field == "assignee_id" && !value.is_null());
        if assigned && ticket.text("status") == "new" && !patch.contains_key("status") {
            changes.push(("status".to_owned(), json!("open")));
        }
        Ok(changes)
    }

    /// A follow-up of a closed ticket: tags and custom fields are carried over, and both know of each other.
    pub(super) fn new_follow_up(&mut self, source: i64, mut spec: TicketSpec, by: i64, now: i64) -> i64 {
        let (subject, channel) = match self.tickets.get(&source) {
            Some(ticket) => {
                let mut tags = ticket.tags();
                tags.append(&mut spec.tags);
                tags.sort();
                tags.dedup();
                spec.tags = tags;
                let old = ticket.fields.get("custom_fields").and_then(Value::as_array).cloned().unwrap_or_default();
                if spec.custom_fields.is_empty() {
                    spec.custom_fields = old;
                }
                (ticket.text("subject").to_owned(), ticket.fields["via"]["channel"].clone())
            }
            None => (String::new(), Value::Null),
        };
        let via = json!({"channel": "api", "source": {
            "from": {"ticket_id": source, "subject": subject, "channel": channel}, "to": {}, "rel": "follow_up",
        }});
        let id = self.new_ticket(spec, by, via, now);
        if let Some(source) = self.tickets.get_mut(&source)
            && let Some(ids) = source.fields.get_mut("followup_ids").and_then(Value::as_array_mut)
        {
            ids.push(json!(id));
        }
        id
    }
}

/// Tags, given as a list or as one text with spaces or commas.
pub(super) fn read_tags(value: &Value) -> Vec<String> {
    let mut tags: Vec<String> = match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(|tag| tag.trim().to_lowercase()).collect(),
        Value::String(text) => text.split([' ', ',']).map(|tag| tag.trim().to_lowercase()).collect(),
        _ => Vec::new(),
    };
    tags.retain(|tag| !tag.is_empty());
    tags.sort();
    tags.dedup();
    tags
}

fn merge_fields(ticket: &Ticket, given: &Value) -> Value {
    let mut fields = ticket.fields.get("custom_fields").and_then(Value::as_array).cloned().unwrap_or_default();
    for field in given.as_array().into_iter().flatten() {
        match fields.iter_mut().find(|old| old["id"] == field["id"]) {
            Some(old) => *old = field.clone(),
            None => fields.push(field.clone()),
        }
    }
    Value::Array(fields)
}
