//! What the operator's own command tells the running bridge: into which ticket another one was merged.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::Front;
use super::parked::{problem, refused};
use crate::bridge::ids::TicketId;

#[derive(Deserialize)]
struct Merged {
    source: TicketId,
    into: TicketId,
}

pub(super) async fn merged(State(front): State<Front>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(reason) = refused(&headers) {
        front.refusals.tell("a request to say where a merged ticket goes on was refused", &reason);
        return problem(StatusCode::FORBIDDEN, reason);
    }
    let Ok(Merged { source, into }) = serde_json::from_slice(&body) else {
        return problem(StatusCode::BAD_REQUEST, "it names no two tickets");
    };
    let Some(ready) = front.ready.get() else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "the bridge is still starting; try again in a minute");
    };
    match ready.engine.merged_into(source, into).await {
        Ok(told) => Json(json!({ "told": told })).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "where a merged ticket goes on could not be stored");
            problem(StatusCode::SERVICE_UNAVAILABLE, "the database cannot be written; ask again")
        }
    }
}
