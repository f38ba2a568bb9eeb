//! Slack's mrkdwn as HTML, as far as the page shows it: emphasis, code, links, mentions, dates and line breaks.
//!
//! Everything is escaped on its way into the HTML, and only `http` and `https` become links, so nothing that
//! anybody writes can be more than text.

use std::collections::BTreeMap;

/// Deeper emphasis is shown as it was typed.
const DEEPEST: usize = 8;
/// How far the end of an emphasis is looked for, so that no text takes long.
const FARTHEST: usize = 2_000;
/// A longer address is shown by a word.
const LONGEST_LINK: usize = 40;

/// What mentions are shown as, and which links lead into the page itself.
#[derive(Default)]
pub(super) struct Names {
    /// People and channels, by id.
    pub(super) of_ids: BTreeMap<String, String>,
    /// Begins the workspace's own links: `https://acme.slack.com/archives/`.
    pub(super) archives: String,
    /// What a link to a channel in the page keeps of its address, such as `&ticket=1`.
    pub(super) keeps: String,
}

/// A mrkdwn text as HTML.
pub(super) fn to_html(text: &str, names: &Names) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    inline(text, names, 0, &mut html);
    html
}

/// A mrkdwn text as a reader sees it, without its emphasis; not yet HTML.
pub(super) fn to_plain(text: &str, names: &Names) -> String {
    let html = to_html(text, names).replace("<br>", "\n");
    let mut plain = String::with_capacity(html.len());
    let mut rest = html.as_str();
    while let Some((before, tag)) = rest.split_once('<') {
        plain.push_str(before);
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    entities.into_iter().fold(plain, |plain, (entity, c)| plain.replace(entity, c))
}

/// Any text as HTML, line breaks kept.
pub(super) fn plain_to_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    text.replace("\r\n", "\n").chars().for_each(|c| push(c, &mut html));
    html
}

/// Any text as HTML, with its web addresses as links; long ones are shown by a word.
pub(super) fn linked_to_html(text: &str, names: &Names) -> String {
    let mut html = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("https://").into_iter().chain(rest.find("http://")).min() {
        let end = rest[at..].find(|c: char| c.is_whitespace() || "()<>\"'|".contains(c)).unwrap_or(rest.len() - at);
        let target = &rest[at..at + end];
        html.push_str(&plain_to_html(&rest[..at]));
        let label = if target.chars().count() > LONGEST_LINK { "link" } else { target };
        token(&format!("{target}|{label}"), names, &mut html);
        rest = &rest[at + end..];
    }
    html.push_str(&plain_to_html(rest));
    html
}

fn inline(text: &str, names: &Names, depth: usize, html: &mut String) {
    let mut before = ' ';
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '<' => rest.find('>').map(|end| {
                token(&rest[1..end], names, html);
                end + 1
            }),
            '`' => code(rest, html),
            '*' | '_' | '~' if depth < DEEPEST && !before.is_alphanumeric() => emphasis(rest, c, names, depth, html),
            '&' => ["&amp;", "&lt;", "&gt;"].into_iter().find(|entity| rest.starts_with(entity)).map(|entity| {
                html.push_str(entity);
                entity.len()
            }),
            _ => None,
        };
        let taken = taken.unwrap_or_else(|| {
            push(c, html);
            c.len_utf8()
        });
        before = rest[..taken].chars().next_back().unwrap_or(' ');
        rest = &rest[taken..];
    }
}

fn push(c: char, html: &mut String) {
    match c {
        '&' => html.push_str("&amp;"),
        '<' => html.push_str("&lt;"),
        '>' => html.push_str("&gt;"),
        '"' => html.push_str("&quot;"),
        '\'' => html.push_str("&#39;"),
        '\n' => html.push_str("<br>"),
        c => html.push(c),
    }
}

/// Text that still has Slack's three entities.
fn wire(text: &str, html: &mut String) {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    text.chars().for_each(|c| push(c, html));
}

fn code(rest: &str, html: &mut String) -> Option<usize> {
    let (mark, tag) = if rest.starts_with("```") { ("```", "pre") } else { ("`", "code") };
    let inner = &rest[mark.len()..];
    let end = inner.find(mark)?;
    let inner = &inner[..end];
    if inner.is_empty() || (tag == "code" && inner.contains('\n')) {
        return None;
    }
    html.push_str(&format!("<{tag}>"));
    wire(inner.trim_matches('\n'), html);
    html.push_str(&format!("</{tag}>"));
    Some(end + 2 * mark.len())
}

fn emphasis(rest: &str, mark: char, names: &Names, depth: usize, html: &mut String) -> Option<usize> {
    let inner = &rest[1..];
    let end = end_of_emphasis(inner, mark)?;
    let tag = match mark {
        '*' => "strong",
        '_' => "em",
        _ => "del",
    };
    html.push_str(&format!("<{tag}>"));
    inline(&inner[..end], names, depth + 1, html);
    html.push_str(&format!("</{tag}>"));
    Some(end + 2)
}

fn end_of_emphasis(inner: &str, mark: char) -> Option<usize> {
    let (mut before, mut in_token) = (' ', false);
    for (at, c) in inner.char_indices().take_while(|(at, _)| *at < FARTHEST) {
        match c {
            '\n' => return None,
            '<' => in_token = true,
            '>' => in_token = false,
            _ if c == mark
                && !in_token
                && at > 0
                && !before.is_whitespace()
                && !inner[at + 1..].chars().next().is_some_and(char::is_alphanumeric) =>
            {
                return Some(at);
            }
            _ if at == 0 && c.is_whitespace() => return None,
            _ => {}
        }
        before = c;
    }
    None
}

/// What stands between angle brackets.
fn token(inner: &str, names: &Names, html: &mut String) {
    let (target, label) = inner.split_once('|').map_or((inner, None), |(target, label)| (target, Some(label)));
    let named = |id: &str| label.map(String::from).or_else(|| names.of_ids.get(id).cloned());
    let mut mention = |sign: &str, name: &str| {
        html.push_str("<span class=\"mention\">");
        html.push_str(sign);
        wire(name, html);
        html.push_str("</span>");
    };
    if let Some(id) = target.strip_prefix('@') {
        mention("@", &named(id).unwrap_or_else(|| id.to_owned()));
    } else if let Some(id) = target.strip_prefix('#') {
        mention("#", &named(id).unwrap_or_else(|| id.to_owned()));
    } else if let Some(special) = target.strip_prefix('!') {
        match (special.split('^').next(), label) {
            (Some("date"), _) => wire(label.unwrap_or("a date"), html),
            (Some("subteam"), _) => mention("", label.unwrap_or("@a user group")),
            (name, _) => mention("@", name.unwrap_or(special)),
        }
    } else if target.starts_with("http://") || target.starts_with("https://") {
        html.push_str("<a rel=\"noopener noreferrer\" href=\"");
        wire(&names.as_in_page(target), html);
        html.push_str("\">");
        wire(label.unwrap_or(target), html);
        html.push_str("</a>");
    } else if let Some(address) = target.strip_prefix("mailto:") {
        wire(label.unwrap_or(address), html);
    } else {
        wire(&format!("<{inner}>"), html);
    }
}

impl Names {
    /// A link to a message of the workspace as one within the page; any other as it is.
    fn as_in_page(&self, target: &str) -> String {
        let Some(place) = target.strip_prefix(&self.archives).filter(|_| !self.archives.is_empty()) else {
            return target.to_owned();
        };
        let (channel, message) = place.split_once("/p").unwrap_or((place, ""));
        let digits: String = message.chars().take_while(char::is_ascii_digit).collect();
        let known = channel.chars().all(|c| c.is_ascii_alphanumeric());
        match digits.len().checked_sub(6) {
            Some(point) if known && point > 0 => {
                let keeps = self.keeps.replace('&', "&amp;");
                let at = format!("m{}.{}", &digits[..point], &digits[point..]);
                format!("/?channel={channel}{keeps}&amp;at={at}#{at}")
            }
            _ => target.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        let names = Names {
            of_ids: BTreeMap::from([("U1".to_owned(), "Ann <b>".to_owned())]),
            archives: "https://acme.slack.com/archives/".to_owned(),
            keeps: "&ticket=7".to_owned(),
        };
        to_html(text, &names)
    }

    #[test]
    fn formatting_is_shown() {
        assert_eq!(html("*a* _b_ ~c~ `d*e*`"), "<strong>a</strong> <em>b</em> <del>c</del> <code>d*e*</code>");
        assert_eq!(html("*a _b_*\nc"), "<strong>a <em>b</em></strong><br>c");
        assert_eq!(html("2*3*4 snake_case_name * no *"), "2*3*4 snake_case_name * no *");
        assert_eq!(html("```x\n<y>```"), "<pre>x\n&lt;y&gt;</pre>".replace('\n', "<br>"));
        assert_eq!(
            html("*<https://a.example/_x_|la*bel>*"),
            "<strong><a rel=\"noopener noreferrer\" href=\"https://a.example/_x_\">la*bel</a></strong>"
        );
    }

    #[test]
    fn tokens_are_named() {
        assert_eq!(
            html("<@U1> <@U2>"),
            "<span class=\"mention\">@Ann &lt;b&gt;</span> <span class=\"mention\">@U2</span>"
        );
        assert_eq!(html("<!here> <!date^1^{date}|2 May>"), "<span class=\"mention\">@here</span> 2 May");
        assert_eq!(html("<mailto:a@b.example|a@b.example>"), "a@b.example");
        let link = html("<https://acme.slack.com/archives/C1/p1790000000000100?thread_ts=1|t>");
        assert!(
            link.contains("href=\"/?channel=C1&amp;ticket=7&amp;at=m1790000000.000100#m1790000000.000100\""),
            "{link}"
        );
    }

    #[test]
    fn what_a_reader_sees_is_plain() {
        let names = Names { of_ids: BTreeMap::from([("U1".to_owned(), "Ann".to_owned())]), ..Names::default() };
        let said = "*Is* `A &lt; B` <@U1>, see\n<https://example.com/x|the page> &amp;lt; or 'not'?";
        assert_eq!(to_plain(said, &names), "Is A < B @Ann, see\nthe page &lt; or 'not'?");
    }

    #[test]
    fn nothing_becomes_markup() {
        assert_eq!(html("<script>alert(1)</script>"), "&lt;script&gt;alert(1)&lt;/script&gt;");
        assert_eq!(html("&lt;b&gt; & \"'"), "&lt;b&gt; &amp; &quot;&#39;");
        assert_eq!(html("<javascript:alert(1)|x>"), "&lt;javascript:alert(1)|x&gt;");
        let quoted = html("<https://a.example/\"onclick=\"x|y>");
        assert!(quoted.contains("href=\"https://a.example/&quot;onclick=&quot;x\""), "{quoted}");
        assert_eq!(html("a < b"), "a &lt; b");
    }

    #[test]
    fn a_hostile_text_takes_no_time() {
        assert!(!html(&"(*a".repeat(20_000)).is_empty());
        assert!(!html(&"<".repeat(40_000)).is_empty());
        assert!(!html(&"`".repeat(40_000)).is_empty());
    }
}
