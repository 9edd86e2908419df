//! `codesage models`: which there are, which are here, and how to get one.

mod calibrate;
mod check;
mod find;
mod list;
mod pull;

use std::path::PathBuf;

use clap::Subcommand;

use super::{Failure, Session};

#[derive(Debug, Subcommand)]
pub enum Models {
    /// Show models worth using, those that suit this machine first
    List(list::Options),
    /// Show GGUF files that are already on this disk: ours, those of other programs, those of the workspace
    Find(find::Options),
    /// Download a model that `models list` shows; nothing else downloads anything
    Pull(pull::Options),
    /// Check a GGUF file as it is checked before loading, and tell what it holds
    Check { file: PathBuf },
}

pub fn run(session: Session, models: Models) -> Result<(), Failure> {
    match models {
        Models::List(options) => list::run(session, options),
        Models::Find(options) => find::run(session, options),
        Models::Pull(options) => pull::run(session, options),
        Models::Check { file } => check::run(session, file),
    }
}

/// As a column: what is too long pushes the rest aside.
fn padded(text: &str, width: usize) -> String {
    let length = text.chars().count();
    format!("{text}{}", " ".repeat(width.saturating_sub(length)))
}
