//! One HTTP exchange with Zendesk: address, credential, meaning of the answer.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::Value;
use url::Url;

use super::auth::Auth;
use super::{decode, errors};
use crate::engine::clock::Clock;
use crate::engine::outside::CallError;
use crate::engine::pace::{Holds, Plan};
use crate::engine::retry::Schedule;
use crate::wire::Wire;

/// More pages than any list has.
const MOST_PAGES: usize = 500;
const API: &str = "/api/v2/";

pub(super) struct Transport {
    wire: Arc<dyn Wire>,
    pub(super) clock: Arc<dyn Clock>,
    base: Url,
    auth: Auth,
    /// What Zendesk last said of the plan's limit, and when (milliseconds since 1970).
    plan: Mutex<Option<(i64, Plan)>>,
    /// Calls that Zendesk told to wait.
    held: Holds<&'static str>,
}

/// A call that gave nothing, and the status if there was an answer.
pub(super) struct Failure {
    pub(super) status: Option<StatusCode>,
    pub(super) error: CallError,
    /// The answer.
    pub(super) body: Bytes,
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Failure { status: None, error, body: Bytes::new() }
    }
}

impl Failure {
    /// Whether Zendesk found fault with what was sent.
    pub(super) fn is_of_content(&self) -> bool {
        matches!(self.status, Some(StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY))
            && matches!(self.error, CallError::Refused { .. })
    }

    /// Whether Zendesk says that the ticket is closed; it may be so where it says something else.
    pub(super) fn says_closed(&self) -> bool {
        self.error == CallError::Refused { reason: errors::CLOSED.to_owned() }
    }

    pub(super) fn of_a_read(self) -> CallError {
        errors::of_a_read(self.error)
    }
}

impl Transport {
    pub(super) fn new(wire: Arc<dyn Wire>, clock: Arc<dyn Clock>, base: &Url, auth: Auth) -> Self {
        Transport { wire, clock, base: base.clone(), auth, plan: Mutex::default(), held: Holds::default() }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// An address below the account's; every segment and value is encoded.
    pub(super) fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// An address of the API.
    pub(super) fn api(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        self.url(&[&["api", "v2"], segments].concat(), query)
    }

    /// The account's address, which its own texts leave out of their links.
    pub(super) fn account(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The next page on the configured account, wherever Zendesk says it is: recorded answers name other hosts, and a
    /// credential goes to none of them.
    pub(super) fn page_on_base(&self, next: &str) -> Option<Url> {
        let next = Url::parse(next).or_else(|_| self.base.join(next)).ok()?;
        let (_, path) = next.path().split_once(API)?;
        let mut url = self.base.clone();
        url.set_path(&format!("{}{API}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(next.query());
        Some(url)
    }

    pub(super) async fn get(&self, call: &'static str, url: &Url) -> Result<Value, Failure> {
        self.send(call, Method::GET, url, None).await
    }

    /// Every page of a list, along `next_page`.
    pub(super) async fn pages(&self, call: &'static str, first: Url) -> Result<Vec<Value>, Failure> {
        let mut pages = Vec::new();
        let mut next = Some(first);
        while let Some(url) = next {
            let page = self.get(call, &url).await.map_err(|failure| Failure {
                status: failure.status,
                error: failure.of_a_read(),
                body: Bytes::new(),
            })?;
            let named = page.get("next_page").and_then(decode::text);
            pages.push(page);
            next = match named {
                None => None,
                // Half a list would pass for the whole one, and a reply that stands in it for one that was not sent.
                Some(named) => Some(
                    self.page_on_base(&named)
                        .filter(|next| *next != url && pages.len() < MOST_PAGES)
                        .ok_or_else(|| CallError::Later { after: None, problem: "a list does not end".to_owned() })?,
                ),
            };
        }
        Ok(pages)
    }

    /// Sends one request and reads its answer, a JSON object. A token that has ended is renewed once.
    pub(super) async fn send(
        &self,
        call: &'static str,
        method: Method,
        url: &Url,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        self.send_bytes(call, method, url, body, None).await
    }

    /// Sends one request as it stands. Under the same key Zendesk does the same request once.
    pub(super) async fn send_bytes(
        &self,
        call: &'static str,
        method: Method,
        url: &Url,
        body: Option<Bytes>,
        idempotency_key: Option<&str>,
    ) -> Result<Value, Failure> {
        self.not_held(call)?;
        let mut renewed = false;
        let answer = loop {
            let header = self.auth.header(&*self.wire, &*self.clock, &self.base).await?;
            let mut request = Request::builder()
                .method(method.clone())
                .uri(url.as_str())
                .header(AUTHORIZATION, header.clone())
                .header(ACCEPT, "application/json");
            if body.is_some() {
                request = request.header(CONTENT_TYPE, "application/json");
            }
            if let Some(key) = idempotency_key {
                request = request.header("idempotency-key", key);
            }
            let request = request.body(body.clone().unwrap_or_default()).map_err(|_| CallError::Refused {
                reason: "the address of the Zendesk call cannot be written.".to_owned(),
            })?;
            let answer = self.wire.send(request).await.map_err(|error| errors::of_the_wire(&error))?;
            tracing::debug!(zendesk.call = call, http.status = answer.status().as_u16(), "Zendesk answered");
            if !renewed && is_unauthenticated(call, &answer) && self.auth.forget(&header).await {
                renewed = true;
                continue;
            }
            break answer;
        };
        let status = answer.status();
        let now = self.now_ms();
        if let Some(plan) = plan(answer.headers(), now) {
            *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, plan));
        }
        if !status.is_success() {
            let error = errors::of_an_answer(status.as_u16(), answer.headers(), answer.body(), now);
            let error = missing(status, self.learn(call, status, error));
            return Err(Failure { status: Some(status), error, body: answer.into_body() });
        }
        self.held.answered(call);
        // A 2xx without a JSON object comes from a proxy or an outage.
        decode::json(answer.body()).filter(Value::is_object).ok_or_else(|| Failure {
            status: Some(status),
            error: CallError::Unknown { problem: "the answer is not JSON".to_owned() },
            body: Bytes::new(),
        })
    }

    /// What Zendesk last said of the plan's limit.
    pub(super) fn plan(&self) -> Option<Plan> {
        let plan = *self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        // What was said by a clock that has been set back since would hold until it is as late again.
        plan.filter(|(at, _)| *at <= self.now_ms()).map(|(_, plan)| plan)
    }

    /// A call that Zendesk told to wait is not made before its time, whoever asks for it.
    fn not_held(&self, call: &'static str) -> Result<(), CallError> {
        match self.held.left(call, self.now_ms()) {
            left @ Some(_) => Err(CallError::Later { after: left, problem: "HTTP 429".to_owned() }),
            None => Ok(()),
        }
    }

    /// Takes Zendesk's word to wait within bounds.
    fn learn(&self, call: &'static str, status: StatusCode, error: CallError) -> CallError {
        match error {
            CallError::Later { after, problem } if status == StatusCode::TOO_MANY_REQUESTS => {
                // Of what is written the engine keeps the count.
                let after = match call.starts_with("GET ") {
                    true => self.held.hold(call, self.now_ms(), after),
                    false => self.held.alone(after),
                };
                CallError::Later { after: Some(after), problem }
            }
            other => other,
        }
    }

    /// How long what Zendesk refuses again and again waits.
    pub(super) fn keep_to(&self, schedule: Schedule) {
        self.held.keep_to(schedule);
    }
}

/// What is not there, or may not be seen or changed, may be so for a moment only: reads lag behind what was made and
/// permitted.
fn missing(status: StatusCode, error: CallError) -> CallError {
    match error {
        CallError::Refused { reason } if matches!(status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) => {
            CallError::Missing { reason, forbidden: status == StatusCode::FORBIDDEN }
        }
        error => error,
    }
}

/// What an answer says of the plan's limit. Zendesk names the headers in two ways.
fn plan(headers: &HeaderMap, now_ms: i64) -> Option<Plan> {
    let number = |names: [&str; 2]| {
        let header = names.iter().find_map(|name| headers.get(*name))?;
        header.to_str().ok()?.trim().parse::<u32>().ok()
    };
    let total = number(["ratelimit-limit", "x-rate-limit"])?;
    let left = number(["ratelimit-remaining", "x-rate-limit-remaining"])?;
    // Without a time to come back it is the rest of the minute, which is a minute at most.
    let secs = number(["ratelimit-reset", "rate-limit-reset"]).unwrap_or(60);
    Some(Plan { total, left, resets_at_ms: now_ms + i64::from(secs.min(3600)) * 1000 })
}

/// `users/me` answers 200 with a name and no id to a credential that it does not accept.
fn is_unauthenticated(call: &str, answer: &Response<Bytes>) -> bool {
    (answer.status() == StatusCode::UNAUTHORIZED && errors::is_zendesks(answer.body()))
        || (call == super::client::ME
            && answer.status().is_success()
            && decode::json(answer.body())
                .is_some_and(|body| body.get("user").is_some_and(|user| user.is_object() && user.get("id").is_none())))
}
