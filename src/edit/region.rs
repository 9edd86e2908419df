//! Which part of a text an action works on, and where that part is now.
//!
//! The person chooses by selecting lines, or by where the cursor stands; the model then takes its time, and the
//! person may go on typing. So a region keeps its text, and is found again by it or given up: an answer is never put
//! where other code stands by now. This file does *not* say whether a region is too large for a model.

mod pieces;

pub use pieces::{LONG, pieces};

use std::ops::Range;

use crate::edit::guard::{Guard, Refusal};
use crate::edit::{Action, diff};
use crate::syntax::{Chunk, ChunkKind, lines};
use crate::text::Document;

/// Some whole lines of one version of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Bytes: from the start of its first line to the end of the text of its last one. Neither line is blank.
    pub range: Range<usize>,
    /// What the lines are, or are a part of.
    pub name: Option<String>,
    /// The kind of the chunk that the region is; [`ChunkKind::Block`] for lines that are no whole chunk.
    pub kind: ChunkKind,
    /// As it stands in the text, with its line endings; never ends in one.
    pub text: String,
    /// The blanks that its least indented line begins with, as they are written.
    pub indent: String,
}

/// The region that `action` works on: the lines of a selection, or the innermost chunk round an empty one that is
/// something to the action, with its comments and attributes.
///
/// `selection` is in bytes of `document`, clamped into it, and turned round if it is reversed.
///
/// # Errors
///
/// [`Guard::Empty`] where only blank lines are selected, or the cursor stands in nothing.
pub fn choose(document: &Document, selection: Range<usize>, action: Action) -> Result<Region, Refusal> {
    let rope = document.rope();
    let [start, end] = [selection.start.min(selection.end), selection.start.max(selection.end)]
        .map(|offset| lines::floor(rope, offset));
    let line = rope.byte_to_line(start);
    if start == end {
        let chunk = chunk_at(document, start, action)
            .ok_or_else(|| nothing("Put the cursor into a function or a type, or select some lines."))?;
        let chunk_lines = line_of(document, chunk.range.start)..=line_of(document, chunk.range.end);
        return region(document, *chunk_lines.start(), *chunk_lines.end(), Some(chunk))
            .ok_or_else(|| nothing("Select some lines."));
    }
    let mut last = rope.byte_to_line(end);
    if last > line && rope.line_to_byte(last) == end {
        last -= 1;
    }
    region(document, line, last, None)
        .ok_or_else(|| nothing("Only blank lines are selected. Select some lines of code."))
}

/// Where `region`, chosen in `then`, stands in `now`: bytes of `now`.
///
/// # Errors
///
/// [`Guard::Stale`] where its text is gone, or stands there so often that it cannot be told which one it is.
pub fn relocate(region: &Region, then: &Document, now: &Document) -> Result<Range<usize>, Refusal> {
    if then.rope() == now.rope() {
        return Ok(region.range.clone());
    }
    let (old, new) = (then.rope().to_string(), now.rope().to_string());
    let places = places(&new, &region.text);
    let stale = |found: &str| {
        let sentence = format!(
            "The code was changed while the answer was made: {found}. Nothing was applied; ask again for the code as \
             it is now."
        );
        Refusal::new(Guard::Stale, sentence)
    };
    if places.is_empty() {
        return Err(stale("what the answer is for is not there any more"));
    }
    // A copy that came or went may be this one.
    if places.len() == self::places(&old, &region.text).len() {
        let start = match places.as_slice() {
            [only] => Some(*only),
            _ => shifted(&region.range, &old, &new).filter(|start| places.contains(start)),
        };
        if let Some(start) = start {
            return Ok(start..start + region.text.len());
        }
    }
    Err(stale(&format!("what the answer is for stands there {} times", places.len())))
}

/// Where bytes `range` of `then` stand in `now`: along with `region` where they are in it, else where the lines round
/// them have gone. `None` where a line of them was changed.
pub fn follow(
    range: &Range<usize>,
    region: &Region,
    then: &Document,
    now: &Document,
) -> Option<Range<usize>> {
    if then.rope() == now.rope() {
        return Some(range.clone());
    }
    let inside = range.start.checked_sub(region.range.start).filter(|_| range.end <= region.range.end);
    let start = match (inside, relocate(region, then, now)) {
        (Some(inside), Ok(place)) => place.start + inside,
        _ => shifted(range, &then.rope().to_string(), &now.rope().to_string())?,
    };
    Some(start..start + range.len())
}

fn nothing(advice: &str) -> Refusal {
    Refusal::new(Guard::Empty, format!("There is no code at this place. {advice}"))
}

/// The innermost chunk that touches the line of `offset`; of several on that line the one that holds it.
fn chunk_at(document: &Document, offset: usize, action: Action) -> Option<&Chunk> {
    let line = line_of(document, offset);
    let chunks = document.chunks().iter().filter(|chunk| suits(action, chunk.kind));
    let on_line = chunks.filter(|chunk| {
        (line_of(document, chunk.range.start)..=line_of(document, chunk.range.end)).contains(&line)
    });
    on_line.min_by_key(|chunk| {
        let holds = chunk.range.start <= offset && offset <= chunk.range.end;
        (!holds, chunk.range.len())
    })
}

/// Whether a chunk of this kind is something that the action is about.
fn suits(action: Action, kind: ChunkKind) -> bool {
    match (action, kind) {
        (Action::UnitTest, kind) => {
            use ChunkKind::{Block, Class, Function, Impl, Item, Method, Trait, Type};
            matches!(kind, Function | Method | Type | Class | Impl | Trait | Item | Block)
        }
        (Action::Document, ChunkKind::Imports) => false,
        _ => true,
    }
}

/// Lines `first` to `last` without the blank ones at both ends; `None` where all are.
fn region(document: &Document, first: usize, last: usize, chunk: Option<&Chunk>) -> Option<Region> {
    let rope = document.rope();
    let visible = || (first..=last).filter(|line| lines::indent_of(rope, *line).is_some());
    let (first, last) = (visible().next()?, visible().next_back()?);
    let range = lines::content(rope, first).start..lines::content(rope, last).end;
    let least = visible().min_by_key(|line| lines::indent_of(rope, *line))?;
    let line = lines::text(rope, least);
    let indent = line[..line.len() - line.trim_start().len()].to_owned();
    // A selection of all lines of a chunk is that chunk; of some of them, it is about it.
    let whole = chunk.or_else(|| {
        let mut chunks = document.chunks().iter();
        chunks.find(|chunk| range_of_lines(document, chunk) == range)
    });
    let named = whole.or_else(|| {
        let chunks = document.chunks().iter().filter(|chunk| chunk.name.is_some());
        let round = chunks.clone().filter(|chunk| {
            let all = range_of_lines(document, chunk);
            all.start <= range.start && range.end <= all.end
        });
        // Where several are selected, the first one.
        round.min_by_key(|chunk| chunk.range.len()).or_else(|| {
            chunks.clone().find(|chunk| range.start <= chunk.range.start && chunk.range.end <= range.end)
        })
    });
    Some(Region {
        name: named.and_then(|chunk| chunk.name.clone()),
        kind: whole.map_or(ChunkKind::Block, |chunk| chunk.kind),
        text: document.slice(range.clone()),
        range,
        indent,
    })
}

fn range_of_lines(document: &Document, chunk: &Chunk) -> Range<usize> {
    let [first, last] = [chunk.range.start, chunk.range.end].map(|offset| line_of(document, offset));
    lines::content(document.rope(), first).start..lines::content(document.rope(), last).end
}

fn line_of(document: &Document, offset: usize) -> usize {
    document.rope().byte_to_line(lines::floor(document.rope(), offset))
}

/// Where `lines` stand in `text` as whole lines, overlapping or not.
fn places(text: &str, lines: &str) -> Vec<usize> {
    let Some(first) = lines.chars().next() else {
        return Vec::new();
    };
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(lines)) {
        let start = from + at;
        let (before, after) = (&text[..start], &text[start + lines.len()..]);
        let begins = before.is_empty() || before.ends_with(['\n', '\r']);
        if begins && (after.is_empty() || after.starts_with(['\n', '\r'])) {
            places.push(start);
        }
        from = start + first.len_utf8();
    }
    places
}

/// Where the start of `range` of `old` has gone in `new`; `None` where a line of it was changed.
fn shifted(range: &Range<usize>, old: &str, new: &str) -> Option<usize> {
    let mut added = 0;
    let mut removed = 0;
    for one in diff::lines(old, new) {
        if one.range.start >= range.end {
            break;
        }
        if one.range.end > range.start {
            return None;
        }
        added += one.text.len();
        removed += one.range.len();
    }
    (range.start + added).checked_sub(removed)
}

#[cfg(test)]
mod tests;
