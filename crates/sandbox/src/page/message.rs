//! One message of the workspace.

use askama::Template;
use serde_json::Value;

use super::blocks::{self, Block};
use super::mrkdwn::{self, Names};
use super::{Place, When, list, text};

/// Who is who in the workspace, for all messages of a page.
pub(super) struct Directory {
    pub(super) names: Names,
    /// Ids of those of another firm, of guests, and of bots, each with the word for it.
    pub(super) marks: std::collections::BTreeMap<String, &'static str>,
    pub(super) app_bot_id: String,
    pub(super) app_name: String,
}

#[derive(Template)]
#[template(path = "sandbox/message.html")]
pub(super) struct Message {
    place: Place,
    pub(super) ts: String,
    who: String,
    mark: &'static str,
    when: When,
    /// What stands beside the time: edited, only visible to somebody.
    remarks: Vec<String>,
    blocks: Vec<Block>,
    extras: Vec<String>,
    reactions: Vec<Reaction>,
    only_to: bool,
    of_slack: bool,
    /// Whether the person wrote it.
    own: bool,
    /// What the person wrote, as it was typed.
    typed: String,
}

/// The reactions that are offered beside a message.
const OFFERED: [&str; 4] = ["eyes", "white_check_mark", "+1", "tada"];

struct Reaction {
    name: String,
    shown: String,
    count: usize,
    mine: bool,
}

impl Reaction {
    fn look(one: &Value, place: &Place) -> Self {
        let users = list(one, "users");
        let name = text(one, "name").to_owned();
        Reaction {
            shown: glyph(&name),
            name,
            count: users.len(),
            mine: users.iter().any(|user| *user == *place.person),
        }
    }
}

/// An emoji by its name, for those that are common; the others keep their name.
pub(super) fn glyph(name: &str) -> String {
    let known = match name {
        "eyes" => "👀",
        "white_check_mark" => "✅",
        "+1" | "thumbsup" => "👍",
        "-1" | "thumbsdown" => "👎",
        "tada" => "🎉",
        "heart" => "❤️",
        "joy" => "😂",
        "pray" => "🙏",
        "warning" => "⚠️",
        "rotating_light" => "🚨",
        "hourglass_flowing_sand" => "⏳",
        "package" => "📦",
        "cheese_wedge" => "🧀",
        "lock" => "🔒",
        "x" => "❌",
        _ => return format!(":{name}:"),
    };
    known.to_owned()
}

impl Message {
    pub(super) fn is_by_the_app(&self) -> bool {
        self.mark == "app"
    }

    pub(super) fn look(message: &Value, place: &Place, directory: &Directory) -> Self {
        let ts = text(message, "ts");
        let subtype = text(message, "subtype");
        let only_to = message["is_ephemeral"] == true;
        let (who, mark) = directory.author(message);
        let person = || directory.names.of_ids.get(&place.person).map_or("you", String::as_str);
        let remarks = [
            only_to.then(|| format!("only visible to {}", person())),
            message.get("edited").map(|_| "edited".to_owned()),
            (subtype == "thread_broadcast").then(|| "also sent to the channel".to_owned()),
        ];
        let file = |file: &Value| format!("File: {}", text(file, "name"));
        let attachment = |one: &Value| {
            [text(one, "text"), text(one, "fallback")].into_iter().find(|t| !t.is_empty()).unwrap_or("").to_owned()
        };
        let extras = list(message, "files").iter().map(file).chain(list(message, "attachments").iter().map(attachment));
        let reactions: Vec<Reaction> =
            list(message, "reactions").iter().map(|one| Reaction::look(one, place)).collect();
        let of_slack = subtype == "tombstone" || subtype.starts_with("channel_") || subtype.starts_with("group_");
        let own = !only_to && !of_slack && text(message, "user") == place.person;
        Message {
            place: place.clone(),
            ts: ts.to_owned(),
            who,
            mark,
            when: When::of_millis(ts.split('.').next().and_then(|s| s.parse::<i64>().ok()).unwrap_or(0) * 1000),
            remarks: remarks.into_iter().flatten().collect(),
            blocks: blocks::of_message(message, &directory.names),
            extras: extras.collect(),
            reactions,
            only_to,
            of_slack,
            own,
            typed: if own { unescaped(text(message, "text")) } else { String::new() },
        }
    }
}

/// Slack's three entities as they were typed.
fn unescaped(said: &str) -> String {
    said.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

impl Directory {
    /// Who a message is shown to come from, and what they are.
    fn author(&self, message: &Value) -> (String, &'static str) {
        let (user, username) = (text(message, "user"), text(message, "username"));
        let own = text(message, "bot_id") == self.app_bot_id;
        let mark = if own { "app" } else { self.marks.get(user).copied().unwrap_or_default() };
        let name = match self.names.of_ids.get(user) {
            _ if !username.is_empty() => username.to_owned(),
            Some(name) => name.clone(),
            None if own => self.app_name.clone(),
            None => "Somebody".to_owned(),
        };
        (name, mark)
    }
}

/// A mrkdwn text on its own, such as a channel's topic.
pub(super) fn line(said: &str, directory: &Directory) -> String {
    mrkdwn::to_html(said, &directory.names)
}
