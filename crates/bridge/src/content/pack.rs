//! Lines of mrkdwn into parts of limited length.

use super::doc::Style;
use super::text::{ZERO_WIDTH_SPACE, mrkdwn_len, push_mrkdwn};

/// A line of a message, or several if it does not fit.
pub(super) enum Line {
    /// `first` stands before its first row, `next` before those that follow.
    Text { first: String, next: String, atoms: Vec<Atom> },
    /// A line within a fence; lines of one block share theirs.
    Code { text: String, fence: usize },
    /// An empty line, but for its prefix; none at the edges of a part.
    Blank { prefix: &'static str },
}

/// What is not taken apart at the end of a row.
#[derive(Clone)]
pub(super) struct Atom {
    pub(super) style: Style,
    pub(super) kind: Kind,
    pub(super) text: String,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Space,
    /// The text is the label.
    Link {
        url: String,
    },
    /// A control sequence written by this module.
    Raw,
}

/// What a change of style costs at most: four markers twice, and two zero-width spaces.
const STYLE_COST: usize = 10;
const FENCE: &str = "```";
/// What a fence costs at each end, with its line end.
const FENCE_COST: usize = 4;

impl Atom {
    fn cost(&self) -> usize {
        match &self.kind {
            Kind::Raw => self.text.chars().count(),
            Kind::Link { url } => link_cost(url, &self.text),
            Kind::Word | Kind::Space => text_cost(&self.text),
        }
    }
}

/// How many characters a text takes at most.
pub(super) fn text_cost(text: &str) -> usize {
    text.chars().map(char_cost).sum()
}

/// How many characters a character takes at most; a backtick may need a zero-width space.
pub(super) fn char_cost(c: char) -> usize {
    if c == '`' { 2 } else { mrkdwn_len(c) }
}

/// How many characters a link takes at most.
pub(super) fn link_cost(url: &str, label: &str) -> usize {
    3 + text_cost(url) + text_cost(label)
}

/// Packs the lines of blocks into parts; a block that fits into one part is not divided.
pub(super) fn pack(blocks: Vec<Vec<Line>>, limit: usize) -> Vec<String> {
    let mut packer = Packer { limit, parts: Vec::new(), part: String::new(), length: 0, fence: None, blank: None };
    for lines in blocks {
        let cost = block_cost(&lines);
        if packer.length + packer.blank_cost() + 1 + FENCE_COST + cost > limit && cost <= limit {
            packer.finish();
        }
        for line in lines {
            packer.line(line);
        }
    }
    packer.finish();
    packer.parts
}

fn block_cost(lines: &[Line]) -> usize {
    let cost = |line: &Line| match line {
        Line::Text { first, atoms, .. } => first.chars().count() + 2 + atoms_cost(atoms),
        Line::Code { text, .. } => text_cost(text) + 1,
        Line::Blank { prefix } => prefix.len() + 1,
    };
    let mut fences: Vec<usize> = Vec::new();
    for line in lines {
        if let Line::Code { fence, .. } = line
            && fences.last() != Some(fence)
        {
            fences.push(*fence);
        }
    }
    lines.iter().map(cost).sum::<usize>() + fences.len() * 2 * FENCE_COST
}

fn atoms_cost(atoms: &[Atom]) -> usize {
    let mut style = Style::default();
    let mut cost = 0;
    for atom in atoms {
        cost += step_cost(style, atom);
        style = atom.style;
    }
    cost
}

/// What an atom costs after another of a style.
fn step_cost(before: Style, atom: &Atom) -> usize {
    atom.cost() + if atom.style == before { 0 } else { STYLE_COST }
}

struct Packer {
    limit: usize,
    parts: Vec<String>,
    part: String,
    length: usize,
    fence: Option<usize>,
    blank: Option<&'static str>,
}

impl Packer {
    fn line(&mut self, line: Line) {
        match line {
            Line::Blank { prefix } => {
                self.close_fence();
                self.blank = Some(prefix);
            }
            Line::Code { text, fence } => self.code(&text, fence),
            Line::Text { first, next, atoms } => self.text(&first, &next, &atoms),
        }
    }

    fn text(&mut self, first: &str, next: &str, atoms: &[Atom]) {
        self.close_fence();
        // One for the line end, one for a zero-width space at the start.
        let base = |prefix: &str| prefix.chars().count() + 2;
        let whole = base(first) + atoms_cost(atoms);
        if self.room() < whole && (whole <= self.limit || self.room() < self.limit / 4) {
            self.finish();
        }
        let mut prefix = first;
        let mut rest = atoms;
        while !rest.is_empty() {
            let mut used = base(prefix);
            let mut style = Style::default();
            let fits = |atom: &&Atom| {
                used += step_cost(style, atom);
                style = atom.style;
                used <= self.room()
            };
            let mut count = rest.iter().take_while(fits).count();
            if count == 0 {
                // Cannot be: an atom fits a part of its own. If it did not, too long a part is better than a lost text.
                if self.part.is_empty() {
                    count = 1;
                } else {
                    self.finish();
                    continue;
                }
            }
            if count < rest.len() {
                count = word_end(rest, count);
            }
            let (row, after) = rest.split_at(count);
            self.push(&render(prefix, row));
            prefix = next;
            rest = after;
            let spaces = rest.iter().take_while(|atom| atom.kind == Kind::Space).count();
            if !rest.is_empty() {
                rest = &rest[spaces..];
                self.finish();
            }
        }
    }

    fn code(&mut self, text: &str, fence: usize) {
        if self.fence.is_some_and(|open| open != fence) {
            self.close_fence();
        }
        let cost = text_cost(text);
        let overhead = 2 * FENCE_COST + 1;
        if self.room() < cost + overhead && (cost + overhead <= self.limit || self.room() < self.limit / 4) {
            self.finish();
        }
        let mut rest = text;
        loop {
            if self.fence.is_none() && rest.trim().is_empty() {
                return;
            }
            let room = self.room().saturating_sub(overhead);
            let end = if text_cost(rest) <= room { rest.len() } else { cut(rest, room) };
            let (row, after) = rest.split_at(end);
            if self.fence.is_none() {
                self.push(FENCE);
                self.fence = Some(fence);
            }
            let mut out = String::new();
            row.chars().for_each(|c| push_literal(&mut out, c));
            self.push(&out);
            rest = after;
            if rest.is_empty() {
                return;
            }
            self.finish();
        }
    }

    /// What fits into the part, a blank line and the end of a fence already taken off.
    fn room(&self) -> usize {
        let fence = if self.fence.is_some() { FENCE_COST } else { 0 };
        self.limit.saturating_sub(self.length + self.blank_cost() + fence)
    }

    fn blank_cost(&self) -> usize {
        if self.part.is_empty() { 0 } else { self.blank.map_or(0, |prefix| prefix.len() + 1) }
    }

    /// Adds a line.
    fn push(&mut self, line: &str) {
        if !self.part.is_empty() {
            if let Some(prefix) = self.blank {
                self.part.push('\n');
                self.part.push_str(prefix);
                self.length += 1 + prefix.len();
            }
            self.part.push('\n');
            self.length += 1;
        }
        self.blank = None;
        self.part.push_str(line);
        self.length += line.chars().count();
    }

    fn close_fence(&mut self) {
        if self.fence.take().is_some() {
            self.push(FENCE);
        }
    }

    fn finish(&mut self) {
        self.close_fence();
        let part = std::mem::take(&mut self.part);
        (self.length, self.blank) = (0, None);
        if !part.trim().is_empty() {
            self.parts.push(part);
        }
    }
}

/// Moves the end of a row back to a space, if there is one.
fn word_end(atoms: &[Atom], count: usize) -> usize {
    if atoms[count].kind == Kind::Space {
        return count;
    }
    let space = atoms[..count].iter().rposition(|atom| atom.kind == Kind::Space);
    space.filter(|at| *at > 0).unwrap_or(count)
}

/// Where to cut code: after the last space of what fits, if it is not too far back.
fn cut(text: &str, room: usize) -> usize {
    let (mut used, mut end, mut space) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        used += char_cost(c);
        if used > room && end > 0 {
            break;
        }
        end = at + c.len_utf8();
        if c == ' ' {
            space = end;
        }
    }
    if space > end / 2 { space } else { end }
}

/// Writes a row: neighbours of one style share their markers.
fn render(prefix: &str, atoms: &[Atom]) -> String {
    let mut out = String::from(prefix);
    let mut after_marker = false;
    let mut rest = atoms;
    // At the start of a line the text's own sign would make a quote.
    if prefix.is_empty() && rest.first().is_some_and(|atom| atom.kind == Kind::Word && atom.text.starts_with('>')) {
        out.push(ZERO_WIDTH_SPACE);
    }
    while let Some(head) = rest.first() {
        let count = rest.iter().take_while(|atom| atom.style == head.style).count();
        let (run, after) = rest.split_at(count);
        render_run(&mut out, run, head.style, &mut after_marker);
        rest = after;
    }
    out.truncate(out.trim_end().len());
    out
}

fn render_run(out: &mut String, run: &[Atom], style: Style, after_marker: &mut bool) {
    let is_space = |atom: &Atom| atom.kind == Kind::Space;
    let lead = run.iter().take_while(|atom| is_space(atom)).count();
    let trail = run[lead..].iter().rev().take_while(|atom| is_space(atom)).count();
    let core = &run[lead..run.len() - trail];
    let markers = if core.is_empty() { String::new() } else { markers(core, style) };
    for atom in &run[..lead] {
        out.push_str(&atom.text);
        *after_marker = false;
    }
    let touches = |c: char| c.is_alphanumeric() || MARKERS.contains(&c);
    let first = core.first().and_then(|atom| if atom.kind == Kind::Word { atom.text.chars().next() } else { None });
    let apart = if markers.is_empty() {
        *after_marker && first.is_some_and(touches)
    } else {
        out.chars().next_back().is_some_and(touches)
    };
    if apart {
        out.push(ZERO_WIDTH_SPACE);
    }
    out.push_str(&markers);
    for atom in core {
        match &atom.kind {
            Kind::Raw => out.push_str(&atom.text),
            Kind::Word | Kind::Space => atom.text.chars().for_each(|c| push_literal(out, c)),
            Kind::Link { url } => {
                out.push('<');
                url.chars().for_each(|c| push_mrkdwn(out, c));
                if *url != atom.text {
                    out.push('|');
                    // The sign that ends the URL; everything else is escaped.
                    atom.text.chars().for_each(|c| push_literal(out, if c == '|' { '¦' } else { c }));
                }
                out.push('>');
            }
        }
    }
    out.extend(markers.chars().rev());
    if !core.is_empty() {
        *after_marker = !markers.is_empty();
    }
    for atom in &run[run.len() - trail..] {
        out.push_str(&atom.text);
        *after_marker = false;
    }
}

const MARKERS: [char; 4] = ['*', '_', '~', '`'];

/// The opening markers of a run; none that its own text would close.
fn markers(run: &[Atom], style: Style) -> String {
    let holds = |marker: char| run.iter().any(|atom| atom.text.contains(marker));
    let words = run.iter().all(|atom| matches!(atom.kind, Kind::Word | Kind::Space));
    [(style.bold, '*'), (style.italic, '_'), (style.strike, '~'), (style.code && words, '`')]
        .into_iter()
        .filter(|(on, marker)| *on && !holds(*marker))
        .map(|(_, marker)| marker)
        .collect()
}

/// Writes a character of a text; three backticks in a row would open or end a fence.
fn push_literal(out: &mut String, c: char) {
    if c == '`' && out.ends_with("``") {
        out.push(ZERO_WIDTH_SPACE);
    }
    push_mrkdwn(out, c);
}
