//! A ticket gets at most one internal note in ten minutes, save that the first one about another side conversation does not
//! wait; and a person gets one direct message for what is answered within
//! some minutes, whichever threads it comes from.
//!
//! Before its first attempt such a call takes up what else waits for the same ticket or person: its row holds all the
//! words from then on, and the others are done, in one transaction. So a crash loses and repeats none of them, and a
//! doubtful one is looked for, and repeated, as it was. A note that is not true any more when its turn comes is not
//! written; one that holds the words of others is, and another one follows that says what has become true. What there is
//! to note meanwhile goes into the next note; a direct message that was posted a short while ago is changed rather than
//! followed by another.

use std::sync::Arc;

use serde_json::value::to_raw_value;

use super::Engine;
use super::queue::Work;
use crate::bridge::facts;
use crate::bridge::ids::{SlackUserId, ThreadId, TicketId, Ts};
use crate::bridge::news::{self, News};
use crate::bridge::{Act, Answer, BridgedThread, Effect};
use crate::store::{Commit, NoteRow, Settle, StoreError};

/// How long a ticket is left alone after a note, in milliseconds.
const APART_MS: i64 = 10 * 60 * 1000;
/// For how long after it was posted a direct message takes up what comes, in milliseconds.
const TOGETHER_MS: i64 = 10 * 60 * 1000;
/// How soon a call is looked at again while another one is gathering for the same, in milliseconds.
const AGAIN_MS: i64 = 1000;

/// For whom calls are gathered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reader {
    Ticket(TicketId),
    Person(SlackUserId),
}

/// What becomes of a call now.
pub(super) enum Gathered {
    /// It is made, and does this.
    Write(Arc<Effect>),
    /// It rests until then (milliseconds since 1970).
    Rest(i64),
}

impl Engine {
    /// What a call is to do once it has taken up what goes along with it; most do what they were to do. While that is
    /// under way, no other call gathers for the same reader; `end_gathering` must follow.
    pub(super) async fn gathered(
        &self,
        id: i64,
        effect: &Arc<Effect>,
        thread: &BridgedThread,
    ) -> Result<Gathered, StoreError> {
        let reader = match effect.act.facts().gathers {
            // The others speak of the moment, and wait for nothing.
            Some(facts::Reader::Ticket) if effect.id.as_str().starts_with("note:") => Reader::Ticket(thread.ticket_id),
            Some(facts::Reader::Person(user)) => Reader::Person(user.clone()),
            Some(facts::Reader::Ticket) | None => return Ok(Gathered::Write(effect.clone())),
        };
        let now = self.clock.now_ms();
        if !self.begin_gathering(reader.clone(), id) {
            return Ok(Gathered::Rest(now + AGAIN_MS));
        }
        match reader {
            Reader::Ticket(ticket) => self.gather_notes(id, ticket, &thread.id, now).await,
            Reader::Person(user) => self.gather_news(id, user, now).await,
        }
    }

    /// Says whether nobody else gathers for this reader.
    pub(super) fn begin_gathering(&self, reader: Reader, id: i64) -> bool {
        *self.lock().gathering.entry(reader).or_insert(id) == id
    }

    /// The call is made, or rests.
    pub(super) fn end_gathering(&self, id: i64) {
        self.lock().gathering.retain(|_, gathering| *gathering != id);
    }

    /// Whether a note that its own thread needs no more has taken along what others have to say.
    pub(super) async fn speaks_for_others(
        &self,
        id: i64,
        effect: &Effect,
        thread: &BridgedThread,
    ) -> Result<bool, StoreError> {
        match effect.act {
            Act::Note { .. } => self.store.took_along(thread.ticket_id.0, id).await,
            _ => Ok(false),
        }
    }

    async fn gather_notes(
        &self,
        id: i64,
        ticket: TicketId,
        thread_id: &ThreadId,
        now: i64,
    ) -> Result<Gathered, StoreError> {
        let lately = |at: &i64| now - at < APART_MS;
        let last = self.store.last_noted(ticket.0, id).await?;
        if let Some(last) = last.filter(lately)
            && self.store.last_noted_of(thread_id.as_str(), id).await?.is_some_and(|at| lately(&at))
        {
            return Ok(Gathered::Rest(last + APART_MS));
        }
        let (own, rows) = self.that_wait(id, self.store.notes_waiting(ticket.0).await?, now).await?;
        let Some(own) = own else { return Ok(Gathered::Rest(now + AGAIN_MS)) };
        let words = rows.iter().filter_map(|row| match &row.effect.act {
            Act::Note { text } => Some(text.as_str()),
            _ => None,
        });
        let text = words.collect::<Vec<_>>().join("\n\n");
        self.take_along(id, Effect { act: Act::Note { text }, ..own }, rows, now).await
    }

    async fn gather_news(&self, id: i64, user: SlackUserId, now: i64) -> Result<Gathered, StoreError> {
        let mut told: Vec<News> = Vec::new();
        let mut message: Option<Ts> = None;
        if let Some((ts, last)) = self.store.last_notified(user.as_str()).await?
            && let Ok(ts) = ts.parse::<Ts>()
            && now - ts.millis() < TOGETHER_MS
            && let Act::Notify { news, told: before, .. } = last.act
        {
            told = news::gathered(before.into_iter().chain(news));
            message = Some(ts);
        }
        let (own, rows) = self.that_wait(id, self.store.notices_waiting(user.as_str()).await?, now).await?;
        let Some(own) = own else { return Ok(Gathered::Rest(now + AGAIN_MS)) };
        let all = rows.iter().filter_map(|row| match &row.effect.act {
            Act::Notify { news, .. } => Some(news.clone()),
            _ => None,
        });
        let news = news::gathered(all.flatten());
        self.take_along(id, Effect { act: Act::Notify { user, news, told, message }, ..own }, rows, now).await
    }

    /// Of these the ones that can go now, the call `id` among them; and that one itself, unless another has taken it along
    /// and its thread is about to hear of it.
    async fn that_wait(
        &self,
        id: i64,
        rows: Vec<NoteRow>,
        now: i64,
    ) -> Result<(Option<Effect>, Vec<NoteRow>), StoreError> {
        let mut own = None;
        let mut waiting = Vec::with_capacity(rows.len());
        for row in rows {
            if row.id == id {
                own = Some(row.effect.clone());
            } else {
                let thread = self.thread(&ThreadId::new(row.thread_id.clone())).await?;
                let wanted = thread.is_some_and(|thread| thread.wants(&row.effect));
                if row.not_before > now || !wanted || self.lock().queue.item(row.id).is_none() {
                    continue;
                }
            }
            waiting.push(row);
        }
        Ok((own, waiting))
    }

    /// Writes down that the call `id` does what those in `rows` were to do.
    async fn take_along(
        &self,
        id: i64,
        gathered: Effect,
        rows: Vec<NoteRow>,
        now: i64,
    ) -> Result<Gathered, StoreError> {
        let own = rows.iter().find(|row| row.id == id);
        if own.is_some_and(|own| own.effect == gathered) {
            return Ok(Gathered::Write(Arc::new(gathered)));
        }
        let json = to_raw_value(&gathered).map_err(StoreError::unwritable)?;
        let others: Vec<NoteRow> = rows.into_iter().filter(|row| row.id != id).collect();
        let done = |row: &NoteRow| Settle {
            id: row.id,
            state: "done",
            result: Some(format!("gathered:{id}")),
            problem: None,
            doubtful: false,
            settled_at: now,
        };
        let settled = others.iter().map(done).collect();
        self.store.commit(Commit { rewrites: vec![(id, json)], settled, ..Commit::default() }).await?;
        let gathered = Arc::new(gathered);
        {
            let mut state = self.lock();
            state.queue.rewrite(id, gathered.clone());
            for NoteRow { id, thread_id, effect, .. } in others {
                let effect = Arc::new(effect);
                let work = Work::Answer { id, effect, answer: Answer::Done, with_next: false };
                state.queue.add_work(&ThreadId::new(thread_id), work);
            }
        }
        self.wake.notify_one();
        Ok(Gathered::Write(gathered))
    }
}
