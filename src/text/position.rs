//! Columns: the only code that knows one.
//!
//! A client counts columns in UTF-8, UTF-16 or UTF-32 units, as agreed once for the session; everything inside counts
//! bytes. Whatever a client sends becomes an offset inside the text: nothing here fails and nothing panics. Every
//! conversion is O(log n) in the length of the text, however long its lines are.

use ropey::Rope;

use crate::syntax::lines;

/// What a client counts in a line. LSP 3.17 `PositionEncodingKind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    Utf8,
    Utf16,
    Utf32,
}

/// A place as a client names it: zero-based line, and a column in units of the session's [`Encoding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

impl Encoding {
    /// The byte offset of `position`, clamped into the text.
    ///
    /// A line past the end is the end of the text, a column past a line's end is that end, before its terminator,
    /// and a column inside a character is that character's start.
    pub fn offset(self, rope: &Rope, position: Position) -> usize {
        let line = position.line as usize;
        // LSP 3.17, Range: "If you want to specify a range that contains a line including the line ending
        // character(s) then use an end position denoting the start of the next line." After the last line there is
        // no next one; such a range still means "to the end".
        if line >= rope.len_lines() {
            return rope.len_bytes();
        }
        let content = lines::content(rope, line);
        let column = position.column as usize;
        let first = rope.byte_to_char(content.start);
        let last = rope.byte_to_char(content.end);
        let character = match self {
            // LSP 3.17, Position: "If the character value is greater than the line length it defaults back to the
            // line length." The terminator is no part of that length, for "positions are line end character
            // agnostic": no position names a place between `\r` and `\n`.
            Encoding::Utf8 => {
                let byte = content.start.saturating_add(column).min(content.end);
                // Rounds down inside a UTF-8 sequence.
                rope.byte_to_char(byte)
            }
            Encoding::Utf16 => {
                let unit = rope.char_to_utf16_cu(first).saturating_add(column);
                let end = rope.char_to_utf16_cu(last);
                // Rounds down between two surrogates.
                rope.utf16_cu_to_char(unit.min(end))
            }
            Encoding::Utf32 => first.saturating_add(column).min(last),
        };
        rope.char_to_byte(character)
    }

    /// The position of byte `offset`, which is clamped to the text and to a character border.
    ///
    /// An offset between `\r` and `\n` has no position of its own; it is given that of the line's end.
    pub fn position(self, rope: &Rope, offset: usize) -> Position {
        let offset = lines::floor(rope, offset);
        let line = rope.byte_to_line(offset);
        let content = lines::content(rope, line);
        let offset = offset.min(content.end);
        let column = match self {
            Encoding::Utf8 => offset - content.start,
            Encoding::Utf16 => {
                let [first, last] = [content.start, offset].map(|byte| rope.byte_to_char(byte));
                rope.char_to_utf16_cu(last) - rope.char_to_utf16_cu(first)
            }
            Encoding::Utf32 => rope.byte_to_char(offset) - rope.byte_to_char(content.start),
        };
        // A text of more than 4 GiB has places that the protocol cannot name.
        let [line, column] = [line, column].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        Position { line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];

    /// Offsets in UTF-8, UTF-16 and UTF-32 of each (line, column).
    fn check(text: &str, cases: &[((u32, u32), [usize; 3])]) {
        let rope = Rope::from_str(text);
        for &((line, column), expected) in cases {
            let position = Position { line, column };
            let offsets = ALL.map(|encoding| encoding.offset(&rope, position));
            assert_eq!(offsets, expected, "{position:?} in {text:?}");
        }
    }

    #[test]
    fn columns_count_the_units_of_the_encoding() {
        check(
            "aé🦀z\nb",
            &[
                ((0, 0), [0, 0, 0]),
                ((0, 1), [1, 1, 1]),
                ((0, 2), [1, 3, 3]), // inside é in UTF-8
                ((0, 3), [3, 3, 7]), // between the surrogates of the crab in UTF-16
                ((0, 4), [3, 7, 8]),
                ((0, 5), [3, 8, 8]),
                ((0, 7), [7, 8, 8]),
                ((0, 8), [8, 8, 8]),
                ((1, 0), [9, 9, 9]),
            ],
        );
    }

    #[test]
    fn beyond_a_line_is_its_end_before_the_terminator() {
        let far = u32::MAX;
        check(
            "ab\ncd\r\nef\rgh",
            &[
                ((0, far), [2; 3]),
                ((1, 3), [5; 3]),
                ((1, far), [5; 3]),
                ((2, far), [9; 3]),
                ((3, 2), [12; 3]),
                ((3, far), [12; 3]),
            ],
        );
    }

    #[test]
    fn beyond_the_text_is_its_end() {
        let far = u32::MAX;
        check("", &[((0, 0), [0; 3]), ((0, far), [0; 3]), ((far, far), [0; 3])]);
        check("ab\n", &[((1, 0), [3; 3]), ((1, 9), [3; 3]), ((2, 0), [3; 3]), ((far, 0), [3; 3])]);
    }

    #[test]
    fn a_position_comes_back_as_the_same_offset() {
        let text = "a\0é\r\n\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}漢字\r\r\n\n\u{2028}x\t🦀";
        let rope = Rope::from_str(text);
        for encoding in ALL {
            let mut last = Position::default();
            for offset in 0..=text.len() + 2 {
                let position = encoding.position(&rope, offset);
                assert!(position >= last, "positions grow with offsets");
                last = position;
                let back = encoding.offset(&rope, position);
                let between_cr_and_lf = text.get(..offset).is_some_and(|left| left.ends_with('\r'))
                    && text.get(offset..).is_some_and(|right| right.starts_with('\n'));
                let mut expected = offset.min(text.len()) - usize::from(between_cr_and_lf);
                while !text.is_char_boundary(expected) {
                    expected -= 1;
                }
                assert_eq!(back, expected, "{encoding:?} at byte {offset}");
            }
        }
    }

    #[test]
    fn a_line_separator_of_unicode_breaks_no_line() {
        let rope = Rope::from_str("a\u{2028}b\u{85}c\u{b}d");
        assert_eq!(Encoding::Utf32.position(&rope, rope.len_bytes()), Position { line: 0, column: 7 });
    }
}
