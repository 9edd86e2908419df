//! Before the model is asked: what has nothing to work on, does not fit, must not be shown, or finds no model. None of
//! these rows reaches the model.

use std::sync::Arc;

use codesage::config::Settings;
use codesage::edit::Action;
use codesage::engine::scripted::{Script, ScriptedBackend};
use codesage::engine::{Backend, EngineError, ModelCard, ModelState};

use super::scene::Scene;
use super::{BETTER, Row, check, python, refuses, rust};

/// A function of `lines` lines, the cursor in it.
fn long(lines: usize) -> String {
    let body: String = (0..lines).map(|line| format!("    total += values[{line}]\n")).collect();
    format!("def total(values):$0\n    total = 0\n{body}    return total\n")
}

fn of(text: &str, action: Action) -> Scene {
    Scene::new("sums.py", text, action).writes("def total(values):\n    return sum(values)")
}

/// A model with a context of so many tokens.
fn with_context(tokens: u32) -> ModelState {
    let ModelState::Ready(card) = ScriptedBackend::default().watch().borrow().clone() else {
        panic!("a scripted model is ready")
    };
    ModelState::Ready(Arc::new(ModelCard { context_tokens: tokens, ..(*card).clone() }))
}

async fn check_unasked(rows: Vec<Row>) {
    for (name, scene, _) in &rows {
        let seen = scene.play().await;
        assert!(seen.backend.instructs().is_empty(), "{name}: no model is asked");
        assert_eq!(seen.acted.usage.generated_tokens, 0, "{name}");
    }
    check(rows).await;
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_refused_with_both_numbers() {
    let small = |mut scene: Scene, tokens| {
        scene.model = Some(with_context(tokens));
        scene
    };
    let mut narrow = Settings::default();
    narrow.edits.max_region_tokens = Some(100);
    let limited = Scene { settings: narrow, ..of(&long(40), Action::Refactor) };
    // The scripted model has a token for every four bytes.
    let region = (long(40).len() - "$0\n".len()).div_ceil(4).to_string();
    check_unasked(vec![
        (
            "a region above the limit of the settings",
            limited,
            refuses("fit", &[" tokens and `edits.maxRegionTokens` is 100", &region]),
        ),
        (
            "a region larger than the default limit",
            small(of(&long(400), Action::Refactor), 1 << 20),
            refuses("fit", &["`edits.maxRegionTokens` is 1024"]),
        ),
        (
            "a question and an answer larger than the context",
            small(of(&long(100), Action::Refactor), 1024),
            refuses("fit", &["The question has ", "context of 1024", "its answer may need "]),
        ),
        (
            "no room for an explanation",
            small(of(&long(60), Action::Explain), 512),
            refuses("fit", &["The question has ", "context of 512"]),
        ),
        (
            "no room for a test",
            small(of(&long(60), Action::UnitTest), 512),
            refuses("fit", &["The question has ", "context of 512"]),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_to_work_on_is_refused_and_never_put_at_the_top() {
    let nothing = |advice: &str| refuses("empty", &[advice]);
    let file = |text: &str, action| Scene::new("a.py", text, action).writes("x = 1");
    check_unasked(vec![
        ("an empty file", file("$0", Action::Refactor), nothing("There is no code at this place")),
        (
            "an empty file, all of it selected",
            file("$0$0", Action::Edit).asks("Add x."),
            nothing("There is no code"),
        ),
        ("a file of blank lines", file("\n\n$0\n", Action::Refactor), nothing("Put the cursor into")),
        (
            "between two functions",
            file("def a():\n    pass\n\n$0\n\ndef b():\n    pass\n", Action::Refactor),
            nothing("select some lines"),
        ),
        (
            "blank lines selected",
            file("a = 1\n$0\n   \n\n$0b = 2\n", Action::Edit).asks("Add c."),
            nothing("Only blank lines are selected"),
        ),
        (
            "a blank line selected to be explained",
            file("a = 1\n$0   $0\nb = 2\n", Action::Explain),
            nothing("Only blank lines"),
        ),
        (
            "no instruction",
            rust(Action::Edit).asks("  \n ").writes(BETTER),
            nothing("There is no instruction"),
        ),
        (
            "imports to be documented",
            file("import os$0\n\n\nx = 1\n", Action::Document),
            nothing("There is no code"),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn secret_and_ignored_files_are_not_shown_to_a_model() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(".gitignore"), "made/\n").expect("written");
    std::fs::write(folder.path().join(".codesageignore"), "private.py\n").expect("written");
    let mut settings = Settings::default();
    settings.context.ignore = vec!["*.gen.py".into()];
    let mut rows: Vec<Row> = Vec::new();
    for (path, why) in [
        (".env", "holds secrets"),
        ("deploy/id_rsa", "holds secrets"),
        ("made/parser.py", "ignore file"),
        ("private.py", "ignore file"),
        ("tables.gen.py", "`context.ignore`"),
    ] {
        for action in [Action::Refactor, Action::Explain, Action::UnitTest] {
            let mut scene = Scene::new("a.py", "key$0 = 1\n", action).writes("key = 2");
            (scene.root, scene.path) = (folder.path().to_path_buf(), path.to_owned());
            scene.settings = settings.clone();
            rows.push((path, scene, refuses("outside", &[why, "not shown to a model"])));
        }
    }
    check_unasked(rows).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_model_it_says_what_to_do() {
    let with = |model| {
        let mut scene = rust(Action::Refactor).writes(BETTER);
        scene.model = Some(model);
        scene
    };
    let failed = "The file `m.gguf` ends after 12 bytes. Download it again.";
    check_unasked(vec![
        ("none", with(ModelState::Unloaded), refuses("model", &["`model.path`"])),
        (
            "still loading",
            with(ModelState::Loading { fraction: 0.4 }),
            refuses("model", &["still loading", "try again"]),
        ),
        (
            "failed",
            with(ModelState::Failed(failed.into())),
            refuses("model", &["m.gguf", "Download it again"]),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_half_way_changes_nothing() {
    let fails = |error| {
        let script = Script { error: Some(error), ..Script::text(BETTER) };
        python(Action::Refactor).script(script)
    };
    let too_long = EngineError::PromptTooLong { prompt: 3000, answer: 500, context: 2048 };
    check([
        (
            "llama.cpp fails",
            fails(EngineError::Decode("no KV slot".into())),
            refuses("model", &["no KV slot", "Nothing was changed"]),
        ),
        ("the engine stops", fails(EngineError::Stopped), refuses("model", &["The engine has stopped"])),
        ("the prompt does not fit after all", fails(too_long), refuses("fit", &["3000", "2048"])),
    ])
    .await;
}
