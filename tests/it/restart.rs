//! After a restart nobody waits longer than Slack's limits ask, and what was said keeps its order.

use std::time::Duration;

use serde_json::json;
use sidethread::sandbox::post::Sender;

use crate::house::{House, Setup, fault};

/// A house with so many threads, each answered once while all was well and compared since.
async fn talked_in(threads: usize, slack: &'static str) -> (House, Vec<String>) {
    let config = "side_conversation_writes_per_10_min = 0";
    let app = House::with(Setup { slack, config, ..Setup::default() }).await;
    let mut all = Vec::new();
    for n in 0..threads {
        let to = ["engineering@slack.acme.example"];
        all.push(app.zendesk.start_side_conversation(
            app.zoe,
            app.ticket,
            &to,
            &format!("Scanner {n}"),
            "<p>Down?</p>",
        ));
    }
    app.settle().await;
    for sc in &all {
        say(&app, sc, "before");
    }
    app.settle().await;
    app.pass(Duration::from_secs(900)).await;
    (app, all)
}

fn say(app: &House, sc: &str, text: &str) {
    let (channel, ts) = app.thread(sc);
    app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
}

/// Somebody writes, and Slack never tells.
fn say_unheard(app: &House, sc: &str, text: &str) {
    fault(app.slack.faults(), json!({"call": "events", "fault": "events_never"}));
    say(app, sc, text);
    app.slack.faults().clear();
}

/// Somebody writes, and Slack tells at once.
async fn say_live(app: &House, sc: &str, text: &str) {
    say(app, sc, text);
    for parcel in app.slack.take_due() {
        let receipt = app.deliver(&parcel).await;
        app.slack.settle(parcel.id, receipt);
    }
}

fn reads(app: &House, method: &str) -> usize {
    app.slack.calls().iter().filter(|(call, _)| call == method).count()
}

#[tokio::test]
async fn a_read_that_fails_delays_its_own_thread_alone_and_for_a_second() {
    for problem in [
        json!({"call": "conversations.replies", "fault": "status", "status": 503, "times": 1}),
        json!({"call": "conversations.replies", "fault": "dropped_before", "times": 1}),
        json!({"call": "conversations.replies", "fault": "rate_limited_plain", "retry_after": 1, "times": 1}),
    ] {
        let (mut app, all) = talked_in(3, "").await;
        all.iter().for_each(|sc| say_unheard(&app, sc, "missed"));
        app.restart().await;
        fault(app.slack.faults(), problem.clone());
        app.settle_within(Duration::ZERO).await;
        let there = || all.iter().filter(|sc| app.answers(sc) == ["before", "missed"]).count();
        if problem["fault"] != "rate_limited_plain" {
            assert_eq!(there(), 2, "{problem}");
        }
        app.pass(Duration::from_secs(2)).await;
        assert_eq!(there(), 3, "{problem}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn thirty_threads_are_read_at_once_and_eighty_as_slacks_limit_allows() {
    for (threads, slack, within) in [(30, "", 1), (80, "", 61), (80, "tier_3_calls_per_min = 0", 1)] {
        let (mut app, all) = talked_in(threads, slack).await;
        for sc in &all {
            say_unheard(&app, sc, "missed");
        }
        app.restart().await;
        for sc in &all {
            say_live(&app, sc, "live").await;
        }
        app.settle_within(Duration::from_secs(within)).await;
        for sc in &all {
            assert_eq!(app.answers(sc), ["before", "missed", "live"], "{threads} threads, {slack:?}");
        }
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn words_wait_for_a_read_that_slacks_limit_delays_and_not_for_a_timer() {
    let (mut app, all) = talked_in(8, "tier_3_calls_per_min = 3").await;
    for sc in &all {
        say_unheard(&app, sc, "missed");
    }
    app.restart().await;
    for sc in &all {
        say_live(&app, sc, "live").await;
    }
    app.settle_within(Duration::from_secs(100)).await;
    let (waiting, there): (Vec<_>, Vec<_>) = all.iter().map(|sc| app.answers(sc)).partition(|said| said.len() == 1);
    assert_eq!((waiting.len(), there.len()), (2, 6));
    app.settle().await;
    for sc in &all {
        assert_eq!(app.answers(sc), ["before", "missed", "live"]);
    }
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_thread_that_slack_never_shows_keeps_its_own_words_a_minute_and_no_others() {
    let (mut app, all) = talked_in(2, "").await;
    say_unheard(&app, &all[1], "missed");
    app.restart().await;
    say_live(&app, &all[0], "live").await;
    // The first read is of the thread for which somebody waits.
    fault(app.slack.faults(), json!({"call": "conversations.replies", "fault": "status", "status": 500, "times": 1}));
    app.settle_within(Duration::ZERO).await;
    assert_eq!(
        (app.answers(&all[0]), app.answers(&all[1])),
        (vec!["before".into()], vec!["before".into(), "missed".into()])
    );
    fault(app.slack.faults(), json!({"call": "conversations.replies", "fault": "status", "status": 500}));
    app.settle_within(Duration::from_secs(58)).await;
    assert_eq!(app.answers(&all[0]), ["before"]);
    app.settle_within(Duration::from_secs(3)).await;
    assert_eq!(app.answers(&all[0]), ["before", "live"]);
}

#[tokio::test]
async fn threads_that_were_heard_live_do_not_wait_after_a_restart() {
    let (mut app, all) = talked_in(12, "").await;
    for sc in &all {
        say(&app, sc, "heard");
    }
    app.zendesk.reply(app.zoe, &all[3], "<p>Thank you</p>");
    app.settle().await;
    app.clock.advance(Duration::from_secs(1));
    app.restart().await;
    // The channel tells that nothing was missed; no thread can be read.
    let before = reads(&app, "conversations.history");
    fault(app.slack.faults(), json!({"call": "conversations.replies", "fault": "status", "status": 500}));
    app.settle_within(Duration::ZERO).await;
    assert_eq!(reads(&app, "conversations.history") - before, 1);
    for sc in &all {
        say_live(&app, sc, "live").await;
    }
    app.settle_within(Duration::from_secs(1)).await;
    for sc in &all {
        assert_eq!(app.carried(sc), ["before", "heard", "live"]);
    }
    app.slack.faults().clear();
    app.pass(Duration::from_secs(60)).await;
    let before = reads(&app, "conversations.replies");
    app.restart().await;
    app.pass(Duration::from_secs(5)).await;
    assert_eq!(reads(&app, "conversations.replies") - before, 0, "all were read through");
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_was_heard_after_a_gap_that_was_not_made_good_proves_nothing() {
    let (mut app, all) = talked_in(1, "").await;
    let sc = &all[0];
    let (channel, ts) = app.thread(sc);
    say_unheard(&app, sc, "missed");
    for live in ["live one", "live two"] {
        app.restart().await;
        say_live(&app, sc, live).await;
    }
    // A life that posts, and ends before it has read anything.
    app.restart().await;
    fault(app.slack.faults(), json!({"call": "conversations.replies", "fault": "status", "status": 500}));
    fault(app.slack.faults(), json!({"call": "conversations.history", "fault": "status", "status": 500}));
    app.zendesk.reply(app.zoe, sc, "<p>Anybody?</p>");
    app.settle_within(Duration::from_secs(5)).await;
    assert_eq!(app.slack.thread(&channel, &ts).last().unwrap()["text"], "Anybody?");
    app.slack.faults().clear();
    app.restart().await;
    let before = reads(&app, "conversations.replies");
    say_live(&app, sc, "live three").await;
    app.settle_within(Duration::from_secs(2)).await;
    assert_eq!(app.carried(sc), ["before", "missed", "live one", "live two", "live three"]);
    assert!(reads(&app, "conversations.replies") > before);
    app.ends_quietly().await;
}
