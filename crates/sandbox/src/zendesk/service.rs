//! The HTTP around the calls: who asks, what goes wrong, what is over the limit, then the work.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, request::Parts};
use axum::routing::any;
use bytes::Bytes;
use tokio::sync::oneshot;

use super::FakeZendesk;
use super::answer::{Answer, Ask};
use super::auth::{Caller, missing_scope};
use super::calls::{self, Call, Who};
use super::trials;
use super::world::World;
use crate::faults::{self, Fault};
use crate::post::Receipt;

/// The largest body that is read, in bytes.
const LARGEST_BODY: usize = 64 << 20;
/// How many calls are remembered.
const REMEMBERED: usize = 200_000;
/// How long the answer to a webhook's trial is waited for; Zendesk's own time-out for webhooks.
const TRIAL_PATIENCE: Duration = Duration::from_secs(12);

pub(super) fn router(fake: FakeZendesk) -> Router {
    Router::new()
        .route("/zendesk/api/v2/{*rest}", any(serve))
        .route("/zendesk/oauth/{*rest}", any(serve))
        .with_state(fake)
}

async fn serve(State(fake): State<FakeZendesk>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return Answer::text(413, "Request Entity Too Large").into_response();
    };
    let (reply, wait) = answer(&fake, parts, body);
    if let Some(wait) = wait {
        tokio::time::sleep(wait).await;
    }
    match reply {
        Reply::Is(response) => response,
        Reply::AfterTrial(answer, telling) => {
            let told = tokio::time::timeout(TRIAL_PATIENCE, telling).await;
            let tried = trials::answered(told.ok().and_then(Result::ok).as_ref());
            Answer { headers: answer.headers, ..tried }.into_response()
        }
    }
}

/// What a call is answered, or what that waits for.
enum Reply {
    Is(Response<Body>),
    /// The headers stand; the rest is made of what the request of a webhook's trial is answered.
    AfterTrial(Answer, oneshot::Receiver<Receipt>),
}

impl From<Response<Body>> for Reply {
    fn from(response: Response<Body>) -> Self {
        Reply::Is(response)
    }
}

fn answer(fake: &FakeZendesk, parts: Parts, body: Bytes) -> (Reply, Option<Duration>) {
    let now = (fake.shared.now)();
    let path = parts.uri.path().trim_start_matches("/zendesk/");
    let path = path.strip_prefix("api/v2/").filter(|path| !path.starts_with("oauth/")).unwrap_or(path);
    let Some((call, params)) = calls::find(parts.method.as_str(), path) else {
        return (Answer::invalid_endpoint().into_response().into(), None);
    };
    let mut world = fake.world();
    if world.calls.len() >= REMEMBERED {
        world.calls.pop_front();
    }
    world.calls.push_back((call.name.to_owned(), now));
    let slow = fake.shared.faults.strike(call.name, |fault| matches!(fault, Fault::Latency { .. }));
    let wait = match slow {
        Some(Fault::Latency { ms }) => Some(Duration::from_millis(ms)),
        _ => None,
    };
    let concerns = |fault: &Fault| fault.is_of_calls() && !matches!(fault, Fault::Latency { .. });
    let fault = fake.shared.faults.strike(call.name, concerns);
    match &fault {
        Some(Fault::Status { status }) => return (refused(*status).into(), wait),
        Some(Fault::Page { status }) => return (faults::page(*status).into(), wait),
        Some(Fault::RateLimited { retry_after }) => {
            return (world.limits.refuse(*retry_after, "API requests per minute").into_response().into(), wait);
        }
        Some(Fault::RateLimitedUntil { secs }) => {
            let limited = world.limits.refuse(*secs, "API requests per minute").into_response();
            return (faults::until(limited, now, *secs).into(), wait);
        }
        Some(Fault::RateLimitedPlain { retry_after }) => return (faults::limited_plainly(*retry_after).into(), wait),
        Some(Fault::DroppedBefore) => return (faults::dropped().into(), wait),
        Some(Fault::Refused) => {
            return (Answer::record_invalid("base", "It is refused by a fault").into_response().into(), wait);
        }
        Some(Fault::TokenRevoked) => return (Answer::invalid_token().into_response().into(), wait),
        _ => {}
    }
    let lag = if call.method() == "GET" { fake.shared.faults.reads_lag(call.name) } else { 0 };
    let lag = i64::try_from(lag).unwrap_or(i64::MAX).saturating_mul(1000);
    let query = parts.uri.query().unwrap_or("");
    let ask = Ask {
        call: call.name,
        path: path.trim_end_matches(".json").to_owned(),
        params,
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parts.headers,
        body,
        user: 0,
        now,
        visible_until: if lag == 0 { i64::MAX } else { now.saturating_sub(lag) },
    };
    let answered = work(&mut world, call, ask);
    let trial = world.trials.asked.take();
    drop(world);
    let reply = match (fault, trial) {
        (Some(Fault::DroppedAfter), _) => faults::dropped().into(),
        (Some(Fault::Html), _) => faults::html().into(),
        (Some(Fault::ErrorAfter), _) => faults::bare(500).into(),
        (_, Some(telling)) => Reply::AfterTrial(answered, telling),
        (_, None) => answered.into_response().into(),
    };
    (reply, wait)
}

/// An answer with this status, in Zendesk's own words where it is Zendesk that refuses.
fn refused(status: u16) -> Response<Body> {
    match status {
        401 => Answer::unauthenticated(),
        403 => Answer::forbidden(),
        404 => Answer::not_found(),
        422 => Answer::record_invalid("base", "It is refused by a fault"),
        400..=499 => {
            Answer::json(status, serde_json::json!({"error": "Refused", "description": "It is refused by a fault"}))
        }
        _ => return faults::bare(status),
    }
    .into_response()
}

fn work(world: &mut World, call: &Call, mut ask: Ask) -> Answer {
    let scope = match world.caller(&ask.headers, ask.now) {
        Caller::User(user, scope) => {
            ask.user = user;
            scope
        }
        Caller::Ended if call.name != "POST oauth/tokens" => return Answer::invalid_token(),
        Caller::Nobody | Caller::Ended if call.who == Who::Anyone => None,
        Caller::Nobody | Caller::Ended => return Answer::unauthenticated(),
    };
    let headers = match world.limits.take(&ask) {
        Ok(headers) => headers,
        Err(refusal) => return refusal,
    };
    let request_id = format!("{:016x}", world.random.u64(..));
    let answer = if let Some(missing) = missing_scope(scope.as_deref(), call.method(), &ask.path) {
        Answer::missing_scope(missing)
    } else if call.who == Who::Agents && !world.is_agent(ask.user) {
        Answer::forbidden()
    } else {
        (call.work)(world, &ask).unwrap_or_else(|early| early)
    };
    headers.into_iter().fold(answer, |answer, (name, value)| answer.with(name, value)).with("x-request-id", request_id)
}
