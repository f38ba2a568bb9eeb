//! What holds blocks while HTML is read: quotes, lists, tables.

use super::super::doc::{Block, Inline, MAX_DEPTH};
use super::super::html_token::Tag;
use super::{Look, Reader};

/// What holds blocks.
pub(super) enum Frame {
    Quote(Vec<Block>),
    List {
        ordered: bool,
        start: u32,
        items: Vec<Vec<Block>>,
    },
    Item(Vec<Block>),
    /// Rows of cells.
    Table {
        rows: Vec<Vec<Vec<Block>>>,
    },
    /// Keeps the look outside, which a cell neither inherits nor changes.
    Cell {
        blocks: Vec<Block>,
        outside: Look,
    },
}

impl Reader {
    pub(super) fn start_list(&mut self, ordered: bool, tag: &Tag<'_>) {
        self.flush();
        if self.depth() >= MAX_DEPTH {
            self.ignored_lists += 1;
            return;
        }
        let start = tag.attribute("start").and_then(|start| start.trim().parse().ok()).unwrap_or(1);
        self.frames.push(Frame::List { ordered, start, items: Vec::new() });
    }

    pub(super) fn start_item(&mut self) {
        self.flush();
        if self.ignored_lists > 0 {
            return;
        }
        self.close_to(|frame| matches!(frame, Frame::Item(_)), |frame| is_cell(frame) || is_list(frame));
        // An item outside a list is a paragraph.
        if self.frames.last().is_some_and(is_list) {
            self.frames.push(Frame::Item(Vec::new()));
        }
    }

    pub(super) fn start_row(&mut self) {
        self.flush();
        if self.ignored_tables > 0 {
            return;
        }
        self.close_to(is_cell, |frame| matches!(frame, Frame::Table { .. }));
        if let Some(Frame::Table { rows }) = self.frames.last_mut() {
            rows.push(Vec::new());
        }
    }

    pub(super) fn start_cell(&mut self, header: bool) {
        self.flush();
        if self.ignored_tables > 0 {
            return;
        }
        self.close_to(is_cell, |frame| matches!(frame, Frame::Table { .. }));
        if let Some(Frame::Table { rows }) = self.frames.last_mut() {
            if rows.is_empty() {
                rows.push(Vec::new());
            }
            let look = Look { bold: u32::from(header), ..Look::default() };
            let outside = std::mem::replace(&mut self.look, look);
            self.frames.push(Frame::Cell { blocks: Vec::new(), outside });
        }
    }

    pub(super) fn depth(&self) -> usize {
        self.frames.iter().filter(|frame| matches!(frame, Frame::Quote(_) | Frame::List { .. })).count()
    }

    /// Adds a block to the innermost frame.
    pub(super) fn push(&mut self, block: Block) {
        match self.frames.last_mut() {
            None => self.root.push(block),
            Some(Frame::Quote(blocks) | Frame::Item(blocks) | Frame::Cell { blocks, .. }) => blocks.push(block),
            // Outlook nests a list beside the item that it belongs to.
            Some(Frame::List { items, .. }) => match items.last_mut() {
                Some(item) => item.push(block),
                None => items.push(vec![block]),
            },
            Some(Frame::Table { rows }) => rows.push(vec![vec![block]]),
        }
    }

    /// Closes frames up to and with the wanted one, if it is there before the barrier.
    pub(super) fn close_to(&mut self, wanted: impl Fn(&Frame) -> bool, barrier: impl Fn(&Frame) -> bool) {
        let mut open = self.frames.iter().enumerate().rev();
        let Some(at) =
            open.find_map(|(at, frame)| if wanted(frame) { Some(Some(at)) } else { barrier(frame).then_some(None) })
        else {
            return;
        };
        if let Some(at) = at {
            while self.frames.len() > at {
                self.close();
            }
        }
    }

    /// Closes the innermost frame.
    pub(super) fn close(&mut self) {
        self.flush();
        match self.frames.pop() {
            None => {}
            Some(Frame::Quote(blocks)) => self.push(Block::Quote(blocks)),
            Some(Frame::List { ordered, start, items }) => self.push(Block::List { ordered, start, items }),
            Some(Frame::Item(blocks)) => {
                if let Some(Frame::List { items, .. }) = self.frames.last_mut() {
                    items.push(blocks);
                }
            }
            Some(Frame::Cell { blocks, outside }) => {
                self.look = outside;
                if let Some(Frame::Table { rows }) = self.frames.last_mut()
                    && let Some(row) = rows.last_mut()
                {
                    row.push(blocks);
                }
            }
            Some(Frame::Table { rows }) => self.push_table(rows),
        }
    }

    /// A table that holds more than text lays the mail out; what is in it flows.
    fn push_table(&mut self, rows: Vec<Vec<Vec<Block>>>) {
        let holds_text = |block: &Block| match block {
            Block::Paragraph(content) | Block::Heading { content, .. } => {
                !content.iter().any(|inline| matches!(inline, Inline::Image { .. }))
            }
            _ => false,
        };
        if !rows.iter().flatten().flatten().all(holds_text) {
            for block in rows.into_iter().flatten().flatten() {
                self.push(block);
            }
            return;
        }
        let cell = |blocks: Vec<Block>| {
            let mut content = Vec::new();
            for block in blocks {
                if let Block::Paragraph(mut more) | Block::Heading { content: mut more, .. } = block {
                    content.push(Inline::Break);
                    content.append(&mut more);
                }
            }
            content
        };
        self.push(Block::Table(rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect()));
    }
}

pub(super) fn is_cell(frame: &Frame) -> bool {
    matches!(frame, Frame::Cell { .. })
}

pub(super) fn is_list(frame: &Frame) -> bool {
    matches!(frame, Frame::List { .. })
}
