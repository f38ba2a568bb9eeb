//! A demo, a browser before it, and what a person does there.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::mem::ManuallyDrop;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::prelude::*;

/// One after the other: a browser and a bridge at a time are enough for a small machine.
pub static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

pub const PATIENCE: Duration = Duration::from_secs(120);
const AXE: &str = include_str!("../data/axe/axe.min.js");
pub const WIDE: (u32, u32) = (1280, 900);
pub const NARROW: (u32, u32) = (390, 844);

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
pub struct Window {
    pub size: (u32, u32),
    pub dark: bool,
    pub script: bool,
}

impl Default for Window {
    fn default() -> Self {
        Window { size: WIDE, dark: false, script: true }
    }
}

pub struct Stage {
    _demo: Program,
    pub url: String,
    chromedriver: String,
    _chromedriver: Program,
    folder: tempfile::TempDir,
}

pub struct Browser {
    /// Ended by [`Browser::leave`], and by its driver when a test fails: it cannot be waited for while panicking.
    pub driver: ManuallyDrop<WebDriver>,
    pub url: String,
    chromedriver: String,
    window: Window,
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The program, built as it is now: it is another package's, so that nothing else does.
fn sidethread() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let exe = std::env::current_exe().expect("the test has a file");
        let folder = exe.parent().and_then(Path::parent).expect("it lies in the profile's folder, under deps");
        let profile = folder.file_name().and_then(OsStr::to_str).expect("the profile's folder has its name");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--package=sidethread", "--bin=sidethread", "--profile"]);
        cargo.arg(if profile == "debug" { "dev" } else { profile }).arg("--target-dir").arg(folder.join(".."));
        cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        assert!(cargo.status().expect("cargo runs").success(), "the program cannot be built");
        folder.join("sidethread")
    });
    &BUILT
}

/// Starts a program and reads what it prints until a line says where it listens.
fn start(command: &mut Command, find: impl Fn(&str) -> Option<String>) -> (Program, String) {
    let mut complaints = tempfile::tempfile().expect("a file");
    let stderr = complaints.try_clone().expect("a file");
    let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it prints"));
    let program = Program(child);
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line).expect("it prints text") == 0 {
            let mut said = String::new();
            let _ = complaints.rewind().and_then(|()| complaints.read_to_string(&mut said));
            panic!("{command:?} ended early: {said}");
        }
        if let Some(found) = find(&line) {
            // It must not stop because nobody reads what it prints.
            std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
            return (program, found);
        }
    }
}

impl Stage {
    /// A demo and a driver; nothing, if there is no browser and none is required.
    pub fn set() -> Option<Stage> {
        Self::set_with(&[])
    }

    /// A demo with these arguments, and a driver.
    pub fn set_with(arguments: &[&str]) -> Option<Stage> {
        let wanted = std::env::var("SIDETHREAD_BROWSER").unwrap_or_default();
        let (Some(driver), Some(_)) = (installed("chromedriver"), installed("chromium")) else {
            assert_ne!(wanted, "required", "no chromium or no chromedriver");
            eprintln!("\n*** chromium and chromedriver are not installed: the page was NOT tried in a browser ***\n");
            return None;
        };
        let mut demo = Command::new(sidethread());
        let folder = tempfile::tempdir().expect("a folder");
        demo.args(["demo", "--listen", "127.0.0.1:0"]).args(arguments).env("TMPDIR", folder.path());
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

    /// Asks the sandbox for something that the page has no button for.
    pub async fn post(&self, path: &str, body: &'static str) {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.post(format!("{}{path}", self.url)).body(body).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap_or_default());
    }

    /// A file to choose.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path.display().to_string()
    }

    pub async fn open(&self, window: Window) -> Browser {
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
        Browser {
            driver: ManuallyDrop::new(driver),
            url: self.url.clone(),
            chromedriver: self.chromedriver.clone(),
            window,
        }
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
    pub async fn go(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.url)).await.expect("the page opens");
        if self.window.script && path.starts_with("/?") {
            self.sees("#live", "Live").await;
        }
    }

    /// Opens the page as somebody who has seen the tour.
    pub async fn begin(&self, path: &str) {
        self.go(path).await;
        self.close_tour().await;
    }

    /// Closes the tour, and waits for the page without it: what is done before that is done to the old one.
    pub async fn close_tour(&self) {
        self.click("#tour form button").await;
        self.is_without("#tour").await;
    }

    /// Waits until an element says something; gives its text.
    pub async fn sees(&self, css: &str, words: &str) -> String {
        let mut said = String::new();
        let end = Instant::now() + PATIENCE;
        // The driver's own reading leaves out what must be scrolled up to.
        let read = format!(
            "return [...document.querySelectorAll({})].filter((one) => one.checkVisibility()).map((one) => one.innerText)\
             .join('\\n')",
            json!(css)
        );
        while Instant::now() < end {
            // While the window goes to another page it is asked the next time.
            if let Ok(found) = self.driver.execute(read.as_str(), vec![]).await {
                said = found.json().as_str().unwrap_or_default().to_owned();
            }
            if said.contains(words) {
                return said;
            }
            self.wait().await;
        }
        panic!("{css} never said {words:?}; it says {said:?}");
    }

    /// Waits until nothing is under way and no ticket is to be read.
    pub async fn is_quiet(&self) {
        let end = Instant::now() + PATIENCE;
        while self.on("#bridge .counts").await.text().await.unwrap_or_default().trim() != "0 under way" {
            assert!(Instant::now() < end, "something is still under way");
            self.wait().await;
        }
    }

    /// Waits until an element is gone.
    pub async fn is_without(&self, css: &str) {
        let end = Instant::now() + PATIENCE;
        while self.driver.find(By::Css(css.to_owned())).await.is_ok() {
            assert!(Instant::now() < end, "{css} stays");
            self.wait().await;
        }
    }

    /// A moment; a page without script has to be asked for again.
    pub async fn wait(&self) {
        tokio::time::sleep(Duration::from_millis(if self.window.script { 60 } else { 300 })).await;
        if !self.window.script {
            self.driver.refresh().await.expect("the page again");
        }
    }

    /// Tries something until it works: what is asked for may be drawn anew at this moment.
    pub async fn on(&self, css: &str) -> WebElement {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.driver.find(By::Css(css.to_owned())).await {
                Ok(element) => return element,
                Err(error) if Instant::now() > end => panic!("{css}: {error}"),
                Err(_) => self.wait().await,
            }
        }
    }

    pub async fn click(&self, css: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let element = self.on(css).await;
            let _ = element.scroll_into_view().await;
            match element.click().await {
                Ok(()) => return,
                Err(error) if Instant::now() > end => panic!("{css}: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(60)).await,
            }
        }
    }

    pub async fn write(&self, css: &str, text: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let field = self.on(css).await;
            let written = async {
                field.clear().await?;
                field.send_keys(text).await
            };
            match written.await {
                Ok(()) => return,
                // It was drawn anew in the middle of it.
                Err(error) if Instant::now() > end => panic!("{css}: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(60)).await,
            }
        }
    }

    pub async fn attach(&self, css: &str, file: &str) {
        self.on(css).await.send_keys(file).await.expect("a field for files");
    }

    pub async fn choose(&self, css: &str, words: &str) {
        let options = self.driver.find_all(By::Css(format!("{css} option"))).await.expect("options");
        for option in options {
            if option.text().await.is_ok_and(|text| text.contains(words)) {
                option.click().await.expect("an option");
                return;
            }
        }
        panic!("{css} has no {words:?}");
    }

    /// Pictures of this moment: light and dark, wide and narrow.
    pub async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("SIDETHREAD_PICTURES") else { return };
        std::fs::create_dir_all(&folder).expect("a folder");
        for (width, height) in [WIDE, NARROW] {
            self.is_sized((width, height)).await;
            for shade in ["light", "dark"] {
                let shades = json!({"features": [{"name": "prefers-color-scheme", "value": shade}]});
                self.devtools("Emulation.setEmulatedMedia", shades).await;
                let file = Path::new(&folder).join(format!("{name}-{width}-{shade}.png"));
                self.driver.screenshot(&file).await.expect("a picture");
            }
        }
        self.devtools("Emulation.setEmulatedMedia", json!({"features": []})).await;
        self.is_sized(self.window.size).await;
    }

    async fn is_sized(&self, (width, height): (u32, u32)) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        let session = self.driver.session_id().to_string();
        let address = format!("{}/session/{session}/goog/cdp/execute", self.chromedriver);
        let asked = json!({"cmd": command, "params": parameters}).to_string();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.post(address).body(asked).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{command}: {}", answer.text().await.unwrap_or_default());
    }

    pub async fn script(&self, script: &str) -> Value {
        self.driver.execute(script, vec![]).await.expect("a script").json().clone()
    }

    /// No violation of what axe knows of WCAG 2.2 A and AA, and of its good practices.
    pub async fn is_accessible(&self, moment: &str) {
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
    pub async fn fits(&self) {
        let wide = self.script("return document.documentElement.scrollWidth - window.innerWidth").await;
        assert!(wide.as_i64().is_some_and(|over| over <= 0), "{wide} pixels too wide");
    }

    /// The browser had nothing to complain of: no script error, nothing that the policy forbids.
    pub async fn leave(self) {
        let log = self.driver.browser_log().await.expect("a log");
        let bad: Vec<String> =
            log.iter().map(|entry| format!("{entry:?}")).filter(|entry| !entry.contains("favicon")).collect();
        assert!(bad.is_empty(), "{bad:#?}");
        ManuallyDrop::into_inner(self.driver).quit().await.expect("the browser ends");
    }
}

pub const TICKET: &str = "/?ticket=35436&channel=C0SUPPORT01&person=U0PRIYA0001";
pub const LAST_THREAD: &str = "#slack .thread:last-of-type";
pub const FIRST_SIDE: &str = "#desk .conversation";

/// An agent asks the channel; the card stands in the workspace, whatever the window shows of it.
pub async fn ask(browser: &Browser, subject: &str, message: &str) {
    if browser.driver.find(By::Css("#new[open]")).await.is_err() {
        browser.click("#new > summary").await;
    }
    browser.write("#subject", subject).await;
    browser.write("#message", message).await;
    browser.click("#new .primary").await;
    browser.sees(FIRST_SIDE, subject).await;
}

/// Somebody answers in the last thread of the workspace.
pub async fn answer(browser: &Browser, words: &str) {
    browser.write(&format!("{LAST_THREAD} .answer textarea"), words).await;
    browser.click(&format!("{LAST_THREAD} .answer .primary")).await;
}

/// An agent replies in the latest side conversation.
pub async fn reply(browser: &Browser, words: &str) {
    browser.write(&format!("{FIRST_SIDE} textarea"), words).await;
    browser.click(&format!("{FIRST_SIDE} .primary")).await;
}

/// Switches a fault on for one call, so many times, with its parameter if it has one.
pub async fn break_call(browser: &Browser, fault: &str, call: &str, parameter: Option<&str>, times: &str) {
    browser.click(&format!("#fault-{fault} details > summary")).await;
    browser.choose(&format!("#call-{fault}"), call).await;
    if let Some(parameter) = parameter {
        browser.write(&format!("#value-{fault}"), parameter).await;
    }
    browser.write(&format!("#times-{fault}"), times).await;
    browser.click(&format!("#fault-{fault} > .row button")).await;
}
