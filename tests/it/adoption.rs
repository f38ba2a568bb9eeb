//! Zendesk makes a follow-up of its own when a side conversation of a closed ticket is answered: the thread goes on in that.

use std::collections::BTreeSet;
use std::time::Duration;

use sidethread::sandbox::zendesk::{Named, ReplyOnClosed, TicketChange, Unconfirmed};

use crate::house::{House, Setup};

type Switch = fn(&mut Unconfirmed);

/// The facts that nobody has confirmed and that matter here.
const SWITCHES: [(&str, Switch); 8] = [
    ("follow_up_keeps_ids", |u| u.follow_up_keeps_ids ^= true),
    ("external_ids_echoed", |u| u.external_ids_echoed ^= true),
    ("via_of_api", |u| u.via_of_api ^= true),
    ("api_fires_trigger", |u| u.api_fires_trigger ^= true),
    ("follow-ups are named late", |u| u.follow_ups_named = Named::After(120)),
    ("follow-ups are never named", |u| u.follow_ups_named = Named::Never),
    ("a reply is refused", |u| u.reply_on_closed = ReplyOnClosed::Refused(422)),
    ("a reply makes a follow-up", |u| u.reply_on_closed = ReplyOnClosed::FollowUp),
];

/// Every pair of them.
fn pairs() -> Vec<(String, Unconfirmed)> {
    let mut pairs = vec![("the best guess".to_owned(), Unconfirmed::default())];
    for (i, one) in SWITCHES.iter().enumerate() {
        for other in &SWITCHES[i..] {
            let mut unconfirmed = Unconfirmed::default();
            one.1(&mut unconfirmed);
            if one.0 != other.0 {
                other.1(&mut unconfirmed);
            }
            pairs.push((format!("{} and {}", one.0, other.0), unconfirmed));
        }
    }
    pairs
}

fn close(app: &House, ticket: i64) {
    let change = TicketChange { status: Some("closed".into()), ..Default::default() };
    assert!(app.zendesk.set_ticket(ticket, change), "the ticket cannot be closed");
}

/// Everything that was said in side conversations of all tickets, in the order of time; a copy is no word of its own.
fn words(app: &House) -> Vec<String> {
    let tickets = app.zendesk.tickets();
    let sides = tickets.iter().flat_map(|ticket| app.zendesk.side_conversations(ticket["id"].as_i64().unwrap()));
    let events = sides.flat_map(|side| app.zendesk.events(side["id"].as_str().unwrap()));
    let said: BTreeSet<(String, String)> = events
        .filter(|event| event["message"].is_object())
        .map(|event| {
            let body = event["message"]["body"].as_str().unwrap();
            let body = body.split("\n\n(This goes on from").next().unwrap();
            let text = match body.split_once("):\n") {
                Some((heading, text)) if heading.contains(" in Slack") => text,
                _ => body,
            };
            (event["created_at"].as_str().unwrap().to_owned(), text.to_owned())
        })
        .collect();
    said.into_iter().map(|(_, text)| text).collect()
}

/// What agents said in the thread.
fn heard(app: &House, sc: &str) -> Vec<String> {
    let agents = ["Zoe", "Yan"];
    app.said(sc).into_iter().filter(|(author, _)| agents.contains(&author.as_str())).map(|(_, text)| text).collect()
}

fn cards(app: &House) -> usize {
    let messages = app.slack.messages(&app.engineering);
    messages.iter().filter(|message| crate::house::texts(&message["blocks"]).contains("Carla Customer")).count()
}

/// The side conversation in which the thread goes on: the newest, on the newest ticket.
fn present(app: &House) -> (i64, String) {
    let ticket = app.zendesk.tickets().iter().filter_map(|ticket| ticket["id"].as_i64()).max().unwrap();
    let sides = app.zendesk.side_conversations(ticket);
    (ticket, sides.last().expect("it has a side conversation")["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_answer_by_mail_to_a_closed_ticket_moves_the_thread_to_zendesks_follow_up() {
    for (names, unconfirmed) in pairs() {
        let app = House::with(Setup { unconfirmed, ..Default::default() }).await;
        let sc = app.ask("engineering", "Scanner", "<p>Is it down?</p>").await;
        let (channel, ts) = app.thread(&sc);
        app.pass(Duration::from_secs(2)).await;
        app.slack.say(&app.ana, &channel, Some(&ts), "Looking.").unwrap();
        app.pass(Duration::from_secs(2)).await;
        app.zendesk.reply(app.yan, &sc, "<p>Hurry, please.</p>");
        app.pass(Duration::from_secs(65)).await;
        close(&app, app.ticket);
        assert!(!app.zendesk.reply_by_mail("zoe@acme.example", &sc, "By mail.").is_empty());
        app.pass(Duration::from_secs(45)).await;
        assert_eq!(heard(&app, &sc), ["Hurry, please.", "By mail."], "{names}");
        assert_eq!(app.told(&sc).len(), 1, "{names}: {:?}", app.told(&sc));

        app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
        app.settle().await;
        let (follow, side) = present(&app);
        assert_eq!(app.zendesk.ticket(app.ticket).unwrap()["followup_ids"], serde_json::json!([follow]), "{names}");
        let last = app.zendesk.events(&side).pop().unwrap();
        assert!(last["message"]["body"].as_str().unwrap().ends_with("It is up again."), "{names}: {last}");
        app.zendesk.reply(app.zoe, &side, "<p>Thank you.</p>");
        app.pass(Duration::from_secs(45)).await;
        assert_eq!(heard(&app, &sc), ["Hurry, please.", "By mail.", "Thank you."], "{names}");
        assert_eq!(
            words(&app),
            ["Is it down?", "Looking.", "Hurry, please.", "By mail.", "It is up again.", "Thank you."],
            "{names}"
        );
        app.slack.press(&app.ben, &channel, &ts, "mark_done").unwrap();
        app.settle().await;
        assert_eq!(app.state(&side), "closed", "{names}");
        assert!(app.card(&sc).contains(&format!("Ticket #{follow}")), "{names}: {}", app.card(&sc));
        assert_eq!(cards(&app), 1, "{names}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_reply_that_was_accepted_unawares_is_followed_wherever_zendesk_took_it() {
    for (names, unconfirmed) in pairs() {
        let app = House::with(Setup { unconfirmed, ..Default::default() }).await;
        let sc = app.ask("engineering", "Scanner", "<p>Is it down?</p>").await;
        let (channel, ts) = app.thread(&sc);
        app.slack.say(&app.ana, &channel, Some(&ts), "Looking.").unwrap();
        app.settle().await;
        // It was read less than a minute ago.
        close(&app, app.ticket);
        for text in ["One.", "Two.", "Three."] {
            app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
            app.pass(Duration::from_secs(65)).await;
        }
        let (follow, side) = present(&app);
        assert_eq!(app.zendesk.ticket(app.ticket).unwrap()["followup_ids"], serde_json::json!([follow]), "{names}");
        app.zendesk.reply(app.yan, &side, "<p>Thank you.</p>");
        app.pass(Duration::from_secs(45)).await;
        assert_eq!(words(&app), ["Is it down?", "Looking.", "One.", "Two.", "Three.", "Thank you."], "{names}");
        assert_eq!(heard(&app, &sc), ["Thank you."], "{names}");
        assert_eq!((cards(&app), app.told(&sc).len()), (1, 1), "{names}: {:?}", app.told(&sc));
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn copies_that_cannot_be_told_apart_become_threads_of_their_own() {
    let app = House::new().await;
    let to = ["engineering@slack.acme.example"];
    let twins: Vec<String> = (0..2)
        .map(|_| app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Is it down?</p>"))
        .collect();
    app.settle().await;
    app.pass(Duration::from_secs(65)).await;
    close(&app, app.ticket);
    app.zendesk.reply_by_mail("zoe@acme.example", &twins[0], "By mail.");
    app.pass(Duration::from_secs(45)).await;
    assert_eq!(cards(&app), 3);
    assert_eq!(heard(&app, &twins[0]), ["By mail."]);
    let (_, copy) = present(&app);
    assert_eq!(heard(&app, &copy), ["By mail."]);
    let told = app.told(&copy);
    assert!(told.len() == 1 && told[0].contains("follows up ticket"), "{told:?}");
    for twin in &twins {
        let (channel, ts) = app.thread(twin);
        assert!(told[0].contains(&format!("archives/{channel}/p{}|thread", ts.replace('.', ""))), "{told:?}");
        let told = app.told(twin);
        assert!(told.len() == 1 && told[0].contains("a thread of its own"), "{told:?}");
    }
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_side_conversation_that_an_agent_begins_on_a_follow_up_is_a_new_thread() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Is it down?</p>").await;
    app.pass(Duration::from_secs(65)).await;
    close(&app, app.ticket);
    app.zendesk.reply_by_mail("zoe@acme.example", &sc, "By mail.");
    app.pass(Duration::from_secs(45)).await;
    let (follow, _) = present(&app);
    let to = ["engineering@slack.acme.example"];
    let new = app.zendesk.start_side_conversation(app.zoe, follow, &to, "Printer", "<p>And the printer?</p>");
    app.settle().await;
    assert_ne!(app.thread(&new), app.thread(&sc));
    assert_eq!(heard(&app, &sc), ["By mail."]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_copy_of_what_was_done_is_done() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Is it down?</p>").await;
    app.pass(Duration::from_secs(2)).await;
    app.zendesk.set_state(app.yan, &sc, "closed");
    app.pass(Duration::from_secs(65)).await;
    close(&app, app.ticket);
    app.zendesk.reply_by_mail("zoe@acme.example", &sc, "By mail.");
    app.pass(Duration::from_secs(45)).await;
    let (_, side) = present(&app);
    assert_eq!(app.state(&side), "closed");
    assert!(app.card(&sc).contains("Reopen"), "{}", app.card(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_copy_is_one_also_where_its_original_was_never_read() {
    let app = House::new().await;
    close(&app, app.ticket);
    let to = ["engineering@slack.acme.example"];
    let sc = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Is it down?</p>");
    app.zendesk.reply_by_mail("zoe@acme.example", &sc, "By mail.");
    app.pass(Duration::from_secs(45)).await;
    assert_eq!(cards(&app), 1);
    assert_eq!(heard(&app, &sc), ["By mail."]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_is_said_twice_in_a_second_arrives_twice_and_no_copy_of_it_does() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Is it down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    for _ in 0..2 {
        app.slack.say(&app.ana, &channel, Some(&ts), "ok").unwrap();
        app.zendesk.reply_by_mail("zoe@acme.example", &sc, "yes");
    }
    app.pass(Duration::from_secs(300)).await;
    let of_zoe = || app.said(&sc).into_iter().filter(|(author, _)| author == "Zoe").count();
    assert_eq!((app.carried(&sc), of_zoe()), (vec!["ok".to_owned(), "ok".to_owned()], 2));
    close(&app, app.ticket);
    // The first makes the follow-up, with a copy of all; the second goes there alone.
    for _ in 0..2 {
        app.zendesk.reply_by_mail("zoe@acme.example", &sc, "yes");
    }
    app.pass(Duration::from_secs(300)).await;
    assert_eq!(of_zoe(), 4, "{:?}", app.said(&sc));
    app.ends_quietly().await;
}
