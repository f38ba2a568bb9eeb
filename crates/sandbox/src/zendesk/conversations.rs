//! What a side conversation is and what may be done to it.
//!
//! A side conversation is the sum of its events: the same rule adds an event to it and shows it as it was
//! when a lagging read looks. The first event's id is the side conversation's.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::feed;
use super::recipients::join;
use super::text;
use super::triggers;
use super::world::{Event, Kind, Message, SideConversation, World};
use crate::faults::Fault;

/// A message on its way in.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) to: Vec<Value>,
    pub(super) from: Value,
    pub(super) subject: Option<String>,
    pub(super) preview_text: Option<String>,
    pub(super) body: Option<String>,
    pub(super) html_body: Option<String>,
    pub(super) external_ids: Map<String, Value>,
    pub(super) attachments: Vec<String>,
}

/// Who does something, by which way, and when.
#[derive(Clone)]
pub(super) struct Act {
    pub(super) user: i64,
    pub(super) actor: Arc<Value>,
    pub(super) via: &'static str,
    /// When it happened.
    pub(super) at: i64,
    /// When the account learned of it.
    pub(super) now: i64,
    /// An import: nobody is told.
    pub(super) silent: bool,
}

impl Draft {
    /// Reads `message` of a request.
    pub(super) fn read(message: Option<&Value>) -> Result<Self, Answer> {
        let invalid = |field: &str, description: &str| Err(Answer::record_invalid(field, description));
        let Some(message) = message.and_then(Value::as_object) else {
            return invalid("message", "Message: cannot be blank");
        };
        let text = |key: &str| message.get(key).and_then(Value::as_str).map(str::to_owned);
        let attachments = match message.get("attachment_ids") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(ids)) if ids.iter().all(Value::is_string) => {
                ids.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(_) => return invalid("attachment_ids", "Attachment ids: is invalid"),
        };
        Ok(Draft {
            to: message.get("to").and_then(Value::as_array).cloned().unwrap_or_default(),
            from: message.get("from").cloned().unwrap_or(Value::Null),
            subject: text("subject"),
            preview_text: text("preview_text"),
            body: text("body"),
            html_body: text("html_body"),
            external_ids: read_external_ids(message.get("external_ids"))?,
            attachments,
        })
    }

    fn is_blank(&self) -> bool {
        let blank = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
        blank(&self.body) && blank(&self.html_body)
    }
}

/// `external_ids`: an object whose values are strings.
pub(super) fn read_external_ids(given: Option<&Value>) -> Result<Map<String, Value>, Answer> {
    match given {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(ids)) if ids.values().all(Value::is_string) => Ok(ids.clone()),
        Some(_) => Err(Answer::record_invalid("external_ids", "External ids: must be an object of strings")),
    }
}

impl SideConversation {
    pub(super) fn begin(event: &Event, kind: Kind, external_ids: Map<String, Value>) -> Self {
        SideConversation {
            id: event.conversation.clone(),
            ticket: event.ticket,
            kind,
            subject: event.message.as_ref().and_then(|message| message.subject.clone()),
            preview_text: String::new(),
            open: true,
            participants: Vec::new(),
            external_ids,
            created_at: event.at,
            updated_at: event.at,
            message_added_at: event.at,
            state_updated_at: event.at,
            events: Vec::new(),
            copy: None,
        }
    }

    fn absorb(&mut self, event: &Event) {
        self.ticket = event.ticket;
        self.updated_at = self.updated_at.max(event.at);
        if let Some(message) = &event.message {
            if event.at >= self.message_added_at {
                self.message_added_at = event.at;
                self.preview_text.clone_from(&message.preview_text);
            }
            join(&mut self.participants, &message.from);
            message.to.iter().for_each(|one| join(&mut self.participants, one));
        }
        if let Some(state) = event.updates.get("state").and_then(Value::as_str) {
            self.open = state == "open";
            self.state_updated_at = event.at;
        }
        if let Some(subject) = event.updates.get("subject").and_then(Value::as_str) {
            self.subject = Some(subject.to_owned());
        }
    }

    /// It as it was when only what was written by then could be seen; none if it was not there.
    pub(super) fn as_of(&self, events: &[Event], until: i64) -> Option<SideConversation> {
        let mut seen = self.events.iter().filter_map(|place| events.get(*place)).filter(|one| one.written_at <= until);
        let first = seen.next()?;
        let mut then = SideConversation::begin(first, self.kind, self.external_ids.clone());
        then.absorb(first);
        seen.for_each(|event| then.absorb(event));
        Some(then)
    }
}

impl World {
    /// A side conversation that hangs on this ticket.
    pub(super) fn conversation_on(&self, ticket: i64, id: &str) -> Result<&SideConversation, Answer> {
        let ticket = self.readable(ticket)?;
        if !ticket.conversations.iter().any(|one| one == id) {
            return Err(Answer::not_found());
        }
        self.conversations.get(id).ok_or_else(Answer::not_found)
    }

    pub(super) fn act(&self, user: i64, via: &'static str, now: i64) -> Act {
        Act { user, actor: self.participant(user), via, at: now, now, silent: false }
    }

    pub(super) fn check(&self, draft: &Draft, act: &Act, kind: Option<Kind>) -> Result<Kind, Answer> {
        let found = self.check_recipients(&draft.to, act.user)?;
        if kind.is_some_and(|kind| kind != found) {
            return Err(Answer::record_invalid("to", "To: kinds of participants cannot be mixed"));
        }
        if draft.is_blank() && draft.attachments.is_empty() {
            return Err(Answer::record_invalid("body", "Body: cannot be blank"));
        }
        if let Some(unknown) = draft.attachments.iter().find(|id| !self.files.contains_key(*id)) {
            return Err(Answer::record_invalid("attachment_ids", &format!("Attachment ids: {unknown} does not exist")));
        }
        Ok(found)
    }

    fn message_of(&mut self, draft: Draft, from: Arc<Value>, kind: Kind, now: i64) -> Message {
        let to = self.resolve_recipients(&draft.to, kind, now);
        let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let (body, html) = match (filled(draft.body), filled(draft.html_body)) {
            (Some(body), Some(html)) => (body, html),
            (Some(body), None) => {
                let html = text::html_of(&body);
                (body, html)
            }
            (None, Some(html)) => (text::plain_of(&html), html),
            (None, None) => (String::new(), String::new()),
        };
        Message {
            subject: draft.subject,
            preview_text: filled(draft.preview_text).unwrap_or_else(|| text::preview_of(&body)),
            html_body: text::wrap(&html, ""),
            body,
            from,
            to,
            external_ids: draft.external_ids,
            attachments: draft.attachments,
        }
    }

    /// Starts one on a ticket; its id.
    pub(super) fn start(
        &mut self,
        ticket: i64,
        act: &Act,
        draft: Draft,
        mut external_ids: Map<String, Value>,
    ) -> Result<String, Answer> {
        self.readable(ticket)?;
        let kind = self.check(&draft, act, None)?;
        if kind == Kind::ChildTicket {
            let child = self.child_ticket(ticket, act, &draft);
            external_ids.insert("targetTicketId".into(), json!(child.to_string()));
        }
        let message = self.message_of(draft, act.actor.clone(), kind, act.now);
        let id = self.uuid(act.now);
        let event = Event {
            id: id.clone(),
            conversation: Arc::from(id.as_str()),
            ticket,
            what: "create",
            via: act.via,
            actor: act.actor.clone(),
            at: act.at,
            written_at: act.now,
            message: Some(message),
            updates: Map::new(),
        };
        self.conversations.insert(id.clone(), SideConversation::begin(&event, kind, external_ids));
        if let Some(ticket) = self.tickets.get_mut(&ticket) {
            ticket.conversations.push(id.clone());
        }
        self.append(event, act);
        Ok(id)
    }

    /// Replies; the event's id.
    pub(super) fn add_reply(&mut self, conversation: &str, act: &Act, mut draft: Draft) -> Result<String, Answer> {
        let found = self.conversations.get(conversation).ok_or_else(Answer::not_found)?;
        let (kind, ticket, open) = (found.kind, found.ticket, found.open);
        self.check(&draft, act, Some(kind))?;
        // Recorded: the subject of a reply is null.
        draft.subject = None;
        let message = self.message_of(draft, act.actor.clone(), kind, act.now);
        let id = self.uuid(act.now);
        let conversation: Arc<str> = Arc::from(conversation);
        self.append(
            Event {
                id: id.clone(),
                conversation: conversation.clone(),
                ticket,
                what: "reply",
                via: act.via,
                actor: act.actor.clone(),
                at: act.at,
                written_at: act.now,
                message: Some(message),
                updates: Map::new(),
            },
            act,
        );
        if !open && !act.silent && self.options.unconfirmed.reply_reopens {
            self.change(&conversation, act, Map::from_iter([("state".to_owned(), json!("open"))]));
        }
        Ok(id)
    }

    /// Changes state or subject; the event's id, none if all is so already.
    pub(super) fn change(&mut self, conversation: &str, act: &Act, mut updates: Map<String, Value>) -> Option<String> {
        let found = self.conversations.get(conversation)?;
        let state = if found.open { "open" } else { "closed" };
        updates.retain(|key, value| match key.as_str() {
            "state" => value != state,
            "subject" => value.as_str() != found.subject.as_deref(),
            _ => false,
        });
        if updates.is_empty() {
            return None;
        }
        let ticket = found.ticket;
        let id = self.uuid(act.now);
        let event = Event {
            id: id.clone(),
            conversation: Arc::from(conversation),
            ticket,
            what: "update",
            via: act.via,
            actor: act.actor.clone(),
            at: act.at,
            written_at: act.now,
            message: None,
            updates,
        };
        self.append(event, act);
        Some(id)
    }

    pub(super) fn append(&mut self, event: Event, act: &Act) {
        let place = self.events.len();
        self.by_time.insert((event.at, place));
        let late = self.faults.strike(feed::CALL, |fault| matches!(fault, Fault::FeedLate { .. }));
        if let Some(Fault::FeedLate { secs }) = late {
            let ms = i64::try_from(secs).unwrap_or(i64::MAX).saturating_mul(1000);
            self.late_rows.insert(place, act.now.saturating_add(ms));
        }
        if let Some(conversation) = self.conversations.get_mut(&*event.conversation) {
            conversation.absorb(&event);
            let events = &self.events;
            let after = |earlier: &usize| events.get(*earlier).is_some_and(|earlier| earlier.at <= event.at);
            let slot = conversation.events.partition_point(after);
            conversation.events.insert(slot, place);
            if let (Some(message), Kind::Email, false) = (&event.message, conversation.kind, act.silent) {
                let subject = message.subject.as_ref().or(conversation.subject.as_ref());
                let sender = event.actor.get("email");
                for to in message.to.iter().filter_map(|one| one.get("email")).filter(|to| Some(*to) != sender) {
                    self.mail.push(json!({
                        "to": to, "subject": subject, "body": message.body, "html_body": message.html_body,
                        "from": event.actor.get("email"), "side_conversation_id": &*event.conversation, "at": event.at,
                    }));
                }
            }
        }
        let ticket = event.ticket;
        let activity = match (event.updates.get("state").and_then(Value::as_str), &event.message) {
            (Some("closed"), _) => Some(triggers::CLOSED),
            (Some(_), _) => Some(triggers::REOPENED),
            (None, Some(_)) if event.what == "create" => Some(triggers::CREATED),
            (None, Some(_)) => Some(triggers::REPLIED),
            (None, None) => None,
        };
        self.events.push(event);
        if let Some(activity) = activity
            && !act.silent
        {
            self.tell_ticket(ticket, act, activity);
        }
    }

    /// A side conversation came to the ticket.
    pub(super) fn touch_ticket(&mut self, ticket: i64, act: &Act) {
        self.tell_ticket(ticket, act, triggers::CREATED);
    }

    /// An act on a side conversation is an update of its ticket and fires the triggers, but not on a
    /// closed or archived one.
    fn tell_ticket(&mut self, ticket: i64, act: &Act, activity: &'static str) {
        if act.via == "api" && !self.options.unconfirmed.api_fires_trigger {
            return;
        }
        let Some(found) = self.tickets.get_mut(&ticket) else { return };
        if found.closed() || found.deleted {
            return;
        }
        found.touch(act.now);
        self.run_triggers(ticket, Some(activity), &[], act.now);
    }
}
