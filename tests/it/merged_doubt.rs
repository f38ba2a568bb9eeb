//! A ticket is merged while something else of its threads is not settled.

use std::time::Duration;

use serde_json::{Value, json};
use sidethread::bridge::ids::TicketId;
use sidethread::sandbox::slack::ChannelSpec;
use sidethread::sandbox::zendesk::Unconfirmed;

use crate::follow_up::{a_thread, later, messages, sides};
use crate::house::{House, Setup};
use crate::merged::{TARGET, merge_into_target, proposed};

fn press(app: &House, sc: &str) {
    let (channel, notice) = proposed(app, sc);
    app.slack.press(&app.ana, &channel, &notice, "continue_on").unwrap();
}

fn dropped(app: &House, call: &str) {
    let rule: Value = json!({"call": call, "fault": "dropped_after", "times": 1});
    app.zendesk.faults().add(serde_json::from_value(rule).unwrap());
}

/// Whether what the app writes is known by its markers and by its way, or by its text alone.
const MARKED: [bool; 2] = [true, false];

fn setup(marked: bool, routes: &'static str) -> Setup {
    let unconfirmed = Unconfirmed { external_ids_echoed: marked, via_of_api: marked, ..Default::default() };
    Setup { unconfirmed, routes, ..Default::default() }
}

#[tokio::test]
async fn a_reply_in_doubt_when_its_ticket_is_merged_stays_where_it_is_and_the_next_goes_on() {
    for (marked, steps) in MARKED.into_iter().flat_map(|marked| [(marked, None), (marked, Some(3)), (marked, Some(6))])
    {
        let mut app = House::with(setup(marked, "")).await;
        let (sc, channel, ts) = a_thread(&app).await;
        later(&app).await;
        dropped(&app, "POST …/reply");
        app.slack.say(&app.ana, &channel, Some(&ts), "once").unwrap();
        for _ in 0..2 {
            app.step().await;
        }
        merge_into_target(&app);
        app.app.engine().unwrap().nudge(TicketId(app.ticket)).await.unwrap();
        for _ in 0..8 {
            app.step().await;
        }
        dropped(&app, "POST …/side_conversations");
        press(&app, &sc);
        app.slack.say(&app.ben, &channel, Some(&ts), "twice").unwrap();
        if let Some(steps) = steps {
            for _ in 0..steps {
                app.step().await;
            }
            app.restart().await;
        }
        app.settle().await;
        app.pass(Duration::from_secs(900)).await;
        assert_eq!(app.carried(&sc), ["once"], "marked: {marked}, {steps:?}");
        let [new] = &sides(&app, TARGET)[..] else { panic!("one is begun: {:?}", sides(&app, TARGET)) };
        assert_eq!(messages(&app, new)[1..], ["twice"], "marked: {marked}, {steps:?}");
        let ours = [&app.ana, &app.ben, &app.slack.options().bot_user_id];
        let echoes: Vec<_> = app.said(&sc).into_iter().filter(|(author, _)| !ours.contains(&author)).collect();
        assert!(echoes.is_empty(), "marked: {marked}, {steps:?}: {echoes:?}");
        app.ends_quietly().await;
    }
}

#[tokio::test]
async fn threads_of_one_ticket_in_a_shared_and_in_another_channel_stay_apart_when_it_is_merged() {
    let partner = "[[routes]]\nname = \"partner\"\nrecipients = [\"partner@acme.example\"]\nchannel = \"#partner\"\nshared = true\n";
    for marked in MARKED {
        let app = House::with(setup(marked, partner)).await;
        let members = vec![app.ana.clone(), app.stranger.clone()];
        let shared = app.slack.add_channel(ChannelSpec { name: "partner".into(), members, ..Default::default() });
        app.slack.share_channel(&shared, "TNORD").unwrap();
        let (sc, channel, ts) = a_thread(&app).await;
        let other = app.ask_all(&["partner@acme.example"], "Scanner", "<p>Is it down?</p>").await;
        let (place, other_ts) = app.thread(&other);
        assert_eq!(place, shared);
        later(&app).await;
        merge_into_target(&app);
        app.slack.say(&app.ana, &channel, Some(&ts), "within").unwrap();
        app.slack.say(&app.stranger, &shared, Some(&other_ts), "shared").unwrap();
        app.settle_within(Duration::from_secs(60)).await;
        press(&app, &sc);
        press(&app, &other);
        app.settle().await;
        let begun = sides(&app, TARGET);
        assert_eq!(begun.len(), 2);
        for side in &begun {
            app.zendesk.reply(app.zoe, side, &format!("<p>to {}</p>", messages(&app, side)[1]));
        }
        app.pass(Duration::from_secs(120)).await;
        for (sc, expected) in [(&sc, "to within"), (&other, "to shared")] {
            let of_zoe = app.said(sc).into_iter().filter(|(author, _)| author == "Zoe").map(|(_, text)| text);
            assert_eq!(of_zoe.collect::<Vec<_>>(), [expected], "marked: {marked}");
        }
        app.ends_quietly().await;
    }
}
