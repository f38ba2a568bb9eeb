//! Zendesk's JSON in, events out.
//!
//! Tolerant throughout: every field may be missing or null, ids are numbers or text, unknown keys are ignored. Zendesk's
//! own specification does not validate most of its recorded answers. An entry that cannot be told apart from others is
//! left out and counted; it never fails the page it stands on.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::bridge::content::mend_surrogates;
use crate::bridge::event::{Kind, Message, Participant, SideConversation, SideConversationEvent, State};
use crate::bridge::ids::{SideConversationEventId, SideConversationId, TicketId, ZendeskUserId};

/// The key of our marker within `external_ids` and `metadata`.
pub const MARKER: &str = "sidethread";

/// The side conversations that came with a read, by id.
pub type Abouts = HashMap<SideConversationId, SideConversation>;

/// Reads a body as JSON; a lone surrogate, which serde_json refuses, becomes U+FFFD.
pub fn json(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice(&mend_surrogates(String::from_utf8_lossy(body).as_bytes())))
        .ok()
}

/// The ticket that a webhook call names: one of a trigger, or one that is subscribed to events of tickets, as to their
/// deletion, of which no trigger tells.
pub fn nudge(body: &[u8]) -> Option<TicketId> {
    let id = match json(body) {
        Some(value) => number(value.get("ticket_id").or_else(|| of_an_event(&value))?)?,
        None => named_in_broken_json(&String::from_utf8_lossy(body))?,
    };
    (id > 0).then_some(TicketId(id))
}

fn of_an_event(value: &Value) -> Option<&Value> {
    value.get("type").and_then(Value::as_str).filter(|kind| kind.starts_with("zen:event-type:ticket."))?;
    value.pointer("/detail/id")
}

/// Reads the `side_conversations` of an answer, and the single `side_conversation`.
pub fn side_conversations(answer: &Value) -> Abouts {
    let single = answer.get("side_conversation").into_iter();
    let found = rows(answer, "side_conversations").iter().chain(single);
    found
        .filter_map(|value| Some((SideConversationId::new(text(value.get("id")?)?), side_conversation(value))))
        .collect()
}

/// Reads a side conversation.
pub fn side_conversation(value: &Value) -> SideConversation {
    let created_at_ms = value.get("created_at").and_then(time_ms).unwrap_or(0);
    SideConversation {
        subject: value.get("subject").and_then(text).unwrap_or_default(),
        state: value.get("state").and_then(state).unwrap_or_default(),
        state_updated_at_ms: value.get("state_updated_at").and_then(time_ms).unwrap_or(created_at_ms),
        created_at_ms,
        participants: participants(value.get("participants")),
    }
}

/// Reads the `events` of an answer of the account at this address; what does not say where it belongs belongs to
/// `ticket_id` and `side_conversation_id`.
pub fn events(
    account: &str,
    answer: &Value,
    ticket_id: Option<TicketId>,
    side_conversation_id: Option<&SideConversationId>,
    abouts: &Abouts,
) -> Vec<SideConversationEvent> {
    let found = rows(answer, "events");
    let read: Vec<SideConversationEvent> = found
        .iter()
        .filter_map(|value| {
            let mut entry = event(value, ticket_id, side_conversation_id)?;
            if let Some(message) = entry.message.as_mut().filter(|message| message.html.is_some()) {
                message.account = Some(account.to_owned());
            }
            entry.about = abouts.get(&entry.side_conversation_id).cloned();
            if let Some(about) = entry.about.as_mut().filter(|about| about.created_at_ms == 0) {
                // Without a time of its own it must not pass for older than the app.
                about.created_at_ms = entry.created_at_ms;
            }
            Some(entry)
        })
        .collect();
    let skipped = found.len() - read.len();
    if skipped > 0 {
        tracing::warn!(skipped, "entries of side conversations cannot be read and are left out");
    }
    read
}

fn event(
    value: &Value,
    ticket_id: Option<TicketId>,
    side_conversation_id: Option<&SideConversationId>,
) -> Option<SideConversationEvent> {
    let id = text(value.get("id")?)?;
    let kind = match value.get("type").and_then(Value::as_str).unwrap_or_default().to_lowercase().as_str() {
        "create" => Kind::Create,
        "reply" => Kind::Reply,
        "update" => Kind::Update { state: value.pointer("/updates/state").and_then(state) },
        _ => Kind::Other,
    };
    let belongs_to = value.get("side_conversation_id").and_then(text).map(SideConversationId::new);
    // The first entry has the id of its side conversation.
    let first = || (kind == Kind::Create).then(|| SideConversationId::new(id.as_str()));
    let message = value.get("message").filter(|message| message.is_object()).map(message);
    Some(SideConversationEvent {
        side_conversation_id: belongs_to.or_else(|| side_conversation_id.cloned()).or_else(first)?,
        ticket_id: value.get("ticket_id").and_then(number).map(TicketId).or(ticket_id)?,
        created_at_ms: value.get("created_at").and_then(time_ms)?,
        id: SideConversationEventId::new(id),
        kind,
        actor: value
            .get("actor")
            .filter(|actor| actor.is_object())
            .or_else(|| value.pointer("/message/from"))
            .map(participant)
            .unwrap_or_default(),
        via: value.get("via").and_then(Value::as_str).map(str::to_owned),
        message,
        about: None,
    })
}

fn message(value: &Value) -> Message {
    let written = |key: &str| value.get(key).and_then(Value::as_str).filter(|s| !s.is_empty()).map(str::to_owned);
    Message {
        subject: written("subject"),
        html: written("html_body"),
        plain: written("body"),
        account: None,
        to: participants(value.get("to")),
        marker: value.pointer(&format!("/external_ids/{MARKER}")).and_then(text),
        files: rows(value, "attachments")
            .iter()
            .map(|file| file.get("file_name").or(file.get("name")).and_then(text).unwrap_or_else(|| "file".to_owned()))
            .collect(),
    }
}

/// Reads a participant.
pub fn participant(value: &Value) -> Participant {
    const ELSEWHERE: [&str; 5] =
        ["slack_channel_id", "slack_workspace_id", "msteams_channel_id", "support_group_id", "support_agent_id"];
    Participant {
        user_id: value.get("user_id").and_then(number).filter(|id| *id > 0).map(ZendeskUserId),
        name: value.get("name").and_then(text),
        email: value.get("email").and_then(text).map(|email| email.to_lowercase()),
        elsewhere: ELSEWHERE.iter().any(|key| value.get(*key).and_then(text).is_some()),
    }
}

fn participants(value: Option<&Value>) -> Vec<Participant> {
    value.and_then(Value::as_array).into_iter().flatten().filter(|one| one.is_object()).map(participant).collect()
}

/// The list under `key`; what is no list is an empty one.
pub fn rows<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// An id, spelled as a number or as text.
pub fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A text that is not blank; a number is spelled out.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A time in any of Zendesk's spellings, in milliseconds since 1970.
pub fn time_ms(value: &Value) -> Option<i64> {
    if let Some(seconds) = value.as_i64() {
        return seconds.checked_mul(1000);
    }
    let text = value.as_str()?.trim();
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_millisecond());
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

fn state(value: &Value) -> Option<State> {
    match value.as_str()?.to_lowercase().as_str() {
        "open" => Some(State::Open),
        "closed" => Some(State::Closed),
        _ => None,
    }
}

/// Zendesk's placeholders are put into the body as they are: a quote in a title breaks the JSON around the id.
fn named_in_broken_json(body: &str) -> Option<i64> {
    body.split("\"ticket_id\"").skip(1).find_map(|rest| {
        let rest = rest.trim_start().strip_prefix(':')?.trim_start();
        let rest = rest.strip_prefix('"').unwrap_or(rest).trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_nudge_names_its_ticket_even_in_broken_json() {
        for (body, ticket) in [
            (r#"{"ticket_id":"35436"}"#, Some(35436)),
            (r#"{"ticket_id": 7, "kind": "side_conversation"}"#, Some(7)),
            ("{\n \"title\": \"My \"mouse\" is on fire\",\n \"ticket_id\" : \"12\"\n}", Some(12)),
            (r#"{"ticket_id":12,"title":"a "b""}"#, Some(12)),
            (
                r#"{"type":"zen:event-type:ticket.soft_deleted","subject":"zen:ticket:12","detail":{"id":"12"}}"#,
                Some(12),
            ),
            (r#"{"type":"zen:event-type:user.deleted","detail":{"id":"12"}}"#, None),
            (r#"{"ticket_id":0}"#, None),
            (r#"{"ticket_id":"-4"}"#, None),
            (r#"{"ticket_id":"","title":"""}"#, None),
            (r#"{"ticket_id":null}"#, None),
            (r#"{"ticket":{"ticket_id":4}}"#, None),
            (r#"[{"ticket_id":4}]"#, None),
            ("{}", None),
            ("", None),
            ("\"ticket_id\":99999999999999999999 \"", None),
        ] {
            assert_eq!(nudge(body.as_bytes()), ticket.map(TicketId), "{body}");
        }
    }

    #[test]
    fn times_are_read_in_every_spelling() {
        for text in [
            "2026-05-08T13:22:48.141Z",
            "2026-05-08T13:22:48.141+00:00",
            "2026-05-08T15:22:48.141000999+02:00",
            "2026-05-08T13:22:48.141",
            "2026-05-08 13:22:48.141Z",
        ] {
            assert_eq!(time_ms(&json!(text)), Some(1_778_246_568_141), "{text}");
        }
        assert_eq!(time_ms(&json!(1_778_246_568)), Some(1_778_246_568_000));
        assert_eq!(time_ms(&json!("yesterday")), None);
        assert_eq!(time_ms(&Value::Null), None);
    }

    #[test]
    fn null_and_oddities_do_not_fail_a_page() {
        let answer = json!({"events": [
            {"id": "a", "type": "create", "ticket_id": "4", "created_at": "2026-05-08T13:22:48Z", "actor": null,
             "message": {"subject": null, "body": null, "html_body": "<p>x</p>", "to": null, "external_ids": null,
                         "attachments": [{"id": "s3", "file_name": null}], "brand": "new"}},
            {"id": "b", "side_conversation_id": "a", "type": "UPDATE", "ticket_id": 4, "updates": {"state": "Closed"},
             "created_at": "2026-05-08T13:22:49.000000001Z", "message": null,
             "actor": {"user_id": "12", "email": "Ana@Acme.Example", "name": " "}},
            {"id": "c", "type": "add-entity", "side_conversation_id": "a", "ticket_id": 4, "updates": null,
             "created_at": "2026-05-08T13:22:49Z", "actor": {"slack_channel_id": "C1"}},
            {"id": null}, null, "odd", {"id": "d", "type": "reply", "ticket_id": 4, "created_at": null},
        ]});
        let read = events("https://acme.zendesk.com", &answer, None, None, &Abouts::new());
        assert_eq!(read.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(read[0].side_conversation_id.as_str(), "a");
        assert_eq!(read[0].message.as_ref().map(|m| m.files.clone()), Some(vec!["file".to_owned()]));
        assert_eq!(read[1].kind, Kind::Update { state: Some(State::Closed) });
        assert_eq!(read[1].actor.user_id, Some(ZendeskUserId(12)));
        assert_eq!(read[1].actor.email.as_deref(), Some("ana@acme.example"));
        assert_eq!(read[1].actor.shown(), None);
        assert_eq!(read[2].kind, Kind::Other);
        assert!(read[2].actor.elsewhere);
    }

    #[test]
    fn a_lone_surrogate_costs_one_character() {
        let body = br#"{"a":"x\ud83dy","b":"\ud83d\ude00 \\ud83d \u00e9","c":"\udc00"}"#;
        assert_eq!(json(body), Some(json!({"a": "x\u{FFFD}y", "b": "😀 \\ud83d é", "c": "\u{FFFD}"})));
        for body in [&b"{"[..], b"\\", b"\\u", b"\"\\ud8", b"\"\\ud83d\\u", "\"\\é".as_bytes()] {
            assert_eq!(json(body), None);
        }
    }
}
