//! "Mark as done" and "Reopen" from both sides.

use sidethread::sandbox::zendesk::Unconfirmed;
use std::time::Duration;

use crate::house::{House, Setup};

#[tokio::test]
async fn done_and_reopened_in_zendesk_change_the_card_and_leave_one_line_each() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    app.zendesk.set_state(app.zoe, &sc, "closed");
    app.settle().await;
    let card = app.card(&sc);
    assert!(card.contains("*Done* by Zoe") && card.contains("Reopen") && !card.contains("Mark as done"), "{card}");
    app.pass(Duration::from_secs(5)).await;
    app.zendesk.set_state(app.yan, &sc, "open");
    app.settle().await;
    let card = app.card(&sc);
    assert!(card.contains("*Reopened* by Yan") && card.contains("Mark as done"), "{card}");
    let told = app.told(&sc);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("Zoe marked") && told[1].contains("Yan reopened"), "{told:?}");
    app.pass(Duration::from_secs(60)).await;
    assert_eq!(app.told(&sc).len(), 2);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_button_sets_the_state_and_the_card_says_who() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
    app.settle().await;
    assert_eq!(app.state(&sc), "closed");
    assert!(app.card(&sc).contains("*Done* by Ana Souza"), "{}", app.card(&sc));
    app.pass(Duration::from_secs(60)).await;
    app.slack.press(&app.ben, &channel, &ts, "reopen").unwrap();
    app.settle().await;
    assert_eq!(app.state(&sc), "open");
    assert!(app.card(&sc).contains("*Reopened* by Ben Okafor"), "{}", app.card(&sc));
    app.pass(Duration::from_secs(60)).await;
    assert_eq!(app.told(&sc), Vec::<String>::new(), "our own change is not told as Zendesk's");
    let metrics = app.metrics().await;
    let many = |why: &str| {
        metrics.lines().find(|line| line.contains(&format!("reason=\"{why}\""))).and_then(|l| l.split(' ').nth(1))
    };
    assert_eq!((many("stale"), many("echo")), (Some("0"), Some("2")), "nor is it called overtaken: {metrics}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn guests_and_people_of_another_firm_are_refused_kindly() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    for person in [&app.guest, &app.stranger] {
        app.slack.press(person, &channel, &ts, "mark_done").unwrap();
        app.settle().await;
        let whispers = app.whispers(person);
        assert_eq!(whispers.len(), 1, "{whispers:?}");
        assert!(whispers[0].contains("ask a member"), "{whispers:?}");
    }
    assert_eq!(app.state(&sc), "open");
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_reply_leaves_it_done_and_says_so_once_with_a_button() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
    app.settle().await;
    for text in ["one more thing", "and another"] {
        app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
        app.settle().await;
    }
    assert_eq!(app.state(&sc), "closed");
    assert_eq!(app.answers(&sc), ["one more thing", "and another"]);
    let told = app.told(&sc);
    assert_eq!(told.len(), 1, "{told:?}");
    let messages = app.slack.thread(&channel, &ts);
    let notice =
        messages.iter().find(|m| m["text"].as_str().unwrap_or_default().contains("stays marked as done")).unwrap();
    app.slack.press(&app.ben, &channel, notice["ts"].as_str().unwrap(), "reopen").unwrap();
    app.settle().await;
    assert_eq!(app.state(&sc), "open");
    app.ends_quietly().await;
}

#[tokio::test]
async fn if_zendesk_reopens_by_itself_the_card_follows() {
    let unconfirmed = Unconfirmed { reply_reopens: true, ..Default::default() };
    let app = House::with(Setup { unconfirmed, ..Default::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.zendesk.set_state(app.zoe, &sc, "closed");
    app.settle().await;
    app.slack.say(&app.ana, &channel, Some(&ts), "wait").unwrap();
    app.settle().await;
    assert_eq!(app.state(&sc), "open");
    assert!(app.card(&sc).contains("*Reopened*"), "{}", app.card(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn pressing_what_is_already_so_is_answered_and_changes_nothing() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
    app.slack.press(&app.ben, &channel, &ts, "mark_done").unwrap();
    app.settle().await;
    assert_eq!(app.state(&sc), "closed");
    let events = app.zendesk.events(&sc);
    assert_eq!(events.iter().filter(|e| e["type"] == "update").count(), 1, "{events:?}");
    app.ends_quietly().await;
}
