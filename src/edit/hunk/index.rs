//! A text prepared for many searches: each line as a number, on each rung of the ladder.
//!
//! Lines that are equal on a rung have the same number there, so a search of any length costs one pass over numbers,
//! and most searches that stand nowhere cost nothing: one of their lines has no number. A rung is prepared on first
//! use. Does not choose among the places it finds.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use crate::edit::hunk::lines::{Line, lines};

/// What of a line counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    All,
    /// All but blanks at its end.
    Start,
    /// All but blanks at both ends.
    Inside,
    /// Its words; blank lines do not count at all.
    Words,
    /// Its words, with all quotes alike and without escapes; blank lines do not count at all.
    Plain,
}

/// How many rungs there are.
const RUNGS: usize = 5;

/// What models write in place of characters, and those.
pub const ESCAPES: [(&str, &str); 8] = [
    ("\\\"", "\""),
    ("\\'", "'"),
    ("\\`", "`"),
    ("&quot;", "\""),
    ("&#39;", "'"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    // Last, so that nothing is undone twice.
    ("&amp;", "&"),
];

pub struct Index<'a> {
    pub text: &'a str,
    pub lines: Vec<Line<'a>>,
    rungs: [OnceCell<Numbers<'a>>; RUNGS],
}

/// The lines of a text on one rung.
struct Numbers<'a> {
    of: HashMap<Cow<'a, str>, u32>,
    /// The number of each line that counts, and its row.
    numbers: Vec<u32>,
    rows: Vec<usize>,
}

impl Rung {
    /// What of `line` counts; `None` where the line does not.
    pub fn key(self, line: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::All => Some(line.into()),
            Self::Start => Some(line.trim_end().into()),
            Self::Inside => Some(line.trim().into()),
            Self::Words | Self::Plain if line.trim().is_empty() => None,
            Self::Words => Some(words(line).into()),
            Self::Plain => {
                let plain = ESCAPES.iter().fold(Cow::from(line), |line, (escape, plain)| {
                    if line.contains(escape) { line.replace(escape, plain).into() } else { line }
                });
                let quote = |c| if matches!(c, '\'' | '`' | '‘' | '’' | '“' | '”') { '"' } else { c };
                Some(words(&plain).chars().map(quote).collect::<String>().into())
            }
        }
    }
}

fn words(line: &str) -> String {
    let mut words = String::with_capacity(line.len());
    for word in line.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    words
}

impl<'a> Index<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, lines: lines(text), rungs: Default::default() }
    }

    fn rung(&self, rung: Rung) -> &Numbers<'a> {
        self.rungs[rung as usize].get_or_init(|| {
            let mut numbers = Numbers { of: HashMap::new(), numbers: Vec::new(), rows: Vec::new() };
            for (row, line) in self.lines.iter().enumerate() {
                if let Some(key) = rung.key(line.text) {
                    let next = numbers.of.len() as u32;
                    numbers.numbers.push(*numbers.of.entry(key).or_insert(next));
                    numbers.rows.push(row);
                }
            }
            numbers
        })
    }

    /// Where all of `search` stand in a row: for each place the rows of the lines that count. Linear in both.
    pub fn places(&self, rung: Rung, search: &[Line]) -> Places<'_> {
        let numbers = self.rung(rung);
        let keys = search.iter().filter_map(|line| rung.key(line.text));
        let wanted: Option<Vec<u32>> = keys.map(|key| numbers.of.get(&*key).copied()).collect();
        let wanted = wanted.unwrap_or_default();
        let starts = if wanted.is_empty() { Vec::new() } else { matches(&numbers.numbers, &wanted) };
        Places { starts, rows: &numbers.rows, length: wanted.len() }
    }
}

/// The places of one search.
pub struct Places<'i> {
    starts: Vec<usize>,
    rows: &'i [usize],
    length: usize,
}

impl<'i> Places<'i> {
    /// Lines of all places together.
    pub fn lines(&self) -> usize {
        self.starts.len() * self.length
    }

    /// Each place, as the rows of the lines that count; in order, and perhaps overlapping.
    pub fn iter(&self) -> impl Iterator<Item = &'i [usize]> + use<'_, 'i> {
        self.starts.iter().map(|start| &self.rows[*start..start + self.length])
    }
}

/// Where `wanted`, which is not empty, stands in `text` (Knuth, Morris and Pratt: files repeat themselves).
fn matches(text: &[u32], wanted: &[u32]) -> Vec<usize> {
    let mut border = vec![0; wanted.len()];
    let mut length = 0;
    for at in 1..wanted.len() {
        while length > 0 && wanted[at] != wanted[length] {
            length = border[length - 1];
        }
        length += usize::from(wanted[at] == wanted[length]);
        border[at] = length;
    }
    let (mut found, mut length) = (Vec::new(), 0);
    for (at, number) in text.iter().enumerate() {
        while length > 0 && *number != wanted[length] {
            length = border[length - 1];
        }
        length += usize::from(*number == wanted[length]);
        if length == wanted.len() {
            found.push(at + 1 - length);
            length = border[length - 1];
        }
    }
    found
}
