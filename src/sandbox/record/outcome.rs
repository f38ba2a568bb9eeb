//! What the bridge has put before people, in words by which two runs can be compared.
//!
//! That is whatever it wrote in Slack and in side conversations, its comments on tickets, and how the tickets stand
//! that anybody wrote to. Markers, colours and times are not of it: a run has its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Item;
use super::names::{Born, Names, Origin};
use crate::sandbox::Sandbox;

/// What stands where, as it was when it was last looked at.
#[derive(Default)]
pub(super) struct Outcome {
    says: BTreeMap<String, String>,
    /// Channel and `ts` of each message of the bridge.
    messages: BTreeMap<String, (String, String)>,
    whispers: BTreeMap<String, (String, String)>,
    looked_at_ms: i64,
}

impl Outcome {
    /// Nothing yet; what was written before this time does not count.
    pub(super) fn from(at_ms: i64) -> Outcome {
        Outcome { looked_at_ms: at_ms, ..Outcome::default() }
    }

    /// What stands there.
    pub(super) fn says(&self) -> &BTreeMap<String, String> {
        &self.says
    }

    /// What is other than it was, `born` being what was named since.
    pub(super) fn look(&mut self, sandbox: &Sandbox, names: &Names, born: Vec<Born>, now_ms: i64) -> Vec<Item> {
        let mut changed = Vec::new();
        let bot = &sandbox.slack.options().bot_user_id;
        let app = sandbox.zendesk.app_user_id();
        for Born { name, of } in born {
            match of {
                Origin::Slack(written) => {
                    let place = (written.channel.clone(), written.ts.clone());
                    match &written.only_for {
                        Some(user) => drop(self.whispers.insert(name, (user.clone(), written.ts.clone()))),
                        None if written.author == *bot => drop(self.messages.insert(name, place)),
                        None => {}
                    }
                }
                Origin::SideConversation(event) if event["actor"]["user_id"] == app => {
                    self.say(&mut changed, name, Some(of_event(&event, names)));
                }
                Origin::SideConversation(_) => {}
            }
        }
        for (name, (channel, ts)) in self.messages.clone() {
            let shown = sandbox.slack.message(&channel, &ts).filter(|shown| shown["subtype"] != "tombstone");
            self.say(&mut changed, name, shown.map(|shown| of_message(&shown, names)));
        }
        for (name, (user, ts)) in self.whispers.clone() {
            let shown = sandbox.slack.ephemerals(&user).into_iter().find(|shown| shown["ts"] == *ts);
            self.say(&mut changed, name, shown.map(|shown| of_message(&shown, names)));
        }
        for ticket in sandbox.zendesk.tickets_written_since(self.looked_at_ms) {
            self.look_at_ticket(sandbox, names, ticket, app, &mut changed);
        }
        self.looked_at_ms = now_ms;
        changed
    }

    fn look_at_ticket(&mut self, sandbox: &Sandbox, names: &Names, id: i64, app: i64, changed: &mut Vec<Item>) {
        let Some(ticket) = sandbox.zendesk.ticket(id) else { return };
        let named = names.named(&id.to_string());
        let comments = sandbox.zendesk.comments(id);
        for (at, comment) in comments.iter().filter(|comment| comment["author_id"] == app).enumerate() {
            let kind = if comment["public"] == true { "comment" } else { "internal note" };
            let body = comment["plain_body"].as_str().or(comment["body"].as_str()).unwrap_or_default();
            let name = format!("ticket {named}, {kind} {} of the bridge", at + 1);
            self.say(changed, name, Some(without_times(&names.named(body))));
        }
        let tags: BTreeSet<&str> = ticket["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let tags: Vec<&str> = tags.into_iter().collect();
        let (status, priority) = (ticket["status"].as_str(), ticket["priority"].as_str());
        let says = format!(
            "{}, priority {}, tags {}",
            status.unwrap_or("no status"),
            priority.unwrap_or("none"),
            if tags.is_empty() { "none".to_owned() } else { tags.join(" ") }
        );
        self.say(changed, format!("ticket {named}"), Some(says));
    }

    fn say(&mut self, changed: &mut Vec<Item>, name: String, says: Option<String>) {
        if self.says.get(&name) == says.as_ref() {
            return;
        }
        match &says {
            Some(says) => self.says.insert(name.clone(), says.clone()),
            None => self.says.remove(&name),
        };
        changed.push(Item { name, says });
    }
}

fn of_event(event: &Value, names: &Names) -> String {
    let mut says = vec![event["type"].as_str().unwrap_or_default().to_owned()];
    if let Some(updates) = event["updates"].as_object() {
        says.extend(updates.iter().map(|(field, value)| format!("{field}: {}", value.as_str().unwrap_or_default())));
    }
    says.extend(event["message"]["body"].as_str().map(|body| without_times(&names.named(body))));
    says.join("\n")
}

/// What a message shows: its text, and the texts in its blocks that say something else.
fn of_message(message: &Value, names: &Names) -> String {
    fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value.as_str() {
                        Some(text) if key == "text" => found.push(text),
                        _ => texts(value, found),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| texts(value, found)),
            _ => {}
        }
    }
    let mut found: Vec<&str> = message["username"].as_str().into_iter().collect();
    found.extend(message["text"].as_str());
    let said = found.len();
    texts(&message["blocks"], &mut found);
    let (said, of_blocks) = found.split_at(said);
    let more = of_blocks.iter().filter(|text| !said.contains(text));
    let lines: Vec<String> = said.iter().chain(more).map(|text| without_times(&names.named(text))).collect();
    lines.join("\n")
}

/// A text without what Slack's `<!date^1700000000^…>` show.
fn without_times(text: &str) -> String {
    const DATE: &str = "<!date^";
    let mut parts = text.split(DATE);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push_str(DATE);
        whole.push_str(part.find('>').map_or(part, |end| &part[end..]));
    }
    whole
}
