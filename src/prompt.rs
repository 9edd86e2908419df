//! What to say to a model, not how: each backend spells it.

pub mod fit;
pub mod instruct;

use std::sync::Arc;

use crate::context::Snippet;

/// One thing said to a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    Fill(Fill),
    Instruct(Instruct),
}

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

/// A task, in both ways in which models are asked: a backend uses the messages where its model chats, else `plain`.
/// The answer is the same in both: it goes on where `prefill` ends. Made by [`instruct::instruct`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instruct {
    /// Empty: no system message.
    pub system: String,
    pub user: String,
    /// What the answer certainly begins with; the model goes on behind it. It is no part of what comes back.
    pub prefill: String,
    /// The whole prompt for a model without a chat template. No special token stands in it; it ends where the model
    /// goes on.
    pub plain: String,
}
