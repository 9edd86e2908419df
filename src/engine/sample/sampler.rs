//! Choosing by chance: the samplers of llama.cpp, over one row of logits.
//!
//! The order is llama.cpp's own: repetition penalty, top-k, top-p, min-p, temperature, then a draw; mirostat takes the
//! place of the three truncations and the draw. Each definition is that of `llama-sampler.cpp` of the pinned version.
//! Done here because its calls abort where a row is odd, and because it must give the same text for the same seed on
//! every machine. Not here: the likeliest token, which [`super::greedy`] finds without a copy of the row.

use std::collections::VecDeque;

use super::{Choice, among, greedy};
use crate::engine::slot::Token;

/// How a token is chosen. The default is the likeliest, always; the other numbers are llama.cpp's defaults, for when
/// only the temperature is set. No number is refused: what makes no sense switches its part off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 or less: the likeliest token. Above, how far the less likely ones come up.
    pub temperature: f32,
    /// Only so many of the likeliest; 0 for all.
    pub top_k: u32,
    /// Only the likeliest that together have this probability; 1 for all.
    pub top_p: f32,
    /// Only those with this part of the likeliest one's probability; 0 for all.
    pub min_p: f32,
    /// Divides the positive logits of the last tokens, and multiplies the negative ones; 1 for none.
    pub repeat_penalty: f32,
    /// How many of the last tokens that concerns, those of the prompt too.
    pub repeat_last: u32,
    pub mirostat: Mirostat,
    /// The surprise that mirostat aims at, bits.
    pub tau: f32,
    /// How fast it goes there.
    pub eta: f32,
    /// The same seed draws the same numbers (SplitMix64, one number a token): the same text for the same logits.
    pub seed: u64,
}

/// Which mirostat, if any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mirostat {
    #[default]
    Off,
    V1,
    V2,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            repeat_penalty: 1.0,
            repeat_last: 64,
            mirostat: Mirostat::Off,
            tau: 5.0,
            eta: 0.1,
            seed: 0,
        }
    }
}

impl Sampling {
    /// The penalty, where it does anything.
    fn penalty(&self) -> Option<f32> {
        let penalty = self.repeat_penalty;
        let works = penalty.is_finite() && penalty > 0.0 && penalty != 1.0 && self.repeat_last > 0;
        works.then_some(penalty)
    }

    /// Whether the likeliest token is always taken.
    pub fn is_greedy(&self) -> bool {
        !self.draws() && self.penalty().is_none()
    }

    fn draws(&self) -> bool {
        // NB: a temperature that is no number draws nothing either.
        self.temperature > 0.0 && (self.top_k != 1 || self.mirostat != Mirostat::Off)
    }
}

/// Chooses the tokens of one answer.
#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    random: SplitMix,
    /// Mirostat's bound on surprise, bits.
    mu: f32,
    /// The last tokens, oldest first; empty where no penalty asks for them.
    recent: VecDeque<Token>,
    /// Reused from token to token: a row may have 150,000.
    candidates: Vec<Candidate>,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    token: Token,
    logit: f32,
    /// Set by [`soften`].
    p: f32,
}

/// Tokens that mirostat's first version estimates from, as in llama.cpp.
const ESTIMATE: usize = 100;

impl Sampler {
    /// For an answer to `prompt`.
    pub fn new(sampling: Sampling, prompt: &[Token]) -> Self {
        let last = if sampling.penalty().is_some() { sampling.repeat_last as usize } else { 0 };
        Self {
            sampling,
            random: SplitMix(sampling.seed),
            mu: 2.0 * sampling.tau,
            recent: prompt[prompt.len().saturating_sub(last)..].iter().copied().collect(),
            candidates: Vec::new(),
        }
    }

    /// The next token, and its probability before penalties, truncation and temperature. `None` for an empty row or
    /// one without a number.
    pub fn choose(&mut self, row: &[f32]) -> Option<Choice> {
        let token = if self.sampling.is_greedy() {
            return greedy(row);
        } else {
            self.draw(row)?
        };
        self.accept(token);
        let likeliest = greedy(row)?;
        // Of the likeliest one the logarithm is known; another's is less by the difference of the logits.
        let behind = number(row, likeliest.token)? - number(row, token)?;
        let log_probability = likeliest.log_probability - behind;
        Some(Choice { token, log_probability })
    }

    /// The likeliest of some tokens: while a text is forced, there is nothing to draw.
    pub fn choose_among(
        &mut self,
        row: &[f32],
        tokens: impl Iterator<Item = Token> + Clone,
    ) -> Option<Choice> {
        let choice = among(row, tokens)?;
        self.accept(choice.token);
        Some(choice)
    }

    fn accept(&mut self, token: Token) {
        if self.sampling.penalty().is_some() {
            self.recent.push_back(token);
            if self.recent.len() > self.sampling.repeat_last as usize {
                self.recent.pop_front();
            }
        }
    }

    fn draw(&mut self, row: &[f32]) -> Option<Token> {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        let tokens = 0..Token::try_from(row.len()).unwrap_or(Token::MAX);
        candidates.extend(tokens.filter_map(|token| {
            let logit = number(row, token)?;
            Some(Candidate { token, logit, p: 0.0 })
        }));
        self.penalize(&mut candidates);
        let chosen = if candidates.is_empty() {
            None
        } else if !self.sampling.draws() {
            keep_top(&mut candidates, 1);
            Some(candidates[0].token)
        } else {
            match self.sampling.mirostat {
                Mirostat::Off => self.truncated(&mut candidates),
                Mirostat::V1 => self.mirostat(&mut candidates, row.len()),
                Mirostat::V2 => self.mirostat_v2(&mut candidates),
            }
        };
        self.candidates = candidates;
        chosen
    }

    fn penalize(&self, candidates: &mut [Candidate]) {
        let Some(penalty) = self.sampling.penalty() else { return };
        // Once for each token, however often it stands there.
        let mut tokens: Vec<Token> = self.recent.iter().copied().collect();
        tokens.sort_unstable();
        tokens.dedup();
        for token in tokens {
            // The candidates are still in the order of their ids.
            let Ok(place) = candidates.binary_search_by_key(&token, |candidate| candidate.token) else {
                continue;
            };
            let logit = &mut candidates[place].logit;
            *logit = bounded(if *logit <= 0.0 { *logit * penalty } else { *logit / penalty });
        }
    }

    fn truncated(&mut self, candidates: &mut Vec<Candidate>) -> Option<Token> {
        let Sampling { temperature, top_k, top_p, min_p, .. } = self.sampling;
        keep_top(candidates, if top_k == 0 { usize::MAX } else { top_k as usize });
        if top_p < 1.0 {
            soften(candidates, 1.0);
            let mut sum = 0.0;
            let enough = candidates.iter().position(|candidate| {
                sum += candidate.p;
                sum >= top_p
            });
            candidates.truncate(enough.map_or(candidates.len(), |last| last + 1));
        }
        if min_p > 0.0 {
            let least = candidates.first()?.logit + min_p.ln();
            let few = candidates.iter().skip(1).position(|candidate| candidate.logit < least);
            candidates.truncate(few.map_or(candidates.len(), |few| few + 1));
        }
        soften(candidates, temperature);
        self.pick(candidates).map(|candidate| candidate.token)
    }

    /// Mirostat, by an estimate of how the probabilities fall (arXiv 2007.14966).
    fn mirostat(&mut self, candidates: &mut Vec<Candidate>, vocabulary: usize) -> Option<Token> {
        keep_top(candidates, usize::MAX);
        soften(candidates, self.sampling.temperature);
        let (mut sum_tb, mut sum_tt) = (0.0f32, 0.0f32);
        for (i, pair) in candidates.windows(2).take(ESTIMATE - 1).enumerate() {
            let t = ((i + 2) as f32 / (i + 1) as f32).ln();
            sum_tb += t * (pair[0].p / pair[1].p).ln();
            sum_tt += t * t;
        }
        let s = sum_tb / sum_tt;
        let epsilon = s - 1.0;
        let k = ((epsilon * self.mu.exp2()) / (1.0 - (vocabulary as f32).powf(-epsilon))).powf(1.0 / s);
        // NB: a cast of what is no number, or too large a one, keeps to the type; one token always stays.
        candidates.truncate((k as usize).max(1));
        self.surprise(candidates)
    }

    /// Mirostat, by the surprise of each token.
    fn mirostat_v2(&mut self, candidates: &mut Vec<Candidate>) -> Option<Token> {
        keep_top(candidates, usize::MAX);
        soften(candidates, self.sampling.temperature);
        let mu = self.mu;
        let few = candidates.iter().position(|candidate| -candidate.p.log2() > mu);
        candidates.truncate(few.unwrap_or(candidates.len()).max(1));
        self.surprise(candidates)
    }

    /// Draws, and moves the bound by how surprising that was.
    fn surprise(&mut self, candidates: &mut [Candidate]) -> Option<Token> {
        soften(candidates, self.sampling.temperature);
        let drawn = self.pick(candidates)?;
        let error = -drawn.p.log2() - self.sampling.tau;
        let mu = self.mu - self.sampling.eta * error;
        if mu.is_finite() {
            self.mu = mu;
        }
        Some(drawn.token)
    }

    /// One of the candidates, by their probabilities, which add up to 1.
    fn pick(&mut self, candidates: &[Candidate]) -> Option<Candidate> {
        let mut left = self.random.fraction();
        let hit = candidates.iter().find(|candidate| {
            left -= candidate.p;
            left < 0.0
        });
        // Sums of fractions may fall short of 1.
        hit.or_else(|| candidates.iter().rfind(|candidate| candidate.p > 0.0)).or(candidates.first()).copied()
    }
}

/// The logit of a token that can be chosen, finite.
fn number(row: &[f32], token: Token) -> Option<f32> {
    let logit = usize::try_from(token).ok().and_then(|token| row.get(token)).copied()?;
    (!logit.is_nan() && logit != f32::NEG_INFINITY).then_some(bounded(logit))
}

fn bounded(x: f32) -> f32 {
    x.clamp(f32::MIN, f32::MAX)
}

/// Keeps the `most` likeliest, the likeliest first. Ties go to the lower id.
fn keep_top(candidates: &mut Vec<Candidate>, most: usize) {
    let order = |a: &Candidate, b: &Candidate| b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token));
    if most < candidates.len() {
        candidates.select_nth_unstable_by(most, order);
        candidates.truncate(most);
    }
    candidates.sort_unstable_by(order);
}

/// The probabilities of candidates, the likeliest of which stands first, at a temperature.
fn soften(candidates: &mut [Candidate], temperature: f32) {
    let Some(most) = candidates.first().map(|candidate| candidate.logit) else { return };
    let mut sum = 0.0;
    for candidate in candidates.iter_mut() {
        // NB: the difference first: it is never above 0, so nothing overflows, and the likeliest has exp(0).
        let below = candidate.logit - most;
        candidate.p = if below == 0.0 { 1.0 } else { (below / temperature).exp() };
        sum += candidate.p;
    }
    candidates.iter_mut().for_each(|candidate| candidate.p /= sum);
}

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014). Any seed is a good one.
#[derive(Clone, Debug)]
struct SplitMix(u64);

impl SplitMix {
    /// From 0, and below 1.
    fn fraction(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // As many bits as the type has.
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }
}

#[cfg(test)]
mod tests;
