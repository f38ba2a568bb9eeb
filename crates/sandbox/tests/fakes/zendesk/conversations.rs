//! Side conversations: what they are, and what they may not be.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use sidethread_sandbox::post::Sender;
use sidethread_sandbox::zendesk::{StartSpec, UserSpec};

use super::{Account, START, to};

/// The properties of the published schemas, checked by hand: name, type, and whether null is allowed.
fn fits(value: &Value, properties: &[(&str, &str)]) {
    for (name, kind) in properties {
        let found = value.get(name).unwrap_or_else(|| panic!("{name} is missing in {value}"));
        let fits = match *kind {
            "string" => found.is_string(),
            "string?" => found.is_string() || found.is_null(),
            "integer" => found.is_i64(),
            "integer?" => found.is_i64() || found.is_null(),
            "array" => found.is_array(),
            "object" => found.is_object(),
            "object?" => found.is_object() || found.is_null(),
            "time" => found.as_str().is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok() && time.len() == 24),
            other => panic!("no such type: {other}"),
        };
        assert!(fits, "{name} is not {kind} in {value}");
    }
}

fn fits_side_conversation(value: &Value) {
    fits(
        value,
        &[
            ("id", "string"),
            ("url", "string"),
            ("ticket_id", "integer"),
            ("subject", "string?"),
            ("preview_text", "string?"),
            ("state", "string"),
            ("participants", "array"),
            ("created_at", "time"),
            ("updated_at", "time"),
            ("message_added_at", "time"),
            ("state_updated_at", "time"),
            ("external_ids", "object"),
        ],
    );
    for participant in value["participants"].as_array().into_iter().flatten() {
        fits_participant(participant);
    }
}

fn fits_event(value: &Value) {
    fits(
        value,
        &[
            ("id", "string"),
            ("side_conversation_id", "string"),
            ("ticket_id", "integer"),
            ("type", "string"),
            ("created_at", "time"),
            ("actor", "object"),
            ("message", "object?"),
            ("updates", "object"),
        ],
    );
    if value["message"].is_object() {
        fits(
            &value["message"],
            &[
                ("subject", "string?"),
                ("preview_text", "string"),
                ("body", "string"),
                ("html_body", "string"),
                ("from", "object"),
                ("to", "array"),
                ("external_ids", "object"),
                ("attachments", "array"),
            ],
        );
        fits_participant(&value["message"]["from"]);
    }
}

fn fits_participant(value: &Value) {
    fits(value, &[("user_id", "integer?"), ("name", "string?"), ("email", "string?")]);
}

#[tokio::test]
async fn a_side_conversation_is_made_answered_and_done() {
    let account = Account::new();
    let create = json!({"message": {"subject": "Question", "body": "One\n\nTwo <3", "to": to("new@example.org"),
        "external_ids": {"marker": "m1"}}, "external_ids": {"thread": "t1"}});
    let made = account.call("POST", "tickets/35436/side_conversations", create).await;
    assert_eq!(made.status, 201);
    let (event, conversation) = (&made.json["event"], &made.json["side_conversation"]);
    fits_event(event);
    fits_side_conversation(conversation);
    assert_eq!(event["id"], conversation["id"]);
    assert_eq!((&event["type"], &event["via"]), (&json!("create"), &json!("api")));
    assert_eq!(event["message"]["html_body"], "<div class=\"zd-comment\"><p>One</p><p>Two &lt;3</p></div>");
    assert_eq!(event["message"]["preview_text"], "One Two <3");
    assert_eq!(event["message"]["external_ids"], json!({"marker": "m1"}));
    assert_eq!(conversation["external_ids"], json!({"thread": "t1"}));
    assert_eq!(conversation["created_at"], "2026-05-08T13:22:48.141Z");
    let id = conversation["id"].as_str().unwrap_or("").to_owned();
    assert_eq!(id.as_bytes()[14], b'1');
    let new = account.get("users/search?query=email:new@example.org").await.json["users"][0].clone();
    assert_eq!((&new["role"], &new["tags"]), (&json!("end-user"), &json!(["created_for_side_conversation"])));

    account.pass(5);
    let reply = json!({"message": {"subject": "Ignored", "html_body": "<p>Three</p><script>x</script>",
        "to": [{"user_id": account.agent}]}});
    let replied = account.call("POST", &account.at(&id, "/reply"), reply).await;
    assert_eq!(replied.status, 200);
    fits_side_conversation(&replied.json["side_conversation"]);
    assert!(replied.json.get("event").is_none());
    assert_eq!(replied.json["side_conversation"]["participants"].as_array().map(Vec::len), Some(3));
    account.pass(5);
    let done = account.call("PUT", &account.at(&id, ""), json!({"side_conversation": {"state": "closed"}})).await.json;
    assert_eq!(done["side_conversation"]["state"], "closed");
    assert_eq!(done["side_conversation"]["state_updated_at"], "2026-05-08T13:22:48.151Z");
    assert_eq!(done["side_conversation"]["message_added_at"], "2026-05-08T13:22:48.146Z");
    account.call("PUT", &account.at(&id, ""), json!({"side_conversation": {"state": "closed"}})).await;
    account.call("PUT", &account.at(&id, ""), json!({"side_conversation": {"subject": "Answer"}})).await;

    let events = account.get(&account.at(&id, "/events.json?include=side_conversations")).await.json;
    assert_eq!((&events["count"], &events["next_page"]), (&json!(4), &Value::Null));
    events["events"].as_array().into_iter().flatten().for_each(fits_event);
    assert_eq!(events["events"][1]["message"]["subject"], Value::Null);
    assert_eq!(events["events"][1]["message"]["body"], "Three");
    assert_eq!(events["events"][1]["message"]["html_body"], "<div class=\"zd-comment\"><p>Three</p></div>");
    assert_eq!(
        (&events["events"][2]["updates"], &events["events"][2]["message"]),
        (&json!({"state": "closed"}), &Value::Null)
    );
    assert_eq!(events["events"][3]["updates"], json!({"subject": "Answer"}));
    assert_eq!(events["side_conversations"][0]["subject"], "Answer");
    let mut ids: Vec<String> = account.zendesk.events(&id).iter().map(|event| event["id"].to_string()).collect();
    let made = ids.clone();
    ids.sort();
    assert_eq!(ids, made, "ids grow with time");

    let listed = account.get("tickets/35436/side_conversations?include=side_conversation_events").await.json;
    assert_eq!((&listed["count"], listed["events"].as_array().map(Vec::len)), (&json!(1), Some(4)));
    let shown = account.get(&account.at(&id, ".json?include=side_conversation_events")).await.json;
    assert_eq!(shown["events"], listed["events"]);
    assert_eq!(account.get(&account.at("no", "")).await.json["error"], "RecordNotFound");

    let mail = account.zendesk.outgoing_mail();
    assert_eq!((&mail[0]["to"], &mail[0]["subject"]), (&json!("new@example.org"), &json!("Question")));
    assert_eq!((&mail[1]["to"], &mail[1]["subject"]), (&json!("agent@example.com"), &json!("Question")));
}

#[tokio::test]
async fn what_a_message_may_not_be() {
    let account = Account::new();
    let id = account.started();
    let deleted = account.zendesk.add_user(UserSpec { email: Some("gone@example.org".into()), ..UserSpec::default() });
    account.zendesk.delete_user(deleted);
    account.zendesk.suspend_user(account.customer, true);
    let crowd =
        |size: usize| -> Vec<Value> { (0..size).map(|n| json!({"email": format!("p{n}@example.org")})).collect() };
    let before = account.zendesk.users().len();
    for (bad, word) in [
        (json!({"body": "x"}), "blank"),
        (json!({"body": "x", "to": []}), "blank"),
        (json!({"body": " ", "to": to("a@example.org")}), "Body"),
        (json!({"to": to("a@example.org")}), "Body"),
        (json!({"body": "x", "to": to("not an address")}), "address"),
        (json!({"body": "x", "to": [{"user_id": 1}]}), "1 does not exist"),
        (json!({"body": "x", "to": to("CUSTOMER@example.com")}), "customer@example.com is suspended"),
        (json!({"body": "x", "to": [{"user_id": account.customer}]}), "customer@example.com is suspended"),
        (json!({"body": "x", "to": [{"user_id": deleted}]}), "deleted"),
        (json!({"body": "x", "to": to("gone@example.org")}), "deleted"),
        (json!({"body": "x", "to": [{"email": "a@example.org"}, {"slack_channel_id": "C1"}]}), "mixed"),
        (json!({"body": "x", "to": [{"slack_channel_id": "C1", "slack_workspace_id": "T1"}]}), "mixed"),
        (json!({"body": "x", "to": crowd(101)}), "100"),
        (json!({"body": "x", "to": crowd(49)}), "48"),
        (json!({"body": "x", "to": to("a@example.org"), "external_ids": {"n": 1}}), "strings"),
        (json!({"body": "x", "to": to("a@example.org"), "attachment_ids": ["s3-no"]}), "s3-no"),
        (json!("x"), "Message"),
    ] {
        let answer = account.call("POST", &account.at(&id, "/reply"), json!({ "message": bad })).await;
        assert_eq!((answer.status, &answer.json["error"]), (422, &json!("RecordInvalid")), "{bad}");
        assert!(answer.text.contains(word), "{} does not say {word}", answer.text);
    }
    assert_eq!(account.zendesk.users().len(), before);
    assert_eq!(account.zendesk.events(&id).len(), 1);
    let broken = Request::post(format!("/zendesk/api/v2/{}", account.at(&id, "/reply")))
        .header("authorization", "Bearer sandbox-access-token")
        .body(Body::from("{\"message\": {\"body\": \"\\ud800\""));
    assert_eq!(account.send(broken.expect("sound")).await.status, 400);
    let done = account.call("PUT", &account.at(&id, ""), json!({"side_conversation": {"state": "done"}})).await;
    assert_eq!(done.status, 422);
}

#[tokio::test]
async fn other_channels_and_child_tickets() {
    let account = Account::new();
    let path = "tickets/35436/side_conversations";
    let slack = json!({"message": {"body": "x", "to": [{"slack_workspace_id": "T1", "slack_channel_id": "C1"}]}});
    let made = account.call("POST", path, slack).await;
    assert_eq!(
        made.json["side_conversation"]["participants"][1],
        json!({"slack_workspace_id": "T1", "slack_channel_id": "C1"})
    );
    assert_eq!(made.json["side_conversation"]["subject"], Value::Null);
    let id = made.json["side_conversation"]["id"].as_str().unwrap_or("").to_owned();
    assert!(!account.zendesk.reply(account.agent, &id, "Answer").is_empty());
    let group = account.zendesk.add_group("Mice");
    let child = json!({"message": {"subject": "C", "body": "x", "to": [{"support_group_id": group.to_string()}]}});
    let made = account.call("POST", path, child.clone()).await.json;
    let child_id: i64 =
        made["side_conversation"]["external_ids"]["targetTicketId"].as_str().unwrap_or("").parse().unwrap_or(0);
    assert_eq!(
        account.zendesk.ticket(child_id).map(|ticket| ticket["via"]["channel"].clone()),
        Some(json!("side_conversation"))
    );
    let light = account.zendesk.add_user(UserSpec { role: "light-agent".into(), ..UserSpec::default() });
    let token = format!("Bearer {}", account.zendesk.token_of(light).unwrap_or_default());
    assert_eq!(account.as_with(&token, "POST", path, Some(child)).await.status, 403);
    assert!(account.zendesk.outgoing_mail().is_empty());
}

#[tokio::test]
async fn people_act_in_the_account() {
    let account = Account::new();
    let id = account.zendesk.start_side_conversation_with(
        account.agent,
        account.ticket,
        StartSpec {
            to: vec![json!({"email": "someone@example.org", "name": "Someone"})],
            subject: Some("Old".into()),
            body: Some("Hello".into()),
            created_at: Some(START - 60_000),
            ..StartSpec::default()
        },
    );
    assert_eq!(account.zendesk.reply(account.agent, &id, "<p>Well?</p>").len(), 36);
    account.pass(1);
    assert!(!account.zendesk.reply_by_mail("someone@example.org", &id, "Yes").is_empty());
    account.pass(1);
    assert!(!account.zendesk.set_state(account.agent, &id, "closed").is_empty());
    assert_eq!(account.zendesk.set_state(account.agent, &id, "closed"), "");
    assert_eq!(account.zendesk.set_state(account.agent, &id, "ajar"), "");
    let events = account.zendesk.events(&id);
    let vias: Vec<&str> = events.iter().filter_map(|event| event["via"].as_str()).collect();
    assert_eq!(vias, ["support", "support", "email", "support"]);
    assert_eq!(events[0]["created_at"], "2026-05-08T13:21:48.141Z");
    assert_eq!(events[2]["message"]["to"][0]["email"], "agent@example.com");
    let last = account.zendesk.outgoing_mail().pop().unwrap_or_default();
    assert_eq!((&last["to"], &last["body"]), (&json!("agent@example.com"), &json!("Yes")));
    assert_eq!(account.zendesk.reply_by_mail("a@example.org", "no", "x"), "");
    assert_eq!(account.zendesk.start_side_conversation(account.agent, 1, &["a@example.org"], "S", "x"), "");
    assert!(account.zendesk.add_comment(account.ticket, account.agent, "Internal", false));
    let notes = account.zendesk.comments(account.ticket);
    assert_eq!((notes.len(), &notes[1]["public"]), (2, &json!(false)));
}

#[tokio::test]
async fn imports_are_silent_and_keep_author_and_time() {
    let account = Account::new();
    let event = |at: &str, body: &str| {
        json!({"created_at": at, "message": {"body": body, "to": to("agent@example.com"),
            "from": {"email": "old@example.org", "name": "Old"}}})
    };
    let import = json!({"side_conversation": {"subject": "Past", "state": "closed", "external_ids": {"a": "b"}},
        "events": [event("2022-10-05T20:47:02.230Z", "One"), event("2022-10-05T20:48:02.230+00:00", "Two")]});
    let made = account.call("POST", "tickets/35436/side_conversations/import", import).await;
    assert_eq!((made.status, &made.json["count"]), (201, &json!(2)));
    fits_side_conversation(&made.json["side_conversation"]);
    fits_event(&made.json["event"]);
    assert_eq!(made.json["side_conversation"]["state"], "closed");
    assert_eq!(made.json["events"][1]["message"]["from"]["name"], "Old");
    assert_eq!(made.json["events"][1]["created_at"], "2022-10-05T20:48:02.230Z");
    let id = made.json["side_conversation"]["id"].as_str().unwrap_or("").to_owned();
    let more = json!({"events": [event("2022-10-05T20:47:30.000Z", "Between")]});
    assert_eq!(account.call("POST", &account.at(&id, "/events/import"), more).await.status, 201);
    let bodies: Vec<Value> = account.zendesk.events(&id).iter().map(|event| event["message"]["body"].clone()).collect();
    assert_eq!(bodies, ["One", "Between", "Two"]);
    let nobody = json!({"events": [{"message": {"body": "x", "to": to("agent@example.com")}}]});
    assert_eq!(account.call("POST", &account.at(&id, "/events/import"), nobody).await.status, 422);
    assert!(account.zendesk.outgoing_mail().is_empty());
    assert!(account.zendesk.take_due().is_empty());
}

#[tokio::test]
async fn a_file_travels_with_a_message() {
    for wrapped in [false, true] {
        let account = Account::with(|unconfirmed| unconfirmed.attachment_wrapped = wrapped);
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0".to_vec();
        png.extend_from_slice(b"\r\n--not the boundary");
        let mut body = b"--b0und\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n1\r\n".to_vec();
        body.extend_from_slice(b"--b0und\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.png\"\r\n");
        body.extend_from_slice(b"Content-Type: image/png\r\n\r\n");
        body.extend_from_slice(&png);
        body.extend_from_slice(b"\r\n--b0und--\r\n");
        let upload = |content_type: &str, body: Vec<u8>| {
            let request = Request::post("/zendesk/api/v2/tickets/side_conversations/attachments")
                .header("authorization", "Bearer sandbox-access-token")
                .header("content-type", content_type);
            account.send(request.body(Body::from(body)).expect("sound"))
        };
        let made = upload("multipart/form-data; boundary=b0und", body.clone()).await;
        assert_eq!(made.status, 201);
        let file = if wrapped { &made.json["attachment"] } else { &made.json };
        fits(file, &[("id", "string"), ("name", "string"), ("content_type", "string"), ("size", "integer")]);
        assert_eq!((&file["width"], &file["height"], &file["size"]), (&json!(640), &json!(480), &json!(png.len())));
        for bad in ["text/plain", "multipart/form-data", "multipart/form-data; boundary=other"] {
            assert_eq!(upload(bad, body.clone()).await.status, 400, "{bad}");
        }
        let id = account.started();
        let reply = json!({"message": {"to": to("a@example.org"), "attachment_ids": [file["id"]], "body": "See"}});
        assert_eq!(account.call("POST", &account.at(&id, "/reply"), reply).await.status, 200);
        let attached = account.zendesk.events(&id)[1]["message"]["attachments"][0].clone();
        assert_eq!((&attached["file_name"], &attached["inline"]), (&json!("a b.png"), &json!(false)));
        let url = attached["content_url"].as_str().unwrap_or("").to_owned();
        assert!(url.starts_with("http://127.0.0.1:8080/zendesk/api/v2/tickets/35436/side_conversations/"), "{url}");
        let path = url.split("/api/v2/").nth(1).unwrap_or("").to_owned();
        let got = account.get(&path).await;
        assert_eq!((got.status, got.header("content-type")), (200, "image/png"));
        assert_eq!(account.as_with("", "GET", &path, None).await.status, 401);
    }
}

#[tokio::test]
async fn without_the_feature_the_key_is_missing() {
    let account = Account::new();
    let on = account.get("account/settings").await.json;
    assert_eq!(on["settings"]["side_conversations"]["email_channel"], true);
    account.zendesk.switch_side_conversations(false);
    let off = account.get("account/settings").await.json;
    assert!(off["settings"].get("side_conversations").is_none());
    assert_eq!(account.get("tickets/35436/side_conversations").await.status, 403);
}
