//! A stretch of typed text that follows edits: where it began, and where what stood behind the cursor begins now.
//!
//! Positions are only ever guesses: whoever holds a place compares the text there before relying on it.

use ropey::Rope;

use crate::completion::line::{is_closer, line_end, only_closers};
use crate::text::Edit;

/// Bytes of closers between the cursor and what follows, at most.
pub const GAP: usize = 256;

/// Two byte offsets of the live text. Between them stand what was typed and then closers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub start: usize,
    /// The line's end where only closers stood right of the cursor, else where the cursor was.
    pub end: usize,
}

impl Place {
    /// Typing begins at `start`; the cursor is at `cursor`.
    pub fn new(rope: &Rope, start: usize, cursor: usize) -> Self {
        let end = line_end(rope, cursor);
        let end = if only_closers(rope, cursor, end, GAP) { end } else { cursor };
        Self { start, end }
    }

    /// Follows one edit. What is inserted at either border counts as typed. An edit across a border is taken for one
    /// that rewrites more than it changes (a client that sends whole lines, or the whole text): what is before
    /// `start` and behind `end` is assumed to be kept.
    pub fn follow(&mut self, edit: &Edit) {
        self.start = follow_left(self.start, edit);
        let Edit { range, text } = edit;
        if range.start <= self.end {
            let behind = range.end.saturating_sub(self.end);
            // A range that begins at `end` lies wholly in what follows.
            let begins_at_end = range.start == self.end && !range.is_empty();
            self.end = if range.end <= self.end {
                (self.end - range.len()).saturating_add(text.len())
            } else if begins_at_end {
                self.end
            } else {
                (range.start + text.len()).saturating_sub(behind).max(range.start)
            };
        }
        self.end = self.end.max(self.start);
    }

    /// This place in `rope`, for a cursor at byte `offset`, with its end where `is_end` says that what follows
    /// begins. `None` where the cursor is elsewhere, or more than `limit` bytes from the start, or where other text
    /// than closers stands between it and what follows.
    ///
    /// A client that sends the difference of two texts cannot tell which of two like line breaks was typed, so the
    /// end that edits lead to is only tried first.
    pub fn settle(
        &self,
        rope: &Rope,
        offset: usize,
        limit: usize,
        is_end: impl Fn(usize) -> bool,
    ) -> Option<Self> {
        let Self { start, end } = *self;
        if start > offset || offset > rope.len_bytes() || offset - start > limit {
            return None;
        }
        if only_closers(rope, offset, end, GAP) && is_end(end) {
            return Some(*self);
        }
        let mut end = offset;
        let mut closers = rope.get_byte_slice(offset..)?.chars();
        while !is_end(end) {
            end += closers.next().filter(|c| is_closer(*c))?.len_utf8();
            if end - offset > GAP {
                return None;
            }
        }
        Some(Self { start, end })
    }

    /// The text from the start to a cursor at byte `offset`, for which this place was settled.
    pub fn typed(&self, rope: &Rope, offset: usize) -> Option<String> {
        Some(rope.get_byte_slice(self.start..offset)?.to_string())
    }
}

/// Follows one edit with a border that stays left of what is inserted at it.
pub fn follow_left(position: usize, edit: &Edit) -> usize {
    let Edit { range, text } = edit;
    if range.start >= position {
        position
    } else if range.end <= position {
        (position - range.len()).saturating_add(text.len())
    } else {
        position.min(range.start + text.len())
    }
}
