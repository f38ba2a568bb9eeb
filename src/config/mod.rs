//! Settings: one TOML file, single keys of it overlaid by the environment.
//!
//! All that is wrong is said at once, each with its place, its reason and its remedy. No secret is
//! ever part of a message or of `Debug`.

mod error;
mod follow_up;
mod routes;
mod rules;
mod source;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

pub use self::error::{ConfigError, ConfigErrors, Origin};
use self::source::Source;
use crate::bridge::follow_up::Rules as FollowUpRules;
use crate::bridge::permit::Permissions;
use crate::bridge::route::{ChannelRef, Route};
use crate::bridge::rules::Rules;

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "sidethread.toml";
/// The waits between attempts when none are set.
const RETRIES: &[Duration] = &[
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
    Duration::from_secs(1800),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(6 * 3600),
    Duration::from_secs(12 * 3600),
];
/// <https://support.zendesk.com/hc/en-us/articles/10851263566234>
const API_TOKENS_END: &str = "zendesk.api_token: Zendesk ends API tokens on 30 April 2027; \
    set client_id and client_secret of an OAuth client instead";

/// Every key that a settings file may hold, as `section.key`, and whether its value is a secret.
pub fn keys() -> impl Iterator<Item = (String, bool)> {
    let of_routes = routes::KEYS.iter().map(|key| format!("routes.{key}"));
    source::keys().chain(of_routes).map(|key| {
        let secret = source::is_secret(&key);
        (key, secret)
    })
}

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    pub server: Server,
    pub database: Database,
    pub slack: Slack,
    pub zendesk: Zendesk,
    pub bridge: Bridge,
    pub follow_up: FollowUpRules,
    /// `[ticket]`, `[done]` and `[notify]`.
    pub rules: Rules,
    /// `[permissions]`.
    pub permissions: Permissions,
    /// In the order of the file: the first that matches wins.
    pub routes: Vec<Route>,
    /// Sentences to say at start.
    pub warnings: Vec<String>,
}

/// Where the app listens, and under which address the vendors reach it.
#[derive(Clone, Debug)]
pub struct Server {
    /// The vendors' calls arrive here.
    pub listen: SocketAddr,
    /// Metrics, and what the operator's own commands ask.
    pub admin_listen: SocketAddr,
    /// Without a slash at its end, save that of an empty path.
    pub public_url: Url,
}

/// Where the state is kept.
#[derive(Clone, Debug)]
pub struct Database {
    /// As it was written.
    pub url: String,
    /// The file that `url` names.
    pub path: PathBuf,
    /// How long the text of settled messages is kept.
    pub keep_days: u32,
}

/// How to reach Slack, and how Slack proves itself.
#[derive(Clone, Debug)]
pub struct Slack {
    /// Begins with `xoxb-`.
    pub bot_token: SecretString,
    /// Any of these signs a request; never empty.
    pub signing_secrets: Vec<SecretString>,
    /// Without a slash at its end, save that of an empty path.
    pub api_url: Url,
    /// How often Slack may be called.
    pub limits: SlackLimits,
}

/// How often Slack may be called; 0 for as often as Slack takes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlackLimits {
    /// Posts in one channel, a second.
    pub posts_per_second_per_channel: f64,
    /// Posts in the workspace, a minute.
    pub posts_per_min: u32,
    /// Calls a minute of each method of tier 2.
    pub tier_2_calls_per_min: u32,
    /// Calls a minute of each method of tier 3.
    pub tier_3_calls_per_min: u32,
    /// Calls a minute of each method of tier 4.
    pub tier_4_calls_per_min: u32,
}

/// How to reach Zendesk, and how Zendesk proves itself.
#[derive(Clone, Debug)]
pub struct Zendesk {
    /// Without a slash at its end, save that of an empty path.
    pub url: Url,
    /// Exactly one is set.
    pub credential: ZendeskCredential,
    /// Any of these signs a webhook call; never empty.
    pub webhook_secrets: Vec<SecretString>,
    /// Addresses of this domain name Slack channels; lower case.
    pub channel_domain: Option<String>,
    /// The wait between two reads of the account-wide feed.
    pub poll_interval: Duration,
    /// How often Zendesk may be called.
    pub limits: ZendeskLimits,
}

/// How often Zendesk may be called; 0 for as often as Zendesk takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZendeskLimits {
    /// Creates and replies of the account.
    pub side_conversation_writes_per_10_min: u32,
    /// Ticket updates of the account.
    pub ticket_updates_per_min: u32,
    /// Updates of one ticket.
    pub updates_per_ticket_per_10_min: u32,
    /// Reads of the account-wide feed.
    pub feed_reads_per_10_min: u32,
}

/// How the app proves itself to Zendesk.
#[derive(Clone, Debug)]
pub enum ZendeskCredential {
    /// An OAuth client that acts as the person it belongs to.
    Client { id: String, secret: SecretString },
    /// An OAuth access token, used as it is.
    AccessToken(SecretString),
    /// An API token of this person.
    ApiToken { email: String, token: SecretString },
}

/// How the bridge behaves.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// How old a reply is when it goes to the ticket, so that one written before it can still come before it.
    pub order_window: Duration,
    /// The wait between two comparisons of every open thread.
    pub reconcile_interval: Duration,
    /// Where the app says that a person must act.
    pub operator_channel: Option<ChannelRef>,
    /// How long Slack may take to show what it has accepted.
    pub slack_read_lag: Duration,
    /// How long Zendesk may take to show what it has accepted.
    pub zendesk_read_lag: Duration,
    /// The wait before each further attempt; never empty.
    pub retry_schedule: Vec<Duration>,
}

impl Config {
    /// Reads the file and the environment; without `path`, [`DEFAULT_FILE`] if it exists.
    ///
    /// # Errors
    /// Everything that is wrong; the caller should print it and stop.
    pub fn load(path: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Config, ConfigErrors> {
        let file = path.unwrap_or(Path::new(DEFAULT_FILE));
        let name = file.display().to_string();
        let alone = |reason: String, remedy: &str| ConfigError {
            origin: Origin::File { name: name.clone() },
            key: String::new(),
            reason,
            remedy: Some(remedy.to_owned()),
        };
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Config::parse(&name, "", env).map_err(|mut errors| {
                    let remedy = "start in its directory, name another file, or set everything in the environment";
                    errors.0.insert(0, alone("there is no such file in the working directory".to_owned(), remedy));
                    errors
                });
            }
            Err(error) => {
                let reason = format!("the file cannot be read: {}", source::unreadable(&error));
                return Err(ConfigErrors(vec![alone(reason, "name a file that this user can read")]));
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) => {
                let mut config = Config::parse(&name, &text, env)?;
                if values::others_may_read(file) {
                    config
                        .warnings
                        .push(format!("{name}: everybody on this machine may read its secrets; chmod 600 {name}"));
                }
                Ok(config)
            }
            Err(error) => {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
                let reason = format!("line {line} is not UTF-8 text");
                Err(ConfigErrors(vec![alone(reason, "save the file as UTF-8")]))
            }
        }
    }

    /// Reads `text`, called `name` in messages, and the environment.
    ///
    /// # Errors
    /// Everything that is wrong; the caller should print it and stop.
    pub fn parse(
        name: &str,
        text: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, ConfigErrors> {
        let mut source = Source::read(name, text, env).map_err(ConfigErrors)?;
        let bridges_something = source.bridges_something();
        let server = server(&mut source);
        let database = database(&mut source);
        let slack = slack(&mut source);
        let zendesk = zendesk(&mut source);
        let bridge = bridge(&mut source);
        let rules = rules::read(&mut source);
        let permissions = rules::permissions(&mut source);
        let follow_up = follow_up::read(&mut source);
        let routes = routes::read(&mut source);
        if !bridges_something {
            let reason = "nothing would be bridged: there is no route and no channel_domain";
            let remedy = "add a [[routes]] entry, or set channel_domain under [zendesk]".to_owned();
            source.fault(Origin::File { name: name.to_owned() }, "routes", reason, Some(remedy));
        }
        let whole = server.zip(database).zip(slack.zip(zendesk)).zip(bridge.zip(follow_up.zip(rules.zip(permissions))));
        match whole {
            Some((((server, database), (slack, zendesk)), (bridge, (follow_up, (rules, permissions)))))
                if source.errors.is_empty() =>
            {
                let warnings = warnings(&server, &zendesk);
                Ok(Config { server, database, slack, zendesk, bridge, follow_up, rules, permissions, routes, warnings })
            }
            _ => {
                source.errors.sort_by(|one, other| one.origin.cmp(&other.origin));
                Err(ConfigErrors(source.errors))
            }
        }
    }
}

fn server(source: &mut Source) -> Option<Server> {
    let at = source.place_of("server.admin_listen");
    let listen = source.text_or("server.listen", "127.0.0.1:8080", values::address);
    let admin_listen = source.text_or("server.admin_listen", "127.0.0.1:8081", values::address);
    let public_url = source.required("server.public_url", values::public_url);
    if let (Some(listen), Some(admin)) = (listen, admin_listen)
        && listen == admin
        && listen.port() != 0
    {
        let remedy = "choose another port: the admin pages must not be reached from outside".to_owned();
        source.fault(at, "server.admin_listen", "is the same as server.listen", Some(remedy));
    }
    Some(Server { listen: listen?, admin_listen: admin_listen?, public_url: public_url? })
}

fn database(source: &mut Source) -> Option<Database> {
    let url = source.text_or("database.url", "sqlite://sidethread.db", values::database_url);
    let why = "what is settled is kept this long, then its text is dropped";
    let keep_days = source.number_or("database.keep_days", 30, 1..=3650, why);
    let (url, path) = url?;
    Some(Database { url, path, keep_days: keep_days? })
}

fn slack(source: &mut Source) -> Option<Slack> {
    let bot_token = source.required("slack.bot_token", values::bot_token);
    let signing_secrets = source.secrets("slack.signing_secret", values::secret);
    let api_url = source.text_or("slack.api_url", "https://slack.com/api", values::slack_api_url);
    let limits = slack_limits(source);
    Some(Slack { bot_token: bot_token?, signing_secrets: signing_secrets?, api_url: api_url?, limits: limits? })
}

/// <https://docs.slack.dev/apis/web-api/rate-limits>
fn slack_limits(source: &mut Source) -> Option<SlackLimits> {
    let posts_per_second_per_channel = source.rate_or("slack.posts_per_second_per_channel", 1.0, 1000.0);
    let posts_per_min = source.calls_or("slack.posts_per_min", 300);
    let tier_2_calls_per_min = source.calls_or("slack.tier_2_calls_per_min", 20);
    let tier_3_calls_per_min = source.calls_or("slack.tier_3_calls_per_min", 50);
    let tier_4_calls_per_min = source.calls_or("slack.tier_4_calls_per_min", 100);
    Some(SlackLimits {
        posts_per_second_per_channel: posts_per_second_per_channel?,
        posts_per_min: posts_per_min?,
        tier_2_calls_per_min: tier_2_calls_per_min?,
        tier_3_calls_per_min: tier_3_calls_per_min?,
        tier_4_calls_per_min: tier_4_calls_per_min?,
    })
}

/// <https://developer.zendesk.com/api-reference/introduction/rate-limits/>
fn zendesk_limits(source: &mut Source) -> Option<ZendeskLimits> {
    let side_conversation_writes_per_10_min = source.calls_or("zendesk.side_conversation_writes_per_10_min", 300);
    let ticket_updates_per_min = source.calls_or("zendesk.ticket_updates_per_min", 100);
    let updates_per_ticket_per_10_min = source.calls_or("zendesk.updates_per_ticket_per_10_min", 30);
    let feed_reads_per_10_min = source.calls_or("zendesk.feed_reads_per_10_min", 600);
    Some(ZendeskLimits {
        side_conversation_writes_per_10_min: side_conversation_writes_per_10_min?,
        ticket_updates_per_min: ticket_updates_per_min?,
        updates_per_ticket_per_10_min: updates_per_ticket_per_10_min?,
        feed_reads_per_10_min: feed_reads_per_10_min?,
    })
}

fn zendesk(source: &mut Source) -> Option<Zendesk> {
    let url = source.required("zendesk.url", values::zendesk_url);
    let credential = zendesk_credential(source);
    let webhook_secrets = source.secrets("zendesk.webhook_secret", values::webhook_secret);
    let channel_domain = source.optional("zendesk.channel_domain", values::domain);
    let why = "Zendesk takes about 60 reads of the feed a minute, and people wait for a poll";
    let poll_interval = source.seconds_or("zendesk.poll_interval_secs", 20, 5..=3600, why);
    let limits = zendesk_limits(source);
    Some(Zendesk {
        url: url?,
        credential: credential?,
        webhook_secrets: webhook_secrets?,
        channel_domain: channel_domain?,
        poll_interval: poll_interval?,
        limits: limits?,
    })
}

fn zendesk_credential(source: &mut Source) -> Option<ZendeskCredential> {
    const KINDS: &str = "client_id with client_secret (best), access_token, or email with api_token";
    let has = |key: &str| source.has(&format!("zendesk.{key}"));
    let client = has("client_id") || has("client_secret");
    let access_token = has("access_token");
    let api_token = has("email") || has("api_token");
    let given: Vec<&str> = [(client, "client_id"), (access_token, "access_token"), (api_token, "api_token")]
        .into_iter()
        .filter_map(|(given, name)| given.then_some(name))
        .collect();
    if given.is_empty() {
        if !source.is_meant("zendesk", &["client_id", "client_secret", "access_token", "email", "api_token"]) {
            let origin = source.section("zendesk");
            source.fault(origin, "zendesk", "there is no credential", Some(format!("set {KINDS}")));
        }
        return None;
    }
    let id = source.optional("zendesk.client_id", values::client_id);
    let secret = source.optional("zendesk.client_secret", values::secret);
    let access = source.optional("zendesk.access_token", values::secret);
    let email = source.optional("zendesk.email", values::email);
    let token = source.optional("zendesk.api_token", values::secret);
    if given.len() > 1 {
        let reason = format!("there is more than one credential: {}", given.join(" and "));
        source.fault(source.section("zendesk"), "zendesk", reason, Some(format!("keep one of: {KINDS}")));
        return None;
    }
    for (other, key, absent) in [
        (client, "zendesk.client_id", matches!(id, Some(None))),
        (client, "zendesk.client_secret", matches!(secret, Some(None))),
        (api_token, "zendesk.email", matches!(email, Some(None))),
        (api_token, "zendesk.api_token", matches!(token, Some(None))),
    ] {
        if other && absent {
            source.missing(key);
        }
    }
    if client {
        Some(ZendeskCredential::Client { id: id??, secret: secret?? })
    } else if access_token {
        Some(ZendeskCredential::AccessToken(access??))
    } else {
        Some(ZendeskCredential::ApiToken { email: email??, token: token?? })
    }
}

fn bridge(source: &mut Source) -> Option<Bridge> {
    let why = "people wait that long for each reply; Slack delivers most of them within half a second";
    let order_window = source.number_or("bridge.order_window_ms", 250, 0..=10_000, why);
    let why = "each round reads every open thread again";
    let reconcile_interval = source.seconds_or("bridge.reconcile_interval_secs", 300, 5..=86_400, why);
    let operator_channel = source.optional("bridge.operator_channel", values::channel);
    let why = "every thread would wait longer than an hour after a doubtful call";
    let slack_read_lag = source.seconds_or("bridge.slack_read_lag_secs", 60, 0..=3600, why);
    let zendesk_read_lag = source.seconds_or("bridge.zendesk_read_lag_secs", 300, 0..=3600, why);
    let retry_schedule = source.schedule_or("bridge.retry_schedule", RETRIES);
    Some(Bridge {
        order_window: Duration::from_millis(order_window?.into()),
        reconcile_interval: reconcile_interval?,
        operator_channel: operator_channel?,
        slack_read_lag: slack_read_lag?,
        zendesk_read_lag: zendesk_read_lag?,
        retry_schedule: retry_schedule?,
    })
}

fn warnings(server: &Server, zendesk: &Zendesk) -> Vec<String> {
    let mut warnings = Vec::new();
    if matches!(zendesk.credential, ZendeskCredential::ApiToken { .. }) {
        warnings.push(API_TOKENS_END.to_owned());
    }
    if !server.admin_listen.ip().is_loopback() {
        warnings.push("server.admin_listen: other machines reach it; let only operators through".to_owned());
    }
    warnings
}
