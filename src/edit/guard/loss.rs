//! Whether code went missing that nobody asked to remove: what a model leaves out when it is lazy.

use crate::edit::Yield;
use crate::edit::guard::case::{Case, Side};
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
    if let Some(at) = hollowed(case) {
        let sentence = format!(
            "The change puts a stub in place of code: {}. If that was not asked for, write all of the code.",
            case.new.quote(at)
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

/// Where a function that was written before is left to be written: it has more stubs in it than it had.
fn hollowed(case: &Case) -> Option<usize> {
    let (before, after) = (Stubs::of(&case.old), Stubs::of(&case.new));
    let is_hollow = |(path, _): &&(Vec<String>, usize)| {
        // Of a function that came to it nobody knows what it is to do.
        let known = before.functions.iter().filter(|other| *other == path).count();
        let more = after.functions.iter().filter(|other| *other == path).count().saturating_sub(known);
        known > 0 && after.count(path) > before.count(path) + more
    };
    after.stubs.iter().find(is_hollow).map(|(_, at)| *at)
}

/// The functions of a text and what in them is still to be written.
struct Stubs {
    functions: Vec<Vec<String>>,
    /// Each with the path of its function, and where it begins.
    stubs: Vec<(Vec<String>, usize)>,
}

impl Stubs {
    fn of(side: &Side) -> Self {
        let mut functions = symbols(side.document);
        functions.retain(Symbol::is_function);
        let chunks = side.document.chunks();
        let holder = |at: usize| {
            let holds =
                |symbol: &&Symbol| chunks.get(symbol.chunk).is_some_and(|chunk| chunk.range.contains(&at));
            functions.iter().rfind(holds).map(|symbol| symbol.path.clone())
        };
        let stubs = side.parts().map_or(&[][..], |parts| &parts.stubs);
        let stubs = stubs.iter().filter_map(|stub| Some((holder(stub.start)?, stub.start))).collect();
        Self { stubs, functions: functions.into_iter().map(|symbol| symbol.path).collect() }
    }

    fn count(&self, path: &[String]) -> usize {
        self.stubs.iter().filter(|(other, _)| other == path).count()
    }
}
