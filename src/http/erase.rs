//! What the operator's own command asks of the running bridge: to erase what it keeps of a ticket or of a person.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::Front;
use super::parked::{problem, refused};
use crate::engine::erase::{Erased, Erasure};

/// How often a thread that is busy is asked for again, and how long after.
const TRIES: usize = 20;
const AGAIN: Duration = Duration::from_millis(100);

pub(super) async fn erase(State(front): State<Front>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(reason) = refused(&headers) {
        front.refusals.tell("a request to erase was refused", &reason);
        return problem(StatusCode::FORBIDDEN, reason);
    }
    let Ok(mut erasure) = serde_json::from_slice::<Erasure>(&body) else {
        return problem(StatusCode::BAD_REQUEST, "it names neither a ticket nor a person");
    };
    let Some(ready) = front.ready.get() else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "the bridge is still starting; try again in a minute");
    };
    let unasked = !ready.engine.learn_names(&mut erasure).await;
    let mut tries = 0;
    loop {
        tries += 1;
        match ready.engine.erase(&erasure).await {
            Ok(erased) if erased.busy == 0 || tries == TRIES => {
                return Json(Erased { unasked, ..erased }).into_response();
            }
            Ok(_) => front.clock.sleep(AGAIN).await,
            Err(error) => {
                tracing::error!(error = %error, "what was to be erased could not be erased");
                return problem(StatusCode::SERVICE_UNAVAILABLE, "the database cannot be written; ask again");
            }
        }
    }
}
