//! Many threads want to know of one channel: it is asked about once, and nobody else waits for that.

use std::time::Duration;

use sidethread::engine::clock::Clock;
use sidethread::sandbox::slack::ChannelSpec;

use crate::house::{House, Setup};

/// More than Slack lets the app ask about channels in a minute.
const THREADS: usize = 60;

fn asked(app: &House) -> usize {
    app.slack.calls().iter().filter(|(call, _)| call == "conversations.info").count()
}

fn begin(app: &House, channel: &str, subject: &str) -> String {
    let to = format!("{channel}@slack.acme.example");
    app.zendesk.start_side_conversation(app.zoe, app.ticket, &[&to], subject, "<p>Down?</p>")
}

async fn house() -> House {
    House::with(Setup { limits: true, ..Setup::default() }).await
}

/// How long it takes until a card stands in a channel that is open, in milliseconds.
async fn card_in_the_open(app: &House) -> i64 {
    let began = app.clock.now_ms();
    let open = begin(app, "engineering", "Quiet");
    while app.find_thread(&open).is_none() {
        assert!(app.clock.now_ms() - began < 600_000, "it never comes");
        app.pass(Duration::from_millis(500)).await;
    }
    app.clock.now_ms() - began
}

#[tokio::test]
async fn many_cards_for_a_closed_channel_keep_no_other_waiting() {
    let app = house().await;
    let closed = app.slack.add_channel(ChannelSpec { name: "secret".into(), ..Default::default() });
    app.slack.archive_channel(&closed).unwrap();
    let all: Vec<String> = (0..THREADS).map(|n| begin(&app, "secret", &format!("Loud {n}"))).collect();
    app.settle_within(Duration::ZERO).await;
    let late = card_in_the_open(&app).await;
    assert!(late <= 2_000, "{late} ms");
    assert!(asked(&app) < 10, "{}", asked(&app));
    app.slack.unarchive_channel(&closed).unwrap();
    app.settle().await;
    app.pass(Duration::from_secs(600)).await;
    let missing = all.iter().filter(|sc| app.find_thread(sc).is_none()).count();
    assert_eq!(missing, 0);
    app.ends_quietly().await;
}

#[tokio::test]
async fn many_threads_of_a_channel_that_closes_keep_no_other_waiting() {
    let app = house().await;
    let spec = ChannelSpec { name: "loud".into(), private: true, app_is_member: true, ..Default::default() };
    let loud = app.slack.add_channel(spec);
    let all: Vec<String> = (0..THREADS).map(|n| begin(&app, "loud", &format!("Loud {n}"))).collect();
    app.settle().await;
    app.pass(Duration::from_secs(120)).await;
    app.slack.remove_app_from(&loud).unwrap();
    let before = asked(&app);
    for sc in &all {
        app.zendesk.reply(app.zoe, sc, "<p>Anybody?</p>");
    }
    app.pass(Duration::from_secs(30)).await;
    let late = card_in_the_open(&app).await;
    assert!(late <= 2_000, "{late} ms");
    app.pass(Duration::from_secs(120)).await;
    assert!(asked(&app) - before < THREADS, "{}", asked(&app) - before);
    app.slack.set_members(&loud, std::slice::from_ref(&app.slack.options().bot_user_id)).unwrap();
    app.settle_within(Duration::from_secs(3 * 3600)).await;
    let missing = all.iter().filter(|sc| !app.said(sc).iter().any(|(_, text)| text.contains("Anybody?"))).count();
    assert_eq!(missing, 0);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_question_that_fails_or_dies_with_the_app_is_asked_again_for_all() {
    for crash in [false, true] {
        let mut app = house().await;
        app.slack.add_channel(ChannelSpec { name: "room".into(), ..Default::default() });
        let rule = serde_json::json!({"call": "conversations.info", "fault": "status", "status": 500, "times": 2});
        app.slack.faults().add(serde_json::from_value(rule).unwrap());
        let all: Vec<String> = (0..10).map(|n| begin(&app, "room", &format!("Loud {n}"))).collect();
        app.settle_within(Duration::ZERO).await;
        if crash {
            app.restart().await;
        }
        app.settle().await;
        assert_eq!(all.iter().filter(|sc| app.find_thread(sc).is_some()).count(), all.len(), "crash: {crash}");
        app.ends_quietly().await;
    }
}
