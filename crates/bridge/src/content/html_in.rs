//! Zendesk's HTML in.
//!
//! Builds the document straight from the tags, with no tree between: styles are counters, so that markup that overlaps
//! (`<b><i></b></i>`) costs nothing, and only what holds blocks lies on a stack, whose height is limited.

mod css;
mod frames;
mod links;
mod position;
mod styled;

use super::doc::{Block, Doc, Inline, MAX_DEPTH, Style};
use super::html_token::{Tag, Token, Tokens};
use super::normal;
use css::Space;
use frames::{Frame, is_cell, is_list};
use links::Link;
use position::{moved, with_fractions};
use styled::{Flow, Styled};

/// Tables within tables; layouts in mail need about eight.
const MAX_TABLES: usize = 16;

/// Reads HTML into a document; `account` is the address against which relative ones are resolved.
pub(super) fn read(html: &str, account: Option<&str>) -> Doc {
    let account = account.map(|account| account.trim_end_matches('/').to_owned());
    let mut reader = Reader { url_budget: html.len() + (1 << 16), account, ..Reader::default() };
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
    reader.end_link();
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
    link: Option<Link>,
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
    /// The account's address, without a slash at its end.
    account: Option<String>,
    flow: Flow,
    styled: Vec<Styled>,
    /// Within what a reading aid shows only to those who cannot show readings beside their signs.
    in_parenthesis: bool,
    /// Whether a reading is open.
    reading: bool,
    /// Whether anything of the paragraph stands above or below its line.
    moved: bool,
}

impl Reader {
    fn text(&mut self, text: &str) {
        if !self.flow.is_seen() || self.in_parenthesis {
            return;
        }
        if let Some((pre, _)) = &mut self.pre {
            pre.push_str(text);
            return;
        }
        // Line ends between elements shape the source, not what it shows.
        let between = self.line.is_empty() || self.break_due;
        if self.flow.space != Space::Collapses && between && text.trim().is_empty() {
            return;
        }
        let mut shown = String::with_capacity(text.len());
        for c in text.chars() {
            if matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c') {
                match self.flow.space {
                    Space::KeepsLines | Space::Stays if c == '\n' => {
                        self.put(&shown);
                        shown.clear();
                        self.line_end();
                    }
                    Space::Stays if c != '\r' => shown.push(c),
                    Space::Collapses | Space::KeepsLines if self.space_shown && !self.break_due => {
                        shown.push(' ');
                        self.space_shown = false;
                    }
                    _ => {}
                }
                continue;
            }
            if self.break_due {
                // White space that stays stands before it on the new line.
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
        let mut text = text.to_owned();
        if let Some(raised) = self.flow.raised {
            self.moved = true;
            text = moved(&text, raised, self.last_char());
        }
        let Look { bold, italic, strike, code, link } = &mut self.look;
        let style = Style { bold: *bold > 0, italic: *italic > 0, strike: *strike > 0, code: *code > 0 };
        match link {
            Some(Link::Url(url)) if url.len() <= self.url_budget => {
                self.url_budget -= url.len();
                self.line.push(Inline::Link { url: url.clone(), text, style });
                return;
            }
            Some(Link::Words { said, .. }) => said.push_str(&text),
            _ => {}
        }
        normal::push_text(&mut self.line, &text, style);
    }

    fn last_char(&self) -> Option<char> {
        match self.line.last() {
            Some(Inline::Text { text, .. } | Inline::Link { text, .. }) => text.chars().next_back(),
            _ => None,
        }
    }

    /// Opens or closes the parenthesis around how signs are read.
    fn reading(&mut self, open: bool) {
        self.in_parenthesis = false;
        if self.reading && self.flow.is_seen() {
            self.put(")");
        }
        self.reading = open;
        if open && self.flow.is_seen() {
            self.put("(");
            self.space_shown = true;
        }
    }

    fn start(&mut self, tag: &Tag) {
        self.end_implied(&tag.name);
        let look = self.look.clone();
        let flow = self.flow;
        self.start_plain(tag);
        self.start_styled(tag, look, flow);
    }

    fn start_plain(&mut self, tag: &Tag) {
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
            "a" => self.start_link(tag),
            "img" => self.image(tag),
            "rt" => self.reading(true),
            "rb" | "rtc" => self.reading(false),
            "rp" => self.in_parenthesis = true,
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
            "li" => self.start_item(tag),
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
                _ => {
                    self.end_styled(name);
                    return;
                }
            }
        }
        if self.end_styled(name)
            && matches!(
                name,
                "b" | "strong"
                    | "i"
                    | "em"
                    | "cite"
                    | "var"
                    | "dfn"
                    | "s"
                    | "strike"
                    | "del"
                    | "code"
                    | "tt"
                    | "kbd"
                    | "samp"
            )
        {
            return;
        }
        let lower = |count: &mut u32| *count = count.saturating_sub(1);
        match name {
            "p" => self.flush(),
            "br" => self.line_end(),
            "b" | "strong" => lower(&mut self.look.bold),
            "i" | "em" | "cite" | "var" | "dfn" => lower(&mut self.look.italic),
            "s" | "strike" | "del" => lower(&mut self.look.strike),
            "code" | "tt" | "kbd" | "samp" => lower(&mut self.look.code),
            "a" => self.end_link(),
            "rt" | "ruby" => self.reading(false),
            "rp" => self.in_parenthesis = false,
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush();
                self.heading = None;
            }
            "ul" | "ol" | "menu" => {
                self.flush();
                if self.ignored_lists > 0 {
                    self.ignored_lists -= 1;
                } else {
                    self.close_to(|frame| matches!(frame, Frame::List(_)), is_cell);
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
        let mut content = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.moved) {
            content.iter_mut().for_each(|inline| {
                if let Inline::Text { text, .. } = inline {
                    *text = with_fractions(text);
                }
            });
        }
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
