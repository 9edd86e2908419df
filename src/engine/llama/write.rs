//! The second half of a request: one token after the other is chosen, turned into text, and evaluated.

use std::time::Instant;

use super::lock;
use super::serve::{Server, Step};
use super::task::Phase;
use crate::engine::Stop;
use crate::engine::sample::Choice;
use crate::engine::slot::Token;

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

    /// Evaluates the chosen token and chooses the next.
    pub fn next(&mut self, index: usize, token: Token) -> Step {
        match self.decode(index, &[token], true) {
            Ok(Some(1)) => {}
            Ok(_) => return Step::Yielded,
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
}
