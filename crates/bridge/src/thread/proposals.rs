//! The notices that tell of a merge: only the newest says how the thread goes on, and none does once it has moved.
//!
//! Races it allows for: a notice whose post is known only after it has been overtaken.

use serde::{Deserialize, Serialize};

use super::super::effect::EffectId;
use super::super::ids::Ts;
use super::super::notice;
use super::Deciding;
use super::merged::MERGED;

/// A notice that tells of a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// As an effect.
    pub tell: EffectId,
    /// As a message, once it stands in the thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Ts>,
}

impl Deciding<'_> {
    /// A new notice is on its way: what the ones before it say counts no longer.
    pub(super) fn propose(&mut self, tell: EffectId) {
        self.end_proposals(notice::merge_told_anew());
        self.thread.proposals.push(Proposal { tell, notice: None });
    }

    /// The thread is in this ticket from here on.
    pub(super) fn proposals_are_past(&mut self) {
        let text = self.merge_is_past();
        self.end_proposals(text);
    }

    /// A notice of a merge stands in the thread.
    pub(super) fn proposal_stands(&mut self, tell: &EffectId, ts: &Ts) {
        if !tell.as_str().starts_with(MERGED) {
            return;
        }
        let awaits = self.thread.follow_up.as_ref().is_some_and(|follow_up| follow_up.merged);
        let newer = self.thread.proposals.iter().any(|proposal| proposal.tell != *tell);
        match self.thread.proposals.iter_mut().find(|proposal| proposal.tell == *tell) {
            Some(proposal) => proposal.notice = Some(ts.clone()),
            None if newer => self.change_proposal(ts.clone(), notice::merge_told_anew()),
            // It was decided by a version that did not note it.
            None if awaits => {
                let proposal = Proposal { tell: tell.clone(), notice: Some(ts.clone()) };
                self.thread.proposals.push(proposal);
            }
            None => {
                let text = self.merge_is_past();
                self.change_proposal(ts.clone(), text);
            }
        }
    }

    /// This notice says something else from now on.
    pub(super) fn no_proposal_any_more(&mut self, ts: &Ts) {
        self.thread.proposals.retain(|proposal| proposal.notice.as_ref() != Some(ts));
    }

    fn merge_is_past(&self) -> String {
        notice::merge_is_past(self.thread.ticket_id, &self.ticket_url(self.thread.ticket_id))
    }

    fn end_proposals(&mut self, text: String) {
        for Proposal { notice, .. } in std::mem::take(&mut self.thread.proposals) {
            if let Some(ts) = notice {
                self.change_proposal(ts, text.clone());
            }
        }
    }

    fn change_proposal(&mut self, ts: Ts, text: String) {
        self.change_tell(&format!("{MERGED}{ts}"), ts, text, None);
    }
}
