//! The vocabulary: what makes llama.cpp abort or read past an array, and the tokens that a fill needs.
//!
//! Rules from `llama-vocab.cpp`. It keeps the texts, so that the catalogue can ask for a token by its spelling; it
//! does not tokenize.

use std::collections::HashSet;

use super::keys::Keys;
use super::value::{TOKENS, Texts, Value};
use super::{Unfit, damaged};

/// The tokens of fill-in-the-middle that llama.cpp finds, by key or by spelling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FimTokens {
    pub pre: Option<u32>,
    pub suf: Option<u32>,
    pub mid: Option<u32>,
    pub pad: Option<u32>,
    pub rep: Option<u32>,
    pub sep: Option<u32>,
}

/// Token texts as the file spells them, and what goes with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// `tokenizer.ggml.model`: `gpt2` (byte-level BPE), `llama` (SentencePiece), `gemma4`.
    pub model: String,
    /// `tokenizer.ggml.pre`; empty where the file has none.
    pub pre: String,
    pub fim: FimTokens,
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    texts: Texts,
}

impl Vocabulary {
    /// Tokens.
    #[expect(clippy::len_without_is_empty, reason = "an empty vocabulary is refused")]
    pub fn len(&self) -> u32 {
        self.texts.len() as u32
    }

    /// The token that the file spells exactly so. Walks all of them: for a few questions at load.
    pub fn id(&self, text: &str) -> Option<u32> {
        let place = self.texts.iter().position(|known| known == text.as_bytes());
        place.map(|place| place as u32)
    }

    /// The token's text as the file spells it, where that is UTF-8.
    pub fn text(&self, id: u32) -> Option<&str> {
        self.texts.iter().nth(id as usize).and_then(|text| std::str::from_utf8(text).ok())
    }
}

pub(super) fn read(keys: &Keys<'_>) -> Result<Vocabulary, Unfit> {
    let Some(model) = keys.text("tokenizer.ggml.model")? else {
        return Err(damaged("tokenizer.ggml.model is missing".into()));
    };
    if !matches!(&*model, "gpt2" | "llama" | "gemma4") {
        return Err(Unfit::Unsupported(format!(
            "tokenizer.ggml.model is \"{model}\"; CodeSage can use \"gpt2\", \"llama\" and \"gemma4\": choose another model"
        )));
    }
    let pre = keys.text("tokenizer.ggml.pre")?.unwrap_or_default();
    let texts = texts(keys)?;
    let count = texts.len() as u64;
    lengths(keys, &model, &pre, count)?;
    for key in
        ["add_bos_token", "add_eos_token", "add_sep_token", "add_space_prefix", "remove_extra_whitespaces"]
    {
        keys.bool(&format!("tokenizer.ggml.{key}"))?;
    }
    let special = |name: &str| special(keys, name, count);
    let bos = special("bos")?;
    let eos = special("eos")?;
    special("eot")?;
    special("eom")?;
    // The padding of a vocabulary is often announced past its end; llama.cpp passes over these.
    for name in ["unknown", "seperator", "padding", "mask"] {
        keys.u32(&format!("tokenizer.ggml.{name}_token_id"))?;
    }
    begins(keys, "add_bos_token", "bos_token_id", bos, &model, count)?;
    begins(keys, "add_eos_token", "eos_token_id", eos, &model, count)?;
    if model == "llama" {
        bytes(&texts)?;
    }
    let mut fim = FimTokens {
        pre: special("fim_pre")?.or(special("prefix")?),
        suf: special("fim_suf")?.or(special("suffix")?),
        mid: special("fim_mid")?.or(special("middle")?),
        pad: special("fim_pad")?,
        rep: special("fim_rep")?,
        sep: special("fim_sep")?,
    };
    spelled(&texts, &mut fim);
    Ok(Vocabulary { model, pre, fim, bos, eos, texts })
}

/// The texts, all different as llama.cpp sees them: it cuts each at a NUL and names the empty ones.
fn texts(keys: &Keys<'_>) -> Result<Texts, Unfit> {
    let texts = match keys.entry(TOKENS).map(|entry| &entry.value) {
        None => return Err(damaged(format!("{TOKENS} is missing"))),
        Some(Value::Texts(kept)) => kept,
        Some(value) => {
            return Err(keys.wrong(TOKENS, &format!("is of type {}, not array of str", value.kind())));
        }
    };
    if texts.len() == 0 {
        return Err(keys.wrong(TOKENS, "is empty"));
    }
    let mut seen = HashSet::with_capacity(texts.len());
    let mut empty = Vec::new();
    for (id, text) in texts.iter().enumerate() {
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        if text.is_empty() {
            empty.push(id);
        } else if !seen.insert(text) {
            let first = texts.iter().position(|other| other == text).unwrap_or_default();
            let text = String::from_utf8_lossy(text);
            return Err(keys.wrong(TOKENS, &format!("holds {text:?} twice, as {first} and as {id}")));
        }
    }
    match empty.into_iter().find(|id| seen.contains(format!("[EMPTY_{id}]").as_bytes())) {
        Some(id) => Err(keys.wrong(TOKENS, &format!("holds \"[EMPTY_{id}]\" beside an empty token {id}"))),
        None => Ok(texts.clone()),
    }
}

/// The arrays that go beside the texts: llama.cpp reads as many elements as there are tokens.
fn lengths(keys: &Keys<'_>, model: &str, pre: &str, count: u64) -> Result<(), Unfit> {
    for (key, kinds) in [("scores", &["f32", "i32"][..]), ("token_type", &["i32"][..])] {
        let key = format!("tokenizer.ggml.{key}");
        match keys.entry(&key).map(|entry| &entry.value) {
            None => {}
            Some(Value::Numbers { element, count: found, .. }) if kinds.contains(element) => match *found {
                found if found < count => {
                    return Err(keys.wrong(&key, &format!("has {found} elements for {count} tokens")));
                }
                _ => {}
            },
            Some(value) => {
                let kind = value.kind();
                return Err(keys.wrong(&key, &format!("is of type {kind}, not array of {}", kinds[0])));
            }
        }
    }
    let merges = "tokenizer.ggml.merges";
    match keys.entry(merges).map(|entry| &entry.value) {
        Some(Value::Texts(_)) => Ok(()),
        None if model == "llama" || pre == "kimi-k2" => Ok(()),
        None => Err(damaged(format!("{merges} is missing"))),
        Some(value) => Err(keys.wrong(merges, &format!("is of type {}, not array of str", value.kind()))),
    }
}

fn special(keys: &Keys<'_>, name: &str, count: u64) -> Result<Option<u32>, Unfit> {
    let key = format!("tokenizer.ggml.{name}_token_id");
    match keys.u32(&key)? {
        Some(id) if u64::from(id) >= count => {
            Err(keys.wrong(&key, &format!("is {id}, past the {count} tokens of the vocabulary")))
        }
        id => Ok(id),
    }
}

/// A token that is to be added must exist: the defaults are 11 for BPE, 1 and 2 for SentencePiece.
fn begins(
    keys: &Keys<'_>,
    flag: &str,
    key: &str,
    id: Option<u32>,
    model: &str,
    count: u64,
) -> Result<(), Unfit> {
    let default = if model == "llama" { 2 } else { 11 };
    let flag = format!("tokenizer.ggml.{flag}");
    // Without the flag it depends on the pre-tokenizer.
    let wanted = keys.bool(&flag)?.unwrap_or(true);
    if wanted && id.is_none() && count <= default {
        return Err(damaged(format!("{flag} is not false, but there is no tokenizer.ggml.{key}")));
    }
    Ok(())
}

/// SentencePiece falls back to bytes for a character that is no token, and throws where a byte is missing.
fn bytes(texts: &Texts) -> Result<(), Unfit> {
    let mut found = [false; 256];
    for text in texts.iter() {
        match text {
            [byte] => found[usize::from(*byte)] = true,
            [b'<', b'0', b'x', high, low, b'>'] => {
                // Upper case only: llama.cpp looks them up so.
                let digit = |byte: u8| b"0123456789ABCDEF".iter().position(|&known| known == byte);
                if let (Some(high), Some(low)) = (digit(*high), digit(*low)) {
                    found[high * 16 + low] = true;
                }
            }
            _ => {}
        }
    }
    match found.iter().position(|found| !found) {
        None => Ok(()),
        Some(byte) => Err(Unfit::Unsupported(format!(
            "the vocabulary has no token for the byte <0x{byte:02X}>, so some text could not be read; choose another model"
        ))),
    }
}

/// Fills in what no key names, as `llama-vocab.cpp` does.
fn spelled(texts: &Texts, fim: &mut FimTokens) {
    for (id, text) in texts.iter().enumerate() {
        let Ok(text) = std::str::from_utf8(text) else {
            continue;
        };
        // Every spelling begins with one of these; most tokens do not.
        if !text.starts_with(['<', '\u{2581}', '[']) {
            continue;
        }
        let place = match text {
            "<|fim_prefix|>"
            | "<fim-prefix>"
            | "<fim_prefix>"
            | "<｜fim▁begin｜>"
            | "<PRE>"
            | "▁<PRE>"
            | "<|code_prefix|>"
            | "<|prefix|>" => &mut fim.pre,
            "<|fim_suffix|>" | "<fim-suffix>" | "<fim_suffix>" | "<｜fim▁hole｜>" | "<SUF>" | "▁<SUF>"
            | "<|code_suffix|>" | "<|suffix|>" => &mut fim.suf,
            "<|fim_middle|>" | "<fim-middle>" | "<fim_middle>" | "<｜fim▁end｜>" | "<MID>" | "▁<MID>"
            | "<|code_middle|>" | "<|middle|>" => &mut fim.mid,
            "<|fim_pad|>" | "<fim-pad>" | "<fim_pad>" | "<PAD>" | "[PAD]" => &mut fim.pad,
            "<|fim_repo|>" | "<|repo_name|>" | "<fim-repo>" | "<REPO>" | "<reponame>" => &mut fim.rep,
            "<|file_sep|>" => &mut fim.sep,
            _ => continue,
        };
        place.get_or_insert(id as u32);
    }
}
