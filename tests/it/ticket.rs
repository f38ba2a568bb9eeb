//! The ticket changes: its cards show it.

use std::time::Duration;

use sidethread::sandbox::zendesk::TicketChange;

use crate::house::House;

#[tokio::test]
async fn the_card_shows_the_ticket_as_it_is() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let other = app.ask("engineering", "Printer", "<p>Down too?</p>").await;
    assert!(app.card(&sc).contains("Priority: high") && app.card(&sc).contains("Assignee: Zoe"), "{}", app.card(&sc));
    let change = TicketChange {
        status: Some("pending".into()),
        priority: Some(Some("urgent".into())),
        assignee_id: Some(Some(app.yan)),
        ..Default::default()
    };
    assert!(app.zendesk.set_ticket(app.ticket, change));
    app.settle().await;
    for card in [app.card(&sc), app.card(&other)] {
        for fact in ["Priority: urgent", "Status: pending", "Assignee: Yan", "Requester: Carla Customer"] {
            assert!(card.contains(fact), "{fact} is not on {card}");
        }
    }
    app.slack.clear_calls();
    app.zendesk.reply(app.zoe, &sc, "<p>hurry</p>");
    app.pass(Duration::from_secs(60)).await;
    assert!(!app.slack.calls().iter().any(|(call, _)| call == "chat.update"), "nothing on the card has changed");
    app.ends_quietly().await;
}

/// The account has no trigger and no webhook: nothing tells of anything.
fn nobody_tells(app: &House) {
    app.zendesk
        .faults()
        .add(serde_json::from_value(serde_json::json!({"call": "events", "fault": "events_never"})).unwrap());
}

#[tokio::test]
async fn what_becomes_of_a_ticket_shows_within_three_polls_though_nobody_tells_of_it() {
    for restarts in [false, true] {
        let mut app = House::new().await;
        let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
        let (other, mut cards) = (crate::merged::other_ticket(&app, 35438), vec![sc.clone()]);
        let to = ["engineering@slack.acme.example"];
        cards.push(app.zendesk.start_side_conversation(app.zoe, other, &to, "Printer", "<p>Too?</p>"));
        app.settle().await;
        nobody_tells(&app);
        if restarts {
            app.restart().await;
        }
        let status = |status: &str| TicketChange { status: Some(status.into()), ..Default::default() };
        for now in ["pending", "solved", "closed"] {
            assert!(app.zendesk.set_ticket(app.ticket, status(now)));
            app.pass(Duration::from_secs(60)).await;
            assert!(app.card(&sc).contains(&format!("Status: {now}")), "{now}: {}", app.card(&sc));
        }
        crate::merged::other_ticket(&app, 35439);
        crate::merged::merge(&app, other, 35439);
        app.pass(Duration::from_secs(60)).await;
        let told = app.told(&cards[1]);
        assert!(told.len() == 1 && told[0].contains("/tickets/35439|#35439"), "the merge is told once: {told:?}");
        let reads = || app.zendesk.calls().iter().filter(|(call, _)| call == "GET tickets/show_many").count();
        let before = reads();
        app.pass(Duration::from_secs(600)).await;
        assert_eq!(reads(), before, "tickets that are closed for good are asked for no more");
        assert_eq!(app.told(&cards[1]).len(), 1);
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_deleted_ticket_and_its_return_are_told_though_nobody_tells_of_them() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    nobody_tells(&app);
    let deleted = |yes: bool| TicketChange { deleted: Some(yes), ..Default::default() };
    assert!(app.zendesk.set_ticket(app.ticket, deleted(true)));
    app.pass(Duration::from_secs(7 * 60)).await;
    let told = app.told(&sc);
    assert!(told.len() == 1 && told[0].contains("*Paused*"), "{told:?}");
    assert!(app.zendesk.set_ticket(app.ticket, deleted(false)));
    app.pass(Duration::from_secs(60)).await;
    let told = app.told(&sc);
    assert!(told.len() == 1 && told[0].contains("reached again"), "{told:?}");
    app.ends_quietly().await;
}
