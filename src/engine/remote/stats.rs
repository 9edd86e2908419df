//! What is told of a server: the `remote` part of `codesage/stats`. No key is in it, and no text.

use std::time::Duration;

use serde::Serialize;

use super::When;
use super::breaker::Health;
use crate::engine::stats::{Percentiles, Window};

/// Exact counters since the start, and how it is with the server now.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteStats {
    /// Name and port.
    pub server: String,
    /// As the server calls it; empty until it has said so.
    pub model: String,
    pub when: When,
    pub health: Health,
    /// Questions that were for the server; each is counted once below.
    pub asked: u64,
    pub answered: u64,
    /// Ended by whoever asked.
    pub cancelled: u64,
    /// Broken off in the midst of the answer.
    pub failed: u64,
    /// Answered by the local model, or by nobody where there is none.
    pub fallbacks: u64,
    /// Times that a question was put once more.
    pub retries: u64,
    /// As the server counts, where it does.
    pub prompt_tokens: u64,
    pub generated_tokens: u64,
    /// From the question to the first text.
    pub first_text_ms: Percentiles,
    /// What is wrong now, a sentence; none where nothing is.
    pub problem: Option<String>,
}

impl RemoteStats {
    /// For a person: `qwen2.5-coder-32b at gpu:8000`.
    pub fn name(&self) -> String {
        if self.model.is_empty() { self.server.clone() } else { format!("{} at {}", self.model, self.server) }
    }

    /// Whether the server is asked.
    pub fn is_well(&self) -> bool {
        self.health != Health::Open && self.problem.is_none()
    }
}

/// Samples behind [`RemoteStats::first_text_ms`].
#[derive(Debug, Default)]
pub struct Waits(Window);

impl Waits {
    pub fn push(&mut self, wait: Duration) -> Percentiles {
        self.0.push(wait.as_secs_f64() * 1000.0);
        self.0.percentiles()
    }
}
