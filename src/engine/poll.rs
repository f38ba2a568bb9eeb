//! Asks Zendesk what changed: a nudged ticket at once, the account-wide feed on a timer.
//!
//! The feed covers closed tickets, lost webhooks and switched-off triggers. Entries of side conversations that
//! are known go straight to their threads; an unknown one makes its ticket be read, which tells when it was
//! made. The cursor is the newest entry that is settled, less ten minutes, because records may appear in the feed
//! late; it is stored in the transaction of the rows it stands for. `end_time` is never used for it: it may lie
//! past the last entry. Once an hour, and after a gap, the last 24 hours are read again, a few pages at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::Engine;
use super::deliver::PAUSE;
use super::outside::{CallError, FeedError};
use super::pace::Budget;
use super::{conclusions, hidden};
use crate::bridge::conclusion::About;
use crate::bridge::event::{Event, SideConversationEvent, What};
use crate::bridge::ids::{SideConversationEventId, ThreadId, TicketId};
use crate::bridge::{Policy, Vendor, notice};
use crate::store::{Commit, StoreError};

/// How far back each poll reads again, in milliseconds.
const OVERLAP_MS: i64 = 10 * 60 * 1000;
/// Once in this time the feed is read again from further back, for rows that appeared in it late, in milliseconds.
const DEEP_EVERY_MS: i64 = 60 * 60 * 1000;
/// How far back that is, in milliseconds.
const DEEP_MS: i64 = 24 * 60 * 60 * 1000;
/// How many pages of that are read at a time: a quarter of what Zendesk allows in ten minutes, at the default interval.
const DEEP_PAGES: usize = 5;
/// How young a start may be where Zendesk refuses younger ones, in milliseconds.
const YOUNGEST_MS: i64 = 61 * 1000;
/// How long that is believed of one refusal, in milliseconds.
const YOUNG_REFUSED_MS: i64 = 10 * 60 * 1000;
/// How many pages one poll reads.
const PAGES: usize = 50;
/// How many entries make a page full. Not documented; seen by others.
const FULL_PAGE: usize = 100;
/// How many bridged tickets are asked in a round without the feed.
const TICKETS_A_ROUND: i64 = 10;
const CURSOR: &str = "feed_cursor_ms";

/// Whether, and from where, the account-wide feed is read.
#[derive(Debug, Default)]
pub(super) struct Feed {
    cursor_ms: i64,
    /// That it may not be read, while that is believed.
    denied: Option<Denied>,
    /// When it last refused a young start, in milliseconds since 1970.
    young_refused_at: Option<i64>,
    pub(super) asking: bool,
    round: i64,
    next_deep_at: i64,
    /// Where reading from further back goes on, in seconds since 1970.
    deep: Option<i64>,
    read_at: Option<i64>,
    /// Seconds of which it does not show all.
    pub(super) overfull: hidden::Overfull,
    /// Entries of the last page that are in the tables: each poll sees most of them again.
    known: HashSet<SideConversationEventId>,
}

/// That the feed may not be read.
#[derive(Debug)]
struct Denied {
    tries: u32,
    next_try_ms: i64,
}

/// How far a read of the feed has come.
enum Read {
    /// To its end.
    Through,
    /// It goes on from this second.
    On(i64),
}

impl Feed {
    pub(super) fn load(remembered: &BTreeMap<String, String>, policy: &Policy) -> Feed {
        let cursor_ms = remembered.get(CURSOR).and_then(|text| text.parse().ok());
        Feed { cursor_ms: cursor_ms.unwrap_or(policy.bridging_since_ms), ..Feed::default() }
    }

    /// After a gap: from further back at once, and the bridged tickets from the newest on.
    pub(super) fn start_over(&mut self) {
        self.next_deep_at = 0;
        self.round = 0;
    }

    /// When the feed was last read to its end, in milliseconds since 1970.
    pub(super) fn read_at(&self) -> Option<i64> {
        self.read_at
    }

    pub(super) fn words(&self) -> &'static str {
        if self.denied.is_some() {
            "not readable: Zendesk does not let the app's user read it, who may be no admin; bridged tickets are asked one by one, and the feed is \
             tried again every few minutes"
        } else {
            "read"
        }
    }
}

impl Engine {
    pub(super) async fn read_ticket(&self, ticket_id: TicketId) {
        let asked = match self.store.asked(ticket_id.0).await {
            Ok(asked) => asked,
            Err(error) => return self.ticket_later(ticket_id, None, &error.to_string()),
        };
        let read = match self.outside.read_ticket(ticket_id).await {
            Ok(entries) => self.owned(ticket_id, entries).await,
            Err(error) => Err(error),
        };
        match read {
            Ok(owned) => {
                let commit = Commit { nudges_answered: vec![(ticket_id.0, asked)], ..Commit::default() };
                match self.take_owned(owned, commit).await {
                    Ok(()) => {
                        self.lock().missing.remove(&ticket_id);
                        self.look_at_ticket(ticket_id).await;
                        self.lock().queue.end_ticket(ticket_id, None, false);
                    }
                    Err(error) => self.ticket_later(ticket_id, None, &error.to_string()),
                }
            }
            Err(CallError::Refused { reason } | CallError::Missing { reason, .. }) => {
                match self.ticket_missing(ticket_id, &reason).await {
                    Ok(None) => {}
                    Ok(Some(wait)) => return self.ticket_later(ticket_id, Some(wait), &reason),
                    Err(error) => return self.ticket_later(ticket_id, None, &error.to_string()),
                }
                tracing::warn!(zendesk.ticket_id = %ticket_id, reason, "a ticket cannot be read; it is asked again when Zendesk speaks of it");
                let commit = Commit { nudges_answered: vec![(ticket_id.0, asked)], ..Commit::default() };
                if let Err(error) = self.store.commit(commit).await {
                    tracing::warn!(error = %error, "a nudge could not be settled; the ticket is asked again at the next start");
                }
                self.lock().queue.end_ticket(ticket_id, None, false);
            }
            Err(CallError::Later { after, problem }) => {
                self.hold_budget(&Budget::ZendeskPlan, after);
                self.ticket_later(ticket_id, after, &problem);
            }
            Err(CallError::Elsewhere { after, problem }) => self.ticket_later(ticket_id, Some(after), &problem),
            Err(CallError::Unknown { problem }) => self.ticket_later(ticket_id, None, &problem),
            Err(CallError::Paused { why }) => self.hold_zendesk(Some(ticket_id), why),
        }
    }

    fn ticket_later(&self, ticket_id: TicketId, after: Option<std::time::Duration>, problem: &str) {
        let mut state = self.lock();
        let attempts = state.queue.ticket_attempts(ticket_id) + 1;
        let jitter = state.random.f64();
        let longest = self.settings.schedule.0.last().copied().unwrap_or_default();
        let wait = after.or(self.settings.schedule.wait(attempts, jitter)).unwrap_or(longest);
        let at = self.clock.now_ms() + wait.as_millis() as i64;
        state.queue.end_ticket(ticket_id, Some(at), after.is_none());
        drop(state);
        tracing::warn!(zendesk.ticket_id = %ticket_id, attempt = attempts, wait_ms = wait.as_millis() as u64, problem, "a ticket could not be read; it is tried again");
    }

    /// Whether the feed's budget has room for a page, and counts it. What is not read is read by the next poll.
    fn may_read_feed(&self) -> bool {
        let now = self.clock.now_ms();
        let mut state = self.lock();
        let pace = state.queue.pace();
        let free = pace.when_read(&Budget::ZendeskFeed, now) <= now;
        if free {
            pace.call(&Budget::ZendeskFeed, now);
        }
        free
    }

    fn hold_zendesk(&self, ticket_id: Option<TicketId>, why: String) {
        if let Some(ticket_id) = ticket_id {
            let until = self.clock.now_ms() + PAUSE.as_millis() as i64;
            self.lock().queue.end_ticket(ticket_id, Some(until), false);
        }
        self.hold(Vendor::Zendesk, why);
    }

    pub(super) async fn poll(&self) {
        // A poll that takes longer than the interval goes on; a second one beside it would only ask the same.
        if std::mem::replace(&mut self.lock().feed.asking, true) {
            return;
        }
        self.ask_feed().await;
        self.look_for_hidden().await;
        self.watch_tickets().await;
        self.lock().feed.asking = false;
    }

    async fn ask_feed(&self) {
        let now = self.clock.now_ms();
        let (denied, young_refused, cursor_ms, deep) = {
            let mut state = self.lock();
            let feed = &mut state.feed;
            // A time far ahead is of a clock that has been set back since.
            let not_yet = |denied: &Denied| (now + 1..=now + DEEP_EVERY_MS).contains(&denied.next_try_ms);
            let denied = feed.denied.as_ref().is_some_and(not_yet);
            if !denied && feed.deep.is_none() && feed.next_deep_at <= now {
                feed.next_deep_at = now + DEEP_EVERY_MS;
                let oldest_ms = (now - DEEP_MS).max(self.policy.bridging_since_ms - OVERLAP_MS);
                // What the cursor covers anyway is not read twice.
                feed.deep =
                    Some(oldest_ms).filter(|at| *at < feed.cursor_ms - OVERLAP_MS).map(|at| at.div_euclid(1000));
            }
            let young_refused = feed.young_refused_at.is_some_and(|at| (0..YOUNG_REFUSED_MS).contains(&(now - at)));
            (denied, young_refused, feed.cursor_ms, feed.deep)
        };
        if denied {
            return self.ask_bridged_tickets().await;
        }
        if let Some(start) = deep {
            match self.read_feed_from(start, DEEP_PAGES).await {
                Some(Read::On(next)) => self.lock().feed.deep = Some(next),
                Some(Read::Through) => {
                    let mut state = self.lock();
                    state.feed.deep = None;
                    state.feed.read_at = Some(now);
                    return;
                }
                None => return,
            }
        }
        let mut start_ms = cursor_ms - OVERLAP_MS;
        if young_refused {
            start_ms = start_ms.min(now - YOUNGEST_MS);
        }
        if let Some(Read::Through) = self.read_feed_from(start_ms.div_euclid(1000), PAGES).await {
            self.lock().feed.read_at = Some(now);
        }
    }

    /// Reads the feed from a time (seconds since 1970) on; `None` if it could not be read now.
    async fn read_feed_from(&self, mut start: i64, pages: usize) -> Option<Read> {
        let now = self.clock.now_ms();
        for _ in 0..pages {
            if !self.may_read_feed() {
                return None;
            }
            let page = match self.outside.read_feed(start).await {
                Ok(page) => {
                    self.answers(Vendor::Zendesk, false);
                    self.feed_readable().await;
                    page
                }
                Err(FeedError::NotAdmin) => {
                    self.feed_denied().await;
                    self.ask_bridged_tickets().await;
                    return None;
                }
                Err(FeedError::TooYoung) if start > (now - YOUNGEST_MS).div_euclid(1000) => {
                    self.lock().feed.young_refused_at = Some(now);
                    start = (now - YOUNGEST_MS).div_euclid(1000);
                    continue;
                }
                Err(FeedError::TooYoung) => {
                    tracing::warn!("Zendesk refuses the feed's start; it is asked again");
                    return None;
                }
                Err(FeedError::Call(CallError::Paused { why })) => {
                    self.hold_zendesk(None, why);
                    return None;
                }
                Err(FeedError::Call(error)) => {
                    if let CallError::Later { after, .. } = &error {
                        self.hold_budget(&Budget::ZendeskFeed, *after);
                    }
                    self.read_failed(Vendor::Zendesk, &error);
                    tracing::warn!(error = %error, "the feed could not be read; it is asked again");
                    return None;
                }
            };
            let full = page.entries.len() >= FULL_PAGE;
            let last_second = page.entries.iter().map(|e| e.created_at_ms.div_euclid(1000)).max();
            let one_second = full && page.entries.iter().all(|e| e.created_at_ms.div_euclid(1000) == start);
            let overfull = one_second && self.note_overfull(start, &page.entries);
            if let Err(error) = self.take_feed(page.entries, overfull).await {
                tracing::warn!(error = %error, "what the feed said could not be stored; it is asked again");
                return None;
            }
            start = match (page.next_start, last_second) {
                (None, _) | (_, None) => return Some(Read::Through),
                (Some(_), _) if one_second => start + 1,
                (Some(_), Some(last)) if full && last > start => last,
                (Some(next), _) if next > start => next,
                _ => return Some(Read::Through),
            };
        }
        Some(Read::On(start))
    }

    /// The feed may not be read, as one answer says: it is tried again soon, and the cursor stays where it is.
    async fn feed_denied(&self) {
        let now = self.clock.now_ms();
        let is_news = {
            let mut state = self.lock();
            let tries = state.feed.denied.as_ref().map_or(0, |denied| denied.tries + 1);
            let next_try_ms = now + conclusions::again_ms(tries);
            state.next_poll = state.next_poll.min(next_try_ms);
            state.feed.denied.replace(Denied { tries, next_try_ms }).is_none()
        };
        if is_news {
            tracing::warn!(
                "Zendesk does not let the app's user read the account-wide feed; it is tried again within ten seconds and then \
                 every few minutes. Bridged tickets are asked one by one meanwhile, and a side conversation on another ticket \
                 is noticed by the webhook only. If it stays so, make the credential's owner an admin."
            );
        }
        if let Err(error) = self.conclude(About::Feed, "", Some(notice::feed_not_readable())).await {
            tracing::warn!(error = %error, "that the feed may not be read could not be stored; it is tried again");
        }
    }

    async fn feed_readable(&self) {
        if self.lock().feed.denied.take().is_some() {
            tracing::info!("the account-wide feed is read again, from where it stopped");
        }
        if let Err(error) = self.conclude(About::Feed, "", None).await {
            tracing::warn!(error = %error, "that the feed is read again could not be stored; it is tried again");
        }
    }

    /// Takes a page of the feed. A page that is full within one second may hide more of that second, so its tickets
    /// are read one by one, once; the others are looked for ([`hidden`]).
    async fn take_feed(&self, entries: Vec<SideConversationEvent>, one_second: bool) -> Result<(), StoreError> {
        let Some(newest) = entries.iter().map(|entry| entry.created_at_ms).max() else { return Ok(()) };
        let before = std::mem::take(&mut self.lock().feed.known);
        let (seen, unseen): (Vec<_>, Vec<_>) =
            entries.iter().map(|entry| &entry.id).partition(|id| before.contains(id));
        let mut known: HashSet<SideConversationEventId> = seen.into_iter().cloned().collect();
        if !unseen.is_empty() {
            let unseen: Vec<&str> = unseen.into_iter().map(SideConversationEventId::as_str).collect();
            known.extend(self.store.known("zendesk", &unseen).await?.into_iter().map(SideConversationEventId::new));
        }
        let unknown = entries.iter().filter(|entry| !known.contains(&entry.id));
        let sides: Vec<&str> = unknown.map(|entry| entry.side_conversation_id.as_str()).collect();
        let threads: HashMap<String, String> = match sides.is_empty() {
            true => HashMap::new(),
            false => self.store.threads_by_side_conversation(&sides).await?.into_iter().collect(),
        };
        let now = self.clock.now_ms();
        let mut commit = Commit::default();
        let mut events = Vec::new();
        let mut tickets = BTreeSet::new();
        for entry in entries {
            if one_second {
                tickets.insert(entry.ticket_id);
            }
            if known.contains(&entry.id) {
                continue;
            }
            match threads.get(entry.side_conversation_id.as_str()) {
                Some(thread_id) => {
                    let key = entry.id.to_string();
                    let event = Arc::new(Event { at_ms: now, what: What::SideConversation(entry) });
                    events.push((key, ThreadId::new(thread_id.clone()), event));
                }
                None => {
                    tickets.insert(entry.ticket_id);
                }
            }
        }
        let before_ms = {
            let feed = &mut self.lock().feed;
            feed.known = known;
            feed.cursor_ms
        };
        let cursor_ms = before_ms.max(newest);
        // Most polls of a quiet account find nothing; they need no write.
        if cursor_ms == before_ms && events.is_empty() && tickets.is_empty() {
            return Ok(());
        }
        commit.nudges = tickets.iter().map(|ticket_id| (ticket_id.0, now)).collect();
        commit.settings.push((CURSOR, cursor_ms.to_string()));
        self.commit_events("zendesk", events, commit).await?;
        let mut state = self.lock();
        state.feed.cursor_ms = cursor_ms;
        for ticket_id in tickets {
            state.queue.add_ticket(ticket_id, now);
        }
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    async fn ask_bridged_tickets(&self) {
        let offset = self.lock().feed.round * TICKETS_A_ROUND;
        match self.store.bridged_tickets(TICKETS_A_ROUND, offset).await {
            Ok(tickets) => {
                let mut state = self.lock();
                state.feed.round = if (tickets.len() as i64) < TICKETS_A_ROUND { 0 } else { state.feed.round + 1 };
                let now = self.clock.now_ms();
                for ticket_id in tickets {
                    state.queue.add_ticket(TicketId(ticket_id), now);
                }
            }
            Err(error) => tracing::warn!(error = %error, "the bridged tickets could not be listed; it is tried again"),
        }
    }
}
