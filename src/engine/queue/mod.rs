//! What is to be done next, in memory: threads with events to handle, lanes with calls to make, tickets to read.
//!
//! The tables say the same; this is read from them at start and kept beside them. A job is in one pair of hands
//! at a time: that is the lease. It needs no row, because one process owns the database and a dead process holds
//! nothing.

mod calls;
mod item;
mod turns;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::pace::{Budget, Limits, Pace};
use crate::bridge::ids::{ChannelId, ThreadId, TicketId};
use crate::bridge::{Answer, Effect, Event, Vendor};
use calls::Calls;
pub use calls::Standing;
pub use item::Item;

/// Something the engine can do now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Handle what has come in for a thread.
    Handle(ThreadId),
    /// Make a call.
    Deliver(i64),
    /// Read a ticket's side conversations.
    ReadTicket(TicketId),
    /// Ask the account-wide feed.
    Poll,
    /// Forget what is no longer needed.
    Clean,
    /// Begin to ask Slack for what was missed.
    CatchUp,
    /// Make one of the reads that this takes.
    ReadBack(u64),
    /// See whether something takes too long.
    Late,
}

/// Something for a thread to handle.
#[derive(Clone, Debug)]
pub enum Work {
    /// An event from the inbox.
    Event {
        /// Its row.
        seq: i64,
        /// The event.
        event: Arc<Event>,
    },
    /// The answer to a call.
    Answer {
        /// The call's row.
        id: i64,
        /// What was to be done.
        effect: Arc<Effect>,
        /// What came back.
        answer: Answer,
        /// Whether the next one travelled with it: both are handled in one commit.
        with_next: bool,
    },
    /// An event that is written together with what is decided about it.
    Arrived {
        /// `slack` or `zendesk`.
        source: &'static str,
        /// What makes it the same as a repetition.
        key: String,
        /// The event.
        event: Arc<Event>,
    },
}

#[derive(Default)]
struct Cell {
    work: VecDeque<Work>,
    queued: bool,
    running: bool,
    /// Until a time that `Queue::resting` knows.
    resting: bool,
    poisoned: bool,
}

#[derive(Default)]
struct TicketCell {
    running: bool,
    again: bool,
    not_before: i64,
    attempts: i64,
}

/// What is to be done next.
#[derive(Default)]
pub struct Queue {
    cells: HashMap<ThreadId, Cell>,
    ready: VecDeque<ThreadId>,
    resting: BTreeSet<(i64, ThreadId)>,
    calls: Calls,
    tickets: BTreeMap<TicketId, TicketCell>,
    /// How many cards are on their way in a channel, and since when the first is.
    cards: HashMap<ChannelId, (usize, i64)>,
    events: usize,
}

/// How soon a ticket that could not be read is read again when it is nudged, in milliseconds.
const NUDGED_AGAIN_MS: i64 = 5000;
/// How many tickets may be read at a time.
const READS: usize = 8;

impl Queue {
    /// An empty one, under these limits.
    pub fn new(limits: Limits) -> Queue {
        let mut queue = Queue::default();
        queue.calls.pace = Pace::new(limits);
        queue
    }

    /// Adds something for a thread to handle.
    pub fn add_work(&mut self, thread_id: &ThreadId, work: Work) {
        self.events += 1;
        let cell = self.cells.entry(thread_id.clone()).or_default();
        cell.work.push_back(work);
        if !cell.queued && !cell.running && !cell.poisoned {
            cell.queued = true;
            self.ready.push_back(thread_id.clone());
        }
    }

    /// Adds a ticket to be read.
    pub fn add_ticket(&mut self, ticket_id: TicketId, now: i64) {
        let cell = self.tickets.entry(ticket_id).or_default();
        cell.again = cell.running;
        // Zendesk speaks of the ticket anew, so an old failure counts for nothing.
        cell.attempts = 0;
        cell.not_before = cell.not_before.min(now + NUDGED_AGAIN_MS);
    }

    /// Takes up to `most` jobs that can be done now. Each must be ended by its `end_…`.
    pub fn take(&mut self, now: i64, most: usize) -> Vec<Job> {
        let mut jobs = Vec::new();
        while let Some((due, id)) = self.resting.first().cloned() {
            if due > now {
                break;
            }
            self.resting.remove(&(due, id.clone()));
            if let Some(cell) = self.cells.get_mut(&id) {
                cell.resting = false;
            }
            self.ready.push_back(id);
        }
        jobs.extend(self.take_handles(most));
        self.take_calls(now, most, &mut jobs);
        let mut reading = self.tickets.values().filter(|cell| cell.running).count();
        if self.reads_from(now) <= now {
            for (ticket_id, cell) in &mut self.tickets {
                if jobs.len() >= most || reading >= READS {
                    break;
                }
                if !cell.running && cell.not_before <= now {
                    cell.running = true;
                    reading += 1;
                    self.calls.pace.call(&Budget::ZendeskPlan, now);
                    jobs.push(Job::ReadTicket(*ticket_id));
                }
            }
        }
        jobs
    }

    /// Takes up to `most` threads that have something to handle now.
    pub fn take_handles(&mut self, most: usize) -> Vec<Job> {
        let mut jobs = Vec::new();
        while jobs.len() < most
            && let Some(id) = self.take_thread()
        {
            jobs.push(Job::Handle(id));
        }
        jobs
    }

    /// Takes the next thread that has something to handle; it must be ended by `end_handle`.
    fn take_thread(&mut self) -> Option<ThreadId> {
        while let Some(id) = self.ready.pop_front() {
            // One that was taken ahead of its turn is still listed.
            if let Some(cell) = self.cells.get_mut(&id)
                && cell.queued
            {
                cell.queued = false;
                cell.running = true;
                return Some(id);
            }
        }
        None
    }

    /// Takes a thread for which nothing waits and which nobody holds; it must be ended by `end_handle`.
    pub fn take_idle(&mut self, thread_id: &ThreadId) -> bool {
        if self.cells.contains_key(thread_id) {
            return false;
        }
        self.cells.insert(thread_id.clone(), Cell { running: true, ..Cell::default() });
        true
    }

    /// Takes a thread ahead of its turn if it has something to handle and nobody holds it; it must be ended by
    /// `end_handle`.
    pub fn take_ready(&mut self, thread_id: &ThreadId) -> bool {
        match self.cells.get_mut(thread_id) {
            Some(cell) if cell.queued && !cell.running && !cell.resting => {
                cell.queued = false;
                cell.running = true;
                true
            }
            _ => false,
        }
    }

    /// When the next job falls due, in milliseconds since 1970.
    pub fn next_due(&self, now: i64) -> Option<i64> {
        if !self.ready.is_empty() {
            return Some(now);
        }
        let reading = self.tickets.values().filter(|cell| cell.running).count();
        let tickets = self
            .tickets
            .values()
            .filter(|cell| !cell.running && reading < READS)
            .map(|cell| cell.not_before.max(self.reads_from(now)));
        let resting = self.resting.first().map(|(due, _)| *due);
        self.calls_due(now).into_iter().chain(tickets).chain(resting).min()
    }

    /// From when on Zendesk takes reads, in milliseconds since 1970.
    fn reads_from(&self, now: i64) -> i64 {
        let paused = self.calls.paused.get(&Vendor::Zendesk).map_or(now, |(until, _)| *until);
        paused.max(self.calls.pace.when_read(&Budget::ZendeskPlan, now))
    }

    /// Takes what a thread has to handle, oldest first, at most `most` and what must be handled with
    /// the last of them.
    pub fn take_work(&mut self, thread_id: &ThreadId, most: usize) -> Vec<Work> {
        let Some(cell) = self.cells.get_mut(thread_id) else { return Vec::new() };
        let mut count = cell.work.len().min(most);
        let travels_on = |work: Option<&Work>| matches!(work, Some(Work::Answer { with_next: true, .. }));
        while count < cell.work.len() && travels_on(cell.work.get(count - 1)) {
            count += 1;
        }
        self.events -= count;
        cell.work.drain(..count).collect()
    }

    /// Puts back what could not be handled, to be tried again at `at` (milliseconds since 1970).
    pub fn put_back(&mut self, thread_id: &ThreadId, work: Vec<Work>, at: i64) {
        let cell = self.cells.entry(thread_id.clone()).or_default();
        self.events += work.len();
        for one in work.into_iter().rev() {
            cell.work.push_front(one);
        }
        cell.running = false;
        cell.queued = true;
        cell.resting = true;
        self.resting.insert((at, thread_id.clone()));
    }

    /// Ends a `Handle`.
    pub fn end_handle(&mut self, thread_id: &ThreadId) {
        let Some(cell) = self.cells.get_mut(thread_id) else { return };
        cell.running = false;
        if cell.work.is_empty() {
            self.cells.remove(thread_id);
        } else if !cell.queued {
            cell.queued = true;
            self.ready.push_back(thread_id.clone());
        }
    }

    /// Sets a thread aside until the next start, because handling it failed in a way that must not repeat.
    pub fn poison(&mut self, thread_id: &ThreadId) {
        let cell = self.cells.entry(thread_id.clone()).or_default();
        cell.running = false;
        cell.poisoned = true;
    }

    /// Ends a `ReadTicket`. `retry_at` (milliseconds since 1970) if it has to be read again; `counts` if that is a failure
    /// of this ticket.
    pub fn end_ticket(&mut self, ticket_id: TicketId, retry_at: Option<i64>, counts: bool) {
        let Some(cell) = self.tickets.get_mut(&ticket_id) else { return };
        cell.running = false;
        match retry_at {
            Some(at) => {
                cell.not_before = at;
                cell.attempts += i64::from(counts);
            }
            None if cell.again => {
                cell.again = false;
                cell.not_before = 0;
                cell.attempts = 0;
            }
            None => {
                self.tickets.remove(&ticket_id);
            }
        }
    }

    /// How often reading a ticket has failed.
    pub fn ticket_attempts(&self, ticket_id: TicketId) -> i64 {
        self.tickets.get(&ticket_id).map_or(0, |cell| cell.attempts)
    }

    /// A card is on its way in this channel since this time, in milliseconds since 1970.
    pub fn card_begins(&mut self, channel: &ChannelId, since: i64) {
        let cards = self.cards.entry(channel.clone()).or_insert((0, since));
        *cards = (cards.0 + 1, cards.1.min(since));
    }

    /// A card stands in this channel, or will not.
    pub fn card_ends(&mut self, channel: &ChannelId) {
        if let Some((count, _)) = self.cards.get_mut(channel) {
            *count -= 1;
            if *count == 0 {
                self.cards.remove(channel);
            }
        }
    }

    /// Since when a card is on its way in this channel, if one is, in milliseconds since 1970.
    pub fn card_on_its_way_since(&self, channel: &ChannelId) -> Option<i64> {
        self.cards.get(channel).map(|(_, since)| *since)
    }

    /// Whether one card at most is on its way in this channel.
    pub fn last_card_on_its_way(&self, channel: &ChannelId) -> bool {
        self.cards.get(channel).is_none_or(|(count, _)| *count <= 1)
    }

    /// Whether a card is on its way anywhere.
    pub fn any_card_on_its_way(&self) -> bool {
        !self.cards.is_empty()
    }

    /// How much waits: events, calls to Slack, calls to Zendesk.
    pub fn waiting(&self) -> (usize, usize, usize) {
        let to_slack = self.waiting_calls().filter(|item| item.vendor == Vendor::Slack).count();
        (self.events, to_slack, self.calls() - to_slack)
    }

    /// When the oldest cause of a waiting call to a vendor happened, in milliseconds since 1970.
    pub fn oldest(&self, vendor: Vendor) -> Option<i64> {
        self.waiting_calls().filter(|item| item.vendor == vendor && item.words).map(|item| item.caused_at).min()
    }

    /// The calls that people have awaited since before a time of their vendor's (milliseconds since 1970).
    pub fn awaited(&self, before: impl Fn(Vendor) -> i64) -> impl Iterator<Item = (i64, &Item)> {
        let too_long = move |item: &Item| item.awaited_since.is_some_and(|since| since <= before(item.vendor));
        self.calls_by_id().filter(move |(_, item)| too_long(item))
    }

    /// Whether nothing waits and nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.cells.values().all(|cell| cell.poisoned) && self.calls() == 0 && self.tickets.is_empty()
    }
}
