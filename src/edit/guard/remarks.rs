//! Whether a comment went missing whose code is still there.
//!
//! Small models copy code and leave its comments out: the reason why, a `SAFETY:`, a `type: ignore`. A comment may be
//! put in other words or become documentation, and goes with its code; and who speaks of comments means them.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::edit::Yield;
use crate::edit::guard::case::{Case, Side};
use crate::edit::guard::instruction::names;
use crate::edit::guard::{Guard, Verdict};
use crate::edit::hunk::lines::lines;

/// Words of an instruction that is about comments.
const ABOUT: [&str; 6] = ["comment", "comments", "docs", "docstring", "documentation", "translate"];

pub fn check(case: &Case) -> Verdict {
    let instruction = case.change.instruction.to_lowercase();
    if case.change.brings != Yield::Rewrite || ABOUT.iter().any(|word| names(&instruction, word)) {
        return Verdict::Apply;
    }
    let (old, new) = (Commented::of(&case.old), Commented::of(&case.new));
    let is_gone = |remark: &&Remark| {
        // Documentation may hold it, among other words.
        let is_there = || {
            new.comments.contains(&remark.words) || new.comments.iter().any(|one| one.contains(&remark.words))
        };
        let is_bare =
            new.bare.get(&remark.code).copied() > Some(old.bare.get(&remark.code).copied().unwrap_or(0));
        is_bare && !remark.words.is_empty() && remark.code.contains(char::is_alphanumeric) && !is_there()
    };
    match old.remarks.iter().find(is_gone) {
        None => Verdict::Apply,
        Some(remark) => Verdict::Confirm(
            Guard::Loss,
            format!(
                "The change takes a comment away and leaves its code: {}. Look whether that was \
                 asked for before you apply it.",
                case.old.quote(remark.at)
            ),
        ),
    }
}

/// A region, its comments told from its code.
struct Commented {
    remarks: Vec<Remark>,
    /// The words of each comment.
    comments: HashSet<String>,
    /// How often each line of code stands without a comment on it or next to it.
    bare: HashMap<String, usize>,
}

/// A comment that is no documentation.
struct Remark {
    at: usize,
    words: String,
    /// The line of code that it is about: its own, else the one below.
    code: String,
}

/// A line that is not blank.
struct Row {
    end: usize,
    /// What of it is no comment.
    code: String,
    has_comment: bool,
}

impl Commented {
    fn of(side: &Side) -> Self {
        let (comments, remarks) = side.comments();
        let rows = rows(side, &comments);
        let is_alone =
            |at: Option<usize>| at.and_then(|at| rows.get(at)).is_some_and(|row| row.code.is_empty());
        let mut bare = HashMap::new();
        for (at, row) in rows.iter().enumerate() {
            if !row.has_comment && !is_alone(at.checked_sub(1)) && !is_alone(Some(at + 1)) {
                *bare.entry(row.code.clone()).or_default() += 1;
            }
        }
        let text = |one: &Range<usize>| side.text.get(one.clone()).unwrap_or_default();
        let remark = |one: &Range<usize>| {
            let below = &rows[rows.partition_point(|row| row.end <= one.start)..];
            let code = below.iter().find(|row| !row.code.is_empty()).map(|row| row.code.clone());
            Remark { at: one.start, words: words(text(one)), code: code.unwrap_or_default() }
        };
        let inside = remarks.iter().filter(|one| side.region.contains(&one.start));
        Self {
            remarks: inside.map(remark).collect(),
            comments: comments.iter().map(|one| words(text(one))).collect(),
            bare,
        }
    }
}

/// The rows of a side's region; `comments` are in order.
fn rows(side: &Side, comments: &[Range<usize>]) -> Vec<Row> {
    let mut rows = Vec::new();
    for line in lines(side.region_text()).into_iter().filter(|line| !line.is_blank()) {
        let start = side.region.start + line.start;
        let end = start + line.text.len();
        let (mut code, mut from) = (String::new(), start);
        let first = comments.partition_point(|one| one.end <= start);
        let on_line = comments[first..].iter().take_while(|one| one.start < end);
        for one in on_line.clone() {
            code += side.text.get(from..one.start.max(from)).unwrap_or_default();
            from = one.end.clamp(from, end);
        }
        code += side.text.get(from..end).unwrap_or_default();
        rows.push(Row { end, code: code.trim().to_owned(), has_comment: on_line.count() > 0 });
    }
    rows
}

/// The words of a comment, however it is marked and broken into lines.
fn words(comment: &str) -> String {
    let words = comment.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}
