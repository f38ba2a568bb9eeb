//! A call that waits or is under way, and what is known of its attempts.

use std::sync::Arc;

use super::super::pace::Budget;
use crate::bridge::facts::Travels;
use crate::bridge::ids::ThreadId;
use crate::bridge::{Answer, BridgedThread, Effect, Vendor};
use crate::store::OutboxRow;

/// A call that waits.
#[derive(Clone, Debug)]
pub struct Item {
    /// The thread.
    pub thread_id: ThreadId,
    /// What to do; `None` if it is to be read from the table.
    pub effect: Option<Arc<Effect>>,
    /// Its vendor.
    pub vendor: Vendor,
    /// Its lane, or `None` if it keeps no order.
    pub in_lane: bool,
    /// Its place in the lane.
    pub order: i64,
    /// Not before, in milliseconds since 1970.
    pub not_before: i64,
    /// How many attempts were begun and count.
    pub attempts: i64,
    /// When the first of them was begun, or looked for, in milliseconds since 1970.
    pub first_attempt_ms: Option<i64>,
    /// Since when it may have been done by nobody knows whom, in milliseconds since 1970.
    pub maybe_since_ms: Option<i64>,
    /// The latest time at which one of them may have been done, in milliseconds since 1970.
    pub last_attempt_ms: Option<i64>,
    /// Whether one of them may have been done.
    pub doubtful: bool,
    /// What a look for others found of it.
    pub found: Option<Answer>,
    /// Whether the attempt that comes is written down already.
    pub written: bool,
    /// When its cause happened at the vendor, in milliseconds since 1970.
    pub caused_at: i64,
    /// Whether it carries a person's words.
    pub words: bool,
    /// Whether it may travel with its neighbours.
    pub plain: bool,
    /// Under what it is counted.
    pub budget: Budget,
    /// The first row of those it travels with, once that is written down.
    pub bundle: Option<i64>,
    pub(super) under_way: bool,
    /// How often the vendor has told it to come back later.
    pub told_to_wait: i64,
    /// Since when people wait for it, in milliseconds since 1970; `None` if nobody does.
    pub awaited_since: Option<i64>,
}

impl Item {
    /// The clock shows this many milliseconds less than it did. What the vendor's clock told stays as it is.
    pub(super) fn clock_set_back(&mut self, by: i64) {
        self.not_before -= by;
        for at in
            [&mut self.first_attempt_ms, &mut self.maybe_since_ms, &mut self.last_attempt_ms, &mut self.awaited_since]
        {
            *at = at.map(|at| at - by);
        }
    }

    /// A call that was just decided. `begun` if its first attempt is written down already.
    pub fn new(effect: Arc<Effect>, thread: &BridgedThread, caused_at: i64, begun: bool) -> Item {
        let item = Item::of(thread.id.clone(), effect, Some(thread), caused_at);
        Item { attempts: i64::from(begun), written: begun, ..item }
    }

    /// A call that the last process left, which ended before `now`; a life that the tables do not know ended before
    /// `other_until` (milliseconds since 1970). Without its thread, or without its place in Slack, it is counted under
    /// what is known.
    pub fn stored(row: OutboxRow, thread: Option<&BridgedThread>, other_until: i64, now: i64) -> Item {
        let awaited_since = row.effect.act.facts().is_awaited().then_some(row.decided_at);
        // Written down at a time that is yet to come: the clock was set back since, and what was reckoned by it with it.
        let ahead = (row.attempted_at.unwrap_or(row.decided_at) - now).max(0);
        Item {
            not_before: row.not_before - ahead,
            attempts: row.attempts,
            first_attempt_ms: row.attempted_at,
            maybe_since_ms: row.doubtful.then_some(row.caused_at),
            // Nobody knows when the last process made the call that it had written down, only that it ended.
            last_attempt_ms: match row.attempted_at {
                Some(_) => Some(now),
                None => row.doubtful.then_some(other_until),
            },
            doubtful: row.doubtful,
            awaited_since,
            bundle: row.bundle,
            ..Item::of(ThreadId::new(row.thread_id), Arc::new(row.effect), thread, row.caused_at)
        }
    }

    fn of(thread_id: ThreadId, effect: Arc<Effect>, thread: Option<&BridgedThread>, caused_at: i64) -> Item {
        let facts = effect.act.facts();
        Item {
            thread_id,
            vendor: facts.vendor,
            in_lane: facts.in_lane,
            order: effect.order,
            not_before: effect.not_before_ms,
            attempts: 0,
            first_attempt_ms: None,
            maybe_since_ms: None,
            last_attempt_ms: None,
            doubtful: false,
            found: None,
            written: false,
            caused_at,
            words: facts.carries_words(),
            awaited_since: None,
            plain: facts.travels == Travels::WithOthers,
            budget: Budget::of(&effect.act, thread),
            bundle: None,
            under_way: false,
            told_to_wait: 0,
            effect: Some(effect),
        }
    }

    /// Whether it may join others: no attempt was ever begun, so nothing of it stands anywhere.
    pub(super) fn may_join(&self, now: i64) -> bool {
        let untried = self.attempts == 0 && self.first_attempt_ms.is_none() && !self.written && !self.doubtful;
        self.plain && untried && self.bundle.is_none() && self.not_before <= now
    }
}
