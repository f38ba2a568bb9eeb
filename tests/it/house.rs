//! Starts the real app on the fakes, in one process and without a socket, and steps it until all is quiet.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use serde_json::Value;
use sidethread::cli::app::App;
use sidethread::config::Config;
use sidethread::engine::clock::{Clock, ManualClock};
use sidethread::sandbox::faults::{Dropped, Faults};
use sidethread::sandbox::post::{Parcel, Receipt, Sender};
use sidethread::sandbox::slack::{ChannelSpec, FakeSlack, Options as SlackOptions, PersonSpec};
use sidethread::sandbox::zendesk::{FakeZendesk, Options as ZendeskOptions, TicketSpec, Unconfirmed, UserSpec};
use sidethread::store::Store;
use sidethread::wire::{Wire, WireError};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A Sunday morning.
pub const START_MS: i64 = 1_795_341_600_000;
pub const SLACK_SECRET: &str = "slack-secret-canary";
pub const ZENDESK_SECRET: &str = "zendesk-secret-canary";
pub const BASE: &str = "http://127.0.0.1:9";

/// Calls the fakes' routers in process.
pub struct InProcess {
    slack: Router,
    zendesk: Router,
}

#[async_trait]
impl Wire for InProcess {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        let router = if request.uri().path().starts_with("/slack") { &self.slack } else { &self.zendesk };
        call(router, request).await
    }
}

pub async fn call(router: &Router, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    parts.uri = path.parse().unwrap();
    let request = http::Request::from_parts(parts, Body::from(body));
    let response = router.clone().oneshot(request).await.unwrap();
    if response.extensions().get::<Dropped>().is_some() {
        return Err(WireError::Broken);
    }
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.map_err(|_| WireError::Broken)?;
    Ok(http::Response::from_parts(parts, body))
}

/// Where the app is, while it runs.
pub struct Slot(Option<App>);

impl Slot {
    #[allow(dead_code, reason = "not every test program starts the app itself")]
    pub fn put(&mut self, app: App) {
        self.0 = Some(app);
    }
}

impl std::ops::Deref for Slot {
    type Target = App;

    fn deref(&self) -> &App {
        self.0.as_ref().expect("the app runs")
    }
}

/// The firm, its two vendors and the bridge between them.
pub struct House {
    pub clock: ManualClock,
    pub slack: FakeSlack,
    pub zendesk: FakeZendesk,
    pub app: Slot,
    pub router: Router,
    pub config: String,
    folder: OnceLock<tempfile::TempDir>,
    /// Full members.
    pub ana: String,
    pub ben: String,
    /// Somebody of another firm, and a guest.
    pub stranger: String,
    pub guest: String,
    /// `#engineering`, the app is not in it yet.
    pub engineering: String,
    /// Agents.
    pub zoe: i64,
    pub yan: i64,
    pub ticket: i64,
    /// A customer.
    #[allow(dead_code, reason = "not every test program asks for her")]
    pub carla: i64,
}

/// What can be chosen before the app starts.
pub struct Setup {
    pub unconfirmed: Unconfirmed,
    /// More of `[zendesk]`, of `[slack]`, and of `[bridge]` and what follows it.
    pub config: &'static str,
    pub slack: &'static str,
    pub routes: &'static str,
    pub admin: bool,
    /// Whether the vendors refuse what is over their limits.
    pub limits: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Setup { unconfirmed: Unconfirmed::default(), config: "", slack: "", routes: "", admin: true, limits: false }
    }
}

/// Switches a fault on at one of the vendors, as `POST /sandbox/faults` does.
pub fn fault(faults: &Faults, rule: Value) {
    faults.add(serde_json::from_value(rule).unwrap());
}

impl House {
    pub async fn new() -> House {
        House::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> House {
        let mut house = House::without_the_app(setup);
        house.open().await;
        // What the first start finds is older than it.
        house.pass(Duration::from_secs(1)).await;
        house
    }

    /// The firm and its vendors; nothing bridges them.
    pub fn without_the_app(setup: Setup) -> House {
        let clock = ManualClock::new(START_MS);
        let now: sidethread::sandbox::post::Now = {
            let clock = clock.clone();
            Arc::new(move || clock.now_ms())
        };
        let mut scopes: Vec<String> =
            sidethread::cli::manifest::BOT_SCOPES.iter().map(|scope| (*scope).to_owned()).collect();
        scopes.sort();
        let slack_options = SlackOptions {
            bot_token: "xoxb-token-canary".into(),
            signing_secret: SLACK_SECRET.into(),
            base_url: BASE.into(),
            limits: setup.limits,
            scopes,
            ..Default::default()
        };
        let slack = FakeSlack::new(slack_options, now.clone(), 1);
        let zendesk_options = ZendeskOptions {
            base_url: format!("{BASE}/zendesk"),
            oauth_client_id: "client".into(),
            oauth_client_secret: "client-secret-canary".into(),
            webhook_secret: ZENDESK_SECRET.into(),
            limits: setup.limits,
            unconfirmed: setup.unconfirmed,
            ..Default::default()
        };
        let zendesk = FakeZendesk::new(zendesk_options, now, 2);

        let person = |name: &str, display: &str, change: &dyn Fn(&mut PersonSpec)| {
            let mut spec = PersonSpec {
                name: name.into(),
                real_name: display.into(),
                display_name: display.into(),
                email: Some(format!("{name}@acme.example")),
                ..Default::default()
            };
            change(&mut spec);
            slack.add_person(spec)
        };
        let ana = person("ana", "Ana Souza", &|_| {});
        let ben = person("ben", "Ben Okafor", &|_| {});
        let stranger = person("sam", "Sam of Nordfreight", &|p| p.stranger_team = Some("TNORD".into()));
        let guest = person("gil", "Gil the Guest", &|p| p.guest = true);
        let engineering = slack.add_channel(ChannelSpec {
            name: "engineering".into(),
            members: vec![ana.clone(), ben.clone(), stranger.clone(), guest.clone()],
            ..Default::default()
        });
        let user = |name: &str, role: &str| {
            zendesk.add_user(UserSpec {
                name: name.into(),
                email: Some(format!("{}@acme.example", name.to_lowercase())),
                role: role.into(),
                ..Default::default()
            })
        };
        let zoe = user("Zoe", "agent");
        let yan = user("Yan", "agent");
        let carla = zendesk.add_user(UserSpec {
            name: "Carla Customer".into(),
            email: Some("carla@mail.example".into()),
            role: "end-user".into(),
            ..Default::default()
        });
        let ticket = zendesk.add_ticket(TicketSpec {
            id: Some(35436),
            subject: "Parcel has not moved for a week".into(),
            description: "Where is it??".into(),
            requester_id: carla,
            assignee_id: Some(zoe),
            priority: Some("high".into()),
            status: "open".into(),
            ..Default::default()
        });
        let credential = if setup.admin {
            "client_id = \"client\"\nclient_secret = \"client-secret-canary\"".to_owned()
        } else {
            format!("access_token = \"{}\"", zendesk.token_of(yan).unwrap())
        };
        // Stories count steps and seconds: where none asks for the window, a reply goes as soon as it comes.
        let window = if setup.routes.contains("order_window_ms") { "" } else { "order_window_ms = 0" };
        let config = format!(
            r##"
            [server]
            public_url = "http://127.0.0.1:9"
            [slack]
            bot_token = "xoxb-token-canary"
            signing_secret = "{SLACK_SECRET}"
            api_url = "{BASE}/slack/api"
            {}
            [zendesk]
            url = "{BASE}/zendesk"
            {credential}
            webhook_secret = "{ZENDESK_SECRET}"
            channel_domain = "slack.acme.example"
            {}
            [bridge]
            {window}
            {}
            "##,
            setup.slack, setup.config, setup.routes
        );
        House {
            clock,
            slack,
            zendesk,
            app: Slot(None),
            router: Router::new(),
            config,
            folder: OnceLock::new(),
            ana,
            ben,
            stranger,
            guest,
            engineering,
            zoe,
            yan,
            ticket,
            carla,
        }
    }

    /// Drops the app wherever it is, and starts it on the same database.
    pub async fn restart(&mut self) {
        self.leave().await;
        self.open().await;
    }

    /// Drops the app wherever it is: its database is nobody's.
    pub async fn leave(&mut self) {
        self.app.store().close().await;
        // The old app must be gone before its database can be opened again.
        (self.app, self.router) = (Slot(None), Router::new());
    }

    /// Starts an app where none runs.
    pub async fn start(&mut self) {
        self.open().await;
    }

    async fn open(&mut self) {
        self.assemble().await;
        self.app.become_ready(&CancellationToken::new()).await.unwrap();
    }

    /// Starts an app that takes requests and has not asked a vendor anything yet.
    pub async fn assemble(&mut self) {
        let config = Config::parse("test", &self.config, []).unwrap();
        let store = Arc::new(Store::open(&self.database()).await.unwrap());
        let wire = Arc::new(InProcess { slack: self.slack.router(), zendesk: self.zendesk.router() });
        let app = App::new(config, store, wire, Arc::new(self.clock.clone()), 7);
        self.router = app.router();
        self.app = Slot(Some(app));
    }

    /// A copy of the database as it is now, as an operator backs it up.
    pub async fn back_up(&self) -> std::path::PathBuf {
        let copy = self.folder().path().join(format!("backup-{}.db", self.clock.now_ms()));
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.database());
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        sqlx::query("VACUUM INTO $1").bind(copy.to_str().unwrap()).execute(&pool).await.unwrap();
        pool.close().await;
        copy
    }

    /// Puts a copy in the database's place and starts on it.
    pub async fn restore(&mut self, copy: &std::path::Path) {
        self.leave().await;
        self.restore_left(copy).await;
    }

    /// The same where no app runs.
    pub async fn restore_left(&mut self, copy: &std::path::Path) {
        std::fs::copy(copy, self.database()).unwrap();
        for beside in ["sidethread.db-wal", "sidethread.db-shm"] {
            let _ = std::fs::remove_file(self.folder().path().join(beside));
        }
        self.open().await;
    }

    fn folder(&self) -> &tempfile::TempDir {
        self.folder.get_or_init(|| tempfile::tempdir().unwrap())
    }

    pub fn database(&self) -> std::path::PathBuf {
        self.folder().path().join("sidethread.db")
    }

    /// An agent asks a channel by its address.
    pub async fn ask(&self, channel: &str, subject: &str, html: &str) -> String {
        let to = format!("{channel}@slack.acme.example");
        self.ask_all(&[&to], subject, html).await
    }

    /// An agent asks these addresses.
    pub async fn ask_all(&self, to: &[&str], subject: &str, html: &str) -> String {
        let id = self.zendesk.start_side_conversation(self.zoe, self.ticket, to, subject, html);
        assert!(!id.is_empty(), "Zendesk refused the side conversation");
        self.settle().await;
        id
    }

    /// Carries what the vendors send and steps the engine until both are quiet, moving the clock where something
    /// waits for its time within half an hour.
    pub async fn settle(&self) {
        self.settle_within(Duration::from_secs(30 * 60)).await;
    }

    pub async fn settle_within(&self, horizon: Duration) {
        let end = self.clock.now_ms() + horizon.as_millis() as i64;
        for _ in 0..100_000 {
            if self.step().await {
                continue;
            }
            let now = self.clock.now_ms();
            let engine = self.app.engine().and_then(|engine| engine.next_due());
            let dues = [engine, self.slack.next_due(), self.zendesk.next_due()];
            match dues.into_iter().flatten().min() {
                Some(due) if due <= end => {
                    self.clock.advance(Duration::from_millis((due - now).max(1) as u64));
                }
                _ => return,
            }
        }
        panic!("it never settles");
    }

    /// One round: everything that is due at this moment.
    pub async fn step(&self) -> bool {
        let mut moved = self.bring().await;
        if let Some(engine) = self.app.engine() {
            for job in engine.take() {
                engine.run(job).await;
                moved = true;
            }
        }
        moved
    }

    /// Brings the app what the vendors have for it at this moment.
    pub async fn bring(&self) -> bool {
        let of_slack = self.carry(&self.slack).await;
        self.carry(&self.zendesk).await || of_slack
    }

    async fn carry(&self, sender: &dyn Sender) -> bool {
        let parcels = sender.take_due();
        let any = !parcels.is_empty();
        for parcel in parcels {
            let receipt = self.deliver(&parcel).await;
            sender.settle(parcel.id, receipt);
        }
        any
    }

    pub async fn deliver(&self, parcel: &Parcel) -> Receipt {
        let mut request = http::Request::post(&parcel.path);
        for (name, value) in &parcel.headers {
            request = request.header(name, value);
        }
        let request = request.body(Bytes::from(parcel.body.clone())).unwrap();
        match call(&self.router, request).await {
            Ok(response) => Receipt::Answered {
                status: response.status().as_u16(),
                retry_after: None,
                body: response.body().to_vec(),
            },
            Err(_) => Receipt::Failed,
        }
    }

    /// Lets time pass, with everything that happens in it.
    pub async fn pass(&self, time: Duration) {
        self.settle_within(Duration::ZERO).await;
        let end = self.clock.now_ms() + time.as_millis() as i64;
        while self.clock.now_ms() < end {
            let left = (end - self.clock.now_ms()) as u64;
            self.clock.advance(Duration::from_millis(left.min(5_000)));
            self.settle_within(Duration::ZERO).await;
        }
    }

    /// Where a side conversation stands in Slack: the channel and the parent's ts, by its card.
    pub fn thread(&self, side_conversation: &str) -> (String, String) {
        self.find_thread(side_conversation).expect("the side conversation has no card in Slack")
    }

    pub fn find_thread(&self, side_conversation: &str) -> Option<(String, String)> {
        for channel in self.slack.channel_ids() {
            for message in self.slack.messages(&channel) {
                let key = message["metadata"]["event_payload"]["k"].as_str().unwrap_or_default();
                if key.starts_with(&format!("{side_conversation}/card")) && message["thread_ts"].is_null()
                    || key.starts_with(&format!("{side_conversation}/card")) && message["thread_ts"] == message["ts"]
                {
                    return Some((channel, message["ts"].as_str().unwrap().to_owned()));
                }
            }
        }
        None
    }

    /// The card's blocks as one text.
    pub fn card(&self, side_conversation: &str) -> String {
        let (channel, ts) = self.thread(side_conversation);
        let message = self.slack.thread(&channel, &ts).remove(0);
        texts(&message["blocks"])
    }

    /// What stands in the thread below the card: author and text.
    pub fn said(&self, side_conversation: &str) -> Vec<(String, String)> {
        let (channel, ts) = self.thread(side_conversation);
        self.slack.thread(&channel, &ts)[1..]
            .iter()
            .map(|message| {
                let author = message["username"].as_str().or(message["user"].as_str()).unwrap_or_default();
                (author.to_owned(), message["text"].as_str().unwrap_or_default().to_owned())
            })
            .collect()
    }

    /// What the app told the thread as itself.
    pub fn told(&self, side_conversation: &str) -> Vec<String> {
        let bot = &self.slack.options().bot_user_id;
        self.said(side_conversation).into_iter().filter(|(author, _)| author == bot).map(|(_, text)| text).collect()
    }

    /// The plain texts of the side conversation's messages after the first.
    pub fn replies(&self, side_conversation: &str) -> Vec<String> {
        let replies = self.zendesk.events(side_conversation);
        let replies = replies.iter().filter(|event| event["type"] == "reply");
        replies.map(|event| event["message"]["body"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The replies without the line that names the author.
    pub fn answers(&self, side_conversation: &str) -> Vec<String> {
        let after = |text: String| text.split_once("\n").map_or(text.clone(), |(_, rest)| rest.trim().to_owned());
        self.replies(side_conversation).into_iter().map(after).collect()
    }

    /// Those that came from Slack.
    pub fn carried(&self, side_conversation: &str) -> Vec<String> {
        let (replies, answers) = (self.replies(side_conversation), self.answers(side_conversation));
        let ours =
            |reply: &str| reply.lines().next().is_some_and(|line| line.contains(" in Slack") && line.ends_with("):"));
        replies.iter().zip(answers).filter(|(reply, _)| ours(reply)).map(|(_, answer)| answer).collect()
    }

    pub fn state(&self, side_conversation: &str) -> String {
        let side_conversation = self.zendesk.side_conversation(side_conversation).unwrap();
        side_conversation["state"].as_str().unwrap().to_owned()
    }

    /// The internal notes of the ticket.
    pub fn notes(&self) -> Vec<String> {
        let comments = self.zendesk.comments(self.ticket);
        let notes = comments.iter().filter(|comment| comment["public"] == false);
        notes.map(|comment| comment["body"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What only this person was shown.
    pub fn whispers(&self, person: &str) -> Vec<String> {
        let whispers = self.slack.ephemerals(person);
        whispers.iter().map(|w| w["text"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What `sidethread trace` says of a message in a thread.
    pub async fn traced(&self, channel: &str, ts: &str, thread_ts: &str) -> String {
        let link = format!("https://acme.slack.com/archives/{channel}/p{}?thread_ts={thread_ts}", ts.replace('.', ""));
        let asked = sidethread::cli::trace::Asked::parse(&link).unwrap();
        sidethread::cli::trace::run(&self.database(), &asked, false, self.clock.now_ms()).await.unwrap()
    }

    pub async fn metrics(&self) -> String {
        let request = http::Request::get("/metrics").body(Bytes::new()).unwrap();
        let response = call(&self.app.admin_router(), request).await.unwrap();
        String::from_utf8(response.body().to_vec()).unwrap()
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let request = http::Request::get(path).body(Bytes::new()).unwrap();
        // How the app stands is told to its operator.
        let router = if path.starts_with("/readyz") { self.app.admin_router() } else { self.router.clone() };
        let response = call(&router, request).await.unwrap();
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or_default())
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
        let mut request = http::Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::copy_from_slice(body)).unwrap();
        call(&self.router, request).await.unwrap().status().as_u16()
    }

    /// Nothing waits and nothing is parked: silence is asserted.
    pub async fn ends_quietly(&self) {
        let engine = self.app.engine().unwrap();
        assert!(engine.is_idle(), "something still waits: {:?}", engine.report());
        let parked = self.app.store().parked().await.unwrap();
        assert!(parked.is_empty(), "something is parked: {parked:?}");
    }
}

/// Every text in some blocks, a line each.
pub fn texts(blocks: &Value) -> String {
    let mut found = Vec::new();
    collect(blocks, &mut found);
    found.join("\n")
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get("text") {
                found.push(text.clone());
            }
            fields.values().filter(|v| v.is_array() || v.is_object()).for_each(|value| collect(value, found));
        }
        _ => {}
    }
}
