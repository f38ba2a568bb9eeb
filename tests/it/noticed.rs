//! The answer is noticed: the ticket changes as the settings say.

use std::time::Duration;

use sidethread::sandbox::zendesk::TicketChange;

use crate::house::{House, Setup, fault};

const RULES: &str = "[ticket]\n\
    on_ask = { status = \"hold\", tags_add = [\"waiting_side_conversation\"] }\n\
    on_answer = { status = \"open\", tags_remove = [\"waiting_side_conversation\"] }\n";

async fn house() -> House {
    House::with(Setup { routes: RULES, ..Default::default() }).await
}

fn status(app: &House) -> String {
    app.zendesk.ticket(app.ticket).unwrap()["status"].as_str().unwrap().to_owned()
}

fn tags(app: &House) -> Vec<String> {
    let ticket = app.zendesk.ticket(app.ticket).unwrap();
    ticket["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()).collect()
}

fn updates(app: &House) -> usize {
    app.zendesk.calls().iter().filter(|(call, _)| call == "PUT tickets/{id}").count()
}

fn set_status(app: &House, status: &str) {
    assert!(app.zendesk.set_ticket(app.ticket, TicketChange { status: Some(status.into()), ..Default::default() }));
}

#[tokio::test]
async fn a_ticket_waits_while_it_is_asked_and_is_open_when_it_is_answered() {
    let app = house().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    assert_eq!((status(&app).as_str(), tags(&app)), ("hold", vec!["waiting_side_conversation".to_owned()]));
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "on my way").unwrap();
    app.settle().await;
    assert_eq!((status(&app).as_str(), tags(&app)), ("open", vec![]));
    assert_eq!(updates(&app), 2);
    // An answer to a ticket that is open already writes nothing.
    for i in 0..10 {
        app.slack.say(&app.ana, &channel, Some(&ts), &format!("and {i}")).unwrap();
    }
    app.settle().await;
    assert_eq!((app.answers(&sc).len(), updates(&app)), (11, 2));
    set_status(&app, "pending");
    app.slack.say(&app.ben, &channel, Some(&ts), "done").unwrap();
    app.settle().await;
    assert_eq!(status(&app), "open");
    app.ends_quietly().await;
}

#[tokio::test]
async fn without_rules_the_ticket_is_left_alone() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "on my way").unwrap();
    app.settle().await;
    assert_eq!((status(&app).as_str(), updates(&app)), ("open", 0));
}

#[tokio::test]
async fn only_an_answer_that_is_in_the_ticket_counts() {
    let app = house().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    fault(app.zendesk.faults(), serde_json::json!({"call": "POST …/reply", "fault": "refused"}));
    app.slack.say(&app.ana, &channel, Some(&ts), "lost?").unwrap();
    app.settle().await;
    assert_eq!(status(&app), "hold");
    // One whose answer was lost is found, and counts.
    app.zendesk.faults().clear();
    fault(app.zendesk.faults(), serde_json::json!({"call": "POST …/reply", "fault": "dropped_after", "times": 1}));
    app.slack.say(&app.ana, &channel, Some(&ts), "found").unwrap();
    app.settle().await;
    assert_eq!((app.answers(&sc), status(&app).as_str()), (vec!["found".to_owned()], "open"));
}

#[tokio::test]
async fn asked_never_comes_after_answered() {
    let app = house().await;
    fault(
        app.zendesk.faults(),
        serde_json::json!({"call": "PUT tickets/{id}", "fault": "rate_limited", "retry_after": 60, "times": 1}),
    );
    let sc = app.zendesk.start_side_conversation(
        app.zoe,
        app.ticket,
        &["engineering@slack.acme.example"],
        "Scanner",
        "<p>Down?</p>",
    );
    app.pass(Duration::from_secs(20)).await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "on my way").unwrap();
    app.pass(Duration::from_secs(20)).await;
    assert_eq!((app.answers(&sc).len(), status(&app).as_str()), (1, "open"));
    app.settle().await;
    assert_eq!((status(&app).as_str(), tags(&app)), ("open", vec![]));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_closed_ticket_is_left_alone() {
    let app = house().await;
    let to = ["engineering@slack.acme.example"];
    let sc = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
    set_status(&app, "closed");
    app.settle().await;
    assert!(app.find_thread(&sc).is_some());
    assert_eq!((status(&app).as_str(), updates(&app)), ("closed", 0));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_change_in_between_is_not_undone() {
    let app = house().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    // Somebody tags the ticket between the read and the write: it is read again.
    fault(
        app.zendesk.faults(),
        serde_json::json!({"call": "PUT tickets/{id}", "fault": "status", "status": 409, "times": 1}),
    );
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle_within(Duration::from_secs(2)).await;
    let tags_set = TicketChange { tags: Some(vec!["vip".into()]), ..Default::default() };
    assert!(app.zendesk.set_ticket(app.ticket, tags_set));
    app.settle().await;
    assert_eq!((status(&app).as_str(), tags(&app)), ("open", vec!["vip".to_owned()]));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_rule_that_zendesk_refuses_is_told_once() {
    let app = house().await;
    fault(app.zendesk.faults(), serde_json::json!({"call": "PUT tickets/{id}", "fault": "refused", "times": 1}));
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let notes = app.notes();
    assert!(notes.len() == 1 && notes[0].contains("on_ask"), "{notes:?}");
    app.slack.say(&app.ana, &channel, Some(&ts), "on my way").unwrap();
    app.pass(Duration::from_secs(15 * 60)).await;
    assert_eq!((status(&app).as_str(), app.notes().len()), ("open", 1));
}

#[tokio::test]
async fn an_end_at_any_step_changes_the_ticket_all_the_same() {
    for steps in 0..8 {
        let mut app = house().await;
        let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
        let (channel, ts) = app.thread(&sc);
        app.slack.say(&app.ana, &channel, Some(&ts), "on my way").unwrap();
        for _ in 0..steps {
            app.step().await;
        }
        app.restart().await;
        app.settle().await;
        assert_eq!((app.answers(&sc).len(), status(&app).as_str(), updates(&app)), (1, "open", 2), "{steps}");
    }
}
