//! The keys of a replay: somebody types the lines that were taken out, as an editor turns keys into edits.
//!
//! Enter brings the indentation in the same edit; brackets and quotes bring their closer, which is typed over later;
//! Enter between brackets moves the closer to a line of its own. Now and then a burst of Backspace, a jump to another
//! place of the file, a visit to another file. What is drawn, from one seed: the same answers give the same keys. Pure:
//! it says when a key should come, but knows no clock and asks nobody.

mod accept;
mod pace;

use std::collections::VecDeque;
use std::ops::Range;

use super::editor::{Change, Editor};
use crate::completion::line::is_word;
use crate::syntax::Language;
pub use accept::{Accept, Ghost};

/// Of a hundred keys, those that begin a burst of Backspace, a jump, and a visit to another file.
const BURSTS: u32 = 5;
const JUMPS: u32 = 2;
const VISITS: u32 = 1;
/// Backspaces of a burst.
const BURST: Range<usize> = 1..4;
/// Keys that are taken back and typed again where the cursor went.
const ELSEWHERE: usize = 2;
/// Lines between here and the place of a jump, where the file is long enough.
const FAR_LINES: usize = 20;

/// What a key does, as figures tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The first key of a run: nothing of the place was read.
    Cold,
    Character,
    /// One that brings its closer.
    Opener,
    Enter,
    Backspace,
    /// A suggestion is taken.
    Accept,
    /// The cursor goes to another place of the file.
    Jump,
    /// It comes back from there.
    Return,
    /// It goes to another file.
    Switch,
    /// It comes back from there.
    Back,
    /// Never a key's own: it came somewhere, and what was kept, or a rule, answered. The first key there that asks the
    /// model then counts as the one that came.
    Unasked,
}

impl Class {
    pub const ALL: [Class; 11] = [
        Class::Cold,
        Class::Character,
        Class::Opener,
        Class::Enter,
        Class::Backspace,
        Class::Accept,
        Class::Jump,
        Class::Return,
        Class::Switch,
        Class::Back,
        Class::Unasked,
    ];

    /// Whether the cursor comes to where it was not.
    pub fn arrives(self) -> bool {
        matches!(self, Class::Cold | Class::Jump | Class::Return | Class::Switch | Class::Back)
    }

    /// Whether somebody types, where the cursor is.
    pub fn types(self) -> bool {
        matches!(self, Class::Character | Class::Opener | Class::Enter | Class::Backspace)
    }

    /// As it stands in tables and in the object.
    pub fn name(self) -> &'static str {
        match self {
            Class::Cold => "cold",
            Class::Character => "character",
            Class::Opener => "opener",
            Class::Enter => "enter",
            Class::Backspace => "backspace",
            Class::Accept => "accept",
            Class::Jump => "jump",
            Class::Return => "return",
            Class::Switch => "switch",
            Class::Back => "back",
            Class::Unasked => "unasked",
        }
    }
}

/// One key, already in the editor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stroke {
    pub class: Class,
    /// None where only the cursor moved.
    pub change: Option<Change>,
    /// The suggestion that it took.
    pub accepted: Option<String>,
}

/// What is to come before the next character of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Take back one character of the run.
    Erase,
    Go {
        class: Class,
        file: usize,
        cursor: usize,
    },
    /// Away from the run: take back one character, or type it again.
    EraseThere,
    TypeThere(char),
}

/// Somebody who types.
pub struct Typist {
    pub editor: Editor,
    random: fastrand::Rng,
    accept: Accept,
    language: &'static Language,
    /// All that is typed, and how much of it is.
    target: String,
    at: usize,
    /// What the editor put right of the cursor by itself, nearest last: a closer, or one on a line of its own.
    ahead: Vec<String>,
    /// Characters last typed that brought nothing and end no line: those that a burst may take back.
    plain: usize,
    steps: VecDeque<Step>,
    begun: bool,
}

impl Typist {
    /// Types `target` at the editor's cursor, which is at the end of a line of its first file.
    pub fn new(editor: Editor, target: String, accept: Accept, seed: u64) -> Self {
        let language = Language::of(editor.file().language, "");
        Self {
            editor,
            random: fastrand::Rng::with_seed(seed),
            accept,
            language,
            target,
            at: 0,
            ahead: Vec::new(),
            plain: 0,
            steps: VecDeque::new(),
            begun: false,
        }
    }

    /// The next key, pressed; `ghost` is what is shown at the cursor. `None` when all is typed. Ask for the [`gap`] before
    /// it first, whether or not it is waited for: both draw from one seed.
    ///
    /// [`gap`]: Self::gap
    pub fn next(&mut self, ghost: Option<&Ghost>) -> Option<Stroke> {
        let stroke = |class, change| Stroke { class, change, accepted: None };
        if let Some(step) = self.steps.pop_front() {
            let (class, change) = self.step(step);
            return Some(stroke(class, change));
        }
        if self.at == self.target.len() {
            return None;
        }
        if let Some((change, id)) = ghost.and_then(|ghost| self.take(ghost)) {
            return Some(Stroke { accepted: id, ..stroke(Class::Accept, Some(change)) });
        }
        if self.begun && self.wander() {
            return self.next(None);
        }
        let (class, change) = self.press();
        let class = if std::mem::replace(&mut self.begun, true) { class } else { Class::Cold };
        Some(stroke(class, change))
    }

    /// Now and then there is something else to do first.
    fn wander(&mut self) -> bool {
        let dice = self.random.u32(..100);
        if dice < BURSTS {
            let keys = self.random.usize(BURST).min(self.plain);
            self.steps.extend(std::iter::repeat_n(Step::Erase, keys));
        } else if dice < BURSTS + JUMPS {
            self.visit(self.editor.focus, Class::Jump, Class::Return);
        } else if dice < BURSTS + JUMPS + VISITS && self.editor.files.len() > 1 {
            let file = self.random.usize(1..self.editor.files.len());
            self.visit(file, Class::Switch, Class::Back);
        }
        !self.steps.is_empty()
    }

    /// Goes to the end of a line elsewhere, types its last characters anew, and comes back.
    fn visit(&mut self, file: usize, there: Class, back: Class) {
        let (here, now) = (self.editor.focus, self.editor.cursor);
        let from = (file == here).then(|| self.editor.place().0);
        let text = &self.editor.files[file].text;
        let mut ends = Vec::new();
        let mut end = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let content = line.trim_end_matches('\n');
            let last = content.len().saturating_sub(ELSEWHERE);
            let is_plain = content.get(last..).is_some_and(|last| last.bytes().all(|b| b.is_ascii_graphic()));
            if is_plain && content.trim_start().len() > 2 * ELSEWHERE && from != Some(number) {
                ends.push((number, end + content.len()));
            }
            end += line.len();
        }
        let is_far =
            |(number, _): &(usize, usize)| from.is_none_or(|from| number.abs_diff(from) >= FAR_LINES);
        if ends.iter().any(is_far) {
            ends.retain(is_far);
        }
        let Some((_, cursor)) = self.random.choice(ends) else { return };
        let last: Vec<char> = text[cursor - ELSEWHERE..cursor].chars().collect();
        self.steps.push_back(Step::Go { class: there, file, cursor });
        self.steps.extend(std::iter::repeat_n(Step::EraseThere, ELSEWHERE));
        self.steps.extend(last.into_iter().map(Step::TypeThere));
        self.steps.push_back(Step::Go { class: back, file: here, cursor: now });
    }

    fn step(&mut self, step: Step) -> (Class, Option<Change>) {
        let cursor = self.editor.cursor;
        match step {
            Step::Go { class, file, cursor } => {
                (self.editor.focus, self.editor.cursor) = (file, cursor);
                (class, None)
            }
            Step::Erase => {
                let last = self.target[..self.at].chars().next_back().map_or(0, char::len_utf8);
                self.at -= last;
                self.plain -= 1;
                (Class::Backspace, Some(self.editor.replace(cursor - last..cursor, "", 0)))
            }
            Step::EraseThere => (Class::Backspace, Some(self.editor.replace(cursor - 1..cursor, "", 0))),
            Step::TypeThere(c) => {
                let change = self.editor.replace(cursor..cursor, c.encode_utf8(&mut [0; 4]), c.len_utf8());
                (Class::Character, Some(change))
            }
        }
    }

    /// Presses the key of the next character that is missing.
    fn press(&mut self) -> (Class, Option<Change>) {
        let rest = &self.target[self.at..];
        let Some(next) = rest.chars().next() else { return (Class::Character, None) };
        if self.ahead.last().is_some_and(|closer| rest.starts_with(closer.as_str())) && !self.is_escaped() {
            return self.type_over(next);
        }
        if next == '\n' {
            return self.enter();
        }
        let closer = self.closer_of(next);
        let text: String = [next].into_iter().chain(closer).collect();
        let change = self.insert(&text, next.len_utf8());
        self.at += next.len_utf8();
        match closer {
            Some(closer) => {
                self.ahead.push(closer.into());
                self.plain = 0;
                (Class::Opener, Some(change))
            }
            None => {
                let is_plain = !"()[]{}\"'`".contains(next);
                self.plain = if is_plain { self.plain + 1 } else { 0 };
                (Class::Character, Some(change))
            }
        }
    }

    /// The closer is there already: the cursor steps over it.
    fn type_over(&mut self, next: char) -> (Class, Option<Change>) {
        let length = self.ahead.pop().map_or(0, |closer| closer.len());
        self.at += length;
        self.editor.cursor += length;
        self.plain = 0;
        (if next == '\n' { Class::Enter } else { Class::Character }, None)
    }

    fn enter(&mut self) -> (Class, Option<Change>) {
        let rest = &self.target[self.at + 1..];
        let indent = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let typed = self.target[self.at..=self.at + indent].to_owned();
        let mut text = typed.clone();
        // Between a bracket and its closer: the closer goes to a line of its own.
        let opener = self.target[..self.at].chars().next_back();
        if let Some(closer) = self
            .ahead
            .last_mut()
            .filter(|closer| opener.and_then(bracket).is_some_and(|c| **closer == *c.to_string()))
        {
            let line = self.editor.file().line(self.editor.cursor);
            let line = &self.editor.file().text[line];
            let own = format!("\n{}", &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]);
            text.push_str(&own);
            closer.insert_str(0, &own);
        }
        let change = self.insert(&text, typed.len());
        self.at += typed.len();
        self.plain = 0;
        (Class::Enter, Some(change))
    }

    /// What the editor puts behind a character by itself.
    fn closer_of(&self, c: char) -> Option<char> {
        let file = self.editor.file();
        let line = &file.text[file.line(self.editor.cursor).start..self.editor.cursor];
        let is_comment = self.language.line_comment.is_some_and(|mark| line.trim_start().starts_with(mark));
        let right = file.text[self.editor.cursor..].chars().next();
        let is_free = right.is_none_or(|right| right.is_whitespace() || ")]},;:".contains(right));
        let left = line.chars().next_back();
        let is_quote = self.language.quotes.contains(c)
            && !is_comment
            && left.is_none_or(|left| !is_word(left) && left != c && left != '\\');
        let closer = bracket(c).or(is_quote.then_some(c));
        closer.filter(|_| is_free)
    }

    /// A quote behind a backslash ends no string.
    fn is_escaped(&self) -> bool {
        let is_quote = self.target[self.at..].starts_with(['"', '\'', '`']);
        is_quote && self.target[..self.at].ends_with('\\')
    }

    fn insert(&mut self, text: &str, ahead: usize) -> Change {
        let cursor = self.editor.cursor;
        self.editor.replace(cursor..cursor, text, ahead)
    }
}

fn bracket(opener: char) -> Option<char> {
    match opener {
        '(' => Some(')'),
        '[' => Some(']'),
        '{' => Some('}'),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
