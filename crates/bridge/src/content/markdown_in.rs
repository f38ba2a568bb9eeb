//! Markdown in: what Slack's `markdown` block holds.
//!
//! <https://docs.slack.dev/reference/block-kit/blocks/markdown-block>. HTML in it is text.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::doc::{Block, Inline, MAX_DEPTH, Style};
use super::mrkdwn_in::link_or_text;
use super::{emoji, normal};

/// Reads Markdown into blocks, not in normal form.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut reader = Reader { open: vec![Holder::Blocks(Vec::new())], ..Reader::default() };
    for event in Parser::new_ext(text, options) {
        reader.event(event);
    }
    while reader.open.len() > 1 {
        reader.close();
    }
    reader.flush();
    match reader.open.pop() {
        Some(Holder::Blocks(blocks)) => blocks,
        _ => Vec::new(),
    }
}

/// What holds blocks while they are read.
enum Holder {
    Blocks(Vec<Block>),
    List { start: Option<u64>, items: Vec<Vec<Block>> },
    Item(Vec<Block>),
    Quote(Vec<Block>),
}

#[derive(Default)]
struct Reader {
    open: Vec<Holder>,
    line: Vec<Inline>,
    bold: usize,
    italic: usize,
    strike: usize,
    heading: Option<u8>,
    code: Option<(Option<String>, String)>,
    rows: Vec<Vec<Vec<Inline>>>,
    /// How many that hold blocks were too deep to open; they close first.
    too_deep: usize,
    /// Where a link or an image leads, and what of the line is its text.
    links: Vec<(String, usize)>,
}

impl Reader {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some((_, code)) => code.push_str(&text),
                None => self.text(&text),
            },
            Event::Code(text) => {
                let style = Style { code: true, ..self.style() };
                normal::push_text(&mut self.line, &text, style);
            }
            Event::Html(text) | Event::InlineHtml(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                let style = self.style();
                normal::push_text(&mut self.line, &text, style);
            }
            Event::FootnoteReference(text) => self.text(&format!("[{text}]")),
            Event::SoftBreak | Event::HardBreak => self.line.push(Inline::Break),
            Event::Rule => {
                self.flush();
                self.push(Block::Rule);
            }
            Event::TaskListMarker(done) => self.text(if done { "☑ " } else { "☐ " }),
        }
    }

    fn style(&self) -> Style {
        Style { bold: self.bold > 0, italic: self.italic > 0, strike: self.strike > 0, code: false }
    }

    fn text(&mut self, text: &str) {
        let style = self.style();
        let mut rest = text;
        let mut from = 0;
        while let Some(at) = rest[from..].find(':').map(|at| from + at) {
            match emoji::at_start(&rest[at..]) {
                Some((unicode, length)) => {
                    let name = rest[at..at + length].trim_matches(':').to_owned();
                    normal::push_text(&mut self.line, &rest[..at], style);
                    self.line.push(Inline::Emoji { name, unicode: Some(unicode) });
                    (rest, from) = (&rest[at + length..], 0);
                }
                None => from = at + 1,
            }
        }
        normal::push_text(&mut self.line, rest, style);
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.flush();
                self.heading = Some(match level {
                    HeadingLevel::H1 => 1,
                    HeadingLevel::H2 => 2,
                    HeadingLevel::H3 => 3,
                    HeadingLevel::H4 => 4,
                    HeadingLevel::H5 => 5,
                    HeadingLevel::H6 => 6,
                });
            }
            Tag::BlockQuote(_) => self.open(Holder::Quote(Vec::new())),
            Tag::CodeBlock(kind) => {
                self.flush();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.split_whitespace().next().map(str::to_owned),
                    CodeBlockKind::Indented => None,
                };
                self.code = Some((language, String::new()));
            }
            Tag::List(start) => self.open(Holder::List { start, items: Vec::new() }),
            Tag::Item => self.open(Holder::Item(Vec::new())),
            Tag::Table(_) => {
                self.flush();
                self.rows.clear();
            }
            Tag::TableHead | Tag::TableRow => self.rows.push(Vec::new()),
            Tag::TableCell => self.line.clear(),
            Tag::Emphasis => self.italic += 1,
            Tag::Strong => self.bold += 1,
            Tag::Strikethrough => self.strike += 1,
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.links.push((dest_url.into_string(), self.line.len()));
                // What is the link's own must not run into what stands before it.
                self.line.push(Inline::text(""));
            }
            _ => self.flush(),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Emphasis => self.italic = self.italic.saturating_sub(1),
            TagEnd::Strong => self.bold = self.bold.saturating_sub(1),
            TagEnd::Strikethrough => self.strike = self.strike.saturating_sub(1),
            TagEnd::Link => self.end_link(false),
            TagEnd::Image => self.end_link(true),
            TagEnd::CodeBlock => {
                if let Some((language, text)) = self.code.take() {
                    self.push(Block::Code { language, text });
                }
            }
            TagEnd::Heading(_) => {
                self.flush();
                self.heading = None;
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.line);
                if let Some(row) = self.rows.last_mut() {
                    row.push(cell);
                }
            }
            TagEnd::TableHead | TagEnd::TableRow => {}
            TagEnd::Table => {
                let rows = std::mem::take(&mut self.rows);
                self.push(Block::Table(rows));
            }
            TagEnd::List(_) | TagEnd::Item | TagEnd::BlockQuote(_) => self.close(),
            _ => self.flush(),
        }
    }

    fn end_link(&mut self, is_image: bool) {
        let Some((url, from)) = self.links.pop() else { return };
        let inner = self.line.split_off(from.min(self.line.len()));
        if is_image {
            let alt = super::plain::inlines(&inner, &super::Nameless);
            self.line.push(Inline::Image { alt, url: Some(url) });
            return;
        }
        for inline in inner {
            let link = match inline {
                Inline::Text { text, style } if !text.is_empty() => match link_or_text(&url, text) {
                    Inline::Link { url, text, .. } => Inline::Link { url, text, style },
                    Inline::Text { text, .. } => Inline::Text { text, style },
                    other => other,
                },
                other => other,
            };
            self.line.push(link);
        }
    }

    fn flush(&mut self) {
        let content = std::mem::take(&mut self.line);
        if !content.is_empty() {
            self.push(match self.heading {
                Some(level) => Block::Heading { level, content },
                None => Block::Paragraph(content),
            });
        }
    }

    fn open(&mut self, holder: Holder) {
        self.flush();
        if self.open.len() < 4 * MAX_DEPTH {
            self.open.push(holder);
        } else {
            self.too_deep += 1;
        }
    }

    fn close(&mut self) {
        self.flush();
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        if self.open.len() < 2 {
            return;
        }
        match self.open.pop() {
            Some(Holder::Blocks(blocks)) => blocks.into_iter().for_each(|block| self.push(block)),
            Some(Holder::Quote(blocks)) => self.push(Block::Quote(blocks)),
            Some(Holder::List { start, items }) => {
                let number = start.and_then(|start| u32::try_from(start).ok()).unwrap_or(1);
                self.push(Block::List { ordered: start.is_some(), start: number, items });
            }
            Some(Holder::Item(blocks)) => match self.open.last_mut() {
                Some(Holder::List { items, .. }) => items.push(blocks),
                _ => blocks.into_iter().for_each(|block| self.push(block)),
            },
            None => {}
        }
    }

    fn push(&mut self, block: Block) {
        match self.open.last_mut() {
            Some(Holder::Blocks(blocks) | Holder::Item(blocks) | Holder::Quote(blocks)) => blocks.push(block),
            Some(Holder::List { items, .. }) => items.push(vec![block]),
            None => {}
        }
    }
}
