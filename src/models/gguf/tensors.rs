//! The tensors as a whole: whether their types can be computed with, and whether they are the blocks that the
//! hyperparameters announce. Shapes inside the blocks are left to llama.cpp, which reports them.

use std::collections::{BTreeSet, HashMap};

use super::architecture;
use super::keys::Keys;
use super::read::Tensor;
use super::{Unfit, damaged};

/// Whether they make up a model of `layers` blocks, `embedding` wide, with `tokens` tokens.
pub(super) fn check(keys: &Keys<'_>, layers: u32, embedding: u32, tokens: u32) -> Result<(), Unfit> {
    let plain = architecture::is_plain(keys.architecture);
    let tensors: HashMap<&str, &Tensor> =
        keys.container.tensors.iter().map(|tensor| (&*tensor.name, tensor)).collect();
    kinds(&keys.container.tensors, plain)?;
    embeddings(&tensors, embedding, tokens)?;
    blocks(keys, &tensors, layers, plain)
}

/// `general.file_type` as people name it, else the type that most of the weights have.
pub(super) fn quantization(keys: &Keys<'_>) -> Result<String, Unfit> {
    let named = keys.u32("general.file_type")?.and_then(|number| {
        Some(match number {
            0 => "F32",
            1 => "F16",
            2 => "Q4_0",
            3 => "Q4_1",
            7 => "Q8_0",
            8 => "Q5_0",
            9 => "Q5_1",
            10 => "Q2_K",
            11 => "Q3_K_S",
            12 => "Q3_K_M",
            13 => "Q3_K_L",
            14 => "Q4_K_S",
            15 => "Q4_K_M",
            16 => "Q5_K_S",
            17 => "Q5_K_M",
            18 => "Q6_K",
            19 => "IQ2_XXS",
            20 => "IQ2_XS",
            21 => "Q2_K_S",
            22 => "IQ3_XS",
            23 => "IQ3_XXS",
            24 => "IQ1_S",
            25 => "IQ4_NL",
            26 => "IQ3_S",
            27 => "IQ3_M",
            28 => "IQ2_S",
            29 => "IQ2_M",
            30 => "IQ4_XS",
            31 => "IQ1_M",
            32 => "BF16",
            36 => "TQ1_0",
            37 => "TQ2_0",
            38 => "MXFP4",
            39 => "NVFP4",
            40 => "Q1_0",
            41 => "Q2_0",
            _ => return None,
        })
    });
    if let Some(name) = named {
        return Ok(name.into());
    }
    let mut elements: HashMap<&str, u64> = HashMap::new();
    for tensor in &keys.container.tensors {
        let sum = elements.entry(tensor.kind.name).or_default();
        *sum = sum.saturating_add(tensor.elements());
    }
    let most = elements.into_iter().max_by_key(|&(name, count)| (count, name));
    Ok(most.map_or(String::new(), |(name, _)| name.into()))
}

/// Element types that a kernel would abort on.
fn kinds(tensors: &[Tensor], plain: bool) -> Result<(), Unfit> {
    for tensor in tensors {
        let (name, kind) = (&tensor.name, tensor.kind.name);
        let integers = matches!(kind, "I32" | "I64");
        // Lookup tables of a few mixture-of-experts models.
        if !tensor.kind.weights && (plain || !integers) {
            return Err(Unfit::Unsupported(format!(
                "the tensor {name} has type {kind}, which llama.cpp cannot multiply with; choose another file of this model"
            )));
        }
        let vector = tensor.dims.iter().skip(1).all(|&dim| dim == 1);
        let added = name.ends_with("norm.weight")
            || name.ends_with(".bias")
            || name.ends_with(".ssm_a")
            || name.contains("rope_");
        if vector && (plain || added) && !integers && kind != "F32" {
            return Err(Unfit::Unsupported(format!(
                "the tensor {name} has type {kind}, and llama.cpp wants F32; choose another file of this model"
            )));
        }
    }
    Ok(())
}

fn embeddings(tensors: &HashMap<&str, &Tensor>, embedding: u32, tokens: u32) -> Result<(), Unfit> {
    let Some(table) = tensors.get("token_embd.weight") else {
        return Err(damaged("the tensor token_embd.weight is missing".into()));
    };
    let due = [u64::from(embedding), u64::from(tokens)];
    let found = [table.dims.first(), table.dims.get(1)].map(|dim| dim.copied().unwrap_or(1));
    if found != due {
        return Err(damaged(format!(
            "the tensor token_embd.weight is {} by {}, but the model is {embedding} wide and has {tokens} tokens",
            found[0], found[1]
        )));
    }
    Ok(())
}

fn blocks(keys: &Keys<'_>, tensors: &HashMap<&str, &Tensor>, layers: u32, plain: bool) -> Result<(), Unfit> {
    let numbers: BTreeSet<u32> = tensors
        .keys()
        .filter_map(|name| name.strip_prefix("blk.")?.split_once('.')?.0.parse().ok())
        .collect();
    let count_key = keys.named("block_count");
    if numbers.is_empty() {
        return Err(keys.wrong(&count_key, &format!("is {layers}, but there are no tensors blk.*")));
    }
    if !plain {
        return Ok(());
    }
    if !numbers.iter().copied().eq(0..layers) {
        let last = numbers.last().copied().unwrap_or(0);
        let found = format!(
            "is {layers}, but the blocks among the tensors are {}, the last blk.{last}",
            numbers.len()
        );
        return Err(keys.wrong(&count_key, &found));
    }
    let missing = |name: String| damaged(format!("the tensor {name} is missing"));
    if !tensors.contains_key("output_norm.weight") {
        return Err(missing("output_norm.weight".into()));
    }
    let dense = keys.u32(&keys.named("expert_count"))?.unwrap_or(0) == 0;
    for layer in 0..layers {
        let has = |part: &str| tensors.contains_key(&*format!("blk.{layer}.{part}.weight"));
        let attention = if has("attn_qkv") { &[][..] } else { &["attn_q", "attn_k", "attn_v"][..] };
        let feed = if dense { &["ffn_gate", "ffn_up", "ffn_down"][..] } else { &["ffn_gate_inp"][..] };
        let always = &["attn_norm", "attn_output", "ffn_norm"][..];
        for part in [always, attention, feed].into_iter().flatten() {
            if !has(part) {
                return Err(missing(format!("blk.{layer}.{part}.weight")));
            }
        }
    }
    Ok(())
}
