//! What the operator's view of the lanes shows: each message once, with all that it set off.

use axum::body::Body;
use serde_json::Value;
use tower::ServiceExt;

use crate::house::House;

async fn lanes(app: &House, header: bool) -> (u16, Value) {
    let mut request = http::Request::get("/lanes").header("host", "127.0.0.1");
    if header {
        request = request.header("sidethread-admin", "1");
    }
    let answer = app.app.admin_router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

fn acts(message: &Value) -> Vec<(&str, &str)> {
    let calls = message["calls"].as_array().unwrap();
    calls.iter().map(|call| (call["act"].as_str().unwrap(), call["state"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn each_message_is_shown_once_with_all_that_it_set_off() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down since nine?</p>").await;
    let (channel, root) = app.thread(&sc);
    let said = app.slack.say(&app.ana, &channel, Some(&root), "on my way").unwrap();
    app.settle().await;
    let (status, told) = lanes(&app, true).await;
    assert_eq!((status, &told["ready"]), (200, &Value::from(true)));
    let messages = told["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2, "{told:#}");
    assert_eq!(messages[0]["event"]["name"], sc.as_str());
    assert_eq!(messages[0]["thread"]["thread_ts"], root.as_str());
    assert_eq!(acts(&messages[0]), [("read_ticket", "done"), ("open_channel", "done"), ("post_card", "done")]);
    assert_eq!((&messages[1]["event"]["source"], &messages[1]["event"]["name"]), (&"slack".into(), &said.into()));
    assert_eq!(acts(&messages[1]), [("reply", "done")]);
    assert_eq!(told["counts"]["waiting"], 0);
    let text = told.to_string();
    assert!(!text.contains("on my way") && !text.contains("Down since") && !text.contains("Scanner"), "{text}");
    assert_eq!(lanes(&app, true).await.1, told, "nothing happened, nothing changed");
    assert_eq!(lanes(&app, false).await.0, 403);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_call_that_waits_keeps_its_cause_however_much_has_come_since() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let other = app.ask("engineering", "Printer", "<p>Down too?</p>").await;
    let (channel, root) = app.thread(&sc);
    app.zendesk.faults().add(
        serde_json::from_value(
            serde_json::json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 40, "times": 1}),
        )
        .unwrap(),
    );
    let said = app.slack.say(&app.ana, &channel, Some(&root), "on my way").unwrap();
    app.settle_within(std::time::Duration::ZERO).await;
    for at in 0..90 {
        app.zendesk.reply(app.zoe, &other, &format!("<p>and {at}</p>"));
        app.settle_within(std::time::Duration::ZERO).await;
    }
    let (_, told) = lanes(&app, true).await;
    let messages = told["messages"].as_array().unwrap();
    let waiting = messages.iter().find(|message| message["event"]["name"] == *said).unwrap();
    assert_eq!(acts(waiting), [("reply", "waiting")]);
    assert_eq!(waiting["calls"][0]["tries"].as_array().map(Vec::len), Some(1), "{waiting:#}");
    app.settle().await;
    assert_eq!(app.answers(&sc), ["on my way"]);
    app.ends_quietly().await;
}
