//! How many a message mentions is its writer's choice; it decides neither how many calls are made nor who waits.

use std::time::Duration;

use serde_json::json;
use sidethread::engine::clock::Clock;
use sidethread::sandbox::slack::{ChannelSpec, PersonSpec};

use crate::house::{House, Setup, fault};

fn calls(app: &House, method: &str) -> usize {
    app.slack.calls().iter().filter(|(call, _)| call == method).count()
}

async fn with_limits() -> (House, String, String, String) {
    let app = House::with(Setup { limits: true, ..Default::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.pass(Duration::from_secs(70)).await;
    app.slack.clear_calls();
    (app, sc, channel, ts)
}

fn people(app: &House, many: usize) -> Vec<String> {
    let spec = |n| PersonSpec { name: format!("p{n}"), display_name: format!("Person {n}"), ..Default::default() };
    (0..many).map(|n| app.slack.add_person(spec(n))).collect()
}

#[tokio::test]
async fn a_message_of_a_thousand_mentions_makes_few_calls_and_nobody_waits_for_it() {
    let (app, sc, channel, ts) = with_limits().await;
    let members = people(&app, 1000);
    let nobody = (0..1800).map(|n| format!("U0NOBODY{n:04}"));
    let text: String = members.iter().cloned().chain(nobody).map(|id| format!("<@{id}> ")).collect();
    let began = app.clock.now_ms();
    app.slack.say(&app.ana, &channel, Some(&ts), &text).unwrap();
    app.slack.say(&app.ben, &channel, Some(&ts), "me too").unwrap();
    app.slack.press(&app.ben, &channel, &ts, "mark_done").unwrap();
    app.settle().await;
    assert!(app.clock.now_ms() - began < 5000, "somebody waited {} ms", app.clock.now_ms() - began);
    assert_eq!((app.replies(&sc).len(), app.state(&sc).as_str()), (2, "closed"));
    let (infos, lists) = (calls(&app, "users.info"), calls(&app, "users.list"));
    // Beside those of the message: its author's, another author's, and who pressed.
    assert!(infos <= 50 + 3 && lists <= 10, "users.info {infos}, users.list {lists}");
    let reply = app.replies(&sc).remove(0);
    assert!(reply.contains("@Person 0 ") && reply.contains("@Person 999 "), "the members are named");
    assert!(reply.contains("@U0NOBODY1799"), "others are shown by their ids");
    app.ends_quietly().await;
}

#[tokio::test]
async fn many_messages_of_many_mentions_leave_half_of_what_slack_allows() {
    let (app, sc, channel, ts) = with_limits().await;
    for n in 0..8 {
        let text: String = (0..40).map(|m| format!("<@U0NOBODY{n}{m:03}> ")).collect();
        app.slack.say(&app.ana, &channel, Some(&ts), &text).unwrap();
        app.settle_within(Duration::ZERO).await;
    }
    assert_eq!(app.replies(&sc).len(), 8);
    assert!(calls(&app, "users.info") <= 50 + 2, "{}", calls(&app, "users.info"));
    app.ends_quietly().await;
}

#[tokio::test]
async fn channels_that_are_mentioned_are_counted_too() {
    let (app, sc, channel, ts) = with_limits().await;
    let spec = |n| ChannelSpec { name: format!("place-{n}"), ..Default::default() };
    let text: String = (0..200).map(|n| format!("<#{}> ", app.slack.add_channel(spec(n)))).collect();
    let began = app.clock.now_ms();
    app.slack.say(&app.ana, &channel, Some(&ts), &text).unwrap();
    app.settle().await;
    assert!(app.clock.now_ms() - began < 5000);
    assert!(calls(&app, "conversations.info") <= 25 + 2, "{}", calls(&app, "conversations.info"));
    assert!(app.replies(&sc)[0].contains("#C"), "the others are shown by their ids");
    app.ends_quietly().await;
}

#[tokio::test]
async fn whatever_goes_wrong_with_a_name_the_words_go() {
    for rule in [
        json!({"call": "users.info", "fault": "status", "status": 500}),
        json!({"call": "users.info", "fault": "rate_limited", "retry_after": 600}),
        json!({"call": "users.info", "fault": "html"}),
        json!({"call": "users.list", "fault": "status", "status": 500}),
    ] {
        let (app, sc, channel, ts) = with_limits().await;
        let members = people(&app, 60);
        app.slack.say(&app.ana, &channel, Some(&ts), "I am known").unwrap();
        app.settle().await;
        fault(app.slack.faults(), rule.clone());
        let some = if rule["call"] == "users.list" { 60 } else { 3 };
        let text: String = members[..some].iter().map(|id| format!("<@{id}> ")).collect();
        let began = app.clock.now_ms();
        app.slack.say(&app.ana, &channel, Some(&ts), &text).unwrap();
        app.settle_within(Duration::from_secs(12)).await;
        assert_eq!(app.replies(&sc).len(), 2, "{rule}");
        assert!(app.clock.now_ms() - began <= 12_000, "{rule}");
        if rule["call"] == "users.info" {
            assert!(app.replies(&sc)[1].contains(&format!("@{}", members[0])), "{rule}: shown by their ids");
        }
    }
}

/// Slack takes its time over a name.
#[tokio::test]
async fn nobody_waits_longer_than_ten_seconds_for_names() {
    let (app, sc, channel, ts) = with_limits().await;
    let members = people(&app, 3);
    app.slack.say(&app.ana, &channel, Some(&ts), "I am known").unwrap();
    app.settle().await;
    fault(app.slack.faults(), json!({"call": "users.info", "fault": "latency", "ms": 600_000}));
    let before = calls(&app, "users.info");
    let text: String = members.iter().map(|id| format!("<@{id}> ")).collect();
    app.slack.say(&app.ana, &channel, Some(&ts), &text).unwrap();
    let time = async {
        while calls(&app, "users.info") == before {
            tokio::task::yield_now().await;
        }
        app.clock.advance(Duration::from_secs(11));
    };
    futures_util::future::join(app.settle_within(Duration::from_secs(12)), time).await;
    assert_eq!(app.replies(&sc).len(), 2);
    app.ends_quietly().await;
}
