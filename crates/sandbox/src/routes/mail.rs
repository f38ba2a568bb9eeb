//! `/sandbox/mail`: what side conversations sent to people outside, and an answer from one of them.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::routing::get;
use bytes::Bytes;
use serde_json::{Value, json};

use super::Desktop;
use super::json::answer;

pub(super) fn router() -> Router<Desktop> {
    Router::new().route("/sandbox/mail", get(outbox).post(reply))
}

/// The latest first.
async fn outbox(State(desktop): State<Desktop>) -> Response<Body> {
    let mut mail = desktop.sandbox.zendesk.outgoing_mail();
    mail.reverse();
    answer(
        StatusCode::OK,
        &json!({
            "mail": mail,
            "help": {"POST": "{\"side_conversation_id\": \"…\", \"from\": \"someone@outside.example\", \"text\": \"…\"} answers by mail."},
        }),
    )
}

async fn reply(State(desktop): State<Desktop>, body: Bytes) -> Response<Body> {
    let wrong = |why: &str| answer(StatusCode::BAD_REQUEST, &json!({ "error": why }));
    let Ok(given) = serde_json::from_slice::<Value>(&body) else { return wrong("this is not JSON") };
    let text = |name: &str| given[name].as_str().map(str::trim).filter(|text| !text.is_empty());
    let (Some(id), Some(from), Some(said)) = (text("side_conversation_id"), text("from"), text("text")) else {
        return wrong("side_conversation_id, from and text are needed");
    };
    if !from.contains('@') {
        return wrong("from is no mail address");
    }
    let event = desktop.sandbox.zendesk.reply_by_mail(from, id, said);
    if event.is_empty() {
        return wrong("Zendesk does not take this mail: the side conversation is not there, or takes none");
    }
    answer(StatusCode::CREATED, &json!({ "event_id": event }))
}
