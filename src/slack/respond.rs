//! Answers to a command or a pressed button by its `response_url`, which lives half an hour and is never stored.
//!
//! What Slack documents: at most five uses in thirty minutes, in any channel, also where the app is not in it.
//! <https://docs.slack.dev/interactivity/handling-user-interaction#message_responses>

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;
use serde_json::Value;
use url::Url;

use super::client::SlackClient;
use crate::wire::WireError;

/// How long an address is used, in milliseconds: a minute less than Slack keeps it.
const LIVES_MS: i64 = 29 * 60 * 1000;

/// Where those are answered whose command or form began something, by what it began, and until when (milliseconds since
/// 1970).
#[derive(Default)]
pub struct Doors(Mutex<HashMap<String, (Url, i64)>>);

impl Doors {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Url, i64)>> {
        self.0.lock().expect("the lock of the response addresses is never poisoned")
    }
}

impl SlackClient {
    /// Remembers where to answer whoever began something, for as long as Slack takes answers there; forgets it without an
    /// address.
    pub fn answer_at(&self, what: &str, response_url: Option<Url>) {
        let now = self.clock.now_ms();
        let mut doors = self.doors.lock();
        doors.retain(|_, (_, until)| *until > now);
        match response_url {
            Some(url) => doors.insert(what.to_owned(), (url, now + LIVES_MS)),
            None => doors.remove(what),
        };
    }

    /// Where to answer whoever began this, while that is possible.
    pub(super) fn door(&self, what: &str) -> Option<Url> {
        let now = self.clock.now_ms();
        self.doors.lock().get(what).filter(|(_, until)| *until > now).map(|(url, _)| url.clone())
    }

    /// The address, if it is Slack's: what is answered there goes nowhere else.
    pub fn response_url(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        let host = self.api_url.host_str()?;
        let of_slack = url.scheme() == "https" && url.host_str() == Some(format!("hooks.{host}").as_str());
        let beside_the_api = url.origin() == self.api_url.origin();
        (of_slack || beside_the_api).then_some(url)
    }

    /// Answers at a `response_url`.
    ///
    /// # Errors
    /// As for any request; an answer that Slack refuses counts as [`WireError::NotSent`].
    pub async fn respond(&self, url: &Url, answer: &Value) -> Result<(), WireError> {
        let request = http::Request::post(url.as_str())
            .header(http::header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Bytes::from(answer.to_string()))
            .map_err(|_| WireError::NotSent)?;
        let response = self.wire.send(request).await?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status if status.is_server_error() => Err(WireError::Broken),
            _ => Err(WireError::NotSent),
        }
    }
}
