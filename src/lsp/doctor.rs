//! `codesage.doctor`: the report of the command line, with what this session knows: its client, and the model that
//! runs. Does *not* start or measure anything.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use tower_lsp::jsonrpc::{Error, Result};

use crate::config::{Problem, Settings};
use crate::doctor::{self, Build, Engine, Machine, Patient, Places, Report, Severity};
use crate::engine::ModelState;
use crate::lsp::action::tell;
use crate::lsp::last_session;
use crate::lsp::session::Session;
use crate::models::builtin;
use crate::models::discover::Surroundings;
use crate::threads::off_the_runtime;

/// The settings of a session, as they stand.
pub struct Checkup {
    pub settings: Settings,
    pub problems: Vec<Problem>,
    /// Settings files that were found.
    pub files: Vec<PathBuf>,
    /// The first workspace folder.
    pub root: Option<PathBuf>,
}

/// Answers one request: the report, which has no source text, and opens it where the editor has a place for it.
pub async fn answer(session: &Arc<Session>) -> Result<Value> {
    let examined = session.clone();
    let report = off_the_runtime(move || examine(&examined)).await.map_err(|_| Error::internal_error())?;
    let mut object = serde_json::to_value(&report).map_err(|error| {
        tracing::error!("the report could not be written as JSON: {error}");
        Error::internal_error()
    })?;
    let text = document(&report);
    object["markdown"] = text.clone().into();
    tell::show_or(session, "doctor", &text, &format!("CodeSage: {}", report.summary())).await;
    Ok(object)
}

fn examine(session: &Session) -> Report {
    let Checkup { settings, problems, files, root } = session.checkup();
    let places = Places::of_process(root, session.state.clone(), builtin::cache_dir());
    let places = Places { settings: files, ..places };
    let engine = match session.assistant.model() {
        ModelState::Ready(card) => Engine::Ready(card, session.assistant.backend().stats().tokens_per_second),
        ModelState::Failed(why) => Engine::Failed(why),
        ModelState::Loading { .. } => Engine::Unmeasured("the model is being loaded".into()),
        ModelState::Unloaded => Engine::Unmeasured("no model was started".into()),
    };
    doctor::examine(&Patient {
        build: Build::of_this_program(),
        // Measuring would take the memory from who types.
        machine: Machine::of_this_process(None),
        settings,
        problems,
        places,
        surroundings: Surroundings::of_process(),
        engine,
        server: session.assistant.backend().remote().map(|stats| stats.borrow().clone()),
        session: Some(last_session::now(session)),
    })
}

/// For a person: what is wrong first.
fn document(report: &Report) -> String {
    let mut text = format!("# CodeSage: {}\n", report.summary());
    for (severity, title) in
        [(Severity::Problem, "Problems"), (Severity::Note, "Notes"), (Severity::Ok, "In order")]
    {
        let found = report.findings.iter().filter(|finding| finding.severity == severity);
        let lines: Vec<String> = found.map(|finding| format!("{finding}\n")).collect();
        if !lines.is_empty() {
            text += &format!("\n## {title}\n\n```text\n{}```\n", lines.concat());
        }
    }
    text
}
