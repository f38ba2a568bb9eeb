//! How long a burst takes under the vendors' limits, and what a flood costs the others. The clock is moved by hand, so the
//! figures are exact: a second in them is a second that a vendor's limit took.
//!
//! `cargo test --test drain -- --nocapture` prints them.

#[allow(dead_code)]
#[path = "it/house.rs"]
mod house;

use std::time::Duration;

use house::{House, Setup};
use sidethread::bridge::ids::Ts;
use sidethread::engine::bundle;
use sidethread::engine::clock::Clock;

/// The stretch in which Zendesk counts creates and replies.
const STRETCH: Duration = Duration::from_secs(600);

struct Talk {
    id: String,
    place: (String, String),
}

async fn house(config: &'static str) -> House {
    House::with(Setup { config, limits: true, ..Default::default() }).await
}

/// Bridged threads, with every budget whole again.
async fn talks(app: &House, count: usize) -> Vec<Talk> {
    let mut ids = Vec::new();
    for i in 0..count {
        ids.push(app.zendesk.start_side_conversation(
            app.zoe,
            app.ticket,
            &["engineering@slack.acme.example"],
            &format!("Talk {i}"),
            "<p>What is it?</p>",
        ));
    }
    app.settle().await;
    app.clock.advance(STRETCH * 2);
    app.settle_within(Duration::ZERO).await;
    ids.into_iter().map(|id| Talk { place: app.thread(&id), id }).collect()
}

fn say(app: &House, talk: &Talk, text: &str) {
    app.slack.say(&app.ana, &talk.place.0, Some(&talk.place.1), text).unwrap();
}

/// The texts of a side conversation's replies, each with the time of the reply that carried it.
fn arrived(app: &House, talk: &Talk) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    for event in app.zendesk.events(&talk.id).iter().filter(|event| event["type"] == "reply") {
        let at: jiff::Timestamp = event["created_at"].as_str().unwrap().parse().unwrap();
        let lines = event["message"]["body"].as_str().unwrap().lines();
        let words = lines.filter(|line| line.starts_with("word "));
        found.extend(words.map(|word| (word.to_owned(), at.as_millisecond())));
    }
    found
}

/// The drain of a burst, in seconds: what it took, and the least that the limit allows when everything that may travels
/// together.
async fn drain(limit: u32, config: &'static str, messages: usize, threads: usize) -> (f64, f64) {
    let app = house(config).await;
    let talks = talks(&app, threads).await;
    let each = messages / threads;
    app.zendesk.clear_calls();
    let began = app.clock.now_ms();
    for n in 0..each {
        for talk in &talks {
            say(&app, talk, &format!("word {n}"));
        }
    }
    app.settle_within(Duration::from_secs(3 * 3600)).await;
    let mut last = began;
    for talk in &talks {
        let arrived = arrived(&app, talk);
        let expected: Vec<String> = (0..each).map(|n| format!("word {n}")).collect();
        assert_eq!(
            arrived.iter().map(|(word, _)| word.clone()).collect::<Vec<_>>(),
            expected,
            "each once and in order"
        );
        last = arrived.iter().map(|(_, at)| *at).fold(last, i64::max);
    }
    app.ends_quietly().await;
    let calls = threads * each.div_ceil(bundle::MOST);
    let least = (calls - 1) / limit as usize * STRETCH.as_secs() as usize;
    let made = app.zendesk.calls().iter().filter(|(call, _)| call == "POST …/reply").count();
    let took = (last - began) as f64 / 1000.0;
    println!(
        "{messages:>5} replies over {threads:>3} threads, {limit:>3} calls in 10 minutes: {made:>3} calls (least {calls}), \
         drained in {took} s, least {least} s"
    );
    (took, least as f64)
}

#[tokio::test]
async fn a_burst_drains_as_fast_as_the_limits_allow() {
    let narrow = "side_conversation_writes_per_10_min = 30";
    for (messages, threads) in [(200, 10), (200, 100), (2000, 10), (2000, 100)] {
        for (limit, config) in [(300, ""), (30, narrow)] {
            let (took, least) = drain(limit, config, messages, threads).await;
            assert!(took <= least * 1.1, "{messages} over {threads}: {took} s instead of {least} s");
        }
    }
}

#[tokio::test]
async fn one_thread_that_floods_delays_ten_quiet_ones_by_one_slot_at_most() {
    let app = house("").await;
    let talks = talks(&app, 11).await;
    let (flood, quiet) = talks.split_first().unwrap();
    // Ten words a second in one thread; the others say one each, at different times.
    let mut said: Vec<(usize, i64)> = Vec::new();
    for n in 0..1000 {
        say(&app, flood, &format!("word {n}"));
        if n % 95 == 40 && said.len() < quiet.len() {
            said.push((said.len(), app.clock.now_ms()));
            say(&app, &quiet[said.len() - 1], "word of a quiet thread");
        }
        app.settle_within(Duration::ZERO).await;
        app.clock.advance(Duration::from_millis(100));
    }
    app.settle_within(Duration::from_secs(3600)).await;
    app.ends_quietly().await;
    let slot_ms = STRETCH.as_millis() as i64 / 300;
    let delays: Vec<i64> = said.iter().map(|(i, at)| arrived(&app, &quiet[*i])[0].1 - at).collect();
    let flooded = arrived(&app, flood);
    assert_eq!(flooded.len(), 1000);
    let began = said[0].1 - 4_000;
    let longest = (0..1000).map(|n| flooded[n].1 - (began + n as i64 * 100)).max().unwrap();
    println!("a flood of 1,000: the quiet ones waited {delays:?} ms, the flood's own words {longest} ms at most");
    assert_eq!(delays.len(), 10);
    assert!(delays.iter().all(|delay| *delay <= slot_ms), "{delays:?}");
    assert!(longest < 30_000, "{longest}");
}

#[tokio::test]
async fn a_flood_that_is_there_at_once_delays_quiet_threads_of_its_channel_by_one_post_at_most() {
    let app = house("").await;
    let talks = talks(&app, 11).await;
    let (flood, quiet) = talks.split_first().unwrap();
    let long = "x".repeat(1_500);
    for n in 0..100 {
        app.zendesk.reply(app.zoe, &flood.id, &format!("<p>{long} {n}</p>"));
    }
    app.settle_within(Duration::from_secs(3)).await;
    for (i, talk) in quiet.iter().enumerate() {
        app.clock.advance(Duration::from_millis(2_300));
        app.settle_within(Duration::ZERO).await;
        let at = app.clock.now_ms();
        app.zendesk.reply(app.yan, &talk.id, &format!("<p>quiet {i}</p>"));
        app.settle_within(Duration::from_millis(1_100)).await;
        let (channel, ts) = &talk.place;
        let post = app.slack.thread(channel, ts).into_iter().find(|m| m["text"] == format!("quiet {i}").as_str());
        let post = post.unwrap_or_else(|| panic!("quiet {i} waits {} ms", app.clock.now_ms() - at));
        let posted = post["ts"].as_str().unwrap().parse::<Ts>().unwrap().millis();
        assert!(posted - at <= 1_000, "{}", posted - at);
    }
    assert!(!app.app.engine().unwrap().is_idle(), "the flood still waits, or nothing was shown");
    app.settle_within(Duration::from_secs(600)).await;
    app.ends_quietly().await;
}
