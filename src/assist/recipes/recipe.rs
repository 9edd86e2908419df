//! One recipe: what a file says, understood.
//!
//! A key that is wrong costs the recipe, for half of an action is none; all that is wrong is told at once. This does not
//! read files; what `system` names is handed in.

use std::path::PathBuf;

use super::front::{self, Fault, Field, Value};
use super::template::{Subject, Template};
use crate::edit::{Action, Yield};
use crate::syntax::Language;

/// An action that a person wrote down. All it can do is to say something to a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// The file's name without its ending: what `codesage.custom` calls it by.
    pub name: String,
    /// In the menu. One line.
    pub title: String,
    /// What the model is to bring: a rewrite, or prose.
    pub brings: Yield,
    /// Identifiers of rows of [`Language`]; none: all.
    pub languages: Vec<&'static str>,
    pub scope: Scope,
    /// Tokens of the answer at most; none: by the region's size.
    pub max_tokens: Option<u32>,
    /// None: that of the settings.
    pub temperature: Option<f32>,
    /// Instead of our own words for the system message.
    pub system: Option<String>,
    pub file: PathBuf,
    template: Template,
}

/// What text a recipe works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scope {
    /// What is selected, else the function round the cursor.
    #[default]
    Auto,
    /// Only offered where something is selected.
    Selection,
    Function,
    File,
}

/// Actions that no file can take the place of.
const FIXED: [Action; 8] = [
    Action::Refactor,
    Action::Explain,
    Action::UnitTest,
    Action::Document,
    Action::Fix,
    Action::Review,
    Action::Edit,
    Action::Custom,
];

const KEYS: [&str; 7] = ["title", "kind", "languages", "scope", "maxTokens", "temperature", "system"];

/// Mistakes of one file that are told: an editor shows each of them.
const TOLD: usize = 10;

/// Letters of a title: menus are narrow.
const TITLE: usize = 80;

impl Recipe {
    /// Understands a file's text. `system` reads what the key of that name names, if it names a file. Fails with all
    /// that is wrong, by line, or with the first `TOLD` of it.
    pub fn new(
        name: &str,
        file: PathBuf,
        text: &str,
        mut system: impl FnMut(&str) -> Result<String, String>,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        if let Some(action) = FIXED.into_iter().find(|action| action.name().eq_ignore_ascii_case(name)) {
            let name = action.name();
            faults.push(Fault::whole(format!(
                "`{name}` is an action that is always there; name the file otherwise"
            )));
        }
        let Some(front) = front::parse(text, &mut faults) else { return Err(faults) };
        // It may be in one of the lines that could not be read.
        let is_untold = faults.iter().all(|fault| fault.line.is_none());
        let mut recipe = Self {
            name: name.to_owned(),
            title: String::new(),
            brings: Yield::Rewrite,
            languages: Vec::new(),
            scope: Scope::Auto,
            max_tokens: None,
            temperature: None,
            system: None,
            file,
            template: Template::default(),
        };
        for field in &front.fields {
            if let Err(message) = recipe.set(field, &mut system) {
                faults.push(Fault::at(field.line, message).in_key(&field.key));
            }
        }
        let is_title = |field: &Field| field.key == "title" || nearest(&field.key) == Some("title");
        if is_untold && !front.fields.iter().any(is_title) {
            faults.push(Fault::at(1, "has no `title`"));
        }
        match Template::new(front.body) {
            Ok(template) => recipe.template = template,
            // Where all of it is meant, that is what stands behind the front matter.
            Err(wrong) => faults.extend(
                wrong
                    .into_iter()
                    .map(|fault| Fault { line: Some(front.lines + fault.line.unwrap_or(0)), ..fault }),
            ),
        }
        if faults.is_empty() { Ok(recipe) } else { Err(told(faults)) }
    }

    /// The person's words, with what they name filled in. The error is a sentence.
    pub fn instruction(&self, subject: &Subject<'_>) -> Result<String, String> {
        let text = self.template.render(subject)?;
        if text.is_empty() { Err("the action has nothing to say here".to_owned()) } else { Ok(text) }
    }

    /// Whether it belongs in the menu of a document in this language.
    pub fn fits(&self, language: &Language, has_selection: bool) -> bool {
        let is_spoken = self.languages.is_empty() || self.languages.contains(&language.id);
        is_spoken && (has_selection || self.scope != Scope::Selection)
    }

    fn set(
        &mut self,
        Field { key, value, .. }: &Field,
        mut system: impl FnMut(&str) -> Result<String, String>,
    ) -> Result<(), String> {
        match key.as_str() {
            "title" => self.title = title(text(value)?)?,
            "kind" => {
                self.brings = one_of(value, [("rewrite", Yield::Rewrite), ("prose", Yield::Prose)])?;
            }
            "languages" => self.languages = languages(value)?,
            "scope" => {
                let scopes =
                    [("selection", Scope::Selection), ("function", Scope::Function), ("file", Scope::File)];
                self.scope = one_of(value, scopes)?;
            }
            "maxTokens" => {
                let count = text(value)?.parse().ok().filter(|count| (1..=32_768).contains(count));
                self.max_tokens = Some(count.ok_or("expected a whole number from 1 to 32768")?);
            }
            "temperature" => {
                let number = text(value)?.parse().ok().filter(|number| (0.0..=2.0).contains(number));
                self.temperature = Some(number.ok_or("expected a number from 0 to 2")?);
            }
            "system" => {
                let words = text(value)?;
                let words = if names_a_file(words) { system(words)? } else { words.to_owned() };
                self.system = Some(words.trim().to_owned()).filter(|words| !words.is_empty());
                self.system.as_ref().ok_or("is empty")?;
            }
            _ => return Err(unknown(key)),
        }
        Ok(())
    }
}

/// A system message that is one word and ends like a file is one.
fn names_a_file(text: &str) -> bool {
    (text.ends_with(".md") || text.ends_with(".txt")) && !text.contains(char::is_whitespace)
}

fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) => Ok(text),
        Value::List(_) => Err("expected a text, found a list".to_owned()),
    }
}

fn title(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > TITLE || text.contains(char::is_control) {
        return Err(format!("expected one line of at most {TITLE} letters"));
    }
    Ok(text.to_owned())
}

/// By the names that documents go by here: `py` is `python`.
fn languages(value: &Value) -> Result<Vec<&'static str>, String> {
    let names = match value {
        Value::Text(name) => std::slice::from_ref(name),
        Value::List(names) => names,
    };
    let known = |name: &String| {
        let row = Language::of(name, "");
        let is_meant = row.id != Language::plain_text().id
            || [row.id].iter().chain(row.aliases).any(|known| known.eq_ignore_ascii_case(name));
        let unknown = || {
            let name = front::short(name);
            format!("`{name}` is no language that is known here; without `languages` it is for all")
        };
        is_meant.then_some(row.id).ok_or_else(unknown)
    };
    names.iter().map(known).collect()
}

fn one_of<T: Copy, const N: usize>(value: &Value, choices: [(&str, T); N]) -> Result<T, String> {
    let written = text(value)?;
    match choices.iter().find(|(name, _)| *name == written) {
        Some((_, choice)) => Ok(*choice),
        None => Err(format!("expected {}", choices.map(|(name, _)| format!("`{name}`")).join(" or "))),
    }
}

fn unknown(key: &str) -> String {
    match nearest(key) {
        Some(known) => format!("unknown key; did you mean `{known}`?"),
        None => format!("unknown key; there are {}", KEYS.join(", ")),
    }
}

/// The key that is meant, if one is like it.
fn nearest(key: &str) -> Option<&'static str> {
    let plain = |text: &str| front::short(text).replace(['_', '-'], "").to_lowercase();
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&plain(key), &plain(known));
    let nearest = KEYS.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    nearest.filter(|known| likeness(known) >= 0.6)
}

/// The first of them by their lines.
fn told(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by_key(|fault| fault.line);
    if faults.len() > TOLD {
        faults.truncate(TOLD);
        faults.push(Fault::whole("there are more mistakes than these".to_owned()));
    }
    faults
}
