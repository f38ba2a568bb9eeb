//! The sandbox as people and programs meet it: its page, its forms, its faults, its guard and its carrier.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use sidethread::sandbox::carrier::{self, Carry};
use sidethread::sandbox::post::{Now, Parcel, Receipt, Sender};
use sidethread::sandbox::slack::{ChannelSpec, PersonSpec, Say};
use sidethread::sandbox::zendesk::{TicketChange, TicketSpec, UserSpec};
use sidethread::sandbox::{Credentials, Furnishing, Sandbox, guard};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const START: i64 = 1_790_000_000_000;
const HOST: &str = "127.0.0.1:8080";
const SUPPORT: &str = "C0SUPPORT01";
const MARTA: &str = "U0MARTA0001";

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }
}

fn sandbox() -> Sandbox {
    let now: Now = Arc::new(|| START);
    Sandbox::with_credentials(&format!("http://{HOST}"), now, 7, Credentials::of_seed(7))
}

async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.expect("the router is infallible");
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}

async fn get(router: &Router, path: &str) -> Answer {
    send(router, Request::get(path).body(Body::empty()).expect("a request")).await
}

/// Sends a form and follows it back to the page.
async fn fill(router: &Router, path: &str, fields: &[(&str, &str)]) -> (String, Answer) {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .expect("a request");
    let answer = send(router, request).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let location = answer.header("location").to_owned();
    let page = get(router, location.split('#').next().unwrap_or_default()).await;
    assert_eq!(page.status, StatusCode::OK);
    (location, page)
}

fn first_ticket(sandbox: &Sandbox) -> String {
    sandbox.world.tickets[0].to_string()
}

#[tokio::test]
async fn every_ticket_and_channel_is_shown() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let page = get(&router, "/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text.contains("played on this machine and joined by the real bridge"));
    assert_eq!(sandbox.world.tickets.len(), 12);
    for ticket in &sandbox.world.tickets {
        let shown = get(&router, &format!("/?ticket={ticket}")).await;
        assert_eq!(shown.status, StatusCode::OK);
        assert!(shown.text.contains("New side conversation"), "{ticket}");
        assert!(page.text.contains(&format!("#{ticket}")));
    }
    for channel in &sandbox.world.channels {
        for person in &sandbox.world.people {
            let shown = get(&router, &format!("/?channel={}&person={}", channel.id, person.id)).await;
            assert_eq!(shown.status, StatusCode::OK);
            assert!(shown.text.contains(&format!("Write in #{}", channel.name)), "{}", channel.name);
        }
        assert!(page.text.contains(&format!("#{}", channel.name)));
    }
    for nonsense in ["/?ticket=x&channel=%00&person=<&agent=-1&notice=9&command=z", "/?ticket=999999999999999999999"] {
        assert_eq!(get(&router, &nonsense.replace('<', "%3C")).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_page_may_load_nothing_but_its_own_style() {
    let router = sandbox().router();
    let page = get(&router, "/?ticket=35436&channel=C0SUPPORT01").await;
    assert_eq!(
        page.header("content-security-policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    for never in ["<style", " style=", " onclick", "javascript:", "http://", "https://"] {
        assert!(!page.text.contains(never), "{never}");
    }
    assert_eq!(page.text.matches("<script").count(), 1);
    assert!(page.text.contains("<script src=\"/sandbox/live.js\" defer></script>"));
    let script = get(&router, "/sandbox/live.js").await;
    assert_eq!((script.status, script.header("content-type")), (StatusCode::OK, "text/javascript; charset=utf-8"));
    let style = get(&router, "/sandbox/style.css").await;
    assert_eq!((style.status, style.header("content-type")), (StatusCode::OK, "text/css; charset=utf-8"));
}

#[tokio::test]
async fn nothing_of_the_past_is_sent_to_the_bridge() {
    let sandbox = sandbox();
    assert!(sandbox.slack.take_due().is_empty());
    assert!(sandbox.zendesk.take_due().is_empty());
    let messages = sandbox.slack.messages(SUPPORT);
    assert!(messages.len() >= 5);
    let latest = messages.iter().filter_map(|message| message["ts"].as_str()).max().unwrap_or_default();
    assert!(latest < "1790000000.000000", "{latest}");
    let ticket = sandbox.zendesk.ticket(sandbox.world.tickets[0]).expect("a ticket");
    assert!(ticket["created_at"].as_str() < Some("2026-09-15"), "{ticket}");
}

#[tokio::test]
async fn an_agent_works_with_the_forms_of_the_desk() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let ticket = first_ticket(&sandbox);
    let place = [("ticket", ticket.as_str()), ("channel", SUPPORT), ("person", MARTA)];
    let to = "support-engineering@slack.acme.example, someone@else.example";
    let message = [("to", to), ("subject", "Label printer?"), ("message", "First line\r\nsecond <b>line</b>")];
    let (location, page) = fill(&router, "/sandbox/zendesk/start", &[&place[..], &message].concat()).await;
    assert!(location.contains("ticket=35436") && location.contains("channel=C0SUPPORT01"), "{location}");
    assert!(location.contains("person=U0MARTA0001"), "{location}");
    assert!(page.text.contains("Label printer?"));
    assert!(page.text.contains("First line<br>second &lt;b&gt;line&lt;/b&gt;"));
    let sides = sandbox.zendesk.side_conversations(sandbox.world.tickets[0]);
    let id = sides.last().and_then(|side| side["id"].as_str()).expect("a side conversation").to_owned();
    assert!(location.ends_with(&format!("#s{id}")));
    assert_eq!(sandbox.zendesk.take_due().len(), 1);

    let side = [&place[..], &[("side_conversation", id.as_str()), ("message", "And a reply")]].concat();
    let (_, page) = fill(&router, "/sandbox/zendesk/reply", &side).await;
    assert!(page.text.contains("And a reply"));

    let close = [&place[..], &[("side_conversation", id.as_str()), ("state", "closed")]].concat();
    let (_, page) = fill(&router, "/sandbox/zendesk/state", &close).await;
    assert!(page.text.contains("marked it as done") && page.text.contains(">Reopen<"));
    let open = [&place[..], &[("side_conversation", id.as_str()), ("state", "open")]].concat();
    let (_, page) = fill(&router, "/sandbox/zendesk/state", &open).await;
    assert!(page.text.contains("reopened it"));
}

#[tokio::test]
async fn refusals_are_told_at_the_top() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let ticket = first_ticket(&sandbox);
    let desk = |to: &'static str| [("ticket", ticket.clone()), ("to", to.to_owned()), ("message", "x".to_owned())];
    for (to, why) in [
        ("nobody", "is not an e-mail address"),
        ("", "To: cannot be blank"),
        ("tom@acme.example", "To: tom@acme.example is suspended"),
    ] {
        let fields = desk(to);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (location, page) = fill(&router, "/sandbox/zendesk/start", &fields).await;
        assert!(location.contains("&notice="), "{location}");
        assert!(page.text.contains("role=\"alert\"") && page.text.contains(why), "{why}: {}", page.text);
    }
    let slack = |channel: &'static str, text: &'static str| [("channel", channel), ("person", MARTA), ("text", text)];
    for (channel, text, why) in [
        ("C0ONCALL001", "x", "Marta is not in #oncall"),
        ("C0SECURITY1", "x", "Marta is not in #security"),
        (SUPPORT, " ", "there is no text"),
        ("", "x", "Choose a channel first"),
    ] {
        let (_, page) = fill(&router, "/sandbox/slack/say", &slack(channel, text)).await;
        assert!(page.text.contains(why), "{why}");
    }
    let archived = [("channel", "C0OLDWAREH1"), ("person", "U0ZOFIA0001"), ("text", "x")];
    assert!(fill(&router, "/sandbox/slack/say", &archived).await.1.text.contains("#old-warehouse is archived"));
    let gone = [("ticket", ticket.as_str()), ("side_conversation", "gone"), ("message", "x"), ("state", "closed")];
    assert!(fill(&router, "/sandbox/zendesk/reply", &gone).await.1.text.contains("Not found"));
    assert!(fill(&router, "/sandbox/zendesk/state", &gone).await.1.text.contains("Not found"));
    let press = [("channel", SUPPORT), ("message_ts", "1.000000"), ("action_id", "x")];
    assert!(fill(&router, "/sandbox/slack/press", &press).await.1.text.contains("no longer there"));
}

#[tokio::test]
async fn a_person_works_with_the_forms_of_the_workspace() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let place = [("channel", SUPPORT), ("person", MARTA)];
    let typed =
        [&place[..], &[("text", "Hello @oisin, *see* <https://a.example|this>, mail a@marta.example")]].concat();
    let (location, page) = fill(&router, "/sandbox/slack/say", &typed).await;
    let root = location.rsplit_once("#m").map(|(_, ts)| ts.to_owned()).expect("a message");
    assert!(page.text.contains("Hello <span class=\"mention\">@Oisín</span>, <strong>see</strong>"));
    assert!(page.text.contains("mail a@marta.example"));
    let answer = [&place[..], &[("thread_ts", root.as_str()), ("text", "To myself")]].concat();
    fill(&router, "/sandbox/slack/say", &answer).await;
    assert_eq!(sandbox.slack.thread(SUPPORT, &root).len(), 2);

    let card = json!({"channel": SUPPORT, "text": "card", "thread_ts": root, "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "A <card>"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "<!date^1^{date}|yesterday> by *Marta*"}},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "small"}]},
        {"type": "divider"},
        {"type": "actions", "elements": [
            {"type": "button", "action_id": "done", "style": "primary", "text": {"type": "plain_text", "text": "Mark as done"}},
            {"type": "button", "action_id": "look", "url": "https://a.example/", "text": {"type": "plain_text", "text": "Look"}},
        ]},
    ]});
    let request = Request::post("/slack/api/chat.postMessage")
        .header(header::AUTHORIZATION, format!("Bearer {}", sandbox.credentials().slack_bot_token))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(card.to_string()))
        .expect("a request");
    let posted = send(&router, request).await.json();
    assert_eq!(posted["ok"], true, "{posted}");
    let ts = posted["ts"].as_str().expect("a ts");
    let page = get(&router, &format!("/?channel={SUPPORT}")).await.text;
    for shown in
        ["A &#60;card&#62;", "yesterday by <strong>Marta</strong>", ">Mark as done</button>", ">Look</a>", "<hr>"]
    {
        assert!(page.contains(shown), "{shown}");
    }
    sandbox.slack.take_due();
    let press = [&place[..], &[("message_ts", ts), ("action_id", "done")]].concat();
    fill(&router, "/sandbox/slack/press", &press).await;
    let parcels = sandbox.slack.take_due();
    assert_eq!(parcels.iter().map(|parcel| parcel.path.as_str()).collect::<Vec<_>>(), ["/slack/interactions"]);
}

#[tokio::test]
async fn the_answer_to_a_command_is_shown() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let place = [("channel", SUPPORT), ("person", MARTA), ("text", "help")];
    let (_, page) = fill(&router, "/sandbox/slack/command", &place).await;
    assert!(page.text.contains("No answer yet"));
    let parcels = sandbox.slack.take_due();
    assert_eq!(parcels.len(), 1);
    let body = json!({"response_type": "ephemeral", "text": "*Help* is here"}).to_string().into_bytes();
    sandbox.slack.settle(parcels[0].id, Receipt::Answered { status: 200, retry_after: None, body });
    let shown = get(&router, &format!("/?channel={SUPPORT}&person={MARTA}&command={}", parcels[0].id)).await.text;
    assert_eq!(shown.matches("<strong>Help</strong> is here").count(), 2, "in answer, and as only she sees it");
    let others = get(&router, &format!("/?channel={SUPPORT}&person=U0OISIN0001")).await.text;
    assert!(!others.contains("<strong>Help</strong>"));
}

#[tokio::test]
async fn what_people_write_stays_text() {
    const HOSTILE: &str = "\"><script>alert('x')</script><img src=x onerror=y>&lt;";
    let sandbox = sandbox();
    let router = sandbox.router();
    let customer = sandbox.zendesk.add_user(UserSpec {
        name: HOSTILE.into(),
        email: Some("h@hostile.example".into()),
        role: "end-user".into(),
        ..UserSpec::default()
    });
    let ticket = sandbox.zendesk.add_ticket(TicketSpec {
        subject: HOSTILE.into(),
        description: HOSTILE.into(),
        requester_id: customer,
        tags: vec![HOSTILE.into()],
        ..TicketSpec::default()
    });
    let agent = sandbox.world.agents[0].0;
    let side = sandbox.zendesk.desk_start(agent, ticket, &["h@hostile.example"], HOSTILE, HOSTILE).expect("started");
    sandbox.zendesk.reply(customer, &side, HOSTILE);
    let person = sandbox.slack.add_person(PersonSpec {
        name: HOSTILE.into(),
        real_name: HOSTILE.into(),
        display_name: HOSTILE.into(),
        ..PersonSpec::default()
    });
    let channel = sandbox.slack.add_channel(ChannelSpec {
        name: HOSTILE.into(),
        topic: HOSTILE.into(),
        members: vec![person.clone()],
        app_is_member: true,
        ..ChannelSpec::default()
    });
    let blocks = json!([
        {"type": HOSTILE}, {"type": "header", "text": {"type": "plain_text", "text": HOSTILE}},
        {"type": "section", "text": {"type": "mrkdwn", "text": HOSTILE}, "accessory": {
            "type": "button", "action_id": HOSTILE, "style": HOSTILE, "url": "javascript:alert(1)",
            "text": {"type": "plain_text", "text": HOSTILE}}},
        {"type": "context", "elements": [{"type": "image", "alt_text": HOSTILE}, {"type": "mrkdwn", "text": HOSTILE}]},
        {"type": "image", "alt_text": HOSTILE}, {"type": "markdown", "text": HOSTILE},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
            {"type": "text", "text": HOSTILE}, {"type": "link", "url": HOSTILE}, {"type": "emoji", "name": HOSTILE}]}]},
    ]);
    let file = json!({"name": HOSTILE});
    let say = Say { text: format!("<@{person}> {HOSTILE}"), blocks: Some(blocks), files: vec![file], ..Say::default() };
    let root = sandbox.slack.say_with(&person, &channel, say).expect("said");
    let linked = format!("{HOSTILE} <https://a.example/{HOSTILE}|{HOSTILE}> <javascript:alert(1)|x>");
    sandbox.slack.say(&person, &channel, Some(&root), &linked).expect("said");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("ticket", ticket.to_string().as_str()), ("channel", &channel), ("person", &person)])
        .finish();
    let page = get(&router, &format!("/?{query}")).await.text;
    assert!(page.matches("alert(").count() > 20, "{}", page.matches("alert(").count());
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
    for never in ["<script>", "<img", "\"javascript:", "'x')</", "\"><script"] {
        assert!(!page.contains(never), "{never}");
    }
    let echoed = get(&router, "/?ticket=%22%3E%3Cscript%3E&channel=%22%3E%3Cscript%3E&person=%3Cscript%3E").await.text;
    assert_eq!(echoed.matches("<script").count(), 1, "the page's own");
}

#[tokio::test]
async fn links_into_the_vendors_own_pages_lead_into_this_one() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let answer = get(&router, "/zendesk/agent/tickets/35436").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/?ticket=35436#desk"));
    let link = format!("<https://acme.slack.com/archives/{SUPPORT}/p1790000000000100|there>");
    sandbox.slack.say(MARTA, SUPPORT, None, &link).expect("said");
    let page = get(&router, &format!("/?channel={SUPPORT}&ticket=35436")).await.text;
    assert!(page.contains(&format!("href=\"/?channel={SUPPORT}&amp;person=")), "{page}");
    assert!(page.contains("#m1790000000.000100\">there</a>"));
}

#[tokio::test]
async fn an_agent_comments_sets_the_status_deletes_and_restores() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let ticket = first_ticket(&sandbox);
    let id = sandbox.world.tickets[0];
    let place = [("ticket", ticket.as_str())];
    let act = async |path: &str, more: &[(&str, &str)]| fill(&router, path, &[&place[..], more].concat()).await.1.text;
    let page = act("/sandbox/zendesk/comment", &[("message", "Só para nós"), ("state", "internal")]).await;
    assert!(page.contains("Só para nós"));
    let last = sandbox.zendesk.comments(id).pop().expect("a comment");
    assert_eq!((&last["public"], &last["author_id"]), (&json!(false), &json!(sandbox.world.agents[0].0)));
    act("/sandbox/zendesk/comment", &[("message", "For you"), ("state", "public")]).await;
    assert_eq!(sandbox.zendesk.comments(id).pop().expect("a comment")["public"], true);
    assert!(act("/sandbox/zendesk/comment", &[("message", " ")]).await.contains("the comment is empty"));
    assert!(act("/sandbox/zendesk/delete", &[]).await.contains(">Restore the ticket<"));
    assert!(sandbox.zendesk.is_deleted(id));
    assert!(act("/sandbox/zendesk/restore", &[]).await.contains(">Delete the ticket<"));
    act("/sandbox/zendesk/status", &[("state", "closed")]).await;
    assert_eq!(sandbox.zendesk.ticket(id).expect("a ticket")["status"], "closed");
    assert!(act("/sandbox/zendesk/status", &[("state", "open")]).await.contains("closed prevents ticket update"));
    assert!(act("/sandbox/zendesk/status", &[("state", "lost")]).await.contains("role=\"alert\""));
}

#[tokio::test]
async fn a_follow_up_and_what_it_follows_lead_to_each_other() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let (agent, ticket) = (sandbox.world.agents[0].0, sandbox.world.tickets[0]);
    let side = sandbox.zendesk.desk_start(agent, ticket, &["dispatch@else.example"], "s", "m").expect("started");
    sandbox.zendesk.desk_status(agent, ticket, "closed").expect("closed");
    sandbox.zendesk.reply_by_mail("dispatch@else.example", &side, "Here it is.");
    let follow_up = sandbox.zendesk.desk_list("", 0, 1).1[0]["id"].clone();
    let page = get(&router, &format!("/?ticket={ticket}")).await.text;
    assert!(page.contains("It is followed up by") && page.contains(&format!("ticket #{follow_up}</a>")), "{page}");
    let page = get(&router, &format!("/?ticket={follow_up}")).await.text;
    assert!(page.contains("It follows up") && page.contains(&format!("ticket #{ticket}</a>")));
}

#[tokio::test]
async fn a_person_edits_deletes_reacts_and_writes_to_the_channel_from_a_thread() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let place = [("channel", SUPPORT), ("person", MARTA), ("view", "slack")];
    let act = async |path: &str, more: &[(&str, &str)]| fill(&router, path, &[&place[..], more].concat()).await;
    let root = sandbox.slack.say(MARTA, SUPPORT, None, "root").expect("said");
    let (location, page) =
        act("/sandbox/slack/say", &[("thread_ts", &root), ("text", "in both <b>"), ("broadcast", "yes")]).await;
    assert!(page.text.contains("also sent to the channel"));
    let ts = location.rsplit_once("#m").map(|(_, ts)| ts.to_owned()).expect("a message");
    assert!(page.text.contains("in both &#60;b&#62;</textarea>"), "one's own can be edited");
    assert!(
        act("/sandbox/slack/edit", &[("message_ts", &ts), ("text", "in one")]).await.1.text.contains("edited</span>")
    );
    assert_eq!(sandbox.slack.message(SUPPORT, &ts).expect("a message")["text"], "in one");
    assert!(
        act("/sandbox/slack/edit", &[("message_ts", &ts), ("text", " ")]).await.1.text.contains("there is no text")
    );
    let what = format!("{ts} eyes");
    assert!(act("/sandbox/slack/react", &[("what", &what)]).await.1.text.contains("aria-pressed=\"true\""));
    assert!(!act("/sandbox/slack/react", &[("what", &what)]).await.1.text.contains("aria-pressed"), "taken back");
    let others = sandbox.slack.say("U0PRIYA0001", SUPPORT, None, "hers").expect("said");
    assert!(act("/sandbox/slack/delete", &[("what", &others)]).await.1.text.contains("did not write that message"));
    act("/sandbox/slack/delete", &[("what", &ts)]).await;
    assert!(sandbox.slack.message(SUPPORT, &ts).is_none());
}

#[tokio::test]
async fn direct_conversations_are_seen_by_those_in_them() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let place = [("channel", SUPPORT), ("person", MARTA), ("what", "U0PRIYA0001")];
    let (location, page) = fill(&router, "/sandbox/slack/direct", &place).await;
    assert!(page.text.contains("Write in Priya as Marta"), "{location}");
    let channel = location.split("channel=").nth(1).and_then(|rest| rest.split('&').next()).expect("a channel");
    assert!(channel.starts_with('D'));
    let said = [("channel", channel), ("person", MARTA), ("text", "Between us")];
    assert!(fill(&router, "/sandbox/slack/say", &said).await.1.text.contains("Between us"));
    let hers = get(&router, &format!("/?person=U0PRIYA0001&channel={channel}")).await.text;
    assert!(hers.contains("Between us") && hers.contains("Write in Marta as Priya"));
    let others = get(&router, "/?person=U0OISIN0001").await.text;
    assert!(!others.contains(">direct<"));
}

#[tokio::test]
async fn long_lists_have_pages_and_can_be_searched() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let requester = sandbox.zendesk.add_user(UserSpec { name: "Many Tickets".into(), ..UserSpec::default() });
    for at in 0..10_000 {
        let subject = format!("Number {at} of many");
        sandbox.zendesk.add_ticket(TicketSpec { subject, requester_id: requester, ..TicketSpec::default() });
    }
    for at in 0..1_000 {
        let root = sandbox.slack.say(MARTA, SUPPORT, None, &format!("thread {at}")).expect("said");
        sandbox.slack.say(MARTA, SUPPORT, Some(&root), "answer").expect("said");
    }
    let begun = std::time::Instant::now();
    let page = get(&router, "/").await.text;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}, without optimisation");
    assert!(page.len() < 250_000, "{} bytes", page.len());
    assert!(page.contains("10012 tickets") && page.contains("Page 1 of 401"));
    assert_eq!(page.matches("class=\"subject\">Number").count(), 25);
    assert!(page.contains("thread 999") && !page.contains("thread 950<"), "the latest threads");
    let page = get(&router, "/?page=401").await.text;
    assert!(page.contains("Page 401 of 401") && !page.contains("Later page"));
    assert!(get(&router, "/?page=4000").await.text.contains("Page 1 of 401"));
    let page = get(&router, "/?find=number+4711+").await.text;
    assert!(page.contains("1 ticket with") && page.contains("Number 4711 of many"));
    assert!(get(&router, "/?find=%2335436").await.text.contains("1 ticket with"));
    assert!(get(&router, "/?find=many+tickets").await.text.contains("10000 tickets with"));
}

#[tokio::test]
async fn faults_are_switched_from_the_page() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let page = get(&router, "/?panel=faults").await.text;
    assert_eq!(page.matches("class=\"fault\"").count(), 16);
    let panel = ("panel", "faults");
    let on = [
        panel,
        ("fault", "latency"),
        ("call", "slack chat.postMessage"),
        ("value", "50"),
        ("times", "2"),
        ("percent", ""),
    ];
    let (location, page) = fill(&router, "/sandbox/faults/on", &on).await;
    assert!(location.ends_with("#fault-latency") && location.contains("panel=faults"), "{location}");
    assert!(page.text.contains("Slack: chat.postMessage, 50 milliseconds, 2 more times"), "{}", page.text);
    assert_eq!(sandbox.slack.faults().list().len(), 1);
    fill(&router, "/sandbox/faults/on", &[panel, ("fault", "feed_late"), ("call", "*"), ("value", "9")]).await;
    fill(&router, "/sandbox/faults/on", &[panel, ("fault", "html"), ("call", "*")]).await;
    assert_eq!((sandbox.slack.faults().list().len(), sandbox.zendesk.faults().list().len()), (2, 2));
    fill(&router, "/sandbox/faults/off", &[panel, ("what", "html")]).await;
    assert_eq!((sandbox.slack.faults().list().len(), sandbox.zendesk.faults().list().len()), (1, 1));
    for (wrong, why) in [
        (vec![("value", "0")], "from 1 to 600000"),
        (vec![("value", "x")], "no whole number"),
        (vec![("value", "5"), ("call", "slack x")], "is unknown"),
    ] {
        let fields = [&[panel, ("fault", "latency")], &wrong[..]].concat();
        assert!(fill(&router, "/sandbox/faults/on", &fields).await.1.text.contains(why), "{why}");
    }
    fill(&router, "/sandbox/faults/off", &[panel, ("what", "*")]).await;
    assert!(sandbox.slack.faults().list().is_empty() && sandbox.zendesk.faults().list().is_empty());
}

#[tokio::test]
async fn the_tour_is_closed_for_good() {
    let router = sandbox().router();
    assert!(get(&router, "/").await.text.contains("1 of 6"));
    for step in 1..=6 {
        assert!(get(&router, &format!("/?tour={step}")).await.text.contains(&format!("{step} of 6")));
    }
    let body = "ticket=35436&tour=3";
    let request =
        Request::post("/sandbox/tour/close").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = send(&router, request.body(Body::from(body)).expect("a request")).await;
    assert!(answer.header("location").contains("ticket=35436") && !answer.header("location").contains("tour"));
    let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let page = |path: &'static str| Request::get(path).header("cookie", format!("a=b; {cookie}")).body(Body::empty());
    assert!(!send(&router, page("/").expect("a request")).await.text.contains("of 6"));
    assert!(
        send(&router, page("/?tour=2").expect("a request")).await.text.contains("2 of 6"),
        "unless it is asked for"
    );
}

#[tokio::test]
async fn windows_are_told_of_what_changes_and_of_nothing_else() {
    use futures_util::StreamExt;
    let sandbox = sandbox();
    let router = sandbox.router();
    let request = Request::get("/sandbox/live").body(Body::empty()).expect("a request");
    let mut stream = router.clone().oneshot(request).await.expect("an answer").into_body().into_data_stream();
    let mut told = async || {
        let next = tokio::time::timeout(Duration::from_millis(1_500), stream.next()).await;
        next.ok().map(|bytes| String::from_utf8_lossy(&bytes.expect("it goes on").expect("bytes")).into_owned())
    };
    let look = async || get(&router, "/?ticket=35436&channel=C0SUPPORT01&panel=faults").await;
    look().await;
    assert_eq!(told().await, None, "looking changes nothing");
    sandbox.slack.say(MARTA, SUPPORT, None, "hello").expect("said");
    assert!(told().await.is_some_and(|told| told.contains("event: changed") && !told.contains("hello")));
    sandbox.zendesk.desk_status(sandbox.world.agents[0].0, sandbox.world.tickets[0], "pending").expect("set");
    assert!(told().await.is_some());
    switch(&router, &json!([{"vendor": "slack", "call": "*", "fault": "html"}]).to_string()).await;
    assert!(told().await.is_some());
    look().await;
    assert_eq!(told().await, None);
}

fn guarded(listen: &str, others: bool) -> Router {
    guard::layer(sandbox().router(), listen.parse().expect("an address"), others)
}

async fn knock(router: &Router, method: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::builder().method(method).uri("/sandbox/faults");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(router, request.body(Body::from("[]")).expect("a request")).await.status.as_u16()
}

#[tokio::test]
async fn the_guard_keeps_other_pages_out() {
    let router = guarded("127.0.0.1:8080", false);
    for host in [HOST, "localhost:8080", "LOCALHOST:8080", "[::1]:8080"] {
        assert_eq!(knock(&router, "GET", &[("host", host)]).await, 200, "{host}");
    }
    for host in
        ["evil.example:8080", "127.0.0.1", "localhost:8081", "localhost:8080.evil.example", "", "127.0.0.1:80800"]
    {
        assert_eq!(knock(&router, "GET", &[("host", host)]).await, 421, "{host}");
    }
    assert_eq!(knock(&router, "GET", &[]).await, 421);
    assert_eq!(knock(&router, "GET", &[("host", HOST), ("host", "evil.example")]).await, 421);

    let post = |headers: Vec<(&'static str, &'static str)>| {
        let router = router.clone();
        async move { knock(&router, "POST", &[&[("host", HOST)], &headers[..]].concat()).await }
    };
    assert_eq!(post(vec![]).await, 200, "curl");
    assert_eq!(post(vec![("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")]).await, 200);
    for origin in ["http://evil.example", "null", "http://localhost:8080", "http://127.0.0.1:8081", "", "file://"] {
        assert_eq!(post(vec![("origin", origin)]).await, 403, "{origin}");
    }
    for site in ["cross-site", "same-site", "Same-Origin?"] {
        assert_eq!(post(vec![("sec-fetch-site", site)]).await, 403, "{site}");
    }
    for method in ["DELETE", "PUT", "PATCH"] {
        assert_eq!(knock(&router, method, &[("host", HOST), ("origin", "http://evil.example")]).await, 403);
    }
    let reading = [("host", HOST), ("sec-fetch-site", "cross-site")];
    assert_eq!(knock(&router, "GET", &reading).await, 200, "a link to the page may be followed");

    let open = guarded("0.0.0.0:8080", true);
    assert_eq!(knock(&open, "POST", &[("host", "demo.example")]).await, 200);
    assert_eq!(knock(&open, "POST", &[("host", "demo.example"), ("origin", "https://demo.example")]).await, 200);
    assert_eq!(knock(&open, "POST", &[("host", "demo.example"), ("origin", "https://evil.example")]).await, 403);
    let at_80 = guarded("127.0.0.1:80", false);
    assert_eq!(knock(&at_80, "GET", &[("host", "localhost")]).await, 200);
}

async fn switch(router: &Router, faults: &str) -> (u16, Value) {
    let request = Request::post("/sandbox/faults").body(Body::from(faults.to_owned())).expect("a request");
    let answer = send(router, request).await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn faults_are_switched_on_shown_and_taken_away() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let shown = get(&router, "/sandbox/faults").await.json();
    assert_eq!(shown["rules"], json!([]));
    for example in shown["help"]["examples"].as_array().expect("examples") {
        assert_eq!(switch(&router, &json!([example]).to_string()).await.0, 200, "{example}");
    }
    let (_, now) = switch(&router, "[]").await;
    assert_eq!(now["rules"].as_array().map(Vec::len), Some(4));
    assert_eq!(now["rules"][0]["vendor"], "slack");
    assert!(get(&router, "/").await.text.contains("4 on</span>"));
    let request = Request::post("/slack/api/chat.postMessage").body(Body::empty()).expect("a request");
    assert_eq!(send(&router, request).await.status, StatusCode::TOO_MANY_REQUESTS);
    let request = Request::delete("/sandbox/faults").body(Body::empty()).expect("a request");
    assert_eq!(send(&router, request).await.json()["rules"], json!([]));
    assert!(sandbox.slack.faults().list().is_empty() && sandbox.zendesk.faults().list().is_empty());
    for kind in shown["help"]["faults"].as_array().expect("kinds") {
        let call = if kind["fault"] == "feed_late" { "GET side_conversations/events" } else { "*" };
        let mut entry = json!({"vendor": "zendesk", "call": call, "fault": kind["fault"]});
        if let Some(parameter) = kind["parameter"]["name"].as_str() {
            entry[parameter] = kind["parameter"]["from"].clone();
        }
        assert_eq!(switch(&router, &json!([entry]).to_string()).await.0, 200, "{entry}");
    }
}

#[tokio::test]
async fn a_fault_strikes_by_chance_as_often_as_it_says_and_a_seed_decides() {
    let struck = async || {
        let router = sandbox().router();
        let rule = json!([{"vendor": "zendesk", "call": "*", "fault": "status", "status": 500, "percent": 5}]);
        assert_eq!(switch(&router, &rule.to_string()).await.0, 200);
        let mut struck = Vec::new();
        for at in 0..2_000 {
            if get(&router, "/zendesk/api/v2/users/me.json").await.status == StatusCode::INTERNAL_SERVER_ERROR {
                struck.push(at);
            }
        }
        struck
    };
    let first = struck().await;
    assert!((60..140).contains(&first.len()), "{} of 2,000", first.len());
    assert_eq!(first, struck().await);
}

#[tokio::test]
async fn nonsensical_faults_are_refused_and_change_nothing() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let good = json!({"vendor": "slack", "call": "*", "fault": "html"});
    for (entry, names) in [
        (json!({"vendor": "slack", "call": "*", "fault": "html", "tiems": 3}), "\"tiems\""),
        (json!({"vendor": "slack", "call": "*", "fault": "html", "ms": 3}), "\"ms\""),
        (json!({"vendor": "teams", "call": "*", "fault": "html"}), "\"vendor\""),
        (json!({"call": "*", "fault": "html"}), "\"vendor\""),
        (json!({"vendor": "slack", "call": "chat.postmessage", "fault": "html"}), "\"call\""),
        (json!({"vendor": "slack", "call": "POST …/reply", "fault": "html"}), "\"call\""),
        (json!({"vendor": "slack", "fault": "html"}), "\"call\""),
        (json!({"vendor": "slack", "call": "*", "fault": "explode"}), "\"fault\""),
        (json!({"vendor": "slack", "call": "*", "fault": "status", "status": 200}), "\"status\""),
        (json!({"vendor": "slack", "call": "*", "fault": "status"}), "\"status\""),
        (json!({"vendor": "slack", "call": "*", "fault": "latency", "ms": -1}), "\"ms\""),
        (json!({"vendor": "slack", "call": "*", "fault": "latency", "ms": "9"}), "\"ms\""),
        (json!({"vendor": "slack", "call": "*", "fault": "html", "times": 0}), "\"times\""),
        (json!({"vendor": "slack", "call": "*", "fault": "html", "percent": 101}), "\"percent\""),
        (json!({"vendor": "slack", "call": "*", "fault": "html", "percent": 0}), "\"percent\""),
        (json!({"vendor": "slack", "call": "events", "fault": "html"}), "\"call\""),
        (json!({"vendor": "slack", "call": "chat.update", "fault": "events_twice"}), "\"call\""),
        (json!({"vendor": "zendesk", "call": "POST …/reply", "fault": "reads_lag", "secs": 3}), "\"call\""),
        (json!({"vendor": "slack", "call": "*", "fault": "feed_late", "secs": 3}), "\"call\""),
        (json!({"vendor": "zendesk", "call": "events", "fault": "feed_late", "secs": 3}), "\"call\""),
        (json!({"vendor": "slack", "call": "*", "fault": "rate_limited_plain"}), "\"retry_after\""),
        (json!("html"), "object"),
    ] {
        let (status, answer) = switch(&router, &json!([good, entry]).to_string()).await;
        let why = answer["error"].as_str().unwrap_or_default();
        assert_eq!(status, 400, "{entry}");
        assert!(why.contains("entry 1") && why.contains(names), "{entry}: {why}");
    }
    for nonsense in ["", "{}", "[", "\"x\""] {
        assert_eq!(switch(&router, nonsense).await.0, 400, "{nonsense}");
    }
    assert!(sandbox.slack.faults().list().is_empty());
    let many: Vec<Value> = std::iter::repeat_n(good, 201).collect();
    assert_eq!(switch(&router, &json!(many).to_string()).await.0, 400);
}

#[tokio::test]
async fn the_introduction_holds_what_one_needs() {
    let sandbox = sandbox();
    let said = sandbox.introduction();
    let credentials = sandbox.credentials();
    for person in &sandbox.world.people {
        let token = sandbox.slack.token_of(&person.id).expect("a token");
        assert!(said.contains(&token) && said.contains(&person.name), "{}", person.name);
    }
    for needed in [
        &credentials.slack_bot_token,
        &credentials.zendesk_client_secret,
        &credentials.channel_domain,
        "http://127.0.0.1:8080/ ",
        "slack_sdk",
        "base_url=\"http://127.0.0.1:8080/slack/api/\"",
        "chat.postMessage",
        "/zendesk/api/v2/tickets/35436/side_conversations",
        "\"state\":\"closed\"",
    ] {
        assert!(said.contains(needed), "{needed}");
    }
    assert!(!said.contains("&#") && !said.contains("&quot;"), "nothing is escaped for HTML");
}

#[tokio::test]
async fn secrets_are_new_each_time_and_a_seed_gives_the_same_firm() {
    let now: Now = Arc::new(|| START);
    let (one, other) = (Sandbox::new("http://x", now.clone(), 7), Sandbox::new("http://x", now, 7));
    assert_ne!(one.credentials().slack_signing_secret, other.credentials().slack_signing_secret);
    assert_ne!(one.credentials().zendesk_webhook_secret, other.credentials().zendesk_webhook_secret);
    let (one, other) = (sandbox(), sandbox());
    assert_eq!(one.introduction(), other.introduction());
    assert_eq!(one.zendesk.tickets(), other.zendesk.tickets());
    assert_eq!(one.slack.messages(SUPPORT), other.slack.messages(SUPPORT));
}

#[derive(Default)]
struct Bridge {
    carried: Mutex<Vec<String>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    fails: AtomicUsize,
}

#[async_trait]
impl Carry for Bridge {
    async fn carry(&self, parcel: &Parcel) -> Receipt {
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(30)).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        if self.fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Receipt::Failed;
        }
        self.carried.lock().expect("a lock").push(parcel.path.clone());
        Receipt::Answered { status: 200, retry_after: None, body: Vec::new() }
    }
}

#[tokio::test]
async fn the_carrier_brings_everything_side_by_side_and_stops() {
    let clock = Arc::new(AtomicI64::new(START));
    let hands = clock.clone();
    let now: Now = Arc::new(move || hands.load(Ordering::SeqCst));
    let sandbox = Sandbox::with_credentials("http://x", now.clone(), 7, Credentials::of_seed(7));
    let senders: Vec<Arc<dyn Sender>> = vec![Arc::new(sandbox.slack.clone()), Arc::new(sandbox.zendesk.clone())];
    let bridge = Arc::new(Bridge::default());
    bridge.fails.store(1, Ordering::SeqCst);
    let stop = CancellationToken::new();
    let running = tokio::spawn(carrier::run(senders.clone(), bridge.clone(), now, stop.clone()));
    for _ in 0..10 {
        sandbox.slack.say(MARTA, SUPPORT, None, "hello").expect("said");
    }
    let agent = sandbox.world.agents[0].0;
    sandbox.zendesk.desk_start(agent, sandbox.world.tickets[0], &["a@b.example"], "s", "m").expect("started");
    for _ in 0..200 {
        if bridge.carried.lock().expect("a lock").len() == 11 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let carried = bridge.carried.lock().expect("a lock").clone();
    assert_eq!(carried.iter().filter(|path| *path == "/slack/events").count(), 10);
    assert_eq!(carried.iter().filter(|path| *path == "/zendesk/webhook").count(), 1);
    assert!(bridge.most_at_once.load(Ordering::SeqCst) > 1);
    assert_eq!((sandbox.slack.counters().retried, sandbox.slack.pending()), (1, 0));
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(1), running).await.expect("stops").expect("no panic");

    sandbox.slack.say(MARTA, SUPPORT, None, "later").expect("said");
    assert_eq!(carrier::carry_once(&senders, &*bridge).await, 1);
    assert_eq!(carrier::carry_once(&senders, &*bridge).await, 0);
}

/// Serves the page for a while, to be looked at: `cargo test --test sandbox -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "for looking at the page"]
async fn serve_for_a_while() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let listen = listener.local_addr().expect("an address");
    let now: Now = Arc::new(|| jiff::Timestamp::now().as_millisecond());
    let sandbox = Sandbox::new(&format!("http://{listen}"), now, 7);
    println!("{}", sandbox.introduction());
    let router = guard::layer(sandbox.router(), listen, false);
    let serving = axum::serve(listener, router).into_future();
    let _ = tokio::time::timeout(Duration::from_secs(1800), serving).await;
}

#[tokio::test]
async fn time_passes_for_what_waits_for_it() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let solved = |sandbox: &Sandbox| {
        let tickets = sandbox.zendesk.tickets();
        let of =
            tickets.iter().filter(|ticket| ticket["status"] == "solved").filter_map(|ticket| ticket["id"].as_i64());
        of.collect::<Vec<i64>>()
    };
    let ticket = sandbox.world.tickets[0];
    let solve = TicketChange { status: Some("solved".into()), ..TicketChange::default() };
    assert!(sandbox.zendesk.set_ticket(ticket, solve));
    let form = "grant_type=client_credentials&client_id=sidethread_sandbox&client_secret=";
    let request = Request::post("/zendesk/oauth/tokens")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("{form}{}", sandbox.credentials().zendesk_client_secret)))
        .expect("a request");
    let token = send(&router, request).await.json()["access_token"].as_str().expect("a token").to_owned();
    let me = async || {
        let request = Request::get(format!("/zendesk/api/v2/tickets/{ticket}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty())
            .expect("a request");
        send(&router, request).await.status
    };
    assert_eq!(me().await, StatusCode::OK);
    let forward = async |body: Value| {
        let request = Request::post("/sandbox/clock").body(Body::from(body.to_string())).expect("a request");
        let answer = send(&router, request).await;
        (answer.status.as_u16(), answer.json())
    };
    let (status, told) = forward(json!({"forward": "95h"})).await;
    assert_eq!(status, 200, "{told}");
    assert!(solved(&sandbox).contains(&ticket), "not yet four days");
    assert_eq!(me().await, StatusCode::UNAUTHORIZED, "its token has ended");
    let (_, told) = forward(json!({"forward": "1h"})).await;
    assert_eq!(told["closed"], json!([{"ticket": ticket, "status": "closed"}]));
    assert_eq!(solved(&sandbox), Vec::<i64>::new());
    assert_eq!(sandbox.zendesk.ticket(ticket).expect("a ticket")["updated_at"], "2026-09-21T14:13:20Z");
    for (nonsense, names) in [
        (json!({"forward": "4"}), "4"),
        (json!({"forward": "-4d"}), "-4d"),
        (json!({"forward": "401d"}), "401d"),
        (json!({"forward": "é"}), "é"),
        (json!({"backward": "1d"}), "backward"),
        (json!([]), "forward"),
    ] {
        let (status, told) = forward(nonsense).await;
        assert!(status == 400 && told["error"].as_str().is_some_and(|why| why.contains(names)), "{told}");
    }
}

#[tokio::test]
async fn the_limits_are_kept_dropped_or_scaled() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let set = async |body: Value| {
        let request = Request::post("/sandbox/limits").body(Body::from(body.to_string())).expect("a request");
        let answer = send(&router, request).await;
        (answer.status.as_u16(), answer.json())
    };
    let bot = format!("Bearer {}", sandbox.credentials().slack_bot_token);
    let refused = async || {
        for call in 0..40 {
            let request = Request::get("/slack/api/users.list").header(header::AUTHORIZATION, &bot);
            let answer = send(&router, request.body(Body::empty()).expect("a request")).await;
            if answer.status == StatusCode::TOO_MANY_REQUESTS {
                return Some(call);
            }
        }
        None
    };
    assert_eq!(refused().await, Some(20), "tier 2");
    assert_eq!(set(json!({"limits": "off"})).await.0, 200);
    assert_eq!(refused().await, None);
    let (_, told) = set(json!({"limits": "scaled", "percent": 10, "vendor": "slack"})).await;
    assert_eq!(told["now"], json!({"slack": {"limits": "scaled", "percent": 10}, "zendesk": {"limits": "off"}}));
    assert_eq!(refused().await, Some(2));
    let agent = sandbox.world.agents[0].0;
    let token = format!("Bearer {}", sandbox.zendesk.token_of(agent).expect("a token"));
    assert_eq!(set(json!({"limits": "scaled", "percent": 1, "vendor": "zendesk"})).await.0, 200);
    for expected in [200, 200, 200, 200, 200, 200, 200, 429] {
        let request = Request::get("/zendesk/api/v2/groups").header(header::AUTHORIZATION, &token);
        let answer = send(&router, request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status.as_u16(), expected);
        if expected == 200 {
            assert_eq!(answer.header("ratelimit-limit"), "7");
        }
    }
    assert_eq!(set(json!({"limits": "documented"})).await.0, 200);
    assert_eq!(refused().await, Some(20));
    for nonsense in [
        json!({"limits": "none"}),
        json!({"limits": "off", "percent": 3}),
        json!({"limits": "scaled"}),
        json!({"limits": "scaled", "percent": 0}),
        json!({"limits": "off", "vendor": "x"}),
        json!({"limit": "off"}),
    ] {
        assert_eq!(set(nonsense.clone()).await.0, 400, "{nonsense}");
    }
}

#[tokio::test]
async fn a_big_firm_has_its_stories_and_many_tickets_before_them() {
    let now: Now = Arc::new(|| START);
    let furnished = |tickets: usize| {
        let furnishing = Furnishing { past: true, more_tickets: tickets };
        Sandbox::furnished("http://x", now.clone(), 7, Credentials::of_seed(7), furnishing)
    };
    let big = furnished(200);
    assert_eq!(big.world.tickets.len(), 212);
    assert_eq!((big.world.tickets[0], big.world.tickets[12], big.world.tickets[211]), (35436, 35236, 35435));
    assert_eq!(big.zendesk.tickets(), furnished(200).zendesk.tickets(), "by seed");
    assert!(big.slack.take_due().is_empty() && big.zendesk.take_due().is_empty());
    let times: Vec<String> =
        big.zendesk.tickets().iter().map(|ticket| ticket["created_at"].as_str().expect("a time").to_owned()).collect();
    assert!(times[..200].is_sorted());
    let sides = big.world.tickets.iter().flat_map(|ticket| big.zendesk.side_conversations(*ticket)).count();
    assert!(sides >= 20, "{sides}");
}

#[tokio::test]
async fn what_is_kept_is_read_again_as_it_was() {
    let now: Now = Arc::new(|| START);
    let sandbox = sandbox();
    let agent = sandbox.world.agents[0].0;
    let ticket = sandbox.world.tickets[0];
    sandbox.slack.say(MARTA, SUPPORT, None, "hello").expect("said");
    let file = sandbox.zendesk.add_file("a.png", "image/png", b"\x89PNG");
    let side = sandbox.zendesk.desk_start(agent, ticket, &["a@b.example"], "s", "m").expect("started");
    sandbox.zendesk.reply_with(agent, &side, "<p>see</p>", &[&file]);
    sandbox.zendesk.faults().add(serde_json::from_value(json!({"call": "*", "fault": "html"})).expect("a rule"));
    assert!(sandbox.take_touched() && !sandbox.take_touched());
    let kept = sandbox.keep().expect("kept");
    let again = Sandbox::restored(&format!("http://{HOST}"), now.clone(), 8, &kept).expect("read");
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert!(read(&again.keep().expect("kept")) == read(&kept), "something is not kept");
    assert_eq!(again.introduction(), sandbox.introduction());
    assert_eq!(again.zendesk.tickets(), sandbox.zendesk.tickets());
    assert_eq!(again.zendesk.events(&side), sandbox.zendesk.events(&side));
    assert_eq!(again.slack.messages(SUPPORT), sandbox.slack.messages(SUPPORT));
    assert_eq!(again.zendesk.faults().list(), sandbox.zendesk.faults().list());
    // What was on its way when it was written down is sent.
    assert_eq!(again.slack.take_due(), sandbox.slack.take_due());
    assert_eq!(again.zendesk.take_due(), sandbox.zendesk.take_due());
    assert_eq!(again.slack.say(MARTA, SUPPORT, None, "more"), sandbox.slack.say(MARTA, SUPPORT, None, "more"));
    let other = kept.replacen("\"version\":1", "\"version\":9", 1);
    let why = Sandbox::restored("http://x", now, 8, &other).err().expect("refused").to_string();
    assert!(why.contains("version 9"), "{why}");
}
