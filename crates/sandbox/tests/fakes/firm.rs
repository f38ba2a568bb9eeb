//! The sandbox's firm behind its router, with a clock that stands until it is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use serde_json::{Value, json};
use sidethread_sandbox::post::{Now, Parcel, Receipt, Sender};
use sidethread_sandbox::{Credentials, Sandbox};
use tower::ServiceExt;

pub const START: i64 = 1_790_000_000_000;
pub const SUPPORT: &str = "C0SUPPORT01";
pub const MARTA: &str = "U0MARTA0001";
pub const THANHHA: &str = "U0THANHHA01";

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

pub struct Firm {
    pub sandbox: Sandbox,
    pub router: Router,
    clock: Arc<AtomicI64>,
}

impl Firm {
    pub fn new() -> Firm {
        let clock = Arc::new(AtomicI64::new(START));
        let hands = clock.clone();
        let now: Now = Arc::new(move || hands.load(Ordering::SeqCst));
        let sandbox = Sandbox::with_credentials("http://sandbox.test", now, 7, Credentials::of_seed(7));
        let router = sandbox.router();
        Firm { sandbox, router, clock }
    }

    pub fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, bytes }
    }

    pub fn bot(&self) -> String {
        self.sandbox.credentials().slack_bot_token.clone()
    }

    pub fn token(&self, person: &str) -> String {
        self.sandbox.slack.token_of(person).unwrap()
    }

    /// Calls a method of Slack's with a form.
    pub async fn slack(&self, token: &str, method: &str, fields: Value) -> Value {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let pairs = fields.as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value)));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let request = Request::post(format!("/slack/api/{method}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        self.send(request).await.json()
    }

    /// Goes to an address that the sandbox gave.
    pub fn path(url: &Value) -> String {
        url.as_str().unwrap().strip_prefix("http://sandbox.test").unwrap().to_owned()
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// The token of the first agent, or of an admin.
    pub fn agent(&self) -> String {
        self.sandbox.zendesk.token_of(self.sandbox.world.agents[0].0).unwrap()
    }

    pub fn admin(&self) -> String {
        let (id, _) = self.sandbox.world.agents.iter().find(|(_, name)| name == "Wanjiru Kamau").unwrap();
        self.sandbox.zendesk.token_of(*id).unwrap()
    }

    /// Calls Zendesk with JSON.
    pub async fn zendesk(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/zendesk/api/v2/{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let answer = self.send(request.body(body).unwrap()).await;
        (answer.status, serde_json::from_slice(&answer.bytes).unwrap_or_default())
    }

    /// What Slack has for the app, each answered with this body.
    pub fn deliver(&self, answer: &Value) -> Vec<Value> {
        let body = if answer.is_null() { Vec::new() } else { answer.to_string().into_bytes() };
        let parcels = self.sandbox.slack.take_due();
        let read = |parcel: &Parcel| match serde_json::from_slice(&parcel.body) {
            Ok(json) => json,
            Err(_) => {
                let form = url::form_urlencoded::parse(&parcel.body);
                let payload = form.into_iter().find(|(name, _)| name == "payload");
                payload.map_or_else(|| json!(null), |(_, payload)| serde_json::from_str(&payload).unwrap())
            }
        };
        let read = parcels.iter().map(read).collect();
        for parcel in parcels {
            let receipt = Receipt::Answered { status: 200, retry_after: None, body: body.clone() };
            self.sandbox.slack.settle(parcel.id, receipt);
        }
        read
    }
}
