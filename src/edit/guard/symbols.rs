//! The named pieces of a text, each under the names of what holds it.

use crate::syntax::ChunkKind;
use crate::text::Document;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub name: String,
    /// The names of all that holds it, from outside in, and its own.
    pub path: Vec<String>,
    pub kind: ChunkKind,
    /// Index into the document's chunks.
    pub chunk: usize,
}

/// All named chunks of a document, in its order.
pub fn symbols(document: &Document) -> Vec<Symbol> {
    let mut holders: Vec<(usize, &str)> = Vec::new();
    let mut symbols = Vec::new();
    for (index, chunk) in document.chunks().iter().enumerate() {
        holders.retain(|(end, _)| chunk.range.start < *end);
        let Some(name) = chunk.name.as_deref() else { continue };
        holders.push((chunk.range.end, name));
        let path = holders.iter().map(|(_, name)| (*name).to_owned()).collect();
        symbols.push(Symbol { name: name.to_owned(), path, kind: chunk.kind, chunk: index });
    }
    symbols
}

impl Symbol {
    /// Something that is run by its name, so that a second one of that name takes its place or breaks the build.
    pub fn is_function(&self) -> bool {
        matches!(self.kind, ChunkKind::Function | ChunkKind::Method | ChunkKind::Test)
    }
}
