//! The page while things go wrong.

use crate::stage::{FIRST_SIDE, LAST_THREAD, Stage, TICKET, TURN, Window, ask};

#[tokio::test]
async fn with_faults_on_it_waits_says_for_what_and_arrives_once() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window::default()).await;
    browser.go(&format!("{TICKET}&panel=faults")).await;
    browser.click("#tour form button").await;
    browser.is_accessible("faults").await;
    browser.click("#fault-rate_limited details > summary").await;
    browser.choose("#call-rate_limited", "slack: chat.postMessage").await;
    browser.write("#value-rate_limited", "10").await;
    browser.write("#times-rate_limited", "1").await;
    browser.click("#fault-rate_limited > .row button").await;
    browser.sees("#fault-rate_limited", "chat.postMessage, 10 seconds, 1 more time").await;
    browser.picture("faults-light").await;
    ask(&browser, "Label printer", "Is it the driver?").await;
    browser.click("#bridge .switch a").await;
    browser.sees("#bridge .trip.waiting", "Is it the driver?").await;
    browser.picture("waiting-light").await;
    browser.is_accessible("waiting").await;
    browser.sees("#bridge .trip.done", "after one more try").await;
    browser.sees(LAST_THREAD, "Is it the driver?").await;

    browser.click("#bridge .switch a:last-child").await;
    browser.click("#fault-dropped_after details > summary").await;
    browser.choose("#call-dropped_after", "zendesk: POST …/reply").await;
    browser.write("#times-dropped_after", "1").await;
    browser.click("#fault-dropped_after > .row button").await;
    browser.sees("#fault-dropped_after", "POST …/reply, 1 more time").await;
    browser.write(&format!("{LAST_THREAD} .answer textarea"), "It was done, and nobody heard.").await;
    browser.click(&format!("{LAST_THREAD} .answer .primary")).await;
    browser.sees(FIRST_SIDE, "It was done, and nobody heard.").await;
    browser.sees("#fault-dropped_after > .row button", "Off").await;
    browser.click("#bridge .switch a").await;
    browser.sees("#bridge .trip.done", "It was done, and nobody heard.").await;
    let side = browser.sees(FIRST_SIDE, "nobody heard").await;
    assert_eq!(side.matches("nobody heard").count(), 1, "{side}");
    browser.leave().await;
}
