//! What may travel together.
//!
//! Neighbours of one lane that wait anyway go in one call: plain messages with which nothing was tried yet. Who travels
//! together is written down in the transaction that writes the first attempt, and is never changed: the bundle is looked
//! for as a whole, by a marker of its own. Only one that the vendor certainly refused is taken apart, and then each goes
//! alone, so that the guilty one harms no other.

use std::sync::Arc;

use crate::bridge::content::Names;
use crate::bridge::ids::{ChannelId, SlackUserId};
use crate::bridge::{Act, BridgedThread, Effect, EffectId, Vendor};

/// How many messages travel together at most.
pub const MOST: usize = 50;
/// How long a Slack post of several messages may be, in characters. Slack recommends 4,000 at most.
pub const SLACK_LIMIT: usize = 3_800;
/// How long a Zendesk reply of several messages may be, in bytes of HTML. Zendesk documents no limit for side
/// conversations; a ticket's comment takes 64 KiB.
pub const ZENDESK_LIMIT: usize = 30_000;
/// What stands above each message, at most: a name, a time, an address.
const HEADING: usize = 400;
const SLACK_HEADING: usize = 160;

/// Whether a message may travel with others: cards, changes of state and messages with files go alone.
pub fn is_plain(act: &Act) -> bool {
    match act {
        Act::Post { .. } => true,
        Act::Reply(reply) => reply.files.is_empty(),
        _ => false,
    }
}

/// How many of these, from the first on, fit into one call; at least one.
pub fn fit(effects: &[Arc<Effect>]) -> usize {
    let Some(first) = effects.first() else { return 0 };
    let limit = match first.act.vendor() {
        Vendor::Slack => SLACK_LIMIT,
        Vendor::Zendesk => ZENDESK_LIMIT,
    };
    let mut size = 0;
    let fitting = effects.iter().take(MOST).take_while(|effect| {
        size += size_of(&effect.act);
        is_plain(&effect.act) && size <= limit
    });
    fitting.count().max(1)
}

/// The name under which those who travel with `first` are found again.
pub fn marker(thread: &BridgedThread, first: &EffectId) -> String {
    thread.marker(&EffectId::new(format!("bundle:{first}")))
}

fn size_of(act: &Act) -> usize {
    match act {
        Act::Post { text, .. } => text.chars().count() + SLACK_HEADING,
        Act::Reply(reply) => reply.doc.to_html(&Nameless).len() + HEADING,
        _ => 0,
    }
}

/// Names are looked up when the message is sent; they are hardly longer than the ids.
struct Nameless;

impl Names for Nameless {
    fn user(&self, _: &SlackUserId) -> Option<String> {
        None
    }

    fn channel(&self, _: &ChannelId) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(length: usize) -> Arc<Effect> {
        let act = Act::Post { author: "Zoe".to_owned(), text: "x".repeat(length) };
        Arc::new(Effect { id: EffectId::new("post:1/0"), order: 1, not_before_ms: 0, act })
    }

    #[test]
    fn as_many_as_fit_and_at_least_one() {
        assert_eq!(fit(&[post(100), post(100), post(100)]), 3);
        assert_eq!(fit(&[post(2000), post(1200), post(1200)]), 2);
        assert_eq!(fit(&[post(9000), post(10)]), 1);
        assert_eq!(fit(&vec![post(1); 200]), SLACK_LIMIT / (1 + SLACK_HEADING));
        let card = Arc::new(Effect { act: Act::UpdateCard, ..post(1).as_ref().clone() });
        assert_eq!(fit(&[post(1), card.clone(), post(1)]), 1);
        assert_eq!(fit(&[card, post(1)]), 1);
    }
}
