//! What the table of settings is shown as: a JSON schema, and two pieces of the README.

use serde_json::{Value, json};

use super::{KEYS, Key};

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
