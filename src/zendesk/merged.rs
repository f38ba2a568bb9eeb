//! Merged tickets: which one is left, and the side conversation that is begun on it.
//!
//! Zendesk keeps no field for that. The merge writes a last comment on the ticket that it closes, whose usual words name
//! the other one (`This request was closed and merged into request #456`) and which an agent may have worded otherwise, in
//! any language: so the first number after a `#` in it counts, if there is such a ticket. An older comment, be it a
//! customer's, says nothing of the merge: what counts was written when the ticket was closed. Side conversations stay on
//! the closed ticket, and nothing is known of merges that move them.

use serde_json::{Value, json};

use super::client::ZendeskClient;
use super::decode::{self, MARKER};
use super::tickets::now;
use super::transport::Failure;
use crate::bridge::Answer;
use crate::bridge::content::escape_html;
use crate::bridge::follow_up::ClosedTicket;
use crate::bridge::ids::TicketId;
use crate::bridge::notice;
use crate::engine::outside::{Call, CallError};

/// How long before the last change of a merged ticket the comment of the merge may have been written, in milliseconds.
const WITH_THE_MERGE_MS: i64 = 5 * 60 * 1000;
/// How often a ticket may have been merged on.
const MOST_MERGES: usize = 20;

/// A ticket and those into which it was merged, one after another.
pub(super) struct Chain {
    pub(super) tickets: Vec<TicketId>,
    /// The one that is left, if it is known.
    pub(super) left: Option<TicketId>,
}

impl ZendeskClient {
    /// Follows a ticket through its merges.
    ///
    /// # Errors
    /// As for any read.
    pub(super) async fn merge_chain(&self, from: TicketId) -> Result<Chain, CallError> {
        let mut chain = Chain { tickets: vec![from], left: None };
        let mut last = from;
        loop {
            let read = self.ticket_lately(last).await?;
            let is = now(&read);
            if !is.merged {
                break;
            }
            let named = self.named_by_merge(last, &read).await?;
            // A follow-up that Zendesk makes has the tags of its source, so it may have been closed by itself; and what
            // is written where it begins names the source, which is closed: nothing is merged into that. Nor is it into
            // one that was merged into this follow-up, which is written in both.
            if is.follows.is_some() {
                let Some(other) = named.filter(|named| Some(*named) != is.follows) else { break };
                if self.is_merged_into(other, last).await? {
                    break;
                }
            }
            let Some(next) = named.filter(|next| !chain.tickets.contains(next)) else { return Ok(chain) };
            match self.ticket_lately(next).await {
                Ok(_) if chain.tickets.len() < MOST_MERGES => {}
                Ok(_) | Err(CallError::Refused { .. } | CallError::Missing { .. }) => return Ok(chain),
                Err(other) => return Err(other),
            }
            chain.tickets.push(next);
            last = next;
        }
        chain.left = Some(last);
        Ok(chain)
    }

    /// Whether a ticket says that it was merged into this one.
    async fn is_merged_into(&self, ticket_id: TicketId, into: TicketId) -> Result<bool, CallError> {
        let read = match self.ticket_lately(ticket_id).await {
            Ok(read) => read,
            Err(CallError::Refused { .. } | CallError::Missing { .. }) => return Ok(false),
            Err(other) => return Err(other),
        };
        Ok(now(&read).merged && self.named_by_merge(ticket_id, &read).await? == Some(into))
    }

    /// What a read says of a ticket that takes no replies; nothing if it takes them.
    ///
    /// # Errors
    /// As for any read.
    pub(super) async fn closed(&self, ticket_id: TicketId, read: &Value) -> Result<Option<ClosedTicket>, CallError> {
        let is = now(read);
        if !is.merged {
            return Ok(is.closed.then_some(ClosedTicket::alone(ticket_id)));
        }
        Ok(Some(match self.merge_chain(ticket_id).await?.left {
            Some(left) if left == ticket_id => ClosedTicket::alone(ticket_id),
            left => ClosedTicket::by_merge(ticket_id, left),
        }))
    }

    /// The ticket that the comment of a merge names.
    async fn named_by_merge(&self, ticket_id: TicketId, read: &Value) -> Result<Option<TicketId>, CallError> {
        let ticket = ticket_id.to_string();
        let query = [("sort", "-created_at"), ("page[size]", "1")];
        let url = self.http.api(&["tickets", &ticket, "comments"], &query);
        let page = match self.http.get("GET tickets/{id}/comments", &url).await.map_err(Failure::of_a_read) {
            Ok(page) => page,
            Err(CallError::Refused { .. } | CallError::Missing { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        let Some(comment) = decode::rows(&page, "comments").first() else { return Ok(None) };
        let at = |of: &Value, key: &str| of.get(key).and_then(decode::time_ms);
        let (written, changed) = (at(comment, "created_at"), at(&read["ticket"], "updated_at"));
        if written.zip(changed).is_none_or(|(written, changed)| written < changed - WITH_THE_MERGE_MS) {
            return Ok(None);
        }
        let text = ["plain_body", "body"].iter().find_map(|key| comment.get(*key).and_then(decode::text));
        Ok(text.and_then(|text| first_number(&text)).map(TicketId).filter(|found| *found != ticket_id))
    }

    /// Begins a side conversation on the ticket that is left, with the people of the thread's own.
    ///
    /// # Errors
    /// After `Unknown` the caller must look for it before it repeats.
    pub async fn continue_on(
        &self,
        call: &Call<'_>,
        ticket_id: TicketId,
        name: &str,
        thread_url: &str,
    ) -> Result<Answer, CallError> {
        let chain = self.merge_chain(ticket_id).await?;
        let Some(left) = chain.left else {
            let last = chain.tickets.last().copied().unwrap_or(ticket_id);
            return Ok(Answer::TicketClosed(ClosedTicket::by_merge(last, None)));
        };
        let old = call.thread.ticket_id;
        let old_url = self.ticket_url(old);
        let link = |url: &str, text: &str| format!("<a href=\"{}\">{}</a>", escape_html(url), escape_html(text));
        let html = notice::begins_after_merge(
            &escape_html(name),
            &escape_html(&call.thread.subject),
            &link(&old_url, &format!("ticket #{old}")),
            &link(thread_url, "a thread in Slack"),
        );
        let text = notice::begins_after_merge(
            name,
            &call.thread.subject,
            &format!("ticket #{old} ({old_url})"),
            &format!("a thread in Slack ({thread_url})"),
        );
        let message =
            json!({"body": text, "html_body": format!("<p>{html}</p>"), "external_ids": {MARKER: call.marker()}});
        self.send(call, message, Some(left)).await
    }

    /// Looks for the side conversation that a doubtful call may have begun: on the ticket that the button named, and on
    /// those into which that was merged.
    ///
    /// # Errors
    /// As for any read.
    pub async fn find_continued(&self, call: &Call<'_>, ticket_id: TicketId) -> Result<Option<Answer>, CallError> {
        for ticket_id in self.merge_chain(ticket_id).await?.tickets {
            if let Some(found) = self.find_begun(call, ticket_id).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The first number after a `#`.
fn first_number(text: &str) -> Option<i64> {
    text.split('#').skip(1).find_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_of_a_comment_names_the_ticket() {
        let usual = "This request was closed and merged into request #456 \"Scanner #2\".";
        assert_eq!(first_number(usual), Some(456));
        assert_eq!(first_number("Diese Anfrage wurde mit der Anfrage #7 zusammengeführt"), Some(7));
        assert_eq!(first_number("See #scanner, or # 12, or #13"), Some(13));
        for nothing in ["", "#", "merged into request 456", "#99999999999999999999"] {
            assert_eq!(first_number(nothing), None, "{nothing}");
        }
    }
}
