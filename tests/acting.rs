//! Actions through the whole program with the real llama.cpp: from a command to the text that an editor has then, byte
//! for byte. The models are written here: their tokens are the pieces of the wanted answer, each leading to the next.
#![cfg(feature = "llama")]

#[path = "support/gguf.rs"]
mod gguf;
#[path = "support/process.rs"]
#[expect(dead_code, reason = "tests/whole.rs uses the rest")]
mod process;
#[cfg(target_os = "linux")]
#[path = "support/signals.rs"]
mod signals;
#[path = "support/tiny_model.rs"]
mod tiny_model;

use std::collections::BTreeMap;
#[cfg(target_os = "linux")]
use std::fs;
#[cfg(target_os = "linux")]
use std::path::Path;
#[cfg(target_os = "linux")]
use std::process::{Command, Output, Stdio};

use process::Process;
#[cfg(target_os = "linux")]
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tiny_model::TinyModel;

const RUST: &str = "fn one() -> u32 {\n    1\n}\n\nfn two() -> u32 {\n    let sum = 1 + 1;\n    sum\n}\n";
const PYTHON: &str = "def one():\n    return 1\n\n\ndef two():\n    total = 1 + 1\n    return total\n";

/// How a client takes edits.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Takes {
    Changes,
    Versioned,
    /// Versioned, and files may be created.
    Creations,
}

fn capabilities(takes: Takes) -> Value {
    let edit = match takes {
        Takes::Changes => json!({}),
        Takes::Versioned => json!({ "documentChanges": true }),
        Takes::Creations => json!({ "documentChanges": true, "resourceOperations": ["create"] }),
    };
    json!({
        "general": { "positionEncodings": ["utf-8"] },
        "workspace": { "applyEdit": true, "workspaceEdit": edit },
        "window": { "workDoneProgress": takes != Takes::Changes },
    })
}

/// An editor whose texts are what the server told it to make of them.
struct Editor {
    server: Process,
    workspace: TempDir,
    texts: BTreeMap<String, String>,
    /// Kinds of the progress that was shown, in order.
    progress: Vec<String>,
    /// The token of the model's own progress.
    loading: Value,
    _model: Option<TempDir>,
}

impl Editor {
    /// With a model that answers `said` after the text `after`; none: the one in the box.
    fn start(said: Option<(&str, &str)>, takes: Takes) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = said.map(|script| TinyModel::scripted(&[script]).write(folder.path()));
        let workspace = tempfile::tempdir().unwrap();
        let mut server = Process::spawn(path.as_deref());
        let root = url::Url::from_directory_path(workspace.path()).unwrap();
        let params = json!({ "processId": null, "rootUri": root, "capabilities": capabilities(takes) });
        assert!(server.call("initialize", params)["error"].is_null());
        server.notify("initialized", json!({}));
        assert_eq!(server.settled()["state"], "ready");
        Self {
            server,
            workspace,
            texts: BTreeMap::new(),
            progress: Vec::new(),
            loading: Value::Null,
            _model: Some(folder),
        }
    }

    fn uri(&self, name: &str) -> String {
        url::Url::from_file_path(self.workspace.path().join(name)).unwrap().into()
    }

    fn open(&mut self, name: &str, text: &str) {
        let path = self.workspace.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        let language = if name.ends_with(".py") { "python" } else { "rust" };
        let uri = self.uri(name);
        self.server.open(&uri, language, text);
        self.texts.insert(uri, text.to_owned());
    }

    /// Runs a command at the line of `needle`, doing what the server asks; its result.
    fn run(&mut self, command: &str, name: &str, needle: &str, more: Value) -> Value {
        let uri = self.uri(name);
        let before = &self.texts[&uri][..self.texts[&uri].find(needle).unwrap()];
        let line = before.matches('\n').count();
        let place = json!({ "line": line, "character": 0 });
        let mut argument =
            json!({ "textDocument": { "uri": uri }, "range": { "start": place, "end": place } });
        for (key, value) in more.as_object().into_iter().flatten() {
            argument[key] = value.clone();
        }
        let params = json!({ "command": command, "arguments": [argument] });
        let id = self.server.request("workspace/executeCommand", params);
        loop {
            let message = self.server.take(|message| {
                let is_reply = message["method"].is_null() && message["id"] == id;
                is_reply
                    || ["workspace/applyEdit", "$/progress"].iter().any(|name| message["method"] == *name)
            });
            match message["method"].as_str() {
                Some("workspace/applyEdit") => {
                    self.make(&message["params"]["edit"]);
                    let result = json!({ "applied": true });
                    self.server.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }));
                }
                Some(_) => self.see(&message),
                None => {
                    assert!(message["error"].is_null(), "{message}");
                    self.until_progress_ends();
                    return message["result"].clone();
                }
            }
        }
    }

    /// The order of a reply and of what is said beside it is nobody's promise.
    fn until_progress_ends(&mut self) {
        let count = |progress: &[String], kind| progress.iter().filter(|seen| *seen == kind).count();
        while count(&self.progress, "begin") > count(&self.progress, "end") {
            let message = self.server.take(|message| message["method"] == "$/progress");
            self.see(&message);
        }
    }

    /// Notes a progress, unless it is that of the model's loading.
    fn see(&mut self, message: &Value) {
        let (token, value) = (&message["params"]["token"], &message["params"]["value"]);
        if value["title"].as_str().is_some_and(|title| title.contains("model")) {
            self.loading = token.clone();
        }
        if *token != self.loading {
            self.progress.push(value["kind"].as_str().unwrap_or_default().to_owned());
        }
    }

    fn make(&mut self, edit: &Value) {
        let mut edits: Vec<(String, Value)> = Vec::new();
        for (uri, changes) in edit["changes"].as_object().into_iter().flatten() {
            edits.push((uri.clone(), changes.clone()));
        }
        for change in edit["documentChanges"].as_array().into_iter().flatten() {
            match change["kind"].as_str() {
                Some("create") => {
                    let uri = change["uri"].as_str().unwrap().to_owned();
                    assert!(self.texts.insert(uri, String::new()).is_none(), "created twice");
                }
                _ => edits
                    .push((change["textDocument"]["uri"].as_str().unwrap().into(), change["edits"].clone())),
            }
        }
        for (uri, changes) in edits {
            let is_open = self.texts.contains_key(&uri);
            let text = self.texts.entry(uri.clone()).or_default();
            let mut changes = changes.as_array().unwrap().clone();
            let byte = |text: &str, place: &Value| {
                let line = place["line"].as_u64().unwrap() as usize;
                let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
                start + place["character"].as_u64().unwrap() as usize
            };
            changes.sort_by_key(|change| std::cmp::Reverse(byte(text, &change["range"]["start"])));
            for change in changes {
                let [start, end] = ["start", "end"].map(|end| byte(text, &change["range"][end]));
                text.replace_range(start..end, change["newText"].as_str().unwrap());
            }
            let (text, version) = (text.clone(), 2);
            if is_open {
                self.server.notify(
                    "textDocument/didChange",
                    json!({ "textDocument": { "uri": uri, "version": version }, "contentChanges": [{ "text": text }] }),
                );
            }
        }
    }

    fn text(&self, name: &str) -> &str {
        self.texts.get(&self.uri(name)).map_or("", String::as_str)
    }
}

const EVERY: [Takes; 3] = [Takes::Changes, Takes::Versioned, Takes::Creations];

/// Rewrites: the command, what else it is told, what the model says, and the file afterwards.
#[test]
fn rewrites_are_exact_in_every_client() {
    let two = "fn two() -> u32 {\n    2\n}";
    let documented = "/// Gives two.\nfn two() -> u32 {\n    let sum = 1 + 1;\n    sum\n}";
    let head = "fn one() -> u32 {\n    1\n}\n\n";
    let cases = [
        ("codesage.refactor", json!({}), two),
        ("codesage.document", json!({}), documented),
        ("codesage.edit", json!({ "instruction": "return a constant" }), two),
        ("codesage.fix", json!({ "diagnostic": { "message": "unneeded variable" } }), two),
    ];
    for (command, more, answer) in cases {
        for takes in EVERY {
            let said = format!("{answer}\n<<<AI_EDIT_END>>>");
            let mut editor = Editor::start(Some(("\n", &said)), takes);
            editor.open("src/numbers.rs", RUST);
            let result = editor.run(command, "src/numbers.rs", "fn two", more.clone());
            assert_eq!(result["outcome"], "applied", "{command} {takes:?}: {result:#}");
            assert_eq!(editor.text("src/numbers.rs"), format!("{head}{answer}\n"), "{command} {takes:?}");
            let shown = if takes == Takes::Changes { vec![] } else { vec!["begin", "end"] };
            editor.progress.retain(|kind| kind != "report");
            assert_eq!(editor.progress, shown, "{command} {takes:?}");
            editor.server.finish();
        }
    }
}

#[test]
fn tests_go_where_they_belong_in_every_client() {
    let said = "two_is_two() {\n        assert_eq!(two(), 2);\n    }\n<<<AI_EDIT_END>>>";
    let expected = format!(
        "{RUST}\n#[cfg(test)]\nmod tests {{\n    use super::*;\n\n    #[test]\n    fn two_is_two() {{\n        assert_eq!(two(), 2);\n    }}\n}}\n"
    );
    for takes in EVERY {
        let mut editor = Editor::start(Some((" ", said)), takes);
        editor.open("src/numbers.rs", RUST);
        let result = editor.run("codesage.unitTest", "src/numbers.rs", "fn two", json!({}));
        assert_eq!(result["outcome"], "applied", "{takes:?}: {result:#}");
        assert_eq!(editor.text("src/numbers.rs"), expected, "{takes:?}");
        editor.server.finish();
    }
    for takes in EVERY {
        let mut editor = Editor::start(Some(("o", "():\n    assert two() == 2\n<<<AI_EDIT_END>>>")), takes);
        editor.open("numbers.py", PYTHON);
        let result = editor.run("codesage.unitTest", "numbers.py", "def two", json!({}));
        assert_eq!(result["outcome"], "applied", "{takes:?}: {result:#}");
        assert_eq!(editor.text("numbers.py"), PYTHON);
        let test = "from numbers import two\n\n\ndef test_two():\n    assert two() == 2\n";
        assert_eq!(editor.text("tests/test_numbers.py"), test, "{takes:?}");
        editor.server.finish();
    }
}

#[test]
fn prose_comes_as_prose() {
    for command in ["codesage.explain", "codesage.review"] {
        let mut editor = Editor::start(Some(("\n", "It adds `1 + 1` and gives the sum.")), Takes::Versioned);
        editor.open("src/numbers.rs", RUST);
        let result = editor.run(command, "src/numbers.rs", "fn two", json!({}));
        assert_eq!(result["outcome"], "answer", "{command}: {result:#}");
        assert_eq!(result["markdown"], "It adds `1 + 1` and gives the sum.");
        assert_eq!(editor.text("src/numbers.rs"), RUST);
        if command == "codesage.review" {
            let shown = editor.server.take(|message| message["method"] == "textDocument/publishDiagnostics");
            let found = &shown["params"]["diagnostics"][0];
            assert_eq!(
                (&found["source"], &found["range"]["start"]),
                (&json!("codesage"), &json!({ "line": 5, "character": 14 }))
            );
        }
        editor.server.finish();
    }
}

/// What the model in the box is able to do is measured elsewhere; here, that whatever it says ends in one of the
/// outcomes, and that the text is as the outcome says.
#[test]
fn the_model_in_the_box_does_or_says_why_not() {
    for command in ["codesage.document", "codesage.refactor", "codesage.unitTest", "codesage.explain"] {
        let mut editor = Editor::start(None, Takes::Versioned);
        editor.open("src/numbers.rs", RUST);
        let result = editor.run(command, "src/numbers.rs", "fn two", json!({}));
        let outcome = result["outcome"].as_str().unwrap();
        match outcome {
            "applied" => assert_ne!(editor.text("src/numbers.rs"), RUST, "{command}: {result:#}"),
            "preview" | "refused" => {
                assert!(
                    !result["message"].as_str().unwrap().is_empty() && result["guard"].is_string(),
                    "{result:#}"
                );
                assert_eq!(editor.text("src/numbers.rs"), RUST, "{command}");
            }
            "answer" => assert_eq!(command, "codesage.explain"),
            _ => panic!("{command}: {result:#}"),
        }
        assert!(result["stats"]["generatedTokens"].as_u64().unwrap() > 0, "{command}: {result:#}");
        editor.server.finish();
    }
}

/// How often a command is run that may be done before it is interrupted.
#[cfg(target_os = "linux")]
const PLAYED: usize = 20;

/// A command beside a file, told SIGINT as soon as it listens.
#[cfg(target_os = "linux")]
fn interrupted(arguments: &[&str], here: &Path) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(here.join("numbers.rs"), RUST).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_codesage"))
        .args(arguments)
        .arg("--model")
        .arg(TinyModel::slow().write(folder.path()))
        .current_dir(here)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("CODESAGE_STATE", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let listens = |status: &str| {
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask & 2 != 0)
    };
    let began = std::time::Instant::now();
    while !fs::read_to_string(format!("/proc/{}/status", child.id())).is_ok_and(|status| listens(&status))
        && child.try_wait().unwrap().is_none()
    {
        assert!(began.elapsed() < process::DEADLINE, "it never listens");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    if child.try_wait().unwrap().is_none() {
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(id, Signal::INT).unwrap();
    }
    child.wait_with_output().unwrap()
}

/// In a shell: what was asked for is taken back, at once and whole, and what is said of it is true.
#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_stops_the_tokens_and_writes_nothing() {
    if signals::is_ignored(Signal::INT) {
        eprintln!("not tried: SIGINT is ignored here");
        return;
    }
    let edit = ["edit", "numbers.rs:5", "--instruction", "use a constant", "--apply", "--json"];
    for (arguments, said) in [
        (&edit[..], "codesage: interrupted; nothing was written\n"),
        (&["explain", "numbers.rs:5"], "codesage: interrupted\n"),
    ] {
        let here = tempfile::tempdir().unwrap();
        // Again, where it was done before the signal came.
        let outputs = std::iter::repeat_with(|| interrupted(arguments, here.path()));
        let output = outputs.take(PLAYED).find(|output| output.status.code() == Some(130));
        let output = output.expect("it is interrupted");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.ends_with(said), "{told}");
        if arguments[0] == "edit" {
            let object: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(
                (&object["outcome"], &object["diff"]),
                (&json!("cancelled"), &Value::Null),
                "{object:#}"
            );
        }
        assert_eq!(fs::read_to_string(here.path().join("numbers.rs")).unwrap(), RUST);
        assert_eq!(fs::read_dir(here.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
