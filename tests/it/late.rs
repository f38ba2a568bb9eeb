//! What takes long is told once, and taken back when it arrived.

use std::time::Duration;

use sidethread::sandbox::slack::Quirks;

use crate::house::{House, fault};

const NOT_YET: &str = "Not in the ticket yet";

#[tokio::test]
async fn the_thread_is_told_once_that_words_are_late_and_it_is_taken_back() {
    let mut app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    fault(app.zendesk.faults(), serde_json::json!({"call": "*", "fault": "status", "status": 503}));
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.pass(Duration::from_secs(110)).await;
    assert_eq!(app.told(&sc), Vec::<String>::new(), "not before two minutes");
    app.slack.say(&app.ben, &channel, Some(&ts), "two").unwrap();
    app.pass(Duration::from_secs(200)).await;
    app.zendesk.faults().clear();
    app.restart().await;
    fault(app.zendesk.faults(), serde_json::json!({"call": "*", "fault": "status", "status": 503}));
    app.pass(Duration::from_secs(200)).await;
    let told = app.told(&sc);
    assert!(told.len() == 1 && told[0].contains(NOT_YET), "{told:?}");
    app.zendesk.faults().clear();
    app.settle().await;
    assert_eq!(app.answers(&sc).len(), 2);
    assert_eq!(app.told(&sc), Vec::<String>::new(), "it is taken back");
    app.pass(Duration::from_secs(300)).await;
    fault(app.zendesk.faults(), serde_json::json!({"call": "*", "fault": "token_revoked"}));
    app.slack.say(&app.ana, &channel, Some(&ts), "three").unwrap();
    app.pass(Duration::from_secs(150)).await;
    assert_eq!(app.told(&sc).len(), 1, "another time it is told again");
    app.zendesk.faults().clear();
    app.settle().await;
    assert_eq!(app.told(&sc), Vec::<String>::new());
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_notice_that_cannot_be_deleted_says_that_it_arrived() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    fault(
        app.zendesk.faults(),
        serde_json::json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 180}),
    );
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.pass(Duration::from_secs(150)).await;
    assert!(app.told(&sc)[0].contains(NOT_YET));
    app.zendesk.faults().clear();
    app.slack.set_quirks(Quirks { nothing_is_deleted: true, ..Default::default() });
    app.settle().await;
    let told = app.told(&sc);
    assert!(told.len() == 1 && told[0].contains("is in the ticket"), "{told:?}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_slack_does_not_take_is_told_on_the_ticket_once_and_told_again_when_it_arrived() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    fault(app.slack.faults(), serde_json::json!({"call": "*", "fault": "token_revoked"}));
    app.zendesk.reply(app.zoe, &sc, "<p>one</p>");
    let to = ["engineering@slack.acme.example"];
    let other = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Printer", "<p>Too?</p>");
    app.zendesk.reply(app.zoe, &sc, "<p>two</p>");
    app.pass(Duration::from_secs(580)).await;
    assert_eq!(app.notes(), Vec::<String>::new(), "not before ten minutes");
    app.pass(Duration::from_secs(1200)).await;
    let notes = app.notes().join("\n");
    assert_eq!(notes.matches("not in Slack yet").count(), 2, "once a thread: {notes}");
    for subject in ["Scanner", "Printer"] {
        assert_eq!(notes.matches(&format!("side conversation “{subject}” is not in Slack yet")).count(), 1, "{notes}");
    }
    app.slack.faults().clear();
    app.settle().await;
    assert_eq!(app.said(&sc).len(), 2);
    assert!(app.card(&other).contains("Too?"));
    let notes = app.notes().join("\n");
    assert_eq!(notes.matches("is in Slack").count(), 2, "{notes}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_blip_is_told_to_nobody() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    for faults in [app.slack.faults(), app.zendesk.faults()] {
        fault(faults, serde_json::json!({"call": "*", "fault": "token_revoked"}));
    }
    app.zendesk.reply(app.zoe, &sc, "<p>z</p>");
    app.slack.say(&app.ana, &channel, Some(&ts), "s").unwrap();
    app.pass(Duration::from_secs(100)).await;
    for faults in [app.slack.faults(), app.zendesk.faults()] {
        faults.clear();
    }
    app.settle().await;
    app.pass(Duration::from_secs(600)).await;
    assert_eq!(app.said(&sc).len(), 2);
    assert_eq!((app.told(&sc), app.notes()), (vec![], vec![]));
    app.ends_quietly().await;
}
