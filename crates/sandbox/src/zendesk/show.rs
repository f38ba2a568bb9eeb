//! How side conversations and their events look on the wire.
//!
//! They are most of what is ever asked for, so they are written from where they stand, without a copy in between.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::text;
use super::world::{Event, Message, SideConversation, World};

#[derive(Serialize)]
pub(super) struct ShownConversation<'a> {
    id: &'a str,
    url: String,
    ticket_id: i64,
    subject: Option<&'a str>,
    preview_text: &'a str,
    state: &'static str,
    participants: Vec<&'a Value>,
    external_ids: &'a Map<String, Value>,
    created_at: String,
    updated_at: String,
    message_added_at: String,
    state_updated_at: String,
}

#[derive(Serialize)]
pub(super) struct ShownEvent<'a> {
    id: &'a str,
    side_conversation_id: &'a str,
    ticket_id: i64,
    #[serde(rename = "type")]
    what: &'a str,
    actor: &'a Value,
    created_at: String,
    updates: &'a Map<String, Value>,
    url: String,
    message: Option<ShownMessage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'a str>,
}

#[derive(Serialize)]
struct ShownMessage<'a> {
    subject: Option<&'a str>,
    preview_text: &'a str,
    body: &'a str,
    html_body: &'a str,
    from: &'a Value,
    to: Vec<&'a Value>,
    external_ids: ExternalIds<'a>,
    attachments: Vec<ShownFile<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ExternalIds<'a> {
    Echoed(&'a Map<String, Value>),
    Kept {},
}

#[derive(Serialize)]
#[serde(untagged)]
enum ShownFile<'a> {
    Known {
        id: &'a str,
        file_name: &'a str,
        content_type: &'a str,
        content_url: String,
        size: usize,
        width: Option<u32>,
        height: Option<u32>,
        inline: bool,
    },
    Unknown {
        id: &'a str,
    },
}

impl World {
    pub(super) fn shown_conversation<'a>(&self, shown: &'a SideConversation) -> ShownConversation<'a> {
        ShownConversation {
            id: &shown.id,
            url: self.url(&format!("tickets/{}/side_conversations/{}", shown.ticket, shown.id)),
            ticket_id: shown.ticket,
            subject: shown.subject.as_deref(),
            preview_text: &shown.preview_text,
            state: if shown.open { "open" } else { "closed" },
            participants: shown.participants.iter().map(Arc::as_ref).collect(),
            external_ids: &shown.external_ids,
            created_at: text::millis(shown.created_at),
            updated_at: text::millis(shown.updated_at),
            message_added_at: text::millis(shown.message_added_at),
            state_updated_at: text::millis(shown.state_updated_at),
        }
    }

    pub(super) fn shown_event<'a>(&'a self, event: &'a Event) -> ShownEvent<'a> {
        let base = format!("tickets/{}/side_conversations/{}", event.ticket, event.conversation);
        ShownEvent {
            id: &event.id,
            side_conversation_id: &event.conversation,
            ticket_id: event.ticket,
            what: event.what,
            actor: &event.actor,
            created_at: text::millis(event.at),
            updates: &event.updates,
            url: self.url(&format!("{base}/events/{}", event.id)),
            message: event.message.as_ref().map(|message| self.shown_message(message, &base)),
            via: (event.via != "api" || self.options.unconfirmed.via_of_api).then_some(event.via),
        }
    }

    fn shown_message<'a>(&'a self, message: &'a Message, base: &str) -> ShownMessage<'a> {
        ShownMessage {
            subject: message.subject.as_deref(),
            preview_text: &message.preview_text,
            body: &message.body,
            html_body: &message.html_body,
            from: &message.from,
            to: message.to.iter().map(Arc::as_ref).collect(),
            external_ids: match self.options.unconfirmed.external_ids_echoed {
                true => ExternalIds::Echoed(&message.external_ids),
                false => ExternalIds::Kept {},
            },
            attachments: message.attachments.iter().map(|id| self.shown_file(id, base)).collect(),
        }
    }

    fn shown_file<'a>(&'a self, id: &'a str, base: &str) -> ShownFile<'a> {
        let Some(file) = self.files.get(id) else { return ShownFile::Unknown { id } };
        let name: String = url::form_urlencoded::byte_serialize(file.name.as_bytes()).collect();
        let name = name.replace('+', "%20");
        ShownFile::Known {
            id,
            file_name: &file.name,
            content_type: &file.content_type,
            content_url: self.url(&format!("{base}/attachments/{id}/download/{name}")),
            size: file.bytes.len(),
            width: file.size.map(|(width, _)| width),
            height: file.size.map(|(_, height)| height),
            inline: false,
        }
    }

    pub(super) fn show_conversation(&self, shown: &SideConversation) -> Value {
        value(self.shown_conversation(shown))
    }

    pub(super) fn show_event(&self, event: &Event) -> Value {
        value(self.shown_event(event))
    }
}

/// What is made of texts, numbers and values can always be one.
fn value(shown: impl Serialize) -> Value {
    serde_json::to_value(shown).unwrap_or_default()
}
