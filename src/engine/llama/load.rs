//! From a file to a model that can be served: checked in Rust first, fitted to the memory there is, then loaded.
//!
//! Every error is one sentence for the person: what was found, where, and what to do. Nothing here decodes.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::{LlamaBackendDeviceType, LogOptions};

use super::chores::Chores;
use super::context::Shape;
use super::keep::Keeper;
use super::measure::{Lab, Measure};
use super::vocab::Vocabulary;
use super::{Options, Shared, Source, Without};
use crate::engine::chat::{Chat, Specials};
use crate::engine::slot::{ACTIONS, PLACES};
use crate::engine::spell::{FimTokens, Spelling};
use crate::engine::{ModelCard, ModelState};
use crate::models::catalog::{self, Layout};
use crate::models::fit::{self, Asked, Device, Fit, Gpu, KvType, Machine, Offload, Shortfall, Unfit};
use crate::models::memory::{self, cells};
use crate::models::{builtin, gguf, hardware};

/// What a cancelled load says.
pub const CANCELLED: &str = "loading the model was cancelled";
/// Until it is measured: a model of fewer bytes decodes a token on one thread before a second one could join in.
const ONE_THREAD_BYTES: u64 = 64 << 20;

/// A model, and everything the loop needs to serve it.
pub struct Loaded {
    pub backend: &'static LlamaBackend,
    pub model: Arc<LlamaModel>,
    pub vocabulary: Arc<Vocabulary>,
    pub spelling: Spelling,
    pub without: Without,
    pub shape: Shape,
    /// Tokens of one prompt with its answer.
    pub context_tokens: usize,
    pub card: ModelCard,
    /// What is left for when nothing is asked.
    pub chores: Chores,
}

/// A model file that was looked at.
pub struct Checked {
    path: PathBuf,
    header: gguf::Header,
}

/// How it is to be run.
pub struct Way {
    pub fit: Fit,
    /// The name of the GPU that some of it is on.
    pub gpu: Option<String>,
    /// What computes, as people know it.
    device: String,
    /// Why it is not on a GPU, and whether that has to be told.
    shortfall: Option<Shortfall>,
    is_told: bool,
}

/// Whether this machine and the file are such that it can be loaded.
pub fn check(source: &Source) -> Result<Checked, String> {
    let missing = hardware::missing_cpu_features();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(format!(
            "this processor lacks {missing}, which this build of llama.cpp uses; the README says how to build it for \
             an older one"
        ));
    }
    let path = match source {
        Source::BuiltIn => builtin::unpack(&builtin::cache_dir()).map_err(|error| error.to_string())?,
        Source::File(path) => path.clone(),
    };
    let header = gguf::check(&path).map_err(|unfit| match unfit {
        // It names the file itself.
        gguf::Unfit::Unreadable(sentence) => sentence,
        unfit => format!("{}: {unfit}", path.display()),
    })?;
    Ok(Checked { path, header })
}

/// What of the options is a matter of fitting.
pub fn asked(options: &Options) -> Asked {
    let Options { device, gpu_layers, context_tokens: context, kv_type, .. } = *options;
    Asked { device, gpu_layers, context, kv_type }
}

/// How to run it in the memory that there is now. `lost`: why a GPU is not asked any more, though the options do.
pub fn fit(file: &Checked, asked: &Asked, options: &Options, lost: Option<Shortfall>) -> Result<Way, String> {
    backend()?;
    let free = hardware::available_memory().map(fit::budget);
    let machine = Machine {
        available: [free, options.memory].into_iter().flatten().min(),
        gpus: if asked.device == Device::Cpu || !hardware::OFFLOADS { Vec::new() } else { gpus() },
    };
    let model = fit::Model::of(&file.header);
    let fitted = fit::fit(&model, asked, &machine).map_err(|unfit| match unfit {
        Unfit::Context { .. } => unfit.to_string(),
        Unfit::Memory { .. } => format!("{}: {unfit}", file.path.display()),
    })?;
    let all = model.layers.saturating_add(1);
    let computes = machine.computes(&fitted, all);
    let room = machine.available.map_or("memory of unknown size".to_owned(), memory::shown);
    tracing::info!(
        "{}: {} tokens of context in {} cells of {}, {} of {room}{}",
        file.path.display(),
        fitted.context,
        cells(fitted.context),
        fitted.kv_type.name(),
        memory::shown(fitted.bytes),
        fitted.offload.zip(computes.as_ref()).map_or(String::new(), |(offload, gpu)| {
            format!(", {} on {gpu}", memory::shown(offload.bytes))
        })
    );
    let shortfall = lost.or_else(|| Shortfall::of(asked, hardware::OFFLOADS, &machine, all, &fitted));
    let wished = self::asked(options);
    let is_told = shortfall.as_ref().is_some_and(|shortfall| shortfall.is_unexpected(&wished));
    match &shortfall {
        Some(shortfall) if is_told => tracing::warn!("{shortfall}"),
        Some(shortfall) => tracing::info!("{shortfall}"),
        None => {}
    }
    Ok(Way {
        fit: fitted,
        gpu: fitted.offload.and_then(|offload| Some(machine.gpu(&offload)?.name.clone())),
        device: computes.unwrap_or_else(|| format!("cpu ({})", hardware::kernels())),
        shortfall,
        is_told,
    })
}

/// Loads, reporting progress in the shared state and stopping when told to.
pub fn load(shared: &Arc<Shared>, file: &Checked, way: &Way, options: &Options) -> Result<Loaded, String> {
    let Checked { path, header } = file;
    let Way { fit, device, shortfall, is_told, .. } = way;
    let backend = backend()?;
    let model = load_file(shared, backend, path, fit.offload.as_ref())?;
    let row = catalog::spelling(header);
    let vocabulary = Arc::new(Vocabulary::new(model.clone(), &row.ends));
    let spelling = Spelling { chat: chat(header).map(Arc::new), ..spelling(&row, &model) };
    let mut shape = shape(header, fit, options);
    // Threads that somebody chose are not measured, nor what a GPU computes.
    let measure = if options.threads.is_some() || fit.offload.is_some() {
        None
    } else {
        let desk = Some(&shared.desk);
        let lab = Lab { backend, model: &model, interrupt: &shared.interrupt, desk, filler: spelling.filler };
        tune(shared, &lab, header, options, &mut shape)
    };
    let keeper = options.keep.as_ref().and_then(|keep| {
        // What a state depends on besides the file: how the cache is laid out, and who computes.
        let numbers = if fit.kv_type == KvType::F16 { "" } else { fit.kv_type.name() };
        let made_by = format!("{} cells{numbers} on {device}", shape.cells);
        let keeper = Keeper::new(keep, path, &made_by);
        keeper.inspect_err(|error| tracing::warn!("what was read will not be kept: {error}")).ok()
    });
    let told = shortfall.as_ref().filter(|_| *is_told).map(Shortfall::to_string);
    let notices: Vec<String> = row.notice.into_iter().chain(told).collect();
    let card = ModelCard {
        name: if header.name.is_empty() { file_stem(path) } else { header.name.clone() },
        parameters: model.n_params(),
        context_tokens: fit.context,
        threads: shape.threads as u32,
        device: device.clone(),
        model_bytes: model.size(),
        kv_bytes: fit.kv_type.bytes(gguf::kv_bytes(header, shape.cells)),
        fills: spelling.fim.is_some(),
        quotes: spelling.quotes(),
        chats: spelling.chat.is_some(),
        notice: Some(notices.join("; ")).filter(|notice| !notice.is_empty()),
        shortfall: shortfall.clone(),
        path: path.clone(),
    };
    Ok(Loaded {
        backend,
        model,
        vocabulary,
        spelling,
        without: options.without,
        shape,
        context_tokens: fit.context as usize,
        card,
        chores: Chores::new(options.patience.idle, measure, keeper),
    })
}

/// As many threads as are known to be best, or as can be found out now; what has to be found out later is given back.
fn tune(
    shared: &Shared,
    lab: &Lab<'_>,
    header: &gguf::Header,
    options: &Options,
    shape: &mut Shape,
) -> Option<Measure> {
    let mut measure = Measure::new(header, options.state.as_deref());
    let until = Instant::now() + options.patience.load;
    let goes_on = || !shared.cancel_load.load(Ordering::SeqCst);
    let known = measure.known();
    let sure = known.filter(|known| !known.shared).map(|known| known.threads);
    let chosen = sure.or_else(|| measure.go_on(lab, Some(until), &goes_on));
    if let Some(threads) = chosen.or(known.map(|known| known.threads)) {
        shape.threads = threads.single as i32;
        shape.batch_threads = threads.batch as i32;
    }
    chosen.is_none().then_some(measure)
}

/// llama.cpp's own set-up, once for the process: it cannot be done twice, and engines come and go.
fn backend() -> Result<&'static LlamaBackend, String> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    // Each time, as the engine before this one has turned the log off.
    llama_cpp_2::send_logs_to_tracing(LogOptions::default());
    let backend = BACKEND
        .get_or_init(|| LlamaBackend::init().map_err(|error| format!("llama.cpp did not start: {error}")));
    backend.as_ref().map_err(Clone::clone)
}

fn load_file(
    shared: &Arc<Shared>,
    backend: &LlamaBackend,
    path: &Path,
    offload: Option<&Offload>,
) -> Result<Arc<LlamaModel>, String> {
    let progress = shared.clone();
    // NB: read, not mapped. A mapped file that somebody shortens ends the process (SIGBUS), and what llama.cpp repacks
    // for the processor would lie in memory twice.
    let mut params = LlamaModelParams::default()
        .with_n_gpu_layers(offload.map_or(0, |gpu| gpu.layers))
        .with_use_mmap(false);
    if hardware::OFFLOADS {
        // Without layers on it llama.cpp would still use a GPU for the cache and for large products; and with some it
        // would use all GPUs.
        let devices: Vec<usize> = offload.iter().map(|gpu| gpu.index).collect();
        params = params.with_devices(&devices).map_err(|error| format!("llama.cpp: {error}"))?;
    }
    let params = params.with_progress_callback(move |fraction| {
        // NB: nothing here may panic: a panic in this callback aborts. A change below a percent is not worth a wake-up.
        progress.state.send_if_modified(|state| match state {
            ModelState::Loading { fraction: shown } if fraction - *shown >= 0.01 => {
                *shown = fraction;
                true
            }
            _ => false,
        });
        !progress.cancel_load.load(Ordering::SeqCst)
    });
    // NB: llama.cpp takes the name as C text; the wrapper wants it to be UTF-8 and to exist.
    match LlamaModel::load_from_file(backend, path, &params) {
        Ok(model) => Ok(Arc::new(model)),
        Err(_) if shared.cancel_load.load(Ordering::SeqCst) => Err(CANCELLED.into()),
        Err(error) => Err(format!("{}: llama.cpp could not load it ({error}); see the log", path.display())),
    }
}

/// The shape of its context, before threads are measured.
fn shape(header: &gguf::Header, fit: &Fit, options: &Options) -> Shape {
    let threads = options.threads.map(|threads| threads.clamp(1, 256));
    let small = header.weight_bytes < ONE_THREAD_BYTES;
    let batch_threads = threads.unwrap_or_else(hardware::compute_threads);
    let single_threads = threads.unwrap_or(if small { 1 } else { batch_threads.saturating_sub(1).max(1) });
    Shape {
        cells: cells(fit.context),
        sequences: (PLACES + ACTIONS) as u32,
        threads: single_threads as i32,
        batch_threads: batch_threads as i32,
        window: header.sliding_window,
        kv_type: fit.kv_type,
    }
}

/// The catalogue's spelling with ids of this vocabulary, each checked to be one.
fn spelling(row: &catalog::Spelling, model: &LlamaModel) -> Spelling {
    let vocab = model.vocab();
    let known = |id: i32| (0..vocab.n_tokens()).contains(&id).then_some(id);
    let id = |token: Option<u32>| token.and_then(|token| i32::try_from(token).ok()).and_then(known);
    let fim = match (id(row.pre), id(row.suf), id(row.mid)) {
        (Some(prefix), Some(suffix), middle) if row.layout != Layout::PrefixOnly => {
            Some(FimTokens { prefix, suffix, middle })
        }
        _ => None,
    };
    let filler = [vocab.bos().0, vocab.eos().0, vocab.nl().0].into_iter().find_map(known).unwrap_or(0);
    Spelling {
        layout: if fim.is_some() { row.layout } else { Layout::PrefixOnly },
        begin: known(vocab.bos().0).filter(|_| vocab.should_add_bos()),
        fim,
        separator: id(row.sep).filter(|_| !row.file_header.is_empty()),
        file_header: row.file_header.clone(),
        chat: None,
        filler,
    }
}

/// How the model is talked to, by its template and its tokens.
fn chat(header: &gguf::Header) -> Option<Chat> {
    let vocabulary = &header.vocabulary;
    let text = |token: Option<u32>| token.and_then(|token| vocabulary.text(token)).unwrap_or_default();
    let specials = Specials {
        begin: text(vocabulary.bos),
        end: text(vocabulary.eos),
        has: &|text| vocabulary.id(text).is_some(),
    };
    Chat::new(header.chat_template.as_deref(), &specials, SystemTime::now())
}

/// GPUs that this build can use, as they are now.
fn gpus() -> Vec<Gpu> {
    let devices = llama_cpp_2::list_llama_ggml_backend_devices();
    let gpus = devices.iter().filter_map(|device| {
        let shares = match device.device_type {
            LlamaBackendDeviceType::Gpu => cfg!(target_os = "macos"),
            LlamaBackendDeviceType::IntegratedGpu => true,
            _ => return None,
        };
        // NB: llama.cpp takes what is used from what may be used, which goes below nothing where others use more.
        let free = if device.memory_free > device.memory_total { 0 } else { device.memory_free as u64 };
        Some(Gpu { index: device.index, name: device.description.clone(), free, shares })
    });
    gpus.collect()
}

fn file_stem(path: &Path) -> String {
    PathBuf::from(path).file_stem().map_or_else(|| "model".into(), |stem| stem.to_string_lossy().into_owned())
}
