//! A side conversation becomes a thread.

use std::time::Duration;

use sidethread::sandbox::slack::ChannelSpec;
use sidethread::sandbox::zendesk::{StartSpec, TicketChange};

use crate::house::{House, START_MS, Setup};

#[tokio::test]
async fn a_new_side_conversation_becomes_a_card_in_the_channel_that_its_address_names() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner offline?", "<p>Is the <b>scanner</b> in Porto down?</p>").await;
    let (channel, _) = app.thread(&sc);
    assert_eq!(channel, app.engineering);
    let card = app.card(&sc);
    for expected in [
        "*Scanner offline?*",
        "Ticket #35436",
        "Requester: Carla Customer",
        "Priority: high",
        "Status: open",
        "*Zoe* asks, <!date^",
        "Is the *scanner* in Porto down?",
        "Zoe will read them",
        "Nothing is sent outside",
        "*Open*",
        "Mark as done",
        "Open in Zendesk",
    ] {
        assert!(card.contains(expected), "no {expected:?} in:\n{card}");
    }
    assert_eq!(app.said(&sc), []);
    app.ends_quietly().await;
}

#[tokio::test]
async fn later_messages_follow_under_their_authors_names_and_in_order() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    app.zendesk.reply(app.zoe, &sc, "<p>One</p>");
    app.pass(Duration::from_millis(10)).await;
    app.zendesk.reply(app.yan, &sc, "<p>Two</p><ul><li>a</li><li>b</li></ul>");
    app.settle().await;
    assert_eq!(app.said(&sc), [("Zoe".into(), "One".into()), ("Yan".into(), "Two\n• a\n• b".into())]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_is_older_than_the_app_is_never_posted() {
    let app = House::new().await;
    let spec = StartSpec {
        to: vec![serde_json::json!({"email": "engineering@slack.acme.example"})],
        subject: Some("Old".into()),
        html_body: Some("<p>Old</p>".into()),
        created_at: Some(START_MS - 3_600_000),
        ..Default::default()
    };
    let sc = app.zendesk.start_side_conversation_with(app.zoe, app.ticket, spec);
    app.zendesk.reply(app.zoe, &sc, "<p>Newer word in it</p>");
    app.settle().await;
    assert_eq!(app.find_thread(&sc), None);
    assert!(app.metrics().await.contains("sidethread_ignored_total{reason=\"older\"} 2"));
    app.ends_quietly().await;
}

#[tokio::test]
async fn the_feed_finds_what_no_webhook_told() {
    let app = House::new().await;
    app.zendesk
        .faults()
        .add(serde_json::from_value(serde_json::json!({"call": "events", "fault": "events_never"})).unwrap());
    let sc = app.ask("engineering", "Quiet", "<p>Nobody nudged</p>").await;
    assert_eq!(app.find_thread(&sc), None);
    app.pass(Duration::from_secs(25)).await;
    assert!(app.card(&sc).contains("Nobody nudged"));
    app.zendesk.reply(app.zoe, &sc, "<p>Still there?</p>");
    app.pass(Duration::from_secs(25)).await;
    assert_eq!(app.said(&sc), [("Zoe".into(), "Still there?".into())]);
    app.ends_quietly().await;
}

#[tokio::test]
async fn without_an_admins_credential_bridged_tickets_are_asked() {
    let app = House::with(Setup { admin: false, ..Default::default() }).await;
    let sc = app.ask("engineering", "Hello", "<p>Hello</p>").await;
    app.zendesk
        .faults()
        .add(serde_json::from_value(serde_json::json!({"call": "events", "fault": "events_never"})).unwrap());
    app.zendesk.reply(app.zoe, &sc, "<p>Not nudged</p>");
    app.pass(Duration::from_secs(45)).await;
    assert_eq!(app.said(&sc), [("Zoe".into(), "Not nudged".into())]);
    let (_, ready) = app.get("/readyz").await;
    assert!(ready["feed"].as_str().unwrap().contains("no admin"), "{ready}");
}

#[tokio::test]
async fn what_names_no_channel_is_left_alone_and_its_past_comes_folded_when_it_does() {
    let app = House::new().await;
    let sc = app.ask_all(&["yan@acme.example"], "Between agents", "<p>Psst</p>").await;
    app.zendesk.reply(app.yan, &sc, "<p>Yes?</p>");
    app.settle().await;
    assert_eq!(app.find_thread(&sc), None);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(app.database()).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let texts: i64 = sqlx::query_scalar("SELECT (SELECT count(*) FROM inbox WHERE event_json IS NOT NULL) + (SELECT count(*) FROM thread WHERE thread_json LIKE '%agents%')")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(texts, 0, "only ids are kept of what is left alone");
    pool.close().await;

    // The next message names a channel too.
    reply_to_channel(&app, &sc, "<p>Let us ask them</p>").await;
    let card = app.card(&sc);
    assert!(card.contains("Psst"), "{card}");
    let said = app.said(&sc);
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[0].0, "Earlier messages");
    assert!(
        said[0].1.contains("*Yan*") && said[0].1.contains("\n&gt; Yes?"),
        "what is said cannot pass for a name: {said:?}"
    );
    assert_eq!(said[1], ("Zoe".into(), "Let us ask them".into()));
    app.ends_quietly().await;
}

async fn reply_to_channel(app: &House, sc: &str, html: &str) {
    let token = app.zendesk.token_of(app.zoe).unwrap();
    let body = serde_json::json!({"message": {"html_body": html,
        "to": [{"user_id": app.yan}, {"email": "engineering@slack.acme.example"}]}});
    let request = http::Request::post(format!("/zendesk/api/v2/tickets/{}/side_conversations/{sc}/reply", app.ticket))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(body.to_string().into())
        .unwrap();
    let answer = crate::house::call(&app.zendesk.router(), request).await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    app.settle().await;
}

#[tokio::test]
async fn zendesks_own_slack_side_conversations_are_left_alone() {
    let app = House::new().await;
    let spec = StartSpec {
        to: vec![serde_json::json!({"slack_workspace_id": "T1", "slack_channel_id": "C1"})],
        subject: Some("In Slack already".into()),
        html_body: Some("<p>x</p>".into()),
        ..Default::default()
    };
    let sc = app.zendesk.start_side_conversation_with(app.zoe, app.ticket, spec);
    app.settle().await;
    assert_eq!(app.find_thread(&sc), None);
    assert_eq!(app.notes(), Vec::<String>::new());
}

#[tokio::test]
async fn two_channels_get_one_thread_and_a_note() {
    let app = House::new().await;
    app.slack.add_channel(ChannelSpec { name: "logistics".into(), app_is_member: true, ..Default::default() });
    let to = ["engineering@slack.acme.example", "logistics@slack.acme.example"];
    let sc = app.ask_all(&to, "Both", "<p>Both of you</p>").await;
    assert_eq!(app.thread(&sc).0, app.engineering);
    let notes = app.notes();
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("#engineering only"), "{notes:?}");
}

#[tokio::test]
async fn a_channel_that_cannot_be_reached_is_told_once_and_posted_when_it_can() {
    let app = House::new().await;
    let sc = app.ask("nowhere", "Lost", "<p>Anybody?</p>").await;
    app.zendesk.reply(app.zoe, &sc, "<p>Hello?</p>");
    app.pass(Duration::from_secs(20 * 60)).await;
    assert_eq!(app.find_thread(&sc), None);
    let notes = app.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("no Slack channel #nowhere"), "{notes:?}");
    app.slack.add_channel(ChannelSpec { name: "nowhere".into(), ..Default::default() });
    app.pass(Duration::from_secs(20 * 60)).await;
    assert!(app.card(&sc).contains("Anybody?"));
    assert_eq!(app.said(&sc).len(), 1);
    assert_eq!(app.notes().len(), 1);
    app.ends_quietly().await;
}

#[tokio::test]
async fn archived_private_and_shared_channels_are_told_with_their_remedy() {
    for (spec, expected) in [
        (ChannelSpec { name: "room".into(), archived: true, ..Default::default() }, "is archived"),
        (
            ChannelSpec { name: "room".into(), private: true, ..Default::default() },
            "choose the app (Side conversations)",
        ),
        (
            ChannelSpec { name: "room".into(), shared_with: Some("TNORD".into()), ..Default::default() },
            "shared with another firm",
        ),
    ] {
        let app = House::new().await;
        app.slack.add_channel(spec);
        let sc = app.ask("room", "Hm", "<p>Hm</p>").await;
        assert_eq!(app.find_thread(&sc), None);
        let notes = app.notes();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].contains(expected), "{notes:?}");
    }
}

#[tokio::test]
async fn long_text_is_split_in_order_and_nothing_is_cut() {
    let app = House::new().await;
    let words: Vec<String> = (0..3000).map(|i| format!("w{i}")).collect();
    let sc = app.ask("engineering", "Long", &format!("<p>{}</p>", words.join(" "))).await;
    app.zendesk.reply(app.zoe, &sc, &format!("<p>{}</p>", words.join(" ")));
    app.settle().await;
    let shown =
        format!("{} {}", app.card(&sc), app.said(&sc).into_iter().map(|(_, t)| t).collect::<Vec<_>>().join(" "));
    let found: Vec<&str> =
        shown.split_whitespace().filter(|w| w.starts_with('w') && w[1..].parse::<u32>().is_ok()).collect();
    let expected: Vec<&str> = words.iter().chain(&words).map(String::as_str).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn text_from_outside_rings_nobody_and_unfurls_nothing() {
    let app = House::new().await;
    let evil = "&lt;!channel&gt; &lt;@U123&gt; <a href=\"https://evil.example/a|b>\">click</a>";
    let sc = app.ask("engineering", "<!here> & co", &format!("<p>{evil}</p>")).await;
    let card = app.card(&sc);
    let ours = card.matches("<!date^").count();
    assert_eq!(card.matches("<!").count(), ours, "{card}");
    assert!(!card.contains("<@"), "{card}");
    assert!(card.contains("&lt;!here&gt; &amp; co"), "{card}");
}

#[tokio::test]
async fn what_was_missed_is_posted_with_its_time() {
    let mut app = House::new().await;
    let sc = app.ask("engineering", "Hello", "<p>Hello</p>").await;
    app.app.store().close().await;
    app.zendesk.reply(app.zoe, &sc, "<p>While you slept</p>");
    app.clock.advance(Duration::from_secs(600));
    app.restart().await;
    app.pass(Duration::from_secs(30)).await;
    let said = app.said(&sc);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].1.starts_with("_written <!date^") && said[0].1.ends_with("While you slept"), "{said:?}");
}

#[tokio::test]
async fn a_closed_ticket_speaks_through_the_feed() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Hello", "<p>Hello</p>").await;
    app.zendesk.set_ticket(app.ticket, TicketChange { status: Some("closed".into()), ..Default::default() });
    app.zendesk.reply(app.zoe, &sc, "<p>One more thing</p>");
    app.pass(Duration::from_secs(25)).await;
    assert_eq!(app.said(&sc), [("Zoe".into(), "One more thing".into())]);
}

#[tokio::test]
async fn a_message_of_many_files_and_no_word_is_posted_and_names_each() {
    let app = House::new().await;
    let name = |n: usize| format!("{}-{n:02}.pdf", "scan".repeat(40));
    let files: Vec<String> = (0..40).map(|n| app.zendesk.add_file(&name(n), "application/pdf", b"x")).collect();
    let spec = StartSpec {
        to: vec![serde_json::json!({"email": "engineering@slack.acme.example"})],
        subject: Some("Scans".into()),
        attachments: files.clone(),
        ..Default::default()
    };
    let sc = app.zendesk.start_side_conversation_with(app.zoe, app.ticket, spec);
    app.settle().await;
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    app.zendesk.reply_with(app.zoe, &sc, "", &files);
    app.settle().await;
    let said: String = app.said(&sc).into_iter().map(|(_, text)| text).collect();
    let all = app.card(&sc) + &said;
    for n in 0..40 {
        assert_eq!(all.matches(&name(n)).count(), 2, "{n}");
    }
    app.ends_quietly().await;
}
