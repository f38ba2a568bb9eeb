//! Both vendors behind the engine's narrow waist: each act goes to the edge whose it is.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::bridge::effect::CreateSideConversation;
use crate::bridge::erase::Whom;
use crate::bridge::event::{SideConversationEvent, Standing};
use crate::bridge::heading;
use crate::bridge::ids::{ChannelId, SlackUserId, TicketId, Ts};
use crate::bridge::start::Prospects;
use crate::bridge::{Act, Answer, Vendor};
use crate::engine::outside::{
    Call, CallError, ChangedTickets, FeedError, FeedPage, Outside, ReadChannel, ReadThread, TicketNow,
};
use crate::engine::pace::Plan;
use crate::slack::SlackClient;
use crate::slack::people::Profile;
use crate::zendesk::{Author, ZendeskClient};

/// When a reply whose author Slack does not name is tried again; it spends no attempt.
const SLACK_AGAIN: Duration = Duration::from_secs(30);

/// Both vendors.
pub struct Vendors {
    /// Slack.
    pub slack: Arc<SlackClient>,
    /// Zendesk.
    pub zendesk: Arc<ZendeskClient>,
}

#[async_trait]
impl Outside for Vendors {
    async fn perform(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        match &call.effect.act {
            Act::Reply(_) => self.reply(call).await,
            Act::ReadTicket { ticket_id, side_conversation_id } => {
                self.zendesk.prepare(call, *ticket_id, side_conversation_id).await
            }
            Act::SetState { state, .. } => self.zendesk.set_state(call, *state).await,
            Act::Note { text } => self.zendesk.note(call, text).await,
            Act::ReadSaid => self.zendesk.said(call).await,
            Act::FindAssignee => self.assignee(call).await,
            Act::SetTicket { change } => self.zendesk.change_ticket(call, change).await,
            Act::SeekFollowUp { source, thread_url, gone } => {
                self.zendesk.seek_follow_up(call, *source, thread_url, *gone).await
            }
            Act::FollowUp { source, request, .. } => self.zendesk.follow_up(*source, request).await,
            Act::LookForStart { user, channel, ticket_id } => self.look_for_start(user, channel, *ticket_id).await,
            Act::CreateSideConversation(create) => self.create(call, create).await,
            Act::ContinueOn { ticket_id, name, thread_url, .. } => {
                self.zendesk.continue_on(call, *ticket_id, name, thread_url).await
            }
            _ => self.slack.perform(call).await,
        }
    }

    async fn find(&self, calls: &[Call<'_>]) -> Result<Vec<Option<Answer>>, CallError> {
        let Some(call) = calls.first() else { return Ok(Vec::new()) };
        match (&call.effect.act, call.effect.act.vendor()) {
            (Act::Reply(_), _) => self.zendesk.find_replies(calls).await,
            (Act::Note { .. }, _) => self.zendesk.find_note(call).await.map(|found| vec![found]),
            (Act::FollowUp { source, request, .. }, _) => {
                self.zendesk.find_follow_up(*source, request).await.map(|found| vec![found])
            }
            (Act::ContinueOn { ticket_id, .. }, _) => {
                self.zendesk.find_continued(call, *ticket_id).await.map(|found| vec![found])
            }
            (Act::CreateSideConversation(create), _) => {
                self.zendesk.find_created(call, create).await.map(|found| vec![found])
            }
            (Act::SetState { state, .. }, _) => self.zendesk.find_state(call, *state).await.map(|found| vec![found]),
            (_, Vendor::Slack) => self.slack.find(calls).await,
            (_, Vendor::Zendesk) => Ok(vec![None]),
        }
    }

    fn plan(&self) -> Option<Plan> {
        self.zendesk.plan()
    }

    fn forget_channel(&self, channel: &ChannelId) {
        self.slack.forget_channel(channel);
    }

    fn channel_is_shared(&self, channel: &ChannelId) {
        self.slack.channel_is_shared(channel);
    }

    fn forget_person(&self, user: &SlackUserId) {
        self.slack.forget_person(user);
    }

    async fn ticket(&self, ticket_id: TicketId) -> Result<TicketNow, CallError> {
        self.zendesk.ticket(ticket_id).await
    }

    async fn names_of(&self, whom: &Whom) -> Result<Vec<String>, CallError> {
        match whom {
            Whom::Ticket(_) => Ok(Vec::new()),
            Whom::User(id) => self.zendesk.names_of(*id).await,
            Whom::SlackUser(id) => {
                let Profile { person, email } = self.slack.profile(id).await?;
                let name = Some(person.name).filter(|name| !name.contains(id.as_str()));
                Ok(name.into_iter().chain(email).collect())
            }
        }
    }

    async fn read_ticket(&self, ticket_id: TicketId) -> Result<Vec<SideConversationEvent>, CallError> {
        self.zendesk.read_ticket(ticket_id).await
    }

    async fn read_feed(&self, start: i64) -> Result<FeedPage, FeedError> {
        self.zendesk.read_feed(start).await
    }

    async fn changed_tickets(&self, start: i64, page: &str) -> Result<ChangedTickets, CallError> {
        self.zendesk.changed_tickets(start, page).await
    }

    async fn read_channel(&self, channel: &ChannelId, oldest: &str, page: &str) -> Result<ReadChannel, CallError> {
        self.slack.read_channel(channel, oldest, page).await
    }

    async fn read_replies(
        &self,
        channel: &ChannelId,
        thread_ts: &Ts,
        from: &str,
        page: &str,
    ) -> Result<ReadThread, CallError> {
        self.slack.read_replies(channel, thread_ts, from, page).await
    }
}

impl Vendors {
    /// Who of the workspace has the ticket, by their e-mail address.
    async fn assignee(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let Some(email) = self.zendesk.assignee_email(call.thread.ticket_id).await? else { return Ok(Answer::Done) };
        let found = self.slack.member_by_email(&email).await.map_err(|error| match error {
            CallError::Refused { .. } => error,
            error => slack_is_late(error),
        })?;
        Ok(found.map_or(Answer::Done, Answer::Assignee))
    }

    /// Whether somebody can start a side conversation.
    async fn look_for_start(
        &self,
        user: &SlackUserId,
        channel: &ChannelId,
        ticket_id: TicketId,
    ) -> Result<Answer, CallError> {
        let Profile { mut person, email } = self.slack.profile_for_rights(user).await.map_err(slack_is_late)?;
        let zendesk_user = match &email {
            Some(email) => self.zendesk.agent_by_email(email).await?,
            None => None,
        };
        person.agent = zendesk_user.is_some();
        let channel = self.slack.problem_of(channel).await.map_err(slack_is_late)?;
        let ticket = self.zendesk.prospect(ticket_id).await?;
        Ok(Answer::Prospects(Box::new(Prospects { person, zendesk_user, channel, ticket })))
    }

    async fn create(&self, call: &Call<'_>, create: &CreateSideConversation) -> Result<Answer, CallError> {
        let profile = self.slack.profile(&create.user).await.map_err(slack_is_late)?;
        let zendesk_user = match &profile.email {
            // Who the author is in Zendesk only adds to the message; it must not hold it back.
            Some(email) => self.zendesk.user_by_email(email).await.unwrap_or_default(),
            None => None,
        };
        let names = self.slack.names_of_mentioned(&[&create.doc]).await;
        let author = Author { name: heading::author(&profile.person), zendesk_user };
        self.zendesk.create_side_conversation(call, create, &author, &names).await
    }

    async fn reply(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let mut authors = Vec::new();
        let mut docs = Vec::new();
        for effect in call.effects() {
            let Act::Reply(reply) = &effect.act else {
                return Err(CallError::Refused { reason: "this is no reply.".to_owned() });
            };
            let profile = self.slack.profile(&reply.user).await.map_err(slack_is_late)?;
            if profile.person.standing == Standing::Bot && !call.with.is_empty() {
                // What a bot says stays in Slack, and nobody else's words with it: each goes its own way.
                return Err(CallError::Refused { reason: "a bot is among the authors.".to_owned() });
            }
            if profile.person.standing == Standing::Bot {
                return Ok(Answer::OfABot);
            }
            docs.push(&reply.doc);
            let zendesk_user = match &profile.email {
                // Who the author is in Zendesk only adds to the reply; it must not hold it back.
                Some(email) => self.zendesk.user_by_email(email).await.unwrap_or_default(),
                None => None,
            };
            authors.push((reply, Author { name: heading::author(&profile.person), zendesk_user }));
        }
        let names = self.slack.names_of_mentioned(&docs).await;
        self.zendesk.reply(call, &authors, &names).await
    }
}

/// What keeps Slack from naming the author must not hold every call to Zendesk.
fn slack_is_late(error: CallError) -> CallError {
    match error {
        CallError::Later { after: Some(after), problem } => CallError::Elsewhere { after, problem },
        CallError::Paused { why: problem }
        | CallError::Later { after: None, problem }
        | CallError::Unknown { problem }
        | CallError::Refused { reason: problem } => CallError::Elsewhere { after: SLACK_AGAIN, problem },
        other => other,
    }
}
