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
    reactions: Vec<String>,
    only_to: bool,
    of_slack: bool,
}

impl Message {
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
        let reaction = |one: &Value| format!(":{}: {}", text(one, "name"), one["count"]);
        Message {
            place: place.clone(),
            ts: ts.to_owned(),
            who,
            mark,
            when: When::of_millis(ts.split('.').next().and_then(|s| s.parse::<i64>().ok()).unwrap_or(0) * 1000),
            remarks: remarks.into_iter().flatten().collect(),
            blocks: blocks::of_message(message, &directory.names),
            extras: extras.collect(),
            reactions: list(message, "reactions").iter().map(reaction).collect(),
            only_to,
            of_slack: subtype == "tombstone" || subtype.starts_with("channel_") || subtype.starts_with("group_"),
        }
    }
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
