//! `codesage bench compare`: the figures by which CodeSage is held against llama.vim with llama-server, in one run.
//!
//! Three parts, each with both in turn but for the second: keys that wait for answers, for counters and times; the same
//! with one core kept busy, CodeSage alone; and keys at a person's pace, once the text round the cursor was read, for what
//! is cancelled and what was in vain. Each
//! figure stands beside its goal and is printed whether it is met or not. Both show whatever
//! they write, and neither ends where a model of random weights has its ends; what a line takes is made of what its
//! first token and each other one took, for the lines of both are not equally long.

use std::io::Write;
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::children::{Children, Starter};
use super::goals::{Found, Rows};
use super::infill::Asking;
use super::opponent;
use super::tally::Side;
use super::{Accept, Arguments, Measured, Mode, Replay, Source, process};
use crate::cli::bench::replay::arm::Arm;
use crate::cli::interrupt::Watch;
use crate::cli::{Failure, Session, count};

/// Rounds and keys at a person's pace: cancels and waste need many keys, and they take their own time.
const OPEN_ROUNDS: usize = 5;
const OPEN_KEYS: usize = 40;

#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    opponent: opponent::Options,
    /// Rounds of both; the first is not counted
    #[arg(long, value_name = "COUNT", default_value_t = 11, value_parser = count::at_least_two::<usize>)]
    rounds: usize,
    /// Runs of lines in a round
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = count::at_least_one::<usize>)]
    runs: usize,
    /// Keys of a run at most
    #[arg(long, value_name = "COUNT", default_value_t = 24, value_parser = count::at_least_one::<usize>)]
    keys: usize,
    /// Tokens of a suggestion at most: those of a line
    #[arg(long, value_name = "COUNT", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=2048))]
    tokens: u32,
    /// Print one object
    #[arg(long)]
    json: bool,
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let watch = Watch::start()?;
    // Out here, so that all of it goes whatever ends this.
    let (folder, children) = (tempfile::tempdir()?, Children::default());
    let (path, starter) = (folder.path().to_path_buf(), children.starter());
    watch.over(move || compare(session, options, &starter, &path))
}

/// `folder` is for settings and for what the other server writes.
fn compare(session: Session, options: Options, starter: &Starter, folder: &Path) -> Result<(), Failure> {
    let Options { source, tokens, rounds, runs, keys, .. } = &options;
    let replay = |mode, keys| {
        Ok::<_, Failure>(Replay {
            projects: source.projects()?,
            mode,
            accept: Accept::Never,
            keys,
            reads_first: true,
        })
    };
    let start = |mode| source.start(&session, Arguments { mode, tokens: *tokens, shows_all: true }, folder);
    let asking = |speculates| Asking { tokens: *tokens, speculates, ends: false };
    let before = process::load();

    let mut editing = start(Mode::Closed)?;
    let model = editing.about()?["model"].clone();
    let Some(opponent) = options.opponent.find(&session, &model, starter, folder)? else {
        return Err(Failure::Usage("name a llama-server: --server FILE or --against URL".to_owned()));
    };
    let mut arms = vec![Measured::of(opponent.arm(asking(false), source.seed)?), Measured::of(editing)];
    let closed = replay(Mode::Closed, *keys)?;
    closed.rounds(&mut arms, *rounds, *runs, source.seed)?;

    let mut beside = vec![Measured::of(start(Mode::Closed)?)];
    let busy = starter.busy()?;
    closed.rounds(&mut beside, *rounds, *runs, source.seed)?;
    drop(busy);

    let mut paced =
        vec![Measured::of(opponent.arm(asking(true), source.seed)?), Measured::of(start(Mode::Open)?)];
    replay(Mode::Open, OPEN_KEYS)?.rounds(&mut paced, OPEN_ROUNDS, *runs, source.seed)?;

    let sides =
        |arms: Vec<Measured>| arms.into_iter().map(Measured::finish).collect::<Result<Vec<Side>, _>>();
    let (arms, beside, paced) = (sides(arms)?, sides(beside)?, sides(paced)?);
    let found = match (arms.as_slice(), beside.as_slice(), paced.as_slice()) {
        ([theirs, ours], [beside], [paced_theirs, paced_ours]) => {
            Found { ours, theirs, beside, paced_ours, paced_theirs }
        }
        _ => return Err(Failure::Message("an arm was lost".to_owned())),
    };
    let rows = Rows::of(&found, *tokens);
    let pressed: usize = found.ours.rounds.iter().map(|round| round.keys.len()).sum();
    let load = [before, process::load()];
    let mut output = session.output;
    if options.json {
        let object = json!({
            "model": model, "llamaCpp": llama_cpp(), "against": found.theirs.about, "seed": source.seed, "rounds": rounds, "runs": runs,
            "keys": keys, "pressed": pressed, "maxTokens": tokens, "load": load, "figures": rows.object(),
        });
        writeln!(output, "{object:#}")?;
        return Ok(());
    }
    let named = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    writeln!(
        output,
        "{}, {} threads, against llama-server {} ({})",
        named(&model["name"]),
        model["threads"],
        named(&found.theirs.about["build"]),
        found.theirs.about["arguments"].as_str().unwrap_or("started by somebody else"),
    )?;
    writeln!(output, "codesage: {}", llama_cpp())?;
    writeln!(output, "llama-server: {}", named(&found.theirs.about["system"]))?;
    let [before, after] = load.map(|load| load.map_or("unknown".to_owned(), |load| format!("{load:.1}")));
    writeln!(
        output,
        "{} rounds of both in turn after one that is not counted, {pressed} keys of each, at most {tokens} tokens \
         written; load {before} before, {after} after\n",
        rounds - 1
    )?;
    write!(output, "{}", rows.table())?;
    Ok(())
}

/// What this program computes with; the one that is measured is this one, if no other was named.
#[cfg(feature = "llama")]
fn llama_cpp() -> String {
    crate::engine::llama::about()
}

#[cfg(not(feature = "llama"))]
fn llama_cpp() -> String {
    "built without llama.cpp".to_owned()
}
