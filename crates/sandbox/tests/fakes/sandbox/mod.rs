//! The sandbox as people and programs meet it: its page, its forms, its faults, its guard and its carrier.

mod faults;
mod firm;
mod forms;
mod guarded;
mod page;
mod proof;
mod waiting;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value;
use sidethread_sandbox::post::Now;
use sidethread_sandbox::{Credentials, Sandbox};
use tower::ServiceExt;

pub const START: i64 = 1_790_000_000_000;
pub const HOST: &str = "127.0.0.1:8080";
pub const SUPPORT: &str = "C0SUPPORT01";
pub const MARTA: &str = "U0MARTA0001";

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }
}

pub fn sandbox() -> Sandbox {
    let now: Now = Arc::new(|| START);
    Sandbox::with_credentials(&format!("http://{HOST}"), now, 7, Credentials::of_seed(7))
}

pub async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.expect("the router is infallible");
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}

pub async fn get(router: &Router, path: &str) -> Answer {
    send(router, Request::get(path).body(Body::empty()).expect("a request")).await
}

/// Sends a form and follows it back to the page.
pub async fn fill(router: &Router, path: &str, fields: &[(&str, &str)]) -> (String, Answer) {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .expect("a request");
    let answer = send(router, request).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let location = answer.header("location").to_owned();
    let page = get(router, location.split('#').next().unwrap_or_default()).await;
    assert_eq!(page.status, StatusCode::OK);
    (location, page)
}

pub fn first_ticket(sandbox: &Sandbox) -> String {
    sandbox.world.tickets[0].to_string()
}

pub async fn switch(router: &Router, faults: &str) -> (u16, Value) {
    let request = Request::post("/sandbox/faults").body(Body::from(faults.to_owned())).expect("a request");
    let answer = send(router, request).await;
    (answer.status.as_u16(), answer.json())
}
