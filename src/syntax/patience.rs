//! The one clock of the pure rooms: how long tree-sitter may take.
//!
//! On text that is no source, the parser's recovery and queries over an error are quadratic in places, at a steady
//! number of steps: 1.8 MB of English prose read as Rust takes minutes, and counting steps bounds nothing. So the
//! clock is read here, in tree-sitter's own progress callbacks and nowhere else, and all that it can do is to leave a
//! text without a tree, or a query with what it has found.
//!
//! What counts is the time in which this thread had a processor: on a busy machine a text has the same tree, only later.

use std::time::{Duration, Instant};

/// Says, from `time` of work after this call on, that it is enough. For the thread that calls it.
pub fn lasting(time: Duration) -> impl Fn() -> bool {
    let (began, before) = (Instant::now(), worked());
    // No thread works for longer than has passed: the clock on the wall is the cheaper one to ask.
    move || began.elapsed() > time && worked().zip(before).is_none_or(|(now, before)| now - before > time)
}

/// How long this thread has had a processor; none where the system does not say.
#[cfg(any(target_os = "linux", target_vendor = "apple", target_os = "freebsd"))]
fn worked() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};

    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).ok()
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple", target_os = "freebsd")))]
fn worked() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_waits_does_not_work() {
        const LITTLE: Duration = Duration::from_millis(50);
        let (waits, is_over) = (lasting(LITTLE), lasting(Duration::ZERO));
        std::thread::sleep(4 * LITTLE);
        assert!(!waits() && is_over());
        // However long it takes until this thread has had that much.
        while !waits() {
            std::hint::black_box(LITTLE);
        }
    }
}
