//! After a restart nobody waits longer than Slack's limits ask, and what was said keeps its order.

use std::time::Duration;

use serde_json::json;
use sidethread::sandbox::post::Sender;

use crate::house::{House, Setup, fault};

/// A side conversation and where it stands in Slack.
struct Talk {
    id: String,
    channel: String,
    ts: String,
}

/// A house with so many threads, each answered once while all was well and compared since.
async fn talked_in(threads: usize, slack: &'static str) -> (House, Vec<Talk>) {
    let config = "side_conversation_writes_per_10_min = 0";
    let app = House::with(Setup { slack, config, ..Setup::default() }).await;
    let to = ["engineering@slack.acme.example"];
    let ask =
        |n| app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, &format!("Scanner {n}"), "<p>Down?</p>");
    let ids: Vec<String> = (0..threads).map(ask).collect();
    app.settle().await;
    let talk = |id: String| {
        let (channel, ts) = app.thread(&id);
        Talk { id, channel, ts }
    };
    let all: Vec<Talk> = ids.into_iter().map(talk).collect();
    for talk in &all {
        say(&app, talk, "before");
    }
    app.settle().await;
    app.pass(Duration::from_secs(320)).await;
    app.settle().await;
    (app, all)
}

fn say(app: &House, talk: &Talk, text: &str) {
    app.slack.say(&app.ana, &talk.channel, Some(&talk.ts), text).unwrap();
}

/// Somebody writes, and Slack never tells.
fn say_unheard(app: &House, talk: &Talk, text: &str) {
    fault(app.slack.faults(), json!({"call": "events", "fault": "events_never"}));
    say(app, talk, text);
    app.slack.faults().clear();
}

/// Somebody writes, and Slack tells at once.
async fn say_live(app: &House, talk: &Talk, text: &str) {
    say(app, talk, text);
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
        all.iter().for_each(|talk| say_unheard(&app, talk, "missed"));
        app.restart().await;
        fault(app.slack.faults(), problem.clone());
        app.settle_within(Duration::ZERO).await;
        let there = || all.iter().filter(|talk| app.answers(&talk.id) == ["before", "missed"]).count();
        if problem["fault"] != "rate_limited_plain" {
            assert_eq!(there(), 2, "{problem}");
        }
        app.pass(Duration::from_secs(2)).await;
        assert_eq!(there(), 3, "{problem}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn thirty_threads_are_read_at_once_and_sixty_as_slacks_limit_allows() {
    for (threads, slack, within) in [(30, "", 1), (60, "", 61), (60, "tier_3_calls_per_min = 0", 1)] {
        let (mut app, all) = talked_in(threads, slack).await;
        for talk in &all {
            say_unheard(&app, talk, "missed");
        }
        app.restart().await;
        for talk in &all {
            say_live(&app, talk, "live").await;
        }
        app.settle_within(Duration::from_secs(within)).await;
        for talk in &all {
            assert_eq!(app.answers(&talk.id), ["before", "missed", "live"], "{threads} threads, {slack:?}");
        }
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn words_wait_for_a_read_that_slacks_limit_delays_and_not_for_a_timer() {
    let (mut app, all) = talked_in(8, "tier_3_calls_per_min = 3").await;
    for talk in &all {
        say_unheard(&app, talk, "missed");
    }
    app.restart().await;
    for talk in &all {
        say_live(&app, talk, "live").await;
    }
    app.settle_within(Duration::from_secs(100)).await;
    let (waiting, there): (Vec<_>, Vec<_>) =
        all.iter().map(|talk| app.answers(&talk.id)).partition(|said| said.len() == 1);
    assert_eq!((waiting.len(), there.len()), (2, 6));
    app.settle().await;
    for talk in &all {
        assert_eq!(app.answers(&talk.id), ["before", "missed", "live"]);
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
        (app.answers(&all[0].id), app.answers(&all[1].id)),
        (vec!["before".into()], vec!["before".into(), "missed".into()])
    );
    fault(app.slack.faults(), json!({"call": "conversations.replies", "fault": "status", "status": 500}));
    app.pass(Duration::from_secs(58)).await;
    assert_eq!(app.answers(&all[0].id), ["before"]);
    app.pass(Duration::from_secs(3)).await;
    assert_eq!(app.answers(&all[0].id), ["before", "live"]);
}

#[tokio::test]
async fn threads_that_were_heard_live_do_not_wait_after_a_restart() {
    let (mut app, all) = talked_in(12, "").await;
    for talk in &all {
        say(&app, talk, "heard");
    }
    app.zendesk.reply(app.zoe, &all[3].id, "<p>Thank you</p>");
    app.settle().await;
    app.clock.advance(Duration::from_secs(1));
    app.restart().await;
    // The channel tells that nothing was missed; no thread can be read.
    let before = reads(&app, "conversations.history");
    fault(app.slack.faults(), json!({"call": "conversations.replies", "fault": "status", "status": 500}));
    app.settle_within(Duration::ZERO).await;
    assert_eq!(reads(&app, "conversations.history") - before, 1);
    for talk in &all {
        say_live(&app, talk, "live").await;
    }
    app.settle_within(Duration::from_secs(1)).await;
    for talk in &all {
        assert_eq!(app.carried(&talk.id), ["before", "heard", "live"]);
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
    let talk = &all[0];
    say_unheard(&app, talk, "missed");
    // A life in which Slack shows nothing: what it hears goes on after a while, without what was missed.
    app.restart().await;
    for call in ["conversations.history", "conversations.replies"] {
        fault(app.slack.faults(), json!({"call": call, "fault": "status", "status": 500}));
    }
    say_live(&app, talk, "heard").await;
    app.pass(Duration::from_secs(70)).await;
    assert_eq!(app.answers(&talk.id), ["before", "heard"]);
    app.slack.faults().clear();
    app.restart().await;
    // The channel shows that the last message was heard.
    let history = reads(&app, "conversations.history");
    fault(app.slack.faults(), json!({"call": "conversations.replies", "fault": "status", "status": 500, "times": 1}));
    app.settle_within(Duration::ZERO).await;
    assert!(reads(&app, "conversations.history") > history);
    say_live(&app, talk, "live").await;
    app.settle_within(Duration::from_secs(2)).await;
    assert_eq!(app.answers(&talk.id), ["before", "heard", "missed", "live"]);
    app.ends_quietly().await;
}
