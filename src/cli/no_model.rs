//! The backend of a build without llama.cpp: it has failed from the start, and says why.

use tokio::sync::watch;

use crate::engine::{Backend, EngineError, EngineStats, Generation, ModelState, Request};

const WHY: &str =
    "this codesage was built without llama.cpp; build it with the `llama` feature, which is on by default";

/// See the module.
pub struct NoModel {
    state: watch::Sender<ModelState>,
}

impl Default for NoModel {
    fn default() -> Self {
        Self { state: watch::Sender::new(ModelState::Failed(WHY.to_owned())) }
    }
}

impl Backend for NoModel {
    fn generate(&self, _request: Request) -> Generation {
        Generation::failed(EngineError::LoadFailed(WHY.to_owned()))
    }

    fn count_tokens(&self, _text: &str) -> Option<usize> {
        None
    }

    fn watch(&self) -> watch::Receiver<ModelState> {
        self.state.subscribe()
    }

    fn stats(&self) -> EngineStats {
        EngineStats::default()
    }

    fn cancel_load(&self) {}

    fn shutdown(&self) {}
}
