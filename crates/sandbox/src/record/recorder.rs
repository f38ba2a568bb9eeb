//! Writes a session down while it happens.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body as HttpBody, HttpBody as _};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use axum::middleware::{Next, from_fn};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::names::{LARGEST_ANSWER, Names, UNKNOWN};
use super::outcome::Outcome;
use super::{Anonymiser, Asked, Body, Head, Item, Line, VERSION, What};
use crate::bridge::{self, Bridge};
use crate::carrier::Carry;
use crate::faults::Dropped;
use crate::post::{Now, Parcel, Receipt};
use crate::{Furnishing, Sandbox};

/// What the bridge's requests say they are.
const BRIDGE: &str = "sidethread/";
/// The largest body that is written down, in bytes; what is larger is refused.
const LARGEST: usize = 160 << 20;
/// Headers that change what a request does.
const HEADERS: [&str; 3] = ["content-type", "idempotency-key", "accept"];
/// Between two looks at what changed.
const PAUSE: Duration = Duration::from_millis(40);
/// Played as the acts it is made of; changes nothing but a window; shows something.
const NOT_WRITTEN: [&str; 3] = ["/sandbox/morning", "/sandbox/tour/", "/sandbox/live"];
/// The ends of the names of Slack's methods that only read.
const READS: [&str; 10] = [
    ".conversations",
    ".get",
    ".getPermalink",
    ".history",
    ".info",
    ".list",
    ".lookupByEmail",
    ".members",
    ".replies",
    ".test",
];

/// Writes down what happens in a firm; clones share it.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

struct Shared {
    sandbox: Sandbox,
    now: Now,
    began_ms: i64,
    anonymiser: Option<Anonymiser>,
    bridge: OnceLock<Bridge>,
    state: Mutex<State>,
}

struct State {
    to: Box<dyn Write + Send>,
    names: Names,
    outcome: Outcome,
    number: u64,
    /// How the bridge's process did at the last look.
    bridge: Option<bridge::State>,
    failed: bool,
}

impl Recorder {
    /// Begins a recording of a firm in which nothing has been done yet, which was made by this seed at `began_ms`.
    /// An anonymiser hides names and texts.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(
        sandbox: &Sandbox,
        now: Now,
        began_ms: i64,
        seed: u64,
        furnishing: Furnishing,
        anonymiser: Option<Anonymiser>,
        to: Box<dyn Write + Send>,
    ) -> std::io::Result<Recorder> {
        let head = Head {
            sidethread_recording: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            past: furnishing.past,
            tickets: furnishing.more_tickets,
            began_ms,
            anonymised: anonymiser.is_some(),
        };
        let outcome = Outcome::from(now());
        let mut state = State { to, names: Names::of(sandbox), outcome, number: 0, bridge: None, failed: false };
        state.write(&head)?;
        let sandbox = sandbox.clone();
        let shared = Shared { sandbox, now, began_ms, anonymiser, bridge: OnceLock::new(), state: Mutex::new(state) };
        Ok(Recorder { shared: Arc::new(shared) })
    }

    /// Puts the recording around what people and the bridge ask.
    pub fn layer(&self, router: Router) -> Router {
        let recorder = self.clone();
        router.layer(from_fn(move |request: Request, next: Next| {
            let recorder = recorder.clone();
            async move { recorder.attend(request, next).await }
        }))
    }

    /// Writes down an act that no request told of, as the form of the page that does the same.
    pub(crate) fn acted(&self, path: &str, form: &[(&str, &str)]) {
        let fields = form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let asked = Asked { method: "POST".into(), path: path.into(), body: Body::Form(fields), ..Asked::default() };
        let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        self.asked(Asked { headers, ..asked });
    }

    /// Writes down what the bridge makes and how its process does, until `stop`.
    pub async fn watch(self, bridge: Bridge, stop: CancellationToken) {
        let mut slack = self.shared.sandbox.slack.changes().hear();
        let mut zendesk = self.shared.sandbox.zendesk.changes().hear();
        let mut standing = bridge.watch();
        let _ = self.shared.bridge.set(bridge);
        loop {
            standing.borrow_and_update();
            self.look();
            tokio::select! {
                () = stop.cancelled() => return,
                _ = slack.changed() => {}
                _ = zendesk.changed() => {}
                _ = standing.changed() => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends the recording as it should be.
    pub fn end(&self, busy: Option<bool>) {
        self.look();
        self.write(What::Ended { busy });
    }

    async fn attend(&self, request: Request, next: Next) -> Response<HttpBody> {
        let headers = request.headers();
        let by_bridge = text(headers, header::USER_AGENT.as_str()).is_some_and(|agent| agent.starts_with(BRIDGE));
        if by_bridge {
            return self.attend_bridge(request, next).await;
        }
        if !is_written(request.method(), request.uri().path()) {
            return next.run(request).await;
        }
        let (parts, body) = request.into_parts();
        let Ok(bytes) = axum::body::to_bytes(body, LARGEST).await else {
            let mut response = Response::new(HttpBody::from("This is larger than a sandbox that is recorded takes.\n"));
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return response;
        };
        let kind = text(&parts.headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let mut kept: Vec<(String, String)> =
            HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), text(&parts.headers, name)?))).collect();
        kept.retain(|(_, value)| value != "*/*");
        kept.extend(authorization(&parts.headers).map(|value| ("authorization".to_owned(), value)));
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let number = self.asked(Asked {
            number: 0,
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: query.into_owned().collect(),
            headers: kept,
            body: if takes_file(parts.uri.path()) { Body::of_file(&kind, &bytes) } else { Body::of(&kind, &bytes) },
        });
        let response = next.run(Request::from_parts(parts, HttpBody::from(bytes))).await;
        self.answered(number, response).await
    }

    async fn attend_bridge(&self, request: Request, next: Next) -> Response<HttpBody> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = next.run(request).await;
        let status = if response.extensions().get::<Dropped>().is_some() { 0 } else { response.status().as_u16() };
        if is_written(&method, &path) {
            // A response URL is a secret.
            let path = if path.starts_with("/slack/response/") { "/slack/response/…" } else { &path };
            let call = format!("{method} {}", self.state().names.named(path));
            self.write(What::Called { call, status });
        }
        response
    }

    fn asked(&self, asked: Asked) -> u64 {
        self.look();
        let mut state = self.state();
        state.number += 1;
        let number = state.number;
        let names = &state.names;
        let Ok::<_, std::convert::Infallible>(asked) =
            asked.map(&mut |place, value| Ok(names.named_field(place, value)));
        let headers = asked.headers.into_iter().map(|(header, value)| {
            let named = names.named(&value);
            // Whatever a credential is that nobody knows, it is one.
            let hides = header == "authorization" && !named.contains('⟦');
            let scheme = value.split_once(' ').map_or("", |(scheme, _)| scheme);
            (header, if hides { format!("{scheme} {UNKNOWN}") } else { named })
        });
        let headers = headers.collect();
        let path = names.named(&asked.path);
        self.shared.write(&mut state, What::Asked(Asked { number, path, headers, ..asked }));
        number
    }

    async fn answered(&self, number: u64, response: Response<HttpBody>) -> Response<HttpBody> {
        let status = response.status().as_u16();
        let kind = text(response.headers(), header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let large = response.body().size_hint().upper().is_none_or(|most| most > LARGEST_ANSWER as u64);
        let broken = response.extensions().get::<Dropped>().is_some();
        if broken || large || !kind.starts_with("application/json") {
            self.look();
            self.write(What::Answered { number, status });
            return response;
        }
        let (parts, body) = response.into_parts();
        match axum::body::to_bytes(body, LARGEST_ANSWER).await {
            Ok(bytes) => {
                self.look();
                self.state().names.heard(number, &bytes);
                self.write(What::Answered { number, status });
                Response::from_parts(parts, HttpBody::from(bytes))
            }
            Err(_) => {
                let mut response = Response::new(HttpBody::from("This answer broke off.\n"));
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }

    /// Writes down how the bridge does and what it has made, where that is not as it was at the last look.
    fn look(&self) {
        let now = (self.shared.now)();
        let mut state = self.state();
        let standing = self.shared.bridge.get().map(|bridge| bridge.standing().state);
        if std::mem::replace(&mut state.bridge, standing) != standing
            && let Ok(Value::String(standing)) = serde_json::to_value(standing)
        {
            self.shared.write(&mut state, What::Bridge { state: standing });
        }
        let State { names, outcome, .. } = &mut *state;
        let born = names.look(&self.shared.sandbox);
        let made = outcome.look(&self.shared.sandbox, names, born, now);
        made.into_iter().for_each(|Item { name, says }| {
            self.shared.write(&mut state, What::Made(Item { name, says }));
        });
    }

    fn write(&self, what: What) {
        self.shared.write(&mut self.state(), what);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn write(&self, state: &mut State, what: What) {
        let at = (self.now)() - self.began_ms;
        let line = Line { at, what };
        let line = match &self.anonymiser {
            Some(anonymiser) => anonymiser.line(line),
            None => line,
        };
        if let Err(error) = state.write(&line)
            && !std::mem::replace(&mut state.failed, true)
        {
            tracing::error!(error = %error, "the recording cannot be written; what happens from here on is not in it");
        }
    }
}

impl State {
    fn write(&mut self, line: &impl Serialize) -> std::io::Result<()> {
        if self.failed {
            return Ok(());
        }
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.to.write_all(text.as_bytes())?;
        self.to.flush()
    }
}

/// Carries as another does, and writes down what was delivered.
pub struct CarryRecorded<C> {
    /// Who carries.
    pub carry: C,
    /// Who writes.
    pub recorder: Recorder,
}

#[async_trait]
impl<C: Carry> Carry for CarryRecorded<C> {
    async fn carry(&self, parcel: &Parcel) -> Receipt {
        let receipt = self.carry.carry(parcel).await;
        let status = match &receipt {
            Receipt::Answered { status, .. } => Some(*status),
            Receipt::Failed => None,
        };
        let path = parcel.path.split('?').next().unwrap_or_default().to_owned();
        self.recorder.write(What::Delivered { path, kind: kind_of(&parcel.body), status });
        receipt
    }
}

/// The type of an event or of an interaction.
fn kind_of(body: &[u8]) -> String {
    let form = || url::form_urlencoded::parse(body).find(|(name, _)| name == "payload");
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(_) => form().and_then(|(_, payload)| serde_json::from_str(&payload).ok()).unwrap_or_default(),
    };
    let words = [&value["event"]["type"], &value["event"]["subtype"]];
    let words: Vec<&str> = words.into_iter().filter_map(Value::as_str).collect();
    let kind = if words.is_empty() { value["type"].as_str().unwrap_or_default().to_owned() } else { words.join(" ") };
    let is_kind = kind.len() <= 60 && kind.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == ' ');
    if is_kind { kind } else { String::new() }
}

/// Whether a request may change something that a replay has to change as well.
fn is_written(method: &Method, path: &str) -> bool {
    let of_slack = path.strip_prefix("/slack/api/");
    let reads = of_slack.is_some_and(|name| READS.iter().any(|end| name.ends_with(end)));
    let changes = of_slack.is_some() || !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    changes && !reads && !NOT_WRITTEN.iter().any(|begin| path.starts_with(begin))
}

/// Whether what is sent there is a file.
fn takes_file(path: &str) -> bool {
    path.starts_with("/slack/upload/") || path.starts_with("/zendesk/api/v2/uploads")
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The header with the pair of a `Basic` one in clear, so that the secret in it can be named.
fn authorization(headers: &HeaderMap) -> Option<String> {
    let value = text(headers, header::AUTHORIZATION.as_str())?;
    let (scheme, encoded) = value.split_once(' ').filter(|(_, given)| !given.trim().is_empty())?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Some(value);
    }
    let pair = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok())?;
    Some(format!("{scheme} {pair}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slack;

    #[test]
    fn what_only_reads_is_no_act() {
        let reads = |call: &str| !is_written(&Method::POST, &format!("/slack/api/{call}"));
        let mut acts: Vec<&str> =
            slack::calls().into_iter().filter(|call| call.contains('.') && !reads(call)).collect();
        acts.sort_unstable();
        let known = "chat.delete chat.postEphemeral chat.postMessage chat.update conversations.join \
            conversations.open files.completeUploadExternal files.delete files.getUploadURLExternal reactions.add \
            reactions.remove views.open views.publish views.push views.update";
        assert_eq!(acts.join(" "), known);
        assert!(is_written(&Method::PUT, "/zendesk/api/v2/tickets/1"));
        assert!(!is_written(&Method::GET, "/zendesk/api/v2/tickets/1"));
    }
}
