//! What is under way says what it waits for, to whoever follows it: in the operator's view and in its trace.

use std::time::Duration;

use axum::body::Body;
use serde_json::{Value, json};
use sidethread::cli::trace::{Asked, run};
use sidethread::engine::clock::Clock;
use sidethread::sandbox::zendesk::TicketChange;
use tower::ServiceExt;

use crate::follow_up::{a_thread, later};
use crate::house::{House, Setup, fault};
use crate::merged::{merged_thread, press};

const A_MINUTE: Duration = Duration::from_secs(60);

/// What the view says of the message of this name: for what it waits, and in which words.
async fn waits(app: &House, name: &str) -> (String, String) {
    let request = http::Request::get("/lanes").header("host", "127.0.0.1").header("sidethread-admin", "1");
    let answer = app.app.admin_router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let told: Value = serde_json::from_slice(&body).unwrap();
    let message = told["messages"].as_array().unwrap().iter().find(|message| message["event"]["name"] == name);
    let message = message.unwrap_or_else(|| panic!("{name} is not shown: {told:#}"));
    let calls = message["calls"].as_array().unwrap().iter();
    let mut open = calls.chain([&message["event"]]).map(|one| &one["waits"]).filter(|waits| !waits.is_null());
    let open = open.next().unwrap_or(&Value::Null);
    let word = |name: &str| open[name].as_str().unwrap_or_default().to_owned();
    (word("for"), word("words"))
}

async fn kind(app: &House, name: &str) -> String {
    waits(app, name).await.0
}

/// The last line of a message's trace.
async fn trace(app: &House, channel: &str, ts: &str, thread_ts: &str) -> String {
    let p = ts.replace('.', "");
    let link = format!("https://acme.slack.com/archives/{channel}/p{p}?thread_ts={thread_ts}&cid={channel}");
    let told = run(&app.database(), &Asked::parse(&link).unwrap(), false, app.clock.now_ms()).await.unwrap();
    told.trim_end().lines().next_back().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_waits_after_a_merge_says_for_whom() {
    let app = House::new().await;
    let (sc, channel, root) = merged_thread(&app).await;
    let mut said = Vec::new();
    for (person, words) in [(&app.ana, "It is up again."), (&app.ben, "Confirmed.")] {
        said.push(app.slack.say(person, &channel, Some(&root), words).unwrap());
        app.settle_within(A_MINUTE).await;
    }
    for pause in [0, 20 * 60] {
        app.pass(Duration::from_secs(pause)).await;
        for ts in &said {
            let (kind, words) = waits(&app, ts).await;
            assert_eq!(kind, "press");
            assert!(words.contains("“Continue on #35437”") && words.contains("#35436 was merged"), "{words}");
            let told = trace(&app, &channel, ts, &root).await;
            assert!(told.contains("reply: waits until somebody presses “Continue on #35437”"), "{told}");
        }
    }
    press(&app, &app.ana, &sc).await;
    for ts in &said {
        assert_eq!(kind(&app, ts).await, "");
    }
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_waits_for_the_operator_says_so() {
    let app = House::new().await;
    let (_, channel, root) = a_thread(&app).await;
    later(&app).await;
    let tags = Some(vec!["closed_by_merge".into()]);
    let change = TicketChange { tags, status: Some("closed".into()), ..Default::default() };
    assert!(app.zendesk.set_ticket(app.ticket, change));
    let said = app.slack.say(&app.ana, &channel, Some(&root), "one").unwrap();
    app.settle_within(A_MINUTE).await;
    let (kind, words) = waits(&app, &said).await;
    assert!(kind == "operator" && words.contains("sidethread merged 35436 --into"), "{words}");
    assert!(trace(&app, &channel, &said, &root).await.contains("sidethread merged 35436 --into"));
}

#[tokio::test]
async fn what_waits_for_its_ticket_or_its_channel_says_so() {
    let app = House::new().await;
    let (sc, channel, root) = a_thread(&app).await;
    app.pass(Duration::from_secs(600)).await;
    let deleted = |yes: bool| TicketChange { deleted: Some(yes), ..Default::default() };
    assert!(app.zendesk.set_ticket(app.ticket, deleted(true)));
    let said = app.slack.say(&app.ana, &channel, Some(&root), "one").unwrap();
    app.pass(Duration::from_secs(400)).await;
    let (kind, words) = waits(&app, &said).await;
    assert!(kind == "ticket" && words.starts_with("until its ticket can be reached again: "), "{kind}: {words}");
    let told = trace(&app, &channel, &said, &root).await;
    assert!(told.contains("reply: waits until its ticket can be reached again: "), "{told}");
    assert!(app.zendesk.set_ticket(app.ticket, deleted(false)));
    app.pass(Duration::from_secs(1800)).await;
    assert_eq!(app.answers(&sc), ["one"]);

    app.slack.archive_channel(&channel).unwrap();
    app.zendesk.reply(app.zoe, &sc, "<p>Thank you</p>");
    app.settle_within(A_MINUTE).await;
    let entry = app.zendesk.events(&sc).pop().unwrap()["id"].as_str().unwrap().to_owned();
    let (kind, words) = waits(&app, &entry).await;
    assert!(kind == "channel" && words.ends_with("is archived"), "{kind}: {words}");
    app.slack.unarchive_channel(&channel).unwrap();
    app.pass(Duration::from_secs(1800)).await;
    assert_eq!(self::kind(&app, &entry).await, "");
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_waits_for_a_time_or_behind_another_says_so() {
    let app = House::new().await;
    let (sc, channel, root) = a_thread(&app).await;
    fault(
        app.zendesk.faults(),
        json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 40, "times": 1}),
    );
    let one = app.slack.say(&app.ana, &channel, Some(&root), "one").unwrap();
    app.settle_within(Duration::ZERO).await;
    let two = app.slack.say(&app.ana, &channel, Some(&root), "two").unwrap();
    app.settle_within(Duration::ZERO).await;
    assert_eq!((kind(&app, &one).await.as_str(), kind(&app, &two).await.as_str()), ("time", "earlier"));
    assert_eq!(waits(&app, &two).await.1, "for an earlier message of its thread");
    app.settle().await;
    assert_eq!(app.answers(&sc), ["one", "two"]);

    fault(app.zendesk.faults(), json!({"call": "POST …/reply", "fault": "dropped_before", "times": 1}));
    let three = app.slack.say(&app.ana, &channel, Some(&root), "three").unwrap();
    app.settle_within(Duration::from_secs(30)).await;
    assert_eq!(kind(&app, &three).await, "look", "it may have arrived, and the other side is asked first");
    app.settle().await;
    assert_eq!(kind(&app, &three).await, "");
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_waits_for_a_vendor_that_is_down_says_so() {
    let app = House::new().await;
    let (_, channel, root) = a_thread(&app).await;
    let other = app.ask("engineering", "Printer", "<p>Down, too?</p>").await;
    let (_, other_root) = app.thread(&other);
    fault(app.zendesk.faults(), json!({"call": "*", "fault": "status", "status": 503}));
    let mut said = Vec::new();
    for (at, root) in [&root, &other_root, &root].into_iter().enumerate() {
        said.push(app.slack.say(&app.ana, &channel, Some(root), &format!("word {at}")).unwrap());
    }
    app.settle_within(Duration::from_secs(120)).await;
    for ts in &said {
        let (kind, words) = waits(&app, ts).await;
        assert!(kind == "vendor" && words.starts_with("until Zendesk can be reached again: "), "{kind}: {words}");
    }
    app.zendesk.faults().clear();
    app.settle().await;
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_waits_for_room_says_so() {
    let config = "side_conversation_writes_per_10_min = 2";
    let app = House::with(Setup { config, limits: true, ..Default::default() }).await;
    let (_, channel, root) = a_thread(&app).await;
    let mut last = String::new();
    for at in 0..3 {
        last = app.slack.say(&app.ana, &channel, Some(&root), &format!("word {at}")).unwrap();
        app.settle_within(Duration::ZERO).await;
    }
    let (kind, words) = waits(&app, &last).await;
    assert_eq!(
        (kind.as_str(), words.as_str()),
        ("room", "for room: more calls of this kind would go over Zendesk's limit")
    );
    app.settle().await;
    assert_eq!(self::kind(&app, &last).await, "");
}

#[tokio::test]
async fn what_waits_for_its_card_or_for_what_was_missed_says_so() {
    let mut app = House::new().await;
    fault(app.slack.faults(), json!({"call": "chat.postMessage", "fault": "dropped_after", "times": 1}));
    fault(app.slack.faults(), json!({"call": "conversations.history", "fault": "status", "status": 500}));
    let to = ["engineering@slack.acme.example"];
    let sc = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
    app.settle_within(Duration::from_secs(2)).await;
    let (channel, root) = app.thread(&sc);
    let said = app.slack.say(&app.ana, &channel, Some(&root), "first!").unwrap();
    app.settle_within(Duration::from_secs(2)).await;
    let (kind, words) = waits(&app, &said).await;
    assert!(kind == "card" && words.contains("ten minutes at most"), "{kind}: {words}");
    app.slack.faults().clear();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["first!"]);

    app.restart().await;
    let said = app.slack.say(&app.ana, &channel, Some(&root), "second").unwrap();
    app.bring().await;
    let (kind, words) = waits(&app, &said).await;
    assert!(kind == "missed" && words.contains("a minute at most"), "{kind}: {words}");
    app.settle().await;
    assert_eq!(self::kind(&app, &said).await, "");
    app.ends_quietly().await;
}
