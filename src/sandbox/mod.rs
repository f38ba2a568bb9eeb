//! The other side of the bridge: a fake Slack and a fake Zendesk that behave as the vendors do.
//!
//! They are models: they keep what they are told, check what the vendor checks and answer in the vendor's
//! shapes. They know none of the app's own types, so that a misreading in the app cannot cancel out here.

pub mod faults;
pub mod post;
pub mod slack;
pub mod zendesk;
