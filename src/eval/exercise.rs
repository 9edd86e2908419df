//! Small edits: a file, an action, and what must hold of the result.
//!
//! Each exercise goes the way of an editor's code action: region, prompt, markers, repair, guards. So an answer that
//! is refused is counted as refused, with the guard's code. What the model wrote is run only where the person asks for
//! it (`check`), since it is a stranger's program.

pub mod check;
pub mod report;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use include_dir::Dir;
use serde::Deserialize;
use url::Url;

use crate::assist::Assistant;
use crate::assist::act::{Job, Options, Outcome};
use crate::config::Settings;
use crate::edit::Action;
use crate::engine::{Backend, Usage};
use crate::eval::corpus::FIXTURES;
use crate::syntax::Language;

/// One exercise, as its file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exercise {
    pub title: String,
    pub language: String,
    /// Of the file, relative to the workspace.
    pub path: String,
    pub action: Action,
    /// The person's words, or the message of the error to fix.
    #[serde(default)]
    pub instruction: String,
    /// The function that the cursor stands in.
    pub select: String,
    pub rule: Rule,
    /// The file.
    pub before: String,
    /// A program that must pass when it is put beside, or below, the result.
    pub tests: Option<String>,
    /// An answer that passes: for a test the test, else the whole file.
    pub reference: Option<String>,
    /// A fault that what is asked for must notice.
    pub mutant: Option<Mutant>,
    #[serde(default)]
    pub must_contain: Vec<String>,
    #[serde(default)]
    pub must_not_contain: Vec<String>,
    /// Of an explanation: at least one of these stands in it.
    #[serde(default)]
    pub mentions: Vec<String>,
}

/// What of the file may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    None,
    CommentsOnly,
    InsertionOnly,
    IdentifiersOnly,
}

/// A piece of the file, and what makes it wrong.
#[derive(Clone, Debug, Deserialize)]
pub struct Mutant {
    pub find: String,
    pub replace: String,
}

/// What became of an exercise.
#[derive(Clone, Debug)]
pub struct Tried {
    pub title: String,
    pub language: String,
    pub action: Action,
    /// The answer could be read.
    pub parsed: bool,
    /// It passed every guard.
    pub applied: bool,
    /// The code of what stopped it, or asks a person to look first.
    pub guard: Option<&'static str>,
    /// Of the parsed: the rule of the exercise is kept, and what must stand there does.
    pub kept: bool,
    /// Of the kept, where the tests were run: they pass.
    pub passed: Option<bool>,
    pub usage: Usage,
    pub time: Duration,
}

/// The exercises in the binary, by name. An error names the file: a fault of ours, which a test finds.
pub fn built_in() -> Result<Vec<Exercise>, String> {
    let folders = FIXTURES.get_dir("edits").into_iter().flat_map(Dir::dirs);
    let mut files: Vec<_> = folders.flat_map(Dir::files).collect();
    files.sort_by_key(|file| file.path());
    files
        .iter()
        .map(|file| read(&file.path().to_string_lossy(), file.contents_utf8().unwrap_or_default()))
        .collect()
}

fn read(name: &str, text: &str) -> Result<Exercise, String> {
    let mut exercise: Exercise = toml::from_str(text).map_err(|error| format!("{name}: {error}"))?;
    // TOML drops the newline that follows the opening quotes, and so do we where an author put one more.
    let trimmed = exercise.before.trim_start_matches('\n').to_owned();
    exercise.before = trimmed;
    Ok(exercise)
}

/// Does one exercise in a workspace of its own below `folder`; `run` says whether its tests are run.
pub async fn attempt(
    backend: &Arc<dyn Backend>,
    settings: &Settings,
    exercise: &Exercise,
    folder: &Path,
    run: bool,
) -> std::io::Result<Tried> {
    let workspace = tempfile::tempdir_in(folder)?;
    // Names are compared with links followed: a folder for temporary files may itself be one.
    let root = workspace.path().canonicalize()?;
    let file = root.join(&exercise.path);
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(&file, &exercise.before)?;
    let uri =
        Url::from_file_path(&file).map_err(|()| std::io::Error::other("no place in the file system"))?;
    let assistant = Assistant::new(backend.clone(), settings.clone(), vec![root.clone()]);
    assistant.open(uri.clone(), &exercise.language, 0, &exercise.before);
    let document =
        assistant.snapshot(&uri).ok_or_else(|| std::io::Error::other("the document was not kept"))?;
    let cursor = document
        .chunks()
        .iter()
        .find(|chunk| chunk.name.as_deref() == Some(&*exercise.select))
        .map_or(0, |chunk| chunk.signature.start);
    let job = Job {
        uri,
        document,
        selection: cursor..cursor,
        action: exercise.action,
        detail: exercise.instruction.clone(),
        diagnostic: None,
        diagnostics: Vec::new(),
        recipe: None,
        options: Options::default(),
    };
    let acted = assistant.act(job, |_| {}).await;
    let mut tried = Tried {
        title: exercise.title.clone(),
        language: Language::of(&exercise.language, "").id.to_owned(),
        action: exercise.action,
        parsed: false,
        applied: false,
        guard: None,
        kept: false,
        passed: None,
        usage: acted.usage,
        time: Duration::from_millis(acted.milliseconds),
    };
    let proposal = match acted.outcome {
        Outcome::Apply(proposal) => {
            tried.applied = true;
            proposal
        }
        Outcome::Preview(proposal, guard, _) => {
            tried.guard = Some(guard.code());
            proposal
        }
        Outcome::Answer(prose) => {
            (tried.parsed, tried.applied) = (true, true);
            tried.kept = check::mentions(exercise, &prose);
            return Ok(tried);
        }
        Outcome::Refused(refusal) => {
            tried.guard = Some(refusal.guard.code());
            // A guard that looks at the change has had a change to look at.
            tried.parsed = matches!(refusal.guard.code(), "syntax" | "invariant" | "loss" | "stale");
            return Ok(tried);
        }
        Outcome::Cancelled => {
            tried.guard = Some("cancelled");
            return Ok(tried);
        }
    };
    tried.parsed = true;
    tried.kept = check::is_kept(exercise, &proposal);
    if run && tried.applied && tried.kept {
        tried.passed = check::passes(exercise, &proposal, &root).await?;
    }
    Ok(tried)
}
