//! The names of things, one type each, spelled as the vendors spell them. Their text is shared: they are kept in many
//! places and copied with every message.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the vendor's text as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The vendor's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

text_id!(
    /// A Slack workspace, `T…`.
    TeamId
);
text_id!(
    /// A Slack channel, `C…` or `G…`. Slack may change it when a channel is shared.
    ChannelId
);
text_id!(
    /// A person or bot of Slack, `U…` or `W…`.
    SlackUserId
);
text_id!(
    /// A side conversation, a UUID; it equals the id of its first event.
    SideConversationId
);
text_id!(
    /// An entry of a side conversation (`create`, `reply`, `update`), a UUID.
    SideConversationEventId
);
text_id!(
    /// One Slack thread and the side conversation it mirrors; made from the id of the first side
    /// conversation, and kept when the thread moves to another one.
    ThreadId
);
text_id!(
    /// The name of an effect for ever, derived from its cause; unique within a thread.
    EffectId
);
number_id!(
    /// A Zendesk ticket.
    TicketId
);
number_id!(
    /// A person in Zendesk, agent or end user.
    ZendeskUserId
);

/// A Slack message's name within its channel: seconds and a counter, as in `1766458031.859009`.
///
/// Keeps Slack's text and compares by its two numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ts {
    text: Arc<str>,
    seconds: u64,
    fraction: u32,
}

impl Ts {
    /// Slack's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// When the message was written, in microseconds since 1970; also its place among others.
    pub fn micros(&self) -> i64 {
        self.seconds as i64 * 1_000_000 + i64::from(self.fraction)
    }

    /// When the message was written, in milliseconds since 1970.
    pub fn millis(&self) -> i64 {
        self.micros() / 1000
    }
}

/// The text is not two numbers with a point between them.
#[derive(Debug, thiserror::Error)]
#[error("not a Slack message timestamp")]
pub struct BadTs;

impl FromStr for Ts {
    type Err = BadTs;

    fn from_str(text: &str) -> Result<Self, BadTs> {
        let (seconds, fraction) = text.split_once('.').ok_or(BadTs)?;
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(seconds) || !digits(fraction) || seconds.len() > 12 || fraction.len() != 6 {
            return Err(BadTs);
        }
        Ok(Ts {
            text: text.into(),
            seconds: seconds.parse().map_err(|_| BadTs)?,
            fraction: fraction.parse().map_err(|_| BadTs)?,
        })
    }
}

impl fmt::Display for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialOrd for Ts {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ts {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.seconds, self.fraction).cmp(&(other.seconds, other.fraction))
    }
}

impl Serialize for Ts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Ts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ts_compares_by_its_numbers_and_keeps_its_text() {
        let early: Ts = "999999999.000002".parse().unwrap();
        let late: Ts = "1766458031.859009".parse().unwrap();
        assert!(early < late);
        assert_eq!(late.as_str(), "1766458031.859009");
        assert_eq!(late.micros(), 1_766_458_031_859_009);
    }

    #[test]
    fn a_ts_refuses_what_is_not_one() {
        for text in ["", "1", "1.", ".1", "1.2", "a.000001", "1.00000x", "-1.000001", "1.000001.2"] {
            assert!(text.parse::<Ts>().is_err(), "{text}");
        }
    }
}
