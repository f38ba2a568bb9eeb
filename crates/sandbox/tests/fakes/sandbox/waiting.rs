//! The page says of a message that has not arrived what it waits for, as the bridge tells.

use axum::Router;
use serde_json::{Value, json};
use sidethread_sandbox::Sandbox;

use super::{START, SUPPORT, get, sandbox};

const PRIYA: &str = "U0PRIYA0001";

/// A sandbox whose bridge tells of one message that somebody wrote in a bridged thread, and of what it set off; the message's
/// way on the page, and the page.
async fn shown(event: Value, calls: Value) -> (String, String) {
    let sandbox: Sandbox = sandbox();
    let agent = sandbox.world.agents[0].0;
    let to = format!("support-engineering@{}", sandbox.credentials().channel_domain);
    let side = sandbox.zendesk.desk_start(agent, 35436, &[&to], "Gate 4", "Who opens gate 4?").expect("started");
    let metadata = json!({"event_type": "sidethread", "event_payload": {"k": format!("{side}/card")}});
    let token = sandbox.credentials().slack_bot_token.clone();
    let router = sandbox.router();
    let post = axum::http::Request::post("/slack/api/chat.postMessage")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json; charset=utf-8")
        .body(
            json!({"channel": SUPPORT, "text": "Marta asks: Who opens gate 4?", "metadata": metadata})
                .to_string()
                .into(),
        )
        .expect("a request");
    let root = super::send(&router, post).await.json()["ts"].as_str().expect("a card").to_owned();
    let ts = sandbox.slack.say(PRIYA, SUPPORT, Some(&root), "I do.").expect("a message");
    let mut told = json!({
        "seq": 7, "source": "slack", "key": format!("{ts}:{SUPPORT}"), "name": ts, "received_at": START,
        "done_at": START, "ignored": null, "waits": null,
    });
    told.as_object_mut().expect("an object").extend(event.as_object().cloned().unwrap_or_default());
    let lanes = json!({
        "ready": true, "nudges": [], "counts": {"held": 0, "unhandled": 0, "waiting": 1, "parked": 0},
        "messages": [{"event": told, "thread": {"channel_id": SUPPORT, "thread_ts": root}, "calls": calls}],
    })
    .to_string();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let operator = Router::new().route("/lanes", axum::routing::get(|| async move { lanes.clone() }));
    tokio::spawn(async move { axum::serve(listener, operator).await });
    sandbox.operator.is_at(move || url.clone(), reqwest::Client::builder().no_proxy().build().expect("a client"));
    let page = get(&router, "/").await.text;
    let trip = page.split("<li class=\"trip ").nth(1).and_then(|rest| rest.split("</details>").next());
    (trip.unwrap_or_default().to_owned(), page)
}

fn call(state: &str, more: Value) -> Value {
    let mut call = json!({
        "id": 4, "act": "reply", "vendor": "zendesk", "decided_at": START, "not_before": 0, "attempts": 1,
        "attempted_at": START, "doubtful": true, "problem": null, "state": state, "result": null, "settled_at": null,
        "bundle": null, "tries": [], "waits": null,
    });
    call.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    json!([call])
}

fn waits(what: &str, words: &str, until: Option<i64>) -> Value {
    json!({"for": what, "words": words, "until": until})
}

#[tokio::test]
async fn each_state_has_its_line() {
    let press = "until somebody presses “Continue on #9” in its Slack thread";
    let problem = "no answer in time";
    let in_a_minute = Some(START + 60_000);
    let cases = [
        (json!({"waits": waits("press", press, None)}), "waiting", "waits until somebody presses “Continue on #9”"),
        (json!({"waits": waits("answer", "", None)}), "moving", "sent to Zendesk, no answer yet"),
        (
            json!({"waits": waits("turn", "", None), "attempted_at": null}),
            "moving",
            "decided, its turn at Zendesk comes",
        ),
        (json!({"waits": waits("earlier", "for an earlier message", None)}), "waiting", "waits for an earlier message"),
        (json!({"waits": waits("room", "for room: …", in_a_minute)}), "waiting", "waits until 14:14:20 for room: …"),
        (
            json!({"waits": waits("time", "", in_a_minute), "problem": "ratelimited"}),
            "waiting",
            "waits until 14:14:20 for Zendesk: it wants fewer requests",
        ),
        (
            json!({"waits": waits("look", "", in_a_minute), "problem": problem}),
            "waiting",
            "may have arrived already: it is looked for at 14:14:20 before it is sent again: no answer in time",
        ),
        (json!({}), "moving", "sent to Zendesk, no answer yet"),
    ];
    for (more, class, line) in cases {
        let (trip, _) = shown(json!({}), call("waiting", more)).await;
        assert!(trip.starts_with(class), "{class}: {trip}");
        assert_eq!(trip.matches(line).count(), 2, "{line}: on its line and as its last step: {trip}");
    }
    let ends = [
        ("done", json!({"settled_at": START + 5}), "done", "arrived in 5 ms"),
        (
            "done",
            json!({"settled_at": START, "result": "withheld"}),
            "idle",
            "stays in Slack: not sent, because somebody",
        ),
        ("done", json!({"settled_at": START + 1, "result": "of_an_app"}), "idle", "stays in Slack: written by an app"),
        ("parked", json!({"problem": "refused"}), "parked", "set aside for a person: refused"),
        ("dropped", json!({"settled_at": START}), "idle", "given up: a person wanted that, or its author deleted it"),
    ];
    for (state, more, class, line) in ends {
        let (trip, _) = shown(json!({}), call(state, more)).await;
        assert!(trip.starts_with(class) && trip.contains(line), "{class}, {line}: {trip}");
        assert!(trip.contains("class=\"words\""), "people wait for it: {trip}");
    }
    let missed = json!({"done_at": null, "waits": waits("missed", "for what was missed", in_a_minute)});
    let (trip, _) = shown(missed, json!([])).await;
    assert!(trip.starts_with("waiting") && trip.contains("accepted and stored; waits for what was missed"), "{trip}");
}

#[tokio::test]
async fn what_has_not_arrived_says_above_why() {
    let press = "until somebody presses “Continue on #9”";
    let (_, page) = shown(json!({}), call("waiting", json!({"waits": waits("press", press, None)}))).await;
    let proof = page.split("id=\"proof\"").nth(1).and_then(|rest| rest.split("id=\"bridge-act\"").next());
    let proof = proof.expect("it is counted");
    assert!(proof.contains("1 still to arrive") && proof.contains(press), "{proof}");
}

#[tokio::test]
async fn several_parts_set_aside_have_one_button_and_the_first_reason() {
    let mut calls = call("parked", json!({"problem": "the channel is archived"}));
    let behind = call("parked", json!({"id": 5, "problem": "an earlier part is set aside"}));
    calls.as_array_mut().expect("a list").extend(behind.as_array().cloned().unwrap_or_default());
    let (trip, _) = shown(json!({}), calls).await;
    assert!(trip.contains("<p class=\"line\">set aside for a person: the channel is archived"), "{trip}");
    assert_eq!((trip.matches("<button").count(), trip.matches("value=\"4,5\"").count()), (1, 1), "{trip}");
    assert!(trip.contains("Retry<span class=\"unseen\">: Priya, I do.</span>"), "{trip}");
}
