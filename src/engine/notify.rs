//! Somebody gets one direct message for what is answered within some minutes, whichever threads it comes from.
//!
//! What waits for the same person goes along with the first of it, and a message that was posted a short while ago is
//! changed rather than followed by another: its row holds all the words from then on, as with notes.

use std::sync::Arc;

use serde_json::value::to_raw_value;

use super::Engine;
use super::notes::Noted;
use super::queue::Work;
use crate::bridge::ids::{SlackUserId, ThreadId, TicketId, Ts};
use crate::bridge::news::{self, News};
use crate::bridge::{Act, Answer, Effect};
use crate::store::{Commit, Settle, StoreError};

/// For how long after it was posted a message takes up what comes, in milliseconds.
const TOGETHER_MS: i64 = 10 * 60 * 1000;
/// How soon it is looked again while another message is being written to the same person, in milliseconds.
const AGAIN_MS: i64 = 1000;

impl Engine {
    /// What a call is to do once it has taken up what goes along with it; most do what they were to do.
    pub(super) async fn gathered(&self, id: i64, effect: &Arc<Effect>, ticket: TicketId) -> Result<Noted, StoreError> {
        match &effect.act {
            Act::Note { .. } => self.gather(id, effect, ticket).await,
            Act::Notify { user, .. } => self.gather_news(id, effect, user).await,
            _ => Ok(Noted::Write(effect.clone())),
        }
    }

    async fn gather_news(&self, id: i64, effect: &Arc<Effect>, user: &SlackUserId) -> Result<Noted, StoreError> {
        let now = self.clock.now_ms();
        if *self.lock().notifying.entry(user.clone()).or_insert(id) != id {
            return Ok(Noted::Rest(now + AGAIN_MS));
        }
        let mut all: Vec<News> = Vec::new();
        let mut message: Option<Ts> = None;
        if let Some((ts, told)) = self.store.last_notified(user.as_str()).await?
            && let Ok(ts) = ts.parse::<Ts>()
            && now - ts.millis() < TOGETHER_MS
            && let Act::Notify { news, .. } = told.act
        {
            all.extend(news);
            message = Some(ts);
        }
        let mut others = Vec::new();
        let mut waits_itself = false;
        for row in self.store.notices_waiting(user.as_str()).await? {
            let Act::Notify { news, .. } = &row.effect.act else { continue };
            let waits = row.not_before <= now && self.lock().queue.item(row.id).is_some();
            if row.id == id || waits {
                all.extend(news.iter().cloned());
            }
            waits_itself |= row.id == id;
            if row.id != id && waits {
                others.push((row.id, ThreadId::new(row.thread_id.clone()), Arc::new(row.effect)));
            }
        }
        if !waits_itself {
            // Another message has taken it along, and its thread is about to hear of it.
            return Ok(Noted::Rest(now + AGAIN_MS));
        }
        if others.is_empty() && message.is_none() {
            return Ok(Noted::Write(effect.clone()));
        }
        let act = Act::Notify { user: user.clone(), news: news::gathered(all), message };
        let gathered = Effect { act, ..effect.as_ref().clone() };
        let json = to_raw_value(&gathered).map_err(|error| StoreError::Driver(sqlx::Error::Encode(Box::new(error))))?;
        let done = |other: i64| Settle {
            id: other,
            state: "done",
            result: Some(format!("gathered:{id}")),
            problem: None,
            doubtful: false,
            settled_at: now,
        };
        let settled = others.iter().map(|(other, ..)| done(*other)).collect();
        self.store.commit(Commit { rewrites: vec![(id, json)], settled, ..Commit::default() }).await?;
        let gathered = Arc::new(gathered);
        {
            let mut state = self.lock();
            state.queue.rewrite(id, gathered.clone());
            for (id, thread_id, effect) in others {
                let work = Work::Answer { id, effect, answer: Answer::Done, with_next: false };
                state.queue.add_work(&thread_id, work);
            }
        }
        self.wake.notify_one();
        Ok(Noted::Write(gathered))
    }
}
