//! The argument of a command, read leniently: a key binding is written by hand, and each editor wraps arguments in its
//! own way. One object with every field optional; or its parts one after the other; or nothing.
//!
//! What cannot be read is as if it were not there. Does *not* know where the person is: see `seen`.

use serde_json::Value;
use tower_lsp::lsp_types::{Position, Range, Url};

use crate::assist::act::Options;
use crate::edit::Action;
use crate::engine::sample::{Mirostat, Sampling};
use crate::lsp::legible::number;

/// What a command was told.
#[derive(Debug, Default)]
pub struct Arguments {
    pub uri: Option<Url>,
    /// The document as editors show its name: relative to the workspace, or whole. For keys, which cannot write a URI.
    pub path: Option<String>,
    /// The version that `range` is of.
    pub version: Option<i64>,
    pub range: Option<Range>,
    pub action: Option<Action>,
    /// The person's own words.
    pub instruction: Option<String>,
    pub diagnostic: Option<Diagnosed>,
    /// Messages, for an action that the person wrote down.
    pub diagnostics: Vec<String>,
    /// Of an action that the person wrote down.
    pub name: Option<String>,
    /// Of an action, a preview or an edit.
    pub id: Option<String>,
    /// For a review: take its findings away.
    pub clear: bool,
    pub language: Option<String>,
    pub seconds: Option<f64>,
    pub options: Options,
    /// A text that stands alone: what it means is the command's to say.
    pub word: Option<String>,
}

/// The diagnostic that a fix is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosed {
    pub message: String,
    pub range: Option<Range>,
}

impl Arguments {
    pub fn read(values: &[Value]) -> Self {
        let mut arguments = Self::default();
        values.iter().for_each(|value| arguments.take(value, true));
        arguments
    }

    fn take(&mut self, value: &Value, outermost: bool) {
        match value {
            Value::Object(fields) if fields.contains_key("start") => self.range = range(value),
            Value::Object(fields) if fields.contains_key("uri") => self.take_document(value),
            Value::Object(_) => self.take_fields(value),
            Value::String(text) => match document(text).filter(|_| self.uri.is_none()) {
                Some(uri) => self.uri = Some(uri),
                None => self.word = Some(text.clone()),
            },
            Value::Number(_) => self.seconds = number(value),
            // Some editors hand on the list of arguments as one argument.
            Value::Array(values) if outermost => values.iter().for_each(|value| self.take(value, false)),
            _ => {}
        }
    }

    fn take_document(&mut self, document: &Value) {
        self.uri = document.get("uri").and_then(Value::as_str).and_then(|uri| Url::parse(uri).ok());
        self.version = document.get("version").and_then(Value::as_i64);
    }

    fn take_fields(&mut self, fields: &Value) {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        if let Some(document) = fields.get("textDocument") {
            self.take_document(document);
        }
        let cursor = || Some(fields.get("position").and_then(position)?).map(|at| Range::new(at, at));
        let lines = || fields.get("lines").and_then(lines);
        self.range = fields.get("range").and_then(range).or_else(cursor).or_else(lines);
        self.path = text("path");
        self.action = fields.get("action").and_then(Value::as_str).and_then(action);
        self.instruction = text("instruction");
        self.name = text("name");
        // All of ours are digits, and written by hand they are a number.
        self.id = text("id").or_else(|| Some(fields.get("id")?.as_u64()?.to_string()));
        self.language = text("language");
        self.clear = fields.get("clear").and_then(Value::as_bool).unwrap_or_default();
        self.seconds = fields.get("seconds").and_then(number);
        self.diagnostic = fields.get("diagnostic").and_then(diagnosed);
        let told = fields.get("diagnostics").and_then(Value::as_array).into_iter().flatten();
        self.diagnostics = told.filter_map(diagnosed).map(|diagnosed| diagnosed.message).collect();
        self.options = options(fields);
    }
}

/// The action of this name, in any case.
pub fn action(name: &str) -> Option<Action> {
    use Action::{Custom, Document, Edit, Explain, Fix, Refactor, Review, UnitTest};
    let all = [Refactor, Explain, UnitTest, Document, Fix, Review, Edit, Custom];
    all.into_iter().find(|action| action.name().eq_ignore_ascii_case(name))
}

fn diagnosed(value: &Value) -> Option<Diagnosed> {
    let message = value.as_str().or_else(|| value.get("message")?.as_str())?;
    Some(Diagnosed { message: message.to_owned(), range: value.get("range").and_then(range) })
}

/// A text that stands alone and can only be the name of a document. People's own words may begin like one: `http://…
/// answers 404`, `file: sort the imports`; an editor writes no blank in a URI (RFC 3986), and opens no web page.
fn document(text: &str) -> Option<Url> {
    let is_one_word = !text.contains(char::is_whitespace);
    let is_document = text.contains("://") || text.starts_with("file:/") || text.starts_with("untitled:");
    let url = Url::parse(text).ok().filter(|_| is_one_word && is_document);
    url.filter(|url| !matches!(url.scheme(), "http" | "https"))
}

fn range(value: &Value) -> Option<Range> {
    Some(Range::new(position(value.get("start")?)?, position(value.get("end")?)?))
}

/// `[first, last]`, counted from 1 as editors show them. Where both are one it is the line of the cursor, and nothing
/// is selected.
fn lines(value: &Value) -> Option<Range> {
    let line = |index: usize| Some(number(value.get(index)?)? as u32);
    let (first, last) = (line(0)?.checked_sub(1)?, line(1)?);
    let end =
        if last.saturating_sub(1) > first { Position::new(last, 0) } else { Position::new(first, u32::MAX) };
    let start = if end.line == first { end } else { Position::new(first, 0) };
    Some(Range::new(start, end))
}

/// Any number, clamped, as everywhere else.
fn position(value: &Value) -> Option<Position> {
    let at = |name: &str| Some(number(value.get(name)?)? as u32);
    Some(Position::new(at("line")?, at("character")?))
}

fn options(fields: &Value) -> Options {
    let at = |name: &str| fields.get(name).and_then(number);
    let stop = match fields.get("stop") {
        Some(Value::String(stop)) => vec![stop.clone()],
        Some(Value::Array(stops)) => {
            stops.iter().filter_map(|stop| Some(stop.as_str()?.to_owned())).collect()
        }
        _ => Vec::new(),
    };
    Options {
        max_tokens: at("maxTokens").filter(|tokens| *tokens >= 1.0).map(|tokens| tokens as u32),
        sampling: sampling(at),
        // An empty one would stop before the first word.
        stop: stop.into_iter().filter(|stop: &String| !stop.is_empty()).collect(),
        system: None,
    }
}

/// None where nothing is set; what is not set is as llama.cpp has it.
fn sampling(at: impl Fn(&str) -> Option<f64>) -> Option<Sampling> {
    let names = [
        "temperature",
        "topK",
        "topP",
        "minP",
        "repeatPenalty",
        "mirostat",
        "mirostatTau",
        "mirostatEta",
        "seed",
    ];
    if !names.iter().any(|name| at(name).is_some()) {
        return None;
    }
    let usual = Sampling::default();
    let or = |name: &str, usual: f32| at(name).map_or(usual, |number| number as f32);
    Some(Sampling {
        temperature: or("temperature", usual.temperature),
        top_k: at("topK").map_or(usual.top_k, |number| number as u32),
        top_p: or("topP", usual.top_p),
        min_p: or("minP", usual.min_p),
        repeat_penalty: or("repeatPenalty", usual.repeat_penalty),
        mirostat: match at("mirostat").map(|number| number as i64) {
            Some(1) => Mirostat::V1,
            Some(2) => Mirostat::V2,
            _ => Mirostat::Off,
        },
        tau: or("mirostatTau", usual.tau),
        eta: or("mirostatEta", usual.eta),
        seed: at("seed").map_or(usual.seed, |number| number as u64),
        ..usual
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What was read, as far as it was: document, version, range, action, words.
    fn check(values: Value, expected: &str) {
        let read = Arguments::read(values.as_array().expect("a list"));
        let corner = |at: Position| format!("{}:{}", at.line, at.character);
        let said = [
            read.uri.map(|uri| uri.to_string()),
            read.path.map(|path| format!("path={path}")),
            read.version.map(|version| format!("v{version}")),
            read.range.map(|range| format!("{}-{}", corner(range.start), corner(range.end))),
            read.action.map(|action| action.name().to_owned()),
            read.instruction.map(|words| format!("instruction={words}")),
            read.diagnostic.map(|it| format!("diagnostic={}@{}", it.message, it.range.is_some())),
            read.name.map(|name| format!("name={name}")),
            read.id.map(|id| format!("id={id}")),
            read.clear.then(|| "clear".to_owned()),
            read.seconds.map(|seconds| format!("{seconds}s")),
            read.word.map(|word| format!("word={word}")),
        ];
        assert_eq!(said.into_iter().flatten().collect::<Vec<_>>().join(" "), expected, "{values}");
    }

    #[test]
    fn arguments_of_any_form() {
        let range = json!({"start": {"line": 1, "character": 2}, "end": {"line": 3, "character": 4}});
        check(json!([]), "");
        check(json!([null]), "");
        check(json!([[]]), "");
        check(json!([{}]), "");
        check(json!([[[{"instruction": "too deep"}]]]), "");
        check(
            json!([{"textDocument": {"uri": "file:///a", "version": 7}, "range": range, "instruction": "x"}]),
            "file:///a v7 1:2-3:4 instruction=x",
        );
        check(json!([[{"textDocument": {"uri": "file:///a"}}]]), "file:///a");
        check(json!([{"uri": "file:///a", "version": 7}, range]), "file:///a v7 1:2-3:4");
        check(json!(["file:///a", range, "file:///b"]), "file:///a 1:2-3:4 word=file:///b");
        check(json!(["make it quick"]), "word=make it quick");
        check(json!(["fix: this"]), "word=fix: this");
        check(json!(["untitled:Untitled-1"]), "untitled:Untitled-1");
        check(json!(["file:/a"]), "file:///a");
        check(json!(["file:///a%20b"]), "file:///a%20b");
        check(json!(["vscode-remote://ssh/a"]), "vscode-remote://ssh/a");
        // Words that begin like one.
        for words in [
            "http://example.org/spec make it so",
            "https://example.org/spec",
            "file:///a make it so",
            "file: sort the imports",
            "file:a",
            "untitled: name it",
            "todo:/ later",
            "todo:/later",
            "fix:\tthis",
        ] {
            check(json!([words]), &format!("word={words}"));
            check(json!(["file:///b", words]), &format!("file:///b word={words}"));
        }
        check(json!([60]), "60s");
        check(json!([{"position": {"line": -1, "character": 1e99}}]), "0:4294967295-0:4294967295");
        check(
            json!([{"range": {"start": {"line": "2", "character": 0}, "end": {"line": 2, "character": 0}}}]),
            "2:0-2:0",
        );
        check(
            json!([{"range": 7, "textDocument": 7, "instruction": 7, "diagnostic": 7, "seconds": "x"}]),
            "",
        );
        check(
            json!([{"action": "unittest", "name": "n", "id": "3", "clear": true}]),
            "unitTest name=n id=3 clear",
        );
        check(json!([{"id": 3}]), "id=3");
        check(json!([{"path": "src/a.rs", "lines": [3, 3]}]), "path=src/a.rs 2:4294967295-2:4294967295");
        check(json!([{"path": "a", "lines": [3, 5]}]), "path=a 2:0-5:0");
        check(json!([{"lines": ["1", "2"], "range": range}]), "1:2-3:4");
        check(json!([{"lines": ["1", "2"]}]), "0:0-2:0");
        check(json!([{"lines": [5, 3]}]), "4:4294967295-4:4294967295");
        for odd in [json!([0, 3]), json!([]), json!([1]), json!(3), json!({}), json!(["a", "b"])] {
            check(json!([{"lines": odd}]), "");
        }
        check(json!([{"action": "rm -rf"}]), "");
        check(json!([{"diagnostic": {"message": "m", "range": range}}]), "diagnostic=m@true");
        check(json!([{"diagnostic": "m"}]), "diagnostic=m@false");
    }

    #[test]
    fn options_of_one_request() {
        let read = |fields: Value| Arguments::read(&[fields]).options;
        let none = read(json!({"maxTokens": 0, "stop": 7, "temperature": "warm"}));
        assert_eq!((none.max_tokens, none.sampling, none.stop.len()), (None, None, 0));
        let some = read(
            json!({"maxTokens": 1e12, "stop": ["a", "", 7], "temperature": 0.5, "mirostat": 2, "seed": -1}),
        );
        assert_eq!((some.max_tokens, some.stop), (Some(u32::MAX), vec!["a".to_owned()]));
        let expected = Sampling { temperature: 0.5, mirostat: Mirostat::V2, ..Sampling::default() };
        assert_eq!(some.sampling, Some(expected));
        assert_eq!(read(json!({"stop": "\n\n"})).stop, ["\n\n"]);
    }
}
