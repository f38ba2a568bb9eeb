//! What holds blocks while HTML is read: quotes, lists, tables.

use super::super::doc::{Block, Inline, MAX_DEPTH};
use super::super::html_token::Tag;
use super::css::{self, Count};
use super::position::numbered;
use super::{Look, Reader};

/// What holds blocks.
pub(super) enum Frame {
    Quote(Vec<Block>),
    List(List),
    Item(Item),
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

/// A list under construction.
pub(super) struct List {
    ordered: bool,
    reversed: bool,
    start: Option<i64>,
    count: Option<Count>,
    items: Vec<Item>,
}

/// An item under construction.
#[derive(Default)]
pub(super) struct Item {
    /// The number that it asks for.
    value: Option<i64>,
    blocks: Vec<Block>,
}

impl Reader {
    pub(super) fn start_list(&mut self, ordered: bool, tag: &Tag) {
        self.flush();
        if self.depth() >= MAX_DEPTH {
            self.ignored_lists += 1;
            return;
        }
        let start = tag.attribute("start").and_then(|start| start.trim().parse().ok());
        let count = css::read(tag).count.or_else(|| css::count_of_type(&tag.attribute("type")?));
        let reversed = tag.attribute("reversed").is_some();
        self.frames.push(Frame::List(List { ordered, reversed, start, count, items: Vec::new() }));
    }

    pub(super) fn start_item(&mut self, tag: &Tag) {
        self.flush();
        if self.ignored_lists > 0 {
            return;
        }
        self.close_to(|frame| matches!(frame, Frame::Item(_)), |frame| is_cell(frame) || is_list(frame));
        // An item outside a list is a paragraph.
        if let Some(Frame::List(list)) = self.frames.last_mut() {
            // Google Docs says at each item how it is counted.
            list.count = list.count.or_else(|| css::read(tag).count);
            let value = tag.attribute("value").and_then(|value| value.trim().parse().ok());
            self.frames.push(Frame::Item(Item { value, blocks: Vec::new() }));
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
        self.frames.iter().filter(|frame| matches!(frame, Frame::Quote(_) | Frame::List(_))).count()
    }

    /// Adds a block to the innermost frame.
    pub(super) fn push(&mut self, block: Block) {
        match self.frames.last_mut() {
            None => self.root.push(block),
            Some(Frame::Quote(blocks) | Frame::Item(Item { blocks, .. }) | Frame::Cell { blocks, .. }) => {
                blocks.push(block);
            }
            // Outlook nests a list beside the item that it belongs to.
            Some(Frame::List(list)) => match list.items.last_mut() {
                Some(item) => item.blocks.push(block),
                None => list.items.push(Item { value: None, blocks: vec![block] }),
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
            Some(Frame::List(list)) => self.push_list(list),
            Some(Frame::Item(item)) => {
                if let Some(Frame::List(list)) = self.frames.last_mut() {
                    list.items.push(item);
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
        self.leave_styled_frames();
    }

    /// Numbers that a list of Slack's cannot have become text before the items; a list that jumps becomes several.
    fn push_list(&mut self, list: List) {
        if !list.ordered {
            let items = list.items.into_iter().map(|item| item.blocks).collect();
            self.push(Block::List { ordered: false, start: 1, items });
            return;
        }
        let depth = self.frames.iter().filter(|frame| is_list(frame)).count();
        let count = list.count.unwrap_or_default();
        let step = if list.reversed { -1 } else { 1 };
        let first = list.start.unwrap_or(if list.reversed { list.items.len() as i64 } else { 1 });
        let mut next = first;
        let numbers: Vec<i64> = list
            .items
            .iter()
            .map(|item| {
                let number = item.value.unwrap_or(next);
                next = number.saturating_add(step);
                number
            })
            .collect();
        // Slack counts its lists 1, a, i by their depth.
        let natural = [Count::Decimal, Count::LowerLetters, Count::LowerRoman][depth % 3];
        let as_counted = count == Count::Decimal || count == natural;
        let runs_down = list.reversed && list.items.len() > 1;
        if runs_down || !as_counted || numbers.iter().any(|number| u32::try_from(*number).is_err()) {
            self.push_as_text(list.items, &numbers, count);
            return;
        }
        let mut runs: Vec<(u32, Vec<Vec<Block>>)> = Vec::new();
        for (item, number) in list.items.into_iter().zip(numbers) {
            let number = u32::try_from(number).unwrap_or(1);
            match runs.last_mut() {
                Some((start, items)) if u64::from(*start) + items.len() as u64 == u64::from(number) => {
                    items.push(item.blocks);
                }
                _ => runs.push((number, vec![item.blocks])),
            }
        }
        for (start, items) in runs {
            self.push(Block::List { ordered: true, start, items });
        }
    }

    fn push_as_text(&mut self, items: Vec<Item>, numbers: &[i64], count: Count) {
        let mut lines: Vec<Inline> = Vec::new();
        for (item, number) in items.into_iter().zip(numbers) {
            let marker = Inline::text(format!("{}. ", numbered(*number, count)));
            if !lines.is_empty() {
                lines.push(Inline::Break);
            }
            lines.push(marker);
            for (index, block) in item.blocks.into_iter().enumerate() {
                match block {
                    Block::Paragraph(content) if index == 0 => lines.extend(content),
                    block => {
                        self.push(Block::Paragraph(std::mem::take(&mut lines)));
                        self.push(block);
                    }
                }
            }
        }
        self.push(Block::Paragraph(lines));
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
    matches!(frame, Frame::List(_))
}
