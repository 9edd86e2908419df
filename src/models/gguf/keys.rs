//! Typed access to a container's values: a key that is there with the wrong type is a refusal that names its byte,
//! because llama.cpp either refuses it too or, in places, aborts. It gives no meaning to a number.

use super::read::Container;
use super::value::{Entry, Value};
use super::{Unfit, damaged};

/// The values of a container, with the architecture that prefixes the hyperparameters.
pub(super) struct Keys<'a> {
    pub container: &'a Container,
    pub architecture: &'a str,
}

impl<'a> Keys<'a> {
    /// `{architecture}.{key}`.
    pub fn named(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }

    pub fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.container.values.get(key)
    }

    pub fn u32(&self, key: &str) -> Result<Option<u32>, Unfit> {
        self.read(key, "u32", |value| match value {
            Value::Uint("u32", number) => u32::try_from(*number).ok(),
            _ => None,
        })
    }

    pub fn u16(&self, key: &str) -> Result<Option<u16>, Unfit> {
        self.read(key, "u16", |value| match value {
            Value::Uint("u16", number) => u16::try_from(*number).ok(),
            _ => None,
        })
    }

    pub fn bool(&self, key: &str) -> Result<Option<bool>, Unfit> {
        self.read(key, "bool", |value| match value {
            Value::Bool(answer) => Some(*answer),
            _ => None,
        })
    }

    /// Finite, or a refusal: NaN passes through every comparison of llama.cpp but its assertions.
    pub fn f32(&self, key: &str) -> Result<Option<f64>, Unfit> {
        let number = self.read(key, "f32", |value| match value {
            Value::Float(number) => Some(*number),
            _ => None,
        })?;
        match number {
            Some(number) if !number.is_finite() => Err(self.wrong(key, &format!("is {number}"))),
            number => Ok(number),
        }
    }

    /// Without NUL, which would cut it for llama.cpp; bytes that are no UTF-8 are replaced.
    pub fn text(&self, key: &str) -> Result<Option<String>, Unfit> {
        let bytes = self.read(key, "str", |value| match value {
            Value::Text(bytes) => Some(bytes),
            _ => None,
        })?;
        match bytes {
            Some(bytes) if bytes.contains(&0) => Err(self.wrong(key, "holds a NUL byte")),
            bytes => Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())),
        }
    }

    /// One number for all layers, or one for each: both forms are in use.
    pub fn per_layer(&self, key: &str, layers: u32) -> Result<Option<Vec<u32>>, Unfit> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        let Value::Numbers { element, count, kept } = &entry.value else {
            return Ok(self.u32(key)?.map(|number| vec![number; layers as usize]));
        };
        if !matches!(*element, "u32" | "i32" | "bool") {
            return Err(self.wrong(key, &format!("is an array of {element}, not of u32")));
        }
        if *count != u64::from(layers) {
            return Err(self.wrong(key, &format!("has {count} elements for {layers} layers")));
        }
        let numbers: Option<Vec<u32>> = kept.iter().map(|&number| u32::try_from(number).ok()).collect();
        numbers.map(Some).ok_or_else(|| self.wrong(key, "holds a negative number"))
    }

    /// The refusal for what stands under `key`.
    pub fn wrong(&self, key: &str, what: &str) -> Unfit {
        match self.entry(key) {
            Some(entry) => damaged(format!("{key} (byte {}) {what}", entry.at)),
            None => damaged(format!("{key} {what}")),
        }
    }

    fn read<T>(
        &self,
        key: &str,
        kind: &str,
        take: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Unfit> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        match take(&entry.value) {
            Some(value) => Ok(Some(value)),
            None => Err(self.wrong(key, &format!("is of type {}, not {kind}", entry.value.kind()))),
        }
    }
}
