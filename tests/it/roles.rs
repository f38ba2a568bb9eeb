//! Who reads a reply is decided by what they are when it is sent, and what Slack says of a channel counts at once.

use std::time::Duration;

use serde_json::json;
use sidethread::sandbox::zendesk::UserSpec;

use crate::house::{House, Setup, fault};

fn role_reads(app: &House) -> usize {
    app.zendesk.calls().iter().filter(|(call, _)| call == "GET users/show_many").count()
}

#[tokio::test]
async fn an_agent_who_was_demoted_a_moment_ago_gets_no_reply() {
    let app = House::new().await;
    let sc = app.ask_all(&["engineering@slack.acme.example", "yan@acme.example"], "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "for agents").unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["for agents"]);
    app.zendesk.set_role(app.yan, "end-user");
    app.slack.say(&app.ana, &channel, Some(&ts), "not for him").unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["for agents"]);
    let told = app.told(&sc);
    assert!(told.len() == 1 && told[0].contains("stay in Slack") && told[0].contains("Yan"), "{told:?}");
    app.zendesk.set_role(app.yan, "agent");
    app.slack.say(&app.ana, &channel, Some(&ts), "again for all").unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["for agents", "again for all"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn the_roles_of_all_who_read_are_asked_for_in_one_call_for_each_reply() {
    let app = House::new().await;
    let mut to = vec!["engineering@slack.acme.example".to_owned()];
    for n in 0..30 {
        let email = format!("agent{n}@acme.example");
        let spec = UserSpec {
            name: format!("Agent {n}"),
            email: Some(email.clone()),
            role: "agent".into(),
            ..Default::default()
        };
        app.zendesk.add_user(spec);
        to.push(email);
    }
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let sc = app.ask_all(&to, "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    for n in 1..=3 {
        app.zendesk.clear_calls();
        app.slack.say(&app.ana, &channel, Some(&ts), &format!("{n}")).unwrap();
        app.settle_within(Duration::ZERO).await;
        assert_eq!((app.answers(&sc).len(), role_reads(&app)), (n, 1));
    }
}

#[tokio::test]
async fn where_replies_may_go_outside_a_role_may_be_some_minutes_old() {
    let routes = "[[routes]]\nname = \"eng\"\nrecipients = [\"engineering@slack.acme.example\"]\nchannel = \"#engineering\"\noutside = \"send\"\n";
    let app = House::with(Setup { routes, ..Default::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.zendesk.clear_calls();
    for n in 1..=3 {
        app.slack.say(&app.ana, &channel, Some(&ts), &format!("{n}")).unwrap();
        app.settle_within(Duration::ZERO).await;
    }
    assert_eq!((app.answers(&sc).len(), role_reads(&app)), (3, 0));
}

#[tokio::test]
async fn what_an_event_says_of_a_channel_counts_at_once_whatever_a_look_said_before() {
    for by_a_message in [false, true] {
        let app = House::new().await;
        let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
        let (channel, _) = app.thread(&sc);
        app.zendesk.reply(app.zoe, &sc, "<p>before</p>");
        app.settle().await;
        if by_a_message {
            // The event that tells of it is lost; the next message bears the flag.
            fault(app.slack.faults(), json!({"call": "events", "fault": "events_never"}));
            app.slack.share_channel(&channel, "TNORD").unwrap();
            app.slack.faults().clear();
            app.slack.say(&app.ana, &channel, None, "hello to both firms").unwrap();
        } else {
            app.slack.share_channel(&channel, "TNORD").unwrap();
        }
        app.bring().await;
        app.zendesk.reply(app.zoe, &sc, "<p>for us alone</p>");
        app.settle_within(Duration::from_secs(30)).await;
        let of_zoe: Vec<String> =
            app.said(&sc).into_iter().filter(|(author, _)| author == "Zoe").map(|(_, text)| text).collect();
        assert_eq!(of_zoe, ["before"], "by a message: {by_a_message}");
    }
}

#[tokio::test]
async fn a_member_who_was_made_a_guest_a_moment_ago_presses_nothing() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ben, &channel, Some(&ts), "I am known").unwrap();
    app.settle().await;
    app.slack.update_person(&app.ben, |person| person.guest = true).unwrap();
    app.settle_within(Duration::ZERO).await;
    app.slack.press(&app.ben, &channel, &ts, "mark_done").unwrap();
    app.settle().await;
    assert_eq!(app.state(&sc), "open");
    assert!(app.whispers(&app.ben)[0].contains("Guests"), "{:?}", app.whispers(&app.ben));
    app.slack.say(&app.ben, &channel, Some(&ts), "still here").unwrap();
    app.settle().await;
    assert!(app.replies(&sc)[1].starts_with("Ben Okafor (guest) in Slack"), "{:?}", app.replies(&sc));
    app.ends_quietly().await;
}
