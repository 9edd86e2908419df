//! The front matter of a recipe: `key: value` lines between two lines of `---`.
//!
//! A strict part of YAML, so that editors colour it and what is read here is what YAML would read: texts, plain or in
//! quotes, and lists of them. What YAML could mean otherwise is an error with its line, never a guess. This does not
//! know which keys there are.

use std::iter::Peekable;
use std::str::Chars;

/// A recipe's file, taken apart.
#[derive(Debug, PartialEq)]
pub struct Front<'a> {
    pub fields: Vec<Field>,
    /// What follows the front matter.
    pub body: &'a str,
    /// Lines that stand before the body.
    pub lines: usize,
}

#[derive(Debug, PartialEq)]
pub struct Field {
    pub key: String,
    pub value: Value,
    /// One-based.
    pub line: usize,
}

#[derive(Debug, PartialEq)]
pub enum Value {
    Text(String),
    List(Vec<String>),
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// One-based.
    pub line: Option<usize>,
    pub key: Option<String>,
    /// What was found and what to write instead.
    pub message: String,
}

impl Fault {
    pub fn at(line: usize, message: impl Into<String>) -> Self {
        Self { line: Some(line), key: None, message: message.into() }
    }

    /// Of a file as a whole.
    pub fn whole(message: String) -> Self {
        Self { line: None, key: None, message }
    }

    pub fn in_key(self, key: &str) -> Self {
        Self { key: Some(short(key)), ..self }
    }
}

const FENCE: &str = "---";

/// Keys of a front matter, far above those that there are.
const MOST_KEYS: usize = 30;

/// Letters of what is quoted of a file in a message.
const QUOTED: usize = 60;

/// A word of a file for a message: whoever wrote it does not say how long that becomes.
pub fn short(word: &str) -> String {
    match word.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    }
}

/// Takes a file apart. `text` has lines that end in `\n` alone. What is wrong goes to `faults`, line by line; nothing is
/// left where it cannot be told what is front matter and what is not.
pub fn parse<'a>(text: &'a str, faults: &mut Vec<Fault>) -> Option<Front<'a>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split_inclusive('\n').zip(1..);
    let Some((first, _)) = lines.next().filter(|(line, _)| line.trim_end() == FENCE) else {
        faults.push(Fault::at(1, "expected `---`, then `title: …`, and `---` again before the text"));
        return None;
    };
    let mut read = first.len();
    let mut reader = Reader { fields: Vec::new(), last: Last::Whole, keys: 0, faults: Vec::new() };
    for (line, number) in lines {
        read += line.len();
        let content = line.trim_end();
        if content == FENCE {
            reader.close();
            faults.append(&mut reader.faults);
            let body = text.get(read..).unwrap_or_default();
            return Some(Front { fields: reader.fields, body, lines: number });
        }
        reader.line(content, number);
    }
    // All the rest is front matter then, or none of it: what is wrong in there says nothing.
    faults.push(Fault::at(1, "what begins with this `---` never ends: put another before the text"));
    None
}

/// What was read of a front matter so far.
struct Reader {
    fields: Vec<Field>,
    last: Last,
    /// Lines that have a key, or should.
    keys: usize,
    faults: Vec<Fault>,
}

/// The key that was read last.
enum Last {
    /// Nothing belongs to it any more.
    Whole,
    /// Its items are to follow.
    List(Field),
    /// Told already; what belongs to it is read over.
    Faulty,
}

impl Reader {
    fn line(&mut self, content: &str, number: usize) {
        let trimmed = content.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') || self.keys > MOST_KEYS {
            return;
        }
        if matches!(self.last, Last::Faulty) && content.starts_with([' ', '\t']) {
            return;
        }
        let read = match trimmed.strip_prefix('-').filter(|rest| rest.is_empty() || rest.starts_with(' ')) {
            Some(item) => self.item(item, number),
            None => {
                self.close();
                self.key(content, number)
            }
        };
        if let Err(fault) = read {
            self.faults.push(fault);
            self.last = Last::Faulty;
        }
    }

    fn item(&mut self, item: &str, number: usize) -> Result<(), Fault> {
        match &mut self.last {
            Last::List(Field { key, value: Value::List(items), .. }) => {
                items.push(scalar(item, number).map_err(|fault| fault.in_key(key))?);
                Ok(())
            }
            Last::Faulty => Ok(()),
            Last::List(_) | Last::Whole => {
                Err(Fault::at(number, "a list's items stand below its key, as in `languages:`"))
            }
        }
    }

    fn key(&mut self, content: &str, number: usize) -> Result<(), Fault> {
        self.keys += 1;
        if self.keys > MOST_KEYS {
            return Err(Fault::at(number, format!("more than {MOST_KEYS} keys are none of ours")));
        }
        let (key, rest) = key_of(content)
            .ok_or_else(|| Fault::at(number, "expected `key: value`, at the start of the line"))?;
        if self.fields.iter().any(|field| field.key == key) {
            return Err(Fault::at(number, "is there twice").in_key(key));
        }
        let field = |value| Field { key: key.to_owned(), value, line: number };
        match value(rest, number).map_err(|fault| fault.in_key(key))? {
            Some(value) => self.fields.push(field(value)),
            None => self.last = Last::List(field(Value::List(Vec::new()))),
        }
        Ok(())
    }

    /// Puts a list that has ended to the others.
    fn close(&mut self) {
        match std::mem::replace(&mut self.last, Last::Whole) {
            Last::List(Field { key, value: Value::List(items), line }) if items.is_empty() => {
                self.faults.push(Fault::at(line, "has no value").in_key(&key));
            }
            Last::List(field) => self.fields.push(field),
            Last::Whole | Last::Faulty => {}
        }
    }
}

/// `key:` at the start of a line, with the rest of the line; a colon without a blank belongs to a word.
fn key_of(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = line.split_once(':')?;
    let is_word = |key: &str| key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let is_key = !key.is_empty() && is_word(key) && (rest.is_empty() || rest.starts_with([' ', '\t']));
    is_key.then_some((key, rest))
}

/// What stands behind a key; `None` where a list is to follow.
fn value(text: &str, line: usize) -> Result<Option<Value>, Fault> {
    let trimmed = text.trim_start();
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return Ok(None);
    }
    if trimmed.starts_with('[') {
        return list(trimmed, line).map(Value::List).map(Some);
    }
    scalar(text, line).map(Value::Text).map(Some)
}

/// `[a, "b"]` on one line.
fn list(text: &str, line: usize) -> Result<Vec<String>, Fault> {
    let wrong = || Fault::at(line, "expected a list on one line, as in `[rust, python]`");
    let mut items = Vec::new();
    let mut rest = text.strip_prefix('[').ok_or_else(wrong)?.trim_start();
    while !rest.starts_with(']') {
        let (item, after) = if rest.starts_with(['"', '\'']) {
            quoted(rest, line)?
        } else {
            let end = rest.find([',', ']']).ok_or_else(wrong)?;
            (plain(&rest[..end], line)?, &rest[end..])
        };
        items.push(item);
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None if rest.starts_with(']') => {}
            None => return Err(wrong()),
        }
    }
    nothing_behind(&rest[1..], line)?;
    Ok(items)
}

/// One text, in quotes or not, up to the end of its line.
fn scalar(text: &str, line: usize) -> Result<String, Fault> {
    let text = text.trim();
    if text.starts_with(['"', '\'']) {
        let (text, rest) = quoted(text, line)?;
        nothing_behind(rest, line)?;
        return Ok(text);
    }
    let comment = text.match_indices('#').find(|(at, _)| *at == 0 || text[..*at].ends_with([' ', '\t']));
    plain(comment.map_or(text, |(at, _)| &text[..at]), line)
}

fn plain(text: &str, line: usize) -> Result<String, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Fault::at(line, "has no value"));
    }
    if text.starts_with(['|', '>']) {
        return Err(Fault::at(
            line,
            "a text of several lines stands in a file of its own, as in `system: file.md`",
        ));
    }
    if text.starts_with(['[', ']', '{', '}', ',', '#', '&', '*', '!', '%', '@', '`', '"', '\'']) {
        return Err(Fault::at(line, "put this text in quotes: its first sign means something else here"));
    }
    Ok(text.to_owned())
}

/// A text in quotes at the start of `text`, and what follows it.
fn quoted(text: &str, line: usize) -> Result<(String, &str), Fault> {
    let mut rest = text.chars().peekable();
    let quote = rest.next();
    let mut inside = String::new();
    let unclosed = || Fault::at(line, "the quotes are not closed on this line");
    loop {
        match rest.next().ok_or_else(unclosed)? {
            // In single quotes a doubled one is one.
            '\'' if quote == Some('\'') && rest.next_if_eq(&'\'').is_some() => inside.push('\''),
            c if Some(c) == quote => break,
            '\\' if quote == Some('"') => inside.push(escaped(&mut rest).ok_or_else(|| {
                Fault::at(line, r#"expected `\"`, `\\`, `\n` or `\t` behind a backslash in double quotes"#)
            })?),
            c => inside.push(c),
        }
    }
    let left: usize = rest.map(char::len_utf8).sum();
    Ok((inside, &text[text.len() - left..]))
}

fn escaped(rest: &mut Peekable<Chars>) -> Option<char> {
    Some(match rest.next()? {
        'n' => '\n',
        't' => '\t',
        c @ ('"' | '\\') => c,
        _ => return None,
    })
}

fn nothing_behind(rest: &str, line: usize) -> Result<(), Fault> {
    match rest.trim() {
        "" => Ok(()),
        comment if comment.starts_with('#') && rest.starts_with([' ', '\t']) => Ok(()),
        _ => Err(Fault::at(line, "something stands behind the value")),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// The fields, one a line, then the lines before the body, and the body.
    fn check(text: &str, expected: Expect) {
        let mut faults = Vec::new();
        let front = parse(text, &mut faults).unwrap();
        assert_eq!(faults, []);
        let field = |field: &Field| match &field.value {
            Value::Text(text) => format!("{} {} = {text:?}\n", field.line, field.key),
            Value::List(items) => format!("{} {} = {items:?}\n", field.line, field.key),
        };
        let fields: String = front.fields.iter().map(field).collect();
        expected.assert_eq(&format!("{fields}{} {:?}\n", front.lines, front.body));
    }

    #[test]
    fn texts_and_lists() {
        check(
            "\u{feff}---  \n# what it is\ntitle: Tidy: up # not said\nshort:   \"a \\\"b\\\" \\\\ \\n#c\"  # x\n\
             one: 'it''s: # one'\n\nsharp: c#\n--- \n---\nbody\n",
            expect![[r##"
                3 title = "Tidy: up"
                4 short = "a \"b\" \\ \n#c"
                5 one = "it's: # one"
                7 sharp = "c#"
                8 "---\nbody\n"
            "##]],
        );
        check(
            "---\na: [ rust , \"b,]c\", 'd' ] # no\nb: []\nc:\n  - rust # no\n\n- 'py thon'\nd: [x,]\n---",
            expect![[r#"
                2 a = ["rust", "b,]c", "d"]
                3 b = []
                4 c = ["rust", "py thon"]
                8 d = ["x"]
                9 ""
            "#]],
        );
    }

    #[test]
    fn what_yaml_could_read_otherwise_is_refused_with_its_line() {
        let form = "expected `---`, then `title: …`, and `---` again before the text";
        let pair = "expected `key: value`, at the start of the line";
        let list = "expected a list on one line, as in `[rust, python]`";
        let lines = "a text of several lines stands in a file of its own, as in `system: file.md`";
        let quotes = "put this text in quotes: its first sign means something else here";
        let backslash = r#"expected `\"`, `\\`, `\n` or `\t` behind a backslash in double quotes"#;
        for (text, line, key, message) in [
            ("", 1, None, form),
            ("title: x\n---\n", 1, None, form),
            (
                "---\ntitle: x\n",
                1,
                None,
                "what begins with this `---` never ends: put another before the text",
            ),
            ("---\ntitle: x\n----\n---\n", 3, None, pair),
            ("---\ntitle:x\n---\n", 2, None, pair),
            ("---\na: x\n b: y\n---\n", 3, None, pair),
            ("---\nc#: x\n---\n", 2, None, pair),
            ("---\na: x\n- y\n---\n", 3, None, "a list's items stand below its key, as in `languages:`"),
            ("---\na: x\nb: y\na: z\n---\n", 4, Some("a"), "is there twice"),
            ("---\na:\nb: y\n---\n", 2, Some("a"), "has no value"),
            ("---\na:\n-\n---\n", 3, Some("a"), "has no value"),
            ("---\na:\n- x\n- # y\n---\n", 4, Some("a"), "has no value"),
            ("---\na: |\n  x\n---\n", 2, Some("a"), lines),
            ("---\na: *x\n---\n", 2, Some("a"), quotes),
            ("---\na: \"x\n---\n", 2, Some("a"), "the quotes are not closed on this line"),
            ("---\na: \"\\u0041\"\n---\n", 2, Some("a"), backslash),
            ("---\na: 'x' y\n---\n", 2, Some("a"), "something stands behind the value"),
            ("---\na: [x] y\n---\n", 2, Some("a"), "something stands behind the value"),
            ("---\na: [x, y\n---\n", 2, Some("a"), list),
            ("---\na: ['x' y]\n---\n", 2, Some("a"), list),
            ("---\na: [x, , y]\n---\n", 2, Some("a"), "has no value"),
        ] {
            let fault = Fault { line: Some(line), key: key.map(str::to_owned), message: message.to_owned() };
            let mut faults = Vec::new();
            parse(text, &mut faults);
            assert_eq!(faults, [fault], "{text}");
        }
    }

    /// Each line is told of once, and a line that belongs to a faulty one not at all.
    #[test]
    fn every_mistake_is_told() {
        for (text, lines) in [
            ("---\na: *x\nb\n- c\nd:\ne: x\ne: y\n---\n", &[2, 3, 5, 7][..]),
            ("---\na:\n- *x\n- y\n- *z\nb: 'x\n---\n", &[3, 6]),
            ("---\n- x\n- y\na: x\n- z\n---\n", &[2, 5]),
            // Where the front matter ends is not known.
            ("---\na\nb\nc\n", &[1]),
        ] {
            let mut faults = Vec::new();
            parse(text, &mut faults);
            let told: Vec<usize> = faults.iter().filter_map(|fault| fault.line).collect();
            assert_eq!(told, lines, "{text}");
        }
        let mut faults = Vec::new();
        parse(&format!("---\n{}---\n", "x\n- y\n".repeat(1000)), &mut faults);
        assert_eq!(faults.len(), MOST_KEYS + 1);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in r#"(---\n)?((---|[a-z]{1,3}:|-|[ \t]{1,2}|["'\[\],#\\|é]|\PC)*\n?)*"#) {
            if let Some(front) = parse(&text, &mut Vec::new()) {
                let before = text.len() - front.body.len();
                proptest::prop_assert!(text[..before].trim_end().ends_with(FENCE));
                proptest::prop_assert_eq!(text[..before].lines().count(), front.lines);
            }
        }
    }
}
