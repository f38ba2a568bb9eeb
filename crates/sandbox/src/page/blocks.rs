//! Block Kit as the page shows it: the kinds the bridge uses as they look, all others by their words.

use serde_json::Value;

use super::mrkdwn::{self, Names};
use super::{list, text};

pub(super) enum Block {
    Header(String),
    /// HTML.
    Text(String),
    /// HTML, smaller.
    Context(String),
    Divider,
    Buttons(Vec<Button>),
}

pub(super) struct Button {
    pub(super) label: String,
    pub(super) action_id: String,
    pub(super) style: String,
    /// Where it leads, if it is a link.
    pub(super) href: String,
}

/// A message's blocks, or its text where the one block only repeats that.
pub(super) fn of_message(message: &Value, names: &Names) -> Vec<Block> {
    let blocks = list(message, "blocks");
    let said = text(message, "text");
    let letters = |html: &str| -> String {
        let outside = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, rest)| rest));
        outside.flat_map(str::chars).filter(|c| c.is_alphanumeric()).collect()
    };
    let is_rich = blocks.iter().all(|block| text(block, "type") == "rich_text");
    let repeats = || {
        let shown: String = blocks.iter().map(|block| rich_text(block, names)).collect();
        letters(&shown) == letters(&mrkdwn::to_html(said, names))
    };
    if is_rich && !said.is_empty() && (blocks.is_empty() || repeats()) {
        return vec![Block::Text(mrkdwn::to_html(said, names))];
    }
    blocks.iter().flat_map(|block| of_block(block, names)).collect()
}

fn of_block(block: &Value, names: &Names) -> Vec<Block> {
    match text(block, "type") {
        "header" => vec![Block::Header(text(&block["text"], "text").to_owned())],
        "section" => {
            let said = block.get("text").into_iter().chain(list(block, "fields"));
            let mut shown: Vec<Block> = said.map(|said| Block::Text(of_text(said, names))).collect();
            if let Some(button) = block.get("accessory").and_then(button) {
                shown.push(Block::Buttons(vec![button]));
            }
            shown
        }
        "context" => {
            let said: Vec<String> = list(block, "elements").iter().map(|one| of_text(one, names)).collect();
            vec![Block::Context(said.join(" "))]
        }
        "divider" => vec![Block::Divider],
        "actions" => vec![Block::Buttons(list(block, "elements").iter().filter_map(button).collect())],
        "rich_text" => vec![Block::Text(rich_text(block, names))],
        "markdown" => vec![Block::Text(mrkdwn::plain_to_html(text(block, "text")))],
        "image" => vec![Block::Context(mrkdwn::plain_to_html(&format!("Image: {}", text(block, "alt_text"))))],
        other => vec![Block::Context(mrkdwn::plain_to_html(&format!("(a block of type {other})")))],
    }
}

/// A text object, or an image by its words.
fn of_text(said: &Value, names: &Names) -> String {
    match text(said, "type") {
        "mrkdwn" => mrkdwn::to_html(text(said, "text"), names),
        "image" => mrkdwn::plain_to_html(text(said, "alt_text")),
        _ => mrkdwn::plain_to_html(text(said, "text")),
    }
}

fn button(element: &Value) -> Option<Button> {
    let action_id = text(element, "action_id").to_owned();
    let label = text(&element["text"], "text");
    let href = Some(text(element, "url")).filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    (text(element, "type") == "button" && !action_id.is_empty()).then(|| Button {
        label: if label.is_empty() { "(no label)".to_owned() } else { label.to_owned() },
        action_id,
        style: match text(element, "style") {
            style @ ("primary" | "danger") => style.to_owned(),
            _ => String::new(),
        },
        href: href.unwrap_or_default().to_owned(),
    })
}

/// The words of a `rich_text` block, without their looks.
fn rich_text(block: &Value, names: &Names) -> String {
    let mut said = String::new();
    let mut open: Vec<&Value> = vec![block];
    while let Some(element) = open.pop() {
        let named = |field: &str| {
            let id = text(element, field);
            names.of_ids.get(id).cloned().unwrap_or_else(|| id.to_owned())
        };
        match text(element, "type") {
            "text" => said.push_str(text(element, "text")),
            "link" => said.push_str(
                [text(element, "text"), text(element, "url")].into_iter().find(|t| !t.is_empty()).unwrap_or(""),
            ),
            "user" => said.push_str(&format!("@{}", named("user_id"))),
            "channel" => said.push_str(&format!("#{}", named("channel_id"))),
            "emoji" => said.push_str(&format!(":{}:", text(element, "name"))),
            "broadcast" => said.push_str(&format!("@{}", text(element, "range"))),
            _ => {
                if !said.is_empty() && !said.ends_with('\n') {
                    said.push('\n');
                }
                open.extend(list(element, "elements").iter().rev());
            }
        }
    }
    mrkdwn::plain_to_html(&said)
}
