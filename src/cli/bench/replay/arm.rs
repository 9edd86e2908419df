//! What answers the keys of a replay: CodeSage, or what it is compared with. Both are asked the same way, and say the
//! same things about a key.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

use super::editor::Editor;
use super::keys::{Ghost, Stroke};
use crate::cli::Failure;

/// One side of a comparison.
pub trait Arm {
    /// As it stands in tables and in the object.
    fn name(&self) -> &'static str;

    /// By the clock that it lives by.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// The files of a run are open.
    fn open(&mut self, editor: &Editor) -> Result<(), Failure>;

    fn close(&mut self, editor: &Editor) -> Result<(), Failure>;

    /// A key was pressed: `editor` is how it left the text. Asks, and does not wait.
    fn press(&mut self, editor: &Editor, stroke: &Stroke) -> Result<(), Failure>;

    /// Waits until the key is answered and nothing is computed.
    fn settle(&mut self, editor: &Editor) -> Result<Key, Failure>;

    /// Takes what comes until then, while the person does nothing.
    fn wait(&mut self, editor: &Editor, until: Instant) -> Result<(), Failure>;

    /// What is shown at the cursor, and since when.
    fn ghost(&self) -> Option<(&Ghost, Instant)>;

    /// Milliseconds of what was answered since this was last asked, cancelled requests not among them.
    fn latencies(&mut self) -> Vec<f64>;

    /// All counters, from the start.
    fn totals(&mut self) -> Result<Cost, Failure>;

    /// What it says of itself: the model, the machine, what it has taken of it.
    fn about(&mut self) -> Result<Value, Failure>;

    /// Ends it.
    fn finish(self: Box<Self>) -> Result<(), Failure>;
}

/// Exact counters, by the names of `codesage/stats`. What an arm does not know is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost(pub BTreeMap<&'static str, u64>);

impl Cost {
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// What was added since `before`.
    pub fn since(&self, before: &Cost) -> Cost {
        let left = |(name, now): (&&'static str, &u64)| (*name, now.saturating_sub(before.get(name)));
        Cost(self.0.iter().map(left).collect())
    }
}

/// One key, and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub cost: Cost,
    /// Request to answer.
    pub latency_ms: f64,
    /// Request to the first token that is shown, by what the model says it spent on the others.
    pub first_token_ms: f64,
    /// Of these, what reading the prompt and writing what comes after the first token that is shown took, as the model
    /// says.
    pub read_ms: f64,
    pub write_ms: f64,
    /// Why there was, or was not, something to show.
    pub reason: String,
}

impl Key {
    /// Whether the model wrote something: what a cache answered, or nobody was asked, says nothing about its speed.
    pub fn is_asked(&self) -> bool {
        self.cost.get("generatedTokens") > 0
    }
}
