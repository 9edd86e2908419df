//! What was measured, put together: counters by what a key does, times over all keys, medians over rounds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::arm::{Cost, Key};
use super::keys::Class;

/// One round of one arm.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Where keys wait for answers.
    pub keys: Vec<(Class, Key)>,
    /// Where they come by the clock, milliseconds; an infinite one for a pause in which nothing was shown.
    pub latencies: Vec<f64>,
    pub pauses: Vec<f64>,
}

/// One arm.
pub struct Side {
    pub name: &'static str,
    pub about: Value,
    /// Without the first one, where there are several.
    pub rounds: Vec<Round>,
    /// Of all rounds, the first one too, and of what no key is charged with.
    pub totals: Cost,
    /// Keys of all rounds.
    pub pressed: u64,
}

/// Numbers, sorted.
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn new(samples: impl IntoIterator<Item = f64>) -> Self {
        let mut samples: Vec<f64> = samples.into_iter().collect();
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// None without samples.
    pub fn mean(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.iter().sum::<f64>() / self.0.len() as f64)
    }

    /// By nearest rank; none without samples.
    pub fn rank(&self, share: f64) -> Option<f64> {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied()
    }

    /// NB: what is infinite becomes null.
    pub fn object(&self) -> Value {
        json!({
            "samples": self.count(), "mean": self.mean(), "p50": self.rank(0.5), "p95": self.rank(0.95),
            "max": self.rank(1.0),
        })
    }
}

/// A time of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    Answer,
    FirstToken,
}

impl Time {
    fn of(self, key: &Key) -> f64 {
        match self {
            Time::Answer => key.latency_ms,
            Time::FirstToken => key.first_token_ms,
        }
    }
}

impl Side {
    fn keys(&self) -> impl Iterator<Item = &(Class, Key)> {
        self.rounds.iter().flat_map(|round| &round.keys)
    }

    /// A counter of the keys of some classes; none where the arm does not know it.
    pub fn counter(&self, name: &str, is_of: impl Fn(Class) -> bool) -> Samples {
        let keys = self.keys().filter(|(class, _)| is_of(*class));
        Samples::new(keys.filter_map(|(_, key)| key.cost.0.get(name).map(|count| *count as f64)))
    }

    /// Of all keys for which the model wrote something, but the first of each run.
    pub fn times(&self, time: Time) -> Samples {
        Samples::new(self.rounds.iter().flat_map(|round| round.asked(time)))
    }

    /// The median over rounds of each round's.
    pub fn median(&self, time: Time) -> Option<f64> {
        let of_rounds = self.rounds.iter().filter_map(|round| Samples::new(round.asked(time)).rank(0.5));
        Samples::new(of_rounds).rank(0.5)
    }

    pub fn open_times(&self) -> (Samples, Samples) {
        let all = |of: fn(&Round) -> &Vec<f64>| Samples::new(self.rounds.iter().flat_map(of).copied());
        (all(|round| &round.latencies), all(|round| &round.pauses))
    }

    /// Keys that were answered by what is shown already, and the decodes that they cost all the same.
    pub fn along(&self) -> (usize, u64) {
        let along = self.keys().filter(|(_, key)| key.cost.get("cacheHits") > 0);
        let decodes = along.map(|(_, key)| key.cost.get("decodeCalls"));
        decodes.fold((0, 0), |(keys, sum), decodes| (keys + 1, sum + decodes))
    }

    pub fn reasons(&self) -> BTreeMap<&str, u64> {
        let mut reasons = BTreeMap::new();
        for (_, key) in self.keys() {
            *reasons.entry(key.reason.as_str()).or_default() += 1;
        }
        reasons
    }
}

impl Round {
    /// Enters a key, in the order they were pressed. `arrived` is the class of the key that came here, where no key has
    /// asked the model since.
    pub fn enter(&mut self, class: Class, key: Key, arrived: &mut Option<Class>) {
        if class.arrives() {
            *arrived = Some(class);
        }
        let is_asked = key.cost.get("promptTokens") > 0 || key.cost.get("evaluatedTokens") > 0;
        let class = match is_asked {
            true => arrived.take().unwrap_or(class),
            false if class.arrives() => Class::Unasked,
            false => class,
        };
        self.keys.push((class, key));
    }

    fn asked(&self, time: Time) -> impl Iterator<Item = f64> {
        let asked = self.keys.iter().filter(|(class, key)| *class != Class::Cold && key.is_asked());
        asked.map(move |(_, key)| time.of(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_somewhere_pays_for_it() {
        let mut round = Round::default();
        let mut arrived = None;
        let keys = [
            (Class::Cold, 9),
            (Class::Character, 1),
            (Class::Jump, 0),
            (Class::Character, 0),
            (Class::Enter, 7),
            (Class::Character, 1),
            (Class::Jump, 0),
            (Class::Return, 5),
        ];
        for (class, evaluated) in keys {
            let cost = Cost(BTreeMap::from([("evaluatedTokens", evaluated)]));
            let reason = String::new();
            let key = Key { cost, latency_ms: 0.0, first_token_ms: 0.0, read_ms: 0.0, write_ms: 0.0, reason };
            round.enter(class, key, &mut arrived);
        }
        let classes: Vec<Class> = round.keys.iter().map(|(class, _)| *class).collect();
        use Class::{Character, Cold, Jump, Return, Unasked};
        assert_eq!(classes, [Cold, Character, Unasked, Character, Jump, Character, Unasked, Return]);
    }

    #[test]
    fn ranks_and_means() {
        let samples = Samples::new((1..=200).rev().map(f64::from));
        assert_eq!(
            (samples.mean(), samples.rank(0.5), samples.rank(1.0)),
            (Some(100.5), Some(100.0), Some(200.0))
        );
        assert_eq!((Samples::new([]).mean(), Samples::new([]).rank(0.5)), (None, None));
        assert_eq!(Samples::new([1.0, f64::INFINITY]).object()["max"], Value::Null);
    }
}
