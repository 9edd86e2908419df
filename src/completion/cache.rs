//! Type-through: what was suggested and is now being typed, or was accepted, needs no model.
//!
//! Entries follow edits, and are compared with the text when they are asked for: an entry answers only where the text
//! before its spot, the text typed since and the text behind are what they must be. Behind a suggestion may stand what
//! was made ahead for when it is accepted, and behind that more. Does not shape: what right of the cursor the text
//! repeats is for `shape::reshape`, on the text as it is then.

use std::collections::VecDeque;

use ropey::Rope;

use crate::completion::spot::Spot;
use crate::text::Edit;

/// Suggestions kept for one document.
const ENTRIES: usize = 64;
/// Suggestions in a row, each for when the one before it was accepted.
const PARTS: usize = 16;

/// Suggestions made for one document, newest last; bounded.
#[derive(Default)]
pub struct Cache {
    entries: VecDeque<Entry>,
    last_id: u64,
    unseen: u64,
}

struct Entry {
    id: u64,
    spot: Spot,
    /// The suggestion, then those made ahead.
    parts: Vec<Part>,
}

/// One suggestion.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What a model wrote: [`Shaped::added`](super::shape::Shaped::added).
    pub added: String,
    /// What stands between the place and the cursor once it is accepted: [`Shaped::text`](super::shape::Shaped::text).
    pub accepted: String,
    /// Mean log-probability of its tokens.
    pub confidence: f32,
    /// Tokens that a model made for it.
    pub tokens: u32,
    /// Whether anybody was shown any of it.
    pub seen: bool,
}

/// A kept suggestion: text as shaped for the place, without what stood right of the cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// What remains to be inserted at the cursor asked for; never blank.
    pub text: String,
    /// Mean log-probability of the tokens of the whole suggestion.
    pub confidence: f32,
    pub from: Origin,
}

/// Where a kept suggestion is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    entry: u64,
    /// How many suggestions before it have been accepted.
    pub part: usize,
}

impl Cache {
    /// Keeps a suggestion for a spot that has followed all edits. Blank text is not kept.
    pub fn keep(&mut self, spot: Spot, part: Part) -> Option<Origin> {
        if part.added.trim().is_empty() {
            self.forget(&part);
            return None;
        }
        let is_same = |entry: &Entry| entry.spot.is_at(&spot) && entry.parts[0].added == part.added;
        let old = self.entries.iter().position(is_same).and_then(|old| self.entries.remove(old));
        if let Some(mut old) = old {
            // Made again: what was made ahead behind it stands.
            old.parts[0].tokens += part.tokens;
            let origin = Origin { entry: old.id, part: 0 };
            self.entries.push_back(old);
            return Some(origin);
        }
        if self.entries.len() == ENTRIES {
            self.drop_first();
        }
        self.last_id += 1;
        self.entries.push_back(Entry { id: self.last_id, spot, parts: vec![part] });
        Some(Origin { entry: self.last_id, part: 0 })
    }

    /// Keeps a suggestion for when the one of `origin` is accepted; there is one at the most.
    pub fn keep_ahead(&mut self, origin: Origin, part: Part) {
        let entry = self
            .entry(origin)
            .filter(|entry| entry.takes_more_behind(origin) && !part.added.trim().is_empty());
        match entry {
            Some(entry) => entry.parts.push(part),
            None => self.forget(&part),
        }
    }

    /// The spot of a suggestion, and what stands behind it when it and those before it are accepted. `None` where more
    /// is kept for that already, or nothing more would be.
    pub fn end_of(&mut self, origin: Origin) -> Option<(Spot, String)> {
        let entry = self.entry(origin).filter(|entry| entry.takes_more_behind(origin))?;
        Some((entry.spot.clone(), entry.parts.iter().map(|part| part.accepted.as_str()).collect()))
    }

    /// Follows one edit, in the order they were made.
    pub fn follow(&mut self, edit: &Edit) {
        for entry in &mut self.entries {
            entry.spot.follow(edit);
        }
    }

    /// The rest of the newest kept suggestion that the text up to `offset` has typed part of, if any.
    pub fn find(&self, rope: &Rope, offset: usize) -> Option<Kept> {
        self.entries.iter().rev().find_map(|entry| entry.rest(rope, offset))
    }

    /// A kept suggestion was shown; whether it was for the first time.
    pub fn saw(&mut self, origin: Origin) -> bool {
        let part = self.entry(origin).and_then(|entry| entry.parts.get_mut(origin.part));
        part.is_some_and(|part| !std::mem::replace(&mut part.seen, true))
    }

    /// Tokens of suggestions that were let go without anybody having seen any of them.
    pub fn unseen(&self) -> u64 {
        self.unseen
    }

    /// Lets all go.
    pub fn clear(&mut self) {
        while !self.entries.is_empty() {
            self.drop_first();
        }
    }

    fn entry(&mut self, origin: Origin) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == origin.entry)
    }

    fn drop_first(&mut self) {
        let entry = self.entries.pop_front();
        entry.iter().flat_map(|entry| &entry.parts).for_each(|part| self.forget(part));
    }

    fn forget(&mut self, part: &Part) {
        if !part.seen {
            self.unseen += u64::from(part.tokens);
        }
    }
}

impl Entry {
    fn takes_more_behind(&self, origin: Origin) -> bool {
        self.parts.len() == origin.part + 1 && self.parts.len() < PARTS
    }

    fn rest(&self, rope: &Rope, offset: usize) -> Option<Kept> {
        let limit = self.parts.iter().map(|part| part.accepted.len().max(part.added.len())).sum();
        let typed = self.spot.typed(rope, offset, limit)?;
        let mut typed = typed.as_str();
        for (index, part) in self.parts.iter().enumerate() {
            if let Some(rest) = part.added.strip_prefix(typed).filter(|rest| !rest.trim().is_empty()) {
                let from = Origin { entry: self.id, part: index };
                return Some(Kept { text: rest.to_owned(), confidence: part.confidence, from });
            }
            typed = typed.strip_prefix(part.accepted.as_str())?;
        }
        None
    }
}

#[cfg(test)]
mod tests;
