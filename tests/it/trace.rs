//! What became of a message can be asked, while the bridge runs and when it does not.

use std::time::Duration;

use sidethread::cli::trace::{Asked, run};
use sidethread::engine::clock::Clock;

use crate::house::{House, Setup};

async fn trace(app: &House, what: &str, text: bool) -> String {
    let asked = Asked::parse(what).unwrap();
    run(&app.database(), &asked, text, app.clock.now_ms()).await.unwrap()
}

async fn refused(app: &House, what: &str) -> String {
    let asked = Asked::parse(what).unwrap();
    format!("{:#}", run(&app.database(), &asked, false, app.clock.now_ms()).await.unwrap_err())
}

fn link(channel: &str, ts: &str, thread_ts: &str) -> String {
    let p = ts.replace('.', "");
    format!("https://acme.slack.com/archives/{channel}/p{p}?thread_ts={thread_ts}&cid={channel}")
}

fn fault(app: &House, rule: serde_json::Value) {
    app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
}

/// The steps of the one message that is told, without their times.
fn steps(told: &str) -> Vec<String> {
    let steps = told.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with("  |"));
    steps.map(|line| line[25..].to_owned()).collect()
}

#[tokio::test]
async fn every_step_of_a_message_is_told() {
    let mut app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down for long?</p>").await;
    let (channel, root) = app.thread(&sc);
    fault(&app, serde_json::json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 3, "times": 1}));
    fault(&app, serde_json::json!({"call": "POST …/reply", "fault": "dropped_after", "times": 1}));
    let ts = app.slack.say(&app.ana, &channel, Some(&root), "on its way").unwrap();
    app.clock.advance(Duration::from_millis(250));
    app.settle().await;
    assert_eq!(app.answers(&sc), ["on its way"]);

    let told = trace(&app, &link(&channel, &ts, &root), false).await;
    let expected = [
        "happened in Slack",
        "stored",
        "decided: reply (call ",
        "reply: sent",
        "reply: answered: ",
        "reply: sent",
        "reply: answered: ",
        "reply: found to have been done (",
    ];
    let found = steps(&told);
    assert_eq!(found.len(), expected.len(), "{told}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{expected}: {told}");
    }
    assert!(!found[4].contains("may have been") && found[4].contains("tried again from 2026-"), "{told}");
    assert!(found[6].contains("it may have been done"), "{told}");
    assert!(!told.contains("on its way") && !told.contains("Scanner"), "{told}");
    let told = trace(&app, &link(&channel, &ts, &root), true).await;
    assert!(told.contains("    | on its way\n") && told.contains("Subject: Scanner"), "{told}");

    // The app's own post leads to the entry that it carries.
    app.zendesk.reply(app.zoe, &sc, "<p>thanks</p>");
    app.settle().await;
    let posted = app.slack.thread(&channel, &root).pop().unwrap()["ts"].as_str().unwrap().to_owned();
    let told = trace(&app, &link(&channel, &posted, &root), true).await;
    assert_eq!(steps(&told).len(), 5, "{told}");
    assert!(told.contains("Zendesk entry") && told.contains("    | thanks\n") && told.contains(&posted), "{told}");

    let whole = trace(&app, &sc, false).await;
    for part in ["post card", "read ticket", "open channel", "Slack message", "Zendesk entry"] {
        assert!(whole.contains(part), "{part}: {whole}");
    }
    assert_eq!(whole.matches("Zendesk entry").count(), 2, "our own reply is no message of its own: {whole}");
    assert_eq!(trace(&app, &app.ticket.to_string(), false).await, whole);
    assert_eq!(trace(&app, &link(&channel, &root, &root), false).await, whole);

    app.app.store().close().await;
    assert_eq!(trace(&app, &sc, false).await, whole, "the same when nothing runs");
    app.restart().await;
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_is_not_known_is_said_with_what_to_do() {
    let app = House::new().await;
    assert!(refused(&app, "01ad1c9e-4ae1-11f1-9738-b5e9d567b472").await.contains("--config"));
    let elsewhere = link(&app.engineering, "1795341659.000200", "1795341600.000100");
    assert!(refused(&app, &elsewhere).await.contains("outside bridged threads are not stored"));
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, root) = app.thread(&sc);
    let told = trace(&app, &link(&channel, "1795341659.000200", &root), false).await;
    assert!(told.contains("Nothing of this message is stored"), "{told}");
    app.zendesk.set_state(app.zoe, &sc, "closed");
    app.settle().await;
    let told = trace(&app, &sc, false).await;
    assert!(told.contains("done, thread"), "{told}");
    let missing = app.database().with_file_name("missing.db");
    let asked = Asked::Ticket(1);
    let said = run(&missing, &asked, false, 0).await.unwrap_err().to_string();
    assert!(said.contains("there is no database at") && !missing.exists(), "{said}");
    std::fs::write(&missing, "").unwrap();
    let said = run(&missing, &asked, false, 0).await.unwrap_err().to_string();
    assert!(said.contains("there is no database at"), "{said}");
    std::fs::write(&missing, "no database at all, but a text that is long enough".repeat(99)).unwrap();
    assert!(run(&missing, &asked, false, 0).await.is_err());
}

#[tokio::test]
async fn a_message_that_waits_for_its_card_is_told() {
    let app = House::new().await;
    let rule = serde_json::json!({"call": "chat.postMessage", "fault": "dropped_after", "times": 1});
    app.slack.faults().add(serde_json::from_value(rule).unwrap());
    let lag = serde_json::json!({"call": "conversations.history", "fault": "status", "status": 500});
    app.slack.faults().add(serde_json::from_value(lag).unwrap());
    let to = ["engineering@slack.acme.example"];
    let sc = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
    app.settle_within(Duration::from_secs(2)).await;
    let (channel, root) = app.thread(&sc);
    let ts = app.slack.say(&app.ana, &channel, Some(&root), "first!").unwrap();
    app.settle_within(Duration::from_secs(2)).await;
    let told = trace(&app, &link(&channel, &ts, &root), true).await;
    assert!(told.contains("held until the card") && told.contains("| first!"), "{told}");
    let told = trace(&app, &sc, false).await;
    assert!(told.contains("its card is on its way") && told.contains("it may have been done"), "{told}");
    app.slack.faults().clear();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["first!"]);
}

#[tokio::test]
async fn messages_that_travelled_together_say_so() {
    let config = "side_conversation_writes_per_10_min = 2";
    let app = House::with(Setup { config, limits: true, ..Default::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, root) = app.thread(&sc);
    fault(&app, serde_json::json!({"call": "POST …/reply", "fault": "dropped_after", "times": 2}));
    let say = |word: &str| app.slack.say(&app.ana, &channel, Some(&root), word).unwrap();
    let all: Vec<String> = ["one", "two", "three", "four"].into_iter().map(say).collect();
    app.settle().await;
    assert_eq!(app.replies(&sc).len(), 2);

    let of = async |ts: &String| trace(&app, &link(&channel, ts, &root), false).await;
    assert!(!of(&all[0]).await.contains("in one call"));
    let mut sent = std::collections::BTreeSet::new();
    for ts in &all[1..] {
        let told = of(ts).await;
        let lines: Vec<&str> = told.lines().filter(|line| line.contains("reply: sent")).collect();
        assert!(!lines.is_empty() && told.contains("found to have been done"), "{told}");
        assert!(lines.iter().all(|line| line.contains("sent in one call with 2 others (bundle ")), "{told}");
        sent.insert(lines.join("\n"));
    }
    assert_eq!(sent.len(), 1, "one call, sent at one time: {sent:?}");
    let whole = trace(&app, &sc, false).await;
    assert_eq!(whole.matches("with 2 others").count(), 3 * sent.first().unwrap().lines().count(), "{whole}");

    let request = http::Request::get("/lanes")
        .header("host", "127.0.0.1")
        .header("sidethread-admin", "1")
        .body(bytes::Bytes::new())
        .unwrap();
    let answer = crate::house::call(&app.app.admin_router(), request).await.unwrap();
    let lanes: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    let text = lanes.to_string();
    let bundle = lanes.pointer("/messages").into_iter().flat_map(|all| all.as_array().into_iter().flatten());
    let calls = bundle.flat_map(|message| message["calls"].as_array().cloned().unwrap_or_default());
    let together: Vec<i64> = calls.filter_map(|call| call["bundle"].as_i64()).collect();
    assert!(together.len() == 3 && together.iter().all(|id| *id == together[0]), "{text}");
}
