//! `/side-convo`. It is answered within Slack's three seconds, by what is known here; what takes longer is stored first and
//! does its work afterwards.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::slack::{in_thread, signed};
use super::{Front, Ready};
use crate::bridge::command::{self, Command, Listing, Which};
use crate::bridge::content::Doc;
use crate::bridge::event::{Asks, Press, State as Is, What};
use crate::bridge::ids::{ChannelId, TicketId, Ts};
use crate::bridge::notice;
use crate::bridge::permit::{Action, Kind, permit};
use crate::bridge::start::{StartAsked, thread_id};
use crate::engine::intake::{Parent, Taken};
use crate::slack::acts::ticket_url;
use crate::slack::interactive::{self, CommandCall};
use crate::slack::views::{self, Choice};
use crate::store::{LinkedThread, Listed, StoreError};

/// How many threads a list shows.
const LISTED: i64 = 20;
/// How many threads there are buttons for.
const CHOICES: i64 = 10;
/// How long Slack may take to say who somebody is: the command has three seconds.
const WHO: Duration = Duration::from_millis(1500);

pub(super) async fn commands(State(front): State<Front>, request: Request) -> Response {
    let (_, body) = match signed(&front, request).await {
        Ok(signed) => signed,
        Err(refused) => return refused,
    };
    let Some(ready) = front.ready.get() else { return only_for_you(&notice::is_starting()) };
    let Some(call) = interactive::command(&body, &ready.identity) else {
        front.metrics.not_mirrored("foreign");
        return StatusCode::OK.into_response();
    };
    let command = command::parse(&call.text, &front.zendesk_url);
    let answered = match command {
        Command::Help => Ok(only_for_you(&command::help())),
        Command::LinkMe => Ok(only_for_you(&notice::link_me())),
        Command::Mistake(mistake) => Ok(only_for_you(&command::say(&mistake))),
        Command::Start { ticket_id: None, .. } => Ok(only_for_you(&command::help())),
        Command::Start { ticket_id: Some(ticket_id), text } => start(&front, ready, &call, ticket_id, &text).await,
        Command::List(listing) => list(&front, ready, &call, listing).await,
        Command::SetState { state, which } => set_state(&front, ready, &call, state, which).await,
    };
    answered.unwrap_or_else(|error| {
        tracing::error!(error = %error, "a command could not be carried out");
        only_for_you(&notice::not_just_now())
    })
}

/// Stores what is to be started; whether it can be is found out afterwards.
async fn start(
    front: &Front,
    ready: &Ready,
    call: &CommandCall,
    ticket_id: TicketId,
    text: &str,
) -> Result<Response, StoreError> {
    let doc = Doc::from_slack(text, None, None);
    if doc.is_empty() {
        return Ok(only_for_you(&notice::what_to_ask(ticket_id)));
    }
    let asked = StartAsked {
        id: thread_id(&call.trigger_id),
        user: call.user.clone(),
        team: call.team.clone(),
        channel: call.channel.clone(),
        ticket_id,
        subject: None,
        doc,
    };
    // Before it is stored: what becomes of it may be known at once.
    let url = call.response_url.as_deref().and_then(|url| ready.slack.response_url(url));
    ready.slack.answer_at(asked.id.as_str(), url);
    let (engine, key) = (ready.engine.clone(), format!("command:{}", call.trigger_id));
    // In a task of its own: whoever asked may hang up at any moment, and what is begun here must come to its end.
    match tokio::spawn(async move { engine.take_start(key, asked).await }).await {
        Ok(Ok(_)) => Ok(only_for_you(&notice::starting(ticket_id, &ticket_url(&front.zendesk_url, ticket_id.0)))),
        Ok(Err(error)) => {
            tracing::error!(error = %error, "a side conversation could not be stored that somebody started");
            Ok(only_for_you(&notice::start_refused(&notice::not_just_now(), text)))
        }
        Err(_) => Ok(only_for_you(&notice::start_refused(&notice::not_just_now(), text))),
    }
}

async fn list(front: &Front, ready: &Ready, call: &CommandCall, listing: Listing) -> Result<Response, StoreError> {
    if let Some(refused) = may_not_list(front, call).await {
        return Ok(refused);
    }
    let channel = call.channel.as_str();
    let asked = match listing {
        Listing::Open => Listed::InChannel(channel, OPEN),
        Listing::Done => Listed::InChannel(channel, CLOSED),
        Listing::Mine => Listed::OpenOf(call.user.as_str()),
    };
    let (threads, count) = front.store.listed(asked, LISTED).await?;
    let shown: Vec<command::Listed> = threads.iter().map(|thread| listed(front, ready, thread, channel)).collect();
    Ok(only_for_you(&command::list(listing, &shown, count.saturating_sub(shown.len()))))
}

/// As the table has the two states.
const OPEN: &str = "open";
const CLOSED: &str = "closed";

async fn set_state(
    front: &Front,
    ready: &Ready,
    call: &CommandCall,
    state: Is,
    which: Which,
) -> Result<Response, StoreError> {
    if let Some(refused) = may_not_list(front, call).await {
        return Ok(refused);
    }
    let channel = call.channel.as_str();
    let before = match state {
        Is::Closed => OPEN,
        Is::Open => CLOSED,
    };
    let (asked, ticket) = match which {
        Which::Here => (Listed::InChannel(channel, before), None),
        Which::Ticket(ticket_id) => (Listed::OfTicket(ticket_id.0, channel, before), Some(ticket_id)),
        Which::Thread { channel, ts } => return set_state_there(ready, call, state, channel, ts).await,
    };
    let (threads, count) = front.store.listed(asked, CHOICES).await?;
    match threads.as_slice() {
        [] => Ok(only_for_you(&notice::none_to_set(state, ticket))),
        [one] => {
            let link = command::linked(&listed(front, ready, one, channel));
            let Some(ts) = one.thread_ts.parse().ok() else { return Ok(only_for_you(&notice::not_just_now())) };
            press(ready, call, state, ChannelId::new(one.channel_id.as_str()), ts, &link).await
        }
        several => {
            let question = notice::which_one(state, count.saturating_sub(several.len()));
            let choices: Vec<Choice> = several
                .iter()
                .map(|thread| {
                    let one = listed(front, ready, thread, channel);
                    Choice {
                        shown: format!("{} · <{}|ticket #{}>", command::linked(&one), one.ticket_url, one.ticket_id),
                        place: format!("{}:{}", thread.channel_id, thread.thread_ts),
                    }
                })
                .collect();
            Ok(ephemeral(json!({"text": question, "blocks": views::choose(&question, &choices, state)})))
        }
    }
}

async fn set_state_there(
    ready: &Ready,
    call: &CommandCall,
    state: Is,
    channel: ChannelId,
    ts: Ts,
) -> Result<Response, StoreError> {
    if channel != call.channel {
        return Ok(only_for_you(&notice::in_another_channel()));
    }
    if ready.engine.thread_at(&channel, &ts).await?.is_none() {
        return Ok(only_for_you(&notice::no_side_conversation_there()));
    }
    let link = format!("<{}|that thread>", ready.engine.address(channel.as_str(), ts.as_str()));
    press(ready, call, state, channel, ts, &link).await
}

/// Does what the button on the card does.
async fn press(
    ready: &Ready,
    call: &CommandCall,
    state: Is,
    channel: ChannelId,
    ts: Ts,
    link: &str,
) -> Result<Response, StoreError> {
    let what = What::Pressed(Press {
        user: call.user.clone(),
        team: call.team.clone(),
        channel: channel.clone(),
        action_ts: call.trigger_id.clone(),
        asks: Asks::State(state),
    });
    match in_thread(ready, format!("command:{}", call.trigger_id), channel, (ts, Parent::Unsaid), what).await {
        Some(Ok(Taken::NotOurs)) => Ok(only_for_you(&notice::no_side_conversation_there())),
        Some(Ok(_)) => Ok(only_for_you(&notice::setting_state(state, link))),
        Some(Err(error)) => Err(error),
        None => Ok(only_for_you(&notice::not_just_now())),
    }
}

/// Puts what is done in the place of the question which one was meant.
pub(super) fn was_chosen(ready: &Ready, state: Is, thread_url: &str, response_url: Option<&str>) {
    replace(ready, response_url, notice::setting_state(state, &format!("<{thread_url}|this one>")));
}

/// Puts a text in the place of a message with a button.
pub(super) fn replace(ready: &Ready, response_url: Option<&str>, text: String) {
    let Some(url) = response_url.and_then(|url| ready.slack.response_url(url)) else { return };
    let slack = ready.slack.clone();
    tokio::spawn(async move {
        let answer = json!({"replace_original": true, "text": text});
        if let Err(error) = slack.respond(&url, &answer).await {
            tracing::debug!(error = %error, "a message with a button that was pressed could not be replaced");
        }
    });
}

/// What somebody reads who may not see the side conversations of a channel, or of whom that is not known.
async fn may_not_list(front: &Front, call: &CommandCall) -> Option<Response> {
    let ready = front.ready.get()?;
    match tokio::time::timeout(WHO, ready.slack.profile(&call.user)).await {
        Ok(Ok(profile)) => {
            let permissions = &ready.engine.policy().permissions;
            let refusal = permit(permissions, Kind::of(&profile.person), Action::List).err()?;
            Some(only_for_you(&notice::refused(&refusal)))
        }
        Ok(Err(_)) | Err(_) => Some(only_for_you(&notice::who_are_you())),
    }
}

/// A thread as it is shown in `channel`: what it is about is shown only where its card stands.
fn listed(front: &Front, ready: &Ready, thread: &LinkedThread, channel: &str) -> command::Listed {
    command::Listed {
        subject: (thread.channel_id == channel).then(|| thread.subject.clone()),
        permalink: ready.engine.address(&thread.channel_id, &thread.thread_ts),
        ticket_url: ticket_url(&front.zendesk_url, thread.ticket_id),
        ticket_id: TicketId(thread.ticket_id),
    }
}

fn only_for_you(text: &str) -> Response {
    ephemeral(json!({ "text": text }))
}

fn ephemeral(mut answer: Value) -> Response {
    answer["response_type"] = json!("ephemeral");
    Json(answer).into_response()
}
