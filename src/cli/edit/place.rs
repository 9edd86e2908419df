//! What of a file is meant: all of it, a place in it, or some of its lines.

use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use crate::cli::source;
use crate::syntax::lines;
use crate::text::{Document, Encoding, Position};

/// A file and what of it. Lines and columns count from 1, as editors and compilers print them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// A cursor; a column is a character.
    At {
        line: u32,
        column: u32,
    },
    /// Both included.
    Lines(u32, u32),
}

/// What FILE is followed by.
const FORMS: &str = "expected FILE, FILE:A, FILE:A-B or FILE:A:COLUMN, where lines and columns count from 1";

impl FromStr for Place {
    type Err = String;

    /// From the right: file names may hold colons and dashes. What looks like numbers there is no part of a name.
    fn from_str(text: &str) -> Result<Self, String> {
        let whole = |text: &str| Self { file: text.into(), part: Part::Whole };
        let Some((file, last)) =
            text.rsplit_once(':').filter(|(file, last)| !file.is_empty() && numbers(last))
        else {
            return if text.is_empty() { Err(FORMS.to_owned()) } else { Ok(whole(text)) };
        };
        if let Some((first, last)) = last.split_once('-') {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(format!("line {first} comes after line {last}"));
            }
            return Ok(Self { file: file.into(), part: Part::Lines(first, last) });
        }
        let last = number(last)?;
        let is_line = |line: &str| numbers(line) && !line.contains('-');
        match file.rsplit_once(':').filter(|(file, line)| !file.is_empty() && is_line(line)) {
            Some((file, line)) => {
                Ok(Self { file: file.into(), part: Part::At { line: number(line)?, column: last } })
            }
            None => Ok(Self { file: file.into(), part: Part::At { line: last, column: 1 } }),
        }
    }
}

fn numbers(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || c == '-')
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| FORMS.to_owned())
}

impl Place {
    /// The bytes that are meant, empty for a cursor; an error says how many lines there are.
    pub fn selection(&self, document: &Document) -> Result<Range<usize>, String> {
        let rope = document.rope();
        let count = lines::count(rope);
        let line = |number: u32| {
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            if index <= count {
                Ok(index - 1)
            } else {
                Err(format!("has {}, and none is {number}", source::lines_of(rope)))
            }
        };
        Ok(match self.part {
            Part::Whole => 0..document.len(),
            Part::At { line: number, column } => {
                line(number)?;
                // A column behind the end of its line is the end of it.
                let position = Position { line: number - 1, column: column - 1 };
                let offset = Encoding::Utf32.offset(rope, position);
                offset..offset
            }
            Part::Lines(first, last) => {
                lines::content(rope, line(first)?).start..lines::content(rope, line(last)?).end
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::Language;

    #[test]
    fn places() {
        let at = |line, column| Part::At { line, column };
        for (text, expected) in [
            ("a.rs", Some(("a.rs", Part::Whole))),
            ("a.rs:3", Some(("a.rs", at(3, 1)))),
            ("a.rs:3:9", Some(("a.rs", at(3, 9)))),
            ("a.rs:3-7", Some(("a.rs", Part::Lines(3, 7)))),
            ("a.rs:3-3", Some(("a.rs", Part::Lines(3, 3)))),
            ("C:\\a-b.rs:3-7", Some(("C:\\a-b.rs", Part::Lines(3, 7)))),
            ("dir:x/a.rs", Some(("dir:x/a.rs", Part::Whole))),
            ("dir:x/a.rs:2", Some(("dir:x/a.rs", at(2, 1)))),
            ("a b\nc.rs:2", Some(("a b\nc.rs", at(2, 1)))),
            (":3", Some((":3", Part::Whole))),
            ("a.rs:", Some(("a.rs:", Part::Whole))),
            ("a.rs:-3", Some(("a.rs:-3", Part::Whole))),
            ("a.rs:0", None),
            ("a.rs:1:0", None),
            ("a.rs:0:1", None),
            ("a.rs:0-3", None),
            ("a.rs:3-", None),
            ("a.rs:3-4-5", None),
            ("a.rs:7-3", None),
            ("a.rs:99999999999999999999", None),
            ("", None),
        ] {
            let place = Place::from_str(text).ok();
            assert_eq!(place, expected.map(|(file, part)| Place { file: file.into(), part }), "{text}");
        }
    }

    #[test]
    fn lines_of_a_document() {
        let document = Document::new(Language::of("rust", ""), 0, "one\r\ntwö x\r\nthree");
        for (text, expected) in [
            ("a.rs", Ok(0..18)),
            ("a.rs:2", Ok(5..5)),
            ("a.rs:2:4", Ok(9..9)),
            ("a.rs:2:99", Ok(11..11)),
            ("a.rs:2-3", Ok(5..18)),
            ("a.rs:2-2", Ok(5..11)),
            ("a.rs:4", Err("has 3 lines, and none is 4")),
            ("a.rs:2-4294967295", Err("has 3 lines, and none is 4294967295")),
        ] {
            let selected = Place::from_str(text).unwrap().selection(&document);
            assert_eq!(selected, expected.map_err(str::to_owned), "{text}");
        }
        // What stands behind the end of the last line is no line.
        for (text, place, expected) in [
            ("one\ntwo\n", "a.rs:2", Ok(4..4)),
            ("one\ntwo\n", "a.rs:3", Err("has 2 lines, and none is 3")),
            ("one\r\n", "a.rs:2", Err("has 1 line, and none is 2")),
            ("one\n\n", "a.rs:2", Ok(4..4)),
            ("one\n\n", "a.rs:9", Err("has 2 lines, and none is 9")),
            ("", "a.rs:1", Ok(0..0)),
            ("", "a.rs:2", Err("has 1 line, and none is 2")),
        ] {
            let document = Document::new(Language::of("rust", ""), 0, text);
            let selected = Place::from_str(place).unwrap().selection(&document);
            assert_eq!(selected, expected.map_err(str::to_owned), "{place} of {text:?}");
        }
    }
}
