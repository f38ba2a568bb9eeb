//! Slack's standard emoji, by the names that stand between colons in its texts.
//!
//! Slack gives the characters themselves only in some `rich_text` elements; elsewhere there is only the name, as in
//! `:truck:` or `:wave::skin-tone-3:` (<https://docs.slack.dev/messaging/formatting-message-text#emoji>). Emoji that a
//! workspace made itself are not here and stay names.

use std::collections::HashMap;
use std::sync::LazyLock;

const TABLE: &str = include_str!("emoji.txt");
/// Goes before a skin tone, and picks the coloured form of a character; a tone takes its place.
const VARIATION: char = '\u{fe0f}';
/// Longer names are no emoji; keeps the search for the closing colon short.
const LONGEST: usize = 80;

static EMOJI: LazyLock<HashMap<&'static str, (&'static str, bool)>> = LazyLock::new(|| {
    let entry = |line: &'static str| {
        let mut parts = line.split(' ');
        Some((parts.next()?, (parts.next()?, parts.next().is_some())))
    };
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(entry).collect()
});

/// The characters of a standard emoji; `name` may end in a skin tone, as in `wave::skin-tone-3`.
pub(super) fn characters(name: &str) -> Option<String> {
    let (name, tone) = match name.split_once("::") {
        Some((name, tone)) => (name, Some(skin_tone(tone.strip_prefix("skin-tone-")?.parse().ok()?)?)),
        None => (name, None),
    };
    let (characters, may_be_toned) = *EMOJI.get(name)?;
    match tone {
        Some(tone) if may_be_toned => Some(toned(characters, tone)),
        _ => Some(characters.to_owned()),
    }
}

/// The same with the tone that a `rich_text` element gives beside the name.
pub(super) fn with_tone(name: &str, tone: Option<u64>) -> Option<String> {
    match tone {
        Some(tone) if !name.contains("::") => characters(&format!("{name}::skin-tone-{tone}")).or(characters(name)),
        _ => characters(name),
    }
}

/// The emoji at the start of a text that begins with a colon: its characters, and how many bytes its code takes.
pub(super) fn at_start(text: &str) -> Option<(String, usize)> {
    let name = code_at_start(text)?;
    let length = name.len() + 2;
    if let Some(tone) = text[length..].strip_prefix(":skin-tone-")
        && let Some((tone, _)) = tone.split_once(':').filter(|(tone, _)| tone.len() == 1)
        && let Some(toned) = characters(&format!("{name}::skin-tone-{tone}"))
    {
        return Some((toned, length + ":skin-tone-".len() + 2));
    }
    Some((characters(name)?, length))
}

/// The name between the colons at the start of a text, if it looks like an emoji's.
fn code_at_start(text: &str) -> Option<&str> {
    let body = text.strip_prefix(':')?;
    let end = body.bytes().take(LONGEST).position(|b| !is_of_a_name(b))?;
    (end > 0 && body.as_bytes()[end] == b':').then(|| &body[..end])
}

fn is_of_a_name(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-+'".contains(&b)
}

/// Slack counts the tones from 2 to 6; 1 is the emoji as it is.
fn skin_tone(number: u32) -> Option<char> {
    (2..=6).contains(&number).then(|| char::from_u32(0x1f3fb + number - 2)).flatten()
}

fn toned(characters: &str, tone: char) -> String {
    let mut rest = characters.chars();
    let first = rest.next();
    let rest = rest.as_str();
    first.into_iter().chain([tone]).chain(rest.strip_prefix(VARIATION).unwrap_or(rest).chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_characters_with_and_without_a_tone() {
        let rows = [
            ("truck", Some("🚚")),
            ("package", Some("📦")),
            ("100", Some("💯")),
            ("+1", Some("👍")),
            ("flag-de", Some("🇩🇪")),
            ("man-shrugging", Some("🤷‍♂️")),
            ("hugging_face", Some("🤗")),
            ("+1::skin-tone-2", Some("👍🏻")),
            ("point_up::skin-tone-6", Some("☝🏿")),
            ("man-shrugging::skin-tone-4", Some("🤷🏽‍♂️")),
            ("truck::skin-tone-3", Some("🚚")),
            ("wave::skin-tone-9", None),
            ("wave::other", None),
            ("party-parrot", None),
        ];
        for (name, expected) in rows {
            assert_eq!(characters(name).as_deref(), expected, "{name}");
        }
        assert_eq!(with_tone("wave", Some(3)).as_deref(), Some("👋🏼"));
        assert_eq!(with_tone("wave", Some(1)).as_deref(), Some("👋"));
        assert!(EMOJI.len() > 1_900);
    }

    #[test]
    fn a_code_is_found_where_a_text_begins_with_one() {
        let rows = [
            (":wave: hi", Some(("👋", 6))),
            (":wave::skin-tone-3: hi", Some(("👋🏼", 19))),
            (":wave::tada:", Some(("👋", 6))),
            (":wave::skin-tone-33:", Some(("👋", 6))),
            (":30: no", None),
            (":wave", None),
            ("::", None),
            (": wave:", None),
        ];
        for (text, expected) in rows {
            assert_eq!(at_start(text), expected.map(|(c, length)| (c.to_owned(), length)), "{text}");
        }
    }
}
