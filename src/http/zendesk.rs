//! Zendesk's trigger: a nudge, trusted for nothing but "look at this ticket".

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::Front;
use crate::zendesk::decode;

/// Zendesk sends again after a 409, at most three times, and after no other refusal without `Retry-After`.
const AGAIN: StatusCode = StatusCode::CONFLICT;

pub(super) async fn webhook(State(front): State<Front>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let verified = front.zendesk_verifier.verify(
        header("x-zendesk-webhook-signature-timestamp"),
        header("x-zendesk-webhook-signature"),
        &body,
        front.clock.now_ms(),
    );
    if let Err(refusal) = verified {
        front.metrics.not_mirrored("unsigned");
        tracing::warn!(reason = %refusal, "a request that claims to be Zendesk's was refused");
        return (StatusCode::UNAUTHORIZED, refusal.to_string()).into_response();
    }
    let Some(ticket_id) = decode::nudge(&body) else {
        tracing::warn!("a webhook names no ticket; its body should be {{\"ticket_id\": \"{{{{ticket.id}}}}\"}}");
        return (StatusCode::BAD_REQUEST, "the body names no ticket_id").into_response();
    };
    let Some(ready) = front.ready.get() else { return AGAIN.into_response() };
    match ready.engine.nudge(ticket_id).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            tracing::error!(error = %error, zendesk.ticket_id = %ticket_id, "a webhook could not be stored; Zendesk is asked to send it again");
            AGAIN.into_response()
        }
    }
}
