//! Who a side conversation's message goes to: what may be named, and who is made of a new address.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::people::User;
use super::world::{Kind, World};

/// HC 4604286879642: 100 recipients in all, at most 48 of them not agents.
const MOST: usize = 100;
const MOST_OUTSIDE: usize = 48;

impl World {
    /// Checks `message.to` without changing anything.
    pub(super) fn check_recipients(&self, to: &[Value], by: i64) -> Result<Kind, Answer> {
        let invalid = |description: &str| Err(Answer::record_invalid("to", description));
        if to.is_empty() {
            return invalid("To: cannot be blank");
        }
        if to.len() > MOST {
            return invalid("To: has more than 100 participants");
        }
        let mut kinds = Vec::new();
        for one in to {
            let Some(kind) = kind_of(one) else { return invalid(&format!("To: {one} is not a participant")) };
            kinds.push(kind);
        }
        let kind = kinds[0];
        if kinds.iter().any(|other| *other != kind) {
            return invalid("To: kinds of participants cannot be mixed");
        }
        match kind {
            Kind::Email => self.check_addresses(to)?,
            _ if to.len() > 1 => return invalid("To: has more than one channel or group"),
            Kind::ChildTicket => {
                if self.users.get(&by).is_some_and(User::is_light) {
                    return Err(Answer::forbidden());
                }
                if !number_of(&to[0], "support_group_id").is_some_and(|group| self.groups.contains_key(&group)) {
                    return invalid("To: support_group_id is invalid");
                }
            }
            Kind::Slack | Kind::Teams => {}
        }
        Ok(kind)
    }

    fn check_addresses(&self, to: &[Value]) -> Result<(), Answer> {
        let mut outside = 0;
        for one in to {
            let user = match (one.get("user_id").and_then(Value::as_i64), one.get("email").and_then(Value::as_str)) {
                (Some(id), _) => match self.users.get(&id) {
                    Some(user) if user.deleted => {
                        return Err(Answer::record_invalid("to", &format!("To: user {id} is deleted")));
                    }
                    None => return Err(Answer::record_invalid("to", &format!("To: user {id} does not exist"))),
                    found => found,
                },
                (None, Some(email)) if plausible(email) => {
                    let found = self.addresses.get(&email.to_lowercase()).and_then(|id| self.users.get(id));
                    if found.is_some_and(|user| user.deleted) {
                        return Err(Answer::record_invalid("to", &format!("To: {email} is deleted")));
                    }
                    found
                }
                (None, email) => {
                    let named = email.unwrap_or("");
                    return Err(Answer::record_invalid("to", &format!("To: {named:?} is not an e-mail address")));
                }
            };
            if let Some(user) = user
                && user.suspended()
            {
                let name = user.email().map_or_else(|| user.fields["id"].to_string(), str::to_owned);
                return Err(Answer::record_invalid("to", &format!("To: {name} is suspended")));
            }
            outside += usize::from(!user.is_some_and(User::is_agent));
        }
        if outside > MOST_OUTSIDE {
            return Err(Answer::record_invalid("to", "To: has more than 48 participants who are not agents"));
        }
        Ok(())
    }

    /// Turns checked recipients into participants; makes an end user of an address that nobody has.
    pub(super) fn resolve_recipients(&mut self, to: &[Value], kind: Kind, now: i64) -> Vec<Arc<Value>> {
        let mut participants: Vec<Arc<Value>> = Vec::new();
        for one in to {
            let participant = match kind {
                Kind::Email => {
                    let user =
                        match (one.get("user_id").and_then(Value::as_i64), one.get("email").and_then(Value::as_str)) {
                            (Some(id), _) => id,
                            (None, email) => {
                                self.user_of_address(email.unwrap_or(""), one.get("name").and_then(Value::as_str), now)
                            }
                        };
                    self.participant(user)
                }
                Kind::Slack => kept(one, &["slack_workspace_id", "slack_channel_id"]),
                Kind::ChildTicket => kept(one, &["support_group_id", "support_agent_id"]),
                Kind::Teams => kept(one, &["msteams_channel_id"]),
            };
            join(&mut participants, &participant);
        }
        participants
    }

    /// Who an imported message comes from, if it says so in a way that names a person.
    pub(super) fn resolve_author(&mut self, from: &Value, now: i64) -> Option<Arc<Value>> {
        if let Some(id) = from.get("user_id").and_then(Value::as_i64) {
            return self.users.contains_key(&id).then(|| self.participant(id));
        }
        let email = from.get("email").and_then(Value::as_str).filter(|email| plausible(email))?;
        let user = self.user_of_address(email, from.get("name").and_then(Value::as_str), now);
        Some(self.participant(user))
    }
}

/// Adds a participant who is not there yet.
pub(super) fn join(participants: &mut Vec<Arc<Value>>, one: &Arc<Value>) {
    let same = |other: &Arc<Value>| Arc::ptr_eq(other, one) || other == one;
    if !participants.iter().any(same) {
        participants.push(one.clone());
    }
}

fn kind_of(one: &Value) -> Option<Kind> {
    let has = |keys: &[&str]| keys.iter().any(|key| one.get(*key).is_some_and(|value| !value.is_null()));
    let kinds = [
        (Kind::Email, has(&["user_id", "email"])),
        (Kind::Slack, has(&["slack_workspace_id", "slack_channel_id"])),
        (Kind::ChildTicket, has(&["support_group_id", "support_agent_id"])),
        (Kind::Teams, has(&["msteams_channel_id"])),
    ];
    let mut named = kinds.iter().filter(|(_, named)| *named).map(|(kind, _)| *kind);
    let kind = named.next()?;
    named.next().is_none().then_some(kind)
}

pub(super) fn number_of(value: &Value, key: &str) -> Option<i64> {
    let value = value.get(key)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

pub(super) fn plausible(email: &str) -> bool {
    let mut parts = email.splitn(2, '@');
    let (local, host) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    !local.is_empty() && host.contains('.') && !email.contains(char::is_whitespace) && !host.contains('@')
}

fn kept(one: &Value, keys: &[&str]) -> Arc<Value> {
    let kept = keys.iter().filter_map(|key| one.get(*key).map(|value| ((*key).to_owned(), json!(value))));
    Arc::new(Value::Object(Map::from_iter(kept)))
}
