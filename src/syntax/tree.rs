//! Parsing a rope, incrementally.
//!
//! The text is read chunk by chunk where it lies, never copied. A parse is bounded by the size of the text and by
//! time (`patience`). This file does *not* choose a thread; callers stay off the transport task.

use std::time::Duration;

use ropey::Rope;
use tree_sitter::{ParseOptions, Parser, Point, Tree};

use crate::syntax::{Language, patience};

/// Texts larger than this, in bytes, are not parsed. Source that people write is far below; above it are generated
/// files and data, where a tree would cost hundreds of megabytes.
pub const MAX_BYTES: usize = 4 << 20;

/// What one parse may take. Source of the largest size takes a fraction of it.
const LIMIT: Duration = Duration::from_secs(2);

/// Parses `rope`, reusing `old` (already edited with `Tree::edit`). `None` without a grammar, above the size
/// limit, or when parsing takes longer than its limit.
pub fn parse(language: &Language, rope: &Rope, old: Option<&Tree>) -> Option<Tree> {
    let grammar = language.grammar.as_ref()?;
    if rope.len_bytes() > MAX_BYTES {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(&(grammar.language)()).ok()?;

    let is_enough = patience::lasting(LIMIT);
    let mut give_up = |_: &_| is_enough();
    let with_line_feeds = with_line_feeds(rope);
    // NB: its rows are other ones than those that the old tree was edited by.
    let old = old.filter(|_| with_line_feeds.is_none());
    // NB: called from C, where a panic would abort the process: no indexing in here.
    let mut read = |offset: usize, _| -> &[u8] {
        if let Some(text) = &with_line_feeds {
            return text.get(offset..).unwrap_or_default();
        }
        let Some((chunk, start, _, _)) = rope.get_chunk_at_byte(offset) else {
            return &[];
        };
        chunk.as_bytes().get(offset.saturating_sub(start)..).unwrap_or_default()
    };
    parser.parse_with_options(&mut read, old, Some(ParseOptions::new().progress_callback(&mut give_up)))
}

/// The text with `\n` for each `\r` that ends a line by itself, byte for byte; `None` where there is none. To the
/// grammars such a `\r` is a blank, and a file of them one line.
fn with_line_feeds(rope: &Rope) -> Option<Vec<u8>> {
    if !rope.chunks().any(|chunk| chunk.contains('\r')) {
        return None;
    }
    let mut text: Vec<u8> = rope.bytes().collect();
    let pairs = text.iter().zip(text.iter().skip(1).chain([&b'\r']));
    let lone = pairs.enumerate().filter(|(_, (byte, next))| **byte == b'\r' && **next != b'\n');
    let lone: Vec<usize> = lone.map(|(at, _)| at).collect();
    for at in &lone {
        text[*at] = b'\n';
    }
    (!lone.is_empty()).then_some(text)
}

/// The place of byte `offset` as tree-sitter counts: rows end at `\n` alone, columns are bytes. Reads the text up to
/// there; the rope's own line numbers are the same, and quicker, where no `\r` stands without `\n`.
pub fn point(rope: &Rope, offset: usize) -> Point {
    let (mut row, mut row_start, mut chunk_start) = (0, 0, 0);
    for chunk in rope.byte_slice(..offset).chunks() {
        for (at, _) in chunk.match_indices('\n') {
            row += 1;
            row_start = chunk_start + at + 1;
        }
        chunk_start += chunk.len();
    }
    Point { row, column: offset - row_start }
}

/// The place where `text`, put at `start`, ends.
pub fn point_after(start: Point, text: &str) -> Point {
    match text.rfind('\n') {
        Some(last) => Point { row: start.row + text.matches('\n').count(), column: text.len() - last - 1 },
        None => Point { row: start.row, column: start.column + text.len() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_alone_ends_a_line() {
        let shape = |text: &str| {
            let tree = parse(Language::of("python", ""), &Rope::from_str(text), None).unwrap();
            tree.root_node().to_sexp()
        };
        let text = "def f():\n    x = 1\n    return x\n\n\ny = 2\n";
        for end in ["\r\n", "\r"] {
            assert_eq!(shape(&text.replace('\n', end)), shape(text), "{end:?}");
        }
        assert_eq!(shape("x = 1\r\ny = 2\rz = 3"), shape("x = 1\ny = 2\nz = 3"));
    }
}
