//! Code, comment or string at a place.

use ropey::Rope;
use streaming_iterator::StreamingIterator;
use tree_sitter::{Node, QueryCursorOptions, Tree};

use crate::syntax::scope::line;
use crate::syntax::{Language, lines, query};

/// The innermost thing at a place, by the scopes query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    Code,
    Comment,
    String,
}

/// Without a tree, a block comment is looked for so many bytes back.
const LOOK_BACK: usize = 8 << 10;

/// What the cursor at byte `offset` stands in. Just before an opening quote and just after a closing one is code;
/// the end of a line comment's line is still the comment.
pub fn inside(language: &Language, rope: &Rope, tree: Option<&Tree>, offset: usize) -> Inside {
    let offset = lines::floor(rope, offset);
    if let Some(tree) = tree {
        let by_tree = by_query(language, rope, tree, offset);
        // A quote that nothing closes is an error with no string in it, so there the line itself is asked.
        if by_tree != Inside::Code || !is_broken(rope, tree, offset) {
            return by_tree;
        }
    } else if in_block_comment(language, rope, offset) {
        return Inside::Comment;
    }
    line::scan(language, &line::left_of(rope, offset)).0
}

fn by_query(language: &Language, rope: &Rope, tree: &Tree, offset: usize) -> Inside {
    let Some(query) = language.grammar.as_ref().and_then(|grammar| grammar.queries().scopes.as_ref()) else {
        return Inside::Code;
    };
    let mut cursor = query::cursor();
    cursor.set_byte_range(offset.saturating_sub(1)..offset + 1);
    let mut limit = query::limit(query::PLACE);
    let options = QueryCursorOptions::new().progress_callback(&mut limit);
    let text_of = |node: Node| query::text_of(rope, node);
    let mut captures = cursor.captures_with_options(query, tree.root_node(), text_of, options);
    let mut innermost = (usize::MAX, Inside::Code);
    while let Some((found, index)) = captures.next() {
        let capture = found.captures[*index];
        let node = capture.node.byte_range();
        let (inside, to_line_end) = match query.capture_names()[capture.index as usize] {
            "comment.line" => (Inside::Comment, true),
            "comment.block" => (Inside::Comment, false),
            "string" => (Inside::String, false),
            "code" => (Inside::Code, false),
            _ => continue,
        };
        let covers = node.start < offset
            && (offset < node.end
                // Some grammars count the line break to the comment, so it is the line that tells.
                || to_line_end && rope.byte_to_line(offset) == rope.byte_to_line(node.start));
        if covers && node.len() <= innermost.0 {
            innermost = (node.len(), inside);
        }
    }
    innermost.1
}

/// Whether an error touches the line of the place, left of it.
fn is_broken(rope: &Rope, tree: &Tree, offset: usize) -> bool {
    let line_start = lines::content(rope, rope.byte_to_line(offset)).start;
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        let touches = node.start_byte() <= offset && line_start <= node.end_byte();
        if touches && (node.is_error() || node.is_missing()) {
            return true;
        }
        if touches && node.has_error() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return false;
            }
        }
    }
}

fn in_block_comment(language: &Language, rope: &Rope, offset: usize) -> bool {
    let Some((open, close)) = language.block_comment else {
        return false;
    };
    let start = lines::floor(rope, offset.saturating_sub(LOOK_BACK));
    let left = rope.byte_slice(start..offset).to_string();
    left.rfind(open).is_some_and(|at| !left[at + open.len()..].contains(close))
}
