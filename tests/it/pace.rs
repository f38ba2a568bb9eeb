//! The vendors' limits are kept, and what has to wait anyway travels together.

use std::time::Duration;

use serde_json::{Value, json};
use sidethread::engine::clock::Clock;

use crate::house::{House, Setup, fault};

fn replies_tried(app: &House) -> usize {
    app.zendesk.calls().iter().filter(|(call, _)| call == "POST …/reply").count()
}

fn posts_tried(app: &House) -> Vec<i64> {
    app.slack.calls().iter().filter(|(call, _)| call == "chat.postMessage").map(|(_, at)| *at).collect()
}

async fn few_replies() -> House {
    let config = "side_conversation_writes_per_10_min = 2";
    House::with(Setup { config, limits: true, ..Default::default() }).await
}

/// Ana and Ben by turns.
fn say_in_turns(app: &House, place: &(String, String), words: &[&str]) {
    for (i, word) in words.iter().enumerate() {
        let person = if i % 2 == 0 { &app.ana } else { &app.ben };
        app.slack.say(person, &place.0, Some(&place.1), word).unwrap();
    }
}

#[tokio::test]
async fn answers_that_have_to_wait_travel_together_each_under_its_name_and_time() {
    let app = few_replies().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    say_in_turns(&app, &app.thread(&sc), &["one", "two", "three", "four", "five"]);
    let began = app.clock.now_ms();
    app.settle().await;
    let replies = app.replies(&sc);
    assert_eq!(app.clock.now_ms(), began, "nothing waited: the budget was enough for two calls");
    assert_eq!(replies.len(), 2, "{replies:#?}");
    assert!(replies[0].starts_with("Ana Souza in Slack (http"), "alone it is as ever: {}", replies[0]);
    let lines: Vec<&str> = replies[1].lines().collect();
    let heads: Vec<&&str> =
        lines.iter().filter(|line| line.contains(" in Slack, 20") && line.ends_with("):")).collect();
    assert_eq!(heads.len(), 4, "each under its author's name, time and address: {lines:#?}");
    assert!(heads[0].starts_with("Ben Okafor in Slack, ") && heads[1].starts_with("Ana Souza in Slack, "));
    let words: Vec<&&str> = lines.iter().filter(|line| !line.is_empty() && !line.contains(" in Slack, ")).collect();
    assert_eq!(words, [&"two", &"three", &"four", &"five"]);
    app.pass(Duration::from_secs(60)).await;
    assert_eq!(app.said(&sc).len(), 5, "what came back from Zendesk is known as our own");
    app.ends_quietly().await;
}

#[tokio::test]
async fn quiet_thread_and_a_short_burst_make_no_bundles() {
    let app = House::with(Setup { limits: true, ..Default::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let began = app.clock.now_ms();
    say_in_turns(&app, &app.thread(&sc), &["one", "two", "three", "four", "five"]);
    app.settle().await;
    assert_eq!((app.answers(&sc).len(), app.clock.now_ms()), (5, began));
    for word in ["a", "b", "c"] {
        app.zendesk.reply(app.zoe, &sc, &format!("<p>{word}</p>"));
    }
    app.settle().await;
    let said: Vec<String> = app.said(&sc).into_iter().filter(|(name, _)| name == "Zoe").map(|(_, text)| text).collect();
    assert_eq!(said, ["a", "b", "c"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_channel_gets_a_post_a_second_and_a_burst_of_agents_words_travels_together() {
    let app = House::with(Setup { limits: true, ..Default::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    app.slack.clear_calls();
    for i in 0..30 {
        let agent = if i % 3 == 0 { app.yan } else { app.zoe };
        app.zendesk.reply(agent, &sc, &format!("<p>word {i}.</p>"));
    }
    app.settle().await;
    let posts = posts_tried(&app);
    assert!(posts.len() <= 6, "{posts:?}");
    assert!(posts.windows(2).all(|two| two[1] - two[0] >= 1000), "{posts:?}");
    let (channel, ts) = app.thread(&sc);
    let thread = app.slack.thread(&channel, &ts);
    let together: Vec<&Value> =
        thread[1..].iter().filter(|m| m["username"] == "Yan and Zoe" || m["username"] == "Zoe and Yan").collect();
    assert!(!together.is_empty(), "{:?}", app.said(&sc));
    let text = together[0]["text"].as_str().unwrap();
    assert!(text.contains("*Zoe*, <!date^") && text.contains("*Yan*, <!date^"), "{text}");
    let all: String = app.said(&sc).into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n");
    let places: Vec<usize> = (0..30).map(|i| all.find(&format!("word {i}.")).unwrap()).collect();
    assert!(places.is_sorted(), "{all}");
    assert_eq!(all.matches("word 7.").count(), 1);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_vendor_that_says_later_holds_that_budget_only_and_nobody_else_is_sent_to_learn_it() {
    let app = House::new().await;
    let one = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let other = app.ask("engineering", "Parcel", "<p>Lost?</p>").await;
    let third = app.ask("engineering", "Printer", "<p>Jammed?</p>").await;
    // Until the threads are compared with Slack, their first deliveries wait.
    app.pass(Duration::from_secs(60)).await;
    let (places, began) = ((app.thread(&one), app.thread(&other), app.thread(&third)), app.clock.now_ms());
    app.zendesk.clear_calls();
    fault(
        app.zendesk.faults(),
        json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 40, "times": 1}),
    );
    say_in_turns(&app, &places.0, &["1", "2", "3"]);
    app.settle_within(Duration::ZERO).await;
    say_in_turns(&app, &places.1, &["4"]);
    app.settle_within(Duration::ZERO).await;
    assert_eq!(replies_tried(&app), 1, "the others wait without being sent");
    app.slack.press(&app.ana, &places.2.0, &places.2.1, "mark_done").unwrap();
    app.settle_within(Duration::ZERO).await;
    assert_eq!(app.state(&third), "closed", "what is counted elsewhere goes on");
    assert_eq!(replies_tried(&app), 1);
    app.settle().await;
    assert_eq!(app.clock.now_ms(), began + 40_000);
    assert_eq!((app.replies(&one).len(), app.answers(&other)), (2, vec!["4".to_owned()]), "{:?}", app.replies(&one));
    assert!(app.replies(&one)[1].contains('2') && app.replies(&one)[1].contains('3'));
    app.ends_quietly().await;
}

#[tokio::test]
async fn of_a_bundle_that_is_refused_only_the_guilty_message_is_parked() {
    let app = House::with(Setup { config: "side_conversation_writes_per_10_min = 9", ..Default::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let place = app.thread(&sc);
    // One message goes alone, is told to wait, and lets the others gather.
    fault(app.zendesk.faults(), json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 9, "times": 1}));
    say_in_turns(&app, &place, &["one", "two", "three", "four"]);
    app.settle_within(Duration::ZERO).await;
    app.clock.advance(Duration::from_secs(9));
    while app.replies(&sc).is_empty() {
        assert!(app.step().await);
    }
    // The bundle, and then the first of it.
    fault(app.zendesk.faults(), json!({"call": "POST …/reply", "fault": "status", "status": 422, "times": 2}));
    app.settle().await;
    assert_eq!(app.answers(&sc), ["one", "three", "four"]);
    let told = app.told(&sc);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("did not reach the ticket"), "{told:?}");
    assert_eq!(app.app.store().parked().await.unwrap(), [("zendesk".to_owned(), 1)]);
}

#[tokio::test]
async fn a_bundle_stays_together_after_a_lost_answer_and_a_restart_at_any_step() {
    for kind in ["dropped_before", "dropped_after", "error_after"] {
        for steps in 0..14 {
            let mut app = few_replies().await;
            let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
            say_in_turns(&app, &app.thread(&sc), &["one", "two", "three", "four"]);
            app.settle_within(Duration::ZERO).await;
            assert_eq!(app.replies(&sc).len(), 2);
            app.pass(Duration::from_secs(601)).await;
            say_in_turns(&app, &app.thread(&sc), &["five", "six", "seven", "eight"]);
            app.step().await;
            // The first goes alone; the answer about the others is lost.
            while app.replies(&sc).len() < 3 {
                assert!(app.step().await);
            }
            fault(app.zendesk.faults(), json!({"call": "POST …/reply", "fault": kind, "times": 1}));
            for _ in 0..steps {
                app.step().await;
            }
            app.restart().await;
            app.slack.say(&app.ana, &app.thread(&sc).0, Some(&app.thread(&sc).1), "nine").unwrap();
            app.settle().await;
            app.pass(Duration::from_secs(1300)).await;
            let all = app.replies(&sc).join("\n");
            let words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
            let places: Vec<usize> = words.iter().filter_map(|word| all.find(word)).collect();
            assert!(places.len() == 9 && places.is_sorted(), "{kind} {steps}: {all}");
            for word in words {
                assert_eq!(all.matches(&format!("\n{word}")).count(), 1, "{kind} {steps} {word}: {all}");
            }
            app.ends_quietly().await;
        }
    }
}

#[tokio::test]
async fn several_readers_rules_hold_for_a_bundle_as_for_one() {
    let app = few_replies().await;
    let to = ["engineering@slack.acme.example", "carla@mail.example"];
    let sc = app.ask_all(&to, "Scanner", "<p>Down?</p>").await;
    say_in_turns(&app, &app.thread(&sc), &["one", "two", "three", "four", "five"]);
    app.settle().await;
    assert_eq!(app.replies(&sc), Vec::<String>::new(), "somebody outside would read them");
    let withheld = app.told(&sc).iter().filter(|text| text.contains("stay in Slack")).count();
    assert_eq!(withheld, 1);
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_was_spent_before_a_restart_counts_after_it() {
    let mut app = House::with(Setup { limits: true, ..Default::default() }).await;
    let mut places = Vec::new();
    let mut all = Vec::new();
    for n in 0..25 {
        let sc = app.ask("engineering", &format!("Scanner {n}"), "<p>Down?</p>").await;
        places.push(app.thread(&sc));
        all.push(sc);
    }
    app.pass(Duration::from_secs(60)).await;
    app.zendesk.clear_calls();
    let answers = |app: &House| all.iter().map(|sc| app.replies(sc).len()).sum::<usize>();
    for n in 0..299 {
        say_in_turns(&app, &places[n % places.len()], &["on it"]);
        if (n + 1) % places.len() == 0 {
            app.settle().await;
        }
    }
    app.settle().await;
    assert_eq!((replies_tried(&app), answers(&app)), (299, 299));
    app.restart().await;
    for place in &places[..12] {
        say_in_turns(&app, place, &["done"]);
    }
    app.settle_within(Duration::from_secs(120)).await;
    assert_eq!((replies_tried(&app), answers(&app)), (300, 300), "Zendesk takes one more, and is not asked for others");
    app.settle().await;
    app.pass(Duration::from_secs(60)).await;
    assert_eq!(replies_tried(&app), answers(&app), "none was refused");
    assert!(all[..12].iter().all(|sc| app.answers(sc).last().is_some_and(|last| last.contains("done"))));
    app.ends_quietly().await;
}
