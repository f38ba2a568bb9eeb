//! What the settings want done to a ticket when its side conversation is asked or answered.
//!
//! The ticket is read first: what is so already is not written, and a closed ticket is left alone. The write says which
//! version was read, so that it never undoes what an agent changed in between.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Map, Value, json};

use super::client::ZendeskClient;
use super::decode;
use super::transport::Failure;
use crate::bridge::Answer;
use crate::bridge::rules::TicketChange;
use crate::engine::outside::{Call, CallError};

impl ZendeskClient {
    /// Changes the ticket, if it is open to changes and not so already.
    ///
    /// # Errors
    /// `Unknown` may simply be repeated: the ticket is read anew. `Later` also when somebody changed it in between.
    pub async fn change_ticket(&self, call: &Call<'_>, change: &TicketChange) -> Result<Answer, CallError> {
        let ticket = call.thread.ticket_id.to_string();
        let Some(patch) = self.patch(&ticket, change).await? else { return Ok(Answer::Done) };
        let url = self.http.api(&["tickets", &ticket], &[]);
        let body = json!({ "ticket": patch });
        match self.http.send("PUT tickets/{id}", Method::PUT, &url, Some(&body)).await {
            Ok(_) => Ok(Answer::Done),
            // It may have been closed since it was read.
            Err(failure) if failure.is_of_content() => match self.patch(&ticket, change).await? {
                None => Ok(Answer::Done),
                Some(_) => Err(failure.error),
            },
            Err(failure) => Err(failure.error),
        }
    }

    /// What has to be written; `None` if the ticket is so already, or closed.
    async fn patch(&self, ticket: &str, change: &TicketChange) -> Result<Option<Value>, CallError> {
        let url = self.http.api(&["tickets", ticket], &[]);
        let answer = self.http.get("GET tickets/{id}", &url).await.map_err(Failure::of_a_read)?;
        Ok(patch(&answer["ticket"], change))
    }
}

fn patch(ticket: &Value, change: &TicketChange) -> Option<Value> {
    let status = ticket.get("status").and_then(decode::text).unwrap_or_default().to_lowercase();
    if status == "closed" {
        return None;
    }
    let mut patch = Map::new();
    if let Some(wanted) = change.status.as_ref().filter(|wanted| **wanted != status) {
        patch.insert("status".into(), json!(wanted));
    }
    let tags: BTreeSet<String> = decode::rows(ticket, "tags").iter().filter_map(decode::text).collect();
    let mut wanted = tags.clone();
    wanted.extend(change.tags_add.iter().cloned());
    wanted.retain(|tag| !change.tags_remove.contains(tag));
    if wanted != tags {
        patch.insert("tags".into(), json!(wanted));
    }
    if patch.is_empty() {
        return None;
    }
    if let Some(stamp) = ticket.get("updated_at").and_then(decode::text) {
        patch.insert("updated_stamp".into(), json!(stamp));
        patch.insert("safe_update".into(), json!(true));
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(status: Option<&str>, add: &[&str], remove: &[&str]) -> TicketChange {
        let all = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
        TicketChange { status: status.map(str::to_owned), tags_add: all(add), tags_remove: all(remove) }
    }

    #[test]
    fn only_what_differs_is_written_and_closed_tickets_are_left_alone() {
        let ticket = json!({"status": "open", "tags": ["b", "a"], "updated_at": "2026-11-22T10:00:00Z"});
        assert_eq!(patch(&ticket, &change(Some("open"), &["a"], &["x"])), None);
        let hold = patch(&ticket, &change(Some("hold"), &["c"], &["b"])).unwrap();
        assert_eq!(
            hold,
            json!({"status": "hold", "tags": ["a", "c"], "safe_update": true, "updated_stamp": "2026-11-22T10:00:00Z"})
        );
        assert_eq!(patch(&json!({"status": "closed", "tags": []}), &change(Some("hold"), &[], &[])), None);
        let bare = patch(&json!({"status": "Open", "tags": null}), &change(None, &["c"], &[])).unwrap();
        assert_eq!(bare, json!({"tags": ["c"]}));
    }
}
