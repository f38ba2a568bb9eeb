//! A database that was restored from a backup knows less than was done: nothing comes twice, nothing is lost.

use std::time::Duration;

use serde_json::json;

use sidethread::sandbox::zendesk::Unconfirmed;

use crate::house::{House, Setup, fault};

fn texts(app: &House, sc: &str) -> Vec<String> {
    app.said(sc).into_iter().map(|(_, text)| text.rsplit('\n').next().unwrap().to_owned()).collect()
}

/// How many cards stand for a side conversation.
fn cards(app: &House, sc: &str) -> usize {
    let messages = app.slack.messages(&app.engineering);
    let key = |m: &serde_json::Value| m["metadata"]["event_payload"]["k"].as_str().unwrap_or_default().to_owned();
    messages.iter().filter(|message| key(message).starts_with(&format!("{sc}/card"))).count()
}

async fn say(app: &House, sc: &str, text: &str) {
    let (channel, ts) = app.thread(sc);
    app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
    app.settle().await;
    app.pass(Duration::from_secs(2)).await;
}

#[tokio::test]
async fn nothing_is_doubled_and_nothing_lost_while_reads_lag() {
    let mut app = House::new().await;
    let one = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    say(&app, &one, "before").await;
    let backup = app.back_up().await;
    app.pass(Duration::from_secs(61)).await;

    // What the copy does not know.
    say(&app, &one, "after").await;
    app.zendesk.reply(app.zoe, &one, "<p>thanks</p>");
    app.settle().await;
    let two = app.ask("engineering", "Printer", "<p>Jammed?</p>").await;
    app.zendesk.reply(app.zoe, &two, "<p>Hello?</p>");
    app.settle().await;
    say(&app, &two, "unjammed").await;
    app.zendesk.set_state(app.zoe, &one, "closed");
    app.settle().await;
    let told = app.told(&one).len();
    assert_eq!(told, 1);

    // Said while nothing ran.
    let (channel, ts) = app.thread(&one);
    fault(app.slack.faults(), json!({"call": "events", "fault": "events_never"}));
    app.slack.say(&app.ben, &channel, Some(&ts), "while it was away").unwrap();
    app.zendesk.reply(app.zoe, &two, "<p>While it was away</p>");
    for faults in [app.slack.faults(), app.zendesk.faults()] {
        fault(faults, json!({"call": "*", "fault": "reads_lag", "secs": 40}));
    }
    app.restore(&backup).await;
    app.pass(Duration::from_secs(50)).await;
    app.slack.faults().clear();
    app.zendesk.faults().clear();
    app.pass(Duration::from_secs(20 * 60)).await;

    assert_eq!(app.carried(&one), ["before", "after", "while it was away"]);
    let said = texts(&app, &one);
    assert_eq!(said.iter().filter(|text| *text == "thanks").count(), 1, "{said:?}");
    assert_eq!((cards(&app, &one), cards(&app, &two)), (1, 1));
    assert_eq!(app.carried(&two), ["unjammed"]);
    let said = texts(&app, &two);
    assert_eq!(said.iter().filter(|text| *text == "Hello?").count(), 1, "{said:?}");
    assert_eq!(said.iter().filter(|text| *text == "While it was away").count(), 1, "{said:?}");
    assert_eq!(said.len(), 3, "{said:?}");
    let closings = app.told(&one).iter().filter(|text| text.contains("marked this side conversation as done")).count();
    assert_eq!(closings, 1, "{:?}", app.told(&one));
    app.ends_quietly().await;

    // From here on everything is as ever.
    say(&app, &two, "later").await;
    assert_eq!(app.carried(&two), ["unjammed", "later"]);
}

#[tokio::test]
async fn what_waited_in_the_copy_and_was_sent_since_is_not_sent_again() {
    let mut app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    fault(
        app.zendesk.faults(),
        json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 30, "times": 1}),
    );
    fault(
        app.slack.faults(),
        json!({"call": "chat.postMessage", "fault": "rate_limited", "retry_after": 30, "times": 1}),
    );
    app.slack.say(&app.ana, &channel, Some(&ts), "waits").unwrap();
    app.zendesk.reply(app.zoe, &sc, "<p>waits too</p>");
    app.settle_within(Duration::from_secs(1)).await;
    assert_eq!((app.carried(&sc), texts(&app, &sc)), (vec![], vec!["waits".to_owned()]));
    let backup = app.back_up().await;
    app.pass(Duration::from_secs(90)).await;
    assert_eq!(app.carried(&sc), ["waits"]);
    assert_eq!(texts(&app, &sc), ["waits", "waits too"]);
    for faults in [app.slack.faults(), app.zendesk.faults()] {
        fault(faults, json!({"call": "*", "fault": "reads_lag", "secs": 45}));
    }
    app.restore(&backup).await;
    app.pass(Duration::from_secs(45)).await;
    app.slack.faults().clear();
    app.zendesk.faults().clear();
    app.pass(Duration::from_secs(10 * 60)).await;
    assert_eq!(app.carried(&sc), ["waits"]);
    assert_eq!(texts(&app, &sc), ["waits", "waits too"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_database_that_is_as_it_was_left_waits_for_nothing() {
    let mut app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.pass(Duration::from_secs(61)).await;
    app.app.store().close().await;
    fault(app.slack.faults(), json!({"call": "events", "fault": "events_never"}));
    app.slack.say(&app.ana, &channel, Some(&ts), "missed").unwrap();
    app.clock.advance(Duration::from_secs(5));
    app.restart().await;
    app.pass(Duration::from_secs(5)).await;
    assert_eq!(app.carried(&sc), ["missed"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_copy_that_was_put_back_within_the_minute_is_known_as_one() {
    let mut app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    for (faults, call) in [(app.zendesk.faults(), "POST …/reply"), (app.slack.faults(), "chat.postMessage")] {
        fault(faults, json!({"call": call, "fault": "rate_limited", "retry_after": 3, "times": 1}));
    }
    app.slack.say(&app.ana, &channel, Some(&ts), "waits").unwrap();
    app.zendesk.reply(app.zoe, &sc, "<p>waits too</p>");
    app.settle_within(Duration::from_secs(1)).await;
    let backup = app.back_up().await;
    app.settle().await;
    assert_eq!((app.carried(&sc), texts(&app, &sc)), (vec!["waits".into()], vec!["waits".into(), "waits too".into()]));
    app.restore(&backup).await;
    app.pass(Duration::from_secs(10 * 60)).await;
    assert_eq!((app.carried(&sc), texts(&app, &sc)), (vec!["waits".into()], vec!["waits".into(), "waits too".into()]));
    app.ends_quietly().await;
}

#[tokio::test]
async fn an_answer_that_is_read_before_the_card_is_found_again_is_an_echo() {
    let unconfirmed = Unconfirmed { external_ids_echoed: false, ..Unconfirmed::default() };
    let mut app = House::with(Setup { unconfirmed, ..Setup::default() }).await;
    fault(
        app.slack.faults(),
        json!({"call": "chat.postMessage", "fault": "rate_limited", "retry_after": 9, "times": 1}),
    );
    let to = "engineering@slack.acme.example";
    let sc = app.zendesk.start_side_conversation(app.zoe, app.ticket, &[to], "Scanner", "<p>Down?</p>");
    app.settle_within(Duration::from_secs(1)).await;
    assert_eq!(cards(&app, &sc), 0);
    let backup = app.back_up().await;
    app.settle().await;
    say(&app, &sc, "on its way").await;
    assert_eq!((cards(&app, &sc), app.carried(&sc)), (1, vec!["on its way".to_owned()]));
    fault(app.slack.faults(), json!({"call": "*", "fault": "reads_lag", "secs": 30}));
    app.restore(&backup).await;
    app.pass(Duration::from_secs(30)).await;
    app.slack.faults().clear();
    app.pass(Duration::from_secs(10 * 60)).await;
    assert_eq!((cards(&app, &sc), app.carried(&sc)), (1, vec!["on its way".to_owned()]));
    assert_eq!(texts(&app, &sc), ["on its way"]);
    app.ends_quietly().await;
}

/// How often a vendor was called so.
fn calls(calls: Vec<(String, i64)>, name: &str) -> usize {
    calls.iter().filter(|(call, _)| call == name).count()
}

#[tokio::test]
async fn one_look_answers_for_all_messages_of_a_thread_that_are_in_doubt() {
    const MESSAGES: usize = 12;
    let mut app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.pass(Duration::from_secs(61)).await;
    app.leave().await;
    fault(app.slack.faults(), json!({"call": "events", "fault": "events_never", "times": MESSAGES}));
    let (from_slack, from_zendesk): (Vec<String>, Vec<String>) =
        (0..MESSAGES).map(|n| (format!("from Slack {n}"), format!("from Zendesk {n}"))).unzip();
    for (slack, zendesk) in from_slack.iter().zip(&from_zendesk) {
        app.clock.advance(Duration::from_secs(1));
        app.slack.say(&app.ana, &channel, Some(&ts), slack).unwrap();
        app.zendesk.reply(app.zoe, &sc, &format!("<p>{zendesk}</p>"));
    }
    let before = calls(app.zendesk.calls(), "GET …/events");
    app.start().await;
    app.pass(Duration::from_secs(120)).await;
    assert_eq!(app.carried(&sc), from_slack);
    // They waited for their turn, so some travelled together.
    let said: String = app.said(&sc).into_iter().map(|(_, text)| text + "\n").collect();
    let posted: Vec<&str> = said.lines().filter(|line| line.starts_with("from Zendesk")).collect();
    assert_eq!(posted, from_zendesk);
    // What was missed is read once, and what was done of it is looked for once or twice, as it came in.
    let replies = calls(app.slack.calls(), "conversations.replies");
    let entries = calls(app.zendesk.calls(), "GET …/events") - before;
    assert!(replies <= 4 && entries <= 4, "{replies} reads of the thread, {entries} of the side conversation");
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_is_read_back_is_looked_for_before_it_is_sent() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    fault(app.slack.faults(), json!({"call": "events", "fault": "events_never", "times": 1}));
    app.slack.say(&app.ana, &channel, Some(&ts), "missed").unwrap();
    let before = calls(app.zendesk.calls(), "GET …/events");
    app.pass(Duration::from_secs(6 * 60)).await;
    assert_eq!(app.carried(&sc), ["missed"]);
    assert_eq!(calls(app.zendesk.calls(), "GET …/events"), before + 1);
    app.ends_quietly().await;
}
