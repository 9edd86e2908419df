//! The command line: one file a subcommand. Here stand the arguments, and what the subcommands share.
//!
//! Standard output is handed in as a file: descriptor 1 belongs to standard error by now (`main.rs`). Only `lsp`
//! speaks protocol on it, all others print on it. Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 a guard
//! wants a person to look first, 130 ended by Ctrl-C (143 by SIGTERM, 129 with the terminal).

mod bench;
mod colour;
mod complete;
mod completions;
mod config;
mod count;
mod demo;
mod doctor;
mod edit;
mod engines;
mod eval;
mod interrupt;
mod journal;
mod lsp;
mod man;
mod models;
mod no_model;
mod source;
mod version;
mod workspace;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use crate::assist::roles::{self, Maker, Wish};
use crate::config::{CommandLine, Layers, Origin, Part, Settings};
use crate::edit::guard::Guard;
use crate::engine::{Backend, ModelCard, ModelState, Role};
use crate::log;
use engines::Engines;
use interrupt::Interrupt;

/// A language server with a private, local coding model inside it.
///
/// Without a command it serves LSP on standard input and output, as editors start it.
#[derive(Debug, Parser)]
#[command(name = "codesage", version, long_version = version::long(), max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
struct Shared {
    /// The model: a GGUF file, a name of `models list`, or `builtin` for the one in the binary
    #[arg(long, value_name = "PATH_OR_NAME", global = true, env = "CODESAGE_MODEL")]
    model: Option<String>,
    /// Settings file to read in place of the user's own
    #[arg(long, value_name = "FILE", global = true, env = "CODESAGE_CONFIG")]
    config: Option<PathBuf>,
    /// off, error, warn, info, debug, trace, or target=level pairs
    #[arg(long, value_name = "LEVEL", global = true, env = "CODESAGE_LOG")]
    log_level: Option<String>,
    /// Append the log to this file instead of standard error
    #[arg(long, value_name = "FILE", global = true)]
    log_file: Option<String>,
    /// Switch a part off, to measure what it is worth (`bench replay`, `eval`)
    #[arg(long, value_name = "PART", global = true, hide = true, value_delimiter = ',')]
    without: Vec<Part>,
    /// Accepted because editors pass it; there is no other way to serve
    #[arg(long, global = true, hide = true)]
    stdio: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve LSP on standard input and output (the default)
    Lsp,
    /// Show ghost text as it is typed, an edit and an explanation, by the real model, in this terminal
    Demo(demo::Options),
    /// Print the suggestion for one place in a file
    Complete(complete::Options),
    /// Change a piece of a file by an action or in your own words: prints the difference
    Edit(edit::Options),
    /// Explain a piece of a file
    Explain(edit::explain::Options),
    /// Measure this machine
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Measure a model: how often it writes what the author wrote
    Eval(eval::Options),
    /// Print what actions did to which files, the last ones last
    Journal(journal::Options),
    /// Look after model files
    #[command(subcommand)]
    Models(models::Models),
    /// Look after settings
    #[command(subcommand)]
    Config(config::Config),
    /// Tell what is in order here, what is not, and what mends it; exit code 1 if there is a problem
    Doctor(doctor::Options),
    /// Print what a shell completes commands and options by
    Completions(completions::Options),
    /// Print the manual, or write its pages into a folder
    Man(man::Options),
}

/// The log of a subcommand, unless asked for: the person looks at what is printed. What the engine could not do is the
/// subcommand's to tell, and is not told twice.
const QUIET: &str = "warn,codesage::engine::llama=off,codesage::engine::llama::load=warn";

/// Why a subcommand did not do all that it was asked for. Texts are for the person, whole.
#[derive(Debug)]
enum Failure {
    Message(String),
    /// The command line asks for what there is not.
    Usage(String),
    /// Nothing is wrong, but a person is to look first.
    Doubted(String),
    /// By a signal; and what that means for what was asked, if there is something to say.
    Interrupted(Interrupt, &'static str),
    Output(io::Error),
}

/// What a subcommand other than `lsp` works with.
struct Session {
    layers: Layers,
    settings: Settings,
    /// The real standard output.
    output: File,
}

/// Reads the command line. Prints help, the version or what is wrong by itself, and then does not return.
pub fn parse() -> Arguments {
    Arguments::parse()
}

/// Runs the subcommand and gives the exit code. `wire` is the real standard output.
pub fn run(arguments: Arguments, wire: File) -> i32 {
    let Arguments { shared, command } = arguments;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let config = shared.config.filter(|path| !path.as_os_str().is_empty());
    let mut layers = Layers::new(config);
    layers.set_command_line(CommandLine {
        model: given(shared.model),
        log_level: given(shared.log_level),
        log_file: given(shared.log_file),
        without: shared.without,
    });
    layers.read_user();

    let Some(command) = command.filter(|command| !matches!(command, Command::Lsp)) else {
        return lsp::run(layers, wire);
    };
    let (mut settings, problems) = layers.resolve();
    if settings.log == Settings::default().log {
        settings.log.level = QUIET.to_owned();
    }
    if let Err(error) = log::start(&settings.log) {
        warn(format_args!("codesage: log.file: {error}\n"));
    }
    // These tell them themselves, and a shell may ask for completions each time that it starts.
    if !matches!(command, Command::Config(_) | Command::Doctor(_) | Command::Completions(_) | Command::Man(_))
    {
        for problem in problems {
            // A key may be written as terminals are commanded.
            warn(format_args!("codesage: {}\n", colour::harmless(&problem.to_string())));
        }
    }
    let session = Session { layers, settings, output: wire };
    let outcome = match command {
        Command::Lsp => unreachable!("served above"),
        Command::Demo(options) => demo::run(session, options),
        Command::Complete(options) => complete::run(session, options),
        Command::Bench(bench) => bench::run(session, bench),
        Command::Edit(options) => edit::run(session, options),
        Command::Explain(options) => edit::explain::run(session, options),
        Command::Eval(options) => eval::run(session, options),
        Command::Journal(options) => journal::run(session, options),
        Command::Models(models) => models::run(session, models),
        Command::Config(config) => config::run(session, config),
        Command::Doctor(options) => doctor::run(session, options),
        Command::Completions(options) => completions::run(session, options),
        Command::Man(options) => man::run(session, options),
    };
    let (code, message) = outcome.map_or_else(Failure::end, |()| (0, String::new()));
    if !message.is_empty() {
        // It may name a file, or quote what is in one.
        warn(format_args!("codesage: {}\n", colour::harmless(&message)));
    }
    code
}

impl Failure {
    /// The exit code, and what is told.
    fn end(self) -> (i32, String) {
        match self {
            // `codesage demo | head` has seen enough.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => (0, String::new()),
            Failure::Output(error) => (1, format!("cannot write: {error}")),
            Failure::Message(message) => (1, message),
            Failure::Usage(message) => (2, message),
            Failure::Doubted(message) => (3, message),
            Failure::Interrupted(by, "") => (by.code(), by.said().to_owned()),
            Failure::Interrupted(by, rest) => (by.code(), format!("{}; {rest}", by.said())),
        }
    }

    /// By a guard, whose code is what a person can look up.
    fn guarded(guard: Guard, sentence: &str) -> Self {
        Failure::Message(format!("{guard}: {sentence}"))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

/// Says something beside the output. Where nobody hears it that is no reason to fail.
fn warn(text: std::fmt::Arguments) {
    use std::io::Write;
    let _ = io::stderr().write_fmt(text);
}

/// The settings that hold in a workspace folder. What is wrong with the folder's own is told.
fn settings_in(mut layers: Layers, folder: &Path) -> Settings {
    layers.read_workspace(folder);
    let (settings, problems) = layers.resolve();
    // Those of other places were told as the program began.
    for problem in problems.iter().filter(|problem| matches!(problem.origin, Origin::Workspace(_))) {
        warn(format_args!("codesage: {}\n", colour::harmless(&problem.to_string())));
    }
    settings
}

/// Starts the model that the settings name for a role, and stands the server before it that they name, if any; returns
/// at once.
fn backend(settings: &Settings, role: Role) -> Arc<dyn Backend> {
    let local = local_backend(settings, role);
    match roles::server(&settings.remote) {
        Some(server) => server.before(local, role),
        None => local,
    }
}

/// Starts the model of this machine; returns at once. What is measured is that.
fn local_backend(settings: &Settings, role: Role) -> Arc<dyn Backend> {
    Engines::default().start(&Wish::of(settings, role), settings.model.memory_mb.map(bytes))
}

/// What megabytes are.
fn bytes(megabytes: u32) -> u64 {
    u64::from(megabytes) * 1_000_000
}

/// Waits until the model is ready; the error is a sentence.
async fn ready(backend: &Arc<dyn Backend>) -> Result<Arc<ModelCard>, Failure> {
    let mut states = backend.watch();
    let settled =
        states.wait_for(|state| matches!(state, ModelState::Ready(_) | ModelState::Failed(_))).await;
    match settled.as_deref() {
        Ok(ModelState::Ready(card)) => Ok(card.clone()),
        Ok(ModelState::Failed(why)) => Err(Failure::Message(why.clone())),
        _ => Err(Failure::Message("the engine ended before the model was loaded".to_owned())),
    }
}

/// NB: not `#[tokio::main]`, which starts threads before the process is set up.
fn runtime() -> Result<Runtime, Failure> {
    // One thread for the transport, one for what a suggestion computes: the engine has threads of its own.
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Message(format!("cannot start threads: {error}")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_editors_pass_is_understood() {
        for line in [
            "codesage",
            "codesage --stdio",
            "codesage lsp --stdio",
            "codesage lsp --model builtin --log-file x.log",
            "codesage demo --fast",
            "codesage complete a.rs:1:1 --json",
            "codesage journal --json --limit 3",
            "codesage completions zsh",
            "codesage man --out here",
            "codesage --log-level debug bench engine --json",
            "codesage doctor --json",
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in
            ["codesage nonsense", "codesage complete", "codesage complete a.rs", "codesage complete a.rs:0:1"]
        {
            let error = Arguments::try_parse_from(line.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
