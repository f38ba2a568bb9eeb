//! Both fakes on 127.0.0.1, for apps that reach them over real connections.

use std::net::SocketAddr;

use axum::Router;
use bytes::Bytes;
use serde_json::Value;
use sidethread::sandbox::faults::{Faults, Rule};
use sidethread::sandbox::post::{Now, Parcel, Receipt};
use sidethread::sandbox::slack::{ChannelSpec, FakeSlack, Options as SlackOptions, PersonSpec};
use sidethread::sandbox::zendesk::{FakeZendesk, Options as ZendeskOptions, TicketSpec, UserSpec};
use sidethread::wire::{HttpWire, Wire, WireError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const BOT_TOKEN: &str = "xoxb-loopback-token-canary";
pub const SLACK_SECRET: &str = "loopback-slack-secret-canary";
pub const ZENDESK_SECRET: &str = "loopback-zendesk-secret-canary";
pub const CLIENT_SECRET: &str = "loopback-client-secret-canary";

/// Answers on a port of its own until it is stopped.
pub struct Server {
    pub address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    pub fn new(listener: TcpListener, router: Router) -> Server {
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move {
            axum::serve(listener, router).with_graceful_shutdown(stopped).await.unwrap();
        });
        Server { address, stop, task }
    }

    /// From here on connections are refused.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// A firm with a Slack workspace and a Zendesk account.
pub struct Firm {
    pub slack: FakeSlack,
    pub zendesk: FakeZendesk,
    pub slack_server: Server,
    pub zendesk_server: Server,
    pub ana: String,
    pub engineering: String,
    pub zoe: i64,
    pub ticket: i64,
}

impl Firm {
    pub async fn new(now: Now) -> Firm {
        Firm::with_seed(now, 1).await
    }

    /// The seed decides which calls the faults strike that strike by chance.
    pub async fn with_seed(now: Now, seed: u64) -> Firm {
        Firm::behind(now, seed, |router| router).await
    }

    /// The vendors' calls pass through what `behind` makes of their routers.
    pub async fn behind(now: Now, seed: u64, behind: impl Fn(Router) -> Router) -> Firm {
        let at_slack = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at_zendesk = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let slack_options = SlackOptions {
            bot_token: BOT_TOKEN.into(),
            signing_secret: SLACK_SECRET.into(),
            base_url: format!("http://{}", at_slack.local_addr().unwrap()),
            scopes: sidethread::cli::manifest::BOT_SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
            ..Default::default()
        };
        let zendesk_options = ZendeskOptions {
            base_url: format!("http://{}/zendesk", at_zendesk.local_addr().unwrap()),
            oauth_client_id: "client".into(),
            oauth_client_secret: CLIENT_SECRET.into(),
            webhook_secret: ZENDESK_SECRET.into(),
            limits: false,
            ..Default::default()
        };
        let slack = FakeSlack::new(slack_options, now.clone(), seed);
        let zendesk = FakeZendesk::new(zendesk_options, now, seed + 1);
        let ana = slack.add_person(PersonSpec {
            name: "ana".into(),
            real_name: "Ana Souza".into(),
            display_name: "Ana Souza".into(),
            email: Some("ana@acme.example".into()),
            ..Default::default()
        });
        let members = vec![ana.clone()];
        let engineering = slack.add_channel(ChannelSpec { name: "engineering".into(), members, ..Default::default() });
        let user = |name: &str, email: &str, role: &str| UserSpec {
            name: name.into(),
            email: Some(email.into()),
            role: role.into(),
            ..Default::default()
        };
        let zoe = zendesk.add_user(user("Zoe", "zoe@acme.example", "agent"));
        let carla = zendesk.add_user(user("Carla Customer", "carla@mail.example", "end-user"));
        let ticket = zendesk.add_ticket(TicketSpec {
            id: Some(35436),
            subject: "Parcel has not moved for a week".into(),
            description: "Where is it?? description-canary".into(),
            requester_id: carla,
            assignee_id: Some(zoe),
            ..Default::default()
        });
        let slack_server = Server::new(at_slack, behind(slack.router()));
        let zendesk_server = Server::new(at_zendesk, behind(zendesk.router()));
        Firm { slack, zendesk, slack_server, zendesk_server, ana, engineering, zoe, ticket }
    }

    /// Settings that lead to the fakes; `server` and `bridge` are further lines of these sections.
    pub fn config(&self, database: &str, server: &str, bridge: &str) -> String {
        format!(
            r#"
            [server]
            public_url = "http://127.0.0.1:9"
            {server}
            [database]
            url = "sqlite://{database}"
            [slack]
            bot_token = "{BOT_TOKEN}"
            signing_secret = "{SLACK_SECRET}"
            api_url = "http://{}/slack/api"
            posts_per_second_per_channel = 10
            tier_3_calls_per_min = 0
            [zendesk]
            url = "http://{}/zendesk"
            client_id = "client"
            client_secret = "{CLIENT_SECRET}"
            webhook_secret = "{ZENDESK_SECRET}"
            channel_domain = "slack.acme.example"
            poll_interval_secs = 5
            [bridge]
            slack_read_lag_secs = 1
            zendesk_read_lag_secs = 1
            {bridge}
            "#,
            self.slack_server.address, self.zendesk_server.address
        )
    }

    /// Zoe asks #engineering.
    pub fn ask(&self, subject: &str, html: &str) -> String {
        let to = ["engineering@slack.acme.example"];
        self.zendesk.start_side_conversation(self.zoe, self.ticket, &to, subject, html)
    }

    /// The ts of the side conversation's card, once it stands.
    pub fn card(&self, side_conversation: &str) -> Option<String> {
        let messages = self.slack.messages(&self.engineering);
        let key = |m: &Value| m["metadata"]["event_payload"]["k"].as_str().unwrap_or_default().to_owned();
        let card = messages.iter().find(|m| key(m).starts_with(&format!("{side_conversation}/card")))?;
        card["ts"].as_str().map(str::to_owned)
    }

    /// The texts below the card that stand there under Zoe's name.
    pub fn said(&self, side_conversation: &str) -> Vec<String> {
        let Some(card) = self.card(side_conversation) else { return Vec::new() };
        let thread = self.slack.thread(&self.engineering, &card);
        let of_zoe = thread.iter().filter(|message| message["username"] == "Zoe");
        of_zoe.map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The replies of the side conversation that came from Slack, without the line that names the author.
    pub fn answers(&self, side_conversation: &str) -> Vec<String> {
        let events = self.zendesk.events(side_conversation);
        let bodies = events.iter().filter(|event| event["type"] == "reply").map(|event| &event["message"]["body"]);
        bodies
            .filter_map(|body| body.as_str()?.split_once('\n'))
            .filter(|(author, _)| author.contains("in Slack"))
            .map(|(_, text)| text.trim().to_owned())
            .collect()
    }
}

/// Switches a fault on.
pub fn fault(faults: &Faults, rule: Value) {
    faults.add(serde_json::from_value::<Rule>(rule).unwrap());
}

/// Brings a parcel to the app.
pub async fn deliver(wire: &HttpWire, app: SocketAddr, parcel: &Parcel) -> Result<Receipt, WireError> {
    let mut request = http::Request::post(format!("http://{app}{}", parcel.path));
    for (name, value) in &parcel.headers {
        request = request.header(name, value);
    }
    let response = wire.send(request.body(Bytes::from(parcel.body.clone())).unwrap()).await?;
    let body = response.body().to_vec();
    Ok(Receipt::Answered { status: response.status().as_u16(), retry_after: None, body })
}
