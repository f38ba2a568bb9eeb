//! The request that makes a follow-up: built once, under a key by which Zendesk knows a repetition, and again without what
//! Zendesk refuses of it.

use serde_json::{Map, Value, json};

use super::super::client::ZendeskClient;
use super::super::decode;
use super::super::tickets::MERGED;
use crate::bridge::event::SideConversationEvent;
use crate::bridge::follow_up::{self, Copied};
use crate::bridge::ids::TicketId;
use crate::bridge::notice;
use crate::engine::outside::CallError;

/// The longest subject that Zendesk takes.
const SUBJECT_LIMIT: usize = 150;
/// What a follow-up may do without, in the order in which it is left out where Zendesk does not say what it refuses.
const MAY_MISS: [&str; 9] = [
    "custom_fields",
    "ticket_form_id",
    "brand_id",
    "assignee_id",
    "group_id",
    "type",
    "priority",
    "tags",
    "requester_id",
];

impl ZendeskClient {
    pub(super) fn request(
        &self,
        source: &Value,
        (source_id, deleted): (TicketId, Option<TicketId>),
        (thread_url, starts): (&str, bool),
        said: &[SideConversationEvent],
        others: &[String],
    ) -> Result<String, CallError> {
        let Some(house) = self.house.get() else {
            return Err(CallError::Later { after: None, problem: "the app's own user is not known yet".to_owned() });
        };
        let rules = &house.follow_up;
        let subject = ["raw_subject", "subject"].iter().find_map(|key| source.get(*key).and_then(decode::text));
        let subject: String = subject.unwrap_or_default().chars().take(SUBJECT_LIMIT).collect();
        // Of the address "https://acme.slack.com/archives/C1/p1".
        let slack_url = thread_url.split("archives/").next().unwrap_or_default();
        let conversation = follow_up::conversation(said, source_id, house.app_user, slack_url);
        let mut note = match starts {
            true => notice::follow_up_for_start(source_id, &self.ticket_url(source_id), thread_url),
            false => rules.template.render([
                &source_id.to_string(),
                &self.ticket_url(source_id),
                thread_url,
                &subject,
                &conversation,
            ]),
        };
        if !others.is_empty() {
            note = format!("{note}\n\n{}", notice::other_follow_ups(others));
        }
        let mut ticket = Map::new();
        let mut copy = |key: &str| {
            if let Some(value) = source.get(key).filter(|value| !value.is_null() && **value != json!([])) {
                ticket.insert(key.to_owned(), value.clone());
            }
        };
        copy("requester_id");
        for copied in &rules.copy {
            copy(match copied {
                Copied::Assignee => "assignee_id",
                Copied::Group => "group_id",
                Copied::Priority => "priority",
                Copied::Type => "type",
                Copied::Tags => "tags",
                Copied::CustomFields => "custom_fields",
                Copied::Form => "ticket_form_id",
                Copied::Brand => "brand_id",
            });
        }
        if let Some(Value::Array(tags)) = ticket.get_mut("tags") {
            tags.retain(|tag| tag != MERGED);
        }
        if let Some(Value::Array(fields)) = ticket.get_mut("custom_fields") {
            fields.retain(|field| !field["value"].is_null());
        }
        ticket.insert("via_followup_source_id".to_owned(), json!(source_id.0));
        ticket.insert("external_id".to_owned(), json!(external_id(source_id, deleted)));
        ticket.insert("subject".to_owned(), json!(subject));
        ticket.insert("status".to_owned(), json!(rules.status));
        ticket.insert(
            "comment".to_owned(),
            // Without an author it would be the requester's.
            json!({"body": note, "public": false, "author_id": house.app_user}),
        );
        Ok(json!({ "ticket": ticket }).to_string())
    }
}

/// The key under which Zendesk makes a follow-up once, whichever thread asks: another thread's request under the same key
/// is refused, and what was made is then looked for. A request with something left out is another one.
pub(super) fn idempotency_key(request: &str) -> String {
    let marker = marker_of(request);
    let request = decode::json(request.as_bytes()).unwrap_or_default();
    let fields = request["ticket"].as_object().map_or(0, Map::len);
    let custom = request["ticket"]["custom_fields"].as_array().map_or(0, Vec::len);
    format!("{marker}:{fields}:{custom}")
}

/// The marker of the one follow-up that is made of a ticket, whichever thread makes it; it says which deleted one it takes
/// the place of.
pub(super) fn external_id(source: TicketId, deleted: Option<TicketId>) -> String {
    match deleted {
        None => format!("sidethread:follow-up:{source}"),
        Some(deleted) => format!("{}:after:{deleted}", external_id(source, None)),
    }
}

pub(super) fn marker_of(request: &str) -> String {
    let request = decode::json(request.as_bytes()).unwrap_or_default();
    request["ticket"]["external_id"].as_str().unwrap_or_default().to_owned()
}

/// The request without what Zendesk refuses of it, which its note names; `None` if nothing is left to do without.
pub(super) fn without_what_is_refused(request: &str, refusal: &Value) -> Option<String> {
    let mut request = decode::json(request.as_bytes())?;
    let ticket = request.get_mut("ticket")?.as_object_mut()?;
    let details = refusal.get("details").and_then(Value::as_object);
    let named: Vec<String> = details.into_iter().flatten().map(|(key, _)| key.to_lowercase()).collect();
    let told = refusal.to_string().to_lowercase();
    let short = |key: &str| key.trim_end_matches("_id").replace('_', " ");
    let is_named = |key: &&str| named.iter().any(|named| named == *key || *named == key.trim_end_matches("_id"));
    let is_told = |key: &&str| told.contains(&format!("{}:", short(key))) || told.contains(&format!("\"{key}\""));
    let there: Vec<&str> = MAY_MISS.into_iter().filter(|key| ticket.contains_key(*key)).collect();
    let field = ticket.get("custom_fields").and_then(Value::as_array).into_iter().flatten().position(|field| {
        let id = field.get("id").and_then(decode::text).unwrap_or_default();
        !id.is_empty() && (named.iter().any(|named| named.contains(&id)) || told.contains(&id))
    });
    let left_out = match (there.iter().copied().find(|key| is_named(key)), field) {
        (None, Some(field)) => {
            let fields = ticket.get_mut("custom_fields")?.as_array_mut()?;
            let id = fields.remove(field).get("id").and_then(decode::text).unwrap_or_default();
            format!("custom field {id}")
        }
        (found, _) => {
            let key = found.or_else(|| there.iter().copied().find(|key| is_told(key))).or(there.first().copied())?;
            ticket.remove(key);
            short(key)
        }
    };
    let note = ticket.get_mut("comment")?.get_mut("body")?;
    let text = format!("{}\n\n{}", note.as_str()?, notice::left_out_of_follow_up(&left_out));
    *note = Value::String(text);
    Some(request.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_left_out_step_by_step_and_named() {
        let request = json!({"ticket": {
            "assignee_id": 1, "group_id": 2, "tags": ["x"], "subject": "S", "comment": {"body": "Note"},
            "custom_fields": [{"id": 77, "value": "a"}, {"id": 78, "value": "b"}],
        }});
        let refusal =
            |key: &str, text: &str| json!({"error": "RecordInvalid", "details": {key: [{"description": text}]}});
        let step = |request: &str, refusal: Value| without_what_is_refused(request, &refusal).unwrap();
        let one = step(&request.to_string(), refusal("assignee", "Assignee: is suspended"));
        assert!(
            !one.contains("assignee_id") && one.contains("Not kept, because Zendesk refused it: assignee."),
            "{one}"
        );
        let two = step(&one, refusal("base", "Field 78: is not one of the values"));
        assert!(!two.contains("\"id\":78") && two.contains("\"id\":77") && two.contains("custom field 78"), "{two}");
        let three = step(&two, refusal("base", "Group: is invalid"));
        assert!(!three.contains("group_id") && three.contains("custom_fields"), "{three}");
        let four = step(&three, refusal("base", "No."));
        assert!(!four.contains("custom_fields"), "{four}");
        let five = step(&four, refusal("base", "No."));
        assert!(!five.contains("\"tags\":") && five.contains("\"subject\":\"S\""), "{five}");
        assert_eq!(without_what_is_refused(&five, &refusal("base", "No.")), None);
    }
}
