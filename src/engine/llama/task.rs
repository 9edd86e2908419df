//! One request while it is worked on: how far it is, and the choice of its next token.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use super::Job;
use super::context::CHUNK;
use super::vocab::Vocabulary;
use crate::completion::precedent::Precedent;
use crate::engine::chat::thoughts::Thoughts;
use crate::engine::sample::{self, Choice, Follower, Sampler, TextStream, Vote};
use crate::engine::schedule::Entry;
use crate::engine::slot::Token;
use crate::engine::speculate::{Costs, LARGEST, Speculator};
use crate::engine::spell::{Spelled, Tokenizer};
use crate::engine::{EngineError, Event, Lane, Piece, Usage};

/// A request being worked on.
pub struct Task {
    pub job: Job,
    pub phase: Phase,
    pub prompt: Vec<Token>,
    /// Tokens chosen, the last of them not evaluated yet.
    pub written: Vec<Token>,
    /// Bytes the text must still begin with, and that are no part of it: the prompt's unsettled end.
    pub forced: Vec<u8>,
    /// The text so far, in bytes.
    pub said: Vec<u8>,
    /// Whether the token chosen last had to agree with anything.
    pub is_forced: bool,
    pub slot: usize,
    /// Tokens of the prompt to read at once: fewer after an interruption.
    pub chunk: usize,
    /// None where the likeliest token is always taken.
    pub sampler: Option<Sampler>,
    /// Follows what the precedents say.
    follower: Follower,
    /// Drafts the answer, where that is worth it.
    pub speculator: Option<Speculator>,
    /// Tokens of a draft and the one before it, at most: fewer after an interruption.
    pub batch: usize,
    /// The next token is to be evaluated by itself.
    pub alone: bool,
    /// The rest of an answer that was given beforehand.
    pub told: Option<VecDeque<Token>>,
    pub text: TextStream,
    /// For a model that may begin its answer with what it thinks.
    pub thoughts: Option<Thoughts>,
    /// Of the tokens whose text is not given out yet: no whole character, or perhaps a thought.
    pub log_probability: f32,
    pub tokens: u32,
    /// Tokens that were not evaluated, since the slot held them already.
    pub known: u32,
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
            written: Vec::new(),
            forced: Vec::new(),
            said: Vec::new(),
            is_forced: false,
            slot: 0,
            chunk: CHUNK,
            sampler: None,
            follower: Follower::default(),
            speculator: None,
            batch: LARGEST,
            alone: false,
            told: None,
            text: TextStream::default(),
            thoughts: None,
            log_probability: 0.0,
            tokens: 0,
            known: 0,
            usage: Usage::default(),
            began: None,
            prefilled: None,
        }
    }

    pub fn entry(&self) -> Entry {
        let hold = self.job.submitted + self.job.request.hold;
        let ready = matches!(self.phase, Phase::Prompted).then_some(hold);
        let lane = if self.job.steer.is_urgent() { Lane::Completion } else { self.job.request.lane };
        Entry { lane, arrival: self.job.id, ready }
    }

    pub fn is_cancelled(&self) -> bool {
        self.job.cancelled.get().is_some()
    }

    /// So many tokens of its prompt need no evaluation.
    pub fn reuse(&mut self, prompt: usize, reused: usize) {
        self.usage.prompt_tokens = prompt as u32;
        self.usage.reused_tokens = reused as u32;
    }

    /// Sets out to answer its prompt, now spelled.
    pub fn begin(&mut self, spelled: Spelled, may_think: bool, drafts: bool) {
        let sampling = self.job.request.sampling;
        if sampling.is_greedy() {
            // A completion is too short to repeat anything.
            let drafts = drafts && self.job.request.lane == Lane::Action;
            self.speculator = drafts.then(|| Speculator::new(&spelled.tokens));
        } else {
            self.sampler = Some(Sampler::new(sampling, &spelled.tokens));
        }
        self.thoughts = may_think.then(Thoughts::default);
        self.prompt = spelled.tokens;
        self.forced = spelled.forced;
    }

    /// Tokens before the one that was chosen last: where that is evaluated.
    pub fn evaluated(&self) -> usize {
        self.prompt.len() + self.written.len().saturating_sub(1)
    }

    /// What is to be evaluated again, a batch at most, before the token that was chosen last: a slot that fell back to
    /// an earlier state in the middle of a text holds only so many tokens.
    pub fn lost(&self, held: usize) -> Vec<Token> {
        let before = self.written.len().saturating_sub(1);
        self.prompt.iter().chain(&self.written[..before]).skip(held).take(CHUNK).copied().collect()
    }

    /// The next token by a row of logits: one that agrees with what the text must begin with, or go on with.
    pub fn choose(&mut self, row: &[f32], vocabulary: &Vocabulary) -> Option<Choice> {
        let forced = [&*self.forced, &self.job.steer.left(&self.said)].concat();
        let candidates = || -> Vec<Token> { vocabulary.pieces().candidates(&forced).collect() };
        self.is_forced = !forced.is_empty();
        let choice = match &mut self.sampler {
            None => {
                let best = if forced.is_empty() {
                    sample::greedy(row)
                } else {
                    sample::among(row, candidates().into_iter())
                };
                best.map(|best| {
                    let own = vocabulary.pieces().piece(best.token).get(forced.len()..).unwrap_or_default();
                    let (precedents, said) = (&self.job.request.precedents, &self.said);
                    let votes = votes(precedents, said, own, &self.forced, &forced, vocabulary);
                    self.follower.choose(row, best, &votes)
                })
            }
            Some(sampler) if forced.is_empty() => sampler.choose(row),
            Some(sampler) => sampler.choose_among(row, candidates().into_iter()),
        };
        match &mut self.told {
            None => choice,
            Some(told) => told.pop_front().map(|token| Choice { token, log_probability: 0.0 }),
        }
    }

    /// What may follow the token that was chosen last; `room` is how many tokens may be evaluated with it.
    pub fn draft(&mut self, room: usize, costs: &Costs) -> &[Token] {
        let alone = std::mem::take(&mut self.alone);
        let free = self.usage.generated_tokens - self.usage.forced_tokens;
        let left = self.job.request.max_tokens.saturating_sub(free) as usize;
        match &self.speculator {
            Some(speculator) if !alone => speculator.draft(self.batch.min(left).min(room), costs),
            _ => &[],
        }
    }

    /// Gives text out, with the tokens since the last. Whether the answer is to stop there.
    pub fn say(&mut self, text: String) -> Result<bool, EngineError> {
        if text.is_empty() {
            return Ok(false);
        }
        let log_probability = std::mem::take(&mut self.log_probability);
        let piece = Piece { text, log_probability, tokens: std::mem::take(&mut self.tokens) };
        let stop = &mut self.job.request.stop;
        let stops = std::panic::catch_unwind(AssertUnwindSafe(|| stop(&piece)))
            .map_err(|_| EngineError::Decode("a stop rule panicked".into()))?;
        let _ = self.job.events.send(Event::Piece(piece));
        Ok(stops)
    }
}

/// Bytes in which the first token of a text is found.
const FIRST_TOKEN: usize = 64;

/// What the precedents of an answer say comes next. `own` is what the model would write of it; `front` is what stands before the answer and is written with it;
/// `forced` what the next tokens have to agree with.
fn votes(
    precedents: &[Precedent],
    said: &[u8],
    own: &[u8],
    front: &[u8],
    forced: &[u8],
    vocabulary: &Vocabulary,
) -> Vec<Vote> {
    sample::votes(precedents, said, own, |rest| {
        // One token is wanted, and no piece of a word is longer.
        let rest = &rest[..rest.floor_char_boundary(FIRST_TOKEN)];
        let text = [front, rest.as_bytes()].concat();
        let token = *vocabulary.tokenize(std::str::from_utf8(&text).ok()?).first()?;
        let piece = vocabulary.pieces().piece(token);
        (piece.starts_with(forced) || forced.starts_with(piece)).then_some(token)
    })
}

/// Whole milliseconds.
pub fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
