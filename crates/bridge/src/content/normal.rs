//! The one form of a document that the readers make.

use super::doc::{Block, Inline, MAX_DEPTH, Style};
use super::text::{safe_url, with_target};

/// Brings blocks at a depth of lists and quotes into the normal form.
pub(super) fn blocks(blocks: Vec<Block>, depth: usize) -> Vec<Block> {
    let mut out = Vec::with_capacity(blocks.len());
    for block in blocks {
        match block {
            Block::Paragraph(content) => out.extend(paragraphs(content).into_iter().map(Block::Paragraph)),
            Block::Heading { level, content } => {
                let content = one_paragraph(content);
                if !content.is_empty() {
                    out.push(Block::Heading { level: level.clamp(1, 6), content });
                }
            }
            Block::List { ordered, start, items } => {
                if depth >= MAX_DEPTH {
                    out.extend(items.into_iter().flat_map(|item| self::blocks(item, depth)));
                    continue;
                }
                let items: Vec<_> = items
                    .into_iter()
                    .map(|item| self::blocks(item, depth + 1))
                    .filter(|item| !item.is_empty())
                    .collect();
                if !items.is_empty() {
                    out.push(Block::List { ordered, start: if ordered { start } else { 1 }, items });
                }
            }
            Block::Quote(inner) if depth >= MAX_DEPTH => out.extend(self::blocks(inner, depth)),
            Block::Quote(inner) => {
                let inner = self::blocks(inner, depth + 1);
                if !inner.is_empty() {
                    out.push(Block::Quote(inner));
                }
            }
            Block::Code { language, text } => {
                let text = code_text(&text);
                if !is_invisible(&text) {
                    out.push(Block::Code { language: language.filter(|l| is_language(l)), text });
                }
            }
            Block::Table(rows) => out.extend(table(rows)),
            Block::Rule => out.push(Block::Rule),
        }
    }
    out
}

/// Splits content at its empty lines, and tidies each paragraph.
pub(super) fn paragraphs(content: Vec<Inline>) -> Vec<Vec<Inline>> {
    let mut out: Vec<Vec<Inline>> = Vec::new();
    let mut within = false;
    for (index, mut line) in lines(content).into_iter().enumerate() {
        merge(&mut line);
        trim_end(&mut line);
        if index == 0 || !within {
            trim_start(&mut line);
        }
        if line.iter().all(is_blank) {
            within = false;
        } else if within {
            if let Some(paragraph) = out.last_mut() {
                paragraph.push(Inline::Break);
                paragraph.append(&mut line);
            }
        } else {
            within = true;
            out.push(line);
        }
    }
    out
}

/// Tidies content that must stay in one piece, as in a heading or a cell.
pub(super) fn one_paragraph(content: Vec<Inline>) -> Vec<Inline> {
    let mut out = Vec::new();
    for mut paragraph in paragraphs(content) {
        if !out.is_empty() {
            out.push(Inline::Break);
        }
        out.append(&mut paragraph);
    }
    out
}

/// A table of less than two rows or columns lays something out; its cells are paragraphs.
fn table(rows: Vec<Vec<Vec<Inline>>>) -> Vec<Block> {
    let rows: Vec<Vec<Vec<Inline>>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(one_paragraph).collect::<Vec<_>>())
        .filter(|row| row.iter().any(|cell| !cell.is_empty()))
        .collect();
    if rows.len() < 2 || rows.iter().all(|row| row.len() < 2) {
        let cells = rows.into_iter().flatten().filter(|cell| !cell.is_empty());
        return cells.map(Block::Paragraph).collect();
    }
    vec![Block::Table(rows)]
}

fn lines(content: Vec<Inline>) -> Vec<Vec<Inline>> {
    let mut out = vec![Vec::new()];
    let push = |out: &mut Vec<Vec<Inline>>, inline| {
        if let Some(line) = out.last_mut() {
            line.push(inline);
        }
    };
    for inline in content {
        match inline {
            Inline::Break => out.push(Vec::new()),
            Inline::Text { text, style } => {
                for (index, line) in text.replace("\r\n", "\n").split(['\n', '\r']).enumerate() {
                    if index > 0 {
                        out.push(Vec::new());
                    }
                    push(&mut out, Inline::Text { text: clean(line), style });
                }
            }
            Inline::Link { url, text, style } => {
                let text = clean(&text.replace("\r\n", " ").replace(['\n', '\r'], " "));
                match safe_url(&url) {
                    Some(url) if !is_invisible(&text) => push(&mut out, Inline::Link { url, text, style }),
                    Some(_) => push(&mut out, Inline::Text { text, style }),
                    None => push(&mut out, Inline::Text { text: clean(&with_target(&text, &url)), style }),
                }
            }
            Inline::Image { alt, url } => {
                let alt = clean(&alt).split_whitespace().collect::<Vec<_>>().join(" ");
                push(&mut out, Inline::Image { alt, url: url.as_deref().and_then(safe_url) });
            }
            other => push(&mut out, other),
        }
    }
    out
}

/// Makes neighbours of one kind one, and drops what is empty.
fn merge(line: &mut Vec<Inline>) {
    let mut out: Vec<Inline> = Vec::with_capacity(line.len());
    for inline in line.drain(..) {
        match (out.last_mut(), inline) {
            (_, Inline::Text { text, .. }) if text.is_empty() => {}
            (Some(Inline::Text { text, style }), Inline::Text { text: more, style: other }) if *style == other => {
                text.push_str(&more);
            }
            (Some(Inline::Link { url, text, style }), Inline::Link { url: other_url, text: more, style: other })
                if *style == other && *url == other_url =>
            {
                text.push_str(&more)
            }
            (_, inline) => out.push(inline),
        }
    }
    *line = out;
}

fn trim_start(line: &mut Vec<Inline>) {
    let mut drop = 0;
    for inline in line.iter_mut() {
        let (Inline::Text { text, .. } | Inline::Link { text, .. }) = inline else { break };
        *text = text.trim_start_matches(' ').to_owned();
        if !text.is_empty() {
            break;
        }
        drop += 1;
    }
    line.drain(..drop);
}

fn trim_end(line: &mut Vec<Inline>) {
    while let Some(Inline::Text { text, .. } | Inline::Link { text, .. }) = line.last_mut() {
        text.truncate(text.trim_end_matches(' ').len());
        if !text.is_empty() {
            return;
        }
        line.pop();
    }
}

fn is_blank(inline: &Inline) -> bool {
    matches!(inline, Inline::Text { text, .. } if is_invisible(text))
}

/// Whether a text would show nothing: editors leave zero-width characters in empty paragraphs.
fn is_invisible(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'))
}

/// A text without control characters, whose only white space within the line are spaces.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            c if c.is_whitespace() => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

fn code_text(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\u{a0}', " ");
    let text: String = text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
    text.trim_matches('\n').to_owned()
}

fn is_language(language: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"+#._-".contains(&b);
    (1..=30).contains(&language.len()) && language.bytes().all(fits)
}

/// Adds a text to a line under construction.
pub(super) fn push_text(line: &mut Vec<Inline>, text: &str, style: Style) {
    if let Some(Inline::Text { text: last, style: same }) = line.last_mut()
        && *same == style
    {
        last.push_str(text);
        return;
    }
    line.push(Inline::Text { text: text.to_owned(), style });
}
