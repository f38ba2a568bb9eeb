//! Tickets: what the card shows of them, and whether they still take changes.
//!
//! A ticket closes by an automation, without any event of its side conversations. So what is decided by its state is
//! decided by a read that is some seconds old at most.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::client::ZendeskClient;
use super::decode;
use super::transport::Failure;
use crate::bridge::event::Ticket;
use crate::bridge::ids::TicketId;
use crate::engine::outside::{CallError, TicketNow};

const TICKET_LIVES_MS: i64 = 5000;
/// The tag that Zendesk gives a ticket that was merged into another one.
pub(super) const MERGED: &str = "closed_by_merge";

impl ZendeskClient {
    /// What a ticket is at present.
    ///
    /// # Errors
    /// As for any read.
    pub async fn ticket(&self, ticket_id: TicketId) -> Result<TicketNow, CallError> {
        let read = self.read_ticket_itself(ticket_id).await?;
        let closed = self.closed(ticket_id, &read).await?;
        let (merged, into) = closed.map_or((false, None), |closed| (closed.merged, closed.into));
        Ok(TicketNow { merged, into, ..now(&read) })
    }

    /// What these tickets are at present; those that Zendesk does not show are missing.
    ///
    /// # Errors
    /// As for any read.
    pub async fn tickets_now(&self, ticket_ids: &[TicketId]) -> Result<HashMap<TicketId, TicketNow>, CallError> {
        let ids = ticket_ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let url = self.http.api(&["tickets", "show_many"], &[("ids", &ids), ("include", "users")]);
        let answer = self.http.get("GET tickets/show_many", &url).await.map_err(Failure::of_a_read)?;
        if !answer.get("tickets").is_some_and(Value::is_array) {
            // No list is no word about any ticket, and must not pass for "deleted".
            return Err(CallError::Later { after: None, problem: "the answer lists no tickets".to_owned() });
        }
        let read = decode::rows(&answer, "tickets").iter().filter_map(|ticket| {
            let id = ticket.get("id").and_then(decode::number)?;
            Some((TicketId(id), of(ticket, &answer)))
        });
        Ok(read.collect())
    }

    /// A ticket with its people as it was a moment ago: Zendesk's `ticket` and `users`.
    pub(super) async fn ticket_lately(&self, ticket_id: TicketId) -> Result<Arc<Value>, CallError> {
        match self.tickets.get(&ticket_id, self.http.now_ms(), |_| TICKET_LIVES_MS) {
            Some(known) => Ok(known),
            None => self.read_ticket_itself(ticket_id).await,
        }
    }

    /// A ticket with its people as it is.
    pub(super) async fn read_ticket_itself(&self, ticket_id: TicketId) -> Result<Arc<Value>, CallError> {
        let asked_ms = self.http.now_ms();
        let url = self.http.api(&["tickets", &ticket_id.to_string()], &[("include", "users")]);
        let read = self.http.get("GET tickets/{id}", &url).await.map_err(Failure::of_a_read)?;
        if !read.get("ticket").is_some_and(Value::is_object) {
            return Err(CallError::Later { after: None, problem: "the answer holds no ticket".to_owned() });
        }
        let read = Arc::new(read);
        self.tickets.put(ticket_id, asked_ms, read.clone());
        Ok(read)
    }
}

/// What an answer says of its ticket.
pub(super) fn now(answer: &Value) -> TicketNow {
    of(&answer["ticket"], answer)
}

/// What is said of a ticket in an answer that holds its people.
fn of(ticket: &Value, answer: &Value) -> TicketNow {
    let shown = shown(ticket, answer);
    let source = &ticket["via"]["source"];
    let follows = source["from"].get("ticket_id").and_then(decode::number).filter(|_| source["rel"] == "follow_up");
    let closed = shown.status.as_deref() == Some("closed");
    TicketNow {
        closed,
        // A follow-up has the tags of its source.
        merged: closed && decode::rows(ticket, "tags").iter().any(|tag| tag == MERGED),
        into: None,
        follows: follows.map(TicketId),
        shown,
    }
}

/// What the card shows of a ticket that was read with its people.
fn shown(ticket: &Value, answer: &Value) -> Ticket {
    let text = |key: &str| ticket.get(key).and_then(decode::text);
    let name = |key: &str| {
        let id = ticket.get(key).and_then(decode::number)?;
        let mut users = decode::rows(answer, "users").iter();
        let user = users.find(|user| user.get("id").and_then(decode::number) == Some(id))?;
        user.get("name").and_then(decode::text)
    };
    let lower = |key: &str| text(key).map(|text| text.to_lowercase());
    Ticket {
        subject: text("subject").or_else(|| text("raw_subject")),
        requester: name("requester_id"),
        priority: lower("priority"),
        status: lower("status"),
        assignee: name("assignee_id"),
    }
}
