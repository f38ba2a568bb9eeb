//! What the page shows, and may load.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use sidethread_sandbox::post::Now;
use sidethread_sandbox::slack::{ChannelSpec, PersonSpec, Say};
use sidethread_sandbox::zendesk::{TicketSpec, UserSpec};
use sidethread_sandbox::{Sandbox, guard};
use tower::ServiceExt;

use super::{MARTA, SUPPORT, get, sandbox, send, switch};

#[tokio::test]
async fn every_ticket_and_channel_is_shown() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let page = get(&router, "/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text.contains("are played here, the bridge between is real"));
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
    assert_eq!(
        told().await.as_deref(),
        Some("event: changed\ndata: bridge,slack\n\n"),
        "what waits for the bridge is there too"
    );
    sandbox.zendesk.desk_status(sandbox.world.agents[0].0, sandbox.world.tickets[0], "pending").expect("set");
    assert_eq!(told().await.as_deref(), Some("event: changed\ndata: desk,bridge\n\n"));
    switch(&router, &json!([{"vendor": "slack", "call": "*", "fault": "html"}]).to_string()).await;
    assert_eq!(told().await.as_deref(), Some("event: changed\ndata: bar,bridge\n\n"));
    look().await;
    assert_eq!(told().await, None);
}

/// Serves the page for a while, to be looked at: `cargo test --test fakes for_a_while -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "for looking at the page"]
async fn serve_for_a_while() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let listen = listener.local_addr().expect("an address");
    let now: Now = Arc::new(|| jiff::Timestamp::now().as_millisecond());
    let sandbox = Sandbox::new(&format!("http://{listen}"), now, 7);
    println!("{}", sandbox.introduction());
    let router = guard::layer(sandbox.router(), listen, &[]);
    let serving = axum::serve(listener, router).into_future();
    let _ = tokio::time::timeout(Duration::from_secs(1800), serving).await;
}

#[tokio::test]
async fn a_long_thread_shows_its_latest_answers_and_all_of_them_to_who_asks() {
    let sandbox = sandbox();
    let router = sandbox.router();
    let root = sandbox.slack.say(MARTA, SUPPORT, None, "Who counts along?").expect("a message");
    for at in 1..=75 {
        sandbox.slack.say(MARTA, SUPPORT, Some(&root), &format!("This is answer {at}.")).expect("an answer");
    }
    let place = format!("/?channel={SUPPORT}&person={MARTA}");
    let page = get(&router, &place).await.text;
    assert!(page.contains("15 earlier answers are not shown") && !page.contains("This is answer 15."));
    assert!(page.contains("This is answer 16.") && page.contains("This is answer 75."));
    let page = page.replace("&#38;", "&");
    let link = page.split("Show all answers").next().and_then(|before| before.rsplit("href=\"").next());
    let link = link.and_then(|rest| rest.split(['#', '"']).next()).expect("a link");
    let whole = get(&router, link).await.text;
    assert!(whole.contains("This is answer 1.") && whole.contains("This is answer 75."), "{link}");
    assert!(!whole.contains("are not shown"));
    let nonsense = get(&router, &format!("{place}&whole=1.5")).await.text;
    assert!(nonsense.contains("15 earlier answers are not shown"));
}
