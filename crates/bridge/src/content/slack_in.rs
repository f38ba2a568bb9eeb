//! A Slack message in: its blocks, its text, and what is attached to it.
//!
//! Blocks give all their words, whether this module knows them or not; the message's `text` is a rendering of the same
//! words by the client that wrote it, or an app's summary of them. It counts where the blocks give nothing. Where a
//! person's client wrote the message it is also compared with what was read, so that an element of a kind that Slack has
//! yet to invent loses nothing: <https://docs.slack.dev/reference/block-kit/blocks/rich-text-block>.

use std::collections::HashSet;

use serde_json::Value;

use super::doc::{Block, Doc, Inline};
use super::{attachments_in, blocks_in, mrkdwn_in, normal};

/// How often a word is searched in the whole message, which takes time; further ones count as missing at once.
const SEARCHES: usize = 64;
/// Fewer letters stand within other words by chance.
const SHORTEST_CUT: usize = 4;

/// Reads a message; `by_app` if an app wrote it.
pub(super) fn read(text: &str, blocks: Option<&Value>, attachments: Option<&Value>, by_app: bool) -> Doc {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let (given, attached) = (list(blocks), list(attachments));
    let (read, all_understood) = blocks_in::blocks(&given);
    let mut out = normal::blocks(read, 0);
    let from_blocks = out.iter().any(|block| *block != Block::Rule);
    if !from_blocks {
        let said = normal::blocks(mrkdwn_in::blocks(text), 0);
        if !said.is_empty() {
            out = said;
        }
    }
    let mut after = normal::blocks(attached.iter().flat_map(attachments_in::attachment).collect(), 0);
    if from_blocks && !by_app && given.iter().all(blocks_in::is_written_by_clients) {
        let missing = missing(text, out.iter().chain(&after), all_understood);
        out.extend(normal::blocks(missing, 0));
    }
    out.append(&mut after);
    Doc { blocks: out }
}

/// The lines of a text that hold words which stand in none of the blocks.
///
/// A text that shares no word with blocks of which everything was understood is no rendering of them but a summary.
fn missing<'a>(text: &str, read: impl Iterator<Item = &'a Block>, all_understood: bool) -> Vec<Block> {
    let mut said = Said::default();
    read.for_each(|block| said.block(block));
    let words: HashSet<&str> = said.words.split(' ').collect();
    let mut lines = Vec::new();
    each_line(&mrkdwn_in::blocks(&without_dates(text)), &mut |line| lines.push(line.to_vec()));
    let (mut searches, mut shared) = (0, false);
    let mut out = Vec::new();
    for line in lines {
        let mut wanted = Said::default();
        wanted.line(&line);
        let without_marker = match wanted.words.trim_start().split_once(' ') {
            // What a client writes before an item: `1.`, `b.`, `iv.`.
            Some((marker, rest)) if is_marker(&line, marker) => rest,
            _ => wanted.words.trim_start(),
        };
        let mut all_there = true;
        // Words that stand beside each other and not among those that were read.
        let mut gone = String::new();
        for word in without_marker.split(' ').filter(|word| !word.is_empty()).chain([""]) {
            if !word.is_empty() && !words.contains(word) {
                gone.push_str(word);
                continue;
            }
            shared |= !word.is_empty();
            // A word may be cut by a change of style, so it is also searched without gaps; a short one stands anywhere.
            searches += usize::from(!gone.is_empty());
            let is_cut = gone.chars().count() >= SHORTEST_CUT && searches <= SEARCHES && said.letters.contains(&gone);
            shared |= is_cut;
            all_there &= gone.is_empty() || is_cut;
            gone.clear();
        }
        if all_there {
            continue;
        }
        out.push(Block::Paragraph(line));
    }
    if all_understood && !shared { Vec::new() } else { out }
}

/// A date reads in a text as its fallback, and in a block as something else.
fn without_dates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!date^") {
        out.push_str(before);
        rest = after.split_once('>').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

fn is_marker(line: &[Inline], marker: &str) -> bool {
    let Some(Inline::Text { text, .. }) = line.first() else { return false };
    let text = text.trim_start();
    let short = marker.len() <= 4 && (marker.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()));
    short && text.get(..marker.len()) == Some(marker) && text[marker.len()..].starts_with(". ")
}

/// The words of a part of a message, in lower case, and the same without gaps.
#[derive(Default)]
struct Said {
    words: String,
    letters: String,
}

impl Said {
    fn block(&mut self, block: &Block) {
        each_line(std::slice::from_ref(block), &mut |line| self.line(line));
    }

    fn line(&mut self, line: &[Inline]) {
        for inline in line {
            match inline {
                Inline::Text { text, .. } => self.text(text),
                Inline::Link { url, text, .. } => {
                    self.gap();
                    self.text(text);
                    self.gap();
                    self.text(url);
                }
                // Its name, if it has no characters: in the text there stands its code.
                Inline::Emoji { name, unicode: None } => {
                    self.gap();
                    self.text(name);
                }
                Inline::Image { alt, .. } => {
                    self.gap();
                    self.text(alt);
                }
                // Mentions read differently in the two, and are there in both.
                _ => {}
            }
            if !matches!(inline, Inline::Text { .. }) {
                self.gap();
            }
        }
        self.gap();
    }

    fn text(&mut self, text: &str) {
        for c in text.chars().flat_map(char::to_lowercase) {
            if c.is_alphanumeric() {
                self.words.push(c);
                self.letters.push(c);
            } else {
                self.gap();
            }
        }
    }

    fn gap(&mut self) {
        if !self.words.ends_with(' ') {
            self.words.push(' ');
        }
    }
}

/// Visits the lines of blocks, code and cells among them.
fn each_line(blocks: &[Block], visit: &mut dyn FnMut(&[Inline])) {
    let content = |content: &[Inline], visit: &mut dyn FnMut(&[Inline])| {
        content.split(|inline| *inline == Inline::Break).for_each(visit);
    };
    for block in blocks {
        match block {
            Block::Paragraph(inlines) | Block::Heading { content: inlines, .. } => content(inlines, visit),
            Block::Table(rows) => rows.iter().flatten().for_each(|cell| content(cell, visit)),
            Block::List { items, .. } => items.iter().for_each(|item| each_line(item, visit)),
            Block::Quote(inner) => each_line(inner, visit),
            Block::Code { text, .. } => text.lines().for_each(|line| visit(&[Inline::text(line)])),
            Block::Rule => {}
        }
    }
}
