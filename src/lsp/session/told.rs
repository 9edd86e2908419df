//! What the person was told, so that nobody is told the same again and again: a setting that is switched to and fro, by a
//! hand or by a tool, is one message and not hundreds.
//!
//! A mistake that comes back is told again only when it was gone for good; and of many different ones a few interrupt,
//! then one message says where the others are. All are in the log. Does *not* say anything itself, and keeps no time: who
//! asks says what time it is.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use crate::config::Problem;

/// After so long without it a mistake was gone for good; of the messages of that time only so many interrupt.
const GONE: Duration = Duration::from_secs(600);
const MOST: usize = 8;
/// Texts that are remembered: more than anybody could be told.
const REMEMBERED: usize = 1000;

/// How loudly something is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    Message,
    /// A message, and with it that from now on the log has the rest.
    Last,
    Log,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Told {
    /// What was wrong with settings, and when it was last so.
    mistakes: HashMap<String, Instant>,
    /// What is told once.
    once: HashSet<String>,
    /// When messages interrupted.
    messages: VecDeque<Instant>,
}

impl Told {
    /// Of what is wrong now, `before` having been wrong until now, what was not told yet and what is back.
    pub fn sorted<'a>(
        &mut self,
        problems: &'a [Problem],
        before: &[Problem],
        now: Instant,
    ) -> (Vec<&'a Problem>, Vec<&'a Problem>) {
        self.mistakes.retain(|_, last| now.saturating_duration_since(*last) < GONE);
        let new = problems.iter().filter(|problem| !before.iter().any(|before| problem.is_again(before)));
        let (back, first): (Vec<&Problem>, Vec<&Problem>) =
            new.partition(|problem| self.mistakes.contains_key(&name(problem)));
        if self.mistakes.len() > REMEMBERED {
            self.mistakes.clear();
        }
        self.mistakes.extend(problems.iter().chain(before).map(|problem| (name(problem), now)));
        (first, back)
    }

    /// Whether a text is told for the first time.
    pub fn is_first(&mut self, text: &str) -> bool {
        self.once.len() < REMEMBERED && self.once.insert(text.to_owned())
    }

    /// How loudly the next one is said.
    pub fn voice(&mut self, now: Instant) -> Voice {
        while self.messages.front().is_some_and(|at| now.saturating_duration_since(*at) >= GONE) {
            self.messages.pop_front();
        }
        if self.messages.len() == MOST {
            return Voice::Log;
        }
        self.messages.push_back(now);
        if self.messages.len() == MOST { Voice::Last } else { Voice::Message }
    }
}

/// What makes a problem the same: lines above it may have come and gone.
fn name(problem: &Problem) -> String {
    Problem { line: None, ..problem.clone() }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    fn problem(line: usize, key: &str) -> Problem {
        let message = "unknown key".to_owned();
        Problem { origin: Origin::Editor, line: Some(line), at: None, key: Some(key.into()), message }
    }

    /// What is wrong at one time after the other, `seconds:keys` each; what of it is first `!`, and what is back `.`.
    fn check(steps: &str, expected: &str) {
        let (mut told, begin) = (Told::default(), Instant::now());
        let (mut before, mut found) = (Vec::new(), Vec::new());
        for (line, step) in steps.split(' ').enumerate() {
            let (seconds, keys) = step.split_once(':').expect("a time");
            let now = begin + Duration::from_secs(seconds.parse().expect("seconds"));
            let keys = keys.split(',').filter(|key| !key.is_empty());
            let problems: Vec<Problem> = keys.map(|key| problem(line, key)).collect();
            let (first, back) = told.sorted(&problems, &before, now);
            let named = |mark: &str, problems: Vec<&Problem>| -> String {
                problems
                    .iter()
                    .map(|problem| format!("{}{mark}", problem.key.as_deref().unwrap_or_default()))
                    .collect()
            };
            found.push(named("!", first) + &named(".", back));
            before = problems;
        }
        assert_eq!(found.join(" "), expected, "{steps}");
    }

    #[test]
    fn a_mistake_is_told_once_until_it_was_gone_for_good() {
        check("0:a 1:a 2:a", "a!  ");
        check("0:a 1: 2:a 3: 4:a", "a!  a.  a.");
        check("0:a 1:a,b 2:b 3:a,b", "a! b!  a.");
        // Gone for nine minutes, and for ten.
        check("0:a 60: 600:a", "a!  a.");
        check("0:a 60: 660:a", "a!  a!");
        // It was there all the time, and then gone for a moment.
        check("0:a 5000: 5001:a", "a!  a.");
    }

    #[test]
    fn of_many_a_few_interrupt() {
        let (mut told, begin) = (Told::default(), Instant::now());
        let voices: Vec<Voice> = (0..300).map(|_| told.voice(begin)).collect();
        let count = |voice| voices.iter().filter(|found| **found == voice).count();
        assert_eq!((count(Voice::Message), count(Voice::Last), count(Voice::Log)), (MOST - 1, 1, 300 - MOST));
        assert_eq!(told.voice(begin + GONE - Duration::from_secs(1)), Voice::Log);
        assert_eq!(told.voice(begin + GONE), Voice::Message);
        assert!(told.is_first("x") && !told.is_first("x"));
    }
}
