//! The vendors' own clients against the sandbox: `@slack/web-api` and `node-zendesk`, `slack_sdk` and `zenpy`.
//!
//! Their scripts in `tests/clients` call the real `sidethread demo`. What only the app gets, such as trigger ids and
//! response URLs, goes there to the bridge; so each script has a second firm, in this process, in which it makes
//! people act and reads what Slack sends. `.ci/clients` installs the clients. Where they are not installed the tests
//! say so and pass, unless `SIDETHREAD_CLIENTS` is `required`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::routing::post;
use serde_json::{Value, json};
use sidethread::sandbox::post::{Now, Parcel, Receipt, Sender};
use sidethread::sandbox::{Credentials, Furnishing, Sandbox};

/// One after the other: a demo at a time is enough for a small machine.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/clients");

/// A program that ends with its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Node with the clients for it; nothing if they are not installed and need not be.
fn node(script: &str) -> Option<Command> {
    let modules = Path::new(INSTALLED).join("node_modules");
    client(&modules, modules.is_dir().then(|| PathBuf::from("node"))).map(|mut node| {
        node.env("NODE_PATH", modules).arg(Path::new(FOLDER).join(script));
        node
    })
}

/// Python with the clients for it; nothing if they are not installed and need not be.
fn python(script: &str) -> Option<Command> {
    let program = Path::new(INSTALLED).join("python/bin/python3");
    client(&program, program.exists().then(|| program.clone())).map(|mut python| {
        python.arg("-B").arg(Path::new(FOLDER).join(script));
        python
    })
}

fn client(wanted: &Path, program: Option<PathBuf>) -> Option<Command> {
    let required = std::env::var("SIDETHREAD_CLIENTS").is_ok_and(|value| value == "required");
    if program.is_none() {
        assert!(!required, "there is no {}: .ci/clients installs it", wanted.display());
        eprintln!(
            "\n*** the vendors' clients are not installed (.ci/clients): the fakes were NOT tried with them ***\n"
        );
    }
    program.map(Command::new)
}

/// Starts `sidethread demo` with people and channels alone; what its introduction says of it.
fn demo(folder: &Path) -> (Program, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidethread"));
    command.args(["demo", "--empty", "--listen", "127.0.0.1:0"]).env("TMPDIR", folder);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the demo starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it prints"));
    let program = Program(child);
    let mut introduction = String::new();
    while !introduction.contains("TRY IT") {
        assert!(lines.read_line(&mut introduction).expect("it prints text") > 0, "it ended early: {introduction}");
    }
    // It must not stop because nobody reads what it prints.
    std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
    (program, told(&introduction))
}

/// Addresses, tokens and ids, as the introduction shows them to people.
fn told(introduction: &str) -> Value {
    let mut found = json!({});
    let (mut people, mut channels, mut agents) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut in_zendesk = false;
    for line in introduction.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["ZENDESK", ..] => in_zendesk = true,
            ["SLACK", address] => found["base"] = address.trim_end_matches("/slack/api/").into(),
            ["the", "app", "bot", "token", token] => found["bot"] = (*token).into(),
            ["OAuth", "client", id] => found["client_id"] = (*id).into(),
            ["and", "its", "secret", secret] => found["client_secret"] = (*secret).into(),
            [name, id, token] if token.starts_with("xoxp-") => {
                people.insert(*name, json!({"id": id, "token": token}));
            }
            [id, name] if name.starts_with('#') && id.starts_with('C') => {
                channels.insert(&name[1..], *id);
            }
            [names @ .., token] if in_zendesk && token.len() > 30 && !names.is_empty() => {
                agents.insert(names.join(" "), *token);
            }
            _ => {}
        }
    }
    found["people"] = json!(people);
    found["channels"] = json!(channels);
    found["agents"] = json!(agents);
    found
}

/// A firm in this process, with `POST /act`, which makes people act and answers what Slack then sends.
async fn stage() -> Value {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let now: Now = Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis() as i64);
    let empty = Furnishing { past: false, more_tickets: 0 };
    let sandbox = Sandbox::furnished(&base, now, 1, Credentials::of_seed(1), empty);
    sandbox.slack.subscribe_to_all();
    let act = axum::Router::new().route("/act", post(act)).with_state(sandbox.clone());
    let router = sandbox.router().merge(act);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let credentials = sandbox.credentials();
    json!({"base": base, "bot": credentials.slack_bot_token, "signing_secret": credentials.slack_signing_secret})
}

/// `{"act", "user", "channel", "ts", "name", "text", "value", "values", "answer"}`: somebody does something, and the app answers
/// this to whatever Slack sends.
async fn act(State(sandbox): State<Sandbox>, Json(asked): Json<Value>) -> Json<Value> {
    let slack = &sandbox.slack;
    let word = |name: &str| asked[name].as_str().unwrap_or_default();
    let (user, channel, ts, name) = (word("user"), word("channel"), word("ts"), word("name"));
    let done: Result<(), String> = match word("act") {
        "say" => slack.say(user, channel, Some(ts).filter(|ts| !ts.is_empty()), word("text")).map(drop),
        "command" => {
            slack.command(user, channel, name, word("text"));
            Ok(())
        }
        "press" => slack.press(user, channel, ts, name),
        "shortcut" => slack.message_shortcut(user, channel, ts, name),
        "submit" => slack.submit_view(user, &asked["values"]).map(drop),
        "use" => slack.use_in_view(user, name, &asked["value"]).map(drop),
        "suggest" => slack.suggest_in_view(user, name, word("text")).map(drop),
        other => Err(format!("nobody can {other:?}")),
    };
    let body = if asked["answer"].is_null() { Vec::new() } else { asked["answer"].to_string().into_bytes() };
    let parcels = slack.take_due();
    let sent = parcels.iter().map(shown).collect::<Vec<Value>>();
    for parcel in parcels {
        slack.settle(parcel.id, Receipt::Answered { status: 200, retry_after: None, body: body.clone() });
    }
    Json(json!({"error": done.err(), "sent": sent, "modals": slack.modals(user), "ephemerals": slack.ephemerals(user)}))
}

fn shown(parcel: &Parcel) -> Value {
    let headers: BTreeMap<String, &str> =
        parcel.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str())).collect();
    json!({"path": parcel.path, "headers": headers, "body": String::from_utf8_lossy(&parcel.body)})
}

/// Runs a script to its end; it says itself what is wrong.
async fn run(script: Option<Command>) {
    let Some(mut script) = script else { return };
    let _turn = TURN.lock().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (_demo, mut sandbox) = demo(folder.path());
    sandbox["stage"] = stage().await;
    script.env("SANDBOX", sandbox.to_string()).env("NO_PROXY", "127.0.0.1").stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || script.output()).await.expect("it ran").expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("all is well"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slacks_client_for_node() {
    run(node("slack.js")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_zendesk() {
    run(node("zendesk.js")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slacks_client_for_python() {
    run(python("slack_client.py")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zenpy() {
    run(python("zendesk_client.py")).await;
}
