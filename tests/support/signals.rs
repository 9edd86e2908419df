//! What this process was started to ignore, and its children with it: `nohup` does so, and a shell that puts a job into
//! the background. A program keeps to that, so what a signal does cannot be seen then.

use rustix::process::Signal;

/// Whether a signal is one of those. Linux alone says so.
pub fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // proc(5): the lowest bit is signal 1.
    mask.is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
}
