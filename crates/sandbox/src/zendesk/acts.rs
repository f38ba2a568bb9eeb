//! Building the account, acting in it as people do, and looking at it.

use serde_json::{Map, Value, json};

use super::FakeZendesk;
use super::answer::Answer;
use super::conversations::Draft;
use super::options::Unconfirmed;
use super::people::{User, UserSpec};
use super::text;
use super::tickets::{NewComment, TicketChange, TicketSpec};
use super::world::{File, World};

/// A side conversation that an agent starts in the UI.
#[derive(Clone, Debug, Default)]
pub struct StartSpec {
    /// Participants as the API has them: `{"email": …}`, `{"user_id": …}`, `{"slack_channel_id": …}` ….
    pub to: Vec<Value>,
    /// The subject.
    pub subject: Option<String>,
    /// The first message as HTML.
    pub html_body: Option<String>,
    /// The first message as plain text.
    pub body: Option<String>,
    /// Ids of files added by [`FakeZendesk::add_file`].
    pub attachments: Vec<String>,
    /// `external_ids` of the message.
    pub message_external_ids: Map<String, Value>,
    /// `external_ids` of the side conversation.
    pub external_ids: Map<String, Value>,
    /// When it happened, in milliseconds; without it, at present.
    pub created_at: Option<i64>,
}

/// Building the world.
impl FakeZendesk {
    /// The app's user.
    pub fn app_user_id(&self) -> i64 {
        self.world().app_user
    }

    /// Adds a user; its id.
    pub fn add_user(&self, spec: UserSpec) -> i64 {
        let now = self.now();
        self.world().add_user(spec, now)
    }

    /// A bearer token of an agent or admin.
    pub fn token_of(&self, user_id: i64) -> Option<String> {
        self.world().users.get(&user_id)?.token.clone()
    }

    /// Suspends a user or lets one in again.
    pub fn suspend_user(&self, user_id: i64, suspended: bool) {
        if let Some(user) = self.world().users.get_mut(&user_id) {
            user.fields.insert("suspended".into(), json!(suspended));
        }
    }

    /// Makes a user an agent, an admin or an end user.
    pub fn set_role(&self, user_id: i64, role: &str) {
        if let Some(user) = self.world().users.get_mut(&user_id) {
            user.fields.insert("role".into(), json!(role));
        }
    }

    /// Deletes a user.
    pub fn delete_user(&self, user_id: i64) {
        if let Some(user) = self.world().users.get_mut(&user_id) {
            user.deleted = true;
            user.fields.insert("active".into(), json!(false));
        }
    }

    /// Adds a group; its id.
    pub fn add_group(&self, name: &str) -> i64 {
        let now = self.now();
        self.world().add_group(name, now)
    }

    /// Adds an organisation; its id.
    pub fn add_organization(&self, name: &str) -> i64 {
        let now = self.now();
        self.world().add_organization(name, now)
    }

    /// Adds a ticket; its id.
    pub fn add_ticket(&self, spec: TicketSpec) -> i64 {
        let now = self.now();
        let mut world = self.world();
        let (requester, body, subject) = (spec.requester_id, spec.description.clone(), spec.subject.clone());
        let via = web();
        let id = world.new_ticket(spec, requester, via.clone(), now);
        let update = world.begin_update(id, requester, via, now);
        let comment = NewComment { author: requester, html_body: text::html_of(&body), body, public: true };
        let created = world.id();
        let events = vec![
            world.comment(&update, comment),
            json!({"id": created, "type": "Create", "value": subject, "field_name": "subject"}),
        ];
        world.audit(update, events);
        id
    }

    /// Adds a comment to a ticket; false if the ticket takes none.
    pub fn add_comment(&self, ticket: i64, author: i64, body: &str, public: bool) -> bool {
        let patch = json!({"comment": {"body": body, "public": public}});
        self.update(ticket, author, patch)
    }

    /// An agent answers the requester and sets the ticket's status in one update; false if the ticket takes none.
    pub fn answer(&self, ticket: i64, agent: i64, body: &str, status: &str) -> bool {
        self.update(ticket, agent, json!({"comment": {"body": body, "public": true}, "status": status}))
    }

    /// Changes a ticket as an agent does in the UI; false if it is closed or not there.
    pub fn set_ticket(&self, ticket: i64, change: TicketChange) -> bool {
        let now = self.now();
        {
            let mut world = self.world();
            let Some(found) = world.tickets.get_mut(&ticket) else { return false };
            if let Some(deleted) = change.deleted {
                found.deleted = deleted;
                found.deleted_by = None;
            }
            if let Some(archived) = change.archived {
                found.archived = archived;
            }
            if (change.deleted, change.archived) != (None, None) {
                found.touch(now);
            }
        }
        let mut patch = Map::new();
        let mut put = |key: &str, value: Option<Value>| value.map(|value| patch.insert(key.to_owned(), value));
        put("status", change.status.map(Value::from));
        put("priority", change.priority.map(|priority| json!(priority)));
        put("assignee_id", change.assignee_id.map(|id| json!(id)));
        put("group_id", change.group_id.map(|id| json!(id)));
        put("subject", change.subject.map(Value::from));
        put("tags", change.tags.map(Value::from));
        if patch.is_empty() { true } else { self.update(ticket, self.app_user_id(), Value::Object(patch)) }
    }

    fn update(&self, ticket: i64, by: i64, patch: Value) -> bool {
        let now = self.now();
        let Value::Object(patch) = patch else { return false };
        self.world().update_ticket(ticket, by, &patch, web(), now).is_ok()
    }

    /// Adds a macro with actions as the API has them; its id.
    pub fn add_macro(&self, title: &str, actions: Value) -> i64 {
        let now = self.now();
        self.world().add_macro(title, actions, now)
    }

    /// Stores a file that a message may carry; its id.
    pub fn add_file(&self, name: &str, content_type: &str, bytes: &[u8]) -> String {
        let now = self.now();
        let mut world = self.world();
        let id = format!("s3-{}", world.uuid(now));
        let bytes = bytes::Bytes::copy_from_slice(bytes);
        let file =
            File { name: name.into(), content_type: content_type.into(), size: super::files::size(&bytes), bytes };
        world.files.insert(id.clone(), file);
        id
    }

    /// Turns the account's side conversations on or off.
    pub fn switch_side_conversations(&self, on: bool) {
        self.world().side_conversations_on = on;
    }

    /// Decides the unconfirmed facts anew.
    pub fn set_unconfirmed(&self, unconfirmed: Unconfirmed) {
        self.world().options.unconfirmed = unconfirmed;
    }
}

/// Acting as people do; each of these answers an empty text if Zendesk would refuse it.
impl FakeZendesk {
    /// An agent starts a side conversation by e-mail; its id.
    pub fn start_side_conversation(
        &self,
        agent: i64,
        ticket: i64,
        to: &[&str],
        subject: &str,
        html_body: &str,
    ) -> String {
        let spec = StartSpec {
            to: to.iter().map(|email| json!({ "email": email })).collect(),
            subject: Some(subject.to_owned()),
            html_body: Some(html_body.to_owned()),
            ..StartSpec::default()
        };
        self.start_side_conversation_with(agent, ticket, spec)
    }

    /// An agent starts a side conversation of any kind; its id.
    pub fn start_side_conversation_with(&self, agent: i64, ticket: i64, spec: StartSpec) -> String {
        let now = self.now();
        let mut world = self.world();
        let mut act = world.act(agent, "support", now);
        act.at = spec.created_at.unwrap_or(now);
        let draft = Draft {
            to: spec.to,
            subject: spec.subject,
            body: spec.body,
            html_body: spec.html_body,
            attachments: spec.attachments,
            external_ids: spec.message_external_ids,
            ..Draft::default()
        };
        world.start(ticket, &act, draft, spec.external_ids).unwrap_or_default()
    }

    /// A user replies to all the others: an agent in the UI, anybody else by e-mail; the event's id.
    pub fn reply(&self, user: i64, side_conversation: &str, html_body: &str) -> String {
        self.reply_with(user, side_conversation, html_body, &[])
    }

    /// The same, with files added by [`FakeZendesk::add_file`].
    pub fn reply_with(&self, user: i64, side_conversation: &str, html_body: &str, attachments: &[&str]) -> String {
        let draft = Draft {
            html_body: Some(html_body.to_owned()),
            attachments: attachments.iter().map(|id| (*id).to_owned()).collect(),
            ..Draft::default()
        };
        let now = self.now();
        let mut world = self.world();
        let via = if world.is_agent(user) { "support" } else { "email" };
        answer_all(&mut world, user, via, side_conversation, draft, now).unwrap_or_default()
    }

    /// Somebody answers the side conversation's e-mail; the event's id.
    pub fn reply_by_mail(&self, email: &str, side_conversation: &str, text: &str) -> String {
        let now = self.now();
        let mut world = self.world();
        if !world.conversations.contains_key(side_conversation) {
            return String::new();
        }
        let user = world.user_of_address(email, None, now);
        let draft = Draft { body: Some(text.to_owned()), ..Draft::default() };
        answer_all(&mut world, user, "email", side_conversation, draft, now).unwrap_or_default()
    }

    /// A customer writes a mail to a closed ticket, which makes a follow-up; its id, 0 if the ticket is not closed.
    pub fn follow_up_by_mail(&self, user: i64, ticket: i64, text: &str) -> i64 {
        let now = self.now();
        self.world().follow_up_by_mail(user, ticket, text, now)
    }

    /// An agent marks a side conversation as done or opens it again; the event's id, empty if it is so already.
    pub fn set_state(&self, agent: i64, side_conversation: &str, state: &str) -> String {
        let now = self.now();
        let mut world = self.world();
        if !matches!(state, "open" | "closed") {
            return String::new();
        }
        let act = world.act(agent, "support", now);
        let updates = Map::from_iter([("state".to_owned(), json!(state))]);
        world.change(side_conversation, &act, updates).unwrap_or_default()
    }
}

/// Looking.
impl FakeZendesk {
    /// The side conversations of a ticket.
    pub fn side_conversations(&self, ticket: i64) -> Vec<Value> {
        let world = self.world();
        let ids = world.tickets.get(&ticket).map(|ticket| ticket.conversations.as_slice()).unwrap_or_default();
        let found = ids.iter().filter_map(|id| world.conversations.get(id));
        found.map(|conversation| world.show_conversation(conversation)).collect()
    }

    /// One side conversation.
    pub fn side_conversation(&self, id: &str) -> Option<Value> {
        let world = self.world();
        world.conversations.get(id).map(|conversation| world.show_conversation(conversation))
    }

    /// The events of a side conversation, in order of time.
    pub fn events(&self, side_conversation: &str) -> Vec<Value> {
        let world = self.world();
        let places = world.conversations.get(side_conversation).map(|one| one.events.as_slice()).unwrap_or_default();
        let events = places.iter().filter_map(|place| world.events.get(*place));
        events.map(|event| world.show_event(event)).collect()
    }

    /// One ticket, deleted or not.
    pub fn ticket(&self, id: i64) -> Option<Value> {
        let world = self.world();
        world.tickets.get(&id).map(|ticket| world.show_ticket(&ticket.fields))
    }

    /// All tickets that are not deleted.
    pub fn tickets(&self) -> Vec<Value> {
        let world = self.world();
        let kept = world.tickets.values().filter(|ticket| !ticket.deleted);
        kept.map(|ticket| world.show_ticket(&ticket.fields)).collect()
    }

    /// All users that are not deleted.
    pub fn users(&self) -> Vec<Value> {
        self.world().users.values().filter(|user| !user.deleted).map(User::show).collect()
    }

    /// The comments of a ticket, internal notes among them with `public: false`.
    pub fn comments(&self, ticket: i64) -> Vec<Value> {
        let world = self.world();
        let comments = world.tickets.get(&ticket).map(|ticket| ticket.comments.as_slice()).unwrap_or_default();
        comments.iter().map(|comment| comment.value.clone()).collect()
    }

    /// What side-conversation messages mailed, one entry a recipient: `to`, `subject`, `body`,
    /// `side_conversation_id`.
    pub fn outgoing_mail(&self) -> Vec<Value> {
        self.world().mail.clone()
    }

    /// The calls that came in, with their times.
    pub fn calls(&self) -> Vec<(String, i64)> {
        self.world().calls.iter().cloned().collect()
    }

    /// Forgets the calls that came in.
    pub fn clear_calls(&self) {
        self.world().calls.clear();
    }
}

/// A reply to everybody else; on a closed ticket one from outside makes a follow-up, and once a follow-up
/// has a copy, mail is added to that.
pub(super) fn answer_all(
    world: &mut World,
    user: i64,
    via: &'static str,
    id: &str,
    mut draft: Draft,
    now: i64,
) -> Result<String, Answer> {
    let outside = via == "email";
    let mut id = id.to_owned();
    while let Some(copy) = world.conversations.get(&id).and_then(|found| found.copy.clone()).filter(|_| outside) {
        id = copy;
    }
    let conversation = world.conversations.get(&id).ok_or_else(Answer::not_found)?;
    let me = world.participant(user);
    let mut to: Vec<Value> =
        conversation.participants.iter().filter(|one| **one != me).map(|one| (**one).clone()).collect();
    if to.is_empty() {
        to.push((*me).clone());
    }
    let kind = conversation.kind;
    if kind != super::world::Kind::Email {
        to.retain(|one| one.get("user_id").is_none());
    }
    // Somebody who was suspended or deleted since gets no mail, and the reply goes out all the same.
    to.retain(|one| {
        let user = one.get("user_id").and_then(Value::as_i64);
        user.is_none_or(|id| world.users.get(&id).is_some_and(User::active))
    });
    draft.to = to;
    let act = world.act(user, via, now);
    let event = world.add_reply(&id, &act, draft)?;
    if outside {
        world.follow_up(&id, &act);
    }
    Ok(event)
}

fn web() -> Value {
    json!({"channel": "web", "source": {"from": {}, "to": {}, "rel": null}})
}
