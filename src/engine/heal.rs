//! Token healing: where the tokens of a text are not yet settled, and which tokens may spell what is.
//!
//! A model has seen whole words, not the halves a cursor leaves. So the last piece before the cursor is taken back
//! from the prompt and its bytes are forced while generating: only tokens that agree with them are candidates.

use crate::engine::slot::Token;

/// The byte of `text` before which its tokens stay the same whatever is typed next: where the last piece of a GPT-2
/// style pre-tokenizer begins. Errs only towards taking back more. A byte of 0x80 or above may belong to a letter or
/// to a sign, so a run that holds one is taken back as both.
///
/// Measured against ten vocabularies, SentencePiece among them (design notes, `performance.md` §3).
pub fn unstable_tail(text: &[u8]) -> usize {
    let letter = |b: u8| b.is_ascii_alphabetic();
    let digit = |b: u8| b.is_ascii_digit();
    let space = |b: u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    let newline = |b: u8| matches!(b, b'\r' | b'\n');
    let wide = |b: u8| b >= 0x80;
    let sign = |b: u8| !letter(b) && !digit(b) && !space(b);
    let back = |from: usize, within: &dyn Fn(u8) -> bool| {
        text[..from].iter().rposition(|&b| !within(b)).map_or(0, |before| before + 1)
    };
    let one_space_back = |at: usize| {
        if at > 0 && text[at - 1] == b' ' { at - 1 } else { at }
    };

    let end = text.len();
    let Some(&last) = text.last() else { return 0 };
    if digit(last) {
        return back(end, &digit).max(end.saturating_sub(3));
    }
    if letter(last) || wide(last) {
        let start = back(end, &|b| letter(b) || wide(b));
        if text[start..].iter().any(|&b| wide(b)) {
            return one_space_back(back(start, &|b| letter(b) || sign(b)));
        }
        // One blank or sign before a word belongs to it.
        let joins = start > 0 && !digit(text[start - 1]) && !newline(text[start - 1]);
        return start - usize::from(joins);
    }
    let blanks = back(end, &space);
    if blanks < end && !text[blanks..].iter().any(|&b| newline(b)) {
        return blanks;
    }
    // Signs, or signs that a newline joins.
    one_space_back(back(blanks, &sign))
}

/// The vocabulary by bytes: the text of each token, and which tokens begin with, or begin, a text.
#[derive(Debug, Default)]
pub struct Pieces {
    bytes: Vec<u8>,
    /// End of each token's text in `bytes`.
    ends: Vec<u32>,
    /// Text tokens by their bytes; control tokens and empty ones are not here.
    sorted: Vec<Token>,
}

impl Pieces {
    /// `pieces` in the order of their ids: the bytes of each token, and whether it is text (not a control token).
    pub fn new(pieces: impl Iterator<Item = (Vec<u8>, bool)>) -> Self {
        let mut all = Self::default();
        for (token, (bytes, is_text)) in (0..).zip(pieces) {
            if is_text && !bytes.is_empty() {
                all.sorted.push(token);
            }
            all.bytes.extend_from_slice(&bytes);
            all.ends.push(u32::try_from(all.bytes.len()).unwrap_or(u32::MAX));
        }
        let mut sorted = std::mem::take(&mut all.sorted);
        sorted.sort_by(|&a, &b| all.piece(a).cmp(all.piece(b)).then(a.cmp(&b)));
        all.sorted = sorted;
        all
    }

    /// The bytes of a token; none for an id outside the vocabulary.
    pub fn piece(&self, token: Token) -> &[u8] {
        let Ok(index) = usize::try_from(token) else {
            return &[];
        };
        let Some(&end) = self.ends.get(index) else {
            return &[];
        };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..end as usize]
    }

    /// Every text token that may come next where the text must go on with `forced`: those that begin with it, and
    /// those that are a proper prefix of it.
    pub fn candidates<'a>(&'a self, forced: &'a [u8]) -> impl Iterator<Item = Token> + 'a {
        let prefixes =
            (1..forced.len()).flat_map(|length| self.range(&forced[..length], |piece, text| piece == text));
        prefixes.chain(self.range(forced, <[u8]>::starts_with)).copied()
    }

    /// The run of sorted tokens from the first not below `text` for which `matches` holds.
    fn range(&self, text: &[u8], matches: fn(&[u8], &[u8]) -> bool) -> &[Token] {
        let start = self.sorted.partition_point(|&token| self.piece(token) < text);
        let length = self.sorted[start..].partition_point(|&token| matches(self.piece(token), text));
        &self.sorted[start..start + length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unsettled_part() {
        for (text, unsettled) in [
            ("", ""),
            ("self", "self"),
            ("x = self", " self"),
            ("x = self.", "."),
            ("self.conf", ".conf"),
            ("x1", "1"),
            ("x12345", "345"),
            ("a = ", " "),
            ("a =", " ="),
            ("fn f() {\n    ", " {\n    "),
            ("fn f() {\n    let", " let"),
            ("foo\nbar", "bar"),
            ("x9y", "y"),
            ("say \"hé", " \"hé"),
            ("vec![", "!["),
            ("日本", "日本"),
            ("a\n\n", "\n\n"),
        ] {
            let at = unstable_tail(text.as_bytes());
            assert_eq!(&text[at..], unsettled, "{text:?}");
        }
    }

    fn pieces(texts: &[&str]) -> Pieces {
        Pieces::new(texts.iter().map(|text| (text.as_bytes().to_vec(), !text.starts_with('<'))))
    }

    #[test]
    fn candidates_agree_with_what_is_forced() {
        let pieces = pieces(&["s", "se", "self", "selfish", "config", "<eot>", "", "el", "sel", "self"]);
        let mut found: Vec<_> = pieces.candidates(b"self").collect();
        found.sort_unstable();
        assert_eq!(found, [0, 1, 2, 3, 8, 9]);
        assert_eq!(pieces.candidates(b"zebra").count(), 0);
        assert_eq!(pieces.piece(3), b"selfish");
        assert_eq!((pieces.piece(-1), pieces.piece(99)), (&b""[..], &b""[..]));
    }
}
