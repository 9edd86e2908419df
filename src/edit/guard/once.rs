//! Whether code comes to stand beside itself.
//!
//! Models go round in circles, and write once more what they were only shown; a parser takes both. What honest code
//! has of its own (a property beside its setter, a table of equal rows) is told from that by what was there before.

use std::collections::{HashMap, HashSet};

use crate::edit::Yield;
use crate::edit::guard::case::Case;
use crate::edit::guard::invariant::Kept;
use crate::edit::guard::symbols::{Symbol, symbols};
use crate::edit::hunk::lines::{Line, lines};
use crate::syntax::{Chunk, ChunkKind};
use crate::text::Document;

/// Lines in a row that are no chance.
const RUN: usize = 4;
/// Of them so many say something.
const TELLING: usize = 3;
/// Lines just above the region at one of which a model begins, when it writes more than it was asked for.
const BESIDE: usize = 3;
/// Letters and digits of a line that stands nowhere else by chance.
const SAYING: usize = 6;
/// The same line so many times in a row is no chance either.
const ROUND: usize = 6;

pub fn check(case: &Case) -> Kept {
    if case.change.brings != Yield::Rewrite {
        // An addition's names were held to be free, and a test looks like the one above it.
        return Ok(());
    }
    functions_once(case)?;
    copied(case)?;
    round(case)
}

/// No function comes to stand beside itself.
fn functions_once(case: &Case) -> Kept {
    let (old, mut seen) = (functions(case.old.document), HashMap::new());
    for function in functions(case.new.document) {
        let count = seen.entry(function.clone()).or_insert(0);
        *count += 1;
        if *count > 1 && *count > old.iter().filter(|other| **other == function).count() {
            return Err(format!(
                "The change has `{}` twice at one place.",
                function.path.last().map_or("", String::as_str)
            ));
        }
    }
    Ok(())
}

/// A function, as far as two of them in one place cannot be told apart.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Function {
    path: Vec<String>,
    signature: String,
    /// Where among the chunks of its document what holds it stands, of those of that name.
    holder: usize,
}

fn functions(document: &Document) -> Vec<Function> {
    let chunks = document.chunks();
    let of = |symbol: Symbol| {
        let chunk = chunks.get(symbol.chunk)?;
        let round =
            |other: &&Chunk| other.range.start < chunk.range.start && chunk.range.end <= other.range.end;
        // Several blocks may implement one type, each with a function of that name.
        let holder = chunks.iter().rfind(round);
        let before = holder.map_or(0, |holder| {
            chunks
                .iter()
                .filter(|other| other.name == holder.name && other.range.start < holder.range.start)
                .count()
        });
        Some(Function {
            signature: document.slice(chunk.signature.clone()).trim().to_owned(),
            path: symbol.path,
            holder: before,
        })
    };
    symbols(document).into_iter().filter(Symbol::is_function).filter_map(of).collect()
}

/// No lines are written that stand elsewhere in the file already.
fn copied(case: &Case) -> Kept {
    let written = visible(case.new.region_text());
    let texts = |lines: &[Line]| lines.iter().map(|line| line.text.trim().to_owned()).collect::<Vec<_>>();
    let runs = |text: &str| -> HashSet<Vec<String>> { visible(text).windows(RUN).map(texts).collect() };
    let [above, below] = case.old.outside().map(runs);
    let before = runs(case.old.region_text());
    let says_something = |line: &&Line| line.text.chars().filter(|c| c.is_alphanumeric()).count() > 2;
    let is_copied = |run: &&[Line]| {
        let texts = texts(run);
        (above.contains(&texts) || below.contains(&texts))
            && !before.contains(&texts)
            && run.iter().filter(says_something).count() >= TELLING
    };
    let run = written.windows(RUN).find(is_copied).and_then(<[Line]>::first);
    let head = || written.first().filter(|line| is_from_above(case, line));
    let Some(first) = run.or_else(head).copied().or_else(|| imported(case)) else {
        return Ok(());
    };
    Err(format!(
        "The change writes lines once more that stand elsewhere in the file already, from {} on.",
        case.new.quote(case.new.region.start + first.start)
    ))
}

/// Whether the first line of the new code is one that stands just above the region, and nowhere else.
fn is_from_above(case: &Case, line: &Line) -> bool {
    let outside = case.old.outside().map(visible);
    let is_same = |other: &&Line| other.text.trim_end() == line.text.trim_end();
    let elsewhere = outside.iter().flatten().chain(&visible(case.old.region_text())).filter(is_same).count();
    let is_telling = line.text.chars().filter(|c| c.is_alphanumeric()).count() >= SAYING;
    is_telling && elsewhere == 1 && outside[0].iter().rev().take(BESIDE).any(|other| is_same(&other))
}

/// A line of imports in the new code that the file has elsewhere.
fn imported<'c>(case: &'c Case) -> Option<Line<'c>> {
    let region = &case.new.region;
    let chunks = case.new.document.chunks().iter().filter(|chunk| chunk.kind == ChunkKind::Imports);
    let is_in = |at: usize| chunks.clone().any(|chunk| chunk.range.contains(&at));
    let outside = case.old.outside().map(visible).concat();
    let known = visible(case.old.region_text());
    let has =
        |lines: &[Line], line: &Line| lines.iter().any(|other| other.text.trim_end() == line.text.trim_end());
    let mut written = visible(case.new.region_text()).into_iter();
    written.find(|line| is_in(region.start + line.start) && has(&outside, line) && !has(&known, line))
}

/// No line is written over and over.
fn round(case: &Case) -> Kept {
    // How often a line comes in a row, and where the last of them begins.
    let longest = |text: &str| {
        let (mut longest, mut last, mut count) = ((0, 0), String::new(), 0);
        for line in visible(text).iter().filter(|line| line.text.contains(char::is_alphanumeric)) {
            count = if line.text.trim() == last { count + 1 } else { 1 };
            last = line.text.trim().to_owned();
            longest = longest.max((count, line.start));
        }
        longest
    };
    let ((before, _), (after, at)) = (longest(case.old.region_text()), longest(case.new.region_text()));
    if after < ROUND || after <= before {
        return Ok(());
    }
    Err(format!(
        "The change has the same line {after} times in a row, {}.",
        case.new.quote(case.new.region.start + at)
    ))
}

fn visible(text: &str) -> Vec<Line<'_>> {
    lines(text).into_iter().filter(|line| !line.is_blank()).collect()
}
