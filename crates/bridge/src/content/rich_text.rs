//! Slack's `rich_text` in, which people's clients write.
//!
//! <https://docs.slack.dev/reference/block-kit/blocks/rich-text-block>. Texts in it are not escaped.

use serde_json::Value;

use super::blocks_in::{Notes, any_words, inlines_of, kind};
use super::doc::{Block, Inline, Style};
use super::mrkdwn_in::{bare_link, link_or_text};
use super::text::is_id;
use super::{emoji, plain};
use crate::ids::{ChannelId, SlackUserId};

/// How far unknown elements are searched for words.
const SEARCH_DEPTH: usize = 12;

/// Reads the elements of a `rich_text` block.
pub(super) fn elements(block: &Value, out: &mut Vec<Block>, notes: &Notes) {
    match block.get("elements") {
        Some(Value::Array(elements)) => top_elements(elements, out, notes),
        _ => notes.not_understood.set(true),
    }
}

fn top_elements(elements: &[Value], out: &mut Vec<Block>, notes: &Notes) {
    for element in elements {
        let bordered = element.get("border").and_then(Value::as_u64).unwrap_or(0) > 0;
        match kind(element) {
            "rich_text_list" => within(out, bordered, |out| place_list(out, element, notes)),
            "rich_text_preformatted" => {
                let language = element.get("language").and_then(Value::as_str).map(str::to_owned);
                let text = plain::inlines(&code_inlines(element, notes), &super::Nameless);
                within(out, bordered, |out| out.push(Block::Code { language, text }));
            }
            "rich_text_quote" => out.push(Block::Quote(vec![Block::Paragraph(inlines(element, notes))])),
            "rich_text_section" => out.push(Block::Paragraph(inlines(element, notes))),
            // An element of a line where a line is due, or a kind of line that is not known.
            _ if element.get("elements").is_some_and(Value::is_array) => {
                out.push(Block::Paragraph(inlines(element, notes)));
            }
            _ => out.push(Block::Paragraph(inline(element, notes))),
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
fn place_list(out: &mut Vec<Block>, element: &Value, notes: &Notes) {
    let number = |key| element.get(key).and_then(Value::as_u64).unwrap_or(0);
    let ordered = element.get("style").and_then(Value::as_str) == Some("ordered");
    let start = u32::try_from(number("offset").saturating_add(1)).unwrap_or(1);
    let items: Vec<Vec<Block>> = given(element).iter().map(|item| list_item(item, notes)).collect();
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

fn list_item(item: &Value, notes: &Notes) -> Vec<Block> {
    let mut out = Vec::new();
    top_elements(std::slice::from_ref(item), &mut out, notes);
    out
}

/// The inlines of an element that holds inlines.
fn inlines(element: &Value, notes: &Notes) -> Vec<Inline> {
    given(element).iter().flat_map(|element| inline(element, notes)).collect()
}

/// Within code a link is what it shows.
fn code_inlines(element: &Value, notes: &Notes) -> Vec<Inline> {
    let plain = |inline| match inline {
        Inline::Link { text, .. } => Inline::text(text),
        other => other,
    };
    inlines(element, notes).into_iter().map(plain).collect()
}

fn inline(element: &Value, notes: &Notes) -> Vec<Inline> {
    let string = |key: &str| element.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let id = |key: &str| string(key).filter(|id| is_id(id));
    let look = style(element);
    let known = match kind(element) {
        "text" => string("text").map(|text| Inline::Text { text: text.to_owned(), style: look }),
        "link" => string("url").map(|url| {
            let link = match string("text") {
                Some(text) => link_or_text(url, text.to_owned()),
                None => bare_link(url),
            };
            match link {
                Inline::Link { url, text, .. } => Inline::Link { url, text, style: look },
                Inline::Text { text, .. } => Inline::Text { text, style: look },
                other => other,
            }
        }),
        "user" => id("user_id").map(|id| Inline::User { id: SlackUserId::new(id), name: None }),
        "channel" => id("channel_id").map(|id| Inline::Channel { id: ChannelId::new(id), name: None }),
        "usergroup" => id("usergroup_id").map(|id| Inline::UserGroup { id: id.to_owned(), name: None }),
        "team" => id("team_id").map(|id| Inline::text(format!("@{id}"))),
        "emoji" => string("name").map(|name| {
            let tone = element.get("skin_tone").and_then(Value::as_u64);
            let unicode = string("unicode").and_then(characters).or_else(|| emoji::with_tone(name, tone));
            Inline::Emoji { name: name.to_owned(), unicode }
        }),
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
    if let Some(known) = known {
        return vec![known];
    }
    let mut out = Vec::new();
    for block in any_words(element, SEARCH_DEPTH, notes) {
        if !out.is_empty() {
            out.push(Inline::text(" "));
        }
        out.extend(inlines_of(block).into_iter().map(|inline| match inline {
            Inline::Text { text, style } if style.is_plain() => Inline::Text { text, style: look },
            other => other,
        }));
    }
    // An empty text is nothing; anything else may be.
    if out.is_empty() && kind(element) != "text" {
        notes.not_understood.set(true);
    }
    out
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

fn given(element: &Value) -> &[Value] {
    element.get("elements").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
