//! Whether the app is alive, whether it can take what comes, and its metrics.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Front;

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready or not, and no more: anybody may ask. The status is that of the details.
pub(super) async fn ready_or_not(state: State<Front>) -> Response {
    let knows_itself = state.ready.get().is_some();
    let status = readyz(state).await.status();
    (status, Json(json!({ "ready": knows_itself && status.is_success() }))).into_response()
}

/// What is known of how the app stands, for its operator. 503 only if the database cannot be written: a vendor that is down is no reason to take the app away from the other.
pub(super) async fn readyz(State(front): State<Front>) -> Response {
    // Anybody may ask, so the disk is asked at most once a second.
    let now = front.clock.now_ms();
    let checked = (0..1000).contains(&(now - front.writable_at.load(Ordering::Relaxed)));
    if !checked && let Err(error) = front.store.check().await {
        tracing::error!(error = %error, "the database cannot be written");
        let body = json!({ "ready": false, "problem": "the database cannot be written" });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    }
    if !checked {
        front.writable_at.store(now, Ordering::Relaxed);
    }
    let Some(ready) = front.ready.get() else {
        let body = json!({ "ready": true, "starting": "waiting until both vendors have said who the app is" });
        return Json(body).into_response();
    };
    let parked = front.store.parked().await.unwrap_or_default();
    let report = ready.engine.report();
    let paused: Vec<_> =
        report.paused.iter().map(|(vendor, why)| json!({ "vendor": vendor.as_str(), "why": why })).collect();
    Json(json!({
        "ready": true,
        "waiting": {
            "events": report.events,
            "to_slack": report.to_slack,
            "to_zendesk": report.to_zendesk,
            "oldest_to_slack_secs": report.oldest_to_slack_secs,
            "oldest_to_zendesk_secs": report.oldest_to_zendesk_secs,
        },
        "paused": paused,
        "parked": parked.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "feed": report.feed,
        "feed_read_secs_ago": report.feed_read_secs_ago,
        "slack_checked_secs_ago": report.slack_checked_secs_ago,
        "waiting_for_catch_up": report.waiting_for_catch_up,
    }))
    .into_response()
}

pub(super) async fn metrics(State(front): State<Front>) -> Response {
    if let Some(ready) = front.ready.get() {
        // Making the report sets the gauges.
        ready.engine.report();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], front.metrics.encode()).into_response()
}
