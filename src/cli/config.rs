//! `codesage config`: what the settings say, without an editor.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use super::{Failure, Session};
use crate::config::{Layers, key};

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Tell what is wrong with the settings; exit code 1 if anything is
    Check {
        /// One settings file [default: the user's, and codesage.toml in this directory]
        file: Option<PathBuf>,
    },
    /// Print a JSON schema of the settings
    Schema,
}

pub fn run(session: Session, config: Config) -> Result<(), Failure> {
    match config {
        Config::Check { file } => check(session, file),
        Config::Schema => {
            let mut output = session.output;
            writeln!(output, "{:#}", key::schema())?;
            Ok(())
        }
    }
}

fn check(session: Session, file: Option<PathBuf>) -> Result<(), Failure> {
    let mut output = session.output;
    let layers = match file {
        Some(file) => {
            let file = fs::canonicalize(&file)
                .map_err(|error| Failure::Message(format!("{}: {error}", file.display())))?;
            let mut layers = Layers::new(Some(file.clone()));
            // What a workspace's file may not say is told of it by its name.
            match file.parent().filter(|_| file.file_name().is_some_and(|name| name == "codesage.toml")) {
                Some(root) => layers.read_workspace(root),
                None => layers.read_user(),
            }
            layers
        }
        None => {
            let mut layers = session.layers;
            let here = std::env::current_dir()?;
            layers.read_workspace(&here);
            layers
        }
    };
    let (_, problems) = layers.resolve();
    for problem in &problems {
        writeln!(output, "{problem}")?;
    }
    match problems.len() {
        0 => {
            let files: Vec<String> = layers.files().map(|file| file.display().to_string()).collect();
            let read = if files.is_empty() { "no settings file".to_owned() } else { files.join(", ") };
            writeln!(output, "no problems ({read})")?;
            Ok(())
        }
        1 => Err(Failure::Message("1 problem".to_owned())),
        count => Err(Failure::Message(format!("{count} problems"))),
    }
}
