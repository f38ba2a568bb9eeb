//! What is read for those who are told of a side conversation: all that was said in it, and who has the ticket.

use super::client::{ZendeskClient, in_order};
use super::decode::{self, Abouts};
use super::transport::Failure;
use crate::bridge::Answer;
use crate::bridge::ids::TicketId;
use crate::engine::outside::{Call, CallError};

impl ZendeskClient {
    /// All that was said in the thread's side conversation.
    ///
    /// # Errors
    /// As for any read.
    pub async fn said(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let (ticket_id, id) = (call.thread.ticket_id, &call.thread.side_conversation_id);
        let url = self.http.api(&["tickets", &ticket_id.to_string(), "side_conversations", id.as_str(), "events"], &[]);
        let pages = self.http.pages("GET …/events", url).await.map_err(Failure::of_a_read)?;
        let abouts = Abouts::new();
        let entries = pages.iter().flat_map(|page| decode::events(page, Some(ticket_id), Some(id), &abouts)).collect();
        let mut entries = self.with_names(entries).await?;
        in_order(&mut entries);
        Ok(Answer::Said(entries))
    }

    /// The address of the agent who has the ticket.
    ///
    /// # Errors
    /// As for any read.
    pub async fn assignee_email(&self, ticket_id: TicketId) -> Result<Option<String>, CallError> {
        let url = self.http.api(&["tickets", &ticket_id.to_string()], &[("include", "users")]);
        let answer = self.http.get("GET tickets/{id}", &url).await.map_err(Failure::of_a_read)?;
        let Some(id) = answer.pointer("/ticket/assignee_id").and_then(decode::number) else { return Ok(None) };
        let mut users = decode::rows(&answer, "users").iter();
        let user = users.find(|user| user.get("id").and_then(decode::number) == Some(id));
        Ok(user.and_then(|user| user.get("email")).and_then(decode::text))
    }
}
