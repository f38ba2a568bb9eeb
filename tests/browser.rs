//! The sandbox's page in a real browser: headless Chromium over the real `sidethread demo`.
//!
//! Where `chromium` and `chromedriver` are not installed the tests say so and pass, unless `SIDETHREAD_BROWSER` is
//! `required`. With `SIDETHREAD_PICTURES=<folder>` they keep a picture of each main moment there.

use std::io::{BufRead, BufReader, Read, Write};
use std::mem::ManuallyDrop;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::TypingData;
use thirtyfour::prelude::*;

/// One after the other: a browser and a bridge at a time are enough for a small machine.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const PATIENCE: Duration = Duration::from_secs(30);
const AXE: &str = include_str!("data/axe/axe.min.js");
const WIDE: (u32, u32) = (1280, 900);
const NARROW: (u32, u32) = (390, 844);

/// A program that ends with its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How a browser is set up.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Window {
    size: (u32, u32),
    dark: bool,
    script: bool,
}

impl Default for Window {
    fn default() -> Self {
        Window { size: WIDE, dark: false, script: true }
    }
}

struct Stage {
    _demo: Program,
    url: String,
    chromedriver: String,
    _chromedriver: Program,
    folder: tempfile::TempDir,
}

struct Browser {
    /// Ended by [`Browser::leave`], and by its driver when a test fails: it cannot be waited for while panicking.
    driver: ManuallyDrop<WebDriver>,
    url: String,
    window: Window,
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Starts a program and reads what it prints until a line says where it listens.
fn start(command: &mut Command, find: impl Fn(&str) -> Option<String>) -> (Program, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it prints"));
    let program = Program(child);
    let mut line = String::new();
    loop {
        line.clear();
        assert!(lines.read_line(&mut line).expect("it prints text") > 0, "it ended early");
        if let Some(found) = find(&line) {
            // It must not stop because nobody reads what it prints.
            std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
            return (program, found);
        }
    }
}

impl Stage {
    /// A demo and a driver; nothing, if there is no browser and none is required.
    fn set() -> Option<Stage> {
        let (Some(driver), Some(_)) = (installed("chromedriver"), installed("chromium")) else {
            assert_ne!(
                std::env::var("SIDETHREAD_BROWSER").as_deref(),
                Ok("required"),
                "no chromium or no chromedriver"
            );
            eprintln!("\n*** chromium and chromedriver are not installed: the page was NOT tried in a browser ***\n");
            return None;
        };
        let mut demo = Command::new(env!("CARGO_BIN_EXE_sidethread"));
        let folder = tempfile::tempdir().expect("a folder");
        demo.args(["demo", "--listen", "127.0.0.1:0"]).env("TMPDIR", folder.path());
        let (demo, url) = start(&mut demo, |line| {
            let at = line.find("http://127.0.0.1:")?;
            Some(line[at..].split('/').take(3).collect::<Vec<_>>().join("/"))
        });
        let (chromedriver, port) = start(Command::new(driver).arg("--port=0"), |line| {
            let port = line.split("successfully on port ").nth(1)?.trim().trim_end_matches('.');
            port.parse::<u16>().ok().map(|port| port.to_string())
        });
        let address = format!("http://127.0.0.1:{port}");
        Some(Stage { _demo: demo, url, chromedriver: address, _chromedriver: chromedriver, folder })
    }

    async fn open(&self, window: Window) -> Browser {
        let mut caps = DesiredCapabilities::chrome();
        let profile = self.folder.path().join(format!("profile-{}", fastrand::u64(..)));
        let (width, height) = window.size;
        let mut arguments = vec![
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--lang=en".to_owned(),
            format!("--user-data-dir={}", profile.display()),
            format!("--window-size={width},{height}"),
        ];
        if window.dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        for argument in &arguments {
            caps.add_arg(argument).expect("an argument");
        }
        let binary = installed("chromium").expect("it was found before");
        caps.set_binary(&binary.to_string_lossy()).expect("a binary");
        if !window.script {
            let prefs = json!({"profile.managed_default_content_settings.javascript": 2});
            caps.add_experimental_option("prefs", prefs).expect("an option");
        }
        let metrics = json!({"deviceMetrics": {"width": width, "height": height, "pixelRatio": 1.0, "touch": false}});
        caps.add_experimental_option("mobileEmulation", metrics).expect("an option");
        caps.set("goog:loggingPrefs", json!({"browser": "ALL"})).expect("a capability");
        let driver = WebDriver::new(&self.chromedriver, caps).await.expect("a browser");
        Browser { driver: ManuallyDrop::new(driver), url: self.url.clone(), window }
    }
}

impl Drop for Stage {
    /// The driver closes the browsers that a failed test left open.
    fn drop(&mut self) {
        let address = self.chromedriver.trim_start_matches("http://");
        if let Ok(mut stream) = TcpStream::connect(address) {
            let _ = write!(stream, "GET /shutdown HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
}

impl Browser {
    async fn go(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.url)).await.expect("the page opens");
        if self.window.script && path.starts_with("/?") {
            self.sees("#live", "Live").await;
        }
    }

    /// Waits until an element says something; gives its text.
    async fn sees(&self, css: &str, words: &str) -> String {
        let mut said = String::new();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let found = self.driver.find_all(By::Css(css.to_owned())).await.unwrap_or_default();
            said.clear();
            for element in found {
                // An element that is drawn anew at this moment is asked the next time.
                said.push_str(&element.text().await.unwrap_or_default());
                said.push('\n');
            }
            if said.contains(words) {
                return said;
            }
            self.wait().await;
        }
        panic!("{css} never said {words:?}; it says {said:?}");
    }

    /// Waits until nothing is under way and no ticket is to be read.
    async fn is_quiet(&self) {
        let end = Instant::now() + PATIENCE;
        while self.on("#bridge .counts").await.text().await.unwrap_or_default().trim() != "0 under way" {
            assert!(Instant::now() < end, "something is still under way");
            self.wait().await;
        }
    }

    /// Waits until an element is gone.
    async fn is_without(&self, css: &str) {
        let end = Instant::now() + PATIENCE;
        while self.driver.find(By::Css(css.to_owned())).await.is_ok() {
            assert!(Instant::now() < end, "{css} stays");
            self.wait().await;
        }
    }

    /// A moment; a page without script has to be asked for again.
    async fn wait(&self) {
        tokio::time::sleep(Duration::from_millis(if self.window.script { 60 } else { 300 })).await;
        if !self.window.script {
            self.driver.refresh().await.expect("the page again");
        }
    }

    /// Tries something until it works: what is asked for may be drawn anew at this moment.
    async fn on(&self, css: &str) -> WebElement {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.driver.find(By::Css(css.to_owned())).await {
                Ok(element) => return element,
                Err(error) if Instant::now() > end => panic!("{css}: {error}"),
                Err(_) => self.wait().await,
            }
        }
    }

    async fn click(&self, css: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.on(css).await.click().await {
                Ok(()) => return,
                Err(error) if Instant::now() > end => panic!("{css}: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(60)).await,
            }
        }
    }

    async fn write(&self, css: &str, text: &str) {
        let field = self.on(css).await;
        field.clear().await.expect("a field");
        field.send_keys(text).await.expect("a field");
    }

    async fn choose(&self, css: &str, words: &str) {
        let options = self.driver.find_all(By::Css(format!("{css} option"))).await.expect("options");
        for option in options {
            if option.text().await.is_ok_and(|text| text.contains(words)) {
                option.click().await.expect("an option");
                return;
            }
        }
        panic!("{css} has no {words:?}");
    }

    async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("SIDETHREAD_PICTURES") else { return };
        std::fs::create_dir_all(&folder).expect("a folder");
        self.driver.screenshot(&Path::new(&folder).join(format!("{name}.png"))).await.expect("a picture");
    }

    async fn script(&self, script: &str) -> Value {
        self.driver.execute(script, vec![]).await.expect("a script").json().clone()
    }

    /// No violation of what axe knows of WCAG 2.2 A and AA, and of its good practices.
    async fn is_accessible(&self, moment: &str) {
        self.driver.execute(AXE, vec![]).await.expect("axe");
        let found = self
            .driver
            .execute_async(
                "const done = arguments[arguments.length - 1];\
                 axe.run(document).then((found) => done(found.violations.map((violation) => \
                 `${violation.id}: ${violation.help}: ${violation.nodes.slice(0, 4).map((node) => \
                 `${node.html.slice(0, 160)} (${node.failureSummary})`).join(' | ')}`)));",
                vec![],
            )
            .await
            .expect("axe answers");
        assert_eq!(found.json(), &json!([]), "{moment}: {:#}", found.json());
    }

    /// The page is never wider than the window.
    async fn fits(&self) {
        let wide = self.script("return document.documentElement.scrollWidth - window.innerWidth").await;
        assert!(wide.as_i64().is_some_and(|over| over <= 0), "{wide} pixels too wide");
    }

    /// The browser had nothing to complain of: no script error, nothing that the policy forbids.
    async fn leave(self) {
        let log = self.driver.browser_log().await.expect("a log");
        let bad: Vec<String> =
            log.iter().map(|entry| format!("{entry:?}")).filter(|entry| !entry.contains("favicon")).collect();
        assert!(bad.is_empty(), "{bad:#?}");
        ManuallyDrop::into_inner(self.driver).quit().await.expect("the browser ends");
    }
}

const TICKET: &str = "/?ticket=35436&channel=C0SUPPORT01&person=U0PRIYA0001";
const LAST_THREAD: &str = "#slack .thread:last-of-type";
const FIRST_SIDE: &str = "#desk .conversation";

/// An agent asks the channel; the card stands in the workspace, whatever the window shows of it.
async fn ask(browser: &Browser, subject: &str, message: &str) {
    if browser.driver.find(By::Css("#new[open]")).await.is_err() {
        browser.click("#new > summary").await;
    }
    browser.write("#subject", subject).await;
    browser.write("#message", message).await;
    browser.click("#new .primary").await;
    browser.sees(FIRST_SIDE, subject).await;
}

#[tokio::test]
async fn a_question_goes_to_slack_and_its_answer_comes_back_in_every_window() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let agent = stage.open(Window::default()).await;
    let engineer = stage.open(Window { dark: true, ..Window::default() }).await;
    agent.go("/?").await;
    agent.sees("#tour", "Two desks, one conversation").await;
    agent.is_accessible("first sight").await;
    agent.picture("first-light").await;
    engineer.go(TICKET).await;
    engineer.picture("first-dark").await;
    engineer.click("#tour form button").await;
    agent.click("#tour .primary").await;
    agent.sees("#tour", "Ask from a ticket").await;
    agent.click("#tour p a").await;
    agent.sees("#desk .title", "Encomenda").await;
    agent.click("#tour form button").await;
    agent.is_without("#tour").await;
    agent.go(TICKET).await;
    assert!(agent.driver.find(By::Id("tour")).await.is_err(), "the tour never comes back");

    ask(&agent, "Scanner in Kraków", "Can somebody look at it?").await;
    agent.sees(LAST_THREAD, "Can somebody look at it?").await;
    engineer.sees(LAST_THREAD, "Scanner in Kraków").await;
    engineer.sees("#bridge .trip", "Can somebody look at it?").await;
    engineer.sees("#bridge .trip.done .line", "arrived in").await;

    engineer.write(&format!("{LAST_THREAD} .answer textarea"), "On it, ten minutes.").await;
    engineer.click(&format!("{LAST_THREAD} .answer .primary")).await;
    agent.sees(FIRST_SIDE, "On it, ten minutes.").await;
    agent.sees("#bridge .trip.done", "On it, ten minutes.").await;
    agent.picture("answered-light").await;
    engineer.picture("answered-dark").await;
    agent.is_accessible("answered").await;
    engineer.is_accessible("answered, dark").await;

    agent.write(&format!("{FIRST_SIDE} textarea"), "not sent yet").await;
    engineer.write("#text", "Beside the thread").await;
    engineer.click("#slack .compose .primary").await;
    agent.sees("#slack", "Beside the thread").await;
    let draft = agent.on(&format!("{FIRST_SIDE} textarea")).await.value().await.expect("a value");
    assert_eq!(draft.as_deref(), Some("not sent yet"), "what somebody is writing stays");

    agent.click(&format!("{FIRST_SIDE} button[name=state]")).await;
    agent.sees(FIRST_SIDE, "marked it as done").await;
    engineer.sees("#slack .thread", "Reopen").await;
    engineer.click("#slack button[value$=' reopen']").await;
    agent.sees(FIRST_SIDE, "reopened it").await;
    engineer.sees("#slack .thread", "Mark as done").await;
    agent.click("#bridge .follow > summary").await;
    agent.sees("#bridge .follow[open]", "accepted from").await;
    agent.picture("followed-light").await;

    let marks = "#slack .message:has(button.primary) .more";
    engineer.click(&format!("{marks} > summary")).await;
    engineer.click(&format!("{marks} button[value$=' eyes']")).await;
    agent.sees("#slack .reactions", "1").await;
    agent.leave().await;
    engineer.leave().await;
}

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

#[tokio::test]
async fn it_is_whole_without_script() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window { script: false, ..Window::default() }).await;
    browser.go(TICKET).await;
    assert!(!browser.on("#live").await.is_displayed().await.expect("an element"), "there is no script");
    browser.click("#tour form button").await;
    assert!(browser.driver.find(By::Id("tour")).await.is_err());
    ask(&browser, "Without script", "Does it arrive?").await;
    browser.sees(LAST_THREAD, "Does it arrive?").await;
    browser.write(&format!("{LAST_THREAD} .answer textarea"), "It does.").await;
    browser.click(&format!("{LAST_THREAD} .answer .primary")).await;
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
        let shade = if dark { "dark" } else { "light" };
        let browser = stage.open(Window { size: NARROW, dark, ..Window::default() }).await;
        browser.go(TICKET).await;
        browser.fits().await;
        browser.is_accessible("narrow").await;
        browser.picture(&format!("narrow-first-{shade}")).await;
        browser.click("#tour form button").await;
        ask(&browser, "From a telephone", "Is it legible?").await;
        browser.picture(&format!("narrow-desk-{shade}")).await;
        browser.click(".tabs a:nth-child(2)").await;
        browser.sees("#bridge .trip", "Is it legible?").await;
        browser.fits().await;
        browser.picture(&format!("narrow-bridge-{shade}")).await;
        browser.click("#bridge .switch a:last-child").await;
        browser.sees("#fault-latency", "Slow answers").await;
        browser.fits().await;
        browser.click(".tabs a:nth-child(3)").await;
        browser.sees(LAST_THREAD, "Is it legible?").await;
        browser.write(&format!("{LAST_THREAD} .answer textarea"), "Yes.").await;
        browser.click(&format!("{LAST_THREAD} .answer .primary")).await;
        browser.sees(LAST_THREAD, "Yes.").await;
        browser.fits().await;
        browser.is_accessible("narrow, Slack").await;
        browser.picture(&format!("narrow-slack-{shade}")).await;
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

#[tokio::test]
async fn a_morning_is_played_and_all_of_it_arrives() {
    let _turn = TURN.lock().await;
    let Some(stage) = Stage::set() else { return };
    let browser = stage.open(Window::default()).await;
    browser.go(TICKET).await;
    browser.click("#tour form button").await;
    // As the button does, but faster.
    let play = "fetch('/sandbox/morning', {method: 'POST', body: new URLSearchParams({what: 'play', seed: '7', \
                pause_ms: '150'})})";
    browser.script(play).await;
    browser.sees(".bar", "of 30").await;
    browser.sees(".bar", "Play a morning").await;
    browser.is_quiet().await;
    browser.picture("morning-light").await;
    browser.is_accessible("after a morning").await;
    let parked = browser.driver.find_all(By::Css("#bridge .trip.parked, #bridge .trip.waiting")).await.expect("trips");
    assert!(parked.is_empty(), "everything arrived");
    let trips = browser.driver.find_all(By::Css("#bridge .trip.done")).await.expect("trips");
    assert!(trips.len() >= 20, "{}", trips.len());
    browser.leave().await;
}
