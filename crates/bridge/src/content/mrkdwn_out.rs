//! Slack's mrkdwn out.
//!
//! It knows neither lists nor headings nor tables, and a quote is a sign before each line: what is nested becomes lines with
//! prefixes here, and [`super::pack`] cuts the lines into parts.

use super::Nameless;
use super::doc::{Block, Doc, Inline, Style};
use super::pack::{Atom, Kind, Line, char_cost, link_cost, pack, text_cost};
use super::text::{image, is_id, safe_url, spoken};

/// Shorter parts could not hold a nested line's prefix and a mention.
const LEAST_LIMIT: usize = 80;
/// Columns wider than this are not aligned.
const WIDEST_COLUMN: usize = 40;

/// Writes a document in parts.
pub(super) fn write(doc: &Doc, limit: usize) -> Vec<String> {
    let limit = limit.max(LEAST_LIMIT);
    let mut writer = Writer { limit, fences: 0 };
    let mut units = Vec::with_capacity(doc.blocks.len());
    for (index, block) in doc.blocks.iter().enumerate() {
        let mut lines = Vec::new();
        if index > 0 && apart(&doc.blocks[index - 1], block) {
            // A unit of its own: it vanishes where a part ends.
            units.push(vec![Line::Blank { prefix: "" }]);
        }
        writer.block(block, &Place::default(), &mut lines);
        units.push(lines);
    }
    pack(units, limit)
}

/// Whether an empty line stands between two blocks.
fn apart(before: &Block, after: &Block) -> bool {
    match (before, after) {
        (Block::Quote(_), Block::Quote(_)) => true,
        (Block::Code { .. } | Block::Quote(_) | Block::Table(_), _) => false,
        (_, Block::Paragraph(_) | Block::Heading { .. } | Block::Rule) => true,
        (Block::List { .. }, Block::List { .. }) => true,
        _ => false,
    }
}

/// What stands before a line.
#[derive(Clone, Default)]
struct Place {
    quote: bool,
    /// How many lists the line is in.
    lists: usize,
    /// The marker of the item that the next line starts.
    marker: Option<String>,
}

struct Writer {
    limit: usize,
    fences: usize,
}

impl Writer {
    fn block(&mut self, block: &Block, place: &Place, lines: &mut Vec<Line>) {
        match block {
            Block::Paragraph(content) => self.text(content, false, place, lines),
            Block::Heading { content, .. } => self.text(content, true, place, lines),
            Block::List { ordered, start, items } => {
                for (item, number) in items.iter().zip(u64::from(*start)..) {
                    let marker = if *ordered { format!("{number}. ") } else { String::from("• ") };
                    let mut place = Place { quote: place.quote, lists: place.lists + 1, marker: Some(marker) };
                    for block in item {
                        self.block(block, &place, lines);
                        place.marker = None;
                    }
                }
            }
            Block::Code { text, .. } => self.code(text.split('\n').map(str::to_owned).collect(), place, lines),
            Block::Table(rows) => self.code(aligned(rows), place, lines),
            Block::Quote(inner) => {
                let mut place = Place { quote: true, ..place.clone() };
                for (index, block) in inner.iter().enumerate() {
                    if index > 0 && apart(&inner[index - 1], block) {
                        lines.push(Line::Blank { prefix: ">" });
                    }
                    self.block(block, &place, lines);
                    place.marker = None;
                }
            }
            Block::Rule => self.text(&[Inline::text("———")], false, place, lines),
        }
    }

    fn text(&self, content: &[Inline], bold: bool, place: &Place, lines: &mut Vec<Line>) {
        for (index, line) in content.split(|inline| *inline == Inline::Break).enumerate() {
            let mut atoms = Vec::new();
            line.iter().for_each(|inline| self.atoms(inline, bold, &mut atoms));
            if atoms.iter().all(|atom| atom.kind == Kind::Space) {
                continue;
            }
            let next = self.prefix(place, "  ");
            let first = match &place.marker {
                Some(marker) if index == 0 => self.prefix(place, marker),
                _ => next.clone(),
            };
            lines.push(Line::Text { first, next, atoms });
        }
    }

    fn prefix(&self, place: &Place, marker: &str) -> String {
        let quote = if place.quote { "> " } else { "" };
        match place.lists {
            0 => quote.to_owned(),
            lists => format!("{quote}{}{marker}", " ".repeat((4 * (lists - 1)).min(self.limit / 4))),
        }
    }

    /// Within a quote a fence does not hold, so there each line is code of its own.
    fn code(&mut self, code: Vec<String>, place: &Place, lines: &mut Vec<Line>) {
        if let Some(marker) = &place.marker {
            let marker = Atom { style: Style::default(), kind: Kind::Raw, text: marker.trim_end().to_owned() };
            let first = self.prefix(place, "");
            lines.push(Line::Text { next: first.clone(), first, atoms: vec![marker] });
        }
        if place.quote {
            let style = Style { code: true, ..Style::default() };
            let place = Place { marker: None, ..place.clone() };
            for text in code {
                self.text(&[Inline::Text { text, style }], false, &place, lines);
            }
            return;
        }
        self.fences += 1;
        lines.extend(code.into_iter().map(|text| Line::Code { text, fence: self.fences }));
    }

    fn atoms(&self, inline: &Inline, bold: bool, out: &mut Vec<Atom>) {
        let styled = |style: &Style| Style { bold: style.bold || bold, ..*style };
        let style = styled(&Style::default());
        match inline {
            Inline::Text { text, style } => self.words(text, styled(style), out),
            Inline::Link { url, text, style } => self.link(url, text, styled(style), out),
            Inline::Image { alt, url: Some(url) } => self.link(url, &image(alt), style, out),
            Inline::User { id, .. } if is_id(id.as_str()) => {
                out.push(Atom { style, kind: Kind::Raw, text: format!("<@{id}>") });
            }
            Inline::Channel { id, .. } if is_id(id.as_str()) => {
                out.push(Atom { style, kind: Kind::Raw, text: format!("<#{id}>") });
            }
            other => self.words(&spoken(other, &Nameless), style, out),
        }
    }

    /// Takes a text apart into words and spaces, and words that are too long into pieces.
    fn words(&self, text: &str, style: Style, out: &mut Vec<Atom>) {
        let room = self.room();
        let mut used = 0;
        for c in text.chars() {
            let kind = if c.is_whitespace() { Kind::Space } else { Kind::Word };
            let c = if matches!(c, '\n' | '\r') { ' ' } else { c };
            match out.last_mut() {
                Some(last) if used > 0 && last.kind == kind && used + char_cost(c) <= room => last.text.push(c),
                _ => {
                    used = 0;
                    out.push(Atom { style, kind, text: c.to_string() });
                }
            }
            used += char_cost(c);
        }
    }

    fn link(&self, url: &str, label: &str, style: Style, out: &mut Vec<Atom>) {
        let Some(url) = safe_url(url) else { return self.words(label, style, out) };
        let core = label.trim();
        let lead = label.len() - label.trim_start().len();
        self.words(&label[..lead], style, out);
        let room = self.room();
        if core.is_empty() || link_cost(&url, core) <= room {
            if !core.is_empty() {
                out.push(Atom { style, kind: Kind::Link { url }, text: core.replace('\n', " ") });
            }
        } else if text_cost(&url) + 3 <= room / 2 {
            // A long label becomes several links.
            let mut atoms = Vec::new();
            self.words(core, style, &mut atoms);
            for piece in pieces(&atoms, room - text_cost(&url) - 3) {
                if piece.trim().is_empty() {
                    self.words(&piece, style, out);
                } else {
                    out.push(Atom { style, kind: Kind::Link { url: url.clone() }, text: piece });
                }
            }
        } else if core == url {
            self.words(core, style, out);
        } else {
            self.words(&format!("{core} ({url})"), style, out);
        }
        self.words(&label[label.trim_end().len().max(lead)..], style, out);
    }

    /// The longest atom that fits a part with any prefix and markers.
    fn room(&self) -> usize {
        self.limit - self.limit / 4 - 26
    }
}

/// Joins words while they fit, and cuts those that do not; spaces between the pieces stand alone.
fn pieces(atoms: &[Atom], room: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut used = 0;
    for atom in atoms {
        let cost = text_cost(&atom.text);
        let is_space = atom.kind == Kind::Space;
        match out.last_mut() {
            Some(last) if used + cost <= room && !(is_space && last.trim().is_empty()) => {
                last.push_str(&atom.text);
                used += cost;
            }
            _ => {
                for c in atom.text.chars() {
                    match out.last_mut() {
                        Some(last) if used > 0 && used + char_cost(c) <= room && last.trim().is_empty() == is_space => {
                            last.push(c);
                        }
                        _ => {
                            used = 0;
                            out.push(c.to_string());
                        }
                    }
                    used += char_cost(c);
                }
            }
        }
    }
    out
}

/// A table's rows as text, a column as wide as its widest cell.
fn aligned(rows: &[Vec<Vec<Inline>>]) -> Vec<String> {
    let text = |cell: &Vec<Inline>| super::plain::inlines(cell, &Nameless).replace('\n', " ");
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(text).collect()).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count().min(WIDEST_COLUMN));
        }
    }
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join(" | ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
