//! The queries of a grammar, compiled once, and their text provider over a rope.
//!
//! A query that does not compile is a fault of this program, which a test finds; at run time it is treated as empty,
//! so that a language with a faulty query falls back to what is known without one.

use std::time::Duration;

use ropey::Rope;
use tree_sitter::{Node, Query, QueryCursor, QueryCursorState};

use crate::syntax::patience;

/// `chunks.scm`, `scopes.scm` and `edits.scm` of one grammar.
pub struct Queries {
    pub chunks: Option<Query>,
    pub scopes: Option<Query>,
    pub edits: Option<Query>,
}

/// Bounds what a query keeps open at once on text that is no source, so that it stays linear.
const MATCH_LIMIT: u32 = 4096;

/// What a query about one place may take.
pub const PLACE: Duration = Duration::from_millis(50);

/// A cursor with the limits that every query here runs under.
pub fn cursor() -> QueryCursor {
    let mut cursor = QueryCursor::new();
    cursor.set_match_limit(MATCH_LIMIT);
    cursor
}

/// The text of a node, piece by piece, for the predicates of a query; nothing where the tree is not of this rope.
pub fn text_of<'rope>(rope: &'rope Rope, node: Node) -> impl Iterator<Item = &'rope [u8]> + use<'rope> {
    rope.get_byte_slice(node.byte_range()).into_iter().flat_map(|slice| slice.chunks()).map(str::as_bytes)
}

/// Ends a query that takes longer than `time`; what it found until then stands. For `QueryCursorOptions`.
pub fn limit(time: Duration) -> impl FnMut(&QueryCursorState) -> bool {
    let is_enough = patience::lasting(time);
    move |_| is_enough()
}
