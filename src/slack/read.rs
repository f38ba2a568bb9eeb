//! Reads threads back, for what no event told.

use serde_json::Value;

use super::client::SlackClient;
use super::decode::{self, Inbound};
use super::errors::SlackError;
use crate::bridge::ids::{ChannelId, Ts};
use crate::engine::outside::{CallError, ReadThread};

/// How many messages a page holds at most; Slack takes up to 999.
const PAGE: &str = "200";

impl SlackClient {
    /// The threads whose parents stand in a channel from `oldest` on (a `ts`), each with its newest reply.
    ///
    /// # Errors
    /// As [`CallError`] says; nothing was changed.
    pub async fn read_channel(&self, channel: &ChannelId, oldest: &str) -> Result<Vec<(Ts, Ts)>, CallError> {
        let parameters = [("channel", channel.as_str()), ("oldest", oldest), ("inclusive", "true"), ("limit", PAGE)];
        let messages = self.all("conversations.history", &parameters).await?;
        let ts = |message: &Value, key: &str| message[key].as_str().and_then(|ts| ts.parse::<Ts>().ok());
        Ok(messages.iter().filter_map(|m| Some((ts(m, "ts")?, ts(m, "latest_reply")?))).collect())
    }

    /// The messages of a thread from `from` on (a `ts`), as deliveries of them would have been read.
    ///
    /// # Errors
    /// As [`CallError`] says; nothing was changed.
    pub async fn read_replies(&self, channel: &ChannelId, thread_ts: &Ts, from: &str) -> Result<ReadThread, CallError> {
        let identity = &self.house()?.identity;
        let parameters = [
            ("channel", channel.as_str()),
            ("ts", thread_ts.as_str()),
            ("oldest", from),
            ("inclusive", "true"),
            ("limit", PAGE),
        ];
        let mut read = ReadThread::default();
        for mut message in self.all("conversations.replies", &parameters).await? {
            let ts = message["ts"].as_str().and_then(|ts| ts.parse::<Ts>().ok());
            if ts > read.through {
                read.through = ts;
            }
            // A message of a read names no channel, as an event does.
            message["channel"] = channel.as_str().into();
            match decode::message(&Value::Null, &message, identity) {
                Inbound::InThread { key, what, .. } => read.messages.push((key, what)),
                Inbound::Unreadable { reason, .. } => {
                    tracing::warn!(slack.channel_id = %channel, reason, "a message of a bridged thread cannot be read");
                }
                Inbound::NotMirrored(_) | Inbound::Challenge(_) => {}
            }
        }
        Ok(read)
    }

    /// Every page. `conversations.replies` repeats the parent on each.
    async fn all(&self, method: &str, parameters: &[(&str, &str)]) -> Result<Vec<Value>, CallError> {
        let mut messages = Vec::new();
        let mut cursor = String::new();
        loop {
            let mut parameters = parameters.to_vec();
            if !cursor.is_empty() {
                parameters.push(("cursor", &cursor));
            }
            let mut page: Value = self.get(method, &parameters).await.map_err(SlackError::of_a_read)?;
            if let Value::Array(found) = page["messages"].take() {
                messages.extend(found);
            }
            cursor = page["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_owned();
            if cursor.is_empty() {
                return Ok(messages);
            }
        }
    }
}
