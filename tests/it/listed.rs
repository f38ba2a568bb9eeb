//! What could not be delivered is listed and shown.

use std::time::Duration;

use serde_json::json;
use sidethread::cli::parked;
use sidethread::engine::clock::Clock;
use sidethread::store::{Commit, InboxWrite};

use crate::house::House;

async fn list(app: &House) -> String {
    parked::list(&app.database(), app.clock.now_ms()).await.unwrap()
}

async fn show(app: &House, id: &str, text: bool) -> Result<String, String> {
    let shown = parked::show(&app.database(), id, text, app.clock.now_ms()).await;
    shown.map_err(|error| format!("{error:#}"))
}

/// A thread with a reply that Zendesk refuses; gives its side conversation and the number of the parked call.
async fn refused(app: &House) -> (String, i64) {
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let rule = json!({"call": "POST …/reply", "fault": "status", "status": 403, "times": 1});
    app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
    app.slack.say(&app.ana, &channel, Some(&ts), "on its way").unwrap();
    app.settle().await;
    let listed = list(app).await;
    let number = listed.lines().find_map(|line| line.strip_prefix("  ")?.split_once("  reply to Zendesk"));
    let (number, _) = number.unwrap_or_else(|| panic!("{listed}"));
    (sc, number.parse().unwrap())
}

#[tokio::test]
async fn what_was_given_up_is_listed_and_shown() {
    let app = House::new().await;
    assert_eq!(list(&app).await, "Nothing is parked.\n");
    let (_, number) = refused(&app).await;
    app.clock.advance(Duration::from_secs(3 * 3600));
    let listed = list(&app).await;
    assert!(listed.contains("ticket 35436") && listed.contains("(3 h)"), "{listed}");
    assert!(listed.contains(&format!("in {}", app.engineering)) && !listed.contains("on its way"), "{listed}");
    let shown = show(&app, &number.to_string(), false).await.unwrap();
    assert!(shown.contains("tried 1 times") && !shown.contains("on its way"), "{shown}");
    let shown = show(&app, &number.to_string(), true).await.unwrap();
    assert!(shown.contains("    | on its way\n"), "{shown}");
    for (wrong, said) in
        [("999", "no parked call has the number 999"), ("x\u{1b}", "is no number"), ("event:9", "waits")]
    {
        let error = show(&app, wrong, false).await.unwrap_err();
        assert!(error.contains(said) && error.contains("parked list") && !error.contains('\u{1b}'), "{error}");
    }
}

#[tokio::test]
async fn what_does_not_read_is_listed_too() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let channel = sidethread::bridge::ids::ChannelId::new(channel);
    let (engine, raw) = (app.app.engine().unwrap(), "{\"odd\": \"on its way\"}".to_owned());
    let ts = ts.parse().unwrap();
    engine.keep_unread("raw:Ev1".to_owned(), &channel, &ts, raw, "it names no author").await.unwrap();
    let listed = list(&app).await;
    assert!(listed.contains("unread:raw:Ev1") && listed.contains("it names no author"), "{listed}");
    assert!(!listed.contains("on its way") && listed.contains("ticket 35436"), "{listed}");
    let shown = show(&app, "unread:raw:Ev1", true).await.unwrap();
    assert!(shown.contains("| {\"odd\": \"on its way\"}"), "{shown}");
    let said = parked::number("unread:raw:Ev1").unwrap_err().to_string();
    assert!(said.contains("neither retried nor dropped"), "{said}");
}

#[tokio::test]
async fn what_nobody_handles_is_listed_after_a_while() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    // As a process leaves it that ends at this moment.
    let inbox = vec![InboxWrite {
        source: "slack",
        key: "1795341659.000200:C1".to_owned(),
        thread_id: sc,
        event: None,
        received_at: app.clock.now_ms(),
        done: false,
        ignored: None,
    }];
    app.app.store().commit(Commit { inbox, ..Commit::default() }).await.unwrap();
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(list(&app).await, "Nothing is parked.\n");
    app.clock.advance(Duration::from_secs(1));
    let listed = list(&app).await;
    assert!(listed.contains("event:") && listed.contains("not handled for more than a minute"), "{listed}");
}
