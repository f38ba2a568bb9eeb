//! Sidethread makes a Zendesk side conversation and a Slack thread one conversation.
//!
//! A pure core decides, a durable shell carries out. What comes in is stored before it is answered; what was
//! decided is stored, in one transaction with the mark that its cause is handled, before it is done.
//!
//! A module may name only those above it (`tests/layers.rs` holds it to that):
//!
//! - [`bridge`]: pure. What a bridged thread is and does. A package of its own, so that Cargo keeps it pure.
//! - [`wire`], [`telemetry`], [`config`]: how bytes reach a vendor; log and metrics; the settings.
//! - [`store`]: SQL and rows.
//! - [`engine`]: the only loops.
//! - [`slack`], [`zendesk`]: the two edges, everything that is spelled in a vendor's words.
//! - [`http`]: what the app answers.
//! - [`cli`]: the commands, and what joins the parts.
//!
//! [`sandbox`] stands apart, as a package of its own that the feature `demo` brings in: it is the other side, a fake Slack
//! and a fake Zendesk, and knows nothing of the app.

pub mod cli;
pub mod config;
pub mod engine;
pub mod http;
pub mod slack;
pub mod store;
pub mod telemetry;
pub mod wire;
pub mod zendesk;

pub use sidethread_bridge as bridge;
#[cfg(feature = "demo")]
pub use sidethread_sandbox as sandbox;
