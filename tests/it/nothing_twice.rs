//! Deliveries repeat, answers get lost, processes end; each word stands once.

use std::time::Duration;

use sidethread::sandbox::zendesk::Unconfirmed;

use crate::house::{House, Setup, fault};

#[tokio::test]
async fn deliveries_that_repeat_ask_for_nothing_new() {
    let app = House::new().await;
    fault(app.slack.faults(), serde_json::json!({"call": "events", "fault": "events_twice"}));
    fault(app.zendesk.faults(), serde_json::json!({"call": "events", "fault": "events_twice"}));
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    for i in 0..5 {
        app.slack.say(&app.ana, &channel, Some(&ts), &format!("s{i}")).unwrap();
        app.zendesk.reply(app.zoe, &sc, &format!("<p>z{i}</p>"));
        app.settle().await;
    }
    app.pass(Duration::from_secs(60)).await;
    let answers: Vec<String> = app.answers(&sc).into_iter().filter(|a| a.starts_with('s')).collect();
    assert_eq!(answers, ["s0", "s1", "s2", "s3", "s4"]);
    let said: Vec<String> = app.said(&sc).into_iter().filter(|(a, _)| a == "Zoe").map(|(_, t)| t).collect();
    assert_eq!(said, ["z0", "z1", "z2", "z3", "z4"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_work_makes_no_second_one() {
    for (to_slack, call) in [(true, "chat.postMessage"), (false, "POST …/reply")] {
        for kind in ["dropped_after", "html", "error_after"] {
            let app = House::new().await;
            let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
            let (channel, ts) = app.thread(&sc);
            let faults = if to_slack { app.slack.faults() } else { app.zendesk.faults() };
            fault(faults, serde_json::json!({"call": call, "fault": kind, "times": 1}));
            if to_slack {
                app.zendesk.reply(app.zoe, &sc, "<p>once</p>");
                app.settle().await;
                assert_eq!(app.said(&sc), [("Zoe".into(), "once".into())], "{kind}");
            } else {
                app.slack.say(&app.ana, &channel, Some(&ts), "once").unwrap();
                app.settle().await;
                assert_eq!(app.answers(&sc), ["once"], "{kind}");
            }
            app.ends_quietly().await;
        }
    }
}

#[tokio::test]
async fn a_call_that_was_not_done_is_done_later() {
    for (to_slack, call) in [(true, "chat.postMessage"), (false, "POST …/reply")] {
        for rule in [
            serde_json::json!({"fault": "status", "status": 503}),
            serde_json::json!({"fault": "rate_limited", "retry_after": 7}),
            serde_json::json!({"fault": "dropped_before"}),
        ] {
            let app = House::new().await;
            let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
            let (channel, ts) = app.thread(&sc);
            let mut rule = rule;
            rule["call"] = call.into();
            rule["times"] = 2.into();
            let faults = if to_slack { app.slack.faults() } else { app.zendesk.faults() };
            fault(faults, rule.clone());
            app.zendesk.reply(app.zoe, &sc, "<p>z</p>");
            app.slack.say(&app.ana, &channel, Some(&ts), "s").unwrap();
            app.settle().await;
            app.pass(Duration::from_secs(700)).await;
            assert_eq!(app.said(&sc).iter().filter(|(a, t)| a == "Zoe" && t.ends_with('z')).count(), 1, "{rule}");
            assert_eq!(app.answers(&sc).iter().filter(|a| *a == "s").count(), 1, "{rule}");
            app.ends_quietly().await;
        }
    }
}

#[tokio::test]
async fn a_restart_at_any_step_loses_and_doubles_nothing() {
    for steps in 0..12 {
        let mut app = House::new().await;
        let sc = app.zendesk.start_side_conversation(
            app.zoe,
            app.ticket,
            &["engineering@slack.acme.example"],
            "S",
            "<p>first</p>",
        );
        for _ in 0..steps {
            app.step().await;
        }
        app.restart().await;
        app.settle().await;
        let (channel, ts) = app.thread(&sc);
        app.slack.say(&app.ana, &channel, Some(&ts), "answer").unwrap();
        for _ in 0..steps {
            app.step().await;
        }
        app.restart().await;
        app.settle().await;
        app.pass(Duration::from_secs(60)).await;
        assert_eq!(app.answers(&sc), ["answer"], "after {steps} steps");
        let cards = app.slack.messages(&channel).iter().filter(|m| m["metadata"].is_object()).count();
        assert_eq!(cards, 1, "after {steps} steps");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn slack_being_down_does_not_stop_zendesk_nor_the_other_way_round() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "warm").unwrap();
    app.settle().await;
    fault(app.slack.faults(), serde_json::json!({"call": "*", "fault": "status", "status": 503}));
    app.slack.say(&app.ana, &channel, Some(&ts), "s").unwrap();
    app.zendesk.reply(app.zoe, &sc, "<p>z</p>");
    app.settle_within(Duration::from_secs(60)).await;
    assert_eq!(app.answers(&sc).iter().filter(|a| *a == "s").count(), 1);
    app.slack.faults().clear();
    app.settle().await;
    assert_eq!(app.said(&sc).iter().filter(|(a, _)| a == "Zoe").count(), 1);
    fault(app.zendesk.faults(), serde_json::json!({"call": "*", "fault": "status", "status": 503}));
    app.slack.say(&app.ana, &channel, Some(&ts), "s2").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    app.zendesk.faults().clear();
    app.settle().await;
    app.pass(Duration::from_secs(600)).await;
    assert_eq!(app.answers(&sc).iter().filter(|a| *a == "s2").count(), 1);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_dead_token_holds_everything_and_a_mended_one_resumes() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    fault(app.slack.faults(), serde_json::json!({"call": "*", "fault": "token_revoked"}));
    app.zendesk.reply(app.zoe, &sc, "<p>z</p>");
    app.pass(Duration::from_secs(300)).await;
    let (status, ready) = app.get("/readyz").await;
    assert_eq!(status, 200);
    assert_eq!(ready["paused"][0]["vendor"], "slack", "{ready}");
    app.slack.faults().clear();
    app.pass(Duration::from_secs(60)).await;
    assert_eq!(app.said(&sc).len(), 1);
    let (_, ready) = app.get("/readyz").await;
    assert_eq!(ready["paused"], serde_json::json!([]));
    app.ends_quietly().await;
}

/// Every pair of the facts that nobody has confirmed.
#[tokio::test]
async fn it_works_whichever_way_the_unconfirmed_facts_are() {
    type Switch = fn(&mut Unconfirmed);
    let switches: [(&str, Switch); 9] = [
        ("external_ids_echoed", |u| u.external_ids_echoed ^= true),
        ("reply_reopens", |u| u.reply_reopens ^= true),
        ("reply_answer_has_event", |u| u.reply_answer_has_event ^= true),
        ("via_of_api", |u| u.via_of_api ^= true),
        ("api_fires_trigger", |u| u.api_fires_trigger ^= true),
        ("young_start_time_refused", |u| u.young_start_time_refused ^= true),
        ("inclusive_end_time", |u| u.inclusive_end_time ^= true),
        ("feed_always_has_next_page", |u| u.feed_always_has_next_page ^= true),
        ("reply_status", |u| u.reply_status = 201),
    ];
    for (i, one) in switches.iter().enumerate() {
        for other in &switches[i..] {
            let names = format!("{} and {}", one.0, other.0);
            let mut unconfirmed = Unconfirmed::default();
            one.1(&mut unconfirmed);
            if one.0 != other.0 {
                other.1(&mut unconfirmed);
            }
            let app = House::with(Setup { unconfirmed, ..Default::default() }).await;
            let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
            let (channel, ts) = app.thread(&sc);
            for i in 0..3 {
                app.slack.say(&app.ana, &channel, Some(&ts), &format!("s{i}")).unwrap();
                app.settle().await;
                app.zendesk.reply(app.zoe, &sc, &format!("<p>z{i}</p>"));
                app.pass(Duration::from_secs(21)).await;
            }
            app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
            app.pass(Duration::from_secs(21)).await;
            assert_eq!(app.state(&sc), "closed", "{names}");
            app.slack.say(&app.ben, &channel, Some(&ts), "s3").unwrap();
            app.pass(Duration::from_secs(70)).await;
            let answers: Vec<String> = app.answers(&sc).into_iter().filter(|a| a.starts_with('s')).collect();
            assert_eq!(answers, ["s0", "s1", "s2", "s3"], "{names}");
            let said: Vec<String> = app.said(&sc).into_iter().filter(|(a, _)| a == "Zoe").map(|(_, t)| t).collect();
            assert_eq!(said, ["z0", "z1", "z2"], "{names}");
            let echoed = app.said(&sc).into_iter().filter(|(a, _)| a != "Zoe").any(|(_, t)| t.contains(" in Slack"));
            assert!(!echoed, "{names}: {:?}", app.said(&sc));
            app.ends_quietly().await;
        }
    }
}
