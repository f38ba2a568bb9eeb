//! The tickets that side conversations bring forth: automatic follow-ups of closed tickets, and child tickets.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::conversations::{Act, Draft};
use super::recipients::number_of;
use super::text;
use super::tickets::{NewComment, TicketSpec};
use super::world::{Event, SideConversation, World};

impl World {
    /// HC 4408837750170: a reply from outside to a side conversation of a closed ticket makes a follow-up
    /// ticket that holds it; assignee and group stay, an internal note opens it.
    pub(super) fn follow_up(&mut self, conversation: &str, act: &Act) -> Option<i64> {
        let source_id = self.conversations.get(conversation)?.ticket;
        let source = self.tickets.get(&source_id)?;
        if !source.closed() || source.deleted {
            return None;
        }
        let note = format!("This is a follow-up to ticket #{source_id}: a side conversation of it was replied to.");
        let spec = TicketSpec {
            subject: source.text("subject").to_owned(),
            description: note.clone(),
            requester_id: source.number("requester_id").unwrap_or(act.user),
            assignee_id: source.number("assignee_id"),
            group_id: source.number("group_id"),
            status: "open".into(),
            ..TicketSpec::default()
        };
        let ticket = self.new_follow_up(source_id, spec, act.user, act.now);
        let via = json!({"channel": "side_conversation", "source": {"from": {}, "to": {}, "rel": null}});
        let update = self.begin_update(ticket, act.user, via, act.now);
        let comment = NewComment { author: act.user, html_body: text::html_of(&note), body: note, public: false };
        let event = self.comment(&update, comment);
        self.audit(update, vec![event]);
        if let Some(new) = self.tickets.get_mut(&ticket) {
            new.fields.insert("is_public".into(), json!(false));
        }
        if self.options.unconfirmed.follow_up_keeps_ids {
            self.attach(conversation, ticket, act);
        } else {
            self.copy(conversation, ticket, act);
        }
        self.touch_ticket(ticket, &Act { via: "support", ..act.clone() });
        Some(ticket)
    }

    /// A mail to a closed ticket makes a follow-up that has nothing to do with its side conversations.
    pub(super) fn follow_up_by_mail(&mut self, user: i64, source_id: i64, body: &str, now: i64) -> i64 {
        let Some(source) = self.tickets.get(&source_id).filter(|ticket| ticket.closed() && !ticket.deleted) else {
            return 0;
        };
        let spec = TicketSpec {
            subject: format!("Re: {}", source.text("subject")),
            description: body.to_owned(),
            requester_id: user,
            status: "new".into(),
            ..TicketSpec::default()
        };
        let ticket = self.new_follow_up(source_id, spec, user, now);
        let via = json!({"channel": "email", "source": {"from": {}, "to": {}, "rel": null}});
        let update = self.begin_update(ticket, user, via, now);
        let comment = NewComment { author: user, html_body: text::html_of(body), body: body.to_owned(), public: true };
        let event = self.comment(&update, comment);
        self.audit(update, vec![event]);
        ticket
    }

    fn attach(&mut self, conversation: &str, ticket: i64, act: &Act) {
        if let Some(new) = self.tickets.get_mut(&ticket) {
            new.conversations.push(conversation.to_owned());
        }
        let event = Event {
            id: self.uuid(act.now),
            conversation: Arc::from(conversation),
            ticket,
            what: "add-entity",
            via: "support",
            actor: act.actor.clone(),
            at: act.at,
            written_at: act.now,
            message: None,
            updates: Map::new(),
        };
        self.append(event, act);
    }

    /// The copy's events keep their times; the copy has ids of its own and no `external_ids`.
    fn copy(&mut self, conversation: &str, ticket: i64, act: &Act) {
        let Some(original) = self.conversations.get(conversation) else { return };
        let (kind, open) = (original.kind, original.open);
        let places = original.events.clone();
        let id = self.uuid(act.now);
        let shared: Arc<str> = Arc::from(id.as_str());
        let silent = Act { silent: true, ..act.clone() };
        let mut first = true;
        for place in places {
            let event_id = if first { id.clone() } else { self.uuid(act.now) };
            let Some(event) = self.events.get(place) else { continue };
            let mut message = event.message.clone();
            if let Some(message) = &mut message {
                message.external_ids = Map::new();
            }
            let copied = Event {
                id: event_id,
                conversation: shared.clone(),
                ticket,
                what: event.what,
                via: event.via,
                actor: event.actor.clone(),
                at: event.at,
                written_at: act.now,
                message,
                updates: event.updates.clone(),
            };
            if first {
                let mut copy = SideConversation::begin(&copied, kind, Map::new());
                copy.open = open;
                self.conversations.insert(id.clone(), copy);
                first = false;
            }
            self.append(copied, &silent);
        }
        if let Some(new) = self.tickets.get_mut(&ticket) {
            new.conversations.push(id.clone());
        }
        if let Some(original) = self.conversations.get_mut(conversation) {
            original.copy = Some(id);
        }
    }

    pub(super) fn child_ticket(&mut self, parent: i64, act: &Act, draft: &Draft) -> i64 {
        let body = draft.body.clone().or_else(|| draft.html_body.as_deref().map(text::plain_of)).unwrap_or_default();
        let to = draft.to.first().cloned().unwrap_or(Value::Null);
        let spec = TicketSpec {
            subject: draft.subject.clone().unwrap_or_default(),
            description: body.clone(),
            requester_id: act.user,
            assignee_id: number_of(&to, "support_agent_id"),
            group_id: number_of(&to, "support_group_id"),
            status: "new".into(),
            external_id: Some(format!("zen:ticket:{parent}")),
            ..TicketSpec::default()
        };
        let via =
            json!({"channel": "side_conversation", "source": {"from": {"ticket_id": parent}, "to": {}, "rel": null}});
        let child = self.new_ticket(spec, act.user, via.clone(), act.now);
        let update = self.begin_update(child, act.user, via, act.now);
        let comment = NewComment { author: act.user, html_body: text::html_of(&body), body, public: true };
        let event = self.comment(&update, comment);
        self.audit(update, vec![event]);
        child
    }
}
