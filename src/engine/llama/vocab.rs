//! Tokens and bytes of a loaded model, behind the guards that tokenizing needs.

use std::sync::Arc;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use super::alive::Counted;
use crate::engine::heal::Pieces;
use crate::engine::slot::Token;
use crate::engine::spell::Tokenizer;

/// The longest text given to the tokenizer at once outside the engine thread, bytes: some pre-tokenizers recurse once
/// for each character and overflow a 2 MiB stack at about 7,000 (design notes, `llama.md` §8).
const SLICE: usize = 4_000;

/// The longest text given to it on the engine thread, whose stack of 64 MiB holds about 200,000.
const ENGINE_SLICE: usize = 100_000;

/// A model's vocabulary. Keeps the model alive.
pub struct Vocabulary {
    model: Arc<LlamaModel>,
    pieces: Pieces,
    /// Tokens that end an answer or that no answer may hold.
    ends: Vec<bool>,
    /// Tokens that a SentencePiece vocabulary puts before every text: that of a leading newline.
    lead: Vec<LlamaToken>,
    // NB: after the model, which is gone when this is.
    _counted: Counted,
}

impl Vocabulary {
    /// `more_ends`: tokens that end an answer besides those that llama.cpp knows.
    pub fn new(model: Arc<LlamaModel>, more_ends: &[u32]) -> Self {
        let vocab = model.vocab();
        let mut ends = Vec::with_capacity(usize::try_from(vocab.n_tokens()).unwrap_or(0));
        let pieces = Pieces::new((0..vocab.n_tokens()).map(|id| {
            let token = LlamaToken(id);
            let ends_too = u32::try_from(id).is_ok_and(|id| more_ends.contains(&id));
            let special = vocab.is_control(token) || vocab.is_eog(token) || ends_too;
            ends.push(special);
            // NB: in range by construction; llama.cpp aborts on an id outside the vocabulary.
            let bytes = if special { Vec::new() } else { vocab.token_to_piece(token, false, None) };
            (bytes, !special)
        }));
        // Byte-level vocabularies give back what they are given; SentencePiece puts a blank before each text.
        let probe = vocab.tokenize(b"x", false, false);
        let spelled: usize = probe.iter().map(|token| pieces.piece(token.0).len()).sum();
        let lead = if spelled > 1 { vocab.tokenize(b"\n", false, false) } else { Vec::new() };
        Self { pieces, ends, lead, model, _counted: Counted::model() }
    }

    pub fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// How many tokens there are.
    pub fn size(&self) -> usize {
        self.ends.len()
    }

    /// Whether a token ends an answer: end of generation, or a control token, which is never text.
    pub fn ends(&self, token: Token) -> bool {
        usize::try_from(token).ok().and_then(|index| self.ends.get(index).copied()).unwrap_or(true)
    }

    /// The number of tokens of `text`, on any thread. Exact but for pieces that a cut between two slices divides.
    pub fn count(&self, text: &str) -> usize {
        slices(text, SLICE).map(|slice| self.tokens(slice, false).len()).sum()
    }

    /// `own`: control tokens are recognised.
    fn tokens(&self, text: &str, own: bool) -> Vec<LlamaToken> {
        let vocab = self.model.vocab();
        if self.lead.is_empty() {
            return vocab.tokenize(text.as_bytes(), false, own);
        }
        // The blank goes before a newline of ours, and both are taken off again.
        let mut led = Vec::with_capacity(text.len() + 1);
        led.push(b'\n');
        led.extend_from_slice(text.as_bytes());
        let tokens = vocab.tokenize(&led, false, own);
        match tokens.strip_prefix(self.lead.as_slice()) {
            Some(rest) => rest.to_vec(),
            None => vocab.tokenize(text.as_bytes(), false, own),
        }
    }
}

/// NB: for the engine thread alone; other threads have small stacks and use [`Vocabulary::count`].
impl Tokenizer for Vocabulary {
    fn tokenize(&self, text: &str) -> Vec<Token> {
        slices(text, ENGINE_SLICE).flat_map(|slice| self.tokens(slice, false)).map(|token| token.0).collect()
    }

    fn tokenize_own(&self, text: &str) -> Vec<Token> {
        slices(text, ENGINE_SLICE).flat_map(|slice| self.tokens(slice, true)).map(|token| token.0).collect()
    }

    fn piece(&self, token: Token) -> &[u8] {
        self.pieces.piece(token)
    }
}

/// Cuts a text into slices of at most `most` bytes, behind a line end where there is one.
fn slices(mut text: &str, most: usize) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let mut end = text.len();
        if end > most {
            end = text.floor_char_boundary(most);
            end = text[..end].rfind('\n').map_or(end, |newline| newline + 1);
        }
        let (slice, rest) = text.split_at(end);
        text = rest;
        Some(slice)
    })
}

#[cfg(test)]
mod tests {
    use super::slices;

    #[test]
    fn slices_lose_nothing() {
        for text in ["", "a", "ab\ncd\nef", "äöü", "abcdefghij", "\n\n\n\n\n\n"] {
            let cut: Vec<_> = slices(text, 4).collect();
            assert_eq!(cut.concat(), text);
            assert!(cut.iter().all(|slice| (1..=4).contains(&slice.len())), "{cut:?}");
        }
    }
}
