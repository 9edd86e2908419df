//! `codesage bench replay`: real code is typed again, key by key, into a whole server, and what each key cost is told.
//!
//! The server is this program, started as an editor starts it, so nothing on the way from a key to its answer is left
//! out. Counters are the engine's own, and exact where keys wait for answers (`closed`); where keys come as people
//! type them (`open`), times are what is told. `--against` asks a running llama-server the same, in turn.

mod arm;
mod children;
pub mod compare;
mod editing;
mod editor;
mod goals;
mod infill;
mod interval;
mod keys;
mod opponent;
pub mod process;
mod report;
mod scene;
mod server;
mod simulated;
mod soak;
mod tally;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::super::interrupt::Watch;
use super::super::{Failure, Session, count};
use crate::config::{Part, Settings};
use crate::eval::{Project, corpus};
use crate::syntax::Language;
use arm::Arm;
use children::{Children, Starter};
use editing::Editing;
use infill::{Asking, Infill};
use keys::{Accept, Typist};
use report::Plan;
use scene::Run;
use simulated::Memory;
use tally::{Round, Side};

/// Runs, and keys of a run, where there is one arm; in each round, where there are two.
const RUNS: (usize, usize) = (12, 2);
const KEYS: (usize, usize) = (400, 60);
/// Rounds of a comparison; the first one is not counted.
const ROUNDS: usize = 11;
/// A pause in which somebody would look at a suggestion.
const PAUSE: Duration = Duration::from_millis(400);

/// What is typed again.
#[derive(Args, Debug)]
pub struct Source {
    /// Source files to type again, instead of those that come with CodeSage
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// Languages, by their LSP identifiers (default: all that there are files of)
    #[arg(long, value_name = "LANGUAGE", value_delimiter = ',')]
    languages: Vec<String>,
    /// What the keys are drawn by: the same seed, files and answers give the same keys
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The codesage to measure, instead of this one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// Runs of lines (default: 12; beside a server 2 in each round)
    #[arg(long, value_name = "COUNT", value_parser = count::at_least_one::<usize>)]
    runs: Option<usize>,
    /// Keys of a run at most (default: 400; beside a server 60)
    #[arg(long, value_name = "COUNT", value_parser = count::at_least_one::<usize>)]
    keys: Option<usize>,
    /// When the next key comes
    #[arg(long, value_enum, default_value_t = Mode::Closed)]
    mode: Mode,
    /// Of a suggestion whose first line is what would be typed
    #[arg(long, value_enum, default_value_t = Accept::Never, conflicts_with = "opponent")]
    accept: Accept,
    /// Tokens of a suggestion at most
    #[arg(long, value_name = "COUNT", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=2048))]
    tokens: u32,
    #[command(flatten)]
    opponent: opponent::Options,
    /// Rounds of a comparison; the first is not counted (default: 11)
    #[arg(long, value_name = "COUNT", requires = "opponent", value_parser = count::at_least_two::<usize>)]
    rounds: Option<usize>,
    /// Keep one core busy beside it, as a build does
    #[arg(long)]
    beside: bool,
    /// As many keys as somebody types in an hour, and what the server's memory comes to: a run as long as it takes
    #[arg(long, conflicts_with_all = ["opponent", "mode", "rounds"])]
    soak: bool,
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
    /// When a person would press it, on a clock of its own where the model takes as long as a table says: for what is
    /// cancelled and what is in vain, exactly. Beside it llama.vim with its server, by the same table
    Simulated,
}

impl Options {
    fn replay(&self, projects: Vec<Project>, plan: &Plan) -> Replay {
        Replay { projects, mode: self.mode, accept: self.accept, keys: plan.keys, reads_first: false }
    }
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Closed => "closed",
            Mode::Open => "open",
            Mode::Simulated => "simulated",
        }
    }
}

/// Everything that stays the same in a replay.
struct Replay {
    projects: Vec<Project>,
    mode: Mode,
    accept: Accept,
    keys: usize,
    /// Whether the second key waits for the first, by the clock too: as who looks at a place before typing there.
    reads_first: bool,
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let watch = Watch::start()?;
    // Out here, so that it goes whatever ends this. A server that is left behind hears that its input has ended.
    let (folder, children) = (tempfile::tempdir()?, Children::default());
    let (path, starter) = (folder.path().to_path_buf(), children.starter());
    watch.over(move || replay(session, options, &starter, &path))
}

/// `folder` is for the server's settings.
fn replay(session: Session, options: Options, starter: &Starter, folder: &Path) -> Result<(), Failure> {
    let projects = options.source.projects()?;
    let is_compared = options.opponent.is_wanted();
    let pick = |(alone, compared)| if is_compared { compared } else { alone };
    let plan = Plan {
        mode: options.mode.name(),
        accept: options.accept.to_possible_value().map(|name| name.get_name().to_owned()).unwrap_or_default(),
        seed: options.source.seed,
        runs: options.runs.unwrap_or(pick(RUNS)),
        keys: options.keys.unwrap_or(pick(KEYS)),
        rounds: if is_compared { options.rounds.unwrap_or(ROUNDS) } else { 1 },
        tokens: options.tokens,
        without: session.settings.parts.off().iter().map(|part| part.name()).collect(),
        is_beside: options.beside,
        load: process::load(),
    };
    if options.mode == Mode::Simulated {
        let replay = options.replay(projects, &plan);
        let sides = simulated(&session, &options, &replay, &plan)?;
        return tell(session, &options, &plan, &sides);
    }
    let server = Arguments { mode: options.mode, tokens: options.tokens, shows_all: false };
    let mut editing = options.source.start(&session, server, folder)?;
    let model = editing.about()?["model"].clone();
    let mut arms: Vec<Measured> = Vec::new();
    if let Some(opponent) = options.opponent.find(&session, &model, starter, folder)? {
        let asking = Asking { tokens: options.tokens, speculates: options.mode == Mode::Open, ends: true };
        let infill = opponent.arm(asking, options.source.seed)?;
        arms.push(Measured::of(infill));
    }
    arms.push(Measured::of(editing));
    let replay = options.replay(projects, &plan);
    let busy = options.beside.then(|| starter.busy()).transpose()?;
    if options.soak {
        return soak::run(session, &replay, arms, &plan, options.json);
    }
    replay.rounds(&mut arms, plan.rounds, plan.runs, plan.seed)?;
    drop(busy);
    // Ours is told first.
    let sides = arms.into_iter().rev().map(Measured::finish).collect::<Result<Vec<_>, _>>()?;
    tell(session, &options, &plan, &sides)
}

fn tell(session: Session, options: &Options, plan: &Plan, sides: &[Side]) -> Result<(), Failure> {
    let mut output = session.output;
    if options.json {
        writeln!(output, "{:#}", plan.object(sides))?;
    } else {
        plan.print(sides, &mut output)?;
    }
    Ok(())
}

/// Both on a clock of their own, with one model.
fn simulated(
    session: &Session,
    options: &Options,
    replay: &Replay,
    plan: &Plan,
) -> Result<Vec<Side>, Failure> {
    let files = replay.projects.iter().flat_map(|project| &project.files);
    let memory = Arc::new(Memory::of(files.map(|file| file.text.clone())));
    let mut settings = Settings { parts: session.settings.parts.clone(), ..Settings::default() };
    settings.completion.max_tokens = options.tokens;
    settings.completion.speculate = settings.parts.has(Part::Speculation);
    settings.completion.warm_up = settings.parts.has(Part::Warm);
    let line = Box::new(simulated::line::Simulated::new(memory.clone()));
    let asking = Asking { tokens: options.tokens, speculates: true, ends: true };
    let mut arms = vec![
        Measured::of(simulated::codesage::Codesage::new(memory, settings)?),
        Measured::of(Infill::new(line, asking, plan.seed)),
    ];
    replay.rounds(&mut arms, plan.rounds, plan.runs, plan.seed)?;
    arms.into_iter().map(Measured::finish).collect()
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
    /// Types into all arms, in turn.
    fn rounds(&self, arms: &mut [Measured], rounds: usize, runs: usize, seed: u64) -> Result<(), Failure> {
        for round in 0..rounds {
            // Never the same lines twice: what is still held of the last round would be of use.
            let seed = seed.wrapping_add((round as u64) << 32);
            let runs = scene::runs(&self.projects, runs, seed);
            if runs.is_empty() {
                return Err(Failure::Message(
                    "no file has a function of three lines to type again".to_owned(),
                ));
            }
            for arm in &mut *arms {
                self.round(arm, &runs, seed)?;
            }
        }
        Ok(())
    }

    /// Types all runs into one arm.
    fn round(&self, measured: &mut Measured, runs: &[Run], seed: u64) -> Result<(), Failure> {
        let mut round = Round::default();
        let is_watched = std::io::stderr().is_terminal();
        let arm = measured.arm.as_mut();
        for (number, run) in runs.iter().enumerate() {
            let (editor, target) = run.open(&self.projects);
            let mut typist = Typist::new(editor, target, self.accept, seed ^ number as u64);
            arm.open(&typist.editor)?;
            measured.pressed += self.type_run(arm, &mut typist, &mut round)?;
            arm.close(&typist.editor)?;
            if self.mode != Mode::Closed {
                round.latencies.extend(arm.latencies());
            }
            if is_watched {
                super::super::warn(format_args!("\r{}: {} keys ", arm.name(), measured.pressed));
            }
        }
        if is_watched {
            super::super::warn(format_args!("\r{:30}\r", ""));
        }
        measured.rounds.push(round);
        Ok(())
    }

    /// How many keys that took.
    fn type_run(&self, arm: &mut dyn Arm, typist: &mut Typist, round: &mut Round) -> Result<u64, Failure> {
        let mut pressed = arm.now();
        let mut arrived = None;
        let mut keys = 0;
        while keys < self.keys as u64 {
            let gap = typist.gap();
            if self.mode != Mode::Closed {
                arm.wait(&typist.editor, pressed + gap)?;
                if keys > 0 && gap >= PAUSE {
                    let since = |(_, at): (_, Instant)| at.saturating_duration_since(pressed).as_secs_f64();
                    round.pauses.push(arm.ghost().map_or(f64::INFINITY, |ghost| since(ghost) * 1000.0));
                }
            }
            let Some(stroke) = typist.next(arm.ghost().map(|(ghost, _)| ghost)) else { break };
            pressed = arm.now();
            arm.press(&typist.editor, &stroke)?;
            keys += 1;
            if self.mode == Mode::Closed {
                round.enter(stroke.class, arm.settle(&typist.editor)?, &mut arrived);
            } else if self.reads_first && keys == 1 {
                arm.settle(&typist.editor)?;
                arm.latencies();
                pressed = arm.now();
            }
        }
        Ok(keys)
    }
}

impl Source {
    fn projects(&self) -> Result<Vec<Project>, Failure> {
        let mut projects = match &self.files {
            Some(folder) => vec![corpus::folder(folder).map_err(Failure::Message)?],
            None => corpus::typed(),
        };
        if !self.languages.is_empty() {
            let ids: Vec<&str> = self.languages.iter().map(|name| Language::of(name, "").id).collect();
            for project in &mut projects {
                project.files.retain(|file| ids.contains(&file.language().id));
            }
        }
        Ok(projects)
    }

    /// The server that is measured, its model ready. `folder` takes its settings.
    fn start(&self, session: &Session, arguments: Arguments, folder: &Path) -> Result<Editing, Failure> {
        let program = match &self.program {
            Some(program) => program.clone(),
            None => std::env::current_exe()?,
        };
        Editing::start(&program, &arguments.of(session, folder)?)
    }
}

/// How a server is started.
#[derive(Clone, Copy)]
struct Arguments {
    mode: Mode,
    tokens: u32,
    /// Whether it shows what it is not sure of, too.
    shows_all: bool,
}

impl Arguments {
    /// The model as this command was told, and nothing else that somebody has set.
    fn of(self, session: &Session, folder: &Path) -> Result<Vec<String>, Failure> {
        let model = &session.settings.model;
        let mut table = toml::Table::new();
        let numbers = [
            ("threads", model.threads),
            ("gpuLayers", model.gpu_layers),
            ("contextTokens", model.context_tokens),
        ];
        let set = numbers.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into())));
        table.insert("model".into(), toml::Value::Table(set.collect()));
        let mut completion = toml::Table::from_iter([("maxTokens".to_owned(), self.tokens.into())]);
        if self.mode == Mode::Closed {
            // What is done ahead of need would be counted with whichever key comes next.
            completion.extend(["speculate", "warmUp"].map(|key| (key.to_owned(), false.into())));
            // Nor is anything cut off by the clock: on a slow machine too a key costs what it costs.
            completion.insert("maxTimeMs".to_owned(), 60_000_i64.into());
        }
        if self.shows_all {
            completion.insert("minConfidence".to_owned(), (-20.0).into());
        }
        table.insert("completion".into(), toml::Value::Table(completion));
        let config = folder.join(format!("{}.toml", self.mode.name()));
        std::fs::write(&config, table.to_string())?;
        let path = model.path.as_ref().map_or("builtin".into(), |path| path.to_string_lossy());
        let model = model.name.as_deref().map_or(path, Into::into);
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
}
