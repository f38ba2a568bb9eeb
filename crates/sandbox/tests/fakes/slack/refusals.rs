//! What is refused, limited, or fails.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use sidethread_sandbox::faults::{Dropped, Fault, Rule};
use sidethread_sandbox::slack::{ChannelSpec, Options, Quirks};
use tower::ServiceExt;

use super::{BOT, House, START, without};

#[tokio::test]
async fn faults_strike_calls_before_or_after_the_work() {
    let house = House::new();
    let call = || {
        Request::post("/slack/api/chat.postMessage")
            .header(header::AUTHORIZATION, format!("Bearer {BOT}"))
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Body::from(json!({"channel": house.channel, "text": "x"}).to_string()))
            .unwrap()
    };
    let posted = || house.slack.messages(&house.channel).len();
    house.fault("chat.postMessage", Fault::Status { status: 503 });
    assert_eq!(house.send(call()).await.0, StatusCode::SERVICE_UNAVAILABLE);
    house.fault("*", Fault::RateLimited { retry_after: 9 });
    let (status, headers, body) = house.send(call()).await;
    assert_eq!((status, headers[header::RETRY_AFTER].to_str().unwrap()), (StatusCode::TOO_MANY_REQUESTS, "9"));
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), json!({"ok": false, "error": "ratelimited"}));
    house.fault("*", Fault::RateLimitedPlain { retry_after: 8 });
    let (status, headers, body) = house.send(call()).await;
    assert_eq!((status, headers[header::RETRY_AFTER].to_str().unwrap()), (StatusCode::TOO_MANY_REQUESTS, "8"));
    assert_eq!(
        (headers[header::CONTENT_TYPE].to_str().unwrap(), &body[..]),
        ("text/plain; charset=utf-8", &b"Too many requests"[..])
    );
    house.fault("*", Fault::Refused);
    let refused: Value = serde_json::from_slice(&house.send(call()).await.2).unwrap();
    assert_eq!(refused, json!({"ok": false, "error": "invalid_arguments"}));
    house.fault("*", Fault::TokenRevoked);
    assert!(String::from_utf8(house.send(call()).await.2).unwrap().contains("token_revoked"));
    house.fault("*", Fault::DroppedBefore);
    let response = house.slack.router().oneshot(call()).await.unwrap();
    assert!(response.extensions().get::<Dropped>().is_some());
    assert_eq!(posted(), 0);
    house.fault("*", Fault::DroppedAfter);
    let response = house.slack.router().oneshot(call()).await.unwrap();
    assert!(response.extensions().get::<Dropped>().is_some());
    house.fault("*", Fault::Html);
    assert!(house.send(call()).await.2.starts_with(b"<!DOCTYPE"));
    house.fault("*", Fault::ErrorAfter);
    assert_eq!(house.send(call()).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(posted(), 3);
    assert_eq!(house.slack.calls().len(), 9);
    assert_eq!(house.slack.calls()[0], ("chat.postMessage".to_owned(), START));
}

#[tokio::test]
async fn reads_lag_behind_writes() {
    let house = House::new();
    let lag =
        Rule { call: "conversations.history".into(), fault: Fault::ReadsLag { secs: 10 }, times: None, percent: None };
    house.slack.faults().add(lag);
    house.post(json!({"text": "x"})).await;
    let args = [("channel", house.channel.as_str())];
    let read = async || house.form(BOT, "conversations.history", &args).await["messages"].as_array().unwrap().len();
    assert_eq!(read().await, 0);
    house.pass(10_000);
    assert_eq!(read().await, 1);
}

#[tokio::test]
async fn what_slack_refuses() {
    let house = House::new();
    let hidden = house.slack.add_channel(ChannelSpec { name: "hr".into(), private: true, ..ChannelSpec::default() });
    let public = house.slack.add_channel(ChannelSpec { name: "all".into(), ..ChannelSpec::default() });
    let closed = house.slack.add_channel(ChannelSpec {
        name: "old".into(),
        archived: true,
        app_is_member: true,
        ..ChannelSpec::default()
    });
    let reply = {
        let root = house.post(json!({"text": "root"})).await["ts"].clone();
        house.post(json!({"text": "reply", "thread_ts": root})).await["ts"].clone()
    };
    let long = "x".repeat(3001);
    let section = |text: &str| json!({"type": "section", "text": {"type": "mrkdwn", "text": text}});
    let cases = [
        ("chat.postMessage", json!({"channel": hidden, "text": "x"}), "channel_not_found"),
        ("chat.postMessage", json!({"channel": "C0NOBODY", "text": "x"}), "channel_not_found"),
        ("chat.postMessage", json!({"channel": public, "text": "x"}), "not_in_channel"),
        ("chat.postMessage", json!({"channel": closed, "text": "x"}), "is_archived"),
        ("chat.postMessage", json!({"channel": house.channel, "text": " "}), "no_text"),
        ("chat.postMessage", json!({"text": "x"}), "invalid_arguments"),
        ("chat.postMessage", json!({"channel": house.channel, "text": "x", "thread_ts": ""}), "invalid_thread_ts"),
        (
            "chat.postMessage",
            json!({"channel": house.channel, "text": "x", "thread_ts": "1.000000"}),
            "thread_not_found",
        ),
        (
            "chat.postMessage",
            json!({"channel": house.channel, "text": "x", "thread_ts": reply}),
            "cannot_reply_to_message",
        ),
        ("chat.postMessage", json!({"channel": house.channel, "blocks": {"type": "divider"}}), "invalid_blocks_format"),
        ("chat.postMessage", json!({"channel": house.channel, "blocks": [section(&long)]}), "invalid_blocks"),
        ("chat.postMessage", json!({"channel": house.channel, "blocks": vec![section("x"); 51]}), "invalid_blocks"),
        (
            "chat.postMessage",
            json!({"channel": house.channel, "text": "x", "metadata": {"event_type": "a"}}),
            "invalid_metadata_format",
        ),
        (
            "chat.postMessage",
            json!({"channel": house.channel, "text": "x", "attachments": vec![json!({}); 101]}),
            "too_many_attachments",
        ),
        ("chat.update", json!({"channel": house.channel, "ts": "1.000000", "text": "x"}), "message_not_found"),
        ("chat.update", json!({"channel": house.channel, "ts": reply, "text": "x".repeat(4001)}), "msg_too_long"),
        ("chat.delete", json!({"channel": house.channel, "ts": "1.000000"}), "message_not_found"),
        ("chat.postEphemeral", json!({"channel": house.channel, "user": "U0X", "text": "x"}), "user_not_in_channel"),
        ("conversations.history", json!({"channel": public}), "not_in_channel"),
        ("conversations.history", json!({"channel": house.channel, "cursor": "?"}), "invalid_cursor"),
        ("conversations.history", json!({"channel": house.channel, "oldest": "x"}), "invalid_ts_oldest"),
        ("conversations.join", json!({"channel": hidden}), "channel_not_found"),
        ("conversations.join", json!({"channel": closed}), "is_archived"),
        ("conversations.open", json!({"users": "U0X"}), "user_not_found"),
        ("reactions.add", json!({"channel": house.channel, "timestamp": "1.000000", "name": "x"}), "message_not_found"),
        // These do not take JSON: they find no arguments in it.
        ("users.info", json!({"user": house.ann}), "invalid_arguments"),
        ("conversations.replies", json!({"channel": house.channel, "ts": reply}), "invalid_arguments"),
        ("chat.nonsense", json!({}), "unknown_method"),
    ];
    for (method, args, error) in cases {
        let answer = house.json(BOT, method, args.clone()).await;
        assert_eq!(answer["error"], error, "{method} {args} {answer}");
        assert_eq!(answer["ok"], false);
    }
    let long = house.post(json!({"blocks": [section("x"), section(&long)]})).await;
    let message = "[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]";
    assert_eq!(long["response_metadata"]["messages"], json!([message]));
    let form = house.form(BOT, "users.lookupByEmail", &[("email", "nobody@example.com")]).await;
    assert_eq!(form["error"], "users_not_found");
    assert_eq!(house.form(BOT, "users.info", &[("user", "U0X")]).await["error"], "user_not_found");
    let args = [("channel", house.channel.as_str()), ("ts", "1.000000")];
    assert_eq!(house.form(BOT, "conversations.replies", &args).await["error"], "thread_not_found");
    assert_eq!(house.form("xoxb-wrong", "auth.test", &[]).await["error"], "invalid_auth");
    assert_eq!(house.form("", "auth.test", &[]).await["error"], "not_authed");
}

#[tokio::test]
async fn documented_limits_are_kept() {
    let house = House::with(Options { limits: true, ..Options::default() });
    let mut done = 0;
    while house.post(json!({"text": "x"})).await["ok"] == true {
        done += 1;
    }
    assert_eq!(done, 5);
    house.pass(1000);
    assert_eq!(house.post(json!({"text": "x"})).await["ok"], true);
    for _ in 0..20 {
        assert_eq!(house.form(BOT, "users.list", &[]).await["ok"], true);
    }
    let request = Request::get("/slack/api/users.list").header(header::AUTHORIZATION, format!("Bearer {BOT}"));
    let (status, headers, _) = house.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((status, headers[header::RETRY_AFTER].to_str().unwrap()), (StatusCode::TOO_MANY_REQUESTS, "60"));
}

#[tokio::test]
async fn what_is_not_confirmed_can_be_otherwise() {
    let house = House::with(without("chat:write.customize"));
    let root = house.slack.say(&house.ann, &house.channel, None, "root").unwrap();
    let reply = house.slack.say(&house.bob, &house.channel, Some(&root), "reply").unwrap();
    house.events();
    house.slack.set_quirks(Quirks {
        tombstones_lose_the_previous: true,
        long_texts_are_refused: true,
        replies_stand_alone: true,
        names_need_their_scope: true,
        envelopes_are_old: true,
        ..Quirks::default()
    });
    assert_eq!(house.post(json!({"text": "x".repeat(40_001)})).await["error"], "msg_too_long");
    assert_eq!(house.post(json!({"text": "x", "username": "Zoe"})).await["needed"], "chat:write.customize");
    let args = [("channel", house.channel.as_str()), ("ts", reply.as_str())];
    assert_eq!(house.form(BOT, "conversations.replies", &args).await["messages"][0]["ts"], json!(reply));
    house.slack.delete(&house.ann, &house.channel, &root).unwrap();
    let envelope = house.events().remove(0);
    assert_eq!(envelope["event"]["previous_message"], json!([]));
    assert!(envelope.get("authorizations").is_none());
}
