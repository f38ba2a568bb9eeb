//! What could not be delivered is listed and shown, tried again or given up, by the operator's own command.

use std::time::Duration;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use serde_json::json;
use sidethread::cli::parked::{self, Wish};
use sidethread::config::Config;
use sidethread::engine::clock::Clock;
use sidethread::store::{Commit, InboxWrite};
use sidethread::wire::{Wire, WireError};

use crate::house::{House, call};

/// What answers at `admin_listen`, or nobody.
pub struct Admin(pub Option<Router>);

#[async_trait]
impl Wire for Admin {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        assert_eq!(request.uri().authority().unwrap().as_str(), "127.0.0.1:8081");
        call(self.0.as_ref().ok_or(WireError::NotSent)?, request).await
    }
}

async fn decide(app: &House, id: &str, wish: Wish, admin: Admin) -> Result<String, String> {
    let mut config = Config::parse("test", &app.config, []).unwrap();
    config.database.path = app.database();
    let decided = parked::decide(config, id, wish, Arc::new(admin), Arc::new(app.clock.clone())).await;
    decided.map_err(|error| format!("{error:#}"))
}

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
    let rule = json!({"call": "POST …/reply", "fault": "refused", "times": 1});
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
    assert!(shown.contains("tried once") && !shown.contains("on its way"), "{shown}");
    let shown = show(&app, &number.to_string(), true).await.unwrap();
    assert!(shown.contains("    | on its way\n"), "{shown}");
    for (wrong, said) in
        [("999", "no parked call has the number 999"), ("x\u{1b}", "is not the number"), ("event:9", "waits")]
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

#[tokio::test]
async fn the_operator_has_it_tried_again_by_the_running_bridge() {
    let app = House::new().await;
    let (sc, number) = refused(&app).await;
    let admin = || Admin(Some(app.app.admin_router()));
    let said = decide(&app, &number.to_string(), Wish::Retry, admin()).await.unwrap();
    assert!(said.contains("is tried again") && said.contains(&sc), "{said}");
    app.settle().await;
    assert_eq!(app.answers(&sc), ["on its way"]);
    let error = decide(&app, &number.to_string(), Wish::Retry, admin()).await.unwrap_err();
    assert!(error.contains("no parked call has the number"), "{error}");
    let error = decide(&app, "unread:x", Wish::Drop, admin()).await.unwrap_err();
    assert!(error.contains("neither retried nor dropped"), "{error}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn the_operator_gives_it_up_and_the_thread_is_told() {
    let app = House::new().await;
    let (sc, number) = refused(&app).await;
    let error = decide(&app, &number.to_string(), Wish::Drop, Admin(None)).await.unwrap_err();
    assert!(error.contains("none answers at 127.0.0.1:8081"), "{error}");
    let before = app.told(&sc);
    decide(&app, &number.to_string(), Wish::Drop, Admin(Some(app.app.admin_router()))).await.unwrap();
    app.settle().await;
    assert!(app.answers(&sc).is_empty());
    let told = app.told(&sc);
    assert!(told != before && told.iter().any(|text| text.contains("given it up")), "{told:?}");
    assert_eq!(list(&app).await, "Nothing is parked.\n");
    let asked = sidethread::cli::trace::Asked::SideConversation(sc);
    let traced = sidethread::cli::trace::run(&app.database(), &asked, false, app.clock.now_ms()).await.unwrap();
    assert!(traced.contains("given up: a person wanted that"), "{traced}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn without_a_bridge_the_wish_waits_in_the_database() {
    let mut app = House::new().await;
    let (sc, number) = refused(&app).await;
    app.leave().await;
    for wish in [Wish::Retry, Wish::Retry] {
        let decided = decide(&app, &number.to_string(), wish, Admin(None)).await;
        assert!(decided.is_ok() || decided.unwrap_err().contains("no parked call"), "the second finds nothing");
    }
    assert!(app.answers(&sc).is_empty(), "nobody was called");
    app.start().await;
    app.settle().await;
    assert_eq!(app.answers(&sc), ["on its way"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn no_web_page_decides_what_becomes_of_it() {
    let app = House::new().await;
    let (_, number) = refused(&app).await;
    let ask = async |headers: &[(&str, &str)], id: &str| {
        let mut request = http::Request::post(format!("/parked/{id}/drop"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::new()).unwrap();
        call(&app.app.admin_router(), request).await.unwrap().status().as_u16()
    };
    let (host, header) = (("host", "127.0.0.1:8081"), ("sidethread-admin", "1"));
    let number = number.to_string();
    let refused = [
        vec![host],
        vec![header],
        vec![header, ("host", "evil.example:8081")],
        vec![header, ("host", "127.0.0.1.evil.example")],
        vec![header, host, ("origin", "https://evil.example")],
        vec![("sidethread-admin", "yes"), host],
    ];
    for headers in refused {
        assert_eq!(ask(&headers, &number).await, 403, "{headers:?}");
    }
    assert_eq!(ask(&[header, host], "x").await, 400);
    assert_eq!(ask(&[header, host], "999").await, 404);
    assert_eq!(app.post(&format!("/parked/{number}/drop"), &[header, host], b"").await, 404, "the vendors' door");
    assert!(list(&app).await.contains("reply to Zendesk"));
    assert_eq!(ask(&[header, ("host", "[::1]:8081")], &number).await, 202);
}
