//! Links and images: where they lead, and what stands for what leads nowhere.

use super::super::doc::Inline;
use super::super::emoji;
use super::super::html_token::Tag;
use super::super::text::{image, safe_url, with_target};
use super::Reader;
use super::css;

/// Where the text at a place leads.
#[derive(Clone)]
pub(super) enum Link {
    /// A web page or a mail address.
    Url(String),
    /// What cannot be a link and is said in words after the text: a telephone number.
    Words { target: String, said: String },
}

impl Reader {
    pub(super) fn start_link(&mut self, tag: &Tag) {
        self.end_link();
        let Some(href) = tag.attribute("href") else { return };
        // A place within the message itself.
        if href.trim().starts_with('#') {
            return;
        }
        self.look.link = Some(match safe_url(&self.absolute(&href)) {
            Some(url) => Link::Url(url),
            None => Link::Words { target: href, said: String::new() },
        });
    }

    /// Ends a link, and says where it led if it could not be one.
    pub(super) fn end_link(&mut self) {
        let Some(Link::Words { target, said }) = self.look.link.take() else { return };
        if !self.flow.is_seen() || said.trim().is_empty() {
            return;
        }
        let whole = with_target(said.trim_end(), &target);
        if let Some(more) = whole.strip_prefix(said.trim_end()).filter(|more| !more.is_empty()) {
            self.put(more);
            self.space_shown = true;
        }
    }

    pub(super) fn image(&mut self, tag: &Tag) {
        let css = css::read(tag);
        if !self.flow.is_seen() || css.hidden || css.invisible == Some(true) {
            return;
        }
        let alt = tag.attribute("alt").unwrap_or_default();
        let tiny =
            |name| tag.attribute(name).is_some_and(|size| matches!(size.trim().trim_end_matches("px"), "0" | "1"));
        // A pixel that only reports that the mail was opened.
        if alt.trim().is_empty() && (tiny("width") || tiny("height")) {
            return;
        }
        if self.break_due {
            self.line.push(Inline::Break);
            self.break_due = false;
        }
        if let Some(characters) = emoji_of(tag, &alt) {
            self.put(&characters);
        } else if self.look.link.is_some() {
            self.put(&image(alt.trim()));
        } else {
            let url = tag.attribute("src").and_then(|src| safe_url(&self.absolute(&src)));
            self.line.push(Inline::Image { alt, url });
        }
        self.space_shown = true;
    }

    /// An address as it is without a page that it stands on.
    fn absolute(&self, url: &str) -> String {
        let url = url.trim();
        if url.starts_with("//") {
            return format!("https:{url}");
        }
        let head = url.split(['/', '?', '#']).next().unwrap_or_default();
        if head.contains(':') || url.is_empty() {
            return url.to_owned();
        }
        // What people type for a web address.
        if head.len() > 4 && head.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www.")) {
            return format!("http://{url}");
        }
        match &self.account {
            Some(account) if url.starts_with('/') => format!("{account}{url}"),
            Some(account) => format!("{account}/{url}"),
            None => url.to_owned(),
        }
    }
}

/// The characters that an image of an emoji stands for: Gmail names them, others leave them in the text of the image.
fn emoji_of(tag: &Tag, alt: &str) -> Option<String> {
    let named = ["data-emoji", "data-goomoji-text"].iter().find_map(|name| tag.attribute(name));
    if let Some(named) = named.filter(|named| !named.trim().is_empty()) {
        return Some(named.trim().to_owned());
    }
    let classes = tag.attribute("class").unwrap_or_default();
    let is_emoji = classes.split_whitespace().any(|class| class.eq_ignore_ascii_case("emoji"));
    let alt = alt.trim();
    if !is_emoji || alt.is_empty() || alt.chars().count() > 40 {
        return None;
    }
    Some(emoji::characters(alt.trim_matches(':')).unwrap_or_else(|| alt.to_owned()))
}
