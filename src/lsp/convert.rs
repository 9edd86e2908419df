//! Between the client's types and the core's. Columns keep the client's unit here; only `text::position` counts.

use std::ops::Range;

use ropey::Rope;
use serde_json::{Value, json};
use tower_lsp::lsp_types;

use crate::lsp::capabilities::ClientFlags;
use crate::text::{Change, Encoding, Position};

pub fn position(position: lsp_types::Position) -> Position {
    Position { line: position.line, column: position.character }
}

/// A place, as it is told to the client.
pub fn told(position: Position) -> Value {
    json!({ "line": position.line, "character": position.column })
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

/// The bytes of what a person selected; empty where it is only the cursor, as [`ClientFlags::cursor_selects`] has it.
pub fn selection(rope: &Rope, range: lsp_types::Range, flags: &ClientFlags) -> Range<usize> {
    let selected = bytes(rope, range, flags.columns);
    let is_cursor = || {
        let mut chars = rope.byte_slice(selected.clone()).chars();
        // At a line's end it is the line break, which may be two.
        let first = (chars.next(), chars.next(), chars.next());
        matches!(first, (Some('\r'), Some('\n'), None) | (_, None, _))
    };
    if flags.cursor_selects && is_cursor() { selected.start..selected.start } else { selected }
}

/// A byte range in the client's columns.
pub fn range(rope: &Rope, bytes: &Range<usize>, encoding: Encoding) -> lsp_types::Range {
    let position = |offset| {
        let Position { line, column } = encoding.position(rope, offset);
        lsp_types::Position::new(line, column)
    };
    lsp_types::Range::new(position(bytes.start), position(bytes.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_is_a_selection_selects_nothing() {
        let rope = Rope::from_str("aé😀\r\nb\n\nfn f()\n");
        let cases = [
            ((0, 0), (0, 0), ""),
            ((0, 0), (0, 1), ""),
            ((0, 1), (0, 3), ""),
            ((0, 3), (0, 7), ""),
            ((0, 0), (0, 3), "aé"),
            // On the line break, whatever it is made of.
            ((0, 7), (1, 0), ""),
            ((1, 1), (2, 0), ""),
            ((2, 0), (3, 0), ""),
            // A line that was chosen, even of one character.
            ((1, 0), (2, 0), "b\n"),
            ((1, 0), (3, 0), "b\n\n"),
            ((3, 0), (4, 0), "fn f()\n"),
            ((9, 0), (9, 9), ""),
        ];
        for (start, end, chosen) in cases {
            let at = |(line, character)| lsp_types::Position::new(line, character);
            let range = lsp_types::Range::new(at(start), at(end));
            for (name, as_cursor) in [("helix", true), ("x", false)] {
                let flags = ClientFlags::distil(&json!({
                    "clientInfo": { "name": name },
                    "capabilities": { "general": { "positionEncodings": ["utf-8"] } },
                }));
                let found = selection(&rope, range, &flags);
                let whole = bytes(&rope, range, Encoding::Utf8);
                let expected = if as_cursor { whole.start..whole.start + chosen.len() } else { whole };
                assert_eq!(found, expected, "{name} {start:?} {end:?}");
            }
        }
    }
}
