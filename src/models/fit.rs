//! How a model is run in the memory there is: layers on a GPU, tokens of context and the numbers of its KV cache, chosen
//! so that all of it fits with a margin. What a person has set is taken as it is, as far as it fits.
//!
//! Pure: what the machine has is measured elsewhere (`hardware`, and llama.cpp for its devices). The sums are those of
//! `memory`, so that a model that is listed as fitting is one that is loaded.

mod shortfall;

use std::fmt;

use crate::models::catalog;
use crate::models::gguf::Header;
use crate::models::memory::{self, Needs};
pub use shortfall::Shortfall;

/// The least a context is worth having for, tokens.
pub const LEAST_CONTEXT: u32 = 128;
/// Below this a context is not halved: what is left would hold nothing but the answer.
const SMALL_CONTEXT: u32 = 512;
/// What a second model must at least be able to hold, to be loaded beside another: with less it takes the other's place.
const FAIR_CONTEXT: u32 = 2048;
/// Bytes of a GPU's memory that its driver and the screen may want besides.
const GPU_MARGIN: u64 = 256 << 20;

/// `model.device`: what computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Device {
    /// A GPU where the build can use one, else the processor.
    #[default]
    Auto,
    Cpu,
    /// Of the GPUs, from 0.
    Gpu(u32),
}

/// The numbers in a KV cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvType {
    F16,
    /// Blocks of 32 numbers in 34 bytes: half the memory, and hardly another answer.
    Q8,
}

impl KvType {
    pub const ALL: [Self; 2] = [Self::F16, Self::Q8];

    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Q8 => "q8_0",
        }
    }

    /// Bytes of what takes so many in 16 bits.
    pub fn bytes(self, in_16_bits: u64) -> u64 {
        match self {
            Self::F16 => in_16_bits,
            Self::Q8 => in_16_bits / 64 * 34 + in_16_bits % 64,
        }
    }
}

/// A model, as far as fitting it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    pub needs: Needs,
    pub layers: u32,
    /// Tokens it was trained for.
    pub trained: u32,
    /// Tokens of context for a model of its size, nothing set.
    pub usual: u32,
    /// Whether its cache can be of smaller numbers.
    pub quantizes: bool,
}

impl Model {
    /// The model of a file.
    pub fn of(header: &Header) -> Self {
        Self {
            needs: header.needs(),
            layers: header.layers,
            trained: catalog::spelling(header).context,
            usual: catalog::profile(header.parameters).context,
            quantizes: header.quantizes(),
        }
    }
}

/// What was set; none: it is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub device: Device,
    pub gpu_layers: Option<u32>,
    pub context: Option<u32>,
    pub kv_type: Option<KvType>,
}

/// A GPU that this build can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// As llama.cpp counts its devices.
    pub index: usize,
    /// As its driver calls it.
    pub name: String,
    /// Bytes.
    pub free: u64,
    /// Its memory is the processor's too.
    pub shares: bool,
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Bytes of memory that may be taken; none: nobody says.
    pub available: Option<u64>,
    pub gpus: Vec<Gpu>,
}

impl Machine {
    /// What a fit computes on, as people know it; none: the processor. `all`: the model's layers and one more.
    pub fn computes(&self, fit: &Fit, all: u32) -> Option<String> {
        let offload = fit.offload?;
        let (gpu, layers) = (self.gpu(&offload)?, offload.layers);
        Some(if layers < all { format!("{} ({layers} of {all} layers)", gpu.name) } else { gpu.name.clone() })
    }

    pub fn gpu(&self, offload: &Offload) -> Option<&Gpu> {
        self.gpus.iter().find(|gpu| gpu.index == offload.index)
    }
}

/// Layers on a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offload {
    /// As llama.cpp counts its devices.
    pub index: usize,
    /// Of the model's layers and one more, which is its output.
    pub layers: u32,
    /// Bytes of the GPU's memory.
    pub bytes: u64,
}

/// What was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Tokens of one prompt with its answer.
    pub context: u32,
    pub kv_type: KvType,
    pub offload: Option<Offload>,
    /// Bytes of main memory.
    pub bytes: u64,
}

/// Why a model is not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Tokens that there would be, and that it was trained for.
    Context { context: u32, trained: u32 },
    /// Bytes that it needs at the least, and that there are.
    Memory { needed: u64, available: u64 },
}

/// The best way to run a model: as much context as is usual, all of it on the GPU where there is room, then as much of
/// it as there is room for; smaller numbers in the cache before a smaller context.
pub fn fit(model: &Model, asked: &Asked, machine: &Machine) -> Result<Fit, Unfit> {
    let first = asked.context.unwrap_or(model.usual).min(model.trained);
    if first < LEAST_CONTEXT {
        return Err(Unfit::Context { context: first, trained: model.trained });
    }
    let gpu = chosen_gpu(asked, &machine.gpus);
    let kinds: Vec<KvType> = match asked.kv_type {
        Some(KvType::Q8) if !model.quantizes => vec![KvType::F16],
        Some(kind) => vec![kind],
        None if model.quantizes => KvType::ALL.to_vec(),
        None => vec![KvType::F16],
    };
    if let Some(gpu) = gpu {
        let whole = |&kind: &KvType| place(model, asked, first, kind, Some(gpu), machine.available);
        let is_whole = |fit: &Fit| fit.offload.is_some_and(|offload| offload.layers > model.layers);
        if let Some(fit) = kinds.iter().filter_map(whole).find(is_whole) {
            return Ok(fit);
        }
    }
    let contexts =
        std::iter::successors(Some(first), |context| Some(context / 2).filter(|half| is_worth(*half, first)));
    let mut ways = contexts.flat_map(|context| kinds.iter().map(move |&kind| (context, kind)));
    ways.find_map(|(context, kind)| place(model, asked, context, kind, gpu, machine.available)).ok_or_else(
        || {
            let least = std::iter::successors(Some(first), |context| Some(context / 2))
                .take_while(|context| *context == first || is_worth(*context, first))
                .last();
            let kind = kinds.last().copied().unwrap_or(KvType::F16);
            let needed = whole_bytes(&model.needs, least.unwrap_or(first), kind);
            Unfit::Memory { needed, available: machine.available.unwrap_or(0) }
        },
    )
}

/// Bytes of main memory that a model takes without a GPU, run with the least that it is worth loading for beside another
/// one.
pub fn fair_bytes(model: &Model, asked: &Asked) -> u64 {
    let usual = asked.context.unwrap_or(model.usual).min(model.trained);
    let smallest = if model.quantizes { KvType::Q8 } else { KvType::F16 };
    whole_bytes(&model.needs, usual.min(FAIR_CONTEXT), asked.kv_type.unwrap_or(smallest))
}

/// What to ask for when a model that was fitted so could not be started: less of what is most often to blame, and none
/// when there is none left. The GPU goes first, then the cache's small numbers.
pub fn after_failure(asked: &Asked, failed: &Fit) -> Option<Asked> {
    match failed {
        Fit { offload: Some(_), .. } => Some(Asked { device: Device::Cpu, ..*asked }),
        Fit { kv_type: KvType::Q8, .. } => Some(Asked { kv_type: Some(KvType::F16), ..*asked }),
        _ => None,
    }
}

/// Of memory that is free, what models may take: the rest of the machine wants to go on.
pub fn budget(available: u64) -> u64 {
    available - available / 10
}

fn is_worth(context: u32, first: u32) -> bool {
    context >= LEAST_CONTEXT.max(SMALL_CONTEXT.min(first))
}

/// The one that was named, else that with the most room; none where there is none, or nothing is to be on it.
fn chosen_gpu<'a>(asked: &Asked, gpus: &'a [Gpu]) -> Option<&'a Gpu> {
    if asked.gpu_layers == Some(0) {
        return None;
    }
    match asked.device {
        Device::Cpu => None,
        Device::Gpu(number) => gpus.get(number as usize),
        // NB: the first of those with as much.
        Device::Auto => gpus.iter().rev().max_by_key(|gpu| (!gpu.shares, gpu.free)),
    }
}

/// Everything, on the processor.
fn whole_bytes(needs: &Needs, context: u32, kind: KvType) -> u64 {
    let cells = memory::cells(context);
    let saved = needs.kv_bytes(cells) - kind.bytes(needs.kv_bytes(cells));
    needs.memory_bytes(cells, memory::BATCH).saturating_sub(saved + saved / 10)
}

/// One way to run it, where it fits.
fn place(
    model: &Model,
    asked: &Asked,
    context: u32,
    kv_type: KvType,
    gpu: Option<&Gpu>,
    available: Option<u64>,
) -> Option<Fit> {
    let whole = whole_bytes(&model.needs, context, kv_type);
    let fits = |bytes: u64| available.is_none_or(|available| bytes <= available);
    let all = model.layers.saturating_add(1);
    let room = gpu.map_or(0, |gpu| gpu.free.saturating_sub(GPU_MARGIN));
    // What is not a layer's is needed on both sides: activations and logits.
    let beside = whole_bytes(&Needs { weight_bytes: 0, kv_numbers: 0, ..model.needs }, context, kv_type);
    let layer = whole.saturating_sub(beside).div_ceil(u64::from(all)).max(1);
    let possible = room.saturating_sub(beside) / layer;
    let layers = possible.min(u64::from(all)).min(asked.gpu_layers.map_or(u64::MAX, u64::from)) as u32;
    let offload = gpu.filter(|_| layers > 0).map(|gpu| Offload {
        index: gpu.index,
        layers,
        bytes: beside + layer * u64::from(layers),
    });
    let bytes = match (offload, gpu) {
        (Some(_), Some(gpu)) if gpu.shares => whole,
        (Some(offload), _) => whole.saturating_sub(offload.bytes).max(beside),
        (None, _) => whole,
    };
    fits(bytes).then_some(Fit { context, kv_type, offload, bytes })
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Context { context, trained } => write!(
                f,
                "a context of {context} tokens is too small to complete in: {LEAST_CONTEXT} are the least; choose a \
                 model that was trained for more ({trained} here), or a larger model.contextTokens"
            ),
            Self::Memory { needed, available } => write!(
                f,
                "needs about {} MiB of memory, and it may take {} MiB; choose a smaller model or a stronger \
                 quantisation, or see model.memoryMb",
                needed >> 20,
                available >> 20
            ),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(number) => write!(f, "{number}"),
        }
    }
}

#[cfg(test)]
mod tests;
