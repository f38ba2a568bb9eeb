//! Side conversations that are started from Slack: whether a ticket takes one, the call that creates it, and how it is found
//! again.

use http::Method;
use serde_json::json;

use super::client::{Author, ZendeskClient};
use super::decode::{self, MARKER};
use super::replies::{AUTHOR, recipients};
use super::tickets::now;
use crate::bridge::Answer;
use crate::bridge::content::{Names, escape_html};
use crate::bridge::effect::CreateSideConversation;
use crate::bridge::event::Participant;
use crate::bridge::heading;
use crate::bridge::ids::{SideConversationId, TicketId, ZendeskUserId};
use crate::bridge::notice;
use crate::bridge::readers::Account;
use crate::bridge::start::TicketProspect;
use crate::bridge::thread::{says_its_time, time_with_offset};
use crate::engine::outside::{Call, CallError};

impl ZendeskClient {
    /// What somebody who starts a side conversation finds of a ticket.
    ///
    /// # Errors
    /// As for any read.
    pub async fn prospect(&self, ticket_id: TicketId) -> Result<TicketProspect, CallError> {
        let read = match self.read_ticket_itself(ticket_id).await {
            Ok(read) => read,
            Err(CallError::Refused { .. } | CallError::Missing { .. }) => return Ok(TicketProspect::Missing),
            Err(other) => return Err(other),
        };
        match self.closed(ticket_id, &read).await? {
            Some(closed) if closed.merged => return Ok(TicketProspect::Merged { into: closed.into }),
            Some(_) => return Ok(TicketProspect::Closed),
            None => {}
        }
        let assignee = read.pointer("/ticket/assignee_id").and_then(decode::number).map(ZendeskUserId);
        let assignee = match assignee {
            Some(id) => self.agent(id).await?,
            None => None,
        };
        Ok(TicketProspect::Open { ticket: now(&read).shown, assignee })
    }

    /// The agent of exactly this address.
    ///
    /// # Errors
    /// As for any read.
    pub async fn agent_by_email(&self, email: &str) -> Result<Option<Participant>, CallError> {
        match self.user_by_email(email).await? {
            Some(id) => self.agent(id).await,
            None => Ok(None),
        }
    }

    async fn agent(&self, id: ZendeskUserId) -> Result<Option<Participant>, CallError> {
        // Rights are not given on the strength of what was read before.
        let users = self.users([id], 0).await?;
        let agent = users.get(&id).filter(|user| user.account == Account::Staff);
        Ok(agent.map(|user| Participant { user_id: Some(id), name: user.name.clone(), ..Participant::default() }))
    }

    /// Who is to read what is created now: whoever was chosen, while they are an agent; else the app's own user.
    async fn reader_of_a_start(&self, chosen: &Participant) -> Result<Participant, CallError> {
        let us = self.house.get().map(|house| house.app_user);
        let Some(id) = chosen.user_id.filter(|id| Some(*id) != us) else { return Ok(chosen.clone()) };
        match self.agent(id).await? {
            Some(_) => Ok(chosen.clone()),
            None => Ok(Participant { user_id: us, ..Participant::default() }),
        }
    }

    /// Creates the side conversation that somebody starts.
    ///
    /// # Errors
    /// After `Unknown` the caller must look for it before it repeats.
    pub async fn create_side_conversation(
        &self,
        call: &Call<'_>,
        create: &CreateSideConversation,
        author: &Author,
        names: &(dyn Names + Sync),
    ) -> Result<Answer, CallError> {
        let lately = match self.ticket_lately(create.ticket_id).await {
            Ok(lately) => lately,
            Err(CallError::Refused { reason } | CallError::Missing { reason, .. }) => {
                return Ok(Answer::NotStarted { reason });
            }
            Err(other) => return Err(other),
        };
        if let Some(closed) = self.closed(create.ticket_id, &lately).await? {
            return Ok(Answer::TicketClosed(closed));
        }
        let to = self.reader_of_a_start(&create.to).await?;
        let asked_at_ms = call.effect.order / 1000;
        let who = match says_its_time(asked_at_ms, self.http.now_ms()) {
            true => notice::in_slack_at(&author.name, &time_with_offset(asked_at_ms)),
            false => notice::in_slack(&author.name),
        };
        let url = &create.channel_url;
        let over = format!("<p><a href=\"{}\"><strong>{}</strong></a></p>", escape_html(url), escape_html(&who));
        let mut external_ids = json!({ MARKER: call.marker() });
        if let Some(user) = author.zendesk_user {
            external_ids[AUTHOR] = json!(user.to_string());
        }
        let message = json!({
            "subject": create.subject,
            "body": format!("{who} ({url}):\n{}", heading::words_plain(&create.doc, names)),
            "html_body": format!("{over}{}", heading::words_html(&create.doc, names)),
            "to": recipients(std::slice::from_ref(&to)),
            "external_ids": external_ids,
        });
        let body = json!({"message": message, "external_ids": {MARKER: call.marker()}});
        let url = self.http.api(&["tickets", &create.ticket_id.to_string(), "side_conversations"], &[]);
        let sent = self.http.send("POST tickets/{id}/side_conversations", Method::POST, &url, Some(&body)).await;
        let answer = match sent.map_err(|failure| failure.error) {
            Ok(answer) => answer,
            Err(CallError::Refused { reason } | CallError::Missing { reason, .. }) => {
                // It may have been closed since it was read.
                return match self.prospect(create.ticket_id).await? {
                    TicketProspect::Closed | TicketProspect::Merged { .. } => {
                        let read = self.ticket_lately(create.ticket_id).await?;
                        let closed = self.closed(create.ticket_id, &read).await?;
                        Ok(closed.map_or(Answer::NotStarted { reason }, Answer::TicketClosed))
                    }
                    TicketProspect::Open { .. } | TicketProspect::Missing => Ok(Answer::NotStarted { reason }),
                };
            }
            Err(other) => return Err(other),
        };
        match answer.pointer("/side_conversation/id").and_then(decode::text) {
            Some(id) => Ok(started(create.ticket_id, SideConversationId::new(id))),
            None => Err(CallError::Unknown { problem: "the answer names no side conversation".to_owned() }),
        }
    }

    /// Looks for the side conversation that a doubtful call may have created.
    ///
    /// # Errors
    /// As for any read.
    pub async fn find_created(
        &self,
        call: &Call<'_>,
        create: &CreateSideConversation,
    ) -> Result<Option<Answer>, CallError> {
        let app_user = self.house.get().map(|house| house.app_user);
        let entries = self.read_ticket(create.ticket_id).await?;
        let begun = entries.iter().find(|entry| {
            let marker = entry.message.as_ref().and_then(|message| message.marker.as_deref());
            let start = call.thread.starting().zip(app_user);
            marker.is_some_and(|marker| call.is_marked(marker))
                || start.is_some_and(|(start, app_user)| start.is_begun_by(entry, app_user))
        });
        Ok(begun.map(|entry| started(create.ticket_id, entry.side_conversation_id.clone())))
    }
}

fn started(ticket_id: TicketId, side_conversation_id: SideConversationId) -> Answer {
    Answer::Started { ticket_id, side_conversation_id, ticket: None, readers: Vec::new(), left_out: Vec::new() }
}
