//! Plain text out.

use super::Names;
use super::doc::{Block, Doc, Inline};
use super::text::{bare_url, image, spoken};

/// Writes a document as plain text.
pub(super) fn write(doc: &Doc, names: &dyn Names) -> String {
    let mut out = String::new();
    blocks(&doc.blocks, names, "", &mut out);
    let mut text = String::with_capacity(out.len());
    for line in out.trim_matches('\n').split('\n') {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

/// Writes blocks, each line of them after `prefix`.
fn blocks(blocks: &[Block], names: &dyn Names, prefix: &str, out: &mut String) {
    for (index, block) in blocks.iter().enumerate() {
        if index > 0 && !(matches!(block, Block::List { .. }) && matches!(blocks[index - 1], Block::Paragraph(_))) {
            lines("", prefix, out);
        }
        match block {
            Block::Paragraph(content) | Block::Heading { content, .. } => lines(&inlines(content, names), prefix, out),
            Block::List { ordered, start, items } => {
                for (item, number) in items.iter().zip(u64::from(*start)..) {
                    let marker = if *ordered { format!("{number}. ") } else { String::from("- ") };
                    let indent = " ".repeat(marker.len());
                    let mut inner = String::new();
                    self::blocks(item, names, "", &mut inner);
                    for (index, line) in inner.trim_end_matches('\n').split('\n').enumerate() {
                        lines(&format!("{}{line}", if index == 0 { &marker } else { &indent }), prefix, out);
                    }
                }
            }
            Block::Code { text, .. } => lines(text, prefix, out),
            Block::Quote(inner) => self::blocks(inner, names, &format!("{prefix}> "), out),
            Block::Table(rows) => {
                for row in rows {
                    let cells: Vec<_> = row.iter().map(|cell| inlines(cell, names).replace('\n', " ")).collect();
                    lines(&cells.join(" | "), prefix, out);
                }
            }
            Block::Rule => lines("---", prefix, out),
        }
    }
}

fn lines(text: &str, prefix: &str, out: &mut String) {
    for line in text.split('\n') {
        out.push_str(prefix);
        out.push_str(line);
        out.push('\n');
    }
}

/// Reads inlines as text; a link shows its URL if its text does not.
pub(super) fn inlines(content: &[Inline], names: &dyn Names) -> String {
    let mut out = String::new();
    for inline in content {
        match inline {
            Inline::Link { url, text, .. } => {
                out.push_str(text);
                if !bare_url(url).contains(text.trim()) {
                    out.push_str(&format!(" ({})", bare_url(url)));
                }
            }
            Inline::Image { alt, url: Some(url) } => out.push_str(&format!("{} ({url})", image(alt))),
            other => out.push_str(&spoken(other, names)),
        }
    }
    out
}
