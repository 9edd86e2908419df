//! Names for new tests that no other function has.

use std::collections::HashSet;

use crate::syntax::{Chunk, ChunkKind, Language};
use crate::text::Document;

/// `answer` with a number behind each of its functions' names that `taken`, or the answer above it, has too.
pub fn free(language: &'static Language, taken: &str, answer: &str) -> String {
    let existing = Document::new(language, 0, taken);
    let document = Document::new(language, 0, answer);
    let mut names: HashSet<&str> = functions(&existing).filter_map(|chunk| chunk.name.as_deref()).collect();
    let mut renamed = Vec::new();
    for chunk in functions(&document) {
        let Some(name) = chunk.name.as_deref() else { continue };
        if names.insert(name) {
            continue;
        }
        // The name stands in the signature; a word that only contains it is not it.
        let signature = document.slice(chunk.signature.clone());
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let at = signature.match_indices(name).map(|(at, _)| at).find(|at| {
            !signature[..*at].ends_with(is_part) && !signature[at + name.len()..].starts_with(is_part)
        });
        let number = (2..).find(|number| {
            let numbered = format!("{name}_{number}");
            !names.contains(numbered.as_str()) && !renamed.iter().any(|(_, other)| *other == numbered)
        });
        if let (Some(at), Some(number)) = (at, number) {
            renamed.push((chunk.signature.start + at + name.len(), format!("{name}_{number}")));
        }
    }
    let mut answer = answer.to_owned();
    for (end, name) in renamed.iter().rev() {
        let suffix = name.rfind('_').unwrap_or_default();
        answer.insert_str(*end, &name[suffix..]);
    }
    answer
}

/// What is found by its name alone: methods are found by their type's too.
fn functions(document: &Document) -> impl Iterator<Item = &Chunk> {
    let chunks = document.chunks();
    let is_method = |chunk: &Chunk| {
        chunks.iter().any(|holder| {
            matches!(holder.kind, ChunkKind::Impl | ChunkKind::Trait | ChunkKind::Class)
                && holder.range.start <= chunk.range.start
                && chunk.range.end <= holder.range.end
        })
    };
    let is_function = |chunk: &&Chunk| matches!(chunk.kind, ChunkKind::Function | ChunkKind::Test);
    chunks.iter().filter(is_function).filter(move |chunk| !is_method(chunk))
}
