//! What each thing that is under way waits for, in words that go on from "waits".

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::Front;
use crate::bridge::{BridgedThread, Effect, Vendor, notice};
use crate::engine::standing::Standing;
use crate::store::{Lanes, TracedCall, TracedEvent};

/// How all that waits stands at this moment.
pub(super) struct Waits<'a> {
    threads: BTreeMap<&'a str, BridgedThread>,
    calls: BTreeMap<i64, Standing>,
    events: BTreeMap<i64, Option<i64>>,
}

impl<'a> Waits<'a> {
    pub(super) fn look(front: &Front, lanes: &'a Lanes) -> Self {
        let waiting = || lanes.calls.iter().filter(|call| call.state == "waiting");
        let of_waiting = |id: &str| waiting().any(|call| call.thread_id == id);
        let threads = lanes.threads.iter().filter(|thread| of_waiting(&thread.id));
        let threads =
            threads.filter_map(|thread| Some((thread.id.as_str(), serde_json::from_str(&thread.thread_json).ok()?)));
        let engine = front.ready.get().map(|ready| &ready.engine);
        Waits {
            threads: threads.collect(),
            calls: engine.map(|engine| engine.standing(waiting().map(|call| call.id))).unwrap_or_default(),
            events: engine.map(|engine| engine.wait_for_what_was_missed_before()).unwrap_or_default(),
        }
    }

    pub(super) fn of_event(&self, event: &TracedEvent) -> Value {
        match self.events.get(&event.seq).filter(|_| event.done_at.is_none()) {
            Some(until) => show("missed", &notice::waits_for_what_was_missed(), *until),
            None => Value::Null,
        }
    }

    /// Of a message that waits for the card of its thread.
    pub(super) fn of_held() -> Value {
        show("card", &notice::waits_for_its_card(), None)
    }

    pub(super) fn of_call(&self, call: &TracedCall, effect: Option<&Effect>) -> Value {
        if call.state != "waiting" {
            return Value::Null;
        }
        let vendor = if call.vendor == "slack" { Vendor::Slack } else { Vendor::Zendesk };
        let thread = self.threads.get(call.thread_id.as_str());
        let needs = thread.zip(effect).and_then(|(thread, effect)| thread.waits_for(&effect.act));
        match (self.calls.get(&call.id), needs) {
            (Some(Standing::Called), _) => show("answer", "", None),
            (Some(Standing::Held(why)), None) => show("vendor", &notice::waits_for_vendor(vendor, why), None),
            (Some(Standing::Until(until)), _) if call.doubtful => show("look", "", Some(*until)),
            (Some(Standing::Room(_) | Standing::Next), _) if call.doubtful => show("look", "", None),
            (_, Some(needs)) => show(needs.as_str(), &notice::waits_for(&needs), None),
            (Some(Standing::Behind), None) => show("earlier", &notice::waits_for_earlier(), None),
            (Some(Standing::Until(until)), None) => show("time", "", Some(*until)),
            (Some(Standing::Room(until)), None) => show("room", &notice::waits_for_room(vendor), Some(*until)),
            (Some(Standing::Next), None) => show("turn", "", None),
            (None, None) => Value::Null,
        }
    }
}

fn show(what: &str, words: &str, until: Option<i64>) -> Value {
    json!({ "for": what, "words": words, "until": until })
}
