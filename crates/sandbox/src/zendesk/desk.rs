//! An agent at the desk: what [`acts`](super::acts) does, with Zendesk's reason where it refuses.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Content};
use super::world::Ticket;
use super::{FakeZendesk, TicketSpec, UserSpec};

impl FakeZendesk {
    /// An agent starts a side conversation from plain text; its id.
    ///
    /// # Errors
    /// Zendesk's reason, as a sentence.
    pub fn desk_start(
        &self,
        agent: i64,
        ticket: i64,
        to: &[&str],
        subject: &str,
        body: &str,
    ) -> Result<String, String> {
        self.desk_start_with(agent, ticket, to, (subject, body), Vec::new())
    }

    /// An agent replies to everybody else in plain text; the event's id.
    ///
    /// # Errors
    /// Zendesk's reason, as a sentence.
    pub fn desk_reply(&self, agent: i64, side_conversation: &str, body: &str) -> Result<String, String> {
        self.desk_reply_with(agent, side_conversation, body, Vec::new())
    }

    /// Somebody writes to support: the ticket's number. Who has this name is known already, or is a customer from then on.
    ///
    /// # Errors
    /// What is missing, as a sentence.
    pub fn desk_ticket(&self, requester: &str, subject: &str, description: &str) -> Result<i64, String> {
        let (requester, subject) = (requester.trim(), subject.trim());
        if requester.is_empty() || subject.is_empty() || description.trim().is_empty() {
            return Err("a ticket says who asks, has a subject, and says what it is about.".to_owned());
        }
        let is_it = |user: &Value| user["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(requester));
        let known = self.users().iter().find(|user| is_it(user)).and_then(|user| user["id"].as_i64());
        let requester_id = known.unwrap_or_else(|| {
            self.add_user(UserSpec { name: requester.to_owned(), role: "end-user".to_owned(), ..UserSpec::default() })
        });
        Ok(self.add_ticket(TicketSpec {
            subject: subject.to_owned(),
            description: description.to_owned(),
            requester_id,
            status: "new".to_owned(),
            ..TicketSpec::default()
        }))
    }

    /// The names of customers, so many of them.
    pub fn customers(&self, most: usize) -> Vec<String> {
        let world = self.world();
        let customers =
            world.users.values().filter(|user| user.fields.get("role").is_some_and(|role| role == "end-user"));
        let names = customers.filter_map(|user| user.fields.get("name")?.as_str());
        names.take(most).map(str::to_owned).collect()
    }

    /// An agent comments on a ticket, for the customer to see or as an internal note.
    ///
    /// # Errors
    /// Zendesk's reason, as a sentence.
    pub fn desk_comment(&self, agent: i64, ticket: i64, body: &str, public: bool) -> Result<(), String> {
        if body.trim().is_empty() {
            return Err("the comment is empty".to_owned());
        }
        self.desk_update(agent, ticket, json!({"comment": {"body": body, "public": public}}))
    }

    /// An agent sets a ticket's status.
    ///
    /// # Errors
    /// Zendesk's reason, as a sentence.
    pub fn desk_status(&self, agent: i64, ticket: i64, status: &str) -> Result<(), String> {
        self.desk_update(agent, ticket, json!({ "status": status }))
    }

    fn desk_update(&self, agent: i64, ticket: i64, patch: Value) -> Result<(), String> {
        let now = self.now();
        let Value::Object(patch) = patch else { return Ok(()) };
        let via = json!({"channel": "web", "source": {"from": {}, "to": {}, "rel": null}});
        let done = self.world().update_ticket(ticket, agent, &patch, via, now);
        done.map(|_| ()).map_err(|refusal| reason(&refusal))
    }

    /// How many tickets there are, deleted ones included, whose number is `find` or whose subject or requester has it;
    /// and `count` of them from the `from`th on, the one with the latest comment first. Each stands beside its latest
    /// comment and says how many side conversations of it are open.
    pub fn desk_list(&self, find: &str, from: usize, count: usize) -> (usize, Vec<Value>) {
        let world = self.world();
        let wanted = find.trim().trim_start_matches('#').to_lowercase();
        let name = |ticket: &Ticket| {
            let user = ticket.number("requester_id").and_then(|id| world.users.get(&id));
            user.and_then(|user| user.fields.get("name")).and_then(Value::as_str).unwrap_or_default()
        };
        let fits = |(id, ticket): &(&i64, &Ticket)| {
            wanted.is_empty()
                || id.to_string() == wanted
                || ticket.text("subject").to_lowercase().contains(&wanted)
                || name(ticket).to_lowercase().contains(&wanted)
        };
        let latest = |ticket: &Ticket| ticket.comments.last().map_or(0, |comment| comment.at);
        let mut found: Vec<(i64, i64, &Ticket)> =
            world.tickets.iter().filter(fits).map(|(id, ticket)| (latest(ticket), *id, ticket)).collect();
        found.sort_unstable_by_key(|(at, id, _)| std::cmp::Reverse((*at, *id)));
        let shown = found.iter().skip(from).take(count).map(|(_, id, ticket)| {
            let sides = ticket.conversations.iter().filter_map(|side| world.conversations.get(side));
            json!({
                "id": id, "subject": ticket.text("subject"), "status": ticket.text("status"),
                "priority": ticket.fields.get("priority"), "requester": name(ticket), "deleted": ticket.deleted,
                "open_sides": sides.filter(|side| side.open).count(),
                "last": ticket.comments.last().map(|comment| &comment.value),
            })
        });
        (found.len(), shown.collect())
    }

    /// Whether a ticket is deleted.
    pub fn is_deleted(&self, ticket: i64) -> bool {
        self.world().tickets.get(&ticket).is_some_and(|ticket| ticket.deleted)
    }

    /// One event of a side conversation, as the API shows it.
    pub fn event(&self, id: &str) -> Option<Value> {
        let world = self.world();
        world.events.iter().rev().find(|event| event.id == id).map(|event| world.show_event(event))
    }

    /// How many deliveries to the bridge wait or are on their way.
    pub fn pending(&self) -> usize {
        let world = self.world();
        world.hooks.len() + world.trials.len()
    }

    /// A user's name.
    pub fn name_of(&self, user: i64) -> Option<String> {
        self.world().users.get(&user)?.fields.get("name")?.as_str().map(str::to_owned)
    }

    /// The groups.
    pub fn groups(&self) -> Vec<Value> {
        self.world().groups.values().cloned().collect()
    }

    /// The organisations.
    pub fn organizations(&self) -> Vec<Value> {
        self.world().organizations.values().cloned().collect()
    }
}

/// The most telling text of a refusal: what is wrong with a field, else the description, else the error.
pub(super) fn reason(refusal: &Answer) -> String {
    let Content::Json(body) = &refusal.body else { return format!("HTTP status {}", refusal.status) };
    let of_fields = body.get("details").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let details: Vec<&str> = of_fields
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|detail| detail.get("description").and_then(Value::as_str))
        .collect();
    if !details.is_empty() {
        return details.join(" ");
    }
    let said = [body.get("description"), body["error"].get("message"), body.get("error")];
    let said = said.into_iter().flatten().find_map(Value::as_str);
    said.map_or_else(|| format!("HTTP status {}", refusal.status), str::to_owned)
}
