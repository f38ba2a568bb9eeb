//! The other side of the bridge: a fake Slack and a fake Zendesk that behave as the vendors do.
//!
//! They are models: they keep what they are told, check what the vendor checks and answer in the vendor's
//! shapes. They know none of the app's own types, so that a misreading in the app cannot cancel out here.
//!
//! [`Sandbox`] puts both into one small firm with people, channels and tickets, and shows them on a page.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use askama::Template;

pub mod bridge;
pub mod carrier;
pub mod changes;
pub mod faults;
pub mod guard;
mod kinds;
mod page;
pub mod post;
mod routes;
mod seed;
pub mod slack;
pub mod zendesk;

pub use seed::{Credentials, Named, World};

use post::Now;
use slack::FakeSlack;
use zendesk::FakeZendesk;

/// A firm with its Slack and its Zendesk; clones share it.
#[derive(Clone)]
pub struct Sandbox {
    /// Its Slack.
    pub slack: FakeSlack,
    /// Its Zendesk.
    pub zendesk: FakeZendesk,
    /// Who and what is in them.
    pub world: World,
    /// The bridge, as far as it lets itself be looked at.
    pub bridge: bridge::Bridge,
    credentials: Credentials,
    base_url: String,
    now: Now,
}

impl Sandbox {
    /// The firm with secrets that nobody has had; `base_url` is where the sandbox is reached.
    pub fn new(base_url: &str, now: Now, seed: u64) -> Self {
        Self::with_credentials(base_url, now, seed, Credentials::fresh())
    }

    /// The firm with these secrets; with [`Credentials::of_seed`], a seed gives the same one again.
    pub fn with_credentials(base_url: &str, now: Now, seed: u64, credentials: Credentials) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        // The past is told at its own time: until all of it is, the fakes' clock is behind.
        let behind = Arc::new(AtomicI64::new(0));
        let clock: Now = {
            let behind = behind.clone();
            Arc::new(move || now() - behind.load(Ordering::Relaxed))
        };
        let slack = FakeSlack::new(credentials.slack_options(&base_url), clock.clone(), seed);
        let zendesk = FakeZendesk::new(credentials.zendesk_options(&base_url), clock.clone(), seed);
        let world = seed::seed(&slack, &zendesk, &behind, &credentials.channel_domain);
        Sandbox { slack, zendesk, world, bridge: bridge::Bridge::default(), credentials, base_url, now: clock }
    }

    /// The time, in milliseconds since 1970.
    fn now(&self) -> i64 {
        (self.now)()
    }

    /// What the bridge needs to know to work with the firm.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Both fakes, the page, and the faults; put the [`guard`] around it.
    pub fn router(&self) -> axum::Router {
        routes::router(self.clone())
    }

    /// Says how to use the sandbox: addresses, tokens, and calls to paste.
    pub fn introduction(&self) -> String {
        let world = &self.world;
        let introduction = Introduction {
            base_url: &self.base_url,
            credentials: &self.credentials,
            people: self.tokens(&world.people),
            agents: self.agents_tokens(),
            channels: &world.channels,
            ticket: world.tickets.first().copied().unwrap_or_default(),
            channel: world.channels.first().map_or("", |channel| channel.id.as_str()),
            channel_address: self.address_of(world.channels.first().map_or("", |channel| channel.name.as_str())),
        };
        introduction.render().unwrap_or_else(|error| format!("The introduction could not be made: {error}\n"))
    }

    fn address_of(&self, channel: &str) -> String {
        format!("{channel}@{}", self.credentials.channel_domain)
    }

    fn tokens(&self, people: &[Named]) -> Vec<(Named, String)> {
        let token = |person: &Named| Some((person.clone(), self.slack.token_of(&person.id)?));
        people.iter().filter_map(token).collect()
    }

    fn agents_tokens(&self) -> Vec<(String, String)> {
        let token = |agent: &(i64, String)| Some((agent.1.clone(), self.zendesk.token_of(agent.0)?));
        self.world.agents.iter().filter_map(token).collect()
    }
}

#[derive(Template)]
#[template(path = "sandbox/introduction.txt")]
struct Introduction<'a> {
    base_url: &'a str,
    credentials: &'a Credentials,
    people: Vec<(Named, String)>,
    agents: Vec<(String, String)>,
    channels: &'a [Named],
    ticket: i64,
    channel: &'a str,
    channel_address: String,
}
