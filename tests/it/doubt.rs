//! A call that fails alone makes way for others; an account that is down is held, and nothing is spent on it.

use std::time::Duration;

use sidethread::engine::park::Wished;

use crate::house::{House, Setup, fault};

const SLOW: &str = "zendesk_read_lag_secs = 5\nretry_schedule = [\"100s\", \"100s\", \"100s\", \"100s\", \"100s\"]";

async fn rows(app: &House, sql: &'static str) -> Vec<i64> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(app.database()).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let rows = sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap();
    pool.close().await;
    rows
}

#[tokio::test]
async fn what_fails_three_times_alone_is_parked_and_overtaken() {
    let app = House::with(Setup { routes: SLOW, ..Default::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let other = app.ask("engineering", "Printer", "<p>Too?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let (_, other_ts) = app.thread(&other);
    for i in 0..3 {
        fault(
            app.zendesk.faults(),
            serde_json::json!({"call": "POST …/reply", "fault": "status", "status": 500, "times": 1}),
        );
        if i == 0 {
            app.slack.say(&app.ana, &channel, Some(&ts), "poison").unwrap();
            app.slack.say(&app.ana, &channel, Some(&ts), "behind it").unwrap();
        }
        app.pass(Duration::from_secs(if i == 0 { 60 } else { 110 })).await;
        app.slack.say(&app.ben, &channel, Some(&other_ts), &format!("fine {i}")).unwrap();
        app.pass(Duration::from_secs(1)).await;
    }
    app.settle().await;
    assert_eq!(app.answers(&other), ["fine 0", "fine 1", "fine 2"]);
    assert_eq!(app.answers(&sc), ["behind it"]);
    let told = app.told(&sc).join("\n");
    assert!(
        told.contains("may or may not be in the ticket") && told.contains("three times, while it takes others"),
        "{told}"
    );
    let notice =
        app.slack.thread(&channel, &ts).into_iter().find(|m| m["text"].as_str().unwrap().contains("Perhaps not deliv"));
    app.slack.press(&app.ana, &channel, notice.unwrap()["ts"].as_str().unwrap(), "retry").unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["behind it", "poison"]);
    let late = &app.replies(&sc)[1];
    assert!(late.contains("Ana Souza in Slack, written 2026-11-2") && late.contains("+00:00"), "{late}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn an_account_that_is_down_for_longer_than_the_schedule_loses_nothing() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    fault(app.zendesk.faults(), serde_json::json!({"call": "*", "fault": "status", "status": 503}));
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.pass(Duration::from_secs(300)).await;
    let (_, ready) = app.get("/readyz").await;
    assert_eq!(ready["paused"][0]["vendor"], "zendesk", "{ready}");
    app.zendesk.reply(app.zoe, &sc, "<p>from before</p>");
    app.settle_within(Duration::from_secs(30 * 3600)).await;
    assert!(rows(&app, "SELECT attempts FROM outbox WHERE state = 'waiting'").await.iter().all(|n| *n <= 3));
    app.zendesk.faults().clear();
    app.settle().await;
    app.pass(Duration::from_secs(60)).await;
    assert_eq!(app.answers(&sc).iter().filter(|a| *a == "one").count(), 1);
    let said: Vec<String> = app.said(&sc).into_iter().filter(|(a, _)| a == "Zoe").map(|(_, t)| t).collect();
    assert!(said.len() == 1 && said[0].contains("<!date^") && said[0].ends_with("from before"), "{said:?}");
    let (_, ready) = app.get("/readyz").await;
    assert_eq!(ready["paused"], serde_json::json!([]));
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_waited_for_slack_says_when_it_was_written() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    fault(
        app.slack.faults(),
        serde_json::json!({"call": "chat.postMessage", "fault": "rate_limited", "retry_after": 200}),
    );
    app.zendesk.reply(app.zoe, &sc, "<p>late</p>");
    app.pass(Duration::from_secs(100)).await;
    app.slack.faults().clear();
    app.settle().await;
    let said = app.said(&sc);
    assert!(said.len() == 1 && said[0].1.contains("written <!date^") && said[0].1.ends_with("late"), "{said:?}");
    app.zendesk.reply(app.zoe, &sc, "<p>at once</p>");
    app.settle().await;
    assert_eq!(app.said(&sc)[1].1, "at once");
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_part_that_is_parked_holds_back_the_later_parts_of_its_message_and_nothing_else() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    fault(app.slack.faults(), serde_json::json!({"call": "chat.postMessage", "fault": "status", "status": 500}));
    let long: String = (0..1500).map(|i| format!("word{i:04} ")).collect();
    app.zendesk.reply(app.zoe, &sc, &format!("<p>{long}</p>"));
    app.settle_within(Duration::from_secs(30 * 3600)).await;
    app.slack.faults().clear();
    app.zendesk.reply(app.zoe, &sc, "<p>next</p>");
    app.settle().await;
    let zoe = |app: &House| -> Vec<String> {
        app.said(&sc).into_iter().filter(|(author, _)| author == "Zoe").map(|(_, text)| text).collect()
    };
    assert_eq!(zoe(&app), ["next"]);
    let parked = rows(&app, "SELECT id FROM outbox WHERE state = 'parked' ORDER BY id").await;
    assert!(parked.len() > 3, "{parked:?}");
    assert_eq!(app.notes().join("\n").matches("may or may not be in Slack").count(), 1, "the message is told once");
    assert_eq!(app.app.engine().unwrap().retry_parked(parked[2]).await.unwrap(), Wished::Stored);
    app.settle().await;
    let said = zoe(&app);
    assert_eq!(said.len(), parked.len() + 1);
    let all = said[1..].join(" ");
    let words: Vec<&str> = all.split_whitespace().filter(|word| word.starts_with("word")).collect();
    assert_eq!(words.len(), 1500);
    assert!(words.is_sorted());
    app.ends_quietly().await;
}

#[tokio::test]
async fn slack_that_does_not_say_who_wrote_is_no_failure_of_zendesk() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    fault(app.slack.faults(), serde_json::json!({"call": "users.info", "fault": "status", "status": 500}));
    for i in 0..5 {
        app.slack.say(&app.ana, &channel, Some(&ts), &format!("s{i}")).unwrap();
    }
    app.pass(Duration::from_secs(600)).await;
    let (_, ready) = app.get("/readyz").await;
    assert!(!ready["paused"].to_string().contains("zendesk"), "{ready}");
    app.slack.faults().clear();
    app.settle().await;
    assert_eq!(app.answers(&sc).len(), 5);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_vendor_that_can_be_read_but_takes_nothing_loses_nothing_however_long_it_lasts() {
    let app = House::with(Setup { routes: SLOW, ..Default::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let other = app.ask("engineering", "Printer", "<p>Too?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let (_, other_ts) = app.thread(&other);
    fault(app.zendesk.faults(), serde_json::json!({"call": "POST …/reply", "fault": "status", "status": 503}));
    for (thread, words) in [(&ts, "one"), (&other_ts, "two"), (&ts, "three")] {
        app.slack.say(&app.ana, &channel, Some(thread), words).unwrap();
    }
    app.pass(Duration::from_secs(600)).await;
    let (_, ready) = app.get("/readyz").await;
    let why = ready["paused"][0]["why"].as_str().unwrap_or_default();
    assert!(ready["paused"][0]["vendor"] == "zendesk" && why.contains("takes no message"), "{ready}");
    // The other direction, and what is only read, goes on.
    app.zendesk.reply(app.zoe, &sc, "<p>meanwhile</p>");
    app.pass(Duration::from_secs(60)).await;
    assert!(app.said(&sc).iter().any(|(_, text)| text == "meanwhile"), "{:?}", app.said(&sc));
    app.settle_within(Duration::from_secs(3600)).await;
    assert!(rows(&app, "SELECT id FROM outbox WHERE state = 'parked'").await.is_empty());
    app.zendesk.faults().clear();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["meanwhile", "one", "three"]);
    assert_eq!(app.answers(&other), ["two"]);
    let (_, ready) = app.get("/readyz").await;
    assert_eq!(ready["paused"], serde_json::json!([]));
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_was_looked_for_and_is_then_told_to_wait_is_in_doubt_no_more() {
    let app = House::with(Setup { routes: "zendesk_read_lag_secs = 300", ..Default::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let once = |rule| fault(app.zendesk.faults(), rule);
    once(serde_json::json!({"call": "POST …/reply", "fault": "dropped_before", "times": 1}));
    app.slack.say(&app.ana, &channel, Some(&ts), "word").unwrap();
    // Nobody knows whether it was done, and the vendor's window has to pass before it is done again.
    app.pass(Duration::from_secs(290)).await;
    assert_eq!(app.answers(&sc), Vec::<String>::new());
    once(serde_json::json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 5, "times": 1}));
    app.pass(Duration::from_secs(60)).await;
    assert_eq!(app.answers(&sc), ["word"]);
    app.settle().await;
    app.ends_quietly().await;
}
