//! Zendesk's HTML in.
//!
//! Builds the document straight from the tags, with no tree between: styles are counters, so that markup that overlaps
//! (`<b><i></b></i>`) costs nothing, and only what holds blocks lies on a stack, whose height is limited.

mod frames;

use super::doc::{Block, Doc, Inline, MAX_DEPTH, Style};
use super::html_token::{Tag, Token, Tokens};
use super::normal;
use super::text::{image, safe_url};
use frames::{Frame, is_cell, is_list};

/// Tables within tables; layouts in mail need about eight.
const MAX_TABLES: usize = 16;

/// Reads HTML into a document.
pub(super) fn read(html: &str) -> Doc {
    let mut reader = Reader { url_budget: html.len() + (1 << 16), ..Reader::default() };
    for token in Tokens::new(html) {
        match token {
            Token::Text(text) => reader.text(&text),
            Token::Start(tag) => reader.start(&tag),
            Token::End(name) => reader.end(&name),
        }
    }
    while !reader.frames.is_empty() {
        reader.close();
    }
    reader.flush();
    Doc { blocks: normal::blocks(reader.root, 0) }
}

/// How text is to look at a place.
#[derive(Clone, Default)]
struct Look {
    bold: u32,
    italic: u32,
    strike: u32,
    code: u32,
    link: Option<String>,
}

#[derive(Default)]
struct Reader {
    root: Vec<Block>,
    frames: Vec<Frame>,
    /// The paragraph under construction.
    line: Vec<Inline>,
    look: Look,
    heading: Option<u8>,
    /// Text within `pre`, and its language.
    pre: Option<(String, Option<String>)>,
    /// The next text starts on a line of its own.
    break_due: bool,
    /// Whether a space here would show: not at the start of a line, nor after another.
    space_shown: bool,
    /// Lists and quotes that were too deep to open.
    ignored_lists: u32,
    ignored_quotes: u32,
    ignored_tables: u32,
    /// How many bytes of URLs may yet be written: a long one around many lines must not multiply the input.
    url_budget: usize,
}

impl Reader {
    fn text(&mut self, text: &str) {
        if let Some((pre, _)) = &mut self.pre {
            pre.push_str(text);
            return;
        }
        let mut shown = String::with_capacity(text.len());
        for c in text.chars() {
            if matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c') {
                if self.space_shown && !self.break_due {
                    shown.push(' ');
                    self.space_shown = false;
                }
                continue;
            }
            if self.break_due {
                self.put(&shown);
                shown.clear();
                self.line.push(Inline::Break);
                self.break_due = false;
            }
            shown.push(c);
            self.space_shown = true;
        }
        self.put(&shown);
    }

    /// Adds text as it looks here.
    fn put(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let Look { bold, italic, strike, code, link } = &self.look;
        let style = Style { bold: *bold > 0, italic: *italic > 0, strike: *strike > 0, code: *code > 0 };
        match link {
            Some(url) if url.len() <= self.url_budget => {
                self.url_budget -= url.len();
                self.line.push(Inline::Link { url: url.clone(), text: text.to_owned(), style });
            }
            _ => normal::push_text(&mut self.line, text, style),
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        let name = tag.name.as_str();
        if let Some((pre, language)) = &mut self.pre {
            match name {
                "br" => pre.push('\n'),
                "div" | "p" | "li" | "tr" if !pre.is_empty() && !pre.ends_with('\n') => pre.push('\n'),
                "code" => {
                    let classes = tag.attribute("class").unwrap_or_default();
                    let named = classes.split_whitespace().find_map(|class| class.strip_prefix("language-"));
                    *language = language.take().or(named.map(str::to_owned));
                }
                _ => {}
            }
            return;
        }
        match name {
            "p" => self.flush(),
            "br" => self.line_end(),
            "b" | "strong" => self.look.bold += 1,
            "i" | "em" | "cite" | "var" | "dfn" => self.look.italic += 1,
            "s" | "strike" | "del" => self.look.strike += 1,
            "code" | "tt" | "kbd" | "samp" => self.look.code += 1,
            "a" => self.look.link = tag.attribute("href").as_deref().and_then(safe_url),
            "img" => self.image(tag),
            "hr" => {
                self.flush();
                self.push(Block::Rule);
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush();
                self.heading = name[1..].parse().ok();
            }
            "pre" | "listing" | "xmp" => {
                self.flush();
                self.pre = Some((String::new(), None));
            }
            "ul" | "ol" | "menu" => self.start_list(name == "ol", tag),
            "li" => self.start_item(),
            "blockquote" => {
                self.flush();
                if self.depth() < MAX_DEPTH {
                    self.frames.push(Frame::Quote(Vec::new()));
                } else {
                    self.ignored_quotes += 1;
                }
            }
            "table" => {
                self.flush();
                if self.frames.iter().filter(|frame| matches!(frame, Frame::Table { .. })).count() < MAX_TABLES {
                    self.frames.push(Frame::Table { rows: Vec::new() });
                } else {
                    self.ignored_tables += 1;
                }
            }
            "tr" => self.start_row(),
            "td" | "th" => self.start_cell(name == "th"),
            name if ends_line(name) => self.soft_break(),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if self.pre.is_some() {
            match name {
                "pre" | "listing" | "xmp" | "blockquote" | "td" | "th" | "table" => self.flush(),
                _ => return,
            }
        }
        let lower = |count: &mut u32| *count = count.saturating_sub(1);
        match name {
            "p" => self.flush(),
            "br" => self.line_end(),
            "b" | "strong" => lower(&mut self.look.bold),
            "i" | "em" | "cite" | "var" | "dfn" => lower(&mut self.look.italic),
            "s" | "strike" | "del" => lower(&mut self.look.strike),
            "code" | "tt" | "kbd" | "samp" => lower(&mut self.look.code),
            "a" => self.look.link = None,
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush();
                self.heading = None;
            }
            "ul" | "ol" | "menu" => {
                self.flush();
                if self.ignored_lists > 0 {
                    self.ignored_lists -= 1;
                } else {
                    self.close_to(|frame| matches!(frame, Frame::List { .. }), is_cell);
                }
            }
            "li" => {
                self.flush();
                if self.ignored_lists == 0 {
                    self.close_to(|frame| matches!(frame, Frame::Item(_)), |frame| is_cell(frame) || is_list(frame));
                }
            }
            "blockquote" => {
                self.flush();
                if self.ignored_quotes > 0 {
                    self.ignored_quotes -= 1;
                } else {
                    self.close_to(|frame| matches!(frame, Frame::Quote(_)), is_cell);
                }
            }
            "table" => {
                self.flush();
                if self.ignored_tables > 0 {
                    self.ignored_tables -= 1;
                } else {
                    self.close_to(|frame| matches!(frame, Frame::Table { .. }), |_| false);
                }
            }
            "td" | "th" if self.ignored_tables == 0 => {
                self.flush();
                self.close_to(is_cell, |frame| matches!(frame, Frame::Table { .. }));
            }
            "td" | "th" => self.soft_break(),
            name if ends_line(name) => self.soft_break(),
            _ => {}
        }
    }

    fn image(&mut self, tag: &Tag<'_>) {
        let alt = tag.attribute("alt").unwrap_or_default();
        let tiny =
            |name| tag.attribute(name).is_some_and(|size| matches!(size.trim().trim_end_matches("px"), "0" | "1"));
        // A pixel that only reports that the mail was opened.
        if alt.trim().is_empty() && (tiny("width") || tiny("height")) {
            return;
        }
        if self.break_due {
            self.line.push(Inline::Break);
            self.break_due = false;
        }
        if self.look.link.is_some() {
            self.put(&image(alt.trim()));
        } else {
            self.line.push(Inline::Image { alt, url: tag.attribute("src").as_deref().and_then(safe_url) });
        }
        self.space_shown = true;
    }

    /// Ends the line, even an empty one.
    fn line_end(&mut self) {
        if self.break_due {
            self.line.push(Inline::Break);
            self.break_due = false;
        }
        self.line.push(Inline::Break);
        self.space_shown = false;
    }

    /// Ends the line if there is anything in it.
    fn soft_break(&mut self) {
        self.break_due |= !matches!(self.line.last(), None | Some(Inline::Break));
    }

    /// Ends the paragraph, the heading or the code.
    fn flush(&mut self) {
        if let Some((text, language)) = self.pre.take() {
            self.push(Block::Code { language, text });
        }
        (self.break_due, self.space_shown) = (false, false);
        let content = std::mem::take(&mut self.line);
        if content.iter().all(|inline| *inline == Inline::Break) {
            return;
        }
        self.push(match self.heading {
            Some(level) => Block::Heading { level, content },
            None => Block::Paragraph(content),
        });
    }
}

fn ends_line(name: &str) -> bool {
    matches!(
        name,
        "div"
            | "address"
            | "article"
            | "aside"
            | "body"
            | "caption"
            | "center"
            | "dd"
            | "details"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "header"
            | "html"
            | "legend"
            | "main"
            | "nav"
            | "option"
            | "section"
            | "summary"
            | "tr"
            | "tbody"
            | "thead"
            | "tfoot"
            | "dir"
    )
}
