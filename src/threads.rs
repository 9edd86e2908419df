//! Between threads: locks that outlive a panic, and work that must not hold up the runtime.
//!
//! Every lock of the crate is short and held over no await. Does *not* know what is locked or what is worked on.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, whatever happened to another holder: what is behind these locks is changed by one call at a time, so that a
/// panic leaves nothing half done.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The work panicked; the panic's hook has logged it. It is the end of one request and of nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// Runs what parses, tokenizes or touches a disk on a thread where it delays nobody. Inside the runtime.
pub async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Broken> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Broken)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_panic_ends_the_work_and_leaves_the_lock() {
        let held = Arc::new(Mutex::new(7));
        let holding = held.clone();
        let work = move || {
            let _guard = lock(&holding);
            panic!("as the test has it");
        };
        assert_eq!(off_the_runtime::<()>(work).await, Err(Broken));
        assert!(held.is_poisoned());
        assert_eq!(*lock(&held), 7);
        assert_eq!(off_the_runtime(|| 8).await, Ok(8));
    }
}
