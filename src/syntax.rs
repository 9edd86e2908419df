//! What the text means: languages, trees, chunks, and where a completion may end.
//!
//! Pure: ropey and tree-sitter, byte offsets. Knows no document and no protocol.

pub mod chunk;
pub mod faults;
pub mod language;
pub mod lines;
pub mod parts;
mod patience;
pub mod query;
pub mod scope;
pub mod skeleton;
pub mod tree;

pub use chunk::{Chunk, ChunkKind};
pub use language::Language;
