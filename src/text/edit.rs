//! Changes as a client tells them, and edits as the rest of the program follows them.
//!
//! A client may say "replace everything" for one typed character (vim-lsp does), or replace a whole line by nearly the
//! same line. Anchors, caches and trees follow edits, so a change becomes the smallest edit with the same result: what
//! its two texts begin and end with is left alone. This file does *not* apply anything.

use std::ops::Range;

use ropey::Rope;

use crate::text::{Encoding, Position};

/// One content change of a `didChange`, in the client's columns. `range: None` replaces everything.
#[derive(Clone, Debug)]
pub struct Change {
    pub range: Option<Range<Position>>,
    pub text: String,
}

/// A change in bytes of the text *before* it: what anchors and caches follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the text before this edit.
    pub range: Range<usize>,
    pub text: String,
}

impl Edit {
    /// The smallest edit that does to `rope` what `change` asks; `None` where that is nothing.
    ///
    /// Positions out of range are clamped, and a range whose end stands before its start is turned round.
    pub fn of(change: &Change, rope: &Rope, encoding: Encoding) -> Option<Self> {
        let range = match &change.range {
            Some(range) => {
                let [start, end] = [range.start, range.end].map(|position| encoding.offset(rope, position));
                start.min(end)..start.max(end)
            }
            None => 0..rope.len_bytes(),
        };
        smallest(rope, range, &change.text)
    }
}

/// `text` in place of `range`, less what both begin with, then less what both end with.
fn smallest(rope: &Rope, range: Range<usize>, text: &str) -> Option<Edit> {
    let old = rope.byte_slice(range.clone());
    let (mut prefix, mut rest) = (0, text.as_bytes());
    for chunk in old.chunks() {
        let same = match rest.starts_with(chunk.as_bytes()) {
            true => chunk.len(),
            false => common(chunk.bytes(), rest.iter().copied()),
        };
        prefix += same;
        rest = &rest[same..];
        if same < chunk.len() {
            break;
        }
    }
    // Equal bytes may end inside two different characters. Up to there the texts are the same, so a border of one
    // is a border of the other.
    while !text.is_char_boundary(prefix) {
        prefix -= 1;
    }

    let old = old.byte_slice(prefix..);
    let rest = &text[prefix..];
    let (mut chunks, _, _, _) = old.chunks_at_byte(old.len_bytes());
    let (mut suffix, mut left) = (0, rest.as_bytes());
    while let Some(chunk) = chunks.prev() {
        let same = match left.ends_with(chunk.as_bytes()) {
            true => chunk.len(),
            false => common(chunk.bytes().rev(), left.iter().rev().copied()),
        };
        suffix += same;
        left = &left[..left.len() - same];
        if same < chunk.len() {
            break;
        }
    }
    while !rest.is_char_boundary(rest.len() - suffix) {
        suffix -= 1;
    }

    let range = range.start + prefix..range.end - suffix;
    let text = &rest[..rest.len() - suffix];
    (!range.is_empty() || !text.is_empty()).then(|| Edit { range, text: text.to_owned() })
}

fn common(a: impl Iterator<Item = u8>, b: impl Iterator<Item = u8>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        before: &str,
        range: Option<[(u32, u32); 2]>,
        text: &str,
        expected: Option<(Range<usize>, &str)>,
    ) {
        let range = range.map(|ends| {
            let [start, end] = ends.map(|(line, column)| Position { line, column });
            Range { start, end }
        });
        let change = Change { range, text: text.to_owned() };
        let edit = Edit::of(&change, &Rope::from_str(before), Encoding::Utf16);
        let expected = expected.map(|(range, text)| Edit { range, text: text.to_owned() });
        assert_eq!(edit, expected, "{before:?} with {change:?}");
    }

    #[test]
    fn a_change_becomes_the_smallest_edit() {
        check("ab", Some([(0, 1), (0, 1)]), "x", Some((1..1, "x")));
        check("ab", Some([(0, 0), (0, 2)]), "ab", None);
        check("ab", Some([(0, 0), (0, 2)]), "axb", Some((1..1, "x")));
        check("aaa", Some([(0, 1), (0, 2)]), "", Some((1..2, "")));
        check("one\ntwo\nthree", None, "one\n2\nthree", Some((4..7, "2")));
        check("aa", None, "aaa", Some((2..2, "a")));
        check("aaa", None, "aa", Some((2..3, "")));
        check("", None, "", None);
        check("", None, "x", Some((0..0, "x")));
        check("x", None, "", Some((0..1, "")));
        check("a\r\nb", None, "a\nb", Some((1..2, "")));
    }

    #[test]
    fn ranges_clamp_and_turn_round() {
        check("ab\ncd", Some([(1, 1), (0, 1)]), "", Some((1..4, "")));
        check("ab\ncd", Some([(9, 0), (0, 9)]), "", Some((2..5, "")));
        check("ab\r\ncd", Some([(0, 7), (0, 7)]), "x", Some((2..2, "x")));
        check("ab", Some([(7, 7), (8, 8)]), "x", Some((2..2, "x")));
        check("a🦀b", Some([(0, 2), (0, 3)]), "", Some((1..5, "")));
    }

    #[test]
    fn an_edit_cuts_no_character() {
        // é is C3 A9, è is C3 A8, ĩ is C4 A9: a common first byte, a common last byte.
        check("é", None, "è", Some((0..2, "è")));
        check("é", None, "ĩ", Some((0..2, "ĩ")));
        check("aéb", None, "aèb", Some((1..3, "è")));
        check("aéb", None, "aĩb", Some((1..3, "ĩ")));
        check("🦀", None, "🦁🦀", Some((0..0, "🦁")));
    }

    #[test]
    fn long_texts_are_compared_over_all_chunks() {
        let before = "fn f() {}\n".repeat(10_000);
        let after = format!("{}x{}", &before[..50_003], &before[50_003..]);
        check(&before, None, &after, Some((50_003..50_003, "x")));
        check(&after, None, &before, Some((50_003..50_004, "")));
    }
}
