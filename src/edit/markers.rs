//! The markers between which a model writes its edits, and the streaming parser of them.
//!
//! An answer is prose and edits. An edit stands between [`Markers::start`] and [`Markers::end`]; it may open with
//! headers (`FILE: src/a.rs`), and holds either new text or pairs of search and replace. There are no line numbers, no
//! escapes and no JSON: published boards have small models fail at all three. Grammar and rules are tolerant in form and
//! strict in meaning: a marker may be misspelt in the ways in which models misspell it, but what was cut off or left
//! ambiguous is told as such and is never to be applied.
//!
//! This room reads text and nothing else. It does *not* take fences off a body or set its indentation (`repair`), say
//! which file a header means (`script`), or decide that an edit is right.

mod answer;
mod line;
mod parser;

pub use answer::{Answer, Block, Body, Event, Fault, Hunk, Status, Stop};
pub use line::{Header, header};
pub use parser::Parser;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How much the model is asked for, and so which headers an edit may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// One region, chosen by us: the body is all of it. No headers; after the end there is nothing to wait for.
    Region,
    /// Several regions, numbered by us: `REGION: n`.
    Regions,
    /// The model finds the places: `FILE:`, `OP:`, `TO:`, `LANG:`.
    Files,
}

/// The spelling of the markers in one conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markers {
    nonce: Option<String>,
}

/// Letters and digits in a nonce: as many as the grammar allows.
const NONCE: usize = 8;

impl Markers {
    /// The markers to use when the model is shown `texts`: with a nonce only where one of them already holds what could
    /// be read as a marker, since a plain marker is what models know best. The same texts give the same nonce, which
    /// stands in none of them.
    pub fn for_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let texts: Vec<_> = texts.into_iter().collect();
        if !texts.iter().any(|text| line::holds_marker(text)) {
            return Self::default();
        }
        let hash = texts.iter().fold(0, |seed, text| xxh3_64_with_seed(text.as_bytes(), seed));
        Self { nonce: Some(nonce(hash, &texts)) }
    }

    /// What only markers of this conversation carry; `None` where every marker counts.
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    pub fn start(&self) -> String {
        self.spell("EDIT_START")
    }

    pub fn end(&self) -> String {
        self.spell("EDIT_END")
    }

    pub fn search(&self) -> String {
        self.spell("SEARCH")
    }

    pub fn replace(&self) -> String {
        self.spell("REPLACE")
    }

    /// Ends the headers, for a body that itself begins like one.
    pub fn code(&self) -> String {
        self.spell("CODE")
    }

    fn spell(&self, name: &str) -> String {
        match &self.nonce {
            Some(nonce) => format!("<<<AI_{name}:{nonce}>>>"),
            None => format!("<<<AI_{name}>>>"),
        }
    }

    fn all(&self) -> [String; 5] {
        [self.start(), self.end(), self.search(), self.replace(), self.code()]
    }
}

/// The first nonce from `hash` on that stands in none of `texts`.
fn nonce(mut hash: u64, texts: &[&str]) -> String {
    loop {
        let nonce = spell(hash);
        if !texts.iter().any(|text| text.contains(&nonce)) {
            return nonce;
        }
        hash = xxh3_64_with_seed(nonce.as_bytes(), hash);
    }
}

/// Base 36, lowest digit first.
fn spell(mut hash: u64) -> String {
    let mut digit = || {
        let digit = (hash % 36) as u32;
        hash /= 36;
        char::from_digit(digit, 36).unwrap_or('0')
    };
    (0..NONCE).map(|_| digit()).collect()
}

#[cfg(test)]
mod tests;
