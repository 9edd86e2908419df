//! Tiny models of every architecture that the catalogue names: the tensors and the keys that llama.cpp asks of each, as
//! its `models/*.cpp` of the pinned version list them, with random weights.
//!
//! They say nothing sensible. They are for asking whether a file of that kind, whole or damaged, is judged, loaded and
//! run without harm. It stands beside `gguf` and `tiny_model`, declared as a sibling.

use super::gguf::{Gguf, Random, Tensor, Value};
use super::tiny_model::{Fim, TinyModel};

/// What a tiny model of a kind is made of.
pub struct Kind {
    /// `general.architecture`.
    pub arch: &'static str,
    /// Tells two forms of one architecture apart.
    pub form: &'static str,
    make: fn(&mut Maker),
}

/// All that the catalogue's families run on, and those of its models without a family.
pub static KINDS: [Kind; 11] = [
    kind("llama", "", llama),
    kind("qwen2", "", qwen2),
    kind("qwen3", "", qwen3),
    kind("qwen3moe", "", qwen3moe),
    kind("qwen3next", "", qwen3next),
    // As published before llama.cpp knew the compressed cache, and since.
    kind("deepseek2", "plain", deepseek2),
    kind("deepseek2", "compressed", deepseek2_compressed),
    kind("starcoder", "", starcoder),
    kind("starcoder2", "", starcoder2),
    kind("gemma", "", gemma),
    kind("phi3", "", phi3),
];

const fn kind(arch: &'static str, form: &'static str, make: fn(&mut Maker)) -> Kind {
    Kind { arch, form, make }
}

const LAYERS: usize = 2;
const WIDTH: usize = 64;
const FEED: usize = 64;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const HEAD: usize = WIDTH / HEADS;
const KV: usize = KV_HEADS * HEAD;
const CONTEXT: u32 = 512;
const EXPERTS: usize = 4;
const EXPERT_FEED: usize = 32;

impl Kind {
    /// The whole file, before anything is broken.
    pub fn gguf(&self, seed: u64) -> Gguf {
        let model = TinyModel {
            arch: self.arch,
            fim: Fim::Keyed,
            n_ctx: CONTEXT,
            ..TinyModel::random(seed).with_words(&["self"])
        };
        let mut gguf = model.gguf();
        gguf.tensors.clear();
        let random = Random::new(seed ^ 0xa11);
        let mut maker = Maker { gguf, arch: self.arch, tokens: model.vocabulary().len(), random };
        // Real files have these, so that they can be damaged too.
        maker.number("attention.key_length", HEAD);
        maker.number("attention.value_length", HEAD);
        maker.number("rope.dimension_count", HEAD);
        maker.float("rope.freq_base", 10_000.0);
        (self.make)(&mut maker);
        maker.gguf
    }
}

struct Maker {
    gguf: Gguf,
    arch: &'static str,
    tokens: usize,
    random: Random,
}

impl Maker {
    fn number(&mut self, key: &str, value: usize) {
        self.gguf.set(&format!("{}.{key}", self.arch), Value::U32(value as u32));
    }

    fn float(&mut self, key: &str, value: f32) {
        self.gguf.set(&format!("{}.{key}", self.arch), Value::F32(value));
    }

    fn without(&mut self, key: &str) {
        self.gguf.remove(&format!("{}.{key}", self.arch));
    }

    /// Numbers that keep activations near one.
    fn weight(&mut self, name: &str, dims: &[usize]) {
        let count: usize = dims.iter().product();
        let scale = 1.0 / (dims[0] as f32).sqrt();
        let random = &mut self.random;
        let values: Vec<f32> = (0..count).map(|_| random.signed() * scale).collect();
        self.gguf.tensors.push(Tensor::f32(format!("{name}.weight"), dims, values));
    }

    fn ones(&mut self, name: &str, length: usize) {
        self.gguf.tensors.push(Tensor::f32(name, &[length], vec![1.0; length]));
    }

    fn zeros(&mut self, name: &str, length: usize) {
        self.gguf.tensors.push(Tensor::zeros(name, &[length]));
    }

    fn ends(&mut self, has_output: bool) {
        self.weight("token_embd", &[WIDTH, self.tokens]);
        self.ones("output_norm.weight", WIDTH);
        if has_output {
            self.weight("output", &[WIDTH, self.tokens]);
        }
    }

    /// With the bias that goes with it.
    fn biased(&mut self, name: &str, dims: &[usize]) {
        self.weight(name, dims);
        self.zeros(&format!("{name}.bias"), dims[1]);
    }

    fn biased_norm(&mut self, name: &str) {
        self.ones(&format!("{name}.weight"), WIDTH);
        self.zeros(&format!("{name}.bias"), WIDTH);
    }

    /// Queries, keys, values and their way back; heads of `HEAD`.
    fn attention(&mut self, layer: usize) {
        let name = |part: &str| format!("blk.{layer}.{part}");
        self.ones(&name("attn_norm.weight"), WIDTH);
        self.weight(&name("attn_q"), &[WIDTH, WIDTH]);
        self.weight(&name("attn_k"), &[WIDTH, KV]);
        self.weight(&name("attn_v"), &[WIDTH, KV]);
        self.weight(&name("attn_output"), &[WIDTH, WIDTH]);
    }

    fn head_norms(&mut self, layer: usize) {
        self.ones(&format!("blk.{layer}.attn_q_norm.weight"), HEAD);
        self.ones(&format!("blk.{layer}.attn_k_norm.weight"), HEAD);
    }

    /// The gated feed-forward of most models.
    fn feed_forward(&mut self, layer: usize) {
        let name = |part: &str| format!("blk.{layer}.{part}");
        self.ones(&name("ffn_norm.weight"), WIDTH);
        self.weight(&name("ffn_gate"), &[WIDTH, FEED]);
        self.weight(&name("ffn_up"), &[WIDTH, FEED]);
        self.weight(&name("ffn_down"), &[FEED, WIDTH]);
    }

    fn experts(&mut self, layer: usize) {
        let name = |part: &str| format!("blk.{layer}.{part}");
        self.weight(&name("ffn_gate_inp"), &[WIDTH, EXPERTS]);
        self.weight(&name("ffn_gate_exps"), &[WIDTH, EXPERT_FEED, EXPERTS]);
        self.weight(&name("ffn_down_exps"), &[EXPERT_FEED, WIDTH, EXPERTS]);
        self.weight(&name("ffn_up_exps"), &[WIDTH, EXPERT_FEED, EXPERTS]);
    }

    fn shared_expert(&mut self, layer: usize) {
        let name = |part: &str| format!("blk.{layer}.{part}");
        self.weight(&name("ffn_gate_shexp"), &[WIDTH, EXPERT_FEED]);
        self.weight(&name("ffn_down_shexp"), &[EXPERT_FEED, WIDTH]);
        self.weight(&name("ffn_up_shexp"), &[WIDTH, EXPERT_FEED]);
    }

    fn expert_keys(&mut self) {
        self.number("expert_count", EXPERTS);
        self.number("expert_used_count", 2);
        self.number("expert_feed_forward_length", EXPERT_FEED);
    }
}

fn llama(maker: &mut Maker) {
    maker.ends(true);
    for layer in 0..LAYERS {
        maker.attention(layer);
        maker.feed_forward(layer);
    }
}

fn qwen2(maker: &mut Maker) {
    maker.ends(true);
    for layer in 0..LAYERS {
        maker.attention(layer);
        for (part, length) in [("attn_q", WIDTH), ("attn_k", KV), ("attn_v", KV)] {
            maker.zeros(&format!("blk.{layer}.{part}.bias"), length);
        }
        maker.feed_forward(layer);
    }
}

fn qwen3(maker: &mut Maker) {
    maker.ends(false);
    for layer in 0..LAYERS {
        maker.attention(layer);
        maker.head_norms(layer);
        maker.feed_forward(layer);
    }
}

fn qwen3moe(maker: &mut Maker) {
    maker.expert_keys();
    maker.ends(true);
    for layer in 0..LAYERS {
        maker.attention(layer);
        maker.head_norms(layer);
        maker.ones(&format!("blk.{layer}.ffn_norm.weight"), WIDTH);
        maker.experts(layer);
    }
}

/// The first layer has a state, the second one attention.
fn qwen3next(maker: &mut Maker) {
    const STATE: usize = 16;
    const GROUPS: usize = 2;
    const RANK: usize = 4;
    const CONV: usize = 4;
    let (keys, values) = (STATE * GROUPS, STATE * RANK);
    maker.expert_keys();
    maker.number("expert_shared_feed_forward_length", EXPERT_FEED);
    maker.number("rope.dimension_count", HEAD / 2);
    for (key, value) in [
        ("ssm.conv_kernel", CONV),
        ("ssm.state_size", STATE),
        ("ssm.group_count", GROUPS),
        ("ssm.time_step_rank", RANK),
        ("ssm.inner_size", values),
        ("full_attention_interval", 2),
    ] {
        maker.number(key, value);
    }
    maker.ends(true);
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}");
        maker.ones(&name("attn_norm.weight"), WIDTH);
        maker.ones(&name("post_attention_norm.weight"), WIDTH);
        if layer == 0 {
            maker.weight(&name("attn_qkv"), &[WIDTH, 2 * keys + values]);
            maker.weight(&name("attn_gate"), &[WIDTH, values]);
            maker.weight(&name("ssm_conv1d"), &[CONV, 2 * keys + values]);
            maker.zeros(&name("ssm_dt.bias"), RANK);
            maker.ones(&name("ssm_a"), RANK);
            maker.weight(&name("ssm_ba"), &[WIDTH, 2 * RANK]);
            maker.ones(&name("ssm_norm.weight"), STATE);
            maker.weight(&name("ssm_out"), &[values, WIDTH]);
        } else {
            maker.weight(&name("attn_q"), &[WIDTH, 2 * WIDTH]);
            maker.weight(&name("attn_k"), &[WIDTH, KV]);
            maker.weight(&name("attn_v"), &[WIDTH, KV]);
            maker.weight(&name("attn_output"), &[WIDTH, WIDTH]);
            maker.head_norms(layer);
        }
        maker.experts(layer);
        maker.ones(&name("ffn_gate_inp_shexp.weight"), WIDTH);
        maker.shared_expert(layer);
    }
}

fn deepseek2(maker: &mut Maker) {
    deepseek(maker, false);
}

fn deepseek2_compressed(maker: &mut Maker) {
    deepseek(maker, true);
}

/// The first layer is dense, the second one of experts.
fn deepseek(maker: &mut Maker, is_compressed: bool) {
    const RANK: usize = 32;
    const ROTATED: usize = 8;
    const STILL: usize = 16;
    let (key, value) = (ROTATED + STILL, HEAD);
    maker.expert_keys();
    maker.number("expert_shared_count", 1);
    maker.number("leading_dense_block_count", 1);
    maker.number("expert_gating_func", 1);
    maker.float("expert_weights_scale", 1.0);
    maker.number("attention.q_lora_rank", RANK);
    maker.number("attention.kv_lora_rank", RANK);
    maker.number("rope.dimension_count", ROTATED);
    if is_compressed {
        maker.number("attention.head_count_kv", 1);
        maker.number("attention.key_length", RANK + ROTATED);
        maker.number("attention.value_length", RANK);
        maker.number("attention.key_length_mla", key);
        maker.number("attention.value_length_mla", value);
    } else {
        maker.number("attention.head_count_kv", HEADS);
        maker.number("attention.key_length", key);
        maker.number("attention.value_length", value);
    }
    maker.ends(true);
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}");
        maker.ones(&name("attn_norm.weight"), WIDTH);
        maker.ones(&name("attn_q_a_norm.weight"), RANK);
        maker.ones(&name("attn_kv_a_norm.weight"), RANK);
        maker.weight(&name("attn_q_a"), &[WIDTH, RANK]);
        maker.weight(&name("attn_q_b"), &[RANK, HEADS * key]);
        maker.weight(&name("attn_kv_a_mqa"), &[WIDTH, RANK + ROTATED]);
        if is_compressed {
            maker.weight(&name("attn_k_b"), &[STILL, RANK, HEADS]);
            maker.weight(&name("attn_v_b"), &[RANK, value, HEADS]);
        } else {
            maker.weight(&name("attn_kv_b"), &[RANK, HEADS * (STILL + value)]);
        }
        maker.weight(&name("attn_output"), &[HEADS * value, WIDTH]);
        if layer == 0 {
            maker.feed_forward(layer);
        } else {
            maker.ones(&name("ffn_norm.weight"), WIDTH);
            maker.experts(layer);
            maker.shared_expert(layer);
        }
    }
}

fn norm_with_bias(maker: &mut Maker) {
    maker.without("attention.layer_norm_rms_epsilon");
    maker.float("attention.layer_norm_epsilon", 1e-5);
}

fn plain_feed_forward(maker: &mut Maker, layer: usize) {
    let name = |part: &str| format!("blk.{layer}.{part}");
    maker.biased_norm(&name("ffn_norm"));
    maker.biased(&name("ffn_up"), &[WIDTH, FEED]);
    maker.biased(&name("ffn_down"), &[FEED, WIDTH]);
}

fn starcoder(maker: &mut Maker) {
    norm_with_bias(maker);
    maker.ends(true);
    maker.zeros("output_norm.bias", WIDTH);
    maker.weight("position_embd", &[WIDTH, CONTEXT as usize]);
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}");
        maker.biased_norm(&name("attn_norm"));
        maker.biased(&name("attn_qkv"), &[WIDTH, WIDTH + 2 * KV]);
        maker.biased(&name("attn_output"), &[WIDTH, WIDTH]);
        plain_feed_forward(maker, layer);
    }
}

fn starcoder2(maker: &mut Maker) {
    norm_with_bias(maker);
    maker.ends(false);
    maker.zeros("output_norm.bias", WIDTH);
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}");
        maker.biased_norm(&name("attn_norm"));
        maker.biased(&name("attn_q"), &[WIDTH, WIDTH]);
        maker.biased(&name("attn_k"), &[WIDTH, KV]);
        maker.biased(&name("attn_v"), &[WIDTH, KV]);
        maker.biased(&name("attn_output"), &[WIDTH, WIDTH]);
        plain_feed_forward(maker, layer);
    }
}

/// With the vocabulary of SentencePiece that its models have.
fn gemma(maker: &mut Maker) {
    sentence_piece(maker);
    maker.ends(false);
    for layer in 0..LAYERS {
        maker.attention(layer);
        maker.feed_forward(layer);
    }
}

fn phi3(maker: &mut Maker) {
    maker.ends(true);
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}");
        maker.ones(&name("attn_norm.weight"), WIDTH);
        maker.weight(&name("attn_qkv"), &[WIDTH, WIDTH + 2 * KV]);
        maker.weight(&name("attn_output"), &[WIDTH, WIDTH]);
        maker.ones(&name("ffn_norm.weight"), WIDTH);
        maker.weight(&name("ffn_up"), &[WIDTH, 2 * FEED]);
        maker.weight(&name("ffn_down"), &[FEED, WIDTH]);
    }
}

/// Bytes, letters and the tokens for filling in; types: 2 is unknown, 3 control, 6 a byte.
fn sentence_piece(maker: &mut Maker) {
    let mut tokens: Vec<(String, i32)> =
        [("<unk>", 2), ("<s>", 3), ("</s>", 3)].map(|(text, kind)| (text.to_owned(), kind)).into();
    tokens.extend((0..=255).map(|byte| (format!("<0x{byte:02X}>"), 6)));
    tokens.extend(('a'..='z').map(|letter| (letter.to_string(), 1)));
    tokens.push(("▁".to_owned(), 1));
    let first_special = tokens.len() as u32;
    tokens.extend(["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"].map(|text| (text.to_owned(), 3)));
    let gguf = &mut maker.gguf;
    for name in ["pre", "suf", "mid", "pad", "rep", "sep"] {
        gguf.remove(&format!("tokenizer.ggml.fim_{name}_token_id"));
    }
    for (id, name) in (first_special..).zip(["pre", "suf", "mid"]) {
        gguf.set(&format!("tokenizer.ggml.fim_{name}_token_id"), Value::U32(id));
    }
    gguf.remove("tokenizer.ggml.merges").remove("tokenizer.ggml.pre");
    gguf.set("tokenizer.ggml.model", "llama")
        .set("tokenizer.ggml.bos_token_id", Value::U32(1))
        .set("tokenizer.ggml.eos_token_id", Value::U32(2))
        .set("tokenizer.ggml.unknown_token_id", Value::U32(0))
        .set("tokenizer.ggml.scores", Value::F32s((0..tokens.len()).map(|id| -(id as f32)).collect()))
        .set("tokenizer.ggml.token_type", Value::I32s(tokens.iter().map(|(_, kind)| *kind).collect()))
        .set("tokenizer.ggml.tokens", Value::Strs(tokens.iter().map(|(text, _)| text.clone()).collect()));
    maker.tokens = tokens.len();
}
