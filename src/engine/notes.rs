//! A ticket gets at most one internal note in ten minutes; what there is to say meanwhile goes into the next one.
//!
//! Before its first attempt a note takes up what else waits to be noted on its ticket, whichever thread it comes from:
//! its row holds all the words from then on, and the others are done, in one transaction. So a crash loses and repeats
//! none of them, and a doubtful note is looked for, and repeated, as it was.

use std::sync::Arc;

use serde_json::value::to_raw_value;

use super::Engine;
use super::queue::Work;
use crate::bridge::ids::{ThreadId, TicketId};
use crate::bridge::{Act, Answer, Effect};
use crate::store::{Commit, Settle, StoreError};

/// How long a ticket is left alone after a note, in milliseconds.
const APART_MS: i64 = 10 * 60 * 1000;
/// How soon a note is looked at again while another one is being written on its ticket, in milliseconds.
const AGAIN_MS: i64 = 1000;

/// What becomes of a note now.
pub(super) enum Noted {
    /// It is written, with these words.
    Write(Arc<Effect>),
    /// It rests until then (milliseconds since 1970).
    Rest(i64),
}

impl Engine {
    /// Gathers what is to be noted on a ticket into the note `id`. While that is under way, no other note of the ticket
    /// begins; `end_note` must follow.
    pub(super) async fn gather(&self, id: i64, effect: &Arc<Effect>, ticket: TicketId) -> Result<Noted, StoreError> {
        let now = self.clock.now_ms();
        if *self.lock().noting.entry(ticket).or_insert(id) != id {
            return Ok(Noted::Rest(now + AGAIN_MS));
        }
        let last = self.store.last_noted(ticket.0, id).await?;
        if let Some(last) = last.filter(|last| now - last < APART_MS) {
            return Ok(Noted::Rest(last + APART_MS));
        }
        let mut words = Vec::new();
        let mut others = Vec::new();
        for row in self.store.notes_waiting(ticket.0).await? {
            let Act::Note { text } = &row.effect.act else { continue };
            let thread_id = ThreadId::new(row.thread_id.clone());
            let wanted = self.thread(&thread_id).await?.is_some_and(|thread| thread.wants(&row.effect));
            let waits = row.not_before <= now && wanted && self.lock().queue.item(row.id).is_some();
            if row.id == id || waits {
                words.push(text.clone());
            }
            if row.id != id && waits {
                others.push((row.id, thread_id, Arc::new(row.effect)));
            }
        }
        if others.is_empty() {
            return Ok(Noted::Write(effect.clone()));
        }
        let gathered = Effect { act: Act::Note { text: words.join("\n\n") }, ..effect.as_ref().clone() };
        let json = to_raw_value(&gathered).map_err(|error| StoreError::Driver(sqlx::Error::Encode(Box::new(error))))?;
        let done = |id: i64, by: i64| Settle {
            id,
            state: "done",
            result: Some(format!("gathered:{by}")),
            problem: None,
            doubtful: false,
            settled_at: now,
        };
        let commit = Commit {
            rewrites: vec![(id, json)],
            settled: others.iter().map(|(other, ..)| done(*other, id)).collect(),
            ..Commit::default()
        };
        self.store.commit(commit).await?;
        let mut state = self.lock();
        let gathered = Arc::new(gathered);
        state.queue.rewrite(id, gathered.clone());
        for (other, thread_id, effect) in others {
            state
                .queue
                .add_work(&thread_id, Work::Answer { id: other, effect, answer: Answer::Done, with_next: false });
        }
        drop(state);
        self.wake.notify_one();
        Ok(Noted::Write(gathered))
    }

    /// The note or direct message `id` is written, or rests.
    pub(super) fn end_note(&self, id: i64) {
        let mut state = self.lock();
        state.noting.retain(|_, noting| *noting != id);
        state.notifying.retain(|_, notifying| *notifying != id);
    }
}
