//! From a prompt to tokens: the layouts, and the tokens of typed text kept from one keystroke to the next. Pure.
//!
//! Every layout of a `Fill` is a frozen part, then *live* text that grows as the person types, then perhaps one closing token.
//! The frozen part is tokenized once. The live text is tokenized again only from a little before the first byte that
//! changed, and always comes out as a tokenizer that saw it whole would have it: a warm prompt is the cold prompt,
//! token for token. File text is tokenized with special tokens off; the only control tokens are those put here.
//!
//! An `Instruct` is frozen as a whole: the words of a model's chat, in which special tokens are recognised, and between
//! them what is said, in which they are not; or the plain text, for a model that does not chat.

use std::collections::HashMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::engine::chat::{Chat, Span};
use crate::engine::heal::unstable_tail;
use crate::engine::slot::Token;
use crate::models::catalog::Layout;
use crate::prompt::{Fill, Instruct, Prompt};

/// What spelling needs of a vocabulary.
pub trait Tokenizer {
    /// The tokens of a text, control tokens never recognised in it.
    fn tokenize(&self, text: &str) -> Vec<Token>;

    /// The tokens of a text in which control tokens are recognised: never of a file's, or a person's.
    fn tokenize_own(&self, text: &str) -> Vec<Token>;

    /// The bytes of a token.
    fn piece(&self, token: Token) -> &[u8];
}

/// How a model wants to be asked, in token ids of its vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    pub layout: Layout,
    /// Put first where the vocabulary asks for it.
    pub begin: Option<Token>,
    /// Prefix, suffix, middle; none for `Layout::PrefixOnly`.
    pub fim: Option<FimTokens>,
    /// Stands before the header of a file, where the model has a token for that.
    pub separator: Option<Token>,
    /// The text before a file's own, behind the separator, with `{path}`; empty for a model that knows one file only.
    pub file_header: String,
    /// How it is talked to; none for a model that does not chat.
    pub chat: Option<Arc<Chat>>,
    /// What a prompt of no tokens at all is made of: llama.cpp refuses an empty batch.
    pub filler: Token,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FimTokens {
    pub prefix: Token,
    pub suffix: Token,
    /// Only `Layout::SuffixPrefixMiddle` may lack it.
    pub middle: Option<Token>,
}

impl Spelling {
    /// Whether other files can be shown to the model.
    pub fn quotes(&self) -> bool {
        !self.file_header.is_empty()
    }
}

/// A spelled prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelled {
    pub tokens: Vec<Token>,
    /// Bytes the answer must begin with: the unsettled end of the text before the cursor.
    pub forced: Vec<u8>,
}

/// The most bytes ever forced; what a longer run has before that stays in the prompt as it is.
const MOST_FORCED: usize = 64;
/// Frozen texts whose tokens are kept.
const FROZEN_KEPT: usize = 64;
/// Live texts whose tokens are kept: one for each place in use, and a few more.
const LIVE_KEPT: usize = 8;

/// Spells prompts for one model, remembering tokens of texts seen before.
pub struct Speller {
    spelling: Spelling,
    frozen: HashMap<u64, Arc<[Token]>>,
    /// Newest last.
    live: Vec<Live>,
    heals: bool,
}

/// A live text and where each of its tokens ends, bytes.
struct Live {
    text: String,
    tokens: Vec<(Token, usize)>,
}

impl Speller {
    pub fn new(spelling: Spelling) -> Self {
        Self { spelling, frozen: HashMap::new(), live: Vec::new(), heals: true }
    }

    /// One that takes nothing back: what healing is measured against.
    pub fn without_healing(spelling: Spelling) -> Self {
        Self { heals: false, ..Self::new(spelling) }
    }

    /// A token that stands for any.
    pub fn filler(&self) -> Token {
        self.spelling.filler
    }

    /// The tokens of a prompt and the bytes to force after them.
    pub fn spell(&mut self, prompt: &Prompt, tokenizer: &dyn Tokenizer) -> Spelled {
        let mut spelled = match prompt {
            Prompt::Fill(fill) => self.fill(fill, tokenizer),
            // What an answer begins with is ours, and its end settled: nothing is healed.
            Prompt::Instruct(instruct) => {
                Spelled { tokens: self.instruct(instruct, tokenizer), forced: Vec::new() }
            }
        };
        if spelled.tokens.is_empty() {
            spelled.tokens.push(self.spelling.filler);
        }
        spelled
    }

    /// Whether the model may open its answer to this with thoughts.
    pub fn may_think(&self, prompt: &Prompt) -> bool {
        matches!(prompt, Prompt::Instruct(_)) && self.spelling.chat.is_some()
    }

    fn instruct(&mut self, instruct: &Instruct, tokenizer: &dyn Tokenizer) -> Vec<Token> {
        let mut tokens = Vec::new();
        match self.spelling.chat.clone() {
            Some(chat) => {
                for span in chat.spans(instruct) {
                    match span {
                        Span::Own(text) => self.put_own(text, tokenizer, &mut tokens),
                        Span::Text(text) => self.put(text, tokenizer, &mut tokens),
                    }
                }
            }
            None => self.put(&instruct.plain, tokenizer, &mut tokens),
        }
        // A template may have put it already.
        if let Some(begin) = self.spelling.begin.filter(|begin| tokens.first() != Some(begin)) {
            tokens.insert(0, begin);
        }
        tokens
    }

    fn fill(&mut self, fill: &Fill, tokenizer: &dyn Tokenizer) -> Spelled {
        let mut tokens: Vec<Token> = self.spelling.begin.into_iter().collect();
        self.put_files(fill, tokenizer, &mut tokens);
        let before_cursor = || [&*fill.head, &fill.typed].concat();
        let mut closing = None;
        let live = match (self.spelling.layout, self.spelling.fim) {
            (Layout::AnchoredMiddle, Some(fim)) => {
                tokens.push(fim.prefix);
                self.put(&fill.head, tokenizer, &mut tokens);
                tokens.push(fim.suffix);
                self.put(&fill.tail, tokenizer, &mut tokens);
                tokens.extend(fim.middle);
                fill.typed.clone()
            }
            (Layout::SuffixFirst, Some(fim)) => {
                tokens.extend([fim.prefix, fim.suffix]);
                self.put(&fill.tail, tokenizer, &mut tokens);
                tokens.extend(fim.middle);
                before_cursor()
            }
            (Layout::SuffixPrefixMiddle, Some(fim)) => {
                tokens.push(fim.suffix);
                self.put(&fill.tail, tokenizer, &mut tokens);
                tokens.push(fim.prefix);
                closing = fim.middle;
                before_cursor()
            }
            (Layout::PrefixOnly, _) | (_, None) => before_cursor(),
        };
        let (settled, forced) = self.settled(live, tokenizer);
        tokens.extend(settled);
        tokens.extend(closing);
        Spelled { tokens, forced }
    }

    /// Other files, each behind its header, then the header of this one: most stable first.
    fn put_files(&mut self, fill: &Fill, tokenizer: &dyn Tokenizer, tokens: &mut Vec<Token>) {
        if fill.snippets.is_empty() || !self.spelling.quotes() {
            return;
        }
        for snippet in fill.snippets.iter() {
            tokens.extend(self.spelling.separator);
            let newline = if snippet.text.ends_with('\n') { "" } else { "\n" };
            let text = self.header(&snippet.path) + &snippet.text + newline;
            self.put(&text, tokenizer, tokens);
        }
        tokens.extend(self.spelling.separator);
        self.put(&self.header(&fill.path), tokenizer, tokens);
    }

    fn header(&self, path: &str) -> String {
        self.spelling.file_header.replace("{path}", path)
    }

    /// Appends the tokens of a frozen text.
    fn put(&mut self, text: &str, tokenizer: &dyn Tokenizer, tokens: &mut Vec<Token>) {
        self.put_by(text, 0, &|text| tokenizer.tokenize(text), tokens);
    }

    /// Appends those of a text of the model's own, control tokens among them.
    fn put_own(&mut self, text: &str, tokenizer: &dyn Tokenizer, tokens: &mut Vec<Token>) {
        self.put_by(text, 1, &|text| tokenizer.tokenize_own(text), tokens);
    }

    /// `kind` tells texts apart that are tokenized otherwise.
    fn put_by(
        &mut self,
        text: &str,
        kind: u64,
        tokenize: &dyn Fn(&str) -> Vec<Token>,
        tokens: &mut Vec<Token>,
    ) {
        if text.is_empty() {
            return;
        }
        let key = xxh3_64_with_seed(text.as_bytes(), kind);
        if self.frozen.len() >= FROZEN_KEPT && !self.frozen.contains_key(&key) {
            self.frozen.clear();
        }
        let kept = self.frozen.entry(key).or_insert_with(|| tokenize(text).into());
        tokens.extend_from_slice(kept);
    }

    /// The settled tokens of a live text, and the bytes that follow them.
    fn settled(&mut self, text: String, tokenizer: &dyn Tokenizer) -> (Vec<Token>, Vec<u8>) {
        let tokens = self.tokens_of(&text, tokenizer);
        let spelled = tokens.last().map_or(0, |&(_, end)| end);
        let is_healed = self.heals && spelled == text.len();
        let settled = if is_healed {
            let cut = unstable_tail(text.as_bytes());
            let floor = text.len().saturating_sub(MOST_FORCED);
            // The last token that ends at or before the cut, or, for an endless run, the first that leaves few bytes.
            tokens.iter().take_while(|&&(_, end)| end <= cut || end <= floor).count()
        } else {
            // A vocabulary that does not give the text back byte for byte cannot be healed.
            tokens.len()
        };
        let end = settled.checked_sub(1).map_or(0, |last| tokens[last].1);
        let forced = if is_healed { text.as_bytes()[end..].to_vec() } else { Vec::new() };
        let settled = tokens[..settled].iter().map(|&(token, _)| token).collect();
        self.remember(Live { text, tokens });
        (settled, forced)
    }

    /// The tokens of a whole live text, from those of the text most like it.
    fn tokens_of(&self, text: &str, tokenizer: &dyn Tokenizer) -> Vec<(Token, usize)> {
        let alike = self.live.iter().map(|live| (live, common_bytes(&live.text, text)));
        let Some((live, common)) = alike.max_by_key(|&(_, common)| common) else {
            return with_ends(&tokenizer.tokenize(text), 0, tokenizer);
        };
        let cut = unstable_tail(&text.as_bytes()[..common]);
        let kept = live.tokens.iter().take_while(|&&(_, end)| end <= cut).count();
        // Begin a little earlier, and see that the tokens known to be right come out again: then a piece border lies
        // between, and what follows is right too. Otherwise begin earlier still.
        let mut overlap = 4;
        while overlap < kept {
            let from = kept - overlap;
            let start = live.tokens[from - 1].1;
            if text.is_char_boundary(start) {
                let again = with_ends(&tokenizer.tokenize(&text[start..]), start, tokenizer);
                if again.len() >= overlap && again[..overlap] == live.tokens[from..kept] {
                    return [&live.tokens[..from], &again].concat();
                }
            }
            overlap *= 4;
        }
        with_ends(&tokenizer.tokenize(text), 0, tokenizer)
    }

    fn remember(&mut self, live: Live) {
        // A text that this one continues is this place a moment ago.
        self.live.retain(|old| common_bytes(&old.text, &live.text) * 2 < old.text.len().max(1));
        if self.live.len() >= LIVE_KEPT {
            self.live.remove(0);
        }
        self.live.push(live);
    }
}

fn with_ends(tokens: &[Token], start: usize, tokenizer: &dyn Tokenizer) -> Vec<(Token, usize)> {
    let mut end = start;
    tokens
        .iter()
        .map(|&token| {
            end += tokenizer.piece(token).len();
            (token, end)
        })
        .collect()
}

fn common_bytes(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
