//! What no event told is read back.

use std::time::Duration;

use crate::house::House;

fn deaf(app: &House) {
    let rule = serde_json::json!({"call": "events", "fault": "events_never"});
    app.slack.faults().add(serde_json::from_value(rule).unwrap());
}

#[tokio::test]
async fn what_slack_never_delivered_is_read_back_in_order_and_once() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "delivered").unwrap();
    app.settle().await;
    deaf(&app);
    for text in ["lost one", "lost two"] {
        app.slack.say(&app.ben, &channel, Some(&ts), text).unwrap();
        app.pass(Duration::from_secs(1)).await;
    }
    app.slack.say(&app.ana, &channel, None, "elsewhere").unwrap();
    assert_eq!(app.answers(&sc), ["delivered"]);
    app.pass(Duration::from_secs(320)).await;
    assert_eq!(app.answers(&sc), ["delivered", "lost one", "lost two"]);
    app.slack.faults().clear();
    app.slack.say(&app.ana, &channel, Some(&ts), "delivered again").unwrap();
    app.pass(Duration::from_secs(700)).await;
    assert_eq!(app.answers(&sc), ["delivered", "lost one", "lost two", "delivered again"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_message_lost_between_two_that_arrived_is_found() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    deaf(&app);
    app.slack.say(&app.ben, &channel, Some(&ts), "lost").unwrap();
    app.settle().await;
    app.slack.faults().clear();
    app.slack.say(&app.ana, &channel, Some(&ts), "arrived").unwrap();
    app.settle().await;
    app.pass(Duration::from_secs(320)).await;
    let mut answers = app.answers(&sc);
    answers.sort();
    assert_eq!(answers, ["arrived", "lost"]);
}

#[tokio::test]
async fn what_was_said_while_the_app_was_away_is_there_after_its_start() {
    let mut app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    deaf(&app);
    app.slack.say(&app.ana, &channel, Some(&ts), "anybody there?").unwrap();
    app.clock.advance(Duration::from_secs(3 * 3600));
    app.restart().await;
    app.pass(Duration::from_secs(10)).await;
    assert_eq!(app.answers(&sc), ["anybody there?"]);
    let (_, ready) = app.get("/readyz").await;
    assert!(ready["slack_checked_secs_ago"].as_i64().unwrap() < 15, "{ready}");
    app.ends_quietly().await;
}
