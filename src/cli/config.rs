//! `codesage config`: what the settings say, and the actions beside them, without an editor.

mod check;
mod show;

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use super::{Failure, Session, workspace};
use crate::config::key;

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Tell what is wrong with the settings and with your own actions; exit code 1 if anything is
    Check {
        /// One settings file [default: the user's, the workspace's codesage.toml, and its actions]
        file: Option<PathBuf>,
    },
    /// Print each setting, its value and where that is written
    Show(show::Options),
    /// Print a JSON schema of the settings
    Schema,
}

pub fn run(session: Session, config: Config) -> Result<(), Failure> {
    // What is shown or checked without the file that was named would not be what was asked for.
    let goes_by_it = !matches!(config, Config::Check { file: Some(_) } | Config::Schema);
    if let Some(problem) = session.layers.unreadable().filter(|_| goes_by_it) {
        return Err(Failure::Message(problem.to_string()));
    }
    match config {
        Config::Check { file } => check::run(session, file),
        Config::Show(options) => show::run(session, &options),
        Config::Schema => {
            let mut output = session.output;
            writeln!(output, "{:#}", key::schema())?;
            Ok(())
        }
    }
}
