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
pub mod fill;
pub mod guard;
mod kept;
mod kinds;
pub mod limits;
mod multipart;
pub mod operator;
mod page;
pub mod post;
mod proof;
pub mod record;
mod routes;
mod seed;
pub mod slack;
mod tracked;
pub mod zendesk;

pub use kept::Written;
use seed::drawn;
pub use seed::{Credentials, Furnishing, Named, World};

use bridge::Bridge;
use operator::Operator;
use post::Now;
use record::Recorder;
use slack::FakeSlack;
use zendesk::FakeZendesk;

/// The number of the first ticket that is made in an account: that of the stories, and above those of long ago.
const FIRST_TICKET: i64 = 35_436;

/// A firm with its Slack and its Zendesk; clones share it.
#[derive(Clone)]
pub struct Sandbox {
    /// Its Slack.
    pub slack: FakeSlack,
    /// Its Zendesk.
    pub zendesk: FakeZendesk,
    /// Who and what is in them.
    pub world: World,
    /// What asks the bridge as its operator does.
    pub operator: Operator,
    credentials: Credentials,
    base_url: String,
    /// Where the bridge reaches it, if that is elsewhere.
    inner_url: Option<String>,
    bridge: Option<Bridge>,
    recorder: Option<Recorder>,
    proof: proof::Memory,
    now: Now,
}

impl Sandbox {
    /// The firm with secrets that nobody has had; `base_url` is where the sandbox is reached.
    pub fn new(base_url: &str, now: Now, seed: u64) -> Self {
        Self::with_credentials(base_url, now, seed, Credentials::fresh())
    }

    /// The firm with these secrets; with [`Credentials::of_seed`], a seed gives the same one again.
    pub fn with_credentials(base_url: &str, now: Now, seed: u64, credentials: Credentials) -> Self {
        Self::furnished(base_url, now, seed, credentials, Furnishing::default())
    }

    /// The firm with these secrets and with as much in it as one wants.
    pub fn furnished(base_url: &str, now: Now, seed: u64, credentials: Credentials, furnishing: Furnishing) -> Self {
        // The past is told at its own time: until all of it is, the fakes' clock is behind.
        let behind = Arc::new(AtomicI64::new(0));
        let began = now();
        let clock: Now = {
            let behind = behind.clone();
            Arc::new(move || now() - behind.load(Ordering::Relaxed))
        };
        let bare = Self::unfurnished(base_url, clock, seed, credentials);
        let domain = &bare.credentials.channel_domain;
        let world = seed::seed(&bare.slack, &bare.zendesk, (&behind, began), domain, furnishing, seed);
        Sandbox { world, ..bare }
    }

    fn unfurnished(base_url: &str, now: Now, seed: u64, credentials: Credentials) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        let slack = FakeSlack::new(credentials.slack_options(&base_url), now.clone(), seed);
        let zendesk = FakeZendesk::new(credentials.zendesk_options(&base_url), now.clone(), seed);
        let (world, operator, proof) = (World::default(), Operator::default(), proof::Memory::default());
        let (inner_url, bridge, recorder) = (None, None, None);
        Sandbox { slack, zendesk, world, operator, credentials, base_url, inner_url, bridge, recorder, proof, now }
    }

    /// Lets this much time pass for whatever in the firm waits for its time; the clock on the wall stays.
    ///
    /// The bridge beside it lives by the machine's clock, and so do the signatures that it checks. So nothing is
    /// dated in the future: instead, what is there becomes older. Solved tickets close after four days and closed
    /// ones are archived after 120, tokens, keys and response URLs end, retries fall due, used-up limits are free.
    /// The numbers of the tickets that closed.
    pub fn forward(&self, ms: i64) -> Vec<i64> {
        self.slack.age(ms);
        self.zendesk.age(ms)
    }

    /// The same firm, with a bridge that runs beside it.
    pub fn with_bridge(self, bridge: Bridge) -> Self {
        let asked = bridge.clone();
        self.operator.is_at(move || asked.admin_url(), bridge.client());
        Sandbox { bridge: Some(bridge), ..self }
    }

    /// The same firm, which its bridge reaches at this address: what the bridge writes may bear it.
    pub fn with_inner_url(self, inner_url: &str) -> Self {
        Sandbox { inner_url: Some(inner_url.trim_end_matches('/').to_owned()), ..self }
    }

    /// The same firm, in which acts that no request tells of are written down as well.
    pub fn with_recorder(self, recorder: Recorder) -> Self {
        Sandbox { recorder: Some(recorder), ..self }
    }

    fn acted(&self, path: &str, form: &[(&str, &str)]) {
        if let Some(recorder) = &self.recorder {
            recorder.acted(path, form);
        }
    }

    /// The bridge that runs beside the firm, if one does.
    pub fn bridge(&self) -> Option<&Bridge> {
        self.bridge.as_ref()
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
            is_empty: world.tickets.is_empty(),
            ticket: world.tickets.first().copied().unwrap_or(FIRST_TICKET),
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
    is_empty: bool,
    ticket: i64,
    channel: &'a str,
    channel_address: String,
}
