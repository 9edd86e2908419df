//! The weights: which tensors a shape has, and what is in them.
//!
//! Quantized blocks have one scale and random numbers. The scale keeps activations near 1: no infinity, and nothing so
//! small that a processor slows down. Norms are one and biases zero.

use std::io::{self, Write};

use clap::ValueEnum;

use super::Dimensions;
use super::write::pad;

/// Numbers of a block.
const BLOCK: usize = 32;
/// Blocks made at once.
const CHUNK: usize = 1 << 15;
/// The deviation of embeddings.
const EMBEDDING: f32 = 0.02;

/// How matrices are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[value(name = "q8_0")]
    Q8_0,
    #[value(name = "q4_0")]
    Q4_0,
    #[value(name = "f16")]
    F16,
}

impl Format {
    /// Bytes of a block.
    fn bytes(self) -> usize {
        match self {
            Format::Q8_0 => 2 + BLOCK,
            Format::Q4_0 => 2 + BLOCK / 2,
            Format::F16 => 2 * BLOCK,
        }
    }

    /// The largest number of a block, without its scale.
    fn largest(self) -> f32 {
        match self {
            Format::Q8_0 => 127.0,
            Format::Q4_0 => 8.0,
            Format::F16 => 1.0,
        }
    }
}

/// What is in a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Content {
    /// Random numbers of this deviation.
    Random(Format, f32),
    /// One number, 32 bits.
    All(f32),
}

/// One tensor; its rows are `dimensions[0]` long.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub name: String,
    pub dimensions: Vec<usize>,
    content: Content,
}

impl Tensor {
    fn count(&self) -> usize {
        self.dimensions.iter().product()
    }

    pub fn bytes(&self) -> usize {
        match self.content {
            Content::Random(format, _) => self.count() / BLOCK * format.bytes(),
            Content::All(_) => self.count() * 4,
        }
    }

    /// The number of ggml's type.
    pub fn kind(&self) -> u32 {
        match self.content {
            Content::All(_) => 0,
            Content::Random(Format::F16, _) => 1,
            Content::Random(Format::Q4_0, _) => 2,
            Content::Random(Format::Q8_0, _) => 8,
        }
    }
}

/// All of a model's.
#[derive(Debug, Default)]
pub struct Weights {
    tensors: Vec<Tensor>,
    seed: u64,
}

impl Weights {
    pub fn of(dimensions: &Dimensions, rows: usize, format: Format, seed: u64) -> Self {
        let Dimensions { layers, width, feed_forward, heads, kv_heads, is_tied, .. } = *dimensions;
        let kv = width / heads * kv_heads;
        // Those who quantize to four bits leave these at eight.
        let embedding = if format == Format::Q4_0 { Format::Q8_0 } else { format };
        let mut tensors = Vec::new();
        let mut put = |name: &str, dimensions: &[usize], content: Content| {
            tensors.push(Tensor { name: name.to_owned(), dimensions: dimensions.to_vec(), content });
        };
        put("token_embd.weight", &[width, rows], Content::Random(embedding, EMBEDDING));
        put("output_norm.weight", &[width], Content::All(1.0));
        if !is_tied {
            put("output.weight", &[width, rows], Content::Random(embedding, EMBEDDING));
        }
        for layer in 0..layers {
            let mut matrix = |name: &str, from: usize, to: usize| {
                let deviation = (from as f32).powf(-0.5) / 2.0;
                put(&format!("blk.{layer}.{name}.weight"), &[from, to], Content::Random(format, deviation));
            };
            matrix("attn_q", width, width);
            matrix("attn_k", width, kv);
            matrix("attn_v", width, kv);
            matrix("attn_output", width, width);
            matrix("ffn_gate", width, feed_forward);
            matrix("ffn_up", width, feed_forward);
            matrix("ffn_down", feed_forward, width);
            for (name, length, value) in [
                ("attn_norm.weight", width, 1.0),
                ("ffn_norm.weight", width, 1.0),
                ("attn_q.bias", width, 0.0),
                ("attn_k.bias", kv, 0.0),
                ("attn_v.bias", kv, 0.0),
            ] {
                put(&format!("blk.{layer}.{name}"), &[length], Content::All(value));
            }
        }
        Self { tensors, seed }
    }

    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Writes the data of all tensors.
    pub fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        for tensor in &self.tensors {
            match tensor.content {
                Content::All(value) => output.write_all(&value.to_le_bytes().repeat(tensor.count()))?,
                Content::Random(format, deviation) => {
                    let mut blocks = tensor.count() / BLOCK;
                    while blocks > 0 {
                        let now = blocks.min(CHUNK);
                        output.write_all(&random_blocks(&mut random, now, format, deviation))?;
                        blocks -= now;
                    }
                }
            }
            pad(tensor.bytes(), output)?;
        }
        Ok(())
    }
}

fn random_blocks(random: &mut fastrand::Rng, count: usize, format: Format, deviation: f32) -> Vec<u8> {
    let mut bytes = vec![0; count * format.bytes()];
    random.fill(&mut bytes);
    // Even numbers up to the largest have this deviation of it.
    let largest = deviation * 3f32.sqrt();
    match format {
        Format::Q8_0 | Format::Q4_0 => {
            let scale = half(largest / format.largest()).to_le_bytes();
            for block in bytes.chunks_exact_mut(format.bytes()) {
                block[..2].copy_from_slice(&scale);
            }
        }
        // The sign and the digits are random; the exponent is that of the deviation.
        Format::F16 => {
            let exponent = half(deviation) & 0x7c00;
            for number in bytes.chunks_exact_mut(2) {
                let bits = u16::from_le_bytes([number[0], number[1]]) & 0x83ff | exponent;
                number.copy_from_slice(&bits.to_le_bytes());
            }
        }
    }
    bytes
}

/// The bits of a small positive number in 16 bits, cut off.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    match (bits >> 23).checked_sub(112).filter(|exponent| *exponent > 0) {
        Some(exponent) => ((exponent << 10) | (bits >> 13 & 0x3ff)) as u16,
        None => (value * 16_777_216.0) as u16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves() {
        for (value, bits) in
            [(1.0, 0x3c00), (0.5, 0x3800), (1.5, 0x3e00), (0.1, 0x2e66), (6.0e-8, 1), (0.0, 0)]
        {
            assert_eq!(half(value), bits, "{value}");
        }
    }

    #[test]
    fn numbers_have_the_deviation_that_was_asked_for() {
        for format in [Format::Q8_0, Format::Q4_0, Format::F16] {
            let mut random = fastrand::Rng::with_seed(3);
            let bytes = random_blocks(&mut random, 1000, format, 0.1);
            let numbers: Vec<f32> = match format {
                Format::Q8_0 => {
                    bytes.chunks(34).flat_map(|b| b[2..].iter().map(|n| f32::from(*n as i8))).collect()
                }
                Format::Q4_0 => bytes
                    .chunks(18)
                    .flat_map(|b| b[2..].iter().flat_map(|n| [n & 15, n >> 4]).map(|n| f32::from(n) - 8.0))
                    .collect(),
                Format::F16 => bytes.chunks(2).map(|b| if b[1] & 0x80 == 0 { 1.0 } else { -1.0 }).collect(),
            };
            let scale = 0.1 * 3f32.sqrt() / format.largest();
            let mean = numbers.iter().sum::<f32>() / numbers.len() as f32;
            let squares = numbers.iter().map(|n| (n - mean).powi(2)).sum::<f32>() / numbers.len() as f32;
            let deviation = if format == Format::F16 { 0.1 * squares.sqrt() } else { scale * squares.sqrt() };
            assert!((0.09..0.11).contains(&deviation), "{format:?}: {deviation}");
        }
    }
}
