//! Calls that rest and are looked at before their time, because something has changed for them.

use std::collections::BTreeSet;

use super::LaneKey;
use crate::bridge::facts::Reader;
use crate::bridge::ids::ThreadId;
use crate::bridge::route::ChannelRef;
use crate::bridge::{Act, Vendor};
use crate::engine::queue::{Item, Queue};

impl Queue {
    /// What rests of a thread's calls to a vendor is due.
    pub fn wake(&mut self, thread_id: &ThreadId, vendor: Vendor, now: i64) {
        self.wake_those(thread_id, now, |item| item.vendor == vendor);
    }

    /// Lets a thread's notes that rest be looked at: those that are needed rest again.
    pub fn wake_notes(&mut self, thread_id: &ThreadId, now: i64) {
        let is_note =
            |item: &Item| item.effect.as_ref().is_some_and(|effect| effect.act.facts().gathers == Some(Reader::Ticket));
        self.wake_those(thread_id, now, is_note);
    }

    /// Whatever waits to try a channel that `is_it` accepts is due. Says whether anything was.
    pub fn wake_channel(&mut self, is_it: impl Fn(&ChannelRef) -> bool, now: i64) -> bool {
        let waits = |item: &Item| match item.effect.as_ref().map(|effect| &effect.act) {
            Some(Act::OpenChannel { channel, .. }) => is_it(channel),
            _ => false,
        };
        self.wake_all(now, waits)
    }

    fn wake_those(&mut self, thread_id: &ThreadId, now: i64, is_meant: impl Fn(&Item) -> bool) {
        self.wake_all(now, |item| item.thread_id == *thread_id && is_meant(item));
    }

    fn wake_all(&mut self, now: i64, is_meant: impl Fn(&Item) -> bool) -> bool {
        let calls = &mut self.calls;
        let mut lanes = BTreeSet::new();
        for (id, item) in &mut calls.items {
            if item.not_before > now && is_meant(item) {
                item.not_before = now;
                lanes.insert(LaneKey::of(*id, item));
            }
        }
        for lane in &lanes {
            calls.schedule(lane);
        }
        !lanes.is_empty()
    }
}
