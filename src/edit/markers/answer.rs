//! What a parsed answer is made of, as far as its form goes.
//!
//! Nothing here knows a file, a region's text or whether an edit is right.

use crate::edit::markers::Header;

/// What can be told while the answer is still being written, for a person to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A line outside any edit, with its line end.
    Prose(String),
    /// An edit was opened.
    Start,
    /// A line of new text, with its line end.
    Line(String),
    /// A pair of search and replace is complete: how many the open edit had before it.
    Hunk(usize),
    /// The open edit was closed.
    Close(Status),
}

/// Why the answer ended, as far as its meaning depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The end marker is a stop string, was met, and was taken off the text.
    Marker,
    /// The model ended by itself.
    EndOfText,
    /// A limit of tokens or time, or a cancel: anything may be missing.
    Limit,
}

/// How an edit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// By its end marker.
    Ok,
    /// By the start of the next one: needs a passing syntax check, and a preview.
    Implicit,
    /// By the end of the answer: needs a passing syntax check, and outside [`Tier::Region`](super::Tier::Region) a preview.
    Unterminated,
    /// By a limit. Never to be applied, whatever it holds.
    Truncated,
    /// It does not say what to do. Never to be applied.
    Malformed(Fault),
}

/// The first thing that made an edit [`Status::Malformed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Else a forgotten `REPLACE` would delete the code that it names.
    SearchWithoutReplace,
    ReplaceWithoutSearch,
    /// Found at the start of every file.
    EmptySearch,
    TextBesideHunks,
    /// An `OP:` that the grammar does not know.
    UnknownOperation,
    /// A rename that does not say to what, or a `TO:` without a rename.
    RenameTarget,
    /// A create, delete or rename that does not say what.
    NoFile,
    /// Search and replace for a file to be created, or text for one to be deleted.
    UnexpectedBody,
    /// A `REGION:` that is no number, or that another edit has too.
    RegionNumber,
    /// Several edits where one was asked for.
    SeveralEdits,
    /// A file is named where one region was asked for.
    AnotherFile,
    /// Thoughts that have no end.
    Thoughts,
    /// A diff, of code that is not the region's.
    Diff,
}

/// Lines to find in the text as it was shown, and what stands there instead; both with their line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    pub search: String,
    pub replace: String,
}

/// What an edit holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// New text, as the model wrote it: a code fence is still round it.
    Whole(String),
    /// At least one.
    Hunks(Vec<Hunk>),
}

/// One edit as it was written; `script` says what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Each name at most once, in the order of the answer.
    pub headers: Vec<(Header, String)>,
    pub body: Body,
    pub status: Status,
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub blocks: Vec<Block>,
    /// All that stands outside the edits: for the person.
    pub prose: String,
}
