//! What the account-wide feed does not show: more entries of one second than its page holds.
//!
//! The feed counts in seconds, and the second in which a page ends is sent again with the next, so what stands in one second
//! behind a page's last row is never reached. The tickets of such a second are found another way: an entry moves its ticket,
//! so the ticket export names it, a minute later. All tickets that have changed since that second are read, as long as they
//! are no more than a thousand. The export is believed if it names every ticket that the feed did show; if it does not, or
//! cannot be read to its end, that is said in the log, in `readyz` and to the operator, and the tickets are read when they
//! are next touched.

use std::collections::{BTreeMap, BTreeSet};

use super::conclusions::again_ms;
use super::outside::CallError;
use super::pace::Budget;
use super::{Engine, State};
use crate::bridge::conclusion::About;
use crate::bridge::event::SideConversationEvent;
use crate::bridge::ids::TicketId;
use crate::bridge::thread::time;
use crate::bridge::{Vendor, notice};
use crate::store::{Commit, StoreError};

/// How old a second must be for the export, in milliseconds: it leaves out the last minute, and clocks differ.
const EXPORTED_AFTER_MS: i64 = 65 * 1000;
/// How many pages of the export are read in one go, and how many tickets in all.
const PAGES: usize = 5;
const MOST_TICKETS: usize = 1000;
/// From how many failures on it is said that the tickets could not be found.
const SAID_AFTER: u32 = 3;
/// How long a second is remembered, in milliseconds: the feed is read again from as far back.
pub(super) const REMEMBERED_MS: i64 = 25 * 60 * 60 * 1000;

/// Seconds of which the feed does not show all, in seconds since 1970.
pub(super) type Overfull = BTreeMap<i64, Second>;

/// One of them.
#[derive(Debug, Default)]
pub(super) struct Second {
    /// The tickets that the feed did show.
    shown: BTreeSet<TicketId>,
    /// Those that the export has named so far.
    named: BTreeSet<TicketId>,
    page: String,
    tries: u32,
    next_try_ms: i64,
    settled: bool,
}

enum Looked {
    /// The export is read to its end.
    Through,
    /// There is more than is read.
    TooMuch,
    /// It goes on with the next poll.
    On,
}

impl Engine {
    /// Notes that a page was full within one second. Says whether that is news.
    pub(super) fn note_overfull(&self, second: i64, entries: &[SideConversationEvent]) -> bool {
        let now = self.clock.now_ms();
        let mut state = self.lock();
        state.feed.overfull.retain(|second, _| now - *second * 1000 < REMEMBERED_MS);
        if state.feed.overfull.contains_key(&second) {
            return false;
        }
        let next_try_ms = now.max(second * 1000 + EXPORTED_AFTER_MS);
        let shown = entries.iter().map(|entry| entry.ticket_id).collect();
        state.feed.overfull.insert(second, Second { shown, next_try_ms, ..Second::default() });
        state.next_poll = state.next_poll.min(next_try_ms);
        drop(state);
        tracing::warn!(
            second = time(second * 1000).1,
            "more was written in Zendesk within one second than its feed shows; the tickets are looked for in the ticket export"
        );
        true
    }

    /// Looks for the tickets of one second that is due.
    pub(super) async fn look_for_hidden(&self) {
        let now = self.clock.now_ms();
        let due = |second: &Second| !second.settled && second.next_try_ms <= now;
        let Some(second) = self.lock().feed.overfull.iter().find(|(_, one)| due(one)).map(|(at, _)| *at) else {
            return;
        };
        let looked = self.read_changed(second).await;
        let at = time(second * 1000).1;
        let error = match looked {
            Ok(Looked::On) => return,
            Ok(Looked::Through) => {
                let unfound = self.settle_second(second);
                let problem = "the ticket export does not name all tickets that the feed shows";
                return self.say_what_was_found(&at, (unfound > 0).then_some(problem)).await;
            }
            Ok(Looked::TooMuch) => {
                self.settle_second(second);
                return self.say_what_was_found(&at, Some("too many tickets have changed since")).await;
            }
            Err(error) => error,
        };
        let tries = {
            let mut state = self.lock();
            let State { feed, next_poll, .. } = &mut *state;
            let Some(one) = feed.overfull.get_mut(&second) else { return };
            one.tries += 1;
            one.next_try_ms = now + again_ms(one.tries);
            *next_poll = (*next_poll).min(one.next_try_ms);
            one.tries
        };
        tracing::warn!(second = at, error = %error, attempt = tries, "the ticket export could not be read; it is tried again");
        if tries >= SAID_AFTER {
            self.say_hidden(&at, true).await;
        }
    }

    /// Nothing more is looked for of a second. Says how many tickets that the feed showed were not found.
    fn settle_second(&self, second: i64) -> usize {
        let mut state = self.lock();
        let Some(one) = state.feed.overfull.get_mut(&second) else { return 0 };
        one.settled = true;
        one.shown.difference(&one.named).count()
    }

    async fn say_what_was_found(&self, at: &str, problem: Option<&str>) {
        match problem {
            None => tracing::info!(second = at, "all tickets of the overfull second are known and read"),
            Some(problem) => tracing::error!(
                second = at,
                problem,
                "some side conversations may not be in Slack; each is bridged when its ticket is next touched"
            ),
        }
        self.say_hidden(at, problem.is_some()).await;
    }

    async fn say_hidden(&self, at: &str, lasts: bool) {
        if let Err(error) = self.conclude(About::Hidden, at, lasts.then(|| notice::feed_hides(at))).await {
            tracing::warn!(error = %error, "what is said of an overfull second could not be stored");
        }
    }

    async fn read_changed(&self, second: i64) -> Result<Looked, CallError> {
        for _ in 0..PAGES {
            let now = self.clock.now_ms();
            let page = {
                let mut state = self.lock();
                if let Err(free) = state.queue.pace().try_call(&Budget::ZendeskExport, now) {
                    if let Some(one) = state.feed.overfull.get_mut(&second) {
                        one.next_try_ms = free;
                    }
                    return Ok(Looked::On);
                }
                state.feed.overfull.get(&second).map(|one| one.page.clone()).unwrap_or_default()
            };
            let changed = match self.outside.changed_tickets(second, &page).await {
                Ok(changed) => changed,
                Err(error) => {
                    if let CallError::Later { after, .. } = &error {
                        self.hold_budget(&Budget::ZendeskExport, *after);
                    }
                    self.read_failed(Vendor::Zendesk, &error);
                    return Err(error);
                }
            };
            self.answers(Vendor::Zendesk, false);
            let (new, all) = {
                let mut state = self.lock();
                let Some(one) = state.feed.overfull.get_mut(&second) else { return Ok(Looked::Through) };
                let known = |id: &TicketId| one.shown.contains(id) || one.named.contains(id);
                let new: Vec<TicketId> = changed.tickets.iter().copied().filter(|id| !known(id)).collect();
                one.named.extend(changed.tickets);
                one.page = changed.next.clone().unwrap_or_default();
                (new, one.named.len())
            };
            self.read_soon(&new).await.map_err(|error| CallError::Later { after: None, problem: error.to_string() })?;
            if changed.next.is_none() {
                return Ok(Looked::Through);
            }
            if all >= MOST_TICKETS {
                return Ok(Looked::TooMuch);
            }
        }
        Ok(Looked::On)
    }

    /// Has tickets read, also through a restart.
    async fn read_soon(&self, tickets: &[TicketId]) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        if tickets.is_empty() {
            return Ok(());
        }
        let nudges = tickets.iter().map(|ticket_id| (ticket_id.0, now)).collect();
        self.store.commit(Commit { nudges, ..Commit::default() }).await?;
        let mut state = self.lock();
        for ticket_id in tickets {
            state.queue.add_ticket(*ticket_id, now);
        }
        drop(state);
        self.wake.notify_one();
        Ok(())
    }
}
