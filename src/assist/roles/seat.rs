//! One role's place: a backend whose engine comes and goes, and whose requests are each answered all the same.
//!
//! A request goes to the engine that serves as it comes, and stays there: an engine that is replaced answers what it was
//! asked before it stops. What a seat says to whoever asks is in `asked`. Does *not* decide who serves: `crew` does.

mod asked;

use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use tokio::sync::{mpsc, watch};

use super::holds::Holds;
use super::{News, Wish, Word};
use crate::config::stamp::{Stamp, stamp};
use crate::engine::{Backend, EngineStats, ModelState, Role};
use crate::threads::lock;

/// See the module.
pub struct Seat {
    role: Role,
    inner: Mutex<Inner>,
    /// Of who answers.
    state: watch::Sender<ModelState>,
    /// Of who was asked for last.
    coming: watch::Sender<ModelState>,
    holds: Arc<Holds>,
    words: mpsc::UnboundedSender<Word>,
    news: mpsc::UnboundedSender<News>,
}

#[derive(Default)]
struct Inner {
    serving: Option<Serving>,
    loading: Option<Arc<dyn Backend>>,
    /// They answer what they were asked.
    leaving: Vec<Arc<dyn Backend>>,
    /// What those have counted that are gone.
    past: EngineStats,
    /// Whose model is this one's too.
    shared: Option<Arc<Seat>>,
    is_closed: bool,
}

/// Who answers.
#[derive(Clone)]
pub struct Serving {
    pub engine: Arc<dyn Backend>,
    pub wish: Wish,
    /// Of the file that it was loaded from.
    stamp: Stamp,
}

/// An engine on its way.
pub struct Started {
    pub engine: Arc<dyn Backend>,
    pub wish: Wish,
    stamp: Stamp,
}

/// Of an engine that was only just asked for.
pub(super) const BEGINNING: ModelState = ModelState::Loading { fraction: 0.0 };

impl Seat {
    pub(super) fn new(
        role: Role,
        words: mpsc::UnboundedSender<Word>,
        news: mpsc::UnboundedSender<News>,
    ) -> Self {
        let first = match role {
            Role::Fill => BEGINNING,
            Role::Edit => ModelState::Unloaded,
        };
        Self {
            role,
            inner: Mutex::default(),
            state: watch::Sender::new(first.clone()),
            coming: watch::Sender::new(first),
            holds: Arc::default(),
            words,
            news,
        }
    }

    /// Whether there is no model of its own here.
    pub fn is_shared(&self) -> bool {
        lock(&self.inner).shared.is_some()
    }

    /// The state of a model of its own; none where it has none.
    pub fn own_state(&self) -> Option<ModelState> {
        (!self.is_shared()).then(|| self.state.borrow().clone())
    }

    /// From now on what is asked here is asked there, or here again.
    pub(super) fn share(&self, with: Option<Arc<Seat>>) {
        lock(&self.inner).shared = with;
    }

    /// Whether an engine serves.
    pub(super) fn is_there(&self) -> bool {
        lock(&self.inner).serving.is_some()
    }

    /// Whether none serves, and one is on its way.
    pub(super) fn is_loading(&self) -> bool {
        !self.is_there() && matches!(*self.state.borrow(), ModelState::Loading { .. })
    }

    /// Whether another engine was asked for, and nothing has come of that yet.
    pub(super) fn is_expecting(&self) -> bool {
        matches!(*self.coming.borrow(), ModelState::Loading { .. })
    }

    /// Whether what was asked for last could not be loaded.
    pub(super) fn has_failed(&self) -> bool {
        matches!(*self.coming.borrow(), ModelState::Failed(_))
    }

    /// Whether the engine of this wish serves, and is well.
    pub(super) fn serves(&self, wish: Option<&Wish>) -> bool {
        let serving = self.serving().filter(|serving| Some(&serving.wish) == wish);
        serving.is_some_and(|serving| matches!(*serving.engine.watch().borrow(), ModelState::Ready(_)))
    }

    pub(super) fn serving(&self) -> Option<Serving> {
        lock(&self.inner).serving.clone()
    }

    /// Another engine has been asked for.
    pub(super) fn expect_another(&self) {
        self.coming.send_replace(BEGINNING);
        if !self.is_there() {
            self.state.send_replace(BEGINNING);
        }
    }

    /// Nothing is expected any more: what serves is all there is, or what was expected.
    pub(super) fn expect_nothing(&self) {
        let state = self.state.borrow().clone();
        let state = if self.is_there() { state } else { ModelState::Unloaded };
        self.state.send_replace(state.clone());
        self.coming.send_replace(state);
    }

    /// What could not be loaded is not what would be loaded now.
    pub(super) fn forget_failure(&self) {
        if !self.is_there() {
            self.state.send_replace(ModelState::Unloaded);
            self.coming.send_replace(ModelState::Unloaded);
        }
    }

    /// An engine begins to load; none where this seat is closed.
    pub(super) fn begin(&self, engine: Arc<dyn Backend>, wish: Wish) -> Option<Started> {
        let stamp = wish.model.path.as_deref().and_then(stamp);
        let is_closed = {
            let mut inner = lock(&self.inner);
            if !inner.is_closed {
                inner.loading = Some(engine.clone());
            }
            inner.is_closed
        };
        if is_closed {
            engine.shutdown();
            return None;
        }
        Some(Started { engine, wish, stamp })
    }

    /// How the engine on its way comes along.
    pub(super) fn show_loading(&self, state: &ModelState) {
        if let ModelState::Loading { .. } = state {
            self.coming.send_replace(state.clone());
            if !self.is_there() {
                self.state.send_replace(state.clone());
            }
        }
    }

    /// The engine on its way is ready, and serves from now on. Returns who did before. Whether it is what was expected is
    /// for who calls this to say.
    pub(super) fn install(self: &Arc<Self>, started: Started) -> Option<Arc<dyn Backend>> {
        let Started { engine, wish, stamp: seen } = started;
        let mut states = engine.watch();
        let state = states.borrow_and_update().clone();
        let stamp = seen.or_else(|| match &state {
            ModelState::Ready(card) => stamp(&card.path),
            _ => None,
        });
        let old = {
            // NB: the state changes under the lock under which requests find their engine.
            let mut inner = lock(&self.inner);
            inner.loading = None;
            let old = inner.serving.replace(Serving { engine: engine.clone(), wish, stamp });
            // One that serves again goes nowhere.
            let old = old.map(|old| old.engine).filter(|old| !Arc::ptr_eq(old, &engine));
            inner.leaving.extend(old.clone());
            self.state.send_replace(state.clone());
            old
        };
        self.holds.touch();
        match state {
            ModelState::Ready(card) => self.report(News::Ready(card)),
            ModelState::Failed(why) => self.report_failure(why),
            ModelState::Unloaded | ModelState::Loading { .. } => {}
        }
        tokio::spawn(follow(Arc::downgrade(self), Arc::downgrade(&engine), states));
        old
    }

    /// The engine on its way will not come.
    pub(super) fn give_up(&self) -> Option<Arc<dyn Backend>> {
        let mut inner = lock(&self.inner);
        let engine = inner.loading.take();
        inner.leaving.extend(engine.clone());
        engine
    }

    /// Nothing new was loaded, for this reason; who serves goes on.
    pub(super) fn fail(&self, why: &str) {
        let failed = ModelState::Failed(why.to_owned());
        if !self.is_there() {
            self.state.send_replace(failed.clone());
        }
        self.coming.send_replace(failed);
    }

    /// Tells the person of a failure; once for each.
    pub(super) fn report_failure(&self, why: String) {
        let kept = match &*self.state.borrow() {
            ModelState::Ready(card) => Some(card.name.clone()),
            ModelState::Unloaded | ModelState::Loading { .. } | ModelState::Failed(_) => None,
        };
        self.report(News::Failed { role: self.role, why, kept });
    }

    fn report(&self, news: News) {
        // Where nobody listens any more all has ended.
        let _ = self.news.send(news);
    }

    /// Takes the engine away from new requests, unless somebody needs it. `then`: what the seat shows.
    pub(super) fn vacate_if_free(&self, then: ModelState) -> Option<Arc<dyn Backend>> {
        // NB: under the lock under which who holds it looks whether it is there.
        let inner = lock(&self.inner);
        if self.holds.is_held() { None } else { self.vacate_locked(inner, then) }
    }

    /// The same, whoever needs it.
    pub(super) fn vacate(&self, then: ModelState) -> Option<Arc<dyn Backend>> {
        self.vacate_locked(lock(&self.inner), then)
    }

    fn vacate_locked(&self, mut inner: MutexGuard<'_, Inner>, then: ModelState) -> Option<Arc<dyn Backend>> {
        let engine = inner.serving.take()?.engine;
        inner.leaving.push(engine.clone());
        self.state.send_replace(then);
        Some(engine)
    }

    /// Has an engine answer what it was asked, and stop, without waiting for it.
    pub(super) fn let_go(self: &Arc<Self>, engine: Arc<dyn Backend>) {
        let seat = self.clone();
        tokio::task::spawn_blocking(move || seat.finish(&engine));
    }

    /// The same, and waits. Blocking.
    pub(super) fn finish(&self, engine: &Arc<dyn Backend>) {
        engine.finish();
        let mut inner = lock(&self.inner);
        inner.leaving.retain(|leaving| !Arc::ptr_eq(leaving, engine));
        inner.past = inner.past.with(&engine.stats());
    }

    /// Whether the file of what serves is another one than was loaded.
    pub(super) fn is_outdated(&self) -> bool {
        let Some(serving) = self.serving() else { return false };
        let ModelState::Ready(card) = serving.engine.watch().borrow().clone() else { return false };
        stamp(&card.path).is_some_and(|now| serving.stamp != Some(now))
    }

    /// Bytes that what serves takes.
    pub(super) fn bytes(&self) -> u64 {
        let Some(serving) = self.serving() else { return 0 };
        match &*serving.engine.watch().borrow() {
            ModelState::Ready(card) => {
                let sum = card.model_bytes.saturating_add(card.kv_bytes);
                sum.saturating_add(sum / 10)
            }
            _ => 0,
        }
    }

    /// Who needs the model, and since when nobody does.
    pub(super) fn holds(&self) -> &Arc<Holds> {
        &self.holds
    }
}

/// Shows what becomes of the engine that serves, for as long as it does. NB: it keeps no engine, whose states end with it.
async fn follow(seat: Weak<Seat>, engine: Weak<dyn Backend>, mut states: watch::Receiver<ModelState>) {
    while states.changed().await.is_ok() {
        let Some(seat) = seat.upgrade() else { return };
        let inner = lock(&seat.inner);
        let serves = |serving: &Serving| ptr::addr_eq(Arc::as_ptr(&serving.engine), engine.as_ptr());
        if !inner.serving.as_ref().is_some_and(serves) {
            return;
        }
        let state = states.borrow_and_update().clone();
        seat.state.send_replace(state.clone());
        if inner.loading.is_none() {
            seat.coming.send_replace(state.clone());
        }
        drop(inner);
        if let ModelState::Failed(why) = state {
            seat.report_failure(why);
        }
    }
}
