//! The codes of what stopped a change: in results, statistics and the README.

use std::fmt;

macro_rules! guards {
    ($($variant:ident $code:literal $meaning:literal,)*) => {
        /// What stopped a change, or asks a person to look at it first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Guard { $(#[doc = $meaning] $variant,)* }

        impl Guard {
            /// In the order in which they are asked.
            pub const ALL: &'static [Guard] = &[$(Guard::$variant,)*];

            /// The stable code: `guard` of a result, and the key in the statistics.
            pub fn code(self) -> &'static str {
                match self { $(Guard::$variant => $code,)* }
            }

            /// One sentence for the README: what it stands for, whatever the case.
            pub fn meaning(self) -> &'static str {
                match self { $(Guard::$variant => $meaning,)* }
            }
        }
    };
}

guards! {
    Model "model" "there is no model that can answer",
    Fit "fit" "the code and the answer would not fit the model's context",
    Truncated "truncated" "the answer was cut off at its limit",
    Malformed "malformed" "the answer does not say what to change, or has characters that cannot be seen",
    Elision "elision" "the answer leaves code out and does not say clearly which",
    Outside "outside" "the answer names a file that must not be touched",
    Stale "stale" "the code was changed while the answer was made",
    Empty "empty" "there is nothing to work on, or the answer is empty",
    Syntax "syntax" "the change would add a syntax error",
    Invariant "invariant" "the change does more than the action may, or not what it is for",
    Loss "loss" "the change would remove a named symbol, a comment or much of the code, or leave a stub of it",
    Confirm "confirm" "nothing is doubted, but you want to see such an edit before it is made",
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// No change, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Refusal {
    pub guard: Guard,
    /// What was found and what can be done about it. A model that tries again reads it too.
    pub sentence: String,
}

impl Refusal {
    pub fn new(guard: Guard, sentence: impl Into<String>) -> Self {
        Self { guard, sentence: sentence.into() }
    }

    /// From words that begin small, as errors say them: the first letter made a capital.
    pub fn saying(guard: Guard, words: &str) -> Self {
        let mut letters = words.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        Self::new(guard, first + letters.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_words_and_differ() {
        let codes: HashSet<_> = Guard::ALL.iter().map(|guard| guard.code()).collect();
        assert_eq!(codes.len(), Guard::ALL.len());
        for guard in Guard::ALL {
            assert!(guard.code().chars().all(|c| c.is_ascii_lowercase()), "{guard}");
            assert!(!guard.meaning().ends_with('.') && guard.meaning().len() > 20, "{guard}");
        }
        let refusal = Refusal::new(Guard::Stale, "It changed.");
        assert_eq!(format!("{} {refusal}", refusal.guard), "stale It changed.");
    }
}
