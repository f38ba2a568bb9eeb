//! After a life with presses, merges, follow-ups and parked calls, nothing of whom is to be forgotten is left in any table.

use std::time::Duration;

use serde_json::json;
use sidethread::bridge::erase::Whom;
use sidethread::bridge::ids::{SlackUserId, TicketId, ZendeskUserId};
use sidethread::cli::erase::{self, Erasure};
use sidethread::sandbox::faults::Rule;
use sqlx::{AssertSqlSafe, Row};

use crate::erase::{erase_beside, erase_named, in_the_file};
use crate::follow_up::{close, follow_up, later, messages, sides};
use crate::house::{House, Setup};
use crate::merged::{TARGET, merged_thread, press};

const RULES: &str = "[done]\nnote = \"summary\"\n[notify]\nassignee = \"dm\"\n";

fn fault(app: &House, rule: serde_json::Value) {
    app.zendesk.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
}

/// Every place of every table that holds a text, as `table.column: value`.
async fn places(app: &House, needle: &str) -> Vec<String> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(app.database()).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let columns =
        "SELECT m.name, c.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table'";
    let mut found = Vec::new();
    for row in sqlx::query(columns).fetch_all(&pool).await.unwrap() {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        let holding = format!(r#"SELECT CAST("{column}" AS TEXT) FROM "{table}" WHERE instr("{column}", $1) > 0"#);
        for row in sqlx::query(AssertSqlSafe(holding)).bind(needle).fetch_all(&pool).await.unwrap() {
            found.push(format!("{table}.{column}: {}", row.get::<String, _>(0)));
        }
    }
    pool.close().await;
    found
}

/// Asserts that a person's id stands in names of deliveries and calls alone.
async fn only_in_keys(app: &House, id: &str) {
    let keys = ["inbox.key: press:", "outbox.effect_id: "];
    let found = places(app, id).await;
    let others: Vec<&String> = found.iter().filter(|place| !keys.iter().any(|key| place.starts_with(key))).collect();
    assert!(others.is_empty(), "{others:#?}");
}

fn ana(app: &House) -> Whom {
    Whom::SlackUser(SlackUserId::new(app.ana.as_str()))
}

/// A thread whose ticket was merged and whose new one was closed: it was answered, pressed, kept in a note and told of.
async fn life(app: &House) -> (String, String, String) {
    crate::notify::zoe_in_slack(app, |_| {});
    let (sc, channel, ts) = merged_thread(app).await;
    app.slack.say(&app.ana, &channel, Some(&ts), "ana-canary").unwrap();
    app.slack.say(&app.ben, &channel, Some(&ts), "ben-canary").unwrap();
    app.settle_within(Duration::from_secs(60)).await;
    press(app, &app.ana, &sc).await;
    app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
    app.pass(Duration::from_secs(120)).await;
    close(app, TARGET);
    later(app).await;
    app.slack.say(&app.ben, &channel, Some(&ts), "ben-later").unwrap();
    app.settle().await;
    let follow = follow_up(app, TARGET);
    assert_eq!(messages(app, &sides(app, follow)[0]), ["ben-later"]);
    app.pass(Duration::from_secs(1200)).await;
    (sc, channel, ts)
}

#[tokio::test]
async fn nobody_is_left_in_any_table_after_a_life() {
    for who in 0..3 {
        let app = House::with(Setup { routes: RULES, ..Default::default() }).await;
        let (sc, channel, ts) = life(&app).await;
        assert!(!places(&app, "Ana Souza").await.is_empty() && !places(&app, "\"Zoe\"").await.is_empty());
        let (whom, canaries) = match who {
            0 => (ana(&app), vec!["Ana Souza", "ana-canary"]),
            1 => (Whom::User(ZendeskUserId(app.zoe)), vec!["\"Zoe\"", "zoe@acme.example", "Is it down?"]),
            _ => {
                let whom = Whom::Ticket(TicketId(app.ticket));
                (
                    whom,
                    vec![
                        "Ana Souza",
                        "Zoe",
                        "Carla",
                        "ana-canary",
                        "ben-canary",
                        "ben-later",
                        "Is it down?",
                        "Scanner",
                    ],
                )
            }
        };
        let said = erase_beside(&app, &whom).await;
        for canary in canaries {
            let found = places(&app, canary).await;
            assert!(found.is_empty() && in_the_file(&app, canary) == 0, "{who}: {canary} in {found:#?}");
        }
        match who {
            0 => {
                only_in_keys(&app, &app.ana).await;
                let keys = places(&app, &app.ana).await.len();
                assert!(keys > 0 && said.contains(&format!("in the names of {keys} deliveries and calls")), "{said}");
            }
            _ => assert!(!said.contains("in the names of"), "{said}"),
        }
        // Where the thread was before is at the vendor, too.
        for part in ["/agent/tickets/35436", &sc, "/agent/tickets/35437", &sides(&app, TARGET)[0]] {
            assert!(said.contains(part), "{part} in {said}");
        }
        app.slack.say(&app.ben, &channel, Some(&ts), "afterwards").unwrap();
        app.settle().await;
        let follow = follow_up(&app, TARGET);
        assert_eq!(messages(&app, &sides(&app, follow)[0]), ["ben-later", "afterwards"]);
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn who_pressed_the_button_is_forgotten_while_its_call_is_parked() {
    for ticket in [false, true] {
        let app = House::new().await;
        let (sc, channel, ts) = merged_thread(&app).await;
        app.slack.say(&app.ben, &channel, Some(&ts), "one").unwrap();
        app.settle_within(Duration::from_secs(60)).await;
        fault(&app, json!({"call": "POST …/side_conversations", "fault": "refused", "times": 1}));
        press(&app, &app.ana, &sc).await;
        assert!(places(&app, "Ana Souza").await.iter().any(|place| place.starts_with("outbox.effect_json")));
        let said = match ticket {
            true => erase_beside(&app, &Whom::Ticket(TicketId(app.ticket))).await,
            false => erase_beside(&app, &ana(&app)).await,
        };
        assert!(!said.contains("NOT erased"), "{said}");
        assert_eq!(places(&app, "Ana Souza").await, [""; 0]);
        only_in_keys(&app, &app.ana).await;
        let thread = app.slack.thread(&channel, &ts);
        let retry = thread.iter().rfind(|message| message["blocks"].to_string().contains("\"retry\"")).unwrap();
        app.slack.press(&app.ben, &channel, retry["ts"].as_str().unwrap(), "retry").unwrap();
        app.settle().await;
        let [new] = &sides(&app, TARGET)[..] else { panic!("it goes on") };
        let opening = app.zendesk.events(new)[0]["message"]["body"].as_str().unwrap().to_owned();
        assert!(opening.starts_with("Somebody in Slack goes on here"), "{opening}");
        if !ticket {
            assert_eq!(messages(&app, new)[1..], ["one"]);
        }
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn who_marked_it_as_done_is_forgotten_when_all_else_has_lost_its_words() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Is it down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
    app.settle().await;
    app.pass(Duration::from_secs(60)).await;
    for _ in 0..2 {
        app.clock.advance(Duration::from_secs(31 * 24 * 3600));
        app.settle().await;
    }
    let found = places(&app, "Ana Souza").await;
    assert!(found.iter().all(|place| place.starts_with("thread.thread_json")) && found.len() == 1, "{found:#?}");
    erase_beside(&app, &ana(&app)).await;
    assert_eq!(places(&app, "Ana Souza").await, [""; 0]);
    only_in_keys(&app, &app.ana).await;
    assert!(app.slack.press(&app.ben, &channel, &ts, "reopen").is_ok());
    app.settle().await;
    assert_eq!(app.state(&sc), "open");
    app.ends_quietly().await;
}

#[tokio::test]
async fn who_is_known_by_a_name_alone_is_found_by_it() {
    for said_by_hand in [false, true] {
        let app = House::new().await;
        let to = ["engineering@slack.acme.example"];
        let sc = app.zendesk.start_side_conversation(
            app.zoe,
            app.ticket,
            &to,
            "Scanner",
            "<p>Carla Customer wants to know.</p>",
        );
        app.settle().await;
        let carla = Whom::User(ZendeskUserId(app.carla));
        fault(&app, json!({"call": "GET users/show_many", "fault": "status", "status": 500, "times": 1}));
        let said = erase_beside(&app, &carla).await;
        assert!(said.contains("could not be asked") && said.contains("--name"), "{said}");
        assert!(!places(&app, "Carla Customer").await.is_empty(), "nothing here says that this is her name");
        if said_by_hand {
            fault(&app, json!({"call": "GET users/show_many", "fault": "status", "status": 500, "times": 1}));
            erase_named(&app, Erasure { whom: carla, names: vec!["Carla Customer".to_owned()] }).await;
        } else {
            let said = erase_beside(&app, &carla).await;
            assert!(said.contains("under the names Carla Customer, carla@mail.example"), "{said}");
        }
        assert_eq!(places(&app, "Carla Customer").await, [""; 0]);
        assert_eq!(in_the_file(&app, "Carla Customer"), 0);
        assert!(app.card(&sc).contains("Carla"), "what the vendors have is theirs");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn a_note_that_waits_with_somebodys_words_is_said_to_hold_them() {
    let app = House::with(Setup { routes: "[done]\nnote = \"summary\"\n", ..Default::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Is it down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "ana-canary").unwrap();
    app.settle().await;
    fault(&app, json!({"call": "PUT tickets/{id}", "fault": "rate_limited", "retry_after": 600, "times": 1}));
    app.slack.press(&app.ben, &channel, &ts, "mark_done").unwrap();
    app.settle_within(Duration::from_secs(120)).await;
    let waits = places(&app, "Ana Souza").await;
    assert!(waits.iter().any(|place| place.contains("note:said")), "{waits:#?}");
    let said = erase_beside(&app, &ana(&app)).await;
    let left = places(&app, "Ana Souza").await;
    assert_eq!(left.len(), 1, "{left:#?}");
    assert!(said.contains("NOT erased, because they hold words that are not delivered yet"), "{said}");
    app.settle().await;
    let said = erase_beside(&app, &ana(&app)).await;
    assert_eq!((places(&app, "Ana Souza").await.len(), said.contains("NOT erased")), (0, false), "{said}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_direct_message_that_waits_tells_of_the_answers_and_not_who_gave_them() {
    let app = House::with(Setup { routes: RULES, ..Default::default() }).await;
    crate::notify::zoe_in_slack(&app, |_| {});
    let sc = app.ask("engineering", "Scanner", "<p>Is it down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let rule = json!({"call": "conversations.open", "fault": "rate_limited", "retry_after": 100, "times": 1});
    app.slack.faults().add(serde_json::from_value::<Rule>(rule).unwrap());
    app.slack.say(&app.ana, &channel, Some(&ts), "yes").unwrap();
    app.slack.say(&app.ben, &channel, Some(&ts), "no").unwrap();
    app.settle_within(Duration::from_secs(50)).await;
    let said = erase_beside(&app, &ana(&app)).await;
    assert!(!said.contains("NOT erased"), "{said}");
    only_in_keys(&app, &app.ana).await;
    app.pass(Duration::from_secs(200)).await;
    let told = crate::notify::direct_messages(&app);
    assert!(told.len() == 1 && told[0].contains("2 answers by") && told[0].contains(&app.ben), "{told:?}");
    assert!(!told[0].contains(&app.ana) && told[0].contains("somebody else"), "{told:?}");
    app.ends_quietly().await;
}

#[test]
fn a_ticket_has_no_further_name() {
    assert!(erase::further_names(&Whom::Ticket(TicketId(1)), vec!["X".to_owned()]).is_err());
    let whom = Whom::User(ZendeskUserId(1));
    assert_eq!(erase::further_names(&whom, vec![" Carla Customer ".to_owned()]).unwrap(), ["Carla Customer"]);
    assert!(erase::further_names(&whom, vec!["C".to_owned()]).is_err());
}
