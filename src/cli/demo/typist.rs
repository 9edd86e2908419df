//! Who types in the demo: holds the cursor, presses keys, takes suggestions. Prints nothing.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::paint::{Span, Style};
use super::script::Scene;
use crate::assist::{Ask, Assistant, Suggestion};
use crate::completion::policy::Trigger;
use crate::text::{Change, Document, Encoding};

/// Counts columns in bytes: the typist is its own client.
const ENCODING: Encoding = Encoding::Utf8;

/// See the module.
pub struct Typist {
    assistant: Arc<Assistant>,
    uri: Url,
    version: i32,
    /// The whole file, as it will be.
    target: &'static str,
    /// The hole being filled, bytes of `target`.
    hole: Range<usize>,
    /// The cursor, bytes; the document is equal to `target` up to here.
    cursor: usize,
    /// Parts of `target` that suggestions wrote.
    taken: Vec<Range<usize>>,
    /// Lines before this byte were given out as finished.
    finished: usize,
    /// Texts that shown suggestions would have made.
    shown: HashSet<String>,
}

/// One key: a character, or Enter with the indentation that an editor adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    text: &'static str,
}

/// A suggestion, and the text up to its end that taking it would give.
pub struct Ghost {
    suggestion: Suggestion,
    after: String,
}

impl Key {
    /// What it writes: more than one for Enter with indentation.
    pub fn characters(self) -> u32 {
        self.text.chars().count() as u32
    }
}

impl Typist {
    /// Opens the file of `scene` with its holes.
    pub fn open(assistant: Arc<Assistant>, scene: &Scene, holes: &[Range<usize>]) -> Result<Self, String> {
        let uri = Url::parse(&format!("file:///demo/{}", scene.name)).map_err(|error| error.to_string())?;
        let mut text = String::new();
        let mut from = 0;
        for hole in holes {
            text += &scene.text[from..hole.start];
            from = hole.end;
        }
        text += &scene.text[from..];
        assistant.open(uri.clone(), "", 0, &text);
        Ok(Self {
            assistant,
            uri,
            version: 0,
            target: scene.text,
            hole: 0..0,
            cursor: 0,
            taken: Vec::new(),
            finished: 0,
            shown: HashSet::new(),
        })
    }

    pub fn close(&self) {
        self.assistant.close(&self.uri);
    }

    /// Puts the cursor where `hole` begins. The holes above it are filled.
    pub fn go_to(&mut self, hole: &Range<usize>) {
        self.hole = hole.clone();
        self.cursor = hole.start;
        self.finished = hole.start + 1;
    }

    /// The last lines before the hole, with their numbers.
    pub fn above(&self, count: usize) -> Vec<(usize, String)> {
        let lines: Vec<&str> = self.target[..self.hole.start].split('\n').collect();
        let from = lines.len().saturating_sub(count);
        let numbered = lines.iter().enumerate().skip(from);
        numbered.map(|(index, line)| (index + 1, (*line).to_owned())).collect()
    }

    /// What is typed next; `None` when the hole is filled.
    pub fn next_key(&self) -> Option<Key> {
        let rest = &self.target[self.cursor..self.hole.end];
        let length = match rest.strip_prefix('\n') {
            Some(line) => 1 + line.len() - line.trim_start_matches([' ', '\t']).len(),
            None => rest.chars().next()?.len_utf8(),
        };
        Some(Key { text: &rest[..length] })
    }

    pub fn press(&mut self, key: Key) {
        self.replace(self.cursor..self.cursor, key.text);
        self.cursor += key.text.len();
    }

    /// Whether nothing but indentation stands left of the cursor.
    pub fn starts_line(&self) -> bool {
        self.target[self.line_start()..self.cursor].trim().is_empty()
    }

    /// What the assistant suggests here, if it does so in time.
    pub async fn ask(&self, patience: Duration) -> Option<Ghost> {
        let document = self.assistant.snapshot(&self.uri)?;
        let ask = Ask {
            uri: self.uri.clone(),
            document: document.clone(),
            offset: self.cursor,
            trigger: Trigger::Automatic,
            selection: None,
            popup: None,
        };
        let answer = tokio::time::timeout(patience, self.assistant.complete(ask)).await.ok()?;
        let suggestion = answer.outcome.ok()?;
        let after = document.slice(0..suggestion.range.start) + &suggestion.text;
        (after.len() > self.cursor).then_some(Ghost { suggestion, after })
    }

    /// Whether this was not shown before: while somebody types what is suggested, it stays the same suggestion.
    pub fn is_new(&mut self, ghost: &Ghost) -> bool {
        self.shown.insert(ghost.after.clone())
    }

    /// Whether taking it gives the file as it was, up to the end of a line of the hole.
    pub fn is_right(&self, ghost: &Ghost) -> bool {
        let Some(document) = self.assistant.snapshot(&self.uri) else {
            return false;
        };
        let end = ghost.after.len();
        self.target.starts_with(&ghost.after)
            && end <= self.hole.end
            && self.target[end..].starts_with('\n')
            && ends_line(&document, ghost.suggestion.range.end)
    }

    /// Takes a suggestion that is right, and tells how many characters that wrote.
    pub fn take(&mut self, ghost: &Ghost) -> u32 {
        self.replace(ghost.suggestion.range.clone(), &ghost.suggestion.text);
        self.assistant.accepted(&ghost.suggestion.id);
        let written = self.cursor..ghost.after.len();
        let characters = self.target[written.clone()].chars().count();
        self.cursor = written.end;
        self.taken.push(written);
        characters as u32
    }

    /// The line being typed, and its ghost text.
    pub fn current_line(&self, ghost: Option<&Ghost>) -> Vec<Span> {
        let mut spans = self.spans(self.line_start()..self.cursor);
        if let Some(ghost) = ghost {
            let text = ghost.after.get(self.cursor..).unwrap_or_default();
            let lines = text.lines().count();
            let mut first = text.lines().next().unwrap_or_default().to_owned();
            if lines > 1 {
                first += &format!("  (+{} lines)", lines - 1);
            }
            spans.push(Span::new(Style::Ghost, first));
        }
        spans
    }

    /// Lines that were finished and not given out yet, the cursor's excepted.
    pub fn finished_lines(&mut self) -> Vec<Vec<Span>> {
        let end = self.line_start();
        let mut lines = Vec::new();
        while self.finished < end {
            let line = self.target[self.finished..end].find('\n').map_or(end, |at| self.finished + at);
            lines.push(self.spans(self.finished..line));
            self.finished = line + 1;
        }
        lines
    }

    fn line_start(&self) -> usize {
        self.target[..self.cursor].rfind('\n').map_or(0, |at| at + 1)
    }

    /// One line of `target`, numbered, with the parts that suggestions wrote.
    fn spans(&self, line: Range<usize>) -> Vec<Span> {
        let number = self.target[..line.start].matches('\n').count() + 1;
        let mut spans = vec![Span::number(number)];
        let mut at = line.start;
        for taken in &self.taken {
            let (start, end) = (taken.start.max(at), taken.end.min(line.end));
            if start < end {
                spans.push(Span::new(Style::Plain, self.target[at..start].to_owned()));
                spans.push(Span::new(Style::Taken, self.target[start..end].to_owned()));
                at = end;
            }
        }
        spans.push(Span::new(Style::Plain, self.target[at..line.end].to_owned()));
        spans.retain(|span| !span.text.is_empty());
        spans
    }

    fn replace(&mut self, range: Range<usize>, text: &str) {
        let Some(document) = self.assistant.snapshot(&self.uri) else {
            return;
        };
        let place = |offset| ENCODING.position(document.rope(), offset);
        let change = Change { range: Some(place(range.start)..place(range.end)), text: text.to_owned() };
        self.version += 1;
        self.assistant.change(&self.uri, self.version, &[change], ENCODING);
    }
}

/// Whether only blanks stand between `offset` and the end of its line.
fn ends_line(document: &Document, offset: usize) -> bool {
    let rest = document.slice(offset..document.len());
    rest.split('\n').next().unwrap_or_default().trim().is_empty()
}
