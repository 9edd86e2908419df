//! One request while it is worked on: how far it is, and the choice of its next token.

use std::time::{Duration, Instant};

use super::Job;
use super::vocab::Vocabulary;
use crate::engine::Usage;
use crate::engine::sample::{self, Choice, TextStream};
use crate::engine::schedule::Entry;
use crate::engine::slot::Token;

/// A request being worked on.
pub struct Task {
    pub job: Job,
    pub phase: Phase,
    pub prompt: Vec<Token>,
    /// Bytes the text must still begin with.
    pub forced: Vec<u8>,
    pub slot: usize,
    pub text: TextStream,
    /// Of the tokens whose bytes are not yet whole characters.
    pub log_probability: f32,
    pub tokens: u32,
    pub usage: Usage,
    pub began: Option<Instant>,
    pub prefilled: Option<Instant>,
}

/// How far a task is.
pub enum Phase {
    /// Nothing done yet.
    New,
    /// The slot holds a part of the prompt.
    Prefill,
    /// The slot holds the prompt, and the row of logits behind it.
    Prompted,
    /// A token was chosen and is to be evaluated.
    Chosen(Token),
}

impl Task {
    pub fn new(job: Job) -> Self {
        Self {
            job,
            phase: Phase::New,
            prompt: Vec::new(),
            forced: Vec::new(),
            slot: 0,
            text: TextStream::default(),
            log_probability: 0.0,
            tokens: 0,
            usage: Usage::default(),
            began: None,
            prefilled: None,
        }
    }

    pub fn entry(&self) -> Entry {
        let hold = self.job.submitted + self.job.request.hold;
        let ready = matches!(self.phase, Phase::Prompted).then_some(hold);
        Entry { lane: self.job.request.lane, arrival: self.job.id, ready }
    }

    pub fn is_cancelled(&self) -> bool {
        self.job.cancelled.get().is_some()
    }

    /// The likeliest token of a row of logits that agrees with what the text must begin with.
    pub fn choose(&self, row: &[f32], vocabulary: &Vocabulary) -> Option<Choice> {
        if self.forced.is_empty() {
            return sample::greedy(row);
        }
        let candidates: Vec<Token> = vocabulary.pieces().candidates(&self.forced).collect();
        sample::among(row, candidates.into_iter())
    }
}

/// Whole milliseconds.
pub fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
