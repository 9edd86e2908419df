//! Choosing a token from a row of logits, and turning tokens into text. Pure.
//!
//! Completions want the likeliest text, the same each time: [`greedy`] finds it without a copy of the row. Whoever
//! wants chance asks for a [`Sampling`].

mod sampler;

pub use sampler::{Mirostat, Sampler, Sampling};

use crate::engine::slot::Token;

/// A chosen token and the natural logarithm of its probability among what could be chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    pub token: Token,
    pub log_probability: f32,
}

/// The likeliest token of a whole row. Ties go to the lower id. `None` for an empty row or one without a number.
pub fn greedy(row: &[f32]) -> Option<Choice> {
    let tokens = 0..Token::try_from(row.len()).unwrap_or(Token::MAX);
    among(row, tokens)
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
    let (mut most, mut second) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
    for &x in row {
        // NB: false for what is no number.
        if x > most {
            (most, second) = (x, most);
        } else if x > second {
            second = x;
        }
    }
    second.is_finite() && most - second < CLOSE
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
