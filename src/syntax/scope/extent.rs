//! How far a completion may go: the line, or the block that is open.

use ropey::Rope;
use streaming_iterator::StreamingIterator;
use tree_sitter::{Node, QueryCursorOptions, Tree};

use crate::syntax::language::Blocks;
use crate::syntax::scope::{Inside, inside, line};
use crate::syntax::{Language, lines, query};

/// How far a completion at a place may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// To the end of the line.
    Line,
    /// Until the block that is open at the cursor ends. `indent` is the width in columns (tab = to the next
    /// multiple of 4) of the line that opened it: a line indented that much or less ends it.
    Block { indent: usize },
}

/// What may stand right of the cursor in a place where something was just opened: an editor put it there.
const CLOSERS: &[char] = &[')', ']', '}', '>', '"', '\'', '`', ';', ','];

/// So many lines above the cursor are looked at for the one that opened its block.
const LOOK_BACK: usize = 2_000;

/// How far a completion at byte `offset` may go: a block where one was just opened or where the cursor's line is
/// blank inside one, else a line. In a comment or a string always a line.
pub fn extent(language: &Language, rope: &Rope, tree: Option<&Tree>, offset: usize) -> Extent {
    let offset = lines::floor(rope, offset);
    let line = rope.byte_to_line(offset);
    let content = lines::content(rope, line);
    let right = rope.byte_slice(offset.min(content.end)..content.end);
    if !right.chars().all(|c| c.is_whitespace() || CLOSERS.contains(&c)) {
        return Extent::Line;
    }
    if inside(language, rope, tree, offset) != Inside::Code {
        return Extent::Line;
    }
    let left = line::left_of(rope, offset);
    let opened = if left.trim().is_empty() {
        around(language, rope, tree, offset)
    } else {
        opened_by(language, rope, tree, offset, &left)
    };
    opened.map_or(Extent::Line, |indent| Extent::Block { indent })
}

/// The indentation of what the text left of the cursor opens, if it opens anything.
fn opened_by(
    language: &Language,
    rope: &Rope,
    tree: Option<&Tree>,
    offset: usize,
    left: &str,
) -> Option<usize> {
    if !line::opens(language.blocks, left) {
        return None;
    }
    let indent = lines::indent_of(rope, rope.byte_to_line(offset)).unwrap_or(0);
    let left = left.trim_end();
    let Some(tree) = tree.filter(|_| left.ends_with(':')) else {
        return Some(indent);
    };
    // A colon opens a block, or a value, or a type: the query tells.
    let blanks = line::left_of(rope, offset).len() - left.len();
    let colon = offset - blanks - 1;
    let mut owner_indent = None;
    for_each_block(language, rope, tree, colon..colon + 1, |opener, _| {
        if opener.start_byte() == colon {
            let owner = opener.parent().map_or(colon, |owner| owner.start_byte());
            owner_indent = lines::indent_of(rope, rope.byte_to_line(owner));
        }
    });
    owner_indent.map(|owner| owner.min(indent))
}

/// The indentation of the line that opened the block round a blank line, if it is in any.
fn around(language: &Language, rope: &Rope, tree: Option<&Tree>, offset: usize) -> Option<usize> {
    let by_lines = by_indentation(language, rope, offset);
    let indent = |line| lines::indent_of(rope, line);
    // Where blocks end by indentation the tree's end before the blank line, so the lines alone tell.
    let Some(tree) = tree.filter(|_| language.blocks == Blocks::Braces) else {
        return by_lines.and_then(indent);
    };
    let mut by_tree = None;
    for_each_block(language, rope, tree, offset.saturating_sub(1)..offset + 1, |opener, block| {
        if opener.end_byte() <= offset && block.is_some_and(|block| offset < block.end_byte()) {
            by_tree = by_tree.max(Some(rope.byte_to_line(opener.start_byte())));
        }
    });
    // In broken text the tree may miss the block that is open; what was opened last is the innermost.
    let opened = if tree.root_node().has_error() { by_tree.max(by_lines) } else { by_tree };
    opened.and_then(indent)
}

/// Calls `visit` with each opener, and the block it opens, of the matches that touch `range`.
fn for_each_block(
    language: &Language,
    rope: &Rope,
    tree: &Tree,
    range: std::ops::Range<usize>,
    mut visit: impl FnMut(Node, Option<Node>),
) {
    let Some(query) = language.grammar.as_ref().and_then(|grammar| grammar.queries().scopes.as_ref()) else {
        return;
    };
    let index = |name| query.capture_index_for_name(name);
    let (opener, block) = (index("opener"), index("block"));
    let mut cursor = query::cursor();
    cursor.set_byte_range(range);
    let mut limit = query::limit(query::PLACE);
    let options = QueryCursorOptions::new().progress_callback(&mut limit);
    let text_of = |node: Node| query::text_of(rope, node);
    let mut matches = cursor.matches_with_options(query, tree.root_node(), text_of, options);
    while let Some(found) = matches.next() {
        let node = |index: Option<u32>| {
            found.captures.iter().find(|capture| Some(capture.index) == index).map(|capture| capture.node)
        };
        if let Some(opener) = node(opener) {
            visit(opener, node(block));
        }
    }
}

/// The line that opened the block round a blank line, by indentation alone.
fn by_indentation(language: &Language, rope: &Rope, offset: usize) -> Option<usize> {
    let line = rope.byte_to_line(offset);
    let code = |line: usize| {
        let text = line::whole(rope, line);
        line::scan(language, &text).1.trim().to_owned()
    };
    let mut above = (line.saturating_sub(LOOK_BACK)..line)
        .rev()
        .filter_map(|line| Some((line, lines::indent_of(rope, line)?)));
    let (previous, previous_indent) = above.next()?;
    // Right below an opener: whatever the cursor's column, nobody leaves a block that has nothing in it.
    if line::opens(language.blocks, &code(previous)) {
        return Some(previous);
    }
    // An editor that does not indent blank lines leaves the cursor at column 0. Then the block is the one that goes
    // on below, or that a closer below ends.
    let below = (line + 1..rope.len_lines().min(line + LOOK_BACK)).find_map(|line| {
        let indent = lines::indent_of(rope, line)?;
        let closes =
            code(line).starts_with([')', ']', '}']) || starts_with_closing_word(language, &code(line));
        Some(if closes && indent < previous_indent { previous_indent } else { indent })
    });
    let cursor = lines::indent(&line::left_of(rope, offset));
    let mut width = cursor.max(previous_indent.min(below.unwrap_or(0)));
    std::iter::once((previous, previous_indent)).chain(above).find_map(|(line, indent)| {
        if indent >= width {
            return None;
        }
        // Where braces make blocks, a line indented less may just be the start of a longer statement.
        let opens = language.blocks == Blocks::Indentation || line::opens(language.blocks, &code(line));
        width = indent;
        opens.then_some(line)
    })
}

fn starts_with_closing_word(language: &Language, code: &str) -> bool {
    let Blocks::Keywords { close, .. } = language.blocks else {
        return false;
    };
    let word = code.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    close.contains(&word)
}
