//! What the forms of the page do.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;
use sidethread_sandbox::post::{Now, Receipt, Sender};
use sidethread_sandbox::{Credentials, Furnishing, Sandbox};

use super::{HOST, MARTA, START, SUPPORT, fill, first_ticket, get, sandbox, send};

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
async fn a_firm_without_tickets_gets_them_on_the_page() {
    let now: Now = Arc::new(|| START);
    let nothing = Furnishing { past: false, more_tickets: 0 };
    let sandbox = Sandbox::furnished(&format!("http://{HOST}"), now, 7, Credentials::of_seed(7), nothing);
    let router = sandbox.router();
    let page = get(&router, "/?tour=2").await.text;
    assert!(page.contains("id=\"new-ticket\" open") && page.contains("Make a ticket at the desk"), "{page}");
    let (_, page) = fill(&router, "/sandbox/morning", &[("what", "play")]).await;
    assert!(page.text.contains("There is no ticket yet") && !page.text.contains("id=\"morning\""), "{}", page.text);
    let ticket = [("requester", "Ida <i>"), ("subject", "Where is it?"), ("message", "My parcel & me")];
    let (location, page) = fill(&router, "/sandbox/zendesk/ticket", &ticket).await;
    let [id] =
        sandbox.zendesk.desk_list("", 0, 9).1.iter().filter_map(|one| one["id"].as_i64()).collect::<Vec<_>>()[..]
    else {
        panic!("one ticket");
    };
    assert!(location.contains(&format!("ticket={id}")) && page.text.contains("My parcel &amp; me"), "{location}");
    assert!(page.text.contains("Ida &#60;i&#62;") || page.text.contains("Ida &lt;i&gt;"), "{}", page.text);
    let (_, page) = fill(&router, "/sandbox/zendesk/ticket", &[("requester", "ida <i>"), ("subject", "x")]).await;
    assert!(page.text.contains("a ticket says who asks"), "{}", page.text);
    fill(&router, "/sandbox/zendesk/ticket", &[("requester", "ida <i>"), ("subject", "x"), ("message", "y")]).await;
    let users = sandbox.zendesk.users();
    assert_eq!(users.iter().filter(|user| user["name"] == "Ida <i>").count(), 1, "she is known by then");
    assert!(!get(&router, "/?tour=2").await.text.contains("Make a ticket at the desk"));
    let (_, page) = fill(&router, "/sandbox/morning", &[("what", "play"), ("pause_ms", "1")]).await;
    assert!(!page.text.contains("There is no ticket yet"));
    assert!(!sandbox.zendesk.side_conversations(id).is_empty(), "it asks about the tickets that there are");
}

#[tokio::test]
async fn a_refusal_is_shown_once_and_what_is_not_there_is_said() {
    let router = sandbox().router();
    let (location, page) = fill(&router, "/sandbox/zendesk/status", &[("state", "open")]).await;
    assert!(page.text.contains("Choose a ticket first."));
    assert!(!get(&router, &location).await.text.contains("Choose a ticket first."), "no other window shows it");
    let page = get(&router, "/?ticket=999999").await.text;
    assert!(page.contains("There is no ticket #999999 here"), "{page}");
    let page = get(&router, "/tickets").await;
    assert_eq!(page.status, axum::http::StatusCode::NOT_FOUND);
    assert!(
        page.text.contains("There is nothing at this address") && page.text.contains("href=\"/\""),
        "{}",
        page.text
    );
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
}

#[tokio::test]
async fn a_ticket_on_hold_shows_so() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let ticket = first_ticket(&sandbox);
    let hold = [("ticket", ticket.as_str()), ("state", "hold")];
    let (_, page) = fill(&router, "/sandbox/zendesk/status", &hold).await;
    assert!(page.text.contains("<option value=\"hold\" selected>"), "{}", page.text);
}
