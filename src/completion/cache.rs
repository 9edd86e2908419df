//! Type-through: what was suggested and is now being typed needs no model.
//!
//! Entries follow edits, and are compared with the text when they are asked for: an entry answers only where the text
//! before its place, the text typed since and the text behind are what they must be. Does not shape: what right of
//! the cursor the text repeats is for `shape::reshape`, on the text as it is then.

use std::collections::VecDeque;

use ropey::Rope;

use crate::completion::line::{holds, text};
use crate::completion::place::Place;
use crate::syntax::lines;
use crate::text::Edit;

/// Suggestions kept for one document.
const ENTRIES: usize = 64;
/// Bytes before an entry's place that must be as they were.
const BEFORE: usize = 256;
/// Bytes behind it.
const BEHIND: usize = 128;

/// Suggestions made for one document, newest last; bounded.
#[derive(Default)]
pub struct Cache {
    entries: VecDeque<Entry>,
}

struct Entry {
    place: Place,
    before: String,
    /// What follows the closers right of the place.
    behind: String,
    kept: Kept,
}

/// A kept suggestion: text as shaped for the place, without what stood right of the cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// What remains to be inserted at the cursor asked for; never blank.
    pub text: String,
    /// Mean log-probability of the tokens of the whole suggestion.
    pub confidence: f32,
}

impl Cache {
    /// Keeps `text` as the suggestion at `offset` of `rope`: what [`Shaped::added`](super::shape::Shaped::added) says.
    pub fn keep(&mut self, rope: &Rope, offset: usize, text: &str, confidence: f32) {
        if text.trim().is_empty() {
            return;
        }
        let offset = lines::floor(rope, offset);
        let place = Place::new(rope, offset, offset);
        self.entries.retain(|entry| entry.place != place || entry.kept.text != text);
        if self.entries.len() == ENTRIES {
            self.entries.pop_front();
        }
        let kept = Kept { text: text.to_owned(), confidence };
        let (before, behind) = (before(rope, offset), behind(rope, place.end));
        self.entries.push_back(Entry { place, before, behind, kept });
    }

    /// Follows one edit, in the order they were made.
    pub fn follow(&mut self, edit: &Edit) {
        for entry in &mut self.entries {
            entry.place.follow(edit);
        }
    }

    /// The rest of the newest kept suggestion that the text up to `offset` has typed part of, if any.
    pub fn find(&self, rope: &Rope, offset: usize) -> Option<Kept> {
        self.entries.iter().rev().find_map(|entry| entry.rest(rope, offset))
    }
}

impl Entry {
    fn rest(&self, rope: &Rope, offset: usize) -> Option<Kept> {
        let is_end = |end| behind(rope, end) == self.behind;
        let place = self.place.settle(rope, offset, self.kept.text.len(), is_end)?;
        let rest = self.kept.text.strip_prefix(&*place.typed(rope, offset)?)?;
        let holds = !rest.trim().is_empty()
            && self
                .place
                .start
                .checked_sub(self.before.len())
                .is_some_and(|at| holds(rope, at, &self.before))
            && (self.before.len() >= BEFORE - 3 || self.place.start == self.before.len());
        holds.then(|| Kept { text: rest.to_owned(), confidence: self.kept.confidence })
    }
}

/// Up to [`BEFORE`] bytes; less than that less a character only at the start of the text.
fn before(rope: &Rope, offset: usize) -> String {
    let from = offset.saturating_sub(BEFORE);
    let from = (from..=offset).find(|at| lines::floor(rope, *at) == *at).unwrap_or(offset);
    text(rope, from, offset)
}

fn behind(rope: &Rope, offset: usize) -> String {
    text(rope, offset, offset.saturating_add(BEHIND))
}

#[cfg(test)]
mod tests;
