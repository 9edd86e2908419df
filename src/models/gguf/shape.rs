//! The hyperparameters, and the header made of all that was found.
//!
//! Each rule is an assertion of `llama-model.cpp`, `llama-hparams.cpp`, a graph of `models/` or a kernel of ggml,
//! which would abort the process. It looks neither at tensors nor at tokens; what is asked of heads, `heads` knows.

use super::architecture::{self, Memory};
use super::heads::Heads;
use super::keys::Keys;
use super::read::Tensor;
use super::value::Value;
use super::vocabulary::Vocabulary;
use super::{Header, Unfit, damaged, tensors};

/// `LLAMA_MAX_LAYERS`.
const MAX_LAYERS: u32 = 512;
/// `LLAMA_MAX_EXPERTS`.
const MAX_EXPERTS: u32 = 1024;
/// The last of `llama_expert_gating_func_type`.
const MAX_GATING: u32 = 4;
/// Bytes; the longest chat templates in use have some 20 KB.
const MAX_TEMPLATE: usize = 128 << 10;

pub(super) fn header(keys: &Keys<'_>, vocabulary: Vocabulary, parts: u32) -> Result<Header, Unfit> {
    let context_length = positive(keys, "context_length")?;
    let embedding = positive(keys, "embedding_length")?;
    let layers = layers(keys)?;
    experts(keys, layers)?;
    states(keys)?;
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
    let gating_key = keys.named("expert_gating_func");
    match keys.u32(&gating_key)? {
        Some(gating) if gating > MAX_GATING => {
            Err(keys.wrong(&gating_key, &format!("is {gating}, which llama.cpp does not know")))
        }
        _ => Ok(()),
    }
}

/// Of layers that keep a state in place of keys and values: what no tensor's shape says, and a graph divides by.
fn states(keys: &Keys<'_>) -> Result<(), Unfit> {
    let interval = keys.named("full_attention_interval");
    if keys.u32(&interval)? == Some(0) {
        return Err(keys.wrong(&interval, "is 0"));
    }
    if keys.architecture != "qwen3next" {
        return Ok(());
    }
    let number = |name: &str| keys.u32(&keys.named(&format!("ssm.{name}")));
    let of =
        (number("inner_size")?, number("time_step_rank")?, number("state_size")?, number("group_count")?);
    // Where one is missing llama.cpp says so.
    let (Some(inner), Some(heads), Some(width), Some(groups)) = of else { return Ok(()) };
    if u64::from(heads) * u64::from(width) != u64::from(inner) {
        let what = format!("is {inner}: {heads} heads of {width} do not make it up");
        return Err(keys.wrong(&keys.named("ssm.inner_size"), &what));
    }
    if groups == 0 || !heads.is_multiple_of(groups) {
        return Err(keys.wrong(&keys.named("ssm.group_count"), &format!("is {groups} for {heads} heads")));
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
        "rope.scaling.yarn_log_multiplier",
        "attention.scale",
        "logit_scale",
        "expert_weights_scale",
    ] {
        keys.f32(&keys.named(name))?;
    }
    let scaling = keys.named("rope.scaling.type");
    match keys.text(&scaling)?.as_deref() {
        None | Some("none" | "linear" | "yarn" | "longrope") => Ok(()),
        Some(other) => Err(keys.wrong(&scaling, &format!("is \"{other}\", which llama.cpp does not know"))),
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
