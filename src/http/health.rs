//! Whether the app is alive, whether it can take what comes, and its metrics.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Front;

/// How many of the things that last are listed; their number is told in any case.
const LASTING_SHOWN: usize = 50;

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready or not, and no more: anybody may ask. The status is that of the details.
pub(super) async fn ready_or_not(State(front): State<Front>) -> Response {
    let (status, _) = readiness(&front).await;
    (status, Json(json!({ "ready": status.is_success() }))).into_response()
}

/// How the app stands, for its operator.
pub(super) async fn readyz(State(front): State<Front>) -> Response {
    let (status, body) = readiness(&front).await;
    (status, Json(body)).into_response()
}

/// Whether the app takes what comes, and what an operator asks first.
///
/// 503 while it starts, with what it waits for, and if the database cannot be written. A vendor that is down later is no
/// reason to take the app away from the other.
async fn readiness(front: &Front) -> (StatusCode, Value) {
    // Anybody may ask, so the disk is asked at most once a second.
    let now = front.clock.now_ms();
    let checked = (0..1000).contains(&(now - front.writable_at.load(Ordering::Relaxed)));
    if !checked && let Err(error) = front.store.check().await {
        tracing::error!(error = %error, "the database cannot be written");
        let body = json!({ "ready": false, "problem": "the database cannot be written" });
        return (StatusCode::SERVICE_UNAVAILABLE, body);
    }
    if !checked {
        front.writable_at.store(now, Ordering::Relaxed);
    }
    let Some(ready) = front.ready.get() else {
        let why = front.starting.lock().unwrap_or_else(PoisonError::into_inner).clone();
        return (StatusCode::SERVICE_UNAVAILABLE, json!({ "ready": false, "starting": why }));
    };
    let parked = front.store.parked().await.unwrap_or_default();
    let report = ready.engine.report();
    let paused: Vec<Value> = report
        .paused
        .iter()
        .zip(&report.paused_since_ms)
        .map(|((vendor, why), since)| json!({ "vendor": vendor.as_str(), "why": why, "since": since.map(time) }))
        .collect();
    let lasting =
        report.lasting.iter().take(LASTING_SHOWN).map(
            |one| json!({ "about": one.about, "subject": one.subject, "why": one.why, "since": time(one.since_ms) }),
        );
    let body = json!({
        "ready": true,
        "waiting": {
            "events": report.events,
            "to_slack": report.to_slack,
            "to_zendesk": report.to_zendesk,
            "oldest_to_slack_secs": report.oldest_to_slack_secs,
            "oldest_to_zendesk_secs": report.oldest_to_zendesk_secs,
        },
        "paused": paused,
        "lasting": lasting.collect::<Vec<Value>>(),
        "lasting_in_all": report.lasting.len(),
        "parked": parked.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "feed": report.feed,
        "feed_read_secs_ago": report.feed_read_secs_ago,
        "slack_checked_secs_ago": report.slack_checked_secs_ago,
        "waiting_for_catch_up": report.waiting_for_catch_up,
    });
    (StatusCode::OK, body)
}

fn time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map(|at| at.to_string()).unwrap_or_default()
}

pub(super) async fn metrics(State(front): State<Front>) -> Response {
    if let Some(ready) = front.ready.get() {
        // Making the report sets the gauges.
        ready.engine.report();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], front.metrics.encode()).into_response()
}
