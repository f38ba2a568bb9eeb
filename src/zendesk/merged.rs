//! Merged tickets: which one is left, and the side conversation that is begun on it.
//!
//! Zendesk keeps no field for that. The merge writes a last comment on the ticket that it closes, whose usual words name
//! the other one (`This request was closed and merged into request #456`) and which an agent may have worded otherwise, in
//! any language: so the first number after a `#` in it counts, if there is such a ticket. Side conversations stay on the
//! closed ticket, and nothing is known of merges that move them.

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
        while now(&*self.ticket_lately(last).await?).merged {
            let named = self.named_by_merge(last).await?;
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

    /// What a read says of a ticket that takes no replies; nothing if it takes them.
    ///
    /// # Errors
    /// As for any read.
    pub(super) async fn closed(&self, ticket_id: TicketId, read: &Value) -> Result<Option<ClosedTicket>, CallError> {
        let is = now(read);
        Ok(match (is.closed, is.merged) {
            (false, _) => None,
            (true, false) => Some(ClosedTicket::alone(ticket_id)),
            (true, true) => Some(ClosedTicket::by_merge(ticket_id, self.merge_chain(ticket_id).await?.left)),
        })
    }

    /// The ticket that the comment of a merge names.
    async fn named_by_merge(&self, ticket_id: TicketId) -> Result<Option<TicketId>, CallError> {
        let ticket = ticket_id.to_string();
        let query = [("sort", "-created_at"), ("page[size]", "1")];
        let url = self.http.api(&["tickets", &ticket, "comments"], &query);
        let page = match self.http.get("GET tickets/{id}/comments", &url).await.map_err(Failure::of_a_read) {
            Ok(page) => page,
            Err(CallError::Refused { .. } | CallError::Missing { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        // A closed ticket takes no comments, so the last one is that of the merge.
        let Some(comment) = decode::rows(&page, "comments").first() else { return Ok(None) };
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
