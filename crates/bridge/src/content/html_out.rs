//! HTML out, for Zendesk; escaped by construction.

use super::Names;
use super::doc::{Block, Doc, Inline, Style};
use super::text::{image, push_html, safe_url, spoken};

/// Writes a document as HTML.
pub(super) fn write(doc: &Doc, names: &dyn Names) -> String {
    let mut writer = Writer { out: String::new(), names, space_shown: false };
    writer.blocks(&doc.blocks);
    writer.out
}

struct Writer<'a> {
    out: String,
    names: &'a dyn Names,
    /// Whether a reader of HTML would show a space here.
    space_shown: bool,
}

impl Writer<'_> {
    fn blocks(&mut self, blocks: &[Block]) {
        blocks.iter().for_each(|block| self.block(block));
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Paragraph(content) => self.element("p", content),
            Block::Heading { level, content } => self.element(HEADINGS[usize::from((*level).clamp(1, 6)) - 1], content),
            Block::List { ordered, start, items } => {
                match (ordered, start) {
                    (false, _) => self.out.push_str("<ul>"),
                    (true, 1) => self.out.push_str("<ol>"),
                    (true, start) => self.out.push_str(&format!("<ol start=\"{start}\">")),
                }
                items.iter().for_each(|item| self.item(item));
                self.out.push_str(if *ordered { "</ol>" } else { "</ul>" });
            }
            Block::Code { text, .. } => {
                self.out.push_str("<pre><code>");
                text.chars().for_each(|c| push_html(&mut self.out, c));
                self.out.push_str("</code></pre>");
            }
            Block::Quote(inner) => {
                self.out.push_str("<blockquote>");
                self.blocks(inner);
                self.out.push_str("</blockquote>");
            }
            Block::Table(rows) => {
                self.out.push_str("<table>");
                for row in rows {
                    self.out.push_str("<tr>");
                    row.iter().for_each(|cell| self.element("td", cell));
                    self.out.push_str("</tr>");
                }
                self.out.push_str("</table>");
            }
            Block::Rule => self.out.push_str("<hr>"),
        }
    }

    /// A single paragraph of an item needs no tags of its own.
    fn item(&mut self, item: &[Block]) {
        self.out.push_str("<li>");
        match item {
            [Block::Paragraph(content), rest @ ..]
                if !rest.iter().any(|block| matches!(block, Block::Paragraph(_))) =>
            {
                self.space_shown = false;
                self.inlines(content);
                self.blocks(rest);
            }
            blocks => self.blocks(blocks),
        }
        self.out.push_str("</li>");
    }

    fn element(&mut self, name: &str, content: &[Inline]) {
        self.out.push_str(&format!("<{name}>"));
        self.space_shown = false;
        self.inlines(content);
        self.out.push_str(&format!("</{name}>"));
    }

    fn inlines(&mut self, content: &[Inline]) {
        for inline in content {
            match inline {
                Inline::Text { text, style } => self.styled(text, *style),
                Inline::Link { url, text, style } => self.link(url, text, *style),
                Inline::Image { alt, url: Some(url) } => self.link(url, &image(alt), Style::default()),
                Inline::Break => {
                    self.out.push_str("<br>");
                    self.space_shown = false;
                }
                other => {
                    let spoken = spoken(other, self.names);
                    self.text(&spoken);
                }
            }
        }
    }

    fn link(&mut self, url: &str, text: &str, style: Style) {
        let Some(url) = safe_url(url) else { return self.styled(text, style) };
        self.out.push_str("<a href=\"");
        url.chars().for_each(|c| push_html(&mut self.out, c));
        self.out.push_str("\" rel=\"noopener noreferrer\">");
        self.styled(text, style);
        self.out.push_str("</a>");
    }

    fn styled(&mut self, text: &str, style: Style) {
        let tags = [(style.bold, "strong"), (style.italic, "em"), (style.strike, "del"), (style.code, "code")];
        for (_, tag) in tags.iter().filter(|(on, _)| *on) {
            self.out.push_str(&format!("<{tag}>"));
        }
        self.text(text);
        for (_, tag) in tags.iter().rev().filter(|(on, _)| *on) {
            self.out.push_str(&format!("</{tag}>"));
        }
    }

    /// HTML shows one space where there are several, so every second one is written as one that stays.
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\n' => {
                    self.out.push_str("<br>");
                    self.space_shown = false;
                }
                ' ' if !self.space_shown => {
                    self.out.push_str("&nbsp;");
                    self.space_shown = true;
                }
                c if c.is_whitespace() => {
                    self.out.push(' ');
                    self.space_shown = false;
                }
                c => {
                    push_html(&mut self.out, c);
                    self.space_shown = true;
                }
            }
        }
    }
}

const HEADINGS: [&str; 6] = ["h1", "h2", "h3", "h4", "h5", "h6"];
