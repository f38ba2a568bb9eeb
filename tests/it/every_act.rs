//! One table over all acts: whatever becomes of its call, an act is done once or said to be undone.

use std::pin::Pin;
use std::time::Duration;

use serde_json::{Value, json};
use sidethread::bridge::{Act, Vendor};
use sidethread::engine::park::Wished;
use sidethread::sandbox::faults::Rule;
use sidethread::sandbox::slack::ChannelSpec;
use sidethread::sandbox::zendesk::{TicketChange, TicketSpec};

use crate::house::{House, Setup};

type Story = for<'a> fn(&'a House) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// How one act is provoked, and how it is seen.
struct Row {
    act: &'static str,
    vendor: Vendor,
    /// The vendor's call that does it.
    call: &'static str,
    /// Settings without which nobody asks for it.
    settings: &'static str,
    /// What comes before, undisturbed.
    before: Story,
    /// What asks for it.
    cause: fn(&House),
    /// How often it stands at the vendor.
    stands: fn(&House) -> usize,
    /// Whether it is simply made again where it may have been done already.
    made_again: bool,
    /// How many calls it takes until a refusal is the last word.
    until_refused: usize,
    /// Where it is said that it was refused; without it, in the log and among what is parked.
    said: Option<fn(&House) -> usize>,
}

/// A row for each act: the match has no wildcard, so an act without a row does not compile.
macro_rules! rows {
    ($($name:ident $pattern:tt => $row:expr),+ $(,)?) => {
        #[allow(dead_code)]
        fn every_act_has_a_row(act: &Act) {
            match act {
                $(rows!(@pattern $name $pattern) => {})+
            }
        }

        fn rows() -> Vec<Row> {
            vec![$(Row { act: stringify!($name), ..$row }),+]
        }
    };
    (@pattern $name:ident {}) => { Act::$name { .. } };
    (@pattern $name:ident ()) => { Act::$name(_) };
    (@pattern $name:ident _) => { Act::$name };
}

rows! {
    ReadTicket {} => Row { made_again: true, ..of_a_new_one(Vendor::Zendesk, "GET …/events") },
    OpenChannel {} => of_a_new_one(Vendor::Slack, "conversations.join"),
    PostCard _ => of_a_new_one(Vendor::Slack, "chat.postMessage"),
    UpdateCard _ => Row {
        cause: |app| drop(app.zendesk.set_state(app.zoe, &only(app), "closed")),
        stands: |app| usize::from(app.card(&only(app)).contains("*Done* by Zoe")),
        made_again: true,
        ..of_a_bridged_one(Vendor::Slack, "chat.update")
    },
    Post {} => Row {
        cause: |app| drop(app.zendesk.reply(app.zoe, &only(app), "<p>word</p>")),
        stands: |app| app.said(&only(app)).iter().filter(|(author, text)| author == "Zoe" && text == "word").count(),
        said: Some(|app| app.notes().len()),
        ..of_a_bridged_one(Vendor::Slack, "chat.postMessage")
    },
    Tell {} => Row {
        cause: |app| drop(app.zendesk.set_state(app.zoe, &only(app), "closed")),
        stands: |app| app.told(&only(app)).len(),
        said: Some(|app| app.notes().len()),
        ..of_a_bridged_one(Vendor::Slack, "chat.postMessage")
    },
    ChangeTell {} => Row {
        before: |app| Box::pin(one_is_given_up(app)),
        cause: |_| {},
        stands: |app| app.told(&only(app)).iter().filter(|told| told.contains("will not be sent")).count(),
        made_again: true,
        ..of_a_bridged_one(Vendor::Slack, "chat.update")
    },
    TakeBack {} => Row {
        before: |app| Box::pin(one_is_late(app)),
        cause: |_| {},
        stands: |app| usize::from(app.told(&only(app)).is_empty()),
        made_again: true,
        said: Some(|app| app.told(&only(app)).iter().filter(|told| told.contains("is in the ticket")).count()),
        ..of_a_bridged_one(Vendor::Slack, "chat.delete")
    },
    Whisper {} => Row {
        cause: |app| press(app, &app.guest),
        stands: |app| app.whispers(&app.guest).len(),
        ..of_a_bridged_one(Vendor::Slack, "chat.postEphemeral")
    },
    TellOperator {} => Row {
        before: |app| Box::pin(async { fault(app, Vendor::Zendesk, json!({"call": "PUT tickets/{id}", "fault": "refused"})) }),
        cause: |app| start(app, &["nowhere@slack.acme.example"]),
        stands: told_to_the_operator,
        said: None,
        ..of_a_new_one(Vendor::Slack, "chat.postMessage")
    },
    AskWho {} => Row {
        cause: |app| press(app, &app.ana),
        stands: |app| changes_of_state(app),
        made_again: true,
        said: Some(|app| app.whispers(&app.ana).len()),
        ..of_a_bridged_one(Vendor::Slack, "users.info")
    },
    Reply () => Row {
        cause: say,
        stands: |app| app.answers(&only(app)).iter().filter(|answer| *answer == "word").count(),
        said: Some(|app| app.told(&only(app)).len()),
        ..of_a_bridged_one(Vendor::Zendesk, "POST …/reply")
    },
    SetState {} => Row {
        cause: |app| press(app, &app.ana),
        stands: |app| changes_of_state(app),
        said: Some(|app| app.whispers(&app.ana).len()),
        ..of_a_bridged_one(Vendor::Zendesk, "PUT …/side_conversations/{id}")
    },
    SeekFollowUp {} => Row {
        cause: say,
        stands: words_in_follow_ups,
        made_again: true,
        said: Some(not_delivered),
        ..of_a_closed_one("GET …/events")
    },
    FollowUp {} => Row {
        cause: say,
        stands: words_in_follow_ups,
        made_again: true,
        // Without its form, its brand, its assignee, its priority and its requester.
        until_refused: 6,
        said: Some(not_delivered),
        ..of_a_closed_one("POST tickets")
    },
    ContinueOn {} => Row {
        before: |app| Box::pin(one_is_merged(app)),
        cause: |app| continue_on(app, &app.ana),
        stands: |app| app.zendesk.side_conversations(MERGED_INTO).len(),
        said: Some(|app| app.told(&only(app)).iter().filter(|told| told.contains("cannot go on")).count()),
        ..of_a_bridged_one(Vendor::Zendesk, "POST …/side_conversations")
    },
    LookForStart {} => Row {
        call: "GET users/search",
        made_again: true,
        ..of_a_start("35436")
    },
    CreateSideConversation () => of_a_start("35436"),
    TellStarter {} => Row {
        vendor: Vendor::Slack,
        call: "chat.postMessage",
        before: |app| Box::pin(one_waits_too_long_for_its_answer(app)),
        cause: |app| app.clock.advance(Duration::from_secs(31 * 60)),
        stands: |app| crate::notify::direct_messages(app).iter().filter(|told| told.contains("not started")).count(),
        said: None,
        ..of_a_start("99")
    },
    Note {} => Row {
        cause: |app| start(app, &["nowhere@slack.acme.example"]),
        stands: |app| app.notes().len(),
        said: Some(told_to_the_operator),
        ..of_a_new_one(Vendor::Zendesk, "PUT tickets/{id}")
    },
    SetTicket {} => Row {
        settings: "[ticket]\non_answer = { status = \"pending\" }",
        cause: say,
        stands: |app| usize::from(app.zendesk.ticket(app.ticket).unwrap()["status"] == "pending"),
        said: Some(told_to_the_operator),
        ..of_a_bridged_one(Vendor::Zendesk, "PUT tickets/{id}")
    },
    ReadSaid _ => Row {
        settings: "[done]\nnote = \"summary\"",
        before: |app| Box::pin(one_was_done_a_minute_ago(app)),
        cause: |_| {},
        stands: |app| app.notes().iter().filter(|note| note.contains("marked as done by Zoe")).count(),
        made_again: true,
        ..of_a_bridged_one(Vendor::Zendesk, "GET …/events")
    },
    FindAssignee _ => Row {
        settings: "[notify]\nassignee = \"dm\"",
        before: |app| Box::pin(zoe_is_in_slack(app)),
        cause: say,
        stands: direct_messages,
        made_again: true,
        ..of_a_bridged_one(Vendor::Slack, "users.lookupByEmail")
    },
    Notify {} => Row {
        settings: "[notify]\nassignee = \"dm\"",
        before: |app| Box::pin(zoe_is_in_slack(app)),
        cause: say,
        stands: direct_messages,
        made_again: true,
        said: Some(told_to_the_operator),
        ..of_a_bridged_one(Vendor::Slack, "conversations.open")
    },
}

/// An act that belongs to a side conversation which begins.
fn of_a_new_one(vendor: Vendor, call: &'static str) -> Row {
    Row {
        act: "",
        vendor,
        call,
        settings: "",
        before: |_| Box::pin(async {}),
        cause: |app| start(app, &["engineering@slack.acme.example"]),
        stands: |app| {
            let messages = app.slack.messages(&app.engineering);
            messages.iter().filter(|m| crate::house::texts(&m["blocks"]).contains("Carla Customer")).count()
        },
        made_again: false,
        until_refused: 1,
        said: Some(|app| app.notes().len()),
    }
}

/// An act that belongs to a thread which stands.
fn of_a_bridged_one(vendor: Vendor, call: &'static str) -> Row {
    Row { before: |app| Box::pin(one_is_bridged(app)), said: None, ..of_a_new_one(vendor, call) }
}

/// An act that belongs to a side conversation which is started from Slack.
fn of_a_start(ticket: &'static str) -> Row {
    Row {
        call: "POST …/side_conversations",
        before: |app| Box::pin(async { drop(crate::notify::zoe_in_slack(app, |_| {})) }),
        cause: match ticket {
            "99" => |app| type_start(app, "99"),
            _ => |app| type_start(app, "35436"),
        },
        stands: |app| app.zendesk.side_conversations(app.ticket).len(),
        said: Some(|app| app.whispers(&zoe(app)).iter().filter(|told| told.contains("not started*")).count()),
        ..of_a_new_one(Vendor::Zendesk, "")
    }
}

fn zoe(app: &House) -> String {
    let people = app.slack.people();
    let zoe = people.iter().find(|person| person["name"] == "zoe").expect("Zoe is in Slack");
    zoe["id"].as_str().unwrap().to_owned()
}

fn type_start(app: &House, ticket: &str) {
    app.slack.command(&zoe(app), &app.engineering, "/side-convo", &format!("{ticket} Where is it?"));
}

/// A start whose refusal comes when it cannot be told any more where the command was typed.
async fn one_waits_too_long_for_its_answer(app: &House) {
    drop(crate::notify::zoe_in_slack(app, |_| {}));
    fault(
        app,
        Vendor::Zendesk,
        json!({"call": "GET users/search", "fault": "rate_limited", "retry_after": 1900, "times": 1}),
    );
    type_start(app, "99");
    app.pass(Duration::from_secs(150)).await;
}

/// An act that belongs to a thread whose ticket is closed.
fn of_a_closed_one(call: &'static str) -> Row {
    Row { before: |app| Box::pin(one_is_closed(app)), ..of_a_bridged_one(Vendor::Zendesk, call) }
}

async fn one_is_closed(app: &House) {
    one_is_bridged(app).await;
    // What was read of the ticket is known to be old by now.
    app.pass(Duration::from_secs(61)).await;
    let change = TicketChange { status: Some("closed".into()), ..Default::default() };
    assert!(app.zendesk.set_ticket(app.ticket, change));
}

const MERGED_INTO: i64 = 35437;

async fn one_is_merged(app: &House) {
    one_is_bridged(app).await;
    // What was read of the ticket is known to be old by now.
    app.pass(Duration::from_secs(61)).await;
    let target = TicketSpec { id: Some(MERGED_INTO), requester_id: app.carla, ..Default::default() };
    app.zendesk.add_ticket(target);
    assert!(app.zendesk.merge(app.zoe, app.ticket, MERGED_INTO, None));
    say(app);
    app.settle_within(Duration::from_secs(60)).await;
}

fn continue_on(app: &House, person: &str) {
    let (channel, notice) = crate::merged::proposed(app, &only(app));
    app.slack.press(person, &channel, &notice, "continue_on").unwrap();
}

/// How often the word stands in tickets that follow up the closed one.
fn words_in_follow_ups(app: &House) -> usize {
    let source = app.zendesk.ticket(app.ticket).unwrap();
    let tickets = source["followup_ids"].as_array().unwrap().iter().filter_map(Value::as_i64);
    let sides = tickets.flat_map(|ticket| app.zendesk.side_conversations(ticket));
    let said = sides.flat_map(|side| app.zendesk.events(side["id"].as_str().unwrap()));
    said.filter(|event| event["message"]["body"].as_str().is_some_and(|body| body.contains("\nword"))).count()
}

fn not_delivered(app: &House) -> usize {
    app.told(&only(app)).iter().filter(|told| told.contains("Not delivered")).count()
}

async fn one_is_bridged(app: &House) {
    start(app, &["engineering@slack.acme.example"]);
    app.settle().await;
    // A change of state is newer than the thread.
    app.pass(Duration::from_secs(2)).await;
}

/// A reply that was refused, and that the operator has given up.
async fn one_is_given_up(app: &House) {
    one_is_bridged(app).await;
    fault(app, Vendor::Zendesk, json!({"call": "POST …/reply", "fault": "refused", "times": 1}));
    say(app);
    app.settle().await;
    let row = crate::parked::parked_row(app).await;
    assert_eq!(app.app.engine().unwrap().drop_parked(row).await.unwrap(), Wished::Stored);
}

/// A reply that the thread was told is late, and that now goes.
async fn one_is_late(app: &House) {
    one_is_bridged(app).await;
    fault(
        app,
        Vendor::Zendesk,
        json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 180, "times": 1}),
    );
    say(app);
    app.pass(Duration::from_secs(150)).await;
    assert!(app.told(&only(app))[0].contains("Not in the ticket yet"));
    app.clock.advance(Duration::from_secs(60));
}

async fn one_was_done_a_minute_ago(app: &House) {
    one_is_bridged(app).await;
    drop(app.zendesk.set_state(app.zoe, &only(app), "closed"));
    app.settle_within(Duration::ZERO).await;
    app.clock.advance(Duration::from_secs(61));
}

async fn zoe_is_in_slack(app: &House) {
    crate::notify::zoe_in_slack(app, |_| {});
    one_is_bridged(app).await;
}

fn direct_messages(app: &House) -> usize {
    crate::notify::direct_messages(app).len()
}

fn say(app: &House) {
    let (channel, ts) = app.thread(&only(app));
    app.slack.say(&app.ana, &channel, Some(&ts), "word").unwrap();
}

fn start(app: &House, to: &[&str]) {
    let id = app.zendesk.start_side_conversation(app.zoe, app.ticket, to, "Scanner", "<p>Down?</p>");
    assert!(!id.is_empty(), "Zendesk refused the side conversation");
}

/// The side conversation there is.
fn only(app: &House) -> String {
    let messages = app.slack.messages(&app.engineering);
    let key = messages.iter().find_map(|message| message["metadata"]["event_payload"]["k"].as_str());
    key.expect("a card stands").split_once('/').unwrap().0.to_owned()
}

fn press(app: &House, person: &str) {
    let (channel, ts) = app.thread(&only(app));
    app.slack.press(person, &channel, &ts, "mark_done").unwrap();
}

fn changes_of_state(app: &House) -> usize {
    app.zendesk.events(&only(app)).iter().filter(|event| event["type"] == "update").count()
}

fn told_to_the_operator(app: &House) -> usize {
    operators(app).iter().filter(|text| text.starts_with("Ticket #")).count()
}

/// What the app told the operator.
fn operators(app: &House) -> Vec<String> {
    let channel = app.slack.channels().into_iter().find(|channel| channel["name"] == "operators").unwrap();
    let messages = app.slack.messages(channel["id"].as_str().unwrap());
    let ours = messages.into_iter().filter(|message| message["metadata"].is_object());
    ours.map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
}

fn fault(app: &House, vendor: Vendor, rule: Value) {
    let faults = match vendor {
        Vendor::Slack => app.slack.faults(),
        Vendor::Zendesk => app.zendesk.faults(),
    };
    faults.add(serde_json::from_value::<Rule>(rule).unwrap());
}

async fn prepared(row: &Row) -> House {
    let mut app = House::without_the_app(Setup { routes: "operator_channel = \"#operators\"", ..Default::default() });
    app.config.push_str(row.settings);
    app.start().await;
    app.pass(Duration::from_secs(1)).await;
    let members = vec![app.ben.clone()];
    app.slack.add_channel(ChannelSpec { name: "operators".into(), members, ..Default::default() });
    (row.before)(&app).await;
    app.slack.clear_calls();
    app.zendesk.clear_calls();
    app
}

/// How often the act's call was made.
fn calls(app: &House, row: &Row) -> usize {
    let calls = match row.vendor {
        Vendor::Slack => app.slack.calls(),
        Vendor::Zendesk => app.zendesk.calls(),
    };
    // That something has lasted is told as well, and is no part of the act.
    let lasts = match row.act {
        "TellOperator" => operators(app).len() - told_to_the_operator(app),
        _ => 0,
    };
    calls.iter().filter(|(call, _)| call == row.call).count() - lasts
}

#[tokio::test]
async fn an_act_whose_answer_a_crash_takes_away_stands_once() {
    for row in rows() {
        let mut app = prepared(&row).await;
        fault(&app, row.vendor, json!({"call": row.call, "fault": "latency", "ms": 600_000, "times": 1}));
        (row.cause)(&app);
        // Its work is done and its answer on the way.
        tokio::select! {
            biased;
            () = async { while calls(&app, &row) == 0 { tokio::task::yield_now().await } } => {}
            () = async { loop { app.step().await; } } => {}
        }
        app.restart().await;
        app.settle().await;
        app.pass(Duration::from_secs(400)).await;
        assert_eq!((row.stands)(&app), 1, "{}", row.act);
        assert_eq!(calls(&app, &row) > 1, row.made_again, "{}", row.act);
    }
}

#[tokio::test]
async fn an_act_whose_answer_is_lost_stands_once() {
    for row in rows() {
        for kind in ["dropped_after", "html", "error_after"] {
            let app = prepared(&row).await;
            fault(&app, row.vendor, json!({"call": row.call, "fault": kind, "times": 1}));
            (row.cause)(&app);
            app.settle().await;
            app.pass(Duration::from_secs(400)).await;
            assert_eq!((row.stands)(&app), 1, "{}, {kind}", row.act);
        }
    }
}

#[tokio::test]
async fn an_act_that_is_refused_is_not_repeated_and_that_is_said() {
    for row in rows() {
        let app = prepared(&row).await;
        fault(&app, row.vendor, json!({"call": row.call, "fault": "refused"}));
        (row.cause)(&app);
        app.settle_within(Duration::from_secs(300)).await;
        assert_eq!((row.stands)(&app), 0, "{}", row.act);
        assert_eq!(calls(&app, &row), row.until_refused, "{}", row.act);
        match row.said {
            Some(said) => assert_eq!(said(&app), 1, "{}", row.act),
            None => assert!(!app.app.store().parked().await.unwrap().is_empty(), "{}", row.act),
        }
    }
}

#[tokio::test]
async fn an_act_that_is_told_to_wait_waits_and_stands_once() {
    for row in rows() {
        let app = prepared(&row).await;
        fault(&app, row.vendor, json!({"call": row.call, "fault": "rate_limited", "retry_after": 7, "times": 2}));
        (row.cause)(&app);
        app.settle_within(Duration::from_secs(6)).await;
        assert_eq!((row.stands)(&app), 0, "{}", row.act);
        let early = calls(&app, &row);
        app.settle().await;
        app.pass(Duration::from_secs(60)).await;
        assert_eq!((row.stands)(&app), 1, "{}", row.act);
        assert_eq!(calls(&app, &row), early + 2, "{}", row.act);
    }
}
