//! The second half of a request: one token after the other is chosen, turned into text, and evaluated.
//!
//! Of an action the next tokens may be drafted and evaluated in one batch with the one that was chosen. They are chosen
//! all the same, each from the logits that those before it left, and what was not chosen is taken back: the text, the
//! moment at which it stops and what the slot holds then are those of tokens evaluated one by one.

use std::time::Instant;

use super::context::Rows;
use super::lock;
use super::serve::{Server, Step};
use super::task::{Phase, millis};
use crate::engine::Stop;
use crate::engine::sample::{self, Choice};
use crate::engine::schedule;
use crate::engine::slot::Token;
use crate::engine::speculate::LARGEST;

impl Server<'_> {
    /// The prompt is read: chooses the first token.
    pub fn first(&mut self, index: usize) -> Step {
        let task = &mut self.tasks[index];
        if task.job.request.max_tokens == 0 {
            return Step::Ended(Stop::Limit);
        }
        task.prefilled = Some(Instant::now());
        let row = self.slots.get(task.slot).row(task.prompt.len());
        let choice = row.and_then(|row| task.choose(row, self.vocabulary));
        self.take(index, choice)
    }

    /// Evaluates the chosen token, in one batch with a draft of what may follow, and chooses the next, and the next
    /// while the draft says the same.
    pub fn next(&mut self, index: usize, token: Token) -> Step {
        if self.is_known(index, token) {
            return self.go_along(index);
        }
        let task = &mut self.tasks[index];
        let (slot, held) = (task.slot, self.slots.get(task.slot).tokens().len());
        let lost = task.lost(held);
        if !lost.is_empty() {
            return match self.decode(index, &lost, Rows::None) {
                Ok(Some(evaluated)) if evaluated > 0 => Step::More,
                Ok(_) => Step::Yielded,
                Err(error) => Step::Failed(error),
            };
        }
        let mut batch = vec![token];
        // What waits does not wait for a draft.
        if !self.owed {
            batch.extend_from_slice(task.draft(self.context_tokens - held, &self.costs));
        }
        let began = Instant::now();
        match self.decode(index, &batch, Rows::All) {
            Ok(Some(evaluated)) if evaluated == batch.len() => {}
            Ok(Some(_)) => {
                self.cut(slot, held);
                self.tasks[index].batch = schedule::next_chunk(batch.len(), 0, LARGEST);
                return Step::Yielded;
            }
            Ok(None) => return Step::Yielded,
            Err(error) => return Step::Failed(error),
        }
        self.costs.saw(batch.len(), began.elapsed().as_secs_f64());
        self.keep(index, &batch)
    }

    /// Whether the slot holds the chosen token already, and the logits behind it: it wrote the same of the word at the
    /// cursor before the last key. What it holds otherwise of the answer before is cut off.
    fn is_known(&mut self, index: usize, token: Token) -> bool {
        let (slot, at) = (self.tasks[index].slot, self.tasks[index].evaluated());
        let held = self.slots.get(slot);
        let is_known = held.tokens().get(at) == Some(&token) && held.row(at + 1).is_some();
        if !is_known {
            self.cut(slot, at);
        }
        is_known
    }

    /// Chooses the next token behind one that is known.
    fn go_along(&mut self, index: usize) -> Step {
        let task = &mut self.tasks[index];
        task.known += 1;
        let row = self.slots.get(task.slot).row(task.evaluated() + 1);
        let choice = row.and_then(|row| task.choose(row, self.vocabulary));
        self.take(index, choice)
    }

    /// Goes through a batch that was evaluated, and keeps what would have been chosen without it.
    fn keep(&mut self, index: usize, batch: &[Token]) -> Step {
        let slot = self.tasks[index].slot;
        let held = self.slots.get(slot).tokens().len() - batch.len();
        // Of the draft nothing is known to be right yet.
        self.slots.get_mut(slot).truncate(held + 1);
        if self.tasks[index].is_forced
            && let Some(row) = self.context.row(0)
        {
            self.slots.get_mut(slot).keep_word_row(row);
        }
        let mut right = 0;
        let step = loop {
            let row = self.context.row(right);
            let task = &mut self.tasks[index];
            if batch.len() > 1 && task.told.is_none() && row.is_some_and(sample::is_close) {
                // By itself it may be another one: the token before is evaluated again, alone.
                task.alone = true;
                self.slots.get_mut(slot).truncate(held + right);
                break Step::More;
            }
            let choice = row.and_then(|row| task.choose(row, self.vocabulary));
            let chosen = choice.map(|choice| choice.token);
            let step = self.take(index, choice);
            let goes_on = matches!(step, Step::More) && !self.tasks[index].is_cancelled();
            if !goes_on || batch.get(right + 1).copied() != chosen {
                break step;
            }
            right += 1;
            self.slots.get_mut(slot).push(&batch[right..=right]);
        };
        let kept = self.slots.get(slot).tokens().len();
        if kept < held + batch.len() {
            self.context.truncate(slot, kept);
        }
        let task = &mut self.tasks[index];
        task.batch = schedule::next_chunk(task.batch, task.batch, LARGEST);
        if batch.len() > 1 {
            let drafted = batch.len() - 1;
            if let Some(speculator) = &mut task.speculator {
                speculator.was_right(right == drafted);
            }
            let mut counters = lock(&self.shared.counters);
            counters.stats.drafted_tokens += drafted as u64;
            counters.stats.accepted_draft_tokens += right as u64;
        }
        step
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
        task.usage.forced_tokens += u32::from(task.is_forced);
        lock(&self.shared.counters).generate(task.is_forced);
        let bytes = self.vocabulary.pieces().piece(token);
        let forced = bytes.len().min(task.forced.len());
        task.forced.drain(..forced);
        task.said.extend_from_slice(&bytes[forced..]);
        task.phase = Phase::Chosen(token);
        task.written.push(token);
        if let Some(speculator) = &mut task.speculator {
            speculator.push(token);
        }
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
        if free == 1
            && let Some(prefilled) = task.prefilled
            && !task.is_forced
        {
            task.usage.forced_ms = millis(prefilled.elapsed());
        }
        let timely = task.prefilled.is_none_or(|prefilled| prefilled.elapsed() < request.max_time);
        let fits = task.evaluated() + 1 < self.context_tokens;
        if free < request.max_tokens && timely && fits { Step::More } else { Step::Ended(Stop::Limit) }
    }
}
