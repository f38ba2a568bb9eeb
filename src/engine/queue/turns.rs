//! Whose turn it is: fair shares of a vendor's budgets.
//!
//! Lanes that wait for one budget are served by turns: each serving takes a thread one turn on, and the lowest turn is
//! next. A thread that comes anew starts at the present turn, before those that were just served; so with one thread
//! flooding, another waits for one call at most. Budgets of one vendor take turns in the same way, so that no channel
//! uses up what the workspace shares.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::bridge::Vendor;
use crate::bridge::ids::ThreadId;
use crate::engine::pace::{Budget, Pace};

use super::calls::LaneKey;

/// How long a thread's calls are remembered at least, in milliseconds.
const REMEMBERED_MS: i64 = 60_000;

/// A lane's place among those that wait for a budget.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    budget: Budget,
    turn: u64,
    heavy: bool,
}

#[derive(Default)]
enum Standing {
    /// Nobody waits for it.
    #[default]
    Idle,
    /// It may have a call to give.
    Open,
    /// It has none before this time, in milliseconds since 1970.
    Blocked(i64),
}

#[derive(Default)]
struct Flow {
    next_turn: u64,
    /// When its last calls were made, as many as make it heavy.
    calls: VecDeque<i64>,
}

#[derive(Default)]
struct Group {
    /// Lanes of threads that have made many of the calls, and of the others.
    heavy: BTreeSet<(u64, LaneKey)>,
    light: BTreeSet<(u64, LaneKey)>,
    turn: u64,
    next_turn: u64,
    flows: HashMap<ThreadId, Flow>,
    standing: Standing,
    /// How many messages wait, and are not under way.
    messages: usize,
}

impl Group {
    fn waits(&self) -> bool {
        !self.light.is_empty() || !self.heavy.is_empty()
    }

    fn is_heavy(&self, thread_id: &ThreadId, heavy_from: Option<(usize, i64)>, now: i64) -> bool {
        let Some((calls, within_ms)) = heavy_from else { return false };
        let Some(flow) = self.flows.get(thread_id) else { return false };
        flow.calls.len() >= calls && flow.calls.front().is_some_and(|first| now - first < within_ms)
    }
}

#[derive(Default)]
struct Order {
    open: BTreeSet<(u64, Budget)>,
    blocked: BTreeSet<(i64, Budget)>,
    turn: u64,
}

/// Whose turn it is at each vendor.
#[derive(Default)]
pub(super) struct Turns {
    groups: HashMap<Budget, Group>,
    orders: BTreeMap<Vendor, Order>,
}

impl Turns {
    /// A lane waits for a call.
    pub(super) fn add(&mut self, key: &LaneKey, thread_id: &ThreadId, budget: &Budget, pace: &Pace, now: i64) -> Turn {
        let group = self.groups.entry(budget.clone()).or_default();
        let heavy = group.is_heavy(thread_id, pace.heavy_from(budget), now);
        let turn = group.flows.get(thread_id).map_or(0, |flow| flow.next_turn).max(group.turn);
        let lanes = if heavy { &mut group.heavy } else { &mut group.light };
        lanes.insert((turn, key.clone()));
        let order = self.orders.entry(key.vendor()).or_default();
        match group.standing {
            Standing::Open => {}
            // It may be the rationed share that is awaited, which does not concern the others.
            Standing::Blocked(until) if !heavy => {
                order.blocked.remove(&(until, budget.clone()));
                order.open(budget, group);
            }
            Standing::Blocked(_) => {}
            Standing::Idle => order.open(budget, group),
        }
        Turn { budget: budget.clone(), turn, heavy }
    }

    /// A lane waits no longer, or for something else.
    pub(super) fn remove(&mut self, key: &LaneKey, turn: &Turn) {
        if let Some(group) = self.groups.get_mut(&turn.budget) {
            let lanes = if turn.heavy { &mut group.heavy } else { &mut group.light };
            lanes.remove(&(turn.turn, key.clone()));
        }
    }

    /// The lane whose turn it is, if a call may be made now; it waits no longer.
    pub(super) fn next(&mut self, vendor: Vendor, pace: &Pace, now: i64) -> Option<(LaneKey, Budget)> {
        let order = self.orders.entry(vendor).or_default();
        while let Some((until, _)) = order.blocked.first()
            && *until <= now
            && let Some((_, budget)) = order.blocked.pop_first()
        {
            if let Some(group) = self.groups.get_mut(&budget) {
                order.open(&budget, group);
            }
        }
        while let Some((turn, budget)) = order.open.pop_first() {
            let Some(group) = self.groups.get_mut(&budget) else { continue };
            group.standing = Standing::Idle;
            if !group.waits() {
                continue;
            }
            let mut free = pace.when(&budget, now);
            let rationed = free <= now && !group.heavy.is_empty() && {
                let share = pace.when_rationed(&budget, now);
                if group.light.is_empty() {
                    free = share;
                }
                share > now
            };
            if free > now {
                group.standing = Standing::Blocked(free);
                order.blocked.insert((free, budget));
                continue;
            }
            let first = |lanes: &BTreeSet<(u64, LaneKey)>| lanes.first().map(|(turn, _)| *turn);
            let light = match (first(&group.light), first(&group.heavy)) {
                (Some(light), Some(heavy)) => rationed || light <= heavy,
                (light, _) => light.is_some(),
            };
            let lanes = if light { &mut group.light } else { &mut group.heavy };
            let Some((served, key)) = lanes.pop_first() else { continue };
            group.turn = group.turn.max(served);
            order.turn = order.turn.max(turn);
            group.next_turn = turn + 1;
            if group.waits() {
                order.open(&budget, group);
            }
            return Some((key, budget));
        }
        None
    }

    /// A thread makes a call.
    pub(super) fn called(&mut self, budget: &Budget, thread_id: &ThreadId, pace: &Pace, now: i64) {
        let group = self.groups.entry(budget.clone()).or_default();
        let turn = group.turn;
        let flow = group.flows.entry(thread_id.clone()).or_default();
        flow.next_turn = flow.next_turn.max(turn) + 1;
        flow.calls.push_back(now);
        while flow.calls.len() > pace.heavy_from(budget).map_or(1, |(calls, _)| calls) {
            flow.calls.pop_front();
        }
    }

    /// Whether a call of a thread would be made at once, with so many more messages of it to come.
    pub(super) fn is_free(&self, budget: &Budget, thread_id: &ThreadId, more: usize, pace: &Pace, now: i64) -> bool {
        let Some(group) = self.groups.get(budget) else {
            return pace.when(budget, now) <= now && !pace.is_short(budget, more, now);
        };
        let when = match group.is_heavy(thread_id, pace.heavy_from(budget), now) {
            false => pace.when(budget, now),
            true => pace.when_rationed(budget, now),
        };
        !group.waits() && when <= now && !pace.is_short(budget, group.messages + more, now)
    }

    /// From when on a lane that waits may be served as far as the vendor's budget goes, in milliseconds since 1970.
    pub(super) fn room_at(&self, turn: &Turn, pace: &Pace, now: i64) -> i64 {
        if turn.heavy { pace.when_rationed(&turn.budget, now) } else { pace.when(&turn.budget, now) }
    }

    /// When a lane may be served at the earliest, in milliseconds since 1970.
    pub(super) fn next_at(&self, vendor: Vendor, now: i64) -> Option<i64> {
        let order = self.orders.get(&vendor)?;
        if order.open.is_empty() { order.blocked.first().map(|(until, _)| *until) } else { Some(now) }
    }

    /// The clock shows this many milliseconds less than it did.
    pub(super) fn clock_set_back(&mut self, by: i64) {
        for group in self.groups.values_mut() {
            if let Standing::Blocked(until) = &mut group.standing {
                *until -= by;
            }
            for flow in group.flows.values_mut() {
                flow.calls.iter_mut().for_each(|at| *at -= by);
            }
        }
        for order in self.orders.values_mut() {
            order.blocked =
                std::mem::take(&mut order.blocked).into_iter().map(|(until, budget)| (until - by, budget)).collect();
        }
    }

    /// How many messages wait for a budget.
    pub(super) fn messages(&self, budget: &Budget) -> usize {
        self.groups.get(budget).map_or(0, |group| group.messages)
    }

    /// A message waits, or waits no longer.
    pub(super) fn count(&mut self, budget: &Budget, waits: bool) {
        let group = self.groups.entry(budget.clone()).or_default();
        group.messages = if waits { group.messages + 1 } else { group.messages.saturating_sub(1) };
    }

    /// Forgets what no longer matters.
    pub(super) fn forget(&mut self, pace: &Pace, now: i64) {
        self.groups.retain(|budget, group| {
            let lives = pace.heavy_from(budget).map_or(0, |(_, within_ms)| within_ms).max(REMEMBERED_MS);
            group.flows.retain(|_, flow| flow.calls.back().is_some_and(|last| now - last < lives));
            group.waits() || group.messages > 0 || !group.flows.is_empty() || !matches!(group.standing, Standing::Idle)
        });
    }
}

impl Order {
    fn open(&mut self, budget: &Budget, group: &mut Group) {
        let turn = group.next_turn.max(self.turn);
        group.standing = Standing::Open;
        self.open.insert((turn, budget.clone()));
    }
}
