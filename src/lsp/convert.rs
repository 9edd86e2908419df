//! Between the client's types and the core's. Columns keep the client's unit here; only `text::position` counts.

use std::ops::Range;

use ropey::Rope;
use tower_lsp::lsp_types;

use crate::text::{Change, Encoding, Position};

pub fn position(position: lsp_types::Position) -> Position {
    Position { line: position.line, column: position.character }
}

pub fn changes(changes: Vec<lsp_types::TextDocumentContentChangeEvent>) -> Vec<Change> {
    let change = |change: lsp_types::TextDocumentContentChangeEvent| Change {
        range: change.range.map(|range| position(range.start)..position(range.end)),
        text: change.text,
    };
    changes.into_iter().map(change).collect()
}

/// The bytes of a client's range, clamped into the text; a reversed one is empty at its start.
pub fn bytes(rope: &Rope, range: lsp_types::Range, encoding: Encoding) -> Range<usize> {
    let start = encoding.offset(rope, position(range.start));
    let end = encoding.offset(rope, position(range.end));
    start..end.max(start)
}

/// A byte range in the client's columns.
pub fn range(rope: &Rope, bytes: &Range<usize>, encoding: Encoding) -> lsp_types::Range {
    let position = |offset| {
        let Position { line, column } = encoding.position(rope, offset);
        lsp_types::Position::new(line, column)
    };
    lsp_types::Range::new(position(bytes.start), position(bytes.end))
}
