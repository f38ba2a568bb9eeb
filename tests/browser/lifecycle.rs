//! What becomes of a conversation when its ticket ends.

use std::time::Duration;

use crate::stage::{FIRST_SIDE, LAST_THREAD, Stage, TICKET, TURN, Window, answer, ask, reply};

/// For how long the bridge takes a ticket to be as it was when it was read.
const READ_COUNTS: Duration = Duration::from_secs(61);

#[tokio::test]
async fn a_ticket_closes_and_its_thread_goes_on_in_the_follow_up() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window::default()).await;
    browser.begin(TICKET).await;
    ask(&browser, "Customs form", "Which form goes to Norway?").await;
    browser.sees(LAST_THREAD, "Which form goes to Norway?").await;
    browser.click("#desk .ticket > .act > summary").await;
    browser.choose("#status", "closed").await;
    browser.click("#desk .ticket > .act .row button").await;
    browser.sees("#desk .title", "closed").await;
    tokio::time::sleep(READ_COUNTS).await;

    answer(&browser, "The CN23, three copies.").await;
    browser.sees("#desk .related", "It is followed up by").await;
    browser.picture("closed").await;
    browser.click("#desk .related a").await;
    browser.sees("#desk .related", "It follows up").await;
    browser.sees(FIRST_SIDE, "The CN23, three copies.").await;
    browser.is_accessible("a follow-up").await;

    reply(&browser, "Thank you, it is out.").await;
    let thread = browser.sees(LAST_THREAD, "Thank you, it is out.").await;
    assert_eq!(thread.matches("The CN23").count(), 1, "{thread}");
    browser.picture("follow-up").await;
    browser.leave().await;
}

#[tokio::test]
async fn a_ticket_is_merged_and_its_thread_goes_on_in_the_other_one() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window::default()).await;
    browser.begin(TICKET).await;
    ask(&browser, "Twice the same", "Which parcel is it?").await;
    browser.sees(LAST_THREAD, "Which parcel is it?").await;
    browser.click("#desk .ticket > .act > summary").await;
    browser.write("#target", "1").await;
    browser.click("#desk form[action$=merge] button").await;
    browser.sees("#notice", "there is none with this one").await;
    browser.write("#target", "#35440").await;
    browser.click("#desk form[action$=merge] button").await;
    browser.sees("#desk .title", "#35440").await;
    tokio::time::sleep(READ_COUNTS).await;
    answer(&browser, "The second one.").await;
    browser.sees(LAST_THREAD, "Continue on #35440").await;
    browser.sees("#bridge .trip.waiting .line", "waits until somebody presses “Continue on #35440”").await;
    browser.sees("#owed-under-way", "1 still to arrive").await;
    browser.is_accessible("a merged ticket").await;
    browser.picture("merged").await;
    browser.click(&format!("{LAST_THREAD} button[value$=' continue_on']")).await;
    let side = browser.sees(FIRST_SIDE, "The second one.").await;
    assert_eq!(side.matches("The second one.").count(), 1, "{side}");
    browser.leave().await;
}

#[tokio::test]
async fn a_ticket_is_deleted_and_comes_back() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window::default()).await;
    browser.begin(TICKET).await;
    ask(&browser, "A mistake", "Is it one?").await;
    browser.sees(LAST_THREAD, "Is it one?").await;
    browser.click("#desk .ticket > .act > summary").await;
    browser.click("#desk form[action$=delete] button").await;
    browser.sees("#desk .title", "deleted").await;
    browser.is_accessible("a deleted ticket").await;
    browser.picture("deleted").await;
    browser.click("#desk form[action$=delete] button").await;
    browser.sees("#desk .title", "open").await;
    answer(&browser, "It was none.").await;
    browser.sees(FIRST_SIDE, "It was none.").await;
    browser.leave().await;
}

#[tokio::test]
async fn a_file_stays_in_zendesk_and_the_thread_names_it() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let file = stage.file("Zoll & Fracht.pdf", b"%PDF-1.4");
    for script in [true, false] {
        let browser = stage.open(Window { script, ..Window::default() }).await;
        browser.begin(TICKET).await;
        browser.click("#new > summary").await;
        browser.attach("#file", &file).await;
        let words = if script { "Is this the right form?" } else { "And without script?" };
        ask(&browser, "Customs form", words).await;
        browser.sees(FIRST_SIDE, "File: Zoll & Fracht.pdf").await;
        browser.sees(LAST_THREAD, words).await;
        browser.sees(LAST_THREAD, "File in Zendesk: Zoll & Fracht.pdf").await;
        browser.leave().await;
    }
}
