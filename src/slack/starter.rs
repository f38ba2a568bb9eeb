//! Whoever starts a side conversation is told what became of it: where they typed the command, seen by nobody else, while
//! that is possible; by a direct message after that.

use serde_json::json;

use super::acts::Post;
use super::client::SlackClient;
use super::errors::SlackError;
use super::views;
use crate::bridge::Answer;
use crate::bridge::event::ChannelProblem;
use crate::bridge::ids::{ChannelId, SlackUserId};
use crate::engine::outside::{Call, CallError};

impl SlackClient {
    /// Tells somebody what became of what they started.
    pub(super) async fn tell_starter(
        &self,
        call: &Call<'_>,
        user: &SlackUserId,
        text: &str,
        offers_follow_up: bool,
    ) -> Result<Answer, CallError> {
        let thread = call.thread.id.as_str();
        let blocks = offers_follow_up.then(|| views::offer(text, thread));
        if let Some(url) = self.door(thread) {
            let mut answer = json!({"response_type": "ephemeral", "replace_original": false, "text": text});
            if let Some(blocks) = &blocks {
                answer["blocks"].clone_from(blocks);
            }
            match self.respond(&url, &answer).await {
                Ok(()) => return Ok(Answer::Done),
                // Better told twice than not at all.
                Err(error) => {
                    tracing::info!(error = %error, "a command could not be answered where it was typed; its writer gets a direct message");
                    self.answer_at(thread, None);
                }
            }
        }
        let channel = self.direct(user).await?;
        let blocks = blocks.and_then(|blocks| serde_json::from_value(blocks).ok());
        let post = Post { channel, thread_ts: None, author: None, text: text.to_owned(), blocks };
        self.say(call, post).await.map_err(SlackError::into_call_error)
    }

    /// Why the app cannot post in a channel, if it cannot. Nothing changes: a public channel is joined later.
    ///
    /// # Errors
    /// As for any read.
    pub async fn problem_of(&self, channel: &ChannelId) -> Result<Option<ChannelProblem>, CallError> {
        match self.look_at(channel).await {
            Ok(problem) => Ok(problem),
            Err(error) => match error.channel_problem() {
                Some(problem) => Ok(Some(problem)),
                None => Err(error.of_a_read()),
            },
        }
    }
}
