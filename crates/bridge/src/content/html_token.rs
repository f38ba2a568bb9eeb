//! HTML as a flat run of texts and tags.
//!
//! The tokenizer is html5gum's, which follows the HTML standard (<https://html.spec.whatwg.org/#tokenization>) in one pass
//! and builds no tree. Here stands what depends on the element: whose content is no HTML, and whose is for no reader.

use html5gum::{DefaultEmitter, StartTag, State, StringReader, Tokenizer};

/// A piece of HTML.
pub(super) enum Token {
    /// Decoded.
    Text(String),
    /// A start tag.
    Start(Tag),
    /// The name of an end tag, in lower case.
    End(String),
}

/// A start tag.
pub(super) struct Tag {
    /// In lower case.
    pub(super) name: String,
    tag: StartTag<()>,
}

impl Tag {
    /// The decoded value of an attribute; the first wins, as in browsers.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let value = self.tag.attributes.get(name.as_bytes())?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

/// Reads the tokens of an HTML text.
pub(super) struct Tokens<'a> {
    tokenizer: Tokenizer<StringReader<'a>, DefaultEmitter<()>>,
    /// The element whose content is for no reader, until its end tag.
    skipping: Option<&'static str>,
}

/// Elements whose content is for no reader.
const UNREAD: [&str; 9] = ["script", "style", "title", "template", "iframe", "noframes", "noembed", "svg", "object"];

impl<'a> Tokens<'a> {
    /// Starts at the beginning.
    pub(super) fn new(html: &'a str) -> Self {
        Tokens { tokenizer: Tokenizer::new(html), skipping: None }
    }

    fn start(&mut self, tag: StartTag<()>) -> Option<Token> {
        let name = String::from_utf8_lossy(&tag.name).into_owned();
        // Mail that was made as XML closes what holds nothing; a browser would show nothing of what follows.
        if !tag.self_closing {
            match name.as_str() {
                "script" => self.tokenizer.set_state(State::ScriptData),
                "title" | "textarea" => self.tokenizer.set_state(State::RcData),
                "style" | "iframe" | "noembed" | "noframes" | "xmp" => self.tokenizer.set_state(State::RawText),
                _ => {}
            }
            if self.skipping.is_none() {
                self.skipping = UNREAD.iter().find(|unread| **unread == name).copied();
                return Some(Token::Start(Tag { name, tag }));
            }
        }
        self.skipping.is_none().then_some(Token::Start(Tag { name, tag }))
    }

    fn end(&mut self, name: String) -> Option<Token> {
        match self.skipping {
            Some(skipping) if skipping != name => None,
            _ => {
                self.skipping = None;
                Some(Token::End(name))
            }
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let Ok(token) = self.tokenizer.next()?;
            let found = match token {
                html5gum::Token::StartTag(tag) => self.start(tag),
                html5gum::Token::EndTag(tag) => self.end(String::from_utf8_lossy(&tag.name).into_owned()),
                html5gum::Token::String(text) if self.skipping.is_none() => {
                    Some(Token::Text(String::from_utf8_lossy(&text).into_owned()))
                }
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(html: &str) -> String {
        let shown = |token| match token {
            Token::Text(text) => text,
            Token::Start(tag) => format!("({})", tag.name),
            Token::End(name) => format!("(/{name})"),
        };
        Tokens::new(html).map(shown).collect()
    }

    #[test]
    fn what_is_for_no_reader_is_left_out() {
        let rows = [
            ("<p>a &lt;&nbsp;&hellip;&NotEqualTilde;</P>", "(p)a <\u{a0}…≂\u{338}(/p)"),
            ("<script>if (a < b) '</p>'</script>x", "(script)(/script)x"),
            ("<style>p > a {}</style>x", "(style)(/style)x"),
            ("<title/>x", "(title)x"),
            ("<svg><title>t</title><path/>y</svg>x", "(svg)(/svg)x"),
            ("<xmp><b>&amp;</xmp>x", "(xmp)<b>&amp;(/xmp)x"),
            ("<noscript>a</noscript>", "(noscript)a(/noscript)"),
            ("<!-- a --><![CDATA[b]]><?c?><!doctype html>x", "x"),
            ("<p a=1 a=2", ""),
            ("<script>never closed", "(script)"),
            ("a < b", "a < b"),
        ];
        for (html, expected) in rows {
            assert_eq!(shown(html), expected, "{html}");
        }
    }

    #[test]
    fn the_first_of_two_attributes_counts() {
        let Some(Token::Start(tag)) = Tokens::new("<a HREF='x&amp;y' href=z q>").next() else { panic!() };
        assert_eq!(tag.attribute("href").as_deref(), Some("x&y"));
        assert_eq!(tag.attribute("q").as_deref(), Some(""));
        assert_eq!(tag.attribute("none"), None);
    }
}
