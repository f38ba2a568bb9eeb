//! What the forms in the middle of the page do: an operator of the bridge.

use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::Response;
use axum::routing::post;
use serde::Deserialize;

use super::Desktop;
use crate::sandbox::page::Asked;

pub(super) fn router() -> axum::Router<Desktop> {
    axum::Router::new().route("/sandbox/bridge/retry", post(retry))
}

#[derive(Deserialize)]
struct Filled {
    #[serde(flatten)]
    asked: Asked,
    /// The parked call.
    #[serde(default)]
    what: String,
}

async fn retry(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    let done = match filled.what.parse() {
        Ok(id) => desktop.sandbox.operator.retry(id).await,
        Err(_) => Err("A parked call is named by its number.".to_owned()),
    };
    desktop.back(&place, done.map(|()| "bridge".to_owned())).await
}
