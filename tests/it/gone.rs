//! A ticket that is deleted or forbidden: what is written waits, is told of, and goes on in its order.

use std::time::Duration;

use serde_json::json;
use sidethread::engine::clock::Clock;
use sidethread::sandbox::faults::Rule;
use sidethread::sandbox::zendesk::TicketChange;

use crate::house::House;

fn fault(app: &House, rule: serde_json::Value) {
    app.zendesk.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
}

fn deleted(app: &House, deleted: bool) {
    assert!(app.zendesk.set_ticket(app.ticket, TicketChange { deleted: Some(deleted), ..Default::default() }));
}

fn paused(app: &House, sc: &str) -> usize {
    app.told(sc).iter().filter(|text| text.contains("*Paused*")).count()
}

async fn talk(app: &House) -> (String, String, String) {
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "before").unwrap();
    app.settle().await;
    (sc, channel, ts)
}

#[tokio::test]
async fn what_is_written_while_the_ticket_is_deleted_waits_and_goes_on_when_it_is_restored() {
    let mut app = House::new().await;
    let (sc, channel, ts) = talk(&app).await;
    deleted(&app, true);
    for text in ["one", "two", "three"] {
        app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
        app.pass(Duration::from_secs(60)).await;
    }
    assert_eq!(paused(&app, &sc), 0, "it may be a read that lags: {:?}", app.told(&sc));
    app.pass(Duration::from_secs(4 * 60)).await;
    assert_eq!(paused(&app, &sc), 1, "{:?}", app.told(&sc));
    assert!(app.told(&sc).iter().any(|text| text.contains("does not exist any more")));
    app.pass(Duration::from_secs(3600)).await;
    app.restart().await;
    app.slack.say(&app.ben, &channel, Some(&ts), "four").unwrap();
    app.pass(Duration::from_secs(20 * 3600)).await;
    assert_eq!((paused(&app, &sc), app.answers(&sc).len()), (1, 1));
    assert!(app.app.store().parked().await.unwrap().is_empty(), "nothing is given up");
    deleted(&app, false);
    app.pass(Duration::from_secs(16 * 60)).await;
    assert_eq!(app.answers(&sc)[0], "before");
    let all = app.answers(&sc)[1..].join("\n");
    let places: Vec<usize> = ["one", "two", "three", "four"]
        .iter()
        .map(|word| {
            assert_eq!(all.matches(word).count(), 1, "{word} in {all}");
            all.find(word).unwrap()
        })
        .collect();
    assert!(places.is_sorted(), "{all}");
    assert_eq!(app.told(&sc).iter().filter(|text| text.contains("reached again")).count(), 1, "{:?}", app.told(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_is_missing_for_a_moment_only_is_not_told() {
    for status in [403, 404] {
        let app = House::new().await;
        let (sc, channel, ts) = talk(&app).await;
        fault(&app, json!({"call": "POST …/reply", "fault": "status", "status": status, "times": 2}));
        app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
        app.settle().await;
        assert_eq!((app.answers(&sc), paused(&app, &sc)), (vec!["before".to_owned(), "one".to_owned()], 0));
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_right_that_is_taken_away_is_named_and_what_waits_goes_on_when_it_is_given_back() {
    let app = House::new().await;
    let (sc, channel, ts) = talk(&app).await;
    fault(&app, json!({"call": "POST …/reply", "fault": "status", "status": 403}));
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.pass(Duration::from_secs(10 * 60)).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "two").unwrap();
    app.pass(Duration::from_secs(3600)).await;
    let told = app.told(&sc);
    let named = told.iter().filter(|text| text.contains("role needs access to all tickets")).count();
    assert_eq!(named, 1, "{told:?}");
    app.zendesk.faults().clear();
    app.pass(Duration::from_secs(16 * 60)).await;
    let all = app.answers(&sc).join("\n");
    assert!(all.find("one").unwrap() < all.find("two").unwrap(), "{all}");
    // Taken away once more, it is told once more.
    fault(&app, json!({"call": "POST …/reply", "fault": "status", "status": 403}));
    app.slack.say(&app.ana, &channel, Some(&ts), "three").unwrap();
    app.pass(Duration::from_secs(3600)).await;
    assert_eq!((paused(&app, &sc), back(&app, &sc)), (1, 1), "the notice of the first time has gone");
    app.zendesk.faults().clear();
    app.pass(Duration::from_secs(16 * 60)).await;
    assert_eq!((paused(&app, &sc), back(&app, &sc)), (0, 2), "{:?}", app.told(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_doubtful_reply_to_a_deleted_ticket_is_found_when_it_is_restored() {
    let app = House::new().await;
    let (sc, channel, ts) = talk(&app).await;
    fault(&app, json!({"call": "POST …/reply", "fault": "dropped_after", "times": 1}));
    app.slack.say(&app.ana, &channel, Some(&ts), "once").unwrap();
    app.settle_within(Duration::from_secs(1)).await;
    deleted(&app, true);
    app.pass(Duration::from_secs(3 * 3600)).await;
    assert_eq!(paused(&app, &sc), 1, "{:?}", app.told(&sc));
    deleted(&app, false);
    app.pass(Duration::from_secs(16 * 60)).await;
    assert_eq!(app.answers(&sc), ["before", "once"]);
    app.ends_quietly().await;
}

/// Zendesk tells of an event of the ticket, of which no trigger tells.
pub async fn speaks(app: &House, event: &str) {
    let body =
        json!({"type": format!("zen:event-type:ticket.{event}"), "subject": format!("zen:ticket:{}", app.ticket),
        "detail": {"id": app.ticket.to_string()}})
        .to_string();
    let time = jiff::Timestamp::from_millisecond(app.clock.now_ms()).unwrap().to_string();
    let signature = sidethread::sandbox::zendesk::sign(crate::house::ZENDESK_SECRET, &time, body.as_bytes());
    let headers =
        [("x-zendesk-webhook-signature-timestamp", time.as_str()), ("x-zendesk-webhook-signature", signature.as_str())];
    assert_eq!(app.post("/zendesk/webhook", &headers, body.as_bytes()).await, 200);
}

fn back(app: &House, sc: &str) -> usize {
    app.told(sc).iter().filter(|text| text.contains("reached again")).count()
}

#[tokio::test]
async fn a_deleted_ticket_of_which_zendesk_speaks_is_told_before_anybody_writes_and_so_is_its_return() {
    let mut app = House::new().await;
    let (sc, channel, ts) = talk(&app).await;
    deleted(&app, true);
    speaks(&app, "soft_deleted").await;
    app.pass(Duration::from_secs(4 * 60)).await;
    assert_eq!(paused(&app, &sc), 0, "it may be a read that lags: {:?}", app.told(&sc));
    app.restart().await;
    app.pass(Duration::from_secs(6 * 60)).await;
    assert_eq!(paused(&app, &sc), 1, "{:?}", app.told(&sc));
    speaks(&app, "tags_changed").await;
    app.pass(Duration::from_secs(10 * 60)).await;
    assert_eq!((paused(&app, &sc), back(&app, &sc)), (1, 0), "{:?}", app.told(&sc));
    deleted(&app, false);
    speaks(&app, "undeleted").await;
    app.settle_within(Duration::from_secs(60)).await;
    assert_eq!((paused(&app, &sc), back(&app, &sc)), (0, 1), "{:?}", app.told(&sc));
    app.slack.say(&app.ana, &channel, Some(&ts), "after").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    assert_eq!(app.answers(&sc), ["before", "after"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_ticket_that_is_restored_gets_what_waits_at_once_if_zendesk_says_so() {
    let app = House::new().await;
    let (sc, channel, ts) = talk(&app).await;
    deleted(&app, true);
    app.slack.say(&app.ana, &channel, Some(&ts), "meanwhile").unwrap();
    app.pass(Duration::from_secs(2 * 3600)).await;
    assert_eq!((paused(&app, &sc), back(&app, &sc)), (1, 0), "{:?}", app.told(&sc));
    deleted(&app, false);
    speaks(&app, "undeleted").await;
    app.settle_within(Duration::from_secs(60)).await;
    assert_eq!((app.answers(&sc).len(), back(&app, &sc)), (2, 1), "{:?}", app.told(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_ticket_of_which_zendesk_speaks_and_that_a_read_misses_for_a_moment_is_not_told() {
    let app = House::new().await;
    let (sc, _, _) = talk(&app).await;
    fault(&app, json!({"call": "GET tickets/{id}/side_conversations", "fault": "status", "status": 404, "times": 2}));
    speaks(&app, "status_changed").await;
    app.pass(Duration::from_secs(20 * 60)).await;
    assert!(app.told(&sc).is_empty(), "{:?}", app.told(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_right_that_is_missing_for_writing_only_is_told_once_however_often_zendesk_speaks() {
    let app = House::new().await;
    let (sc, channel, ts) = talk(&app).await;
    fault(&app, json!({"call": "POST …/reply", "fault": "status", "status": 403}));
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.pass(Duration::from_secs(10 * 60)).await;
    for _ in 0..3 {
        speaks(&app, "tags_changed").await;
        app.pass(Duration::from_secs(60)).await;
    }
    assert_eq!((paused(&app, &sc), back(&app, &sc)), (1, 0), "{:?}", app.told(&sc));
    app.zendesk.faults().clear();
    app.pass(Duration::from_secs(16 * 60)).await;
    assert_eq!((app.answers(&sc).len(), back(&app, &sc)), (2, 1), "{:?}", app.told(&sc));
    app.ends_quietly().await;
}
