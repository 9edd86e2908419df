//! What an engine counts while it works: exact and monotonic, and the speed of late. Does *not* say what it is for.

use std::time::Duration;

use crate::engine::stats::Window;
use crate::engine::{EngineStats, Speed};

/// See the module.
#[derive(Default)]
pub struct Counters {
    pub stats: EngineStats,
    pub queue: Window,
    pub cancel: Window,
    pub prompt_speed: Rate,
    pub generate_speed: Rate,
    pub busy: Duration,
}

/// What is evaluated is added as it comes: the three always agree, also when a request is cancelled.
impl Counters {
    /// With what is no counter.
    pub fn stats(&self) -> EngineStats {
        let mut stats = self.stats.clone();
        stats.busy_ms = u64::try_from(self.busy.as_millis()).unwrap_or(u64::MAX);
        stats.queue_ms = self.queue.percentiles();
        stats.cancel_ms = self.cancel.percentiles();
        stats.tokens_per_second = self.speed();
        stats
    }

    pub fn speed(&self) -> Speed {
        Speed { prompt: self.prompt_speed.per_second(), generate: self.generate_speed.per_second() }
    }

    pub fn reuse(&mut self, tokens: usize) {
        self.stats.prompt_tokens += tokens as u64;
        self.stats.reused_tokens += tokens as u64;
    }

    pub fn generate(&mut self, is_forced: bool) {
        self.stats.generated_tokens += 1;
        self.stats.forced_tokens += u64::from(is_forced);
    }

    pub fn evaluate(&mut self, tokens: usize) {
        self.stats.prompt_tokens += tokens as u64;
        self.stats.evaluated_tokens += tokens as u64;
    }
}

/// Tokens over time, of the last requests alone: older ones fade by half with each thousand tokens.
#[derive(Default)]
pub struct Rate {
    tokens: f64,
    seconds: f64,
}

impl Rate {
    pub fn add(&mut self, tokens: usize, seconds: f64) {
        let fade = 0.5f64.powf(tokens as f64 / 1000.0);
        self.tokens = self.tokens * fade + tokens as f64;
        self.seconds = self.seconds * fade + seconds;
    }

    pub fn per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.tokens / self.seconds } else { 0.0 }
    }
}
