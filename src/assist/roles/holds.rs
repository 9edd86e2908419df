//! Who needs a model: how many, and when the last one did.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::threads::lock;

/// See the module.
pub struct Holds {
    count: AtomicUsize,
    used: Mutex<Instant>,
    freed: Notify,
}

/// One who does. Dropping it ends that.
pub struct Held(Arc<Holds>);

impl Default for Holds {
    fn default() -> Self {
        Self { count: AtomicUsize::new(0), used: Mutex::new(Instant::now()), freed: Notify::new() }
    }
}

impl Holds {
    pub fn take(self: &Arc<Self>) -> Held {
        self.count.fetch_add(1, Ordering::SeqCst);
        Held(self.clone())
    }

    pub fn is_held(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    /// It is needed now.
    pub fn touch(&self) {
        *lock(&self.used) = Instant::now();
    }

    /// When it was needed last: now, while somebody does.
    pub fn used(&self) -> Instant {
        if self.is_held() { Instant::now() } else { *lock(&self.used) }
    }

    /// Waits until nobody needs it.
    pub async fn until_free(&self) {
        loop {
            // NB: before the look, so that it does not miss who lets go behind it.
            let freed = self.freed.notified();
            if !self.is_held() {
                return;
            }
            freed.await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.touch();
        if self.0.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.freed.notify_waiters();
        }
    }
}
