//! Semantic chunks: functions, types, impls, tests, imports, with their comments and attributes.
//!
//! Chunks are what is quoted to a model from elsewhere and what an action works on. A grammar's chunks query finds
//! them; where there is no grammar, and in the parts of a text that are too broken for one, blank lines and
//! indentation do. This room does *not* rank or choose chunks.

mod by_lines;
mod by_query;

use std::ops::Range;

use ropey::Rope;
use tree_sitter::Tree;

use crate::syntax::{Language, lines, tree};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChunkKind {
    Function,
    Method,
    Type,
    Trait,
    Impl,
    Class,
    Module,
    Test,
    Imports,
    /// A constant, static, macro or top-level statement group.
    Item,
    /// A piece found by blank lines and indentation, where there is no grammar.
    Block,
}

/// A semantic piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub kind: ChunkKind,
    pub name: Option<String>,
    /// Bytes, doc comments and attributes included; begins at a line start and ends after its last line's text,
    /// unless other code shares that line.
    pub range: Range<usize>,
    /// Bytes of the signature: what a reader elsewhere needs, without the body.
    pub signature: Range<usize>,
}

/// All chunks of a text, in document order; methods follow the impl or class that holds them. What stands inside a
/// function is part of it. `tree` must be that of `rope`. None for texts larger than [`tree::MAX_BYTES`].
pub fn chunks(language: &Language, rope: &Rope, tree: Option<&Tree>) -> Vec<Chunk> {
    if rope.len_bytes() > tree::MAX_BYTES {
        return Vec::new();
    }
    let all_lines = 0..rope.len_lines();
    let query = language.grammar.as_ref().and_then(|grammar| grammar.queries().chunks.as_ref());
    let (Some(tree), Some(query)) = (tree, query) else {
        return by_lines::chunks(language, rope, all_lines);
    };
    let mut chunks = by_query::chunks(query, rope, tree);
    if tree.root_node().has_error() {
        let broken = lines_without_chunk(rope, tree, &chunks);
        chunks.extend(broken.into_iter().flat_map(|lines| by_lines::chunks(language, rope, lines)));
        by_query::sort(&mut chunks);
    }
    chunks
}

/// Runs of lines that an error covers and no chunk does.
fn lines_without_chunk(rope: &Rope, tree: &Tree, chunks: &[Chunk]) -> Vec<Range<usize>> {
    let root = tree.root_node();
    let mut cursor = root.walk();
    let children: Vec<_> = root.children(&mut cursor).filter(|node| node.is_error()).collect();
    let errors = if root.is_error() { vec![root] } else { children };
    let mut runs = Vec::new();
    for error in errors.into_iter().map(|node| node.byte_range()) {
        let mut line = rope.byte_to_line(error.start);
        for chunk in
            chunks.iter().filter(|chunk| error.start < chunk.range.end && chunk.range.start < error.end)
        {
            runs.push(line..rope.byte_to_line(chunk.range.start));
            line = line.max(rope.byte_to_line(chunk.range.end) + 1);
        }
        runs.push(line..rope.byte_to_line(error.end) + 1);
    }
    runs.retain(|run| run.clone().any(|line| lines::indent_of(rope, line).is_some()));
    runs
}

#[cfg(test)]
mod tests;
