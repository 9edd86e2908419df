//! `codesage bench replay`: real code is typed again, key by key, into a whole server, and what each key cost is told.
//!
//! The server is this program, started as an editor starts it, so nothing on the way from a key to its answer is left
//! out. Counters are the engine's own, and exact where keys wait for answers (`closed`); where keys come as people
//! type them (`open`), times are what is told. `--against` asks a running llama-server the same, in turn.

mod arm;
mod editing;
mod editor;
mod infill;
mod keys;
mod process;
mod report;
mod scene;
mod server;
mod tally;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::super::interrupt::Watch;
use super::super::{Failure, Session, count};
use crate::eval::{Project, corpus};
use crate::syntax::Language;
use arm::Arm;
use editing::Editing;
use infill::{Address, Infill};
use keys::{Accept, Typist};
use report::Plan;
use scene::Run;
use tally::{Round, Side};

/// Runs, and keys of a run, where there is one arm; in each round, where there are two.
const RUNS: (usize, usize) = (12, 2);
const KEYS: (usize, usize) = (400, 60);
/// Rounds of a comparison; the first one is not counted.
const ROUNDS: usize = 11;
/// A pause in which somebody would look at a suggestion.
const PAUSE: Duration = Duration::from_millis(400);

#[derive(Args, Debug)]
pub struct Options {
    /// Source files to type again, instead of those that come with CodeSage
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// Languages, by their LSP identifiers (default: all that there are files of)
    #[arg(long, value_name = "LANGUAGE", value_delimiter = ',')]
    languages: Vec<String>,
    /// Runs of lines (default: 12; with --against 2 in each round)
    #[arg(long, value_name = "COUNT", value_parser = count::at_least_one::<usize>)]
    runs: Option<usize>,
    /// Keys of a run at most (default: 400; with --against 60)
    #[arg(long, value_name = "COUNT", value_parser = count::at_least_one::<usize>)]
    keys: Option<usize>,
    /// What the keys are drawn by: the same seed, files and answers give the same keys
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// When the next key comes
    #[arg(long, value_enum, default_value_t = Mode::Closed)]
    mode: Mode,
    /// Of a suggestion whose first line is what would be typed
    #[arg(long, value_enum, default_value_t = Accept::Never)]
    accept: Accept,
    /// Tokens of a suggestion at most
    #[arg(long, value_name = "COUNT", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=2048))]
    tokens: u32,
    /// Ask a llama-server on this machine the same, in turn: the address of its /infill
    #[arg(long, value_name = "URL", conflicts_with = "accept")]
    against: Option<Address>,
    /// Rounds of a comparison; the first is not counted (default: 11)
    #[arg(long, value_name = "COUNT", requires = "against", value_parser = count::at_least_two::<usize>)]
    rounds: Option<usize>,
    /// The codesage to measure, instead of this one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Print one object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// When the last one was answered and nothing is computed: for counters
    Closed,
    /// When a person would press it: for times
    Open,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Closed => "closed",
            Mode::Open => "open",
        }
    }
}

/// Everything that stays the same in a replay.
struct Replay {
    projects: Vec<Project>,
    mode: Mode,
    accept: Accept,
    keys: usize,
    is_watched: bool,
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let watch = Watch::start()?;
    // Out here, so that it goes whatever ends this. A server that is left behind hears that its input has ended.
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_path_buf();
    watch.over(move || replay(session, options, &path))
}

/// `folder` is for the server's settings.
fn replay(session: Session, options: Options, folder: &Path) -> Result<(), Failure> {
    let projects = projects(&options)?;
    let pick = |(alone, compared)| if options.against.is_some() { compared } else { alone };
    let plan = Plan {
        mode: options.mode.name(),
        accept: options.accept.to_possible_value().map(|name| name.get_name().to_owned()).unwrap_or_default(),
        seed: options.seed,
        runs: options.runs.unwrap_or(pick(RUNS)),
        keys: options.keys.unwrap_or(pick(KEYS)),
        rounds: if options.against.is_some() { options.rounds.unwrap_or(ROUNDS) } else { 1 },
        tokens: options.tokens,
        without: session.settings.parts.off().iter().map(|part| part.name()).collect(),
        load: process::load(),
    };
    let program = match &options.program {
        Some(program) => program.clone(),
        None => std::env::current_exe()?,
    };
    let arguments = arguments(&session, &options, folder)?;
    let mut arms: Vec<Measured> = Vec::new();
    if let Some(address) = options.against {
        let speculates = options.mode == Mode::Open;
        let infill = Infill::start(address, options.tokens, speculates, options.seed, infill::PATIENCE)?;
        arms.push(Measured::of(infill));
    }
    arms.push(Measured::of(Editing::start(&program, &arguments)?));
    let replay = Replay {
        projects,
        mode: options.mode,
        accept: options.accept,
        keys: plan.keys,
        is_watched: std::io::stderr().is_terminal(),
    };
    for round in 0..plan.rounds {
        // Never the same lines twice: what is still held of the last round would be of use.
        let seed = options.seed.wrapping_add((round as u64) << 32);
        let runs = scene::runs(&replay.projects, plan.runs, seed);
        if runs.is_empty() {
            return Err(Failure::Message("no file has a function of three lines to type again".to_owned()));
        }
        for arm in &mut arms {
            replay.round(arm, &runs, seed)?;
        }
    }
    // Ours is told first.
    let sides = arms.into_iter().rev().map(Measured::finish).collect::<Result<Vec<_>, _>>()?;
    let mut output = session.output;
    if options.json {
        writeln!(output, "{:#}", plan.object(&sides))?;
    } else {
        plan.print(&sides, &mut output)?;
    }
    Ok(())
}

/// An arm, and what was measured of it.
struct Measured {
    arm: Box<dyn Arm>,
    rounds: Vec<Round>,
    pressed: u64,
}

impl Measured {
    fn of(arm: impl Arm + 'static) -> Self {
        Self { arm: Box::new(arm), rounds: Vec::new(), pressed: 0 }
    }

    /// Ends the arm. Of several rounds the first one is left out.
    fn finish(self) -> Result<Side, Failure> {
        let Self { mut arm, mut rounds, pressed } = self;
        if rounds.len() > 1 {
            rounds.remove(0);
        }
        let (name, about, totals) = (arm.name(), arm.about()?, arm.totals()?);
        arm.finish()?;
        Ok(Side { name, about, rounds, totals, pressed })
    }
}

impl Replay {
    /// Types all runs into one arm.
    fn round(&self, measured: &mut Measured, runs: &[Run], seed: u64) -> Result<(), Failure> {
        let mut round = Round::default();
        let arm = measured.arm.as_mut();
        for (number, run) in runs.iter().enumerate() {
            let (editor, target) = run.open(&self.projects);
            let mut typist = Typist::new(editor, target, self.accept, seed ^ number as u64);
            arm.open(&typist.editor)?;
            measured.pressed += self.type_run(arm, &mut typist, &mut round)?;
            arm.close(&typist.editor)?;
            if self.mode == Mode::Open {
                round.latencies.extend(arm.latencies());
            }
            if self.is_watched {
                super::super::warn(format_args!("\r{}: {} keys ", arm.name(), measured.pressed));
            }
        }
        if self.is_watched {
            super::super::warn(format_args!("\r{:30}\r", ""));
        }
        measured.rounds.push(round);
        Ok(())
    }

    /// How many keys that took.
    fn type_run(&self, arm: &mut dyn Arm, typist: &mut Typist, round: &mut Round) -> Result<u64, Failure> {
        let mut pressed = Instant::now();
        let mut arrived = None;
        let mut keys = 0;
        while keys < self.keys as u64 {
            let gap = typist.gap();
            if self.mode == Mode::Open {
                arm.wait(&typist.editor, pressed + gap)?;
                if keys > 0 && gap >= PAUSE {
                    let since = |(_, at): (_, Instant)| at.saturating_duration_since(pressed).as_secs_f64();
                    round.pauses.push(arm.ghost().map_or(f64::INFINITY, |ghost| since(ghost) * 1000.0));
                }
            }
            let Some(stroke) = typist.next(arm.ghost().map(|(ghost, _)| ghost)) else { break };
            pressed = Instant::now();
            arm.press(&typist.editor, &stroke)?;
            keys += 1;
            if self.mode == Mode::Closed {
                round.enter(stroke.class, arm.settle(&typist.editor)?, &mut arrived);
            }
        }
        Ok(keys)
    }
}

/// What is typed again.
fn projects(options: &Options) -> Result<Vec<Project>, Failure> {
    let mut projects = match &options.files {
        Some(folder) => vec![corpus::folder(folder).map_err(Failure::Message)?],
        None => corpus::typed(),
    };
    if !options.languages.is_empty() {
        let ids: Vec<&str> = options.languages.iter().map(|name| Language::of(name, "").id).collect();
        for project in &mut projects {
            project.files.retain(|file| ids.contains(&file.language().id));
        }
    }
    Ok(projects)
}

/// How the server is started: the model as this command was told, and nothing else that somebody has set.
fn arguments(session: &Session, options: &Options, folder: &Path) -> Result<Vec<String>, Failure> {
    let model = &session.settings.model;
    let mut table = toml::Table::new();
    let numbers = [
        ("threads", model.threads),
        ("gpuLayers", model.gpu_layers),
        ("contextTokens", model.context_tokens),
    ];
    let set = numbers.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into())));
    table.insert("model".into(), toml::Value::Table(set.collect()));
    let mut completion = toml::Table::from_iter([("maxTokens".to_owned(), options.tokens.into())]);
    if options.mode == Mode::Closed {
        // What is done ahead of need would be counted with whichever key comes next.
        completion.extend(["speculate", "warmUp"].map(|key| (key.to_owned(), false.into())));
    }
    table.insert("completion".into(), toml::Value::Table(completion));
    let config = folder.join("replay.toml");
    std::fs::write(&config, table.to_string())?;
    let model = model.path.as_ref().map_or("builtin".into(), |path| path.to_string_lossy());
    let mut arguments = Vec::new();
    for (name, value) in
        [("--model", &*model), ("--config", &*config.to_string_lossy()), ("--log-level", "off")]
    {
        arguments.extend([name.to_owned(), value.to_owned()]);
    }
    for part in session.settings.parts.off() {
        arguments.extend(["--without".to_owned(), part.name().to_owned()]);
    }
    Ok(arguments)
}
