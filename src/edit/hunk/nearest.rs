//! The lines of a text that are most like a search which does not stand in it: for the person, and for a second try.
//!
//! Each line of the search that stands in the text votes for where the search would begin; without such lines the
//! words they have in common count. Linear in both texts. Never a place to change anything.

use std::collections::{HashMap, HashSet};

use crate::edit::hunk::lines::Line;

/// A line that stands in more places says nothing about which of them.
const TELLING: usize = 50;

/// Fewer words in common are chance.
const WORDS: usize = 2;

/// Rows numbered from 1, first and last, at most as many as the search has.
pub fn nearest(lines: &[Line], search: &[Line]) -> Option<(usize, usize)> {
    let start = by_lines(lines, search).or_else(|| by_words(lines, search))?;
    Some((start + 1, (start + search.len()).min(lines.len())))
}

fn by_lines(lines: &[Line], search: &[Line]) -> Option<usize> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (row, line) in lines.iter().enumerate() {
        places.entry(line.text.trim()).or_default().push(row);
    }
    let mut votes: HashMap<usize, usize> = HashMap::new();
    for (offset, line) in
        search.iter().enumerate().filter(|(_, line)| line.text.contains(char::is_alphanumeric))
    {
        let rows = places.get(line.text.trim()).filter(|rows| rows.len() <= TELLING);
        for row in rows.into_iter().flatten() {
            *votes.entry(row.saturating_sub(offset)).or_default() += 1;
        }
    }
    // The first of equals, so that the answer is always the same.
    votes.into_iter().max_by_key(|(start, votes)| (*votes, usize::MAX - start)).map(|(start, _)| start)
}

fn by_words(lines: &[Line], search: &[Line]) -> Option<usize> {
    let words = |line: &Line| -> HashSet<String> {
        let words = line.text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 1);
        words.map(str::to_lowercase).collect()
    };
    // The line that says most.
    let (offset, wanted) =
        search.iter().map(words).enumerate().max_by_key(|(at, words)| (words.len(), usize::MAX - at))?;
    let common = lines.iter().map(|line| words(line).intersection(&wanted).count()).enumerate();
    let (row, count) = common.max_by_key(|(row, count)| (*count, usize::MAX - row))?;
    (count >= WORDS).then(|| row.saturating_sub(offset))
}
