//! Taking a suggestion: only one whose first line is what would have been typed, and as much of it as was asked for.

use std::ops::Range;

use clap::ValueEnum;

use super::Typist;
use crate::cli::bench::replay::editor::Change;
use crate::completion::line::is_word;

/// Characters of a line that is worth taking.
const WORTH: usize = 4;

/// How much of a suggestion is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Accept {
    /// Nothing: all is typed
    Never,
    /// Its next word
    Word,
    /// Its first line
    Line,
    /// All of it where all is right, else its first line
    Full,
}

/// What is shown at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ghost {
    /// What it would replace: bytes of the file with the cursor.
    pub range: Range<usize>,
    pub text: String,
    /// What taking it is reported by.
    pub id: Option<String>,
}

impl Typist {
    /// Takes what is shown, where its first line is what would be typed: the edit, and what to report.
    pub(super) fn take(&mut self, ghost: &Ghost) -> Option<(Change, Option<String>)> {
        if self.accept == Accept::Never {
            return None;
        }
        let cursor = self.editor.cursor;
        let before = self.editor.file().text.get(ghost.range.start..cursor)?;
        let new = ghost.text.strip_prefix(before)?;
        let covered = ghost.range.end.checked_sub(cursor)?;
        // Closers on this line, as they stand, and those of them that would stay.
        let right: String = self
            .ahead
            .iter()
            .rev()
            .take_while(|closer| !closer.starts_with('\n'))
            .map(String::as_str)
            .collect();
        let stay = right.get(covered..)?;
        let (first, is_one) = new.split_once('\n').map_or((new, true), |(first, _)| (first, false));
        let rest = &self.target[self.at..];
        let wanted = rest.split('\n').next().unwrap_or_default();
        let shown = if is_one { [first, stay].concat() } else { first.to_owned() };
        if shown != wanted || first.chars().count() < WORTH || !is_one && !stay.is_empty() {
            return None;
        }
        let taken = match self.accept {
            Accept::Never => return None,
            Accept::Word => word(first),
            Accept::Line => first,
            Accept::Full if is_one => first,
            Accept::Full => {
                let behind = rest.strip_prefix(new);
                // What the editor opened a line for must be what comes next.
                let next = self.ahead.iter().rev().find(|closer| closer.starts_with('\n'));
                let fits = |behind: &str| match next {
                    Some(closer) => behind.starts_with(closer.as_str()),
                    None => behind.is_empty() || behind.starts_with('\n'),
                };
                if behind.is_some_and(fits) { new } else { first }
            }
        };
        let is_word = self.accept == Accept::Word;
        // A word that is a closer is there already.
        if is_word && right.chars().next().is_some_and(|closer| taken.contains(closer)) {
            return None;
        }
        let covered = if is_word { 0 } else { covered };
        // All closers of a line are one byte each.
        self.ahead.truncate(self.ahead.len() - covered);
        self.at += taken.len();
        self.plain = 0;
        let id = (!is_word).then(|| ghost.id.clone()).flatten();
        Some((self.editor.replace(cursor..cursor + covered, taken, taken.len()), id))
    }
}

/// Blanks, then a word or one sign.
fn word(line: &str) -> &str {
    let rest = line.trim_start();
    let letters = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let sign = rest.chars().next().map_or(0, char::len_utf8);
    &line[..line.len() - rest.len() + letters.max(sign)]
}
