//! Running a model's chat template, which anybody may have written: bounded in size, steps and output.
//!
//! The dialect is that of Hugging Face's `transformers`: Jinja with Python's string methods, `raise_exception` and
//! `strftime_now`. It does not know what is said, and is run on stand-ins alone.
//!
//! NB: the steps bound the time; nothing in minijinja bounds what a text can grow to in few steps, so a file made to
//! harm can still use up the memory by doubling one. What grows in a single step is switched off.

use std::io::{Error as IoError, Write};
use std::time::SystemTime;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, Value, context};

use super::{Specials, date};

/// Bytes of a template; the longest in use have some 20 KB.
const MOST_SOURCE: usize = 128 << 10;
/// Steps of one run; real ones take some hundreds for two messages.
const FUEL: u64 = 20_000;
/// Bytes of what it says: instructions of its own, for tools say, are some KB.
const MOST_OUTPUT: usize = 64 << 10;
/// Filters that make much of little, or that loop outside the count of steps; no message needs them.
const SWITCHED_OFF: [&str; 5] = ["batch", "slice", "indent", "format", "pprint"];

/// The messages it is run on.
#[derive(Clone, Copy, Debug)]
pub struct Turns<'a> {
    pub system: Option<&'a str>,
    pub user: &'a str,
    pub answer: Option<&'a str>,
    /// Whether an answer is asked for (`add_generation_prompt`).
    pub asks: bool,
}

/// A template that parses.
pub struct Stranger {
    environment: Environment<'static>,
    begin: String,
    end: String,
}

impl Stranger {
    /// The error says what is wrong with the template.
    pub fn new(source: &str, specials: &Specials<'_>, now: SystemTime) -> Result<Self, String> {
        if source.len() > MOST_SOURCE {
            return Err(format!("it has {} bytes", source.len()));
        }
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(method);
        environment.add_function("raise_exception", |why: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, why))
        });
        environment.add_function("strftime_now", move |format: String| date::format(&format, now));
        environment.add_filter("tojson", json);
        SWITCHED_OFF.iter().for_each(|filter| environment.remove_filter(filter));
        let source = without_training_tags(source);
        environment.add_template_owned("chat", source).map_err(|error| error.to_string())?;
        Ok(Self { environment, begin: specials.begin.into(), end: specials.end.into() })
    }

    /// What it says; the error says why it does not.
    pub fn run(&self, turns: &Turns<'_>) -> Result<String, String> {
        let message = |role: &str, content: &str| context! { role, content };
        let system = turns.system.map(|content| message("system", content));
        let answer = turns.answer.map(|content| message("assistant", content));
        let messages: Vec<Value> =
            system.into_iter().chain([message("user", turns.user)]).chain(answer).collect();
        let values = context! {
            messages,
            add_generation_prompt => turns.asks,
            bos_token => self.begin,
            eos_token => self.end,
            // Nobody reads thoughts, and an edit begins with its marker. The names differ by family.
            enable_thinking => false,
            thinking => false,
            tools => Value::from(()),
            documents => Value::from(()),
        };
        let mut output = Bounded(Vec::new());
        // A bug of the interpreter's is that template's end, not the model's.
        let run = std::panic::AssertUnwindSafe(|| {
            let template = self.environment.get_template("chat")?;
            template.render_captured_to(values, &mut output).map(drop)
        });
        match std::panic::catch_unwind(run) {
            Ok(Ok(())) => String::from_utf8(output.0).map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the interpreter failed on it".into()),
        }
    }
}

/// Python's methods, but for the one that pads.
fn method(state: &State<'_, '_>, value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    if name == "format" {
        return Err(Error::from(ErrorKind::UnknownMethod));
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, name, arguments)
}

/// As `transformers` has it: nothing is escaped for HTML. Indentation is left out.
fn json(value: &Value, _options: minijinja::value::Kwargs) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
}

/// `{% generation %}` … `{% endgeneration %}` mark for training what a model said. They say nothing; minijinja does
/// not know them.
fn without_training_tags(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at + 2);
        text += before;
        let inside = tag.trim_start_matches(['-', '+']);
        text += &tag[..tag.len() - inside.len()];
        rest = inside;
        let word = inside.trim_start();
        for (from, to) in [("generation", " if true "), ("endgeneration", " endif ")] {
            let end = word.strip_prefix(from).map(str::trim_start);
            if let Some(end) = end.filter(|end| end.starts_with(['-', '+', '%'])) {
                text += to;
                rest = end;
            }
        }
    }
    text + rest
}

/// Takes what is written, up to a bound.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, IoError> {
        if self.0.len() + bytes.len() > MOST_OUTPUT {
            return Err(IoError::other(format!("it says more than {MOST_OUTPUT} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), IoError> {
        Ok(())
    }
}
