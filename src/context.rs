//! Snippets of other open files that help at a cursor, in an order that changes as little as possible.

pub mod gather;
mod names;
pub mod recent;

pub use gather::{Context, Snippet};
