//! The acts that are done to Slack, and how each is found again.
//!
//! A post carries its marker in `metadata.event_payload.k`; Slack has no documented key against doubles. Where an
//! answer was lost the thread (or, for a card, the channel) is read back with its metadata.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use slack_morphism::api::{
    SlackApiChatPostEphemeralRequest, SlackApiChatPostMessageRequest, SlackApiChatUpdateRequest,
};
use slack_morphism::blocks::SlackBlock;
use slack_morphism::{SlackMessageContent, SlackMessageMetadata};

use super::blocks::{self, Under};
use super::client::SlackClient;
use super::errors::SlackError;
use crate::bridge::event::ChannelProblem;
use crate::bridge::ids::{ChannelId, Ts};
use crate::bridge::route::ChannelRef;
use crate::bridge::thread::{says_its_time, time};
use crate::bridge::{Act, Answer, EffectId, Place, news, notice};
use crate::engine::outside::{Call, CallError};

const EVENT_TYPE: &str = "sidethread";
/// How long before the first attempt a search begins, in seconds: the clocks may differ.
const SEARCH_BEFORE_SECS: i64 = 120;
/// How soon a card is looked for again in a channel that cannot be read.
const OUT_OF_SIGHT: Duration = Duration::from_secs(60);
/// The longest author's name that Slack shows.
const NAME_LIMIT: usize = 80;

#[derive(Deserialize)]
struct Posted {
    channel: String,
    ts: String,
}

pub(super) struct Post {
    pub(super) channel: ChannelId,
    pub(super) thread_ts: Option<Ts>,
    pub(super) author: Option<String>,
    pub(super) text: String,
    pub(super) blocks: Option<Vec<SlackBlock>>,
}

impl SlackClient {
    /// Does an act, once.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn perform(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        match &call.effect.act {
            Act::OpenChannel { channel, shared } => match self.open_channel(channel, *shared).await {
                Ok(Ok(channel)) => Ok(Answer::ChannelOpen { channel }),
                Ok(Err(problem)) => Ok(Answer::ChannelClosed(problem)),
                Err(error) => Err(error.of_a_read()),
            },
            Act::PostCard => self.post_card(call).await,
            Act::UpdateCard => self.update_card(call).await,
            Act::Post { .. } => {
                let (channel, ts) = link(call)?;
                if let Some(closed) = self.closed_if_shared(call, &channel).await? {
                    return Ok(closed);
                }
                let Said { author, text, blocks } = said(call, self.clock.now_ms());
                let author = Some(shown_name(&author));
                let post = Post { channel, thread_ts: Some(ts), author, text, blocks };
                self.say(call, post).await.or_else(unreachable)
            }
            Act::Tell { text, reopen, retry, continue_on } => {
                let (channel, ts) = link(call)?;
                if let Some(closed) = self.closed_if_shared(call, &channel).await? {
                    return Ok(closed);
                }
                let under = match (continue_on, reopen) {
                    (Some(ticket_id), _) => Under::ContinueOn(*ticket_id),
                    (None, true) => Under::Reopen,
                    (None, false) => Under::retry(retry.as_ref()),
                };
                let blocks = Some(blocks::notice(call.thread, text, under));
                let post = Post { channel, thread_ts: Some(ts), author: None, text: text.clone(), blocks };
                self.say(call, post).await.or_else(unreachable)
            }
            Act::ChangeTell { ts, text, retry } => self.change_tell(call, ts, text, retry.as_ref()).await,
            Act::TakeBack { ts, text } => self.take_back(call, ts, text).await,
            Act::TellOperator { text } => {
                let channel = self.operator_channel().await?;
                let post = Post { channel, thread_ts: None, author: None, text: text.clone(), blocks: None };
                self.say(call, post).await.map_err(SlackError::into_call_error)
            }
            Act::Notify { user, news, told, message } => {
                let news = news::gathered(told.iter().chain(news).cloned());
                self.notify(call, user, &news, message.as_ref()).await
            }
            Act::Whisper { user, text } => {
                let channel = match &call.thread.place {
                    Place::Posting { channel } => channel.clone(),
                    _ => link(call)?.0,
                };
                let content = SlackMessageContent::new().with_text(text.clone());
                let request =
                    SlackApiChatPostEphemeralRequest::new(channel.as_str().into(), user.as_str().into(), content);
                let sent: Result<Value, SlackError> = self.post("chat.postEphemeral", &request).await;
                sent.map(|_| Answer::Done).map_err(SlackError::into_call_error)
            }
            Act::TellStarter { user, text, offers_follow_up } => {
                self.tell_starter(call, user, text, *offers_follow_up).await
            }
            Act::AskWho { press } => Ok(Answer::Person(self.profile_for_rights(&press.user).await?.person)),
            Act::ReadTicket { .. }
            | Act::Reply(_)
            | Act::SetState { .. }
            | Act::SeekFollowUp { .. }
            | Act::FollowUp { .. }
            | Act::ContinueOn { .. }
            | Act::LookForStart { .. }
            | Act::CreateSideConversation(_)
            | Act::Note { .. }
            | Act::SetTicket { .. }
            | Act::ReadSaid
            | Act::FindAssignee => Err(CallError::Refused { reason: "this is not Slack's to do.".to_owned() }),
        }
    }

    /// Looks for posts by their markers; several are of one thread.
    ///
    /// # Errors
    /// As [`CallError`] says; nothing was changed.
    pub async fn find(&self, calls: &[Call<'_>]) -> Result<Vec<Option<Answer>>, CallError> {
        let Some(call) = calls.first() else { return Ok(Vec::new()) };
        let (method, channel, ts) = match &call.effect.act {
            Act::PostCard => ("conversations.history", card_channel(call)?, None),
            Act::TellOperator { .. } => ("conversations.history", self.operator_channel().await?, None),
            Act::Notify { user, message: None, .. } | Act::TellStarter { user, .. } => {
                ("conversations.history", self.direct(user).await?, None)
            }
            Act::Post { .. } | Act::Tell { .. } => {
                let (channel, ts) = link(call)?;
                ("conversations.replies", channel, Some(ts))
            }
            _ => return Ok(vec![None]),
        };
        // A thread has one card, whichever try it was.
        let card = matches!(call.effect.act, Act::PostCard).then(|| format!("{}/card", call.thread.id));
        let is_it = |call: &Call<'_>, key: &str| match &card {
            Some(card) => key.strip_prefix(card).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')),
            None => call.is_marked(key),
        };
        let first_attempt_ms = calls.iter().map(|call| call.first_attempt_ms).min().unwrap_or(call.first_attempt_ms);
        let oldest = format!("{}.000000", first_attempt_ms.div_euclid(1000) - SEARCH_BEFORE_SECS);
        let mut found: Vec<Option<Answer>> = calls.iter().map(|_| None).collect();
        let mut cursor = String::new();
        loop {
            let mut parameters = vec![
                ("channel", channel.as_str()),
                ("oldest", oldest.as_str()),
                ("include_all_metadata", "true"),
                ("limit", "200"),
            ];
            if let Some(ts) = &ts {
                parameters.push(("ts", ts.as_str()));
            }
            if !cursor.is_empty() {
                parameters.push(("cursor", &cursor));
            }
            let page: Value = match self.get(method, &parameters).await {
                Ok(page) => page,
                Err(error) if card.is_some() && error.channel_problem().is_some() => {
                    return Err(self.out_of_sight(&channel).await);
                }
                Err(error) => return Err(error.of_a_read()),
            };
            let messages = page["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
            for message in messages {
                let key = message["metadata"]["event_payload"]["k"].as_str();
                let ts = message["ts"].as_str().and_then(|ts| ts.parse::<Ts>().ok());
                let (Some(key), Some(ts)) = (key, ts) else { continue };
                for (call, answer) in calls.iter().zip(&mut found) {
                    if answer.is_none() && is_it(call, key) {
                        *answer = Some(Answer::Posted { channel: channel.clone(), ts: ts.clone() });
                    }
                }
            }
            cursor = page["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_owned();
            if cursor.is_empty() || found.iter().all(Option::is_some) {
                return Ok(found);
            }
        }
    }

    /// A card that may stand where the app cannot look is not posted anew, for answers to the first would be lost: it is
    /// looked for once the channel can be read again. A public one is joined.
    async fn out_of_sight(&self, channel: &ChannelId) -> CallError {
        match self.open_channel(&ChannelRef::Id(channel.clone()), true).await {
            Ok(_) => CallError::Elsewhere { after: OUT_OF_SIGHT, problem: "its channel cannot be read".to_owned() },
            Err(error) => error.of_a_read(),
        }
    }

    async fn post_card(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let channel = card_channel(call)?;
        let card = call.card.ok_or_else(no_card)?;
        match self.is_shared_outside(&channel).await {
            Ok(shared) if shared && !allows_shared(call) => return Ok(Answer::ChannelClosed(ChannelProblem::Shared)),
            Ok(_) => {}
            Err(error) => {
                return match error.channel_problem() {
                    Some(problem) => Ok(Answer::ChannelClosed(problem)),
                    None => Err(error.of_a_read()),
                };
            }
        }
        let (text, blocks) = blocks::card(call.thread, card, &self.ticket_url(call)?);
        let post = Post { channel, thread_ts: None, author: None, text, blocks: Some(blocks) };
        match self.say(call, post).await {
            Ok(answer) => Ok(answer),
            Err(error) => match error.channel_problem() {
                Some(problem) => Ok(Answer::ChannelClosed(problem)),
                None => Err(error.into_call_error()),
            },
        }
    }

    async fn update_card(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let (channel, ts) = link(call)?;
        if let Some(closed) = self.closed_if_shared(call, &channel).await? {
            return Ok(closed);
        }
        let card = call.card.ok_or_else(no_card)?;
        let (text, blocks) = blocks::card(call.thread, card, &self.ticket_url(call)?);
        let content = SlackMessageContent::new().with_text(text).with_blocks(blocks);
        let request = SlackApiChatUpdateRequest::new(channel.as_str().into(), content, ts.as_str().into());
        let updated: Result<Value, SlackError> = self.post("chat.update", &request).await;
        updated.map(|_| Answer::Done).or_else(unreachable)
    }

    /// Changes a notice of the app's own; one that somebody deleted has nothing more to say.
    async fn change_tell(
        &self,
        call: &Call<'_>,
        ts: &Ts,
        text: &str,
        retry: Option<&EffectId>,
    ) -> Result<Answer, CallError> {
        let (channel, _) = link(call)?;
        if let Some(closed) = self.closed_if_shared(call, &channel).await? {
            return Ok(closed);
        }
        let blocks = blocks::notice(call.thread, text, Under::retry(retry));
        let content = SlackMessageContent::new().with_text(text.to_owned()).with_blocks(blocks);
        let request = SlackApiChatUpdateRequest::new(channel.as_str().into(), content, ts.as_str().into());
        match self.post::<_, Value>("chat.update", &request).await {
            Ok(_) => Ok(Answer::Done),
            Err(SlackError::Code(code)) if code == "message_not_found" => Ok(Answer::Done),
            Err(error) => unreachable(error),
        }
    }

    /// Deletes a notice of the app's own; where Slack does not let it, it says something else.
    async fn take_back(&self, call: &Call<'_>, ts: &Ts, text: &str) -> Result<Answer, CallError> {
        let (channel, _) = link(call)?;
        let request = serde_json::json!({"channel": channel.as_str(), "ts": ts.as_str()});
        let deleted = self.post::<_, Value>("chat.delete", &request).await;
        match deleted.map(|_| Answer::Done).or_else(unreachable) {
            Ok(answer) => Ok(answer),
            Err(CallError::Refused { .. } | CallError::Missing { .. }) => self.change_tell(call, ts, text, None).await,
            Err(error) => Err(error),
        }
    }

    /// A channel may be opened to another firm after its thread was made; what agents say and what becomes of the ticket
    /// then stays out of it.
    async fn closed_if_shared(&self, call: &Call<'_>, channel: &ChannelId) -> Result<Option<Answer>, CallError> {
        if allows_shared(call) {
            return Ok(None);
        }
        match self.is_shared_outside(channel).await {
            Ok(shared) => Ok(shared.then_some(Answer::Unreachable(ChannelProblem::Shared))),
            Err(error) => match error.channel_problem() {
                Some(problem) => Ok(Some(Answer::Unreachable(problem))),
                None => Err(error.of_a_read()),
            },
        }
    }

    pub(super) async fn say(&self, call: &Call<'_>, post: Post) -> Result<Answer, SlackError> {
        let payload = HashMap::from([("k".to_owned(), call.marker())]);
        let metadata = SlackMessageMetadata::new(EVENT_TYPE.to_owned()).with_event_payload(payload);
        let content = SlackMessageContent::new().with_text(post.text).opt_blocks(post.blocks).with_metadata(metadata);
        let request = SlackApiChatPostMessageRequest::new(post.channel.as_str().into(), content)
            .opt_thread_ts(post.thread_ts.map(|ts| ts.as_str().into()))
            .opt_username(post.author)
            .with_unfurl_links(false)
            .with_unfurl_media(false)
            .with_link_names(false);
        let posted: Posted = self.post("chat.postMessage", &request).await?;
        let ts = posted
            .ts
            .parse()
            .map_err(|_| SlackError::Call(CallError::Unknown { problem: "Slack's ts does not read".to_owned() }))?;
        Ok(Answer::Posted { channel: ChannelId::new(posted.channel), ts })
    }

    async fn operator_channel(&self) -> Result<ChannelId, CallError> {
        let Some(channel) = &self.house()?.operator_channel else {
            return Err(CallError::Refused { reason: "the settings name no channel for the operator.".to_owned() });
        };
        match self.open_channel(channel, false).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(problem)) => Err(SlackError::Channel(problem).into_call_error()),
            Err(error) => Err(error.of_a_read()),
        }
    }

    fn ticket_url(&self, call: &Call<'_>) -> Result<String, CallError> {
        Ok(ticket_url(&self.house()?.zendesk_url, call.thread.ticket_id.0))
    }
}

/// What is posted, and under whose name.
struct Said {
    author: String,
    text: String,
    /// Where several people speak in one post: each name in a block of a kind that no message holds, so that nobody writes
    /// under another's.
    blocks: Option<Vec<SlackBlock>>,
}

/// One message, or several that travel together.
fn said(call: &Call<'_>, now_ms: i64) -> Said {
    if let (Act::Post { author, text, written_at_ms }, []) = (&call.effect.act, call.with) {
        let text = match written_at_ms {
            Some(at) if says_its_time(*at, now_ms) => {
                let (seconds, fallback) = time(*at);
                format!("{}\n{text}", notice::written_at(seconds, &fallback))
            }
            _ => text.clone(),
        };
        return Said { author: author.clone(), text, blocks: None };
    }
    let posts: Vec<(i64, &str, &str)> = call
        .effects()
        .filter_map(|effect| match &effect.act {
            Act::Post { author, text, .. } => Some((effect.order / 1000, author.as_str(), text.as_str())),
            _ => None,
        })
        .collect();
    let mut authors: Vec<String> = Vec::new();
    for (_, author, _) in &posts {
        if !authors.iter().any(|known| known == author) {
            authors.push((*author).to_owned());
        }
    }
    let several = authors.len() > 1;
    let mut before = None;
    let mut blocks = Vec::new();
    let texts = posts.iter().map(|(at_ms, author, text)| {
        // The parts of one message stand under one heading.
        if before.replace((*at_ms, *author)) == Some((*at_ms, *author)) {
            blocks.push(blocks::section((*text).to_owned()));
            return (*text).to_owned();
        }
        let (seconds, fallback) = time(*at_ms);
        blocks.push(blocks::context(notice::over_words(author, seconds, &fallback)));
        blocks.push(blocks::section((*text).to_owned()));
        notice::one_of_several(several.then_some(*author), seconds, &fallback, text)
    });
    let text = texts.collect::<Vec<_>>().join("\n\n");
    Said { author: notice::several_authors(&authors), text, blocks: several.then_some(blocks) }
}

/// A ticket's address for people.
pub fn ticket_url(zendesk_url: &str, ticket_id: i64) -> String {
    format!("{zendesk_url}/agent/tickets/{ticket_id}")
}

fn allows_shared(call: &Call<'_>) -> bool {
    call.thread.target.as_ref().is_some_and(|target| target.shared)
}

fn link(call: &Call<'_>) -> Result<(ChannelId, Ts), CallError> {
    match call.thread.link() {
        Some((channel, ts)) => Ok((channel.clone(), ts.clone())),
        None => Err(CallError::Refused { reason: "the thread does not stand in Slack.".to_owned() }),
    }
}

fn card_channel(call: &Call<'_>) -> Result<ChannelId, CallError> {
    match &call.thread.place {
        Place::Posting { channel } => Ok(channel.clone()),
        _ => Err(SlackError::Channel(ChannelProblem::NotFound).into_call_error()),
    }
}

/// A thread whose channel takes no posts is out of reach; its posts wait.
fn unreachable(error: SlackError) -> Result<Answer, CallError> {
    match error.channel_problem() {
        Some(problem) => Ok(Answer::Unreachable(problem)),
        None => Err(error.into_call_error()),
    }
}

fn no_card() -> CallError {
    CallError::Refused { reason: "the card was not stored.".to_owned() }
}

/// A name from outside as Slack takes it: one line, not empty, not too long.
fn shown_name(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    name.chars().take(NAME_LIMIT).collect()
}
