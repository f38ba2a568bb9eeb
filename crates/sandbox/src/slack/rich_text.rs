//! From what is typed to Slack's two forms of it: the `text` of a message and its `rich_text` block.

use serde_json::{Map, Value, json};

/// Escapes the three characters that Slack escapes.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Text as Slack keeps it: what is neither a token nor an entity is escaped, bare addresses become links.
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut fenced, mut coded) = (text, false, false);
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        let taken = if rest.starts_with("```") {
            (fenced, coded) = (!fenced, false);
            out.push_str("```");
            3
        } else if let Some(token) = token(rest) {
            out.push_str(token);
            token.len()
        } else if let Some(entity) = ["&amp;", "&lt;", "&gt;"].into_iter().find(|entity| rest.starts_with(entity)) {
            out.push_str(entity);
            entity.len()
        } else if let Some(url) = (!fenced && !coded && !before.is_alphanumeric()).then(|| bare_url(rest)).flatten() {
            out.push_str(&format!("<{}>", escape(&unescape(url))));
            url.len()
        } else {
            match next {
                '`' if !fenced => coded = !coded,
                '\n' => coded = false,
                _ => {}
            }
            match next {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                other => out.push(other),
            }
            next.len_utf8()
        };
        before = rest[..taken].chars().next_back().unwrap_or(' ');
        rest = &rest[taken..];
    }
    out
}

/// The `<…>` token that a text begins with.
fn token(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('<')?;
    let end = inner.find(['<', '>', '\n'])?;
    if !inner[end..].starts_with('>') {
        return None;
    }
    let inner = &inner[..end];
    let target = inner.split('|').next().unwrap_or_default();
    let known = ["@U", "@W", "@B", "#C", "#D", "#G", "!subteam^", "!date^", "mailto:", "tel:"];
    let plain = ["!here", "!channel", "!everyone"];
    let url = target.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
    let is = url
        || plain.contains(&target)
        || known.iter().any(|start| target.len() > start.len() && target.starts_with(start));
    is.then(|| &text[..end + 2])
}

fn bare_url(text: &str) -> Option<&str> {
    let start = ["https://", "http://"].into_iter().find(|start| text.starts_with(start))?;
    let end = text.find(|c: char| c.is_whitespace() || "<>|\"`".contains(c)).unwrap_or(text.len());
    let url = text[..end].trim_end_matches(|c: char| ".,;:!?)'*_~".contains(c));
    (url.len() > start.len()).then_some(url)
}

/// The block that a client makes of normalised text; lists only where a person typed them.
pub fn rich_text(text: &str, lists: bool, block_id: &str) -> Value {
    let mut elements = Vec::new();
    let parts: Vec<&str> = text.split("```").collect();
    let closed = parts.len() % 2 == 1;
    let last = parts.len() - 1;
    for (at, part) in parts.iter().enumerate() {
        let code = at % 2 == 1;
        if code && (at < last || closed) {
            let inner = part.strip_prefix('\n').unwrap_or(part);
            let inner = inner.strip_suffix('\n').unwrap_or(inner);
            if !inner.is_empty() {
                let text = json!({"type": "text", "text": unwrapped(inner)});
                elements.push(json!({"type": "rich_text_preformatted", "border": 0, "elements": [text]}));
            }
            continue;
        }
        let mut prose = (*part).to_owned();
        if code {
            prose.insert_str(0, "```");
        } else if at > 0 {
            prose = prose.strip_prefix('\n').unwrap_or(&prose).to_owned();
        }
        paragraphs(&prose, lists, &mut elements);
    }
    json!({"type": "rich_text", "block_id": block_id, "elements": elements})
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Line {
    Plain,
    Quote,
    Bullet(usize),
    Ordered(usize, u64),
}

impl Line {
    fn continues(self, group: Line) -> bool {
        match (group, self) {
            (Line::Ordered(indent, _), Line::Ordered(own, _)) => indent == own,
            _ => group == self,
        }
    }
}

fn classify(line: &str, lists: bool) -> (Line, &str) {
    if let Some(quoted) = line.strip_prefix("&gt;") {
        return (Line::Quote, quoted.strip_prefix(' ').unwrap_or(quoted));
    }
    let item = line.trim_start_matches(' ');
    let indent = (line.len() - item.len()) / 4;
    if lists {
        let bullet = ["• ", "- ", "* "].into_iter().find_map(|mark| item.strip_prefix(mark));
        if let Some(rest) = bullet {
            return (Line::Bullet(indent), rest);
        }
        if let Some((number, rest)) = item.split_once(". ")
            && number.len() <= 6
            && let Ok(number) = number.parse()
        {
            return (Line::Ordered(indent, number), rest);
        }
    }
    (Line::Plain, line)
}

fn paragraphs(prose: &str, lists: bool, elements: &mut Vec<Value>) {
    let mut groups: Vec<(Line, Vec<&str>)> = Vec::new();
    for line in prose.split('\n') {
        let (kind, rest) = classify(line, lists);
        match groups.last_mut() {
            Some((group, lines)) if kind.continues(*group) => lines.push(rest),
            _ => groups.push((kind, vec![rest])),
        }
    }
    let count = groups.len();
    for (at, (kind, lines)) in groups.into_iter().enumerate() {
        let joined = lines.join("\n");
        match kind {
            Line::Plain => {
                let mut text = joined;
                if at + 1 < count {
                    text.push('\n');
                }
                let inner = inlines(&text);
                if !inner.is_empty() {
                    elements.push(json!({"type": "rich_text_section", "elements": inner}));
                }
            }
            Line::Quote => elements.push(json!({"type": "rich_text_quote", "elements": inlines(&joined)})),
            Line::Bullet(indent) => elements.push(list("bullet", indent, None, &lines)),
            Line::Ordered(indent, first) => elements.push(list("ordered", indent, Some(first), &lines)),
        }
    }
}

fn list(style: &str, indent: usize, first: Option<u64>, lines: &[&str]) -> Value {
    let items: Vec<Value> =
        lines.iter().map(|line| json!({"type": "rich_text_section", "elements": inlines(line)})).collect();
    let mut list = json!({
        "type": "rich_text_list", "style": style, "indent": indent, "border": 0, "elements": items,
    });
    if let Some(offset) = first.and_then(|first| first.checked_sub(1)).filter(|offset| *offset > 0) {
        list["offset"] = offset.into();
    }
    list
}

const STYLES: [(char, &str); 3] = [('*', "bold"), ('_', "italic"), ('~', "strike")];

fn inlines(text: &str) -> Vec<Value> {
    let mut inline = Inline { out: Vec::new(), plain: String::new() };
    inline.run(text, &[]);
    inline.out
}

struct Inline {
    out: Vec<Value>,
    plain: String,
}

impl Inline {
    fn run(&mut self, text: &str, style: &[&str]) {
        let mut rest = text;
        let mut before = ' ';
        while let Some(next) = rest.chars().next() {
            let taken = self.special(rest, before, style).unwrap_or_else(|| {
                self.plain.push(next);
                next.len_utf8()
            });
            before = rest[..taken].chars().next_back().unwrap_or(' ');
            rest = &rest[taken..];
        }
        self.flush(style);
    }

    /// Takes the token, code, styled run or emoji that the text begins with; says how long it was.
    fn special(&mut self, text: &str, before: char, style: &[&str]) -> Option<usize> {
        if let Some(token) = token(text) {
            self.flush(style);
            self.push(element(&token[1..token.len() - 1]), style);
            return Some(token.len());
        }
        let first = text.chars().next()?;
        if first == '`' {
            let end = closing(text, '`', false)?;
            self.flush(style);
            let mut coded = style.to_vec();
            coded.push("code");
            self.push(json!({"type": "text", "text": unwrapped(&text[1..end])}), &coded);
            return Some(end + 1);
        }
        if first == ':' && !before.is_alphanumeric() {
            let (name, tone, length) = emoji(text)?;
            self.flush(style);
            let unicode = EMOJI.iter().find(|(known, _)| *known == name)?.1;
            let mut element = json!({"type": "emoji", "name": name, "unicode": unicode});
            if let Some(tone) = tone {
                element["skin_tone"] = tone.into();
                let shade = [0x1f3fb, 0x1f3fc, 0x1f3fd, 0x1f3fe, 0x1f3ff].get(usize::from(tone).checked_sub(2)?)?;
                element["unicode"] = format!("{unicode}-{shade:x}").into();
            }
            self.push(element, style);
            return Some(length);
        }
        let (_, name) = STYLES.iter().find(|(mark, _)| *mark == first)?;
        if before.is_alphanumeric() || style.contains(name) {
            return None;
        }
        let end = closing(text, first, true)?;
        self.flush(style);
        let mut styled = style.to_vec();
        styled.push(name);
        self.run(&text[1..end], &styled);
        Some(end + 1)
    }

    fn flush(&mut self, style: &[&str]) {
        if !self.plain.is_empty() {
            let text = unescape(&std::mem::take(&mut self.plain));
            self.push(json!({"type": "text", "text": text}), style);
        }
    }

    fn push(&mut self, mut element: Value, style: &[&str]) {
        if !style.is_empty() {
            let flags: Map<String, Value> = style.iter().map(|name| ((*name).to_owned(), Value::Bool(true))).collect();
            element["style"] = Value::Object(flags);
        }
        self.out.push(element);
    }
}

/// Where the mark that a text begins with is closed, on the same line.
fn closing(text: &str, mark: char, strict: bool) -> Option<usize> {
    let line = text.split('\n').next().unwrap_or_default();
    let inner = &line[1..];
    if strict && inner.starts_with(char::is_whitespace) {
        return None;
    }
    let mut from = 0;
    while let Some(found) = inner.get(from..)?.find(mark) {
        let at = from + found;
        let tight = !inner[..at].ends_with(char::is_whitespace);
        let free = !inner[at + 1..].starts_with(char::is_alphanumeric);
        if at > 0 && (!strict || (tight && free)) {
            return Some(at + 1);
        }
        if !strict {
            return None;
        }
        from = at + 1;
    }
    None
}

/// What a `<…>` token says.
fn element(inner: &str) -> Value {
    let (target, label) = match inner.split_once('|') {
        Some((target, label)) => (target, Some(label)),
        None => (inner, None),
    };
    if let Some(group) = target.strip_prefix("!subteam^") {
        return json!({"type": "usergroup", "usergroup_id": group});
    }
    if let Some(date) = target.strip_prefix("!date^") {
        let mut parts = date.splitn(3, '^');
        let at: i64 = parts.next().and_then(|at| at.parse().ok()).unwrap_or_default();
        let mut element = json!({"type": "date", "timestamp": at, "format": parts.next().unwrap_or_default()});
        if let Some(url) = parts.next() {
            element["url"] = unescape(url).into();
        }
        if let Some(fallback) = label {
            element["fallback"] = unescape(fallback).into();
        }
        return element;
    }
    match target.split_at_checked(1) {
        Some(("@", user)) => json!({"type": "user", "user_id": user}),
        Some(("#", channel)) => json!({"type": "channel", "channel_id": channel}),
        Some(("!", range)) => json!({"type": "broadcast", "range": range}),
        _ => {
            let mut link = json!({"type": "link", "url": unescape(target)});
            if let Some(label) = label {
                link["text"] = unescape(label).into();
            }
            link
        }
    }
}

/// Text in code: links lose their brackets.
fn unwrapped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = match token(rest) {
            Some(token) if token.contains("://") || token.starts_with("<mailto:") => {
                let inner = &token[1..token.len() - 1];
                out.push_str(inner.split_once('|').map_or(inner, |(_, label)| label));
                token.len()
            }
            _ => {
                out.push(next);
                next.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    unescape(&out)
}

/// The emoji that a text begins with: name, skin tone, length.
fn emoji(text: &str) -> Option<(&str, Option<u8>, usize)> {
    let inner = text.strip_prefix(':')?;
    let end = inner.find(':')?;
    let name = &inner[..end];
    EMOJI.iter().find(|(known, _)| *known == name)?;
    let mut length = end + 2;
    let tone = text[length..].strip_prefix(":skin-tone-").and_then(|rest| {
        let (digit, rest) = rest.split_at_checked(1)?;
        let tone = digit.parse::<u8>().ok().filter(|tone| (2..=6).contains(tone))?;
        rest.starts_with(':').then_some(tone)
    });
    if tone.is_some() {
        length += ":skin-tone-2:".len();
    }
    Some((name, tone, length))
}

/// A few of Slack's emoji; others stay text.
const EMOJI: &[(&str, &str)] = &[
    ("wave", "1f44b"),
    ("+1", "1f44d"),
    ("thumbsup", "1f44d"),
    ("-1", "1f44e"),
    ("thumbsdown", "1f44e"),
    ("smile", "1f604"),
    ("slightly_smiling_face", "1f642"),
    ("joy", "1f602"),
    ("heart", "2764-fe0f"),
    ("tada", "1f389"),
    ("eyes", "1f440"),
    ("fire", "1f525"),
    ("rocket", "1f680"),
    ("pray", "1f64f"),
    ("white_check_mark", "2705"),
    ("x", "274c"),
    ("warning", "26a0-fe0f"),
    ("thinking_face", "1f914"),
    ("ok_hand", "1f44c"),
    ("raised_hands", "1f64c"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Value {
        rich_text(&normalise(text), true, "b")["elements"].clone()
    }

    #[test]
    fn what_is_no_token_is_escaped_once() {
        assert_eq!(normalise("a < b & c > d"), "a &lt; b &amp; c &gt; d");
        assert_eq!(normalise("a &lt; b"), "a &lt; b");
        assert_eq!(normalise("<@U1> see https://x.test/a?b&c."), "<@U1> see <https://x.test/a?b&amp;c>.");
        assert_eq!(normalise(&normalise("<!nobody> <b>")), "&lt;!nobody&gt; &lt;b&gt;");
    }

    #[test]
    fn styles_mentions_links_and_emoji() {
        let expected = json!([{"type": "rich_text_section", "elements": [
            {"type": "text", "text": "Hi "},
            {"type": "user", "user_id": "U1"},
            {"type": "text", "text": ", "},
            {"type": "text", "text": "see ", "style": {"bold": true}},
            {"type": "text", "text": "this", "style": {"bold": true, "italic": true}},
            {"type": "text", "text": " "},
            {"type": "link", "url": "https://x.test/?a&b", "text": "x"},
            {"type": "text", "text": " "},
            {"type": "text", "text": "a<b", "style": {"code": true}},
            {"type": "text", "text": " "},
            {"type": "emoji", "name": "wave", "unicode": "1f44b-1f3fc", "skin_tone": 3},
            {"type": "text", "text": " 10:30:45 2*3*4"},
        ]}]);
        let typed = "Hi <@U1>, *see _this_* <https://x.test/?a&b|x> `a<b` :wave::skin-tone-3: 10:30:45 2*3*4";
        assert_eq!(block(typed), expected);
    }

    #[test]
    fn lists_quotes_and_code() {
        let made = block("Do:\n- a\n    - b\n2. c\n> q\n```\nlet x = 1;\n```\nend");
        let kinds: Vec<_> = made.as_array().unwrap().iter().map(|element| element["type"].as_str().unwrap()).collect();
        let expected = ["section", "list", "list", "list", "quote", "preformatted", "section"];
        assert_eq!(kinds, expected.map(|kind| format!("rich_text_{kind}")), "{made:#}");
        assert_eq!(made[2]["indent"], 1);
        assert_eq!(made[3]["offset"], 1);
    }
}
