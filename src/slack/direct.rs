//! Direct messages: the assignee of a ticket is told of answers.

use serde_json::{Value, json};
use slack_morphism::SlackMessageContent;
use slack_morphism::api::SlackApiChatUpdateRequest;

use super::acts::Post;
use super::client::SlackClient;
use super::decode::text;
use super::errors::SlackError;
use super::people::read_profile;
use crate::bridge::event::{Assignee, Standing};
use crate::bridge::ids::{ChannelId, SlackUserId, Ts};
use crate::bridge::news::News;
use crate::bridge::{Answer, notice};
use crate::engine::outside::{Call, CallError};

/// Slack's words for "nobody whom the app may know".
const NOBODY: &[&str] = &["users_not_found", "user_not_found", "user_not_visible", "enterprise_is_restricted"];

impl SlackClient {
    /// The full member of the workspace who has this address.
    ///
    /// # Errors
    /// Slack did not say: ask again later.
    pub async fn member_by_email(&self, email: &str) -> Result<Option<Assignee>, CallError> {
        let team_id = self.house()?.identity.team_id.clone();
        let answer: Value = match self.get("users.lookupByEmail", &[("email", email)]).await {
            Ok(answer) => answer,
            // Slack has several words for "nobody whom the app may know".
            Err(SlackError::Code(code)) if NOBODY.contains(&code.as_str()) => return Ok(None),
            Err(error) => return Err(error.of_a_read()),
        };
        let user = &answer["user"];
        let Some(id) = text(user, "id").map(SlackUserId::new) else { return Ok(None) };
        let offset_secs = user["tz_offset"].as_i64().and_then(|secs| i32::try_from(secs).ok()).unwrap_or(0);
        let member = read_profile(user, &id, &team_id).person.standing == Standing::Member;
        Ok(member.then_some(Assignee { user: id, offset_secs }))
    }

    /// Tells somebody by a direct message; one that stands there says it in their place.
    pub(super) async fn notify(
        &self,
        call: &Call<'_>,
        user: &SlackUserId,
        news: &[News],
        message: Option<&Ts>,
    ) -> Result<Answer, CallError> {
        let channel = self.direct(user).await?;
        let text = notice::answered(news, &self.house()?.zendesk_url);
        if let Some(ts) = message {
            let content = SlackMessageContent::new().with_text(text.clone());
            let request = SlackApiChatUpdateRequest::new(channel.as_str().into(), content, ts.as_str().into());
            match self.post::<_, Value>("chat.update", &request).await {
                Ok(_) => return Ok(Answer::Posted { channel, ts: ts.clone() }),
                Err(SlackError::Code(code)) if code == "message_not_found" => {}
                Err(error) => return Err(error.into_call_error()),
            }
        }
        let post = Post { channel, thread_ts: None, author: None, text, blocks: None };
        self.say(call, post).await.map_err(SlackError::into_call_error)
    }

    /// Where the app and somebody talk to each other.
    pub(super) async fn direct(&self, user: &SlackUserId) -> Result<ChannelId, CallError> {
        let asked: Result<Value, SlackError> = self.post("conversations.open", &json!({"users": user.as_str()})).await;
        match asked {
            Ok(answer) => text(&answer["channel"], "id")
                .map(ChannelId::new)
                .ok_or_else(|| CallError::Later { after: None, problem: "the answer names no channel".to_owned() }),
            // Whoever installed an older manifest must not lose the whole bridge for want of this.
            Err(SlackError::Code(code)) if code == "missing_scope" => {
                Err(CallError::Refused { reason: notice::may_not_write_directly() })
            }
            Err(error) => Err(error.of_a_read()),
        }
    }
}
