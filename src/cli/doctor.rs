//! `codesage doctor`: what is in order here, what is not, and what mends it. Here the model is started and measured;
//! what is looked at, and what of it is wrong, [`doctor`] knows.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use super::colour::harmless;
use super::{Failure, Session, workspace};
use crate::assist::{journal, roles};
use crate::config::{RemoteSettings, Settings};
use crate::doctor::{self, Build, Engine, LastSession, Machine, Patient, Places, Severity};
use crate::engine::remote::RemoteStats;
use crate::engine::sample::Sampling;
use crate::engine::stats::Speed;
use crate::engine::{Backend, Event, Lane, Piece, Request, Role, Usage};
use crate::models::discover::Surroundings;
use crate::models::{builtin, hardware, speed};
use crate::prompt::{Fill, Prompt};

/// Of measuring the memory; having it to read takes as long again.
const MEMORY: Duration = Duration::from_millis(300);
/// Of writing.
const WRITES_FOR: Duration = Duration::from_secs(2);
/// A model that takes longer to load is not waited for, nor one that takes longer to read a few lines.
const LOADS_WITHIN: Duration = Duration::from_secs(10);
const READS_WITHIN: Duration = Duration::from_secs(8);
/// A server that takes longer to say what it is is not waited for.
const SAYS_WITHIN: Duration = Duration::from_secs(5);
/// Bytes of the text that is read: some hundred tokens.
const READ: usize = 400;
const WRITTEN: u32 = 256;
/// Real code, to read and to write.
const SOURCE: &str = include_str!("../../fixtures/demo/queue.rs");

#[derive(Args, Debug)]
pub struct Options {
    /// Print one object
    #[arg(long)]
    json: bool,
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let Session { mut layers, mut output, .. } = session;
    let workspace = workspace::of_here();
    if let Some(workspace) = &workspace {
        layers.read_workspace(workspace);
    }
    let (settings, problems) = layers.resolve();
    let state = journal::state_dir();
    let mut places = Places::of_process(workspace, state.clone(), builtin::cache_dir());
    places.settings = layers.files().map(Path::to_path_buf).collect();
    // Before the model takes its part of the memory.
    let memory = speed::memory_speed(hardware::compute_threads(), hardware::available_memory(), MEMORY);
    let machine = Machine::of_this_process(Some(memory));
    let patient = Patient {
        build: Build::of_this_program(),
        machine,
        engine: start(&settings),
        server: ask(&settings.remote),
        settings,
        problems,
        places,
        surroundings: Surroundings::of_process(),
        session: state.as_deref().and_then(LastSession::read),
    };
    let report = doctor::examine(&patient);
    if options.json {
        let object = serde_json::to_string_pretty(&report);
        let object =
            object.map_err(|error| Failure::Message(format!("the report cannot be written: {error}")))?;
        writeln!(output, "{object}")?;
    } else {
        // A file may be named, and a model call itself, as terminals are commanded.
        write!(output, "{}", harmless(&report.to_string()))?;
    }
    match report.count(Severity::Problem) {
        0 if options.json => Ok(()),
        0 => Ok(writeln!(output, "{}", report.summary())?),
        _ => Err(Failure::Message(report.summary())),
    }
}

/// Starts the model, measures it and stops it.
fn start(settings: &Settings) -> Engine {
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(Failure::Message(why)) => return Engine::Failed(why),
        Err(_) => return Engine::Failed("no thread can be started".to_owned()),
    };
    // What is read for this is of no workspace, and nothing to come back to.
    let backend = super::local_backend(&Settings { root: None, ..settings.clone() }, Role::Fill);
    let engine = runtime.block_on(async {
        match tokio::time::timeout(LOADS_WITHIN, super::ready(&backend)).await {
            Ok(Ok(card)) => {
                match tokio::time::timeout(READS_WITHIN + WRITES_FOR, measure(&backend, card.context_tokens))
                    .await
                {
                    Ok(Some(speed)) => Engine::Ready(card, speed),
                    Ok(None) => {
                        Engine::Failed("it loads, and then does not write; the log says more".to_owned())
                    }
                    Err(_) => Engine::TooSlow(card),
                }
            }
            Ok(Err(Failure::Message(why))) => Engine::Failed(why),
            Ok(Err(_)) => Engine::Failed("the engine ended before the model was loaded".to_owned()),
            Err(_) => {
                backend.cancel_load();
                Engine::Unmeasured(
                    "the model takes long to load; `codesage bench engine` waits for it".to_owned(),
                )
            }
        }
    });
    backend.shutdown();
    engine
}

/// Asks the server of the settings what it is, as every start does. None, and nothing is opened, where it is not switched
/// on.
fn ask(settings: &RemoteSettings) -> Option<RemoteStats> {
    let server = roles::server(settings)?;
    let mut stats = server.stats();
    let runtime = super::runtime().ok()?;
    let has_said = |stats: &RemoteStats| !stats.model.is_empty() || stats.problem.is_some();
    let said =
        runtime.block_on(async { tokio::time::timeout(SAYS_WITHIN, stats.wait_for(has_said)).await.is_ok() });
    let mut stats = stats.borrow().clone();
    if !said {
        let within = SAYS_WITHIN.as_secs();
        stats.problem = Some(format!(
            "{} has not said within {within} s what it is, or its key did not come",
            stats.server
        ));
    }
    Some(stats)
}

/// Tokens a second of reading and of writing; none where the engine fails. `context`: tokens that both may take.
async fn measure(backend: &Arc<dyn Backend>, context: u32) -> Option<Speed> {
    let (head, rest) = SOURCE.split_at(SOURCE.floor_char_boundary(READ));
    let mut began = None;
    let mut generation = backend.generate(Request {
        prompt: Prompt::Fill(Fill {
            snippets: Arc::from([]),
            path: "queue.rs".into(),
            head: head.into(),
            tail: "".into(),
            typed: String::new(),
        }),
        lane: Lane::Completion,
        sampling: Sampling::default(),
        max_tokens: WRITTEN.min(context / 4),
        max_time: WRITES_FOR,
        hold: Duration::ZERO,
        stop: Box::new(move |_: &Piece| began.get_or_insert_with(Instant::now).elapsed() > WRITES_FOR),
        // So that no model ends before it was measured.
        told: Some(rest.to_owned()),
        precedents: Vec::new(),
    });
    loop {
        match generation.next().await {
            Some(Event::Piece(_)) => {}
            Some(Event::End { usage, .. }) => return Some(per_second(&usage)),
            Some(Event::Failed(_)) | None => return None,
        }
    }
}

fn per_second(usage: &Usage) -> Speed {
    let rate = |tokens: u32, ms: u32| if ms == 0 { 0.0 } else { f64::from(tokens) * 1000.0 / f64::from(ms) };
    Speed {
        prompt: rate(usage.evaluated_tokens, usage.prefill_ms),
        generate: rate(usage.generated_tokens, usage.decode_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scripted::{Script, ScriptedBackend};

    #[tokio::test]
    async fn a_model_is_measured_by_what_it_says_of_itself() {
        let usage = Usage {
            evaluated_tokens: 100,
            prefill_ms: 50,
            generated_tokens: 30,
            decode_ms: 0,
            ..Usage::default()
        };
        assert_eq!(per_second(&usage), Speed { prompt: 2000.0, generate: 0.0 });
        let scripted = ScriptedBackend::default();
        scripted.always(Script::text("some words"));
        let backend: Arc<dyn Backend> = Arc::new(scripted);
        assert!(measure(&backend, 2048).await.is_some());
        backend.shutdown();
        assert_eq!(measure(&backend, 2048).await, None);
    }
}
