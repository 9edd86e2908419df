//! A seat as the rest of the program knows it: a backend. What is asked goes to who serves, or to the seat that this one
//! shares a model with. Does *not* load anything: it says what is needed.

use std::sync::Arc;

use tokio::sync::watch;

use super::{BEGINNING, Inner, Seat};
use crate::assist::roles::Word;
use crate::engine::{
    Backend, EngineError, EngineStats, Generation, Hold, Lane, ModelState, Request, Role, Speed,
};
use crate::prompt::Prompt;
use crate::threads::lock;

impl Seat {
    fn shared(&self) -> Option<Arc<Seat>> {
        lock(&self.inner).shared.clone()
    }

    fn refusal(&self) -> EngineError {
        match &*self.state.borrow() {
            ModelState::Unloaded => EngineError::NotLoaded,
            ModelState::Loading { .. } | ModelState::Ready(_) => EngineError::Loading,
            ModelState::Failed(why) => EngineError::LoadFailed(why.clone()),
        }
    }
}

impl Backend for Seat {
    fn generate(&self, request: Request) -> Generation {
        if let Some(shared) = self.shared() {
            return shared.generate(request);
        }
        if request.lane == Lane::Action {
            self.holds.touch();
        }
        // NB: the engine is asked under the lock, so that none is asked that was told to finish.
        let inner = lock(&self.inner);
        match &inner.serving {
            Some(serving) => serving.engine.generate(request),
            None => Generation::failed(self.refusal()),
        }
    }

    fn count_tokens(&self, text: &str) -> Option<usize> {
        if let Some(shared) = self.shared() {
            return shared.count_tokens(text);
        }
        self.serving()?.engine.count_tokens(text)
    }

    /// NB: of whoever answers now; where that may change to another seat, ask again.
    fn watch(&self) -> watch::Receiver<ModelState> {
        self.shared().map_or_else(|| self.state.subscribe(), |shared| shared.watch())
    }

    /// Of the models of its own, those before included: what is counted elsewhere is not counted here.
    fn stats(&self) -> EngineStats {
        let inner = lock(&self.inner);
        let mut sum = match &inner.serving {
            Some(serving) => serving.engine.stats().with(&inner.past),
            None => inner.past.clone(),
        };
        for engine in &inner.leaving {
            sum = sum.with(&engine.stats());
        }
        sum
    }

    fn speed(&self) -> Speed {
        if let Some(shared) = self.shared() {
            return shared.speed();
        }
        self.serving().map(|serving| serving.engine.speed()).unwrap_or_default()
    }

    fn cancel_load(&self) {
        let inner = lock(&self.inner);
        match (&inner.loading, &inner.serving) {
            (Some(engine), _) => engine.cancel_load(),
            (None, Some(serving)) => serving.engine.cancel_load(),
            (None, None) => {}
        }
    }

    fn shutdown(&self) {
        let engines: Vec<Arc<dyn Backend>> = {
            let mut inner = lock(&self.inner);
            inner.is_closed = true;
            let Inner { serving, loading, leaving, .. } = &*inner;
            let serving = serving.iter().map(|serving| &serving.engine);
            serving.chain(loading).chain(leaving).cloned().collect()
        };
        for engine in engines {
            engine.shutdown();
        }
    }

    fn coming(&self) -> watch::Receiver<ModelState> {
        self.coming.subscribe()
    }

    fn hold(&self) -> Hold {
        if let Some(shared) = self.shared() {
            return shared.hold();
        }
        let held = self.holds.take();
        let is_there = self.is_there();
        self.state.send_if_modified(|state| {
            // What could not be loaded for an edit is tried again with the next one, which a person asks for.
            let is_lost = self.role == Role::Edit && matches!(state, ModelState::Failed(_));
            let is_asleep = !is_there && (*state == ModelState::Unloaded || is_lost);
            if is_asleep {
                *state = BEGINNING;
                // Where nobody listens any more all has ended.
                let _ = self.words.send(Word::Wake(self.role));
            }
            is_asleep
        });
        Hold::keeping(held, self.state.subscribe())
    }

    fn retire(&self, prompt: Prompt) {
        if let Some(serving) = self.serving() {
            serving.engine.retire(prompt);
        }
    }
}
