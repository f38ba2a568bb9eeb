//! The page counts at both ends, and so finds what a bridge lost or did twice.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use sidethread_sandbox::post::Now;
use sidethread_sandbox::{Credentials, Sandbox};

use super::{HOST, START, SUPPORT, get, send, switch};

const PRIYA: &str = "U0PRIYA0001";
const TICKET: i64 = 35436;
const IDLE: &str =
    r#"{"ready":true,"messages":[],"nudges":[],"counts":{"held":0,"unhandled":0,"waiting":0,"parked":0}}"#;

/// A firm whose bridge is played by the test, and says of itself that nothing is under way.
struct Played {
    sandbox: Sandbox,
    router: Router,
    clock: Arc<AtomicI64>,
    lanes: Arc<Mutex<String>>,
}

impl Played {
    async fn begin() -> Played {
        let clock = Arc::new(AtomicI64::new(START));
        let now: Now = {
            let clock = clock.clone();
            Arc::new(move || clock.load(Ordering::SeqCst))
        };
        let sandbox = Sandbox::with_credentials(&format!("http://{HOST}"), now, 7, Credentials::of_seed(7));
        let lanes = Arc::new(Mutex::new(IDLE.to_owned()));
        let told = lanes.clone();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let operator = Router::new()
            .route("/lanes", axum::routing::get(move || async move { told.lock().expect("no panic").clone() }));
        tokio::spawn(async move { axum::serve(listener, operator).await });
        sandbox.operator.is_at(move || url.clone(), reqwest::Client::builder().no_proxy().build().expect("a client"));
        let router = sandbox.router();
        let never = r#"[{"vendor":"slack","call":"events","fault":"events_never"},
            {"vendor":"zendesk","call":"events","fault":"events_never"}]"#;
        assert_eq!(switch(&router, never).await.0, 200);
        Played { sandbox, router, clock, lanes }
    }

    /// A side conversation whose card stands: its id, who asks, and the card's `ts`.
    async fn asked(&self) -> (String, i64, String) {
        let agent = self.sandbox.world.agents[0].0;
        let to = format!("support-engineering@{}", self.sandbox.credentials().channel_domain);
        let side = self.sandbox.zendesk.desk_start(agent, TICKET, &[&to], "Gate 4", "Who opens gate 4?");
        let side = side.expect("a side conversation");
        let ts = self.post(None, "Marta asks: Who opens gate 4?", &format!("{side}/card")).await;
        (side, agent, ts)
    }

    fn pass(&self, secs: i64) {
        self.clock.fetch_add(secs * 1000, Ordering::SeqCst);
    }

    async fn call(&self, path: &str, token: &str, body: Value) -> Value {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Body::from(body.to_string()))
            .expect("a request");
        let answer = send(&self.router, request).await.json();
        assert!(answer["ok"] != false && answer.get("error").is_none(), "{answer}");
        answer
    }

    /// The app posts in the channel under a name; the `ts`.
    async fn post(&self, thread_ts: Option<&str>, text: &str, name: &str) -> String {
        let metadata = json!({"event_type": "sidethread", "event_payload": {"k": name}});
        let mut body = json!({"channel": SUPPORT, "text": text, "metadata": metadata});
        if let Some(ts) = thread_ts {
            body["thread_ts"] = ts.into();
        }
        let token = self.sandbox.credentials().slack_bot_token.clone();
        let posted = self.call("/slack/api/chat.postMessage", &token, body).await;
        posted["ts"].as_str().expect("a ts").to_owned()
    }

    /// The app replies in the side conversation with what was said in Slack.
    async fn reply(&self, side: &str, heading: &str) {
        self.reply_with(side, &format!("{heading}\nMe.")).await;
    }

    async fn reply_with(&self, side: &str, body: &str) {
        let zendesk = &self.sandbox.zendesk;
        let token = zendesk.token_of(zendesk.app_user_id()).expect("a token");
        let to = format!("support-engineering@{}", self.sandbox.credentials().channel_domain);
        let message = json!({"to": [{"email": to}], "body": body, "external_ids": {"sidethread": "x"}});
        let path = format!("/zendesk/api/v2/tickets/{TICKET}/side_conversations/{side}/reply");
        self.call(&path, &token, json!({ "message": message })).await;
    }

    /// How the page shows the way of a message of Slack that the bridge knows of.
    async fn trip(&self, ts: &str) -> String {
        let event = json!({"seq": 7, "source": "slack", "key": format!("{ts}:{SUPPORT}"), "name": ts,
            "received_at": START, "done_at": START, "ignored": null, "waits": null});
        let mut lanes: Value = serde_json::from_str(IDLE).expect("JSON");
        lanes["messages"] = json!([{"event": event, "thread": {"channel_id": SUPPORT}, "calls": []}]);
        *self.lanes.lock().expect("no panic") = lanes.to_string();
        self.sandbox.operator.lanes_at_once().await;
        let page = get(&self.router, "/").await.text;
        let trip = page.split("<li class=\"trip ").nth(1).and_then(|rest| rest.split("</details>").next());
        trip.unwrap_or_default().to_owned()
    }

    /// How much is said, stands once, stands twice, is lost, is under way and stays because people were told so.
    async fn counts(&self) -> [usize; 6] {
        let proof = get(&self.router, "/sandbox/proof").await.json();
        let many = |kind: &str| proof[kind].as_array().expect(kind).len();
        let number = |kind: &str| proof[kind].as_u64().expect(kind) as usize;
        assert_eq!(many("set_aside"), 0);
        [number("said"), number("once"), many("twice"), many("lost"), many("under_way"), many("told")]
    }
}

#[tokio::test]
async fn what_a_bridge_loses_or_does_twice_is_found() {
    let played = Played::begin().await;
    assert_eq!(played.counts().await, [0; 6]);
    let (slack, zendesk) = (&played.sandbox.slack, &played.sandbox.zendesk);
    let agent = played.sandbox.world.agents[0].0;
    let to = format!("support-engineering@{}", played.sandbox.credentials().channel_domain);
    let side = zendesk.desk_start(agent, TICKET, &[&to], "Gate 4", "Who opens gate 4?").expect("a side conversation");
    assert_eq!(played.counts().await, [1, 0, 0, 0, 1, 0], "it may still come");
    let page = get(&played.router, "/").await.text;
    assert!(page.contains("1 still to arrive") && page.contains("Who opens gate 4?"), "{page}");
    let ts = played.post(None, "Marta asks: Who opens gate 4?", &format!("{side}/card")).await;
    assert_eq!(played.counts().await, [1, 1, 0, 0, 0, 0]);

    let said = slack.say(PRIYA, SUPPORT, Some(&ts), "Me.").expect("a message");
    played.pass(30);
    assert_eq!(played.counts().await, [2, 1, 0, 0, 1, 0]);
    played.pass(31);
    assert_eq!(played.counts().await, [2, 1, 0, 1, 0, 0], "nothing is under way, and a minute has passed");
    let page = get(&played.router, "/").await.text;
    assert!(page.contains("1 lost: not on the other side"), "{page}");
    let link = format!("https://acme.slack.com/archives/{SUPPORT}/p{}?thread_ts={ts}", said.replace('.', ""));
    played.reply(&side, &format!("Priya in Slack ({link}):")).await;
    assert_eq!(played.counts().await, [2, 2, 0, 0, 0, 0]);
    played.reply(&side, &format!("Priya in Slack, written 2026-09-21 14:13 +00:00 ({link}):")).await;
    assert_eq!(played.counts().await, [2, 1, 1, 0, 0, 0]);
    assert!(get(&played.router, "/").await.text.contains("1 on the other side twice"));
}

#[tokio::test]
async fn several_messages_in_one_post_are_found_one_by_one() {
    let played = Played::begin().await;
    let zendesk = &played.sandbox.zendesk;
    let (side, agent, ts) = played.asked().await;
    let alone = zendesk.desk_reply(agent, &side, "It is urgent.").expect("a reply");
    played.post(Some(&ts), "It is urgent.", &format!("{side}/post:{alone}/0")).await;
    played.pass(1);
    for words in ["Cats & dogs", "Two", "Two"] {
        zendesk.desk_reply(agent, &side, words).expect("a reply");
    }
    assert_eq!(played.counts().await, [5, 2, 0, 0, 3, 0]);
    let heading = format!("_<!date^{}^{{date_short_pretty}} at {{time}}|a while ago>_", START / 1000 + 1);
    let text = format!("{heading}\nCats &amp; *dogs*\n\n{heading}\nTwo");
    let bundle = format!("{side}/bundle:post:x/0|aaaaaaaa.bbbbbbbb");
    played.post(Some(&ts), &text, &bundle).await;
    assert_eq!(played.counts().await, [5, 4, 0, 0, 1, 0]);
    played.post(Some(&ts), &format!("{heading}\nTwo"), &bundle).await;
    assert_eq!(played.counts().await, [5, 5, 0, 0, 0, 0]);
    played.post(Some(&ts), &format!("{heading}\nTwo"), &bundle).await;
    assert_eq!(played.counts().await, [5, 4, 1, 0, 0, 0]);
}

#[tokio::test]
async fn what_stays_where_it_is_and_people_were_told_so_is_not_lost() {
    let played = Played::begin().await;
    let (side, _, ts) = played.asked().await;
    played.sandbox.slack.say(PRIYA, SUPPORT, Some(&ts), "Me.").expect("a message");
    played.post(Some(&ts), "Replies in this thread stay in Slack", &format!("{side}/withheld")).await;
    played.pass(100);
    assert_eq!(played.counts().await, [2, 1, 0, 0, 0, 1]);
    played.sandbox.slack.say(PRIYA, SUPPORT, None, "Beside the thread").expect("a message");
    assert_eq!(played.counts().await, [2, 1, 0, 0, 0, 1], "what is written elsewhere does not cross");
}

/// What the bridge tells of a message of Slack and of the one call that it set off.
fn told_of(ts: &str, call: &Value) -> String {
    let event = json!({"seq": 7, "source": "slack", "key": format!("{ts}:{SUPPORT}"), "name": ts,
        "received_at": START, "done_at": START, "ignored": null, "waits": null});
    let mut lanes: Value = serde_json::from_str(IDLE).expect("JSON");
    lanes["messages"] = json!([{"event": event, "thread": {"channel_id": SUPPORT}, "calls": [call]}]);
    lanes.to_string()
}

#[tokio::test]
async fn what_waits_is_still_to_arrive_whatever_was_told_and_whether_the_bridge_is_up_or_down() {
    for notice in ["late:reply:x", "merged:35436:1", "ticket-gone:1", "withheld:1"] {
        let played = Played::begin().await;
        let (side, agent, ts) = played.asked().await;
        played.post(Some(&ts), "A notice of the app", &format!("{side}/{notice}")).await;
        let said = played.sandbox.slack.say(PRIYA, SUPPORT, Some(&ts), "Me.").expect("a message");
        played.sandbox.zendesk.desk_reply(agent, &side, "And who closes it?").expect("a reply");
        let token = played.sandbox.zendesk.token_of(played.sandbox.zendesk.app_user_id()).expect("a token");
        let note = json!({"ticket": {"comment": {"body": "Ana marked it as done in Slack.", "public": false}}});
        let request = Request::put(format!("/zendesk/api/v2/tickets/{TICKET}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(note.to_string()))
            .expect("a request");
        assert_eq!(send(&played.router, request).await.status, 200);
        *played.lanes.lock().expect("no panic") = "{".to_owned();
        played.sandbox.operator.lanes_at_once().await;
        played.pass(1000);
        assert_eq!(played.counts().await, [3, 1, 0, 0, 2, 0], "{notice}: the bridge is down, and what waits waits");
        let waits = json!({"for": "press", "words": "until somebody presses", "until": null});
        let mut call = json!({"id": 4, "act": "reply", "vendor": "zendesk", "state": "waiting", "waits": waits});
        *played.lanes.lock().expect("no panic") = told_of(&said, &call);
        played.sandbox.operator.lanes_at_once().await;
        assert_eq!(played.counts().await[3..], [1, 1, 0], "{notice}: it waits, and the agent's words are lost");
        (call["state"], call["result"]) = ("done".into(), "withheld".into());
        *played.lanes.lock().expect("no panic") = told_of(&said, &call);
        played.sandbox.operator.lanes_at_once().await;
        assert_eq!(played.counts().await[3..], [1, 0, 1], "{notice}: it stays for good");
        *played.lanes.lock().expect("no panic") = IDLE.to_owned();
        played.sandbox.operator.lanes_at_once().await;
        assert_eq!(played.counts().await[3..], [1, 0, 1], "{notice}: that is not forgotten");
    }
}

#[tokio::test]
async fn of_a_message_with_blocks_what_a_reader_sees_is_counted_and_shown() {
    let played = Played::begin().await;
    let (side, _, ts) = played.asked().await;
    let token = played.sandbox.slack.token_of(PRIYA).expect("a token");
    let section = json!({"type": "rich_text_section", "elements": [
        {"type": "text", "text": "Gate 4 & gate 5 "}, {"type": "emoji", "name": "tada"},
        {"type": "user", "user_id": PRIYA}, {"type": "link", "url": "https://x.example", "text": "the plan"},
    ]});
    let body = json!({"channel": SUPPORT, "thread_ts": ts, "text": "This app cannot show the message",
        "blocks": [{"type": "rich_text", "elements": [section]}]});
    let said = played.call("/slack/api/chat.postMessage", &token, body).await["ts"].as_str().expect("a ts").to_owned();
    assert_eq!(played.counts().await, [2, 1, 0, 0, 1, 0]);
    let page = get(&played.router, "/?person=U0MARTA0001").await.text;
    assert!(page.contains("Gate 4 &#38; gate 5") || page.contains("Gate 4 &amp; gate 5"), "{page}");
    assert!(!page.contains("This app cannot show the message"), "{page}");
    let link = format!("https://acme.slack.com/archives/{SUPPORT}/p{}?thread_ts={ts}", said.replace('.', ""));
    let heading = format!("Priya in Slack ({link}):");
    played.reply_with(&side, &format!("{heading}\nThis app cannot show the message")).await;
    assert_eq!(played.counts().await, [2, 1, 0, 0, 1, 0], "other words stand there");
    played.reply_with(&side, &format!("{heading}\nGate 4 & gate 5 🎉@Priya the plan (https://x.example)")).await;
    assert_eq!(played.counts().await, [2, 2, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_message_has_arrived_when_each_of_its_parts_stands_there() {
    let played = Played::begin().await;
    let (side, agent, ts) = played.asked().await;
    let words: Vec<String> = (0..3000).map(|n| format!("word{n}")).collect();
    let long = format!("{}\n\nhttps://status.acme.example/a?b=1 & so on", words.join(" "));
    let reply = played.sandbox.zendesk.desk_reply(agent, &side, &long).expect("a reply");
    let parts = [words[..1000].join(" "), words[1000..2000].join(" "), words[2000..].join(" ")];
    let name = |n: usize| format!("{side}/post:{reply}/{n}");
    played.post(Some(&ts), &parts[0], &name(0)).await;
    played.post(Some(&ts), &parts[2], &name(2)).await;
    assert_eq!(played.counts().await, [2, 1, 0, 0, 1, 0], "a third of it may still come");
    played.pass(61);
    assert_eq!(played.counts().await, [2, 1, 0, 1, 0, 0], "the middle of it is lost");
    played.post(Some(&ts), &parts[1], &name(1)).await;
    assert_eq!(played.counts().await, [2, 1, 0, 1, 0, 0], "the end is");
    let end = "<https://status.acme.example/a?b=1|status> &amp; so on";
    let heading = |at: i64| format!("_<!date^{at}^{{date_short_pretty}}|a while ago>_");
    let at = START / 1000;
    let text = format!("{}\n{end}\n\n{}\nAnd *that*.", heading(at), heading(at + 61));
    played.sandbox.zendesk.desk_reply(agent, &side, "And that.").expect("a reply");
    played.post(Some(&ts), &text, &format!("{side}/bundle:post:{reply}/3|aaaaaaaa.bbbbbbbb")).await;
    assert_eq!(played.counts().await, [3, 3, 0, 0, 0, 0], "the middle came last");
    played.post(Some(&ts), &parts[1], &name(1)).await;
    assert_eq!(played.counts().await, [3, 2, 1, 0, 0, 0], "a part of it came twice");

    let said = format!("{} <@U0MARTA0001> :tada: a &lt; b <https://x.example|the page>", words.join(" "));
    let said = played.sandbox.slack.say(PRIYA, SUPPORT, Some(&ts), &said).expect("a message");
    let link = format!("https://acme.slack.com/archives/{SUPPORT}/p{}?thread_ts={ts}", said.replace('.', ""));
    let heading = format!("Priya in Slack ({link}):");
    let cut = format!("{heading}\n{}", words[..1500].join(" "));
    played.reply_with(&side, &cut).await;
    assert_eq!(played.counts().await, [4, 2, 1, 0, 1, 0], "half of it stands there");
    played
        .reply_with(&side, &format!("{heading}\n{} @Marta 🎉 a < b the page (https://x.example)", words.join(" ")))
        .await;
    assert_eq!(played.counts().await, [4, 3, 1, 0, 0, 0]);
}

#[tokio::test]
async fn what_was_edited_or_deleted_in_slack_after_it_crossed_has_arrived() {
    let played = Played::begin().await;
    let slack = &played.sandbox.slack;
    let (side, _, ts) = played.asked().await;
    let said = slack.say(PRIYA, SUPPORT, Some(&ts), "Refund 100 euro").expect("a message");
    let link = format!("https://acme.slack.com/archives/{SUPPORT}/p{}?thread_ts={ts}", said.replace('.', ""));
    slack.edit(PRIYA, SUPPORT, &said, "Refund NOTHING").expect("edited");
    let trip = played.trip(&said).await;
    assert!(trip.contains("Refund 100 euro") && trip.contains("it crosses as the bridge received it"), "{trip}");
    assert_eq!(played.counts().await, [2, 1, 0, 0, 1, 0]);
    played.reply_with(&side, &format!("Priya in Slack ({link}):\nRefund 100 euro")).await;
    assert_eq!(played.counts().await, [2, 2, 0, 0, 0, 0], "the first words stand there");
    let trip = played.trip(&said).await;
    assert!(trip.contains("Refund 100 euro") && trip.contains("edited since in Slack, not carried over"), "{trip}");
    assert!(!trip.contains("NOTHING"), "{trip}");
    slack.delete(PRIYA, SUPPORT, &said).expect("deleted");
    assert_eq!(played.counts().await, [2, 2, 0, 0, 0, 0], "they still do");
    let trip = played.trip(&said).await;
    assert!(trip.contains("<b>Priya</b> Refund 100 euro") && trip.contains("deleted since in Slack"), "{trip}");
    let other = slack.say(PRIYA, SUPPORT, Some(&ts), "Never mind").expect("a message");
    slack.delete(PRIYA, SUPPORT, &other).expect("deleted");
    assert_eq!(played.counts().await, [2, 2, 0, 0, 0, 0], "it was taken back before it crossed");
}
