//! A side conversation that is done leaves a note of what came of it.

use std::time::Duration;

use serde_json::json;
use sidethread::sandbox::faults::Rule;
use sidethread::sandbox::zendesk::Unconfirmed;

use crate::follow_up::sides;
use crate::house::{House, Setup};
use crate::merged::{TARGET, merged_thread, press};

async fn house() -> House {
    House::with(Setup { routes: "[done]\nnote = \"summary\"\n", ..Default::default() }).await
}

fn close(app: &House, sc: &str, state: &str) {
    assert!(!app.zendesk.set_state(app.zoe, sc, state).is_empty());
}

#[tokio::test]
async fn the_note_says_who_was_asked_what_was_answered_by_whom_and_how_long_it_took() {
    let app = house().await;
    let sc = app.ask("engineering", "Scanner", "<p>Is gate 3 down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.pass(Duration::from_secs(12 * 60)).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "Yes, *a fuse*.\nBen has one.").unwrap();
    app.pass(Duration::from_secs(8 * 60)).await;
    app.slack.say(&app.ben, &channel, Some(&ts), &"Changed. ".repeat(100)).unwrap();
    app.pass(Duration::from_secs(60)).await;
    app.zendesk.reply(app.zoe, &sc, "<p>Thank you</p>");
    app.pass(Duration::from_secs(3600)).await;
    app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
    app.settle().await;
    let notes = app.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    let lines: Vec<&str> = notes[0].lines().collect();
    assert_eq!(lines[0], "Side conversation \u{201c}Scanner\u{201d}, marked as done by Ana Souza.");
    assert_eq!(lines[1], "Zoe asked #engineering, 2026-11-22 10:00 +00:00: Is gate 3 down?");
    assert_eq!(lines[2], "Ana Souza, after 12 minutes: Yes, a fuse. Ben has one.");
    assert!(lines[3].starts_with("Ben Okafor, after 20 minutes: Changed. Changed.") && lines[3].ends_with('…'));
    assert!(lines[3].chars().count() < 340, "{}", lines[3]);
    assert_eq!(lines[4], "Zoe, after 21 minutes: Thank you");
    assert_eq!(lines[5], "First answer after 12 minutes. Done after 1 hour 21 minutes.");
    app.ends_quietly().await;
}

#[tokio::test]
async fn there_is_one_note_for_each_time_it_is_done_and_none_repeats_another() {
    let mut app = house().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "first").unwrap();
    app.pass(Duration::from_secs(10)).await;
    close(&app, &sc, "closed");
    app.settle().await;
    app.restart().await;
    app.pass(Duration::from_secs(15 * 60)).await;
    assert_eq!(app.notes().len(), 1);
    close(&app, &sc, "open");
    app.settle().await;
    close(&app, &sc, "closed");
    app.pass(Duration::from_secs(15 * 60)).await;
    assert_eq!(app.notes().len(), 1, "nothing was said since");
    close(&app, &sc, "open");
    app.settle().await;
    app.slack.say(&app.ben, &channel, Some(&ts), "second").unwrap();
    app.pass(Duration::from_secs(10)).await;
    close(&app, &sc, "closed");
    app.pass(Duration::from_secs(15 * 60)).await;
    let notes = app.notes();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[1].contains("second") && !notes[1].contains("first"), "{notes:?}");
    app.slack.press(&app.ana, &channel, &ts, "reopen").unwrap();
    app.settle().await;
    app.slack.press(&app.ben, &channel, &ts, "mark_done").unwrap();
    app.settle().await;
    let notes = app.notes();
    assert_eq!(notes.len(), 4, "with nothing to keep, it is still said who pressed: {notes:?}");
    assert!(notes[2].starts_with("Ana Souza reopened") && notes[3].starts_with("Ben Okafor marked"), "{notes:?}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn the_note_of_a_thread_that_went_on_elsewhere_begins_with_who_asked_first() {
    for echoed in [true, false] {
        let unconfirmed = Unconfirmed { external_ids_echoed: echoed, ..Default::default() };
        let setup = Setup { routes: "[done]\nnote = \"summary\"\n", unconfirmed, ..Default::default() };
        let app = House::with(setup).await;
        let (sc, channel, ts) = merged_thread(&app).await;
        app.slack.say(&app.ana, &channel, Some(&ts), "Looking.").unwrap();
        app.settle_within(Duration::from_secs(60)).await;
        press(&app, &app.ben, &sc).await;
        app.zendesk.reply(app.yan, &sides(&app, TARGET)[0], "<p>Hurry, please.</p>");
        app.pass(Duration::from_secs(65)).await;
        crate::follow_up::close(&app, TARGET);
        app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
        app.settle().await;
        app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
        app.pass(Duration::from_secs(120)).await;
        let comments = app.zendesk.comments(crate::follow_up::follow_up(&app, TARGET));
        let notes: Vec<&str> = comments.iter().filter_map(|comment| comment["body"].as_str()).collect();
        let note = notes.iter().find(|note| note.contains("marked as done")).expect("it leaves a note");
        let said: Vec<&str> =
            note.lines().skip(1).filter_map(|line| line.split_once(": ").map(|(_, said)| said)).collect();
        assert_eq!(said, ["Is it down?", "Looking.", "Hurry, please.", "It is up again."], "{note}");
        assert!(note.contains("\nZoe asked #engineering, 2026-11-22 10:00"), "{note}");
        for own in ["goes on here", "goes on from"] {
            assert!(!note.contains(own), "{note}");
        }
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_button_pressed_by_mistake_leaves_no_note_and_without_the_setting_nothing_does() {
    let app = house().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    close(&app, &sc, "closed");
    app.pass(Duration::from_secs(20)).await;
    close(&app, &sc, "open");
    app.pass(Duration::from_secs(15 * 60)).await;
    assert_eq!(app.notes(), Vec::<String>::new());
    app.ends_quietly().await;
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    close(&app, &sc, "closed");
    app.pass(Duration::from_secs(15 * 60)).await;
    assert_eq!(app.notes(), Vec::<String>::new());
}

#[tokio::test]
async fn many_messages_are_shortened_in_the_middle_and_silence_is_said() {
    let app = house().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    for n in 0..30 {
        app.slack.say(&app.ana, &channel, Some(&ts), &format!("word {n}.")).unwrap();
        app.settle().await;
    }
    close(&app, &sc, "closed");
    app.settle().await;
    let note = app.notes().pop().unwrap();
    for (word, kept) in
        [("word 0.", true), ("word 7.", true), ("word 8.", false), ("word 21.", false), ("word 22.", true)]
    {
        assert_eq!(note.contains(word), kept, "{word} in {note}");
    }
    assert!(note.contains("… 14 more messages are in the side conversation …"), "{note}");
    let silent = app.ask("engineering", "Printer", "<p>Down?</p>").await;
    close(&app, &silent, "closed");
    app.pass(Duration::from_secs(15 * 60)).await;
    let note = app.notes().pop().unwrap();
    assert!(note.contains("Printer") && note.contains("Nobody answered."), "{note}");
}

#[tokio::test]
async fn an_end_at_any_step_leaves_one_note() {
    for steps in 0..5 {
        let mut app = house().await;
        let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
        close(&app, &sc, "closed");
        app.settle_within(Duration::from_secs(5)).await;
        let rule = json!({"call": "PUT tickets/{id}", "fault": "dropped_after", "times": 1});
        app.zendesk.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
        app.clock.advance(Duration::from_secs(60));
        for _ in 0..steps {
            app.step().await;
        }
        app.restart().await;
        app.settle().await;
        app.pass(Duration::from_secs(15 * 60)).await;
        assert_eq!(app.notes().len(), 1, "{steps}: {:?}", app.notes());
        app.ends_quietly().await;
    }
}
