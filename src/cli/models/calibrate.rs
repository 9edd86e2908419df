//! How fast a model would write here, measured with llama.cpp in about two seconds before there is a model.
//!
//! The model in the binary cannot tell: its nine megabytes lie in the processor's caches, and what it takes for a token is
//! mostly the calls around them. A model that is worth its name comes from memory, whole, for every token. So four
//! layers of one are written with random weights, which are read no faster than trained ones, and llama.cpp writes
//! with them for a second, with the kernels, threads and GPU of a session. What it shows is bytes of weights a second:
//! divided by a file's size, tokens. The file goes afterwards.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;
use std::time::Duration;

use super::super::bench::shape::{Dimensions, throwaway};
use super::super::interrupt::Watch;
use super::super::{Failure, local_backend, ready, runtime};
use crate::config::{ModelSettings, Settings};
use crate::engine::sample::Sampling;
use crate::engine::{Backend, Event, Lane, Request, Role};
use crate::prompt::{Fill, Prompt};

/// Of Qwen2.5-Coder 1.5B, but for the vocabulary and the layers; its KV cache is small.
const LAYER: Dimensions = Dimensions {
    layers: 1,
    width: 1536,
    feed_forward: 8960,
    heads: 12,
    kv_heads: 2,
    rows: 1024,
    is_tied: true,
};
/// Bytes of its weights in eight bits, roughly.
const LAYER_BYTES: u64 = 50_000_000;
/// More than the caches of usual processors.
const MOST_LAYERS: u64 = 4;
/// Of writing, all answers together.
const MEASURED: Duration = Duration::from_millis(1000);
/// Answers at most: random weights may end one at any token.
const MOST_ANSWERS: u32 = 100;
const CONTEXT: u32 = 512;

/// Bytes of weights that a model gets through in a second when it writes. `available`: bytes of memory that may be had, of
/// which an eighth is used at most.
///
/// A message says why there is no figure: no llama.cpp, no room.
pub fn weight_speed(settings: &Settings, available: Option<u64>) -> Result<f64, Failure> {
    if cfg!(not(feature = "llama")) {
        return Err(Failure::Message("this program was built without llama.cpp".to_owned()));
    }
    let layers = available.map_or(MOST_LAYERS, |available| (available / 8 / LAYER_BYTES).min(MOST_LAYERS));
    if layers == 0 {
        return Err(Failure::Message("there is too little memory to measure in".to_owned()));
    }
    let watch = Watch::start()?;
    let file = tempfile::Builder::new().prefix("codesage-").suffix(".gguf").tempfile();
    // The name stays out here: the file goes whatever ends this.
    let (file, path) = file.map_err(no_room)?.into_parts();
    let model = ModelSettings {
        path: Some(path.to_path_buf()),
        threads: settings.model.threads,
        gpu_layers: settings.model.gpu_layers,
        context_tokens: Some(CONTEXT),
        ..ModelSettings::default()
    };
    let settings = Settings { model, ..Settings::default() };
    watch.over(move || measure(file, layers as usize, &settings))
}

fn no_room(error: std::io::Error) -> Failure {
    Failure::Message(format!("{}: {error}", std::env::temp_dir().display()))
}

fn measure(file: File, layers: usize, settings: &Settings) -> Result<f64, Failure> {
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    throwaway(Dimensions { layers, ..LAYER }, &mut writer).map_err(|failure| match failure {
        Failure::Output(error) => no_room(error),
        other => other,
    })?;
    drop(writer.into_inner().map_err(|error| no_room(error.into_error()))?);
    let backend = local_backend(settings, Role::Fill);
    let speed = runtime()?.block_on(async {
        let card = ready(&backend).await?;
        let (mut tokens, mut time) = (0, Duration::ZERO);
        for answer in 0..MOST_ANSWERS {
            let (written, took) = write(&backend, answer, MEASURED.saturating_sub(time)).await?;
            (tokens, time) = (tokens + written, time + took);
            if time >= MEASURED {
                break;
            }
        }
        let per_second = f64::from(tokens) / time.as_secs_f64();
        let is_known = tokens > 0 && !time.is_zero();
        let unknown = || Failure::Message("the model that is measured with wrote nothing".to_owned());
        if is_known { Ok(card.model_bytes as f64 * per_second) } else { Err(unknown()) }
    });
    backend.shutdown();
    speed
}

/// Tokens that came, and what writing them took.
async fn write(backend: &Arc<dyn Backend>, answer: u32, time: Duration) -> Result<(u32, Duration), Failure> {
    let prompt = Fill {
        snippets: Arc::from([]),
        path: "a.rs".into(),
        head: format!("fn f{answer}(").into(),
        tail: "\n}\n".into(),
        typed: String::new(),
    };
    let request = Request {
        prompt: Prompt::Fill(prompt),
        lane: Lane::Completion,
        sampling: Sampling::default(),
        max_tokens: CONTEXT / 2,
        max_time: time,
        hold: Duration::ZERO,
        stop: Box::new(|_| false),
        told: None,
        precedents: Vec::new(),
    };
    let mut generation = backend.generate(request);
    while let Some(event) = generation.next().await {
        match event {
            Event::Piece(_) => {}
            Event::Failed(error) => return Err(Failure::Message(error.to_string())),
            Event::End { usage, .. } => {
                return Ok((usage.generated_tokens, Duration::from_millis(usage.decode_ms.into())));
            }
        }
    }
    Ok((0, Duration::ZERO))
}
