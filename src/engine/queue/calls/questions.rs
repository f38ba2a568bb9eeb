//! One question about a channel is under way at a time; whoever wants to know the same meanwhile joins it.
//!
//! Two hundred threads of a channel that is closed would use up minutes of a method's budget with one question each, and the
//! cards of every other channel would wait behind them. So whose turn comes while the same is being asked makes no call and
//! costs no budget: the answer is theirs too, as it is of those that wanted to know before the question was asked and still wait
//! for their turn. Nothing is remembered: whoever wants to know after the answer asks anew, so that a channel which somebody
//! has just opened is found open. That a card or an agent's words may stand in a channel is not decided by this answer
//! alone: the post itself looks whether another firm reads there.

use super::{LaneKey, Queue};
use crate::bridge::facts;
use crate::bridge::route::ChannelRef;
use crate::engine::queue::Item;

/// What is asked: which channel, and whether it may be shared with another firm.
type Question = (ChannelRef, bool);

/// A call that asks, and those that wait for its answer.
struct Asked {
    question: Question,
    by: i64,
    at: i64,
    joined: Vec<i64>,
}

/// The questions that are under way.
#[derive(Default)]
pub(super) struct Questions(Vec<Asked>);

impl Questions {
    /// Says whether a call whose turn has come need not be made, because the same is being asked.
    pub(super) fn join(&mut self, id: i64, item: &Item, now: i64) -> bool {
        let Some(question) = of(item) else { return false };
        match self.0.iter_mut().find(|asked| asked.question == question) {
            Some(asked) => {
                asked.joined.push(id);
                true
            }
            None => {
                self.0.push(Asked { question, by: id, at: now, joined: Vec::new() });
                false
            }
        }
    }

    /// The clock shows this many milliseconds less than it did.
    pub(super) fn clock_set_back(&mut self, by: i64) {
        for asked in &mut self.0 {
            asked.at -= by;
        }
    }

    fn end(&mut self, id: i64) -> Option<Asked> {
        let at = self.0.iter().position(|asked| asked.by == id)?;
        Some(self.0.swap_remove(at))
    }
}

impl Queue {
    /// The call has been answered: the others to which this is an answer, each to be settled with it.
    pub fn answered_alike(&mut self, id: i64) -> Vec<(i64, Item)> {
        let calls = &mut self.calls;
        let Some(Asked { question, at, joined, .. }) = calls.questions.end(id) else { return Vec::new() };
        let wanted_it = |item: &Item| item.awaited_since.is_some_and(|since| since.max(item.not_before) <= at);
        let alike = |item: &Item| wanted_it(item) && of(item).is_some_and(|other| other == question);
        let alike: Vec<i64> = calls.items.iter().filter(|(_, item)| alike(item)).map(|(id, _)| *id).collect();
        let waits = |id: &i64| {
            let lane = calls.items.get(id).and_then(|item| calls.lanes.get(&LaneKey::of(*id, item)));
            lane.is_some_and(|lane| !lane.running)
        };
        let waiting: Vec<i64> = alike.into_iter().filter(waits).collect();
        for id in &waiting {
            let Some(item) = calls.items.get(id) else { continue };
            calls.hold(&LaneKey::of(*id, item));
        }
        let all = joined.into_iter().chain(waiting);
        all.filter_map(|id| Some((id, calls.items.get(&id)?.clone()))).collect()
    }

    /// The call has ended, or will not: those that still wait for its answer ask for themselves.
    pub fn ask_for_themselves(&mut self, id: i64) {
        for id in self.calls.questions.end(id).map(|asked| asked.joined).into_iter().flatten() {
            let Some(item) = self.calls.items.get(&id) else { continue };
            let key = LaneKey::of(id, item);
            if let Some(lane) = self.calls.lanes.get_mut(&key) {
                lane.running = false;
            }
            self.calls.schedule(&key);
        }
    }
}

fn of(item: &Item) -> Option<Question> {
    item.effect.as_ref()?.act.facts().asks.map(|facts::Question::Channel { channel, shared }| (channel.clone(), shared))
}
