//! Chunks by a grammar's query.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use ropey::Rope;
use streaming_iterator::StreamingIterator;
use tree_sitter::{Node, Query, QueryCursorOptions, Tree};

use crate::syntax::{Chunk, ChunkKind, lines, query};

/// Nodes deeper than this are no chunks: a method of an impl in a module stands at a depth of 5. Without a bound the
/// query's time is quadratic in the depth of a tree, and a text of brackets is a tree of any depth.
const MAX_DEPTH: u32 = 40;

/// What the query may take; source of the largest size takes a fraction of it.
const LIMIT: Duration = Duration::from_secs(1);

/// All that the query finds, comments and attributes attached, in document order.
pub fn chunks(query: &Query, rope: &Rope, tree: &Tree) -> Vec<Chunk> {
    let (found, attached) = run(query, rope, tree);
    let mut pieces: Vec<_> = found.into_values().map(|found| found.piece(rope, &attached)).collect();
    pieces.sort_by_key(|piece| (piece.chunk.range.start, Reverse(piece.chunk.range.end)));
    let outside_functions = leave_out_bodies(rope, pieces);
    let mut chunks = merge(rope, outside_functions);
    sort(&mut chunks);
    chunks
}

/// Document order; what holds others comes before them.
pub fn sort(chunks: &mut [Chunk]) {
    chunks.sort_by_key(|chunk| (chunk.range.start, Reverse(chunk.range.end)));
}

/// A captured node.
struct Found<'tree> {
    node: Node<'tree>,
    kind: ChunkKind,
    name: Option<String>,
    body: Option<usize>,
    pattern: usize,
    /// Captured as a function, whatever a later pattern made of it.
    is_function: bool,
}

struct Piece {
    chunk: Chunk,
    is_function: bool,
    has_error: bool,
}

/// The captured nodes, and the ranges of comments and attributes, in order.
fn run<'tree>(
    query: &Query,
    rope: &Rope,
    tree: &'tree Tree,
) -> (HashMap<usize, Found<'tree>>, Vec<Range<usize>>) {
    let names = query.capture_names();
    let mut all: HashMap<usize, Found> = HashMap::new();
    let mut attached = Vec::new();
    let mut cursor = query::cursor();
    cursor.set_max_start_depth(Some(MAX_DEPTH));
    let mut limit = query::limit(LIMIT);
    let options = QueryCursorOptions::new().progress_callback(&mut limit);
    let text_of = |node: Node| query::text_of(rope, node);
    let mut matches = cursor.matches_with_options(query, tree.root_node(), text_of, options);
    while let Some(one) = matches.next() {
        let (mut main, mut name, mut body) = (None, None, None);
        for capture in one.captures {
            let node = capture.node;
            match names[capture.index as usize] {
                "attached" => attached.push(visible(rope, node.byte_range())),
                "name" => name = rope.get_byte_slice(node.byte_range()).map(|name| name.to_string()),
                "body" => body = Some(node.start_byte()),
                other => main = kind(other).map(|kind| (kind, node)).or(main),
            }
        }
        let Some((kind, node)) = main else { continue };
        let pattern = one.pattern_index;
        let function = matches!(kind, ChunkKind::Function | ChunkKind::Method);
        let is_function = function || all.get(&node.id()).is_some_and(|found| found.is_function);
        let found = Found { node, kind, name, body, pattern, is_function };
        match all.get_mut(&node.id()) {
            Some(earlier) if earlier.pattern > pattern => earlier.is_function = is_function,
            _ => _ = all.insert(node.id(), found),
        }
    }
    attached.sort_by_key(|range| (range.start, range.end));
    (all, attached)
}

fn kind(capture: &str) -> Option<ChunkKind> {
    Some(match capture {
        "function" => ChunkKind::Function,
        "method" => ChunkKind::Method,
        "type" => ChunkKind::Type,
        "trait" => ChunkKind::Trait,
        "impl" => ChunkKind::Impl,
        "class" => ChunkKind::Class,
        "module" => ChunkKind::Module,
        "test" => ChunkKind::Test,
        "imports" => ChunkKind::Imports,
        "item" => ChunkKind::Item,
        _ => return None,
    })
}

impl Found<'_> {
    fn piece(self, rope: &Rope, attached: &[Range<usize>]) -> Piece {
        let node = visible(rope, self.node.byte_range());
        let signature = match self.body {
            Some(body) if body > node.start => visible(rope, node.start..body.min(node.end)),
            _ => node.clone(),
        };
        let start = line_start(rope, with_attached(rope, node.start, attached));
        let end = line_end(rope, node.end);
        Piece {
            chunk: Chunk { kind: self.kind, name: self.name, range: start..end, signature },
            is_function: self.is_function,
            has_error: self.node.has_error(),
        }
    }
}

/// Where the comments and attributes right above `start` begin.
fn with_attached(rope: &Rope, mut start: usize, attached: &[Range<usize>]) -> usize {
    let mut above = attached.partition_point(|range| range.end <= start);
    while let Some(range) = above.checked_sub(1).map(|index| &attached[index]) {
        let between = rope.byte_slice(range.end..start);
        let lines_between = rope.byte_to_line(start) - rope.byte_to_line(range.end);
        if lines_between > 1 || between.chars().any(|c| !c.is_whitespace()) {
            break;
        }
        // A comment behind code on its line is about that code.
        let first_on_line =
            is_blank(rope, lines::content(rope, rope.byte_to_line(range.start)).start..range.start);
        let follows_another = above.checked_sub(2).is_some_and(|index| {
            let earlier = attached[index].end;
            earlier <= range.start
                && rope.byte_to_line(earlier) == rope.byte_to_line(range.start)
                && is_blank(rope, earlier..range.start)
        });
        if !first_on_line && !follows_another {
            break;
        }
        start = range.start;
        above -= 1;
    }
    start
}

/// Leaves out what stands inside a function. A function that a lost closer made swallow those below it, which are
/// indented no deeper than it is, ends before them.
fn leave_out_bodies(rope: &Rope, pieces: Vec<Piece>) -> Vec<Chunk> {
    let indent = |chunk: &Chunk| lines::indent_of(rope, rope.byte_to_line(chunk.range.start)).unwrap_or(0);
    let mut chunks: Vec<Chunk> = Vec::new();
    // The function that the walk is in, and whether it has an error.
    let mut function: Option<(usize, bool)> = None;
    for piece in pieces {
        if let Some((index, has_error)) = function {
            let outer = &mut chunks[index];
            if piece.chunk.range.start < outer.range.end {
                if !has_error || indent(&piece.chunk) > indent(outer) {
                    continue;
                }
                outer.range = visible(rope, outer.range.start..piece.chunk.range.start);
            }
        }
        if piece.is_function {
            function = Some((chunks.len(), piece.has_error));
        }
        chunks.push(piece.chunk);
    }
    chunks
}

/// Makes one chunk of imports that follow each other, and of items that do so without a blank line.
fn merge(rope: &Rope, chunks: Vec<Chunk>) -> Vec<Chunk> {
    let mut merged: Vec<Chunk> = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        if let Some(last) = merged.last_mut()
            && last.kind == chunk.kind
            && last.range.end <= chunk.range.start
            && is_blank(rope, last.range.end..chunk.range.start)
        {
            let lines = rope.byte_to_line(chunk.range.start) - rope.byte_to_line(last.range.end);
            if chunk.kind == ChunkKind::Imports || chunk.kind == ChunkKind::Item && lines <= 1 {
                last.range.end = chunk.range.end;
                last.signature.end = chunk.signature.end;
                continue;
            }
        }
        merged.push(chunk);
    }
    merged
}

/// The start of the line of `offset`, if only blanks stand before it there.
fn line_start(rope: &Rope, offset: usize) -> usize {
    let start = lines::content(rope, rope.byte_to_line(offset)).start;
    if is_blank(rope, start..offset) { start } else { offset }
}

/// The end of the text of the line of `offset`, if behind it only an ending or a comment stands there.
fn line_end(rope: &Rope, offset: usize) -> usize {
    let end = lines::content(rope, rope.byte_to_line(offset)).end.max(offset);
    let rest = rope.byte_slice(offset..end).to_string();
    let rest = rest.trim_matches(|c: char| c.is_whitespace() || c == ';' || c == ',');
    let is_comment = ["//", "#", "/*"].iter().any(|sign| rest.starts_with(sign));
    if rest.is_empty() || is_comment { visible(rope, offset..end).end.max(offset) } else { offset }
}

/// `range` without the blanks at its end, clamped into the text: some grammars count line breaks to a node.
fn visible(rope: &Rope, range: Range<usize>) -> Range<usize> {
    let start = lines::floor(rope, range.start);
    let mut end = lines::floor(rope, range.end).max(start);
    while end > start && rope.byte(end - 1).is_ascii_whitespace() {
        end -= 1;
    }
    start..end
}

fn is_blank(rope: &Rope, range: Range<usize>) -> bool {
    rope.byte_slice(range).chars().all(char::is_whitespace)
}
