//! A backend that has failed from the start, and says why: that of a build without llama.cpp, and where the model that
//! is asked for is not on this disk.

use tokio::sync::watch;

use crate::engine::{Backend, EngineError, EngineStats, Generation, ModelState, Request};

#[cfg(not(feature = "llama"))]
const WITHOUT_LLAMA: &str =
    "this codesage was built without llama.cpp; build it with the `llama` feature, which is on by default";

/// See the module.
pub struct NoModel {
    why: String,
    state: watch::Sender<ModelState>,
}

impl NoModel {
    /// A sentence for the person.
    pub fn because(why: String) -> Self {
        Self { state: watch::Sender::new(ModelState::Failed(why.clone())), why }
    }

    #[cfg(not(feature = "llama"))]
    pub fn without_llama() -> Self {
        Self::because(WITHOUT_LLAMA.to_owned())
    }
}

impl Backend for NoModel {
    fn generate(&self, _request: Request) -> Generation {
        Generation::failed(EngineError::LoadFailed(self.why.clone()))
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
