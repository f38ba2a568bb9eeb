//! What the forms in the middle of the page do, an operator of the bridge, and what the middle counts, for programs.

use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};

use super::json::answer;
use super::{Desktop, Named};

pub(super) fn router() -> axum::Router<Desktop> {
    axum::Router::new().route("/sandbox/bridge/retry", post(retry)).route("/sandbox/proof", get(proof))
}

/// Whether all that was said on one side stands on the other.
async fn proof(State(desktop): State<Desktop>) -> Response<Body> {
    let lanes = desktop.sandbox.operator.lanes().await;
    answer(StatusCode::OK, &desktop.sandbox.proof(lanes.as_deref()).to_json())
}

/// `what` are the parked calls of one message, with commas.
async fn retry(State(desktop): State<Desktop>, Form(filled): Form<Named>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    let mut done = Err("A parked call is named by its number.".to_owned());
    for id in filled.what.split(',').filter_map(|id| id.parse().ok()) {
        let tried = desktop.sandbox.operator.retry(id).await;
        // One try may set others free.
        done = if done.is_ok() { done } else { tried };
    }
    desktop.back(&place, done.map(|()| "bridge".to_owned())).await
}
