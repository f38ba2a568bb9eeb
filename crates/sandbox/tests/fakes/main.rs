//! The sandbox: both fakes by themselves and against what the vendors publish, and what people and programs meet of it.

mod firm;
mod sandbox;
mod slack;
mod spec;
mod zendesk;
