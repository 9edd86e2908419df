//! What a text would do to the syntax of another, tried out.

use std::ops::Range;

use ropey::Rope;
use tree_sitter::{InputEdit, Point, Tree};

use crate::syntax::faults::faults;
use crate::syntax::{Language, lines, tree};

/// Tries texts at one place and counts the syntax errors (ERROR and MISSING nodes) that the whole text then has,
/// by incremental parses. A trial costs about what parsing the tried text costs, however long the whole one is.
pub struct Trial {
    language: &'static Language,
    /// The text without what is replaced.
    rope: Rope,
    /// The tree of the text as it stands.
    tree: Tree,
    replaced: Range<usize>,
    start: Point,
    old_end: Point,
    errors: usize,
}

impl Trial {
    /// `replaced` is the byte range that an accepted text replaces (empty: an insertion), clamped into the text.
    /// `tree` must be that of `rope`. `None` where there is no tree.
    pub fn new(
        language: &'static Language,
        rope: &Rope,
        tree: Option<&Tree>,
        replaced: Range<usize>,
    ) -> Option<Self> {
        let tree = tree?.clone();
        let start = lines::floor(rope, replaced.start);
        let end = lines::floor(rope, replaced.end).max(start);
        let [start_point, old_end] = [start, end].map(|offset| tree::point(rope, offset));
        let mut rope = rope.clone();
        rope.remove(rope.byte_to_char(start)..rope.byte_to_char(end));
        let errors = faults(&tree).len();
        Some(Self { language, rope, tree, replaced: start..end, start: start_point, old_end, errors })
    }

    /// Errors in the text as it stands.
    pub fn errors_before(&self) -> usize {
        self.errors
    }

    /// Errors in the text with `candidate` in place of the replaced range. A text that cannot be parsed shows
    /// nothing, and counts as many as before.
    pub fn errors_with(&mut self, candidate: &str) -> usize {
        let mut rope = self.rope.clone();
        rope.insert(rope.byte_to_char(self.replaced.start), candidate);
        let mut old = self.tree.clone();
        old.edit(&InputEdit {
            start_byte: self.replaced.start,
            old_end_byte: self.replaced.end,
            new_end_byte: self.replaced.start + candidate.len(),
            start_position: self.start,
            old_end_position: self.old_end,
            new_end_position: tree::point_after(self.start, candidate),
        });
        tree::parse(self.language, &rope, Some(&old)).map_or(self.errors, |tree| faults(&tree).len())
    }
}
