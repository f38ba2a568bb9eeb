//! The Web API over HTTP: arguments, tokens, scopes, limits and faults, the same for every method.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::{Value, json};

use super::FakeSlack;
use super::timeline::object;
use super::world::{Fields, Workspace};
use crate::faults::{self, Fault};
use crate::limits::Keeping;

mod args;
mod chat;
mod content;
mod conversations;
mod files;
mod history;
mod methods;
mod reactions;
mod users;
mod views;

use args::Args;
pub use files::{DOWNLOAD, UPLOAD};
use methods::Method;
pub use methods::names;

/// Who calls, and what they may do.
pub struct Caller {
    pub user: String,
    pub is_app: bool,
    pub scopes: Vec<String>,
}

/// An answer with `ok: false`.
#[derive(Debug)]
pub struct Fail {
    pub error: String,
    pub more: Fields,
}

pub type Answer = Result<Fields, Fail>;

impl From<&str> for Fail {
    fn from(error: &str) -> Self {
        Fail { error: error.to_owned(), more: Fields::new() }
    }
}

impl Fail {
    pub fn with_messages(error: &str, messages: &[String]) -> Self {
        let listed: Vec<String> = messages.iter().map(|message| format!("[ERROR] {message}")).collect();
        let more = json!({"errors": messages, "response_metadata": {"messages": listed}});
        Fail { error: error.to_owned(), more: object(more) }
    }

    pub fn missing(fields: &[&str]) -> Self {
        let listed: Vec<String> =
            fields.iter().map(|field| format!("[ERROR] missing required field: {field}")).collect();
        let more = json!({"response_metadata": {"messages": listed}});
        Fail { error: "invalid_arguments".to_owned(), more: object(more) }
    }

    pub fn scope(needed: &str, caller: &Caller) -> Self {
        let more = json!({"needed": needed, "provided": caller.scopes.join(",")});
        Fail { error: "missing_scope".to_owned(), more: object(more) }
    }
}

impl Caller {
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }
}

pub fn router(slack: FakeSlack) -> Router {
    Router::new()
        .route("/slack/api/{method}", get(call).post(call))
        .route("/slack/response/{id}", post(respond))
        .merge(files::router())
        .with_state(slack)
}

async fn call(
    State(slack): State<FakeSlack>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let work = || slack.workspace().answer(&name, query.as_deref(), &headers, &body);
    slack.log_call(&name);
    with_faults(&slack, &name, work).await
}

async fn respond(State(slack): State<FakeSlack>, Path(id): Path<String>, body: Bytes) -> Response<Body> {
    let work = || match slack.workspace().respond(&id, &body) {
        Ok(()) => Response::new(Body::from("ok")),
        Err((status, code)) => {
            let mut response = json_answer(&object(json!({"ok": false, "error": code})));
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            response
        }
    };
    with_faults(&slack, "response_url", work).await
}

impl FakeSlack {
    fn log_call(&self, name: &str) {
        let mut workspace = self.workspace();
        let now = workspace.now;
        workspace.world.log_call(name, now);
    }
}

/// The token in the header, if there is one.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.split_once(' ')).map(|(_, token)| token.trim());
    token.filter(|token| !token.is_empty()).map(str::to_owned)
}

/// Does the work as the faults that are switched on will have it.
async fn with_faults(slack: &FakeSlack, name: &str, work: impl FnOnce() -> Response<Body>) -> Response<Body> {
    let slow = slack.faults().strike(name, |fault| matches!(fault, Fault::Latency { .. }));
    let struck = slack.faults().strike(name, |fault| fault.is_of_calls() && !matches!(fault, Fault::Latency { .. }));
    let response = match struck {
        Some(Fault::Status { status }) => faults::bare(status),
        Some(Fault::Page { status }) => faults::page(status),
        Some(Fault::RateLimited { retry_after }) => limited(retry_after),
        Some(Fault::RateLimitedUntil { secs }) => faults::until(limited(secs), slack.workspace().now, secs),
        Some(Fault::RateLimitedPlain { retry_after }) => faults::limited_plainly(retry_after),
        Some(Fault::DroppedBefore) => faults::dropped(),
        Some(Fault::Refused) => json_answer(&object(json!({"ok": false, "error": "invalid_arguments"}))),
        Some(Fault::TokenRevoked) => json_answer(&object(json!({"ok": false, "error": "token_revoked"}))),
        Some(Fault::DroppedAfter) => {
            work();
            faults::dropped()
        }
        Some(Fault::Html) => {
            work();
            faults::html()
        }
        Some(Fault::ErrorAfter) => {
            work();
            faults::bare(500)
        }
        _ => work(),
    };
    if let Some(Fault::Latency { ms }) = slow {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    response
}

impl Workspace<'_> {
    fn answer(&mut self, name: &str, query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        let mut granted = None;
        let method = methods::find(name);
        let answer = match method {
            Some(method) => self.admitted(method, query, headers, body, &mut granted),
            None => {
                let more = object(json!({"req_method": name}));
                Err(Refusal::Fail(Fail { error: "unknown_method".to_owned(), more }))
            }
        };
        let mut response = match answer {
            Ok(mut fields) => {
                fields.insert("ok".into(), true.into());
                json_answer(&fields)
            }
            Err(Refusal::Fail(Fail { error, more })) => {
                self.counters.refused += 1;
                let mut fields = more;
                fields.insert("ok".into(), false.into());
                fields.insert("error".into(), error.into());
                json_answer(&fields)
            }
            Err(Refusal::Limited(seconds)) => {
                self.counters.limited += 1;
                limited(seconds)
            }
        };
        let accepted = method.map(|method| method.scopes.join(","));
        for (name, scopes) in [("x-oauth-scopes", granted), ("x-accepted-oauth-scopes", accepted)] {
            if let Some(value) = scopes.and_then(|scopes| HeaderValue::from_str(&scopes).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    fn admitted(
        &mut self,
        method: &'static Method,
        query: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
        granted: &mut Option<String>,
    ) -> Result<Fields, Refusal> {
        let args = Args::read(method, query, headers, body)?;
        if method.name == "api.test" {
            return Ok(api_test(&args)?);
        }
        let caller = self.caller(headers, &args)?;
        *granted = Some(caller.scopes.join(","));
        if !method.scopes.is_empty() && !method.scopes.iter().any(|scope| caller.may(scope)) {
            let needed = if caller.is_app { method.scopes.join(",") } else { method.scopes[0].to_owned() };
            return Err(Fail::scope(&needed, &caller).into());
        }
        // The limits are on apps; nobody's own client is counted.
        if self.limits != Keeping::Off && caller.is_app {
            let (now, token) = (self.now, caller.user.as_str());
            let channel = args.text("channel").unwrap_or_default();
            let keeping = self.limits;
            let taken = self.budgets.take(token, method.name, method.tier, &channel, now, keeping);
            taken.map_err(Refusal::Limited)?;
        }
        let missing: Vec<&str> = method.required.iter().copied().filter(|field| !args.has(field)).collect();
        if !missing.is_empty() {
            return Err(Fail::missing(&missing).into());
        }
        let mut fields = (method.run)(self, &caller, &args)?;
        if args.lacks_charset {
            warn(&mut fields, "missing_charset");
        }
        Ok(fields)
    }

    fn caller(&self, headers: &HeaderMap, args: &Args) -> Result<Caller, Fail> {
        let token = bearer(headers).or_else(|| args.token.clone());
        self.caller_of(&token.filter(|token| !token.is_empty()).ok_or("not_authed")?)
    }

    fn caller_of(&self, token: &str) -> Result<Caller, Fail> {
        let person = self.people.values().find(|person| person.token == token).ok_or("invalid_auth")?;
        if person.spec.deleted {
            return Err("account_inactive".into());
        }
        let is_app = person.id == self.options.bot_user_id;
        let scopes = match is_app {
            true => {
                let lacks = |scope: &str| self.quirks.no_direct_messages && scope.starts_with("im:");
                self.options.scopes.iter().filter(|scope| !lacks(scope)).cloned().collect()
            }
            false => methods::PERSONS_SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
        };
        Ok(Caller { user: person.id.clone(), is_app, scopes })
    }
}

enum Refusal {
    Fail(Fail),
    Limited(u64),
}

impl From<Fail> for Refusal {
    fn from(fail: Fail) -> Self {
        Refusal::Fail(fail)
    }
}

/// Adds a warning, in both places where Slack puts it.
pub fn warn(fields: &mut Fields, warning: &str) {
    let known = fields.get("warning").and_then(Value::as_str).map(|known| format!("{known},{warning}"));
    fields.insert("warning".into(), known.unwrap_or_else(|| warning.to_owned()).into());
    let metadata = fields.entry("response_metadata").or_insert_with(|| json!({}));
    if let Value::Object(metadata) = metadata
        && let Value::Array(list) = metadata.entry("warnings").or_insert_with(|| json!([]))
    {
        list.push(warning.into());
    }
}

fn api_test(args: &Args) -> Answer {
    let mut fields = Fields::new();
    if !args.fields.is_empty() {
        fields.insert("args".into(), Value::Object(args.fields.clone()));
    }
    match args.text("error") {
        Some(error) => Err(Fail { error, more: fields }),
        None => Ok(fields),
    }
}

fn json_answer(fields: &Fields) -> Response<Body> {
    let body = serde_json::to_vec(fields).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn limited(seconds: u64) -> Response<Body> {
    let mut response = json_answer(&object(json!({"ok": false, "error": "ratelimited"})));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}
