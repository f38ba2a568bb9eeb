//! A status without the vendor's own words is nobody's verdict, and a vendor's word is taken within bounds.

use std::time::Duration;

use serde_json::{Value, json};
use sidethread::engine::clock::Clock;
use tokio_util::sync::CancellationToken;

use crate::house::{House, Setup, fault};

/// What is said of a ticket that is gone, or that the app may not write to.
const FALSE_WORDS: [&str; 4] = ["does not exist", "may not do that", "*Paused*", "does not accept"];

fn says_nothing_false(app: &House, side: &str, what: &str) {
    let said: Vec<String> = app.said(side).into_iter().map(|(_, text)| text).chain(app.notes()).collect();
    for words in FALSE_WORDS {
        assert!(!said.iter().any(|text| text.contains(words)), "{what}: {said:#?}");
    }
}

#[tokio::test]
async fn a_page_in_zendesks_place_is_an_outage_and_no_verdict() {
    for status in [302, 400, 401, 403, 404, 410, 422] {
        let app = House::new().await;
        let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
        let (channel, ts) = app.thread(&side);
        fault(app.zendesk.faults(), json!({"call": "*", "fault": "page", "status": status}));
        app.slack.say(&app.ana, &channel, Some(&ts), "On its way.").unwrap();
        // Longer than reads may lag, twice.
        app.pass(Duration::from_secs(20 * 60)).await;
        let (_, ready) = app.get("/readyz").await;
        assert_eq!(ready["paused"][0]["vendor"], "zendesk", "{status}: {ready}");
        says_nothing_false(&app, &side, &status.to_string());
        app.zendesk.faults().clear();
        app.settle().await;
        assert_eq!(app.answers(&side), ["On its way."], "{status}");
        assert_eq!(app.get("/readyz").await.1["paused"], json!([]), "{status}");
        says_nothing_false(&app, &side, &status.to_string());
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_page_for_the_reply_alone_is_no_verdict_about_the_ticket() {
    for status in [200, 403, 404] {
        let app = House::new().await;
        let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
        let (channel, ts) = app.thread(&side);
        fault(app.zendesk.faults(), json!({"call": "POST …/reply", "fault": "page", "status": status}));
        app.slack.say(&app.ana, &channel, Some(&ts), "On its way.").unwrap();
        app.pass(Duration::from_secs(12 * 60)).await;
        says_nothing_false(&app, &side, &status.to_string());
        app.zendesk.faults().clear();
        app.settle().await;
        assert_eq!(app.answers(&side), ["On its way."], "{status}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_page_in_slacks_place_is_an_outage_and_no_verdict() {
    for status in [200, 302, 403, 404] {
        let app = House::new().await;
        let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
        fault(app.slack.faults(), json!({"call": "*", "fault": "page", "status": status}));
        app.zendesk.reply(app.zoe, &side, "<p>Still down.</p>");
        app.pass(Duration::from_secs(12 * 60)).await;
        says_nothing_false(&app, &side, &status.to_string());
        app.slack.faults().clear();
        app.settle().await;
        let said = app.said(&side);
        assert_eq!(said.iter().filter(|(_, text)| text.contains("Still down.")).count(), 1, "{status}: {said:?}");
        app.ends_quietly().await;
    }
}

/// Starts with `rule` in the way, and mends it after a while.
async fn starts_once_mended(vendor: &str, rule: Value) {
    let mut app = House::without_the_app(Setup::default());
    let faults = if vendor == "slack" { app.slack.faults() } else { app.zendesk.faults() };
    fault(faults, rule.clone());
    app.assemble().await;
    let stop = CancellationToken::new();
    let meanwhile = async {
        for _ in 0..5 {
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            app.clock.advance(Duration::from_secs(11));
        }
        let faults = if vendor == "slack" { app.slack.faults() } else { app.zendesk.faults() };
        faults.clear();
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            app.clock.advance(Duration::from_secs(11));
        }
    };
    let (ready, ()) = tokio::join!(app.app.become_ready(&stop), meanwhile);
    ready.unwrap_or_else(|error| panic!("{vendor} {rule}: {error:#}"));
    app.pass(Duration::from_secs(1)).await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    app.thread(&side);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_page_at_the_first_start_ends_no_process() {
    for status in [200, 302, 401, 403, 404] {
        starts_once_mended("zendesk", json!({"call": "POST oauth/tokens", "fault": "page", "status": status})).await;
        starts_once_mended("zendesk", json!({"call": "GET users/me", "fault": "page", "status": status})).await;
        starts_once_mended("slack", json!({"call": "auth.test", "fault": "page", "status": status})).await;
    }
}

/// How often calls of a kind were made since a time.
fn calls_since(calls: &[(String, i64)], call: &str, since: i64) -> usize {
    calls.iter().filter(|(name, at)| name == call && *at >= since).count()
}

#[tokio::test]
async fn no_wait_or_one_of_nothing_is_a_second_at_first_and_the_schedules_then() {
    let zendesk = ["POST …/reply", "GET tickets/{id}/side_conversations", "GET side_conversations/events"];
    let cases = zendesk
        .map(|call| ("zendesk", call))
        .into_iter()
        .chain([("slack", "chat.postMessage"), ("slack", "users.info")]);
    for (vendor, call) in cases {
        let app = House::new().await;
        let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
        let (channel, ts) = app.thread(&side);
        app.pass(Duration::from_secs(2)).await;
        let faults = if vendor == "slack" { app.slack.faults() } else { app.zendesk.faults() };
        fault(faults, json!({"call": call, "fault": "rate_limited", "retry_after": 0}));
        let since = app.clock.now_ms();
        for n in 0..5 {
            app.slack.say(&app.ana, &channel, Some(&ts), &format!("From Slack {n}.")).unwrap();
            app.zendesk.reply(app.zoe, &side, &format!("<p>From Zendesk {n}.</p>"));
        }
        app.pass(Duration::from_secs(120)).await;
        let calls = if vendor == "slack" { app.slack.calls() } else { app.zendesk.calls() };
        let made = calls_since(&calls, call, since);
        // After 0, 1, 6 and 36 seconds; jitter, polls and the notice that it takes long leave room for some more.
        assert!((2..=8).contains(&made), "{call} was made {made} times");
        faults.clear();
        app.settle().await;
        app.pass(Duration::from_secs(15 * 60)).await;
        let (there, here) = (app.carried(&side).join(" "), format!("{:?}", app.said(&side)));
        for n in 0..5 {
            assert_eq!(there.matches(&format!("From Slack {n}.")).count(), 1, "{call}: {there}");
            assert!(here.contains(&format!("From Zendesk {n}.")), "{call}: {here}");
        }
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_date_to_come_back_is_kept_by_both_vendors() {
    let app = House::new().await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&side);
    let rule = |call: &str| json!({"call": call, "fault": "rate_limited_until", "secs": 40, "times": 1});
    fault(app.zendesk.faults(), rule("POST …/reply"));
    fault(app.slack.faults(), rule("chat.postMessage"));
    app.pass(Duration::from_secs(2)).await;
    let since = app.clock.now_ms();
    app.slack.say(&app.ana, &channel, Some(&ts), "On its way.").unwrap();
    app.zendesk.reply(app.zoe, &side, "<p>Still down.</p>");
    app.pass(Duration::from_secs(35)).await;
    assert_eq!(calls_since(&app.zendesk.calls(), "POST …/reply", since), 1);
    assert_eq!(calls_since(&app.slack.calls(), "chat.postMessage", since), 1);
    app.pass(Duration::from_secs(15)).await;
    assert_eq!(app.carried(&side), ["On its way."]);
    assert!(app.said(&side).iter().any(|(_, text)| text.contains("Still down.")));
    app.ends_quietly().await;
}
