//! How long llama.cpp computes without looking at its abort flag, for each token of a chunk: what a cancel waits for.
//!
//! It looks between the nodes of a graph, and the longest node of a chunk, a product with the weights of the feed-forward
//! part, takes longer the more tokens there are: 18 ms of 128 tokens for a model of 1.5 B on two cores. What a chunk may
//! be for that, `schedule` knows. Where a GPU computes nothing is seen here, for llama.cpp does not look there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Smaller batches say nothing of larger ones: their nodes take as long as the weights need to arrive.
const FEWEST: usize = 16;
/// Nothing was seen yet.
const UNKNOWN: u64 = u64::MAX;

/// Watches one decode at a time; all times are nanoseconds.
pub struct Pauses {
    start: Instant,
    /// When llama.cpp looked last.
    looked: AtomicU64,
    /// The longest time between two looks, in this decode.
    longest: AtomicU64,
    /// The least for each token, of all decodes: the others had to share the machine.
    a_token: AtomicU64,
}

impl Default for Pauses {
    fn default() -> Self {
        let [looked, a_token] = [(); 2].map(|()| AtomicU64::new(UNKNOWN));
        Self { start: Instant::now(), looked, longest: AtomicU64::new(0), a_token }
    }
}

impl Pauses {
    /// A decode begins. What comes before its first look is no node.
    pub fn begin(&self) {
        self.looked.store(UNKNOWN, Ordering::Relaxed);
        self.longest.store(0, Ordering::Relaxed);
    }

    /// llama.cpp looks at its abort flag.
    pub fn look(&self) {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(UNKNOWN);
        let before = self.looked.swap(now, Ordering::Relaxed);
        if before != UNKNOWN {
            self.longest.fetch_max(now.saturating_sub(before), Ordering::Relaxed);
        }
    }

    /// A decode of so many tokens is done that left no logits: those are a node of another kind.
    pub fn end(&self, tokens: usize) {
        let longest = self.longest.load(Ordering::Relaxed);
        if tokens >= FEWEST && longest > 0 {
            self.a_token.fetch_min(longest / tokens as u64, Ordering::Relaxed);
        }
    }

    /// For each token, if anything was seen.
    pub fn a_token(&self) -> Option<Duration> {
        let nanos = self.a_token.load(Ordering::Relaxed);
        (nanos != UNKNOWN).then(|| Duration::from_nanos(nanos))
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[test]
    fn the_longest_time_between_two_looks_counts_for_each_token() {
        let pauses = Pauses::default();
        let decode = |tokens: usize, times: &[u64]| {
            pauses.begin();
            for &time in times {
                sleep(Duration::from_millis(time));
                pauses.look();
            }
            pauses.end(tokens);
            pauses.a_token()
        };
        // A single look, or few tokens, say nothing.
        assert_eq!((decode(32, &[40]), decode(FEWEST - 1, &[0, 1])), (None, None));
        let slow = decode(32, &[40, 0, 64, 1]).expect("it was seen");
        assert!(slow >= Duration::from_millis(2), "{slow:?}");
        // What took longer had to wait, for all that is known.
        assert_eq!(decode(32, &[0, 320]), Some(slow));
        assert!(decode(64, &[0, 1]).expect("it was seen") < slow);
    }
}
