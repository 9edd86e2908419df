//! One version of one text, as a value.
//!
//! An edit makes a new document and leaves the old one as it was, so that whoever reads a snapshot is never disturbed
//! and never disturbs. The rope is shared between versions. What costs time to know, the syntax tree and the chunks,
//! is computed on first ask, once, and from the tree of an older version where there is one. A document keeps no
//! older document alive: it takes from it the newest tree that was ever computed, moved along with each edit.
//!
//! This file does *not* decide when to parse, and knows no columns: see `position`.

use std::ops::Range;
use std::sync::OnceLock;

use ropey::Rope;
use tree_sitter::{InputEdit, Point, Tree};

use crate::syntax::{Chunk, Language, chunk, lines, tree};
use crate::text::{Change, Edit, Encoding};

/// One version of one text. Cheap to clone the rope of; tree and chunks are computed once, on first ask,
/// from the older edited tree. NB: `tree` and `chunks` may parse, so never call them on the transport task.
pub struct Document {
    rope: Rope,
    version: i32,
    language: &'static Language,
    /// The tree of an older version, edited to the text of this one: where the parse of this one begins.
    older_tree: Option<Tree>,
    /// Versions that still go without a tree, since a parse of an older one was given up: a parse that takes its
    /// whole time limit must not run at every key.
    unparsed_versions: u32,
    /// Whether a `\r` without `\n` may stand in the text: the rope then counts more lines than tree-sitter does.
    lone_cr: bool,
    tree: OnceLock<Option<Tree>>,
    chunks: OnceLock<Vec<Chunk>>,
}

/// After a parse was given up, so many versions are not parsed.
const VERSIONS_UNPARSED: u32 = 100;

impl Document {
    pub fn new(language: &'static Language, version: i32, text: &str) -> Self {
        let rope = Rope::from_str(text);
        let lone_cr = has_lone_cr(&rope, 0..rope.len_bytes());
        Self {
            rope,
            version,
            language,
            older_tree: None,
            unparsed_versions: 0,
            lone_cr,
            tree: OnceLock::new(),
            chunks: OnceLock::new(),
        }
    }

    /// The document after `changes`, applied in order, each to the text that the one before it left, and the same
    /// changes in bytes: at most one [`Edit`] for each, for a change that changes nothing none.
    ///
    /// Never waits for a parse that runs elsewhere and never parses.
    pub fn edited(&self, version: i32, changes: &[Change], encoding: Encoding) -> (Self, Vec<Edit>) {
        let unparsed_versions = match self.tree.get() {
            Some(None) if self.unparsed_versions == 0 && self.is_parsable() => VERSIONS_UNPARSED,
            _ => self.unparsed_versions.saturating_sub(1),
        };
        let mut document = Self {
            rope: self.rope.clone(),
            version,
            language: self.language,
            older_tree: self.tree.get().cloned().unwrap_or_else(|| self.older_tree.clone()),
            unparsed_versions,
            lone_cr: self.lone_cr,
            tree: OnceLock::new(),
            chunks: OnceLock::new(),
        };
        let edits: Vec<_> = changes
            .iter()
            .filter_map(|change| {
                let edit = Edit::of(change, &document.rope, encoding)?;
                document.apply(&edit);
                Some(edit)
            })
            .collect();
        if edits.iter().any(|edit| edit.range.len() > self.len() / 2) {
            // Hardly the same text.
            document.unparsed_versions = 0;
        }
        if edits.is_empty() {
            document.tree = self.tree.clone();
            document.chunks = self.chunks.clone();
        }
        (document, edits)
    }

    pub fn rope(&self) -> &Rope {
        &self.rope
    }

    /// The client's version number.
    pub fn version(&self) -> i32 {
        self.version
    }

    pub fn language(&self) -> &'static Language {
        self.language
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.rope.len_bytes()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of a byte range, clamped to the text and to character borders; empty where the range is reversed.
    pub fn slice(&self, range: Range<usize>) -> String {
        let start = lines::floor(&self.rope, range.start);
        let end = lines::floor(&self.rope, range.end).max(start);
        self.rope.byte_slice(start..end).to_string()
    }

    /// The syntax tree; `None` where the language has no grammar, the text is too large to parse
    /// ([`tree::MAX_BYTES`]), or parsing takes too long. Parses on first ask; who asks meanwhile waits for that.
    pub fn tree(&self) -> Option<&Tree> {
        let parse = || match self.unparsed_versions {
            0 => tree::parse(self.language, &self.rope, self.older_tree.as_ref()),
            _ => None,
        };
        self.tree.get_or_init(parse).as_ref()
    }

    /// Semantic chunks in document order, not overlapping except by nesting. Empty for a text too large to parse.
    pub fn chunks(&self) -> &[Chunk] {
        self.chunks.get_or_init(|| chunk::chunks(self.language, &self.rope, self.tree()))
    }

    fn is_parsable(&self) -> bool {
        self.language.grammar.is_some() && self.len() <= tree::MAX_BYTES
    }

    fn apply(&mut self, edit: &Edit) {
        let Range { start, end } = edit.range;
        let new_end = start + edit.text.len();
        let old_points = self.older_tree.is_some().then(|| (self.point(start), self.point(end)));

        let first = self.rope.byte_to_char(start);
        self.rope.remove(first..self.rope.byte_to_char(end));
        self.rope.insert(first, &edit.text);

        // An edit can make a `\r` stand alone just before it, in it, or at its end.
        self.lone_cr = self.lone_cr || has_lone_cr(&self.rope, start.saturating_sub(1)..new_end);
        if let Some((start_position, old_end_position)) = old_points {
            let new_end_position = self.point(new_end);
            if let Some(tree) = &mut self.older_tree {
                tree.edit(&InputEdit {
                    start_byte: start,
                    old_end_byte: end,
                    new_end_byte: new_end,
                    start_position,
                    old_end_position,
                    new_end_position,
                });
            }
        }
    }

    /// The place of a byte as tree-sitter counts; see [`tree::point`].
    fn point(&self, offset: usize) -> Point {
        if self.lone_cr {
            return tree::point(&self.rope, offset);
        }
        let row = self.rope.byte_to_line(offset);
        Point { row, column: offset - self.rope.line_to_byte(row) }
    }
}

/// Whether a `\r` in `range` is followed by anything but `\n`, the end of the text included.
fn has_lone_cr(rope: &Rope, range: Range<usize>) -> bool {
    let (chunks, mut chunk_start, _, _) = rope.chunks_at_byte(range.start);
    for chunk in chunks {
        if chunk_start >= range.end {
            break;
        }
        let mut carriage_returns = chunk.match_indices('\r').map(|(at, _)| chunk_start + at);
        if carriage_returns.any(|at| range.contains(&at) && rope.get_byte(at + 1) != Some(b'\n')) {
            return true;
        }
        chunk_start += chunk.len();
    }
    false
}
