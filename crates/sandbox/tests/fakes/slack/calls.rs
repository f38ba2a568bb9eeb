//! Posting, reading, and who may.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use sidethread_sandbox::slack::Options;

use super::{BOT, House, without};

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
