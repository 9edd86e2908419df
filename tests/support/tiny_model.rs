//! Tiny language models written at test time, so that tests drive the real llama.cpp: no download, the same
//! weights on every run, half a megabyte, loaded in milliseconds.
//!
//! **Scripted** models are exact bigram tables: attention and feed-forward add nothing, so the hidden state is the
//! embedding of the last token (random signs), and each row of the output is the sum of the embeddings of the tokens
//! it should follow. A text that repeats a character is cut into longer pieces, each one token, until no token needs
//! two successors. The builder computes every logit itself and widens the model until the script wins clearly.
//!
//! **Random** models have true attention with seeded weights: what they say depends on every token before. They are
//! for asking whether a warm cache gives the text of a cold one, not for reading.
//!
//! The vocabulary is byte-level BPE: 256 bytes, three chat specials, six FIM specials, then words and pieces.
//! This file does not check models and does not know the engine. It stands beside `gguf`, declared as a sibling.

#![expect(dead_code, reason = "each test binary uses its own part of the support")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::gguf::{Gguf, Random, Tensor, Value};

pub const END_OF_TEXT: u32 = 256;
pub const IM_START: u32 = 257;
pub const IM_END: u32 = 258;
/// This and the five below exist only where `fim` is not [`Fim::None`].
pub const FIM_PREFIX: u32 = 259;
pub const FIM_SUFFIX: u32 = 260;
pub const FIM_MIDDLE: u32 = 261;
pub const FIM_PAD: u32 = 262;
pub const FIM_REPO: u32 = 263;
pub const FIM_SEP: u32 = 264;

const CHAT_SPECIALS: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const FIM_SPECIALS: [&str; 6] =
    ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"];
const CHATML: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}";

const HEADS: usize = 4;
const HEADS_KV: usize = 2;
const FEED_FORWARD: usize = 64;

/// Whether the model fills in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fim {
    None,
    /// The tokens are there, to be found by their spelling.
    Spelled,
    /// And named by `tokenizer.ggml.fim_*_token_id`.
    Keyed,
}

/// What the model says.
#[derive(Clone, Debug)]
pub enum Weights {
    /// The successor of a token by its text; every other token is followed by `otherwise`.
    Bigram { next: BTreeMap<String, String>, otherwise: String },
    /// Printable ASCII and words, never an end, depending on the whole context.
    Random(u64),
}

/// What to build. Every field may be changed after construction.
#[derive(Clone, Debug)]
pub struct TinyModel {
    /// `llama` or `qwen2`.
    pub arch: &'static str,
    pub name: String,
    /// `tokenizer.ggml.pre`: selects the pre-tokenizer.
    pub pre: &'static str,
    pub fim: Fim,
    pub chat_template: Option<&'static str>,
    pub n_ctx: u32,
    pub n_layer: u32,
    /// A multiple of 8; a scripted model is widened where its script needs it.
    pub n_embd: u32,
    pub bos: bool,
    pub eos: bool,
    pub add_bos: Option<bool>,
    /// Merge rules, in the order of their rank; each makes a token.
    pub merges: Vec<(String, String)>,
    /// Control tokens besides the chat and FIM ones, spelled as the file has them.
    pub specials: Vec<String>,
    /// Tokens that no merge makes: a model says them, a tokenizer never does.
    pub pieces: Vec<String>,
    pub weights: Weights,
    /// Scales the logits: 1.0 makes a scripted model certain; 0.02 makes it say the same without conviction.
    pub sharpness: f32,
    /// Metadata put over the rest.
    pub extra: Vec<(String, Value)>,
    /// Broken on purpose: a vocabulary entry twice (llama.cpp aborts on load).
    pub duplicate_token: bool,
    /// Broken on purpose: metadata without any tensor.
    pub no_tensors: bool,
}

/// Counts from `a` to `z`, then a newline, then again, for ever; anything else is followed by `a`.
impl Default for TinyModel {
    fn default() -> Self {
        let mut next: BTreeMap<String, String> =
            ('a'..='y').map(|c| (c.to_string(), char::from(c as u8 + 1).to_string())).collect();
        next.insert("z".into(), "\n".into());
        Self {
            arch: "llama",
            name: "tiny".into(),
            pre: "qwen2",
            fim: Fim::Spelled,
            chat_template: Some(CHATML),
            n_ctx: 2048,
            n_layer: 1,
            n_embd: 128,
            bos: true,
            eos: true,
            add_bos: Some(false),
            merges: Vec::new(),
            specials: Vec::new(),
            pieces: Vec::new(),
            weights: Weights::Bigram { next, otherwise: "a".into() },
            sharpness: 1.0,
            extra: Vec::new(),
            duplicate_token: false,
            no_tensors: false,
        }
    }
}

impl TinyModel {
    /// Says each text right after the token before it, then ends: `("<|fim_middle|>", "xy;\n")`. Anything that is
    /// not in a script is followed by the end.
    ///
    /// What a text follows is one token: a special, one byte, or one of the words of [`TinyModel::with_words`]. The
    /// text may be any; it can be joined in the middle, as by a user who types on, wherever its pieces begin.
    /// Panics when two texts follow the same token.
    pub fn scripted(script: &[(&str, &str)]) -> Self {
        let mut next = BTreeMap::new();
        let mut pieces = Vec::new();
        // What is left to say after a token: a token may be shared by two texts that end alike.
        let mut left: BTreeMap<String, String> = BTreeMap::new();
        for (after, text) in script {
            let old = left.insert(after.to_string(), text.to_string());
            assert!(old.is_none(), "two texts follow {after:?}");
        }
        // The short ones have the least choice.
        let mut script = script.to_vec();
        script.sort_by_key(|(_, text)| text.len());
        for (after, text) in &script {
            let (mut last, mut rest) = (after.to_string(), *text);
            for piece in cut(text, &left) {
                rest = &rest[piece.len()..];
                left.insert(piece.clone(), rest.into());
                if piece.len() > 1 && !pieces.contains(&piece) {
                    pieces.push(piece.clone());
                }
                next.insert(std::mem::replace(&mut last, piece.clone()), piece);
            }
            next.insert(last, CHAT_SPECIALS[0].into());
        }
        Self {
            pieces,
            weights: Weights::Bigram { next, otherwise: CHAT_SPECIALS[0].into() },
            ..Self::default()
        }
    }

    /// Two layers of true attention: the text depends on every token before, and never ends by itself.
    pub fn random(seed: u64) -> Self {
        Self { weights: Weights::Random(seed), n_layer: 2, n_embd: 64, ..Self::default() }
    }

    /// Slow enough to be cancelled: 32 layers of width 256, 32 MB on disk. Counts like the default.
    pub fn slow() -> Self {
        Self { n_layer: 32, n_embd: 256, ..Self::default() }
    }

    /// Adds merge rules that make each word one token, built from its left: `self`, ` return`, `.config`, `é`.
    /// A word that the pre-tokenizer cuts (`a.b`) is a token all the same, but no text is tokenized to it.
    pub fn with_words(mut self, words: &[&str]) -> Self {
        let mut known: BTreeSet<(String, String)> = self.merges.iter().cloned().collect();
        for word in words {
            let mut symbols = word.bytes().map(|byte| byte_symbol(byte).to_string());
            let mut left = symbols.next().expect("a word has a byte");
            for right in symbols {
                let rule = (left.clone(), right.clone());
                left.push_str(&right);
                if known.insert(rule.clone()) {
                    self.merges.push(rule);
                }
            }
        }
        self
    }

    /// Metadata put over what the model would write.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.extra.push((key.into(), value.into()));
        self
    }

    /// The texts of the vocabulary as the file spells them, in the order of their ids.
    pub fn vocabulary(&self) -> Vec<String> {
        let mut tokens: Vec<String> = (0..=255).map(|byte| byte_symbol(byte).to_string()).collect();
        tokens.extend(CHAT_SPECIALS.map(String::from));
        if self.fim != Fim::None {
            tokens.extend(FIM_SPECIALS.map(String::from));
        }
        tokens.extend(self.specials.iter().cloned());
        let mut known: BTreeSet<String> = tokens.iter().cloned().collect();
        let merged = self.merges.iter().map(|(left, right)| format!("{left}{right}"));
        let pieces = self.pieces.iter().map(|piece| piece.bytes().map(byte_symbol).collect());
        for token in merged.chain(pieces) {
            if known.insert(token.clone()) {
                tokens.push(token);
            }
        }
        tokens
    }

    /// The id of a token by its text: a special, a byte, a word or a piece. Panics when there is none.
    pub fn id(&self, text: &str) -> u32 {
        find(&self.vocabulary(), text)
    }

    /// The bytes of the GGUF file.
    pub fn build(&self) -> Vec<u8> {
        self.gguf().build()
    }

    /// Writes the file into `folder` under the model's name and returns its path.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join(format!("{}.gguf", self.name));
        std::fs::write(&path, self.build()).expect("the folder of a test can be written");
        path
    }

    /// The file before it is written, to be broken further.
    pub fn gguf(&self) -> Gguf {
        let mut tokens = self.vocabulary();
        let (width, embeddings, output) = self.tables(&tokens);
        let mut gguf = Gguf::default();
        if !self.no_tensors {
            gguf.tensors = self.tensors(width, tokens.len(), embeddings, output);
        }
        if self.duplicate_token {
            tokens[5] = tokens[0].clone();
        }
        self.describe(&mut gguf, width, tokens);
        gguf
    }

    fn describe(&self, gguf: &mut Gguf, width: usize, tokens: Vec<String>) {
        let arch = |key: &str| format!("{}.{key}", self.arch);
        let vocab = |key: &str| format!("tokenizer.ggml.{key}");
        let specials = self.specials.len() + if self.fim == Fim::None { 3 } else { 9 };
        // Token types: 1 is normal, 3 is control.
        let control = END_OF_TEXT as usize..END_OF_TEXT as usize + specials;
        let types = (0..tokens.len()).map(|id| if control.contains(&id) { 3 } else { 1 });
        let merges = self.merges.iter().map(|(left, right)| format!("{left} {right}"));
        gguf.set("general.architecture", self.arch)
            .set("general.name", self.name.as_str())
            .set(&arch("context_length"), Value::U32(self.n_ctx))
            .set(&arch("embedding_length"), Value::U32(width as u32))
            .set(&arch("block_count"), Value::U32(self.n_layer))
            .set(&arch("feed_forward_length"), Value::U32(FEED_FORWARD as u32))
            .set(&arch("attention.head_count"), Value::U32(HEADS as u32))
            .set(&arch("attention.head_count_kv"), Value::U32(HEADS_KV as u32))
            .set(&arch("attention.layer_norm_rms_epsilon"), Value::F32(1e-5))
            .set("tokenizer.ggml.model", "gpt2")
            .set("tokenizer.ggml.pre", self.pre)
            .set("tokenizer.ggml.token_type", Value::I32s(types.collect()))
            .set("tokenizer.ggml.tokens", Value::Strs(tokens))
            .set("tokenizer.ggml.merges", Value::Strs(merges.collect()));
        if self.arch == "deepseek2" {
            // Its keys are never rotated whole, and there are as many as queries.
            gguf.set(&arch("rope.dimension_count"), Value::U32((width / HEADS / 2) as u32))
                .set(&arch("attention.head_count_kv"), Value::U32(HEADS as u32));
        }
        if self.bos {
            gguf.set(&vocab("bos_token_id"), Value::U32(END_OF_TEXT));
        }
        if self.eos {
            gguf.set(&vocab("eos_token_id"), Value::U32(END_OF_TEXT));
        }
        if let Some(add_bos) = self.add_bos {
            gguf.set(&vocab("add_bos_token"), Value::Bool(add_bos));
        }
        if self.fim == Fim::Keyed {
            for (id, name) in (FIM_PREFIX..).zip(["pre", "suf", "mid", "pad", "rep", "sep"]) {
                gguf.set(&vocab(&format!("fim_{name}_token_id")), Value::U32(id));
            }
        }
        if let Some(template) = self.chat_template {
            gguf.set("tokenizer.chat_template", template);
        }
        for (key, value) in &self.extra {
            gguf.set(key, value.clone());
        }
    }

    /// The width of the model, its embeddings and its output.
    fn tables(&self, tokens: &[String]) -> (usize, Vec<f32>, Vec<f32>) {
        let width = self.n_embd as usize;
        match &self.weights {
            Weights::Random(seed) => {
                let mut random = Random::new(*seed);
                let embeddings = (0..tokens.len() * width).map(|_| random.signed()).collect();
                let mut output = vec![0f32; tokens.len() * width];
                for (token, row) in tokens.iter().zip(output.chunks_mut(width)) {
                    let said = token.bytes().all(|b| b.is_ascii_graphic()) && !token.starts_with("<|");
                    if said {
                        row.fill_with(|| random.signed() * self.sharpness);
                    }
                }
                (width, embeddings, output)
            }
            Weights::Bigram { next, otherwise } => {
                let otherwise = find(tokens, otherwise) as usize;
                let mut successors = vec![otherwise; tokens.len()];
                for (token, successor) in next {
                    successors[find(tokens, token) as usize] = find(tokens, successor) as usize;
                }
                bigram(&successors, otherwise, width, self.sharpness)
            }
        }
    }

    fn tensors(&self, width: usize, n_vocab: usize, embeddings: Vec<f32>, output: Vec<f32>) -> Vec<Tensor> {
        let kv = HEADS_KV * (width / HEADS);
        let mut random = match self.weights {
            Weights::Random(seed) => Some(Random::new(seed ^ 0xa77e)),
            Weights::Bigram { .. } => None,
        };
        let mut tensors = vec![
            Tensor::f32("token_embd.weight", &[width, n_vocab], embeddings),
            Tensor::f32("output_norm.weight", &[width], vec![1.0; width]),
            Tensor::f32("output.weight", &[width, n_vocab], output),
        ];
        // Zero in a scripted model: the residual stream stays the embedding of the current token.
        let mut matrix = |name: String, dims: &[usize], gain: f32| {
            let count: usize = dims.iter().product();
            let scale = gain / (dims[0] as f32).sqrt();
            match &mut random {
                Some(random) => Tensor::f32(name, dims, (0..count).map(|_| random.signed() * scale)),
                None => Tensor::zeros(name, dims),
            }
        };
        for layer in 0..self.n_layer {
            let name = |part: &str| format!("blk.{layer}.{part}");
            let ones = |part: &str| Tensor::f32(name(part), &[width], vec![1.0; width]);
            tensors.push(ones("attn_norm.weight"));
            // A high gain here makes attention choose, rather than take the mean of all that was.
            tensors.push(matrix(name("attn_q.weight"), &[width, width], 3.0));
            tensors.push(matrix(name("attn_k.weight"), &[width, kv], 3.0));
            tensors.push(matrix(name("attn_v.weight"), &[width, kv], 2.0));
            if self.arch == "qwen2" {
                tensors.push(matrix(name("attn_q.bias"), &[width], 0.5));
                tensors.push(matrix(name("attn_k.bias"), &[kv], 0.5));
                tensors.push(matrix(name("attn_v.bias"), &[kv], 0.5));
            }
            tensors.push(matrix(name("attn_output.weight"), &[width, width], 2.0));
            tensors.push(ones("ffn_norm.weight"));
            tensors.push(matrix(name("ffn_gate.weight"), &[width, FEED_FORWARD], 1.5));
            tensors.push(matrix(name("ffn_up.weight"), &[width, FEED_FORWARD], 1.5));
            tensors.push(matrix(name("ffn_down.weight"), &[FEED_FORWARD, width], 1.5));
        }
        tensors
    }
}

/// An exact bigram table, at least `width` wide. The first coordinate of every embedding is 1, so that one row of the
/// output, the successor of all that is not scripted, can be raised for all tokens at once.
fn bigram(
    successors: &[usize],
    otherwise: usize,
    width: usize,
    sharpness: f32,
) -> (usize, Vec<f32>, Vec<f32>) {
    let count = successors.len();
    let mut random = Random::new(0x7e57);
    let mut embeddings: Vec<f32> = (0..count * width).map(|_| random.signed().signum()).collect();
    embeddings.chunks_mut(width).for_each(|row| row[0] = 1.0);
    let mut output = vec![0f32; count * width];
    for (token, &successor) in successors.iter().enumerate() {
        if successor != otherwise {
            for i in 0..width {
                output[successor * width + i] += embeddings[token * width + i];
            }
        }
    }
    // Between the logit of a scripted successor, `width`, and what chance gives.
    output[otherwise * width] += 0.6 * width as f32;
    // Only these rows are not zero.
    let rivals: BTreeSet<usize> = successors.iter().copied().collect();
    let wins = |token: usize| {
        let embedding = &embeddings[token * width..][..width];
        let row = |token: usize| &output[token * width..][..width];
        let logit = |token: usize| row(token).iter().zip(embedding).map(|(a, b)| a * b).sum::<f32>();
        let enough = logit(successors[token]) - 0.1 * width as f32;
        enough > 0.0 && rivals.iter().all(|&rival| rival == successors[token] || logit(rival) < enough)
    };
    if !(0..count).all(wins) {
        return bigram(successors, otherwise, width * 2, sharpness);
    }
    output.iter_mut().for_each(|x| *x *= sharpness);
    (width, embeddings, output)
}

/// Cuts `text` into the shortest pieces of which none is followed by something else already.
fn cut(text: &str, left: &BTreeMap<String, String>) -> Vec<String> {
    let free = |start: usize, end: usize, pieces: &[String]| {
        let piece = &text[start..end];
        match left.get(piece) {
            Some(rest) => *rest == text[end..],
            None => !pieces.iter().any(|taken| taken == piece),
        }
    };
    let mut pieces: Vec<String> = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let mut ends = text[start..].char_indices().map(|(at, c)| start + at + c.len_utf8());
        let end = match ends.find(|&end| free(start, end, &pieces)) {
            Some(end) => end,
            // All that is left is taken: begin earlier.
            None => {
                while !free(start, text.len(), &pieces) {
                    let piece = pieces.pop().unwrap_or_else(|| panic!("{text:?} cannot be scripted"));
                    start -= piece.len();
                }
                text.len()
            }
        };
        pieces.push(text[start..end].into());
        start = end;
    }
    pieces
}

fn find(tokens: &[String], text: &str) -> u32 {
    let spelled: String = text.bytes().map(byte_symbol).collect();
    let place = tokens.iter().position(|token| token == text && token.starts_with("<|"));
    let place = place.or_else(|| tokens.iter().position(|token| *token == spelled));
    place.unwrap_or_else(|| panic!("no token {text:?}")) as u32
}

/// The character that stands for a byte in a byte-level BPE vocabulary.
pub fn byte_symbol(byte: u8) -> char {
    let printable = |b: u8| matches!(b, 33..=126 | 161..=172 | 174..=255);
    if printable(byte) {
        return byte as char;
    }
    let rank = (0..byte).filter(|b| !printable(*b)).count() as u32;
    char::from_u32(256 + rank).expect("256 to 323 are letters")
}
