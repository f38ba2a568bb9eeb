//! Which tickets have changed, by the incremental ticket export: for what the feed does not show.
//!
//! <https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/>

use serde_json::Value;

use super::client::ZendeskClient;
use super::decode;
use super::transport::Failure;
use crate::bridge::ids::TicketId;
use crate::engine::outside::{CallError, ChangedTickets};

impl ZendeskClient {
    /// A page of the tickets that have changed since `start` (seconds since 1970, more than a minute ago), in the order of
    /// their last change; `page` is empty or what the page before named.
    ///
    /// # Errors
    /// As for any read; only an admin may.
    pub async fn changed_tickets(&self, start: i64, page: &str) -> Result<ChangedTickets, CallError> {
        let start = start.to_string();
        let from = if page.is_empty() { ("start_time", start.as_str()) } else { ("cursor", page) };
        let url = self.http.api(&["incremental", "tickets", "cursor"], &[from]);
        let answer = self.http.get("GET incremental/tickets/cursor", &url).await.map_err(Failure::of_a_read)?;
        if !answer.get("tickets").is_some_and(Value::is_array) {
            return Err(CallError::Later { after: None, problem: "the answer lists no tickets".to_owned() });
        }
        let there = |ticket: &&Value| ticket.get("status").and_then(Value::as_str) != Some("deleted");
        let id = |ticket: &Value| ticket.get("id").and_then(decode::number).map(TicketId);
        let tickets = decode::rows(&answer, "tickets").iter().filter(there).filter_map(id).collect();
        let ended = answer.get("end_of_stream").and_then(Value::as_bool) != Some(false);
        let next = answer.get("after_cursor").and_then(decode::text).filter(|next| !ended && next != page);
        Ok(ChangedTickets { tickets, next })
    }
}
