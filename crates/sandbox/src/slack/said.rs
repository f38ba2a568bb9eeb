//! What stands in the threads that the app takes part in, for the comparison with the other side.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::FakeSlack;
use super::show;
use super::world::{Channel, Fields, Key, Message};

/// What a person wrote in such a thread.
pub(crate) struct Said {
    pub(crate) channel: String,
    pub(crate) ts: String,
    pub(crate) thread_ts: String,
    pub(crate) user: String,
    /// What it said at each time, the first first.
    pub(crate) texts: Vec<String>,
    /// In milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) deleted: bool,
}

/// What the app posted, with the name that it wrote into the message's metadata.
pub(crate) struct Posted {
    pub(crate) channel: String,
    pub(crate) thread_ts: String,
    pub(crate) name: String,
    /// With what stands in its blocks.
    pub(crate) text: String,
    /// In milliseconds since 1970.
    pub(crate) at: i64,
}

impl FakeSlack {
    /// What people wrote in threads that the app began or posted in, and what the app posted, in order.
    pub(crate) fn said(&self) -> (Vec<Said>, Vec<Posted>) {
        let workspace = self.workspace();
        let (mut said, mut posted) = (Vec::new(), Vec::new());
        let is_person = |id: &str| workspace.people.get(id).is_some_and(|person| !person.spec.is_bot);
        for channel in workspace.channels.values() {
            let mut apps: BTreeSet<Key> = BTreeSet::new();
            for message in channel.messages.values() {
                let Some(name) = name_of(&message.fields) else { continue };
                let root = message.root.unwrap_or(message.key);
                apps.insert(root);
                posted.push(Posted {
                    channel: channel.id.clone(),
                    thread_ts: show::ts(root),
                    name: name.to_owned(),
                    text: whole_text(&message.fields),
                    at: message.at,
                });
            }
            let is_answer = |one: &&Message| one.root.is_some_and(|root| apps.contains(&root));
            for (messages, deleted) in [(&channel.messages, false), (&channel.deleted, true)] {
                let answers = messages.values().filter(is_answer);
                let answers = answers.filter_map(|message| said_by(channel, message, &is_person));
                said.extend(answers.map(|one| Said { deleted, ..one }));
            }
        }
        (said, posted)
    }
}

impl FakeSlack {
    /// Where the app's cards stand, by the names of what they show: the channel, and the card's `ts`.
    pub(crate) fn cards(&self) -> BTreeMap<String, (String, String)> {
        let workspace = self.workspace();
        let mut cards = BTreeMap::new();
        for channel in workspace.channels.values() {
            for message in
                channel.messages.values().filter(|message| message.root.is_none_or(|root| root == message.key))
            {
                let name = name_of(&message.fields).and_then(|name| name.split_once('/'));
                if let Some((of, what)) = name
                    && (what == "card" || what.starts_with("card:"))
                {
                    cards.insert(of.to_owned(), (channel.id.clone(), show::ts(message.key)));
                }
            }
        }
        cards
    }
}

/// A message of a person that says something.
fn said_by(channel: &Channel, message: &Message, is_person: &impl Fn(&str) -> bool) -> Option<Said> {
    let fields = &message.fields;
    let user = fields.get("user").and_then(Value::as_str).filter(|user| is_person(user))?;
    let files = fields.get("files").and_then(Value::as_array).is_some_and(|files| !files.is_empty());
    let texts: Vec<String> =
        message.before_edits.iter().map(String::as_str).map(str::to_owned).chain([seen(fields)]).collect();
    let says = files || texts.iter().any(|text| !text.trim().is_empty());
    (says && !message.is_tombstone() && !fields.contains_key("bot_id")).then(|| Said {
        channel: channel.id.clone(),
        ts: show::ts(message.key),
        thread_ts: message.root.map(show::ts).unwrap_or_default(),
        user: user.to_owned(),
        texts,
        at: message.at,
        deleted: false,
    })
}

fn text(fields: &Fields) -> &str {
    fields.get("text").and_then(Value::as_str).unwrap_or_default()
}

/// What a reader sees of what somebody wrote: its blocks where it has any, and else its text, which Slack shows only where
/// blocks cannot be.
fn seen(fields: &Fields) -> String {
    let blocks = fields.get("blocks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut seen = String::new();
    blocks.iter().for_each(|block| add_words(block, &mut seen));
    if seen.trim().is_empty() { text(fields).to_owned() } else { seen }
}

/// Adds what a block or a part of it says, as mrkdwn.
fn add_words(part: &Value, seen: &mut String) {
    let field = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    match field("type") {
        "text" => seen.push_str(&plain(field("text"))),
        "link" if field("text").is_empty() => seen.push_str(&format!("<{}>", field("url"))),
        "link" => seen.push_str(&plain(field("text"))),
        "user" => seen.push_str(&format!("<@{}>", field("user_id"))),
        "channel" => seen.push_str(&format!("<#{}>", field("channel_id"))),
        "usergroup" => seen.push_str(&format!("<!subteam^{}>", field("usergroup_id"))),
        "broadcast" => seen.push_str(&format!("<!{}>", field("range"))),
        "emoji" => seen.push_str(&format!(":{}:", field("name"))),
        "plain_text" => seen.push_str(&plain(field("text"))),
        "mrkdwn" | "markdown" => seen.push_str(field("text")),
        _ => {
            if !seen.is_empty() && !seen.ends_with('\n') {
                seen.push('\n');
            }
            let inner = ["text", "fields", "elements"].into_iter().filter_map(|name| part.get(name));
            for one in inner.flat_map(|one| one.as_array().map_or(std::slice::from_ref(one), Vec::as_slice)) {
                add_words(one, seen);
            }
        }
    }
}

/// The text, and below it what its blocks say where they say more.
fn whole_text(fields: &Fields) -> String {
    let mut whole = text(fields).to_owned();
    for block in fields.get("blocks").and_then(Value::as_array).into_iter().flatten() {
        if let Some(text) = block["text"]["text"].as_str() {
            whole.push('\n');
            whole.push_str(text);
        }
    }
    whole
}

fn name_of(fields: &Fields) -> Option<&str> {
    fields.get("metadata")?.get("event_payload")?.get("k")?.as_str()
}
