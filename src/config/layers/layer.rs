//! One place where settings are written: its keys as they stand there, and what is wrong with them.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use super::Note;
use super::read::{self, Entry, SyntaxError};
use crate::config::field::{Paths, Wrong};
use crate::config::key::{Key, explain_unknown};
use crate::config::{Origin, Problem, Settings, together, trust};

/// Problems of one place that are told; the rest is counted. A hostile file can hold very many.
pub const TOLD: usize = 20;

/// One place.
#[derive(Clone, Debug)]
pub struct Layer {
    pub origin: Origin,
    entries: Vec<Entry>,
    /// What made the place unreadable, in whole or in part.
    problems: Vec<Problem>,
}

impl Layer {
    /// An editor's object.
    pub fn of(origin: Origin, value: &Value) -> Self {
        let mut layer = Self { origin, entries: Vec::new(), problems: Vec::new() };
        match value {
            Value::Object(_) | Value::Null => read::flatten_json(String::new(), value, &mut layer.entries),
            _ => layer.complain("expected an object of settings".to_owned()),
        }
        layer
    }

    /// A file's text.
    pub fn parse(origin: Origin, text: &str) -> Self {
        let (entries, errors) = read::flatten_toml(text);
        let problem = |SyntaxError { line, at, message }| Problem {
            origin: origin.clone(),
            line,
            at,
            key: None,
            message,
        };
        let problems = errors.into_iter().map(problem).collect();
        Self { origin, entries, problems }
    }

    /// `None` where there is no file and none was asked for.
    pub fn read(origin: Origin, path: &Path, asked_for: bool) -> Option<Self> {
        let fence = if let Origin::Workspace(path) = &origin { path.parent() } else { None };
        let why = match read::settings_file(path, fence) {
            Ok(text) => return Some(Self::parse(origin, &text)),
            Err(error) if error.kind() == ErrorKind::NotFound && !asked_for => return None,
            Err(error) if error.kind() == ErrorKind::NotFound => "there is no such file".to_owned(),
            Err(error) => error.to_string(),
        };
        let mut layer = Self { origin, entries: Vec::new(), problems: Vec::new() };
        layer.complain(format!("cannot be read: {why}"));
        Some(layer)
    }

    /// Why nothing of a file could be read; none where something was.
    pub fn unreadable(&self) -> Option<&Problem> {
        let is_whole = |problem: &&Problem| problem.line.is_none() && problem.key.is_none();
        self.problems.iter().find(is_whole).filter(|_| self.entries.is_empty())
    }

    /// What the settings say together that none of them says alone, where it is written here. `told` is what is wrong
    /// with single ones.
    pub fn clashes(&self, settings: &Settings, told: &[Problem]) -> Vec<Problem> {
        let is_of = |problem: &Problem, key: &str| {
            problem.origin == self.origin && problem.key.as_deref() == Some(key)
        };
        let is_told = |key: &str| told.iter().any(|problem| is_of(problem, key));
        let clashes = together::clashes(settings).into_iter().filter(|clash| !is_told(clash.about));
        let problems = clashes.filter_map(|clash| {
            let written = self.entries.iter().rfind(|entry| entry.key == clash.at)?;
            Some(Problem {
                origin: self.origin.clone(),
                line: written.at.as_ref().map(|at| at.line),
                at: written.at.as_ref().map(|at| at.value.clone()),
                key: Some(clash.at.to_owned()),
                message: clash.message,
            })
        });
        problems.collect()
    }

    /// Sets what is written here. What may not be said here is `own_file`'s to say.
    pub fn apply(
        &self,
        settings: &mut Settings,
        paths: &Paths,
        own_file: Option<&Path>,
        note: &mut Note,
    ) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        for Entry { key: name, value, at } in &self.entries {
            let line = at.as_ref().map(|at| at.line);
            let written = || at.as_ref()?.names.last().cloned();
            let outcome = Key::named(name).map(|key| match trust::refusal(key.name, value, &self.origin) {
                Some(why) => (key, Err(Wrong::Trust(why))),
                None => (key, key.apply(settings, value, paths)),
            });
            let (at, message) = match outcome {
                Some((key, Ok(()))) => {
                    note(key, &self.origin, line);
                    continue;
                }
                Some((_, Err(Wrong::Value(why)))) => (at.as_ref().map(|at| at.value.clone()), why),
                Some((_, Err(Wrong::Trust(why)))) => (written(), format!("{why}; {}", instead(own_file))),
                None => (written(), explain_unknown(name)),
            };
            let key = Some(name.chars().take(100).collect());
            problems.push(Problem { origin: self.origin.clone(), line, at, key, message });
        }
        let untold = problems.len().saturating_sub(TOLD);
        if untold > 0 {
            problems.truncate(TOLD);
            problems.push(self.problem(format!("and {untold} more problems")));
        }
        problems
    }

    fn complain(&mut self, message: String) {
        let problem = self.problem(message);
        self.problems.push(problem);
    }

    fn problem(&self, message: String) -> Problem {
        Problem { origin: self.origin.clone(), line: None, at: None, key: None, message }
    }
}

/// What to do about a refusal.
fn instead(own_file: Option<&Path>) -> String {
    match own_file {
        Some(file) => format!("if you want it, write it into your own settings: {}", file.display()),
        None => "if you want it, set it in your editor".to_owned(),
    }
}
