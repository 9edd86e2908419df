//! Files and editors' objects, flattened to dotted keys. Knows the syntax of settings and none of their meaning.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use crate::config::field::is_inside;
use crate::config::key::Key;

/// Far above any settings file: a workspace may hold anything under that name.
const MAX_BYTES: u64 = 1 << 20;

/// One key as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Dotted.
    pub key: String,
    pub value: Value,
    /// None where there is no text.
    pub at: Option<At>,
}

/// Where a key stands in a text. All in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct At {
    /// From 1; of the last name.
    pub line: usize,
    /// Of each part of the name, that of the table first.
    pub names: Vec<Range<usize>>,
    pub value: Range<usize>,
}

/// What is no TOML in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct SyntaxError {
    /// From 1.
    pub line: Option<usize>,
    /// Bytes.
    pub at: Option<Range<usize>>,
    pub message: String,
}

/// The text of a settings file. `fence`: the workspace that it came with, which a link must not lead out of: what is
/// elsewhere on this machine is none of a project's business, and its words could come back in messages.
pub fn settings_file(path: &Path, fence: Option<&Path>) -> io::Result<String> {
    let leads_out = |root: &Path| !is_inside(root, path);
    if path.symlink_metadata()?.is_symlink() && fence.is_some_and(leads_out) {
        return Err(io::Error::other(
            "it is a link that leads out of the workspace, or nowhere; put the file itself there",
        ));
    }
    // Before opening: that alone can block on a pipe.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    text(bytes)
}

/// The bytes of a file as text; a byte order mark stays, for places in it count.
fn text(bytes: Vec<u8>) -> io::Result<String> {
    // Some editors of Windows write two bytes a letter, mostly with a mark before them; TOML has no U+0000.
    if matches!(bytes.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..]) {
        return Err(io::Error::other("it is saved as UTF-16; save it as UTF-8"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let sound = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = sound.iter().filter(|byte| **byte == b'\n').count() + 1;
        io::Error::other(format!("line {line} is no text in UTF-8; save the file as UTF-8"))
    })
}

/// The keys of a TOML text, and its errors. What stands round an error is still read.
pub fn flatten_toml(text: &str) -> (Vec<Entry>, Vec<SyntaxError>) {
    let toml = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = Text { toml, skipped: text.len() - toml.len() };
    let (table, errors) = DeTable::parse_recoverable(toml);
    let mut entries = Vec::new();
    flatten_table("", &[], table.get_ref(), &text, &mut entries);
    // The parser keeps tables by name; problems read better in the order of the file.
    entries.sort_by_key(line_of);
    let mut errors: Vec<SyntaxError> = errors
        .into_iter()
        .map(|error| SyntaxError {
            line: error.span().map(|span| text.line(span.start)),
            at: error.span().map(|span| text.place(span)),
            message: error.message().to_owned(),
        })
        .collect();
    // The first one of a line: the parser's further ones, and what it made up to go on, are its consequences.
    errors.dedup_by_key(|error| error.line);
    entries.retain(|entry| !errors.iter().any(|error| error.line == line_of(entry)));
    (entries, errors)
}

fn line_of(entry: &Entry) -> Option<usize> {
    entry.at.as_ref().map(|at| at.line)
}

/// What is parsed, and how much stands before it.
struct Text<'a> {
    toml: &'a str,
    skipped: usize,
}

impl Text<'_> {
    /// One-based.
    fn line(&self, offset: usize) -> usize {
        self.toml.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }

    /// Bytes of the whole.
    fn place(&self, span: Range<usize>) -> Range<usize> {
        span.start + self.skipped..span.end + self.skipped
    }
}

fn flatten_table(
    prefix: &str,
    names: &[Range<usize>],
    table: &DeTable,
    text: &Text,
    entries: &mut Vec<Entry>,
) {
    for (name, value) in table {
        let key = dotted(prefix, name.get_ref());
        let mut names = names.to_vec();
        names.push(text.place(name.span()));
        match value.get_ref() {
            DeValue::Table(inner) if Key::named(&key).is_none() => {
                flatten_table(&key, &names, inner, text, entries);
            }
            other => {
                let line = text.line(name.span().start);
                let at = Some(At { line, names, value: text.place(value.span()) });
                entries.push(Entry { key, value: json_of(other), at });
            }
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
        _ => entries.push(Entry { key: prefix, value: value.clone(), at: None }),
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
