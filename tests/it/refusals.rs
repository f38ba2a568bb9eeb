//! Bad input gets a clear answer and stores nothing.

use std::time::Duration;

use sidethread::engine::clock::Clock;

use crate::house::{House, SLACK_SECRET, START_MS};

fn sign(secret: &str, timestamp: i64, body: &[u8]) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let message = [format!("v0:{timestamp}:").as_bytes(), body].concat();
    let tag = aws_lc_rs::hmac::sign(&key, &message);
    format!("v0={}", tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

async fn slack(app: &House, path: &str, body: &[u8]) -> u16 {
    let now = app.clock.now_ms() / 1000;
    let signature = sign(SLACK_SECRET, now, body);
    let headers = [("x-slack-request-timestamp", now.to_string()), ("x-slack-signature", signature)];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    app.post(path, &headers, body).await
}

async fn zendesk(app: &House, body: &[u8]) -> u16 {
    let time = jiff::Timestamp::from_millisecond(app.clock.now_ms()).unwrap().to_string();
    let signature = sidethread::sandbox::zendesk::sign(crate::house::ZENDESK_SECRET, &time, body);
    let headers =
        [("x-zendesk-webhook-signature-timestamp", time.as_str()), ("x-zendesk-webhook-signature", signature.as_str())];
    app.post("/zendesk/webhook", &headers, body).await
}

#[tokio::test]
async fn unsigned_stale_and_future_requests_are_refused() {
    let app = House::new().await;
    let now = app.clock.now_ms() / 1000;
    let body = br#"{"type":"url_verification","challenge":"c"}"#;
    for path in ["/slack/events", "/slack/commands", "/slack/interactions"] {
        assert_eq!(app.post(path, &[], body).await, 401);
        for (time, secret) in [(now - 301, SLACK_SECRET), (now + 301, SLACK_SECRET), (now, "wrong")] {
            let signature = sign(secret, time, body);
            let time = time.to_string();
            let headers = [("x-slack-request-timestamp", time.as_str()), ("x-slack-signature", signature.as_str())];
            assert_eq!(app.post(path, &headers, body).await, 401);
        }
    }
    assert_eq!(app.post("/zendesk/webhook", &[], br#"{"ticket_id":"1"}"#).await, 401);
}

#[tokio::test]
async fn a_body_over_one_mebibyte_is_too_large() {
    let app = House::new().await;
    let body = vec![b'x'; (1 << 20) + 1];
    for path in ["/slack/events", "/slack/commands", "/slack/interactions"] {
        assert_eq!(slack(&app, path, &body).await, 413, "{path}");
    }
    assert_eq!(zendesk(&app, &body).await, 413);
}

#[tokio::test]
async fn a_signed_body_of_slack_is_always_answered_200() {
    let app = House::new().await;
    let long = "[".repeat(5000);
    for body in
        ["", "{", "null", "[]", "payload=%7B", "payload=x", "ssl_check=1&token=x", "text=a", long.as_str(), "\u{0}"]
    {
        for path in ["/slack/events", "/slack/commands", "/slack/interactions"] {
            assert_eq!(slack(&app, path, body.as_bytes()).await, 200, "{path} {body:.20}");
        }
    }
    assert_eq!(slack(&app, "/slack/events", &[0xff, 0xfe]).await, 200);
    assert_eq!(slack(&app, "/slack/events", br#"{"type":"url_verification","challenge":"abc"}"#).await, 200);
}

#[tokio::test]
async fn events_that_ask_for_nothing_are_answered_and_say_nothing() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let before = (app.slack.thread(&channel, &ts).len(), app.notes().len());
    let item = serde_json::json!({"type": "message", "channel": channel, "ts": ts});
    let direct = serde_json::json!({"type": "message", "channel": "D0ANA", "channel_type": "im", "user": app.ana,
        "text": "hello?", "ts": "1700000002.000100"});
    let mut in_thread = direct.clone();
    in_thread["thread_ts"] = "1700000001.000100".into();
    let events = [
        serde_json::json!({"type": "app_home_opened", "user": app.ana, "channel": "D0ANA", "tab": "home"}),
        serde_json::json!({"type": "reaction_added", "user": app.ana, "reaction": "eyes", "item": item}),
        serde_json::json!({"type": "reaction_removed", "user": app.ana, "reaction": "eyes", "item": item}),
        serde_json::json!({"type": "channel_created", "channel": {"id": "C9", "name": "new", "creator": app.ana}}),
        serde_json::json!({"type": "emoji_changed", "subtype": "add", "name": "shipit"}),
        serde_json::json!({"type": "subteam_created", "subteam": {"id": "S1", "handle": "ops"}}),
        serde_json::json!({"type": "subteam_updated", "subteam": {"id": "S1", "handle": "ops"}}),
        direct,
        in_thread,
    ];
    for (n, event) in events.iter().enumerate() {
        let body = serde_json::json!({"type": "event_callback", "event_id": format!("Ev{n}"), "event": event});
        assert_eq!(slack(&app, "/slack/events", body.to_string().as_bytes()).await, 200, "{event}");
    }
    app.settle().await;
    assert_eq!((app.slack.thread(&channel, &ts).len(), app.notes().len()), before);
    assert_eq!(app.carried(&sc), Vec::<String>::new());
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_cannot_be_read_but_names_a_bridged_thread_is_kept() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let body = serde_json::json!({"type": "event_callback", "event_id": "Ev9", "event": {"type": "message",
        "channel": channel, "thread_ts": ts, "ts": 5, "user": app.ana, "text": "odd"}});
    assert_eq!(slack(&app, "/slack/events", body.to_string().as_bytes()).await, 200);
    let metrics = app.metrics().await;
    assert!(metrics.contains("sidethread_parked_total{direction=\"slack_to_zendesk\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_webhook_without_a_ticket_is_a_bad_request_and_one_that_cannot_be_stored_comes_again() {
    let app = House::new().await;
    let webhook = async |body: &str| zendesk(&app, body.as_bytes()).await;
    assert_eq!(webhook("{}").await, 400);
    assert_eq!(webhook("not json").await, 400);
    assert_eq!(webhook(r#"{"ticket_id": 35436, "title": "x"}"#).await, 200);
    assert_eq!(webhook(r#"{"ticket_id": "35436"}"#).await, 200);
    app.settle().await;
    app.app.store().close().await;
    assert_eq!(webhook(r#"{"ticket_id": "35436"}"#).await, 409);
    assert_eq!(slack(&app, "/slack/events", br#"{"type":"url_verification","challenge":"c"}"#).await, 200);
    assert_eq!(app.get("/readyz").await.0, 503);
    assert_eq!(app.get("/healthz").await.0, 200);
}

#[tokio::test]
async fn a_stranger_learns_whether_the_app_is_ready_and_no_more() {
    let app = House::new().await;
    let ask = async || {
        let request = http::Request::get("/readyz").body(bytes::Bytes::new()).unwrap();
        let response = crate::house::call(&app.router, request).await.unwrap();
        (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
    };
    assert_eq!(ask().await, (200, r#"{"ready":true}"#.to_owned()));
    assert!(app.get("/readyz").await.1["waiting"].is_object(), "its operator learns the rest");
    app.app.store().close().await;
    app.clock.advance(Duration::from_secs(2));
    assert_eq!(ask().await, (503, r#"{"ready":false}"#.to_owned()));
}

#[tokio::test]
async fn the_bridge_serves_nothing_of_the_sandbox() {
    let app = House::new().await;
    for path in ["/", "/sandbox", "/sandbox/faults", "/slack/api/auth.test", "/zendesk/api/v2/users/me", "/metrics"] {
        assert_eq!(app.get(path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn a_second_process_and_a_newer_database_are_refused() {
    use sidethread::store::{Store, StoreError};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let first = Store::open(&path).await.unwrap();
    assert!(matches!(Store::open(&path).await, Err(StoreError::InUse(_))));
    first.close().await;
    drop(first);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (999, 'later', 1, x'00', 0)")
        .execute(&pool).await.unwrap();
    pool.close().await;
    assert!(matches!(Store::open(&path).await, Err(StoreError::Newer(_, 999))));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn payloads_go_after_their_time_and_keys_stay() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>perishable-canary</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "perishable-too-canary").unwrap();
    app.settle().await;
    app.clock.advance(Duration::from_secs(31 * 24 * 3600));
    app.pass(Duration::from_secs(130)).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(app.database()).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT (SELECT count(*) FROM inbox WHERE event_json LIKE '%perishable%') + (SELECT count(*) FROM outbox WHERE effect_json LIKE '%perishable%')")
        .fetch_one(&pool).await.unwrap();
    assert_eq!(left, 0);
    let keys: i64 = sqlx::query_scalar("SELECT count(*) FROM inbox").fetch_one(&pool).await.unwrap();
    assert!(keys >= 2);
    assert!(START_MS < app.clock.now_ms());
}
