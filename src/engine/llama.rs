//! llama.cpp in this process: one thread owns the model's contexts and serves requests from an inbox.
//!
//! This file is the handle that the rest of the program holds. `llama/` has the thread's rooms: `load` (a checked
//! file becomes a model), `vocab` (tokens and bytes), `context` (the guarded calls: what llama.cpp would abort on
//! never reaches it), `serve` and `task` (the loop: lanes, prefill in chunks, decoding, cancelling) and `chores` (what
//! waits until nothing is asked: `measure` finds out how many threads to use, `keep` saves what was read). This room and
//! those below it are the only ones that name `llama_cpp_2` or `llama_cpp_sys_2`.
//!
//! Nothing here waits for the model: `start` and `generate` return at once. The promise of a cancel is that tokens
//! stop, not only the reply: the flag is read between any two decodes, and llama.cpp's abort callback reads another
//! inside them.

mod about;
mod chores;
mod context;
mod keep;
mod load;
mod measure;
mod read;
mod serve;
mod task;
mod version;
mod vocab;
mod write;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use crate::engine::stats::Window;
use crate::engine::{
    Backend, CancelOnDrop, Cancelled, EngineError, EngineStats, Event, Generation, Lane, ModelState, Reading,
    Request, Speed, Steer,
};
use crate::prompt::Prompt;
use crate::threads::lock;
pub use about::about;
pub use keep::Keep;
pub use version::version;

/// Which model to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The one in the box.
    BuiltIn,
    /// A GGUF file.
    File(PathBuf),
}

/// How to run it; what is not given is chosen to fit the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Threads that compute; none: as many as measured best.
    pub threads: Option<u32>,
    /// Layers on a GPU, where the build has one.
    pub gpu_layers: Option<u32>,
    /// Tokens of one prompt with its answer.
    pub context_tokens: Option<u32>,
    /// For measuring what they are worth.
    pub without: Without,
    /// Where to keep what was read, for the next run.
    pub keep: Option<Keep>,
    /// A folder for what was found out of this machine; none: it is found out in each run.
    pub state: Option<PathBuf>,
    pub patience: Patience,
}

/// How much time what is done for later may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Of a load, for measuring.
    pub load: Duration,
    /// How long nothing was asked before measuring goes on and what was read is saved.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { load: Duration::from_millis(300), idle: Duration::from_secs(10) }
    }
}

/// Parts of the engine that can be switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Without {
    pub healing: bool,
    /// One sequence does for all places and for actions.
    pub places: bool,
    pub drafts: bool,
}

/// The engine. Dropping it stops the thread and waits for it.
pub struct LlamaEngine {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the handle and the engine thread share.
struct Shared {
    inbox: Mutex<Inbox>,
    /// Rung when the inbox has something new.
    bell: Condvar,
    state: watch::Sender<ModelState>,
    cancel_load: AtomicBool,
    counters: Mutex<Counters>,
    interrupt: Arc<Interrupt>,
    /// For counting tokens outside the engine thread; there while the model is.
    counter: Mutex<Option<Arc<vocab::Vocabulary>>>,
    next_id: AtomicU64,
}

#[derive(Default)]
struct Inbox {
    jobs: VecDeque<Job>,
    /// Prompts of places that have newer ones.
    retired: Vec<Prompt>,
    shutdown: bool,
}

/// One request on its way to the engine thread.
struct Job {
    id: u64,
    request: Request,
    cancelled: Cancelled,
    steer: Arc<Steer>,
    events: mpsc::UnboundedSender<Event>,
    reading: watch::Sender<Reading>,
    submitted: Instant,
}

/// What reaches into a running decode.
#[derive(Default)]
struct Interrupt {
    /// Read by llama.cpp's abort callback between graph nodes.
    abort: AtomicBool,
    /// The job being computed, 0 for none.
    running: AtomicU64,
    /// The inbox has a completion that the running decode should make way for.
    waiting: AtomicBool,
    /// The running decode makes way for nothing; a cancel ends it all the same.
    firm: AtomicBool,
}

#[derive(Default)]
struct Counters {
    stats: EngineStats,
    queue: Window,
    cancel: Window,
    prompt_speed: Rate,
    generate_speed: Rate,
    busy: Duration,
}

/// What is evaluated is added as it comes: the three always agree, also when a request is cancelled.
impl Counters {
    fn reuse(&mut self, tokens: usize) {
        self.stats.prompt_tokens += tokens as u64;
        self.stats.reused_tokens += tokens as u64;
    }

    fn generate(&mut self, is_forced: bool) {
        self.stats.generated_tokens += 1;
        self.stats.forced_tokens += u64::from(is_forced);
    }

    fn evaluate(&mut self, tokens: usize) {
        self.stats.prompt_tokens += tokens as u64;
        self.stats.evaluated_tokens += tokens as u64;
    }

    fn speed(&self) -> Speed {
        Speed { prompt: self.prompt_speed.per_second(), generate: self.generate_speed.per_second() }
    }
}

/// Tokens over time, of the last requests alone: older ones fade by half with each thousand tokens.
#[derive(Default)]
struct Rate {
    tokens: f64,
    seconds: f64,
}

impl Rate {
    fn add(&mut self, tokens: usize, seconds: f64) {
        let fade = 0.5f64.powf(tokens as f64 / 1000.0);
        self.tokens = self.tokens * fade + tokens as f64;
        self.seconds = self.seconds * fade + seconds;
    }

    fn per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.tokens / self.seconds } else { 0.0 }
    }
}

impl LlamaEngine {
    /// Starts the engine thread, which loads the model. Watch the state for how that goes.
    pub fn start(source: Source, options: Options) -> Arc<Self> {
        let shared = Arc::new(Shared {
            inbox: Mutex::default(),
            bell: Condvar::new(),
            state: watch::Sender::new(ModelState::Loading { fraction: 0.0 }),
            cancel_load: AtomicBool::new(false),
            counters: Mutex::default(),
            interrupt: Arc::default(),
            counter: Mutex::default(),
            next_id: AtomicU64::new(1),
        });
        let theirs = shared.clone();
        let thread = std::thread::Builder::new()
            .name("engine".into())
            // Some pre-tokenizers recurse once for each character (design notes, `llama.md` §8).
            .stack_size(64 << 20)
            .spawn(move || run(&theirs, &source, &options));
        let thread = thread.map_err(|error| {
            shared
                .state
                .send_replace(ModelState::Failed(format!("the engine thread could not be started: {error}")));
        });
        Arc::new(Self { shared, thread: Mutex::new(thread.ok()) })
    }
}

/// The engine thread: load, serve, and say so if anything panics.
fn run(shared: &Arc<Shared>, source: &Source, options: &Options) {
    let whole = std::panic::AssertUnwindSafe(|| match load::load(shared, source, options) {
        Ok(loaded) => serve::serve(shared, loaded),
        Err(why) => {
            tracing::error!("model not loaded: {why}");
            shared.state.send_replace(ModelState::Failed(why));
        }
    });
    if std::panic::catch_unwind(whole).is_err() {
        let why = "the engine stopped after an internal error; restart the server, and please report the log";
        shared.state.send_replace(ModelState::Failed(why.into()));
    }
    *lock(&shared.counter) = None;
    // What came in meanwhile is answered too, and nothing comes in any more.
    let jobs = {
        let mut inbox = lock(&shared.inbox);
        inbox.shutdown = true;
        std::mem::take(&mut inbox.jobs)
    };
    let error = shared.refusal().unwrap_or(EngineError::Stopped);
    for job in jobs {
        let _ = job.events.send(Event::Failed(error.clone()));
    }
}

impl Shared {
    /// Why a request cannot be served now, if so.
    fn refusal(&self) -> Option<EngineError> {
        match &*self.state.borrow() {
            ModelState::Ready(_) => None,
            ModelState::Unloaded => Some(EngineError::NotLoaded),
            ModelState::Loading { .. } => Some(EngineError::Loading),
            ModelState::Failed(why) => Some(EngineError::LoadFailed(why.clone())),
        }
    }
}

impl Backend for LlamaEngine {
    fn generate(&self, request: Request) -> Generation {
        let shared = &self.shared;
        if let Some(error) = shared.refusal() {
            return Generation::failed(error);
        }
        let id = shared.next_id.fetch_add(1, Ordering::Relaxed);
        let cancelled = Cancelled::default();
        let steer = Arc::<Steer>::default();
        let (events, receiver) = mpsc::unbounded_channel();
        let (reading, read) = watch::channel(Reading::default());
        let is_completion = request.lane == Lane::Completion;
        {
            let mut inbox = lock(&shared.inbox);
            if inbox.shutdown {
                return Generation::failed(EngineError::Stopped);
            }
            let (cancelled, steer) = (cancelled.clone(), steer.clone());
            let submitted = Instant::now();
            inbox.jobs.push_back(Job { id, request, cancelled, steer, events, reading, submitted });
            if is_completion {
                // NB: in this order; `decode` has its counterpart. A decode that begins after this look sees who waits.
                shared.interrupt.waiting.store(true, Ordering::SeqCst);
                if !shared.interrupt.firm.load(Ordering::SeqCst) {
                    shared.interrupt.abort.store(true, Ordering::SeqCst);
                }
            }
        }
        shared.bell.notify_one();
        let theirs = shared.clone();
        let interrupt = move || {
            // NB: between telling that it is cancelled and asking whether it runs; `decode` has its counterpart.
            fence(Ordering::SeqCst);
            if theirs.interrupt.running.load(Ordering::SeqCst) == id {
                theirs.interrupt.abort.store(true, Ordering::SeqCst);
            }
            // A task that waits, paused or held, is to be ended too. Under the lock, so that the bell is not rung
            // between the engine's look at the tasks and its falling asleep.
            let _inbox = lock(&theirs.inbox);
            theirs.bell.notify_one();
        };
        let cancel = CancelOnDrop::new(cancelled, Some(Box::new(interrupt)));
        Generation::new(receiver, cancel).with_reading(read).steered(steer)
    }

    fn count_tokens(&self, text: &str) -> Option<usize> {
        let vocabulary = lock(&self.shared.counter).clone()?;
        Some(vocabulary.count(text))
    }

    fn watch(&self) -> watch::Receiver<ModelState> {
        self.shared.state.subscribe()
    }

    fn stats(&self) -> EngineStats {
        let counters = lock(&self.shared.counters);
        let mut stats = counters.stats.clone();
        stats.busy_ms = u64::try_from(counters.busy.as_millis()).unwrap_or(u64::MAX);
        stats.queue_ms = counters.queue.percentiles();
        stats.cancel_ms = counters.cancel.percentiles();
        stats.tokens_per_second = counters.speed();
        stats
    }

    fn speed(&self) -> Speed {
        lock(&self.shared.counters).speed()
    }

    fn cancel_load(&self) {
        if matches!(&*self.shared.state.borrow(), ModelState::Loading { .. }) {
            self.shared.cancel_load.store(true, Ordering::SeqCst);
            self.shared.interrupt.abort.store(true, Ordering::SeqCst);
        }
    }

    fn shutdown(&self) {
        lock(&self.shared.inbox).shutdown = true;
        self.shared.cancel_load.store(true, Ordering::SeqCst);
        self.shared.interrupt.waiting.store(true, Ordering::SeqCst);
        self.shared.interrupt.abort.store(true, Ordering::SeqCst);
        self.shared.bell.notify_one();
        if let Some(thread) = lock(&self.thread).take() {
            // A panic there has been reported already.
            let _ = thread.join();
        }
    }

    fn retire(&self, prompt: Prompt) {
        lock(&self.shared.inbox).retired.push(prompt);
        self.shared.bell.notify_one();
    }
}

impl Drop for LlamaEngine {
    fn drop(&mut self) {
        self.shutdown();
    }
}
