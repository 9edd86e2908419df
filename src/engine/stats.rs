//! Exact, monotonic counters of an engine: what benchmarks and gates read.

use serde::Serialize;

/// The `engine` part of `codesage/stats`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineStats {
    /// What the prompts held.
    pub prompt_tokens: u64,
    /// Prompt tokens really decoded for them, in aborted calls too.
    pub evaluated_tokens: u64,
    /// The difference.
    pub reused_tokens: u64,
    /// Sampled and kept, forced ones included.
    pub generated_tokens: u64,
    /// Sampled under healing.
    pub forced_tokens: u64,
    pub drafted_tokens: u64,
    pub accepted_draft_tokens: u64,
    /// Calls of `llama_decode`.
    pub decode_calls: u64,
    /// Requests that ended as cancelled.
    pub cancels: u64,
    /// Tokens finished after the cancel flag of their request was set.
    pub after_cancel_tokens: u64,
    pub busy_ms: u64,
    pub queue_ms: Percentiles,
    /// From a cancel in the middle of a computation to its end.
    pub cancel_ms: Percentiles,
    pub tokens_per_second: Speed,
}

/// Over the last 1,000 samples, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p95: f64,
}

/// Tokens per second over the last requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Speed {
    pub prompt: f64,
    pub generate: f64,
}

impl EngineStats {
    /// The counters of two engines together. What is no counter is that of `self`, unless it has none.
    pub fn with(&self, other: &Self) -> Self {
        let percentiles =
            |ours: Percentiles, theirs| if ours == Percentiles::default() { theirs } else { ours };
        let speed = |ours: f64, theirs: f64| if ours > 0.0 { ours } else { theirs };
        Self {
            prompt_tokens: self.prompt_tokens + other.prompt_tokens,
            evaluated_tokens: self.evaluated_tokens + other.evaluated_tokens,
            reused_tokens: self.reused_tokens + other.reused_tokens,
            generated_tokens: self.generated_tokens + other.generated_tokens,
            forced_tokens: self.forced_tokens + other.forced_tokens,
            drafted_tokens: self.drafted_tokens + other.drafted_tokens,
            accepted_draft_tokens: self.accepted_draft_tokens + other.accepted_draft_tokens,
            decode_calls: self.decode_calls + other.decode_calls,
            cancels: self.cancels + other.cancels,
            after_cancel_tokens: self.after_cancel_tokens + other.after_cancel_tokens,
            busy_ms: self.busy_ms + other.busy_ms,
            queue_ms: percentiles(self.queue_ms, other.queue_ms),
            cancel_ms: percentiles(self.cancel_ms, other.cancel_ms),
            tokens_per_second: Speed {
                prompt: speed(self.tokens_per_second.prompt, other.tokens_per_second.prompt),
                generate: speed(self.tokens_per_second.generate, other.tokens_per_second.generate),
            },
        }
    }
}

/// A bounded window of samples, for percentiles.
#[derive(Clone, Debug, Default)]
pub struct Window {
    samples: std::collections::VecDeque<f64>,
}

impl Window {
    const SIZE: usize = 1000;

    pub fn push(&mut self, sample: f64) {
        if self.samples.len() == Self::SIZE {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// Nearest-rank percentiles; zeros while empty.
    pub fn percentiles(&self) -> Percentiles {
        let mut sorted: Vec<f64> = self.samples.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let rank = |p: f64| {
            let index = (p * sorted.len() as f64).ceil() as usize;
            sorted.get(index.saturating_sub(1)).copied().unwrap_or(0.0)
        };
        Percentiles { p50: rank(0.50), p95: rank(0.95) }
    }
}
