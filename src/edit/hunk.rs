//! Where in a text the lines of a search stand, and the text once what was found is replaced.
//!
//! A model repeats code nearly as it is. [`find`] goes down a ladder of ways in which "nearly" is still certain, and
//! takes the first rung on which the search stands in exactly one place; there is no edit distance on it. Whole lines
//! only: `x = 1` does not stand in `max = 10`. Several hunks are all looked for in the text as the model was shown it,
//! and either all are put in or none. The ladder is that of the design of edits, from what aider and others learnt; the
//! line ends of the text stay as they are. Does *not* look whether the result is right.

pub(in crate::edit) mod index;
mod ladder;
pub mod lines;
mod nearest;

use std::collections::HashMap;
use std::ops::Range;

use crate::edit::markers::Hunk;
use crate::edit::repair::elision;
use crate::edit::repair::indent::Shift;
use crate::edit::script::Refusal;
use index::Index;
use lines::{Line, lines, newline, trim};

/// The way in which a search was found: the rungs, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    Exact,
    /// But for blanks at the ends of lines, and blank lines round it.
    TrailingBlanks,
    /// But for an indentation that all lines have more, or less.
    Indentation,
    /// But for blanks between words, for indentation, and for blank lines.
    Blanks,
    /// But for the kind of quotes, and for escapes.
    Quotes,
    /// But for lines that stand for code which was left out.
    Elision,
    /// By its first and its last line alone: to be shown, never to be applied unseen.
    Anchors,
}

/// Where a search stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// Bytes of the original: whole lines, with the last one's line end.
    pub range: Range<usize>,
    pub step: Step,
    /// What the lines of the replacement need to stand where the original's stood.
    pub shift: Shift,
    /// Lines of the search with those that they stand for.
    pairs: Vec<(&'a str, Line<'a>)>,
    /// Blank lines before and after the search that are not in the range, and need not be in what replaces it.
    blank: (usize, usize),
    /// Bytes of the original that the lines which stand for code left out stand for.
    gaps: Vec<Range<usize>>,
}

/// Why a search stands nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotFound {
    /// It has no visible character, and would stand everywhere.
    Empty,
    /// With the lines most like it, numbered from 1, both included.
    Missing { nearest: Option<(usize, usize)> },
    /// In several places; where each begins, numbered from 1.
    Ambiguous { lines: Vec<usize> },
}

/// A text with all its hunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub text: String,
    /// Of each hunk, in their order.
    pub steps: Vec<Step>,
}

/// Where in `original` the lines of `search` stand. Of several places the one inside `within` (bytes) is meant.
pub fn find<'a>(
    original: &'a str,
    search: &'a str,
    within: Option<Range<usize>>,
) -> Result<Found<'a>, NotFound> {
    ladder::find(&Index::new(original), search, within.as_ref())
}

/// `original` with all of `hunks`. `within`, in bytes, tells which of several places is meant.
///
/// # Errors
///
/// The first hunk that cannot be put in with certainty, or two of them that touch the same lines; then nothing is
/// changed.
pub fn apply(original: &str, hunks: &[Hunk], within: Option<Range<usize>>) -> Result<Applied, Refusal> {
    let index = Index::new(original);
    let mut found = Vec::with_capacity(hunks.len());
    for (number, hunk) in hunks.iter().enumerate() {
        let place = ladder::find(&index, &hunk.search, within.as_ref()).map_err(|reason| match reason {
            NotFound::Empty => Refusal::Empty,
            NotFound::Missing { nearest } => Refusal::Missing { hunk: number, nearest },
            NotFound::Ambiguous { lines } => Refusal::Ambiguous { hunk: number, lines },
        })?;
        found.push((number, place));
    }
    let steps = found.iter().map(|(_, place)| place.step).collect();
    found.sort_by_key(|(_, place)| place.range.start);
    for pair in found.windows(2) {
        if let [(hunk, first), (other, second)] = pair
            && first.range.end > second.range.start
        {
            return Err(Refusal::Overlap { hunk: *hunk.min(other), other: *hunk.max(other) });
        }
    }
    let mut text = String::with_capacity(original.len());
    let mut from = 0;
    for (number, place) in &found {
        text.push_str(&original[from..place.range.start]);
        text.push_str(&place.replacement(&index, &hunks[*number].replace)?);
        from = place.range.end;
    }
    text.push_str(&original[from..]);
    if !original.ends_with(['\n', '\r']) {
        // What was taken away may have been the last line, which had no line end.
        text.truncate(without_line_end(&text).len());
    }
    Ok(Applied { text, steps })
}

impl Applied {
    /// Whether all hunks were found with certainty; else a person must look first.
    pub fn is_certain(&self) -> bool {
        self.steps.iter().all(|step| *step != Step::Anchors)
    }
}

impl Found<'_> {
    /// What stands in place of the range once `replace` does. A line that the search has too stays as the original has
    /// it, to the byte; others are moved to its indentation and get its line ends.
    fn replacement(&self, index: &Index, replace: &str) -> Result<String, Refusal> {
        let replaced = lines(replace);
        let visible = trim(&replaced);
        let before = replaced.iter().take_while(|line| line.is_blank()).count();
        let after = replaced.len() - before - visible.len();
        let first = before.min(self.blank.0);
        let replaced = &replaced[first..replaced.len() - after.min(self.blank.1)];
        let kept = self.kept();
        let newline = newline(&index.lines);
        let unescape = self.unescape();
        let mut gaps = self.gaps.iter();
        let mut text = String::with_capacity(replace.len());
        for line in replaced {
            if self.step == Step::Elision && elision::is_gap(line.text) {
                let refuse = || Refusal::Elision { line: line.text.to_owned() };
                text.push_str(&index.text[gaps.next().ok_or_else(refuse)?.clone()]);
            } else if let Some(Some(original)) = kept.get(line.text) {
                text.push_str(original.text);
                text.push_str(if original.newline.is_empty() { newline } else { original.newline });
            } else {
                text.push_str(&self.shift.apply(&unescape(line.text)));
                text.push_str(newline);
            }
        }
        if gaps.next().is_some() {
            // Code was left out of the search, and whether it is to go is not said.
            return Err(Refusal::Elision { line: "...".to_owned() });
        }
        let removed = &index.text[self.range.clone()];
        if !text.is_empty() {
            // One line end goes and the original's comes.
            text.truncate(without_line_end(&text).len());
            text.push_str(lines(removed).last().map_or("", |line| line.newline));
        }
        Ok(text)
    }

    /// Lines of the search that stand for one line of the original, or for several that are the same.
    fn kept(&self) -> HashMap<&str, Option<Line<'_>>> {
        let mut kept: HashMap<&str, Option<Line>> = HashMap::new();
        for (search, original) in &self.pairs {
            let same = kept.entry(*search).or_insert(Some(*original));
            if same.is_some_and(|same| same.text != original.text) {
                *same = None;
            }
        }
        kept
    }

    /// What undoes the escapes of new lines, where the search had such and the original has not.
    fn unescape(&self) -> impl Fn(&str) -> String + use<> {
        let has = |what: &str| {
            self.step == Step::Quotes
                && self.pairs.iter().any(|(search, _)| search.contains(what))
                && !self.pairs.iter().any(|(_, original)| original.text.contains(what))
        };
        let escapes: Vec<_> = index::ESCAPES.into_iter().filter(|(escape, _)| has(escape)).collect();
        move |line| escapes.iter().fold(line.to_owned(), |line, (escape, plain)| line.replace(escape, plain))
    }
}

fn without_line_end(text: &str) -> &str {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix(['\n', '\r'])).unwrap_or(text)
}

#[cfg(test)]
mod tests;
