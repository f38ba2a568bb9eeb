//! What is concluded from an answer is tried again, undone by itself, shown while it lasts, and told once it has lasted.

use std::time::Duration;

use serde_json::{Value, json};
use sidethread::engine::clock::Clock;
use sidethread::sandbox::slack::ChannelSpec;
use sidethread::sandbox::zendesk::TicketSpec;

use crate::house::{House, Setup, fault, texts};

const FEED: &str = "GET side_conversations/events";
const OPERATOR: &str = "operator_channel = \"#operators\"";

async fn with_operator() -> (House, String) {
    let mut house = House::without_the_app(Setup { routes: OPERATOR, ..Setup::default() });
    let members = vec![house.ana.clone()];
    let channel = house.slack.add_channel(ChannelSpec { name: "operators".into(), members, ..Default::default() });
    house.start().await;
    house.pass(Duration::from_secs(1)).await;
    (house, channel)
}

/// What the operator was told.
fn told(app: &House, channel: &str) -> Vec<String> {
    app.slack.messages(channel).iter().filter(|m| m["subtype"] != "channel_join").map(texts_of).collect()
}

fn texts_of(message: &Value) -> String {
    format!("{}\n{}", message["text"].as_str().unwrap_or_default(), texts(&message["blocks"]))
}

async fn lasting(app: &House) -> Vec<(String, String)> {
    let (_, ready) = app.get("/readyz").await;
    let lasting = ready["lasting"].as_array().cloned().unwrap_or_default();
    lasting
        .iter()
        .map(|one| {
            assert!(one["since"].as_str().is_some_and(|since| since.starts_with("20")), "{one}");
            (one["about"].as_str().unwrap().to_owned(), one["subject"].as_str().unwrap().to_owned())
        })
        .collect()
}

#[tokio::test]
async fn one_forbidden_answer_of_the_feed_is_undone_within_ten_seconds_and_nothing_is_missed() {
    let app = House::new().await;
    fault(app.slack.faults(), json!({"call": "events", "fault": "events_never"}));
    fault(app.zendesk.faults(), json!({"call": "events", "fault": "events_never"}));
    fault(app.zendesk.faults(), json!({"call": FEED, "fault": "status", "status": 403, "times": 1}));
    app.pass(Duration::from_secs(21)).await;
    let (_, ready) = app.get("/readyz").await;
    assert!(ready["feed"].as_str().unwrap().starts_with("not readable"), "{ready}");
    assert_eq!(lasting(&app).await, [("feed".to_owned(), String::new())]);
    // Its webhook is lost.
    let to = ["engineering@slack.acme.example"];
    let side = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
    app.pass(Duration::from_secs(10)).await;
    app.settle().await;
    app.thread(&side);
    let (_, ready) = app.get("/readyz").await;
    assert_eq!((&ready["feed"], &ready["lasting"]), (&json!("read"), &json!([])));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_feed_that_stays_forbidden_is_asked_now_and_then_and_told_once_across_restarts() {
    let (mut app, operators) = with_operator().await;
    fault(app.zendesk.faults(), json!({"call": "events", "fault": "events_never"}));
    fault(app.zendesk.faults(), json!({"call": FEED, "fault": "status", "status": 403}));
    app.pass(Duration::from_secs(21)).await;
    let since = app.clock.now_ms();
    let to = ["engineering@slack.acme.example"];
    let side = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
    app.pass(Duration::from_secs(5 * 60)).await;
    assert_eq!(told(&app, &operators), Vec::<String>::new(), "it has not lasted yet");
    app.restart().await;
    app.pass(Duration::from_secs(6 * 60)).await;
    let said = told(&app, &operators);
    assert!(matches!(&said[..], [one] if one.contains("account-wide")), "{said:?}");
    app.restart().await;
    app.pass(Duration::from_secs(60 * 60)).await;
    assert_eq!(told(&app, &operators).len(), 1, "once");
    let asked = app.zendesk.calls().iter().filter(|(call, at)| call == FEED && *at > since).count();
    assert!((12..=40).contains(&asked), "asked {asked} times in seventy minutes");
    assert!(app.find_thread(&side).is_none());
    app.zendesk.faults().clear();
    app.pass(Duration::from_secs(6 * 60)).await;
    app.thread(&side);
    let said = told(&app, &operators);
    assert!(said.len() == 2 && said[1].contains("is read again"), "{said:?}");
    assert_eq!(lasting(&app).await, []);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_ticket_that_comes_back_is_found_without_a_word_of_zendesks() {
    let (app, operators) = with_operator().await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let read = "GET tickets/{id}/side_conversations";
    fault(app.zendesk.faults(), json!({"call": read, "fault": "status", "status": 404}));
    // Zendesk speaks of it once more, and does not show it.
    crate::gone::speaks(&app, "status_changed").await;
    app.pass(Duration::from_secs(7 * 60)).await;
    assert!(app.said(&side).iter().any(|(_, text)| text.contains("*Paused*")), "{:?}", app.said(&side));
    assert_eq!(lasting(&app).await, [("ticket".to_owned(), app.ticket.to_string())]);
    app.pass(Duration::from_secs(11 * 60)).await;
    let said = told(&app, &operators);
    assert!(matches!(&said[..], [one] if one.contains("out of reach")), "{said:?}");
    app.zendesk.faults().take_away(|rule| rule.call == read);
    app.pass(Duration::from_secs(5 * 60 + 20)).await;
    app.settle().await;
    assert!(app.said(&side).iter().any(|(_, text)| text.contains("can be reached again")), "{:?}", app.said(&side));
    assert_eq!(lasting(&app).await, []);
    assert!(told(&app, &operators).last().is_some_and(|one| one.contains("can be reached again")));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_vendor_that_is_held_is_shown_since_when_and_told_after_ten_minutes() {
    let (app, operators) = with_operator().await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&side);
    fault(app.zendesk.faults(), json!({"call": "*", "fault": "status", "status": 503}));
    app.slack.say(&app.ana, &channel, Some(&ts), "On its way.").unwrap();
    app.pass(Duration::from_secs(5 * 60)).await;
    let (_, ready) = app.get("/readyz").await;
    assert!(ready["paused"][0]["since"].is_string(), "{ready}");
    assert_eq!(told(&app, &operators), Vec::<String>::new());
    app.pass(Duration::from_secs(10 * 60)).await;
    assert_eq!(told(&app, &operators).len(), 1, "{:?}", told(&app, &operators));
    app.zendesk.faults().clear();
    app.pass(Duration::from_secs(2 * 60)).await;
    app.settle().await;
    let said = told(&app, &operators);
    assert!(said.len() == 2 && said[1].contains("answers again"), "{said:?}");
    assert_eq!(app.carried(&side), ["On its way."]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_wait_of_more_than_an_hour_is_shown_to_the_operator() {
    let (app, operators) = with_operator().await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&side);
    let rule = json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 7200, "times": 1});
    fault(app.zendesk.faults(), rule);
    app.slack.say(&app.ana, &channel, Some(&ts), "On its way.").unwrap();
    app.pass(Duration::from_secs(30)).await;
    assert_eq!(lasting(&app).await, [("wait".to_owned(), "zendesk".to_owned())]);
    let said = told(&app, &operators);
    assert!(matches!(&said[..], [one] if one.contains("asks the app to wait until")), "{said:?}");
    app.pass(Duration::from_secs(2 * 60 * 60)).await;
    app.settle().await;
    assert_eq!(lasting(&app).await, []);
    assert_eq!(app.carried(&side), ["On its way."]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_is_asked_while_a_vendor_is_down_at_the_first_start_is_bridged_also_through_a_kill() {
    for vendor in ["slack", "zendesk"] {
        let mut app = House::without_the_app(Setup::default());
        let call = if vendor == "slack" { "auth.test" } else { "GET users/me" };
        let rule = json!({"call": call, "fault": "status", "status": 503});
        fault(if vendor == "slack" { app.slack.faults() } else { app.zendesk.faults() }, rule);
        let older = TicketSpec {
            subject: "Older".into(),
            requester_id: app.carla,
            status: "open".into(),
            ..Default::default()
        };
        let older = app.zendesk.add_ticket(older);
        let to = ["engineering@slack.acme.example"];
        let old = app.zendesk.start_side_conversation(app.zoe, older, &to, "Older", "<p>Older?</p>");
        app.clock.advance(Duration::from_secs(60));
        // It starts and is killed while it waits.
        for _ in 0..2 {
            app.assemble().await;
            let (status, ready) = app.get("/readyz").await;
            assert_eq!((status, &ready["ready"]), (503, &json!(false)), "{ready}");
            let stop = tokio_util::sync::CancellationToken::new();
            tokio::select! {
                _ = app.app.become_ready(&stop) => panic!("{vendor} is down"),
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
            let (status, ready) = app.get("/readyz").await;
            let why = ready["starting"].as_str().unwrap_or_default().to_lowercase();
            assert!(status == 503 && why.starts_with(vendor), "{status} {ready}");
            app.leave().await;
            app.clock.advance(Duration::from_secs(60));
        }
        let side = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
        app.clock.advance(Duration::from_secs(60));
        app.slack.faults().clear();
        app.zendesk.faults().clear();
        app.start().await;
        app.pass(Duration::from_secs(30)).await;
        app.settle().await;
        app.thread(&side);
        assert!(app.find_thread(&old).is_none(), "what is older stays as it is");
        assert_eq!(app.get("/readyz").await.0, 200);
        app.ends_quietly().await;
    }
}
