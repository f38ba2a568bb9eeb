//! What people answer in the thread goes into the ticket, and only where it may.

use sidethread::sandbox::slack::{PersonSpec, Say};
use sidethread::sandbox::zendesk::UserSpec;
use std::time::Duration;

use crate::house::{House, Setup};

#[tokio::test]
async fn an_answer_in_the_thread_is_a_reply_under_its_authors_name() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "It is *up* again, see <https://status.acme.example|status>").unwrap();
    app.settle().await;
    let events = app.zendesk.events(&sc);
    let reply = &events[1]["message"];
    let html = reply["html_body"].as_str().unwrap();
    assert!(html.contains("<strong>Ana Souza in Slack</strong>"), "{html}");
    assert!(html.contains("/archives/"), "{html}");
    assert!(html.contains("It is <strong>up</strong> again"), "{html}");
    assert!(html.contains("https://status.acme.example"), "{html}");
    let to: Vec<i64> = reply["to"].as_array().unwrap().iter().map(|p| p["user_id"].as_i64().unwrap()).collect();
    assert_eq!(to, [app.zoe]);
    assert_eq!(app.said(&sc).len(), 1, "nothing echoes");
    app.ends_quietly().await;
}

#[tokio::test]
async fn every_way_in_which_a_person_speaks_arrives_once() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let say = |text: &str| Say { thread_ts: Some(ts.clone()), text: text.into(), ..Default::default() };
    app.slack.say_with(&app.ana, &channel, say("plain")).unwrap();
    app.slack.say_with(&app.ana, &channel, Say { broadcast: true, ..say("to the channel too") }).unwrap();
    app.slack.say_with(&app.ben, &channel, Say { me: true, ..say("shrugs") }).unwrap();
    let file = serde_json::json!({"id": "F1", "name": "/home/ben/log.txt", "mode": "hosted"});
    app.slack.say_with(&app.ben, &channel, Say { files: vec![file], ..say("see the log") }).unwrap();
    app.slack.say(&app.ana, &channel, None, "in the channel, not for the ticket").unwrap();
    app.settle().await;
    let answers = app.answers(&sc);
    assert_eq!(answers.len(), 4, "{answers:?}");
    assert_eq!(answers[..3], ["plain", "to the channel too", "shrugs"]);
    assert!(
        answers[3].contains("see the log") && answers[3].contains("log.txt") && !answers[3].contains("/home"),
        "{answers:?}"
    );
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_is_not_of_people_or_not_in_the_thread_is_not_even_stored() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let other = app.slack.say(&app.ana, &channel, None, "secret-of-the-channel-canary").unwrap();
    app.slack.say(&app.ben, &channel, Some(&other), "secret-of-another-thread-canary").unwrap();
    let reply = app.slack.say(&app.ana, &channel, Some(&ts), "kept").unwrap();
    app.settle().await;
    app.slack.edit(&app.ana, &channel, &reply, "changed").unwrap();
    app.slack.react(&app.ben, &channel, &reply, "thumbsup").unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["kept"]);
    app.app.store().close().await;
    let mut stored = std::fs::read(app.database()).unwrap();
    stored.extend(std::fs::read(app.database().with_extension("db-wal")).unwrap_or_default());
    let text = String::from_utf8_lossy(&stored);
    assert!(
        text.contains("kept") && !text.contains("of-the-channel-canary") && !text.contains("another-thread-canary")
    );
}

#[tokio::test]
async fn what_an_app_writes_stays_in_slack_and_nothing_says_that_it_was_delivered() {
    let app = House::new().await;
    let bot = app.slack.add_person(PersonSpec {
        name: "robo".into(),
        real_name: "Robo".into(),
        is_bot: true,
        ..Default::default()
    });
    let mut members = vec![app.ana.clone(), app.ben.clone(), bot.clone()];
    members.sort();
    app.slack.set_members(&app.engineering, &members).unwrap();
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let beep = app.slack.say(&bot, &channel, Some(&ts), "beep").unwrap();
    app.settle().await;
    assert_eq!((app.replies(&sc), app.told(&sc)), (Vec::<String>::new(), Vec::new()));
    let (metrics, traced) = (app.metrics().await, app.traced(&channel, &beep, &ts).await);
    assert!(metrics.contains("sidethread_delivered_total{direction=\"slack_to_zendesk\"} 0"), "{metrics}");
    assert!(metrics.contains("sidethread_not_mirrored_total{kind=\"of_an_app\"} 1"), "{metrics}");
    assert!(traced.contains("reply: stays in Slack: written by an app"), "{traced}");
    assert!(!traced.contains("sent") && !traced.contains("answered: done"), "{traced}");
    app.slack.say(&app.ana, &channel, Some(&ts), "hello").unwrap();
    app.settle().await;
    assert!(app.metrics().await.contains("sidethread_delivered_total{direction=\"slack_to_zendesk\"} 1"));
    assert_eq!(app.answers(&sc), ["hello"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn nobody_outside_reads_by_accident() {
    let app = House::new().await;
    let sc = app.ask_all(&["engineering@slack.acme.example", "carla@mail.example"], "Mixed", "<p>Hm</p>").await;
    assert!(
        app.card(&sc).contains("Answers in this thread stay in Slack, because Carla Customer (outside)"),
        "{}",
        app.card(&sc)
    );
    let (channel, ts) = app.thread(&sc);
    let said = app.slack.say(&app.ana, &channel, Some(&ts), "do not tell her").unwrap();
    app.slack.say(&app.ana, &channel, Some(&ts), "really").unwrap();
    app.settle().await;
    assert_eq!(app.replies(&sc), Vec::<String>::new());
    let told = app.told(&sc);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("Carla Customer"), "{told:?}");
    assert!(app.zendesk.outgoing_mail().iter().all(|mail| !mail.to_string().contains("do not tell her")));
    let (metrics, traced) = (app.metrics().await, app.traced(&channel, &said, &ts).await);
    assert!(metrics.contains("sidethread_delivered_total{direction=\"slack_to_zendesk\"} 0"), "{metrics}");
    assert!(metrics.contains("sidethread_not_mirrored_total{kind=\"withheld\"} 2"), "{metrics}");
    assert!(traced.contains("reply: stays in Slack: somebody outside would have read it"), "{traced}");
    assert!(!traced.contains("sent") && !traced.contains("answered: done"), "{traced}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn somebody_added_later_withholds_from_then_on() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle().await;
    // Unknown addresses become end users.
    let token = app.zendesk.token_of(app.zoe).unwrap();
    let body =
        serde_json::json!({"message": {"body": "adding the supplier", "to": [{"email": "new@supplier.example"}]}});
    let request = http::Request::post(format!("/zendesk/api/v2/tickets/{}/side_conversations/{sc}/reply", app.ticket))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(body.to_string().into())
        .unwrap();
    crate::house::call(&app.zendesk.router(), request).await.unwrap();
    app.settle().await;
    app.pass(Duration::from_secs(61)).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "two").unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["one", "adding the supplier"]);
    assert_eq!(app.told(&sc).len(), 1);
}

#[tokio::test]
async fn that_replies_stay_in_slack_is_said_only_while_they_do() {
    let app = House::new().await;
    let sc = app.ask_all(&["engineering@slack.acme.example", "carla@mail.example"], "Mixed", "<p>Hm</p>").await;
    let (channel, ts) = app.thread(&sc);
    for _ in 0..2 {
        app.slack.say(&app.ana, &channel, Some(&ts), "between us").unwrap();
        app.settle().await;
        let told = app.told(&sc);
        assert_eq!(told.iter().filter(|told| told.contains("stay in Slack and are")).count(), 1, "{told:?}");
        app.zendesk.set_role(app.carla, "agent");
        app.pass(Duration::from_secs(400)).await;
        app.slack.say(&app.ana, &channel, Some(&ts), "welcome").unwrap();
        app.settle().await;
        let told = app.told(&sc);
        assert!(told.iter().all(|told| !told.contains("stay in Slack and are")), "{told:?}");
        assert!(told.last().unwrap().contains("Replies in this thread go to the ticket again"), "{told:?}");
        app.zendesk.set_role(app.carla, "end-user");
        app.pass(Duration::from_secs(400)).await;
    }
    assert_eq!(app.answers(&sc), ["welcome", "welcome"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_route_may_send_outside_and_says_so() {
    let routes = "[[routes]]\nname = \"partner\"\nrecipients = [\"*@mail.example\"]\nchannel = \"#engineering\"\noutside = \"send\"";
    let app = House::with(Setup { routes, ..Default::default() }).await;
    let sc = app.ask_all(&["carla@mail.example"], "Partner", "<p>Hm</p>").await;
    assert!(app.card(&sc).contains("*and outside*"), "{}", app.card(&sc));
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "dear partner").unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["dear partner"]);
    assert!(
        app.zendesk
            .outgoing_mail()
            .iter()
            .any(|m| m.to_string().contains("dear partner") && m.to_string().contains("carla"))
    );
}

#[tokio::test]
async fn while_roles_cannot_be_looked_up_nothing_is_sent() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.pass(Duration::from_secs(600)).await;
    let rule = serde_json::json!({"call": "GET users/show_many", "fault": "status", "status": 500, "times": 3});
    app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
    app.slack.say(&app.ana, &channel, Some(&ts), "hello").unwrap();
    app.settle_within(Duration::from_secs(20)).await;
    assert_eq!(app.replies(&sc), Vec::<String>::new());
    app.settle().await;
    assert_eq!(app.answers(&sc), ["hello"]);
}

#[tokio::test]
async fn a_suspended_reader_is_left_out_and_told_once() {
    let app = House::new().await;
    let sue = app.zendesk.add_user(UserSpec {
        name: "Sue".into(),
        email: Some("sue@acme.example".into()),
        role: "agent".into(),
        ..Default::default()
    });
    let sc = app.ask_all(&["engineering@slack.acme.example", "sue@acme.example"], "Team", "<p>Hm</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle().await;
    app.zendesk.suspend_user(sue, true);
    for text in ["two", "three"] {
        app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
        app.settle().await;
    }
    app.pass(Duration::from_secs(400)).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "four").unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["one", "two", "three", "four"]);
    let told = app.told(&sc);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("Sue"), "{told:?}");
    app.zendesk.suspend_user(sue, false);
    app.pass(Duration::from_secs(400)).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "five").unwrap();
    app.settle().await;
    assert_eq!(app.told(&sc), Vec::<String>::new(), "she reads again, and nothing says otherwise");
    app.ends_quietly().await;
}

#[tokio::test]
async fn an_answer_before_the_card_is_linked_is_not_lost() {
    let app = House::new().await;
    // The card is posted, its answer lost; somebody answers while the app looks for it.
    let rule = serde_json::json!({"call": "chat.postMessage", "fault": "dropped_after", "times": 1});
    app.slack.faults().add(serde_json::from_value(rule).unwrap());
    let sc = app.zendesk.start_side_conversation(
        app.zoe,
        app.ticket,
        &["engineering@slack.acme.example"],
        "Fast",
        "<p>Fast?</p>",
    );
    app.settle_within(Duration::from_secs(1)).await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "faster").unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["faster"]);
    assert_eq!(app.slack.messages(&channel).iter().filter(|m| m["metadata"].is_object()).count(), 1, "one card");
    app.ends_quietly().await;
}
