//! The calls that wait: in lanes, so that each keeps its order, and by turns where a budget is short.

mod looks;
mod questions;
mod set_back;
mod standing;
mod wake;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub use standing::Standing;

use super::turns::{Turn, Turns};
use super::{Item, Job, Queue};
use crate::bridge::ids::ThreadId;
use crate::bridge::{BridgedThread, Effect, Vendor};
use crate::engine::bundle;
use crate::engine::pace::{Budget, Pace};

/// How many calls may be under way to one vendor.
const CALLS: usize = 48;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum LaneKey {
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

    pub(super) fn vendor(&self) -> Vendor {
        match self {
            LaneKey::Ordered(vendor, _) | LaneKey::Single(vendor, _) => *vendor,
        }
    }
}

/// Where a lane waits.
enum Waits {
    /// For a time.
    Until(i64),
    /// For its turn.
    For(Turn),
}

#[derive(Default)]
struct Lane {
    waiting: BTreeSet<(i64, i64)>,
    running: bool,
    waits: Option<Waits>,
}

/// The calls that wait or are under way.
#[derive(Default)]
pub(super) struct Calls {
    items: HashMap<i64, Item>,
    lanes: HashMap<LaneKey, Lane>,
    due: BTreeMap<Vendor, BTreeSet<(i64, LaneKey)>>,
    turns: Turns,
    pub(super) pace: Pace,
    calling: BTreeMap<Vendor, usize>,
    /// Calls that were taken and are not begun, with their vendor.
    taken: HashMap<i64, Vendor>,
    pub(super) paused: BTreeMap<Vendor, (i64, String)>,
    /// Who may travel with a call that was taken; not written down yet.
    proposed: HashMap<i64, Vec<i64>>,
    questions: questions::Questions,
}

impl Queue {
    /// Adds a call.
    pub fn add_call(&mut self, id: i64, item: Item) {
        let calls = &mut self.calls;
        let key = LaneKey::of(id, &item);
        let lane = calls.lanes.entry(key.clone()).or_default();
        let first = lane.waiting.first().is_none_or(|(order, other)| (item.order, id) < (*order, *other));
        lane.waiting.insert((item.order, id));
        if item.in_lane {
            calls.turns.count(&item.budget, true);
        }
        calls.items.insert(id, item);
        if first {
            calls.schedule(&key);
        }
    }

    /// Whether a call of this lane would be made at once, when `settled` are out of it; `more` follow it.
    pub fn is_free(
        &self,
        thread: &BridgedThread,
        effect: &Effect,
        settled: &[(i64, bool)],
        more: usize,
        now: i64,
    ) -> bool {
        let vendor = effect.act.vendor();
        let lane = self.calls.lanes.get(&LaneKey::Ordered(vendor, thread.id.clone()));
        let budget = Budget::of(&effect.act, Some(thread));
        self.takes_calls(vendor)
            && lane
                .is_none_or(|lane| lane.waiting.iter().all(|(_, id)| settled.iter().any(|(settled, _)| settled == id)))
            && self.calls.turns.is_free(&budget, &thread.id, more, &self.calls.pace, now)
    }

    /// The call that follows in the lane of `id`, if it would be made for the first time as soon as `settled` are out of
    /// it.
    pub fn follows(&self, id: i64, settled: &[(i64, bool)], now: i64) -> Option<i64> {
        let calls = &self.calls;
        let item = calls.items.get(&id).filter(|item| item.in_lane && self.takes_calls(item.vendor))?;
        let lane = calls.lanes.get(&LaneKey::of(id, item))?;
        let (_, next) = lane.waiting.iter().find(|(_, other)| !settled.iter().any(|(settled, _)| settled == other))?;
        let item = calls.items.get(next)?;
        let untried = item.attempts == 0 && !item.doubtful && item.bundle.is_none() && item.not_before <= now;
        (untried && calls.turns.is_free(&item.budget, &item.thread_id, 0, &calls.pace, now)).then_some(*next)
    }

    /// Notes that the first attempt of a call is written down before its turn comes.
    pub fn begun(&mut self, id: i64) {
        if let Some(item) = self.calls.items.get_mut(&id) {
            item.attempts += 1;
            item.written = true;
        }
    }

    fn takes_calls(&self, vendor: Vendor) -> bool {
        !self.is_paused(vendor) && self.calls.under_way(vendor) < CALLS
    }

    pub(super) fn take_calls(&mut self, now: i64, most: usize, jobs: &mut Vec<Job>) {
        let calls = &mut self.calls;
        for vendor in [Vendor::Slack, Vendor::Zendesk] {
            calls.wake(vendor, now);
            while jobs.len() < most
                && calls.under_way(vendor) < CALLS
                && calls
                    .paused
                    .get(&vendor)
                    .is_none_or(|(until, _)| *until <= now && calls.calling.get(&vendor).is_none_or(|n| *n == 0))
                && let Some((key, budget)) = calls.turns.next(vendor, &calls.pace, now)
            {
                let Some(lane) = calls.lanes.get_mut(&key) else { continue };
                let Some((_, id)) = lane.waiting.first().copied() else { continue };
                lane.running = true;
                lane.waits = None;
                if calls.items.get(&id).is_some_and(|item| calls.questions.join(id, item, now)) {
                    continue;
                }
                *calls.calling.entry(vendor).or_default() += 1;
                calls.taken.insert(id, vendor);
                calls.pace.call(&budget, now);
                if let Some(item) = calls.items.get(&id) {
                    calls.turns.called(&budget, &item.thread_id, &calls.pace, now);
                }
                calls.propose(&key, id, &budget, now);
                calls.set_under_way(id, true);
                jobs.push(Job::Deliver(id));
            }
        }
    }

    /// A call that was taken, and those that travel with it or may do so; `true` if that is written down. `None` if it was
    /// given up meanwhile: then it has ended.
    pub fn travellers(&mut self, id: i64) -> Option<(Vec<(i64, Item)>, bool)> {
        let taken = self.calls.taken.remove(&id);
        if !self.calls.items.contains_key(&id) {
            taken.into_iter().for_each(|vendor| self.end_calling(vendor));
        }
        let calls = &mut self.calls;
        let item = calls.items.get(&id)?;
        let ids = match item.bundle {
            Some(bundle) => {
                let lane = calls.lanes.get(&LaneKey::of(id, item))?;
                let ids = lane.waiting.iter().map(|(_, id)| *id);
                ids.filter(|id| calls.items.get(id).is_some_and(|item| item.bundle == Some(bundle))).collect()
            }
            None => calls.proposed.remove(&id).unwrap_or_else(|| vec![id]),
        };
        let frozen = item.bundle.is_some();
        let items = ids.into_iter().filter_map(|id| Some((id, calls.items.get(&id)?.clone())));
        Some((items.collect(), frozen))
    }

    /// Notes that these travel together, as is written down.
    pub fn freeze(&mut self, ids: &[i64]) {
        for id in ids {
            self.calls.set_under_way(*id, true);
            if let Some(item) = self.calls.items.get_mut(id) {
                item.bundle = ids.first().copied().filter(|_| ids.len() > 1);
            }
        }
    }

    /// Calls that are written down as begun and were not made.
    pub fn not_begun(&self) -> impl Iterator<Item = (i64, &Item)> {
        self.calls.items.iter().filter(|(_, item)| item.written).map(|(id, item)| (*id, item))
    }

    /// A call that waits or is under way.
    pub fn item(&self, id: i64) -> Option<&Item> {
        self.calls.items.get(&id)
    }

    /// A call is to do something else from now on.
    pub fn rewrite(&mut self, id: i64, effect: Arc<Effect>) {
        if let Some(item) = self.calls.items.get_mut(&id) {
            item.effect = Some(effect);
        }
    }

    /// The vendor has answered, or the call was given back: others may be made to it.
    pub fn end_calling(&mut self, vendor: Vendor) {
        if let Some(count) = self.calls.calling.get_mut(&vendor) {
            *count = count.saturating_sub(1);
        }
    }

    /// Notes that an attempt begins.
    pub fn attempt(&mut self, id: i64, now: i64) {
        if let Some(item) = self.calls.items.get_mut(&id) {
            if !item.written {
                item.attempts += 1;
            }
            item.written = false;
            item.found = None;
            item.first_attempt_ms.get_or_insert(now);
            item.last_attempt_ms = Some(now);
        }
    }

    /// Notes that it is looked for.
    pub fn looked(&mut self, id: i64, now: i64) {
        if let Some(item) = self.calls.items.get_mut(&id) {
            item.first_attempt_ms.get_or_insert(now);
        }
    }

    /// Notes that the vendor has told it to come back later. Says how often it had before.
    pub fn told_to_wait(&mut self, id: i64) -> i64 {
        let Some(item) = self.calls.items.get_mut(&id) else { return 0 };
        item.told_to_wait += 1;
        item.told_to_wait - 1
    }

    /// Notes that an attempt has ended: it may have been done as late as this.
    pub fn attempted(&mut self, id: i64, now: i64) {
        if let Some(item) = self.calls.items.get_mut(&id) {
            item.last_attempt_ms = Some(now);
        }
    }

    /// Ends a `Deliver` that has to be done again, with what is now true of it; `split` if each is to travel alone.
    pub fn delay(&mut self, ids: &[i64], not_before: i64, attempts: i64, doubtful: bool, split: bool) {
        let calls = &mut self.calls;
        let Some(key) = ids.first().and_then(|id| Some(LaneKey::of(*id, calls.items.get(id)?))) else { return };
        for id in ids {
            calls.set_under_way(*id, false);
            let Some(item) = calls.items.get_mut(id) else { continue };
            item.not_before = not_before;
            item.attempts = attempts;
            item.doubtful = doubtful;
            item.written = false;
            item.bundle = item.bundle.filter(|_| !split);
        }
        if let Some(lane) = calls.lanes.get_mut(&key) {
            lane.running = false;
        }
        calls.schedule(&key);
    }

    /// Ends a `Deliver` whose answer is handled: its lane goes on.
    pub fn settle(&mut self, id: i64) -> Option<Item> {
        let calls = &mut self.calls;
        calls.set_under_way(id, true);
        let item = calls.items.remove(&id)?;
        let key = LaneKey::of(id, &item);
        if let Some(lane) = calls.lanes.get_mut(&key) {
            lane.waiting.remove(&(item.order, id));
            lane.running = false;
        }
        calls.schedule(&key);
        Some(item)
    }

    /// Holds every call to a vendor until `until` (milliseconds since 1970). Says whether that is news.
    pub fn pause(&mut self, vendor: Vendor, until: i64, why: String) -> bool {
        self.calls.paused.insert(vendor, (until, why)).is_none()
    }

    /// Lets calls to a vendor go on. Says whether they were held.
    pub fn resume(&mut self, vendor: Vendor) -> bool {
        self.calls.paused.remove(&vendor).is_some()
    }

    /// Whether a vendor is held.
    pub fn is_paused(&self, vendor: Vendor) -> bool {
        self.calls.paused.contains_key(&vendor)
    }

    /// Which vendors are held, and why.
    pub fn paused(&self) -> Vec<(Vendor, String)> {
        self.calls.paused.iter().map(|(vendor, (_, why))| (*vendor, why.clone())).collect()
    }

    /// The vendors' budgets.
    pub fn pace(&mut self) -> &mut Pace {
        &mut self.calls.pace
    }

    /// Forgets what no longer matters of the budgets and of whose turn it was.
    pub fn forget(&mut self, now: i64) {
        self.calls.pace.forget(now);
        self.calls.turns.forget(&self.calls.pace, now);
    }

    /// How many calls wait or are under way.
    pub fn calls(&self) -> usize {
        self.calls.items.len()
    }

    pub(super) fn calls_by_id(&self) -> impl Iterator<Item = (i64, &Item)> {
        self.calls.items.iter().map(|(id, item)| (*id, item))
    }

    pub(super) fn waiting_calls(&self) -> impl Iterator<Item = &Item> {
        self.calls.items.values()
    }

    pub(super) fn calls_due(&self, now: i64) -> Option<i64> {
        let calls = &self.calls;
        // A vendor that is held takes one call at a time, to see whether it is mended.
        let most = |vendor: &Vendor| if calls.paused.contains_key(vendor) { 1 } else { CALLS };
        let dues = [Vendor::Slack, Vendor::Zendesk].into_iter().filter(|v| calls.under_way(*v) < most(v));
        dues.filter_map(|vendor| {
            let due = calls.due.get(&vendor).and_then(|due| due.first()).map(|(due, _)| *due);
            let due = due.into_iter().chain(calls.turns.next_at(vendor, now)).min()?;
            Some(calls.paused.get(&vendor).map_or(due, |(until, _)| due.max(*until)))
        })
        .min()
    }
}

impl Calls {
    fn under_way(&self, vendor: Vendor) -> usize {
        self.calling.get(&vendor).copied().unwrap_or(0)
    }

    /// Lets lanes whose time has come wait for their turn.
    fn wake(&mut self, vendor: Vendor, now: i64) {
        let due_here = self.due.entry(vendor).or_default();
        while let Some((due, _)) = due_here.first()
            && *due <= now
            && let Some((_, key)) = due_here.pop_first()
        {
            if let Some(lane) = self.lanes.get_mut(&key)
                && let Some((_, id)) = lane.waiting.first()
                && let Some(item) = self.items.get(id)
            {
                lane.waits = Some(Waits::For(self.turns.add(&key, &item.thread_id, &item.budget, &self.pace, now)));
            }
        }
    }

    /// Notes who may travel with a call where the budget is short: its neighbours, as long as nothing was tried with any
    /// of them.
    fn propose(&mut self, key: &LaneKey, id: i64, budget: &Budget, now: i64) {
        if !self.pace.is_short(budget, self.turns.messages(budget), now) {
            return;
        }
        let Some(lane) = self.lanes.get(key) else { return };
        let may_join = |id: &i64| self.items.get(id).is_some_and(|item| item.may_join(now) && item.budget == *budget);
        let ids: Vec<i64> = lane.waiting.iter().map(|(_, id)| *id).take_while(may_join).take(bundle::MOST).collect();
        if ids.len() > 1 {
            self.proposed.insert(id, ids);
        }
    }

    fn set_under_way(&mut self, id: i64, under_way: bool) {
        if let Some(item) = self.items.get_mut(&id)
            && item.in_lane
            && item.under_way != under_way
        {
            item.under_way = under_way;
            self.turns.count(&item.budget, !under_way);
        }
    }

    /// Takes a lane out of the order in which calls are made.
    fn hold(&mut self, key: &LaneKey) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        lane.running = true;
        self.wait_no_more(key);
    }

    fn wait_no_more(&mut self, key: &LaneKey) {
        match self.lanes.get_mut(key).and_then(|lane| lane.waits.take()) {
            Some(Waits::Until(due)) => {
                self.due.entry(key.vendor()).or_default().remove(&(due, key.clone()));
            }
            Some(Waits::For(turn)) => self.turns.remove(key, &turn),
            None => {}
        }
    }

    fn schedule(&mut self, key: &LaneKey) {
        self.wait_no_more(key);
        let Some(lane) = self.lanes.get_mut(key) else { return };
        match lane.waiting.first() {
            None if !lane.running => {
                self.lanes.remove(key);
            }
            Some((_, id)) if !lane.running => {
                let due = self.items.get(id).map_or(0, |item| item.not_before);
                lane.waits = Some(Waits::Until(due));
                self.due.entry(key.vendor()).or_default().insert((due, key.clone()));
            }
            _ => {}
        }
    }
}
