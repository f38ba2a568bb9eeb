//! The machine's clock is put right, to an hour earlier: what waits for a time waits as long as it would have.

use std::time::Duration;

use serde_json::json;

use crate::house::{House, Setup, fault};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_channel_takes_words_at_once_though_its_last_post_seems_to_be_yet_to_come() {
    let slack = "posts_per_second_per_channel = 0.2";
    let app = House::with(Setup { slack, ..Setup::default() }).await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    app.zendesk.reply(app.zoe, &side, "<p>before</p>");
    app.pass(Duration::from_secs(6)).await;
    app.clock.set_back(HOUR);
    app.zendesk.reply(app.zoe, &side, "<p>after</p>");
    app.pass(Duration::from_secs(20)).await;
    let said: Vec<String> = app.said(&side).into_iter().map(|(_, text)| text).collect();
    assert!(said.len() == 2 && said[1].ends_with("after"), "{said:?}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_was_to_be_tried_again_is_tried_when_its_time_is_up() {
    let routes = "zendesk_read_lag_secs = 20";
    let app = House::with(Setup { routes, ..Setup::default() }).await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&side);
    fault(app.zendesk.faults(), json!({"call": "POST …/reply", "fault": "status", "status": 503, "times": 1}));
    app.slack.say(&app.ana, &channel, Some(&ts), "a word").unwrap();
    app.pass(Duration::from_secs(1)).await;
    assert!(app.answers(&side).is_empty());
    app.clock.set_back(HOUR);
    app.pass(Duration::from_secs(60)).await;
    assert_eq!(app.answers(&side), ["a word"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_was_to_be_tried_again_is_also_tried_by_a_process_that_starts_after_the_clock_was_put_right() {
    let routes = "zendesk_read_lag_secs = 20";
    let mut app = House::with(Setup { routes, ..Setup::default() }).await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&side);
    fault(app.zendesk.faults(), json!({"call": "POST …/reply", "fault": "status", "status": 503, "times": 1}));
    app.slack.say(&app.ana, &channel, Some(&ts), "a word").unwrap();
    app.pass(Duration::from_secs(1)).await;
    assert!(app.answers(&side).is_empty());
    app.clock.set_back(HOUR);
    app.restart().await;
    app.pass(Duration::from_secs(120)).await;
    assert_eq!(app.answers(&side), ["a word"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_a_vendor_told_to_wait_goes_on_when_the_wait_is_over() {
    let app = House::new().await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&side);
    fault(
        app.zendesk.faults(),
        json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 20, "times": 1}),
    );
    let read = "GET tickets/{id}/side_conversations";
    fault(app.zendesk.faults(), json!({"call": read, "fault": "rate_limited", "retry_after": 20, "times": 1}));
    fault(
        app.slack.faults(),
        json!({"call": "chat.postMessage", "fault": "rate_limited", "retry_after": 20, "times": 1}),
    );
    app.slack.say(&app.ana, &channel, Some(&ts), "a word").unwrap();
    app.zendesk.reply(app.zoe, &side, "<p>another</p>");
    app.pass(Duration::from_secs(2)).await;
    assert!(app.answers(&side).len() < 2 && app.said(&side).len() < 2);
    app.clock.set_back(HOUR);
    app.pass(Duration::from_secs(90)).await;
    assert!(app.answers(&side).contains(&"a word".to_owned()), "{:?}", app.answers(&side));
    assert!(app.said(&side).iter().any(|(_, text)| text.ends_with("another")), "{:?}", app.said(&side));
    app.ends_quietly().await;
}

#[tokio::test]
async fn an_account_that_is_mended_goes_on_within_a_minute() {
    let app = House::new().await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&side);
    fault(app.zendesk.faults(), json!({"call": "*", "fault": "token_revoked"}));
    app.slack.say(&app.ana, &channel, Some(&ts), "a word").unwrap();
    app.pass(Duration::from_secs(40)).await;
    let (_, ready) = app.get("/readyz").await;
    assert_eq!(ready["paused"][0]["vendor"], "zendesk", "{ready}");
    app.clock.set_back(HOUR);
    app.zendesk.faults().clear();
    app.pass(Duration::from_secs(60)).await;
    assert_eq!(app.answers(&side), ["a word"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_may_have_been_done_is_looked_for_as_long_as_reads_lag_and_no_longer() {
    let routes = "zendesk_read_lag_secs = 20";
    let app = House::with(Setup { routes, ..Setup::default() }).await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&side);
    fault(app.zendesk.faults(), json!({"call": "POST …/reply", "fault": "dropped_before", "times": 1}));
    app.slack.say(&app.ana, &channel, Some(&ts), "a word").unwrap();
    app.pass(Duration::from_secs(1)).await;
    app.clock.set_back(HOUR);
    app.pass(Duration::from_secs(90)).await;
    assert_eq!(app.answers(&side), ["a word"]);
    app.ends_quietly().await;
}
