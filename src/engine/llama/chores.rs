//! What waits until nothing is asked: finding out how many threads to compute with, and keeping what was read for the
//! next run. What is asked meanwhile comes first.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::context::{Context, Shape};
use super::keep::{FILE_BYTES, Keeper};
use super::lock;
use super::measure::{Lab, Measure};
use super::serve::Server;
use crate::engine::ModelState;
use crate::engine::cores::Want;
use crate::engine::snapshot::{Bounds, Snapshot};
use crate::engine::tune::Threads;

/// Places that are kept for the next run: what somebody may come back to.
const KEPT: usize = 3;

/// What there may be to do, and when.
pub struct Chores {
    /// How long nothing was asked before anything of it is done.
    pub idle: Duration,
    pub measure: Option<Measure>,
    pub keeper: Option<Keeper>,
    /// How often a slot had been used when what was read was kept last.
    kept: u64,
    /// When something was done last.
    active: Instant,
}

impl Chores {
    pub fn new(idle: Duration, measure: Option<Measure>, keeper: Option<Keeper>) -> Self {
        Self { idle, measure, keeper, kept: 0, active: Instant::now() }
    }

    /// Something was done for somebody.
    pub fn put_off(&mut self) {
        self.active = Instant::now();
    }
}

impl Server<'_> {
    /// When something is to be done if nothing is asked until then; none where there is nothing to do.
    pub fn chores_due(&self) -> Option<Instant> {
        let chores = &self.chores;
        let unsaved = chores.keeper.is_some() && chores.kept != self.slots.uses();
        (unsaved || chores.measure.is_some()).then(|| chores.active + chores.idle)
    }

    /// Does what there is to do.
    pub fn do_chores(&mut self) {
        let shared = self.shared;
        if let Some(_turn) = shared.desk.take(Want::Chore) {
            self.measure();
        }
        // Another engine computes: later will do.
        shared.desk.leave();
        // What came meanwhile does not wait for this.
        if self.is_quiet() {
            self.save();
        }
        self.chores.put_off();
    }

    /// Whether nothing has come, here or to another engine.
    fn is_quiet(&self) -> bool {
        if self.shared.desk.is_in_the_way(Want::Chore) {
            return false;
        }
        let inbox = lock(&self.shared.inbox);
        inbox.jobs.is_empty() && !inbox.shutdown && !inbox.finishing
    }

    /// Measures on, and computes with as many threads as that found best.
    fn measure(&mut self) {
        let Some(mut measure) = self.chores.measure.take() else { return };
        let interrupt = &self.shared.interrupt;
        // NB: as `decode` does: what arrives from here on sets `abort`.
        interrupt.firm.store(false, Ordering::SeqCst);
        interrupt.abort.store(false, Ordering::SeqCst);
        let is_quiet = || self.is_quiet();
        let lab = Lab {
            backend: self.backend,
            model: self.model,
            interrupt,
            desk: None,
            filler: self.speller.filler(),
        };
        match measure.go_on(&lab, None, &is_quiet) {
            Some(threads) => self.use_threads(threads),
            // It cannot be done at all.
            None if is_quiet() => tracing::warn!("how many threads are best could not be measured"),
            None => self.chores.measure = Some(measure),
        }
    }

    /// llama.cpp fixes the counts in a context, so another one takes over what this one holds.
    fn use_threads(&mut self, threads: Threads) {
        let shape =
            Shape { threads: threads.single as i32, batch_threads: threads.batch as i32, ..self.shape };
        if (shape.threads, shape.batch_threads) == (self.shape.threads, self.shape.batch_threads) {
            return;
        }
        let held: Vec<usize> = self.slots.held().collect();
        let states: Vec<_> = held.into_iter().map(|slot| (slot, self.state(slot))).collect();
        let made = Context::new(self.backend, self.model, shape, self.shared.interrupt.clone());
        let Ok(context) = made.inspect_err(|why| tracing::warn!("{why}")) else { return };
        (self.context, self.shape) = (context, shape);
        for (slot, state) in states {
            let held = self.slots.get(slot);
            let tokens = held.tokens().len();
            if !self.context.set_state(slot, tokens, &state, held.row(tokens)) {
                self.slots.get_mut(slot).truncate(0);
            }
        }
        tracing::info!(
            "computing with {} threads for a token, {} for a prompt",
            threads.single,
            threads.batch
        );
        // Nothing has changed that somebody would have to be told.
        self.shared.state.send_if_modified(|state| {
            if let ModelState::Ready(card) = state {
                std::sync::Arc::make_mut(card).threads = threads.single;
            }
            false
        });
    }

    /// What a slot holds, but for what was written behind its last prompt: that could not be taken back from every state.
    fn state(&mut self, slot: usize) -> Vec<u8> {
        let prompt = self.slots.get(slot).rows().map(|(at, _)| at).last();
        self.cut(slot, prompt.unwrap_or(usize::MAX));
        self.context.state(slot)
    }

    /// Keeps what the last places hold, where that is wanted and has changed.
    pub fn save(&mut self) {
        if self.chores.keeper.is_none() || self.chores.kept == self.slots.uses() {
            return;
        }
        self.chores.kept = self.slots.uses();
        let mut snapshots: Vec<Snapshot> = Vec::new();
        let mut bytes = 0;
        for slot in self.slots.places().into_iter().rev().take(KEPT) {
            let state = self.state(slot);
            let held = self.slots.get(slot);
            bytes += state.len();
            if bytes > FILE_BYTES {
                break;
            }
            if !state.is_empty() && !held.tokens().is_empty() {
                let rows = held.rows().map(|(at, row)| (at, row.to_vec()));
                snapshots.push(Snapshot { tokens: held.tokens().to_vec(), rows: rows.collect(), state });
            }
        }
        snapshots.reverse();
        if let Some(keeper) = &mut self.chores.keeper {
            keeper.write(snapshots);
        }
    }

    /// Takes over what another run has kept.
    pub fn restore(&mut self) {
        let Some(keeper) = &self.chores.keeper else { return };
        let bounds = Bounds { vocabulary: self.vocabulary.size(), cells: self.context_tokens };
        let mut room = self.shape.cells as usize;
        for (slot, kept) in keeper.read(bounds).into_iter().take(KEPT).enumerate() {
            let tokens = kept.tokens.len();
            let row = kept.rows.iter().find(|(at, _)| *at == tokens).map(|(_, row)| row.as_slice());
            if tokens <= room && self.context.set_state(slot, tokens, &kept.state, row) {
                room -= tokens;
                self.slots.get_mut(slot).restore(&kept.tokens, kept.rows);
                self.slots.touch(slot);
            }
        }
        self.chores.kept = self.slots.uses();
    }
}
