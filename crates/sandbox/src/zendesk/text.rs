//! Times, ids and the two forms of a text, as Zendesk writes them.

use std::borrow::Cow;

use jiff::Timestamp;

/// A time with milliseconds, as side conversations have it.
pub(super) fn millis(at: i64) -> String {
    format!("{:.3}", stamp(at))
}

/// A time in whole seconds, as everything else has it.
pub(super) fn seconds(at: i64) -> String {
    format!("{:.0}", stamp(at))
}

/// Reads any RFC 3339 time.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

fn stamp(at: i64) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A version 1 UUID, as recorded side conversations have: 100-nanosecond ticks since 1582, then a node.
pub(super) fn uuid_v1(ticks: u64, clock: u16, node: u64) -> String {
    format!(
        "{:08x}-{:04x}-1{:03x}-{:04x}-{:012x}",
        ticks & 0xffff_ffff,
        (ticks >> 32) & 0xffff,
        (ticks >> 48) & 0x0fff,
        0x8000 | (clock & 0x3fff),
        node & 0xffff_ffff_ffff
    )
}

/// The ticks of a version 1 UUID at a time in milliseconds since 1970.
pub(super) fn uuid_ticks(at: i64) -> u64 {
    const BETWEEN_1582_AND_1970: u64 = 0x01b2_1dd2_1381_4000;
    BETWEEN_1582_AND_1970.wrapping_add((at.max(0) as u64).wrapping_mul(10_000))
}

/// A ULID: webhooks and their invocations are named by one.
pub(super) fn ulid(at: i64, random: &mut fastrand::Rng) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let value = (u128::from(at.max(0) as u64) << 80) | (random.u128(..) & ((1 << 80) - 1));
    (0..26).map(|place| char::from(DIGITS[((value >> (125 - place * 5)) & 31) as usize])).collect()
}

/// A plain text as HTML: paragraphs and line breaks, everything else escaped.
pub(super) fn html_of(plain: &str) -> String {
    let paragraphs = plain.replace("\r\n", "\n");
    paragraphs
        .split("\n\n")
        .filter(|paragraph| !paragraph.trim().is_empty())
        .map(|paragraph| format!("<p>{}</p>", escape(paragraph.trim_matches('\n')).replace('\n', "<br>")))
        .collect()
}

/// Wraps HTML as Zendesk does, and drops what it never keeps.
pub(super) fn wrap(html: &str, attributes: &str) -> String {
    let clean = clean(html);
    if clean.trim_start().starts_with("<div class=\"zd-comment\"") {
        clean
    } else {
        format!("<div class=\"zd-comment\"{attributes}>{clean}</div>")
    }
}

/// HTML as plain text.
pub(super) fn plain_of(html: &str) -> String {
    let html = clean(html);
    let mut plain = String::with_capacity(html.len());
    let mut rest = html.as_str();
    while let Some(start) = rest.find('<') {
        plain.push_str(&rest[..start]);
        rest = &rest[start..];
        let Some(end) = rest.find('>') else { break };
        let tag = rest[1..end].trim_start_matches('/').to_ascii_lowercase();
        let name = tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
        let closing = rest[1..end].starts_with('/');
        match name {
            "br" => plain.push('\n'),
            "p" | "h1" | "h2" | "h3" | "h4" | "blockquote" | "ul" | "ol" | "pre" if closing => plain.push_str("\n\n"),
            "div" | "li" | "tr" if closing => plain.push('\n'),
            _ => {}
        }
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    let plain = plain
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&");
    plain.trim().to_owned()
}

/// The first words of a text on one line.
pub(super) fn preview_of(plain: &str) -> String {
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(150).collect()
}

fn escape(plain: &str) -> String {
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn clean(html: &str) -> String {
    without_element(&without_element(html, "script"), "style").into_owned()
}

fn without_element<'a>(html: &'a str, name: &str) -> Cow<'a, str> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut html = Cow::Borrowed(html);
    loop {
        let lower = html.to_ascii_lowercase();
        let Some(start) = lower.find(&open) else { return html };
        let end = lower[start..].find(&close).map_or(html.len(), |found| start + found + close.len());
        let mut kept = html[..start].to_owned();
        kept.push_str(&html[end..]);
        html = Cow::Owned(kept);
    }
}
