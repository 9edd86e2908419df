//! How many threads to compute with: chosen by what was measured, not by what there is. Pure.
//!
//! More threads are faster until the memory is busy, until the slow cores of a processor hold up the fast ones, or until
//! another process wants a core; where that is differs by machine and by model. A single token and a batch, which reads
//! a prompt, differ too. So a few counts are tried, from the least upwards, and of those that are about as fast the least
//! is taken: it leaves the most of the machine to others. What measures, and where that is kept, is in `llama`.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// What is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Threads {
    /// For one token.
    pub single: u32,
    /// For many at once.
    pub batch: u32,
}

/// Seconds that one count of threads took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub single: f64,
    pub batch: f64,
}

/// More threads than this gain nothing for one sequence of a small model, and cost the machine its quiet.
const MOST: u32 = 16;
/// What a thread more has to gain: less is not worth the core.
const WORTH: f64 = 0.95;
/// What is so much slower than the best has gone too far.
const TOO_FAR: f64 = 1.1;

/// A measurement while it goes on.
#[derive(Clone, Debug)]
pub struct Tuner {
    left: VecDeque<u32>,
    seen: Vec<(u32, Sample)>,
}

impl Tuner {
    /// For a machine that lets this process run on so many threads at once.
    pub fn new(available: u32) -> Self {
        let counts = [1, 2, 3, 4, 6, 8, 12, MOST];
        let available = available.clamp(1, MOST);
        let mut left: VecDeque<u32> = counts.into_iter().filter(|&count| count < available).collect();
        left.push_back(available);
        Self { left, seen: Vec::new() }
    }

    /// The count to be measured next; none when enough is known.
    pub fn next(&self) -> Option<u32> {
        self.left.front().copied().filter(|_| self.left.len() + self.seen.len() > 1)
    }

    /// What the count that was next took.
    pub fn saw(&mut self, sample: Sample) {
        if let Some(count) = self.left.pop_front() {
            self.seen.push((count, sample));
        }
        let gone_too_far = |time: fn(&Sample) -> f64| {
            let best = self.seen.iter().map(|(_, sample)| time(sample)).fold(f64::INFINITY, f64::min);
            self.seen.len() > 2
                && self.seen.iter().rev().take(2).all(|(_, sample)| time(sample) > best * TOO_FAR)
        };
        if gone_too_far(|sample| sample.single) && gone_too_far(|sample| sample.batch) {
            self.left.clear();
        }
    }

    /// The choice, once there is nothing more to be measured.
    pub fn choice(&self) -> Option<Threads> {
        if self.next().is_some() {
            return None;
        }
        let least = |time: fn(&Sample) -> f64| {
            let mut chosen: Option<(u32, f64)> = None;
            for (count, sample) in &self.seen {
                let time = time(sample);
                if chosen.is_none_or(|(_, best)| time < best * WORTH) {
                    chosen = Some((*count, time));
                }
            }
            chosen.map_or(1, |(count, _)| count)
        };
        Some(Threads { single: least(|sample| sample.single), batch: least(|sample| sample.batch) })
    }
}

/// What was chosen before, by machine and model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Known {
    by_key: BTreeMap<String, Kept>,
}

/// A choice as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    #[serde(flatten)]
    pub threads: Threads,
    /// Whether others wanted the processor while it was measured: what such a choice says of an idle machine is little.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

impl Known {
    /// Models and machines that are kept.
    const MOST: usize = 64;

    /// One that a file has; nothing where that is not as it was written.
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Counts that such a machine could have chosen: what a file says is only believed so far.
    pub fn get(&self, key: &str, available: u32) -> Option<Kept> {
        let possible = 1..=available.clamp(1, MOST);
        let known = self.by_key.get(key).copied();
        known.filter(|Kept { threads, .. }| {
            possible.contains(&threads.single) && possible.contains(&threads.batch)
        })
    }

    pub fn put(&mut self, key: String, kept: Kept) {
        while self.by_key.len() >= Self::MOST && !self.by_key.contains_key(&key) {
            self.by_key.pop_first();
        }
        self.by_key.insert(key, kept);
    }

    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: the machine, milliseconds of a token and of a batch by the count of threads, the counts that are tried
    /// and what is chosen.
    #[test]
    fn threads_are_chosen_by_what_they_gain() {
        type Case = (&'static str, u32, fn(u32) -> (f64, f64), &'static [u32], (u32, u32));
        let cases: [Case; 7] = [
            ("one core", 1, |_| (1.0, 1.0), &[], (1, 1)),
            ("two cores", 2, |n| (20.0, 100.0 / f64::from(n)), &[1, 2], (1, 2)),
            ("a second thread that gains little", 2, |n| (20.0 - f64::from(n) * 0.5, 100.0), &[1, 2], (1, 1)),
            (
                "the memory is busy from four on",
                8,
                |n| (80.0 / f64::from(n.min(4)), 800.0 / f64::from(n)),
                &[1, 2, 3, 4, 6, 8],
                (4, 8),
            ),
            // The slow cores hold up the fast ones: a third of the speed where one of them is among them.
            (
                "six fast cores and eight slow ones",
                14,
                |n| {
                    let time = 60.0 / f64::from(n) * if n > 6 { 3.0 } else { 1.0 };
                    (time, time * 10.0)
                },
                &[1, 2, 3, 4, 6, 8, 12],
                (6, 6),
            ),
            ("a small model", 16, |n| (f64::from(n), f64::from(n) * 3.0), &[1, 2, 3], (1, 1)),
            (
                "a server",
                128,
                |n| (96.0 / f64::from(n), 960.0 / f64::from(n)),
                &[1, 2, 3, 4, 6, 8, 12, 16],
                (16, 16),
            ),
        ];
        for (machine, available, times, tried, chosen) in cases {
            let mut tuner = Tuner::new(available);
            let mut counts = Vec::new();
            while let Some(count) = tuner.next() {
                assert_eq!(tuner.choice(), None, "{machine}");
                counts.push(count);
                let (single, batch) = times(count);
                tuner.saw(Sample { single, batch });
            }
            let (single, batch) = chosen;
            assert_eq!((&*counts, tuner.choice()), (tried, Some(Threads { single, batch })), "{machine}");
        }
    }

    #[test]
    fn what_is_known_is_believed_where_it_can_be() {
        let mut known = Known::default();
        for shared in [true, false] {
            let kept = Kept { threads: Threads { single: 1, batch: 2 }, shared };
            known.put("a".into(), kept);
            assert_eq!(Known::parse(&known.text()).get("a", 2), Some(kept));
        }
        // As it was written before that was asked.
        let old = Known::parse(r#"{"a": {"single": 1, "batch": 2}}"#);
        assert_eq!(old, known);
        for (text, available) in [
            ("", 2),
            ("[]", 2),
            ("nonsense", 2),
            (r#"{"a": {"single": 0, "batch": 1}}"#, 2),
            (r#"{"a": {"single": 1, "batch": 3}}"#, 2),
            (r#"{"a": {"single": 1, "batch": 4000000000}}"#, 64),
            (r#"{"b": {"single": 1, "batch": 1}}"#, 2),
        ] {
            assert_eq!(Known::parse(text).get("a", available), None, "{text}");
        }
        let mut many = Known::default();
        let one = Kept { threads: Threads { single: 1, batch: 1 }, shared: false };
        (0..200).for_each(|key| many.put(format!("{key:03}"), one));
        assert_eq!((many.by_key.len(), many.get("199", 1).is_some()), (64, true));
    }
}
