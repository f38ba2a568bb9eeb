//! Buttons and commands.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use sidethread_sandbox::post::{Receipt, Sender};
use sidethread_sandbox::slack::Options;

use super::{BOT, House, answered, form_of};

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
