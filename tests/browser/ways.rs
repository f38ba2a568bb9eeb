//! The page without its script, in a narrow window, and from the keyboard.

use thirtyfour::TypingData;
use thirtyfour::prelude::*;

use crate::stage::{FIRST_SIDE, LAST_THREAD, NARROW, Stage, TICKET, TURN, Window, answer, ask};

#[tokio::test]
async fn it_is_whole_without_script() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window { script: false, ..Window::default() }).await;
    browser.go(TICKET).await;
    assert!(!browser.on("#live").await.is_displayed().await.expect("an element"), "there is no script");
    browser.close_tour().await;
    ask(&browser, "Without script", "Does it arrive?").await;
    browser.sees(LAST_THREAD, "Does it arrive?").await;
    answer(&browser, "It does.").await;
    browser.sees(FIRST_SIDE, "It does.").await;
    browser.click(&format!("{FIRST_SIDE} button[name=state]")).await;
    browser.sees(FIRST_SIDE, "marked it as done").await;
    browser.click("noscript a").await;
    browser.click("#slack button[value$=' reopen']").await;
    browser.click("noscript a").await;
    browser.sees(FIRST_SIDE, "reopened it").await;
    browser.picture("without-script").await;
    browser.leave().await;
}

#[tokio::test]
async fn it_is_whole_in_a_narrow_window() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    for dark in [false, true] {
        let browser = stage.open(Window { size: NARROW, dark, ..Window::default() }).await;
        browser.go(TICKET).await;
        browser.fits().await;
        browser.is_accessible("narrow").await;
        browser.picture("narrow-first").await;
        browser.close_tour().await;
        ask(&browser, "From a telephone", "Is it legible?").await;
        browser.picture("narrow-desk").await;
        browser.click(".tabs a:nth-child(2)").await;
        browser.sees("#bridge .trip", "Is it legible?").await;
        browser.fits().await;
        browser.picture("narrow-bridge").await;
        browser.click("#bridge .switch a:last-child").await;
        browser.sees("#fault-latency", "Slow answers").await;
        browser.fits().await;
        browser.click(".tabs a:nth-child(3)").await;
        browser.sees(LAST_THREAD, "Is it legible?").await;
        answer(&browser, "Yes.").await;
        browser.sees(LAST_THREAD, "Yes.").await;
        browser.fits().await;
        browser.is_accessible("narrow, Slack").await;
        browser.picture("narrow-slack").await;
        browser.click(".tabs a:nth-child(1)").await;
        browser.sees(FIRST_SIDE, "Yes.").await;
        browser.leave().await;
    }
}

#[tokio::test]
async fn it_is_whole_from_the_keyboard() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window::default()).await;
    browser.go("/?").await;
    let focused = "const at = document.activeElement; \
        return at === document.body ? '' : `${at.getAttribute('aria-label') || at.labels?.[0]?.innerText || at.innerText} ${at.id}`.trim()";
    let press = async |keys: TypingData| {
        browser.driver.action_chain().send_keys(keys).perform().await.expect("keys");
    };
    let tab_to = async |words: &str| {
        let mut met = Vec::new();
        for _ in 0..150 {
            press("" + Key::Tab).await;
            let at = browser.script(focused).await.as_str().unwrap_or_default().replace('\n', " ");
            let found = at.contains(words);
            met.push(at);
            if found {
                return;
            }
        }
        panic!("Tab never comes to {words:?}: {met:#?}");
    };
    let enter = async || press("" + Key::Enter).await;
    tab_to("Close the tour").await;
    enter().await;
    tab_to("Encomenda parada").await;
    enter().await;
    browser.sees("#desk .title", "Encomenda").await;
    let at = browser.script(focused).await;
    assert!(at.as_str().is_some_and(|at| at.contains("Encomenda")), "the ticket that was chosen has the focus: {at}");
    tab_to("New side conversation").await;
    enter().await;
    tab_to("Subject").await;
    press("By keyboard ".into()).await;
    tab_to("Message").await;
    press("No hand on the mouse.".into()).await;
    tab_to("Start side conversation").await;
    enter().await;
    browser.sees(FIRST_SIDE, "No hand on the mouse.").await;
    browser.sees(LAST_THREAD, "No hand on the mouse.").await;
    let last =
        browser.on(&format!("{LAST_THREAD} .answer textarea")).await.id().await.expect("an id").unwrap_or_default();
    tab_to(&last).await;
    press("Typed.".into()).await;
    tab_to("Send").await;
    enter().await;
    browser.sees(FIRST_SIDE, "Typed.").await;
    browser.leave().await;
}
