//! Whether code went missing that nobody asked to remove: what a model leaves out when it is lazy.

use crate::edit::Yield;
use crate::edit::guard::case::Case;
use crate::edit::guard::instruction::Asked;
use crate::edit::guard::symbols::{Symbol, symbols};
use crate::edit::guard::{Guard, Verdict, invariant};
use crate::syntax::ChunkKind;

/// The share of a region's lines that may go, in percent.
const LINES: usize = 30;

/// So few lines may always go: three lines of a small function become one in any good refactoring.
const FEW: usize = 3;

pub fn check(case: &Case) -> Verdict {
    if case.change.brings != Yield::Rewrite {
        // An addition was already held to take nothing away.
        return Verdict::Apply;
    }
    let gone = gone(case);
    // What was renamed is gone by its old name, as asked.
    let is_renamed = case.asked == Asked::Rename && invariant::check(case) == Verdict::Apply;
    if !gone.is_empty() && !is_renamed {
        let shown: Vec<_> = gone.iter().take(3).map(|symbol| format!("`{}`", symbol.name)).collect();
        let more = if gone.len() > shown.len() { " and more" } else { "" };
        let sentence = format!(
            "The change removes {}{more}. If that was not asked for, write the whole of the chosen code again, with \
             nothing left out.",
            shown.join(", ")
        );
        return Verdict::Confirm(Guard::Loss, sentence);
    }
    let count = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).count();
    let (before, after) = (count(case.old.region_text()), count(case.new.region_text()));
    let lost = before.saturating_sub(after);
    if lost > FEW && lost * 100 > before * LINES {
        let sentence = format!(
            "The change leaves {after} of {before} lines. If that was not asked for, write the whole of the chosen \
             code again, with nothing left out."
        );
        return Verdict::Confirm(Guard::Loss, sentence);
    }
    Verdict::Apply
}

/// Symbols that the old text has more of than the new one.
fn gone(case: &Case) -> Vec<Symbol> {
    let mut left = symbols(case.new.document);
    let mut gone = symbols(case.old.document);
    gone.retain(|symbol| {
        let same = left.iter().position(|other| other.path == symbol.path);
        same.map(|index| left.swap_remove(index)).is_none()
    });
    // Items that stand close are one chunk with the name of the first, so that order alone can hide a name.
    let still_written = |name: &str| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        case.new.text.split(|c| !is_part(c)).any(|word| word == name)
    };
    gone.retain(|symbol| symbol.kind != ChunkKind::Item || !still_written(&symbol.name));
    gone
}
