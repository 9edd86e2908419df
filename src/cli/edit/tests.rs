//! `codesage edit` with a model that says what it is told: what is printed, written, noted, and how it ends.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::assist::journal;
use crate::cli::Arguments;
use crate::config::{Layers, Settings};
use crate::engine::scripted::{Script, ScriptedBackend};
use crate::engine::{Backend, ModelState};

const TEXT: &str = "fn one() -> u32 {\n    1\n}\n\nfn two() -> u32 {\n    1 + 1\n}\n";
const ANSWER: &str = "fn two() -> u32 {\n    2\n}\n<<<AI_EDIT_END>>>\n";

/// A folder with `a.rs`, and one for the journal.
struct Desk {
    folder: TempDir,
    state: TempDir,
}

/// What is seen of a run.
struct Seen {
    printed: String,
    code: i32,
    said: String,
}

impl Desk {
    fn new(text: &str) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap() };
        fs::write(desk.file("a.rs"), text).unwrap();
        desk
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file("a.rs")).unwrap()
    }

    /// Runs `codesage edit PLACE ARGUMENTS` with a model that says this.
    fn run(&self, place: &str, arguments: &[&str], said: &str) -> Seen {
        let backend = ScriptedBackend::default();
        backend.always(Script::text(said));
        self.run_with(place, arguments, backend, || {})
    }

    /// `meanwhile` happens when the model is started: the file was read, and is not yet written.
    fn run_with(
        &self,
        place: &str,
        arguments: &[&str],
        backend: ScriptedBackend,
        meanwhile: impl FnOnce() + 'static,
    ) -> Seen {
        let place = self.file(place);
        let line = ["codesage", "edit", place.to_str().unwrap()].into_iter().chain(arguments.iter().copied());
        let parsed = Arguments::try_parse_from(line).unwrap();
        let Some(crate::cli::Command::Edit(options)) = parsed.command else { panic!("an edit") };
        let output = tempfile::NamedTempFile::new().unwrap();
        let session = Session {
            layers: Layers::new(Some("/nonexistent".into())),
            settings: Settings::default(),
            output: File::from(output.as_file().as_fd().try_clone_to_owned().unwrap()),
        };
        let start = |_: &Settings| -> Arc<dyn Backend> {
            meanwhile();
            Arc::new(backend)
        };
        let machine = Machine { start: Box::new(start), state: Some(self.state.path().into()) };
        let outcome = edit(session, options, machine);
        let (code, said) = outcome.map_or_else(Failure::end, |()| (0, String::new()));
        Seen { printed: fs::read_to_string(output.path()).unwrap(), code, said }
    }

    /// What the journal holds: outcome and guard.
    fn journal(&self) -> Vec<(journal::Outcome, Option<String>)> {
        let records = journal::read(self.state.path(), 100, "").unwrap().records;
        records.into_iter().map(|record| (record.outcome, record.guard)).collect()
    }
}

const TWO: &[&str] = &["--instruction", "use a constant"];
const APPLY: &[&str] = &["--instruction", "use a constant", "--apply"];

#[test]
fn a_change_is_shown_or_written() {
    let changed = TEXT.replace("1 + 1", "2");
    let desk = Desk::new(TEXT);
    let seen = desk.run("a.rs:5", TWO, ANSWER);
    let difference =
        "--- a/a.rs\n+++ b/a.rs\n@@ -3,5 +3,5 @@\n }\n \n fn two() -> u32 {\n-    1 + 1\n+    2\n }\n";
    assert_eq!((seen.code, &*seen.printed, desk.text()), (0, difference, TEXT.to_owned()));
    let seen = desk.run("a.rs:5", &[TWO, &["--color", "always"]].concat(), ANSWER);
    assert!(seen.printed.contains("\n\x1b[32m+    2\x1b[0m\n"), "{}", seen.printed);
    let seen = desk.run("a.rs:5", APPLY, ANSWER);
    assert_eq!((seen.code, &*seen.printed, desk.text()), (0, "", changed));
    let kinds = [journal::Outcome::Preview, journal::Outcome::Preview, journal::Outcome::Applied];
    assert_eq!(desk.journal(), kinds.map(|kind| (kind, None)));
}

/// Whatever goes wrong, there is one object, and it says what.
#[test]
fn there_is_always_one_object() {
    let apply = "--apply";
    for (place, more, said, outcome, guard, code) in [
        ("a.rs:5", &[][..], ANSWER, "preview", None, 0),
        ("a.rs:5", &[apply], ANSWER, "applied", None, 0),
        ("a.rs:5", &[apply], "<<<AI_EDIT_END>>>\n", "refused", Some("empty"), 1),
        ("a.rs:5", &[], "fn two() -> u32 {\n<<<AI_EDIT_END>>>\n", "preview", Some("syntax"), 3),
        ("a.rs:5", &[apply], "fn two() -> u32 {\n<<<AI_EDIT_END>>>\n", "preview", Some("syntax"), 3),
        ("a.rs:99", &[apply], ANSWER, "failed", None, 1),
        ("b.rs", &[apply], ANSWER, "failed", None, 1),
    ] {
        let desk = Desk::new(TEXT);
        let seen = desk.run(place, &[TWO, more, &["--json"]].concat(), said);
        let object: Value = serde_json::from_str(&seen.printed).unwrap();
        assert_eq!(
            (object["outcome"].as_str(), object["guard"].as_str()),
            (Some(outcome), guard),
            "{object:#}"
        );
        assert_eq!(seen.code, code, "{object:#}");
        let is_told = object["message"].as_str().is_some_and(|message| seen.said.contains(message));
        assert!(code == 0 || is_told, "{object:#} {}", seen.said);
        assert_eq!(desk.text() == TEXT, outcome != "applied");
        // What did not come to the model is in no journal.
        assert_eq!(desk.journal().len(), usize::from(outcome != "failed"), "{object:#}");
    }
}

/// The file changes between its reading and its writing.
#[test]
fn what_happens_meanwhile_is_seen() {
    fn spoil(file: &Path) {
        fs::write(file, "fn two() {}\n").unwrap();
    }
    fn lock(file: &Path) {
        let mut mode = file.metadata().unwrap().permissions();
        mode.set_readonly(true);
        fs::set_permissions(file, mode).unwrap();
    }
    for (meanwhile, outcome, guard) in
        [(spoil as fn(&Path), "refused", Some("stale")), (lock, "failed", None)]
    {
        let desk = Desk::new(TEXT);
        let backend = ScriptedBackend::default();
        backend.always(Script::text(ANSWER));
        let file = desk.file("a.rs");
        let seen = desk.run_with("a.rs:5", &[APPLY, &["--json"]].concat(), backend, move || meanwhile(&file));
        let object: Value = serde_json::from_str(&seen.printed).unwrap();
        assert_eq!(
            (object["outcome"].as_str(), object["guard"].as_str()),
            (Some(outcome), guard),
            "{object:#}"
        );
        assert_eq!((seen.code, desk.text().contains("    2")), (1, false), "{object:#}");
        // In the same word.
        let noted = [(serde_json::from_value(object["outcome"].clone()).unwrap(), guard.map(str::to_owned))];
        assert_eq!(desk.journal(), noted);
        assert!(object["diff"].as_str().unwrap().contains("+    2\n"), "{object:#}");
    }
}

#[test]
fn a_model_that_cannot_be_loaded_is_a_refusal() {
    let desk = Desk::new(TEXT);
    let backend = ScriptedBackend::default();
    backend.set_state(ModelState::Failed("there is no file x.gguf; check the path".into()));
    let seen = desk.run_with("a.rs:5", &[APPLY, &["--json"]].concat(), backend, || {});
    let object: Value = serde_json::from_str(&seen.printed).unwrap();
    assert_eq!((seen.code, object["guard"].as_str()), (1, Some("model")), "{object:#}");
    assert!(seen.said.starts_with("model: ") && seen.said.contains("x.gguf"), "{}", seen.said);
    assert_eq!(desk.journal(), [(journal::Outcome::Refused, Some("model".into()))]);
}

/// Bytes that are not the region's stay, whatever they are.
#[test]
fn what_surrounds_an_edit_stays_byte_for_byte() {
    for text in [
        TEXT.replace('\n', "\r\n"),
        format!("\u{feff}{TEXT}"),
        TEXT.trim_end().to_owned(),
        format!("\u{feff}// größe 🦀\r\n{}", TEXT.replace('\n', "\r\n").trim_end()),
        TEXT.replace("    ", "\t"),
    ] {
        let desk = Desk::new(&text);
        let line = if text.contains("größe") { "a.rs:7" } else { "a.rs:6" };
        let seen = desk.run(line, APPLY, ANSWER);
        assert_eq!((seen.code, desk.text()), (0, text.replace("1 + 1", "2")), "{text:?}: {}", seen.said);
    }
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_stays() {
    let desk = Desk::new(TEXT);
    std::os::unix::fs::symlink("a.rs", desk.file("link.rs")).unwrap();
    let seen = desk.run("link.rs:5", APPLY, ANSWER);
    assert_eq!((seen.code, desk.text()), (0, TEXT.replace("1 + 1", "2")), "{}", seen.said);
    assert!(desk.file("link.rs").symlink_metadata().unwrap().is_symlink());
}

#[test]
fn a_recipe_goes_by_its_name() {
    let desk = Desk::new(TEXT);
    let actions = desk.file(".codesage/actions");
    fs::create_dir_all(&actions).unwrap();
    fs::write(actions.join("tidy.md"), "---\ntitle: Tidy\n---\nTidy {{ path }} up.").unwrap();
    fs::write(actions.join("say.md"), "---\ntitle: Say\nkind: prose\n---\nSay what it is.").unwrap();
    let seen = desk.run("a.rs:5", &["--action", "tidy", "--apply"], ANSWER);
    assert_eq!((seen.code, desk.text()), (0, TEXT.replace("1 + 1", "2")), "{}", seen.said);
    let seen = desk.run("a.rs:5", &["--action", "say"], "It is two.");
    assert_eq!((seen.code, &*seen.printed), (0, "It is two.\n"));
    let seen = desk.run("a.rs:5", &["--action", "unheard"], ANSWER);
    assert_eq!((seen.code, &*seen.printed), (2, ""));
    let known =
        "there is no action `unheard`: there are refactor, unitTest, document, fix, edit, and say, tidy in";
    assert!(seen.said.starts_with(known) && seen.said.ends_with(".codesage/actions"), "{}", seen.said);
}

/// Several files of one answer: shown first, and written together where that is asked for.
#[test]
fn several_files_are_written_together() {
    let desk = Desk::new(TEXT);
    fs::write(desk.file("codesage.toml"), "[edits]\nformat = \"files\"\n").unwrap();
    fs::write(desk.file("b.rs"), "fn three() -> u32 {\n    1 + 2\n}\n").unwrap();
    let hunk = |file: &str, from: &str, to: &str| {
        format!(" {file}\n<<<AI_SEARCH>>>\n    {from}\n<<<AI_REPLACE>>>\n    {to}\n<<<AI_EDIT_END>>>\n")
    };
    // The question holds the beginning of the first.
    let said = hunk("a.rs", "1 + 1", "2") + "<<<AI_EDIT_START>>>\nFILE:" + &hunk("b.rs", "1 + 2", "3");
    let words = ["--instruction", "in a.rs and b.rs, use constants", "--apply"];
    let seen = desk.run("a.rs", &words, &said);
    assert_eq!((seen.code, desk.text()), (3, TEXT.to_owned()), "{}", seen.said);
    let seen = desk.run("a.rs", &[&words[..], &["--anyway"]].concat(), &said);
    assert_eq!((seen.code, desk.text()), (0, TEXT.replace("1 + 1", "2")), "{}", seen.said);
    assert_eq!(fs::read_to_string(desk.file("b.rs")).unwrap(), "fn three() -> u32 {\n    3\n}\n");
}

#[test]
fn what_is_wrong_with_the_command_line_is_told() {
    for (line, part) in [
        ("a.py", "<--action <NAME>|--instruction <TEXT>>"),
        ("a.py --action edit", "--instruction <TEXT>"),
        ("a.py:0 --action fix", "where lines and columns count from 1"),
        ("a.py:3-1 --action fix", "line 3 comes after line 1"),
        ("a.py --action explain", "see `codesage explain`"),
        ("a.py --action fix --anyway", "--apply"),
        ("a.py --action fix --max-tokens 0", "expected a whole number from 1 to "),
        ("a.py --action \t", "there is nothing in it"),
        ("a.py --instruction \t", "there is nothing in it"),
    ] {
        let line = format!("codesage edit {line}");
        let error = Arguments::try_parse_from(line.split(' ')).unwrap_err();
        let told = error.to_string();
        assert!(error.exit_code() == 2 && told.contains(part), "{line}: {told}");
    }
}

/// What a signal means is told of what was asked for: an edit was not written; an explanation never is.
#[test]
fn an_end_by_a_signal_is_told_as_what_it_is() {
    for (by, code, said) in [
        (Interrupt::CtrlC, 130, "interrupted"),
        (Interrupt::Terminate, 143, "told to end"),
        (Interrupt::HangUp, 129, "the terminal was closed"),
    ] {
        assert_eq!(Failure::Interrupted(by, "").end(), (code, said.to_owned()));
        let line = ["codesage", "edit", "a.rs", "--action", "fix", "--json"];
        let Some(crate::cli::Command::Edit(options)) = Arguments::try_parse_from(line).unwrap().command
        else {
            panic!("an edit")
        };
        let output = tempfile::NamedTempFile::new().unwrap();
        let failure = tell(output.as_file(), &options, Ending::Cancelled(by), None).unwrap_err();
        assert_eq!(failure.end(), (code, format!("{said}; nothing was written")));
        let object: Value = serde_json::from_str(&fs::read_to_string(output.path()).unwrap()).unwrap();
        assert_eq!(object["outcome"], "cancelled");
    }
}
