//! The fake Slack by itself: through its router as an app calls it, through its sender as an app is called.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::hmac;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use proptest::prelude::*;
use serde_json::{Value, json};
use sidethread::sandbox::faults::{Dropped, Fault, Rule};
use sidethread::sandbox::post::{Parcel, Receipt, Sender};
use sidethread::sandbox::slack::{ChannelSpec, FakeSlack, Options, PersonSpec, Quirks, Say, rich_text};
use tower::ServiceExt;

const START: i64 = 1_790_000_000_000;
const BOT: &str = "xoxb-sandbox-bot";

struct House {
    slack: FakeSlack,
    clock: Arc<AtomicI64>,
    ann: String,
    bob: String,
    channel: String,
}

impl House {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let hands = clock.clone();
        let slack = FakeSlack::new(options, Arc::new(move || hands.load(Ordering::SeqCst)), 7);
        let person = |name: &str, real: &str| PersonSpec {
            name: name.into(),
            real_name: real.into(),
            display_name: name.into(),
            email: Some(format!("{name}@example.com")),
            ..PersonSpec::default()
        };
        let ann = slack.add_person(person("ann", "Ann Lee"));
        let bob = slack.add_person(person("bob", "Bob Ray"));
        let channel = slack.add_channel(ChannelSpec {
            name: "support".into(),
            members: vec![ann.clone(), bob.clone()],
            app_is_member: true,
            ..ChannelSpec::default()
        });
        House { slack, clock, ann, bob, channel }
    }

    fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, Vec<u8>) {
        let response = self.slack.router().oneshot(request).await.expect("the router is infallible");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.map(|bytes| bytes.to_vec()).unwrap_or_default();
        (parts.status, parts.headers, body)
    }

    async fn json(&self, token: &str, method: &str, args: Value) -> Value {
        let request = Request::post(format!("/slack/api/{method}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Body::from(args.to_string()))
            .expect("a request");
        serde_json::from_slice(&self.send(request).await.2).expect("JSON")
    }

    async fn form(&self, token: &str, method: &str, args: &[(&str, &str)]) -> Value {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(args).finish();
        let request = Request::get(format!("/slack/api/{method}?{query}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty())
            .expect("a request");
        serde_json::from_slice(&self.send(request).await.2).expect("JSON")
    }

    async fn post(&self, args: Value) -> Value {
        let mut whole = json!({"channel": self.channel});
        whole.as_object_mut().expect("an object").extend(args.as_object().expect("an object").clone());
        self.json(BOT, "chat.postMessage", whole).await
    }

    /// Takes what is due, answers 200 to all, and gives the bodies of the events.
    fn events(&self) -> Vec<Value> {
        self.parcels().into_iter().map(|parcel| serde_json::from_slice(&parcel.body).expect("JSON")).collect()
    }

    fn parcels(&self) -> Vec<Parcel> {
        let parcels = self.slack.take_due();
        for parcel in &parcels {
            self.slack.settle(parcel.id, answered(200, ""));
        }
        parcels
    }

    fn fault(&self, call: &str, fault: Fault) {
        self.slack.faults().add(Rule { call: call.into(), fault, times: Some(1), percent: None });
    }
}

fn answered(status: u16, body: &str) -> Receipt {
    Receipt::Answered { status, retry_after: None, body: body.into() }
}

fn header_of<'a>(parcel: &'a Parcel, name: &str) -> Option<&'a str> {
    parcel.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn form_of(parcel: &Parcel) -> std::collections::BTreeMap<String, String> {
    url::form_urlencoded::parse(&parcel.body).into_owned().collect()
}

#[tokio::test]
async fn a_persons_reply_reaches_the_app_as_recorded_traffic_does() {
    let house = House::new();
    let root = house.slack.say(&house.ann, &house.channel, None, "Printer is down").unwrap();
    house.events();
    let reply = house.slack.say(&house.bob, &house.channel, Some(&root), "Which *one* & where?").unwrap();
    let envelope = house.events().remove(0);
    assert_eq!(
        keys(&envelope),
        [
            "api_app_id",
            "authorizations",
            "context_enterprise_id",
            "context_team_id",
            "event",
            "event_context",
            "event_id",
            "event_time",
            "is_ext_shared_channel",
            "team_id",
            "token",
            "type"
        ]
    );
    assert!(envelope["event_id"].as_str().unwrap().starts_with("Ev"));
    assert_eq!(envelope["event_time"], START / 1000);
    let event = &envelope["event"];
    assert_eq!(
        keys(event),
        [
            "blocks",
            "channel",
            "channel_type",
            "client_msg_id",
            "event_ts",
            "parent_user_id",
            "team",
            "text",
            "thread_ts",
            "ts",
            "type",
            "user"
        ]
    );
    assert_eq!(event["text"], "Which *one* &amp; where?");
    assert_eq!(event["ts"], json!(reply));
    assert_eq!(event["thread_ts"], json!(root));
    assert_eq!(event["parent_user_id"], json!(house.ann));
    let expected = json!([
        {"type": "text", "text": "Which "},
        {"type": "text", "text": "one", "style": {"bold": true}},
        {"type": "text", "text": " & where?"},
    ]);
    assert_eq!(event["blocks"][0]["elements"][0]["elements"], expected);
}

#[tokio::test]
async fn the_apps_own_post_is_echoed_and_kept_with_its_metadata() {
    let house = House::new();
    let root = house.slack.say(&house.ann, &house.channel, None, "Help").unwrap();
    house.events();
    let metadata = json!({"event_type": "mark", "event_payload": {"k": "1"}});
    let answer = house.post(json!({"text": "On it", "thread_ts": root, "metadata": metadata})).await;
    assert_eq!(answer["ok"], true, "{answer}");
    let event = house.events().remove(0)["event"].take();
    let message = &answer["message"];
    for shown in [&event, message] {
        assert_eq!(shown["user"], "U0SANDBOT1");
        assert_eq!(shown["bot_id"], "B0SANDBOT1");
        assert_eq!(shown["bot_profile"]["app_id"], "A0SANDBOX1");
        assert_eq!(shown["metadata"], metadata);
        assert_eq!(shown["blocks"][0]["type"], "rich_text");
        assert!(shown.get("subtype").is_none() && shown.get("client_msg_id").is_none());
    }
    let ts = answer["ts"].as_str().unwrap();
    let args = [("channel", house.channel.as_str()), ("ts", root.as_str())];
    let plain = house.form(BOT, "conversations.replies", &args).await;
    assert_eq!(plain["messages"][1]["metadata"], json!({"event_type": "mark"}));
    let whole = house.form(BOT, "conversations.replies", &[args[0], args[1], ("include_all_metadata", "true")]).await;
    assert_eq!(whole["messages"][1]["metadata"], metadata);
    assert_eq!(whole["messages"][0]["reply_count"], 1);
    assert_eq!(whole["messages"][0]["latest_reply"], json!(ts));
    assert_eq!(house.slack.thread(&house.channel, &root).len(), 2);
}

#[tokio::test]
async fn a_persons_token_posts_as_the_person() {
    let house = House::new();
    let token = house.slack.token_of(&house.ann).unwrap();
    let answer = house.json(&token, "chat.postMessage", json!({"channel": house.channel, "text": "- a\n- b"})).await;
    assert_eq!(answer["message"]["user"], json!(house.ann));
    assert!(answer["message"].get("bot_id").is_none());
    assert!(answer["message"]["client_msg_id"].is_string());
    let event = house.events().remove(0)["event"].take();
    assert_eq!(event["blocks"][0]["elements"][0]["style"], "bullet");
    let refused = house.json(BOT, "chat.update", json!({"channel": house.channel, "ts": answer["ts"], "text": "x"}));
    assert_eq!(refused.await["error"], "cant_update_message");
}

fn without(scope: &str) -> Options {
    let mut options = Options::default();
    options.scopes.retain(|one| one != scope);
    options
}

#[tokio::test]
async fn a_custom_name_needs_its_scope() {
    let house = House::with(without("chat:write.customize"));
    let plain = house.post(json!({"text": "x", "username": "Zoe"})).await;
    assert_eq!(plain["message"]["user"], "U0SANDBOT1");
    let house = House::new();
    let named = house.post(json!({"text": "x", "username": "Zoe", "icon_emoji": ":wave:"})).await;
    assert_eq!(named["message"]["subtype"], "bot_message");
    assert_eq!(named["message"]["username"], "Zoe");
    assert_eq!(named["message"]["icons"]["emoji"], ":wave:");
    assert!(named["message"].get("user").is_none());
    let refused = house.json(BOT, "chat.delete", json!({"channel": house.channel, "ts": named["ts"]})).await;
    assert_eq!(refused["error"], "cant_delete_message");
}

#[tokio::test]
async fn parcels_are_signed_when_they_are_sent() {
    let house = House::new();
    house.slack.say(&house.ann, &house.channel, None, "hi").unwrap();
    house.pass(90_000);
    let parcel = house.slack.take_due().remove(0);
    assert_eq!(parcel.path, "/slack/events");
    let at = header_of(&parcel, "x-slack-request-timestamp").unwrap();
    assert_eq!(at, ((START + 90_000) / 1000).to_string());
    let key = hmac::Key::new(hmac::HMAC_SHA256, Options::default().signing_secret.as_bytes());
    let whole = [b"v0:", at.as_bytes(), b":", parcel.body.as_slice()].concat();
    let hex: String = hmac::sign(&key, &whole).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(header_of(&parcel, "x-slack-signature").unwrap(), format!("v0={hex}"));
}

#[tokio::test]
async fn an_event_is_retried_three_times_and_then_lost() {
    let house = House::new();
    house.slack.say(&house.ann, &house.channel, None, "hi").unwrap();
    let first = house.slack.take_due().remove(0);
    assert_eq!(header_of(&first, "x-slack-retry-num"), None);
    house.slack.settle(first.id, Receipt::Failed);
    let failed_at = START;
    for (num, after, reason) in [("1", 0, "http_timeout"), ("2", 60_000, "http_error"), ("3", 300_000, "http_error")] {
        assert_eq!(house.slack.next_due(), Some(failed_at + after));
        house.clock.store(failed_at + after - 1, Ordering::SeqCst);
        assert!(house.slack.take_due().is_empty());
        house.pass(1);
        let again = house.slack.take_due().remove(0);
        assert_eq!((again.id, &again.body), (first.id, &first.body));
        assert_eq!(header_of(&again, "x-slack-retry-num"), Some(num));
        assert_eq!(header_of(&again, "x-slack-retry-reason"), Some(reason));
        house.slack.settle(again.id, answered(503, ""));
    }
    assert_eq!(house.slack.next_due(), None);
    assert_eq!((house.slack.counters().retried, house.slack.counters().lost), (3, 1));
}

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
async fn faults_strike_deliveries() {
    let house = House::new();
    let say = || house.slack.say(&house.ann, &house.channel, None, "hi").unwrap();
    house.fault("events", Fault::EventsNever);
    say();
    assert!(house.events().is_empty());
    house.fault("events", Fault::EventsTwice);
    say();
    let twice = house.events();
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0]["event_id"], twice[1]["event_id"]);
    house.fault("events", Fault::EventsLate { secs: 30 });
    say();
    assert!(house.events().is_empty());
    house.pass(30_000);
    assert_eq!(house.events().len(), 1);
    let shuffle = Rule { call: "events".into(), fault: Fault::EventsShuffled, times: None, percent: None };
    house.slack.faults().add(shuffle);
    let said: Vec<String> = (0..8).map(|_| say()).collect();
    house.pass(5_000);
    let mut told: Vec<String> =
        house.events().iter().map(|event| event["event"]["ts"].as_str().unwrap().to_owned()).collect();
    assert_ne!(told, said);
    told.sort();
    assert_eq!(told, said);
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
async fn a_missing_scope_is_named() {
    let options = Options { scopes: vec!["chat:write".into(), "channels:history".into()], ..Options::default() };
    let house = House::with(options);
    let answer = house.form(BOT, "users.info", &[("user", &house.ann)]).await;
    let expected = json!({
        "ok": false, "error": "missing_scope", "needed": "users:read", "provided": "chat:write,channels:history",
    });
    assert_eq!(answer, expected);
    let request = Request::get("/slack/api/auth.test").header(header::AUTHORIZATION, format!("Bearer {BOT}"));
    let (_, headers, _) = house.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(headers["x-oauth-scopes"], "chat:write,channels:history");
}

#[tokio::test]
async fn a_very_long_text_is_cut_with_a_warning() {
    let house = House::new();
    let answer = house.post(json!({"text": "é".repeat(40_001)})).await;
    assert_eq!(answer["message"]["text"].as_str().unwrap().chars().count(), 40_000);
    assert_eq!(answer["warning"], "message_truncated");
    assert_eq!(answer["response_metadata"]["warnings"], json!(["message_truncated"]));
}

#[tokio::test]
async fn pages_of_a_thread_begin_with_its_root() {
    let house = House::new();
    let root = house.slack.say(&house.ann, &house.channel, None, "root").unwrap();
    let said: Vec<String> = (0..5)
        .map(|at| house.slack.say(&house.bob, &house.channel, Some(&root), &format!("reply {at}")).unwrap())
        .collect();
    let (mut cursor, mut read) = (String::new(), Vec::new());
    loop {
        let args =
            [("channel", house.channel.as_str()), ("ts", root.as_str()), ("limit", "2"), ("cursor", cursor.as_str())];
        let page = house.form(BOT, "conversations.replies", &args).await;
        let messages = page["messages"].as_array().unwrap();
        assert_eq!(messages[0]["ts"], json!(root));
        read.extend(messages[1..].iter().map(|message| message["ts"].as_str().unwrap().to_owned()));
        match page["response_metadata"]["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => {
                assert_eq!(page["has_more"], false);
                break;
            }
        }
    }
    assert_eq!(read, said);
    let since = [("channel", house.channel.as_str()), ("ts", root.as_str()), ("oldest", said[2].as_str())];
    assert_eq!(house.form(BOT, "conversations.replies", &since).await["messages"].as_array().unwrap().len(), 3);
    let history = house.form(BOT, "conversations.history", &[("channel", &house.channel)]).await;
    assert_eq!(history["messages"].as_array().unwrap().len(), 1);
    let list = house.form(BOT, "users.list", &[("limit", "3")]).await;
    assert_eq!(list["members"].as_array().unwrap().len(), 3);
    let next = list["response_metadata"]["next_cursor"].as_str().unwrap();
    let list = house.form(BOT, "users.list", &[("limit", "3"), ("cursor", next)]).await;
    assert_eq!(list["members"].as_array().unwrap().len(), 1);
    assert_eq!(list["response_metadata"]["next_cursor"], "");
}

#[tokio::test]
async fn edits_and_deletions_are_told() {
    let house = House::new();
    let root = house.slack.say(&house.ann, &house.channel, None, "root").unwrap();
    let reply = house.slack.say(&house.bob, &house.channel, Some(&root), "reply").unwrap();
    house.events();
    house.slack.edit(&house.bob, &house.channel, &reply, "better").unwrap();
    let event = house.events().remove(0)["event"].take();
    assert_eq!(event["subtype"], "message_changed");
    assert_eq!(event["hidden"], true);
    assert_eq!(event["message"]["text"], "better");
    assert_eq!(event["message"]["edited"]["user"], json!(house.bob));
    assert_eq!(event["message"]["thread_ts"], json!(root));
    assert_eq!(event["previous_message"]["text"], "reply");
    assert_ne!(event["ts"], event["message"]["ts"]);

    house.slack.delete(&house.ann, &house.channel, &root).unwrap();
    let event = house.events().remove(0)["event"].take();
    assert_eq!(event["subtype"], "message_changed");
    assert_eq!(event["message"]["subtype"], "tombstone");
    assert_eq!(event["message"]["user"], "USLACKBOT");
    assert_eq!(event["message"]["text"], "This message was deleted.");
    assert_eq!(event["message"]["reply_count"], 1);
    assert_eq!(event["previous_message"]["text"], "root");

    house.slack.delete(&house.bob, &house.channel, &reply).unwrap();
    let event = house.events().remove(0)["event"].take();
    assert_eq!(event["subtype"], "message_deleted");
    assert_eq!(event["deleted_ts"], json!(reply));
    assert_eq!(event["previous_message"]["thread_ts"], json!(root));
    assert!(house.slack.messages(&house.channel).is_empty());
}

#[tokio::test]
async fn the_apps_update_comes_back_under_its_bot_id() {
    let house = House::new();
    let metadata = json!({"event_type": "mark", "event_payload": {"k": "1"}});
    let ts = house.post(json!({"text": "a", "metadata": metadata})).await["ts"].clone();
    house.events();
    let answer = house.json(BOT, "chat.update", json!({"channel": house.channel, "ts": ts, "text": "b"})).await;
    assert_eq!(answer["text"], "b");
    let event = house.events().remove(0)["event"].take();
    assert_eq!(event["message"]["edited"]["user"], "B0SANDBOT1");
    assert_eq!(event["message"]["metadata"], metadata);
    let blocks = json!([{"type": "divider"}]);
    let args = json!({"channel": house.channel, "ts": ts, "text": "c", "blocks": blocks, "metadata": {}});
    house.json(BOT, "chat.update", args).await;
    let kept = house.slack.messages(&house.channel).remove(0);
    assert_eq!(kept["blocks"][0]["type"], "divider");
    assert!(kept["blocks"][0]["block_id"].is_string());
    assert!(kept.get("metadata").is_none());
}

#[tokio::test]
async fn subtypes_of_what_people_post() {
    let house = House::new();
    let root = house.slack.say(&house.ann, &house.channel, None, "root").unwrap();
    house.events();
    let say = |say: Say| {
        house.slack.say_with(&house.ann, &house.channel, say).unwrap();
        house.events().remove(0)["event"].take()
    };
    let file = say(Say { files: vec![json!({"name": "a.png", "mimetype": "image/png"})], ..Say::default() });
    assert_eq!(file["subtype"], "file_share");
    assert_eq!(file["files"][0]["mode"], "hosted");
    assert_eq!(file["files"][0]["mimetype"], "image/png");
    let shout = say(Say { text: "all".into(), thread_ts: Some(root.clone()), broadcast: true, ..Say::default() });
    assert_eq!(shout["subtype"], "thread_broadcast");
    assert_eq!(shout["root"]["ts"], json!(root));
    assert_eq!(shout["root"]["reply_count"], 1);
    assert_eq!(say(Say { text: "waves".into(), me: true, ..Say::default() })["subtype"], "me_message");
    house.slack.say(&house.ann, &house.channel, None, "<@U0SANDBOT1> help").unwrap();
    let kinds: Vec<Value> = house.events().iter().map(|event| event["event"]["type"].clone()).collect();
    assert_eq!(kinds, ["message", "app_mention"]);
}

#[tokio::test]
async fn strangers_and_shared_channels() {
    let house = House::new();
    let eve = house.slack.add_person(PersonSpec {
        name: "eve".into(),
        real_name: "Eve Far".into(),
        email: Some("eve@far.example".into()),
        stranger_team: Some("T0FAR".into()),
        ..PersonSpec::default()
    });
    house.slack.share_channel(&house.channel, "T0FAR").unwrap();
    assert_eq!(house.events()[0]["event"]["type"], "channel_shared");
    house.slack.set_members(&house.channel, &[house.ann.clone(), house.bob.clone(), eve.clone()]).unwrap();
    house.events();
    let file = Say { text: "see".into(), files: vec![json!({"name": "a.txt"})], ..Say::default() };
    house.slack.say_with(&eve, &house.channel, file).unwrap();
    let envelope = house.events().remove(0);
    assert_eq!(envelope["is_ext_shared_channel"], true);
    assert_eq!(envelope["team_id"], "T0SANDBOX1");
    let event = &envelope["event"];
    assert_eq!((&event["user_team"], &event["source_team"]), (&json!("T0FAR"), &json!("T0FAR")));
    assert_eq!(event["files"][0]["file_access"], "check_file_info");
    let id = event["files"][0]["id"].as_str().unwrap();
    assert_eq!(house.form(BOT, "files.info", &[("file", id)]).await["file"]["name"], "a.txt");
    let user = house.form(BOT, "users.info", &[("user", &eve)]).await["user"].take();
    assert_eq!(user["team_id"], "T0FAR");
    assert!(user["profile"].get("email").is_none());
    assert_eq!(user["is_stranger"], false);
    let ann = house.form(BOT, "users.info", &[("user", &house.ann)]).await;
    assert_eq!(ann["user"]["profile"]["email"], "ann@example.com");
    let found = house.form(BOT, "users.lookupByEmail", &[("email", "EVE@far.example")]).await;
    assert_eq!(found["error"], "users_not_found");
    let info = house.form(BOT, "conversations.info", &[("channel", &house.channel)]).await;
    assert_eq!(info["channel"]["is_ext_shared"], true);
    assert_eq!(info["channel"]["shared_team_ids"], json!(["T0SANDBOX1", "T0FAR"]));
}

#[tokio::test]
async fn a_pressed_button() {
    let house = House::new();
    let root = house.slack.say(&house.ann, &house.channel, None, "root").unwrap();
    let button = json!({
        "type": "button", "action_id": "done", "value": "42", "text": {"type": "plain_text", "text": "Done"},
    });
    let blocks = json!([{"type": "actions", "elements": [button]}]);
    let posted = house.post(json!({"text": "card", "blocks": blocks, "thread_ts": root})).await;
    house.events();
    let ts = posted["ts"].as_str().unwrap();
    assert_eq!(house.slack.press(&house.bob, &house.channel, ts, "gone"), Err("no_such_action".into()));
    house.slack.press(&house.bob, &house.channel, ts, "done").unwrap();
    let parcel = house.slack.take_due().remove(0);
    assert_eq!(parcel.path, "/slack/interactions");
    let payload: Value = serde_json::from_str(&form_of(&parcel)["payload"]).unwrap();
    assert_eq!(payload["type"], "block_actions");
    assert_eq!(payload["user"]["id"], json!(house.bob));
    let container = json!({
        "type": "message", "message_ts": ts, "channel_id": house.channel, "is_ephemeral": false, "thread_ts": root,
    });
    assert_eq!(payload["container"], container);
    assert_eq!(payload["message"]["ts"], json!(ts));
    let action = &payload["actions"][0];
    assert_eq!((&action["value"], &action["block_id"]), (&json!("42"), &payload["message"]["blocks"][0]["block_id"]));
    assert!(action["action_ts"].is_string() && payload["trigger_id"].is_string());
    house.slack.settle(parcel.id, Receipt::Failed);
    assert_eq!(house.slack.next_due(), None, "interactions are not repeated");

    let link = payload["response_url"].as_str().unwrap();
    let path = link.strip_prefix(&Options::default().base_url).unwrap();
    let respond = async |body: Value| {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        let (status, _, body) = house.send(request.body(Body::from(body.to_string())).unwrap()).await;
        (status.as_u16(), String::from_utf8(body).unwrap())
    };
    assert_eq!(respond(json!({"text": "psst"})).await, (200, "ok".into()));
    assert_eq!(house.slack.ephemerals(&house.bob)[0]["text"], "psst");
    respond(json!({"text": "all", "response_type": "in_channel", "thread_ts": root})).await;
    let event = house.events().remove(0)["event"].take();
    assert_eq!(event["subtype"], "bot_message");
    assert!(event.get("user").is_none());
    respond(json!({"text": "done", "replace_original": true})).await;
    assert_eq!(house.events()[0]["event"]["message"]["text"], "done");
    respond(json!({"delete_original": true})).await;
    assert_eq!(house.events()[0]["event"]["subtype"], "message_deleted");
    respond(json!({"text": "5"})).await;
    assert_eq!(respond(json!({"text": "6"})).await.0, 404);
}

#[tokio::test]
async fn a_button_only_one_person_saw() {
    let house = House::new();
    let button = json!({"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}});
    let blocks = json!([{"type": "actions", "elements": [button]}]);
    let args = json!({"channel": house.channel, "user": house.ann, "text": "psst", "blocks": blocks});
    let ts = house.json(BOT, "chat.postEphemeral", args).await["message_ts"].as_str().unwrap().to_owned();
    assert_eq!(house.slack.press(&house.bob, &house.channel, &ts, "go"), Err("message_not_found".into()));
    house.slack.press(&house.ann, &house.channel, &ts, "go").unwrap();
    let payload: Value = serde_json::from_str(&form_of(&house.parcels()[0])["payload"]).unwrap();
    assert_eq!(payload["container"]["is_ephemeral"], true);
    assert!(payload.get("message").is_none());
    let path = payload["response_url"].as_str().unwrap().replace(&Options::default().base_url, "");
    let body = json!({"delete_original": true}).to_string();
    house.send(Request::post(path).body(Body::from(body)).unwrap()).await;
    assert!(house.slack.ephemerals(&house.ann).is_empty());
}

#[tokio::test]
async fn a_slash_command_and_its_answer() {
    let house = House::new();
    let id = house.slack.command(&house.ann, &house.channel, "/side", "12 & more");
    let parcel = house.slack.take_due().remove(0);
    assert_eq!((parcel.id, parcel.path.as_str()), (id, "/slack/commands"));
    let form = form_of(&parcel);
    let names: Vec<&str> = form.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "api_app_id",
            "channel_id",
            "channel_name",
            "command",
            "is_enterprise_install",
            "response_url",
            "team_domain",
            "team_id",
            "text",
            "token",
            "trigger_id",
            "user_id",
            "user_name"
        ]
    );
    assert_eq!((form["text"].as_str(), form["is_enterprise_install"].as_str()), ("12 & more", "false"));
    house.slack.settle(id, answered(200, r#"{"response_type":"ephemeral","text":"Linked."}"#));
    assert_eq!(house.slack.command_answer(id).unwrap()["text"], "Linked.");
    assert_eq!(house.slack.ephemerals(&house.ann)[0]["text"], "Linked.");
    let silent = house.slack.command(&house.ann, &house.channel, "/side", "");
    house.parcels();
    assert_eq!(house.slack.command_answer(silent), None);
    let slow = house.slack.command(&house.ann, &house.channel, "/side", "");
    house.slack.take_due();
    house.slack.settle(slow, Receipt::Failed);
    assert_eq!(house.slack.command_answer(slow).unwrap()["error"], "operation_timeout");
    assert_eq!(house.slack.next_due(), None);
}

#[tokio::test]
async fn what_administrators_do_is_told() {
    let house = House::new();
    let told = || -> Vec<String> {
        let kind = |event: &Value| {
            let event = &event["event"];
            event["subtype"].as_str().or(event["type"].as_str()).unwrap().to_owned()
        };
        house.events().iter().map(kind).collect()
    };
    house.slack.archive_channel(&house.channel).unwrap();
    assert_eq!(told(), ["channel_archive", "channel_archive"]);
    assert_eq!(house.slack.say(&house.ann, &house.channel, None, "x"), Err("is_archived".into()));
    house.slack.unarchive_channel(&house.channel).unwrap();
    assert_eq!(told(), ["channel_unarchive", "channel_unarchive"]);
    house.slack.rename_channel(&house.channel, "help").unwrap();
    assert_eq!(told(), ["channel_name", "channel_rename"]);
    house.slack.set_members(&house.channel, std::slice::from_ref(&house.ann)).unwrap();
    assert_eq!(told(), ["channel_leave", "member_left_channel"]);
    house.slack.update_person(&house.ann, |person| person.display_name = "Annie".into()).unwrap();
    assert_eq!(told(), ["user_change", "user_profile_changed"]);
    house.slack.change_channel_id(&house.channel, "C0OTHER").unwrap();
    assert_eq!(told(), ["channel_id_changed"]);
    assert!(house.slack.messages(&house.channel).is_empty());
    house.slack.remove_app_from("C0OTHER").unwrap();
    assert_eq!(told(), ["channel_leave", "member_left_channel", "channel_left"]);
    house.slack.say(&house.ann, "C0OTHER", None, "unheard").unwrap();
    assert!(told().is_empty());
    house.json(BOT, "conversations.join", json!({"channel": "C0OTHER"})).await;
    assert_eq!(told(), ["channel_join", "member_joined_channel"]);
    house.slack.subscribe(&["message.groups"]);
    house.slack.say(&house.ann, "C0OTHER", None, "unheard").unwrap();
    assert!(told().is_empty());
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
async fn direct_messages_permalinks_and_ephemerals() {
    let house = House::new();
    let opened = house.json(BOT, "conversations.open", json!({"users": house.ann})).await;
    let direct = opened["channel"]["id"].as_str().unwrap().to_owned();
    assert!(direct.starts_with('D'));
    let posted = house.json(BOT, "chat.postMessage", json!({"channel": house.ann, "text": "hi"})).await;
    assert_eq!(posted["channel"], json!(direct));
    let root = house.slack.say(&house.ann, &house.channel, None, "root").unwrap();
    let reply = house.slack.say(&house.ann, &house.channel, Some(&root), "reply").unwrap();
    let link = house.form(BOT, "chat.getPermalink", &[("channel", &house.channel), ("message_ts", &reply)]).await;
    let channel = &house.channel;
    let expected = format!(
        "https://sandbox.slack.com/archives/{channel}/p{}?thread_ts={root}&cid={channel}",
        reply.replace('.', "")
    );
    assert_eq!(link["permalink"], json!(expected));
    let shown = house.json(
        BOT,
        "chat.postEphemeral",
        json!({"channel": house.channel, "user": house.ann, "text": "psst", "thread_ts": root}),
    );
    let shown = shown.await;
    assert_eq!(house.slack.ephemerals(&house.ann)[0]["ts"], shown["message_ts"]);
    let refused =
        house.json(BOT, "chat.update", json!({"channel": channel, "ts": shown["message_ts"], "text": "x"})).await;
    assert_eq!(refused["error"], "message_not_found");
}

#[tokio::test]
async fn tokens_and_arguments_come_in_every_form() {
    let house = House::new();
    let post = |kind: &str, body: String| {
        let request = Request::post("/slack/api/chat.postMessage").header(header::CONTENT_TYPE, kind);
        request.body(Body::from(body)).unwrap()
    };
    let blocks = r#"[{"type":"divider"}]"#;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("token", BOT), ("channel", &house.channel), ("text", "x"), ("blocks", blocks)])
        .finish();
    let answer = house.send(post("application/x-www-form-urlencoded", form)).await.2;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["message"]["blocks"][0]["type"], "divider");
    let body = json!({"token": BOT, "channel": house.channel, "text": "x"}).to_string();
    let answer = house.send(post("application/json; charset=utf-8", body.clone())).await.2;
    assert!(String::from_utf8(answer).unwrap().contains("not_authed"), "a token in JSON is not looked at");
    let mut request = post("application/json", body);
    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {BOT}").parse().unwrap());
    let answer: Value = serde_json::from_slice(&house.send(request).await.2).unwrap();
    assert_eq!(answer["response_metadata"]["warnings"], json!(["missing_charset"]));
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_upsets_it(text in "\\PC{0,80}|[<>&@#!|*_~`:. \\n\\-0-9a-z]{0,80}") {
        let house = House::new();
        let _ = house.slack.say(&house.ann, &house.channel, None, &text);
        rich_text(&text, true, "b");
        for message in house.slack.messages(&house.channel) {
            let kept = message["text"].as_str().unwrap_or_default();
            let again = house.slack.say(&house.ann, &house.channel, None, kept).expect("it was said before");
            let shown = house.slack.thread(&house.channel, &again).remove(0);
            prop_assert_eq!(&shown["text"], &message["text"]);
        }
    }

    #[test]
    fn no_body_upsets_it(method in "chat\\.postMessage|chat\\.update|conversations\\.(history|replies)|users\\.list|x", body in "\\PC{0,60}", json in any::<bool>()) {
        let house = House::new();
        let kind = if json { "application/json" } else { "application/x-www-form-urlencoded" };
        let request = Request::post(format!("/slack/api/{method}"))
            .header(header::AUTHORIZATION, format!("Bearer {BOT}"))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .expect("a request");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (status, _, body) = runtime.block_on(house.send(request));
        prop_assert_eq!(status, StatusCode::OK);
        prop_assert!(serde_json::from_slice::<Value>(&body).is_ok());
    }
}
