//! What must hold before a change is applied.
//!
//! A model's answer is held against the text it changes, in a fixed order: is there anything, can it be read, is all of
//! it there, does it still parse, does it keep what its action promises, does it lose anything. A broken promise is shown to the person with its
//! reason and never applied unasked; damage is refused. The guards that need more than two texts (`fit`, `truncated`,
//! `outside`, `stale`) are asked elsewhere and have their codes here, and so are the first ones who find an answer
//! `malformed` or lacking (`elision`). This room does *not*
//! mend anything: see `repair`.

mod addition;
mod case;
mod characters;
mod code;
mod elision;
mod empty;
mod instruction;
mod invariant;
mod loss;
mod once;
mod parse;
mod remarks;
mod rename;
mod symbols;

use std::ops::Range;

pub use code::{Guard, Refusal};

use crate::edit::{Action, Yield};
use crate::text::Document;
use case::Case;

/// What is asked about.
pub struct Change<'a> {
    pub action: Action,
    /// What the change is: what was asked for, but for a new file, which is an addition whatever made it.
    pub brings: Yield,
    /// The person's own words; empty for an action that has none.
    pub instruction: &'a str,
    /// The text that would be changed; an empty one for a new file.
    pub document: &'a Document,
    /// Bytes of `document` that the answer stands for. Of an addition it is not asked: that is told by what it adds.
    pub region: Range<usize>,
    /// The whole text after the change.
    pub text: &'a str,
    /// Bytes of `document` that the diagnostic is about, for a fix.
    pub diagnostic: Option<Range<usize>>,
    /// Names of which a test has to use one: what is tested, then what holds it; empty where that is not known.
    pub tested: &'a [String],
}

/// What is to become of a change. The sentence says to a person what was found and what can be done about it. A doubt
/// is read by nobody else; what is refused, a model that tries again is told too, so that it says what must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Apply,
    /// Shown first, and applied if the person says so.
    Confirm(Guard, String),
    Refuse(Guard, String),
}

/// Holds a change against every guard that two texts can answer. A refusal counts more than a doubt, and of several
/// the first.
pub fn check(change: &Change) -> Verdict {
    let new = Document::new(change.document.language(), change.document.version(), change.text);
    let case = match Case::of(change, &new) {
        Ok(case) => case,
        Err(refusal) => return Verdict::Refuse(refusal.guard, refusal.sentence),
    };
    let mut verdict = Verdict::Apply;
    for guard in [
        empty::check,
        characters::check,
        elision::check,
        parse::check,
        invariant::check,
        loss::check,
        remarks::check,
    ] {
        match guard(&case) {
            Verdict::Apply => {}
            refusal @ Verdict::Refuse(..) => return refusal,
            doubt if verdict == Verdict::Apply => verdict = doubt,
            _ => {}
        }
    }
    verdict
}

#[cfg(test)]
mod tests;
