//! What the forms in the middle of the page do: an operator of the bridge.

use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::Response;
use axum::routing::post;

use super::{Desktop, Named};

pub(super) fn router() -> axum::Router<Desktop> {
    axum::Router::new().route("/sandbox/bridge/retry", post(retry))
}

/// `what` is the parked call.
async fn retry(State(desktop): State<Desktop>, Form(filled): Form<Named>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    let done = match filled.what.parse() {
        Ok(id) => desktop.sandbox.operator.retry(id).await,
        Err(_) => Err("A parked call is named by its number.".to_owned()),
    };
    desktop.back(&place, done.map(|()| "bridge".to_owned())).await
}
