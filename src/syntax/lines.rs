//! Lines of a rope: where their text ends, how far they are indented, which ones are blank.
//!
//! Both the columns of a client and the shape of a block are told by lines, so this stands below both. It knows no
//! column of a protocol: widths here are what a person sees, offsets are bytes. Lines break where LSP 3.17 breaks
//! them: at `\n`, `\r\n` and a lone `\r`.

use std::ops::Range;

use ropey::Rope;

/// Columns from one tab stop to the next, where indentation is measured.
pub const TAB: usize = 4;

/// The lines that a person counts: what follows the last line's end is none, but an empty text is a line to write on.
pub fn count(rope: &Rope) -> usize {
    let lines = rope.len_lines();
    let is_ended = lines > 1 && rope.line(lines - 1).len_bytes() == 0;
    lines - usize::from(is_ended)
}

/// The bytes of a line's text, without its terminator; an empty range at the end of the text for a line beyond it.
pub fn content(rope: &Rope, line: usize) -> Range<usize> {
    let end_of_text = rope.len_bytes();
    let Ok(start) = rope.try_line_to_byte(line) else {
        return end_of_text..end_of_text;
    };
    if line + 1 >= rope.len_lines() {
        return start..end_of_text;
    }
    let mut end = rope.line_to_byte(line + 1);
    if end > start && rope.byte(end - 1) == b'\n' {
        end -= 1;
    }
    if end > start && rope.byte(end - 1) == b'\r' {
        end -= 1;
    }
    start..end
}

/// The text of a line, without its terminator.
pub fn text(rope: &Rope, line: usize) -> String {
    rope.byte_slice(content(rope, line)).to_string()
}

/// The largest character border that is at most `offset` and inside the text.
pub fn floor(rope: &Rope, offset: usize) -> usize {
    let offset = offset.min(rope.len_bytes());
    rope.char_to_byte(rope.byte_to_char(offset))
}

/// The width in columns of the blanks that `text` begins with; a tab reaches to the next multiple of [`TAB`].
pub fn indent(text: &str) -> usize {
    advance(0, text.chars())
}

/// The indentation of a line of `rope`, read no further than its first visible character; `None` for a blank line.
pub fn indent_of(rope: &Rope, line: usize) -> Option<usize> {
    let content = rope.byte_slice(content(rope, line));
    let visible = content.chars().any(|c| !c.is_whitespace());
    visible.then(|| advance(0, content.chars()))
}

/// The width of the blanks of a line whose first `width` columns are already blank, followed by `text`.
pub fn indent_after(width: usize, text: &str) -> usize {
    advance(width, text.chars())
}

fn advance(mut width: usize, characters: impl Iterator<Item = char>) -> usize {
    for c in characters {
        match c {
            '\t' => width = (width / TAB + 1) * TAB,
            ' ' | '\u{a0}' => width += 1,
            _ => break,
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_leaves_the_terminator_out() {
        let rope = Rope::from_str("a\nbb\r\n\rccc\r\n");
        let lines: Vec<_> = (0..7).map(|line| content(&rope, line)).collect();
        assert_eq!(lines, [0..1, 2..4, 6..6, 7..10, 12..12, 12..12, 12..12]);
    }

    #[test]
    fn indentation_counts_columns() {
        for (text, width) in
            [("x", 0), ("  x", 2), ("\tx", 4), (" \tx", 4), ("\t x", 5), ("    \tx", 8), ("", 0)]
        {
            assert_eq!(indent(text), width, "{text:?}");
        }
        assert_eq!(indent_after(3, "\tx"), 4);
        let rope = Rope::from_str("  \n  a\n");
        assert_eq!([indent_of(&rope, 0), indent_of(&rope, 1), indent_of(&rope, 9)], [None, Some(2), None]);
    }

    #[test]
    fn floor_finds_a_border() {
        let rope = Rope::from_str("é🦀");
        let borders: Vec<_> = (0..9).map(|offset| floor(&rope, offset)).collect();
        assert_eq!(borders, [0, 0, 2, 2, 2, 2, 6, 6, 6]);
    }
}
