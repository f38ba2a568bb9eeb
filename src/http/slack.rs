//! Slack's addresses for events and for what is pressed; commands stand in `command`. A signed request is answered 200, whatever is in it, once what matters is stored.

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{Front, Ready, command};
use crate::bridge::event::What;
use crate::bridge::ids::{ChannelId, Ts};
use crate::bridge::notice;
use crate::engine::intake::{Parent, Taken};
use crate::slack::decode::{self, Inbound};
use crate::slack::interactive;
use crate::slack::verify::{self, Refusal};
use crate::slack::views;
use crate::store::StoreError;

pub(super) async fn events(State(front): State<Front>, request: Request) -> Response {
    let (headers, body) = match signed(&front, request).await {
        Ok(signed) => signed,
        Err(refused) => return refused,
    };
    let Some(ready) = front.ready.get() else {
        // Slack checks the address while the app is being set up, before the app can know itself.
        return match challenge(&body) {
            Some(challenge) => challenge.into_response(),
            None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        };
    };
    if let Some(retry) = headers.get("x-slack-retry-num").and_then(|n| n.to_str().ok()) {
        let reason = headers.get("x-slack-retry-reason").and_then(|r| r.to_str().ok()).unwrap_or_default();
        tracing::info!(slack.retry = retry, slack.retry_reason = reason, "Slack sends an event again");
        ready.engine.sent_again(retry.parse().unwrap_or(1));
    }
    let inbound = decode::event(&body, &ready.identity);
    // What another workspace's installation says of its channels counts for nothing here.
    if inbound != Inbound::NotMirrored("foreign")
        && let Some(channel) = decode::shared_channel(&body)
    {
        ready.engine.channel_is_shared(&channel);
    }
    take(&front, ready, inbound).await
}

pub(super) async fn interactions(State(front): State<Front>, request: Request) -> Response {
    let (_, body) = match signed(&front, request).await {
        Ok(signed) => signed,
        Err(refused) => return refused,
    };
    let Some(ready) = front.ready.get() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    take(&front, ready, interactive::interaction(&body, &ready.identity)).await
}

/// The headers and the body of a request, if Slack signed it.
pub(super) async fn signed(front: &Front, request: Request) -> Result<(HeaderMap, Bytes), Response> {
    let (parts, body) = request.into_parts();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let (timestamp, signature) = (header("x-slack-request-timestamp"), header("x-slack-signature"));
    let refuse = |refusal: Refusal| {
        front.metrics.not_mirrored("unsigned");
        front.refusals.tell("a request that claims to be Slack's was refused", &refusal);
        (StatusCode::UNAUTHORIZED, refusal.to_string()).into_response()
    };
    verify::head(timestamp, signature, front.clock.now_ms()).map_err(refuse)?;
    let body = front.unverified.read(&parts.headers, body).await.map_err(IntoResponse::into_response)?;
    front.slack_verifier.verify(timestamp, signature, &body, front.clock.now_ms()).map_err(refuse)?;
    Ok((parts.headers, body))
}

fn challenge(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    (body["type"] == "url_verification").then(|| body["challenge"].as_str().unwrap_or_default().to_owned())
}

async fn take(front: &Front, ready: &Ready, inbound: Inbound) -> Response {
    let taken = match inbound {
        Inbound::Challenge(challenge) => return challenge.into_response(),
        Inbound::NotMirrored(kind) => {
            front.metrics.not_mirrored(kind);
            if kind == "rate_limited" {
                ready.engine.missed("Slack sends too many events and leaves some out");
            }
            return StatusCode::OK.into_response();
        }
        Inbound::ChannelChanged { channel, name } => {
            front.metrics.not_mirrored("workspace");
            ready.engine.channel_changed(&channel, name.as_deref());
            return StatusCode::OK.into_response();
        }
        Inbound::ChannelShared(channel) => {
            front.metrics.not_mirrored("workspace");
            ready.engine.channel_is_shared(&channel);
            return StatusCode::OK.into_response();
        }
        Inbound::PersonChanged(user) => {
            front.metrics.not_mirrored("workspace");
            ready.engine.person_changed(&user);
            return StatusCode::OK.into_response();
        }
        Inbound::Shortcut { shortcut, trigger_id } => {
            front.metrics.not_mirrored("shortcut");
            let slack = ready.slack.clone();
            // Slack waits three seconds for the answer and counts the trigger's three seconds beside it.
            tokio::spawn(async move {
                if let Err(error) = slack.open_view(&trigger_id, &views::not_yet(shortcut)).await {
                    tracing::warn!(error = %error, shortcut = shortcut.callback_id(), "a shortcut's modal could not be opened");
                }
            });
            return StatusCode::OK.into_response();
        }
        Inbound::HomeOpened(user) => {
            front.metrics.not_mirrored("app_home");
            let slack = ready.slack.clone();
            tokio::spawn(async move {
                if let Err(error) = slack.show_home(&user).await {
                    tracing::warn!(error = %error, "the Home tab could not be published");
                }
            });
            return StatusCode::OK.into_response();
        }
        Inbound::ChannelMoved { from, to } => ready.engine.channel_moved(from, to).await.map(|()| Taken::Stored),
        Inbound::InThread { key, channel, thread_ts, parent, what } => {
            match in_thread(ready, key, channel, (thread_ts, parent), what).await {
                Some(taken) => taken,
                None => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
            }
        }
        Inbound::Chosen { key, channel, thread_ts, what, state, response_url } => {
            let link = ready.engine.address(channel.as_str(), thread_ts.as_str());
            let Some(taken) = in_thread(ready, key, channel, (thread_ts, Parent::Unsaid), what).await else {
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            };
            if taken.is_ok() {
                command::was_chosen(ready, state, &link, response_url.as_deref());
            }
            taken
        }
        Inbound::OfStart { key, thread_id, what, response_url } => {
            let engine = ready.engine.clone();
            let taking = tokio::spawn(async move { engine.take_for_thread(key, thread_id, what).await });
            let Ok(taken) = taking.await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
            if matches!(taken, Ok(Taken::Stored)) {
                command::replace(ready, response_url.as_deref(), notice::starts_on_follow_up());
            }
            taken
        }
        Inbound::Unreadable { key, channel, thread_ts, reason, raw } => {
            ready.engine.keep_unread(key, &channel, &thread_ts, raw, reason).await
        }
    };
    match taken {
        Ok(Taken::NotOurs) => {
            front.metrics.not_mirrored("elsewhere");
            StatusCode::OK.into_response()
        }
        Ok(Taken::Stored | Taken::Known | Taken::Held) => StatusCode::OK.into_response(),
        Err(error) => {
            tracing::error!(error = %error, "a delivery of Slack could not be stored; Slack is asked to send it again");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// Takes something that happened in a thread. In a task of its own: whoever asked may hang up at any moment, and what is
/// begun here must come to its end. `None` if that task came to none.
pub(super) async fn in_thread(
    ready: &Ready,
    key: String,
    channel: ChannelId,
    (thread_ts, parent): (Ts, Parent),
    what: What,
) -> Option<Result<Taken, StoreError>> {
    let engine = ready.engine.clone();
    tokio::spawn(async move { engine.take_from_slack(key, &channel, (&thread_ts, parent), what).await }).await.ok()
}
