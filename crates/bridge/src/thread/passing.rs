//! Notices in the thread that are true for a while: they go when what they say is over.
//!
//! Races it allows for: a notice whose post is known only after its cause is over; it goes at once.

use serde::{Deserialize, Serialize};

use super::super::effect::{Act, EffectId};
use super::super::event::Answer;
use super::super::ids::Ts;
use super::super::notice;
use super::Deciding;

/// How the effects of these notices begin.
pub(super) const LEFT_DONE: &str = "left-done:";
pub(super) const WITHHELD: &str = "withheld:";
pub(super) const LEFT_OUT: &str = "left-out:";
pub(super) const TICKET_GONE: &str = "ticket-gone:";
const ALL: [&str; 4] = [LEFT_DONE, WITHHELD, LEFT_OUT, TICKET_GONE];

/// A notice that is true for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passing {
    /// As an effect.
    pub tell: EffectId,
    /// As a message, once it stands in the thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Ts>,
}

impl Deciding<'_> {
    /// Tells the thread something that goes once it is over.
    pub(super) fn tell_for_a_while(&mut self, id: String, text: String, reopen: bool) {
        self.thread.passing.push(Passing { tell: EffectId::new(id.clone()), notice: None });
        self.tell(id, text, reopen);
    }

    /// What these notices say is over.
    pub(super) fn is_over(&mut self, kind: &str) {
        let (over, left) = std::mem::take(&mut self.thread.passing)
            .into_iter()
            .partition(|passing: &Passing| passing.tell.as_str().starts_with(kind));
        self.thread.passing = left;
        for Passing { tell, notice } in over {
            if let Some(ts) = notice {
                self.goes(&tell, ts);
            }
        }
    }

    /// What became of the call that tells it.
    pub(super) fn passing_stands(&mut self, tell: &EffectId, act: &Act, answer: &Answer) {
        if !matches!(act, Act::Tell { .. }) || !ALL.iter().any(|kind| tell.as_str().starts_with(kind)) {
            return;
        }
        let known = self.thread.passing.iter().position(|passing| passing.tell == *tell);
        match (known, answer) {
            (Some(at), Answer::Posted { ts, .. }) => self.thread.passing[at].notice = Some(ts.clone()),
            // A person may have it tried again.
            (Some(_), Answer::Parked { .. }) => {}
            (Some(at), _) => {
                self.thread.passing.remove(at);
            }
            (None, Answer::Posted { ts, .. }) if self.is_still_so(tell) => {
                self.thread.passing.push(Passing { tell: tell.clone(), notice: Some(ts.clone()) });
            }
            (None, Answer::Posted { ts, .. }) => self.goes(tell, ts.clone()),
            (None, _) => {}
        }
    }

    /// Whether a notice that nobody noted says what is so, and is the only one: a version that noted none decided it.
    fn is_still_so(&self, tell: &EffectId) -> bool {
        let is_of = |kind: &str| tell.as_str().starts_with(kind);
        let told = &self.thread.told;
        let holds = (is_of(LEFT_DONE) && told.left_done)
            || (is_of(WITHHELD) && told.withheld)
            || (is_of(LEFT_OUT) && !told.left_out.is_empty())
            || (is_of(TICKET_GONE) && self.thread.gone.is_some());
        let same = |other: &Passing| ALL.iter().any(|kind| is_of(kind) && other.tell.as_str().starts_with(kind));
        holds && !self.thread.passing.iter().any(same)
    }

    fn goes(&mut self, tell: &EffectId, ts: Ts) {
        let id = EffectId::new(format!("take-back:{tell}"));
        self.ask(id, self.at_ms * 1000, Act::TakeBack { ts, text: notice::no_longer_so() });
    }
}
