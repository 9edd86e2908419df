//! Holes that one line can tell of itself: its end, the whole of it, what stands between its brackets, and the block that
//! it opens. Which lines are code at all is told here too.

use std::ops::Range;

use super::Place;
use crate::completion::line::is_word;
use crate::eval::SourceFile;
use crate::syntax::language::Blocks;
use crate::syntax::lines;
use crate::syntax::scope::{self, Inside};

/// Lines of a block that is asked for.
const BLOCK_LINES: std::ops::RangeInclusive<usize> = 2..=6;
/// Visible characters of a line that is worth asking for, and of what is taken out of one.
const LINE_CHARACTERS: usize = 4;
const TAKEN_CHARACTERS: usize = 2;

/// A line of code.
pub struct Line<'a> {
    number: usize,
    /// Without indentation and trailing blanks.
    text: &'a str,
    /// Bytes of the file.
    visible: usize,
    end: usize,
}

impl<'a> Line<'a> {
    /// `None` for what is blank, short, a comment, inside a string, or without a word.
    pub fn of(file: &'a SourceFile, number: usize) -> Option<Self> {
        let rope = file.document.rope();
        let content = lines::content(rope, number);
        let whole = file.text.get(content.clone())?;
        let text = whole.trim();
        let visible = content.start + (whole.len() - whole.trim_start().len());
        let language = file.language();
        let is_comment = language.line_comment.is_some_and(|mark| text.starts_with(mark));
        let has_word = text.chars().filter(|c| c.is_alphanumeric()).count() >= 2;
        if text.chars().count() < LINE_CHARACTERS || is_comment || !has_word {
            return None;
        }
        let tree = file.document.tree();
        let starts_as_code = scope::inside(language, rope, tree, visible) == Inside::Code;
        let is_prose = ["\"\"\"", "'''"].iter().any(|quotes| text.starts_with(quotes));
        (starts_as_code && !is_prose).then_some(Self { number, text, visible, end: visible + text.len() })
    }

    /// From behind its indentation.
    pub fn whole(&self) -> Place {
        (self.visible..self.end, self.visible..self.end)
    }

    /// From one of the places between two words or signs.
    pub fn end(&self, random: &mut fastrand::Rng) -> Option<Place> {
        let mut places = Vec::new();
        let mut before = None;
        for (at, c) in self.text.char_indices() {
            if let Some(b) = before {
                let inside_word = is_word(b) && is_word(c);
                let after_blanks = c.is_whitespace() && char::is_whitespace(b);
                if !inside_word && !after_blanks && visible_characters(&self.text[at..]) >= TAKEN_CHARACTERS {
                    places.push(self.visible + at);
                }
            }
            before = Some(c);
        }
        Some((random.choice(places)?..self.end, self.visible..self.end))
    }

    /// Between the parentheses of a call, or between a keyword and what ends its condition.
    pub fn inner(&self, random: &mut fastrand::Rng) -> Option<Place> {
        let mut places: Vec<Range<usize>> = Vec::new();
        for (at, _) in self.text.match_indices('(') {
            let called = self.text[..at].chars().next_back().is_some_and(is_word);
            let close = closing(&self.text[at..]).map(|close| at + close);
            if let Some(close) = close.filter(|_| called) {
                places.push(at + 1..close);
            }
        }
        for keyword in ["if ", "while ", "elif ", "match "] {
            let condition = self.text.strip_prefix(keyword).and_then(|rest| rest.strip_suffix(['{', ':']));
            if let Some(condition) = condition {
                places.push(keyword.len()..keyword.len() + condition.trim_end().len());
            }
        }
        places.retain(|place| visible_characters(&self.text[place.clone()]) > TAKEN_CHARACTERS);
        let place = random.choice(places)?;
        Some((self.visible + place.start..self.visible + place.end, self.visible..self.end))
    }

    /// The lines that are indented more than this one, which opens them.
    pub fn block(&self, file: &SourceFile) -> Option<Place> {
        let opens = match file.language().blocks {
            Blocks::Braces => self.text.ends_with('{'),
            Blocks::Indentation => self.text.ends_with(':'),
            Blocks::Keywords { .. } => false,
        };
        let rope = file.document.rope();
        let own = lines::indent_of(rope, self.number)?;
        let is_inside = |line: usize| {
            line < rope.len_lines() && lines::indent_of(rope, line).is_none_or(|indent| indent > own)
        };
        let mut last = self.number;
        while is_inside(last + 1) {
            last += 1;
        }
        while last > self.number && lines::indent_of(rope, last).is_none() {
            last -= 1;
        }
        let first = lines::content(rope, self.number + 1);
        let body = first.start..lines::content(rope, last).end;
        if !opens || last <= self.number || !BLOCK_LINES.contains(&(last - self.number)) {
            return None;
        }
        let text = file.text.get(body.clone())?;
        let start = body.start + (text.len() - text.trim_start().len());
        // A docstring is prose, whose words nobody could guess.
        let is_prose = ["\"\"\"", "'''"].iter().any(|quotes| text.trim_start().starts_with(quotes));
        (start < first.end && !is_prose).then_some((start..body.end, start..body.end))
    }
}

/// Where the parenthesis that `text` begins with is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at),
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

fn visible_characters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}
