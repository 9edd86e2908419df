//! Editors that answer oddly, late, twice or never, and names that must be the same wherever they are seen.

use std::time::Duration;

use codesage::engine::scripted::Script;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::editor::{CHANGED, Editor, TEXT, TWO, URI, client, endless, plain};

/// What an editor says of an edit counts for nothing; what the document then holds counts.
#[tokio::test(start_paused = true)]
async fn only_the_text_tells_whether_an_edit_was_made() {
    // The answer: a result or an error; and the words that are said where nothing came of it.
    let error = json!({ "error": { "code": -32603, "message": "cannot" } });
    let result = |value: Value| json!({ "result": value });
    let cases = [
        (result(json!(null)), "no answer to it"),
        (result(json!("yes")), "no answer to it"),
        (result(json!({ "applied": "yes" })), "no answer to it"),
        (result(json!([])), "no answer to it"),
        (result(json!({ "applied": true })), "it says that it did"),
        (result(json!({ "applied": false })), "it gave no reason"),
        (error, "answered with an error"),
    ];
    for (answer, words) in cases {
        // Whether the text comes before the answer, after it, or not at all.
        for text in ["before", "after", "never"] {
            let mut editor = Editor::start(plain()).await;
            editor.server.backend.say(Script::text(TWO));
            let id = editor.ask("codesage.refactor", editor.at("let sum")).await;
            let request = editor.server.expect("workspace/applyEdit").await;
            let mut reply = json!({ "jsonrpc": "2.0", "id": request["id"] });
            super::editor::merge(&mut reply, answer.clone());
            if text == "before" {
                editor.make(&request["params"]["edit"]).await;
            }
            // Twice, as no editor should.
            editor.server.send(&[reply.clone(), reply]).await;
            let is_no = ["it gave no reason", "answered with an error"].contains(&words);
            if text == "after" && !is_no {
                editor.make(&request["params"]["edit"]).await;
            }
            let result = editor.result(id).await;
            let message = result["message"].as_str().unwrap_or_default().to_owned();
            // Who says no is believed at once, and can still be found to have done it.
            if text == "after" && is_no {
                editor.make(&request["params"]["edit"]).await;
            }
            let refused = text == "never" || text == "after" && is_no;
            assert_eq!(
                result["outcome"],
                if refused { "refused" } else { "applied" },
                "{answer} {text}: {result}"
            );
            if refused {
                assert!(message.contains(words), "{answer} {text}: {message}");
                assert!(editor.message().await.contains(words));
            }
            if text != "never" {
                assert_eq!(editor.text, CHANGED);
                editor.until_applied().await;
                let id = editor.ask("codesage.undo", json!(null)).await;
                editor.obey().await;
                assert_eq!(editor.result(id).await["outcome"], "applied", "{answer} {text}");
                assert_eq!(editor.text, TEXT);
            }
            editor.server.finish().await;
        }
    }
}

/// The text comes when nobody waits for it any more: it counts, and can be taken back.
#[tokio::test(start_paused = true)]
async fn an_edit_that_is_made_after_all_can_be_taken_back() {
    let mut editor = Editor::start(plain()).await;
    editor.server.backend.say(Script::text(TWO));
    let id = editor.ask("codesage.refactor", editor.at("let sum")).await;
    let request = editor.server.expect("workspace/applyEdit").await;
    let began = Instant::now();
    let result = editor.result(id).await;
    assert_eq!(result["outcome"], "refused", "{result}");
    assert!(began.elapsed() >= Duration::from_secs(15));
    assert!(editor.message().await.contains("gave no answer in 15 s"));
    editor.make(&request["params"]["edit"]).await;
    editor.server.answer(&request, json!({ "applied": true })).await;
    editor.until_applied().await;
    let id = editor.ask("codesage.undo", json!(null)).await;
    editor.obey().await;
    assert_eq!(editor.result(id).await["outcome"], "applied");
    assert_eq!(editor.text, TEXT);
    editor.server.finish().await;
}

/// Whatever becomes of the question for a progress, the action goes its way.
#[tokio::test(start_paused = true)]
async fn a_progress_that_nobody_agrees_to_holds_nothing_up() {
    for answer in
        [None, Some(json!({ "error": { "code": 1, "message": "no" } })), Some(json!({ "result": 7 }))]
    {
        let profile =
            client(json!({ "documentChanges": true }), json!({ "window": { "workDoneProgress": true } }));
        let mut editor = Editor::start(profile).await;
        editor.server.backend.say(Script::text(TWO).slowly(Duration::from_millis(1)));
        let began = Instant::now();
        let id = editor.ask("codesage.refactor", editor.at("let sum")).await;
        let create = editor.server.expect("window/workDoneProgress/create").await;
        if let Some(answer) = &answer {
            let mut reply = json!({ "jsonrpc": "2.0", "id": create["id"] });
            super::editor::merge(&mut reply, answer.clone());
            editor.server.send(&[reply]).await;
        }
        editor.obey().await;
        let result = editor.result(id).await;
        assert_eq!(result["outcome"], "applied", "{answer:?}: {result}");
        assert!(began.elapsed() < Duration::from_secs(1), "{answer:?}: {:?}", began.elapsed());
        if answer.is_none() {
            // It is agreed to when all is over: what Helix shows from then on has to end.
            editor.server.answer(&create, json!(null)).await;
        }
        let shown = answer.as_ref().is_none_or(|answer| answer.get("result").is_some());
        while shown && editor.server.expect("$/progress").await["params"]["value"]["kind"] != "end" {}
        // `finish` finds a progress that nobody agreed to.
        editor.server.finish().await;
    }
}

/// The person works on while the model writes.
#[tokio::test(start_paused = true)]
async fn what_the_person_does_meanwhile() {
    for what in ["types elsewhere", "types there", "renames", "closes"] {
        let mut editor = Editor::start(plain()).await;
        editor.server.backend.say(Script::text(TWO).slowly(Duration::from_millis(60)));
        let id = editor.ask("codesage.refactor", editor.at("let sum")).await;
        editor.server.until(|server| !server.backend.instructs().is_empty()).await;
        match what {
            "types elsewhere" => {
                editor.text.insert_str(0, "// first\n");
                editor.told().await;
                editor.obey().await;
                assert_eq!(editor.text, format!("// first\n{CHANGED}"));
            }
            "types there" => {
                editor.text = editor.text.replace("1 + 1", "1 + 2");
                editor.told().await;
            }
            "renames" => {
                let new = URI.replace("numbers", "sums");
                let files = json!({ "files": [{ "oldUri": URI, "newUri": new }] });
                editor.close().await;
                editor.server.open(&new, "rust", TEXT).await;
                editor.server.notify("workspace/didRenameFiles", files).await;
            }
            _ => editor.close().await,
        }
        let result = editor.result(id).await;
        let (outcome, guard) = match what {
            "types elsewhere" => ("applied", json!(null)),
            "types there" => ("refused", json!("stale")),
            _ => ("cancelled", json!(null)),
        };
        assert_eq!((&result["outcome"], &result["guard"]), (&json!(outcome), &guard), "{what}: {result}");
        if outcome == "refused" {
            editor.message().await;
        }
        editor.server.finish().await;
    }
}

/// One name for an action, from the first word of it to its undo.
#[tokio::test(start_paused = true)]
async fn an_action_has_one_name() {
    let mut profile = plain();
    profile["initializationOptions"] = json!({ "codesage": { "notify": ["stream"] } });
    let mut editor = Editor::start(profile).await;
    for end in ["cancel", "undo"] {
        // What is cancelled must still be at work.
        let said = if end == "cancel" { endless() } else { TWO.to_owned() };
        editor.server.backend.say(Script::text(&said).slowly(Duration::from_millis(20)));
        let id = editor.ask("codesage.refactor", editor.at("let sum")).await;
        let name = editor.server.expect("codesage/stream").await["params"]["id"].clone();
        if end == "cancel" {
            // A suggestion has a name of its own.
            assert_eq!(editor.call("codesage.cancel", json!({ "id": "x" })).await["cancelled"], 0);
            assert_eq!(editor.call("codesage.cancel", json!({ "id": name })).await["cancelled"], 1);
        } else {
            editor.obey().await;
        }
        let result = editor.result(id).await;
        assert_eq!(result["id"], name, "{result}");
        while editor.server.expect("codesage/stream").await["params"]["kind"] != "end" {}
        if end == "undo" {
            let id = editor.ask("codesage.undo", json!({ "id": name })).await;
            editor.obey().await;
            assert_eq!(editor.result(id).await["id"], name);
            assert_eq!(editor.text, TEXT);
        }
    }
    editor.server.finish().await;
}

/// Helix's cursor is a selection of one character, and it is in the function: that is what is rewritten.
#[tokio::test(start_paused = true)]
async fn a_cursor_that_is_a_selection_is_a_place() {
    for (name, whole) in [("helix", true), ("x", false)] {
        let mut profile = plain();
        profile["clientInfo"] = json!({ "name": name });
        let mut editor = Editor::start(profile).await;
        editor.server.backend.say(Script::text(TWO));
        let mut argument = editor.at("    let ");
        let character = argument["range"]["end"]["character"].as_u64().expect("a number");
        argument["range"]["end"]["character"] = json!(character + 1);
        let id = editor.ask("codesage.refactor", argument).await;
        let (_, outcome) = editor.until_reply(id).await;
        assert_eq!(editor.text == CHANGED, whole, "{name}: {outcome}: {}", editor.text);
        editor.server.finish().await;
    }
}

/// What a key can say: the name that the editor shows, and lines as people count them.
#[tokio::test(start_paused = true)]
async fn a_key_names_a_document_by_its_path() {
    // The argument; whether it finds the function that the model rewrites.
    let cases = [
        (json!({ "path": "src/numbers.rs", "lines": [6, 6] }), true),
        (json!({ "path": "/project/src/numbers.rs", "lines": [5, 8] }), true),
        (json!({ "lines": [6, 6] }), true),
        (json!({ "path": "src/others.rs", "lines": [6, 6] }), false),
    ];
    for (argument, is_found) in cases {
        let mut profile = plain();
        profile["rootUri"] = json!("file:///project");
        let mut editor = Editor::start(profile).await;
        editor.server.backend.say(Script::text(TWO));
        let id = editor.ask("codesage.refactor", argument.clone()).await;
        if is_found {
            editor.obey().await;
            assert_eq!(editor.result(id).await["outcome"], "applied", "{argument}");
            assert_eq!(editor.text, CHANGED, "{argument}");
        } else {
            assert!(editor.message().await.contains("src/others.rs is not open"), "{argument}");
            assert_eq!(editor.result(id).await["outcome"], "refused", "{argument}");
        }
        editor.server.finish().await;
    }
}
