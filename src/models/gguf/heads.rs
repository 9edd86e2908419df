//! The heads of attention: how many, how wide, and what a graph takes for granted of them that no tensor's shape says.
//!
//! Rules from the graphs of `models/*.cpp`. It looks at no tensor.

use super::architecture;
use super::keys::Keys;
use super::{Unfit, damaged};

pub(super) struct Heads {
    /// The most of any layer.
    pub most: u32,
    /// Key and value heads of each layer.
    pub kv: Vec<u32>,
    /// Numbers a key has.
    pub key_length: u32,
    pub value_length: u32,
}

impl Heads {
    pub fn read(keys: &Keys<'_>, embedding: u32, layers: u32) -> Result<Self, Unfit> {
        let plain = architecture::is_plain(keys.architecture);
        let count_key = keys.named("attention.head_count");
        let kv_key = keys.named("attention.head_count_kv");
        let counts = keys.per_layer(&count_key, layers)?;
        if plain && counts.as_ref().is_none_or(|counts| counts.contains(&0)) {
            return Err(keys.wrong(&count_key, "is missing or 0"));
        }
        let counts = counts.unwrap_or_else(|| vec![0; layers as usize]);
        let kv = keys.per_layer(&kv_key, layers)?.unwrap_or_else(|| counts.clone());
        // Queries are broadcast over keys: the kernel asserts that they divide.
        for (layer, (&count, &kv)) in counts.iter().zip(&kv).enumerate() {
            if (plain && kv == 0) || (kv > 0 && !count.is_multiple_of(kv)) {
                return Err(keys.wrong(&kv_key, &format!("is {kv} for {count} heads of layer {layer}")));
            }
        }
        let first = counts.first().copied().unwrap_or(0);
        let width = embedding.checked_div(first).unwrap_or(0);
        let length = |name: &str| keys.u32(&keys.named(name)).map(|length| length.unwrap_or(width));
        let heads = Self {
            most: counts.into_iter().max().unwrap_or(0),
            kv,
            key_length: length("attention.key_length")?,
            value_length: length("attention.value_length")?,
        };
        heads.rope(keys, first, embedding)?;
        Ok(heads)
    }

    /// Rotation takes pairs of numbers, no more than a head has.
    fn rope(&self, keys: &Keys<'_>, first: u32, embedding: u32) -> Result<(), Unfit> {
        if first == 0 {
            return Ok(());
        }
        let (key, value) = (self.key_length, self.value_length);
        let dims_key = keys.named("rope.dimension_count");
        let dims = keys.u32(&dims_key)?.unwrap_or(key);
        if !dims.is_multiple_of(2) || dims > key {
            return Err(keys.wrong(&dims_key, &format!("is {dims} for heads of {key}")));
        }
        let rules = Rules::of(keys.architecture);
        if (rules.are_equal && (key == 0 || key != value)) || (rules.rotate_whole && key != dims) {
            return Err(damaged(format!(
                "the heads of {} are {key} wide for keys, {value} for values and {dims} for rotation",
                keys.architecture
            )));
        }
        // These take the product for granted, where the others have it in their tensors' shapes.
        if rules.make_up_width && u64::from(key) * u64::from(first) != u64::from(embedding) {
            let count_key = keys.named("attention.head_count");
            return Err(
                keys.wrong(&count_key, &format!("is {first}: heads of {key} do not make up {embedding}"))
            );
        }
        if keys.architecture == "deepseek2" { self.latent(keys, first, dims) } else { Ok(()) }
    }

    /// Keys and values of one latent vector: as it was first published, unpacked for every head, or since then left packed
    /// and read by one.
    fn latent(&self, keys: &Keys<'_>, first: u32, rotated: u32) -> Result<(), Unfit> {
        let number = |name: &str| keys.u32(&keys.named(&format!("attention.{name}")));
        let packed = number("key_length_mla")?.filter(|&length| length > 0);
        let unpacked = packed.unwrap_or(self.key_length);
        if rotated >= unpacked {
            return Err(keys.wrong(
                &keys.named("rope.dimension_count"),
                &format!("is {rotated}: nothing is left of keys of {unpacked}"),
            ));
        }
        let kv = if packed.is_some() { 1 } else { first };
        if self.kv.iter().any(|&heads| heads != kv) {
            return Err(keys.wrong(&keys.named("attention.head_count_kv"), &format!("is not {kv}")));
        }
        let rank = number("kv_lora_rank")?.unwrap_or(0);
        let due = (rank.saturating_add(rotated), rank);
        if packed.is_some() && (self.key_length, self.value_length) != due {
            return Err(damaged(format!(
                "the heads of deepseek2 are {} wide for keys and {} for values, where {} and {} are due",
                self.key_length, self.value_length, due.0, due.1
            )));
        }
        Ok(())
    }
}

/// What is taken for granted.
struct Rules {
    /// Keys are as wide as values.
    are_equal: bool,
    /// All of a key is rotated.
    rotate_whole: bool,
    /// All heads together are as wide as the model.
    make_up_width: bool,
}

impl Rules {
    fn of(architecture: &str) -> Self {
        let rotate_whole =
            architecture::is_plain(architecture) || matches!(architecture, "qwen3moe" | "starcoder2");
        Self {
            are_equal: rotate_whole || matches!(architecture, "starcoder" | "phi3" | "gemma" | "qwen3next"),
            rotate_whole,
            make_up_width: matches!(architecture, "qwen2" | "starcoder" | "starcoder2" | "phi3"),
        }
    }
}
