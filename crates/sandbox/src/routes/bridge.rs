//! `/sandbox/bridge`: what the bridge's process does, and an end to it; and what the vendors and an operator would
//! ask of it, passed on.

use axum::Router;
use axum::body::Body;
use axum::extract::{Form, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, Response, StatusCode, header};
use axum::routing::{any, get, post};
use serde_json::json;

use super::Desktop;
use super::json::answer;
use crate::bridge::Bridge;
use crate::page::Asked;

/// The largest body that is passed on, in bytes.
const LARGEST: usize = 4 << 20;
/// What is said of one connection and not of the message.
const OF_THE_CONNECTION: [HeaderName; 5] =
    [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::UPGRADE];

/// What there is where a bridge runs.
pub(super) fn router() -> Router<Desktop> {
    Router::new()
        .route("/sandbox/bridge", get(standing))
        .route("/sandbox/bridge/kill", post(kill))
        .route("/slack/events", any(pass_on))
        .route("/slack/interactions", any(pass_on))
        .route("/slack/commands", any(pass_on))
        .route("/zendesk/webhook", any(pass_on))
        .route("/healthz", any(pass_on))
        .route("/readyz", any(pass_on_to_admin))
        .route("/metrics", any(pass_on_to_admin))
        .route("/parked/{*rest}", any(pass_on_to_admin))
}

async fn standing(State(desktop): State<Desktop>) -> Response<Body> {
    match desktop.sandbox.bridge() {
        Some(bridge) => told(bridge),
        None => answer(StatusCode::NOT_FOUND, &json!({ "error": "no bridge runs here" })),
    }
}

/// Kills it; a browser is led back to the page, where it sees the bridge come back.
async fn kill(State(desktop): State<Desktop>, request: Request) -> Response<Body> {
    let Some(bridge) = desktop.sandbox.bridge() else {
        return answer(StatusCode::NOT_FOUND, &json!({ "error": "no bridge runs here" }));
    };
    let killed = bridge.kill().await;
    let accepted = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains("text/html")) {
        let filled = Form::<Asked>::from_request(request, &()).await;
        let place = desktop.place(&filled.map(|Form(asked)| asked).unwrap_or_default());
        let why = "The bridge does not run at this moment; it is about to start.";
        return desktop.back(&place, if killed { Ok("bridge".to_owned()) } else { Err(why.to_owned()) }).await;
    }
    match killed {
        true => told(bridge),
        false => answer(StatusCode::CONFLICT, &json!({ "error": "the bridge does not run at this moment" })),
    }
}

fn told(bridge: &Bridge) -> Response<Body> {
    answer(StatusCode::OK, &json!(bridge.standing()))
}

async fn pass_on(State(desktop): State<Desktop>, request: Request) -> Response<Body> {
    let url = desktop.sandbox.bridge().map(Bridge::url).unwrap_or_default();
    passed_on(&desktop, &url, request).await
}

async fn pass_on_to_admin(State(desktop): State<Desktop>, request: Request) -> Response<Body> {
    let url = desktop.sandbox.bridge().map(Bridge::admin_url).unwrap_or_default();
    passed_on(&desktop, &url, request).await
}

async fn passed_on(desktop: &Desktop, url: &str, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some(bridge) = desktop.sandbox.bridge().filter(|_| !url.is_empty()) else {
        return answer(StatusCode::BAD_GATEWAY, &json!({ "error": "no bridge runs here" }));
    };
    let Ok(body) = axum::body::to_bytes(body, LARGEST).await else {
        return answer(StatusCode::PAYLOAD_TOO_LARGE, &json!({ "error": "this is too large" }));
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    match bridge.ask(parts.method, &format!("{url}{path}"), without_connection(&parts.headers), body).await {
        Ok((status, headers, body)) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            *response.headers_mut() = without_connection(&headers);
            response
        }
        Err(_) => answer(StatusCode::BAD_GATEWAY, &json!({ "error": "the bridge does not answer" })),
    }
}

fn without_connection(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in OF_THE_CONNECTION {
        kept.remove(name);
    }
    kept
}
