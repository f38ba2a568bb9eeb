//! The line above the messages: how much was said, how much of it stands on the other side, and what does not.

use super::mrkdwn::{Names, to_plain};
use super::workspace::links;
use super::{Place, excerpt, names_by_id, people_who_write, shown_name};
use crate::Sandbox;
use crate::proof::{self, Said};

/// How many of a kind are named.
const MOST: usize = 8;
const WORDS: usize = 60;

pub(super) struct Proven {
    pub(super) said: usize,
    pub(super) once: usize,
    pub(super) lost: usize,
    pub(super) twice: usize,
    /// What is not as it should be in the end, by kind.
    pub(super) owed: Vec<Group>,
}

pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) class: &'static str,
    pub(super) words: &'static str,
    pub(super) count: usize,
    pub(super) shown: Vec<Owed>,
}

pub(super) struct Owed {
    pub(super) to_slack: bool,
    pub(super) who: String,
    pub(super) words: String,
    /// What it waits for, where the bridge has words for it.
    pub(super) waits: Option<String>,
    /// Where it was said.
    pub(super) href: String,
}

impl Proven {
    /// Nothing, as long as nobody said anything.
    pub(super) fn look(sandbox: &Sandbox, place: &Place, lanes: Option<&serde_json::Value>) -> Option<Self> {
        let proof = sandbox.proof(lanes);
        if proof.said == 0 {
            return None;
        }
        let names = names_by_id(&people_who_write(sandbox), shown_name);
        let shown = Names { of_ids: names.clone(), ..links(sandbox, place) };
        let owed = |said: &Said| {
            let (to_slack, href) = match &said.place {
                proof::Place::Slack { channel, ts } => {
                    (false, format!("{}&at=m{ts}#m{ts}", place.with_channel(channel)))
                }
                proof::Place::Zendesk { ticket, entry, .. } => {
                    (true, format!("{}&at=e{entry}#e{entry}", place.with_ticket(*ticket)))
                }
            };
            let who = if to_slack { Some(&said.who) } else { names.get(&said.who) };
            let who = who.cloned().unwrap_or_else(|| "Somebody".to_owned());
            let words = if to_slack { said.text.clone() } else { to_plain(&said.text, &shown) };
            Owed { to_slack, who, words: excerpt(&words, WORDS), waits: said.waits.clone(), href }
        };
        let groups = [
            ("lost", "parked", "lost: not on the other side, and not under way", &proof.lost),
            ("twice", "parked", "on the other side twice", &proof.twice),
            ("set-aside", "parked", "set aside: see “Retry” below", &proof.set_aside),
            ("under-way", "waiting", "still to arrive", &proof.under_way),
            ("told", "", "to stay there: people were told why", &proof.told),
        ];
        let groups = groups.into_iter().filter(|(.., all)| !all.is_empty());
        let owed = groups.map(|(name, class, words, all)| Group {
            name,
            class,
            words,
            count: all.len(),
            shown: all.iter().take(MOST).map(owed).collect(),
        });
        let owed = owed.collect();
        Some(Proven { said: proof.said, once: proof.once, lost: proof.lost.len(), twice: proof.twice.len(), owed })
    }
}
