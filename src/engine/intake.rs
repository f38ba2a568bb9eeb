//! A verified delivery becomes a stored row before it is answered.
//!
//! A Slack message that is in no bridged thread is not stored. One exception: while a card is on its way in its
//! channel, a message in a thread that is not known may be the first answer to it: if it says that it answers the app, or
//! does not say whom and its thread began after the card's call. It is held, as long as not too many are; it becomes an
//! event of the thread in the transaction that links it, and what turns out to be of other threads is deleted in the same.
//! What is passed over is remembered by its thread alone, without its words: if that is linked after all, it is read back.

use std::sync::Arc;

use serde_json::value::to_raw_value;

use super::Engine;
use super::queue::Work;
use super::worker::make_room;
use crate::bridge::event::{Event, What};
use crate::bridge::ids::{ChannelId, ThreadId, TicketId, Ts};
use crate::bridge::start::StartAsked;
use crate::store::{Commit, HeldWrite, InboxWrite, Release, StoreError, UnreadWrite};
use crate::telemetry::Direction;

/// How long a message is held for a card on its way, in milliseconds.
pub const HELD_MS: i64 = 10 * 60 * 1000;

/// How many messages are held at once, and how many bytes of them.
const MOST_HELD: i64 = 500;
const MOST_HELD_BYTES: i64 = 2 << 20;
/// How much earlier than its call a card may seem to have been posted: Slack's clock is not ours. In milliseconds.
const ALLOWANCE_MS: i64 = 1000;

/// Who wrote the message under which a thread stands, as far as a delivery says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// The app.
    Ours,
    /// Somebody else.
    Others,
    /// It does not say.
    Unsaid,
}

/// Whether a message may be the first answer to a card that is on its way since some time (milliseconds since 1970).
fn may_answer_a_card(parent: Parent, thread_ts: &Ts, since: i64) -> bool {
    match parent {
        Parent::Ours => true,
        Parent::Others => false,
        Parent::Unsaid => thread_ts.millis() >= since - ALLOWANCE_MS,
    }
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is stored.
    Stored,
    /// It had been stored before.
    Known,
    /// It is held until its thread is linked.
    Held,
    /// It belongs to no bridged thread.
    NotOurs,
}

impl Engine {
    /// Takes something that happened in a Slack thread. `key` makes a repetition the same. To be run to its end, also
    /// if whoever asked for it is gone: it holds the thread.
    ///
    /// # Errors
    /// It is not stored: the caller must make Slack send it again.
    pub async fn take_from_slack(
        &self,
        key: String,
        channel: &ChannelId,
        (thread_ts, parent): (&Ts, Parent),
        what: What,
    ) -> Result<Taken, StoreError> {
        self.take_in(key, channel, (thread_ts, parent), what, true).await
    }

    /// Takes something that was read back from a Slack thread, as a delivery of it would have been taken.
    ///
    /// # Errors
    /// It is not stored: it has to be read again.
    pub(super) async fn take_read_back(
        &self,
        key: String,
        channel: &ChannelId,
        thread_ts: &Ts,
        what: What,
    ) -> Result<Taken, StoreError> {
        self.take_in(key, channel, (thread_ts, Parent::Ours), what, false).await
    }

    async fn take_in(
        &self,
        key: String,
        channel: &ChannelId,
        (thread_ts, parent): (&Ts, Parent),
        what: What,
        live: bool,
    ) -> Result<Taken, StoreError> {
        // The order matters: a card's link is committed before it stops being on its way.
        let on_its_way = self.lock().queue.card_on_its_way_since(channel);
        let now = self.clock.now_ms();
        let event = Event { at_ms: now, what };
        if let Some(thread_id) = self.thread_at(channel, thread_ts).await? {
            let event = Arc::new(event);
            let place = (channel.clone(), thread_ts.clone());
            if live
                && self.lock().catch_up.is_any_open()
                && let Some(taken) = self.wait_for_what_was_missed(&thread_id, &place, &key, &event).await?
            {
                return Ok(taken);
            }
            if !live {
                return self.store_what_was_missed(&thread_id, &place, &key, &event).await;
            }
            if let Some(taken) = self.handle_at_once(&thread_id, "slack", &key, &event).await {
                if taken == Taken::Stored {
                    self.metrics.accepted(Direction::slack_to_zendesk, 1);
                    self.wake.notify_one();
                }
                return Ok(taken);
            }
            return self.store_events("slack", thread_id, vec![(key, event)]).await;
        }
        let Some(since) = on_its_way else { return Ok(Taken::NotOurs) };
        let written = raw(&event)?;
        if !may_answer_a_card(parent, thread_ts, since) || !self.has_room_for_held(written.get().len()).await? {
            // Its words are not kept. Should it be an answer after all, it is read back once its thread is linked.
            {
                let mut state = self.lock();
                make_room(&mut state.passed_over);
                state.passed_over.insert((channel.clone(), thread_ts.clone()), ());
            }
            let linked = self.store.thread_by_link(channel.as_str(), thread_ts.as_str()).await?;
            if let Some(thread_id) = linked.map(ThreadId::new) {
                return self.store_events("slack", thread_id, vec![(key, Arc::new(event))]).await;
            }
            return Ok(Taken::NotOurs);
        }
        let held = vec![HeldWrite {
            key,
            channel_id: channel.to_string(),
            thread_ts: thread_ts.to_string(),
            event: written,
            received_at: now,
        }];
        self.store.commit(Commit { held, ..Commit::default() }).await?;
        // The link may have been committed since it was looked up, and then nobody releases this row. Memory may not
        // know that yet; the table does.
        let linked = self.store.thread_by_link(channel.as_str(), thread_ts.as_str()).await?;
        if let Some(thread_id) = linked.map(ThreadId::new) {
            let releases = vec![Release {
                channel_id: channel.to_string(),
                thread_ts: thread_ts.to_string(),
                thread_id: thread_id.to_string(),
            }];
            let committed = self.store.commit(Commit { releases, ..Commit::default() }).await?;
            let place = (channel.clone(), thread_ts.clone());
            self.lock().add_released(&thread_id, &place, committed.released, now);
            self.wake.notify_one();
        }
        Ok(Taken::Held)
    }

    /// Whether one more message of so many bytes may be held.
    async fn has_room_for_held(&self, bytes: usize) -> Result<bool, StoreError> {
        let (held, size) = self.store.held_size().await?;
        Ok(held < MOST_HELD && size + bytes as i64 <= MOST_HELD_BYTES)
    }

    /// Takes a wish to start a side conversation. `key` makes a repetition the same.
    ///
    /// # Errors
    /// It is not stored: whoever asked must be told so.
    pub async fn take_start(&self, key: String, asked: StartAsked) -> Result<Taken, StoreError> {
        self.take_for_thread(key, asked.id.clone(), What::StartAsked(Box::new(asked))).await
    }

    /// Takes something that happened to a thread that is known by its own name.
    ///
    /// # Errors
    /// It is not stored: the caller must make Slack send it again.
    pub async fn take_for_thread(&self, key: String, thread_id: ThreadId, what: What) -> Result<Taken, StoreError> {
        let event = Arc::new(Event { at_ms: self.clock.now_ms(), what });
        if let Some(taken) = self.handle_at_once(&thread_id, "slack", &key, &event).await {
            if taken == Taken::Stored {
                self.metrics.accepted(Direction::slack_to_zendesk, 1);
                self.wake.notify_one();
            }
            return Ok(taken);
        }
        self.store_events("slack", thread_id, vec![(key, event)]).await
    }

    /// Keeps a delivery that names a bridged thread but cannot be read.
    ///
    /// # Errors
    /// It is not stored: the caller must make Slack send it again.
    pub async fn keep_unread(
        &self,
        key: String,
        channel: &ChannelId,
        thread_ts: &Ts,
        raw: String,
        reason: &str,
    ) -> Result<Taken, StoreError> {
        let Some(thread_id) = self.thread_at(channel, thread_ts).await? else { return Ok(Taken::NotOurs) };
        let unread = vec![UnreadWrite {
            key,
            source: "slack",
            thread_id: thread_id.to_string(),
            raw,
            reason: reason.to_owned(),
            received_at: self.clock.now_ms(),
        }];
        self.store.commit(Commit { unread, ..Commit::default() }).await?;
        self.metrics.parked(Direction::slack_to_zendesk);
        tracing::error!(thread.id = %thread_id, reason, "a delivery for this thread cannot be read; it is kept as it came");
        Ok(Taken::Stored)
    }

    /// Takes the hint that something changed on a ticket.
    ///
    /// # Errors
    /// It is not stored: the caller must make Zendesk send it again.
    pub async fn nudge(&self, ticket_id: TicketId) -> Result<(), StoreError> {
        let nudges = vec![(ticket_id.0, self.clock.now_ms())];
        self.store.commit(Commit { nudges, ..Commit::default() }).await?;
        self.lock().queue.add_ticket(ticket_id, self.clock.now_ms());
        self.wake.notify_one();
        Ok(())
    }

    /// The thread that stands at this place in Slack. That none stands there is remembered too: most threads of a
    /// busy channel are not bridged.
    ///
    /// # Errors
    /// The database failed.
    pub async fn thread_at(&self, channel: &ChannelId, thread_ts: &Ts) -> Result<Option<ThreadId>, StoreError> {
        let key = (channel.clone(), thread_ts.clone());
        let linked_before = {
            let state = self.lock();
            if let Some(known) = state.links.get(&key) {
                return Ok(known.clone());
            }
            state.linked
        };
        let found = self.store.thread_by_link(channel.as_str(), thread_ts.as_str()).await?.map(ThreadId::new);
        let mut state = self.lock();
        // A link that was made meanwhile may be this one, and "none" would stay for ever.
        if found.is_some() || state.linked == linked_before {
            make_room(&mut state.links);
            state.links.insert(key, found.clone());
        }
        Ok(found)
    }

    /// The address of a Slack message for people.
    pub fn address(&self, channel: &str, ts: &str) -> String {
        format!("{}archives/{channel}/p{}", self.policy.slack_url, ts.replace('.', ""))
    }

    async fn store_events(
        &self,
        source: &'static str,
        thread_id: ThreadId,
        events: Vec<(String, Arc<Event>)>,
    ) -> Result<Taken, StoreError> {
        let taken = self
            .commit_events(
                source,
                events.into_iter().map(|(k, e)| (k, thread_id.clone(), e)).collect(),
                Commit::default(),
            )
            .await?;
        Ok(if taken > 0 { Taken::Stored } else { Taken::Known })
    }

    /// Stores an event and hands it to nobody; gives its place, or `None` if it was known.
    pub(super) async fn store_one(
        &self,
        source: &'static str,
        thread_id: &ThreadId,
        key: &str,
        event: &Event,
    ) -> Result<Option<i64>, StoreError> {
        let inbox = vec![InboxWrite {
            source,
            key: key.to_owned(),
            thread_id: thread_id.to_string(),
            event: Some(raw(event)?),
            received_at: event.at_ms,
            done: false,
            ignored: None,
        }];
        let committed = self.store.commit(Commit { inbox, ..Commit::default() }).await?;
        Ok(committed.inbox.into_iter().next().flatten())
    }

    /// Stores events together with what else `commit` holds, and hands the new ones on. Says how many were new.
    pub(super) async fn commit_events(
        &self,
        source: &'static str,
        events: Vec<(String, ThreadId, Arc<Event>)>,
        mut commit: Commit,
    ) -> Result<usize, StoreError> {
        let before = commit.inbox.len();
        let mut handed = Vec::with_capacity(events.len());
        for (key, thread_id, event) in events {
            commit.inbox.push(InboxWrite {
                source,
                key,
                thread_id: thread_id.to_string(),
                event: Some(raw(&event)?),
                received_at: event.at_ms,
                done: false,
                ignored: None,
            });
            handed.push((thread_id, event));
        }
        if commit.is_empty() {
            return Ok(0);
        }
        let committed = self.store.commit(commit).await?;
        let mut new = 0;
        let mut state = self.lock();
        for ((thread_id, event), seq) in handed.into_iter().zip(committed.inbox.into_iter().skip(before)) {
            if let Some(seq) = seq {
                new += 1;
                state.queue.add_work(&thread_id, Work::Event { seq, event });
            }
        }
        drop(state);
        if new > 0 {
            match source {
                "slack" => self.metrics.accepted(Direction::slack_to_zendesk, new as u64),
                "zendesk" => self.metrics.accepted(Direction::zendesk_to_slack, new as u64),
                // The engine's own are nobody's words.
                _ => {}
            }
            self.wake.notify_one();
        }
        Ok(new)
    }
}

fn raw(event: &Event) -> Result<Box<serde_json::value::RawValue>, StoreError> {
    to_raw_value(event).map_err(StoreError::unwritable)
}
