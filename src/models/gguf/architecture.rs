//! What the pinned llama.cpp knows by `general.architecture`, and which of it can write code from left to right.
//!
//! From `llama-arch.cpp` (names, `llm_arch_is_recurrent`, `llm_arch_is_hybrid`, `llm_arch_is_diffusion`) and the
//! mapping in `llama-model.cpp`. To be read again whenever the pin moves. It knows no hyperparameters.

/// What a model of some architecture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Writes from left to right.
    Writer,
    Embedding,
    Diffusion,
    EncoderDecoder,
    Speech,
    Draft,
    Vision,
    /// A name without an implementation.
    Hollow,
}

/// How its memory works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    Attention,
    Recurrent,
    Hybrid,
}

/// `None` for a name that this llama.cpp does not know.
pub(super) fn role(name: &str) -> Option<Role> {
    Some(match name {
        "clip" => Role::Vision,
        "bert" | "modern-bert" | "nomic-bert" | "nomic-bert-moe" | "neo-bert" | "jina-bert-v2"
        | "jina-bert-v3" | "eurobert" | "gemma-embedding" | "llama-embed" | "t5encoder" => Role::Embedding,
        "t5" => Role::EncoderDecoder,
        "dream" | "llada" | "llada-moe" | "rnd1" => Role::Diffusion,
        "wavtokenizer-dec" | "qwen3tts" | "pockettts" => Role::Speech,
        "eagle3" | "dflash" | "gemma4-assistant" => Role::Draft,
        "gptj" => Role::Hollow,
        _ if WRITERS.contains(&name) => Role::Writer,
        _ => return None,
    })
}

pub(super) fn memory(name: &str) -> Memory {
    match name {
        "mamba" | "mamba2" | "rwkv6" | "rwkv6qwen2" | "rwkv7" | "arwkv7" => Memory::Recurrent,
        "jamba" | "falcon-h1" | "plamo2" | "granitehybrid" | "lfm2" | "lfm2moe" | "nemotron_h"
        | "nemotron_h_moe" | "qwen3next" | "kimi-linear" | "bailingmoe3" | "kimi-k3" | "glm5-next"
        | "qwen35" | "qwen35moe" | "qwen4exp" | "deepseek4" | "minimax-01" => Memory::Hybrid,
        _ => Memory::Attention,
    }
}

/// Whether every block is the same plain attention and feed-forward, so that all that it needs can be checked.
pub(super) fn is_plain(name: &str) -> bool {
    matches!(name, "llama" | "qwen2" | "qwen3")
}

const WRITERS: &[&str] = &[
    "afmoe",
    "apertus",
    "arcee",
    "arctic",
    "arwkv7",
    "baichuan",
    "bailingmoe",
    "bailingmoe2",
    "bailingmoe3",
    "bitnet",
    "bloom",
    "chameleon",
    "chatglm",
    "clef",
    "codeshell",
    "cogvlm",
    "cohere2",
    "cohere2moe",
    "command-r",
    "dbrx",
    "deci",
    "deepseek",
    "deepseek2",
    "deepseek2-ocr",
    "deepseek32",
    "deepseek4",
    "dots1",
    "dots3note",
    "ernie4_5",
    "ernie4_5-moe",
    "exaone",
    "exaone-moe",
    "exaone4",
    "falcon",
    "falcon-h1",
    "gemma",
    "gemma2",
    "gemma3",
    "gemma3n",
    "gemma4",
    "glm-dsa",
    "glm4",
    "glm4moe",
    "glm5-next",
    "gpt-oss",
    "gpt2",
    "gptneox",
    "granite",
    "granite_swa",
    "granitehybrid",
    "granitemoe",
    "graniteswitch",
    "grok",
    "grovemoe",
    "hrm_text",
    "hunyuan-dense",
    "hunyuan-moe",
    "hunyuan_vl",
    "hy_v3",
    "hy_v4",
    "internlm2",
    "jais",
    "jais2",
    "jamba",
    "kimi-k3",
    "kimi-linear",
    "laguna",
    "lfm2",
    "lfm2moe",
    "llama",
    "llama4",
    "maincoder",
    "mamba",
    "mamba2",
    "maple",
    "mellum",
    "mimo2",
    "minicpm",
    "minicpm3",
    "minimax-01",
    "minimax-m2",
    "minimax-m3",
    "mistral3",
    "mistral4",
    "mpt",
    "muse-glimmer",
    "nanbeige",
    "nemotron",
    "nemotron_h",
    "nemotron_h_moe",
    "olmo",
    "olmo2",
    "olmoe",
    "openelm",
    "orion",
    "paddleocr",
    "pangu-embedded",
    "phi2",
    "phi3",
    "phimoe",
    "plamo",
    "plamo2",
    "plamo3",
    "plm",
    "qwen",
    "qwen2",
    "qwen2moe",
    "qwen2vl",
    "qwen3",
    "qwen35",
    "qwen35moe",
    "qwen3moe",
    "qwen3next",
    "qwen3vl",
    "qwen3vlmoe",
    "qwen4exp",
    "refact",
    "rwkv6",
    "rwkv6qwen2",
    "rwkv7",
    "seed_oss",
    "smallthinker",
    "smollm3",
    "spark2_5",
    "stablelm",
    "starcoder",
    "starcoder2",
    "step35",
    "talkie",
    "xverse",
];
