//! The ticket in which a closed one goes on: looked for first, made once.
//!
//! Zendesk makes follow-ups by itself: for an answer to a side conversation, and for any mail of a customer to a closed
//! ticket. So one is used only if it carries our `external_id`, or the thread's side conversation, or else if an agent made it
//! by hand and it is open; and it is looked for by
//! that id as well, because nothing says that a closed ticket names its follow-ups at once. Ours is made from a
//! request that is built once and sent as it stands under one `Idempotency-Key`; a part of it that Zendesk refuses is left
//! out of a further request, and named in its note.

mod request;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use self::request::{external_id, idempotency_key, marker_of, without_what_is_refused};
use super::client::ZendeskClient;
use super::decode::{self, Abouts};
use super::tickets::now;
use super::transport::Failure;
use crate::bridge::Answer;
use crate::bridge::event::{SideConversationEvent, Ticket};
use crate::bridge::follow_up::{self, Followed, StateNow};
use crate::bridge::ids::{SideConversationEventId, SideConversationId, TicketId};
use crate::bridge::notice;
use crate::engine::outside::{Call, CallError};

/// How many follow-ups of one ticket are looked at, newest first.
const MOST_FOLLOW_UPS: usize = 20;
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
        // Of what is only being started nothing was said.
        let said = match call.thread.starting() {
            Some(_) => Vec::new(),
            None => self.said_so_far(call).await?,
        };
        let mut closed = None;
        let mut by_hand = None;
        let mut others = Vec::new();
        let (mut deleted, mut unread) = (gone, None);
        let named = follow_ups(&read);
        let mut to_look: VecDeque<TicketId> = named.iter().copied().collect();
        let mut asked = false;
        loop {
            let Some(ticket_id) = to_look.pop_front() else {
                // Zendesk may name it late, or never.
                if asked || closed.is_some() || unread.is_some() {
                    break;
                }
                asked = true;
                to_look.extend(self.marked(&external_id(source, deleted)).await?.filter(|id| !named.contains(id)));
                continue;
            };
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
                if by_hand.is_none() && self.is_made_by_hand(&follow_up) {
                    by_hand = Some(Followed::in_ticket(ticket_id, Some(now(&follow_up).shown)));
                }
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
            None if let Some(by_hand) = by_hand => Ok(Answer::Followed(by_hand)),
            // It has a follow-up of its own, or gets one.
            Some(ticket_id) => Ok(followed(ticket_id, None)),
            None => {
                let starts = call.thread.starting().is_some();
                let request = self.request(&read["ticket"], (source, deleted), (thread_url, starts), &said, &others)?;
                Ok(Answer::FollowUpNeeded { request })
            }
        }
    }

    /// Whether somebody works on a follow-up that an agent has made: it is open, and its submitter is one. What Zendesk makes
    /// of a customer's mail is the customer's.
    fn is_made_by_hand(&self, read: &Value) -> bool {
        let submitter = read.pointer("/ticket/submitter_id").and_then(decode::number);
        let app_user = self.house.get().map(|house| house.app_user.0);
        let is_agent = |user: &Value| {
            user.get("id").and_then(decode::number) == submitter
                && matches!(user.get("role").and_then(Value::as_str), Some("agent" | "admin"))
        };
        let status = now(read).shown.status;
        let open = matches!(status.as_deref(), Some("new" | "open" | "pending" | "hold"));
        open && submitter != app_user && decode::rows(read, "users").iter().any(is_agent)
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
        Ok(self.marked(&marker).await?.map(|id| followed(id, None)))
    }

    /// The newest ticket that is listed under a marker.
    async fn marked(&self, marker: &str) -> Result<Option<TicketId>, CallError> {
        let url = self.http.api(&["tickets"], &[("external_id", marker)]);
        let listed = self.http.get("GET tickets", &url).await.map_err(Failure::of_a_read)?;
        let found = decode::rows(&listed, "tickets")
            .iter()
            .filter(|ticket| ticket.get("external_id").and_then(Value::as_str) == Some(marker));
        Ok(found.filter_map(|ticket| ticket.get("id").and_then(decode::number)).max().map(TicketId))
    }

    /// The thread's side conversation on a ticket, and those of its entries that were said elsewhere before.
    async fn thread_on(
        &self,
        call: &Call<'_>,
        said: &[SideConversationEvent],
        ticket_id: TicketId,
    ) -> Result<Option<Found>, CallError> {
        if call.thread.starting().is_some() {
            return Ok(None);
        }
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
