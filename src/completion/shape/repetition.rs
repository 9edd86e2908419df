//! Where a text begins to go round in circles, as small models do when they have nothing to say.
//!
//! Lines that come again and again, and short cycles inside a line. Not repetition: a rule drawn on purpose (`----`),
//! columns of a table, placeholders, a number's zeros.

use crate::completion::line::is_telling;
use crate::completion::shape::End;

/// A line that says something is repeated when it comes this often in a row; so are two to four such lines.
const LINES: usize = 3;
/// Lines that say little, as those of a matrix do, are repeated from here on.
const LITTLE_LINES: usize = 5;
/// The bytes of a short cycle inside a line, which is repetition from so many rounds on…
const SHORT: usize = 16;
const ROUNDS: usize = 4;
/// …or from so many where it says little: `0, 0, 0, 0` is written by people too.
const LITTLE_ROUNDS: usize = 5;
/// Letters and digits alone have to fill more than these bytes: the digits of a number of 64 bits.
const DIGITS: usize = 16;
/// The bytes of a long cycle inside a line, and those that it has to fill.
const LONG: usize = 32;
const LONG_FILLS: usize = 64;

/// The byte at which `text` should end, for its lines or a cycle inside a line repeat what stands before.
/// `End::Whole`: its last line is complete.
pub fn found(text: &str, end: End) -> Option<usize> {
    let mut starts = Vec::new();
    let mut lines: Vec<&str> = Vec::new();
    let mut start = 0_usize;
    for line in text.split_inclusive('\n') {
        if has_cycle(line) {
            // Half a line before the cycle says nothing; what stands before the line may.
            return Some(start.saturating_sub(1));
        }
        let is_complete = line.ends_with('\n') || end == End::Whole;
        if is_complete && !line.trim().is_empty() {
            starts.push(start);
            lines.push(line.trim());
            if let Some(at) = repeated(&lines).and_then(|first| starts.get(first)) {
                return Some(at.saturating_sub(1));
            }
        }
        start += line.len();
    }
    None
}

/// The index of the line where the second round begins, where `lines` end with too many rounds of the same.
fn repeated(lines: &[&str]) -> Option<usize> {
    (1..=4).find_map(|count| {
        let round = &lines[lines.len().checked_sub(count)?..];
        let rounds = if round.iter().any(|line| is_telling(line)) {
            LINES
        } else if round.iter().any(|line| line.contains(char::is_alphanumeric)) {
            LITTLE_LINES
        } else {
            // Closers close one after the other.
            return None;
        };
        let first = lines.len().checked_sub(rounds * count)?;
        lines[first..].chunks(count).all(|other| other == round).then_some(first + count)
    })
}

/// Whether a cycle fills a part of `line`.
fn has_cycle(line: &str) -> bool {
    let bytes = line.trim_end().as_bytes();
    (1..=LONG).any(|period| {
        let mut same = 0;
        bytes.iter().zip(bytes.iter().skip(period)).enumerate().any(|(at, (this, next))| {
            same = if this == next { same + 1 } else { 0 };
            // Every part of a cycle that is as long as one round is a round.
            same >= (ROUNDS - 1) * period
                && most(&bytes[at + 1..=at + period]).is_some_and(|most| same + period >= most)
        })
    })
}

/// The bytes from which on a cycle with this round is repetition; `None` where it may go on for ever.
fn most(round: &[u8]) -> Option<usize> {
    let period = round.len();
    if period > SHORT {
        // Numbers are a table.
        return round.iter().any(u8::is_ascii_alphabetic).then_some(LONG_FILLS.max(ROUNDS * period));
    }
    let said = round.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    let is_quoted = round.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'`'))
        && round.iter().any(|byte| *byte != round[0]);
    let rounds = if said >= 3 { ROUNDS } else { LITTLE_ROUNDS };
    if said == period {
        Some((rounds * period).max(DIGITS + 1))
    } else {
        // What says nothing is a rule, a path upwards or placeholders; so are `%s, %s`.
        let is_text = (said > 0 && !round.contains(&b'%')) || is_quoted;
        is_text.then_some(rounds * period)
    }
}
