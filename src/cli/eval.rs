//! `codesage eval`: what a model is worth, measured on holes in real code, the same way for every model.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use clap::{Args, ValueEnum};

use super::{Failure, Session, count, interrupt};
use crate::assist::roles::Wish;
use crate::config::Settings;
use crate::engine::{Backend, ModelCard, Role};
use crate::eval::{Kind, Report, corpus, cut, exercise, run};
use crate::syntax::Language;
use crate::threads::off_the_runtime;

#[derive(Args, Debug)]
pub struct Options {
    /// Source files to cut holes into, instead of those that come with CodeSage
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// Holes of each kind and language
    #[arg(long, value_name = "COUNT", default_value_t = 120, value_parser = count::at_least_one::<usize>)]
    holes: usize,
    /// Kinds of holes: line-end, line, inner, block, name (default: all)
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kinds: Vec<Kind>,
    /// Languages, by their LSP identifiers (default: all that there are files of)
    #[arg(long, value_name = "LANGUAGE", value_delimiter = ',')]
    languages: Vec<String>,
    /// Small edits as well: refactor, document, test, fix, explain
    #[arg(long)]
    edits: bool,
    /// Run the tests of the edits. NB: that runs on this machine what the model has written
    #[arg(long, requires = "edits")]
    run_tests: bool,
    /// What the holes are drawn by: the same seed, files and model give the same answers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Show so many right and wrong answers
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    show: usize,
    /// Print one object
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print a Markdown table
    #[arg(long)]
    markdown: bool,
}

impl ValueEnum for Kind {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(self.name().into())
    }
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let projects = match &options.files {
        Some(folder) => vec![corpus::folder(folder).map_err(Failure::Message)?],
        None => corpus::built_in(),
    };
    let kinds = if options.kinds.is_empty() { Kind::ALL.to_vec() } else { options.kinds.clone() };
    let languages = languages(&projects, &options.languages)?;
    let holes = cut::holes(&projects, &kinds, &languages, options.holes, options.seed);
    let settings = run::settings(session.settings);
    let runtime = super::runtime()?;
    let backend = super::local_backend(&settings, Role::Fill);
    let editor = OnceLock::new();
    let is_watched = std::io::stderr().is_terminal();
    let wipe = || {
        if is_watched {
            super::warn(format_args!("\r{:20}\r", ""));
        }
    };
    let total = holes.len() + holes.iter().filter(|hole| hole.kind == Kind::Name).count();
    // Told to end, what is at work is dropped, and with it the folder that edits are tried in.
    let measured = runtime.block_on(interrupt::unless_told(async {
        let card = super::ready(&backend).await?;
        let mut done = 0;
        let progress = |_: &run::Case| {
            done += 1;
            if is_watched {
                super::warn(format_args!("\r{done} of {total} "));
            }
        };
        let cases = run::cases(&backend, &settings, &projects, &holes, progress).await;
        wipe();
        let (mut edited_by, mut tried) = (None, Vec::new());
        if options.edits {
            edited_by = other_editor(&backend, &settings, &editor).await?;
            let editor = editor.get().unwrap_or(&backend);
            tried = edits(editor, &settings, &languages, &options).await?;
        }
        Ok((card, cases, edited_by, tried))
    }));
    backend.shutdown();
    if let Some(editor) = editor.get() {
        editor.shutdown();
    }
    let (card, cases, edited_by, tried) = measured.inspect_err(|_| wipe())?;
    let report = Report {
        model: card.name.clone(),
        parameters: card.parameters,
        model_bytes: card.model_bytes,
        seed: options.seed,
        edit_model: edited_by.map(|card| card.name.clone()),
        rows: Report::rows(&cases, settings.completion.min_confidence),
        edits: exercise::report::rows(&tried, options.run_tests),
    };
    let mut output = session.output;
    for case in shown(&cases, options.show) {
        let file = &projects[case.hole.project].files[case.hole.file];
        let typed = file.text[..case.hole.taken.start].rsplit('\n').next().unwrap_or_default().trim_start();
        let truth = &file.text[case.hole.taken.clone()];
        let is = if case.score.exact { "right" } else { "wrong" };
        let answer = case.answer.as_deref().unwrap_or(case.reason.code());
        let kind = case.hole.kind.name();
        writeln!(output, "{is} {} {kind}: {typed:?} -> {answer:?} ({truth:?})", case.language)?;
    }
    if options.json {
        let object =
            serde_json::to_string_pretty(&report).map_err(|error| Failure::Message(error.to_string()))?;
        writeln!(output, "{object}")?;
    } else if options.markdown {
        write!(output, "{}", report.markdown())?;
    } else {
        writeln!(
            output,
            "{}, {:.1} M parameters, seed {}\n",
            report.model,
            card.parameters as f64 / 1e6,
            report.seed
        )?;
        write!(output, "{}", report.table())?;
    }
    Ok(())
}

/// The model that the settings name for edits, where that is another one: in the place of that for suggestions, which is
/// not needed any more. It is put where it can be stopped from.
async fn other_editor(
    backend: &Arc<dyn Backend>,
    settings: &Settings,
    editor: &OnceLock<Arc<dyn Backend>>,
) -> Result<Option<Arc<ModelCard>>, Failure> {
    if Wish::of(settings, Role::Edit).role == Role::Fill {
        return Ok(None);
    }
    let stopping = backend.clone();
    // A panic there has been reported already.
    let _ = off_the_runtime(move || stopping.shutdown()).await;
    super::ready(editor.get_or_init(|| super::local_backend(settings, Role::Edit))).await.map(Some)
}

/// The exercises in the languages wanted.
async fn edits(
    backend: &Arc<dyn Backend>,
    settings: &Settings,
    languages: &[&str],
    options: &Options,
) -> Result<Vec<exercise::Tried>, Failure> {
    let folder = tempfile::tempdir()?;
    let mut tried = Vec::new();
    for exercise in exercise::built_in().map_err(Failure::Message)? {
        if languages.contains(&Language::of(&exercise.language, "").id) {
            tried.push(
                exercise::attempt(backend, settings, &exercise, folder.path(), options.run_tests).await?,
            );
        }
    }
    Ok(tried)
}

/// The languages to ask in: those wanted, else all that there are files of.
fn languages(projects: &[crate::eval::Project], wanted: &[String]) -> Result<Vec<&'static str>, Failure> {
    let mut there: Vec<&'static str> =
        projects.iter().flat_map(|project| &project.files).map(|file| file.language().id).collect();
    there.sort_unstable();
    there.dedup();
    for name in wanted {
        if !there.contains(&Language::of(name, "").id) {
            let there = there.join(", ");
            return Err(Failure::Message(format!(
                "--languages {name}: no file in it; there are files in {there}"
            )));
        }
    }
    if !wanted.is_empty() {
        there.retain(|id| wanted.iter().any(|name| Language::of(name, "").id == *id));
    }
    Ok(there)
}

/// Some right and some wrong answers of each kind.
fn shown(cases: &[run::Case], count: usize) -> Vec<&run::Case> {
    let mut shown = Vec::new();
    for kind in Kind::ALL {
        for exact in [true, false] {
            let alike = cases.iter().filter(|case| case.hole.kind == kind && case.score.exact == exact);
            shown.extend(alike.take(count));
        }
    }
    shown
}
