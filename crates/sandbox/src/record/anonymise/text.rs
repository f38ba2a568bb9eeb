//! A text of a person, taken apart into words and what stands between them.

use super::Anonymiser;
use super::letters::{stand_in, stand_in_digit};

/// The short codes that stay: whether a code is one that everybody has may matter, which one does not.
pub(super) const EMOJI: &str = "\
    +1 -1 100 bow bug clap cry eyes fire grin heart heavy_check_mark hourglass_flowing_sand joy laughing ok \
    ok_hand package pray question raised_hands rocket slightly_smiling_face smile sob sweat_smile tada \
    thinking_face thumbsdown thumbsup truck warning wave white_check_mark wink x";
const ENTITIES: &[&str] = &["amp", "apos", "gt", "lt", "nbsp", "quot"];
/// Attributes of HTML that people see or follow.
const SEEN: &[&str] = &["href", "src", "alt", "title"];
/// Attributes that a mail program writes and nobody sees.
const UNSEEN: &[&str] = &["class", "dir", "style", "width", "height", "target", "rel", "type", "lang", "align"];
/// Those of them whose values stay if they are as short as theirs are.
const SMALL: &[&str] = &["dir", "width", "height", "target", "type", "lang", "align"];
const SMALLEST: usize = 10;
/// The parts of a date that Slack fills in.
const OF_DATES: &str = "{date} {date_num} {date_slash} {date_long} {date_pretty} {date_short} {date_short_pretty} \
    {date_long_pretty} {time} {time_secs} {ago}";
/// How far on is looked for the end of what begins, in bytes.
const NEAR: usize = 2_000;
/// Numbers of fewer digits than this name nobody.
const SHORT: usize = 3;
/// How far apart groups of digits may stand that are one number, in bytes.
const JOINED: usize = 5;

impl Anonymiser {
    /// A text of a person with stand-ins for its words.
    pub fn text(&self, text: &str) -> String {
        let mut hidden = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = None;
        while let Some(first) = rest.chars().next() {
            let taken = self
                .special(rest, before, &mut hidden)
                .or_else(|| self.address(rest, &mut hidden))
                .or_else(|| self.scheme(rest, &mut hidden))
                .or_else(|| self.word(rest, &mut hidden))
                .or_else(|| self.number(rest, &mut hidden));
            let taken = taken.unwrap_or_else(|| {
                hidden.push(first);
                first.len_utf8()
            });
            before = rest[..taken].chars().next_back();
            rest = &rest[taken..];
        }
        hidden
    }

    /// What is no words: names, markup, entities, emoji, mentions. How much of the text it takes.
    fn special(&self, rest: &str, before: Option<char>, hidden: &mut String) -> Option<usize> {
        let near = &rest[..rest.floor_char_boundary(NEAR)];
        let within = |closes: char| near.char_indices().skip(1).find(|(_, c)| *c == closes).map(|(at, _)| at);
        match rest.chars().next()? {
            '⟦' => {
                let end = within('⟧')? + '⟧'.len_utf8();
                hidden.push_str(&self.name(&rest[..end]));
                Some(end)
            }
            '<' => {
                let end = within('>')?;
                self.bracketed(&rest[1..end], hidden)?;
                Some(end + 1)
            }
            '&' if rest[1..].starts_with('#') => self.coded(rest, hidden),
            '&' => {
                let end = within(';')?;
                let inner = &rest[1..end];
                ENTITIES.contains(&inner).then(|| hidden.push_str(&rest[..=end]))?;
                Some(end + 1)
            }
            ':' => {
                let end = within(':')?;
                has(EMOJI, &rest[1..end]).then(|| hidden.push_str(&rest[..=end]))?;
                Some(end + 1)
            }
            '@' if before.is_none_or(|c| c.is_whitespace() || "(*_~,;:".contains(c)) => {
                let end = rest[1..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(rest.len(), |at| at + 1);
                hidden.push_str(&format!("<@{}>", self.people.get(&rest[1..end])?));
                Some(end)
            }
            _ => None,
        }
    }

    /// What stands between `<` and `>`, if that is Slack's markup or a tag of HTML.
    fn bracketed(&self, inner: &str, hidden: &mut String) -> Option<()> {
        let (target, label) = inner.split_once('|').map_or((inner, None), |(target, label)| (target, Some(label)));
        let shown = match target.chars().next()? {
            '@' | '#' if is_id(&target[1..]) => format!("{}{}", &target[..1], self.id(&target[1..])),
            '!' if target.starts_with("!subteam^") => format!("!subteam^{}", self.id(&target["!subteam^".len()..])),
            '!' if ["!here", "!channel", "!everyone"].contains(&target) => target.to_owned(),
            '!' if target.starts_with("!date^") => self.date(target),
            _ if target.contains("://") || target.starts_with("mailto:") => self.text(target),
            '/' | 'a'..='z' | 'A'..='Z' if label.is_none() => return self.tag(inner, hidden),
            _ => return None,
        };
        hidden.push('<');
        hidden.push_str(&shown);
        if let Some(label) = label {
            hidden.push('|');
            hidden.push_str(&self.text(label));
        }
        hidden.push('>');
        Some(())
    }

    /// An id, which stays if it tells of nothing that was not there before. What was made since has a name.
    fn id(&self, typed: &str) -> String {
        if self.ids.contains(typed) { typed.to_owned() } else { self.plain(typed) }
    }

    /// A character by its number: the number would tell what it is.
    fn coded(&self, rest: &str, hidden: &mut String) -> Option<usize> {
        const STAND_IN: u32 = 'X' as u32;
        let is_hex = rest[2..].starts_with(['x', 'X']);
        let begin = if is_hex { 3 } else { 2 };
        let radix = if is_hex { 16 } else { 10 };
        let digits = rest[begin..].find(|c: char| !c.is_digit(radix)).unwrap_or(rest.len() - begin);
        if digits == 0 {
            return None;
        }
        let end = begin + digits;
        let meant = u32::from_str_radix(&rest[begin..end], radix).ok().and_then(char::from_u32);
        hidden.push_str(&rest[..begin]);
        match meant {
            Some(c) if !c.is_alphanumeric() => hidden.push_str(&rest[begin..end]),
            _ => {
                let shown = if is_hex { format!("{STAND_IN:x}") } else { STAND_IN.to_string() };
                hidden.push_str(&"0".repeat(digits.saturating_sub(shown.len())));
                hidden.push_str(&shown);
            }
        }
        Some(end)
    }

    /// What Slack shows as a date, without the words around it.
    fn date(&self, target: &str) -> String {
        const BEGINS: &str = "!date^";
        let parts = target[BEGINS.len()..].split('^').map(|part| {
            let mut shown = String::new();
            let mut rest = part;
            while let Some((at, end)) = rest.find('{').and_then(|at| Some((at, at + rest[at..].find('}')? + 1))) {
                shown.push_str(&self.text(&rest[..at]));
                let known = has(OF_DATES, &rest[at..end]);
                shown.push_str(&if known { rest[at..end].to_owned() } else { self.plain(&rest[at..end]) });
                rest = &rest[end..];
            }
            shown + &self.text(rest)
        });
        format!("{BEGINS}{}", parts.collect::<Vec<_>>().join("^"))
    }

    /// The value of an attribute that nobody sees.
    fn unseen(&self, name: &str, value: &str) -> String {
        const OF_CODE: &str = "language-";
        match value.strip_prefix(OF_CODE) {
            Some(language) if name == "class" => format!("{OF_CODE}{}", self.plain(language)),
            _ if SMALL.contains(&name) && value.len() <= SMALLEST && !value.contains(char::is_whitespace) => {
                value.to_owned()
            }
            _ => self.plain(value),
        }
    }

    fn tag(&self, inner: &str, hidden: &mut String) -> Option<()> {
        const TAGS: &str = "\
            a b blockquote body br code del div em font h1 h2 h3 h4 h5 h6 head hr html i img li ol p pre s span \
            strong style sub sup table tbody td th thead tr u ul";
        let bare = inner.trim_start_matches('/').trim_end_matches('/');
        let end = bare.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(bare.len());
        if !has(TAGS, &bare[..end].to_ascii_lowercase()) {
            return None;
        }
        let begin = inner.len() - inner.trim_start_matches('/').len() + end;
        hidden.push('<');
        hidden.push_str(&inner[..begin]);
        let mut rest = &inner[begin..];
        while let Some(at) = rest.find(['"', '\'']) {
            let quote = char::from(rest.as_bytes()[at]);
            let name = self.attributes(&rest[..at], hidden);
            hidden.push(quote);
            rest = &rest[at + 1..];
            let Some(end) = rest.find(quote) else { break };
            let unseen = UNSEEN.contains(&name.as_str());
            hidden.push_str(&if unseen { self.unseen(&name, &rest[..end]) } else { self.text(&rest[..end]) });
            hidden.push(quote);
            rest = &rest[end + 1..];
        }
        self.attributes(rest, hidden);
        hidden.push('>');
        Some(())
    }

    /// The names of attributes, and values without quotes; the last name.
    fn attributes(&self, text: &str, hidden: &mut String) -> String {
        let (mut last, mut is_value) = ("", false);
        for part in text.split_inclusive(|c: char| !c.is_ascii_alphabetic()) {
            let name = part.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
            let known = !is_value && (SEEN.contains(&name) || UNSEEN.contains(&name));
            hidden.push_str(&if known { part.to_owned() } else { self.plain(part) });
            is_value = part.ends_with('=');
            last = if name.is_empty() { last } else { name };
        }
        last.to_owned()
    }

    fn address(&self, rest: &str, hidden: &mut String) -> Option<usize> {
        let of_local = |c: char| c.is_alphanumeric() || "._%+-".contains(c);
        let of_domain = |c: char| c.is_alphanumeric() || c == '.' || c == '-';
        let near = &rest[..rest.floor_char_boundary(NEAR)];
        let at = near.find(|c: char| !of_local(c)).filter(|at| *at > 0 && rest[*at..].starts_with('@'))?;
        let domain = &near[at + 1..];
        let length = domain.find(|c: char| !of_domain(c)).unwrap_or(domain.len());
        let domain = domain[..length].trim_end_matches(['.', '-']);
        if domain.is_empty() {
            return None;
        }
        hidden.push_str(&self.mapped_address(&rest[..at], domain));
        Some(at + 1 + domain.len())
    }

    pub(super) fn mapped_address(&self, local: &str, domain: &str) -> String {
        if self.addresses.contains(&format!("{local}@{domain}").to_lowercase()) {
            return format!("{local}@{domain}");
        }
        let of_channel = domain.eq_ignore_ascii_case(&self.channel_domain);
        let kept = of_channel && self.channels.contains(&local.to_lowercase());
        let local = if kept { local.to_owned() } else { self.plain(local) };
        let domain = if of_channel { domain.to_owned() } else { self.plain(domain) };
        format!("{local}@{domain}")
    }

    /// Words and numbers, with nothing special about anything else.
    pub(super) fn plain(&self, text: &str) -> String {
        let mut hidden = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let taken = self.word(rest, &mut hidden).or_else(|| self.number(rest, &mut hidden));
            rest = &rest[taken.unwrap_or_else(|| {
                hidden.push(first);
                first.len_utf8()
            })..];
        }
        hidden
    }

    fn scheme(&self, rest: &str, hidden: &mut String) -> Option<usize> {
        let scheme = ["https://", "http://", "mailto:"].into_iter().find(|scheme| rest.starts_with(scheme))?;
        hidden.push_str(scheme);
        Some(scheme.len())
    }

    fn word(&self, rest: &str, hidden: &mut String) -> Option<usize> {
        let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        if end == 0 {
            return None;
        }
        let tag = self.tag_of(&rest[..end].to_lowercase());
        for (at, letter) in rest[..end].chars().enumerate() {
            hidden.push(stand_in(letter, usize::from(tag.as_ref()[at % tag.as_ref().len()]) + at));
        }
        Some(end)
    }

    fn number(&self, rest: &str, hidden: &mut String) -> Option<usize> {
        let is_digit = |c: char| c.is_numeric() && !c.is_alphabetic();
        // Whatever stands between the groups of a number: not what begins or ends something else.
        let joins = |c: char| !c.is_alphabetic() && !"&<>⟦⟧".contains(c);
        let mut end = 0;
        for (at, c) in rest.char_indices() {
            match c {
                c if is_digit(c) => end = at + c.len_utf8(),
                c if at > 0 && at < end + JOINED && joins(c) => {}
                _ => break,
            }
        }
        let group = &rest[..end];
        let digits: String = group.chars().filter(|c| is_digit(*c)).collect();
        if digits.chars().count() < SHORT {
            hidden.push_str(group);
            return (end > 0).then_some(end);
        }
        let tag = self.tag_of(&digits);
        for (at, c) in group.chars().enumerate() {
            let chance = usize::from(tag.as_ref()[at % tag.as_ref().len()]);
            hidden.push(if is_digit(c) { stand_in_digit(c, chance) } else { c });
        }
        Some(end)
    }
}

/// Whether a list of words has this one.
pub(super) fn has(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

fn is_id(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}
