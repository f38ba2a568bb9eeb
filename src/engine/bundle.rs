//! What may travel together.
//!
//! Neighbours of one lane that wait anyway go in one call: plain messages with which nothing was tried yet. Who travels
//! together is written down in the transaction that writes the first attempt, and is never changed: the bundle is looked
//! for as a whole, by a marker of its own, which also names each message in it: so one that is looked for alone, because
//! it was parked or because the database is an older copy of itself, is found as well. Only a bundle that the vendor
//! certainly refused is taken apart, and then each goes alone, so that the guilty one harms no other.

use std::sync::Arc;

use crate::bridge::content::{Nameless, text_hash};
use crate::bridge::facts::{Says, Travels};
use crate::bridge::{Act, BridgedThread, Effect, EffectId, Vendor};

/// How many messages travel together at most.
pub const MOST: usize = 50;
/// How long a Slack post of several messages may be, in characters. Slack recommends 4,000 at most.
pub const SLACK_LIMIT: usize = 3_800;
/// How long a Zendesk reply of several messages may be, in bytes of HTML. Zendesk documents no limit for side
/// conversations; a ticket's comment takes 64 KiB.
pub const ZENDESK_LIMIT: usize = 30_000;
/// Between a bundle's name and the names of what is in it.
const EACH: char = '|';
/// What stands above each message, at most: a name, a time, an address.
const HEADING: usize = 400;
const SLACK_HEADING: usize = 160;

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
        effect.act.facts().travels == Travels::WithOthers && size <= limit
    });
    fitting.count().max(1)
}

/// The name under which those who travel together are found again, and after it what each is known by.
pub fn marker<'a>(thread: &BridgedThread, effects: impl Iterator<Item = &'a Effect>) -> String {
    let ids: Vec<&EffectId> = effects.map(|effect| &effect.id).collect();
    match ids.as_slice() {
        [alone] => thread.marker(alone),
        [first, ..] => {
            let each: Vec<String> = ids.iter().map(|id| short(&thread.marker(id))).collect();
            format!("{}{EACH}{}", thread.marker(&EffectId::new(format!("bundle:{first}"))), each.join("."))
        }
        [] => String::new(),
    }
}

/// Whether what bears the marker `found` holds all of `effects`.
pub fn holds<'a>(found: &str, thread: &BridgedThread, effects: impl Iterator<Item = &'a Effect> + Clone) -> bool {
    let name = |marker: &str| marker.split(EACH).next().unwrap_or_default().to_owned();
    if name(found) == name(&marker(thread, effects.clone())) {
        return true;
    }
    let Some((_, each)) = found.split_once(EACH) else { return false };
    let mut effects = effects;
    effects.all(|effect| each.split('.').any(|one| one == short(&thread.marker(&effect.id))))
}

fn short(marker: &str) -> String {
    text_hash(marker).chars().take(8).collect()
}

fn size_of(act: &Act) -> usize {
    match act.facts().says {
        Says::Text(text) => text.chars().count() + SLACK_HEADING,
        // Names are looked up when the message is sent; they are hardly longer than the ids.
        Says::Doc(doc, _) => doc.to_html(&Nameless).len() + HEADING,
        Says::Nothing => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::ids::{SideConversationId, TicketId};

    fn post(length: usize) -> Arc<Effect> {
        let act = Act::Post { author: "Zoe".to_owned(), text: "x".repeat(length), written_at_ms: None };
        Arc::new(Effect { id: EffectId::new("post:1/0"), order: 1, not_before_ms: 0, act })
    }

    #[test]
    fn a_bundle_is_found_as_a_whole_and_by_each_of_its_messages() {
        let thread = BridgedThread::new(SideConversationId::new("sc"), TicketId(1));
        let named = |id: &str| Effect { id: EffectId::new(id), ..post(1).as_ref().clone() };
        let (one, two, three) = (named("post:1/0"), named("post:2/0"), named("post:3/0"));
        let bundle = marker(&thread, [&one, &two].into_iter());
        assert!(bundle.starts_with("sc/bundle:post:1/0|"), "{bundle}");
        assert!(holds(&bundle, &thread, [&one, &two].into_iter()));
        assert!(holds("sc/bundle:post:1/0", &thread, [&one, &two].into_iter()), "also where the end is cut off");
        assert!(holds(&bundle, &thread, [&two].into_iter()));
        assert!(holds(&bundle, &thread, [&one].into_iter()));
        assert!(!holds(&bundle, &thread, [&three].into_iter()));
        assert!(!holds(&bundle, &thread, [&two, &three].into_iter()));
        assert_eq!(marker(&thread, [&two].into_iter()), "sc/post:2/0");
        assert!(holds("sc/post:2/0", &thread, [&two].into_iter()));
        assert!(!holds("sc/post:2/0", &thread, [&one].into_iter()));
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
