//! A backend that says what it is told: for tests of the edges above it. Never part of a session.
//!
//! It counts a token for every four bytes, honours `hold`, the stop rule, limits and cancellation, and can be
//! told to wait before each piece, to stay loading, or to fail.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::engine::{
    Backend, CancelOnDrop, Cancelled, EngineError, EngineStats, Event, Generation, Lane, ModelCard,
    ModelState, Piece, Request, Speed, Stop, Usage,
};
use crate::prompt::{Fill, Instruct, Prompt};

/// What the backend says to the next request: each piece one "token".
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub pieces: Vec<String>,
    /// Before each piece.
    pub delay: Duration,
    pub log_probability: f32,
    pub error: Option<EngineError>,
}

impl Script {
    /// Says `text` in pieces of about four bytes, confidently and at once.
    pub fn text(text: &str) -> Self {
        let mut pieces = vec![String::new()];
        for c in text.chars() {
            if pieces.last().is_some_and(|piece| piece.len() >= 4) {
                pieces.push(String::new());
            }
            pieces.last_mut().expect("never empty").push(c);
        }
        Self { pieces, log_probability: -0.05, ..Self::default() }
    }

    pub fn slowly(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// See the module.
pub struct ScriptedBackend {
    state: watch::Sender<ModelState>,
    scripts: Mutex<VecDeque<Script>>,
    always: Mutex<Option<Script>>,
    prompts: Mutex<Vec<Prompt>>,
    idle: Mutex<Idle>,
    stats: Arc<Mutex<EngineStats>>,
    stopped: Arc<AtomicBool>,
    /// Takes nothing new.
    finishing: AtomicBool,
}

/// What is asked while nobody asks.
#[derive(Default)]
struct Idle {
    warmed: Vec<Fill>,
    ahead: Vec<Fill>,
    scripts: VecDeque<Script>,
}

impl Default for ScriptedBackend {
    fn default() -> Self {
        let card = ModelCard {
            name: "scripted".into(),
            path: "scripted".into(),
            parameters: 0,
            context_tokens: 2048,
            threads: 1,
            device: "none".into(),
            model_bytes: 0,
            kv_bytes: 0,
            fills: true,
            quotes: true,
            chats: true,
            notice: None,
            shortfall: None,
        };
        Self {
            state: watch::Sender::new(ModelState::Ready(Arc::new(card))),
            scripts: Mutex::default(),
            always: Mutex::default(),
            prompts: Mutex::default(),
            idle: Mutex::default(),
            stats: Arc::default(),
            stopped: Arc::default(),
            finishing: AtomicBool::new(false),
        }
    }
}

impl ScriptedBackend {
    /// Says this to one later request; scripts are used in order.
    pub fn say(&self, script: Script) {
        self.scripts.lock().expect("not poisoned").push_back(script);
    }

    /// Says this whenever no script is left.
    pub fn always(&self, script: Script) {
        *self.always.lock().expect("not poisoned") = Some(script);
    }

    /// As if it had been found to read and write so fast.
    pub fn set_speed(&self, speed: Speed) {
        self.stats.lock().expect("not poisoned").tokens_per_second = speed;
    }

    pub fn set_state(&self, state: ModelState) {
        self.state.send_replace(state);
    }

    /// The fills that were asked for so far.
    pub fn prompts(&self) -> Vec<Fill> {
        let prompts = self.prompts.lock().expect("not poisoned");
        let fills = prompts.iter().filter_map(|prompt| match prompt {
            Prompt::Fill(fill) => Some(fill.clone()),
            Prompt::Instruct(_) => None,
        });
        fills.collect()
    }

    /// The instructions that were given so far.
    pub fn instructs(&self) -> Vec<Instruct> {
        let prompts = self.prompts.lock().expect("not poisoned");
        let instructs = prompts.iter().filter_map(|prompt| match prompt {
            Prompt::Fill(_) => None,
            Prompt::Instruct(instruct) => Some(instruct.clone()),
        });
        instructs.collect()
    }

    /// What was read to be warm.
    pub fn warmed(&self) -> Vec<Fill> {
        self.idle.lock().expect("not poisoned").warmed.clone()
    }

    /// What was asked ahead of need.
    pub fn ahead(&self) -> Vec<Fill> {
        self.idle.lock().expect("not poisoned").ahead.clone()
    }

    /// Says these ahead of need, in order; then nothing.
    pub fn say_ahead(&self, script: Script) {
        self.idle.lock().expect("not poisoned").scripts.push_back(script);
    }

    /// Notes a request, and chooses what is said to it. What is done while nothing is asked for takes no part in what
    /// is: it may come at any time.
    fn script(&self, request: &Request) -> Script {
        let mut idle = self.idle.lock().expect("not poisoned");
        match (&request.prompt, request.lane) {
            (Prompt::Fill(fill), Lane::Warm) => {
                idle.warmed.push(fill.clone());
                return Script::default();
            }
            (Prompt::Fill(fill), Lane::Ahead) => {
                idle.ahead.push(fill.clone());
                return idle.scripts.pop_front().unwrap_or_default();
            }
            _ => {}
        }
        self.prompts.lock().expect("not poisoned").push(request.prompt.clone());
        let script = self.scripts.lock().expect("not poisoned").pop_front();
        script.or_else(|| self.always.lock().expect("not poisoned").clone()).unwrap_or_default()
    }
}

impl Backend for ScriptedBackend {
    fn generate(&self, request: Request) -> Generation {
        if self.stopped.load(Ordering::SeqCst) || self.finishing.load(Ordering::SeqCst) {
            return Generation::failed(EngineError::Stopped);
        }
        match &*self.state.borrow() {
            ModelState::Ready(_) => {}
            ModelState::Unloaded => return Generation::failed(EngineError::NotLoaded),
            ModelState::Loading { .. } => return Generation::failed(EngineError::Loading),
            ModelState::Failed(why) => return Generation::failed(EngineError::LoadFailed(why.clone())),
        }
        let script = self.script(&request);
        let cancelled = Cancelled::default();
        let (events, receiver) = mpsc::unbounded_channel();
        let stopped = self.stopped.clone();
        tokio::spawn(speak(script, request, cancelled.clone(), stopped, events, self.stats.clone()));
        Generation::new(receiver, CancelOnDrop::new(cancelled, None))
    }

    fn count_tokens(&self, text: &str) -> Option<usize> {
        matches!(*self.state.borrow(), ModelState::Ready(_)).then(|| text.len().div_ceil(4))
    }

    fn watch(&self) -> watch::Receiver<ModelState> {
        self.state.subscribe()
    }

    fn stats(&self) -> EngineStats {
        self.stats.lock().expect("not poisoned").clone()
    }

    fn cancel_load(&self) {
        self.set_state(ModelState::Failed("loading was cancelled".into()));
    }

    fn shutdown(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// What was asked goes on; nobody waits for it here.
    fn finish(&self) {
        self.finishing.store(true, Ordering::SeqCst);
    }
}

async fn speak(
    script: Script,
    mut request: Request,
    cancelled: Cancelled,
    stopped: Arc<AtomicBool>,
    events: mpsc::UnboundedSender<Event>,
    stats: Arc<Mutex<EngineStats>>,
) {
    tokio::time::sleep(request.hold).await;
    let prompt_bytes = match &request.prompt {
        Prompt::Fill(fill) => fill.head.len() + fill.typed.len() + fill.tail.len(),
        Prompt::Instruct(said) => said.system.len() + said.user.len() + said.prefill.len(),
    };
    let prompt_tokens = prompt_bytes.div_ceil(4) as u32;
    let mut usage = Usage { prompt_tokens, evaluated_tokens: prompt_tokens, ..Usage::default() };
    {
        let mut stats = stats.lock().expect("not poisoned");
        stats.prompt_tokens += u64::from(prompt_tokens);
        stats.evaluated_tokens += u64::from(prompt_tokens);
    }
    if let Some(error) = script.error {
        let _ = events.send(Event::Failed(error));
        return;
    }
    let mut stop = Stop::EndOfText;
    for text in script.pieces {
        if !script.delay.is_zero() {
            tokio::time::sleep(script.delay).await;
        }
        if cancelled.get().is_some() || stopped.load(Ordering::SeqCst) {
            stop = Stop::Cancelled;
            break;
        }
        if usage.generated_tokens == request.max_tokens {
            stop = Stop::Limit;
            break;
        }
        usage.generated_tokens += 1;
        {
            let mut stats = stats.lock().expect("not poisoned");
            stats.generated_tokens += 1;
            stats.decode_calls += 1;
        }
        let piece = Piece { text, log_probability: script.log_probability, tokens: 1 };
        let stops = (request.stop)(&piece);
        let _ = events.send(Event::Piece(piece));
        if stops {
            stop = Stop::StopRule;
            break;
        }
    }
    let _ = events.send(Event::End { stop, usage });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sample::Sampling;

    #[tokio::test]
    async fn instructions_are_remembered_beside_fills() {
        let backend = ScriptedBackend::default();
        backend.say(Script::text("fn answer"));
        let said = Instruct { system: "S".into(), user: "User".into(), ..Instruct::default() };
        let mut generation = backend.generate(Request {
            prompt: Prompt::Instruct(said.clone()),
            lane: Lane::Action,
            sampling: Sampling::default(),
            max_tokens: 9,
            max_time: Duration::from_secs(9),
            hold: Duration::ZERO,
            stop: Box::new(|_| false),
            told: None,
            precedents: Vec::new(),
        });
        let mut text = String::new();
        let usage = loop {
            match generation.next().await.expect("an end") {
                Event::Piece(piece) => text += &piece.text,
                Event::End { usage, .. } => break usage,
                Event::Failed(error) => panic!("{error}"),
            }
        };
        assert_eq!((text.as_str(), usage.prompt_tokens), ("fn answer", 2));
        assert_eq!((backend.instructs(), backend.prompts()), (vec![said], vec![]));
    }
}
