//! The ticket in which a closed one goes on: looked for first, made once.
//!
//! Zendesk makes follow-ups by itself: for an answer to a side conversation, and for any mail of a customer to a closed
//! ticket. So one is used only if it carries our `external_id`, or the thread's side conversation. Ours is made from a
//! request that is built once and sent as it stands under one `Idempotency-Key`; a part of it that Zendesk refuses is left
//! out of a further request, and named in its note.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value, json};

use super::client::ZendeskClient;
use super::decode::{self, Abouts};
use super::tickets::{MERGED, now};
use super::transport::Failure;
use crate::bridge::Answer;
use crate::bridge::event::{SideConversationEvent, Ticket};
use crate::bridge::follow_up::{self, Copied, Followed, StateNow};
use crate::bridge::ids::{SideConversationEventId, SideConversationId, TicketId};
use crate::bridge::notice;
use crate::engine::outside::{Call, CallError};

/// How many follow-ups of one ticket are looked at, newest first.
const MOST_FOLLOW_UPS: usize = 20;
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
    /// Looks for the ticket in which a closed one goes on; without one, says what makes it. `gone` is one that was there
    /// and was deleted.
    ///
    /// # Errors
    /// As for any read; `Missing` also where the source names a follow-up that reads may not show yet.
    pub async fn seek_follow_up(
        &self,
        call: &Call<'_>,
        source: TicketId,
        thread_url: &str,
        gone: Option<TicketId>,
    ) -> Result<Answer, CallError> {
        let read = self.read_ticket_itself(source).await?;
        match self.closed(source, &read).await? {
            None => return Ok(Answer::TicketOpen),
            Some(closed) if closed.merged => return Ok(Answer::TicketClosed(closed)),
            Some(_) => {}
        }
        let said = self.said_so_far(call).await?;
        let mut closed = None;
        let mut others = Vec::new();
        let (mut deleted, mut unread) = (gone, None);
        for ticket_id in follow_ups(&read) {
            let follow_up = match self.read_ticket_itself(ticket_id).await {
                Ok(read) => read,
                // It may be the one that is looked for, made a moment ago.
                Err(missing @ CallError::Missing { .. }) if !call.believed && gone < Some(ticket_id) => {
                    unread = Some(missing);
                    continue;
                }
                Err(CallError::Missing { forbidden: false, .. }) => {
                    deleted = deleted.max(Some(ticket_id));
                    continue;
                }
                Err(CallError::Refused { .. } | CallError::Missing { .. }) => continue,
                Err(other) => return Err(other),
            };
            let found = self.thread_on(call, &said, ticket_id).await?;
            if !is_ours(&follow_up, source) && found.is_none() {
                others.push(self.ticket_url(ticket_id));
                continue;
            }
            let is = now(&follow_up);
            if is.closed {
                closed.get_or_insert(ticket_id);
                continue;
            }
            let followed = Followed::in_ticket(ticket_id, Some(is.shown));
            return Ok(Answer::Followed(match found {
                Some(found) => Followed {
                    side_conversation_id: Some(found.id),
                    state: found.state,
                    copied: found.copied,
                    ..followed
                },
                None => followed,
            }));
        }
        if let Some(missing) = unread {
            return Err(missing);
        }
        match closed {
            // It has a follow-up of its own, or gets one.
            Some(ticket_id) => Ok(followed(ticket_id, None)),
            None => {
                let request = self.request(&read["ticket"], (source, deleted), thread_url, &said, &others)?;
                Ok(Answer::FollowUpNeeded { request })
            }
        }
    }

    /// Makes the ticket in which a closed one goes on.
    ///
    /// # Errors
    /// After `Unknown` the same request may be sent again within two hours; later it must be looked for.
    pub async fn follow_up(&self, source: TicketId, request: &str) -> Result<Answer, CallError> {
        let url = self.http.api(&["tickets"], &[]);
        let key = idempotency_key(request);
        let body = Some(Bytes::copy_from_slice(request.as_bytes()));
        let failure = match self.http.send_bytes("POST tickets", Method::POST, &url, body, Some(&key)).await {
            Ok(answer) => {
                let id = answer.pointer("/ticket/id").and_then(decode::number).map(TicketId);
                let id = id.ok_or_else(|| CallError::Unknown { problem: "the answer names no ticket".to_owned() })?;
                return Ok(followed(id, Some(self.shown_of(&answer, request))));
            }
            Err(failure) => failure,
        };
        if !failure.is_of_content() {
            return Err(failure.error);
        }
        let refusal = decode::json(&failure.body).unwrap_or_default();
        if refusal.get("error").and_then(Value::as_str) == Some("IdempotentRequestError") {
            // The key was used for another request, of which nobody here knows: perhaps it made the ticket.
            let lost = CallError::Unknown { problem: "the idempotency key is in use".to_owned() };
            return self.find_follow_up(source, request).await?.ok_or(lost);
        }
        if !now(&*self.read_ticket_itself(source).await?).closed {
            return Ok(Answer::TicketOpen);
        }
        let CallError::Refused { reason } = failure.error else { return Err(failure.error) };
        match without_what_is_refused(request, &refusal) {
            Some(request) => Ok(Answer::FollowUpRefused { request }),
            None => Err(CallError::Refused { reason: notice::follow_up_refused(&reason) }),
        }
    }

    /// Looks for the follow-up that a doubtful call may have made.
    ///
    /// # Errors
    /// As for any read.
    pub async fn find_follow_up(&self, source: TicketId, request: &str) -> Result<Option<Answer>, CallError> {
        let marker = marker_of(request);
        let read = self.read_ticket_itself(source).await?;
        for ticket_id in follow_ups(&read) {
            let follow_up = match self.read_ticket_itself(ticket_id).await {
                Ok(read) => read,
                Err(CallError::Refused { .. } | CallError::Missing { .. }) => continue,
                Err(other) => return Err(other),
            };
            if follow_up["ticket"]["external_id"].as_str() == Some(&marker) {
                return Ok(Some(followed(ticket_id, Some(now(&follow_up).shown))));
            }
        }
        let url = self.http.api(&["tickets"], &[("external_id", &marker)]);
        let listed = self.http.get("GET tickets", &url).await.map_err(Failure::of_a_read)?;
        let found = decode::rows(&listed, "tickets")
            .iter()
            .filter(|ticket| ticket.get("external_id").and_then(Value::as_str) == Some(&marker));
        let newest = found.filter_map(|ticket| ticket.get("id").and_then(decode::number)).max();
        Ok(newest.map(|id| followed(TicketId(id), None)))
    }

    /// The thread's side conversation on a ticket, and those of its entries that were said elsewhere before.
    async fn thread_on(
        &self,
        call: &Call<'_>,
        said: &[SideConversationEvent],
        ticket_id: TicketId,
    ) -> Result<Option<Found>, CallError> {
        let mut there: BTreeMap<SideConversationId, Vec<SideConversationEvent>> = BTreeMap::new();
        for entry in self.read_ticket(ticket_id).await? {
            there.entry(entry.side_conversation_id.clone()).or_default().push(entry);
        }
        let thread = call.thread;
        if there.contains_key(&thread.side_conversation_id) {
            let id = thread.side_conversation_id.clone();
            return Ok(Some(Found { id, state: None, copied: Vec::new() }));
        }
        let ours = format!("{}/", thread.id);
        let found = there.into_iter().find(|(_, entries)| {
            let marker = entries.first().and_then(|first| first.message.as_ref()?.marker.as_deref());
            marker.is_some_and(|marker| marker.starts_with(&ours)) || follow_up::is_copy(entries, said)
        });
        Ok(found.map(|(id, entries)| Found {
            id,
            state: StateNow::of(&entries),
            copied: follow_up::copied(&entries, said),
        }))
    }

    async fn said_so_far(&self, call: &Call<'_>) -> Result<Vec<SideConversationEvent>, CallError> {
        let thread = call.thread;
        let about = self.side_conversation(thread.ticket_id, &thread.side_conversation_id).await?;
        let abouts = Abouts::from([(thread.side_conversation_id.clone(), about)]);
        let entries = self.entries(thread.ticket_id, &thread.side_conversation_id, &abouts).await?;
        self.with_names(entries).await
    }

    fn request(
        &self,
        source: &Value,
        (source_id, deleted): (TicketId, Option<TicketId>),
        thread_url: &str,
        said: &[SideConversationEvent],
        others: &[String],
    ) -> Result<String, CallError> {
        let Some(house) = self.house.get() else {
            return Err(CallError::Later { after: None, problem: "the app's own user is not known yet".to_owned() });
        };
        let rules = &house.follow_up;
        let subject = ["raw_subject", "subject"].iter().find_map(|key| source.get(*key).and_then(decode::text));
        let subject: String = subject.unwrap_or_default().chars().take(SUBJECT_LIMIT).collect();
        let conversation = follow_up::conversation(said, source_id);
        let mut note = rules.template.render([
            &source_id.to_string(),
            &self.ticket_url(source_id),
            thread_url,
            &subject,
            &conversation,
        ]);
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

    /// What the card shows of a ticket that was just made: the answer names its people by id only.
    fn shown_of(&self, answer: &Value, request: &str) -> Ticket {
        let mut shown = now(answer).shown;
        let source = decode::json(request.as_bytes())
            .and_then(|request| request.pointer("/ticket/via_followup_source_id").and_then(decode::number))
            .and_then(|id| self.tickets.get(&TicketId(id), self.http.now_ms(), |_| i64::MAX));
        if let Some(source) = source {
            let people = json!({"ticket": answer["ticket"], "users": source["users"]});
            shown = now(&people).shown;
        }
        shown
    }
}

/// A thread's side conversation on a follow-up.
struct Found {
    id: SideConversationId,
    state: Option<StateNow>,
    /// Its entries that were said elsewhere before.
    copied: Vec<SideConversationEventId>,
}

fn followed(ticket_id: TicketId, ticket: Option<Ticket>) -> Answer {
    Answer::Followed(Followed::in_ticket(ticket_id, ticket))
}

/// The key under which Zendesk makes a follow-up once, whichever thread asks: another thread's request under the same key
/// is refused, and what was made is then looked for. A request with something left out is another one.
fn idempotency_key(request: &str) -> String {
    let marker = marker_of(request);
    let request = decode::json(request.as_bytes()).unwrap_or_default();
    let fields = request["ticket"].as_object().map_or(0, Map::len);
    let custom = request["ticket"]["custom_fields"].as_array().map_or(0, Vec::len);
    format!("{marker}:{fields}:{custom}")
}

/// The marker of the one follow-up that is made of a ticket, whichever thread makes it; it says which deleted one it takes
/// the place of.
fn external_id(source: TicketId, deleted: Option<TicketId>) -> String {
    match deleted {
        None => format!("sidethread:follow-up:{source}"),
        Some(deleted) => format!("{}:after:{deleted}", external_id(source, None)),
    }
}

fn marker_of(request: &str) -> String {
    let request = decode::json(request.as_bytes()).unwrap_or_default();
    request["ticket"]["external_id"].as_str().unwrap_or_default().to_owned()
}

fn is_ours(read: &Value, source: TicketId) -> bool {
    let marker = read["ticket"]["external_id"].as_str().unwrap_or_default();
    let rest = marker.strip_prefix(&external_id(source, None));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(":after:"))
}

/// The follow-ups of a ticket that was read, newest first.
fn follow_ups(read: &Value) -> Vec<TicketId> {
    let mut ids: Vec<TicketId> =
        decode::rows(&read["ticket"], "followup_ids").iter().filter_map(decode::number).map(TicketId).collect();
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.truncate(MOST_FOLLOW_UPS);
    ids
}

/// The request without what Zendesk refuses of it, which its note names; `None` if nothing is left to do without.
fn without_what_is_refused(request: &str, refusal: &Value) -> Option<String> {
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
