//! Somebody answers while a thread is being linked or read back: every moment of it, and every moment at which the app may end.

use std::task::Poll;
use std::time::Duration;

use sidethread::sandbox::post::Sender;

use crate::house::{House, Setup};

fn fault(app: &House, rule: serde_json::Value) {
    app.slack.faults().add(serde_json::from_value(rule).unwrap());
}

fn deaf(app: &House) {
    fault(app, serde_json::json!({"call": "events", "fault": "events_never"}));
}

/// Somebody writes, and Slack never tells.
async fn unheard(app: &House, channel: &str, ts: &str, text: &str) {
    deaf(app);
    app.slack.say(&app.ben, channel, Some(ts), text).unwrap();
    app.slack.faults().clear();
}

/// Somebody writes, and Slack tells at once.
async fn heard(app: &House, channel: &str, ts: &str, text: &str) {
    app.slack.say(&app.ana, channel, Some(ts), text).unwrap();
    for parcel in app.slack.take_due() {
        let receipt = app.deliver(&parcel).await;
        app.slack.settle(parcel.id, receipt);
    }
}

/// Runs something until it has been polled so often, and then beside something else; says whether it ended before.
async fn interrupted(work: impl Future<Output = ()>, polls: u32, other: impl Future<Output = ()>) -> bool {
    let mut work = std::pin::pin!(work);
    let mut left = polls;
    let ended = std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        work.as_mut().poll(context).map(|()| true)
    })
    .await;
    if ended {
        other.await;
    } else {
        futures_util::future::join(work, other).await;
    }
    ended
}

/// A card stands whose call was not answered: its thread is not linked, and is looked for soon.
async fn with_a_card_in_doubt() -> (House, String, String, String) {
    let app = House::new().await;
    fault(&app, serde_json::json!({"call": "chat.postMessage", "fault": "dropped_after", "times": 1}));
    let to = ["engineering@slack.acme.example"];
    let sc = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
    app.settle_within(Duration::from_millis(500)).await;
    let (channel, ts) = app.thread(&sc);
    (app, sc, channel, ts)
}

#[tokio::test]
async fn an_answer_at_any_moment_around_the_link_arrives_once_and_in_order() {
    for polls in 1.. {
        let (app, sc, channel, ts) = with_a_card_in_doubt().await;
        unheard(&app, &channel, &ts, "one").await;
        let others = async {
            heard(&app, &channel, &ts, "two").await;
            unheard(&app, &channel, &ts, "three").await;
        };
        let ended = interrupted(app.settle_within(Duration::from_secs(30)), polls, others).await;
        app.pass(Duration::from_secs(if ended { 320 } else { 40 })).await;
        app.pass(Duration::from_secs(320)).await;
        assert_eq!(app.answers(&sc), ["one", "two", "three"], "after {polls} polls");
        app.ends_quietly().await;
        if ended {
            assert!(polls > 12, "it was over after {polls} polls, before anything happened");
            return;
        }
    }
}

#[tokio::test]
async fn an_end_at_any_moment_around_the_link_loses_and_doubles_nothing() {
    for polls in 1.. {
        let (mut app, sc, channel, ts) = with_a_card_in_doubt().await;
        unheard(&app, &channel, &ts, "one").await;
        heard(&app, &channel, &ts, "two").await;
        let ended = interrupted(app.settle_within(Duration::from_secs(30)), polls, async {}).await;
        app.leave().await;
        unheard(&app, &channel, &ts, "three").await;
        app.start().await;
        heard(&app, &channel, &ts, "four").await;
        app.settle().await;
        app.pass(Duration::from_secs(320)).await;
        assert_eq!(app.answers(&sc), ["one", "two", "three", "four"], "after {polls} polls");
        app.ends_quietly().await;
        if ended {
            assert!(polls > 12, "it was over after {polls} polls, before anything happened");
            return;
        }
    }
}

/// A round begins, asks the channel, and reads the thread's first page, a step each; then comes the second.
#[tokio::test]
async fn answers_while_a_long_thread_is_read_page_by_page_arrive_once_and_in_order() {
    const MISSED: usize = 203;
    for crash in [false, true] {
        let limits = "side_conversation_writes_per_10_min = 0\nfeed_reads_per_10_min = 0";
        let mut app =
            House::with(Setup { config: limits, slack: "tier_3_calls_per_min = 0", ..Setup::default() }).await;
        let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
        let (channel, ts) = app.thread(&sc);
        app.pass(Duration::from_secs(290)).await;
        deaf(&app);
        let mut expected: Vec<String> = (0..MISSED).map(|n| format!("missed {n}")).collect();
        for text in &expected {
            app.slack.say(&app.ben, &channel, Some(&ts), text).unwrap();
        }
        app.slack.faults().clear();
        app.clock.advance(Duration::from_secs(15));
        let reads = || app.slack.calls().iter().filter(|(call, _)| call == "conversations.replies").count();
        let before = reads();
        for _ in 0..3 {
            app.step().await;
        }
        assert_eq!(reads() - before, 1, "pages");
        heard(&app, &channel, &ts, "meanwhile").await;
        unheard(&app, &channel, &ts, "lost meanwhile").await;
        if crash {
            app.restart().await;
        }
        app.settle().await;
        app.pass(Duration::from_secs(320)).await;
        heard(&app, &channel, &ts, "afterwards").await;
        app.settle().await;
        expected.extend(["meanwhile".to_owned(), "lost meanwhile".to_owned(), "afterwards".to_owned()]);
        assert_eq!(app.answers(&sc), expected, "crash: {crash}");
        app.ends_quietly().await;
    }
}
