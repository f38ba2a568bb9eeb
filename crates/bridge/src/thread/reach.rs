//! What happens to a thread in Slack once it stands there: its channel is closed, moved or opened again, its card deleted.
//!
//! While the channel takes no posts, what is to be posted waits in its order, and the ticket is told once. The channel is
//! tried again on its own: a public one is joined again. A card that was deleted is posted anew, and the thread goes on
//! under it; what is written under the old one meanwhile, or later, is still its own.

use super::super::effect::{Act, Effect, EffectId};
use super::super::event::ChannelProblem;
use super::super::ids::{ChannelId, Ts};
use super::super::notice;
use super::super::route::ChannelRef;
use super::{BridgedThread, Deciding, Place, REOPEN_FIRST_MS, REOPEN_MOST_MS, Unreachable, Why};

/// Under how many deleted cards it is known where a thread stood.
const PARENTS: usize = 20;

impl BridgedThread {
    /// The parent of the thread in Slack, or what was it until the card was deleted, while no other one stands.
    pub(super) fn last_parent(&self) -> Option<&Ts> {
        self.link().map(|(_, ts)| ts).or(self.card_before.as_ref())
    }

    /// Whether the thread stands, or stood, under this message.
    pub(super) fn stood_under(&self, ts: &Ts) -> bool {
        self.last_parent() == Some(ts) || self.parents_before.contains(ts)
    }
}

impl Deciding<'_> {
    /// The first time it is only tried: most often the app was removed from a public channel, and joins it again.
    pub(super) fn unreachable(&mut self, problem: &ChannelProblem) {
        let (Place::Linked { .. }, None) = (&self.thread.place, &self.thread.unreachable) else {
            self.ignored = Some(Why::Known);
            return;
        };
        self.thread.unreachable = Some(Unreachable { problem: problem.clone(), tries: 0, told: false });
        self.try_channel(self.at_ms);
    }

    /// The channel of a thread that stands could not be opened.
    pub(super) fn still_unreachable(&mut self, problem: &ChannelProblem) {
        let Some(unreachable) = &mut self.thread.unreachable else {
            self.ignored = Some(Why::Known);
            return;
        };
        let is_news = !unreachable.told || unreachable.problem != *problem;
        *unreachable = Unreachable { problem: problem.clone(), tries: unreachable.tries + 1, told: true };
        let wait = REOPEN_FIRST_MS.saturating_mul(1 << unreachable.tries.clamp(1, 8).saturating_sub(1));
        if is_news && let Some(target) = &self.thread.target {
            let text = notice::thread_out_of_reach(&target.channel, problem);
            let id = EffectId::new(format!("note:unreachable:{}", self.thread.told.opens));
            self.ask(id, 0, Act::Note { text });
        }
        self.try_channel(self.at_ms + wait.min(REOPEN_MOST_MS));
    }

    pub(super) fn reachable_again(&mut self) {
        if self.thread.unreachable.take().is_none() {
            self.ignored = Some(Why::Known);
        }
    }

    fn try_channel(&mut self, not_before_ms: i64) {
        let Some((channel, _)) = self.thread.link() else { return };
        let channel = ChannelRef::Id(channel.clone());
        let shared = self.thread.target.as_ref().is_some_and(|target| target.shared);
        self.thread.told.opens += 1;
        self.effects.push(Effect {
            id: EffectId::new(format!("open-channel:{}", self.thread.told.opens)),
            order: 0,
            not_before_ms,
            act: Act::OpenChannel { channel, shared },
        });
    }

    pub(super) fn card_gone(&mut self, ts: &Ts) {
        let channel = match self.thread.link() {
            Some((channel, standing)) if standing == ts => channel.clone(),
            _ => {
                self.ignored = Some(Why::Stale);
                return;
            }
        };
        self.thread.place = Place::Posting { channel };
        self.thread.card_before = Some(ts.clone());
        self.thread.parents_before.push(ts.clone());
        let over = self.thread.parents_before.len().saturating_sub(PARENTS);
        self.thread.parents_before.drain(..over);
        self.ask(EffectId::new(format!("card:after:{ts}")), i64::MIN / 2, Act::PostCard);
    }

    pub(super) fn channel_moved(&mut self, from: &ChannelId, to: &ChannelId) {
        match &mut self.thread.place {
            Place::Linked { channel, .. } | Place::Posting { channel } if channel == from => *channel = to.clone(),
            _ => self.ignored = Some(Why::Stale),
        }
    }
}
