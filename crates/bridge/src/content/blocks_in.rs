//! Slack's blocks in: every kind gives its visible words, in the order in which a reader meets them.
//!
//! <https://docs.slack.dev/reference/block-kit/blocks>. A kind that is not known gives whatever words stand in it.

use std::cell::Cell;

use serde_json::Value;

use super::attachments_in::{file_link, file_name};
use super::doc::{Block, Inline};
use super::mrkdwn_in::{self, link_or_text};
use super::rich_text;
use super::{emoji, markdown_in};

/// How deep unknown blocks are searched for words.
const SEARCH_DEPTH: usize = 12;
/// Where words stand in blocks, in the order in which they are read.
const WORDS: [&str; 28] = [
    "author_name",
    "pretext",
    "rich_text_title",
    "title",
    "subtitle",
    "caption",
    "header",
    "label",
    "name",
    "text",
    "description",
    "body",
    "details",
    "output",
    "value",
    "placeholder",
    "hint",
    "elements",
    "blocks",
    "child_blocks",
    "fields",
    "options",
    "rows",
    "tasks",
    "sources",
    "accessory",
    "actions",
    "footer",
];
/// Where words stand that only stand in for others.
const INSTEAD: [&str; 4] = ["alt_text", "fallback", "accessibility_label", "url"];

/// What was noticed while blocks were read.
#[derive(Default)]
pub(super) struct Notes {
    /// Something gave no words, though it is of a kind that might hold some.
    pub(super) not_understood: Cell<bool>,
}

/// Reads blocks, not in normal form, and says whether each of them was understood.
pub(super) fn blocks(blocks: &[Value]) -> (Vec<Block>, bool) {
    let notes = Notes::default();
    let out = blocks.iter().flat_map(|block| self::block(block, &notes)).collect();
    (out, !notes.not_understood.get())
}

/// Whether a block is of a kind that a person's client writes; others are made by apps, whose text is a summary.
pub(super) fn is_written_by_clients(block: &Value) -> bool {
    const APPS: [&str; 14] = [
        "section",
        "header",
        "context",
        "actions",
        "input",
        "image",
        "video",
        "file",
        "call",
        "markdown",
        "card",
        "carousel",
        "alert",
        "context_actions",
    ];
    !APPS.contains(&kind(block))
}

/// Reads a block.
fn block(block: &Value, notes: &Notes) -> Vec<Block> {
    let paragraph = |content: Vec<Inline>| vec![Block::Paragraph(content)];
    match kind(block) {
        "rich_text" => {
            let mut out = Vec::new();
            rich_text::elements(block, &mut out, notes);
            out
        }
        "section" => {
            let mut out = block.get("text").map(text_object).unwrap_or_default();
            out.extend(array(block, "fields").flat_map(text_object));
            out.push(Block::Paragraph(block.get("accessory").map(element_words).unwrap_or_default()));
            out
        }
        "header" => {
            let content = text_object(block.get("text").unwrap_or(&Value::Null)).into_iter().flat_map(inlines_of);
            vec![Block::Heading { level: 3, content: content.collect() }]
        }
        "context" | "actions" | "context_actions" => {
            let mut content = Vec::new();
            for element in array(block, "elements") {
                let words = element_words(element);
                if !words.is_empty() && !content.is_empty() {
                    content.push(Inline::text(" "));
                }
                content.extend(words);
            }
            paragraph(content)
        }
        "divider" => vec![Block::Rule],
        "image" => {
            let mut out = block.get("title").map(text_object).unwrap_or_default();
            out.push(Block::Paragraph(vec![image(block)]));
            out
        }
        "video" => video(block),
        "markdown" => markdown_in::blocks(word(block, "text").unwrap_or("")),
        "input" => {
            let mut out = block.get("label").map(text_object).unwrap_or_default();
            out.push(Block::Paragraph(block.get("element").map(element_words).unwrap_or_default()));
            out.extend(block.get("hint").map(text_object).unwrap_or_default());
            out
        }
        "call" => {
            let call = block.pointer("/call/v1").or_else(|| block.get("call")).unwrap_or(block);
            let name = ["display_name", "title", "name"].iter().find_map(|key| word(call, key)).unwrap_or("A call");
            let url = ["join_url", "desktop_app_join_url", "url"].iter().find_map(|key| word(call, key));
            paragraph(vec![link_or_text(url.unwrap_or(""), name.to_owned())])
        }
        "file" => {
            let file = block.get("file").filter(|file| file.is_object()).unwrap_or(block);
            paragraph(vec![file_link(file)])
        }
        "table" | "data_table" => {
            let mut out: Vec<Block> = block.get("caption").map(text_object).unwrap_or_default();
            out.extend(table(block, notes));
            out
        }
        _ => {
            let found = any_words(block, SEARCH_DEPTH, notes);
            if found.is_empty() {
                notes.not_understood.set(true);
            }
            found
        }
    }
}

/// Reads a text object, which is mrkdwn or plain; a bare text is mrkdwn.
fn text_object(object: &Value) -> Vec<Block> {
    let Some(text) = object.as_str().or_else(|| word(object, "text")) else { return Vec::new() };
    match kind(object) {
        "plain_text" => {
            let emoji = object.get("emoji").and_then(Value::as_bool).unwrap_or(true);
            vec![Block::Paragraph(if emoji { plain(text) } else { vec![Inline::text(text)] })]
        }
        _ => mrkdwn_in::blocks(text),
    }
}

/// A text without markup, in which the codes of emoji are emoji.
fn plain(text: &str) -> Vec<Inline> {
    let mut out = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(at) = rest[from..].find(':').map(|at| from + at) {
        match emoji::at_start(&rest[at..]) {
            Some((unicode, length)) => {
                let name = rest[at..at + length].trim_matches(':').to_owned();
                out.push(Inline::text(&rest[..at]));
                out.push(Inline::Emoji { name, unicode: Some(unicode) });
                (rest, from) = (&rest[at + length..], 0);
            }
            None => from = at + 1,
        }
    }
    out.push(Inline::text(rest));
    out
}

/// The words of what a person can press, choose or fill in, and of what stands in a line beside them.
pub(super) fn element_words(element: &Value) -> Vec<Inline> {
    let flat = |object: Option<&Value>| -> Vec<Inline> {
        object.map(text_object).unwrap_or_default().into_iter().flat_map(inlines_of).collect()
    };
    let bracketed = |inner: Vec<Inline>| -> Vec<Inline> {
        if inner.is_empty() {
            return inner;
        }
        [vec![Inline::text("[")], inner, vec![Inline::text("]")]].concat()
    };
    match kind(element) {
        "mrkdwn" | "plain_text" => flat(Some(element)),
        "image" => vec![image(element)],
        "button" | "workflow_button" | "icon_button" => {
            let label = flat(element.get("text"));
            match (word(element, "url"), label.as_slice()) {
                (Some(url), [Inline::Text { text, .. }]) => vec![link_or_text(url, format!("[{text}]"))],
                _ => bracketed(label),
            }
        }
        "checkboxes" | "radio_buttons" | "overflow" => options(element),
        "feedback_buttons" => {
            let buttons = ["positive_button", "negative_button"].iter().filter_map(|key| element.get(*key));
            buttons.flat_map(|button| [bracketed(flat(button.get("text"))), vec![Inline::text(" ")]].concat()).collect()
        }
        _ if word(element, "type").is_none() && element.get("name").is_some() => {
            // A button of the kind that attachments have.
            bracketed(flat(element.get("text")))
        }
        _ => {
            let mut out = bracketed(flat(element.get("placeholder")));
            for key in ["initial_value", "initial_date", "initial_time"] {
                out.extend(word(element, key).map(Inline::text));
            }
            if element.get("initial_value").is_some_and(Value::is_object) {
                let blocks = block(&element["initial_value"], &Notes::default());
                out.extend(blocks.into_iter().flat_map(inlines_of));
            }
            out.extend(options(element));
            if out.is_empty() && !matches!(kind(element), "datetimepicker" | "file_input") {
                let notes = Notes::default();
                out = any_words(element, SEARCH_DEPTH, &notes).into_iter().flat_map(inlines_of).collect();
            }
            out
        }
    }
}

/// The options of a choice, a line each; those that are chosen at first carry a mark.
fn options(element: &Value) -> Vec<Inline> {
    let chosen: Vec<&Value> = array(element, "initial_options").chain(element.get("initial_option")).collect();
    let groups = array(element, "option_groups").flat_map(|group| array(group, "options"));
    let given: Vec<&Value> = array(element, "options").chain(groups).collect();
    // What is chosen of options that are looked up elsewhere.
    let listed = if given.is_empty() { chosen.clone() } else { given };
    let mut out = Vec::new();
    for option in listed {
        let is_chosen = chosen.iter().any(|chosen| chosen.get("value") == option.get("value"));
        let mark = match kind(element) {
            "checkboxes" if is_chosen => "☑ ",
            "checkboxes" => "☐ ",
            "radio_buttons" if is_chosen => "◉ ",
            "radio_buttons" => "○ ",
            _ => "• ",
        };
        out.extend([Inline::Break, Inline::text(mark)]);
        out.extend(option.get("text").map(text_object).unwrap_or_default().into_iter().flat_map(inlines_of));
        if let Some(more) = option.get("description") {
            out.push(Inline::text(" – "));
            out.extend(text_object(more).into_iter().flat_map(inlines_of));
        }
    }
    out
}

fn image(image: &Value) -> Inline {
    let url = word(image, "image_url").or_else(|| image.pointer("/slack_file/url").and_then(Value::as_str));
    let name = image.get("slack_file").map(file_name).filter(|name| name != "a file");
    let alt = word(image, "alt_text").map(str::to_owned).or(name).unwrap_or_default();
    Inline::Image { alt, url: url.map(str::to_owned) }
}

/// A video is its title, which leads to it, and what is said about it.
fn video(video: &Value) -> Vec<Block> {
    let flat = |key: &str| -> Option<Vec<Inline>> {
        let content: Vec<Inline> = text_object(video.get(key)?).into_iter().flat_map(inlines_of).collect();
        (!content.is_empty()).then_some(content)
    };
    let url = ["title_url", "video_url"].iter().find_map(|key| word(video, key)).unwrap_or("");
    let title = flat("title").or_else(|| Some(vec![Inline::text(word(video, "alt_text")?)]));
    let title = title.unwrap_or_else(|| vec![Inline::text("A video")]);
    let title = super::plain::inlines(&title, &super::Nameless);
    let mut out = vec![Block::Paragraph(vec![link_or_text(url, title)])];
    out.extend(flat("description").map(Block::Paragraph));
    let by = [word(video, "author_name"), word(video, "provider_name")];
    let by: Vec<&str> = by.into_iter().flatten().collect();
    out.push(Block::Paragraph(vec![Inline::text(by.join(", "))]));
    out
}

fn table(block: &Value, notes: &Notes) -> Option<Block> {
    let cell = |cell: &Value| match kind(cell) {
        "rich_text" => self::block(cell, notes).into_iter().flat_map(line_of).collect(),
        "raw_text" => vec![Inline::text(word(cell, "text").unwrap_or(""))],
        _ => match cell.get("text").or_else(|| cell.get("value")) {
            Some(Value::Number(number)) => vec![Inline::text(number.to_string())],
            _ => any_words(cell, SEARCH_DEPTH, notes).into_iter().flat_map(line_of).collect(),
        },
    };
    let rows = block.get("rows")?.as_array()?;
    let cells = |row: &Value| row.as_array().map(|row| row.iter().map(cell).collect()).unwrap_or_default();
    Some(Block::Table(rows.iter().map(cells).collect()))
}

/// Whatever words there are in something that this module does not know.
pub(super) fn any_words(value: &Value, depth: usize, notes: &Notes) -> Vec<Block> {
    if depth == 0 {
        notes.not_understood.set(true);
        return Vec::new();
    }
    match value {
        Value::String(text) => vec![Block::Paragraph(vec![Inline::text(text)])],
        Value::Number(number) => vec![Block::Paragraph(vec![Inline::text(number.to_string())])],
        Value::Array(values) => values.iter().flat_map(|value| known_or_any(value, depth, notes)).collect(),
        Value::Object(fields) => {
            let mut out = Vec::new();
            for key in WORDS.iter().filter_map(|key| fields.get(*key)) {
                out.extend(known_or_any(key, depth, notes));
            }
            if out.is_empty() {
                let instead = INSTEAD.iter().find_map(|key| word(value, key));
                out.extend(instead.map(|text| Block::Paragraph(vec![Inline::text(text)])));
            }
            out
        }
        _ => Vec::new(),
    }
}

fn known_or_any(value: &Value, depth: usize, notes: &Notes) -> Vec<Block> {
    match kind(value) {
        "mrkdwn" | "plain_text" => text_object(value),
        "rich_text" | "section" | "header" | "context" | "actions" | "image" | "video" | "markdown" | "input"
        | "table" | "data_table"
            if depth > 1 =>
        {
            block(value, notes)
        }
        "button" | "checkboxes" | "radio_buttons" | "overflow" => vec![Block::Paragraph(element_words(value))],
        _ => any_words(value, depth - 1, notes),
    }
}

/// The inlines of a block after a line end.
fn line_of(block: Block) -> Vec<Inline> {
    [vec![Inline::Break], inlines_of(block)].concat()
}

/// The inlines of a block, where only inlines may stand.
pub(super) fn inlines_of(block: Block) -> Vec<Inline> {
    match block {
        Block::Paragraph(mut content) | Block::Heading { mut content, .. } => {
            while content.last() == Some(&Inline::Break) {
                content.pop();
            }
            content
        }
        Block::Quote(inner) => inner.into_iter().flat_map(line_of).collect(),
        Block::List { items, .. } => items.into_iter().flatten().flat_map(line_of).collect(),
        Block::Code { text, .. } => vec![Inline::text(text)],
        Block::Table(rows) => {
            let cells = rows.into_iter().flatten();
            cells.flat_map(|cell| [cell, vec![Inline::text(" ")]].concat()).collect()
        }
        Block::Rule => Vec::new(),
    }
}

/// What an element says it is.
pub(super) fn kind(element: &Value) -> &str {
    element.get("type").and_then(Value::as_str).unwrap_or("")
}

/// A text under a key, unless it is blank.
pub(super) fn word<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

fn array<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
