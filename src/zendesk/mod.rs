//! The Zendesk edge: everything that is spelled in Zendesk's words.
//!
//! A webhook is only a hint that names a ticket ([`verify`], [`decode::nudge`]); what happened is always read back.
//! What is written carries a marker, because Zendesk has no idempotency key for side conversations: a doubtful call
//! is looked for before it is repeated. For a ticket it has one: the same request under the same key is done once.
//!
//! Who reads a reply is computed from a side conversation read less than a minute ago and from the roles of its
//! people; while either cannot be read, nothing is sent.
//!
//! Races it allows for: a side conversation that changes between the read and the reply (Zendesk then refuses a
//! suspended recipient, and the roles are asked anew); two calls that find the access token ended at once (one of
//! them renews it, the other waits).

pub mod auth;
mod cache;
pub mod client;
pub mod decode;
pub mod errors;
mod exports;
mod follow_up;
mod merged;
mod notes;
mod people;
mod replies;
mod rules;
mod said;
mod starts;
mod tickets;
mod transport;
pub mod verify;

pub use client::{Author, House, Identity, ZendeskClient};
pub use verify::{Refusal, Verifier};
