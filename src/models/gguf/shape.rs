//! The hyperparameters, and the header made of all that was found.
//!
//! Each rule is an assertion of `llama-model.cpp`, `llama-hparams.cpp`, a graph of `models/` or a kernel of ggml,
//! which would abort the process. It looks neither at tensors nor at tokens.

use super::architecture::{self, Memory};
use super::keys::Keys;
use super::read::Tensor;
use super::value::Value;
use super::vocabulary::Vocabulary;
use super::{Header, Unfit, damaged, tensors};

/// `LLAMA_MAX_LAYERS`.
const MAX_LAYERS: u32 = 512;
/// `LLAMA_MAX_EXPERTS`.
const MAX_EXPERTS: u32 = 1024;
/// Bytes; the longest chat templates in use have some 20 KB.
const MAX_TEMPLATE: usize = 128 << 10;

pub(super) fn header(keys: &Keys<'_>, vocabulary: Vocabulary, parts: u32) -> Result<Header, Unfit> {
    let context_length = positive(keys, "context_length")?;
    let embedding = positive(keys, "embedding_length")?;
    let layers = layers(keys)?;
    experts(keys, layers)?;
    numbers(keys)?;
    let plain = architecture::is_plain(keys.architecture);
    let heads = Heads::read(keys, embedding, layers)?;
    let feed_forward = keys.per_layer(&keys.named("feed_forward_length"), layers)?;
    if plain && feed_forward.as_ref().is_none_or(|widths| widths.contains(&0)) {
        return Err(keys.wrong(&keys.named("feed_forward_length"), "is missing or 0"));
    }
    tensors::check(keys, layers, embedding, vocabulary.len())?;
    let memory = architecture::memory(keys.architecture);
    Ok(Header {
        version: keys.container.version,
        architecture: keys.architecture.into(),
        name: keys.text("general.name")?.unwrap_or_default(),
        basename: keys.text("general.basename")?.unwrap_or_default(),
        parameters: keys.container.tensors.iter().map(Tensor::elements).fold(0, u64::saturating_add),
        weight_bytes: keys.container.tensors.iter().map(|tensor| tensor.bytes).fold(0, u64::saturating_add),
        quantization: tensors::quantization(keys)?,
        context_length,
        layers,
        embedding,
        feed_forward: feed_forward.and_then(|widths| widths.into_iter().max()).unwrap_or(0),
        heads: heads.most,
        kv_heads: heads.kv,
        key_length: heads.key_length,
        value_length: heads.value_length,
        sliding_window: sliding_window(keys)?,
        chat_template: keys.text("tokenizer.chat_template")?.filter(|text| text.len() <= MAX_TEMPLATE),
        recurrent: memory == Memory::Recurrent,
        hybrid: memory == Memory::Hybrid,
        parts,
        vocabulary,
    })
}

fn positive(keys: &Keys<'_>, key: &str) -> Result<u32, Unfit> {
    let key = keys.named(key);
    match keys.u32(&key)? {
        None => Err(damaged(format!("{key} is missing"))),
        Some(0) => Err(keys.wrong(&key, "is 0")),
        Some(number) => Ok(number),
    }
}

fn layers(keys: &Keys<'_>) -> Result<u32, Unfit> {
    let layers = positive(keys, "block_count")?;
    if layers > MAX_LAYERS {
        return Err(keys.wrong(
            &keys.named("block_count"),
            &format!("is {layers}, more than the {MAX_LAYERS} possible"),
        ));
    }
    let ahead = keys.named("nextn_predict_layers");
    match keys.u32(&ahead)? {
        Some(count) if count >= layers => Err(keys.wrong(&ahead, &format!("is {count} of {layers} layers"))),
        _ => Ok(layers),
    }
}

/// The assertions of `load_hparams`, one for one.
fn experts(keys: &Keys<'_>, layers: u32) -> Result<(), Unfit> {
    let count_key = keys.named("expert_count");
    let used_key = keys.named("expert_used_count");
    let groups_key = keys.named("expert_group_count");
    let used_groups_key = keys.named("expert_group_used_count");
    let count = keys.u32(&count_key)?.unwrap_or(0);
    let used = keys.per_layer(&used_key, layers)?.and_then(|used| used.into_iter().max()).unwrap_or(0);
    let groups = keys.u32(&groups_key)?.unwrap_or(0);
    let used_groups = keys.u32(&used_groups_key)?.unwrap_or(0);
    if keys.architecture.starts_with("hunyuan") && count <= 1 {
        return Ok(());
    }
    if count > MAX_EXPERTS {
        return Err(keys.wrong(&count_key, &format!("is {count}, more than the {MAX_EXPERTS} possible")));
    }
    if used > count || (count > 0 && used == 0) {
        return Err(keys.wrong(&used_key, &format!("is {used} of {count} experts")));
    }
    if groups >= count.max(1) || (groups > 1 && !count.is_multiple_of(groups)) {
        return Err(keys.wrong(&groups_key, &format!("is {groups} for {count} experts")));
    }
    if groups > 1 && !(1..groups).contains(&used_groups) {
        return Err(keys.wrong(&used_groups_key, &format!("is {used_groups} of {groups} groups")));
    }
    Ok(())
}

/// Numbers that kernels assert on, or that turn every logit into NaN.
fn numbers(keys: &Keys<'_>) -> Result<(), Unfit> {
    for name in ["layer_norm_rms_epsilon", "layer_norm_epsilon", "group_norm_epsilon"] {
        let key = keys.named(&format!("attention.{name}"));
        match keys.f32(&key)? {
            Some(epsilon) if epsilon < 0.0 => return Err(keys.wrong(&key, &format!("is {epsilon}"))),
            None if name == "layer_norm_rms_epsilon" && architecture::is_plain(keys.architecture) => {
                return Err(damaged(format!("{key} is missing")));
            }
            _ => {}
        }
    }
    let base = keys.named("rope.freq_base");
    if let Some(number) = keys.f32(&base)?
        && number <= 0.0
    {
        return Err(keys.wrong(&base, &format!("is {number}")));
    }
    for name in [
        "rope.scaling.factor",
        "rope.scale_linear",
        "rope.scaling.attn_factor",
        "attention.scale",
        "logit_scale",
    ] {
        keys.f32(&keys.named(name))?;
    }
    let scaling = keys.named("rope.scaling.type");
    match keys.text(&scaling)?.as_deref() {
        None | Some("none" | "linear" | "yarn" | "longrope") => Ok(()),
        Some(other) => Err(keys.wrong(&scaling, &format!("is \"{other}\", which llama.cpp does not know"))),
    }
}

struct Heads {
    most: u32,
    kv: Vec<u32>,
    key_length: u32,
    value_length: u32,
}

impl Heads {
    fn read(keys: &Keys<'_>, embedding: u32, layers: u32) -> Result<Self, Unfit> {
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

    /// Rotation takes pairs of numbers, no more than a head has; plain models rotate whole heads.
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
        if !architecture::is_plain(keys.architecture) {
            return Ok(());
        }
        if key == 0 || key != value || key != dims {
            return Err(damaged(format!(
                "the heads of {} are {key} wide for keys, {value} for values and {dims} for rotation",
                keys.architecture
            )));
        }
        // qwen2 takes the product for granted, where the others have it in their tensors' shapes.
        if keys.architecture == "qwen2" && u64::from(key) * u64::from(first) != u64::from(embedding) {
            let count_key = keys.named("attention.head_count");
            return Err(
                keys.wrong(&count_key, &format!("is {first}: heads of {key} do not make up {embedding}"))
            );
        }
        Ok(())
    }
}

fn sliding_window(keys: &Keys<'_>) -> Result<Option<u32>, Unfit> {
    let key = keys.named("attention.sliding_window");
    // Some files have one number for each layer.
    let window = match keys.entry(&key).map(|entry| &entry.value) {
        Some(Value::Numbers { kept, .. }) => kept.iter().max().and_then(|&most| u32::try_from(most).ok()),
        _ => keys.u32(&key)?,
    };
    Ok(window.filter(|&window| window > 0))
}
