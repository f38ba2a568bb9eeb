//! Whether a call of a thread can be made now.
//!
//! What was decided may have become pointless since, or may have to wait for something that no time brings. The
//! dispatcher asks here before each call, and again after it has looked for a doubtful one.

use super::super::effect::{Act, Effect};
use super::super::event::Answer;
use super::super::facts::Needs;
use super::BridgedThread;

/// What is to be done about a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Ready {
    /// It can be made.
    Go,
    /// It has nothing to do any more; this is its answer.
    Moot(Answer),
    /// It waits until the thread's channel takes posts again.
    WaitsForChannel,
    /// It waits until the thread's card stands in Slack.
    WaitsForCard,
}

impl BridgedThread {
    /// Whether a call can be made now. One that may have been made already is looked for before it can be moot.
    pub fn ready_for(&self, effect: &Effect, doubtful: bool) -> Ready {
        if !doubtful && !self.wants(effect) {
            return Ready::Moot(Answer::Withdrawn);
        }
        match effect.act.facts().needs {
            Needs::Thread if self.is_out_of_reach() => Ready::WaitsForChannel,
            Needs::Thread if self.link().is_none() => Ready::WaitsForCard,
            Needs::Thread | Needs::Nothing => Ready::Go,
        }
    }

    /// Whether a call whose ticket is not there waits for it to be there again, or for the one that takes its place.
    pub fn waits_for_its_ticket(&self, act: &Act) -> bool {
        matches!(act, Act::Reply(_)) || self.begins_in_follow_up(act)
    }
}
