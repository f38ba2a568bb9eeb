//! What every format needs: escaping, safe URLs, how an inline reads as text.

use std::borrow::Cow;

use super::Names;
use super::doc::Inline;

/// Takes up no room and belongs to no word; parts a marker from a word, and a fence from itself.
pub(super) const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// Escapes what Slack reads as control characters; nothing else can be escaped in mrkdwn.
pub fn escape_mrkdwn(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_mrkdwn(&mut out, c));
    out
}

/// Escapes a text for HTML, within and outside attributes.
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_html(&mut out, c));
    out
}

/// Names a text by its content, white space aside; the same for ever.
///
/// Recognises an echo whose markup the vendor changed: runs of white space count as one space, zero-width spaces not at all.
/// FNV-1a of 64 bits, because the standard library's hashes may change between releases.
pub fn text_hash(text: &str) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = OFFSET;
    let mut eat = |bytes: &[u8]| bytes.iter().for_each(|b| hash = (hash ^ u64::from(*b)).wrapping_mul(PRIME));
    let mut gap = false;
    let mut begun = false;
    for c in text.chars().filter(|c| *c != ZERO_WIDTH_SPACE) {
        if c.is_whitespace() {
            gap = begun;
            continue;
        }
        if gap {
            eat(b" ");
        }
        (gap, begun) = (false, true);
        eat(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    format!("{hash:016x}")
}

pub(super) fn push_mrkdwn(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        c => out.push(c),
    }
}

/// How many characters [`push_mrkdwn`] writes.
pub(super) fn mrkdwn_len(c: char) -> usize {
    match c {
        '&' => 5,
        '<' | '>' => 4,
        _ => 1,
    }
}

pub(super) fn push_html(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        c => out.push(c),
    }
}

/// Decodes the three entities of Slack's texts.
pub(super) fn unescape_mrkdwn(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    // The ampersand last: `&amp;lt;` is the text `&lt;`.
    Cow::Owned(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

/// The URL if a person may be sent there, without the characters that end a link in either format.
///
/// Browsers ignore tabs and line ends within a URL, so they go before the scheme is looked at.
pub(super) fn safe_url(url: &str) -> Option<String> {
    let mut out = String::with_capacity(url.len());
    for c in url.trim_matches(|c: char| c.is_whitespace() || c.is_control()).chars() {
        match c {
            '\t' | '\n' | '\r' => {}
            '<' | '>' | '|' | '"' | '\'' | '`' | '\\' | '^' | '{' | '}' => percent(&mut out, c),
            c if c.is_whitespace() || c.is_control() => percent(&mut out, c),
            c => out.push(c),
        }
    }
    let rest = ["https://", "http://", "mailto:"].iter().find_map(|scheme| {
        let head = out.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| &out[scheme.len()..])
    })?;
    (!rest.is_empty()).then_some(out)
}

fn percent(out: &mut String, c: char) {
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        out.push_str(&format!("%{byte:02X}"));
    }
}

/// What to show for a URL that has no text.
pub(super) fn bare_url(url: &str) -> &str {
    match url.get(..7) {
        Some(head) if head.eq_ignore_ascii_case("mailto:") => &url[7..],
        _ => url,
    }
}

/// Addresses of these schemes run something, or lead nowhere outside the message that they stand in.
const NOWHERE: [&str; 11] = [
    "javascript",
    "vbscript",
    "data",
    "blob",
    "about",
    "cid",
    "mid",
    "x-apple-data-detectors",
    "applewebdata",
    "webkit-fake-url",
    "view-source",
];

/// Where an address leads that cannot be a link, in words: a telephone number, or the address itself.
pub(super) fn spoken_target(url: &str) -> Option<String> {
    let url: String = url.trim().chars().filter(|c| !c.is_control()).collect();
    let (scheme, rest) = url.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let scheme = scheme.to_ascii_lowercase();
    if !is_scheme || rest.trim().is_empty() || NOWHERE.contains(&scheme.as_str()) {
        return None;
    }
    let is_number = matches!(scheme.as_str(), "tel" | "callto" | "sms" | "smsto" | "fax");
    if is_number && !rest.contains('?') { Some(rest.trim().replace("%20", " ")) } else { Some(url) }
}

/// A text with where it leads, if that cannot be a link and the text does not say it.
pub(super) fn with_target(text: &str, url: &str) -> String {
    let Some(target) = spoken_target(url) else { return text.to_owned() };
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    match text.trim() {
        "" => target,
        shown if letters(shown).contains(&letters(&target)) => text.to_owned(),
        _ => format!("{} ({target})", text.trim_end()),
    }
}

/// A vendor's id, if it looks like one; anything else is text.
pub(super) fn is_id(id: &str) -> bool {
    (2..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// How an inline that is neither text nor link nor break reads.
pub(super) fn spoken(inline: &Inline, names: &dyn Names) -> String {
    let at = |sign: char, name: &str| format!("{sign}{}", name.trim_start_matches(sign));
    match inline {
        Inline::User { id, name } => at('@', names.user(id).or_else(|| name.clone()).as_deref().unwrap_or(id.as_str())),
        // Slack names every public channel to the app.
        Inline::Channel { id, name } => match names.channel(id).or_else(|| name.clone()) {
            Some(name) => at('#', &name),
            None => String::from("a private channel"),
        },
        Inline::UserGroup { id, name } => match names.group(id).or_else(|| name.clone()) {
            Some(name) => at('@', &name),
            None => String::from("a group"),
        },
        Inline::Broadcast(range) => at('@', range),
        Inline::Emoji { unicode: Some(unicode), .. } => unicode.clone(),
        Inline::Emoji { name, unicode: None } => format!(":{name}:"),
        Inline::Image { alt, .. } => image(alt),
        Inline::Text { text, .. } | Inline::Link { text, .. } => text.clone(),
        Inline::Break => String::from("\n"),
    }
}

/// How an image reads where there is none.
pub(super) fn image(alt: &str) -> String {
    if alt.is_empty() { String::from("[image]") } else { format!("[image: {alt}]") }
}
