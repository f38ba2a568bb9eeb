//! The tour is closed by a form and stays closed: a cookie says so.

use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::post;

use super::Desktop;
use crate::page::Asked;

const COOKIE: &str = "sidethread_tour=closed";

pub(super) fn router() -> axum::Router<Desktop> {
    axum::Router::new().route("/sandbox/tour/close", post(close))
}

/// Whether this window closed the tour.
pub(super) fn is_closed(headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|value| value.split(';')).any(|cookie| cookie.trim() == COOKIE)
}

async fn close(State(desktop): State<Desktop>, Form(asked): Form<Asked>) -> Response<Body> {
    let place = desktop.place(&asked).with_tour_closed();
    let mut response = Redirect::to(&place.address()).into_response();
    let cookie = HeaderValue::from_static("sidethread_tour=closed; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}
