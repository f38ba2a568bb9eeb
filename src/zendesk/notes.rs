//! Internal notes on a ticket.
//!
//! The marker goes into the update's `metadata`; because it is not confirmed that every account shows it on comments,
//! a short reference stands in the note as well.

use http::Method;
use serde_json::{Value, json};

use super::client::ZendeskClient;
use super::decode::{self, MARKER};
use super::tickets::now;
use super::transport::Failure;
use crate::bridge::Answer;
use crate::bridge::content::text_hash;
use crate::bridge::follow_up::ClosedTicket;
use crate::bridge::ids::TicketId;
use crate::engine::outside::{Call, CallError};

/// The newest three hundred comments.
const MOST_PAGES: usize = 3;

impl ZendeskClient {
    /// Writes an internal note on the ticket, unless that is closed.
    ///
    /// # Errors
    /// After `Unknown` the caller must look for it before it repeats.
    pub async fn note(&self, call: &Call<'_>, text: &str) -> Result<Answer, CallError> {
        let marker = call.marker();
        let ticket_id = call.thread.ticket_id;
        let url = self.http.api(&["tickets", &ticket_id.to_string()], &[]);
        let body = json!({"ticket": {
            "comment": {"body": format!("{text}\n\n{}", reference(&marker)), "public": false},
            "metadata": {MARKER: marker},
        }});
        let Err(failure) = self.http.send("PUT tickets/{id}", Method::PUT, &url, Some(&body)).await else {
            return Ok(Answer::Done);
        };
        if failure.says_closed() {
            return Ok(Answer::TicketClosed(ClosedTicket::alone(ticket_id)));
        }
        if let CallError::Refused { .. } | CallError::Missing { .. } = failure.error {
            match self.read_ticket_itself(ticket_id).await {
                Ok(read) if now(&read).closed => return Ok(Answer::TicketClosed(ClosedTicket::alone(ticket_id))),
                Ok(_) | Err(CallError::Refused { .. } | CallError::Missing { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Err(failure.error)
    }

    /// Looks for a note that a doubtful call may have written, on each ticket on which the thread has been.
    ///
    /// # Errors
    /// As for any read.
    pub async fn find_note(&self, call: &Call<'_>) -> Result<Option<Answer>, CallError> {
        let mut tickets = vec![call.thread.ticket_id];
        for earlier in call.thread.earlier.iter().rev().map(|earlier| earlier.ticket_id) {
            if !tickets.contains(&earlier) {
                tickets.push(earlier);
            }
        }
        for ticket_id in tickets {
            match self.stands_on(ticket_id, &call.marker()).await {
                Ok(true) => return Ok(Some(Answer::Done)),
                Ok(false) => {}
                // Where the thread was may be gone by now, and then nothing stands there.
                Err(CallError::Refused { .. } | CallError::Missing { .. }) if ticket_id != call.thread.ticket_id => {}
                Err(other) => return Err(other),
            }
        }
        Ok(None)
    }

    async fn stands_on(&self, ticket_id: TicketId, marker: &str) -> Result<bool, CallError> {
        let reference = reference(marker);
        let is_it = |comment: &Value| {
            let marked = comment.pointer(&format!("/metadata/custom/{MARKER}")).and_then(Value::as_str);
            let says =
                |key: &str| comment.get(key).and_then(Value::as_str).is_some_and(|text| text.contains(&reference));
            match marked {
                Some(found) => found == marker,
                None => says("body") || says("plain_body"),
            }
        };
        let ticket = ticket_id.to_string();
        let segments = ["tickets", &ticket, "comments"];
        let mut query = vec![("sort", "-created_at".to_owned()), ("page[size]", "100".to_owned())];
        for _ in 0..MOST_PAGES {
            let pairs: Vec<(&str, &str)> = query.iter().map(|(key, value)| (*key, value.as_str())).collect();
            let url = self.http.api(&segments, &pairs);
            let page = self.http.get("GET tickets/{id}/comments", &url).await.map_err(Failure::of_a_read)?;
            if decode::rows(&page, "comments").iter().any(is_it) {
                return Ok(true);
            }
            // `links.next` stands there although there is no more.
            let more = page.pointer("/meta/has_more").and_then(Value::as_bool) == Some(true);
            let Some(cursor) = page.pointer("/meta/after_cursor").and_then(decode::text).filter(|_| more) else {
                break;
            };
            query.truncate(2);
            query.push(("page[after]", cursor));
        }
        Ok(false)
    }
}

fn reference(marker: &str) -> String {
    let hash = text_hash(marker);
    format!("(Sidethread reference {})", hash.get(..8).unwrap_or(&hash))
}
