//! The page while things go wrong.

use crate::stage::{FIRST_SIDE, LAST_THREAD, Stage, TICKET, TURN, Window, answer, ask, break_call, reply};

#[tokio::test]
async fn with_faults_on_it_waits_says_for_what_and_arrives_once() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window::default()).await;
    browser.begin(&format!("{TICKET}&panel=faults")).await;
    browser.is_accessible("faults").await;
    break_call(&browser, "rate_limited", "slack: chat.postMessage", Some("10"), "1").await;
    browser.sees("#fault-rate_limited", "chat.postMessage, 10 seconds, 1 more time").await;
    browser.picture("faults").await;
    ask(&browser, "Label printer", "Is it the driver?").await;
    browser.click("#bridge .switch a").await;
    browser.sees("#bridge .trip.waiting", "Is it the driver?").await;
    browser.picture("waiting").await;
    browser.is_accessible("waiting").await;
    browser.sees("#bridge .trip.done", "after one more try").await;
    browser.sees(LAST_THREAD, "Is it the driver?").await;

    browser.click("#bridge .switch a:last-child").await;
    break_call(&browser, "dropped_after", "zendesk: POST …/reply", None, "1").await;
    browser.sees("#fault-dropped_after", "POST …/reply, 1 more time").await;
    answer(&browser, "It was done, and nobody heard.").await;
    browser.sees(FIRST_SIDE, "It was done, and nobody heard.").await;
    browser.sees("#fault-dropped_after > .row button", "Off").await;
    browser.click("#bridge .switch a").await;
    browser.sees("#bridge .trip.done", "It was done, and nobody heard.").await;
    let side = browser.sees(FIRST_SIDE, "nobody heard").await;
    assert_eq!(side.matches("nobody heard").count(), 1, "{side}");
    browser.leave().await;
}

/// What was said, as often as it stands there.
fn count(page: &str, words: &str) -> usize {
    page.matches(words).count()
}

#[tokio::test]
async fn with_faults_on_and_a_kill_in_the_middle_nothing_is_lost_and_nothing_comes_twice() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window::default()).await;
    browser.begin(TICKET).await;
    let rules = r#"[
        {"vendor": "slack", "call": "chat.postMessage", "fault": "rate_limited", "retry_after": 1, "times": 2},
        {"vendor": "slack", "call": "chat.postMessage", "fault": "error_after", "percent": 40, "times": 4},
        {"vendor": "slack", "call": "conversations.replies", "fault": "reads_lag", "secs": 2},
        {"vendor": "zendesk", "call": "POST …/reply", "fault": "rate_limited", "retry_after": 1, "times": 2},
        {"vendor": "zendesk", "call": "POST …/reply", "fault": "dropped_after", "percent": 40, "times": 4},
        {"vendor": "zendesk", "call": "*", "fault": "events_twice"},
        {"vendor": "slack", "call": "*", "fault": "events_twice"}
    ]"#;
    stage.post("/sandbox/faults", rules).await;
    ask(&browser, "Gate 4", "Who opens gate 4?").await;
    browser.sees(LAST_THREAD, "Who opens gate 4?").await;

    for at in 1..=6 {
        answer(&browser, &format!("From Slack, number {at}.")).await;
        browser.sees(LAST_THREAD, &format!("From Slack, number {at}.")).await;
        reply(&browser, &format!("From the desk, number {at}.")).await;
        browser.sees(FIRST_SIDE, &format!("From the desk, number {at}.")).await;
        if at % 3 == 2 {
            browser.click("#bridge .danger").await;
            browser.sees("#kills", &format!("Killed {}", if at == 2 { "once" } else { "2 times" })).await;
        }
        if at == 2 {
            browser.picture("killed").await;
        }
        if at % 3 == 2 {
            // Slack's reads lag by two seconds here: what is written while the bridge is down may be overtaken by what is
            // delivered right after, since nobody can know of it.
            browser.sees("#bridge .running", "runs").await;
        }
    }
    browser.sees("#bridge .running", "runs").await;
    for at in 1..=6 {
        browser.sees(FIRST_SIDE, &format!("From Slack, number {at}.")).await;
        browser.sees(LAST_THREAD, &format!("From the desk, number {at}.")).await;
    }
    browser.click(&format!("{FIRST_SIDE} button[name=state]")).await;
    browser.sees(FIRST_SIDE, "marked it as done").await;
    browser.sees(LAST_THREAD, "Reopen").await;
    browser.click(&format!("{LAST_THREAD} button[value$=' reopen']")).await;
    browser.sees(FIRST_SIDE, "reopened it").await;
    browser.is_quiet().await;
    let (side, thread) = (browser.sees(FIRST_SIDE, "").await, browser.sees(LAST_THREAD, "").await);
    for at in 1..=6 {
        for words in [format!("From Slack, number {at}."), format!("From the desk, number {at}.")] {
            assert_eq!(count(&side, &words), 1, "{words} on the ticket: {side}");
            assert_eq!(count(&thread, &words), 1, "{words} in Slack: {thread}");
        }
    }
    let order = |page: &str, from: &str| {
        let places: Vec<_> = (1..=6).map(|at| page.find(&format!("{from}, number {at}."))).collect();
        assert!(places.is_sorted(), "in order: {page}");
    };
    order(&side, "From Slack");
    order(&thread, "From the desk");
    assert_eq!(count(&side, "reopened it"), 1, "{side}");
    let counted = "return [...document.querySelectorAll('#proof dd')].map((one) => one.textContent).join(' ')";
    let end = std::time::Instant::now() + crate::stage::PATIENCE;
    while browser.script(counted).await != "13 13 0 0" {
        assert!(std::time::Instant::now() < end, "{}", browser.sees("#proof", "").await);
        browser.wait().await;
    }
    browser.picture("after-faults").await;
    browser.leave().await;
}
