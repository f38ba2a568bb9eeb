//! The assignee is told in Slack that the thread answers.

use std::time::Duration;

use serde_json::json;
use sidethread::sandbox::slack::{PersonSpec, Quirks};
use sidethread::sandbox::zendesk::{TicketChange, TicketSpec};

use crate::house::{House, Setup, fault};

const DM: &str = "[notify]\nassignee = \"dm\"\n";
const QUIET: &str = "[notify]\nassignee = \"dm\"\nquiet_hours = \"22:00-07:00\"\n";

/// The agent Zoe has an account in Slack.
pub fn zoe_in_slack(app: &House, change: impl FnOnce(&mut PersonSpec)) -> String {
    let mut spec = PersonSpec {
        name: "zoe".into(),
        real_name: "Zoe".into(),
        display_name: "Zoe".into(),
        email: Some("Zoe@acme.example".into()),
        ..Default::default()
    };
    change(&mut spec);
    app.slack.add_person(spec)
}

/// What the app told anybody directly, in order.
pub fn direct_messages(app: &House) -> Vec<String> {
    let direct = app.slack.channels().into_iter().filter(|channel| channel["is_im"] == true);
    direct
        .flat_map(|channel| app.slack.messages(channel["id"].as_str().unwrap()))
        .map(|message| message["text"].as_str().unwrap_or_default().to_owned())
        .collect()
}

async fn house(rules: &'static str) -> House {
    House::with(Setup { routes: rules, ..Default::default() }).await
}

async fn asked(app: &House) -> (String, String, String) {
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    (sc, channel, ts)
}

#[tokio::test]
async fn the_assignee_is_told_once_with_links_and_further_answers_change_that_message() {
    let app = house(DM).await;
    zoe_in_slack(&app, |_| {});
    let (_, channel, ts) = asked(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "on my way").unwrap();
    app.settle().await;
    let told = direct_messages(&app);
    assert_eq!(told.len(), 1, "{told:?}");
    let link = format!("archives/{channel}/p{}", ts.replace('.', ""));
    for part in ["/agent/tickets/35436|#35436>", "Scanner", "an answer by", &app.ana, &link] {
        assert!(told[0].contains(part), "{part} in {told:?}");
    }
    assert!(!told[0].contains("on my way"), "{told:?}");
    app.slack.say(&app.ben, &channel, Some(&ts), "me too").unwrap();
    app.slack.say(&app.ana, &channel, Some(&ts), "there").unwrap();
    app.settle().await;
    let told = direct_messages(&app);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("3 answers by") && told[0].contains(&app.ben), "{told:?}");
    // What comes later is news again.
    app.pass(Duration::from_secs(11 * 60)).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "fixed").unwrap();
    app.settle().await;
    let told = direct_messages(&app);
    assert!(told.len() == 2 && told[1].contains("an answer by"), "{told:?}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn one_message_tells_of_several_threads() {
    let app = house(DM).await;
    zoe_in_slack(&app, |_| {});
    let mut threads = Vec::new();
    for _ in 0..3 {
        threads.push(asked(&app).await);
    }
    for (_, channel, ts) in &threads {
        app.slack.say(&app.ana, channel, Some(ts), "yes").unwrap();
    }
    app.settle().await;
    let told = direct_messages(&app);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].matches("an answer by").count(), 3, "{told:?}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn nobody_is_told_unless_it_is_wanted_and_somebody_is_there_to_be_told() {
    for (rules, change) in [
        ("", (|_| {}) as fn(&mut PersonSpec)),
        (DM, |person| person.email = Some("other@acme.example".into())),
        (DM, |person| person.guest = true),
        (DM, |person| person.deleted = true),
        (DM, |person| person.stranger_team = Some("TNORD".into())),
    ] {
        let app = house(rules).await;
        zoe_in_slack(&app, change);
        let (sc, channel, ts) = asked(&app).await;
        app.slack.say(&app.ana, &channel, Some(&ts), "on my way").unwrap();
        app.settle().await;
        assert_eq!((app.answers(&sc).len(), direct_messages(&app)), (1, vec![]));
        app.ends_quietly().await;
    }
    let app = house(DM).await;
    zoe_in_slack(&app, |_| {});
    let (_, channel, ts) = asked(&app).await;
    assert!(app.zendesk.set_ticket(app.ticket, TicketChange { assignee_id: Some(None), ..Default::default() }));
    app.slack.say(&app.ana, &channel, Some(&ts), "on my way").unwrap();
    app.settle().await;
    assert_eq!(direct_messages(&app), Vec::<String>::new());
}

#[tokio::test]
async fn who_answers_is_not_told_of_it() {
    let app = house(DM).await;
    let zoe = zoe_in_slack(&app, |_| {});
    app.slack.set_members(&app.engineering, &[app.ana.clone(), zoe.clone()]).unwrap();
    let (sc, channel, ts) = asked(&app).await;
    app.slack.say(&zoe, &channel, Some(&ts), "I found it").unwrap();
    app.settle().await;
    assert_eq!((app.answers(&sc).len(), direct_messages(&app)), (1, vec![]));
    app.slack.say(&app.ana, &channel, Some(&ts), "good").unwrap();
    app.slack.say(&zoe, &channel, Some(&ts), "thanks").unwrap();
    app.settle().await;
    let told = direct_messages(&app);
    assert!(told.len() == 1 && told[0].contains("an answer by") && !told[0].contains(&zoe), "{told:?}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn quiet_hours_are_those_of_the_person_and_end_with_one_message_to_whoever_has_the_ticket_then() {
    // Ten in the morning in UTC is eleven at night in Auckland.
    let app = house(QUIET).await;
    zoe_in_slack(&app, |person| person.tz = "Pacific/Auckland".into());
    let (_, channel, ts) = asked(&app).await;
    for text in ["one", "two"] {
        app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
        app.pass(Duration::from_secs(60)).await;
    }
    assert_eq!(direct_messages(&app), Vec::<String>::new());
    app.pass(Duration::from_secs(7 * 3600)).await;
    assert_eq!(direct_messages(&app), Vec::<String>::new());
    app.settle_within(Duration::from_secs(2 * 3600)).await;
    let told = direct_messages(&app);
    assert!(told.len() == 1 && told[0].contains("2 answers"), "{told:?}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_message_whose_answer_is_lost_stands_once_and_holds_all() {
    for kind in ["dropped_after", "dropped_before", "error_after"] {
        let mut app = house(DM).await;
        zoe_in_slack(&app, |_| {});
        let other = app.zendesk.add_ticket(TicketSpec {
            subject: "Other".into(),
            requester_id: app.carla,
            assignee_id: Some(app.zoe),
            ..Default::default()
        });
        let (_, channel, ts) = asked(&app).await;
        let to = ["engineering@slack.acme.example"];
        let second = app.zendesk.start_side_conversation(app.zoe, other, &to, "Printer", "<p>Down?</p>");
        app.settle().await;
        let (_, second_ts) = app.thread(&second);
        fault(app.slack.faults(), json!({"call": "chat.postMessage", "fault": kind, "times": 1}));
        app.slack.say(&app.ana, &channel, Some(&ts), "yes").unwrap();
        app.slack.say(&app.ana, &channel, Some(&second_ts), "no").unwrap();
        app.settle_within(Duration::from_secs(1)).await;
        app.restart().await;
        app.settle().await;
        let told = direct_messages(&app);
        assert_eq!(told.len(), 1, "{kind}: {told:?}");
        assert!(told[0].contains("Scanner") && told[0].contains("Printer"), "{kind}: {told:?}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn an_older_manifest_costs_the_message_and_nothing_else() {
    let rules = "operator_channel = \"#ops\"\n[notify]\nassignee = \"dm\"\n";
    let app = house(rules).await;
    let ops =
        app.slack.add_channel(sidethread::sandbox::slack::ChannelSpec { name: "ops".into(), ..Default::default() });
    zoe_in_slack(&app, |_| {});
    let (sc, channel, ts) = asked(&app).await;
    app.slack.set_quirks(Quirks { no_direct_messages: true, ..Default::default() });
    for text in ["one", "two"] {
        app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
        app.settle().await;
    }
    assert_eq!(app.answers(&sc), ["one", "two"]);
    assert_eq!(direct_messages(&app), Vec::<String>::new());
    let told: Vec<String> =
        app.slack.messages(&ops).iter().map(|m| m["text"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(told.iter().filter(|text| text.contains("manifest")).count(), 1, "{told:?}");
    app.zendesk.reply(app.zoe, &sc, "<p>thanks</p>");
    app.settle().await;
    assert!(app.said(&sc).iter().any(|(_, text)| text == "thanks"), "Slack is not held");
}

#[tokio::test]
async fn a_message_that_is_held_up_counts_every_answer_once() {
    let app = house(DM).await;
    zoe_in_slack(&app, |_| {});
    let (_, channel, ts) = asked(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "on my way").unwrap();
    app.settle().await;
    let rule = json!({"call": "chat.update", "fault": "rate_limited", "retry_after": 20, "times": 4});
    fault(app.slack.faults(), rule);
    app.slack.say(&app.ben, &channel, Some(&ts), "me too").unwrap();
    app.settle_within(Duration::from_secs(50)).await;
    app.slack.say(&app.ben, &channel, Some(&ts), "there").unwrap();
    app.settle().await;
    let told = direct_messages(&app);
    assert!(told.len() == 1 && told[0].contains(": 3 answers by"), "{told:?}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_message_that_is_held_up_for_long_tells_only_what_is_news() {
    let app = house(DM).await;
    zoe_in_slack(&app, |_| {});
    let (_, channel, ts) = asked(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "on my way").unwrap();
    app.settle().await;
    fault(app.slack.faults(), json!({"call": "chat.update", "fault": "rate_limited", "retry_after": 700, "times": 1}));
    app.slack.say(&app.ben, &channel, Some(&ts), "me too").unwrap();
    app.settle().await;
    let told = direct_messages(&app);
    assert!(told.len() == 2 && told[1].contains("an answer by") && !told[1].contains(&app.ana), "{told:?}");
    app.ends_quietly().await;
}
