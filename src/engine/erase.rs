//! Erases what is kept of a ticket or of a person, while the bridge goes on.
//!
//! A thread is taken while nobody has anything to handle for it, so that no decision made from what was known before is
//! written after. One that is busy is left out, and said to be: the caller asks again. What is settled loses its words as
//! a whole, whoever wrote them, because nothing needs them; what waits is given up if the words in it are to be forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;

use super::Engine;
use super::gather::Reader;
use super::worker::thread_write;
use crate::bridge::erase::{self, Whom};
use crate::bridge::ids::ThreadId;
use crate::bridge::{Act, Effect};
use crate::store::{Commit, EraseWrite, StoreError};

/// How many of a person's messages are looked up to learn under which names others were shown them.
const MESSAGES: usize = 10;

/// What shall be erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Of what or of whom.
    #[serde(flatten)]
    pub whom: Whom,
    /// Further names and addresses of that person.
    #[serde(default)]
    pub names: Vec<String>,
}

/// What was erased, and what is left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// How many stored events and calls lost their words.
    pub blanked: u64,
    /// How many messages that waited or were parked are given up.
    pub given_up: usize,
    /// Calls that hold some of it and are not made yet.
    pub kept: Vec<i64>,
    /// How many threads were busy; nothing of them was erased.
    pub busy: usize,
    /// How many threads it was erased from.
    #[serde(default)]
    pub threads: usize,
    /// Whether the vendor did not say under which names it knows the person.
    #[serde(default)]
    pub unasked: bool,
    /// The names and addresses under which the person was looked for.
    #[serde(default)]
    pub names: Vec<String>,
    /// How many names of deliveries and calls hold the person's id.
    #[serde(default)]
    pub keys: usize,
    /// How many threads the person started, which know them by their id.
    #[serde(default)]
    pub started: usize,
    /// Where the vendors still have it.
    pub remains: Vec<Remains>,
    /// The Slack members whom direct messages tell of it.
    #[serde(default)]
    pub direct: BTreeSet<String>,
}

/// A thread at the vendors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remains {
    /// The ticket.
    pub ticket_id: i64,
    /// The side conversation.
    pub side_conversation_id: String,
    /// The thread's address in Slack, if it stands there.
    pub slack: Option<String>,
    /// Whether the thread is not there any more.
    #[serde(default)]
    pub before: bool,
}

/// Who is meant, and under which names.
struct Found {
    threads: BTreeSet<String>,
    names: Vec<String>,
    entries: Vec<String>,
}

/// What becomes of direct messages.
#[derive(Default)]
struct Direct {
    settled: Vec<i64>,
    given_up: Vec<i64>,
    rewrites: Vec<(i64, Effect)>,
}

/// Gathers in the place of a call; no row has this id.
const ERASING: i64 = i64::MIN;

impl Engine {
    /// Adds the names and addresses under which the vendor knows the person. Says whether it could be asked.
    pub async fn learn_names(&self, erasure: &mut Erasure) -> bool {
        match self.within_deadline(self.outside.names_of(&erasure.whom)).await {
            Ok(names) => {
                names.iter().for_each(|name| erase::add_name(name, &mut erasure.names));
                true
            }
            Err(error) => {
                tracing::warn!(error = %error, "the name of somebody who is to be forgotten could not be asked for");
                false
            }
        }
    }

    /// Erases what is kept of a ticket or of a person.
    ///
    /// # Errors
    /// The database failed: it may be erased in part, and should be asked again.
    pub async fn erase(&self, erasure: &Erasure) -> Result<Erased, StoreError> {
        let whom = &erasure.whom;
        let found = self.traces(erasure).await?;
        let mut erased = Erased { names: found.names.clone(), ..Erased::default() };
        let mut taken = Vec::new();
        {
            let mut state = self.lock();
            for id in &found.threads {
                let thread_id = ThreadId::new(id.clone());
                match state.queue.take_idle(&thread_id) {
                    true => taken.push(thread_id),
                    false => erased.busy += 1,
                }
            }
        }
        let done = self.erase_taken(whom, &found, &taken, &mut erased).await;
        self.end_gathering(ERASING);
        let mut state = self.lock();
        for thread_id in &taken {
            state.threads.remove(thread_id);
            state.queue.end_handle(thread_id);
        }
        drop(state);
        self.wake.notify_one();
        done.map(|()| erased)
    }

    async fn traces(&self, Erasure { whom, names }: &Erasure) -> Result<Found, StoreError> {
        let mut found = Found { threads: BTreeSet::new(), names: names.clone(), entries: Vec::new() };
        let mut messages = Vec::new();
        if let Whom::Ticket(ticket) = whom {
            found.threads.extend(self.store.threads_of_ticket(ticket.0).await?);
        }
        let Some(needle) = whom.needle() else { return Ok(found) };
        for (thread_id, json) in self.store.mentioning(&needle).await? {
            if whom.is_meant(&json) {
                whom.names_in(&json, &mut found.names);
                whom.messages_in(&json, &mut messages);
                found.entries.extend(whom.entry_in(&json));
                found.threads.insert(thread_id);
            }
        }
        messages.sort();
        messages.dedup();
        messages.drain(..messages.len().saturating_sub(MESSAGES));
        for message in &messages {
            for (_, json) in self.store.mentioning(message).await? {
                erase::names_over(&messages, &json, &self.policy.slack_url, &mut found.names);
            }
        }
        // Readers and cards know people by their names alone, and so do texts that the app writes.
        for name in &found.names {
            let telling = erase::is_telling(name);
            let needle = if telling { erase::in_json(name) } else { format!("\"{}\"", erase::in_json(name)) };
            let meant = |text: &str| !telling || Whom::names_stand_in(std::slice::from_ref(name), text);
            let rows = self.store.mentioning(&needle).await?.into_iter();
            found.threads.extend(rows.filter(|(_, text)| meant(text)).map(|(thread_id, _)| thread_id));
        }
        Ok(found)
    }

    /// The direct messages that tell of a ticket or of a person, also those that tell of others besides, or belong to
    /// another's thread.
    async fn direct_messages(&self, whom: &Whom, erased: &mut Erased) -> Result<Direct, StoreError> {
        let mut direct = Direct::default();
        let mut links: Vec<String> = Vec::new();
        let first = match whom {
            Whom::Ticket(ticket) => {
                links.extend(erased.remains.iter().filter_map(|one| one.slack.clone()));
                format!("\"ticket_id\":{ticket}")
            }
            Whom::SlackUser(id) => id.to_string(),
            Whom::User(_) => return Ok(direct),
        };
        let needles: Vec<String> = std::iter::once(first).chain(links.clone()).collect();
        let mut busy = BTreeSet::new();
        for (.., effect) in self.store.notices_holding(&needles).await? {
            if let Act::Notify { user, .. } = effect.act
                && !self.begin_gathering(Reader::Person(user.clone()), ERASING)
            {
                // Somebody is putting it together with others just now.
                busy.insert(user);
            }
        }
        erased.busy += busy.len();
        for (id, settled, effect) in self.store.notices_holding(&needles).await? {
            let Some(left) = whom.left_of(&effect, &links) else { continue };
            let Act::Notify { user, news, .. } = &left.act else { continue };
            erased.direct.insert(user.to_string());
            match (settled, news.is_empty()) {
                _ if busy.contains(user) => {}
                (true, _) => direct.settled.push(id),
                (false, true) => direct.given_up.push(id),
                (false, false) => direct.rewrites.push((id, left)),
            }
        }
        Ok(direct)
    }

    async fn erase_taken(
        &self,
        whom: &Whom,
        found: &Found,
        taken: &[ThreadId],
        erased: &mut Erased,
    ) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        let mut commit = Commit::default();
        let mut given_up = Vec::new();
        let mut rewrites = Vec::new();
        for thread_id in taken {
            for (id, effect) in self.store.open_calls(thread_id.as_str()).await? {
                if whom.gives_up(&effect, &found.entries) {
                    given_up.push(id);
                    continue;
                }
                let rewritten = whom.rewritten(&effect, &found.names);
                // Direct messages are seen to below, with those of other threads.
                let left = whom.left_of(&effect, &[]).or_else(|| rewritten.clone()).unwrap_or(effect);
                rewrites.extend(rewritten.map(|rewritten| (id, rewritten)));
                if whom.is_left_in(&left, &found.names) {
                    erased.kept.push(id);
                }
            }
            let Some(mut thread) = self.store.thread(thread_id.as_str()).await? else { continue };
            let mut card = self.store.card(thread_id.as_str()).await?;
            whom.forget(&found.names, &found.entries, &mut thread, card.as_mut());
            let card = card.as_ref().map(to_raw_value).transpose().map_err(StoreError::unwritable)?;
            let write = thread_write(&thread, card, now).map_err(StoreError::unwritable)?;
            commit.threads.push(write);
            erased.threads += 1;
            let starter = thread.starter.as_ref().and_then(|starter| starter.user_id);
            erased.started += usize::from(starter.is_some_and(|id| *whom == Whom::User(id)));
            let place = self.store.place_of(thread_id.as_str()).await?;
            let base = &self.policy.slack_url;
            erased.remains.push(Remains {
                ticket_id: thread.ticket_id.0,
                side_conversation_id: thread.side_conversation_id.to_string(),
                slack: place.map(|(channel, ts)| format!("{base}archives/{channel}/p{}", ts.replace('.', ""))),
                before: false,
            });
            erased.remains.extend(thread.earlier.iter().map(|earlier| Remains {
                ticket_id: earlier.ticket_id.0,
                side_conversation_id: earlier.side_conversation_id.to_string(),
                slack: None,
                before: true,
            }));
        }
        let direct = self.direct_messages(whom, erased).await?;
        let mut others = direct.settled;
        others.extend(&direct.given_up);
        given_up.extend(direct.given_up);
        rewrites.extend(direct.rewrites);
        let written = rewrites.iter().map(|(id, effect)| Ok((*id, to_raw_value(effect)?)));
        erased.given_up = given_up.len();
        commit.erased = Some(EraseWrite {
            thread_ids: taken.iter().map(ToString::to_string).collect(),
            given_up: given_up.clone(),
            others,
            rewrites: written.collect::<Result<_, _>>().map_err(StoreError::unwritable)?,
            needle: whom.needle(),
            at: now,
        });
        erased.blanked = self.store.commit(commit).await?.erased;
        if let Whom::SlackUser(id) = whom {
            let keys = self.store.keys_holding(id.as_str()).await?;
            erased.keys = keys.iter().filter(|key| whom.is_meant(key)).count();
        }
        let mut state = self.lock();
        given_up.iter().for_each(|id| drop(state.queue.settle(*id)));
        for (id, effect) in rewrites {
            state.queue.rewrite(id, Arc::new(effect));
        }
        tracing::info!(
            threads = taken.len(),
            blanked = erased.blanked,
            "what was kept of somebody or something was erased"
        );
        Ok(())
    }
}
