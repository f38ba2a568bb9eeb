//! Slack's blocks and attachments in.

use serde_json::Value;

use super::doc::{Block, Doc, Inline, Style};
use super::mrkdwn_in::{self, link_or_text};
use super::normal;
use super::text::{bare_url, is_id};
use crate::ids::{ChannelId, SlackUserId};

/// How far unknown elements are searched for text.
const SEARCH_DEPTH: usize = 6;

/// Reads a Slack message.
pub(super) fn read(text: &str, blocks: Option<&Value>, attachments: Option<&Value>) -> Doc {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let given = list(blocks);
    let mut out = normal::blocks(rich(&given).unwrap_or_default(), 0);
    if out.is_empty() {
        out = normal::blocks(mrkdwn_in::blocks(text), 0);
    }
    if out.is_empty() {
        out = normal::blocks(given.iter().flat_map(any_block).collect(), 0);
    }
    out.extend(normal::blocks(list(attachments).iter().flat_map(attachment).collect(), 0));
    Doc { blocks: out }
}

/// Reads blocks that a person's client writes; none if there are others, which only the text covers.
fn rich(blocks: &[Value]) -> Option<Vec<Block>> {
    let mut out = Vec::new();
    for block in blocks {
        match kind(block) {
            "rich_text" => top_elements(block.get("elements")?.as_array()?, &mut out),
            "table" | "data_table" => out.push(table(block)?),
            "divider" => out.push(Block::Rule),
            _ => return None,
        }
    }
    Some(out)
}

fn top_elements(elements: &[Value], out: &mut Vec<Block>) {
    for element in elements {
        let bordered = element.get("border").and_then(Value::as_u64).unwrap_or(0) > 0;
        match kind(element) {
            "rich_text_list" => within(out, bordered, |out| place_list(out, element)),
            "rich_text_preformatted" => {
                let language = element.get("language").and_then(Value::as_str).map(str::to_owned);
                let text = super::plain::inlines(&code_inlines(element), &super::text::NoNames);
                within(out, bordered, |out| out.push(Block::Code { language, text }));
            }
            "rich_text_quote" => out.push(Block::Quote(vec![Block::Paragraph(inlines(element))])),
            "rich_text_section" => out.push(Block::Paragraph(inlines(element))),
            _ => out.push(Block::Paragraph(vec![Inline::text(any_text(element, SEARCH_DEPTH))])),
        }
    }
}

/// Adds to the blocks, or with a border to the quote at their end.
fn within(out: &mut Vec<Block>, bordered: bool, add: impl FnOnce(&mut Vec<Block>)) {
    if !bordered {
        return add(out);
    }
    let mut inner = match out.pop() {
        Some(Block::Quote(inner)) => inner,
        other => {
            out.extend(other);
            Vec::new()
        }
    };
    add(&mut inner);
    out.push(Block::Quote(inner));
}

/// Nests a list, which Slack gives flat with an indent, below the item it belongs to.
fn place_list(out: &mut Vec<Block>, element: &Value) {
    let number = |key| element.get(key).and_then(Value::as_u64).unwrap_or(0);
    let ordered = element.get("style").and_then(Value::as_str) == Some("ordered");
    let start = u32::try_from(number("offset").saturating_add(1)).unwrap_or(1);
    let items: Vec<Vec<Block>> = elements(element).iter().map(list_item).collect();
    let mut place = out;
    for _ in 0..number("indent").min(super::MAX_DEPTH as u64) {
        if !last_item(place) {
            break;
        }
        place = match place.last_mut() {
            Some(Block::List { items, .. }) => match items.last_mut() {
                Some(item) => item,
                None => return,
            },
            _ => return,
        };
    }
    if let Some(Block::List { ordered: same, start: first, items: before }) = place.last_mut()
        && *same == ordered
        && (!ordered || (*first as usize).saturating_add(before.len()) == start as usize)
    {
        before.extend(items);
        return;
    }
    place.push(Block::List { ordered, start, items });
}

/// Whether the last block is a list with an item, which a deeper list may go below.
fn last_item(blocks: &[Block]) -> bool {
    matches!(blocks.last(), Some(Block::List { items, .. }) if !items.is_empty())
}

fn list_item(item: &Value) -> Vec<Block> {
    let mut out = Vec::new();
    top_elements(std::slice::from_ref(item), &mut out);
    out
}

/// The inlines of an element that holds inlines.
fn inlines(element: &Value) -> Vec<Inline> {
    elements(element).iter().map(inline).collect()
}

/// Within code a link is what it shows.
fn code_inlines(element: &Value) -> Vec<Inline> {
    let plain = |inline| match inline {
        Inline::Link { text, .. } => Inline::text(text),
        other => other,
    };
    inlines(element).into_iter().map(plain).collect()
}

fn inline(element: &Value) -> Inline {
    let string = |key: &str| element.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let id = |key: &str| string(key).filter(|id| is_id(id));
    let look = style(element);
    let known = match kind(element) {
        "text" => string("text").map(|text| Inline::Text { text: text.to_owned(), style: look }),
        "link" => string("url").map(|url| {
            let text = string("text").unwrap_or(bare_url(url)).to_owned();
            match link_or_text(url, text) {
                Inline::Link { url, text, .. } => Inline::Link { url, text, style: look },
                Inline::Text { text, .. } => Inline::Text { text, style: look },
                other => other,
            }
        }),
        "user" => id("user_id").map(|id| Inline::User(SlackUserId::new(id))),
        "channel" => id("channel_id").map(|id| Inline::Channel { id: ChannelId::new(id), name: None }),
        "usergroup" => id("usergroup_id").map(|id| Inline::UserGroup { id: id.to_owned(), name: None }),
        "team" => id("team_id").map(|id| Inline::text(format!("@{id}"))),
        "emoji" => string("name")
            .map(|name| Inline::Emoji { name: name.to_owned(), unicode: string("unicode").and_then(characters) }),
        "broadcast" => match string("range") {
            Some(range @ ("here" | "channel" | "everyone")) => Some(Inline::Broadcast(range.to_owned())),
            range => range.map(|range| Inline::text(format!("@{range}"))),
        },
        "date" => {
            let seconds = element.get("timestamp").and_then(Value::as_i64);
            let text = string("fallback").map(str::to_owned).or_else(|| seconds.map(utc));
            text.map(|text| link_or_text(string("url").unwrap_or(""), text))
        }
        "color" => string("value").map(Inline::text),
        "message_mention" => string("url").map(|url| link_or_text(url, String::from("message"))),
        _ => None,
    };
    known.unwrap_or_else(|| Inline::Text { text: any_text(element, SEARCH_DEPTH), style: look })
}

fn style(element: &Value) -> Style {
    let on = |key| element.get("style").and_then(|style| style.get(key)).and_then(Value::as_bool).unwrap_or(false);
    Style { bold: on("bold"), italic: on("italic"), strike: on("strike"), code: on("code") }
}

/// The characters that code points such as `1f44b-1f3fc` name.
fn characters(points: &str) -> Option<String> {
    points.split('-').map(|point| u32::from_str_radix(point, 16).ok().and_then(char::from_u32)).collect()
}

/// A time as text, for a date that brings none.
fn utc(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to a date in the proleptic Gregorian calendar, years starting in March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", of_day / 3600, of_day % 3600 / 60)
}

fn table(block: &Value) -> Option<Block> {
    let cell = |cell: &Value| match kind(cell) {
        "rich_text" => {
            let mut blocks = Vec::new();
            top_elements(elements(cell), &mut blocks);
            flat(blocks)
        }
        _ => match cell.get("text").or_else(|| cell.get("value")) {
            Some(Value::Number(number)) => vec![Inline::text(number.to_string())],
            _ => vec![Inline::text(any_text(cell, SEARCH_DEPTH))],
        },
    };
    let rows = block.get("rows")?.as_array()?;
    let cells = |row: &Value| row.as_array().map(|row| row.iter().map(cell).collect()).unwrap_or_default();
    Some(Block::Table(rows.iter().map(cells).collect()))
}

/// The inlines of blocks, a line a block.
fn flat(blocks: Vec<Block>) -> Vec<Inline> {
    let mut out = Vec::new();
    for block in blocks {
        out.push(Inline::Break);
        match block {
            Block::Paragraph(content) | Block::Heading { content, .. } => out.extend(content),
            Block::Quote(inner) => out.extend(flat(inner)),
            Block::List { items, .. } => items.into_iter().for_each(|item| out.extend(flat(item))),
            Block::Code { text, .. } => out.push(Inline::text(text)),
            Block::Table(rows) => rows.into_iter().flatten().for_each(|cell| out.extend(cell)),
            Block::Rule => {}
        }
    }
    out
}

/// Reads a block for want of a text that covers it.
fn any_block(block: &Value) -> Vec<Block> {
    if let Some(blocks) = rich(std::slice::from_ref(block)) {
        return blocks;
    }
    mrkdwn_in::blocks(&any_text(block, SEARCH_DEPTH))
}

/// Keeps what a person attached: a table, a forwarded message, or an app's own words; not a preview of a link.
fn attachment(attachment: &Value) -> Vec<Block> {
    let string = |key: &str| attachment.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let flag = |key: &str| attachment.get(key).and_then(Value::as_bool).unwrap_or(false);
    let shared = flag("is_msg_unfurl") || flag("is_share");
    if !shared && (string("from_url").is_some() || string("original_url").is_some()) {
        return Vec::new();
    }
    let mut inner = Vec::new();
    if shared {
        let bold = Style { bold: true, ..Style::default() };
        let author = string("author_name").or_else(|| string("author_subname")).unwrap_or("Forwarded message");
        inner.push(Block::Paragraph(vec![match link_or_text(string("from_url").unwrap_or(""), author.to_owned()) {
            Inline::Link { url, text, .. } => Inline::Link { url, text, style: bold },
            _ => Inline::Text { text: author.to_owned(), style: bold },
        }]));
    }
    if let Some(text) = string("pretext") {
        inner.extend(mrkdwn_in::blocks(text));
    }
    if let Some(title) = string("title") {
        inner.push(Block::Paragraph(vec![link_or_text(string("title_link").unwrap_or(""), title.to_owned())]));
    }
    if let Some(text) = string("text") {
        inner.extend(mrkdwn_in::blocks(text));
    } else {
        for message in attachment.get("message_blocks").and_then(Value::as_array).into_iter().flatten() {
            let blocks = message.get("message").and_then(|message| message.get("blocks")).and_then(Value::as_array);
            inner.extend(blocks.into_iter().flatten().flat_map(any_block));
        }
    }
    for field in attachment.get("fields").and_then(Value::as_array).into_iter().flatten() {
        let part = |key: &str| field.get(key).and_then(Value::as_str).unwrap_or("");
        inner.push(Block::Paragraph(mrkdwn_in::line(&format!("{}: {}", part("title"), part("value")))));
    }
    let mut out = Vec::new();
    for block in attachment.get("blocks").and_then(Value::as_array).into_iter().flatten() {
        match (kind(block), table(block)) {
            ("table" | "data_table", Some(table)) => out.push(table),
            _ => inner.extend(any_block(block)),
        }
    }
    let silent = string("fallback").filter(|text| !text.starts_with("[no preview"));
    if let (true, true, Some(fallback)) = (inner.is_empty(), out.is_empty(), silent) {
        inner.extend(mrkdwn_in::blocks(fallback));
    }
    out.insert(0, Block::Quote(inner));
    out
}

fn kind(element: &Value) -> &str {
    element.get("type").and_then(Value::as_str).unwrap_or("")
}

fn elements(element: &Value) -> &[Value] {
    element.get("elements").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Whatever text there is in an element that this module does not know.
fn any_text(element: &Value, depth: usize) -> String {
    if depth == 0 {
        return String::new();
    }
    for key in ["text", "fallback", "alt_text", "value"] {
        match element.get(key) {
            Some(Value::String(text)) if !text.is_empty() => return text.clone(),
            Some(inner @ Value::Object(_)) => {
                let text = any_text(inner, depth - 1);
                if !text.is_empty() {
                    return text;
                }
            }
            _ => {}
        }
    }
    let mut parts = Vec::new();
    for key in ["title", "elements", "fields"] {
        match element.get(key) {
            Some(Value::Array(inner)) => parts.extend(inner.iter().map(|inner| any_text(inner, depth - 1))),
            Some(inner @ Value::Object(_)) => parts.push(any_text(inner, depth - 1)),
            _ => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}
