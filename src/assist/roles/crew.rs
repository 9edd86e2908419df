//! Who sees to the seats: loads what is needed, makes room for it, and lets go what nobody needs. One task, one thing
//! after the other, so that no two loads count on the same memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::room::make_room;
use super::seat::{Seat, Started};
use super::{Maker, Orders, Roles, Weight, Wish, Word, is_settled};
use crate::engine::{ModelState, Role};
use crate::threads::{lock, off_the_runtime};

/// See the module.
pub struct Crew {
    fill: Arc<Seat>,
    edit: Arc<Seat>,
    orders: Arc<Mutex<Option<Orders>>>,
    maker: Arc<dyn Maker>,
    words: mpsc::UnboundedReceiver<Word>,
    /// Heard while something else was done.
    backlog: VecDeque<Word>,
    /// What was wanted when it was begun to be loaded.
    aim: Option<Wish>,
}

/// Why nothing was loaded.
enum Unloaded {
    Failed(String),
    /// Something else is wanted by now.
    Outdated,
}

impl Crew {
    pub fn new(roles: &Roles, maker: Arc<dyn Maker>, words: mpsc::UnboundedReceiver<Word>) -> Self {
        let (fill, edit, orders) = (roles.fill.clone(), roles.edit.clone(), roles.orders.clone());
        Self { fill, edit, orders, maker, words, backlog: VecDeque::new(), aim: None }
    }

    /// Works until it is told to stop. `first`: what is on its way for completions.
    pub async fn run(mut self, first: Option<Started>) {
        if let Some(started) = first {
            self.aim = self.wanted(Role::Fill);
            let settled = self.settle(Role::Fill, started).await;
            self.tell(Role::Fill, settled);
        }
        loop {
            let word = match self.backlog.pop_front() {
                Some(word) => word,
                None => {
                    let idle_at = self.idle_at();
                    tokio::select! {
                        word = self.words.recv() => word.unwrap_or(Word::Stop),
                        () = sleep_until(idle_at) => {
                            self.let_go_idle();
                            continue;
                        }
                    }
                }
            };
            match word {
                Word::Stop => return,
                // It may have come to be what was wanted, and wanted again, before this was heard.
                Word::Load(role) if self.is_as_wanted(role) => self.seat(role).expect_nothing(),
                Word::Load(role) => self.load(role).await,
                Word::Wake(role) if !self.seat(role).is_there() => self.load(role).await,
                Word::Wake(_) => {}
                Word::Share => {
                    if let Some(engine) = self.edit.vacate(ModelState::Unloaded) {
                        self.edit.let_go(engine);
                    }
                    self.edit.expect_nothing();
                }
                Word::Reload => self.reload().await,
                Word::Look => self.keep_to_memory(),
            }
        }
    }

    fn seat(&self, role: Role) -> &Arc<Seat> {
        match role {
            Role::Fill => &self.fill,
            Role::Edit => &self.edit,
        }
    }

    fn wanted(&self, role: Role) -> Option<Wish> {
        lock(&self.orders).as_ref()?.wish(role).cloned()
    }

    fn is_as_wanted(&self, role: Role) -> bool {
        let serving = self.seat(role).serving().map(|serving| serving.wish);
        serving.is_some() && serving == self.wanted(role)
    }

    /// When the model for edits has been idle for long enough; none where it stays.
    fn idle_at(&self) -> Option<Instant> {
        let after = lock(&self.orders).as_ref()?.idle?;
        (self.edit.is_there() && !self.edit.is_shared()).then(|| self.edit.holds().used() + after)
    }

    fn let_go_idle(&self) {
        // It may have been needed since.
        if self.idle_at().is_some_and(|at| at <= Instant::now())
            && let Some(engine) = self.edit.vacate_if_free(ModelState::Unloaded)
        {
            tracing::info!("the model for edits was not needed for a while and is let go");
            self.edit.let_go(engine);
            self.edit.expect_nothing();
        }
    }

    /// Where models may take less than they do, that for edits goes, unless somebody waits for it: it is the first to be
    /// done without.
    fn keep_to_memory(&self) {
        let set = lock(&self.orders).as_ref().and_then(|orders| orders.memory);
        let taken = self.fill.bytes().saturating_add(self.edit.bytes());
        if set.is_some_and(|set| taken > set)
            && let Some(engine) = self.edit.vacate_if_free(ModelState::Unloaded)
        {
            self.edit.let_go(engine);
            self.edit.expect_nothing();
        }
    }

    /// Loads again what was replaced on the disk, and what could not be loaded.
    async fn reload(&mut self) {
        for role in [Role::Fill, Role::Edit] {
            let seat = self.seat(role).clone();
            let looking = seat.clone();
            let is_outdated = off_the_runtime(move || looking.is_outdated()).await.unwrap_or(false);
            let has_failed = matches!(seat.own_state(), Some(ModelState::Failed(_)));
            if is_outdated || has_failed {
                self.load(role).await;
            }
        }
    }

    /// Loads what is wanted for a role; where that fails and the one before had to make room for it, that one again.
    async fn load(&mut self, role: Role) {
        let Some(wish) = self.wanted(role) else { return };
        self.aim = Some(wish.clone());
        let before = self.seat(role).serving().map(|serving| serving.wish);
        let loaded = self.try_to_load(role, wish.clone()).await;
        let has_nobody = !self.seat(role).is_there();
        if let (Err(Unloaded::Failed(_)), Some(before)) = (&loaded, before.filter(|_| has_nobody))
            && self.try_to_load(role, before).await.is_err()
        {
            tracing::warn!("the model that made room could not be loaded again");
        }
        self.tell(role, loaded);
    }

    /// What a person is told of a load.
    fn tell(&self, role: Role, loaded: Result<(), Unloaded>) {
        match loaded {
            Ok(()) => {}
            Err(Unloaded::Failed(why)) => self.seat(role).fail(why),
            // Whoever is wanted now is seen to next. Where that is who serves, nothing is.
            Err(Unloaded::Outdated) => {
                if self.is_as_wanted(role) || self.wanted(role).is_none() {
                    self.seat(role).expect_nothing();
                }
            }
        }
    }

    async fn try_to_load(&mut self, role: Role, wish: Wish) -> Result<(), Unloaded> {
        let seat = self.seat(role).clone();
        seat.expect_another();
        // Who goes first where there is no room: for completions the model for edits, for edits the one before.
        let other = match role {
            Role::Fill => self.edit.clone(),
            Role::Edit => self.fill.clone(),
        };
        let mut present = vec![(seat.clone(), seat.bytes()), (other.clone(), other.bytes())];
        present.retain(|(seat, _)| seat.is_there());
        if role == Role::Fill {
            present.reverse();
        }
        let taken = present.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes));
        let set = lock(&self.orders).as_ref().and_then(|orders| orders.memory);
        let (maker, weighed) = (self.maker.clone(), wish.clone());
        let weighing = off_the_runtime(move || {
            let total = maker.free_memory().map(|free| free.saturating_add(taken));
            let total = [total, set].into_iter().flatten().min();
            (total, maker.weigh(&weighed, total))
        });
        let (total, weight) = weighing.await.map_err(|_| internal())?;
        let Weight { fair } = weight.map_err(Unloaded::Failed)?;
        let bytes: Vec<u64> = present.iter().map(|(_, bytes)| *bytes).collect();
        let (gone, limit) = make_room(total, fair, &bytes);
        for (victim, _) in present.iter().take(gone) {
            let is_old = Arc::ptr_eq(victim, &seat);
            self.clear(victim, if is_old { BEGINNING } else { ModelState::Unloaded }, role).await?;
        }
        let (maker, wanted) = (self.maker.clone(), wish.clone());
        let starting = off_the_runtime(move || maker.start(&wanted, limit));
        let engine = starting.await.map_err(|_| internal())?;
        match seat.begin(engine, wish) {
            Some(started) => self.settle(role, started).await,
            None => Ok(()),
        }
    }

    /// Has a seat's engine answer what it was asked, and stop, for as long as what comes after it is wanted.
    async fn clear(&mut self, victim: &Arc<Seat>, then: ModelState, role: Role) -> Result<(), Unloaded> {
        // An action may ask twice: who needs the model is not left without it.
        let engine = loop {
            let holds = victim.holds().clone();
            self.unless_outdated(role, holds.until_free()).await?;
            match victim.vacate_if_free(then.clone()) {
                Some(engine) => break engine,
                None if !victim.is_there() => return Ok(()),
                None => {}
            }
        };
        let seat = victim.clone();
        // NB: it goes on where nobody waits for it any more.
        let finishing = tokio::task::spawn_blocking(move || seat.finish(&engine));
        if self.unless_outdated(role, finishing).await?.is_err() {
            tracing::error!("an engine could not be stopped");
        }
        Ok(())
    }

    /// Waits until an engine serves, or does not.
    async fn settle(&mut self, role: Role, started: Started) -> Result<(), Unloaded> {
        let seat = self.seat(role).clone();
        let mut states = started.engine.watch();
        let mut is_outdated = false;
        loop {
            let state = states.borrow_and_update().clone();
            if !is_settled(&state) {
                seat.show_loading(&state);
            }
            match state {
                ModelState::Ready(_) => {
                    if let Some(old) = seat.install(started) {
                        seat.let_go(old);
                    }
                    return Ok(());
                }
                ModelState::Failed(why) => {
                    if let Some(engine) = seat.give_up() {
                        seat.let_go(engine);
                    }
                    return Err(if is_outdated { Unloaded::Outdated } else { Unloaded::Failed(why) });
                }
                ModelState::Loading { .. } | ModelState::Unloaded => {}
            }
            tokio::select! {
                changed = states.changed() => {
                    if changed.is_err() {
                        return Err(internal());
                    }
                }
                word = self.words.recv() => {
                    let stops = self.note(word);
                    if stops || self.wanted(role) != self.aim {
                        is_outdated = true;
                        started.engine.cancel_load();
                    }
                    if stops {
                        return Err(Unloaded::Outdated);
                    }
                }
            }
        }
    }

    /// Waits for something, unless what it is for is no longer wanted.
    async fn unless_outdated<T>(
        &mut self,
        role: Role,
        waited: impl Future<Output = T>,
    ) -> Result<T, Unloaded> {
        tokio::pin!(waited);
        loop {
            tokio::select! {
                done = &mut waited => return Ok(done),
                word = self.words.recv() => {
                    if self.note(word) || self.wanted(role) != self.aim {
                        return Err(Unloaded::Outdated);
                    }
                }
            }
        }
    }

    /// Keeps a word for later; whether it is the last one.
    fn note(&mut self, word: Option<Word>) -> bool {
        let word = word.unwrap_or(Word::Stop);
        let stops = matches!(word, Word::Stop);
        self.backlog.push_back(word);
        stops
    }
}

const BEGINNING: ModelState = ModelState::Loading { fraction: 0.0 };

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn internal() -> Unloaded {
    Unloaded::Failed("the engine ended before the model was loaded; the log has it".to_owned())
}
