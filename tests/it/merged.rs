//! The ticket is merged into another one: the thread is told, and goes on there when somebody wants that.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sidethread::cli::merged;
use sidethread::config::Config;
use sidethread::engine::park::Wished;
use sidethread::sandbox::faults::Rule;
use sidethread::sandbox::zendesk::{TicketChange, TicketSpec, Unconfirmed};

use crate::follow_up::{a_thread, close, follow_up, follow_ups, later, messages, on_a_closed_ticket, sides};
use crate::house::{House, Setup, texts};
use crate::listed::Admin;

pub const TARGET: i64 = 35437;

/// Another ticket of the same customer.
pub fn other_ticket(app: &House, id: i64) -> i64 {
    app.zendesk.add_ticket(TicketSpec {
        id: Some(id),
        subject: "Parcel again".into(),
        requester_id: app.carla,
        assignee_id: Some(app.yan),
        status: "open".into(),
        ..Default::default()
    })
}

pub fn merge(app: &House, source: i64, target: i64) {
    assert!(app.zendesk.merge(app.zoe, source, target, None), "the ticket cannot be merged");
}

/// The ticket is merged into another one of the same customer.
pub fn merge_into_target(app: &House) {
    other_ticket(app, TARGET);
    merge(app, app.ticket, TARGET);
}

/// Where the notice with the button stands: the channel, and the newest such notice.
pub fn proposed(app: &House, sc: &str) -> (String, String) {
    let (channel, ts) = app.thread(sc);
    let thread = app.slack.thread(&channel, &ts);
    let notice = thread.iter().rev().find(|message| message["blocks"].to_string().contains("\"continue_on\""));
    let notice = notice.expect("nothing is proposed")["ts"].as_str().unwrap().to_owned();
    (channel, notice)
}

pub async fn press(app: &House, person: &str, sc: &str) {
    let (channel, notice) = proposed(app, sc);
    app.slack.press(person, &channel, &notice, "continue_on").unwrap();
    app.settle().await;
}

/// A thread whose ticket is merged, and the place of the thread.
pub async fn merged_thread(app: &House) -> (String, String, String) {
    let (sc, channel, ts) = a_thread(app).await;
    later(app).await;
    merge_into_target(app);
    (sc, channel, ts)
}

#[tokio::test]
async fn a_merged_ticket_is_proposed_and_whoever_presses_lets_the_thread_go_on() {
    let app = House::new().await;
    let (sc, channel, ts) = merged_thread(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "It is up again.").unwrap();
    app.slack.say(&app.ben, &channel, Some(&ts), "Confirmed.").unwrap();
    app.settle_within(Duration::from_secs(60)).await;

    let told = app.told(&sc);
    let [proposal] = &told[..] else { panic!("it is told once: {told:?}") };
    for part in ["/tickets/35436|#35436", "/tickets/35437|#35437"] {
        assert!(proposal.contains(part), "{part:?} is not in {proposal}");
    }
    assert_eq!(sides(&app, TARGET).len(), 0, "nothing goes on by itself");
    let (_, notice) = proposed(&app, &sc);
    let thread = app.slack.thread(&channel, &ts);
    let button = texts(&thread.iter().find(|message| message["ts"] == notice).unwrap()["blocks"]);
    assert!(button.contains("Continue on #35437"), "{button}");

    press(&app, &app.ana, &sc).await;
    let [new] = &sides(&app, TARGET)[..] else { panic!("one side conversation is on it") };
    let said = messages(&app, new);
    assert_eq!(said[1..], ["It is up again.", "Confirmed."]);
    let opening = app.zendesk.events(new)[0]["message"]["body"].as_str().unwrap().to_owned();
    for part in ["Ana Souza", "“Scanner”", "/agent/tickets/35436", &format!("/archives/{channel}/p")] {
        assert!(opening.contains(part), "{part:?} is not in {opening}");
    }
    assert_eq!(app.answers(&sc), [""; 0], "nothing more is sent to the old one");
    assert_eq!(follow_ups(&app, app.ticket), [0; 0]);
    let told = app.told(&sc);
    let [pressed, moved] = &told[..] else { panic!("one line says that it goes on: {told:?}") };
    assert!(pressed.contains("Ana Souza lets this thread go on"), "{pressed}");
    for part in ["/tickets/35436|#35436", "/tickets/35437|#35437", "goes on"] {
        assert!(moved.contains(part), "{part:?} is not in {moved}");
    }
    assert!(app.card(&sc).contains("Ticket #35437"), "{}", app.card(&sc));
    assert!(app.card(&sc).contains("/tickets/35436|Continues #35436>"), "{}", app.card(&sc));

    app.zendesk.reply(app.zoe, new, "<p>Thank you</p>");
    app.zendesk.reply(app.yan, &sc, "<p>An afterthought in the old one</p>");
    app.pass(Duration::from_secs(30)).await;
    let said = app.said(&sc);
    let agents: Vec<&str> =
        said.iter().filter(|(author, _)| author == "Zoe" || author == "Yan").map(|(_, text)| text.as_str()).collect();
    assert_eq!(agents, ["Thank you", "An afterthought in the old one"], "agents' words in either arrive");
    app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
    app.settle().await;
    assert_eq!((app.state(new).as_str(), app.state(&sc).as_str()), ("closed", "open"));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_merge_of_which_zendesk_speaks_is_told_before_anybody_writes() {
    let app = House::new().await;
    let (sc, channel, ts) = merged_thread(&app).await;
    let done =
        app.zendesk.start_side_conversation(app.zoe, TARGET, &["engineering@slack.acme.example"], "X", "<p>x</p>");
    assert!(!done.is_empty());
    app.app.engine().unwrap().nudge(sidethread::bridge::ids::TicketId(app.ticket)).await.unwrap();
    app.settle().await;
    assert_eq!(app.told(&sc).len(), 1, "{:?}", app.told(&sc));
    app.app.engine().unwrap().nudge(sidethread::bridge::ids::TicketId(app.ticket)).await.unwrap();
    app.settle().await;
    assert_eq!(app.told(&sc).len(), 1, "{:?}", app.told(&sc));
    press(&app, &app.ben, &sc).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "Later.").unwrap();
    app.settle().await;
    let new = sides(&app, TARGET).into_iter().find(|side| *side != done).unwrap();
    assert_eq!(messages(&app, &new)[1..], ["Later."]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_button_pressed_by_several_and_again_begins_one_side_conversation() {
    for unconfirmed in [Unconfirmed::default(), Unconfirmed { external_ids_echoed: false, ..Default::default() }] {
        let app = House::with(Setup { unconfirmed, ..Default::default() }).await;
        let (sc, channel, ts) = merged_thread(&app).await;
        app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
        app.settle_within(Duration::from_secs(60)).await;
        let (_, notice) = proposed(&app, &sc);
        for person in [&app.ana, &app.ben, &app.ana, &app.guest, &app.stranger] {
            app.slack.press(person, &channel, &notice, "continue_on").unwrap();
        }
        app.settle().await;
        let [new] = &sides(&app, TARGET)[..] else { panic!("{:?}", sides(&app, TARGET)) };
        assert_eq!(messages(&app, new)[1..], ["one"]);
        assert_eq!(app.whispers(&app.guest).len(), 1, "a guest may not");
        assert_eq!(app.whispers(&app.stranger).len(), 1, "nor may another firm");
        assert_eq!(app.whispers(&app.ana).len() + app.whispers(&app.ben).len(), 2, "who comes later is told");
        assert_eq!(app.told(&sc).len(), 2, "{:?}", app.told(&sc));
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_crash_at_any_step_begins_one_side_conversation() {
    for step in 0..12 {
        let mut app = House::new().await;
        let (sc, channel, ts) = merged_thread(&app).await;
        app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
        app.settle_within(Duration::from_secs(60)).await;
        let rule = json!({"call": "POST …/side_conversations", "fault": "dropped_after", "times": 1});
        if step % 2 == 0 {
            app.zendesk.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
        }
        let (_, notice) = proposed(&app, &sc);
        app.slack.press(&app.ana, &channel, &notice, "continue_on").unwrap();
        for _ in 0..step {
            app.step().await;
        }
        app.restart().await;
        app.settle().await;
        app.pass(Duration::from_secs(400)).await;
        let [new] = &sides(&app, TARGET)[..] else { panic!("step {step}: {:?}", sides(&app, TARGET)) };
        assert_eq!(messages(&app, new)[1..], ["one"], "step {step}");
        assert_eq!(app.told(&sc).iter().filter(|told| told.contains("goes on in ticket")).count(), 1, "step {step}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_target_that_is_merged_on_is_followed_to_the_last() {
    let app = House::new().await;
    let (sc, channel, ts) = merged_thread(&app).await;
    let (next, last) = (other_ticket(&app, 35438), other_ticket(&app, 35439));
    merge(&app, TARGET, next);
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    assert!(app.told(&sc)[0].contains("#35438>"), "{:?}", app.told(&sc));
    // Merged on after it was proposed.
    later(&app).await;
    merge(&app, next, last);
    press(&app, &app.ana, &sc).await;
    assert_eq!((sides(&app, TARGET).len(), sides(&app, next).len()), (0, 0));
    let [new] = &sides(&app, last)[..] else { panic!("it is on the last one") };
    assert_eq!(messages(&app, new)[1..], ["one"]);
    assert!(app.card(&sc).contains("Ticket #35439"), "{}", app.card(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_target_that_is_closed_is_followed_up_and_the_thread_goes_on_there() {
    let app = House::new().await;
    let (sc, channel, ts) = merged_thread(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    later(&app).await;
    close(&app, TARGET);
    press(&app, &app.ana, &sc).await;
    assert_eq!((sides(&app, TARGET).len(), follow_ups(&app, app.ticket).len()), (0, 0));
    let follow = follow_up(&app, TARGET);
    let [new] = &sides(&app, follow)[..] else { panic!("it is on the follow-up: {:?}", sides(&app, follow)) };
    assert_eq!(messages(&app, new)[1..], ["one"]);
    assert!(app.card(&sc).contains(&format!("Ticket #{follow}")), "{}", app.card(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn two_threads_of_one_merged_ticket_go_on_each_when_it_is_wanted() {
    let app = House::new().await;
    let other = app.ask("engineering", "Printer", "<p>Is it down, too?</p>").await;
    let (sc, channel, ts) = merged_thread(&app).await;
    let (_, other_ts) = app.thread(&other);
    for ts in [&ts, &other_ts] {
        app.slack.say(&app.ana, &channel, Some(ts), "one").unwrap();
    }
    app.settle_within(Duration::from_secs(60)).await;
    press(&app, &app.ana, &sc).await;
    assert_eq!(sides(&app, TARGET).len(), 1);
    press(&app, &app.ben, &other).await;
    let found: Vec<Vec<String>> = sides(&app, TARGET).iter().map(|side| messages(&app, side)[1..].to_vec()).collect();
    assert_eq!(found, [["one"], ["one"]]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_merge_whose_comment_names_no_ticket_is_told_and_the_replies_wait() {
    let app = House::new().await;
    let (sc, channel, ts) = a_thread(&app).await;
    later(&app).await;
    other_ticket(&app, TARGET);
    assert!(app.zendesk.merge(app.zoe, app.ticket, TARGET, Some("A duplicate; see shelf #99.")));
    for text in ["one", "two"] {
        app.slack.say(&app.ana, &channel, Some(&ts), text).unwrap();
        app.settle_within(Duration::from_secs(60)).await;
    }
    app.pass(Duration::from_secs(1800)).await;
    let told: Vec<String> = app.told(&sc).into_iter().filter(|told| told.contains("was merged")).collect();
    assert!(told.len() == 1 && told[0].contains("does not say which"), "{told:?}");
    assert_eq!(sides(&app, TARGET).len(), 0);

    assert!(operator(&app, TARGET, app.ticket).await.unwrap_err().to_string().contains("no thread waits"));
    assert!(operator(&app, app.ticket, 35438).await.unwrap().contains("One thread is told"));
    let (place, stale) = proposed(&app, &sc);
    // Its button is there for a while, although a newer notice stands.
    let rule = json!({"call": "chat.update", "fault": "rate_limited", "retry_after": 300, "times": 1});
    app.slack.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
    assert!(operator(&app, app.ticket, TARGET).await.unwrap().contains("One thread is told"));
    app.slack.press(&app.ana, &place, &stale, "continue_on").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    let whispers = app.whispers(&app.ana);
    assert!(whispers.len() == 1 && whispers[0].contains("Continue on #35437"), "{whispers:?}");
    app.pass(Duration::from_secs(1800)).await;
    press(&app, &app.ana, &sc).await;
    assert_eq!(messages(&app, &sides(&app, TARGET)[0])[1..], ["one", "two"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn an_older_comment_says_nothing_of_the_merge() {
    let app = House::new().await;
    let (sc, channel, ts) = a_thread(&app).await;
    other_ticket(&app, TARGET);
    assert!(app.zendesk.add_comment(app.ticket, app.carla, &format!("My order is #{TARGET}."), true));
    app.pass(Duration::from_secs(3600)).await;
    let change = TicketChange { tags: Some(vec!["closed_by_merge".into()]), ..Default::default() };
    assert!(app.zendesk.set_ticket(app.ticket, TicketChange { status: Some("closed".into()), ..change }));
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.pass(Duration::from_secs(600)).await;
    let told = app.told(&sc).join("\n");
    assert!(told.contains("does not say which") && !told.contains("35437"), "{told}");
    assert!(!told.contains("keeps trying"), "it waits for somebody, and that is told: {told}");
    assert!(operator(&app, app.ticket, TARGET).await.unwrap().contains("One thread is told"));
    press(&app, &app.ana, &sc).await;
    assert_eq!(messages(&app, &sides(&app, TARGET)[0])[1..], ["one"]);
    app.ends_quietly().await;
}

pub async fn operator(app: &House, source: i64, into: i64) -> anyhow::Result<String> {
    let mut config = Config::parse("test", &app.config, []).unwrap();
    config.database.path = app.database();
    let admin = Arc::new(Admin(Some(app.app.admin_router())));
    let said = merged::run(config, source, into, admin, Arc::new(app.clock.clone())).await;
    app.settle_within(Duration::from_secs(60)).await;
    said
}

#[tokio::test]
async fn the_operator_says_where_it_goes_on_while_no_bridge_runs() {
    let mut app = House::new().await;
    let (sc, channel, ts) = merged_thread(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    let last = other_ticket(&app, 35438);
    app.leave().await;
    let mut config = Config::parse("test", &app.config, []).unwrap();
    config.database.path = app.database();
    let nobody = Arc::new(Admin(None));
    merged::run(config, app.ticket, last, nobody, Arc::new(app.clock.clone())).await.unwrap();
    app.start().await;
    app.settle_within(Duration::from_secs(60)).await;
    press(&app, &app.ana, &sc).await;
    assert_eq!(messages(&app, &sides(&app, last)[0])[1..], ["one"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_cannot_be_begun_is_told_and_tried_again() {
    let app = House::new().await;
    let (sc, channel, ts) = merged_thread(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    let rule = json!({"call": "POST …/side_conversations", "fault": "refused", "times": 1});
    app.zendesk.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
    press(&app, &app.ana, &sc).await;
    assert!(app.told(&sc).iter().any(|told| told.contains("cannot go on in ticket")), "{:?}", app.told(&sc));
    assert_eq!(sides(&app, TARGET).len(), 0);
    let thread = app.slack.thread(&channel, &ts);
    let retry = thread.iter().rfind(|message| message["blocks"].to_string().contains("\"retry\"")).unwrap();
    app.slack.press(&app.ben, &channel, retry["ts"].as_str().unwrap(), "retry").unwrap();
    app.settle().await;
    assert_eq!(messages(&app, &sides(&app, TARGET)[0])[1..], ["one"]);
    assert!(app.told(&sc).iter().any(|told| told.contains("after all")), "{:?}", app.told(&sc));
    app.ends_quietly().await;
}

#[tokio::test]
async fn an_attempt_that_is_given_up_puts_the_button_back() {
    let app = House::new().await;
    let (sc, channel, ts) = merged_thread(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    let rule = json!({"call": "POST …/side_conversations", "fault": "refused", "times": 1});
    app.zendesk.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
    press(&app, &app.ana, &sc).await;
    let row = crate::parked::parked_row(&app).await;
    assert_eq!(app.app.engine().unwrap().drop_parked(row).await.unwrap(), Wished::Stored);
    app.settle().await;
    press(&app, &app.ben, &sc).await;
    assert_eq!(messages(&app, &sides(&app, TARGET)[0])[1..], ["one"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_follow_up_that_keeps_the_tag_of_its_source_is_not_taken_for_merged() {
    let app = House::new().await;
    let (sc, channel, ts) = merged_thread(&app).await;
    let tagged = TicketChange { tags: Some(vec!["closed_by_merge".into()]), ..Default::default() };
    assert!(app.zendesk.set_ticket(TARGET, tagged));
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    press(&app, &app.ana, &sc).await;
    let found: Vec<Value> = app.zendesk.side_conversations(TARGET);
    assert_eq!(found.len(), 1);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_follow_up_that_keeps_the_tag_and_closes_by_itself_is_followed_up() {
    let app = House::new().await;
    let (_, channel, ts) = on_a_closed_ticket(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle().await;
    let [first] = follow_ups(&app, app.ticket)[..] else { panic!("it has a follow-up") };
    let tags = Some(vec!["closed_by_merge".into()]);
    assert!(app.zendesk.set_ticket(first, TicketChange { tags, status: Some("closed".into()), ..Default::default() }));
    later(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "two").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    let [second] = follow_ups(&app, first)[..] else { panic!("the follow-up has one too") };
    assert_eq!(messages(&app, &sides(&app, second)[0]), ["two"]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_target_that_is_deleted_after_the_thread_went_on_is_waited_for_and_not_followed_up() {
    let app = House::new().await;
    let (sc, channel, ts) = merged_thread(&app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "one").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    press(&app, &app.ana, &sc).await;
    app.pass(Duration::from_secs(400)).await;
    let deleted = |yes: bool| TicketChange { deleted: Some(yes), ..Default::default() };
    assert!(app.zendesk.set_ticket(TARGET, deleted(true)));
    app.slack.say(&app.ana, &channel, Some(&ts), "two").unwrap();
    app.pass(Duration::from_secs(3600)).await;
    let told = app.told(&sc);
    assert_eq!(told.iter().filter(|told| told.contains("*Paused*")).count(), 1, "{told:?}");
    assert!(app.zendesk.set_ticket(TARGET, deleted(false)));
    app.pass(Duration::from_secs(16 * 60)).await;
    assert_eq!(messages(&app, &sides(&app, TARGET)[0])[1..], ["one", "two"]);
    assert!(follow_ups(&app, app.ticket).is_empty());
    app.ends_quietly().await;
}
