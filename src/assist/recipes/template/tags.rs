//! What stands in a template's tags: known words, few of them, and nothing deep. This compiles and renders nothing.

use crate::assist::recipes::front::{self, Fault};

/// What a template may name: the fields of [`super::Subject`].
pub const NAMES: [&str; 6] = ["selection", "region", "path", "language", "instruction", "diagnostics"];
const FILTERS: [&str; 5] = ["trim", "upper", "lower", "length", "first"];
const WORDS: [&str; 14] = [
    "if", "elif", "else", "endif", "for", "in", "endfor", "not", "and", "or", "loop", "index", "first",
    "last",
];

/// Names and signs in one tag, and `if`s and `elif`s round one place: what is deep overflows the stack of whoever
/// follows it, and Jinja's own limit leaves out chains.
const WORDS_OF_A_TAG: usize = 40;
const DEPTH: usize = 30;

/// Looks through what stands in tags, front to back. Quotes may hold no brace, percent sign or backslash, and `raw`
/// is no known word: so where a tag ends here it ends for Jinja.
struct Tags<'a> {
    text: &'a str,
    /// Bytes looked through.
    at: usize,
    /// What any `for` so far gives a name to, and those that are not ended yet.
    targets: Vec<&'a str>,
    loops: Vec<&'a str>,
    /// Of each `if` that is not closed yet: itself and its `elif`s, which stand in one another for Jinja.
    open: Vec<usize>,
    faults: Vec<Fault>,
}

/// Of a known word.
pub const MEANINGLESS: &str = "has no meaning where it stands";

/// Mistakes that are looked for in one template.
const MOST_FAULTS: usize = 30;

/// Says what in a template is none of ours. Lines count from the template's first.
pub fn faults(text: &str) -> Vec<Fault> {
    let (targets, loops, open) = (Vec::new(), Vec::new(), Vec::new());
    Tags { text, at: 0, targets, loops, open, faults: Vec::new() }.look_through()
}

impl<'a> Tags<'a> {
    fn look_through(mut self) -> Vec<Fault> {
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
                self.blame(open, format!("`{}` is not closed by `{close}`", &rest[..2]));
                break;
            };
            if close != "#}" {
                match words(&inside[..length]) {
                    Ok(words) => self.tag(open, &words, close == "%}"),
                    Err(message) => self.blame(open, message),
                }
            }
            self.at = open + 2 + length + 2;
            if self.open.iter().sum::<usize>() > DEPTH {
                self.blame(open, format!("at most {DEPTH} `if`s and `elif`s stand in one another"));
                break;
            }
            if self.faults.len() >= MOST_FAULTS {
                break;
            }
        }
        self.faults
    }

    /// The tag begins at byte `start`.
    fn tag(&mut self, start: usize, words: &[&'a str], is_block: bool) {
        match (is_block, words) {
            (true, ["for", target, rest @ ..]) => {
                if !self.loops.is_empty() || rest != ["in", "diagnostics"] {
                    self.blame(start, "expected `for … in diagnostics`, and no such loop in another".into());
                }
                // One that is wrong ends all the same, and what is in it is no mistake of its own.
                self.targets.push(target);
                self.loops.push(target);
                return;
            }
            (true, ["endfor"]) => _ = self.loops.pop(),
            (true, ["if", ..]) => self.open.push(1),
            (true, ["elif", ..]) => {
                if let Some(branches) = self.open.last_mut() {
                    *branches += 1;
                }
            }
            (true, ["endif"]) => _ = self.open.pop(),
            (true, ["else"]) => {}
            (true, _) => {
                let known = "`if`, `elif`, `else`, `endif`, `for` and `endfor`";
                return self.blame(start, format!("a template knows the tags {known}"));
            }
            (false, _) => {}
        }
        for word in words {
            if !knows(word) && !self.loops.contains(word) {
                let is_over = self.targets.contains(word);
                self.blame(start, if is_over { format!("`{word}` {MEANINGLESS}") } else { unknown(word) });
            } else if *word == "loop" && self.loops.is_empty() {
                self.blame(start, format!("`{word}` {MEANINGLESS}"));
            }
        }
    }

    fn blame(&mut self, at: usize, message: String) {
        let line = self.text.get(..at).map(|before| before.matches('\n').count() + 1);
        self.faults.push(Fault { line, key: None, message });
    }
}

/// What stands in a tag, taken apart. The error is a sentence.
fn words(inside: &str) -> Result<Vec<&str>, String> {
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
            return Err(format!("`{first}`: {message}"));
        };
        words.push(&rest[..end]);
        rest = &rest[end..];
        if words.len() > WORDS_OF_A_TAG {
            return Err(format!("a tag has at most {WORDS_OF_A_TAG} names and signs"));
        }
    }
    Ok(words)
}

fn knows(word: &str) -> bool {
    let is_no_name = |c: char| c.is_ascii_digit() || !(c.is_ascii_alphanumeric() || c == '_');
    let known = [&NAMES[..], &FILTERS, &WORDS];
    word.starts_with(['"', '\''])
        || word.chars().all(is_no_name)
        || known.iter().any(|words| words.contains(&word))
}

fn unknown(word: &str) -> String {
    let word = front::short(word);
    let known = NAMES.iter().chain(&FILTERS);
    let likeness = |name: &&&str| (strsim::normalized_damerau_levenshtein(&word, name) * 1000.0) as u32;
    match known.max_by_key(likeness).filter(|name| likeness(name) >= 600) {
        Some(name) => format!("`{word}` is nothing a template knows; did you mean `{name}`?"),
        None => {
            let (names, filters) = (NAMES.join(", "), FILTERS.join(", "));
            format!("`{word}` is nothing a template knows; there are {names}, and the filters {filters}")
        }
    }
}
