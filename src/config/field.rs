//! What kinds of values settings take: reading one, showing one, describing one.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use crate::config::{Settings, mask};
use crate::engine::remote::address::Address;
use crate::models::fit::Device;

/// Bytes of a model's name.
const LONGEST_NAME: usize = 200;

/// What a setting takes, and where it goes.
pub enum Field {
    Flag(fn(&mut Settings) -> &mut bool),
    Count(RangeInclusive<u32>, fn(&mut Settings) -> &mut u32),
    /// `"auto"`, or a number.
    AutoCount(RangeInclusive<u32>, fn(&mut Settings) -> &mut Option<u32>),
    Number(RangeInclusive<f32>, fn(&mut Settings) -> &mut f32),
    /// `"auto"`, or a number.
    AutoNumber(RangeInclusive<f32>, fn(&mut Settings) -> &mut Option<f32>),
    /// `"auto"`, `"cpu"`, or which GPU.
    Device(fn(&mut Settings) -> &mut Device),
    Choice {
        names: &'static [&'static str],
        get: fn(&Settings) -> usize,
        set: fn(&mut Settings, usize),
    },
    /// A file, and the word that stands for none.
    File(&'static str, fn(&mut Settings) -> &mut Option<PathBuf>),
    /// A name without a path in it, and the word that stands for none.
    Name(&'static str, fn(&mut Settings) -> &mut Option<String>),
    /// The address of a server, and the word that stands for none.
    Server(&'static str, fn(&mut Settings) -> &mut Option<String>),
    /// A folder below each workspace folder, or one with its whole path.
    Folder(fn(&mut Settings) -> &mut PathBuf),
    Filter(fn(&mut Settings) -> &mut String),
    /// Texts, none of them empty.
    List(fn(&mut Settings) -> &mut Vec<String>),
}

/// Numbers that a GPU can have: llama.cpp knows no more.
const GPUS: RangeInclusive<u32> = 0..=15;

/// Why a value does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is not what the key takes.
    Value(String),
    /// It came from a workspace's file, which may not say it.
    Trust(String),
}

/// What paths of one origin are relative to, and how far they may lead.
pub struct Paths<'a> {
    pub base: &'a Path,
    /// A workspace's file: what it names must lie in here, symbolic links followed.
    pub fence: Option<&'a Path>,
}

impl Field {
    /// Sets the field, or says what was expected instead.
    pub fn apply(&self, settings: &mut Settings, value: &Value, paths: &Paths) -> Result<(), Wrong> {
        let wrong = || Wrong::Value(format!("expected {}, found {}", self, described(value)));
        match self {
            Field::Flag(at) => *at(settings) = value.as_bool().ok_or_else(wrong)?,
            Field::Count(range, at) => *at(settings) = count(value, range).ok_or_else(wrong)?,
            Field::AutoCount(..) if value == "auto" => self.reset(settings),
            Field::AutoCount(range, at) => *at(settings) = Some(count(value, range).ok_or_else(wrong)?),
            Field::Number(range, at) => *at(settings) = number(value, range).ok_or_else(wrong)?,
            Field::AutoNumber(..) if value == "auto" => self.reset(settings),
            Field::AutoNumber(range, at) => *at(settings) = Some(number(value, range).ok_or_else(wrong)?),
            Field::Device(at) => {
                *at(settings) = match value.as_str() {
                    Some("auto") => Device::Auto,
                    Some("cpu") => Device::Cpu,
                    _ => Device::Gpu(count(value, &GPUS).ok_or_else(wrong)?),
                }
            }
            Field::Choice { names, set, .. } => {
                let choice = names.iter().position(|name| value == name).ok_or_else(wrong)?;
                set(settings, choice);
            }
            Field::File(none, _) if value == none => self.reset(settings),
            Field::File(_, at) => {
                let text = value.as_str().filter(|text| !text.is_empty()).ok_or_else(wrong)?;
                *at(settings) = Some(paths.resolve(text)?);
            }
            Field::Name(none, _) if value == none => self.reset(settings),
            Field::Name(_, at) => {
                let text = value.as_str().filter(|text| is_name(text)).ok_or_else(wrong)?;
                *at(settings) = Some(text.to_owned());
            }
            Field::Server(none, _) if value == none => self.reset(settings),
            Field::Server(_, at) => {
                let text = value.as_str().ok_or_else(wrong)?;
                // Whether it may be on the internet is another setting, which may come later.
                Address::new(text, true).map_err(Wrong::Value)?;
                *at(settings) = Some(text.to_owned());
            }
            Field::Folder(at) => {
                let text = value.as_str().filter(|text| !text.is_empty()).ok_or_else(wrong)?;
                *at(settings) = paths.folder(text)?;
            }
            Field::Filter(at) => {
                let text = value.as_str().filter(|text| is_filter(text)).ok_or_else(wrong)?;
                *at(settings) = text.to_owned();
            }
            Field::List(at) => {
                let list = value.as_array().ok_or_else(wrong)?;
                let text = |item: &Value| item.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
                let texts = list.iter().map(text);
                *at(settings) = texts.collect::<Option<_>>().ok_or_else(wrong)?;
            }
        }
        Ok(())
    }

    /// Back to the built-in value: what the words for "none" mean, for a lower layer may have named one.
    pub(super) fn reset(&self, settings: &mut Settings) {
        match self {
            Field::AutoCount(_, at) => *at(settings) = None,
            Field::AutoNumber(_, at) => *at(settings) = None,
            Field::File(_, at) => *at(settings) = None,
            Field::Name(_, at) | Field::Server(_, at) => *at(settings) = None,
            _ => {}
        }
    }

    /// What `settings` holds for this key, as it would be written.
    pub fn value(&self, settings: &mut Settings) -> Value {
        match self {
            Field::Flag(at) => json!(*at(settings)),
            Field::Count(_, at) => json!(*at(settings)),
            Field::AutoCount(_, at) => at(settings).map_or(json!("auto"), |count| json!(count)),
            Field::Number(_, at) => digits(*at(settings)),
            Field::AutoNumber(_, at) => at(settings).map_or(json!("auto"), digits),
            Field::Device(at) => match *at(settings) {
                Device::Gpu(number) => json!(number),
                word => json!(word.to_string()),
            },
            Field::Choice { names, get, .. } => json!(names.get(get(settings))),
            Field::File(none, at) => at(settings).as_ref().map_or(json!(none), |path| json!(path)),
            Field::Name(none, at) | Field::Server(none, at) => {
                at(settings).as_ref().map_or(json!(none), |name| json!(name))
            }
            Field::Folder(at) => json!(at(settings)),
            Field::Filter(at) => json!(at(settings)),
            Field::List(at) => json!(at(settings)),
        }
    }

    /// As a JSON schema.
    pub fn schema(&self) -> Value {
        match self {
            Field::Flag(_) => json!({"type": "boolean"}),
            Field::Count(range, _) => {
                json!({"type": "integer", "minimum": range.start(), "maximum": range.end()})
            }
            Field::AutoCount(range, _) => json!({"oneOf": [
                {"const": "auto"},
                {"type": "integer", "minimum": range.start(), "maximum": range.end()},
            ]}),
            Field::Number(range, _) => {
                json!({"type": "number", "minimum": range.start(), "maximum": range.end()})
            }
            Field::AutoNumber(range, _) => json!({"oneOf": [
                {"const": "auto"},
                {"type": "number", "minimum": range.start(), "maximum": range.end()},
            ]}),
            Field::Device(_) => json!({"oneOf": [
                {"const": "auto"},
                {"const": "cpu"},
                {"type": "integer", "minimum": GPUS.start(), "maximum": GPUS.end()},
            ]}),
            Field::Choice { names, .. } => json!({"enum": names}),
            Field::File(..) => json!({"type": "string", "minLength": 1}),
            // `is_filter` takes other mixtures of letters too, and refuses some of what has a `=`.
            Field::Filter(_) => json!({
                "type": "string",
                "pattern": "^(off|error|warn|info|debug|trace|OFF|ERROR|WARN|INFO|DEBUG|TRACE)$|=",
            }),
            Field::Name(..) => json!({"type": "string", "maxLength": LONGEST_NAME, "pattern": "\\S"}),
            Field::Server(..) => json!({"type": "string", "minLength": 1}),
            // `..` is no part of it.
            Field::Folder(_) => json!({
                "type": "string",
                "minLength": 1,
                "not": {"pattern": "(^|[/\\\\])\\.\\.([/\\\\]|$)"},
            }),
            Field::List(_) => json!({"type": "array", "items": {"type": "string", "minLength": 1}}),
        }
    }
}

impl Paths<'_> {
    /// Left relative, for there is one below each workspace folder. What a name leads to by a link is asked where it
    /// is followed.
    fn folder(&self, text: &str) -> Result<PathBuf, Wrong> {
        let path = at_home(text).unwrap_or_else(|| PathBuf::from(text));
        let is_below = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        match self.fence {
            _ if is_below => Ok(path),
            Some(_) => {
                Err(Wrong::Trust("a workspace's file may only name folders inside the workspace".to_owned()))
            }
            None if path.is_absolute() => Ok(path),
            None => Err(Wrong::Value(
                "expected a folder inside the workspace, without `..`, or a whole path".to_owned(),
            )),
        }
    }

    fn resolve(&self, text: &str) -> Result<PathBuf, Wrong> {
        let path = at_home(text).unwrap_or_else(|| self.base.join(text));
        match self.fence {
            Some(root) if !is_inside(root, &path) => {
                Err(Wrong::Trust("a workspace's file may only name files inside the workspace".to_owned()))
            }
            _ => Ok(path),
        }
    }
}

/// What `~/` stands for.
fn at_home(text: &str) -> Option<PathBuf> {
    let rest = text.strip_prefix("~/")?;
    Some(directories::BaseDirs::new()?.home_dir().join(rest))
}

/// Whether opening `path`, made or found, stays below `root`.
pub(super) fn is_inside(root: &Path, path: &Path) -> bool {
    let Ok(root) = root.canonicalize() else {
        return false;
    };
    if path.components().any(|part| part == Component::ParentDir) {
        return false;
    }
    for ancestor in path.ancestors() {
        if let Ok(real) = ancestor.canonicalize() {
            return real.starts_with(&root);
        }
        // A dangling link would be followed by whoever creates the file.
        if ancestor.symlink_metadata().is_ok() {
            return false;
        }
    }
    false
}

fn count(value: &Value, range: &RangeInclusive<u32>) -> Option<u32> {
    let count = u32::try_from(value.as_u64()?).ok()?;
    range.contains(&count).then_some(count)
}

fn number(value: &Value, range: &RangeInclusive<f32>) -> Option<f32> {
    let number = value.as_f64()? as f32;
    range.contains(&number).then_some(number)
}

/// A number by its digits: widening would write -1.2 as -1.2000000476837158.
fn digits(number: f32) -> Value {
    json!(number.to_string().parse::<f64>().unwrap_or_default())
}

/// What names a model, and no place: `qwen2.5-coder:7b`.
fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= LONGEST_NAME && !text.contains(char::is_control)
}

/// NB: `EnvFilter` takes any lone word for the name of a target, so `verbose` would silence everything.
fn is_filter(text: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let known = text.contains('=') || LEVELS.contains(&text.to_lowercase().as_str());
    known && EnvFilter::try_new(text).is_ok()
}

fn described(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
        scalar => {
            let text = mask::masked(scalar).to_string();
            let short: String = text.chars().take(60).collect();
            if short.len() < text.len() { format!("{short}…") } else { text }
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Flag(_) => f.write_str("`true` or `false`"),
            Field::Count(range, _) => write!(f, "a whole number from {} to {}", range.start(), range.end()),
            Field::AutoCount(range, _) => {
                write!(f, "`\"auto\"` or a whole number from {} to {}", range.start(), range.end())
            }
            Field::Number(range, _) => write!(f, "a number from {} to {}", range.start(), range.end()),
            Field::AutoNumber(range, _) => {
                write!(f, "`\"auto\"` or a number from {} to {}", range.start(), range.end())
            }
            Field::Device(_) => {
                write!(
                    f,
                    "`\"auto\"`, `\"cpu\"` or the number of a GPU, from {} to {}",
                    GPUS.start(),
                    GPUS.end()
                )
            }
            Field::Choice { names, .. } => {
                let quoted: Vec<String> = names.iter().map(|name| format!("`\"{name}\"`")).collect();
                match quoted.split_last() {
                    Some((last, rest)) => write!(f, "{} or {last}", rest.join(", ")),
                    None => Ok(()),
                }
            }
            Field::File(none, _) => write!(f, "`\"{none}\"` or a path"),
            Field::Name(none, _) => write!(f, "`\"{none}\"` or a name"),
            Field::Server(none, _) => write!(f, "`\"{none}\"` or an address"),
            Field::Folder(_) => f.write_str("a path"),
            Field::Filter(_) => f.write_str("a log level"),
            Field::List(_) => f.write_str("a list of strings, none empty"),
        }
    }
}
