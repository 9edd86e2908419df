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
use super::context::{CHUNK, Shape};
use super::keep::Keeper;
use super::measure::{Lab, Measure};
use super::vocab::Vocabulary;
use super::{Options, Shared, Source, Without};
use crate::engine::chat::{Chat, Specials};
use crate::engine::slot::{ACTIONS, PLACES, Token};
use crate::engine::spell::{FimTokens, Spelling};
use crate::engine::{ModelCard, ModelState};
use crate::models::catalog::{self, Layout};
use crate::models::memory::{USUAL_CONTEXT, cells};
use crate::models::{builtin, gguf, hardware};

/// What a cancelled load says.
pub const CANCELLED: &str = "loading the model was cancelled";
/// Whether this build can use a GPU.
const OFFLOADS: bool = cfg!(any(feature = "cuda", feature = "vulkan", feature = "metal"));
/// The least a context is worth having for.
const LEAST_CONTEXT: u32 = 128;
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

/// Loads, reporting progress in the shared state and stopping when told to.
pub fn load(shared: &Arc<Shared>, source: &Source, options: &Options) -> Result<Loaded, String> {
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
    let mut fit = Fit::new(&header, options)?;
    fit.shrink_to(&path, &header, hardware::available_memory())?;

    let backend = backend()?;
    let model = match load_file(shared, backend, &path, fit.gpu_layers) {
        Err(why) if fit.gpu_layers > 0 && why != CANCELLED => {
            tracing::warn!("{why}; trying the processor alone");
            fit.gpu_layers = 0;
            load_file(shared, backend, &path, 0)?
        }
        loaded => loaded?,
    };
    let row = catalog::spelling(&header);
    let vocabulary = Arc::new(Vocabulary::new(model.clone(), &row.ends));
    let spelling = Spelling { chat: chat(&header).map(Arc::new), ..spelling(&row, &model) };
    let measure = tune(shared, backend, &model, &header, options, &mut fit, spelling.filler);
    let keeper = options.keep.as_ref().and_then(|keep| {
        // What a state depends on besides the file: how the cache is laid out, and who computes.
        let made_by = format!("{} cells on {}", fit.shape.cells, device(fit.gpu_layers));
        let keeper = Keeper::new(keep, &path, &made_by);
        keeper.inspect_err(|error| tracing::warn!("what was read will not be kept: {error}")).ok()
    });
    let card = ModelCard {
        name: if header.name.is_empty() { file_stem(&path) } else { header.name.clone() },
        parameters: model.n_params(),
        context_tokens: fit.context,
        threads: fit.shape.threads as u32,
        device: device(fit.gpu_layers),
        model_bytes: model.size(),
        kv_bytes: gguf::kv_bytes(&header, fit.shape.cells),
        fills: spelling.fim.is_some(),
        quotes: spelling.quotes(),
        chats: spelling.chat.is_some(),
        notice: row.notice,
        path,
    };
    Ok(Loaded {
        backend,
        model,
        vocabulary,
        spelling,
        without: options.without,
        shape: fit.shape,
        context_tokens: fit.context as usize,
        card,
        chores: Chores::new(options.patience.idle, measure, keeper),
    })
}

/// As many threads as are known to be best, or as can be found out now; what has to be found out later is given back.
/// Threads that somebody chose are not measured, nor what a GPU computes.
fn tune(
    shared: &Shared,
    backend: &LlamaBackend,
    model: &LlamaModel,
    header: &gguf::Header,
    options: &Options,
    fit: &mut Fit,
    filler: Token,
) -> Option<Measure> {
    if options.threads.is_some() || fit.gpu_layers > 0 {
        return None;
    }
    let mut measure = Measure::new(header, options.state.as_deref());
    let lab = Lab { backend, model, interrupt: &shared.interrupt, filler };
    let until = Instant::now() + options.patience.load;
    let goes_on = || !shared.cancel_load.load(Ordering::SeqCst);
    let known = measure.known();
    let sure = known.filter(|known| !known.shared).map(|known| known.threads);
    let chosen = sure.or_else(|| measure.go_on(&lab, Some(until), &goes_on));
    if let Some(threads) = chosen.or(known.map(|known| known.threads)) {
        fit.shape.threads = threads.single as i32;
        fit.shape.batch_threads = threads.batch as i32;
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
    gpu_layers: u32,
) -> Result<Arc<LlamaModel>, String> {
    let progress = shared.clone();
    // NB: read, not mapped. A mapped file that somebody shortens ends the process (SIGBUS), and what llama.cpp repacks
    // for the processor would lie in memory twice.
    let mut params = LlamaModelParams::default().with_n_gpu_layers(gpu_layers).with_use_mmap(false);
    if OFFLOADS && gpu_layers == 0 {
        // Without layers on it llama.cpp would still use a GPU for the cache and for large products.
        params = params.with_devices(&[]).map_err(|error| format!("llama.cpp: {error}"))?;
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

/// Sizes, before anything is allocated.
struct Fit {
    context: u32,
    shape: Shape,
    gpu_layers: u32,
}

impl Fit {
    fn new(header: &gguf::Header, options: &Options) -> Result<Self, String> {
        let trained = catalog::spelling(header).context;
        let wanted = options.context_tokens.unwrap_or(USUAL_CONTEXT);
        let context = wanted.min(trained);
        if context < LEAST_CONTEXT {
            return Err(format!(
                "a context of {context} tokens is too small to complete in: {LEAST_CONTEXT} are the least; choose a \
                 model that was trained for more ({trained} here), or a larger model.contextTokens"
            ));
        }
        let threads = options.threads.map(|threads| threads.clamp(1, 256));
        let small = header.weight_bytes < ONE_THREAD_BYTES;
        let batch_threads = threads.unwrap_or_else(hardware::compute_threads);
        let single_threads =
            threads.unwrap_or(if small { 1 } else { batch_threads.saturating_sub(1).max(1) });
        Ok(Self {
            context,
            shape: Shape {
                cells: cells(context),
                sequences: (PLACES + ACTIONS) as u32,
                threads: single_threads as i32,
                batch_threads: batch_threads as i32,
                window: header.sliding_window,
            },
            gpu_layers: if OFFLOADS { options.gpu_layers.unwrap_or(999) } else { 0 },
        })
    }

    /// Halves the context until everything fits the memory there is, or says that it cannot.
    fn shrink_to(
        &mut self,
        path: &Path,
        header: &gguf::Header,
        available: Option<u64>,
    ) -> Result<(), String> {
        let Some(available) = available else { return Ok(()) };
        loop {
            let needed = gguf::memory_bytes(header, self.shape.cells, CHUNK as u32);
            if needed <= available {
                return Ok(());
            }
            if self.context / 2 < LEAST_CONTEXT.max(512.min(self.context)) {
                let (needed, available) = (needed >> 20, available >> 20);
                return Err(format!(
                    "{}: needs about {needed} MiB of memory, and {available} MiB are free; choose a smaller model or \
                     a stronger quantisation",
                    path.display()
                ));
            }
            self.context /= 2;
            self.shape.cells = cells(self.context);
        }
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

fn device(gpu_layers: u32) -> String {
    let devices = llama_cpp_2::list_llama_ggml_backend_devices();
    let gpu = devices.iter().find(|device| {
        matches!(device.device_type, LlamaBackendDeviceType::Gpu | LlamaBackendDeviceType::IntegratedGpu)
    });
    let gpu = gpu.filter(|_| gpu_layers > 0).map(|gpu| gpu.description.clone());
    gpu.unwrap_or_else(|| format!("cpu ({})", hardware::kernels()))
}

fn file_stem(path: &Path) -> String {
    PathBuf::from(path).file_stem().map_or_else(|| "model".into(), |stem| stem.to_string_lossy().into_owned())
}
