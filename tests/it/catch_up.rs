//! What no event told is read back.

use std::time::Duration;

use crate::house::{House, Setup};

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

#[tokio::test]
async fn the_first_delivery_after_a_gap_does_not_overtake_what_was_missed() {
    let mut app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    deaf(&app);
    for text in ["missed one", "missed two"] {
        app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
        app.clock.advance(Duration::from_secs(1));
    }
    app.restart().await;
    app.slack.faults().clear();
    for text in ["live one", "live two"] {
        app.slack.say(&app.ben, &channel, Some(&ts), text).unwrap();
        for parcel in sidethread::sandbox::post::Sender::take_due(&app.slack) {
            app.deliver(&parcel).await;
        }
    }
    let (_, ready) = app.get("/readyz").await;
    assert_eq!(ready["waiting_for_catch_up"], 2, "{ready}");
    assert!(!app.app.engine().unwrap().is_idle());
    app.settle().await;
    assert_eq!(app.answers(&sc), ["missed one", "missed two", "live one", "live two"]);
    let metrics = app.metrics().await;
    assert!(metrics.contains("sidethread_caught_up_total{direction=\"slack_to_zendesk\"} 2"), "{metrics}");
    let unchecked = metrics.lines().find_map(|line| line.strip_prefix("sidethread_slack_unchecked_seconds "));
    assert!(unchecked.unwrap().parse::<i64>().unwrap() < 10, "{metrics}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_waits_for_its_thread_waits_a_minute_at_most_and_survives_the_end() {
    let mut app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.restart().await;
    for call in ["conversations.history", "conversations.replies"] {
        let rule = serde_json::json!({"call": call, "fault": "status", "status": 500});
        app.slack.faults().add(serde_json::from_value(rule).unwrap());
    }
    app.slack.say(&app.ana, &channel, Some(&ts), "live").unwrap();
    app.settle_within(Duration::from_secs(59)).await;
    assert_eq!(app.answers(&sc), Vec::<String>::new());
    app.settle_within(Duration::from_secs(61)).await;
    assert_eq!(app.answers(&sc), ["live"]);

    app.restart().await;
    app.slack.say(&app.ana, &channel, Some(&ts), "stored").unwrap();
    app.settle_within(Duration::from_secs(10)).await;
    assert_eq!(app.answers(&sc), ["live"]);
    app.restart().await;
    app.settle_within(Duration::from_secs(1)).await;
    assert_eq!(app.answers(&sc), ["live"]);
    app.settle_within(Duration::from_secs(60)).await;
    assert_eq!(app.answers(&sc), ["live", "stored"]);
}

#[tokio::test]
async fn every_kind_of_gap_is_followed_by_a_round() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.pass(Duration::from_secs(120)).await;
    let missed = async |text: &str| {
        deaf(&app);
        app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
        app.settle().await;
        app.slack.faults().clear();
    };
    let soon = async || {
        app.pass(Duration::from_secs(10)).await;
        app.carried(&sc)
    };
    missed("asleep").await;
    app.clock.advance(Duration::from_secs(200));
    assert_eq!(soon().await, ["asleep"]);

    app.pass(Duration::from_secs(120)).await;
    missed("held").await;
    let rule = serde_json::json!({"call": "chat.postMessage", "fault": "token_revoked", "times": 1});
    app.slack.faults().add(serde_json::from_value(rule).unwrap());
    app.zendesk.reply(app.zoe, &sc, "<p>Hello?</p>");
    app.pass(Duration::from_secs(40)).await;
    assert_eq!(app.carried(&sc), ["asleep", "held"]);

    app.pass(Duration::from_secs(120)).await;
    missed("rate limited").await;
    app.app.engine().unwrap().missed("Slack said so");
    assert_eq!(soon().await, ["asleep", "held", "rate limited"]);

    app.pass(Duration::from_secs(120)).await;
    missed("sent again").await;
    let again = async |times: &str| {
        app.slack.say(&app.ana, &channel, None, "elsewhere").unwrap();
        for mut parcel in sidethread::sandbox::post::Sender::take_due(&app.slack) {
            parcel.headers.push(("x-slack-retry-num".into(), times.into()));
            parcel.headers.push(("x-slack-retry-reason".into(), "http_timeout".into()));
            app.deliver(&parcel).await;
            sidethread::sandbox::post::Sender::settle(
                &app.slack,
                parcel.id,
                sidethread::sandbox::post::Receipt::Answered { status: 200, retry_after: None, body: Vec::new() },
            );
        }
    };
    again("1").await;
    assert_eq!(soon().await, ["asleep", "held", "rate limited", "sent again"]);

    app.pass(Duration::from_secs(120)).await;
    missed("given up").await;
    again("3").await;
    assert_eq!(soon().await, ["asleep", "held", "rate limited", "sent again", "given up"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_was_answered_to_a_card_before_its_link_is_read_as_soon_as_it_is_linked() {
    let app = House::new().await;
    let rule = serde_json::json!({"call": "chat.postMessage", "fault": "dropped_after", "times": 1});
    app.slack.faults().add(serde_json::from_value(rule).unwrap());
    let to = ["engineering@slack.acme.example"];
    let sc = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
    app.settle_within(Duration::from_millis(500)).await;
    let (channel, ts) = app.thread(&sc);
    deaf(&app);
    app.slack.say(&app.ana, &channel, Some(&ts), "before the link").unwrap();
    app.settle_within(Duration::from_secs(1)).await;
    assert!(app.answers(&sc).is_empty());
    app.slack.faults().clear();
    app.pass(Duration::from_secs(15)).await;
    assert_eq!(app.answers(&sc), ["before the link"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn old_threads_are_asked_by_their_own_root_and_done_ones_for_thirty_days() {
    let app = House::new().await;
    let open = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let done = app.ask("engineering", "Printer", "<p>Jammed?</p>").await;
    let day = Duration::from_secs(24 * 3600);
    app.clock.advance(20 * day);
    app.settle().await;
    app.zendesk.set_state(app.zoe, &done, "closed");
    app.settle().await;
    deaf(&app);
    let say = |sc: &str, text: &str| {
        let (channel, ts) = app.thread(sc);
        app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
    };
    app.clock.advance(15 * day);
    for (sc, text) in [(&open, "to an old root"), (&done, "to a done one")] {
        say(sc, text);
    }
    app.pass(Duration::from_secs(320)).await;
    assert_eq!((app.answers(&open).len(), app.answers(&done).len()), (1, 1));
    app.clock.advance(31 * day);
    for (sc, text) in [(&open, "later"), (&done, "far too late")] {
        say(sc, text);
    }
    app.pass(Duration::from_secs(320)).await;
    assert_eq!((app.answers(&open).len(), app.answers(&done).len()), (2, 1));
}

#[tokio::test]
async fn the_feed_of_the_last_day_is_read_again() {
    let mut app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    app.clock.advance(Duration::from_secs(40 * 60));
    app.settle().await;
    let rule = serde_json::json!({"call": "events", "fault": "events_never"});
    app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
    app.zendesk.reply(app.zoe, &sc, "<p>late in the feed</p>");
    // As if the feed had shown it only after the cursor had gone far beyond it.
    app.clock.advance(Duration::from_secs(30 * 60));
    let settings = vec![("feed_cursor_ms", sidethread::engine::clock::Clock::now_ms(&app.clock).to_string())];
    let commit = sidethread::store::Commit { settings, ..Default::default() };
    app.app.store().commit(commit).await.unwrap();
    app.restart().await;
    app.pass(Duration::from_secs(10)).await;
    let said = app.said(&sc);
    assert!(said.len() == 1 && said[0].1.ends_with("late in the feed"), "{said:?}");
    let (_, ready) = app.get("/readyz").await;
    assert!(ready["feed_read_secs_ago"].as_i64().unwrap() < 30, "{ready}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_round_that_outlasts_the_interval_comes_to_its_end_and_the_metric_says_so() {
    let app = House::with(Setup { slack: "tier_3_calls_per_min = 2", ..Setup::default() }).await;
    let mut all = Vec::new();
    for n in 0..14 {
        all.push(app.ask("engineering", &format!("Scanner {n}"), "<p>Down?</p>").await);
    }
    app.pass(Duration::from_secs(320)).await;
    deaf(&app);
    for sc in &all {
        let (channel, ts) = app.thread(sc);
        app.slack.say(&app.ben, &channel, Some(&ts), "lost").unwrap();
    }
    app.slack.faults().clear();
    let mut longest = 0;
    for _ in 0..30 {
        app.pass(Duration::from_secs(60)).await;
        let metrics = app.metrics().await;
        let unchecked = metrics.lines().find_map(|line| line.strip_prefix("sidethread_slack_unchecked_seconds "));
        longest = longest.max(unchecked.unwrap().parse::<i64>().unwrap());
    }
    assert!((600..1200).contains(&longest), "{longest} s");
    for sc in &all {
        assert_eq!(app.answers(sc), ["lost"]);
    }
    app.ends_quietly().await;
}
