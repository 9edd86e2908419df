//! Where settings are written, on top of each other: user file, workspace file, editor, command line.
//!
//! Each place is read when told to and kept as it was written; [`Layers::resolve`] starts from the built-in values
//! each time, so that a key that is taken out of a file goes back to what stands below it. Reads files, but watches
//! none.

mod read;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::config::field::Paths;
use crate::config::key::{Key, explain_unknown};
use crate::config::{Origin, Part, Parts, Problem, Settings};

/// Problems of one place that are told; the rest is counted. A hostile file can hold very many.
const TOLD: usize = 20;

/// Every place where settings are written, the later ones winning.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// `--config`; none: the platform's place.
    user_file: Option<PathBuf>,
    /// The first workspace folder.
    root: Option<PathBuf>,
    user: Option<Layer>,
    workspace: Option<Layer>,
    initialization: Option<Layer>,
    editor: Option<Layer>,
    command_line: Option<Layer>,
    parts: Parts,
}

/// What the command line and the environment set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// As `model.path` where it has a path in it or is a file that is there, else as `model.name`.
    pub model: Option<String>,
    /// As `log.level`.
    pub log_level: Option<String>,
    /// As `log.file`.
    pub log_file: Option<String>,
    /// What no other place can set.
    pub without: Vec<Part>,
}

/// One place.
#[derive(Clone, Debug)]
struct Layer {
    origin: Origin,
    entries: Vec<Entry>,
    /// What made the place unreadable, in whole or in part.
    problems: Vec<Problem>,
}

/// One key as it was written.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    key: String,
    value: Value,
    line: Option<usize>,
}

impl Layers {
    /// `user_file` stands in for the file at the platform's place, and is then expected to exist.
    pub fn new(user_file: Option<PathBuf>) -> Self {
        Self { user_file, ..Self::default() }
    }

    /// Reads the user's file, again if it was read before.
    pub fn read_user(&mut self) {
        let asked_for = self.user_file.is_some();
        let Some(path) = self.user_file.clone().or_else(user_file) else {
            return;
        };
        self.user = Layer::read(Origin::User(path.clone()), &path, asked_for);
    }

    /// Reads `codesage.toml` of the workspace folder `root`, again if it was read before. In a workspace of several
    /// folders only the first one is asked: settings belong to the session.
    pub fn read_workspace(&mut self, root: &Path) {
        let path = root.join("codesage.toml");
        self.root = Some(root.to_path_buf());
        self.workspace = Layer::read(Origin::Workspace(path.clone()), &path, false);
    }

    /// Takes `initializationOptions`. Bare, or below `codesage`.
    pub fn set_initialization(&mut self, options: &Value) {
        self.initialization = Some(Layer::of(Origin::Initialization, section(options)));
    }

    /// Takes the editor's settings, pulled or pushed, in place of those taken before. Bare, or below `codesage`.
    /// They win over `initializationOptions`, which stand where these are silent.
    pub fn set_editor(&mut self, settings: &Value) {
        self.editor = Some(Layer::of(Origin::Editor, section(settings)));
    }

    pub fn set_command_line(&mut self, options: CommandLine) {
        let is_path = |model: &String| model.contains(['/', '\\']) || Path::new(model).is_file();
        let path = options.model.as_ref().filter(|model| is_path(model));
        let name = options.model.as_ref().filter(|model| !is_path(model));
        let settings = json!({
            "model": {"path": path, "name": name},
            "log": {"level": options.log_level, "file": options.log_file},
        });
        self.command_line = Some(Layer::of(Origin::CommandLine, &settings));
        self.parts = Parts::without(options.without);
    }

    /// The settings files that were found.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let layers = [&self.user, &self.workspace];
        layers.into_iter().flatten().filter_map(|layer| match &layer.origin {
            Origin::User(path) | Origin::Workspace(path) => Some(path.as_path()),
            Origin::Initialization | Origin::Editor | Origin::CommandLine => None,
        })
    }

    /// The settings that all places together make, and what in them does not apply.
    pub fn resolve(&self) -> (Settings, Vec<Problem>) {
        let mut settings =
            Settings { parts: self.parts.clone(), root: self.root.clone(), ..Settings::default() };
        let mut problems = Vec::new();
        let working = std::env::current_dir().unwrap_or_default();
        let layers = [&self.user, &self.workspace, &self.initialization, &self.editor, &self.command_line];
        for layer in layers.into_iter().flatten() {
            let paths = match &layer.origin {
                Origin::User(file) => Paths { base: file.parent().unwrap_or(&working), fence: None },
                Origin::Workspace(file) => {
                    Paths { base: file.parent().unwrap_or(&working), fence: file.parent() }
                }
                Origin::Initialization | Origin::Editor => {
                    Paths { base: self.root.as_deref().unwrap_or(&working), fence: None }
                }
                Origin::CommandLine => Paths { base: &working, fence: None },
            };
            problems.extend(layer.apply(&mut settings, &paths));
        }
        // Parts that are settings too.
        settings.completion.speculate &= self.parts.has(Part::Speculation);
        settings.completion.warm_up &= self.parts.has(Part::Warm);
        (settings, problems)
    }
}

/// `codesage/config.toml` where the platform keeps settings: `$XDG_CONFIG_HOME`, `~/Library/Application Support`,
/// `%APPDATA%`.
pub fn user_file() -> Option<PathBuf> {
    Some(directories::BaseDirs::new()?.config_dir().join("codesage").join("config.toml"))
}

/// The part of an editor's object that is ours: editors push all sections, or only ours without its name.
fn section(value: &Value) -> &Value {
    match value.get("codesage") {
        Some(section) => section,
        None => value,
    }
}

/// Whether the person's own file alone may say it, and the command line: what an editor sends may come from a file of the
/// project (`.vscode/settings.json`, `.dir-locals.el`), and this sends code elsewhere, or runs a program.
fn is_own(key: &str) -> bool {
    key.starts_with("remote.")
}

impl Layer {
    fn of(origin: Origin, value: &Value) -> Self {
        let mut layer = Self { origin, entries: Vec::new(), problems: Vec::new() };
        match value {
            Value::Object(_) | Value::Null => read::flatten_json(String::new(), value, &mut layer.entries),
            _ => layer.complain(None, "expected an object of settings".to_owned()),
        }
        layer
    }

    /// `None` where there is no file and none was asked for.
    fn read(origin: Origin, path: &Path, asked_for: bool) -> Option<Self> {
        let mut layer = Self { origin, entries: Vec::new(), problems: Vec::new() };
        match read::settings_file(path) {
            Ok(text) => {
                let (entries, errors) = read::flatten_toml(&text);
                layer.entries = entries;
                for (line, message) in errors {
                    layer.complain(line, message);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !asked_for => return None,
            Err(error) => layer.complain(None, format!("cannot be read: {error}")),
        }
        Some(layer)
    }

    fn complain(&mut self, line: Option<usize>, message: String) {
        self.problems.push(Problem { origin: self.origin.clone(), line, key: None, message });
    }

    /// Whether no project can have a hand in it.
    fn is_own(&self) -> bool {
        matches!(self.origin, Origin::User(_) | Origin::CommandLine)
    }

    fn apply(&self, settings: &mut Settings, paths: &Paths) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        for Entry { key, value, line } in &self.entries {
            let outcome = match Key::named(key) {
                Some(key) if is_own(key.name) && !self.is_own() => Err(format!(
                    "counts in your own settings file alone, for a project could have said it here{}",
                    user_file().map_or_else(String::new, |file| format!(": {}", file.display()))
                )),
                Some(key) => key.apply(settings, value, paths),
                None => Err(explain_unknown(key)),
            };
            problems.extend(outcome.err().map(|message| Problem {
                origin: self.origin.clone(),
                line: *line,
                key: Some(key.chars().take(100).collect()),
                message,
            }));
        }
        let untold = problems.len().saturating_sub(TOLD);
        if untold > 0 {
            problems.truncate(TOLD);
            problems.push(Problem {
                origin: self.origin.clone(),
                line: None,
                key: None,
                message: format!("and {untold} more problems"),
            });
        }
        problems
    }
}

#[cfg(test)]
mod tests;
