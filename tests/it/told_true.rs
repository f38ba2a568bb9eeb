//! What a ticket is told of messages that did not reach Slack is true when it is told, and says which message.

use std::time::Duration;

use serde_json::json;
use sidethread::engine::park::Wished;

use crate::house::{House, fault};

/// The outbox rows of which this is so, oldest first.
async fn rows(app: &House, is_so: &str) -> Vec<i64> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(app.database()).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let sql = format!("SELECT id FROM outbox WHERE {is_so} ORDER BY id");
    let found = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&pool).await.unwrap();
    pool.close().await;
    found
}

async fn parked(app: &House) -> Vec<i64> {
    rows(app, "state = 'parked'").await
}

const WAITING: &str = "state = 'waiting'";

/// Says each of these in Zendesk, and Slack refuses it.
async fn refused(app: &House, sc: &str, texts: &[&str]) {
    for text in texts {
        fault(app.slack.faults(), json!({"call": "chat.postMessage", "fault": "refused", "times": 1}));
        app.zendesk.reply(app.zoe, sc, &format!("<p>{text}</p>"));
        app.pass(Duration::from_secs(5)).await;
    }
}

async fn wish(app: &House, row: i64, retry: bool) {
    let engine = app.app.engine().unwrap();
    let wished = if retry { engine.retry_parked(row).await } else { engine.drop_parked(row).await };
    assert_eq!(wished.unwrap(), Wished::Stored);
    app.pass(Duration::from_secs(5)).await;
}

fn count(notes: &[String], what: &str) -> usize {
    notes.join("\n").matches(what).count()
}

#[tokio::test]
async fn a_note_that_waits_is_withdrawn_when_its_message_arrives_and_one_that_stands_is_followed_by_another() {
    for restarts in [false, true] {
        let mut app = House::new().await;
        let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
        refused(&app, &sc, &["anybody?", "hello?"]).await;
        assert_eq!((app.notes().len(), rows(&app, WAITING).await.len()), (1, 1));
        for row in parked(&app).await {
            wish(&app, row, true).await;
        }
        assert_eq!(app.said(&sc).len(), 2);
        // What is left to say is that the first has arrived.
        assert_eq!(rows(&app, WAITING).await.len(), 1, "what is withdrawn waits no longer");
        if restarts {
            app.restart().await;
        }
        app.pass(Duration::from_secs(1300)).await;
        let notes = app.notes();
        assert_eq!((notes.len(), count(&notes, "did not reach Slack")), (2, 1), "{notes:?}");
        assert!(notes[0].contains("anybody?") && notes[1].contains("anybody?"), "{notes:?}");
        assert!(notes[1].contains("in Slack after all"), "{notes:?}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_message_that_arrives_while_its_note_is_written_is_told_to_have_arrived() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    // The note is written, and nobody learns of it before the message has arrived.
    fault(app.zendesk.faults(), json!({"call": "PUT tickets/{id}", "fault": "dropped_after", "times": 1}));
    fault(app.zendesk.faults(), json!({"call": "GET tickets/{id}/comments", "fault": "reads_lag", "secs": 60}));
    refused(&app, &sc, &["anybody?"]).await;
    wish(&app, parked(&app).await[0], true).await;
    assert_eq!(app.said(&sc).len(), 1);
    app.zendesk.faults().clear();
    app.pass(Duration::from_secs(1300)).await;
    let notes = app.notes();
    assert_eq!((notes.len(), count(&notes, "in Slack after all")), (2, 1), "{notes:?}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_note_that_speaks_for_others_is_written_though_its_own_message_arrived() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let other = app.ask("engineering", "Printer", "<p>Too?</p>").await;
    // The first note about each side conversation does not wait for another one.
    refused(&app, &other, &["zero"]).await;
    refused(&app, &sc, &["first", "second"]).await;
    refused(&app, &other, &["third"]).await;
    let rows = parked(&app).await;
    // The note of the second takes that of the third along, and has to wait once more.
    let limit = json!({"call": "PUT tickets/{id}", "fault": "rate_limited", "retry_after": 60, "times": 1});
    fault(app.zendesk.faults(), limit);
    app.pass(Duration::from_secs(600)).await;
    assert_eq!(app.notes().len(), 2);
    wish(&app, rows[2], true).await;
    app.pass(Duration::from_secs(1300)).await;
    let notes = app.notes();
    assert_eq!(count(&notes, "“third”"), 1, "{notes:?}");
    assert_eq!(count(&notes, "“second”"), 1, "{notes:?}");
    assert_eq!(count(&notes, "in Slack after all"), 1, "{notes:?}");
    for row in [rows[0], rows[1], rows[3]] {
        wish(&app, row, false).await;
    }
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_the_operator_gives_up_is_told_as_given_up_or_was_told_already() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    refused(&app, &sc, &["told", "untold"]).await;
    for row in parked(&app).await {
        wish(&app, row, false).await;
    }
    app.pass(Duration::from_secs(1300)).await;
    let notes = app.notes();
    assert_eq!((notes.len(), count(&notes, "“told”"), count(&notes, "“untold”")), (2, 1, 1), "{notes:?}");
    assert!(notes[1].contains("will not be posted"), "{notes:?}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_note_says_which_message_it_speaks_of() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let other = app.ask("engineering", "Printer", "<p>Too?</p>").await;
    let (channel, ts) = app.thread(&other);
    app.slack.say(&app.ana, &channel, Some(&ts), "between us").unwrap();
    app.settle().await;
    refused(&app, &sc, &["anybody &amp; <b>anything</b>?"]).await;
    refused(&app, &other, &[&"word ".repeat(100)]).await;
    app.pass(Duration::from_secs(660)).await;
    let notes = app.notes();
    assert_eq!(notes.len(), 2, "{notes:?}");
    for needle in ["by Zoe", "“Scanner”", "“anybody & anything?”", "+00:00", "/archives/"] {
        assert!(notes[0].contains(needle), "{needle} in {notes:?}");
    }
    assert!(notes[1].contains("“Printer”") && notes[1].contains("…”"), "{notes:?}");
    assert!(notes[1].chars().count() < 700 && !notes[1].contains("between us"), "{notes:?}");
    let link = format!("/archives/{channel}/p{}", ts.replace('.', ""));
    assert!(notes[1].contains(&link), "{notes:?}");
    for row in parked(&app).await {
        wish(&app, row, false).await;
    }
    app.ends_quietly().await;
}

#[tokio::test]
async fn of_a_message_that_stands_in_slack_and_cannot_be_looked_for_nobody_says_that_it_is_not_there() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    fault(app.slack.faults(), json!({"call": "chat.postMessage", "fault": "error_after", "times": 1}));
    app.zendesk.reply(app.zoe, &sc, "<p>anybody?</p>");
    app.settle_within(Duration::ZERO).await;
    fault(app.slack.faults(), json!({"call": "*", "fault": "refused", "times": 3}));
    app.pass(Duration::from_secs(30)).await;
    let notes = app.notes();
    assert_eq!((notes.len(), count(&notes, "may or may not be in Slack")), (1, 1), "{notes:?}");
    assert_eq!(count(&notes, "did not reach Slack"), 0, "{notes:?}");
    app.slack.faults().clear();
    wish(&app, parked(&app).await[0], true).await;
    app.pass(Duration::from_secs(660)).await;
    assert_eq!(app.said(&sc).len(), 1);
    assert_eq!(count(&app.notes(), "in Slack after all"), 1, "{:?}", app.notes());
    app.ends_quietly().await;
}
