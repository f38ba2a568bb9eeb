//! People and apps that leave, and vendors that keep silent about one thing while they answer others.

use std::time::Duration;

use serde_json::json;

use crate::house::{House, Setup, fault};

fn of_zoe(app: &House, sc: &str) -> Vec<String> {
    let said = app.said(sc).into_iter().filter(|(author, _)| author == "Zoe");
    said.map(|(_, text)| text.lines().last().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn what_slack_left_out_is_fetched_as_soon_as_it_says_so() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.pass(Duration::from_secs(61)).await;
    fault(app.slack.faults(), json!({"call": "events", "fault": "events_never", "times": 1}));
    app.slack.say(&app.ana, &channel, Some(&ts), "left out").unwrap();
    app.pass(Duration::from_secs(10)).await;
    assert_eq!(app.carried(&sc), Vec::<String>::new());
    let limited = json!({"type": "app_rate_limited", "token": "x", "team_id": "T0ACME", "minute_rate_limited": 1_795_341_600,
        "api_app_id": "A0SIDE"});
    app.slack.send_raw(&limited);
    app.pass(Duration::from_secs(20)).await;
    assert_eq!(app.carried(&sc), ["left out"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn an_app_that_is_removed_and_installed_again_brings_what_was_said_meanwhile() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.pass(Duration::from_secs(61)).await;
    let revoked = json!({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [app.slack.options().bot_user_id]}});
    app.slack.send_event(None, revoked);
    app.slack.send_event(None, json!({"type": "app_uninstalled"}));
    app.settle_within(Duration::from_secs(1)).await;
    fault(app.slack.faults(), json!({"call": "*", "fault": "token_revoked", "times": 1000}));
    fault(app.slack.faults(), json!({"call": "events", "fault": "events_never", "times": 1}));
    app.zendesk.reply(app.zoe, &sc, "<p>from Zendesk</p>");
    app.slack.say(&app.ana, &channel, Some(&ts), "from Slack").unwrap();
    app.pass(Duration::from_secs(300)).await;
    assert_eq!((of_zoe(&app, &sc), app.carried(&sc)), (vec![], vec![]));
    app.slack.faults().clear();
    app.pass(Duration::from_secs(120)).await;
    assert_eq!(of_zoe(&app, &sc), ["from Zendesk"]);
    assert_eq!(app.carried(&sc), ["from Slack"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn the_words_of_somebody_who_is_deactivated_meanwhile_arrive_under_their_name() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    fault(
        app.zendesk.faults(),
        json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 30, "times": 1}),
    );
    app.slack.say(&app.ana, &channel, Some(&ts), "my last words").unwrap();
    app.settle_within(Duration::from_secs(1)).await;
    app.slack.update_person(&app.ana, |person| person.deleted = true).unwrap();
    app.settle().await;
    assert_eq!(app.carried(&sc), ["my last words"]);
    assert!(app.replies(&sc)[0].starts_with("Ana Souza"), "{:?}", app.replies(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_reply_whose_author_slack_never_names_is_told_and_parked_in_the_end() {
    let routes = "retry_schedule = [\"5s\", \"1m\", \"10m\"]";
    let app = House::with(Setup { routes, ..Setup::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    fault(app.slack.faults(), json!({"call": "users.info", "fault": "status", "status": 500, "times": 100_000}));
    app.slack.say(&app.ben, &channel, Some(&ts), "who am I?").unwrap();
    app.pass(Duration::from_secs(180)).await;
    assert!(app.told(&sc).iter().any(|told| told.contains("Not in the ticket yet")), "{:?}", app.told(&sc));
    app.pass(Duration::from_secs(12 * 60)).await;
    assert_eq!(app.app.store().parked().await.unwrap().len(), 1);
    assert!(app.told(&sc).iter().any(|told| told.contains("without success")), "{:?}", app.told(&sc));
}
