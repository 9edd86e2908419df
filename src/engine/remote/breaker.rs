//! Whether a server is asked at all: a circuit breaker. Pure; who asks says what time it is.
//!
//! A server that failed several times in a row is let alone for a while, so that nobody waits for it with every key;
//! then one question tries whether it is back. Each time it is not, it is let alone for twice as long.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Failures in a row after which a server is let alone.
const FAILURES: u32 = 3;
/// For how long, the first time, and at most.
const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);

/// How it is with a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It is asked.
    #[default]
    Closed,
    /// It is let alone.
    Open,
    /// One question tries whether it is back.
    HalfOpen,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Breaker {
    state: State,
    /// Failures in a row.
    failures: u32,
    /// For how long it was let alone the last time.
    pause: Duration,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Closed,
    Open {
        until: Instant,
    },
    /// The question that tries has not ended.
    Trying,
}

impl Breaker {
    /// Whether the server may be asked now. Each yes is followed by one of the three below.
    pub fn admits(&mut self, now: Instant) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until } if now >= until => {
                self.state = State::Trying;
                true
            }
            State::Open { .. } | State::Trying => false,
        }
    }

    /// It answers.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It did not answer, or asked to be let alone for a time.
    pub fn failed(&mut self, now: Instant, asked: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES || matches!(self.state, State::Trying) {
            self.open(now, asked);
        }
    }

    /// It answers that it will not: no use in asking again soon.
    pub fn refused(&mut self, now: Instant) {
        self.open(now, None);
    }

    /// Nobody waited for the answer: nothing is known of the server that was not known before.
    pub fn abandoned(&mut self, now: Instant) {
        if matches!(self.state, State::Trying) {
            self.state = State::Open { until: now };
        }
    }

    pub fn health(&self, now: Instant) -> Health {
        match self.state {
            State::Closed => Health::Closed,
            State::Open { until } if now >= until => Health::HalfOpen,
            State::Open { .. } => Health::Open,
            State::Trying => Health::HalfOpen,
        }
    }

    fn open(&mut self, now: Instant, asked: Option<Duration>) {
        self.pause = (self.pause * 2).clamp(FIRST, LONGEST);
        let pause = asked.map_or(self.pause, |asked| asked.clamp(self.pause, LONGEST));
        // No clock goes that far.
        let until = now.checked_add(pause).unwrap_or(now);
        self.state = State::Open { until };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One word a step: `ask` with `+` or `-` for what it is told, `ok`, `fail`, `refuse`, `leave`, `fail:60` where the
    /// server asks for so many seconds, or seconds that pass. After each the health, by its letter.
    fn check(steps: &str, expected: &str) {
        let mut breaker = Breaker::default();
        let mut now = Instant::now();
        let mut found = String::new();
        for step in steps.split(' ') {
            match step {
                "ask+" => assert!(breaker.admits(now), "{steps}: {found}"),
                "ask-" => assert!(!breaker.admits(now), "{steps}: {found}"),
                "ok" => breaker.succeeded(),
                "fail" => breaker.failed(now, None),
                "refuse" => breaker.refused(now),
                "leave" => breaker.abandoned(now),
                step => match step.strip_prefix("fail:") {
                    Some(asked) => breaker.failed(now, Some(Duration::from_secs(asked.parse().unwrap()))),
                    None => now += Duration::from_secs(step.parse().unwrap()),
                },
            }
            found.push(match breaker.health(now) {
                Health::Closed => 'c',
                Health::Open => 'o',
                Health::HalfOpen => 'h',
            });
        }
        assert_eq!(found, expected, "{steps}");
    }

    #[test]
    fn a_server_that_fails_is_let_alone_and_tried_again() {
        check("ask+ ok ask+ fail ask+ fail ask+ ok", "cccccccc");
        check("ask+ fail ask+ fail ask+ fail ask-", "cccccoo");
        // A success in between counts from the beginning.
        check("fail fail ok fail fail ask+", "cccccc");
        check("fail fail fail 9 ask- 1 ask+ ask- ok ask+", "ccooohhhcc");
        // Twice as long each time, five minutes at most.
        check("fail fail fail 10 ask+ fail 19 ask- 1 ask+ fail 39 ask- 1 ask+", "ccohhooohhooohh");
        check(
            "refuse 10 ask+ fail 20 ask+ fail 40 ask+ fail 80 ask+ fail 160 ask+ fail 299 ask- 1 ask+",
            "ohhohhohhohhohhooohh",
        );
        check("refuse ask- 10 ask+ ok ask+", "oohhcc");
        // Nobody waited: the next one tries at once.
        check("refuse 10 ask+ leave ask+ ok", "ohhhhc");
        check("ask+ leave ask+", "ccc");
        // As long as the server asks for, where that is longer.
        check("fail fail fail:60 59 ask- 1 ask+", "ccooohh");
        check("fail fail fail:1 9 ask- 1 ask+", "ccooohh");
        check("fail fail fail:99999 299 ask- 1 ask+", "ccooohh");
    }
}
