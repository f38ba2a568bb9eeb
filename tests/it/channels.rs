//! Channels that take no posts: what shows it, who is told, how it ends, and what wakes those who wait.

use std::time::Duration;

use serde_json::json;
use sidethread::engine::clock::Clock;
use sidethread::sandbox::slack::ChannelSpec;

use crate::house::{House, Setup, fault};

fn posts_since(app: &House, since: i64) -> usize {
    app.slack.calls().iter().filter(|(call, at)| call == "chat.postMessage" && *at >= since).count()
}

fn reads_since(app: &House, since: i64) -> usize {
    let reads = ["conversations.history", "conversations.replies"];
    app.slack.calls().iter().filter(|(call, at)| reads.contains(&call.as_str()) && *at >= since).count()
}

fn out_of_reach(app: &House) -> usize {
    app.notes().iter().filter(|note| note.contains("does not let apps post")).count()
}

#[tokio::test]
async fn where_posting_is_restricted_the_refusal_counts_and_is_told_once() {
    let app = House::new().await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&side);
    app.pass(Duration::from_secs(120)).await;
    app.slack.set_read_only(&channel, true).unwrap();
    let since = app.clock.now_ms();
    app.zendesk.reply(app.zoe, &side, "<p>Still down.</p>");
    app.zendesk.reply(app.zoe, &side, "<p>And again.</p>");
    app.pass(Duration::from_secs(10)).await;
    assert_eq!(out_of_reach(&app), 1, "within seconds: {:?}", app.notes());
    let (_, ready) = app.get("/readyz").await;
    assert_eq!(ready["lasting"][0]["about"], "channel", "{ready}");
    app.pass(Duration::from_secs(60 * 60)).await;
    assert_eq!(out_of_reach(&app), 1, "once: {:?}", app.notes());
    let posts = posts_since(&app, since);
    // After 0, 10, 30, 70, 150 seconds and then every five minutes.
    assert!((14..=24).contains(&posts), "{posts} posts in an hour");
    // The rounds of every five minutes, and no more.
    let reads = reads_since(&app, since);
    assert!(reads <= 15, "{reads} reads of catch-up in an hour");
    // What people write there arrives all the while.
    app.slack.say(&app.ana, &channel, Some(&ts), "On its way.").unwrap();
    app.settle_within(Duration::ZERO).await;
    assert_eq!(app.carried(&side), ["On its way."]);
    app.slack.set_read_only(&channel, false).unwrap();
    app.pass(Duration::from_secs(5 * 60 + 10)).await;
    app.settle().await;
    let said: Vec<String> = app.said(&side).into_iter().map(|(_, text)| text).collect();
    let place = |words: &str| said.iter().position(|text| text.contains(words));
    assert!(place("Still down.").is_some() && place("Still down.") < place("And again."), "{said:?}");
    assert_eq!(said.iter().filter(|text| text.contains("Still down.")).count(), 1);
    assert_eq!(app.get("/readyz").await.1["lasting"], json!([]));
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_card_for_a_restricted_channel_waits_and_is_told_once() {
    let app = House::new().await;
    app.slack.set_read_only(&app.engineering, true).unwrap();
    let since = app.clock.now_ms();
    let to = ["engineering@slack.acme.example"];
    let side = app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
    app.pass(Duration::from_secs(60 * 60)).await;
    assert_eq!(out_of_reach(&app), 1, "{:?}", app.notes());
    let posts = posts_since(&app, since);
    assert!((12..=24).contains(&posts), "{posts} posts in an hour");
    app.slack.set_read_only(&app.engineering, false).unwrap();
    app.pass(Duration::from_secs(5 * 60 + 10)).await;
    app.settle().await;
    app.thread(&side);
    app.ends_quietly().await;
}

/// A side conversation that waits for a channel, for long enough that it is tried only now and then.
async fn waits(app: &House, channel: &str) -> String {
    let to = format!("{channel}@slack.acme.example");
    let side = app.zendesk.start_side_conversation(app.zoe, app.ticket, &[&to], "Scanner", "<p>Down?</p>");
    app.pass(Duration::from_secs(30 * 60)).await;
    assert!(app.find_thread(&side).is_none());
    side
}

#[tokio::test]
async fn what_waits_for_a_channel_goes_on_as_soon_as_slack_tells_of_it() {
    let app = House::new().await;
    let members = vec![app.ana.clone()];
    let spec = |name: &str, private: bool| ChannelSpec {
        name: name.into(),
        private,
        members: members.clone(),
        ..ChannelSpec::default()
    };
    // The app is invited to a private channel.
    let private = app.slack.add_channel(spec("night-shift", true));
    let invited = waits(&app, "night-shift").await;
    app.slack.set_members(&private, &[app.ana.clone(), app.slack.options().bot_user_id.clone()]).unwrap();
    app.settle_within(Duration::from_secs(2)).await;
    app.thread(&invited);
    // A channel is taken out of the archive.
    let archived = app.slack.add_channel(ChannelSpec { app_is_member: true, ..spec("docks", false) });
    app.slack.archive_channel(&archived).unwrap();
    let unarchived = waits(&app, "docks").await;
    app.slack.unarchive_channel(&archived).unwrap();
    app.settle_within(Duration::from_secs(2)).await;
    app.thread(&unarchived);
    // A channel that was shared with another firm is not any more.
    let shared = app.slack.add_channel(ChannelSpec {
        app_is_member: true,
        shared_with: Some("TNORD".into()),
        ..spec("harbour", false)
    });
    let unshared = waits(&app, "harbour").await;
    app.slack.unshare_channel(&shared).unwrap();
    app.settle_within(Duration::from_secs(2)).await;
    app.thread(&unshared);
    // A channel gets the name that is waited for.
    let other = app.slack.add_channel(ChannelSpec { app_is_member: true, ..spec("warehouse-old", false) });
    let renamed = waits(&app, "warehouse").await;
    app.slack.rename_channel(&other, "warehouse").unwrap();
    app.settle_within(Duration::from_secs(2)).await;
    app.thread(&renamed);
    // A channel is made.
    let made = waits(&app, "customs").await;
    app.slack.create_channel(spec("customs", false));
    app.settle_within(Duration::from_secs(2)).await;
    app.thread(&made);
    app.ends_quietly().await;
}

#[tokio::test]
async fn a_channel_that_the_app_cannot_join_is_tried_again_within_ten_seconds_and_then_every_few_minutes() {
    let app = House::new().await;
    app.slack.add_channel(ChannelSpec {
        name: "night-shift".into(),
        private: true,
        members: vec![app.ana.clone()],
        ..ChannelSpec::default()
    });
    fault(app.slack.faults(), json!({"call": "events", "fault": "events_never"}));
    let since = app.clock.now_ms();
    let to = ["night-shift@slack.acme.example"];
    app.zendesk.start_side_conversation(app.zoe, app.ticket, &to, "Scanner", "<p>Down?</p>");
    app.pass(Duration::from_secs(60 * 60)).await;
    let tried =
        app.slack.calls().into_iter().filter(|(call, _)| call == "conversations.list").map(|(_, at)| at - since);
    let tried: Vec<i64> = tried.collect();
    assert!(tried[1] - tried[0] <= 10_500, "{tried:?}");
    assert!(tried.windows(2).all(|pair| pair[1] - pair[0] <= 5 * 60 * 1000 + 5000), "{tried:?}");
    assert!(tried.len() < 24, "{tried:?}");
}

#[tokio::test]
async fn side_conversations_of_one_second_are_all_bridged_though_the_feed_shows_a_hundred() {
    use sidethread::sandbox::zendesk::TicketSpec;
    let slack = "posts_per_second_per_channel = 0";
    let app = House::with(Setup { slack, ..Setup::default() }).await;
    fault(app.zendesk.faults(), json!({"call": "events", "fault": "events_never"}));
    let mut sides = Vec::new();
    for n in 0..130 {
        let spec = TicketSpec {
            subject: format!("Ticket {n}"),
            requester_id: app.carla,
            status: "open".into(),
            ..Default::default()
        };
        let ticket = app.zendesk.add_ticket(spec);
        let to = ["engineering@slack.acme.example"];
        sides.push(app.zendesk.start_side_conversation(app.zoe, ticket, &to, &format!("Side {n}"), "<p>Down?</p>"));
    }
    app.pass(Duration::from_secs(4 * 60)).await;
    app.settle().await;
    let missing = sides.iter().filter(|side| app.find_thread(side).is_none()).count();
    assert_eq!(missing, 0, "of {}", sides.len());
    assert_eq!(app.get("/readyz").await.1["lasting"], json!([]));
    let exports = app.zendesk.calls().iter().filter(|(call, _)| call == "GET incremental/tickets/cursor").count();
    assert_eq!(exports, 1, "once for that second");
    app.ends_quietly().await;
}

#[tokio::test]
async fn what_cannot_be_found_of_an_overfull_second_is_said_and_bridged_when_it_is_touched() {
    use sidethread::sandbox::zendesk::TicketSpec;
    let settings = "operator_channel = \"#operators\"";
    let slack = "posts_per_second_per_channel = 0";
    let mut app = House::without_the_app(Setup { slack, routes: settings, ..Setup::default() });
    let operators = app.slack.add_channel(ChannelSpec { name: "operators".into(), ..Default::default() });
    app.start().await;
    app.pass(Duration::from_secs(1)).await;
    fault(app.zendesk.faults(), json!({"call": "events", "fault": "events_never"}));
    fault(app.zendesk.faults(), json!({"call": "GET incremental/tickets/cursor", "fault": "status", "status": 403}));
    let mut sides = Vec::new();
    for n in 0..110 {
        let spec = TicketSpec {
            subject: format!("Ticket {n}"),
            requester_id: app.carla,
            status: "open".into(),
            ..Default::default()
        };
        let ticket = app.zendesk.add_ticket(spec);
        let to = ["engineering@slack.acme.example"];
        sides.push((ticket, app.zendesk.start_side_conversation(app.zoe, ticket, &to, "Side", "<p>Down?</p>")));
    }
    app.pass(Duration::from_secs(5 * 60)).await;
    app.settle().await;
    let missing: Vec<_> = sides.iter().filter(|(_, side)| app.find_thread(side).is_none()).collect();
    assert!(!missing.is_empty());
    let (_, ready) = app.get("/readyz").await;
    assert_eq!(ready["lasting"][0]["about"], "hidden", "{ready}");
    let told = app.slack.messages(&operators);
    assert!(
        told.iter().any(|m| m["text"].as_str().unwrap_or_default().contains("more was written in Zendesk")),
        "{told:?}"
    );
    app.zendesk.faults().take_away(|rule| rule.call == "events");
    let (ticket, side) = missing[0];
    let body = json!({"ticket_id": ticket.to_string()}).to_string();
    let time = jiff::Timestamp::from_millisecond(app.clock.now_ms()).unwrap().to_string();
    let signature = sidethread::sandbox::zendesk::sign(crate::house::ZENDESK_SECRET, &time, body.as_bytes());
    let headers =
        [("x-zendesk-webhook-signature-timestamp", time.as_str()), ("x-zendesk-webhook-signature", signature.as_str())];
    assert_eq!(app.post("/zendesk/webhook", &headers, body.as_bytes()).await, 200);
    app.settle().await;
    app.thread(side);
    // The right comes back: the others are found too.
    app.zendesk.faults().clear();
    app.pass(Duration::from_secs(8 * 60)).await;
    app.settle().await;
    assert!(sides.iter().all(|(_, side)| app.find_thread(side).is_some()));
    assert_eq!(app.get("/readyz").await.1["lasting"], json!([]));
}
