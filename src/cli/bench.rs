//! `codesage bench`: what this machine does, measured, to stand behind the figures in the README.
//!
//! Each measurement goes through the same calls as a session. Prints; asserts nothing, for times are no contract.

mod beside;
mod drafts;
mod model;
mod replay;
pub mod shape;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use super::{Failure, Session};
use crate::assist::Assistant;
use crate::assist::roles::Wish;
use crate::config::{Layers, Settings};
use crate::engine::scripted::ScriptedBackend;
use crate::engine::{Backend, Role};
use crate::lsp;
use crate::text::{Change, Encoding, Position};

/// Lines of the edited documents, and keys typed into each.
const LINES: [u32; 2] = [10_000, 100_000];
const KEYS: u32 = 2_000;
const INITIALIZES: u32 = 50;

#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Latencies of the server, and what the model costs
    Engine(Options),
    /// What each key costs, real code typed again into a whole server
    Replay(replay::Options),
    /// Figures beside those of llama.vim with llama-server, and their goals
    Compare(replay::compare::Options),
    /// Write a model of a real one's shape with random weights
    Model(shape::Options),
}

#[derive(Args, Debug)]
pub struct Options {
    /// Measure this alone
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// Print one object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Only {
    /// What the server does without a model
    Server,
    /// Loading, reading, writing, cancelling, memory, and what a key reads
    Model,
    /// Reading and writing alone
    Speed,
    /// Typing beside an edit
    Beside,
    /// An edit with drafts and without
    Drafts,
}

/// One row of the answer.
struct Figure {
    /// Key in the object.
    name: &'static str,
    /// As a person reads it.
    title: String,
    unit: &'static str,
    samples: Vec<f64>,
}

pub fn run(session: Session, bench: Bench) -> Result<(), Failure> {
    let options = match bench {
        Bench::Engine(options) => options,
        Bench::Replay(options) => return replay::run(session, options),
        Bench::Compare(options) => return replay::compare::run(session, options),
        Bench::Model(options) => return shape::run(session, options),
    };
    let runtime = super::runtime()?;
    let is_wanted = |what| options.only.is_none_or(|only| only == what);
    let mut figures = Vec::new();
    if is_wanted(Only::Server) {
        for (name, lines) in ["didChangeMs", "didChangeLargeMs"].into_iter().zip(LINES) {
            let title = format!("didChange to visible snapshot, {lines} lines");
            figures.push(Figure::new(name, title, "ms", did_change(lines)?));
        }
        let samples = runtime.block_on(initialize())?;
        figures.push(Figure::new("initializeMs", "initialize to its reply".into(), "ms", samples));
    }
    if options.only == Some(Only::Server) {
        return print(session.output, &figures, options.json);
    }
    let started = Instant::now();
    let backend = super::local_backend(&session.settings, Role::Fill);
    let measured = runtime.block_on(async {
        let card = super::ready(&backend).await?;
        let loading = started.elapsed();
        let mut figures = Vec::new();
        if is_wanted(Only::Model) {
            figures.extend(model::figures(&backend, &card, loading).await?);
        }
        if options.only == Some(Only::Speed) {
            figures.extend(model::speed(&backend, &card).await?);
        }
        if is_wanted(Only::Beside) {
            figures.extend(beside::figures(&backend, &card).await?);
        }
        if is_wanted(Only::Drafts) {
            figures.extend(drafts::figures(&backend, &card).await?);
        }
        Ok::<_, Failure>(figures)
    });
    backend.shutdown();
    figures.extend(measured?);
    print(session.output, &figures, options.json)
}

fn print(mut output: impl Write, figures: &[Figure], as_json: bool) -> Result<(), Failure> {
    if as_json {
        let fields = figures.iter().map(|figure| {
            let value = json!({
                "p50": figure.rank(0.50), "p95": figure.rank(0.95), "p99": figure.rank(0.99),
                "max": figure.rank(1.0), "mean": figure.mean(), "samples": figure.samples.len(),
            });
            (figure.name.to_owned(), value)
        });
        writeln!(output, "{:#}", Value::Object(fields.collect()))?;
        return Ok(());
    }
    for figure in figures {
        let Figure { title, unit, .. } = figure;
        let [p50, p95, p99, max] = [0.50, 0.95, 0.99, 1.0].map(|share| figure.rank(share));
        let mean = figure.mean();
        writeln!(
            output,
            "{title:<48} mean {mean:>8.2}  p50 {p50:>8.2}  p95 {p95:>8.2}  p99 {p99:>8.2}  max {max:>8.2} {unit}"
        )?;
    }
    Ok(())
}

impl Figure {
    fn new(name: &'static str, title: String, unit: &'static str, samples: Vec<f64>) -> Self {
        Self { name, title, unit, samples }
    }

    /// Zero without samples.
    fn mean(&self) -> f64 {
        self.samples.iter().sum::<f64>() / self.samples.len().max(1) as f64
    }

    /// By nearest rank; zero without samples.
    fn rank(&self, share: f64) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
    }
}

/// Milliseconds of each key typed all over a long document.
fn did_change(lines: u32) -> Result<Vec<f64>, Failure> {
    let line = "    let value = compute(first, second).unwrap_or_default();\n";
    let uri = Url::parse("file:///bench.rs").map_err(|error| Failure::Message(error.to_string()))?;
    let assistant = Assistant::new(Arc::new(ScriptedBackend::default()), Settings::default(), Vec::new());
    assistant.open(uri.clone(), "rust", 0, &line.repeat(lines as usize));
    let mut samples = Vec::new();
    for key in 0..KEYS {
        // A prime step: the whole document is visited, in no order that a cache would like.
        let place = Position { line: key.wrapping_mul(7919) % lines, column: 20 };
        let change = Change { range: Some(place..place), text: "x".to_owned() };
        let version = key as i32 + 1;
        let started = Instant::now();
        assistant.change(&uri, version, &[change], Encoding::Utf16);
        let snapshot = assistant.snapshot(&uri);
        samples.push(milliseconds(started.elapsed()));
        if snapshot.is_none_or(|snapshot| snapshot.version() != version) {
            return Err(Failure::Message("a change was lost".to_owned()));
        }
    }
    Ok(samples)
}

/// Milliseconds to the reply, each from a server of its own.
async fn initialize() -> Result<Vec<f64>, Failure> {
    let mut samples = Vec::new();
    for _ in 0..INITIALIZES {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (input, output) = tokio::io::split(theirs);
        let launch: lsp::Launch =
            Box::new(|_: &Wish, _| Arc::new(ScriptedBackend::default()) as Arc<dyn Backend>);
        let mut client = ours;
        let ask = async {
            let request = json!({
                "jsonrpc": "2.0", "id": 1, "method": "initialize",
                "params": {"processId": null, "rootUri": null, "capabilities": {}},
            });
            let started = Instant::now();
            client.write_all(&frame(&request)).await?;
            let reply = read_frame(&mut client).await?;
            let elapsed = milliseconds(started.elapsed());
            client.write_all(&frame(&json!({"jsonrpc": "2.0", "method": "exit"}))).await?;
            client.shutdown().await?;
            match reply.get("result") {
                Some(_) => Ok(elapsed),
                None => Err(Failure::Message(format!("initialize was answered with {reply}"))),
            }
        };
        let never = std::future::pending();
        let serving = lsp::serve(input, output, Layers::default(), launch, None, never);
        let (_, sample) = tokio::join!(serving, ask);
        samples.push(sample?);
    }
    Ok(samples)
}

fn frame(message: &Value) -> Vec<u8> {
    let body = message.to_string();
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn read_frame(client: &mut (impl AsyncReadExt + Unpin)) -> Result<Value, Failure> {
    let broken = || Failure::Message("the server sent a broken frame".to_owned());
    let mut header = Vec::new();
    while !header.ends_with(b"\r\n\r\n") {
        header.push(client.read_u8().await?);
    }
    let header = String::from_utf8(header).map_err(|_| broken())?;
    let length = header.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).ok_or_else(broken)?;
    let mut body = vec![0; length];
    client.read_exact(&mut body).await?;
    serde_json::from_slice(&body).map_err(|_| broken())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_ranks() {
        let figure = Figure {
            name: "x",
            title: "X".into(),
            unit: "ms",
            samples: (1..=200).rev().map(f64::from).collect(),
        };
        assert_eq!((figure.rank(0.5), figure.rank(0.99)), (100.0, 198.0));
        let mut output = Vec::new();
        print(&mut output, &[figure], true).unwrap();
        let object: Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(
            object["x"],
            json!({"mean": 100.5, "p50": 100.0, "p95": 190.0, "p99": 198.0, "max": 200.0, "samples": 200})
        );
    }
}
