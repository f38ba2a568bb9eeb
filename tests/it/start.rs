//! Side conversations that are started from Slack with `/side-convo`.

use std::time::Duration;

use serde_json::{Value, json};
use sidethread::engine::clock::Clock;
use sidethread::sandbox::post::Sender;
use sidethread::sandbox::slack::ChannelSpec;
use sidethread::sandbox::zendesk::{TicketChange, TicketSpec, Unconfirmed};

use crate::house::{House, Setup, fault, texts};
use crate::notify::{direct_messages, zoe_in_slack};

/// What is asked.
const QUESTION: &str = "Where is *this* parcel?\nThe customer calls every day.";

/// Types the command, and gives what its writer was answered.
async fn typed(app: &House, person: &str, channel: &str, text: &str) -> String {
    let answer = crate::command::typed_in(app, person, channel, text).await;
    answer["text"].as_str().unwrap().to_owned()
}

fn sides(app: &House, ticket: i64) -> Vec<Value> {
    app.zendesk.side_conversations(ticket)
}

/// The parents of the app's own in a channel.
fn cards(app: &House, channel: &str) -> Vec<Value> {
    let messages = app.slack.messages(channel).into_iter();
    messages
        .filter(|message| message["metadata"]["event_payload"]["k"].as_str().is_some_and(|k| k.contains("/card")))
        .collect()
}

fn not_started(app: &House, person: &str) -> Vec<String> {
    app.whispers(person).into_iter().filter(|text| text.contains("not started")).collect()
}

#[tokio::test]
async fn an_agent_starts_one_in_a_channel_and_it_is_a_thread_like_any_other() {
    let app = House::new().await;
    let zoe = zoe_in_slack(&app, |_| {});
    let answer = typed(&app, &zoe, &app.engineering, &format!("#35436 {QUESTION}")).await;
    assert!(answer.starts_with("Starting a side conversation on ticket <") && answer.contains("|#35436>"), "{answer}");
    app.settle().await;
    let side = sides(&app, app.ticket).remove(0);
    let id = side["id"].as_str().unwrap().to_owned();
    assert_eq!(side["subject"], "Where is this parcel?");
    let first = app.zendesk.events(&id).remove(0);
    let marker = first["message"]["external_ids"]["sidethread"].as_str().unwrap_or_default();
    assert!(marker.starts_with("start-") && side["external_ids"]["sidethread"] == marker, "{first:#}\n{side:#}");
    assert_eq!(first["message"]["to"][0]["user_id"], app.zoe);
    let body = first["message"]["body"].as_str().unwrap();
    assert!(body.starts_with("Zoe in Slack (") && body.ends_with("The customer calls every day."), "{body}");
    assert!(first["message"]["html_body"].as_str().unwrap().contains("<strong>this</strong>"));

    let card = cards(&app, &app.engineering).remove(0);
    let shown = texts(&card["blocks"]);
    assert!(
        shown.contains("Where is *this* parcel?") && shown.contains("Zoe") && shown.contains("Carla Customer"),
        "{shown}"
    );
    let ts = card["ts"].as_str().unwrap().to_owned();
    app.slack.say(&app.ana, &app.engineering, Some(&ts), "In Porto").unwrap();
    app.zendesk.reply(app.yan, &id, "<p>Thanks!</p>");
    app.settle().await;
    assert_eq!(app.carried(&id), ["In Porto"]);
    let thread = app.slack.thread(&app.engineering, &ts);
    assert!(
        thread[1..].iter().any(|message| message["username"] == "Yan" && message["text"] == "Thanks!"),
        "{thread:#?}"
    );
    app.pass(Duration::from_secs(2)).await;
    assert!(typed(&app, &zoe, &app.engineering, "list mine").await.contains("Where is this parcel?"));
    assert!(typed(&app, &zoe, &app.engineering, "done").await.starts_with("Marking <"));
    app.settle().await;
    assert_eq!(app.state(&id), "closed");
    assert_eq!((sides(&app, app.ticket).len(), cards(&app, &app.engineering).len()), (1, 1));
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_cannot_be_started_is_told_to_its_writer_alone_with_their_words() {
    let app = House::new().await;
    let zoe = zoe_in_slack(&app, |_| {});
    let secret = app.slack.add_channel(ChannelSpec {
        name: "secret".into(),
        private: true,
        members: vec![zoe.clone()],
        ..Default::default()
    });
    let shared = app.slack.add_channel(ChannelSpec {
        name: "shared".into(),
        shared_with: Some("TNORD".into()),
        members: vec![zoe.clone()],
        ..Default::default()
    });
    let direct = app.slack.open_direct(&[&zoe, &app.ben]).unwrap();
    let merged = app.zendesk.add_ticket(TicketSpec { requester_id: app.carla, ..Default::default() });
    assert!(app.zendesk.merge(app.zoe, merged, app.ticket, None));
    let number = merged.to_string();
    let public = app.engineering.clone();
    for (person, channel, ticket, why) in [
        (&app.ana, &public, "35436", "only agents"),
        (&app.guest, &public, "35436", "Guests"),
        (&zoe, &public, "99", "there is no ticket #99"),
        (&zoe, &public, &number, "was merged into ticket #35436"),
        (&zoe, &secret, "35436", "/invite"),
        (&zoe, &shared, "35436", "another firm"),
        (&zoe, &direct, "35436", "direct message"),
    ] {
        typed(&app, person, channel, &format!("{ticket} {QUESTION}")).await;
        app.settle().await;
        let told = not_started(&app, person);
        let last = told.last().unwrap_or_else(|| panic!("{why}: nothing was told"));
        assert!(last.contains(why) && last.contains("The customer calls every day."), "{why}: {last}");
    }
    app.zendesk.switch_side_conversations(false);
    typed(&app, &zoe, &public, &format!("35436 {QUESTION}")).await;
    app.settle().await;
    let told = not_started(&app, &zoe);
    assert!(told.last().unwrap().contains("Zendesk did not take it"), "{told:?}");
    app.zendesk.switch_side_conversations(true);
    app.settle().await;
    for channel in [&public, &secret, &shared, &direct] {
        assert!(cards(&app, channel).is_empty());
    }
    let joined = app.slack.messages(&public).len();
    assert_eq!(joined, 0, "nothing is visible in the channel");
    assert!(sides(&app, app.ticket).is_empty());
    assert_eq!(direct_messages(&app).len(), 0, "each was told where the command was typed");
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_ticket_without_words_is_asked_for_them_and_two_numbers_are_no_words() {
    let app = House::new().await;
    let answer = typed(&app, &app.ana, &app.engineering, "35436").await;
    assert!(answer.contains("What would you like to ask?"), "{answer}");
    app.settle().await;
    assert!(not_started(&app, &app.ana).is_empty());
    app.ends_quietly().await;
}

#[tokio::test]
async fn after_a_restart_a_refusal_comes_as_a_direct_message() {
    let mut app = House::new().await;
    let zoe = zoe_in_slack(&app, |_| {});
    app.slack.command(&zoe, &app.engineering, "/side-convo", &format!("99 {QUESTION}"));
    app.bring().await;
    app.restart().await;
    app.settle().await;
    let told = direct_messages(&app);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("there is no ticket #99") && told[0].contains("The customer calls every day."),
        "{told:?}"
    );
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_crash_after_any_step_starts_one() {
    for steps in 0..14 {
        let mut app = House::new().await;
        let zoe = zoe_in_slack(&app, |_| {});
        app.slack.command(&zoe, &app.engineering, "/side-convo", &format!("35436 {QUESTION}"));
        app.bring().await;
        for _ in 0..steps {
            app.step().await;
        }
        app.restart().await;
        app.settle().await;
        app.pass(Duration::from_secs(400)).await;
        assert_eq!((sides(&app, app.ticket).len(), cards(&app, &app.engineering).len()), (1, 1), "after {steps} steps");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn the_same_command_delivered_twice_starts_one() {
    let mut app = House::new().await;
    let zoe = zoe_in_slack(&app, |_| {});
    app.slack.command(&zoe, &app.engineering, "/side-convo", &format!("35436 {QUESTION}"));
    let parcels = app.slack.take_due();
    for parcel in &parcels {
        app.deliver(parcel).await;
    }
    app.settle().await;
    app.restart().await;
    for parcel in parcels {
        let receipt = app.deliver(&parcel).await;
        app.slack.settle(parcel.id, receipt);
    }
    app.settle().await;
    assert_eq!((sides(&app, app.ticket).len(), cards(&app, &app.engineering).len()), (1, 1));
    app.ends_quietly().await;
}

/// However its call ends, whether Zendesk hands our marker back or not, and whether the feed is first.
#[tokio::test]
async fn a_start_in_doubt_stands_once() {
    for external_ids_echoed in [true, false] {
        for kind in ["dropped_after", "html", "error_after"] {
            for api_fires_trigger in [true, false] {
                let unconfirmed = Unconfirmed { external_ids_echoed, api_fires_trigger, ..Unconfirmed::default() };
                let app = House::with(Setup { unconfirmed, ..Default::default() }).await;
                let zoe = zoe_in_slack(&app, |_| {});
                fault(app.zendesk.faults(), json!({"call": "POST …/side_conversations", "fault": kind, "times": 1}));
                typed(&app, &zoe, &app.engineering, &format!("35436 {QUESTION}")).await;
                app.settle().await;
                app.pass(Duration::from_secs(400)).await;
                let stands = (sides(&app, app.ticket).len(), cards(&app, &app.engineering).len());
                assert_eq!(stands, (1, 1), "{external_ids_echoed}, {kind}, {api_fires_trigger}");
                assert!(texts(&cards(&app, &app.engineering)[0]["blocks"]).contains("Where is *this* parcel?"));
                app.ends_quietly().await;
            }
        }
    }
}

#[tokio::test]
async fn what_the_feed_shows_before_the_call_has_answered_is_the_answer() {
    let app = House::new().await;
    let zoe = zoe_in_slack(&app, |_| {});
    fault(
        app.zendesk.faults(),
        json!({"call": "POST …/side_conversations", "fault": "latency", "ms": 20_000, "times": 1}),
    );
    let now = app.clock.now_ms();
    let id = app.slack.command(&zoe, &app.engineering, "/side-convo", &format!("35436 {QUESTION}"));
    app.bring().await;
    assert!(app.slack.command_answer(id).is_some() && app.clock.now_ms() == now, "it is answered at once");
    app.settle().await;
    app.pass(Duration::from_secs(400)).await;
    assert_eq!((sides(&app, app.ticket).len(), cards(&app, &app.engineering).len()), (1, 1));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_closed_ticket_is_offered_to_be_followed_up() {
    let app = House::new().await;
    let zoe = zoe_in_slack(&app, |_| {});
    assert!(app.zendesk.set_ticket(app.ticket, TicketChange { status: Some("closed".into()), ..Default::default() }));
    typed(&app, &zoe, &app.engineering, &format!("35436 {QUESTION}")).await;
    app.settle().await;
    let offer =
        app.slack.ephemerals(&zoe).into_iter().find(|one| one["blocks"].to_string().contains("start_on_follow_up"));
    let offer = offer.expect("nothing was offered");
    assert!(texts(&offer["blocks"]).contains("Start it on a follow-up ticket?"), "{offer:#}");
    assert!(sides(&app, app.ticket).is_empty() && cards(&app, &app.engineering).is_empty());
    for _ in 0..2 {
        let _ = app.slack.press(&zoe, &app.engineering, offer["ts"].as_str().unwrap(), "start_on_follow_up");
        app.settle().await;
    }
    let followed = app.zendesk.ticket(app.ticket).unwrap()["followup_ids"][0].as_i64().expect("no follow-up was made");
    assert_eq!(sides(&app, followed).len(), 1);
    let card = cards(&app, &app.engineering).remove(0);
    assert!(texts(&card["blocks"]).contains(&format!("#{followed}")), "{card:#}");
    let notes = app.zendesk.comments(followed);
    assert!(notes[0]["body"].as_str().unwrap().contains("Somebody in Slack asks about ticket #35436"), "{notes:#?}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn while_zendesk_does_not_answer_the_writer_is_told_once_that_it_is_kept() {
    let app = House::new().await;
    let zoe = zoe_in_slack(&app, |_| {});
    let rule = json!({"call": "GET users/search", "fault": "rate_limited", "retry_after": 400, "times": 1});
    fault(app.zendesk.faults(), rule);
    typed(&app, &zoe, &app.engineering, &format!("35436 {QUESTION}")).await;
    app.pass(Duration::from_secs(300)).await;
    let late = |app: &House| app.whispers(&zoe).iter().filter(|text| text.contains("not started yet")).count();
    assert_eq!(late(&app), 1);
    app.pass(Duration::from_secs(300)).await;
    assert_eq!((late(&app), sides(&app, app.ticket).len(), cards(&app, &app.engineering).len()), (1, 1, 1));
    app.ends_quietly().await;
}

#[tokio::test]
async fn every_member_may_start_one_where_the_settings_say_so() {
    let routes = "order_window_ms = 0\n[permissions]\nstart = \"anyone\"";
    let app = House::with(Setup { routes, ..Default::default() }).await;
    typed(&app, &app.ana, &app.engineering, "35436 Where is this parcel?").await;
    typed(&app, &app.guest, &app.engineering, "35436 And this one?").await;
    app.settle().await;
    let sides = sides(&app, app.ticket);
    assert_eq!(
        sides.iter().map(|side| side["subject"].as_str().unwrap()).collect::<Vec<_>>(),
        ["Where is this parcel?"]
    );
    assert_eq!((cards(&app, &app.engineering).len(), not_started(&app, &app.guest).len()), (1, 1));
}

#[tokio::test]
async fn where_the_follow_up_is_closed_too_the_next_one_is_offered() {
    let app = House::new().await;
    let zoe = zoe_in_slack(&app, |_| {});
    let closes = |ticket: i64| {
        assert!(app.zendesk.set_ticket(ticket, TicketChange { status: Some("closed".into()), ..Default::default() }));
    };
    let next = |ticket: i64| app.zendesk.ticket(ticket).unwrap()["followup_ids"][0].as_i64();
    let press_the_offer = async || {
        let mut offers = app.slack.ephemerals(&zoe).into_iter();
        let offer = offers.rfind(|one| one["blocks"].to_string().contains("start_on_follow_up"));
        let offer = offer.expect("nothing was offered");
        app.slack.press(&zoe, &app.engineering, offer["ts"].as_str().unwrap(), "start_on_follow_up").unwrap();
        app.settle().await;
    };
    closes(app.ticket);
    typed(&app, &zoe, &app.engineering, "35436 Where is this parcel?").await;
    app.settle().await;
    press_the_offer().await;
    let second = next(app.ticket).expect("no follow-up was made");
    closes(second);
    // What was read of it a moment ago counts for a while.
    app.pass(Duration::from_secs(120)).await;
    typed(&app, &zoe, &app.engineering, "35436 And now?").await;
    app.settle().await;
    press_the_offer().await;
    press_the_offer().await;
    let third = next(second).expect("the follow-up was not followed up");
    assert_eq!(sides(&app, third).iter().map(|side| side["subject"].clone()).collect::<Vec<_>>(), ["And now?"]);
}
