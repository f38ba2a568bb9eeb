//! Who somebody is in Zendesk, and who would read a reply.
//!
//! A role is what decides whether words may leave the house, so it is never guessed: a look-up that fails fails the
//! reply.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::client::ZendeskClient;
use super::decode;
use super::transport::Failure;
use crate::bridge::event::{Participant, SideConversation};
use crate::bridge::ids::{SideConversationId, TicketId, ZendeskUserId};
use crate::bridge::readers::{self, Account, Audience, Candidate};
use crate::bridge::route::OutsidePolicy;
use crate::engine::outside::CallError;

const SIDE_CONVERSATION_LIVES_MS: i64 = 60_000;
const ROLE_LIVES_MS: i64 = 5 * 60_000;
const ADDRESS_LIVES_MS: i64 = 15 * 60_000;
/// That nobody has an address is asked again soon: the search shows a new user late, and may miss one.
const NO_ADDRESS_LIVES_MS: i64 = 10_000;
/// Zendesk refuses more ids in one call.
const MOST_IDS: usize = 100;
/// The search is fuzzy, but what it finds first is nearest.
const MOST_SEARCH_PAGES: usize = 3;

/// What Zendesk says of somebody.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) name: Option<String>,
    pub(super) account: Account,
}

/// A side conversation whose readers are asked for.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) ticket_id: TicketId,
    pub(super) side_conversation_id: &'a SideConversationId,
    /// Who started it, who reads when nobody else takes part.
    pub(super) starter: Option<&'a Participant>,
    pub(super) outside: OutsidePolicy,
}

/// Who would get a reply, and what is to be done with it.
pub(super) struct Readers {
    pub(super) candidates: Vec<Candidate>,
    pub(super) audience: Audience,
}

impl ZendeskClient {
    /// The user of exactly this address.
    ///
    /// # Errors
    /// As for any read.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<ZendeskUserId>, CallError> {
        let email = email.trim().to_lowercase();
        let lives = |found: &Option<ZendeskUserId>| match found {
            Some(_) => ADDRESS_LIVES_MS,
            None => NO_ADDRESS_LIVES_MS,
        };
        let asked_ms = self.http.now_ms();
        if let Some(known) = self.addresses.get(&email, asked_ms, lives) {
            return Ok(known);
        }
        let mut found = None;
        let mut next = Some(self.http.api(&["users", "search"], &[("query", &format!("email:{email}"))]));
        for _ in 0..MOST_SEARCH_PAGES {
            let Some(url) = next else { break };
            let page = self.http.get("GET users/search", &url).await.map_err(Failure::of_a_read)?;
            let mut users = decode::rows(&page, "users").iter();
            let same = |user: &&Value| {
                user.get("email").and_then(decode::text).is_some_and(|address| address.to_lowercase() == email)
            };
            found = users.find(same).and_then(|user| user.get("id")).and_then(decode::number).map(ZendeskUserId);
            if found.is_some() {
                break;
            }
            next = page.get("next_page").and_then(decode::text).and_then(|next| self.http.page_on_base(&next));
        }
        self.addresses.put(email, asked_ms, found);
        Ok(found)
    }

    /// Under which name and address somebody is known.
    ///
    /// # Errors
    /// As for any read.
    pub async fn names_of(&self, id: ZendeskUserId) -> Result<Vec<String>, CallError> {
        let url = self.http.api(&["users", "show_many"], &[("ids", &id.to_string())]);
        let answer = self.http.get("GET users/show_many", &url).await.map_err(Failure::of_a_read)?;
        let user =
            decode::rows(&answer, "users").iter().find(|user| user.get("id").and_then(decode::number) == Some(id.0));
        let known = |key: &str| user.and_then(|user| user.get(key)).and_then(decode::text);
        Ok(["name", "email"].into_iter().filter_map(known).collect())
    }

    /// What Zendesk says of these users; those whom it does not know are missing.
    pub(super) async fn users(
        &self,
        ids: impl IntoIterator<Item = ZendeskUserId>,
    ) -> Result<HashMap<ZendeskUserId, User>, CallError> {
        let asked_ms = self.http.now_ms();
        let mut users = HashMap::new();
        let mut unknown: Vec<ZendeskUserId> = Vec::new();
        for id in ids.into_iter().collect::<HashSet<_>>() {
            match self.users.get(&id, asked_ms, |_| ROLE_LIVES_MS) {
                Some(user) => {
                    users.insert(id, user);
                }
                None => unknown.push(id),
            }
        }
        unknown.sort_unstable();
        for some in unknown.chunks(MOST_IDS) {
            let list = some.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            let url = self.http.api(&["users", "show_many"], &[("ids", &list)]);
            let answer = self.http.get("GET users/show_many", &url).await.map_err(Failure::of_a_read)?;
            if !answer.get("users").is_some_and(Value::is_array) {
                // No list is no word about anybody, and must not pass for "deleted".
                return Err(CallError::Later { after: None, problem: "the answer lists no users".to_owned() });
            }
            for row in decode::rows(&answer, "users") {
                let Some(id) = row.get("id").and_then(decode::number).map(ZendeskUserId) else { continue };
                let user = user(row);
                self.users.put(id, asked_ms, user.clone());
                users.insert(id, user);
            }
        }
        Ok(users)
    }

    /// The side conversation as it was less than a minute ago.
    pub(super) async fn side_conversation(
        &self,
        ticket_id: TicketId,
        id: &SideConversationId,
    ) -> Result<SideConversation, CallError> {
        let asked_ms = self.http.now_ms();
        if let Some(known) = self.side_conversations.get(id, asked_ms, |_| SIDE_CONVERSATION_LIVES_MS) {
            return Ok(known);
        }
        let url = self.http.api(&["tickets", &ticket_id.to_string(), "side_conversations", id.as_str()], &[]);
        let answer =
            self.http.get("GET tickets/{id}/side_conversations/{id}", &url).await.map_err(Failure::of_a_read)?;
        let shown = answer.get("side_conversation").filter(|shown| {
            // Without its people nobody could say who would read a reply.
            shown.get("participants").is_some_and(Value::is_array)
        });
        let Some(shown) = shown else {
            return Err(CallError::Later { after: None, problem: "the answer lists no participants".to_owned() });
        };
        let read = decode::side_conversation(shown);
        self.side_conversations.put(id.clone(), asked_ms, read.clone());
        Ok(read)
    }

    /// Forgets what a refused reply was decided by.
    pub(super) fn forget_readers(&self, id: &SideConversationId, candidates: &[Candidate]) {
        self.side_conversations.drop(id);
        for candidate in candidates {
            if let Some(id) = &candidate.participant.user_id {
                self.users.drop(id);
            }
            if let Some(email) = &candidate.participant.email {
                self.addresses.drop(email);
            }
        }
    }

    /// Who would get a reply: those who take part, else who started it, else the ticket's assignee, else the app's own
    /// user, because Zendesk takes no reply without a recipient.
    pub(super) async fn readers(&self, scene: Scene<'_>) -> Result<Readers, CallError> {
        let Some(house) = self.house.get() else {
            return Err(CallError::Later { after: None, problem: "the app's own user is not known yet".to_owned() });
        };
        let people = |participants: &[Participant]| {
            readers::people(participants, house.app_user, &house.routes, house.channel_domain.as_deref())
        };
        let about = self.side_conversation(scene.ticket_id, scene.side_conversation_id).await?;
        let mut tried: Vec<Candidate> = Vec::new();
        for place in 0..4 {
            let chosen = match place {
                0 => people(&about.participants),
                1 => people(scene.starter.map(std::slice::from_ref).unwrap_or_default()),
                2 => people(&self.assignee(scene.ticket_id).await?.into_iter().collect::<Vec<_>>()),
                _ => vec![Participant { user_id: Some(house.app_user), ..Participant::default() }],
            };
            let candidates = self.candidates(chosen).await?;
            match readers::audience(&candidates, scene.outside) {
                Audience::Nobody { .. } => tried.extend(candidates),
                mut audience => {
                    if let Audience::Send { left_out, .. } = &mut audience
                        && let Audience::Nobody { left_out: before } = readers::audience(&tried, scene.outside)
                    {
                        left_out.splice(0..0, before);
                        let mut seen = HashSet::new();
                        left_out.retain(|name| seen.insert(name.clone()));
                    }
                    return Ok(Readers { candidates, audience });
                }
            }
        }
        let audience = readers::audience(&tried, scene.outside);
        Ok(Readers { candidates: tried, audience })
    }

    async fn assignee(&self, ticket_id: TicketId) -> Result<Option<Participant>, CallError> {
        let answer = self.read_ticket_itself(ticket_id).await?;
        let id = answer.pointer("/ticket/assignee_id").and_then(decode::number).filter(|id| *id > 0);
        Ok(id.map(|id| Participant { user_id: Some(ZendeskUserId(id)), ..Participant::default() }))
    }

    async fn candidates(&self, mut people: Vec<Participant>) -> Result<Vec<Candidate>, CallError> {
        for person in &mut people {
            if person.user_id.is_none()
                && let Some(email) = &person.email
            {
                person.user_id = self.user_by_email(email).await?;
            }
        }
        let users = self.users(people.iter().filter_map(|person| person.user_id)).await?;
        let judged = people.into_iter().map(|mut participant| {
            let user = participant.user_id.map(|id| users.get(&id));
            let account = match user {
                Some(Some(user)) => user.account,
                Some(None) => Account::Refused,
                None => Account::Outside,
            };
            if participant.shown().is_none() {
                participant.name = user.flatten().and_then(|user| user.name.clone());
            }
            Candidate { participant, account }
        });
        Ok(judged.collect())
    }
}

fn user(row: &Value) -> User {
    let role = row.get("role").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let is = |key: &str, wanted: bool| row.get(key).and_then(Value::as_bool) == Some(wanted);
    let account = match role.as_str() {
        _ if is("suspended", true) || is("active", false) => Account::Refused,
        "agent" | "admin" => Account::Staff,
        _ => Account::Outside,
    };
    User { name: row.get("name").and_then(decode::text), account }
}
