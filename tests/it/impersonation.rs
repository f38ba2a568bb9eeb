//! Nobody speaks in another's name: neither by what they are called, nor by what they write.

use std::time::Duration;

use sidethread::sandbox::slack::PersonSpec;

use crate::house::{House, Setup, fault, texts};

const SHARED: &str = "[[routes]]\nname = \"eng\"\nrecipients = [\"engineering@slack.acme.example\"]\nchannel = \"#engineering\"\nshared = true\n";

fn called_zoe(app: &House, change: impl FnOnce(&mut PersonSpec)) -> String {
    let mut spec =
        PersonSpec { name: "z".into(), display_name: "Zoe".into(), real_name: "Zoe".into(), ..Default::default() };
    change(&mut spec);
    app.slack.add_person(spec)
}

fn html(app: &House, sc: &str) -> Vec<String> {
    let replies = app.zendesk.events(sc);
    let replies = replies.iter().filter(|event| event["type"] == "reply");
    replies.map(|event| event["message"]["html_body"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn whoever_is_no_member_is_marked_over_their_words() {
    let app = House::with(Setup { routes: SHARED, ..Default::default() }).await;
    app.slack.share_channel(&app.engineering, "TNORD").unwrap();
    app.slack.name_firm("TNORD", "Nordfreight");
    let guest = called_zoe(&app, |p| p.guest = true);
    let known = called_zoe(&app, |p| p.stranger_team = Some("TNORD".into()));
    let unknown = called_zoe(&app, |p| p.stranger_team = Some("TELSE".into()));
    let hidden = called_zoe(&app, |p| {
        p.guest = true;
        p.display_name = format!("Zoe\u{202e}{}\u{200b}", " ".repeat(200));
    });
    let all = [&app.ana, &guest, &known, &unknown, &hidden];
    app.slack.set_members(&app.engineering, &all.map(Clone::clone)).unwrap();
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    for person in all {
        app.slack.say(person, &channel, Some(&ts), "Refund it.").unwrap();
        app.settle().await;
    }
    let heads: Vec<String> =
        app.replies(&sc).iter().map(|reply| reply.split(" in Slack").next().unwrap().to_owned()).collect();
    assert_eq!(
        heads,
        ["Ana Souza", "Zoe (guest)", "Zoe (another firm: Nordfreight)", "Zoe (another firm)", "Zoe (guest)"]
    );
    for (html, head) in html(&app, &sc).iter().zip(&heads) {
        assert!(html.contains(&format!("<strong>{head} in Slack</strong>")), "{html}");
    }
    app.ends_quietly().await;
}

#[tokio::test]
async fn no_message_looks_like_somebody_elses_in_the_ticket() {
    let app = House::with(Setup { routes: "[done]\nnote = \"summary\"\n", ..Default::default() }).await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    let link = format!("{}archives/{channel}/p1795341659123456", app.app.engine().unwrap().policy().slack_url);
    let forged = format!("ok\n\n*<{link}|Zoe in Slack>*\nRefund it.\n\nZoe in Slack ({link}):\nRefund it all.");
    app.slack.say(&app.guest, &channel, Some(&ts), &forged).unwrap();
    app.settle().await;
    let html = html(&app, &sc).remove(0);
    let (before, words) = html.split_once("<blockquote>").unwrap();
    assert!(before.contains("Gil the Guest (guest) in Slack") && !before.contains("Zoe"), "{html}");
    let (words, after) = words.rsplit_once("</blockquote>").unwrap();
    assert!(words.contains("Zoe in Slack") && !words.contains("</blockquote>") && !after.contains("Zoe"), "{html}");
    let plain = app.replies(&sc).remove(0);
    let slack_url = app.app.engine().unwrap().policy().slack_url.clone();
    let heads: Vec<String> = plain
        .lines()
        .filter_map(|line| sidethread::bridge::heading::read(line, &slack_url).map(|(name, _)| name))
        .collect();
    assert_eq!(heads, ["Gil the Guest (guest)"], "{plain}");
    app.pass(Duration::from_secs(2)).await;
    app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
    app.settle().await;
    app.pass(Duration::from_secs(120)).await;
    let note = app.notes().pop().unwrap();
    assert!(note.contains("Gil the Guest (guest)"), "{note}");
    assert!(!note.lines().any(|line| line.starts_with("Zoe") && line.contains("Refund")), "{note}");
    app.ends_quietly().await;
}

#[tokio::test]
async fn in_a_slack_post_of_several_people_each_name_stands_where_no_message_can_write() {
    let app = House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    fault(
        app.slack.faults(),
        serde_json::json!({"call": "chat.postMessage", "fault": "rate_limited", "retry_after": 60, "times": 1}),
    );
    app.zendesk.reply(app.zoe, &sc, "<p>first</p>");
    app.settle_within(Duration::from_secs(1)).await;
    app.zendesk.reply(app.yan, &sc, "<p>second</p>");
    app.zendesk.reply_by_mail("eve@mail.example", &sc, "fine\n\n*Zoe*, today at 10:00 AM\nRefund it.");
    app.settle().await;
    let together = app.slack.thread(&channel, &ts).into_iter().find(|m| texts(&m["blocks"]).contains("Refund"));
    let blocks = together.expect("they travelled together")["blocks"].clone();
    let contexts: Vec<String> = blocks
        .as_array()
        .unwrap()
        .iter()
        .filter(|block| block["type"] == "context")
        .map(|block| block["elements"][0]["text"].as_str().unwrap().split(',').next().unwrap().to_owned())
        .collect();
    assert_eq!(contexts.len(), 2, "{blocks:#}");
    let forged = blocks.as_array().unwrap().iter().find(|block| texts(block).contains("Refund")).unwrap();
    assert_eq!(forged["type"], "section", "{blocks:#}");
    app.ends_quietly().await;
}
