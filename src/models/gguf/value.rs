//! The values of a header: what is kept of them, and how they are read.
//!
//! The texts of the vocabulary and per-layer numbers are kept; other long arrays are walked, not stored, so that
//! memory stays bounded whatever the file announces. No key means anything here but the one whose texts are kept.

use std::io::Read;

use super::cursor::Cursor;
use super::{Unfit, damaged};

/// The key whose texts are kept.
pub(super) const TOKENS: &str = "tokenizer.ggml.tokens";

/// The longest chat templates have some 20 KB.
const MAX_STRING: u64 = 16 << 20;
/// Bytes of one array, more than any vocabulary has.
const MAX_ARRAY: u64 = 1 << 30;
/// A per-layer array has at most 512 numbers; longer ones are walked only.
const KEPT_NUMBERS: u64 = 1024;

/// A value and the byte its key begins at.
pub(super) struct Entry {
    pub at: u64,
    pub value: Value,
}

pub(super) enum Value {
    Uint(&'static str, u64),
    /// A signed integer or an f64: llama.cpp reads neither from a single value.
    Other(&'static str),
    Float(f64),
    Bool(bool),
    Text(Vec<u8>),
    /// `kept` is empty for arrays too long to be per-layer.
    Numbers {
        element: &'static str,
        count: u64,
        kept: Vec<i64>,
    },
    /// Empty for all keys but [`TOKENS`].
    Texts(Texts),
}

impl Value {
    /// The type's name as the format spells it.
    pub fn kind(&self) -> String {
        match self {
            Self::Uint(kind, _) | Self::Other(kind) => (*kind).into(),
            Self::Float(_) => "f32".into(),
            Self::Bool(_) => "bool".into(),
            Self::Text(_) => "str".into(),
            Self::Numbers { element, .. } => format!("array of {element}"),
            Self::Texts(_) => "array of str".into(),
        }
    }
}

/// Many byte strings in one allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Texts {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start as usize..end as usize])
    }
}

impl<R: Read> Cursor<R> {
    /// The value of `key`, from its type on.
    pub fn value(&mut self, key: &str) -> Result<Value, Unfit> {
        let at = self.at;
        let unknown =
            |kind: u32| damaged(format!("the value of {key} (byte {at}) has type {kind}, which is none"));
        let kind = self.u32(key)?;
        Ok(match kind {
            8 => {
                let mut text = Vec::new();
                self.text(key, MAX_STRING, &mut text)?;
                Value::Text(text)
            }
            9 => {
                let element = self.u32(key)?;
                let count = self.u64(key)?;
                match element {
                    8 => self.texts(key, count)?,
                    9 => {
                        return Err(damaged(format!("the value of {key} (byte {at}) is an array of arrays")));
                    }
                    _ => {
                        let (name, size) = number(element).ok_or_else(|| unknown(element))?;
                        self.numbers(key, name, size, count)?
                    }
                }
            }
            _ => {
                let (name, size) = number(kind).ok_or_else(|| unknown(kind))?;
                self.scalar(key, name, size)?
            }
        })
    }

    fn scalar(&mut self, key: &str, kind: &'static str, size: u64) -> Result<Value, Unfit> {
        let bits = match size {
            1 => u64::from(self.array::<1>(key)?[0]),
            2 => u64::from(u16::from_le_bytes(self.array(key)?)),
            4 => u64::from(self.u32(key)?),
            _ => self.u64(key)?,
        };
        Ok(match kind {
            "bool" => Value::Bool(bits != 0),
            "f32" => Value::Float(f64::from(f32::from_bits(bits as u32))),
            "i8" | "i16" | "i32" | "i64" | "f64" => Value::Other(kind),
            _ => Value::Uint(kind, bits),
        })
    }

    fn numbers(&mut self, key: &str, element: &'static str, size: u64, count: u64) -> Result<Value, Unfit> {
        let bytes = count.checked_mul(size).filter(|&bytes| bytes <= MAX_ARRAY);
        let bytes = bytes.ok_or_else(|| damaged(format!("{key} announces {count} elements")))?;
        self.expect(bytes, key)?;
        let mut kept = Vec::new();
        if count <= KEPT_NUMBERS {
            for _ in 0..count {
                let bits = match size {
                    1 => u64::from(self.array::<1>(key)?[0]),
                    2 => u64::from(u16::from_le_bytes(self.array(key)?)),
                    4 => u64::from(self.u32(key)?),
                    _ => self.u64(key)?,
                };
                kept.push(signed(bits, size));
            }
        } else {
            self.skip(bytes, key)?;
        }
        Ok(Value::Numbers { element, count, kept })
    }

    fn texts(&mut self, key: &str, count: u64) -> Result<Value, Unfit> {
        // Each has a length of eight bytes.
        let least = count.checked_mul(8).filter(|&bytes| bytes <= MAX_ARRAY);
        let least = least.ok_or_else(|| damaged(format!("{key} announces {count} elements")))?;
        self.expect(least, key)?;
        let mut kept = Texts::default();
        for _ in 0..count {
            if key == TOKENS {
                self.text(key, MAX_STRING, &mut kept.bytes)?;
                // NB: the cursor keeps all strings below four gigabytes.
                kept.ends.push(kept.bytes.len() as u32);
            } else {
                let at = self.at;
                let length = self.u64(key)?;
                self.expect(length, key)?;
                if length > MAX_STRING {
                    return Err(damaged(format!("{key} at byte {at} has {length} bytes")));
                }
                self.skip(length, key)?;
            }
        }
        Ok(Value::Texts(kept))
    }
}

/// Name and size of a value type that is a number.
fn number(kind: u32) -> Option<(&'static str, u64)> {
    Some(match kind {
        0 => ("u8", 1),
        1 => ("i8", 1),
        2 => ("u16", 2),
        3 => ("i16", 2),
        4 => ("u32", 4),
        5 => ("i32", 4),
        6 => ("f32", 4),
        7 => ("bool", 1),
        10 => ("u64", 8),
        11 => ("i64", 8),
        12 => ("f64", 8),
        _ => return None,
    })
}

fn signed(bits: u64, size: u64) -> i64 {
    match size {
        1 => i64::from(bits as u8 as i8),
        2 => i64::from(bits as u16 as i16),
        4 => i64::from(bits as u32 as i32),
        _ => bits as i64,
    }
}
