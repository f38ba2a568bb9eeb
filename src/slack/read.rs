//! Reads threads back, for what no event told.

use serde_json::Value;

use super::client::SlackClient;
use super::decode::{self, Inbound};
use super::errors::SlackError;
use crate::bridge::ids::{ChannelId, Ts};
use crate::engine::outside::{CallError, ReadChannel, ReadThread};

/// How many messages a page holds at most; Slack takes up to 999.
const PAGE: &str = "200";

impl SlackClient {
    /// A page of the threads whose parents stand in a channel from `oldest` on (a `ts`), each with its newest reply.
    ///
    /// # Errors
    /// As [`CallError`] says; nothing was changed.
    pub async fn read_channel(&self, channel: &ChannelId, oldest: &str, page: &str) -> Result<ReadChannel, CallError> {
        let parameters = [("channel", channel.as_str()), ("oldest", oldest), ("inclusive", "true"), ("limit", PAGE)];
        let (messages, next) = self.page("conversations.history", &parameters, page).await?;
        let ts = |message: &Value, key: &str| message[key].as_str().and_then(|ts| ts.parse::<Ts>().ok());
        let threads = messages.iter().filter_map(|m| Some((ts(m, "ts")?, ts(m, "latest_reply")?))).collect();
        Ok(ReadChannel { threads, next })
    }

    /// A page of the messages of a thread from `from` on (a `ts`), as deliveries of them would have been read.
    ///
    /// # Errors
    /// As [`CallError`] says; nothing was changed.
    pub async fn read_replies(
        &self,
        channel: &ChannelId,
        thread_ts: &Ts,
        from: &str,
        page: &str,
    ) -> Result<ReadThread, CallError> {
        let identity = &self.house()?.identity;
        let parameters = [
            ("channel", channel.as_str()),
            ("ts", thread_ts.as_str()),
            ("oldest", from),
            ("inclusive", "true"),
            ("limit", PAGE),
        ];
        let (messages, next) = self.page("conversations.replies", &parameters, page).await?;
        let mut read = ReadThread { next, ..ReadThread::default() };
        for mut message in messages {
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
                Inbound::NotMirrored(_)
                | Inbound::Challenge(_)
                | Inbound::ChannelMoved { .. }
                | Inbound::ChannelChanged { .. }
                | Inbound::ChannelShared(_)
                | Inbound::PersonChanged(_)
                | Inbound::Chosen { .. }
                | Inbound::OfStart { .. }
                | Inbound::Shortcut { .. }
                | Inbound::HomeOpened(_) => {}
            }
        }
        Ok(read)
    }

    async fn page(
        &self,
        method: &str,
        parameters: &[(&str, &str)],
        page: &str,
    ) -> Result<(Vec<Value>, Option<String>), CallError> {
        let mut parameters = parameters.to_vec();
        if !page.is_empty() {
            parameters.push(("cursor", page));
        }
        let mut answer: Value = self.get(method, &parameters).await.map_err(SlackError::of_a_read)?;
        let messages = match answer["messages"].take() {
            Value::Array(messages) => messages,
            _ => Vec::new(),
        };
        let next = answer["response_metadata"]["next_cursor"].as_str().filter(|next| !next.is_empty());
        Ok((messages, next.map(str::to_owned)))
    }
}
