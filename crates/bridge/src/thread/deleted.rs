//! A message that its author deleted in Slack: our copy goes as well, and it is not sent, unless it may have been.
//!
//! What stands in the ticket stays there. While its call is under way the words are needed to find it again; they go with
//! the call's answer.

use super::super::effect::{Act, EffectId};
use super::super::event::SlackMessage;
use super::super::ids::{ChannelId, Ts};
use super::{Deciding, Forgotten, REPLY};

/// How many are remembered until their calls have answered.
const REMEMBERED: usize = 20;

impl Deciding<'_> {
    pub(super) fn message_deleted(&mut self, channel: &ChannelId, ts: &Ts) {
        let deleted = &mut self.thread.noticed.deleted;
        if !deleted.iter().any(|(known, _)| known == ts) {
            deleted.push((ts.clone(), channel.clone()));
            let over = deleted.len().saturating_sub(REMEMBERED);
            deleted.drain(..over);
        }
        self.forgotten.push(forgotten(ts, channel));
        self.awaited_no_more(ts);
    }

    /// Whether a message comes after the word of its deletion, as Slack promises no order. Then it is not kept.
    pub(super) fn was_deleted(&mut self, message: &SlackMessage) -> bool {
        let deleted = self.thread.noticed.deleted.iter().any(|(ts, _)| *ts == message.ts);
        if deleted {
            self.forgotten.push(forgotten(&message.ts, &message.channel));
        }
        deleted
    }

    /// A call that carried it has come to its end.
    pub(super) fn forget_deleted(&mut self, act: &Act) {
        let Act::Reply(reply) = act else { return };
        let deleted = &mut self.thread.noticed.deleted;
        if let Some(at) = deleted.iter().position(|(known, _)| *known == reply.ts) {
            let (ts, channel) = deleted.remove(at);
            self.forgotten.push(forgotten(&ts, &channel));
        }
    }
}

fn forgotten(ts: &Ts, channel: &ChannelId) -> Forgotten {
    Forgotten { effect: EffectId::new(format!("{REPLY}:{ts}")), key: format!("{ts}:{channel}") }
}
