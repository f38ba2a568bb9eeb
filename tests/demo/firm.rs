//! A running demo, and what people in it do with the vendors' own APIs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long anything may take here.
pub const PATIENCE: Duration = Duration::from_secs(90);
pub const SUPPORT: &str = "C0SUPPORT01";

/// Waits until something has become true.
pub async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is().await {
        assert!(begun.elapsed() < PATIENCE, "it never came: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A demo at work; killed when it is dropped.
pub struct Demo {
    pub child: Child,
    pub base_url: String,
    pub introduction: String,
    folder: tempfile::TempDir,
    http: reqwest::Client,
}

impl Demo {
    pub async fn start(arguments: &[&str]) -> Demo {
        let arguments = [&["--listen", "127.0.0.1:0"], arguments].concat();
        Demo::start_in(tempfile::tempdir().unwrap(), &arguments).await
    }

    /// Starts one that puts what it keeps for a while into this folder, and listens where these say.
    pub async fn start_in(folder: tempfile::TempDir, arguments: &[&str]) -> Demo {
        let out = folder.path().join("out");
        let file = |path: &Path| std::fs::File::create(path).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_sidethread"))
            .arg("demo")
            .args(arguments)
            .env_remove("RUST_LOG")
            .env("TMPDIR", folder.path())
            .env("SIDETHREAD__SERVER__LISTEN", "nonsense")
            .env("SIDETHREAD__NO__SUCH", "key")
            .env("http_proxy", "http://127.0.0.1:9")
            .stdin(Stdio::null())
            .stdout(file(&out))
            .stderr(file(&folder.path().join("err")))
            .spawn()
            .unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut demo = Demo { child, base_url: String::new(), introduction: String::new(), folder, http };
        until("the introduction", async || {
            assert_eq!(demo.child.try_wait().unwrap(), None, "it ended: {}", demo.said());
            demo.introduction = std::fs::read_to_string(&out).unwrap();
            demo.introduction.ends_with("[\"ts\"])\n\n") || demo.introduction.ends_with("[\"ts\"])\n")
        })
        .await;
        let (_, rest) = demo.introduction.split_once("runs at ").unwrap();
        demo.base_url = rest.split_once("/ ").unwrap().0.to_owned();
        demo
    }

    pub async fn until_up(&self) -> Value {
        until("the bridge", async || self.bridge().await["state"] == "up").await;
        self.bridge().await
    }

    pub async fn bridge(&self) -> Value {
        self.get("/sandbox/bridge", "").await.1
    }

    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("err")).unwrap_or_default()
    }

    /// The folders that it has made for itself.
    pub fn own_folders(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(format!("-{name}")).arg(id).status().unwrap().success());
    }

    /// Where it puts what it keeps for a while.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What is left where it put that.
    pub fn take_folder(&mut self) -> tempfile::TempDir {
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// Asks it to end, which it must do well; gives what it leaves behind.
    pub async fn stop(mut self) -> tempfile::TempDir {
        self.signal("TERM");
        let begun = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {}", self.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!(code, Some(0), "{}", self.said());
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// The token of somebody in Slack, by handle, or of an agent, by name.
    pub fn token(&self, name: &str) -> String {
        let lines = self.introduction.lines().map(str::trim);
        let line = lines.filter(|line| line.starts_with(name)).find(|line| line.split_whitespace().count() > 2);
        line.and_then(|line| line.split_whitespace().last()).unwrap().to_owned()
    }

    pub async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        self.answered(self.http.get(format!("{}{path}", self.base_url)).bearer_auth(token)).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.base_url)).bearer_auth(token);
        let json = "application/json; charset=utf-8";
        self.answered(request.header("content-type", json).body(body.to_string())).await
    }

    pub async fn answered(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Marta asks the channel of the engineers; the side conversation's path.
    pub async fn ask(&self, ticket: i64, subject: &str) -> String {
        let message = json!({"to": [{"email": "support-engineering@slack.acme.example"}], "subject": subject,
            "body": "Do you know?"});
        let path = format!("/zendesk/api/v2/tickets/{ticket}/side_conversations");
        let (status, made) = self.post(&path, &self.token("Marta"), json!({"message": message})).await;
        assert_eq!(status, 201, "{made}");
        format!("{path}/{}", made["side_conversation"]["id"].as_str().unwrap())
    }

    /// The thread that a side conversation became.
    pub async fn thread(&self, subject: &str) -> String {
        let mut found = None;
        until("the card", async || {
            let path = format!("/slack/api/conversations.history?channel={SUPPORT}&limit=50");
            let (_, history) = self.get(&path, &self.token("wanjiru")).await;
            let messages = history["messages"].as_array().cloned().unwrap_or_default();
            let card = messages.iter().find(|message| message.to_string().contains(subject));
            found = card.and_then(|card| card["ts"].as_str().map(str::to_owned));
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    pub async fn say(&self, thread: &str, text: &str) {
        let message = json!({"channel": SUPPORT, "thread_ts": thread, "text": text});
        let (_, said) = self.post("/slack/api/chat.postMessage", &self.token("wanjiru"), message).await;
        assert_eq!(said["ok"], true, "{said}");
    }

    pub async fn reply(&self, side_conversation: &str, text: &str) {
        let to = json!([{"email": "support-engineering@slack.acme.example"}]);
        let message = json!({"message": {"to": to, "body": text}});
        let (status, said) = self.post(&format!("{side_conversation}/reply"), &self.token("Marta"), message).await;
        assert_eq!(status, 200, "{said}");
    }

    /// All that stands in the side conversation, as text.
    pub async fn in_zendesk(&self, side_conversation: &str) -> String {
        let (_, events) = self.get(&format!("{side_conversation}/events"), &self.token("Marta")).await;
        let events = events["events"].as_array().cloned().unwrap_or_default();
        let bodies = events.iter().filter_map(|event| event["message"]["body"].as_str());
        bodies.collect::<Vec<_>>().join("\n")
    }

    /// All that stands in the thread, as text.
    pub async fn in_slack(&self, thread: &str) -> String {
        let path = format!("/slack/api/conversations.replies?channel={SUPPORT}&ts={thread}&limit=200");
        let (_, replies) = self.get(&path, &self.token("wanjiru")).await;
        let messages = replies["messages"].as_array().cloned().unwrap_or_default();
        messages.iter().filter_map(|message| message["text"].as_str()).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process runs.
pub fn runs(pid: u64) -> bool {
    Command::new("kill").args(["-0", &pid.to_string()]).stderr(Stdio::null()).status().unwrap().success()
}
