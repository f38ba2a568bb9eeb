//! The follow-up of a closed ticket cannot be read yet, or is deleted: no second one is made too soon, and nothing is lost.

use std::time::Duration;

use serde_json::{Value, json};
use sidethread::engine::park::Wished;
use sidethread::sandbox::zendesk::{TicketChange, Unconfirmed};

use crate::house::{House, Setup};

fn set(app: &House, ticket: i64, change: TicketChange) {
    assert!(app.zendesk.set_ticket(ticket, change), "ticket {ticket} cannot be changed");
}

fn close(app: &House, ticket: i64) {
    set(app, ticket, TicketChange { status: Some("closed".into()), ..Default::default() });
}

fn deleted(app: &House, ticket: i64, deleted: bool) {
    set(app, ticket, TicketChange { deleted: Some(deleted), ..Default::default() });
}

fn follow_ups(app: &House) -> Vec<i64> {
    let ticket = app.zendesk.ticket(app.ticket).unwrap();
    ticket["followup_ids"].as_array().unwrap().iter().filter_map(Value::as_i64).collect()
}

/// What came from Slack to the side conversations of a ticket, each with all that was said in it.
fn carried(app: &House, ticket: i64) -> Vec<Vec<String>> {
    let sides = app.zendesk.side_conversations(ticket);
    let said = sides.iter().map(|side| {
        let events = app.zendesk.events(side["id"].as_str().unwrap());
        let bodies = events.iter().filter_map(|event| event["message"]["body"].as_str());
        let ours = bodies.filter_map(|body| body.split("\n\n(This goes on from").next()?.split_once("):\n"));
        ours.filter(|(heading, _)| heading.contains(" in Slack")).map(|(_, text)| text.trim().to_owned()).collect()
    });
    said.collect()
}

fn count(told: &[String], part: &str) -> usize {
    told.iter().filter(|text| text.contains(part)).count()
}

/// A thread whose ticket is closed.
async fn talk(app: &House) -> (String, String, String) {
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "Looking.").unwrap();
    app.pass(Duration::from_secs(65)).await;
    close(app, app.ticket);
    (sc, channel, ts)
}

/// The same, gone on in its follow-up.
async fn moved(app: &House) -> (String, (String, String), i64) {
    let (sc, channel, ts) = talk(app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle().await;
    let [follow] = follow_ups(app)[..] else { panic!("one follow-up is made") };
    assert_eq!(carried(app, follow), [["one"]]);
    app.pass(Duration::from_secs(600)).await;
    (sc, (channel, ts), follow)
}

#[tokio::test]
async fn a_follow_up_that_cannot_be_read_yet_is_waited_for() {
    for follow_up_keeps_ids in [false, true] {
        let unconfirmed = Unconfirmed { follow_up_keeps_ids, ..Default::default() };
        let app = House::with(Setup { unconfirmed, ..Default::default() }).await;
        let (sc, channel, ts) = talk(&app).await;
        assert!(!app.zendesk.reply_by_mail("zoe@acme.example", &sc, "By mail.").is_empty());
        let [follow] = follow_ups(&app)[..] else { panic!("Zendesk makes one") };
        deleted(&app, follow, true);
        app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
        app.pass(Duration::from_secs(240)).await;
        assert_eq!(follow_ups(&app), [follow], "it may be a read that lags");
        deleted(&app, follow, false);
        app.settle().await;
        assert_eq!(follow_ups(&app), [follow]);
        let all = carried(&app, follow).concat();
        assert_eq!(all.iter().filter(|text| *text == "It is up again.").count(), 1, "{all:?}");
        assert_eq!(count(&app.told(&sc), "goes on in its follow-up"), 1, "{:?}", app.told(&sc));
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_follow_up_that_was_deleted_before_anybody_went_there_is_followed_by_another() {
    let app = House::new().await;
    let (sc, channel, ts) = talk(&app).await;
    assert!(!app.zendesk.reply_by_mail("zoe@acme.example", &sc, "By mail.").is_empty());
    let [gone] = follow_ups(&app)[..] else { panic!("Zendesk makes one") };
    deleted(&app, gone, true);
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.slack.say(&app.ben, &channel, Some(&ts), "two").unwrap();
    app.pass(Duration::from_secs(290)).await;
    assert_eq!(follow_ups(&app), [gone]);
    app.pass(Duration::from_secs(120)).await;
    let [_, next] = follow_ups(&app)[..] else { panic!("{:?}", follow_ups(&app)) };
    assert_eq!(carried(&app, next), [["one", "two"]]);
    assert_eq!(count(&app.told(&sc), "goes on in its follow-up"), 1, "{:?}", app.told(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_thread_whose_follow_up_is_deleted_goes_on_in_another_one() {
    for deleted_follow_ups_named in [true, false] {
        let unconfirmed = Unconfirmed { deleted_follow_ups_named, ..Default::default() };
        let mut app = House::with(Setup { unconfirmed, ..Default::default() }).await;
        let (sc, (channel, ts), gone) = moved(&app).await;
        deleted(&app, gone, true);
        for text in ["two", "three"] {
            app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
            app.pass(Duration::from_secs(60)).await;
        }
        app.pass(Duration::from_secs(120)).await;
        app.restart().await;
        app.pass(Duration::from_secs(20)).await;
        assert_eq!(follow_ups(&app).iter().filter(|id| **id != gone).count(), 0, "it may be a read that lags");
        app.pass(Duration::from_secs(1200)).await;
        let next: Vec<i64> = follow_ups(&app).into_iter().filter(|id| *id != gone).collect();
        let [next] = next[..] else { panic!("one more is made: {next:?}") };
        assert_eq!(carried(&app, next), [["two", "three"]]);
        let told = app.told(&sc);
        assert_eq!(count(&told, "goes on in its follow-up"), 2, "{told:?}");
        assert_eq!(count(&told, "was deleted"), 1, "{told:?}");
        assert!(app.card(&sc).contains(&format!("Ticket #{next}")), "{}", app.card(&sc));
        let side = app.zendesk.side_conversations(next)[0]["id"].as_str().unwrap().to_owned();
        app.zendesk.reply(app.zoe, &side, "<p>Thank you</p>");
        app.slack.say(&app.ben, &channel, Some(&ts), "four").unwrap();
        app.pass(Duration::from_secs(60)).await;
        assert_eq!(carried(&app, next), [["two", "three", "four"]]);
        assert_eq!(app.said(&sc).iter().filter(|(author, _)| author == "Zoe").count(), 1);
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_thread_whose_adopted_follow_up_is_deleted_goes_on_in_another_one() {
    for follow_up_keeps_ids in [false, true] {
        let unconfirmed = Unconfirmed { follow_up_keeps_ids, ..Default::default() };
        let app = House::with(Setup { unconfirmed, ..Default::default() }).await;
        let (sc, channel, ts) = talk(&app).await;
        assert!(!app.zendesk.reply_by_mail("zoe@acme.example", &sc, "By mail.").is_empty());
        app.pass(Duration::from_secs(600)).await;
        let [gone] = follow_ups(&app)[..] else { panic!("Zendesk makes one") };
        deleted(&app, gone, true);
        app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
        app.pass(Duration::from_secs(1800)).await;
        let [_, next] = follow_ups(&app)[..] else { panic!("{:?}", follow_ups(&app)) };
        assert_eq!(carried(&app, next), [["one"]]);
        assert_eq!(count(&app.told(&sc), "was deleted"), 1, "{:?}", app.told(&sc));
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn the_next_one_has_a_key_of_its_own_also_when_who_knew_of_the_deleted_one_has_given_up() {
    let unconfirmed = Unconfirmed { deleted_follow_ups_named: false, ..Default::default() };
    let app = House::with(Setup { unconfirmed, ..Default::default() }).await;
    let (sc, (channel, ts), gone) = moved(&app).await;
    deleted(&app, gone, true);
    let rule = json!({"call": "POST tickets", "fault": "refused"});
    app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
    app.slack.say(&app.ana, &channel, Some(&ts), "two").unwrap();
    app.pass(Duration::from_secs(600)).await;
    app.zendesk.faults().clear();
    assert_eq!(follow_ups(&app), [0; 0]);
    let row = crate::parked::parked_row(&app).await;
    // The key of the deleted one is known to Zendesk still, and goes with what was said then.
    app.zendesk.reply(app.yan, &sc, "<p>An afterthought</p>");
    assert_eq!(app.app.engine().unwrap().drop_parked(row).await.unwrap(), Wished::Stored);
    app.pass(Duration::from_secs(1200)).await;
    let [next] = follow_ups(&app)[..] else { panic!("one more is made: {:?}", follow_ups(&app)) };
    assert_eq!(carried(&app, next), [["two"]]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn several_threads_of_a_deleted_follow_up_go_on_in_one_other_each_time() {
    let app = House::new().await;
    let mut threads = Vec::new();
    for subject in ["Scanner", "Printer", "Lamp"] {
        let sc = app.ask("engineering", subject, "<p>Down?</p>").await;
        threads.push((app.thread(&sc), sc));
    }
    app.pass(Duration::from_secs(65)).await;
    close(&app, app.ticket);
    let mut known = Vec::new();
    for round in 0..3 {
        for ((channel, ts), _) in &threads[..2] {
            app.slack.say(&app.ana, channel, Some(ts), &format!("answer {round}")).unwrap();
        }
        app.pass(Duration::from_secs(2400)).await;
        let new: Vec<i64> = follow_ups(&app).into_iter().filter(|id| !known.contains(id)).collect();
        let [new] = new[..] else { panic!("in round {round}: {new:?}") };
        let expected = format!("answer {round}");
        assert_eq!(carried(&app, new), [[expected.clone()], [expected]], "in round {round}");
        known.push(new);
        deleted(&app, new, round < 2);
    }
    // One that has stayed with the closed ticket goes to the last.
    let ((channel, ts), _) = &threads[2];
    app.slack.say(&app.ben, channel, Some(ts), "late").unwrap();
    app.settle().await;
    assert_eq!(follow_ups(&app), known);
    assert_eq!(carried(&app, known[2]).last().unwrap(), &["late"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_follow_up_that_is_forbidden_is_no_deleted_one() {
    let app = House::new().await;
    let (sc, (channel, ts), follow) = moved(&app).await;
    for call in ["GET tickets/{id}", "POST …/reply", "GET …/events"] {
        let rule = json!({"call": call, "fault": "status", "status": 403});
        app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
    }
    app.slack.say(&app.ana, &channel, Some(&ts), "two").unwrap();
    app.pass(Duration::from_secs(3600)).await;
    assert_eq!(count(&app.told(&sc), "*Paused*"), 1, "{:?}", app.told(&sc));
    app.zendesk.faults().clear();
    app.pass(Duration::from_secs(16 * 60)).await;
    assert_eq!(follow_ups(&app), [follow]);
    assert_eq!(carried(&app, follow), [["one", "two"]]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_follow_up_that_is_missing_for_a_moment_is_gone_on_in() {
    let app = House::new().await;
    let (sc, (channel, ts), follow) = moved(&app).await;
    deleted(&app, follow, true);
    app.slack.say(&app.ana, &channel, Some(&ts), "two").unwrap();
    app.pass(Duration::from_secs(240)).await;
    deleted(&app, follow, false);
    app.pass(Duration::from_secs(600)).await;
    assert_eq!(follow_ups(&app), [follow]);
    assert_eq!(carried(&app, follow), [["one", "two"]]);
    assert_eq!(count(&app.told(&sc), "was deleted"), 0, "{:?}", app.told(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_follow_up_that_is_gone_with_its_closed_ticket_is_told_and_nothing_is_lost() {
    let app = House::new().await;
    let (sc, (channel, ts), gone) = moved(&app).await;
    for ticket in [gone, app.ticket] {
        deleted(&app, ticket, true);
    }
    app.slack.say(&app.ana, &channel, Some(&ts), "two").unwrap();
    app.pass(Duration::from_secs(3600)).await;
    assert_eq!(count(&app.told(&sc), "could not be made"), 1, "{:?}", app.told(&sc));
    deleted(&app, app.ticket, false);
    let messages = app.slack.thread(&channel, &ts);
    let notice = messages.iter().find(|m| m["text"].as_str().unwrap().contains("could not be made")).unwrap();
    app.slack.press(&app.ana, &channel, notice["ts"].as_str().unwrap(), "retry").unwrap();
    app.pass(Duration::from_secs(1200)).await;
    let next: Vec<i64> = follow_ups(&app).into_iter().filter(|id| *id != gone).collect();
    assert_eq!(carried(&app, next[0]), [["two"]]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_new_follow_up_that_reads_lack_for_a_while_pauses_nobody() {
    let app = House::new().await;
    let (sc, channel, ts) = talk(&app).await;
    app.pass(Duration::from_secs(65)).await;
    let fault = |rule: Value| app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
    fault(json!({"call": "POST tickets", "fault": "rate_limited", "retry_after": 400, "times": 1}));
    fault(json!({"call": "GET tickets/{id}", "fault": "reads_lag", "secs": 60}));
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.pass(Duration::from_secs(420)).await;
    let [follow] = follow_ups(&app)[..] else { panic!("one follow-up is made") };
    app.pass(Duration::from_secs(240)).await;
    assert_eq!(carried(&app, follow), [["one"]]);
    assert_eq!(count(&app.told(&sc), "*Paused*"), 0, "{:?}", app.told(&sc));
    app.ends_quietly().await;
}
