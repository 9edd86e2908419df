//! The container: bytes to keys, values and tensor places, whatever the bytes are.
//!
//! It exists because llama.cpp's own reader believes more than it should, and because a refusal should name the
//! byte. It follows `ggml/src/gguf.cpp` rule for rule and is stricter where the rest of llama.cpp would abort.
//! It gives no meaning to any key but the alignment (`shape` and `vocabulary` do).

use std::collections::{HashMap, HashSet};
use std::io::Read;

use super::cursor::Cursor;
use super::kind::Kind;
use super::value::{Entry, Value};
use super::{Unfit, damaged};

/// A key longer than this is no key; the format says 65,535 bytes.
const MAX_KEY: u64 = 65_535;
/// More than the largest mixture-of-experts models have, all parts together.
const MAX_TENSORS: u64 = 1 << 20;
const MAX_PAIRS: u64 = 1 << 16;

/// What a file holds, unjudged.
pub(super) struct Container {
    pub version: u32,
    pub values: HashMap<String, Entry>,
    pub tensors: Vec<Tensor>,
}

pub(super) struct Tensor {
    pub name: String,
    /// Exactly as many as the file names; the first is contiguous.
    pub dims: Vec<u64>,
    pub kind: Kind,
    pub bytes: u64,
}

impl Tensor {
    pub fn elements(&self) -> u64 {
        self.dims.iter().product()
    }
}

/// Reads the header of a file of `file_bytes` bytes. The data behind it is not read, but must be there.
pub(super) fn read(source: impl Read, file_bytes: u64) -> Result<Container, Unfit> {
    let mut cursor = Cursor::new(source, file_bytes);
    let version = cursor.opening()?;
    let tensor_count = cursor.u64("the number of tensors")?;
    let pair_count = cursor.u64("the number of keys")?;
    // Each tensor takes 24 bytes of header at least, each pair 13.
    if tensor_count > MAX_TENSORS || tensor_count.saturating_mul(24) > file_bytes {
        return Err(damaged(format!("the header (byte 8) announces {tensor_count} tensors")));
    }
    if pair_count > MAX_PAIRS || pair_count.saturating_mul(13) > file_bytes {
        return Err(damaged(format!("the header (byte 16) announces {pair_count} keys")));
    }
    let mut values = HashMap::new();
    for _ in 0..pair_count {
        let at = cursor.at;
        let key = cursor.name("a key", MAX_KEY)?;
        let value = cursor.value(&key)?;
        if values.insert(key.clone(), Entry { at, value }).is_some() {
            return Err(damaged(format!("the key {key} stands twice, again at byte {at}")));
        }
    }
    let alignment = alignment(&values)?;
    let mut seen = HashSet::new();
    let mut tensors = Vec::new();
    let mut offset = 0u64;
    for _ in 0..tensor_count {
        let at = cursor.at;
        let tensor = cursor.tensor(offset)?;
        if !seen.insert(tensor.name.clone()) {
            return Err(damaged(format!("the tensor {} stands twice, again at byte {at}", tensor.name)));
        }
        offset = tensor
            .bytes
            .checked_next_multiple_of(alignment)
            .and_then(|padded| offset.checked_add(padded))
            .ok_or_else(|| damaged(format!("the tensor {} (byte {at}) is too large", tensor.name)))?;
        // mmap hands the tensors to kernels that want 32 bytes, and a misaligned first one makes llama.cpp abort.
        if !offset.is_multiple_of(32) && tensors.len() as u64 + 1 < tensor_count {
            return Err(damaged(format!("general.alignment is {alignment}, but the tensors need 32 bytes")));
        }
        tensors.push(tensor);
    }
    let data = cursor
        .at
        .checked_next_multiple_of(alignment)
        .filter(|data| tensors.is_empty() || data.is_multiple_of(32))
        .ok_or_else(|| damaged(format!("general.alignment is {alignment}, but the tensors need 32 bytes")))?;
    // Not the padding after the last tensor: some writers leave it out, and nothing reads it.
    let last =
        tensors.last().map_or(0, |tensor: &Tensor| tensor.bytes.next_multiple_of(alignment) - tensor.bytes);
    let end = data.saturating_add(offset - last);
    if !tensors.is_empty() && end > file_bytes {
        return Err(damaged(format!(
            "the tensors end at byte {end}, but the file has only {file_bytes} bytes"
        )));
    }
    Ok(Container { version, values, tensors })
}

fn alignment(values: &HashMap<String, Entry>) -> Result<u64, Unfit> {
    match values.get("general.alignment").map(|entry| (&entry.value, entry.at)) {
        None => Ok(32),
        Some((Value::Uint("u32", alignment), _)) if alignment.is_power_of_two() => Ok(*alignment),
        Some((Value::Uint("u32", alignment), at)) => {
            Err(damaged(format!("general.alignment (byte {at}) is {alignment}, which is not a power of two")))
        }
        Some((value, at)) => {
            Err(damaged(format!("general.alignment (byte {at}) is of type {}, not u32", value.kind())))
        }
    }
}

impl<R: Read> Cursor<R> {
    /// Magic and version.
    fn opening(&mut self) -> Result<u32, Unfit> {
        if self.file_bytes == 0 {
            return Err(Unfit::NotGguf("the file is empty; download it again".into()));
        }
        let magic: [u8; 4] = self.array("the magic")?;
        if magic != *b"GGUF" {
            let found = magic.escape_ascii();
            return Err(Unfit::NotGguf(match &magic {
                b"GGJT" | b"ggjt" | b"tjgg" | b"lmgg" | b"ggml" | b"fmgg" => {
                    format!(
                        "the file begins with \"{found}\", an old GGML format; use a GGUF file of this model"
                    )
                }
                b"vers" => {
                    "the file is a Git LFS pointer instead of the model; run `git lfs pull` beside it".into()
                }
                b"<!DO" | b"<!do" | b"<htm" | b"<HTM" => {
                    "the file is a web page instead of the model; download the file itself".into()
                }
                _ => format!(
                    "the file begins with \"{found}\", not \"GGUF\"; choose a model in the GGUF format"
                ),
            }));
        }
        let version = self.u32("the version")?;
        match version {
            2 | 3 => Ok(version),
            1 => Err(Unfit::Unsupported(
                "the file is GGUF version 1 (byte 4), which llama.cpp no longer reads; use a newer conversion".into(),
            )),
            _ if matches!(version.swap_bytes(), 1..=3) => Err(Unfit::Unsupported(
                "the file is a big-endian GGUF (byte 4); use the little-endian file of this model".into(),
            )),
            _ => Err(Unfit::Unsupported(format!(
                "the file says GGUF version {version} (byte 4), and only 2 and 3 are known; \
                 download it again, or update CodeSage"
            ))),
        }
    }

    /// `due` is where its data must begin: llama.cpp takes no gaps and no overlaps.
    fn tensor(&mut self, due: u64) -> Result<Tensor, Unfit> {
        let at = self.at;
        // ggml's names have 64 bytes with the NUL.
        let name = self.name("a tensor's name", 63)?;
        let wrong = |what: String| damaged(format!("the tensor {name} (byte {at}) {what}"));
        let n_dims = self.u32(&name)?;
        if !(1..=4).contains(&n_dims) {
            return Err(wrong(format!("has {n_dims} dimensions")));
        }
        let mut dims = Vec::new();
        let mut elements = 1u64;
        for _ in 0..n_dims {
            let dim = self.u64(&name)?;
            let product = elements.checked_mul(dim).filter(|&product| product <= i64::MAX as u64);
            elements = product.ok_or_else(|| wrong(format!("has a dimension of {dim}")))?;
            dims.push(dim);
        }
        if elements == 0 {
            return Err(wrong("has a dimension of 0".into()));
        }
        let number = self.u32(&name)?;
        let Some(kind) = Kind::of(number) else {
            return Err(wrong(format!("has type {number}, which llama.cpp does not know")));
        };
        if !dims[0].is_multiple_of(kind.block) {
            return Err(wrong(format!(
                "has rows of {}, not a multiple of the {} of {}",
                dims[0], kind.block, kind.name
            )));
        }
        let bytes = (elements / kind.block).checked_mul(kind.bytes);
        let bytes =
            bytes.filter(|&bytes| bytes <= i64::MAX as u64).ok_or_else(|| wrong("is too large".into()))?;
        let offset = self.u64(&name)?;
        if offset != due {
            return Err(wrong(format!("begins at {offset} of the data, expected {due}")));
        }
        Ok(Tensor { name, dims, kind, bytes })
    }
}
