//! Edits: from a model's answer to a change of a text that is exact, checked, or refused with its reason.
//!
//! The model writes between markers ([`markers`]); what stands there is repaired where the meaning is certain
//! ([`repair`], [`hunk`]), held against the text as it is now ([`region`]), and guarded ([`guard`]). What comes out is
//! a short list of line replacements ([`diff`]). Text in, text out: this room does *not* ask a model, read a file or
//! talk to an editor. The rules and where they come from: each module says it.

pub mod destination;
pub mod diff;
pub mod guard;
pub mod hunk;
pub mod markers;
pub mod region;
pub mod repair;
pub mod script;

use serde::{Deserialize, Serialize};

/// What a person can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    Refactor,
    Explain,
    UnitTest,
    Document,
    Fix,
    Review,
    /// A free instruction.
    Edit,
    /// One that the person wrote down as a file.
    Custom,
}

/// What an action brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yield {
    /// The region, written anew.
    Rewrite,
    /// Code that is put elsewhere; nothing is taken away.
    Addition,
    /// Prose for the person.
    Prose,
}

impl Action {
    pub fn brings(self) -> Yield {
        match self {
            Self::Refactor | Self::Document | Self::Fix | Self::Edit | Self::Custom => Yield::Rewrite,
            Self::UnitTest => Yield::Addition,
            Self::Explain | Self::Review => Yield::Prose,
        }
    }

    /// As it stands in `--action`, commands and statistics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refactor => "refactor",
            Self::Explain => "explain",
            Self::UnitTest => "unitTest",
            Self::Document => "document",
            Self::Fix => "fix",
            Self::Review => "review",
            Self::Edit => "edit",
            Self::Custom => "custom",
        }
    }
}
