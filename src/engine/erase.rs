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
use crate::bridge::erase::Whom;
use crate::bridge::ids::ThreadId;
use crate::bridge::{Act, Effect};
use crate::store::{Commit, EraseWrite, StoreError};

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
    /// Erases what is kept of a ticket or of a person.
    ///
    /// # Errors
    /// The database failed: it may be erased in part, and should be asked again.
    pub async fn erase(&self, whom: &Whom) -> Result<Erased, StoreError> {
        let found = self.traces(whom).await?;
        let mut erased = Erased::default();
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

    async fn traces(&self, whom: &Whom) -> Result<Found, StoreError> {
        let mut found = Found { threads: BTreeSet::new(), names: Vec::new(), entries: Vec::new() };
        if let Whom::Ticket(ticket) = whom {
            found.threads.extend(self.store.threads_of_ticket(ticket.0).await?);
        }
        let Some(needle) = whom.needle() else { return Ok(found) };
        for (thread_id, json) in self.store.mentioning(&needle).await? {
            if whom.is_meant(&json) {
                whom.names_in(&json, &mut found.names);
                found.entries.extend(whom.entry_in(&json));
                found.threads.insert(thread_id);
            }
        }
        // Readers and cards know people by their names alone.
        for name in &found.names {
            let quoted = serde_json::to_string(name).unwrap_or_default();
            found.threads.extend(self.store.mentioning(&quoted).await?.into_iter().map(|(thread_id, _)| thread_id));
        }
        Ok(found)
    }

    /// The direct messages that tell of a ticket, also those that tell of others besides, or belong to another's thread.
    async fn direct_messages(&self, whom: &Whom, erased: &mut Erased) -> Result<Direct, StoreError> {
        let mut direct = Direct::default();
        let Whom::Ticket(ticket) = whom else { return Ok(direct) };
        let links: Vec<String> = erased.remains.iter().filter_map(|one| one.slack.clone()).collect();
        let needles: Vec<String> = std::iter::once(format!("\"ticket_id\":{ticket}")).chain(links.clone()).collect();
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
        for thread_id in taken {
            for (id, effect) in self.store.open_calls(thread_id.as_str()).await? {
                let json = serde_json::to_string(&effect).map_err(StoreError::unwritable)?;
                if whom.gives_up(&effect, &found.entries) {
                    given_up.push(id);
                } else if matches!((whom, &effect.act), (Whom::Ticket(_), Act::FollowUp { .. }))
                    || whom.is_meant(&json)
                    || found.names.iter().any(|name| json.contains(name.as_str()))
                {
                    erased.kept.push(id);
                }
            }
            let Some(mut thread) = self.store.thread(thread_id.as_str()).await? else { continue };
            let mut card = self.store.card(thread_id.as_str()).await?;
            whom.forget(&found.names, &found.entries, &mut thread, card.as_mut());
            let card = card.as_ref().map(to_raw_value).transpose().map_err(StoreError::unwritable)?;
            let write = thread_write(&thread, card, now).map_err(StoreError::unwritable)?;
            commit.threads.push(write);
            let place = self.store.place_of(thread_id.as_str()).await?;
            let base = &self.policy.slack_url;
            erased.remains.push(Remains {
                ticket_id: thread.ticket_id.0,
                side_conversation_id: thread.side_conversation_id.to_string(),
                slack: place.map(|(channel, ts)| format!("{base}archives/{channel}/p{}", ts.replace('.', ""))),
            });
        }
        let direct = self.direct_messages(whom, erased).await?;
        let mut others = direct.settled;
        others.extend(&direct.given_up);
        given_up.extend(direct.given_up);
        let rewrites = direct.rewrites.iter().map(|(id, effect)| Ok((*id, to_raw_value(effect)?)));
        erased.given_up = given_up.len();
        commit.erased = Some(EraseWrite {
            thread_ids: taken.iter().map(ToString::to_string).collect(),
            given_up: given_up.clone(),
            others,
            rewrites: rewrites.collect::<Result<_, _>>().map_err(StoreError::unwritable)?,
            needle: whom.needle(),
            at: now,
        });
        erased.blanked = self.store.commit(commit).await?.erased;
        let mut state = self.lock();
        given_up.iter().for_each(|id| drop(state.queue.settle(*id)));
        for (id, effect) in direct.rewrites {
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
