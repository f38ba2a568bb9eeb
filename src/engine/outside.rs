//! The narrow waist between the engine and the vendors: the edges implement it, tests implement it, nothing else
//! crosses.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::bundle;
use super::pace::Plan;
use crate::bridge::What;
use crate::bridge::erase::Whom;
use crate::bridge::event::{SideConversationEvent, Ticket};
use crate::bridge::ids::{ChannelId, SlackUserId, TicketId, Ts};
use crate::bridge::{Answer, BridgedThread, Card, Effect};

/// One effect on its way to a vendor, or several messages that travel together.
pub struct Call<'a> {
    /// The thread as it is now: where it stands in Slack, its ticket, its state.
    pub thread: &'a BridgedThread,
    /// Its card, for the acts that show it.
    pub card: Option<&'a Card>,
    /// What to do.
    pub effect: &'a Effect,
    /// The messages that travel with it, in their order.
    pub with: &'a [Arc<Effect>],
    /// When it was first attempted, in milliseconds since 1970: where a search begins.
    pub first_attempt_ms: i64,
    /// Whether what is missing counts as gone: reads have had the time to show it.
    pub believed: bool,
}

impl Call<'_> {
    /// The id that is written into what is sent, and by which it is found.
    pub fn marker(&self) -> String {
        bundle::marker(self.thread, self.effects())
    }

    /// Whether what bears this marker holds all that travels.
    pub fn is_marked(&self, found: &str) -> bool {
        bundle::holds(found, self.thread, self.effects())
    }

    /// All that travels, in order.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> + Clone {
        std::iter::once(self.effect).chain(self.with.iter().map(Arc::as_ref))
    }
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Certainly not done; repeating it would not help.
    #[error("refused: {reason}")]
    Refused {
        /// Why, as a sentence for the people of the thread.
        reason: String,
    },
    /// Certainly not done, because what it speaks of is not there or not permitted, or not yet.
    #[error("missing: {reason}")]
    Missing {
        /// Why, as a sentence for the people of the thread.
        reason: String,
        /// Whether it is not permitted, rather than not there.
        forbidden: bool,
    },
    /// Certainly not done; it may be repeated.
    #[error("later: {problem}")]
    Later {
        /// Not before this much time has passed.
        after: Option<Duration>,
        /// The vendor's code.
        problem: String,
    },
    /// Certainly not done: the other vendor, who has to be asked first, says later.
    #[error("waits for the other vendor: {problem}")]
    Elsewhere {
        /// Not before this much time has passed.
        after: Duration,
        /// That vendor's code.
        problem: String,
    },
    /// It may have been done: look before repeating.
    #[error("unknown: {problem}")]
    Unknown {
        /// What happened instead of an answer.
        problem: String,
    },
    /// The whole account takes no calls; certainly not done. Mending it resumes.
    #[error("paused: {why}")]
    Paused {
        /// What a person has to mend, as a sentence.
        why: String,
    },
}

/// What a ticket is at present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TicketNow {
    /// What the card shows of it.
    pub shown: Ticket,
    /// Whether it is closed for good and takes no changes.
    pub closed: bool,
    /// Whether it was closed because it was merged into another one.
    pub merged: bool,
    /// The ticket in which it goes on since it was merged, if that is known and was asked for.
    pub into: Option<TicketId>,
    /// The closed ticket that it follows up, if it is a follow-up.
    pub follows: Option<TicketId>,
}

/// A page of the account-wide feed of side-conversation entries.
#[derive(Clone, Debug, Default)]
pub struct FeedPage {
    /// The entries, in the order of the feed.
    pub entries: Vec<SideConversationEvent>,
    /// Where the feed says the next page begins, in seconds since 1970, unless it was the last.
    pub next_start: Option<i64>,
}

/// What was read of a thread.
#[derive(Clone, Debug, Default)]
pub struct ReadThread {
    /// The messages of people, each with the key that a delivery of it has.
    pub messages: Vec<(String, What)>,
    /// The newest message of anybody.
    pub through: Option<Ts>,
    /// Where the next page begins, unless this was the last.
    pub next: Option<String>,
}

/// A page of a channel's threads.
#[derive(Clone, Debug, Default)]
pub struct ReadChannel {
    /// Each thread's parent and its newest reply.
    pub threads: Vec<(Ts, Ts)>,
    /// Where the next page begins, unless this was the last.
    pub next: Option<String>,
}

/// A page of the tickets that have changed since a time.
#[derive(Clone, Debug, Default)]
pub struct ChangedTickets {
    /// The tickets, in the order of their last change; those that are deleted are left out.
    pub tickets: Vec<TicketId>,
    /// What names the next page, unless this was the last.
    pub next: Option<String>,
}

/// Both vendors.
#[async_trait]
pub trait Outside: Send + Sync {
    /// Does it, once. The answer holds for each message of those that travel together.
    async fn perform(&self, call: &Call<'_>) -> Result<Answer, CallError>;

    /// Looks for it: asked before a second attempt, and before the first where it may have been done. Several are posts in
    /// one thread or replies to one side conversation, and have an answer each.
    async fn find(&self, calls: &[Call<'_>]) -> Result<Vec<Option<Answer>>, CallError>;

    /// What Zendesk last said of its plan's limit.
    fn plan(&self) -> Option<Plan> {
        None
    }

    /// A channel is another than it was: what was read of it is out of date.
    fn forget_channel(&self, _channel: &ChannelId) {}

    /// The vendor says that another firm reads in a channel.
    fn channel_is_shared(&self, _channel: &ChannelId) {}

    /// Somebody is another than they were: what was read of them is out of date.
    fn forget_person(&self, _user: &SlackUserId) {}

    /// What a ticket is at present.
    async fn ticket(&self, ticket_id: TicketId) -> Result<TicketNow, CallError>;

    /// What these tickets are at present, a hundred at most; those that are not shown are missing. Into which one a ticket
    /// was merged is not asked.
    async fn tickets(&self, ticket_ids: &[TicketId]) -> Result<HashMap<TicketId, TicketNow>, CallError>;

    /// Under which names and addresses a person is known, as far as the vendor says.
    async fn names_of(&self, whom: &Whom) -> Result<Vec<String>, CallError>;

    /// Every entry of every side conversation of a ticket, with what is known of each as a whole.
    async fn read_ticket(&self, ticket_id: TicketId) -> Result<Vec<SideConversationEvent>, CallError>;

    /// The account's entries from `start` (seconds since 1970) on.
    ///
    /// # Errors
    /// `Refused` also when the credential is no admin's: `None` is then the answer for the rest of the run.
    async fn read_feed(&self, start: i64) -> Result<FeedPage, FeedError>;

    /// A page of the tickets that have changed since `start` (seconds since 1970, more than a minute ago); `page` is empty or
    /// what the page before named.
    async fn changed_tickets(&self, start: i64, page: &str) -> Result<ChangedTickets, CallError>;

    /// A page of the threads whose parents were posted in a channel from `oldest` on (a `ts`); `page` is empty or what
    /// the page before named.
    async fn read_channel(&self, channel: &ChannelId, oldest: &str, page: &str) -> Result<ReadChannel, CallError>;

    /// A page of the messages of a thread from `from` on (a `ts`); `page` is empty or what the page before named.
    async fn read_replies(
        &self,
        channel: &ChannelId,
        thread_ts: &Ts,
        from: &str,
        page: &str,
    ) -> Result<ReadThread, CallError>;
}

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedError {
    /// The credential may not read the feed.
    NotAdmin,
    /// Zendesk does not take so young a start.
    TooYoung,
    /// As any other call.
    Call(CallError),
}
