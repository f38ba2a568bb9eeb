//! Replies go to the ticket in the order in which they were written.

use std::time::Duration;

use serde_json::json;
use sidethread::sandbox::post::Sender;

use crate::house::{House, Setup, fault, texts};
use crate::parked::parked_rows;

async fn in_a_thread(routes: &'static str) -> (House, String, String, String) {
    let app = House::with(Setup { routes, ..Setup::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.pass(Duration::from_secs(30)).await;
    (app, sc, channel, ts)
}

/// Brings what Slack has to deliver, the order turned about.
async fn deliver_backwards(app: &House) {
    for parcel in app.slack.take_due().into_iter().rev() {
        let receipt = app.deliver(&parcel).await;
        app.slack.settle(parcel.id, receipt);
        app.settle_within(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn fourteen_posts_within_twenty_milliseconds_arrive_as_they_were_written() {
    let (app, sc, channel, ts) = in_a_thread("order_window_ms = 250").await;
    let written: Vec<String> = (0..14).map(|n| format!("m{n:02}")).collect();
    for (n, text) in written.iter().enumerate() {
        app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
        app.clock.advance(Duration::from_millis(if n % 2 == 0 { 1 } else { 2 }));
    }
    deliver_backwards(&app).await;
    assert!(app.answers(&sc).is_empty(), "the first of them was written 21 ms ago");
    app.settle_within(Duration::from_millis(250)).await;
    assert_eq!(app.answers(&sc), written);
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_is_older_than_the_window_goes_at_once_and_without_one_so_does_everything() {
    for (routes, late_ms) in [("order_window_ms = 250", 250), ("order_window_ms = 40", 40), ("order_window_ms = 0", 0)]
    {
        let (app, sc, channel, ts) = in_a_thread(routes).await;
        app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
        app.clock.advance(Duration::from_millis(late_ms));
        app.settle_within(Duration::ZERO).await;
        assert_eq!(app.answers(&sc), ["one"], "{routes}");
    }
}

#[tokio::test]
async fn a_reply_waits_for_the_window_once_also_through_an_end_and_by_a_clock_that_is_behind_slacks() {
    let (mut app, sc, channel, ts) = in_a_thread("order_window_ms = 250").await;
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    deliver_backwards(&app).await;
    app.restart().await;
    app.settle_within(Duration::from_millis(249)).await;
    assert!(app.answers(&sc).is_empty());
    app.settle_within(Duration::from_millis(250)).await;
    assert_eq!(app.answers(&sc), ["one"]);

    app.pass(Duration::from_secs(10)).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "two").unwrap();
    let parcels = app.slack.take_due();
    app.clock.set_back(Duration::from_secs(4));
    for parcel in parcels {
        let receipt = app.deliver(&parcel).await;
        app.slack.settle(parcel.id, receipt);
    }
    app.settle_within(Duration::from_millis(250)).await;
    assert_eq!(app.answers(&sc), ["one", "two"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn parked_messages_that_are_wanted_again_go_in_their_order_whoever_asks_first() {
    for by_operator in [false, true] {
        let (app, sc, channel, ts) = in_a_thread("order_window_ms = 250").await;
        fault(app.zendesk.faults(), json!({"call": "POST …/reply", "fault": "refused"}));
        let written = ["one", "two", "three"];
        for text in written {
            app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
            app.pass(Duration::from_secs(5)).await;
        }
        app.zendesk.faults().clear();
        let notices: Vec<String> = app
            .slack
            .thread(&channel, &ts)
            .iter()
            .filter(|message| texts(&message["blocks"]).contains("Not delivered"))
            .map(|notice| notice["ts"].as_str().unwrap().to_owned())
            .collect();
        let rows = parked_rows(&app).await;
        assert_eq!((notices.len(), rows.len()), (3, 3));
        for n in [2, 0, 1] {
            if by_operator {
                let wished = app.app.engine().unwrap().retry_parked(rows[n]).await.unwrap();
                assert_eq!(wished, sidethread::engine::park::Wished::Stored);
            } else {
                app.slack.press(&app.ben, &channel, &notices[n], "retry").unwrap();
                app.bring().await;
            }
            // What was wanted is known; nothing was sent.
            app.clock.advance(Duration::from_millis(60));
            app.settle_within(Duration::ZERO).await;
        }
        app.settle().await;
        assert_eq!(app.answers(&sc), written, "by the operator: {by_operator}");
        app.ends_quietly().await;
    }
}
