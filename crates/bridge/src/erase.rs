//! What is forgotten of a ticket or of a person, on an operator's word.
//!
//! What is settled is forgotten as a whole by the store. Here stands what has to stay, and how it stays: a thread, its
//! card, and calls that are still to be made.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effect::{Act, Effect};
use super::event::Participant;
use super::facts::Erased;
use super::heading;
use super::ids::{SlackUserId, TicketId, ZendeskUserId};
use super::news::{self, News};
use super::notice;
use super::thread::{BridgedThread, Card, Continuing, Noticed, Place};

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

    /// Whether a stored text holds one of these names, by itself.
    pub fn names_stand_in(names: &[String], text: &str) -> bool {
        names.iter().any(|name| stands_in(&in_json(name), text))
    }

    /// Adds the names and addresses under which a stored text knows this person.
    pub fn names_in(&self, json: &str, names: &mut Vec<String>) {
        if let Ok(value) = serde_json::from_str::<Value>(json) {
            self.collect(&value, names);
        }
    }

    /// Adds the Slack messages that a stored text says this person wrote, as their addresses end.
    pub fn messages_in(&self, json: &str, messages: &mut Vec<String>) {
        let Whom::SlackUser(id) = self else { return };
        each_in(&serde_json::from_str(json).unwrap_or_default(), &mut |value| {
            if value.get("user").and_then(Value::as_str) == Some(id.as_str())
                && let Some(ts) = value.get("ts").and_then(Value::as_str)
            {
                messages.push(format!("/p{}", ts.replace('.', "")));
            }
        });
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
        each_in(value, &mut |value| {
            if let Value::Object(fields) = value {
                let is = |key: &str| match self {
                    Whom::Ticket(_) => false,
                    Whom::User(id) => fields.get(key).and_then(Value::as_i64) == Some(id.0),
                    Whom::SlackUser(id) => fields.get(key).and_then(Value::as_str) == Some(id.as_str()),
                };
                let named = |beside: &str, keys: &'static [&'static str]| if is(beside) { keys } else { &[] };
                let user = if matches!(self, Whom::User(_)) { "user_id" } else { "user" };
                for key in named(user, &["name", "email"]).iter().chain(named("state_by_user", &["state_by"])) {
                    add_name(fields.get(*key).and_then(Value::as_str).unwrap_or_default(), names);
                }
            }
        });
    }

    /// Whether a call that was not made yet holds words that are to be forgotten. `own` are the entries that the person
    /// wrote in Zendesk.
    pub fn gives_up(&self, effect: &Effect, own: &[String]) -> bool {
        match (self, &effect.act) {
            (Whom::Ticket(_), act) => act.facts().erased == Erased::GivenUp,
            (Whom::SlackUser(id), Act::Reply(reply)) => reply.user == *id,
            (Whom::SlackUser(id), Act::CreateSideConversation(create)) => create.user == *id,
            (Whom::SlackUser(id), Act::LookForStart { user, .. } | Act::TellStarter { user, .. }) => user == id,
            // It says who pressed a button.
            (Whom::SlackUser(id), Act::Note { .. }) => effect.id.as_str().ends_with(&format!(":{id}")),
            (Whom::User(_), Act::Post { .. }) => {
                own.iter().any(|entry| effect.id.as_str().starts_with(&format!("post:{entry}/")))
            }
            // It quotes the message that it speaks of.
            (Whom::User(_), Act::Note { .. }) => {
                own.iter().any(|entry| effect.id.as_str().contains(&format!(":post:{entry}/")))
            }
            _ => false,
        }
    }

    /// A direct message without what it says of the ticket and of the threads at these addresses, or of the person, if it
    /// says any of it; what is left says nothing new where nothing new is left.
    pub fn left_of(&self, effect: &Effect, links: &[String]) -> Option<Effect> {
        let Act::Notify { user, news, told, message } = &effect.act else { return None };
        let left_of = |news: &[News]| match self {
            Whom::Ticket(ticket_id) => news::without(news, *ticket_id, links),
            Whom::SlackUser(id) => news::without_whom(news, id),
            Whom::User(_) => news.to_vec(),
        };
        let (left, known) = (left_of(news), left_of(told));
        let changed = (&left, &known) != (news, told);
        let act = Act::Notify { user: user.clone(), news: left, told: known, message: message.clone() };
        changed.then(|| Effect { act, ..effect.clone() })
    }

    /// A call that is still to be made without what it need not say of this ticket or person, if it says any of it.
    pub fn rewritten(&self, effect: &Effect, names: &[String]) -> Option<Effect> {
        let Act::ContinueOn { ticket_id, user, name, thread_url } = &effect.act else { return None };
        let is_theirs = match self {
            Whom::Ticket(_) => user.is_some() || name != notice::SOMEBODY_IN_SLACK,
            Whom::SlackUser(id) => user.as_ref() == Some(id) || names.contains(name),
            Whom::User(_) => names.contains(name),
        };
        let (ticket_id, thread_url) = (*ticket_id, thread_url.clone());
        let act = Act::ContinueOn { ticket_id, user: None, name: notice::SOMEBODY_IN_SLACK.to_owned(), thread_url };
        is_theirs.then(|| Effect { act, ..effect.clone() })
    }

    /// Whether a call that is still to be made holds some of it all the same.
    pub fn is_left_in(&self, effect: &Effect, names: &[String]) -> bool {
        let says = |act: &Act| serde_json::to_string(act).unwrap_or_default();
        match self {
            Whom::Ticket(_) => effect.act.facts().erased == Erased::Holds,
            _ => self.is_meant(&says(&effect.act)) || Whom::names_stand_in(names, &says(&effect.act)),
        }
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
                thread.people.retain(|user| user != id);
                if thread.start.as_ref().is_some_and(|start| start.asked.user == *id) {
                    forget_start(thread);
                }
                for again in &mut thread.retrying {
                    again.by.take_if(|by| by == id);
                }
                let is = |user: &mut SlackUserId| user == id;
                thread.state_by_user.take_if(is);
                if let Some(asked) = thread.asked_state.as_mut().filter(|asked| asked.user.as_ref() == Some(id)) {
                    (asked.name, asked.user) = (notice::SOMEBODY_IN_SLACK.to_owned(), None);
                }
                let by = thread.follow_up.as_mut().and_then(|follow_up| follow_up.by.as_mut());
                by.filter(|by| by.user.as_ref() == Some(id)).into_iter().for_each(forget_who_continues);
                forget_names(names, thread, card);
            }
        }
    }
}

/// Adds the names under which what the app wrote, and read again, speaks of who wrote these Slack messages.
pub fn names_over(messages: &[String], json: &str, slack_url: &str, names: &mut Vec<String>) {
    each_in(&serde_json::from_str(json).unwrap_or_default(), &mut |value| {
        for line in value.as_str().unwrap_or_default().lines() {
            if messages.iter().any(|message| line.contains(message.as_str()))
                && let Some((name, _)) = heading::read(line, slack_url)
            {
                add_name(&name, names);
            }
        }
    });
}

/// Adds a name, once.
pub fn add_name(name: &str, names: &mut Vec<String>) {
    let name = name.trim();
    if !name.is_empty() && !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

/// A name as it stands within a stored text.
pub fn in_json(name: &str) -> String {
    let quoted = serde_json::to_string(name).unwrap_or_default();
    quoted.trim_matches('"').to_owned()
}

/// Whether nobody else is likely to be meant by a name, so that a text which holds it speaks of them.
pub fn is_telling(name: &str) -> bool {
    name.contains(|c: char| c.is_whitespace() || c == '@')
}

fn each_in(value: &Value, seen: &mut impl FnMut(&Value)) {
    seen(value);
    match value {
        Value::Array(values) => values.iter().for_each(|value| each_in(value, seen)),
        Value::Object(fields) => fields.values().for_each(|value| each_in(value, seen)),
        _ => {}
    }
}

/// Whether a name stands in a text by itself, and not as part of a word.
fn stands_in(name: &str, text: &str) -> bool {
    let ends = |at: usize| !text[at..].starts_with(char::is_alphanumeric);
    let begins = |at: usize| {
        let before = &text[..at];
        // A stored text has its line breaks written out.
        !before.ends_with(char::is_alphanumeric) || ["\\n", "\\t", "\\r"].iter().any(|space| before.ends_with(space))
    };
    !name.is_empty() && text.match_indices(name).any(|(at, _)| begins(at) && ends(at + name.len()))
}

/// A start whose side conversation is not there is given up with its words.
fn forget_start(thread: &mut BridgedThread) {
    if thread.start.take().is_some() && thread.place == Place::Asked {
        thread.place = Place::LeftAlone;
        thread.subject.clear();
    }
}

fn forget_all(thread: &mut BridgedThread, card: Option<&mut Card>) {
    thread.forgotten = true;
    thread.subject.clear();
    (thread.state_by, thread.state_by_user) = (None, None);
    thread.asked_state = None;
    thread.readers.clear();
    thread.ticket = None;
    if let Some(follow_up) = &mut thread.follow_up {
        follow_up.ticket = None;
        follow_up.by.iter_mut().for_each(forget_who_continues);
    }
    thread.held.clear();
    thread.told.left_out.clear();
    thread.noticed = Noticed::default();
    thread.people.clear();
    forget_start(thread);
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
    if thread.state_by.take_if(|name| is(name)).is_some() {
        thread.state_by_user = None;
    }
    if let Some(asked) = thread.asked_state.as_mut().filter(|asked| is(&asked.name)) {
        (asked.name, asked.user) = (notice::SOMEBODY_IN_SLACK.to_owned(), None);
    }
    let by = thread.follow_up.as_mut().and_then(|follow_up| follow_up.by.as_mut());
    by.filter(|by| is(&by.name)).into_iter().for_each(forget_who_continues);
    let telling: Vec<&String> = names.iter().filter(|name| is_telling(name)).collect();
    let said = |text: &mut String| {
        for name in telling.iter().filter(|name| stands_in(name, text)).collect::<Vec<_>>() {
            *text = text.replace(name.as_str(), "[…]");
        }
    };
    said(&mut thread.subject);
    let follow_up = thread.follow_up.as_mut().and_then(|follow_up| follow_up.ticket.as_mut());
    let (card, of_card) = match card {
        Some(Card { ticket, asker, text, .. }) => (Some((asker, text)), Some(ticket)),
        None => (None, None),
    };
    for ticket in thread.ticket.as_mut().into_iter().chain(follow_up).chain(of_card) {
        ticket.requester.take_if(|name| is(name));
        ticket.assignee.take_if(|name| is(name));
        ticket.subject.iter_mut().for_each(said);
    }
    let Some((asker, text)) = card else { return };
    if is(asker) {
        *asker = notice::SOMEBODY.to_owned();
        text.clear();
    }
    said(text);
}

fn forget_who_continues(by: &mut Continuing) {
    (by.name, by.user) = (notice::SOMEBODY_IN_SLACK.to_owned(), None);
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

    #[test]
    fn a_name_stands_by_itself_also_after_a_line_break_that_is_written_out() {
        let names = ["Ana Souza".to_owned()];
        for text in [r#"{"text":"Ana Souza in Slack"}"#, r#"{"text":"x\nAna Souza: yes"}"#, "(Ana Souza)"] {
            assert!(Whom::names_stand_in(&names, text), "{text}");
        }
        for text in ["Diana Souza", "Ana Souzas", "Joana Souza", "Ana"] {
            assert!(!Whom::names_stand_in(&names, text), "{text}");
        }
    }
}
