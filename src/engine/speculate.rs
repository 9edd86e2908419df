//! Drafts of an answer from text already seen: most of an edit is the code that was there. Pure.
//!
//! Wherever the last few tokens of an answer stand in its prompt, or earlier in the answer, what followed there may
//! follow here. The engine puts such a draft to the model in one batch and keeps what the model would have chosen by
//! itself, so that a draft changes how long an answer takes and never what it says.
//!
//! A batch costs more than a token, and how much more is the machine's own: [`Costs`] is what this one was seen to
//! take. What is drafted is decided here; what is right is not known here.

use std::collections::HashMap;

use crate::engine::slot::Token;

/// Tokens that must agree before anything is drafted. Over 34 functions of 120 lines with five of them changed, 4 is
/// as good as any number from 2 to 6, and finds its way back sooner after a change than 8.
const GRAM: usize = 4;

/// Tokens of a batch: the one chosen last, and its draft. A draft that is right throughout is followed by one of the
/// next size, a wrong one by the first. Multiples of four, which cost less than one token fewer (`performance.md`,
/// fact 8); above 64 a wrong draft costs more than the size gains.
const SIZES: [usize; 3] = [16, 32, LARGEST];

/// The largest batch.
pub const LARGEST: usize = 64;

/// A batch pays where it takes this part of the time of its tokens one by one: two of three must be right then.
const PAYS: f64 = 2.0 / 3.0;

/// How much of what is known a new measurement replaces: other programs make single ones useless.
const WEIGHT: f64 = 0.25;

/// What was seen in one answer, and where in it the answer goes on.
#[derive(Debug)]
pub struct Speculator {
    /// The prompt, and the answer so far.
    seen: Vec<Token>,
    /// Tokens of the prompt: what stands behind its end does not follow it.
    prompt: usize,
    /// Where each run of [`GRAM`] tokens ends, ascending.
    ends: HashMap<[Token; GRAM], Vec<usize>>,
    /// What follows here may follow the answer.
    at: Option<usize>,
    /// The last place that did, or should have: an edit goes on behind it.
    last: usize,
    /// Drafts in a row that were right.
    right: usize,
}

impl Speculator {
    /// For an answer to `prompt`.
    pub fn new(prompt: &[Token]) -> Self {
        let mut new = Self {
            seen: Vec::with_capacity(2 * prompt.len()),
            prompt: prompt.len(),
            ends: HashMap::new(),
            at: None,
            last: 0,
            right: 0,
        };
        for &token in prompt {
            new.seen.push(token);
            new.enter();
        }
        new
    }

    /// Takes the next token of the answer.
    pub fn push(&mut self, token: Token) {
        let agrees = |at: &usize| self.seen.get(*at) == Some(&token);
        self.at = self.at.filter(agrees).map(|at| at + 1).filter(|&at| at != self.prompt);
        self.seen.push(token);
        if self.at.is_none() {
            self.at = self.find();
        }
        self.last = self.at.unwrap_or(self.last);
        self.enter();
    }

    /// What may follow, for a batch of `most` tokens with the one before; empty where nothing is known or worth it.
    pub fn draft(&self, most: usize, costs: &Costs) -> &[Token] {
        let Some(at) = self.at else { return &[] };
        let Some(size) = costs.size(self.right) else { return &[] };
        let end = if at < self.prompt { self.prompt } else { self.seen.len() };
        let known = &self.seen[at..end];
        let batch = (known.len() + 1).min(size).min(most);
        let batch = batch - batch % 4;
        &known[..batch.saturating_sub(1)]
    }

    /// Says whether all of the last draft was right.
    pub fn was_right(&mut self, all: bool) {
        self.right = if all { self.right + 1 } else { 0 };
    }

    /// Remembers that the tokens seen end here.
    fn enter(&mut self) {
        if let Some(gram) = self.gram() {
            self.ends.entry(gram).or_default().push(self.seen.len());
        }
    }

    /// Where the last tokens stood before: the next place behind that of the last draft, else the last one.
    fn find(&self) -> Option<usize> {
        let ends = self.ends.get(&self.gram()?)?;
        let next = ends.partition_point(|&end| end < self.last);
        ends.get(next).or(ends.last()).copied().filter(|&end| end != self.prompt)
    }

    fn gram(&self) -> Option<[Token; GRAM]> {
        self.seen.last_chunk().copied()
    }
}

/// What did not pay is tried again after so many tokens: another program may have been in the way.
const AGAIN: u32 = 256;

/// What a token by itself, and a batch of each of `SIZES`, were seen to take, seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Costs {
    single: Option<f64>,
    singles: u32,
    batches: [Option<f64>; SIZES.len()],
}

impl Costs {
    /// A call with so many tokens, and the logits behind each of them, took so long.
    pub fn saw(&mut self, tokens: usize, seconds: f64) {
        let known = match SIZES.iter().position(|&size| size == tokens) {
            Some(size) => &mut self.batches[size],
            None if tokens == 1 => {
                self.singles = (self.singles + 1) % AGAIN;
                if self.singles == 0 {
                    self.batches = Default::default();
                }
                &mut self.single
            }
            // One that was cut short.
            None => return,
        };
        *known = Some(known.map_or(seconds, |known| known + WEIGHT * (seconds - known)));
    }

    /// The batch after so many drafts that were right: sizes that pay and cost less a token than the sizes before them,
    /// and those that were never tried. `None` where none is left.
    ///
    /// A size that costs more than its tokens one by one speaks against the larger ones too: where threads wait for
    /// each other beside a busy process, one batch can take as long as hundreds of tokens.
    fn size(&self, right: usize) -> Option<usize> {
        let single = self.single.unwrap_or(f64::INFINITY);
        let (mut least, mut is_hopeless) = (PAYS * single, false);
        let sizes = SIZES.into_iter().zip(self.batches).filter(|&(size, batch)| {
            let Some(cost) = batch.map(|seconds| seconds / size as f64) else { return !is_hopeless };
            is_hopeless |= cost > single;
            let pays = cost <= least;
            least = least.min(cost);
            pays
        });
        sizes.take(right + 1).last().map(|(size, _)| size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is drafted after each token of an answer to `prompt`, where every call costs the same.
    fn drafts(prompt: &[Token], answer: &[Token]) -> Vec<Vec<Token>> {
        let mut speculator = Speculator::new(prompt);
        let draft = |&token| {
            speculator.push(token);
            speculator.draft(64, &Costs::default()).to_vec()
        };
        answer.iter().map(draft).collect()
    }

    fn run(from: Token, to: Token) -> Vec<Token> {
        (from..to).collect()
    }

    #[test]
    fn four_tokens_that_stood_there_bring_the_next() {
        let prompt = run(0, 100);
        let none: Vec<Token> = Vec::new();
        assert_eq!(
            drafts(&prompt, &[50, 51, 52, 53, 54]),
            [vec![], vec![], vec![], run(54, 69), run(55, 70)]
        );
        // Another token, and four more.
        assert_eq!(
            drafts(&prompt, &[50, 51, 52, 53, 7, 60, 61, 62, 63])[4..],
            [none.clone(), none.clone(), none.clone(), none.clone(), run(64, 79)]
        );
        // Near the end of what is known a batch is shorter, and a multiple of four.
        for (last, length) in [(84, 15), (85, 11), (88, 11), (92, 7), (95, 3), (96, 3), (97, 0), (99, 0)] {
            let draft = drafts(&prompt, &run(last - 3, last + 1)).pop().unwrap();
            assert_eq!(draft, run(last + 1, last + 1 + length), "{last}");
        }
        assert!(drafts(&[], &run(0, 3)).concat().is_empty());
    }

    #[test]
    fn an_edit_goes_on_behind_where_it_was() {
        // The same line three times, each with another one behind it.
        let line = [1, 2, 3, 4];
        let prompt = [&line[..], &[10; 5], &line, &[20; 5], &line, &[30; 5]].concat();
        let answer = [&line[..], &[10, 77], &line, &[20, 78], &line].concat();
        let drafts = drafts(&prompt, &answer);
        let after = |tokens: usize| drafts[tokens - 1].first().copied();
        assert_eq!((after(4), after(10), after(16)), (Some(10), Some(20), Some(30)));
    }

    #[test]
    fn an_answer_repeats_itself_too() {
        let answer = [run(0, 10), run(0, 4)].concat();
        // The ten that are known hold a batch of eight.
        assert_eq!(
            drafts(&[90, 91, 92, 93], &answer).pop().unwrap(),
            run(4, 10).into_iter().chain([0]).collect::<Vec<_>>()
        );
    }

    #[test]
    fn right_drafts_grow_and_a_wrong_one_begins_anew() {
        let prompt = run(0, 500);
        let mut speculator = Speculator::new(&prompt);
        run(0, 4).into_iter().for_each(|token| speculator.push(token));
        let mut lengths = Vec::new();
        for right in [true, true, true, false, true] {
            lengths.push(speculator.draft(64, &Costs::default()).len());
            speculator.was_right(right);
        }
        assert_eq!(lengths, [15, 31, 63, 63, 15]);
        for (most, length) in [(64, 31), (30, 27), (4, 3), (3, 0), (0, 0)] {
            assert_eq!(speculator.draft(most, &Costs::default()).len(), length, "{most}");
        }
    }

    #[test]
    fn a_batch_has_to_pay() {
        // Milliseconds: of one token, of each batch (0: never tried); the batches chosen after 0, 1, 2 right drafts.
        for (single, batches, expected) in [
            (0.0, [0.0, 0.0, 0.0], [16, 32, 64]),
            // The processors of `performance.md`, fact 8; and two threads for a batch where one makes a token.
            (53.0, [568.0, 1113.0, 1874.0], [32, 64, 64]),
            (49.0, [359.0, 728.0, 1206.0], [16, 64, 64]),
            (53.0, [284.0, 557.0, 937.0], [16, 32, 64]),
            // Nothing known of larger ones: they are tried. Nothing pays.
            (10.0, [150.0, 0.0, 0.0], [32, 64, 64]),
            (10.0, [150.0, 300.0, 600.0], [0, 0, 0]),
            // Worse than one by one: nothing larger is tried, but what is known to pay is used.
            (10.0, [161.0, 0.0, 0.0], [0, 0, 0]),
            (10.0, [161.0, 0.0, 64.0], [64, 64, 64]),
        ] {
            let mut costs = Costs::default();
            let seen = [(1, single), (16, batches[0]), (32, batches[1]), (64, batches[2])];
            seen.into_iter().filter(|&(_, ms)| ms > 0.0).for_each(|(size, ms)| costs.saw(size, ms));
            let sizes = [0, 1, 2].map(|right| costs.size(right).unwrap_or(0));
            assert_eq!(sizes, expected, "{single} {batches:?}");
        }
    }

    #[test]
    fn what_did_not_pay_is_tried_again() {
        let mut costs = Costs::default();
        costs.saw(1, 1.0);
        for size in SIZES {
            costs.saw(size, 2.0 * size as f64);
        }
        assert_eq!(costs.size(0), None);
        (1..AGAIN).for_each(|_| costs.saw(1, 1.0));
        assert_eq!(costs.size(0), Some(16));
        // A measurement is a part of what is known; a batch that was cut short is none.
        costs.saw(16, 8.0);
        costs.saw(16, 100.0);
        costs.saw(12, 1.0);
        assert_eq!(costs.batches[0], Some(31.0));
    }
}
