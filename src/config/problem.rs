//! What was wrong with a setting, told so that a person can mend it. Not an error: the rest still applies.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    User(PathBuf),
    /// Came with the code in it, so it is trusted with less.
    Workspace(PathBuf),
    /// `initializationOptions`.
    Initialization,
    /// The `codesage` section, pulled or pushed.
    Editor,
    CommandLine,
}

/// One setting that does not apply, or one file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub origin: Origin,
    /// One-based, where the origin is a file.
    pub line: Option<usize>,
    /// What is wrong in the text of that file, bytes; none where it is the whole.
    pub at: Option<Range<usize>>,
    /// Dotted; none where the whole file is meant.
    pub key: Option<String>,
    /// What was found and what to write instead.
    pub message: String,
}

impl Problem {
    /// Whether it is the same again: lines above it may have come and gone.
    pub fn is_again(&self, before: &Problem) -> bool {
        (&self.origin, &self.key, &self.message) == (&before.origin, &before.key, &before.message)
    }
}

impl Origin {
    /// The file that it was written in.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Origin::User(path) | Origin::Workspace(path) => Some(path),
            Origin::Initialization | Origin::Editor | Origin::CommandLine => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::User(path) | Origin::Workspace(path) => write!(f, "{}", path.display()),
            Origin::Initialization => f.write_str("initializationOptions"),
            Origin::Editor => f.write_str("the editor's settings"),
            Origin::CommandLine => f.write_str("the command line"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": `{key}`")?;
        }
        write!(f, ": {}", self.message)
    }
}
