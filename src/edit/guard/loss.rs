//! Whether code went missing that nobody asked to remove: what a model leaves out when it is lazy.

use std::collections::HashSet;

use crate::edit::Yield;
use crate::edit::guard::case::{Case, Side};
use crate::edit::guard::instruction::{Asked, names};
use crate::edit::guard::symbols::{Symbol, symbols};
use crate::edit::guard::{Guard, Verdict, invariant};
use crate::edit::hunk::lines::{Line, lines};
use crate::syntax::ChunkKind;

/// The share of a region's lines that may go, in percent.
const LINES: usize = 30;

/// So few lines may always go: three lines of a small function become one in any good refactoring.
const FEW: usize = 3;

/// And so many where other words come in their place: a loop of eight lines becomes a chain of three. What is only left
/// out brings no words.
const SOME: usize = 6;

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
            "The change removes {}{more}. Look whether that was asked for before you apply it.",
            shown.join(", ")
        );
        return Verdict::Confirm(Guard::Loss, sentence);
    }
    if let Some(at) = hollowed(case) {
        let sentence = format!(
            "The change puts a stub in place of code: {}. Look whether that was asked for before you apply it.",
            case.new.quote(at)
        );
        return Verdict::Confirm(Guard::Loss, sentence);
    }
    let (before, after) = (code_lines(&case.old), code_lines(&case.new));
    let lost = before.saturating_sub(after);
    let may_go = if has_new_words(case) { SOME } else { FEW };
    if lost > may_go && lost * 100 > before * LINES {
        let sentence = format!(
            "The change leaves {after} of {before} lines of code. Look whether that was asked for before you apply it."
        );
        return Verdict::Confirm(Guard::Loss, sentence);
    }
    Verdict::Apply
}

/// Lines of the region that have code on them. Comments have a guard of their own.
fn code_lines(side: &Side) -> usize {
    let (comments, _) = side.comments();
    let is_code = |line: &Line| {
        let start = side.region.start + line.start + line.indent().len();
        let first = comments.get(comments.partition_point(|one| one.end <= start));
        !line.is_blank() && first.is_none_or(|one| start < one.start)
    };
    lines(side.region_text()).iter().filter(|line| is_code(line)).count()
}

/// Whether the new code has words that the old code has not.
fn has_new_words(case: &Case) -> bool {
    let known: HashSet<&str> = words(case.old.region_text()).collect();
    words(case.new.region_text()).any(|word| !known.contains(word))
}

/// Symbols that the old text has more of than the new one, and of which the instruction does not speak.
fn gone(case: &Case) -> Vec<Symbol> {
    let (before, mut left) = (symbols(case.old.document), symbols(case.new.document));
    let is_asked = |symbol: &Symbol| names(case.change.instruction, &symbol.name);
    let holder = |symbol: &Symbol| symbol.path.split_last().map(|(_, holder)| holder.to_owned());
    let is_new = |symbol: &&Symbol| !before.iter().any(|other| other.path == symbol.path);
    // What is called by a new name that was asked for.
    let mut renamed: Vec<_> =
        left.iter().filter(is_new).filter(|symbol| is_asked(symbol)).map(holder).collect();
    let mut gone = before.clone();
    gone.retain(|symbol| {
        let same = left.iter().position(|other| other.path == symbol.path);
        same.map(|index| left.swap_remove(index)).is_none()
    });
    gone.retain(|symbol| {
        let place = renamed.iter().position(|place| *place == holder(symbol));
        place.map(|index| renamed.swap_remove(index)).is_none() && !is_asked(symbol)
    });
    // Items that stand close are one chunk with the name of the first, so that order alone can hide a name; and what
    // names stand for is not certain in code that does not parse.
    let is_broken = case.old.document.tree().is_some_and(|tree| tree.root_node().has_error());
    let is_written = |name: &str| words(&case.new.text).any(|word| word == name);
    gone.retain(|symbol| symbol.kind != ChunkKind::Item && !is_broken || !is_written(&symbol.name));
    gone
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Where a function that was written before is left to be written: it has more stubs in it than it had.
fn hollowed(case: &Case) -> Option<usize> {
    let (before, after) = (Stubs::of(&case.old), Stubs::of(&case.new));
    let known = lines(case.old.region_text());
    let is_hollow = |(path, at): &&(Vec<String>, usize)| {
        let rest = case.new.text.get(*at..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default().trim();
        // What is left when other lines go, as dead code.
        let was_there = known.iter().any(|other| other.text.trim() == line);
        // Of a function that came to it nobody knows what it is to do.
        let count = |functions: &[Vec<String>]| functions.iter().filter(|other| *other == path).count();
        let more = count(&after.functions).saturating_sub(count(&before.functions));
        !was_there && count(&before.functions) > 0 && after.count(path) > before.count(path) + more
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
