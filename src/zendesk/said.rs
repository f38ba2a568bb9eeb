//! What is read for those who are told of a side conversation: all that was said in it and where its thread was before,
//! and who has the ticket.

use super::client::{ZendeskClient, in_order};
use super::decode::{self, Abouts};
use super::transport::Failure;
use crate::bridge::Answer;
use crate::bridge::event::SideConversationEvent;
use crate::bridge::follow_up;
use crate::bridge::ids::TicketId;
use crate::engine::outside::{Call, CallError};

impl ZendeskClient {
    /// All that was said in the thread's side conversation and in those where it was before, copies left out.
    ///
    /// # Errors
    /// As for any read.
    pub async fn said(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let thread = call.thread;
        let before = thread.earlier.iter().map(|earlier| (earlier.ticket_id, &earlier.side_conversation_id));
        let mut all: Vec<SideConversationEvent> = Vec::new();
        for (ticket_id, id) in before.chain([(thread.ticket_id, &thread.side_conversation_id)]) {
            let entries = match self.entries(ticket_id, id, &Abouts::new()).await {
                // Where the thread was may be gone by now.
                Err(CallError::Refused { .. } | CallError::Missing { .. }) if *id != thread.side_conversation_id => {
                    continue;
                }
                read => read?,
            };
            let copied = follow_up::copied(&entries, &all);
            all.extend(entries.into_iter().filter(|entry| !copied.contains(&entry.id)));
        }
        let mut all = self.with_names(all).await?;
        in_order(&mut all);
        Ok(Answer::Said(all))
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
