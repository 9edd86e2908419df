//! What the parts of a text are to an edit: comments, names, statements, what others see, where tests are.
//!
//! Found by a grammar's edits query. It says what is there; what an edit may do to it is said in `edit`.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use ropey::Rope;
use streaming_iterator::StreamingIterator;
use tree_sitter::{Node, QueryCursorOptions, Tree};

use crate::syntax::{Language, query};

/// What the query may take; source of a usual size takes some milliseconds.
const LIMIT: Duration = Duration::from_secs(1);

/// The parts of one text. All ranges are in bytes.
#[derive(Default)]
pub struct Parts {
    /// Comments and docstrings, by the ids of their nodes in the tree that was asked.
    pub(super) trivia: HashSet<usize>,
    /// Names, the same way, and those of them that belong to something else.
    pub(super) identifiers: HashSet<usize>,
    pub(super) members: HashSet<usize>,
    /// Nodes in which even blanks between the parts count, the same way.
    pub(super) verbatim: HashSet<usize>,
    /// Statements, items, and members of lists of them, in no order.
    pub statements: Vec<Range<usize>>,
    /// Definitions that others see, in document order.
    pub public: Vec<Public>,
    /// Blocks that hold tests, in document order.
    pub tests: Vec<TestBlock>,
    /// Comments and docstrings, in document order.
    pub comments: Vec<Range<usize>>,
    /// Those of them that are no documentation, in document order.
    pub remarks: Vec<Range<usize>>,
    /// What stands for code that is still to be written, in document order.
    pub stubs: Vec<Range<usize>>,
    /// What makes a test fail, in no order; some of it more than once.
    pub assertions: Vec<Range<usize>>,
    /// What runs when the file is run and stands last in it.
    pub entry: Option<Range<usize>>,
    /// Names that imports bring, wherever they stand, in no order.
    pub imported: Vec<Imported>,
}

/// A definition that others see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    pub name: String,
    pub signature: Range<usize>,
}

/// A name that an import brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    pub name: String,
    pub range: Range<usize>,
}

/// A module or class that holds tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestBlock {
    pub name: String,
    pub range: Range<usize>,
    /// From its opener to its closer; `None` where the block stands in another file.
    pub body: Option<Range<usize>>,
    /// What the block stands in: its module, or the whole text.
    pub parent: Range<usize>,
}

impl Parts {
    /// The parts of the text that `tree` is the tree of. `None` where the language says nothing about them, or where
    /// it takes too long to find them all: half of them would be worse than none.
    pub fn of(language: &Language, rope: &Rope, tree: &Tree) -> Option<Self> {
        let query = language.grammar.as_ref()?.queries().edits.as_ref()?;
        let names = query.capture_names();
        let mut parts = Self::default();
        let (mut public, mut tests) = (HashMap::new(), HashMap::new());

        let mut cursor = query::cursor();
        let mut gave_up = false;
        let mut is_enough = query::limit(LIMIT);
        let mut limit = |state: &_| {
            gave_up = is_enough(state);
            gave_up
        };
        let options = QueryCursorOptions::new().progress_callback(&mut limit);
        let text_of = |node: Node| query::text_of(rope, node);
        let mut matches = cursor.matches_with_options(query, tree.root_node(), text_of, options);
        while let Some(found) = matches.next() {
            let (mut main, mut name, mut body) = (None, None, None);
            for capture in found.captures {
                let node = capture.node;
                match names.get(capture.index as usize).copied().unwrap_or_default() {
                    "trivia" => {
                        parts.trivia.insert(node.id());
                        parts.comments.push(node.byte_range());
                    }
                    "identifier" => _ = parts.identifiers.insert(node.id()),
                    "member" => _ = parts.members.insert(node.id()),
                    "verbatim" => _ = parts.verbatim.insert(node.id()),
                    "imported" => parts.imported.extend(
                        rope.get_byte_slice(node.byte_range())
                            .map(|name| Imported { name: name.to_string(), range: node.byte_range() }),
                    ),
                    "statement" => parts.statements.push(node.byte_range()),
                    "remark" => parts.remarks.push(node.byte_range()),
                    "stub" => parts.stubs.push(node.byte_range()),
                    "assertion" => parts.assertions.push(node.byte_range()),
                    "entry" => parts.entry = Some(node.byte_range()),
                    "name" => name = rope.get_byte_slice(node.byte_range()).map(|name| name.to_string()),
                    "body" => body = Some(node),
                    other @ ("public" | "tests") => main = Some((other, node)),
                    _ => {}
                }
            }
            let (Some((kind, node)), Some(name)) = (main, name) else { continue };
            if kind == "public" {
                let end = body.map_or(node.end_byte(), |body| body.start_byte());
                public.insert(node.id(), Public { name, signature: node.start_byte()..end });
            } else {
                let body = body.map(|body| body.byte_range());
                // The root begins with its first token, the text may begin with blanks.
                let parent = node.parent().filter(|parent| parent.parent().is_some());
                let parent = parent.map_or(0..rope.len_bytes(), |parent| parent.byte_range());
                tests.insert(node.id(), TestBlock { name, range: node.byte_range(), body, parent });
            }
        }
        drop(matches);
        if gave_up {
            return None;
        }
        for ranges in [&mut parts.comments, &mut parts.remarks, &mut parts.stubs] {
            ranges.sort_by_key(|one| (one.start, one.end));
            ranges.dedup();
        }
        parts.public = public.into_values().collect();
        parts.public.sort_by_key(|one| (one.signature.start, one.signature.end));
        parts.tests = tests.into_values().collect();
        parts.tests.sort_by_key(|one| (one.range.start, one.range.end));
        Some(parts)
    }

    /// The smallest statement that holds all of `range`.
    pub fn statement_round(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let holds = |one: &&Range<usize>| one.start <= range.start && range.end <= one.end;
        self.statements.iter().filter(holds).min_by_key(|one| one.len()).cloned()
    }
}

#[cfg(test)]
mod tests;
