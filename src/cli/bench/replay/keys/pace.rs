//! When keys come: gaps as people have them between keys, and pauses where they think.

use std::time::Duration;

use super::Typist;
use crate::completion::line::is_word;

/// The usual gap, milliseconds, and the spread of its logarithm.
const MEDIAN: f64 = 150.0;
const SPREAD: f64 = 0.35;
/// A pause to think, milliseconds.
const THOUGHT: (f64, f64) = (400.0, 3000.0);
/// Of a hundred ends of lines and of tokens, those where somebody thinks.
const AT_LINES: u32 = 40;
const AT_TOKENS: u32 = 8;

impl Typist {
    /// How long the next key comes after the last. Draws as many numbers wherever the cursor is.
    pub fn gap(&mut self) -> Duration {
        let (a, b) = (self.random.f64(), self.random.f64());
        let dice = self.random.u32(..100);
        let mut behind = self.target[..self.at].chars().rev();
        let ahead = self.target[self.at..].chars().next();
        let is_inside = behind.next().is_some_and(is_word) && ahead.is_some_and(is_word);
        let thinks = match ahead {
            Some('\n') => dice < AT_LINES,
            _ => !is_inside && dice < AT_TOKENS,
        };
        let milliseconds = if thinks {
            let (least, most) = THOUGHT;
            (least.ln() + a * (most / least).ln()).exp()
        } else {
            // Box and Muller: two even numbers make a normal one.
            let normal = (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos();
            MEDIAN * (SPREAD * normal).exp()
        };
        Duration::from_secs_f64(milliseconds / 1000.0)
    }
}
