//! The account-wide feed.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use sidethread_sandbox::faults::Fault;

use super::{Account, START};

#[tokio::test]
async fn the_feed_repeats_its_boundary_and_stands_still_in_a_full_second() {
    let account = Account::new();
    let id = account.started();
    account.pass(859);
    for _ in 0..3 {
        for _ in 0..45 {
            account.zendesk.reply(account.agent, &id, "x");
            account.pass(10);
        }
        account.pass(550);
    }
    let start = START / 1000;
    let first = account
        .get(&format!("tickets/side_conversations/events?start_time={start}&include=side_conversations"))
        .await
        .json;
    assert_eq!((&first["count"], &first["end_time"]), (&json!(100), &json!(start + 3)));
    assert_eq!(first["side_conversations"][0]["id"], id.as_str());
    let next = first["next_page"].as_str().and_then(|url| url.split("/api/v2/").nth(1)).unwrap_or("").to_owned();
    let second = account.get(&next).await.json;
    assert_eq!((&second["count"], &second["next_page"]), (&json!(45), &Value::Null));
    assert_eq!(second["events"][0], first["events"][91], "the boundary second comes again");
    for _ in 0..150 {
        account.zendesk.reply(account.agent, &id, "y");
    }
    let full = account.clock.load(Ordering::SeqCst) / 1000;
    let stuck = account.get(&format!("tickets/side_conversations/events.json?start_time={full}")).await.json;
    assert_eq!((&stuck["count"], &stuck["end_time"]), (&json!(100), &json!(full)));
    assert!(stuck["next_page"].as_str().is_some_and(|url| url.ends_with(&format!("start_time={full}"))));
    assert_eq!(account.get_as(account.agent, "tickets/side_conversations/events?start_time=1").await.status, 403);
    assert_eq!(account.get("tickets/side_conversations/events").await.status, 400);
}

#[tokio::test]
async fn the_feed_is_quick_with_a_hundred_thousand_events() {
    let account = Account::new();
    let id = account.started();
    for _ in 0..100_000 {
        account.pass(100);
        account.zendesk.reply(account.agent, &id, "x");
    }
    let began = std::time::Instant::now();
    let late = account.clock.load(Ordering::SeqCst) / 1000 - 5;
    for _ in 0..50 {
        let page = account.get(&format!("tickets/side_conversations/events?start_time={late}")).await.json;
        assert!(page["count"].as_i64().is_some_and(|count| (50..=60).contains(&count)));
    }
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[tokio::test]
async fn rows_of_the_feed_show_late_and_out_of_order() {
    let account = Account::new();
    let id = account.started();
    account.fault("GET side_conversations/events", Fault::FeedLate { secs: 30 }, Some(1));
    let late = account.zendesk.reply(account.agent, &id, "Late");
    account.pass(1_000);
    let punctual = account.zendesk.reply(account.agent, &id, "Punctual");
    let feed = async || {
        let answer = account.get(&format!("tickets/side_conversations/events?start_time={}", START / 1000)).await;
        let rows = answer.json["events"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(feed().await, [id.clone(), punctual.clone()]);
    assert_eq!(account.get(&account.at(&id, "/events")).await.json["count"], 3, "only the feed is late");
    account.pass(28_999);
    assert_eq!(feed().await, [id.clone(), punctual.clone()]);
    account.pass(1);
    assert_eq!(feed().await, [id, late, punctual], "by time, not by when it showed");
    assert!(account.zendesk.faults().list().is_empty());
}
