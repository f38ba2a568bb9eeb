//! What was parked so long ago that its words are no longer kept can still be given up, and the thread goes on.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sidethread::cli::parked::{self, Wish};
use sidethread::config::Config;
use sidethread::engine::clock::Clock;
use sidethread::sandbox::faults::Rule;

use crate::follow_up::{follow_up, messages, on_a_closed_ticket, sides};
use crate::house::{House, call};
use crate::listed::Admin;
use crate::merged::{TARGET, merged_thread, press};
use crate::parked::parked_row;

fn fault(app: &House, rule: serde_json::Value) {
    app.zendesk.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
}

async fn decide(app: &House, row: i64, wish: Wish) -> Result<String, String> {
    let mut config = Config::parse("test", &app.config, []).unwrap();
    config.database.path = app.database();
    let admin = Arc::new(Admin(Some(app.app.admin_router())));
    let decided = parked::decide(config, &row.to_string(), wish, admin, Arc::new(app.clock.clone())).await;
    app.settle().await;
    decided.map_err(|error| format!("{error:#}"))
}

/// What is settled loses its words.
async fn much_later(app: &House) -> i64 {
    for _ in 0..2 {
        app.clock.advance(Duration::from_secs(31 * 24 * 3600));
        app.settle().await;
    }
    let row = parked_row(app).await;
    let shown = parked::show(&app.database(), &row.to_string(), true, app.clock.now_ms()).await.unwrap();
    assert!(shown.contains("no longer stored"), "{shown}");
    row
}

/// The newest notice of a thread with a "Retry" button.
fn retry(app: &House, channel: &str, ts: &str) -> String {
    let thread = app.slack.thread(channel, ts);
    let notice = thread.iter().rfind(|message| message["blocks"].to_string().contains("\"retry\"")).unwrap();
    notice["ts"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_follow_up_that_was_not_made_is_sought_again() {
    // Not even the ticket could be read, or none could be made of it; given up by the operator, or a button pressed.
    for (call, pressed) in
        [("GET tickets/{id}", false), ("GET tickets/{id}", true), ("POST tickets", false), ("POST tickets", true)]
    {
        let app = House::new().await;
        let (_, channel, ts) = on_a_closed_ticket(&app).await;
        app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
        // The reply itself has read the ticket.
        let reads = |app: &House| app.zendesk.calls().iter().filter(|(call, _)| call == "GET tickets/{id}").count();
        let before = reads(&app);
        while reads(&app) == before {
            app.step().await;
        }
        fault(&app, json!({"call": call, "fault": "refused"}));
        app.settle_within(Duration::from_secs(60)).await;
        app.zendesk.faults().clear();
        let row = much_later(&app).await;
        app.slack.say(&app.ben, &channel, Some(&ts), "two").unwrap();
        app.settle().await;
        match pressed {
            false => {
                let refused = decide(&app, row, Wish::Retry).await.unwrap_err();
                assert!(refused.contains("no longer stored") && refused.contains("parked drop"), "{refused}");
                assert_eq!(parked_row(&app).await, row);
                decide(&app, row, Wish::Drop).await.unwrap();
            }
            true => {
                app.slack.press(&app.ben, &channel, &retry(&app, &channel, &ts), "retry").unwrap();
                app.settle().await;
            }
        }
        let side = sides(&app, follow_up(&app, app.ticket)).remove(0);
        assert_eq!(messages(&app, &side), ["one", "two"], "{call}, {pressed}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_side_conversation_that_was_not_begun_is_proposed_again() {
    for pressed in [false, true] {
        let app = House::new().await;
        let (sc, channel, ts) = merged_thread(&app).await;
        app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
        app.settle_within(Duration::from_secs(60)).await;
        fault(&app, json!({"call": "POST …/side_conversations", "fault": "refused", "times": 1}));
        press(&app, &app.ana, &sc).await;
        let row = much_later(&app).await;
        match pressed {
            false => drop(decide(&app, row, Wish::Drop).await.unwrap()),
            true => {
                app.slack.press(&app.ben, &channel, &retry(&app, &channel, &ts), "retry").unwrap();
                app.settle().await;
            }
        }
        assert_eq!(sides(&app, TARGET).len(), 0);
        press(&app, &app.ben, &sc).await;
        assert_eq!(messages(&app, &sides(&app, TARGET)[0])[1..], ["one"]);
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_reply_whose_words_are_gone_is_given_up_and_that_is_told() {
    for pressed in [false, true] {
        let app = House::new().await;
        let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
        let (channel, ts) = app.thread(&sc);
        fault(&app, json!({"call": "POST …/reply", "fault": "refused", "times": 1}));
        app.slack.say(&app.ana, &channel, Some(&ts), "on my way").unwrap();
        app.settle().await;
        let row = much_later(&app).await;
        match pressed {
            false => {
                let refused = decide(&app, row, Wish::Retry).await.unwrap_err();
                assert!(refused.contains("cannot be tried again"), "{refused}");
                let request = http::Request::post(format!("/parked/{row}/retry"));
                let request = request.header("host", "127.0.0.1:8081").header("sidethread-admin", "1");
                let request = request.body(bytes::Bytes::new()).unwrap();
                assert_eq!(call(&app.app.admin_router(), request).await.unwrap().status(), 409);
                app.settle().await;
                assert_eq!(parked_row(&app).await, row);
                let said = decide(&app, row, Wish::Drop).await.unwrap();
                assert!(said.contains("is given up"), "{said}");
            }
            true => {
                app.slack.press(&app.ben, &channel, &retry(&app, &channel, &ts), "retry").unwrap();
                app.settle().await;
            }
        }
        let told = app.told(&sc);
        let said = if pressed { "no longer kept" } else { "given it up" };
        assert!(told.len() == 1 && told[0].contains(said), "{told:?}");
        app.slack.say(&app.ana, &channel, Some(&ts), "there").unwrap();
        app.settle().await;
        assert_eq!(app.answers(&sc), ["there"]);
        app.ends_quietly().await;
    }
}
