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
mod alive;
mod chores;
mod context;
mod counters;
mod keep;
mod load;
mod measure;
mod pauses;
mod read;
mod serve;
mod task;
mod version;
mod vocab;
mod write;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use crate::engine::cores::{Cores, Desk, Neighbour};
use crate::engine::trial::Trial;
use crate::engine::{
    Backend, CancelOnDrop, Cancelled, EngineError, EngineStats, Event, Generation, Lane, ModelState, Reading,
    Request, Speed, Steer,
};
use crate::models::fit::{self, Device, KvType, Shortfall};
use crate::prompt::Prompt;
use crate::threads::lock;
pub use about::about;
pub use alive::{Alive, alive};
use counters::Counters;
pub use keep::Keep;
use pauses::Pauses;
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
    /// What computes.
    pub device: Device,
    /// Layers on a GPU, where the build has one.
    pub gpu_layers: Option<u32>,
    /// Tokens of one prompt with its answer.
    pub context_tokens: Option<u32>,
    /// The numbers of the KV cache.
    pub kv_type: Option<KvType>,
    /// Bytes of memory at most; none: what is free.
    pub memory: Option<u64>,
    /// Who else computes in this process.
    pub cores: Cores,
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
    /// Among the engines of this process.
    desk: Desk,
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
    /// Nothing new is taken, and with the last answer it ends.
    finishing: bool,
    /// Another engine's turn is over.
    rung: bool,
}

/// How other engines reach this one.
struct Bell(Weak<Shared>);

impl Neighbour for Bell {
    fn ring(&self) {
        if let Some(shared) = self.0.upgrade() {
            // Under the lock, so that it is not rung between the engine's look at it and its falling asleep.
            lock(&shared.inbox).rung = true;
            shared.bell.notify_one();
        }
    }

    fn make_way(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.interrupt.make_way();
        }
    }
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
    /// How long it takes at worst until `abort` is read.
    pauses: Pauses,
}

impl Interrupt {
    /// Something that goes first has come.
    fn make_way(&self) {
        // NB: in this order; `decode` has its counterpart. A decode that begins after this look sees who waits.
        self.waiting.store(true, Ordering::SeqCst);
        if !self.firm.load(Ordering::SeqCst) {
            self.abort.store(true, Ordering::SeqCst);
        }
    }
}

impl LlamaEngine {
    /// Starts the engine thread, which loads the model. Watch the state for how that goes.
    pub fn start(source: Source, options: Options) -> Arc<Self> {
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| Shared {
            inbox: Mutex::default(),
            bell: Condvar::new(),
            state: watch::Sender::new(ModelState::Loading { fraction: 0.0 }),
            cancel_load: AtomicBool::new(false),
            counters: Mutex::default(),
            interrupt: Arc::default(),
            desk: options.cores.desk(Arc::new(Bell(shared.clone()))),
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
    let whole = std::panic::AssertUnwindSafe(|| {
        if let Err(why) = load_and_serve(shared, source, options) {
            tracing::error!("model not loaded: {why}");
            shared.state.send_replace(ModelState::Failed(why));
        }
    });
    if std::panic::catch_unwind(whole).is_err() {
        let why = "the engine stopped after an internal error; restart the server, and please report the log";
        shared.state.send_replace(ModelState::Failed(why.into()));
    }
    *lock(&shared.counter) = None;
    tracing::debug!("an engine has ended, and there are still {:?}", alive());
    shared.desk.leave();
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

/// Serves until it is told to stop. Where a model cannot be started as it was fitted, less is tried: the processor in
/// place of a GPU, and the like.
fn load_and_serve(shared: &Arc<Shared>, source: &Source, options: &Options) -> Result<(), String> {
    let file = load::check(source)?;
    let mut asked = load::asked(options);
    let mut lost = None;
    loop {
        let way = load::fit(&file, &asked, options, lost.clone())?;
        let state = options.state.as_deref();
        let trial = way.gpu.as_ref().map_or(Ok(None), |gpu| Trial::begin(state, gpu));
        let Ok(trial) = trial else {
            lost = way.gpu.map(|gpu| Shortfall::Distrusted { gpu });
            asked.device = Device::Cpu;
            continue;
        };
        let began =
            load::load(shared, &file, &way, options).and_then(|loaded| serve::serve(shared, loaded, trial));
        let Err(why) = began else { return Ok(()) };
        match fit::after_failure(&asked, &way.fit).filter(|_| why != load::CANCELLED) {
            Some(less) => {
                tracing::warn!("{why}; trying with less");
                lost = lost.or(way.gpu.map(|gpu| Shortfall::Failed { gpu, why }));
                asked = less;
            }
            None => return Err(why),
        }
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
            if inbox.shutdown || inbox.finishing {
                return Generation::failed(EngineError::Stopped);
            }
            let (cancelled, steer) = (cancelled.clone(), steer.clone());
            let submitted = Instant::now();
            inbox.jobs.push_back(Job { id, request, cancelled, steer, events, reading, submitted });
            if is_completion {
                shared.interrupt.make_way();
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
        lock(&self.shared.counters).stats()
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
        // NB: taken first, so that who is told to finish meanwhile does not hold the lock while it waits.
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // A panic there has been reported already.
            let _ = thread.join();
        }
    }

    fn finish(&self) {
        lock(&self.shared.inbox).finishing = true;
        // A load has nobody to answer.
        self.cancel_load();
        self.shared.bell.notify_one();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
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
