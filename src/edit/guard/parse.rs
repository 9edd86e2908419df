//! Whether a text is still as well formed as it was.
//!
//! ERROR and MISSING nodes of the whole text are counted, with blocks that lack what they must hold, and must not grow.
//! In a text that is broken already the parser's recovery moves with every edit, so there the region alone is held
//! against the region: as it stands in the text, and parsed on its own, since a closer that it lacks would be missed
//! elsewhere.

use std::ops::Range;

use tree_sitter::Tree;

use crate::edit::Yield;
use crate::edit::guard::case::{Case, Side};
use crate::edit::guard::{Guard, Verdict};
use crate::syntax::faults::{faults, hollow_blocks};
use crate::syntax::lines;
use crate::text::Document;

pub fn check(case: &Case) -> Verdict {
    let Some(before) = case.old.document.tree() else {
        if case.old.document.language().grammar.is_none() {
            // Nothing is ever known of such a text, and nothing is lost.
            return Verdict::Apply;
        }
        let sentence = "The file is too large to be parsed, so nothing tells whether the change is sound. Look at it \
                        before it is used.";
        return Verdict::Confirm(Guard::Syntax, sentence.to_owned());
    };
    let Some(after) = case.new.document.tree() else {
        let sentence =
            "The changed code is too large to be checked for syntax errors. Look at it before it is used.";
        return Verdict::Confirm(Guard::Syntax, sentence.to_owned());
    };
    let (before, after) = (all_faults(before), all_faults(after));
    if before.is_empty() {
        return match after.first() {
            Some(first) => broken(case, after.len(), &worst(case, &after, first)),
            None => Verdict::Apply,
        };
    }
    let within = |faults: &[Range<usize>], side: &Side| -> Vec<_> {
        let region = &side.region;
        faults.iter().filter(|one| one.start <= region.end && region.start <= one.end).cloned().collect()
    };
    let in_region = (within(&before, &case.old), within(&after, &case.new));
    if in_region.1.len() > in_region.0.len()
        && let Some(first) = in_region.1.first()
    {
        return broken(case, in_region.1.len() - in_region.0.len(), first);
    }
    if after.len() > before.len() && case.change.brings == Yield::Rewrite {
        let alone = |side: &Side| faults_alone(side).unwrap_or_default();
        let (was, is) = (alone(&case.old), alone(&case.new));
        if is > was {
            return broken(case, is - was, &case.new.region);
        }
    }
    Verdict::Apply
}

/// The error to show: the first one in the region, since what an answer breaks may be found far above it.
fn worst(case: &Case, faults: &[Range<usize>], first: &Range<usize>) -> Range<usize> {
    let region = &case.new.region;
    faults.iter().find(|one| region.start <= one.start && one.start <= region.end).unwrap_or(first).clone()
}

fn broken(case: &Case, count: usize, first: &Range<usize>) -> Verdict {
    let errors = match count {
        1 => "a syntax error".to_owned(),
        _ => format!("{count} syntax errors"),
    };
    let sentence = format!(
        "The change would add {errors}, the first near {}. Code must parse, with every bracket and quote \
         closed; a smaller selection may help.",
        case.new.quote(first.start)
    );
    Verdict::Refuse(Guard::Syntax, sentence)
}

/// Errors of a region that is parsed as a text of its own, at no indentation.
fn faults_alone(side: &Side) -> Option<usize> {
    let region = side.region_text();
    let visible = || region.lines().filter(|line| !line.trim().is_empty());
    let indent = visible().map(lines::indent).min().unwrap_or(0);
    let dedented = region.lines().map(|line| {
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        // The longest run of blanks that is no wider than what all lines have.
        let cut = (0..=blanks).rev().find(|cut| lines::indent(&line[..*cut]) <= indent).unwrap_or(0);
        &line[cut..]
    });
    let alone: Vec<_> = dedented.collect();
    Document::new(side.document.language(), 0, &alone.join("\n")).tree().map(|tree| all_faults(tree).len())
}

/// What the parser finds wrong and what it should have, in document order.
fn all_faults(tree: &Tree) -> Vec<Range<usize>> {
    let mut all = [faults(tree), hollow_blocks(tree)].concat();
    all.sort_by_key(|one| (one.start, one.end));
    all
}
