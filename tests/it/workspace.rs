//! What happens to a workspace later: channels close, move and open, cards are deleted, the app leaves and comes back.

use std::time::Duration;

use sidethread::sandbox::post::Sender;

use crate::house::House;

async fn bridged(app: &House) -> (String, String, String) {
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    // What is known of a channel holds for a minute.
    app.pass(Duration::from_secs(61)).await;
    (sc, channel, ts)
}

fn of_zoe(app: &House, sc: &str) -> Vec<String> {
    let said = app.said(sc).into_iter().filter(|(author, _)| author == "Zoe");
    said.map(|(_, text)| text.lines().last().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_channel_that_is_archived_is_told_once_and_what_waits_goes_when_it_is_opened() {
    let app = House::new().await;
    let (sc, channel, ts) = bridged(&app).await;
    app.slack.archive_channel(&channel).unwrap();
    for text in ["one", "two"] {
        app.zendesk.reply(app.zoe, &sc, &format!("<p>{text}</p>"));
        app.pass(Duration::from_secs(60)).await;
    }
    app.zendesk.set_state(app.zoe, &sc, "closed");
    app.pass(Duration::from_secs(400)).await;
    let notes = app.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("is archived") && notes[0].contains("they wait"), "{notes:?}");
    app.slack.unarchive_channel(&channel).unwrap();
    app.settle().await;
    assert_eq!(of_zoe(&app, &sc), ["one", "two"]);
    assert!(app.card(&sc).contains("*Done* by Zoe"), "{}", app.card(&sc));
    app.slack.say(&app.ana, &channel, Some(&ts), "back").unwrap();
    app.settle().await;
    assert_eq!(app.carried(&sc), ["back"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn an_app_that_is_removed_from_a_public_channel_joins_it_again_without_a_word() {
    let app = House::new().await;
    let (sc, channel, ts) = bridged(&app).await;
    app.slack.remove_app_from(&channel).unwrap();
    app.slack.say(&app.ana, &channel, Some(&ts), "nobody listens").unwrap();
    app.zendesk.reply(app.zoe, &sc, "<p>one</p>");
    app.settle_within(Duration::from_secs(5)).await;
    assert_eq!(of_zoe(&app, &sc), ["one"]);
    app.pass(Duration::from_secs(120)).await;
    assert_eq!(app.carried(&sc), ["nobody listens"], "catch-up follows");
    assert_eq!(app.notes(), Vec::<String>::new());
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_channel_that_is_shared_holds_the_agents_words_until_it_is_not() {
    let mut app = House::new().await;
    let (sc, channel, _) = bridged(&app).await;
    app.slack.share_channel(&channel, "TNORD").unwrap();
    app.zendesk.reply(app.zoe, &sc, "<p>for us only</p>");
    app.pass(Duration::from_secs(400)).await;
    app.restart().await;
    app.pass(Duration::from_secs(400)).await;
    assert_eq!(app.said(&sc), []);
    assert_eq!(app.notes().join("\n").matches("shared with another firm").count(), 1, "{:?}", app.notes());
    app.slack.unshare_channel(&channel).unwrap();
    app.settle().await;
    assert_eq!(of_zoe(&app, &sc), ["for us only"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_channel_whose_id_changes_keeps_its_threads() {
    let mut app = House::new().await;
    let (sc, channel, ts) = bridged(&app).await;
    app.slack.change_channel_id(&channel, "C0MOVED").unwrap();
    app.settle().await;
    app.restart().await;
    app.slack.say(&app.ana, "C0MOVED", Some(&ts), "still here").unwrap();
    app.zendesk.reply(app.zoe, &sc, "<p>so am I</p>");
    app.settle().await;
    assert_eq!(app.carried(&sc), ["still here"]);
    assert_eq!(of_zoe(&app, &sc), ["so am I"]);
    assert_eq!(app.notes(), Vec::<String>::new());
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_card_that_is_deleted_is_posted_anew_and_the_thread_goes_on_under_it() {
    for has_replies in [true, false] {
        let mut app = House::new().await;
        let (sc, channel, ts) = bridged(&app).await;
        if has_replies {
            app.slack.say(&app.ana, &channel, Some(&ts), "before").unwrap();
            app.settle().await;
        }
        let admin = app.slack.options().bot_user_id.clone();
        app.slack.delete(&admin, &channel, &ts).unwrap();
        app.settle().await;
        let (_, again) = app.thread(&sc);
        assert_ne!(again, ts, "with replies: {has_replies}");
        let told = app.told(&sc);
        assert!(told.len() == 1 && told[0].contains("goes on here"), "{told:?}");
        app.restart().await;
        app.slack.say(&app.ana, &channel, Some(&again), "after").unwrap();
        app.zendesk.reply(app.zoe, &sc, "<p>here too</p>");
        app.settle().await;
        assert_eq!(app.carried(&sc).last().map(String::as_str), Some("after"));
        assert_eq!(of_zoe(&app, &sc), ["here too"]);
        assert!(app.card(&sc).contains("Down?"));
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn what_is_written_under_a_deleted_card_arrives_before_and_after_the_new_one_and_a_restart() {
    let mut app = House::new().await;
    let (sc, channel, ts) = bridged(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "before").unwrap();
    app.settle().await;
    let admin = app.slack.options().bot_user_id.clone();
    let mut expected = vec!["before".to_owned()];
    let mut card = ts.clone();
    for round in 0..2 {
        let later =
            serde_json::json!({"call": "chat.postMessage", "fault": "rate_limited", "retry_after": 60, "times": 1});
        app.slack.faults().add(serde_json::from_value(later).unwrap());
        app.slack.delete(&admin, &channel, &card).unwrap();
        app.settle_within(Duration::from_secs(5)).await;
        let mut say = |text: String, thread: &str| {
            app.slack.say(&app.ana, &channel, Some(thread), &text).unwrap();
            expected.push(text);
        };
        say(format!("no card stands, {round}"), &card);
        app.settle().await;
        let again = app.thread(&sc).1;
        assert_ne!(again, card);
        say(format!("under the old one, {round}"), &card);
        say(format!("under the new one, {round}"), &again);
        app.settle().await;
        app.restart().await;
        app.slack.say(&app.ben, &channel, Some(&ts), &format!("under the first after a restart, {round}")).unwrap();
        expected.push(format!("under the first after a restart, {round}"));
        app.settle().await;
        assert_eq!(app.carried(&sc), expected);
        card = again;
    }
    // What came while the app was away is read back there, too.
    app.leave().await;
    app.slack.say(&app.ana, &channel, Some(&ts), "nobody was there").unwrap();
    drop(app.slack.take_due());
    app.start().await;
    app.pass(Duration::from_secs(600)).await;
    assert_eq!(app.carried(&sc).last().map(String::as_str), Some("nobody was there"));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_card_that_was_deleted_unheard_is_noticed_by_the_next_post() {
    let app = House::new().await;
    let (sc, channel, ts) = bridged(&app).await;
    let rule = serde_json::json!({"call": "events", "fault": "events_never"});
    app.slack.faults().add(serde_json::from_value(rule).unwrap());
    let admin = app.slack.options().bot_user_id.clone();
    app.slack.delete(&admin, &channel, &ts).unwrap();
    app.settle_within(Duration::from_secs(5)).await;
    app.slack.faults().clear();
    for text in ["one", "two"] {
        app.zendesk.reply(app.zoe, &sc, &format!("<p>{text}</p>"));
    }
    app.settle().await;
    assert_ne!(app.thread(&sc).1, ts);
    assert_eq!(of_zoe(&app, &sc), ["one", "two"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_channel_that_is_renamed_stays_what_it_was() {
    let app = House::new().await;
    let (sc, channel, ts) = bridged(&app).await;
    app.slack.rename_channel(&channel, "platform").unwrap();
    app.slack.say(&app.ana, &channel, Some(&ts), "new name").unwrap();
    app.zendesk.reply(app.zoe, &sc, "<p>same place</p>");
    app.settle().await;
    assert_eq!((app.carried(&sc), of_zoe(&app, &sc)), (vec!["new name".to_owned()], vec!["same place".to_owned()]));
    assert_eq!((app.notes(), app.told(&sc)), (vec![], vec![]));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_channel_that_is_shared_gets_no_word_from_the_moment_slack_says_so() {
    let app = House::new().await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&side);
    app.zendesk.reply(app.zoe, &side, "<p>before</p>");
    app.settle().await;
    app.slack.share_channel(&channel, "TNORD").unwrap();
    app.bring().await;
    app.zendesk.reply(app.zoe, &side, "<p>for us alone</p>");
    app.pass(Duration::from_secs(300)).await;
    let said = |words: &str| {
        let thread = app.slack.thread(&channel, &ts);
        thread.iter().filter(|message| message["text"].as_str().unwrap_or_default().contains(words)).count()
    };
    assert_eq!((said("before"), said("for us alone")), (1, 0));
    app.slack.unshare_channel(&channel).unwrap();
    app.pass(Duration::from_secs(4000)).await;
    assert_eq!(said("for us alone"), 1);
    app.ends_quietly().await;
}
