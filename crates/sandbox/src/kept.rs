//! How the firm is written down and read again, so that a sandbox can go on where it ended.
//!
//! What is kept is the fakes' whole state but what lasts minutes: used-up limits, the list of calls, idempotency keys.
//! The modules here are for fields that serde cannot write by itself.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::faults::Rule;
use super::post::Now;
use super::{Credentials, Sandbox, World};

/// Changes when an older program could no longer read it all.
const VERSION: u32 = 2;
/// The oldest that is read: its tickets stand in the account.
const OLDEST: u32 = 1;

/// A firm written down.
pub struct Written {
    /// Everything but the tickets, as one JSON text.
    pub firm: String,
    /// Tickets, a line of JSON each; of two lines of one ticket the later one holds.
    pub tickets: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    credentials: Credentials,
    world: World,
    slack_faults: Vec<Rule>,
    zendesk_faults: Vec<Rule>,
    slack: Box<RawValue>,
    zendesk: Box<RawValue>,
}

impl Sandbox {
    /// Everything that is to be kept; of the tickets, which are most of it, those that changed since this was asked last,
    /// or `all`.
    ///
    /// # Errors
    /// Something cannot be written as JSON. Ask for all the next time.
    pub fn keep(&self, all: bool) -> serde_json::Result<Written> {
        // What changes in one after the other was written down is owed, for it touches the sandbox.
        let (zendesk, tickets) = self.zendesk.keep(all)?;
        let kept = Kept {
            version: VERSION,
            credentials: self.credentials.clone(),
            world: self.world.clone(),
            slack_faults: self.slack.faults().list(),
            zendesk_faults: self.zendesk.faults().list(),
            slack: self.slack.keep()?,
            zendesk,
        };
        Ok(Written { firm: serde_json::to_string(&kept)?, tickets })
    }

    /// The firm that [`Sandbox::keep`] wrote down, with every ticket that it ever wrote; `base_url` must be the one it had.
    ///
    /// # Errors
    /// The text was written by another version, or damaged.
    pub fn restored(base_url: &str, now: Now, seed: u64, written: &Written) -> serde_json::Result<Self> {
        let kept: Kept = serde_json::from_str(&written.firm)?;
        if !(OLDEST..=VERSION).contains(&kept.version) {
            let why = format!("it is of version {}, and this one reads version {VERSION}", kept.version);
            return Err(serde::de::Error::custom(why));
        }
        let sandbox = Sandbox::unfurnished(base_url, now, seed, kept.credentials);
        let sandbox = Sandbox { world: kept.world, ..sandbox };
        sandbox.slack.restore(kept.slack.get())?;
        sandbox.zendesk.restore(kept.zendesk.get(), &written.tickets)?;
        kept.slack_faults.into_iter().for_each(|rule| sandbox.slack.faults().add(rule));
        kept.zendesk_faults.into_iter().for_each(|rule| sandbox.zendesk.faults().add(rule));
        Ok(sandbox)
    }

    /// Whether anything may have changed since this was asked last.
    pub fn take_touched(&self) -> bool {
        let (slack, zendesk) = (self.slack.take_touched(), self.zendesk.take_touched());
        slack || zendesk
    }
}

/// A random number generator, by its state.
pub(super) mod random {
    use super::*;

    pub fn serialize<S: Serializer>(random: &fastrand::Rng, to: S) -> Result<S::Ok, S::Error> {
        random.get_seed().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<fastrand::Rng, D::Error> {
        u64::deserialize(from).map(fastrand::Rng::with_seed)
    }
}

/// A word of the code's own; by this name, because serde borrows what it sees to be a reference.
pub(super) type Word = &'static str;

/// A [`Word`], of which there are a handful.
pub(super) mod word {
    use super::*;

    static WORDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

    pub fn serialize<S: Serializer>(word: &&'static str, to: S) -> Result<S::Ok, S::Error> {
        word.serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<&'static str, D::Error> {
        let word = String::deserialize(from)?;
        let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = words.get(word.as_str()) {
            return Ok(known);
        }
        let word: &'static str = word.leak();
        words.insert(word);
        Ok(word)
    }
}

/// What several places share; each gets its own when it is read.
pub(super) mod shared {
    use std::sync::Arc;

    use super::*;

    pub fn serialize<T: Serialize + ?Sized, S: Serializer>(shared: &Arc<T>, to: S) -> Result<S::Ok, S::Error> {
        T::serialize(shared, to)
    }

    pub fn deserialize<'de, T: ?Sized, D: Deserializer<'de>>(from: D) -> Result<Arc<T>, D::Error>
    where
        Box<T>: Deserialize<'de>,
    {
        Box::<T>::deserialize(from).map(Arc::from)
    }
}

/// A list of what is shared.
pub(super) mod all_shared {
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;

    pub fn serialize<S: Serializer>(list: &[Arc<Value>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(Arc::as_ref))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Arc<Value>>, D::Error> {
        Ok(Vec::<Value>::deserialize(from)?.into_iter().map(Arc::new).collect())
    }
}

/// A file's bytes.
pub(super) mod base64 {
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;

    use super::*;

    pub fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        STANDARD.encode(bytes).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(Bytes::from).map_err(serde::de::Error::custom)
    }
}
