//! Who sees to the seats: loads what is needed, makes room for it, and lets go what nobody needs. One task, one thing
//! after the other, so that no two loads count on the same memory.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::room::make_room;
use super::seat::{BEGINNING, Seat, Started};
use super::{Maker, Orders, Roles, Weight, Wish, Word};
use crate::engine::{ModelState, Role};
use crate::threads::off_the_runtime;

/// See the module.
pub struct Crew {
    fill: Arc<Seat>,
    edit: Arc<Seat>,
    orders: watch::Sender<Option<Orders>>,
    maker: Arc<dyn Maker>,
    words: mpsc::UnboundedReceiver<Word>,
    /// Heard while something else was done.
    backlog: VecDeque<Word>,
    /// What was wanted when it was begun to be loaded.
    aim: Wish,
}

/// Why nothing was loaded.
enum Unloaded {
    Failed(String),
    /// Something else is wanted by now.
    Outdated,
}

/// What has come of an engine on its way.
enum Look {
    Coming(Box<Started>),
    Settled(Result<(), Unloaded>),
}

impl Crew {
    /// `aim`: what is loaded for completions, to begin with.
    pub fn new(
        roles: &Roles,
        maker: Arc<dyn Maker>,
        words: mpsc::UnboundedReceiver<Word>,
        aim: Wish,
    ) -> Self {
        let (fill, edit, orders) = (roles.fill.clone(), roles.edit.clone(), roles.orders.clone());
        Self { fill, edit, orders, maker, words, backlog: VecDeque::new(), aim }
    }

    /// Shows what has come of the first engine by now; gives it back where it is still on its way.
    pub fn welcome(&self, started: Started) -> Option<Started> {
        match self.look(Role::Fill, started) {
            Look::Coming(started) => Some(*started),
            Look::Settled(settled) => {
                self.tell(Role::Fill, settled);
                None
            }
        }
    }

    /// Works until it is told to stop. `first`: what is on its way for completions.
    pub async fn run(mut self, first: Option<Started>) {
        if let Some(started) = first {
            let settled = self.settle(Role::Fill, started).await;
            self.tell(Role::Fill, settled);
        }
        loop {
            let word = match self.backlog.pop_front() {
                Some(word) => word,
                None => {
                    let idle_at = self.idle_at();
                    tokio::select! {
                        // What is wanted by now goes before what nobody needs.
                        biased;
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
                Word::Load(role) if self.is_done(role) => {}
                Word::Load(role) => self.load(role).await,
                Word::Wake(role) if !self.seat(role).is_there() => self.load(role).await,
                Word::Wake(_) => {}
                Word::Share => self.share(),
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

    fn is_wanted(&self, role: Role, wish: &Wish) -> bool {
        wanted(&self.orders.borrow(), role) == Some(wish)
    }

    /// Whether what is wanted serves: it may have come to be so before the word for it was heard.
    fn is_done(&self, role: Role) -> bool {
        let orders = self.orders.borrow();
        let is_done = self.seat(role).serves(wanted(&orders, role));
        if is_done {
            self.seat(role).expect_nothing();
        }
        is_done
    }

    /// When the model for edits has been idle for long enough; none where it stays.
    fn idle_at(&self) -> Option<Instant> {
        let after = self.orders.borrow().as_ref()?.idle?;
        (self.edit.is_there() && !self.edit.is_shared()).then(|| self.edit.holds().used() + after)
    }

    fn let_go_idle(&self) {
        // It may have been needed since.
        if self.idle_at().is_some_and(|at| at <= Instant::now()) && self.do_without_edit() {
            tracing::info!("the model for edits was not needed for a while and is let go");
        }
    }

    /// Where models may take less than they do, that for edits goes, unless somebody waits for it: it is the first to be
    /// done without.
    fn keep_to_memory(&self) {
        let set = self.orders.borrow().as_ref().and_then(|orders| orders.memory);
        let taken = self.fill.bytes().saturating_add(self.edit.bytes());
        if set.is_some_and(|set| taken > set) {
            self.do_without_edit();
        }
    }

    /// Lets the model for edits go, unless somebody needs it; whether it did.
    fn do_without_edit(&self) -> bool {
        let _orders = self.orders.borrow();
        let gone = self.edit.vacate_if_free(ModelState::Unloaded);
        if let Some(engine) = gone.clone() {
            self.edit.let_go(engine);
            // Another one that is expected is still to come.
            if !self.edit.is_expecting() {
                self.edit.expect_nothing();
            }
        }
        gone.is_some()
    }

    /// The model for edits goes, where it is still that for completions.
    fn share(&self) {
        let orders = self.orders.borrow();
        if wanted(&orders, Role::Edit).is_none() {
            if let Some(engine) = self.edit.vacate(ModelState::Unloaded) {
                self.edit.let_go(engine);
            }
            self.edit.expect_nothing();
        }
    }

    /// Loads again what was replaced on the disk, and what could not be loaded.
    async fn reload(&mut self) {
        for role in [Role::Fill, Role::Edit] {
            let seat = self.seat(role).clone();
            let looking = seat.clone();
            let is_outdated = off_the_runtime(move || looking.is_outdated()).await.unwrap_or(false);
            if is_outdated || seat.has_failed() {
                self.load(role).await;
            }
        }
    }

    /// Loads what is wanted for a role; where that fails and the one before had to make room for it, that one again.
    async fn load(&mut self, role: Role) {
        let wish = {
            let orders = self.orders.borrow();
            let Some(wish) = wanted(&orders, role).cloned() else { return };
            self.seat(role).expect_another();
            wish
        };
        self.aim = wish.clone();
        let before = self.seat(role).serving().map(|serving| serving.wish).filter(|before| *before != wish);
        let mut loaded = self.try_to_load(role, wish).await;
        let before = before.filter(|_| !self.seat(role).is_there());
        if let (Err(Unloaded::Failed(why)), Some(before)) = (&mut loaded, before)
            && let Err(Unloaded::Failed(again)) = self.try_to_load(role, before).await
        {
            *why = format!(
                "{why}; and the one before, which had made room for it, cannot be loaded again: {again}"
            );
        }
        self.tell(role, loaded);
    }

    /// What a person is told of a load.
    fn tell(&self, role: Role, loaded: Result<(), Unloaded>) {
        let orders = self.orders.borrow();
        let (seat, wanted) = (self.seat(role), wanted(&orders, role));
        match loaded {
            Ok(()) => {}
            Err(Unloaded::Failed(why)) => {
                // Whoever is wanted by now is seen to next.
                if wanted == Some(&self.aim) {
                    seat.fail(&why);
                }
                seat.report_failure(why);
            }
            // The same. Where that is who serves, nothing is.
            Err(Unloaded::Outdated) => {
                if wanted.is_none() || seat.serves(wanted) {
                    seat.expect_nothing();
                }
            }
        }
    }

    async fn try_to_load(&mut self, role: Role, wish: Wish) -> Result<(), Unloaded> {
        let seat = self.seat(role).clone();
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
        let set = self.orders.borrow().as_ref().and_then(|orders| orders.memory);
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

    /// What has come of an engine by now. One that is ready serves when this returns.
    fn look(&self, role: Role, started: Started) -> Look {
        let seat = self.seat(role);
        let state = started.engine.watch().borrow().clone();
        match state {
            ModelState::Ready(_) => {
                let orders = self.orders.borrow();
                let is_wanted = wanted(&orders, role) == Some(&started.wish);
                if let Some(old) = seat.install(started) {
                    seat.let_go(old);
                }
                if is_wanted {
                    seat.expect_nothing();
                }
                Look::Settled(Ok(()))
            }
            ModelState::Failed(why) => {
                if let Some(engine) = seat.give_up() {
                    seat.let_go(engine);
                }
                Look::Settled(Err(Unloaded::Failed(why)))
            }
            state => {
                seat.show_loading(&state);
                Look::Coming(Box::new(started))
            }
        }
    }

    /// Waits until an engine serves, or does not.
    async fn settle(&mut self, role: Role, mut started: Started) -> Result<(), Unloaded> {
        let mut states = started.engine.watch();
        let mut is_outdated = false;
        loop {
            states.mark_unchanged();
            started = match self.look(role, started) {
                Look::Coming(started) => *started,
                Look::Settled(Err(Unloaded::Failed(_))) if is_outdated => return Err(Unloaded::Outdated),
                Look::Settled(settled) => return settled,
            };
            tokio::select! {
                changed = states.changed() => {
                    if changed.is_err() {
                        return Err(internal());
                    }
                }
                word = self.words.recv() => {
                    let stops = self.note(word);
                    if stops || !self.is_wanted(role, &self.aim) {
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
                    if self.note(word) || !self.is_wanted(role, &self.aim) {
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

fn wanted(orders: &Option<Orders>, role: Role) -> Option<&Wish> {
    orders.as_ref()?.wish(role)
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn internal() -> Unloaded {
    Unloaded::Failed("the engine ended before the model was loaded; the log has it".to_owned())
}
