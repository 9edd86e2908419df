//! What a model is worth: holes cut into real code, filled through the whole product, scored by what the author wrote.
//!
//! A model is asked exactly as an editor asks: by the same [`Assistant`](crate::assist::Assistant), with the same
//! context, prompts, healing and shaping. So the figures are those a person would get, and any GGUF is measured in
//! the same way. Everything is drawn from one seed. Beside each figure stands what copying the nearest line would
//! have got, for a model must beat at least that. Nothing here prints.

pub mod corpus;
pub mod cut;
pub mod exercise;
pub mod nearest;
pub mod report;
pub mod run;
pub mod score;

pub use corpus::{Project, SourceFile};
pub use cut::{Hole, Kind};
pub use report::Report;
