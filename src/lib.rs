//! Sidethread makes a Zendesk side conversation and a Slack thread one conversation.
//!
//! A pure core decides, a durable shell carries out. What comes in is stored before it is answered;
//! what was decided is stored, in one transaction with the mark that its cause is handled, before it is done.
//! The modules, in the order in which they may know each other:

pub mod bridge;
<<<<<<< HEAD

=======
pub mod cli;
pub mod config;
>>>>>>> d885e412423f973577ae2211f490145136483eec
pub mod engine;
pub mod sandbox;
pub mod store;
pub mod telemetry;
pub mod wire;
