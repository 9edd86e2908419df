//! Where an addition goes: the place that the people of a language put their tests.
//!
//! The language's row says how: in a block of the tested file, or in a file of their own. A place is found once, and
//! then an answer is put there: below the tests that are there, with the imports it needs, under a name that is free.
//! The answer itself is not judged here: see `guard`.

mod answer;
mod block;
mod file;
mod names;

use crate::edit::guard::{Guard, Refusal};
use crate::edit::hunk::lines::lines;
use crate::edit::region::Region;
use crate::edit::repair::indent::Style;
use crate::syntax::language::testing::Home;
use crate::syntax::parts::{Imported, Parts};
use crate::syntax::{Chunk, ChunkKind, Language};
use crate::text::Document;

/// A place for a test.
#[derive(Clone)]
pub struct Destination {
    /// Relative to the workspace, with `/`.
    pub path: String,
    /// The file's text as it is, or `None` for a file that is to be made.
    pub existing: Option<String>,
    /// What the answer begins with: the model goes on from here. Empty where the language's row does not say.
    pub opening: String,
    /// What is tested, and what holds it: a test uses one of these names.
    pub tested: Vec<String>,
    language: &'static Language,
    /// What the file indents with, if that is told.
    style: Option<Style>,
    layout: Layout,
}

/// Where in which file, and how it begins there.
struct Place {
    path: String,
    existing: Option<String>,
    opening: String,
    layout: Layout,
}

/// The text of the file round the answer, with `\n` between lines in what is added.
#[derive(Clone)]
struct Layout {
    /// What stands above the answer, and what comes between.
    above: String,
    lead: String,
    /// What comes below the answer, and what stands there.
    trail: String,
    below: String,
}

/// Where a test of `region` goes, which is part of `document`, whose path is `path`: relative to the workspace, with
/// `/`. `existing` answers the text of a file by such a path, if there is one.
pub fn of(
    document: &Document,
    region: &Region,
    path: &str,
    existing: &dyn Fn(&str) -> Option<String>,
) -> Destination {
    let language = document.language();
    let place = match &language.testing.home {
        Home::Block(home) => block::place(document, region, path, home, existing),
        Home::File(home) => file::place(document, region, path, home, existing),
    };
    let Place { path, existing, opening, layout } = place;
    let style = existing.as_deref().and_then(style).or_else(|| style(&document.rope().to_string()));
    Destination { path, existing, opening, tested: tested(document, region), language, style, layout }
}

/// The names by which a test reaches `region`, its own first: a method is often used by its type alone, as an operator
/// is.
fn tested(document: &Document, region: &Region) -> Vec<String> {
    let start = region.range.start + (region.text.len() - region.text.trim_start().len());
    let is_meant =
        |kind| !matches!(kind, ChunkKind::Module | ChunkKind::Imports | ChunkKind::Block | ChunkKind::Test);
    let chunks = document.chunks().iter().rev();
    let round = chunks.filter(|chunk| chunk.range.contains(&start) && is_meant(chunk.kind));
    let names = region.name.iter().chain(round.filter_map(|chunk| chunk.name.as_ref()));
    // The name of an implementation is a type, with all that belongs to it.
    let words = names.flat_map(|name| name.split(|c: char| !c.is_alphanumeric() && c != '_'));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

impl Destination {
    /// The whole new text of the file with `answer` in it, which begins with [`Destination::opening`]. Only adds:
    /// where a name of the answer is taken, the answer gets another one.
    ///
    /// # Errors
    ///
    /// [`Guard::Empty`] for an answer that goes on with nothing.
    pub fn place(&self, answer: &str) -> Result<String, Refusal> {
        let answer = answer.trim_end();
        let first_line = answer.len() - answer.trim_start_matches(['\n', '\r']).len();
        let answer = &answer[first_line..];
        if answer.trim().is_empty() || answer.trim() == self.opening.trim() {
            let sentence = "The answer is empty: it has no test. Ask again, or with another selection.";
            return Err(Refusal::new(Guard::Empty, sentence));
        }
        let Layout { above, lead, trail, below } = &self.layout;
        let taken = self.existing.as_deref().unwrap_or_default();
        let answer = answer::fitted(answer, &self.opening, self.style, self.language.blocks);
        let answer = names::free(self.language, taken, &answer);
        let line_break = line_break(taken);
        let added = |text: &str| text.replace("\r\n", "\n").replace('\n', line_break);
        Ok([above, &added(lead), &added(&answer), &added(trail), below].map(String::as_str).concat())
    }
}

/// What a text indents with, if it tells.
fn style(text: &str) -> Option<Style> {
    Style::of(lines(text))
}

/// The line break that a text uses: that of its first line.
fn line_break(text: &str) -> &'static str {
    match text.find(['\n', '\r']) {
        Some(at) if text[at..].starts_with("\r\n") => "\r\n",
        Some(at) if text[at..].starts_with('\r') => "\r",
        _ => "\n",
    }
}

/// What comes between the end of `above` and a new line that is to have `blank_lines` empty ones over it.
fn gap(above: &str, blank_lines: usize) -> String {
    if above.trim().is_empty() {
        return String::new();
    }
    let breaks = above.replace("\r\n", "\n");
    let breaks = breaks.len() - breaks.trim_end_matches(['\n', '\r']).len();
    "\n".repeat((blank_lines + 1).saturating_sub(breaks))
}

/// What of the top of the file a test must import to reach `region`: the outermost named piece that holds it.
fn outermost<'a>(document: &'a Document, region: &Region) -> Option<&'a str> {
    let holds = |kind| !matches!(kind, ChunkKind::Module | ChunkKind::Imports | ChunkKind::Block);
    let chunks = document.chunks().iter();
    let mut round =
        chunks.filter(|chunk| chunk.range.start < region.range.end && region.range.start < chunk.range.end);
    round.find_map(|chunk| chunk.name.as_deref().filter(|_| holds(chunk.kind)))
}

/// Whether an import at the top of `text` brings `name`; or `all` stands there, which brings everything. What a
/// function imports for itself reaches no other.
fn is_imported(language: &'static Language, text: &str, name: &str, all: &str) -> bool {
    let document = Document::new(language, 0, text);
    let parts =
        document.tree().and_then(|tree| Parts::of(language, document.rope(), tree)).unwrap_or_default();
    imports(&document).any(|chunk| {
        let is_there = |one: &Imported| one.name == name && chunk.range.contains(&one.range.start);
        document.slice(chunk.range.clone()).contains(all) || parts.imported.iter().any(is_there)
    })
}

/// The imports of a text that stand in nothing else.
fn imports(document: &Document) -> impl Iterator<Item = &Chunk> {
    let chunks = document.chunks();
    let is_inside = |chunk: &Chunk| {
        chunks
            .iter()
            .any(|holder| holder.range.start < chunk.range.start && chunk.range.end <= holder.range.end)
    };
    chunks.iter().filter(move |chunk| chunk.kind == ChunkKind::Imports && !is_inside(chunk))
}

/// `text` with `import` on a line of its own: below the first imports, else above the first piece of code. `None` for
/// a text that has neither.
fn with_import(language: &'static Language, text: &str, import: &str, blank_lines: usize) -> Option<String> {
    let document = Document::new(language, 0, text);
    let chunks = document.chunks();
    let line_break = line_break(text);
    let (at, added) = match imports(&document).next() {
        Some(imports) => (imports.range.end, format!("{line_break}{import}")),
        None => {
            let at = chunks.first()?.range.start;
            (at, format!("{import}{}", line_break.repeat(1 + blank_lines)))
        }
    };
    Some([text.get(..at)?, &added, text.get(at..)?].concat())
}

#[cfg(test)]
mod tests;
