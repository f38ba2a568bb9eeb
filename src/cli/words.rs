//! What the commands for operators have in common: times, addresses, and texts that a terminal may show.

use crate::bridge::Effect;
use crate::bridge::content::{Doc, Names};
use crate::bridge::facts::Says;
use crate::bridge::ids::{ChannelId, SlackUserId};
use crate::telemetry::steers;

/// A time in UTC, to the millisecond.
pub(super) fn time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .map_or_else(|_| at_ms.to_string(), |at| at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string())
}

/// How long ago, in the largest unit that says enough.
pub(super) fn ago(now_ms: i64, at_ms: i64) -> String {
    let secs = (now_ms - at_ms).max(0) / 1000;
    match secs {
        0..120 => format!("{secs} s"),
        120..7200 => format!("{} min", secs / 60),
        7200..172_800 => format!("{} h", secs / 3600),
        _ => format!("{} days", secs / 86_400),
    }
}

/// A text as one line that steers no terminal: it can neither end the line it stands in nor change how the rest of it is
/// read. Whatever the app did not write itself goes through here or through [`indented`] before it is printed.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { ' ' } else { shown(c) }).collect()
}

/// Lines of the app's own that steer no terminal, whatever they quote.
pub(super) fn clean_lines(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { shown(c) }).collect()
}

/// A text of several lines, each behind `margin`.
pub(super) fn indented(text: &str, margin: &str) -> String {
    clean_lines(text).lines().map(|line| format!("{margin}{line}\n")).collect()
}

fn shown(c: char) -> char {
    if steers(c) { char::REPLACEMENT_CHARACTER } else { c }
}

/// What an act is called, with the vendor it goes to.
pub(super) fn act(effect: Option<&Effect>, effect_id: &str) -> String {
    match effect {
        Some(effect) => effect.act.facts().name.replace('_', " "),
        None => effect_id.split([':', '/']).next().unwrap_or_default().to_owned(),
    }
}

/// The words that an effect carries.
pub(super) fn words_of(effect: &Effect) -> Option<String> {
    match effect.act.facts().says {
        Says::Doc(doc, files) => Some(plain(doc, files)),
        Says::Text(text) => Some(text.to_owned()),
        Says::Nothing => None,
    }
}

/// A document as plain text, people and channels by their ids, with the names of its files.
pub(super) fn plain(doc: &Doc, files: &[String]) -> String {
    let mut text = doc.to_plain(&Nobody);
    for file in files {
        text.push_str(&format!("\n[file: {file}]"));
    }
    text
}

struct Nobody;

impl Names for Nobody {
    fn user(&self, id: &SlackUserId) -> Option<String> {
        Some(id.to_string())
    }

    fn channel(&self, id: &ChannelId) -> Option<String> {
        Some(id.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well_and_texts_steer_nothing() {
        assert_eq!(time(1_795_341_600_123), "2026-11-22 10:00:00.123");
        assert_eq!(time(i64::MAX), i64::MAX.to_string());
        let shown = [0, 119, 120, 7199, 7200, 172_799, 172_800].map(|secs| ago(secs * 1000, 0));
        assert_eq!(shown, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"]);
        assert_eq!(clean("a\u{1b}[2Jb\r\nc"), "a\u{fffd}[2Jb\u{fffd} c");
        for steering in ['\u{7f}', '\u{9b}', '\u{61c}', '\u{200e}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}'] {
            assert_eq!(clean(&format!("a{steering}b")), "a\u{fffd}b", "{steering:?}");
            assert_eq!(indented(&format!("a{steering}b\nc"), "| "), "| a\u{fffd}b\n| c\n", "{steering:?}");
        }
        let people_write_it = "שלום, \u{1f469}\u{200d}\u{1f4bb} né";
        assert_eq!(clean(people_write_it), people_write_it);
        assert_eq!(indented("a\n\nb", "  "), "  a\n  \n  b\n");
    }
}
