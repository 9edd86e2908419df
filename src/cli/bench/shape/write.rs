//! The container of a model file, GGUF version 3: pairs, names of tensors, then their data, each padded to 32 bytes.

use std::io::{self, Write};

use super::tensors::Weights;

const ALIGNMENT: usize = 32;

/// Types of values.
pub const U32: u32 = 4;
pub const I32: u32 = 5;
pub const F32: u32 = 6;
pub const BOOL: u32 = 7;
pub const TEXT: u32 = 8;
pub const ARRAY: u32 = 9;

/// Keys with their values, in order, as they stand in the file.
#[derive(Debug, Default)]
pub struct Pairs {
    bytes: Vec<u8>,
    count: u64,
}

impl Pairs {
    pub fn text(&mut self, key: &str, value: &str) {
        self.raw(key, TEXT, &text(value.as_bytes()));
    }

    pub fn number(&mut self, key: &str, value: u32) {
        self.raw(key, U32, &value.to_le_bytes());
    }

    pub fn float(&mut self, key: &str, value: f32) {
        self.raw(key, F32, &value.to_le_bytes());
    }

    /// The elements as they stand in the file, one behind the other.
    pub fn array(&mut self, key: &str, element: u32, count: u64, elements: &[u8]) {
        let head = [&element.to_le_bytes()[..], &count.to_le_bytes()].concat();
        self.raw(key, ARRAY, &[&head, elements].concat());
    }

    /// A value whose bytes are known.
    pub fn raw(&mut self, key: &str, kind: u32, value: &[u8]) {
        self.bytes.extend(text(key.as_bytes()));
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend(value);
        self.count += 1;
    }
}

/// A text with its length before it.
pub fn text(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_le_bytes()[..], bytes].concat()
}

/// Writes all of it.
pub fn file(pairs: &Pairs, weights: &Weights, output: &mut impl Write) -> io::Result<()> {
    let mut header = b"GGUF".to_vec();
    header.extend(3u32.to_le_bytes());
    header.extend((weights.tensors().len() as u64).to_le_bytes());
    header.extend(pairs.count.to_le_bytes());
    header.extend(&pairs.bytes);
    let mut offset = 0u64;
    for tensor in weights.tensors() {
        header.extend(text(tensor.name.as_bytes()));
        header.extend((tensor.dimensions.len() as u32).to_le_bytes());
        for dimension in &tensor.dimensions {
            header.extend((*dimension as u64).to_le_bytes());
        }
        header.extend(tensor.kind().to_le_bytes());
        header.extend(offset.to_le_bytes());
        offset += tensor.bytes().next_multiple_of(ALIGNMENT) as u64;
    }
    output.write_all(&header)?;
    pad(header.len(), output)?;
    weights.write(output)
}

/// What is missing behind so many bytes.
pub fn pad(length: usize, output: &mut impl Write) -> io::Result<()> {
    output.write_all(&[0; ALIGNMENT][..length.next_multiple_of(ALIGNMENT) - length])
}
