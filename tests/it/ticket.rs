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
