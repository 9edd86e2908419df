//! An engine that computes nothing and takes as long as a real one would: lanes, turns and interruptions by
//! `engine::schedule`, what each sequence keeps by `engine::slot`, and every call charged from the table.
//!
//! One call at a time, as on a processor. A call that a completion waits for, or whose request is cancelled, ends after
//! a moment and is lost. No healing: the last token before the cursor is always read.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::{Memory, cost, pieces, token};
use crate::config::{Part, Parts};
use crate::engine::schedule::{self, Entry};
use crate::engine::slot::{ACTIONS, PLACES, Pool, Slots, Token};
use crate::engine::stats::Window;
use crate::engine::{
    Backend, CancelOnDrop, Cancelled, EngineError, EngineStats, Event, Generation, Lane, ModelCard,
    ModelState, Piece, Request, Speed, Steer, Stop, Usage,
};
use crate::prompt::{Fill, Prompt};
use crate::threads::lock;

/// Tokens of one prompt with its answer, and cells for all of them.
const CONTEXT: u32 = 4096;
const CELLS: usize = 8448;
/// Prompt tokens of one call at most.
const CHUNK: usize = 128;
/// From an interruption until llama.cpp returns (measured: 0.6 to 6 ms).
const RETURN: Duration = Duration::from_millis(6);
/// Stand for the control tokens, which are negative as no other is.
const MARKS: [Token; 4] = [-1, -2, -3, -4];

/// See the module.
pub struct SimulatedEngine {
    state: watch::Sender<ModelState>,
    inbox: Mutex<Vec<Task>>,
    bell: Arc<Notify>,
    counters: Mutex<(EngineStats, Window)>,
    next_id: Mutex<u64>,
}

struct Task {
    id: u64,
    request: Request,
    cancelled: Cancelled,
    events: mpsc::UnboundedSender<Event>,
    steer: Arc<Steer>,
    submitted: Instant,
    phase: Phase,
    prompt: Vec<Token>,
    /// The text that the answer goes on from, and the answer.
    before: String,
    said: String,
    slot: usize,
    chunk: usize,
    usage: Usage,
    prefilled: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Prefill,
    Prompted,
    /// A token was chosen and is to be evaluated.
    Chosen(Token),
}

enum Step {
    More,
    Ended(Stop),
    Failed(EngineError),
}

impl SimulatedEngine {
    /// Inside the runtime.
    pub fn start(memory: Arc<Memory>, parts: &Parts) -> Arc<Self> {
        let card = ModelCard {
            name: "by heart".into(),
            path: "by heart".into(),
            parameters: 0,
            context_tokens: CONTEXT,
            threads: 1,
            device: "none".into(),
            model_bytes: 0,
            kv_bytes: 0,
            fills: true,
            quotes: true,
            chats: false,
            notice: None,
            shortfall: None,
        };
        let engine = Arc::new(Self {
            state: watch::Sender::new(ModelState::Ready(Arc::new(card))),
            inbox: Mutex::default(),
            bell: Arc::default(),
            counters: Mutex::default(),
            next_id: Mutex::new(1),
        });
        let slots =
            if parts.has(Part::Places) { Slots::new(PLACES, ACTIONS, CELLS) } else { Slots::single(CELLS) };
        tokio::spawn(Server { engine: engine.clone(), memory, slots, tasks: Vec::new() }.serve());
        engine
    }
}

struct Server {
    engine: Arc<SimulatedEngine>,
    memory: Arc<Memory>,
    slots: Slots,
    tasks: Vec<Task>,
}

impl Server {
    async fn serve(mut self) {
        loop {
            self.receive();
            self.end_cancelled();
            let entries: Vec<Entry> = self.tasks.iter().map(Task::entry).collect();
            let now = Instant::now();
            let Some(index) = schedule::next(&entries, now.into_std(), false) else {
                let wake = schedule::wake(&entries, now.into_std()).map(Instant::from_std);
                tokio::select! {
                    () = self.engine.bell.notified() => {}
                    () = async { tokio::time::sleep_until(wake.unwrap_or(now)).await }, if wake.is_some() => {}
                }
                continue;
            };
            let step = self.step(index).await;
            lock(&self.engine.counters).0.busy_ms += u64::try_from(now.elapsed().as_millis()).unwrap_or(0);
            match step {
                Step::More => {}
                Step::Ended(stop) => self.end(index, stop),
                Step::Failed(error) => {
                    let task = self.tasks.remove(index);
                    let _ = task.events.send(Event::Failed(error));
                }
            }
        }
    }

    fn receive(&mut self) {
        for task in lock(&self.engine.inbox).drain(..) {
            for old in &self.tasks {
                if schedule::supersedes(&task.entry(), &old.entry()) {
                    let _ = old.cancelled.set(std::time::Instant::now());
                }
            }
            self.tasks.push(task);
        }
    }

    fn end_cancelled(&mut self) {
        while let Some(index) = self.tasks.iter().position(Task::is_cancelled) {
            self.end(index, Stop::Cancelled);
        }
    }

    fn end(&mut self, index: usize, stop: Stop) {
        let task = self.tasks.remove(index);
        let _ = task.events.send(Event::End { stop, usage: task.usage });
    }

    async fn step(&mut self, index: usize) -> Step {
        match self.tasks[index].phase {
            Phase::New => self.begin(index),
            Phase::Prefill => self.prefill(index).await,
            Phase::Prompted => self.first(index),
            Phase::Chosen(token) => self.write(index, token).await,
        }
    }

    fn begin(&mut self, index: usize) -> Step {
        let busy: Vec<usize> =
            self.tasks.iter().filter(|task| task.phase != Phase::New).map(|task| task.slot).collect();
        let task = &mut self.tasks[index];
        let Prompt::Fill(fill) = &task.request.prompt else {
            return Step::Failed(EngineError::Decode("only completions are simulated".into()));
        };
        let prompt = spell(fill);
        let (most, pool) = (task.request.max_tokens as usize, Pool::of(task.request.lane));
        let too_long =
            EngineError::PromptTooLong { prompt: prompt.len(), answer: most, context: CONTEXT as usize };
        if prompt.len() + most > CONTEXT as usize {
            return Step::Failed(too_long);
        }
        task.usage.prompt_tokens = prompt.len() as u32;
        let mut counters = lock(&self.engine.counters);
        if pool == Pool::Beside && self.slots.holding(&prompt).is_some() {
            counters.0.prompt_tokens += prompt.len() as u64;
            counters.0.reused_tokens += prompt.len() as u64;
            return Step::Ended(Stop::Limit);
        }
        let Some(plan) = self.slots.plan(&prompt, most, pool, &busy) else { return Step::Failed(too_long) };
        self.slots.reserve(plan.slot, prompt.len() + most);
        self.slots.get_mut(plan.slot).truncate(plan.keep);
        if let Some(copy) = plan.copy {
            self.slots.get_mut(plan.slot).push(&prompt[..copy.tokens.min(prompt.len() - 1)]);
        }
        for victim in plan.evict {
            self.slots.get_mut(victim).truncate(0);
        }
        if self.slots.get(plan.slot).tokens().len() == prompt.len() {
            self.slots.get_mut(plan.slot).truncate(prompt.len() - 1);
        }
        self.slots.touch(plan.slot);
        let reused = self.slots.get(plan.slot).tokens().len();
        counters.0.prompt_tokens += reused as u64;
        counters.0.reused_tokens += reused as u64;
        (task.before, task.slot, task.prompt) = ([&*fill.head, &fill.typed].concat(), plan.slot, prompt);
        task.phase = Phase::Prefill;
        Step::More
    }

    async fn prefill(&mut self, index: usize) -> Step {
        let task = &self.tasks[index];
        let (slot, id) = (task.slot, task.id);
        let held = self.slots.get(slot).tokens().len();
        let end = task.prompt.len().min(held + task.chunk);
        let is_read = self.call(id, end - held).await;
        let task = &mut self.tasks[index];
        task.chunk = schedule::next_chunk(task.chunk, if is_read { task.chunk } else { 0 }, CHUNK);
        if is_read {
            self.slots.get_mut(slot).push(&task.prompt[held..end]);
            task.usage.evaluated_tokens += (end - held) as u32;
            let mut counters = lock(&self.engine.counters);
            counters.0.prompt_tokens += (end - held) as u64;
            counters.0.evaluated_tokens += (end - held) as u64;
            if end == task.prompt.len() {
                task.phase = Phase::Prompted;
            }
        }
        Step::More
    }

    fn first(&mut self, index: usize) -> Step {
        let task = &mut self.tasks[index];
        if task.request.max_tokens == 0 {
            return Step::Ended(Stop::Limit);
        }
        task.prefilled = Some(Instant::now());
        self.choose(index)
    }

    async fn write(&mut self, index: usize, token: Token) -> Step {
        let (id, slot) = (self.tasks[index].id, self.tasks[index].slot);
        if !self.call(id, 1).await {
            return Step::More;
        }
        self.slots.get_mut(slot).push(&[token]);
        self.choose(index)
    }

    /// The next token: what is typed ahead of the text, else what the model knows.
    fn choose(&mut self, index: usize) -> Step {
        let task = &mut self.tasks[index];
        let lead = String::from_utf8(task.steer.left(task.said.as_bytes())).unwrap_or_default();
        let is_forced = !lead.is_empty();
        let text = match pieces(&lead).first() {
            Some(piece) => (*piece).to_owned(),
            None => self.memory.next(&[task.before.as_str(), &task.said].concat()),
        };
        task.said += &text;
        task.phase = Phase::Chosen(token(&text));
        task.usage.generated_tokens += 1;
        task.usage.forced_tokens += u32::from(is_forced);
        lock(&self.engine.counters).0.generated_tokens += 1;
        let piece = Piece { text, log_probability: -0.05, tokens: 1 };
        let stops = (task.request.stop)(&piece);
        let _ = task.events.send(Event::Piece(piece));
        let free = task.usage.generated_tokens - task.usage.forced_tokens;
        let is_late = task.prefilled.is_some_and(|since| since.elapsed() >= task.request.max_time);
        match stops {
            true => Step::Ended(Stop::StopRule),
            false if free >= task.request.max_tokens || is_late => Step::Ended(Stop::Limit),
            false => Step::More,
        }
    }

    /// One call of the model for a task; false where it was interrupted.
    async fn call(&mut self, id: u64, tokens: usize) -> bool {
        lock(&self.engine.counters).0.decode_calls += 1;
        let end = Instant::now() + cost(tokens);
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(end) => return true,
                () = self.engine.bell.notified() => {}
            }
            let began = Instant::now();
            let cancelled = self.tasks.iter().any(|task| task.id == id && task.is_cancelled());
            let lane = self.tasks.iter().find(|task| task.id == id).map(Task::lane);
            let waits = lock(&self.engine.inbox)
                .iter()
                .any(|task| Some(task.lane()) > lane || task.lane() == Lane::Completion);
            if cancelled || waits {
                tokio::time::sleep_until(end.min(began + RETURN)).await;
                if cancelled {
                    lock(&self.engine.counters).1.push(began.elapsed().as_secs_f64() * 1000.0);
                }
                return false;
            }
        }
    }
}

impl Task {
    fn lane(&self) -> Lane {
        if self.steer.is_urgent() { Lane::Completion } else { self.request.lane }
    }

    fn entry(&self) -> Entry {
        let ready = (self.phase == Phase::Prompted).then(|| (self.submitted + self.request.hold).into_std());
        Entry { lane: self.lane(), arrival: self.id, ready }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.get().is_some()
    }
}

/// In the anchored layout.
fn spell(fill: &Fill) -> Vec<Token> {
    let [separator, prefix, suffix, middle] = MARKS;
    let mut tokens = Vec::new();
    let mut text = |mark: Option<Token>, text: &str| {
        tokens.extend(mark);
        tokens.extend(pieces(text).into_iter().map(token));
    };
    for snippet in fill.snippets.iter() {
        text(Some(separator), &snippet.path);
        text(None, &snippet.text);
    }
    text(Some(separator), &fill.path);
    text(Some(prefix), &fill.head);
    text(Some(suffix), &fill.tail);
    text(Some(middle), &fill.typed);
    tokens
}

impl Backend for SimulatedEngine {
    fn generate(&self, request: Request) -> Generation {
        let id = {
            let mut next = lock(&self.next_id);
            *next += 1;
            *next
        };
        let (cancelled, steer) = (Cancelled::default(), Arc::<Steer>::default());
        let (events, receiver) = mpsc::unbounded_channel();
        lock(&self.inbox).push(Task {
            id,
            request,
            cancelled: cancelled.clone(),
            events,
            steer: steer.clone(),
            submitted: Instant::now(),
            phase: Phase::New,
            prompt: Vec::new(),
            before: String::new(),
            said: String::new(),
            slot: 0,
            chunk: CHUNK,
            usage: Usage::default(),
            prefilled: None,
        });
        self.bell.notify_one();
        let bell = self.bell.clone();
        let interrupt = Box::new(move || bell.notify_one());
        Generation::new(receiver, CancelOnDrop::new(cancelled, Some(interrupt))).steered(steer)
    }

    fn count_tokens(&self, text: &str) -> Option<usize> {
        Some(pieces(text).len())
    }

    fn watch(&self) -> watch::Receiver<ModelState> {
        self.state.subscribe()
    }

    fn stats(&self) -> EngineStats {
        let counters = lock(&self.counters);
        let tokens_per_second = self.speed();
        EngineStats { cancel_ms: counters.1.percentiles(), tokens_per_second, ..counters.0.clone() }
    }

    fn speed(&self) -> Speed {
        let per_second = |tokens: usize| tokens as f64 / cost(tokens).as_secs_f64();
        Speed { prompt: per_second(CHUNK), generate: per_second(1) }
    }

    fn cancel_load(&self) {}

    fn shutdown(&self) {}
}
