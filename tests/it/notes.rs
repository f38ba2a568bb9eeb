//! A ticket is not flooded with notes, and none of them is lost.

use std::time::Duration;

use sidethread::cli::trace::{Asked, run};
use sidethread::engine::clock::Clock;
use sidethread::engine::park::Wished;
use sidethread::sandbox::zendesk::{TicketChange, TicketSpec, Unconfirmed};

use crate::house::{House, Setup, fault};
use crate::parked::parked_row;

/// Side conversations to channels that do not exist: each is told on the ticket.
fn ask_nowhere(app: &House, names: std::ops::Range<usize>) {
    for i in names {
        let to = format!("nowhere-{i}@slack.acme.example");
        app.zendesk.start_side_conversation(app.zoe, app.ticket, &[&to], "S", "<p>?</p>");
    }
}

fn each_once_in_order(notes: &[String], count: usize) {
    let all = notes.join("\n");
    let places: Vec<usize> = (0..count)
        .map(|i| {
            let name = format!("no Slack channel #nowhere-{i} ");
            assert_eq!(all.matches(&name).count(), 1, "{name} in {all}");
            all.find(&name).unwrap()
        })
        .collect();
    assert!(places.is_sorted(), "{all}");
}

/// What an agent says does not reach Slack, and is told on the ticket.
async fn say_in_vain(app: &House, sc: &str, text: &str) {
    fault(app.slack.faults(), serde_json::json!({"call": "chat.postMessage", "fault": "refused", "times": 1}));
    app.zendesk.reply(app.zoe, sc, &format!("<p>{text}</p>"));
    app.pass(Duration::from_secs(5)).await;
    app.slack.faults().clear();
}

#[tokio::test]
async fn the_first_note_about_a_side_conversation_comes_at_once_and_then_there_is_one_in_ten_minutes_that_holds_all_news()
 {
    let app = House::new().await;
    let one = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let two = app.ask("engineering", "Printer", "<p>Jammed?</p>").await;
    for text in ["first of one", "second of one", "third of one"] {
        say_in_vain(&app, &one, text).await;
    }
    let notes = app.notes();
    assert!(notes.len() == 1 && notes[0].contains("first of one"), "{notes:?}");
    say_in_vain(&app, &two, "first of two").await;
    let notes = app.notes();
    assert_eq!(notes.len(), 2, "{notes:?}");
    let words = ["second of one", "third of one", "first of two"];
    assert!(words.iter().all(|text| notes[1].contains(text)), "what waits goes along: {notes:?}");
    for (sc, text) in [(&one, "fourth of one"), (&two, "second of two")] {
        say_in_vain(&app, sc, text).await;
    }
    assert_eq!(app.notes().len(), 2);
    app.pass(Duration::from_secs(11 * 60)).await;
    let notes = app.notes();
    assert!(notes.len() == 3 && notes[2].contains("fourth of one") && notes[2].contains("second of two"), "{notes:?}");
}

#[tokio::test]
async fn many_first_notes_hold_each_thing_once() {
    let app = House::new().await;
    for i in 0..6 {
        ask_nowhere(&app, i..i + 1);
        app.pass(Duration::from_secs(5)).await;
        each_once_in_order(&app.notes(), i + 1);
    }
    ask_nowhere(&app, 6..12);
    app.pass(Duration::from_secs(30)).await;
    each_once_in_order(&app.notes(), 12);
}

#[tokio::test]
async fn an_end_between_gathering_and_sending_loses_and_repeats_nothing() {
    for kind in ["dropped_before", "dropped_after", "error_after"] {
        for steps in 0..4 {
            let mut app = House::new().await;
            ask_nowhere(&app, 0..1);
            app.pass(Duration::from_secs(5)).await;
            // Zendesk takes no notes for a while: what there is to say meanwhile is gathered.
            let later = serde_json::json!({"call": "PUT tickets/{id}", "fault": "rate_limited", "retry_after": 120});
            fault(app.zendesk.faults(), later);
            ask_nowhere(&app, 1..4);
            app.pass(Duration::from_secs(100)).await;
            assert_eq!(app.notes().len(), 1);
            app.zendesk.faults().clear();
            fault(app.zendesk.faults(), serde_json::json!({"call": "PUT tickets/{id}", "fault": kind, "times": 1}));
            app.clock.advance(Duration::from_secs(25));
            for _ in 0..steps {
                app.step().await;
            }
            app.restart().await;
            app.pass(Duration::from_secs(20 * 60)).await;
            each_once_in_order(&app.notes(), 4);
        }
    }
}

#[tokio::test]
async fn what_a_closed_ticket_does_not_take_goes_to_the_operator() {
    let app = House::with(Setup { routes: "operator_channel = \"#ops\"", ..Default::default() }).await;
    let spec = sidethread::sandbox::slack::ChannelSpec { name: "ops".into(), ..Default::default() };
    let ops = app.slack.add_channel(spec);
    let closed = app.zendesk.add_ticket(TicketSpec {
        subject: "Old".into(),
        requester_id: app.carla,
        status: "open".into(),
        ..Default::default()
    });
    app.zendesk.start_side_conversation(app.zoe, closed, &["nowhere-0@slack.acme.example"], "S", "<p>?</p>");
    assert!(app.zendesk.set_ticket(closed, TicketChange { status: Some("closed".into()), ..Default::default() }));
    app.pass(Duration::from_secs(60)).await;
    let said: Vec<String> =
        app.slack.messages(&ops).iter().map(|m| m["text"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(said.iter().filter(|text| text.contains("#nowhere-0")).count(), 1, "{said:?}");
    let metrics = app.metrics().await;
    assert!(metrics.contains("sidethread_parked_total{direction=\"slack_to_zendesk\"} 0"), "{metrics}");
    assert!(metrics.contains("sidethread_ignored_total{reason=\"told_nowhere\"} 0"), "{metrics}");
    assert_eq!(app.app.store().parked().await.unwrap(), []);
}

#[tokio::test]
async fn what_a_closed_ticket_does_not_take_is_counted_where_there_is_no_operator_and_waits_for_nobody() {
    // Zendesk says that it is closed, or only refuses and a read says so.
    for refusal in [None, Some("refused")] {
        let app = House::new().await;
        let sc = app.zendesk.start_side_conversation(
            app.zoe,
            app.ticket,
            &["engineering@slack.acme.example"],
            "Scanner",
            "<p>Down?</p>",
        );
        while app.app.engine().unwrap().report().to_zendesk == 0 {
            assert!(app.step().await, "the card is never prepared");
        }
        assert!(app.zendesk.delete(app.zoe, app.ticket, true));
        // Until it is believed that the ticket is not there, which the ticket is to be told.
        app.pass(Duration::from_secs(320)).await;
        assert!(app.find_thread(&sc).is_none());
        assert!(app.zendesk.delete(app.zoe, app.ticket, false));
        assert!(
            app.zendesk.set_ticket(app.ticket, TicketChange { status: Some("closed".into()), ..Default::default() })
        );
        if let Some(kind) = refusal {
            fault(app.zendesk.faults(), serde_json::json!({"call": "PUT tickets/{id}", "fault": kind}));
        }
        app.pass(Duration::from_secs(3700)).await;
        assert!(app.find_thread(&sc).is_some(), "{refusal:?}");
        assert_eq!(app.notes(), Vec::<String>::new(), "{refusal:?}");
        // The first reading, which another one has made good, is all that a person has to see to.
        let row = parked_row(&app).await;
        assert_eq!(app.app.engine().unwrap().retry_parked(row).await.unwrap(), Wished::Stored);
        app.settle().await;
        app.ends_quietly().await;
        let asked = Asked::parse(&sc).unwrap();
        let told = run(&app.database(), &asked, false, app.clock.now_ms()).await.unwrap();
        assert!(told.contains("note: not done: the ticket is closed"), "{refusal:?}: {told}");
        let metrics = app.metrics().await;
        assert!(metrics.contains("sidethread_ignored_total{reason=\"told_nowhere\"} 1"), "{refusal:?}: {metrics}");
    }
}

#[tokio::test]
async fn a_note_that_an_open_ticket_refuses_waits_for_a_person() {
    let app = House::new().await;
    fault(app.zendesk.faults(), serde_json::json!({"call": "PUT tickets/{id}", "fault": "refused", "times": 1}));
    ask_nowhere(&app, 0..1);
    app.pass(Duration::from_secs(60)).await;
    assert_eq!(app.notes(), Vec::<String>::new());
    let row = parked_row(&app).await;
    assert_eq!(app.app.engine().unwrap().retry_parked(row).await.unwrap(), Wished::Stored);
    app.pass(Duration::from_secs(11 * 60)).await;
    each_once_in_order(&app.notes(), 1);
    assert_eq!(app.app.store().parked().await.unwrap(), []);
}

#[tokio::test]
async fn a_note_in_doubt_is_looked_for_where_its_thread_was_when_it_was_written() {
    for (follow_up_keeps_ids, kind) in
        [(false, "dropped_after"), (true, "dropped_after"), (false, "dropped_before"), (true, "dropped_before")]
    {
        let unconfirmed = Unconfirmed { follow_up_keeps_ids, ..Default::default() };
        let app = House::with(Setup { unconfirmed, routes: "[done]\nnote = \"summary\"", ..Default::default() }).await;
        let sc = app.ask("engineering", "Scanner", "<p>Is gate 3 down?</p>").await;
        let (channel, ts) = app.thread(&sc);
        app.slack.say(&app.ana, &channel, Some(&ts), "Yes.").unwrap();
        app.pass(Duration::from_secs(10)).await;
        fault(app.zendesk.faults(), serde_json::json!({"call": "PUT tickets/{id}", "fault": kind, "times": 1}));
        let lag = serde_json::json!({"call": "GET tickets/{id}/comments", "fault": "reads_lag", "secs": 120});
        fault(app.zendesk.faults(), lag);
        app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
        app.pass(Duration::from_secs(70)).await;
        assert!(
            app.zendesk.set_ticket(app.ticket, TicketChange { status: Some("closed".into()), ..Default::default() })
        );
        assert!(!app.zendesk.reply_by_mail("zoe@acme.example", &sc, "By mail.").is_empty());
        app.pass(Duration::from_secs(1200)).await;
        let about = |ticket: i64| {
            let comments = app.zendesk.comments(ticket);
            comments.iter().filter(|one| one["body"].as_str().unwrap().contains("Is gate 3 down?")).count()
        };
        let follow_up = app.zendesk.ticket(app.ticket).unwrap()["followup_ids"][0].as_i64().unwrap();
        let expected = if kind == "dropped_after" { (1, 0) } else { (0, 1) };
        assert_eq!((about(app.ticket), about(follow_up)), expected, "{kind}, the same ids: {follow_up_keeps_ids}");
        app.ends_quietly().await;
    }
}
