//! The text of a recipe, with places to fill in: a small part of Jinja that can only say things.
//!
//! A recipe may come with a repository that somebody cloned. All of Jinja would let it take the memory and time of
//! the server, in a line (`"x" * 10 ** 8`) and before it is ever used, for constants are computed at compilation. So
//! what stands in `{{ … }}` and `{% … %}` is looked through first and must be made of known words: names and filters
//! that are here, `if`, `for … in diagnostics`, and comparisons with a text ([`tags`]). What is left is never deep, grows
//! no faster than the template, and is rendered by minijinja, which does so much work and no more. It reads no file and
//! includes none.

mod tags;

use std::fmt;
use std::io;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, context, filters};

use super::front::Fault;
use tags::{MEANINGLESS, NAMES};

/// What a template may name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The selected text; empty where nothing is selected.
    pub selection: &'a str,
    /// The text that the action works on: the selection, the function or the file.
    pub region: &'a str,
    /// Of the file, relative to the workspace, with `/`.
    pub path: &'a str,
    /// An LSP language identifier.
    pub language: &'a str,
    /// What the person says besides; may be empty.
    pub instruction: &'a str,
    /// The messages of the diagnostics in the region.
    pub diagnostics: &'a [String],
}

/// Messages that a template is given: a broken file has thousands.
const MOST_DIAGNOSTICS: usize = 100;

/// Bytes of what a template makes. Far above any model's context.
const MOST: usize = 1 << 20;

/// Steps of minijinja's machine for one text, and bytes that filters may look at: a template is short, and what it
/// names may not be.
const STEPS: u64 = 10_000;
const FILTERED: usize = 8 << 20;

/// A template that is sound; the default one says nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Template {
    text: String,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({} bytes)", self.text.len())
    }
}

impl Template {
    /// All that is wrong with it, if anything is. Lines count from the template's first.
    pub fn new(text: &str) -> Result<Self, Vec<Fault>> {
        let fault = |line, message| Err(vec![Fault { line, key: None, message }]);
        if text.trim().is_empty() {
            return fault(None, "has no text below its front matter".to_owned());
        }
        let faults = tags::faults(text);
        if !faults.is_empty() {
            return Err(faults);
        }
        match JINJA.template_from_str(text) {
            Err(error) => fault(error.line(), said(&error)),
            Ok(template) => {
                // A word of a tag where a name should stand.
                let undeclared = template.undeclared_variables(false);
                match undeclared.into_iter().find(|name| !NAMES.contains(&name.as_str())) {
                    Some(name) => fault(None, format!("`{name}` {MEANINGLESS}")),
                    None => Ok(Self { text: text.to_owned() }),
                }
            }
        }
    }

    /// The template, filled in. The error is a sentence.
    pub fn render(&self, subject: &Subject<'_>) -> Result<String, String> {
        let Subject { selection, region, path, language, instruction, diagnostics } = *subject;
        let diagnostics = diagnostics.iter().take(MOST_DIAGNOSTICS).cloned().collect();
        let diagnostics = Value::from_object(Lines(diagnostics));
        let values = context! { selection, region, path, language, instruction, diagnostics };
        let template = JINJA.template_from_str(&self.text).map_err(|error| said(&error))?;
        let mut written = Bounded(Vec::new());
        template.render_captured_to(values, &mut written).map_err(|error| match error.kind() {
            ErrorKind::WriteFailure => format!("the text grows beyond {} KiB", MOST >> 10),
            ErrorKind::OutOfFuel => TOO_MUCH.to_owned(),
            _ => said(&error),
        })?;
        String::from_utf8(written.0).map(|text| text.trim().to_owned()).map_err(|error| error.to_string())
    }
}

/// Nothing of Jinja's own is in here: neither functions nor tests nor the filters that can make much of little.
static JINJA: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut jinja = Environment::empty();
    jinja.set_undefined_behavior(UndefinedBehavior::Strict);
    jinja.set_trim_blocks(true);
    jinja.set_lstrip_blocks(true);
    jinja.set_fuel(Some(STEPS));
    jinja.add_filter("trim", |state: &State, text: String| {
        spent(state, &text).map(|()| text.trim().to_owned())
    });
    jinja
        .add_filter("upper", |state: &State, text: String| spent(state, &text).map(|()| text.to_uppercase()));
    jinja
        .add_filter("lower", |state: &State, text: String| spent(state, &text).map(|()| text.to_lowercase()));
    jinja.add_filter("length", |state: &State, value: Value| {
        spent(state, value.as_str().unwrap_or_default())?;
        filters::length(&value)
    });
    jinja.add_filter("first", filters::first);
    jinja
});

const TOO_MUCH: &str = "filling it in takes too much work";

/// Counts what a filter looks at; an error where one text has them look at too much.
fn spent(state: &State, text: &str) -> Result<(), Error> {
    const COUNT: &str = "bytes that filters looked at";
    let before = state.get_temp(COUNT).and_then(|count| count.as_usize()).unwrap_or(0);
    state.set_temp(COUNT, Value::from(before + text.len()));
    if before + text.len() > FILTERED { Err(Error::new(ErrorKind::OutOfFuel, TOO_MUCH)) } else { Ok(()) }
}

/// What Jinja has against a template, without its name for it.
fn said(error: &Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// Texts that stand one a line where they are put as a whole.
#[derive(Debug)]
struct Lines(Vec<String>);

impl Object for Lines {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_usize()?).map(Value::from)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// Takes no more than [`MOST`].
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
