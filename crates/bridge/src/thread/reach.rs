//! What happens to a thread in Slack once it stands there: its channel is closed, moved or opened again, its card deleted.
//!
//! While the channel takes no posts, what is to be posted waits in its order, and the ticket is told once. The channel is
//! tried again on its own: a public one is joined again. A card that was deleted is posted anew, and the thread goes on
//! under it; what is written under the old one meanwhile, or later, is still its own.

use super::super::effect::{Act, Effect, EffectId};
use super::super::event::{Answer, ChannelProblem};
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
    /// A call found the channel closed. The first time it is only tried: most often the app was removed from a public
    /// channel, and joins it again. Where posting is restricted the channel itself looks fine, so the refusal of the post
    /// counts, and is told at once.
    pub(super) fn unreachable(&mut self, problem: &ChannelProblem) {
        if !matches!(self.thread.place, Place::Linked { .. }) || self.thread.is_out_of_reach() {
            self.ignored = Some(Why::Known);
            return;
        }
        let before = self.thread.unreachable.take();
        let refused = Unreachable {
            problem: problem.clone(),
            tries: before.as_ref().map_or(0, |before| before.tries),
            told: before.as_ref().is_some_and(|before| before.told && before.problem == *problem),
            probing: false,
        };
        let by_posts = refused.is_shown_by_posts();
        self.thread.unreachable = Some(refused);
        match by_posts || before.is_some() {
            true => self.still_unreachable(problem),
            false => self.try_channel(self.at_ms),
        }
    }

    /// The channel of a thread that stands could not be opened.
    pub(super) fn still_unreachable(&mut self, problem: &ChannelProblem) {
        let Some(unreachable) = &mut self.thread.unreachable else {
            self.ignored = Some(Why::Known);
            return;
        };
        let is_news = !unreachable.told || unreachable.problem != *problem;
        let tries = unreachable.tries + 1;
        *unreachable = Unreachable { problem: problem.clone(), tries, told: true, probing: false };
        let wait = REOPEN_FIRST_MS.saturating_mul(1 << unreachable.tries.clamp(1, 8).saturating_sub(1));
        if is_news && let Some(target) = &self.thread.target {
            let text = notice::thread_out_of_reach(&target.channel, problem);
            let id = EffectId::new(format!("note:unreachable:{}", self.thread.told.opens));
            self.ask(id, 0, Act::Note { text });
        }
        self.try_channel(self.at_ms + wait.min(REOPEN_MOST_MS));
    }

    /// The channel of a thread that stands is open, as far as can be seen without posting.
    pub(super) fn reachable_again(&mut self) {
        match &mut self.thread.unreachable {
            Some(unreachable) if unreachable.is_shown_by_posts() => unreachable.probing = true,
            Some(_) => self.thread.unreachable = None,
            None => self.ignored = Some(Why::Known),
        }
    }

    /// What was posted in the thread, or need not be any more, ends that posting is restricted.
    pub(super) fn posts_are_taken(&mut self, act: &Act, answer: &Answer) {
        let posts = matches!(act, Act::Post { .. } | Act::Tell { .. });
        if posts && matches!(answer, Answer::Posted { .. } | Answer::Done) {
            self.thread.unreachable.take_if(|unreachable| unreachable.is_shown_by_posts());
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
