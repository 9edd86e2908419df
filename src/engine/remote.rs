//! A server of the person's own choice that answers in place of this machine: llama-server, vLLM, Ollama, LM Studio, a
//! cloud. Off unless their own settings name it; then code goes there, and nowhere else.
//!
//! Stands before the local engine as one more [`Backend`]: what is for the server is asked there, and where that fails
//! before the first text, the local model answers and is named. What goes wrong in the midst of an answer is said; half
//! an answer is none. Nothing is sent ahead of need, since what is sent is paid for, or takes a turn from somebody.
//!
//! A question on its way: `serve` (the thread, and the way back to the local model) → `ask` (again, where that helps) →
//! `server` (key, model, leave by `breaker`) → `question` (the body, as `profile` says) → `line` (the connection) → `sse`
//! → `answer` → `opening` → `writing`. `trouble` has the words for what went wrong, `secret` the key.
//!
//! This does *not* decide what is asked, keeps no answer and knows no document.

pub mod address;
mod answer;
mod ask;
mod breaker;
mod line;
mod opening;
mod profile;
mod question;
mod secret;
mod serve;
mod server;
mod sse;
mod state;
mod stats;
mod trouble;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Notify, mpsc, watch};

use crate::engine::{
    AnsweredBy, Backend, CancelOnDrop, Cancelled, EngineError, EngineStats, Event, Generation, Hold, Lane,
    ModelState, Request, Role, Speed, Stop, Usage,
};
use crate::prompt::Prompt;
pub use breaker::Health;
pub use secret::Source as Key;
use serve::{Detour, Job, Order};
use server::Server;
use state::States;
pub use stats::RemoteStats;

/// Bytes of a token, where no model counts: fewer than it has, so that the counts are too high.
const BYTES_A_TOKEN: usize = 3;

/// How a server is asked, as the settings have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub url: String,
    /// As the server calls it; none: the first that it lists.
    pub model: Option<String>,
    pub key: Key,
    pub when: When,
    /// Over http to the internet, too.
    pub allow_http: bool,
    /// Tokens of a question with its answer; none: as the server says.
    pub context_tokens: Option<u32>,
    pub patience: Patience,
}

/// What the server is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Edits and explanations: what somebody asks for by hand.
    #[default]
    Edits,
    /// And suggestions, as one types.
    All,
}

/// How long to wait, and how often to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// To find the server, to reach it and to send the question, each; and for what it says of itself.
    pub connect: Duration,
    /// Before the first text, of which the model may have much to read first.
    pub first: Duration,
    /// The same, of a suggestion.
    pub first_of_suggestion: Duration,
    /// Before more of it.
    pub between: Duration,
    /// For the command that prints the key.
    pub key: Duration,
    /// That a question is put, at most; twice for a suggestion.
    pub tries: u32,
    /// Before the second time; doubled before each further one.
    pub pause: Duration,
    pub longest_pause: Duration,
    /// Before a suggestion that nobody asked for by hand: while somebody types on, nothing is sent.
    pub hold: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self {
            connect: 10 * second,
            first: 120 * second,
            first_of_suggestion: 10 * second,
            between: 30 * second,
            key: 60 * second,
            tries: 4,
            pause: second / 2,
            longest_pause: 20 * second,
            hold: second / 10,
        }
    }
}

impl Patience {
    /// Before this question is sent.
    fn hold(&self, request: &Request) -> Duration {
        if request.hold.is_zero() { Duration::ZERO } else { self.hold.max(request.hold) }
    }
}

/// A server that was named: what is known of it, and the thread that asks it. Engines come and go before it; dropping the
/// last one ends it.
pub struct Remote {
    options: Options,
    /// None: what the settings say of it makes no server, which `stats` tells.
    server: Option<Arc<Server>>,
    stats: watch::Sender<RemoteStats>,
    orders: mpsc::UnboundedSender<Order>,
}

impl Remote {
    /// Returns at once, and asks the server what it is. What is wrong with the options is told by [`Backend::remote`],
    /// and the local model answers.
    pub fn start(options: Options) -> Arc<Self> {
        let stats = watch::Sender::new(RemoteStats { when: options.when, ..RemoteStats::default() });
        let (orders, taken) = mpsc::unbounded_channel();
        let started = Server::new(&options, stats.clone()).and_then(|server| {
            serve::start(taken).map_err(|error| format!("no thread can be started: {error}"))?;
            Ok(server)
        });
        if let Err(why) = &started {
            tracing::warn!("{why}");
            stats.send_modify(|stats| {
                stats.problem = Some(why.clone());
                stats.health = Health::Open;
            });
        }
        let server = started.ok();
        if let Some(leave) = server.as_ref().and_then(Server::leave) {
            let _ = orders.send(Order::Greet(leave));
        }
        Arc::new(Self { options, server, stats, orders })
    }

    /// How it is with the server, now and from now on.
    pub fn stats(&self) -> watch::Receiver<RemoteStats> {
        self.stats.subscribe()
    }

    /// An engine for a role that asks the server, and `local` where that does not answer.
    pub fn before(self: &Arc<Self>, local: Arc<dyn Backend>, role: Role) -> Arc<RemoteEngine> {
        let states = States::new(role, local.clone(), self.server.clone(), self.stats.clone(), &self.options);
        let stop = watch::Sender::new(false);
        // Nobody follows where nothing is asked: the local model's state is shown then.
        let _ = self.orders.send(Order::Follow(states.clone(), stop.subscribe()));
        Arc::new(RemoteEngine { role, remote: self.clone(), local, states, stop })
    }
}

/// See the module.
pub struct RemoteEngine {
    role: Role,
    remote: Arc<Remote>,
    local: Arc<dyn Backend>,
    states: States,
    /// Ends what this engine was asked.
    stop: watch::Sender<bool>,
}

impl RemoteEngine {
    /// By the local model, which is named.
    fn locally(&self, request: Request) -> Generation {
        let by = AnsweredBy::default();
        if let ModelState::Ready(card) = &*self.local.watch().borrow() {
            let _ = by.set(card.name.clone());
        }
        self.local.generate(request).answered_by(by)
    }

    /// By the local model, because the server is let alone. It may have to be loaded first: that the server would be let
    /// alone was perhaps not known when it was asked whether it will be needed.
    fn instead(&self, request: Request) -> Generation {
        self.remote.stats.send_modify(|stats| stats.fallbacks += 1);
        if matches!(&*self.local.watch().borrow(), ModelState::Ready(_)) {
            return self.locally(request);
        }
        let why = {
            let stats = self.remote.stats.borrow();
            stats.problem.clone().unwrap_or_else(|| format!("{} is tried just now", stats.server))
        };
        self.ordered(|events, by, cancel| {
            let (local, stop, usage) = (self.local.clone(), self.stop.subscribe(), Usage::default());
            Order::Detour(Box::new(Detour { request, why, usage, local, events, by, cancel, stop }))
        })
    }

    /// What the thread answers that asks the server.
    fn ordered(
        &self,
        order: impl FnOnce(mpsc::UnboundedSender<Event>, AnsweredBy, Arc<Notify>) -> Order,
    ) -> Generation {
        let (events, receiver) = mpsc::unbounded_channel();
        let (by, cancel) = (AnsweredBy::default(), Arc::new(Notify::new()));
        if self.remote.orders.send(order(events, by.clone(), cancel.clone())).is_err() {
            return Generation::failed(EngineError::Stopped);
        }
        let interrupt = Box::new(move || cancel.notify_one());
        Generation::new(receiver, CancelOnDrop::new(Cancelled::default(), Some(interrupt))).answered_by(by)
    }
}

impl Backend for RemoteEngine {
    fn generate(&self, request: Request) -> Generation {
        if *self.stop.borrow() {
            return Generation::failed(EngineError::Stopped);
        }
        let is_for_it = request.told.is_none()
            && (self.remote.options.when == When::All || matches!(request.prompt, Prompt::Instruct(_)));
        let Some(server) = self.remote.server.as_ref().filter(|_| is_for_it) else {
            return self.locally(request);
        };
        if matches!(request.lane, Lane::Warm | Lane::Ahead) || request.max_tokens == 0 {
            return if server.health() == Health::Closed { unsent() } else { self.locally(request) };
        }
        self.remote.stats.send_modify(|stats| stats.asked += 1);
        let Some(leave) = server.leave() else {
            return self.instead(request);
        };
        self.ordered(|events, by, cancel| {
            let (local, stop) = (self.local.clone(), self.stop.subscribe());
            Order::Ask(Box::new(Job { request, leave, local, events, by, cancel, stop }))
        })
    }

    /// By the local model, for nobody else counts here; they are near enough.
    fn count_tokens(&self, text: &str) -> Option<usize> {
        self.local.count_tokens(text).or_else(|| Some(text.len().div_ceil(BYTES_A_TOKEN)))
    }

    fn watch(&self) -> watch::Receiver<ModelState> {
        self.states.watch()
    }

    fn remote(&self) -> Option<watch::Receiver<RemoteStats>> {
        Some(self.remote.stats())
    }

    fn stats(&self) -> EngineStats {
        self.local.stats()
    }

    fn speed(&self) -> Speed {
        self.local.speed()
    }

    fn cancel_load(&self) {
        self.local.cancel_load();
    }

    /// What this engine was asked ends; the server and its thread stay for others.
    fn shutdown(&self) {
        self.stop.send_replace(true);
        self.local.shutdown();
    }

    fn coming(&self) -> watch::Receiver<ModelState> {
        self.local.coming()
    }

    /// A local model that would only stand in for the server is loaded when it has to.
    fn hold(&self) -> Hold {
        let is_for_it = self.remote.options.when == When::All || self.role == Role::Edit;
        match &self.remote.server {
            Some(server) if is_for_it && server.health() != Health::Open => Hold::default(),
            _ => self.local.hold(),
        }
    }

    fn retire(&self, prompt: Prompt) {
        self.local.retire(prompt);
    }
}

/// What is not sent.
fn unsent() -> Generation {
    let (events, receiver) = mpsc::unbounded_channel();
    let _ = events.send(Event::End { stop: Stop::Cancelled, usage: Usage::default() });
    Generation::new(receiver, CancelOnDrop::new(Cancelled::default(), None))
}
