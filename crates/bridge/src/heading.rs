//! Who said what in the replies that the app writes in Zendesk: a heading over each person's words.
//!
//! A message may contain anything, also what looks like a heading. So the two have different forms, in both of a reply's
//! formats, and nothing that a message contains can take the other form:
//!
//! - In HTML a heading stands at the margin; a person's words stand in a quote, which is indented wherever it is shown. No
//!   text gets out of its quote, because every tag of it is written here and closed here.
//! - In plain text a heading is a line that ends with the address of the Slack message in brackets and a colon. A line of a
//!   message that ends like that gets a quote sign in front, and then is no heading.

use super::content::{Doc, Names, escape_html};
use super::event::{Person, Standing};

/// The longest name that is read from a heading or shown in one, in characters.
const NAME_LIMIT: usize = 80;
/// How a line of a message is marked that would pass for a heading in plain text.
const QUOTED: &str = "> ";
/// What an address of a Slack message holds.
const MESSAGE: &str = "/archives/";

/// The name of somebody in Slack, as it stands over their words: on one line, not too long, and marked where they are no
/// full member of the workspace.
pub fn author(person: &Person) -> String {
    let name = one_line(&person.name, NAME_LIMIT);
    match (person.standing, person.firm.as_deref().map(|firm| one_line(firm, NAME_LIMIT))) {
        (Standing::Member | Standing::Bot, _) => name,
        (Standing::Guest, _) => format!("{name} (guest)"),
        (Standing::Stranger, Some(firm)) if !firm.is_empty() => format!("{name} (another firm: {firm})"),
        (Standing::Stranger, _) => format!("{name} (another firm)"),
        (Standing::Gone, _) => format!("{name} (deactivated account)"),
    }
}

/// A name from outside on one line, without what turns the direction of text or takes no room.
fn one_line(name: &str, limit: usize) -> String {
    let shown: String = name
        .chars()
        .map(|c| if c.is_control() || c.is_whitespace() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .filter(|c| !is_unseen(*c))
        .collect();
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    // With the mark of a quotation before it a heading would be none.
    shown.trim_start_matches(['>', ' ']).chars().take(limit).collect()
}

/// Whether a character is not seen by itself: it takes no room, or turns the direction of text.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A heading in HTML: who, as a link to their message, and when.
pub fn html(who: &str, when: &str, link: &str) -> String {
    let (who, when, link) = (escape_html(who), escape_html(when), escape_html(link));
    format!("<p><a href=\"{link}\"><strong>{who}</strong></a>{when}</p>")
}

/// A heading in plain text.
pub fn plain(who: &str, when: &str, link: &str) -> String {
    format!("{who}{when} ({link}):")
}

/// A person's words under a heading, in HTML; nothing if there are none.
pub fn words_html(doc: &Doc, names: &dyn Names) -> String {
    match doc.to_html(names) {
        words if words.is_empty() => words,
        words => format!("<blockquote>{words}</blockquote>"),
    }
}

/// A person's words under a heading, in plain text.
pub fn words_plain(doc: &Doc, names: &dyn Names) -> String {
    let plain = doc.to_plain(names);
    if !plain.contains(MESSAGE) {
        return plain;
    }
    let lines = plain.lines().map(|line| match passes_for_one(line) {
        true => format!("{QUOTED}{line}"),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether people might take a line for a heading: it ends with an address of a Slack message, and then with something like
/// a bracket and a colon.
fn passes_for_one(line: &str) -> bool {
    let Some((_, after)) = line.rsplit_once(MESSAGE) else { return false };
    let in_address = |c: char| c.is_ascii_alphanumeric() || "/?&=._-%#".contains(c);
    let end = after.trim_start_matches(in_address);
    let is_word = |c: char| c.is_alphanumeric();
    // Words go on after the address, or a sentence ends with it.
    let plain_end = end.chars().all(|c| matches!(c, '.' | ',' | ';' | '!' | '?' | ' '));
    !(plain_end || end.trim_start_matches([')', ']']).starts_with(' ') && end.contains(is_word))
}

/// Who said it, and when (milliseconds since 1970), if a line of plain text is a heading:
/// `Ana Souza in Slack (https://acme.slack.com/archives/C1/p1795341659123456?…):`
pub fn read(line: &str, slack_url: &str) -> Option<(String, i64)> {
    if line.starts_with(QUOTED.trim_end()) {
        return None;
    }
    let (who, link) = line.trim_end().strip_suffix("):")?.rsplit_once(" (")?;
    let message = link.strip_prefix(slack_url)?.strip_prefix("archives/")?.split_once("/p")?.1;
    let digits = message.split('?').next()?;
    let micros: i64 = digits.parse().ok()?;
    let (name, _) = who.rsplit_once(" in Slack")?;
    Some((name.chars().take(2 * NAME_LIMIT + 20).collect(), micros / 1000))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::content::Nameless;

    const SLACK: &str = "https://acme.slack.com/";
    const LINK: &str = "https://acme.slack.com/archives/C1/p1795341659123456?thread_ts=1.000001&cid=C1";

    fn person(name: &str, standing: Standing, firm: Option<&str>) -> Person {
        Person { name: name.into(), standing, agent: false, firm: firm.map(str::to_owned) }
    }

    #[test]
    fn whoever_is_no_full_member_is_marked() {
        let shown = |standing, firm| author(&person("Zoe Agent", standing, firm));
        assert_eq!(shown(Standing::Member, None), "Zoe Agent");
        assert_eq!(shown(Standing::Guest, None), "Zoe Agent (guest)");
        assert_eq!(shown(Standing::Stranger, Some("Nordfreight")), "Zoe Agent (another firm: Nordfreight)");
        assert_eq!(shown(Standing::Stranger, None), "Zoe Agent (another firm)");
        assert_eq!(shown(Standing::Stranger, Some(" \u{202e}")), "Zoe Agent (another firm)");
        assert_eq!(shown(Standing::Gone, None), "Zoe Agent (deactivated account)");
    }

    #[test]
    fn no_name_hides_its_mark() {
        for name in
            ["Zoe\n\n", "Zoe \u{202e}", "Zoe\u{2066}", &format!("Zoe{}", " ".repeat(500)), "Zoe\u{2028}\u{200b}"]
        {
            assert_eq!(author(&person(name, Standing::Guest, None)), "Zoe (guest)");
        }
        let long = author(&person(&"Z".repeat(5000), Standing::Guest, None));
        assert!(long.ends_with(" (guest)") && long.len() < 100);
    }

    #[test]
    fn a_line_that_passes_for_a_heading_is_quoted_and_no_other() {
        let heading = plain("Zoe in Slack", ", 2026-11-29 10:00 +00:00", LINK);
        assert_eq!(read(&heading, SLACK).unwrap().0, "Zoe");
        let said = |text: &str| words_plain(&Doc::plain(text), &Nameless);
        for forged in [
            heading.clone(),
            format!("{heading} "),
            format!("{heading}\u{200b}"),
            format!("Zoe in Slack ({LINK})\u{ff1a}"),
            format!("Zoe in Slack [{LINK}]:"),
            format!("Zoe in Slack ({LINK}) :"),
        ] {
            let said = said(&format!("x\n\n{forged}\nRefund it."));
            let line = said.lines().nth(2).unwrap();
            assert!(line.starts_with("> Zoe"), "{line}");
            assert_eq!(said.lines().filter(|line| read(line, SLACK).is_some()).count(), 0);
        }
        for fine in [
            format!("See {LINK}"),
            format!("See {LINK}."),
            format!("({LINK}) says it all"),
            "See https://status.acme.example:".to_owned(),
        ] {
            assert_eq!(said(&fine), fine);
        }
    }

    /// A message of such pieces, as somebody might write it who wants to pass for another.
    fn forged() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "\n".to_owned(),
            "\n\n".to_owned(),
            format!("*<{LINK}|Zoe in Slack>*"),
            format!("<{LINK}|*Zoe in Slack*>"),
            format!("Zoe in Slack (<{LINK}>):"),
            format!("Zoe in Slack ({LINK}):"),
            "> ".to_owned(),
            "```".to_owned(),
            "</blockquote>".to_owned(),
            "&lt;/blockquote&gt;".to_owned(),
            "• ".to_owned(),
            ":".to_owned(),
            ")".to_owned(),
            "word ".to_owned(),
        ]);
        prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_message_produces_a_heading(text in forged()) {
            let doc = Doc::from_slack(&text, None, None);
            for line in words_plain(&doc, &Nameless).lines() {
                prop_assert_eq!(read(line, SLACK), None, "{}", line);
            }
            let html = words_html(&doc, &Nameless);
            // All of it is in one quote: it is never closed before its end.
            let mut depth = 0;
            for (at, _) in html.match_indices('<') {
                let rest = &html[at..];
                depth += if rest.starts_with("<blockquote>") { 1 } else { 0 };
                depth -= if rest.starts_with("</blockquote>") { 1 } else { 0 };
                prop_assert!(depth > 0 || at + "</blockquote>".len() == html.len(), "{}", html);
            }
            prop_assert_eq!(depth, 0);
        }
    }
}
