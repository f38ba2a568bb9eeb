//! Joins the parts: settings, database, both edges, engine and HTTP make one running app.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::memory::{Memory, NotYet, ZendeskAccount};
use super::vendors::Vendors;
use crate::bridge::Policy;
use crate::bridge::ids::ZendeskUserId;
use crate::config::Config;
use crate::engine::clock::Clock;
use crate::engine::pace::{Limit, Limits};
use crate::engine::retry::Schedule;
use crate::engine::{Engine, Settings};
use crate::http::{Front, Ready, Refusals};
use crate::slack::{Identity, SlackClient};
use crate::store::{Commit, Store};
use crate::telemetry::Metrics;
use crate::wire::Wire;
use crate::zendesk::ZendeskClient;

/// How long until a vendor that does not answer is asked again who we are.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// An app that is open for requests and becomes ready once both vendors have said who it is.
pub struct App {
    front: Front,
    config: Config,
    slack: Arc<SlackClient>,
    zendesk: Arc<ZendeskClient>,
    seed: u64,
}

impl App {
    /// Puts the parts together. Nothing is asked of a vendor yet. `seed` is for the jitter of retries.
    pub fn new(config: Config, store: Arc<Store>, wire: Arc<dyn Wire>, clock: Arc<dyn Clock>, seed: u64) -> App {
        let secrets = |secrets: &[secrecy::SecretString]| {
            secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect::<Vec<_>>()
        };
        let slack_secrets = secrets(&config.slack.signing_secrets);
        let zendesk_secrets = secrets(&config.zendesk.webhook_secrets);
        let slack =
            SlackClient::new(wire.clone(), clock.clone(), &config.slack.api_url, config.slack.bot_token.clone());
        let zendesk = ZendeskClient::new(wire, clock.clone(), &config.zendesk.url, config.zendesk.credential.clone());
        slack.keep_to(Schedule(config.bridge.retry_schedule.clone()));
        zendesk.keep_to(Schedule(config.bridge.retry_schedule.clone()));
        let front = Front {
            slack_verifier: Arc::new(crate::slack::verify::Verifier::new(slack_secrets.iter().map(String::as_str))),
            zendesk_verifier: Arc::new(crate::zendesk::verify::Verifier::new(
                zendesk_secrets.iter().map(String::as_str),
            )),
            clock,
            store,
            metrics: Arc::new(Metrics::new()),
            zendesk_url: config.zendesk.url.as_str().trim_end_matches('/').to_owned(),
            writable_at: Arc::default(),
            starting: Arc::new(Mutex::new("neither vendor has been asked yet who the app is".to_owned())),
            unverified: Arc::default(),
            refusals: Refusals::default(),
            ready: Arc::new(OnceLock::new()),
        };
        App { front, config, slack: Arc::new(slack), zendesk: Arc::new(zendesk), seed }
    }

    /// What the vendors call.
    pub fn router(&self) -> Router {
        crate::http::router(self.front.clone())
    }

    /// What the operator's own tools call.
    pub fn admin_router(&self) -> Router {
        crate::http::admin_router(self.front.clone())
    }

    /// The engine, once the app is ready.
    pub fn engine(&self) -> Option<&Arc<Engine>> {
        self.front.ready.get().map(|ready| &ready.engine)
    }

    /// The database.
    pub fn store(&self) -> &Arc<Store> {
        &self.front.store
    }

    /// Learns who it is at both vendors, as often as it takes, and takes up what the last process left.
    ///
    /// # Errors
    /// A person has to mend something first: a token that is not accepted, a database of another workspace, a disk.
    pub async fn become_ready(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        self.begin_bridging().await?;
        let mut said = false;
        while !stop.is_cancelled() {
            match self.try_to_become_ready().await {
                Ok(()) => return Ok(()),
                Err(NotYet::Stop(error)) => return Err(error),
                Err(NotYet::Wait(vendor, error)) => {
                    let why =
                        format!("{vendor} does not say who the app is ({error}); it is asked again every 10 seconds");
                    *self.front.starting.lock().unwrap_or_else(PoisonError::into_inner) = why;
                    if !std::mem::replace(&mut said, true) {
                        tracing::error!(
                            vendor,
                            error = %error,
                            "a vendor does not say who the app is, so nothing can be taken yet; it is asked again every 10 seconds"
                        );
                    }
                }
            }
            tokio::select! {
                () = self.front.clock.sleep(ASK_AGAIN) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Stands in for the bridge while none runs: takes up what the last process left, as who it was, without asking a
    /// vendor or becoming ready; does what an operator wants, and decides what follows from it, which waits for the bridge.
    ///
    /// # Errors
    /// No bridge has run on this database yet, it cannot be read, or `wish` failed.
    pub async fn stand_in<T>(&self, wish: impl AsyncFnOnce(&Engine) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut memory = self.memory().await?;
        let before = match memory.has_begun() {
            true => {
                "the bridge was started on this database, but Slack or Zendesk has not said yet who it is there; start it with \
                 `sidethread serve` and see what its log and /readyz say"
            }
            false => "the bridge has never run on this database; start it once with `sidethread serve`",
        };
        let identity: Identity = memory.was().context(before)?;
        let zendesk: ZendeskAccount = memory.was().context(before)?;
        let bridging_since_ms = memory.bridging_since(self.front.clock.now_ms())?;
        self.keep(memory).await?;
        let engine = self.start_engine(&identity, zendesk.user, bridging_since_ms).await?;
        let done = wish(&engine).await?;
        // An engine that is told to end handles what came in, and calls nobody.
        let stop = CancellationToken::new();
        stop.cancel();
        engine.work(stop).await;
        Ok(done)
    }

    /// Writes down since when side conversations are bridged, before a vendor is asked anything: what is asked of the app
    /// while one of them is down at its first start is bridged later.
    async fn begin_bridging(&self) -> anyhow::Result<()> {
        let mut memory = self.memory().await?;
        memory.bridging_since(self.front.clock.now_ms())?;
        self.keep(memory).await
    }

    async fn try_to_become_ready(&self) -> Result<(), NotYet> {
        let mut memory = self.memory().await.map_err(NotYet::Stop)?;
        let known = self.know_itself(&mut memory).await;
        self.keep(memory).await.map_err(NotYet::Stop)?;
        let (identity, zendesk, bridging_since_ms) = known?;
        let engine = self.start_engine(&identity, zendesk, bridging_since_ms).await.map_err(NotYet::Stop)?;
        // Only one task makes the app ready.
        let _ = self.front.ready.set(Ready { engine, identity, slack: self.slack.clone() });
        Ok(())
    }

    async fn know_itself(&self, memory: &mut Memory) -> Result<(Identity, ZendeskUserId, i64), NotYet> {
        let identity = memory.remember(self.slack.identify().await)?;
        let url = self.front.zendesk_url.clone();
        let asked = self.zendesk.identify().await.map(|identity| ZendeskAccount { url, user: identity.user_id });
        let zendesk = memory.remember(asked)?;
        let since = memory.bridging_since(self.front.clock.now_ms()).map_err(NotYet::Stop)?;
        Ok((identity, zendesk.user, since))
    }

    async fn memory(&self) -> anyhow::Result<Memory> {
        let known = self.front.store.settings().await.context("the database could not be read")?;
        Ok(Memory { known, learned: Vec::new() })
    }

    /// Writes what was learned, if anything was.
    async fn keep(&self, memory: Memory) -> anyhow::Result<()> {
        if memory.learned.is_empty() {
            return Ok(());
        }
        let commit = Commit { settings: memory.learned, ..Commit::default() };
        self.front.store.commit(commit).await.context("the database could not be written").map(drop)
    }

    async fn start_engine(
        &self,
        identity: &Identity,
        zendesk: ZendeskUserId,
        bridging_since_ms: i64,
    ) -> anyhow::Result<Arc<Engine>> {
        self.slack.settle_in(crate::slack::client::House {
            identity: identity.clone(),
            zendesk_url: self.front.zendesk_url.clone(),
            operator_channel: self.config.bridge.operator_channel.clone(),
        });
        self.zendesk.settle_in(crate::zendesk::House {
            app_user: zendesk,
            routes: self.config.routes.clone(),
            channel_domain: self.config.zendesk.channel_domain.clone(),
            follow_up: self.config.follow_up.clone(),
        });
        let policy = Policy {
            routes: self.config.routes.clone(),
            channel_domain: self.config.zendesk.channel_domain.clone(),
            app_user: zendesk,
            slack_url: identity.url.clone(),
            zendesk_url: self.front.zendesk_url.clone(),
            bridging_since_ms,
            operator: self.config.bridge.operator_channel.is_some(),
            order_window_ms: self.config.bridge.order_window.as_millis() as i64,
            rules: self.config.rules.clone(),
            permissions: self.config.permissions,
        };
        let settings = Settings {
            schedule: Schedule(self.config.bridge.retry_schedule.clone()),
            slack_read_lag: self.config.bridge.slack_read_lag,
            zendesk_read_lag: self.config.bridge.zendesk_read_lag,
            poll_interval: self.config.zendesk.poll_interval,
            reconcile_interval: self.config.bridge.reconcile_interval,
            keep: Duration::from_secs(u64::from(self.config.database.keep_days) * 24 * 3600),
            limits: limits(&self.config),
        };
        let outside = Arc::new(Vendors { slack: self.slack.clone(), zendesk: self.zendesk.clone() });
        Engine::start(
            self.front.store.clone(),
            self.front.clock.clone(),
            outside,
            policy,
            settings,
            self.front.metrics.clone(),
            self.seed,
        )
        .await
        .context("the database could not be read")
    }
}

/// The vendors' limits as the settings have them.
fn limits(config: &Config) -> Limits {
    let (slack, zendesk) = (config.slack.limits, config.zendesk.limits);
    let in_a_minute = |calls| Limit::new(calls, 60);
    let in_ten_minutes = |calls| Limit::new(calls, 600);
    let slack_posts = match slack.posts_per_second_per_channel {
        rate if rate > 0.0 => Limit { calls: 1, within: Duration::from_secs_f64((1.0 / rate).min(3600.0)) },
        _ => Limit::new(0, 1),
    };
    Limits {
        slack_posts,
        slack_posts_together: in_a_minute(slack.posts_per_min),
        slack_tier_2: in_a_minute(slack.tier_2_calls_per_min),
        slack_tier_3: in_a_minute(slack.tier_3_calls_per_min),
        slack_tier_4: in_a_minute(slack.tier_4_calls_per_min),
        zendesk_writes: in_ten_minutes(zendesk.side_conversation_writes_per_10_min),
        zendesk_ticket_updates: in_a_minute(zendesk.ticket_updates_per_min),
        zendesk_ticket: in_ten_minutes(zendesk.updates_per_ticket_per_10_min),
        zendesk_feed: in_ten_minutes(zendesk.feed_reads_per_10_min),
    }
}

/// Listens on an address.
///
/// # Errors
/// It is taken or not ours; the text says what to do.
pub async fn listen(address: std::net::SocketAddr) -> anyhow::Result<tokio::net::TcpListener> {
    match tokio::net::TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!("{address} is in use by another program; stop that one or listen elsewhere")
        }
        Err(error) => Err(error).with_context(|| format!("sidethread cannot listen on {address}")),
    }
}

/// Ends on SIGTERM or Ctrl-C.
///
/// # Errors
/// The signals cannot be listened for.
pub async fn told_to_stop() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut term = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = term.recv() => Ok(()),
            result = tokio::signal::ctrl_c() => result.map_err(Into::into),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(Into::into)
}
