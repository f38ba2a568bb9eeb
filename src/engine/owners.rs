//! Whose the side conversations of a ticket are.
//!
//! Most belong to the thread that began with them. One that nobody knows may still be an old one: Zendesk copies a side
//! conversation to a follow-up ticket when it is answered by mail after its ticket was closed. So before a side
//! conversation becomes a thread of its own, its ticket is read; if that follows up a ticket with threads, and exactly
//! one of those has the same side conversation, it is that thread's, and what was said there before is known. Or a reply
//! of ours began it, and its call has not answered yet: then it says which thread it is of.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Engine;
use super::outside::CallError;
use super::pace::Budget;
use crate::bridge::BridgedThread;
use crate::bridge::event::{Event, SideConversationEvent, What};
use crate::bridge::follow_up::{self, StateNow};
use crate::bridge::ids::{ChannelId, SideConversationId, ThreadId, TicketId, Ts};
use crate::bridge::route::{self, Choice};
use crate::store::{Commit, InboxWrite, SideConversationWrite, StoreError};

/// After how many reads in vain it is believed that a ticket is not there: some minutes, as the schedule of repeats has it.
const BELIEVED_AFTER: i64 = 3;

type Sides = BTreeMap<SideConversationId, Vec<SideConversationEvent>>;

/// What was read of a ticket, and whose it is.
#[derive(Default)]
pub(super) struct Owned {
    entries: Vec<SideConversationEvent>,
    /// The threads of side conversations that did not begin them.
    threads: HashMap<SideConversationId, ThreadId>,
    /// What is to be told first.
    adopted: Vec<(ThreadId, What)>,
    /// What is to be told last.
    related: Vec<(ThreadId, What)>,
    /// Entries that are copies of older ones.
    copied: BTreeSet<String>,
    /// Side conversations that were found to be a thread's.
    found: Vec<SideConversationWrite>,
    /// Closed tickets, the thread that found out, and what follows them.
    followed: Vec<(i64, String, i64)>,
}

impl Engine {
    /// Finds out whose the entries of a ticket are.
    ///
    /// # Errors
    /// Something that has to be read first could not be: the ticket is read again later.
    pub(super) async fn owned(
        &self,
        ticket_id: TicketId,
        entries: Vec<SideConversationEvent>,
    ) -> Result<Owned, CallError> {
        let sides = by_side(&entries);
        let mut owned = Owned { entries, threads: self.known(&sides).await?, ..Owned::default() };
        let unknown: Vec<&SideConversationId> = sides.keys().filter(|id| !owned.threads.contains_key(*id)).collect();
        if unknown.is_empty() {
            return Ok(owned);
        }
        self.adopt(ticket_id, &sides, &unknown, &mut owned).await?;
        for id in unknown {
            if !owned.threads.contains_key(id)
                && let Some(entries) = sides.get(id)
                && let Some(thread_id) = self.began(entries).await.map_err(later)?
            {
                owned.find(id, ticket_id, thread_id);
            }
        }
        Ok(owned)
    }

    /// Takes what was read of a ticket.
    pub(super) async fn take_owned(&self, owned: Owned, mut commit: Commit) -> Result<(), StoreError> {
        let Owned { mut entries, threads, adopted, related, copied, found, followed } = owned;
        entries.sort_by(|a, b| (a.created_at_ms, a.id.as_str()).cmp(&(b.created_at_ms, b.id.as_str())));
        let now = self.clock.now_ms();
        commit.side_conversations = found;
        commit.followed = followed;
        let adopted = adopted.into_iter().map(|(thread_id, what)| {
            let key = match &what {
                What::Adopted { side_conversation_id, .. } => format!("adopted:{side_conversation_id}"),
                _ => format!("adopted:{thread_id}"),
            };
            (key, thread_id, Arc::new(Event { at_ms: now, what }))
        });
        let mut events: Vec<_> = adopted.collect();
        for entry in entries {
            let known = threads.get(&entry.side_conversation_id).cloned();
            let thread_id = known.unwrap_or_else(|| ThreadId::new(entry.side_conversation_id.as_str()));
            let key = entry.id.to_string();
            if copied.contains(&key) {
                commit.inbox.push(InboxWrite {
                    source: "zendesk",
                    key,
                    thread_id: thread_id.to_string(),
                    event: None,
                    received_at: now,
                    done: true,
                    ignored: Some("copied"),
                });
                continue;
            }
            events.push((key, thread_id, Arc::new(Event { at_ms: now, what: What::SideConversation(entry) })));
        }
        events.extend(related.into_iter().map(|(thread_id, what)| {
            let other = match &what {
                What::Related { ticket_id, .. } => ticket_id.to_string(),
                _ => String::new(),
            };
            (format!("related:{thread_id}:{other}"), thread_id, Arc::new(Event { at_ms: now, what }))
        }));
        self.commit_events("zendesk", events, commit).await.map(drop)
    }

    async fn known(&self, sides: &Sides) -> Result<HashMap<SideConversationId, ThreadId>, CallError> {
        let ids: Vec<&str> = sides.keys().map(SideConversationId::as_str).collect();
        let known = self.store.threads_by_side_conversation(&ids).await.map_err(later)?;
        Ok(known.into_iter().map(|(id, thread)| (SideConversationId::new(id), ThreadId::new(thread))).collect())
    }

    /// Finds side conversations that Zendesk has copied from the ticket which this one follows up.
    async fn adopt(
        &self,
        ticket_id: TicketId,
        sides: &Sides,
        unknown: &[&SideConversationId],
        owned: &mut Owned,
    ) -> Result<(), CallError> {
        self.count_read();
        // Reads lag: what is missing is believed after some more of them. A copy that is not known for one would be posted
        // anew, all of it.
        let missing = |error: CallError| match error {
            CallError::Refused { .. } => Ok(()),
            CallError::Missing { reason, .. } if self.lock().queue.ticket_attempts(ticket_id) < BELIEVED_AFTER => {
                Err(CallError::Later { after: None, problem: reason })
            }
            CallError::Missing { .. } => Ok(()),
            other => Err(other),
        };
        let source = match self.outside.ticket(ticket_id).await {
            Ok(ticket) => ticket.follows,
            Err(error) => missing(error).map(|()| None)?,
        };
        let Some(source) = source else { return Ok(()) };
        self.count_read();
        let originals = match self.outside.read_ticket(source).await {
            Ok(entries) => entries,
            Err(error) => return missing(error),
        };
        let of_source = by_side(&originals);
        // What was copied counts as known, so the original must be; it may be a copy itself.
        let before = Box::pin(self.owned(source, originals)).await?;
        let thread_of = |id: &SideConversationId| {
            let known = before.threads.get(id).cloned();
            (id.clone(), known.unwrap_or_else(|| ThreadId::new(id.as_str())))
        };
        let threads: HashMap<SideConversationId, ThreadId> = of_source.keys().map(thread_of).collect();
        self.take_owned(before, Commit::default()).await.map_err(later)?;
        let there = self.store.threads_on_ticket(source.0).await.map_err(later)?;
        for id in unknown {
            let Some(entries) = sides.get(*id) else { continue };
            let alike = |(original, _): &(&SideConversationId, &ThreadId)| {
                of_source.get(*original).is_some_and(|original| follow_up::is_copy(entries, original))
            };
            let same: Vec<_> = threads.iter().filter(alike).collect();
            let owners: BTreeSet<&ThreadId> = same.iter().map(|(_, thread)| *thread).collect();
            let (Some(thread_id), 1) = (owners.first(), owners.len()) else {
                // Two that are alike cannot be told apart; what a reply of ours began is no copy.
                if self.began(entries).await.map_err(later)?.is_some() {
                    continue;
                }
                self.relate((ticket_id, id, entries), source, &there, owned).await.map_err(later)?;
                continue;
            };
            let thread_id = (*thread_id).clone();
            for (original, _) in &same {
                let original = of_source.get(*original).map(Vec::as_slice).unwrap_or_default();
                owned.copied.extend(follow_up::copied(entries, original).iter().map(ToString::to_string));
            }
            let (side_conversation_id, state) = ((*id).clone(), StateNow::of(entries));
            owned.followed.push((source.0, thread_id.to_string(), ticket_id.0));
            owned.adopted.push((thread_id.clone(), What::Adopted { source, ticket_id, side_conversation_id, state }));
            owned.find(id, ticket_id, thread_id);
        }
        Ok(())
    }

    /// Links a side conversation that becomes a thread of its own with the threads that are still on the closed ticket.
    async fn relate(
        &self,
        new: (TicketId, &SideConversationId, &[SideConversationEvent]),
        source: TicketId,
        there: &[String],
        owned: &mut Owned,
    ) -> Result<(), StoreError> {
        let (ticket_id, id, entries) = new;
        let recipients: Vec<_> =
            entries.iter().filter_map(|entry| entry.message.as_ref()).flat_map(|message| message.to.clone()).collect();
        let chosen = route::choose(&self.policy.routes, self.policy.channel_domain.as_deref(), &recipients);
        if matches!(chosen, Choice::LeaveAlone) {
            return Ok(());
        }
        let mut links = Vec::new();
        for thread_id in there.iter().map(|id| ThreadId::new(id.as_str())) {
            let Some(thread) = self.thread(&thread_id).await?.filter(|thread| thread.ticket_id == source) else {
                continue;
            };
            if let Some((channel, ts)) = thread.link() {
                let reference = ts.as_str().replace('.', "");
                links.push(format!("{}archives/{channel}/p{reference}", self.policy.slack_url));
            }
            let what = What::Related { ticket_id, follows: true, links: Vec::new() };
            owned.related.push((thread_id, what));
        }
        if !links.is_empty() {
            let what = What::Related { ticket_id: source, follows: false, links };
            owned.related.push((ThreadId::new(id.as_str()), what));
        }
        Ok(())
    }

    /// The thread whose reply began a side conversation: its marker says so; failing that, the address of the Slack
    /// message with which our own user began it.
    async fn began(&self, entries: &[SideConversationEvent]) -> Result<Option<ThreadId>, StoreError> {
        let Some(first) = entries.iter().find(|entry| entry.message.is_some()) else { return Ok(None) };
        let Some(message) = first.message.as_ref().filter(|_| first.actor.user_id == Some(self.policy.app_user)) else {
            return Ok(None);
        };
        if let Some((thread_id, _)) = message.marker.as_deref().and_then(|marker| marker.split_once('/')) {
            let thread_id = ThreadId::new(thread_id);
            return Ok(self.thread(&thread_id).await?.map(|_| thread_id));
        }
        for thread_id in self.store.threads_on_ticket(first.ticket_id.0).await?.into_iter().map(ThreadId::new) {
            let thread = self.thread(&thread_id).await?;
            let start = thread.as_deref().and_then(BridgedThread::starting);
            if start.is_some_and(|start| start.is_begun_by(first, self.policy.app_user)) {
                return Ok(Some(thread_id));
            }
        }
        let text = message.plain.as_deref().or(message.html.as_deref()).unwrap_or_default();
        match address(text) {
            Some((channel, ts)) => self.thread_at(&channel, &ts).await,
            None => Ok(None),
        }
    }

    fn count_read(&self) {
        let now = self.clock.now_ms();
        self.lock().queue.pace().call(&Budget::ZendeskPlan, now);
    }
}

impl Owned {
    fn find(&mut self, id: &SideConversationId, ticket_id: TicketId, thread_id: ThreadId) {
        self.found.push(SideConversationWrite {
            id: id.to_string(),
            thread_id: thread_id.to_string(),
            ticket_id: ticket_id.0,
        });
        self.threads.insert(id.clone(), thread_id);
    }
}

fn by_side(entries: &[SideConversationEvent]) -> Sides {
    let mut sides = Sides::new();
    for entry in entries {
        sides.entry(entry.side_conversation_id.clone()).or_default().push(entry.clone());
    }
    sides
}

/// The thread that the first address of a Slack message in a text names.
fn address(text: &str) -> Option<(ChannelId, Ts)> {
    let (_, rest) = text.split_once("/archives/")?;
    let (channel, rest) = rest.split_once('/')?;
    let (_, rest) = rest.split_once("?thread_ts=")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    Some((ChannelId::new(channel), rest[..end].parse().ok()?))
}

fn later(error: StoreError) -> CallError {
    CallError::Later { after: None, problem: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_names_the_thread() {
        let text = "Ana in Slack (https://a.slack.com/archives/C1/p2000003?thread_ts=1.000002&cid=C1):\nSee https://a.slack.com/archives/C2/p9?thread_ts=9.000009&cid=C2";
        assert_eq!(address(text), Some((ChannelId::new("C1"), "1.000002".parse().unwrap())));
        assert_eq!(address("https://a.slack.com/archives/C1/p2"), None);
        assert_eq!(address("no address"), None);
    }
}
