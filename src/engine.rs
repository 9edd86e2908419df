//! The model edge: one seam, [`Backend`], behind which a model runs. Knows prompts, never documents.

pub mod chat;
pub mod checkpoint;
pub mod cores;
mod error;
pub mod heal;
#[cfg(feature = "llama")]
pub mod llama;
pub mod remote;
pub mod sample;
pub mod schedule;
pub mod scripted;
pub mod slot;
pub mod snapshot;
pub mod speculate;
pub mod spell;
pub mod stats;
pub mod trial;
pub mod tune;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::{mpsc, watch};

use crate::completion::precedent::Precedent;
use crate::engine::remote::RemoteStats;
use crate::engine::sample::Sampling;
use crate::models::fit::Shortfall;
use crate::prompt::Prompt;
use crate::threads::lock;
pub use error::EngineError;
pub use stats::{EngineStats, Speed};

/// Where text comes from. Object-safe; every call returns at once but `count_tokens`, which tokenizes.
pub trait Backend: Send + Sync {
    /// Starts a generation. A backend that cannot (not loaded, failed) answers with an ended one.
    fn generate(&self, request: Request) -> Generation;

    /// Exact number of tokens of `text` for this model; `None` until it is ready.
    fn count_tokens(&self, text: &str) -> Option<usize>;

    /// The model's state, and a way to wait for its changes.
    fn watch(&self) -> watch::Receiver<ModelState>;

    /// What is known of a server that answers in place of this machine, and a way to wait for its changes; none where
    /// the person has named none.
    fn remote(&self) -> Option<watch::Receiver<RemoteStats>> {
        None
    }

    fn stats(&self) -> EngineStats;

    /// What the last requests read and wrote in a second; zeros until something was. Cheap: asked for each key.
    fn speed(&self) -> Speed {
        self.stats().tokens_per_second
    }

    /// Stops a load in progress; the state becomes `Failed` with a sentence that says so.
    fn cancel_load(&self);

    /// Stops everything and joins whatever runs. Later requests end with `EngineError::Stopped`.
    fn shutdown(&self);

    /// Answers what it was asked and then stops; blocks until it has. What is asked later ends with
    /// `EngineError::Stopped`. A `shutdown` meanwhile cuts it short.
    fn finish(&self) {
        self.shutdown();
    }

    /// How the model that was asked for last comes along, where another one may still answer: what a person is told of
    /// a load.
    fn coming(&self) -> watch::Receiver<ModelState> {
        self.watch()
    }

    /// The model is needed, and stays loaded while this is held; one that is not loaded begins to be.
    fn hold(&self) -> Hold {
        Hold::default()
    }

    /// The place of this prompt has a newer one: what is held for it may be the next to be given up. Nothing is
    /// evaluated for it.
    fn retire(&self, _prompt: Prompt) {}
}

/// What a model is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Completions.
    Fill,
    /// Edits and explanations.
    Edit,
}

/// A model that is needed. See [`Backend::hold`].
#[derive(Default)]
pub struct Hold {
    state: Option<watch::Receiver<ModelState>>,
    _kept: Option<Box<dyn Send + Sync>>,
}

impl Hold {
    /// `kept` is dropped with it; `state` is the model's.
    pub fn keeping(kept: impl Send + Sync + 'static, state: watch::Receiver<ModelState>) -> Self {
        Self { state: Some(state), _kept: Some(Box::new(kept)) }
    }

    /// Whether the model is on its way, so that to wait for it is worth while.
    pub fn is_coming(&self) -> bool {
        let state = self.state.as_ref().map(watch::Receiver::borrow);
        state.is_some_and(|state| matches!(*state, ModelState::Loading { .. }))
    }

    /// Waits until the model is no longer on its way.
    pub async fn arrival(&mut self) {
        if let Some(state) = &mut self.state {
            // Where nobody tells any more, the question will say so.
            let _ = state.wait_for(|state| !matches!(state, ModelState::Loading { .. })).await;
        }
    }
}

/// What a model is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelState {
    /// None was asked for, or it was let go and is loaded when it is needed.
    Unloaded,
    /// `fraction` of 1, as llama.cpp reports it.
    Loading {
        fraction: f32,
    },
    Ready(Arc<ModelCard>),
    /// A sentence that says what was found, where, and what to do.
    Failed(String),
}

/// What is known of a loaded model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelCard {
    pub name: String,
    pub path: PathBuf,
    pub parameters: u64,
    /// Tokens one prompt with its answer may take.
    pub context_tokens: u32,
    pub threads: u32,
    pub device: String,
    /// Bytes of the weights.
    pub model_bytes: u64,
    /// Bytes of the KV cache.
    pub kv_bytes: u64,
    /// Whether the model fills in the middle; without, only the text before the cursor is used.
    pub fills: bool,
    /// Whether it can be shown pieces of other files.
    pub quotes: bool,
    /// Whether it reads the messages of an instruction; without, it is shown the plain text.
    pub chats: bool,
    /// A sentence for the person, where there is something to say of this model.
    pub notice: Option<String>,
    /// Why it is not on a GPU, as far as it is not.
    #[serde(skip)]
    pub shortfall: Option<Shortfall>,
}

/// Which work goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Only when idle.
    Warm,
    /// What may be asked for next: the newest wins, and only while nothing is asked for.
    Ahead,
    /// A queue.
    Action,
    /// The newest wins, and preempts.
    Completion,
}

/// Called with each unforced piece on the engine's own thread, so that no token is made after a stop.
pub type StopRule = Box<dyn FnMut(&Piece) -> bool + Send>;

/// One thing asked of a model.
pub struct Request {
    pub prompt: Prompt,
    pub lane: Lane,
    pub sampling: Sampling,
    /// Tokens of the answer at most; 0 reads the prompt and makes none.
    pub max_tokens: u32,
    /// From the first decoded token; the text so far stands.
    pub max_time: Duration,
    /// Decoding begins no earlier than this after the request; the prompt is read at once.
    pub hold: Duration,
    /// Returns true to stop after the piece it was shown.
    pub stop: StopRule,
    /// The answer, given beforehand: the model works as ever, and what it chooses is replaced. For measuring what a
    /// known answer costs, with a model that would not give it.
    pub told: Option<String>,
    /// What follows elsewhere where the text reads as it does here: such an answer is preferred. Only where the likeliest
    /// token is taken; a server elsewhere does without.
    pub precedents: Vec<Precedent>,
}

/// A piece of text, whole characters.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    pub text: String,
    /// Natural logarithm of the probability of its token, or of its tokens together.
    pub log_probability: f32,
    /// Tokens it is made of.
    pub tokens: u32,
}

/// How a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    EndOfText,
    StopRule,
    /// Tokens or time.
    Limit,
    Cancelled,
}

/// What one request cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    pub prompt_tokens: u32,
    pub evaluated_tokens: u32,
    pub reused_tokens: u32,
    pub generated_tokens: u32,
    pub forced_tokens: u32,
    pub queue_ms: u32,
    pub prefill_ms: u32,
    pub decode_ms: u32,
    /// Of these, until the first token that was not forced.
    pub forced_ms: u32,
}

/// What the stream carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Piece(Piece),
    /// Always last.
    End {
        stop: Stop,
        usage: Usage,
    },
    /// Always last.
    Failed(EngineError),
}

/// How much of its prompt a model has read, tokens; what it had read before counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub tokens: u32,
    /// Of so many; 0 until that is known.
    pub of: u32,
}

/// The stream of one request. Dropping it cancels: no further token is made.
pub struct Generation {
    events: mpsc::UnboundedReceiver<Event>,
    cancel: CancelOnDrop,
    reading: watch::Receiver<Reading>,
    steer: Arc<Steer>,
    by: AnsweredBy,
}

/// The name of who answers, once that is known; for ever empty where there is one model, whose card has it.
pub type AnsweredBy = Arc<OnceLock<String>>;

/// What becomes known of a request while it is worked on. A backend that cannot turn back from what it has begun
/// takes no notice: whoever steers looks at what comes.
#[derive(Debug, Default)]
pub struct Steer {
    lead: Mutex<Vec<u8>>,
    urgent: AtomicBool,
}

impl Steer {
    /// The answer must begin with this text, whole: what of it is not made yet is made next. Text that the answer has
    /// already left changes nothing.
    pub fn lead(&self, text: &str) {
        *lock(&self.lead) = text.into();
    }

    /// What of the text to lead with comes behind `said`; empty where the answer went another way.
    pub fn left(&self, said: &[u8]) -> Vec<u8> {
        let lead = lock(&self.lead);
        lead.strip_prefix(said).unwrap_or_default().to_vec()
    }

    /// Somebody waits for the answer now, whichever lane it was made for.
    pub fn hurry(&self) {
        self.urgent.store(true, Ordering::SeqCst);
    }

    pub fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::SeqCst)
    }
}

/// When a request was cancelled, if it was: read by the engine between any two tokens.
pub type Cancelled = Arc<OnceLock<Instant>>;

/// Cancels when dropped, and calls what interrupts a running computation.
pub struct CancelOnDrop {
    cancelled: Cancelled,
    interrupt: Option<Box<dyn Fn() + Send + Sync>>,
}

impl CancelOnDrop {
    pub fn new(cancelled: Cancelled, interrupt: Option<Box<dyn Fn() + Send + Sync>>) -> Self {
        Self { cancelled, interrupt }
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let _ = self.cancelled.set(Instant::now());
        if let Some(interrupt) = &self.interrupt {
            interrupt();
        }
    }
}

impl Generation {
    /// One of a backend that does not say how it gets on with the prompt.
    pub fn new(events: mpsc::UnboundedReceiver<Event>, cancel: CancelOnDrop) -> Self {
        Self {
            events,
            cancel,
            reading: watch::channel(Reading::default()).1,
            steer: Arc::default(),
            by: AnsweredBy::default(),
        }
    }

    /// One that can be asked how much is read.
    pub fn with_reading(self, reading: watch::Receiver<Reading>) -> Self {
        Self { reading, ..self }
    }

    /// With the other end of what a backend reads while it works.
    pub fn steered(self, steer: Arc<Steer>) -> Self {
        Self { steer, ..self }
    }

    /// With the name of who answers, which may be known later.
    pub fn answered_by(self, by: AnsweredBy) -> Self {
        Self { by, ..self }
    }

    /// Who answers.
    pub fn by(&self) -> AnsweredBy {
        self.by.clone()
    }

    /// The stream, what cancels it when dropped, and what steers it: for an owner that holds them apart.
    pub fn into_parts(self) -> (mpsc::UnboundedReceiver<Event>, CancelOnDrop, Arc<Steer>) {
        (self.events, self.cancel, self.steer)
    }

    /// One that has already failed.
    pub fn failed(error: EngineError) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let _ = sender.send(Event::Failed(error));
        Self::new(events, CancelOnDrop::new(Arc::default(), None))
    }

    /// The next event; `None` after the last one.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// How much of the prompt is read by now.
    pub fn reading(&self) -> Reading {
        *self.reading.borrow()
    }
}
