//! What a model's speed allows: how long it waits for the next key before it begins to write, and how much it writes.
//! Pure: times in, decisions out.
//!
//! What is written before the next key is seldom in vain where a model is done with a line by then: it is shown, or what
//! was typed agrees with it. A model that is not done by then shows nothing in the meantime whenever it begins, and most
//! of what it began is of another word than the one that is typed: the less of a line it can write between two keys,
//! the longer it waits, and it is begun where somebody pauses. Prompts are read without any wait. And a model
//! that is not done with a block by the time it has for it writes the line, and the next one when that is taken.

use std::time::Duration;

use crate::completion::policy::{Multiline, Trigger};

/// Tokens of a usual line.
const LINE_TOKENS: u32 = 12;
/// Of a usual block.
const BLOCK_TOKENS: u32 = 40;
/// For all that one key brings to arrive: also a model that is fast enough waits for that.
const LEAST: Duration = Duration::from_millis(10);
/// Of whoever pauses, more would be felt.
const MOST: Duration = Duration::from_millis(150);

/// The wait, by the usual gap between two keys, and by what a token takes the model; both may be zero, where nobody has
/// typed or nothing was written yet.
pub fn debounce(gap: Duration, token: Duration) -> Duration {
    let line = token.saturating_mul(LINE_TOKENS).as_secs_f64();
    // One that is done with a line by the key after the next is quick enough.
    let between = 2.0 * gap.as_secs_f64();
    let share = if line > between { 1.0 - between / line } else { 0.0 };
    // Gaps are as often longer than usual as shorter: half as long again, and most of them are over.
    let pause = gap.mul_f64(1.5 * share);
    (LEAST.min(gap / 2) + pause).min(MOST)
}

/// How much is written of what the settings want: lines alone, where a block takes longer than may be written for
/// (`limit`), and nobody has asked for it.
pub fn multiline(wanted: Multiline, trigger: Trigger, token: Duration, limit: Duration) -> Multiline {
    let is_slow = token.saturating_mul(BLOCK_TOKENS) > limit;
    match (wanted, trigger) {
        (Multiline::Auto, Trigger::Automatic) if is_slow => Multiline::Never,
        _ => wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_model_writes_lines() {
        use Multiline::{Always, Auto, Never};
        use Trigger::{Automatic, Invoked};
        for (wanted, trigger, token, expected) in [
            (Auto, Automatic, 0, Auto),
            (Auto, Automatic, 50, Auto),
            (Auto, Automatic, 51, Never),
            (Auto, Invoked, 1000, Auto),
            (Always, Automatic, 1000, Always),
            (Never, Automatic, 1, Never),
        ] {
            let [token, limit] = [token, 2000].map(Duration::from_millis);
            assert_eq!(multiline(wanted, trigger, token, limit), expected, "{token:?}");
        }
    }

    /// Milliseconds: the usual gap, a token, the wait.
    #[test]
    fn a_slow_model_waits_for_a_pause() {
        for (gap, token, expected) in [
            // Nobody has typed, or nothing is known of the model.
            (0, 0, 0),
            (0, 53, 0),
            (150, 0, 10),
            (6, 0, 3),
            // A line is written before the next key.
            (150, 2, 10),
            (700, 53, 10),
            // Before the next but one; nearly so; half of it, and less.
            (150, 18, 10),
            (150, 27, 26),
            (150, 53, 128),
            (150, 63, 145),
            (150, 500, 150),
            // Who types slowly is not waited for.
            (400, 53, 10),
            (400, 5000, 150),
        ] {
            let ms = Duration::from_millis;
            assert_eq!(debounce(ms(gap), ms(token)).as_millis(), expected, "{gap} {token}");
        }
    }
}
