//! The engine's loop: takes requests from the inbox, runs the one whose turn it is, one decode at a time.
//!
//! Between any two decodes it looks at the inbox and at the cancel flags, so a completion never waits for more than
//! one decode of an action, and a cancelled request makes no further token. What a request has evaluated stays in its
//! slot for the next one.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use super::context::{CHUNK, Context, Decoded, mute_log};
use super::load::{CANCELLED, Loaded};
use super::task::{Phase, Task, millis};
use super::vocab::Vocabulary;
use super::{Shared, lock};
use crate::engine::chat::thoughts::Thoughts;
use crate::engine::sample::Choice;
use crate::engine::schedule::{self, Entry};
use crate::engine::slot::{ACTIONS, PLACES, Pool, Slots, Token};
use crate::engine::spell::Speller;
use crate::engine::{EngineError, Event, Lane, ModelState, Stop};

/// What became of one step.
enum Step {
    /// There is more to do.
    More,
    Ended(Stop),
    Failed(EngineError),
}

/// Serves until shutdown. Returns with the contexts dropped.
pub fn serve(shared: &Arc<Shared>, loaded: Loaded) {
    let Loaded { backend, model, vocabulary, spelling, without_healing, shape, context_tokens, card } =
        loaded;
    let mut context = match Context::new(backend, &model, shape, shared.interrupt.clone()) {
        Ok(context) => context,
        Err(why) => {
            tracing::error!("{why}");
            shared.state.send_replace(ModelState::Failed(why));
            return;
        }
    };
    // Reads the weights into memory once, so that the first suggestion does not wait for the disk.
    let warm_up = context.decode(0, 0, &[spelling.filler], false);
    context.truncate(0, 0);
    if shared.cancel_load.load(Ordering::SeqCst) {
        shared.state.send_replace(ModelState::Failed(CANCELLED.into()));
        return;
    }
    if let Decoded::Failed(why) = warm_up {
        shared
            .state
            .send_replace(ModelState::Failed(format!("the model loads but cannot be evaluated: {why}")));
        return;
    }
    let mut server = Server {
        shared,
        vocabulary: &vocabulary,
        speller: if without_healing { Speller::without_healing(spelling) } else { Speller::new(spelling) },
        slots: Slots::new(PLACES, ACTIONS, shape.cells as usize),
        context,
        context_tokens,
        tasks: Vec::new(),
    };
    mute_log();
    *lock(&shared.counter) = Some(vocabulary.clone());
    shared.state.send_replace(ModelState::Ready(Arc::new(card)));
    server.run();
}

struct Server<'a> {
    shared: &'a Shared,
    vocabulary: &'a Vocabulary,
    speller: Speller,
    slots: Slots,
    context: Context<'a>,
    context_tokens: usize,
    tasks: Vec<Task>,
}

impl Server<'_> {
    fn run(&mut self) {
        while self.receive() {
            self.end_cancelled();
            let entries: Vec<Entry> = self.tasks.iter().map(Task::entry).collect();
            let Some(index) = schedule::next(&entries, Instant::now()) else {
                continue;
            };
            let began = Instant::now();
            let step = self.step(index);
            self.shared.interrupt.running.store(0, Ordering::SeqCst);
            lock(&self.shared.counters).busy += began.elapsed();
            match step {
                Step::More => {}
                Step::Ended(stop) => self.finish(index, stop),
                Step::Failed(error) => self.fail(index, error),
            }
        }
        for task in self.tasks.drain(..) {
            let _ = task.job.events.send(Event::Failed(EngineError::Stopped));
        }
    }

    /// Takes what is in the inbox, waiting while there is nothing to do; false at shutdown.
    fn receive(&mut self) -> bool {
        let mut inbox = lock(&self.shared.inbox);
        loop {
            if inbox.shutdown {
                return false;
            }
            self.shared.interrupt.waiting.store(false, Ordering::SeqCst);
            let arrived = !inbox.jobs.is_empty();
            for job in inbox.jobs.drain(..) {
                let task = Task::new(job);
                for old in &self.tasks {
                    if schedule::supersedes(&task.entry(), &old.entry()) {
                        let _ = old.job.cancelled.set(Instant::now());
                    }
                }
                self.tasks.push(task);
            }
            let cancelled = self.tasks.iter().any(Task::is_cancelled);
            let entries: Vec<Entry> = self.tasks.iter().map(Task::entry).collect();
            let now = Instant::now();
            if arrived || cancelled || schedule::next(&entries, now).is_some() {
                return true;
            }
            // NB: an hour stands for ever; a spurious wake only looks again.
            let wait = schedule::wake(&entries).map_or(Duration::from_secs(3600), |wake| wake - now);
            let woken = self.shared.bell.wait_timeout(inbox, wait);
            inbox = woken.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    fn end_cancelled(&mut self) {
        while let Some(index) = self.tasks.iter().position(Task::is_cancelled) {
            if let Some(at) = self.tasks[index].job.cancelled.get() {
                lock(&self.shared.counters).cancel.push(at.elapsed().as_secs_f64() * 1000.0);
            }
            self.end(index, Stop::Cancelled);
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
            // The first token came from the prompt's row, and cost no decode.
            let decoded = task.usage.generated_tokens.saturating_sub(1);
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

    /// Spells the prompt and gives it a slot.
    fn begin(&mut self, index: usize) -> Step {
        let busy = self.busy();
        let task = &mut self.tasks[index];
        let now = Instant::now();
        task.began = Some(now);
        task.usage.queue_ms = millis(now - task.job.submitted);
        let spelled = self.speller.spell(&task.job.request.prompt, self.vocabulary);
        let may_think = self.speller.may_think(&task.job.request.prompt);
        let (prompt, answer) =
            (spelled.tokens.len(), task.job.request.max_tokens as usize + spelled.forced.len());
        let too_long = EngineError::PromptTooLong { prompt, answer, context: self.context_tokens };
        if prompt + answer > self.context_tokens {
            return Step::Failed(too_long);
        }
        let pool = if task.job.request.lane == Lane::Action { Pool::Actions } else { Pool::Places };
        let Some(plan) = self.slots.plan(&spelled.tokens, answer, pool, &busy) else {
            return Step::Failed(too_long);
        };
        let slot = plan.slot;
        self.slots.reserve(slot, prompt + answer);
        self.cut(slot, plan.keep);
        if let Some(copy) = plan.copy {
            // The copy leaves at least the last token to evaluate, whose logits are wanted.
            let tokens = copy.tokens.min(prompt - 1);
            if self.context.copy(copy.from, slot, tokens) {
                self.slots.get_mut(slot).push(&spelled.tokens[..tokens]);
            }
        }
        for victim in plan.evict {
            self.cut(victim, 0);
        }
        // All of it held, but not the logits behind it: the last token is evaluated again.
        if self.slots.get(slot).tokens().len() == prompt && self.slots.get(slot).row(prompt).is_none() {
            self.cut(slot, prompt - 1);
        }
        self.slots.touch(slot);
        let reused = self.slots.get(slot).tokens().len();
        let task = &mut self.tasks[index];
        task.usage.prompt_tokens = prompt as u32;
        task.usage.reused_tokens = reused as u32;
        task.begin(spelled, may_think);
        task.slot = slot;
        task.phase = if reused == prompt { Phase::Prompted } else { Phase::Prefill };
        let mut counters = lock(&self.shared.counters);
        counters.queue.push(f64::from(task.usage.queue_ms));
        // What is evaluated is added as it comes: the three always agree, also when a request is cancelled.
        counters.stats.prompt_tokens += reused as u64;
        counters.stats.reused_tokens += reused as u64;
        Step::More
    }

    /// Evaluates the next chunk of the prompt.
    fn prefill(&mut self, index: usize) -> Step {
        let task = &self.tasks[index];
        let (slot, held) = (task.slot, self.slots.get(task.slot).tokens().len());
        let end = task.prompt.len().min(held + CHUNK);
        let chunk = task.prompt[held..end].to_vec();
        let last = end == task.prompt.len();
        let began = Instant::now();
        let evaluated = match self.decode(index, &chunk, last) {
            Ok(evaluated) => evaluated,
            Err(error) => return Step::Failed(error),
        };
        let task = &mut self.tasks[index];
        task.usage.evaluated_tokens += evaluated as u32;
        let mut counters = lock(&self.shared.counters);
        counters.stats.prompt_tokens += evaluated as u64;
        counters.stats.evaluated_tokens += evaluated as u64;
        if evaluated < chunk.len() {
            return Step::More;
        }
        counters.prompt_speed.add(evaluated, began.elapsed().as_secs_f64());
        if last {
            let Some(logits) = self.context.logits() else {
                return Step::Failed(EngineError::Decode("the prompt left no logits".into()));
            };
            self.slots.get_mut(slot).keep_row(logits);
            task.phase = Phase::Prompted;
            task.usage.prefill_ms = task.began.map_or(0, |began| millis(began.elapsed()));
        }
        Step::More
    }

    /// The prompt is read: chooses the first token.
    fn first(&mut self, index: usize) -> Step {
        let task = &mut self.tasks[index];
        if task.job.request.max_tokens == 0 {
            return Step::Ended(Stop::Limit);
        }
        task.prefilled = Some(Instant::now());
        let row = self.slots.get(task.slot).row(task.prompt.len());
        let choice = row.and_then(|row| task.choose(row, self.vocabulary));
        self.take(index, choice)
    }

    /// Evaluates the chosen token and chooses the next.
    fn next(&mut self, index: usize, token: Token) -> Step {
        match self.decode(index, &[token], true) {
            Ok(1) => {}
            Ok(_) => return Step::More,
            Err(error) => return Step::Failed(error),
        }
        let choice = self.context.logits().and_then(|row| self.tasks[index].choose(row, self.vocabulary));
        self.take(index, choice)
    }

    /// Turns a chosen token into text, and says whether to go on.
    fn take(&mut self, index: usize, choice: Option<Choice>) -> Step {
        let task = &mut self.tasks[index];
        // No candidate: what is forced cannot be spelled with this vocabulary.
        let Some(Choice { token, log_probability }) = choice else {
            return Step::Ended(Stop::EndOfText);
        };
        if self.vocabulary.ends(token) {
            return Step::Ended(Stop::EndOfText);
        }
        task.usage.generated_tokens += 1;
        lock(&self.shared.counters).stats.generated_tokens += 1;
        let bytes = self.vocabulary.pieces().piece(token);
        let forced = bytes.len().min(task.forced.len());
        if forced > 0 {
            task.forced.drain(..forced);
            task.usage.forced_tokens += 1;
            lock(&self.shared.counters).stats.forced_tokens += 1;
        }
        task.phase = Phase::Chosen(token);
        let Ok(text) = task.text.push(&bytes[forced..]) else {
            return Step::Ended(Stop::EndOfText);
        };
        task.log_probability += log_probability;
        task.tokens += 1;
        let text = match &mut task.thoughts {
            Some(thoughts) => thoughts.push(&text),
            None => text,
        };
        match task.say(text) {
            Ok(false) => {}
            Ok(true) => return Step::Ended(Stop::StopRule),
            Err(error) => return Step::Failed(error),
        }
        let request = &task.job.request;
        let free = task.usage.generated_tokens - task.usage.forced_tokens;
        let timely = task.prefilled.is_none_or(|prefilled| prefilled.elapsed() < request.max_time);
        let fits = self.slots.get(task.slot).tokens().len() + 1 < self.context_tokens;
        if free < request.max_tokens && timely && fits { Step::More } else { Step::Ended(Stop::Limit) }
    }

    /// Evaluates tokens for a task; how many the cache then holds more. 0 where it was interrupted.
    fn decode(&mut self, index: usize, tokens: &[Token], row: bool) -> Result<usize, EngineError> {
        let task = &self.tasks[index];
        let slot = task.slot;
        let held = self.slots.get(slot).tokens().len();
        let interrupt = &self.shared.interrupt;
        // NB: in this order. A cancel or an arrival from here on sets `abort` again; an earlier one is seen below.
        interrupt.running.store(task.job.id, Ordering::SeqCst);
        interrupt.abort.store(false, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if task.is_cancelled() || interrupt.waiting.load(Ordering::SeqCst) {
            return Ok(0);
        }
        let decoded = self.context.decode(slot, held, tokens, row);
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
        Ok(finished)
    }

    /// Cuts a slot and its sequence off behind `keep` tokens.
    fn cut(&mut self, slot: usize, keep: usize) {
        if self.slots.get(slot).tokens().len() > keep {
            let kept = self.context.truncate(slot, keep);
            self.slots.get_mut(slot).truncate(kept);
        }
    }

    /// Slots that begun tasks hold.
    fn busy(&self) -> Vec<usize> {
        self.tasks.iter().filter(|task| !matches!(task.phase, Phase::New)).map(|task| task.slot).collect()
    }
}
