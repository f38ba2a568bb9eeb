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
    assert_eq!(app.told(&sc), Vec::<String>::new(), "what it said is over, and so is its button");
    app.ends_quietly().await;
}

#[tokio::test]
async fn the_notice_that_a_reply_left_it_done_goes_however_it_is_reopened() {
    for by_card in [true, false] {
        let app = House::new().await;
        let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
        let (channel, ts) = app.thread(&sc);
        app.zendesk.set_state(app.zoe, &sc, "closed");
        app.settle().await;
        app.slack.say(&app.ana, &channel, Some(&ts), "one more thing").unwrap();
        app.settle().await;
        let stays = |told: &[String]| told.iter().filter(|told| told.contains("stays marked as done")).count();
        assert_eq!(stays(&app.told(&sc)), 1);
        // A notice that cannot be deleted says that it is over.
        let rule = serde_json::json!({"call": "chat.delete", "fault": "status", "status": 500, "times": 1});
        app.slack.faults().add(serde_json::from_value(rule).unwrap());
        match by_card {
            true => app.slack.press(&app.ben, &channel, &ts, "reopen").unwrap(),
            false => assert!(!app.zendesk.set_state(app.yan, &sc, "open").is_empty()),
        }
        app.settle().await;
        assert_eq!(stays(&app.told(&sc)), 0, "{:?}", app.told(&sc));
        app.zendesk.set_state(app.zoe, &sc, "closed");
        app.settle().await;
        app.slack.say(&app.ana, &channel, Some(&ts), "and another").unwrap();
        app.settle().await;
        assert_eq!(stays(&app.told(&sc)), 1, "it is said again when it is so again: {:?}", app.told(&sc));
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn the_ticket_says_who_pressed_and_nobody_outside_reads_it() {
    let app = House::new().await;
    let to = ["engineering@slack.acme.example", "carla@mail.example"];
    let sc = app.ask_all(&to, "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
    app.settle().await;
    app.slack.press(&app.ben, &channel, &ts, "reopen").unwrap();
    app.settle_within(Duration::from_secs(5)).await;
    let notes = app.notes();
    assert_eq!(notes.len(), 2, "both at once: {notes:?}");
    assert!(notes[0].starts_with("Ana Souza marked the side conversation “Scanner” as done in Slack."), "{notes:?}");
    assert!(notes[1].starts_with("Ben Okafor reopened the side conversation “Scanner” in Slack."), "{notes:?}");
    let mail = app.zendesk.outgoing_mail();
    assert!(mail.iter().all(|mail| !mail.to_string().contains("Souza")), "{mail:?}");
    app.zendesk.set_state(app.zoe, &sc, "closed");
    app.settle().await;
    assert_eq!(app.notes().len(), 2, "Zendesk itself says what an agent did there");
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
