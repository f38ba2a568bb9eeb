//! Files in Slack: three steps up, one down, and a page to log in for whoever may not have them.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use sidethread_sandbox::slack::Say;

use crate::firm::{Firm, MARTA, SUPPORT, THANHHA};

const BYTES: &[u8] = b"%PDF-1.7 invoice";

async fn upload(firm: &Firm, token: &str, name: &str, bytes: &[u8]) -> (Value, u16, String) {
    let begun = firm.slack(token, "files.getUploadURLExternal", json!({"filename": name, "length": bytes.len()})).await;
    assert_eq!(begun["ok"], true, "{begun}");
    let request = Request::post(Firm::path(&begun["upload_url"])).header("content-type", "application/pdf");
    let answer = firm.send(request.body(Body::from(bytes.to_vec())).unwrap()).await;
    (begun["file_id"].clone(), answer.status, answer.text())
}

#[tokio::test]
async fn an_upload_takes_three_steps_and_its_share_lands_a_moment_later() {
    let firm = Firm::new();
    let bot = firm.bot();
    let root = firm.sandbox.slack.say(MARTA, SUPPORT, None, "Where is the invoice?").unwrap();
    let (file, status, said) = upload(&firm, &bot, "Rechnung Müller.pdf", BYTES).await;
    assert_eq!((status, said.as_str()), (200, "OK - 16"));
    let info = json!({ "file": file });
    assert_eq!(firm.slack(&bot, "files.info", info.clone()).await["error"], "file_not_found", "it is not complete");
    let done = json!({
        "files": [{"id": file, "title": "Invoice"}], "channel_id": SUPPORT, "thread_ts": root,
        "initial_comment": "Here it is",
    });
    let done = firm.slack(&bot, "files.completeUploadExternal", done).await;
    assert_eq!(done, json!({"ok": true, "files": [{"id": file, "title": "Invoice"}]}));
    let shown = firm.slack(&bot, "files.info", info.clone()).await;
    assert_eq!((&shown["file"]["shares"], &shown["file"]["size"]), (&Value::Null, &json!(16)), "not shared yet");
    assert_eq!(firm.sandbox.slack.thread(SUPPORT, &root).len(), 1);

    firm.pass(300);
    let events = firm.deliver(&Value::Null);
    let shown = firm.slack(&bot, "files.info", info).await["file"].clone();
    let share = &shown["shares"]["public"][SUPPORT][0];
    assert_eq!((&share["thread_ts"], &shown["title"]), (&json!(root), &json!("Invoice")));
    let thread = firm.sandbox.slack.thread(SUPPORT, &root);
    let message = &thread[1];
    assert_eq!((&message["ts"], &message["subtype"]), (&share["ts"], &json!("file_share")));
    assert_eq!((&message["text"], &message["files"][0]["id"]), (&json!("Here it is"), &file));
    let kinds: Vec<&Value> = events.iter().map(|event| &event["event"]["type"]).collect();
    assert!(kinds.contains(&&json!("file_shared")), "{kinds:?}");

    let answer = firm.get(&Firm::path(&shown["url_private_download"]), &bot).await;
    assert_eq!((answer.status, &answer.bytes[..]), (200, BYTES));
    assert_eq!(answer.headers["content-type"], "application/pdf");
    for token in ["xoxb-wrong", ""] {
        let answer = firm.get(&Firm::path(&shown["url_private"]), token).await;
        assert_eq!(
            (answer.status, &answer.headers["content-type"]),
            (200, &"text/html; charset=utf-8".parse().unwrap())
        );
        assert!(answer.text().starts_with("<!DOCTYPE html>"));
    }
    assert_eq!(firm.slack(&bot, "files.delete", json!({ "file": file })).await["ok"], true);
    assert_eq!(firm.slack(&bot, "files.info", json!({ "file": file })).await["error"], "file_deleted");
    assert!(firm.get(&Firm::path(&shown["url_private"]), &bot).await.text().starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn what_a_person_shared_in_private_only_its_readers_have() {
    let firm = Firm::new();
    let private = "C0SECURITY1";
    let priya = "U0PRIYA0001";
    let file = firm.sandbox.slack.put_file(priya, "keys.txt", "text/plain", b"none");
    let say = Say { text: "See".into(), files: vec![file], ..Say::default() };
    let ts = firm.sandbox.slack.say_with(priya, private, say).unwrap();
    let message = firm.sandbox.slack.thread(private, &ts)[0].clone();
    let (id, url) = (&message["files"][0]["id"], Firm::path(&message["files"][0]["url_private"]));
    assert_eq!(firm.get(&url, &firm.bot()).await.text(), "none", "the app is in the channel");
    assert!(firm.get(&url, &firm.token(THANHHA)).await.text().contains("Sign in"));
    let asked = firm.slack(&firm.token(THANHHA), "files.info", json!({ "file": id })).await;
    assert_eq!(asked["error"], "file_not_found");
    assert_eq!(firm.sandbox.slack.file_bytes(id.as_str().unwrap()).as_deref(), Some(&b"none"[..]));
}

#[tokio::test]
async fn uploads_are_refused_as_slack_refuses_them() {
    let firm = Firm::new();
    let bot = firm.bot();
    let begin = async |fields: Value| firm.slack(&bot, "files.getUploadURLExternal", fields).await["error"].clone();
    assert_eq!(begin(json!({"filename": "a", "length": 0})).await, "missing_argument");
    assert_eq!(begin(json!({"filename": "a"})).await, "invalid_arguments");
    assert_eq!(begin(json!({"filename": "a", "length": 1u64 << 40})).await, "file_upload_size_restricted");
    let long = json!({"filename": "a", "length": 1, "alt_txt": "x".repeat(1001)});
    assert_eq!(begin(long).await, "alt_txt_too_large");
    let begun = firm.slack(&bot, "files.getUploadURLExternal", json!({"filename": "a", "length": 3})).await;
    let url = Firm::path(&begun["upload_url"]);
    let short = firm.send(Request::post(&url).body(Body::from("ab")).unwrap()).await;
    assert_eq!(short.status, 400);
    let unknown = firm.send(Request::post("/slack/upload/v1/nonsense").body(Body::from("abc")).unwrap()).await;
    assert_eq!(unknown.status, 404);
    let complete = async |token: &str, fields: Value| {
        firm.slack(token, "files.completeUploadExternal", fields).await["error"].clone()
    };
    let files = json!([{"id": begun["file_id"]}]);
    assert_eq!(complete(&bot, json!({ "files": files })).await, "file_not_found", "its bytes are not there");
    let form = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\
        content-type: text/plain\r\n\r\nabc\r\n--x--\r\n";
    let request = Request::post(&url).header("content-type", "multipart/form-data; boundary=x");
    assert_eq!(firm.send(request.body(Body::from(form)).unwrap()).await.text(), "OK - 3");
    let someone = firm.token(MARTA);
    assert_eq!(complete(&someone, json!({ "files": files })).await, "file_not_found", "another began it");
    assert_eq!(complete(&bot, json!({"files": []})).await, "invalid_arguments");
    let markdown = json!([{"type": "markdown", "text": "*a*"}]);
    assert_eq!(complete(&bot, json!({"files": files, "blocks": markdown})).await, "internal_error");
    assert_eq!(complete(&bot, json!({"files": files, "channel_id": "C0RANDOM001"})).await, "not_in_channel");
    assert_eq!(complete(&bot, json!({"files": files, "channel_id": "C0NONE"})).await, "channel_not_found");
    let many = vec!["C1"; 101].join(",");
    assert_eq!(complete(&bot, json!({"files": files, "channels": many})).await, "channels_limit_exceeded");
    assert_eq!(complete(&bot, json!({"files": files, "channel_id": SUPPORT})).await, Value::Null, "it is taken");
    assert_eq!(complete(&bot, json!({"files": files, "channel_id": SUPPORT})).await, "file_not_found", "once");
}
