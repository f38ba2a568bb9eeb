//! The fakes over HTTP, for what the app will call beside what it calls: files, views, triggers, webhooks and more.

mod firm;
mod slack_files;
mod slack_inputs;
mod slack_views;
mod spec;
mod webhook_trials;
mod zendesk;
