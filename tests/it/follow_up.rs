//! The ticket closes: the thread goes on in a follow-up, one for all its threads.

use std::task::Poll;
use std::time::Duration;

use serde_json::Value;
use sidethread::bridge::ids::TicketId;
use sidethread::engine::park::Wished;
use sidethread::sandbox::zendesk::{Named, ReplyOnClosed, TicketChange, TicketSpec, Unconfirmed, UserSpec};

use crate::house::{House, Setup};

/// The ticket is closed, as an automation does it: nobody is told.
pub fn close(app: &House, ticket: i64) {
    let change = TicketChange { status: Some("closed".into()), ..Default::default() };
    assert!(app.zendesk.set_ticket(ticket, change), "the ticket cannot be closed");
}

/// What was read of a ticket is old.
pub async fn later(app: &House) {
    app.pass(Duration::from_secs(6)).await;
}

/// A side conversation, and its thread in Slack.
pub async fn a_thread(app: &House) -> (String, String, String) {
    let sc = app.ask("engineering", "Scanner", "<p>Is it down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    (sc, channel, ts)
}

/// One whose ticket is closed.
pub async fn on_a_closed_ticket(app: &House) -> (String, String, String) {
    let thread = a_thread(app).await;
    later(app).await;
    close(app, app.ticket);
    thread
}

/// The tickets that follow up another one.
pub fn follow_ups(app: &House, ticket: i64) -> Vec<i64> {
    let ticket = app.zendesk.ticket(ticket).unwrap();
    ticket["followup_ids"].as_array().unwrap().iter().filter_map(Value::as_i64).collect()
}

/// The one follow-up of a ticket.
pub fn follow_up(app: &House, ticket: i64) -> i64 {
    let found = follow_ups(app, ticket);
    assert_eq!(found.len(), 1, "one follow-up is made: {found:?}");
    found[0]
}

/// The side conversations of a ticket, by id.
pub fn sides(app: &House, ticket: i64) -> Vec<String> {
    let sides = app.zendesk.side_conversations(ticket);
    sides.iter().map(|side| side["id"].as_str().unwrap().to_owned()).collect()
}

/// The messages of a side conversation, without the line that names the author and the one that says where it came from.
pub fn messages(app: &House, side: &str) -> Vec<String> {
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
    let (sc, channel, ts) = a_thread(&app).await;
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
        "Ana Souza in Slack, 20",
    ] {
        assert!(note.contains(part), "{part:?} is not in the note: {note}");
    }
    assert!(!note.contains("Bridge"), "the app's user said nothing: {note}");

    let told = app.told(&sc);
    let [moved] = &told[..] else { panic!("one line says so: {told:?}") };
    for part in ["/zendesk/agent/tickets/35436|#35436", &format!("/zendesk/agent/tickets/{follow}|#{follow}")] {
        assert!(moved.contains(part), "{part:?} is not in {moved}");
    }
    let card = app.card(&sc);
    assert!(card.contains(&format!("Ticket #{follow}")) && card.contains("Status: open"), "{card}");
    assert!(card.contains("/zendesk/agent/tickets/35436|Follow-up of #35436>"), "{card}");

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
    let app = House::with(Setup {
        routes: "[followup]\nstatus = \"pending\"\ncopy = [\"assignee\", \"group\", \"tags\", \"type\", \"custom_fields\"]\n\
                 template = \"See {ticket_url} for {subject}.\"",
        ..Default::default()
    })
    .await;
    let group = app.zendesk.add_group("Logistics");
    let leaver = app.zendesk.add_user(UserSpec {
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

#[tokio::test]
async fn a_follow_up_that_is_closed_is_followed_up_itself() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Is it down?</p>").await;
    let other = app.ask("engineering", "Printer", "<p>Is it down, too?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let mut ticket = app.ticket;
    let mut side = sc.clone();
    for round in 0..3 {
        later(&app).await;
        close(&app, ticket);
        app.slack.say(&app.ana, &channel, Some(&ts), &format!("answer {round}")).unwrap();
        app.settle().await;
        ticket = follow_up(&app, ticket);
        side = sides(&app, ticket).remove(0);
        assert_eq!(messages(&app, &side), [format!("answer {round}")]);
    }
    assert_eq!(app.told(&sc).len(), 3);
    // Another thread of the first ticket finds its way along them all.
    let (channel, ts) = app.thread(&other);
    app.slack.say(&app.ben, &channel, Some(&ts), "It is not.").unwrap();
    app.settle().await;
    assert_eq!(sides(&app, ticket).len(), 2);
    assert_eq!(messages(&app, &sides(&app, ticket)[1]), ["It is not."]);
    app.zendesk.reply(app.zoe, &side, "<p>Thanks</p>");
    app.zendesk.reply(app.yan, &sc, "<p>Hello from the first one</p>");
    app.pass(Duration::from_secs(30)).await;
    let said: Vec<String> =
        app.said(&sc).into_iter().filter(|(a, _)| a == "Zoe" || a == "Yan").map(|(_, t)| t).collect();
    assert_eq!(said, ["Thanks", "Hello from the first one"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_follow_up_that_is_about_something_else_is_left_alone_and_named() {
    let app = House::new().await;
    let (_, channel, ts) = on_a_closed_ticket(&app).await;
    let customers = app.zendesk.follow_up_by_mail(app.carla, app.ticket, "Something else entirely");
    app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
    app.settle().await;
    let found = follow_ups(&app, app.ticket);
    assert_eq!((found.len(), found[0]), (2, customers));
    let note = app.zendesk.comments(found[1])[0]["body"].as_str().unwrap().to_owned();
    assert!(note.contains(&format!("/agent/tickets/{customers}")), "{note}");
    assert!(sides(&app, customers).is_empty());
    assert_eq!(messages(&app, &sides(&app, found[1])[0]), ["It is up again."]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_follow_up_that_cannot_be_made_is_told_and_retried_by_its_button() {
    let app = House::new().await;
    let (sc, channel, ts) = on_a_closed_ticket(&app).await;
    let rule = serde_json::json!({"call": "POST tickets", "fault": "refused"});
    app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
    app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
    app.settle().await;
    let told = app.told(&sc);
    assert_eq!(told.iter().filter(|told| told.contains("a follow-up ticket could not be made")).count(), 1, "{told:?}");
    app.zendesk.faults().clear();
    let messages_there = app.slack.thread(&channel, &ts);
    let notice = messages_there.iter().find(|m| m["text"].as_str().unwrap().contains("could not be made")).unwrap();
    app.slack.press(&app.ana, &channel, notice["ts"].as_str().unwrap(), "retry").unwrap();
    app.settle().await;
    let side = sides(&app, follow_up(&app, app.ticket)).remove(0);
    assert_eq!(messages(&app, &side), ["It is up again."]);
    assert!(!app.told(&sc).iter().any(|told| told.contains("could not be made")), "{:?}", app.told(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_ticket_that_closed_since_it_was_read_is_noticed_by_the_refusal() {
    for status in [400, 404, 422] {
        let unconfirmed = Unconfirmed { reply_on_closed: ReplyOnClosed::Refused(status), ..Default::default() };
        let app = House::with(Setup { unconfirmed, ..Default::default() }).await;
        let (_, channel, ts) = a_thread(&app).await;
        app.slack.say(&app.ana, &channel, Some(&ts), "Looking.").unwrap();
        app.settle().await;
        close(&app, app.ticket);
        app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
        app.settle().await;
        assert_eq!(messages(&app, &sides(&app, follow_up(&app, app.ticket))[0]), ["It is up again."], "{status}");
        app.ends_quietly().await;
    }
}

/// Runs something until it has been polled so often; says whether it ended before.
pub async fn some_polls(work: impl Future<Output = ()>, polls: u32) -> bool {
    let mut work = std::pin::pin!(work);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        work.as_mut().poll(context).map(|()| true)
    })
    .await
}

/// A crash at every place where the app waits for its disk, from the first reply to the last.
#[tokio::test]
async fn a_crash_at_any_point_makes_no_second_follow_up_and_loses_and_doubles_nothing() {
    for polls in (1..).step_by(3) {
        let unconfirmed = Unconfirmed { external_ids_echoed: polls % 2 == 0, ..Default::default() };
        let mut app = House::with(Setup { unconfirmed, ..Default::default() }).await;
        let scs =
            [app.ask("engineering", "Scanner", "<p>A?</p>").await, app.ask("engineering", "Lamp", "<p>B?</p>").await];
        later(&app).await;
        close(&app, app.ticket);
        for sc in &scs {
            let (channel, ts) = app.thread(sc);
            for text in ["one", "two"] {
                app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
            }
        }
        let ended = some_polls(app.settle(), polls).await;
        app.restart().await;
        app.settle().await;
        app.pass(Duration::from_secs(400)).await;
        let follow = follow_up(&app, app.ticket);
        let said: Vec<Vec<String>> = sides(&app, follow).iter().map(|side| messages(&app, side)).collect();
        assert_eq!(said, [["one", "two"], ["one", "two"]], "after {polls} polls");
        for sc in &scs {
            assert_eq!(app.answers(sc), [""; 0], "after {polls} polls");
            assert_eq!(app.told(sc).iter().filter(|told| told.contains("goes on in its follow-up")).count(), 1);
        }
        app.ends_quietly().await;
        if ended {
            assert!(polls > 30, "the crashes came before anything happened");
            return;
        }
    }
}

#[tokio::test]
async fn a_follow_up_that_was_given_up_is_asked_for_anew_by_what_still_waits() {
    let app = House::new().await;
    let (sc, channel, ts) = on_a_closed_ticket(&app).await;
    let rule = serde_json::json!({"call": "POST tickets", "fault": "refused"});
    app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
    app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
    app.settle().await;
    app.zendesk.faults().clear();
    let row = crate::parked::parked_row(&app).await;
    assert_eq!(app.app.engine().unwrap().drop_parked(row).await.unwrap(), Wished::Stored);
    app.settle().await;
    app.slack.say(&app.ben, &channel, Some(&ts), "Confirmed.").unwrap();
    app.settle().await;
    let side = sides(&app, follow_up(&app, app.ticket)).remove(0);
    assert_eq!(messages(&app, &side), ["It is up again.", "Confirmed."]);
    app.told(&sc);
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_may_stand_in_the_follow_up_is_looked_for_there_also_when_the_old_ticket_is_gone() {
    let app = House::new().await;
    let (sc, channel, ts) = on_a_closed_ticket(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
    app.settle().await;
    let side = sides(&app, follow_up(&app, app.ticket)).remove(0);
    let change = TicketChange { deleted: Some(true), ..Default::default() };
    assert!(app.zendesk.set_ticket(app.ticket, change));
    let rule = serde_json::json!({"call": "POST …/reply", "fault": "dropped_before", "times": 1});
    app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
    app.slack.say(&app.ben, &channel, Some(&ts), "Confirmed.").unwrap();
    app.settle().await;
    assert_eq!(messages(&app, &side), ["It is up again.", "Confirmed."]);
    app.told(&sc);
    app.ends_quietly().await;
}

#[tokio::test]
async fn an_archived_ticket_is_followed_up_as_a_closed_one() {
    for by_trigger in [false, true] {
        let app = House::new().await;
        let (sc, channel, ts) = on_a_closed_ticket(&app).await;
        // Archived tickets can be read by their numbers and are in no list.
        assert!(app.zendesk.set_ticket(app.ticket, TicketChange { archived: Some(true), ..Default::default() }));
        if by_trigger {
            app.app.engine().unwrap().nudge(TicketId(app.ticket)).await.unwrap();
            app.settle().await;
        }
        app.zendesk.reply(app.zoe, &sc, "<p>One more thing</p>");
        app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
        app.pass(Duration::from_secs(60)).await;
        let side = sides(&app, follow_up(&app, app.ticket)).remove(0);
        assert_eq!(messages(&app, &side), ["It is up again."]);
        assert!(app.said(&sc).iter().any(|(_, text)| text == "One more thing"), "{:?}", app.said(&sc));
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_follow_up_that_its_source_does_not_name_is_found_by_its_own_mark() {
    // Made in a call whose answer was lost, looked for when its key is dead; or by a thread that was forgotten since.
    for named in [Named::Never, Named::After(4 * 3600)] {
        for forgotten in [false, true] {
            let unconfirmed = Unconfirmed { follow_ups_named: named, ..Default::default() };
            let mut app = House::with(Setup { unconfirmed, ..Default::default() }).await;
            let (sc, channel, ts) = on_a_closed_ticket(&app).await;
            let backup = app.back_up().await;
            if !forgotten {
                let rule = serde_json::json!({"call": "POST tickets", "fault": "dropped_after", "times": 1});
                app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
            }
            app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
            app.settle_within(Duration::from_secs(if forgotten { 60 } else { 0 })).await;
            follow_up(&app, app.ticket);
            app.leave().await;
            app.clock.advance(Duration::from_secs(3 * 3600));
            match forgotten {
                true => app.restore_left(&backup).await,
                false => app.start().await,
            }
            app.settle().await;
            app.slack.say(&app.ben, &channel, Some(&ts), "Confirmed.").unwrap();
            app.pass(Duration::from_secs(900)).await;
            let side = sides(&app, follow_up(&app, app.ticket)).remove(0);
            assert_eq!(messages(&app, &side), ["It is up again.", "Confirmed."], "{named:?}, {forgotten}");
            app.told(&sc);
            app.ends_quietly().await;
        }
    }
}

/// Zendesk knows its key for two hours: then the follow-up is looked for, and not made again.
#[tokio::test]
async fn a_follow_up_whose_answer_was_lost_is_found_when_its_key_is_dead() {
    for (minutes, made) in [(60, 2), (95, 1), (60 * 24, 1)] {
        for archived in [false, true] {
            let mut app = House::new().await;
            let (sc, channel, ts) = on_a_closed_ticket(&app).await;
            assert!(
                app.zendesk.set_ticket(app.ticket, TicketChange { archived: Some(archived), ..Default::default() })
            );
            let rule = serde_json::json!({"call": "POST tickets", "fault": "dropped_after", "times": 1});
            app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
            app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
            app.settle_within(Duration::ZERO).await;
            app.leave().await;
            app.clock.advance(Duration::from_secs(minutes * 60));
            app.start().await;
            app.settle().await;
            let calls = app.zendesk.calls().iter().filter(|(call, _)| call == "POST tickets").count();
            assert_eq!(calls, made, "after {minutes} minutes");
            let side = sides(&app, follow_up(&app, app.ticket)).remove(0);
            assert_eq!(messages(&app, &side), ["It is up again."], "after {minutes} minutes");
            assert_eq!(app.told(&sc).len(), 1, "{:?}", app.told(&sc));
            app.ends_quietly().await;
        }
    }
}

/// An agent makes a follow-up in Zendesk, without the bridge.
async fn made_by_hand(app: &House, agent: i64) -> i64 {
    let body = serde_json::json!({"ticket": {
        "subject": "Once more", "comment": {"body": "I go on here."}, "requester_id": app.carla,
        "via_followup_source_id": app.ticket,
    }});
    let request = http::Request::post(format!("{}/zendesk/api/v2/tickets.json", crate::house::BASE))
        .header("authorization", format!("Bearer {}", app.zendesk.token_of(agent).unwrap()))
        .header("content-type", "application/json")
        .body(bytes::Bytes::from(body.to_string()))
        .unwrap();
    let response = crate::house::call(&app.zendesk.router(), request).await.unwrap();
    let made: Value = serde_json::from_slice(response.body()).unwrap();
    made["ticket"]["id"].as_i64().unwrap_or_else(|| panic!("{made}"))
}

#[tokio::test]
async fn a_follow_up_that_an_agent_made_by_hand_is_used_while_it_is_open() {
    for status in ["open", "pending", "solved", "closed"] {
        let app = House::new().await;
        let (_, channel, ts) = on_a_closed_ticket(&app).await;
        app.zendesk.follow_up_by_mail(app.carla, app.ticket, "Something else entirely");
        let by_hand = made_by_hand(&app, app.yan).await;
        app.zendesk.set_ticket(by_hand, TicketChange { status: Some(status.into()), ..Default::default() });
        app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
        app.settle().await;
        let made = follow_ups(&app, app.ticket).len();
        if matches!(status, "open" | "pending") {
            assert_eq!(made, 2, "{status}: the customer's and the agent's");
            let side = sides(&app, by_hand).pop().expect("the thread goes on there");
            assert_eq!(messages(&app, &side), ["It is up again."], "{status}");
        } else {
            assert_eq!((made, sides(&app, by_hand).len()), (3, 0), "{status}");
        }
        app.ends_quietly().await;
    }
}
