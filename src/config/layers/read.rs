//! Files and editors' objects, flattened to dotted keys. Knows the syntax of settings and none of their meaning.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::Entry;
use crate::config::key::Key;

/// Far above any settings file: a workspace may hold anything under that name.
const MAX_BYTES: u64 = 1 << 20;

/// The text of a settings file.
pub fn settings_file(path: &Path) -> io::Result<String> {
    // Before opening: that alone can block on a pipe.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("larger than 1 MiB"));
    }
    Ok(text)
}

/// The keys of a TOML text, and its errors with their lines. What stands round an error is still read.
pub fn flatten_toml(text: &str) -> (Vec<Entry>, Vec<(Option<usize>, String)>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut entries = Vec::new();
    flatten_table(String::new(), table.get_ref(), text, &mut entries);
    // The parser keeps tables by name; problems read better in the order of the file.
    entries.sort_by_key(|entry| entry.line);
    let mut errors: Vec<_> = errors
        .into_iter()
        .map(|error| {
            let line = error.span().map(|span| line_of(text, span.start));
            (line, error.message().to_owned())
        })
        .collect();
    // The first one of a line: the parser's further ones, and what it made up to go on, are its consequences.
    errors.dedup_by_key(|(line, _)| *line);
    entries.retain(|entry| !errors.iter().any(|(line, _)| *line == entry.line));
    (entries, errors)
}

fn flatten_table(prefix: String, table: &DeTable, text: &str, entries: &mut Vec<Entry>) {
    for (name, value) in table {
        let key = dotted(&prefix, name.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) if Key::named(&key).is_none() => flatten_table(key, inner, text, entries),
            other => entries.push(Entry {
                key,
                value: json_of(other),
                line: Some(line_of(text, name.span().start)),
            }),
        }
    }
}

/// The keys of an editor's object. `null` is how editors write "not set".
pub fn flatten_json(prefix: String, value: &Value, entries: &mut Vec<Entry>) {
    match value {
        Value::Null => {}
        Value::Object(object) if Key::named(&prefix).is_none() => {
            for (name, value) in object {
                flatten_json(dotted(&prefix, name), value, entries);
            }
        }
        _ => entries.push(Entry { key: prefix, value: value.clone(), line: None }),
    }
}

fn dotted(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// NB: a number that JSON cannot hold becomes a string, which no numeric setting takes.
fn json_of(value: &DeValue) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::from(number),
            Err(_) => Value::from(number.as_str()),
        },
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(float) if float.is_finite() => Value::from(float),
            _ => Value::from(number.as_str()),
        },
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json_of(item.get_ref())).collect(),
        DeValue::Table(table) => {
            let fields =
                table.iter().map(|(name, value)| (name.get_ref().to_string(), json_of(value.get_ref())));
            Value::Object(fields.collect())
        }
    }
}

/// One-based.
fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
