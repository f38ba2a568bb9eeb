//! Elements whose `style` attribute departs from what stands around them, until they end.

use super::super::html_token::Tag;
use super::css::{self, Css, Space};
use super::position::Raised;
use super::{Look, Reader};

/// How many such elements within each other are followed; the styles of what lies deeper are not.
const MAX_STYLED: usize = 64;

/// What is inherited by everything within an element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flow {
    hidden: bool,
    invisible: bool,
    tiny: bool,
    pub(super) space: Space,
    pub(super) raised: Option<Raised>,
}

impl Flow {
    /// Whether a reader sees what stands here.
    pub(super) fn is_seen(&self) -> bool {
        !self.hidden && !self.invisible && !self.tiny
    }
}

/// An element with a style of its own.
pub(super) struct Styled {
    name: String,
    /// How many elements of the same name are open within.
    nested: u32,
    /// How many frames were open when it began, its own among them.
    frames: usize,
    flow: Flow,
    look: Look,
}

impl Reader {
    /// Ends what the start of an element ends: a paragraph, an item, a cell, a row.
    pub(super) fn end_implied(&mut self, name: &str) {
        let ends: &[&str] = match name {
            "li" => &["li", "p"],
            "td" | "th" => &["td", "th", "p"],
            "tr" => &["tr", "td", "th", "p"],
            "dt" | "dd" => &["dt", "dd", "p"],
            name if ends_paragraph(name) => &["p"],
            _ => &[],
        };
        let room = usize::from(name == "tr");
        let at = self
            .styled
            .iter()
            .position(|styled| ends.contains(&styled.name.as_str()) && self.frames.len() <= styled.frames + room);
        if let Some(at) = at {
            self.leave_styled(at);
        }
        if is_void(name) {
            return;
        }
        if let Some(styled) = self.styled.iter_mut().rev().find(|styled| styled.name == name) {
            styled.nested += 1;
        }
    }

    /// Begins an element with a style, after its tag was read; `look` and `flow` are those from before.
    pub(super) fn start_styled(&mut self, tag: &Tag, look: Look, flow: Flow) {
        let css = css::read(tag);
        let raised = match tag.name.as_str() {
            "sup" => Some(Some(Raised::Up)),
            "sub" => Some(Some(Raised::Down)),
            _ => css.raised,
        };
        let css = Css { raised, ..css };
        if css == Css::default() || is_void(&tag.name) || self.styled.len() >= MAX_STYLED {
            return;
        }
        // What nests was counted as one of the same name.
        if let Some(styled) = self.styled.iter_mut().rev().find(|styled| styled.name == tag.name) {
            styled.nested = styled.nested.saturating_sub(1);
        }
        let frames = self.frames.len();
        self.styled.push(Styled { name: tag.name.clone(), nested: 0, frames, flow, look });
        self.flow.hidden |= css.hidden;
        self.flow.invisible = css.invisible.unwrap_or(self.flow.invisible);
        self.flow.tiny = css.tiny.unwrap_or(self.flow.tiny);
        self.flow.space = css.space.unwrap_or(self.flow.space);
        self.flow.raised = css.raised.unwrap_or(self.flow.raised);
        let set = |count: &mut u32, on: Option<bool>| match on {
            Some(true) => *count = (*count).max(1),
            Some(false) => *count = 0,
            None => {}
        };
        set(&mut self.look.bold, css.bold);
        set(&mut self.look.italic, css.italic);
        set(&mut self.look.strike, css.strike);
    }

    /// Ends an element; says whether it had a style, and all that it changed is as before.
    pub(super) fn end_styled(&mut self, name: &str) -> bool {
        let Some(at) = self.styled.iter().rposition(|styled| styled.name == name) else { return false };
        let styled = &mut self.styled[at];
        if styled.nested > 0 {
            styled.nested -= 1;
            return false;
        }
        self.leave_styled(at);
        true
    }

    /// Ends the elements that began within frames that are closed.
    pub(super) fn leave_styled_frames(&mut self) {
        let open = self.frames.len();
        if let Some(at) = self.styled.iter().position(|styled| styled.frames > open) {
            let look = std::mem::take(&mut self.look);
            self.leave_styled(at);
            // A cell has put back the look from outside itself already.
            self.look = look;
        }
    }

    fn leave_styled(&mut self, at: usize) {
        let mut left = self.styled.drain(at..);
        if let Some(first) = left.next() {
            self.flow = first.flow;
            let link = self.look.link.take();
            self.look = Look { link, ..first.look };
        }
    }
}

/// Elements that hold nothing and have no end.
pub(super) fn is_void(name: &str) -> bool {
    const VOID: [&str; 14] =
        ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];
    VOID.contains(&name)
}

fn ends_paragraph(name: &str) -> bool {
    const BLOCKS: [&str; 32] = [
        "address",
        "article",
        "aside",
        "blockquote",
        "center",
        "details",
        "dialog",
        "dir",
        "div",
        "dl",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "main",
        "menu",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "ul",
    ];
    BLOCKS.contains(&name)
}
