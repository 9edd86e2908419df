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
    // NB: called from C, where a panic would abort the process: no indexing in here.
    let mut read = |offset: usize, _| -> &[u8] {
        let Some((chunk, start, _, _)) = rope.get_chunk_at_byte(offset) else {
            return &[];
        };
        chunk.as_bytes().get(offset.saturating_sub(start)..).unwrap_or_default()
    };
    parser.parse_with_options(&mut read, old, Some(ParseOptions::new().progress_callback(&mut give_up)))
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
