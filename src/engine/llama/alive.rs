//! What this process has of llama.cpp's that takes memory, counted as it comes and goes: what is swapped out must be gone.
//! Does *not* count bytes, of which an allocator keeps what it likes.

use std::sync::atomic::{AtomicUsize, Ordering};

static MODELS: AtomicUsize = AtomicUsize::new(0);
static CONTEXTS: AtomicUsize = AtomicUsize::new(0);

/// Models and contexts that there are now, of all engines of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alive {
    pub models: usize,
    pub contexts: usize,
}

/// What there is.
pub fn alive() -> Alive {
    Alive { models: MODELS.load(Ordering::SeqCst), contexts: CONTEXTS.load(Ordering::SeqCst) }
}

/// Stands beside one of them, and goes with it.
pub struct Counted(&'static AtomicUsize);

impl Counted {
    pub fn model() -> Self {
        Self::of(&MODELS)
    }

    pub fn context() -> Self {
        Self::of(&CONTEXTS)
    }

    fn of(count: &'static AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
