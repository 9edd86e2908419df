//! Documents as the editor has them: ropes, versions, columns in the client's encoding.
//!
//! Byte offsets everywhere; `position` is the only code that knows a column.

pub mod document;
pub mod edit;
pub mod position;
pub mod store;
pub mod unseen;

pub use document::Document;
pub use edit::{Change, Edit};
pub use position::{Encoding, Position};
pub use store::DocumentStore;
