//! Whether all that people said on one side stands on the other: counted in the two fakes, whatever the bridge says.
//!
//! It reads as a person would who lays both sides beside each other. A message of Slack stands in a side conversation
//! where a heading there links it. A message of a side conversation stands in Slack in a post that the app named after it,
//! or in one of several messages, under a heading with its time. The bridge is asked for one thing alone: of what does not
//! stand there, whether it is still under way. What is neither under way nor set aside, and of which nobody was told, is lost.
//!
//! It has arrived when all of its words stand there ([`standing`]), those of each part where it was split; of a message that
//! was edited in Slack, the words of one time. What was deleted in Slack counts as long as its words stand on the ticket.

mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::Sandbox;
use super::slack::said as in_slack;
use standing::Linked;

/// How long after it was said something may be on its way although the bridge tells of nothing, in milliseconds: it asks
/// both sides for what it may have missed three times a minute.
const SETTLES_IN_MS: i64 = 60_000;
/// What the app's posts are named that tell a thread that what is written there stays there, and that it does no longer. The
/// other notices tell of what waits, and what waits is still to arrive.
const STAYS: &str = "withheld";
const GOES_AGAIN: &str = "not-withheld";
/// How many letters of a message a note has to quote to be about it.
const QUOTED: usize = 24;

/// Something that was said, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) place: Place,
    /// A name in Zendesk, an id in Slack.
    pub(super) who: String,
    pub(super) text: String,
    /// In milliseconds since 1970.
    pub(super) at: i64,
    /// What it waits for, in words that go on from "waits", where the bridge says so.
    pub(super) waits: Option<String>,
    /// Whether people were told where it was written that it stays there.
    told: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Slack { channel: String, ts: String },
    Zendesk { ticket: i64, side_conversation: String, entry: String },
}

/// How often each message stands on the other side.
#[derive(Debug, Default)]
pub(super) struct Counted {
    once: usize,
    twice: Vec<Said>,
    missing: Vec<Said>,
    /// What was edited or deleted in Slack, by its channel and `ts`.
    changed: BTreeMap<(String, String), Changed>,
}

/// A message that was edited or deleted in Slack.
#[derive(Clone, Debug)]
pub(super) struct Changed {
    /// Who wrote it.
    pub(super) user: String,
    /// What of it stands on the ticket; as long as nothing does, what it said at first.
    pub(super) text: String,
    pub(super) crossed: bool,
    /// Whether it says something else in Slack.
    pub(super) edited: bool,
    pub(super) deleted: bool,
}

/// What came of everything that was said.
#[derive(Debug, Default)]
pub(super) struct Proof {
    /// How much was said.
    pub(super) said: usize,
    /// How much of it stands on the other side, once.
    pub(super) once: usize,
    pub(super) twice: Vec<Said>,
    pub(super) lost: Vec<Said>,
    pub(super) under_way: Vec<Said>,
    /// What a person has to decide about.
    pub(super) set_aside: Vec<Said>,
    /// What stays where it is, as people were told there.
    pub(super) told: Vec<Said>,
}

/// What was counted last, and at which counts of changes; clones share it.
#[derive(Clone, Default)]
pub(super) struct Memory {
    last: Arc<Mutex<Option<Kept>>>,
    /// What the bridge said for good that it stays where it was written: it tells only of what was lately.
    stays: Arc<Mutex<BTreeSet<String>>>,
}

type Kept = ([u64; 2], Arc<Counted>);

impl Sandbox {
    /// Compares both sides; `lanes` is what the bridge tells of itself, nothing if it does not answer.
    pub(super) fn proof(&self, lanes: Option<&Value>) -> Proof {
        let counted = self.counted();
        let mut proof = Proof { once: counted.once, twice: counted.twice.clone(), ..Proof::default() };
        proof.said = counted.once + counted.twice.len() + counted.missing.len();
        let now = self.now();
        let since = self.bridge().map_or(0, |bridge| bridge.standing().since_ms);
        let waits_with_vendors = self.slack.pending() + self.zendesk.pending() > 0;
        let busy = waits_with_vendors || lanes.is_none_or(is_busy);
        for said in &counted.missing {
            let mut said = said.clone();
            let kind = match lanes.map_or(Known::No, |lanes| said.known(lanes)) {
                Known::SetAside => &mut proof.set_aside,
                Known::UnderWay(waits) => {
                    said.waits = waits;
                    &mut proof.under_way
                }
                Known::Stays => {
                    self.proof.stays.lock().unwrap_or_else(PoisonError::into_inner).insert(said.name().to_owned());
                    &mut proof.told
                }
                Known::No if self.stays(&said) => &mut proof.told,
                // Of a bridge that is down nobody knows what it would have done with it.
                Known::No if lanes.is_none() => &mut proof.under_way,
                Known::No if said.told => &mut proof.told,
                Known::No if busy || now - said.at.max(since) < SETTLES_IN_MS => &mut proof.under_way,
                Known::No => &mut proof.lost,
            };
            kind.push(said);
        }
        proof
    }

    fn stays(&self, said: &Said) -> bool {
        self.proof.stays.lock().unwrap_or_else(PoisonError::into_inner).contains(said.name())
    }

    /// What became of a message that was edited or deleted in Slack.
    pub(super) fn changed_in_slack(&self, channel: &str, ts: &str) -> Option<Changed> {
        self.counted().changed.get(&(channel.to_owned(), ts.to_owned())).cloned()
    }

    fn counted(&self) -> Arc<Counted> {
        let counts = [self.slack.changes().count(), self.zendesk.changes().count()];
        let mut last = self.proof.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, counted)) = &*last
            && *of == counts
        {
            return counted.clone();
        }
        let counted = Arc::new(self.count());
        *last = Some((counts, counted.clone()));
        counted
    }

    fn count(&self) -> Counted {
        let (of_people, posted) = self.slack.said();
        let mut known: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for post in &posted {
            if let Some((side, _)) = post.name.split_once('/').filter(|(_, what)| is_card(what)) {
                known.entry(side.to_owned()).or_default().push(&post.text);
            }
        }
        let domain = &self.credentials().channel_domain;
        let names: BTreeSet<String> = known.keys().cloned().collect();
        let of_agents = self.zendesk.said(domain, &names);
        let mut counted = Counted::default();
        let linked = Linked::of(&of_agents.of_app);
        let (stays, went_again) = told_in(&posted);
        for one in of_people {
            let stands = linked.count(&one.channel, &one.ts, &one.texts);
            if one.deleted || one.texts.len() > 1 {
                let which = linked.which(&one.channel, &one.ts, &one.texts);
                let changed = Changed {
                    user: one.user.clone(),
                    text: one.texts.get(which.unwrap_or_default()).cloned().unwrap_or_default(),
                    crossed: which.is_some(),
                    edited: which.unwrap_or_default() + 1 < one.texts.len(),
                    deleted: one.deleted,
                };
                counted.changed.insert((one.channel.clone(), one.ts.clone()), changed);
            }
            if one.deleted && stands == 0 {
                continue;
            }
            let thread = (one.channel.as_str(), one.thread_ts.as_str());
            let told = stays.contains(&thread) || went_again.get(&thread).is_some_and(|at| one.at < *at);
            let place = Place::Slack { channel: one.channel.clone(), ts: one.ts.clone() };
            counted.add(
                stands,
                Said {
                    place,
                    who: one.user,
                    text: one.texts.into_iter().next().unwrap_or_default(),
                    at: one.at,
                    waits: None,
                    told,
                },
            );
        }
        let standing = standing::in_slack(&of_agents.said, &posted, &known);
        for one in &of_agents.said {
            let stands = standing.get(one.id.as_str()).copied().unwrap_or_default();
            let quoted: String = standing::letters(&one.text).chars().take(QUOTED).collect();
            let quotes = |note: &str| !quoted.is_empty() && standing::letters(note).contains(&quoted);
            let mut notes = of_agents.notes.iter().filter(|(ticket, at, _)| *ticket == one.ticket && *at >= one.at);
            let told = notes.any(|(.., note)| quotes(note));
            let (side_conversation, entry) = (one.side_conversation.clone(), one.id.clone());
            let place = Place::Zendesk { ticket: one.ticket, side_conversation, entry };
            counted.add(
                stands,
                Said { place, who: one.who.clone(), text: one.text.clone(), at: one.at, waits: None, told },
            );
        }
        counted.missing.sort_by_key(|said| said.at);
        counted
    }
}

impl Proof {
    /// How much there is of each kind.
    pub(super) fn counts(&self) -> [usize; 7] {
        let [twice, lost, under_way, set_aside, told] =
            [&self.twice, &self.lost, &self.under_way, &self.set_aside, &self.told].map(Vec::len);
        [self.said, self.once, twice, lost, under_way, set_aside, told]
    }

    /// For programs: what does not stand on the other side once is named.
    pub(super) fn to_json(&self) -> Value {
        let list = |all: &[Said]| all.iter().map(Said::to_json).collect::<Vec<Value>>();
        json!({
            "said": self.said, "once": self.once, "twice": list(&self.twice), "lost": list(&self.lost),
            "under_way": list(&self.under_way), "set_aside": list(&self.set_aside), "told": list(&self.told),
        })
    }
}

impl Counted {
    fn add(&mut self, stands: usize, said: Said) {
        match stands {
            0 => self.missing.push(said),
            1 => self.once += 1,
            _ => self.twice.push(said),
        }
    }
}

enum Known {
    No,
    /// It waits for this, where the bridge has words for it.
    UnderWay(Option<String>),
    SetAside,
    /// It stays where it was written, for good.
    Stays,
}

impl Said {
    fn to_json(&self) -> Value {
        let mut shown = match &self.place {
            Place::Slack { channel, ts } => json!({"vendor": "slack", "channel": channel, "ts": ts}),
            Place::Zendesk { ticket, side_conversation, entry } => json!({
                "vendor": "zendesk", "ticket_id": ticket, "side_conversation_id": side_conversation, "event_id": entry,
            }),
        };
        shown["text"] = self.text.clone().into();
        if let Some(waits) = &self.waits {
            shown["waits"] = waits.clone().into();
        }
        shown
    }

    /// How the bridge names it.
    fn name(&self) -> &str {
        match &self.place {
            Place::Slack { ts, .. } => ts,
            Place::Zendesk { entry, .. } => entry,
        }
    }

    /// What the bridge tells of it.
    fn known(&self, lanes: &Value) -> Known {
        let name = self.name();
        let messages = lanes["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(message) = messages.iter().find(|message| message["event"]["name"] == name) else {
            return Known::No;
        };
        let calls = message["calls"].as_array().map(Vec::as_slice).unwrap_or_default();
        let waiting = || calls.iter().filter(|call| call["state"] == "waiting");
        let open = std::iter::once(&message["event"]).chain(waiting());
        let words = open.filter_map(|one| one["waits"]["words"].as_str()).find(|words| !words.is_empty());
        let under_way = || Known::UnderWay(words.map(str::to_owned));
        match () {
            () if calls.iter().any(|call| call["state"] == "parked") => Known::SetAside,
            () if message["event"]["done_at"].is_null() => under_way(),
            () if waiting().next().is_some() => under_way(),
            () if calls.iter().any(|call| call["state"] == "dropped" || call["result"] == "withheld") => Known::Stays,
            () => Known::No,
        }
    }
}

fn is_busy(lanes: &Value) -> bool {
    let count = |name: &str| lanes["counts"][name].as_i64().unwrap_or_default();
    let nudges = lanes["nudges"].as_array().is_some_and(|nudges| !nudges.is_empty());
    lanes["ready"] != true || nudges || count("held") + count("unhandled") + count("waiting") > 0
}

/// Whether a post's name is a card's: the first one, or one that took the place of a card that was deleted.
fn is_card(what: &str) -> bool {
    what == "card" || what.starts_with("card:")
}

/// A thread: its channel and its parent.
type Thread<'a> = (&'a str, &'a str);

/// Threads in which the app says that what is written there stays there, and when it last said in which that it does no longer,
/// in milliseconds since 1970.
fn told_in(posted: &[in_slack::Posted]) -> (BTreeSet<Thread<'_>>, BTreeMap<Thread<'_>, i64>) {
    let (mut stays, mut went_again) = (BTreeSet::new(), BTreeMap::new());
    for post in posted {
        let thread = (post.channel.as_str(), post.thread_ts.as_str());
        let what = post.name.split_once('/').map_or("", |(_, what)| what);
        match what.split(':').next().unwrap_or_default() {
            STAYS => drop(stays.insert(thread)),
            GOES_AGAIN => drop(went_again.insert(thread, post.at)),
            _ => {}
        }
    }
    (stays, went_again)
}
