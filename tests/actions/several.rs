//! Edits of several files: shown or confirmed first, made in each form that a client takes, made in part, declined, and
//! taken back whole.

use codesage::engine::scripted::{Script, ScriptedBackend};
use serde_json::{Value, json};

use super::editor::{Editor, TWO, client};
use super::server::TestServer;

const A: &str = "fn price() -> u32 {\n    cents()\n}\n";
const B: &str = "pub fn cents() -> u32 {\n    10\n}\n";
const A_AFTER: &str = "fn price() -> u32 {\n    cents() + 1\n}\n";
const B_AFTER: &str = "pub fn cents() -> u32 {\n    100\n}\n";
const NEW: &str = "mod a;\nmod b;\n";

/// The answer of a model that changes two files, and makes a third.
fn answer(with_new: bool) -> String {
    let hunk = |path: &str, before: &str, after: &str| {
        format!(
            "<<<AI_EDIT_START>>>\nFILE: {path}\n<<<AI_SEARCH>>>\n{before}\n<<<AI_REPLACE>>>\n{after}\n<<<AI_EDIT_END>>>\n"
        )
    };
    let new = format!("<<<AI_EDIT_START>>>\nFILE: src/lib.rs\nOP: create\n{NEW}<<<AI_EDIT_END>>>\n");
    let answer = hunk("src/a.rs", "    cents()", "    cents() + 1")
        + &hunk("src/b.rs", "    10", "    100")
        + if with_new { &new } else { "" };
    // The first words are the prompt's.
    answer.strip_prefix("<<<AI_EDIT_START>>>\nFILE:").expect("it begins so").to_owned()
}

/// Two files that are open, in a folder that is on the disk.
struct Files {
    server: TestServer,
    folder: tempfile::TempDir,
    texts: Vec<(String, String)>,
    version: i64,
}

impl Files {
    async fn start(edit: Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = std::fs::canonicalize(folder.path()).expect("a path");
        std::fs::create_dir_all(root.join("src")).expect("a folder");
        let url = |path: &std::path::Path| url::Url::from_file_path(path).expect("a URL").to_string();
        let mut profile = client(edit, json!({}));
        profile["rootUri"] = json!(url(&root));
        profile["initializationOptions"] = json!({ "edits": { "format": "files" } });
        let backend = ScriptedBackend::default();
        let mut server = TestServer::start_with(profile, backend).await;
        server.until_status("Normal").await;
        let mut texts = Vec::new();
        for (name, text) in [("a.rs", A), ("b.rs", B)] {
            let path = root.join("src").join(name);
            std::fs::write(&path, text).expect("a file");
            server.open(&url(&path), "rust", text).await;
            texts.push((url(&path), text.to_owned()));
        }
        Self { server, folder, texts, version: 1 }
    }

    async fn ask(&mut self, command: &str, argument: Value) -> i64 {
        let params = json!({ "command": command, "arguments": [argument] });
        self.server.request("workspace/executeCommand", params).await
    }

    async fn result(&mut self, id: i64) -> Value {
        let reply = self.server.reply(id).await;
        assert!(reply["error"].is_null(), "{reply}");
        reply["result"].clone()
    }

    /// Asks for the edit.
    async fn change(&mut self, with_new: bool) -> i64 {
        self.server.backend.say(Script::text(&answer(with_new)));
        let argument = json!({
            "textDocument": { "uri": self.texts[0].0 },
            "position": { "line": 1, "character": 4 },
            "instruction": "raise the prices in src/a.rs and src/b.rs",
        });
        self.ask("codesage.edit", argument).await
    }

    /// Makes the edit in the files whose names end so, and tells; not what is on the disk alone.
    async fn make(&mut self, edit: &Value, names: &[&str]) {
        for at in 0..self.texts.len() {
            let uri = self.texts[at].0.clone();
            if !names.iter().any(|name| uri.ends_with(name)) {
                continue;
            }
            let mut edits = edits_of(edit, &uri);
            edits.sort_by_key(|edit| std::cmp::Reverse(edit["range"]["start"]["line"].as_u64()));
            for edit in edits {
                let range = self.byte(at, &edit["range"]["start"])..self.byte(at, &edit["range"]["end"]);
                self.texts[at].1.replace_range(range, edit["newText"].as_str().expect("a text"));
            }
            self.version += 1;
            let params = json!({
                "textDocument": { "uri": uri, "version": self.version },
                "contentChanges": [{ "text": self.texts[at].1 }],
            });
            self.server.notify("textDocument/didChange", params).await;
        }
    }

    /// Everything here is ASCII.
    fn byte(&self, at: usize, position: &Value) -> usize {
        let number = |name: &str| position[name].as_u64().expect("a number") as usize;
        let text = &self.texts[at].1;
        let before: usize = text.split_inclusive('\n').take(number("line")).map(str::len).sum();
        before + number("character")
    }

    fn now(&self) -> [&str; 2] {
        [&self.texts[0].1, &self.texts[1].1]
    }

    async fn message(&mut self) -> String {
        let message = self.server.expect("window/showMessage").await;
        message["params"]["message"].as_str().expect("a text").to_owned()
    }
}

/// The text edits of one file, in whichever form.
fn edits_of(edit: &Value, uri: &str) -> Vec<Value> {
    if let Some(edits) = edit.get("changes").and_then(|changes| changes.get(uri)) {
        return edits.as_array().expect("a list").clone();
    }
    let operations = edit["documentChanges"].as_array().into_iter().flatten();
    let own = operations.filter(|operation| operation["textDocument"]["uri"] == uri);
    own.flat_map(|operation| operation["edits"].as_array().cloned().unwrap_or_default()).collect()
}

fn annotated() -> Value {
    json!({ "documentChanges": true, "resourceOperations": ["create"], "changeAnnotationSupport": {} })
}

/// Where the client asks the person itself, it is asked to; elsewhere the change is shown first.
#[tokio::test(start_paused = true)]
async fn several_files_are_seen_before_they_are_changed() {
    let forms = [
        (json!(null), false),
        (json!({ "documentChanges": true }), false),
        (json!({ "documentChanges": true, "resourceOperations": ["create"] }), false),
        (annotated(), true),
    ];
    for (form, confirms) in forms {
        let mut files = Files::start(form.clone()).await;
        let id = files.change(true).await;
        let mut first = None;
        let id = if confirms {
            id
        } else {
            let result = files.result(id).await;
            assert_eq!(
                (&result["outcome"], &result["guard"]),
                (&json!("preview"), &json!("confirm")),
                "{result}"
            );
            assert!(files.message().await.contains("+    cents() + 1"));
            assert_eq!(files.now(), [A, B]);
            first = Some(result["id"].clone());
            files.ask("codesage.applyPreview", json!({ "id": result["id"] })).await
        };
        let request = files.server.expect("workspace/applyEdit").await;
        let edit = &request["params"]["edit"];
        let asks = edit.pointer("/changeAnnotations/codesage/needsConfirmation") == Some(&json!(true));
        assert_eq!(asks, confirms, "{form}: {edit}");
        files.make(edit, &["a.rs", "b.rs"]).await;
        // The third is made on the disk alone.
        std::fs::write(files.folder.path().join("src/lib.rs"), NEW).expect("a file");
        files.server.answer(&request, json!({ "applied": true })).await;
        let result = files.result(id).await;
        assert_eq!(result["outcome"], "applied", "{form}: {result}");
        assert!(first.is_none_or(|first| first == result["id"]));
        assert!(result["message"].as_str().is_some_and(|text| text.starts_with("Applied: ")), "{result}");
        assert_eq!(files.now(), [A_AFTER, B_AFTER], "{form}");

        // All of it is taken back, and nobody is asked twice.
        let id = files.ask("codesage.undo", json!(null)).await;
        let request = files.server.expect("workspace/applyEdit").await;
        let edit = &request["params"]["edit"];
        assert_eq!(edit.get("changeAnnotations"), None, "{form}: {edit}");
        files.make(edit, &["a.rs", "b.rs"]).await;
        std::fs::write(files.folder.path().join("src/lib.rs"), "").expect("a file");
        files.server.answer(&request, json!({ "applied": true })).await;
        assert_eq!(files.result(id).await["outcome"], "applied", "{form}");
        assert_eq!(files.now(), [A, B], "{form}");
        files.server.finish().await;
    }
}

/// `edits.confirm = "always"`, by whichever way there is to see it first.
#[tokio::test(start_paused = true)]
async fn one_file_is_seen_first_where_the_person_wants_to() {
    for (form, confirms) in [(annotated(), true), (json!({ "documentChanges": true }), false)] {
        let mut profile = client(form.clone(), json!({}));
        profile["initializationOptions"] = json!({ "edits": { "confirm": "always" } });
        let mut editor = Editor::start(profile).await;
        editor.server.backend.say(Script::text(TWO));
        let id = editor.ask("codesage.refactor", editor.at("let sum")).await;
        if confirms {
            let asked = editor.obey().await;
            let annotation = asked.pointer("/edit/changeAnnotations/codesage");
            assert_eq!(annotation, Some(&json!({ "label": "Refactor two", "needsConfirmation": true })));
        } else {
            editor.message().await;
        }
        let outcome = if confirms { "applied" } else { "preview" };
        assert_eq!(editor.result(id).await["outcome"], outcome, "{form}");
        editor.server.finish().await;
    }
}

/// The person says no in the client's own panel: nothing is changed, and the change waits.
#[tokio::test(start_paused = true)]
async fn a_confirmation_that_is_declined_loses_nothing() {
    let mut files = Files::start(annotated()).await;
    let id = files.change(false).await;
    let request = files.server.expect("workspace/applyEdit").await;
    files.server.answer(&request, json!({ "applied": false })).await;
    let result = files.result(id).await;
    assert_eq!(result["outcome"], "refused", "{result}");
    files.message().await;
    assert_eq!(files.now(), [A, B]);
    let nothing = files.ask("codesage.undo", json!(null)).await;
    assert_eq!(files.result(nothing).await["outcome"], "refused");
    files.message().await;
    // Asked for by name, it is made without another question.
    let id = files.ask("codesage.applyPreview", json!({ "id": result["id"] })).await;
    let request = files.server.expect("workspace/applyEdit").await;
    assert_eq!(request["params"]["edit"].get("changeAnnotations"), None);
    files.make(&request["params"]["edit"], &["a.rs", "b.rs"]).await;
    files.server.answer(&request, json!({ "applied": true })).await;
    assert_eq!(files.result(id).await["outcome"], "applied");
    assert_eq!(files.now(), [A_AFTER, B_AFTER]);
    files.server.finish().await;
}

/// The person leaves one file out, or the client manages only one: what was changed is said, and can be taken back.
#[tokio::test(start_paused = true)]
async fn an_edit_that_is_made_in_part_is_named_and_taken_back() {
    for answer in [json!({ "applied": true }), json!({ "applied": false }), json!(null)] {
        let mut files = Files::start(annotated()).await;
        let id = files.change(false).await;
        let request = files.server.expect("workspace/applyEdit").await;
        files.make(&request["params"]["edit"], &["b.rs"]).await;
        files.server.answer(&request, answer.clone()).await;
        let result = files.result(id).await;
        assert_eq!(result["outcome"], "refused", "{answer}: {result}");
        let message = result["message"].as_str().unwrap_or_default();
        assert!(
            message.contains("only `src/b.rs`") && message.contains("not `src/a.rs`"),
            "{answer}: {message}"
        );
        files.message().await;
        assert_eq!(files.now(), [A, B_AFTER]);
        let id = files.ask("codesage.undo", json!(null)).await;
        let request = files.server.expect("workspace/applyEdit").await;
        files.make(&request["params"]["edit"], &["a.rs", "b.rs"]).await;
        files.server.answer(&request, json!({ "applied": true })).await;
        assert_eq!(files.result(id).await["outcome"], "applied", "{answer}");
        assert_eq!(files.now(), [A, B], "{answer}");
        files.server.finish().await;
    }
}

/// vim-lsp tells its changes one by one, each seconds later: what comes late belongs to the edit.
#[tokio::test(start_paused = true)]
async fn the_rest_of_an_edit_may_come_late() {
    let mut files = Files::start(annotated()).await;
    let id = files.change(false).await;
    let request = files.server.expect("workspace/applyEdit").await;
    files.make(&request["params"]["edit"], &["b.rs"]).await;
    files.server.answer(&request, json!({ "applied": true })).await;
    assert_eq!(files.result(id).await["outcome"], "refused");
    files.message().await;
    files.make(&request["params"]["edit"], &["a.rs"]).await;
    assert_eq!(files.now(), [A_AFTER, B_AFTER]);
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    let id = files.ask("codesage.undo", json!(null)).await;
    let request = files.server.expect("workspace/applyEdit").await;
    files.make(&request["params"]["edit"], &["a.rs", "b.rs"]).await;
    files.server.answer(&request, json!({ "applied": true })).await;
    assert_eq!(files.result(id).await["outcome"], "applied");
    assert_eq!(files.now(), [A, B]);
    files.server.finish().await;
}

/// One file was typed into since: none is taken back. An undo that the editor does not make can be asked for again.
#[tokio::test(start_paused = true)]
async fn an_undo_takes_back_all_or_nothing() {
    let mut files = Files::start(json!({ "documentChanges": true })).await;
    let id = files.change(false).await;
    let result = files.result(id).await;
    files.message().await;
    let id = files.ask("codesage.applyPreview", json!({ "id": result["id"] })).await;
    let request = files.server.expect("workspace/applyEdit").await;
    files.make(&request["params"]["edit"], &["a.rs", "b.rs"]).await;
    files.server.answer(&request, json!({ "applied": true })).await;
    assert_eq!(files.result(id).await["outcome"], "applied");

    let typed = |text: &str| json!([{ "text": text }]);
    for (text, version) in [(format!("{B_AFTER}// typed\n"), 10), (B_AFTER.to_owned(), 11)] {
        let params = json!({
            "textDocument": { "uri": files.texts[1].0, "version": version },
            "contentChanges": typed(&text),
        });
        files.server.notify("textDocument/didChange", params).await;
        if version == 10 {
            let id = files.ask("codesage.undo", json!(null)).await;
            let refused = files.result(id).await;
            assert_eq!(
                (&refused["outcome"], &refused["guard"]),
                (&json!("refused"), &json!("stale")),
                "{refused}"
            );
            assert!(files.message().await.contains("`src/b.rs`"));
        }
    }
    let id = files.ask("codesage.undo", json!(null)).await;
    let request = files.server.expect("workspace/applyEdit").await;
    files.server.answer(&request, json!({ "applied": false, "failureReason": "busy" })).await;
    assert_eq!(files.result(id).await["outcome"], "refused");
    files.message().await;
    let id = files.ask("codesage.undo", json!(null)).await;
    let request = files.server.expect("workspace/applyEdit").await;
    files.make(&request["params"]["edit"], &["a.rs", "b.rs"]).await;
    files.server.answer(&request, json!({ "applied": true })).await;
    assert_eq!(files.result(id).await["outcome"], "applied");
    assert_eq!(files.now(), [A, B]);
    files.server.finish().await;
}
