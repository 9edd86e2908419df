//! Reading and checking a GGUF header in Rust, before llama.cpp sees the file: many a bad header makes it abort.
//!
//! [`check`] answers one question, whether this file can be loaded and will write code, and says why not in one
//! sentence. It reads the header only, a few megabytes, and never the weights. What llama.cpp reports as an error
//! by itself (a wrong shape, a tensor too many) is left to it; what makes it abort, crash or write nonsense is not.
//! The rules are those of the pinned llama.cpp and are to be read again when the pin moves.
//!
//! `cursor`, `value` and `read` know the container, `keys` the types of its values; `role`, `vocabulary`, `shape`, `heads`
//! and `tensors` what they mean; `architecture` and `kind` what llama.cpp has.

mod architecture;
mod cursor;
mod heads;
mod keys;
mod kind;
mod read;
mod role;
mod shape;
mod tensors;
mod value;
mod vocabulary;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::models::memory::Needs;
use keys::Keys;
use read::Container;
pub use vocabulary::{FimTokens, Vocabulary};

/// What is known of a model file without loading it.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Of the format: 2 or 3.
    pub version: u32,
    /// `general.architecture`.
    pub architecture: String,
    /// `general.name`, else empty.
    pub name: String,
    /// `general.basename`, else empty.
    pub basename: String,
    /// Weights, counted.
    pub parameters: u64,
    /// Bytes of the weights, all parts together.
    pub weight_bytes: u64,
    /// Of the most important element type, as people name files: `Q4_K_M`.
    pub quantization: String,
    /// Tokens the model was trained for.
    pub context_length: u32,
    pub layers: u32,
    /// Width of the hidden state.
    pub embedding: u32,
    /// The widest layer's.
    pub feed_forward: u32,
    /// The most of any layer; 0 for models without attention.
    pub heads: u32,
    /// Key and value heads of each layer.
    pub kv_heads: Vec<u32>,
    /// Numbers a key head has.
    pub key_length: u32,
    pub value_length: u32,
    /// Tokens; none: every layer sees all.
    pub sliding_window: Option<u32>,
    /// `tokenizer.chat_template`, a program in Jinja by whoever made the file; none too where it is longer than 128 KiB.
    pub chat_template: Option<String>,
    /// Keeps a state instead of keys and values: nothing can be taken back but all of it.
    pub recurrent: bool,
    /// Keeps both.
    pub hybrid: bool,
    /// Files the model is in.
    pub parts: u32,
    pub vocabulary: Vocabulary,
}

/// Why a file cannot be used: what was found, at which byte or key, and what to do, in one sentence without the path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The file system said no.
    #[error("{0}")]
    Unreadable(String),
    /// Something else than GGUF.
    #[error("{0}")]
    NotGguf(String),
    /// A GGUF that is cut, changed or made wrong.
    #[error("{0}; the file is damaged: download it again")]
    Damaged(String),
    /// A part of a model is not there.
    #[error("{0}")]
    Incomplete(String),
    /// A sound file that this program cannot run.
    #[error("{0}")]
    Unsupported(String),
    /// A sound file that does not write code: an adapter, a vision part, an embedding model.
    #[error("{0}")]
    WrongKind(String),
}

fn damaged(what: String) -> Unfit {
    Unfit::Damaged(what)
}

/// Whether the model at `path` can be loaded, and what it is. The other parts of a split model are read too.
pub fn check(path: &Path) -> Result<Header, Unfit> {
    check_as(path, path)
}

/// Like [`check`] for a file that will be called `target`: beside that lie the other parts of a split model.
pub fn check_as(path: &Path, target: &Path) -> Result<Header, Unfit> {
    let mut container = open(path)?;
    let parts = split(&container, target)?;
    for (number, part) in parts.iter().enumerate() {
        let name = file_name(part);
        let other = open(part)
            .map_err(|why| Unfit::Incomplete(format!("{name}, another part of the model: {why}")))?;
        let keys = Keys { container: &other, architecture: "" };
        if keys.u16("split.no")? != Some(number as u16 + 1) {
            return Err(damaged(format!("split.no of {name} is not {}", number + 1)));
        }
        container.tensors.extend(other.tensors);
    }
    judge(&container, parts.len() as u32 + 1)
}

/// Whether the file at `path` is whole and says that it is part `number` of `count`, from 1. What it is a part of can be
/// judged once all are there.
pub fn check_part(path: &Path, number: u32, count: u32) -> Result<(), Unfit> {
    let container = open(path)?;
    let keys = Keys { container: &container, architecture: "" };
    let found = (keys.u16("split.no")?, keys.u16("split.count")?);
    match found {
        (Some(no), Some(of)) if (u32::from(no) + 1, u32::from(of)) == (number, count) => Ok(()),
        (Some(no), Some(of)) => Err(damaged(format!(
            "the file is part {} of {of} of a model, not {number} of {count}",
            u32::from(no) + 1
        ))),
        _ => Err(damaged(format!("the file does not say that it is part {number} of {count} of a model"))),
    }
}

/// Like [`check`] for the bytes of one file. A file that names other parts is refused.
pub fn check_bytes(bytes: &[u8]) -> Result<Header, Unfit> {
    let container = read::read(bytes, bytes.len() as u64)?;
    judge(&container, 1)
}

/// Bytes of the KV cache for `context` tokens, keys and values in 16 bits.
pub fn kv_bytes(header: &Header, context: u32) -> u64 {
    header.needs().kv_bytes(context)
}

impl Header {
    /// What its memory depends on.
    pub fn needs(&self) -> Needs {
        let widths = u64::from(self.key_length) + u64::from(self.value_length);
        let heads: u64 = self.kv_heads.iter().map(|&heads| u64::from(heads)).sum();
        Needs {
            weight_bytes: self.weight_bytes,
            kv_numbers: heads.saturating_mul(widths),
            vocabulary: self.vocabulary.len(),
            width: self.embedding,
            feed_forward: self.feed_forward,
        }
    }

    /// Whether its cache can be of blocks of 32 numbers: llama.cpp makes no context of others, and only for plain
    /// transformers are its kernels sure to take it.
    pub fn quantizes(&self) -> bool {
        let divides = |length: u32| length > 0 && length.is_multiple_of(32);
        architecture::is_plain(&self.architecture)
            && self.sliding_window.is_none()
            && divides(self.key_length)
            && divides(self.value_length)
    }
}

fn open(path: &Path) -> Result<Container, Unfit> {
    let unreadable = |error: std::io::Error| {
        Unfit::Unreadable(match error.kind() {
            std::io::ErrorKind::NotFound => format!("there is no file {}; check the path", path.display()),
            std::io::ErrorKind::PermissionDenied => {
                format!("{} may not be read; check its permissions", path.display())
            }
            _ => format!("{} cannot be read: {error}", path.display()),
        })
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    // Before opening: a pipe would wait for a writer.
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "not a regular file" };
        return Err(Unfit::Unreadable(format!("{} is {what}; name a GGUF file", path.display())));
    }
    let file = File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    read::read(BufReader::with_capacity(1 << 16, file).take(bytes), bytes)
}

/// The other parts of a split model, by the names that llama.cpp will look for.
fn split(container: &Container, path: &Path) -> Result<Vec<PathBuf>, Unfit> {
    let keys = Keys { container, architecture: "" };
    let count = keys.u16("split.count")?.unwrap_or(0);
    if count <= 1 {
        return Ok(Vec::new());
    }
    let number = keys.u16("split.no")?;
    let name = file_name(path);
    let Some(number) = number.filter(|&number| number < count) else {
        return Err(damaged(format!("split.count is {count}, but split.no is missing or larger")));
    };
    let ending = format!("-{:05}-of-{count:05}.gguf", number + 1);
    let Some(stem) = name.strip_suffix(&ending) else {
        return Err(Unfit::Incomplete(format!(
            "the file is part {} of {count} of a model, so its name must end in \"{ending}\"; give it its old name",
            number + 1
        )));
    };
    let part = |number: u16| path.with_file_name(format!("{stem}-{number:05}-of-{count:05}.gguf"));
    if number != 0 {
        return Err(Unfit::Incomplete(format!(
            "the file is part {} of {count} of a model; name the first one, {}",
            number + 1,
            file_name(&part(1))
        )));
    }
    let parts: Vec<PathBuf> = (2..=count).map(part).collect();
    let missing: Vec<String> =
        parts.iter().filter(|part| !part.is_file()).map(|part| file_name(part)).collect();
    match &missing[..] {
        [] => Ok(parts),
        [one] => Err(Unfit::Incomplete(format!(
            "the model has {count} parts, and {one} is missing; download it too"
        ))),
        [first, .., last] => Err(Unfit::Incomplete(format!(
            "the model has {count} parts, and {} are missing, {first} to {last}; download them too",
            missing.len()
        ))),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn judge(container: &Container, parts: u32) -> Result<Header, Unfit> {
    let no_prefix = Keys { container, architecture: "" };
    if parts == 1 && no_prefix.u16("split.count")?.unwrap_or(0) > 1 {
        return Err(Unfit::Incomplete("this is one part of a model; open it by its path".into()));
    }
    let architecture = role::architecture(&no_prefix)?;
    let keys = Keys { container, architecture: &architecture };
    role::writes(&keys)?;
    let vocabulary = vocabulary::read(&keys)?;
    shape::header(&keys, vocabulary, parts)
}
