//! What an editor holds while a replay types into it: open files, and a cursor in one of them.
//!
//! Offsets are bytes; what goes over the wire is a line and a byte of it, because the client of a replay asks for
//! UTF-8 columns. Knows no keys, and speaks to nobody.

use std::ops::Range;

/// One open file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenFile {
    pub uri: String,
    pub language: &'static str,
    pub text: String,
    pub version: i32,
}

/// Line and byte of it, both from 0: a position in UTF-8 columns.
pub type Place = (usize, usize);

/// One edit as an editor tells it: the place it replaces, in the text before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub start: Place,
    pub end: Place,
    pub text: String,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Editor {
    pub files: Vec<OpenFile>,
    /// The file with the cursor.
    pub focus: usize,
    /// The cursor, bytes.
    pub cursor: usize,
}

impl OpenFile {
    /// Where byte `offset` is, which is a character border of the text.
    pub fn place(&self, offset: usize) -> Place {
        let before = &self.text[..offset];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count(), offset - start)
    }

    /// The byte of a place somebody else named; `None` where there is no such character border.
    pub fn offset(&self, (line, byte): Place) -> Option<usize> {
        let start = match line {
            0 => 0,
            line => self.text.match_indices('\n').nth(line - 1)?.0 + 1,
        };
        let offset = start.checked_add(byte)?;
        let is_there = offset <= self.text.len() && self.text.is_char_boundary(offset);
        (is_there && !self.text[start..offset].contains('\n')).then_some(offset)
    }

    /// Bytes of the line that holds `offset`, its terminator not included.
    pub fn line(&self, offset: usize) -> Range<usize> {
        let start = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[offset..].find('\n').map_or(self.text.len(), |at| offset + at);
        start..end
    }
}

impl Editor {
    pub fn file(&self) -> &OpenFile {
        &self.files[self.focus]
    }

    pub fn place(&self) -> Place {
        self.file().place(self.cursor)
    }

    /// Replaces bytes of the file with the cursor, and puts the cursor `ahead` bytes behind where they began.
    pub fn replace(&mut self, range: Range<usize>, text: &str, ahead: usize) -> Change {
        let file = &mut self.files[self.focus];
        let change =
            Change { start: file.place(range.start), end: file.place(range.end), text: text.to_owned() };
        self.cursor = range.start + ahead;
        file.text.replace_range(range, text);
        file.version += 1;
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> OpenFile {
        OpenFile { uri: String::new(), language: "rust", text: text.to_owned(), version: 1 }
    }

    #[test]
    fn places_there_and_back() {
        let file = file("aé\n\nb");
        for (offset, place) in [(0, (0, 0)), (3, (0, 3)), (4, (1, 0)), (5, (2, 0)), (6, (2, 1))] {
            assert_eq!(file.place(offset), place);
            assert_eq!(file.offset(place), Some(offset));
        }
        // Inside a character, behind a line, behind the text, and beyond all numbers.
        for place in [(0, 2), (0, 4), (2, 2), (3, 0), (0, usize::MAX)] {
            assert_eq!(file.offset(place), None, "{place:?}");
        }
        assert_eq!((file.line(2 + 1), file.line(4), file.line(6)), (0..3, 4..4, 5..6));
    }

    #[test]
    fn edits_are_told_in_the_old_text() {
        let mut editor = Editor { files: vec![file("a\nbc\n")], focus: 0, cursor: 0 };
        let change = editor.replace(2..4, "x\ny", 1);
        assert_eq!(change, Change { start: (1, 0), end: (1, 2), text: "x\ny".into() });
        assert_eq!((editor.file().text.as_str(), editor.cursor, editor.file().version), ("a\nx\ny\n", 3, 2));
    }
}
