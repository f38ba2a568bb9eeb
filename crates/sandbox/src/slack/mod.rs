//! A fake Slack: one workspace with one app installed in it.
//!
//! It keeps people, channels, messages and ephemeral messages, answers the Web API below `/slack/api/`, takes
//! posts to response URLs, and sends the app the events, interactions and commands that Slack would send, signed
//! and with Slack's retries. Every change happens at one instant under one lock, which is never held while
//! waiting, so events are queued in the order of what they tell about.
//!
//! What the real Slack does is told by its reference at <https://docs.slack.dev>; where the reference is silent
//! the code says what it assumes.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::value::RawValue;

use crate::changes::Changes;
use crate::faults::Faults;
use crate::limits::Keeping;
use crate::post::Now;

mod api;
mod blocks;
mod budget;
mod build;
mod deliver;
mod files;
mod inputs;
mod look;
mod made;
mod people;
mod press;
mod quirks;
mod respond;
mod rich_text;
pub(crate) mod said;
mod show;
mod timeline;
mod views;
mod world;

pub use build::{ChannelSpec, PersonSpec};
pub use deliver::Counters;
pub use look::{SeenChannel, SeenThread};
pub use made::Written;
pub use people::Say;
pub use quirks::Quirks;
pub use rich_text::{escape, rich_text};

use budget::Tier;
use world::{Workspace, World};

/// What a workspace and the app in it are called, and where things are.
#[derive(Clone, Debug)]
pub struct Options {
    /// The workspace's id.
    pub team_id: String,
    /// The workspace's name.
    pub team_name: String,
    /// The workspace's part of `https://<domain>.slack.com/`.
    pub team_domain: String,
    /// The app's id.
    pub app_id: String,
    /// The app's bot token.
    pub bot_token: String,
    /// The user id of the app's bot.
    pub bot_user_id: String,
    /// The bot id of the app's bot.
    pub bot_id: String,
    /// The bot's name.
    pub bot_name: String,
    /// Signs whatever is sent to the app.
    pub signing_secret: String,
    /// Where on the app events go.
    pub events_path: String,
    /// Where on the app interactions go.
    pub interactions_path: String,
    /// Where on the app menus ask for their options.
    pub options_path: String,
    /// Where on the app slash commands go.
    pub commands_path: String,
    /// Where the fake itself is reached; response URLs begin with it.
    pub base_url: String,
    /// What the bot token may do.
    pub scopes: Vec<String>,
    /// Whether the documented rate limits are kept.
    pub limits: bool,
}

impl Default for Options {
    fn default() -> Self {
        let scopes = [
            "app_mentions:read",
            "channels:history",
            "channels:join",
            "channels:read",
            "chat:write",
            "chat:write.customize",
            "commands",
            "emoji:read",
            "files:read",
            "files:write",
            "groups:history",
            "groups:read",
            "im:history",
            "im:read",
            "im:write",
            "reactions:read",
            "reactions:write",
            "team:read",
            "usergroups:read",
            "users:read",
            "users:read.email",
        ];
        Options {
            team_id: "T0SANDBOX1".into(),
            team_name: "Sandbox".into(),
            team_domain: "sandbox".into(),
            app_id: "A0SANDBOX1".into(),
            bot_token: "xoxb-sandbox-bot".into(),
            bot_user_id: "U0SANDBOT1".into(),
            bot_id: "B0SANDBOT1".into(),
            bot_name: "sidethread".into(),
            signing_secret: "8f742231b10e8888abcd99baac85a5a1".into(),
            events_path: "/slack/events".into(),
            interactions_path: "/slack/interactions".into(),
            options_path: "/slack/options".into(),
            commands_path: "/slack/commands".into(),
            base_url: "http://127.0.0.1:8788".into(),
            scopes: scopes.map(String::from).to_vec(),
            limits: false,
        }
    }
}

/// The names of the calls, as faults and the list of calls use them; posts to a response URL are
/// `response_url`, the bytes of an upload `upload_url`, and those of a download `url_private`.
pub fn calls() -> Vec<&'static str> {
    api::names().chain(["response_url", api::UPLOAD, api::DOWNLOAD]).collect()
}

/// The documented limits: what is counted, how many, and in how many seconds.
pub fn documented_limits() -> [(&'static str, u32, i64); 5] {
    [
        ("calls of a method of tier 2", Tier::Two.calls_a_minute(), 60),
        ("calls of a method of tier 3", Tier::Three.calls_a_minute(), 60),
        ("calls of a method of tier 4", Tier::Four.calls_a_minute(), 60),
        ("posts in the workspace", Tier::Posts.calls_a_minute(), 60),
        ("posts in a channel, with a short burst above it", 1, 1),
    ]
}

/// A workspace with the app installed; clones share it.
#[derive(Clone)]
pub struct FakeSlack {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    now: Now,
    faults: Faults,
    changes: Changes,
    world: Mutex<World>,
}

impl FakeSlack {
    /// A workspace in which there is nobody but the app's bot and Slackbot.
    pub fn new(options: Options, now: Now, seed: u64) -> Self {
        let mut world = World::with_seed(seed);
        world.limits = if options.limits { Keeping::Documented } else { Keeping::Off };
        let faults = Faults::with_seed(seed);
        let inner = Inner { options, now, faults, changes: Changes::default(), world: Mutex::new(world) };
        let slack = FakeSlack { inner: Arc::new(inner) };
        slack.workspace().settle_in();
        slack
    }

    /// The Web API and the response URLs.
    pub fn router(&self) -> axum::Router {
        api::router(self.clone())
    }

    /// What can be made to go wrong.
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// Tells of every change.
    pub fn changes(&self) -> &Changes {
        &self.inner.changes
    }

    /// What the workspace and the app are called.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// How the documented rate limits are kept.
    pub fn limits(&self) -> Keeping {
        self.workspace().limits
    }

    /// Keeps the rate limits so from here on, with nothing used of them.
    pub fn set_limits(&self, keeping: Keeping) {
        let mut workspace = self.workspace();
        workspace.limits = keeping;
        workspace.budgets = budget::Budgets::default();
    }

    /// Lets this much time pass for whatever waits for its time: retries fall due, response URLs end.
    pub fn age(&self, ms: i64) {
        let mut workspace = self.workspace();
        workspace.queue.age(ms);
        workspace.response_urls.values_mut().for_each(|link| link.expires = link.expires.saturating_sub(ms));
        workspace.budgets = budget::Budgets::default();
    }

    pub(crate) fn keep(&self) -> serde_json::Result<Box<RawValue>> {
        let looked = self.workspace();
        serde_json::value::to_raw_value(&*looked.world)
    }

    pub(crate) fn restore(&self, kept: &str) -> serde_json::Result<()> {
        let kept = World { limits: self.limits(), ..serde_json::from_str(kept)? };
        *self.workspace().world = kept;
        Ok(())
    }

    pub(crate) fn take_touched(&self) -> bool {
        self.inner.changes.take()
    }

    fn workspace(&self) -> Workspace<'_> {
        let now = (self.inner.now)();
        let mut workspace = Workspace {
            options: &self.inner.options,
            faults: &self.inner.faults,
            now,
            world: self.inner.world.lock().unwrap_or_else(PoisonError::into_inner),
            changes: &self.inner.changes,
            touched: false,
        };
        workspace.share_what_is_due();
        workspace
    }
}
