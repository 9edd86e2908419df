//! A place where text was made, or is being made, for: it follows edits, and knows what was typed there since.
//!
//! The text before it, the text behind it and what was typed between are compared whenever it is asked, so that it may
//! lose its place but never takes another one for its own. Decides nothing.

use ropey::Rope;

use crate::completion::line::{holds, text};
use crate::completion::place::{GAP, Place};
use crate::syntax::lines;
use crate::text::Edit;

/// Bytes before a spot that must be as they were.
const BEFORE: usize = 256;
/// Bytes behind it.
const BEHIND: usize = 128;

/// See the module.
#[derive(Clone, Debug)]
pub struct Spot {
    place: Place,
    before: String,
    /// What follows the closers right of the place.
    behind: String,
    /// The closers that stood right of the place at first.
    closers: String,
}

impl Spot {
    /// The spot at byte `offset`, which is moved down to a character border inside the text.
    pub fn new(rope: &Rope, offset: usize) -> Self {
        let offset = lines::floor(rope, offset);
        let place = Place::new(rope, offset, offset);
        Self {
            place,
            before: before(rope, offset),
            behind: behind(rope, place.end),
            closers: text(rope, offset, place.end),
        }
    }

    /// Follows one edit, in the order they were made. Constant time.
    pub fn follow(&mut self, edit: &Edit) {
        self.place.follow(edit);
    }

    /// Whether this is the place of another one, now.
    pub fn is_at(&self, other: &Self) -> bool {
        self.place == other.place
    }

    /// What was typed from here to a cursor at byte `offset`, at most `limit` bytes of it. `None` where the cursor is
    /// elsewhere, or the text round the spot is not what it was.
    pub fn typed(&self, rope: &Rope, offset: usize, limit: usize) -> Option<String> {
        let place = self.place.settle(rope, offset, limit, |end| self.ends_at(rope, end))?;
        self.begins(rope).then(|| place.typed(rope, offset))?
    }

    /// What stands between here and what followed: what was typed, and behind it perhaps closers that an editor put
    /// there. The closers that stood there at first are left out as far as they still do. `None` as for
    /// [`typed`](Self::typed).
    pub fn between(&self, rope: &Rope, limit: usize) -> Option<String> {
        let Place { start, end } = self.place;
        // The end that edits lead to is a guess where like line breaks stand side by side.
        let near = end.saturating_sub(GAP).max(start)..end.saturating_add(GAP).min(rope.len_bytes());
        let end = Some(end).filter(|end| self.ends_at(rope, *end));
        let end = end.or_else(|| near.rev().find(|end| self.ends_at(rope, *end)))?;
        if !self.begins(rope) || end.checked_sub(start)? > limit.saturating_add(GAP) {
            return None;
        }
        let mut between = rope.get_byte_slice(start..end)?.to_string();
        let left = (0..self.closers.len())
            .filter_map(|from| self.closers.get(from..))
            .find(|left| between.ends_with(left))
            .map_or(0, str::len);
        between.truncate(between.len() - left);
        (between.len() <= limit).then_some(between)
    }

    fn begins(&self, rope: &Rope) -> bool {
        let start = self.place.start;
        start.checked_sub(self.before.len()).is_some_and(|at| holds(rope, at, &self.before))
            // Less than that less a character only at the start of the text.
            && (self.before.len() >= BEFORE - 3 || start == self.before.len())
    }

    fn ends_at(&self, rope: &Rope, end: usize) -> bool {
        behind(rope, end) == self.behind
    }
}

fn before(rope: &Rope, offset: usize) -> String {
    let from = offset.saturating_sub(BEFORE);
    let from = (from..=offset).find(|at| lines::floor(rope, *at) == *at).unwrap_or(offset);
    text(rope, from, offset)
}

fn behind(rope: &Rope, offset: usize) -> String {
    text(rope, offset, offset.saturating_add(BEHIND))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between after edits of the fixture, whose cursor is `$0`; each edit is a place found by its text,
    /// `$` for the spot's end.
    fn check(fixture: &str, edits: &[(usize, usize, &str)], expected: Option<&str>) {
        let offset = fixture.find("$0").expect("a cursor");
        let mut rope = Rope::from_str(&fixture.replacen("$0", "", 1));
        let mut spot = Spot::new(&rope, offset);
        for (start, end, text) in edits {
            let chars = rope.byte_to_char(*start)..rope.byte_to_char(*end);
            rope.remove(chars.clone());
            rope.insert(chars.start, text);
            spot.follow(&Edit { range: *start..*end, text: (*text).into() });
        }
        assert_eq!(spot.between(&rope, 64).as_deref(), expected, "{fixture:?} after {edits:?}");
    }

    #[test]
    fn what_stands_between() {
        for (fixture, edits, expected) in [
            ("a\nb$0\nc\n", &[][..], Some("")),
            ("a\nb$0\nc\n", &[(3, 3, "x"), (4, 4, "y")], Some("xy")),
            // An editor closes what was opened; what was closed before does not count.
            ("a\nf$0\nc\n", &[(3, 3, "()")], Some("()")),
            ("f($0);\nc\n", &[(2, 2, "x")], Some("x")),
            ("f($0);\nc\n", &[(2, 2, "x"), (3, 4, "")], Some("x")),
            ("f($0);\nc\n", &[(2, 4, "x);")], Some("x")),
            // Elsewhere.
            ("a\nb$0\nc\n", &[(0, 0, "// more\n")], None),
            ("a\nb$0\nc\n", &[(1, 3, "")], None),
            ("a\nb$0\nc\n", &[(4, 5, "d")], None),
            (
                "a\nb$0\nc\n",
                &[(3, 3, "0123456789012345678901234567890123456789012345678901234567890123456789")],
                None,
            ),
        ] {
            check(fixture, edits, expected);
        }
        let far = format!("{}\nb$0\nc\n", "x".repeat(300));
        check(&far, &[(0, 0, "// more\n"), (310, 310, "é")], Some("é"));
    }
}
