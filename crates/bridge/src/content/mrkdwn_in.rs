//! Slack's mrkdwn in: what a message's `text` holds.

use super::doc::{Block, Inline, Style};
use super::normal::push_text;
use super::text::{bare_url, is_id, safe_url, unescape_mrkdwn};
use crate::ids::{ChannelId, SlackUserId};

/// Reads mrkdwn into blocks, not in normal form.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, code, after)) = fence(rest) {
        prose(before, &mut out);
        let text: String = tokens(code).iter().map(Token::raw_text).collect();
        out.push(Block::Code { language: None, text });
        rest = after;
    }
    prose(rest, &mut out);
    out
}

/// Splits a text around its first fenced code.
fn fence(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("```")?;
    let (code, after) = rest.split_once("```")?;
    Some((before, code, after))
}

/// Reads the text around code: quoted lines, and lines that are not.
fn prose(text: &str, out: &mut Vec<Block>) {
    let mut lines: Vec<Inline> = Vec::new();
    let mut quoted: Vec<Inline> = Vec::new();
    let mut quote_rest = false;
    for line in text.split('\n') {
        let long_quote = line.strip_prefix("&gt;&gt;&gt;").or_else(|| line.strip_prefix(">>>"));
        let quote = long_quote.or_else(|| line.strip_prefix("&gt;")).or_else(|| line.strip_prefix('>'));
        quote_rest |= long_quote.is_some();
        if quote_rest || quote.is_some() {
            flush(&mut lines, out, Block::Paragraph);
            let content = quote.unwrap_or(line);
            quoted.append(&mut self::line(content.strip_prefix(' ').unwrap_or(content)));
            quoted.push(Inline::Break);
        } else {
            flush(&mut quoted, out, |content| Block::Quote(vec![Block::Paragraph(content)]));
            lines.append(&mut self::line(line));
            lines.push(Inline::Break);
        }
    }
    flush(&mut lines, out, Block::Paragraph);
    flush(&mut quoted, out, |content| Block::Quote(vec![Block::Paragraph(content)]));
}

fn flush(content: &mut Vec<Inline>, out: &mut Vec<Block>, block: impl Fn(Vec<Inline>) -> Block) {
    if !content.is_empty() {
        out.push(block(std::mem::take(content)));
    }
}

/// Reads one line.
pub(super) fn line(text: &str) -> Vec<Inline> {
    let tokens = tokens(text);
    let mut out = Vec::new();
    styled(&tokens, Style::default(), &mut out);
    out
}

/// A character, decoded, or what stood between `<` and `>`.
enum Token {
    Char(char),
    Node(Inline),
}

impl Token {
    /// How the token reads within code.
    fn raw_text(&self) -> String {
        match self {
            Token::Char(c) => c.to_string(),
            Token::Node(Inline::Link { text, .. }) => text.clone(),
            Token::Node(node) => super::text::spoken(node, &super::text::NoNames),
        }
    }

    fn is(&self, wanted: char) -> bool {
        matches!(self, Token::Char(c) if *c == wanted)
    }

    fn is_space(&self) -> bool {
        matches!(self, Token::Char(c) if c.is_whitespace())
    }

    fn is_word(&self) -> bool {
        matches!(self, Token::Char(c) if c.is_alphanumeric())
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.extend(unescape_mrkdwn(&rest[..at]).chars().map(Token::Char));
        rest = &rest[at + 1..];
        let Some((body, after)) = rest.split_once('>') else {
            out.push(Token::Char('<'));
            break;
        };
        out.push(Token::Node(node(body)));
        rest = after;
    }
    out.extend(unescape_mrkdwn(rest).chars().map(Token::Char));
    out
}

/// Reads what stood between `<` and `>`.
fn node(body: &str) -> Inline {
    let (head, label) = match body.split_once('|') {
        Some((head, label)) => (head, Some(unescape_mrkdwn(label).into_owned())),
        None => (body, None),
    };
    let label = label.filter(|label| !label.trim().is_empty());
    let bare = |sign: char, label: Option<String>| label.map(|label| label.trim_start_matches(sign).to_owned());
    if let Some(id) = head.strip_prefix('@')
        && is_id(id)
    {
        return Inline::User(SlackUserId::new(id));
    }
    if let Some(id) = head.strip_prefix('#')
        && is_id(id)
    {
        return Inline::Channel { id: ChannelId::new(id), name: bare('#', label) };
    }
    if let Some(id) = head.strip_prefix("!subteam^")
        && is_id(id)
    {
        return Inline::UserGroup { id: id.to_owned(), name: bare('@', label) };
    }
    if let Some(range @ ("here" | "channel" | "everyone")) = head.strip_prefix('!') {
        return Inline::Broadcast(range.to_owned());
    }
    if let Some(date) = head.strip_prefix("!date^") {
        let link = date.splitn(3, '^').nth(2).map(|url| unescape_mrkdwn(url).into_owned());
        return link_or_text(link.as_deref().unwrap_or(""), label.unwrap_or_else(|| date.to_owned()));
    }
    let url = unescape_mrkdwn(head);
    let text = label.unwrap_or_else(|| bare_url(&url).to_owned());
    link_or_text(&url, text)
}

/// A link, or only its text where the URL leads nowhere safe.
pub(super) fn link_or_text(url: &str, text: String) -> Inline {
    match safe_url(url) {
        Some(url) => Inline::Link { url, text, style: Style::default() },
        None => Inline::text(text),
    }
}

/// Reads the markers `*`, `_`, `~` and `` ` ``; each is open at most once, so the depth is at most four.
fn styled(tokens: &[Token], style: Style, out: &mut Vec<Inline>) {
    let mut dead = [false; 4];
    let mut at = 0;
    while at < tokens.len() {
        let marker = MARKERS.iter().position(|marker| tokens[at].is(*marker));
        if let Some(kind) = marker.filter(|kind| !dead[*kind])
            && let Some(inner_style) = with(style, kind)
            && opens(tokens, at)
        {
            if let Some(end) = closer(tokens, at, MARKERS[kind]) {
                styled(&tokens[at + 1..end], inner_style, out);
                at = end + 1;
                continue;
            }
            // None from here on: the search is not repeated.
            dead[kind] = true;
        }
        match &tokens[at] {
            Token::Char(c) => push_text(out, c.encode_utf8(&mut [0; 4]), style),
            Token::Node(Inline::Link { url, text, .. }) => {
                out.push(Inline::Link { url: url.clone(), text: text.clone(), style });
            }
            Token::Node(Inline::Text { text, .. }) => push_text(out, text, style),
            Token::Node(node) => out.push(node.clone()),
        }
        at += 1;
    }
}

const MARKERS: [char; 4] = ['`', '*', '_', '~'];

/// The style within a marker; none if the marker means nothing here.
fn with(style: Style, kind: usize) -> Option<Style> {
    match kind {
        _ if style.code => None,
        0 => Some(Style { code: true, ..style }),
        1 if !style.bold => Some(Style { bold: true, ..style }),
        2 if !style.italic => Some(Style { italic: true, ..style }),
        3 if !style.strike => Some(Style { strike: true, ..style }),
        _ => None,
    }
}

fn opens(tokens: &[Token], at: usize) -> bool {
    let before = at.checked_sub(1).is_none_or(|before| !tokens[before].is_word());
    // Several backticks in a row are a fence left open.
    let fence = tokens[at].is('`')
        && (tokens.get(at + 1).is_some_and(|next| next.is('`'))
            || at.checked_sub(1).is_some_and(|at| tokens[at].is('`')));
    before && !fence && tokens.get(at + 1).is_some_and(|next| !next.is_space())
}

fn closer(tokens: &[Token], open: usize, marker: char) -> Option<usize> {
    (open + 2..tokens.len()).find(|at| {
        let fits = marker == '`'
            || (!tokens[at - 1].is_space()
                && tokens.get(at + 1).is_none_or(|next| !next.is_word() && !next.is(marker)));
        tokens[*at].is(marker) && fits
    })
}
