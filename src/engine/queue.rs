//! What is to be done next, in memory: threads with events to handle, lanes with calls to make, tickets to read.
//!
//! The tables say the same; this is read from them at start and kept beside them. A job is in one pair of hands
//! at a time: that is the lease. It needs no row, because one process owns the database and a dead process holds
//! nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::bridge::ids::{ChannelId, ThreadId, TicketId};
use crate::bridge::{Answer, Effect, Event, Vendor};

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
    /// Ask Slack for what was missed.
    CatchUp,
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
    /// Whether the attempt that comes is written down already.
    pub written: bool,
    /// When its cause happened at the vendor, in milliseconds since 1970.
    pub caused_at: i64,
    /// Whether it carries a person's words.
    pub words: bool,
    /// Since when people wait for it, in milliseconds since 1970; `None` if nobody does.
    pub awaited_since: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum LaneKey {
    Ordered(Vendor, ThreadId),
    Single(Vendor, i64),
}

impl LaneKey {
    fn of(id: i64, item: &Item) -> LaneKey {
        if item.in_lane {
            LaneKey::Ordered(item.vendor, item.thread_id.clone())
        } else {
            LaneKey::Single(item.vendor, id)
        }
    }

    fn vendor(&self) -> Vendor {
        match self {
            LaneKey::Ordered(vendor, _) | LaneKey::Single(vendor, _) => *vendor,
        }
    }
}

#[derive(Default)]
struct Lane {
    waiting: BTreeSet<(i64, i64)>,
    running: bool,
    due: Option<i64>,
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
    items: HashMap<i64, Item>,
    lanes: HashMap<LaneKey, Lane>,
    due: BTreeMap<Vendor, BTreeSet<(i64, LaneKey)>>,
    calling: BTreeMap<Vendor, usize>,
    paused: BTreeMap<Vendor, (i64, String)>,
    tickets: BTreeMap<TicketId, TicketCell>,
    cards: HashMap<ChannelId, usize>,
    events: usize,
}

/// How many calls may be under way to one vendor.
const CALLS: usize = 48;
/// How soon a ticket that could not be read is read again when it is nudged, in milliseconds.
const NUDGED_AGAIN_MS: i64 = 5000;
/// How many tickets may be read at a time.
const READS: usize = 8;

impl Queue {
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

    /// Adds a call.
    pub fn add_call(&mut self, id: i64, item: Item) {
        let key = LaneKey::of(id, &item);
        self.lanes.entry(key.clone()).or_default().waiting.insert((item.order, id));
        self.items.insert(id, item);
        self.schedule(&key);
    }

    /// Adds a ticket to be read.
    pub fn add_ticket(&mut self, ticket_id: TicketId, now: i64) {
        let cell = self.tickets.entry(ticket_id).or_default();
        cell.again = cell.running;
        // Zendesk speaks of the ticket anew, so an old failure counts for nothing.
        cell.attempts = 0;
        cell.not_before = cell.not_before.min(now + NUDGED_AGAIN_MS);
    }

    /// Whether a call of this lane would be made at once, when `settled` are out of it.
    pub fn is_free(&self, thread_id: &ThreadId, vendor: Vendor, settled: &[(i64, bool)]) -> bool {
        let lane = self.lanes.get(&LaneKey::Ordered(vendor, thread_id.clone()));
        self.takes_calls(vendor)
            && lane
                .is_none_or(|lane| lane.waiting.iter().all(|(_, id)| settled.iter().any(|(settled, _)| settled == id)))
    }

    /// The call that follows in the lane of `id`, if it would be made for the first time as soon as `id` is settled.
    pub fn follows(&self, id: i64, now: i64) -> Option<i64> {
        let item = self.items.get(&id).filter(|item| item.in_lane && self.takes_calls(item.vendor))?;
        let lane = self.lanes.get(&LaneKey::of(id, item))?;
        let (_, next) = lane.waiting.iter().find(|(_, other)| *other != id)?;
        let item = self.items.get(next)?;
        (item.attempts == 0 && !item.doubtful && item.not_before <= now).then_some(*next)
    }

    /// Notes that the first attempt of a call is written down before its turn comes.
    pub fn begun(&mut self, id: i64) {
        if let Some(item) = self.items.get_mut(&id) {
            item.attempts += 1;
            item.written = true;
        }
    }

    fn takes_calls(&self, vendor: Vendor) -> bool {
        !self.paused.contains_key(&vendor) && self.calling.get(&vendor).copied().unwrap_or(0) < CALLS
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
        for vendor in [Vendor::Slack, Vendor::Zendesk] {
            let due_here = self.due.entry(vendor).or_default();
            let under_way = self.calling.entry(vendor).or_default();
            while jobs.len() < most
                && *under_way < CALLS
                && self.paused.get(&vendor).is_none_or(|(until, _)| *until <= now && *under_way == 0)
                && let Some((due, _)) = due_here.first()
                && *due <= now
                && let Some((_, key)) = due_here.pop_first()
            {
                if let Some(lane) = self.lanes.get_mut(&key)
                    && let Some((_, id)) = lane.waiting.first().copied()
                {
                    lane.running = true;
                    lane.due = None;
                    *under_way += 1;
                    jobs.push(Job::Deliver(id));
                }
            }
        }
        let mut reading = self.tickets.values().filter(|cell| cell.running).count();
        if self.paused.get(&Vendor::Zendesk).is_none_or(|(until, _)| *until <= now) {
            for (ticket_id, cell) in &mut self.tickets {
                if jobs.len() >= most || reading >= READS {
                    break;
                }
                if !cell.running && cell.not_before <= now {
                    cell.running = true;
                    reading += 1;
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

    /// Calls that are written down as begun and were not made.
    pub fn not_begun(&self) -> impl Iterator<Item = (i64, &Item)> {
        self.items.iter().filter(|(_, item)| item.written).map(|(id, item)| (*id, item))
    }

    /// When the next job falls due, in milliseconds since 1970.
    pub fn next_due(&self, now: i64) -> Option<i64> {
        if !self.ready.is_empty() {
            return Some(now);
        }
        let until = |vendor: Vendor, due: i64| self.paused.get(&vendor).map_or(due, |(until, _)| due.max(*until));
        // A vendor that is held takes one call at a time, to see whether it is mended.
        let most = |vendor: Vendor| if self.paused.contains_key(&vendor) { 1 } else { CALLS };
        let full = |vendor: Vendor| self.calling.get(&vendor).copied().unwrap_or(0) >= most(vendor);
        let calls = self
            .due
            .iter()
            .filter(|(vendor, _)| !full(**vendor))
            .filter_map(|(vendor, due)| due.first().map(|(due, _)| until(*vendor, *due)));
        let reading = self.tickets.values().filter(|cell| cell.running).count();
        let tickets = self
            .tickets
            .values()
            .filter(|cell| !cell.running && reading < READS)
            .map(|cell| until(Vendor::Zendesk, cell.not_before));
        let resting = self.resting.first().map(|(due, _)| *due);
        calls.chain(tickets).chain(resting).min()
    }

    /// Takes what a thread has to handle, oldest first, at most `most`.
    pub fn take_work(&mut self, thread_id: &ThreadId, most: usize) -> Vec<Work> {
        let Some(cell) = self.cells.get_mut(thread_id) else { return Vec::new() };
        let count = cell.work.len().min(most);
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

    /// A call that waits or is under way.
    pub fn item(&self, id: i64) -> Option<&Item> {
        self.items.get(&id)
    }

    /// What rests of a thread's calls to a vendor is due.
    pub fn wake(&mut self, thread_id: &ThreadId, vendor: Vendor, now: i64) {
        let resting = |item: &&mut Item| item.thread_id == *thread_id && item.vendor == vendor && item.not_before > now;
        let mut lanes = BTreeSet::new();
        for (id, item) in self.items.iter_mut().filter(|(_, item)| resting(item)) {
            item.not_before = now;
            lanes.insert(LaneKey::of(*id, item));
        }
        for lane in lanes {
            self.schedule(&lane);
        }
    }

    /// A call is to do something else from now on.
    pub fn rewrite(&mut self, id: i64, effect: Arc<Effect>) {
        if let Some(item) = self.items.get_mut(&id) {
            item.effect = Some(effect);
        }
    }

    /// The vendor has answered, or the call was given back: others may be made to it.
    pub fn end_calling(&mut self, vendor: Vendor) {
        if let Some(count) = self.calling.get_mut(&vendor) {
            *count = count.saturating_sub(1);
        }
    }

    /// Notes that an attempt begins.
    pub fn attempt(&mut self, id: i64, now: i64) {
        if let Some(item) = self.items.get_mut(&id) {
            if !item.written {
                item.attempts += 1;
            }
            item.written = false;
            item.first_attempt_ms.get_or_insert(now);
            item.last_attempt_ms = Some(now);
        }
    }

    /// Notes that it is looked for.
    pub fn looked(&mut self, id: i64, now: i64) {
        if let Some(item) = self.items.get_mut(&id) {
            item.first_attempt_ms.get_or_insert(now);
        }
    }

    /// Notes that an attempt has ended: it may have been done as late as this.
    pub fn attempted(&mut self, id: i64, now: i64) {
        if let Some(item) = self.items.get_mut(&id) {
            item.last_attempt_ms = Some(now);
        }
    }

    /// Ends a `Deliver` that has to be done again, with what is now true of it.
    pub fn delay(&mut self, id: i64, not_before: i64, attempts: i64, doubtful: bool) {
        let Some(item) = self.items.get_mut(&id) else { return };
        item.not_before = not_before;
        item.attempts = attempts;
        item.doubtful = doubtful;
        item.written = false;
        let key = LaneKey::of(id, item);
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.running = false;
        }
        self.schedule(&key);
    }

    /// Ends a `Deliver` whose answer is handled: its lane goes on.
    pub fn settle(&mut self, id: i64) -> Option<Item> {
        let item = self.items.remove(&id)?;
        let key = LaneKey::of(id, &item);
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.waiting.remove(&(item.order, id));
            lane.running = false;
        }
        self.schedule(&key);
        Some(item)
    }

    /// Holds every call to a vendor until `until` (milliseconds since 1970). Says whether that is news.
    pub fn pause(&mut self, vendor: Vendor, until: i64, why: String) -> bool {
        self.paused.insert(vendor, (until, why)).is_none()
    }

    /// Lets calls to a vendor go on. Says whether they were held.
    pub fn resume(&mut self, vendor: Vendor) -> bool {
        self.paused.remove(&vendor).is_some()
    }

    /// Which vendors are held, and why.
    pub fn paused(&self) -> Vec<(Vendor, String)> {
        self.paused.iter().map(|(vendor, (_, why))| (*vendor, why.clone())).collect()
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

    /// A card is on its way in this channel.
    pub fn card_begins(&mut self, channel: &ChannelId) {
        *self.cards.entry(channel.clone()).or_default() += 1;
    }

    /// A card stands in this channel, or will not.
    pub fn card_ends(&mut self, channel: &ChannelId) {
        if let Some(count) = self.cards.get_mut(channel) {
            *count -= 1;
            if *count == 0 {
                self.cards.remove(channel);
            }
        }
    }

    /// Whether a card is on its way in this channel.
    pub fn card_on_its_way(&self, channel: &ChannelId) -> bool {
        self.cards.contains_key(channel)
    }

    /// Whether a card is on its way anywhere.
    pub fn any_card_on_its_way(&self) -> bool {
        !self.cards.is_empty()
    }

    /// How many calls wait or are under way.
    pub fn calls(&self) -> usize {
        self.items.len()
    }

    /// How much waits: events, calls to Slack, calls to Zendesk.
    pub fn waiting(&self) -> (usize, usize, usize) {
        let to_slack = self.items.values().filter(|item| item.vendor == Vendor::Slack).count();
        (self.events, to_slack, self.items.len() - to_slack)
    }

    /// When the oldest cause of a waiting call to a vendor happened, in milliseconds since 1970.
    pub fn oldest(&self, vendor: Vendor) -> Option<i64> {
        self.items.values().filter(|item| item.vendor == vendor && item.words).map(|item| item.caused_at).min()
    }

    /// The calls that people have awaited since before a time of their vendor's (milliseconds since 1970).
    pub fn awaited(&self, before: impl Fn(Vendor) -> i64) -> impl Iterator<Item = (i64, &Item)> {
        let too_long = move |item: &Item| item.awaited_since.is_some_and(|since| since <= before(item.vendor));
        self.items.iter().filter(move |(_, item)| too_long(item)).map(|(id, item)| (*id, item))
    }

    /// Whether nothing waits and nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.cells.values().all(|cell| cell.poisoned) && self.items.is_empty() && self.tickets.is_empty()
    }

    fn schedule(&mut self, key: &LaneKey) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        let due_here = self.due.entry(key.vendor()).or_default();
        if let Some(due) = lane.due.take() {
            due_here.remove(&(due, key.clone()));
        }
        match lane.waiting.first() {
            None if !lane.running => {
                self.lanes.remove(key);
            }
            Some((_, id)) if !lane.running => {
                let due = self.items.get(id).map_or(0, |item| item.not_before);
                lane.due = Some(due);
                due_here.insert((due, key.clone()));
            }
            _ => {}
        }
    }
}
