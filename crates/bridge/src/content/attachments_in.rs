//! What is attached to a Slack message: tables that were pasted, messages that were forwarded, the words of apps.
//!
//! <https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments>

use serde_json::Value;

use super::blocks_in::{self, word};
use super::doc::{Block, Inline, Style};
use super::mrkdwn_in::{self, link_or_text};

/// A file of which nothing is known.
const FILE: &str = "a file";

/// What a Slack file is called, from its object: its title where that differs from its name.
///
/// Says so where the file is gone. <https://docs.slack.dev/reference/objects/file-object>
pub fn file_name(file: &Value) -> String {
    match word(file, "mode") {
        Some("tombstone") => return String::from("a deleted file"),
        Some("hidden_by_limit") => return String::from("a file that Slack no longer shows"),
        _ => {}
    }
    // Some clients send a whole path as the name, and as the title.
    let last = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or(path).trim().to_owned();
    let name = word(file, "name").map(last).filter(|name| !name.is_empty());
    let title = word(file, "title").map(str::trim);
    let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_lowercase();
    let shown = match (title, name) {
        (Some(title), Some(name)) if stem(&last(title)) == stem(&name) => name,
        (Some(title), _) => title.to_owned(),
        (None, Some(name)) => name,
        (None, None) => FILE.to_owned(),
    };
    // A line of its own could pass for the heading of somebody's words.
    let ends_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    shown.chars().map(|c| if ends_line(c) { ' ' } else { c }).collect()
}

/// Keeps what a person attached: a table, a forwarded message, or an app's own words; not a preview of a link.
pub(super) fn attachment(attachment: &Value) -> Vec<Block> {
    let flag = |key: &str| attachment.get(key).and_then(Value::as_bool).unwrap_or(false);
    let shared = flag("is_msg_unfurl") || flag("is_share");
    if !shared && (word(attachment, "from_url").is_some() || word(attachment, "original_url").is_some()) {
        return Vec::new();
    }
    let mut inner = Vec::new();
    if let Some(text) = word(attachment, "pretext") {
        inner.extend(mrkdwn_in::blocks(text));
    }
    let author = author(attachment);
    let mut said = Vec::new();
    if let Some(title) = word(attachment, "title") {
        said.push(Block::Paragraph(vec![link_or_text(word(attachment, "title_link").unwrap_or(""), title.to_owned())]));
    }
    said.extend(words(attachment));
    if shared {
        let author = author.unwrap_or_else(|| String::from("Forwarded message"));
        inner.push(Block::Paragraph(vec![bold(word(attachment, "from_url").unwrap_or(""), author)]));
    } else if let Some(author) = author {
        let author = link_or_text(word(attachment, "author_link").unwrap_or(""), author);
        match said.first_mut() {
            Some(Block::Paragraph(content)) => content.splice(0..0, [author, Inline::text(": ")]).for_each(drop),
            _ => said.insert(0, Block::Paragraph(vec![author])),
        }
    }
    inner.append(&mut said);
    inner.extend(array(attachment, "fields").flat_map(field));
    let mut tables = Vec::new();
    for block in blocks_in::blocks(&array(attachment, "blocks").cloned().collect::<Vec<_>>()).0 {
        match block {
            Block::Table(_) => tables.push(block),
            block => inner.push(block),
        }
    }
    for key in ["image_url", "thumb_url"] {
        if let Some(url) = word(attachment, key) {
            let says_nothing = word(attachment, "text").is_none() && word(attachment, "title").is_none();
            let alt = word(attachment, "image_alt").or_else(|| fallback(attachment).filter(|_| says_nothing));
            let alt = alt.unwrap_or_default().to_owned();
            inner.push(Block::Paragraph(vec![Inline::Image { alt, url: Some(url.to_owned()) }]));
        }
    }
    inner.extend(array(attachment, "files").map(|file| Block::Paragraph(vec![file_link(file)])));
    let labels: Vec<Inline> = array(attachment, "actions").flat_map(blocks_in::element_words).collect();
    inner.push(Block::Paragraph(labels));
    let is_silent = inner.iter().all(|block| *block == Block::Paragraph(Vec::new())) && tables.is_empty();
    if let (true, Some(fallback)) = (is_silent, fallback(attachment)) {
        inner.extend(mrkdwn_in::blocks(fallback));
    }
    if let Some(footer) = word(attachment, "footer") {
        inner.extend(mrkdwn_in::blocks(footer));
    }
    tables.insert(0, Block::Quote(inner));
    tables
}

/// The words of an attachment: its text, or the messages that it holds.
fn words(attachment: &Value) -> Vec<Block> {
    if let Some(text) = word(attachment, "text") {
        return mrkdwn_in::blocks(text);
    }
    let messages = array(attachment, "message_blocks").filter_map(|message| message.pointer("/message/blocks"));
    let blocks: Vec<Value> = messages.filter_map(Value::as_array).flatten().cloned().collect();
    blocks_in::blocks(&blocks).0
}

fn author(attachment: &Value) -> Option<String> {
    match (word(attachment, "author_name"), word(attachment, "author_subname")) {
        (Some(name), Some(more)) if !more.trim().is_empty() && more != name => Some(format!("{name} ({more})")),
        (name, more) => name.or(more).map(str::to_owned),
    }
}

fn field(field: &Value) -> Vec<Block> {
    let part = |key: &str| word(field, key).unwrap_or("").trim();
    match (part("title"), part("value")) {
        ("", "") => Vec::new(),
        ("", value) => mrkdwn_in::blocks(value),
        (title, "") => vec![Block::Paragraph(mrkdwn_in::line(title))],
        (title, value) => mrkdwn_in::blocks(&format!("{}: {value}", title.trim_end_matches(':'))),
    }
}

/// A file as a link to where Slack shows it.
pub(super) fn file_link(file: &Value) -> Inline {
    let url = ["permalink", "url_private", "external_url"].iter().find_map(|key| word(file, key));
    let name = file_name(file);
    // Only a name is named: "a deleted file" needs no brackets.
    let is_gone = matches!(word(file, "mode"), Some("tombstone" | "hidden_by_limit"));
    let text = if is_gone || name == FILE { format!("[{name}]") } else { format!("[file: {name}]") };
    link_or_text(url.filter(|_| !is_gone).unwrap_or(""), text)
}

fn bold(url: &str, text: String) -> Inline {
    let style = Style { bold: true, ..Style::default() };
    match link_or_text(url, text) {
        Inline::Link { url, text, .. } => Inline::Link { url, text, style },
        Inline::Text { text, .. } => Inline::Text { text, style },
        other => other,
    }
}

/// What Slack shows where it cannot show the attachment, unless it only says so.
fn fallback(attachment: &Value) -> Option<&str> {
    word(attachment, "fallback").filter(|text| !text.starts_with("[no preview"))
}

fn array<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
