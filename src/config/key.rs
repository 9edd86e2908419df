//! The table of settings: a new one is a field of [`Settings`] and a row of [`KEYS`].
//!
//! A row knows its name, its meaning, what it takes and where that goes. Parsing, `codesage config schema` and the
//! README's table read nothing else but [`trust`], where a new row is the person's alone until it says otherwise.

mod table;

use serde_json::{Value, json};

use crate::config::Settings;
use crate::config::field::{Field, Paths, Wrong};
use crate::config::trust::{self, Trust};
pub use table::KEYS;

/// One setting.
pub struct Key {
    /// Dotted, as in every place where it can be written.
    pub name: &'static str,
    /// One phrase, Markdown.
    pub meaning: &'static str,
    field: Field,
}

/// Names that later versions will know: not unknown, but without effect today, which is said.
const LATER: &[&str] = &["completion.alternatives"];

impl Key {
    pub fn named(name: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Sets this key, or says what was expected instead. Whether it may be set from there is for `trust` to say.
    pub fn apply(&self, settings: &mut Settings, value: &Value, paths: &Paths) -> Result<(), Wrong> {
        let kept = paths.fence.filter(|_| self.trust() == Trust::Adds).map(|_| self.value(settings));
        self.field.apply(settings, value, paths)?;
        if let (Some(Value::Array(mut both)), Value::Array(added)) = (kept, value) {
            both.extend(added.iter().cloned());
            self.field.apply(settings, &Value::Array(both), paths)?;
        }
        if let Some(rival) = self.rival() {
            rival.field.reset(settings);
        }
        Ok(())
    }

    /// The other way to say the same. The later one is meant, and takes it back.
    pub fn rival(&self) -> Option<&'static Key> {
        match self.name {
            "model.path" => Key::named("model.name"),
            "model.name" => Key::named("model.path"),
            "model.edit.path" => Key::named("model.edit.name"),
            "model.edit.name" => Key::named("model.edit.path"),
            _ => None,
        }
    }

    /// What a workspace's own file may do with it.
    pub fn trust(&self) -> Trust {
        trust::of(self.name)
    }

    /// Whether a change waits for the next start of the server: where code may go does not change under somebody's hands.
    /// All others take effect from the next request on; another model answers as soon as it is loaded.
    pub fn needs_restart(&self) -> bool {
        self.name.starts_with("remote.")
    }

    /// What `settings` holds for this key, as it would be written.
    pub fn value(&self, settings: &mut Settings) -> Value {
        self.field.value(settings)
    }

    /// The built-in value, as it would be written.
    pub fn default(&self) -> Value {
        self.value(&mut Settings::default())
    }

    fn schema(&self) -> Value {
        let mut schema = self.field.schema();
        schema["default"] = self.default();
        schema["description"] = json!(self.meaning);
        // An annotation, which validators leave alone: what a workspace's file may do with it.
        schema["x-workspace"] = json!(self.trust().name());
        schema
    }
}

/// A JSON schema (draft 2020-12) of the settings, nested as in a file.
pub fn schema() -> Value {
    let object = || json!({"type": "object", "properties": {}, "additionalProperties": false});
    let mut schema = object();
    for key in KEYS {
        let (tables, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        let mut table = &mut schema;
        for part in tables.split('.').filter(|part| !part.is_empty()) {
            table = &mut table["properties"][part];
            if table.is_null() {
                *table = object();
            }
        }
        table["properties"][name] = key.schema();
    }
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("CodeSage settings");
    schema
}

/// The README's table.
pub fn markdown() -> String {
    let mut table =
        String::from("| key | default | takes | in a workspace's file | meaning |\n|---|---|---|---|---|\n");
    for key in KEYS {
        let (default, trust) = (key.default(), key.trust());
        let Key { name, meaning, field } = key;
        table += &format!("| `{name}` | `{default}` | {field} | {trust} | {meaning} |\n");
    }
    table
}

/// The README's sentence about what needs a restart: keys, or `group.*` for a whole one.
pub fn restarts() -> String {
    let group = |key: &Key| key.name.split('.').next().unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    for key in KEYS.iter().filter(|key| key.needs_restart()) {
        let is_whole = KEYS.iter().filter(|other| group(other) == group(key)).all(Key::needs_restart);
        let name = if is_whole { format!("`{}.*`", group(key)) } else { format!("`{}`", key.name) };
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    match names.as_slice() {
        [] => "Nothing needs a restart.\n".to_owned(),
        names => format!("Read only when the server starts: {}.\n", names.join(", ")),
    }
}

/// Why a key that is not in the table does nothing, and the key that was probably meant.
pub fn explain_unknown(name: &str) -> String {
    let inside =
        |group: &str| name.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    if LATER.iter().any(|later| inside(later)) {
        return "not in this version yet".to_owned();
    }
    if KEYS.iter().any(|key| key.name.starts_with(&format!("{name}."))) {
        return "expected a table of settings here".to_owned();
    }
    match nearest(name) {
        Some(key) => format!("unknown key; did you mean `{key}`?"),
        None => "unknown key; the README lists what can be set".to_owned(),
    }
}

/// The key that was probably meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    // Forms that other tools would write (`max_tokens`, `max-tokens`) are no distance at all.
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    let written = plain(name);
    let likeness = |key: &str| {
        let whole = strsim::normalized_damerau_levenshtein(&written, &plain(key));
        let last = key.rsplit('.').next().unwrap_or(key);
        let part = strsim::normalized_damerau_levenshtein(&written, &plain(last));
        whole.max(part * 0.95)
    };
    KEYS.iter()
        .map(|key| (likeness(key.name), key.name))
        .filter(|(likeness, _)| *likeness >= 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
