//! The engine's loop: takes requests from the inbox, runs the one whose turn it is, one decode at a time.
//!
//! Between any two decodes it looks at the inbox and at the cancel flags, so a completion never waits for more than
//! one decode of an action, and for none that can be interrupted; and a cancelled request makes no further token. What
//! a request has evaluated stays in its slot for the next one. What a step does is in `read` and `write`.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;

use super::chores::Chores;
use super::context::{Context, Decoded, Rows, Shape, mute_log};
use super::load::{CANCELLED, Loaded};
use super::task::{Phase, Task, millis};
use super::vocab::Vocabulary;
use super::{Shared, lock};
use crate::engine::chat::thoughts::Thoughts;
use crate::engine::cores::Want;
use crate::engine::schedule::{self, Entry, Turn};
use crate::engine::slot::{ACTIONS, PLACES, Slots, Token};
use crate::engine::speculate::Costs;
use crate::engine::spell::Speller;
use crate::engine::trial::Trial;
use crate::engine::{EngineError, Event, Lane, ModelState, Stop};
use crate::prompt::Prompt;

/// Tokens by which the speed of reading is measured first: many enough to be read as a prompt is, and no more, for a model
/// is not ready before.
const FIRST_READ: usize = 16;

/// Why the loop goes on.
enum Wake {
    Work,
    /// Nothing was asked for a while, and something was left for then.
    Idle,
    Shutdown,
}

/// What became of one step.
pub enum Step {
    /// There is more to do.
    More,
    /// It made way before anything was done.
    Yielded,
    Ended(Stop),
    Failed(EngineError),
}

/// Serves until it is told to stop. Returns with the contexts dropped; the error says why it did not begin. `trial` is of
/// the GPU, if one computes, and over with the first token.
pub fn serve(shared: &Arc<Shared>, loaded: Loaded, trial: Option<Trial>) -> Result<(), String> {
    let Loaded { backend, model, vocabulary, spelling, without, shape, context_tokens, card, chores } =
        loaded;
    let mut context = Context::new(backend, &model, shape, shared.interrupt.clone())?;
    // Reads the weights into memory once, so that the first suggestion does not wait for the disk.
    let warm_up = context.decode(0, 0, &[spelling.filler], Rows::None);
    // How much of a prompt is read while somebody waits is asked of the first one already.
    let began = Instant::now();
    if warm_up == Decoded::Done
        && context.decode(0, 1, &[spelling.filler; FIRST_READ], Rows::None) == Decoded::Done
    {
        lock(&shared.counters).prompt_speed.add(FIRST_READ, began.elapsed().as_secs_f64());
    }
    context.truncate(0, 0);
    drop(trial);
    if shared.cancel_load.load(Ordering::SeqCst) {
        return Err(CANCELLED.into());
    }
    if let Decoded::Failed(why) = warm_up {
        return Err(format!("the model loads but cannot be evaluated: {why}"));
    }
    let mut server = Server {
        shared,
        vocabulary: &vocabulary,
        speller: if without.healing { Speller::without_healing(spelling) } else { Speller::new(spelling) },
        slots: if without.places {
            Slots::single(shape.cells as usize)
        } else {
            Slots::new(PLACES, ACTIONS, shape.cells as usize)
        },
        context_tokens,
        tasks: Vec::new(),
        retired: Vec::new(),
        computed: None,
        turn: Turn::default(),
        owed: false,
        drafts: !context.falls_back() && !without.drafts,
        costs: Costs::default(),
        context,
        backend,
        model: &model,
        shape,
        chores,
    };
    mute_log();
    server.restore();
    *lock(&shared.counter) = Some(vocabulary.clone());
    shared.state.send_replace(ModelState::Ready(Arc::new(card)));
    server.run();
    server.save();
    Ok(())
}

pub struct Server<'a> {
    pub shared: &'a Shared,
    pub vocabulary: &'a Vocabulary,
    pub speller: Speller,
    pub slots: Slots,
    pub context: Context<'a>,
    pub context_tokens: usize,
    pub tasks: Vec<Task>,
    /// When the next step of an action is owed.
    turn: Turn,
    /// Whether the step that runs is one: what arrives waits for it.
    pub owed: bool,
    /// Whether answers to actions are drafted. Not where a wrong draft could not be taken back.
    pub drafts: bool,
    pub costs: Costs,
    /// For another context, should this one be of the wrong shape.
    pub backend: &'a LlamaBackend,
    pub model: &'a LlamaModel,
    pub shape: Shape,
    pub chores: Chores,
    retired: Vec<Prompt>,
    /// Of the last computation, whose it was and when it ended.
    computed: Option<(u64, Instant)>,
}

impl Server<'_> {
    fn run(&mut self) {
        loop {
            match self.receive() {
                Wake::Shutdown => break,
                Wake::Idle => {
                    self.do_chores();
                    continue;
                }
                Wake::Work => self.chores.put_off(),
            }
            self.end_cancelled();
            self.retire();
            let Some((index, want)) = self.choose() else { continue };
            let shared = self.shared;
            let Some(_turn) = shared.desk.take(want) else { continue };
            self.owed = want == Want::Owed;
            let lane = self.tasks[index].entry().lane;
            let began = Instant::now();
            let step = self.step(index);
            self.shared.interrupt.running.store(0, Ordering::SeqCst);
            let ended = Instant::now();
            lock(&self.shared.counters).busy += ended - began;
            if lane == Lane::Action && !matches!(step, Step::Yielded) {
                self.turn.had(began, ended);
            }
            match step {
                Step::More | Step::Yielded => {}
                Step::Ended(stop) => self.finish(index, stop),
                Step::Failed(error) => self.fail(index, error),
            }
        }
        for task in self.tasks.drain(..) {
            let _ = task.job.events.send(Event::Failed(EngineError::Stopped));
        }
    }

    /// The task whose turn it is here, and how much that is wanted beside what other engines do.
    fn choose(&mut self) -> Option<(usize, Want)> {
        let entries: Vec<Entry> = self.tasks.iter().map(Task::entry).collect();
        let now = Instant::now();
        let owed = self.turn.is_owed(&entries, now);
        let index = schedule::next(&entries, now, owed)?;
        let lane = entries[index].lane;
        Some((index, if owed && lane == Lane::Action { Want::Owed } else { Want::Lane(lane) }))
    }

    /// Takes what is in the inbox, waiting while there is nothing to do, or another engine's turn.
    fn receive(&mut self) -> Wake {
        loop {
            let looked = Instant::now();
            // NB: before the inbox is locked, for it may ring another engine's bell.
            let next = self.choose();
            let is_next = next.is_some_and(|(_, want)| self.shared.desk.is_next(want));
            if next.is_none() {
                self.shared.desk.leave();
            }
            let mut inbox = lock(&self.shared.inbox);
            if inbox.shutdown {
                return Wake::Shutdown;
            }
            self.shared.interrupt.waiting.store(false, Ordering::SeqCst);
            let arrived = !inbox.jobs.is_empty() || !inbox.retired.is_empty();
            self.retired.append(&mut inbox.retired);
            for job in inbox.jobs.drain(..) {
                let task = Task::new(job);
                for old in &self.tasks {
                    if schedule::supersedes(&task.entry(), &old.entry()) {
                        let _ = old.job.cancelled.set(task.job.submitted);
                    }
                }
                self.tasks.push(task);
            }
            if inbox.finishing && self.tasks.iter().all(|task| task.job.request.lane == Lane::Warm) {
                return Wake::Shutdown;
            }
            if arrived || is_next || self.tasks.iter().any(Task::is_cancelled) {
                return Wake::Work;
            }
            // It was rung after it had looked.
            if std::mem::take(&mut inbox.rung) {
                continue;
            }
            let now = Instant::now();
            let due = self.chores_due().filter(|_| self.tasks.is_empty());
            if due.is_some_and(|due| due <= now) {
                return Wake::Idle;
            }
            let entries: Vec<Entry> = self.tasks.iter().map(Task::entry).collect();
            // What is ready waits for another engine, and may come to be owed a step.
            let held = schedule::wake(&entries, looked);
            let owed = self.turn.due().filter(|&due| due > looked);
            // NB: an hour stands for ever; a spurious wake only looks again.
            let until = [held, owed, due].into_iter().flatten().min();
            let wait = until.map_or(Duration::from_secs(3600), |until| until.saturating_duration_since(now));
            drop(self.shared.bell.wait_timeout(inbox, wait));
        }
    }

    /// Ends what was cancelled. What then only waited for its turn was not being computed, and says nothing of how long a
    /// computation takes to end.
    fn end_cancelled(&mut self) {
        while let Some(index) = self.tasks.iter().position(Task::is_cancelled) {
            let job = &self.tasks[index].job;
            let ended = self.computed.filter(|(id, _)| *id == job.id).map(|(_, ended)| ended);
            let cancelled = job.cancelled.get().filter(|&&at| ended.is_some_and(|ended| at <= ended));
            let mut counters = lock(&self.shared.counters);
            counters.stats.cancels += 1;
            if let Some(at) = cancelled {
                counters.cancel.push(at.elapsed().as_secs_f64() * 1000.0);
            }
            drop(counters);
            self.end(index, Stop::Cancelled);
        }
    }

    /// Gives up what has a newer place.
    fn retire(&mut self) {
        let busy = self.busy();
        for prompt in std::mem::take(&mut self.retired) {
            self.slots.retire(&self.speller.spell(&prompt, self.vocabulary).tokens, &busy);
        }
    }

    /// Ends a task that was not cancelled: what its filter still holds is text after all.
    fn finish(&mut self, index: usize, stop: Stop) {
        let task = &mut self.tasks[index];
        let rest = task.thoughts.as_mut().map(Thoughts::finish).unwrap_or_default();
        match task.say(rest) {
            Ok(false) => self.end(index, stop),
            Ok(true) => self.end(index, Stop::StopRule),
            Err(error) => self.fail(index, error),
        }
    }

    fn fail(&mut self, index: usize, error: EngineError) {
        tracing::error!("request failed: {error}");
        let task = self.tasks.remove(index);
        let _ = task.job.events.send(Event::Failed(error));
    }

    fn end(&mut self, index: usize, stop: Stop) {
        let mut task = self.tasks.remove(index);
        let now = Instant::now();
        if let Some(prefilled) = task.prefilled {
            task.usage.decode_ms = millis(now - prefilled);
            let seconds = (now - prefilled).as_secs_f64();
            if task.usage.generated_tokens == task.usage.forced_tokens {
                task.usage.forced_ms = task.usage.decode_ms;
            }
            // The first token came from the prompt's row, and cost no decode; nor did those behind one that was known.
            let decoded = task.usage.generated_tokens.saturating_sub(1 + task.known);
            lock(&self.shared.counters).generate_speed.add(decoded as usize, seconds);
        }
        let _ = task.job.events.send(Event::End { stop, usage: task.usage });
    }

    /// One decode of a task, or the bookkeeping around it.
    fn step(&mut self, index: usize) -> Step {
        match self.tasks[index].phase {
            Phase::New => self.begin(index),
            Phase::Prefill => self.prefill(index),
            Phase::Prompted => self.first(index),
            Phase::Chosen(token) => self.next(index, token),
        }
    }

    /// Evaluates tokens for a task; how many the cache then holds more, fewer than `tokens` where it was interrupted.
    /// None where it did not begin.
    pub fn decode(
        &mut self,
        index: usize,
        tokens: &[Token],
        rows: Rows,
    ) -> Result<Option<usize>, EngineError> {
        let task = &self.tasks[index];
        let slot = task.slot;
        let held = self.slots.get(slot).tokens().len();
        let interrupt = &self.shared.interrupt;
        // What is owed is done. So is a single token, where what was written would have to be read again.
        let is_writing = matches!(task.phase, Phase::Chosen(_));
        let is_firm = self.owed || (is_writing && self.context.falls_back());
        // NB: in this order. A cancel or an arrival from here on sets `abort` again; an earlier one is seen below.
        interrupt.running.store(task.job.id, Ordering::SeqCst);
        interrupt.firm.store(is_firm, Ordering::SeqCst);
        interrupt.abort.store(false, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if task.is_cancelled() || (!is_firm && interrupt.waiting.load(Ordering::SeqCst)) {
            return Ok(None);
        }
        let decoded = self.context.decode(slot, held, tokens, rows);
        self.computed = Some((task.job.id, Instant::now()));
        let mut counters = lock(&self.shared.counters);
        counters.stats.decode_calls += 1;
        let finished = match decoded {
            Decoded::Done => {
                self.slots.get_mut(slot).push(tokens);
                tokens.len()
            }
            // Finished parts stay in the cache. None, as a chunk is one part; but the cache knows best.
            Decoded::Aborted => {
                let now = self.context.held(slot);
                let more = now.saturating_sub(held).min(tokens.len());
                self.slots.get_mut(slot).truncate(now);
                self.slots.get_mut(slot).push(&tokens[..more]);
                more
            }
            Decoded::Failed(why) => {
                drop(counters);
                // What the cache now holds is unknown, also where the slot held nothing: begin anew.
                self.context.truncate(slot, 0);
                self.slots.get_mut(slot).truncate(0);
                return Err(EngineError::Decode(why));
            }
        };
        if task.is_cancelled() {
            counters.stats.after_cancel_tokens += finished as u64;
        }
        Ok(Some(finished))
    }

    /// Cuts a slot and its sequence off behind `keep` tokens.
    pub fn cut(&mut self, slot: usize, keep: usize) {
        if self.slots.get(slot).tokens().len() > keep {
            let kept = self.context.truncate(slot, keep);
            self.slots.get_mut(slot).truncate(kept);
        }
    }

    /// Slots that begun tasks hold.
    pub fn busy(&self) -> Vec<usize> {
        self.tasks.iter().filter(|task| !matches!(task.phase, Phase::New)).map(|task| task.slot).collect()
    }
}
