//! Zendesk's trigger: a nudge, trusted for nothing but "look at this ticket".

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Front;
use crate::zendesk::decode;
use crate::zendesk::verify::{self, Refusal};

/// Zendesk sends again after a 409, at most three times, and after no other refusal without `Retry-After`.
const AGAIN: StatusCode = StatusCode::CONFLICT;

pub(super) async fn webhook(State(front): State<Front>, request: Request) -> Response {
    let body = match signed(&front, request).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let Some(ticket_id) = decode::nudge(&body) else {
        front.refusals.tell("a webhook names no ticket", &r#"its body should be {"ticket_id": "{{ticket.id}}"}"#);
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

/// The body of a request, if Zendesk signed it.
async fn signed(front: &Front, request: Request) -> Result<Bytes, Response> {
    let (parts, body) = request.into_parts();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let timestamp = header("x-zendesk-webhook-signature-timestamp");
    let signature = header("x-zendesk-webhook-signature");
    let refuse = |refusal: Refusal| {
        front.metrics.not_mirrored("unsigned");
        front.refusals.tell("a request that claims to be Zendesk's was refused", &refusal);
        (StatusCode::UNAUTHORIZED, refusal.to_string()).into_response()
    };
    verify::head(timestamp, signature, front.clock.now_ms()).map_err(refuse)?;
    let body = front.unverified.read(&parts.headers, body).await.map_err(IntoResponse::into_response)?;
    front.zendesk_verifier.verify(timestamp, signature, &body, front.clock.now_ms()).map_err(refuse)?;
    Ok(body)
}
