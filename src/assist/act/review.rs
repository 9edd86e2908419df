//! From the prose of a review to findings at places.
//!
//! A model is asked for one problem a line, with the code that it is about in backticks: line numbers are what models
//! get wrong (`edits.md` 1). What quotes nothing that stands in the region once is about the region as a whole.

use std::ops::Range;

use super::Finding;
use crate::completion::line::is_word;
use crate::edit::region::Region;

/// Findings at most: a model that lists more is repeating itself.
const MOST: usize = 20;

/// Each line of prose as a finding, in bytes of the document that the region is of.
pub fn findings(prose: &str, region: &Region) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for line in prose.lines() {
        let message = line.trim().trim_start_matches(['-', '*', '•', ' ']);
        let message = without_number(message).trim();
        let is_heading = message.starts_with('#') || message.starts_with("```") || message.ends_with(':');
        if message.chars().filter(|c| c.is_alphabetic()).count() < 3 || is_heading {
            continue;
        }
        let range =
            quoted(message).find_map(|code| place(code, region)).unwrap_or_else(|| first_line(region));
        let finding = Finding { range, message: message.to_owned() };
        if !found.contains(&finding) {
            found.push(finding);
        }
    }
    found.truncate(MOST);
    found
}

/// `1. text` → `text`.
fn without_number(text: &str) -> &str {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    if rest.len() < text.len() { rest.strip_prefix(['.', ')']).unwrap_or(text) } else { text }
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).map(str::trim).filter(|code| !code.is_empty())
}

/// Where a piece of code stands in the region, if only once, or the first time as a whole word.
fn place(code: &str, region: &Region) -> Option<Range<usize>> {
    let mut places = region.text.match_indices(code).map(|(at, _)| at);
    let first = places.next()?;
    let stands_alone = |at: usize| {
        let (before, after) = (&region.text[..at], &region.text[at + code.len()..]);
        !before.ends_with(is_word) && !after.starts_with(is_word)
    };
    let at = std::iter::once(first).chain(places).find(|&at| stands_alone(at))?;
    let start = region.range.start + at;
    Some(start..start + code.len())
}

fn first_line(region: &Region) -> Range<usize> {
    let line = region.text.lines().next().unwrap_or_default();
    let blanks = line.len() - line.trim_start().len();
    region.range.start + blanks..region.range.start + line.len()
}
