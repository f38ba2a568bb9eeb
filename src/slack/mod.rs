//! The Slack edge: everything that is spelled in Slack's words.
//!
//! Inbound bytes are verified ([`verify`]) and read by small tolerant types ([`decode`]), because slack-morphism's
//! models lose legal payloads without a word. Outbound goes through slack-morphism's Block Kit models and its
//! session calls over our own [`connector`]: its time-outs, redacted errors and base address are ours, and its rate
//! limiter and blind retries are not used. What Slack's answers mean stands in one table ([`errors`]).

pub mod acts;
pub mod blocks;
pub mod client;
pub mod connector;
pub mod decode;
mod direct;
pub mod errors;
pub mod interactive;
pub mod names;
pub mod people;
pub mod read;
pub mod respond;
mod starter;
mod surfaces;
pub mod verify;
pub mod views;

pub use client::{Identity, SlackClient};
