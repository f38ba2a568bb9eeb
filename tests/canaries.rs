//! Nothing that is said or secret gets into the log, at any level and of any crate, and no secret into the database.

#[allow(dead_code)]
#[path = "it/house.rs"]
mod house;
#[allow(dead_code)]
mod loopback;

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use sidethread::cli::app::App;
use sidethread::config::Config;
use sidethread::engine::clock::{Clock, ManualClock};
use sidethread::sandbox::post::{Receipt, Sender};
use sidethread::sandbox::slack::{ChannelSpec, PersonSpec, Say};
use sidethread::sandbox::zendesk::{TicketChange, Unconfirmed};
use sidethread::store::Store;
use sidethread::wire::{HttpWire, Wire, WireError};
use tokio_util::sync::CancellationToken;

use house::{House, START_MS, Setup};
use loopback::{Firm, Server, fault};

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What never stands in the log. Every secret, message, comment, subject and file name of these stories ends in
/// `-canary`, and every address has one of these domains.
const NEVER: &[&str] = &[
    "-canary",
    "sandboxVerificationToken",
    "sandbox-access-token",
    "sandbox-api-token",
    "/slack/response/",
    "@acme.example",
    "@mail.example",
    "@slack.acme.example",
    "@supplier.example",
    "%40",
    "Bearer ",
    "Basic ",
];

struct Sink;

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Collects what any crate says, through `tracing` or `log`, spans included.
fn listen() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(|| Sink)
            .init();
    });
}

fn log() -> String {
    String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
}

/// Looks through all that was logged so far.
fn nothing_was_told() {
    let log = log();
    let found = leaks(&log, &SECRETS.lock().unwrap());
    assert!(found.is_empty(), "{} lines tell too much, such as:\n{}", found.len(), found[0]);
}

/// The lines that tell a secret, or of trouble with a URL that has a query.
fn leaks<'a>(log: &'a str, secrets: &[String]) -> Vec<&'a str> {
    let tells = |line: &str| {
        NEVER.iter().copied().chain(secrets.iter().map(String::as_str)).any(|canary| line.contains(canary))
    };
    let is_trouble =
        |line: &str| line.split_whitespace().nth(1).is_some_and(|level| ["WARN", "ERROR"].contains(&level));
    let has_query = |line: &str| {
        let mut urls = line.match_indices("://").filter_map(|(at, _)| line[at..].split_whitespace().next());
        urls.any(|url| url.contains('?'))
    };
    log.lines().filter(|line| tells(line) || is_trouble(line) && has_query(line)).collect()
}

/// Looks through the database's files, what was deleted and not yet overwritten included.
fn nothing_secret_is_stored(database: &Path) {
    let secrets = SECRETS.lock().unwrap().clone();
    let more = ["xoxb-", "secret-canary", "sandboxVerificationToken", "/slack/response/", "Bearer "];
    for file in [database.to_owned(), database.with_extension("db-wal")] {
        let text = String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned();
        for canary in more.iter().copied().chain(secrets.iter().map(String::as_str)) {
            if let Some(at) = text.find(canary) {
                let from = text[..at].char_indices().rev().nth(200).map_or(0, |(i, _)| i);
                panic!("{canary:?} is stored: {}", &text[from..at + canary.len()]);
            }
        }
    }
}

/// Words go both ways, in every shape, with buttons and commands.
async fn chat(app: &House, side_conversation: &str) {
    let (channel, ts) = app.thread(side_conversation);
    let say = |text: &str| Say { thread_ts: Some(ts.clone()), text: text.into(), ..Default::default() };
    let slack = &app.slack;
    let first = slack.say_with(&app.ana, &channel, say("plain text-canary <https://a.example/?q=url-canary>")).unwrap();
    slack.say_with(&app.ana, &channel, Say { broadcast: true, ..say("broadcast-canary") }).unwrap();
    slack.say_with(&app.ben, &channel, Say { me: true, ..say("me-canary") }).unwrap();
    let file = json!({"id": "F1", "name": "file-name-canary.txt", "mode": "hosted"});
    slack.say_with(&app.ben, &channel, Say { files: vec![file], ..say("with-file-canary") }).unwrap();
    slack.say(&app.ana, &channel, None, "channel-canary").unwrap();
    let reply = slack.say(&app.ana, &channel, Some(&ts), "to-be-edited-canary").unwrap();
    slack.edit(&app.ana, &channel, &reply, "edited-canary").unwrap();
    slack.react(&app.ben, &channel, &first, "thumbsup").unwrap();
    slack.delete(&app.ana, &channel, &reply).unwrap();
    let photo = app.zendesk.add_file("photo-canary.jpg", "image/jpeg", b"jpeg");
    app.zendesk.reply_with(app.zoe, side_conversation, "<p>html-canary</p>", &[&photo]);
    app.zendesk.add_comment(app.ticket, app.zoe, "comment-canary", false);
    app.zendesk.reply_by_mail("carla@mail.example", side_conversation, "mail-canary");
    app.settle().await;
    for person in [&app.guest, &app.stranger, &app.ana, &app.ana] {
        let _ = slack.press(person, &channel, &ts, "mark_done");
        app.settle().await;
        let _ = slack.press(person, &channel, &ts, "reopen");
        app.settle().await;
    }
    for text in ["", "help", "list", "35436 command-canary", "list ana@acme.example"] {
        slack.command(&app.ana, &channel, "/side-convo", text);
    }
    for shortcut in ["attach_to_ticket", "shortcut"] {
        slack.message_shortcut(&app.ana, &channel, &ts, shortcut).unwrap();
    }
    app.settle().await;
}

/// Requests that nobody may send, and those that nobody can read.
async fn knock(app: &House, side_conversation: &str) {
    let (channel, ts) = app.thread(side_conversation);
    let body = "token=sandboxVerificationToken&text=forged-canary&response_url=https%3A%2F%2Fa%2Fslack%2Fresponse%2Fx";
    let long = format!("\"{}-canary\"", "x".repeat(1 << 20));
    let now = (app.clock.now_ms() / 1000).to_string();
    let headers = [
        ("x-slack-request-timestamp", now.as_str()),
        ("x-slack-signature", "v0=signature-canary"),
        ("x-zendesk-webhook-signature", "signature-canary"),
        ("x-zendesk-webhook-signature-timestamp", "2026-11-22T10:00:00Z"),
        ("x-slack-retry-num", "1"),
        ("authorization", "Bearer header-canary"),
    ];
    for path in ["/slack/events", "/slack/commands", "/slack/interactions", "/zendesk/webhook"] {
        for (headers, body) in [(&headers[..], body), (&[][..], body), (&headers[..], long.as_str())] {
            assert!(app.post(path, headers, body.as_bytes()).await >= 400);
        }
    }
    let odd =
        json!({"type": "message", "channel": channel, "thread_ts": ts, "ts": 5, "user": app.ana, "text": "odd-canary"});
    app.slack.send_event(Some(&channel), odd);
    app.slack.send_event(Some(&channel), json!({"type": "invented", "text": "invented-canary"}));
    app.slack
        .send_raw(&json!({"type": "url_verification", "token": "sandboxVerificationToken", "challenge": "c-canary"}));
    app.slack.send_raw(&json!({"type": "app_rate_limited", "token": "sandboxVerificationToken"}));
    app.slack.send_raw(&json!(["array-canary"]));
    app.settle().await;
    for path in ["/readyz?token=query-canary", "/nowhere-canary", "/healthz"] {
        app.get(path).await;
    }
}

#[tokio::test]
async fn stories_leave_nothing_in_the_log() {
    listen();
    let setup = || Setup {
        config: "",
        routes: "operator_channel = \"#operators\"\n[[routes]]\nname = \"partner\"\nrecipients = [\"*@mail.example\"]\n\
                 channel = \"#engineering\"\noutside = \"send\"",
        ..Default::default()
    };
    let app = House::with(setup()).await;
    app.slack.add_channel(ChannelSpec { name: "operators".into(), ..Default::default() });
    let sc =
        app.ask("engineering", "subject-canary", "<p>Is <b>it</b> html-canary? write to ana@acme.example</p>").await;
    chat(&app, &sc).await;
    knock(&app, &sc).await;
    // Kept in Slack, let out by a route, to nowhere, to two places, left alone and then not.
    let mixed = app
        .ask_all(&["engineering@slack.acme.example", "new@supplier.example"], "mixed-canary", "<p>a-canary</p>")
        .await;
    chat(&app, &mixed).await;
    let partner = app.ask_all(&["carla@mail.example"], "partner-canary", "<p>b-canary</p>").await;
    chat(&app, &partner).await;
    app.ask("nowhere", "lost-canary", "<p>c-canary</p>").await;
    app.ask_all(&["engineering@slack.acme.example", "operators@slack.acme.example"], "two-canary", "<p>d-canary</p>")
        .await;
    app.ask_all(&["yan@acme.example"], "alone-canary", "<p>e-canary</p>").await;
    app.slack.update_person(&app.ana, |p| p.real_name = "Ana renamed-canary".into()).unwrap();
    app.slack.rename_channel(&app.engineering, "engineers").unwrap();
    app.zendesk.suspend_user(app.yan, true);
    let bot = PersonSpec { name: "robo".into(), real_name: "Robo".into(), is_bot: true, ..Default::default() };
    let bot = app.slack.add_person(bot);
    app.slack.set_members(&app.engineering, &[app.ana.clone(), bot.clone()]).unwrap();
    let (channel, ts) = app.thread(&sc);
    let _ = app.slack.say(&bot, &channel, Some(&ts), "beep-canary");
    app.zendesk.set_state(app.zoe, &sc, "closed");
    app.settle().await;
    let ticket = TicketChange { status: Some("closed".into()), ..Default::default() };
    app.zendesk.set_ticket(app.ticket, ticket);
    app.slack.say(&app.ana, &channel, Some(&ts), "late-canary").unwrap();
    app.slack.archive_channel(&channel).unwrap();
    app.zendesk.reply(app.zoe, &sc, "<p>to-the-archive-canary</p>");
    app.pass(Duration::from_secs(40 * 60)).await;
    nothing_secret_is_stored(&app.database());
    nothing_was_told();
}

#[tokio::test]
async fn faults_leave_nothing_in_the_log() {
    listen();
    let mut kinds = vec![
        json!({"fault": "rate_limited", "retry_after": 3}),
        json!({"fault": "dropped_before"}),
        json!({"fault": "dropped_after"}),
        json!({"fault": "html"}),
        json!({"fault": "error_after"}),
        json!({"fault": "token_revoked"}),
    ];
    kinds.extend(
        [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 503]
            .map(|status| json!({"fault": "status", "status": status})),
    );
    for deliveries in ["events_twice", "events_shuffled", "events_never"] {
        kinds.push(json!({"fault": deliveries, "call": "events"}));
    }
    kinds.push(json!({"fault": "reads_lag", "secs": 20}));
    for (n, kind) in kinds.iter().enumerate() {
        let unconfirmed = Unconfirmed { external_ids_echoed: n % 2 == 0, ..Default::default() };
        let mut app = House::with(Setup { unconfirmed, admin: n % 3 > 0, ..Default::default() }).await;
        SECRETS.lock().unwrap().extend(app.zendesk.token_of(app.yan));
        let sc = app.ask("engineering", "subject-canary", "<p>before-canary</p>").await;
        let mut rule = kind.clone();
        if rule["call"].is_null() {
            rule["call"] = "*".into();
        }
        rule["times"] = 7.into();
        fault(app.slack.faults(), rule.clone());
        fault(app.zendesk.faults(), rule);
        let (channel, ts) = app.thread(&sc);
        app.zendesk.reply(app.zoe, &sc, "<p>during-canary</p>");
        app.slack.say(&app.ana, &channel, Some(&ts), "during-canary").unwrap();
        app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
        app.ask("engineering", "second-canary", "<p>second-canary</p>").await;
        app.restart().await;
        app.settle().await;
        app.pass(Duration::from_secs(120)).await;
        nothing_secret_is_stored(&app.database());
    }
    nothing_was_told();
}

#[tokio::test]
async fn dead_tokens_and_a_closed_database_leave_nothing_in_the_log() {
    listen();
    let app = House::new().await;
    let sc = app.ask("engineering", "subject-canary", "<p>before-canary</p>").await;
    let (channel, ts) = app.thread(&sc);
    for faults in [app.slack.faults(), app.zendesk.faults()] {
        fault(faults, json!({"call": "*", "fault": "token_revoked"}));
    }
    app.zendesk.reply(app.zoe, &sc, "<p>during-canary</p>");
    app.slack.say(&app.ana, &channel, Some(&ts), "during-canary").unwrap();
    app.pass(Duration::from_secs(3600)).await;
    app.slack.faults().clear();
    app.zendesk.faults().clear();
    app.pass(Duration::from_secs(60)).await;
    app.app.store().close().await;
    app.slack.say(&app.ana, &channel, Some(&ts), "unstorable-canary").unwrap();
    app.slack.press(&app.ana, &channel, &ts, "mark_done").unwrap();
    app.slack.command(&app.ana, &channel, "/side-convo", "list");
    app.zendesk.reply(app.zoe, &sc, "<p>unstorable-canary</p>");
    app.pass(Duration::from_secs(60)).await;
    app.get("/readyz").await;
    nothing_secret_is_stored(&app.database());
    nothing_was_told();
    let log = log();
    for expected in ["every call to this vendor is held", "could not be stored", "the database cannot be written"] {
        assert!(log.contains(expected), "the story did not happen: {expected}");
    }
}

/// The network; notes the access tokens that Zendesk gives.
struct Listening {
    wire: HttpWire,
}

#[async_trait]
impl Wire for Listening {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        let is_token = request.uri().path().ends_with("/oauth/tokens");
        let answer = self.wire.send(request).await?;
        if is_token && let Ok(body) = serde_json::from_slice::<Value>(answer.body()) {
            SECRETS.lock().unwrap().extend(body["access_token"].as_str().map(str::to_owned));
        }
        Ok(answer)
    }
}

/// The app with real connections on all sides, stepped by hand.
struct Wired {
    clock: ManualClock,
    firm: Firm,
    config: String,
    app: App,
    server: Server,
    wire: HttpWire,
}

impl Wired {
    async fn new(database: &Path) -> Wired {
        let clock = ManualClock::new(START_MS);
        let now = clock.clone();
        let firm = Firm::new(Arc::new(move || now.now_ms())).await;
        let config = firm.config(&database.display().to_string(), "", "");
        let app = open(&config, database, &clock).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server::new(listener, app.router());
        clock.advance(Duration::from_secs(1));
        Wired { clock, firm, config, app, server, wire: HttpWire::new().unwrap() }
    }

    async fn settle(&self) {
        let end = self.clock.now_ms() + 10 * 60 * 1000;
        let engine = self.app.engine().unwrap();
        loop {
            let mut moved = false;
            for sender in [&self.firm.slack as &dyn Sender, &self.firm.zendesk] {
                for parcel in sender.take_due() {
                    let receipt = loopback::deliver(&self.wire, self.server.address, &parcel).await;
                    sender.settle(parcel.id, receipt.unwrap_or(Receipt::Failed));
                    moved = true;
                }
            }
            for job in engine.take() {
                engine.run(job).await;
                moved = true;
            }
            if moved {
                continue;
            }
            let now = self.clock.now_ms();
            let dues = [engine.next_due(), self.firm.slack.next_due(), self.firm.zendesk.next_due()];
            match dues.into_iter().flatten().min() {
                Some(due) if due <= end => self.clock.advance(Duration::from_millis((due - now).max(1) as u64)),
                _ => return,
            }
        }
    }
}

async fn open(config: &str, database: &Path, clock: &ManualClock) -> App {
    let config = Config::parse("test", config, []).unwrap();
    let store = Arc::new(Store::open(database).await.unwrap());
    let wire = Arc::new(Listening { wire: HttpWire::new().unwrap() });
    let app = App::new(config, store, wire, Arc::new(clock.clone()), 7);
    app.become_ready(&CancellationToken::new()).await.unwrap();
    app
}

#[tokio::test]
async fn real_connections_leave_nothing_in_the_log() {
    listen();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("sidethread.db");
    let app = Wired::new(&database).await;
    let firm = &app.firm;
    let sc = firm.ask("subject-canary", "<p>html-canary</p>");
    app.settle().await;
    let ts = firm.card(&sc).expect("no card");
    for (faults, calls) in [(firm.slack.faults(), "chat.postMessage"), (firm.zendesk.faults(), "POST …/reply")] {
        for kind in ["dropped_before", "dropped_after", "html", "error_after"] {
            fault(faults, json!({"call": calls, "fault": kind, "times": 1}));
            firm.zendesk.reply(firm.zoe, &sc, "<p>html-canary</p>");
            firm.slack.say(&firm.ana, &firm.engineering, Some(&ts), "text-canary").unwrap();
            app.settle().await;
        }
    }
    assert_eq!(firm.answers(&sc).len(), 8);
    assert_eq!(firm.said(&sc).len(), 8);
    firm.slack.press(&firm.ana, &firm.engineering, &ts, "mark_done").unwrap();
    let list = firm.slack.command(&firm.ana, &firm.engineering, "/side-convo", "list");
    app.settle().await;
    assert!(firm.slack.command_answer(list).is_some());
    let nowhere = format!("http://{}/slack/events?token=query-canary", app.server.address);
    let forged =
        http::Request::post(nowhere).header("authorization", "Bearer x").body(Bytes::from("forged-canary")).unwrap();
    assert_eq!(app.wire.send(forged).await.unwrap().status(), 401);

    // Nobody answers any more.
    firm.zendesk.reply(firm.zoe, &sc, "<p>refused-canary</p>");
    firm.slack.say(&firm.ana, &firm.engineering, Some(&ts), "refused-canary").unwrap();
    let Wired { clock, firm, config, app, server, wire } = app;
    let Firm { slack, zendesk, slack_server, zendesk_server, ana, engineering, zoe, ticket } = firm;
    let (slack_address, zendesk_address) = (slack_server.address, zendesk_server.address);
    slack_server.stop().await;
    zendesk_server.stop().await;
    for address in [slack_address, zendesk_address] {
        let request = http::Request::get(format!("http://{address}/x?a=query-canary")).body(Bytes::new()).unwrap();
        assert_eq!(wire.send(request).await.unwrap_err(), WireError::NotSent);
    }
    let closed = async || Server::new(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(), axum::Router::new());
    let (slack_server, zendesk_server) = (closed().await, closed().await);
    let firm = Firm { slack, zendesk, slack_server, zendesk_server, ana, engineering, zoe, ticket };
    let app = Wired { clock, firm, config, app, server, wire };
    app.settle().await;
    // The next process too finds nobody, and goes by what was said before.
    let Wired { clock, app, server, config, .. } = app;
    server.stop().await;
    app.store().close().await;
    drop(app);
    let app = open(&config, &database, &clock).await;
    assert!(app.engine().is_some());
    app.store().close().await;
    nothing_secret_is_stored(&database);
    nothing_was_told();

    let log = log();
    for expected in [
        "no connection could be made",
        "the connection broke",
        "what it said before is used",
        "hyper",
        "reqwest",
        "sqlx",
    ] {
        assert!(log.contains(expected), "the log should hold {expected:?}");
    }
    assert!(!SECRETS.lock().unwrap().is_empty(), "no access token was seen");
}

#[test]
fn the_search_finds_what_is_there() {
    let log = "2026-11-22T10:00:00.000000Z  INFO sidethread: fine url=http://127.0.0.1/a?b=1\n\
               2026-11-22T10:00:00.000000Z  WARN sidethread: fine? url=http://127.0.0.1/a b?\n\
               2026-11-22T10:00:00.000000Z ERROR sidethread: bad url=http://127.0.0.1/a?b=1\n\
               2026-11-22T10:00:00.000000Z  WARN sidethread: bad url=\"https://127.0.0.1/a?b=1\"\n\
               2026-11-22T10:00:00.000000Z TRACE x: bad text=\"my-canary\"\n\
               2026-11-22T10:00:00.000000Z TRACE x: bad text=GET /search?query=email%3Azoe%40acme.example\n\
               2026-11-22T10:00:00.000000Z TRACE x: bad given-token\n";
    let found = leaks(log, &["given-token".to_owned()]);
    assert_eq!(found, log.lines().filter(|line| line.contains("bad")).collect::<Vec<_>>());
}
