//! The tokenizer of a model that is written: another file's, or one made of words that occur in code.
//!
//! A made one is byte-level BPE like Qwen's: 256 bytes, control tokens, and merges that build the commonest words
//! of the code that comes with CodeSage from their left. Rows that are left over stand for no text.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::write::{ARRAY, I32, Pairs, TEXT, text};
use crate::eval::corpus;

/// Bytes of one value in the header of another file, at most.
const LARGEST: u64 = 64 << 20;
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const UNUSED: i32 = 5;
/// What the last of them end a text with, and where a middle goes.
const SPECIALS: [(&str, &str); 7] = [
    ("<|endoftext|>", "eos"),
    ("<|fim_prefix|>", "fim_pre"),
    ("<|fim_middle|>", "fim_mid"),
    ("<|fim_suffix|>", "fim_suf"),
    ("<|fim_pad|>", "fim_pad"),
    ("<|repo_name|>", "fim_rep"),
    ("<|file_sep|>", "fim_sep"),
];

/// See the module.
#[derive(Debug)]
pub struct Vocabulary {
    tokens: Vec<Vec<u8>>,
    types: Vec<i32>,
    /// All other keys of the tokenizer: name, type and bytes.
    others: Vec<(String, u32, Vec<u8>)>,
}

impl Vocabulary {
    /// One of at most so many rows.
    pub fn of_code(rows: usize) -> Self {
        let mut tokens: Vec<String> = (0..=255).map(|byte| symbol(byte).to_string()).collect();
        let mut types = vec![NORMAL; tokens.len()];
        let mut others = vec![
            ("model".to_owned(), TEXT, text(b"gpt2")),
            ("pre".to_owned(), TEXT, text(b"qwen2")),
            ("add_bos_token".to_owned(), super::write::BOOL, vec![0]),
        ];
        for (special, key) in SPECIALS {
            let id = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
            others.push((format!("{key}_token_id"), super::write::U32, id.to_le_bytes().to_vec()));
            tokens.push(special.to_owned());
            types.push(CONTROL);
        }
        let mut known: HashSet<String> = tokens.iter().cloned().collect();
        let (mut merges, mut count) = (Vec::new(), 0u64);
        for word in words() {
            let mut left = String::new();
            for right in word.bytes().map(symbol) {
                let whole = format!("{left}{right}");
                if !left.is_empty() && tokens.len() < rows && known.insert(whole.clone()) {
                    merges.extend(text(format!("{left} {right}").as_bytes()));
                    count += 1;
                    tokens.push(whole.clone());
                    types.push(NORMAL);
                }
                // What has no room ends the word: nothing longer can be built either.
                if !known.contains(&whole) {
                    break;
                }
                left = whole;
            }
        }
        let head = [&TEXT.to_le_bytes()[..], &count.to_le_bytes()].concat();
        others.push(("merges".to_owned(), ARRAY, [head, merges].concat()));
        let others =
            others.into_iter().map(|(key, kind, bytes)| (format!("tokenizer.ggml.{key}"), kind, bytes));
        Self { tokens: tokens.into_iter().map(String::into_bytes).collect(), types, others: others.collect() }
    }

    /// The tokenizer of a GGUF file, with or without a model in it. An error is a sentence.
    pub fn of_file(path: &Path) -> Result<Self, String> {
        let about = |why: &str| format!("{}: {why}", path.display());
        let file = File::open(path).map_err(|error| about(&error.to_string()))?;
        let mut reader = Reader(BufReader::with_capacity(1 << 16, file));
        let mut found = Self { tokens: Vec::new(), types: Vec::new(), others: Vec::new() };
        reader.header(&mut found).map_err(|why| about(&why))?;
        if found.tokens.is_empty() {
            return Err(about("holds no tokenizer"));
        }
        if found.types.len() != found.tokens.len() {
            found.types = vec![NORMAL; found.tokens.len()];
        }
        Ok(found)
    }

    pub fn rows(&self) -> usize {
        self.tokens.len()
    }

    /// With as many rows as a model has; tokens for filling in the middle where there are none.
    pub fn of_rows(mut self, rows: usize) -> Result<Self, String> {
        let fills = ["<|fim_middle|>", "<fim_middle>", "<fim-middle>", "<MID>"];
        let is_middle = |token: &Vec<u8>| fills.iter().any(|name| token == name.as_bytes());
        if !self.tokens.iter().any(is_middle) {
            for (special, key) in &SPECIALS[1..] {
                let id = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX);
                let key = format!("tokenizer.ggml.{key}_token_id");
                self.others.retain(|(name, ..)| *name != key);
                self.others.push((key, super::write::U32, id.to_le_bytes().to_vec()));
                self.tokens.push(special.as_bytes().to_vec());
                self.types.push(CONTROL);
            }
        }
        if self.tokens.len() > rows {
            return Err(format!("the vocabulary has {} tokens, the shape {rows} rows", self.tokens.len()));
        }
        for row in self.tokens.len()..rows {
            self.tokens.push(format!("[PAD{row}]").into_bytes());
            self.types.push(UNUSED);
        }
        Ok(self)
    }

    pub fn put(&self, pairs: &mut Pairs) {
        for (key, kind, bytes) in &self.others {
            pairs.raw(key, *kind, bytes);
        }
        let count = self.tokens.len() as u64;
        let tokens: Vec<u8> = self.tokens.iter().flat_map(|token| text(token)).collect();
        pairs.array("tokenizer.ggml.tokens", TEXT, count, &tokens);
        let types: Vec<u8> = self.types.iter().flat_map(|kind| kind.to_le_bytes()).collect();
        pairs.array("tokenizer.ggml.token_type", I32, count, &types);
    }
}

/// Pieces of code as a pre-tokenizer cuts it, commonest first: a word with the blank or sign before it, a run of
/// blanks, a run of signs.
fn words() -> Vec<String> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for file in corpus::typed().iter().flat_map(|project| &project.files) {
        let mut rest = file.text.as_str();
        while let Some(first) = rest.chars().next() {
            let kind = |c: char| match c {
                '\n' => 3,
                c if c.is_whitespace() => 2,
                c if c.is_alphabetic() => 0,
                _ => 1,
            };
            let starts = first.len_utf8();
            // One blank or sign joins the word behind it.
            let joins = kind(first) != 3 && rest[starts..].chars().next().is_some_and(|c| kind(c) == 0);
            let from = if joins { starts } else { 0 };
            let of = rest[from..].chars().next().map_or(0, kind);
            let length = rest[from..].find(|c| kind(c) != of).unwrap_or(rest.len() - from);
            *counts.entry(rest[..from + length].to_owned()).or_default() += 1;
            rest = &rest[from + length..];
        }
    }
    let mut words: Vec<(String, u32)> = counts.into_iter().collect();
    words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    words.into_iter().map(|(word, _)| word).collect()
}

/// The character that stands for a byte in a byte-level vocabulary.
fn symbol(byte: u8) -> char {
    let is_shown = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    if is_shown(byte) {
        return byte.into();
    }
    let rank = (0..byte).filter(|other| !is_shown(*other)).count();
    char::from_u32(256 + rank as u32).unwrap_or(' ')
}

/// Reads a header as far as its keys go. An error is a phrase.
struct Reader<R>(R);

impl<R: Read> Reader<R> {
    fn header(&mut self, found: &mut Vocabulary) -> Result<(), String> {
        let mut magic = [0; 4];
        self.0.read_exact(&mut magic).map_err(|_| "is no GGUF file")?;
        if &magic != b"GGUF" {
            return Err("is no GGUF file".to_owned());
        }
        let _version = self.u32()?;
        let _tensors = self.u64()?;
        for _ in 0..self.u64()? {
            let key = String::from_utf8_lossy(&self.text()?).into_owned();
            let kind = self.u32()?;
            match key.as_str() {
                "tokenizer.ggml.tokens" if kind == ARRAY => {
                    if self.u32()? != TEXT {
                        return Err("has tokens that are no texts".to_owned());
                    }
                    for _ in 0..self.u64()? {
                        found.tokens.push(self.text()?);
                    }
                }
                "tokenizer.ggml.token_type" if kind == ARRAY => {
                    let element = self.u32()?;
                    let count = self.u64()?;
                    let bytes =
                        self.bytes(size(element).ok_or("has odd token types")?.saturating_mul(count))?;
                    let numbers = bytes.chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                    found.types = if size(element) == Some(4) { numbers.collect() } else { Vec::new() };
                }
                // Rows that are added have none, and what scores a vocabulary is not made here.
                "tokenizer.ggml.scores" => drop(self.value(kind)?),
                _ => {
                    let value = self.value(kind)?;
                    if key.starts_with("tokenizer.") {
                        found.others.push((key, kind, value));
                    }
                }
            }
        }
        Ok(())
    }

    /// A value as it stands in the file.
    fn value(&mut self, kind: u32) -> Result<Vec<u8>, String> {
        match kind {
            TEXT => Ok(text(&self.text()?)),
            ARRAY => {
                let (element, count) = (self.u32()?, self.u64()?);
                let mut bytes = [&element.to_le_bytes()[..], &count.to_le_bytes()].concat();
                match size(element) {
                    Some(size) => bytes.extend(self.bytes(size.saturating_mul(count))?),
                    None if element == TEXT => {
                        for _ in 0..count {
                            bytes.extend(text(&self.text()?));
                        }
                    }
                    None => return Err("has an array of arrays".to_owned()),
                }
                Ok(bytes)
            }
            kind => self.bytes(size(kind).ok_or_else(|| format!("has a value of type {kind}"))?),
        }
    }

    fn u32(&mut self) -> Result<u32, String> {
        let bytes = self.bytes(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from(self.u32()?) | u64::from(self.u32()?) << 32)
    }

    fn text(&mut self) -> Result<Vec<u8>, String> {
        let length = self.u64()?;
        self.bytes(length)
    }

    /// So many, or an error.
    fn bytes(&mut self, count: u64) -> Result<Vec<u8>, String> {
        if count > LARGEST {
            return Err("holds a value that is too large".to_owned());
        }
        let mut bytes = Vec::new();
        self.0.by_ref().take(count).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if bytes.len() as u64 == count { Ok(bytes) } else { Err("ends too early".to_owned()) }
    }
}

/// Bytes of a value of fixed size.
fn size(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}
