//! The page over much: how fast it opens, how much it is, how long a window takes to show what happened.

use std::time::{Duration, Instant};

use crate::stage::{Browser, LAST_THREAD, Stage, TURN, Window};

/// How often each figure is taken; the middle one counts.
const TIMES: usize = 9;
/// Channels that a question is sent to, one after the other.
const CHANNELS: [&str; 4] = ["support-engineering", "logistics", "billing", "oncall"];

/// How many questions are under way at a time while the threads are made.
const AT_A_TIME: usize = 20;

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Milliseconds until the server had answered all of it, and its bytes.
async fn asked(client: &reqwest::Client, address: &str) -> (f64, usize) {
    let mut figures = Vec::new();
    let mut bytes = 0;
    for _ in 0..TIMES {
        let begun = Instant::now();
        let answer = client.get(address).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{address}: {}", answer.status());
        bytes = answer.bytes().await.expect("a body").len();
        figures.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    (middle(figures), bytes)
}

/// Milliseconds from the request to the first paint, and until all of the page is there.
async fn painted(browser: &Browser, path: &str) -> (f64, f64) {
    let (mut figures, mut wholes) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        browser.go(path).await;
        let at = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null";
        let mut paint = browser.script(at).await;
        while paint.is_null() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            paint = browser.script(at).await;
        }
        figures.push(paint.as_f64().expect("a time"));
        let whole = "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd";
        wholes.push(browser.script(whole).await.as_f64().expect("a time"));
    }
    (middle(figures), middle(wholes))
}

/// From a message in Slack to its being drawn in a window, and the longest time that the window did nothing else.
async fn drawn(browser: &Browser) -> (f64, f64) {
    let watch = "window.busy = [0]; new PerformanceObserver((list) => { for (const one of list.getEntries()) \
                 window.busy.push(one.duration); }).observe({ type: 'longtask' });\
                 window.drawn = {}; new MutationObserver(() => { for (const one of \
                 document.querySelectorAll('#slack .thread:last-of-type .said')) \
                 window.drawn[one.textContent.trim()] ??= performance.now(); })\
                 .observe(document.querySelector('#slack'), { subtree: true, childList: true, characterData: true });";
    browser.script(watch).await;
    let mut figures = Vec::new();
    for at in 0..TIMES {
        let words = format!("Update {at} of {TIMES}");
        let say = format!(
            "const fields = new URLSearchParams(location.search); fields.set('text', '{words}'); \
             window.said = performance.now(); fetch('/sandbox/slack/say', {{ method: 'POST', body: fields, \
             redirect: 'manual' }});"
        );
        browser.script(&say).await;
        browser.sees(LAST_THREAD, &words).await;
        let took = browser.script(&format!("return window.drawn['{words}'] - window.said")).await;
        figures.push(took.as_f64().expect("a time"));
    }
    let busy = browser.script("return Math.max(...window.busy)").await.as_f64().expect("a time");
    (middle(figures), busy)
}

async fn measured(stage: &Stage, path: &str, name: &str) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    for (what, address) in [
        (name, format!("{}{path}", stage.url)),
        ("a search", format!("{}{path}&find=Speaker", stage.url)),
        ("an update of the desk", format!("{}{}", stage.url, path.replace("/?", "/sandbox/parts/desk?"))),
        ("an update of the bridge", format!("{}{}", stage.url, path.replace("/?", "/sandbox/parts/bridge?"))),
        ("an update of the workspace", format!("{}{}", stage.url, path.replace("/?", "/sandbox/parts/slack?"))),
    ] {
        let (ms, bytes) = asked(&client, &address).await;
        println!("{what}: {ms:.0} ms, {bytes} bytes");
    }
    let browser = stage.open(Window::default()).await;
    let (paint, whole) = painted(&browser, path).await;
    println!("first paint: {paint:.0} ms; all of it: {whole:.0} ms");
    let (shown, busy) = drawn(&browser).await;
    println!("a message, until a window shows it: {shown:.0} ms; the window was busy for {busy:.0} ms at most");
    assert!(paint < 1000.0 && whole < 2000.0, "it opens in under a second");
    browser.leave().await;
}

const PATH: &str = "/?ticket=35436&channel=C0SUPPORT01&person=U0PRIYA0001";

#[tokio::test]
async fn ten_thousand_tickets_open_in_under_a_second() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set_with(&["--tickets", "10000"]) else { return };
    measured(&stage, PATH, "the page over 10,000 tickets").await;
}

#[tokio::test]
#[ignore = "a measurement: cargo test -p sidethread-browser -- --ignored --nocapture"]
async fn a_thousand_threads_are_bridged_and_it_stays_smooth() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set_with(&["--tickets", "10000", "--unlimited"]) else { return };
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
    let client = client.expect("a client");
    let begun = Instant::now();
    let tickets = not_closed(&client, &stage.url, 1000).await;
    // Each answer waits a moment for what it set off, so many are asked for at a time.
    for some in tickets.iter().enumerate().collect::<Vec<_>>().chunks(AT_A_TIME) {
        let mut asked = tokio::task::JoinSet::new();
        for (at, ticket) in some {
            let to = format!("{}@slack.acme.example", CHANNELS[at % CHANNELS.len()]);
            let (subject, message) = (format!("Question {at}"), format!("Does parcel {at} move?"));
            let fields = [("ticket", ticket.as_str()), ("to", &to), ("subject", &subject), ("message", &message)];
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            let form = client.post(format!("{}/sandbox/zendesk/start", stage.url));
            asked.spawn(form.header("content-type", "application/x-www-form-urlencoded").body(body).send());
        }
        for answer in asked.join_all().await {
            assert_eq!(answer.expect("an answer").status(), 303);
        }
    }
    let end = begun + Duration::from_secs(1200);
    let mut quiet = 0;
    // Between what is read and what is asked for next there may be nothing under way for a moment.
    while quiet < 5 {
        let page = client.get(format!("{}/sandbox/parts/bridge", stage.url)).send().await.expect("an answer");
        let page = page.text().await.expect("a body");
        let counts = page.split("class=\"counts\">").nth(1).and_then(|rest| rest.split("</p>").next());
        let counts = counts.unwrap_or_default().to_owned();
        quiet = if counts == "0 under way" { quiet + 1 } else { 0 };
        assert!(Instant::now() < end, "{counts}");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let proof = client.get(format!("{}/sandbox/proof", stage.url)).send().await.expect("an answer");
    let proof = proof.text().await.expect("a body");
    let proof: serde_json::Value = serde_json::from_str(&proof).expect("a proof");
    assert_eq!((proof["said"].as_u64(), proof["once"].as_u64()), (Some(1000), Some(1000)), "{proof}");
    println!("a thousand threads were bridged in {:.0} s", begun.elapsed().as_secs_f64());
    measured(&stage, PATH, "the page over 10,000 tickets and 1,000 bridged threads").await;
}

/// So many tickets that are not closed, from the pages of the list.
async fn not_closed(client: &reqwest::Client, url: &str, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    for page in 1.. {
        let list = client.get(format!("{url}/sandbox/parts/desk?page={page}")).send().await.expect("an answer");
        let list = list.text().await.expect("a body");
        let rows: Vec<&str> = list.split("<li><a ").skip(1).collect();
        assert!(!rows.is_empty(), "there are too few tickets");
        for row in rows.into_iter().filter(|row| !row.contains("tag s-closed")) {
            let id = row.split("ticket=").nth(1).and_then(|rest| rest.split(['&', '"']).next());
            found.extend(id.map(|id| id.trim_end_matches("&amp;").to_owned()));
            if found.len() == count {
                return found;
            }
        }
    }
    found
}
