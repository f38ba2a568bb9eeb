//! What is to be forgotten is nowhere in the file, and what remains at the vendors is said.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sidethread::bridge::erase::Whom;
use sidethread::bridge::ids::{SlackUserId, TicketId, ZendeskUserId};
use sidethread::cli::erase::{self, Erasure};
use sidethread::config::Config;
use sidethread::sandbox::faults::Rule;
use sidethread::sandbox::zendesk::TicketChange;

use crate::house::{House, Setup};
use crate::listed::Admin;

async fn erase(app: &House, erasure: &Erasure, admin: Admin) -> String {
    let mut config = Config::parse("test", &app.config, []).unwrap();
    config.database.path = app.database();
    erase::run(config, erasure, Arc::new(admin), Arc::new(app.clock.clone())).await.unwrap()
}

/// As the command does beside a running bridge.
pub async fn erase_beside(app: &House, whom: &Whom) -> String {
    erase_named(app, of(whom)).await
}

pub async fn erase_named(app: &House, erasure: Erasure) -> String {
    let admin = Admin(Some(app.app.admin_router()));
    erase(app, &erasure, admin).await
}

fn of(whom: &Whom) -> Erasure {
    Erasure { whom: whom.clone(), names: Vec::new() }
}

/// How often a text stands in the file and in the log beside it.
pub fn in_the_file(app: &House, canary: &str) -> usize {
    let database = app.database();
    let wal = database.with_extension("db-wal");
    [database, wal]
        .iter()
        .filter_map(|path| std::fs::read(path).ok())
        .map(|bytes| bytes.windows(canary.len()).filter(|window| *window == canary.as_bytes()).count())
        .sum()
}

fn fault(app: &House, rule: serde_json::Value) {
    app.zendesk.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
}

/// A thread in which everybody has said something.
async fn talk(app: &House) -> (String, String, String) {
    let sc = app.ask("engineering", "subject-canary", "<p>agent-canary</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "ana-canary").unwrap();
    app.settle().await;
    app.slack.say(&app.ben, &channel, Some(&ts), "ben-canary").unwrap();
    app.settle().await;
    app.zendesk.reply(app.zoe, &sc, "<p>again-canary</p>");
    app.settle().await;
    app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
    app.settle().await;
    (sc, channel, ts)
}

#[tokio::test]
async fn nothing_of_a_ticket_is_left_in_the_file_and_the_bridge_goes_on() {
    let app = House::with(Setup { routes: "[done]\nnote = \"summary\"\n", ..Default::default() }).await;
    let (sc, channel, ts) = talk(&app).await;
    app.pass(Duration::from_secs(120)).await;
    assert!(in_the_file(&app, "ana-canary") > 0 && in_the_file(&app, "Carla Customer") > 0);
    let said = erase_beside(&app, &Whom::Ticket(TicketId(app.ticket))).await;
    for canary in
        ["ana-canary", "ben-canary", "agent-canary", "again-canary", "subject-canary", "Carla Customer", "Ana Souza"]
    {
        assert_eq!(in_the_file(&app, canary), 0, "{canary}");
    }
    let link = format!("archives/{channel}/p{}", ts.replace('.', ""));
    for part in ["ticket 35436", "1 thread ", &sc, &link, "/agent/tickets/35436", "Backups"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    app.slack.say(&app.ana, &channel, Some(&ts), "later").unwrap();
    app.zendesk.reply(app.zoe, &sc, "<p>too</p>");
    app.settle().await;
    assert!(app.answers(&sc).contains(&"later".to_owned()), "{:?}", app.answers(&sc));
    assert!(app.said(&sc).iter().any(|(_, text)| text == "too"));
    assert!(app.carried(&sc).len() == 3, "nothing came twice: {:?}", app.carried(&sc));
    app.ends_quietly().await;
}

/// Zendesk still has all of it, and speaks of it with the next nudge.
#[tokio::test]
async fn what_was_erased_of_a_ticket_does_not_come_back_with_its_next_nudge() {
    let app = House::new().await;
    let (sc, channel, ts) = talk(&app).await;
    let said = erase_beside(&app, &Whom::Ticket(TicketId(app.ticket))).await;
    assert!(said.contains("is not taken up again"), "{said}");
    let change = TicketChange { status: Some("pending".into()), ..Default::default() };
    assert!(app.zendesk.set_ticket(app.ticket, change));
    app.settle().await;
    app.pass(Duration::from_secs(400)).await;
    for canary in ["Carla Customer", "Parcel has not moved", "subject-canary", "Zoe"] {
        assert_eq!(in_the_file(&app, canary), 0, "{canary}");
    }
    app.slack.say(&app.ana, &channel, Some(&ts), "goes on").unwrap();
    app.settle().await;
    assert!(app.answers(&sc).contains(&"goes on".to_owned()));
    // What stood in Slack is the vendor's; what the app writes there anew says none of it.
    for canary in ["Carla Customer", "subject-canary", "Zoe"] {
        assert!(!app.card(&sc).contains(canary), "{canary}: {}", app.card(&sc));
    }
    app.ends_quietly().await;
}

#[tokio::test]
async fn of_a_person_the_command_says_that_the_vendor_comes_first() {
    let app = House::new().await;
    talk(&app).await;
    for whom in [Whom::User(ZendeskUserId(app.zoe)), Whom::SlackUser(SlackUserId::new(app.ana.as_str()))] {
        let said = erase_beside(&app, &whom).await;
        assert!(said.contains("brings the name back") && said.contains("at the vendor first"), "{said}");
    }
}

#[tokio::test]
async fn a_person_in_slack_is_forgotten_and_the_words_of_others_arrive() {
    let app = House::new().await;
    let (sc, channel, ts) = talk(&app).await;
    fault(&app, json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 60, "times": 1}));
    app.slack.say(&app.ben, &channel, Some(&ts), "ben waits").unwrap();
    app.settle_within(Duration::from_secs(1)).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "ana-waits-canary").unwrap();
    app.settle_within(Duration::from_secs(1)).await;
    let said = erase_beside(&app, &Whom::SlackUser(SlackUserId::new(app.ana.as_str()))).await;
    assert!(said.contains("1 that waited"), "{said}");
    for canary in ["ana-canary", "ana-waits-canary", "Ana Souza"] {
        assert_eq!(in_the_file(&app, canary), 0, "{canary}");
    }
    app.settle().await;
    let carried = app.carried(&sc);
    assert_eq!(carried, ["ana-canary", "ben-canary", "ben waits"], "what is in the ticket stays there");
    app.ends_quietly().await;
}

#[tokio::test]
async fn an_agent_is_forgotten() {
    let app = House::new().await;
    let (sc, ..) = talk(&app).await;
    let to = ["engineering@slack.acme.example"];
    let other = app.zendesk.start_side_conversation(app.yan, app.ticket, &to, "Printer", "<p>yan-words</p>");
    app.settle().await;
    let said = erase_beside(&app, &Whom::User(ZendeskUserId(app.zoe))).await;
    assert!(said.contains(&sc), "{said}");
    for canary in ["agent-canary", "again-canary", "subject-canary", "\"Zoe\"", "zoe@acme.example"] {
        assert_eq!(in_the_file(&app, canary), 0, "{canary}");
    }
    assert!(in_the_file(&app, "yan-words") > 0, "what others said stays");
    assert!(app.card(&other).contains("yan-words"));
    // The card still follows the side conversation.
    assert!(!app.zendesk.set_state(app.zoe, &other, "closed").is_empty());
    app.settle().await;
    assert!(app.card(&other).contains("*Done*"));
    app.ends_quietly().await;
}

#[tokio::test]
async fn it_works_where_no_bridge_runs_and_a_thread_on_its_way_is_not_made() {
    let mut app = House::new().await;
    let to = ["nowhere@slack.acme.example"];
    app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "subject-canary", "<p>agent-canary</p>");
    app.settle_within(Duration::from_secs(1)).await;
    app.leave().await;
    assert!(in_the_file(&app, "agent-canary") > 0);
    let said = erase(&app, &of(&Whom::Ticket(TicketId(app.ticket))), Admin(None)).await;
    assert!(said.contains("not in Slack"), "{said}");
    assert_eq!((in_the_file(&app, "agent-canary"), in_the_file(&app, "subject-canary")), (0, 0));
    let spec = sidethread::sandbox::slack::ChannelSpec { name: "nowhere".into(), ..Default::default() };
    let nowhere = app.slack.add_channel(spec);
    app.start().await;
    app.pass(Duration::from_secs(3600)).await;
    assert!(app.slack.messages(&nowhere).iter().all(|message| message["metadata"].is_null()));
    app.ends_quietly().await;
}

#[tokio::test]
async fn whoever_asks_for_something_else_is_told_what_to_say() {
    for (ticket, user, slack_user) in
        [(None, None, None), (Some(1), Some(2), None), (Some(-1), None, None), (None, None, Some("ana"))]
    {
        assert!(erase::whom(ticket, user, slack_user).is_err());
    }
    let app = House::new().await;
    let request = |header: bool, body: &'static str| {
        let request = http::Request::post("/erase").header("host", "127.0.0.1:8081");
        let request = if header { request.header("sidethread-admin", "1") } else { request };
        request.body(bytes::Bytes::from(body)).unwrap()
    };
    let admin = app.app.admin_router();
    let asked = |header, body| crate::house::call(&admin, request(header, body));
    assert_eq!(asked(false, "{\"ticket\":1}").await.unwrap().status(), 403);
    assert_eq!(asked(true, "{\"everybody\":1}").await.unwrap().status(), 400);
    assert_eq!(asked(true, "{\"ticket\":1}").await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_message_deleted_in_slack_is_blanked_here_and_not_sent_if_that_has_not_begun() {
    let mut app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let sent = app.slack.say(&app.ana, &channel, Some(&ts), "sent-canary").unwrap();
    app.settle().await;
    app.slack.delete(&app.ana, &channel, &sent).unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["sent-canary"], "what is in the ticket stays there");
    fault(&app, json!({"call": "POST …/reply", "fault": "rate_limited", "retry_after": 60, "times": 1}));
    app.slack.say(&app.ben, &channel, Some(&ts), "first").unwrap();
    app.settle_within(Duration::from_secs(1)).await;
    let waits = app.slack.say(&app.ana, &channel, Some(&ts), "waits-canary").unwrap();
    app.settle_within(Duration::from_secs(1)).await;
    app.slack.delete(&app.ana, &channel, &waits).unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["sent-canary", "first"]);
    // One whose call is under way is found by its words, and they go when that is done.
    fault(&app, json!({"call": "POST …/reply", "fault": "dropped_after", "times": 1}));
    let doubtful = app.slack.say(&app.ana, &channel, Some(&ts), "doubtful-canary").unwrap();
    app.settle_within(Duration::from_secs(1)).await;
    app.slack.delete(&app.ana, &channel, &doubtful).unwrap();
    app.settle().await;
    assert_eq!(app.answers(&sc), ["sent-canary", "first", "doubtful-canary"]);
    app.ends_quietly().await;
    app.leave().await;
    // What is left in the file then stands in a row.
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(app.database());
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("VACUUM").execute(&pool).await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await.unwrap();
    pool.close().await;
    for canary in ["sent-canary", "waits-canary", "doubtful-canary"] {
        assert_eq!(in_the_file(&app, canary), 0, "{canary}");
    }
}

/// Two tickets with a thread each, whose answers one direct message tells of.
async fn told_together(app: &House) -> [(i64, &'static str); 2] {
    crate::notify::zoe_in_slack(app, |_| {});
    let other = app.zendesk.add_ticket(sidethread::sandbox::zendesk::TicketSpec {
        subject: "Lost".into(),
        requester_id: app.carla,
        assignee_id: Some(app.zoe),
        status: "open".into(),
        ..Default::default()
    });
    let tickets = [(app.ticket, "scanner-canary"), (other, "printer-canary")];
    let to = ["engineering@slack.acme.example"];
    let scs = tickets.map(|(id, subject)| app.zendesk.start_side_conversation(app.zoe, id, &to, subject, "<p>?</p>"));
    app.settle().await;
    for sc in &scs {
        let (channel, ts) = app.thread(sc);
        app.slack.say(&app.ana, &channel, Some(&ts), "yes").unwrap();
    }
    tickets
}

#[tokio::test]
async fn a_direct_message_that_tells_of_several_tickets_forgets_the_one_and_keeps_the_others() {
    for (of, waits) in [(0, true), (1, true), (0, false), (1, false)] {
        let app = House::with(Setup { routes: "[notify]\nassignee = \"dm\"", ..Default::default() }).await;
        if waits {
            let rule = json!({"call": "conversations.open", "fault": "rate_limited", "retry_after": 100, "times": 1});
            app.slack.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
        }
        let tickets = told_together(&app).await;
        app.settle_within(Duration::from_secs(if waits { 50 } else { 1000 })).await;
        let ((ticket, gone), (_, kept)) = (tickets[of], tickets[1 - of]);
        let said = erase_beside(&app, &Whom::Ticket(TicketId(ticket))).await;
        assert_eq!(in_the_file(&app, gone), 0, "ticket {of}, it waits: {waits}");
        assert!(said.contains("direct messages of the app") && said.contains("to the Slack members U"), "{said}");
        app.pass(Duration::from_secs(200)).await;
        let told = crate::notify::direct_messages(&app);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].contains(gone), told[0].contains(kept)), (!waits, true), "{told:?}");
        assert_eq!(in_the_file(&app, gone), 0, "ticket {of}, it waits: {waits}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_direct_message_that_tells_of_the_erased_alone_is_not_sent() {
    let app = House::with(Setup { routes: "[notify]\nassignee = \"dm\"", ..Default::default() }).await;
    let rule = json!({"call": "conversations.open", "fault": "rate_limited", "retry_after": 100, "times": 1});
    app.slack.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
    let tickets = told_together(&app).await;
    app.settle_within(Duration::from_secs(50)).await;
    for (ticket, _) in tickets {
        erase_beside(&app, &Whom::Ticket(TicketId(ticket))).await;
    }
    app.pass(Duration::from_secs(200)).await;
    assert_eq!(crate::notify::direct_messages(&app), [""; 0]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn where_no_database_is_none_is_made() {
    let app = House::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::parse("test", &app.config, []).unwrap();
    config.database.path = folder.path().join("sidethread.db");
    let clock = Arc::new(app.clock.clone());
    let refusals = [
        erase::run(config.clone(), &of(&Whom::Ticket(TicketId(app.ticket))), Arc::new(Admin(None)), clock.clone())
            .await,
        sidethread::cli::merged::run(config.clone(), 1, 2, Arc::new(Admin(None)), clock.clone()).await,
    ];
    for refused in refusals {
        let said = format!("{:#}", refused.unwrap_err());
        assert!(said.contains("there is no database at /") && said.contains("database.url"), "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}

#[tokio::test]
async fn words_that_went_are_gone_from_the_log_within_a_minute_or_two() {
    let app = House::with(Setup { config: "\n[database]\nkeep_days = 1\n", ..Setup::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let long = format!("deleted-canary {}", "and so on ".repeat(1_500));
    let deleted = app.slack.say(&app.ana, &channel, Some(&ts), &long).unwrap();
    app.slack.say(&app.ben, &channel, Some(&ts), "settled-canary").unwrap();
    app.settle().await;
    app.slack.say(&app.ben, &channel, Some(&ts), "later-canary").unwrap();
    app.pass(Duration::from_secs(120)).await;
    assert!(in_the_file(&app, "deleted-canary") > 0 && in_the_file(&app, "settled-canary") > 0);
    app.slack.delete(&app.ana, &channel, &deleted).unwrap();
    app.pass(Duration::from_secs(130)).await;
    assert_eq!(in_the_file(&app, "deleted-canary"), 0);
    assert!(in_the_file(&app, "settled-canary") > 0);

    assert!(in_the_file(&app, "later-canary") > 0, "what is not old enough stays");
    app.clock.advance(Duration::from_secs(25 * 3600));
    app.pass(Duration::from_secs(130)).await;
    assert_eq!(in_the_file(&app, "settled-canary"), 0, "and so are those that are blanked after keep_days");
}
