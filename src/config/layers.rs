//! Where settings are written, on top of each other: user file, workspace file, editor, command line.
//!
//! Each place is read when told to and kept as it was written; [`Layers::resolve`] starts from the built-in values
//! each time, so that a key that is taken out of a file goes back to what stands below it. Reads files and knows whether
//! they changed since; when to ask is for others to say.

mod layer;
pub(super) mod read;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::config::field::Paths;
use crate::config::key::{KEYS, Key};
use crate::config::stamp::{Stamp, stamp};
use crate::config::{Origin, Part, Parts, Problem, Settings};
use layer::Layer;

/// A workspace's own settings.
pub const WORKSPACE_FILE: &str = "codesage.toml";

/// Every place where settings are written, the later ones winning.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// `--config`; none: the platform's place.
    user_file: Option<PathBuf>,
    /// The first workspace folder.
    root: Option<PathBuf>,
    user: Option<Layer>,
    workspace: Option<Layer>,
    /// The files as they were just before they were read; none: not read.
    user_seen: Option<Stamp>,
    workspace_seen: Option<Stamp>,
    initialization: Option<Layer>,
    editor: Option<Layer>,
    command_line: Option<Layer>,
    parts: Parts,
}

/// One setting and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    pub key: &'static str,
    /// As it would be written.
    pub value: Value,
    /// None: built in.
    pub origin: Option<Origin>,
    /// One-based, where the origin is a file.
    pub line: Option<usize>,
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

impl Layers {
    /// `user_file` stands in for the file at the platform's place, and is then expected to exist.
    pub fn new(user_file: Option<PathBuf>) -> Self {
        Self { user_file, ..Self::default() }
    }

    /// Reads the user's file, again if it was read before.
    pub fn read_user(&mut self) {
        let Some(path) = self.user_path() else {
            return;
        };
        self.user_seen = Some(stamp(&path));
        self.user = Layer::read(Origin::User(path.clone()), &path, self.user_file.is_some());
    }

    /// Reads `codesage.toml` of the workspace folder `root`, again if it was read before. In a workspace of several
    /// folders only the first one is asked: settings belong to the session.
    pub fn read_workspace(&mut self, root: &Path) {
        let path = root.join(WORKSPACE_FILE);
        self.root = Some(root.to_path_buf());
        self.workspace_seen = Some(stamp(&path));
        self.workspace = Layer::read(Origin::Workspace(path.clone()), &path, false);
    }

    /// Reads both files again, as far as they were read before.
    pub fn read_again(&mut self) {
        if self.user_seen.is_some() {
            self.read_user();
        }
        if let Some(root) = self.root.clone().filter(|_| self.workspace_seen.is_some()) {
            self.read_workspace(&root);
        }
    }

    /// Whether one of the files came, went or changed since it was read. A question to the disk for each, and no more.
    pub fn is_stale(&self) -> bool {
        let files = [(self.user_path(), self.user_seen), (self.workspace_path(), self.workspace_seen)];
        files
            .into_iter()
            .any(|(path, seen)| seen.is_some_and(|seen| path.is_some_and(|path| stamp(&path) != seen)))
    }

    /// Takes the files from others of the same session, which have read them while these were in use.
    pub fn take_files(&mut self, read: Layers) {
        (self.user, self.user_seen) = (read.user, read.user_seen);
        (self.workspace, self.workspace_seen) = (read.workspace, read.workspace_seen);
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
        [&self.user, &self.workspace].into_iter().flatten().filter_map(|layer| layer.origin.file())
    }

    /// The user's file, whether or not it is there.
    pub fn user_path(&self) -> Option<PathBuf> {
        self.user_file.clone().or_else(user_file)
    }

    /// The workspace's file, whether or not it is there.
    pub fn workspace_path(&self) -> Option<PathBuf> {
        Some(self.root.as_ref()?.join(WORKSPACE_FILE))
    }

    /// The settings that all places together make, and what in them does not apply.
    pub fn resolve(&self) -> (Settings, Vec<Problem>) {
        self.lay(&mut |_, _, _| {})
    }

    /// Every setting with where it comes from, in the order of the table.
    pub fn explain(&self) -> Vec<Setting> {
        let mut origins: Vec<Option<(Origin, Option<usize>)>> = vec![None; KEYS.len()];
        let (mut settings, _) = self.lay(&mut |key, origin, line| {
            let noted = [(key.rival(), None), (Some(key), Some((origin.clone(), line)))];
            for (key, origin) in noted {
                let place = KEYS.iter().position(|known| key.is_some_and(|key| key.name == known.name));
                if let Some(at) = place.and_then(|at| origins.get_mut(at)) {
                    *at = origin;
                }
            }
        });
        let explained = KEYS.iter().zip(origins).map(|(key, origin)| {
            let (origin, line) = origin.map_or((None, None), |(origin, line)| (Some(origin), line));
            Setting { key: key.name, value: key.value(&mut settings), origin, line }
        });
        explained.collect()
    }

    /// What is wrong with `text` as the text of the file `path`; `None` where that is no settings file. Blocking: links
    /// are followed.
    pub fn check(&self, path: &Path, text: &str) -> Option<Vec<Problem>> {
        let (layer, mut settings) = (Layer::parse(self.origin_of(path)?, text), Settings::default());
        let mut problems = self.apply(&layer, &mut settings, &mut |_, _, _| {});
        problems.extend(layer.clashes(&settings, &problems));
        Some(problems)
    }

    /// Why nothing of the file that was named in place of the user's own could be read; none where something was.
    pub fn unreadable(&self) -> Option<&Problem> {
        self.user.as_ref().filter(|_| self.user_file.is_some())?.unreadable()
    }

    /// Whose settings are in a file. Any `codesage.toml` is a workspace's, for which only one is read.
    fn origin_of(&self, path: &Path) -> Option<Origin> {
        let is_same = |user: PathBuf| {
            user == path
                || path.canonicalize().is_ok_and(|path| user.canonicalize().is_ok_and(|user| user == path))
        };
        if self.user_path().is_some_and(is_same) {
            return Some(Origin::User(path.to_path_buf()));
        }
        let is_workspace = path.file_name().is_some_and(|name| name == WORKSPACE_FILE);
        is_workspace.then(|| Origin::Workspace(path.to_path_buf()))
    }

    /// Lays one place on the other; each key that applies is noted with where it was written.
    fn lay(&self, note: &mut Note) -> (Settings, Vec<Problem>) {
        let mut settings =
            Settings { parts: self.parts.clone(), root: self.root.clone(), ..Settings::default() };
        let mut problems = Vec::new();
        let layers = [&self.user, &self.workspace, &self.initialization, &self.editor, &self.command_line];
        for layer in layers.into_iter().flatten() {
            problems.extend(self.apply(layer, &mut settings, note));
        }
        // Only of `remote.*` is there anything to say, which nobody else may set.
        if let Some(user) = &self.user {
            problems.extend(user.clashes(&settings, &problems));
        }
        // Parts that are settings too.
        for (name, part) in [("completion.speculate", Part::Speculation), ("completion.warmUp", Part::Warm)] {
            if let Some(key) = Key::named(name).filter(|_| !self.parts.has(part)) {
                note(key, &Origin::CommandLine, None);
            }
        }
        settings.completion.speculate &= self.parts.has(Part::Speculation);
        settings.completion.warm_up &= self.parts.has(Part::Warm);
        (settings, problems)
    }

    fn apply(&self, layer: &Layer, settings: &mut Settings, note: &mut Note) -> Vec<Problem> {
        let working = std::env::current_dir().unwrap_or_default();
        let folder = layer.origin.file().and_then(Path::parent);
        let (base, fence) = match &layer.origin {
            Origin::User(_) => (folder, None),
            Origin::Workspace(_) => (folder, folder),
            Origin::Initialization | Origin::Editor => (self.root.as_deref(), None),
            Origin::CommandLine => (None, None),
        };
        let paths = Paths { base: base.unwrap_or(&working), fence };
        layer.apply(settings, &paths, self.user_path().as_deref(), note)
    }
}

/// Told of each key that applies, with where it was written and in which line.
type Note<'a> = dyn FnMut(&'static Key, &Origin, Option<usize>) + 'a;

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

#[cfg(test)]
mod tests;
