//! The client: what it knows of the account, who it is, and the reads that feed the engine.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use url::Url;

use super::auth::Auth;
use super::cache::Cache;
use super::decode::{self, Abouts};
use super::people::{ROLE_LIVES_MS, User};
use super::transport::{Failure, Transport};
use crate::bridge::event::{SideConversation, SideConversationEvent};
use crate::bridge::follow_up::Rules;
use crate::bridge::ids::{SideConversationId, TicketId, ZendeskUserId};
use crate::bridge::route::Route;
use crate::config::ZendeskCredential;
use crate::engine::clock::Clock;
use crate::engine::outside::{CallError, FeedError, FeedPage};
use crate::engine::pace::Plan;
use crate::engine::retry::Schedule;
use crate::wire::Wire;

pub(super) const ME: &str = "GET users/me";
/// A start younger than this that is refused is refused for its youth: Zendesk's exports refuse the last minute, and
/// clocks differ.
const YOUNG_SECS: i64 = 120;
/// How many of each kind are remembered at most, each of some hundred bytes.
const KEPT: usize = 4096;
/// How many tickets: an answer of Zendesk's, with all its fields and people, takes tens of kilobytes. They are looked at
/// again within seconds.
const KEPT_TICKETS: usize = 256;

/// The app's own client of one Zendesk account.
pub struct ZendeskClient {
    pub(super) http: Transport,
    pub(super) house: OnceLock<House>,
    pub(super) side_conversations: Cache<SideConversationId, SideConversation>,
    pub(super) tickets: Cache<TicketId, Arc<Value>>,
    pub(super) users: Cache<ZendeskUserId, User>,
    pub(super) addresses: Cache<String, Option<ZendeskUserId>>,
}

/// Whom the credential acts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The app's own user.
    pub user_id: ZendeskUserId,
    /// Whether it may read the account-wide feed.
    pub admin: bool,
}

/// What the client must know besides the account: it is known once the credential has been tried.
#[derive(Clone, Debug)]
pub struct House {
    /// The app's own user, who is nobody's reader.
    pub app_user: ZendeskUserId,
    /// The routes, whose exact addresses are nobody's.
    pub routes: Vec<Route>,
    /// The domain whose addresses are nobody's.
    pub channel_domain: Option<String>,
    /// What follow-up tickets are like.
    pub follow_up: Rules,
}

/// Who wrote a reply in Slack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The name to show.
    pub name: String,
    /// Their own Zendesk user, if they have one.
    pub zendesk_user: Option<ZendeskUserId>,
}

impl ZendeskClient {
    /// A client of the account at `url`.
    pub fn new(wire: Arc<dyn Wire>, clock: Arc<dyn Clock>, url: &Url, credential: ZendeskCredential) -> Self {
        ZendeskClient {
            http: Transport::new(wire, clock, url, Auth::new(credential)),
            house: OnceLock::new(),
            side_conversations: Cache::new(KEPT),
            tickets: Cache::new(KEPT_TICKETS),
            users: Cache::new(KEPT),
            addresses: Cache::new(KEPT),
        }
    }

    /// Asks Zendesk whom the credential acts as.
    ///
    /// # Errors
    /// `Paused` when it is nobody who may work on tickets; otherwise as for any read.
    pub async fn identify(&self) -> Result<Identity, CallError> {
        let url = self.http.api(&["users", "me"], &[]);
        let answer = self.http.get(ME, &url).await.map_err(Failure::of_a_read)?;
        if !answer.get("user").is_some_and(Value::is_object) {
            // No user is no word about the credential.
            return Err(CallError::Later { after: None, problem: "the answer holds no user".to_owned() });
        }
        let id = answer.pointer("/user/id").and_then(decode::number).filter(|id| *id > 0);
        let role = answer.pointer("/user/role").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        let paused = |why: &str| Err(CallError::Paused { why: why.to_owned() });
        match (id, role.as_str()) {
            (Some(id), "admin" | "agent") => Ok(Identity { user_id: ZendeskUserId(id), admin: role == "admin" }),
            (Some(_), _) => paused("The app's Zendesk user is no agent: make it an agent or, better, an admin."),
            (None, _) => paused("Zendesk does not accept the app's credential: put a new one into the settings."),
        }
    }

    /// Tells the client what it needs before it can say who reads a reply; the first call holds.
    pub fn settle_in(&self, house: House) {
        let _ = self.house.set(house);
    }

    /// How long what Zendesk refuses for now, again and again, waits at the least; the first call holds.
    pub fn keep_to(&self, schedule: Schedule) {
        self.http.keep_to(schedule);
    }

    /// What Zendesk last said of its plan's limit.
    pub fn plan(&self) -> Option<Plan> {
        self.http.plan()
    }

    /// The ticket's address for people.
    pub fn ticket_url(&self, ticket_id: TicketId) -> String {
        self.http.url(&["agent", "tickets", &ticket_id.to_string()], &[]).to_string()
    }

    /// Every entry of every side conversation of a ticket, in the order of time.
    ///
    /// # Errors
    /// As for any read.
    pub async fn read_ticket(&self, ticket_id: TicketId) -> Result<Vec<SideConversationEvent>, CallError> {
        let ticket = ticket_id.to_string();
        let segments = ["tickets", &ticket, "side_conversations"];
        let url = self.http.api(&segments, &[("include", "side_conversation_events")]);
        let asked_ms = self.http.now_ms();
        let pages = self.http.pages("GET tickets/{id}/side_conversations", url).await.map_err(Failure::of_a_read)?;
        let abouts: Abouts = pages.iter().flat_map(decode::side_conversations).collect();
        // A list that names nobody may have left them out; who reads a reply is then asked for.
        for (id, about) in abouts.iter().filter(|(_, about)| !about.participants.is_empty()) {
            self.side_conversations.put(id.clone(), asked_ms, about.clone());
        }
        let entries = pages
            .iter()
            .flat_map(|page| decode::events(self.http.account(), page, Some(ticket_id), None, &abouts))
            .collect();
        let mut entries = self.with_names(entries).await?;
        in_order(&mut entries);
        Ok(entries)
    }

    /// A page of the account-wide feed, from `start` (seconds since 1970) on.
    ///
    /// # Errors
    /// `NotAdmin` when the app's user may not read it; `TooYoung` when an older start would do.
    pub async fn read_feed(&self, start: i64) -> Result<FeedPage, FeedError> {
        let start_time = start.to_string();
        let query = [("start_time", start_time.as_str()), ("include", "side_conversations")];
        let url = self.http.api(&["tickets", "side_conversations", "events"], &query);
        let page = self.http.get("GET side_conversations/events", &url).await.map_err(|failure| {
            let forbidden = failure.status == Some(http::StatusCode::FORBIDDEN);
            let young = start > self.http.now_ms().div_euclid(1000) - YOUNG_SECS;
            match &failure.error {
                CallError::Missing { .. } if forbidden => FeedError::NotAdmin,
                CallError::Refused { .. } if failure.is_of_content() && young => FeedError::TooYoung,
                _ => FeedError::Call(failure.of_a_read()),
            }
        })?;
        let entries = decode::events(self.http.account(), &page, None, None, &decode::side_conversations(&page));
        let entries = self.with_names(entries).await.map_err(FeedError::Call)?;
        let next = page.get("next_page").and_then(decode::text);
        let next_start = next.and_then(|next| {
            let named = self.http.page_on_base(&next).and_then(|url| {
                url.query_pairs().find(|(key, _)| key == "start_time").and_then(|(_, value)| value.parse().ok())
            });
            named.or_else(|| page.get("end_time").and_then(decode::number))
        });
        Ok(FeedPage { entries, next_start })
    }

    /// Asks for the names of actors whom an entry names by id only.
    pub(super) async fn with_names(
        &self,
        mut entries: Vec<SideConversationEvent>,
    ) -> Result<Vec<SideConversationEvent>, CallError> {
        let nameless = |entry: &SideConversationEvent| {
            entry.actor.user_id.filter(|_| entry.actor.shown().is_none() && !entry.actor.elsewhere)
        };
        let ids: HashSet<ZendeskUserId> = entries.iter().filter_map(nameless).collect();
        if ids.is_empty() {
            return Ok(entries);
        }
        let users = match self.users(ids, ROLE_LIVES_MS).await {
            Ok(users) => users,
            // A name is no reason to do without the words.
            Err(CallError::Refused { .. } | CallError::Missing { .. }) => return Ok(entries),
            Err(other) => return Err(other),
        };
        for entry in &mut entries {
            if let Some(user) = nameless(entry).and_then(|id| users.get(&id)) {
                entry.actor.name.clone_from(&user.name);
            }
        }
        Ok(entries)
    }
}

/// Sorts entries by time; those of one millisecond keep the order in which Zendesk gave them.
pub(super) fn in_order(entries: &mut [SideConversationEvent]) {
    entries.sort_by_key(|entry| entry.created_at_ms);
}
