//! Model files: checked before anything loads them, found, and known by a catalogue.

pub mod builtin;
pub mod catalog;
pub mod gguf;
pub mod hardware;
