//! Many windows of one browser.

use crate::stage::{LAST_THREAD, Stage, TICKET, TURN, Window, ask};

/// One more than the connections that a browser opens to one place.
const WINDOWS: usize = 7;

#[tokio::test]
async fn seven_windows_of_one_browser_are_all_live() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window::default()).await;
    browser.begin(TICKET).await;
    let mut windows = vec![browser.driver.window().await.expect("a window")];
    for _ in 1..WINDOWS {
        let window = browser.driver.new_window().await.expect("a window");
        browser.driver.switch_to_window(window.clone()).await.expect("a window");
        browser.go(TICKET).await;
        windows.push(window);
    }
    ask(&browser, "Seven windows", "Who sees it?").await;
    let listeners =
        "return (await navigator.locks.query()).held.filter((lock) => lock.name === 'sidethread-live').length";
    for window in &windows {
        browser.driver.switch_to_window(window.clone()).await.expect("a window");
        browser.sees("#live", "Live").await;
        browser.sees(LAST_THREAD, "Who sees it?").await;
        let held = browser.script(listeners).await;
        assert!(held.as_i64().is_some_and(|held| held <= 1), "one window listens for all: {held}");
    }

    // The one that listens goes; another takes its turn.
    browser.driver.switch_to_window(windows.remove(0)).await.expect("a window");
    browser.driver.close_window().await.expect("it closes");
    browser.driver.switch_to_window(windows[2].clone()).await.expect("a window");
    browser.write("#text", "And now?").await;
    browser.click("#slack .compose .primary").await;
    for window in &windows {
        browser.driver.switch_to_window(window.clone()).await.expect("a window");
        browser.sees("#slack", "And now?").await;
    }
    browser.leave().await;
}

#[tokio::test]
async fn a_double_click_says_it_once() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window::default()).await;
    browser.begin(TICKET).await;
    ask(&browser, "Double click", "Who sees it?").await;
    browser.sees(LAST_THREAD, "Who sees it?").await;
    browser.write("#text", "Once is enough").await;
    let twice = "const button = document.querySelector('#slack .compose .primary'); button.click();\
                 await new Promise((later) => setTimeout(later, 80)); button.click(); return null";
    browser.script(twice).await;
    let sees = browser.sees("#slack", "Once is enough").await;
    browser.is_quiet().await;
    let sees = [sees, browser.sees("#slack", "Once is enough").await];
    assert!(sees.iter().all(|seen| seen.matches("Once is enough").count() == 1), "{sees:?}");
    browser.leave().await;
}

#[tokio::test]
async fn a_window_that_nobody_sees_listens_to_nothing_and_catches_up() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window::default()).await;
    browser.begin(TICKET).await;
    let set = |hidden: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{ configurable: true, get: () => {hidden} }});\
             document.dispatchEvent(new Event('visibilitychange'));"
        )
    };
    browser.script(&set(true)).await;
    let other = browser.driver.new_window().await.expect("a window");
    let first = browser.driver.window().await.expect("a window");
    browser.driver.switch_to_window(other).await.expect("a window");
    browser.go(TICKET).await;
    ask(&browser, "While nobody looks", "Is it there afterwards?").await;
    browser.sees(LAST_THREAD, "Is it there afterwards?").await;
    browser.driver.switch_to_window(first).await.expect("a window");
    let said = browser.on("#desk").await.text().await.expect("a text");
    assert!(!said.contains("While nobody looks"), "a window that is not seen asks for nothing");
    browser.script(&set(false)).await;
    browser.sees(LAST_THREAD, "Is it there afterwards?").await;
    browser.leave().await;
}
