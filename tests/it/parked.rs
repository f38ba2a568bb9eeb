//! What could not be delivered is told where it was written, and goes when somebody has mended it.

use std::time::Duration;

use sidethread::engine::park::Wished;

use crate::house::{House, fault, texts};

fn refuse_replies(app: &House) {
    fault(app.zendesk.faults(), serde_json::json!({"call": "POST …/reply", "fault": "refused"}));
}

/// Side conversation, channel, parent, and the notice of a reply that was refused.
async fn with_a_parked_reply(app: &House) -> (String, String, String, String) {
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    refuse_replies(app);
    app.slack.say(&app.ana, &channel, Some(&ts), "on my way").unwrap();
    app.settle().await;
    let notice = app.slack.thread(&channel, &ts).pop().unwrap();
    let shown = texts(&notice["blocks"]);
    assert!(
        shown.contains("Not delivered") && shown.contains("refused by a fault") && shown.contains("Retry"),
        "{shown}"
    );
    (sc, channel, ts, notice["ts"].as_str().unwrap().to_owned())
}

pub async fn parked_row(app: &House) -> i64 {
    let rows = parked_rows(app).await;
    let [id, ..] = rows[..] else { panic!("nothing is parked") };
    id
}

pub async fn parked_rows(app: &House) -> Vec<i64> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(app.database()).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let parked = "SELECT id FROM outbox WHERE state = 'parked' ORDER BY id";
    let ids = sqlx::query_scalar(parked).fetch_all(&pool).await.unwrap();
    pool.close().await;
    ids
}

#[tokio::test]
async fn the_button_tries_it_again_and_the_notice_says_by_whom() {
    let app = House::new().await;
    let (sc, channel, ts, notice) = with_a_parked_reply(&app).await;
    app.slack.press(&app.ben, &channel, &notice, "retry").unwrap();
    app.settle().await;
    let told = app.told(&sc);
    assert_eq!(told.len(), 1, "still refused, still one notice: {told:?}");
    assert!(told[0].contains("Not delivered"), "{told:?}");
    app.zendesk.faults().clear();
    app.slack.press(&app.ben, &channel, &notice, "retry").unwrap();
    app.slack.press(&app.ana, &channel, &notice, "retry").unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["on my way"]);
    let told = app.told(&sc);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("is in it") && told[0].contains(&app.ben), "{told:?}");
    let whispers = app.whispers(&app.ana);
    assert!(whispers.len() == 1 && whispers[0].contains("already"), "{whispers:?}");
    let shown = texts(&app.slack.thread(&channel, &ts).pop().unwrap()["blocks"]);
    assert!(!shown.contains("Retry"), "{shown}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn it_shows_that_it_is_being_tried_again_while_it_waits() {
    let mut app = House::new().await;
    let (sc, channel, _, notice) = with_a_parked_reply(&app).await;
    app.zendesk.faults().clear();
    fault(
        app.zendesk.faults(),
        serde_json::json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 60}),
    );
    app.slack.press(&app.ben, &channel, &notice, "retry").unwrap();
    app.pass(Duration::from_secs(5)).await;
    let told = app.told(&sc);
    assert!(told.len() == 1 && told[0].contains("being tried again") && told[0].contains(&app.ben), "{told:?}");
    app.restart().await;
    app.zendesk.faults().clear();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["on my way"]);
    assert!(app.told(&sc)[0].contains("is in it"), "{:?}", app.told(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn the_operator_tries_it_again_or_gives_it_up() {
    for drop in [false, true] {
        let app = House::new().await;
        let (sc, ..) = with_a_parked_reply(&app).await;
        let row = parked_row(&app).await;
        app.zendesk.faults().clear();
        let engine = app.app.engine().unwrap();
        for _ in 0..2 {
            let wished = if drop { engine.drop_parked(row).await } else { engine.retry_parked(row).await };
            assert_eq!(wished.unwrap(), Wished::Stored);
        }
        app.settle().await;
        assert_eq!(engine.retry_parked(row).await.unwrap(), Wished::NotParked, "it is not parked any more");
        assert_eq!(engine.drop_parked(row + 1000).await.unwrap(), Wished::NotParked);
        app.settle().await;
        let told = app.told(&sc);
        assert_eq!(told.len(), 1, "{told:?}");
        if drop {
            assert_eq!(app.answers(&sc), Vec::<String>::new());
            assert!(told[0].contains("will not be sent"), "{told:?}");
        } else {
            assert_eq!(app.answers(&sc), ["on my way"]);
            assert!(told[0].contains("is in it"), "{told:?}");
        }
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn what_may_have_been_done_is_looked_for_before_it_is_tried_again() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    // It is done, nobody learns of it, and then it cannot be looked for.
    fault(app.zendesk.faults(), serde_json::json!({"call": "POST …/reply", "fault": "dropped_after", "times": 1}));
    fault(app.zendesk.faults(), serde_json::json!({"call": "GET …/events", "fault": "refused"}));
    app.slack.say(&app.ana, &channel, Some(&ts), "once").unwrap();
    app.settle().await;
    let notice = app.slack.thread(&channel, &ts).pop().unwrap();
    let told = notice["text"].as_str().unwrap();
    assert!(told.contains("Perhaps not delivered") && told.contains("may or may not be in the ticket"), "{told}");
    app.zendesk.faults().clear();
    app.slack.press(&app.ana, &channel, notice["ts"].as_str().unwrap(), "retry").unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["once"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_message_that_did_not_reach_slack_is_told_on_the_ticket_and_goes_when_the_operator_says() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    fault(app.slack.faults(), serde_json::json!({"call": "chat.postMessage", "fault": "status", "status": 500}));
    app.zendesk.reply(app.zoe, &sc, "<p>anybody?</p>");
    app.settle_within(Duration::from_secs(30 * 3600)).await;
    let notes = app.notes();
    assert!(notes.iter().any(|note| note.contains("may or may not be in Slack")), "{notes:?}");
    app.slack.faults().clear();
    assert_eq!(app.app.engine().unwrap().retry_parked(parked_row(&app).await).await.unwrap(), Wished::Stored);
    app.settle().await;
    assert_eq!(app.said(&sc).iter().filter(|(author, _)| author == "Zoe").count(), 1);
    app.ends_quietly().await;
}
