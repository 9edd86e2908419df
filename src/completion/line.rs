//! What stands round a cursor: its line, what is right of it, the lines above and below.
//!
//! Every look is bounded in bytes, so that a line of 200,000 characters costs what a short one costs. Does not decide
//! anything.

use std::ops::Range;

use ropey::Rope;

use crate::syntax::lines;

/// No line is read further than this from the cursor, in bytes; what is longer is cut, and nothing equals it.
pub const READ: usize = 4096;

/// Characters that an editor inserts by itself right of the cursor, and blanks: ``[\s)\]}>"'`;,]``. Where nothing else
/// is right of the cursor, what an editor closed for the person changes nothing that a prompt holds.
pub fn is_closer(c: char) -> bool {
    c.is_whitespace() || matches!(c, ')' | ']' | '}' | '>' | '"' | '\'' | '`' | ';' | ',')
}

/// A character of a name.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a word that begins before byte `at` of `text`, a character border, goes on behind it.
pub fn splits_word(text: &str, at: usize) -> bool {
    text[..at].ends_with(is_word) && text[at..].starts_with(is_word)
}

/// Whether a line says enough for its repetition to mean something.
pub fn is_telling(line: &str) -> bool {
    line.chars().filter(|c| c.is_alphanumeric()).count() >= 3
}

/// The blanks that `line` begins with.
pub fn indent_of(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Whether byte `offset` is inside the text and on a character border.
pub fn is_border(rope: &Rope, offset: usize) -> bool {
    offset <= rope.len_bytes() && lines::floor(rope, offset) == offset
}

/// Where the line that holds byte `offset` begins.
pub fn line_start(rope: &Rope, offset: usize) -> usize {
    rope.line_to_byte(rope.byte_to_line(offset.min(rope.len_bytes())))
}

/// Where the text of the line that holds byte `offset` ends, its terminator not included.
pub fn line_end(rope: &Rope, offset: usize) -> usize {
    let offset = offset.min(rope.len_bytes());
    lines::content(rope, rope.byte_to_line(offset)).end.max(offset)
}

/// Text of bytes `start..end`, both moved down to character borders.
pub fn text(rope: &Rope, start: usize, end: usize) -> String {
    let start = lines::floor(rope, start);
    let end = lines::floor(rope, end).max(start);
    rope.byte_slice(start..end).to_string()
}

/// Whether bytes `start..` of the text are exactly `expected`.
pub fn holds(rope: &Rope, start: usize, expected: &str) -> bool {
    let Some(end) = start.checked_add(expected.len()).filter(|end| *end <= rope.len_bytes()) else {
        return false;
    };
    rope.get_byte_slice(start..end).is_some_and(|slice| slice == expected)
}

/// Whether all of `start..end` are closers; false where that is longer than `limit` bytes.
pub fn only_closers(rope: &Rope, start: usize, end: usize, limit: usize) -> bool {
    end.checked_sub(start).is_some_and(|length| length <= limit)
        && rope.get_byte_slice(start..end).is_some_and(|slice| slice.chars().all(is_closer))
}

/// The cursor's line and its neighbours, read once.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Left of the cursor on its line; its last [`READ`] bytes.
    pub prefix: String,
    /// Right of the cursor on its line, without the terminator; its first [`READ`] bytes.
    pub rest: String,
    /// Where the cursor's line ends, bytes.
    pub line_end: usize,
    /// Up to [`ABOVE`] non-blank lines above the cursor's, nearest first, without terminators.
    pub above: Vec<String>,
    /// The next non-blank line below the cursor's, without its terminator.
    pub below: Option<String>,
    /// What ends lines here: of this line, else of the one before, else `"\n"`.
    pub newline: &'static str,
}

/// Non-blank lines above the cursor that are looked at.
pub const ABOVE: usize = 8;

/// Lines looked through for a non-blank one.
const LOOK: usize = 64;

impl Surroundings {
    /// What stands round byte `offset`.
    pub fn of(rope: &Rope, offset: usize) -> Self {
        let offset = lines::floor(rope, offset);
        let line = rope.byte_to_line(offset);
        let end = line_end(rope, offset);
        let start = rope.line_to_byte(line);
        let prefix_from = ceil_border(rope, start.max(offset.saturating_sub(READ)));
        Self {
            prefix: text(rope, prefix_from, offset),
            rest: text(rope, offset, end.min(offset + READ)),
            line_end: end,
            above: (line.saturating_sub(LOOK)..line)
                .rev()
                .map(|line| line_text(rope, line))
                .filter(|text| !text.trim().is_empty())
                .take(ABOVE)
                .collect(),
            below: (line + 1..rope.len_lines().min(line + 1 + LOOK))
                .map(|line| line_text(rope, line))
                .find(|text| !text.trim().is_empty()),
            newline: newline(rope, line).or_else(|| newline(rope, line.checked_sub(1)?)).unwrap_or("\n"),
        }
    }

    /// Whether nothing but closers and blanks stands right of the cursor on its line.
    pub fn rest_is_closers(&self) -> bool {
        self.rest.len() < READ && self.rest.chars().all(is_closer)
    }
}

fn ceil_border(rope: &Rope, offset: usize) -> usize {
    let floor = lines::floor(rope, offset);
    if floor == offset { floor } else { rope.char_to_byte(rope.byte_to_char(offset) + 1) }
}

fn line_text(rope: &Rope, line: usize) -> String {
    let Range { start, end } = lines::content(rope, line);
    text(rope, start, end.min(start + READ))
}

fn newline(rope: &Rope, line: usize) -> Option<&'static str> {
    let end = lines::content(rope, line).end;
    ["\r\n", "\n", "\r"].into_iter().find(|newline| holds(rope, end, newline))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surroundings_of_odd_texts() {
        let table = [
            ("", 0, "", "", None, "\n"),
            ("ab\ncd", 1, "a", "b", Some("cd"), "\n"),
            ("ab\r\n\r\ncd", 2, "ab", "", Some("cd"), "\r\n"),
            ("ab\r\ncd", 5, "c", "d", None, "\r\n"),
            ("ab\rcd", 0, "", "ab", Some("cd"), "\r"),
            ("ü\n", 1, "", "ü", None, "\n"),
            ("ab\n", 99, "", "", None, "\n"),
        ];
        for (source, offset, prefix, rest, below, newline) in table {
            let found = Surroundings::of(&Rope::from_str(source), offset);
            assert_eq!(
                (&*found.prefix, &*found.rest, found.below.as_deref(), found.newline),
                (prefix, rest, below, newline),
                "{source:?} at {offset}"
            );
        }
    }

    #[test]
    fn a_huge_line_is_read_in_part() {
        let rope = Rope::from_str(&"é".repeat(200_000));
        let found = Surroundings::of(&rope, 200_001);
        assert!(found.prefix.len() <= READ && found.rest.len() <= READ);
        assert!(!found.rest_is_closers());
    }
}
