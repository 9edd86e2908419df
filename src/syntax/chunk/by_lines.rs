//! Chunks by blank lines and indentation: what people see as one piece, whatever the language.

use std::ops::Range;

use ropey::Rope;

use crate::syntax::language::Blocks;
use crate::syntax::{Chunk, ChunkKind, Language, lines};

/// A piece that grows beyond so many lines ends at its next blank line, and at twice as many anywhere.
const MAX_LINES: usize = 60;

/// The pieces of a range of lines. A piece ends at a blank line below which the text is not indented deeper than
/// where the piece began, and does not go on with a closer.
pub fn chunks(language: &Language, rope: &Rope, range: Range<usize>) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut piece: Option<Piece> = None;
    for line in range {
        let Some(indent) = lines::indent_of(rope, line) else {
            continue;
        };
        if let Some(open) = &mut piece {
            let after_blank = line > open.last + 1;
            let length = line - open.first;
            let ends = after_blank && indent <= open.indent && !closes(language, rope, line);
            let too_long = length >= 2 * MAX_LINES || length >= MAX_LINES && after_blank;
            if !ends && !too_long {
                open.last = line;
                open.indent = open.indent.min(indent);
                continue;
            }
        }
        chunks
            .extend(piece.replace(Piece { first: line, last: line, indent }).map(|piece| piece.chunk(rope)));
    }
    chunks.extend(piece.map(|piece| piece.chunk(rope)));
    chunks
}

/// A piece that may still grow: its first and last line, and its least indentation.
struct Piece {
    first: usize,
    last: usize,
    indent: usize,
}

impl Piece {
    fn chunk(self, rope: &Rope) -> Chunk {
        let first = lines::content(rope, self.first);
        Chunk {
            kind: ChunkKind::Block,
            name: None,
            range: first.start..lines::content(rope, self.last).end,
            signature: first,
        }
    }
}

fn closes(language: &Language, rope: &Rope, line: usize) -> bool {
    let content = rope.byte_slice(lines::content(rope, line));
    let mut visible = content.chars().skip_while(|c| c.is_whitespace()).peekable();
    if visible.peek().is_some_and(|c| ")]}".contains(*c)) {
        return true;
    }
    let Blocks::Keywords { close, .. } = language.blocks else {
        return false;
    };
    // No closing word is longer.
    let word: String = visible.take_while(|c| c.is_alphanumeric()).take(16).collect();
    close.contains(&word.as_str())
}
