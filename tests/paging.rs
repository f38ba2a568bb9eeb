//! The sandbox's page over much: what is seen is drawn, and the rest can be reached.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use sidethread::sandbox::post::Now;
use sidethread::sandbox::{Credentials, Furnishing, Sandbox};
use tower::ServiceExt;

const START: i64 = 1_790_000_000_000;
const SUPPORT: &str = "C0SUPPORT01";

fn sandbox(tickets: usize) -> Sandbox {
    let now: Now = Arc::new(|| START);
    let furnishing = Furnishing { past: true, more_tickets: tickets };
    Sandbox::furnished("http://127.0.0.1:8080", now, 7, Credentials::of_seed(7), furnishing)
}

async fn get(router: &Router, path: &str) -> (StatusCode, String, String) {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let response = router.clone().oneshot(request).await.expect("the router is infallible");
    let (parts, body) = response.into_parts();
    let location = parts.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    (parts.status, location.to_owned(), String::from_utf8_lossy(&bytes).into_owned())
}

fn threads(page: &str) -> Vec<String> {
    let ids = page.split("<div class=\"thread\" id=\"thread-").skip(1);
    ids.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

/// Where a link of this name leads.
fn link(page: &str, name: &str) -> Option<String> {
    let before = page.split(&format!("\">{name}</a>")).next().filter(|before| before.len() < page.len())?;
    Some(before.rsplit("href=\"").next()?.replace("&amp;", "&").replace("&#38;", "&"))
}

#[tokio::test]
async fn every_thread_of_a_long_channel_is_on_one_of_its_pages() {
    let sandbox = sandbox(1200);
    let router = sandbox.router();
    let messages = sandbox.slack.messages(SUPPORT);
    let roots: Vec<&str> = messages
        .iter()
        .filter(|message| message.get("thread_ts").is_none_or(|root| *root == message["ts"]))
        .filter_map(|message| message["ts"].as_str())
        .collect();
    assert!(roots.len() > 45, "{}", roots.len());
    let (_, _, latest) = get(&router, &format!("/?channel={SUPPORT}")).await;
    let mut found: Vec<String> = Vec::new();
    let mut page = latest.clone();
    loop {
        let mut seen = threads(&page);
        assert!(seen.len() <= 20, "{}", seen.len());
        seen.append(&mut found);
        found = seen;
        let Some(earlier) = link(&page, "Earlier") else { break };
        page = get(&router, &earlier).await.2;
        assert!(link(&page, "Later").is_some(), "there is a way back");
    }
    assert_eq!(found, roots);
    while let Some(later) = link(&page, "Later") {
        page = get(&router, &later).await.2;
    }
    assert_eq!(threads(&page), threads(&latest));
}

#[tokio::test]
async fn a_link_to_a_message_of_long_ago_opens_the_page_that_has_it() {
    let sandbox = sandbox(1200);
    let router = sandbox.router();
    let messages = sandbox.slack.messages(SUPPORT);
    let answer =
        messages.iter().find(|message| message["thread_ts"] != message["ts"] && message["thread_ts"].is_string());
    let answer = answer.and_then(|message| message["ts"].as_str()).expect("an answer");
    let (status, location, _) = get(&router, &format!("/?channel={SUPPORT}&at=m{answer}")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(location.ends_with(&format!("&at=m{answer}#m{answer}")), "{location}");
    let (status, _, page) = get(&router, location.split('#').next().unwrap_or_default()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains(&format!("id=\"m{answer}\"")));
    // What is new is seen, wherever the window was.
    let marta = "U0MARTA0001";
    let ts = sandbox.slack.say(marta, SUPPORT, None, "Something new").expect("said");
    let (_, location, _) = get(&router, &location.replace(answer, &ts)).await;
    assert!(!location.contains("until="), "{location}");
    let (status, _, page) = get(&router, location.split('#').next().unwrap_or_default()).await;
    assert_eq!((status, page.contains("Something new")), (StatusCode::OK, true));
}

#[tokio::test]
async fn a_part_of_the_page_is_drawn_alone() {
    let sandbox = sandbox(0);
    let router = sandbox.router();
    let (_, _, whole) = get(&router, "/?ticket=35436&channel=C0SUPPORT01").await;
    for (name, id) in [("bar", "bar"), ("desk", "desk"), ("bridge", "bridge"), ("slack", "slack")] {
        let (status, _, part) = get(&router, &format!("/sandbox/parts/{name}?ticket=35436&channel=C0SUPPORT01")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(part.contains(&format!("id=\"{id}\"")), "{name}");
        assert!(whole.contains(part.trim()) || name == "bridge", "{name}: it is what the page has");
        assert!(part.len() < whole.len() / 2 || name == "slack", "{name}");
    }
    let (_, _, both) = get(&router, "/sandbox/parts/slack,desk,nonsense?ticket=35436").await;
    assert!(both.contains("id=\"desk\"") && both.contains("id=\"slack\"") && !both.contains("id=\"bar\""));
}
