//! Tiny models whose memory is not a plain cache of keys and values: one that keeps a state (mamba), two that keep both
//! (jamba, lfm2, the latter with a window too), and one that sees only the last tokens in most of its layers (gemma3).
//!
//! Random weights on the vocabulary of `tiny_model`: what they say depends on every token before, or on every one in the
//! window, so that a state that is off by one token shows in the probabilities. This file does not know the engine.

use super::gguf::{Gguf, Random, Tensor, Value};
use super::tiny_model::TinyModel;

/// Tokens that a layer with a window sees: fewer than any prompt of a test has.
pub const WINDOW: u32 = 24;

const WIDTH: usize = 64;
const HEAD: usize = 16;
const FEED_FORWARD: usize = 64;
const INNER: usize = 2 * WIDTH;
const STATE: usize = 16;
const KERNEL: usize = 4;
const RANK: usize = 4;

/// What a block does besides its feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Mamba,
    Attention,
    ShortConvolution,
}

/// A model of this architecture, by the name that llama.cpp has for it; with `window`, one that sees no further.
pub fn model(architecture: &'static str, window: bool) -> Gguf {
    use Block::{Attention, Mamba, ShortConvolution};
    let blocks: &[Block] = match architecture {
        "mamba" => &[Mamba, Mamba],
        "jamba" => &[Mamba, Attention, Mamba, Attention],
        "lfm2" => &[ShortConvolution, Attention, ShortConvolution, Attention],
        // Five of six have a window.
        "gemma3" => &[Attention; 6],
        other => panic!("no model of {other}"),
    };
    let plain = TinyModel { arch: architecture, n_layer: blocks.len() as u32, ..TinyModel::random(7) };
    let words = ["self", " self", ".slots", " let", " fn", "    ", " =", "tokens", "::", " plan"];
    let mut gguf = plain.with_words(&words).gguf();
    let key = |name: &str| format!("{architecture}.{name}");
    gguf.tensors.retain(|tensor| !tensor.name.starts_with("blk."));
    if architecture == "lfm2" {
        gguf.tensor("output_norm.weight").name = "token_embd_norm.weight".into();
        gguf.set(&key("shortconv.l_cache"), Value::U32(KERNEL as u32));
    }
    if blocks.contains(&Mamba) {
        for (name, number) in
            [("conv_kernel", KERNEL), ("inner_size", INNER), ("state_size", STATE), ("time_step_rank", RANK)]
        {
            gguf.set(&key(&format!("ssm.{name}")), Value::U32(number as u32));
        }
    }
    if blocks.iter().any(|block| *block != Attention) {
        let heads = blocks.iter().map(|block| if *block == Attention { 2 } else { 0 });
        gguf.set(&key("attention.head_count_kv"), Value::I32s(heads.collect()));
    }
    if window {
        gguf.set(&key("attention.sliding_window"), Value::U32(WINDOW));
    }
    let mut writer = Writer { gguf: &mut gguf, random: Random::new(0xb10c), layer: 0 };
    for (layer, &block) in blocks.iter().enumerate() {
        writer.layer = layer;
        writer.block(architecture, block);
    }
    gguf
}

struct Writer<'a> {
    gguf: &'a mut Gguf,
    random: Random,
    layer: usize,
}

impl Writer<'_> {
    fn block(&mut self, architecture: &str, block: Block) {
        self.ones("attn_norm.weight", WIDTH);
        match block {
            Block::Mamba => self.mamba(architecture == "jamba"),
            Block::ShortConvolution => {
                self.matrix("shortconv.conv.weight", &[KERNEL, WIDTH], 2.0);
                self.matrix("shortconv.in_proj.weight", &[WIDTH, 3 * WIDTH], 2.0);
                self.matrix("shortconv.out_proj.weight", &[WIDTH, WIDTH], 2.0);
            }
            Block::Attention => {
                self.matrix("attn_q.weight", &[WIDTH, WIDTH], 3.0);
                self.matrix("attn_k.weight", &[WIDTH, 2 * HEAD], 3.0);
                self.matrix("attn_v.weight", &[WIDTH, 2 * HEAD], 2.0);
                self.matrix("attn_output.weight", &[WIDTH, WIDTH], 2.0);
                if architecture != "jamba" {
                    self.ones("attn_q_norm.weight", HEAD);
                    self.ones("attn_k_norm.weight", HEAD);
                }
            }
        }
        if architecture == "mamba" {
            return;
        }
        self.ones("ffn_norm.weight", WIDTH);
        self.matrix("ffn_gate.weight", &[WIDTH, FEED_FORWARD], 1.5);
        self.matrix("ffn_up.weight", &[WIDTH, FEED_FORWARD], 1.5);
        self.matrix("ffn_down.weight", &[FEED_FORWARD, WIDTH], 1.5);
        if architecture == "gemma3" {
            self.ones("post_attention_norm.weight", WIDTH);
            self.ones("post_ffw_norm.weight", WIDTH);
        }
    }

    fn mamba(&mut self, normed: bool) {
        self.matrix("ssm_in.weight", &[WIDTH, 2 * INNER], 2.0);
        self.matrix("ssm_conv1d.weight", &[KERNEL, INNER], 2.0);
        self.matrix("ssm_conv1d.bias", &[INNER], 0.5);
        self.matrix("ssm_x.weight", &[INNER, RANK + 2 * STATE], 2.0);
        self.matrix("ssm_dt.weight", &[RANK, INNER], 1.0);
        self.filled("ssm_dt.bias", &[INNER], |random| random.signed() - 2.0);
        // How fast what was read fades: within some hundred tokens.
        self.filled("ssm_a", &[STATE, INNER], |random| -0.02 - 0.2 * random.signed().abs());
        self.ones("ssm_d", INNER);
        self.matrix("ssm_out.weight", &[INNER, WIDTH], 2.0);
        if normed {
            self.ones("ssm_dt_norm.weight", RANK);
            self.ones("ssm_b_norm.weight", STATE);
            self.ones("ssm_c_norm.weight", STATE);
        }
    }

    fn matrix(&mut self, part: &str, dims: &[usize], gain: f32) {
        let scale = gain / (dims[0] as f32).sqrt();
        self.filled(part, dims, |random| random.signed() * scale);
    }

    fn ones(&mut self, part: &str, length: usize) {
        self.filled(part, &[length], |_| 1.0);
    }

    fn filled(&mut self, part: &str, dims: &[usize], mut number: impl FnMut(&mut Random) -> f32) {
        let count: usize = dims.iter().product();
        let numbers: Vec<f32> = (0..count).map(|_| number(&mut self.random)).collect();
        self.gguf.tensors.push(Tensor::f32(format!("blk.{}.{part}", self.layer), dims, numbers));
    }
}
