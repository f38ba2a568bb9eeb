//! The firm: its introduction, its secrets, its size, its time and its limits, and how it is kept.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use sidethread_sandbox::post::{Now, Sender};
use sidethread_sandbox::zendesk::TicketChange;
use sidethread_sandbox::{Credentials, Furnishing, Sandbox, Written};

use super::{HOST, MARTA, START, SUPPORT, sandbox, send};

#[tokio::test]
async fn nothing_of_the_past_is_sent_to_the_bridge() {
    let sandbox = sandbox();
    assert!(sandbox.slack.take_due().is_empty());
    assert!(sandbox.zendesk.take_due().is_empty());
    let messages = sandbox.slack.messages(SUPPORT);
    assert!(messages.len() >= 5);
    let latest = messages.iter().filter_map(|message| message["ts"].as_str()).max().unwrap_or_default();
    assert!(latest < "1790000000.000000", "{latest}");
    let ticket = sandbox.zendesk.ticket(sandbox.world.tickets[0]).expect("a ticket");
    assert!(ticket["created_at"].as_str() < Some("2026-09-15"), "{ticket}");
}

#[tokio::test]
async fn the_introduction_holds_what_one_needs() {
    let sandbox = sandbox();
    let said = sandbox.introduction();
    let credentials = sandbox.credentials();
    for person in &sandbox.world.people {
        let token = sandbox.slack.token_of(&person.id).expect("a token");
        assert!(said.contains(&token) && said.contains(&person.name), "{}", person.name);
    }
    for needed in [
        &credentials.slack_bot_token,
        &credentials.zendesk_client_secret,
        &credentials.channel_domain,
        "http://127.0.0.1:8080/ ",
        "slack_sdk",
        "base_url=\"http://127.0.0.1:8080/slack/api/\"",
        "chat.postMessage",
        "/zendesk/api/v2/tickets/35436/side_conversations",
        "\"state\":\"closed\"",
    ] {
        assert!(said.contains(needed), "{needed}");
    }
    assert!(!said.contains("&#") && !said.contains("&quot;"), "nothing is escaped for HTML");
}

#[tokio::test]
async fn secrets_are_new_each_time_and_a_seed_gives_the_same_firm() {
    let now: Now = Arc::new(|| START);
    let (one, other) = (Sandbox::new("http://x", now.clone(), 7), Sandbox::new("http://x", now, 7));
    assert_ne!(one.credentials().slack_signing_secret, other.credentials().slack_signing_secret);
    assert_ne!(one.credentials().zendesk_webhook_secret, other.credentials().zendesk_webhook_secret);
    let (one, other) = (sandbox(), sandbox());
    assert_eq!(one.introduction(), other.introduction());
    assert_eq!(one.zendesk.tickets(), other.zendesk.tickets());
    assert_eq!(one.slack.messages(SUPPORT), other.slack.messages(SUPPORT));
}

#[tokio::test]
async fn time_passes_for_what_waits_for_it() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let solved = |sandbox: &Sandbox| {
        let tickets = sandbox.zendesk.tickets();
        let of =
            tickets.iter().filter(|ticket| ticket["status"] == "solved").filter_map(|ticket| ticket["id"].as_i64());
        of.collect::<Vec<i64>>()
    };
    let ticket = sandbox.world.tickets[0];
    let solve = TicketChange { status: Some("solved".into()), ..TicketChange::default() };
    assert!(sandbox.zendesk.set_ticket(ticket, solve));
    let form = "grant_type=client_credentials&client_id=sidethread_sandbox&client_secret=";
    let request = Request::post("/zendesk/oauth/tokens")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("{form}{}", sandbox.credentials().zendesk_client_secret)))
        .expect("a request");
    let token = send(&router, request).await.json()["access_token"].as_str().expect("a token").to_owned();
    let me = async || {
        let request = Request::get(format!("/zendesk/api/v2/tickets/{ticket}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty())
            .expect("a request");
        send(&router, request).await.status
    };
    assert_eq!(me().await, StatusCode::OK);
    let forward = async |body: Value| {
        let request = Request::post("/sandbox/clock").body(Body::from(body.to_string())).expect("a request");
        let answer = send(&router, request).await;
        (answer.status.as_u16(), answer.json())
    };
    let (status, told) = forward(json!({"forward": "95h"})).await;
    assert_eq!(status, 200, "{told}");
    assert!(solved(&sandbox).contains(&ticket), "not yet four days");
    assert_eq!(me().await, StatusCode::UNAUTHORIZED, "its token has ended");
    let (_, told) = forward(json!({"forward": "1h"})).await;
    assert_eq!(told["closed"], json!([{"ticket": ticket, "status": "closed"}]));
    assert_eq!(solved(&sandbox), Vec::<i64>::new());
    assert_eq!(sandbox.zendesk.ticket(ticket).expect("a ticket")["updated_at"], "2026-09-21T14:13:20Z");
    for (nonsense, names) in [
        (json!({"forward": "4"}), "4"),
        (json!({"forward": "-4d"}), "-4d"),
        (json!({"forward": "401d"}), "401d"),
        (json!({"forward": "é"}), "é"),
        (json!({"backward": "1d"}), "backward"),
        (json!([]), "forward"),
    ] {
        let (status, told) = forward(nonsense).await;
        assert!(status == 400 && told["error"].as_str().is_some_and(|why| why.contains(names)), "{told}");
    }
}

#[tokio::test]
async fn the_limits_are_kept_dropped_or_scaled() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let set = async |body: Value| {
        let request = Request::post("/sandbox/limits").body(Body::from(body.to_string())).expect("a request");
        let answer = send(&router, request).await;
        (answer.status.as_u16(), answer.json())
    };
    let bot = format!("Bearer {}", sandbox.credentials().slack_bot_token);
    let refused = async || {
        for call in 0..40 {
            let request = Request::get("/slack/api/users.list").header(header::AUTHORIZATION, &bot);
            let answer = send(&router, request.body(Body::empty()).expect("a request")).await;
            if answer.status == StatusCode::TOO_MANY_REQUESTS {
                return Some(call);
            }
        }
        None
    };
    assert_eq!(refused().await, Some(20), "tier 2");
    assert_eq!(set(json!({"limits": "off"})).await.0, 200);
    assert_eq!(refused().await, None);
    let (_, told) = set(json!({"limits": "scaled", "percent": 10, "vendor": "slack"})).await;
    assert_eq!(told["now"], json!({"slack": {"limits": "scaled", "percent": 10}, "zendesk": {"limits": "off"}}));
    assert_eq!(refused().await, Some(2));
    let agent = sandbox.world.agents[0].0;
    let token = format!("Bearer {}", sandbox.zendesk.token_of(agent).expect("a token"));
    assert_eq!(set(json!({"limits": "scaled", "percent": 1, "vendor": "zendesk"})).await.0, 200);
    for expected in [200, 200, 200, 200, 200, 200, 200, 429] {
        let request = Request::get("/zendesk/api/v2/groups").header(header::AUTHORIZATION, &token);
        let answer = send(&router, request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status.as_u16(), expected);
        if expected == 200 {
            assert_eq!(answer.header("ratelimit-limit"), "7");
        }
    }
    assert_eq!(set(json!({"limits": "documented"})).await.0, 200);
    assert_eq!(refused().await, Some(20));
    for nonsense in [
        json!({"limits": "none"}),
        json!({"limits": "off", "percent": 3}),
        json!({"limits": "scaled"}),
        json!({"limits": "scaled", "percent": 0}),
        json!({"limits": "off", "vendor": "x"}),
        json!({"limit": "off"}),
    ] {
        assert_eq!(set(nonsense.clone()).await.0, 400, "{nonsense}");
    }
}

#[tokio::test]
async fn a_big_firm_has_its_stories_and_many_tickets_before_them() {
    let now: Now = Arc::new(|| START);
    let furnished = |tickets: usize| {
        let furnishing = Furnishing { past: true, more_tickets: tickets };
        Sandbox::furnished("http://x", now.clone(), 7, Credentials::of_seed(7), furnishing)
    };
    let big = furnished(200);
    assert_eq!(big.world.tickets.len(), 212);
    assert_eq!((big.world.tickets[0], big.world.tickets[12], big.world.tickets[211]), (35436, 35236, 35435));
    assert_eq!(big.zendesk.tickets(), furnished(200).zendesk.tickets(), "by seed");
    assert!(big.slack.take_due().is_empty() && big.zendesk.take_due().is_empty());
    let times: Vec<String> =
        big.zendesk.tickets().iter().map(|ticket| ticket["created_at"].as_str().expect("a time").to_owned()).collect();
    assert!(times[..200].is_sorted());
    let sides = big.world.tickets.iter().flat_map(|ticket| big.zendesk.side_conversations(*ticket)).count();
    assert!(sides >= 20, "{sides}");
}

#[tokio::test]
async fn what_is_kept_is_read_again_as_it_was() {
    let now: Now = Arc::new(|| START);
    let sandbox = sandbox();
    let agent = sandbox.world.agents[0].0;
    let ticket = sandbox.world.tickets[0];
    sandbox.slack.say(MARTA, SUPPORT, None, "hello").expect("said");
    let file = sandbox.zendesk.add_file("a.png", "image/png", b"\x89PNG");
    let side = sandbox.zendesk.desk_start(agent, ticket, &["a@b.example"], "s", "m").expect("started");
    sandbox.zendesk.reply_with(agent, &side, "<p>see</p>", &[&file]);
    sandbox.zendesk.faults().add(serde_json::from_value(json!({"call": "*", "fault": "html"})).expect("a rule"));
    assert!(sandbox.take_touched() && !sandbox.take_touched());
    let kept = sandbox.keep(true).expect("kept");
    let again = Sandbox::restored(&format!("http://{HOST}"), now.clone(), 8, &kept).expect("read");
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let once_more = again.keep(true).expect("kept");
    assert!(read(&once_more.firm) == read(&kept.firm), "something is not kept");
    assert_eq!(once_more.tickets, kept.tickets);
    assert_eq!(again.introduction(), sandbox.introduction());
    assert_eq!(again.zendesk.tickets(), sandbox.zendesk.tickets());
    assert_eq!(again.zendesk.events(&side), sandbox.zendesk.events(&side));
    assert_eq!(again.slack.messages(SUPPORT), sandbox.slack.messages(SUPPORT));
    assert_eq!(again.zendesk.faults().list(), sandbox.zendesk.faults().list());
    // What was on its way when it was written down is sent.
    assert_eq!(again.slack.take_due(), sandbox.slack.take_due());
    assert_eq!(again.zendesk.take_due(), sandbox.zendesk.take_due());
    assert_eq!(again.slack.say(MARTA, SUPPORT, None, "more"), sandbox.slack.say(MARTA, SUPPORT, None, "more"));
    let other = Written { firm: kept.firm.replacen("\"version\":2", "\"version\":9", 1), tickets: String::new() };
    let why = Sandbox::restored("http://x", now, 8, &other).err().expect("refused").to_string();
    assert!(why.contains("version 9"), "{why}");
}

#[tokio::test]
async fn the_past_fits_the_hour_at_which_one_comes() {
    let sandbox = sandbox();
    let mut tickets = sandbox.zendesk.tickets();
    tickets.sort_by_key(|ticket| ticket["id"].as_i64());
    let times: Vec<&str> = tickets.iter().filter_map(|ticket| ticket["created_at"].as_str()).collect();
    assert!(times.is_sorted() && times.len() == sandbox.world.tickets.len(), "numbers rise with time: {times:?}");
    let at = jiff::Timestamp::from_millisecond(START - 190 * 60_000).expect("a time").strftime("%H:%M UTC").to_string();
    let silent = format!("order.shipped webhook stopped arriving at {at}");
    let ticket = tickets.iter().find(|ticket| ticket["subject"] == silent.as_str()).expect("the story of the webhook");
    assert!(ticket["description"].to_string().contains(&format!("since {at}")));
    let in_slack = json!(sandbox.slack.messages(SUPPORT)).to_string();
    assert!(in_slack.contains(&format!("silent since {at}")), "the same hour in Slack");
    let said = json!(tickets).to_string() + &in_slack;
    assert!(!said.contains("{utc") && !said.contains("{domain}") && !said.contains("{n}"));
}

#[tokio::test]
async fn of_the_tickets_those_that_changed_are_kept() {
    let now: Now = Arc::new(|| START);
    let sandbox = sandbox();
    let Written { tickets: mut lines, .. } = sandbox.keep(false).expect("kept");
    assert_eq!(lines.lines().count(), sandbox.world.tickets.len(), "at first, all");
    assert_eq!(sandbox.keep(false).expect("kept").tickets, "");
    let (agent, ticket) = (sandbox.world.agents[0].0, sandbox.world.tickets[3]);
    assert!(sandbox.take_touched());
    assert!(sandbox.zendesk.add_comment(ticket, agent, "One more word", true));
    let later = sandbox.keep(false).expect("kept");
    assert!(later.tickets.starts_with(&format!("[{ticket},")) && later.tickets.lines().count() == 1);
    assert!(sandbox.take_touched() && !sandbox.take_touched(), "to be kept is no change");
    lines.push_str(&later.tickets);
    let url = format!("http://{HOST}");
    let again = Sandbox::restored(&url, now.clone(), 8, &Written { firm: later.firm.clone(), tickets: lines });
    assert_eq!(again.expect("read").zendesk.tickets(), sandbox.zendesk.tickets());

    // As the first version wrote it: the tickets in the account.
    let all = sandbox.keep(true).expect("kept");
    let mut first: Value = serde_json::from_str(&all.firm).expect("JSON");
    let ticket = |line: &str| serde_json::from_str::<(i64, Value)>(line).expect("a ticket");
    let tickets = all.tickets.lines().map(ticket).map(|(id, ticket)| (id.to_string(), ticket));
    first["zendesk"]["tickets"] = Value::Object(tickets.collect());
    first["version"] = 1.into();
    let again = Sandbox::restored(&url, now, 8, &Written { firm: first.to_string(), tickets: String::new() });
    assert_eq!(again.expect("read").zendesk.tickets(), sandbox.zendesk.tickets());
}
