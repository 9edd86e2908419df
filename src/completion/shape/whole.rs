//! The last end of a text at which the document has no new syntax error.

use std::ops::Range;

use crate::completion::Reason;
use crate::completion::line::{Surroundings, indent_of, is_word};
use crate::completion::shape::overlap::{Balance, Met, meet, surplus};
use crate::syntax::language::Blocks;
use crate::syntax::scope::Trial;
use crate::text::Document;

/// Ends tried inside the first line, from its last border back. Each is a few parses.
const BORDERS: usize = 6;
/// Line ends tried, from the last back, before the first.
const LINES: usize = 8;

/// `met`, cut at the last line end, or at the last border inside the first line, that adds no ERROR or MISSING node;
/// a line that is only not finished yet is taken as finished. Without a grammar, cut before closers of nothing. May
/// parse.
pub fn trim(
    document: &Document,
    around: &Surroundings,
    range: Range<usize>,
    met: Met,
) -> Result<Met, Reason> {
    let Some(trial) = Trial::new(document.language(), document.rope(), document.tree(), range) else {
        // Brackets are all that can be told.
        return match surplus(around, &met.added) {
            None => Ok(met),
            Some(end) => {
                meet(around, &met.added[..end]).map_err(|reason| reason.unwrap_or(Reason::DropSyntax))
            }
        };
    };
    let errors = trial.errors_before();
    let mut judge = Judge { trial, blocks: document.language().blocks, around };
    let found = judge.errors(&met, errors);
    if found <= errors {
        return Ok(judge.without_extra_closers(met, found));
    }
    let text = met.added.clone();
    let shorter = |end: usize| meet(around, &text[..end]).ok();
    let visible = text.find(|c: char| !c.is_whitespace()).unwrap_or(0);
    let first = text[visible..].find('\n').map(|at| visible + at);
    let line_ends = text.match_indices('\n').map(|(at, _)| at).rev().take(LINES);
    for met in line_ends.chain(first).filter_map(shorter) {
        if judge.errors(&met, errors) <= errors {
            return Ok(met);
        }
    }
    let line = &text[..first.unwrap_or(text.len())];
    // Where the tree was broken already, error counts mean little: the line stays but for closers of nothing.
    if errors > 0 && unmatched(line).is_empty() {
        return shorter(line.len()).ok_or(Reason::DropSyntax);
    }
    for met in borders(line).take(BORDERS).filter_map(shorter) {
        if judge.errors(&met, errors) <= errors {
            return Ok(met);
        }
    }
    Err(Reason::DropSyntax)
}

/// Bytes behind the closers that close nothing of `text` itself.
fn unmatched(text: &str) -> Vec<usize> {
    let mut balance = Balance::default();
    balance.read(text);
    balance.unmatched().iter().map(|(_, behind)| *behind).collect()
}

/// Ends inside a line before which and behind which stand different kinds of characters, from the last back.
fn borders(line: &str) -> impl Iterator<Item = usize> {
    let kind = |c: char| {
        if is_word(c) {
            'w'
        } else if c.is_whitespace() {
            ' '
        } else {
            c
        }
    };
    line.char_indices().rev().filter_map(move |(at, c)| {
        let before = line[..at].chars().next_back()?;
        (kind(before) != kind(c) && !before.is_whitespace()).then_some(at)
    })
}

struct Judge<'a> {
    trial: Trial,
    blocks: Blocks,
    around: &'a Surroundings,
}

impl Judge<'_> {
    /// Errors of the document with `met`, or where these are more than `enough`, with what was begun ended somehow.
    fn errors(&mut self, met: &Met, enough: usize) -> usize {
        let spell = |text: &str| text.replace('\n', self.around.newline);
        let found = self.trial.errors_with(&spell(&met.text));
        if found <= enough {
            return found;
        }
        let mut balance = Balance::default();
        balance.read(&met.added);
        let Some(closers) = balance.closers() else {
            return found;
        };
        let left = met.text.strip_prefix(&*met.added).unwrap_or("");
        let added = met.added.trim_end();
        endings(self.blocks, added, &closers, indent_of(&self.around.prefix))
            .iter()
            .map(|ending| self.trial.errors_with(&spell(&format!("{added}{ending}{left}"))))
            .find(|errors| *errors <= enough)
            .unwrap_or(found)
    }

    /// Where the text leaves errors, perhaps those of closers that it has too many of: `met` without those, where
    /// that leaves fewer.
    fn without_extra_closers(&mut self, met: Met, found: usize) -> Met {
        if found == 0 {
            return met;
        }
        let ends = unmatched(&met.added).into_iter().rev().take(BORDERS);
        let shorter = ends.filter_map(|behind| meet(self.around, &met.added[..behind - 1]).ok());
        shorter.into_iter().find(|met| self.errors(met, found - 1) < found).unwrap_or(met)
    }
}

/// What may end a text that opened `closers` and stops at a line's end: a line is shown before the block it opens.
fn endings(blocks: Blocks, text: &str, closers: &str, indent: &str) -> Vec<String> {
    match blocks {
        Blocks::Braces | Blocks::Keywords { .. } if closers.is_empty() => vec![";".into(), " {}".into()],
        Blocks::Braces | Blocks::Keywords { .. } => {
            vec![closers.into(), format!("{closers};"), format!("{closers} {{}}")]
        }
        Blocks::Indentation if text.ends_with(':') && closers.is_empty() => {
            vec![" pass".into(), format!(" pass\n{indent}except Exception: pass")]
        }
        Blocks::Indentation if closers.is_empty() && text.trim_start().starts_with('@') => {
            vec![format!("\n{indent}def _(): pass")]
        }
        Blocks::Indentation => vec![closers.into(), format!("{closers}: pass")],
    }
}
