//! What becomes of a conversation when its ticket ends.

use std::time::Duration;

use crate::stage::{FIRST_SIDE, LAST_THREAD, Stage, TICKET, TURN, Window, ask};

/// For how long the bridge takes a ticket to be as it was when it was read.
const READ_COUNTS: Duration = Duration::from_secs(61);

#[tokio::test]
async fn a_ticket_closes_and_its_thread_goes_on_in_the_follow_up() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window::default()).await;
    let dark = stage.open(Window { dark: true, ..Window::default() }).await;
    browser.go(TICKET).await;
    browser.click("#tour form button").await;
    ask(&browser, "Customs form", "Which form goes to Norway?").await;
    browser.sees(LAST_THREAD, "Which form goes to Norway?").await;
    browser.click("#desk .ticket > .act > summary").await;
    browser.choose("#status", "closed").await;
    browser.click("#desk .ticket > .act .row button").await;
    browser.sees("#desk .title", "closed").await;
    tokio::time::sleep(READ_COUNTS).await;

    browser.write(&format!("{LAST_THREAD} .answer textarea"), "The CN23, three copies.").await;
    browser.click(&format!("{LAST_THREAD} .answer .primary")).await;
    browser.sees("#desk .related", "It is followed up by").await;
    browser.picture("closed-light").await;
    dark.go(TICKET).await;
    dark.click("#tour form button").await;
    dark.picture("closed-dark").await;
    browser.click("#desk .related a").await;
    browser.sees("#desk .related", "It follows up").await;
    browser.sees(FIRST_SIDE, "The CN23, three copies.").await;
    browser.is_accessible("a follow-up").await;

    browser.write(&format!("{FIRST_SIDE} textarea"), "Thank you, it is out.").await;
    browser.click(&format!("{FIRST_SIDE} .primary")).await;
    let thread = browser.sees(LAST_THREAD, "Thank you, it is out.").await;
    assert_eq!(thread.matches("The CN23").count(), 1, "{thread}");
    browser.picture("follow-up-light").await;
    browser.leave().await;
    dark.leave().await;
}
