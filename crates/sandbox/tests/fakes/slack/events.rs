//! What the app is told of what people write and change.

use serde_json::{Value, json};
use sidethread_sandbox::slack::{PersonSpec, Say};

use super::{BOT, House, START, keys};

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
