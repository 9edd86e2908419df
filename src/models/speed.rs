//! How fast this machine could write with a model that it has not loaded: an estimate, and called so.
//!
//! A processor that writes one token reads every weight that works for it once. How many bytes of weights it gets through
//! in a second is measured with llama.cpp (`codesage models list`); where that cannot be done the speed of memory is, and
//! how much of it a model's arithmetic reaches is taken from experience. What a model really does is measured by
//! `codesage bench engine`. This reads no file and loads nothing.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// The part of the memory's speed that llama.cpp's kernels reach when they write, on processors of a few cores.
const REACHED: f64 = 0.7;
/// Far more than the caches of usual processors, and little for a machine that is to run a model.
const LARGEST: u64 = 256 << 20;
const LEAST: u64 = 16 << 20;

/// Bytes a second that `threads` threads together read from memory, measured for `time`. Half of the time or so is
/// needed besides, to have the memory.
///
/// `available`: bytes that may be had; an eighth of them is used at most.
pub fn memory_speed(threads: u32, available: Option<u64>, time: Duration) -> f64 {
    let bytes = (available.unwrap_or(LARGEST) / 8).clamp(LEAST, LARGEST);
    let threads = threads.max(1) as usize;
    let words = bytes as usize / 8 / threads;
    // Each thread's own, written by it: memory that was never written is not there.
    let read: Vec<(u64, Duration)> = std::thread::scope(|scope| {
        let reader = |thread: usize| {
            let memory = vec![thread as u64 + 1; words];
            let start = Instant::now();
            let mut passes = 0;
            let mut sum = 0u64;
            while passes == 0 || start.elapsed() < time {
                sum = black_box(&memory[..]).iter().fold(sum, |sum, &word| sum.wrapping_add(word));
                passes += 1;
            }
            black_box(sum);
            (passes * words as u64 * 8, start.elapsed())
        };
        let readers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || reader(thread))).collect();
        readers.into_iter().filter_map(|reader| reader.join().ok()).collect()
    });
    read.into_iter().map(|(bytes, took)| bytes as f64 / took.as_secs_f64().max(1e-9)).sum()
}

/// Bytes of weights a second to expect of a memory of so many bytes a second, where nothing better is known.
pub fn of_memory(memory_speed: f64) -> f64 {
    memory_speed * REACHED
}

/// Tokens a second to expect where `weight_bytes` are read for each, at `weight_speed` bytes a second.
pub fn tokens_per_second(weight_bytes: f64, weight_speed: f64) -> f64 {
    weight_speed / weight_bytes.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_number_and_what_is_larger_is_slower() {
        let speed = memory_speed(2, Some(0), Duration::from_millis(5));
        assert!(speed.is_finite() && speed > 0.0, "{speed}");
        assert_eq!(tokens_per_second(7e8, of_memory(1e9)), 1.0);
        assert!(tokens_per_second(0.0, 1e9).is_finite());
    }
}
