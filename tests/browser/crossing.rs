//! What people do on both sides, and what they see of it.

use thirtyfour::prelude::*;

use crate::stage::{FIRST_SIDE, LAST_THREAD, Stage, TICKET, TURN, Window, answer, ask};

#[tokio::test]
async fn a_question_goes_to_slack_and_its_answer_comes_back_in_every_window() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let agent = stage.open(Window::default()).await;
    let engineer = stage.open(Window { dark: true, ..Window::default() }).await;
    agent.go("/?").await;
    agent.sees("#tour", "Two desks, one conversation").await;
    agent.is_accessible("first sight").await;
    agent.picture("first").await;
    engineer.begin(TICKET).await;
    agent.click("#tour .primary").await;
    agent.sees("#tour", "Ask from a ticket").await;
    agent.click("#tour p a").await;
    agent.sees("#desk .title", "Encomenda").await;
    agent.close_tour().await;
    agent.go(TICKET).await;
    assert!(agent.driver.find(By::Id("tour")).await.is_err(), "the tour never comes back");

    ask(&agent, "Scanner in Kraków", "Can somebody look at it?").await;
    agent.sees(LAST_THREAD, "Can somebody look at it?").await;
    engineer.sees(LAST_THREAD, "Scanner in Kraków").await;
    engineer.sees("#bridge .trip", "Can somebody look at it?").await;
    engineer.sees("#bridge .trip.done .line", "arrived in").await;

    answer(&engineer, "On it, ten minutes.").await;
    agent.sees(FIRST_SIDE, "On it, ten minutes.").await;
    agent.sees("#bridge .trip.done", "On it, ten minutes.").await;
    agent.picture("answered").await;
    agent.is_accessible("answered").await;
    engineer.is_accessible("answered, dark").await;

    // Whoever sends something and goes on elsewhere is not called back when it has arrived.
    let message = "document.querySelector('#slack .compose textarea')";
    let elsewhere = format!("document.querySelector('{FIRST_SIDE} textarea')");
    let send = format!("{message}.value = 'On my way'; {message}.form.requestSubmit(); {elsewhere}.focus();");
    agent.script(&send).await;
    agent.sees("#slack", "On my way").await;
    agent.is_without("form[aria-busy]").await;
    assert_eq!(agent.script(&format!("return document.activeElement === {elsewhere}")).await, true);
    let kept = "const area = document.querySelector('#slack .compose textarea'); area.value = 'One'; \
                area.form.requestSubmit(); area.value = 'Two, while One is sent';";
    agent.script(kept).await;
    agent.sees("#slack .thread", "One").await;
    agent.is_without("form[aria-busy]").await;
    assert_eq!(agent.script(&format!("return {message}.value")).await, "Two, while One is sent");
    agent.script(&format!("{message}.value = ''")).await;

    agent.write(&format!("{FIRST_SIDE} textarea"), "not sent yet").await;
    engineer.write("#text", "Beside the thread").await;
    engineer.click("#slack .compose .primary").await;
    agent.sees("#slack", "Beside the thread").await;
    let draft = format!("return document.querySelector('{FIRST_SIDE} textarea').value");
    assert_eq!(agent.script(&draft).await, "not sent yet", "what somebody is writing stays");

    agent.click(&format!("{FIRST_SIDE} button[name=state]")).await;
    agent.sees(FIRST_SIDE, "marked it as done").await;
    engineer.sees("#slack .thread", "Reopen").await;
    engineer.click("#slack button[value$=' reopen']").await;
    agent.sees(FIRST_SIDE, "reopened it").await;
    engineer.sees("#slack .thread", "Mark as done").await;
    // What the bridge does by itself, such as bringing the card up to date, stands among the messages.
    let of =
        "return [...document.querySelectorAll('#bridge .trip')].find((one) => one.innerText.includes('On it, ten')).id";
    let trip = format!("[id='{}']", agent.script(of).await.as_str().expect("an id"));
    agent.click(&format!("{trip} .follow > summary")).await;
    agent.sees(&format!("{trip} .follow[open]"), "accepted from").await;
    agent.picture("followed").await;

    let marks = "#slack .message:has(button.primary) .more";
    engineer.click(&format!("{marks} > summary")).await;
    engineer.click(&format!("{marks} button[value$=' eyes']")).await;
    agent.sees("#slack .reactions", "1").await;
    agent.leave().await;
    engineer.leave().await;
}

#[tokio::test]
async fn a_morning_is_played_and_all_of_it_arrives() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window::default()).await;
    browser.begin(TICKET).await;
    // As the button does, but faster.
    let play = "fetch('/sandbox/morning', {method: 'POST', body: new URLSearchParams({what: 'play', seed: '7', \
                pause_ms: '150'})})";
    browser.script(play).await;
    browser.sees(".bar", "of 30").await;
    browser.sees(".bar", "Play a morning").await;
    browser.is_quiet().await;
    browser.picture("morning").await;
    browser.is_accessible("after a morning").await;
    let parked = browser.driver.find_all(By::Css("#bridge .trip.parked, #bridge .trip.waiting")).await.expect("trips");
    assert!(parked.is_empty(), "everything arrived");
    let trips = browser.driver.find_all(By::Css("#bridge .trip.done")).await.expect("trips");
    assert!(trips.len() >= 20, "{}", trips.len());
    browser.leave().await;
}
