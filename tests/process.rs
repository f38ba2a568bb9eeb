//! The real binary, over real connections and in real time: how it starts, stops, is killed, and what it refuses.

#[allow(dead_code)]
mod loopback;
#[allow(dead_code)]
#[path = "it/house.rs"]
mod stepped;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Value, json};
use sidethread::sandbox::post::{Now, Sender};
use sidethread::wire::{HttpWire, Wire};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio_util::sync::CancellationToken;

use loopback::{Firm, Server, fault};

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(30);

fn now() -> Now {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64)
}

fn http() -> HttpWire {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    HttpWire::new().unwrap()
}

/// Waits until something has become true.
async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is().await {
        assert!(begun.elapsed() < PATIENCE, "it never came: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A firm, a folder with settings and database, and somebody who carries what the vendors send.
struct House {
    firm: Arc<Firm>,
    folder: tempfile::TempDir,
    listen: SocketAddr,
    admin: SocketAddr,
    /// Where the app is, while it is to be called.
    app: Arc<Mutex<Option<SocketAddr>>>,
}

impl House {
    async fn new() -> House {
        let firm = Arc::new(Firm::new(now()).await);
        let folder = tempfile::tempdir().unwrap();
        let app = Arc::new(Mutex::new(None));
        tokio::spawn(carry(firm.clone(), app.clone()));
        let (listen, admin) = free_ports();
        let house = House { firm, folder, listen, admin, app };
        house.write("sidethread.toml", &house.config("a.db"));
        house
    }

    fn config(&self, database: &str) -> String {
        let database = self.folder.path().join(database);
        let server = format!("listen = \"{}\"\nadmin_listen = \"{}\"", self.listen, self.admin);
        self.firm.config(&database.display().to_string(), &server, "")
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        self.readable_by(&path, 0o600);
        path
    }

    fn readable_by(&self, path: &Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn command(&self, command: &str, config: &str) -> Command {
        let mut process = Command::new(env!("CARGO_BIN_EXE_sidethread"));
        process
            .args(command.split(' '))
            .arg("--config")
            .arg(self.folder.path().join(config))
            .current_dir(self.folder.path());
        process.env_remove("RUST_LOG").stdin(Stdio::null());
        process
    }

    /// Runs a command that is to end by itself; gives exit code, standard output and standard error.
    async fn run(&self, command: &str, config: &str) -> (Option<i32>, String, String) {
        let file = |name: &str| {
            let path = self.folder.path().join(name);
            (std::fs::File::create(&path).unwrap(), path)
        };
        let ((out, out_path), (err, err_path)) = (file("out"), file("err"));
        let child = self.command(command, config).stdout(out).stderr(err).spawn().unwrap();
        let code = Running { child, log: err_path.clone(), listen: self.listen, admin: self.admin }.end().await;
        (code, std::fs::read_to_string(out_path).unwrap(), std::fs::read_to_string(err_path).unwrap())
    }

    /// Runs a command that must fail in one try, and gives what it said.
    async fn refused(&self, command: &str, config: &str) -> String {
        self.refused_with(1, command, config).await
    }

    /// Runs a command that must fail in one try with this exit code, and gives what it said.
    async fn refused_with(&self, expected: i32, command: &str, config: &str) -> String {
        let (code, out, err) = self.run(command, config).await;
        let said = err + &out;
        assert_eq!(code, Some(expected), "{said}");
        assert!(!said.contains("-canary"), "a secret is shown: {said}");
        assert!(!said.contains("panicked") && !said.contains("Error {"), "{said}");
        said
    }

    /// Starts the bridge and waits until it is ready.
    async fn start(&self) -> Running {
        let log = self.folder.path().join("log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = self.command("serve", "sidethread.toml").stderr(file).spawn().unwrap();
        let mut running = Running { child, log, listen: self.listen, admin: self.admin };
        until("readiness", async || {
            assert_eq!(running.child.try_wait().unwrap(), None, "it ended: {}", running.said());
            running.ask("/readyz").await.is_some_and(|(status, body)| status == 200 && body["waiting"].is_object())
        })
        .await;
        *self.app.lock().unwrap() = Some(self.listen);
        running
    }

    /// Nobody calls the app from here on.
    fn hold_calls(&self) {
        *self.app.lock().unwrap() = None;
    }

    async fn count(&self, sql: &'static str) -> i64 {
        let options = SqliteConnectOptions::new().filename(self.folder.path().join("a.db")).read_only(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let count = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
        pool.close().await;
        count
    }

    /// A side conversation whose card stands.
    async fn thread(&self) -> (String, String) {
        // What is as old as the first start is not bridged.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let sc = self.firm.ask("Scanner", "<p>Down?</p>");
        until("the card", async || self.firm.card(&sc).is_some()).await;
        let ts = self.firm.card(&sc).unwrap();
        (sc, ts)
    }

    fn say(&self, ts: &str, text: &str) {
        self.firm.slack.say(&self.firm.ana, &self.firm.engineering, Some(ts), text).unwrap();
    }
}

/// Carries parcels, each until somebody takes it, as a vendor whose call hangs while nobody listens.
async fn carry(firm: Arc<Firm>, app: Arc<Mutex<Option<SocketAddr>>>) {
    let wire = http();
    loop {
        for sender in [&firm.slack as &dyn Sender, &firm.zendesk] {
            for parcel in sender.take_due() {
                let receipt = loop {
                    let address = *app.lock().unwrap();
                    if let Some(address) = address
                        && let Ok(receipt) = loopback::deliver(&wire, address, &parcel).await
                    {
                        break receipt;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                };
                sender.settle(parcel.id, receipt);
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn free_ports() -> (SocketAddr, SocketAddr) {
    let bind = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (one, other) = (bind(), bind());
    (one.local_addr().unwrap(), other.local_addr().unwrap())
}

/// The bridge at work; killed when it is dropped.
struct Running {
    child: Child,
    log: PathBuf,
    listen: SocketAddr,
    admin: SocketAddr,
}

impl Running {
    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    async fn get(&self, path: &str) -> Option<(u16, Value)> {
        get(self.listen, path).await
    }

    /// As its operator.
    async fn ask(&self, path: &str) -> Option<(u16, Value)> {
        get(self.admin, path).await
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(format!("-{name}")).arg(id).status().unwrap().success());
    }

    /// Waits for the end and gives the exit code.
    async fn end(&mut self) -> Option<i32> {
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "it does not end: {}", self.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.child.wait().unwrap().code()
    }

    /// Asks it to end, which it must do soon and well.
    async fn stop(&mut self) {
        let begun = Instant::now();
        self.signal("TERM");
        let code = self.end().await;
        assert_eq!(code, Some(0), "{}", self.said());
        assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn get(address: SocketAddr, path: &str) -> Option<(u16, Value)> {
    let request = http::Request::get(format!("http://{address}{path}")).body(Bytes::new()).unwrap();
    let response = http().send(request).await.ok()?;
    Some((response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or_default()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_carries_words_both_ways_and_serves_nothing_else() {
    let house = House::new().await;
    let mut app = house.start().await;
    let (sc, ts) = house.thread().await;
    house.firm.zendesk.reply(house.firm.zoe, &sc, "<p>from Zendesk</p>");
    house.say(&ts, "from Slack");
    until("both", async || house.firm.said(&sc).len() + house.firm.answers(&sc).len() == 2).await;
    assert_eq!(house.firm.said(&sc), ["from Zendesk"]);
    assert_eq!(house.firm.answers(&sc), ["from Slack"]);
    for path in [
        "/",
        "/sandbox",
        "/sandbox/faults",
        "/slack/api/auth.test",
        "/slack/response/x",
        "/zendesk/api/v2/users/me.json",
        "/zendesk/oauth/tokens",
        "/metrics",
    ] {
        assert_eq!(app.get(path).await.unwrap().0, 404, "{path}");
    }
    assert_eq!(app.get("/healthz").await.unwrap().0, 200);
    assert_eq!(get(house.admin, "/metrics").await.unwrap().0, 200);
    app.stop().await;
    let said = app.said();
    assert!(!said.contains("-canary") && !said.contains("@acme.example"), "{said}");
    // Standard error is no terminal here, so each line is JSON.
    assert!(said.lines().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object())), "{said}");
    assert!(!said.contains("\"ERROR\"") && !said.contains("\"WARN\""), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_looks_and_decides_while_it_runs_and_when_it_does_not() {
    let house = House::new().await;
    let mut app = house.start().await;
    let (sc, ts) = house.thread().await;
    let ran = async |command: String| {
        let (code, out, err) = house.run(&command, "sidethread.toml").await;
        assert_eq!(code, Some(0), "{command}: {err}{out}");
        out
    };
    let parked = async |text: &str| {
        fault(house.firm.zendesk.faults(), json!({"call": "POST …/reply", "fault": "refused", "times": 1}));
        house.say(&ts, text);
        let waits = "SELECT count(*) FROM outbox WHERE state = 'parked'";
        until("it is parked", async || house.count(waits).await == 1).await;
        house.count("SELECT id FROM outbox WHERE state = 'parked'").await
    };
    let id = parked("one").await;
    let listed = ran("parked list".to_owned()).await;
    assert!(listed.contains(&format!("  {id}  reply to Zendesk")), "{listed}");
    assert!(ran(format!("parked show {id} --text")).await.contains("| one"));
    assert!(ran(format!("trace {sc}")).await.contains(&format!("sidethread parked show {id}")));
    assert!(house.refused(&format!("parked drop {id}"), "sidethread.toml").await.contains("--yes"));
    assert!(house.refused("parked retry 999", "sidethread.toml").await.contains("no parked call"));
    assert!(house.refused("trace nonsense", "sidethread.toml").await.contains("Copy link"));
    assert!(ran(format!("parked retry {id}")).await.contains("is tried again"));
    until("it is there", async || house.firm.answers(&sc) == ["one"]).await;

    let id = parked("two").await;
    app.stop().await;
    assert!(ran("parked list".to_owned()).await.contains(&format!("  {id}  reply to Zendesk")));
    assert!(ran(format!("parked drop {id} --yes")).await.contains("given up"));
    assert_eq!(ran("parked list".to_owned()).await, "Nothing is parked.\n");
    assert!(ran(format!("trace {sc}")).await.contains("given up: a person wanted that"));
    let mut app = house.start().await;
    house.say(&ts, "three");
    until("what came after", async || house.firm.answers(&sc) == ["one", "three"]).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_end_it_finishes_what_it_has_in_hand() {
    let house = House::new().await;
    let mut app = house.start().await;
    let (sc, ts) = house.thread().await;
    let slow = |call: &str| json!({"call": call, "fault": "latency", "ms": 1000, "times": 1});
    fault(house.firm.slack.faults(), slow("chat.postMessage"));
    fault(house.firm.zendesk.faults(), slow("POST …/reply"));
    house.firm.slack.clear_calls();
    house.firm.zendesk.reply(house.firm.zoe, &sc, "<p>in hand</p>");
    house.say(&ts, "in hand");
    until("both calls", async || {
        let posting = house.firm.slack.calls().iter().any(|(call, _)| call == "chat.postMessage");
        posting && !house.firm.answers(&sc).is_empty()
    })
    .await;
    house.hold_calls();
    app.stop().await;
    assert_eq!(house.firm.said(&sc), ["in hand"]);
    assert_eq!(house.firm.answers(&sc), ["in hand"]);
    assert_eq!(house.count("SELECT count(*) FROM outbox WHERE state = 'waiting'").await, 0, "an answer was dropped");

    let mut app = house.start().await;
    house.say(&ts, "after");
    until("what came after", async || house.firm.answers(&sc).len() > 1).await;
    assert_eq!(house.firm.said(&sc), ["in hand"]);
    assert_eq!(house.firm.answers(&sc), ["in hand", "after"]);
    app.stop().await;
}

#[tokio::test]
async fn what_was_written_as_begun_and_not_made_is_made_at_once_by_the_next_process() {
    let mut app = stepped::House::new().await;
    let sc = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&sc);
    app.slack.say(&app.ana, &channel, Some(&ts), "decided").unwrap();
    app.bring().await;
    assert_eq!(app.answers(&sc), Vec::<String>::new());
    let begun = async || {
        let options = SqliteConnectOptions::new().filename(app.database()).read_only(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE state = 'waiting' AND attempts > 0")
            .fetch_one(&pool)
            .await
            .unwrap();
        pool.close().await;
        count
    };
    assert_eq!(begun().await, 1, "the story did not happen");
    let stop = CancellationToken::new();
    stop.cancel();
    app.app.engine().unwrap().work(stop).await;
    assert_eq!(begun().await, 0);
    app.restart().await;
    // Far less than Zendesk's reads may lag.
    app.settle_within(Duration::from_secs(1)).await;
    assert_eq!(app.answers(&sc), ["decided"]);
    app.ends_quietly().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_never_finishes_does_not_hold_up_the_end() {
    let house = House::new().await;
    let mut app = house.start().await;
    let mut callers = Vec::new();
    for begun in ["", "POST /slack/ev", "POST /slack/events HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{\"a"] {
        let mut caller = TcpStream::connect(house.listen).unwrap();
        caller.write_all(begun.as_bytes()).unwrap();
        callers.push(caller);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_it_loses_and_doubles_nothing() {
    let house = House::new().await;
    let mut app = house.start().await;
    let (sc, ts) = house.thread().await;
    let slow = |call: &str| json!({"call": call, "fault": "latency", "ms": 120});
    fault(house.firm.slack.faults(), slow("chat.postMessage"));
    fault(house.firm.zendesk.faults(), slow("POST …/reply"));
    let mut texts = Vec::new();
    for round in 0..3 {
        for n in 0..4 {
            let text = format!("{round}-{n}");
            house.firm.zendesk.reply(house.firm.zoe, &sc, &format!("<p>{text}</p>"));
            house.say(&ts, &text);
            texts.push(text);
        }
        // Each time at another point of the work.
        let there = texts.len() - 3;
        until("some of it", async || house.firm.said(&sc).len().max(house.firm.answers(&sc).len()) >= there).await;
        tokio::time::sleep(Duration::from_millis(37 * round)).await;
        app.signal("KILL");
        assert_eq!(app.end().await, None);
        house.hold_calls();
        app = house.start().await;
    }
    until("all of it", async || {
        house.firm.said(&sc).len() >= texts.len() && house.firm.answers(&sc).len() >= texts.len()
    })
    .await;
    until("quiet", async || {
        let (_, ready) = app.ask("/readyz").await.unwrap();
        let waiting = &ready["waiting"];
        waiting["events"] == 0 && waiting["to_slack"] == 0 && waiting["to_zendesk"] == 0
    })
    .await;
    assert_eq!(house.firm.answers(&sc), texts);
    assert_eq!(house.firm.said(&sc), texts);
    let cards = house.firm.slack.messages(&house.firm.engineering);
    let is_card = |m: &&Value| m["metadata"]["event_payload"]["k"].as_str().is_some_and(|k| k.contains("/card"));
    assert_eq!(cards.iter().filter(is_card).count(), 1);
    assert_eq!(house.count("SELECT count(*) FROM outbox WHERE state = 'parked'").await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_its_first_card_it_posts_one() {
    let house = House::new().await;
    let mut app = house.start().await;
    fault(house.firm.slack.faults(), json!({"call": "chat.postMessage", "fault": "latency", "ms": 300, "times": 1}));
    house.firm.slack.clear_calls();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let sc = house.firm.ask("Scanner", "<p>Down?</p>");
    until("the call", async || house.firm.slack.calls().iter().any(|(call, _)| call == "chat.postMessage")).await;
    app.signal("KILL");
    app.end().await;
    house.hold_calls();
    let mut app = house.start().await;
    until("the card", async || house.firm.card(&sc).is_some()).await;
    house.say(&house.firm.card(&sc).unwrap(), "answer");
    until("the answer", async || !house.firm.answers(&sc).is_empty()).await;
    let messages = house.firm.slack.messages(&house.firm.engineering);
    assert_eq!(messages.iter().filter(|m| m["metadata"].is_object()).count(), 1, "one card");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_database_is_refused() {
    let house = House::new().await;
    let mut app = house.start().await;
    let (listen, admin) = free_ports();
    let config = house.config("a.db");
    let config = config.replace(&house.listen.to_string(), &listen.to_string());
    house.write("second.toml", &config.replace(&house.admin.to_string(), &admin.to_string()));
    let said = house.refused("serve", "second.toml").await;
    assert!(said.contains("another sidethread process is using") && said.contains("stop it first"), "{said}");
    house.write("third.toml", &house.config("b.db"));
    let said = house.refused("serve", "third.toml").await;
    assert!(said.contains("server.listen") && said.contains("is in use by another program"), "{said}");
    assert_eq!(app.get("/readyz").await.unwrap().0, 200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_wrong_is_named() {
    let house = House::new().await;
    let config = house.config("a.db");
    let line = |key: &str| config.lines().find(|line| line.trim().starts_with(key)).unwrap().to_owned();
    let cases = [
        (78, "signing_secret", "", &["slack.signing_secret: missing", "set signing_secret under [slack]"][..]),
        (78, "webhook_secret", "", &["zendesk.webhook_secret: missing", "set webhook_secret under [zendesk]"]),
        (78, "bot_token", "bot_token = \"xoxe.xoxb-1-token-canary\"", &["slack.bot_token", "otation"]),
        (1, "client_secret", "client_secret = \"wrong-canary\"", &["check client_id and client_secret"]),
        (
            1,
            "bot_token",
            "bot_token = \"xoxb-other-canary\"",
            &["does not accept the bot token", "install the app again"],
        ),
        (78, "client_id", "cleint_id = \"client\"", &["cleint_id", "client_id"]),
    ];
    for (n, (code, key, instead, expected)) in cases.into_iter().enumerate() {
        // A database remembers who the app is, and then a dead token stops nobody.
        let config = config.replace(&line(key), instead).replace("a.db", &format!("{n}.db"));
        house.write("wrong.toml", &config);
        // What no restart can help has an exit code of its own; what a vendor refuses may change there.
        let said = house.refused_with(code, "serve", "wrong.toml").await;
        for expected in expected {
            assert!(said.contains(expected), "no {expected:?} in:\n{said}");
        }
    }
    let said = house.refused_with(78, "serve", "nowhere.toml").await;
    assert!(said.contains("nowhere.toml") && said.contains("cannot be read"), "{said}");
    let database = config.lines().find(|line| line.contains("sqlite://")).unwrap();
    house.write("wrong.toml", &config.replace(database, "url = \"sqlite:///nowhere/at/all/a.db\""));
    let said = house.refused("serve", "wrong.toml").await;
    assert!(said.contains("/nowhere/at/all/a.db cannot be opened or created"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_org_wide_install_is_refused() {
    let house = House::new().await;
    let test = json!({"ok": true, "url": "https://acme.slack.com/", "team": "Acme", "team_id": "", "user": "bot",
        "user_id": "U1", "bot_id": "B1", "is_enterprise_install": true, "enterprise_id": "E1"});
    let answer = move || {
        let test = test.clone();
        async { axum::Json(test) }
    };
    let router = axum::Router::new().route("/slack/api/auth.test", axum::routing::post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let org = Server::new(listener, router);
    let config = house.config("a.db").replace(&house.firm.slack_server.address.to_string(), &org.address.to_string());
    house.write("org.toml", &config);
    let said = house.refused("serve", "org.toml").await;
    assert!(said.contains("whole Slack organisation") && said.contains("install it in one workspace"), "{said}");
    let said = house.refused("check", "org.toml").await;
    assert!(said.contains("FAIL") && said.contains("organi"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_says_whether_it_would_work() {
    let house = House::new().await;
    let (code, said, _) = house.run("check", "sidethread.toml").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("ok    Slack takes the bot token") && !said.contains("FAIL"), "{said}");
    assert!(!said.contains("-canary"), "{said}");
    assert!(!house.folder.path().join("a.db").exists(), "it makes no database");
    assert!(!said.contains("chmod 600"), "{said}");
    house.readable_by(&house.folder.path().join("sidethread.toml"), 0o644);
    let (_, said, _) = house.run("check", "sidethread.toml").await;
    assert!(said.contains("note") && said.contains("may read its secrets; chmod 600"), "{said}");
    let calls = house.firm.slack.calls();
    assert!(calls.iter().all(|(call, _)| !call.starts_with("chat.") && call != "conversations.join"), "{calls:?}");

    fault(house.firm.slack.faults(), json!({"call": "*", "fault": "token_revoked"}));
    let said = house.refused("check", "sidethread.toml").await;
    assert!(said.contains("FAIL  Slack refused") && said.contains("token_revoked"), "{said}");
    house.firm.slack.faults().clear();
    fault(house.firm.zendesk.faults(), json!({"call": "*", "fault": "token_revoked"}));
    let said = house.refused("check", "sidethread.toml").await;
    assert!(said.contains("FAIL  Zendesk"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manifest_is_printed_with_the_public_url() {
    let house = House::new().await;
    let (code, printed, said) = house.run("manifest", "sidethread.toml").await;
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let manifest: Value = serde_saphyr::from_str(&printed).unwrap();
    let url = &manifest["settings"]["event_subscriptions"]["request_url"];
    assert_eq!(*url, json!("http://127.0.0.1:9/slack/events"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_says_whether_it_runs() {
    let house = House::new().await;
    let said = house.refused("health", "sidethread.toml").await;
    assert!(said.contains("is `sidethread serve` running?"), "{said}");
    let mut app = house.start().await;
    for command in ["health", "health --ready"] {
        let (code, out, err) = house.run(command, "sidethread.toml").await;
        assert!(code == Some(0) && !out.is_empty() && err.is_empty(), "{command}: {out}{err}");
    }
    app.stop().await;
}

/// As systemd runs it under `Type=notify` with `WatchdogSec`.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_manager_is_told() {
    let house = House::new().await;
    let path = house.folder.path().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
    let heard = async || {
        let mut text = [0; 256];
        let read = tokio::time::timeout(PATIENCE, socket.recv(&mut text)).await.expect("nothing is told").unwrap();
        String::from_utf8(text[..read].to_vec()).unwrap()
    };
    let log = house.folder.path().join("log");
    let mut command = house.command("serve", "sidethread.toml");
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000").env_remove("WATCHDOG_PID");
    let child = command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let mut app = Running { child, log, listen: house.listen, admin: house.admin };
    let first = heard().await;
    assert!(first.starts_with("READY=1\n"), "{first}");
    assert!(app.get("/healthz").await.is_some(), "it listens once it says so");
    let mut told = Vec::new();
    while !(told.iter().any(|text| text == "STATUS=Bridging.")
        && told.iter().filter(|text| *text == "WATCHDOG=1").count() > 4)
    {
        told.push(heard().await);
    }
    app.stop().await;
    while !told.iter().any(|text: &String| text.starts_with("STOPPING=1\n")) {
        told.push(heard().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_typed_wrong_is_explained() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_sidethread")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&["--help"]);
    assert!(code == Some(0) && ["demo", "serve", "check", "manifest"].iter().all(|c| said.contains(c)), "{said}");
    let (code, said) = run(&["--version"]);
    assert!(code == Some(0) && said.starts_with("sidethread "), "{said}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, said) = run(&["completions", shell]);
        assert!(code == Some(0) && said.contains("sidethread") && said.contains("parked"), "{shell}: {said}");
    }
    let (code, said) = run(&["sevre"]);
    assert!(code == Some(2) && said.contains("'serve'"), "{said}");
    assert!(Path::new(env!("CARGO_BIN_EXE_sidethread")).exists());
}
