//! Tells a call that fails alone from an account that is down.
//!
//! Where several calls fail one after the other and none succeeds, the vendor is down: everything for it is held, and no
//! attempt is spent. Where it still answers reads but takes nothing of several threads, it goes on being read, and what
//! is written there is tried without end. Where one call fails again and again while others succeed, the failure is its
//! own: it is parked, and what waits behind it overtakes it. What a vendor answers 429 to has not failed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::Engine;
use super::conclusions::LONG_WAIT_MS;
use super::deliver::PAUSE;
use super::outside::CallError;
use super::pace::Budget;
use crate::bridge::ids::ThreadId;
use crate::bridge::{Vendor, notice};

/// How many different calls must fail before a vendor counts as down, and how often together.
const DIFFERENT: usize = 2;
const FAILURES: u32 = 4;
/// How often a call fails alone before it is parked.
const ALONE: u32 = 3;

/// Stands for the reads that no row is kept of.
pub const READS: i64 = -1;

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may be chance.
    Plain,
    /// Only this call fails.
    Alone,
    /// Every call fails.
    OfAll,
    /// Nothing is taken, of whatever thread; reads may still be answered. `new` where that was not known before.
    OfWrites { new: bool },
}

/// How the vendors' calls have gone lately.
#[derive(Debug, Default)]
pub struct Health {
    vendors: BTreeMap<Vendor, Lately>,
}

#[derive(Debug, Default)]
struct Lately {
    /// Which calls failed since one succeeded, and how often.
    failed: BTreeSet<i64>,
    failures: u32,
    /// How many writes have succeeded.
    written: u64,
    /// For each call that failed: how many writes had succeeded then, and how often it has failed with some in between.
    own: HashMap<i64, (u64, u32)>,
    /// The writes that failed since one succeeded and are tried again, with their threads, and how often they failed.
    unwritten: HashMap<i64, ThreadId>,
    unwritten_failures: u32,
    takes_nothing: Option<String>,
    down: bool,
    /// Whether it has answered since the start.
    heard: bool,
}

impl Lately {
    fn takes_nothing(&self) -> bool {
        let mut threads = self.unwritten.values();
        let first = threads.next();
        self.unwritten_failures >= FAILURES && threads.any(|thread| Some(thread) != first)
    }
}

impl Health {
    /// A call has failed in a way that says nothing of its content; `thread` if it would have written something there.
    pub fn failed(&mut self, vendor: Vendor, call: i64, thread: Option<&ThreadId>, problem: &str) -> Failure {
        let lately = self.vendors.entry(vendor).or_default();
        lately.failed.insert(call);
        lately.failures += 1;
        if lately.down || (lately.failed.len() >= DIFFERENT && lately.failures >= FAILURES) {
            lately.down = true;
            return Failure::OfAll;
        }
        if call == READS {
            return Failure::Plain;
        }
        let (written, times) = lately.own.entry(call).or_insert((lately.written, 0));
        if *times == 0 || lately.written > *written {
            *times += 1;
        }
        *written = lately.written;
        if *times >= ALONE {
            return Failure::Alone;
        }
        let Some(thread) = thread else { return Failure::Plain };
        lately.unwritten.insert(call, thread.clone());
        lately.unwritten_failures += 1;
        if !lately.takes_nothing() {
            return Failure::Plain;
        }
        Failure::OfWrites { new: lately.takes_nothing.replace(problem.to_owned()).is_none() }
    }

    /// A vendor has answered as it should; `wrote` if something was written. Says whether it had been down.
    pub fn answered(&mut self, vendor: Vendor, wrote: bool) -> bool {
        let lately = self.vendors.entry(vendor).or_default();
        lately.heard = true;
        lately.failed.clear();
        lately.failures = 0;
        if wrote {
            lately.written += 1;
            lately.unwritten.clear();
            lately.unwritten_failures = 0;
            if lately.takes_nothing.take().is_some() {
                tracing::info!(vendor = vendor.as_str(), "it takes messages again");
            }
        }
        std::mem::take(&mut lately.down)
    }

    /// The vendors that answer reads and take nothing, and what they last answered.
    pub fn takes_nothing(&self) -> impl Iterator<Item = (Vendor, &str)> {
        self.vendors.iter().filter_map(|(vendor, lately)| Some((*vendor, lately.takes_nothing.as_deref()?)))
    }

    /// Whether a vendor has answered as it should since the start.
    pub fn has_answered(&self, vendor: Vendor) -> bool {
        self.vendors.get(&vendor).is_some_and(|lately| lately.heard)
    }

    /// A call is settled: what it failed before counts for nothing.
    pub fn settled(&mut self, vendor: Vendor, call: i64) {
        if let Some(lately) = self.vendors.get_mut(&vendor) {
            lately.own.remove(&call);
            lately.unwritten.remove(&call);
            if !lately.takes_nothing() {
                lately.takes_nothing = None;
            }
        }
    }
}

impl Engine {
    /// Holds every call to a vendor until somebody has mended it.
    pub(super) fn hold(&self, vendor: Vendor, why: String) {
        let until = self.clock.now_ms() + PAUSE.as_millis() as i64;
        if self.lock().queue.pause(vendor, until, why.clone()) {
            tracing::error!(
                vendor = vendor.as_str(),
                why,
                "every call to this vendor is held, nothing is lost; it is tried again every 30 seconds"
            );
        }
    }

    /// A vendor has answered as it should: if it was held because it answered nothing, calls go on.
    pub(super) fn answers(&self, vendor: Vendor, wrote: bool) {
        let mut state = self.lock();
        if state.health.answered(vendor, wrote) && state.queue.resume(vendor) {
            tracing::info!(vendor = vendor.as_str(), "it answers again, calls go on");
        }
    }

    /// A read of which no row is kept has failed.
    pub(super) fn read_failed(&self, vendor: Vendor, error: &CallError) {
        if let CallError::Later { after: None, problem } | CallError::Unknown { problem } = error {
            let failure = self.lock().health.failed(vendor, READS, None, problem);
            if failure == Failure::OfAll {
                self.hold(vendor, notice::vendor_is_down(vendor, problem));
            }
        }
    }

    /// A vendor that says when to come back speaks of everything that is counted with the call, and of nothing else.
    pub(super) fn hold_budget(&self, budget: &Budget, after: Option<Duration>) {
        if let Some(after) = after {
            let now = self.clock.now_ms();
            let until = now + after.as_millis() as i64;
            let mut state = self.lock();
            state.queue.pace().hold(budget, now, until);
            if until - now > LONG_WAIT_MS {
                state.conclusions.asked_to_wait(budget.vendor(), until);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Z: Vendor = Vendor::Zendesk;

    fn fails(health: &mut Health, call: i64) -> Failure {
        health.failed(Z, call, Some(&ThreadId::new("one thread")), "500")
    }

    #[test]
    fn a_call_that_fails_three_times_while_others_succeed_is_alone() {
        let mut health = Health::default();
        for expected in [Failure::Plain, Failure::Plain, Failure::Alone] {
            assert_eq!(fails(&mut health, 1), expected);
            assert!(!health.answered(Z, true));
        }
        health.settled(Z, 1);
        assert_eq!(fails(&mut health, 1), Failure::Plain);
    }

    #[test]
    fn a_quiet_account_is_no_proof() {
        let mut health = Health::default();
        for _ in 0..20 {
            assert_eq!(fails(&mut health, 1), Failure::Plain, "nothing else was written meanwhile");
            health.answered(Z, false);
        }
    }

    #[test]
    fn when_different_calls_fail_and_none_succeeds_the_vendor_is_down_until_one_does() {
        let mut health = Health::default();
        for call in [1, READS, 1] {
            assert_eq!(fails(&mut health, call), Failure::Plain);
        }
        assert_eq!(fails(&mut health, 2), Failure::OfAll);
        assert_eq!(fails(&mut health, 2), Failure::OfAll);
        assert_eq!(health.failed(Vendor::Slack, 3, None, "500"), Failure::Plain, "the other vendor is another matter");
        assert!(health.answered(Z, false));
        assert_eq!(fails(&mut health, 2), Failure::Plain);
    }

    #[test]
    fn what_answers_reads_and_takes_nothing_of_two_threads_is_no_fault_of_theirs() {
        let mut health = Health::default();
        let (a, b) = (ThreadId::new("a"), ThreadId::new("b"));
        let mut failures = Vec::new();
        for (call, thread) in [(1, &a), (2, &a), (1, &a), (2, &a), (3, &b), (1, &a)] {
            failures.push(health.failed(Z, call, Some(thread), "500"));
            health.answered(Z, false);
        }
        let [of_one @ .., new, known] = &failures[..] else { unreachable!() };
        assert!(of_one.iter().all(|failure| *failure == Failure::Plain), "one thread is no proof: {of_one:?}");
        assert_eq!((*new, *known), (Failure::OfWrites { new: true }, Failure::OfWrites { new: false }));
        assert_eq!(health.takes_nothing().collect::<Vec<_>>(), [(Z, "500")]);
        health.answered(Z, true);
        assert_eq!(health.takes_nothing().count(), 0);
        assert_eq!(health.failed(Z, 1, Some(&a), "500"), Failure::Plain);
    }
}
