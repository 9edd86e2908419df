//! The lines of a string, with what ends each: `\n`, `\r\n` or a lone `\r`, as LSP has it.
//!
//! Line ends are a file's own affair and a model seldom sees them, so lines are compared without and put together
//! with them.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Without the line end.
    pub text: &'a str,
    /// `""` for a last line that has none.
    pub newline: &'a str,
    /// Byte of the string.
    pub start: usize,
}

impl<'a> Line<'a> {
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// The spaces and tabs that it begins with.
    pub fn indent(&self) -> &'a str {
        indent(self.text)
    }

    /// Bytes of the string, line end included.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.text.len() + self.newline.len()
    }
}

/// The spaces and tabs that `line` begins with.
pub fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Nothing follows a last line end: `"a\n"` is one line, `""` is none. A byte order mark is no part of the first one.
pub fn lines(text: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    while let Some(at) = text[start..].find(['\n', '\r']) {
        let end = start + at;
        let rest = &text[end..];
        let newline = if rest.starts_with("\r\n") { &rest[..2] } else { &rest[..1] };
        lines.push(Line { text: &text[start..end], newline, start });
        start = end + newline.len();
    }
    if start < text.len() {
        lines.push(Line { text: &text[start..], newline: "", start });
    }
    lines
}

/// What ends most of `lines`; `"\n"` where nothing does.
pub fn newline(lines: &[Line]) -> &'static str {
    let count = |newline| lines.iter().filter(|line| line.newline == newline).count();
    // The last one of equals wins.
    ["\r", "\r\n", "\n"].into_iter().max_by_key(|newline| count(*newline)).unwrap_or("\n")
}

/// `lines` without the blank ones at either end.
pub fn trim<'l, 'a>(lines: &'l [Line<'a>]) -> &'l [Line<'a>] {
    let first = lines.iter().position(|line| !line.is_blank()).unwrap_or(lines.len());
    let last = lines.iter().rposition(|line| !line.is_blank()).map_or(first, |last| last + 1);
    &lines[first..last]
}

/// `text` with each of its lines, counted from 0, made another one; line ends stay.
pub fn each(text: &str, change: impl Fn(usize, &Line) -> String) -> String {
    lines(text).iter().enumerate().map(|(row, line)| change(row, line) + line.newline).collect()
}
