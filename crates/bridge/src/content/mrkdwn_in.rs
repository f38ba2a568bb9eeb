//! Slack's mrkdwn in: what a message's `text` holds.

use super::doc::{Block, Inline, Style};
use super::emoji;
use super::normal::push_text;
use super::text::{bare_url, is_id, safe_url, spoken_target, unescape_mrkdwn, with_target};
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
    /// A standard emoji, and its code as it was written.
    Emoji(Inline, String),
    Node(Inline),
}

impl Token {
    /// How the token reads within code.
    fn raw_text(&self) -> String {
        match self {
            Token::Char(c) => c.to_string(),
            Token::Emoji(_, code) => code.clone(),
            Token::Node(Inline::Link { text, .. }) => text.clone(),
            Token::Node(node) => super::text::spoken(node, &super::Nameless),
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
        characters(&unescape_mrkdwn(&rest[..at]), &mut out);
        rest = &rest[at + 1..];
        let Some((body, after)) = rest.split_once('>') else {
            out.push(Token::Char('<'));
            break;
        };
        out.push(Token::Node(node(body)));
        rest = after;
    }
    characters(&unescape_mrkdwn(rest), &mut out);
    out
}

/// Reads text that holds no control sequences: characters, and the codes of emoji.
fn characters(text: &str, out: &mut Vec<Token>) {
    let mut rest = text;
    let mut before = None;
    while let Some(c) = rest.chars().next() {
        // `10:100:5` is no emoji, though `:100:` is one.
        let is_in_number = before.is_some_and(|c: char| c.is_ascii_digit())
            && rest[c.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
        let may_be_emoji = c == ':' && !is_in_number;
        if let Some((unicode, length)) = emoji::at_start(rest).filter(|_| may_be_emoji) {
            let (code, after) = rest.split_at(length);
            let name = code.trim_matches(':').to_owned();
            out.push(Token::Emoji(Inline::Emoji { name, unicode: Some(unicode) }, code.to_owned()));
            (rest, before) = (after, Some(':'));
        } else {
            out.push(Token::Char(c));
            (rest, before) = (&rest[c.len_utf8()..], Some(c));
        }
    }
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
        return Inline::User { id: SlackUserId::new(id), name: bare('@', label) };
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
    match label {
        Some(label) => link_or_text(&url, label),
        None => bare_link(&url),
    }
}

/// A link, or its text with where it leads where that cannot be a link.
pub(super) fn link_or_text(url: &str, text: String) -> Inline {
    match safe_url(url) {
        Some(url) => Inline::Link { url, text, style: Style::default() },
        None => Inline::text(with_target(&text, url)),
    }
}

/// A link that shows its own address.
pub(super) fn bare_link(url: &str) -> Inline {
    match safe_url(url) {
        Some(safe) => Inline::Link { url: safe, text: bare_url(url).to_owned(), style: Style::default() },
        None => Inline::text(spoken_target(url).unwrap_or_else(|| url.to_owned())),
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
            Token::Emoji(_, code) if style.code => push_text(out, code, style),
            Token::Emoji(emoji, _) => out.push(emoji.clone()),
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
