//! What becomes of a thread that goes on after a merge where the ticket that is left is closed, and its follow-up deleted.

use std::time::Duration;

use sidethread::sandbox::zendesk::{TicketChange, Unconfirmed};

use crate::follow_up::{close, follow_up, follow_ups, later, messages, sides};
use crate::house::{House, Setup};
use crate::merged::{TARGET, merge, merged_thread, operator, other_ticket, press, proposed};

fn deleted(app: &House, ticket: i64, deleted: bool) {
    assert!(app.zendesk.set_ticket(ticket, TicketChange { deleted: Some(deleted), ..Default::default() }));
}

/// Two threads of a merged ticket, with a reply each; one has gone on in the follow-up of the ticket that is left.
async fn one_of_two(app: &House) -> ([String; 2], i64) {
    let other = app.ask("engineering", "Printer", "<p>Is it down, too?</p>").await;
    let (sc, channel, ts) = merged_thread(app).await;
    let (_, other_ts) = app.thread(&other);
    for ts in [&ts, &other_ts] {
        app.slack.say(&app.ana, &channel, Some(ts), "one").unwrap();
    }
    app.settle_within(Duration::from_secs(60)).await;
    later(app).await;
    close(app, TARGET);
    press(app, &app.ana, &sc).await;
    let first = follow_up(app, TARGET);
    assert_eq!(sides(app, first).len(), 1);
    app.pass(Duration::from_secs(600)).await;
    ([sc, other], first)
}

#[tokio::test]
async fn a_follow_up_that_was_deleted_is_followed_by_one_other_when_somebody_goes_on() {
    for (deleted_follow_ups_named, crash) in [(true, false), (false, false), (false, true)] {
        let unconfirmed = Unconfirmed { deleted_follow_ups_named, ..Default::default() };
        let mut app = House::with(Setup { unconfirmed, ..Default::default() }).await;
        let ([sc, other], gone) = one_of_two(&app).await;
        deleted(&app, gone, true);
        let (channel, notice) = proposed(&app, &other);
        app.slack.press(&app.ben, &channel, &notice, "continue_on").unwrap();
        app.pass(Duration::from_secs(120)).await;
        if crash {
            app.restart().await;
        }
        app.pass(Duration::from_secs(150)).await;
        assert!(follow_ups(&app, TARGET).iter().all(|id| *id == gone), "it may be a read that lags");
        // The one that was there finds it out as well.
        let (channel, ts) = app.thread(&sc);
        app.slack.say(&app.ana, &channel, Some(&ts), "two").unwrap();
        app.pass(Duration::from_secs(1800)).await;
        let next: Vec<i64> = follow_ups(&app, TARGET).into_iter().filter(|id| *id != gone).collect();
        let [next] = next[..] else { panic!("one more is made: {next:?}") };
        let mut said: Vec<Vec<String>> = sides(&app, next).iter().map(|side| messages(&app, side)).collect();
        said.iter_mut().for_each(|said| drop(said.drain(..said.len() - 1)));
        said.sort();
        assert_eq!(said, [["one"], ["two"]]);
        assert_eq!(sides(&app, next).len(), 2);
        let told = app.told(&other);
        assert_eq!(told.iter().filter(|told| told.contains("was deleted")).count(), 1, "{told:?}");
        assert!(app.card(&other).contains(&format!("Ticket #{next}")), "{}", app.card(&other));
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn the_card_shows_the_ticket_in_which_the_thread_goes_on() {
    for fault in ["", "dropped_after"] {
        let app = House::new().await;
        let (sc, ..) = merged_thread(&app).await;
        let change = TicketChange {
            status: Some("pending".into()),
            priority: Some(Some("urgent".into())),
            ..Default::default()
        };
        assert!(app.zendesk.set_ticket(TARGET, change));
        assert!(app.card(&sc).contains("Assignee: Zoe"), "{}", app.card(&sc));
        app.app.engine().unwrap().nudge(sidethread::bridge::ids::TicketId(app.ticket)).await.unwrap();
        app.settle_within(Duration::from_secs(60)).await;
        if !fault.is_empty() {
            let rule = serde_json::json!({"call": "POST …/side_conversations", "fault": fault, "times": 1});
            app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
        }
        press(&app, &app.ana, &sc).await;
        let card = app.card(&sc);
        for part in ["Ticket #35437", "pending", "urgent", "Yan"] {
            assert!(card.contains(part), "{fault}: {part} is not in {card}");
        }
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_follow_up_that_is_missing_for_a_moment_takes_it() {
    let app = House::new().await;
    let ([_, other], follow) = one_of_two(&app).await;
    deleted(&app, follow, true);
    let (channel, notice) = proposed(&app, &other);
    app.slack.press(&app.ben, &channel, &notice, "continue_on").unwrap();
    app.pass(Duration::from_secs(200)).await;
    deleted(&app, follow, false);
    app.pass(Duration::from_secs(600)).await;
    assert_eq!(follow_ups(&app, TARGET), [follow]);
    assert_eq!(sides(&app, follow).len(), 2);
    app.ends_quietly().await;
}

/// How many notices of a thread have a button that lets it go on, and what all its notices say.
fn buttons(app: &House, sc: &str) -> usize {
    let (channel, ts) = app.thread(sc);
    let thread = app.slack.thread(&channel, &ts);
    thread.iter().filter(|message| message["blocks"].to_string().contains("\"continue_on\"")).count()
}

#[tokio::test]
async fn only_the_newest_notice_has_a_button_and_none_once_the_thread_has_moved() {
    let app = House::new().await;
    let (sc, channel, ts) = merged_thread(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    assert_eq!(buttons(&app, &sc), 1);
    // The operator names another ticket, and the old button leads nowhere.
    let last = other_ticket(&app, 35438);
    operator(&app, app.ticket, last).await.unwrap();
    assert_eq!(buttons(&app, &sc), 1);
    let told = app.told(&sc);
    assert!(told.len() == 2 && told[0].contains("the newest notice"), "{told:?}");
    press(&app, &app.ana, &sc).await;
    assert_eq!(messages(&app, &sides(&app, last)[0])[1..], ["one"]);
    assert_eq!(buttons(&app, &sc), 0);
    // It is merged once more, and the thread moves in another way than by a button.
    later(&app).await;
    merge(&app, last, TARGET);
    app.slack.say(&app.ana, &channel, Some(&ts), "two").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    assert_eq!(buttons(&app, &sc), 1);
    press(&app, &app.ben, &sc).await;
    assert_eq!(buttons(&app, &sc), 0, "{:?}", app.told(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_notice_whose_post_is_known_late_loses_its_button_all_the_same() {
    let app = House::new().await;
    let (sc, channel, ts) = merged_thread(&app).await;
    let fault = |rule: serde_json::Value| app.slack.faults().add(serde_json::from_value(rule).unwrap());
    fault(serde_json::json!({"call": "chat.postMessage", "fault": "dropped_after", "times": 1}));
    fault(serde_json::json!({"call": "conversations.replies", "fault": "status", "status": 500}));
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle_within(Duration::from_secs(2)).await;
    assert_eq!(buttons(&app, &sc), 1, "it stands, and the app does not know yet");
    let last = other_ticket(&app, 35438);
    operator(&app, app.ticket, last).await.unwrap();
    app.slack.faults().clear();
    app.pass(Duration::from_secs(600)).await;
    assert_eq!(buttons(&app, &sc), 1, "{:?}", app.told(&sc));
    press(&app, &app.ana, &sc).await;
    assert_eq!(messages(&app, &sides(&app, last)[0])[1..], ["one"]);
    assert_eq!(buttons(&app, &sc), 0, "{:?}", app.told(&sc));
    app.ends_quietly().await;
}
