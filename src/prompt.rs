//! What to say to a model, not how: each backend spells it.

pub mod fit;

use std::sync::Arc;

use crate::context::Snippet;

/// A fill-in-the-middle prompt. Frozen parts are shared, so that a keystroke copies only `typed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    pub snippets: Arc<[Snippet]>,
    /// Path of this file, relative to the workspace.
    pub path: Arc<str>,
    /// Text from a fixed first line to the anchor.
    pub head: Arc<str>,
    /// Text right of the cursor when the anchor was set.
    pub tail: Arc<str>,
    /// Text from the anchor to the cursor.
    pub typed: String,
}
