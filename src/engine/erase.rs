//! Erases what is kept of a ticket or of a person, while the bridge goes on.
//!
//! A thread is taken while nobody has anything to handle for it, so that no decision made from what was known before is
//! written after. One that is busy is left out, and said to be: the caller asks again. What is settled loses its words as
//! a whole, whoever wrote them, because nothing needs them; what waits is given up if the words in it are to be forgotten.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;

use super::Engine;
use super::worker::thread_write;
use crate::bridge::Act;
use crate::bridge::erase::Whom;
use crate::bridge::ids::ThreadId;
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

    async fn erase_taken(
        &self,
        whom: &Whom,
        found: &Found,
        taken: &[ThreadId],
        erased: &mut Erased,
    ) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        let encode = |error| StoreError::Driver(sqlx::Error::Encode(Box::new(error)));
        let mut commit = Commit::default();
        let mut given_up = Vec::new();
        for thread_id in taken {
            for (id, effect) in self.store.open_calls(thread_id.as_str()).await? {
                let json = serde_json::to_string(&effect).map_err(encode)?;
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
            let card = card.as_ref().map(to_raw_value).transpose().map_err(encode)?;
            let write = thread_write(&thread, card, now).map_err(encode)?;
            commit.threads.push(write);
            let place = self.store.place_of(thread_id.as_str()).await?;
            let base = &self.policy.slack_url;
            erased.remains.push(Remains {
                ticket_id: thread.ticket_id.0,
                side_conversation_id: thread.side_conversation_id.to_string(),
                slack: place.map(|(channel, ts)| format!("{base}archives/{channel}/p{}", ts.replace('.', ""))),
            });
        }
        erased.given_up = given_up.len();
        commit.erased = Some(EraseWrite {
            thread_ids: taken.iter().map(ToString::to_string).collect(),
            given_up: given_up.clone(),
            needle: whom.needle(),
            at: now,
        });
        erased.blanked = self.store.commit(commit).await?.erased;
        let mut state = self.lock();
        given_up.iter().for_each(|id| drop(state.queue.settle(*id)));
        tracing::info!(
            threads = taken.len(),
            blanked = erased.blanked,
            "what was kept of somebody or something was erased"
        );
        Ok(())
    }
}
