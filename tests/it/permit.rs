//! Who may press what, through the real HTTP surface: every button by every kind of person.

use serde_json::json;
use sidethread::bridge::event::{Unpark, Wish};
use sidethread::bridge::ids::{EffectId, SlackUserId};
use sidethread::sandbox::slack::PersonSpec;

use crate::house::{House, fault};
use crate::merged::{merged_thread, proposed};

/// A thread with one of the buttons: the side conversation, the channel, and the message under which it stands.
async fn with_a_button(app: &House, button: &str) -> (String, String, String) {
    let (sc, channel, ts) = match button {
        "continue_on" => {
            let (sc, ..) = merged_thread(app).await;
            let (channel, ts) = app.thread(&sc);
            app.slack.say(&app.ana, &channel, Some(&ts), "word").unwrap();
            app.settle().await;
            let (channel, notice) = proposed(app, &sc);
            return (sc, channel, notice);
        }
        _ => {
            let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
            let (channel, ts) = app.thread(&sc);
            (sc, channel, ts)
        }
    };
    match button {
        "reopen" => {
            app.pass(std::time::Duration::from_secs(2)).await;
            app.zendesk.set_state(app.zoe, &sc, "closed");
            app.settle().await;
        }
        "retry" => {
            fault(app.zendesk.faults(), json!({"call": "POST …/reply", "fault": "refused", "times": 1}));
            app.slack.say(&app.ana, &channel, Some(&ts), "word").unwrap();
            app.settle().await;
            let notice = app.slack.thread(&channel, &ts).pop().unwrap()["ts"].as_str().unwrap().to_owned();
            return (sc, channel, notice);
        }
        _ => {}
    }
    (sc, channel, ts)
}

/// All that a press may change outside.
fn outside(app: &House, sc: &str) -> (String, usize, usize) {
    (app.state(sc), app.replies(sc).len(), app.zendesk.side_conversations(crate::merged::TARGET).len())
}

#[tokio::test]
async fn every_button_by_every_kind_of_person() {
    for button in ["mark_done", "reopen", "retry", "continue_on"] {
        let app = House::new().await;
        let (sc, channel, message) = with_a_button(&app, button).await;
        let person = |name: &str, change: &dyn Fn(&mut PersonSpec)| {
            let mut spec = PersonSpec { name: name.into(), display_name: name.into(), ..Default::default() };
            change(&mut spec);
            app.slack.add_person(spec)
        };
        let bot = person("robot", &|p| p.is_bot = true);
        let gone = person("gone", &|p| p.deleted = true);
        let all = [&app.ana, &app.ben, &app.guest, &app.stranger, &bot, &gone, &app.slack.options().bot_user_id];
        app.slack.set_members(&channel, &all.map(Clone::clone)).unwrap();
        let before = outside(&app, &sc);
        for (who, what) in [
            (&app.guest, "Guests"),
            (&app.stranger, "People of another firm"),
            (&bot, "Bots"),
            (&gone, "Deactivated accounts"),
        ] {
            app.slack.press(who, &channel, &message, button).unwrap();
            app.settle().await;
            assert_eq!(outside(&app, &sc), before, "{button} by {what}");
            let whispers = app.whispers(who);
            assert_eq!(whispers.len(), 1, "{button}, {what}: {whispers:?}");
            assert!(whispers[0].contains(what) && whispers[0].contains("ask a member"), "{button}: {whispers:?}");
        }
        app.slack.press(&app.ben, &channel, &message, button).unwrap();
        app.settle().await;
        assert_ne!(outside(&app, &sc), before, "{button} by a member");
        assert_eq!(app.whispers(&app.ben), Vec::<String>::new(), "{button}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn whoever_slack_does_not_name_retries_nothing_and_is_told_so() {
    let app = House::new().await;
    let (sc, channel, notice) = with_a_button(&app, "retry").await;
    fault(app.slack.faults(), json!({"call": "users.info", "fault": "refused", "times": 1}));
    app.slack.press(&app.ben, &channel, &notice, "retry").unwrap();
    app.settle().await;
    assert_eq!(app.replies(&sc), Vec::<String>::new());
    let whispers = app.whispers(&app.ben);
    assert!(whispers.len() == 1 && whispers[0].contains("could not try that again"), "{whispers:?}");
    assert_eq!(app.app.store().parked().await.unwrap().len(), 2, "the reply, and the question who pressed");
}

/// A wish with a name that a version stored which did not ask who pressed, and that is handled only now.
#[tokio::test]
async fn a_press_that_an_older_version_stored_is_asked_after_too() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let thread = app.app.store().thread(&sc).await.unwrap().unwrap();
    let policy = app.app.engine().unwrap().policy().clone();
    let unpark = Unpark {
        effect: EffectId::new("reply:1.000001"),
        wish: Wish::Retry,
        by: Some(SlackUserId::new(app.guest.as_str())),
        notice: None,
        parked: Some(Box::new(sidethread::bridge::Effect {
            id: EffectId::new("reply:1.000001"),
            order: 1,
            not_before_ms: 0,
            act: sidethread::bridge::Act::UpdateCard,
        })),
        blank: false,
    };
    let what = sidethread::bridge::What::Unpark(unpark);
    let step = sidethread::bridge::handle(&policy, thread, &sidethread::bridge::Event { at_ms: 1, what });
    assert!(step.unparked.is_empty(), "{:?}", step.unparked);
    assert!(
        matches!(&step.effects[..], [effect] if matches!(effect.act, sidethread::bridge::Act::AskWho { .. })),
        "{:?}",
        step.effects
    );
}
