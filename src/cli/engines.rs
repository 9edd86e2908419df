//! The only place where an engine is made: from what is wished to a model file, and from that to llama.cpp.

#[cfg(feature = "llama")]
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::assist::roles::{BUILT_IN, Maker, Weight, Wish};
use crate::cli::no_model::NoModel;
#[cfg(feature = "llama")]
use crate::config::{KvCache, Part};
use crate::engine::Backend;
#[cfg(feature = "llama")]
use crate::engine::cores::Cores;
use crate::models::discover::Surroundings;
use crate::models::fit::{self, Asked, Device, Machine};
use crate::models::{builtin, gguf, hardware, named};

/// The engines of this process, which share its cores.
#[derive(Default)]
pub struct Engines {
    #[cfg(feature = "llama")]
    cores: Cores,
}

impl Maker for Engines {
    /// By the sums of its header, as for the processor alone: what a GPU holds of it is to spare.
    fn weigh(&self, wish: &Wish, total: Option<u64>) -> Result<Weight, String> {
        let path = match model_file(wish)? {
            Some(path) => path,
            None => builtin::unpack(&builtin::cache_dir()).map_err(|error| error.to_string())?,
        };
        let about = |why: String| format!("{}: {why}", path.display());
        let header = gguf::check(&path).map_err(|unfit| match unfit {
            // It names the file itself.
            gguf::Unfit::Unreadable(sentence) => sentence,
            unfit => about(unfit.to_string()),
        })?;
        let model = fit::Model::of(&header);
        let (context, kv_type) = (wish.model.context_tokens, wish.model.kv_type);
        let asked = Asked { device: Device::Cpu, gpu_layers: Some(0), context, kv_type };
        // With a GPU it may fit after all, which is for the engine to find out.
        if !hardware::OFFLOADS {
            let machine = Machine { available: total, gpus: Vec::new() };
            fit::fit(&model, &asked, &machine).map_err(|unfit| about(unfit.to_string()))?;
        }
        Ok(Weight { fair: fit::fair_bytes(&model, &asked) })
    }

    fn start(&self, wish: &Wish, limit: Option<u64>) -> Arc<dyn Backend> {
        match model_file(wish) {
            Ok(file) => self.engine(wish, file, limit),
            Err(why) => Arc::new(NoModel::because(why)),
        }
    }
}

impl Engines {
    #[cfg(feature = "llama")]
    fn engine(&self, wish: &Wish, file: Option<PathBuf>, limit: Option<u64>) -> Arc<dyn Backend> {
        use crate::assist::journal;
        use crate::engine::llama::{Keep, LlamaEngine, Options, Patience, Source, Without};

        let model = &wish.model;
        // What is somebody else's is not read, and nothing of a project is put there.
        let own_cache = || {
            let told = |error: &io::Error| tracing::warn!("what was read is not kept: {error}");
            builtin::own_cache_dir().inspect_err(told).ok()
        };
        let source = file.map_or(Source::BuiltIn, Source::File);
        let options = Options {
            threads: model.threads,
            device: model.device,
            gpu_layers: model.gpu_layers,
            context_tokens: model.context_tokens,
            kv_type: model.kv_type,
            memory: limit,
            cores: self.cores.clone(),
            without: Without {
                healing: !wish.parts.has(Part::Healing),
                places: !wish.parts.has(Part::Places),
                drafts: !wish.parts.has(Part::Drafts),
            },
            // What was read outside any project is nobody's to come back to.
            keep: wish
                .root
                .clone()
                .filter(|_| model.kv_cache == KvCache::Disk)
                .and_then(|project| Some(Keep { folder: own_cache()?.join("kv"), project })),
            state: journal::state_dir(),
            patience: Patience::default(),
        };
        LlamaEngine::start(source, options)
    }

    #[cfg(not(feature = "llama"))]
    fn engine(&self, _wish: &Wish, _file: Option<PathBuf>, _limit: Option<u64>) -> Arc<dyn Backend> {
        Arc::new(NoModel::without_llama())
    }
}

/// The model's file; none: the one in the binary. The error is a sentence that says what to do.
fn model_file(wish: &Wish) -> Result<Option<PathBuf>, String> {
    let model = &wish.model;
    let Some(name) = model.name.as_ref().filter(|name| *name != BUILT_IN) else {
        return Ok(model.path.clone());
    };
    let chosen = named::find(name, &Surroundings::of_process(), hardware::available_memory())?;
    for note in chosen.notes {
        tracing::info!("{}: {note}", chosen.path.display());
    }
    Ok(Some(chosen.path))
}
