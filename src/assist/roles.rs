//! Which model answers what: one for completions, one for edits and explanations, or one for both, in one memory budget.
//!
//! A [`Seat`] is what the rest of the program asks: a backend whose engine comes and goes. The model for completions is
//! loaded at the start; that for edits when the first edit is asked for, and let go when none was for a while. Where
//! both do not fit into the memory, the one that is needed takes the other's place, which is loaded again when it is
//! needed. New settings lead to a new engine beside the old one, which answers until the new one is ready; where the
//! memory does not allow both, the old one answers what it was asked and goes first. A model that cannot be loaded
//! leaves the old one where it is.
//!
//! What is to be done is decided in one place (`crew`), one thing after the other; what comes of it is told in another
//! ([`News`]). How two engines share the cores is `engine::cores`'s. Does *not* make engines: a [`Maker`] does.

mod crew;
mod holds;
mod room;
mod seat;
mod server;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::config::{EditModel, KvCache, ModelSettings, Parts, RemoteSettings, Settings};
use crate::engine::remote::RemoteEngine;
use crate::engine::{Backend, ModelCard, Role};
use crate::models::{fit, hardware};
use crate::threads::lock;
pub use seat::Seat;
pub use server::server;

/// All that an engine is made by. Two that are equal are one engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub role: Role,
    /// With the path or the name of this role's model; what is about both roles is left out.
    pub model: ModelSettings,
    pub parts: Parts,
    /// The project, where what was read of it is to be kept.
    pub root: Option<PathBuf>,
}

/// Bytes of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// The least that a model is worth loading with, beside another one.
    pub fair: u64,
}

/// Makes engines, and knows the memory that they take. All may block, and are called off the runtime but for the first
/// `start`.
pub trait Maker: Send + Sync {
    /// What a model takes that may have `total` bytes at most; the error is a sentence that says why it cannot be loaded.
    fn weigh(&self, _wish: &Wish, _total: Option<u64>) -> Result<Weight, String> {
        Ok(Weight::default())
    }

    /// Bytes of memory that models may take beside what is taken now; none: nobody says.
    fn free_memory(&self) -> Option<u64> {
        hardware::available_memory().map(fit::budget)
    }

    /// Starts an engine that takes so many bytes at most, and returns at once.
    fn start(&self, wish: &Wish, limit: Option<u64>) -> Arc<dyn Backend>;
}

impl<F> Maker for F
where
    F: Fn(&Wish, Option<u64>) -> Arc<dyn Backend> + Send + Sync,
{
    fn start(&self, wish: &Wish, limit: Option<u64>) -> Arc<dyn Backend> {
        self(wish, limit)
    }
}

/// What the settings say.
#[derive(Clone, Debug, PartialEq)]
struct Orders {
    fill: Wish,
    /// None: the same as for completions.
    edit: Option<Wish>,
    /// Bytes, all models together.
    memory: Option<u64>,
    /// How long a model for edits that nobody needs stays; none: for ever.
    idle: Option<Duration>,
}

/// What the crew is told.
enum Word {
    /// The orders for a role have changed, or it is to be loaded whether it is needed or not.
    Load(Role),
    /// A model is needed and is not there.
    Wake(Role),
    /// The model for edits is that for completions now.
    Share,
    /// Files may have been replaced.
    Reload,
    /// What models may take, or how long they stay, has changed.
    Look,
    Stop,
}

/// What came of a load, for the person. States follow each other, and who looks late has missed some: each of these is
/// told, once.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// It answers from now on.
    Ready(Arc<ModelCard>),
    Failed {
        role: Role,
        /// A sentence that says what was found, where, and what to do.
        why: String,
        /// The name of who goes on answering, where somebody does.
        kept: Option<String>,
    },
}

/// Both seats, and who sees to them. Dropping it stops their engines.
pub struct Roles {
    fill: Arc<Seat>,
    edit: Arc<Seat>,
    /// None before the launch. NB: what a seat expects is changed and looked at under its lock, so that it is always
    /// what the orders say.
    orders: watch::Sender<Option<Orders>>,
    words: mpsc::UnboundedSender<Word>,
    /// Taken by the launch.
    heard: Mutex<Option<mpsc::UnboundedReceiver<Word>>>,
    /// Taken by who tells the person.
    news: Mutex<Option<mpsc::UnboundedReceiver<News>>>,
    /// Before the seats, where the person has named a server.
    before: Mutex<Vec<Arc<RemoteEngine>>>,
}

impl Roles {
    /// Seats that say "loading" until the launch: documents arrive before it is known which model to load.
    pub fn new() -> Arc<Self> {
        let (words, heard) = mpsc::unbounded_channel();
        let (telling, news) = mpsc::unbounded_channel();
        let fill = Arc::new(Seat::new(Role::Fill, words.clone(), telling.clone()));
        let edit = Arc::new(Seat::new(Role::Edit, words.clone(), telling));
        edit.share(Some(fill.clone()));
        let (heard, news) = (Mutex::new(Some(heard)), Mutex::new(Some(news)));
        Arc::new(Self {
            fill,
            edit,
            orders: watch::Sender::default(),
            words,
            heard,
            news,
            before: Mutex::default(),
        })
    }

    /// Starts the model for completions; once, inside the runtime. A model that is ready at once is so when this returns.
    pub fn launch(&self, maker: Arc<dyn Maker>, settings: &Settings) {
        let Some(heard) = lock(&self.heard).take() else { return };
        let orders = Orders::of(settings);
        self.edit.share(orders.edit.is_none().then(|| self.fill.clone()));
        let (wish, memory) = (orders.fill.clone(), orders.memory);
        self.orders.send_replace(Some(orders));
        let limit = [maker.free_memory(), memory].into_iter().flatten().min();
        let engine = maker.start(&wish, limit);
        let crew = crew::Crew::new(self, maker, heard, wish.clone());
        let first = self.fill.begin(engine, wish).and_then(|started| crew.welcome(started));
        tokio::spawn(crew.run(first));
    }

    /// Waits for the launch.
    pub async fn launched(&self) {
        // The sender is ours.
        let _ = self.orders.subscribe().wait_for(Option::is_some).await;
    }

    /// Takes new settings, and does what differs: in the background, so that this returns at once. What is loaded goes on
    /// answering until what takes its place is ready.
    pub fn apply(&self, settings: &Settings) {
        let new = Orders::of(settings);
        self.orders.send_if_modified(|orders| {
            // Before the launch there is nothing to change.
            let Some(orders) = orders.as_mut() else { return false };
            let old = std::mem::replace(orders, new);
            self.turn_to(&old, orders);
            old != *orders
        });
    }

    fn turn_to(&self, old: &Orders, new: &Orders) {
        if (old.memory, old.idle) != (new.memory, new.idle) {
            self.tell(Word::Look);
        }
        if old.fill != new.fill {
            self.fill.expect_another();
            self.tell(Word::Load(Role::Fill));
        }
        match (&old.edit, &new.edit) {
            (old, new) if old == new => {}
            (_, None) => {
                self.edit.share(Some(self.fill.clone()));
                self.tell(Word::Share);
            }
            (_, Some(_)) => {
                self.edit.share(None);
                // One that is not needed now is loaded when it is.
                if self.edit.is_there() || self.edit.is_loading() {
                    self.edit.expect_another();
                    self.tell(Word::Load(Role::Edit));
                } else {
                    self.edit.forget_failure();
                }
            }
        }
    }

    /// Looks whether the files of what is loaded were replaced, and tries again what could not be loaded.
    pub fn reload(&self) {
        self.tell(Word::Reload);
    }

    /// Loads a role's model now, needed or not; one that could not be loaded is tried again.
    pub fn wake(&self, role: Role) {
        let orders = self.orders.borrow();
        let seat = self.seat(role);
        let is_of_its_own = orders.as_ref().is_some_and(|orders| orders.wish(role).is_some());
        if is_of_its_own && (seat.has_failed() || (!seat.is_there() && !seat.is_loading())) {
            seat.expect_another();
            self.tell(Word::Load(role));
        }
    }

    /// What comes of loads from now on, and what has come of them; none where it was taken before.
    pub fn news(&self) -> Option<mpsc::UnboundedReceiver<News>> {
        lock(&self.news).take()
    }

    /// What is asked for completions.
    pub fn fill(&self) -> Arc<Seat> {
        self.fill.clone()
    }

    /// What is asked for edits and explanations.
    pub fn edit(&self) -> Arc<Seat> {
        self.edit.clone()
    }

    pub fn seat(&self, role: Role) -> &Arc<Seat> {
        match role {
            Role::Fill => &self.fill,
            Role::Edit => &self.edit,
        }
    }

    /// Who is asked for completions, and who for edits and explanations: the seats, behind the server that the person
    /// has named, if any. Called once.
    pub fn asked(&self, remote: &RemoteSettings) -> (Arc<dyn Backend>, Arc<dyn Backend>) {
        let Some(server) = server(remote) else { return (self.fill(), self.edit()) };
        let fill = server.before(self.fill(), Role::Fill);
        let edit = server.before(self.edit(), Role::Edit);
        lock(&self.before).extend([fill.clone(), edit.clone()]);
        (fill, edit)
    }

    /// Stops all engines and joins them; blocks.
    pub fn shutdown(&self) {
        self.tell(Word::Stop);
        for engine in &*lock(&self.before) {
            engine.shutdown();
        }
        self.edit.shutdown();
        self.fill.shutdown();
    }

    fn tell(&self, word: Word) {
        // Where nobody listens any more all has ended.
        let _ = self.words.send(word);
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        self.tell(Word::Stop);
    }
}

impl Orders {
    fn of(settings: &Settings) -> Self {
        let model = &settings.model;
        let minutes = model.edit.idle_minutes;
        Self {
            fill: Wish::of(settings, Role::Fill),
            edit: Some(Wish::of(settings, Role::Edit)).filter(|wish| wish.role == Role::Edit),
            memory: model.memory_mb.map(|megabytes| u64::from(megabytes) * 1_000_000),
            idle: (minutes > 0).then(|| Duration::from_secs(60 * u64::from(minutes))),
        }
    }

    fn wish(&self, role: Role) -> Option<&Wish> {
        match role {
            Role::Fill => Some(&self.fill),
            Role::Edit => self.edit.as_ref(),
        }
    }
}

impl Wish {
    /// What settings say of a role's model. Where they name none for edits, it is that for completions.
    pub fn of(settings: &Settings, role: Role) -> Self {
        let EditModel { path, name, .. } = settings.model.edit.clone();
        let model = ModelSettings { edit: EditModel::default(), memory_mb: None, ..settings.model.clone() };
        let root = settings.root.clone().filter(|_| model.kv_cache == KvCache::Disk);
        let fill = Self { role: Role::Fill, model, parts: settings.parts.clone(), root };
        let is_named = path.is_some() || name.is_some();
        let name = name.filter(|name| name != BUILT_IN);
        let is_another = (&path, &name) != (&fill.model.path, &fill.model.name);
        if role == Role::Fill || !is_named || !is_another {
            return fill;
        }
        // What was read for an edit is nothing to come back to the next day.
        let model = ModelSettings { path, name, kv_cache: KvCache::Memory, ..fill.model };
        Self { role: Role::Edit, model, root: None, ..fill }
    }
}

/// The name of the model in the binary, where one is to be named.
pub const BUILT_IN: &str = "builtin";

#[cfg(test)]
mod tests;
