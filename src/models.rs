//! Model files: checked before anything loads them, found, chosen, fetched, and known by a catalogue.

pub mod advice;
pub mod builtin;
pub mod catalog;
pub mod discover;
#[cfg(feature = "pull")]
pub mod fetch;
pub mod fit;
pub mod gguf;
pub mod hardware;
pub mod memory;
pub mod named;
pub mod speed;
pub mod split;
