//! What changes after a thread was made: rules, channels, and what was given up.

use std::time::Duration;

use sidethread::bridge::ids::TicketId;
use sidethread::sandbox::zendesk::TicketChange;

use crate::house::{House, Setup};

const PARTNER: &str =
    "[[routes]]\nname = \"partner\"\nrecipients = [\"*@mail.example\"]\nchannel = \"#engineering\"\noutside = \"send\"";

#[tokio::test]
async fn a_rule_that_is_taken_back_holds_for_threads_that_stand() {
    let mut app = House::with(Setup { routes: PARTNER, ..Default::default() }).await;
    let sc = app.ask_all(&["carla@mail.example"], "Partner", "<p>Hm</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "allowed").unwrap();
    app.settle().await;
    app.config = app.config.replace("outside = \"send\"", "outside = \"never\"");
    app.restart().await;
    app.slack.say(&app.ana, &channel, Some(&ts), "no longer allowed").unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["allowed"]);
    let told = app.told(&sc);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(app.card(&sc).contains("stay in Slack"), "{}", app.card(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_channel_that_becomes_shared_gets_no_more_of_the_agents_words() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    app.slack.share_channel(&app.engineering, "TNORD").unwrap();
    app.pass(Duration::from_secs(61)).await;
    app.zendesk.reply(app.zoe, &sc, "<p>for us only</p>");
    app.settle().await;
    assert_eq!(app.said(&sc), []);
    let notes = app.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("shared with another firm"), "{notes:?}");
}

#[tokio::test]
async fn a_channel_that_becomes_shared_learns_no_more_of_the_ticket_either() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "No.").unwrap();
    app.settle().await;
    app.slack.share_channel(&app.engineering, "TNORD").unwrap();
    // What is known of a channel holds for a minute.
    app.pass(Duration::from_secs(61)).await;
    let card = app.card(&sc);
    let change = TicketChange { status: Some("pending".into()), ..Default::default() };
    assert!(app.zendesk.set_ticket(app.ticket, change));
    app.app.engine().unwrap().nudge(TicketId(app.ticket)).await.unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    app.zendesk.set_state(app.zoe, &sc, "closed");
    app.settle_within(Duration::from_secs(60)).await;
    assert_eq!((app.card(&sc), app.told(&sc)), (card, vec![]));
    assert_eq!(app.notes().join("\n").matches("shared with another firm").count(), 1, "{:?}", app.notes());
    app.slack.unshare_channel(&app.engineering).unwrap();
    app.pass(Duration::from_secs(20 * 60)).await;
    let card = app.card(&sc);
    assert!(card.contains("Status: pending") && card.contains("*Done* by Zoe"), "{card}");
    assert_eq!(app.told(&sc).len(), 1, "{:?}", app.told(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_card_that_was_given_up_is_told_and_posted_later() {
    let app = House::new().await;
    let rule = serde_json::json!({"call": "chat.postMessage", "fault": "status", "status": 500});
    app.slack.faults().add(serde_json::from_value(rule).unwrap());
    let to = ["engineering@slack.acme.example"];
    let sc = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
    app.settle_within(Duration::from_secs(30 * 3600)).await;
    let notes = app.notes();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("not in Slack yet"), "{notes:?}");
    assert!(notes[1].contains("could not post") && notes[1].contains("every hour"), "{notes:?}");
    assert_eq!(app.find_thread(&sc), None);
    app.slack.faults().clear();
    app.zendesk.reply(app.zoe, &sc, "<p>Anybody?</p>");
    app.settle_within(Duration::from_secs(30 * 3600)).await;
    let card = app.card(&sc);
    assert!(card.contains("Down?") && card.contains("asks, <!date^"), "{card}");
    assert_eq!(app.said(&sc).len(), 1);
    assert_eq!(app.notes().len(), 2);
}
