//! What a call of a thread waits for that no time brings: what has to happen to its ticket, its channel or its card first.
//! It decides nothing; it is for whoever asks where a message is.

use super::super::effect::Act;
use super::super::event::ChannelProblem;
use super::super::ids::TicketId;
use super::super::route::ChannelRef;
use super::BridgedThread;

/// What has to happen first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// Somebody lets the thread go on in the ticket into which its own was merged.
    Press {
        /// The merged ticket.
        source: TicketId,
        /// The ticket that is left.
        into: TicketId,
    },
    /// The operator says into which ticket its own was merged.
    Operator {
        /// The merged ticket.
        source: TicketId,
    },
    /// There is a place for it in the ticket that follows its own.
    Successor {
        /// The closed or merged ticket.
        source: TicketId,
    },
    /// The ticket can be reached again.
    Ticket {
        /// Why it cannot, as Zendesk says.
        reason: String,
    },
    /// The channel takes posts again.
    Channel {
        /// The channel.
        channel: ChannelRef,
        /// What keeps the app out.
        problem: ChannelProblem,
    },
    /// The thread's card stands in Slack.
    Card,
}

impl WaitsFor {
    /// A word for programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            WaitsFor::Press { .. } => "press",
            WaitsFor::Operator { .. } => "operator",
            WaitsFor::Successor { .. } => "successor",
            WaitsFor::Ticket { .. } => "ticket",
            WaitsFor::Channel { .. } => "channel",
            WaitsFor::Card => "card",
        }
    }
}

impl BridgedThread {
    /// What a call waits for, if it is more than its time.
    pub fn waits_for(&self, act: &Act) -> Option<WaitsFor> {
        let channel = |problem: &ChannelProblem| {
            let channel = self.target.as_ref()?.channel.clone();
            Some(WaitsFor::Channel { channel, problem: problem.clone() })
        };
        match act {
            Act::Reply(_) => self.reply_waits_for(),
            Act::OpenChannel { .. } => {
                let problem = self.unreachable.as_ref().map(|one| &one.problem).or(self.told.channel.as_ref());
                problem.and_then(channel)
            }
            act if act.needs_thread() => match (&self.unreachable, self.link()) {
                (Some(unreachable), _) => channel(&unreachable.problem),
                (None, None) => Some(WaitsFor::Card),
                (None, Some(_)) => None,
            },
            _ => None,
        }
    }

    fn reply_waits_for(&self) -> Option<WaitsFor> {
        let gone = || self.gone.as_ref().map(|gone| WaitsFor::Ticket { reason: gone.reason.clone() });
        match &self.follow_up {
            Some(follow_up) if follow_up.is_proposed() => Some(match follow_up.into {
                Some(into) => WaitsFor::Press { source: follow_up.source, into },
                None => WaitsFor::Operator { source: follow_up.source },
            }),
            // The next reply begins a side conversation there.
            Some(follow_up) if follow_up.ticket_id.is_some() => gone(),
            Some(follow_up) => gone().or(Some(WaitsFor::Successor { source: follow_up.source })),
            None => gone(),
        }
    }
}
