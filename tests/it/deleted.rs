//! A message that its author deletes in Slack is not sent, as long as none of it can stand in the ticket.

use std::time::Duration;

use serde_json::{Value, json};
use sidethread::engine::queue::Job;
use sidethread::sandbox::post::Sender;

use crate::follow_up::{a_thread, later, messages, sides};
use crate::house::{House, Setup};
use crate::merged::{TARGET, merge_into_target, proposed};

fn fault(app: &House, rule: Value) {
    app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
}

#[tokio::test]
async fn a_deletion_that_overtakes_its_message_counts() {
    let app = House::new().await;
    let (sc, channel, ts) = a_thread(&app).await;
    let said = app.slack.say(&app.ana, &channel, Some(&ts), "deleted-canary").unwrap();
    app.slack.delete(&app.ana, &channel, &said).unwrap();
    let mut parcels = app.slack.take_due();
    parcels.reverse();
    for parcel in parcels {
        let receipt = app.deliver(&parcel).await;
        app.slack.settle(parcel.id, receipt);
    }
    app.settle().await;
    assert_eq!(app.replies(&sc), [""; 0]);
    assert_eq!(app.app.store().mentioning("deleted-canary").await.unwrap(), []);
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_is_deleted_while_it_waits_for_the_button_after_a_merge_goes_nowhere() {
    for (first, restart) in [(true, false), (true, true), (false, true)] {
        let mut app = House::new().await;
        let (sc, channel, ts) = a_thread(&app).await;
        later(&app).await;
        merge_into_target(&app);
        let texts = if first { ["oops", "one"] } else { ["one", "oops"] };
        let mut oops = String::new();
        for text in texts {
            let said = app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
            app.settle_within(Duration::from_secs(60)).await;
            if text == "oops" {
                oops = said;
            }
        }
        app.pass(Duration::from_secs(2000)).await;
        if restart {
            app.restart().await;
        }
        app.slack.delete(&app.ana, &channel, &oops).unwrap();
        app.settle_within(Duration::from_secs(60)).await;
        let (_, notice) = proposed(&app, &sc);
        app.slack.press(&app.ana, &channel, &notice, "continue_on").unwrap();
        app.settle().await;
        let [new] = &sides(&app, TARGET)[..] else { panic!("one is begun: {:?}", sides(&app, TARGET)) };
        assert_eq!(messages(&app, new)[1..], ["one"], "first: {first}, after a restart: {restart}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn what_is_deleted_after_it_was_certainly_not_sent_is_not_tried_again() {
    for mut rule in [
        json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 100, "times": 1}),
        json!({"call": "GET users/show_many", "fault": "status", "status": 500, "times": 3}),
        json!({"call": "POST …/reply", "fault": "dropped_after", "times": 1}),
    ] {
        let app = House::new().await;
        let (sc, channel, ts) = a_thread(&app).await;
        // Who reads it has to be looked up again.
        app.pass(Duration::from_secs(900)).await;
        let may_be_done = rule["fault"] == "dropped_after";
        fault(&app, rule.take());
        let oops = app.slack.say(&app.ana, &channel, Some(&ts), "oops").unwrap();
        app.slack.say(&app.ben, &channel, Some(&ts), "fine").unwrap();
        app.settle_within(Duration::from_secs(2)).await;
        app.slack.delete(&app.ana, &channel, &oops).unwrap();
        app.settle().await;
        assert!(app.zendesk.faults().list().is_empty(), "it was never hindered");
        assert_eq!(app.carried(&sc), if may_be_done { vec!["oops", "fine"] } else { vec!["fine"] });
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn calls_that_are_given_up_before_they_begin_take_nobodys_place() {
    let app = House::new().await;
    let (sc, channel, ts) = a_thread(&app).await;
    later(&app).await;
    let engine = app.app.engine().unwrap();
    // More of them than calls may be under way.
    for _ in 0..50 {
        fault(&app, json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 20, "times": 1}));
        let oops = app.slack.say(&app.ana, &channel, Some(&ts), "oops").unwrap();
        app.settle_within(Duration::from_secs(2)).await;
        let taken = loop {
            app.clock.advance(Duration::from_millis(500));
            let jobs = engine.take();
            if jobs.iter().any(|job| matches!(job, Job::Deliver(_))) {
                break jobs;
            }
            for job in jobs {
                engine.run(job).await;
            }
            assert!(!engine.is_idle(), "it is not tried again");
        };
        app.slack.delete(&app.ana, &channel, &oops).unwrap();
        app.bring().await;
        for job in taken {
            engine.run(job).await;
        }
    }
    app.slack.say(&app.ana, &channel, Some(&ts), "fine").unwrap();
    app.settle().await;
    assert_eq!(app.carried(&sc), ["fine"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn that_words_are_late_is_told_as_long_as_any_are() {
    for deleted in [&[1, 2][..], &[2, 1], &[1], &[2]] {
        let app = House::new().await;
        let (sc, channel, ts) = a_thread(&app).await;
        later(&app).await;
        fault(&app, json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 900, "times": 1}));
        let mut said = Vec::new();
        for text in ["one", "two"] {
            said.push(app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap());
            app.settle_within(Duration::from_secs(1)).await;
        }
        app.pass(Duration::from_secs(300)).await;
        assert_eq!(app.told(&sc).len(), 1, "{:?}", app.told(&sc));
        for n in deleted {
            app.slack.delete(&app.ana, &channel, &said[n - 1]).unwrap();
        }
        app.pass(Duration::from_secs(60)).await;
        let told = app.told(&sc);
        assert_eq!(told.len(), usize::from(deleted.len() < 2), "{deleted:?}: {told:?}");
        app.pass(Duration::from_secs(900)).await;
        assert_eq!((app.told(&sc).len(), app.carried(&sc).len()), (0, 2 - deleted.len()), "{deleted:?}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn one_of_those_that_travel_together_is_deleted_and_the_others_arrive_once() {
    for (restart, lost) in [(false, false), (true, false), (true, true)] {
        for gone in [1, 2, 11] {
            let config = "side_conversation_writes_per_10_min = 2";
            let mut app = House::with(Setup { config, ..Default::default() }).await;
            let (sc, channel, ts) = a_thread(&app).await;
            let word = |n: usize| format!("word{n:02}");
            let said = (0..12).map(|n| app.slack.say(&app.ana, &channel, Some(&ts), &word(n)).unwrap());
            let said: Vec<String> = said.collect();
            let calls = || app.zendesk.calls().iter().filter(|(call, _)| call == "POST …/reply").count();
            while calls() < 1 {
                app.step().await;
            }
            let mut rule = json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 30, "times": 1});
            if lost {
                rule = json!({"call": "POST …/reply", "fault": "dropped_after", "times": 1});
            }
            fault(&app, rule);
            while calls() < 2 {
                app.step().await;
            }
            app.slack.delete(&app.ana, &channel, &said[gone]).unwrap();
            app.bring().await;
            if restart {
                app.restart().await;
            }
            app.settle().await;
            app.pass(Duration::from_secs(1800)).await;
            let all = app.replies(&sc).join("\n");
            for n in 0..12 {
                let expected = usize::from(n != gone || lost);
                assert_eq!(all.matches(&word(n)).count(), expected, "{n} of {gone}, restart {restart}, lost {lost}");
            }
            app.ends_quietly().await;
        }
    }
}
