//! `codesage config show`: every setting with where it comes from, as TOML that can be read again, or as JSON.
//!
//! It is what an editor would find that was started here and sets nothing by itself. Secrets are masked, for this is
//! pasted into bug reports.

use std::io::Write;
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::{Failure, Session, workspace};
use crate::cli::colour::harmless;
use crate::cli::warn;
use crate::config::layers::Setting;
use crate::config::mask::masked;
use crate::config::{Layers, Origin};

#[derive(Args, Debug)]
pub struct Options {
    /// Leave out what is as it is built in
    #[arg(long)]
    changed: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(session: Session, options: &Options) -> Result<(), Failure> {
    let mut output = session.output;
    let mut layers = session.layers;
    if let Some(workspace) = workspace::of_here() {
        layers.read_workspace(&workspace);
    }
    let settings: Vec<Setting> =
        layers.explain().into_iter().filter(|setting| !options.changed || setting.origin.is_some()).collect();
    let text = if options.json { format!("{:#}\n", as_json(&settings)) } else { as_toml(&layers, &settings) };
    output.write_all(text.as_bytes())?;
    for problem in layers.resolve().1 {
        warn(format_args!("codesage: {}\n", harmless(&problem.to_string())));
    }
    Ok(())
}

fn as_toml(layers: &Layers, settings: &[Setting]) -> String {
    let files = [("your settings", layers.user_path()), ("the workspace's", layers.workspace_path())];
    let mut text = String::new();
    for (whose, file) in files {
        if let Some(file) = file {
            let absent = if file.exists() { "" } else { ", which is not there" };
            text += &format!("# {whose}: {}{absent}\n", harmless(&file.display().to_string()));
        }
    }
    let rows: Vec<(String, String)> = settings
        .iter()
        // JSON's strings, numbers and lists are TOML's too.
        .map(|setting| (format!("{} = {}", setting.key, masked(&setting.value)), origin(setting)))
        .collect();
    let width =
        rows.iter().map(|(row, _)| row.chars().count()).filter(|width| *width <= 60).max().unwrap_or(0);
    for (row, origin) in rows {
        text += &format!("{:<width$}  # {}\n", harmless(&row), harmless(&origin));
    }
    text
}

/// In words.
fn origin(setting: &Setting) -> String {
    let Some(origin) = &setting.origin else {
        return "built in".to_owned();
    };
    match (origin, setting.line) {
        // `--model`, or `CODESAGE_MODEL`.
        (Origin::CommandLine, _) => "the command line, or the environment".to_owned(),
        (origin, Some(line)) => format!("{origin}:{line}"),
        (origin, None) => origin.to_string(),
    }
}

fn as_json(settings: &[Setting]) -> Value {
    let origin = |setting: &Setting| {
        let kind = match &setting.origin {
            None => "built-in",
            Some(Origin::User(_)) => "user",
            Some(Origin::Workspace(_)) => "workspace",
            Some(Origin::Initialization | Origin::Editor) => "editor",
            Some(Origin::CommandLine) => "command-line",
        };
        let file = setting.origin.as_ref().and_then(Origin::file).map(Path::display);
        json!({ "from": kind, "file": file.map(|file| file.to_string()), "line": setting.line })
    };
    let entry = |setting: &Setting| {
        let mut entry = origin(setting);
        entry["value"] = masked(&setting.value);
        (setting.key.to_owned(), entry)
    };
    Value::Object(settings.iter().map(entry).collect())
}
