//! Names for what a run makes: the same in every run of the same acts, whatever ids the fakes give.
//!
//! Who wrote the how many-th thing in which place, such as `C0SUPPORT01/U0SANDBOT1#1/U0WANJIRU01#2`: it does not
//! matter what others wrote meanwhile. What bears a mark of the side conversation that it is about is counted among those
//! alone: side conversations that come to one channel at once may stand there in any order. What is born in the answer to a request is named by the request and the field.
//! Secrets have names for another reason: nobody shall find one in a recording.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::body::Place;
use crate::Sandbox;

const OPENS: char = '⟦';
/// What the names of side conversations begin with.
const SIDE: &str = "side/";
const CLOSES: char = '⟧';
/// What stands where a secret stood that nobody knows.
pub(super) const UNKNOWN: &str = "⟦unknown⟧";
/// Fields of requests that hold secrets and nothing else.
const SECRET_FIELDS: [&str; 6] = ["token", "access_token", "client_secret", "password", "secret", "api_token"];
/// The largest answer that is looked into for ids, in bytes.
pub(super) const LARGEST_ANSWER: usize = 4 << 20;
/// Fields of answers whose values a later request may name.
const ANSWERED: [&str; 6] = ["id", "file_id", "upload_url", "ts", "access_token", "token"];

/// Marks the name of what is a number.
const NUMBER: char = '#';

/// The name that stands for a number, if a text is one name and nothing else.
pub(super) fn of_number(text: &str) -> Option<String> {
    let is_one = text.starts_with(OPENS) && text.ends_with(CLOSES) && text.matches(OPENS).count() == 1;
    is_one.then(|| format!("{OPENS}{NUMBER}{}", &text[OPENS.len_utf8()..]))
}

/// Whether a text is such a name.
pub(super) fn is_of_number(text: &str) -> bool {
    text.strip_prefix(OPENS).is_some_and(|rest| rest.starts_with(NUMBER))
}

/// What a run has made so far, by id and by name.
#[derive(Default)]
pub(super) struct Names {
    of: HashMap<String, String>,
    ids: HashMap<String, String>,
    counts: HashMap<String, u64>,
    /// Ids that the firm had before anybody did anything: they are the same in every run.
    first: HashSet<String>,
    secrets: Vec<String>,
    base_url: String,
    /// Where the bridge and its people reach the sandbox, the longest first.
    addresses: Vec<String>,
    /// How many names were given to what may have been spoken of before.
    late: u64,
    slack: i64,
    events: usize,
    tickets: i64,
}

/// Something that was named just now.
pub(super) struct Born {
    pub(super) name: String,
    pub(super) of: Origin,
}

/// Where something that was named stands.
pub(super) enum Origin {
    Slack(Box<crate::slack::Written>),
    SideConversation(Box<Value>),
}

impl Names {
    /// Those of a firm in which nothing has happened beside its past.
    pub(super) fn of(sandbox: &Sandbox) -> Names {
        let mut addresses: Vec<String> = sandbox.inner_url.iter().chain([&sandbox.base_url]).cloned().collect();
        addresses.sort_by_key(|address| std::cmp::Reverse(address.len()));
        let mut names = Names { base_url: sandbox.base_url.clone(), addresses, ..Names::default() };
        let credentials = sandbox.credentials();
        for (name, secret) in credentials.named() {
            names.give(format!("secret {name}"), secret.to_owned());
        }
        for person in sandbox.slack.people() {
            let id = person["id"].as_str().unwrap_or_default();
            if let Some(token) = sandbox.slack.token_of(id).filter(|token| *token != credentials.slack_bot_token) {
                names.give(format!("token {id}"), token);
            }
        }
        for user in sandbox.zendesk.users() {
            let id = user["id"].as_i64().unwrap_or_default();
            if let Some(token) = sandbox.zendesk.token_of(id) {
                names.give(format!("token {id}"), token);
            }
        }
        names.secrets = names.of.keys().cloned().collect();
        let of_zendesk = [sandbox.zendesk.users(), sandbox.zendesk.groups(), sandbox.zendesk.organizations()];
        names.first = of_zendesk.iter().flatten().map(|one| one["id"].to_string()).collect();
        names.first.extend(sandbox.slack.ids());
        names.tickets = sandbox.zendesk.tickets_from(0).last().map_or(0, |(id, _)| id + 1);
        names.look(sandbox);
        names
    }

    /// Names whatever was made since the last look, and tells of it.
    pub(super) fn look(&mut self, sandbox: &Sandbox) -> Vec<Born> {
        let mut born = Vec::new();
        for (ticket, by) in sandbox.zendesk.tickets_from(self.tickets) {
            self.tickets = ticket + 1;
            let name = self.next(&format!("ticket/{by}"));
            self.give(name, ticket.to_string());
        }
        for event in sandbox.zendesk.events_from(self.events) {
            self.events += 1;
            let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
            let (id, conversation) = (text("id"), text("side_conversation_id"));
            let actor = &event["actor"];
            let by = actor["user_id"].as_i64().map(|id| id.to_string());
            let by = by.or_else(|| actor["email"].as_str().map(str::to_owned)).unwrap_or_default();
            if !self.of.contains_key(&conversation) {
                let ticket = event["ticket_id"].to_string();
                let ticket = self.of.get(&ticket).cloned().unwrap_or(ticket);
                let name = self.next(&format!("{SIDE}{ticket}/{by}"));
                self.give(name, conversation.clone());
            }
            let parent = self.of.get(&conversation).cloned().unwrap_or_default();
            let name = self.next(&format!("{parent}/{by}"));
            if id != conversation {
                self.give(name.clone(), id);
            }
            born.push(Born { name, of: Origin::SideConversation(Box::new(event)) });
        }
        for written in sandbox.slack.written_after(self.slack) {
            self.slack = written.key;
            if written.place != written.channel {
                self.give(format!("direct/{}", written.place), written.channel.clone());
            }
            let root = written.thread_ts.as_ref().and_then(|ts| self.of.get(ts));
            let mut parent = root.cloned().unwrap_or_else(|| written.place.clone());
            if let Some(only) = &written.only_for {
                parent = format!("{parent}/only for {only}");
            }
            let mut by = written.author.clone();
            if let Some(side) = written.marks.iter().find_map(|mark| self.side_in(mark)) {
                by = format!("{by} for {side}");
            }
            let name = self.next(&format!("{parent}/{by}"));
            self.give(name.clone(), written.ts.clone());
            self.give(format!("link {name}"), format!("p{}", written.ts.replace('.', "")));
            born.push(Born { name, of: Origin::Slack(Box::new(written)) });
        }
        born
    }

    /// Names what the answer to a request tells of.
    pub(super) fn heard(&mut self, number: u64, answer: &[u8]) {
        fn walk(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
            match value {
                Value::Object(fields) => {
                    for (key, value) in fields {
                        let path = format!("{path}/{key}");
                        let text = match value {
                            Value::String(text) => Some(text.clone()),
                            Value::Number(number) => Some(number.to_string()),
                            _ => None,
                        };
                        match text {
                            Some(text) if ANSWERED.contains(&key.as_str()) => found.push((path, text)),
                            _ => walk(value, &path, found),
                        }
                    }
                }
                Value::Array(list) => {
                    list.iter().enumerate().for_each(|(at, value)| walk(value, &format!("{path}/{at}"), found));
                }
                _ => {}
            }
        }
        let Ok(value) = serde_json::from_slice::<Value>(answer) else { return };
        let mut found = Vec::new();
        walk(&value, "", &mut found);
        for (path, text) in found {
            // What an upload goes to is the end of its address. Short ones are no ids that chance gave.
            let id = text.rsplit('/').next().unwrap_or_default();
            if id.len() >= 8 && !self.first.contains(id) && !self.of.contains_key(id) {
                self.give(format!("answer {number}{path}"), id.to_owned());
                self.late += 1;
            }
        }
    }

    /// Grows whenever something has got its name only when an answer told of it.
    pub(super) fn late(&self) -> u64 {
        self.late
    }

    /// A text with names in place of ids and secrets, and without the sandbox's own address.
    pub(super) fn named(&self, text: &str) -> String {
        // What looks like a name and was typed is none.
        let mut text = text.replace(OPENS, "〚").replace(CLOSES, "〛");
        for address in &self.addresses {
            text = text.replace(address, "⟦here⟧");
        }
        let mut named = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(begin) = rest.find(is_of_id) {
            let (before, after) = rest.split_at(begin);
            let end = after.find(|c: char| !is_of_id(c)).unwrap_or(after.len());
            let (run, next) = after.split_at(end);
            named.push_str(before);
            self.name_run(run, &mut named);
            rest = next;
        }
        named.push_str(rest);
        named
    }

    /// The same for the value of a field, which some are not to be seen of at all.
    pub(super) fn named_field(&self, place: Place<'_>, value: &str) -> String {
        let named = self.named(value);
        let is_of_secrets = !place.is_name && SECRET_FIELDS.contains(&place.field);
        let secret = is_of_secrets && !named.contains(OPENS) && !value.is_empty();
        if secret { UNKNOWN.to_owned() } else { named }
    }

    /// A text with this run's ids in place of names.
    ///
    /// # Errors
    /// A name that nothing in this run has yet.
    pub(super) fn meant(&self, text: &str) -> Result<String, String> {
        let mut meant = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPENS) {
            let Some((name, next)) = after.split_once(CLOSES) else { break };
            meant.push_str(before);
            match name.strip_prefix(NUMBER).unwrap_or(name) {
                "here" => meant.push_str(&self.base_url),
                "unknown" => meant.push_str("unknown"),
                name => meant.push_str(self.ids.get(name).ok_or(name)?),
            }
            rest = next;
        }
        meant.push_str(rest);
        Ok(meant)
    }

    fn name_run(&self, run: &str, named: &mut String) {
        let known = |begin: usize, end: usize| Some((begin, end, self.of.get(run.get(begin..end)?)?));
        let marks = ['.', '-', '_'];
        let begin = run.len() - run.trim_start_matches(marks).len();
        let end = run.trim_end_matches(marks).len();
        // A secret is none the less one in the middle of something else.
        let secret = || {
            let found = self.secrets.iter().filter_map(|secret| Some((run.find(secret.as_str())?, secret))).min();
            found.and_then(|(begin, secret)| known(begin, begin + secret.len()))
        };
        match known(0, run.len()).or_else(|| known(0, end)).or_else(|| known(begin, end)).or_else(secret) {
            Some((begin, end, name)) => {
                named.push_str(&run[..begin]);
                named.push(OPENS);
                named.push_str(name);
                named.push(CLOSES);
                self.name_run(&run[end..], named);
            }
            None => named.push_str(run),
        }
    }

    /// The name of the side conversation that a mark names.
    fn side_in(&self, mark: &str) -> Option<&str> {
        let names = mark.split('/').filter_map(|word| self.of.get(word));
        names.map(String::as_str).find(|name| name.starts_with(SIDE))
    }

    fn next(&mut self, parent: &str) -> String {
        let count = self.counts.entry(parent.to_owned()).or_default();
        *count += 1;
        format!("{parent}#{count}")
    }

    fn give(&mut self, name: String, id: String) {
        if !id.is_empty() {
            self.ids.insert(name.clone(), id.clone());
            self.of.insert(id, name);
        }
    }
}

fn is_of_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn firm() -> Sandbox {
        Sandbox::new("http://0.0.0.0:8080", Arc::new(|| 1_750_000_000_000), 7).with_inner_url("http://127.0.0.1:45678/")
    }

    #[test]
    fn no_secret_is_seen_however_it_is_dressed() {
        let firm = firm();
        let names = Names::of(&firm);
        let secrets = firm.credentials().named();
        let all: String = secrets.iter().rev().map(|(_, secret)| *secret).collect();
        assert_eq!(names.meant(&names.named(&all)), Ok(all.clone()));
        for (_, secret) in secrets {
            assert!(!names.named(&all).contains(secret), "{}", names.named(&all));
            for text in
                [format!("_{secret}_"), format!("-{secret}."), format!("x{secret}y{secret}"), format!("*{secret}*")]
            {
                let named = names.named(&text);
                assert!(!named.contains(secret), "{named}");
                assert_eq!(names.meant(&named), Ok(text));
            }
        }
    }

    #[test]
    fn each_of_its_addresses_is_here() {
        let names = Names::of(&firm());
        assert_eq!(names.named("<http://127.0.0.1:45678/x|y> http://0.0.0.0:8080/"), "<⟦here⟧/x|y> ⟦here⟧/");
        assert_eq!(names.meant("⟦here⟧/x"), Ok("http://0.0.0.0:8080/x".to_owned()));
    }

    #[test]
    fn what_the_firm_began_with_keeps_its_id() {
        let firm = firm();
        let mut names = Names::of(&firm);
        let channel = &firm.world.channels[0].id;
        names.heard(
            1,
            serde_json::json!({"channel": {"id": channel}, "file": {"id": "F0ABCDEFGH"}}).to_string().as_bytes(),
        );
        assert_eq!(names.named(&format!("{channel} F0ABCDEFGH")), format!("{channel} ⟦answer 1/file/id⟧"));
    }

    #[test]
    fn the_name_of_a_number_is_a_number_again() {
        let mut names = Names::default();
        names.give("ticket/20#1".to_owned(), "35999".to_owned());
        let name = of_number(&names.named("35999")).unwrap();
        assert!(is_of_number(&name) && !is_of_number(&names.named("35999")) && !is_of_number(&names.named("⟦#1⟧")));
        assert_eq!(names.meant(&name), Ok("35999".to_owned()));
    }
}
