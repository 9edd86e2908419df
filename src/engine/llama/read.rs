//! The first half of a request: its prompt is spelled, given a slot, and read in chunks.
//!
//! A chunk that is interrupted is lost whole, so one that was is followed by a smaller one: whatever the gaps between
//! two keys, something of the prompt is read in them. Nothing is chosen here.

use std::time::Instant;

use super::context::{CHUNK, Rows};
use super::lock;
use super::serve::{Server, Step};
use super::task::{Phase, millis};
use crate::engine::schedule;
use crate::engine::slot::Pool;
use crate::engine::spell::Tokenizer;
use crate::engine::{EngineError, Reading, Stop};

/// Weights of a model whose chunks may be too long for a cancel. Where a smaller one seems to be slow, somebody else
/// computes beside it.
const DIVIDED: u64 = 300_000_000;

impl Server<'_> {
    /// Spells the prompt and gives it a slot.
    pub fn begin(&mut self, index: usize) -> Step {
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
        let pool = Pool::of(task.job.request.lane);
        if let Some(slot) = self.slots.holding(&spelled.tokens).filter(|_| pool == Pool::Beside) {
            // Read already; what comes behind it there stays.
            self.slots.touch(slot);
            task.reuse(prompt, prompt);
            lock(&self.shared.counters).reuse(prompt);
            return Step::Ended(Stop::Limit);
        }
        let Some(plan) = self.slots.plan(&spelled.tokens, answer, pool, &busy) else {
            return Step::Failed(too_long);
        };
        let slot = plan.slot;
        self.slots.reserve(slot, prompt + answer);
        // Of the word at the cursor, what may be chosen again stays.
        let whole = plan.keep == prompt && pool == Pool::Places && !self.context.falls_back();
        let known = if whole { self.slots.get(slot).known_behind(prompt).min(answer) } else { 0 };
        self.cut(slot, plan.keep + known);
        if let Some(copy) = plan.copy {
            // The copy leaves at least the last token to evaluate, whose logits are wanted.
            let copied = self.context.copy(copy.from, slot, copy.tokens.min(prompt - 1));
            self.slots.get_mut(slot).push(&spelled.tokens[..copied]);
        }
        for victim in plan.evict {
            self.cut(victim, 0);
        }
        if self.slots.get(slot).tokens().len() >= prompt && self.slots.get(slot).row(prompt).is_none() {
            match self.context.marked_row(slot, prompt) {
                Some(row) => self.slots.get_mut(slot).keep_row(row),
                // All of it held, but not the logits behind it: the last token is evaluated again.
                None => self.cut(slot, prompt - 1),
            }
        }
        self.slots.touch(slot);
        let reused = self.slots.get(slot).tokens().len().min(prompt);
        let task = &mut self.tasks[index];
        task.reuse(prompt, reused);
        task.begin(spelled, may_think, self.drafts);
        task.told = task.job.request.told.take().map(|answer| self.vocabulary.tokenize(&answer).into());
        task.slot = slot;
        task.phase = if reused == prompt { Phase::Prompted } else { Phase::Prefill };
        task.job.reading.send_replace(Reading { tokens: reused as u32, of: prompt as u32 });
        let mut counters = lock(&self.shared.counters);
        counters.queue.push(f64::from(task.usage.queue_ms));
        counters.reuse(reused);
        Step::More
    }

    /// Evaluates the next chunk of the prompt.
    pub fn prefill(&mut self, index: usize) -> Step {
        let task = &self.tasks[index];
        let (slot, held) = (task.slot, self.slots.get(task.slot).tokens().len());
        let whole = self.chunk();
        let most = task.chunk.min(if self.owed { self.turn_tokens() } else { whole });
        let end = task.prompt.len().min(held + most);
        let chunk = task.prompt[held..end].to_vec();
        let last = end == task.prompt.len();
        let began = Instant::now();
        let evaluated = match self.decode(index, &chunk, if last { Rows::Last } else { Rows::None }) {
            Ok(Some(evaluated)) => evaluated,
            Ok(None) => return Step::Yielded,
            Err(error) => return Step::Failed(error),
        };
        let task = &mut self.tasks[index];
        task.usage.evaluated_tokens += evaluated as u32;
        task.job.reading.send_modify(|reading| reading.tokens = (held + evaluated) as u32);
        let mut counters = lock(&self.shared.counters);
        counters.evaluate(evaluated);
        // A chunk that others waited for says nothing of the time there is; nor does the last one, which is short.
        if !self.owed && (evaluated < chunk.len() || !last) {
            task.chunk = schedule::next_chunk(chunk.len(), evaluated, whole);
        }
        if evaluated < chunk.len() {
            return if evaluated > 0 { Step::More } else { Step::Yielded };
        }
        counters.prompt_speed.add(evaluated, began.elapsed().as_secs_f64());
        if last {
            let Some(logits) = self.context.row(chunk.len() - 1) else {
                return Step::Failed(EngineError::Decode("the prompt left no logits".into()));
            };
            self.slots.get_mut(slot).keep_row(logits);
            task.phase = Phase::Prompted;
            task.usage.prefill_ms = task.began.map_or(0, |began| millis(began.elapsed()));
        }
        let row = self.slots.get(slot).row(held + evaluated);
        self.context.mark(slot, held + evaluated, row);
        Step::More
    }

    /// Tokens of a prompt that are read at once, at most: as many as a cancel may wait for.
    fn chunk(&self) -> usize {
        let pause = self.shared.interrupt.pauses.a_token().filter(|_| self.model.n_params() >= DIVIDED);
        pause.map_or(CHUNK, |pause| schedule::chunk(pause, CHUNK))
    }

    /// Tokens that are read while a completion waits, at most.
    fn turn_tokens(&self) -> usize {
        schedule::turn_tokens(lock(&self.shared.counters).prompt_speed.per_second())
    }
}
