//! `codesage config check`: what is wrong in settings and in the person's own actions.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Failure, Session, workspace};
use crate::assist::recipes::Recipes;
use crate::cli::colour::harmless;
use crate::config::Layers;
use crate::config::layers::WORKSPACE_FILE;

pub fn run(session: Session, file: Option<PathBuf>) -> Result<(), Failure> {
    let mut output = session.output;
    let (layers, workspace) = match file {
        Some(file) => (only(&file)?, None),
        None => {
            let mut layers = session.layers;
            let workspace = workspace::of_here();
            if let Some(workspace) = &workspace {
                layers.read_workspace(workspace);
            }
            (layers, workspace)
        }
    };
    let (settings, mut problems) = layers.resolve();
    let mut read: Vec<String> = layers.files().map(|file| file.display().to_string()).collect();
    if read.is_empty() {
        read.push("no settings file".to_owned());
    }
    if let Some(workspace) = workspace {
        let (actions, wrong) = Recipes::load(&[workspace], &settings.actions);
        problems.extend(wrong);
        match actions.count() {
            0 => {}
            1 => read.push("1 action".to_owned()),
            count => read.push(format!("{count} actions")),
        }
    }
    for problem in &problems {
        writeln!(output, "{}", harmless(&problem.to_string()))?;
    }
    match problems.len() {
        0 => Ok(writeln!(output, "no problems ({})", read.join(", "))?),
        1 => Err(Failure::Message("1 problem".to_owned())),
        count => Err(Failure::Message(format!("{count} problems"))),
    }
}

/// What is written in one file.
fn only(file: &Path) -> Result<Layers, Failure> {
    let about = |why: &str| Failure::Message(format!("{}: cannot be read: {why}", file.display()));
    let name = file.file_name().ok_or_else(|| about("it is not a file"))?;
    // NB: where it stands, and not where a link leads to, says whose it is.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let there = fs::canonicalize(folder).map(|folder| folder.join(name)).ok();
    let file =
        there.filter(|file| file.symlink_metadata().is_ok()).ok_or_else(|| about("there is no such file"))?;
    // What a workspace's file may not say is told of it by its name.
    let root = file.parent().filter(|_| file.file_name().is_some_and(|name| name == WORKSPACE_FILE));
    let mut layers = Layers::new(Some(file.clone()).filter(|_| root.is_none()));
    match root {
        Some(root) => layers.read_workspace(root),
        None => layers.read_user(),
    }
    Ok(layers)
}
