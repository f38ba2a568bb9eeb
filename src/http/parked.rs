//! What the operator's own command asks of the running bridge about what is parked.
//!
//! `admin_listen` is loopback unless the settings say otherwise, and whoever reaches it may ask. A web page that an
//! operator has open must not: a browser sends `Sidethread-Admin` nowhere unasked, and asks first, which nobody
//! answers; and a page whose own name was made to lead here names that name as its host.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Front;
use crate::engine::park::Wished;

/// The header that a request must carry, with the value `1`.
pub const ADMIN_HEADER: &str = "sidethread-admin";

pub(super) async fn retry(State(front): State<Front>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    decide(&front, &id, &headers, true).await
}

pub(super) async fn give_up(State(front): State<Front>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    decide(&front, &id, &headers, false).await
}

async fn decide(front: &Front, id: &str, headers: &HeaderMap, retry: bool) -> Response {
    if let Some(reason) = refused(headers) {
        front.refusals.tell("a request about what is parked was refused", &reason);
        return problem(StatusCode::FORBIDDEN, reason);
    }
    let Ok(id) = id.parse::<i64>() else {
        return problem(StatusCode::BAD_REQUEST, "a parked call is named by its number");
    };
    let Some(ready) = front.ready.get() else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "the bridge is still starting; try again in a minute");
    };
    let asked = match retry {
        true => ready.engine.retry_parked(id).await,
        false => ready.engine.drop_parked(id).await,
    };
    match asked {
        Ok(Wished::Stored) => (StatusCode::ACCEPTED, Json(json!({ "asked": id }))).into_response(),
        Ok(Wished::NotParked) => problem(StatusCode::NOT_FOUND, "no parked call has this number"),
        Ok(Wished::Blank) => {
            problem(StatusCode::CONFLICT, "what it was to do is no longer stored; it can only be dropped")
        }
        Err(error) => {
            tracing::error!(error = %error, outbox.id = id, "a wish about what is parked could not be stored");
            problem(StatusCode::SERVICE_UNAVAILABLE, "the database cannot be written")
        }
    }
}

pub(super) fn refused(headers: &HeaderMap) -> Option<&'static str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::HeaderName::from_static(ADMIN_HEADER)) != Some("1") {
        return Some("the header \"Sidethread-Admin: 1\" is missing");
    }
    if headers.contains_key(header::ORIGIN) {
        return Some("it comes from a web page");
    }
    let host = text(header::HOST).and_then(|host| host.parse::<axum::http::uri::Authority>().ok());
    let named_by_number = host.is_some_and(|host| {
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || name.parse::<IpAddr>().is_ok()
    });
    (!named_by_number).then_some("its Host is neither an IP address nor localhost")
}

pub(super) fn problem(status: StatusCode, problem: &str) -> Response {
    (status, Json(json!({ "problem": problem }))).into_response()
}
