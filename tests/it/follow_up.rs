//! The ticket closes: the thread goes on in a follow-up, one for all its threads.

use std::time::Duration;

use serde_json::Value;
use sidethread::sandbox::zendesk::{TicketChange, TicketSpec};

use crate::house::House;

/// The ticket is closed, as an automation does it: nobody is told.
fn close(app: &House, ticket: i64) {
    let change = TicketChange { status: Some("closed".into()), ..Default::default() };
    assert!(app.zendesk.set_ticket(ticket, change), "the ticket cannot be closed");
}

/// What was read of a ticket is old.
async fn later(app: &House) {
    app.pass(Duration::from_secs(61)).await;
}

/// The tickets that follow up another one.
fn follow_ups(app: &House, ticket: i64) -> Vec<i64> {
    let ticket = app.zendesk.ticket(ticket).unwrap();
    ticket["followup_ids"].as_array().unwrap().iter().filter_map(Value::as_i64).collect()
}

/// The one follow-up of a ticket.
fn follow_up(app: &House, ticket: i64) -> i64 {
    let found = follow_ups(app, ticket);
    assert_eq!(found.len(), 1, "one follow-up is made: {found:?}");
    found[0]
}

/// The side conversations of a ticket, by id.
fn sides(app: &House, ticket: i64) -> Vec<String> {
    let sides = app.zendesk.side_conversations(ticket);
    sides.iter().map(|side| side["id"].as_str().unwrap().to_owned()).collect()
}

/// The messages of a side conversation, without the line that names the author and the one that says where it came from.
fn messages(app: &House, side: &str) -> Vec<String> {
    let messages = app.zendesk.events(side);
    let said = messages.iter().filter(|event| event["type"] == "create" || event["type"] == "reply").map(|event| {
        let body = event["message"]["body"].as_str().unwrap_or_default();
        let body = body.split("\n\n(This goes on from").next().unwrap_or_default();
        body.split_once('\n').map_or(body, |(_, rest)| rest).trim().to_owned()
    });
    said.collect()
}

#[tokio::test]
async fn a_reply_to_a_closed_ticket_makes_a_follow_up_and_the_thread_goes_on_there() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Is it down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "Looking.").unwrap();
    app.settle().await;
    later(&app).await;
    close(&app, app.ticket);
    app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
    app.slack.say(&app.ben, &channel, Some(&ts), "Confirmed.").unwrap();
    app.settle().await;

    let follow = follow_up(&app, app.ticket);
    let [new] = &sides(&app, follow)[..] else { panic!("one side conversation is on it") };
    assert_eq!(app.answers(&sc), ["Looking."], "nothing more is sent to the old one");
    assert_eq!(messages(&app, new), ["It is up again.", "Confirmed."]);

    let ticket = app.zendesk.ticket(follow).unwrap();
    assert_eq!(ticket["status"], "open");
    assert_eq!(ticket["priority"], "high");
    assert_eq!((&ticket["requester_id"], &ticket["assignee_id"]), (&app.carla.into(), &app.zoe.into()));
    assert_eq!(ticket["subject"], "Parcel has not moved for a week");
    let [note] = &app.zendesk.comments(follow)[..] else { panic!("a note opens it") };
    assert_eq!((&note["public"], &note["author_id"]), (&false.into(), &app.zendesk.app_user_id().into()));
    let note = note["body"].as_str().unwrap();
    for part in [
        "/zendesk/agent/tickets/35436",
        &format!("/archives/{channel}/p{}", ts.replace('.', "")),
        "Is it down?",
        "Looking.",
        "Zoe, 20",
    ] {
        assert!(note.contains(part), "{part:?} is not in the note: {note}");
    }

    let told = app.told(&sc);
    let [moved] = &told[..] else { panic!("one line says so: {told:?}") };
    for part in ["/zendesk/agent/tickets/35436|#35436", &format!("/zendesk/agent/tickets/{follow}|#{follow}")] {
        assert!(moved.contains(part), "{part:?} is not in {moved}");
    }
    let card = app.card(&sc);
    assert!(card.contains(&format!("Ticket #{follow}")) && card.contains("Status: open"), "{card}");

    app.zendesk.reply(app.zoe, new, "<p>Thank you</p>");
    app.zendesk.reply(app.yan, &sc, "<p>An afterthought in the old one</p>");
    app.pass(Duration::from_secs(30)).await;
    let said = app.said(&sc);
    let agents: Vec<&str> =
        said.iter().filter(|(author, _)| author == "Zoe" || author == "Yan").map(|(_, text)| text.as_str()).collect();
    assert_eq!(agents, ["Thank you", "An afterthought in the old one"], "agents' words in either arrive");
    app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
    app.settle().await;
    assert_eq!((app.state(new).as_str(), app.state(&sc).as_str()), ("closed", "open"));
    app.slack.say(&app.ben, &channel, Some(&ts), "One more.").unwrap();
    app.settle().await;
    assert_eq!(messages(&app, new).last().unwrap(), "One more.");
    app.ends_quietly().await;
}

#[tokio::test]
async fn three_threads_and_ten_replies_at_once_make_one_follow_up() {
    let app = House::new().await;
    let mut threads = Vec::new();
    for subject in ["Scanner", "Printer", "Lamp"] {
        let sc = app.ask("engineering", subject, "<p>Down?</p>").await;
        let place = app.thread(&sc);
        threads.push((sc, place));
    }
    later(&app).await;
    close(&app, app.ticket);
    for i in 0..10 {
        for (n, (_, (channel, ts))) in threads.iter().enumerate() {
            app.slack.say(&app.ana, channel, Some(ts), &format!("{n}-{i}")).unwrap();
        }
    }
    app.settle().await;
    let follow = follow_up(&app, app.ticket);
    let mut found: Vec<Vec<String>> = sides(&app, follow).iter().map(|side| messages(&app, side)).collect();
    found.sort();
    let expected: Vec<Vec<String>> = (0..3).map(|n| (0..10).map(|i| format!("{n}-{i}")).collect()).collect();
    assert_eq!(found, expected);
    for (sc, _) in &threads {
        assert_eq!(app.told(sc).len(), 1, "{:?}", app.told(sc));
        assert_eq!(app.answers(sc), [""; 0]);
    }
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_the_follow_up_keeps_is_a_setting_and_what_is_refused_is_left_out_and_named() {
    let app = House::with(crate::house::Setup {
        routes: "[followup]\nstatus = \"pending\"\ncopy = [\"assignee\", \"group\", \"tags\", \"type\", \"custom_fields\"]\n\
                 template = \"See {ticket_url} for {subject}.\"",
        ..Default::default()
    })
    .await;
    let group = app.zendesk.add_group("Logistics");
    let leaver = app.zendesk.add_user(sidethread::sandbox::zendesk::UserSpec {
        name: "Lea".into(),
        email: Some("lea@acme.example".into()),
        role: "agent".into(),
        ..Default::default()
    });
    let ticket = app.zendesk.add_ticket(TicketSpec {
        subject: "Lost".into(),
        description: "Where?".into(),
        requester_id: app.carla,
        assignee_id: Some(leaver),
        group_id: Some(group),
        priority: Some("urgent".into()),
        tags: vec!["vip".into()],
        custom_fields: vec![serde_json::json!({"id": 77, "value": "blue"})],
        ..Default::default()
    });
    let to = ["engineering@slack.acme.example"];
    let sc = app.zendesk.start_side_conversation(app.zoe, ticket, &to, "Lost", "<p>Seen it?</p>");
    app.settle().await;
    let (channel, ts) = app.thread(&sc);
    later(&app).await;
    close(&app, ticket);
    app.zendesk.delete_user(leaver);
    app.slack.say(&app.ana, &channel, Some(&ts), "No.").unwrap();
    app.settle().await;
    let made = app.zendesk.ticket(follow_up(&app, ticket)).unwrap();
    assert_eq!((&made["status"], &made["priority"]), (&"pending".into(), &Value::Null));
    assert_eq!((&made["assignee_id"], &made["group_id"]), (&Value::Null, &group.into()));
    assert_eq!(made["custom_fields"][0]["value"], "blue");
    assert_eq!(made["tags"], serde_json::json!(["vip"]));
    let note = app.zendesk.comments(made["id"].as_i64().unwrap())[0]["body"].as_str().unwrap().to_owned();
    assert!(note.starts_with(&format!("See http://127.0.0.1:9/zendesk/agent/tickets/{ticket} for Lost.")), "{note}");
    assert!(note.contains("Not kept, because Zendesk refused it: assignee."), "{note}");
    assert_eq!(messages(&app, &sides(&app, made["id"].as_i64().unwrap())[0]), ["No."]);
    app.ends_quietly().await;
}
