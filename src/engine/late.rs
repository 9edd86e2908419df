//! A backend that is named later than it is needed.
//!
//! Documents arrive as soon as the client is initialised, but which model to load is known only when the client has
//! answered for its settings. Until then this one says "loading", and afterwards it is the one it was given.
//! Does *not* swap a backend for another: the first one named stays.

use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use crate::engine::remote::RemoteStats;
use crate::engine::{Backend, EngineError, EngineStats, Generation, ModelState, Request, Role};
use crate::prompt::Prompt;

/// See the module.
pub struct LateBackend {
    inner: OnceLock<Arc<dyn Backend>>,
    state: watch::Sender<ModelState>,
}

impl LateBackend {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: OnceLock::new(),
            state: watch::Sender::new(ModelState::Loading { fraction: 0.0 }),
        })
    }

    /// Becomes `backend`, inside the runtime. Its state is shown before this returns.
    pub fn become_backend(&self, backend: Arc<dyn Backend>) {
        let mut states = backend.watch();
        if self.inner.set(backend).is_err() {
            return;
        }
        self.state.send_replace(states.borrow_and_update().clone());
        let state = self.state.clone();
        tokio::spawn(async move {
            while states.changed().await.is_ok() {
                state.send_replace(states.borrow_and_update().clone());
            }
        });
    }
}

impl Backend for LateBackend {
    fn generate(&self, request: Request) -> Generation {
        match self.inner.get() {
            Some(inner) => inner.generate(request),
            None => Generation::failed(EngineError::Loading),
        }
    }

    fn count_tokens(&self, text: &str) -> Option<usize> {
        self.inner.get()?.count_tokens(text)
    }

    fn watch(&self) -> watch::Receiver<ModelState> {
        self.state.subscribe()
    }

    fn watch_for(&self, role: Role) -> watch::Receiver<ModelState> {
        self.inner.get().map_or_else(|| self.watch(), |inner| inner.watch_for(role))
    }

    fn remote(&self) -> Option<watch::Receiver<RemoteStats>> {
        self.inner.get()?.remote()
    }

    fn stats(&self) -> EngineStats {
        self.inner.get().map(|inner| inner.stats()).unwrap_or_default()
    }

    fn cancel_load(&self) {
        if let Some(inner) = self.inner.get() {
            inner.cancel_load();
        }
    }

    fn shutdown(&self) {
        if let Some(inner) = self.inner.get() {
            inner.shutdown();
        }
    }

    fn retire(&self, prompt: Prompt) {
        if let Some(inner) = self.inner.get() {
            inner.retire(prompt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scripted::ScriptedBackend;

    #[tokio::test]
    async fn it_loads_until_it_is_named_and_then_follows() {
        let late = LateBackend::new();
        let mut states = late.watch();
        assert_eq!(*states.borrow(), ModelState::Loading { fraction: 0.0 });
        assert_eq!(late.count_tokens("four"), None);

        let scripted = Arc::new(ScriptedBackend::default());
        late.become_backend(scripted.clone());
        assert!(matches!(*states.borrow_and_update(), ModelState::Ready(_)));
        assert_eq!(late.count_tokens("four"), Some(1));

        scripted.set_state(ModelState::Failed("gone".into()));
        states.changed().await.expect("the sender lives");
        assert_eq!(*states.borrow(), ModelState::Failed("gone".into()));
    }

    #[tokio::test]
    async fn the_first_one_named_stays() {
        let late = LateBackend::new();
        late.become_backend(Arc::new(ScriptedBackend::default()));
        let second = Arc::new(ScriptedBackend::default());
        second.set_state(ModelState::Unloaded);
        late.become_backend(second);
        assert!(matches!(*late.watch().borrow(), ModelState::Ready(_)));
    }
}
