//! The text of a recipe, with places to fill in: a small part of Jinja that can only say things.
//!
//! A recipe may come with a repository that somebody cloned. All of Jinja would let it take the memory and time of
//! the server, in a line (`"x" * 10 ** 8`) and before it is ever used, for constants are computed at compilation. So
//! what stands in `{{ … }}` and `{% … %}` is looked through first and must be made of known words: names and filters
//! that are here, `if`, `for … in diagnostics`, and comparisons with a text. What is left grows no faster than the
//! template and is rendered by minijinja. It reads no file and includes none.

use std::fmt;
use std::io;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, context, filters};

use super::front::Fault;

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

const NAMES: [&str; 6] = ["selection", "region", "path", "language", "instruction", "diagnostics"];
const FILTERS: [&str; 5] = ["trim", "upper", "lower", "length", "first"];
const WORDS: [&str; 14] = [
    "if", "elif", "else", "endif", "for", "in", "endfor", "not", "and", "or", "loop", "index", "first",
    "last",
];

/// Messages that a template is given: a broken file has thousands.
const MOST_DIAGNOSTICS: usize = 100;

/// Bytes of what a template makes. Far above any model's context.
const MOST: usize = 1 << 20;

/// A template that is sound.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({} bytes)", self.text.len())
    }
}

impl Template {
    /// The fault's line counts from the template's first.
    pub fn new(text: &str) -> Result<Self, Fault> {
        let fault = |line, message| Err(Fault { line, key: None, message });
        if text.trim().is_empty() {
            return fault(None, "has no text below its front matter".to_owned());
        }
        Tags { text, at: 0, targets: Vec::new(), is_looping: false }.check()?;
        match JINJA.template_from_str(text) {
            Err(error) => fault(error.line(), said(&error)),
            Ok(template) => {
                // A loop's name outside the loop, or a word of a tag where a name should stand.
                let undeclared = template.undeclared_variables(false);
                match undeclared.into_iter().find(|name| !NAMES.contains(&name.as_str())) {
                    Some(name) => fault(None, format!("`{name}` has no meaning where it stands")),
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
    jinja.add_filter("trim", |text: String| text.trim().to_owned());
    jinja.add_filter("upper", |text: String| text.to_uppercase());
    jinja.add_filter("lower", |text: String| text.to_lowercase());
    jinja.add_filter("length", filters::length);
    jinja.add_filter("first", filters::first);
    jinja
});

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

/// Looks through what stands in tags, front to back. Quotes may hold no brace, percent sign or backslash, and `raw`
/// is no known word: so where a tag ends here it ends for Jinja.
struct Tags<'a> {
    text: &'a str,
    /// Bytes looked through.
    at: usize,
    /// What `for` gives a name to.
    targets: Vec<&'a str>,
    is_looping: bool,
}

impl<'a> Tags<'a> {
    fn check(mut self) -> Result<(), Fault> {
        while let Some(found) = self.text[self.at..].find('{') {
            let open = self.at + found;
            let rest = &self.text[open..];
            let close = match rest.as_bytes().get(1) {
                Some(b'{') => "}}",
                Some(b'%') => "%}",
                Some(b'#') => "#}",
                _ => {
                    self.at = open + 1;
                    continue;
                }
            };
            let inside = &rest[2..];
            let Some(length) = inside.find(close) else {
                return Err(self.fault(open, format!("`{}` is not closed by `{close}`", &rest[..2])));
            };
            if close != "#}" {
                self.tag(open + 2, &inside[..length], close == "%}")?;
            }
            self.at = open + 2 + length + 2;
        }
        Ok(())
    }

    /// `inside` begins at byte `start`.
    fn tag(&mut self, start: usize, inside: &'a str, is_block: bool) -> Result<(), Fault> {
        let mut words = Vec::new();
        let mut rest = inside.strip_prefix(['-', '+']).unwrap_or(inside);
        rest = rest.strip_suffix(['-', '+']).unwrap_or(rest);
        while let Some(first) = rest.trim_start().chars().next() {
            rest = rest.trim_start();
            let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = match first {
                '"' | '\'' => {
                    let plain = |text: &&str| !text.contains(['{', '}', '%', '\\', '\n']);
                    let text = rest[1..].split_once(first).map(|(text, _)| text).filter(plain);
                    text.map(|text| text.len() + 2)
                }
                '|' | '.' => Some(1),
                '=' | '!' if rest[1..].starts_with('=') => Some(2),
                first if part(first) => Some(rest.find(|c| !part(c)).unwrap_or(rest.len())),
                _ => None,
            };
            let Some(end) = end else {
                let message = match first {
                    '"' | '\'' => {
                        "a text in quotes ends in its tag, without braces, percent signs and backslashes"
                    }
                    _ => "a template names things and compares them, it computes nothing",
                };
                return Err(self.fault(start, format!("`{first}`: {message}")));
            };
            words.push(&rest[..end]);
            rest = &rest[end..];
        }
        match (is_block, words.as_slice()) {
            (true, ["for", target, "in", "diagnostics"]) if !self.is_looping => {
                self.targets.push(target);
                self.is_looping = true;
                return Ok(());
            }
            (true, ["for", ..]) => {
                let message = "expected `for … in diagnostics`, and no such loop in another";
                return Err(self.fault(start, message.into()));
            }
            (true, ["endfor"]) => self.is_looping = false,
            (true, ["if" | "elif", ..] | ["else" | "endif"]) => {}
            (true, _) => {
                let known = "`if`, `elif`, `else`, `endif`, `for` and `endfor`";
                return Err(self.fault(start, format!("a template knows the tags {known}")));
            }
            (false, _) => {}
        }
        match words.into_iter().find(|word| !self.knows(word)) {
            None => Ok(()),
            Some(word) => Err(self.fault(start, unknown(word))),
        }
    }

    fn knows(&self, word: &str) -> bool {
        let is_no_name = |c: char| c.is_ascii_digit() || !(c.is_ascii_alphanumeric() || c == '_');
        let known = [&NAMES[..], &FILTERS, &WORDS, &self.targets];
        word.starts_with(['"', '\''])
            || word.chars().all(is_no_name)
            || known.iter().any(|words| words.contains(&word))
    }

    fn fault(&self, at: usize, message: String) -> Fault {
        let line = self.text.get(..at).map(|before| before.matches('\n').count() + 1);
        Fault { line, key: None, message }
    }
}

fn unknown(word: &str) -> String {
    let known = NAMES.iter().chain(&FILTERS);
    let likeness = |name: &&&str| (strsim::normalized_damerau_levenshtein(word, name) * 1000.0) as u32;
    match known.max_by_key(likeness).filter(|name| likeness(name) >= 600) {
        Some(name) => format!("`{word}` is nothing a template knows; did you mean `{name}`?"),
        None => {
            let (names, filters) = (NAMES.join(", "), FILTERS.join(", "));
            format!("`{word}` is nothing a template knows; there are {names}, and the filters {filters}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(diagnostics: &[String]) -> Subject<'_> {
        Subject {
            selection: "",
            region: "fn f() {}\n",
            path: "src/a.rs",
            language: "rust",
            instruction: " be brief ",
            diagnostics,
        }
    }

    #[test]
    fn what_can_be_said() {
        let two = ["unused `x`".to_owned(), "{{ path }}".to_owned()];
        for (template, expected) in [
            ("Plain { } {x} 100 %} text.\n", "Plain { } {x} 100 %} text."),
            ("{{ path }}: {{language|upper}}{# not\nsaid {{ #}", "src/a.rs: RUST"),
            ("{{- region -}} !", "fn f() {}\n!"),
            ("{% if selection %}A{% elif language == \"rust\" %}B{% else %}C{% endif %}", "B"),
            ("{% if not selection and language != 'go' or path %}yes{% endif %}", "yes"),
            ("a\n{% if selection %}\n{{ selection }}\n{% endif %}\nb", "a\nb"),
            ("{{ instruction | trim }}.", "be brief."),
            ("{{ diagnostics }}", "unused `x`\n{{ path }}"),
            ("{{ diagnostics | length }}{{ diagnostics | first }}", "2unused `x`"),
            (
                "{% for d in diagnostics %}\n{{ loop.index }} {{ d }}\n{% endfor %}",
                "1 unused `x`\n2 {{ path }}",
            ),
            ("{% for d in diagnostics %}{% endfor %}{% for d in diagnostics %}.{% endfor %}", ".."),
        ] {
            let rendered = Template::new(template).map(|template| template.render(&subject(&two)));
            assert_eq!(rendered, Ok(Ok(expected.to_owned())), "{template}");
        }
    }

    #[test]
    fn what_cannot_be_said_is_told_with_its_line() {
        let tags = "a template knows the tags `if`, `elif`, `else`, `endif`, `for` and `endfor`";
        let computes = "a template names things and compares them, it computes nothing";
        let quotes = "a text in quotes ends in its tag, without braces, percent signs and backslashes";
        let loops = "expected `for … in diagnostics`, and no such loop in another";
        let known = "is nothing a template knows; there are selection, region, path, language, instruction, \
                     diagnostics, and the filters trim, upper, lower, length, first";
        for (template, line, message) in [
            (" \n", None, "has no text below its front matter".to_owned()),
            (
                "a\n{{ regoin }}",
                Some(2),
                "`regoin` is nothing a template knows; did you mean `region`?".to_owned(),
            ),
            ("{{ password }}", Some(1), format!("`password` {known}")),
            ("{{ diagnostics | join }}", Some(1), format!("`join` {known}")),
            ("{% if 1range %}", Some(1), format!("`1range` {known}")),
            ("{{ 'x' * 100000000 }}", Some(1), format!("`*`: {computes}")),
            ("{{ region ~ region }}", Some(1), format!("`~`: {computes}")),
            ("{{ region.split() }}", Some(1), format!("`(`: {computes}")),
            ("\n{% set x = region %}", Some(2), format!("`=`: {computes}")),
            ("{{ 'a}}b' }}", Some(1), format!("`'`: {quotes}")),
            ("{% if language == \"\\\"%}\" %}", Some(1), format!("`\"`: {quotes}")),
            ("{% include 'region' %}", Some(1), tags.to_owned()),
            ("{% raw %}{{ x }}{% endraw %}", Some(1), tags.to_owned()),
            ("{% macro first %}{% endmacro %}", Some(1), tags.to_owned()),
            ("{% for c in region %}{% endfor %}", Some(1), loops.to_owned()),
            ("{% for a in diagnostics %}{% for b in diagnostics %}", Some(1), loops.to_owned()),
            (
                "{% for a in diagnostics %}{% endfor %}{{ a }}",
                None,
                "`a` has no meaning where it stands".to_owned(),
            ),
            ("{{ loop.index }}", None, "`loop` has no meaning where it stands".to_owned()),
            ("a\n\n{{ region", Some(3), "`{{` is not closed by `}}`".to_owned()),
            // What Jinja itself has against them.
            ("a\nb {% if region %}", Some(2), "unexpected end of input, expected end of block".to_owned()),
            ("{% if %}", Some(1), "unexpected end of block".to_owned()),
            (
                "{{ region region }}",
                Some(1),
                "unexpected identifier, expected end of variable block".to_owned(),
            ),
            ("{% endif %}", Some(1), "unknown statement endif".to_owned()),
        ] {
            assert_eq!(Template::new(template), Err(Fault { line, key: None, message }), "{template}");
        }
    }

    #[test]
    fn what_a_template_makes_is_bounded() {
        let region = "x".repeat(1 << 16);
        let template = Template::new(&"{{ region }}".repeat(17)).unwrap();
        let error = template.render(&Subject { region: &region, ..Subject::default() });
        assert_eq!(error, Err("the text grows beyond 1024 KiB".to_owned()));
        let messages = vec!["x".to_owned(); 1000];
        let template = Template::new("{{ diagnostics | length }}").unwrap();
        assert_eq!(template.render(&subject(&messages)), Ok("100".to_owned()));
        let deep = "{% if region %}".repeat(5000);
        assert!(Template::new(&deep).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_template_panics(text in r#"(\{\{|\}\}|\{%|%\}|\{#|#\}|[-+ \n.|=!'"é]|if|else|endif|for|in|endfor|region|raw|d|diagnostics|\PC){0,40}"#) {
            if let Ok(template) = Template::new(&text) {
                let _ = template.render(&subject(&[]));
            }
        }
    }
}
