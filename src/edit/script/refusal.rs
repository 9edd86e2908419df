//! Why an answer is not applied: a code for the statistics, and a sentence that a person can act on.

use std::fmt;

use crate::edit::guard::{self, Guard};
use crate::edit::markers::Fault;

/// Does *not* cover what guards find in a change that could be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The answer is prose only.
    NoEdit,
    /// A limit ended the answer.
    Truncated,
    Malformed(Fault),
    /// Nothing was written for the region.
    Empty,
    /// The model left code out, and what it means is not certain.
    Elision {
        /// The line that stands for the code.
        line: String,
    },
    /// The text to be changed does not stand in the file.
    Missing {
        /// Counted from 0.
        hunk: usize,
        /// The lines most like it, numbered from 1; both included.
        nearest: Option<(usize, usize)>,
    },
    /// The text to be changed stands in several places.
    Ambiguous {
        hunk: usize,
        /// Where each begins, numbered from 1.
        lines: Vec<usize>,
    },
    /// Two hunks change the same lines.
    Overlap {
        hunk: usize,
        other: usize,
    },
}

impl Refusal {
    /// The stable code that statistics and results show.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoEdit | Self::Malformed(_) => "malformed",
            Self::Truncated => "truncated",
            Self::Empty => "empty",
            Self::Elision { .. } => "elision",
            Self::Missing { .. } => "missing",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Overlap { .. } => "overlap",
        }
    }
}

impl From<Refusal> for guard::Refusal {
    fn from(refusal: Refusal) -> Self {
        let guard = match refusal {
            Refusal::Truncated => Guard::Truncated,
            Refusal::Empty => Guard::Empty,
            Refusal::Elision { .. } => Guard::Elision,
            // Each says what to change in a way that could be meant otherwise, or not at all.
            Refusal::NoEdit
            | Refusal::Malformed(_)
            | Refusal::Missing { .. }
            | Refusal::Ambiguous { .. }
            | Refusal::Overlap { .. } => Guard::Malformed,
        };
        Self::saying(guard, &format!("{refusal}."))
    }
}

/// Lines that a message names before it breaks off.
const NAMED: usize = 5;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEdit => f.write_str("the model answered without a change; ask again, or more plainly"),
            Self::Truncated => {
                f.write_str("the answer was cut off by a limit; select less, or raise the limit of tokens")
            }
            Self::Malformed(fault) => write!(f, "the answer cannot be used: {}; try again", fault.meaning()),
            Self::Empty => f.write_str(
                "the model wrote nothing in place of the code; delete it yourself if that is meant",
            ),
            Self::Elision { line } => write!(
                f,
                "the model left code out at `{}`, and which code is not certain; select less and try again",
                line.trim()
            ),
            Self::Missing { hunk, nearest: None } => {
                write!(f, "the text that change {} looks for is not in the file; try again", hunk + 1)
            }
            Self::Missing { hunk, nearest: Some((first, last)) } => write!(
                f,
                "the text that change {} looks for is not in the file; most like it are lines {first} to {last}",
                hunk + 1
            ),
            Self::Ambiguous { hunk, lines } => {
                let named: Vec<_> = lines.iter().take(NAMED).map(ToString::to_string).collect();
                let more = if lines.len() > NAMED { " and more" } else { "" };
                write!(
                    f,
                    "the text that change {} looks for stands at lines {}{more}; select the one that is meant",
                    hunk + 1,
                    named.join(", ")
                )
            }
            Self::Overlap { hunk, other } => {
                write!(f, "changes {} and {} touch the same lines; try again", hunk + 1, other + 1)
            }
        }
    }
}

impl Fault {
    /// What is wrong, as part of a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::SearchWithoutReplace => "it names code without saying what shall stand there",
            Self::ReplaceWithoutSearch => "it gives new code without saying where",
            Self::EmptySearch => "it looks for nothing",
            Self::TextBesideHunks => "text stands beside its changes",
            Self::UnknownOperation => "it asks for an operation that is not known",
            Self::RenameTarget => "a rename and its new name do not go together",
            Self::NoFile => "it does not name the file",
            Self::UnexpectedBody => "its text does not fit its operation",
            Self::RegionNumber => "it does not say which region it changes, or changes one twice",
            Self::AnotherFile => "it goes on to another file, and only this code was asked for",
            Self::Thoughts => "the model thought about it and wrote no code",
            Self::Diff => "it is a diff that does not fit the code; all of the new code was asked for",
            Self::SeveralEdits => "it has several changes where one was asked for",
        }
    }
}
