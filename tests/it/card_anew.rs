//! A card is deleted, or in doubt, while something else goes on: nothing is lost, doubled or silent until the new one stands, nor after.

use std::time::Duration;

use serde_json::{Value, json};
use sidethread::sandbox::slack::ChannelSpec;
use sidethread::sandbox::zendesk::{TicketChange, Unconfirmed};

use crate::follow_up::{a_thread, close, follow_up, messages, sides};
use crate::house::{House, Setup};
use crate::merged::{TARGET, merge_into_target, proposed};

fn of_slack(app: &House, rule: Value) {
    app.slack.faults().add(serde_json::from_value(rule).unwrap());
}

fn delete_card(app: &House, channel: &str, ts: &str) {
    let admin = app.slack.options().bot_user_id.clone();
    app.slack.delete(&admin, channel, ts).unwrap();
}

fn of_zoe(app: &House, sc: &str) -> Vec<String> {
    let said = app.said(sc).into_iter().filter(|(author, _)| author == "Zoe");
    said.map(|(_, text)| text.lines().last().unwrap_or_default().to_owned()).collect()
}

/// A thread with an answer in it.
async fn answered(app: &House) -> (String, String, String) {
    let (sc, channel, ts) = a_thread(app).await;
    app.slack.say(&app.ben, &channel, Some(&ts), "before").unwrap();
    app.settle().await;
    // What was read of the ticket and of the channel is old.
    app.pass(Duration::from_secs(61)).await;
    (sc, channel, ts)
}

#[tokio::test]
async fn what_is_written_under_a_deleted_card_arrives_also_while_no_new_one_can_be_posted() {
    for shared in [true, false] {
        let app = House::new().await;
        let (sc, channel, ts) = answered(&app).await;
        match shared {
            true => app.slack.share_channel(&channel, "TNORD").unwrap(),
            false => of_slack(&app, json!({"call": "chat.postMessage", "fault": "refused", "times": 1})),
        }
        delete_card(&app, &channel, &ts);
        app.settle_within(Duration::from_secs(20)).await;
        app.slack.say(&app.ana, &channel, Some(&ts), "no card stands").unwrap();
        app.pass(Duration::from_secs(120)).await;
        assert_eq!(app.carried(&sc), ["before", "no card stands"], "shared: {shared}");
        if shared {
            app.slack.unshare_channel(&channel).unwrap();
        }
        app.pass(Duration::from_secs(2 * 3600)).await;
        let again = app.thread(&sc).1;
        app.slack.say(&app.ana, &channel, Some(&again), "after").unwrap();
        app.settle().await;
        assert_eq!(app.carried(&sc), ["before", "no card stands", "after"], "shared: {shared}");
    }
}

#[tokio::test]
async fn a_button_pressed_while_a_new_card_is_on_its_way_does_what_it_says() {
    let app = House::new().await;
    let (sc, channel, ts) = answered(&app).await;
    app.zendesk.set_state(app.zoe, &sc, "closed");
    app.settle().await;
    app.slack.say(&app.ben, &channel, Some(&ts), "one more").unwrap();
    app.settle().await;
    let thread = app.slack.thread(&channel, &ts);
    let notice = thread.iter().rfind(|message| message["blocks"].to_string().contains("\"reopen\"")).unwrap();
    of_slack(&app, json!({"call": "chat.postMessage", "fault": "rate_limited", "retry_after": 60, "times": 1}));
    delete_card(&app, &channel, &ts);
    app.settle_within(Duration::from_secs(5)).await;
    let notice = notice["ts"].as_str().unwrap();
    for person in [&app.guest, &app.ana] {
        app.slack.press(person, &channel, notice, "reopen").unwrap();
    }
    app.settle_within(Duration::from_secs(5)).await;
    assert_eq!(app.state(&sc), "open");
    assert_eq!(app.whispers(&app.guest).len(), 1, "a guest is told that they may not");
    app.settle().await;
    assert_ne!(app.thread(&sc).1, ts);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_reply_in_doubt_that_was_written_under_a_deleted_card_is_known_for_an_echo() {
    for late in [false, true] {
        let unconfirmed = Unconfirmed { external_ids_echoed: false, ..Default::default() };
        let app = House::with(Setup { unconfirmed, ..Default::default() }).await;
        let (sc, channel, ts) = answered(&app).await;
        let lost = json!({"call": "POST …/reply", "fault": "dropped_after", "times": 1});
        app.zendesk.faults().add(serde_json::from_value(lost).unwrap());
        if late {
            let wait = json!({"call": "chat.postMessage", "fault": "rate_limited", "retry_after": 60, "times": 1});
            of_slack(&app, wait);
        }
        app.slack.say(&app.ana, &channel, Some(&ts), "once").unwrap();
        app.bring().await;
        delete_card(&app, &channel, &ts);
        app.bring().await;
        app.pass(Duration::from_secs(1200)).await;
        assert_eq!(app.carried(&sc), ["before", "once"]);
        let echoes: Vec<_> = app.said(&sc).into_iter().filter(|(_, text)| text.contains("once")).collect();
        assert!(echoes.is_empty(), "late: {late}, {echoes:?}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn agents_words_go_on_when_a_channel_opens_again_in_which_the_card_was_deleted_meanwhile() {
    for at_once in [true, false] {
        let app = House::new().await;
        let (sc, channel, ts) = answered(&app).await;
        app.slack.share_channel(&channel, "TNORD").unwrap();
        app.zendesk.reply(app.zoe, &sc, "<p>one</p>");
        app.pass(Duration::from_secs(200)).await;
        delete_card(&app, &channel, &ts);
        app.pass(Duration::from_secs(200)).await;
        if at_once {
            // Everything that tries the channel does so at the same moment.
            let wait = json!({"call": "conversations.info", "fault": "rate_limited", "retry_after": 3000, "times": 1});
            of_slack(&app, wait);
        }
        app.pass(Duration::from_secs(2000)).await;
        app.slack.unshare_channel(&channel).unwrap();
        app.pass(Duration::from_secs(4000)).await;
        assert_eq!(of_zoe(&app, &sc), ["one"], "at once: {at_once}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn that_the_ticket_was_merged_is_told_under_the_new_card_too() {
    let app = House::new().await;
    let (sc, channel, ts) = answered(&app).await;
    merge_into_target(&app);
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    let stale = proposed(&app, &sc).1;
    delete_card(&app, &channel, &ts);
    app.settle_within(Duration::from_secs(60)).await;
    let again = app.thread(&sc).1;
    app.slack.say(&app.ben, &channel, Some(&again), "two").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    let (_, notice) = proposed(&app, &sc);
    assert_ne!(notice, stale);
    assert!(app.slack.press(&app.ben, &channel, &stale, "continue_on").is_err(), "the old notice has no button");
    app.slack.press(&app.ana, &channel, &notice, "continue_on").unwrap();
    app.settle().await;
    let [new] = &sides(&app, TARGET)[..] else { panic!("one is begun: {:?}", sides(&app, TARGET)) };
    assert_eq!(messages(&app, new)[1..], ["one", "two"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn that_the_ticket_is_gone_is_told_under_the_new_card_too() {
    let app = House::new().await;
    let (sc, channel, ts) = answered(&app).await;
    let deleted = |yes: bool| TicketChange { deleted: Some(yes), ..Default::default() };
    assert!(app.zendesk.set_ticket(app.ticket, deleted(true)));
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.pass(Duration::from_secs(900)).await;
    delete_card(&app, &channel, &ts);
    app.pass(Duration::from_secs(60)).await;
    let again = app.thread(&sc).1;
    app.slack.say(&app.ana, &channel, Some(&again), "two").unwrap();
    app.pass(Duration::from_secs(900)).await;
    let told = app.told(&sc);
    assert_eq!(told.iter().filter(|told| told.contains("*Paused*")).count(), 1, "{told:?}");
    assert!(app.zendesk.set_ticket(app.ticket, deleted(false)));
    app.pass(Duration::from_secs(16 * 60)).await;
    assert_eq!(app.carried(&sc), ["before", "one", "two"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_card_in_doubt_whose_channel_is_closed_to_the_app_meanwhile_stands_once() {
    for private in [true, false] {
        let app = House::new().await;
        let members = vec![app.ana.clone()];
        let spec = ChannelSpec { name: "secret".into(), private, members, app_is_member: true, ..Default::default() };
        let channel = app.slack.add_channel(spec);
        of_slack(&app, json!({"call": "chat.postMessage", "fault": "dropped_after", "times": 1}));
        let to = ["secret@slack.acme.example"];
        let sc = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
        app.settle_within(Duration::from_secs(1)).await;
        let (_, ts) = app.thread(&sc);
        app.slack.remove_app_from(&channel).unwrap();
        app.slack.say(&app.ana, &channel, Some(&ts), "nobody listens").unwrap();
        app.pass(Duration::from_secs(600)).await;
        if private {
            assert_eq!(app.notes().join("\n").matches("not in Slack yet").count(), 1, "{:?}", app.notes());
            let members = [app.ana.clone(), app.slack.options().bot_user_id.clone()];
            app.slack.set_members(&channel, &members).unwrap();
        }
        app.pass(Duration::from_secs(2 * 3600)).await;
        let cards = app.slack.messages(&channel).iter().filter(|message| message["metadata"].is_object()).count();
        assert_eq!((cards, app.carried(&sc)), (1, vec!["nobody listens".to_owned()]), "private: {private}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_reply_that_finds_its_ticket_closed_before_the_new_card_stands_goes_on_as_soon_as_it_does() {
    let app = House::new().await;
    let (_, channel, ts) = answered(&app).await;
    close(&app, app.ticket);
    of_slack(&app, json!({"call": "chat.postMessage", "fault": "rate_limited", "retry_after": 60, "times": 1}));
    delete_card(&app, &channel, &ts);
    app.settle_within(Duration::from_secs(5)).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.pass(Duration::from_secs(120)).await;
    let follow = follow_up(&app, app.ticket);
    assert_eq!(messages(&app, &sides(&app, follow)[0]), ["one"]);
    app.ends_quietly().await;
}
