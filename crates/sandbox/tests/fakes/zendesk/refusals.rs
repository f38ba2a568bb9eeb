//! What fails, lags, is limited, or is nonsense.

use serde_json::{Value, json};
use sidethread_sandbox::faults::Fault;
use sidethread_sandbox::zendesk::{Options, StartSpec, TicketChange};

use super::{Account, START, to};

#[tokio::test]
async fn calls_fail_before_or_after_their_work() {
    let account = Account::new();
    let id = account.started();
    let path = account.at(&id, "/reply");
    let reply = || account.call("POST", &path, json!({"message": {"body": "x", "to": to("a@example.org")}}));
    let many = || account.zendesk.events(&id).len();
    for (fault, status, done) in [
        (Fault::Status { status: 503 }, 503, 0),
        (Fault::RateLimited { retry_after: 9 }, 429, 0),
        (Fault::DroppedBefore, 200, 0),
        (Fault::TokenRevoked, 401, 0),
        (Fault::DroppedAfter, 200, 1),
        (Fault::Html, 200, 1),
        (Fault::ErrorAfter, 500, 1),
        (Fault::Latency { ms: 1 }, 200, 1),
    ] {
        let before = many();
        account.fault("POST …/reply", fault.clone(), Some(1));
        let answer = reply().await;
        assert_eq!((answer.status, many() - before), (status, done), "{fault:?}");
        match fault {
            Fault::RateLimited { .. } => assert_eq!(answer.header("retry-after"), "9"),
            Fault::TokenRevoked => assert_eq!(answer.json["error"], "invalid_token"),
            Fault::DroppedBefore | Fault::DroppedAfter => assert_eq!(answer.text, ""),
            Fault::Html => assert!(answer.text.contains("<!DOCTYPE")),
            _ => {}
        }
    }
    assert!(account.zendesk.faults().list().is_empty());
}

#[tokio::test]
async fn reads_lag_behind_writes() {
    let account = Account::new();
    let id = account.started();
    account.pass(60_000);
    account.call("PUT", "tickets/35436", json!({"ticket": {"status": "pending", "comment": {"body": "x"}}})).await;
    account.zendesk.reply(account.agent, &id, "Young");
    account.zendesk.set_state(account.agent, &id, "closed");
    let second = account.started();
    account.fault("*", Fault::ReadsLag { secs: 30 }, None);
    let listed = account.get("tickets/35436/side_conversations?include=side_conversation_events").await.json;
    assert_eq!((&listed["count"], listed["events"].as_array().map(Vec::len)), (&json!(1), Some(1)));
    let then = &listed["side_conversations"][0];
    assert_eq!((&then["state"], &then["preview_text"]), (&json!("open"), &json!("Hello")));
    assert_eq!(account.get(&account.at(&second, "")).await.status, 404);
    assert_eq!(account.get(&account.at(&id, "/events")).await.json["count"], 1);
    assert_eq!(
        account.get(&format!("tickets/side_conversations/events?start_time={}", START / 1000)).await.json["count"],
        1
    );
    assert_eq!(account.get("tickets/35436").await.json["ticket"]["status"], "open");
    assert_eq!(account.get("tickets/35436/comments").await.json["count"], 1);
    account.pass(30_001);
    assert_eq!(account.get("tickets/35436/side_conversations").await.json["count"], 2);
    assert_eq!(account.get(&account.at(&id, "")).await.json["side_conversation"]["state"], "closed");
    assert_eq!(account.get("tickets/35436").await.json["ticket"]["status"], "pending");
    account.zendesk.faults().clear();
}

#[tokio::test]
async fn a_limit_in_plain_text_and_a_slow_failure() {
    let account = Account::new();
    account.fault("*", Fault::RateLimitedPlain { retry_after: 4 }, Some(1));
    let refused = account.get("tickets/35436").await;
    assert_eq!((refused.status, refused.header("retry-after"), &refused.json), (429, "4", &Value::Null));
    account.fault("*", Fault::Latency { ms: 30 }, Some(1));
    account.fault("*", Fault::Status { status: 503 }, Some(1));
    let begun = std::time::Instant::now();
    assert_eq!(account.get("tickets/35436").await.status, 503);
    assert!(begun.elapsed().as_millis() >= 30);
    assert!(account.zendesk.faults().list().is_empty(), "both struck");
}

#[tokio::test]
async fn limits_refuse_in_two_shapes() {
    let account = Account::of(Options::default());
    let note = json!({"ticket": {"comment": {"body": "x", "public": false}}});
    for left in (0..30).rev() {
        let answer = account.call("PUT", "tickets/35436", note.clone()).await;
        assert_eq!(answer.status, 200);
        let said = answer.header("zendesk-ratelimit-per-ticket-updates").to_owned();
        assert_eq!(said, format!("total=30; remaining={left}; resets=600"));
    }
    let refused = account.call("PUT", "tickets/35436", note.clone()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "600"));
    assert_eq!(refused.json["error"], "APIRateLimitExceeded");
    let refused = account.call("PUT", "tickets/35436", note.clone()).await;
    assert_eq!((refused.status, &refused.json), (429, &Value::Null));
    assert!(refused.text.starts_with("Number of allowed"));
    let token = format!("Bearer {}", account.zendesk.token_of(account.agent).unwrap_or_default());
    assert_eq!(account.as_with(&token, "PUT", "tickets/35436", Some(note.clone())).await.status, 200);
    account.pass(600_000);
    assert_eq!(account.call("PUT", "tickets/35436", note).await.status, 200);

    let id = account.started();
    let reply = json!({"message": {"body": "x", "to": to("a@example.org")}});
    for _ in 0..300 {
        assert_eq!(account.call("POST", &account.at(&id, "/reply"), reply.clone()).await.status, 200);
    }
    assert_eq!(account.call("POST", &account.at(&id, "/reply"), reply.clone()).await.status, 429);
    account.pass(60_000);
    let mut told = account.get("users/me").await;
    assert_eq!((told.header("x-rate-limit"), told.header("ratelimit-remaining")), ("700", "699"));
    for _ in 0..699 {
        told = account.get("users/me").await;
    }
    assert_eq!((told.status, told.header("x-rate-limit-remaining"), told.header("ratelimit-reset")), (200, "0", "60"));
    assert_eq!(account.get("users/me").await.status, 429);
}

#[tokio::test]
async fn nonsense_is_refused_and_nothing_breaks() {
    let account = Account::new();
    let id = account.started();
    let bodies = [
        json!([]),
        json!(null),
        json!("x"),
        json!({"ticket": 1}),
        json!({"ticket": {"comment": 1, "tags": 7, "custom_fields": "x",
        "email_ccs": [1], "metadata": [], "requester": 4}}),
        json!({"message": {"to": [null, 1, []]}}),
        json!({"side_conversation": [], "events": [1, {"message": {"to": [{}]}}]}),
    ];
    let paths = [
        "tickets",
        "tickets/35436",
        "tickets/9223372036854775807",
        "tickets/99999999999999999999",
        "tickets/35436/side_conversations",
        "tickets/-1/side_conversations",
        "tickets/35436/side_conversations/import",
        "users/show_many?ids=a,,%FF",
        "users/search?query=email:",
        "tickets?page=0&per_page=0",
        "tickets?page=101",
        "tickets?page[size]=0",
        "tickets?page[after]=zz",
        "tickets?page[before]=at-99999999999999999999",
        "tickets?page[after]=at-18446744073709551615",
        "tickets/side_conversations/events?start_time=-1",
        "tickets/side_conversations/events?start_time=9223372036854775807",
        "tickets/35436/tags",
        "",
        "/",
        "%2F",
    ];
    let more = [
        account.at(&id, ""),
        account.at(&id, "/reply"),
        account.at(&id, "/events/import"),
        account.at("..", "/events"),
    ];
    for path in paths.iter().map(|path| (*path).to_owned()).chain(more) {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            for body in &bodies {
                let answer = account.call(method, &path, body.clone()).await;
                assert!(answer.status < 500, "{method} {path} {body}: {}", answer.text);
            }
        }
    }
    // One of those calls deletes the ticket.
    let restored = TicketChange { deleted: Some(false), ..TicketChange::default() };
    assert!(account.zendesk.set_ticket(account.ticket, restored));
    let spec = StartSpec {
        created_at: Some(i64::MIN),
        to: vec![json!({"email": "a@b.example"})],
        body: Some("x".into()),
        ..StartSpec::default()
    };
    assert!(!account.zendesk.start_side_conversation_with(account.agent, account.ticket, spec).is_empty());
    assert_eq!(account.get("tickets/35436/side_conversations").await.status, 200);
}
