//! Choosing a token from a row of logits, and turning tokens into text. Pure.
//!
//! Completions want the likeliest text, the same each time: [`greedy`] finds it without a copy of the row. Whoever
//! wants chance asks for a [`Sampling`].

mod follow;
mod sampler;

pub use follow::{Follower, Vote, votes};
pub use sampler::{Mirostat, Sampler, Sampling};

use crate::engine::slot::Token;

/// A chosen token and the natural logarithm of its probability among what could be chosen; what speaks for it besides the
/// model counts (`follow`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    pub token: Token,
    pub log_probability: f32,
}

/// The likeliest token of a whole row. Ties go to the lower id. `None` for an empty row or one without a number.
///
/// NB: a row has up to 150,000 numbers, and this is done for every token while nothing else is: written so that the
/// compiler puts it into vectors. With a comparison and a call of `exp` for each it was a tenth of a small model's time.
pub fn greedy(row: &[f32]) -> Option<Choice> {
    let most = highest(row);
    if most == f32::NEG_INFINITY {
        return None;
    }
    let token = Token::try_from(row.iter().position(|&x| x == most)?).ok()?;
    if most == f32::INFINITY {
        // Nothing can be taken from it; against all that is finite it is certain.
        return Some(Choice { token, log_probability: 0.0 });
    }
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for chunk in chunks {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum += exp(x - most);
        }
    }
    let total: f32 = sums.into_iter().chain(rest.iter().map(|&x| exp(x - most))).sum();
    Some(Choice { token, log_probability: -total.ln() })
}

/// Numbers of a row that are looked at together.
const LANES: usize = 16;

/// The highest number of a row; minus infinity for one without any.
fn highest(row: &[f32]) -> f32 {
    let higher = |most: f32, x: f32| if x > most { x } else { most };
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (most, &x) in lanes.iter_mut().zip(chunk) {
            *most = higher(*most, x);
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |most, &x| higher(most, x))
}

/// e to the power of a number of at most 0, to seven digits; next to nothing for what is no number. By the polynomial of
/// Cephes' `expf`, in steps that have vectors.
fn exp(x: f32) -> f32 {
    // Below it is no normal number any more.
    let x = if x > -87.0 { x } else { -87.0 };
    // Adding this leaves the nearest whole number in the last bits.
    const ROUND: f32 = 12_582_912.0;
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let halvings = rounded - ROUND;
    // ln 2 in two parts, the first of which has few bits.
    let r = x - halvings * 0.693_359_4 - halvings * -2.121_944_4e-4;
    let tail = ((((1.987_569_1e-4 * r + 1.398_199_9e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r
        + 1.666_666_5e-1)
        * r
        + 0.5;
    let power = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    (tail * r * r + r + 1.0) * power
}

/// The likeliest of some tokens; the probability is taken among them alone. `None` if none of them has a number.
pub fn among(row: &[f32], tokens: impl Iterator<Item = Token> + Clone) -> Option<Choice> {
    let logit = |token: Token| usize::try_from(token).ok().and_then(|token| row.get(token)).copied();
    let mut best: Option<(Token, f32)> = None;
    for token in tokens.clone() {
        let Some(x) = logit(token) else { continue };
        if !x.is_nan() && x != f32::NEG_INFINITY && best.is_none_or(|(_, most)| x > most) {
            best = Some((token, x));
        }
    }
    let (token, most) = best?;
    if most == f32::INFINITY {
        // Nothing can be taken from it; against all that is finite it is certain.
        return Some(Choice { token, log_probability: 0.0 });
    }
    let total: f32 = tokens.filter_map(logit).filter(|x| !x.is_nan()).map(|x| (x - most).exp()).sum();
    Some(Choice { token, log_probability: -total.ln() })
}

/// Logits nearer than this may change places when a token is evaluated in a batch instead of by itself: the sums are
/// the same, and not added in the same order.
const CLOSE: f32 = 0.01;

/// Whether the likeliest token of a row is so only by a hair.
pub fn is_close(row: &[f32]) -> bool {
    let most = highest(row);
    // The likeliest one is near itself. NB: false for what is no number, and where the likeliest is endless.
    row.iter().map(|&x| u32::from(most - x < CLOSE)).sum::<u32>() > 1
}

/// Bytes of tokens → whole characters: a token may end inside a character.
#[derive(Debug, Default)]
pub struct TextStream {
    rest: Vec<u8>,
}

impl TextStream {
    /// The text that is complete after `bytes`; an error when they can no longer become UTF-8.
    pub fn push(&mut self, bytes: &[u8]) -> Result<String, NotText> {
        self.rest.extend_from_slice(bytes);
        let complete = match std::str::from_utf8(&self.rest) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(NotText),
        };
        let rest = self.rest.split_off(complete);
        let text = std::mem::replace(&mut self.rest, rest);
        String::from_utf8(text).map_err(|_| NotText)
    }
}

/// The model wrote bytes that are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotText;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest() {
        for (row, expected) in [
            (vec![], None),
            (vec![f32::NAN, f32::NEG_INFINITY], None),
            (vec![1.0, 3.0, 3.0], Some(1)),
            (vec![f32::NAN, -5.0], Some(1)),
        ] {
            assert_eq!(greedy(&row).map(|choice| choice.token), expected, "{row:?}");
        }
        let certain = greedy(&[0.0, 100.0]).unwrap();
        assert!(certain.log_probability.abs() < 1e-6);
        let endless = greedy(&[1.0, f32::INFINITY, f32::INFINITY]).unwrap();
        assert_eq!(endless, Choice { token: 1, log_probability: 0.0 });
        let even = greedy(&[2.0, 2.0, 2.0, 2.0]).unwrap();
        assert!((even.log_probability - 0.25f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn a_row_in_vectors_is_a_row() {
        let mut random = fastrand::Rng::with_seed(7);
        for length in (0..3 * LANES).chain([151_936]) {
            let mut row: Vec<f32> = (0..length).map(|_| random.f32() * 60.0 - 30.0).collect();
            for odd in [f32::NAN, f32::NEG_INFINITY, -1e30] {
                if let Some(place) = random.choice(0..length) {
                    row[place] = odd;
                }
            }
            let (all, each) = (greedy(&row), among(&row, 0..length as Token));
            assert_eq!(all.map(|choice| choice.token), each.map(|choice| choice.token), "{length}");
            let apart = all.zip(each).map(|(a, b)| (a.log_probability - b.log_probability).abs());
            assert!(apart.is_none_or(|apart| apart < 1e-4), "{length}: {apart:?}");
        }
    }

    #[test]
    fn powers_of_e() {
        for tenths in 0..870 {
            let x = -0.1 * tenths as f32;
            let (ours, exact) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((ours / exact - 1.0).abs() < 3e-7, "{x}: {ours} for {exact}");
        }
        for nothing in [-88.0, -1e30, f32::NEG_INFINITY, f32::NAN] {
            assert!((0.0..1e-37).contains(&exp(nothing)), "{nothing}");
        }
    }

    #[test]
    fn some_tokens_only() {
        let row = [9.0, 1.0, 2.0, f32::NAN];
        assert_eq!(among(&row, [1, 2, 3, -4, 77].into_iter()).map(|choice| choice.token), Some(2));
        assert_eq!(among(&row, std::iter::empty()), None);
    }

    #[test]
    fn by_a_hair() {
        for (row, expected) in [
            (&[][..], false),
            (&[1.0], false),
            (&[1.0, 3.0, 2.995], true),
            (&[2.995, f32::NAN, 3.0, -1.0], true),
            (&[3.0, 2.98], false),
            (&[3.0, 3.0], true),
            (&[f32::NEG_INFINITY, 0.0], false),
        ] {
            assert_eq!(is_close(row), expected, "{row:?}");
        }
    }

    #[test]
    fn characters_come_whole() {
        let mut stream = TextStream::default();
        let bytes = "é🦀!".as_bytes();
        let pieces: Vec<_> = bytes.iter().map(|&byte| stream.push(&[byte]).unwrap()).collect();
        assert_eq!(pieces, ["", "é", "", "", "", "🦀", "!"]);
        assert_eq!(stream.push(&[0xff]), Err(NotText));
    }
}
