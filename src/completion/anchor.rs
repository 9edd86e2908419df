//! The anchor: what of the text is frozen in the prompt, and what is typed text behind it.
//!
//! A model has read the frozen texts, so as long as an anchor holds a keystroke adds only what was typed. The anchor
//! follows edits as positions, and compares texts when it is asked: it can guess wrong, but never lie. It knows no
//! clock and no tokens: *when* to renew a dirty one is its owner's to say.

use std::sync::Arc;

use ropey::Rope;

use crate::completion::line::{holds, is_border, line_start};
use crate::completion::place::{Place, follow_left};
use crate::syntax::lines;
use crate::text::Edit;

pub use crate::completion::line::is_closer;

/// Limits of the two windows, bytes; both are cut at line borders where the lines are not huge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    pub head: usize,
    pub tail: usize,
}

/// The two texts of an anchor that never change. Whoever derives something from them (what fits a prompt, snippets)
/// may keep it for as long as [`Arc::ptr_eq`] says that the anchor still has the same ones.
#[derive(Debug, PartialEq, Eq)]
pub struct Frozen {
    /// Text from a fixed first line to the anchor.
    pub head: Arc<str>,
    /// What followed when the anchor was set: from the end of the cursor's line where only closers stood right of it,
    /// else from the cursor.
    pub tail: Arc<str>,
}

/// The frozen texts of one place in one document.
#[derive(Clone, Debug)]
pub struct Anchor {
    frozen: Arc<Frozen>,
    place: Place,
    /// Where the first line of the head is now, as far as edits say.
    first: usize,
    /// The head begins where the text begins.
    head_is_whole: bool,
    /// The tail ends where the text ends.
    tail_is_whole: bool,
}

/// What an anchor says about a cursor. In the live text stand `typed`, then perhaps closers, then `frozen.tail`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    pub frozen: Arc<Frozen>,
    /// Live text from the anchor to the cursor.
    pub typed: String,
    /// The frozen texts differ from the document, or much was typed: still useful, worth renewing when idle.
    pub is_dirty: bool,
}

/// An edit this near to the cursor, in lines, makes frozen texts useless at once.
const NEAR_LINES: usize = 8;
/// No more bytes than these are called near.
const NEAR_BYTES: usize = 2048;
/// Typed text beyond either makes an anchor dirty (about 256 tokens); beyond twice that it no longer holds.
const TYPED_BYTES: usize = 1024;
const TYPED_LINES: usize = 32;
/// A line longer than this before the cursor is cut, and typed text begins [`LINE_KEPT`] bytes before the cursor.
const LINE_LIMIT: usize = 512;
const LINE_KEPT: usize = 256;

impl Anchor {
    /// A new anchor for a cursor at byte `offset`, which is moved down to a character border inside the text.
    /// Copies no more than the windows.
    pub fn new(rope: &Rope, offset: usize, windows: Windows) -> Self {
        let (offset, start) = typing_start(rope, offset);
        // A quarter of the window is left free, so that the first line can stay when the head grows.
        let first = head_first(rope, start, windows.head - windows.head / 4);
        Self::set(rope, first, start, offset, windows)
    }

    /// An anchor for the same neighbourhood: its head begins with the same line as this one's where that is possible,
    /// so that a model keeps what it has read of it.
    pub fn renewed(&self, rope: &Rope, offset: usize, windows: Windows) -> Self {
        let (offset, start) = typing_start(rope, offset);
        let head = &*self.frozen.head;
        // Enough of the old head must stand where it stood, else a new first line serves better.
        let kept = head.char_indices().map(|(at, _)| at).find(|at| *at >= head.len() / 2).unwrap_or(0);
        let is_same = self.first <= start
            && start - self.first <= windows.head
            && start - self.first >= kept.min(windows.head / 4)
            && is_border(rope, self.first)
            && holds(rope, self.first, &head[..kept])
            && (self.head_is_whole == (self.first == 0));
        if is_same {
            Self::set(rope, self.first, start, offset, windows)
        } else {
            Self::new(rope, offset, windows)
        }
    }

    /// The same, but for closers right of the cursor, which are in the tail: what leaving them out is measured against.
    pub fn with_closers(&self, rope: &Rope, offset: usize, windows: Windows) -> Self {
        let place = Place { end: lines::floor(rope, offset), ..self.place };
        Self::frozen_at(rope, self.first, place, windows)
    }

    fn set(rope: &Rope, first: usize, start: usize, offset: usize, windows: Windows) -> Self {
        Self::frozen_at(rope, first, Place::new(rope, start, offset), windows)
    }

    fn frozen_at(rope: &Rope, first: usize, place: Place, windows: Windows) -> Self {
        let tail_end = tail_end(rope, place.end, windows.tail);
        let copy = |from: usize, to: usize| Arc::from(rope.byte_slice(from..to).to_string());
        Self {
            frozen: Arc::new(Frozen { head: copy(first, place.start), tail: copy(place.end, tail_end) }),
            place,
            first,
            head_is_whole: first == 0,
            tail_is_whole: tail_end == rope.len_bytes(),
        }
    }

    /// The frozen texts; the same `Arc` for as long as this anchor lives.
    pub fn frozen(&self) -> &Arc<Frozen> {
        &self.frozen
    }

    /// Whether all of the text is frozen.
    pub fn is_whole(&self) -> bool {
        self.head_is_whole && self.tail_is_whole
    }

    /// Drops `head` bytes from the front of the head, and keeps `tail` bytes of the tail: what a prompt has room for.
    /// Numbers that are no character borders, or too large, change nothing.
    pub fn narrow(&mut self, head: usize, tail: usize) {
        let Frozen { head: old_head, tail: old_tail } = &*self.frozen;
        let (Some(new_head), Some(new_tail)) = (old_head.get(head..), old_tail.get(..tail)) else {
            return;
        };
        if head == 0 && tail == old_tail.len() {
            return;
        }
        self.head_is_whole &= head == 0;
        self.tail_is_whole &= tail == old_tail.len();
        self.first = self.first.saturating_add(head);
        self.frozen = Arc::new(Frozen { head: new_head.into(), tail: new_tail.into() });
    }

    /// Follows one edit, in the order they were made. Constant time.
    pub fn follow(&mut self, edit: &Edit) {
        self.first = follow_left(self.first, edit);
        self.place.follow(edit);
    }

    /// The texts for a cursor at `offset` of `rope`, the text after all followed edits; `None` where a new anchor is
    /// needed: the cursor left the typed text, too much was typed, or the text near it is not what was frozen.
    /// Copies only the typed text.
    pub fn cut(&self, rope: &Rope, offset: usize) -> Option<Cut> {
        let Frozen { head, tail } = &*self.frozen;
        let is_end = |end| {
            let near = near_end(rope, end, NEAR_LINES) - end;
            holds_tail(rope, end, tail, near, self.tail_is_whole)
        };
        let place = self.place.settle(rope, offset, 2 * TYPED_BYTES, is_end)?;
        let typed = place.typed(rope, offset)?;
        let typed_lines = typed.matches('\n').count();
        // One line at least: a guess that is wholly wrong must not pass.
        let lines = NEAR_LINES.saturating_sub(typed_lines).max(1);
        let near = place.start - near_start(rope, place.start, lines);
        if typed_lines > 2 * TYPED_LINES || !holds_head(rope, place.start, head, near, self.head_is_whole) {
            return None;
        }
        let is_much = typed.len() > TYPED_BYTES || typed_lines > TYPED_LINES;
        Some(Cut {
            frozen: Arc::clone(&self.frozen),
            typed,
            is_dirty: is_much || !self.holds_all(rope, place),
        })
    }

    /// Whether all that is frozen is what stands there now.
    fn holds_all(&self, rope: &Rope, Place { start, end }: Place) -> bool {
        let Frozen { head, tail } = &*self.frozen;
        (!self.head_is_whole || start == head.len())
            && (!self.tail_is_whole || end + tail.len() == rope.len_bytes())
            && start.checked_sub(head.len()).is_some_and(|first| holds(rope, first, head))
            && holds(rope, end, tail)
    }
}

/// Whether the last `near` bytes before `start` are the last of `head`; all of it where its window made it shorter.
fn holds_head(rope: &Rope, start: usize, head: &str, near: usize, is_whole: bool) -> bool {
    // One byte more than is near: what came before the nearest lines ended a line then as it does now.
    let from = head.len().saturating_sub(near.saturating_add(1));
    let from = (0..=from).rev().find(|at| head.is_char_boundary(*at)).unwrap_or(0);
    let expected = &head[from..];
    is_long_enough(head.len(), near, start, is_whole)
        && start.checked_sub(expected.len()).is_some_and(|at| holds(rope, at, expected))
}

/// The same for the first `near` bytes from `end` on.
fn holds_tail(rope: &Rope, end: usize, tail: &str, near: usize, is_whole: bool) -> bool {
    let to = near.saturating_add(1).min(tail.len());
    let to = (to..=tail.len()).find(|at| tail.is_char_boundary(*at)).unwrap_or(tail.len());
    is_long_enough(tail.len(), near, rope.len_bytes().saturating_sub(end), is_whole)
        && holds(rope, end, &tail[..to])
}

/// Whether a frozen text of `length` can be what stands there, of which `near` bytes are near and `there` all. A whole
/// one reached the text's border when it was frozen, and must reach it still where that is near.
fn is_long_enough(length: usize, near: usize, there: usize, is_whole: bool) -> bool {
    match (is_whole, near < there) {
        (true, true) => length >= near,
        (true, false) => length == there,
        (false, true) => true,
        (false, false) => length <= there,
    }
}

/// The cursor on a character border, and where its typed text begins: its line, or a little before it in a huge one.
fn typing_start(rope: &Rope, offset: usize) -> (usize, usize) {
    let offset = lines::floor(rope, offset);
    let start = line_start(rope, offset);
    if offset - start <= LINE_LIMIT {
        (offset, start)
    } else {
        (offset, lines::floor(rope, offset - LINE_KEPT))
    }
}

/// Where a head of at most `window` bytes before `start` begins: the first line start that leaves half of it.
fn head_first(rope: &Rope, start: usize, window: usize) -> usize {
    let Some(from) = start.checked_sub(window).filter(|from| *from > 0) else {
        return 0;
    };
    let line = rope.byte_to_line(from);
    let first = [line, line + 1].into_iter().map(|line| line_to_byte(rope, line)).find(|byte| *byte >= from);
    match first {
        Some(first) if first <= start - window / 2 => first,
        _ => (from..=start).find(|at| is_border(rope, *at)).unwrap_or(start),
    }
}

/// Where a tail of at most `window` bytes from `end` on ends: the last line end that leaves half of it.
fn tail_end(rope: &Rope, end: usize, window: usize) -> usize {
    let Some(to) = end.checked_add(window).filter(|to| *to < rope.len_bytes()) else {
        return rope.len_bytes();
    };
    let last = line_start(rope, to);
    if last >= end + window / 2 && last > end { last } else { lines::floor(rope, to).max(end) }
}

/// Where the near lines before `start` begin; `start` is a line start but in huge lines.
fn near_start(rope: &Rope, start: usize, lines: usize) -> usize {
    let line = rope.byte_to_line(start);
    let first = rope.line_to_byte(line.saturating_sub(lines)).max(start.saturating_sub(NEAR_BYTES));
    lines::floor(rope, first)
}

/// Where the near lines from `end` on end.
fn near_end(rope: &Rope, end: usize, lines: usize) -> usize {
    let last = line_to_byte(rope, rope.byte_to_line(end) + lines + 1);
    lines::floor(rope, last.min(end + NEAR_BYTES)).max(end)
}

fn line_to_byte(rope: &Rope, line: usize) -> usize {
    if line >= rope.len_lines() { rope.len_bytes() } else { rope.line_to_byte(line) }
}

#[cfg(test)]
mod tests;
