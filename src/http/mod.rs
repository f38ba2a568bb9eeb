//! What the app answers over HTTP: bytes -> edge -> intake -> status.
//!
//! Nothing is answered as taken before it is stored. Until the app knows who it is at both vendors it takes nothing,
//! and says so in the way that makes each vendor send again.

mod command;
mod erase;
mod health;
mod lanes;
pub mod listen;
mod merged;
pub mod parked;
mod refusals;
mod slack;
mod unverified;
mod zendesk;

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, OnceLock};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::engine::Engine;
use crate::engine::clock::Clock;
use crate::slack::{Identity, SlackClient};
use crate::store::Store;
use crate::telemetry::Metrics;

pub use refusals::Refusals;
pub use unverified::Unverified;

/// Where Slack sends events, below the public URL.
pub const EVENTS_PATH: &str = "/slack/events";
/// Where Slack sends the command, below the public URL.
pub const COMMANDS_PATH: &str = "/slack/commands";
/// Where Slack sends clicks, forms and requests for menu options, below the public URL.
pub const INTERACTIONS_PATH: &str = "/slack/interactions";
/// Where Zendesk's trigger sends its nudge, below the public URL.
pub const WEBHOOK_PATH: &str = "/zendesk/webhook";
/// The largest body that the operator's own tools send, in bytes.
const ADMIN_BODY_LIMIT: usize = 64 << 10;

/// What the handlers need from the start.
#[derive(Clone)]
pub struct Front {
    /// Checks Slack's signatures.
    pub slack_verifier: Arc<crate::slack::verify::Verifier>,
    /// Checks Zendesk's signatures.
    pub zendesk_verifier: Arc<crate::zendesk::verify::Verifier>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The database.
    pub store: Arc<Store>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Zendesk's address for people, without a slash at its end.
    pub zendesk_url: String,
    /// When the database was last found to be writable, in milliseconds since 1970.
    pub writable_at: Arc<AtomicI64>,
    /// What the start waits for.
    pub starting: Arc<Mutex<String>>,
    /// The bodies that are being read.
    pub unverified: Arc<Unverified>,
    /// What was refused lately.
    pub refusals: Refusals,
    /// What is known once both vendors have said who we are.
    pub ready: Arc<OnceLock<Ready>>,
}

/// What is known once both vendors have said who we are.
pub struct Ready {
    /// The engine.
    pub engine: Arc<Engine>,
    /// Who we are in Slack.
    pub identity: Identity,
    /// Slack.
    pub slack: Arc<SlackClient>,
}

/// What the vendors call.
pub fn router(front: Front) -> Router {
    Router::new()
        .route(EVENTS_PATH, post(slack::events))
        .route(COMMANDS_PATH, post(command::commands))
        .route(INTERACTIONS_PATH, post(slack::interactions))
        .route(WEBHOOK_PATH, post(zendesk::webhook))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::ready_or_not))
        .with_state(front)
}

/// What the operator's own tools call.
pub fn admin_router(front: Front) -> Router {
    Router::new()
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/lanes", get(lanes::lanes))
        .route("/parked/{id}/retry", post(parked::retry))
        .route("/parked/{id}/drop", post(parked::give_up))
        .route("/erase", post(erase::erase))
        .route("/merged", post(merged::merged))
        .layer(DefaultBodyLimit::max(ADMIN_BODY_LIMIT))
        .with_state(front)
}
