//! Who the app is to the vendors, and since when it bridges, as it is remembered from start to start.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bridge::ids::ZendeskUserId;
use crate::engine::outside::CallError;
use crate::slack::Identity;

const BRIDGING_SINCE: &str = "bridging_since_ms";

/// Why the app does not know itself yet.
pub(super) enum NotYet {
    /// This vendor does not answer: ask again.
    Wait(&'static str, CallError),
    /// A person has to mend something first.
    Stop(anyhow::Error),
}

/// What is remembered, and what has to be.
pub(super) struct Memory {
    /// All that stands in the database, by name.
    pub known: BTreeMap<String, String>,
    /// What is to be written there.
    pub learned: Vec<(&'static str, String)>,
}

impl Memory {
    /// What a vendor said of us when it last answered.
    pub(super) fn was<T: Whoami>(&self) -> Option<T> {
        self.known.get(T::NAME).and_then(|text| serde_json::from_str(text).ok())
    }

    /// What a vendor says of us now, or what it said when it last answered. What it says must not have changed.
    pub(super) fn remember<T: Whoami>(&mut self, asked: Result<T, CallError>) -> Result<T, NotYet> {
        match (asked, self.was::<T>()) {
            (Ok(said), Some(before)) if !said.is_same_account(&before) => Err(NotYet::Stop(anyhow::anyhow!(
                "this database belongs to another {}; give the app a database of its own (database.url)",
                T::ACCOUNT
            ))),
            (Ok(said), _) => {
                let text = serde_json::to_string(&said).context("an identity could not be kept");
                self.learn(T::NAME, text.map_err(NotYet::Stop)?);
                Ok(said)
            }
            (Err(error), Some(before)) => {
                tracing::warn!(error = %error, "a vendor does not say who the app is; what it said before is used");
                Ok(before)
            }
            (Err(CallError::Paused { why }), None) => Err(NotYet::Stop(anyhow::anyhow!(why))),
            (Err(error), None) => Err(NotYet::Wait(T::VENDOR, error)),
        }
    }

    /// Whether the bridge was ever started.
    pub(super) fn has_begun(&self) -> bool {
        self.known.contains_key(BRIDGING_SINCE)
    }

    /// Since when side conversations are bridged: since `now` (milliseconds since 1970), if this is the first start.
    pub(super) fn bridging_since(&mut self, now: i64) -> anyhow::Result<i64> {
        if let Some(text) = self.known.get(BRIDGING_SINCE) {
            return text.parse().context("the time of the first start does not read");
        }
        self.learn(BRIDGING_SINCE, now.to_string());
        tracing::info!("first start: side conversations made before now stay as they are; new ones are bridged");
        Ok(now)
    }

    fn learn(&mut self, name: &'static str, value: String) {
        if self.known.get(name) != Some(&value) {
            self.learned.push((name, value));
        }
    }
}

/// Who the app is to a vendor.
pub(super) trait Whoami: Serialize + DeserializeOwned {
    const NAME: &str;
    const ACCOUNT: &str;
    const VENDOR: &str;
    fn is_same_account(&self, other: &Self) -> bool;
}

impl Whoami for Identity {
    const NAME: &str = "slack_identity";
    const ACCOUNT: &str = "Slack workspace";
    const VENDOR: &str = "Slack";
    fn is_same_account(&self, other: &Self) -> bool {
        self.team_id == other.team_id
    }
}

/// Who the app is in Zendesk.
#[derive(Serialize, serde::Deserialize)]
pub(super) struct ZendeskAccount {
    pub url: String,
    pub user: ZendeskUserId,
}

impl Whoami for ZendeskAccount {
    const NAME: &str = "zendesk_account";
    const ACCOUNT: &str = "Zendesk account";
    const VENDOR: &str = "Zendesk";
    fn is_same_account(&self, other: &Self) -> bool {
        // The credential may pass to another user of the same account.
        self.url == other.url
    }
}
