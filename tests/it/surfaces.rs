//! What the manifest offers and this version cannot do yet is answered with what works; the Home tab says what the app does.

use std::time::Duration;

use serde_json::{Value, json};
use sidethread::engine::clock::Clock;
use sidethread::sandbox::post::{Receipt, Sender};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt;

use crate::house::{House, fault, texts};
use crate::outage::Heard;

/// Brings the app what Slack has for it, each answered 200 and with nothing, and lets the app do what follows at once.
async fn bring(app: &House) {
    let parcels = app.slack.take_due();
    assert_eq!(parcels.len(), 1);
    for parcel in parcels {
        let receipt = app.deliver(&parcel).await;
        assert!(matches!(&receipt, Receipt::Answered { status: 200, body, .. } if body.is_empty()), "{receipt:?}");
        app.slack.settle(parcel.id, receipt);
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn called(app: &House, method: &str) -> usize {
    app.slack.calls().iter().filter(|(call, _)| call == method).count()
}

/// How many rows say what came and what is to be done.
async fn stored(app: &House) -> i64 {
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(app.database()).read_only(true)).await;
    let pool = pool.unwrap();
    let count = "SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM outbox) + (SELECT count(*) FROM thread)";
    sqlx::query_scalar(count).fetch_one(&pool).await.unwrap()
}

#[tokio::test]
async fn both_shortcuts_say_at_once_that_they_cannot_do_it_yet_and_what_works() {
    let app = House::new().await;
    let message = app.slack.say(&app.ben, &app.engineering, None, "who has seen it?").unwrap();
    app.slack.clear_calls();
    app.zendesk.clear_calls();
    let (rows, began) = (stored(&app).await, app.clock.now_ms());
    let mut shown: Vec<Value> = Vec::new();
    for person in [&app.ana, &app.guest, &app.stranger] {
        for of_message in [true, false] {
            match of_message {
                true => app.slack.message_shortcut(person, &app.engineering, &message, "attach_to_ticket").unwrap(),
                false => app.slack.global_shortcut(person, "new_side_conversation").unwrap(),
            }
            bring(&app).await;
            let modal = app.slack.modals(person).pop().expect("a modal opens");
            assert_eq!((&modal["submit"], &modal["close"]["text"]), (&Value::Null, &json!("Close")));
            let title = if of_message { "Attach to Zendesk ticket" } else { "New side conversation" };
            assert_eq!(modal["title"]["text"], title);
            let said = texts(&modal["blocks"]);
            assert!(said.contains("cannot do it yet"), "{said}");
            assert!(said.contains("`/side-convo 35436 Where is this parcel?`"), "{said}");
            assert!(!said.contains("who has seen it"), "{said}");
            shown.push(json!([title, said]));
            app.slack.close_view(person, true).unwrap();
        }
    }
    assert_eq!((&shown[..2], &shown[..2]), (&shown[2..4], &shown[4..]), "everybody reads the same");
    assert_eq!(called(&app, "views.open"), 6);
    assert_eq!(app.slack.calls().len(), 6, "nobody else is asked: {:?}", app.slack.calls());
    assert!(app.zendesk.calls().is_empty(), "{:?}", app.zendesk.calls());
    assert_eq!(stored(&app).await, rows);
    assert_eq!(app.clock.now_ms(), began, "nothing waited");
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_shortcut_whose_modal_cannot_be_opened_is_one_warning_without_a_word_of_the_message() {
    let heard = Heard::default();
    let _listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(heard.clone()));
    let app = House::new().await;
    let message = app.slack.say(&app.ben, &app.engineering, None, "word-canary").unwrap();
    app.slack.clear_calls();
    heard.take(Level::WARN);
    app.slack.message_shortcut(&app.ana, &app.engineering, &message, "attach_to_ticket").unwrap();
    // The app was slow.
    app.clock.advance(Duration::from_secs(4));
    bring(&app).await;
    assert!(app.slack.modals(&app.ana).is_empty());
    let warned = heard.take(Level::WARN);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("expired_trigger_id") && !warned[0].contains("canary"), "{warned:?}");
    assert_eq!(called(&app, "views.open"), 1, "it is not tried again");
    // A shortcut of another version of the manifest.
    app.slack.global_shortcut(&app.ana, "invented_in_2031").unwrap();
    bring(&app).await;
    assert_eq!(called(&app, "views.open"), 1);
    app.ends_quietly().await;
}

#[tokio::test]
async fn the_home_tab_says_what_the_app_does_and_which_commands_work() {
    let app = House::new().await;
    app.slack.clear_calls();
    app.zendesk.clear_calls();
    let rows = stored(&app).await;
    for person in [&app.ana, &app.guest, &app.stranger] {
        app.slack.open_home(person);
        bring(&app).await;
    }
    let said = |person: &str| texts(&app.slack.home_of(person).expect("a Home is published")["blocks"]);
    for works in ["Zendesk", "*in the thread*", "`/side-convo 35436 Where is this parcel?`", "`/side-convo list`"] {
        assert!(said(&app.ana).contains(works), "{works}: {}", said(&app.ana));
    }
    assert_eq!((said(&app.guest), said(&app.stranger)), (said(&app.ana), said(&app.ana)));
    assert_eq!(app.slack.calls().len(), 3, "{:?}", app.slack.calls());
    assert!(app.zendesk.calls().is_empty(), "{:?}", app.zendesk.calls());
    assert_eq!(stored(&app).await, rows);
    app.ends_quietly().await;
}

#[tokio::test]
async fn the_home_is_published_once_an_hour_and_tried_every_three_seconds() {
    let app = House::new().await;
    app.slack.clear_calls();
    let open = async || {
        app.slack.open_home(&app.ana);
        bring(&app).await;
        called(&app, "views.publish")
    };
    fault(app.slack.faults(), json!({"call": "views.publish", "fault": "status", "status": 500, "times": 1}));
    assert_eq!((open().await, app.slack.home_of(&app.ana)), (1, None));
    assert_eq!(open().await, 1, "three seconds are not over");
    app.clock.advance(Duration::from_secs(3));
    assert_eq!(open().await, 2);
    assert!(app.slack.home_of(&app.ana).is_some(), "a failure does not last");
    app.clock.advance(Duration::from_secs(3599));
    assert_eq!(open().await, 2);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(open().await, 3);
}
