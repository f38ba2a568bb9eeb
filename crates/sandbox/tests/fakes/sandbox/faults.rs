//! Faults, switched by people and by programs.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use super::{fill, get, sandbox, send, switch};

#[tokio::test]
async fn faults_are_switched_from_the_page() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let page = get(&router, "/?panel=faults").await.text;
    assert_eq!(page.matches("class=\"fault\"").count(), 18);
    let panel = ("panel", "faults");
    let on = [
        panel,
        ("fault", "latency"),
        ("call", "slack chat.postMessage"),
        ("value", "50"),
        ("times", "2"),
        ("percent", ""),
    ];
    let (location, page) = fill(&router, "/sandbox/faults/on", &on).await;
    assert!(location.ends_with("#fault-latency") && location.contains("panel=faults"), "{location}");
    assert!(page.text.contains("Slack: chat.postMessage, 50 milliseconds, 2 more times"), "{}", page.text);
    assert_eq!(sandbox.slack.faults().list().len(), 1);
    fill(&router, "/sandbox/faults/on", &[panel, ("fault", "feed_late"), ("call", "*"), ("value", "9")]).await;
    fill(&router, "/sandbox/faults/on", &[panel, ("fault", "html"), ("call", "*")]).await;
    assert_eq!((sandbox.slack.faults().list().len(), sandbox.zendesk.faults().list().len()), (2, 2));
    fill(&router, "/sandbox/faults/off", &[panel, ("what", "html")]).await;
    assert_eq!((sandbox.slack.faults().list().len(), sandbox.zendesk.faults().list().len()), (1, 1));
    for (wrong, why) in [
        (vec![("value", "")], "milliseconds: a whole number from 1 to 600000 is needed"),
        (vec![("value", "0")], "milliseconds: a whole number from 1 to 600000 is needed"),
        (vec![("value", "x")], "milliseconds: a whole number"),
        (vec![("value", "5"), ("percent", "101")], "in how many of 100 cases: a whole number from 1 to 100"),
        (vec![("value", "5"), ("call", "slack x")], "is unknown"),
    ] {
        let fields = [&[panel, ("fault", "latency")], &wrong[..]].concat();
        assert!(fill(&router, "/sandbox/faults/on", &fields).await.1.text.contains(why), "{why}");
    }
    fill(&router, "/sandbox/faults/off", &[panel, ("what", "*")]).await;
    assert!(sandbox.slack.faults().list().is_empty() && sandbox.zendesk.faults().list().is_empty());
}

#[tokio::test]
async fn faults_are_switched_on_shown_and_taken_away() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let shown = get(&router, "/sandbox/faults").await.json();
    assert_eq!(shown["rules"], json!([]));
    for example in shown["help"]["examples"].as_array().expect("examples") {
        assert_eq!(switch(&router, &json!([example]).to_string()).await.0, 200, "{example}");
    }
    let (_, now) = switch(&router, "[]").await;
    assert_eq!(now["rules"].as_array().map(Vec::len), Some(4));
    assert_eq!(now["rules"][0]["vendor"], "slack");
    assert!(get(&router, "/").await.text.contains("4 on</span>"));
    let request = Request::post("/slack/api/chat.postMessage").body(Body::empty()).expect("a request");
    assert_eq!(send(&router, request).await.status, StatusCode::TOO_MANY_REQUESTS);
    let request = Request::delete("/sandbox/faults").body(Body::empty()).expect("a request");
    assert_eq!(send(&router, request).await.json()["rules"], json!([]));
    assert!(sandbox.slack.faults().list().is_empty() && sandbox.zendesk.faults().list().is_empty());
    for kind in shown["help"]["faults"].as_array().expect("kinds") {
        let call = if kind["fault"] == "feed_late" { "GET side_conversations/events" } else { "*" };
        let mut entry = json!({"vendor": "zendesk", "call": call, "fault": kind["fault"]});
        if let Some(parameter) = kind["parameter"]["name"].as_str() {
            entry[parameter] = kind["parameter"]["from"].clone();
        }
        assert_eq!(switch(&router, &json!([entry]).to_string()).await.0, 200, "{entry}");
    }
}

#[tokio::test]
async fn a_fault_strikes_by_chance_as_often_as_it_says_and_a_seed_decides() {
    let struck = async || {
        let router = sandbox().router();
        let rule = json!([{"vendor": "zendesk", "call": "*", "fault": "status", "status": 500, "percent": 5}]);
        assert_eq!(switch(&router, &rule.to_string()).await.0, 200);
        let mut struck = Vec::new();
        for at in 0..2_000 {
            if get(&router, "/zendesk/api/v2/users/me.json").await.status == StatusCode::INTERNAL_SERVER_ERROR {
                struck.push(at);
            }
        }
        struck
    };
    let first = struck().await;
    assert!((60..140).contains(&first.len()), "{} of 2,000", first.len());
    assert_eq!(first, struck().await);
}

#[tokio::test]
async fn nonsensical_faults_are_refused_and_change_nothing() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let good = json!({"vendor": "slack", "call": "*", "fault": "html"});
    for (entry, names) in [
        (json!({"vendor": "slack", "call": "*", "fault": "html", "tiems": 3}), "\"tiems\""),
        (json!({"vendor": "slack", "call": "*", "fault": "html", "ms": 3}), "\"ms\""),
        (json!({"vendor": "teams", "call": "*", "fault": "html"}), "\"vendor\""),
        (json!({"call": "*", "fault": "html"}), "\"vendor\""),
        (json!({"vendor": "slack", "call": "chat.postmessage", "fault": "html"}), "\"call\""),
        (json!({"vendor": "slack", "call": "POST …/reply", "fault": "html"}), "\"call\""),
        (json!({"vendor": "slack", "fault": "html"}), "\"call\""),
        (json!({"vendor": "slack", "call": "*", "fault": "explode"}), "\"fault\""),
        (json!({"vendor": "slack", "call": "*", "fault": "status", "status": 200}), "\"status\""),
        (json!({"vendor": "slack", "call": "*", "fault": "status"}), "\"status\""),
        (json!({"vendor": "slack", "call": "*", "fault": "latency", "ms": -1}), "\"ms\""),
        (json!({"vendor": "slack", "call": "*", "fault": "latency", "ms": "9"}), "\"ms\""),
        (json!({"vendor": "slack", "call": "*", "fault": "html", "times": 0}), "\"times\""),
        (json!({"vendor": "slack", "call": "*", "fault": "html", "percent": 101}), "\"percent\""),
        (json!({"vendor": "slack", "call": "*", "fault": "html", "percent": 0}), "\"percent\""),
        (json!({"vendor": "slack", "call": "events", "fault": "html"}), "\"call\""),
        (json!({"vendor": "slack", "call": "chat.update", "fault": "events_twice"}), "\"call\""),
        (json!({"vendor": "zendesk", "call": "POST …/reply", "fault": "reads_lag", "secs": 3}), "\"call\""),
        (json!({"vendor": "slack", "call": "*", "fault": "feed_late", "secs": 3}), "\"call\""),
        (json!({"vendor": "zendesk", "call": "events", "fault": "feed_late", "secs": 3}), "\"call\""),
        (json!({"vendor": "slack", "call": "*", "fault": "rate_limited_plain"}), "\"retry_after\""),
        (json!("html"), "object"),
    ] {
        let (status, answer) = switch(&router, &json!([good, entry]).to_string()).await;
        let why = answer["error"].as_str().unwrap_or_default();
        assert_eq!(status, 400, "{entry}");
        assert!(why.contains("entry 1") && why.contains(names), "{entry}: {why}");
    }
    for nonsense in ["", "{}", "[", "\"x\""] {
        assert_eq!(switch(&router, nonsense).await.0, 400, "{nonsense}");
    }
    assert!(sandbox.slack.faults().list().is_empty());
    let many: Vec<Value> = std::iter::repeat_n(good, 201).collect();
    assert_eq!(switch(&router, &json!(many).to_string()).await.0, 400);
}
