//! The fake Zendesk, through its API as any client sees it.

mod conversations;
mod feed;
mod nudges;
mod refusals;
mod rules;
mod switches;
mod tickets;
mod trials;
mod who;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use sidethread_sandbox::faults::{Fault, Rule};
use sidethread_sandbox::post::{Parcel, Receipt, Sender};
use sidethread_sandbox::zendesk::{FakeZendesk, Options, TicketChange, TicketSpec, Unconfirmed, UserSpec};
use tower::ServiceExt;

pub const START: i64 = 1_778_246_568_141;

pub struct Account {
    pub zendesk: FakeZendesk,
    pub clock: Arc<AtomicI64>,
    pub agent: i64,
    pub customer: i64,
    pub ticket: i64,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

impl Account {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Unconfirmed)) -> Self {
        let mut options = Options { limits: false, ..Options::default() };
        change(&mut options.unconfirmed);
        Self::of(options)
    }

    pub fn of(options: Options) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let now = clock.clone();
        let zendesk = FakeZendesk::new(options, Arc::new(move || now.load(Ordering::SeqCst)), 7);
        let person = |name: &str, email: &str, role: &str| UserSpec {
            name: name.into(),
            email: Some(email.into()),
            role: role.into(),
            ..UserSpec::default()
        };
        let agent = zendesk.add_user(person("Agent", "agent@example.com", "agent"));
        let customer = zendesk.add_user(person("Customer", "customer@example.com", "end-user"));
        let ticket = zendesk.add_ticket(TicketSpec {
            id: Some(35436),
            subject: "My mouse is on fire!".into(),
            description: "It smokes.\nA lot.".into(),
            requester_id: customer,
            priority: Some("high".into()),
            tags: vec!["mouse".into()],
            ..TicketSpec::default()
        });
        Account { zendesk, clock, agent, customer, ticket }
    }

    pub fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.zendesk.router().oneshot(request).await.expect("the router is infallible");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, text, json }
    }

    pub async fn as_with(&self, authorization: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/zendesk/api/v2/{path}"));
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).expect("a sound request")).await
    }

    pub async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.as_with("Bearer sandbox-access-token", method, path, Some(body)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.as_with("Bearer sandbox-access-token", "GET", path, None).await
    }

    pub async fn get_as(&self, user: i64, path: &str) -> Answer {
        let token = self.zendesk.token_of(user).unwrap_or_default();
        self.as_with(&format!("Bearer {token}"), "GET", path, None).await
    }

    pub fn started(&self) -> String {
        self.zendesk.start_side_conversation(self.agent, self.ticket, &["someone@example.org"], "Help", "<p>Hello</p>")
    }

    /// The path of a side conversation of the ticket.
    pub fn at(&self, id: &str, rest: &str) -> String {
        format!("tickets/{}/side_conversations/{id}{rest}", self.ticket)
    }

    pub fn close(&self) {
        assert!(
            self.zendesk.set_ticket(self.ticket, TicketChange { status: Some("closed".into()), ..Default::default() })
        );
    }

    pub fn fault(&self, call: &str, fault: Fault, times: Option<u32>) {
        self.zendesk.faults().add(Rule { call: call.into(), fault, times, percent: None });
    }

    pub fn settle_all(&self) -> usize {
        let parcels = self.zendesk.take_due();
        parcels.iter().for_each(|parcel| self.zendesk.settle(parcel.id, answered(200, None)));
        parcels.len()
    }
}

pub fn answered(status: u16, retry_after: Option<u64>) -> Receipt {
    Receipt::Answered { status, retry_after, body: Vec::new() }
}

pub fn header(parcel: &Parcel, name: &str) -> String {
    parcel.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

pub fn to(email: &str) -> Value {
    json!([{ "email": email }])
}
