//! Holes in names: those that one file uses and only another file of its project defines. A model that fills one has
//! read that file, or guessed well.

use std::collections::{HashMap, HashSet};

use super::Place;
use super::line::Line;
use crate::completion::line::is_word;
use crate::eval::{Project, SourceFile};
use crate::syntax::scope::{self, Inside};
use crate::syntax::{ChunkKind, lines};

/// Letters of a name, and those of it that are typed already.
const NAME_LETTERS: usize = 6;
const TYPED_LETTERS: usize = 2;

/// Which files of a project define a name, by language and name. What other projects speak of too (`default`,
/// `Output`) is a word of the language, and everybody's.
pub struct Definitions<'a>(HashMap<(&'static str, &'a str), HashSet<usize>>);

impl<'a> Definitions<'a> {
    pub fn of(project: &'a Project, all: &'a [Project]) -> Self {
        let others = all.iter().filter(|other| !std::ptr::eq(*other, project));
        let common: HashSet<&str> = others
            .flat_map(|other| &other.files)
            .flat_map(|file| words(&file.text))
            .map(|(_, word)| word)
            .collect();
        let mut defined: HashMap<_, HashSet<usize>> = HashMap::new();
        for (number, file) in project.files.iter().enumerate() {
            let is_definition =
                |kind| !matches!(kind, ChunkKind::Imports | ChunkKind::Block | ChunkKind::Module);
            let chunks = file.document.chunks().iter().filter(|chunk| is_definition(chunk.kind));
            for name in chunks.filter_map(|chunk| chunk.name.as_deref()) {
                if name.len() >= NAME_LETTERS && name.is_ascii() && !common.contains(name) {
                    defined.entry((file.language().id, name)).or_default().insert(number);
                }
            }
        }
        Self(defined)
    }

    fn elsewhere(&self, language: &'static str, name: &'a str, here: usize) -> bool {
        self.0.get(&(language, name)).is_some_and(|files| files.iter().any(|&file| file != here))
    }
}

/// Names that this file holds once, and another file of the project defines.
pub fn places<'a>(file: &'a SourceFile, number: usize, defined: &Definitions<'a>) -> Vec<Place> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for (_, word) in words(&file.text) {
        *count.entry(word).or_default() += 1;
    }
    let rope = file.document.rope();
    let mut lines_used = HashSet::new();
    let mut found = Vec::new();
    for (at, word) in words(&file.text) {
        if count.get(word) != Some(&1) || !defined.elsewhere(file.language().id, word, number) {
            continue;
        }
        let line = rope.byte_to_line(at);
        let is_code = scope::inside(file.language(), rope, file.document.tree(), at) == Inside::Code;
        if is_code && Line::of(file, line).is_some() && lines_used.insert(line) {
            let end = lines::content(rope, line).end;
            found.push((at + TYPED_LETTERS..end, at..at + word.len()));
        }
    }
    found
}

/// The words of a text and where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let begin = text.as_ptr() as usize;
    text.split(|c| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - begin, word))
}
