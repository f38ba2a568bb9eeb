//! `/side-convo`: help, lists, and what marks side conversations as done and reopens them.

use std::time::Duration;

use serde_json::Value;
use sidethread::sandbox::post::Sender;
use sidethread::sandbox::slack::ChannelSpec;

use crate::house::{House, texts};

/// What somebody was answered who typed the command in a channel.
pub async fn typed_in(app: &House, person: &str, channel: &str, text: &str) -> Value {
    let id = app.slack.command(person, channel, "/side-convo", text);
    app.settle_within(Duration::from_secs(3)).await;
    app.slack.command_answer(id).unwrap_or_else(|| panic!("no answer to {text:?}"))
}

async fn typed(app: &House, text: &str) -> String {
    typed_in(app, &app.ana, &app.engineering, text).await["text"].as_str().unwrap().to_owned()
}

/// The `ts` of the newest message that only this person sees.
fn newest_whisper(app: &House, person: &str) -> String {
    app.slack.ephemerals(person).last().unwrap()["ts"].as_str().unwrap().to_owned()
}

async fn bridged(app: &House, subject: &str) -> (String, String) {
    let sc = app.ask("engineering", subject, "<p>Down?</p>").await;
    // A change of state is newer than the thread.
    app.pass(Duration::from_secs(2)).await;
    let ts = app.thread(&sc).1;
    (sc, ts)
}

#[tokio::test]
async fn it_helps_and_says_what_was_meant() {
    let app = House::new().await;
    assert!(typed(&app, "help").await.contains("/side-convo list"));
    assert!(typed(&app, "dnoe").await.ends_with("Did you mean `/side-convo done`?"));
    assert!(typed(&app, "Where is it?").await.contains("`/side-convo 35436 Where is it?`"));
    assert!(typed(&app, "link-me").await.contains("e-mail address"));
    let seen = app.slack.messages(&app.engineering);
    assert!(seen.iter().all(|message| !message.to_string().contains("side-convo")), "only the writer sees it");
}

#[tokio::test]
async fn it_lists_the_open_ones_those_that_are_done_and_mine() {
    let app = House::new().await;
    let (sc, ts) = bridged(&app, "Scanner <offline> | Porto").await;
    let list = typed(&app, "list").await;
    assert!(
        list.contains("1 side conversation is open")
            && list.contains("Scanner &lt;offline&gt; ¦ Porto")
            && list.contains("#35436"),
        "{list}"
    );
    assert!(typed(&app, "list mine").await.contains("No side conversation is open that you"));
    app.slack.say(&app.ana, &app.engineering, Some(&ts), "faster").unwrap();
    app.settle().await;
    assert!(typed(&app, "list mine").await.contains("Scanner"));
    let elsewhere = app.slack.add_channel(ChannelSpec {
        name: "lobby".into(),
        members: vec![app.ana.clone(), app.ben.clone()],
        ..Default::default()
    });
    let mine = typed_in(&app, &app.ana, &elsewhere, "list mine").await.to_string();
    assert!(mine.contains("#35436") && !mine.contains("Scanner"), "the subject stays in its channel: {mine}");
    let bens = typed_in(&app, &app.ben, &app.engineering, "list mine").await.to_string();
    assert!(bens.contains("No side conversation"), "{bens}");
    app.zendesk.set_state(app.zoe, &sc, "closed");
    app.settle().await;
    assert!(typed(&app, "list").await.contains("No side conversation is open"));
    assert!(typed(&app, "list mine").await.contains("No side conversation is open"));
    assert!(typed(&app, "list done").await.contains("Scanner"));
    app.ends_quietly().await;
}

#[tokio::test]
async fn one_is_marked_as_done_and_reopened_by_the_channel_the_ticket_or_a_link() {
    let app = House::new().await;
    let (sc, ts) = bridged(&app, "Scanner").await;
    let link = format!("<https://acme.slack.com/archives/{}/p{}>", app.engineering, ts.replace('.', ""));
    for (n, which) in ["", " #35436", &format!(" {link}")].iter().enumerate() {
        let answer = typed(&app, &format!("done{which}")).await;
        assert!(answer.starts_with("Marking <"), "{answer}");
        app.settle().await;
        assert_eq!(app.state(&sc), "closed", "{which}");
        assert!(app.card(&sc).contains("*Done* by Ana Souza"), "{}", app.card(&sc));
        let again = typed(&app, &format!("done{which}")).await;
        app.settle().await;
        let told = if n < 2 { again } else { app.whispers(&app.ana).pop().unwrap() };
        assert!(told.contains("No side conversation") || told.contains("already"), "{told}");
        app.pass(Duration::from_secs(2)).await;
        assert!(typed(&app, &format!("reopen{which}")).await.starts_with("Reopening <"));
        app.settle().await;
        assert_eq!(app.state(&sc), "open", "{which}");
        app.pass(Duration::from_secs(2)).await;
    }
    app.ends_quietly().await;
}

#[tokio::test]
async fn where_several_are_open_it_asks_which_one() {
    let app = House::new().await;
    let (scanner, _) = bridged(&app, "Scanner").await;
    let (printer, _) = bridged(&app, "Printer").await;
    for named in ["done", "done 35436"] {
        let answer = typed_in(&app, &app.ana, &app.engineering, named).await;
        let asked = texts(&answer["blocks"]);
        assert!(asked.contains("Scanner") && asked.contains("Printer"), "{asked}");
    }
    assert_eq!((app.state(&scanner), app.state(&printer)), ("open".into(), "open".into()));
    // The newest stands first.
    let question = newest_whisper(&app, &app.ana);
    app.slack.press(&app.ana, &app.engineering, &question, "choose_done:1").unwrap();
    app.settle().await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!((app.state(&scanner), app.state(&printer)), ("closed".into(), "open".into()));
    let shown = app.whispers(&app.ana).pop().unwrap();
    assert!(shown.starts_with("Marking <"), "the question is replaced: {shown}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn the_same_command_delivered_twice_changes_the_state_once() {
    let mut app = House::new().await;
    let (sc, _) = bridged(&app, "Scanner").await;
    let before = app.zendesk.events(&sc).len();
    app.slack.command(&app.ana, &app.engineering, "/side-convo", "done");
    let parcels = app.slack.take_due();
    for parcel in &parcels {
        app.deliver(parcel).await;
    }
    app.restart().await;
    for parcel in parcels {
        let receipt = app.deliver(&parcel).await;
        app.slack.settle(parcel.id, receipt);
    }
    app.settle().await;
    assert_eq!(app.zendesk.events(&sc).len(), before + 1);
    app.ends_quietly().await;
}

#[tokio::test]
async fn guests_and_threads_of_other_channels_are_left_out() {
    let app = House::new().await;
    let (sc, ts) = bridged(&app, "Scanner").await;
    for text in ["list", "list mine", "done", "done 35436"] {
        let answer = typed_in(&app, &app.guest, &app.engineering, text).await.to_string();
        assert!(answer.contains("Guests cannot list side conversations") && !answer.contains("Scanner"), "{answer}");
    }
    let secret = app.slack.add_channel(ChannelSpec {
        name: "lobby".into(),
        members: vec![app.ben.clone()],
        ..Default::default()
    });
    let link = format!("https://acme.slack.com/archives/{}/p{}", app.engineering, ts.replace('.', ""));
    for text in ["done".to_owned(), "done 35436".to_owned(), format!("done {link}")] {
        let answer = typed_in(&app, &app.ben, &secret, &text).await.to_string();
        assert!(answer.contains("type the command there"), "{answer}");
    }
    app.settle().await;
    assert_eq!(app.state(&sc), "open");
    app.ends_quietly().await;
}
