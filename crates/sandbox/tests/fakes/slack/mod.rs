//! The fake Slack by itself: through its router as an app calls it, through its sender as an app is called.

mod anything;
mod calls;
mod delivery;
mod events;
mod files;
mod inputs;
mod press;
mod refusals;
pub mod views;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use sidethread_sandbox::faults::{Fault, Rule};
use sidethread_sandbox::post::{Parcel, Receipt, Sender};
use sidethread_sandbox::slack::{ChannelSpec, FakeSlack, Options, PersonSpec};
use tower::ServiceExt;

pub const START: i64 = 1_790_000_000_000;
pub const BOT: &str = "xoxb-sandbox-bot";

pub struct House {
    pub slack: FakeSlack,
    pub clock: Arc<AtomicI64>,
    pub ann: String,
    pub bob: String,
    pub channel: String,
}

impl House {
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let hands = clock.clone();
        let slack = FakeSlack::new(options, Arc::new(move || hands.load(Ordering::SeqCst)), 7);
        let person = |name: &str, real: &str| PersonSpec {
            name: name.into(),
            real_name: real.into(),
            display_name: name.into(),
            email: Some(format!("{name}@example.com")),
            ..PersonSpec::default()
        };
        let ann = slack.add_person(person("ann", "Ann Lee"));
        let bob = slack.add_person(person("bob", "Bob Ray"));
        let channel = slack.add_channel(ChannelSpec {
            name: "support".into(),
            members: vec![ann.clone(), bob.clone()],
            app_is_member: true,
            ..ChannelSpec::default()
        });
        House { slack, clock, ann, bob, channel }
    }

    pub fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    pub async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, Vec<u8>) {
        let response = self.slack.router().oneshot(request).await.expect("the router is infallible");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.map(|bytes| bytes.to_vec()).unwrap_or_default();
        (parts.status, parts.headers, body)
    }

    pub async fn json(&self, token: &str, method: &str, args: Value) -> Value {
        let request = Request::post(format!("/slack/api/{method}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Body::from(args.to_string()))
            .expect("a request");
        serde_json::from_slice(&self.send(request).await.2).expect("JSON")
    }

    pub async fn form(&self, token: &str, method: &str, args: &[(&str, &str)]) -> Value {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(args).finish();
        let request = Request::get(format!("/slack/api/{method}?{query}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty())
            .expect("a request");
        serde_json::from_slice(&self.send(request).await.2).expect("JSON")
    }

    pub async fn post(&self, args: Value) -> Value {
        let mut whole = json!({"channel": self.channel});
        whole.as_object_mut().expect("an object").extend(args.as_object().expect("an object").clone());
        self.json(BOT, "chat.postMessage", whole).await
    }

    /// Takes what is due, answers 200 to all, and gives the bodies of the events.
    pub fn events(&self) -> Vec<Value> {
        self.parcels().into_iter().map(|parcel| serde_json::from_slice(&parcel.body).expect("JSON")).collect()
    }

    pub fn parcels(&self) -> Vec<Parcel> {
        let parcels = self.slack.take_due();
        for parcel in &parcels {
            self.slack.settle(parcel.id, answered(200, ""));
        }
        parcels
    }

    pub fn fault(&self, call: &str, fault: Fault) {
        self.slack.faults().add(Rule { call: call.into(), fault, times: Some(1), percent: None });
    }
}

pub fn answered(status: u16, body: &str) -> Receipt {
    Receipt::Answered { status, retry_after: None, body: body.into() }
}

pub fn header_of<'a>(parcel: &'a Parcel, name: &str) -> Option<&'a str> {
    parcel.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

pub fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

pub fn form_of(parcel: &Parcel) -> std::collections::BTreeMap<String, String> {
    url::form_urlencoded::parse(&parcel.body).into_owned().collect()
}

/// The usual app without a scope.
pub fn without(scope: &str) -> Options {
    let mut options = Options::default();
    options.scopes.retain(|one| one != scope);
    options
}
