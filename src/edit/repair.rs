//! From what a model wrote for a region to the text that is meant.
//!
//! Models wrap code in fences, number its lines, repeat those round what they were asked for, lose the indentation, and
//! write `// ... existing code ...` for what they leave alone. Each of these is undone where the meaning is certain, in a
//! fixed order, and every step is told; what is not certain is refused or left for the guards. The ladder is that of the
//! design of edits. Does *not* judge the code, parse it, or look at a file: it gets the region and its neighbours as text.

mod echo;
pub(in crate::edit) mod elision;
mod fence;
mod habits;
pub mod heading;
pub mod indent;
mod indent_to;
mod surroundings;

pub use fence::{is_fence, unfence};
pub use surroundings::Surroundings;

use std::fmt;

use crate::edit::hunk::lines::{Line, lines, trim};
use crate::edit::script::Refusal;

/// The byte order mark that a file may begin with.
const MARK: &str = "\u{feff}";

/// What was done to a body, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// What the model thought first was taken off.
    Thoughts,
    /// A code fence was taken off.
    Unfenced,
    /// The one fence with the code in it was taken out of what is said about it.
    Prose,
    /// The signs of a diff were taken off, with what it takes away.
    Signs,
    /// Line numbers were taken off.
    Numbers,
    /// Characters stand for their entities.
    Entities,
    /// Blank lines before or after it went.
    Trimmed,
    /// So many lines at its start stand just above the region already.
    EchoAbove(usize),
    /// So many lines at its end stand just below the region already.
    EchoBelow(usize),
    /// Tabs became spaces, or spaces tabs, as in the file.
    Restyled,
    /// All lines were moved to where the region stands.
    Indented,
    /// The first line alone was.
    FirstIndented,
    /// Line ends became those of the file.
    LineEnds,
    /// Code of the region stands again where so many comments stood for it.
    Elision(usize),
    /// The line end of the last line was added or taken off, as the region has it.
    FinalLineEnd,
}

/// A body that can stand in place of its region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    pub text: String,
    pub steps: Vec<Step>,
}

/// The text that is meant by `body`, which a model wrote in place of a region.
///
/// # Errors
///
/// [`Refusal::Empty`] where nothing is left, [`Refusal::Elision`] where code was left out and which is not certain,
/// [`Refusal::Malformed`] for thoughts or a diff that cannot be made code.
pub fn repair(body: &str, around: &Surroundings) -> Result<Repaired, Refusal> {
    let mut work = Work { text: body.to_owned(), steps: Vec::new() };
    let region = lines(&around.region);
    work.take(Step::Thoughts, habits::without_thoughts(&work.text, &around.region)?);
    if !trim(&region).first().is_some_and(|line| fence::is_fence(line.text)) {
        work.take(Step::Unfenced, unfence(&work.text).map(str::to_owned));
    }
    work.take(Step::Prose, habits::out_of_prose(&work.text, &around.region));
    work.take(Step::Signs, habits::out_of_diff(&work.text, &around.region)?);
    work.take(Step::Numbers, habits::without_numbers(&work.text, &around.region));
    work.take(Step::Entities, habits::without_entities(&work.text, &around.region));
    work.take(Step::Trimmed, trimmed(&work.text, &around.region));
    if around.is_whole_lines {
        for (step, text) in echo::strip(&work.text, around) {
            work.take(step, Some(text));
        }
        // What was echoed may have been set apart.
        work.take(Step::Trimmed, trimmed(&work.text, &around.region));
        work.take(Step::Restyled, indent_to::restyle(&work.text, around));
        if let Some((step, text)) = indent_to::region(&work.text, &around.region) {
            work.take(step, Some(text));
        }
    }
    if work.text.trim().is_empty() {
        return Err(Refusal::Empty);
    }
    work.take(Step::LineEnds, line_ends(&work.text, around.newline));
    if let Some((text, gaps)) = elision::splice(&work.text, &around.region)? {
        work.take(Step::Elision(gaps), Some(text));
    }
    work.take(Step::FinalLineEnd, final_line_end(&work.text, around));
    work.text = around.cut_lead(work.text);
    if around.region.starts_with(MARK) {
        // Of the file, not of its code: no model writes it.
        work.text.insert_str(0, MARK);
    }
    Ok(Repaired { text: work.text, steps: work.steps })
}

struct Work {
    text: String,
    steps: Vec<Step>,
}

impl Work {
    /// Notes a step only where it changes something.
    fn take(&mut self, step: Step, text: Option<String>) {
        if let Some(text) = text.filter(|text| *text != self.text) {
            self.text = text;
            if self.steps.last() != Some(&step) {
                self.steps.push(step);
            }
        }
    }
}

/// Without blank lines at either end, save where the region has such too.
fn trimmed(text: &str, region: &str) -> Option<String> {
    let (lines, region) = (lines(text), lines(region));
    let visible = trim(&lines);
    let (first, last) = visible.first().zip(visible.last())?;
    let is_blank = |line: Option<&Line>| line.is_some_and(|line| line.is_blank());
    let start = if is_blank(region.first()) { 0 } else { first.start };
    let end = if is_blank(region.last()) { text.len() } else { last.range().end };
    Some(text[start..end].to_owned())
}

fn line_ends(text: &str, newline: &str) -> Option<String> {
    let mut changed = String::with_capacity(text.len());
    for line in lines(text) {
        changed.push_str(line.text);
        changed.push_str(if line.newline.is_empty() { "" } else { newline });
    }
    Some(changed)
}

fn final_line_end(text: &str, around: &Surroundings) -> Option<String> {
    let end = |text: &str| text.len() - lines(text).last().map_or(0, |line| line.newline.len());
    let mut changed = text[..end(text)].to_owned();
    changed.push_str(&around.region[end(&around.region)..]);
    Some(changed)
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thoughts => f.write_str("took thoughts off"),
            Self::Unfenced => f.write_str("took a code fence off"),
            Self::Prose => f.write_str("took the code out of prose"),
            Self::Signs => f.write_str("took the signs of a diff off"),
            Self::Numbers => f.write_str("took line numbers off"),
            Self::Entities => f.write_str("wrote characters for entities"),
            Self::Trimmed => f.write_str("took blank lines off"),
            Self::EchoAbove(lines) => write!(f, "took off {lines} lines that stand above already"),
            Self::EchoBelow(lines) => write!(f, "took off {lines} lines that stand below already"),
            Self::Restyled => f.write_str("changed tabs and spaces to those of the file"),
            Self::Indented => f.write_str("moved it to the indentation of the region"),
            Self::FirstIndented => f.write_str("moved its first line to the indentation of the region"),
            Self::LineEnds => f.write_str("changed line ends to those of the file"),
            Self::Elision(gaps) => write!(f, "put code back in {gaps} places where it was left out"),
            Self::FinalLineEnd => f.write_str("ended it as the region ends"),
        }
    }
}

#[cfg(test)]
mod tests;
