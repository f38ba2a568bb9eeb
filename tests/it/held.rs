//! While a card is on its way, only what may be an answer to it is kept, and that not for longer than it takes.

use std::time::Duration;

use serde_json::json;
use sidethread::sandbox::slack::Quirks;

use crate::erase::in_the_file;
use crate::house::{House, fault};

async fn held(app: &House) -> i64 {
    app.app.store().held_size().await.unwrap().0
}

/// Slack takes no posts for a while: a card is on its way.
async fn with_a_card_on_its_way(app: &House) -> String {
    fault(
        app.slack.faults(),
        json!({"call": "chat.postMessage", "fault": "rate_limited", "retry_after": 300, "times": 1}),
    );
    let to = ["engineering@slack.acme.example"];
    let sc = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
    app.settle_within(Duration::from_secs(1)).await;
    sc
}

#[tokio::test]
async fn words_of_other_threads_are_not_stored_while_a_card_is_on_its_way() {
    let app = House::new().await;
    app.ask("engineering", "Printer", "<p>Too?</p>").await;
    let before = app.slack.say(&app.ben, &app.engineering, None, "older thread").unwrap();
    app.pass(Duration::from_secs(5)).await;
    let sc = with_a_card_on_its_way(&app).await;
    let after = app.slack.say(&app.ben, &app.engineering, None, "newer thread").unwrap();
    let long = format!("canary-of-others {}", "x".repeat(20_000));
    for n in 0..100 {
        let thread = if n % 2 == 0 { &before } else { &after };
        app.slack.say(&app.ana, &app.engineering, Some(thread), &long).unwrap();
    }
    app.settle_within(Duration::from_secs(1)).await;
    assert!(app.find_thread(&sc).is_none());
    assert_eq!((held(&app).await, in_the_file(&app, "canary-of-others")), (0, 0));
    app.settle().await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "up").unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["up"]);
    assert_eq!(in_the_file(&app, "canary-of-others"), 0);
    app.ends_quietly().await;
}

#[tokio::test]
async fn where_slack_does_not_say_what_is_answered_only_young_threads_count_and_what_is_foreign_is_deleted_at_once() {
    let app = House::new().await;
    app.slack.set_quirks(Quirks { parents_are_unnamed: true, ..Quirks::default() });
    app.ask("engineering", "Printer", "<p>Too?</p>").await;
    let before = app.slack.say(&app.ben, &app.engineering, None, "older thread").unwrap();
    app.pass(Duration::from_secs(5)).await;
    let sc = with_a_card_on_its_way(&app).await;
    let after = app.slack.say(&app.ben, &app.engineering, None, "newer thread").unwrap();
    app.slack.say(&app.ana, &app.engineering, Some(&before), "canary-of-the-older").unwrap();
    app.slack.say(&app.ana, &app.engineering, Some(&after), "canary-of-the-newer").unwrap();
    app.settle_within(Duration::from_secs(1)).await;
    assert_eq!((held(&app).await, in_the_file(&app, "canary-of-the-older")), (1, 0));
    app.settle().await;
    assert!(app.find_thread(&sc).is_some());
    assert_eq!(held(&app).await, 0);
    app.ends_quietly().await;
}

#[tokio::test]
async fn little_is_held_and_an_answer_that_found_no_room_is_read_back() {
    let app = House::new().await;
    app.slack.set_quirks(Quirks { parents_are_unnamed: true, ..Quirks::default() });
    app.ask("engineering", "Printer", "<p>Too?</p>").await;
    app.pass(Duration::from_secs(5)).await;
    // The card stands, and nobody has told the app.
    fault(app.slack.faults(), json!({"call": "chat.postMessage", "fault": "dropped_after", "times": 1}));
    fault(
        app.slack.faults(),
        json!({"call": "conversations.history", "fault": "rate_limited", "retry_after": 120, "times": 1}),
    );
    let to = ["engineering@slack.acme.example"];
    let sc = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
    app.settle_within(Duration::from_millis(500)).await;
    let (channel, ts) = app.thread(&sc);
    let other = app.slack.say(&app.ben, &channel, None, "newer thread").unwrap();
    for n in 0..600 {
        app.slack.say(&app.ben, &channel, Some(&other), &format!("chatter {n}")).unwrap();
        if n % 50 == 0 {
            app.bring().await;
        }
    }
    app.bring().await;
    assert!(held(&app).await <= 500, "{}", held(&app).await);
    app.slack.say(&app.ana, &channel, Some(&ts), "the answer").unwrap();
    app.bring().await;
    assert!(held(&app).await <= 500);
    app.settle().await;
    app.pass(Duration::from_secs(320)).await;
    assert_eq!(app.answers(&sc), ["the answer"]);
    assert_eq!(held(&app).await, 0);
    app.ends_quietly().await;
}
