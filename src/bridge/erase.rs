//! What is forgotten of a ticket or of a person, on an operator's word.
//!
//! What is settled is forgotten as a whole by the store. Here stands what has to stay, and how it stays: a thread, its
//! card, and calls that are still to be made.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effect::{Act, Effect};
use super::event::Participant;
use super::ids::{SlackUserId, TicketId, ZendeskUserId};
use super::thread::{BridgedThread, Card, FollowUp, Noticed, Place};
use super::{news, notice};

/// Of what or of whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// A ticket.
    Ticket(TicketId),
    /// Somebody in Zendesk.
    User(ZendeskUserId),
    /// Somebody in Slack.
    SlackUser(SlackUserId),
}

impl Whom {
    /// What stands wherever a person is named by their id; nothing for a ticket.
    pub fn needle(&self) -> Option<String> {
        match self {
            Whom::Ticket(_) => None,
            Whom::User(id) => Some(format!("\"user_id\":{id}")),
            Whom::SlackUser(id) => Some(id.to_string()),
        }
    }

    /// Whether a text that holds the needle means this person, and not one whose number is longer.
    pub fn is_meant(&self, text: &str) -> bool {
        let Some(needle) = self.needle() else { return false };
        let mut found = text.match_indices(&needle);
        found.any(|(at, _)| !text[at + needle.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()))
    }

    /// Adds the names and addresses under which a stored text knows this person.
    pub fn names_in(&self, json: &str, names: &mut Vec<String>) {
        if let Ok(value) = serde_json::from_str::<Value>(json) {
            self.collect(&value, names);
        }
    }

    /// The entry of a side conversation that a stored event holds and that this person wrote.
    pub fn entry_in(&self, json: &str) -> Option<String> {
        let Whom::User(id) = self else { return None };
        let event: Value = serde_json::from_str(json).ok()?;
        let entry = event.pointer("/what/side_conversation")?;
        let is_theirs = entry.pointer("/actor/user_id").and_then(Value::as_i64) == Some(id.0);
        entry.get("id").and_then(Value::as_str).filter(|_| is_theirs).map(str::to_owned)
    }

    fn collect(&self, value: &Value, names: &mut Vec<String>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.collect(value, names)),
            Value::Object(fields) => {
                let is_it = match self {
                    Whom::Ticket(_) => false,
                    Whom::User(id) => fields.get("user_id").and_then(Value::as_i64) == Some(id.0),
                    Whom::SlackUser(id) => fields.get("user").and_then(Value::as_str) == Some(id.as_str()),
                };
                for key in ["name", "email"] {
                    let text = fields.get(key).and_then(Value::as_str).map(str::trim).unwrap_or_default();
                    if is_it && !text.is_empty() && !names.iter().any(|known| known == text) {
                        names.push(text.to_owned());
                    }
                }
                fields.values().for_each(|value| self.collect(value, names));
            }
            _ => {}
        }
    }

    /// Whether a call that was not made yet holds words that are to be forgotten. `own` are the entries that the person
    /// wrote in Zendesk.
    pub fn gives_up(&self, effect: &Effect, own: &[String]) -> bool {
        let says = matches!(
            effect.act,
            Act::Reply(_) | Act::Post { .. } | Act::Tell { .. } | Act::ChangeTell { .. } | Act::Note { .. }
        );
        match (self, &effect.act) {
            (Whom::Ticket(_), _) => says,
            (Whom::SlackUser(id), Act::Reply(reply)) => reply.user == *id,
            (Whom::User(_), Act::Post { .. }) => {
                own.iter().any(|entry| effect.id.as_str().starts_with(&format!("post:{entry}/")))
            }
            _ => false,
        }
    }

    /// A direct message without what it says of the ticket and of the threads at these addresses, if it says any of it;
    /// what is left says nothing new where nothing new is left.
    pub fn left_of(&self, effect: &Effect, links: &[String]) -> Option<Effect> {
        let (Whom::Ticket(ticket_id), Act::Notify { user, news, told, message }) = (self, &effect.act) else {
            return None;
        };
        let (left, known) = (news::without(news, *ticket_id, links), news::without(told, *ticket_id, links));
        let changed = left.len() < news.len() || known.len() < told.len();
        let act = Act::Notify { user: user.clone(), news: left, told: known, message: message.clone() };
        changed.then(|| Effect { act, ..effect.clone() })
    }

    /// Forgets what a thread and its card hold. `own` are the entries that the person wrote in Zendesk.
    pub fn forget(&self, names: &[String], own: &[String], thread: &mut BridgedThread, card: Option<&mut Card>) {
        thread.held.retain(|effect| !self.gives_up(effect, own));
        match self {
            Whom::Ticket(_) => forget_all(thread, card),
            Whom::User(id) => {
                if thread.starter.as_ref().is_some_and(|starter| starter.user_id == Some(*id)) {
                    thread.starter = Some(Participant { user_id: Some(*id), ..Participant::default() });
                    thread.subject.clear();
                }
                forget_names(names, thread, card);
            }
            Whom::SlackUser(id) => {
                thread.noticed.answers.retain(|user| user != id);
                for again in &mut thread.retrying {
                    again.by.take_if(|by| by == id);
                }
                forget_names(names, thread, card);
            }
        }
    }
}

fn forget_all(thread: &mut BridgedThread, card: Option<&mut Card>) {
    thread.subject.clear();
    thread.state_by = None;
    thread.asked_state = None;
    thread.readers.clear();
    thread.ticket = None;
    if let Some(follow_up) = &mut thread.follow_up {
        follow_up.ticket = None;
        forget_who_continues(follow_up);
    }
    thread.held.clear();
    thread.told.left_out.clear();
    thread.noticed = Noticed::default();
    thread.starter = thread
        .starter
        .as_ref()
        .and_then(|starter| starter.user_id)
        .map(|id| Participant { user_id: Some(id), ..Participant::default() });
    if !matches!(thread.place, Place::Linked { .. } | Place::Older) {
        thread.place = Place::LeftAlone;
    }
    if let Some(card) = card {
        let written_at_ms = card.written_at_ms;
        *card = Card { asker: notice::SOMEBODY.to_owned(), written_at_ms, ..Card::default() };
    }
}

fn forget_names(names: &[String], thread: &mut BridgedThread, card: Option<&mut Card>) {
    let is = |name: &str| names.iter().any(|known| known == name.trim());
    thread.readers.retain(|reader| !is(&reader.name));
    thread.told.left_out.retain(|name| !is(name));
    thread.state_by.take_if(|name| is(name));
    if let Some(asked) = thread.asked_state.as_mut().filter(|asked| is(&asked.name)) {
        asked.name = notice::SOMEBODY.to_owned();
    }
    if let Some(follow_up) = thread.follow_up.as_mut()
        && follow_up.by.as_ref().is_some_and(|by| is(&by.name))
    {
        forget_who_continues(follow_up);
    }
    let follow_up = thread.follow_up.as_mut().and_then(|follow_up| follow_up.ticket.as_mut());
    for ticket in thread.ticket.as_mut().into_iter().chain(follow_up) {
        ticket.requester.take_if(|name| is(name));
        ticket.assignee.take_if(|name| is(name));
    }
    let Some(card) = card else { return };
    if is(&card.asker) {
        card.asker = notice::SOMEBODY.to_owned();
        card.text.clear();
    }
    card.ticket.requester.take_if(|name| is(name));
    card.ticket.assignee.take_if(|name| is(name));
}

fn forget_who_continues(follow_up: &mut FollowUp) {
    if let Some(by) = &mut follow_up.by {
        by.name = notice::SOMEBODY.to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_known_by_the_whole_of_the_number_and_by_the_names_beside_it() {
        let whom = Whom::User(ZendeskUserId(12));
        assert!(whom.is_meant(r#"{"user_id":12}"#) && whom.is_meant(r#"{"user_id":12,"x":1}"#));
        assert!(!whom.is_meant(r#"{"user_id":123}"#));
        let mut names = Vec::new();
        whom.names_in(
            r#"{"a":[{"user_id":12,"name":"Zoe","email":"z@a.example"},{"user_id":13,"name":"Yan"}]}"#,
            &mut names,
        );
        assert_eq!(names, ["Zoe", "z@a.example"]);
    }
}
