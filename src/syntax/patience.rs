//! The one clock of the pure rooms: how long tree-sitter may take.
//!
//! On text that is no source, the parser's recovery and queries over an error are quadratic in places, at a steady
//! number of steps: 1.8 MB of English prose read as Rust takes minutes, and counting steps bounds nothing. So the
//! clock is read here, in tree-sitter's own progress callbacks and nowhere else, and all that it can do is to leave a
//! text without a tree, or a query with what it has found.

use std::time::{Duration, Instant};

/// Says, from `time` after this call, that it is enough.
pub fn lasting(time: Duration) -> impl Fn() -> bool {
    let began = Instant::now();
    move || began.elapsed() > time
}
